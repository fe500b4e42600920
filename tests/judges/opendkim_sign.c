/* Signs as libopendkim does: a message on standard input, KEY (PEM, or base 64 of Ed25519's PKCS #8) SELECTOR DOMAIN ALGORITHM HEADER BODY LENGTH
 * as arguments (ALGORITHM as in a=, forms as in c=, LENGTH -1 for all). The field with its line end on standard output. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <opendkim/dkim.h>

static char *read_all(size_t *len)
{
	size_t room = 1 << 20, n;
	char *text = malloc(room);

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

static char *field_end(char *at, char *end)
{
	for (; at + 1 < end; at++)
		if (at[0] == '\r' && at[1] == '\n' && !(at + 2 < end && (at[2] == ' ' || at[2] == '\t')))
			return at;
	return end;
}

static dkim_canon_t form(const char *word)
{
	return strcmp(word, "simple") == 0 ? DKIM_CANON_SIMPLE : DKIM_CANON_RELAXED;
}

static dkim_alg_t algorithm(const char *word)
{
	if (strcmp(word, "rsa-sha1") == 0)
		return DKIM_SIGN_RSASHA1;
	return strcmp(word, "rsa-sha256") == 0 ? DKIM_SIGN_RSASHA256 : DKIM_SIGN_ED25519SHA256;
}

int main(int argc, char **argv)
{
	DKIM_LIB *lib = dkim_init(NULL, NULL);
	u_char id[] = "judge", *field;
	DKIM_STAT stat;
	size_t len, field_len;
	char *text = read_all(&len), *at = text, *end = text + len;
	DKIM *dkim;

	if (argc != 8)
		return 64;
	dkim = dkim_sign(lib, id, NULL, (dkim_sigkey_t)argv[1], (u_char *)argv[2], (u_char *)argv[3], form(argv[5]), form(argv[6]),
	    algorithm(argv[4]), atol(argv[7]), &stat);
	if (!dkim)
		return 70;
	while (at < end && *at != '\r') {
		char *stop = field_end(at, end);

		(void)dkim_header(dkim, (u_char *)at, (size_t)(stop - at));
		at = stop + 2 < end ? stop + 2 : end;
	}
	(void)dkim_eoh(dkim);
	if (at + 2 < end)
		(void)dkim_body(dkim, (u_char *)at + 2, (size_t)(end - at - 2));
	stat = dkim_eom(dkim, NULL);
	if (stat == DKIM_STAT_OK)
		stat = dkim_getsighdr_d(dkim, sizeof("DKIM-Signature: ") - 1, &field, &field_len);
	if (stat != DKIM_STAT_OK) {
		fprintf(stderr, "%s\n", dkim_getresultstr(stat));
		return 65;
	}
	printf("DKIM-Signature: %.*s\r\n", (int)field_len, (char *)field);
	(void)dkim_free(dkim);
	dkim_close(lib);
	free(text);
	return 0;
}
