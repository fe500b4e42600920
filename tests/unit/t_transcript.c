/* Plays the conversations of tests/transcript on the session core, with the clock in its hand.
 * Each conversation is played whole, octet by octet, and with each of its
 * client's texts cut at every octet: the result must not depend on it. The
 * language is described in tests/transcript/README. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/text.h"
#include "smtpd/session.h"
#include "wire/settings_value.h"

#define QUEUE_MAX 256

struct said {			/* what the session did: replies and effects apart, each in order */
	char *at[QUEUE_MAX];
	unsigned n, taken;
};

struct player {
	const char *file;
	unsigned line;
	struct settings *settings;
	struct set_listen *listen;
	struct tally tally;
	struct house house;
	struct effects fx;
	struct session *session;
	struct client client, local;
	struct instant now;
	struct buf reply, body, block, prefix, checked, quarantine;
	struct said replies, effects;
	bool by_hand_user, by_hand_spool, is_closed, has_events;
	bool answers_user, answers_spool, answers_sender, early;
	uint32_t user_answer, sender_answer, flags;
	char from_domain[256], body_hash[SHA256_LEN];	/* of the last message */
	/* how the client's texts are cut: text number `cut_block` at `cut_at`, or each octet alone */
	int cut_block, n_blocks;
	size_t cut_at, cut_len;
	bool octets, no_cut, is_file;
};

static void fault(const struct player *p, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));
static void fault(const struct player *p, const char *format, ...)
{
	va_list ap;
	char text[8192];

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (p->octets)
		fail_msg("%s:%u: %s (octet by octet)", p->file, p->line, text);
	if (p->cut_block >= 0)
		fail_msg("%s:%u: %s (text %d cut at %zu)", p->file, p->line, text, p->cut_block, p->cut_at);
	fail_msg("%s:%u: %s", p->file, p->line, text);
	abort();
}

/* ---- what the session says -------------------------------------------------- */

static void note(struct player *p, struct said *q, struct span text)
{
	if (q->n == QUEUE_MAX)
		fault(p, "it does too much");
	q->at[q->n++] = mem_text(text);
}

static void note_replies(struct player *p)
{
	struct span all;

	buf_add(&p->reply, buf_span(&p->fx.out));
	for (all = buf_span(&p->reply); all.len;) {
		size_t end = span_find(all, '\n');

		if (end == all.len)
			fault(p, "a reply without its end");
		note(p, &p->replies, span_first(all, end - 1));
		all = span_from(all, end + 1);
	}
	buf_clear(&p->reply);
}

static uint32_t default_user(struct span address)
{
	static const char *const here[] = { "alice@example.org", "bob@example.org", "postmaster@example.org", "postmaster" };

	for (unsigned i = 0; i < sizeof(here) / sizeof(here[0]); i++)
		if (span_eq_nocase(address, span_of_text(here[i])))
			return ADDRESS_OK;
	return span_ends_nocase(address, SPAN("@example.org")) ? ADDRESS_UNKNOWN : ADDRESS_FOREIGN;
}

static void note_text(struct player *p, const char *word, struct span text)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_add_text(&b, word);
	buf_add(&b, text);
	note(p, &p->effects, buf_span(&b));
	buf_fini(&b);
}

/* What the client said, with escapes. */
static void note_login(struct player *p, const char *word)
{
	struct session_attempt said = session_attempt(p->session);
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_add_text(&b, word);
	if (word[0] == 'l') {
		buf_add_text(&b, said.mechanism);
		buf_add_text(&b, said.is_initial ? " with " : "");
	}
	text_add_escaped(&b, said.bytes);
	note(p, &p->effects, buf_span(&b));
	buf_fini(&b);
}

/* alice may use her own address, whoever logged in. */
static void ask_sender(struct player *p, struct span address)
{
	if (p->by_hand_user) {
		note_text(p, "ask sender ", address);
		return;
	}
	p->answers_sender = true;
	p->sender_answer = address.len == 0 || span_eq(address, SPAN("alice@example.org")) ? SENDER_OWN : SENDER_FOREIGN;
}

static void note_begin(struct player *p)
{
	struct session_envelope e = session_envelope(p->session);

	buf_clear(&p->body);
	buf_clear(&p->prefix);
	if (!p->by_hand_spool)
		return;
	note_text(p, "begin ", e.sender);
	for (const struct recipient *r = session_recipients(p->session); r; r = r->next)
		note_text(p, "rcpt ", r->address);
}

static void perform(struct player *p, struct effect *e)
{
	switch (e->type) {
	case FX_ASK_ADDRESS:
		if (p->by_hand_user) {
			note_text(p, "ask user ", e->text);
		} else {
			p->answers_user = true;
			p->user_answer = default_user(e->text);
		}
		return;
	case FX_ASK_SENDER: ask_sender(p, e->text); return;
	case FX_ASK_RECIPIENT:
		note_text(p, "ask server of ", e->recipient.deliver);
		note_text(p, "ask recipient ", e->recipient.address);
		return;
	case FX_DROP_RECIPIENT: note(p, &p->effects, SPAN("drop recipient")); return;
	case FX_LOGIN: note_login(p, "login "); return;
	case FX_LOGIN_STEP: note_login(p, "step "); return;
	case FX_DROP_LOGIN: note(p, &p->effects, SPAN("drop login")); return;
	case FX_DROP_ADDRESS: note(p, &p->effects, SPAN("drop user")); return;
	case FX_BEGIN: note_begin(p); return;
	case FX_PART:
		buf_add(&p->body, pool_block_span(e->block));
		pool_give(&e->block);
		return;
	case FX_COMMIT:
		buf_add(&p->prefix, buf_span(&p->fx.prefix));
		buf_clear(&p->quarantine);
		buf_add(&p->quarantine, e->commit.quarantine);
		p->flags = e->commit.flags;
		snprintf(p->from_domain, sizeof(p->from_domain), "%.*s", SPAN_ARG(e->commit.from_domain));
		memset(p->body_hash, 0, sizeof(p->body_hash));
		if (e->commit.body_hash.len == SHA256_LEN)
			memcpy(p->body_hash, e->commit.body_hash.at, SHA256_LEN);
		if (e->commit.size != p->body.len)
			fault(p, "commit says %llu octets, %zu came", (unsigned long long)e->commit.size, p->body.len);
		if (p->by_hand_spool)
			note(p, &p->effects, SPAN("commit"));
		else
			p->answers_spool = true;
		return;
	case FX_ABORT: note(p, &p->effects, SPAN("abort")); return;
	case FX_DROP_MAIL: note(p, &p->effects, SPAN("drop mail")); return;
	case FX_WITHDRAW: note(p, &p->effects, SPAN("withdraw")); return;
	case FX_HAVE: note(p, &p->effects, SPAN("have")); return;
	case FX_CHECK:
		note_text(p, "check ", session_check(p->session).helo);
		buf_clear(&p->checked);
		return;
	case FX_CHECK_PART: buf_add(&p->checked, span_of(p->fx.checked.at + e->part.at, e->part.len)); return;
	case FX_CHECK_END: note(p, &p->effects, SPAN("end of check")); return;
	case FX_EVIDENCE: note(p, &p->effects, SPAN("evidence")); return;
	case FX_CHECK_STUCK: note(p, &p->effects, SPAN("verify is stuck")); return;
	case FX_CHECK_CANCEL: note(p, &p->effects, SPAN("cancel check")); return;
	case FX_START_TLS: note_text(p, "start tls", e->text.len ? SPAN(" with what came") : SPAN_NONE); return;
	case FX_EVENT: {
		struct event_view view;

		if (event_view(event_bytes(e->event), &view) != PR_OK)
			fault(p, "an event that can't be read");
		if (p->has_events)
			note_text(p, "event ", span_of_text(event_kinds[view.code].name));
		return;
	}
	case FX_CLOSE: p->is_closed = true; return;
	}
}

static void feed_one(struct player *p, struct session_event ev)
{
	bool more;

	ev.now = p->now;
	more = session_feed(p->session, &ev, &p->fx);
	for (;;) {
		note_replies(p);
		for (unsigned i = 0; i < p->fx.n; i++)
			perform(p, &p->fx.row[i]);
		effects_clear(&p->fx);
		if (!more)
			return;
		more = session_go_on(p->session, &p->fx);
	}
}

static void feed(struct player *p, struct session_event ev)
{
	feed_one(p, ev);
	for (;;) {
		if (p->answers_user) {
			p->answers_user = false;
			feed_one(p, (struct session_event){ .type = SE_ADDRESS, .number = p->user_answer });
		} else if (p->answers_sender) {
			p->answers_sender = false;
			feed_one(p, (struct session_event){ .type = SE_SENDER, .number = p->sender_answer });
		} else if (p->answers_spool) {
			p->answers_spool = false;
			feed_one(p, (struct session_event){ .type = SE_STORED, .number = STORED });
		} else {
			return;
		}
	}
}

static void tick_until(struct player *p, int64_t until)
{
	while (session_due(p->session) <= until) {
		int64_t due = session_due(p->session) > p->now.mono_ms ? session_due(p->session) : p->now.mono_ms;

		p->now.wall_ms += due - p->now.mono_ms;
		p->now.mono_ms = due;
		feed(p, (struct session_event){ .type = SE_TICK, .number = p->early });
	}
	p->now.wall_ms += until - p->now.mono_ms;
	p->now.mono_ms = until;
}

/* ---- words of the language ------------------------------------------------------ */

static int hex(char c)
{
	if (text_is_digit(c))
		return c - '0';
	c = text_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \r \n \t \\ \xHH */
static void add_unescaped(struct player *p, struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c != '\\' || i + 1 == text.len) {
			buf_add_char(out, c);
			continue;
		}
		c = text.at[++i];
		if (c == 'x' && i + 2 < text.len && hex(text.at[i + 1]) >= 0 && hex(text.at[i + 2]) >= 0) {
			buf_add_char(out, (char)(hex(text.at[i + 1]) * 16 + hex(text.at[i + 2])));
			i += 2;
		} else if (c == 'r' || c == 'n' || c == 't' || c == '\\') {
			buf_add_char(out, c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : '\\');
		} else {
			fault(p, "an escape that is none");
		}
	}
}

static bool takes(const char *word, struct span line, struct span *rest)
{
	struct span w = span_of_text(word);

	if (line.len < w.len || memcmp(line.at, w.at, w.len) != 0)
		return false;
	*rest = span_trim(span_from(line, w.len));
	return true;
}

static const struct set_key *listen_key(struct span path)
{
	for (unsigned k = 0; k < settings_n_kinds; k++)
		for (unsigned i = 0; strcmp(settings_kinds[k].name, "listen") == 0 && i < settings_kinds[k].n_keys; i++)
			if (span_eq(path, span_of_text(settings_kinds[k].keys[i].path)))
				return &settings_kinds[k].keys[i];
	return NULL;
}

static void set_listen(struct player *p, struct span words)
{
	struct span path = span_trim(span_cut(&words, '=')), value = span_trim(words);
	const struct set_key *key = listen_key(path);
	struct set_fault why = { 0 };

	if (!key)
		fault(p, "no such key");
	buf_init(&why.why, 1024);
	if (settings_value_set(p->settings, key, p->listen, &value, 1, &why) != PR_OK)
		fault(p, "the value %.*s", SPAN_ARG(buf_span(&why.why)));
	buf_fini(&why.why);
}

static int64_t duration(struct player *p, struct span text)
{
	unsigned long long n;
	struct span digits = text;
	int64_t unit = 1;

	if (span_ends_nocase(text, SPAN("ms"))) {
		digits = span_first(text, text.len - 2);
	} else if (span_ends_nocase(text, SPAN("min"))) {
		digits = span_first(text, text.len - 3);
		unit = 60000;
	} else if (span_ends_nocase(text, SPAN("s"))) {
		digits = span_first(text, text.len - 1);
		unit = 1000;
	}
	if (!span_to_u64(digits, 1000000000, &n))
		fault(p, "no duration");
	return (int64_t)n * unit;
}

static uint32_t word_of(struct player *p, struct span word, const char *const *words)
{
	for (uint32_t i = 0; words[i]; i++)
		if (span_eq(word, span_of_text(words[i])))
			return i;
	fault(p, "no such answer: %.*s", SPAN_ARG(word));
}

static void expect(struct player *p, struct said *q, struct span wanted)
{
	struct span got;
	bool is_begin = span_ends_nocase(wanted, SPAN("..."));

	if (q->taken == q->n)
		fault(p, "nothing came, wanted: %.*s", SPAN_ARG(wanted));
	got = span_of_text(q->at[q->taken]);
	if (is_begin)
		wanted = span_first(wanted, wanted.len - 3);
	if (got.len < wanted.len || memcmp(got.at, wanted.at, wanted.len) != 0 || (!is_begin && got.len != wanted.len))
		fault(p, "came: %s", q->at[q->taken]);
	q->taken++;
}

static const struct msg_id FILE_ID = { { 1, 2, 3 } };

static void begin(struct player *p)
{
	if (p->session)
		return;
	house_init(&p->house, p->settings, &p->tally);
	p->house.spool_is_up = p->house.auth_is_up = p->house.relay_is_up = p->house.verify_is_up = p->house.has_tls = true;
	if (p->listen->tls == LISTEN_TLS_AUTO)
		p->listen->tls = LISTEN_TLS_OFFERED;
	if (p->listen->bare_newline == NEWLINE_AUTO)
		p->listen->bare_newline = NEWLINE_REFUSE;
	p->session = session_new(&p->house, 0, &p->client, &p->local, p);
	if (p->is_file)
		session_is_dropped(p->session, &FILE_ID);
	feed(p, (struct session_event){ .type = SE_CONNECTED, .number = p->early });
	tick_until(p, p->now.mono_ms);
}

/* ---- the client's texts ---------------------------------------------------------- */

static void feed_bytes(struct player *p, struct span bytes)
{
	if (bytes.len)
		feed(p, (struct session_event){ .type = SE_BYTES, .bytes = bytes });
}

static void send_block(struct player *p)
{
	struct span all = buf_span(&p->block);
	size_t cut = p->n_blocks == p->cut_block ? p->cut_at : 0;

	if (all.len == 0)
		return;
	begin(p);
	if (p->n_blocks == p->cut_block)
		p->cut_len = all.len;
	if (p->octets) {
		for (size_t i = 0; i < all.len; i++)
			feed_bytes(p, span_of(all.at + i, 1));
	} else {
		feed_bytes(p, span_first(all, cut));
		feed_bytes(p, span_from(all, cut));
	}
	p->n_blocks++;
	buf_clear(&p->block);
}

static bool client_line(struct player *p, struct span line)
{
	struct span rest;
	unsigned long long n;

	if (line.len >= 2 && memcmp(line.at, "C:", 2) == 0) {
		rest = span_from(line, line.len > 2 && line.at[2] == ' ' ? 3 : 2);
		add_unescaped(p, &p->block, rest);
		buf_add(&p->block, SPAN("\r\n"));
		return true;
	}
	if (line.len >= 2 && memcmp(line.at, "c:", 2) == 0) {
		add_unescaped(p, &p->block, span_from(line, line.len > 2 && line.at[2] == ' ' ? 3 : 2));
		return true;
	}
	if (takes("repeat ", line, &rest)) {
		struct span count = span_cut(&rest, ' ');
		struct buf once;

		if (!span_to_u64(count, 1000000, &n))
			fault(p, "repeat how often?");
		buf_init(&once, 1 << 16);
		add_unescaped(p, &once, rest);
		while (n--)
			buf_add(&p->block, buf_span(&once));
		buf_fini(&once);
		return true;
	}
	return false;
}

/* ---- the rest --------------------------------------------------------------------------- */

static void check_text(struct player *p, const struct buf *got, struct span wanted, bool whole)
{
	struct buf text;
	struct span s;

	buf_init(&text, 1 << 20);
	add_unescaped(p, &text, wanted);
	s = buf_span(&text);
	if (whole ? !span_eq(s, buf_span(got)) : !memmem(got->at, got->len, s.at, s.len))
		fault(p, "it is: %.*s", (int)got->len, got->at);
	buf_fini(&text);
}

static void check_hash(struct player *p, struct span wanted)
{
	unsigned char hash[SHA256_LEN];
	struct buf text;

	buf_init(&text, 1 << 20);
	add_unescaped(p, &text, wanted);
	digest_sha256(buf_span(&text), hash);
	if (memcmp(p->body_hash, hash, SHA256_LEN) != 0)
		fault(p, "another body was hashed");
	buf_fini(&text);
}

static void check_flags(struct player *p, struct span words)
{
	static const char *const names[] = { "none", "smtputf8", "8bit", "ret-full", "ret-hdrs", "submitted", NULL };
	uint32_t wanted = 0;

	while (words.len)
		wanted |= (1u << word_of(p, span_cut(&words, ' '), names)) >> 1;
	if (p->flags != wanted)
		fault(p, "the flags are %u", p->flags);
}

/* `login RESULT [LOGIN]` */
static void tell_login(struct player *p, struct span words)
{
	static const char *const results[] = { "ok", "bad", "disabled", "busy", "mechanism", NULL };
	struct span result = span_cut(&words, ' ');

	feed(p, (struct session_event){ .type = SE_LOGIN_DONE, .number = word_of(p, result, results), .bytes = words, .proof = 1 });
}

/* `user RESULT`; `user ask SECTION` and `user ask-or-take SECTION`: its server knows. */
static void tell_user(struct player *p, struct span words)
{
	static const char *const users[] = { "ok", "unknown", "foreign", "loop", "temporary", "disabled", "too-large", "ask", "bounces", "forged", "expired", NULL };
	struct span result = span_cut(&words, ' ');
	bool takes = span_eq(result, SPAN("ask-or-take"));

	feed(p, (struct session_event){ .type = SE_ADDRESS, .number = takes ? ADDRESS_ASK : word_of(p, result, users),
	    .otherwise = takes ? ADDRESS_OK : ADDRESS_TEMPORARY, .bytes = words });
}

/* `recipient RESULT [CODE WORDS]` */
static void tell_recipient(struct player *p, struct span words)
{
	struct span result = span_cut(&words, ' '), code = span_cut(&words, ' ');
	uint32_t number = span_eq(result, SPAN("ok")) ? ADDRESS_OK : span_eq(result, SPAN("unknown")) ? ADDRESS_UNKNOWN : ADDRESS_TEMPORARY;
	struct buf text;

	buf_init(&text, 1 << 16);
	add_unescaped(p, &text, words);
	feed(p, (struct session_event){ .type = SE_RECIPIENT, .number = number, .bytes = buf_span(&text), .enhanced = code });
	buf_fini(&text);
}

/* `verdict take [FIELDS]`, `verdict junk WHY`, `verdict CODE ENHANCED WORDS` */
static void tell_verdict(struct player *p, struct span words)
{
	struct span what = span_cut(&words, ' ');
	struct wire_check_done done = { .enhanced = SPAN_NONE, .words = SPAN_NONE, .quarantine = SPAN_NONE, .fields = SPAN_NONE };
	unsigned long long code;
	struct buf text;

	buf_init(&text, 1 << 16);
	add_unescaped(p, &text, words);
	if (span_eq(what, SPAN("take"))) {
		done.fields = buf_span(&text);
	} else if (span_eq(what, SPAN("junk"))) {
		done.quarantine = words;
	} else if (span_to_u64(what, 599, &code)) {
		done.code = (uint16_t)code;
		done.enhanced = span_cut(&words, ' ');
		done.words = words;
	} else {
		fault(p, "which verdict?");
	}
	feed(p, (struct session_event){ .type = SE_VERDICT, .checked = &done });
	buf_fini(&text);
}

static void tell(struct player *p, struct span words)
{
	static const char *const senders[] = { "own", "foreign", "gone", "temporary", NULL };
	static const char *const results[] = { "stored", "full", "io", "bad", "aborted", NULL };
	static const char *const haves[] = { "no", "yes", NULL };
	struct span what = span_cut(&words, ' ');

	if (span_eq(what, SPAN("user")))
		tell_user(p, words);
	else if (span_eq(what, SPAN("recipient")))
		tell_recipient(p, words);
	else if (span_eq(what, SPAN("sender")))
		feed(p, (struct session_event){ .type = SE_SENDER, .number = word_of(p, words, senders) });
	else if (span_eq(what, SPAN("login")))
		tell_login(p, words);
	else if (span_eq(what, SPAN("challenge")))
		feed(p, (struct session_event){ .type = SE_LOGIN_CHALLENGE, .bytes = words });
	else if (span_eq(what, SPAN("spool")))
		feed(p, (struct session_event){ .type = SE_STORED, .number = word_of(p, words, results) });
	else if (span_eq(what, SPAN("have")))
		feed(p, (struct session_event){ .type = SE_HAVE, .number = word_of(p, words, haves) });
	else if (span_eq(what, SPAN("verdict")))
		tell_verdict(p, words);
	else if (span_eq(what, SPAN("check-window")))
		feed(p, (struct session_event){ .type = SE_CHECK_WINDOW, .number = (uint32_t)duration(p, words) });
	else if (span_eq(what, SPAN("window")))
		feed(p, (struct session_event){ .type = SE_WINDOW, .number = (uint32_t)duration(p, words) });
	else
		fault(p, "tell whom?");
}

static void peer_word(struct player *p, struct span line)
{
	static const struct session_tls tls = { "TLSv1.3", "TLS_AES_256_GCM_SHA384", 256 };

	if (span_eq(line, SPAN("spool gone"))) {
		p->house.spool_is_up = false;
		feed(p, (struct session_event){ .type = SE_SPOOL_GONE });
	} else if (span_eq(line, SPAN("spool back"))) {
		p->house.spool_is_up = true;
		feed(p, (struct session_event){ .type = SE_SPOOL_BACK });
	} else if (span_eq(line, SPAN("auth gone"))) {
		p->house.auth_is_up = false;
		feed(p, (struct session_event){ .type = SE_AUTH_GONE });
	} else if (span_eq(line, SPAN("auth back"))) {
		p->house.auth_is_up = true;
	} else if (span_eq(line, SPAN("verify gone"))) {
		p->house.verify_is_up = false;
		feed(p, (struct session_event){ .type = SE_VERIFY_GONE });
	} else if (span_eq(line, SPAN("verify back"))) {
		p->house.verify_is_up = true;
		feed(p, (struct session_event){ .type = SE_VERIFY_BACK });
	} else if (span_eq(line, SPAN("verify died over this"))) {
		feed(p, (struct session_event){ .type = SE_DIED_OVER, .id = session_mail_id(p->session) });
	} else if (span_eq(line, SPAN("verify died over another"))) {
		feed(p, (struct session_event){ .type = SE_DIED_OVER, .id = &FILE_ID });
	} else if (span_eq(line, SPAN("relay lost"))) {
		feed(p, (struct session_event){ .type = SE_RECIPIENT_LOST });
	} else if (span_eq(line, SPAN("relays gone"))) {
		p->house.relay_is_up = false;
		feed(p, (struct session_event){ .type = SE_RECIPIENT_LOST });
	} else if (span_eq(line, SPAN("tls up"))) {
		feed(p, (struct session_event){ .type = SE_TLS_UP, .tls = &tls });
		tick_until(p, p->now.mono_ms);
	} else if (span_eq(line, SPAN("tls failed"))) {
		feed(p, (struct session_event){ .type = SE_TLS_FAILED, .bytes = SPAN("handshake failure") });
	} else if (span_eq(line, SPAN("peer leaves"))) {
		feed(p, (struct session_event){ .type = SE_PEER_LEFT, .number = 1 });
	} else if (span_eq(line, SPAN("peer breaks"))) {
		feed(p, (struct session_event){ .type = SE_PEER_LEFT });
	} else if (span_eq(line, SPAN("spill"))) {
		feed(p, (struct session_event){ .type = SE_SPILL });
	} else if (span_eq(line, SPAN("peer talks early"))) {
		p->early = true;
		feed(p, (struct session_event){ .type = SE_TICK, .number = 1 });
	} else {
		fault(p, "not understood: %.*s", SPAN_ARG(line));
	}
}

static bool before_it_begins(struct player *p, struct span line)
{
	unsigned long long uid;
	struct span rest;

	if (takes("listen ", line, &rest)) {
		set_listen(p, rest);
	} else if (takes("client uid:", line, &rest)) {
		if (!span_to_u64(rest, UINT32_MAX, &uid))
			fault(p, "no uid");
		client_set_local(&p->client, (uint32_t)uid);
	} else if (span_eq(line, SPAN("file"))) {
		p->is_file = true;
	} else if (takes("client ", line, &rest)) {
		if (!client_from_text(&p->client, rest, 40000))
			fault(p, "no address");
	} else if (takes("hostname ", line, &rest)) {
		p->settings->top.hostname = settings_text(p->settings, rest);
	} else if (span_eq(line, SPAN("early"))) {
		p->early = true;
	} else if (span_eq(line, SPAN("user by hand"))) {
		p->by_hand_user = true;
	} else if (span_eq(line, SPAN("evidence is wanted"))) {
		p->settings->verify.evidence = settings_text(p->settings, SPAN("/evidence"));
	} else if (span_eq(line, SPAN("spool by hand"))) {
		p->by_hand_spool = true;
	} else if (span_eq(line, SPAN("show events"))) {
		p->has_events = true;
	} else if (span_eq(line, SPAN("whole"))) {
		p->no_cut = true;
	} else {
		return false;
	}
	return true;
}

/* Of a file: "taken", "later WORDS", "bad WORDS". */
static void check_result(struct player *p, struct span wanted)
{
	static const char *const names[] = { [DROP_TAKEN] = "taken", [DROP_LATER] = "later", [DROP_BAD] = "bad" };
	const char *words, *name = names[session_dropped(p->session, &words)];
	struct buf got;

	buf_init(&got, 1024);
	buf_printf(&got, "%s%s%s", name, words[0] ? " " : "", words);
	if (!span_eq(buf_span(&got), wanted))
		fault(p, "it is %.*s", SPAN_ARG(buf_span(&got)));
	buf_fini(&got);
}

static void drain(struct player *p, struct span words)
{
	struct span idle = span_cut(&words, ' ');

	p->house.draining = true;
	p->house.drain_began_at = p->now.mono_ms;
	p->house.drain_idle_ms = duration(p, idle);
	p->house.drain_deadline_at = p->now.mono_ms + duration(p, words);
	feed(p, (struct session_event){ .type = SE_DRAIN });
}

static void play_line(struct player *p, struct span line)
{
	unsigned long long n;
	struct span rest;

	if (client_line(p, line))
		return;
	send_block(p);
	if (before_it_begins(p, line))
		return;
	begin(p);
	if (takes("S:", line, &rest)) {
		expect(p, &p->replies, rest);
	} else if (takes("skip ", line, &rest)) {
		if (!span_to_u64(rest, 10000, &n) || p->replies.n - p->replies.taken < n)
			fault(p, "only %u replies came", p->replies.n - p->replies.taken);
		p->replies.taken += (unsigned)n;
	} else if (span_eq(line, SPAN("nothing"))) {
		if (p->replies.taken != p->replies.n)
			fault(p, "came: %s", p->replies.at[p->replies.taken]);
	} else if (takes("ask ", line, &rest) || takes("do ", line, &rest)) {
		expect(p, &p->effects, line.at[0] == 'a' ? line : rest);
	} else if (takes("wait ", line, &rest)) {
		tick_until(p, p->now.mono_ms + duration(p, rest));
	} else if (takes("tell ", line, &rest)) {
		tell(p, rest);
	} else if (takes("body ", line, &rest)) {
		check_text(p, &p->body, rest, true);
	} else if (takes("checked as ", line, &rest)) {
		check_text(p, &p->checked, rest, true);
	} else if (takes("checked octets ", line, &rest)) {
		if (!span_to_u64(rest, 1 << 30, &n) || p->checked.len != n)
			fault(p, "%zu octets", p->checked.len);
	} else if (takes("quarantine ", line, &rest)) {
		check_text(p, &p->quarantine, span_eq(rest, SPAN("none")) ? SPAN_NONE : rest, true);
	} else if (takes("prefix has ", line, &rest)) {
		check_text(p, &p->prefix, rest, false);
	} else if (takes("signed by ", line, &rest)) {
		if (!span_eq(rest, p->from_domain[0] ? span_of_text(p->from_domain) : SPAN("none")))
			fault(p, "it is by %s", p->from_domain);
	} else if (takes("hashed as ", line, &rest)) {
		check_hash(p, rest);
	} else if (takes("flags ", line, &rest)) {
		check_flags(p, rest);
	} else if (takes("size ", line, &rest)) {
		if (!span_to_u64(rest, 1 << 30, &n) || p->body.len != n)
			fault(p, "%zu octets", p->body.len);
	} else if (takes("drain ", line, &rest)) {
		drain(p, rest);
	} else if (takes("result ", line, &rest)) {
		check_result(p, rest);
	} else if (span_eq(line, SPAN("closed"))) {
		if (!p->is_closed)
			fault(p, "it is open, in step %s", session_step(p->session));
	} else if (span_eq(line, SPAN("open"))) {
		if (p->is_closed)
			fault(p, "it is closed");
	} else if (takes("costs ", line, &rest)) {
		if (!span_to_u64(rest, SIZE_MAX, &n) || p->house.pool.used != n)
			fault(p, "%zu octets of the pool are in use", p->house.pool.used);
	} else if (span_eq(line, SPAN("idle costs nothing"))) {
		if (p->house.pool.used)
			fault(p, "%zu octets of the pool are in use", p->house.pool.used);
	} else {
		peer_word(p, line);
	}
}

/* ---- one conversation ----------------------------------------------------------------------- */

static void *tally_memory;
static int64_t n_plays;

static void player_init(struct player *p, const char *file)
{
	*p = (struct player){ .file = file, .cut_block = -1, .now = { 5000000, 1795248000000 } };
	p->settings = settings_new();
	p->settings->top.hostname = settings_text(p->settings, SPAN("mx.example.org"));
	p->listen = settings_add_section(p->settings, "listen", "mx", 1);
	p->listen->port = 25;
	assert_non_null(settings_add_section(p->settings, "domain", "example.org", 2));
	client_from_text(&p->client, SPAN("192.0.2.7"), 40000);
	client_from_text(&p->local, SPAN("192.0.2.25"), 25);
	p->now.mono_ms += MINUTES(62) * ++n_plays;	/* so that all buckets of the play before are full */
	tally_init(&p->tally, tally_memory, 0);
	effects_init(&p->fx);
	buf_init(&p->reply, 1 << 20);
	buf_init(&p->body, 16 << 20);
	buf_init(&p->block, 16 << 20);
	buf_init(&p->prefix, 1 << 20);
	buf_init(&p->checked, 16 << 20);
	buf_init(&p->quarantine, 1 << 16);
}

static void said_fini(struct said *q)
{
	for (unsigned i = 0; i < q->n; i++)
		mem_free(q->at[i]);
}

static void player_fini(struct player *p)
{
	session_free(&p->session);
	house_fini(&p->house);
	effects_fini(&p->fx);
	buf_fini(&p->reply);
	buf_fini(&p->body);
	buf_fini(&p->block);
	buf_fini(&p->prefix);
	buf_fini(&p->checked);
	buf_fini(&p->quarantine);
	said_fini(&p->replies);
	said_fini(&p->effects);
	settings_free(&p->settings);
}

struct conversation {
	const char *file;
	unsigned line;
	struct span text;
	char *name;
};

static void play(struct player *p, const struct conversation *c)
{
	struct span rest = c->text;

	p->line = c->line;
	while (rest.len) {
		struct span line = span_cut(&rest, '\n');

		p->line++;
		if (line.len == 0 || line.at[0] == '#')
			continue;
		play_line(p, line);
	}
	send_block(p);
	if (p->replies.taken != p->replies.n)
		fault(p, "one more reply: %s", p->replies.at[p->replies.taken]);
	if (p->effects.taken != p->effects.n)
		fault(p, "one more effect: %s", p->effects.at[p->effects.taken]);
}

#define CUTS_MAX 600	/* of one text: longer ones are cut at their ends and every so often */

static void play_cut(const struct conversation *c, int block)
{
	size_t len = 2;

	for (size_t at = 1; at < len; at += at > CUTS_MAX / 2 && at + CUTS_MAX / 2 < len ? 97 : 1) {
		struct player p;

		player_init(&p, c->file);
		p.cut_block = block;
		p.cut_at = at;
		play(&p, c);
		len = p.cut_len;
		player_fini(&p);
	}
}

static void t_conversation(void **state)
{
	const struct conversation *c = *state;
	struct player p;
	int n_blocks;
	bool whole;

	player_init(&p, c->file);
	play(&p, c);
	n_blocks = p.n_blocks;
	whole = p.no_cut;
	player_fini(&p);
	if (whole)
		return;
	player_init(&p, c->file);
	p.octets = true;
	play(&p, c);
	player_fini(&p);
	for (int i = 0; i < n_blocks; i++)
		play_cut(c, i);
}

/* ---- all of them --------------------------------------------------------------------------------- */

#define CONVERSATIONS_MAX 1000

static struct conversation all[CONVERSATIONS_MAX];
static size_t n_all;

static char *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	char *text = mem_new(1 << 20);

	if (!f) {
		perror(path);
		exit(99);
	}
	*len = fread(text, 1, 1 << 20, f);
	fclose(f);
	return text;
}

/* `== name` begins a conversation. */
static void add_file(const char *folder, const char *name)
{
	char path[8192], title[512];
	struct span rest, line;
	unsigned n = 0;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	rest.at = read_file(path, &len);
	rest.len = len;
	while (rest.len) {
		const char *at = rest.at;

		line = span_cut(&rest, '\n');
		n++;
		if (line.len > 3 && memcmp(line.at, "== ", 3) == 0) {
			if (n_all == CONVERSATIONS_MAX)
				exit(99);
			snprintf(title, sizeof(title), "%.*s: %.*s", (int)strlen(name) - 2, name, (int)line.len - 3, line.at + 3);
			all[n_all++] = (struct conversation){ mem_text(span_of_text(name)), n, span_of(rest.at, 0), mem_text(span_of_text(title)) };
		} else if (n_all > 0) {
			all[n_all - 1].text.len = (size_t)(at - all[n_all - 1].text.at) + line.len + (rest.len > 0);
		}
	}
}

static int is_transcript(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return len > 2 && strcmp(e->d_name + len - 2, ".t") == 0;
}

int main(void)
{
	static struct CMUnitTest tests[CONVERSATIONS_MAX];
	const char *top = getenv("top_srcdir");
	struct dirent **names;
	char folder[4096];
	int n;

	snprintf(folder, sizeof(folder), "%s/tests/transcript", top ? top : ".");
	n = scandir(folder, &names, is_transcript, alphasort);
	if (n <= 0) {
		perror(folder);
		return 99;
	}
	for (int i = 0; i < n; i++) {
		add_file(folder, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	tally_memory = mem_new(WIRE_TALLY_SIZE);
	for (size_t i = 0; i < n_all; i++)
		tests[i] = (struct CMUnitTest){ .name = all[i].name, .test_func = t_conversation, .initial_state = &all[i] };
	return _cmocka_run_group_tests("transcript", tests, n_all, NULL, NULL);
}
