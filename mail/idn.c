#include "mail/idn.h"

#include <idn2.h>
#include <string.h>

#include "base/text.h"

#define LABEL_MAX 63

/* Unassigned and disallowed characters and what is not in NFC are refused, nothing is mapped: that is
 * the client's business (RFC 5891 5.2), and mapping would fold look-alikes. */
#define IDN_FLAGS IDN2_NO_TR46

static bool label_is_plain(struct span label)
{
	if (label.len == 0 || label.len > LABEL_MAX || label.at[0] == '-' || label.at[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!text_is_alpha(label.at[i]) && !text_is_digit(label.at[i]) && label.at[i] != '-')
			return false;
	return true;
}

static bool all_digits(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!text_is_digit(s.at[i]))
			return false;
	return true;
}

/* Each label is one; the last is not all digits: it would be an IPv4 address to others (RFC 3696 2). */
static bool labels_are_plain(struct span domain, bool *has_alabel)
{
	struct span label;
	size_t dots = 0;

	*has_alabel = false;
	for (size_t i = 0; i < domain.len; i++)
		dots += domain.at[i] == '.';
	do {
		label = span_cut(&domain, '.');
		if (!label_is_plain(label))
			return false;
		*has_alabel |= span_starts_nocase(label, SPAN("xn--"));
	} while (dots-- > 0);
	return !all_digits(label);
}

/* RFC 5891 4.2.3.1; the library leaves it out when it looks up. */
static bool has_outer_hyphen(struct span domain)
{
	while (domain.len) {
		struct span label = span_cut(&domain, '.');

		if (label.len && (label.at[0] == '-' || label.at[label.len - 1] == '-'))
			return true;
	}
	return false;
}

/* The A-labels of a UTF-8 domain, or NULL; idn2_free frees it. */
static char *to_ascii(const char *utf8)
{
	uint8_t *out = NULL;

	if (has_outer_hyphen(span_of_text(utf8)))
		return NULL;
	if (idn2_lookup_u8((const uint8_t *)utf8, &out, IDN_FLAGS) != IDN2_OK)
		return NULL;
	return (char *)out;
}

static bool comes_back(const char *ascii)
{
	char *utf8 = NULL, *back = NULL;
	bool same = false;

	if (idn2_to_unicode_8z8z(ascii, &utf8, 0) != IDN2_OK)
		return false;
	back = to_ascii(utf8);
	same = back && !text_is_ascii(span_of_text(utf8)) && strcmp(back, ascii) == 0;
	idn2_free(back);
	idn2_free(utf8);
	return same;
}

static enum pr_err take_ascii(char *out, size_t len)
{
	bool has_alabel;

	if (!labels_are_plain(span_of(out, len), &has_alabel))
		return PR_BAD;
	return has_alabel && !comes_back(out) ? PR_BAD : PR_OK;
}

/* Only letters, digits, hyphens, dots and what is not ASCII goes to the library. */
static bool is_candidate(struct span domain)
{
	for (size_t i = 0; i < domain.len; i++) {
		char c = domain.at[i];

		if ((unsigned char)c < 0x80 && !text_is_alpha(c) && !text_is_digit(c) && c != '-' && c != '.')
			return false;
	}
	return text_is_utf8(domain);
}

enum pr_err idn_canonical(struct span domain, char out[IDN_DOMAIN_MAX + 1], size_t *len)
{
	char *ascii;

	if (domain.len == 0 || domain.len > IDN_DOMAIN_MAX || !is_candidate(domain))
		return PR_BAD;
	memcpy(out, domain.at, domain.len);
	out[domain.len] = '\0';
	text_lower_in_place(out, domain.len);
	*len = domain.len;
	if (text_is_ascii(domain))
		return take_ascii(out, domain.len);

	ascii = to_ascii(out);
	*len = ascii ? strlen(ascii) : 0;
	if (*len == 0 || *len > IDN_DOMAIN_MAX) {
		idn2_free(ascii);
		return PR_BAD;
	}
	memcpy(out, ascii, *len + 1);
	idn2_free(ascii);
	return take_ascii(out, *len);
}

static bool is_name(struct span domain)
{
	size_t label = 0;

	for (size_t i = 0; i < domain.len; i++) {
		char c = domain.at[i];

		if (c == '.' && label == 0)
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > LABEL_MAX || (c != '.' && !text_is_alpha(c) && !text_is_digit(c) && c != '-' && c != '_'))
			return false;
	}
	return label > 0;
}

enum pr_err idn_name(struct span domain, char out[IDN_DOMAIN_MAX + 1], size_t *len)
{
	if (domain.len > 0 && domain.at[domain.len - 1] == '.')
		domain.len--;
	if (!is_name(domain))
		return idn_canonical(domain, out, len);
	if (domain.len > IDN_DOMAIN_MAX)
		return PR_BAD;
	memcpy(out, domain.at, domain.len);
	out[domain.len] = '\0';
	text_lower_in_place(out, domain.len);
	*len = domain.len;
	return PR_OK;
}
