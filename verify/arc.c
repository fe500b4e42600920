#include "verify/arc.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/digest.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/text.h"
#include "mail/dkim_body.h"
#include "mail/dkim_field.h"
#include "mail/dkim_claim.h"
#include "verify/dkim_key.h"

#define SETS_MAX DKIM_CLAIM_INSTANCE_MAX
#define DRIFT_S	 300	/* clocks of others */
#define PREFIX	 SPAN("ARC-")

enum part { RESULTS, MESSAGE, SEAL, N_PARTS };

static const char *const part_names[N_PARTS] = { "ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal" };

struct set {
	const struct field *part[N_PARTS];
};

struct arc_check {
	const struct fields *header;
	struct set *sets;		/* [1..n]; NULL: there is no chain */
	struct dkim_claim message;	/* of the newest set */
	struct dkim_claim *seals;	/* [1..n] */
	struct buf chain;		/* all fields in order, canonical: a seal covers what is before it */
	size_t seal_at[SETS_MAX + 1];	/* where each begins in it */
	unsigned n;
	struct dkim_body body;
	unsigned char body_hash[SHA256_LEN];
	bool has_hash, is_over;
	struct arc_told told;
};

static void fail(struct arc_check *c, unsigned set, const char *why, ...) PRINTF_LIKE(3, 4);
static void fail(struct arc_check *c, unsigned set, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	(void)vsnprintf(c->told.why, sizeof(c->told.why), why, args);
	va_end(args);
	c->told.result = AUTH_FAIL;
	c->told.failed = set;
	c->is_over = true;
}

/* ---- the sets ------------------------------------------------------------------------- */

static bool find_part(struct span name, enum part *part)
{
	for (*part = 0; *part < N_PARTS; ++*part)
		if (span_eq_nocase(name, span_of_text(part_names[*part])))
			return true;
	return false;
}

/* i= of a field; 0: it has none that counts. */
static unsigned instance_of(const struct field *f, enum part part)
{
	struct span rest = f->value, list = part == RESULTS ? span_cut(&rest, ';') : f->value;
	struct tags t;
	const struct span *i;
	unsigned long long n;

	if (f->whole.len > DKIM_CLAIM_MAX || tags_read(&t, list))
		return 0;
	i = tags_find(&t, SPAN("i"));
	return i && span_to_u64(*i, SETS_MAX, &n) ? (unsigned)n : 0;
}

static void take_part(struct arc_check *c, const struct field *f, enum part part)
{
	unsigned n = instance_of(f, part);

	if (n == 0)
		fail(c, 0, "an %s field has no i= from 1 to %d", part_names[part], SETS_MAX);
	else if (c->sets[n].part[part])
		fail(c, n, "there are two %s fields with i=%u", part_names[part], n);
	else
		c->sets[n].part[part] = f;
	if (n > c->n)
		c->n = n;
}

static void find_sets(struct arc_check *c)
{
	size_t bytes = 0;
	enum part part;

	for (unsigned i = 0; i < c->header->n && !c->is_over; i++) {
		const struct field *f = &c->header->row[i];

		if (!span_starts_nocase(f->name, PREFIX) || !find_part(f->name, &part))
			continue;
		if (!c->sets)
			c->sets = mem_new((SETS_MAX + 1) * sizeof(*c->sets));
		bytes += f->whole.len;
		if (bytes > ARC_BYTES_MAX)
			fail(c, 0, "the fields of the chain are larger than is looked at here");
		else
			take_part(c, f, part);
	}
}

/* RFC 8617 5.2 step 3: from 1 on without a gap, each with one field of each kind. */
static void check_sets(struct arc_check *c)
{
	c->told.n = c->n;
	for (unsigned n = 1; n <= c->n && !c->is_over; n++)
		for (enum part part = 0; part < N_PARTS && !c->is_over; part++)
			if (!c->sets[n].part[part])
				fail(c, n, "set %u of the chain has no %s", n, part_names[part]);
}

/* ---- what they claim --------------------------------------------------------------------- */

static void tell(char *to, size_t room, struct span value)
{
	value = span_first(value, room - 1);
	memcpy(to, value.at, value.len);
	to[value.len] = 0;
}

static void check_claim(struct arc_check *c, unsigned n, enum part part, const struct dkim_claim *claim)
{
	if (claim->is_sha1)
		fail(c, n, "%s %u is by rsa-sha1, which proves nothing any more (RFC 8301)", part_names[part], n);
	else if (span_find(claim->domain, '.') == claim->domain.len)
		fail(c, n, "d= of %s %u is a top-level domain", part_names[part], n);
}

static void read_seal(struct arc_check *c, unsigned n)
{
	struct dkim_claim *seal = &c->seals[n];
	const char *why = dkim_claim_read(seal, CLAIM_ARC_SEAL, c->sets[n].part[SEAL]->value);
	struct span chain = n == 1 ? SPAN("none") : SPAN("pass");

	if (n == c->n) {
		tell(c->told.domain, sizeof(c->told.domain), seal->domain);
		tell(c->told.selector, sizeof(c->told.selector), seal->selector);
	}
	if (why)
		fail(c, n, "ARC-Seal %u can't be used: %s", n, why);
	else if (span_eq_nocase(seal->chain, SPAN("fail")))
		fail(c, n, "%s saw the chain broken already (cv=fail in set %u)", c->told.domain, n);
	else if (!span_eq_nocase(seal->chain, chain))
		fail(c, n, "cv= of ARC-Seal %u is not %.*s", n, SPAN_ARG(chain));
	else
		check_claim(c, n, SEAL, seal);
}

static void read_message(struct arc_check *c, int64_t now_s)
{
	const char *why = dkim_claim_read(&c->message, CLAIM_ARC_MESSAGE, c->sets[c->n].part[MESSAGE]->value);

	if (why)
		fail(c, c->n, "ARC-Message-Signature %u can't be used: %s", c->n, why);
	else if (c->message.expires_at >= 0 && c->message.expires_at + DRIFT_S <= now_s)
		fail(c, c->n, "ARC-Message-Signature %u expired %lld seconds ago (x=)", c->n, (long long)(now_s - c->message.expires_at));
	else
		check_claim(c, c->n, MESSAGE, &c->message);
}

/* The newest first, as 5.2 wants it: what it says of cv= goes before all else. */
static void read_claims(struct arc_check *c, int64_t now_s)
{
	c->seals = mem_new((c->n + 1) * sizeof(*c->seals));
	for (unsigned n = c->n; n > 0 && !c->is_over; n--)
		read_seal(c, n);
	if (!c->is_over)
		read_message(c, now_s);
}

struct arc_check *arc_check_new(const struct fields *header, struct facts *facts, int64_t now_s)
{
	struct arc_check *c = mem_new(sizeof(*c));

	c->header = header;
	buf_init(&c->chain, 2 * ARC_BYTES_MAX);	/* relaxed is no longer than as it came, but for the line ends */
	find_sets(c);
	if (!c->sets) {
		c->told.result = AUTH_NONE;
		c->is_over = true;
		return c;
	}
	if (header->too_large && !c->is_over)
		fail(c, 0, "the header of the message is larger than is looked at here");
	if (!c->is_over)
		check_sets(c);
	if (!c->is_over)
		read_claims(c, now_s);
	if (c->is_over)
		return c;
	dkim_key_foresee(facts, &c->message);
	for (unsigned n = c->n; n > 0; n--)
		dkim_key_foresee(facts, &c->seals[n]);
	dkim_body_init_as(&c->body, !c->message.is_body_relaxed, c->message.has_length ? c->message.length : UINT64_MAX);
	return c;
}

void arc_check_free(struct arc_check **cp)
{
	struct arc_check *c = *cp;

	*cp = NULL;
	if (!c)
		return;
	dkim_body_fini(&c->body);
	buf_fini(&c->chain);
	mem_free(c->sets);
	mem_free(c->seals);
	mem_free(c);
}

/* ---- the body -------------------------------------------------------------------------------- */

void arc_check_body(struct arc_check *c, struct span bytes)
{
	if (!c->is_over)
		dkim_body_feed(&c->body, bytes);
}

static void check_body(struct arc_check *c)
{
	unsigned char claimed[SHA256_LEN];
	size_t len;

	if (!c->has_hash)
		dkim_body_finish(&c->body, c->body_hash);
	c->has_hash = true;
	if (tags_decode(c->message.body_hash, claimed, sizeof(claimed), &len) != PR_OK || len != SHA256_LEN ||
	    memcmp(claimed, c->body_hash, SHA256_LEN) != 0)
		fail(c, c->n, "the body was changed after %.*s passed it on (set %u)", SPAN_ARG(c->message.domain), c->n);
	else if (c->message.has_length && c->message.length < c->body.len)
		fail(c, c->n, "l= of ARC-Message-Signature %u leaves %llu bytes of the body unsigned", c->n,
		    (unsigned long long)(c->body.len - c->message.length));
}

/* ---- the hashes of the header -------------------------------------------------------------------- */

static void hash_field(struct digest *d, const struct field *f, bool is_relaxed)
{
	struct buf text;

	buf_init(&text, f->whole.len + 1);
	dkim_field_canonical(f->whole, is_relaxed, &text);
	digest_feed(d, buf_span(&text));
	digest_feed(d, SPAN("\r\n"));
	buf_fini(&text);
}

/* The field that holds the signature comes last, without it. */
static void hash_own(struct digest *d, const struct field *f, const struct dkim_claim *claim, bool is_relaxed)
{
	struct buf text;

	buf_init(&text, f->whole.len + 1);
	dkim_field_unsigned(f->whole, claim->signature, is_relaxed, &text);
	digest_feed(d, buf_span(&text));
	buf_fini(&text);
}

/* The last one of that name that was not taken before (RFC 6376 5.4.2); NULL: none. */
static const struct field *take_field(const struct fields *header, struct span name, bool *taken)
{
	for (unsigned i = header->n; i > 0; i--) {
		if (taken[i - 1] || !span_eq_nocase(header->row[i - 1].name, name))
			continue;
		taken[i - 1] = true;
		return &header->row[i - 1];
	}
	return NULL;
}

static void hash_message(const struct arc_check *c, struct digest *d)
{
	bool *taken = mem_new(c->header->n + 1);

	for (struct span names = c->message.names; names.len > 0;) {
		const struct field *f = take_field(c->header, tags_word(&names), taken);

		if (f)
			hash_field(d, f, c->message.is_header_relaxed);
	}
	hash_own(d, c->sets[c->n].part[MESSAGE], &c->message, c->message.is_header_relaxed);
	mem_free(taken);
}

/* 5.1.1: the sets in order, always relaxed. */
static void write_chain(struct arc_check *c)
{
	for (unsigned n = 1; n <= c->n; n++) {
		for (enum part part = 0; part < N_PARTS; part++) {
			if (part == SEAL)
				c->seal_at[n] = c->chain.len;
			dkim_field_canonical(c->sets[n].part[part]->whole, true, &c->chain);
			(void)buf_add(&c->chain, SPAN("\r\n"));
		}
	}
	BUG_ON(c->chain.overflowed);
}

static void hash_seal(const struct arc_check *c, struct digest *d, unsigned last)
{
	digest_feed(d, span_first(buf_span(&c->chain), c->seal_at[last]));
	hash_own(d, c->sets[last].part[SEAL], &c->seals[last], true);
}

/* ---- signatures ------------------------------------------------------------------------------------ */

static bool is_good(const struct dkim_key *found, const struct dkim_claim *claim, const unsigned char digest[SHA256_LEN])
{
	unsigned char signature[KEY_SIGNATURE_MAX];
	struct key *key;
	const char *why;
	size_t len;
	bool good;

	if (tags_decode(claim->signature, signature, sizeof(signature), &len) != PR_OK ||
	    key_read_public(found->algorithm == DKIM_RSA_SHA256 ? KEY_RSA : KEY_ED25519, dkim_key_span(found), &key, &why) != PR_OK)
		return false;
	good = key_verify(key, digest, span_of((const char *)signature, len));
	key_free(&key);
	return good;
}

static void verify(struct arc_check *c, unsigned n, enum part part, const struct dkim_claim *claim, const struct dkim_key_found *found)
{
	unsigned char digest[SHA256_LEN];
	struct digest *d;

	if (found->result != AUTH_PASS) {
		fail(c, n, "%s %u can't be verified: %s", part_names[part], n, found->why);
		return;
	}
	d = digest_new();
	if (part == MESSAGE)
		hash_message(c, d);
	else
		hash_seal(c, d, n);
	digest_finish(d, digest);
	digest_free(&d);
	if (is_good(&found->key, claim, digest))
		return;
	if (part == MESSAGE)
		fail(c, n, "signed header fields were changed after %.*s passed the message on (set %u)", SPAN_ARG(claim->domain), n);
	else
		fail(c, n, "the seal of %.*s (set %u) does not fit the chain", SPAN_ARG(claim->domain), n);
}

/* False: a key is missing, and all that are have been asked for. */
static bool have_keys(struct arc_check *c, struct facts *facts)
{
	struct dkim_key_found found;
	bool have = dkim_key_find(facts, &c->message, &found);

	for (unsigned n = c->n; n > 0; n--)
		have &= dkim_key_find(facts, &c->seals[n], &found);
	return have;
}

static void check_signatures(struct arc_check *c, struct facts *facts)
{
	struct dkim_key_found found;

	write_chain(c);
	BUG_ON(!dkim_key_find(facts, &c->message, &found));
	verify(c, c->n, MESSAGE, &c->message, &found);
	for (unsigned n = c->n; n > 0 && !c->is_over; n--) {
		BUG_ON(!dkim_key_find(facts, &c->seals[n], &found));
		verify(c, n, SEAL, &c->seals[n], &found);
	}
}

static void tell_tale(const struct arc_check *c, struct buf *tale)
{
	for (unsigned n = 1; c->seals && n <= c->n; n++)
		(void)buf_printf(tale, "set %u: sealed by d=%.*s s=%.*s a=%.*s cv=%.*s\n", n, SPAN_ARG(c->seals[n].domain),
		    SPAN_ARG(c->seals[n].selector), SPAN_ARG(c->seals[n].named), SPAN_ARG(c->seals[n].chain));
	(void)buf_printf(tale, "arc %s%s%s\n", auth_result_text(c->told.result), c->told.why[0] ? ": " : "", c->told.why);
}

bool arc_check_end(struct arc_check *c, struct facts *facts, struct buf *tale)
{
	if (!c->is_over)
		check_body(c);
	if (!c->is_over && !have_keys(c, facts))
		return false;
	if (!c->is_over)
		check_signatures(c, facts);
	if (!c->is_over)
		c->told.result = AUTH_PASS;
	c->is_over = true;
	if (tale)
		tell_tale(c, tale);
	return true;
}

const struct arc_told *arc_check_told(const struct arc_check *c)
{
	return &c->told;
}
