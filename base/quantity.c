#include "base/quantity.h"

#include "base/clock.h"
#include "base/text.h"

const struct quantity_unit QUANTITY_SIZES[] = {
	{ SPAN("GB"), INT64_C(1) << 30 }, { SPAN("MB"), INT64_C(1) << 20 }, { SPAN("KB"), INT64_C(1) << 10 }, { SPAN(""), 1 }, { SPAN(""), 0 },
};
const struct quantity_unit QUANTITY_TIMES[] = {
	{ SPAN("d"), HOURS(24) }, { SPAN("h"), HOURS(1) }, { SPAN("min"), MINUTES(1) }, { SPAN("s"), SECONDS(1) }, { SPAN("ms"), 1 }, { SPAN(""), 0 },
};

const struct quantity_unit *quantity_unit_find(const struct quantity_unit *units, struct span name)
{
	for (; units->worth; units++)
		if (span_eq(units->name, name))
			return units;
	return NULL;
}

bool quantity_read(struct span text, const struct quantity_unit *units, int64_t *out)
{
	size_t digits = 0;
	unsigned long long count;
	const struct quantity_unit *unit;

	while (digits < text.len && text_is_digit(text.at[digits]))
		digits++;
	unit = quantity_unit_find(units, span_from(text, digits));
	if (!unit || !span_to_u64(span_first(text, digits), (unsigned long long)(INT64_MAX / unit->worth), &count))
		return false;
	*out = (int64_t)count * unit->worth;
	return true;
}

void quantity_show(int64_t value, const struct quantity_unit *units, struct buf *out)
{
	while (value % units->worth != 0 || (value == 0 && units->worth > 1000))
		units++;
	(void)buf_printf(out, "%lld%s", (long long)(value / units->worth), units->name.at);
}
