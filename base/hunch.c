#include "base/hunch.h"

bool hunch_try(struct hunch *h)
{
	if (h->left == 0)
		return true;
	h->left--;
	return false;
}

/* The first mistake costs the next chance, each further one in a row twice as many. */
void hunch_was(struct hunch *h, bool right)
{
	if (right)
		h->pause = 0;
	else if (h->pause < HUNCH_PAUSE_MAX)
		h->pause = h->pause ? 2 * h->pause : 1;
	h->left = h->pause;
}
