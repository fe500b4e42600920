/* The segments there are: in use, by number; spare, to be used next. */
#include <string.h>

#include "base/mem.h"
#include "spool/journal_private.h"

static void list_put(struct segment ***list, unsigned *n, unsigned *room, struct segment *s, unsigned at)
{
	if (*n == *room) {
		*room = *room ? *room * 2 : 16;
		*list = mem_resize(*list, *room * sizeof(**list));
	}
	memmove(*list + at + 1, *list + at, (*n - at) * sizeof(**list));
	(*list)[at] = s;
	(*n)++;
}

static void list_take(struct segment **list, unsigned *n, unsigned at)
{
	(*n)--;
	memmove(list + at, list + at + 1, (*n - at) * sizeof(*list));
}

static void file_is_there(struct journal *j, uint32_t file)
{
	j->files[file / 64] |= UINT64_C(1) << file % 64;
}

uint32_t file_take(struct journal *j)
{
	uint32_t i = 0, file;

	while (i < JOURNAL_FILES_MAX / 64 && !~j->files[i])
		i++;
	if (i == JOURNAL_FILES_MAX / 64)
		return JOURNAL_FILES_MAX;
	file = i * 64 + (uint32_t)__builtin_ctzll(~j->files[i]);
	file_is_there(j, file);
	return file;
}

void file_give_back(struct journal *j, uint32_t file)
{
	if (file < JOURNAL_FILES_MAX)
		j->files[file / 64] &= ~(UINT64_C(1) << file % 64);
}

/* The first that is not below number. */
static unsigned used_place(const struct journal *j, uint32_t number)
{
	unsigned low = 0, high = j->n_used;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (j->used[mid]->number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct segment *segment_find(const struct journal *j, uint32_t number)
{
	unsigned at = used_place(j, number);

	return at < j->n_used && j->used[at]->number == number ? j->used[at] : NULL;
}

void segment_forget(struct journal *j, struct segment *s)
{
	unsigned at = used_place(j, s->number);

	BUG_ON(at == j->n_used || j->used[at] != s);
	list_take(j->used, &j->n_used, at);
}

static void add_spare_at(struct journal *j, struct segment *s, unsigned at)
{
	*s = (struct segment){ .file = s->file, .size = s->size, .state = SEG_SPARE, .fresh = s->fresh };
	list_put(&j->spare, &j->n_spare, &j->room_spare, s, at);
}

void segment_add_spare(struct journal *j, struct segment *s)
{
	add_spare_at(j, s, j->n_spare);
}

void segment_add_spare_last(struct journal *j, struct segment *s)
{
	add_spare_at(j, s, 0);
}

struct segment *segment_take_spare(struct journal *j)
{
	struct segment *s = j->spare[j->n_spare - 1];

	list_take(j->spare, &j->n_spare, j->n_spare - 1);
	return s;
}

void segment_add_used(struct journal *j, struct segment *s)
{
	list_put(&j->used, &j->n_used, &j->room_used, s, used_place(j, s->number));
}

/* What was never opened begins with zeros: a file made ahead, or one whose making was interrupted. What can't be read, or is
 * something else, may be full of mail. */
static bool is_strange(const struct journal *j, const struct segment_header *h, struct span probe)
{
	static const char zeros[SEGMENT_PROBE];

	if (h->use == SEGMENT_USED)
		return segment_find(j, h->number) != NULL;	/* somebody copied it */
	return h->use == SEGMENT_UNKNOWN && (probe.len < SEGMENT_PROBE || memcmp(probe.at, zeros, SEGMENT_PROBE) != 0);
}

enum pr_err journal_file(struct journal *j, uint32_t file, struct span probe, uint32_t *version)
{
	struct segment_header h;
	enum pr_err err = segment_get_header(probe, &h);
	struct segment *s;

	*version = h.version;
	if (err)
		return err;
	BUG_ON(file >= JOURNAL_FILES_MAX);
	file_is_there(j, file);
	if (is_strange(j, &h, probe)) {
		j->strange = mem_resize(j->strange, (j->n_strange + 1) * sizeof(*j->strange));
		j->strange[j->n_strange++] = file;
		return PR_OK;
	}
	if (h.number >= j->next_number)
		j->next_number = h.number + 1;
	s = mem_new(sizeof(*s));
	*s = (struct segment){ .file = file, .size = h.size ? h.size : j->options.segment_size, .number = h.number, .mark = h.mark };
	if (h.use != SEGMENT_USED) {
		s->fresh = h.number == 0;
		segment_add_spare(j, s);
		return PR_OK;
	}
	s->state = SEG_SEALED;
	s->used = s->synced = s->size;
	segment_add_used(j, s);
	return PR_OK;
}

unsigned journal_available(const struct journal *j)
{
	return j->n_spare + (j->ready ? 1 : 0);
}

bool journal_pin(struct journal *j, uint32_t number, uint32_t *file, uint64_t *mark)
{
	struct segment *s = segment_find(j, number);

	if (!s || s->state == SEG_FREEING)
		return false;
	s->pins++;
	*file = s->file;
	*mark = s->mark;
	return true;
}

void journal_unpin(struct journal *j, uint32_t number)
{
	struct segment *s = segment_find(j, number);

	BUG_ON(!s || !s->pins);
	if (--s->pins == 0)
		j->look_for_victims = true;
}

void journal_tell_damage(struct journal *j, const struct journal_damage *d)
{
	j->owner->on_damaged(j->arg, d);
}

bool journal_is_at(const struct journal *j, const struct msg_id *id, struct place place)
{
	struct place now;

	return j->owner->find(j->arg, id, &now) && place_eq(now, place);
}

/* What could not be emptied or freed gets another chance. */
void segments_unstick(struct journal *j)
{
	for (unsigned i = 0; i < j->n_used; i++)
		j->used[i]->stuck = false;
	j->look_for_victims = true;
}
