#include "verify/dmarc_from.h"

#include "mail/author.h"

#define VALUE_MAX     16384	/* bytes of a From field */
#define ADDRESSES_MAX 200	/* in it */

_Static_assert(DMARC_DOMAIN_MAX == ADDRESS_DOMAIN_MAX, "one limit");

static bool is_author_name(struct span name)
{
	static const char FROM[] = "from";
	size_t n = 0;

	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.at[i];

		if (c <= ' ' || c >= 0x7f)
			continue;	/* no name may hold it, but a program that skips it reads From */
		if (n == sizeof(FROM) - 1 || (c | 0x20) != FROM[n++])
			return false;
	}
	return n == sizeof(FROM) - 1;
}

/* What stands before the colon, with folds: RFC 5322 has none there, but some programs join such lines. */
static struct span name_of(const struct field *f)
{
	return f->name.len > 0 ? f->name : span_first(f->whole, span_find(f->whole, ':'));
}

/* The only one; NULL: none, or several. */
static const struct field *find_field(const struct fields *header, struct dmarc_authors *out)
{
	const struct field *found = NULL;

	for (unsigned i = 0; i < header->n; i++) {
		if (!is_author_name(name_of(&header->row[i])))
			continue;
		if (found) {
			out->from = DMARC_FROM_REPEATED;
			out->why = "there are several From fields";
			return NULL;
		}
		found = &header->row[i];
	}
	if (!found) {
		out->from = DMARC_FROM_MISSING;
		out->why = "there is no From field";
	}
	return found;
}

static void is_unreadable(struct dmarc_authors *out, const char *why)
{
	out->from = DMARC_FROM_UNREADABLE;
	out->why = why;
}

static bool has_controls(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.at[i] < ' ' && s.at[i] != '\t') || s.at[i] == 0x7f)
			return true;
	return false;
}

/* False: there are too many. */
static bool keep(struct dmarc_authors *out, const char *domain)
{
	for (unsigned i = 0; i < out->n; i++)
		if (strcmp(out->domain[i], domain) == 0)
			return true;
	if (out->n == DMARC_AUTHORS_MAX)
		return false;
	memcpy(out->domain[out->n++], domain, strlen(domain) + 1);
	return true;
}

static void read_addresses(struct span value, struct dmarc_authors *out)
{
	char domain[ADDRESS_DOMAIN_MAX + 1];
	enum pr_err err;
	unsigned n = 0;

	while ((err = author_next_domain(&value, domain)) == PR_OK) {
		out->has_literal |= !domain[0];
		if (n++ == ADDRESSES_MAX || (domain[0] && !keep(out, domain))) {
			out->from = DMARC_FROM_TOO_MANY;
			out->why = "the From field names authors of too many domains";
			return;
		}
	}
	if (err != PR_NONE)
		is_unreadable(out, "the From field is not a list of addresses");
	else if (n == 0)
		is_unreadable(out, "the From field names nobody");
}

void dmarc_from_read(const struct fields *header, struct dmarc_authors *out)
{
	const struct field *field;
	struct buf value;

	*out = (struct dmarc_authors){ .from = DMARC_FROM_READ };
	if (header->too_large) {
		out->from = DMARC_FROM_TOO_DEEP;
		out->why = "the header is too large to be sure of its From field";
		return;
	}
	field = find_field(header, out);
	if (!field)
		return;
	buf_init(&value, VALUE_MAX);
	field_add_unfolded(&value, field->value);
	if (value.overflowed)
		is_unreadable(out, "the From field is too long");
	else if (has_controls(buf_span(&value)))
		is_unreadable(out, "the From field holds control characters");
	else
		read_addresses(buf_span(&value), out);
	buf_fini(&value);
}
