#include "wire/event.h"

#include <time.h>

#include "base/text.h"
#include "wire/settings.h"
#include "wire/take.h"

/* code u16, wall u64, 1 and the id or 0, then fields: key u8 and a u64, or a
 * u16 length and the bytes. Little endian. */

#define LEVEL_DEBUG LOG_LEVEL_DEBUG
#define LEVEL_INFO  LOG_LEVEL_INFO
#define LEVEL_WARN  LOG_LEVEL_WARN
#define LEVEL_ERROR LOG_LEVEL_ERROR

#define EVENT(symbol, name, level, counter, help) [EV_##symbol] = { name, counter, help, LEVEL_##level },
#define EVENT_FIELD(symbol, json, type, help)
const struct event_kind event_kinds[N_EVENTS] = {
	[EV_NONE] = { "", "", "", LOG_LEVEL_DEBUG },
#include "wire/events.def"
};
#undef EVENT
#undef EVENT_FIELD

#define IS_TEXT false
#define IS_NUM  true
#define EVENT(symbol, name, level, counter, help)
#define EVENT_FIELD(symbol, json, type, help) [EF_##symbol] = { json, help, IS_##type },
const struct event_field event_fields[N_EVENT_FIELDS] = {
	[EF_NONE] = { "", "", false },
#include "wire/events.def"
};
#undef EVENT
#undef EVENT_FIELD

_Static_assert(N_EVENT_FIELDS <= 64, "the keys of an event are a set of 64 bits");
_Static_assert(N_EVENTS <= UINT16_MAX, "a code is a u16");

/* ---- making --------------------------------------------------------------- */

static void put_number(struct event *ev, uint64_t number, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		ev->bytes[ev->len++] = (char)(number >> 8 * i);
}

static void put_bytes(struct event *ev, const void *at, size_t len)
{
	memcpy(ev->bytes + ev->len, at, len);
	ev->len += len;
}

void event_begin(struct event *ev, enum event_code code, int64_t wall_ms, const struct msg_id *id)
{
	ev->len = 0;
	ev->has = 0;
	put_number(ev, code, 2);
	put_number(ev, (uint64_t)wall_ms, 8);
	put_number(ev, id != NULL, 1);
	if (id)
		put_bytes(ev, id, sizeof *id);
}

/* True when the key is new and need bytes are free; the key is written then. */
static bool field_begin(struct event *ev, enum event_key key, bool is_num, size_t need)
{
	BUG_ON(key <= EF_NONE || key >= N_EVENT_FIELDS || event_fields[key].is_num != is_num);
	if (ev->has >> key & 1 || EVENT_MAX - ev->len < 1 + need)
		return false;
	ev->has |= (uint64_t)1 << key;
	put_number(ev, key, 1);
	return true;
}

/* A cut never leaves a piece of a UTF-8 character behind. */
static struct span text_cut(struct span s, size_t max)
{
	if (s.len <= max)
		return s;
	while (max > 0 && ((unsigned char)s.at[max] & 0xc0) == 0x80)
		max--;
	return span_first(s, max);
}

/* The null sender (RFC 5321 4.5.5) is a fact; any other empty text says that nothing is known. */
static bool may_be_empty(enum event_key key)
{
	return key == EF_FROM;
}

void event_text(struct event *ev, enum event_key key, struct span text)
{
	size_t room = EVENT_MAX - ev->len;
	struct span cut = text_cut(text, room < 3 + EVENT_TEXT_MAX ? (room < 3 ? 0 : room - 3) : EVENT_TEXT_MAX);

	if (cut.len == 0 && (text.len > 0 || !may_be_empty(key)))
		return;
	if (!field_begin(ev, key, false, 2 + cut.len))
		return;
	put_number(ev, cut.len, 2);
	put_bytes(ev, cut.at, cut.len);
}

void event_num(struct event *ev, enum event_key key, int64_t number)
{
	if (field_begin(ev, key, true, 8))
		put_number(ev, (uint64_t)number, 8);
}

/* ---- reading -------------------------------------------------------------- */

static bool take_value(struct span *rest, struct event_value *out)
{
	uint64_t key, number;

	*out = (struct event_value){ .text = SPAN_NONE };
	if (!take_number(rest, 1, &key) || key == EF_NONE || key >= N_EVENT_FIELDS)
		return false;
	out->key = (enum event_key)key;
	out->is_num = event_fields[key].is_num;
	if (!take_number(rest, out->is_num ? 8 : 2, &number))
		return false;
	if (out->is_num) {
		out->num = (int64_t)number;
		return true;
	}
	return (number > 0 || may_be_empty(out->key)) && number <= EVENT_TEXT_MAX && take_bytes(rest, (size_t)number, &out->text);
}

static bool fields_are_sound(struct span fields)
{
	struct event_value v;
	uint64_t has = 0;

	while (fields.len > 0) {
		if (!take_value(&fields, &v) || has >> v.key & 1)
			return false;
		has |= (uint64_t)1 << v.key;
	}
	return true;
}

/* The years that four digits show. */
#define WALL_MS_MAX INT64_C(253402300799999)

enum pr_err event_view(struct span bytes, struct event_view *out)
{
	uint64_t code, wall, has_id;
	struct span id;

	*out = (struct event_view){ .fields = SPAN_NONE };
	if (bytes.len > EVENT_MAX || !take_number(&bytes, 2, &code) || !take_number(&bytes, 8, &wall) || !take_number(&bytes, 1, &has_id))
		return PR_BAD;
	if (code == EV_NONE || code >= N_EVENTS || wall > WALL_MS_MAX || has_id > 1)
		return PR_BAD;
	if (has_id) {
		if (!take_bytes(&bytes, sizeof out->id, &id))
			return PR_BAD;
		memcpy(&out->id, id.at, sizeof out->id);
	}
	if (!fields_are_sound(bytes))
		return PR_BAD;
	out->code = (enum event_code)code;
	out->wall_ms = (int64_t)wall;
	out->has_id = has_id;
	out->fields = bytes;
	return PR_OK;
}

bool event_next(struct event_view *v, struct event_value *out)
{
	return v->fields.len > 0 && take_value(&v->fields, out);
}

/* ---- showing: each log line passes here, so that printf's machinery stays out of it ---- */

static void put_digits(char *at, unsigned n, unsigned number)
{
	for (; n > 0; number /= 10)
		at[--n] = (char)('0' + number % 10);
}

static void add_number(struct buf *out, int64_t number)
{
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	char text[20], *at = text + sizeof text;

	do
		*--at = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (number < 0)
		buf_add_char(out, '-');
	buf_add(out, span_of(at, (size_t)(text + sizeof text - at)));
}

static void add_seconds(struct buf *out, int64_t ms)
{
	char text[] = ".000";

	add_number(out, ms / 1000);
	put_digits(text + 1, 3, (unsigned)(ms < 0 ? 0 : ms % 1000));
	buf_add_text(out, text);
}

static void add_time(struct buf *out, int64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	char text[] = "0000-00-00T00:00:00.000Z";

	gmtime_r(&seconds, &tm);
	put_digits(text, 4, (unsigned)tm.tm_year + 1900);
	put_digits(text + 5, 2, (unsigned)tm.tm_mon + 1);
	put_digits(text + 8, 2, (unsigned)tm.tm_mday);
	put_digits(text + 11, 2, (unsigned)tm.tm_hour);
	put_digits(text + 14, 2, (unsigned)tm.tm_min);
	put_digits(text + 17, 2, (unsigned)tm.tm_sec);
	put_digits(text + 20, 3, (unsigned)(wall_ms % 1000));
	buf_add(out, span_of(text, sizeof text - 1));
}

static void add_id(struct buf *out, const struct msg_id *id)
{
	char text[ID_TEXT_LEN + 1];

	id_to_text(id, text);
	buf_add_text(out, text);
}

/* What a delivery's event is called in Postfix's words; NULL for all others. */
static const char *status_of(enum event_code code)
{
	switch (code) {
	case EV_DELIVERY_DELIVERED:
		return "sent";
	case EV_DELIVERY_DEFERRED:
		return "deferred";
	case EV_DELIVERY_FAILED:
		return "bounced";
	case EV_QUEUE_EXPIRED:
		return "expired";
	default:
		return NULL;
	}
}

/* The order of fields in a line; what is not named here follows in the order of the table. REPLY ends a delivery's. */
static const uint8_t text_order[] = { EF_CLIENT, EF_PORT, EF_HELO, EF_LOGIN, EF_FROM, EF_TO, EF_ORIG_TO, EF_SIZE, EF_N_RCPT, EF_MESSAGE_ID,
	EF_HOST, EF_MS, EF_DSN };

static bool in_text_order(enum event_key key)
{
	for (size_t i = 0; i < sizeof text_order; i++)
		if (text_order[i] == key)
			return true;
	return false;
}

/* As text_add_escaped, and the bytes a and b as \xNN too. */
static void add_escaped(struct buf *out, struct span s, char a, char b)
{
	size_t plain;

	while (s.len > 0) {
		for (plain = 0; plain < s.len && s.at[plain] != a && s.at[plain] != b; plain++)
			;
		text_add_escaped(out, span_first(s, plain));
		s = span_from(s, plain);
		if (s.len == 0)
			return;
		buf_printf(out, "\\x%02x", (unsigned char)s.at[0]);
		s = span_from(s, 1);
	}
}

static bool needs_quotes(struct span s)
{
	static const bool special[256] = { [' '] = true, [','] = true, ['"'] = true, ['('] = true, [')'] = true, ['<'] = true, ['>'] = true,
		['='] = true };

	for (size_t i = 0; i < s.len; i++)
		if (special[(unsigned char)s.at[i]])
			return true;
	return false;
}

static void add_text_value(struct buf *out, const struct event_value *v)
{
	bool is_address = v->key == EF_FROM || v->key == EF_TO || v->key == EF_ORIG_TO;

	if (is_address) {
		buf_add_char(out, '<');
		add_escaped(out, v->text, '<', '>');
		buf_add_char(out, '>');
	} else if (needs_quotes(v->text)) {
		buf_add_char(out, '"');
		add_escaped(out, v->text, '"', '"');
		buf_add_char(out, '"');
	} else {
		text_add_escaped(out, v->text);
	}
}

static const char *text_name(enum event_key key, bool is_delivery)
{
	if (key == EF_DSN)
		return "dsn";
	if (key == EF_HOST && is_delivery)
		return "relay";
	if (key == EF_MS)
		return "delay";
	if (key == EF_TOOK)
		return "took";
	return event_fields[key].json;
}

struct line {
	struct buf *out;
	const char *gap;		/* before the next field */
	const char *status;		/* of a delivery, else NULL */
};

static void add_text_field(struct line *line, const struct event_value *v)
{
	buf_add_text(line->out, line->gap);
	buf_add_text(line->out, text_name(v->key, line->status != NULL));
	buf_add_char(line->out, '=');
	line->gap = ", ";
	if (v->key == EF_MS || v->key == EF_TOOK)
		add_seconds(line->out, v->num);
	else if (v->key == EF_NEXT)
		add_time(line->out, v->num);
	else if (v->is_num)
		add_number(line->out, v->num);
	else
		add_text_value(line->out, v);
}

/* Log tools look for it on every line of a delivery. */
static void add_no_relay(struct line *line)
{
	buf_add_text(line->out, line->gap);
	buf_add_text(line->out, "relay=none");
	line->gap = ", ";
}

/* All fields of an event, each once. */
struct fields {
	struct event_value of[N_EVENT_FIELDS];	/* by key; is it there: `has` */
	uint8_t order[N_EVENT_FIELDS];
	unsigned n;
	uint64_t has;
};

static void read_fields(struct event_view v, struct fields *f)
{
	struct event_value value;

	for (f->has = f->n = 0; event_next(&v, &value); f->n++) {
		f->of[value.key] = value;
		f->order[f->n] = (uint8_t)value.key;
		f->has |= (uint64_t)1 << value.key;
	}
}

static const struct event_value *find_value(const struct fields *f, enum event_key key)
{
	return f->has >> key & 1 ? &f->of[key] : NULL;
}

static void add_other_fields(struct line *line, const struct fields *f)
{
	for (unsigned i = 0; i < f->n; i++) {
		enum event_key key = (enum event_key)f->order[i];

		if (!in_text_order(key) && !(line->status && (key == EF_REPLY || key == EF_CODE)))
			add_text_field(line, &f->of[key]);
	}
}

/* `status=sent (250 2.0.0 Ok)`: the reply as it was said; words of our own have no code. */
static void add_status(struct line *line, const struct fields *f)
{
	const struct event_value *reply = find_value(f, EF_REPLY), *code = find_value(f, EF_CODE), *dsn = find_value(f, EF_DSN);

	buf_add_text(line->out, line->gap);
	buf_add_text(line->out, "status=");
	buf_add_text(line->out, line->status);
	if (!reply)
		return;
	buf_add_text(line->out, " (");
	if (code && dsn) {
		add_number(line->out, code->num);
		buf_add_char(line->out, ' ');
		text_add_escaped(line->out, dsn->text);
		buf_add_char(line->out, ' ');
	}
	text_add_escaped(line->out, reply->text);
	buf_add_char(line->out, ')');
}

static void add_text_fields(struct buf *out, const struct event_view *v)
{
	struct line line = { out, "", status_of(v->code) };
	const struct event_value *value;
	struct fields f;

	read_fields(*v, &f);
	if (!line.status) {
		buf_add_text(out, event_kinds[v->code].name);
		line.gap = " ";
	}
	for (size_t i = 0; i < sizeof text_order; i++)
		if ((value = find_value(&f, text_order[i])))
			add_text_field(&line, value);
		else if (text_order[i] == EF_HOST && line.status)
			add_no_relay(&line);
	if (line.status) {
		add_status(&line, &f);
		line.gap = ", ";
	}
	add_other_fields(&line, &f);
}

void event_add_text_line(struct buf *out, struct span bytes, const char *program)
{
	struct event_view v;

	if (event_view(bytes, &v) != PR_OK)
		return;
	add_time(out, v.wall_ms);
	buf_add_char(out, ' ');
	buf_add_text(out, program);
	if (v.has_id) {
		buf_add_char(out, ' ');
		add_id(out, &v.id);
	}
	buf_add_text(out, ": ");
	add_text_fields(out, &v);
}

static void add_json_field(struct buf *out, const struct event_value *v)
{
	buf_printf(out, ",\"%s\":", event_fields[v->key].json);
	if (v->is_num)
		add_number(out, v->num);
	else
		text_add_json(out, v->text);
}

void event_add_json(struct buf *out, struct span bytes, const char *program)
{
	struct event_view v;
	struct event_value value;

	if (event_view(bytes, &v) != PR_OK)
		return;
	buf_add_text(out, "{\"v\":1,\"t\":\"");
	add_time(out, v.wall_ms);
	buf_printf(out, "\",\"ev\":\"%s\",\"prog\":", event_kinds[v.code].name);
	text_add_json(out, span_of_text(program));
	if (v.has_id) {
		buf_add_text(out, ",\"id\":\"");
		add_id(out, &v.id);
		buf_add_char(out, '"');
	}
	while (event_next(&v, &value))
		add_json_field(out, &value);
	buf_add_char(out, '}');
}
