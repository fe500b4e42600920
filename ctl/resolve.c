#include "ctl/resolve.h"

#include <arpa/inet.h>
#include <sysexits.h>

static const struct {
	const char *word;
	enum wire_record type;
} types[] = {
	{ "A", RECORD_A }, { "AAAA", RECORD_AAAA }, { "MX", RECORD_MX }, { "TXT", RECORD_TXT }, { "CNAME", RECORD_CNAME }, { "PTR", RECORD_PTR },
	{ "NS", RECORD_NS }, { "TLSA", RECORD_TLSA },
};
#define N_TYPES (sizeof(types) / sizeof(types[0]))

const char *resolve_type_text(uint16_t type)
{
	for (size_t i = 0; i < N_TYPES; i++)
		if (types[i].type == type)
			return types[i].word;
	return NULL;
}

uint16_t resolve_type_of(struct span text)
{
	for (size_t i = 0; i < N_TYPES; i++)
		if (span_eq_nocase(text, span_of_text(types[i].word)))
			return (uint16_t)types[i].type;
	return 0;
}

/* ---- questions ---------------------------------------------------------------- */

int resolve_open(struct client *c, const struct call *call)
{
	int status = client_open(c, call);

	if (status != EX_OK)
		return status;
	status = client_meet(c, ROLE_DNS);
	if (status != EX_OK)
		client_close(c);
	return status;
}

int resolve_records(struct client *c, uint16_t type, struct span name, void (*fn)(void *arg, const struct wire_resolve_record *row), void *arg,
    struct wire_resolve_done *done)
{
	struct wire_resolve_ask ask = { .ask = 1, .type = type, .name = name };
	int status = client_tell(c, WIRE_resolve_ask, &ask);
	enum wire_verb verb = WIRE_NONE;
	union wire_msg msg;

	while (status == EX_OK && verb != WIRE_resolve_done) {
		status = client_hear(c, &verb, &msg);
		if (status == EX_OK && verb == WIRE_resolve_record)
			fn(arg, &msg.resolve_record);
	}
	if (status == EX_OK)
		*done = msg.resolve_done;
	return status;
}

int resolve_site(struct client *c, struct span domain, void (*fn)(void *arg, const struct wire_site_host *row), void *arg, struct wire_site_done *done)
{
	struct wire_site_ask ask = { .ask = 1, .domain = domain };
	int status = client_tell(c, WIRE_site_ask, &ask);
	enum wire_verb verb = WIRE_NONE;
	union wire_msg msg;

	while (status == EX_OK && verb != WIRE_site_done) {
		status = client_hear(c, &verb, &msg);
		if (status == EX_OK && verb == WIRE_site_host)
			fn(arg, &msg.site_host);
	}
	if (status == EX_OK)
		*done = msg.site_done;
	return status;
}

/* ---- records as text ------------------------------------------------------------ */

static void add_address(struct buf *out, int family, struct span data)
{
	char text[INET6_ADDRSTRLEN];

	if (data.len == (family == AF_INET ? 4 : 16) && inet_ntop(family, data.at, text, sizeof(text)))
		(void)buf_add_text(out, text);
}

static void add_mx(struct buf *out, struct span data)
{
	const unsigned char *at = (const unsigned char *)data.at;

	if (data.len < 2)
		return;
	(void)buf_printf(out, "%u ", (unsigned)at[0] << 8 | at[1]);
	(void)buf_add(out, span_from(data, 2));
}

static void add_tlsa(struct buf *out, struct span data)
{
	const unsigned char *at = (const unsigned char *)data.at;

	if (data.len < 3)
		return;
	(void)buf_printf(out, "%u %u %u ", at[0], at[1], at[2]);
	for (size_t i = 3; i < data.len; i++)
		(void)buf_printf(out, "%02x", at[i]);
}

void resolve_add_value(struct buf *out, const struct wire_resolve_record *row)
{
	switch ((enum wire_record)row->type) {
	case RECORD_A: add_address(out, AF_INET, row->data); break;
	case RECORD_AAAA: add_address(out, AF_INET6, row->data); break;
	case RECORD_MX: add_mx(out, row->data); break;
	case RECORD_TLSA: add_tlsa(out, row->data); break;
	case RECORD_TXT: case RECORD_CNAME: case RECORD_PTR: case RECORD_NS: (void)buf_add(out, row->data); break;
	}
}
