#include "mail/users_row.h"

static bool field_is_plain(struct span s)
{
	return s.len > 0 && memchr(s.at, '\t', s.len) == NULL && memchr(s.at, '\n', s.len) == NULL && memchr(s.at, '\r', s.len) == NULL &&
	    memchr(s.at, '\0', s.len) == NULL;
}

static bool flags_parse(struct span flags, struct users_row *out)
{
	out->is_disabled = false;
	if (span_eq(flags, SPAN("-")))
		return true;
	for (struct span word; flags.len > 0; out->is_disabled = true) {
		bool ends_in_comma = span_find(flags, ',') + 1 == flags.len;

		word = span_cut(&flags, ',');
		if (ends_in_comma || !span_eq(word, SPAN("disabled")))
			return false;
	}
	return true;
}

enum pr_err users_row_parse(struct span line, struct users_row *out, const char **why)
{
	*why = NULL;
	if (span_trim(line).len == 0 || line.at[0] == '#')
		return PR_NONE;
	if (line.len > USERS_ROW_MAX) {
		*why = "longer than a row may be";
		return PR_BAD;
	}
	out->address = span_cut(&line, '\t');
	out->password = span_cut(&line, '\t');
	if (!field_is_plain(out->address) || !field_is_plain(out->password) || line.len == 0) {
		*why = "not an address, a password and flags with tabs between";
		return PR_BAD;
	}
	if (!flags_parse(line, out)) {
		*why = "a flag that is not known";
		return PR_BAD;
	}
	return PR_OK;
}

enum pr_err users_row_add(const struct users_row *row, struct buf *out)
{
	if (!field_is_plain(row->address) || row->address.at[0] == '#' || !field_is_plain(row->password))
		return PR_BAD;
	if (row->address.len + row->password.len + sizeof("\t\tdisabled") > USERS_ROW_MAX)
		return PR_BAD;
	return buf_printf(out, "%.*s\t%.*s\t%s\n", SPAN_ARG(row->address), SPAN_ARG(row->password), row->is_disabled ? "disabled" : "-");
}
