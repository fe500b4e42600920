/* Who sent a stranger's message: verify gets it as it comes, and says at its
 * end whether it is taken. What verify is told is what was sent, before
 * anything is taken out.
 *
 * When verify dies, messages that are whole in memory are asked about again by
 * the next one, so that nobody notices but the client whose message was in its
 * hand: that one gets 451 at once. */
#include "smtpd/session_private.h"

#include "base/err.h"

#define VERDICT_WAIT_MS MINUTES(3)	/* verify bounds the DNS; later it is stuck */
#define AWAY_WAIT_MS    SECONDS(10)	/* for a verify that was started again */
#define ROOM_LEAST      1		/* octets of window that are none: a bare LF may become two */

static enum progress told(struct session *s, struct effects *fx);
static enum progress late(struct session *s, struct effects *fx);

const struct step STEP_VERDICT = { "verdict", told, late, false };

static const struct reply AWAY = { 451, "4.3.0", "Mail can't be checked now, try again later" };

static bool is_checked(const struct set_listen *listen)
{
	return listen->spf > CHECKS_OFF || listen->dkim > CHECKS_OFF || listen->dmarc > CHECKS_OFF;
}

/* ---- evidence ------------------------------------------------------------------------- */

void verdict_forget_kept(struct transaction *tx)
{
	struct verdict *v = &tx->verdict;

	buf_fini(&v->kept);
	pool_discharge(&tx->session->house->pool, v->kept_charged);
	v->kept_charged = 0;
}

/* It takes no memory that bodies could need soon: what is too large, or comes at such a time, is cut. */
static bool may_grow(const struct pool *pool, const struct buf *kept, size_t n)
{
	return n <= VERDICT_KEPT_MAX - kept->len && pool->used + 2 * (kept->len + n) < pool->ceiling / 2;
}

static void keep(struct transaction *tx, struct span bytes)
{
	struct pool *pool = &tx->session->house->pool;
	struct verdict *v = &tx->verdict;

	v->is_kept_whole = v->is_kept_whole && may_grow(pool, &v->kept, bytes.len);
	if (!v->is_kept_whole)
		return;
	(void)buf_add(&v->kept, bytes);
	BUG_ON(!pool_charge(pool, v->kept.room - v->kept_charged));
	v->kept_charged = v->kept.room;
}

/* ---- the message on its way ----------------------------------------------------------- */

static void ask(struct transaction *tx, struct effects *fx)
{
	effects_add(fx, FX_CHECK);
	tx->verdict.state = VERDICT_ASKED;
	tx->verdict.window = WIRE_WINDOW;
	verdict_forget_kept(tx);
	tx->verdict.is_kept_whole = tx->session->house->settings->verify.evidence != NULL;
}

void verdict_begin(struct transaction *tx, struct effects *fx)
{
	struct session *s = tx->session;

	if (tx->submitted || s->dropped || !is_checked(s->listen))
		return;
	tx->verdict.state = VERDICT_LOST;
	if (s->house->verify_is_up)
		ask(tx, fx);
}

size_t verdict_room(const struct transaction *tx)
{
	return tx->verdict.state == VERDICT_ASKED ? tx->verdict.window : SIZE_MAX;
}

void verdict_part(struct transaction *tx, struct span bytes, struct effects *fx)
{
	if (tx->verdict.state != VERDICT_ASKED || bytes.len == 0)
		return;
	tx->verdict.window -= (uint32_t)bytes.len;
	effects_check_part(fx, bytes);
	keep(tx, bytes);
}

void verdict_cancel(struct transaction *tx, struct effects *fx)
{
	if (tx->verdict.state == VERDICT_ASKED)
		effects_add(fx, FX_CHECK_CANCEL);
	tx->verdict.state = VERDICT_NONE;
}

bool verdict_may_leave(const struct transaction *tx)
{
	return tx->verdict.state != VERDICT_LOST;
}

/* ---- its end ---------------------------------------------------------------------------- */

enum progress verdict_await(struct session *s, struct effects *fx)
{
	bool is_asked = s->tx->verdict.state == VERDICT_ASKED;

	if (is_asked)
		effects_add(fx, FX_CHECK_END);
	return session_step_to(s, &STEP_VERDICT, is_asked ? VERDICT_WAIT_MS : AWAY_WAIT_MS);
}

static enum progress told(struct session *s, struct effects *fx)
{
	struct transaction *tx = s->tx;

	if (tx->refused)	/* while it waited */
		return session_refuse_message(s, fx, tx->refused);
	if (tx->verdict.state != VERDICT_TOLD)
		return STEP_WAIT;
	if (tx->verdict.refusal.code)
		return session_refuse_message(s, fx, &tx->verdict.refusal);
	return session_hand_over(s, fx);
}

static void is_stuck(struct transaction *tx, struct effects *fx)
{
	if (tx->verdict.state == VERDICT_ASKED)
		effects_add(fx, FX_CHECK_STUCK);
}

static enum progress late(struct session *s, struct effects *fx)
{
	is_stuck(s->tx, fx);
	return session_refuse_message(s, fx, &AWAY);
}

const struct reply *verdict_room_late(struct transaction *tx, struct effects *fx)
{
	if (verdict_room(tx) > ROOM_LEAST && verdict_may_leave(tx))
		return NULL;
	is_stuck(tx, fx);
	return &AWAY;
}

void verdict_told(struct session *s, const struct wire_check_done *m, struct effects *fx)
{
	struct transaction *tx = s->tx;
	struct verdict *v;

	if (!tx || tx->verdict.state != VERDICT_ASKED)
		return;
	v = &tx->verdict;
	v->state = VERDICT_TOLD;
	v->refusal = (struct reply){ m->code, arena_text(&tx->arena, m->enhanced), arena_text(&tx->arena, m->words) };
	v->quarantine = arena_span(&tx->arena, m->quarantine);
	v->fields = arena_span(&tx->arena, m->fields);
	if (s->step != &STEP_VERDICT)	/* it has too much to do: nobody looked at the rest */
		transaction_refuse(tx, m->code ? &v->refusal : &AWAY, fx);
}

void verdict_window(struct session *s, uint32_t bytes)
{
	if (s->tx && s->tx->verdict.state == VERDICT_ASKED)
		s->tx->verdict.window += bytes;
}

/* ---- deaths --------------------------------------------------------------------------------- */

/* All that verify was told lies in the block still. */
static bool can_be_told_again(const struct transaction *tx)
{
	return !tx->begun && !tx->refused && tx->block && tx->header.n_removed == 0;
}

/* Over which message it died is told before there is a new one. */
void verdict_lost(struct session *s)
{
	struct transaction *tx = s->tx;

	if (!tx || tx->verdict.state != VERDICT_ASKED)
		return;
	tx->verdict.state = VERDICT_LOST;
	if (s->step == &STEP_VERDICT)
		s->step_due = s->now.mono_ms + AWAY_WAIT_MS;
}

void verdict_again(struct session *s, struct effects *fx)
{
	struct transaction *tx = s->tx;

	if (!tx || tx->verdict.state != VERDICT_LOST || tx->refused)
		return;
	if (!can_be_told_again(tx)) {
		transaction_refuse(tx, &AWAY, fx);
		return;
	}
	ask(tx, fx);
	verdict_part(tx, pool_block_span(tx->block), fx);
	verdict_part(tx, header_held(&tx->header), fx);
	if (s->step == &STEP_VERDICT) {
		effects_add(fx, FX_CHECK_END);
		s->step_due = s->now.mono_ms + VERDICT_WAIT_MS;
	}
}

static void keep_evidence(struct session *s, struct effects *fx)
{
	struct effect *e = effects_add(fx, FX_EVIDENCE);

	e->evidence.helo = span_of_text(s->helo);
	e->evidence.sender = s->tx->sender;
	e->evidence.message = buf_span(&s->tx->verdict.kept);
}

void verdict_killed(struct session *s, const struct msg_id *id, struct effects *fx)
{
	static const struct reply KILLED = { 451, "4.3.0", "This message could not be checked" };
	struct transaction *tx = s->tx;
	struct event *ev;

	if (!tx || tx->verdict.state == VERDICT_NONE || tx->refused || !id_eq(&tx->id, id))
		return;
	ev = session_event(s, fx, EV_VERIFY_DIED);
	event_text(ev, EF_HELO, span_of_text(s->helo));
	event_text(ev, EF_FROM, tx->sender);
	event_num(ev, EF_SIZE, (int64_t)tx->lines.size);
	keep_evidence(s, fx);
	verdict_cancel(tx, fx);
	transaction_refuse(tx, &KILLED, fx);
	limits_check_died(s->house->tally, &s->place, s->listen, s->now.mono_ms);
	s->n_errors += (uint32_t)(s->listen->max_errors + 2) / 3;
}
