/* A path or mailbox from anywhere: what is taken is canonical, and comes back as itself. */
#include <stdint.h>

#include "mail/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct address *a)
{
	struct address again;
	char bare[ADDRESS_LOCAL_MAX], fold[ADDRESS_MAX];
	struct span local, domain;

	BUG_ON(a->len > ADDRESS_MAX || a->text[a->len] != '\0' || strlen(a->text) != a->len);
	address_split(address_span(a), &local, &domain);
	BUG_ON(!span_eq(local, address_local(a)) || !span_eq(domain, address_domain(a)));
	BUG_ON(address_local_bare(local, bare) > local.len || address_fold(address_span(a), fold) != a->len);
	if (a->kind != PATH_MAILBOX)
		return;
	BUG_ON(address_parse_mailbox(address_span(a), ALLOW_UTF8, &again));
	BUG_ON(!span_eq(address_span(a), address_span(&again)) || again.local_len != a->local_len);
	BUG_ON(again.is_quoted != a->is_quoted || again.is_literal != a->is_literal || again.has_utf8 != a->has_utf8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of((const char *)data, size), in = text;
	struct address a;

	if (size && address_parse_path(&in, data[size - 1] & 7, &a) == PR_OK) {
		BUG_ON(in.len >= text.len);
		check(&a);
	} else {
		BUG_ON(!span_eq(in, text));
	}
	if (address_parse_mailbox(text, ALLOW_UTF8, &a) == PR_OK)
		check(&a);
	return 0;
}
