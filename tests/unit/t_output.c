/* Lines on their way out: bounded, and what was lost is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "events/output.h"
#include "wire/event.h"

static struct span event_of_size(struct event *ev, int64_t n)
{
	static const char filler[EVENT_TEXT_MAX] = { [0 ... EVENT_TEXT_MAX - 1] = 'x' };

	event_begin(ev, EV_CONFIG_REJECTED, 1000, NULL);
	event_num(ev, EF_GENERATION, n);
	event_text(ev, EF_REASON, span_of(filler, sizeof(filler)));
	return event_bytes(ev);
}

static bool holds(struct span text, const char *word)
{
	size_t len = strlen(word);

	for (; text.len >= len; text = span_from(text, 1))
		if (memcmp(text.at, word, len) == 0)
			return true;
	return false;
}

static void t_a_line_an_event(void **state)
{
	struct output o;
	struct event ev;
	struct span lines;

	(void)state;
	output_init(&o);
	event_begin(&ev, EV_READY, 1795269761004, NULL);
	output_event(&o, event_bytes(&ev), "master");
	o.json = true;
	output_event(&o, event_bytes(&ev), "master");
	lines = output_pending(&o, 0);
	assert_true(holds(lines, "2026-11-21T14:02:41.004Z master"));
	assert_true(holds(lines, "{\"v\":1,"));
	assert_true(holds(lines, "\"ev\":\"ready\""));
	assert_int_equal(lines.at[lines.len - 1], '\n');
	output_wrote(&o, lines.len);
	assert_int_equal(output_pending(&o, 0).len, 0);
	output_fini(&o);
}

static void t_a_reader_that_stops_costs_lines_and_no_memory(void **state)
{
	struct output o;
	struct event ev;

	(void)state;
	output_init(&o);
	for (int i = 0; i < 20000; i++)
		output_event(&o, event_of_size(&ev, i), "spool");
	assert_true(o.lost > 10000);
	assert_true(output_pending(&o, 0).len <= OUTPUT_MAX);
	assert_true(o.lost > 0);
	output_wrote(&o, OUTPUT_MAX * 3 / 4);
	assert_true(holds(output_pending(&o, 5000), "count"));
	assert_int_equal(o.lost, 0);
	assert_true(o.lost_ever > 10000);
	output_fini(&o);
}

static void t_a_reader_that_left_is_told_nothing_and_counted(void **state)
{
	struct output o;
	struct event ev;

	(void)state;
	output_init(&o);
	for (int i = 0; i < 3; i++)
		output_event(&o, event_of_size(&ev, i), "spool");
	output_drop(&o);
	assert_int_equal(o.lines.len, 0);
	assert_int_equal(o.lost_ever, 3);
	output_fini(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_line_an_event),
		cmocka_unit_test(t_a_reader_that_stops_costs_lines_and_no_memory),
		cmocka_unit_test(t_a_reader_that_left_is_told_nothing_and_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
