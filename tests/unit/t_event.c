/* Events as bytes, as lines, as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "wire/event.h"
#include "wire/settings.h"

#define WALL INT64_C(1795269761004)	/* 2026-11-21T14:02:41.004Z */

static void shows(const struct event *ev, const char *line, const char *json)
{
	struct buf out;

	buf_init(&out, 1 << 16);
	event_add_text_line(&out, event_bytes(ev), "local");
	buf_add_char(&out, '\0');
	assert_string_equal(out.at, line);
	buf_clear(&out);
	event_add_json(&out, event_bytes(ev), "local");
	buf_add_char(&out, '\0');
	assert_string_equal(out.at, json);
	buf_fini(&out);
}

static struct msg_id an_id(void)
{
	struct msg_id id;

	assert_true(id_from_text(SPAN("01JD4Z7Q9XK3ABCDEFGHJKMNPQ"), &id));
	return id;
}

static void t_a_delivery_reads_like_postfix(void **state)
{
	struct msg_id id = an_id();
	struct event ev;

	(void)state;
	event_begin(&ev, EV_DELIVERY_DEFERRED, WALL, &id);
	event_text(&ev, EF_REPLY, SPAN("try (later)"));
	event_num(&ev, EF_CODE, 450);
	event_text(&ev, EF_DSN, SPAN("4.2.0"));
	event_num(&ev, EF_ATTEMPT, 2);
	event_num(&ev, EF_NEXT, WALL + 120000);
	event_num(&ev, EF_MS, 1714);
	event_text(&ev, EF_HOST, SPAN("mx1.firma.example"));
	event_text(&ev, EF_ORIG_TO, SPAN("list@example.org"));
	event_text(&ev, EF_TO, SPAN("carol@firma.example"));
	shows(&ev, "2026-11-21T14:02:41.004Z local 01JD4Z7Q9XK3ABCDEFGHJKMNPQ: to=<carol@firma.example>, orig_to=<list@example.org>, "
	    "relay=mx1.firma.example, delay=1.714, dsn=4.2.0, status=deferred (450 4.2.0 try (later)), attempt=2, next=2026-11-21T14:04:41.004Z",
	    "{\"v\":1,\"t\":\"2026-11-21T14:02:41.004Z\",\"ev\":\"delivery.deferred\",\"prog\":\"local\",\"id\":\"01JD4Z7Q9XK3ABCDEFGHJKMNPQ\","
	    "\"reply\":\"try (later)\",\"code\":450,\"enh\":\"4.2.0\",\"attempt\":2,\"next\":1795269881004,\"ms\":1714,\"host\":\"mx1.firma.example\","
	    "\"orig_to\":\"list@example.org\",\"to\":\"carol@firma.example\"}");
}

static void t_the_null_sender_is_shown_as_postfix_shows_it(void **state)
{
	struct event ev;

	(void)state;
	event_begin(&ev, EV_MESSAGE_ACCEPTED, WALL, NULL);
	event_text(&ev, EF_FROM, SPAN_NONE);
	event_text(&ev, EF_HELO, SPAN_NONE);
	event_num(&ev, EF_SIZE, 10);
	shows(&ev, "2026-11-21T14:02:41.004Z local: message.accepted from=<>, size=10",
	    "{\"v\":1,\"t\":\"2026-11-21T14:02:41.004Z\",\"ev\":\"message.accepted\",\"prog\":\"local\",\"from\":\"\",\"size\":10}");
}

static void t_a_sender_without_room_is_not_the_null_sender(void **state)
{
	static char text[EVENT_TEXT_MAX];
	static const enum event_key keys[] = { EF_HELO, EF_REASON, EF_REPLY, EF_TO };
	struct event_view v;
	struct event_value value;
	struct event ev;

	(void)state;
	memset(text, 'x', sizeof text);
	event_begin(&ev, EV_MESSAGE_REFUSED, WALL, NULL);
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		event_text(&ev, keys[i], span_of(text, i < 3 ? sizeof text : EVENT_MAX - ev.len - 3 - 3));
	event_text(&ev, EF_FROM, SPAN("a@b"));
	assert_int_equal(event_view(event_bytes(&ev), &v), PR_OK);
	while (event_next(&v, &value))
		assert_int_not_equal(value.key, EF_FROM);
}

static void t_what_strangers_say_can_not_forge_a_line(void **state)
{
	struct event ev;

	(void)state;
	event_begin(&ev, EV_SMTP_CLOSED, WALL, NULL);
	event_text(&ev, EF_HELO, SPAN("x, status=sent\r\n\"y"));
	event_text(&ev, EF_FROM, SPAN("a>, to=<b@c"));
	event_num(&ev, EF_SIZE, -1);
	shows(&ev, "2026-11-21T14:02:41.004Z local: smtp.closed helo=\"x, status=sent\\x0d\\x0a\\x22y\", from=<a\\x3e, to=\\x3cb@c>, size=-1",
	    "{\"v\":1,\"t\":\"2026-11-21T14:02:41.004Z\",\"ev\":\"smtp.closed\",\"prog\":\"local\",\"helo\":\"x, status=sent\\r\\n\\\"y\","
	    "\"from\":\"a>, to=<b@c\",\"size\":-1}");
}

static void t_long_texts_are_cut(void **state)
{
	static char text[3000];
	struct event ev;
	struct event_view v;
	struct event_value value;
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof text; i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);	/* the euro sign */
	event_begin(&ev, EV_MESSAGE_REFUSED, WALL, NULL);
	event_text(&ev, EF_REPLY, span_of(text, sizeof text));
	event_text(&ev, EF_REPLY, SPAN("again"));
	event_text(&ev, EF_HOST, SPAN_NONE);
	event_text(&ev, EF_FROM, span_of(text, sizeof text));
	event_text(&ev, EF_TO, span_of(text, sizeof text));
	event_text(&ev, EF_HELO, span_of(text, sizeof text));
	event_text(&ev, EF_REASON, span_of(text, sizeof text));
	event_num(&ev, EF_SIZE, 1);
	assert_true(ev.len <= EVENT_MAX);
	assert_int_equal(event_view(event_bytes(&ev), &v), PR_OK);
	assert_int_equal(v.code, EV_MESSAGE_REFUSED);
	assert_int_equal(v.wall_ms, WALL);
	assert_false(v.has_id);
	while (event_next(&v, &value)) {
		n++;
		if (!value.is_num)
			assert_true(value.text.len > 0 && value.text.len <= EVENT_TEXT_MAX && value.text.len % 3 == 0);
	}
	assert_int_equal(n, 4);		/* the last text found little room, the number none */
}

static void refused(struct span bytes)
{
	char *exact = malloc(bytes.len ? bytes.len : 1);
	struct event_view v;

	memcpy(exact, bytes.at, bytes.len);
	assert_int_equal(event_view(span_of(exact, bytes.len), &v), PR_BAD);
	free(exact);
}

static void t_hostile_bytes_are_refused(void **state)
{
	struct msg_id id = an_id();
	struct event ev, bad;
	struct event_view v;

	(void)state;
	event_begin(&ev, EV_MESSAGE_ACCEPTED, WALL, &id);
	event_text(&ev, EF_FROM, SPAN("a@b"));
	event_num(&ev, EF_SIZE, 10);
	assert_int_equal(event_view(event_bytes(&ev), &v), PR_OK);
	assert_memory_equal(&v.id, &id, sizeof id);
	for (size_t cut = 0; cut < ev.len; cut++)
		if (cut != 27 && cut != 27 + 6)		/* what ends at a field's end is whole */
			refused(span_of(ev.bytes, cut));
	for (unsigned i = 0; i < 6; i++) {
		static const struct { size_t at; char byte; } spoilt[] = {
			{ 0, 0 }, { 1, 0x7f }, { 9, 0x7f }, { 10, 2 }, { 27, (char)N_EVENT_FIELDS }, { 28, (char)200 }
		};

		bad = ev;
		bad.bytes[spoilt[i].at] = spoilt[i].byte;
		refused(event_bytes(&bad));
	}
	event_begin(&bad, EV_MESSAGE_ACCEPTED, WALL, &id);
	event_text(&bad, EF_FROM, SPAN_NONE);
	assert_int_equal(event_view(event_bytes(&bad), &v), PR_OK);
	bad.bytes[27] = EF_HELO;				/* no other text is empty */
	refused(event_bytes(&bad));
	bad = ev;
	memcpy(bad.bytes + bad.len, bad.bytes + 27, 6);		/* a key twice */
	bad.len += 6;
	refused(event_bytes(&bad));
}

static void t_tables_are_whole(void **state)
{
	(void)state;
	assert_string_equal(event_kinds[EV_DELIVERY_FAILED].name, "delivery.bounced");
	assert_string_equal(event_kinds[EV_DELIVERY_FAILED].counter, "failures");
	assert_int_equal(event_kinds[EV_STORE_LOST].level, LOG_LEVEL_ERROR);
	assert_string_equal(event_fields[EF_DSN].json, "enh");
	for (unsigned i = 1; i < N_EVENTS; i++)
		assert_true(event_kinds[i].name && *event_kinds[i].name && *event_kinds[i].help);
	for (unsigned i = 1; i < N_EVENT_FIELDS; i++)
		assert_true(event_fields[i].json && *event_fields[i].json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_delivery_reads_like_postfix),
		cmocka_unit_test(t_the_null_sender_is_shown_as_postfix_shows_it),
		cmocka_unit_test(t_a_sender_without_room_is_not_the_null_sender),
		cmocka_unit_test(t_what_strangers_say_can_not_forge_a_line),
		cmocka_unit_test(t_long_texts_are_cut),
		cmocka_unit_test(t_hostile_bytes_are_refused),
		cmocka_unit_test(t_tables_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
