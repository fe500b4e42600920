#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "smtpd/proxy.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"

struct row {
	struct span in;
	enum proxy_result result;
	size_t used;
	const char *from;	/* NULL: it speaks for itself */
	unsigned port;
};
#define ROW(text, result, used, from, port) { SPAN(text), result, used, from, port }

static const struct row ROWS[] = {
	ROW("", PROXY_MORE, 0, NULL, 0),
	ROW("PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r\nEHLO", PROXY_DONE, 41, "192.0.2.1", 56324),
	ROW("PROXY TCP6 2001:db8::1 2001:db8::2 56324 25\r\n", PROXY_DONE, 45, "2001:db8::1", 56324),
	ROW("PROXY UNKNOWN\r\n", PROXY_DONE, 15, NULL, 0),
	ROW("PROXY UNKNOWN ff:: anything 1 2\r\n", PROXY_DONE, 33, NULL, 0),
	ROW("PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\n\n", PROXY_MORE, 0, NULL, 0),
	ROW("PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\rx", PROXY_BAD, 0, NULL, 0),
	ROW("PROXY TCP4 2001:db8::1 192.0.2.2 1 25\r\n", PROXY_BAD, 0, NULL, 0),
	ROW("PROXY TCP6 192.0.2.1 192.0.2.2 1 25\r\n", PROXY_BAD, 0, NULL, 0),
	ROW("PROXY TCP4 192.0.2.1 192.0.2.2 65536 25\r\n", PROXY_BAD, 0, NULL, 0),
	ROW("PROXY TCP4 192.0.2.1 192.0.2.2 01 25\r\n", PROXY_BAD, 0, NULL, 0),
	ROW("PROXY TCP4 192.0.2.1 192.0.2.2 -1 25\r\n", PROXY_BAD, 0, NULL, 0),
	ROW("PROXY TCP4 192.0.2.256 192.0.2.2 1 25\r\n", PROXY_BAD, 0, NULL, 0),
	ROW("PROXY TCP4 192.0.2.1\r\n", PROXY_BAD, 0, NULL, 0),
	ROW("PROXY TCP5 192.0.2.1 192.0.2.2 1 25\r\n", PROXY_BAD, 0, NULL, 0),
	ROW("PROXY TCP4  192.0.2.1 192.0.2.2 1 25\r\n", PROXY_BAD, 0, NULL, 0),
	ROW("proxy TCP4 192.0.2.1 192.0.2.2 1 25\r\n", PROXY_BAD, 0, NULL, 0),
	ROW("EHLO x\r\n", PROXY_BAD, 0, NULL, 0),
	ROW("PROXY TCP4 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    PROXY_BAD, 0, NULL, 0),
	ROW(V2 "\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\x12\x34\0\x19" "EHLO", PROXY_DONE, 28, "192.0.2.1", 0x1234),
	ROW(V2 "\x21\x21\0\x24" "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1" "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2" "\0\1\0\x19",
	    PROXY_DONE, 52, "2001:db8::1", 1),
	ROW(V2 "\x21\x11\0\x0f\xc0\0\2\1\xc0\0\2\2\x12\x34\0\x19" "\4\0\0", PROXY_DONE, 31, "192.0.2.1", 0x1234),
	ROW(V2 "\x20\0\0\0", PROXY_DONE, 16, NULL, 0),
	ROW(V2 "\x21\0\0\0", PROXY_DONE, 16, NULL, 0),
	ROW(V2 "\x21\x11\0\x0b\xc0\0\2\1\xc0\0\2\2\x12\x34\0", PROXY_BAD, 0, NULL, 0),
	ROW(V2 "\x22\x11\0\0", PROXY_BAD, 0, NULL, 0),
	ROW(V2 "\x11\x11\0\0", PROXY_BAD, 0, NULL, 0),
	ROW(V2 "\x21\x31\0\0", PROXY_BAD, 0, NULL, 0),
	ROW(V2 "\x21\x11\xff\xff", PROXY_BAD, 0, NULL, 0),
};

static void t_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const struct row *r = &ROWS[i];
		char text[CLIENT_TEXT_MAX];
		struct proxy p;
		size_t used = 0;

		print_message("row %zu\n", i);
		assert_int_equal(proxy_parse(r->in, &used, &p), r->result);
		if (r->result != PROXY_DONE)
			continue;
		assert_int_equal(used, r->used);
		assert_int_equal(p.own, r->from == NULL);
		if (!r->from)
			continue;
		client_text(&p.from, text);
		assert_string_equal(text, r->from);
		assert_int_equal(p.from.port, r->port);
	}
}

/* Whatever comes later, the beginning of a good header asks for more. */
static void t_every_beginning_asks_for_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		for (size_t n = 0; ROWS[i].result == PROXY_DONE && n < ROWS[i].used; n++) {
			struct proxy p;
			size_t used;

			assert_int_equal(proxy_parse(span_first(ROWS[i].in, n), &used, &p), PROXY_MORE);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_headers),
		cmocka_unit_test(t_every_beginning_asks_for_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
