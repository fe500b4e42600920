/* What `postrider trace` finds, and in which slices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "events/counters.h"
#include "events/search.h"
#include "wire/event.h"

static struct msg_id id_number(unsigned n)
{
	struct msg_id id = { { 1, 2, 3, 4, 5, 6 } };

	id.bytes[14] = (unsigned char)(n >> 8);
	id.bytes[15] = (unsigned char)n;
	id.bytes[8] = (unsigned char)(n * 37);
	return id;
}

static void say(struct ring *r, enum event_code code, unsigned n, enum event_key key, const char *text)
{
	struct msg_id id = id_number(n);
	struct event ev;

	event_begin(&ev, code, 1000 + n, n ? &id : NULL);
	if (text)
		event_text(&ev, key, span_of_text(text));
	ring_add(r, event_bytes(&ev));
}

/* Three messages; 2 failed and made the bounce 3; and a refusal without an id. */
static void story(struct ring *r)
{
	struct msg_id bounce = id_number(3);
	char bounce_text[ID_TEXT_LEN + 1];

	id_to_text(&bounce, bounce_text);
	ring_init(r, 1 << 16);
	say(r, EV_MESSAGE_ACCEPTED, 1, EF_MESSAGE_ID, "<one@example.net>");
	say(r, EV_DELIVERY_DELIVERED, 1, EF_TO, "Anna@example.org");
	say(r, EV_MESSAGE_ACCEPTED, 2, EF_FROM, "carol@example.net");
	say(r, EV_SMTP_REFUSED, 0, EF_CLIENT, "192.0.2.7");
	say(r, EV_DELIVERY_FAILED, 2, EF_TO, "nobody@example.com");
	say(r, EV_DSN_SENT, 2, EF_BOUNCE_ID, bounce_text);
	say(r, EV_DELIVERY_DELIVERED, 3, EF_TO, "carol@example.net");
	say(r, EV_MESSAGE_FINISHED, 1, EF_NONE, NULL);
}

struct told {
	char codes[64][40];
	unsigned n;
};

static void note(void *arg, struct span event)
{
	struct told *t = arg;
	struct event_view v;

	assert_int_equal(event_view(event, &v), PR_OK);
	snprintf(t->codes[t->n++ % 64], sizeof(t->codes[0]), "%s", event_kinds[v.code].name);
}

static unsigned ask(const struct ring *r, const char *query)
{
	struct search *s = search_new(r, span_of_text(query), 1000);
	struct told t = { .n = 0 };
	int turns = 0;

	while (search_run(s, note, &t) != SEARCH_DONE)
		assert_true(++turns < 1000);
	assert_int_equal(search_told(s), t.n);
	search_free(&s);
	return t.n;
}

static void t_a_query_finds_whole_messages(void **state)
{
	struct msg_id one = id_number(1);
	char id[ID_TEXT_LEN + 1], part[ID_TEXT_LEN + 1], lower[ID_TEXT_LEN + 1];
	struct ring r;

	(void)state;
	story(&r);
	id_to_text(&one, id);
	snprintf(part, sizeof(part), "%s", id + ID_TEXT_LEN - 8);
	for (size_t i = 0; i <= ID_TEXT_LEN; i++)
		lower[i] = id[i] >= 'A' && id[i] <= 'Z' ? (char)(id[i] | 0x20) : id[i];
	const struct { const char *query; unsigned n; } table[] = {
		{ "", 8 }, { id, 3 }, { lower, 3 }, { part, 3 },
		{ "one@example.net", 3 }, { "<one@example.net>", 3 },
		{ "anna@example.org", 3 }, { "*@example.org", 3 },
		{ "nobody@example.com", 4 },		/* with its bounce */
		{ "carol@example.net", 4 },
		{ "192.0.2.7", 1 },
		{ "nothing", 0 }, { "<>", 0 }, { "@", 0 }, { "01234", 0 },
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		if (ask(&r, table[i].query) != table[i].n)
			fail_msg("%s: %u, not %u", table[i].query, ask(&r, table[i].query), table[i].n);
	}
	ring_fini(&r);
}

static void t_rows_wait_for_their_window(void **state)
{
	struct told t = { .n = 0 };
	struct search *s;
	struct ring r;

	(void)state;
	story(&r);
	s = search_new(&r, SPAN(""), 3);
	assert_int_equal(search_run(s, note, &t), SEARCH_WAITS);
	assert_int_equal(t.n, 3);
	assert_int_equal(search_run(s, note, &t), SEARCH_WAITS);
	search_grant(s, 100);
	assert_int_equal(search_run(s, note, &t), SEARCH_DONE);
	assert_int_equal(t.n, 8);
	assert_string_equal(t.codes[0], "message.accepted");
	assert_string_equal(t.codes[7], "message.finished");
	search_free(&s);
	ring_fini(&r);
}

/* What comes while a search runs is not told, and the search ends though the ring goes round. */
static void t_a_search_ends_while_events_come(void **state)
{
	struct told t = { .n = 0 };
	struct search *s;
	struct ring r;
	unsigned turns = 0;

	(void)state;
	ring_init(&r, 1 << 20);
	for (unsigned n = 1; n < 20000; n++)
		say(&r, EV_DELIVERY_DELIVERED, n, EF_TO, "a@example.org");
	s = search_new(&r, SPAN("a@example.org"), UINT32_MAX);
	while (search_run(s, note, &t) != SEARCH_DONE) {
		for (unsigned n = 1; n < 900; n++)
			say(&r, EV_DELIVERY_DELIVERED, n, EF_TO, "a@example.org");
		assert_true(++turns < 1000);
	}
	assert_true(turns > 5);
	assert_true(t.n < 20000);
	search_free(&s);
	ring_fini(&r);
}

static void t_the_answer_says_where_memory_begins(void **state)
{
	struct ring r;

	(void)state;
	ring_init(&r, 1 << 16);
	assert_int_equal(search_begins_ms(&r), 0);
	say(&r, EV_MESSAGE_ACCEPTED, 5, EF_NONE, NULL);
	assert_int_equal(search_begins_ms(&r), 1005);
	ring_fini(&r);
}

static void t_counters_go_by_name(void **state)
{
	struct counters c = { .at = { 0 } };
	struct buf words;

	(void)state;
	buf_init(&words, 4096);
	counters_add(&c, EV_MESSAGE_ACCEPTED, 2);
	counters_add(&c, EV_DELIVERY_DELIVERED, 3);
	counters_add(&c, N_EVENTS, 9);
	counters_add_words(&c, &words);
	assert_int_equal(counters_of(&c, "messages_accepted"), 2);
	assert_true(span_eq(buf_span(&words), SPAN("messages_accepted=2 deliveries=3")));
	buf_fini(&words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_query_finds_whole_messages),
		cmocka_unit_test(t_rows_wait_for_their_window),
		cmocka_unit_test(t_a_search_ends_while_events_come),
		cmocka_unit_test(t_the_answer_says_where_memory_begins),
		cmocka_unit_test(t_counters_go_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
