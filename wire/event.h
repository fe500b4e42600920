/* Events as bytes: made where the fact is, shown by the program `events`.
 * Fixed size, no allocation; text beyond a ceiling is cut. No password, no
 * body, ever. */
#ifndef WIRE_EVENT_H
#define WIRE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "base/span.h"

enum event_code {
	EV_NONE,
#define EVENT(symbol, name, level, counter, help) EV_##symbol,
#define EVENT_FIELD(symbol, json, type, help)
#include "wire/events.def"
#undef EVENT
#undef EVENT_FIELD
	N_EVENTS
};

enum event_key {
	EF_NONE,
#define EVENT(symbol, name, level, counter, help)
#define EVENT_FIELD(symbol, json, type, help) EF_##symbol,
#include "wire/events.def"
#undef EVENT
#undef EVENT_FIELD
	N_EVENT_FIELDS
};

#define EVENT_MAX 2048		/* bytes of one encoded event */
#define EVENT_TEXT_MAX 512	/* bytes of one text in it */

struct event {
	size_t len;
	uint64_t has;		/* set of enum event_key: a key stands once, the first time counts */
	char bytes[EVENT_MAX];
};

/* id NULL where the fact is not about a message. */
void event_begin(struct event *ev, enum event_code code, int64_t wall_ms, const struct msg_id *id);
void event_text(struct event *ev, enum event_key key, struct span text);	/* an empty text is left out, but FROM: the null sender */
void event_num(struct event *ev, enum event_key key, int64_t number);
static inline struct span event_bytes(const struct event *ev) { return span_of(ev->bytes, ev->len); }

/* Reading. */
struct event_view {
	enum event_code code;
	int64_t wall_ms;
	bool has_id;
	struct msg_id id;
	struct span fields;	/* what event_next has not taken yet */
};
struct event_value {
	enum event_key key;
	bool is_num;
	int64_t num;
	struct span text;
};
enum pr_err event_view(struct span bytes, struct event_view *out) MUST_USE;	/* PR_BAD on any doubt, all fields checked */
bool event_next(struct event_view *v, struct event_value *out);

struct event_kind {
	const char *name, *counter, *help;
	int level;		/* enum set_log_level */
};
extern const struct event_kind event_kinds[N_EVENTS];
struct event_field {
	const char *json, *help;
	bool is_num;
};
extern const struct event_field event_fields[N_EVENT_FIELDS];

/* One line without its newline. A delivery: `2026-11-21T14:02:41.004Z local 01JD…: to=<a@b>, relay=…, delay=0.714,
 * dsn=2.0.0, status=sent (250 2.0.0 Ok)`; all else: `… smtpd 01JD…: message.accepted from=<a@b>, size=…, nrcpt=1`, the
 * fields in the order that Postfix users and log tools know. Everything is escaped; a value that could be taken for two
 * fields stands in quotes. Bytes that are no event give nothing. */
void event_add_text_line(struct buf *out, struct span bytes, const char *program);
/* One JSON object: {"v":1,"t":"…Z","ev":"delivery.deferred","prog":"local","id":"01JD…",…}. */
void event_add_json(struct buf *out, struct span bytes, const char *program);

#endif
