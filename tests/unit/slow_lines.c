#include "tests/unit/slow_lines.h"

#include <stdint.h>

static void put(struct result *r, char c)
{
	r->out[r->len++] = c;
}

void slow_lines(struct span s, enum lines_rule rule, bool dots, struct result *r)
{
	bool begins = true, truly = true;	/* at a line's beginning; behind CRLF */

	result_clear(r);
	r->used = SIZE_MAX;
	for (size_t i = 0; i < s.len; i++) {
		bool crlf_next = i + 1 < s.len && s.at[i] == '\r' && s.at[i + 1] == '\n';

		if (dots && begins && s.at[i] == '.') {
			if (truly && i + 2 < s.len && s.at[i + 1] == '\r' && s.at[i + 2] == '\n') {
				r->used = i + 3;
				return;
			}
			begins = false;
			continue;
		}
		begins = truly = crlf_next;
		if (crlf_next) {
			put(r, s.at[i++]);
			put(r, '\n');
		} else if (s.at[i] == '\r' || s.at[i] == '\n') {
			r->faults |= s.at[i] == '\r' ? LINES_BARE_CR : LINES_BARE_LF;
			begins = rule == LINES_NORMALISE;
			if (begins)
				put(r, '\r');
			put(r, begins ? '\n' : s.at[i]);
		} else {
			r->faults |= s.at[i] == '\0' ? LINES_NUL : 0;
			put(r, s.at[i]);
		}
	}
}
