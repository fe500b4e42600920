/* What libopendkim says of the signatures of a message: the message on standard
 * input, and as arguments names of keys and their records, NAME RECORD …. A line
 * each on standard output: SELECTOR ALGORITHM pass, or … fail WHY. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include <opendkim/dkim.h>

static char **records;	/* names and records, NULL at the end */

static DKIM_CBSTAT look_up(DKIM *dkim, DKIM_SIGINFO *sig, u_char *buf, size_t len)
{
	char name[512];

	(void)dkim;
	snprintf(name, sizeof(name), "%s._domainkey.%s", (char *)dkim_sig_getselector(sig), (char *)dkim_sig_getdomain(sig));
	for (char **at = records; at[0] && at[1]; at += 2) {
		if (strcasecmp(at[0], name) != 0)
			continue;
		snprintf((char *)buf, len, "%s", at[1]);
		return DKIM_CBSTAT_CONTINUE;
	}
	return DKIM_CBSTAT_NOTFOUND;
}

static char *read_all(size_t *len)
{
	size_t room = 1 << 20;
	char *text = malloc(room);
	size_t n;

	*len = 0;
	while (text && (n = fread(text + *len, 1, room - *len, stdin)) > 0) {
		*len += n;
		if (*len == room)
			text = realloc(text, room *= 2);
	}
	if (!text)
		exit(70);
	return text;
}

static char *line_end(char *at, char *end)
{
	while (at + 1 < end && !(at[0] == '\r' && at[1] == '\n'))
		at++;
	return at + 1 < end ? at : end;
}

/* Gives the fields, without their line ends; returns where the body begins. */
static char *give_header(DKIM *dkim, char *at, char *end)
{
	while (at < end && at[0] != '\r') {
		char *stop = line_end(at, end);

		while (stop + 2 < end && (stop[2] == ' ' || stop[2] == '\t'))
			stop = line_end(stop + 2, end);
		(void)dkim_header(dkim, (u_char *)at, (size_t)(stop - at));
		at = stop + 2 < end ? stop + 2 : end;
	}
	return at + 2 < end ? at + 2 : end;
}

static void show(DKIM *dkim, DKIM_SIGINFO *sig)
{
	static const char *const algorithms[] = { "rsa-sha1", "rsa-sha256", "ed25519-sha256" };
	bool good = (dkim_sig_getflags(sig) & DKIM_SIGFLAG_PASSED) && dkim_sig_getbh(sig) == DKIM_SIGBH_MATCH;
	dkim_alg_t algorithm = DKIM_SIGN_UNKNOWN;

	(void)dkim;
	(void)dkim_sig_getsignalg(sig, &algorithm);
	printf("%s %s ", (char *)dkim_sig_getselector(sig), algorithm >= 0 && algorithm <= 2 ? algorithms[algorithm] : "unknown");
	if (good)
		printf("pass\n");
	else
		printf("fail %s%s\n", dkim_sig_geterrorstr(dkim_sig_geterror(sig)), dkim_sig_getbh(sig) == DKIM_SIGBH_MATCH ? "" : ", body hash");
}

int main(int argc, char **argv)
{
	u_int flags = DKIM_LIBFLAGS_DELAYSIGPROC | DKIM_LIBFLAGS_BADSIGHANDLES;
	DKIM_LIB *lib = dkim_init(NULL, NULL);
	u_char id[] = "judge";
	DKIM_SIGINFO **sigs = NULL;
	DKIM_STAT stat;
	int n = 0;
	size_t len;
	char *text = read_all(&len), *body;
	DKIM *dkim;

	(void)argc;
	records = argv + 1;
	(void)dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof(flags));
	(void)dkim_set_key_lookup(lib, look_up);
	dkim = dkim_verify(lib, id, NULL, &stat);
	if (!dkim)
		return 70;
	body = give_header(dkim, text, text + len);
	(void)dkim_eoh(dkim);
	if (body < text + len)
		(void)dkim_body(dkim, (u_char *)body, (size_t)(text + len - body));
	(void)dkim_eom(dkim, NULL);
	(void)dkim_getsiglist(dkim, &sigs, &n);
	for (int i = 0; i < n; i++)
		show(dkim, sigs[i]);
	(void)dkim_free(dkim);
	dkim_close(lib);
	free(text);
	return 0;
}
