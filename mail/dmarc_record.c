#include "mail/dmarc_record.h"

#include "base/text.h"

enum tag { TAG_P, TAG_SP, TAG_NP, TAG_ADKIM, TAG_ASPF, TAG_T, TAG_PSD, TAG_RUA, TAG_RUF, TAG_FO, N_TAGS };

static const char *const NAMES[N_TAGS] = { "p", "sp", "np", "adkim", "aspf", "t", "psd", "rua", "ruf", "fo" };

struct tags {
	struct span value[N_TAGS];
	bool is_there[N_TAGS];
};

const char *dmarc_policy_text(enum dmarc_policy policy)
{
	static const char *const words[] = { [DMARC_NONE] = "none", [DMARC_QUARANTINE] = "quarantine", [DMARC_REJECT] = "reject" };

	return words[policy];
}

/* ---- tags --------------------------------------------------------------------------- */

/* The next tag off the front of *rest: false when it is none. */
static bool take_tag(struct span *rest, struct span *name, struct span *value)
{
	struct span tag = span_cut(rest, ';');
	size_t equals = span_find(tag, '=');

	*name = span_trim(span_first(tag, equals));
	*value = span_trim(span_from(tag, equals + 1));
	return equals < tag.len && text_is_printable(*value);
}

/* Its first tag; *rest is what follows. Nothing stands before it. */
static bool take_version(struct span *rest)
{
	struct span name, value;

	if (rest->len == 0 || text_lower(rest->at[0]) != 'v')
		return false;
	return take_tag(rest, &name, &value) && name.len == 1 && span_eq(value, SPAN("DMARC1"));
}

bool dmarc_record_is(struct span text)
{
	return take_version(&text);
}

static void keep_tag(struct tags *t, struct span name, struct span value)
{
	for (enum tag tag = 0; tag < N_TAGS; tag++) {
		if (!span_eq_nocase(name, span_of_text(NAMES[tag])) || t->is_there[tag])
			continue;
		t->is_there[tag] = true;
		t->value[tag] = value;
	}
}

/* ---- what they mean ------------------------------------------------------------------- */

static bool read_policy(struct span value, enum dmarc_policy *out)
{
	for (enum dmarc_policy policy = DMARC_NONE; policy <= DMARC_REJECT; policy++) {
		if (span_eq_nocase(value, span_of_text(dmarc_policy_text(policy)))) {
			*out = policy;
			return true;
		}
	}
	return false;
}

static bool is_scheme(struct span s)
{
	if (s.len == 0 || !text_is_alpha(s.at[0]))
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (!text_is_alpha(s.at[i]) && !text_is_digit(s.at[i]) && s.at[i] != '+' && s.at[i] != '-' && s.at[i] != '.')
			return false;
	return true;
}

static bool is_uri(struct span s)
{
	size_t colon = span_find(s, ':');
	struct span rest = span_from(s, colon + 1);

	return is_scheme(span_first(s, colon)) && rest.len > 0 && span_find(rest, ' ') == rest.len;
}

static bool has_uri(struct span list)
{
	while (list.len > 0)
		if (is_uri(span_trim(span_cut(&list, ','))))
			return true;
	return false;
}

/* RFC 9989 4.10.1: a record whose policies can't be read still asks for reports, or is of no use. */
static void read_policies(const struct tags *t, struct dmarc_record *r)
{
	bool is_good = read_policy(t->value[TAG_P], &r->p);

	r->has_sp = t->is_there[TAG_SP];
	r->has_np = t->is_there[TAG_NP];
	r->sp = r->p;
	if (r->has_sp)
		is_good = read_policy(t->value[TAG_SP], &r->sp) && is_good;
	r->np = r->sp;
	if (r->has_np)
		is_good = read_policy(t->value[TAG_NP], &r->np) && is_good;
	r->is_usable = is_good || has_uri(t->value[TAG_RUA]);
	r->is_mended = !is_good && r->is_usable;
	if (!is_good)
		r->p = r->sp = r->np = DMARC_NONE;
}

static bool says(const struct tags *t, enum tag tag, char letter)
{
	return t->value[tag].len == 1 && text_lower(t->value[tag].at[0]) == letter;
}

bool dmarc_record_read(struct span text, struct dmarc_record *out)
{
	struct tags t = { .value = { { NULL, 0 } } };

	*out = (struct dmarc_record){ .p = DMARC_NONE };
	if (!take_version(&text))
		return false;
	while (text.len > 0) {
		struct span name, value;

		if (take_tag(&text, &name, &value))
			keep_tag(&t, name, value);
	}
	read_policies(&t, out);
	out->is_dkim_strict = says(&t, TAG_ADKIM, 's');
	out->is_spf_strict = says(&t, TAG_ASPF, 's');
	out->is_testing = says(&t, TAG_T, 'y');
	out->psd = says(&t, TAG_PSD, 'y') ? DMARC_PSD_YES : says(&t, TAG_PSD, 'n') ? DMARC_PSD_NO : DMARC_PSD_UNKNOWN;
	out->rua = t.value[TAG_RUA];
	out->ruf = t.value[TAG_RUF];
	out->fo = t.value[TAG_FO];
	return true;
}
