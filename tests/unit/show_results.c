/* Prints the fields of verify/authres.h whose parts come on standard input, for a reader in another language to judge: a line each,
 * `name value`, value in hexadecimal digits. `dkim` begins a signature. Not installed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "verify/authres.h"

#define SIGNATURES_MAX 200
#define LINE_MAX_HERE  65536

static struct authres_signature signatures[SIGNATURES_MAX];
static struct dmarc_told dmarc;
static struct authres_ask ask = { .dkim = signatures };
static struct arena texts;
static char line[LINE_MAX_HERE];

static struct span from_hex(const char *hex)
{
	size_t len = strlen(hex) / 2;
	char *bytes = arena_new(&texts, len + 1);

	for (size_t i = 0; i < len; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		bytes[i] = (char)strtoul(pair, NULL, 16);
	}
	return span_of(bytes, len);
}

static enum auth_result result_of(struct span word)
{
	for (enum auth_result r = AUTH_NONE; r < N_AUTH_RESULTS; r++)
		if (span_eq(word, span_of_text(auth_result_text(r))))
			return r;
	abort();
}

/* A method by its result: what comes next belongs to it. */
static bool begin_method(const char *name, struct span value)
{
	if (strcmp(name, "iprev") == 0)
		ask.iprev = (struct authres_iprev){ .is_there = true, .result = result_of(value) };
	else if (strcmp(name, "spf") == 0)
		ask.spf = (struct authres_spf){ .is_there = true, .result = result_of(value) };
	else if (strcmp(name, "arc") == 0)
		ask.arc = (struct authres_arc){ .is_there = true, .result = result_of(value) };
	else if (strcmp(name, "dmarc") == 0)
		dmarc.result = result_of(value);
	else if (strcmp(name, "dkim") == 0 && ask.n_dkim < SIGNATURES_MAX)
		signatures[ask.n_dkim++].result = result_of(value);
	else
		return false;
	ask.has_dkim |= strcmp(name, "dkim") == 0;
	if (strcmp(name, "dmarc") == 0)
		ask.dmarc = &dmarc;
	return true;
}

static void set_text(const char *name, struct span value)
{
	struct authres_signature *s = &signatures[ask.n_dkim ? ask.n_dkim - 1 : 0];
	const struct { const char *name; struct span *to; } table[] = {
		{ "authserv_id", &ask.authserv_id }, { "iprev_address", &ask.iprev.address }, { "iprev_name", &ask.iprev.name }, { "iprev_why", &ask.iprev.why },
		{ "mail_from", &ask.spf.mail_from }, { "helo", &ask.spf.helo }, { "client", &ask.spf.client }, { "mechanism", &ask.spf.mechanism },
		{ "spf_why", &ask.spf.why }, { "d", &s->domain }, { "s", &s->selector }, { "a", &s->algorithm }, { "i", &s->identity }, { "b", &s->signature },
		{ "dkim_why", &s->why }, { "remote_ip", &ask.arc.remote_ip }, { "oldest_pass", &ask.arc.oldest_pass }, { "arc_why", &ask.arc.why },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(name, table[i].name) == 0) {
			*table[i].to = value;
			return;
		}
	}
	if (strcmp(name, "is_helo") == 0)
		ask.spf.is_helo = true;
	else if (strcmp(name, "from") == 0)
		(void)snprintf(dmarc.domain, sizeof(dmarc.domain), "%.*s", SPAN_ARG(value));
	else if (strcmp(name, "record_at") == 0)
		(void)snprintf(dmarc.record_at, sizeof(dmarc.record_at), "%.*s", SPAN_ARG(value));
	else if (strcmp(name, "policy") == 0)
		dmarc.policy = span_eq(value, SPAN("reject")) ? DMARC_REJECT : DMARC_QUARANTINE;
	else if (strcmp(name, "dmarc_why") == 0)
		(void)snprintf(dmarc.why, sizeof(dmarc.why), "%.*s", SPAN_ARG(value));
	else
		abort();
}

int main(int argc, char **argv)
{
	struct buf out;

	arena_init(&texts, LINE_MAX_HERE);
	while (fgets(line, sizeof(line), stdin)) {
		char *value = strchr(line, ' ');

		line[strcspn(line, "\n")] = '\0';
		if (!value)
			abort();
		*value++ = '\0';
		if (!begin_method(line, from_hex(value)))
			set_text(line, from_hex(value));
	}
	buf_init(&out, 2 * AUTHRES_MAX);
	if (argc > 1 && strcmp(argv[1], "received_spf") == 0)
		authres_add_received_spf(&out, &ask.spf, ask.authserv_id);
	else
		authres_add(&out, &ask);
	if (fwrite(out.at, 1, out.len, stdout) != out.len || fflush(stdout) != 0)
		return 1;
	buf_fini(&out);
	arena_fini(&texts);
	return 0;
}
