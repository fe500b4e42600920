#include "base/buf.h"

#include <stdio.h>

#include "base/mem.h"

#define BUF_FIRST_ROOM 256

void buf_init(struct buf *b, size_t ceiling)
{
	*b = (struct buf){ .ceiling = ceiling };
}

void buf_fini(struct buf *b)
{
	mem_free(b->at);
	*b = (struct buf){ .ceiling = b->ceiling };
}

void buf_wipe(struct buf *b)
{
	if (b->at)
		mem_wipe(b->at, b->room);
	buf_fini(b);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->overflowed = false;
}

void buf_shrink(struct buf *b)
{
	if (b->len == 0) {
		mem_free(b->at);
		b->at = NULL;
	} else if (b->room > b->len) {
		b->at = mem_resize(b->at, b->len);
	}
	b->room = b->len;
}

char *buf_room(struct buf *b, size_t n)
{
	size_t want = b->room ? b->room : BUF_FIRST_ROOM;

	if (n > b->ceiling - b->len)
		return NULL;
	if (b->room - b->len >= n && b->at)
		return b->at + b->len;
	while (want < b->len + n)
		want *= 2;
	b->room = want < b->ceiling ? want : b->ceiling;
	b->at = mem_resize(b->at, b->room);
	return b->at + b->len;
}

void buf_grew(struct buf *b, size_t n)
{
	BUG_ON(n > b->room - b->len);
	b->len += n;
}

enum pr_err buf_add(struct buf *b, struct span s)
{
	char *at = b->overflowed ? NULL : buf_room(b, s.len);

	if (!at) {
		b->overflowed = true;
		return PR_FULL;
	}
	if (s.len)
		memcpy(at, s.at, s.len);
	b->len += s.len;
	return PR_OK;
}

enum pr_err buf_add_text(struct buf *b, const char *text)
{
	return buf_add(b, span_of_text(text));
}

enum pr_err buf_add_char(struct buf *b, char c)
{
	return buf_add(b, span_of(&c, 1));
}

enum pr_err buf_printf(struct buf *b, const char *fmt, ...)
{
	char some[256];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(some, sizeof(some), fmt, args);
	va_end(args);
	BUG_ON(len < 0);
	if ((size_t)len < sizeof(some))
		return buf_add(b, span_of(some, (size_t)len));

	/* vsnprintf ends with a NUL, which has no room of its own at the ceiling. */
	char *all = mem_new((size_t)len + 1);

	va_start(args, fmt);
	vsnprintf(all, (size_t)len + 1, fmt, args);
	va_end(args);
	enum pr_err err = buf_add(b, span_of(all, (size_t)len));

	mem_free(all);
	return err;
}

void buf_eat(struct buf *b, size_t n)
{
	BUG_ON(n > b->len);
	b->len -= n;
	if (b->len && n)
		memmove(b->at, b->at + n, b->len);
}
