#include "mail/dkim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "slow_dkim.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

/* ---- the header ---------------------------------------------------------------- */

static enum pr_err read_header(struct dkim_header *h, struct span header, size_t piece)
{
	dkim_header_init(h);
	for (; header.len > 0; header = span_from(header, piece))
		dkim_header_feed(h, span_first(header, piece));
	return dkim_header_finish(h);
}

static void t_fields_are_relaxed_in_pieces_of_any_size(void **state)
{
	static const char header[] =
	    "Received: by us\r\n\twith from: x\r\n"
	    "FROM \t: \r\n  Anna  <anna@example.org>\t \r\n"
	    "X-Subject: no\r\n"
	    "Subject:\r\n"
	    "sUBJECT: a \t b\r\n\t\r\n c\r\n"
	    "garbage\r\n  to: no\r\n"
	    "Sub ject: no\r\n"
	    "To:b@example.net\r\n"
	    "Cc: \xc3\xa4  \xff\r \n\r\n"
	    "\r\nDate: in the body\r\n";
	static const char *const expected[] = {
		"from:Anna <anna@example.org>", "subject:", "subject:a b c", "to:b@example.net", "cc:\xc3\xa4 \xff\r \n",
	};

	(void)state;
	for (size_t piece = 1; piece <= sizeof(header); piece++) {
		struct dkim_header h;

		assert_int_equal(read_header(&h, span_of(header, sizeof(header) - 1), piece), PR_OK);
		assert_int_equal(h.n_fields, N_OF(expected));
		for (size_t i = 0; i < N_OF(expected); i++) {
			assert_int_equal(h.fields[i].len, strlen(expected[i]));
			assert_memory_equal(h.text.at + h.fields[i].at, expected[i], h.fields[i].len);
		}
		dkim_header_fini(&h);
	}
}

/* Is it one field? Its line ends are followed by blanks, and it does not end with half of one. */
static bool is_one_field(struct span field)
{
	for (size_t i = 0; i < field.len; i++) {
		bool folds = i + 2 < field.len && field.at[i + 1] == '\n' && (field.at[i + 2] == ' ' || field.at[i + 2] == '\t');

		if ((field.at[i] == '\r' && !folds) || (field.at[i] == '\n' && field.at[i - 1] != '\r'))
			return false;
	}
	return true;
}

static void check_field(struct span field, size_t piece)
{
	struct buf canonical, header;
	struct dkim_header h;

	buf_init(&canonical, 64);
	buf_init(&header, 64);
	buf_add(&header, field);
	buf_add(&header, SPAN("\r\n\r\n"));
	assert_int_equal(read_header(&h, buf_span(&header), piece), PR_OK);
	slow_dkim_field(field, &canonical);
	assert_int_equal(h.fields[0].len, canonical.len);
	assert_memory_equal(h.text.at + h.fields[0].at, canonical.at, canonical.len);
	dkim_header_fini(&h);
	buf_fini(&canonical);
	buf_fini(&header);
}

static void t_a_field_is_as_the_rfc_says(void **state)
{
	static const char letters[] = "a \t\r\n";
	char field[5 + 6] = "From:";

	(void)state;
	for (size_t n = 0; n < 15625; n++) {
		size_t rest = n;

		for (size_t i = 0; i < 6; i++, rest /= 5)
			field[5 + i] = letters[rest % 5];
		if (is_one_field(span_of(field, sizeof(field))))
			check_field(span_of(field, sizeof(field)), 1 + n % 4);
	}
}

static void t_what_cannot_be_signed_is_told(void **state)
{
	struct dkim_header h;
	struct buf header;

	(void)state;
	assert_int_equal(read_header(&h, SPAN("Subject: x\r\n\r\nFrom: a@b\r\n"), 5), PR_NONE);
	dkim_header_fini(&h);
	assert_int_equal(read_header(&h, SPAN("From: a@b"), 5), PR_OK);
	dkim_header_fini(&h);
	assert_int_equal(read_header(&h, SPAN_NONE, 5), PR_NONE);
	dkim_header_fini(&h);

	buf_init(&header, DKIM_HEADER_MAX * 2);
	for (unsigned i = 0; i < DKIM_FIELDS_MAX; i++)
		buf_add(&header, SPAN("From: a@b\r\n"));
	assert_int_equal(read_header(&h, buf_span(&header), 100), PR_OK);
	dkim_header_fini(&h);
	buf_add(&header, SPAN("to:\r\n"));
	assert_int_equal(read_header(&h, buf_span(&header), 100), PR_FULL);
	dkim_header_fini(&h);

	buf_clear(&header);
	buf_add(&header, SPAN("From: "));
	while (header.len < DKIM_HEADER_MAX + 10)
		buf_add_char(&header, 'x');
	assert_int_equal(read_header(&h, buf_span(&header), 4000), PR_FULL);
	dkim_header_fini(&h);
	buf_fini(&header);
}

/* ---- the signature ------------------------------------------------------------------- */

static void t_the_field_names_each_signed_one_and_one_more(void **state)
{
	static const unsigned char hash[SHA256_LEN] = { 1, 2, 3 };
	static const char expected[] =
	    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org;\r\n"
	    "\ts=pr202611e; t=1700000000; x=1700086400;\r\n"
	    "\th=From:From:To:To:To:Cc:Subject:Subject:Date:Reply-To:Message-ID\r\n"
	    "\t:MIME-Version:Content-Type;\r\n"
	    "\tbh=AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;\r\n"
	    "\tb=";
	static const char signed_text[] =
	    "from:a@example.org\r\nto:second\r\nto:first\r\nsubject:s\r\n"
	    "dkim-signature:v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=pr202611e; t=1700000000; x=1700086400; "
	    "h=From:From:To:To:To:Cc:Subject:Subject:Date:Reply-To:Message-ID :MIME-Version:Content-Type; "
	    "bh=AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=; b=";
	const struct dkim_signature sig = { .algorithm = DKIM_ED25519_SHA256, .domain = SPAN("example.org"),
		.selector = SPAN("pr202611e"), .body_hash = hash, .signed_at = 1700000000, .expires_at = 1700086400 };
	unsigned char digest[SHA256_LEN], own[SHA256_LEN];
	struct dkim_header h;
	struct buf out;

	(void)state;
	assert_int_equal(read_header(&h, SPAN("To: first\r\nFrom: a@example.org\r\nTo: second\r\nSubject: s\r\nX: y\r\n\r\n"), 3), PR_OK);
	buf_init(&out, 4096);
	buf_add(&out, SPAN("Other: field\r\n"));
	assert_int_equal(dkim_signature_begin(&h, &sig, &out, digest), PR_OK);
	assert_int_equal(out.len, 14 + sizeof(expected) - 1);
	assert_memory_equal(out.at + 14, expected, sizeof(expected) - 1);
	digest_sha256(span_of(signed_text, sizeof(signed_text) - 1), own);
	assert_memory_equal(digest, own, SHA256_LEN);
	dkim_header_fini(&h);
	buf_fini(&out);
}

static void t_no_line_of_the_field_is_long(void **state)
{
	char domain[250], signature[512];
	static const unsigned char hash[SHA256_LEN];
	struct dkim_signature sig = { .algorithm = DKIM_RSA_SHA256, .selector = SPAN("s"), .body_hash = hash, .signed_at = 1 };
	unsigned char digest[SHA256_LEN];
	struct dkim_header h;
	struct span rest, line;
	struct buf out;

	(void)state;
	memset(domain, 'd', sizeof(domain));
	memset(signature, 0x5a, sizeof(signature));
	sig.domain = span_of(domain, 60);
	assert_int_equal(read_header(&h, SPAN("From: a@b\r\n"), 3), PR_OK);
	buf_init(&out, 4096);
	assert_int_equal(dkim_signature_begin(&h, &sig, &out, digest), PR_OK);
	assert_int_equal(dkim_signature_end(&out, span_of(signature, sizeof(signature))), PR_OK);
	assert_memory_equal(out.at + out.len - 2, "\r\n", 2);
	for (rest = span_first(buf_span(&out), out.len - 1); rest.len > 0;) {
		line = span_cut(&rest, '\n');
		assert_true(line.len <= 77 && line.at[line.len - 1] == '\r');
		assert_true(rest.len == 0 || *rest.at == '\t');
	}
	out.ceiling = out.len + 100;
	assert_int_equal(dkim_signature_begin(&h, &sig, &out, digest), PR_FULL);
	dkim_header_fini(&h);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_fields_are_relaxed_in_pieces_of_any_size),
		cmocka_unit_test(t_a_field_is_as_the_rfc_says),
		cmocka_unit_test(t_what_cannot_be_signed_is_told),
		cmocka_unit_test(t_the_field_names_each_signed_one_and_one_more),
		cmocka_unit_test(t_no_line_of_the_field_is_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
