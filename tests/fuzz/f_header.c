/* Any header, at every cut: the same passes, is counted and is told; what passes is the input less whole fields, and holds no
 * field that was to go: read again, nothing more goes. */
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "mail/header.h"

#define TEXT_MAX     4096
#define ALL_CUTS_MAX 300	/* of a longer one some */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	struct header h;
	uint64_t told;
	char out[TEXT_MAX + 2];
	size_t len;
};

static void on_field(void *owner, enum header_name name, struct span value, bool is_cut)
{
	struct result *r = owner;

	BUG_ON(value.len > HEADER_VALUE_MAX);
	r->told = r->told * 1099511628211U + name + 1 + (is_cut ? N_HEADER_NAMES : 0);
	for (size_t i = 0; i < value.len; i++) {
		BUG_ON(value.at[i] == '\r' || value.at[i] == '\n');
		r->told = (r->told ^ (unsigned char)value.at[i]) * 1099511628211U;
	}
}

static void put(struct result *r, struct span s)
{
	BUG_ON(r->len + s.len > sizeof(r->out));
	memcpy(r->out + r->len, s.at, s.len);
	r->len += s.len;
}

static void feed(struct result *r, struct span in)
{
	struct span out;

	while (header_take(&r->h, &in, &out) == HEADER_PART) {
		BUG_ON(out.len == 0);
		put(r, out);
	}
	BUG_ON(in.len > 0);
}

static void read_in(struct result *r, struct header_rules *rules, struct span s, size_t cut)
{
	r->len = 0;
	r->told = 0;
	rules->owner = r;
	header_init(&r->h, rules);
	feed(r, span_first(s, cut));
	feed(r, span_from(s, cut));
	put(r, header_close(&r->h));
}

static bool same(const struct result *a, const struct result *b)
{
	return a->len == b->len && memcmp(a->out, b->out, a->len) == 0 && a->told == b->told && a->h.faults == b->h.faults &&
	    memcmp(a->h.count, b->h.count, sizeof(a->h.count)) == 0 && a->h.n_fields == b->h.n_fields &&
	    a->h.n_removed == b->h.n_removed && a->h.size == b->h.size && a->h.ended == b->h.ended;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct result whole, part, again;
	struct header_rules rules = { .own_id = SPAN("mx.example.org"), .remove = HEADER_SET(HEADER_BCC), .tell = ~0U,
		.on_field = on_field, .max_size = 2000, .max_fields = 20 };
	struct span s = span_of((const char *)data, size);
	size_t step = size <= ALL_CUTS_MAX ? 1 : size / 16;

	if (size > TEXT_MAX)
		return 0;
	read_in(&whole, &rules, s, size);
	for (size_t cut = 0; cut < size; cut += step) {
		read_in(&part, &rules, s, cut);
		BUG_ON(!same(&whole, &part));
	}
	BUG_ON(whole.len > size + 2 || (whole.h.n_removed == 0 && whole.len < size));
	read_in(&again, &rules, span_of(whole.out, whole.len), whole.len);
	BUG_ON(again.h.n_removed > 0 || again.h.count[HEADER_BCC] > 0);
	return 0;
}
