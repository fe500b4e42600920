#include "delivery/client_io.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "base/mem.h"
#include "loop/stream.h"

#define OUT_KEEP (128u << 10)	/* of the buffer in which commands and bodies gather */

struct client_site {
	struct process *process;
	struct jobs *jobs;
	struct client_options options;
	char *host, *helo;
	struct sockaddr_storage to;
	socklen_t to_len;
	struct list busy, idle;
	unsigned n;
	struct buf out;
};

struct conn {
	struct list list;
	struct client_site *site;
	struct client client;
	struct stream *stream;
	struct deadline deadline;
	struct job *job;	/* NULL when all its outcomes were told */
	bool wants;		/* a piece of the body */
	bool has_sent;		/* all that it had to send */
};

/* ---- addresses ------------------------------------------------------------------ */

static bool read_unix(struct span path, struct client_site *site)
{
	struct sockaddr_un *to = (struct sockaddr_un *)&site->to;

	if (path.len == 0 || path.len >= sizeof(to->sun_path))
		return false;
	to->sun_family = AF_UNIX;
	memcpy(to->sun_path, path.at, path.len);
	site->to_len = sizeof(*to);
	return true;
}

static bool read_ip(struct span host, in_port_t port, struct client_site *site)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&site->to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&site->to;
	char text[INET6_ADDRSTRLEN] = "";

	if (host.len >= sizeof(text))
		return false;
	memcpy(text, host.at, host.len);
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = port;
		site->to_len = sizeof(*v4);
		return true;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = port;
	site->to_len = sizeof(*v6);
	return inet_pton(AF_INET6, text, &v6->sin6_addr) == 1;
}

static bool read_address(struct span text, struct client_site *site)
{
	unsigned long long port;
	size_t colon = text.len;

	if (span_starts_nocase(text, SPAN("unix:")))
		return read_unix(span_from(text, 5), site);
	while (colon > 0 && text.at[colon - 1] != ':')
		colon--;
	if (colon < 2 || !span_to_u64(span_from(text, colon), 65535, &port))
		return false;
	text = span_first(text, colon - 1);
	if (text.at[0] == '[' && text.at[text.len - 1] == ']')
		text = span_of(text.at + 1, text.len - 2);
	return read_ip(text, htons((in_port_t)port), site);
}

/* ---- effects --------------------------------------------------------------------- */

static void on_connected(void *owner, struct stream *s, int error);
static void on_bytes(void *owner, struct stream *s, struct span bytes);
static void on_drained(void *owner, struct stream *s);
static void on_gone(void *owner, struct stream *s, bool clean);

static const struct stream_handlers handlers = {
	.on_connected = on_connected, .on_bytes = on_bytes, .on_drained = on_drained, .on_gone = on_gone
};

static struct loop *loop_of(const struct client_site *site)
{
	return process_loop(site->process);
}

static void conn_connect(struct conn *c)
{
	const struct client_site *site = c->site;

	stream_abort(&c->stream);
	c->stream = stream_connect(loop_of(site), (const struct sockaddr *)&site->to, site->to_len, NULL, 0, &handlers, c);
}

static void conn_send(struct conn *c)
{
	struct buf *out = &c->site->out;

	stream_send(c->stream, buf_span(out));
	buf_clear(out);
	if (out->room > OUT_KEEP)
		buf_shrink(out);
	c->has_sent = stream_queued(c->stream) == 0;
}

static void conn_outcome(struct conn *c, const struct client_effect *effect)
{
	struct job *job = c->job;

	job_settle(c->site->jobs, job, effect->rcpt, &effect->outcome);
	if (job->step != JOB_TOLD)
		return;
	c->job = NULL;
	c->wants = false;
}

/* There is no other server that could have it. */
static void conn_return(struct conn *c, const struct job_outcome *why)
{
	struct job *job = c->job;

	c->job = NULL;
	c->wants = false;
	job_settle_all(c->site->jobs, job, why);
}

static void conn_arm(struct conn *c, int64_t at_ms)
{
	if (at_ms == INT64_MAX)
		deadline_clear(loop_of(c->site), &c->deadline);
	else
		deadline_set(loop_of(c->site), &c->deadline, at_ms);
}

static void conn_close(struct conn *c)
{
	deadline_clear(loop_of(c->site), &c->deadline);
	stream_close(&c->stream);
	list_remove(&c->list);
	c->site->n--;
	mem_free(c);
}

/* False when c is no more. */
static bool conn_perform(struct conn *c, const struct client_effect *effect)
{
	switch (effect->type) {
	case CLIENT_CONNECT:
		conn_connect(c);
		break;
	case CLIENT_SEND:
		conn_send(c);
		break;
	case CLIENT_WANT:
		c->wants = true;
		break;
	case CLIENT_OUTCOME:
		conn_outcome(c, effect);
		break;
	case CLIENT_RETURN:
		conn_return(c, &effect->outcome);
		break;
	case CLIENT_START_TLS:
		BUG_ON(true);	/* no server here has it */
		break;
	case CLIENT_ARM:
		conn_arm(c, effect->at_ms);
		break;
	case CLIENT_CLOSE:
		conn_close(c);
		return false;
	}
	return true;
}

/* ---- events ------------------------------------------------------------------------ */

static bool conn_react(struct conn *c, struct client_event ev)
{
	struct client_effect effect;

	ev.now_ms = loop_now(loop_of(c->site)).mono_ms;
	client_feed(&c->client, &ev);
	while (client_next(&c->client, &c->site->out, &effect))
		if (!conn_perform(c, &effect))
			return false;
	return true;
}

static bool has_body(const struct conn *c)
{
	return c->wants && (c->job->has_ended || job_part_first(c->job));
}

/* The piece goes back once it was copied for sending: what then lies in the stream is one piece, and no more is wanted until it left. */
static bool conn_give_body(struct conn *c)
{
	struct jobs *jobs = c->site->jobs;
	struct job *job = c->job;
	struct job_part *part = job_part_take(job);
	bool lives;

	c->wants = false;
	lives = conn_react(c, (struct client_event){ .type = CLIENT_BODY, .bytes = part ? part->bytes : SPAN_NONE,
	    .last = job->has_ended && !job_part_first(job) });
	if (part)
		job_part_used(jobs, job, part);
	return lives;
}

/* What follows from it at once. */
static bool conn_go_on(struct conn *c)
{
	bool lives = true;

	while (lives && (c->has_sent || has_body(c))) {
		if (c->has_sent) {
			c->has_sent = false;
			lives = conn_react(c, (struct client_event){ .type = CLIENT_SENT });
		} else {
			lives = conn_give_body(c);
		}
	}
	return lives;
}

static void conn_feed(struct conn *c, struct client_event ev)
{
	struct client_site *site = c->site;
	struct process *process = site->process;

	if (c->job)
		process_note(process, &c->job->id);
	if (conn_react(c, ev) && conn_go_on(c) && client_is_idle(&c->client)) {
		list_remove(&c->list);
		list_add_first(&site->idle, &c->list);
	}
	process_note(process, NULL);
}

static void on_connected(void *owner, struct stream *s, int error)
{
	if (error == 0)
		stream_resume(s);
	conn_feed(owner, (struct client_event){ .type = error ? CLIENT_FAILED : CLIENT_CONNECTED, .why = error ? strerror(error) : NULL });
}

static void on_bytes(void *owner, struct stream *s, struct span bytes)
{
	(void)s;
	conn_feed(owner, (struct client_event){ .type = CLIENT_BYTES, .bytes = bytes });
}

static void on_drained(void *owner, struct stream *s)
{
	(void)s;
	conn_feed(owner, (struct client_event){ .type = CLIENT_SENT });
}

static void on_gone(void *owner, struct stream *s, bool clean)
{
	(void)s;
	(void)clean;
	conn_feed(owner, (struct client_event){ .type = CLIENT_LEFT });
}

static void on_tick(struct deadline *d)
{
	conn_feed(LIST_OWNER(d, struct conn, deadline), (struct client_event){ .type = CLIENT_TICK });
}

/* ---- jobs -------------------------------------------------------------------------- */

static struct conn *conn_new(struct client_site *site)
{
	struct conn *c = mem_new(sizeof(*c));

	c->site = site;
	list_init(&c->list);
	deadline_init(&c->deadline, on_tick);
	client_init(&c->client, &site->options, loop_now(loop_of(site)).mono_ms);
	site->n++;
	return c;
}

void client_site_give(struct client_site *site, struct job *job)
{
	struct list *node = list_take_first(&site->idle);
	struct conn *c = node ? LIST_OWNER(node, struct conn, list) : conn_new(site);

	list_add_last(&site->busy, &c->list);
	c->job = job;
	job->work = c;
	conn_feed(c, (struct client_event){ .type = CLIENT_JOB, .job = job });
}

void client_job_body(struct job *job)
{
	struct conn *c = job->work;

	if (has_body(c))
		conn_feed(c, (struct client_event){ .type = CLIENT_SENT });
}

void client_job_cancel(struct job *job)
{
	conn_feed(job->work, (struct client_event){ .type = CLIENT_CANCEL });
}

/* ---- servers ------------------------------------------------------------------------ */

struct client_site *client_site_new(struct process *process, struct jobs *jobs, const struct client_site_options *options)
{
	struct client_site *site = mem_new(sizeof(*site));

	if (!read_address(span_of_text(options->address), site)) {
		mem_free(site);
		return NULL;
	}
	site->process = process;
	site->jobs = jobs;
	site->host = mem_text(span_of_text(options->address));
	site->helo = mem_text(span_of_text(options->helo));
	site->options = (struct client_options){ .host = site->host, .helo = site->helo, .max_mails = options->max_mails, .is_lmtp = true };
	list_init(&site->busy);
	list_init(&site->idle);
	buf_init(&site->out, CLIENT_OUT_MAX);
	return site;
}

static void conns_abort(struct list *conns)
{
	LIST_EACH_SAFE(node, conns) {
		struct conn *c = LIST_OWNER(node, struct conn, list);

		stream_abort(&c->stream);
		conn_close(c);
	}
}

void client_site_free(struct client_site **where)
{
	struct client_site *site = *where;

	*where = NULL;
	if (!site)
		return;
	conns_abort(&site->busy);
	conns_abort(&site->idle);
	buf_fini(&site->out);
	mem_free(site->host);
	mem_free(site->helo);
	mem_free(site);
}

static void conns_last(struct list *conns)
{
	LIST_EACH_SAFE(node, conns)
		conn_feed(LIST_OWNER(node, struct conn, list), (struct client_event){ .type = CLIENT_LAST });
}

void client_site_drain(struct client_site *site)
{
	conns_last(&site->busy);
	conns_last(&site->idle);
}

const char *client_site_host(const struct client_site *site)
{
	return site->host;
}

unsigned client_site_connections(const struct client_site *site)
{
	return site->n;
}
