/* A whole check: which parts run, what is asked and when, what follows when answers don't come, and what is told of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "facts_zone.h"
#include "verify/check.h"
#include "verify/dkim.h"
#include "verify/dmarc.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))
#define PLAIN	   "From: a@good.example\r\nSubject: x\r\n\r\nHello.\r\n"
#define FORGED	   "From: ceo@victim.example\r\nSubject: x\r\n\r\nHello.\r\n"

static const unsigned char V4[] = { 192, 0, 2, 1 };
static const unsigned char OTHER[] = { 192, 0, 2, 99 };

static struct settings *set;
static struct check_house house;
static struct zone zone;
static struct check *c;
static struct instant now;
static struct buf text;

static int setup(void **state)
{
	(void)state;
	set = settings_new();
	set->top.hostname = settings_text(set, SPAN("mx.example.test"));
	house = (struct check_house){ set, dkim_house_new() };
	buf_init(&text, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_fini(&text);
	dkim_house_free(&house.dkim);
	settings_free(&set);
	return 0;
}

static int begin_zone(void **state)
{
	static const char *const domains[] = { "good.example", "victim.example", "soft.example" };
	static const char *const policies[] = { "v=DMARC1; p=reject", "v=DMARC1; p=reject", "v=DMARC1; p=quarantine" };
	char name[100];

	(void)state;
	now = (struct instant){ .mono_ms = 1000, .wall_ms = 1800000000000 };
	zone_init(&zone);
	for (unsigned i = 0; i < N_OF(domains); i++) {
		zone_say(&zone, domains[i], "TXT", "v=spf1 ip4:192.0.2.1 -all");
		(void)snprintf(name, sizeof(name), "_dmarc.%s", domains[i]);
		zone_say(&zone, name, "TXT", policies[i]);
	}
	zone_say(&zone, "1.2.0.192.in-addr.arpa", "PTR", "mail.good.example");
	zone_say(&zone, "mail.good.example", "A", "192.0.2.1");
	return 0;
}

static int end_zone(void **state)
{
	(void)state;
	check_free(&c);
	zone_fini(&zone);
	return 0;
}

/* ---- a check ------------------------------------------------------------------------------ */

static struct check_ask stranger(const unsigned char client[4], const char *sender)
{
	return (struct check_ask){ .spf = CHECKS_OBSERVE, .dkim = CHECKS_OBSERVE, .dmarc = CHECKS_ENFORCE, .client = span_of((const char *)client, 4),
		.helo = SPAN("mail.good.example"), .sender = span_of_text(sender) };
}

static void begin(const struct check_ask *ask)
{
	check_free(&c);
	c = check_new(&house, ask, now);
	assert_false(check_go_on(c, now));
}

static void say_message(const char *message)
{
	check_part(c, span_of_text(message));
	check_end(c, now);
}

/* To its end, with the answers of the zone. */
static void finish(void)
{
	while (!check_go_on(c, now))
		assert_true(zone_answer(&zone, check_facts(c)));
}

static void check_whole(const struct check_ask *ask, const char *message)
{
	begin(ask);
	say_message(message);
	finish();
}

static void add_row(void *arg, const struct check_row *row)
{
	struct buf *out = arg;

	(void)buf_printf(out, "%s%s %s%s%.*s", out->len > 0 ? ", " : "", row->method, row->result, row->about.len > 0 ? " " : "", SPAN_ARG(row->about));
}

static const char *rows(void)
{
	buf_clear(&text);
	check_each_row(c, add_row, &text);
	(void)buf_add_char(&text, '\0');
	return text.at;
}

/* The questions that go out now; they get no answer. */
static const char *asked_now(void)
{
	static const char *const types[] = { [RECORD_A] = "A", [RECORD_AAAA] = "AAAA", [RECORD_PTR] = "PTR", [RECORD_TXT] = "TXT", [RECORD_MX] = "MX" };
	struct facts_question q;

	buf_clear(&text);
	while (facts_next(check_facts(c), &q))
		(void)buf_printf(&text, "%s%s %.*s", text.len > 0 ? ", " : "", types[q.type], SPAN_ARG(q.name));
	(void)buf_add_char(&text, '\0');
	return text.at;
}

static void assert_verdict(unsigned code, const char *words)
{
	const struct check_told *told = check_told(c);

	if (told->code != code || !memmem(told->words.at, told->words.len, words, strlen(words)))
		fail_msg("%u %.*s, not %u ...%s...", told->code, SPAN_ARG(told->words), code, words);
}

/* ---- parts ----------------------------------------------------------------------------------- */

static void t_each_mode_runs_its_parts(void **state)
{
	static const struct {
		enum set_checks spf, dkim, dmarc;
		bool has_client;
		const char *sender, *rows;
	} table[] = {
		{ CHECKS_OBSERVE, CHECKS_OBSERVE, CHECKS_ENFORCE, true, "a@good.example",
		    "iprev pass mail.good.example, spf pass good.example, spf none mail.good.example, dkim none, dmarc pass good.example, verdict accept" },
		{ CHECKS_OBSERVE, CHECKS_OFF, CHECKS_OFF, true, "a@good.example", "spf pass good.example, spf none mail.good.example" },
		{ CHECKS_OBSERVE, CHECKS_OFF, CHECKS_OFF, true, "", "spf none mail.good.example" },
		{ CHECKS_OFF, CHECKS_OBSERVE, CHECKS_OFF, true, "a@good.example", "iprev pass mail.good.example, dkim none" },
		{ CHECKS_OFF, CHECKS_OFF, CHECKS_OBSERVE, true, "a@good.example",
		    "iprev pass mail.good.example, spf pass good.example, spf none mail.good.example, dkim none, dmarc pass good.example" },
		{ CHECKS_OFF, CHECKS_OBSERVE, CHECKS_OFF, false, "", "dkim none" },
		{ CHECKS_OFF, CHECKS_OBSERVE, CHECKS_ENFORCE, false, "a@good.example", "dkim none, dmarc fail good.example, verdict refuse" },
	};

	(void)state;
	for (unsigned i = 0; i < N_OF(table); i++) {
		struct check_ask ask = stranger(V4, table[i].sender);

		ask.spf = table[i].spf;
		ask.dkim = table[i].dkim;
		ask.dmarc = table[i].dmarc;
		if (!table[i].has_client)
			ask.client = SPAN_NONE;
		check_whole(&ask, PLAIN);
		assert_string_equal(rows(), table[i].rows);
	}
}

static void t_helo_is_looked_at_where_it_could_have_a_record(void **state)
{
	static const char *const names[] = { "localhost", "[192.0.2.1]", "" };
	struct check_ask ask = stranger(V4, "a@good.example");

	(void)state;
	for (unsigned i = 0; i < N_OF(names); i++) {
		ask.helo = span_of_text(names[i]);
		check_whole(&ask, PLAIN);
		assert_null(strstr(rows(), "spf none"));
	}
	ask = stranger(OTHER, "a@none.example");
	ask.helo = SPAN("good.example");
	ask.spf = CHECKS_ENFORCE;
	check_whole(&ask, "From: a@none.example\r\n\r\n");
	assert_verdict(550, "good.example says that 192.0.2.99 may not send for it");
}

/* Of a sender that is there the name in HELO proves nothing. */
static void t_helo_vouches_only_where_there_is_no_sender(void **state)
{
	struct check_ask ask = stranger(V4, "a@none.example");

	(void)state;
	ask.helo = SPAN("victim.example");
	check_whole(&ask, FORGED);
	assert_verdict(550, "victim.example asks to reject");
	ask.sender = SPAN_NONE;
	check_whole(&ask, FORGED);
	assert_verdict(0, "");
}

/* ---- questions ----------------------------------------------------------------------------------- */

static void t_each_question_goes_out_as_soon_as_its_name_is_known(void **state)
{
	struct check_ask ask = stranger(V4, "a@good.example");

	(void)state;
	begin(&ask);
	assert_string_equal(asked_now(), "PTR 1.2.0.192.in-addr.arpa, TXT good.example, TXT mail.good.example");
	check_part(c, SPAN("DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; h=from; b=AAAA; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n"
	    "From: a@m.good.example\r\n"));
	assert_string_equal(asked_now(), "");
	check_part(c, SPAN("\r\n"));
	assert_string_equal(asked_now(), "TXT _dmarc.m.good.example, TXT _dmarc.good.example, TXT _dmarc.example, TXT s._domainkey.a.example");
}

/* A record of SPF that leads to more names than there are questions. */
static void say_greedy(const char *name)
{
	char record[600] = "v=spf1", host[40];

	for (unsigned i = 0; i < 9; i++) {
		(void)snprintf(host, sizeof(host), "m%u.greedy.example", i);
		(void)snprintf(record + strlen(record), sizeof(record) - strlen(record), " mx:%s", host);
		for (unsigned k = 0; k < 10; k++) {
			char exchange[60];

			(void)snprintf(exchange, sizeof(exchange), "h%u.%s", k, host);
			zone_say(&zone, host, "MX", exchange);
		}
	}
	zone_say(&zone, name, "TXT", record);
}

static void t_what_a_sender_has_looked_up_leaves_questions_for_the_author(void **state)
{
	struct check_ask ask = stranger(OTHER, "a@greedy.example");

	(void)state;
	set->verify.max_questions = 60;
	say_greedy("greedy.example");
	begin(&ask);
	while (zone_answer(&zone, check_facts(c)))
		assert_false(check_go_on(c, now));
	assert_int_equal(facts_asked(check_facts(c)) + DMARC_QUESTIONS, 60);
	check_part(c, SPAN(FORGED));
	assert_string_equal(asked_now(), "TXT _dmarc.victim.example, TXT _dmarc.example");	/* at once, and not when all else is done */
	set->verify.max_questions = 150;
}

/* ---- time ------------------------------------------------------------------------------------------ */

static void t_time_begins_at_the_end_of_the_message(void **state)
{
	struct check_ask ask = stranger(V4, "a@good.example");

	(void)state;
	begin(&ask);
	check_part(c, SPAN(PLAIN));
	assert_true(check_due(c) == INT64_MAX);
	now.mono_ms += 100000;
	check_end(c, now);
	assert_int_equal(check_due(c), now.mono_ms + set->verify.timeout);
	assert_false(check_go_on(c, now));
	now.mono_ms = check_due(c);
	assert_true(check_go_on(c, now));
	assert_string_equal(rows(), "iprev temperror, spf temperror good.example, spf temperror mail.good.example, dkim none, dmarc temperror good.example, verdict defer");
}

/* Whoever sends it can have names looked up that take any time: that must not let it in. */
static void t_when_time_is_over_a_policy_that_is_not_known_is_waited_for(void **state)
{
	struct check_ask ask = stranger(OTHER, "a@none.example");

	(void)state;
	begin(&ask);
	say_message(FORGED);
	now.mono_ms = check_due(c);
	assert_true(check_go_on(c, now));
	assert_verdict(451, "the policy of victim.example can't be told now");
	assert_true(span_eq(check_told(c)->enhanced, SPAN("4.7.1")));
	/* not where nobody enforces it */
	ask.dmarc = CHECKS_OBSERVE;
	begin(&ask);
	say_message(FORGED);
	now.mono_ms = check_due(c);
	assert_true(check_go_on(c, now));
	assert_verdict(0, "");
}

/* A domain whose servers fail is taken at that. */
static void t_a_policy_that_the_dns_fails_to_tell_is_none(void **state)
{
	struct check_ask ask = stranger(OTHER, "a@none.example");

	(void)state;
	zone_fail(&zone, RECORD_TXT, SPAN("_dmarc.broken.example"));
	check_whole(&ask, "From: a@broken.example\r\n\r\n");
	assert_verdict(0, "");
	assert_non_null(strstr(rows(), "dmarc temperror broken.example"));
}

static void t_when_time_is_over_a_policy_that_is_known_counts(void **state)
{
	struct check_ask ask = stranger(OTHER, "a@slow.example");
	struct facts_question q;

	(void)state;
	begin(&ask);
	say_message(FORGED);
	while (facts_next(check_facts(c), &q)) {
		if (span_starts_nocase(q.name, SPAN("_dmarc.victim")))
			facts_record(check_facts(c), q.number, SPAN("v=DMARC1; p=reject"));
		if (span_starts_nocase(q.name, SPAN("_dmarc")))
			facts_answer(check_facts(c), q.number, RESOLVED, false);
	}
	now.mono_ms = check_due(c);
	assert_true(check_go_on(c, now));
	assert_verdict(550, "victim.example asks to reject");
}

/* ---- what is told ------------------------------------------------------------------------------------- */

static void t_a_verdict_has_its_reply_its_fields_and_its_event(void **state)
{
	struct check_ask ask = stranger(OTHER, "x@none.example");
	struct event ev;
	struct buf out;

	(void)state;
	ask.received_spf = true;
	check_whole(&ask, "From: a@soft.example\r\n\r\n");
	assert_verdict(0, "");
	assert_non_null(memmem(check_told(c)->quarantine.at, check_told(c)->quarantine.len, "soft.example asks to quarantine", 31));
	assert_true(span_starts_nocase(check_told(c)->fields, SPAN("Authentication-Results: mx.example.test;\r\n")));
	assert_non_null(memmem(check_told(c)->fields.at, check_told(c)->fields.len, "\r\nReceived-SPF: none", 20));
	check_event(c, &ev, now.wall_ms);
	buf_init(&out, 8 * EVENT_MAX);
	event_add_text_line(&out, event_bytes(&ev), "verify");
	(void)buf_add_char(&out, '\0');
	assert_non_null(strstr(out.at, "dmarc=\"fail soft.example\""));
	assert_non_null(strstr(out.at, "policy=quarantine, action=quarantine"));
	buf_fini(&out);
}

static void t_the_steps_are_told_to_who_wants_them(void **state)
{
	struct check_ask ask = stranger(V4, "a@good.example");
	struct span tale;

	(void)state;
	check_whole(&ask, PLAIN);
	assert_int_equal(check_tale(c).len, 0);
	ask.tells = true;
	check_whole(&ask, PLAIN);
	tale = check_tale(c);
	assert_true(span_starts_nocase(tale, SPAN("The client's name\n")));
	assert_non_null(memmem(tale.at, tale.len, "\n\nDMARC\n", 8));
	assert_int_equal(tale.at[tale.len - 1], '\n');
}

/* ---- authors -------------------------------------------------------------------------------------------- */

/* However a field is written that some program shows as the author. */
static void t_whatever_may_be_shown_as_the_author_counts(void **state)
{
	static const struct {
		const char *header;
		unsigned code;
		const char *words;
	} table[] = {
		{ "From\r\n : ceo@victim.example\r\nFrom: a@good.example\r\n", 550, "several From" },
		{ "From: a@good.example\r\nFrom\r\n\t\r\n : ceo@victim.example\r\n", 550, "several From" },
		{ "From: a@good.example\r\nFrom\r\n : ceo@victim.example\r\n", 550, "several From" },
		{ "From: a@good.example\r\nFr\r\n om : ceo@victim.example\r\n", 550, "several From" },
		{ "From\r\n : ceo@victim.example\r\n", 550, "names nobody" },
		{ "From: a@good.example\r\nFr om: ceo@victim.example\r\n", 550, "several From" },
		{ "From: a@good.example\r\n From: ceo@victim.example\r\n", 550, "not a list of addresses" },
		{ " From: a@good.example\r\nFrom: ceo@victim.example\r\n", 550, "no From" },
		{ "From ceo@victim.example Sat Nov 21 10:00:00 2026\r\nFrom: a@good.example\r\n", 0, "" },
		{ "Sender: ceo@victim.example\r\nResent-From: ceo@victim.example\r\nX-From: ceo@victim.example\r\nFrom: a@good.example\r\n", 0, "" },
	};
	struct check_ask ask = stranger(V4, "a@good.example");
	char message[1000];

	(void)state;
	for (unsigned i = 0; i < N_OF(table); i++) {
		(void)snprintf(message, sizeof(message), "%s\r\nHello.\r\n", table[i].header);
		ask.sender = strstr(table[i].words, "victim") ? SPAN("a@none.example") : SPAN("a@good.example");
		check_whole(&ask, message);
		assert_verdict(table[i].code, table[i].words);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_zone, end_zone)
	const struct CMUnitTest tests[] = {
		TEST(t_each_mode_runs_its_parts),
		TEST(t_helo_is_looked_at_where_it_could_have_a_record),
		TEST(t_helo_vouches_only_where_there_is_no_sender),
		TEST(t_each_question_goes_out_as_soon_as_its_name_is_known),
		TEST(t_what_a_sender_has_looked_up_leaves_questions_for_the_author),
		TEST(t_time_begins_at_the_end_of_the_message),
		TEST(t_when_time_is_over_a_policy_that_is_not_known_is_waited_for),
		TEST(t_a_policy_that_the_dns_fails_to_tell_is_none),
		TEST(t_when_time_is_over_a_policy_that_is_known_counts),
		TEST(t_a_verdict_has_its_reply_its_fields_and_its_event),
		TEST(t_the_steps_are_told_to_who_wants_them),
		TEST(t_whatever_may_be_shown_as_the_author_counts),
	};

	return cmocka_run_group_tests_name("check", tests, setup, teardown);
}
