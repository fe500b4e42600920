/* The TLS of a stream: a connection of loop/tls_private.h over the loop's buffers. */
#include "base/err.h"
#include "base/mem.h"
#include "loop/stream_private.h"
#include "loop/tls_private.h"

#define TLS_OUT_KEEP (128u << 10)

/* ---- bytes that came while the owner paused -------------------------------------- */

static void hold(struct stream *s, struct span rest)
{
	struct buf *held = mem_new(sizeof *held);

	buf_init(held, READ_BUFFER_LEN);
	buf_add(held, rest);
	s->held = held;
}

static void held_free(struct buf *held)
{
	buf_fini(held);
	mem_free(held);
}

void stream_forget_held(struct stream *s)
{
	if (s->held)
		held_free(s->held);
	s->held = NULL;
}

/* ---- birth ------------------------------------------------------------------------ */

void stream_start_tls(struct stream *s, struct tls_server *tls)
{
	BUG_ON(s->tls);
	s->tls = tls_conn_new(tls);
	s->is_shaking = true;
	tls_conn_lend(s->tls, NULL, &s->loop->tls_out);
	stream_resume(s);
}

void stream_start_tls_with(struct stream *s, struct tls_server *tls, struct span first)
{
	stream_start_tls(s, tls);
	if (first.len == 0)
		return;
	hold(s, first);
	loop_ready_soon(s->loop, &s->ready);
}

/* The first words are ours. */
void stream_start_tls_client(struct stream *s, struct tls_client *tls, const char *host, bool is_verified)
{
	const char *why;

	BUG_ON(s->tls);
	s->tls = tls_conn_new_client(tls, host, is_verified);
	s->is_shaking = true;
	tls_conn_lend(s->tls, NULL, &s->loop->tls_out);
	(void)tls_conn_handshake(s->tls, &why);
	stream_write_tls(s);
	stream_resume(s);
}

bool stream_tls_facts(const struct stream *s, struct stream_tls *out)
{
	if (!s->tls || !tls_conn_is_up(s->tls))
		return false;
	tls_conn_facts(s->tls, out);
	return true;
}

bool stream_tls_binding(const struct stream *s, struct stream_binding *out)
{
	if (!s->tls || !tls_conn_is_up(s->tls))
		return false;
	tls_conn_binding(s->tls, out);
	return true;
}

/* ---- writing -------------------------------------------------------------------- */

void stream_write_tls(struct stream *s)
{
	struct buf *out = &s->loop->tls_out;

	if (out->len == 0)
		return;
	stream_write(s, buf_span(out));
	buf_clear(out);
	if (out->room > TLS_OUT_KEEP)
		buf_shrink(out);
}

/* ---- reading --------------------------------------------------------------------- */

void stream_handshake_failed(struct stream *s, const char *why)
{
	s->is_broken = true;
	s->handlers->on_tls(s->owner, s, false, why);
	if (!s->is_closing)
		stream_gone(s, false);
}

/* True when it is up. */
static bool shake_hands(struct stream *s)
{
	const char *why = "";
	enum tls_step step = tls_conn_handshake(s->tls, &why);

	stream_write_tls(s);
	if (step == TLS_WANTS_MORE)
		return false;
	s->is_shaking = false;
	if (step != TLS_DONE) {
		stream_handshake_failed(s, why);
		return false;
	}
	s->handlers->on_tls(s->owner, s, true, NULL);
	return true;
}

/* Gathers the records that came into one piece. */
static enum tls_step read_records(struct stream *s, char *plain, size_t *len)
{
	enum tls_step step = TLS_DONE;
	size_t n;

	for (*len = 0; step == TLS_DONE && *len < READ_BUFFER_LEN; *len += step == TLS_DONE ? n : 0)
		step = tls_conn_read(s->tls, plain + *len, READ_BUFFER_LEN - *len, &n);
	stream_write_tls(s);
	return step;
}

static void read_tls(struct stream *s, const struct span *rest)
{
	char *plain = loop_buffer(&s->loop->plain_bytes);
	enum tls_step step = TLS_DONE;
	size_t len;

	while (step == TLS_DONE && !s->is_closing) {
		if (s->is_paused) {
			hold(s, *rest);
			return;
		}
		step = read_records(s, plain, &len);
		if (len > 0)
			s->handlers->on_bytes(s->owner, s, span_of(plain, len));
	}
	if (!s->is_closing && step != TLS_WANTS_MORE)
		stream_gone(s, step == TLS_ENDED);
}

/* The owner may leave in the midst of it: its connection is freed later, its TLS at once. */
void stream_feed_tls(struct stream *s, struct span cipher)
{
	struct span rest = cipher;

	tls_conn_lend(s->tls, &rest, &s->loop->tls_out);
	if (!s->is_shaking || shake_hands(s))
		read_tls(s, &rest);
	if (s->tls)
		tls_conn_lend(s->tls, NULL, &s->loop->tls_out);
}

void stream_feed_held(struct stream *s)
{
	struct buf *held = s->held;

	s->held = NULL;
	stream_feed_tls(s, buf_span(held));
	held_free(held);
}
