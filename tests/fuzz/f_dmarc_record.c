/* Any TXT record: what is read of it lies in it, and a record that can't be followed asks for nothing. */
#include <stdint.h>

#include "base/err.h"
#include "mail/dmarc_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_in(struct span part, struct span whole)
{
	return part.len == 0 || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of((const char *)data, size);
	struct dmarc_record r;

	BUG_ON(dmarc_record_is(s) != dmarc_record_read(s, &r));
	if (!dmarc_record_is(s))
		return 0;
	BUG_ON(!lies_in(r.rua, s) || !lies_in(r.ruf, s) || !lies_in(r.fo, s));
	BUG_ON((!r.is_usable || r.is_mended) && (r.p != DMARC_NONE || r.sp != DMARC_NONE || r.np != DMARC_NONE));
	BUG_ON((!r.has_sp && r.sp != r.p) || (!r.has_np && r.np != r.sp));
	BUG_ON(r.is_mended && r.rua.len == 0);
	return 0;
}
