#include "verify/spf_rewrite.h"

#include "base/err.h"
#include "base/ip.h"
#include "verify/spf_name.h"
#include "verify/spf_walk_private.h"

#define FORESEEN_MAX 20	/* terms whose names are asked for before they are reached, over all records */

/* ---- numbers ----------------------------------------------------------------------------------- */

struct spf_spot *spf_spot_new(struct spf_walk *w, struct spf_visit *v)
{
	struct spf_spot *spot = &w->spots[w->n_spots];

	/* 12 a record, 11 records, 10 exchanges a term */
	BUG_ON(w->n_spots == SPF_SPOTS_MAX);
	w->n_spots++;
	*spot = (struct spf_spot){ .kind = SPOT_END, .visit = v };
	return spot;
}

unsigned spf_spot_number(const struct spf_walk *w, const struct spf_spot *spot)
{
	return (unsigned)(spot - w->spots);
}

const struct spf_spot *spf_spot_of(const struct spf_walk *w, const char *number)
{
	struct span s = span_of_text(number);
	unsigned long long n;

	BUG_ON(!span_to_u64(span_cut(&s, '.'), w->n_spots - 1, &n));
	return &w->spots[n];
}

/* ---- a record, rewritten --------------------------------------------------------------------------- */

static bool asks_dns(const struct spf_term *t)
{
	return t->kind == SPF_A || t->kind == SPF_MX || t->kind == SPF_PTR || t->kind == SPF_EXISTS || t->kind == SPF_INCLUDE;
}

/* ip4, ip6 or all, and it is this client. */
static bool matches_anyway(const struct spf_walk *w, const struct spf_term *t)
{
	const struct client *c = &w->ask->client;

	if (t->kind == SPF_IP4 || t->kind == SPF_IP6)
		return c->is_v6 == (t->kind == SPF_IP6) && ip_is_within(c->at, t->network, c->is_v6 ? t->bits6 : t->bits4);
	return t->kind == SPF_ALL;
}

/* A network of all addresses is none to libspf2; which ones a PTR record means it sees by names. Both become a question with yes or no. */
bool spf_rewrite_is_yes_or_no(const struct spf_walk *w, const struct spf_term *t)
{
	return t->kind == SPF_EXISTS || t->kind == SPF_PTR ||
	    ((t->kind == SPF_A || t->kind == SPF_MX) && (w->ask->client.is_v6 ? t->bits6 : t->bits4) == 0);
}

static void add_term(struct spf_walk *w, struct spf_visit *v, const struct spf_term *t, struct buf *out)
{
	struct spf_spot *spot = spf_spot_new(w, v);
	unsigned number = spf_spot_number(w, spot);

	spot->kind = SPOT_TERM;
	spot->term = t;
	if (spf_rewrite_is_yes_or_no(w, t))
		(void)buf_printf(out, " %cexists:%u.t", t->qualifier, number);
	else if (t->kind == SPF_INCLUDE)
		(void)buf_printf(out, " %cinclude:%u.t", t->qualifier, number);
	else if (t->kind == SPF_REDIRECT)
		(void)buf_printf(out, " redirect=%u.t", number);
	else if (w->ask->client.is_v6)
		(void)buf_printf(out, " %c%s:%u.t//%u", t->qualifier, t->kind == SPF_A ? "a" : "mx", number, t->bits6);
	else
		(void)buf_printf(out, " %c%s:%u.t/%u", t->qualifier, t->kind == SPF_A ? "a" : "mx", number, t->bits4);
}

/* Up to the term that matches anyway; the evaluator passes a question that finds nothing before it takes that. */
void spf_rewrite(struct spf_walk *w, struct spf_visit *v, struct buf *out)
{
	unsigned n = 0;

	(void)buf_add_text(out, "v=spf1");
	for (unsigned i = 0; i < v->record.n && !v->last && n <= SPF_LOOKUPS_MAX; i++) {
		const struct spf_term *t = &v->record.row[i];

		if (matches_anyway(w, t)) {
			v->last = t;
		} else if (asks_dns(t)) {
			add_term(w, v, t, out);
			n++;
		}
	}
	(void)buf_printf(out, " ?exists:%u.t", spf_spot_number(w, spf_spot_new(w, v)));
	if (!v->last && v->record.redirect && !v->record.has_all)
		add_term(w, v, v->record.redirect, out);
	else
		(void)buf_printf(out, " %call", v->last ? v->last->qualifier : '?');
}

/* ---- what will be asked for ----------------------------------------------------------------------------- */

void spf_foresee_hosts(struct spf_walk *w, const struct fact *mx)
{
	for (unsigned i = 0; mx && i < mx->n && i < SPF_MX_MAX; i++)
		facts_foresee(w->facts, spf_walk_addresses(w), span_from(mx->data[i], 2));
}

static void foresee_term(struct spf_walk *w, const struct spf_visit *v, const struct spf_term *t)
{
	struct span name = t->domain.len ? spf_name_shortened(spf_walk_expand(w, t->domain, v->domain)) : v->domain;
	char reverse[CLIENT_NAME_MAX];

	if (!spf_name_is(name, 1) || !spf_walk_can_match(w, t))
		return;
	w->n_foreseen++;
	switch (t->kind) {
	case SPF_A:
		facts_foresee(w->facts, spf_walk_addresses(w), name);
		break;
	case SPF_MX:
		facts_foresee(w->facts, RECORD_MX, name);
		break;
	case SPF_EXISTS:
		facts_foresee(w->facts, RECORD_A, name);
		break;
	case SPF_PTR:
		client_reverse_name(&w->ask->client, reverse);
		facts_foresee(w->facts, RECORD_PTR, span_of_text(reverse));
		break;
	default:
		facts_foresee(w->facts, RECORD_TXT, name);
		break;
	}
}

/* All that a record asks for up to the term that matches anyway is asked at once: one time of waiting in place of many. What
 * stands behind the last lookup that is left is never reached. */
void spf_foresee(struct spf_walk *w, const struct spf_visit *v)
{
	unsigned most = w->n_foreseen + SPF_LOOKUPS_MAX - w->n_lookups;

	for (unsigned i = 0; i < v->record.n && &v->record.row[i] != v->last; i++) {
		const struct spf_term *t = &v->record.row[i];

		if (w->n_foreseen == FORESEEN_MAX || w->n_foreseen == most)
			return;
		if ((asks_dns(t) || (t->kind == SPF_REDIRECT && !v->last && !v->record.has_all)) && !spf_macro_uses(t->domain, "p"))
			foresee_term(w, v, t);
	}
}
