/* A job is one message and those of its recipients that go one way: who gets
 * it, and who has it. handover.c brings it to its worker, outcomes.c enters
 * what came of it. */
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "spool/jobs_private.h"
#include "spool/signatures.h"

#define LOCAL_CREDIT  SITE_LOCAL_WINDOW
#define RELAY_CREDIT  1024	/* jobs at one relay worker; the schedule stops before */
#define BODY_COST_MAX WIRE_WINDOW	/* what one job may have on its way */

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
		buf_fini(&LIST_OWNER(l, struct job, list)->fields);
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

struct job *job_new(struct worker *w, const struct msg_id *id)
{
	struct jobs *j = w->owner;
	struct list *l = list_take_first(&j->free);
	struct job *job = l ? LIST_OWNER(l, struct job, list) : mem_new(sizeof(*job));
	struct map_node *first;

	if (!l) {
		buf_init(&job->rows, ROWS_MAX);
		buf_init(&job->addresses, START_MAX_RCPTS * 1024);
		buf_init(&job->fields, SIGNATURE_MAX + DELIVERED_TO_MAX);
	}
	job->owner = j;
	job->worker = w;
	job->id = *id;
	job->window = WIRE_WINDOW;
	list_init(&job->signing);
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
	list_remove(&job->signing);
	if (job->worker && job->adopted)
		map_remove(&job->worker->adopted, &job->node);
	else if (job->worker)
		(void)pending_close(&job->worker->pending, job->ask);
	job->worker = NULL;
}

void job_free(struct job *job)
{
	struct jobs *j = job->owner;
	struct buf rows = job->rows, addresses = job->addresses, fields = job->fields;

	job_detach(job);
	if (job->n_lent > 0)
		return;		/* its last part frees it */
	disk_reader_close(&job->reader);
	if (job->rcpts)
		mem_free(job->rcpts);
	words_drop(j->spool->books.words, &job->said);
	j->bodies -= job->cost;
	j->doubtful_bodies -= job->flight.is_doubtful ? job->cost : 0;
	buf_clear(&rows);
	if (rows.room > 4096)
		buf_shrink(&rows);
	buf_clear(&addresses);
	buf_clear(&fields);
	*job = (struct job){ .owner = j, .rows = rows, .addresses = addresses, .fields = fields };
	list_add_first(&j->free, &job->list);
	j->n--;
}

const uint32_t *job_rcpts(const struct job *job)
{
	return job->rcpts ? job->rcpts : &job->one;
}

struct mail *job_mail(const struct job *job)
{
	return queue_find(job->owner->spool->books.queue, &job->id);
}

/* ---- cancelling ---------------------------------------------------------------------- */

void job_cancel(struct job *job)
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

/* ---- who gets the next ----------------------------------------------------------------- */

static uint32_t newest_generation(const struct jobs *j, enum wire_role role)
{
	uint32_t newest = 0;

	LIST_EACH(l, &j->workers) {
		const struct worker *w = LIST_OWNER(l, struct worker, list);

		if (w->role == role && w->generation > newest)
			newest = w->generation;
	}
	return newest;
}

/* Of the newest generation alone: an older one takes no new jobs. */
static bool takes_jobs(const struct worker *w, enum wire_role role, uint32_t newest)
{
	return w->role == role && w->generation == newest && !w->replaced && pending_used(&w->pending) < w->pending.credit;
}

/* The one with the least to do. */
static struct worker *worker_for(struct jobs *j, enum wire_role role)
{
	uint32_t newest = newest_generation(j, role);
	struct worker *best = NULL;

	LIST_EACH(l, &j->workers) {
		struct worker *w = LIST_OWNER(l, struct worker, list);

		if (takes_jobs(w, role, newest) && (!best || pending_used(&w->pending) < pending_used(&best->pending)))
			best = w;
	}
	return best;
}

/* A site's jobs go to one worker, which has its connections; when it has no place, to that with the least to do. */
static struct worker *relay_for(struct jobs *j, const struct start *start)
{
	uint32_t newest = newest_generation(j, ROLE_RELAY);
	uint64_t best_draw = 0;
	struct worker *best = NULL;

	if (start->kind == SITE_LMTP)
		return worker_for(j, ROLE_RELAY);
	LIST_EACH(l, &j->workers) {
		struct worker *w = LIST_OWNER(l, struct worker, list);
		const uint32_t both[] = { start->spread, channel_instance(w->channel) };
		uint64_t draw = map_hash(span_of((const char *)both, sizeof(both)));

		if (!takes_jobs(w, ROLE_RELAY, newest) || (best && draw <= best_draw))
			continue;
		best = w;
		best_draw = draw;
	}
	return best;
}

static void job_begin(struct jobs *j, struct worker *w, const struct start *start)
{
	struct job *job = job_new(w, &start->mail->id);

	job->ask = pending_open(&w->pending, job);
	job->flight = start->flight;
	job->kind = start->kind;
	job->way = start->way;
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
	j->doubtful_bodies += job->flight.is_doubtful ? job->cost : 0;
	job_hand_over(job, start->mail);
}

void jobs_pump(struct jobs *j)
{
	struct instant now = spool_now(j->spool);

	while (j->bodies < BODIES_MAX && !j->spool->ending) {
		struct worker *local = worker_for(j, ROLE_LOCAL);
		unsigned kinds = local ? 1u << SITE_LOCAL : 0;

		if (worker_for(j, ROLE_RELAY))
			kinds |= 1u << SITE_LMTP | 1u << SITE_SMTP;
		if (j->doubtful_bodies >= DOUBTFUL_MAX)
			kinds |= START_NO_DOUBT;
		if (!kinds || !schedule_pull(j->spool->books.schedule, kinds, now, &j->start))
			return;
		job_begin(j, j->start.kind == SITE_LOCAL ? local : relay_for(j, &j->start), &j->start);
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
	w->role = channel_peer(ch);
	pending_init_at(&w->pending, w->role == ROLE_LOCAL ? LOCAL_CREDIT : RELAY_CREDIT, (uint16_t)random_u64());
	list_init(&w->jobs);
	map_init(&w->adopted);
	list_add_last(&j->workers, &w->list);
}

struct worker *worker_of(struct jobs *j, const struct channel *ch)
{
	LIST_EACH(l, &j->workers) {
		struct worker *w = LIST_OWNER(l, struct worker, list);

		if (w->channel == ch)
			return w;
	}
	return NULL;
}

bool jobs_all_told(const struct jobs *j)
{
	LIST_EACH(l, &j->workers)
		if (!LIST_OWNER(l, struct worker, list)->told)
			return false;
	return true;
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
		job_finish_adopted(job);
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

static void on_window(struct worker *w, const struct wire_job_window *m)
{
	struct job *job = pending_find(&w->pending, m->job);

	if (!job || m->bytes > BODIES_MAX)
		return;
	job->window += m->bytes;
	job_send(job);
}

void jobs_on_verb(struct jobs *j, struct channel *ch, enum wire_verb verb, const union wire_msg *msg)
{
	struct worker *w = worker_of(j, ch);

	if (!w)
		return;
	if (verb == WIRE_job_window)
		on_window(w, &msg->job_window);
	else if (verb == WIRE_told)
		w->told = true;
	else
		outcomes_on_verb(j, w, verb, msg);
}
