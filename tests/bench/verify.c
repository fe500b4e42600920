/* What a check costs beside what its library costs alone: verify ROUNDS checks a message of 10 KB with three RSA-2048 signatures, whose
 * sender's SPF record has three includes, each way in turn, and prints an object: microseconds of processor for a message, the best of
 * the rounds, of libopendkim alone, of our DKIM, of each other part, and of the whole check. What the DNS says is known at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <opendkim/dkim.h>

#include "tests/unit/sign_any.h"
#include "verify/check.h"
#include "verify/dkim.h"

#define N_SIGNATURES 3
#define BODY_LEN     9000
#define PER_ROUND    200

static struct buf message, records[N_SIGNATURES];

/* ---- the message ---------------------------------------------------------------- */

static void make_header(struct buf *header)
{
	(void)buf_add_text(header, "Received: from mx.example.net (mx.example.net [192.0.2.1])\r\n\tby mx.example.org with ESMTPS id 1ABC\r\n"
	    "\tfor <u@example.org>; Sat, 21 Nov 2026 10:00:00 +0000\r\nFrom: Alice Example <alice@example.net>\r\nTo: u@example.org\r\n"
	    "Subject: What we spoke of\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.net>\r\n"
	    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n");
}

static void make_message(void)
{
	struct buf header, body, fields;

	buf_init(&header, 1 << 16);
	buf_init(&body, 1 << 16);
	buf_init(&fields, 1 << 16);
	buf_init(&message, 1 << 16);
	make_header(&header);
	while (body.len < BODY_LEN)
		(void)buf_add_text(&body, "A line of some length, as  people write them, with \t blanks here and there.\r\n");
	for (unsigned i = 0; i < N_SIGNATURES; i++) {
		struct key *key = key_make(KEY_RSA);
		char tags[200];

		(void)snprintf(tags, sizeof(tags), "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=s%u;\r\n\t"
		    "h=From:From:To:To:Cc:Subject:Subject:Date:Date:Message-ID:MIME-Version:Content-Type", i);
		sign_any(&fields, key, tags, buf_span(&header), buf_span(&body));
		buf_init(&records[i], 1024);
		sign_any_record(&records[i], key, "");
		(void)buf_add_char(&records[i], 0);
		key_free(&key);
	}
	(void)buf_add(&message, buf_span(&fields));
	(void)buf_add(&message, buf_span(&header));
	(void)buf_add(&message, SPAN("\r\n"));
	(void)buf_add(&message, buf_span(&body));
	buf_fini(&header);
	buf_fini(&body);
	buf_fini(&fields);
}

__attribute__((noreturn)) static void fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(70);
}

/* ---- ours ---------------------------------------------------------------------------- */

static struct dkim_house *house;

static void answer(struct facts *facts)
{
	struct facts_question q;

	while (facts_next(facts, &q)) {
		const struct buf *record = &records[q.name.at[1] - '0'];

		facts_record(facts, q.number, span_of(record->at, record->len - 1));
		facts_answer(facts, q.number, RESOLVED, false);
	}
}

static void check_dkim(void)
{
	struct facts *facts = facts_new(50);
	struct span rest = buf_span(&message);
	struct fields header;
	struct dkim_check *check;

	fields_init(&header, 256 << 10, 1000);
	fields_feed(&header, &rest);
	check = dkim_check_new(house, &header, facts, 10, (int64_t)time(NULL));
	dkim_check_body(check, rest);
	answer(facts);
	if (!dkim_check_end(check, facts, NULL))
		fail("facts are missing");
	for (unsigned i = 0; i < N_SIGNATURES; i++)
		if (dkim_check_told(check, i)->result != AUTH_PASS)
			fail(dkim_check_told(check, i)->why);
	dkim_check_free(&check);
	fields_fini(&header);
	facts_free(&facts);
}

/* ---- the whole check -------------------------------------------------------------------- */

static const struct {
	enum wire_record type;
	const char *name, *data;
	size_t len;	/* of data; 0: its text */
} zone[] = {
	{ RECORD_PTR, "1.2.0.192.in-addr.arpa", "mx.example.net", 0 },
	{ RECORD_A, "mx.example.net", "\xc0\x00\x02\x01", 4 },
	{ RECORD_TXT, "example.net", "v=spf1 mx include:a.example.net include:b.example.net include:c.example.net ~all", 0 },
	{ RECORD_MX, "example.net", "\x00\x0amail.example.net", 18 },
	{ RECORD_A, "mail.example.net", "\xc0\x00\x02\x63", 4 },
	{ RECORD_TXT, "a.example.net", "v=spf1 ip4:198.51.100.0/24 ip4:203.0.113.0/24 ?all", 0 },
	{ RECORD_TXT, "b.example.net", "v=spf1 ip4:198.51.100.0/25 ip6:2001:db8::/32 ?all", 0 },
	{ RECORD_TXT, "c.example.net", "v=spf1 ip4:192.0.2.0/28 ?all", 0 },
	{ RECORD_TXT, "_dmarc.example.net", "v=DMARC1; p=reject; rua=mailto:d@example.net", 0 },
};

static void answer_from_zone(struct facts *facts, const struct facts_question *q)
{
	bool is_there = false;

	for (unsigned i = 0; i < sizeof(zone) / sizeof(zone[0]); i++) {
		if (zone[i].type != q->type || !span_eq(q->name, span_of_text(zone[i].name)))
			continue;
		is_there = true;
		facts_record(facts, q->number, span_of(zone[i].data, zone[i].len ? zone[i].len : strlen(zone[i].data)));
	}
	facts_answer(facts, q->number, is_there ? RESOLVED : RESOLVE_NO_NAME, false);
}

static void answer_all(struct facts *facts)
{
	struct facts_question q;

	while (facts_next(facts, &q)) {
		if (q.type == RECORD_TXT && span_ends_nocase(q.name, SPAN("._domainkey.example.net"))) {
			facts_record(facts, q.number, span_of(records[q.name.at[1] - '0'].at, records[q.name.at[1] - '0'].len - 1));
			facts_answer(facts, q.number, RESOLVED, false);
		} else {
			answer_from_zone(facts, &q);
		}
	}
}

static struct check_house whole;
static struct check_ask asked = { .client = { "\xc0\x00\x02\x01", 4 }, .helo = { "mx.example.net", 14 }, .sender = { "alice@example.net", 17 } };

static void check_with(enum set_checks spf, enum set_checks dkim, enum set_checks dmarc)
{
	struct instant now = { 1000, (int64_t)time(NULL) * 1000 };
	struct check *check;
	struct event ev;

	asked.spf = spf;
	asked.dkim = dkim;
	asked.dmarc = dmarc;
	check = check_new(&whole, &asked, now);
	if (check_go_on(check, now))
		fail("a verdict before the message");
	answer_all(check_facts(check));
	check_part(check, buf_span(&message));
	check_end(check, now);
	while (!check_go_on(check, now))
		answer_all(check_facts(check));
	check_event(check, &ev, now.wall_ms);
	if (check_told(check)->code || (dmarc != CHECKS_OFF && !memmem(ev.bytes, ev.len, "pass example.net", 16)))
		fail("the whole check says no");
	check_free(&check);
}

static void check_whole(void) { check_with(CHECKS_OBSERVE, CHECKS_OBSERVE, CHECKS_ENFORCE); }
static void check_spf(void) { check_with(CHECKS_OBSERVE, CHECKS_OFF, CHECKS_OFF); }

static void check_begin(void)
{
	struct settings *settings = settings_new();

	settings->top.hostname = "mx.example.org";
	whole = (struct check_house){ settings, house };
}

/* ---- the library alone ---------------------------------------------------------------- */

static DKIM_LIB *lib;

static DKIM_CBSTAT look_up(DKIM *dkim, DKIM_SIGINFO *sig, u_char *out, size_t room)
{
	const struct buf *record = &records[dkim_sig_getselector(sig)[1] - '0'];

	(void)dkim;
	if (record->len > room)
		return DKIM_CBSTAT_NOTFOUND;
	memcpy(out, record->at, record->len);
	return DKIM_CBSTAT_CONTINUE;
}

static void library_begin(void)
{
	u_int flags = DKIM_LIBFLAGS_DELAYSIGPROC | DKIM_LIBFLAGS_BADSIGHANDLES;

	lib = dkim_init(NULL, NULL);
	(void)dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof(flags));
	(void)dkim_set_key_lookup(lib, look_up);
}

static void check_library(void)
{
	u_char id[] = "";
	char *at = message.at, *end = message.at + message.len;
	DKIM_SIGINFO **sigs;
	DKIM_STAT stat;
	DKIM *dkim = dkim_verify(lib, id, NULL, &stat);
	int n;

	while (*at != '\r') {
		char *stop = at;

		do {
			stop = (char *)memchr(stop, '\n', (size_t)(end - stop)) + 1;
		} while (*stop == ' ' || *stop == '\t');
		(void)dkim_header(dkim, (u_char *)at, (size_t)(stop - at) - 2);
		at = stop;
	}
	(void)dkim_eoh(dkim);
	(void)dkim_body(dkim, (u_char *)at + 2, (size_t)(end - at) - 2);
	(void)dkim_eom(dkim, NULL);
	(void)dkim_getsiglist(dkim, &sigs, &n);
	for (int i = 0; i < n; i++)
		if (!DKIM_SIG_CHECK(sigs[i]))
			fail("the library says no");
	(void)dkim_free(dkim);
}

/* ---- the clock --------------------------------------------------------------------------- */

static double us_of(void (*check)(void))
{
	struct timespec a, b;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (unsigned i = 0; i < PER_ROUND; i++)
		check();
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3) / PER_ROUND;
}

int main(int argc, char **argv)
{
	void (*const ways[])(void) = { check_library, check_dkim, check_spf, check_whole };
	double best[] = { 1e9, 1e9, 1e9, 1e9 };
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 10;

	make_message();
	house = dkim_house_new();
	check_begin();
	library_begin();
	for (unsigned i = 0; i < rounds; i++)
		for (unsigned way = 0; way < 4; way++) {
			double us = us_of(ways[way]);

			best[way] = us < best[way] ? us : best[way];
		}
	printf("{\"message\":%zu,\"signatures\":%d,\"library_us\":%.1f,\"dkim_us\":%.1f,\"dkim_ratio\":%.3f,"
	    "\"spf_us\":%.1f,\"rest_us\":%.1f,\"whole_us\":%.1f,\"whole_ratio\":%.3f}\n", message.len, N_SIGNATURES, best[0],
	    best[1], best[1] / best[0], best[2], best[3] - best[1] - best[2], best[3], best[3] / best[0]);
	return 0;
}
