#include "wire/settings_value.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/ip.h"
#include "base/quantity.h"
#include "base/text.h"
#include "wire/network.h"

#define PATH_TEXT_MAX 4095	/* PATH_MAX of Linux without its NUL */
#define WORD_MAX      1024	/* longer than any name, cipher list or address that makes sense */
#define PORT_MAX      65535

/* One key of one section, about to be set. */
struct target {
	struct settings *s;
	const struct set_key *key;
	void *at;
	const struct span *texts;
	unsigned n;
	struct set_fault *fault;
};

static const struct quantity_unit RATES[] = {
	{ SPAN("day"), HOURS(24) }, { SPAN("h"), HOURS(1) }, { SPAN("min"), MINUTES(1) }, { SPAN("s"), SECONDS(1) }, { SPAN(""), 0 },
};

static enum pr_err bad(struct buf *why, const char *words)
{
	(void)buf_add_text(why, words);
	return PR_BAD;
}

/* ---- reading one value --------------------------------------------------- */

static void show_number(enum set_type type, int64_t value, struct buf *out)
{
	if (value == SET_OFF)
		(void)buf_add_text(out, "off");
	else if (type == SET_SIZE && value)
		quantity_show(value, QUANTITY_SIZES, out);
	else if (type == SET_DURATION)
		quantity_show(value, QUANTITY_TIMES, out);
	else
		(void)buf_printf(out, "%lld", (long long)value);
}

static enum pr_err in_bounds(const struct target *t, int64_t value)
{
	const struct set_key *key = t->key;

	if (value < key->min) {
		(void)buf_add_text(&t->fault->why, "is less than ");
		show_number(key->type, key->min, &t->fault->why);
		return PR_BAD;
	}
	if (key->max && value > key->max) {
		(void)buf_add_text(&t->fault->why, "is more than ");
		show_number(key->type, key->max, &t->fault->why);
		return PR_BAD;
	}
	return PR_OK;
}

static bool says_off(const struct target *t, struct span text)
{
	return settings_value_may_be_off(t->key) && span_eq(text, SPAN("off"));
}

static enum pr_err read_quantity(const struct target *t, struct span text, int64_t *out)
{
	unsigned long long count;

	if (says_off(t, text)) {
		*out = SET_OFF;
		return PR_OK;
	}
	if (t->key->type == SET_SIZE) {
		if (!quantity_read(text, QUANTITY_SIZES, out))
			return bad(&t->fault->why, "is no size: 50MB, 16KB");
	} else if (t->key->type != SET_INT) {
		if (!quantity_read(text, QUANTITY_TIMES, out))
			return bad(&t->fault->why, "is no duration: 30s, 5min, 2h, 1d");
	} else {
		if (!span_to_u64(text, INT64_MAX, &count))
			return bad(&t->fault->why, "is no number");
		*out = (int64_t)count;
	}
	return in_bounds(t, *out);
}

static bool is_word(struct span text, size_t max)
{
	if (text.len > max || !text_is_utf8(text))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f)
			return false;
	return true;
}

static bool is_host_text(struct span host)
{
	for (size_t i = 0; i < host.len; i++)
		if (!text_is_alpha(host.at[i]) && !text_is_digit(host.at[i]) && !memchr("-._", host.at[i], 3))
			return false;
	return host.len > 0 && host.len <= 253;
}

bool settings_socket_split(struct span socket, struct span *host, unsigned *port)
{
	unsigned char bytes[16];
	unsigned long long number;
	size_t colon;
	bool is_v6 = socket.len && socket.at[0] == '[';

	for (colon = socket.len; colon > 0 && socket.at[colon - 1] != ':'; colon--)
		;
	if (colon == 0 || !span_to_u64(span_from(socket, colon), PORT_MAX, &number) || number == 0)
		return false;
	*port = (unsigned)number;
	*host = span_first(socket, colon - 1);
	if (!is_v6)
		return is_host_text(*host);
	if (host->len < 2 || host->at[host->len - 1] != ']')
		return false;
	*host = span_of(host->at + 1, host->len - 2);
	return ip_read(*host, bytes) == 6;
}

static enum pr_err read_socket(const struct target *t, struct span text)
{
	struct span host;
	unsigned port;
	bool is_unix = text.len > 5 && memcmp(text.at, "unix:", 5) == 0;

	if (is_unix && text.at[5] == '/' && text.len - 5 < 108 && is_word(text, WORD_MAX))	/* sun_path of Linux */
		return PR_OK;
	if (!is_unix && settings_socket_split(text, &host, &port))
		return PR_OK;
	return bad(&t->fault->why, "is no socket: \"127.0.0.1:24\", \"[::1]:24\", \"unix:/path\"");
}

static enum pr_err read_rate(const struct target *t, struct span text, struct set_rate *out)
{
	struct span unit = text, count = span_cut(&unit, '/');
	const struct quantity_unit *per = quantity_unit_find(RATES, unit);
	unsigned long long n;

	if (!per || !span_to_u64(count, INT32_MAX, &n) || n == 0)
		return bad(&t->fault->why, "is no rate: 600/min, 20/h, 1000/day");
	*out = (struct set_rate){ .count = (int64_t)n, .per_ms = per->worth };
	return PR_OK;
}

/* ---- setting a key ------------------------------------------------------- */

static enum pr_err set_bool(const struct target *t)
{
	if (!span_eq(t->texts[0], SPAN("yes")) && !span_eq(t->texts[0], SPAN("no")))
		return bad(&t->fault->why, "is neither yes nor no");
	*(bool *)t->at = t->texts[0].len == 3;
	return PR_OK;
}

static enum pr_err set_quantity(const struct target *t)
{
	int64_t value;
	enum pr_err err = read_quantity(t, t->texts[0], &value);

	if (err == PR_OK)
		*(int64_t *)t->at = value;
	return err;
}

static enum pr_err set_enum(const struct target *t)
{
	struct span rest = span_of_text(t->key->choices);

	for (int i = 0; rest.len; i++)
		if (span_eq(span_cut(&rest, '|'), t->texts[0])) {
			*(int *)t->at = i;
			return PR_OK;
		}
	(void)buf_add_text(&t->fault->why, "is none of");
	for (rest = span_of_text(t->key->choices); rest.len;) {
		struct span choice = span_cut(&rest, '|');

		(void)buf_printf(&t->fault->why, " %.*s%s", SPAN_ARG(choice), rest.len ? "," : "");
	}
	return PR_BAD;
}

static enum pr_err set_text(const struct target *t)
{
	struct span text = t->texts[0];
	bool is_path = t->key->type == SET_PATH;
	enum pr_err err = PR_OK;

	if (text.len == 0)
		return bad(&t->fault->why, "is empty");
	if (!is_word(text, is_path ? PATH_TEXT_MAX : WORD_MAX))
		return bad(&t->fault->why, "is too long or holds a control character");
	if (is_path && text.at[0] != '/')
		return bad(&t->fault->why, "is no absolute path");
	if (t->key->type == SET_SOCKET)
		err = read_socket(t, text);
	if (err == PR_OK)
		*(const char **)t->at = settings_text(t->s, text);
	return err;
}

static const char *canonical_address(struct settings *s, struct span text)
{
	unsigned char bytes[16];
	unsigned family = ip_read(text, bytes);
	char word[INET6_ADDRSTRLEN];

	if (family == 0)
		return NULL;
	inet_ntop(family == 6 ? AF_INET6 : AF_INET, bytes, word, sizeof(word));
	return settings_text(s, span_of_text(word));
}

static enum pr_err set_list(const struct target *t)
{
	const char **at = settings_alloc(t->s, sizeof(*at) * t->n);

	for (unsigned i = 0; i < t->n; i++) {
		t->fault->which = i;
		if (t->key->type == SET_SOCKETS) {
			if (read_socket(t, t->texts[i]) != PR_OK)
				return PR_BAD;
			at[i] = settings_text(t->s, t->texts[i]);
		} else {
			at[i] = canonical_address(t->s, t->texts[i]);
			if (!at[i])
				return bad(&t->fault->why, "is no IP address");
		}
	}
	*(struct set_list *)t->at = (struct set_list){ .n = t->n, .at = at };
	return PR_OK;
}

static enum pr_err set_durations(const struct target *t)
{
	int64_t *at = settings_alloc(t->s, sizeof(*at) * t->n);

	for (unsigned i = 0; i < t->n; i++) {
		t->fault->which = i;
		if (read_quantity(t, t->texts[i], &at[i]) != PR_OK)
			return PR_BAD;
	}
	*(struct set_durations *)t->at = (struct set_durations){ .n = t->n, .at = at };
	return PR_OK;
}

static enum pr_err set_networks(const struct target *t)
{
	struct set_network *at = settings_alloc(t->s, sizeof(*at) * t->n);

	for (unsigned i = 0; i < t->n; i++) {
		t->fault->which = i;
		if (network_read(t->texts[i], &at[i], &t->fault->why) != PR_OK)
			return PR_BAD;
	}
	*(struct set_networks *)t->at = (struct set_networks){ .n = t->n, .at = at };
	return PR_OK;
}

static enum pr_err set_rates(const struct target *t)
{
	struct set_rates rates = { .n = t->n };

	if (t->n == 1 && says_off(t, t->texts[0])) {
		*(struct set_rates *)t->at = (struct set_rates){ .n = 0 };
		return PR_OK;
	}
	if (t->n > SET_RATES_MAX)
		return bad(&t->fault->why, "is one rate too many: 4 at most");
	for (unsigned i = 0; i < t->n; i++) {
		t->fault->which = i;
		if (read_rate(t, t->texts[i], &rates.at[i]) != PR_OK)
			return PR_BAD;
	}
	*(struct set_rates *)t->at = rates;
	return PR_OK;
}

/* ---- showing a value ----------------------------------------------------- */

static bool is_bare(struct span word)
{
	for (size_t i = 0; i < word.len; i++)
		if (!text_is_alpha(word.at[i]) && !text_is_digit(word.at[i]) && !memchr("._@:-", word.at[i], 5))
			return false;
	return word.len > 0;
}

void settings_word_show(struct span word, struct buf *out)
{
	if (is_bare(word)) {
		(void)buf_add(out, word);
		return;
	}
	(void)buf_add_char(out, '"');
	for (size_t i = 0; i < word.len; i++) {
		if (word.at[i] == '"' || word.at[i] == '\\')
			(void)buf_add_char(out, '\\');
		(void)buf_add_char(out, word.at[i]);
	}
	(void)buf_add_char(out, '"');
}

static void show_bool(const struct set_key *key, const void *at, struct buf *out)
{
	(void)key;
	(void)buf_add_text(out, *(const bool *)at ? "yes" : "no");
}

static void show_quantity(const struct set_key *key, const void *at, struct buf *out)
{
	int64_t value = *(const int64_t *)at;

	if (value || key->deflt[0])
		show_number(key->type, value, out);
}

static void show_enum(const struct set_key *key, const void *at, struct buf *out)
{
	struct span rest = span_of_text(key->choices), choice = SPAN_NONE;

	for (int i = 0; i <= *(const int *)at; i++)
		choice = span_cut(&rest, '|');
	(void)buf_add(out, choice);
}

static void show_text(const struct set_key *key, const void *at, struct buf *out)
{
	const char *text = *(const char *const *)at;

	(void)key;
	if (text)
		settings_word_show(span_of_text(text), out);
}

static void open_list(unsigned n, struct buf *out)
{
	(void)buf_add_text(out, n > 1 ? "{" : "");
}

static void next_in_list(unsigned i, struct buf *out)
{
	(void)buf_add_text(out, i ? ", " : "");
}

static void close_list(unsigned n, struct buf *out)
{
	(void)buf_add_text(out, n > 1 ? "}" : "");
}

static void show_list(const struct set_key *key, const void *at, struct buf *out)
{
	const struct set_list *list = at;

	(void)key;
	open_list(list->n, out);
	for (unsigned i = 0; i < list->n; i++) {
		next_in_list(i, out);
		settings_word_show(span_of_text(list->at[i]), out);
	}
	close_list(list->n, out);
}

static void show_durations(const struct set_key *key, const void *at, struct buf *out)
{
	const struct set_durations *list = at;

	(void)key;
	open_list(list->n, out);
	for (unsigned i = 0; i < list->n; i++) {
		next_in_list(i, out);
		show_number(SET_DURATION, list->at[i], out);
	}
	close_list(list->n, out);
}

static void show_networks(const struct set_key *key, const void *at, struct buf *out)
{
	const struct set_networks *list = at;

	(void)key;
	open_list(list->n, out);
	for (unsigned i = 0; i < list->n; i++) {
		next_in_list(i, out);
		network_show(&list->at[i], out);
	}
	close_list(list->n, out);
}

static void show_rates(const struct set_key *key, const void *at, struct buf *out)
{
	const struct set_rates *rates = at;

	(void)key;
	if (rates->n == 0)
		(void)buf_add_text(out, "off");
	open_list(rates->n, out);
	for (unsigned i = 0; i < rates->n; i++) {
		const struct quantity_unit *unit = RATES;

		while (unit->worth != rates->at[i].per_ms)
			unit++;
		next_in_list(i, out);
		(void)buf_printf(out, "%lld/%s", (long long)rates->at[i].count, unit->name.at);
	}
	close_list(rates->n, out);
}

/* ---- the types ----------------------------------------------------------- */

static const struct type {
	enum pr_err (*set)(const struct target *);
	void (*show)(const struct set_key *, const void *, struct buf *);
	size_t size;
	bool is_list;
	const char *text;
} types[] = {
	[SET_BOOL] = { set_bool, show_bool, sizeof(bool), false, "yes or no" },
	[SET_INT] = { set_quantity, show_quantity, sizeof(int64_t), false, "a number" },
	[SET_SIZE] = { set_quantity, show_quantity, sizeof(int64_t), false, "a size: 20MB" },
	[SET_DURATION] = { set_quantity, show_quantity, sizeof(int64_t), false, "a duration: 5min" },
	[SET_ENUM] = { set_enum, show_enum, sizeof(int), false, "a word" },
	[SET_TEXT] = { set_text, show_text, sizeof(char *), false, "text" },
	[SET_WORD] = { set_text, show_text, sizeof(char *), false, "a word" },
	[SET_PATH] = { set_text, show_text, sizeof(char *), false, "an absolute path" },
	[SET_HOST] = { set_text, show_text, sizeof(char *), false, "a host name" },
	[SET_ADDRESS] = { set_text, show_text, sizeof(char *), false, "an address: anna@example.org" },
	[SET_SOCKET] = { set_text, show_text, sizeof(char *), false, "a socket: \"127.0.0.1:24\" or \"unix:/path\"" },
	[SET_REF] = { set_text, show_text, sizeof(char *), false, "a name" },
	[SET_ADDRESSES] = { set_list, show_list, sizeof(struct set_list), true, "IP addresses" },
	[SET_SOCKETS] = { set_list, show_list, sizeof(struct set_list), true, "sockets: \"127.0.0.1:53\"" },
	[SET_DURATIONS] = { set_durations, show_durations, sizeof(struct set_durations), true, "durations: {5min, 1h}" },
	[SET_NETWORKS] = { set_networks, show_networks, sizeof(struct set_networks), true, "networks: {192.0.2.0/24, 2001:db8::/32}" },
	[SET_RATES] = { set_rates, show_rates, sizeof(struct set_rates), true, "rates: 600/min or {200/h, 1000/day}" },
};

static void *value_at(const struct set_key *key, void *section)
{
	return (char *)section + key->offset;
}

enum pr_err settings_value_set(struct settings *s, const struct set_key *key, void *section, const struct span *texts, unsigned n,
    struct set_fault *fault)
{
	const struct target t = { s, key, value_at(key, section), texts, n, fault };

	fault->which = 0;
	if (n > 1 && !types[key->type].is_list)
		return bad(&fault->why, "is a list where one value belongs");
	return types[key->type].set(&t);
}

enum pr_err settings_value_clear(const struct set_key *key, void *section)
{
	if (!types[key->type].is_list || key->type == SET_DURATIONS)
		return PR_BAD;
	memset(value_at(key, section), 0, types[key->type].size);
	return PR_OK;
}

#define DEFAULTS_MAX 16	/* values in the longest list of the table */

void settings_value_reset(struct settings *s, const struct set_key *key, void *section)
{
	struct span texts[DEFAULTS_MAX], rest = span_of_text(key->deflt);
	struct set_fault fault;
	unsigned n = 0;

	memset(value_at(key, section), 0, types[key->type].size);
	if (rest.len == 0)
		return;
	if (rest.at[0] == '{')
		rest = span_of(rest.at + 1, rest.len - 2);
	if (types[key->type].is_list)
		while (rest.len && n < DEFAULTS_MAX)
			texts[n++] = span_trim(span_cut(&rest, ','));
	else
		texts[n++] = rest;
	buf_init(&fault.why, 256);
	BUG_ON(settings_value_set(s, key, section, texts, n, &fault) != PR_OK);
	buf_fini(&fault.why);
}

void settings_value_show(const struct set_key *key, const void *section, struct buf *out)
{
	types[key->type].show(key, (const char *)section + key->offset, out);
}

bool settings_value_is_list(const struct set_key *key)
{
	return types[key->type].is_list;
}

bool settings_value_may_be_off(const struct set_key *key)
{
	return key->type != SET_ENUM && strcmp(key->choices, "off") == 0;
}

const char *settings_type_text(enum set_type type)
{
	return types[type].text;
}
