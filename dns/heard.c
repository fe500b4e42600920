#include "dns/resolver_private.h"

/* ---- an answer that can be read ---------------------------------------------------------- */

static void follow(struct resolver *r, struct query *q, const struct finding *f, int64_t now)
{
	q->now.name = f->name;
	q->chain_ttl = f->ttl < q->chain_ttl ? f->ttl : q->chain_ttl;
	q->chain_ad = q->chain_ad && f->ad;
	q->chain_secure = q->chain_secure && f->secure;
	query_close_attempts(r, q);
	query_begin_tries(r, q, now);
}

static void take_finding(struct resolver *r, struct query *q, struct finding *f, int64_t now)
{
	f->ttl = f->ttl < q->chain_ttl ? f->ttl : q->chain_ttl;
	f->ad = f->ad && q->chain_ad;
	f->secure = f->secure && q->chain_secure;
	query_finish(r, q, f, now);
}

static void read_answer(struct resolver *r, struct attempt *a, struct span packet, int64_t now)
{
	const struct server *server = &r->servers.at[a->server];
	struct finding *f = &r->finding;
	struct query *q = a->query;
	unsigned hops = q->hops;
	enum packet_reading reading;

	finding_clear(f);
	reading = packet_read(packet, &q->now, &hops, f);
	f->secure = f->ad && server->is_trusted;
	if (reading == PACKET_ANSWERS || reading == PACKET_LEADS)
		q->hops = hops;
	switch (reading) {
	case PACKET_ANSWERS:
		take_finding(r, q, f, now);
		break;
	case PACKET_LEADS:
		follow(r, q, f, now);
		break;
	case PACKET_REFERS:
		query_note_why(q, "%s does not resolve for us", server->text);
		attempt_says_no(r, a, now);
		break;
	case PACKET_BROKEN:
		query_note_why(q, "%s: %s", server->text, f->why);
		attempt_says_no(r, a, now);
		break;
	}
}

/* ---- one that can not -------------------------------------------------------------------- */

static void turn_to_stream(struct resolver *r, struct attempt *a, int64_t now)
{
	struct query *q = a->query;
	unsigned server = a->server;

	if (a->is_stream) {
		query_note_why(q, "%s: the answer is cut, by TCP too", r->servers.at[server].text);
		attempt_says_no(r, a, now);
		return;
	}
	attempt_close(r, a);
	q->needs_stream = true;
	if (q->n_tries < RESOLVER_TRIES_MAX)
		query_open_attempt(r, q, server);
	else
		query_ask_another(r, q, now);
}

/* A server that does not know EDNS is asked without it, from now on. */
static bool turn_to_plain(struct resolver *r, struct attempt *a, unsigned rcode)
{
	struct server *server = &r->servers.at[a->server];
	struct query *q = a->query;
	unsigned number = a->server;

	if (server->is_plain || (rcode != RCODE_FORMAT && rcode != RCODE_NOT_KNOWN) || q->n_tries == RESOLVER_TRIES_MAX)
		return false;
	server->is_plain = true;
	attempt_close(r, a);
	query_open_attempt(r, q, number);
	return true;
}

static const char *rcode_text(unsigned rcode)
{
	static const char *const words[] = {
		[RCODE_FORMAT] = "FORMERR", [RCODE_FAILED] = "SERVFAIL", [RCODE_NOT_KNOWN] = "NOTIMP", [RCODE_REFUSED] = "REFUSED",
	};

	return rcode < sizeof(words) / sizeof(*words) && words[rcode] ? words[rcode] : "an error";
}

/* ---- packets ----------------------------------------------------------------------------- */

static void take_packet(struct resolver *r, struct attempt *a, const struct packet_head *head, struct span packet, int64_t now)
{
	resolver_note_answer(r, a->server);
	if (head->is_truncated) {
		turn_to_stream(r, a, now);
		return;
	}
	if (head->rcode == RCODE_OK || head->rcode == RCODE_NO_NAME) {
		read_answer(r, a, packet, now);
		return;
	}
	if (turn_to_plain(r, a, head->rcode))
		return;
	query_note_why(a->query, "%s says %s", r->servers.at[a->server].text, rcode_text(head->rcode));
	attempt_says_no(r, a, now);
}

void resolver_heard(struct resolver *r, struct attempt *a, struct span packet, int64_t now)
{
	struct packet_head head;

	if (!a->is_open)
		return;
	if (packet_look(packet, &a->query->now, &head) && head.id == a->id)
		take_packet(r, a, &head, packet, now);
	else if (++a->n_strange == RESOLVER_STRANGE_MAX)
		resolver_failed(r, a, now);
}

void resolver_heard_stream(struct resolver *r, unsigned server, struct span packet, int64_t now)
{
	uint16_t id;
	struct packet_head head;
	struct attempt *a;

	if (packet.len < sizeof(id))
		return;
	id = (uint16_t)((unsigned char)packet.at[0] << 8 | (unsigned char)packet.at[1]);
	a = attempt_find_streamed(r, server, id);
	if (a && packet_look(packet, &a->query->now, &head))
		take_packet(r, a, &head, packet, now);
}
