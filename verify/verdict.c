#include "verify/verdict.h"

#include "base/buf.h"
#include "base/text.h"

#define DOMAIN_SHOWN 100	/* octets; the end of a name counts */
#define WHY_SHOWN    60

/* ---- words --------------------------------------------------------------------------- */

/* What strangers wrote, as printable ASCII: at most max octets, the last or the first of them. */
static void add_shown(struct buf *out, struct span s, size_t max, bool is_end_kept)
{
	bool is_cut = s.len > max;

	if (is_cut)
		s = is_end_kept ? span_from(s, s.len - max) : span_first(s, max);
	if (is_cut && is_end_kept)
		(void)buf_add_text(out, "...");
	for (size_t i = 0; i < s.len; i++)
		(void)buf_add_char(out, s.at[i] >= ' ' && s.at[i] < 0x7f ? s.at[i] : '?');
	if (is_cut && !is_end_kept)
		(void)buf_add_text(out, "...");
}

static void add_domain(struct buf *out, struct span domain)
{
	add_shown(out, domain, DOMAIN_SHOWN, true);
}

static void add_why(struct buf *out, const struct verdict_finding *f)
{
	if (f->why.len == 0)
		return;
	(void)buf_add_text(out, ": ");
	add_shown(out, f->why, WHY_SHOWN, false);
}

static void add_spf(struct buf *out, const struct verdict_ask *ask)
{
	if (ask->spf.domain.len == 0 || ask->spf.result == AUTH_NONE) {
		(void)buf_add_text(out, "SPF (none)");
		return;
	}
	(void)buf_printf(out, "SPF (%s for ", auth_result_text(ask->spf.result));
	add_domain(out, ask->spf.domain);
	if (ask->spf.result == AUTH_PASS) {
		(void)buf_add_text(out, ", another domain");
	} else {
		(void)buf_add_text(out, " from ");
		add_shown(out, ask->client, 45, false);
	}
	(void)buf_add_char(out, ')');
}

/* The signature that says most: one of the author's organisation, or the first. */
static const struct verdict_finding *telling_signature(const struct verdict_ask *ask)
{
	const struct verdict_finding *first = ask->n_dkim ? &ask->dkim[0] : NULL;
	struct span author = span_of_text(ask->dmarc ? ask->dmarc->organisational : "");

	for (unsigned i = 0; i < ask->n_dkim; i++)
		if (author.len > 0 && text_is_within(ask->dkim[i].domain, author))
			return &ask->dkim[i];
	return first;
}

static void add_dkim(struct buf *out, const struct verdict_ask *ask)
{
	const struct verdict_finding *f = telling_signature(ask);

	if (!f) {
		(void)buf_add_text(out, "DKIM (no signature)");
		return;
	}
	(void)buf_printf(out, "DKIM (%s for ", auth_result_text(f->result));
	add_domain(out, f->domain);
	if (f->result != AUTH_PASS)
		add_why(out, f);
	(void)buf_add_char(out, ')');
}

static void finish(struct verdict *v, struct buf *text)
{
	size_t n = text->len < VERDICT_TEXT_MAX ? text->len : VERDICT_TEXT_MAX;

	if (n > 0)
		memcpy(v->text, text->at, n);
	v->text[n] = '\0';
	buf_fini(text);
}

static void decide(struct verdict *v, enum verdict_what what, unsigned code, const char *enhanced)
{
	v->what = what;
	v->code = code;
	v->enhanced = enhanced;
}

/* ---- what each of them asks for ---------------------------------------------------------- */

static bool spf_refuses(const struct verdict_ask *ask, struct verdict *v, struct buf *text)
{
	if (ask->modes.spf != MODE_ENFORCE || ask->spf.result != AUTH_FAIL)
		return false;
	decide(v, VERDICT_REFUSE, 550, "5.7.23");
	(void)buf_add_text(text, "SPF: ");
	add_domain(text, ask->spf.domain);
	(void)buf_add_text(text, " says that ");
	add_shown(text, ask->client, 45, false);
	(void)buf_add_text(text, " may not send for it");
	add_why(text, &ask->spf);
	(void)buf_add_text(text, ". Send through its own servers, or have this address added to its SPF record (RFC 7208)");
	return true;
}

static bool all_are_broken(const struct verdict_ask *ask)
{
	for (unsigned i = 0; i < ask->n_dkim; i++)
		if (ask->dkim[i].result != AUTH_FAIL && ask->dkim[i].result != AUTH_PERMERROR)
			return false;
	return ask->n_dkim > 0;
}

static bool dkim_refuses(const struct verdict_ask *ask, struct verdict *v, struct buf *text)
{
	if (ask->modes.dkim != MODE_ENFORCE || !all_are_broken(ask))
		return false;
	decide(v, VERDICT_REFUSE, 550, "5.7.20");
	(void)buf_printf(text, "DKIM: no signature of %u passes; that of ", ask->n_dkim);
	add_domain(text, ask->dkim[0].domain);
	(void)buf_printf(text, " is %s", auth_result_text(ask->dkim[0].result));
	add_why(text, &ask->dkim[0]);
	(void)buf_add_text(text, ". The message was changed on its way, or the key in the DNS is another one (RFC 6376)");
	return true;
}

static const char *how_to_mend(enum dmarc_from from)
{
	switch (from) {
	case DMARC_FROM_TOO_DEEP: return ". Send it with a smaller header";
	case DMARC_FROM_TOO_MANY: return ". Send it in the name of one author";
	default: return ". A message needs exactly one From field with an address (RFC 5322 3.6.2)";
	}
}

static bool from_refuses(const struct verdict_ask *ask, struct verdict *v, struct buf *text)
{
	if (ask->modes.dmarc != MODE_ENFORCE || !ask->dmarc || ask->dmarc->result != AUTH_PERMERROR)
		return false;
	decide(v, VERDICT_REFUSE, 550, "5.7.1");
	(void)buf_add_text(text, "DMARC can't tell who wrote this: ");
	add_shown(text, span_of_text(ask->dmarc->why), 200, false);
	(void)buf_add_text(text, how_to_mend(ask->dmarc->from));
	return true;
}

static const char *tag_text(enum dmarc_which which)
{
	return which == DMARC_WHICH_NP ? "np" : which == DMARC_WHICH_SP ? "sp" : "p";
}

static void add_policy(struct buf *text, const struct dmarc_told *d)
{
	(void)buf_printf(text, " (%s=%s in _dmarc.", tag_text(d->which), dmarc_policy_text(d->policy));
	add_domain(text, span_of_text(d->record_at));
	(void)buf_add_char(text, ')');
}

static void add_dmarc_reason(struct buf *text, const struct verdict_ask *ask)
{
	(void)buf_add_text(text, "DMARC: ");
	add_domain(text, span_of_text(ask->dmarc->domain));
	(void)buf_printf(text, " asks to %s mail that it does not vouch for", ask->dmarc->policy == DMARC_REJECT ? "reject" : "quarantine");
	add_policy(text, ask->dmarc);
}

static bool dmarc_is(const struct verdict_ask *ask, enum auth_result result)
{
	return ask->modes.dmarc == MODE_ENFORCE && ask->dmarc && ask->dmarc->result == result;
}

/* What its owner asks for counts; what he only tries out does not. */
static bool dmarc_applies(const struct verdict_ask *ask, enum auth_result result)
{
	return dmarc_is(ask, result) && ask->dmarc->policy != DMARC_NONE && !ask->dmarc->is_testing;
}

static bool dmarc_fails(const struct verdict_ask *ask, struct verdict *v, struct buf *text)
{
	if (!dmarc_applies(ask, AUTH_FAIL))
		return false;
	if (ask->dmarc->policy == DMARC_REJECT)
		decide(v, VERDICT_REFUSE, 550, "5.7.1");
	else
		decide(v, VERDICT_QUARANTINE, 250, "");
	add_dmarc_reason(text, ask);
	(void)buf_add_text(text, ", and neither ");
	add_spf(text, ask);
	(void)buf_add_text(text, " nor ");
	add_dkim(text, ask);
	(void)buf_add_text(text, " does");
	return true;
}

/* Time is over before the policy is known. */
static bool policy_waits(const struct verdict_ask *ask, struct verdict *v, struct buf *text)
{
	if (!dmarc_is(ask, AUTH_TEMPERROR) || !ask->dmarc->is_untold)
		return false;
	decide(v, VERDICT_DEFER, 451, "4.7.1");
	(void)buf_add_text(text, "DMARC: ");
	add_shown(text, span_of_text(ask->dmarc->why), 200, false);
	(void)buf_add_text(text, ", since the DNS took too long: try again later");
	return true;
}

static bool dmarc_waits(const struct verdict_ask *ask, struct verdict *v, struct buf *text)
{
	if (!dmarc_applies(ask, AUTH_TEMPERROR))
		return false;
	decide(v, VERDICT_DEFER, 451, "4.7.1");
	add_dmarc_reason(text, ask);
	(void)buf_add_text(text, "; whether it does can't be told now (");
	add_spf(text, ask);
	(void)buf_add_text(text, ", ");
	add_dkim(text, ask);
	(void)buf_add_text(text, "): try again later");
	return true;
}

void verdict_reach(const struct verdict_ask *ask, struct verdict *out)
{
	struct buf text;

	*out = (struct verdict){ .what = VERDICT_ACCEPT, .code = 250, .enhanced = "" };
	buf_init(&text, 2048);
	if (!spf_refuses(ask, out, &text) && !dkim_refuses(ask, out, &text) && !from_refuses(ask, out, &text) && !dmarc_fails(ask, out, &text) && !policy_waits(ask, out, &text))
		(void)dmarc_waits(ask, out, &text);
	finish(out, &text);
}
