/* Names, questions and answers of the DNS; what is wrong is refused, whatever it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "dns/frames.h"
#include "tests/unit/dns_packets.h"

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define N253 L63 "." L63 "." L63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static struct packet_draft p;
static struct finding f;
static unsigned hops;

static int setup(void **state)
{
	(void)state;
	finding_init(&f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	finding_fini(&f);
	return 0;
}

/* ---- names ------------------------------------------------------------------------- */

static void t_names_are_kept_in_one_form(void **state)
{
	static const struct {
		const char *text, *kept;	/* NULL: it is none */
	} rows[] = {
		{ "example.org", "example.org" }, { "Example.ORG.", "example.org" }, { ".", "." }, { "a", "a" },
		{ "_25._tcp.mx.example.org", "_25._tcp.mx.example.org" }, { "0/25.2.0.192.in-addr.arpa", "0/25.2.0.192.in-addr.arpa" },
		{ "", NULL }, { "..", NULL }, { "a..b", NULL }, { ".a", NULL }, { "a..", NULL }, { "a b", NULL }, { "a\tb", NULL },
		{ "a\\b", NULL }, { "a\"b", NULL }, { "b\303\274cher.example", NULL }, { "a\177", NULL },
		{ L63 ".x", L63 ".x" }, { L63 "a.x", NULL }, { N253, N253 }, { N253 "a", NULL },
	};
	unsigned char wire[NAME_WIRE_MAX];
	struct name name, back;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(name_from_text(span_of_text(rows[i].text), &name), rows[i].kept != NULL);
		if (!rows[i].kept)
			continue;
		assert_string_equal(name.at, rows[i].kept);
		assert_true(name_from_wire(wire, name_to_wire(&name, wire), &back));
		assert_string_equal(back.at, rows[i].kept);
	}
	assert_false(name_from_text(span_of("a\0b", 3), &name));
}

static void t_a_name_on_the_wire_is_whole(void **state)
{
	static const struct {
		const char *wire;
		size_t len;
		bool good;
	} rows[] = {
		{ "\0", 1, true }, { "\1a\0", 3, true }, { "\1A\2bC\0", 6, true }, { "", 0, false }, { "\1a", 2, false }, { "\5a\0", 3, false },
		{ "\1a\0x", 4, false }, { "\300\14", 2, false }, { "\1.\0", 3, false }, { "\1\0\0", 3, false }, { "\1 \0", 3, false },
	};
	struct name name;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(name_from_wire((const unsigned char *)rows[i].wire, rows[i].len, &name), rows[i].good);
}

/* ---- questions ------------------------------------------------------------------------ */

static void t_a_question_as_rfc_1035_and_6891_have_it(void **state)
{
	static const unsigned char wanted[] = {
		0x12, 0x34, 0x01, 0x20, 0, 1, 0, 0, 0, 0, 0, 1, 2, 'm', 'x', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 28, 0, 1,
		0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0
	};
	struct question q = question_of(RECORD_AAAA, "mx.example");
	unsigned char out[PACKET_QUESTION_MAX];

	(void)state;
	assert_int_equal(packet_write(&q, 0x1234, true, out), sizeof(wanted));
	assert_memory_equal(out, wanted, sizeof(wanted));
	assert_int_equal(packet_write(&q, 0x1234, false, out), sizeof(wanted) - 11);
	assert_int_equal(out[11], 0);
	q = question_of(RECORD_TLSA, N253);
	assert_true(packet_write(&q, 1, true, out) <= sizeof(out));
}

/* ---- what may be an answer --------------------------------------------------------------- */

static void t_only_an_answer_to_the_question_is_looked_at(void **state)
{
	struct question q = question_of(RECORD_A, "mx.example.org"), other = question_of(RECORD_A, "mx.example.net"),
	    another = question_of(RECORD_AAAA, "mx.example.org");
	struct packet_head head;

	(void)state;
	draft_answer(&p, &q, 7, FLAGS_ANSWER | FLAGS_TC);
	assert_true(packet_look(draft_span(&p), &q, &head));
	assert_int_equal(head.id, 7);
	assert_true(head.is_truncated);
	p.at[13] = 'M';		/* a server may change the case */
	assert_true(packet_look(draft_span(&p), &q, &head));
	assert_false(packet_look(draft_span(&p), &other, &head));
	assert_false(packet_look(draft_span(&p), &another, &head));
	for (size_t len = 0; len < p.len; len++)
		assert_false(packet_look(span_of((const char *)p.at, len), &q, &head));
	p.at[p.len - 1] = 3;	/* class CHAOS */
	assert_false(packet_look(draft_span(&p), &q, &head));
	p.at[p.len - 1] = 1;
	p.at[5] = 2;		/* two questions */
	assert_false(packet_look(draft_span(&p), &q, &head));
	p.at[5] = 1;
	p.at[2] &= 0x7f;	/* a question, no answer */
	assert_false(packet_look(draft_span(&p), &q, &head));
	p.at[2] |= 0x80 | 0x28;	/* an update's answer */
	assert_false(packet_look(draft_span(&p), &q, &head));
}

static void t_a_refusal_may_come_without_the_question(void **state)
{
	struct question q = question_of(RECORD_A, "mx.example.org");
	unsigned char bare[12] = { 0, 7, 0x81, 0x81 };
	struct packet_head head;

	(void)state;
	assert_true(packet_look(span_of((const char *)bare, sizeof(bare)), &q, &head));
	assert_int_equal(head.rcode, RCODE_FORMAT);
	bare[3] = 0x80;
	assert_false(packet_look(span_of((const char *)bare, sizeof(bare)), &q, &head));
	bare[3] = 0x83;
	assert_false(packet_look(span_of((const char *)bare, sizeof(bare)), &q, &head));
}

/* ---- answers -------------------------------------------------------------------------------- */

static enum packet_reading reading(const struct question *q)
{
	finding_clear(&f);
	hops = 0;
	return packet_read(draft_span(&p), q, &hops, &f);
}

static struct span row(unsigned n)
{
	struct span rest = buf_span(&f.rows), data;
	uint16_t len = 0;

	for (;;) {
		assert_true(rest.len >= 2);
		memcpy(&len, rest.at, 2);
		data = span_of(rest.at + 2, len);
		rest = span_from(rest, 2u + len);
		if (n-- == 0)
			return data;
	}
}

static void t_records_of_each_type(void **state)
{
	static const struct {
		unsigned type;
		const char *data;
		size_t len;
		const char *told;
		size_t told_len;
	} rows[] = {
		{ RECORD_A, "\xc0\0\2\1", 4, "\xc0\0\2\1", 4 },
		{ RECORD_AAAA, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16 },
		{ RECORD_MX, "\0\12\2MX\1a\0", 8, "\0\12mx.a", 6 },
		{ RECORD_MX, "\0\0\0", 3, "\0\0.", 3 },
		{ RECORD_TXT, "\3v=s\4pf1 ", 9, "v=spf1 ", 7 },
		{ RECORD_TXT, "\0", 1, "", 0 },
		{ RECORD_PTR, "\2mx\1A\0", 6, "mx.a", 4 },
		{ RECORD_NS, "\2ns\1a\0", 6, "ns.a", 4 },
		{ RECORD_CNAME, "\1b\0", 3, "b", 1 },
		{ RECORD_TLSA, "\3\1\1\xaa\xbb", 5, "\3\1\1\xaa\xbb", 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct question q = question_of(rows[i].type, "x.example");

		assert_true(packet_knows_type(q.type));
		draft_answer(&p, &q, 1, FLAGS_ANSWER | FLAGS_AD);
		draft_record(&p, SECTION_ANSWER, "X.example", rows[i].type, 300, rows[i].data, rows[i].len);
		draft_named(&p, SECTION_ADDITIONAL, "x.example", RECORD_NS, 5, "elsewhere");
		assert_int_equal(reading(&q), PACKET_ANSWERS);
		assert_int_equal(f.result, RESOLVED);
		assert_int_equal(f.n, 1);
		assert_int_equal(f.ttl, 300);
		assert_true(f.ad);
		assert_string_equal(f.name.at, "x.example");
		assert_int_equal(row(0).len, rows[i].told_len);
		assert_memory_equal(row(0).at, rows[i].told, rows[i].told_len);
	}
	assert_false(packet_knows_type(TYPE_SOA) || packet_knows_type(255) || packet_knows_type(0));
}

/* What ldns calls well though it lacks fields is no record here, and a set without a good one is no "there is none". */
static void t_records_that_end_early_are_none(void **state)
{
	static const struct {
		unsigned type;
		const char *data;
		size_t len;
	} rows[] = {
		{ RECORD_MX, "", 0 }, { RECORD_MX, "\0\12", 2 }, { RECORD_MX, "\0", 1 }, { RECORD_TLSA, "\3\1", 2 }, { RECORD_TLSA, "", 0 },
		{ RECORD_TLSA, "\3\1\1", 3 }, { RECORD_A, "", 0 }, { RECORD_A, "\1\2\3", 3 }, { RECORD_AAAA, "\1\2\3\4", 4 },
		{ RECORD_TXT, "", 0 }, { RECORD_TXT, "\5ab", 3 }, { RECORD_MX, "\0\12\3a b\0", 7 }, { RECORD_PTR, "", 0 }, { RECORD_MX, "\0\12\300\377", 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct question q = question_of(rows[i].type, "x.example");
		enum packet_reading got;

		draft_answer(&p, &q, 1, FLAGS_ANSWER);
		draft_record(&p, SECTION_ANSWER, "x.example", rows[i].type, 300, rows[i].data, rows[i].len);
		got = reading(&q);
		if (rows[i].type == RECORD_TLSA && rows[i].len == 3)	/* an empty association: for its readers to judge */
			continue;
		if (got != PACKET_BROKEN)
			fail_msg("row %zu is read", i);
		assert_true(f.why[0]);
	}
}

static void t_a_good_record_beside_a_bad_one_counts(void **state)
{
	struct question q = question_of(RECORD_MX, "x.example");

	(void)state;
	draft_answer(&p, &q, 1, FLAGS_ANSWER);
	draft_record(&p, SECTION_ANSWER, "x.example", RECORD_MX, 60, "\0\12\3a b\0", 7);
	draft_mx(&p, "x.example", 50, 10, "mx.example");
	assert_int_equal(reading(&q), PACKET_ANSWERS);
	assert_int_equal(f.n, 1);
	assert_int_equal(f.ttl, 50);
}

static void t_cnames_are_followed_within_the_packet(void **state)
{
	struct question q = question_of(RECORD_A, "www.example");

	(void)state;
	draft_answer(&p, &q, 1, FLAGS_ANSWER);
	draft_a(&p, "three.example", 100, 3);
	draft_named(&p, SECTION_ANSWER, "two.example", RECORD_CNAME, 90, "three.example");
	draft_named(&p, SECTION_ANSWER, "www.example", RECORD_CNAME, 80, "two.example");
	assert_int_equal(reading(&q), PACKET_ANSWERS);
	assert_int_equal(hops, 2);
	assert_int_equal(f.ttl, 80);
	assert_string_equal(f.name.at, "three.example");
	assert_int_equal(row(0).at[3], 3);
}

static void t_a_chain_that_leaves_the_packet_leads(void **state)
{
	struct question q = question_of(RECORD_A, "www.example");

	(void)state;
	draft_answer(&p, &q, 1, FLAGS_ANSWER);
	draft_named(&p, SECTION_ANSWER, "www.example", RECORD_CNAME, 80, "elsewhere.example");
	assert_int_equal(reading(&q), PACKET_LEADS);
	assert_string_equal(f.name.at, "elsewhere.example");
	draft_soa(&p, "example", 60, 60);
	assert_int_equal(reading(&q), PACKET_ANSWERS);
	assert_int_equal(f.result, RESOLVE_NO_DATA);
	assert_int_equal(f.ttl, 60);
}

static void t_circles_and_long_chains_end(void **state)
{
	struct question q = question_of(RECORD_A, "c0.example");
	char from[32], to[32];

	(void)state;
	draft_answer(&p, &q, 1, FLAGS_ANSWER);
	draft_named(&p, SECTION_ANSWER, "c0.example", RECORD_CNAME, 80, "c0.example");
	assert_int_equal(reading(&q), PACKET_BROKEN);
	draft_answer(&p, &q, 1, FLAGS_ANSWER);
	draft_named(&p, SECTION_ANSWER, "c0.example", RECORD_CNAME, 80, "c1.example");
	draft_named(&p, SECTION_ANSWER, "c1.example", RECORD_CNAME, 80, "c0.example");
	assert_int_equal(reading(&q), PACKET_BROKEN);
	for (unsigned n = PACKET_CNAMES_MAX; n <= PACKET_CNAMES_MAX + 1; n++) {
		draft_answer(&p, &q, 1, FLAGS_ANSWER);
		for (unsigned i = 0; i < n; i++) {
			snprintf(from, sizeof(from), "c%u.example", i);
			snprintf(to, sizeof(to), "c%u.example", i + 1);
			draft_named(&p, SECTION_ANSWER, from, RECORD_CNAME, 80, to);
		}
		draft_a(&p, to, 80, 1);
		assert_int_equal(reading(&q), n == PACKET_CNAMES_MAX ? PACKET_ANSWERS : PACKET_BROKEN);
	}
}

static void t_what_was_not_asked_is_not_taken(void **state)
{
	struct question q = question_of(RECORD_A, "www.example");

	(void)state;
	draft_answer(&p, &q, 1, FLAGS_ANSWER);
	draft_a(&p, "bank.example", 100, 66);
	draft_named(&p, SECTION_ANSWER, "bank.example", RECORD_CNAME, 80, "thief.example");
	draft_soa(&p, "example", 60, 60);
	assert_int_equal(reading(&q), PACKET_ANSWERS);
	assert_int_equal(f.result, RESOLVE_NO_DATA);
	assert_int_equal(f.n, 0);
}

static void t_a_no_counts_as_long_as_its_soa_says(void **state)
{
	static const struct {
		unsigned rcode;
		int64_t ttl, minimum;	/* -1: no SOA */
		enum wire_resolve result;
		uint32_t counts;
	} rows[] = {
		{ 3, 600, 300, RESOLVE_NO_NAME, 300 }, { 3, 200, 300, RESOLVE_NO_NAME, 200 }, { 0, 600, 100, RESOLVE_NO_DATA, 100 },
		{ 3, 90000, 90000, RESOLVE_NO_NAME, PACKET_NO_TTL_MAX }, { 3, -1, -1, RESOLVE_NO_NAME, 0 }, { 0, -1, -1, RESOLVE_NO_DATA, 0 },
		{ 3, 600, 0x80000000, RESOLVE_NO_NAME, 0 },
	};
	struct question q = question_of(RECORD_MX, "x.example");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		draft_answer(&p, &q, 1, FLAGS_ANSWER | rows[i].rcode);
		if (rows[i].ttl >= 0)
			draft_soa(&p, "example", (uint32_t)rows[i].ttl, (uint32_t)rows[i].minimum);
		assert_int_equal(reading(&q), PACKET_ANSWERS);
		assert_int_equal(f.result, rows[i].result);
		assert_int_equal(f.ttl, rows[i].counts);
		assert_true(f.why[0]);
	}
}

static void t_a_referral_is_no_no(void **state)
{
	struct question q = question_of(RECORD_MX, "x.example");

	(void)state;
	draft_answer(&p, &q, 1, FLAGS_ANSWER);
	draft_named(&p, SECTION_AUTHORITY, "example", RECORD_NS, 80, "ns.example");
	assert_int_equal(reading(&q), PACKET_REFERS);
	for (unsigned rcode = 0; rcode <= 3; rcode += 3) {	/* it neither has the zone nor resolves, and says nothing at that */
		draft_answer(&p, &q, 1, 0x8100 | rcode);
		assert_int_equal(reading(&q), PACKET_REFERS);
		draft_answer(&p, &q, 1, 0x8100 | FLAGS_AA | rcode);
		assert_int_equal(reading(&q), PACKET_ANSWERS);
	}
}

static void t_times_are_bounded(void **state)
{
	static const uint32_t rows[][2] = { { 0, 0 }, { 1, 1 }, { PACKET_TTL_MAX + 1, PACKET_TTL_MAX }, { 0x7fffffff, PACKET_TTL_MAX }, { 0x80000000, 0 }, { 0xffffffff, 0 } };
	struct question q = question_of(RECORD_A, "x.example");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		draft_answer(&p, &q, 1, FLAGS_ANSWER);
		draft_a(&p, "x.example", rows[i][0], 1);
		assert_int_equal(reading(&q), PACKET_ANSWERS);
		assert_int_equal(f.ttl, rows[i][1]);
	}
}

static void t_hostile_packets_are_broken(void **state)
{
	struct question q = question_of(RECORD_A, "x.example");

	(void)state;
	draft_answer(&p, &q, 1, FLAGS_ANSWER);		/* a name that points at itself */
	p.at[7] = 1;
	draft_u16(&p, 0xc000 | (unsigned)p.len);
	draft_bytes(&p, "\0\1\0\1\0\0\0\74\0\4\1\2\3\4", 14);
	assert_int_equal(reading(&q), PACKET_BROKEN);
	draft_answer(&p, &q, 1, FLAGS_ANSWER);		/* records that are not there */
	p.at[6] = p.at[7] = p.at[8] = p.at[9] = 0xff;
	assert_int_equal(reading(&q), PACKET_BROKEN);
	p.at[6] = p.at[8] = p.at[9] = 0;
	assert_int_equal(reading(&q), PACKET_BROKEN);
	draft_answer(&p, &q, 1, FLAGS_ANSWER);		/* too many */
	for (unsigned i = 0; i < PACKET_RECORDS_MAX; i++)
		draft_a(&p, "x.example", 60, i);
	assert_int_equal(reading(&q), PACKET_ANSWERS);
	assert_int_equal(f.n, PACKET_RECORDS_MAX);
	draft_a(&p, "x.example", 60, 1);
	assert_int_equal(reading(&q), PACKET_BROKEN);
	draft_answer(&p, &q, 1, FLAGS_ANSWER);		/* too long */
	draft_a(&p, "x.example", 60, 1);
	memset(p.at + p.len, 0, PACKET_MAX);
	p.len = PACKET_MAX + 1;
	assert_int_equal(reading(&q), PACKET_BROKEN);
}

static void t_every_cut_is_borne(void **state)
{
	struct question q = question_of(RECORD_MX, "x.example");
	size_t len;

	(void)state;
	draft_answer(&p, &q, 1, FLAGS_ANSWER);
	draft_named(&p, SECTION_ANSWER, "x.example", RECORD_CNAME, 80, "y.example");
	draft_mx(&p, "y.example", 50, 10, "mx.example");
	draft_soa(&p, "example", 60, 60);
	len = p.len;
	for (size_t at = 12 + 11 + 4; at < len; at++) {
		p.len = at;
		assert_int_equal(reading(&q), PACKET_BROKEN);
	}
	p.len = len;
	assert_int_equal(reading(&q), PACKET_ANSWERS);
}

/* ---- streams ------------------------------------------------------------------------------------ */

static void t_packets_on_a_stream_are_cut_at_their_lengths(void **state)
{
	static const char bytes[] = "\0\3abc\0\0\0\1x\0\2";
	struct frames frames;
	struct span packet;
	char got[32];

	(void)state;
	for (size_t step = 1; step < sizeof(bytes); step++) {
		got[0] = 0;
		frames_init(&frames);
		for (size_t at = 0; at < sizeof(bytes) - 1; at += step) {
			assert_int_equal(frames_add(&frames, span_first(span_of(bytes + at, sizeof(bytes) - 1 - at), step)), PR_OK);
			while (frames_next(&frames, &packet))
				snprintf(got + strlen(got), sizeof(got) - strlen(got), "<%.*s>", SPAN_ARG(packet));
		}
		assert_string_equal(got, "<abc><><x>");
		frames_fini(&frames);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_names_are_kept_in_one_form),
		cmocka_unit_test(t_a_name_on_the_wire_is_whole),
		cmocka_unit_test(t_a_question_as_rfc_1035_and_6891_have_it),
		cmocka_unit_test(t_only_an_answer_to_the_question_is_looked_at),
		cmocka_unit_test(t_a_refusal_may_come_without_the_question),
		cmocka_unit_test(t_records_of_each_type),
		cmocka_unit_test(t_records_that_end_early_are_none),
		cmocka_unit_test(t_a_good_record_beside_a_bad_one_counts),
		cmocka_unit_test(t_cnames_are_followed_within_the_packet),
		cmocka_unit_test(t_a_chain_that_leaves_the_packet_leads),
		cmocka_unit_test(t_circles_and_long_chains_end),
		cmocka_unit_test(t_what_was_not_asked_is_not_taken),
		cmocka_unit_test(t_a_no_counts_as_long_as_its_soa_says),
		cmocka_unit_test(t_a_referral_is_no_no),
		cmocka_unit_test(t_times_are_bounded),
		cmocka_unit_test(t_hostile_packets_are_broken),
		cmocka_unit_test(t_every_cut_is_borne),
		cmocka_unit_test(t_packets_on_a_stream_are_cut_at_their_lengths),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
