/* What recovery read becomes the journal's account, and its owner is told. */
#include "base/mem.h"
#include "spool/journal_private.h"

struct recovery *journal_recovery(struct journal *j)
{
	struct recovery *r = mem_new(sizeof(*r));

	arena_init(&r->memory, 1u << 20);
	r->segments = mem_new((j->n_used + 1) * sizeof(*r->segments));
	for (unsigned i = 0; i < j->n_used; i++) {
		const struct segment *s = j->used[i];

		r->segments[r->n_segments++].target =
		    (struct survey_target){ .file = s->file, .number = s->number, .size = s->size, .mark = s->mark };
	}
	j->recovery = r;
	j->recovered = false;
	return r;
}

static void tell_strange(struct journal *j)
{
	for (unsigned i = 0; i < j->n_strange; i++) {
		struct journal_damage d = { .file = j->strange[i], .len = j->options.segment_size };

		j->owner->on_damaged(j->arg, &d);
	}
}

static void take_segments(struct journal *j, const struct recovery *r)
{
	tell_strange(j);
	for (unsigned i = 0; i < r->n_segments; i++) {
		const struct recovery_segment *from = &r->segments[i];
		struct segment *s = segment_find(j, from->target.number);

		s->doubled |= from->doubled;
		s->unread = from->error != 0;
		s->synced = from->sealed ? s->size : from->synced;
		s->used = from->sealed ? s->size : from->end;
	}
	for (unsigned i = 0; i < r->n_damages; i++)
		j->owner->on_damaged(j->arg, &r->damages[i]);
}

static bool is_set_aside(const struct journal *j, const struct msg_id *id)
{
	for (unsigned i = 0; i < j->options.n_skip; i++)
		if (id_eq(&j->options.skip[i], id))
			return true;
	return false;
}

static void tell_found(struct journal *j, const struct known *k)
{
	struct journal_found f = { .id = k->id, .place = k->place, .annex = k->annex, .size = k->size, .aside = is_set_aside(j, &k->id), .brief = SPAN_NONE };
	unsigned n = f.aside ? 0 : recovery_states(k, NULL, 0);
	struct span few[8], *states = n > 8 ? mem_new(n * sizeof(*states)) : few;

	if (!f.aside) {
		f.brief = k->brief;
		f.states = states;
		f.n_states = recovery_states(k, states, n);
	}
	j->owner->on_found(j->arg, &f);
	if (states != few)
		mem_free(states);
}

static void take_known(struct journal *j, const struct known *k)
{
	struct segment *s = segment_find(j, k->place.segment);
	const struct journal_piece *pieces = (const struct journal_piece *)(const void *)k->pieces.at;

	s->messages++;
	s->live_bytes += record_size(k->len);
	for (unsigned i = 0; i < k->n_pieces; i++) {
		struct segment *of = segment_find(j, pieces[i].place.segment);

		of->chunks++;
		of->live_bytes += record_size(pieces[i].len);
	}
	if (k->annex.segment)
		annex_came(j, k->annex, k->annex_len);
	if (k->n_pieces || k->oldest != k->place.segment)
		special_add(j, k->place, k->oldest, pieces, k->n_pieces);
	tell_found(j, k);
}

bool journal_recover(struct journal *j, unsigned n)
{
	struct recovery *r = j->recovery;
	struct journal_stats stats;

	if (!r)
		return false;
	if (!r->walked && !r->walked_bucket)
		take_segments(j, r);
	for (; n; n--) {
		const struct known *k = recovery_next(r);

		if (!k)
			break;
		take_known(j, k);
	}
	if (n == 0)
		return true;
	recovery_free(&j->recovery);
	j->recovered = true;
	j->look_for_victims = true;
	journal_stats(j, &stats);
	j->owner->on_recovered(j->arg, &stats);
	return false;
}
