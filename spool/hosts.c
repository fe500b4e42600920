#include "spool/hosts.h"

#include <string.h>

#include "base/mem.h"

/* Stable: equals stay in the order of the answer. */
static void sort(struct hosts *h)
{
	for (unsigned i = 1; i < h->n; i++) {
		struct host one = h->at[i];
		unsigned k = i;

		for (; k > 0 && h->at[k - 1].preference > one.preference; k--)
			h->at[k] = h->at[k - 1];
		h->at[k] = one;
	}
}

struct hosts *hosts_new(const struct host *at, unsigned n)
{
	size_t text = 0;
	struct hosts *h;
	char *names;

	n = n < HOSTS_MAX ? n : HOSTS_MAX;
	for (unsigned i = 0; i < n; i++)
		text += at[i].name.len;
	h = mem_new(sizeof(*h) + n * sizeof(struct host) + text);
	names = (char *)&h->at[n];
	h->n = n;
	for (unsigned i = 0; i < n; i++) {
		h->at[i] = at[i];
		h->at[i].name.at = names;
		memcpy(names, at[i].name.at, at[i].name.len);
		names += at[i].name.len;
	}
	sort(h);
	return h;
}

void hosts_draw(struct hosts *h, uint64_t random)
{
	for (unsigned first = 0, i = 1; i < h->n; i++) {
		unsigned k;
		struct host one = h->at[i];

		if (one.preference != h->at[first].preference)
			first = i;
		k = first + (unsigned)(random % (i - first + 1));
		random = random * 6364136223846793005u + 1442695040888963407u;
		random ^= random >> 33;
		h->at[i] = h->at[k];
		h->at[k] = one;
	}
}
