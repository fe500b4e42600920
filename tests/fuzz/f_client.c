/* A server that may say anything at any time: whatever it does, each
 * recipient gets one outcome, and the client ends.
 *
 * The input: a byte for the job's form, one for what is spoken, then events: a byte for its kind and a
 * byte for its length or time, with bytes of the server behind it. */
#include "base/err.h"
#include "delivery/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_RCPTS 3

struct fuzz {
	struct client client;
	struct job job;
	struct job_rcpt rcpts[N_RCPTS];
	struct buf out;
	int64_t now, due;
	bool wants, closed, connecting, connected, shaking, has_tls, has_begun;
};

static void give_job(struct fuzz *f, uint8_t form)
{
	f->job = (struct job){ .size = form & 1 ? 2000 : 20, .n_rcpts = 1 + (form >> 1) % N_RCPTS, .rcpts = f->rcpts, .sender = SPAN("s@a.example"),
		.flags = (form & 8 ? MAIL_8BIT : 0) | (form & 16 ? MAIL_SMTPUTF8 : 0) | (form & 32 ? MAIL_RET_FULL : 0) };
	f->job.n_open = f->job.n_rcpts;
	f->has_begun = false;
	for (unsigned i = 0; i < N_RCPTS; i++)
		f->rcpts[i] = (struct job_rcpt){ .n = i, .address = SPAN("u@b.example"), .notify = form >> 4, .orcpt = SPAN("rfc822;u@b.example") };
}

static void settle(struct fuzz *f, const struct client_effect *e)
{
	BUG_ON(e->rcpt >= f->job.n_rcpts || f->rcpts[e->rcpt].is_settled);
	BUG_ON(e->outcome.enhanced.len < 5);
	f->rcpts[e->rcpt].is_settled = true;
	f->job.n_open--;
}

static void perform(struct fuzz *f, const struct client_effect *e)
{
	switch (e->type) {
	case CLIENT_CONNECT:
		f->connecting = true;
		f->connected = f->has_tls = f->shaking = false;
		break;
	case CLIENT_SEND:
		BUG_ON(!f->connected || f->out.len == 0);
		buf_clear(&f->out);
		break;
	case CLIENT_WANT:
		f->wants = true;
		break;
	case CLIENT_OUTCOME:
		settle(f, e);
		break;
	case CLIENT_RETURN:
		BUG_ON(e->outcome.enhanced.len < 5 || f->has_begun || f->job.n_open == 0);
		f->job.n_open = 0;
		break;
	case CLIENT_START_TLS:
		BUG_ON(!f->connected || f->has_tls);
		f->shaking = true;
		break;
	case CLIENT_ARM:
		BUG_ON(e->at_ms < f->now);
		f->due = e->at_ms;
		break;
	case CLIENT_CLOSE:
		BUG_ON(f->job.n_open > 0);
		f->closed = true;
		break;
	}
}

static void feed(struct fuzz *f, struct client_event ev)
{
	struct client_effect e;

	ev.now_ms = f->now;
	client_feed(&f->client, &ev);
	while (!f->closed && client_next(&f->client, &f->out, &e))
		perform(f, &e);
	if (f->job.n_open == 0)
		f->wants = false;
}

/* The handshake ends well or badly; no plain bytes come meanwhile. */
static void shake_or_fail(struct fuzz *f, uint8_t kind)
{
	f->shaking = false;
	f->has_tls = kind != 0xff;
	feed(f, (struct client_event){ .type = f->has_tls ? CLIENT_TLS_UP : CLIENT_TLS_FAILED, .why = "why" });
}

static void one_event(struct fuzz *f, uint8_t kind, uint8_t amount, struct span bytes)
{
	if (kind % 8 == 0 && client_is_idle(&f->client)) {
		give_job(f, amount);
		feed(f, (struct client_event){ .type = CLIENT_JOB, .job = &f->job });
	} else if (kind % 8 == 1 && f->wants) {
		f->wants = false;
		f->has_begun = true;
		feed(f, (struct client_event){ .type = CLIENT_BODY, .bytes = bytes, .last = amount & 1 });
	} else if (kind % 8 == 2) {
		f->now += amount * 1000;
		if (f->now >= f->due)
			feed(f, (struct client_event){ .type = CLIENT_TICK });
	} else if (kind % 8 == 3 && f->connected) {
		feed(f, (struct client_event){ .type = CLIENT_SENT });
	} else if (kind == 0xfc && f->connected) {
		feed(f, (struct client_event){ .type = CLIENT_LEFT });
	} else if (kind == 0xfd) {
		feed(f, (struct client_event){ .type = CLIENT_CANCEL });
	} else if (kind == 0xfe) {
		feed(f, (struct client_event){ .type = CLIENT_LAST });
	} else if (f->connected) {
		feed(f, (struct client_event){ .type = CLIENT_BYTES, .bytes = bytes });
	}
}

static void connect_or_fail(struct fuzz *f, uint8_t kind)
{
	f->connecting = false;
	f->connected = kind != 0xff;
	feed(f, (struct client_event){ .type = f->connected ? CLIENT_CONNECTED : CLIENT_FAILED, .why = "why" });
}

/* Time ends everything. */
static void end(struct fuzz *f)
{
	for (int i = 0; i < 100 && !f->closed && f->due != INT64_MAX; i++) {
		f->now = f->due;
		feed(f, (struct client_event){ .type = CLIENT_TICK });
	}
	BUG_ON(f->job.n_open > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client_options options = { .host = "mx[192.0.2.1]:25", .helo = "mx.example.test", .max_mails = 2,
		.times = { 30000, 300000, 60000, 300000, 120000, 180000, 600000, 5000 } };
	struct fuzz f = { .due = INT64_MAX };
	uint8_t variant = size > 1 ? data[1] : 0;

	options.is_lmtp = variant & 1;
	options.force_8bit = variant & 2;
	options.tls = (enum client_tls)((variant >> 2) % 3);
	options.tls_first = options.tls == CLIENT_TLS_REQUIRED && variant & 32;
	options.user = options.password = variant & 16 ? SPAN("secret") : SPAN_NONE;
	buf_init(&f.out, CLIENT_OUT_MAX);
	client_init(&f.client, &options, 0);
	give_job(&f, size > 0 ? data[0] : 0);
	feed(&f, (struct client_event){ .type = CLIENT_JOB, .job = &f.job });
	for (size_t at = 2; at + 2 <= size && !f.closed;) {
		uint8_t kind = data[at], amount = data[at + 1];
		struct span bytes = span_first(span_of((const char *)data + at + 2, size - at - 2), amount);

		at += 2 + (kind % 8 == 1 || kind % 8 > 3 ? bytes.len : 0);
		if (f.connecting)
			connect_or_fail(&f, kind);
		if (f.shaking && !f.closed)
			shake_or_fail(&f, kind);
		if (!f.closed)
			one_event(&f, kind, amount, bytes);
	}
	if (!f.closed)
		end(&f);
	buf_fini(&f.out);
	return 0;
}
