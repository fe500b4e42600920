#include "mail/received.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mail/header.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))
#define WALL_MS    1795244940000	/* Sat, 21 Nov 2026 07:09:00 +0000 */

static struct received plain(void)
{
	return (struct received){ .helo = SPAN("client.example.net"), .client_ip = SPAN("192.0.2.1"), .by = SPAN("mx.example.org"),
		.id = SPAN("ABC"), .extended = true, .wall_ms = WALL_MS };
}

static void assert_field(const struct received *r, const char *want)
{
	struct buf out;

	buf_init(&out, 8192);
	assert_int_equal(received_add(&out, r), PR_OK);
	assert_int_equal(buf_add_char(&out, '\0'), PR_OK);
	assert_string_equal(out.at, want);
	buf_fini(&out);
}

static void the_field_says_who_how_and_when(void **unused)
{
	struct received r = plain();

	(void)unused;
	assert_field(&r, "Received: from client.example.net ([192.0.2.1])\r\n\tby mx.example.org with ESMTP id ABC;\r\n"
			 "\tSat, 21 Nov 2026 07:09:00 +0000\r\n");
	r.client_name = SPAN("ptr.example.net");
	r.client_ip = SPAN("2001:db8::1");
	r.tls = true;
	r.tls_version = SPAN("TLSv1.3");
	r.tls_cipher = SPAN("TLS_AES_256_GCM_SHA384");
	r.only_rcpt = SPAN("bob+x@example.org");
	assert_field(&r, "Received: from client.example.net (ptr.example.net [IPv6:2001:db8::1])\r\n"
			 "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384)\r\n"
			 "\tby mx.example.org with ESMTPS id ABC\r\n\tfor <bob+x@example.org>;\r\n\tSat, 21 Nov 2026 07:09:00 +0000\r\n");
	r = (struct received){ .helo = SPAN("localhost"), .by = SPAN("mx.example.org"), .id = SPAN("ABC"), .local = true, .uid = 1000 };
	assert_field(&r, "Received: from localhost (by uid 1000)\r\n\tby mx.example.org with SMTP id ABC;\r\n\tThu, 01 Jan 1970 00:00:00 +0000\r\n");
	r = (struct received){ .by = SPAN("mx.example.org"), .id = SPAN("ABC") };
	assert_field(&r, "Received: from unknown\r\n\tby mx.example.org with SMTP id ABC;\r\n\tThu, 01 Jan 1970 00:00:00 +0000\r\n");
}

/* RFC 3848, RFC 6531 3.7.3 and their registry. */
static void with_names_what_was_in_use(void **unused)
{
	static const struct {
		const char *with;
		bool extended, tls, auth, utf8, lmtp;
	} rows[] = {
		{ "SMTP", 0, 0, 0, 0, 0 }, { "ESMTP", 1, 0, 0, 0, 0 }, { "ESMTPA", 1, 0, 1, 0, 0 }, { "ESMTPS", 1, 1, 0, 0, 0 },
		{ "ESMTPSA", 1, 1, 1, 0, 0 }, { "LMTP", 0, 0, 0, 0, 1 }, { "LMTP", 1, 0, 0, 0, 1 }, { "LMTPA", 1, 0, 1, 0, 1 },
		{ "LMTPS", 1, 1, 0, 0, 1 }, { "LMTPSA", 1, 1, 1, 0, 1 }, { "UTF8SMTP", 1, 0, 0, 1, 0 }, { "UTF8SMTPA", 1, 0, 1, 1, 0 },
		{ "UTF8SMTPS", 1, 1, 0, 1, 0 }, { "UTF8SMTPSA", 1, 1, 1, 1, 0 }, { "UTF8LMTP", 1, 0, 0, 1, 1 },
		{ "UTF8LMTPA", 1, 0, 1, 1, 1 }, { "UTF8LMTPS", 1, 1, 0, 1, 1 }, { "UTF8LMTPSA", 1, 1, 1, 1, 1 },
	};

	(void)unused;
	for (size_t i = 0; i < N_OF(rows); i++) {
		struct received r = { .extended = rows[i].extended, .tls = rows[i].tls, .auth = rows[i].auth, .utf8 = rows[i].utf8,
			.lmtp = rows[i].lmtp };

		assert_string_equal(received_with(&r), rows[i].with);
	}
}

static void for_is_said_whole_or_not(void **unused)
{
	static const struct {
		const char *rcpt;
		bool utf8, said;
	} rows[] = {
		{ "bob@example.org", false, true }, { "postmaster", false, true }, { "a!b%c@example.org", false, true },
		{ "\"a b\"@example.org", false, false }, { "\"a>b\"@example.org", false, false }, { "\"a\\\"b\"@example.org", false, false },
		{ "b\xc3\xb6" "b@example.org", true, true }, { "b\xc3\xb6" "b@example.org", false, false }, { "b\xc3@example.org", true, false },
		{ "", false, false },
	};

	(void)unused;
	for (size_t i = 0; i < N_OF(rows); i++) {
		struct received r = plain();
		char want[512] = "Received: from client.example.net ([192.0.2.1])\r\n\tby mx.example.org with ";

		r.only_rcpt = span_of_text(rows[i].rcpt);
		r.utf8 = rows[i].utf8;
		strcat(strcat(want, rows[i].utf8 ? "UTF8SMTP" : "ESMTP"), " id ABC");
		if (rows[i].said)
			strcat(strcat(strcat(want, "\r\n\tfor <"), rows[i].rcpt), ">");
		assert_field(&r, strcat(want, ";\r\n\tSat, 21 Nov 2026 07:09:00 +0000\r\n"));
	}
}

/* Every byte in every word from outside: one field, lines below 998 that begin with a tab, no comment opened or closed. */
static void assert_is_one_field(const struct received *r, unsigned comments)
{
	const struct header_rules rules = { .own_id = SPAN("mx.example.org") };
	struct span in, out;
	static struct header h;
	struct buf field;
	unsigned open = 0, n = 0;
	size_t line = 0;

	buf_init(&field, 8192);
	assert_int_equal(received_add(&field, r), PR_OK);
	header_init(&h, &rules);
	for (in = buf_span(&field); header_take(&h, &in, &out) == HEADER_PART;)
		;
	assert_int_equal(h.n_fields, 1);
	assert_int_equal(h.count[HEADER_RECEIVED], 1);
	assert_int_equal(h.faults & ~(unsigned)HEADER_8BIT, 0);
	assert_false(h.ended);
	for (size_t i = 0; i < field.len; i++, line++) {
		char c = field.at[i];

		open += c == '(';
		n += c == '(';
		open -= c == ')';
		assert_true(open <= 1);
		assert_true((unsigned char)c >= 0x20 || c == '\t' || c == '\r' || c == '\n');
		assert_true(c != '"' && c != '\\' && line < 998);
		if (c != '\n')
			continue;
		assert_true(field.at[i - 1] == '\r' && (i + 1 == field.len || field.at[i + 1] == '\t'));
		line = 0;
	}
	assert_int_equal(open, 0);
	assert_int_equal(n, comments);
	buf_fini(&field);
}

static void no_byte_from_outside_leaves_its_word(void **unused)
{
	static const char evil[] = "x)\rX-Injected: y\nX-Injected: z\r\n\r\nbody(\"\\<>;\0\t\x7f\x80\xff";
	static char longest[5000];

	(void)unused;
	memset(longest, 'a', sizeof(longest));
	for (unsigned c = 0; c < 256 + 2; c++) {
		char word[4] = { 'a', (char)c, 'b', '\0' };
		struct span s = c == 256 ? span_of(evil, sizeof(evil)) : c == 257 ? span_of(longest, sizeof(longest)) : span_of(word, 3);
		struct received r = plain();

		r.tls = true;
		r.helo = r.client_name = r.tls_version = r.tls_cipher = r.id = r.by = s;
		assert_is_one_field(&r, 2);
		r.client_ip = s;
		r.only_rcpt = s;
		assert_is_one_field(&r, 2);
	}
}

static void lack_of_room_is_told(void **unused)
{
	const struct received r = plain();
	struct buf out;

	(void)unused;
	buf_init(&out, 100);
	assert_int_equal(received_add(&out, &r), PR_FULL);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_field_says_who_how_and_when),
		cmocka_unit_test(with_names_what_was_in_use),
		cmocka_unit_test(for_is_said_whole_or_not),
		cmocka_unit_test(no_byte_from_outside_leaves_its_word),
		cmocka_unit_test(lack_of_room_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
