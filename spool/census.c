/* Who lives where: what a segment holds that still counts, and who moved out of it. */
#include <string.h>

#include "base/mem.h"
#include "spool/journal_private.h"

static struct span place_key(const struct place *p)
{
	return span_of((const char *)p, sizeof(*p));
}

struct special *special_find(const struct journal *j, struct place place)
{
	struct map_node *n = j->specials.n ? map_find(&j->specials, place_key(&place)) : NULL;

	return n ? MAP_OWNER(n, struct special, node) : NULL;
}

static void held_add(struct special *s, uint32_t segment, uint64_t bytes)
{
	unsigned i = 0;

	while (i < s->n_held && s->held[i].segment != segment)
		i++;
	if (i == s->n_held)
		s->held[s->n_held++] = (struct held){ .segment = segment };
	s->held[i].n++;
	s->held[i].bytes += bytes;
}

static unsigned count_segments(const struct journal_piece *pieces, unsigned n)
{
	unsigned changes = 0;

	for (unsigned i = 0; i < n; i++)
		if (i == 0 || pieces[i].place.segment != pieces[i - 1].place.segment)
			changes++;
	return changes;
}

void special_add(struct journal *j, struct place place, uint32_t oldest, const struct journal_piece *pieces, unsigned n)
{
	struct special *s = mem_new(sizeof(*s) + count_segments(pieces, n) * sizeof(s->held[0]));

	s->place = place;
	s->oldest = oldest;
	for (unsigned i = 0; i < n; i++)
		held_add(s, pieces[i].place.segment, record_size(pieces[i].len));
	map_put(&j->specials, &s->node, place_key(&s->place));
}

void special_remove(struct journal *j, struct special *s)
{
	map_remove(&j->specials, &s->node);
	mem_free(s);
}

void chunk_left(struct journal *j, uint32_t number, uint32_t n, uint64_t bytes)
{
	struct segment *s = segment_find(j, number);

	if (!s)
		return;
	s->chunks -= n < s->chunks ? n : s->chunks;
	s->live_bytes -= bytes < s->live_bytes ? bytes : s->live_bytes;
	s->stuck = false;
	j->look_for_victims = true;
}

/* One of those that are counted there. */
static void one_left(struct journal *j, struct segment *s, uint32_t *count)
{
	uint32_t n = s->messages + s->chunks + s->annexes;

	s->live_bytes -= n > 1 ? s->live_bytes / n : s->live_bytes;
	(*count)--;
	s->stuck = false;
	j->look_for_victims = true;
}

void message_left(struct journal *j, struct place place)
{
	struct segment *s = segment_find(j, place.segment);

	j->n_gone++;
	if (s && s->messages)
		one_left(j, s, &s->messages);
}

void annex_came(struct journal *j, struct place place, uint32_t len)
{
	struct segment *s = segment_find(j, place.segment);

	s->annexes++;
	s->live_bytes += record_size(len);
}

void annex_left(struct journal *j, struct place place)
{
	struct segment *s = segment_find(j, place.segment);

	if (s && s->annexes)
		one_left(j, s, &s->annexes);
}

void message_settled(struct journal *j, struct place place)
{
	struct special *s = special_find(j, place);

	message_left(j, place);
	if (!s)
		return;
	for (unsigned i = 0; i < s->n_held; i++)
		chunk_left(j, s->held[i].segment, s->held[i].n, s->held[i].bytes);
	special_remove(j, s);
}

struct place moved_to(const struct journal *j, struct place place)
{
	struct map_node *n = j->compact.moved.n ? map_find(&j->compact.moved, place_key(&place)) : NULL;

	return n ? MAP_OWNER(n, struct moved, node)->to : place;
}

void moved_add(struct journal *j, struct place from, struct place to)
{
	struct map_node *n = map_find(&j->compact.moved, place_key(&from));
	struct moved *m = n ? MAP_OWNER(n, struct moved, node) : mem_new(sizeof(*m));

	m->from = from;
	m->to = to;
	if (!n)
		map_put(&j->compact.moved, &m->node, place_key(&m->from));
}

void moved_remove(struct journal *j, struct place from)
{
	struct map_node *n = map_find(&j->compact.moved, place_key(&from));

	if (!n)
		return;
	map_remove(&j->compact.moved, n);
	mem_free(MAP_OWNER(n, struct moved, node));
}
