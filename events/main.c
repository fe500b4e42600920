/* events: what happened, as log lines, as counters, and for `postrider trace`.
 * It holds no mail and no secret, and nobody waits for it. */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "events/counters.h"
#include "events/output.h"
#include "events/ring.h"
#include "events/search.h"
#include "loop/channel.h"
#include "loop/process.h"

#define DEFAULT_MEMORY ((size_t)16 << 20)
#define ORPHAN_MS      SECONDS(5)
/* Lines wait this long for others, so that a busy server has one write for many messages; nobody reads a log faster. */
#define GATHER_MS      10
#define GATHER_BYTES   65536
#define RETRY_MS       SECONDS(1)	/* after an error: the disk of the log is full, its reader is gone */

struct events {
	struct process *process;
	struct loop *loop;
	struct turn_end turn_end;
	struct ring ring;
	struct output output;
	struct counters counters;
	int level;		/* enum set_log_level: the least that gets a line */
	uv_poll_t writable;	/* of standard error */
	bool waits_writable;
	bool can_wait;		/* false: standard error is a file, which is always writable */
	unsigned n_programs;	/* peers that are not the command line */
	int64_t retry_at;	/* standard error is broken: not before this */
	int64_t end_at;		/* drain: give up on the log's reader; 0: not draining */
	struct deadline ending, gathered;
};

/* Somebody who may send events, or ask for them. */
struct peer {
	struct events *events;
	struct channel *channel;
	struct search *search;
	uint32_t ask;
	struct deadline slice;	/* the search goes on in the next turn */
};

/* ---- the log ------------------------------------------------------------- */

static void on_writable(uv_poll_t *poll, int status, int what);

static void wait_writable(struct events *e, bool wait)
{
	if (wait == e->waits_writable || !e->can_wait)
		return;
	e->waits_writable = wait;
	if (wait)
		uv_poll_start(&e->writable, UV_WRITABLE, on_writable);
	else
		uv_poll_stop(&e->writable);
}

static void log_broke(struct events *e)
{
	output_drop(&e->output);
	e->retry_at = loop_now(e->loop).mono_ms + RETRY_MS;
}

static void write_log(struct events *e)
{
	struct span pending = output_pending(&e->output, loop_now(e->loop).wall_ms);
	ssize_t n;

	if (pending.len == 0)
		return;
	n = write(STDERR_FILENO, pending.at, pending.len);
	if (n > 0)
		output_wrote(&e->output, (size_t)n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		log_broke(e);
	wait_writable(e, e->output.lines.len > 0);
}

/* All others end before us: what they said was read when their channels are gone. */
static void end_when_written(struct events *e)
{
	bool is_told = e->n_programs == 0 && (e->output.lines.len == 0 || e->retry_at > loop_now(e->loop).mono_ms);

	if (e->end_at && (is_told || loop_now(e->loop).mono_ms >= e->end_at))
		process_end(e->process, 0);
}

static void on_writable(uv_poll_t *poll, int status, int what)
{
	struct events *e = poll->data;

	(void)what;
	if (status < 0)
		log_broke(e);
	else
		write_log(e);
	end_when_written(e);
}

static void on_gathered(struct deadline *d)
{
	struct events *e = LIST_OWNER(d, struct events, gathered);

	if (!e->waits_writable)
		write_log(e);
}

static void gather(struct events *e)
{
	int64_t now = loop_now(e->loop).mono_ms;
	int64_t at = now + GATHER_MS > e->retry_at ? now + GATHER_MS : e->retry_at;
	bool has_lines = e->output.lines.len > 0 || e->output.lost > 0;

	if (now >= e->retry_at && (e->end_at || e->output.lines.len >= GATHER_BYTES))
		on_gathered(&e->gathered);
	else if (has_lines && !e->waits_writable && !heap_has(&e->gathered.node))
		deadline_set(e->loop, &e->gathered, at);
}

static void on_turn_end(struct turn_end *te)
{
	struct events *e = LIST_OWNER(te, struct events, turn_end);

	gather(e);
	end_when_written(e);
}

static void on_ending(struct deadline *d)
{
	end_when_written(LIST_OWNER(d, struct events, ending));
}

/* ---- an event -------------------------------------------------------------- */

/* Bytes that are no event are counted as lost: their sender is one of ours. */
static void take_event(struct events *e, struct span bytes, const char *program)
{
	struct event_view v;

	if (event_view(bytes, &v) != PR_OK) {
		output_lost(&e->output, 1);
		return;
	}
	ring_add(&e->ring, bytes);
	counters_add(&e->counters, v.code, 1);
	if (event_kinds[v.code].level >= e->level)
		output_event(&e->output, bytes, program);
}

static void take_lost(struct events *e, uint32_t n)
{
	output_lost(&e->output, n);
	counters_add(&e->counters, EV_EVENTS_LOST, n);
}

/* ---- trace ------------------------------------------------------------------ */

static void tell_event(void *arg, struct span event)
{
	struct peer *p = arg;

	channel_put(p->channel, WIRE_trace_event, &(struct wire_trace_event){ .ask = p->ask, .bytes = event });
}

static void end_search(struct peer *p)
{
	struct wire_trace_done done = { .ask = p->ask };

	done.begins_ms = (uint64_t)search_begins_ms(&p->events->ring);
	done.count = search_told(p->search);
	search_free(&p->search);
	channel_put(p->channel, WIRE_trace_done, &done);
}

static void on_slice(struct deadline *d)
{
	struct peer *p = LIST_OWNER(d, struct peer, slice);

	switch (search_run(p->search, tell_event, p)) {
	case SEARCH_MORE:
		deadline_set(p->events->loop, &p->slice, loop_now(p->events->loop).mono_ms);
		break;
	case SEARCH_WAITS:
		break;
	case SEARCH_DONE:
		end_search(p);
		break;
	}
}

/* One search at a time on a channel: a new question ends the one before. */
static void begin_search(struct peer *p, const struct wire_trace_ask *ask)
{
	if (p->search)
		end_search(p);
	p->ask = ask->ask;
	p->search = search_new(&p->events->ring, ask->query, WIRE_ROWS);
	deadline_set(p->events->loop, &p->slice, loop_now(p->events->loop).mono_ms);
}

static void grant_rows(struct peer *p, const struct wire_trace_more *more)
{
	if (!p->search || more->ask != p->ask)
		return;
	search_grant(p->search, more->rows);
	deadline_set(p->events->loop, &p->slice, loop_now(p->events->loop).mono_ms);
}

/* ---- peers ------------------------------------------------------------------- */

static void on_peer_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct peer *p = owner;

	if (fd >= 0)
		close(fd);
	switch (verb) {
	case WIRE_event:
		take_event(p->events, msg->event.bytes, wire_role_text(channel_peer(ch)));
		break;
	case WIRE_events_lost:
		take_lost(p->events, msg->events_lost.n);
		break;
	case WIRE_trace_ask:
		begin_search(p, &msg->trace_ask);
		break;
	case WIRE_trace_more:
		grant_rows(p, &msg->trace_more);
		break;
	default:
		break;
	}
}

static void on_peer_gone(void *owner, struct channel *ch)
{
	struct peer *p = owner;

	if (channel_peer(ch) != ROLE_CTL)
		p->events->n_programs--;
	search_free(&p->search);
	deadline_clear(p->events->loop, &p->slice);
	mem_free(p);
}

static const struct channel_handlers peer_handlers = {
	.on_verb = on_peer_verb,
	.on_gone = on_peer_gone,
};

static void on_wire(void *owner, enum wire_role peer, uint16_t instance, uint32_t generation, int fd)
{
	struct events *e = owner;
	struct peer *p = mem_new(sizeof(*p));

	(void)generation;
	p->events = e;
	if (peer != ROLE_CTL)
		e->n_programs++;
	deadline_init(&p->slice, on_slice);
	p->channel = channel_open_take(e->loop, fd, ROLE_EVENTS, peer, instance, &peer_handlers, p);
}

/* ---- the master --------------------------------------------------------------- */

static void on_settings(void *owner, const struct settings *s)
{
	struct events *e = owner;

	e->level = s->log.level;
	e->output.json = s->log.format == LOG_FORMAT_JSON;
	ring_resize(&e->ring, (size_t)s->events.memory);
}

static void on_verb(void *owner, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct events *e = owner;

	if (fd >= 0)
		close(fd);
	if (verb == WIRE_event)
		take_event(e, msg->event.bytes, "master");
	else if (verb == WIRE_events_lost)
		take_lost(e, msg->events_lost.n);
}

static void on_begin(void *owner)
{
	process_ready(((struct events *)owner)->process);
}

static void on_drain(void *owner, int64_t idle_ms, int64_t deadline_ms)
{
	struct events *e = owner;

	(void)idle_ms;
	e->end_at = loop_now(e->loop).mono_ms + deadline_ms;
	deadline_set(e->loop, &e->ending, e->end_at);
}

/* The others end too: what they still have to say is waited for. */
static void on_orphan(void *owner)
{
	on_drain(owner, 0, ORPHAN_MS);
}

static void on_status(void *owner, struct buf *words)
{
	struct events *e = owner;

	counters_add_words(&e->counters, words);
	buf_printf(words, "%sremembered=%" PRIu64 " lines_lost=%" PRIu64, words->len ? " " : "",
	    ring_count(&e->ring), e->output.lost_ever);
}

static const struct process_handlers handlers = {
	.on_settings = on_settings,
	.on_wire = on_wire,
	.on_verb = on_verb,
	.on_begin = on_begin,
	.on_drain = on_drain,
	.on_orphan = on_orphan,
	.on_status = on_status,
};

static void open_log(struct events *e)
{
	e->can_wait = uv_poll_init(loop_uv(e->loop), &e->writable, STDERR_FILENO) == 0;
	e->writable.data = e;
}

int main(int argc, char **argv)
{
	struct events e = { .level = LOG_LEVEL_INFO };
	int status;

	e.process = process_new(argc, argv);
	e.loop = process_loop(e.process);
	ring_init(&e.ring, DEFAULT_MEMORY);
	output_init(&e.output);
	deadline_init(&e.ending, on_ending);
	deadline_init(&e.gathered, on_gathered);
	open_log(&e);
	e.turn_end.fn = on_turn_end;
	loop_on_turn_end(e.loop, &e.turn_end);
	process_confine(e.process, 0);
	status = process_run(e.process, &handlers, &e);
	ring_fini(&e.ring);
	output_fini(&e.output);
	return status;
}
