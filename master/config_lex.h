/* The words of postrider.conf, stricter than libconfuse, which loses or takes
 * in silence what people mean otherwise:
 *
 *   file    = *( blank / comment / token )
 *   comment = "#" *( not LF )                     ; at a word's beginning only
 *   token   = word / string / "{" / "}" / "=" / ","
 *   word    = 1*( not blank, control, one of " ' # { } ( ) + * = , )
 *   string  = DQUOTE *( not LF, DQUOTE, "\" / "\" DQUOTE / "\\" ) DQUOTE
 *           / "'" *( not LF, "'" ) "'"            ; backslashes stay as they are
 *
 * `${` is refused in all of them, and so is what is not UTF-8. Comments are
 * overwritten with blanks as they pass, because libconfuse miscounts lines
 * after them; everything else stays where it is. */
#ifndef MASTER_CONFIG_LEX_H
#define MASTER_CONFIG_LEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

enum config_token {
	TOKEN_WORD, TOKEN_STRING, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_EQUALS, TOKEN_COMMA,
	TOKEN_BAD,	/* nothing that could stand for a token; `why` tells, the next call goes on behind it */
	TOKEN_END
};

/* A place in the file. */
struct config_mark {
	size_t at, len;		/* bytes of the token, its quotes too */
	unsigned line;		/* 1 is the first */
};

struct config_lex {
	char *text;		/* borrowed, comments are overwritten in it */
	size_t len, at;
	unsigned line;
	const char *why;	/* what is wrong with the last token; NULL when nothing is */
};

void config_lex_init(struct config_lex *l, char *text, size_t len);
enum config_token config_lex_next(struct config_lex *l, struct config_mark *mark);
/* The bytes of a token, without its quotes. */
struct span config_lex_inner(const char *text, const struct config_mark *mark);

#endif
