/* Any words, a line each, and the rest as header and body: up to the original there are only short ASCII lines (with SMTPUTF8 all
 * is UTF-8), three parts, and in the second no field but ours. */
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "mail/dsn.h"

#define BOUNDARY "\r\n--=_TheId"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_field(struct span line)
{
	static const char *const names[] = { "Reporting-MTA: ", "Original-Envelope-Id: ", "Arrival-Date: ", "Original-Recipient: ",
		"Final-Recipient: ", "Action: ", "Status: ", "Remote-MTA: ", "Diagnostic-Code: ", "Last-Attempt-Date: ", "Will-Retry-Until: " };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_starts_nocase(line, span_of_text(names[i])))
			return;
	BUG_ON(line.len > 0);
}

/* Eats the front of *rest up to the next boundary. */
static struct span take_part(struct span *rest)
{
	const char *end = memmem(rest->at, rest->len, BOUNDARY, sizeof(BOUNDARY) - 1);
	struct span part;

	BUG_ON(!end);
	part = span_first(*rest, (size_t)(end - rest->at));
	*rest = span_from(*rest, part.len + sizeof(BOUNDARY) - 1);
	return part;
}

static void check_lines(struct span part, bool is_status)
{
	bool in_header = true;

	while (part.len) {
		bool is_whole = span_find(part, '\n') < part.len;
		struct span line = span_cut(&part, '\n');

		BUG_ON(line.len > 999 || (is_whole && (line.len == 0 || line.at[line.len - 1] != '\r')));
		if (is_whole)
			line.len--;
		BUG_ON(span_find(line, '\r') < line.len || span_find(line, '\0') < line.len);
		if (is_status && !in_header)
			check_field(line);
		in_header = in_header && line.len > 0;
	}
}

static void check(struct span rest, const struct dsn *d)
{
	struct span header = take_part(&rest), words = take_part(&rest), status = take_part(&rest);

	check_lines(header, false);
	check_lines(words, false);
	check_lines(span_from(status, 2), true);
	BUG_ON(!text_is_utf8(header) || !text_is_utf8(words) || !text_is_utf8(status));
	BUG_ON(!d->smtputf8 && (!text_is_ascii(header) || !text_is_ascii(status)));
	BUG_ON(!d->full && rest.len > DSN_HEADER_MAX + 200);
	BUG_ON(rest.len < sizeof(BOUNDARY) + 3 || memcmp(rest.at + rest.len - sizeof(BOUNDARY) - 3, BOUNDARY "--\r\n", sizeof(BOUNDARY) + 3) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of((const char *)data, size);
	struct dsn_rcpt rcpts[3] = { { .action = DSN_FAILED } };
	struct dsn d = { .hostname = SPAN("mx.example.org"), .id = SPAN("TheId"), .about_id = SPAN("Other"), .rcpts = rcpts, .n_rcpts = 3 };
	struct span *const words[] = { &d.to, &d.envid, &rcpts[0].orcpt, &rcpts[0].address, &rcpts[0].enhanced, &rcpts[0].words,
		&rcpts[0].host };
	struct dsn_needs needs;
	struct buf out;

	if (size < 2)
		return 0;
	rest = span_from(rest, 1);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		*words[i] = span_cut(&rest, '\n');
	if (d.to.len == 0)
		return 0;
	d.full = data[0] & 1;
	rcpts[0].code = data[0] & 2 ? 550 : 0;
	d.smtputf8 = data[0] & 4;
	d.header = span_first(rest, rest.len / 2);
	d.body = span_from(rest, rest.len / 2);
	d.body_size = d.body.len;
	rcpts[1] = rcpts[2] = rcpts[0];
	rcpts[1].action = DSN_DELAYED;
	rcpts[2].action = (enum dsn_action)(data[0] >> 4 & 3);
	buf_init(&out, 1 << 20);
	if (dsn_add(&out, &d, &needs) == PR_OK)
		check(buf_span(&out), &d);
	buf_fini(&out);
	return 0;
}
