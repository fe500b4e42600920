/* The file that `login_file` of a route names: a line `user:password`; lines
 * that are empty or begin with # don't count. Pure. */
#ifndef WIRE_LOGIN_FILE_H
#define WIRE_LOGIN_FILE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"

struct login_line {
	struct span user, password;	/* of the first line that counts; borrowed from the text */
	bool has_more;			/* other lines follow that would count */
};

/* PR_BAD: there is no such line, or one of another form. */
enum pr_err login_file_read(struct span text, struct login_line *out) MUST_USE;

#endif
