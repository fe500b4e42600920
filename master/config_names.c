#include "base/text.h"
#include "master/config_private.h"

#define LABEL_MAX  63
#define DOMAIN_MAX 255
#define LOCAL_MAX  64

static bool is_label(struct span label)
{
	for (size_t i = 0; i < label.len; i++)
		if (!text_is_alpha(label.at[i]) && !text_is_digit(label.at[i]) && label.at[i] != '-')
			return false;
	return label.len > 0 && label.len <= LABEL_MAX && label.at[0] != '-' && label.at[label.len - 1] != '-';
}

enum pr_err config_host(struct span text, struct buf *out)
{
	struct span rest = text;

	if (text.len == 0 || text.len > DOMAIN_MAX || text.at[text.len - 1] == '.')
		return PR_BAD;
	while (rest.len)
		if (!is_label(span_cut(&rest, '.')))
			return PR_BAD;
	for (size_t i = 0; i < text.len; i++)
		if (buf_add_char(out, text_lower(text.at[i])) != PR_OK)
			return PR_BAD;
	return PR_OK;
}

enum pr_err config_address(struct span text, struct buf *out)
{
	struct span rest = text, local = span_cut(&rest, '@');

	if (local.len == 0 || local.len > LOCAL_MAX || buf_add(out, local) != PR_OK || buf_add_char(out, '@') != PR_OK)
		return PR_BAD;
	return config_host(rest, out);
}
