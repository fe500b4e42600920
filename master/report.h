/* What the master itself has to say: as events, once somebody takes these; as
 * lines of the same form on standard error until then. */
#ifndef MASTER_REPORT_H
#define MASTER_REPORT_H

#include "base/buf.h"
#include "loop/channel.h"
#include "wire/event.h"
#include "wire/settings.h"

struct report {
	struct channel *events;		/* NULL: standard error; set and cleared by its owner */
	enum set_log_level level;
	enum set_log_format format;
	struct buf line;
};

void report_init(struct report *r);
void report_fini(struct report *r);
void report_settings(struct report *r, const struct settings *s);
void report_event(struct report *r, const struct event *ev);
/* An event with a reason; of many lines it tells each as its own. */
void report_reason(struct report *r, enum event_code code, struct span lines);
/* One clear line for who started us: `postrider: WORDS`. */
void report_say(struct span words);

#endif
