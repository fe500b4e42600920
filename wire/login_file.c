#include "wire/login_file.h"

static struct span next_line(struct span *text)
{
	while (text->len > 0) {
		struct span line = span_cut(text, '\n');

		if (line.len > 0 && line.at[line.len - 1] == '\r')
			line.len--;
		if (line.len > 0 && line.at[0] != '#')
			return line;
	}
	return SPAN_NONE;
}

enum pr_err login_file_read(struct span text, struct login_line *out)
{
	bool has_nul = span_find(text, '\0') < text.len;

	out->password = next_line(&text);
	out->user = span_cut(&out->password, ':');
	out->has_more = next_line(&text).len > 0;
	return out->user.len == 0 || out->password.len == 0 || has_nul ? PR_BAD : PR_OK;
}
