#include "smtpd/effects.h"

#include "base/err.h"
#include "wire/verbs.h"

#define STEP_EFFECTS 8
#define STEP_EVENTS  3
#define OUT_CEILING  (2 * EFFECTS_OUT_MAX)
#define PREFIX_MAX   32768	/* what verify found, Received, Date and Message-ID */
#define CHECKED_MAX  (2 * WIRE_WINDOW)

void effects_init(struct effects *fx)
{
	fx->n = fx->n_events = 0;
	fx->must_leave = false;
	buf_init(&fx->out, OUT_CEILING);
	buf_init(&fx->prefix, PREFIX_MAX);
	buf_init(&fx->checked, CHECKED_MAX);
}

void effects_fini(struct effects *fx)
{
	buf_fini(&fx->out);
	buf_fini(&fx->prefix);
	buf_fini(&fx->checked);
}

void effects_clear(struct effects *fx)
{
	fx->n = fx->n_events = 0;
	fx->must_leave = false;
	buf_clear(&fx->out);
	buf_clear(&fx->checked);
}

/* A client that has left, a time that is over, or memory that is short may end it in the very next step. */
static bool speaks_of_what_may_end(enum effect_type type)
{
	switch (type) {
	case FX_ASK_ADDRESS:
	case FX_ASK_SENDER:
	case FX_ASK_RECIPIENT:
	case FX_LOGIN:
	case FX_LOGIN_STEP:
	case FX_BEGIN:
	case FX_PART:
	case FX_COMMIT:
	case FX_CHECK:
	case FX_CHECK_END:
	case FX_EVIDENCE:
		return true;
	default:
		return false;
	}
}

struct effect *effects_add(struct effects *fx, enum effect_type type)
{
	struct effect *e;

	BUG_ON(fx->n == EFFECTS_MAX);
	e = &fx->row[fx->n++];
	e->type = type;
	fx->must_leave |= speaks_of_what_may_end(type);
	return e;
}

void effects_check_part(struct effects *fx, struct span bytes)
{
	struct effect *last = fx->n > 0 ? &fx->row[fx->n - 1] : NULL;
	size_t at = fx->checked.len;

	BUG_ON(buf_add(&fx->checked, bytes) != PR_OK);
	if (!last || last->type != FX_CHECK_PART) {
		last = effects_add(fx, FX_CHECK_PART);
		last->part.at = at;
		last->part.len = 0;
	}
	last->part.len += bytes.len;
}

struct event *effects_event(struct effects *fx)
{
	struct event *event;

	BUG_ON(fx->n_events == EFFECTS_EVENTS_MAX);
	event = &fx->events[fx->n_events++];
	effects_add(fx, FX_EVENT)->event = event;
	return event;
}

bool effects_have_room(const struct effects *fx)
{
	return !fx->must_leave && fx->n + STEP_EFFECTS <= EFFECTS_MAX && fx->n_events + STEP_EVENTS <= EFFECTS_EVENTS_MAX &&
	    fx->out.len < EFFECTS_OUT_MAX;
}
