/* A line of `users` in the state folder: what the command line writes and
 * auth reads. Tabs part three fields, because neither an address nor a
 * password's text can hold one:
 *
 *	ADDRESS <tab> PASSWORD <tab> FLAGS
 *
 * ADDRESS as it was typed (its local part names the Maildir), PASSWORD as
 * base/password.h writes it, FLAGS "-" or words with commas between:
 * "disabled". Blank lines and lines that begin with # say nothing. */
#ifndef MAIL_USERS_ROW_H
#define MAIL_USERS_ROW_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define USERS_ROW_MAX 2048	/* bytes of a line: an address, PASSWORD_TEXT_MAX and flags, and room for flags to come */

struct users_row {
	struct span address;
	struct span password;
	bool is_disabled;
};

/* line without its end. PR_NONE for one that says nothing; PR_BAD with *why (static text) for one that is no row.
 * The spans point into line. Fields are not empty; what an address or a password is, their own readers know. */
enum pr_err users_row_parse(struct span line, struct users_row *out, const char **why) MUST_USE;

/* Appends the line with its end. PR_BAD when a field is empty, holds a tab, NUL or a line's end, begins as a comment does,
 * or when the row would be too long; PR_FULL at out's ceiling. */
enum pr_err users_row_add(const struct users_row *row, struct buf *out) MUST_USE;

#endif
