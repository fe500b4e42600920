#include "mail/dkim_record.h"

#include "base/base64.h"
#include "mail/tags.h"

#define STRING_MAX 255	/* of a TXT record (RFC 1035 3.3) */

static struct span type_of(enum dkim_algorithm algorithm)
{
	return algorithm == DKIM_RSA_SHA256 ? SPAN("rsa") : SPAN("ed25519");
}

enum pr_err dkim_record_add(struct buf *out, enum dkim_algorithm algorithm, struct span key)
{
	(void)buf_add(out, SPAN("v=DKIM1; k="));
	(void)buf_add(out, type_of(algorithm));
	(void)buf_add(out, SPAN("; p="));
	return base64_add(out, key);
}

/* ---- reading: the tags --------------------------------------------------------------- */

static const char *read_kind(const struct tags *t, struct dkim_key *key)
{
	const struct span *kind = tags_find(t, SPAN("k"));

	key->algorithm = DKIM_RSA_SHA256;
	if (!kind || span_eq_nocase(*kind, SPAN("rsa")))
		return NULL;
	key->algorithm = DKIM_ED25519_SHA256;
	return span_eq_nocase(*kind, SPAN("ed25519")) ? NULL : "its k= is neither rsa nor ed25519";
}

static const char *read_use(const struct tags *t)
{
	const struct span *version = tags_find(t, SPAN("v")), *hashes = tags_find(t, SPAN("h")), *services = tags_find(t, SPAN("s"));

	if (version && !span_eq(*version, SPAN("DKIM1")))
		return "its v= is not DKIM1";
	if (hashes && !tags_has_word(*hashes, SPAN("sha256")))
		return "its h= does not allow sha256";
	if (services && !tags_has_word(*services, SPAN("email")) && !tags_has_word(*services, SPAN("*")))
		return "its s= does not allow mail";
	return NULL;
}

static void read_flags(const struct tags *t, struct dkim_key *key)
{
	const struct span *flags = tags_find(t, SPAN("t"));

	key->is_testing = flags && tags_has_word(*flags, SPAN("y"));
	key->is_strict = flags && tags_has_word(*flags, SPAN("s"));
}

static const char *read_bytes(const struct tags *t, struct dkim_key *key)
{
	const struct span *text = tags_find(t, SPAN("p"));

	if (!text)
		return "it has no p=";
	if (text->len == 0)
		return "the key was revoked (its p= is empty)";
	switch (tags_decode(*text, key->bytes, sizeof(key->bytes), &key->len)) {
	case PR_OK: return NULL;
	case PR_FULL: return "its p= is longer than any key that is used";
	default: return "its p= is no base 64";
	}
}

static const char *read_tags(struct span record, struct dkim_key *key)
{
	struct tags t;
	const char *why = tags_read(&t, record);

	*key = (struct dkim_key){ .len = 0 };
	if (!why)
		why = read_kind(&t, key);
	if (!why)
		why = read_use(&t);
	if (why)
		return why;
	read_flags(&t, key);
	return read_bytes(&t, key);
}

bool dkim_record_has(struct span record, enum dkim_algorithm algorithm, struct span key)
{
	struct dkim_key k;

	return !read_tags(record, &k) && k.algorithm == algorithm && span_eq(dkim_key_span(&k), key);
}

/* ---- reading: the key -------------------------------------------------------------------- */

/* DER (X.690 8.1, 10.1). */
enum der { DER_INTEGER = 0x02, DER_BITS = 0x03, DER_SEQUENCE = 0x30 };

/* rsaEncryption with its NULL (RFC 8017 A.1), as it stands in SubjectPublicKeyInfo. */
static const unsigned char RSA_NAME[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
#define RSA_NAME_SPAN span_of((const char *)RSA_NAME, sizeof(RSA_NAME))

/* The value at the front of *in, which is of this type. */
static bool der_take(struct span *in, enum der type, struct span *value)
{
	const unsigned char *at = (const unsigned char *)in->at;
	size_t head = 2, len;

	if (in->len < 2 || at[0] != type)
		return false;
	len = at[1];
	if (len & 0x80) {
		size_t octets = len & 0x7f;

		if (octets == 0 || octets > 2 || in->len < 2 + octets)
			return false;
		len = octets == 1 ? at[2] : (size_t)at[2] << 8 | at[3];
		head += octets;
	}
	if (in->len - head < len)
		return false;
	*value = span_of(in->at + head, len);
	*in = span_from(*in, head + len);
	return true;
}

static unsigned bits_of(struct span number)
{
	unsigned n = 0;

	while (number.len > 0 && number.at[0] == 0)
		number = span_from(number, 1);
	for (unsigned top = number.len ? (unsigned char)number.at[0] : 0; top; top >>= 1)
		n++;
	return number.len ? n + 8 * (unsigned)(number.len - 1) : 0;
}

/* RSAPublicKey. An exponent that the sender makes large costs us what only signing should cost. */
static const char *measure_rsa(struct span der, struct dkim_key *key)
{
	struct span numbers, modulus, exponent;

	if (!der_take(&der, DER_SEQUENCE, &numbers) || !der_take(&numbers, DER_INTEGER, &modulus) ||
	    !der_take(&numbers, DER_INTEGER, &exponent))
		return "its p= is no RSA key";
	key->bits = bits_of(modulus);
	return bits_of(exponent) > DKIM_EXPONENT_BITS_MAX ? "its exponent is unusually large" : NULL;
}

static size_t der_put_head(unsigned char *at, enum der type, size_t len)
{
	size_t n = 0;

	at[n++] = (unsigned char)type;
	if (len >= 0x100) {
		at[n++] = 0x82;
		at[n++] = (unsigned char)(len >> 8);
	} else if (len >= 0x80) {
		at[n++] = 0x81;
	}
	at[n++] = (unsigned char)len;
	return n;
}

/* A bare RSAPublicKey, which RFC 6376 3.6.1 speaks of, becomes the SubjectPublicKeyInfo that everybody publishes. */
static const char *wrap_rsa(struct dkim_key *key)
{
	unsigned char head[2 * 4 + sizeof(RSA_NAME) + 1], bits[5];
	size_t n_bits = der_put_head(bits, DER_BITS, key->len + 1), n;

	bits[n_bits++] = 0;
	n = der_put_head(head, DER_SEQUENCE, sizeof(RSA_NAME) + n_bits + key->len);
	memcpy(head + n, RSA_NAME, sizeof(RSA_NAME));
	n += sizeof(RSA_NAME);
	memcpy(head + n, bits, n_bits);
	n += n_bits;
	if (key->len > sizeof(key->bytes) - n)
		return "its p= is longer than any key that is used";
	memmove(key->bytes + n, key->bytes, key->len);
	memcpy(key->bytes, head, n);
	key->len += n;
	return NULL;
}

static const char *understand_rsa(struct dkim_key *key)
{
	struct span whole = dkim_key_span(key), inside, rest, bits;
	const char *why;

	rest = whole;
	if (!der_take(&rest, DER_SEQUENCE, &inside))
		return "its p= is no RSA key";
	if (inside.len > 0 && inside.at[0] == DER_INTEGER) {
		why = measure_rsa(whole, key);
		return why ? why : wrap_rsa(key);
	}
	if (!span_eq(span_first(inside, sizeof(RSA_NAME)), RSA_NAME_SPAN))
		return "its p= is no RSA key";
	rest = span_from(inside, sizeof(RSA_NAME));
	if (!der_take(&rest, DER_BITS, &bits) || bits.len == 0)
		return "its p= is no RSA key";
	return measure_rsa(span_from(bits, 1), key);
}

const char *dkim_record_read(struct span record, struct dkim_key *key)
{
	const char *why = read_tags(record, key);

	if (why)
		return why;
	if (key->algorithm == DKIM_RSA_SHA256)
		return understand_rsa(key);
	return key->len == DKIM_ED25519_LEN ? NULL : "its p= is no Ed25519 key of 32 bytes";
}

bool dkim_record_is_key(struct span record)
{
	struct tags t;
	const struct span *version;

	if (tags_read(&t, record))
		return false;
	version = tags_find(&t, SPAN("v"));
	return tags_find(&t, SPAN("p")) && (!version || span_starts_nocase(*version, SPAN("DKIM")));
}

/* ---- where it stands ----------------------------------------------------------------------- */

enum pr_err dkim_record_add_name(struct buf *out, struct span selector, struct span domain)
{
	(void)buf_add(out, selector);
	(void)buf_add(out, SPAN("._domainkey."));
	return buf_add(out, domain);
}

enum pr_err dkim_record_add_quoted(struct buf *out, struct span record)
{
	enum pr_err err = PR_OK;

	for (bool is_first = true; record.len > 0 && err == PR_OK; is_first = false) {
		(void)buf_add_text(out, is_first ? "\"" : " \"");
		(void)buf_add(out, span_first(record, STRING_MAX));
		err = buf_add_char(out, '"');
		record = span_from(record, STRING_MAX);
	}
	return err;
}
