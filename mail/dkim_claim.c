#include "mail/dkim_claim.h"

#include "base/text.h"

#define LABEL_MAX     63
#define SIGNATURE_MAX 1024	/* bytes of b=: RSA of 8192 bits */
#define IDENTITY_MAX  256	/* bytes of i=: libopendkim reads behind its room for a longer one */
#define TIME_MAX     1000000000000ULL	/* RFC 6376 3.5: at least so far; beyond is for ever */
#define INFIX	     SPAN("._domainkey.")

/* ---- names --------------------------------------------------------------------------- */

static bool is_label(struct span s)
{
	if (s.len == 0 || s.len > LABEL_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!text_is_alpha(s.at[i]) && !text_is_digit(s.at[i]) && s.at[i] != '-' && s.at[i] != '_')
			return false;
	return true;
}

static bool is_domain(struct span s)
{
	if (s.len == 0 || s.at[s.len - 1] == '.')
		return false;
	while (s.len > 0)
		if (!is_label(span_cut(&s, '.')))
			return false;
	return true;
}

/* ---- tag by tag: each gives NULL or what is wrong -------------------------------------- */

static const char *read_version(struct dkim_claim *c)
{
	const struct span *v = tags_find(&c->tags, SPAN("v"));

	if (!v)
		return "it has no v=";
	return span_eq(*v, SPAN("1")) ? NULL : "its v= is not 1";
}

static const char *read_signer(struct dkim_claim *c)
{
	const struct span *d = tags_find(&c->tags, SPAN("d")), *s = tags_find(&c->tags, SPAN("s"));

	if (!d)
		return "it has no d=";
	if (!is_domain(*d))
		return "its d= is no domain";
	c->domain = *d;
	if (!s)
		return "it has no s=";
	if (!is_domain(*s))
		return "its s= is no selector";
	if (d->len + s->len + INFIX.len > DKIM_CLAIM_NAME_MAX)
		return "its s= and d= are too long for a name in the DNS";
	c->selector = *s;
	return NULL;
}

static const char *read_algorithm(struct dkim_claim *c)
{
	const struct span *a = tags_find(&c->tags, SPAN("a"));

	if (!a)
		return "it has no a=";
	c->named = *a;
	c->algorithm = span_eq_nocase(*a, SPAN("ed25519-sha256")) ? DKIM_ED25519_SHA256 : DKIM_RSA_SHA256;
	c->is_sha1 = span_eq_nocase(*a, SPAN("rsa-sha1"));
	if (c->is_sha1 || c->algorithm == DKIM_ED25519_SHA256 || span_eq_nocase(*a, SPAN("rsa-sha256")))
		return NULL;
	return "its a= is an algorithm that nobody here knows";
}

static bool read_form(struct span form, bool *is_relaxed)
{
	*is_relaxed = span_eq_nocase(form, SPAN("relaxed"));
	return *is_relaxed || span_eq_nocase(form, SPAN("simple"));
}

static const char *read_forms(struct dkim_claim *c)
{
	const struct span *value = tags_find(&c->tags, SPAN("c"));
	struct span body = value ? *value : SPAN("simple"), header = span_cut(&body, '/');
	bool has_body = value && header.len < value->len;

	if (!read_form(header, &c->is_header_relaxed) || (has_body && !read_form(body, &c->is_body_relaxed)))
		return "its c= is none of simple and relaxed";
	return NULL;
}

/* RFC 5322 3.6.8, without what a list can't hold. */
bool dkim_claim_is_name(struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] <= ' ' || name.at[i] > '~' || name.at[i] == ';')
			return false;
	return name.len > 0 && name.len <= DKIM_CLAIM_FIELD_MAX;
}

static const char *read_names(struct dkim_claim *c)
{
	const struct span *h = tags_find(&c->tags, SPAN("h"));
	unsigned n = 0;

	if (!h || h->len == 0)
		return "it has no h=";
	if (h->len > DKIM_CLAIM_H_MAX)
		return "its h= is too long";
	for (struct span rest = *h; rest.len > 0; n++)
		if (!dkim_claim_is_name(tags_word(&rest)))
			return "its h= holds what is no name of a field";
	if (n > DKIM_CLAIM_NAMES_MAX)
		return "its h= names too many fields";
	c->names = *h;
	return NULL;
}

static const char *read_body_hash(struct dkim_claim *c)
{
	const struct span *bh = tags_find(&c->tags, SPAN("bh"));
	unsigned char hash[SHA256_LEN];
	size_t len;

	if (!bh)
		return "it has no bh=";
	c->body_hash = *bh;
	/* SHA-1 is shorter; nobody will look at it. */
	if (tags_decode(*bh, hash, sizeof(hash), &len) != PR_OK || (len != SHA256_LEN && !c->is_sha1))
		return "its bh= is no hash";
	return NULL;
}

static const char *read_signature(struct dkim_claim *c)
{
	const struct span *b = tags_find(&c->tags, SPAN("b"));
	unsigned char bytes[SIGNATURE_MAX];
	size_t len;

	if (!b || b->len == 0)
		return "it has no b=";
	c->signature = *b;
	return tags_decode(*b, bytes, sizeof(bytes), &len) == PR_OK ? NULL : "its b= is no base 64";
}

static const char *read_length(struct dkim_claim *c)
{
	const struct span *l = tags_find(&c->tags, SPAN("l"));
	unsigned long long n;

	if (!l)
		return NULL;
	if (!span_to_u64(*l, INT64_MAX, &n))
		return "its l= is no number";
	c->has_length = true;
	c->length = n;
	return NULL;
}

static bool read_time(const struct dkim_claim *c, struct span name, int64_t *at)
{
	const struct span *value = tags_find(&c->tags, name);
	unsigned long long n;

	*at = -1;
	if (!value)
		return true;
	if (!span_to_u64(*value, UINT64_MAX, &n))
		return false;
	*at = n < TIME_MAX ? (int64_t)n : (int64_t)TIME_MAX;
	return true;
}

static const char *read_times(struct dkim_claim *c)
{
	if (!read_time(c, SPAN("t"), &c->signed_at))
		return "its t= is no time";
	if (!read_time(c, SPAN("x"), &c->expires_at))
		return "its x= is no time";
	if (c->expires_at >= 0 && c->expires_at <= c->signed_at)
		return "its x= is not behind its t=";
	return NULL;
}

static const char *read_query(struct dkim_claim *c)
{
	const struct span *q = tags_find(&c->tags, SPAN("q"));

	return !q || tags_has_word(*q, SPAN("dns/txt")) ? NULL : "its q= is not dns/txt";
}

/* i= (3.5): of d= or below. Its local part may hold anything in its encoding; the domain needs none. */
static const char *read_identity(struct dkim_claim *c)
{
	const struct span *i = tags_find(&c->tags, SPAN("i"));
	struct span domain;
	size_t at;

	if (!i)
		return NULL;
	for (at = i->len; at > 0 && i->at[at - 1] != '@';)
		at--;
	domain = span_from(*i, at);
	if (i->len > IDENTITY_MAX)
		return "its i= is too long";
	if (at == 0 || !is_domain(domain))
		return "its i= is no address";
	c->is_of_subdomain = domain.len > c->domain.len;
	if (!text_is_within(domain, c->domain))
		return "its i= is not of d= or below";
	c->identity = *i;
	return NULL;
}

static const char *read_instance(struct dkim_claim *c)
{
	const struct span *i = tags_find(&c->tags, SPAN("i"));
	unsigned long long n;

	if (!i)
		return "it has no i=";
	if (!span_to_u64(*i, DKIM_CLAIM_INSTANCE_MAX, &n) || n == 0)
		return "its i= is no number from 1 to 50";
	c->instance = (unsigned)n;
	return NULL;
}

/* RFC 8617 4.1.3: a seal covers the sets of fields, and names none. */
static const char *read_chain(struct dkim_claim *c)
{
	const struct span *cv = tags_find(&c->tags, SPAN("cv"));

	if (!cv)
		return "it has no cv=";
	if (tags_find(&c->tags, SPAN("h")))
		return "it has an h=, which a seal may not have";
	if (!span_eq_nocase(*cv, SPAN("none")) && !span_eq_nocase(*cv, SPAN("pass")) && !span_eq_nocase(*cv, SPAN("fail")))
		return "its cv= is none of none, pass and fail";
	c->chain = *cv;
	return NULL;
}

/* From must be signed (RFC 6376 5.4), and the seals of ARC must not (RFC 8617 4.1.2). */
static const char *check_names(struct dkim_claim *c, bool is_arc)
{
	if (!tags_has_word(c->names, SPAN("from")))
		return "its h= does not name From";
	if (is_arc && tags_has_word(c->names, SPAN("arc-seal")))
		return "its h= names ARC-Seal";
	return NULL;
}

/* ---- all of it ------------------------------------------------------------------------------ */

typedef const char *reader(struct dkim_claim *c);

static reader *const of_dkim[] = { read_signer, read_algorithm, read_version, read_forms, read_names, read_body_hash, read_signature,
	read_length, read_times, read_query, read_identity, NULL };
static reader *const of_arc_message[] = { read_instance, read_signer, read_algorithm, read_forms, read_names, read_body_hash,
	read_signature, read_length, read_times, read_query, NULL };
static reader *const of_arc_seal[] = { read_instance, read_signer, read_algorithm, read_chain, read_signature, read_times, NULL };

const char *dkim_claim_read(struct dkim_claim *c, enum dkim_claim_kind kind, struct span value)
{
	reader *const *each = kind == CLAIM_DKIM ? of_dkim : kind == CLAIM_ARC_MESSAGE ? of_arc_message : of_arc_seal;
	const char *why = NULL;

	*c = (struct dkim_claim){ .signed_at = -1, .expires_at = -1, .domain = SPAN_NONE, .selector = SPAN_NONE, .identity = SPAN_NONE,
		.names = SPAN_NONE, .body_hash = SPAN_NONE, .signature = SPAN_NONE, .named = SPAN_NONE, .chain = SPAN_NONE };
	if (value.len > DKIM_CLAIM_MAX)
		return "it is too long";
	why = tags_read(&c->tags, value);
	for (; *each && !why; each++)
		why = (*each)(c);
	if (!why && kind != CLAIM_ARC_SEAL)
		why = check_names(c, kind == CLAIM_ARC_MESSAGE);
	return why;
}

static char *put(char *to, struct span s)
{
	memcpy(to, s.at, s.len);
	return to + s.len;
}

void dkim_claim_key_name(const struct dkim_claim *c, char name[DKIM_CLAIM_NAME_MAX + 1])
{
	char *end = name;

	BUG_ON(c->selector.len + INFIX.len + c->domain.len > DKIM_CLAIM_NAME_MAX);
	end = put(end, c->selector);
	end = put(end, INFIX);
	end = put(end, c->domain);
	*end = 0;
}
