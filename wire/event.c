#include "wire/event.h"

#include <time.h>

#include "base/text.h"
#include "wire/settings.h"

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

void event_text(struct event *ev, enum event_key key, struct span text)
{
	size_t room = EVENT_MAX - ev->len;

	text = text_cut(text, room < 3 + EVENT_TEXT_MAX ? (room < 3 ? 0 : room - 3) : EVENT_TEXT_MAX);
	if (text.len == 0 || !field_begin(ev, key, false, 2 + text.len))
		return;
	put_number(ev, text.len, 2);
	put_bytes(ev, text.at, text.len);
}

void event_num(struct event *ev, enum event_key key, int64_t number)
{
	if (field_begin(ev, key, true, 8))
		put_number(ev, (uint64_t)number, 8);
}

/* ---- reading -------------------------------------------------------------- */

static bool take_bytes(struct span *rest, size_t n, struct span *out)
{
	if (n > rest->len)
		return false;
	*out = span_of(rest->at, n);
	*rest = span_of(rest->at + n, rest->len - n);
	return true;
}

static bool take_number(struct span *rest, unsigned bytes, uint64_t *out)
{
	struct span s;

	if (!take_bytes(rest, bytes, &s))
		return false;
	*out = 0;
	for (unsigned i = 0; i < bytes; i++)
		*out |= (uint64_t)(unsigned char)s.at[i] << 8 * i;
	return true;
}

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
	return number > 0 && number <= EVENT_TEXT_MAX && take_bytes(rest, (size_t)number, &out->text);
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

/* ---- showing -------------------------------------------------------------- */

static void add_time(struct buf *out, int64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	char text[32];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(out, "%s.%03dZ", text, (int)(wall_ms % 1000));
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

/* As text_add_escaped, and the bytes of `also` as \xNN too. */
static void add_escaped(struct buf *out, struct span s, const char *also)
{
	size_t plain;

	while (s.len > 0) {
		for (plain = 0; plain < s.len && (s.at[plain] == '\0' || !strchr(also, s.at[plain])); plain++)
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
	for (size_t i = 0; i < s.len; i++)
		if (strchr(" ,\"()<>=", s.at[i]) && s.at[i])
			return true;
	return false;
}

static void add_text_value(struct buf *out, const struct event_value *v)
{
	bool is_address = v->key == EF_FROM || v->key == EF_TO || v->key == EF_ORIG_TO;

	if (is_address) {
		buf_add_char(out, '<');
		add_escaped(out, v->text, "<>");
		buf_add_char(out, '>');
	} else if (needs_quotes(v->text)) {
		buf_add_char(out, '"');
		add_escaped(out, v->text, "\"");
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
	return event_fields[key].json;
}

struct line {
	struct buf *out;
	const char *gap;		/* before the next field */
	const char *status;		/* of a delivery, else NULL */
};

static void add_text_field(struct line *line, const struct event_value *v)
{
	buf_printf(line->out, "%s%s=", line->gap, text_name(v->key, line->status != NULL));
	line->gap = ", ";
	if (v->key == EF_MS)
		buf_printf(line->out, "%lld.%03d", (long long)(v->num / 1000), (int)(v->num < 0 ? 0 : v->num % 1000));
	else if (v->is_num)
		buf_printf(line->out, "%lld", (long long)v->num);
	else
		add_text_value(line->out, v);
}

static bool find_value(struct event_view v, enum event_key key, struct event_value *out)
{
	while (event_next(&v, out))
		if (out->key == key)
			return true;
	return false;
}

static void add_other_fields(struct line *line, struct event_view v)
{
	struct event_value value;

	while (event_next(&v, &value))
		if (!in_text_order(value.key) && !(line->status && (value.key == EF_REPLY || value.key == EF_CODE)))
			add_text_field(line, &value);
}

/* `status=sent (250 2.0.0 Ok)`: the reply as it was said; words of our own have no code. */
static void add_status(struct line *line, const struct event_view *v)
{
	struct event_value reply, code, dsn;

	buf_printf(line->out, "%sstatus=%s", line->gap, line->status);
	if (!find_value(*v, EF_REPLY, &reply))
		return;
	buf_add_text(line->out, " (");
	if (find_value(*v, EF_CODE, &code) && find_value(*v, EF_DSN, &dsn)) {
		buf_printf(line->out, "%lld ", (long long)code.num);
		text_add_escaped(line->out, dsn.text);
		buf_add_char(line->out, ' ');
	}
	text_add_escaped(line->out, reply.text);
	buf_add_char(line->out, ')');
}

static void add_text_fields(struct buf *out, const struct event_view *v)
{
	struct line line = { out, "", status_of(v->code) };
	struct event_value value;

	if (!line.status) {
		buf_add_text(out, event_kinds[v->code].name);
		line.gap = " ";
	}
	for (size_t i = 0; i < sizeof text_order; i++)
		if (find_value(*v, text_order[i], &value))
			add_text_field(&line, &value);
	if (line.status) {
		add_status(&line, v);
		line.gap = ", ";
	}
	add_other_fields(&line, *v);
}

void event_add_text_line(struct buf *out, struct span bytes, const char *program)
{
	struct event_view v;

	if (event_view(bytes, &v) != PR_OK)
		return;
	add_time(out, v.wall_ms);
	buf_printf(out, " %s", program);
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
		buf_printf(out, "%lld", (long long)v->num);
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
