#include "ctl/command.h"

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/span.h"
#include "base/text.h"
#include "ctl/say.h"

#define ANY 1000	/* words: as many as one likes */

static const struct command commands[] = {
	{ "serve", "", "", "the server, in the foreground; logs to standard error", 0, 0, 0, run_serve },
	{ "reload", "", "", "take the configuration and all files anew", 0, 0, 0, run_reload },
	{ "stop", "", "", "finish what is under way, then end", 0, 0, 0, run_stop },
	{ "status", "", "", "what runs", CALL_JSON, 0, 0, run_status },
	{ "config", "check", "[FILE]", "is it right? 78 when not, with every error's place", CALL_JSON, 0, 1, run_config },
	{ "config", "show", "", "what it says, as it is understood; --all with defaults", CALL_JSON | CALL_ALL, 0, 0, run_config },
	{ "config", "explain", "NAME", "what an option or a section is for", CALL_JSON, 1, 1, run_config },
	{ "user", "add", "ADDRESS", "a new user with a password", CALL_PASSWORD_STDIN, 1, 1, run_user_add },
	{ "user", "passwd", "ADDRESS", "a new password", CALL_PASSWORD_STDIN, 1, 1, run_user_passwd },
	{ "user", "list", "", "all users", CALL_JSON, 0, 0, run_user_list },
	{ "user", "remove", "ADDRESS", "forget a user; mail that was delivered stays", CALL_YES, 1, 1, run_user_remove },
	{ "user", "disable", "ADDRESS", "take no mail for a user, and no login", 0, 1, 1, run_user_disable },
	{ "user", "enable", "ADDRESS", "take both again", 0, 1, 1, run_user_enable },
	{ "user", "token add", "ADDRESS", "a password for one device or program, shown once; --label says for which", CALL_LABEL, 1, 1, run_token_add },
	{ "user", "token list", "[ADDRESS]", "which there are", CALL_JSON, 0, 1, run_token_list },
	{ "user", "token revoke", "ADDRESS NAME", "it counts no more", 0, 2, 2, run_token_revoke },
	{ "alias", "add", "ADDRESS TARGET…", "mail to ADDRESS goes to the targets", 0, 2, ANY, run_alias_add },
	{ "alias", "list", "", "what `alias add` wrote", CALL_JSON, 0, 0, run_alias_list },
	{ "alias", "remove", "ADDRESS", "forget it", 0, 1, 1, run_alias_remove },
	{ "alias", "expand", "ADDRESS", "where mail to ADDRESS goes, aliases(5) files and all", CALL_JSON, 1, 1, run_alias_expand },
	{ "queue", "list", "[FILTER]", "messages that wait", CALL_JSON, 0, ANY, run_queue_list },
	{ "queue", "show", "ID", "one message with its recipients", CALL_JSON, 1, 1, run_queue_show },
	{ "queue", "cat", "ID", "the message itself", 0, 1, 1, run_queue_cat },
	{ "queue", "retry", "FILTER", "try again now", CALL_YES, 1, ANY, run_queue_act },
	{ "queue", "reroute", "FILTER", "ask anew where it leads (routes, DNS), and try now", CALL_YES, 1, ANY, run_queue_act },
	{ "queue", "hold", "FILTER", "keep until released", CALL_YES, 1, ANY, run_queue_act },
	{ "queue", "release", "FILTER", "let go again", CALL_YES, 1, ANY, run_queue_act },
	{ "queue", "bounce", "FILTER", "give up, and tell the sender", CALL_YES, 1, ANY, run_queue_act },
	{ "queue", "delete", "FILTER", "give up, and tell nobody; --erase overwrites it on the disk", CALL_YES | CALL_ERASE, 1, ANY, run_queue_act },
	{ "trace", "", "ID|ADDRESS|MESSAGE-ID", "the story of a message", CALL_JSON, 1, 1, run_trace },
	{ "why", "", "ID", "why it was refused, deferred, bounced or set aside", CALL_JSON, 1, 1, run_why },
	{ "dkim", "keygen", "DOMAIN", "the first keys of a domain, and the records to publish; without an option both kinds", CALL_RSA | CALL_ED25519 | CALL_JSON, 1, 1, run_dkim_keygen },
	{ "dkim", "list", "", "the keys that there are, and which of them sign", CALL_JSON, 0, 0, run_dkim_list },
	{ "dkim", "rotate", "DOMAIN", "new keys, which sign as soon as their records are seen; keys that were replaced before are removed", CALL_JSON, 1, 1, run_dkim_rotate },
	{ "explain", "", "ADDRESS", "where mail to ADDRESS would go, and why; for mail --from an address, of a --client", CALL_JSON | CALL_FROM | CALL_CLIENT, 1, 1, run_explain },
	{ "probe", "spf", "", "may --ip send for --from (or for --helo, without it)? Every step, and the result", CALL_JSON | CALL_IP | CALL_HELO | CALL_FROM, 0, 0, run_probe_spf },
	{ "probe", "dkim", "FILE", "what the signatures of a message say; - for standard input", CALL_JSON, 1, 1, run_probe_dkim },
	{ "probe", "dmarc", "FILE", "who vouches for the author of a message, and what would be done with it", CALL_JSON | CALL_IP | CALL_HELO | CALL_FROM, 1, 1, run_probe_dmarc },
	{ "dns", "lookup", "NAME [TYPE]", "what the running server finds in the DNS (A, AAAA, MX, TXT, CNAME, PTR, NS, TLSA)", CALL_JSON, 1, 2, run_dns_lookup },
	{ "dns", "site", "DOMAIN", "the hosts that take mail for a domain, in the order in which they are tried", CALL_JSON, 1, 1, run_dns_site },
	{ "completion", "bash", "", "completion for the shell, to be sourced", 0, 0, 0, run_completion },
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct {
	const char *name;
	unsigned flag;
	const char *value;	/* what stands behind it; NULL: nothing */
} flags[] = {
	{ "--json", CALL_JSON, NULL }, { "--yes", CALL_YES, NULL }, { "--all", CALL_ALL, NULL }, { "--erase", CALL_ERASE, NULL },
	{ "--password-stdin", CALL_PASSWORD_STDIN, NULL }, { "--rsa", CALL_RSA, NULL }, { "--ed25519", CALL_ED25519, NULL },
	{ "--label", CALL_LABEL, "LABEL" }, { "--from", CALL_FROM, "ADDRESS" }, { "--client", CALL_CLIENT, "IP" },
	{ "--ip", CALL_IP, "IP" }, { "--helo", CALL_HELO, "NAME" },
};
#define N_FLAGS (sizeof(flags) / sizeof(flags[0]))

/* ---- help ---------------------------------------------------------------- */

static void print_command(FILE *to, const struct command *c)
{
	(void)fprintf(to, "postrider %s%s%s%s%s", c->noun, c->verb[0] ? " " : "", c->verb, c->arguments[0] ? " " : "", c->arguments);
	for (size_t i = 0; i < N_FLAGS; i++)
		if (c->flags & flags[i].flag)
			(void)fprintf(to, flags[i].value ? " [%s %s]" : " [%s]", flags[i].name, flags[i].value);
	(void)fputc('\n', to);
}

static void print_help(FILE *to, const char *noun)
{
	if (!noun)
		(void)fputs("usage: postrider [-c FILE] COMMAND\n\n", to);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (noun && strcmp(commands[i].noun, noun) != 0)
			continue;
		(void)fputs("  ", to);
		print_command(to, &commands[i]);
		(void)fprintf(to, "        %s\n", commands[i].help);
	}
	if (!noun)
		(void)fputs("\nFILTER: to:*@example.net from:… state:held reason:… age>2h size>1MB tries>=3 id:…, or an id; all must hold.\n"
		    "More: postrider(1), postrider.conf(5).\n", to);
}

int command_usage(const struct call *call, const char *why)
{
	say("%s", why);
	(void)fputs("usage: ", stderr);
	print_command(stderr, call->command);
	return EX_USAGE;
}

int run_completion(struct call *call)
{
	(void)call;
	(void)puts("_postrider() {\n\tlocal word=${COMP_WORDS[COMP_CWORD]}\n\tcase ${COMP_WORDS[1]} in");
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (!commands[i].verb[0] || (i && strcmp(commands[i].noun, commands[i - 1].noun) == 0))
			continue;
		(void)printf("\t%s) COMPREPLY=($(compgen -W \"", commands[i].noun);
		for (size_t k = i; k < N_COMMANDS && strcmp(commands[k].noun, commands[i].noun) == 0; k++)
			(void)printf("%s ", commands[k].verb);
		(void)puts("\" -- \"$word\")) ;;");
	}
	(void)fputs("\t*) COMPREPLY=($(compgen -W \"", stdout);
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!i || strcmp(commands[i].noun, commands[i - 1].noun) != 0)
			(void)printf("%s ", commands[i].noun);
	(void)puts("\" -- \"$word\")) ;;\n\tesac\n}\ncomplete -F _postrider postrider");
	return EX_OK;
}

/* ---- finding ------------------------------------------------------------- */

/* How near a word must be to be suggested: a third of it may be wrong. */
static void nearest(const char *typed, const char *word, unsigned *least, const char **best)
{
	unsigned distance = text_distance(span_of_text(typed), span_of_text(word));

	if (distance < *least) {
		*least = distance;
		*best = word;
	}
}

/* noun: what stands before the word, with a blank; or nothing. */
static int unknown(const char *what, const char *noun, const char *typed, const char *best)
{
	if (best)
		say("there is no %s `%s%s`; did you mean `%s%s`?", what, noun, typed, noun, best);
	else
		say("there is no %s `%s%s`; `postrider --help` lists what there is", what, noun, typed);
	return EX_USAGE;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int unknown_verb(const char *noun, const char *verb)
{
	unsigned least = (unsigned)(strlen(verb) + 2) / 3 + 1;
	const char *best = NULL;
	char before[64];

	if (is_help(verb)) {
		print_help(stdout, noun);
		return EX_OK;
	}
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i].noun, noun) == 0)
			nearest(verb, commands[i].verb, &least, &best);
	(void)snprintf(before, sizeof before, "%s ", noun);
	return unknown("command", before, verb, best);
}

static int unknown_command(const char *noun, const char *verb, bool noun_is_known)
{
	unsigned least = (unsigned)(strlen(noun) + 2) / 3 + 1;
	const char *best = NULL;

	if (noun_is_known && verb)
		return unknown_verb(noun, verb);
	if (noun_is_known) {
		say("`%s` needs another word", noun);
		print_help(stderr, noun);
		return EX_USAGE;
	}
	for (size_t i = 0; i < N_COMMANDS; i++)
		nearest(noun, commands[i].noun, &least, &best);
	return unknown("command", "", noun, best);
}

/* How many words of the call are this command's name; 0 when they are not. */
static int words_of(const struct command *c, int n, char **words)
{
	const char *second = strchr(c->verb, ' ');
	size_t len = second ? (size_t)(second - c->verb) : strlen(c->verb);

	if (!c->verb[0])
		return 1;
	if (n < 2 || strlen(words[1]) != len || memcmp(words[1], c->verb, len) != 0)
		return 0;
	if (!second)
		return 2;
	return n > 2 && strcmp(words[2], second + 1) == 0 ? 3 : 0;
}

static const struct command *command_find(int n, char **words, bool *noun_is_known)
{
	*noun_is_known = false;
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(commands[i].noun, words[0]) != 0)
			continue;
		*noun_is_known = true;
		if (words_of(&commands[i], n, words))
			return &commands[i];
	}
	return NULL;
}

/* ---- arguments ----------------------------------------------------------- */

static int unknown_flag(const struct call *call, const char *typed)
{
	const char *best = NULL;
	unsigned least = (unsigned)(strlen(typed) + 2) / 3 + 1;

	for (size_t i = 0; i < N_FLAGS; i++)
		if (call->command->flags & flags[i].flag)
			nearest(typed, flags[i].name, &least, &best);
	(void)unknown("option", "", typed, best);
	(void)fputs("usage: ", stderr);
	print_command(stderr, call->command);
	return EX_USAGE;
}

static unsigned flag_find(const struct command *c, const char *word)
{
	for (size_t i = 0; i < N_FLAGS; i++)
		if ((c->flags & flags[i].flag) && strcmp(word, flags[i].name) == 0)
			return flags[i].flag;
	return 0;
}

/* Where the value of such a flag goes; NULL for one without. */
static const char **value_of(struct call *call, unsigned flag)
{
	switch (flag) {
	case CALL_LABEL: return &call->label;
	case CALL_FROM: return &call->from;
	case CALL_CLIENT: return &call->client;
	case CALL_IP: return &call->ip;
	case CALL_HELO: return &call->helo;
	default: return NULL;
	}
}

/* Flags may stand anywhere behind the command; `--` ends them. */
static int take_words(struct call *call, int argc, char **argv)
{
	bool has_flags = true;

	call->words = argv;
	for (int i = 0; i < argc; i++) {
		if (has_flags && strcmp(argv[i], "--") == 0) {
			has_flags = false;
		} else if (has_flags && strcmp(argv[i], "--help") == 0) {
			print_command(stdout, call->command);
			exit(EX_OK);
		} else if (has_flags && argv[i][0] == '-' && argv[i][1]) {
			unsigned flag = flag_find(call->command, argv[i]);

			if (!flag)
				return unknown_flag(call, argv[i]);
			call->flags |= flag;
			if (value_of(call, flag)) {
				if (i + 1 == argc)
					return command_usage(call, "the last option needs a value");
				*value_of(call, flag) = argv[++i];
			}
		} else {
			call->words[call->n_words++] = argv[i];
		}
	}
	if (call->n_words < call->command->least)
		return command_usage(call, "an argument is missing");
	if (call->n_words > call->command->most)
		return command_usage(call, "there are too many arguments");
	return EX_OK;
}

/* What stands before the command. Returns how many words it was, or -1 when all is done. */
static int take_globals(struct call *call, int argc, char **argv, int *status)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		bool is_config = strcmp(argv[i], "-c") == 0 || strcmp(argv[i], "--config") == 0;

		if (is_config && i + 1 < argc) {
			call->config = argv[++i];
		} else if (strncmp(argv[i], "--config=", 9) == 0) {
			call->config = argv[i] + 9;
		} else if (strcmp(argv[i], "--version") == 0) {
			(void)puts("postrider " VERSION);
			return -1;
		} else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			print_help(stdout, i + 1 < argc ? argv[i + 1] : NULL);
			return -1;
		} else if (is_config) {
			say("%s needs the name of a file behind it", argv[i]);
			*status = EX_USAGE;
			return -1;
		} else {
			say("`%s` is not understood here; before the command stand -c FILE, --help, --version", argv[i]);
			*status = EX_USAGE;
			return -1;
		}
	}
	return i;
}

const char *command_config(void)
{
	const char *environment = getenv("POSTRIDER_CONFIG");

	return environment && *environment ? environment : SYSCONFDIR "/postrider/postrider.conf";
}

int command_run(int argc, char **argv)
{
	struct call call = { .config = command_config() };
	int status = EX_OK, first = take_globals(&call, argc, argv, &status);
	bool noun_is_known;

	if (first < 0)
		return status;
	if (first == argc || strcmp(argv[first], "help") == 0) {
		print_help(first == argc ? stderr : stdout, first + 1 < argc ? argv[first + 1] : NULL);
		return first == argc ? EX_USAGE : EX_OK;
	}
	call.command = command_find(argc - first, argv + first, &noun_is_known);
	if (!call.command)
		return unknown_command(argv[first], first + 1 < argc ? argv[first + 1] : NULL, noun_is_known);
	first += words_of(call.command, argc - first, argv + first);
	status = take_words(&call, argc - first, argv + first);
	return status == EX_OK ? call.command->run(&call) : status;
}
