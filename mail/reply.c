#include "mail/reply.h"

#include <stdio.h>

#include "base/text.h"

static void add_line(struct buf *out, unsigned code, bool more, const char *enhanced, struct span text)
{
	char head[5];

	snprintf(head, sizeof(head), "%03u%c", code % 1000, more ? '-' : ' ');
	buf_add(out, span_of(head, 4));
	if (enhanced) {
		buf_add_text(out, enhanced);
		buf_add_char(out, ' ');
	}
	buf_add(out, text);
	buf_add(out, SPAN("\r\n"));
}

enum pr_err reply_add(struct buf *out, const struct reply *r)
{
	struct span rest = span_of_text(r->text);
	bool more;

	do {
		struct span line;

		more = span_find(rest, '\n') < rest.len;
		line = span_cut(&rest, '\n');
		add_line(out, r->code, more, r->enhanced, line);
	} while (more);
	return out->overflowed ? PR_FULL : PR_OK;
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* U+0080 to U+009F are controls too: an 8-bit terminal obeys them. */
static void blank_c1(char *at, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++)
		if ((unsigned char)at[i] == 0xc2 && (unsigned char)at[i + 1] < 0xa0)
			at[i] = at[i + 1] = '?';
}

/* Cuts a line of at most `room` bytes off, at its own end, at a blank, or between two characters. */
static struct span take_line(struct span *rest, size_t room)
{
	size_t end = span_find(*rest, '\n'), cut = room;
	struct span line;

	if (end <= room) {
		line = span_first(*rest, end);
		*rest = span_from(*rest, end + 1);
		return line;
	}
	while (cut > room / 2 && rest->at[cut] != ' ')
		cut--;
	if (rest->at[cut] != ' ')
		for (cut = room; cut > room - 4 && ((unsigned char)rest->at[cut] & 0xc0) == 0x80;)
			cut--;
	line = span_first(*rest, cut);
	*rest = span_from(*rest, rest->at[cut] == ' ' ? cut + 1 : cut);
	return line;
}

enum pr_err reply_add_words(struct buf *out, unsigned code, const char *enhanced, struct span words, bool utf8)
{
	char safe[REPLY_LINE_MAX];
	size_t head = 4 + (enhanced ? strlen(enhanced) + 1 : 0) + 2;
	int n_lines = 0;

	utf8 = utf8 && text_is_utf8(words);
	do {
		struct span line = take_line(&words, REPLY_LINE_MAX - head);

		for (size_t i = 0; i < line.len; i++)
			safe[i] = is_control(line.at[i]) || (!utf8 && (unsigned char)line.at[i] >= 0x80) ? '?' : line.at[i];
		blank_c1(safe, line.len);
		n_lines++;
		add_line(out, code, words.len && n_lines < REPLY_WRITE_LINES, enhanced, span_of(safe, line.len));
	} while (words.len && n_lines < REPLY_WRITE_LINES);
	return out->overflowed ? PR_FULL : PR_OK;
}

void reply_reader_init(struct reply_reader *r)
{
	r->midway = false;
	r->line_len = 0;
	r->code = 0;
	r->n_lines = 0;
	r->words_len = 0;
	r->words[0] = '\0';
	r->enhanced[0] = '\0';
}

static bool read_code(struct span line, unsigned *code)
{
	unsigned long long n;

	if (line.len < 3 || !span_to_u64(span_first(line, 3), 599, &n) || n < 200)
		return false;
	*code = (unsigned)n;
	return line.len == 3 || line.at[3] == ' ' || line.at[3] == '-';
}

static size_t digits_at(struct span s, size_t from)
{
	size_t n = 0;

	while (n < 3 && from + n < s.len && text_is_digit(s.at[from + n]))
		n++;
	return n;
}

/* RFC 2034: class "." subject "." detail, of the class of the code; its length, or 0. */
static size_t enhanced_len(struct span text, unsigned code)
{
	size_t len = 2, n;

	if (text.len < 5 || text.at[0] != (char)('0' + code / 100) || text.at[0] == '3' || text.at[1] != '.')
		return 0;
	n = digits_at(text, len);
	len += n;
	if (n == 0 || len >= text.len || text.at[len] != '.')
		return 0;
	n = digits_at(text, ++len);
	len += n;
	return n > 0 && (len == text.len || text.at[len] == ' ') ? len : 0;
}

static void keep_words(struct reply_reader *r, struct span text)
{
	if (r->n_lines && r->words_len < REPLY_WORDS_MAX)
		r->words[r->words_len++] = '\n';
	for (size_t i = 0; i < text.len && r->words_len < REPLY_WORDS_MAX; i++)
		r->words[r->words_len++] = text.at[i] == '\t' ? ' ' : is_control(text.at[i]) ? '?' : text.at[i];
}

static void finish_words(struct reply_reader *r)
{
	if (!text_is_utf8(span_of(r->words, r->words_len)))
		for (size_t i = 0; i < r->words_len; i++)
			if ((unsigned char)r->words[i] >= 0x80)
				r->words[i] = '?';
	blank_c1(r->words, r->words_len);
	r->words[r->words_len] = '\0';
}

/* PR_AGAIN when the reply goes on. */
static enum pr_err take_reply_line(struct reply_reader *r, struct span line)
{
	unsigned code;
	struct span text;
	size_t len;

	if (!read_code(line, &code) || (r->midway && code != r->code) || r->n_lines == REPLY_READ_LINES)
		return PR_BAD;
	r->code = code;
	text = span_from(line, 4);
	len = enhanced_len(text, code);
	if (len) {
		memcpy(r->enhanced, text.at, len);
		r->enhanced[len] = '\0';
		text = span_from(text, len + 1);
	}
	keep_words(r, text);
	r->n_lines++;
	r->midway = line.len > 3 && line.at[3] == '-';
	if (r->midway)
		return PR_AGAIN;
	finish_words(r);
	return PR_OK;
}

/* Takes the bytes up to a line's end into r->line; true when the line is whole. */
static bool gather_line(struct reply_reader *r, struct span *in, bool *too_long)
{
	size_t end = span_find(*in, '\n');
	bool whole = end < in->len;

	*too_long = end > sizeof(r->line) - r->line_len;
	if (*too_long)
		return false;
	memcpy(r->line + r->line_len, in->at, end);
	r->line_len += end;
	*in = span_from(*in, whole ? end + 1 : end);
	return whole;
}

enum pr_err reply_reader_feed(struct reply_reader *r, struct span *in)
{
	bool too_long;

	if (!reply_reader_is_midway(r))
		reply_reader_init(r);
	while (in->len) {
		size_t len;
		enum pr_err err;

		if (!gather_line(r, in, &too_long))
			return too_long ? PR_BAD : PR_AGAIN;
		len = r->line_len;
		r->line_len = 0;
		if (len && r->line[len - 1] == '\r')
			len--;
		err = take_reply_line(r, span_of(r->line, len));
		if (err != PR_AGAIN)
			return err;
	}
	return PR_AGAIN;
}

bool reply_reader_is_midway(const struct reply_reader *r)
{
	return r->midway || r->line_len > 0;
}

struct span reply_reader_line(const struct reply_reader *r, unsigned n)
{
	struct span rest = span_of(r->words, r->words_len), line;

	do
		line = span_cut(&rest, '\n');
	while (n-- > 0);
	return line;
}
