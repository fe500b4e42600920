#include "events/search.h"

#include "base/id.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "wire/event.h"

/* Bytes of the ring that one slice looks at: well under a millisecond. */
#define SLICE_BYTES  131072
#define ID_PART_LEAST 6

struct found {
	struct map_node node;
	struct msg_id id;
};

struct search {
	const struct ring *ring;
	struct ring_cursor cursor;
	uint64_t last_serial;	/* what comes after this is not looked at */
	struct map messages;
	uint32_t rows, told;
	bool all, telling;
	struct span query, bare;	/* bare: without <> */
	char text[SEARCH_QUERY_MAX];
	char part[ID_TEXT_LEN];	/* upper case, as ids are shown */
	size_t part_len;	/* 0: the query is no part of an id */
};

static struct span without_brackets(struct span s)
{
	if (s.len >= 2 && s.at[0] == '<' && s.at[s.len - 1] == '>')
		return span_of(s.at + 1, s.len - 2);
	return s;
}

/* Crockford's reading: I and L are 1, O is 0. */
static void read_id_part(struct search *s)
{
	if (s->query.len < ID_PART_LEAST || s->query.len > ID_TEXT_LEN)
		return;
	for (size_t i = 0; i < s->query.len; i++) {
		char c = text_upper(s->query.at[i]);

		if (!text_is_digit(c) && (!text_is_alpha(c) || c == 'U'))
			return;
		s->part[i] = c == 'I' || c == 'L' ? '1' : c == 'O' ? '0' : c;
	}
	s->part_len = s->query.len;
}

struct search *search_new(const struct ring *ring, struct span query, uint32_t rows)
{
	struct search *s = mem_new(sizeof(*s));

	query = span_first(span_trim(query), sizeof(s->text));
	memcpy(s->text, query.at, query.len);
	s->ring = ring;
	s->cursor = ring_begin(ring);
	s->last_serial = ring->last_serial;
	s->rows = rows;
	s->query = span_of(s->text, query.len);
	s->bare = without_brackets(s->query);
	s->all = s->telling = query.len == 0;
	map_init(&s->messages);
	read_id_part(s);
	return s;
}

void search_free(struct search **sp)
{
	struct search *s = *sp;
	struct map_node *node;

	if (!s)
		return;
	while ((node = map_next(&s->messages, NULL))) {
		map_remove(&s->messages, node);
		mem_free(MAP_OWNER(node, struct found, node));
	}
	map_fini(&s->messages);
	mem_free(s);
	*sp = NULL;
}

void search_grant(struct search *s, uint32_t rows)
{
	s->rows = rows > UINT32_MAX - s->rows ? UINT32_MAX : s->rows + rows;
}

uint32_t search_told(const struct search *s)
{
	return s->told;
}

static bool is_meant(const struct search *s, const struct msg_id *id)
{
	return map_find(&s->messages, id_span(id)) != NULL;
}

static void mean(struct search *s, const struct msg_id *id)
{
	struct found *f;

	if (s->messages.n >= SEARCH_MESSAGES || is_meant(s, id))
		return;
	f = mem_new(sizeof(*f));
	f->id = *id;
	map_put(&s->messages, &f->node, id_span(&f->id));
}

static bool id_matches(const struct search *s, const struct msg_id *id)
{
	char text[ID_TEXT_LEN + 1];

	if (s->part_len == 0)
		return false;
	id_to_text(id, text);
	return memcmp(text, s->part, s->part_len) == 0 ||
	    memcmp(text + ID_TEXT_LEN - s->part_len, s->part, s->part_len) == 0;
}

static bool value_matches(const struct search *s, const struct event_value *v)
{
	switch (v->key) {
	case EF_FROM: case EF_TO: case EF_ORIG_TO: case EF_LOGIN: case EF_CLIENT:
		return text_matches(s->bare, without_brackets(v->text));
	case EF_MESSAGE_ID:
		return span_eq(s->bare, without_brackets(v->text));
	default:
		return false;
	}
}

/* Notes in *bounce the message that this one tells about itself, if any. */
static bool event_matches(const struct search *s, struct event_view v, struct msg_id *bounce, bool *has_bounce)
{
	struct event_value value;
	bool matches = v.has_id && id_matches(s, &v.id);

	*has_bounce = false;
	while (event_next(&v, &value)) {
		if (value.key == EF_BOUNCE_ID && !value.is_num)
			*has_bounce = id_from_text(value.text, bounce);
		else if (!matches && !value.is_num)
			matches = value_matches(s, &value);
	}
	return matches;
}

/* First walk: which messages are meant? */
static void look(struct search *s, const struct event_view *v)
{
	struct msg_id bounce;
	bool has_bounce;

	if (!v->has_id)
		return;
	if (event_matches(s, *v, &bounce, &has_bounce))
		mean(s, &v->id);
	if (has_bounce && is_meant(s, &v->id))
		mean(s, &bounce);
}

static bool is_told(const struct search *s, const struct event_view *v)
{
	struct msg_id bounce;
	bool has_bounce;

	if (s->all)
		return true;
	if (v->has_id)
		return is_meant(s, &v->id);
	return event_matches(s, *v, &bounce, &has_bounce);
}

static bool next_event(struct search *s, struct span *bytes)
{
	return s->cursor.serial < s->last_serial && ring_next(s->ring, &s->cursor, bytes) && s->cursor.serial <= s->last_serial;
}

enum search_step search_run(struct search *s, search_tell *tell, void *arg)
{
	struct span bytes;
	struct event_view v;

	for (size_t seen = 0; seen < SLICE_BYTES; seen += bytes.len) {
		if (s->telling && s->rows == 0)
			return SEARCH_WAITS;
		if (!next_event(s, &bytes)) {
			if (s->telling)
				return SEARCH_DONE;
			s->telling = true;
			s->cursor = ring_begin(s->ring);
			return SEARCH_MORE;
		}
		if (event_view(bytes, &v) != PR_OK)
			continue;
		if (!s->telling) {
			look(s, &v);
		} else if (is_told(s, &v)) {
			tell(arg, bytes);
			s->told++;
			s->rows--;
		}
	}
	return SEARCH_MORE;
}

int64_t search_begins_ms(const struct ring *ring)
{
	struct ring_cursor c = ring_begin(ring);
	struct event_view v;
	struct span bytes;

	if (!ring_next(ring, &c, &bytes) || event_view(bytes, &v) != PR_OK)
		return 0;
	return v.wall_ms;
}
