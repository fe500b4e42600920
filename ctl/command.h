/* The table of all commands: from it come the parsing of arguments, --help,
 * usage and completion. */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include <stdbool.h>

enum call_flag {		/* a set */
	CALL_JSON = 1, CALL_YES = 2, CALL_ALL = 4, CALL_ERASE = 8, CALL_PASSWORD_STDIN = 16, CALL_RSA = 32, CALL_ED25519 = 64,
	CALL_LABEL = 128, CALL_FROM = 256, CALL_CLIENT = 512, CALL_IP = 1024, CALL_HELO = 2048	/* with a value */
};

/* One call of the program. */
struct call {
	const struct command *command;
	const char *config;	/* the file */
	char **words;		/* behind the command, without flags */
	int n_words;
	unsigned flags;		/* enum call_flag */
	const char *label, *from, *client, *ip, *helo;	/* the values of these flags; NULL without */
};

struct command {
	const char *noun, *verb;	/* "queue" "list"; verb "" where the noun is the command; "token add" is two words */
	const char *arguments, *help;
	unsigned flags;		/* that it takes */
	int least, most;	/* words */
	int (*run)(struct call *);	/* returns a sysexits code */
};

/* Reads the arguments and runs the command. */
int command_run(int argc, char **argv);

/* The configuration where none is named. */
const char *command_config(void);

/* What is said about a wrong call: the words and how it is written. Returns 64. */
int command_usage(const struct call *call, const char *why);

int run_serve(struct call *call);
int run_config(struct call *call);
int run_reload(struct call *call);
int run_refresh(struct call *call);
int run_stop(struct call *call);
int run_status(struct call *call);
int run_user_add(struct call *call);
int run_user_passwd(struct call *call);
int run_user_list(struct call *call);
int run_user_remove(struct call *call);
int run_user_disable(struct call *call);
int run_user_enable(struct call *call);
int run_token_add(struct call *call);
int run_token_list(struct call *call);
int run_token_revoke(struct call *call);
int run_alias_add(struct call *call);
int run_alias_list(struct call *call);
int run_alias_remove(struct call *call);
int run_alias_expand(struct call *call);
int run_queue_list(struct call *call);
int run_queue_show(struct call *call);
int run_queue_cat(struct call *call);
int run_queue_act(struct call *call);
int run_trace(struct call *call);
int run_why(struct call *call);
int run_dkim_keygen(struct call *call);
int run_dkim_list(struct call *call);
int run_dkim_rotate(struct call *call);
int run_explain(struct call *call);
int run_probe_spf(struct call *call);
int run_probe_dkim(struct call *call);
int run_probe_dmarc(struct call *call);
int run_dns_lookup(struct call *call);
int run_dns_site(struct call *call);
int run_completion(struct call *call);

#endif
