#include "mail/date.h"

#include <string.h>
#include <time.h>

static void put_digits(char *at, int n, int value)
{
	for (; n-- > 0; value /= 10)
		at[n] = (char)('0' + value % 10);
}

void date_to_text(int64_t wall_ms, char text[DATE_LEN + 1])
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	/* Beyond these years the field would be longer than it may be. */
	const int64_t first = -62135596800, last = 253402300799;
	time_t seconds = (time_t)(wall_ms / 1000 - (wall_ms % 1000 < 0));
	struct tm t;

	seconds = seconds < first ? first : seconds > last ? last : seconds;
	gmtime_r(&seconds, &t);
	memcpy(text, "Ddd, 00 Mmm 0000 00:00:00 +0000", DATE_LEN + 1);
	memcpy(text, days[t.tm_wday], 3);
	put_digits(text + 5, 2, t.tm_mday);
	memcpy(text + 8, months[t.tm_mon], 3);
	put_digits(text + 12, 4, t.tm_year + 1900);
	put_digits(text + 17, 2, t.tm_hour);
	put_digits(text + 20, 2, t.tm_min);
	put_digits(text + 23, 2, t.tm_sec);
}

enum pr_err date_add(struct buf *out, int64_t wall_ms)
{
	char text[DATE_LEN + 1];

	date_to_text(wall_ms, text);
	return buf_add(out, span_of(text, DATE_LEN));
}
