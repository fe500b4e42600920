/* Borrowed bytes. A span never owns what it points at and is never freed;
 * it is valid as long as its owner says. May hold NUL. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
	const char *at;
	size_t len;
};

#define SPAN(literal) ((struct span){ (literal), sizeof(literal) - 1 })
#define SPAN_NONE     ((struct span){ "", 0 })
/* For printf's "%.*s"; only for bytes known to hold no NUL. */
#define SPAN_ARG(s)   (int)(s).len, (s).at

static inline struct span span_of(const char *at, size_t len)
{
	return (struct span){ at, len };
}

/* NULL gives the empty span. */
static inline struct span span_of_text(const char *text)
{
	return text ? (struct span){ text, strlen(text) } : SPAN_NONE;
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* ASCII case only, whatever the locale. */
bool span_eq_nocase(struct span a, struct span b);
bool span_starts_nocase(struct span s, struct span prefix);
bool span_ends_nocase(struct span s, struct span suffix);

/* Position of the first c, or s.len. */
size_t span_find(struct span s, char c);

/* From byte `from` to the end, `from` beyond the end gives the empty span. */
static inline struct span span_from(struct span s, size_t from)
{
	return from < s.len ? (struct span){ s.at + from, s.len - from } : (struct span){ s.at + s.len, 0 };
}

/* The first n bytes at most. */
static inline struct span span_first(struct span s, size_t n)
{
	return (struct span){ s.at, n < s.len ? n : s.len };
}

/* Cuts *rest at the first c: returns what was before it and leaves in *rest
 * what comes after; without a c returns all and leaves the empty span. */
struct span span_cut(struct span *rest, char c);

/* Without blanks and tabs at both ends. */
struct span span_trim(struct span s);

/* Decimal digits only, whole span, no sign; false when empty, not a number or
 * greater than max. */
bool span_to_u64(struct span s, unsigned long long max, unsigned long long *out);

#endif
