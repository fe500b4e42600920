/* Any address as a sender: what is made of it comes back as it was, and is a mailbox. Any address as one of SRS, signed or not. */
#include <stdint.h>

#include "base/text.h"
#include "mail/srs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct span KEY = { "the key", 7 };

/* Of an address of the form itself the tag may be folded, and an SRS1 leads to what it holds. */
static void check_back(const struct address *sender, const struct address *back)
{
	bool is_srs = span_starts_nocase(address_span(sender), SPAN("SRS")) || span_starts_nocase(address_span(sender), SPAN("\"SRS"));

	BUG_ON(!is_srs && !span_eq(address_span(sender), address_span(back)));
}

static void check_made(const struct address *sender, uint32_t day)
{
	struct address made, back, again;

	if (srs_make(address_span(sender), SPAN("us.example"), KEY, day, &made) != PR_OK)
		return;
	BUG_ON(address_parse_mailbox(address_span(&made), ALLOW_UTF8, &again) != PR_OK);
	BUG_ON(!span_eq(address_span(&made), address_span(&again)));
	BUG_ON(srs_read(address_span(&made), &KEY, 1, day, &back) != SRS_GOOD);
	check_back(sender, &back);
	BUG_ON(srs_make(address_span(&made), SPAN("next.example"), KEY, day, &again) == PR_OK &&
	    srs_read(address_span(&again), &KEY, 1, day, &back) != SRS_GOOD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of((const char *)data, size);
	struct address sender, back;

	if (size > 0 && address_parse_mailbox(text, ALLOW_UTF8, &sender) == PR_OK)
		check_made(&sender, data[0]);
	(void)srs_read(text, &KEY, 1, 0, &back);
	(void)srs_make(text, SPAN("us.example"), KEY, 0, &back);
	return 0;
}
