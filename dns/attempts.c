#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "dns/resolver_private.h"

/* ---- one attempt ------------------------------------------------------------------------- */

size_t resolver_packet(const struct resolver *r, const struct attempt *a, unsigned char out[PACKET_QUESTION_MAX])
{
	return packet_write(&a->query->now, a->id, !r->servers.at[a->server].is_plain, out);
}

static void tell_server(struct resolver *r, unsigned server, enum resolver_effect_kind kind)
{
	resolver_effect_add(r, kind)->server = server;
}

/* A probe's question is none that a server must answer to serve us. */
static void note_silence(struct resolver *r, const struct attempt *a, int64_t now)
{
	if (a->query->pinned == ANY_SERVER && server_silent(&r->servers.at[a->server], now))
		tell_server(r, a->server, RESOLVER_TELL_DOWN);
}

void resolver_note_answer(struct resolver *r, unsigned server)
{
	if (server_answered(&r->servers.at[server]))
		tell_server(r, server, RESOLVER_TELL_BACK);
}

void attempt_close(struct resolver *r, struct attempt *a)
{
	if (a->socket)
		resolver_effect_add(r, RESOLVER_CLOSE)->socket = a->socket;
	a->socket = NULL;
	a->is_open = false;
}

void query_close_attempts(struct resolver *r, struct query *q)
{
	for (unsigned i = 0; i < q->n_tries; i++)
		attempt_close(r, &q->tries[i]);
}

static bool has_open_attempt(const struct query *q)
{
	for (unsigned i = 0; i < q->n_tries; i++)
		if (q->tries[i].is_open)
			return true;
	return false;
}

struct attempt *attempt_find_streamed(struct resolver *r, unsigned server, uint16_t id)
{
	LIST_EACH(node, &r->flying) {
		struct query *q = query_of(node);

		for (unsigned i = 0; i < q->n_tries; i++) {
			struct attempt *a = &q->tries[i];

			if (a->is_open && a->is_stream && a->server == server && a->id == id)
				return a;
		}
	}
	return NULL;
}

static uint16_t draw_id(struct resolver *r, unsigned server, bool is_stream)
{
	uint16_t id;

	do
		random_bytes(&id, sizeof(id));
	while (is_stream && attempt_find_streamed(r, server, id));
	return id;
}

void query_open_attempt(struct resolver *r, struct query *q, unsigned server)
{
	struct attempt *a = &q->tries[q->n_tries];
	uint16_t id = draw_id(r, server, q->needs_stream);

	*a = (struct attempt){ .query = q, .server = server, .id = id, .is_open = true, .is_stream = q->needs_stream };
	q->n_tries++;
	q->asked_of[server]++;
	r->counts.sent++;
	r->counts.streamed += q->needs_stream;
	resolver_effect_add(r, q->needs_stream ? RESOLVER_SEND_STREAM : RESOLVER_SEND)->attempt = a;
}

/* ---- one after the other ----------------------------------------------------------------- */

/* False when nobody is left to be asked. */
static bool try_next(struct resolver *r, struct query *q, int64_t now)
{
	int server = q->pinned;

	if (server == ANY_SERVER)
		server = servers_choose(&r->servers, q->no, q->asked_of, now);
	else if (q->no & 1u << server)
		server = -1;
	if (server < 0 || q->n_tries == RESOLVER_TRIES_MAX)
		return false;
	query_open_attempt(r, q, (unsigned)server);
	return true;
}

static void arm(struct resolver *r, struct query *q, int64_t now)
{
	int64_t at = now + q->wait_ms;

	heap_set(&r->due, &q->due, at < q->deadline ? at : q->deadline);
}

void query_note_why(struct query *q, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(q->why, sizeof(q->why), fmt, args);
	va_end(args);
}

void query_ask_another(struct resolver *r, struct query *q, int64_t now)
{
	if (!try_next(r, q, now) && !has_open_attempt(q))
		query_give_up(r, q, now);
}

void attempt_says_no(struct resolver *r, struct attempt *a, int64_t now)
{
	struct query *q = a->query;

	q->no |= 1u << a->server;
	attempt_close(r, a);
	query_ask_another(r, q, now);
}

void query_begin_tries(struct resolver *r, struct query *q, int64_t now)
{
	q->no = 0;
	q->n_tries = 0;
	q->needs_stream = false;
	memset(q->asked_of, 0, sizeof(q->asked_of));
	q->wait_ms = r->rules.timeout_ms / FIRST_WAIT_PART;
	(void)try_next(r, q, now);
	arm(r, q, now);
}

/* ---- silence ----------------------------------------------------------------------------- */

/* The next try comes at its time where this was the only server; it may be back by then. */
void resolver_failed(struct resolver *r, struct attempt *a, int64_t now)
{
	struct query *q = a->query;
	int next;

	if (!a->is_open)
		return;
	query_note_why(q, "no answer from %s", r->servers.at[a->server].text);
	note_silence(r, a, now);
	attempt_close(r, a);
	next = q->pinned == ANY_SERVER ? servers_choose(&r->servers, q->no, q->asked_of, now) : -1;
	if (next >= 0 && q->asked_of[next] == 0)
		(void)try_next(r, q, now);
}

void resolver_stream_failed(struct resolver *r, unsigned server, int64_t now)
{
	LIST_EACH_SAFE(node, &r->flying) {
		struct query *q = query_of(node);

		for (unsigned i = 0; i < q->n_tries; i++)
			if (q->tries[i].is_stream && q->tries[i].server == server)
				resolver_failed(r, &q->tries[i], now);
	}
}

static void wait_is_over(struct resolver *r, struct query *q, int64_t now)
{
	const struct attempt *last = q->n_tries > 0 ? &q->tries[q->n_tries - 1] : NULL;

	if (last && last->is_open) {
		query_note_why(q, "no answer from %s", r->servers.at[last->server].text);
		note_silence(r, last, now);
	}
	if (now >= q->deadline) {
		if (!q->is_flying)
			query_note_why(q, "too many questions are under way");
		query_give_up(r, q, now);
		return;
	}
	q->wait_ms *= 2;
	(void)try_next(r, q, now);
	arm(r, q, now);
}

void resolver_tick(struct resolver *r, int64_t now)
{
	struct heap_node *first;

	while ((first = heap_first(&r->due)) && first->at <= now)
		wait_is_over(r, LIST_OWNER(first, struct query, due), now);
}
