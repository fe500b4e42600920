#include "verify/spf_find.h"

#include <stdio.h>

#include "base/text.h"
#include "verify/iprev.h"
#include "verify/spf_name.h"
#include "verify/spf_rewrite.h"
#include "verify/spf_story.h"
#include "verify/spf_walk_private.h"

#define NUMBER_ROOM 16

/* RFC 7208 4.6.4: of terms whose own name isn't there, or has nothing of the kind, a few are let pass. */
static bool count_void(struct spf_walk *w, const struct spf_visit *v, enum wire_resolve result)
{
	if (result != RESOLVE_NO_NAME && result != RESOLVE_NO_DATA)
		return true;
	if (++w->n_voids <= SPF_VOIDS_MAX)
		return true;
	return spf_walk_stop(w, SPF_PERMERROR, "the record of %.*s names more than %d hosts that are not in the DNS, the last one with %.*s",
	    SPAN_ARG(v->domain), SPF_VOIDS_MAX, SPAN_ARG(span_first(v->at->text, 200)));
}

static void say_yes(struct spf_found *out)
{
	static const char ANY[16];

	out->row[out->n++] = span_of(ANY, sizeof(ANY));
}

static bool find_addresses(struct spf_walk *w, struct span name, bool yes_or_no, struct spf_found *out)
{
	const struct fact *f = spf_walk_ask(w, spf_walk_addresses(w), name);

	if (!f)
		return false;
	spf_story_addresses(w, name, f);
	if (yes_or_no && f->n > 0)
		say_yes(out);
	for (unsigned i = 0; !yes_or_no && i < f->n; i++)
		if (f->data[i].len == client_size(&w->ask->client))
			out->row[out->n++] = f->data[i];
	return true;
}

static bool find_own_addresses(struct spf_walk *w, struct spf_visit *v, struct span name, bool yes_or_no, struct spf_found *out)
{
	const struct fact *f = spf_walk_ask(w, spf_walk_addresses(w), name);

	return f && count_void(w, v, f->result) && find_addresses(w, name, yes_or_no, out);
}

static struct span add_host(struct spf_walk *w, struct spf_visit *v, struct span name)
{
	struct spf_spot *spot = spf_spot_new(w, v);
	char number[NUMBER_ROOM];

	spot->kind = SPOT_HOST;
	spot->name = name;
	(void)snprintf(number, sizeof(number), "%u.t", spf_spot_number(w, spot));
	return arena_span(&w->arena, span_of_text(number));
}

static bool find_exchanges(struct spf_walk *w, struct spf_visit *v, struct span name, bool yes_or_no, struct spf_found *out)
{
	const struct fact *f = spf_walk_ask(w, RECORD_MX, name);

	if (!f || !count_void(w, v, f->result))
		return false;
	if (f->n > SPF_MX_MAX)
		return spf_walk_stop(w, SPF_PERMERROR, "%.*s, which the SPF record of %.*s names, has more than %d mail servers", SPAN_ARG(name),
		    SPAN_ARG(v->domain), SPF_MX_MAX);
	spf_foresee_hosts(w, f);
	for (unsigned i = 0; i < f->n; i++) {
		struct span host = span_from(f->data[i], 2);

		if (!spf_name_is(host, 1))
			continue;
		if (!yes_or_no)
			out->row[out->n++] = add_host(w, v, host);
		else if (out->n == 0 && !find_addresses(w, host, true, out))
			return false;
	}
	return true;
}

/* RFC 7208 5.5: errors of the DNS are no match. */
static bool find_pointer(struct spf_walk *w, const struct spf_visit *v, struct span name, struct spf_found *out)
{
	struct iprev_names names;

	if (!iprev_names(w->facts, &w->ask->client, IPREV_NAMES_MAX, &names))
		return spf_walk_stop(w, SPF_MISSING, " ");
	spf_story_names(w, &names);
	if (!count_void(w, v, names.result))
		return false;
	for (unsigned i = 0; i < names.n && out->n == 0; i++)
		if (name.len > 0 && text_is_within(names.row[i], name))
			say_yes(out);
	return true;
}

static bool find_existing(struct spf_walk *w, struct spf_visit *v, struct span name, struct spf_found *out)
{
	const struct fact *f = spf_walk_ask(w, RECORD_A, name);

	if (!f || !count_void(w, v, f->result))
		return false;
	spf_story_addresses(w, name, f);
	if (f->n > 0)
		say_yes(out);
	return true;
}

static bool find_term(struct spf_walk *w, const struct spf_spot *spot, struct spf_found *out)
{
	const struct spf_term *t = spot->term;
	struct spf_visit *v = spot->visit;
	struct span name;

	if (!spf_walk_reach(w, v, t) || !spf_walk_target(w, v, t, &name))
		return false;
	switch (t->kind) {
	case SPF_A: return find_own_addresses(w, v, name, spf_rewrite_is_yes_or_no(w, t), out);
	case SPF_MX: return find_exchanges(w, v, name, spf_rewrite_is_yes_or_no(w, t), out);
	case SPF_PTR: return find_pointer(w, v, name, out);
	default: return find_existing(w, v, name, out);
	}
}

bool spf_find(struct spf_walk *w, const char *number, struct spf_found *out)
{
	const struct spf_spot *spot = spf_spot_of(w, number);

	out->n = 0;
	if (w->stop != SPF_GOES_ON)
		return false;
	switch (spot->kind) {
	case SPOT_HOST:
		return find_addresses(w, spot->name, false, out);
	case SPOT_END:
		spf_story_leave(w, spot->visit, spot->visit->last);
		spot->visit->at = spot->visit->last;
		spot->visit->has_ended = true;
		return true;
	default:
		return find_term(w, spot, out);
	}
}
