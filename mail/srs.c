#include "mail/srs.h"

#include <string.h>

#include "base/base64.h"
#include "base/digest.h"
#include "base/text.h"

#define TAG_LEN      4		/* SRS0 */
#define HASH_MAX     27		/* letters of a whole digest, without its padding */
#define DAYS_CYCLE   1024
#define FIELDS_MAX   (ADDRESS_LOCAL_MAX + ADDRESS_DOMAIN_MAX + 2)

static const char BASE32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* What stands in a local part, without its hash; the hash is over all three. */
struct fields {
	char tag;		/* '0' or '1' */
	struct span hash, day;	/* day: of an SRS0 */
	struct span domain, rest;
};

/* ---- the hash ---------------------------------------------------------------- */

static size_t add_lower(char *out, size_t len, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		out[len++] = text_lower(s.at[i]);
	return len;
}

static void hash_of(const struct fields *f, struct span key, char out[HASH_MAX])
{
	unsigned char digest[SHA1_LEN];
	char text[FIELDS_MAX];
	struct buf letters;
	size_t len = add_lower(text, 0, f->day);

	len = add_lower(text, len, f->domain);
	len = add_lower(text, len, f->rest);
	digest_hmac_sha1(key, span_of(text, len), digest);
	buf_init(&letters, BASE64_LEN(SHA1_LEN));
	BUG_ON(base64_add(&letters, span_of((const char *)digest, SHA1_LEN)) != PR_OK);
	memcpy(out, letters.at, HASH_MAX);
	buf_fini(&letters);
}

/* Some servers fold the case of local parts. */
static bool hash_matches(const struct fields *f, struct span key)
{
	char right[HASH_MAX], given[HASH_MAX];

	hash_of(f, key, right);
	text_lower_in_place(right, HASH_MAX);
	(void)add_lower(given, 0, f->hash);
	return digest_equal(right, given, f->hash.len);
}

/* ---- the form ------------------------------------------------------------------ */

static bool is_separator(char c)
{
	return c == '=' || c == '+' || c == '-';
}

/* '0' or '1', or 0: it has another form. */
static char tag_of(struct span bare)
{
	if (bare.len <= TAG_LEN || !span_starts_nocase(bare, SPAN("SRS")) || !is_separator(bare.at[TAG_LEN]))
		return 0;
	return bare.at[3] == '0' || bare.at[3] == '1' ? bare.at[3] : 0;
}

static int letter_value(char c)
{
	const char *at = c ? strchr(BASE32, text_upper(c)) : NULL;

	return at ? (int)(at - BASE32) : -1;
}

static bool is_day(struct span day)
{
	return day.len == 2 && letter_value(day.at[0]) >= 0 && letter_value(day.at[1]) >= 0;
}

static bool fields_read(struct span bare, struct fields *out)
{
	struct span rest = span_from(bare, TAG_LEN + 1);

	*out = (struct fields){ .tag = tag_of(bare), .day = SPAN_NONE };
	if (!out->tag)
		return false;
	out->hash = span_cut(&rest, '=');
	if (out->tag == '0')
		out->day = span_cut(&rest, '=');
	out->domain = span_cut(&rest, '=');
	out->rest = rest;
	if (out->hash.len == 0 || out->domain.len == 0 || rest.len == 0 || bare.len > ADDRESS_LOCAL_MAX)
		return false;
	return out->tag == '0' ? is_day(out->day) : is_separator(rest.at[0]);
}

/* The address that those fields stand for. */
static enum pr_err fields_address(const struct fields *f, struct address *out)
{
	char bare[TAG_LEN + ADDRESS_LOCAL_MAX];

	if (f->tag == '0')
		return address_join(f->rest, f->domain, out);
	memcpy(bare, "SRS0", TAG_LEN);
	memcpy(bare + TAG_LEN, f->rest.at, f->rest.len);
	return address_join(span_of(bare, TAG_LEN + f->rest.len), f->domain, out);
}

/* ---- making ---------------------------------------------------------------------- */

/* An SRS1 address whose fields lead nowhere is nobody's: it is wrapped like any other. */
static void fields_for(struct span bare, struct span domain, struct span day, struct fields *out)
{
	struct address first;

	if (tag_of(bare) == '1' && fields_read(bare, out) && fields_address(out, &first) == PR_OK)
		return;
	*out = (struct fields){ .tag = '0', .day = day, .domain = domain, .rest = bare };
	if (tag_of(bare) == '0')
		*out = (struct fields){ .tag = '1', .day = SPAN_NONE, .domain = domain, .rest = span_from(bare, TAG_LEN) };
}

static enum pr_err fields_write(const struct fields *f, struct span hash, struct span forwarder, struct address *out)
{
	struct buf bare;
	enum pr_err err;

	buf_init(&bare, ADDRESS_LOCAL_MAX);
	(void)buf_printf(&bare, "SRS%c=%.*s=", f->tag, SPAN_ARG(hash));
	(void)buf_add(&bare, f->day);
	(void)buf_add(&bare, f->day.len ? SPAN("=") : SPAN_NONE);
	(void)buf_add(&bare, f->domain);
	(void)buf_add(&bare, SPAN("="));
	(void)buf_add(&bare, f->rest);
	err = bare.overflowed ? PR_FULL : address_join(buf_span(&bare), forwarder, out);
	buf_fini(&bare);
	return err;
}

enum pr_err srs_make(struct span sender, struct span forwarder, struct span key, uint32_t day, struct address *out)
{
	const char letters[] = { BASE32[day >> 5 & 31], BASE32[day & 31] };
	char bare[ADDRESS_LOCAL_MAX], hash[HASH_MAX];
	struct span local, domain;
	struct fields f;

	address_split(sender, &local, &domain);
	fields_for(span_of(bare, address_local_bare(local, bare)), domain, span_of(letters, sizeof(letters)), &f);
	if (f.domain.len + f.rest.len > FIELDS_MAX - f.day.len)
		return PR_FULL;
	hash_of(&f, key, hash);
	return fields_write(&f, span_of(hash, SRS_HASH_LEN), forwarder, out);
}

/* ---- reading --------------------------------------------------------------------- */

/* A day of tomorrow is taken: a clock may have been set back. */
static bool is_expired(struct span letters, uint32_t today)
{
	uint32_t day = (uint32_t)letter_value(letters.at[0]) << 5 | (uint32_t)letter_value(letters.at[1]);
	uint32_t age = (today - day) % DAYS_CYCLE;

	return age > SRS_DAYS && age != DAYS_CYCLE - 1;
}

enum srs_verdict srs_read(struct span address, const struct span *keys, size_t n_keys, uint32_t day, struct address *out)
{
	char bare[ADDRESS_LOCAL_MAX];
	struct span local, domain;
	bool is_ours = false;
	struct fields f;

	address_split(address, &local, &domain);
	if (!fields_read(span_of(bare, address_local_bare(local, bare)), &f))
		return SRS_NONE;
	if (f.hash.len < SRS_HASH_LEN || f.hash.len > HASH_MAX)
		return SRS_FORGED;
	for (size_t i = 0; i < n_keys; i++)
		is_ours |= hash_matches(&f, keys[i]);
	if (!is_ours || fields_address(&f, out) != PR_OK)
		return SRS_FORGED;
	return f.tag == '0' && is_expired(f.day, day) ? SRS_EXPIRED : SRS_GOOD;
}
