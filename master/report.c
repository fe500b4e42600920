#include "master/report.h"

#include <unistd.h>

#include "base/clock.h"

#define QUEUED_MAX ((size_t)1 << 20)	/* bytes that wait for `events` */

void report_init(struct report *r)
{
	*r = (struct report){ .level = LOG_LEVEL_INFO };
	buf_init(&r->line, (size_t)EVENT_MAX * 8);
}

void report_fini(struct report *r)
{
	buf_fini(&r->line);
}

void report_settings(struct report *r, const struct settings *s)
{
	r->level = (enum set_log_level)s->log.level;
	r->format = (enum set_log_format)s->log.format;
}

static void write_line(struct buf *line)
{
	buf_add_char(line, '\n');
	(void)!write(STDERR_FILENO, line->at, line->len);
}

void report_event(struct report *r, const struct event *ev)
{
	struct event_view v;

	if (r->events && channel_queued(r->events) > QUEUED_MAX)
		return;		/* it hangs; it is told of by what else it does not do */
	if (r->events) {
		channel_put(r->events, WIRE_event, &(struct wire_event){ .bytes = event_bytes(ev) });
		return;
	}
	if (event_view(event_bytes(ev), &v) != PR_OK || event_kinds[v.code].level < (int)r->level)
		return;
	buf_clear(&r->line);
	if (r->format == LOG_FORMAT_JSON)
		event_add_json(&r->line, event_bytes(ev), "master");
	else
		event_add_text_line(&r->line, event_bytes(ev), "master");
	write_line(&r->line);
}

void report_reason(struct report *r, enum event_code code, struct span lines)
{
	do {
		struct span line = span_cut(&lines, '\n');
		struct event ev;

		/* The quoted line and the caret below a complaint are for a terminal. */
		if (line.len == 0 || line.at[0] == ' ')
			continue;
		event_begin(&ev, code, clock_now().wall_ms, NULL);
		event_text(&ev, EF_REASON, line);
		report_event(r, &ev);
	} while (lines.len > 0);
}

void report_say(struct span words)
{
	struct buf line;

	buf_init(&line, words.len + 64);
	buf_add_text(&line, "postrider: ");
	buf_add(&line, words);
	if (words.len > 0 && words.at[words.len - 1] == '\n')
		line.len--;
	write_line(&line);
	buf_fini(&line);
}
