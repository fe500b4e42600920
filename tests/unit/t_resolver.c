/* The resolver with time as a parameter: whatever the servers do, who asks is answered, once and in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "dns/resolver.h"
#include "tests/unit/dns_packets.h"

#define TIMEOUT   8000		/* so that the waits are 1, 2, 4 s */
#define OPEN_MAX  8192

/* ---- a world ------------------------------------------------------------------------- */

struct asker {
	struct waiter waiter;
	unsigned n_answers;
	struct answer *answer;
	int64_t answered_at;
};

struct sent {
	struct attempt *attempt;	/* NULL: closed */
	unsigned server;
	bool is_stream;
	size_t len;
	unsigned char packet[PACKET_QUESTION_MAX];
};

static struct world {
	struct resolver *r;
	int64_t now;
	unsigned n_sent, n_closed, n_streams_closed, n_open;
	struct sent *last;		/* sent last */
	struct sent *all[OPEN_MAX];
	char told[256];			/* of servers */
} w;

static struct packet_draft p;

static void note_sent(struct attempt *a, bool is_stream)
{
	struct sent *s = mem_new(sizeof(*s));

	s->attempt = a;
	s->server = a->server;
	s->is_stream = is_stream;
	s->len = resolver_packet(w.r, a, s->packet);
	if (!is_stream) {
		a->socket = s;
		w.n_open++;
	}
	assert_true(w.n_sent < OPEN_MAX);
	w.all[w.n_sent++] = s;
	w.last = s;
}

static void note_closed(struct sent *s)
{
	assert_non_null(s->attempt);
	s->attempt = NULL;
	w.n_closed++;
	w.n_open--;
}

static void note_answer(struct asker *a, struct answer *answer)
{
	a->n_answers++;
	a->answered_at = w.now;
	answer_unref(&a->answer);
	a->answer = answer;
}

static void perform(void)
{
	struct resolver_effect e;
	size_t len;

	while (resolver_take(w.r, &e)) {
		switch (e.kind) {
		case RESOLVER_SEND: note_sent(e.attempt, false); break;
		case RESOLVER_SEND_STREAM: note_sent(e.attempt, true); break;
		case RESOLVER_CLOSE: note_closed(e.socket); break;
		case RESOLVER_CLOSE_STREAMS: w.n_streams_closed++; break;
		case RESOLVER_ANSWER: note_answer(LIST_OWNER(e.waiter, struct asker, waiter), e.answer); break;
		case RESOLVER_TELL_DOWN:
		case RESOLVER_TELL_BACK:
			len = strlen(w.told);
			snprintf(w.told + len, sizeof(w.told) - len, "%s%u ", e.kind == RESOLVER_TELL_DOWN ? "down" : "back", e.server);
			break;
		}
	}
}

static void set_servers(unsigned n, int trust)
{
	static const char *const addresses[] = { "127.0.0.1", "192.0.2.2", "192.0.2.3:5353" };
	struct server_address servers[SERVERS_MAX];
	struct resolver_rules rules = { .timeout_ms = TIMEOUT, .cache_size = 1 << 20, .trust_ad = trust };

	for (unsigned i = 0; i < n; i++)
		assert_true(server_address_from_text(span_of_text(addresses[i]), &servers[i]));
	resolver_set(w.r, &rules, servers, n, w.now);
	perform();
}

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.now = 1000000;
	w.r = resolver_new();
	set_servers(1, TRUST_AD_LOOPBACK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	resolver_free(&w.r);
	for (unsigned i = 0; i < w.n_sent; i++)
		mem_free(w.all[i]);
	return 0;
}

static void ask_in(enum resolver_lane lane, struct asker *a, unsigned type, const char *name)
{
	struct question q = question_of(type, name);

	memset(a, 0, sizeof(*a));
	a->waiter.lane = lane;
	resolver_ask(w.r, &q, &a->waiter, w.now);
	perform();
}

static void ask(struct asker *a, unsigned type, const char *name)
{
	ask_in(LANE_DELIVERY, a, type, name);
}

static void forget(struct asker *a)
{
	answer_unref(&a->answer);
}

static void pass_to(int64_t then)
{
	while (resolver_due(w.r) <= then) {
		w.now = resolver_due(w.r) > w.now ? resolver_due(w.r) : w.now;
		resolver_tick(w.r, w.now);
		perform();
	}
	w.now = then;
}

static void pass(int64_t ms)
{
	pass_to(w.now + ms);
}

static void hear(struct sent *s)
{
	if (s->is_stream)
		resolver_heard_stream(w.r, s->server, draft_span(&p), w.now);
	else if (s->attempt)
		resolver_heard(w.r, s->attempt, draft_span(&p), w.now);
	perform();
}

static void say_a(struct sent *s, const char *owner, uint32_t ttl, unsigned flags)
{
	draft_answer_to(&p, s->packet, s->len, FLAGS_ANSWER | flags);
	draft_a(&p, owner, ttl, 1);
	hear(s);
}

static void say(struct sent *s, unsigned flags)
{
	draft_answer_to(&p, s->packet, s->len, FLAGS_ANSWER | flags);
	hear(s);
}

static void say_no(struct sent *s, unsigned rcode, uint32_t ttl)
{
	draft_answer_to(&p, s->packet, s->len, FLAGS_ANSWER | rcode);
	draft_soa(&p, "example", ttl, ttl);
	hear(s);
}

static void is_answered(const struct asker *a, enum wire_resolve result)
{
	assert_int_equal(a->n_answers, 1);
	assert_int_equal(a->answer->result, result);
	assert_int_equal(a->answer->n > 0, result == RESOLVED);
}

/* ---- one question ----------------------------------------------------------------------- */

static void t_an_answer_is_told_and_remembered(void **state)
{
	struct asker a, b, c;

	(void)state;
	ask(&a, RECORD_A, "mx.example");
	assert_int_equal(w.n_sent, 1);
	assert_int_equal(a.n_answers, 0);
	say_a(w.last, "mx.example", 60, 0);
	is_answered(&a, RESOLVED);
	assert_int_equal(w.n_open, 0);
	pass(20500);
	ask(&b, RECORD_A, "mx.example");
	is_answered(&b, RESOLVED);
	assert_int_equal(w.n_sent, 1);
	assert_int_equal(answer_ttl(b.answer, w.now), 40);
	pass(39500);
	ask(&c, RECORD_A, "mx.example");
	assert_int_equal(w.n_sent, 2);
	say_a(w.last, "mx.example", 0, 0);	/* a TTL of 0 is for this time only */
	is_answered(&c, RESOLVED);
	forget(&c);
	ask(&c, RECORD_A, "mx.example");
	assert_int_equal(w.n_sent, 3);
	forget(&a);
	forget(&b);
	resolver_cancel(w.r, &c.waiter);
}

static void t_a_no_is_remembered_too(void **state)
{
	struct asker a, b;

	(void)state;
	ask(&a, RECORD_MX, "nobody.example");
	say_no(w.last, RCODE_NO_NAME, 300);
	is_answered(&a, RESOLVE_NO_NAME);
	pass(299000);
	ask(&b, RECORD_MX, "nobody.example");
	is_answered(&b, RESOLVE_NO_NAME);
	forget(&b);
	pass(1000);
	ask(&b, RECORD_MX, "nobody.example");
	assert_int_equal(w.n_sent, 2);
	say_no(w.last, RCODE_OK, 300);
	is_answered(&b, RESOLVE_NO_DATA);
	forget(&a);
	forget(&b);
}

static void t_equal_questions_are_one(void **state)
{
	struct asker a[100], other;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		ask(&a[i], RECORD_A, i % 2 ? "mx.example" : "MX.Example.");
	assert_int_equal(w.n_sent, 1);
	ask(&other, RECORD_AAAA, "mx.example");
	assert_int_equal(w.n_sent, 2);
	resolver_cancel(w.r, &a[7].waiter);
	say_a(w.all[0], "mx.example", 60, 0);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(a[i].n_answers, i != 7);
		forget(&a[i]);
	}
	assert_int_equal(other.n_answers, 0);
	resolver_cancel(w.r, &other.waiter);
}

static void t_ids_are_drawn(void **state)
{
	unsigned char seen[65536] = { 0 };
	struct asker a[200];
	unsigned different = 0;
	char name[32];

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "h%u.example", i);
		ask(&a[i], RECORD_A, name);
		different += !seen[w.last->attempt->id];
		seen[w.last->attempt->id] = 1;
	}
	assert_true(different > 190);
	for (unsigned i = 0; i < 200; i++)
		resolver_cancel(w.r, &a[i].waiter);
}

/* ---- silence -------------------------------------------------------------------------------- */

static void t_silence_ends_in_time(void **state)
{
	struct asker a, b;

	(void)state;
	ask(&a, RECORD_A, "mx.example");
	pass(999);
	assert_int_equal(w.n_sent, 1);
	pass(1);
	assert_int_equal(w.n_sent, 2);
	pass(2000);
	assert_int_equal(w.n_sent, 3);
	pass(4000);
	assert_int_equal(w.n_sent, 4);
	pass(999);
	assert_int_equal(a.n_answers, 0);
	pass(1);
	is_answered(&a, RESOLVE_TEMPORARY);
	assert_string_equal(w.told, "down0 ");
	assert_non_null(strstr(a.answer->why.at, "no answer from 127.0.0.1:53"));
	assert_int_equal(w.n_open, 0);
	pass(RESOLVER_FAILED_TTL * 1000 - 1);
	ask(&b, RECORD_A, "mx.example");	/* a failure is remembered for a moment */
	is_answered(&b, RESOLVE_TEMPORARY);
	assert_int_equal(w.n_sent, 4);
	forget(&b);
	pass(1);
	ask(&b, RECORD_A, "mx.example");
	assert_int_equal(w.n_sent, 5);
	say_a(w.last, "mx.example", 60, 0);
	is_answered(&b, RESOLVED);
	assert_string_equal(w.told, "down0 back0 ");
	forget(&a);
	forget(&b);
}

static void t_a_name_that_gets_no_answer_harms_no_other(void **state)
{
	struct asker a;

	(void)state;
	ask(&a, RECORD_A, "slow.attacker.example");
	pass(TIMEOUT);
	is_answered(&a, RESOLVE_TEMPORARY);
	assert_string_equal(w.told, "down0 ");
	forget(&a);
	ask(&a, RECORD_A, "one.example");
	pass(TIMEOUT - 1);
	assert_int_equal(a.n_answers, 0);
	say_a(w.last, "one.example", 60, 0);
	is_answered(&a, RESOLVED);
	forget(&a);
}

/* By a question that no stranger chose. */
static void t_where_nobody_answers_nobody_waits_long(void **state)
{
	struct question root = question_of(RECORD_NS, ".");
	struct asker a, b, probe = { .n_answers = 0 };
	unsigned sent;

	(void)state;
	ask(&a, RECORD_A, "one.example");
	pass(TIMEOUT);
	is_answered(&a, RESOLVE_TEMPORARY);
	assert_string_equal(w.told, "down0 ");
	forget(&a);
	resolver_probe(w.r, &root, 0, &probe.waiter, w.now);
	perform();
	pass(TIMEOUT);
	is_answered(&probe, RESOLVE_TEMPORARY);
	forget(&probe);
	pass(SERVER_DOWN_LAST_MS);	/* it is time to try again: a first wait long, and no longer */
	sent = w.n_sent;
	ask(&a, RECORD_A, "two.example");
	assert_int_equal(w.n_sent, sent + 1);
	pass(999);
	assert_int_equal(a.n_answers, 0);
	pass(1);
	is_answered(&a, RESOLVE_TEMPORARY);
	assert_int_equal(w.n_sent, sent + 1);
	ask(&b, RECORD_A, "three.example");	/* a moment later: at once */
	is_answered(&b, RESOLVE_TEMPORARY);
	assert_true(span_eq(b.answer->why, SPAN("no resolver answers")));
	assert_int_equal(w.n_sent, sent + 1);
	forget(&a);
	forget(&b);
	pass(SERVER_DOWN_LAST_MS);
	ask(&a, RECORD_A, "four.example");
	say_a(w.last, "four.example", 60, 0);
	is_answered(&a, RESOLVED);
	ask(&b, RECORD_A, "five.example");	/* it is back: there is time for all tries again */
	pass(TIMEOUT - 1);
	assert_int_equal(b.n_answers, 0);
	pass(1);
	is_answered(&b, RESOLVE_TEMPORARY);
	forget(&a);
	forget(&b);
}

static void t_a_late_answer_to_the_first_try_counts(void **state)
{
	struct asker a;

	(void)state;
	ask(&a, RECORD_A, "slow.example");
	pass(3500);
	assert_int_equal(w.n_sent, 3);
	say_a(w.all[0], "slow.example", 60, 0);
	is_answered(&a, RESOLVED);
	assert_int_equal(w.n_open, 0);
	say_a(w.all[1], "slow.example", 60, 0);	/* to a socket that is closed: nothing */
	assert_int_equal(a.n_answers, 1);
	forget(&a);
}

static void t_the_next_server_is_asked_and_a_silent_one_comes_last(void **state)
{
	struct asker a;
	char name[32];

	(void)state;
	set_servers(3, TRUST_AD_LOOPBACK);
	for (unsigned i = 0; i < SERVER_SILENT_MAX; i++) {
		snprintf(name, sizeof(name), "h%u.example", i);
		ask(&a, RECORD_A, name);
		assert_int_equal(w.last->server, 0);
		pass(1000);
		assert_int_equal(w.last->server, 1);
		say_a(w.last, name, 60, 0);
		is_answered(&a, RESOLVED);
		forget(&a);
	}
	assert_string_equal(w.told, "down0 ");
	ask(&a, RECORD_A, "next.example");
	assert_int_equal(w.last->server, 1);
	say_a(w.last, "next.example", 60, 0);
	forget(&a);
	pass(SERVER_DOWN_FIRST_MS);
	ask(&a, RECORD_A, "again.example");	/* its time is over: it gets a chance */
	assert_int_equal(w.last->server, 0);
	say_a(w.last, "again.example", 60, 0);
	assert_string_equal(w.told, "down0 back0 ");
	forget(&a);
}

static void t_a_server_that_is_not_there_is_passed_at_once(void **state)
{
	struct asker a;

	(void)state;
	set_servers(2, TRUST_AD_LOOPBACK);
	ask(&a, RECORD_A, "mx.example");
	resolver_failed(w.r, w.last->attempt, w.now);
	perform();
	assert_int_equal(w.n_sent, 2);
	assert_int_equal(w.last->server, 1);
	resolver_failed(w.r, w.last->attempt, w.now);
	perform();
	assert_int_equal(w.n_sent, 2);		/* no tight loop: the next try has its time */
	assert_int_equal(w.n_open, 0);
	pass(1000);
	assert_int_equal(w.n_sent, 3);
	say_a(w.last, "mx.example", 60, 0);
	is_answered(&a, RESOLVED);
	forget(&a);
}

static void t_an_hour_without_servers_asks_no_more_than_needed(void **state)
{
	struct asker a;
	unsigned asked = 0;

	(void)state;
	set_servers(2, TRUST_AD_LOOPBACK);
	for (unsigned second = 0; second < 3600; second++) {
		ask(&a, RECORD_A, "mx.example");
		if (a.n_answers)
			is_answered(&a, RESOLVE_TEMPORARY);
		else
			asked++;
		pass(1000);
		resolver_cancel(w.r, &a.waiter);
		forget(&a);
	}
	assert_true(asked > 0);
	assert_true(w.n_sent <= 3600u * 1000 / TIMEOUT * 4 + 8);
	assert_true(w.n_open <= 8);
}

/* ---- what servers say --------------------------------------------------------------------------- */

static void t_a_failing_server_is_not_the_last_word(void **state)
{
	static const unsigned codes[] = { RCODE_FAILED, RCODE_REFUSED, 6, 15 };
	struct asker a;
	char name[32];

	(void)state;
	set_servers(2, TRUST_AD_LOOPBACK);
	for (unsigned i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		snprintf(name, sizeof(name), "h%u.example", i);
		ask(&a, RECORD_A, name);
		say(w.last, codes[i]);
		assert_int_equal(w.last->server, 1);
		assert_int_equal(a.n_answers, 0);
		say_a(w.last, name, 60, 0);
		is_answered(&a, RESOLVED);
		forget(&a);
	}
}

static void t_all_servers_failing_is_temporary_at_once(void **state)
{
	struct asker a;

	(void)state;
	set_servers(2, TRUST_AD_LOOPBACK);
	ask(&a, RECORD_MX, "broken.example");
	say(w.last, RCODE_FAILED);
	say(w.last, RCODE_FAILED);
	is_answered(&a, RESOLVE_TEMPORARY);
	assert_non_null(strstr(a.answer->why.at, "192.0.2.2:53 says SERVFAIL"));
	assert_int_equal(w.n_sent, 2);
	assert_int_equal(w.n_open, 0);
	forget(&a);
}

static void t_a_slow_server_is_awaited_when_the_other_fails(void **state)
{
	struct asker a;

	(void)state;
	set_servers(2, TRUST_AD_LOOPBACK);
	ask(&a, RECORD_A, "mx.example");
	pass(1000);
	say(w.all[1], RCODE_FAILED);
	assert_int_equal(a.n_answers, 0);
	say_a(w.all[0], "mx.example", 60, 0);
	is_answered(&a, RESOLVED);
	forget(&a);
}

static void t_a_referral_or_garbage_is_never_a_no(void **state)
{
	struct asker a;

	(void)state;
	ask(&a, RECORD_MX, "lame.example");
	draft_answer_to(&p, w.last->packet, w.last->len, 0x8000);
	draft_named(&p, SECTION_AUTHORITY, "example", RECORD_NS, 60, "ns.example");
	hear(w.last);
	is_answered(&a, RESOLVE_TEMPORARY);
	assert_non_null(strstr(a.answer->why.at, "does not resolve for us"));
	forget(&a);
	ask(&a, RECORD_MX, "garbage.example");
	draft_answer_to(&p, w.last->packet, w.last->len, FLAGS_ANSWER);
	p.at[7] = 1;
	draft_bytes(&p, "\377\377\377\377", 4);
	hear(w.last);
	is_answered(&a, RESOLVE_TEMPORARY);
	forget(&a);
}

static void t_one_who_does_not_know_edns_is_asked_without(void **state)
{
	struct asker a;

	(void)state;
	ask(&a, RECORD_A, "mx.example");
	assert_int_equal(w.last->packet[11], 1);
	say(w.last, RCODE_FORMAT);
	assert_int_equal(w.n_sent, 2);
	assert_int_equal(w.last->packet[11], 0);
	say_a(w.last, "mx.example", 60, 0);
	is_answered(&a, RESOLVED);
	forget(&a);
	ask(&a, RECORD_A, "other.example");
	assert_int_equal(w.last->packet[11], 0);
	say(w.last, RCODE_FORMAT);		/* and now it is a failure */
	is_answered(&a, RESOLVE_TEMPORARY);
	forget(&a);
}

/* ---- strangers -------------------------------------------------------------------------------------- */

static void t_what_is_no_answer_is_not_heard(void **state)
{
	struct asker a;
	struct question other = question_of(RECORD_A, "bank.example");
	uint16_t id;

	(void)state;
	ask(&a, RECORD_A, "mx.example");
	id = w.last->attempt->id;
	draft_answer_to(&p, w.last->packet, w.last->len, FLAGS_ANSWER);
	draft_a(&p, "mx.example", 60, 66);
	p.at[0] ^= 1;				/* another id */
	hear(w.last);
	draft_answer(&p, &other, id, FLAGS_ANSWER);	/* another question */
	draft_a(&p, "bank.example", 60, 66);
	hear(w.last);
	draft_bytes(&p, "junk", 4);
	p.at[2] = 0;				/* a question */
	hear(w.last);
	p.len = 3;
	hear(w.last);
	p.len = 0;
	hear(w.last);
	assert_int_equal(a.n_answers, 0);
	say_a(w.last, "mx.example", 60, 0);
	is_answered(&a, RESOLVED);
	assert_int_equal(a.answer->rows.at[5], 1);
	forget(&a);
}

static void t_who_guesses_finds_the_socket_closed(void **state)
{
	struct asker a;
	struct sent *first;

	(void)state;
	ask(&a, RECORD_A, "mx.example");
	first = w.last;
	for (unsigned i = 0; i < RESOLVER_STRANGE_MAX; i++) {
		assert_non_null(first->attempt);
		draft_answer_to(&p, first->packet, first->len, FLAGS_ANSWER);
		p.at[0] ^= 1;
		hear(first);
	}
	assert_null(first->attempt);
	pass(1000);
	assert_int_equal(w.n_sent, 2);
	say_a(w.last, "mx.example", 60, 0);
	is_answered(&a, RESOLVED);
	forget(&a);
}

static void t_records_of_other_names_are_never_kept(void **state)
{
	struct asker a;

	(void)state;
	ask(&a, RECORD_A, "mx.example");
	draft_answer_to(&p, w.last->packet, w.last->len, FLAGS_ANSWER);
	draft_a(&p, "mx.example", 60, 1);
	draft_a(&p, "bank.example", 60, 66);
	draft_named(&p, SECTION_AUTHORITY, "example", RECORD_NS, 60, "thief.example");
	hear(w.last);
	is_answered(&a, RESOLVED);
	assert_int_equal(a.answer->n, 1);
	forget(&a);
	ask(&a, RECORD_A, "bank.example");
	assert_int_equal(a.n_answers, 0);
	assert_int_equal(w.n_sent, 2);
	resolver_cancel(w.r, &a.waiter);
}

/* ---- chains ------------------------------------------------------------------------------------------- */

static void say_cname(struct sent *s, const char *from, const char *to, unsigned flags)
{
	draft_answer_to(&p, s->packet, s->len, FLAGS_ANSWER | flags);
	draft_named(&p, SECTION_ANSWER, from, RECORD_CNAME, 30, to);
	hear(s);
}

static void t_a_chain_is_followed_to_its_end(void **state)
{
	struct asker a;

	(void)state;
	ask(&a, RECORD_A, "one.example");
	say_cname(w.last, "one.example", "two.example", FLAGS_AD);
	assert_int_equal(w.n_sent, 2);
	say_cname(w.last, "two.example", "three.example", FLAGS_AD);
	say_a(w.last, "three.example", 60, FLAGS_AD);
	is_answered(&a, RESOLVED);
	assert_true(a.answer->secure);
	assert_int_equal(a.answer->ttl, 30);
	assert_true(span_eq(a.answer->name, SPAN("three.example")));
	forget(&a);
	ask(&a, RECORD_A, "one.example");
	is_answered(&a, RESOLVED);
	forget(&a);
	ask(&a, RECORD_A, "four.example");
	say_cname(w.last, "four.example", "five.example", 0);	/* one link that is not secure */
	say_a(w.last, "five.example", 60, FLAGS_AD);
	is_answered(&a, RESOLVED);
	assert_false(a.answer->secure);
	forget(&a);
}

static void t_a_chain_without_end_ends(void **state)
{
	struct asker a;
	char from[32], to[32];
	unsigned n = 0;

	(void)state;
	ask(&a, RECORD_A, "c0.example");
	while (a.n_answers == 0 && n < 100) {
		snprintf(from, sizeof(from), "c%u.example", n);
		snprintf(to, sizeof(to), "c%u.example", ++n);
		say_cname(w.last, from, to, 0);
	}
	assert_int_equal(n, PACKET_CNAMES_MAX + 1);
	is_answered(&a, RESOLVE_TEMPORARY);
	forget(&a);
	ask(&a, RECORD_A, "ping.example");
	for (n = 0; a.n_answers == 0 && n < 100; n++)
		say_cname(w.last, n % 2 ? "pong.example" : "ping.example", n % 2 ? "ping.example" : "pong.example", 0);
	is_answered(&a, RESOLVE_TEMPORARY);
	assert_int_equal(w.n_open, 0);
	forget(&a);
}

/* ---- streams -------------------------------------------------------------------------------------------- */

static void t_what_is_cut_comes_by_a_stream(void **state)
{
	struct asker a, b;
	struct sent *first, *second;

	(void)state;
	ask(&a, RECORD_TXT, "long.example");
	ask(&b, RECORD_TXT, "longer.example");
	say(w.all[0], FLAGS_TC);
	say(w.all[1], FLAGS_TC);
	assert_int_equal(w.n_open, 0);
	first = w.all[2];
	second = w.all[3];
	assert_true(first->is_stream && second->is_stream);
	draft_answer_to(&p, second->packet, second->len, FLAGS_ANSWER);
	draft_record(&p, SECTION_ANSWER, "longer.example", RECORD_TXT, 60, "\1x", 2);
	hear(second);				/* in any order */
	is_answered(&b, RESOLVED);
	assert_int_equal(a.n_answers, 0);
	draft_answer_to(&p, first->packet, first->len, FLAGS_ANSWER);
	draft_record(&p, SECTION_ANSWER, "long.example", RECORD_TXT, 60, "\1y", 2);
	p.at[1] ^= 1;
	hear(first);				/* an id that nobody has */
	p.at[1] ^= 1;
	hear(first);
	is_answered(&a, RESOLVED);
	forget(&a);
	forget(&b);
}

static void t_a_stream_that_breaks_is_opened_again(void **state)
{
	struct asker a;

	(void)state;
	ask(&a, RECORD_TXT, "long.example");
	say(w.last, FLAGS_TC);
	resolver_stream_failed(w.r, 0, w.now);
	perform();
	assert_int_equal(w.n_sent, 2);
	pass(1000);
	assert_int_equal(w.n_sent, 3);
	assert_true(w.last->is_stream);		/* it is known to be cut by UDP */
	say(w.last, FLAGS_TC);			/* nonsense */
	is_answered(&a, RESOLVE_TEMPORARY);
	forget(&a);
}

static void t_cut_without_a_stream_is_temporary(void **state)
{
	struct asker a;
	int64_t begun = w.now;

	(void)state;
	ask(&a, RECORD_TXT, "long.example");
	say(w.last, FLAGS_TC);
	for (unsigned i = 0; i < 20 && a.n_answers == 0; i++) {
		resolver_stream_failed(w.r, 0, w.now);
		perform();
		pass(1000);
	}
	is_answered(&a, RESOLVE_TEMPORARY);
	assert_true(a.answered_at - begun <= TIMEOUT);
	forget(&a);
}

/* ---- whose word counts -------------------------------------------------------------------------------------- */

static void t_ad_counts_only_from_whom_it_may(void **state)
{
	static const struct {
		int trust;
		unsigned server;
		unsigned flags;
		bool secure;
	} rows[] = {
		{ TRUST_AD_LOOPBACK, 0, FLAGS_AD, true }, { TRUST_AD_LOOPBACK, 0, 0, false }, { TRUST_AD_LOOPBACK, 1, FLAGS_AD, false },
		{ TRUST_AD_YES, 1, FLAGS_AD, true }, { TRUST_AD_YES, 0, FLAGS_AD, true }, { TRUST_AD_NO, 0, FLAGS_AD, false },
	};
	struct asker a;

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		set_servers(2, rows[i].trust);
		ask(&a, RECORD_A, "mx.example");
		if (rows[i].server == 1)
			say(w.last, RCODE_FAILED);
		assert_int_equal(w.last->server, rows[i].server);
		say_a(w.last, "mx.example", 60, rows[i].flags);
		is_answered(&a, RESOLVED);
		assert_int_equal(a.answer->secure, rows[i].secure);
		forget(&a);
		set_servers(1, TRUST_AD_NO);	/* other rules: nothing of before is known any more */
	}
}

static void t_a_probe_asks_one_server_past_the_cache(void **state)
{
	struct question q = question_of(RECORD_NS, ".");
	struct asker a = { .n_answers = 0 };

	(void)state;
	set_servers(2, TRUST_AD_LOOPBACK);
	resolver_probe(w.r, &q, 1, &a.waiter, w.now);
	perform();
	assert_int_equal(w.last->server, 1);
	draft_answer_to(&p, w.last->packet, w.last->len, FLAGS_ANSWER | FLAGS_AD);
	draft_named(&p, SECTION_ANSWER, ".", RECORD_NS, 60, "a.root-servers.net");
	hear(w.last);
	is_answered(&a, RESOLVED);
	assert_true(a.answer->ad && !a.answer->secure);
	forget(&a);
	a.n_answers = 0;
	resolver_probe(w.r, &q, 1, &a.waiter, w.now);
	perform();
	assert_int_equal(a.n_answers, 0);
	say(w.last, RCODE_REFUSED);
	is_answered(&a, RESOLVE_TEMPORARY);
	forget(&a);
}

static void t_a_server_that_was_not_there_at_the_start_is_told_when_it_comes(void **state)
{
	struct question q = question_of(RECORD_NS, ".");
	struct asker probe = { .n_answers = 0 }, a;

	(void)state;
	resolver_probe(w.r, &q, 0, &probe.waiter, w.now);
	perform();
	pass(TIMEOUT);
	is_answered(&probe, RESOLVE_TEMPORARY);
	forget(&probe);
	assert_string_equal(w.told, "");	/* who leaves a probe unanswered may serve all the same */
	for (unsigned i = 0; i < 2; i++) {
		ask(&a, RECORD_A, i ? "mx.example" : "other.example");
		say_a(w.last, i ? "mx.example" : "other.example", 60, 0);
		is_answered(&a, RESOLVED);
		forget(&a);
		assert_string_equal(w.told, "back0 ");
	}
}

/* ---- other servers --------------------------------------------------------------------------------------------- */

static void t_other_servers_get_the_questions_that_are_under_way(void **state)
{
	struct asker a;
	struct sent *old;

	(void)state;
	ask(&a, RECORD_A, "mx.example");
	old = w.last;
	set_servers(1, TRUST_AD_LOOPBACK);	/* the same: nothing happens */
	assert_non_null(old->attempt);
	set_servers(2, TRUST_AD_LOOPBACK);
	assert_null(old->attempt);
	assert_int_equal(w.n_sent, 2);
	say_a(w.last, "mx.example", 60, 0);
	is_answered(&a, RESOLVED);
	forget(&a);
}

static void t_a_probe_ends_with_its_server(void **state)
{
	struct question q = question_of(RECORD_NS, ".");
	struct asker probe = { .n_answers = 0 };
	struct resolver_counts c;

	(void)state;
	resolver_probe(w.r, &q, 0, &probe.waiter, w.now);
	perform();
	set_servers(2, TRUST_AD_LOOPBACK);
	pass(TIMEOUT);
	assert_int_equal(probe.n_answers, 0);
	assert_int_equal(w.n_open, 0);
	resolver_count(w.r, &c);
	assert_int_equal(c.flying, 0);
	assert_string_equal(w.told, "");
}

/* ---- bounds ------------------------------------------------------------------------------------------------------- */

static void t_more_than_can_fly_stand_in_line(void **state)
{
	static struct asker a[RESOLVER_FLYING_MAX + 100];
	struct resolver_counts c;
	char name[32];
	unsigned n = sizeof(a) / sizeof(*a);

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "h%u.example", i);
		ask(&a[i], RECORD_A, name);
	}
	resolver_count(w.r, &c);
	assert_int_equal(c.flying, RESOLVER_FLYING_MAX);
	assert_int_equal(c.in_line, 100);
	assert_int_equal(w.n_sent, RESOLVER_FLYING_MAX);
	say_a(w.all[0], "h0.example", 60, 0);
	assert_int_equal(w.n_sent, RESOLVER_FLYING_MAX + 1);
	resolver_count(w.r, &c);
	assert_int_equal(c.in_line, 99);
	pass(TIMEOUT);
	for (unsigned i = 0; i < n; i++) {
		is_answered(&a[i], i == 0 ? RESOLVED : RESOLVE_TEMPORARY);
		forget(&a[i]);
	}
	assert_int_equal(w.n_open, 0);
	resolver_count(w.r, &c);
	assert_int_equal(c.flying + c.in_line, 0);
}

static void t_a_question_that_nobody_waits_for_makes_room(void **state)
{
	static struct asker a[RESOLVER_FLYING_MAX + 2], again;
	struct resolver_counts c;
	char name[32];

	(void)state;
	for (unsigned i = 0; i < RESOLVER_FLYING_MAX + 2; i++) {
		snprintf(name, sizeof(name), "h%u.example", i);
		ask(&a[i], RECORD_A, name);
	}
	ask(&again, RECORD_A, "h1.example");
	resolver_withdraw(w.r, &a[0].waiter, w.now);		/* one that flies */
	perform();
	resolver_count(w.r, &c);
	assert_int_equal(w.n_sent, RESOLVER_FLYING_MAX + 1);
	assert_int_equal(w.n_open, RESOLVER_FLYING_MAX);
	assert_int_equal(c.in_line, 1);
	resolver_withdraw(w.r, &a[1].waiter, w.now);		/* one that another waits for too */
	resolver_withdraw(w.r, &a[RESOLVER_FLYING_MAX + 1].waiter, w.now);	/* one in the line */
	perform();
	resolver_count(w.r, &c);
	assert_int_equal(c.flying, RESOLVER_FLYING_MAX);
	assert_int_equal(c.in_line, 0);
	pass(TIMEOUT);
	for (unsigned i = 0; i < RESOLVER_FLYING_MAX + 2; i++) {
		assert_int_equal(a[i].n_answers, i > 1 && i <= RESOLVER_FLYING_MAX);
		forget(&a[i]);
	}
	is_answered(&again, RESOLVE_TEMPORARY);
	forget(&again);
	assert_int_equal(w.n_open, 0);
}

static void t_too_many_questions_are_answered_at_once(void **state)
{
	static struct asker a[RESOLVER_WAITERS_MAX + 1];
	struct resolver_counts c;
	char name[32];

	(void)state;
	for (unsigned i = 0; i <= RESOLVER_WAITERS_MAX; i++) {
		snprintf(name, sizeof(name), "h%u.example", i);
		ask(&a[i], RECORD_A, name);
	}
	resolver_count(w.r, &c);
	assert_int_equal(c.flying + c.in_line, RESOLVER_QUERIES_MAX);
	is_answered(&a[RESOLVER_QUERIES_MAX], RESOLVE_TEMPORARY);
	is_answered(&a[RESOLVER_WAITERS_MAX], RESOLVE_TEMPORARY);
	pass(TIMEOUT);
	for (unsigned i = 0; i <= RESOLVER_WAITERS_MAX; i++) {
		is_answered(&a[i], RESOLVE_TEMPORARY);
		forget(&a[i]);
	}
	assert_int_equal(w.n_open, 0);
}

/* However many of these there are. */
static void t_strangers_names_stand_in_nobodys_way(void **state)
{
	static struct asker a[RESOLVER_WAITERS_MAX + 1], mail, joined;
	struct resolver_counts c;
	char name[32];

	(void)state;
	for (unsigned i = 0; i <= RESOLVER_WAITERS_MAX; i++) {
		snprintf(name, sizeof(name), "h%u.example", i);
		ask_in(LANE_CHECKS, &a[i], RECORD_A, name);
	}
	assert_int_equal(w.n_sent, RESOLVER_FLYING_MAX);
	is_answered(&a[RESOLVER_WAITERS_MAX], RESOLVE_TEMPORARY);
	ask(&mail, RECORD_MX, "mail.example");
	assert_int_equal(w.n_sent, RESOLVER_FLYING_MAX + 1);
	say_no(w.last, RCODE_NO_NAME, 300);
	is_answered(&mail, RESOLVE_NO_NAME);
	ask(&joined, RECORD_A, "h4000.example");		/* what stood in the line of checks, and mail waits for now */
	assert_int_equal(w.n_sent, RESOLVER_FLYING_MAX + 2);
	say_no(w.last, RCODE_NO_NAME, 300);
	is_answered(&joined, RESOLVE_NO_NAME);
	is_answered(&a[4000], RESOLVE_NO_NAME);
	pass(TIMEOUT);
	for (unsigned i = 0; i <= RESOLVER_WAITERS_MAX; i++) {
		assert_int_equal(a[i].n_answers, 1);
		forget(&a[i]);
	}
	forget(&mail);
	forget(&joined);
	resolver_count(w.r, &c);
	assert_int_equal(c.flying + c.in_line, 0);
	assert_int_equal(w.n_open, 0);
}

/* ---- anything at all -------------------------------------------------------------------------------------------------- */

static struct sent *some_open(void)
{
	for (unsigned i = 0; i < 20; i++) {
		struct sent *s = w.n_sent ? w.all[w.n_sent - 1 - (unsigned)rand() % (w.n_sent < 50 ? w.n_sent : 50)] : NULL;

		if (s && (s->attempt || s->is_stream))
			return s;
	}
	return NULL;
}

static void something_happens(void)
{
	static const unsigned words[] = { 0, 0, 0, FLAGS_TC, RCODE_FORMAT, RCODE_FAILED, RCODE_NO_NAME, RCODE_REFUSED };
	struct sent *s = some_open();
	unsigned what = (unsigned)rand() % 10;

	if (!s || what < 3) {
		pass(rand() % 1500);
	} else if (what == 3 && !s->is_stream) {
		resolver_failed(w.r, s->attempt, w.now);
		perform();
	} else if (what == 4) {
		resolver_stream_failed(w.r, s->server, w.now);
		perform();
	} else if (what == 5) {
		say_cname(s, "h1.example", rand() % 2 ? "h2.example" : "h1.example", 0);
	} else if (what == 6) {
		set_servers(1 + (unsigned)rand() % 3, rand() % 3);
	} else if (what == 7) {
		draft_answer_to(&p, s->packet, s->len, FLAGS_ANSWER);
		p.at[rand() % p.len] ^= (unsigned char)(1 << rand() % 8);
		hear(s);
	} else {
		say(s, words[rand() % 8]);
	}
}

static void t_whatever_happens_each_is_answered_once_in_time(void **state)
{
	struct asker a[32];
	char name[32];

	(void)state;
	srand(7);
	for (unsigned round = 0; round < 60; round++) {
		int64_t begun = w.now;

		for (unsigned i = 0; i < 32; i++) {
			snprintf(name, sizeof(name), "h%u.example", (unsigned)rand() % 12);
			ask_in(i % N_LANES, &a[i], RECORD_A, name);
		}
		for (unsigned i = 0; i < 25; i++)
			something_happens();
		if (w.now < begun + TIMEOUT)
			pass_to(begun + TIMEOUT);
		for (unsigned i = 0; i < 32; i++) {
			assert_int_equal(a[i].n_answers, 1);
			assert_true(a[i].answered_at <= begun + TIMEOUT);
			forget(&a[i]);
		}
		assert_int_equal(w.n_open, 0);
	}
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(t_an_answer_is_told_and_remembered),
		IN_WORLD(t_a_no_is_remembered_too),
		IN_WORLD(t_equal_questions_are_one),
		IN_WORLD(t_ids_are_drawn),
		IN_WORLD(t_silence_ends_in_time),
		IN_WORLD(t_a_name_that_gets_no_answer_harms_no_other),
		IN_WORLD(t_where_nobody_answers_nobody_waits_long),
		IN_WORLD(t_a_late_answer_to_the_first_try_counts),
		IN_WORLD(t_the_next_server_is_asked_and_a_silent_one_comes_last),
		IN_WORLD(t_a_server_that_is_not_there_is_passed_at_once),
		IN_WORLD(t_an_hour_without_servers_asks_no_more_than_needed),
		IN_WORLD(t_a_failing_server_is_not_the_last_word),
		IN_WORLD(t_all_servers_failing_is_temporary_at_once),
		IN_WORLD(t_a_slow_server_is_awaited_when_the_other_fails),
		IN_WORLD(t_a_referral_or_garbage_is_never_a_no),
		IN_WORLD(t_one_who_does_not_know_edns_is_asked_without),
		IN_WORLD(t_what_is_no_answer_is_not_heard),
		IN_WORLD(t_who_guesses_finds_the_socket_closed),
		IN_WORLD(t_records_of_other_names_are_never_kept),
		IN_WORLD(t_a_chain_is_followed_to_its_end),
		IN_WORLD(t_a_chain_without_end_ends),
		IN_WORLD(t_what_is_cut_comes_by_a_stream),
		IN_WORLD(t_a_stream_that_breaks_is_opened_again),
		IN_WORLD(t_cut_without_a_stream_is_temporary),
		IN_WORLD(t_ad_counts_only_from_whom_it_may),
		IN_WORLD(t_a_probe_asks_one_server_past_the_cache),
		IN_WORLD(t_a_server_that_was_not_there_at_the_start_is_told_when_it_comes),
		IN_WORLD(t_other_servers_get_the_questions_that_are_under_way),
		IN_WORLD(t_a_probe_ends_with_its_server),
		IN_WORLD(t_more_than_can_fly_stand_in_line),
		IN_WORLD(t_a_question_that_nobody_waits_for_makes_room),
		IN_WORLD(t_too_many_questions_are_answered_at_once),
		IN_WORLD(t_strangers_names_stand_in_nobodys_way),
		IN_WORLD(t_whatever_happens_each_is_answered_once_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
