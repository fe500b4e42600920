#include "delivery/probe_io.h"

#include <unistd.h>

#include "base/mem.h"
#include "mail/address.h"

#define CONNECTIONS_MAX 4	/* to one server */
#define MAILS_MAX       10	/* probes of one connection: servers slow down or hang up after that many refused recipients */

struct probe_io {
	struct process *process;
	const struct ways *ways;
	struct pools_options options;
	struct jobs jobs;
	struct probes probes;
	struct pools **pools;	/* of each deliver section: NULL before it is asked */
	struct list peers;
	struct deadline deadline;
};

struct smtpd {
	struct list list;
	struct probe_io *io;
	struct channel *channel;
};

static int64_t now_ms(const struct probe_io *io)
{
	return loop_now(process_loop(io->process)).mono_ms;
}

static void arm(struct probe_io *io)
{
	int64_t due = probes_due(&io->probes);

	if (due == INT64_MAX)
		deadline_clear(process_loop(io->process), &io->deadline);
	else
		deadline_set(process_loop(io->process), &io->deadline, due);
}

/* ---- a probe is a job without a message ------------------------------------------------ */

/* Jobs whose outcome was heard. Not at once: whoever told it may still look at them. */
static void forget_told(struct probe_io *io)
{
	LIST_EACH_SAFE(node, &io->jobs.all) {
		const struct job *job = LIST_OWNER(node, struct job, list);
		union wire_msg ack = { .job_ack = { .job = job->number, .id = job->id } };

		if (job->step == JOB_TOLD && jobs_hear(&io->jobs, WIRE_job_ack, &ack) != PR_OK)
			return;
	}
}

static void on_begin(void *owner, uint32_t probe, unsigned deliver, struct span address)
{
	struct probe_io *io = owner;
	union wire_msg begin = { .job_begin = { .job = probe, .flags = MAIL_PROBE, .attempt = 1, .sender = SPAN_NONE, .envid = SPAN_NONE,
		.quarantine = SPAN_NONE, .deliver = span_of_text(io->ways->settings->deliver[deliver].title) } };
	union wire_msg rcpt = { .job_rcpt = { .job = probe, .mailbox = address, .address = address, .orcpt = SPAN_NONE } };
	union wire_msg end = { .job_end = { .job = probe } };
	enum pr_err err;

	forget_told(io);
	err = jobs_hear(&io->jobs, WIRE_job_begin, &begin);
	if (err == PR_OK)
		err = jobs_hear(&io->jobs, WIRE_job_rcpt, &rcpt);
	if (err == PR_OK)
		err = jobs_hear(&io->jobs, WIRE_job_end, &end);
	BUG_ON(err != PR_OK);
}

static void on_probe_cancel(void *owner, uint32_t probe)
{
	struct probe_io *io = owner;
	union wire_msg cancel = { .job_cancel = { .job = probe } };

	BUG_ON(jobs_hear(&io->jobs, WIRE_job_cancel, &cancel) != PR_OK);
}

static void tell_event(struct probe_io *io, const struct wire_outcome *said, struct span address)
{
	struct event ev;

	event_begin(&ev, EV_RECIPIENT_ASKED, loop_now(process_loop(io->process)).wall_ms, NULL);
	event_text(&ev, EF_TO, address);
	event_text(&ev, EF_HOST, said->host);
	event_num(&ev, EF_CODE, said->code);
	event_text(&ev, EF_DSN, said->enhanced);
	event_text(&ev, EF_REPLY, said->words);
	process_event(io->process, &ev);
}

static void on_said(void *owner, enum wire_verb verb, const void *msg)
{
	struct probe_io *io = owner;
	const struct wire_outcome *said = msg;
	struct job_outcome outcome;

	if (verb != WIRE_outcome)
		return;
	outcome = (struct job_outcome){ .fate = said->result, .scope = said->scope, .code = said->code, .enhanced = said->enhanced,
		.words = said->words, .host = said->host };
	tell_event(io, said, probes_address(&io->probes, said->job));
	probes_hear(&io->probes, now_ms(io), said->job, &outcome);
	arm(io);
}

static struct pools *pools_of(struct probe_io *io, unsigned deliver)
{
	if (!io->pools[deliver])
		io->pools[deliver] = pools_new(io->process, &io->jobs, &io->options);
	return io->pools[deliver];
}

static void on_start(void *owner, struct job *job)
{
	struct probe_io *io = owner;
	const struct settings *s = io->ways->settings;
	const struct way *way = way_find(io->ways, job);

	BUG_ON(!way);	/* on_ask looked */
	pools_give(pools_of(io, (unsigned)(settings_deliver(s, job->deliver) - s->deliver)), job, way, &way->host, 1);
}

static void on_body(void *owner, struct job *job)
{
	(void)owner;
	pools_body(job);
}

static void on_cancel(void *owner, struct job *job)
{
	(void)owner;
	pools_cancel(job);
}

static void on_idle(void *owner)
{
	(void)owner;
}

/* There are no parts. */
static void *keep(void *owner)
{
	return owner;
}

static void release(void *owner, void *hold)
{
	(void)owner;
	(void)hold;
}

static void on_deadline(struct deadline *d)
{
	struct probe_io *io = LIST_OWNER(d, struct probe_io, deadline);

	probes_tick(&io->probes, now_ms(io));
	arm(io);
}

/* ---- who asks ----------------------------------------------------------------------------- */

static void on_tell(void *owner, void *asker, uint32_t ask, const struct probe_answer *answer)
{
	const struct smtpd *d = asker;
	struct wire_recipient_told told = { .ask = ask, .result = (uint8_t)answer->result, .enhanced = answer->enhanced, .words = answer->words };

	(void)owner;
	channel_put(d->channel, WIRE_recipient_told, &told);
}

static void on_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	static const struct probe_answer nobody = { .result = ADDRESS_TEMPORARY, .enhanced = { "", 0 }, .words = { "", 0 } };
	struct smtpd *d = owner;
	struct probe_io *io = d->io;
	const struct wire_recipient_ask *ask = &msg->recipient_ask;

	(void)ch;
	if (fd >= 0)
		(void)close(fd);
	if (verb != WIRE_recipient_ask)
		return;
	if (!way_of_section(io->ways, ask->deliver) || ask->address.len > ADDRESS_MAX) {
		on_tell(io, d, ask->ask, &nobody);
		return;
	}
	probes_ask(&io->probes, now_ms(io), d, ask->ask,
	    (unsigned)(settings_deliver(io->ways->settings, ask->deliver) - io->ways->settings->deliver), ask->address);
	arm(io);
}

static void smtpd_free(struct smtpd *d)
{
	probes_forget(&d->io->probes, d);
	list_remove(&d->list);
	mem_free(d);
}

static void on_gone(void *owner, struct channel *ch)
{
	(void)ch;
	smtpd_free(owner);
}

void probe_io_wire_take(struct probe_io *io, uint16_t instance, int fd)
{
	static const struct channel_handlers handlers = { .on_verb = on_verb, .on_gone = on_gone };
	struct smtpd *d = mem_new(sizeof(*d));

	d->io = io;
	list_add_last(&io->peers, &d->list);
	d->channel = channel_open_take(process_loop(io->process), fd, ROLE_RELAY, ROLE_SMTPD, instance, &handlers, d);
}

/* ---- life ------------------------------------------------------------------------------------ */

unsigned probe_io_asked(const struct probe_io *io)
{
	return pending_used(&io->probes.asked);
}

struct probe_io *probe_io_new(struct process *process, const struct ways *ways, const struct pools_options *options)
{
	static const struct probes_handlers to_probes = { .begin = on_begin, .cancel = on_probe_cancel, .tell = on_tell };
	static const struct jobs_handlers to_jobs = {
		.say = on_said, .keep = keep, .release = release, .on_start = on_start, .on_body = on_body, .on_cancel = on_cancel, .on_idle = on_idle
	};
	struct probe_io *io = mem_new(sizeof(*io));

	io->process = process;
	io->ways = ways;
	io->options = *options;
	io->options.io = NULL;
	io->options.max_connections = CONNECTIONS_MAX;
	if (io->options.target.max_mails > MAILS_MAX)
		io->options.target.max_mails = MAILS_MAX;
	io->pools = mem_new((ways->settings->n_deliver + 1) * sizeof(*io->pools));
	jobs_init(&io->jobs, &to_jobs, io);
	probes_init(&io->probes, &to_probes, io, ways->settings->n_deliver);
	list_init(&io->peers);
	deadline_init(&io->deadline, on_deadline);
	return io;
}

void probe_io_free(struct probe_io **where)
{
	struct probe_io *io = *where;

	*where = NULL;
	if (!io)
		return;
	deadline_clear(process_loop(io->process), &io->deadline);
	LIST_EACH_SAFE(node, &io->peers) {
		struct smtpd *d = LIST_OWNER(node, struct smtpd, list);

		channel_close(&d->channel);
		smtpd_free(d);
	}
	for (unsigned i = 0; i < io->ways->settings->n_deliver; i++)
		pools_free(&io->pools[i]);
	mem_free(io->pools);
	jobs_fini(&io->jobs);
	probes_fini(&io->probes);
	mem_free(io);
}
