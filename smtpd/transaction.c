#include "smtpd/transaction.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "mail/author.h"
#include "mail/date.h"
#include "mail/received.h"
#include "smtpd/session_private.h"

#define ARENA_BLOCK    1024
#define ENVELOPE_FREE  4096	/* bytes of an envelope that need no charge */
#define MAX_FIELDS     20000	/* of a header: more is no mail */
#define DELIVERED_LOOKED 32	/* fields of Delivered-To, each compared with every recipient */
#define BLOCK_RESERVE  64	/* what the end of a body may add: a CRLF */

static const struct reply SHORT_OF_MEMORY = { 452, "4.3.1", "Short of memory, try again later" };
static const struct reply SPOOL_IS_AWAY = { 451, "4.3.0", "The queue is not available now, try again later" };

/* ---- birth and death ----------------------------------------------------- */

struct transaction *transaction_new(struct session *s)
{
	struct transaction *tx = mem_resize(NULL, sizeof(*tx));

	memset(tx, 0, offsetof(struct transaction, header));
	tx->session = s;
	list_init(&tx->gathering);
	arena_init(&tx->arena, ARENA_BLOCK);
	tx->id = s->dropped ? s->dropped->id : id_new(s->now.wall_ms);
	tx->began_wall_ms = s->now.wall_ms;
	tx->began_mono_ms = s->now.mono_ms;
	tx->last = &tx->first;
	tx->verdict.fields = tx->verdict.quarantine = SPAN_NONE;
	buf_init(&tx->verdict.kept, VERDICT_KEPT_MAX);
	tx->last_author = &tx->first_author;
	tx->submitted = session_submits(s);
	return tx;
}

void transaction_free(struct transaction **txp)
{
	struct transaction *tx = *txp;

	*txp = NULL;
	if (!tx)
		return;
	list_remove(&tx->gathering);
	dkim_body_fini(&tx->hashed);
	verdict_forget_kept(tx);
	pool_give(&tx->block);
	pool_discharge(&tx->session->house->pool, tx->charged);
	arena_fini(&tx->arena);
	mem_free(tx);
}

void transaction_end(struct session *s, struct effects *fx)
{
	struct transaction *tx = s->tx;

	if (!tx)
		return;
	if (tx->committed) {
		/* Its client gets no 250 any more: it must not be delivered and sent again. */
		effects_add(fx, FX_DROP_MAIL);
		effects_add(fx, FX_WITHDRAW)->id = tx->id;
		session_event(s, fx, EV_MESSAGE_WITHDRAWN);
	} else if (tx->begun) {
		effects_add(fx, FX_ABORT);
	}
	verdict_cancel(tx, fx);
	transaction_free(&s->tx);
}

bool transaction_charge(struct transaction *tx)
{
	size_t wanted = tx->arena.used > ENVELOPE_FREE ? tx->arena.used : 0;

	if (wanted <= tx->charged)
		return true;
	if (!pool_charge(&tx->session->house->pool, wanted - tx->charged))
		return false;
	tx->charged = wanted;
	return true;
}

/* ---- room for the next bytes ----------------------------------------------- */

static void begin(struct transaction *tx, struct effects *fx)
{
	if (tx->begun)
		return;
	list_remove(&tx->gathering);
	effects_add(fx, FX_BEGIN);
	tx->begun = true;
	tx->window = WIRE_WINDOW;
}

static bool may_leave(const struct transaction *tx)
{
	if (!tx->session->house->spool_is_up || !verdict_may_leave(tx))
		return false;
	return !tx->begun || tx->window >= tx->block->len;
}

static void leave(struct transaction *tx, struct effects *fx)
{
	begin(tx, fx);
	tx->window -= (uint32_t)tx->block->len;
	effects_add(fx, FX_PART)->block = tx->block;
	tx->block = NULL;
}

static size_t reserve(const struct transaction *tx)
{
	return BLOCK_RESERVE + (tx->header.ended ? 0 : HEADER_HOLD_MAX);
}

/* How many bytes of the client surely find room; 0: none now. */
static size_t room(struct transaction *tx, struct effects *fx)
{
	struct pool *pool = &tx->session->house->pool;
	size_t left;

	if (tx->block && tx->block->room - tx->block->len <= 2 * reserve(tx)) {
		bool grown = !tx->begun && tx->block->room < POOL_BLOCK_MAX && pool_grow(&tx->block);

		if (!grown && !may_leave(tx))
			return 0;
		if (!grown)
			leave(tx, fx);
	}
	if (!tx->block)
		tx->block = pool_take(pool, POOL_BLOCK_MAX);
	if (!tx->block)
		return 0;
	left = tx->block->room - tx->block->len - reserve(tx);
	if (left > verdict_room(tx))
		left = verdict_room(tx);
	return tx->lines.rule == LINES_NORMALISE ? left / 2 : left;	/* each bare byte may become two */
}

bool transaction_has_room(struct transaction *tx, struct effects *fx)
{
	return room(tx, fx) > 0;
}

/* ---- the body --------------------------------------------------------------- */

static void add_authors(struct transaction *tx, struct span value, bool is_cut)
{
	struct address address;
	enum pr_err err;

	tx->authors_are_bad |= is_cut;
	while ((err = author_next(&value, &address)) == PR_OK && tx->n_authors < AUTHORS_MAX) {
		struct author *a = arena_new(&tx->arena, sizeof(*a));

		a->address = arena_span(&tx->arena, address_span(&address));
		*tx->last_author = a;
		tx->last_author = &a->next;
		tx->n_authors++;
	}
	tx->authors_are_bad |= err != PR_NONE;
}

/* What we delivered, or passed on for an alias, names the recipient. A stranger may write many such fields: a loop of more
 * servers than we look at is cut by its hops. */
static void look_for_loop(struct transaction *tx, struct span value)
{
	if (tx->submitted || tx->header.count[HEADER_DELIVERED_TO] > DELIVERED_LOOKED)
		return;
	for (const struct recipient *to = tx->first; to; to = to->next)
		tx->is_back |= address_same(to->address, value);
}

static void on_field(void *owner, enum header_name name, struct span value, bool is_cut)
{
	struct transaction *tx = owner;

	if (name == HEADER_DELIVERED_TO)
		look_for_loop(tx, value);
	if (name == HEADER_MESSAGE_ID && tx->message_id.len == 0)
		tx->message_id = arena_span(&tx->arena, value);
	/* Of several fields none counts; what was cut may name others. */
	if (name == HEADER_FROM && (tx->header.count[HEADER_FROM] > 1 || is_cut || !author_domain(value, tx->from_domain) ||
	    !signers_sign(&tx->session->house->signers, span_of_text(tx->from_domain))))
		tx->from_domain[0] = 0;
	if (name == HEADER_FROM && tx->session->login)
		add_authors(tx, value, is_cut);
}

static void look_for(struct transaction *tx)
{
	const struct session *s = tx->session;

	tx->rules = (struct header_rules){
		.own_id = span_of_text(s->house->settings->top.hostname),
		.remove = tx->submitted ? HEADER_SET(HEADER_BCC) | HEADER_SET(HEADER_RESENT_BCC) : 0,
		.tell = HEADER_SET(HEADER_MESSAGE_ID) | HEADER_SET(HEADER_FROM) | HEADER_SET(HEADER_DELIVERED_TO),
		.on_field = on_field,
		.owner = tx,
		.max_size = (size_t)s->listen->max_header,
		.max_fields = MAX_FIELDS,
	};
	header_init(&tx->header, &tx->rules);
}

const struct reply *transaction_body_begin(struct transaction *tx, enum body_way way, struct effects *fx)
{
	struct session *s = tx->session;
	enum lines_rule rule = s->listen->bare_newline == NEWLINE_NORMALISE ? LINES_NORMALISE : LINES_REFUSE;

	tx->block = pool_take(&s->house->pool, tx->declared_size + 2 * BLOCK_RESERVE + 2 * HEADER_HOLD_MAX);
	if (!tx->block)
		return &SHORT_OF_MEMORY;
	tx->way = way;
	list_add_last(&s->house->gathering, &tx->gathering);
	if (way == BODY_BY_DATA)
		lines_init_data(&tx->lines, rule, (size_t)s->listen->max_line);
	else
		lines_init_chunks(&tx->lines, rule, (size_t)s->listen->max_line);
	look_for(tx);
	verdict_begin(tx, fx);
	return NULL;
}

/* The body is read to its end, but nobody wants it any more. */
void transaction_refuse(struct transaction *tx, const struct reply *why, struct effects *fx)
{
	if (tx->refused)
		return;
	tx->refused = why;
	list_remove(&tx->gathering);
	pool_give(&tx->block);
	verdict_cancel(tx, fx);
	if (tx->begun)
		effects_add(fx, FX_ABORT);
	tx->begun = false;
	fx->must_leave = true;
}

static const struct reply *fault(const struct transaction *tx)
{
	static const struct reply TOO_BIG = { 552, "5.3.4", "Message too big" };
	static const struct reply BARE = { 550, "5.6.0", "A line of the message ends with a bare CR or LF; lines must end with CRLF" };
	static const struct reply LONG_LINE = { 554, "5.6.0", "A line of the message is too long" };
	static const struct reply LARGE_HEADER = { 552, "5.3.4", "The header is too large" };
	static const struct reply MANY_FIELDS = { 554, "5.6.0", "The header has too many fields" };
	static const struct reply LOOP = { 554, "5.4.6", "Too many hops: this message is in a loop" };
	static const struct reply NO_BOUNCE = { 550, "5.7.1", "A recipient takes bounces alone, which come from <>" };
	static const struct reply BACK = { 554, "5.4.6", "Mail loop: it was delivered to this address before" };
	const struct set_listen *listen = tx->session->listen;

	if (tx->bounces_only && tx->sender.len > 0)
		return &NO_BOUNCE;
	if (tx->lines.size > (uint64_t)listen->max_size && !tx->session->dropped)	/* a file has a ceiling of its own */
		return &TOO_BIG;
	if (tx->lines.rule == LINES_REFUSE && tx->lines.faults & (LINES_BARE_CR | LINES_BARE_LF))
		return &BARE;
	if (tx->lines.faults & LINES_TOO_LONG)
		return &LONG_LINE;
	if (tx->header.faults & HEADER_TOO_LARGE)
		return &LARGE_HEADER;
	if (tx->header.faults & HEADER_TOO_MANY)
		return &MANY_FIELDS;
	if (tx->is_back)
		return &BACK;
	return tx->header.count[HEADER_RECEIVED] > (uint64_t)listen->max_hops ? &LOOP : NULL;
}

static void put(struct transaction *tx, struct span bytes)
{
	BUG_ON(bytes.len > tx->block->room - tx->block->len);
	memcpy(tx->block->bytes + tx->block->len, bytes.at, bytes.len);
	tx->block->len += bytes.len;
	tx->size += bytes.len;
}

static bool may_be_signed(const struct transaction *tx)
{
	return tx->submitted && tx->from_domain[0];
}

static void hash_body(struct transaction *tx, struct span bytes)
{
	if (!may_be_signed(tx))
		return;
	if (!tx->hashed.digest)
		dkim_body_init(&tx->hashed);
	dkim_body_feed(&tx->hashed, bytes);
}

static void put_clean(struct transaction *tx, struct span clean, struct effects *fx)
{
	bool is_body = tx->header.ended;
	struct span out;

	verdict_part(tx, clean, fx);
	for (; header_take(&tx->header, &clean, &out) == HEADER_PART; is_body = tx->header.ended) {
		put(tx, out);
		if (is_body)
			hash_body(tx, out);
	}
}

/* One piece of at most n bytes through lines and header; true when it held the body's end. */
static bool take_piece(struct transaction *tx, struct span *in, size_t n, struct effects *fx)
{
	struct span piece = span_first(*in, n), clean;
	size_t before = piece.len;
	enum lines_step step;

	while ((step = lines_take(&tx->lines, &piece, &clean)) == LINES_PART)
		if (!tx->refused)
			put_clean(tx, clean, fx);
	*in = span_from(*in, before - piece.len);
	return step == LINES_END;
}

enum pr_err transaction_body(struct transaction *tx, struct span *in, struct effects *fx)
{
	while (in->len > 0) {
		size_t n = tx->refused ? in->len : room(tx, fx);
		const struct reply *why;
		bool ended;

		if (n == 0)
			return PR_AGAIN;
		ended = take_piece(tx, in, n, fx);
		why = fault(tx);
		if (why)
			transaction_refuse(tx, why, fx);
		if (ended)
			return PR_NONE;
		if (!effects_have_room(fx))
			return PR_OK;
	}
	return PR_OK;
}

const struct reply *transaction_body_end(struct transaction *tx, struct effects *fx)
{
	const struct reply *why;

	if (!tx->refused && !tx->block && !(tx->block = pool_take(&tx->session->house->pool, 0)))
		transaction_refuse(tx, &SHORT_OF_MEMORY, fx);
	if (tx->refused)
		return tx->refused;
	if (tx->way == BODY_BY_BDAT)
		put_clean(tx, lines_close(&tx->lines), fx);
	put(tx, header_close(&tx->header));
	why = fault(tx);
	if (why)
		transaction_refuse(tx, why, fx);
	return tx->refused;
}

/* ---- handing it over ------------------------------------------------------------ */

static void add_received(const struct transaction *tx, struct buf *out)
{
	const struct session *s = tx->session;
	char id[ID_TEXT_LEN + 1], client[CLIENT_TEXT_MAX];
	struct received r = {
		.helo = span_of_text(s->helo),
		.by = span_of_text(s->house->settings->top.hostname),
		.extended = s->is_extended,
		.auth = s->login != NULL,
		.tls = s->tls_version,
		.utf8 = tx->flags & MAIL_SMTPUTF8,
		.tls_version = span_of_text(s->tls_version),
		.tls_cipher = span_of_text(s->tls_cipher),
		.wall_ms = s->now.wall_ms,
	};

	id_to_text(&tx->id, id);
	client_text(&s->client, client);
	r.id = span_of_text(id);
	r.local = s->client.family == CLIENT_LOCAL;
	r.uid = r.local ? client_uid(&s->client) : 0;
	r.client_ip = s->client.family && !r.local ? span_of_text(client) : SPAN_NONE;
	r.only_rcpt = tx->n_rcpts == 1 ? tx->first->address : SPAN_NONE;
	received_add(out, &r);
}

/* RFC 6409 8: what a submission lacks. */
static void add_missing(const struct transaction *tx, struct buf *out)
{
	char id[ID_TEXT_LEN + 1];

	if (!tx->header.count[HEADER_DATE]) {
		buf_add(out, SPAN("Date: "));
		date_add(out, tx->session->now.wall_ms);
		buf_add(out, SPAN("\r\n"));
	}
	if (tx->header.count[HEADER_MESSAGE_ID])
		return;
	id_to_text(&tx->id, id);
	buf_printf(out, "Message-ID: <%s@%s>\r\n", id, tx->session->house->settings->top.hostname);
}

/* RFC 6531 3.4: SMTPUTF8 is asked for where it is needed, not where a client says it by habit. A header of raw 8-bit bytes
 * without it goes on as it came: whatever it is, nobody said that it is UTF-8. */
static uint32_t flags_learned(const struct transaction *tx, struct span prefix)
{
	bool sender_is_plain = text_is_ascii(tx->sender), prefix_is_plain = text_is_ascii(prefix);
	uint32_t flags = tx->flags;

	if (sender_is_plain && prefix_is_plain && !(tx->header.faults & HEADER_8BIT))
		flags &= ~(uint32_t)MAIL_SMTPUTF8;
	if (tx->lines.faults & LINES_8BIT || !prefix_is_plain)
		flags |= MAIL_8BIT;
	return flags;
}

/* What spool needs to have a submission signed. */
static void add_signing(struct transaction *tx, struct effect *commit)
{
	commit->commit.from_domain = commit->commit.body_hash = SPAN_NONE;
	if (!may_be_signed(tx))
		return;
	hash_body(tx, SPAN_NONE);	/* it may be empty */
	dkim_body_finish(&tx->hashed, tx->body_hash);
	commit->commit.from_domain = span_of_text(tx->from_domain);
	commit->commit.body_hash = span_of((const char *)tx->body_hash, SHA256_LEN);
}

void transaction_commit(struct transaction *tx, struct effects *fx)
{
	struct effect *commit;

	buf_clear(&fx->prefix);
	buf_add(&fx->prefix, tx->verdict.fields);
	add_received(tx, &fx->prefix);
	if (tx->submitted)
		add_missing(tx, &fx->prefix);
	begin(tx, fx);
	if (tx->block && tx->block->len > 0)
		leave(tx, fx);
	commit = effects_add(fx, FX_COMMIT);
	commit->commit.size = tx->size;
	commit->commit.quarantine = tx->verdict.quarantine;
	commit->commit.flags = flags_learned(tx, buf_span(&fx->prefix));
	add_signing(tx, commit);
	tx->committed = true;
}

void transaction_spill(struct session *s, struct effects *fx)
{
	struct transaction *tx = s->tx;

	if (tx && tx->block && tx->block->len > 0 && !tx->begun && may_leave(tx))
		leave(tx, fx);
}

/* ---- what spool says ---------------------------------------------------------------- */

void transaction_window(struct session *s, uint32_t bytes)
{
	if (s->tx)
		s->tx->window += bytes;
}

void transaction_stored(struct session *s, uint32_t result, struct effects *fx)
{
	static const struct reply GIVEN_UP = { 451, "4.3.0", "The queue could not take it, try again later" };
	static const struct reply FULL = { 452, "4.3.1", "The queue is full, try again later" };

	if (s->step == &STEP_STORED) {
		s->is_answered = true;
		s->answer = result;
	} else if (s->tx && s->tx->begun) {
		s->tx->begun = false;	/* it has forgotten it already */
		transaction_refuse(s->tx, result == STORED_NOT_FULL ? &FULL : &GIVEN_UP, fx);
	}
}

void transaction_spool_left(struct session *s, struct effects *fx)
{
	struct transaction *tx = s->tx;

	if (!tx || !tx->begun)
		return;
	if (tx->committed) {
		session_await_spool(s);
		return;
	}
	tx->begun = false;
	transaction_refuse(tx, &SPOOL_IS_AWAY, fx);
}
