/* Any text as a record of SPF, and as macros: what is read lies in it, and expands to something bounded. */
#include <stdint.h>

#include "base/err.h"
#include "verify/spf_macro.h"
#include "verify/spf_record.h"

#define EXPANDED_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expand(struct span s)
{
	static const unsigned char ADDRESS[16] = { 0x20, 0x01, 0x0d, 0xb8 };
	struct client client = client_of(ADDRESS, s.len & 1 ? 16 : 4);
	struct spf_words words = { .local = SPAN("a-b\0\xff"), .domain = SPAN("x.example.org"), .current = SPAN(".."), .validated = SPAN_NONE,
		.helo = s, .receiver = SPAN_NONE, .client = &client };
	struct buf out;

	buf_init(&out, EXPANDED_MAX);
	(void)spf_macro_uses(s, "slp");
	spf_macro_expand(s, &words, &out);
	BUG_ON(out.len > EXPANDED_MAX);
	buf_fini(&out);
}

static void check_terms(const struct spf_record *r, struct span text)
{
	bool has_all = false;

	for (unsigned i = 0; i < r->n; i++) {
		const struct spf_term *t = &r->row[i];

		BUG_ON(t->text.at < text.at || t->text.at + t->text.len > text.at + text.len || t->text.len == 0 || t->text.len > SPF_TERM_MAX);
		BUG_ON(t->domain.len > 0 && (t->domain.at < t->text.at || t->domain.at + t->domain.len > t->text.at + t->text.len));
		BUG_ON(t->domain.len > 0 && !spf_macro_is_domain(t->domain));
		BUG_ON(t->bits4 > 32 || t->bits6 > 128);
		BUG_ON((t->kind == SPF_REDIRECT && r->redirect != t) || (t->kind == SPF_EXP && r->exp != t));
		has_all |= t->kind == SPF_ALL;
		expand(t->domain);
	}
	BUG_ON(has_all != r->has_all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of((const char *)data, size);
	struct arena arena;
	struct spf_record r;

	arena_init(&arena, 4096);
	if (spf_record_is(s)) {
		if (spf_record_read(s, &arena, &r))
			check_terms(&r, s);
		else
			BUG_ON(!r.why || r.fault.len > SPF_TERM_MAX);
	}
	if (spf_macro_is_explanation(s))
		expand(s);
	BUG_ON(spf_macro_is_domain(s) && !spf_macro_is_good(s));
	BUG_ON(spf_macro_is_good(s) && !spf_macro_is_explanation(s));
	arena_fini(&arena);
	return 0;
}
