/* BDAT (RFC 3030): the body in chunks whose length is said beforehand. */
#include "smtpd/session_private.h"

#include <inttypes.h>
#include <stdio.h>

static enum progress chunk(struct session *s, struct effects *fx);

const struct step STEP_CHUNK = { "chunk", chunk, session_late, true };

static const struct reply *may_begin(struct session *s, struct effects *fx)
{
	static const struct reply TLS_FIRST = { 530, "5.7.0", "STARTTLS first" };
	const struct reply *wrong;

	if (s->listen->tls == LISTEN_TLS_REQUIRED && !s->tls_version)
		return &TLS_FIRST;
	wrong = session_may_send_body(s, BODY_BY_BDAT);
	if (wrong || s->tx->way != BODY_NONE)
		return wrong;
	return transaction_body_begin(s->tx, BODY_BY_BDAT, fx);
}

/* The chunk follows the command whatever we think of it: it is taken off the stream before we answer. */
enum progress cmd_bdat(struct session *s, struct span args, struct effects *fx)
{
	const struct reply *wrong;
	struct command_bdat b;

	wrong = command_parse_bdat(args, &b);
	if (wrong)
		return session_hang_up(s, fx, wrong->code, wrong->enhanced, wrong->text);
	s->chunk_left = b.size;
	s->chunk_size = b.size;
	s->chunk_is_last = b.last;
	s->chunk_refused = may_begin(s, fx);
	s->skipped = 0;
	return session_step_to(s, &STEP_CHUNK, s->listen->timeout_data);
}

static enum progress chunk_ends(struct session *s, struct effects *fx)
{
	char text[64];

	if (s->chunk_refused) {
		const struct reply *r = s->chunk_refused;

		/* RFC 3030 2: after a refused chunk the transaction has failed. */
		transaction_end(s, fx);
		return session_reply(s, fx, r);
	}
	if (s->chunk_is_last || s->tx->refused)
		return session_body_ends(s, fx);
	snprintf(text, sizeof(text), "%" PRIu64 " octets taken", s->chunk_size);
	return session_say(s, fx, 250, "2.0.0", text);
}

static enum progress swallow(struct session *s)
{
	size_t n = s->in.len < s->chunk_left ? s->in.len : (size_t)s->chunk_left;

	s->chunk_left -= n;
	session_take(s, n);
	session_body_moved(s, n);
	return n > 0 || s->chunk_left == 0 ? STEP_AGAIN : STEP_WAIT;
}

static enum progress chunk(struct session *s, struct effects *fx)
{
	struct span piece;
	size_t before;
	enum pr_err err;

	if (s->chunk_left == 0)
		return chunk_ends(s, fx);
	if (s->chunk_refused || s->tx->refused)
		return swallow(s);
	piece = s->in.len < s->chunk_left ? s->in : span_first(s->in, (size_t)s->chunk_left);
	before = piece.len;
	if (before == 0)
		return STEP_WAIT;
	err = transaction_body(s->tx, &piece, fx);
	s->chunk_left -= before - piece.len;
	session_take(s, before - piece.len);
	session_body_moved(s, before - piece.len);
	return err == PR_AGAIN ? session_await_room(s, &STEP_CHUNK) : STEP_AGAIN;
}
