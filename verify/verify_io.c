#include "verify/verify_io.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <unistd.h>

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "verify/guard_io.h"
#include "verify/questions_io.h"

#define SMALL_CHECK 65536		/* bytes: of mail as most of it is */
#define MUCH_MEMORY (16u << 20)	/* bytes that the C library would keep for later */

struct verify_io {
	struct process *process;
	struct check_house house;
	struct list askers;		/* struct asker */
	struct questions questions;
	unsigned n_jobs;
	size_t memory, peak;		/* of all checks; the most since there was none */
	uint64_t n_checked;
	bool is_draining;
};

/* A channel to who asks: smtpd, or the command line. */
struct asker {
	struct list list;
	struct verify_io *io;
	struct channel *channel;
	struct map jobs;	/* by ask */
};

struct job {
	struct map_node node;
	struct asker *asker;
	uint32_t ask;
	struct check *check;
	struct inquiry inquiry;
	struct deadline due;
	size_t memory;			/* counted of it */
	bool has_ended, tells;
};

static struct instant now(const struct verify_io *io)
{
	return loop_now(process_loop(io->process));
}

static void captured(struct verify_io *io, struct channel *ch, const char *why)
{
	struct wire_captured m = { .peer = (uint8_t)channel_peer(ch), .instance = channel_instance(ch), .why = span_of_text(why) };

	channel_put(process_master(io->process), WIRE_captured, &m);
}

/* ---- checks --------------------------------------------------------------------------- */

/* A flood of large headers is over: what they took others of the machine may have. */
static void give_memory_back(struct verify_io *io)
{
#ifdef __GLIBC__
	if (io->peak > MUCH_MEMORY)
		(void)malloc_trim(0);
#endif
	io->peak = 0;
}

static void end_when_drained(struct verify_io *io)
{
	if (io->is_draining && io->n_jobs == 0)
		process_end(io->process, 0);
}

static void job_free(struct job *j)
{
	struct verify_io *io = j->asker->io;

	inquiry_end(&j->inquiry);
	deadline_clear(process_loop(io->process), &j->due);
	check_free(&j->check);
	map_remove(&j->asker->jobs, &j->node);
	io->memory -= j->memory;
	mem_free(j);
	io->n_jobs--;
	if (io->n_jobs == 0)
		give_memory_back(io);
	end_when_drained(io);
}

/* From here to leave the processor's time is watched, and a death is over this message. */
static void enter(struct job *j)
{
	process_note(j->asker->io->process, check_id(j->check));
	guard_enter();
}

static void leave(struct job *j)
{
	struct verify_io *io = j->asker->io;
	size_t bytes = check_bytes(j->check);

	io->memory += bytes - j->memory;
	j->memory = bytes;
	if (io->memory > io->peak)
		io->peak = io->memory;
	guard_leave();
	process_note(j->asker->io->process, NULL);
}

static void tell_row(void *arg, const struct check_row *row)
{
	const struct job *j = arg;

	channel_put(j->asker->channel, WIRE_check_result, &(struct wire_check_result){ .ask = j->ask, .method = span_of_text(row->method),
	    .result = span_of_text(row->result), .about = row->about, .detail = row->detail, .why = row->why,
	    .explanation = row->explanation });
}

static void tell_all(struct job *j)
{
	struct span tale = check_tale(j->check);

	while (tale.len > 0)
		channel_put(j->asker->channel, WIRE_check_line, &(struct wire_check_line){ .ask = j->ask, .words = span_cut(&tale, '\n') });
	check_each_row(j->check, tell_row, j);
}

static void tell(struct job *j)
{
	const struct check_told *told = check_told(j->check);
	struct verify_io *io = j->asker->io;
	struct event ev;

	if (j->tells)
		tell_all(j);
	channel_put(j->asker->channel, WIRE_check_done, &(struct wire_check_done){ .ask = j->ask, .code = (uint16_t)told->code,
	    .enhanced = told->enhanced, .words = told->words, .quarantine = told->quarantine, .fields = told->fields });
	if (j->tells)
		return;
	io->n_checked++;
	check_event(j->check, &ev, now(io).wall_ms);
	process_event(io->process, &ev);
}

static void go_on(struct job *j)
{
	struct verify_io *io = j->asker->io;
	bool is_over;

	enter(j);
	is_over = check_go_on(j->check, now(io));
	leave(j);
	if (is_over) {
		tell(j);
		job_free(j);
	} else {
		inquiry_ask(&j->inquiry, check_facts(j->check));
	}
}

/* A part of the check is run again when all that it lacks is there, not for each answer. */
static void step(struct job *j)
{
	if (facts_awaited(check_facts(j->check)) == 0)
		go_on(j);
	else
		inquiry_ask(&j->inquiry, check_facts(j->check));
}

static void on_answer(struct inquiry *i)
{
	step(LIST_OWNER(i, struct job, inquiry));
}

static void on_due(struct deadline *d)
{
	go_on(LIST_OWNER(d, struct job, due));
}

/* ---- what is asked of us -------------------------------------------------------------------- */

static struct span key_of(const uint32_t *ask)
{
	return span_of((const char *)ask, sizeof(*ask));
}

static struct job *find(struct asker *a, uint32_t ask)
{
	struct map_node *node = map_find(&a->jobs, key_of(&ask));

	return node ? MAP_OWNER(node, struct job, node) : NULL;
}

static bool is_mode(uint8_t mode)
{
	return mode == CHECKS_OFF || mode == CHECKS_OBSERVE || mode == CHECKS_ENFORCE;
}

static bool makes_sense(const struct wire_check_ask *m)
{
	size_t len = m->client.len;

	return is_mode(m->spf) && is_mode(m->dkim) && is_mode(m->dmarc) && (len == 0 || len == 4 || len == 16);
}

static bool is_full(const struct verify_io *io)
{
	return io->memory > (size_t)io->house.settings->verify.max_memory;
}

/* Nothing is begun that could not be finished, and nothing large goes on. */
static void put_off(struct asker *a, uint32_t ask)
{
	channel_put(a->channel, WIRE_check_done, &(struct wire_check_done){ .ask = ask, .code = 451, .enhanced = SPAN("4.3.2"),
	    .words = SPAN("Too many messages are being checked, try again later"), .quarantine = SPAN_NONE, .fields = SPAN_NONE });
}

static void begin(struct asker *a, const struct wire_check_ask *m)
{
	struct verify_io *io = a->io;
	struct check_ask ask = {
		.id = m->id, .spf = (enum set_checks)m->spf, .dkim = (enum set_checks)m->dkim, .dmarc = (enum set_checks)m->dmarc,
		.received_spf = m->received_spf, .tells = m->tell, .client = m->client, .helo = m->helo, .sender = m->sender,
	};
	struct job *j;

	if (!io->house.settings || find(a, m->ask) || !makes_sense(m)) {
		captured(io, a->channel, "a check that makes no sense");
		return;
	}
	if (is_full(io)) {
		put_off(a, m->ask);
		return;
	}
	j = mem_new(sizeof(*j));
	j->asker = a;
	j->ask = m->ask;
	j->tells = m->tell;
	inquiry_init(&j->inquiry, &io->questions, on_answer);
	deadline_init(&j->due, on_due);
	map_put(&a->jobs, &j->node, key_of(&j->ask));
	io->n_jobs++;
	j->check = check_new(&io->house, &ask, now(io));
	go_on(j);
}

static void part(struct asker *a, const struct wire_check_part *m)
{
	struct job *j = find(a, m->ask);

	if (!j || j->has_ended)
		return;
	enter(j);
	check_part(j->check, m->bytes);
	leave(j);
	if (is_full(a->io) && j->memory > SMALL_CHECK) {
		put_off(a, m->ask);
		job_free(j);
		return;
	}
	channel_put(a->channel, WIRE_check_window, &(struct wire_check_window){ .ask = m->ask, .bytes = (uint32_t)m->bytes.len });
	step(j);
}

static void end(struct asker *a, uint32_t ask)
{
	struct verify_io *io = a->io;
	struct job *j = find(a, ask);

	if (!j || j->has_ended)
		return;
	j->has_ended = true;
	enter(j);
	check_end(j->check, now(io));
	leave(j);
	deadline_set(process_loop(io->process), &j->due, check_due(j->check));
	step(j);
}

static void cancel(struct asker *a, uint32_t ask)
{
	struct job *j = find(a, ask);

	if (j)
		job_free(j);
}

static void on_asker_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct asker *a = owner;

	(void)ch;
	if (fd >= 0)
		(void)close(fd);
	switch (verb) {
	case WIRE_check_ask: begin(a, &msg->check_ask); return;
	case WIRE_check_part: part(a, &msg->check_part); return;
	case WIRE_check_end: end(a, msg->check_end.ask); return;
	case WIRE_check_cancel: cancel(a, msg->check_cancel.ask); return;
	default: return;
	}
}

static void asker_free(struct asker *a)
{
	struct map_node *node;

	while ((node = map_next(&a->jobs, NULL)))
		job_free(MAP_OWNER(node, struct job, node));
	map_fini(&a->jobs);
	list_remove(&a->list);
	mem_free(a);
}

static void on_asker_gone(void *owner, struct channel *ch)
{
	(void)ch;
	asker_free(owner);
}

static void asker_new_take(struct verify_io *io, enum wire_role peer, uint16_t instance, int fd)
{
	static const struct channel_handlers handlers = { .on_verb = on_asker_verb, .on_gone = on_asker_gone };
	struct asker *a = mem_new(sizeof(*a));

	a->io = io;
	map_init(&a->jobs);
	list_add_last(&io->askers, &a->list);
	a->channel = channel_open_take(process_loop(io->process), fd, ROLE_VERIFY, peer, instance, &handlers, a);
}

/* ---- the life of the process ------------------------------------------------------------------ */

static void on_wire(void *owner, enum wire_role peer, uint16_t instance, uint32_t generation, int fd)
{
	struct verify_io *io = owner;

	(void)generation;
	if (peer == ROLE_DNS)
		questions_open_take(&io->questions, instance, fd);
	else if (peer == ROLE_SMTPD || peer == ROLE_CTL)
		asker_new_take(io, peer, instance, fd);
	else
		(void)close(fd);
}

static void on_settings(void *owner, const struct settings *s)
{
	struct verify_io *io = owner;

	io->house.settings = s;
	guard_limit(s->verify.max_cpu);
}

static void on_verb(void *owner, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	(void)owner, (void)verb, (void)msg;
	if (fd >= 0)
		(void)close(fd);
}

static void on_begin(void *owner)
{
	struct verify_io *io = owner;

	process_ready(io->process);
}

/* The checks under way are finished: each has its own deadline. */
static void on_drain(void *owner, int64_t idle_ms, int64_t deadline_ms)
{
	struct verify_io *io = owner;

	(void)idle_ms, (void)deadline_ms;
	io->is_draining = true;
	end_when_drained(io);
}

static void on_status(void *owner, struct buf *words)
{
	const struct verify_io *io = owner;

	(void)buf_printf(words, "checking=%u checked=%llu", io->n_jobs, (unsigned long long)io->n_checked);
}

static void verify_io_fini(struct verify_io *io)
{
	io->is_draining = false;
	LIST_EACH_SAFE(node, &io->askers) {
		struct asker *a = LIST_OWNER(node, struct asker, list);

		channel_close(&a->channel);
		asker_free(a);
	}
	questions_fini(&io->questions);
}

int verify_run(struct process *process, struct dkim_house *dkim)
{
	static const struct process_handlers handlers = {
		.on_settings = on_settings, .on_wire = on_wire, .on_verb = on_verb, .on_begin = on_begin, .on_drain = on_drain,
		.on_status = on_status
	};
	struct verify_io io = { .process = process, .house.dkim = dkim };
	int status;

	list_init(&io.askers);
	questions_init(&io.questions, process_loop(process));
	status = process_run(process, &handlers, &io);
	verify_io_fini(&io);
	return status;
}
