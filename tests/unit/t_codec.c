/* Verbs as bytes: every verb there and back, and every way to cut one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "wire/codec.h"

#define SAMPLE_u8(n)   (uint8_t)(0xf0 + (n))
#define SAMPLE_u16(n)  (uint16_t)(0xabc0 + (n))
#define SAMPLE_u32(n)  (uint32_t)(0xdeadbee0 + (n))
#define SAMPLE_u64(n)  (uint64_t)(0x0123456789abcde0 + (n))
#define SAMPLE_id(n)   ((struct msg_id){ { 1, 2, 3, (n), 250, 0, 7 } })
#define SAMPLE_span(n) span_of(&"nul \0 and \xff bytes and more"[n], 12)

/* fill_x makes one, same_x compares: the test knows each field by its name, the codec by its place. */
#define VERB(name, from, to, cost, help) static void fill_##name(struct wire_##name *v) { unsigned n = 0; (void)v, (void)n;
#define FIELD(type, name) v->name = SAMPLE_##type(n); n++;
#define END }
#include "wire/verbs.def"
#undef VERB
#undef FIELD
#undef END

#define SAME_u8(a, b)   assert_int_equal(a, b)
#define SAME_u16(a, b)  assert_int_equal(a, b)
#define SAME_u32(a, b)  assert_int_equal(a, b)
#define SAME_u64(a, b)  assert_int_equal(a, b)
#define SAME_id(a, b)   assert_memory_equal(&(a), &(b), sizeof(struct msg_id))
#define SAME_span(a, b) assert_true(span_eq(a, b))
#define VERB(name, from, to, cost, help) static void same_##name(const struct wire_##name *a, const struct wire_##name *b) { (void)a, (void)b;
#define FIELD(type, name) SAME_##type(a->name, b->name);
#define END }
#include "wire/verbs.def"
#undef VERB
#undef FIELD
#undef END

static void fill(enum wire_verb verb, union wire_msg *msg)
{
	switch (verb) {
#define VERB(name, from, to, cost, help) case WIRE_##name: fill_##name(&msg->name); return;
#define FIELD(type, name)
#define END
#include "wire/verbs.def"
#undef VERB
#undef FIELD
#undef END
	default:
		fail();
	}
}

static void same(enum wire_verb verb, const union wire_msg *a, const union wire_msg *b)
{
	switch (verb) {
#define VERB(name, from, to, cost, help) case WIRE_##name: same_##name(&a->name, &b->name); return;
#define FIELD(type, name)
#define END
#include "wire/verbs.def"
#undef VERB
#undef FIELD
#undef END
	default:
		fail();
	}
}

static void t_every_verb_there_and_back(void **state)
{
	(void)state;
	for (unsigned v = WIRE_NONE + 1; v < WIRE_N_VERBS; v++) {
		union wire_msg in, out;
		char bytes[1024];
		enum wire_verb verb;
		struct span rest;
		size_t n;

		memset(&in, 0, sizeof in);
		fill(v, &in);
		n = wire_size(v, &in);
		assert_int_equal(wire_put(bytes, n - 1, v, &in), 0);
		assert_int_equal(wire_put(bytes, sizeof bytes, v, &in), n);
		assert_int_equal(wire_put(bytes + n, sizeof bytes - n, v, &in), n);
		rest = span_of(bytes, 2 * n);
		for (unsigned i = 0; i < 2; i++) {
			memset(&out, 0x55, sizeof out);
			assert_int_equal(wire_get(&rest, &verb, &out), PR_OK);
			assert_int_equal(verb, v);
			same(v, &in, &out);
		}
		assert_int_equal(wire_get(&rest, &verb, &out), PR_NONE);
		assert_true(strlen(wire_verb_text(v)) > 0);
	}
}

static void t_every_cut_is_refused(void **state)
{
	(void)state;
	for (unsigned v = WIRE_NONE + 1; v < WIRE_N_VERBS; v++) {
		union wire_msg msg;
		char bytes[1024];
		enum wire_verb verb;
		struct span rest;
		size_t n;

		memset(&msg, 0, sizeof msg);
		fill(v, &msg);
		n = wire_put(bytes, sizeof bytes, v, &msg);
		for (size_t cut = 1; cut < n; cut++) {
			char *exact = malloc(cut);	/* so that a byte beyond is seen by the sanitizer */

			memcpy(exact, bytes, cut);
			rest = span_of(exact, cut);
			assert_int_equal(wire_get(&rest, &verb, &msg), PR_BAD);
			/* The same with a length that fits what is there. */
			if (cut >= 6) {
				exact[2] = (char)(cut - 6);
				exact[3] = (char)((cut - 6) >> 8);
				assert_int_equal(wire_get(&rest, &verb, &msg), PR_BAD);
			}
			free(exact);
		}
		bytes[2] = (char)(n - 6 + 1);
		bytes[3] = (char)((n - 6 + 1) >> 8);
		bytes[n] = 0;
		rest = span_of(bytes, n + 1);
		assert_int_equal(wire_get(&rest, &verb, &msg), PR_BAD);	/* not consumed to its end */
	}
}

static void t_unknown_verbs_are_refused(void **state)
{
	static const unsigned numbers[] = { 0, WIRE_N_VERBS, 0x7fff, 0xffff };
	union wire_msg msg;
	enum wire_verb verb;

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		char bytes[6] = { (char)numbers[i], (char)(numbers[i] >> 8) };
		struct span rest = span_of(bytes, sizeof bytes);

		assert_int_equal(wire_get(&rest, &verb, &msg), PR_BAD);
	}
	assert_string_equal(wire_verb_text(WIRE_NONE), "?");
	assert_string_equal(wire_verb_text(WIRE_mail_done), "mail_done");
}

static void t_a_command_line_of_another_version_is_understood(void **state)
{
	static const struct {
		enum wire_verb verb;
		const char *bytes;
		size_t len;
	} rows[] = {
		{ WIRE_ctl_status, "\1\0\4\0\0\0\7\0\0\0", 10 }, { WIRE_ctl_reload, "\2\0\4\0\0\0\7\0\0\0", 10 },
		{ WIRE_ctl_refresh, "\3\0\4\0\0\0\7\0\0\0", 10 }, { WIRE_ctl_stop, "\4\0\4\0\0\0\7\0\0\0", 10 },
		{ WIRE_ctl_done, "\7\0\12\0\0\0\7\0\0\0\113\1\0\0\0x", 16 },
	};
	union wire_msg msg;
	enum wire_verb verb;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct span rest = span_of(rows[i].bytes, rows[i].len);

		assert_int_equal(wire_get(&rest, &verb, &msg), PR_OK);
		assert_int_equal(verb, rows[i].verb);
		assert_int_equal(msg.ctl_status.ask, 7);
	}
	assert_int_equal(msg.ctl_done.exit, 75);
	assert_string_equal(wire_role_text(ROLE_MASTER), "master");
}

static void t_a_head_and_its_bytes_are_a_verb(void **state)
{
	struct wire_mail_part part = { .ask = 77 };
	char bytes[256];
	union wire_msg msg;
	enum wire_verb verb;
	struct span rest;
	size_t n;

	(void)state;
	assert_int_equal(wire_put_head(bytes, 14 + 99, WIRE_mail_part, &part, 100), 0);
	n = wire_put_head(bytes, 14 + 100, WIRE_mail_part, &part, 100);
	assert_int_equal(n, 14);
	memset(bytes + n, 'b', 100);
	rest = span_of(bytes, n + 100);
	assert_int_equal(wire_get(&rest, &verb, &msg), PR_OK);
	assert_int_equal(verb, WIRE_mail_part);
	assert_int_equal(msg.mail_part.ask, 77);
	assert_int_equal(msg.mail_part.bytes.len, 100);
	assert_ptr_equal(msg.mail_part.bytes.at, bytes + n);
}

static void t_each_says_only_what_it_may(void **state)
{
	unsigned n = 0;

	(void)state;
	assert_true(wire_permitted(WIRE_mail_begin, ROLE_SMTPD, ROLE_SPOOL));
	assert_false(wire_permitted(WIRE_mail_begin, ROLE_SPOOL, ROLE_SMTPD));
	assert_false(wire_permitted(WIRE_mail_begin, ROLE_RELAY, ROLE_SPOOL));
	assert_true(wire_permitted(WIRE_drain, ROLE_MASTER, ROLE_EVENTS));
	assert_false(wire_permitted(WIRE_drain, ROLE_MASTER, ROLE_CTL));
	assert_true(wire_permitted(WIRE_event, ROLE_MASTER, ROLE_EVENTS));
	assert_true(wire_permitted(WIRE_outcome, ROLE_LOCAL, ROLE_SPOOL));
	assert_false(wire_permitted(WIRE_outcome, N_ROLES, ROLE_SPOOL));
	assert_true(wire_permitted(WIRE_resolve_ask, ROLE_RELAY, ROLE_DNS) && wire_permitted(WIRE_site_ask, ROLE_SPOOL, ROLE_DNS));
	assert_true(wire_permitted(WIRE_sign_ask, ROLE_SPOOL, ROLE_SIGN) && wire_permitted(WIRE_resolve_ask, ROLE_SIGN, ROLE_DNS));
	assert_false(wire_permitted(WIRE_sign_ask, ROLE_SMTPD, ROLE_SIGN) || wire_permitted(WIRE_sign_key, ROLE_SPOOL, ROLE_SIGN));
	assert_false(wire_permitted(WIRE_resolve_ask, ROLE_SMTPD, ROLE_DNS) || wire_permitted(WIRE_site_ask, ROLE_RELAY, ROLE_DNS));
	for (unsigned v = WIRE_NONE + 1; v < WIRE_N_VERBS; v++) {
		for (unsigned from = 0; from < N_ROLES; from++)
			for (unsigned to = 0; to < N_ROLES; to++)
				n += wire_permitted(v, from, to);
		assert_true(n > 0);
	}
	assert_int_equal(wire_cost(WIRE_mail_begin), COST_QUESTION);
	assert_int_equal(wire_cost(WIRE_mail_done), COST_ANSWER);
	assert_int_equal(wire_cost(WIRE_mail_part), COST_STREAM);
	assert_int_equal(wire_cost(WIRE_event), COST_EVENT);
	assert_string_equal(wire_role_text(ROLE_SMTPD), "smtpd");
	assert_string_equal(wire_role_text(N_ROLES), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_every_verb_there_and_back),
		cmocka_unit_test(t_every_cut_is_refused),
		cmocka_unit_test(t_unknown_verbs_are_refused),
		cmocka_unit_test(t_a_command_line_of_another_version_is_understood),
		cmocka_unit_test(t_a_head_and_its_bytes_are_a_verb),
		cmocka_unit_test(t_each_says_only_what_it_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
