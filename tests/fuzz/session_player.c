#include "tests/fuzz/session_player.h"

#include "base/err.h"
#include "base/mem.h"
#include "wire/settings_value.h"

struct world {
	struct house house;
	struct tally tally;
	struct effects fx;
	struct session *session;
	struct instant now;
	struct played *out;
	struct span choices;
	const struct player_rules *rules;
	struct buf body;
	bool asks_user, asks_server, asks_sender, asks_login, awaits_spool, asks_have, tls_begins, is_begun, is_checking, check_ended;
	int64_t check_window;
	uint32_t user;
	int64_t window;
};

static struct settings *settings;
static struct set_listen *listen_section;
static void *tally_memory;

static unsigned choice(struct world *w, unsigned n)
{
	unsigned char c;

	if (!w->rules->by_data || w->choices.len == 0)
		return 0;
	c = (unsigned char)w->choices.at[w->choices.len - 1];
	w->choices = span_first(w->choices, w->choices.len - 1);
	return c % n;
}

static void perform(struct world *w, struct effect *e)
{
	switch (e->type) {
	case FX_ASK_ADDRESS:
		w->asks_user = true;
		w->user = span_ends_nocase(e->text, SPAN("@a.b")) ? ADDRESS_OK : ADDRESS_UNKNOWN;
		return;
	case FX_ASK_SENDER: w->asks_sender = true; return;
	case FX_ASK_RECIPIENT: w->asks_server = true; return;
	case FX_DROP_RECIPIENT: w->asks_server = false; return;
	case FX_LOGIN:
	case FX_LOGIN_STEP:
		BUG_ON(w->asks_login || session_attempt(w->session).bytes.len > 12288);
		w->asks_login = true;
		return;
	case FX_DROP_LOGIN: w->asks_login = false; return;
	case FX_DROP_ADDRESS: w->asks_user = w->asks_sender = false; return;
	case FX_BEGIN:
		BUG_ON(w->is_begun || !w->house.spool_is_up);
		BUG_ON(!session_recipients(w->session) || session_envelope(w->session).sender.len > 254);
		w->is_begun = true;
		w->window = WIRE_WINDOW;
		buf_clear(&w->body);
		return;
	case FX_PART:
		BUG_ON(!w->is_begun || e->block->len == 0 || e->block->len > WIRE_PART_MAX);
		w->window -= (int64_t)e->block->len;
		BUG_ON(w->window < 0);
		buf_add(&w->body, pool_block_span(e->block));
		pool_give(&e->block);
		return;
	case FX_COMMIT:
		BUG_ON(!w->is_begun || e->commit.size != w->body.len);
		w->awaits_spool = true;
		buf_printf(&w->out->bodies, "%zu:", w->body.len);
		buf_add(&w->out->bodies, buf_span(&w->body));
		return;
	case FX_ABORT:
		BUG_ON(!w->is_begun);
		w->is_begun = w->awaits_spool = false;
		return;
	case FX_DROP_MAIL: w->is_begun = w->awaits_spool = w->asks_have = false; return;
	case FX_HAVE: w->asks_have = true; return;
	case FX_CHECK:
		BUG_ON(w->is_checking);
		w->is_checking = true;
		w->check_ended = false;
		w->check_window = WIRE_WINDOW;
		return;
	case FX_CHECK_PART:
		BUG_ON(!w->is_checking || w->check_ended || e->part.len == 0);
		w->check_window -= (int64_t)e->part.len;
		BUG_ON(w->check_window < 0);
		return;
	case FX_CHECK_END:
		BUG_ON(!w->is_checking || w->check_ended);
		w->check_ended = true;
		return;
	case FX_CHECK_CANCEL:
		BUG_ON(!w->is_checking);
		w->is_checking = false;
		return;
	case FX_START_TLS: w->tls_begins = true; return;
	case FX_CLOSE: w->out->closed = true; return;
	case FX_WITHDRAW:
	case FX_EVIDENCE:
	case FX_CHECK_STUCK:
	case FX_EVENT: return;
	}
}

static void feed(struct world *w, struct session_event ev)
{
	bool more;

	ev.now = w->now;
	more = session_feed(w->session, &ev, &w->fx);
	for (;;) {
		buf_add(&w->out->replies, buf_span(&w->fx.out));
		for (unsigned i = 0; i < w->fx.n; i++)
			perform(w, &w->fx.row[i]);
		effects_clear(&w->fx);
		if (!more)
			return;
		more = session_go_on(w->session, &w->fx);
	}
}

static void spool_restarts(struct world *w)
{
	w->house.spool_is_up = w->is_begun = w->awaits_spool = w->asks_have = false;
	feed(w, (struct session_event){ .type = SE_SPOOL_GONE });
	if (choice(w, 2) == 0) {
		w->house.spool_is_up = true;
		feed(w, (struct session_event){ .type = SE_SPOOL_BACK });
	}
}

static void verify_restarts(struct world *w)
{
	struct msg_id other = { { 9 } };
	const struct msg_id *id = session_mail_id(w->session);

	w->house.verify_is_up = w->is_checking = false;
	feed(w, (struct session_event){ .type = SE_VERIFY_GONE });
	if (choice(w, 2) == 0)
		feed(w, (struct session_event){ .type = SE_DIED_OVER, .id = id && choice(w, 2) ? id : &other });
	if (choice(w, 3) > 0)
		return;
	w->house.verify_is_up = true;
	feed(w, (struct session_event){ .type = SE_VERIFY_BACK });
}

static void tell_verdict(struct world *w)
{
	static const struct wire_check_done told[] = {
		{ .enhanced = { "", 0 }, .words = { "", 0 }, .quarantine = { "", 0 }, .fields = { "X: y\r\n", 6 } },
		{ .enhanced = { "", 0 }, .words = { "", 0 }, .quarantine = { "why", 3 }, .fields = { "", 0 } },
		{ .code = 550, .enhanced = { "5.7.1", 5 }, .words = { "no", 2 }, .quarantine = { "", 0 }, .fields = { "", 0 } },
		{ .code = 451, .enhanced = { "4.7.1", 5 }, .words = { "later", 5 }, .quarantine = { "", 0 }, .fields = { "", 0 } },
	};

	w->is_checking = false;
	feed(w, (struct session_event){ .type = SE_VERDICT, .checked = &told[choice(w, 4)] });
}

static bool answer_one(struct world *w)
{
	static const struct session_tls tls = { "TLSv1.3", "x", 128 };

	if (w->asks_user) {
		w->asks_user = false;
		feed(w, (struct session_event){ .type = SE_ADDRESS, .number = choice(w, 4) ? choice(w, 9) : w->user, .bytes = SPAN("next") });
	} else if (w->asks_server) {
		w->asks_server = false;
		if (choice(w, 4) == 3)
			feed(w, (struct session_event){ .type = SE_RECIPIENT_LOST });
		else
			feed(w, (struct session_event){ .type = SE_RECIPIENT, .number = choice(w, 5), .bytes = SPAN("no \xff"), .enhanced = SPAN("5.1.1") });
	} else if (w->asks_sender) {
		w->asks_sender = false;
		feed(w, (struct session_event){ .type = SE_SENDER, .number = choice(w, 4) });
	} else if (w->asks_login) {
		w->asks_login = false;
		if (choice(w, 3) == 1)
			feed(w, (struct session_event){ .type = SE_LOGIN_CHALLENGE, .bytes = SPAN("go on") });
		else
			feed(w, (struct session_event){ .type = SE_LOGIN_DONE, .number = choice(w, 5), .bytes = SPAN("a@a.b") });
	} else if (w->awaits_spool) {
		w->is_begun = w->awaits_spool = false;
		feed(w, (struct session_event){ .type = SE_STORED, .number = choice(w, 5) });
	} else if (w->asks_have) {
		w->asks_have = false;
		feed(w, (struct session_event){ .type = SE_HAVE, .number = choice(w, 2) });
	} else if (w->is_checking && w->check_ended) {
		tell_verdict(w);
	} else if (w->is_checking && w->check_window < WIRE_WINDOW && !w->rules->by_data) {
		uint32_t n = (uint32_t)(WIRE_WINDOW - w->check_window);

		w->check_window = WIRE_WINDOW;
		feed(w, (struct session_event){ .type = SE_CHECK_WINDOW, .number = n });
	} else if (w->tls_begins) {
		w->tls_begins = false;
		feed(w, (struct session_event){ .type = choice(w, 4) == 3 ? SE_TLS_FAILED : SE_TLS_UP, .tls = &tls });
	} else if (w->window < WIRE_WINDOW && w->is_begun && !w->rules->by_data) {
		uint32_t n = (uint32_t)(WIRE_WINDOW - w->window);

		w->window = WIRE_WINDOW;
		feed(w, (struct session_event){ .type = SE_WINDOW, .number = n });
	} else {
		return false;
	}
	return true;
}

static void trouble(struct world *w)
{
	switch (choice(w, 14)) {
	case 1: spool_restarts(w); return;
	case 2: feed(w, (struct session_event){ .type = SE_SPILL }); return;
	case 3:
		w->house.auth_is_up = false;
		w->asks_user = w->asks_sender = w->asks_login = false;
		feed(w, (struct session_event){ .type = SE_AUTH_GONE });
		return;
	case 4: w->house.auth_is_up = true; return;
	case 5:
		w->now.mono_ms += 1 + 500 * choice(w, 255);
		feed(w, (struct session_event){ .type = SE_TICK });
		return;
	case 6: feed(w, (struct session_event){ .type = SE_PEER_LEFT, .number = choice(w, 2) }); return;
	case 7:
		w->window += 30000;
		if (w->is_begun)
			feed(w, (struct session_event){ .type = SE_WINDOW, .number = 30000 });
		return;
	case 9: verify_restarts(w); return;
	case 10:
		w->check_window += 30000;
		if (w->is_checking)
			feed(w, (struct session_event){ .type = SE_CHECK_WINDOW, .number = 30000 });
		return;
	case 11:
		w->house.verify_is_up = true;
		feed(w, (struct session_event){ .type = SE_VERIFY_BACK });
		return;
	case 8:
		if (w->is_begun && !w->awaits_spool) {
			w->is_begun = false;
			feed(w, (struct session_event){ .type = SE_STORED, .number = STORED_NOT_IO });
		}
		return;
	default: return;
	}
}

/* Answers and deadlines, until it waits for its client. */
static void settle(struct world *w)
{
	for (unsigned rounds = 0; rounds < 10000 && !w->out->closed; rounds++) {
		if (answer_one(w))
			continue;
		if (session_wants_bytes(w->session) && session_due(w->session) > w->now.mono_ms)
			return;
		if (session_due(w->session) == INT64_MAX)
			return;
		if (session_due(w->session) > w->now.mono_ms)
			w->now.mono_ms = session_due(w->session);
		feed(w, (struct session_event){ .type = SE_TICK });
	}
}

/* Waits that our own answers slow down are over before the next bytes, so that cutting changes nothing. */
static void settle_delay(struct world *w)
{
	while (!w->out->closed && !w->rules->by_data && strcmp(session_step(w->session), "delay") == 0) {
		w->now.mono_ms = session_due(w->session);
		feed(w, (struct session_event){ .type = SE_TICK });
		settle(w);
	}
}

static void world_init(struct world *w, const struct player_rules *rules, struct played *out)
{
	struct client client, local;

	if (!settings) {
		settings = settings_new();
		settings->top.hostname = "mx.a.b";
		listen_section = settings_add_section(settings, "listen", "mx", 1);
		listen_section->tls = LISTEN_TLS_OFFERED;
		listen_section->auth = LISTEN_AUTH_OFFERED;
		listen_section->auth_plaintext = true;
		listen_section->early_talk = SEVERITY_NOTE;
		listen_section->max_size = 300000;
		listen_section->max_line = 5000;
		listen_section->max_header = 20000;
		tally_memory = mem_new(WIRE_TALLY_SIZE);
	}
	listen_section->dmarc = rules->checks ? CHECKS_ENFORCE : CHECKS_OFF;
	settings->verify.evidence = rules->checks ? "/evidence" : NULL;
	listen_section->bare_newline = rules->normalise ? NEWLINE_NORMALISE : NEWLINE_REFUSE;
	*w = (struct world){ .rules = rules, .out = out, .now = { 1000, 1795248000000 } };
	tally_init(&w->tally, tally_memory, 0);
	house_init(&w->house, settings, &w->tally);
	w->house.spool_is_up = w->house.auth_is_up = w->house.relay_is_up = w->house.verify_is_up = w->house.has_tls = true;
	effects_init(&w->fx);
	buf_init(&w->body, 1 << 22);
	buf_init(&out->replies, 1 << 22);
	buf_init(&out->bodies, 1 << 24);
	client_from_text(&client, SPAN("127.0.0.7"), 1);
	client_from_text(&local, SPAN("192.0.2.25"), 25);
	w->session = session_new(&w->house, 0, &client, &local, w);
}

/* The session may wipe what it was lent. */
static void feed_copy(struct world *w, struct span bytes)
{
	char *copy = mem_text(bytes);

	feed(w, (struct session_event){ .type = SE_BYTES, .bytes = span_of(copy, bytes.len) });
	mem_free(copy);
}

void session_play(struct span in, const struct player_rules *rules, struct played *out)
{
	struct world w;

	*out = (struct played){ 0 };
	world_init(&w, rules, out);
	w.choices = in;
	feed(&w, (struct session_event){ .type = SE_CONNECTED });
	settle(&w);
	while (in.len && !out->closed) {
		size_t n = rules->by_data ? 1 + choice(&w, 64) : rules->piece ? rules->piece : in.len;

		feed_copy(&w, span_first(in, n));
		in = span_from(in, n);
		settle(&w);
		settle_delay(&w);
		if (!out->closed)
			trouble(&w);
	}
	if (!out->closed)
		feed(&w, (struct session_event){ .type = SE_PEER_LEFT, .number = 1 });
	settle(&w);
	session_free(&w.session);
	BUG_ON(w.house.pool.used != 0);
	house_fini(&w.house);
	effects_fini(&w.fx);
	buf_fini(&w.body);
}

void played_fini(struct played *p)
{
	buf_fini(&p->replies);
	buf_fini(&p->bodies);
}
