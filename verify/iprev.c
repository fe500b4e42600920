#include "verify/iprev.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "base/text.h"

/* ---- names whose addresses hold the client ------------------------------------------- */

static const struct fact *addresses_of(struct facts *f, const struct client *client, struct span name)
{
	return facts_find(f, client->is_v6 ? RECORD_AAAA : RECORD_A, name);
}

static bool holds(const struct fact *fact, const struct client *client)
{
	for (unsigned i = 0; i < fact->n; i++)
		if (client_is(client, fact->data[i]))
			return true;
	return false;
}

/* What can't be shown is no name. */
static bool is_name(struct span s)
{
	return s.len > 0 && s.len <= FACTS_NAME_MAX && text_is_printable(s) && span_find(s, ' ') == s.len;
}

bool iprev_names(struct facts *f, const struct client *client, unsigned want, struct iprev_names *out)
{
	char reverse[CLIENT_NAME_MAX];
	const struct fact *names, *found;
	unsigned n;

	client_reverse_name(client, reverse);
	names = facts_find(f, RECORD_PTR, span_of_text(reverse));
	if (!names)
		return false;
	n = names->n < IPREV_NAMES_MAX ? names->n : IPREV_NAMES_MAX;
	*out = (struct iprev_names){ .result = names->result, .n_claimed = names->n };
	for (unsigned i = 0; i < n; i++)
		facts_foresee(f, client->is_v6 ? RECORD_AAAA : RECORD_A, names->data[i]);
	for (unsigned i = 0; i < n && out->n < want; i++) {
		if (!is_name(names->data[i]))
			continue;
		if (out->claimed.len == 0)
			out->claimed = names->data[i];
		found = addresses_of(f, client, names->data[i]);
		if (!found)
			return false;
		out->any_temporary |= found->result == RESOLVE_TEMPORARY || (found->result == RESOLVE_REFUSED && facts_are_exhausted(f));
		if (holds(found, client))
			out->row[out->n++] = names->data[i];
	}
	return true;
}

/* ---- the method ------------------------------------------------------------------------- */

static void PRINTF_LIKE(4, 5) tell(struct iprev_told *out, enum auth_result result, struct span name, const char *fmt, ...)
{
	va_list args;

	out->result = result;
	(void)snprintf(out->name, sizeof(out->name), "%.*s", SPAN_ARG(name));
	va_start(args, fmt);
	(void)vsnprintf(out->why, sizeof(out->why), fmt, args);
	va_end(args);
}

static void judge(const struct iprev_names *names, bool is_exhausted, const char *client, struct iprev_told *out)
{
	struct span name = names->n > 0 ? names->row[0] : names->claimed;

	if (names->n > 0)
		tell(out, AUTH_PASS, name, "%s is called %.*s, and that name leads back to it", client, SPAN_ARG(name));
	else if (names->result == RESOLVE_TEMPORARY || (names->result == RESOLVE_REFUSED && is_exhausted))
		tell(out, AUTH_TEMPERROR, name, "the DNS can't tell now what %s is called", client);
	else if (name.len == 0)
		tell(out, AUTH_PERMERROR, name, "%s has no name in the DNS", client);
	else if (names->any_temporary)
		tell(out, AUTH_TEMPERROR, name, "%s is called %.*s, but the DNS can't tell now whether that leads back to it", client, SPAN_ARG(name));
	else if (names->n_claimed > 1)
		tell(out, AUTH_FAIL, name, "%s is called %.*s and more, but none of these names leads back to it", client, SPAN_ARG(name));
	else
		tell(out, AUTH_FAIL, name, "%s is called %.*s, but that name doesn't lead back to it", client, SPAN_ARG(name));
}

bool iprev_check(struct facts *f, const struct client *client, struct iprev_told *out, struct buf *tale)
{
	struct iprev_names names;
	char text[CLIENT_TEXT_MAX];

	if (!iprev_names(f, client, 1, &names))
		return false;
	client_text(client, text);
	judge(&names, facts_are_exhausted(f), text, out);
	if (tale)
		(void)buf_printf(tale, "iprev: %s: %s\n", auth_result_text(out->result), out->why);
	return true;
}
