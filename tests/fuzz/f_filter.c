/* A filter from anywhere: refused in words, or matched without harm. */
#include "wire/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct filter_message m = { .size = 4096, .sender = SPAN("anna@example.org") };
	const struct filter_recipient r = { .address = SPAN("ben@example.net"), .reason = SPAN("450 4.2.0 greylisted"), .tries = 3 };
	struct filter f;
	struct msg_id id;
	struct buf why;

	buf_init(&why, 65536);
	if (filter_parse(span_of((const char *)data, size), &f, &why) == PR_OK) {
		(void)filter_is_one_id(&f, &id);
		(void)filter_message_matches(&f, &m, 1000000);
		(void)filter_recipient_matches(&f, &r);
	} else {
		BUG_ON(why.len == 0);
	}
	buf_fini(&why);
	return 0;
}
