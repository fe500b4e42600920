/* Workers get messages and say what came of them. A job is one message and
 * those of its recipients that go one way; its body is read from the journal
 * piece by piece as the worker's window allows. Outcomes are journalled when
 * the job is done, and only then the worker may forget them. */
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"
#include "spool/spool.h"
#include "wire/event.h"
#include "wire/pending.h"

#define LOCAL_CREDIT  SITE_LOCAL_WINDOW
#define RELAY_CREDIT  256	/* jobs at one relay worker */
#define COPY_MAX      16384	/* a piece up to this is cheaper to copy than to lend */
#define BODIES_MAX    (64u << 20)	/* bytes of bodies on their way to workers, of all jobs */
#define BODY_COST_MAX WIRE_WINDOW	/* what one job may have on its way */
#define ROWS_MAX      STATE_MAX_BYTES

struct worker {
	struct list list;
	struct jobs *owner;
	struct channel *channel;
	struct pending pending;
	struct list jobs;
	struct map adopted;	/* jobs of an earlier run of ours, by message and number */
	enum site_kind kind;
	uint32_t generation;
	bool told, replaced;	/* replaced: the same instance lives again, and this one is about to end */
};

struct job {
	struct list list;	/* of its worker */
	struct map_node node;	/* adopted */
	struct adopted_key {
		struct msg_id id;
		uint32_t ask;
	} key;
	struct map_node by_id;	/* the first of its message */
	struct job *next;	/* of the same message */
	struct jobs *owner;
	struct worker *worker;	/* NULL: it is dead */
	struct msg_id id;
	uint32_t ask;
	uint32_t site, n_rcpts;
	uint32_t *rcpts, one;	/* one: in place of rcpts for one */
	struct buf rows;	/* outcomes to be journalled */
	struct buf addresses;	/* of its recipients, for events, a NUL behind each */
	struct disk_reader *reader;
	struct span piece;	/* what of it is not sent yet */
	uint64_t size;
	int64_t started;
	uint32_t window, cost;
	unsigned n_lent;	/* parts of the piece that the channel still sends from */
	enum site_word word;
	bool adopted, reading, sent_begin, cancelled, over, asked;	/* asked: the disk, for the envelope */
};

struct jobs {
	struct spool *spool;
	struct list workers, free;
	struct list early;	/* adopted and done before the books were whole */
	struct map by_id;
	struct envelope_rcpt *originals;
	uint32_t n_originals;
	uint32_t n;
	size_t bodies;
	struct start start;
};

static void job_send(struct job *job);

struct jobs *jobs_new(struct spool *sp)
{
	struct jobs *j = mem_new(sizeof(*j));

	j->spool = sp;
	list_init(&j->workers);
	list_init(&j->free);
	list_init(&j->early);
	map_init(&j->by_id);
	return j;
}

uint32_t jobs_count(const struct jobs *j)
{
	return j->n;
}

static void list_free_jobs(struct list *head)
{
	struct list *l;

	while ((l = list_take_first(head))) {
		buf_fini(&LIST_OWNER(l, struct job, list)->rows);
		buf_fini(&LIST_OWNER(l, struct job, list)->addresses);
		mem_free(LIST_OWNER(l, struct job, list));
	}
}

void jobs_free(struct jobs **j)
{
	if (!*j)
		return;
	BUG_ON(!list_is_empty(&(*j)->workers));	/* their channels are closed first */
	list_free_jobs(&(*j)->early);
	list_free_jobs(&(*j)->free);
	map_fini(&(*j)->by_id);
	mem_free((*j)->originals);
	mem_free(*j);
	*j = NULL;
}

/* ---- a job's birth and death -------------------------------------------------------- */

static struct span id_span(const struct msg_id *id)
{
	return span_of((const char *)id->bytes, sizeof(id->bytes));
}

static struct job *job_new(struct worker *w, const struct msg_id *id)
{
	struct jobs *j = w->owner;
	struct list *l = list_take_first(&j->free);
	struct job *job = l ? LIST_OWNER(l, struct job, list) : mem_new(sizeof(*job));
	struct map_node *first;

	if (!l) {
		buf_init(&job->rows, ROWS_MAX);
		buf_init(&job->addresses, START_MAX_RCPTS * 1024);
	}
	job->owner = j;
	job->worker = w;
	job->id = *id;
	job->window = WIRE_WINDOW;
	list_add_last(&w->jobs, &job->list);
	first = map_find(&j->by_id, id_span(id));
	if (first) {
		struct job *head = MAP_OWNER(first, struct job, by_id);

		job->next = head->next;
		head->next = job;
	} else {
		map_put(&j->by_id, &job->by_id, id_span(&job->id));
	}
	j->n++;
	return job;
}

static void job_unlink_id(struct job *job)
{
	struct jobs *j = job->owner;
	struct job *head = MAP_OWNER(map_find(&j->by_id, id_span(&job->id)), struct job, by_id), **at;

	if (head != job) {
		for (at = &head->next; *at != job; at = &(*at)->next)
			;
		*at = job->next;
		return;
	}
	map_remove(&j->by_id, &head->by_id);
	if (head->next)
		map_put(&j->by_id, &head->next->by_id, id_span(&head->next->id));
}

/* Nobody finds it any more. */
static void job_detach(struct job *job)
{
	if (job->over)
		return;
	job->over = true;
	job_unlink_id(job);
	list_remove(&job->list);
	if (job->worker && job->adopted)
		map_remove(&job->worker->adopted, &job->node);
	else if (job->worker)
		(void)pending_close(&job->worker->pending, job->ask);
	job->worker = NULL;
}

static void job_free(struct job *job)
{
	struct jobs *j = job->owner;
	struct buf rows = job->rows, addresses = job->addresses;

	job_detach(job);
	if (job->n_lent > 0)
		return;		/* its last part frees it */
	disk_reader_close(&job->reader);
	if (job->rcpts)
		mem_free(job->rcpts);
	j->bodies -= job->cost;
	buf_clear(&rows);
	if (rows.room > 4096)
		buf_shrink(&rows);
	buf_clear(&addresses);
	*job = (struct job){ .owner = j, .rows = rows, .addresses = addresses };
	list_add_first(&j->free, &job->list);
	j->n--;
}

static const uint32_t *job_rcpts(const struct job *job)
{
	return job->rcpts ? job->rcpts : &job->one;
}

static struct mail *mail_of(const struct job *job)
{
	return queue_find(job->owner->spool->books.queue, &job->id);
}

/* ---- outcomes ---------------------------------------------------------------------------- */

/* Its address as the worker got it; empty for what an earlier run started. */
static struct span job_address(const struct job *job, uint32_t n)
{
	struct span all = buf_span(&job->addresses);

	for (uint32_t i = 0; i < job->n_rcpts && all.len > 0; i++) {
		struct span one = span_cut(&all, '\0');

		if (job_rcpts(job)[i] == n)
			return one;
	}
	return SPAN_NONE;
}

static void event_outcome(const struct job *job, const struct state_row *row, const struct rcpt *r)
{
	static const enum event_code codes[] = { EV_DELIVERY_DELIVERED, EV_DELIVERY_DELIVERED, EV_DELIVERY_DEFERRED, EV_DELIVERY_FAILED };
	struct instant now = spool_now(job->owner->spool);
	struct event ev;

	event_begin(&ev, codes[row->fate], now.wall_ms, &job->id);
	event_text(&ev, EF_TO, job_address(job, row->n));
	event_num(&ev, EF_RCPT, row->n);
	event_num(&ev, EF_ATTEMPT, r->tries);
	event_num(&ev, EF_MS, now.mono_ms - job->started);
	event_text(&ev, EF_DSN, row->enhanced);
	event_text(&ev, EF_HOST, row->host);
	if (row->code)
		event_num(&ev, EF_CODE, row->code);
	event_text(&ev, EF_REPLY, row->words);
	if (row->next_ms)
		event_num(&ev, EF_NEXT, row->next_ms);
	process_event(job->owner->spool->process, &ev);
}

/* A recipient that flies comes down. */
static void outcome_enter(struct job *job, struct mail *m, const struct state_row *row)
{
	struct spool *sp = job->owner->spool;
	struct instant now = spool_now(sp);
	struct rcpt *r = mail_rcpt(m, row->n);
	struct saying said = { row->code, row->enhanced, row->words, row->host };
	struct state_row written;

	if (r->state != RCPT_FLYING)
		return;		/* told twice */
	r->flags &= (uint8_t)~RCPT_DOUBT;
	if (row->fate == FATE_DEFERRED) {
		rcpt_say(&sp->books, r, &said);
		(void)schedule_put_off(sp->books.schedule, m, row->n, job->started, now);
	} else {
		m->n_flying--;
		if (r->tries < UINT16_MAX)
			r->tries++;
		rcpt_settle(&sp->books, m, row->n, row->fate, &said);
	}
	written = rcpt_outcome_row(&sp->books, m, row->n, now);
	event_outcome(job, &written, r);
	(void)state_add(&job->rows, &written);
}

/* ---- the end of a job ------------------------------------------------------------------------ */

static struct worker *worker_of(struct jobs *j, const struct channel *ch)
{
	LIST_EACH(l, &j->workers) {
		struct worker *w = LIST_OWNER(l, struct worker, list);

		if (w->channel == ch)
			return w;
	}
	return NULL;
}

/* note.arg: the worker's channel, which may be gone; note.number: the job. */
static void on_outcomes_written(struct note *n)
{
	struct jobs *j = n->spool->jobs;
	struct worker *w = worker_of(j, n->arg);
	struct wire_job_ack ack = { .job = n->number, .id = n->id };

	if (w)
		channel_put(w->channel, WIRE_job_ack, &ack);
}

static struct note *ack_note(const struct job *job)
{
	struct note *n = note_new(job->owner->spool, &job->id);

	if (!job->worker || !job->sent_begin)
		return n;
	n->done = on_outcomes_written;
	n->arg = job->worker->channel;
	n->number = job->ask;
	return n;
}

static bool has_expired(struct mail *m)
{
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		if (mail_rcpt(m, i)->state == RCPT_EXPIRED)
			return true;
	return false;
}

/* What came of it goes to the disk, in its shortest form. */
static void job_write(struct job *job, struct mail *m)
{
	struct spool *sp = job->owner->spool;
	struct note *n = ack_note(job);

	if (m->is_aside && m->n_flying == 0)
		mail_set_aside(sp, m, SPAN("a program died over it twice"));
	schedule_enter(sp->books.schedule, m);
	if (m->n_flying == 0 && !(m->marks & MARK_BUSY) && (mail_is_settled(m) || m->marks & MARK_DOOMED)) {
		mail_finish(sp, m, n);
		return;
	}
	(void)buf_add(&n->bytes, buf_span(&job->rows));
	note_state(n, m, false);
	if (has_expired(m))
		settle_expired(sp, m);
	settle(sp, m);
}

static void job_leave_site(struct job *job)
{
	struct spool *sp = job->owner->spool;

	if (!job->adopted)
		schedule_job_ended(sp->books.schedule, job->site, job->started, job->word, spool_now(sp));
}

/* Recipients of which nothing was said: once more, and whether an attempt went before is not known. */
static void job_bring_back(struct job *job, struct mail *m)
{
	struct spool *sp = job->owner->spool;

	for (uint32_t i = 0; i < job->n_rcpts; i++) {
		uint32_t n = job_rcpts(job)[i];

		if (n >= m->n_rcpts || mail_rcpt(m, n)->state != RCPT_FLYING)
			continue;
		if (job->sent_begin)
			mail_rcpt(m, n)->flags |= RCPT_DOUBT;
		schedule_again(sp->books.schedule, m, n, spool_now(sp));
	}
}

static void job_finish(struct job *job)
{
	struct mail *m = mail_of(job);
	struct wire_job_ack ack = { .job = job->ask, .id = job->id };

	job_leave_site(job);
	if (m) {
		job_bring_back(job, m);
		job_write(job, m);
	} else if (job->worker) {
		channel_put(job->worker->channel, WIRE_job_ack, &ack);
	}
	job_free(job);
}

/* ---- what workers say ----------------------------------------------------------------------------- */

static struct job *adopted_find(const struct worker *w, const struct msg_id *id, uint32_t ask)
{
	struct adopted_key key = { *id, ask };
	struct map_node *node = map_find(&w->adopted, span_of((const char *)&key, sizeof(key)));

	return node ? MAP_OWNER(node, struct job, node) : NULL;
}

/* A job that an earlier run of ours gave. NULL when the worker has told all that it held: there is none of which we don't know. */
static struct job *job_adopt(struct worker *w, const struct msg_id *id, uint32_t ask)
{
	struct job *job = adopted_find(w, id, ask);

	if (job || w->told)
		return job;
	job = job_new(w, id);
	job->adopted = job->sent_begin = true;
	job->ask = ask;
	job->key = (struct adopted_key){ *id, ask };
	job->started = spool_now(w->owner->spool).mono_ms;
	map_put(&w->adopted, &job->node, span_of((const char *)&job->key, sizeof(job->key)));
	return job;
}

static void job_add_rcpt(struct job *job, uint32_t n)
{
	for (uint32_t i = 0; i < job->n_rcpts; i++)
		if (job_rcpts(job)[i] == n)
			return;
	if (job->n_rcpts == 0) {
		job->one = n;
	} else {
		job->rcpts = mem_resize(job->rcpts, (job->n_rcpts + 1) * sizeof(uint32_t));
		if (job->n_rcpts == 1)
			job->rcpts[0] = job->one;
		job->rcpts[job->n_rcpts] = n;
	}
	job->n_rcpts++;
}

static bool job_has(const struct job *job, uint32_t n)
{
	for (uint32_t i = 0; i < job->n_rcpts; i++)
		if (job_rcpts(job)[i] == n)
			return true;
	return false;
}

/* The job of that number, ours or of an earlier run. */
static struct job *job_find(struct worker *w, const struct msg_id *id, uint32_t ask)
{
	struct job *job = pending_find(&w->pending, ask);

	return job && id_eq(&job->id, id) ? job : job_adopt(w, id, ask);
}

static struct state_row row_of(const struct wire_outcome *o)
{
	return (struct state_row){ .type = STATE_ROW_OUTCOME, .n = o->n,
	    .fate = o->result <= FATE_FAILED ? o->result : FATE_DEFERRED, .code = o->code,
	    .enhanced = o->enhanced, .words = o->words, .host = o->host };
}

static void on_outcome(struct jobs *j, struct worker *w, const struct wire_outcome *o)
{
	struct job *job = job_find(w, &o->id, o->job);
	struct mail *m = queue_find(j->spool->books.queue, &o->id);
	struct state_row row = row_of(o);

	if (!job)
		return;
	if (job->adopted)
		job_add_rcpt(job, o->n);
	else if (!job_has(job, o->n))
		return;
	if (row.fate != FATE_DEFERRED)
		job->word = SITE_WELL;
	else if (o->scope == SCOPE_SITE)
		job->word = SITE_TROUBLE;
	if (job->adopted)
		(void)state_add(&job->rows, &row);	/* entered when the books are whole */
	else if (m && o->n < m->n_rcpts)
		outcome_enter(job, m, &row);
}

/* Makes what an adopted job holds as if it had been started here. */
static void adopted_fly(struct job *job, struct mail *m)
{
	for (uint32_t i = 0; i < job->n_rcpts; i++) {
		uint32_t n = job_rcpts(job)[i];

		if (n >= m->n_rcpts || (mail_rcpt(m, n)->state != RCPT_WAITING && mail_rcpt(m, n)->state != RCPT_HELD))
			continue;
		m->is_aside |= mail_rcpt(m, n)->state == RCPT_HELD;
		mail_rcpt(m, n)->state = RCPT_FLYING;
		m->n_flying++;
	}
}

static void adopted_enter(struct job *job)
{
	struct mail *m = mail_of(job);
	struct buf told = job->rows;
	struct span rows;
	struct state_row row;

	if (!m)
		return;
	adopted_fly(job, m);
	buf_init(&job->rows, ROWS_MAX);
	rows = buf_span(&told);
	while (state_next(&rows, &row) == PR_OK)
		if (row.n < m->n_rcpts)
			outcome_enter(job, m, &row);
	buf_fini(&told);
}

static void adopted_done(struct job *job)
{
	adopted_enter(job);
	job_finish(job);
}

static void on_job_done(struct jobs *j, struct worker *w, const struct wire_job_done *d)
{
	struct job *job = job_find(w, &d->id, d->job);
	struct wire_job_ack ack = { .job = d->job, .id = d->id };

	if (!job) {		/* of an earlier run, and not told when we came: it was begun anew */
		channel_put(w->channel, WIRE_job_ack, &ack);
		return;
	}
	if (!job->adopted) {
		job_finish(job);
		return;
	}
	if (j->spool->recovered) {
		adopted_done(job);
		return;
	}
	list_remove(&job->list);
	list_add_last(&j->early, &job->list);
}

static void on_window(struct worker *w, const struct wire_job_window *m)
{
	struct job *job = pending_find(&w->pending, m->job);

	if (!job || m->bytes > BODIES_MAX)
		return;
	job->window += m->bytes;
	job_send(job);
}

static void on_held(struct jobs *j, struct worker *w, const struct wire_job_held *h)
{
	struct job *job = job_adopt(w, &h->id, h->job);
	struct mail *m = queue_find(j->spool->books.queue, &h->id);

	if (!job)
		return;
	job_add_rcpt(job, h->n);
	if (j->spool->recovered && m)
		adopted_fly(job, m);
}

void jobs_on_verb(struct jobs *j, struct channel *ch, enum wire_verb verb, const union wire_msg *msg)
{
	struct worker *w = worker_of(j, ch);

	if (!w)
		return;
	if (verb == WIRE_outcome)
		on_outcome(j, w, &msg->outcome);
	else if (verb == WIRE_job_done)
		on_job_done(j, w, &msg->job_done);
	else if (verb == WIRE_job_window)
		on_window(w, &msg->job_window);
	else if (verb == WIRE_job_held)
		on_held(j, w, &msg->job_held);
	else if (verb == WIRE_told)
		w->told = true;
}

/* The books are whole: what workers held and told is entered, before anything of an earlier run starts. */
void jobs_recovered(struct jobs *j)
{
	LIST_EACH(l, &j->workers) {
		struct worker *w = LIST_OWNER(l, struct worker, list);

		LIST_EACH(k, &w->jobs) {
			struct job *job = LIST_OWNER(k, struct job, list);

			if (job->adopted && mail_of(job))
				adopted_fly(job, mail_of(job));
		}
	}
	while (!list_is_empty(&j->early))
		adopted_done(LIST_OWNER(j->early.next, struct job, list));
}

bool jobs_all_told(const struct jobs *j)
{
	LIST_EACH(l, &j->workers)
		if (!LIST_OWNER(l, struct worker, list)->told)
			return false;
	return true;
}

/* ---- a job starts ------------------------------------------------------------------------------------- */

static void job_cancel(struct job *job)
{
	struct wire_job_cancel msg = { .job = job->ask };

	if (job->cancelled || job->adopted || !job->sent_begin)
		return;
	job->cancelled = true;
	channel_put(job->worker->channel, WIRE_job_cancel, &msg);
}

void jobs_cancel(struct jobs *j, const struct mail *m)
{
	struct map_node *first = map_find(&j->by_id, id_span(&m->id));
	struct job *job = first ? MAP_OWNER(first, struct job, by_id) : NULL;

	for (; job; job = job->next)
		if (job->worker && (job->reading || job->n_lent))	/* one that was sent whole will tell soon */
			job_cancel(job);
}

/* It never left: its recipients are as they were. */
static void job_undo(struct job *job, struct mail *m)
{
	job_leave_site(job);
	job_bring_back(job, m);
	job_free(job);
}

/* The disk fails for now: an attempt that was made, and in vain. */
static void job_put_off(struct job *job, struct mail *m)
{
	struct state_row row = { .type = STATE_ROW_OUTCOME, .fate = FATE_DEFERRED, .enhanced = SPAN("4.3.0"),
	    .words = SPAN("It can't be read from the disk now"), .host = SPAN_NONE };

	for (uint32_t i = 0; i < job->n_rcpts; i++) {
		row.n = job_rcpts(job)[i];
		outcome_enter(job, m, &row);
	}
	job_finish(job);
}

static void job_damaged(struct job *job, enum pr_err err)
{
	struct spool *sp = job->owner->spool;
	struct mail *m = mail_of(job);

	disk_reader_close(&job->reader);
	job->reading = false;
	if (job->sent_begin) {
		job_cancel(job);
		return;		/* its outcomes are deferrals; the next attempt meets the damage at its begin */
	}
	BUG_ON(!m);
	if (err == PR_IO) {
		job_put_off(job, m);
		return;
	}
	job_undo(job, m);
	mail_set_aside(sp, m, SPAN("it can't be read from the disk"));
}

static const struct envelope_rcpt *originals_of(struct jobs *j, const struct envelope *env)
{
	struct span rows = env->rcpts;

	if (j->n_originals < env->n_rcpts) {
		j->n_originals = env->n_rcpts;
		j->originals = mem_resize(j->originals, j->n_originals * sizeof(*j->originals));
	}
	for (uint32_t i = 0; i < env->n_rcpts; i++)
		if (!envelope_next(&rows, &j->originals[i]))
			j->originals[i] = (struct envelope_rcpt){ 0, SPAN_NONE, SPAN_NONE };
	return j->originals;
}

static void put_begin(struct job *job, struct mail *m, const struct envelope *env)
{
	struct spool *sp = job->owner->spool;
	struct wire_job_begin b = { .job = job->ask, .id = job->id, .flags = env->flags, .deliver = schedule_site_name(sp->books.schedule, job->site),
	    .attempt = 1, .size = job->size, .received_ms = (uint64_t)env->received_ms, .sender = env->sender, .envid = env->envid,
	    .quarantine = env->quarantine };

	for (uint32_t i = 0; i < job->n_rcpts; i++) {
		const struct rcpt *r = mail_rcpt(m, job_rcpts(job)[i]);

		if (r->tries + 1u > b.attempt)
			b.attempt = r->tries + 1u;
		if (r->flags & RCPT_DOUBT)
			b.flags |= MAIL_IN_DOUBT;
	}
	channel_put(job->worker->channel, WIRE_job_begin, &b);
	job->sent_begin = true;
}

static void put_rcpts(struct job *job, struct mail *m, const struct envelope *env)
{
	const struct envelope_rcpt *originals = originals_of(job->owner, env);
	const struct envelope_rcpt none = { 0, SPAN_NONE, SPAN_NONE };

	for (uint32_t i = 0; i < job->n_rcpts; i++) {
		uint32_t n = job_rcpts(job)[i];
		const struct rcpt *r = mail_rcpt(m, n);
		struct rcpt_names names = rcpt_names(&job->owner->spool->books, r);
		const struct envelope_rcpt *from = names.origin < env->n_rcpts ? &originals[names.origin] : &none;
		struct wire_job_rcpt msg = { .job = job->ask, .n = n, .notify = r->flags & RCPT_SILENT ? NOTIFY_NEVER : r->flags & RCPT_NOTIFY,
		    .mailbox = names.mailbox.len ? names.mailbox : from->address,
		    .address = names.address.len ? names.address : from->address, .orcpt = from->orcpt };

		channel_put(job->worker->channel, WIRE_job_rcpt, &msg);
		(void)buf_add(&job->addresses, msg.address);
		(void)buf_add_char(&job->addresses, '\0');
	}
}

static void on_envelope(void *owner, struct disk_reader *r, enum pr_err err, struct span bytes, uint64_t size)
{
	struct job *job = owner;
	struct mail *m = mail_of(job);
	struct envelope env;

	job->asked = false;
	job->reader = r;
	process_note(job->owner->spool->process, &job->id);
	if (err == PR_OK)
		err = envelope_decode(bytes, &env);
	process_note(job->owner->spool->process, NULL);
	if (err != PR_OK || !m) {
		job_damaged(job, err);
		return;
	}
	if (m->marks & MARK_DOOMED) {
		disk_reader_close(&job->reader);
		job_undo(job, m);
		settle(job->owner->spool, m);
		return;
	}
	job->size = size;
	put_begin(job, m, &env);
	put_rcpts(job, m, &env);
	disk_reader_next(r);
}

static void on_part_gone(void *arg)
{
	struct job *job = arg;

	job->n_lent--;
	if (job->over)
		job_free(job);
	else
		job_send(job);
}

static void put_part(struct job *job, struct span bytes)
{
	struct wire_job_part msg = { .job = job->ask, .bytes = bytes };

	job->window -= (uint32_t)bytes.len;
	if (bytes.len <= COPY_MAX) {
		channel_put(job->worker->channel, WIRE_job_part, &msg);
		return;
	}
	job->n_lent++;
	channel_put_borrowed(job->worker->channel, WIRE_job_part, &msg, bytes, on_part_gone, job);
}

/* Sends of the piece what the window allows; when all of it has left, asks for the next. */
static void job_send(struct job *job)
{
	while (job->piece.len > 0 && job->window > 0 && !job->cancelled) {
		size_t n = job->piece.len < WIRE_PART_MAX ? job->piece.len : WIRE_PART_MAX;
		struct span part = span_first(job->piece, n < job->window ? n : job->window);

		job->piece = span_from(job->piece, part.len);
		put_part(job, part);
	}
	if (job->reading && job->piece.len == 0 && job->n_lent == 0 && !job->cancelled) {
		job->reading = false;
		disk_reader_next(job->reader);
	}
}

static void on_piece(void *owner, struct disk_reader *r, enum pr_err err, struct span bytes)
{
	struct job *job = owner;
	struct wire_job_end end = { .job = job->ask };

	job->reader = r;
	if (err != PR_OK) {
		job_damaged(job, err);
		return;
	}
	if (bytes.len == 0) {
		disk_reader_close(&job->reader);
		channel_put(job->worker->channel, WIRE_job_end, &end);
		return;
	}
	job->piece = bytes;
	job->reading = true;
	job_send(job);
}

static uint32_t newest_generation(const struct jobs *j, enum site_kind kind)
{
	uint32_t newest = 0;

	LIST_EACH(l, &j->workers) {
		const struct worker *w = LIST_OWNER(l, struct worker, list);

		if (w->kind == kind && w->generation > newest)
			newest = w->generation;
	}
	return newest;
}

/* Of the newest generation alone: an older one takes no new jobs. */
static struct worker *worker_for(struct jobs *j, enum site_kind kind)
{
	uint32_t newest = newest_generation(j, kind);
	struct worker *best = NULL;

	LIST_EACH(l, &j->workers) {
		struct worker *w = LIST_OWNER(l, struct worker, list);

		if (w->kind != kind || w->generation != newest || w->replaced || pending_used(&w->pending) == w->pending.credit)
			continue;
		if (!best || pending_used(&w->pending) < pending_used(&best->pending))
			best = w;
	}
	return best;
}

static void job_begin(struct jobs *j, struct worker *w, const struct start *start)
{
	static const struct disk_reader_handlers handlers = { on_envelope, on_piece };
	struct job *job = job_new(w, &start->mail->id);
	struct disk_reader *r;

	job->ask = pending_open(&w->pending, job);
	job->site = start->site;
	job->started = spool_now(j->spool).mono_ms;
	job->word = SITE_UNKNOWN;
	job->n_rcpts = start->n;
	job->one = start->rcpts[0];
	if (start->n > 1) {
		job->rcpts = mem_new(start->n * sizeof(uint32_t));
		memcpy(job->rcpts, start->rcpts, start->n * sizeof(uint32_t));
	}
	job->cost = start->mail->size < BODY_COST_MAX ? (uint32_t)start->mail->size : BODY_COST_MAX;
	j->bodies += job->cost;
	job->asked = true;
	r = disk_read(j->spool->disk, &job->id, start->mail->place, &handlers, job);
	if (job->asked)		/* not answered yet: the job is as it was */
		job->reader = r;
}

void jobs_pump(struct jobs *j)
{
	struct worker *of[N_SITE_KINDS] = { NULL };
	struct instant now = spool_now(j->spool);
	unsigned kinds;

	while (j->bodies < BODIES_MAX && !j->spool->ending) {
		of[SITE_LOCAL] = worker_for(j, SITE_LOCAL);
		of[SITE_LMTP] = worker_for(j, SITE_LMTP);
		kinds = (of[SITE_LOCAL] ? 1u << SITE_LOCAL : 0) | (of[SITE_LMTP] ? 1u << SITE_LMTP : 0);
		if (!kinds || !schedule_pull(j->spool->books.schedule, kinds, now, &j->start))
			return;
		job_begin(j, of[schedule_site_kind(j->spool->books.schedule, j->start.site)], &j->start);
	}
}

/* ---- workers come and go --------------------------------------------------------------------------------- */

void jobs_wired(struct jobs *j, struct channel *ch, uint32_t generation)
{
	struct worker *w = mem_new(sizeof(*w));

	LIST_EACH(l, &j->workers) {
		struct worker *old = LIST_OWNER(l, struct worker, list);

		if (channel_peer(old->channel) == channel_peer(ch) && old->generation == generation)
			old->replaced |= channel_instance(old->channel) == channel_instance(ch);
	}
	w->owner = j;
	w->channel = ch;
	w->generation = generation;
	w->kind = channel_peer(ch) == ROLE_LOCAL ? SITE_LOCAL : SITE_LMTP;
	pending_init_at(&w->pending, w->kind == SITE_LOCAL ? LOCAL_CREDIT : RELAY_CREDIT, (uint16_t)random_u64());
	list_init(&w->jobs);
	map_init(&w->adopted);
	list_add_last(&j->workers, &w->list);
}

/* Its worker died, perhaps over it: what is known of it is kept, the rest is tried again at once. */
static void job_orphaned(struct job *job)
{
	struct jobs *j = job->owner;

	if (!job->adopted) {
		(void)pending_close(&job->worker->pending, job->ask);
		job->worker = NULL;
		job_finish(job);
		return;
	}
	map_remove(&job->worker->adopted, &job->node);
	job->worker = NULL;
	if (j->spool->recovered) {
		adopted_done(job);
		return;
	}
	list_remove(&job->list);
	list_add_last(&j->early, &job->list);
}

void jobs_on_gone(struct jobs *j, struct channel *ch)
{
	struct worker *w = worker_of(j, ch);

	if (!w)
		return;
	list_remove(&w->list);
	LIST_EACH_SAFE(l, &j->early) {
		struct job *job = LIST_OWNER(l, struct job, list);

		if (job->worker == w)
			job_orphaned(job);
	}
	while (!list_is_empty(&w->jobs))
		job_orphaned(LIST_OWNER(w->jobs.next, struct job, list));
	pending_fini(&w->pending);
	map_fini(&w->adopted);
	mem_free(w);
}
