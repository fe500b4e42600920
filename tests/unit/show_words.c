/* Prints a bounce or a Received field whose parts come on standard input, for a reader in another language to judge:
 * a line each, `name value`, value in hexadecimal digits. `rcpt` begins a recipient. Not installed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "mail/dsn.h"
#include "mail/received.h"

#define LINE_MAX_HERE (4 << 20)
#define RCPTS_MAX     10000
#define OUT_MAX       (64U << 20)

static struct dsn dsn;
static struct dsn_rcpt rcpts[RCPTS_MAX];
static struct received received;
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

static void set_number(const char *name, long long value)
{
	struct dsn_rcpt *r = &rcpts[dsn.n_rcpts ? dsn.n_rcpts - 1 : 0];

	if (strcmp(name, "rcpt") == 0 && dsn.n_rcpts < RCPTS_MAX)
		rcpts[dsn.n_rcpts++].action = (enum dsn_action)value;
	else if (strcmp(name, "code") == 0)
		r->code = (unsigned)value;
	else if (strcmp(name, "attempt") == 0)
		r->attempt_ms = value;
	else if (strcmp(name, "until") == 0)
		r->retry_until_ms = value;
	else if (strcmp(name, "wall") == 0)
		dsn.wall_ms = received.wall_ms = value;
	else if (strcmp(name, "arrival") == 0)
		dsn.arrival_ms = value;
	else if (strcmp(name, "smtputf8") == 0)
		dsn.smtputf8 = received.utf8 = value;
	else if (strcmp(name, "full") == 0)
		dsn.full = value;
	else if (strcmp(name, "body_size") == 0)
		dsn.body_size = (uint64_t)value;
	else if (strcmp(name, "tls") == 0)
		received.tls = value;
	else
		abort();
}

static struct span *bytes_of(const char *name)
{
	struct dsn_rcpt *r = &rcpts[dsn.n_rcpts ? dsn.n_rcpts - 1 : 0];
	const struct {
		const char *name;
		struct span *at;
	} all[] = {
		{ "hostname", &dsn.hostname }, { "id", &dsn.id }, { "about_id", &dsn.about_id }, { "to", &dsn.to }, { "envid", &dsn.envid },
		{ "header", &dsn.header }, { "body", &dsn.body }, { "address", &r->address }, { "orcpt", &r->orcpt },
		{ "enhanced", &r->enhanced }, { "words", &r->words }, { "host", &r->host }, { "helo", &received.helo },
		{ "client_name", &received.client_name }, { "client_ip", &received.client_ip }, { "tls_version", &received.tls_version },
		{ "tls_cipher", &received.tls_cipher }, { "only_rcpt", &received.only_rcpt },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i].at;
	return NULL;
}

/* The exit status. */
static int show(struct buf *out, bool is_received)
{
	struct dsn_needs needs = { false, false };
	enum pr_err err;

	while (fgets(line, LINE_MAX_HERE, stdin)) {
		char *value = strchr(line, ' ');

		if (!value)
			return 2;
		*value++ = '\0';
		value[strcspn(value, "\n")] = '\0';
		if (bytes_of(line))
			*bytes_of(line) = from_hex(value);
		else
			set_number(line, strtoll(from_hex(value).at, NULL, 10));
	}
	received.by = dsn.hostname;
	received.id = dsn.id;
	dsn.rcpts = rcpts;
	err = is_received ? received_add(out, &received) : dsn_add(out, &dsn, &needs);
	if (err || fwrite(out->at, 1, out->len, stdout) != out->len)
		return 1;
	(void)fprintf(stderr, "%d %d\n", needs.smtputf8, needs.eight_bit);
	return 0;
}

int main(int argc, char **argv)
{
	struct buf out;
	int status;

	arena_init(&texts, 65536);
	buf_init(&out, OUT_MAX);
	status = show(&out, argc > 1 && strcmp(argv[1], "received") == 0);
	buf_fini(&out);
	arena_fini(&texts);
	return status;
}
