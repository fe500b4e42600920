#include "verify/dkim_list.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"

#define B_MIN 8	/* RFC 6008 4 */

/* ---- a signature and what is said of it --------------------------------------------------- */

void dkim_list_judge(struct dkim_listed *s, enum auth_result result, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	(void)vsnprintf(s->told.why, sizeof(s->told.why), why, args);
	va_end(args);
	s->told.result = result;
	s->is_judged = true;
}

/* Printable, as it was checked; folds go. */
static void tell(char *to, size_t room, struct span value)
{
	size_t n = 0;

	for (size_t i = 0; i < value.len && n + 1 < room; i++)
		if (value.at[i] > ' ')
			to[n++] = value.at[i];
	to[n] = 0;
}

static void tell_claim(struct dkim_listed *s)
{
	struct dkim_told *t = &s->told;

	tell(t->domain, sizeof(t->domain), s->claim.domain);
	tell(t->selector, sizeof(t->selector), s->claim.selector);
	tell(t->algorithm, sizeof(t->algorithm), s->claim.named);
	tell(t->b, sizeof(t->b), s->claim.signature);
	if (s->claim.identity.len)
		tell(t->identity, sizeof(t->identity), s->claim.identity);
	else if (t->domain[0])
		(void)snprintf(t->identity, sizeof(t->identity), "@%s", t->domain);
	t->covers_all = true;
}

static void judge_times(struct dkim_listed *s, int64_t now_s)
{
	const struct dkim_claim *claim = &s->claim;

	if (claim->expires_at >= 0 && claim->expires_at + DKIM_LIST_DRIFT_S <= now_s)
		dkim_list_judge(s, AUTH_POLICY, "the signature expired %lld seconds ago (x=)", (long long)(now_s - claim->expires_at));
	else if (claim->signed_at > now_s + DKIM_LIST_DRIFT_S)
		dkim_list_judge(s, AUTH_POLICY, "the signature is of the future (t=): a clock is wrong");
}

static void judge_claim(struct dkim_listed *s, int64_t now_s)
{
	const struct dkim_claim *claim = &s->claim;
	const char *why = dkim_claim_read(&s->claim, CLAIM_DKIM, s->field->value);

	s->is_read = !why;
	tell_claim(s);
	if (why)
		dkim_list_judge(s, AUTH_NEUTRAL, "the DKIM-Signature field can't be used: %s", why);
	else if (claim->is_sha1)
		dkim_list_judge(s, AUTH_POLICY, "rsa-sha1 proves nothing any more (RFC 8301): sign with rsa-sha256");
	else if (span_find(claim->domain, '.') == claim->domain.len)
		dkim_list_judge(s, AUTH_POLICY, "d=%s is a top-level domain", s->told.domain);
	else
		judge_times(s, now_s);
}

/* ---- the header ---------------------------------------------------------------------------- */

static bool has_nul(const struct fields *header)
{
	for (unsigned i = 0; i < header->n; i++)
		if (memchr(header->row[i].whole.at, 0, header->row[i].whole.len))
			return true;
	return false;
}

/* What makes each signature worth nothing; NULL: nothing does. */
static const char *header_fault(const struct fields *header)
{
	unsigned n_from = fields_count(header, SPAN("From"));

	if (header->too_large)
		return "the header of the message is larger than is looked at here";
	if (n_from != 1)
		return n_from ? "the message has several From fields" : "the message has no From field";
	/* The library would not see what stands behind it. */
	return has_nul(header) ? "the header of the message holds a NUL" : NULL;
}

static void find_signatures(struct dkim_list *list, const struct fields *header, unsigned max)
{
	unsigned n = fields_count(header, SPAN("DKIM-Signature"));

	if (n > max + DKIM_TOLD_MORE)
		n = max + DKIM_TOLD_MORE;
	if (n == 0)
		return;
	list->row = mem_new(n * sizeof(*list->row));
	for (unsigned i = 0; i < header->n && list->n < n; i++) {
		if (span_eq_nocase(header->row[i].name, SPAN("DKIM-Signature")))
			list->row[list->n++].field = &header->row[i];
	}
}

static void judge_claims(struct dkim_list *list, const struct fields *header, unsigned max, int64_t now_s)
{
	const char *fault = header_fault(header);

	for (unsigned i = 0; i < list->n; i++) {
		struct dkim_listed *s = &list->row[i];

		if (i >= max) {
			dkim_list_judge(s, AUTH_POLICY, "the message has too many signatures: %u are looked at", max);
			continue;
		}
		judge_claim(s, now_s);
		if (fault && !s->is_judged)
			dkim_list_judge(s, AUTH_POLICY, "%s", fault);
	}
}

static unsigned count_names(struct span names)
{
	unsigned n = 1;

	for (size_t i = 0; i < names.len; i++)
		n += names.at[i] == ':';
	return n;
}

/* Ceilings over all signatures. */
static void judge_work(struct dkim_list *list, const struct fields *header)
{
	uint64_t work = 0, hashed = 0;
	unsigned n_lengths = 0;

	for (unsigned i = 0; i < list->n; i++) {
		struct dkim_listed *s = &list->row[i];

		if (s->is_judged)
			continue;
		work += (uint64_t)count_names(s->claim.names) * (header->n + 1);
		hashed += header->text.len;
		n_lengths += s->claim.has_length;
		if (work > DKIM_WORK_MAX || hashed > DKIM_HASHED_MAX)
			dkim_list_judge(s, AUTH_POLICY, "to verify all signatures of this header takes more work than is done here");
		else if (s->claim.has_length && n_lengths > DKIM_LENGTHS_MAX)
			dkim_list_judge(s, AUTH_POLICY, "more than %d signatures of the message have l=", DKIM_LENGTHS_MAX);
	}
}

static bool same_begin(const struct dkim_list *list, const struct dkim_listed *s, size_t len)
{
	for (unsigned i = 0; i < list->n; i++)
		if (&list->row[i] != s && strncmp(list->row[i].told.b, s->told.b, len) == 0)
			return true;
	return false;
}

/* As few characters as tell each from the others. */
static void shorten_b(struct dkim_list *list)
{
	for (unsigned i = 0; i < list->n; i++) {
		struct dkim_listed *s = &list->row[i];

		for (s->b_len = B_MIN; s->b_len < sizeof(s->told.b) - 1 && same_begin(list, s, s->b_len);)
			s->b_len++;
	}
	for (unsigned i = 0; i < list->n; i++)
		list->row[i].told.b[list->row[i].b_len] = 0;
}

void dkim_list_read(struct dkim_list *list, const struct fields *header, unsigned max, int64_t now_s)
{
	*list = (struct dkim_list){ .n = 0 };
	find_signatures(list, header, max);
	if (list->n == 0)
		return;
	judge_claims(list, header, max, now_s);
	judge_work(list, header);
	shorten_b(list);
}

void dkim_list_fini(struct dkim_list *list)
{
	mem_free(list->row);
	list->row = NULL;
	list->n = 0;
}

bool dkim_list_waits(const struct dkim_list *list)
{
	for (unsigned i = 0; i < list->n; i++)
		if (!list->row[i].is_judged)
			return true;
	return false;
}

/* ---- in words ------------------------------------------------------------ */

static void add_names(struct buf *tale, struct span names)
{
	const char *before = "";

	while (names.len > 0) {
		(void)buf_add_text(tale, before);
		text_add_escaped(tale, tags_word(&names));
		before = ", ";
	}
}

static void add_tale(const struct dkim_listed *s, unsigned i, struct buf *tale)
{
	const struct dkim_told *t = &s->told;
	const struct dkim_claim *claim = &s->claim;

	(void)buf_printf(tale, "signature %u: d=%s s=%s i=%s a=%s\n", i + 1, t->domain, t->selector, t->identity, t->algorithm);
	if (claim->names.len) {
		(void)buf_printf(tale, "  header %s, body %s; signed: ", claim->is_header_relaxed ? "relaxed" : "simple",
		    claim->is_body_relaxed ? "relaxed" : "simple");
		add_names(tale, claim->names);
		(void)buf_add_char(tale, '\n');
	}
	if (t->key_bits)
		(void)buf_printf(tale, "  key at %s._domainkey.%s: %u bits%s\n", t->selector, t->domain, t->key_bits,
		    t->is_testing ? ", in testing (t=y)" : "");
	(void)buf_printf(tale, "  %s%s%s\n", auth_result_text(t->result), t->why[0] ? ": " : "", t->why);
}

void dkim_list_add_tale(const struct dkim_list *list, struct buf *tale)
{
	for (unsigned i = 0; i < list->n; i++)
		add_tale(&list->row[i], i, tale);
}
