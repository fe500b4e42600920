/* Before a message leaves by SMTP for the first time it is signed: its header
 * is read and goes to the program that has the keys, and the fields that come
 * back are journalled beside the message. Jobs wait for that; who signs may
 * die meanwhile, then another one is asked. */
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "spool/jobs_private.h"
#include "spool/signatures.h"

#define SIGN_CREDIT  256		/* messages at who signs at a time */
#define SIGN_WAIT_MS SECONDS(30)	/* before the attempt is put off: he is away, or there is too much to sign */

/* A message that is to be signed. */
struct signing {
	struct list list;	/* of all, the oldest first */
	struct list line;	/* of those that were not asked yet */
	struct map_node node;
	struct signings *room;
	struct msg_id id;
	int64_t since;
	struct list jobs;	/* wait for it */
	struct buf domain;
	unsigned char body_hash[SHA256_LEN];
	uint32_t ask;		/* 0: in the line */
	struct channel *channel;	/* who was asked */
	struct disk_reader *reader;
	struct span piece;	/* of the message, not sent yet */
	uint32_t window;
	unsigned matched;	/* of the empty line that ends the header */
	bool reading, ended;
};

struct signings {
	struct spool *spool;
	struct channel *channel;	/* of the newest generation; NULL: nobody signs now */
	uint32_t generation;
	struct pending pending;
	struct list all, line;
	struct map by_id;
	struct deadline due;
};

static struct signing *signing_of(struct list *node)
{
	return LIST_OWNER(node, struct signing, list);
}

/* ---- birth and death ---------------------------------------------------------------- */

static void arm(struct signings *r)
{
	if (list_is_empty(&r->all))
		deadline_clear(r->spool->loop, &r->due);
	else
		deadline_set(r->spool->loop, &r->due, signing_of(r->all.next)->since + SIGN_WAIT_MS);
}

static struct signing *signing_new(struct signings *r, const struct msg_id *id, const struct envelope *env)
{
	struct signing *s = mem_new(sizeof(*s));

	s->room = r;
	s->id = *id;
	s->since = spool_now(r->spool).mono_ms;
	memcpy(s->body_hash, env->body_hash.at, SHA256_LEN);
	buf_init(&s->domain, env->from_domain.len + 1);
	(void)buf_add(&s->domain, env->from_domain);
	list_init(&s->jobs);
	list_add_last(&r->all, &s->list);
	list_add_last(&r->line, &s->line);
	map_put(&r->by_id, &s->node, id_span(&s->id));
	return s;
}

/* Nobody is asked for it any more; it may be asked for again. */
static void signing_unask(struct signing *s)
{
	disk_reader_close(&s->reader);
	(void)pending_close(&s->room->pending, s->ask);
	s->ask = 0;
	s->channel = NULL;
	s->piece = SPAN_NONE;
	s->matched = 0;
	s->reading = s->ended = false;
}

/* Its jobs go where the caller wants them. */
static void signing_end(struct signing *s, struct list *jobs)
{
	struct signings *r = s->room;
	struct list *l;

	while ((l = list_take_first(&s->jobs)))
		list_add_last(jobs, l);
	if (s->ask)
		signing_unask(s);
	list_remove(&s->list);
	list_remove(&s->line);
	map_remove(&r->by_id, &s->node);
	buf_fini(&s->domain);
	mem_free(s);
	arm(r);
}

/* ---- jobs go on --------------------------------------------------------------------- */

static void pump(struct signings *r);

static struct job *take_job(struct list *jobs)
{
	struct list *l = list_take_first(jobs);

	return l ? LIST_OWNER(l, struct job, signing) : NULL;
}

/* Signed, or to leave as it is. */
static void release(struct signing *s)
{
	struct signings *r = s->room;
	struct list jobs;
	struct job *job;

	list_init(&jobs);
	signing_end(s, &jobs);
	while ((job = take_job(&jobs))) {
		struct mail *m = job_mail(job);

		BUG_ON(!m);	/* its recipients fly */
		job->is_signed = true;
		job_hand_over(job, m);
	}
	pump(r);
}

static void put_off(struct signing *s, struct span why)
{
	struct list jobs;
	struct job *job;

	list_init(&jobs);
	signing_end(s, &jobs);
	while ((job = take_job(&jobs))) {
		struct mail *m = job_mail(job);

		BUG_ON(!m);
		job_put_off(job, m, why);
	}
}

static void on_due(struct deadline *d)
{
	struct signings *r = LIST_OWNER(d, struct signings, due);
	int64_t now = spool_now(r->spool).mono_ms;

	while (!list_is_empty(&r->all) && signing_of(r->all.next)->since + SIGN_WAIT_MS <= now)
		put_off(signing_of(r->all.next), SPAN("It can't be signed now: who has the keys gives no answer"));
	pump(r);
	arm(r);
}

/* ---- the header goes out ---------------------------------------------------------------- */

/* How many of these bytes belong to the header, its empty line too. */
static size_t header_len(struct signing *s, struct span bytes)
{
	static const char end[] = "\r\n\r\n";
	size_t i = 0;

	while (i < bytes.len && s->matched < 4) {
		char c = bytes.at[i++];

		s->matched = c == end[s->matched] ? s->matched + 1 : c == '\r';
	}
	return i;
}

static void send_header(struct signing *s)
{
	struct wire_sign_part part = { .ask = s->ask };
	struct wire_sign_end end = { .ask = s->ask };

	while (s->piece.len > 0 && s->window > 0) {
		part.bytes = span_first(s->piece, s->window < WIRE_PART_MAX ? s->window : WIRE_PART_MAX);
		s->window -= (uint32_t)part.bytes.len;
		s->piece = span_from(s->piece, part.bytes.len);
		channel_put(s->channel, WIRE_sign_part, &part);
	}
	if (s->piece.len > 0 || !s->reading)
		return;
	s->reading = false;
	if (!s->ended) {
		disk_reader_next(s->reader);
		return;
	}
	disk_reader_close(&s->reader);
	channel_put(s->channel, WIRE_sign_end, &end);
}

static void on_piece(void *owner, struct disk_reader *r, enum pr_err err, struct span bytes)
{
	struct signing *s = owner;

	s->reader = r;
	if (err == PR_IO) {
		put_off(s, SPAN("It can't be read from the disk now"));
		return;
	}
	if (err != PR_OK) {	/* the jobs meet it too, and say so */
		release(s);
		return;
	}
	s->piece = span_first(bytes, header_len(s, bytes));
	s->ended = bytes.len == 0 || s->matched == 4;
	s->reading = true;
	send_header(s);
}

static void on_envelope(void *owner, struct disk_reader *r, enum pr_err err, struct span bytes, uint64_t size)
{
	struct signing *s = owner;
	struct wire_sign_ask ask = { .ask = s->ask, .id = s->id, .domain = buf_span(&s->domain),
	    .body_hash = span_of((const char *)s->body_hash, SHA256_LEN) };

	(void)bytes, (void)size;
	s->reader = r;
	if (err != PR_OK) {
		on_piece(s, r, err, SPAN_NONE);
		return;
	}
	channel_put(s->channel, WIRE_sign_ask, &ask);
	disk_reader_next(r);
}

static void ask_for(struct signing *s, struct channel *channel)
{
	static const struct disk_reader_handlers handlers = { on_envelope, on_piece, NULL };
	struct spool *sp = s->room->spool;
	struct mail *m = queue_find(sp->books.queue, &s->id);
	struct disk_reader *reader;
	struct msg_id id = s->id;

	list_remove(&s->line);
	s->ask = pending_open(&s->room->pending, s);
	s->channel = channel;
	s->window = WIRE_WINDOW;
	if (!m) {
		release(s);	/* it was removed, and nobody waits */
		return;
	}
	if (m->is_aside) {	/* perhaps it was he who died over it */
		put_off(s, SPAN("a program died over it twice"));
		return;
	}
	reader = disk_read(sp->disk, &id, m->place, &handlers, s);
	if (reader)		/* else it was closed again, and s may be gone */
		s->reader = reader;
}

static void pump(struct signings *r)
{
	struct list *l;

	while (r->channel && pending_used(&r->pending) < SIGN_CREDIT && (l = list_take_first(&r->line)))
		ask_for(LIST_OWNER(l, struct signing, line), r->channel);
}

/* ---- jobs ask ------------------------------------------------------------------------------ */

bool job_must_be_signed(struct job *job, const struct envelope *env)
{
	struct signings *r = job->owner->spool->signings;
	struct map_node *node = map_find(&r->by_id, id_span(&job->id));
	struct signing *s;

	if (job->is_signed || job->kind != SITE_SMTP || env->from_domain.len == 0 || job->fields.len > 0)
		return false;
	s = node ? MAP_OWNER(node, struct signing, node) : signing_new(r, &job->id, env);
	list_add_last(&s->jobs, &job->signing);
	return true;
}

void signings_pump(struct signings *r)
{
	pump(r);
	arm(r);
}

/* ---- who signs says ------------------------------------------------------------------------ */

static void on_kept(struct note *n)
{
	struct mail *m = queue_find(n->spool->books.queue, &n->id);

	signatures_drop(n->spool->signatures, &n->id);
	if (m)
		m->signature = n->request.place;
}

static void keep(struct signing *s, struct span fields)
{
	struct spool *sp = s->room->spool;
	struct note *n;

	if (!queue_find(sp->books.queue, &s->id))
		return;
	signatures_keep(sp->signatures, &s->id, fields);
	n = note_new(sp, &s->id);
	n->done = on_kept;
	(void)buf_add(&n->bytes, fields);
	note_annex(n);
}

void signings_on_verb(struct signings *r, enum wire_verb verb, const union wire_msg *msg)
{
	struct signing *s = pending_find(&r->pending, msg->sign_done.ask);	/* the first field of both */

	if (!s)
		return;
	if (verb == WIRE_sign_window) {
		s->window += msg->sign_window.bytes;
		send_header(s);
		return;
	}
	if (verb != WIRE_sign_done)
		return;
	if (msg->sign_done.result == SIGNED && msg->sign_done.fields.len > 0 && msg->sign_done.fields.len <= SIGNATURE_MAX)
		keep(s, msg->sign_done.fields);
	release(s);
}

/* An older generation ends when it has answered. */
void signings_wired(struct signings *r, struct channel *channel, uint32_t generation)
{
	if (r->channel && generation < r->generation)
		return;
	r->channel = channel;
	r->generation = generation;
	pump(r);
}

void signings_on_gone(struct signings *r, struct channel *channel)
{
	if (r->channel == channel)
		r->channel = NULL;
	LIST_EACH_SAFE(l, &r->all) {
		struct signing *s = signing_of(l);

		if (s->channel != channel)
			continue;
		signing_unask(s);
		list_add_last(&r->line, &s->line);
	}
	pump(r);
}

/* ---- the room -------------------------------------------------------------------------------- */

struct signings *signings_new(struct spool *sp)
{
	struct signings *r = mem_new(sizeof(*r));

	r->spool = sp;
	pending_init(&r->pending, SIGN_CREDIT);
	list_init(&r->all);
	list_init(&r->line);
	map_init(&r->by_id);
	deadline_init(&r->due, on_due);
	return r;
}
