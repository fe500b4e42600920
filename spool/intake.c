/* smtpd's words become a MESSAGE. Parts stay in the packets they came in and
 * are written from there; a large body goes to the disk chunk by chunk. */
#include <string.h>

#include "base/digest.h"
#include "base/map.h"
#include "base/mem.h"
#include "spool/spool.h"

#define CHUNK_BYTES    (256u << 10)	/* parts are gathered to this before they become a chunk; the window is as large */
#define CHUNK_PARTS    64		/* of small parts too: each holds a whole packet */
#define HEAD_MAX       (1u << 20)	/* bytes of prefix: fields that we put in front */
#define MEMORY_MAX     (256u << 20)	/* of all streams: envelopes, and packets held */
#define OPEN_MAX       20000		/* streams; smtpd has fewer sessions */
#define PART_COST      16384		/* of a part in memory beside its bytes: it holds its packet, which others may share */
#define SENDER_SEED    0x9e3779b9u

struct part {
	struct packet *packet;	/* NULL: the same as the one before */
	struct span bytes;
};

/* Parts that are being written as one chunk. */
struct piece {
	struct journal_request request;
	struct stream_in *stream;
	struct span spans[CHUNK_PARTS];
	struct packet *packets[CHUNK_PARTS];
	unsigned n;
	uint32_t index, len;
};

struct stream_in {
	struct journal_request request;
	struct intake *intake;
	struct channel *channel;	/* NULL: its smtpd is gone */
	struct list list;
	struct map_node node;		/* by id */
	struct map_node asked;		/* by its asker */
	struct asker {
		struct channel *channel;
		uint64_t ask;
	} asker;
	struct msg_id id;
	struct envelope env;		/* sender and so on point into names */
	struct buf names, rows, envelope;
	struct buf state;		/* what it begins with, where auth need not be asked */
	struct span *spans;		/* of the last parts, the prefix in front */
	struct packet **packets;
	unsigned n_parts, room;
	struct journal_piece *chunks;
	unsigned n_chunks, n_writing;
	struct span prefix;
	uint64_t size;			/* of the parts */
	size_t held, writing, counted;	/* bytes of parts in memory; of chunks under way; of all as intake.memory knows it */
	uint32_t ask;
	char brief[BRIEF_SIZE];
	enum wire_stored verdict;
	bool begun, committed, over, withdrawn, written;
};

struct intake {
	struct spool *spool;
	struct list open, free;
	struct map by_id, by_asker;
	uint32_t n_open;
	size_t memory;
};

struct intake *intake_new(struct spool *sp)
{
	struct intake *in = mem_new(sizeof(*in));

	in->spool = sp;
	list_init(&in->open);
	list_init(&in->free);
	map_init(&in->by_id);
	map_init(&in->by_asker);
	return in;
}

size_t intake_memory(const struct intake *in)
{
	return in->memory;
}

/* ---- a stream's birth and death -------------------------------------------------- */

static struct stream_in *stream_new(struct intake *in)
{
	struct list *l = list_take_first(&in->free);
	struct stream_in *s;

	if (l) {
		s = LIST_OWNER(l, struct stream_in, list);
	} else {
		s = mem_new(sizeof(*s));
		buf_init(&s->names, 4 * UINT16_MAX);
		buf_init(&s->rows, ENVELOPE_MAX_BYTES);
		buf_init(&s->envelope, ENVELOPE_MAX_BYTES + 8 * UINT16_MAX);
		buf_init(&s->state, STATE_MAX_BYTES);
	}
	s->intake = in;
	list_add_last(&in->open, &s->list);
	in->n_open++;
	return s;
}

static void stream_let_packets_go(struct stream_in *s)
{
	for (unsigned i = 0; i < s->n_parts; i++)
		if (s->packets[i])
			packet_release(&s->packets[i]);
	s->n_parts = 0;
	s->held = 0;
}

static void buf_reuse(struct buf *b)
{
	buf_clear(b);
	if (b->room > 4096)		/* a rare large one is not kept for the next */
		buf_shrink(b);
}

static void stream_forget_asker(struct stream_in *s)
{
	if (s->asker.channel)
		map_remove(&s->intake->by_asker, &s->asked);
	s->asker.channel = NULL;
	s->channel = NULL;
}

static void stream_free(struct stream_in *s)
{
	struct intake *in = s->intake;
	struct stream_in clean = { .intake = in, .spans = s->spans, .packets = s->packets, .room = s->room };

	stream_let_packets_go(s);
	stream_forget_asker(s);
	if (s->begun)
		map_remove(&in->by_id, &s->node);
	mem_free(s->chunks);
	in->memory -= s->counted;
	buf_reuse(&s->names);
	buf_reuse(&s->rows);
	buf_reuse(&s->envelope);
	buf_reuse(&s->state);
	clean.names = s->names;
	clean.rows = s->rows;
	clean.envelope = s->envelope;
	clean.state = s->state;
	list_remove(&s->list);
	*s = clean;
	list_add_first(&in->free, &s->list);
	in->n_open--;
}

static void stream_destroy(struct stream_in *s)
{
	buf_fini(&s->names);
	buf_fini(&s->rows);
	buf_fini(&s->envelope);
	buf_fini(&s->state);
	mem_free(s->spans);
	mem_free(s->packets);
	mem_free(s);
}

void intake_free(struct intake **in)
{
	struct list *l;

	if (!*in)
		return;
	while (!list_is_empty(&(*in)->open))
		stream_free(LIST_OWNER((*in)->open.next, struct stream_in, list));
	while ((l = list_take_first(&(*in)->free)))
		stream_destroy(LIST_OWNER(l, struct stream_in, list));
	map_fini(&(*in)->by_id);
	map_fini(&(*in)->by_asker);
	mem_free(*in);
	*in = NULL;
}

static void stream_count(struct stream_in *s)
{
	size_t now = s->names.room + s->rows.room + s->held + s->n_parts * PART_COST + s->writing;

	s->intake->memory += now - s->counted;
	s->counted = now;
}

/* Its smtpd gets one answer; what still comes of it finds nobody. */
static void stream_answer(struct stream_in *s, enum wire_stored result)
{
	struct wire_mail_done msg = { .ask = s->ask, .result = (uint8_t)result };

	if (!s->channel)
		return;
	channel_put(s->channel, WIRE_mail_done, &msg);
	if (s->intake->n_open == 1)	/* no other answer could share its packet */
		channel_flush(s->channel);
	stream_forget_asker(s);
}

/* Ends when no write of it is under way. */
static void stream_end(struct stream_in *s)
{
	s->over = true;
	if (s->n_writing > 0)
		return;
	if (!s->written && s->n_chunks > 0)
		journal_chunk_drop(s->intake->spool->journal, s->chunks, s->n_chunks);
	stream_free(s);
}

static void stream_refuse(struct stream_in *s, enum wire_stored result)
{
	stream_answer(s, result);
	stream_end(s);
}

static struct stream_in *stream_find(struct intake *in, struct channel *ch, uint32_t ask)
{
	struct asker key = { ch, ask };
	struct map_node *node = map_find(&in->by_asker, span_of((const char *)&key, sizeof(key)));

	return node ? MAP_OWNER(node, struct stream_in, asked) : NULL;
}

/* ---- begin, recipients ------------------------------------------------------------- */

static struct span names_keep(struct stream_in *s, struct span text)
{
	size_t at = s->names.len;

	(void)buf_add(&s->names, text);
	return span_of((const char *)at, text.len);	/* a place until the buffer rests: names_settle */
}

static struct span name_settled(const struct stream_in *s, struct span name)
{
	return span_of(s->names.at + (size_t)name.at, name.len);
}

static void on_begin(struct intake *in, struct channel *ch, const struct wire_mail_begin *m)
{
	struct stream_in *s = stream_find(in, ch, m->ask);
	enum wire_stored why = STORED;

	if (s)
		return;		/* one question, one message */
	s = stream_new(in);
	s->channel = ch;
	s->ask = m->ask;
	s->id = m->id;
	s->asker = (struct asker){ ch, m->ask };
	map_put(&in->by_asker, &s->asked, span_of((const char *)&s->asker, sizeof(s->asker)));
	if (!spool_takes_mail(in->spool))
		why = in->spool->failing ? STORED_NOT_IO : STORED_NOT_FULL;
	else if (in->n_open > OPEN_MAX || in->memory > MEMORY_MAX)
		why = STORED_NOT_FULL;
	else if (id_is_zero(&m->id) || map_find(&in->by_id, span_of((const char *)m->id.bytes, 16)) ||
	    queue_find(in->spool->books.queue, &m->id))
		why = STORED_NOT_BAD;
	if (why != STORED) {
		stream_refuse(s, why);
		return;
	}
	s->begun = true;
	map_put(&in->by_id, &s->node, span_of((const char *)s->id.bytes, 16));
	(void)buf_room(&s->names, m->sender.len + m->envid.len + m->client.len + m->login.len + 512);
	s->env.received_ms = (int64_t)(m->received_ms & INT64_MAX);
	s->env.sender = names_keep(s, m->sender);
	s->env.envid = names_keep(s, m->envid);
	s->env.client = names_keep(s, m->client);
	s->env.login = names_keep(s, m->login);
}

static void on_rcpt(struct stream_in *s, const struct wire_mail_rcpt *m)
{
	struct envelope_rcpt rcpt = { m->notify, m->address, m->orcpt };

	if (s->committed || s->env.n_rcpts == ENVELOPE_MAX_RCPTS || m->address.len == 0 || m->notify > 15 ||
	    envelope_add_rcpt(&s->rows, &rcpt) != PR_OK) {
		stream_refuse(s, STORED_NOT_BAD);
		return;
	}
	s->env.n_rcpts++;
	stream_count(s);
}

/* ---- parts --------------------------------------------------------------------------- */

static void parts_room(struct stream_in *s)
{
	if (s->n_parts + 2 <= s->room)	/* one place stays for the prefix */
		return;
	s->room = s->room ? 2 * s->room : 8;
	s->spans = mem_resize(s->spans, s->room * sizeof(struct span));
	s->packets = mem_resize(s->packets, s->room * sizeof(struct packet *));
}

static void stream_commit(struct stream_in *s);

static size_t piece_cost(const struct piece *p)
{
	return p->len + (size_t)p->n * PART_COST;
}

static void on_chunk_done(struct journal_request *r, enum pr_err err)
{
	struct piece *p = (struct piece *)(void *)((char *)r - offsetof(struct piece, request));
	struct stream_in *s = p->stream;
	struct wire_mail_window more = { .ask = s->ask, .bytes = p->len };

	for (unsigned i = 0; i < p->n; i++)
		packet_release(&p->packets[i]);
	s->n_writing--;
	s->writing -= piece_cost(p);
	stream_count(s);
	if (err == PR_OK) {
		s->chunks[p->index] = (struct journal_piece){ r->place, p->len };
	} else if (s->verdict == STORED) {
		s->verdict = err == PR_FULL ? STORED_NOT_FULL : STORED_NOT_IO;
	}
	mem_free(p);
	if (s->over) {
		stream_end(s);
	} else if (s->verdict != STORED) {
		stream_refuse(s, s->verdict);
	} else if (s->committed) {
		stream_commit(s);
	} else if (s->channel) {
		channel_put(s->channel, WIRE_mail_window, &more);
	}
}

static void stream_write_chunk(struct stream_in *s)
{
	struct piece *p = mem_new(sizeof(*p));

	p->stream = s;
	p->n = s->n_parts;
	memcpy(p->spans, s->spans, p->n * sizeof(struct span));
	memcpy(p->packets, s->packets, p->n * sizeof(struct packet *));
	p->len = (uint32_t)s->held;
	p->index = s->n_chunks++;
	s->chunks = mem_resize(s->chunks, s->n_chunks * sizeof(*s->chunks));
	s->chunks[p->index] = (struct journal_piece){ { 0, 0 }, 0 };
	s->n_parts = 0;
	s->held = 0;
	s->n_writing++;
	s->writing += piece_cost(p);
	p->request.done = on_chunk_done;
	journal_chunk(s->intake->spool->journal, &p->request, &s->id, (struct journal_bytes){ p->spans, p->n }, false);
}

static void on_part(struct stream_in *s, const struct wire_mail_part *m)
{
	if (s->committed) {
		stream_refuse(s, STORED_NOT_BAD);
		return;
	}
	if (m->bytes.len == 0)
		return;
	parts_room(s);
	s->spans[s->n_parts] = m->bytes;
	s->packets[s->n_parts++] = packet_keep(s->channel);
	s->held += m->bytes.len;
	s->size += m->bytes.len;
	stream_count(s);
	/* The last part may come with the commit: a body that fits stays whole. */
	if (s->held > CHUNK_BYTES / 2 || s->n_parts == CHUNK_PARTS || s->intake->memory > MEMORY_MAX / 2)
		stream_write_chunk(s);
}

/* ---- commit --------------------------------------------------------------------------- */

static uint32_t hash_add(uint32_t h, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.at[i]) * 0x01000193u;
	return h;
}

/* Whose mail it is: a login's, a sender's, or for bounces the client's. */
static uint32_t sender_hash(const struct envelope *env)
{
	struct span who = env->login.len ? env->login : env->sender.len ? env->sender : env->client;

	return hash_add(SENDER_SEED, who);
}

static void stream_begin_life(struct stream_in *s, struct mail *m)
{
	struct spool *sp = s->intake->spool;

	whereabouts_stored(sp->whereabouts, &s->id, s->env.client);
	if (s->state.len > 0)
		expansion_written(sp, m, buf_span(&s->state));
	else
		expander_take(sp->expander, m, buf_span(&s->envelope));
}

static void on_stored(struct journal_request *r, enum pr_err err)
{
	struct stream_in *s = (struct stream_in *)(void *)((char *)r - offsetof(struct stream_in, request));
	struct spool *sp = s->intake->spool;
	struct instant now = spool_now(sp);
	struct mail *m;

	s->n_writing--;
	stream_let_packets_go(s);
	if (err != PR_OK) {
		stream_refuse(s, err == PR_FULL ? STORED_NOT_FULL : STORED_NOT_IO);
		return;
	}
	s->written = true;
	m = queue_add(sp->books.queue, &s->id);
	m->place = r->place;
	m->size = s->size + s->prefix.len;
	m->sender = sender_hash(&s->env);
	m->marks = (uint16_t)(s->env.flags | MARK_UNEXPANDED | (s->env.sender.len ? 0 : MARK_NULL_SENDER));
	schedule_born(m, s->env.received_ms, now);
	stream_answer(s, s->withdrawn ? STORED_ABORTED : STORED);	/* first: somebody waits for it */
	if (s->withdrawn)
		mail_finish(sp, m, NULL);
	else
		stream_begin_life(s, m);
	stream_end(s);
}

static void stream_write_message(struct stream_in *s)
{
	struct mail like = { .marks = (uint16_t)(s->env.flags | (s->env.sender.len ? 0 : MARK_NULL_SENDER)),
	    .sender = sender_hash(&s->env) };
	struct journal_message m = { .id = s->id, .envelope = buf_span(&s->envelope), .chunks = s->chunks, .n_chunks = s->n_chunks,
	    .size = s->size + s->prefix.len };

	if (expansion_foreign(s->intake->spool->expander, &s->id, &s->env, &s->state))
		m.state = buf_span(&s->state);
	brief_encode(&like, s->env.received_ms, s->env.n_rcpts, s->brief);
	m.brief = span_of(s->brief, BRIEF_SIZE);
	parts_room(s);
	memmove(s->spans + 1, s->spans, s->n_parts * sizeof(struct span));
	s->spans[0] = s->prefix;
	m.content = (struct journal_bytes){ s->spans, s->n_parts + 1 };
	s->n_writing++;
	s->request.done = on_stored;
	journal_message(s->intake->spool->journal, &s->request, &m);
}

/* All is here; the message is written when its chunks are. */
static void stream_commit(struct stream_in *s)
{
	if (s->n_chunks > 0 && s->n_parts > 0)
		stream_write_chunk(s);
	if (s->n_writing == 0)
		stream_write_message(s);
}

static void on_commit(struct stream_in *s, const struct wire_mail_commit *m)
{
	if (s->committed || s->env.n_rcpts == 0 || m->size != s->size || m->prefix.len > HEAD_MAX ||
	    m->body_hash.len != (m->from_domain.len ? SHA256_LEN : 0)) {
		stream_refuse(s, STORED_NOT_BAD);
		return;
	}
	s->committed = true;
	s->env.flags = m->flags & (MAIL_SMTPUTF8 | MAIL_8BIT | MAIL_RET_FULL | MAIL_RET_HDRS | MAIL_SUBMITTED);
	s->env.quarantine = names_keep(s, m->quarantine);
	s->env.from_domain = names_keep(s, m->from_domain);
	s->env.body_hash = names_keep(s, m->body_hash);
	s->prefix = names_keep(s, m->prefix);
	s->env.sender = name_settled(s, s->env.sender);
	s->env.envid = name_settled(s, s->env.envid);
	s->env.client = name_settled(s, s->env.client);
	s->env.login = name_settled(s, s->env.login);
	s->env.quarantine = name_settled(s, s->env.quarantine);
	s->env.from_domain = name_settled(s, s->env.from_domain);
	s->env.body_hash = name_settled(s, s->env.body_hash);
	s->prefix = name_settled(s, s->prefix);
	s->env.rcpts = buf_span(&s->rows);
	s->env.states = SPAN_NONE;
	if (s->names.overflowed || envelope_encode(&s->env, &s->envelope) != PR_OK)
		stream_refuse(s, STORED_NOT_BAD);
	else
		stream_commit(s);
}

/* ---- verbs ----------------------------------------------------------------------------------- */

bool intake_withdraw(struct intake *in, const struct msg_id *id)
{
	struct map_node *node = map_find(&in->by_id, span_of((const char *)id->bytes, 16));

	if (!node)
		return false;
	MAP_OWNER(node, struct stream_in, node)->withdrawn = true;
	return true;
}

void intake_on_verb(struct intake *in, struct channel *ch, enum wire_verb verb, const union wire_msg *msg)
{
	struct stream_in *s;

	if (verb == WIRE_mail_begin) {
		on_begin(in, ch, &msg->mail_begin);
		return;
	}
	s = stream_find(in, ch, msg->mail_rcpt.ask);	/* the first field of all that follow */
	if (!s)
		return;		/* it was answered already */
	if (verb == WIRE_mail_rcpt)
		on_rcpt(s, &msg->mail_rcpt);
	else if (verb == WIRE_mail_part)
		on_part(s, &msg->mail_part);
	else if (verb == WIRE_mail_commit)
		on_commit(s, &msg->mail_commit);
	else if (verb == WIRE_mail_abort && !s->committed)
		stream_refuse(s, STORED_ABORTED);
}

void intake_on_gone(struct intake *in, struct channel *ch)
{
	LIST_EACH_SAFE(l, &in->open) {
		struct stream_in *s = LIST_OWNER(l, struct stream_in, list);

		if (s->channel != ch)
			continue;
		stream_forget_asker(s);
		if (!s->committed)
			stream_end(s);
	}
}
