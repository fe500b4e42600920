#include "sign_any.h"

#include "base/base64.h"
#include "mail/dkim_body.h"
#include "mail/dkim_claim.h"
#include "mail/dkim_field.h"
#include "mail/dkim_record.h"
#include "verify/fields.h"

static void add_base64(struct buf *out, const unsigned char *at, size_t len)
{
	BUG_ON(base64_add(out, span_of((const char *)at, len)) != PR_OK);
}

static void add_body_hash(struct buf *out, const struct dkim_claim *claim, struct span body)
{
	unsigned char hash[SHA256_LEN];
	struct dkim_body b;

	dkim_body_init_as(&b, !claim->is_body_relaxed, claim->has_length ? claim->length : UINT64_MAX);
	dkim_body_feed(&b, body);
	dkim_body_finish(&b, hash);
	add_base64(out, hash, sizeof(hash));
}

static void hash_field(struct digest *d, const struct dkim_claim *claim, const struct field *f)
{
	struct buf text;

	buf_init(&text, 1 << 20);
	dkim_field_canonical(f->whole, claim->is_header_relaxed, &text);
	digest_feed(d, buf_span(&text));
	digest_feed(d, SPAN("\r\n"));
	buf_fini(&text);
}

static void hash_header(struct digest *d, const struct dkim_claim *claim, struct span header)
{
	struct fields f;
	bool used[1024] = { false };

	fields_init(&f, 1 << 20, 1024);
	fields_feed(&f, &header);
	fields_close(&f);
	for (struct span names = claim->names; names.len > 0;) {
		struct span name = tags_word(&names);
		unsigned i = f.n;

		while (i > 0 && (used[i - 1] || !span_eq_nocase(f.row[i - 1].name, name)))
			i--;
		if (i > 0) {
			used[i - 1] = true;
			hash_field(d, claim, &f.row[i - 1]);
		}
	}
	fields_fini(&f);
}

/* Reads its own tags, with a stand-in for what is not there yet. */
static struct dkim_claim claim_of(struct span value)
{
	struct dkim_claim claim;
	const char *why = dkim_claim_read(&claim, CLAIM_DKIM, value);

	BUG_ON(why != NULL);
	return claim;
}

static void add_signature(struct buf *out, struct key *key, const struct dkim_claim *claim, struct span field, struct span header)
{
	unsigned char digest[SHA256_LEN], signature[KEY_SIGNATURE_MAX];
	struct digest *d = digest_new();
	struct buf text;

	buf_init(&text, 1 << 20);
	hash_header(d, claim, header);
	dkim_field_unsigned(field, claim->signature, claim->is_header_relaxed, &text);
	digest_feed(d, buf_span(&text));
	digest_finish(d, digest);
	digest_free(&d);
	buf_fini(&text);
	add_base64(out, signature, key_sign(key, digest, signature));
}

void sign_any(struct buf *out, struct key *key, const char *tags, struct span header, struct span body)
{
	static const char NONE[] = "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA";
	size_t begin = out->len;
	struct buf text;
	struct dkim_claim claim;

	buf_init(&text, 1 << 20);
	(void)buf_printf(&text, "DKIM-Signature: %s; %s", tags, NONE);
	claim = claim_of(span_from(buf_span(&text), 16));
	(void)buf_printf(out, "DKIM-Signature: %s; bh=", tags);
	add_body_hash(out, &claim, body);
	(void)buf_add_text(out, "; b=");
	buf_clear(&text);
	(void)buf_add(&text, span_from(buf_span(out), begin));
	(void)buf_add_text(&text, "AAAA");
	claim = claim_of(span_from(buf_span(&text), 16));
	add_signature(out, key, &claim, buf_span(&text), header);
	(void)buf_add_text(out, "\r\n");
	buf_fini(&text);
}

void sign_any_record(struct buf *out, const struct key *key, const char *more)
{
	struct buf public;

	buf_init(&public, 4096);
	BUG_ON(key_add_public(key, &public) != PR_OK);
	(void)buf_printf(out, "v=DKIM1; %sk=%s; p=", more, key_kind_text(key_kind(key)));
	BUG_ON(base64_add(out, buf_span(&public)) != PR_OK);
	buf_fini(&public);
}
