#include "mail/dkim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "mail/dkim_record.h"
#include "slow_dkim.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))
#define S(text)    { (text), sizeof(text) - 1 }

/* ---- the body ------------------------------------------------------------------ */

static void body_hash_cut(struct span body, size_t piece, unsigned char hash[SHA256_LEN])
{
	struct dkim_body b;

	dkim_body_init(&b);
	for (; body.len > 0; body = span_from(body, piece))
		dkim_body_feed(&b, span_first(body, piece));
	dkim_body_finish(&b, hash);
	assert_null(b.digest);
}

static void assert_body(struct span body, struct span canonical)
{
	unsigned char expected[SHA256_LEN], got[SHA256_LEN];

	digest_sha256(canonical, expected);
	for (size_t piece = 1; piece <= body.len + 1; piece++) {
		body_hash_cut(body, piece, got);
		assert_memory_equal(got, expected, SHA256_LEN);
	}
}

static void t_a_body_is_relaxed_in_pieces_of_any_size(void **state)
{
	static const struct {
		struct span body, canonical;
	} rows[] = {
		/* RFC 6376 3.4.5 */
		{ S(" C \r\nD \t E\r\n\r\n\r\n"), S(" C\r\nD E\r\n") },
		{ S(""), S("") },
		{ S("\r\n"), S("") },
		{ S("\r\n\r\n\r\n"), S("") },
		{ S(" \t\r\n  \r\n"), S("") },
		{ S("  "), S("") },
		{ S("no end"), S("no end\r\n") },
		{ S("no end  \t"), S("no end\r\n") },
		{ S("a\r\n\r\nb\r\n"), S("a\r\n\r\nb\r\n") },
		{ S("\r\n\r\na"), S("\r\n\r\na\r\n") },
		{ S("a\r\n \t \r\nb \r\n \r\n"), S("a\r\n\r\nb\r\n") },
		{ S("\ta\t\tb \r\n"), S(" a b\r\n") },
		{ S("a\rb\nc \r d\r"), S("a\rb\nc \r d\r\r\n") },
		{ S("a\r\r\nb"), S("a\r\r\nb\r\n") },
		{ S("\xc3\xa4\x80 \xff\r\n"), S("\xc3\xa4\x80 \xff\r\n") },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(rows); i++)
		assert_body(rows[i].body, rows[i].canonical);
}

static void t_the_hash_of_the_rfcs_is_ours(void **state)
{
	/* RFC 6376 A.2, RFC 8463 A; and the empty body, 3.4.4. */
	static const struct {
		struct span body;
		const char *hash;
	} rows[] = {
		{ { "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n", 55 }, "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=" },
		{ { "", 0 }, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" },
	};
	unsigned char hash[SHA256_LEN];
	struct buf text;

	(void)state;
	buf_init(&text, 100);
	for (size_t i = 0; i < N_OF(rows); i++) {
		body_hash_cut(rows[i].body, 7, hash);
		buf_clear(&text);
		assert_int_equal(base64_add(&text, span_of((const char *)hash, SHA256_LEN)), PR_OK);
		assert_memory_equal(text.at, rows[i].hash, text.len);
	}
	buf_fini(&text);
}

/* All texts of these letters up to some length: nothing that a body can be made of is left out. */
static void t_every_short_body_is_as_the_rfc_says(void **state)
{
	static const char letters[] = "a \t\r\n";
	char body[7];
	struct buf canonical;

	(void)state;
	buf_init(&canonical, 64);
	for (size_t len = 0; len <= sizeof(body); len++) {
		size_t all = 1;

		for (size_t i = 0; i < len; i++)
			all *= 5;
		for (size_t n = 0; n < all; n++) {
			unsigned char expected[SHA256_LEN], got[SHA256_LEN];
			size_t rest = n;

			for (size_t i = 0; i < len; i++, rest /= 5)
				body[i] = letters[rest % 5];
			buf_clear(&canonical);
			slow_dkim_body(span_of(body, len), &canonical);
			digest_sha256(buf_span(&canonical), expected);
			body_hash_cut(span_of(body, len), 1 + n % 3, got);
			assert_memory_equal(got, expected, SHA256_LEN);
		}
	}
	buf_fini(&canonical);
}

static void simple_hash_cut(struct span body, uint64_t most, size_t piece, unsigned char hash[SHA256_LEN], uint64_t *len)
{
	struct dkim_body b;

	dkim_body_init_as(&b, true, most);
	for (; body.len > 0; body = span_from(body, piece))
		dkim_body_feed(&b, span_first(body, piece));
	dkim_body_finish(&b, hash);
	*len = b.len;
}

static void t_every_short_body_is_simple_as_the_rfc_says(void **state)
{
	static const char letters[] = "a \r\n";
	char body[7];
	struct buf canonical;

	(void)state;
	buf_init(&canonical, 64);
	for (size_t len = 0; len <= sizeof(body); len++) {
		for (size_t n = 0; n < (size_t)1 << 2 * len; n++) {
			unsigned char expected[SHA256_LEN], got[SHA256_LEN];
			uint64_t canonical_len;

			for (size_t i = 0; i < len; i++)
				body[i] = letters[n >> 2 * i & 3];
			buf_clear(&canonical);
			slow_dkim_simple_body(span_of(body, len), &canonical);
			digest_sha256(span_first(buf_span(&canonical), n % 9), expected);
			simple_hash_cut(span_of(body, len), n % 9, 1 + n % 3, got, &canonical_len);
			assert_memory_equal(got, expected, SHA256_LEN);
			assert_int_equal(canonical_len, canonical.len);
		}
	}
	buf_fini(&canonical);
}

/* ---- any field ------------------------------------------------------------------ */

static void t_every_short_field_is_relaxed_as_the_rfc_says(void **state)
{
	static const char *const pieces[] = { "a", " ", "\t", "\r\n ", "B" };
	struct buf field, expected, got;

	(void)state;
	buf_init(&field, 64);
	buf_init(&expected, 64);
	buf_init(&got, 64);
	for (size_t n = 0; n < 5 * 5 * 5 * 5 * 5 * 5; n++) {
		buf_clear(&field);
		buf_clear(&expected);
		buf_clear(&got);
		(void)buf_add_text(&field, n % 2 ? "X-Name:" : "sUBJECT \t:");
		for (size_t rest = n; rest; rest /= 5)
			(void)buf_add_text(&field, pieces[rest % 5]);
		slow_dkim_field(buf_span(&field), &expected);
		dkim_field_canonical(buf_span(&field), true, &got);
		if (!span_eq(buf_span(&expected), buf_span(&got)))
			fail_msg("%.*s: %.*s", (int)field.len, field.at, (int)got.len, got.at);
		buf_clear(&got);
		dkim_field_canonical(buf_span(&field), false, &got);
		assert_true(span_eq(buf_span(&field), buf_span(&got)));
	}
	buf_fini(&field);
	buf_fini(&expected);
	buf_fini(&got);
}

static void t_a_field_is_hashed_without_its_signature(void **state)
{
	static const struct {
		const char *field, *simple, *relaxed;
	} rows[] = {
		{ "X: a=1; b=SIG; c=2", "X: a=1; b=; c=2", "x:a=1; b=; c=2" },
		{ "X: a=1; b= \r\n\tSIG \r\n ; c=2", "X: a=1; b=; c=2", "x:a=1; b=; c=2" },
		{ "X: b=SIG", "X: b=", "x:b=" },
		{ "X: b = SIG\r\n ", "X: b =", "x:b =" },
	};
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	for (size_t i = 0; i < N_OF(rows); i++) {
		struct span whole = span_of_text(rows[i].field), signature = span_of(strstr(whole.at, "SIG"), 3);

		buf_clear(&out);
		dkim_field_unsigned(whole, signature, false, &out);
		assert_true(span_eq(buf_span(&out), span_of_text(rows[i].simple)));
		buf_clear(&out);
		dkim_field_unsigned(whole, signature, true, &out);
		assert_true(span_eq(buf_span(&out), span_of_text(rows[i].relaxed)));
	}
	buf_fini(&out);
}

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

/* ---- the field ------------------------------------------------------------------- */

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
	assert_int_equal(dkim_field_begin(&h, &sig, &out, digest), PR_OK);
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
	assert_int_equal(dkim_field_begin(&h, &sig, &out, digest), PR_OK);
	assert_int_equal(dkim_field_end(&out, span_of(signature, sizeof(signature))), PR_OK);
	assert_memory_equal(out.at + out.len - 2, "\r\n", 2);
	for (rest = span_first(buf_span(&out), out.len - 1); rest.len > 0;) {
		line = span_cut(&rest, '\n');
		assert_true(line.len <= 77 && line.at[line.len - 1] == '\r');
		assert_true(rest.len == 0 || *rest.at == '\t');
	}
	out.ceiling = out.len + 100;
	assert_int_equal(dkim_field_begin(&h, &sig, &out, digest), PR_FULL);
	dkim_header_fini(&h);
	buf_fini(&out);
}

/* ---- the record -------------------------------------------------------------------- */

static void t_a_record_is_known_by_its_key(void **state)
{
	static const struct {
		const char *record;
		bool has;
	} rows[] = {
		{ "v=DKIM1; k=ed25519; p=a2V5", true },
		{ "v=DKIM1;k=ed25519;p=a2V5;", true },
		{ " v = DKIM1 ; p = a2 V5 ; k = ed25519 ; n=words; t=s", true },
		{ "k=ed25519; p=a2V5; h=sha1:sha256; s=email", true },
		{ "k=ed25519; p=a2V5; h=sha1", false },
		{ "k=ed25519; p=a2V5; s=other", false },
		{ "v=DKIM2; k=ed25519; p=a2V5", false },
		{ "v=DKIM1; k=rsa; p=a2V5", false },
		{ "v=DKIM1; p=a2V5", false },
		{ "v=DKIM1; k=ed25519; p=", false },
		{ "v=DKIM1; k=ed25519; p=a2V", false },
		{ "v=DKIM1; k=ed25519; p=a2V5a2V5", false },
		{ "v=DKIM1; k=ed25519", false },
		{ "", false },
		{ "v=spf1 -all", false },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(rows); i++)
		assert_int_equal(dkim_record_has(span_of_text(rows[i].record), DKIM_ED25519_SHA256, SPAN("key")), rows[i].has);
	assert_true(dkim_record_has(SPAN("v=DKIM1; p=a2V5"), DKIM_RSA_SHA256, SPAN("key")));
	assert_false(dkim_record_has(SPAN("v=DKIM1; p="), DKIM_RSA_SHA256, SPAN_NONE));
}

#define RSA_PUBLIC_768 "MHwwDQYJKoZIhvcNAQEBBQADawAwaAJhANfG5PumrPQyx2LoJGkG7P8zjW6U2DnIpwi54sm4msbVdWz3jRMrEAUNkrp1BmkXdopv78JNMG/" \
	"VFfV3h6joKB6kBS7eDOYqJv0dcY6ccshsNkljiUu8sIAag5gF3EPfNwIDAQAB"
#define ED25519_PUBLIC "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static void t_a_record_is_read_or_said_why_not(void **state)
{
	static const struct {
		const char *record, *why;	/* why NULL: it is good */
	} rows[] = {
		{ "v=DKIM1; k=rsa; p=" RSA_PUBLIC_768, NULL },
		{ "p=" RSA_PUBLIC_768, NULL },
		{ "k=ED25519; p=" ED25519_PUBLIC, NULL },
		{ "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapi \r\n MlrwIaaPcHURo", NULL },	/* folded, and without its padding */
		{ "h=sha1:sha256; s=tlsrpt:email; t=y:s; n=words = words; g=*; p=" RSA_PUBLIC_768, NULL },
		{ "s=*; p=" RSA_PUBLIC_768, NULL },
		{ "", "no tag" },
		{ "v=DKIM1", "no p=" },
		{ "v=DKIM2; p=" RSA_PUBLIC_768, "v= is not" },
		{ "p=", "revoked" },
		{ "p=" RSA_PUBLIC_768 "; p=" RSA_PUBLIC_768, "given twice" },
		{ "p=" RSA_PUBLIC_768 ";; t=s", "empty tag" },
		{ "p=" RSA_PUBLIC_768 "; =s", "name is none" },
		{ "p=" RSA_PUBLIC_768 "; words", "without =" },
		{ "p=" RSA_PUBLIC_768 "; n=\xc3\xa4", "printable" },
		{ "h=sha1; p=" RSA_PUBLIC_768, "h= does not allow" },
		{ "s=tlsrpt; p=" RSA_PUBLIC_768, "s= does not allow" },
		{ "k=dsa; p=" RSA_PUBLIC_768, "k= is neither" },
		{ "p=*", "no base 64" },
		{ "p=A", "no base 64" },
		{ "p=" ED25519_PUBLIC, "no RSA key" },
		{ "p=MAA=", "no RSA key" },
		{ "p=MAIwAA==", "no RSA key" },
		{ "p=MIICIjA=", "no RSA key" },
		{ "k=ed25519; p=" RSA_PUBLIC_768, "no Ed25519 key" },
		{ "p=MBACAQECCwEAAAAAAAAAAAAB", "exponent" },	/* a bare RSAPublicKey with an exponent of 81 bits */
	};
	struct dkim_key key;

	(void)state;
	for (size_t i = 0; i < N_OF(rows); i++) {
		const char *why = dkim_record_read(span_of_text(rows[i].record), &key);

		if (!why != !rows[i].why || (why && !strstr(why, rows[i].why)))
			fail_msg("%s: %s", rows[i].record, why ? why : "good");
		if (!why && key.algorithm == DKIM_RSA_SHA256)
			assert_int_equal(key.bits, 768);
		if (!why)
			assert_int_equal(key.is_testing && key.is_strict, strstr(rows[i].record, "t=y:s") != NULL);
	}
	assert_true(dkim_record_is_key(SPAN("p=")));
	assert_true(dkim_record_is_key(SPAN("v=DKIM1; p=x")));
	assert_false(dkim_record_is_key(SPAN("v=spf1 -all")));
	assert_false(dkim_record_is_key(SPAN("v=other; p=reject")));
}

static void t_a_record_is_split_as_zone_files_need_it(void **state)
{
	char key[300];
	struct buf record, quoted;

	(void)state;
	memset(key, 'k', sizeof(key));
	buf_init(&record, 1024);
	buf_init(&quoted, 2048);
	assert_int_equal(dkim_record_add(&record, DKIM_RSA_SHA256, span_of(key, sizeof(key))), PR_OK);
	assert_true(dkim_record_has(buf_span(&record), DKIM_RSA_SHA256, span_of(key, sizeof(key))));
	assert_int_equal(record.len, sizeof("v=DKIM1; k=rsa; p=") - 1 + 400);
	assert_int_equal(dkim_record_add_quoted(&quoted, buf_span(&record)), PR_OK);
	assert_int_equal(quoted.len, record.len + 5);
	assert_memory_equal(quoted.at + 256, "\" \"", 3);
	buf_clear(&record);
	assert_int_equal(dkim_record_add_name(&record, SPAN("s"), SPAN("example.org")), PR_OK);
	assert_true(span_eq(buf_span(&record), SPAN("s._domainkey.example.org")));
	buf_fini(&record);
	buf_fini(&quoted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_body_is_relaxed_in_pieces_of_any_size),
		cmocka_unit_test(t_the_hash_of_the_rfcs_is_ours),
		cmocka_unit_test(t_every_short_body_is_as_the_rfc_says),
		cmocka_unit_test(t_every_short_body_is_simple_as_the_rfc_says),
		cmocka_unit_test(t_every_short_field_is_relaxed_as_the_rfc_says),
		cmocka_unit_test(t_a_field_is_hashed_without_its_signature),
		cmocka_unit_test(t_a_record_is_read_or_said_why_not),
		cmocka_unit_test(t_fields_are_relaxed_in_pieces_of_any_size),
		cmocka_unit_test(t_a_field_is_as_the_rfc_says),
		cmocka_unit_test(t_what_cannot_be_signed_is_told),
		cmocka_unit_test(t_the_field_names_each_signed_one_and_one_more),
		cmocka_unit_test(t_no_line_of_the_field_is_long),
		cmocka_unit_test(t_a_record_is_known_by_its_key),
		cmocka_unit_test(t_a_record_is_split_as_zone_files_need_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
