/* What a peer says, whole and byte by byte: the same reply, clean words; and words from anywhere make a reply that reads. */
#include <stdint.h>

#include "base/mem.h"
#include "base/text.h"
#include "mail/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum pr_err feed_bytes(struct reply_reader *r, struct span text, size_t *used)
{
	enum pr_err err = PR_AGAIN;

	reply_reader_init(r);
	for (*used = 0; *used < text.len && err == PR_AGAIN; ++*used) {
		struct span in = span_first(span_from(text, *used), 1);

		err = reply_reader_feed(r, &in);
	}
	return err;
}

static void check_words(const struct reply_reader *r)
{
	struct span words = span_of(r->words, r->words_len);

	BUG_ON(r->code < 200 || r->code > 599 || r->n_lines == 0 || r->n_lines > REPLY_READ_LINES);
	BUG_ON(!text_is_utf8(words) || words.len > REPLY_WORDS_MAX || r->words[words.len] != '\0');
	for (size_t i = 0; i < words.len; i++)
		BUG_ON(((unsigned char)words.at[i] < 0x20 && words.at[i] != '\n') || words.at[i] == 0x7f);
}

static void write_and_read(struct span words, struct reply_reader *r)
{
	struct buf out;
	struct span in;

	buf_init(&out, (REPLY_WRITE_LINES + 1) * (size_t)REPLY_LINE_MAX);
	BUG_ON(reply_add_words(&out, 550, "5.1.1", words, words.len & 1));
	in = buf_span(&out);
	reply_reader_init(r);
	BUG_ON(reply_reader_feed(r, &in) || in.len || r->code != 550 || r->n_lines > REPLY_WRITE_LINES);
	check_words(r);
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reply_reader whole, bytes;
	struct span text = span_of((const char *)data, size), in = text;
	size_t used;
	enum pr_err err;

	reply_reader_init(&whole);
	err = reply_reader_feed(&whole, &in);
	BUG_ON(feed_bytes(&bytes, text, &used) != err);
	if (err == PR_OK) {
		BUG_ON(used != text.len - in.len || whole.code != bytes.code || strcmp(whole.enhanced, bytes.enhanced) != 0);
		BUG_ON(!span_eq(span_of(whole.words, whole.words_len), span_of(bytes.words, bytes.words_len)));
		check_words(&whole);
	}
	write_and_read(text, &whole);
	return 0;
}
