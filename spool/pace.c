#include "spool/pace.h"

static void pace_refill(struct pace *p, int64_t now)
{
	for (unsigned i = 0; i < p->rates.n; i++) {
		const struct set_rate *r = &p->rates.at[i];
		double more = (double)(now - p->at) * (double)r->count / (double)r->per_ms;

		p->tokens[i] = p->tokens[i] + more < (double)r->count ? p->tokens[i] + more : (double)r->count;
	}
	p->at = now;
}

void pace_set(struct pace *p, const struct set_rates *rates, int64_t mono_ms)
{
	unsigned n = p->rates.n;

	pace_refill(p, mono_ms);
	p->rates = *rates;
	for (unsigned i = 0; i < rates->n; i++)
		if (i >= n || p->tokens[i] > (double)rates->at[i].count)
			p->tokens[i] = (double)rates->at[i].count;
}

bool pace_take(struct pace *p, int64_t mono_ms)
{
	pace_refill(p, mono_ms);
	for (unsigned i = 0; i < p->rates.n; i++)
		if (p->tokens[i] < 1)
			return false;
	for (unsigned i = 0; i < p->rates.n; i++)
		p->tokens[i] -= 1;
	return true;
}

int64_t pace_ready_at(struct pace *p, int64_t mono_ms)
{
	int64_t at = mono_ms;

	pace_refill(p, mono_ms);
	for (unsigned i = 0; i < p->rates.n; i++) {
		const struct set_rate *r = &p->rates.at[i];
		double missing = 1 - p->tokens[i];
		int64_t then = mono_ms + (int64_t)(missing * (double)r->per_ms / (double)r->count) + 1;	/* rounded up */

		if (missing > 0 && then > at)
			at = then;
	}
	return at;
}
