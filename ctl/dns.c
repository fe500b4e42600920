#include <stdio.h>
#include <sysexits.h>

#include "base/text.h"
#include "ctl/command.h"
#include "ctl/json.h"
#include "ctl/resolve.h"
#include "ctl/say.h"
#include "mail/idn.h"

#define VALUE_MAX 65536

/* Rows wait for the end of the answer, which tells whether it is secure. */
struct listing {
	json_t *rows;
};

static void print_texts(const json_t *row, const char *const *keys)
{
	for (; *keys; keys++) {
		const json_t *value = json_object_get(row, *keys);

		if (json_is_integer(value))
			(void)printf("%lld", (long long)json_integer_value(value));
		else
			say_add(stdout, span_of_text(json_string_value(value)));
		(void)putchar(keys[1] ? '\t' : '\n');
	}
}

static void print_rows(const struct listing *l, bool as_json, bool is_secure, const char *const *keys)
{
	size_t i;
	json_t *row;

	json_array_foreach(l->rows, i, row) {
		if (!as_json) {
			print_texts(row, keys);
			continue;
		}
		json_object_set_new(row, "secure", json_boolean(is_secure));
		json_print_line(json_incref(row));
	}
}

static int conclude(int status, bool is_secure, bool as_json, struct span why)
{
	if (status != EX_OK)
		say("%.*s", SPAN_ARG(why));
	else if (is_secure && !as_json)
		say("this is secure: a trusted resolver vouches for it by DNSSEC");
	return status;
}

/* A name as people write it; one that is not ASCII only in the form that the DNS knows, if it has one. */
static struct span name_of(const char *word, char room[IDN_DOMAIN_MAX + 1])
{
	struct span name = span_of_text(word);
	size_t len;

	if (text_is_ascii(name) || idn_canonical(name, room, &len) != PR_OK)
		return name;
	return span_of(room, len);
}

/* ---- lookup ------------------------------------------------------------------------ */

static void on_record(void *arg, const struct wire_resolve_record *record)
{
	struct listing *l = arg;
	json_t *row = json_object();
	struct buf value;

	buf_init(&value, VALUE_MAX * 3);
	resolve_add_value(&value, record);
	json_object_set_new(row, "name", json_of_span(record->name));
	json_object_set_new(row, "ttl", json_integer(record->ttl));
	json_object_set_new(row, "type", json_string(resolve_type_text(record->type)));
	json_object_set_new(row, "value", json_of_span(buf_span(&value)));
	json_array_append_new(l->rows, row);
	buf_fini(&value);
}

static int status_of_records(uint8_t result)
{
	switch ((enum wire_resolve)result) {
	case RESOLVED: return EX_OK;
	case RESOLVE_NO_DATA: case RESOLVE_NO_NAME: return EX_NOHOST;
	case RESOLVE_TEMPORARY: return EX_TEMPFAIL;
	case RESOLVE_REFUSED: return EX_USAGE;
	}
	return EX_SOFTWARE;
}

int run_dns_lookup(struct call *call)
{
	static const char *const keys[] = { "name", "ttl", "type", "value", NULL };
	uint16_t type = call->n_words > 1 ? resolve_type_of(span_of_text(call->words[1])) : (uint16_t)RECORD_A;
	bool as_json = call->flags & CALL_JSON;
	char room[IDN_DOMAIN_MAX + 1];
	struct wire_resolve_done done;
	struct listing l;
	struct client c;
	int status;

	if (type == 0)
		return command_usage(call, "the type is one of A, AAAA, MX, TXT, CNAME, PTR, NS, TLSA");
	status = resolve_open(&c, call);
	if (status != EX_OK)
		return status;
	l.rows = json_array();
	status = resolve_records(&c, type, name_of(call->words[0], room), on_record, &l, &done);
	if (status == EX_OK) {
		print_rows(&l, as_json, done.secure, keys);
		status = conclude(status_of_records(done.result), done.secure, as_json, done.why);
	}
	json_decref(l.rows);
	client_close(&c);
	return status;
}

/* ---- site ---------------------------------------------------------------------------- */

static void on_host(void *arg, const struct wire_site_host *host)
{
	struct listing *l = arg;
	json_t *row = json_object();

	json_object_set_new(row, "preference", json_integer(host->preference));
	json_object_set_new(row, "host", json_of_span(host->name));
	json_array_append_new(l->rows, row);
}

static int status_of_site(uint8_t result)
{
	switch ((enum wire_site)result) {
	case SITE_FOUND: return EX_OK;
	case SITE_NULL_MX: case SITE_NO_NAME: case SITE_NO_HOST: return EX_NOHOST;
	case SITE_TEMPORARY: return EX_TEMPFAIL;
	}
	return EX_SOFTWARE;
}

int run_dns_site(struct call *call)
{
	static const char *const keys[] = { "preference", "host", NULL };
	bool as_json = call->flags & CALL_JSON;
	char room[IDN_DOMAIN_MAX + 1];
	struct wire_site_done done;
	struct listing l;
	struct client c;
	int status = resolve_open(&c, call);

	if (status != EX_OK)
		return status;
	l.rows = json_array();
	status = resolve_site(&c, name_of(call->words[0], room), on_host, &l, &done);
	if (status == EX_OK) {
		print_rows(&l, as_json, done.secure, keys);
		status = conclude(status_of_site(done.result), done.secure, as_json, done.why);
	}
	json_decref(l.rows);
	client_close(&c);
	return status;
}
