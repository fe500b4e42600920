#include "ctl/letter.h"

#include <string.h>

#include "base/text.h"
#include "mail/author.h"

void letter_init(struct letter *l, size_t ceiling, bool dots)
{
	*l = (struct letter){ .dots = dots };
	buf_init(&l->text, ceiling);
}

void letter_fini(struct letter *l)
{
	buf_fini(&l->text);
}

/* ---- lines ---------------------------------------------------------------------- */

static void end_line(struct letter *l)
{
	struct span line = span_from(buf_span(&l->text), l->line_at);

	if (line.len && line.at[line.len - 1] == '\r') {
		line.len--;
		l->text.len--;
	}
	if (l->dots && span_eq(line, SPAN("."))) {
		l->text.len = l->line_at;
		l->has_ended = true;
		return;
	}
	(void)buf_add(&l->text, SPAN("\r\n"));
	l->line_at = l->text.len;
}

bool letter_is_too_large(const struct letter *l)
{
	return l->text.overflowed;
}

bool letter_take(struct letter *l, struct span bytes)
{
	while (bytes.len && !l->has_ended) {
		size_t n = span_find(bytes, '\n');

		(void)buf_add(&l->text, span_first(bytes, n));
		if (n < bytes.len)
			end_line(l);
		bytes = span_from(bytes, n + 1);
	}
	return !l->has_ended && !l->text.overflowed;
}

/* ---- the header ------------------------------------------------------------------- */

/* The first line of *rest with its CRLF. */
static struct span take_line(struct span *rest)
{
	size_t n = span_find(*rest, '\n') + 1;
	struct span line = span_first(*rest, n);

	*rest = span_from(*rest, n);
	return line;
}

/* Bytes of the field's name; 0 when the line is no field. */
static size_t name_len(struct span line)
{
	size_t n = 0, end;

	while (n < line.len && line.at[n] > ' ' && line.at[n] < 127 && line.at[n] != ':')
		n++;
	end = n;
	while (end < line.len && text_is_blank(line.at[end]))
		end++;
	return end < line.len && line.at[end] == ':' ? n : 0;
}

static bool is_of_header(struct span line, bool is_first)
{
	return name_len(line) > 0 || (!is_first && text_is_blank(line.at[0]));
}

/* `From me@example.org Sat Nov 21 …` begins a message in a file of them, and came with it. */
static bool is_of_mbox(struct span text)
{
	struct span line = take_line(&text);

	return (span_starts_nocase(line, SPAN("From ")) || span_starts_nocase(line, SPAN(">From "))) && name_len(line) == 0;
}

void letter_close(struct letter *l)
{
	struct span rest;

	if (l->text.len > l->line_at && !l->has_ended)
		end_line(l);
	rest = buf_span(&l->text);
	if (is_of_mbox(rest))
		l->head_at = take_line(&rest).len;
	while (rest.len) {
		struct span line = take_line(&rest);

		l->has_gap = span_eq(line, SPAN("\r\n"));
		if (l->has_gap || !is_of_header(line, l->head_len == 0))
			return;
		l->head_len += line.len;
	}
}

/* The next field with all its lines off the front of *head. */
static struct span take_field(struct span *head, struct span *name)
{
	struct span field = take_line(head);

	*name = span_first(field, name_len(field));
	while (head->len && text_is_blank(head->at[0]))
		field.len += take_line(head).len;
	return field;
}

static struct span head_of(const struct letter *l)
{
	return span_first(span_from(buf_span(&l->text), l->head_at), l->head_len);
}

bool letter_has(const struct letter *l, struct span field)
{
	struct span head = head_of(l), name;

	while (head.len) {
		(void)take_field(&head, &name);
		if (span_eq_nocase(name, field))
			return true;
	}
	return false;
}

bool letter_has_8bit(const struct letter *l)
{
	return !text_is_ascii(buf_span(&l->text));
}

/* ---- recipients ------------------------------------------------------------------- */

static const struct span plain[] = { SPAN("To"), SPAN("Cc"), SPAN("Bcc") };
static const struct span resent[] = { SPAN("Resent-To"), SPAN("Resent-Cc"), SPAN("Resent-Bcc") };
#define N_FIELDS 3

static bool is_one_of(struct span name, const struct span *fields)
{
	for (size_t i = 0; i < N_FIELDS; i++)
		if (span_eq_nocase(name, fields[i]))
			return true;
	return false;
}

static void unfold(struct span field, struct buf *out)
{
	struct span value = span_from(field, span_find(field, ':') + 1);

	buf_clear(out);
	for (size_t i = 0; i < value.len; i++)
		if (value.at[i] != '\r' && value.at[i] != '\n')
			(void)buf_add_char(out, value.at[i]);
}

static enum pr_err read_addresses(struct span value, enum pr_err (*found)(void *arg, struct span address), void *arg)
{
	struct buf words;
	enum pr_err err;

	buf_init(&words, value.len + 1);
	while ((err = author_next_words(&value, &words)) == PR_OK) {
		err = found(arg, buf_span(&words));
		if (err != PR_OK)
			break;
	}
	buf_fini(&words);
	return err == PR_NONE ? PR_OK : err;
}

enum pr_err letter_recipients(const struct letter *l, enum pr_err (*found)(void *arg, struct span address), void *arg, struct buf *bad)
{
	const struct span *fields = letter_has(l, resent[0]) || letter_has(l, resent[1]) || letter_has(l, resent[2]) ? resent : plain;
	struct span head = head_of(l), name;
	enum pr_err err = PR_OK;
	struct buf value;

	buf_init(&value, l->head_len + 1);
	while (head.len && err == PR_OK) {
		struct span field = take_field(&head, &name);

		if (!is_one_of(name, fields))
			continue;
		unfold(field, &value);
		err = read_addresses(buf_span(&value), found, arg);
		if (err != PR_OK)
			(void)buf_printf(bad, "%.*s:%.*s", SPAN_ARG(name), SPAN_ARG(span_first(buf_span(&value), 200)));
	}
	buf_fini(&value);
	return err;
}

/* ---- an author without a domain --------------------------------------------------- */

static bool is_bare(struct span word)
{
	for (size_t i = 0; i < word.len; i++)
		if (!text_is_alpha(word.at[i]) && !text_is_digit(word.at[i]) && !strchr("._-+", word.at[i]))
			return false;
	return word.len > 0;
}

/* Where the word ends in the field: in brackets, or as the first one there; 0: neither. */
static size_t end_of_author(struct span field, struct span word)
{
	size_t at = span_find(field, ':') + 1;

	for (size_t i = at; i + word.len + 2 <= field.len; i++)
		if (field.at[i] == '<' && memcmp(field.at + i + 1, word.at, word.len) == 0 && field.at[i + 1 + word.len] == '>')
			return i + 1 + word.len;
	while (at < field.len && strchr(" \t\r\n", field.at[at]))
		at++;
	return at + word.len <= field.len && memcmp(field.at + at, word.at, word.len) == 0 ? at + word.len : 0;
}

static size_t bare_author(struct span field)
{
	struct buf value, word, other;
	struct span rest;
	size_t end = 0;

	buf_init(&value, field.len + 1);
	buf_init(&word, field.len + 1);
	buf_init(&other, field.len + 1);
	unfold(field, &value);
	rest = buf_span(&value);
	if (author_next_words(&rest, &word) == PR_OK && is_bare(buf_span(&word)) && author_next_words(&rest, &other) == PR_NONE)
		end = end_of_author(field, buf_span(&word));
	buf_fini(&other);
	buf_fini(&word);
	buf_fini(&value);
	return end;
}

static void insert(struct letter *l, size_t at, struct span origin)
{
	struct span text = buf_span(&l->text);
	struct buf whole;

	buf_init(&whole, l->text.ceiling);
	(void)buf_add(&whole, span_first(text, at));
	(void)buf_add_char(&whole, '@');
	(void)buf_add(&whole, origin);
	(void)buf_add(&whole, span_from(text, at));
	if (whole.overflowed) {
		buf_fini(&whole);
		return;
	}
	buf_fini(&l->text);
	l->text = whole;
	l->head_len += origin.len + 1;
}

void letter_qualify(struct letter *l, struct span origin)
{
	struct span head = head_of(l), name;

	while (head.len) {
		struct span field = take_field(&head, &name);
		size_t end = span_eq_nocase(name, SPAN("From")) ? bare_author(field) : 0;

		if (end == 0)
			continue;
		insert(l, (size_t)(field.at - l->text.at) + end, origin);
		return;
	}
}

/* ---- out ----------------------------------------------------------------------------- */

enum pr_err letter_add_to(const struct letter *l, struct span fields, struct buf *out)
{
	(void)buf_add(out, fields);
	(void)buf_add(out, head_of(l));
	if (!l->has_gap)
		(void)buf_add(out, SPAN("\r\n"));
	return buf_add(out, span_from(buf_span(&l->text), l->head_at + l->head_len));
}
