#include "master/config_lex.h"

#include "base/text.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_control(char c)
{
	return ((unsigned char)c < ' ' && c != '\t') || c == 0x7f;
}

static bool ends_word(char c)
{
	return is_blank(c) || c == '\n' || memchr("\"'#{}()+*=,", c, 11) || is_control(c);
}

void config_lex_init(struct config_lex *l, char *text, size_t len)
{
	*l = (struct config_lex){ .text = text, .len = len, .line = 1 };
}

static void pass_comment(struct config_lex *l)
{
	while (l->at < l->len && l->text[l->at] != '\n')
		l->text[l->at++] = ' ';
}

static void pass_blanks(struct config_lex *l)
{
	for (; l->at < l->len; l->at++) {
		char c = l->text[l->at];

		if (c == '#') {
			pass_comment(l);
			if (l->at == l->len)
				return;
			c = '\n';
		}
		if (c == '\n')
			l->line++;
		else if (!is_blank(c))
			return;
	}
}

/* A word or a string that is wrong still holds its place, so that what follows it is understood. */
static enum config_token wrong(struct config_lex *l, enum config_token token, const char *why)
{
	l->why = why;
	return token;
}

static bool holds_variable(struct span s)
{
	for (size_t i = 0; i + 1 < s.len; i++)
		if (s.at[i] == '$' && s.at[i + 1] == '{')
			return true;
	return false;
}

static enum config_token check_bytes(struct config_lex *l, struct span s, enum config_token token)
{
	if (holds_variable(s))
		return wrong(l, token, "`${` is not expanded here: write the value itself");
	if (!text_is_utf8(s))
		return wrong(l, token, "this is not UTF-8");
	return token;
}

/* A `*` would vanish from a word, and the rest of it would stay. */
static enum config_token take_starred(struct config_lex *l, struct config_mark *mark)
{
	while (l->at < l->len && (l->text[l->at] == '*' || !ends_word(l->text[l->at])))
		l->at++;
	mark->len = l->at - mark->at;
	return wrong(l, TOKEN_WORD, "a `*` must stand in quotes");
}

static enum config_token take_variable(struct config_lex *l, struct config_mark *mark)
{
	while (l->at < l->len && l->text[l->at] != '}' && l->text[l->at] != '\n')
		l->at++;
	if (l->at < l->len && l->text[l->at] == '}')
		l->at++;
	mark->len = l->at - mark->at;
	return wrong(l, TOKEN_WORD, "`${` is not expanded here: write the value itself");
}

static enum config_token take_word(struct config_lex *l, struct config_mark *mark)
{
	struct span word;
	char next;

	while (l->at < l->len && !ends_word(l->text[l->at]))
		l->at++;
	word = span_of(l->text + mark->at, l->at - mark->at);
	next = l->at < l->len ? l->text[l->at] : '\n';
	mark->len = word.len;
	if (next == '*')
		return take_starred(l, mark);
	if (next == '{' && word.at[word.len - 1] == '$')
		return take_variable(l, mark);
	if (word.len >= 2 && word.at[0] == '/' && word.at[1] == '/') {
		pass_comment(l);
		return wrong(l, TOKEN_BAD, "a comment begins with `#`");
	}
	if (next == '#') {
		pass_comment(l);
		return wrong(l, TOKEN_WORD, "`#` begins a comment: put the value in quotes, or a blank before the comment");
	}
	return check_bytes(l, word, TOKEN_WORD);
}

/* Of the backslashes in double quotes libconfuse keeps only what it knows and drops the others. */
static bool escape_is_plain(const struct config_lex *l)
{
	return l->at + 1 < l->len && (l->text[l->at + 1] == '"' || l->text[l->at + 1] == '\\');
}

static enum config_token take_string(struct config_lex *l, struct config_mark *mark)
{
	char quote = l->text[l->at++];
	const char *why = NULL;

	for (; l->at < l->len && l->text[l->at] != quote && l->text[l->at] != '\n'; l->at++) {
		if (is_control(l->text[l->at]))
			why = "a control character in a string";
		if (l->text[l->at] != '\\')
			continue;
		if (quote == '"' && escape_is_plain(l))
			l->at++;
		else if (quote == '"')
			why = "a `\\` in double quotes is lost: use single quotes";
		else if (l->at + 1 < l->len && memchr("\\'", l->text[l->at + 1], 2))
			why = "`\\\\` and `\\'` have no place in single quotes: use double quotes";
	}
	mark->len = l->at - mark->at;
	if (l->at == l->len || l->text[l->at] == '\n')
		return wrong(l, TOKEN_STRING, "this string does not end on its line");
	l->at++;
	mark->len++;
	return why ? wrong(l, TOKEN_STRING, why) : check_bytes(l, config_lex_inner(l->text, mark), TOKEN_STRING);
}

static enum config_token take_other(struct config_lex *l, char c)
{
	l->at++;
	switch (c) {
	case '{':
		return TOKEN_OPEN;
	case '}':
		return TOKEN_CLOSE;
	case '=':
		return TOKEN_EQUALS;
	case ',':
		return TOKEN_COMMA;
	case '+':
		return wrong(l, TOKEN_BAD, "a `+` must stand in quotes");
	case '(':
	case ')':
		return wrong(l, TOKEN_BAD, "there are no functions here, and no include: a bracket must stand in quotes");
	case '\0':
		return wrong(l, TOKEN_BAD, "a NUL byte");
	default:
		return wrong(l, TOKEN_BAD, "a control character");
	}
}

enum config_token config_lex_next(struct config_lex *l, struct config_mark *mark)
{
	char c;

	l->why = NULL;
	pass_blanks(l);
	*mark = (struct config_mark){ .at = l->at, .len = 0, .line = l->line };
	if (l->at == l->len)
		return TOKEN_END;
	c = l->text[l->at];
	if (c == '"' || c == '\'')
		return take_string(l, mark);
	if (c == '*')
		return take_starred(l, mark);
	if (!ends_word(c))
		return take_word(l, mark);
	mark->len = 1;
	return take_other(l, c);
}

struct span config_lex_inner(const char *text, const struct config_mark *mark)
{
	if (mark->len >= 2 && (text[mark->at] == '"' || text[mark->at] == '\''))
		return span_of(text + mark->at + 1, mark->len - 2);
	return span_of(text + mark->at, mark->len);
}
