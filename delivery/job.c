#include "delivery/job.h"

#include "base/mem.h"

#define ARENA_BLOCK 2048	/* a job with a few recipients and their outcomes */
#define SPARE_MAX   64		/* finished jobs whose memory waits for the next ones */

/* ---- birth and death -------------------------------------------------------- */

void jobs_init(struct jobs *j, const struct jobs_handlers *on, void *owner)
{
	*j = (struct jobs){ .on = on, .owner = owner };
	list_init(&j->all);
	list_init(&j->spare);
	for (unsigned i = 0; i < JOB_LINES; i++)
		list_init(&j->lines[i]);
}

static struct list *line_of(struct jobs *j, uint32_t number)
{
	return &j->lines[number % JOB_LINES];
}

static void part_free(struct jobs *j, struct job_part *part)
{
	list_remove(&part->list);
	j->on->release(j->owner, part->hold);
	mem_free(part);
}

static void drop_parts(struct jobs *j, struct job *job)
{
	LIST_EACH_SAFE(node, &job->used)
		part_free(j, LIST_OWNER(node, struct job_part, list));
	LIST_EACH_SAFE(node, &job->parts)
		part_free(j, LIST_OWNER(node, struct job_part, list));
}

static struct job *job_new(struct jobs *j, uint32_t number)
{
	struct list *node = list_take_first(&j->spare);
	struct job *job = node ? LIST_OWNER(node, struct job, list) : mem_new(sizeof(*job));
	struct arena arena = job->arena;

	if (!node)
		arena_init(&arena, ARENA_BLOCK);
	*job = (struct job){ .arena = arena, .number = number };
	list_init(&job->parts);
	list_init(&job->used);
	list_add_last(&j->all, &job->list);
	list_add_first(line_of(j, number), &job->line);
	j->n++;
	return job;
}

static void job_destroy(struct job *job)
{
	arena_fini(&job->arena);
	mem_free(job);
}

static void job_end_of_life(struct jobs *j, struct job *job)
{
	drop_parts(j, job);
	list_remove(&job->list);
	list_remove(&job->line);
	j->n--;
	arena_reset(&job->arena);
	if (j->n < SPARE_MAX)
		list_add_first(&j->spare, &job->list);
	else
		job_destroy(job);
}

void jobs_fini(struct jobs *j)
{
	LIST_EACH_SAFE(node, &j->all) {
		struct job *job = LIST_OWNER(node, struct job, list);

		drop_parts(j, job);
		list_remove(node);
		job_destroy(job);
	}
	LIST_EACH_SAFE(node, &j->spare) {
		list_remove(node);
		job_destroy(LIST_OWNER(node, struct job, list));
	}
}

static struct job *job_find(struct jobs *j, uint32_t number)
{
	LIST_EACH(node, line_of(j, number)) {
		struct job *job = LIST_OWNER(node, struct job, line);

		if (job->number == number && job->step != JOB_TOLD && !job->is_inherited)
			return job;
	}
	return NULL;
}

/* ---- what spool says ---------------------------------------------------------- */

static enum pr_err hear_begin(struct jobs *j, const struct wire_job_begin *m)
{
	struct job *job;

	if (job_find(j, m->job))
		return PR_BAD;
	job = job_new(j, m->job);
	job->id = m->id;
	job->flags = m->flags;
	job->deliver = arena_span(&job->arena, m->deliver);
	job->attempt = m->attempt;
	job->size = m->size;
	job->sender = arena_span(&job->arena, m->sender);
	job->envid = arena_span(&job->arena, m->envid);
	job->quarantine = arena_span(&job->arena, m->quarantine);
	return PR_OK;
}

static struct job_rcpt *rcpt_new(struct job *job)
{
	if (job->n_rcpts == job->rcpts_room) {
		unsigned room = job->rcpts_room ? job->rcpts_room * 2 : 2;
		struct job_rcpt *more = arena_new(&job->arena, room * sizeof(*more));

		if (job->n_rcpts > 0)
			memcpy(more, job->rcpts, job->n_rcpts * sizeof(*more));
		job->rcpts = more;
		job->rcpts_room = room;
	}
	job->n_open++;
	return &job->rcpts[job->n_rcpts++];
}

static enum pr_err hear_rcpt(struct jobs *j, const struct wire_job_rcpt *m)
{
	struct job *job = job_find(j, m->job);

	if (!job || job->step != JOB_COMING || job->n_rcpts == JOB_RCPTS_MAX)
		return PR_BAD;
	*rcpt_new(job) = (struct job_rcpt){ .n = m->n, .notify = m->notify, .mailbox = arena_span(&job->arena, m->mailbox),
		.address = arena_span(&job->arena, m->address), .orcpt = arena_span(&job->arena, m->orcpt) };
	return PR_OK;
}

static enum pr_err hear_host(struct jobs *j, const struct wire_job_host *m)
{
	struct job *job = job_find(j, m->job);

	if (!job || job->step != JOB_COMING || m->name.len > JOB_HOST_NAME_MAX)
		return PR_BAD;
	if (job->n_hosts < JOB_HOSTS_MAX)
		job->hosts[job->n_hosts++] = (struct job_host){ arena_span(&job->arena, m->name), m->preference, m->port };
	return PR_OK;
}

static enum pr_err start(struct jobs *j, struct job *job)
{
	if (job->step != JOB_COMING)
		return PR_OK;
	if (job->n_rcpts == 0)
		return PR_BAD;
	job->step = JOB_RUNNING;
	j->on->on_start(j->owner, job);
	return PR_OK;
}

static enum pr_err hear_part(struct jobs *j, const struct wire_job_part *m)
{
	struct job *job = job_find(j, m->job);
	struct job_part *part;

	if (!job)		/* it was settled before its end */
		return PR_OK;
	if (job->has_ended || m->bytes.len > job->size - job->came)
		return PR_BAD;
	job->came += m->bytes.len;
	part = mem_new(sizeof(*part));
	part->bytes = m->bytes;
	part->hold = j->on->keep(j->owner);
	list_add_last(&job->parts, &part->list);
	if (start(j, job) != PR_OK)
		return PR_BAD;
	if (job->step == JOB_RUNNING)
		j->on->on_body(j->owner, job);
	else
		drop_parts(j, job);
	return PR_OK;
}

static enum pr_err hear_end(struct jobs *j, uint32_t number)
{
	struct job *job = job_find(j, number);

	if (!job)
		return PR_OK;
	if (job->has_ended || job->came != job->size)
		return PR_BAD;
	job->has_ended = true;
	if (start(j, job) != PR_OK)
		return PR_BAD;
	if (job->step == JOB_RUNNING)
		j->on->on_body(j->owner, job);
	return PR_OK;
}

static void hear_cancel(struct jobs *j, uint32_t number)
{
	struct job *job = job_find(j, number);
	struct job_outcome ended = { .fate = FATE_DEFERRED, .scope = SCOPE_MESSAGE, .enhanced = SPAN("4.3.0"), .words = SPAN("The attempt was ended") };

	if (!job)
		return;
	if (job->step == JOB_RUNNING)
		j->on->on_cancel(j->owner, job);
	else
		job_settle_all(j, job, &ended);
}

static void hear_ack(struct jobs *j, const struct wire_job_ack *m)
{
	LIST_EACH(node, line_of(j, m->job)) {
		struct job *job = LIST_OWNER(node, struct job, line);

		if (job->step != JOB_TOLD || job->number != m->job || !id_eq(&job->id, &m->id))
			continue;
		j->n_orphans -= job->is_orphan;
		job_end_of_life(j, job);
		break;
	}
	if (j->n == 0)
		j->on->on_idle(j->owner);
}

static void drop_orphans(struct jobs *j);

enum pr_err jobs_hear(struct jobs *j, enum wire_verb verb, const union wire_msg *msg)
{
	if (j->n_orphans > 0)
		drop_orphans(j);
	switch (verb) {
	case WIRE_job_begin:
		return hear_begin(j, &msg->job_begin);
	case WIRE_job_host:
		return hear_host(j, &msg->job_host);
	case WIRE_job_rcpt:
		return hear_rcpt(j, &msg->job_rcpt);
	case WIRE_job_part:
		return hear_part(j, &msg->job_part);
	case WIRE_job_end:
		return hear_end(j, msg->job_end.job);
	case WIRE_job_cancel:
		hear_cancel(j, msg->job_cancel.job);
		return PR_OK;
	case WIRE_job_ack:
		hear_ack(j, &msg->job_ack);
		return PR_OK;
	default:
		return PR_BAD;
	}
}

/* ---- what it is told ------------------------------------------------------------ */

static void say_outcome(struct jobs *j, const struct job *job, const struct job_rcpt *rcpt)
{
	const struct job_outcome *o = &rcpt->outcome;
	struct wire_outcome msg = { .id = job->id, .n = rcpt->n, .result = (uint8_t)o->fate, .scope = (uint8_t)o->scope, .code = o->code,
		.enhanced = o->enhanced, .words = o->words, .host = o->host, .job = job->number };

	j->on->say(j->owner, WIRE_outcome, &msg);
}

static void say_done(struct jobs *j, const struct job *job)
{
	struct wire_job_done msg = { .job = job->number, .id = job->id };

	j->on->say(j->owner, WIRE_job_done, &msg);
}

static bool is_untold(const struct job *job, const struct job_rcpt *rcpt)
{
	return job->is_orphan && (!rcpt->is_settled || rcpt->outcome.fate == FATE_DEFERRED);
}

static bool has_words(const struct job *job)
{
	for (unsigned i = 0; i < job->n_rcpts; i++)
		if (!is_untold(job, &job->rcpts[i]))
			return true;
	return false;
}

static void say_again(struct jobs *j, const struct job *job)
{
	for (unsigned i = 0; i < job->n_rcpts; i++) {
		struct wire_job_held held = { .id = job->id, .n = job->rcpts[i].n, .job = job->number };

		if (is_untold(job, &job->rcpts[i]))
			continue;
		if (job->rcpts[i].is_settled)
			say_outcome(j, job, &job->rcpts[i]);
		else
			j->on->say(j->owner, WIRE_job_held, &held);
	}
	if (job->step == JOB_TOLD)
		say_done(j, job);
}

/* Whoever settled it may still look at it: so it goes with the next word of spool. */
static void drop_orphans(struct jobs *j)
{
	LIST_EACH_SAFE(node, &j->all) {
		struct job *job = LIST_OWNER(node, struct job, list);

		if (!job->is_orphan || job->step != JOB_TOLD || has_words(job))
			continue;
		j->n_orphans--;
		job_end_of_life(j, job);
	}
}

void jobs_spool_came(struct jobs *j)
{
	struct wire_told told = { 0 };

	drop_orphans(j);
	LIST_EACH(node, &j->all)
		say_again(j, LIST_OWNER(node, struct job, list));
	j->on->say(j->owner, WIRE_told, &told);
}

static void job_lost_spool(struct jobs *j, struct job *job)
{
	job->is_inherited = true;
	if (job->step == JOB_COMING)
		job_end_of_life(j, job);
	else if (job->step == JOB_RUNNING && !job->has_ended && !job->is_orphan) {
		job->is_orphan = true;
		j->n_orphans++;
		j->on->on_cancel(j->owner, job);
	}
}

void jobs_spool_left(struct jobs *j)
{
	LIST_EACH_SAFE(node, &j->all)
		job_lost_spool(j, LIST_OWNER(node, struct job, list));
}

void jobs_cancel_all(struct jobs *j)
{
	LIST_EACH_SAFE(node, &j->all) {
		struct job *job = LIST_OWNER(node, struct job, list);

		if (job->step == JOB_RUNNING)
			j->on->on_cancel(j->owner, job);
	}
}

/* ---- the work ---------------------------------------------------------------------- */

struct job_part *job_part_first(const struct job *job)
{
	return list_is_empty(&job->parts) ? NULL : LIST_OWNER(job->parts.next, struct job_part, list);
}

struct job_part *job_part_take(struct job *job)
{
	struct list *node = list_take_first(&job->parts);

	job->has_lost |= node && job->size > JOB_AGAIN_MAX;
	return node ? LIST_OWNER(node, struct job_part, list) : NULL;
}

void job_part_used(struct jobs *j, struct job *job, struct job_part *part)
{
	struct wire_job_window window = { .job = job->number, .bytes = (uint32_t)part->bytes.len };

	if (job->size <= JOB_AGAIN_MAX && job->step == JOB_RUNNING) {
		list_remove(&part->list);
		list_add_last(&job->used, &part->list);
		return;
	}
	part_free(j, part);
	if (!job->has_ended && job->step == JOB_RUNNING)
		j->on->say(j->owner, WIRE_job_window, &window);
}

bool job_can_rewind(const struct job *job)
{
	return !job->has_lost;
}

static void keep_outcome(struct job *job, struct job_rcpt *rcpt, const struct job_outcome *outcome)
{
	rcpt->outcome = *outcome;
	rcpt->outcome.enhanced = arena_span(&job->arena, outcome->enhanced);
	rcpt->outcome.words = arena_span(&job->arena, outcome->words);
	rcpt->outcome.host = arena_span(&job->arena, outcome->host);
}

void job_put_off(struct job *job, unsigned i, const struct job_outcome *outcome)
{
	job->rcpts[i].is_put_off = true;
	keep_outcome(job, &job->rcpts[i], outcome);
}

void job_rewind(struct job *job)
{
	BUG_ON(job->has_lost);
	for (unsigned i = 0; i < job->n_rcpts; i++)
		job->rcpts[i].is_put_off = false;
	while (!list_is_empty(&job->used)) {
		struct list *last = job->used.prev;

		list_remove(last);
		list_add_first(&job->parts, last);
	}
}

void job_settle(struct jobs *j, struct job *job, unsigned i, const struct job_outcome *outcome)
{
	struct job_rcpt *rcpt = &job->rcpts[i];

	if (rcpt->is_settled)
		return;
	rcpt->is_settled = true;
	keep_outcome(job, rcpt, outcome);
	if (!is_untold(job, rcpt))
		say_outcome(j, job, rcpt);
	if (--job->n_open > 0)
		return;
	drop_parts(j, job);
	job->step = JOB_TOLD;
	job->work = NULL;
	if (has_words(job))
		say_done(j, job);
}

void job_settle_all(struct jobs *j, struct job *job, const struct job_outcome *outcome)
{
	for (unsigned i = 0; i < job->n_rcpts; i++) {
		const struct job_outcome *said = &job->rcpts[i].outcome;

		job_settle(j, job, i, said->code ? said : outcome);
	}
}
