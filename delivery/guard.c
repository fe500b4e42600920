#include "delivery/guard.h"

static const struct span NAME = { "Delivered-To", 12 };

void guard_init(struct guard *g)
{
	g->is_over = false;
	g->len = 0;
}

static void keep(struct guard *g, struct span s)
{
	if (g->len < GUARD_LINE_MAX)
		memcpy(g->line + g->len, s.at, span_first(s, GUARD_LINE_MAX - g->len).len);
	g->len += s.len;
}

/* The line without its LF; one that was cut is longer than any address. */
static void end_line(struct guard *g, void (*on_delivered_to)(void *arg, struct span value), void *arg)
{
	struct span line = span_of(g->line, g->len < GUARD_LINE_MAX ? g->len : 0), name;

	if (line.len > 0 && line.at[line.len - 1] == '\r')
		line.len--;
	g->is_over = line.len == 0 && g->len <= 1;
	g->len = 0;
	name = span_cut(&line, ':');
	if (span_eq_nocase(span_trim(name), NAME))
		on_delivered_to(arg, span_trim(line));
}

void guard_feed(struct guard *g, struct span bytes, void (*on_delivered_to)(void *arg, struct span value), void *arg)
{
	while (!g->is_over && bytes.len > 0) {
		size_t end = span_find(bytes, '\n');

		keep(g, span_first(bytes, end));
		if (end == bytes.len)
			return;
		bytes = span_from(bytes, end + 1);
		end_line(g, on_delivered_to, arg);
	}
}
