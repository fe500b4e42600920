#include "wire/route.h"

/* `*.example.net` stands for what lies below example.net, not for example.net itself. */
static bool is_below(struct span domain, struct span suffix)
{
	return domain.len > suffix.len && span_eq_nocase(span_from(domain, domain.len - suffix.len), suffix);
}

/* 0: the pattern does not stand for the domain; else the more specific, the larger. */
static size_t rank_of(struct span pattern, struct span domain)
{
	if (span_eq(pattern, SPAN("*")))
		return 1;
	if (span_starts_nocase(pattern, SPAN("*.")))
		return is_below(domain, span_from(pattern, 1)) ? pattern.len : 0;
	return span_eq_nocase(pattern, domain) ? SIZE_MAX : 0;
}

const struct set_route *route_find(const struct settings *set, struct span domain)
{
	const struct set_route *best = NULL;
	size_t best_rank = 0;

	for (unsigned i = 0; i < set->n_route; i++) {
		size_t rank = rank_of(span_of_text(set->route[i].title), domain);

		if (rank > best_rank) {
			best = &set->route[i];
			best_rank = rank;
		}
	}
	return best;
}
