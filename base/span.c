#include "base/span.h"

#include "base/text.h"

bool span_eq_nocase(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (text_lower(a.at[i]) != text_lower(b.at[i]))
			return false;
	return true;
}

bool span_starts_nocase(struct span s, struct span prefix)
{
	return s.len >= prefix.len && span_eq_nocase(span_first(s, prefix.len), prefix);
}

bool span_ends_nocase(struct span s, struct span suffix)
{
	return s.len >= suffix.len && span_eq_nocase(span_from(s, s.len - suffix.len), suffix);
}

size_t span_find(struct span s, char c)
{
	const char *found = s.len ? memchr(s.at, c, s.len) : NULL;

	return found ? (size_t)(found - s.at) : s.len;
}

struct span span_cut(struct span *rest, char c)
{
	size_t at = span_find(*rest, c);
	struct span before = span_first(*rest, at);

	*rest = span_from(*rest, at + 1);
	return before;
}

struct span span_trim(struct span s)
{
	while (s.len && text_is_blank(s.at[0]))
		s = span_from(s, 1);
	while (s.len && text_is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

bool span_to_u64(struct span s, unsigned long long max, unsigned long long *out)
{
	unsigned long long n = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned long long digit = (unsigned long long)(unsigned char)s.at[i] - '0';

		if (digit > 9 || digit > max || n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}
