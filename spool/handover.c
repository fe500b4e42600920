/* A job's message on its way to the worker: envelope and recipients, then the
 * body, read from the journal piece by piece as the worker's window allows. */
#include "base/mem.h"
#include "base/random.h"
#include "base/text.h"
#include "mail/address.h"
#include "spool/hosts.h"
#include "spool/jobs_private.h"
#include "spool/signatures.h"

#define COPY_MAX 16384	/* a piece up to this is cheaper to copy than to lend */

static void job_damaged(struct job *job, enum pr_err err)
{
	struct spool *sp = job->owner->spool;
	struct mail *m = job_mail(job);

	disk_reader_close(&job->reader);
	job->reading = false;
	if (job->sent_begin) {
		job_cancel(job);
		return;		/* its outcomes are deferrals; the next attempt meets the damage at its begin */
	}
	BUG_ON(!m);
	if (err == PR_IO) {
		job_put_off(job, m, SPAN("It can't be read from the disk now"));
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

/* Foreign mail has no section. */
static struct span deliver_of(const struct job *job)
{
	struct span name = schedule_way_name(job->owner->spool->books.schedule, job->way);

	return way_is_foreign(name) ? SPAN_NONE : name;
}

/* What an alias sends elsewhere says for whom it came, so that it is known when it comes back: hops alone would let a loop
 * deliver a local copy each time round. The job's recipients have this in common (lines.c). */
static void add_delivered_to(struct job *job, struct mail *m, const struct envelope *env)
{
	const struct books *books = &job->owner->spool->books;
	const struct rcpt *r = mail_rcpt(m, job_rcpts(job)[0]);
	struct span address;

	if (!r->named || !way_is_foreign(schedule_way_name(books->schedule, job->way)))
		return;
	address = envelope_address(env, rcpt_names(books, r).origin);
	if (address.len == 0 || address.len > ADDRESS_MAX || !text_is_printable(address))
		return;
	(void)buf_printf(&job->fields, "Delivered-To: %.*s\r\n", SPAN_ARG(address));
}

static void put_begin(struct job *job, struct mail *m, const struct envelope *env)
{
	struct span sender = rcpt_sender(&job->owner->spool->books, mail_rcpt(m, job_rcpts(job)[0]), env->sender);
	struct wire_job_begin b = { .job = job->ask, .id = job->id, .flags = env->flags, .deliver = deliver_of(job),
	    .attempt = 1, .size = job->size, .received_ms = (uint64_t)env->received_ms, .sender = sender, .envid = env->envid,
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

/* Forgotten since it was begun: there were too many to remember. */
static bool lost_its_hosts(const struct job *job)
{
	const struct schedule *s = job->owner->spool->books.schedule;

	return way_is_foreign(schedule_way_name(s, job->way)) && !schedule_way_hosts(s, job->way);
}

static void put_hosts(struct job *job)
{
	struct hosts *hosts = schedule_way_hosts(job->owner->spool->books.schedule, job->way);

	if (!hosts)
		return;
	hosts_draw(hosts, random_u64());
	for (unsigned i = 0; i < hosts->n; i++) {
		struct wire_job_host msg = { .job = job->ask, .preference = hosts->at[i].preference, .port = hosts->at[i].port,
		    .name = hosts->at[i].name };

		channel_put(job->worker->channel, WIRE_job_host, &msg);
	}
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

/* Its message is signed, and it has not got the fields. */
static bool lacks_fields(const struct job *job, const struct mail *m)
{
	if (job->kind != SITE_SMTP || job->fields.len > 0)
		return false;
	return m->signature.segment || signatures_find(job->owner->spool->signatures, &job->id).len > 0;
}

static void on_envelope(void *owner, struct disk_reader *r, enum pr_err err, struct span bytes, uint64_t size)
{
	struct job *job = owner;
	struct mail *m = job_mail(job);
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
	if (lost_its_hosts(job)) {	/* it is asked anew */
		struct schedule *s = job->owner->spool->books.schedule;

		disk_reader_close(&job->reader);
		job_undo(job, m);
		schedule_enter(s, m);
		return;
	}
	if (lacks_fields(job, m)) {	/* another job asked for them meanwhile */
		disk_reader_close(&job->reader);
		job_hand_over(job, m);
		return;
	}
	if (job_must_be_signed(job, &env)) {
		disk_reader_close(&job->reader);
		return;
	}
	add_delivered_to(job, m, &env);
	job->size = size + job->fields.len;
	put_begin(job, m, &env);
	put_hosts(job);
	put_rcpts(job, m, &env);
	if (job->fields.len > 0)
		put_part(job, buf_span(&job->fields));
	disk_reader_next(r);
}

/* Sends of the piece what the window allows; when all of it has left, asks for the next. */
void job_send(struct job *job)
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

/* A signature that can't be read any more is made anew. */
static void on_fields(void *owner, struct disk_reader *r, enum pr_err err, struct span bytes)
{
	struct job *job = owner;
	struct mail *m = job_mail(job);

	job->asked = false;
	job->reader = r;
	BUG_ON(!m);		/* its recipients fly */
	if (err == PR_OK)
		err = bytes.len > 0 ? buf_add(&job->fields, bytes) : PR_BAD;
	disk_reader_close(&job->reader);
	if (err == PR_IO) {
		job_put_off(job, m, SPAN("It can't be read from the disk now"));
		return;
	}
	if (err != PR_OK) {
		buf_clear(&job->fields);
		m->signature = (struct place){ 0, 0 };
	}
	job_hand_over(job, m);
}

/* First its signature where it has one, then the message. */
void job_hand_over(struct job *job, struct mail *m)
{
	static const struct disk_reader_handlers message = { on_envelope, on_piece, NULL }, signature = { NULL, NULL, on_fields };
	struct spool *sp = job->owner->spool;
	struct disk_reader *r;

	if (lacks_fields(job, m))
		(void)buf_add(&job->fields, signatures_find(sp->signatures, &job->id));
	job->asked = true;
	if (lacks_fields(job, m))
		r = disk_read(sp->disk, &job->id, m->signature, &signature, job);
	else
		r = disk_read(sp->disk, &job->id, m->place, &message, job);
	if (r && job->asked)	/* not answered yet: the job is as it was */
		job->reader = r;
}
