#include "events/output.h"

#include "base/text.h"
#include "wire/event.h"

void output_init(struct output *o)
{
	*o = (struct output){ .lost = 0 };
	buf_init(&o->lines, OUTPUT_MAX);
	buf_init(&o->line, (size_t)EVENT_MAX * 8);	/* every byte escaped, and the names of fields */
}

void output_fini(struct output *o)
{
	buf_fini(&o->lines);
	buf_fini(&o->line);
}

/* All of a line or nothing of it. */
static bool add_line(struct output *o, struct span event, const char *program)
{
	buf_clear(&o->line);
	if (o->json)
		event_add_json(&o->line, event, program);
	else
		event_add_text_line(&o->line, event, program);
	buf_add_char(&o->line, '\n');
	if (o->line.overflowed || o->line.len > OUTPUT_MAX - o->lines.len)
		return false;
	return buf_add(&o->lines, buf_span(&o->line)) == PR_OK;
}

void output_event(struct output *o, struct span event, const char *program)
{
	if (!add_line(o, event, program))
		output_lost(o, 1);
}

void output_lost(struct output *o, uint64_t n)
{
	o->lost += n;
	o->lost_ever += n;
}

struct span output_pending(struct output *o, int64_t wall_ms)
{
	struct event ev;

	/* Half of it free, so that a reader at its limit is not told line by line. */
	if (o->lost > 0 && o->lines.len < OUTPUT_MAX / 2) {
		event_begin(&ev, EV_EVENTS_LOST, wall_ms, NULL);
		event_num(&ev, EF_COUNT, (int64_t)o->lost);
		if (add_line(o, event_bytes(&ev), "events"))
			o->lost = 0;
	}
	return buf_span(&o->lines);
}

void output_wrote(struct output *o, size_t n)
{
	buf_eat(&o->lines, n);
	if (o->lines.len == 0 && o->lines.room > OUTPUT_MAX / 4)
		buf_shrink(&o->lines);
}

static uint64_t count_lines(struct span s)
{
	uint64_t n = 0;

	while (s.len > 0) {
		span_cut(&s, '\n');
		n++;
	}
	return n;
}

void output_drop(struct output *o)
{
	output_lost(o, count_lines(buf_span(&o->lines)));
	buf_clear(&o->lines);
}
