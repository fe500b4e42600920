/* A configuration as bytes, from the master to one program:
 *
 *   configuration = reader generation *kind      ; u8, u32; kinds in the order of the table
 *   kind          = [ count ] *section           ; u16 where it may repeat
 *   section       = title line *value            ; the values that the reader is told
 *   title, text   = length bytes                 ; u32; NONE where it is NULL
 *
 * Numbers are little endian. What a reader is not told has its default. */
#include "wire/settings.h"

#define NONE         UINT32_MAX
#define LIST_MAX     65535	/* values of a list: far more than a file of the largest size can hold in practice */
#define TEXT_MAX     8192	/* above every ceiling of the parser */

/* ---- writing ------------------------------------------------------------- */

struct writer {
	char reader;
	struct buf *out;
};

static void put(struct writer *w, uint64_t value, size_t len)
{
	char le[8];

	for (size_t i = 0; i < len; i++)
		le[i] = (char)(value >> 8 * i);
	(void)buf_add(w->out, span_of(le, len));
}

static void put_text(struct writer *w, const char *text)
{
	struct span s = span_of_text(text);

	put(w, text ? s.len : NONE, 4);
	(void)buf_add(w->out, s);
}

static void put_list(struct writer *w, const struct set_list *list)
{
	put(w, list->n, 4);
	for (unsigned i = 0; i < list->n; i++)
		put_text(w, list->at[i]);
}

static void put_durations(struct writer *w, const struct set_durations *list)
{
	put(w, list->n, 4);
	for (unsigned i = 0; i < list->n; i++)
		put(w, (uint64_t)list->at[i], 8);
}

static void put_networks(struct writer *w, const struct set_networks *nets)
{
	put(w, nets->n, 4);
	for (unsigned i = 0; i < nets->n; i++) {
		put(w, nets->at[i].family, 1);
		put(w, nets->at[i].bits, 1);
		(void)buf_add(w->out, span_of((const char *)nets->at[i].address, sizeof(nets->at[i].address)));
	}
}

static void put_rates(struct writer *w, const struct set_rates *rates)
{
	put(w, rates->n, 4);
	for (unsigned i = 0; i < rates->n; i++) {
		put(w, (uint64_t)rates->at[i].count, 8);
		put(w, (uint64_t)rates->at[i].per_ms, 8);
	}
}

static void put_value(struct writer *w, const struct set_key *key, const void *at)
{
	switch (key->type) {
	case SET_BOOL:
		put(w, *(const bool *)at, 1);
		return;
	case SET_ENUM:
		put(w, (uint64_t)*(const int *)at, 1);
		return;
	case SET_INT:
	case SET_SIZE:
	case SET_DURATION:
		put(w, (uint64_t)*(const int64_t *)at, 8);
		return;
	case SET_ADDRESSES:
	case SET_SOCKETS:
		put_list(w, at);
		return;
	case SET_DURATIONS:
		put_durations(w, at);
		return;
	case SET_NETWORKS:
		put_networks(w, at);
		return;
	case SET_RATES:
		put_rates(w, at);
		return;
	case SET_TEXT:
	case SET_WORD:
	case SET_PATH:
	case SET_HOST:
	case SET_ADDRESS:
	case SET_SOCKET:
	case SET_REF:
		put_text(w, *(const char *const *)at);
	}
}

static bool is_told(const struct set_key *key, char reader)
{
	return strchr(key->readers, reader) != NULL;
}

static void put_section(struct writer *w, const struct set_kind *kind, const struct set_section *section)
{
	put_text(w, section->title);
	put(w, section->line, 4);
	for (unsigned i = 0; i < kind->n_keys; i++)
		if (is_told(&kind->keys[i], w->reader))
			put_value(w, &kind->keys[i], (const char *)section + kind->keys[i].offset);
}

enum pr_err settings_encode(const struct settings *s, char reader, struct buf *out)
{
	struct writer w = { reader, out };

	put(&w, (unsigned char)reader, 1);
	put(&w, s->generation, 4);
	for (unsigned k = 0; k < settings_n_kinds; k++) {
		const struct set_kind *kind = &settings_kinds[k];
		unsigned n = settings_count(s, kind);

		if (!kind->once)
			put(&w, n, 2);
		for (unsigned i = 0; i < n; i++)
			put_section(&w, kind, settings_section(s, kind, i));
	}
	return out->overflowed ? PR_FULL : PR_OK;
}

/* ---- reading ------------------------------------------------------------- */

/* After the first fault everything reads as zero and `bad` stays. */
struct reader {
	struct settings *s;
	struct span rest;
	char reader;
	bool bad;
};

static uint64_t take(struct reader *r, size_t len)
{
	uint64_t value = 0;

	if (r->rest.len < len) {
		r->bad = true;
		return 0;
	}
	for (size_t i = len; i-- > 0;)
		value = value << 8 | (unsigned char)r->rest.at[i];
	r->rest = span_from(r->rest, len);
	return value;
}

static const char *take_text(struct reader *r)
{
	uint64_t len = take(r, 4);
	struct span text;

	if (r->bad || len == NONE)
		return NULL;
	text = span_first(r->rest, (size_t)len);
	if (len > TEXT_MAX || text.len < len || memchr(text.at, '\0', text.len)) {
		r->bad = true;
		return NULL;
	}
	r->rest = span_from(r->rest, text.len);
	return settings_text(r->s, text);
}

/* No more than the bytes that are left can hold, each value needing at least `least` of them. */
static unsigned take_count(struct reader *r, size_t least)
{
	uint64_t n = take(r, 4);

	if (n > LIST_MAX || n * least > r->rest.len) {
		r->bad = true;
		return 0;
	}
	return (unsigned)n;
}

static int64_t take_quantity(struct reader *r, const struct set_key *key)
{
	int64_t value = (int64_t)take(r, 8);

	if (value == SET_OFF && strcmp(key->choices, "off") == 0)
		return value;
	if (value == 0 && key->deflt[0] == '\0')
		return value;
	if (value < key->min || (key->max && value > key->max))
		r->bad = true;
	return value;
}

static int take_choice(struct reader *r, const struct set_key *key)
{
	uint64_t choice = take(r, 1), n = 1;

	for (const char *c = key->choices; *c; c++)
		n += *c == '|';
	if (choice >= n)
		r->bad = true;
	return (int)choice;
}

static void take_list(struct reader *r, struct set_list *list)
{
	unsigned n = take_count(r, 4);
	const char **at = n ? settings_alloc(r->s, sizeof(*at) * n) : NULL;

	for (unsigned i = 0; i < n; i++) {
		at[i] = take_text(r);
		if (!at[i])
			r->bad = true;
	}
	*list = (struct set_list){ .n = n, .at = at };
}

static void take_durations(struct reader *r, const struct set_key *key, struct set_durations *list)
{
	unsigned n = take_count(r, 8);
	int64_t *at = n ? settings_alloc(r->s, sizeof(*at) * n) : NULL;

	for (unsigned i = 0; i < n; i++)
		at[i] = take_quantity(r, key);
	*list = (struct set_durations){ .n = n, .at = at };
}

static void take_network(struct reader *r, struct set_network *net)
{
	net->family = (unsigned char)take(r, 1);
	net->bits = (unsigned char)take(r, 1);
	if (r->rest.len < sizeof(net->address) || (net->family != 4 && net->family != 6) || net->bits > (net->family == 4 ? 32 : 128)) {
		r->bad = true;
		return;
	}
	memcpy(net->address, r->rest.at, sizeof(net->address));
	r->rest = span_from(r->rest, sizeof(net->address));
}

static void take_networks(struct reader *r, struct set_networks *nets)
{
	unsigned n = take_count(r, 2 + sizeof(nets->at->address));
	struct set_network *at = n ? settings_alloc(r->s, sizeof(*at) * n) : NULL;

	for (unsigned i = 0; i < n && !r->bad; i++)
		take_network(r, &at[i]);
	*nets = (struct set_networks){ .n = n, .at = at };
}

static void take_rates(struct reader *r, struct set_rates *rates)
{
	unsigned n = take_count(r, 16);

	if (n > SET_RATES_MAX) {
		r->bad = true;
		return;
	}
	rates->n = n;
	for (unsigned i = 0; i < n; i++) {
		rates->at[i].count = (int64_t)take(r, 8);
		rates->at[i].per_ms = (int64_t)take(r, 8);
		if (rates->at[i].count <= 0 || rates->at[i].per_ms <= 0)
			r->bad = true;
	}
}

static void take_bool(struct reader *r, bool *out)
{
	uint64_t value = take(r, 1);

	if (value > 1)
		r->bad = true;
	*out = value == 1;
}

static void take_value(struct reader *r, const struct set_key *key, void *at)
{
	switch (key->type) {
	case SET_BOOL:
		take_bool(r, at);
		return;
	case SET_ENUM:
		*(int *)at = take_choice(r, key);
		return;
	case SET_INT:
	case SET_SIZE:
	case SET_DURATION:
		*(int64_t *)at = take_quantity(r, key);
		return;
	case SET_ADDRESSES:
	case SET_SOCKETS:
		take_list(r, at);
		return;
	case SET_DURATIONS:
		take_durations(r, key, at);
		return;
	case SET_NETWORKS:
		take_networks(r, at);
		return;
	case SET_RATES:
		take_rates(r, at);
		return;
	case SET_TEXT:
	case SET_WORD:
	case SET_PATH:
	case SET_HOST:
	case SET_ADDRESS:
	case SET_SOCKET:
	case SET_REF:
		*(const char **)at = take_text(r);
	}
}

static void take_section(struct reader *r, const struct set_kind *kind, struct set_section *section)
{
	section->title = take_text(r);
	section->line = (unsigned)take(r, 4);
	if ((kind->title == NO_TITLE) != (section->title == NULL))
		r->bad = true;
	for (unsigned i = 0; i < kind->n_keys && !r->bad; i++)
		if (is_told(&kind->keys[i], r->reader))
			take_value(r, &kind->keys[i], (char *)section + kind->keys[i].offset);
}

static void take_kind(struct reader *r, const struct set_kind *kind)
{
	uint64_t n;

	if (kind->once) {
		take_section(r, kind, settings_section(r->s, kind, 0));
		return;
	}
	n = take(r, 2);
	for (uint64_t i = 0; i < n && !r->bad; i++)
		take_section(r, kind, settings_add_section(r->s, kind->name, NULL, 0));
}

enum pr_err settings_decode(struct span bytes, struct settings **out)
{
	struct reader r = { .s = settings_new(), .rest = bytes };

	r.reader = (char)take(&r, 1);
	if (!r.reader)
		r.bad = true;
	r.s->generation = (uint32_t)take(&r, 4);
	for (unsigned k = 0; k < settings_n_kinds && !r.bad; k++)
		take_kind(&r, &settings_kinds[k]);
	if (r.bad || r.rest.len) {
		settings_free(&r.s);
		return PR_BAD;
	}
	*out = r.s;
	return PR_OK;
}
