/* Any bytes as header and body, at a cut that they choose: the same as in one piece, and what RFC 6376 says. Any text as a
 * record, and as the authors of a message. */
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "mail/author.h"
#include "mail/dkim.h"
#include "mail/dkim_body.h"
#include "mail/dkim_record.h"
#include "tests/unit/slow_dkim.h"

#define TEXT_MAX 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hash_body(struct span body, size_t piece, unsigned char hash[SHA256_LEN])
{
	struct dkim_body b;

	dkim_body_init(&b);
	for (; body.len > 0; body = span_from(body, piece))
		dkim_body_feed(&b, span_first(body, piece));
	dkim_body_finish(&b, hash);
}

static void check_body(struct span body, size_t piece)
{
	unsigned char whole[SHA256_LEN], pieces[SHA256_LEN], slow[SHA256_LEN];
	struct buf canonical;

	hash_body(body, body.len + 1, whole);
	hash_body(body, piece, pieces);
	buf_init(&canonical, 2 * body.len + 4);
	slow_dkim_body(body, &canonical);
	digest_sha256(buf_span(&canonical), slow);
	buf_fini(&canonical);
	BUG_ON(memcmp(whole, pieces, SHA256_LEN) != 0 || memcmp(whole, slow, SHA256_LEN) != 0);
}

static enum pr_err sign(struct span header, size_t piece, struct buf *field, unsigned char digest[SHA256_LEN])
{
	static const unsigned char hash[SHA256_LEN];
	const struct dkim_signature sig = { .domain = SPAN("d.example"), .selector = SPAN("s"), .body_hash = hash, .signed_at = 1 };
	struct dkim_header h;
	enum pr_err err;

	dkim_header_init(&h);
	for (; header.len > 0; header = span_from(header, piece))
		dkim_header_feed(&h, span_first(header, piece));
	err = dkim_header_finish(&h);
	if (err == PR_OK)
		err = dkim_signature_begin(&h, &sig, field, digest);
	if (err == PR_OK)
		err = dkim_signature_end(field, span_of((const char *)digest, SHA256_LEN));
	dkim_header_fini(&h);
	return err;
}

static void check_header(struct span header, size_t piece)
{
	unsigned char whole[SHA256_LEN] = { 0 }, pieces[SHA256_LEN] = { 0 };
	struct buf a, b;

	buf_init(&a, 16384);
	buf_init(&b, 16384);
	BUG_ON(sign(header, header.len + 1, &a, whole) != sign(header, piece, &b, pieces));
	BUG_ON(memcmp(whole, pieces, SHA256_LEN) != 0 || !span_eq(buf_span(&a), buf_span(&b)));
	buf_fini(&a);
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char domain[ADDRESS_DOMAIN_MAX + 1];
	struct span text;
	size_t piece;

	if (size < 1 || size > TEXT_MAX)
		return 0;
	text = span_of((const char *)data + 1, size - 1);
	piece = 1 + data[0] % 64;
	check_body(text, piece);
	check_header(text, piece);
	(void)dkim_record_has(text, DKIM_RSA_SHA256, SPAN("key"));
	if (author_domain(text, domain))
		BUG_ON(strlen(domain) == 0 || strlen(domain) > ADDRESS_DOMAIN_MAX);
	return 0;
}
