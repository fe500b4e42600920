/* A guess that pays where it is right and costs where it is wrong: it is tried
 * the less often the more often it was wrong of late. All zero is a fresh one. */
#ifndef BASE_HUNCH_H
#define BASE_HUNCH_H

#include <stdbool.h>

#define HUNCH_PAUSE_MAX 128	/* chances that are let go between two tries, at most */

struct hunch {
	unsigned pause, left;
};

/* Whether to act on it now; then hunch_was tells how it came out. */
bool hunch_try(struct hunch *h);
void hunch_was(struct hunch *h, bool right);

#endif
