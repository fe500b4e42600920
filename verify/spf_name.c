#include "verify/spf_name.h"

#include <string.h>

#include "base/text.h"

#define NAME_MAX_LEN 253

bool spf_name_is(struct span s, unsigned labels)
{
	unsigned n = 0;

	if (s.len > NAME_MAX_LEN || !text_is_printable(s))
		return false;
	while (s.len > 0) {
		size_t dot = span_find(s, '.');

		if (dot == 0 || dot > 63 || dot + 1 == s.len)
			return false;
		s = span_from(s, dot + 1);
		n++;
	}
	return n >= labels;
}

bool spf_name_is_domain(struct span s)
{
	const char *dot = s.len ? memrchr(s.at, '.', s.len) : NULL;
	unsigned long long number;

	return spf_name_is(s, 2) && dot && s.at[0] != '[' && span_find(s, ' ') == s.len && !span_to_u64(span_from(s, (size_t)(dot - s.at) + 1), ~0ULL, &number);
}

struct span spf_name_shortened(struct span s)
{
	if (s.len > 0 && s.at[s.len - 1] == '.')
		s.len--;
	while (s.len > NAME_MAX_LEN) {
		size_t dot = span_find(s, '.');

		if (dot == s.len)
			break;
		s = span_from(s, dot + 1);
	}
	return s;
}
