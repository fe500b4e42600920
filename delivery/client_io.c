#include "delivery/client_io.h"

#include <string.h>

#include "base/mem.h"

#define OUT_KEEP (128u << 10)	/* of the buffer in which commands and bodies gather */

static struct loop *loop_of(const struct conn *c)
{
	return process_loop(c->all->process);
}

/* ---- effects --------------------------------------------------------------------- */

static void on_connected(void *owner, struct stream *s, int error);
static void on_bytes(void *owner, struct stream *s, struct span bytes);
static void on_tls(void *owner, struct stream *s, bool ok, const char *why);
static void on_drained(void *owner, struct stream *s);
static void on_gone(void *owner, struct stream *s, bool clean);

static const struct stream_handlers handlers = {
	.on_connected = on_connected, .on_bytes = on_bytes, .on_tls = on_tls, .on_drained = on_drained, .on_gone = on_gone
};

static void conn_connect(struct conn *c)
{
	const struct conn_target *t = &c->target;
	const struct sockaddr *source = t->source_len ? (const struct sockaddr *)&t->source : NULL;

	stream_abort(&c->stream);
	c->stream = stream_connect(loop_of(c), (struct stream_end_point){ (const struct sockaddr *)&t->to, t->to_len },
	    (struct stream_end_point){ source, t->source_len }, &handlers, c);
}

static void conn_send(struct conn *c)
{
	struct buf *out = &c->all->out;

	stream_send(c->stream, buf_span(out));
	buf_clear(out);
	if (out->room > OUT_KEEP)
		buf_shrink(out);
	c->has_sent = stream_queued(c->stream) == 0;
}

/* Its job is somebody else's, or nobody's, from now on. */
static void *conn_lose_job(struct conn *c)
{
	void *errand = c->errand;

	c->job = NULL;
	c->errand = NULL;
	c->wants = false;
	return errand;
}

static void conn_return(struct conn *c, const struct job_outcome *why)
{
	c->all->on->on_returned(c->all->owner, c, conn_lose_job(c), why);
}

/* RFC 5321 5.1: what a server refuses for now another one of its domain may take. An LMTP server stands alone. */
static bool is_for_others(const struct conn *c, const struct job_outcome *said)
{
	bool is_of_mail = said->scope == SCOPE_RECIPIENT || said->scope == SCOPE_MESSAGE;

	return said->fate == FATE_DEFERRED && said->code != 0 && is_of_mail && !c->target.options.is_lmtp && !(c->job->flags & MAIL_PROBE) &&
	    job_can_rewind(c->job);
}

static void conn_outcome(struct conn *c, const struct client_effect *effect)
{
	struct job *job = c->job;

	if (is_for_others(c, &effect->outcome))
		job_put_off(job, effect->rcpt, &effect->outcome);
	else
		job_settle(c->all->jobs, job, effect->rcpt, &effect->outcome);
	if (job->step == JOB_TOLD)
		c->all->on->on_told(c->all->owner, c, conn_lose_job(c));
	else if (!c->client.job)
		conn_return(c, NULL);
}

static void conn_arm(struct conn *c, int64_t at_ms)
{
	if (at_ms == INT64_MAX)
		deadline_clear(loop_of(c), &c->deadline);
	else
		deadline_set(loop_of(c), &c->deadline, at_ms);
}

static void conn_close(struct conn *c)
{
	deadline_clear(loop_of(c), &c->deadline);
	stream_close(&c->stream);
	list_remove(&c->list);
	list_remove(&c->aged);
	c->all->on->on_gone(c->all->owner, c);
	mem_wipe(c->texts, c->target.options.password.len + c->target.options.user.len);
	mem_free(c->texts);
	mem_free(c);
}

/* False when c is no more. */
static bool conn_perform(struct conn *c, const struct client_effect *effect)
{
	switch (effect->type) {
	case CLIENT_CONNECT:
		conn_connect(c);
		break;
	case CLIENT_START_TLS:
		stream_start_tls_client(c->stream, c->all->tls, c->target.tls_name, c->target.is_verified);
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

	ev.now_ms = loop_now(loop_of(c)).mono_ms;
	client_feed(&c->client, &ev);
	while (client_next(&c->client, &c->all->out, &effect))
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
	struct jobs *jobs = c->all->jobs;
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

static void tell_idle(struct conn *c)
{
	bool is_idle = client_is_idle(&c->client);

	if (is_idle && !c->is_idle) {
		c->is_idle = true;
		c->all->on->on_idle(c->all->owner, c);
	}
}

static void conn_feed(struct conn *c, struct client_event ev)
{
	struct conns *all = c->all;

	if (c->job)
		process_note(all->process, &c->job->id);
	if (conn_react(c, ev) && conn_go_on(c))
		tell_idle(c);
	process_note(all->process, NULL);
	all->on->on_turn(all->owner);
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

/* The message in hand; a probe is none. */
static const struct msg_id *conn_message(const struct conn *c)
{
	return c->job && !(c->job->flags & MAIL_PROBE) ? &c->job->id : NULL;
}

static void tls_event(struct conn *c, const struct stream_tls *facts, const char *why)
{
	struct event ev;

	event_begin(&ev, facts ? EV_DELIVERY_TLS : EV_DELIVERY_TLS_FAILED, loop_now(loop_of(c)).wall_ms, conn_message(c));
	event_text(&ev, EF_HOST, span_of_text(c->target.options.host));
	if (facts) {
		event_text(&ev, EF_TLS, span_of_text(facts->version));
		event_text(&ev, EF_CIPHER, span_of_text(facts->cipher));
		event_text(&ev, EF_KIND, facts->verified ? SPAN("verified") : SPAN("encrypted"));
		if (facts->resumed)
			event_num(&ev, EF_RESUMED, 1);
	} else {
		event_text(&ev, EF_REASON, span_of_text(why));
	}
	process_event(c->all->process, &ev);
}

static void on_tls(void *owner, struct stream *s, bool ok, const char *why)
{
	struct stream_tls facts;

	tls_event(owner, ok && stream_tls_facts(s, &facts) ? &facts : NULL, why);
	conn_feed(owner, (struct client_event){ .type = ok ? CLIENT_TLS_UP : CLIENT_TLS_FAILED, .why = why });
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

void conn_give(struct conn *c, struct job *job, void *errand)
{
	job_rewind(job);
	c->job = job;
	c->errand = errand;
	c->is_idle = false;
	conn_feed(c, (struct client_event){ .type = CLIENT_JOB, .job = job });
}

void conn_body(struct conn *c)
{
	if (has_body(c))
		conn_feed(c, (struct client_event){ .type = CLIENT_SENT });
}

void conn_cancel(struct conn *c)
{
	conn_feed(c, (struct client_event){ .type = CLIENT_CANCEL });
}

void conn_last(struct conn *c)
{
	conn_feed(c, (struct client_event){ .type = CLIENT_LAST });
}

/* ---- life -------------------------------------------------------------------------- */

static char *put_text(char **at, const char *text)
{
	char *here = *at;
	size_t len = strlen(text) + 1;

	memcpy(here, text, len);
	*at += len;
	return here;
}

static struct span put_span(char **at, struct span s)
{
	char *here = *at;

	if (s.len > 0)
		memcpy(here, s.at, s.len);
	*at += s.len;
	return span_of(here, s.len);
}

/* The secrets stand first, where they are wiped. */
static void keep_texts(struct conn *c)
{
	struct client_options *o = &c->target.options;
	char *at = c->texts = mem_new(o->user.len + o->password.len + strlen(o->host) + strlen(o->helo) + strlen(c->target.tls_name) + 3);

	o->user = put_span(&at, o->user);
	o->password = put_span(&at, o->password);
	o->host = put_text(&at, o->host);
	o->helo = put_text(&at, o->helo);
	c->target.tls_name = put_text(&at, c->target.tls_name);
}

struct conn *conn_new(struct conns *all, const struct conn_target *target)
{
	struct conn *c = mem_new(sizeof(*c));

	c->all = all;
	c->target = *target;
	keep_texts(c);
	list_init(&c->list);
	list_init(&c->aged);
	deadline_init(&c->deadline, on_tick);
	client_init(&c->client, &c->target.options, loop_now(loop_of(c)).mono_ms);
	return c;
}

void conn_abort(struct conn *c)
{
	stream_abort(&c->stream);
	conn_close(c);
}

void conns_init(struct conns *all, struct process *process, struct jobs *jobs, struct tls_client *tls, const struct conn_handlers *on, void *owner)
{
	*all = (struct conns){ .process = process, .jobs = jobs, .tls = tls, .on = on, .owner = owner };
	buf_init(&all->out, CLIENT_OUT_MAX);
}

void conns_fini(struct conns *all)
{
	buf_fini(&all->out);
}
