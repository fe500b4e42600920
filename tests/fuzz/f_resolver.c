/* The resolver among servers that say anything: a program of steps, each a byte and what belongs to it. Packets may be given
 * the id and the question of what was sent, so that they are heard. Whoever asks is answered once, and in time. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "dns/resolver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TIMEOUT   800
#define ASKERS    64
#define SENT_MAX  512
#define STEPS_MAX 400

struct asker {
	struct waiter waiter;
	bool is_open;
	int64_t deadline;
};

struct sent {
	struct attempt *attempt;
	unsigned server;
	bool is_stream;
	size_t len;
	unsigned char packet[PACKET_QUESTION_MAX];
};

static struct {
	struct resolver *r;
	int64_t now;
	struct asker askers[ASKERS];
	struct sent sent[SENT_MAX];
	unsigned n_sent, n_open, n_steps;
	struct span input;
} w;

static unsigned take(void)
{
	unsigned c = w.input.len ? (unsigned char)w.input.at[0] : 0;

	w.input = span_from(w.input, 1);
	return c;
}

static void note_sent(struct attempt *a, bool is_stream)
{
	struct sent *s = &w.sent[w.n_sent % SENT_MAX];

	if (s->attempt)		/* its place is needed: nobody will hear of it any more */
		s->attempt->socket = NULL;
	*s = (struct sent){ .attempt = is_stream ? NULL : a, .server = a->server, .is_stream = is_stream };
	s->len = resolver_packet(w.r, a, s->packet);
	if (!is_stream)
		a->socket = s;
	w.n_sent++;
}

static void perform(void)
{
	struct resolver_effect e;
	struct asker *asker;

	while (resolver_take(w.r, &e)) {
		if (e.kind == RESOLVER_SEND || e.kind == RESOLVER_SEND_STREAM)
			note_sent(e.attempt, e.kind == RESOLVER_SEND_STREAM);
		if (e.kind == RESOLVER_CLOSE)
			((struct sent *)e.socket)->attempt = NULL;
		if (e.kind != RESOLVER_ANSWER)
			continue;
		asker = LIST_OWNER(e.waiter, struct asker, waiter);
		BUG_ON(!asker->is_open || w.now > asker->deadline);
		asker->is_open = false;
		answer_unref(&e.answer);
	}
}

static void ask(void)
{
	static const uint16_t types[] = { RECORD_A, RECORD_MX, RECORD_TXT, RECORD_CNAME };
	unsigned c = take();
	struct asker *a = &w.askers[c % ASKERS];
	struct question q = { .type = types[c >> 6], .name = { .len = 9, .at = "a.example" } };

	if (a->is_open)
		return;
	q.name.at[0] = (char)('a' + c % 4);
	a->is_open = true;
	a->waiter.lane = (enum resolver_lane)(c / ASKERS % N_LANES);
	a->deadline = w.now + TIMEOUT;
	resolver_ask(w.r, &q, &a->waiter, w.now);
}

static void cancel(void)
{
	struct asker *a = &w.askers[take() % ASKERS];

	if (a->is_open)
		resolver_cancel(w.r, &a->waiter);
	a->is_open = false;
}

/* Hears what the input holds as an answer to something that was sent: from its flags on, or, with `whole`, from its first byte. */
static void hear(bool whole)
{
	struct sent *s = &w.sent[w.n_sent ? (w.n_sent - 1 - take() % 16) % SENT_MAX : 0];
	size_t len = take() * 4u, head = 0;
	unsigned char packet[2048];

	if (!whole && s->len > 11 + 12) {
		head = s->len - (s->packet[11] ? 11 : 0);
		memcpy(packet, s->packet, head);
		for (unsigned i = 2; i < 12; i++)
			packet[i] = (unsigned char)take();
		packet[2] |= 0x80;
		packet[4] = 0;
		packet[5] = 1;
	}
	len = len < w.input.len ? len : w.input.len;
	memcpy(packet + head, w.input.at, len);
	w.input = span_from(w.input, len);
	if (s->is_stream)
		resolver_heard_stream(w.r, s->server, span_of((char *)packet, head + len), w.now);
	else if (s->attempt)
		resolver_heard(w.r, s->attempt, span_of((char *)packet, head + len), w.now);
}

static void fail(void)
{
	struct sent *s = &w.sent[w.n_sent ? (w.n_sent - 1 - take() % 16) % SENT_MAX : 0];

	if (s->is_stream)
		resolver_stream_failed(w.r, s->server, w.now);
	else if (s->attempt)
		resolver_failed(w.r, s->attempt, w.now);
}

static void set_servers(unsigned choice)
{
	static const char *const texts[] = { "127.0.0.1", "192.0.2.2", "[2001:db8::3]:5353" };
	struct server_address servers[3];
	struct resolver_rules rules = { .timeout_ms = TIMEOUT, .cache_size = 4096, .trust_ad = (int)(choice / 3 % 3) };

	for (unsigned i = 0; i < 3; i++)
		BUG_ON(!server_address_from_text(span_of_text(texts[i]), &servers[i]));
	(void)resolver_set(w.r, &rules, servers, 1 + choice % 3, w.now);
}

static void pass(int64_t ms)
{
	int64_t then = w.now + ms;

	while (resolver_due(w.r) <= then) {
		w.now = resolver_due(w.r) > w.now ? resolver_due(w.r) : w.now;
		resolver_tick(w.r, w.now);
		perform();
	}
	w.now = then;
}

static void step(void)
{
	switch (take() % 8) {
	case 0: case 1: ask(); break;
	case 2: case 3: hear(false); break;
	case 4: hear(true); break;
	case 5: pass(take() * 4); break;
	case 6: fail(); break;
	default:
		if (take() % 4)
			cancel();
		else
			set_servers(take());
		break;
	}
	perform();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&w, 0, sizeof(w));
	w.r = resolver_new();
	w.input = span_of((const char *)data, size);
	set_servers(take());
	perform();
	while (w.input.len > 0 && w.n_steps++ < STEPS_MAX)
		step();
	pass(TIMEOUT);
	for (unsigned i = 0; i < ASKERS; i++)
		BUG_ON(w.askers[i].is_open);
	resolver_free(&w.r);
	return 0;
}
