#include "master/config_complain.h"

#include <stdio.h>

#include "base/text.h"

#define WORDS_MAX  1024	/* of one complaint; longer ones are cut */
#define SOURCE_MAX 200	/* bytes of the source line that are shown */

static struct span line_of(struct span text, size_t at)
{
	size_t from = at, to = at;

	while (from > 0 && text.at[from - 1] != '\n')
		from--;
	while (to < text.len && text.at[to] != '\n')
		to++;
	return span_of(text.at + from, to - from);
}

/* What a terminal shows in one column: tabs become one blank, controls a question mark. */
static void add_source(struct buf *out, struct span line)
{
	bool is_text = text_is_utf8(line);

	for (size_t i = 0; i < line.len && line.at[i] != '\r'; i++) {
		unsigned char c = (unsigned char)line.at[i];

		if (c == '\t')
			c = ' ';
		if (c < ' ' || c == 0x7f || (c >= 0x80 && !is_text))
			c = '?';
		(void)buf_add_char(out, (char)c);
	}
}

static unsigned columns_before(struct span line, size_t at)
{
	bool is_text = text_is_utf8(line);
	unsigned n = 0;

	for (size_t i = 0; i < at && i < line.len; i++)
		n += !is_text || ((unsigned char)line.at[i] & 0xc0) != 0x80;
	return n;
}

/* A long line is shown from a little before the mark on. */
static void add_line_and_caret(struct complaints *c, const struct config_mark *mark)
{
	struct span line = line_of(c->text, mark->at);
	size_t at = (size_t)(c->text.at + mark->at - line.at);

	if (line.len > SOURCE_MAX && at > SOURCE_MAX / 2) {
		line = span_from(line, at - SOURCE_MAX / 2);
		at = SOURCE_MAX / 2;
	}
	line = span_first(line, SOURCE_MAX);
	(void)buf_add_text(c->out, "    ");
	add_source(c->out, line);
	(void)buf_printf(c->out, "\n    %*s^\n", (int)columns_before(line, at), "");
}

static const char *const LEVELS[] = { [COMPLAINT_ERROR] = "error", [COMPLAINT_WARNING] = "warning", [COMPLAINT_NOTE] = "note" };

static void add_text(struct complaints *c, enum complaint_level level, const struct config_mark *mark, const char *words)
{
	(void)buf_add_text(c->out, c->file);
	if (mark)
		(void)buf_printf(c->out, ":%u", mark->line);
	if (level != COMPLAINT_ERROR)
		(void)buf_printf(c->out, ": %s", LEVELS[level]);
	(void)buf_printf(c->out, ": %s\n", words);
	if (mark && level != COMPLAINT_NOTE)
		add_line_and_caret(c, mark);
}

static void add_json(struct complaints *c, enum complaint_level level, const struct config_mark *mark, const char *words)
{
	(void)buf_add_text(c->out, "{\"file\":");
	text_add_json(c->out, span_of_text(c->file));
	if (mark) {
		struct span line = line_of(c->text, mark->at);

		(void)buf_printf(c->out, ",\"line\":%u,\"column\":%u", mark->line,
		    columns_before(line, (size_t)(c->text.at + mark->at - line.at)) + 1);
	}
	(void)buf_printf(c->out, ",\"level\":\"%s\",\"message\":", LEVELS[level]);
	text_add_json(c->out, span_of_text(words));
	(void)buf_add_text(c->out, "}\n");
}

void complain(struct complaints *c, enum complaint_level level, const struct config_mark *mark, const char *fmt, ...)
{
	char words[WORDS_MAX];
	va_list args;

	if (level == COMPLAINT_ERROR && ++c->n_errors > COMPLAINTS_SHOWN)
		return;
	va_start(args, fmt);
	(void)vsnprintf(words, sizeof(words), fmt, args);
	va_end(args);
	(c->as_json ? add_json : add_text)(c, level, mark, words);
}

/* A third of the word may be wrong: `delivr` is deliver, `x` is nothing. */
struct span complaint_guess(struct span typed, struct span words)
{
	struct span best = SPAN_NONE;
	unsigned least = (unsigned)(typed.len + 2) / 3 + 1;

	while (words.len) {
		struct span word = span_cut(&words, '|');
		unsigned distance = text_distance(typed, word);

		if (distance < least) {
			least = distance;
			best = word;
		}
	}
	return best;
}
