#include "delivery/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/dkim_record.h"

/* ---- a world with two domains ----------------------------------------------------- */

struct world {
	struct settings *settings;
	struct signer signer;
	char fields[16384];
	size_t fields_len;
	unsigned n_done, n_no_key_told, n_signed_told;
	uint32_t window, last_ask;
	enum wire_signed result;
};

static void say(void *owner, enum wire_verb verb, const void *msg)
{
	struct world *w = owner;
	const struct wire_sign_done *done = msg;

	if (verb == WIRE_sign_window) {
		w->window += ((const struct wire_sign_window *)msg)->bytes;
		return;
	}
	assert_int_equal(verb, WIRE_sign_done);
	w->n_done++;
	w->last_ask = done->ask;
	w->result = (enum wire_signed)done->result;
	w->fields_len = done->fields.len;
	if (done->fields.len > 0)
		memcpy(w->fields, done->fields.at, done->fields.len);
	w->fields[w->fields_len] = 0;
}

static void tell(void *owner, const struct event *ev)
{
	struct world *w = owner;
	struct event_view view;

	assert_int_equal(event_view(event_bytes(ev), &view), PR_OK);
	w->n_no_key_told += view.code == EV_DKIM_NO_KEY;
	w->n_signed_told += view.code == EV_MESSAGE_SIGNED;
}

static struct set_domain *domain_add(struct world *w, const char *name)
{
	return settings_add_section(w->settings, "domain", name, 1);
}

static struct world *world_new(void)
{
	static const struct signer_handlers on = { .say = say, .tell = tell };
	struct world *w = mem_new(sizeof(*w));

	w->settings = settings_new();
	domain_add(w, "example.org")->dkim_expire = SECONDS(600);
	domain_add(w, "example.net");
	domain_add(w, "off.example")->dkim = DOMAIN_DKIM_OFF;
	signer_init(&w->signer, &on, w);
	w->signer.ring = keyring_new(w->settings);
	return w;
}

static void world_free(struct world *w)
{
	signer_forget(&w->signer);
	keyring_free(&w->signer.ring);
	settings_free(&w->settings);
	mem_free(w);
}

static void add_key(struct keyring *r, const char *domain, const char *selector, enum key_kind kind, uint64_t made_ms)
{
	struct wire_sign_key told = { .domain = span_of_text(domain), .selector = span_of_text(selector), .made_ms = made_ms };
	struct key *key = key_make(kind);
	const char *why;
	struct buf pem;

	buf_init(&pem, KEY_PEM_MAX);
	assert_int_equal(key_add_pem(key, &pem), PR_OK);
	told.pem = buf_span(&pem);
	assert_int_equal(keyring_add(r, &told, &why), PR_OK);
	key_free(&key);
	buf_fini(&pem);
}

static enum pr_err hear(struct world *w, enum wire_verb verb, union wire_msg msg)
{
	return signer_hear(&w->signer, (struct instant){ .wall_ms = 1700000000123 }, verb, &msg);
}

static enum pr_err ask(struct world *w, uint32_t number, const char *domain)
{
	static const char hash[SHA256_LEN] = "not looked at";

	return hear(w, WIRE_sign_ask, (union wire_msg){ .sign_ask = { .ask = number, .domain = span_of_text(domain),
	    .body_hash = span_of(hash, sizeof(hash)) } });
}

static enum pr_err part(struct world *w, uint32_t number, const char *text)
{
	return hear(w, WIRE_sign_part, (union wire_msg){ .sign_part = { .ask = number, .bytes = span_of_text(text) } });
}

static enum pr_err end(struct world *w, uint32_t number)
{
	return hear(w, WIRE_sign_end, (union wire_msg){ .sign_end = { .ask = number } });
}

static void sign_one(struct world *w, const char *domain)
{
	unsigned before = w->n_done;

	assert_int_equal(ask(w, 7, domain), PR_OK);
	assert_int_equal(part(w, 7, "From: a@example.org\r\nSub"), PR_OK);
	assert_int_equal(part(w, 7, "ject: x\r\n\r\n"), PR_OK);
	assert_int_equal(end(w, 7), PR_OK);
	assert_int_equal(w->n_done, before + !w->signer.is_waiting);
}

static bool has(const struct world *w, const char *text)
{
	return strstr(w->fields, text) != NULL;
}

/* ---- questions ------------------------------------------------------------------------- */

static void t_both_algorithms_sign(void **state)
{
	struct world *w = world_new();

	(void)state;
	add_key(w->signer.ring, "example.org", "e", KEY_ED25519, 1);
	add_key(w->signer.ring, "example.org", "r", KEY_RSA, 1);
	sign_one(w, "example.org");
	assert_int_equal(w->result, SIGNED);
	assert_int_equal(w->last_ask, 7);
	assert_int_equal(w->window, 35);
	assert_true(has(w, "a=rsa-sha256;") && has(w, "a=ed25519-sha256;"));
	assert_true(strstr(w->fields, "a=rsa") < strstr(w->fields, "a=ed"));
	assert_true(has(w, " d=example.org;") && has(w, "t=1700000000;") && has(w, "x=1700000600;"));
	assert_memory_equal(w->fields + w->fields_len - 2, "\r\n", 2);
	assert_int_equal(w->n_signed_told, 1);
	assert_true(signer_is_idle(&w->signer));
	world_free(w);
}

static void t_a_domain_without_keys_is_told_of_once(void **state)
{
	struct world *w = world_new();

	(void)state;
	for (int i = 0; i < 3; i++) {
		sign_one(w, "example.org");
		assert_int_equal(w->result, SIGN_NO_KEY);
		assert_int_equal(w->fields_len, 0);
	}
	assert_int_equal(w->n_no_key_told, 1);
	sign_one(w, "off.example");
	assert_int_equal(w->result, SIGN_NO_KEY);
	sign_one(w, "foreign.example");
	assert_int_equal(w->result, SIGN_NO_KEY);
	assert_int_equal(w->n_no_key_told, 1);
	sign_one(w, "example.net");
	assert_int_equal(w->n_no_key_told, 2);
	world_free(w);
}

static void t_answers_wait_until_it_is_known_who_signs(void **state)
{
	struct world *w = world_new();

	(void)state;
	add_key(w->signer.ring, "example.net", "e", KEY_ED25519, 1);
	w->signer.is_waiting = true;
	sign_one(w, "example.net");
	sign_one(w, "example.net");
	assert_int_equal(w->n_done, 0);
	assert_false(signer_is_idle(&w->signer));
	signer_go_on(&w->signer, (struct instant){ .wall_ms = 1 });
	assert_int_equal(w->n_done, 2);
	assert_true(has(w, "s=e; t=0;") && !has(w, "x="));
	world_free(w);
}

static void t_questions_that_make_no_sense_are_refused(void **state)
{
	struct world *w = world_new();

	(void)state;
	assert_int_equal(part(w, 1, "x"), PR_BAD);
	assert_int_equal(end(w, 1), PR_BAD);
	assert_int_equal(ask(w, 1, "example.org"), PR_OK);
	assert_int_equal(ask(w, 1, "example.org"), PR_BAD);
	assert_int_equal(hear(w, WIRE_sign_ask, (union wire_msg){ .sign_ask = { .ask = 2, .domain = SPAN("d"), .body_hash = SPAN("short") } }), PR_BAD);
	assert_int_equal(hear(w, WIRE_sign_done, (union wire_msg){ .sign_done = { .ask = 1 } }), PR_BAD);
	signer_forget(&w->signer);
	assert_true(signer_is_idle(&w->signer));
	world_free(w);
}

static void t_what_cannot_be_signed_leaves_as_it_is(void **state)
{
	struct world *w = world_new();

	(void)state;
	add_key(w->signer.ring, "example.org", "e", KEY_ED25519, 1);
	assert_int_equal(ask(w, 1, "example.org"), PR_OK);
	assert_int_equal(part(w, 1, "Subject: x\r\n\r\nFrom: a@example.org\r\n"), PR_OK);
	assert_int_equal(end(w, 1), PR_OK);
	assert_int_equal(w->result, SIGN_NOT_POSSIBLE);
	assert_int_equal(w->fields_len, 0);
	world_free(w);
}

/* ---- rotation -------------------------------------------------------------------------- */

static enum wire_key state_of(const struct keyring *r, const char *selector)
{
	struct ring_key *k = keyring_find_key(r, SPAN("example.org"), span_of_text(selector));

	assert_non_null(k);
	return keyring_state(k);
}

static bool see(struct keyring *r, const char *selector)
{
	struct ring_key *k = keyring_find_key(r, SPAN("example.org"), span_of_text(selector));
	struct buf record;
	bool seen;

	buf_init(&record, 4096);
	assert_int_equal(dkim_record_add(&record, DKIM_ED25519_SHA256, buf_span(&k->public)), PR_OK);
	seen = keyring_record(k, buf_span(&record));
	buf_fini(&record);
	return seen;
}

static void t_a_new_key_waits_for_its_record(void **state)
{
	struct world *w = world_new();
	struct keyring *r = w->signer.ring;
	struct ring_key *due;

	(void)state;
	add_key(r, "example.org", "new", KEY_ED25519, 20);
	add_key(r, "example.org", "old", KEY_ED25519, 10);
	add_key(r, "example.org", "newest", KEY_ED25519, 30);
	add_key(r, "example.org", "rsa", KEY_RSA, 15);
	assert_int_equal(state_of(r, "old"), KEY_SIGNS);
	assert_int_equal(state_of(r, "rsa"), KEY_SIGNS);
	assert_int_equal(state_of(r, "new"), KEY_WAITS);
	assert_null(keyring_take_due(r));
	keyring_look_again(r);
	due = keyring_take_due(r);
	assert_string_equal(due->selector, "new");
	assert_string_equal(keyring_take_due(r)->selector, "newest");
	assert_null(keyring_take_due(r));

	assert_false(keyring_record(due, SPAN("v=DKIM1; k=ed25519; p=AAAA")));
	assert_int_equal(state_of(r, "old"), KEY_SIGNS);
	assert_true(see(r, "new"));
	assert_int_equal(state_of(r, "old"), KEY_RETIRED);
	assert_int_equal(state_of(r, "new"), KEY_SIGNS);
	assert_int_equal(state_of(r, "newest"), KEY_WAITS);
	sign_one(w, "example.org");
	assert_true(has(w, "s=new;") && has(w, "s=rsa;") && !has(w, "s=old;"));
	world_free(w);
}

static void t_what_was_seen_stays_seen_when_keys_are_told_again(void **state)
{
	struct world *w = world_new();
	struct keyring *r = w->signer.ring, *again = keyring_new(w->settings);
	struct wire_sign_key told = { .domain = SPAN("example.org"), .selector = SPAN("new"), .made_ms = 20 };
	const char *why;
	struct buf pem;

	(void)state;
	add_key(r, "example.org", "old", KEY_ED25519, 10);
	add_key(r, "example.org", "new", KEY_ED25519, 20);
	assert_true(see(r, "new"));
	buf_init(&pem, KEY_PEM_MAX);
	assert_int_equal(key_add_pem(keyring_find_key(r, SPAN("example.org"), SPAN("new"))->key, &pem), PR_OK);
	told.pem = buf_span(&pem);
	assert_int_equal(keyring_add(again, &told, &why), PR_OK);
	add_key(again, "example.org", "old", KEY_ED25519, 10);
	keyring_inherit(again, r);
	assert_int_equal(state_of(again, "new"), KEY_SIGNS);
	keyring_free(&again);

	/* Another key under the same name was not seen. */
	again = keyring_new(w->settings);
	add_key(again, "example.org", "old", KEY_ED25519, 10);
	add_key(again, "example.org", "new", KEY_ED25519, 20);
	keyring_inherit(again, r);
	assert_int_equal(state_of(again, "new"), KEY_WAITS);
	keyring_free(&again);
	buf_fini(&pem);
	world_free(w);
}

static void t_keys_of_others_are_not_taken(void **state)
{
	struct world *w = world_new();
	struct wire_sign_key told = { .domain = SPAN("foreign.example"), .selector = SPAN("s"), .pem = SPAN("no key") };
	const char *why = NULL;

	(void)state;
	assert_int_equal(keyring_add(w->signer.ring, &told, &why), PR_NONE);
	told.domain = SPAN("off.example");
	assert_int_equal(keyring_add(w->signer.ring, &told, &why), PR_NONE);
	told.domain = SPAN("example.org");
	assert_int_equal(keyring_add(w->signer.ring, &told, &why), PR_BAD);
	assert_non_null(why);
	assert_int_equal(w->signer.ring->n_keys, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_both_algorithms_sign),
		cmocka_unit_test(t_a_domain_without_keys_is_told_of_once),
		cmocka_unit_test(t_answers_wait_until_it_is_known_who_signs),
		cmocka_unit_test(t_questions_that_make_no_sense_are_refused),
		cmocka_unit_test(t_what_cannot_be_signed_leaves_as_it_is),
		cmocka_unit_test(t_a_new_key_waits_for_its_record),
		cmocka_unit_test(t_what_was_seen_stays_seen_when_keys_are_told_again),
		cmocka_unit_test(t_keys_of_others_are_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
