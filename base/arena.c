#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *a, size_t block_size)
{
	*a = (struct arena){ .block_size = block_size };
}

static void free_blocks(struct arena_block *from, const struct arena_block *keep)
{
	while (from) {
		struct arena_block *next = from->next;

		if (from != keep)
			mem_free(from);
		from = next;
	}
}

void arena_fini(struct arena *a)
{
	free_blocks(a->blocks, NULL);
	*a = (struct arena){ .block_size = a->block_size };
}

void arena_reset(struct arena *a)
{
	struct arena_block *keep = a->blocks;

	a->used = 0;
	while (keep && keep->next)
		keep = keep->next;
	if (keep && keep->size > a->block_size)
		keep = NULL;
	free_blocks(a->blocks, keep);
	a->blocks = keep;
	if (keep) {
		keep->next = NULL;
		keep->used = 0;
	}
}

static struct arena_block *add_block(struct arena *a, size_t size)
{
	struct arena_block *b;

	BUG_ON(size > SIZE_MAX - sizeof(*b));
	b = mem_resize(NULL, sizeof(*b) + size);
	b->size = size;
	b->used = 0;
	/* A block of its own for something large goes behind the one that still has room. */
	if (a->blocks && size > a->block_size) {
		b->next = a->blocks->next;
		a->blocks->next = b;
	} else {
		b->next = a->blocks;
		a->blocks = b;
	}
	return b;
}

void *arena_new(struct arena *a, size_t size)
{
	struct arena_block *b = a->blocks;
	size_t padded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	void *at;

	BUG_ON(padded < size);
	if (!b || padded > b->size - b->used)
		b = add_block(a, padded > a->block_size ? padded : a->block_size);
	at = b->bytes + b->used;
	b->used += padded;
	a->used += size;
	return memset(at, 0, size);
}

char *arena_text(struct arena *a, struct span s)
{
	char *text = arena_new(a, s.len + 1);

	if (s.len)
		memcpy(text, s.at, s.len);
	return text;
}

struct span arena_span(struct arena *a, struct span s)
{
	return span_of(arena_text(a, s), s.len);
}
