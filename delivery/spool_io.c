#include "delivery/spool_io.h"

#include <unistd.h>

#include "base/mem.h"

#define DRAIN_MOMENT SECONDS(3)	/* what goes well is done by then; what was ended waits for its next attempt */

struct spool_io {
	struct process *process;
	const struct worker_handlers *on;
	void *owner;
	struct jobs jobs;
	struct channel *channel;	/* NULL while there is no spool */
	bool is_draining;
	struct deadline deadline, idle;	/* of the drain */
};

/* ---- jobs to the channel ---------------------------------------------------------- */

static void say(void *owner, enum wire_verb verb, const void *msg)
{
	struct spool_io *io = owner;

	if (io->channel)
		channel_put(io->channel, verb, msg);
}

static void *keep(void *owner)
{
	struct spool_io *io = owner;

	return packet_keep(io->channel);
}

static void release(void *owner, void *hold)
{
	struct packet *packet = hold;

	(void)owner;
	packet_release(&packet);
}

static void on_start(void *owner, struct job *job)
{
	struct spool_io *io = owner;

	io->on->on_start(io->owner, job);
}

static void on_body(void *owner, struct job *job)
{
	struct spool_io *io = owner;

	io->on->on_body(io->owner, job);
}

static void on_cancel(void *owner, struct job *job)
{
	struct spool_io *io = owner;

	io->on->on_cancel(io->owner, job);
}

static void on_idle(void *owner)
{
	struct spool_io *io = owner;

	if (io->is_draining)
		process_end(io->process, 0);
}

/* ---- the channel to jobs ------------------------------------------------------------ */

static void on_spool_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct spool_io *io = owner;
	struct wire_captured captured = { .peer = ROLE_SPOOL, .instance = channel_instance(ch), .why = SPAN("a job that makes no sense") };

	if (fd >= 0)
		(void)close(fd);
	if (verb == WIRE_job_begin)
		process_note(io->process, &msg->job_begin.id);
	if (jobs_hear(&io->jobs, verb, msg) != PR_OK)
		channel_put(process_master(io->process), WIRE_captured, &captured);
	if (verb == WIRE_job_end)
		process_note(io->process, NULL);
}

static void on_spool_gone(void *owner, struct channel *ch)
{
	struct spool_io *io = owner;

	(void)ch;
	io->channel = NULL;
	process_note(io->process, NULL);
	jobs_spool_left(&io->jobs);
	if (io->is_draining && io->jobs.n == 0)
		process_end(io->process, 0);
}

static void on_wire(void *owner, enum wire_role peer, uint16_t instance, uint32_t generation, int fd)
{
	static const struct channel_handlers handlers = { .on_verb = on_spool_verb, .on_gone = on_spool_gone };
	struct spool_io *io = owner;

	(void)generation;
	if (peer != ROLE_SPOOL) {
		if (io->on->on_wire)
			io->on->on_wire(io->owner, peer, instance, fd);
		else
			(void)close(fd);
		return;
	}
	if (io->channel) {
		channel_close(&io->channel);
		jobs_spool_left(&io->jobs);
	}
	io->channel = channel_open_take(process_loop(io->process), fd, process_role(io->process), peer, instance, &handlers, io);
	jobs_spool_came(&io->jobs);
}

/* ---- the life of the process ---------------------------------------------------------- */

static void on_settings(void *owner, const struct settings *s)
{
	struct spool_io *io = owner;

	io->on->on_settings(io->owner, s);
}

static void on_master_verb(void *owner, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	(void)owner;
	(void)verb;
	(void)msg;
	if (fd >= 0)
		(void)close(fd);
}

static void on_begin(void *owner)
{
	struct spool_io *io = owner;

	process_ready(io->process);
}

/* A moment for spool to journal what was cancelled; what it does not get, it finds out as an attempt of unknown end. */
static void on_last_moment(struct deadline *d)
{
	struct spool_io *io = LIST_OWNER(d, struct spool_io, deadline);

	process_end(io->process, 0);
}

static void on_deadline(struct deadline *d)
{
	struct spool_io *io = LIST_OWNER(d, struct spool_io, deadline);

	jobs_cancel_all(&io->jobs);
	deadline_init(&io->deadline, on_last_moment);
	deadline_set(process_loop(io->process), &io->deadline, loop_now(process_loop(io->process)).mono_ms + SECONDS(5));
}

static void on_idle_over(struct deadline *d)
{
	struct spool_io *io = LIST_OWNER(d, struct spool_io, idle);

	if (io->on->on_drained_long)
		io->on->on_drained_long(io->owner);
}

static void on_drain(void *owner, int64_t idle_ms, int64_t deadline_ms)
{
	struct spool_io *io = owner;

	struct loop *loop = process_loop(io->process);
	int64_t now = loop_now(loop).mono_ms;

	io->is_draining = true;
	io->on->on_drain(io->owner);
	if (io->jobs.n == 0) {
		process_end(io->process, 0);
		return;
	}
	deadline_init(&io->deadline, on_deadline);
	deadline_set(loop, &io->deadline, now + deadline_ms);
	deadline_set(loop, &io->idle, now + (idle_ms > DRAIN_MOMENT ? idle_ms : DRAIN_MOMENT));
}

static void on_status(void *owner, struct buf *words)
{
	struct spool_io *io = owner;

	(void)buf_printf(words, "jobs=%zu ", io->jobs.n);
	io->on->on_status(io->owner, words);
}

struct jobs *spool_io_jobs(struct spool_io *io)
{
	return &io->jobs;
}

void spool_io_started(struct spool_io *io, const struct job *job, struct span host)
{
	struct event ev;

	event_begin(&ev, EV_DELIVERY_STARTED, loop_now(process_loop(io->process)).wall_ms, &job->id);
	event_text(&ev, EF_HOST, host);
	event_num(&ev, EF_N_RCPT, job->n_rcpts);
	event_num(&ev, EF_ATTEMPT, job->attempt);
	process_event(io->process, &ev);
}

void spool_io_put_off(struct spool_io *io, const struct job *job, const struct job_rcpt *rcpt)
{
	const struct job_outcome *o = &rcpt->outcome;
	struct event ev;

	event_begin(&ev, EV_DELIVERY_PUT_OFF, loop_now(process_loop(io->process)).wall_ms, &job->id);
	event_text(&ev, EF_TO, rcpt->address);
	event_num(&ev, EF_RCPT, rcpt->n);
	event_num(&ev, EF_ATTEMPT, job->attempt);
	event_text(&ev, EF_HOST, o->host);
	event_num(&ev, EF_CODE, o->code);
	event_text(&ev, EF_DSN, o->enhanced);
	event_text(&ev, EF_REPLY, o->words);
	process_event(io->process, &ev);
}

int spool_io_run(struct process *process, const struct worker_handlers *on, void *owner, struct spool_io **out)
{
	static const struct jobs_handlers to_jobs = {
		.say = say, .keep = keep, .release = release, .on_start = on_start, .on_body = on_body, .on_cancel = on_cancel, .on_idle = on_idle
	};
	static const struct process_handlers handlers = {
		.on_settings = on_settings, .on_wire = on_wire, .on_verb = on_master_verb, .on_begin = on_begin, .on_drain = on_drain,
		.on_status = on_status
	};
	struct spool_io io = { .process = process, .on = on, .owner = owner };
	int status;

	*out = &io;
	jobs_init(&io.jobs, &to_jobs, &io);
	deadline_init(&io.deadline, on_deadline);
	deadline_init(&io.idle, on_idle_over);
	status = process_run(process, &handlers, &io);
	if (io.channel)
		channel_close(&io.channel);
	jobs_fini(&io.jobs);
	return status;
}
