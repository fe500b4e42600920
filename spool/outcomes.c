/* What workers say came of a job. Outcomes are journalled when the job is
 * done, and only then the worker may forget them. A worker that outlived its
 * spool tells the next one of jobs that this one never gave: they are adopted. */
#include "base/mem.h"
#include "spool/jobs_private.h"
#include "wire/event.h"

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

static void event_outcome(const struct job *job, const struct mail *m, const struct state_row *row)
{
	static const enum event_code codes[] = {
		[FATE_DELIVERED] = EV_DELIVERY_DELIVERED, [FATE_RELAYED] = EV_DELIVERY_DELIVERED, [FATE_DEFERRED] = EV_DELIVERY_DEFERRED,
		[FATE_FAILED] = EV_DELIVERY_FAILED, [FATE_PASSED] = EV_DELIVERY_DELIVERED
	};
	struct instant now = spool_now(job->owner->spool);
	struct event ev;

	event_begin(&ev, codes[row->fate], now.wall_ms, &job->id);
	event_text(&ev, EF_TO, job_address(job, row->n));
	event_num(&ev, EF_RCPT, row->n);
	event_num(&ev, EF_ATTEMPT, row->tries);
	event_num(&ev, EF_MS, now.mono_ms - m->born_mono);
	event_num(&ev, EF_TOOK, now.mono_ms - job->started);
	event_text(&ev, EF_DSN, row->enhanced);
	event_text(&ev, EF_HOST, row->host);
	if (row->code)
		event_num(&ev, EF_CODE, row->code);
	event_text(&ev, EF_REPLY, row->words);
	if (row->next_ms)
		event_num(&ev, EF_NEXT, row->next_ms);
	process_event(job->owner->spool->process, &ev);
}

static void put_off(struct spool *sp, struct job *job, struct mail *m, uint32_t n, enum wire_scope scope)
{
	if (scope == SCOPE_BATCH)
		schedule_again(sp->books.schedule, m, n, spool_now(sp));
	else
		(void)schedule_put_off(sp->books.schedule, m, n, job->started, spool_now(sp));
}

/* A recipient that flies comes down. */
static void outcome_enter(struct job *job, struct mail *m, const struct state_row *row, enum wire_scope scope)
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
		put_off(sp, job, m, row->n, scope);
	} else {
		m->n_flying--;
		if (r->tries < UINT16_MAX)
			r->tries++;
		rcpt_settle(&sp->books, m, row->n, row->fate, &said);
	}
	written = rcpt_outcome_row(&sp->books, m, row->n, now);
	event_outcome(job, m, &written);
	(void)state_add(&job->rows, &written);
}

/* ---- the end of a job ------------------------------------------------------------------------ */

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

static bool is_postponed(const struct spool *sp, uint32_t way)
{
	struct way_view v;

	schedule_way_view(sp->books.schedule, way, &v);
	return v.blocked_until != 0;
}

static void job_leave_site(struct job *job)
{
	struct spool *sp = job->owner->spool;
	struct saying said = words_find(sp->books.words, job->said);
	bool before;

	if (job->adopted)
		return;
	before = is_postponed(sp, job->way);
	schedule_job_ended(sp->books.schedule, &job->flight, job->started, job->word, job->said ? &said : NULL, spool_now(sp));
	if (!before && is_postponed(sp, job->way))
		route_postponed(sp, job->way);
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

void job_finish(struct job *job)
{
	struct mail *m = job_mail(job);
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

void job_undo(struct job *job, struct mail *m)
{
	job_leave_site(job);
	job_bring_back(job, m);
	job_free(job);
}

void job_put_off(struct job *job, struct mail *m, struct span why)
{
	struct state_row row = { .type = STATE_ROW_OUTCOME, .fate = FATE_DEFERRED, .enhanced = SPAN("4.3.0"),
	    .words = why, .host = SPAN_NONE };

	for (uint32_t i = 0; i < job->n_rcpts; i++) {
		row.n = job_rcpts(job)[i];
		outcome_enter(job, m, &row, SCOPE_RECIPIENT);
	}
	job_finish(job);
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
	    .fate = o->result <= FATE_PASSED ? o->result : FATE_DEFERRED, .code = o->code,
	    .enhanced = o->enhanced, .words = o->words, .host = o->host };
}

/* What the outcome says of the site. */
static void job_note_word(struct job *job, const struct wire_outcome *o, const struct state_row *row)
{
	struct saying said = { row->code, row->enhanced, row->words, row->host };
	struct words *words = job->owner->spool->books.words;

	if (row->fate != FATE_DEFERRED) {
		job->word = SITE_WELL;
	} else if (o->scope == SCOPE_SITE) {
		job->word = SITE_TROUBLE;
		words_drop(words, &job->said);
		job->said = words_keep(words, &said);
	} else if (job->word == SITE_UNKNOWN) {
		job->word = SITE_ALIVE;
	}
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
	job_note_word(job, o, &row);
	if (job->adopted)
		(void)state_add(&job->rows, &row);	/* entered when the books are whole */
	else if (m && o->n < m->n_rcpts)
		outcome_enter(job, m, &row, (enum wire_scope)o->scope);
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
	struct mail *m = job_mail(job);
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
			outcome_enter(job, m, &row, SCOPE_RECIPIENT);
	buf_fini(&told);
}

void job_finish_adopted(struct job *job)
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
		job_finish_adopted(job);
		return;
	}
	list_remove(&job->list);
	list_add_last(&j->early, &job->list);
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

void outcomes_on_verb(struct jobs *j, struct worker *w, enum wire_verb verb, const union wire_msg *msg)
{
	if (verb == WIRE_outcome)
		on_outcome(j, w, &msg->outcome);
	else if (verb == WIRE_job_done)
		on_job_done(j, w, &msg->job_done);
	else if (verb == WIRE_job_held)
		on_held(j, w, &msg->job_held);
}

/* The books are whole: what workers held and told is entered, before anything of an earlier run starts. */
void jobs_recovered(struct jobs *j)
{
	LIST_EACH(l, &j->workers) {
		struct worker *w = LIST_OWNER(l, struct worker, list);

		LIST_EACH(k, &w->jobs) {
			struct job *job = LIST_OWNER(k, struct job, list);

			if (job->adopted && job_mail(job))
				adopted_fly(job, job_mail(job));
		}
	}
	while (!list_is_empty(&j->early))
		job_finish_adopted(LIST_OWNER(j->early.next, struct job, list));
}
