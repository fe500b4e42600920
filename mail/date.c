#include "mail/date.h"

#include <stdio.h>
#include <time.h>

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
	snprintf(text, DATE_LEN + 1, "%s, %02d %s %04d %02d:%02d:%02d +0000", days[t.tm_wday], t.tm_mday, months[t.tm_mon],
	    t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

enum pr_err date_add(struct buf *out, int64_t wall_ms)
{
	char text[DATE_LEN + 1];

	date_to_text(wall_ms, text);
	return buf_add(out, span_of(text, DATE_LEN));
}
