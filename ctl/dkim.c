/* dkim keygen, list, rotate: keys of signatures, and the records that publish them. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/json.h"
#include "ctl/keys.h"
#include "ctl/say.h"
#include "mail/address.h"
#include "mail/dkim_record.h"

#define RECORD_MAX 8192

static const enum key_kind kinds[] = { KEY_RSA, KEY_ED25519 };
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- the domain ------------------------------------------------------------------ */

static bool is_one_of(struct span domains, struct span domain)
{
	while (domains.len > 0)
		if (span_eq(span_cut(&domains, ' '), domain))
			return true;
	return false;
}

static int take_domain(const struct call *call, char domain[ADDRESS_DOMAIN_MAX + 1])
{
	struct buf ours;
	size_t len;
	int status;

	if (address_parse_domain(span_of_text(call->words[0]), ALLOW_UTF8, domain, &len) != PR_OK || domain[0] == '[')
		return command_usage(call, "this is no domain");
	buf_init(&ours, 1 << 20);
	status = master_domains(call, &ours);
	if (status == EX_OK && !is_one_of(span_trim(buf_span(&ours)), span_of(domain, len)))
		say("%s is no domain of the configuration: nothing is signed for it until it is", domain);
	buf_fini(&ours);
	return status;
}

/* ---- what the server knows -------------------------------------------------------- */

struct told_key {
	char *domain, *selector;
	enum wire_key state;
};

struct told {
	bool runs;
	struct told_key *keys;
	size_t n;
};

static void told_add(struct told *t, const struct wire_keys_row *row)
{
	t->keys = mem_resize(t->keys, (t->n + 1) * sizeof(*t->keys));
	t->keys[t->n++] = (struct told_key){ .domain = mem_text(row->domain), .selector = mem_text(row->selector),
	    .state = (enum wire_key)row->state };
}

static void told_fini(struct told *t)
{
	for (size_t i = 0; i < t->n; i++) {
		mem_free(t->keys[i].domain);
		mem_free(t->keys[i].selector);
	}
	mem_free(t->keys);
}

static int hear_rows(struct client *c, struct told *t)
{
	enum wire_verb verb = WIRE_NONE;
	union wire_msg msg;
	int status = client_tell(c, WIRE_keys_ask, &(struct wire_keys_ask){ .ask = 1 });

	while (status == EX_OK && verb != WIRE_keys_done) {
		status = client_hear(c, &verb, &msg);
		if (status == EX_OK && verb == WIRE_keys_row)
			told_add(t, &msg.keys_row);
	}
	return status;
}

/* Without a server nothing is told, and that is no error. */
static int ask_server(const struct key_folder *f, struct told *t)
{
	struct client c;
	int status;

	*t = (struct told){ .runs = client_open_quietly(&c, f->places.runtime) };
	if (!t->runs)
		return EX_OK;
	status = client_meet(&c, ROLE_SIGN);
	if (status == EX_OK)
		status = hear_rows(&c, t);
	client_close(&c);
	return status;
}

static const struct told_key *told_find(const struct told *t, const char *domain, const char *selector)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->keys[i].domain, domain) == 0 && strcmp(t->keys[i].selector, selector) == 0)
			return &t->keys[i];
	return NULL;
}

/* ---- records ------------------------------------------------------------------------ */

struct showing {
	bool as_json;
	const char *selector;	/* this one alone */
};

/* A key's record, and where it stands. False when the file holds no key. */
static bool add_record(const struct key_file *file, struct buf *name, struct buf *record)
{
	enum dkim_algorithm algorithm;
	struct buf public;
	bool done;

	if (!file->key)
		return false;
	algorithm = key_kind(file->key) == KEY_RSA ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256;
	buf_init(&public, RECORD_MAX);
	done = key_add_public(file->key, &public) == PR_OK && dkim_record_add(record, algorithm, buf_span(&public)) == PR_OK &&
	    dkim_record_add_name(name, span_of_text(file->selector), span_of_text(file->domain)) == PR_OK;
	buf_fini(&public);
	return done;
}

static json_t *json_of_key(const struct key_file *file, struct span name, struct span record)
{
	json_t *row = json_object();

	json_object_set_new(row, "domain", json_string(file->domain));
	json_object_set_new(row, "selector", json_string(file->selector));
	json_object_set_new(row, "algorithm", json_string(file->key ? key_kind_text(key_kind(file->key)) : "broken"));
	json_object_set_new(row, "name", json_of_span(name));
	json_object_set_new(row, "type", json_string("TXT"));
	json_object_set_new(row, "value", json_of_span(record));
	return row;
}

static void print_zone_line(struct span name, struct span record)
{
	struct buf quoted;

	buf_init(&quoted, RECORD_MAX);
	if (dkim_record_add_quoted(&quoted, record) == PR_OK)
		(void)printf("%.*s. IN TXT %.*s\n", SPAN_ARG(name), SPAN_ARG(buf_span(&quoted)));
	buf_fini(&quoted);
}

static void show_record(void *arg, const struct key_file *file)
{
	const struct showing *s = arg;
	struct buf name, record;

	if (strcmp(file->selector, s->selector) != 0)
		return;
	buf_init(&name, RECORD_MAX);
	buf_init(&record, RECORD_MAX);
	if (add_record(file, &name, &record)) {
		if (s->as_json)
			json_print_line(json_of_key(file, buf_span(&name), buf_span(&record)));
		else
			print_zone_line(buf_span(&name), buf_span(&record));
	}
	buf_fini(&name);
	buf_fini(&record);
}

static int make_and_show(const struct key_folder *f, const struct call *call, const char *domain, enum key_kind kind)
{
	char selector[SELECTOR_LEN_MAX + 1];
	struct showing s = { .as_json = call->flags & CALL_JSON, .selector = selector };
	int status = keys_make(f, domain, kind, selector);

	return status == EX_OK ? keys_each(f, domain, show_record, &s) : status;
}

/* ---- keygen -------------------------------------------------------------------------- */

static void note_kind(void *arg, const struct key_file *file)
{
	unsigned *has = arg;

	if (file->key)
		*has |= 1u << key_kind(file->key);
}

static unsigned wanted_kinds(const struct call *call)
{
	unsigned wanted = (call->flags & CALL_RSA ? 1u << KEY_RSA : 0) | (call->flags & CALL_ED25519 ? 1u << KEY_ED25519 : 0);

	return wanted ? wanted : 1u << KEY_RSA | 1u << KEY_ED25519;
}

static int make_kinds(const struct key_folder *f, const struct call *call, const char *domain, unsigned wanted)
{
	int status = EX_OK;

	for (size_t i = 0; i < N_KINDS && status == EX_OK; i++)
		if (wanted & 1u << kinds[i])
			status = make_and_show(f, call, domain, kinds[i]);
	return status;
}

int run_dkim_keygen(struct call *call)
{
	char domain[ADDRESS_DOMAIN_MAX + 1];
	struct key_folder f = { .top = -1 };
	unsigned has = 0, wanted = wanted_kinds(call);
	int status = take_domain(call, domain);

	if (status == EX_OK)
		status = keys_open(&f, call, true);
	if (status == EX_OK)
		status = keys_each(&f, domain, note_kind, &has);
	if (status == EX_OK && (wanted & has)) {
		say("%s has %s key already; new ones in place of it: postrider dkim rotate %s", domain,
		    (wanted & has) == 1u << KEY_RSA ? "an RSA" : "an Ed25519", domain);
		status = EX_CANTCREAT;
	}
	if (status == EX_OK)
		status = make_kinds(&f, call, domain, wanted);
	if (status == EX_OK)
		say("publish these records now: a running server signs with the new keys from now on");
	keys_close(&f);
	return status;
}

/* ---- rotate ----------------------------------------------------------------------------- */

static const struct told_key *find_waiting(const struct told *t, const char *domain)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->keys[i].domain, domain) == 0 && t->keys[i].state == KEY_WAITS)
			return &t->keys[i];
	return NULL;
}

static int remove_retired(const struct key_folder *f, const struct told *t, const char *domain)
{
	int status = EX_OK;

	for (size_t i = 0; i < t->n && status == EX_OK; i++) {
		const struct told_key *k = &t->keys[i];

		if (strcmp(k->domain, domain) != 0 || k->state != KEY_RETIRED)
			continue;
		status = keys_remove(f, domain, k->selector);
		if (status == EX_OK)
			say("%s was replaced long since and is removed; its record may go too", k->selector);
	}
	return status;
}

static int rotate(const struct key_folder *f, const struct call *call, const char *domain, const struct told *t)
{
	const struct told_key *waiting = find_waiting(t, domain);
	unsigned has = 0;
	int status = keys_each(f, domain, note_kind, &has);

	if (status == EX_OK && !has) {
		say("%s has no key; its first ones: postrider dkim keygen %s", domain, domain);
		return EX_DATAERR;
	}
	if (status == EX_OK && waiting) {
		say("%s waits for its record yet: publish that one, or remove the key", waiting->selector);
		return EX_TEMPFAIL;
	}
	if (status == EX_OK)
		status = make_kinds(f, call, domain, has);
	if (status == EX_OK)
		status = remove_retired(f, t, domain);
	if (status == EX_OK)
		say("publish these records beside the old ones; the server looks for them every hour, and the keys before go on signing until "
		    "it sees them. Let the old records stay a week longer, for mail that is under way.");
	return status;
}

int run_dkim_rotate(struct call *call)
{
	char domain[ADDRESS_DOMAIN_MAX + 1];
	struct key_folder f = { .top = -1 };
	struct told t = { .runs = false };
	int status = take_domain(call, domain);

	if (status == EX_OK)
		status = keys_open(&f, call, true);
	if (status == EX_OK)
		status = ask_server(&f, &t);
	if (status == EX_OK)
		status = rotate(&f, call, domain, &t);
	told_fini(&t);
	keys_close(&f);
	return status;
}

/* ---- list ----------------------------------------------------------------------------------- */

struct listing {
	const struct told *told;
	bool as_json;
};

static const char *state_text(const struct told *t, const struct told_key *k)
{
	static const char *const words[] = { [KEY_WAITS] = "waits", [KEY_SIGNS] = "signs", [KEY_RETIRED] = "retired" };

	if (k)
		return words[k->state];
	return t->runs ? "unused" : "unknown";
}

static void list_json(const struct key_file *file, const char *state)
{
	struct buf name, record;
	json_t *row;

	buf_init(&name, RECORD_MAX);
	buf_init(&record, RECORD_MAX);
	(void)add_record(file, &name, &record);
	row = json_of_key(file, buf_span(&name), buf_span(&record));
	json_object_set_new(row, "state", json_string(state));
	json_object_set_new(row, "since", json_of_time(file->made_ms));
	json_print_line(row);
	buf_fini(&name);
	buf_fini(&record);
}

static void list_key(void *arg, const struct key_file *file)
{
	const struct listing *l = arg;
	const char *state = state_text(l->told, told_find(l->told, file->domain, file->selector));

	if (l->as_json) {
		list_json(file, state);
		return;
	}
	(void)printf("%s  %s  %s  %s  ", file->domain, file->selector, file->key ? key_kind_text(key_kind(file->key)) : "broken", state);
	say_time(stdout, file->made_ms);
	(void)putchar('\n');
}

int run_dkim_list(struct call *call)
{
	struct key_folder f = { .top = -1 };
	struct told t = { .runs = false };
	struct listing l = { .told = &t, .as_json = call->flags & CALL_JSON };
	int status = keys_open(&f, call, false);

	if (status == EX_OK)
		status = ask_server(&f, &t);
	if (status == EX_OK)
		status = keys_each(&f, NULL, list_key, &l);
	told_fini(&t);
	keys_close(&f);
	return status;
}
