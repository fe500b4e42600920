/* A session whose dialogue has reached the recipients, so that the input is chunks, or a body by DATA. How it is cut
 * must change neither the replies nor what goes to spool. Message ids differ: replies are compared by their length. */
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "tests/fuzz/session_player.h"

static const char BEGIN[] = "EHLO c.d\r\n";
static const char MAIL[] = "MAIL FROM:<a@c.d>\r\nRCPT TO:<x@a.b>\r\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct player_rules rules[] = { { .normalise = size & 1 }, { .piece = 1, .normalise = size & 1 }, { .piece = 7, .normalise = size & 1 } };
	struct played first, other;
	struct buf in;

	if (size > 4096 || memmem(data, size, "\nSTARTTLS", 9) || memmem(data, size, "\nstarttls", 9))
		return 0;	/* there it must matter how it is cut */
	buf_init(&in, 1 << 20);
	buf_add(&in, span_of(BEGIN, sizeof(BEGIN) - 1));
	buf_add(&in, span_of(MAIL, sizeof(MAIL) - 1));
	buf_add(&in, span_of((const char *)data, size));
	session_play(buf_span(&in), &rules[0], &first);
	for (unsigned i = 1; i < sizeof(rules) / sizeof(rules[0]); i++) {
		session_play(buf_span(&in), &rules[i], &other);
		BUG_ON(!span_eq(buf_span(&first.bodies), buf_span(&other.bodies)));
		BUG_ON(first.replies.len != other.replies.len);
		played_fini(&other);
	}
	played_fini(&first);
	buf_fini(&in);
	return 0;
}
