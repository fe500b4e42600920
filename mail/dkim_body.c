#include "mail/dkim_body.h"

#include <string.h>

#include "base/text.h"
#include "mail/masks.h"

void dkim_body_init(struct dkim_body *b)
{
	*b = (struct dkim_body){ .digest = digest_new(), .left = UINT64_MAX };
}

void dkim_body_init_as(struct dkim_body *b, bool is_simple, uint64_t most)
{
	dkim_body_init(b);
	b->is_simple = is_simple;
	b->left = most;
}

void dkim_body_fini(struct dkim_body *b)
{
	if (b->digest)
		digest_free(&b->digest);
}

static bool is_plain(char c)
{
	return c != ' ' && c != '\t' && c != '\r';
}

struct canon_masks {
	uint64_t blank, tab, cr, lf;
};

static inline struct canon_masks look(const char *at)
{
	return (struct canon_masks){ mask_of(at, ' '), mask_of(at, '\t'), mask_of(at, '\r'), mask_of(at, '\n') };
}

/* The first bytes, as far as they go by blocks: up to what begins something that is not canonical. A block's last two bytes are
 * looked at again: they don't tell what follows. */
MASK_INLINE size_t blocks_by(const char *at, size_t len, struct canon_masks (*look_at)(const char *at))
{
	size_t i = 0;
	unsigned n = MASK_BYTES - 2;

	while (n == MASK_BYTES - 2 && len - i >= MASK_BYTES) {
		struct canon_masks m = look_at(at + i);
		uint64_t other = m.blank | m.tab | m.cr, ends = m.tab | (m.blank & other >> 1) | (m.cr & ~(m.lf >> 1)) | (m.cr & other >> 2);

		n = (unsigned)__builtin_ctzll(ends | UINT64_C(3) << (MASK_BYTES - 2));
		i += n;
	}
	return i;
}

#ifdef MASK_WIDE
MASK_WIDE static inline struct canon_masks look_wide(const char *at)
{
	return (struct canon_masks){ mask_of_wide(at, ' '), mask_of_wide(at, '\t'), mask_of_wide(at, '\r'), mask_of_wide(at, '\n') };
}

MASK_WIDE static size_t blocks_wide(const char *at, size_t len)
{
	return blocks_by(at, len, look_wide);
}
#endif

static size_t canonical_blocks(const char *at, size_t len)
{
#ifdef MASK_WIDE
	if (mask_is_wide())
		return blocks_wide(at, len);
#endif
	return blocks_by(at, len, look);
}

/* How much of the front is canonical as it stands: between its first byte and its last, both plain, lie single blanks
 * and single line ends. Nearly all of a usual body: it is hashed in large pieces. */
static size_t canonical_run(const char *at, size_t len)
{
	size_t i = canonical_blocks(at, len);

	while (i < len) {
		if (is_plain(at[i]))
			i++;
		else if (at[i] == ' ' && i + 1 < len && is_plain(at[i + 1]))
			i += 2;
		else if (at[i] == '\r' && i + 2 < len && at[i + 1] == '\n' && is_plain(at[i + 2]))
			i += 3;
		else
			break;
	}
	return i;
}

/* The same of the simple form, in which only line ends count. */
static size_t simple_run(const char *at, size_t len)
{
	const char *cr = at, *end = at + len;

	while ((cr = memchr(cr, '\r', (size_t)(end - cr)))) {
		if (end - cr < 3 || cr[1] != '\n' || cr[2] == '\r')
			return (size_t)(cr - at);
		cr += 3;
	}
	return len;
}

static void hash_piece(struct dkim_body *b, struct span s)
{
	struct span first = span_first(s, b->left);

	digest_feed(b->digest, first);
	b->left -= first.len;
	b->len += s.len;
}

/* What was kept back belongs before the text that comes. */
static void hash_kept(struct dkim_body *b)
{
	for (; b->n_ends; b->n_ends--)
		hash_piece(b, SPAN("\r\n"));
	if (b->blank)
		hash_piece(b, SPAN(" "));
	b->blank = false;
	b->begun = true;
}

static void hash_text(struct dkim_body *b, struct span text)
{
	hash_kept(b);
	hash_piece(b, text);
}

/* The byte behind a CR. One that ends no line is text like other. */
static size_t take_after_cr(struct dkim_body *b, char c)
{
	b->cr = false;
	if (c != '\n') {
		hash_text(b, SPAN("\r"));
		return 0;
	}
	b->blank = false;
	b->n_ends++;
	return 1;
}

/* Takes from the front; how many bytes. */
static size_t body_step(struct dkim_body *b, struct span in)
{
	size_t n;

	if (b->cr)
		return take_after_cr(b, *in.at);
	if (*in.at == '\r') {
		b->cr = true;
		return 1;
	}
	if (!b->is_simple && text_is_blank(*in.at)) {
		b->blank = true;
		return 1;
	}
	n = b->is_simple ? simple_run(in.at, in.len) : canonical_run(in.at, in.len);
	hash_text(b, span_first(in, n));
	return n;
}

void dkim_body_feed(struct dkim_body *b, struct span in)
{
	while (in.len > 0)
		in = span_from(in, body_step(b, in));
}

/* A body that is not empty ends with one line end, whether it was there or not; in the simple form an empty one too. */
void dkim_body_finish(struct dkim_body *b, unsigned char hash[SHA256_LEN])
{
	if (b->cr)
		hash_text(b, SPAN("\r"));
	if (b->begun || b->is_simple)
		hash_piece(b, SPAN("\r\n"));
	digest_finish(b->digest, hash);
	dkim_body_fini(b);
}
