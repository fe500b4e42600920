/* RFC 5322 3.3 dates, in UTC: "Sat, 21 Nov 2026 07:09:00 +0000". */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define DATE_LEN 31

void date_to_text(int64_t wall_ms, char text[DATE_LEN + 1]);
enum pr_err date_add(struct buf *out, int64_t wall_ms);

#endif
