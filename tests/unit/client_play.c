#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/client_play.h"

static const struct {
	const char *name;
	struct job job;
	struct job_rcpt rcpts[3];
} jobs[] = {
	{ "one", { .size = 20, .n_rcpts = 1, .sender = { "s@a.example", 11 } }, { { .address = { "u+x@b.example", 13 } } } },
	{ "null", { .size = 20, .n_rcpts = 1 }, { { .address = { "u@b.example", 11 } } } },
	{ "probe", { .n_rcpts = 1, .flags = MAIL_PROBE }, { { .address = { "u@b.example", 11 } } } },
	{ "three", { .size = 20, .n_rcpts = 3, .sender = { "s@a.example", 11 } },
	    { { .address = { "u@b.example", 11 } }, { .address = { "v@b.example", 11 } }, { .address = { "w@b.example", 11 } } } },
	{ "dsn", { .size = 20, .n_rcpts = 2, .sender = { "s@a.example", 11 }, .envid = { "QQ314+20x", 9 }, .flags = MAIL_RET_HDRS },
	    { { .address = { "u@b.example", 11 }, .notify = NOTIFY_SUCCESS | NOTIFY_FAILURE, .orcpt = { "rfc822;u@c.example", 18 } },
	      { .address = { "v@b.example", 11 }, .notify = NOTIFY_NEVER, .orcpt = { "rfc822;a b", 10 } } } },
	{ "8bit", { .size = 20, .n_rcpts = 1, .flags = MAIL_8BIT }, { { .address = { "u@b.example", 11 } } } },
	{ "utf8", { .size = 20, .n_rcpts = 1, .flags = MAIL_8BIT | MAIL_SMTPUTF8 }, { { .address = { "\xc3\xbc@b.example", 12 } } } },
	{ "header", { .size = 20, .n_rcpts = 1, .flags = MAIL_8BIT | MAIL_SMTPUTF8 }, { { .address = { "u@b.example", 11 } } } },
	{ "mixed", { .size = 20, .n_rcpts = 3, .sender = { "s@a.example", 11 } },
	    { { .address = { "\xc3\xbc@b.example", 12 } }, { .address = { "v@b.example", 11 } }, { .address = { "\xc3\xb6@b.example", 12 } } } },
	{ "big", { .size = 1001, .n_rcpts = 1 }, { { .address = { "u@b.example", 11 } } } },
	{ "evil", { .size = 20, .n_rcpts = 1 }, { { .address = { "u@b\r\nQUIT", 9 } } } },
};

void play_job(struct play *p, const char *name)
{
	for (size_t i = 0; i < sizeof(jobs) / sizeof(*jobs); i++) {
		if (strcmp(jobs[i].name, name) != 0)
			continue;
		p->job = jobs[i].job;
		memcpy(p->rcpts, jobs[i].rcpts, sizeof(p->rcpts));
		p->job.rcpts = p->rcpts;
		p->job.n_open = p->job.n_rcpts;
		return;
	}
	fail_msg("no job %s", name);
}

static void log_sent(struct play *p)
{
	struct span rest = buf_span(&p->out);

	p->n_sends++;
	while (rest.len > 0) {
		struct span line = span_cut(&rest, '\n');

		assert_true(line.len > 0 && line.at[line.len - 1] == '\r');
		buf_printf(&p->log, "C: %.*s\n", (int)line.len - 1, line.at);
	}
	buf_clear(&p->out);
}

static void log_words(struct play *p, const struct job_outcome *o)
{
	static const char *const fates[] = { "delivered", "relayed", "deferred", "failed", "passed" }, *const scopes[] = { "recipient", "message", "site", "batch" };

	buf_printf(&p->log, "%s %s %u %.*s %.*s%s%.*s\n", fates[o->fate], scopes[o->scope], o->code, SPAN_ARG(o->enhanced),
	    SPAN_ARG(o->words), o->host.len ? " @" : "", SPAN_ARG(o->host));
}

static void log_outcome(struct play *p, const struct client_effect *e)
{
	assert_true(e->rcpt < p->job.n_rcpts && !p->rcpts[e->rcpt].is_settled);
	p->rcpts[e->rcpt].is_settled = true;
	p->job.n_open--;
	buf_printf(&p->log, "O: %u ", e->rcpt);
	log_words(p, &e->outcome);
}

static void perform(struct play *p, const struct client_effect *e)
{
	assert_false(p->closed);
	switch (e->type) {
	case CLIENT_CONNECT:
		buf_add_text(&p->log, "E: connect\n");
		break;
	case CLIENT_SEND:
		log_sent(p);
		break;
	case CLIENT_WANT:
		p->wants = true;
		buf_add_text(&p->log, "E: want\n");
		break;
	case CLIENT_OUTCOME:
		log_outcome(p, e);
		break;
	case CLIENT_RETURN:
		buf_add_text(&p->log, "R: ");
		log_words(p, &e->outcome);
		break;
	case CLIENT_START_TLS:
		buf_add_text(&p->log, "E: tls\n");
		break;
	case CLIENT_ARM:
		p->due = e->at_ms;
		break;
	case CLIENT_CLOSE:
		p->closed = true;
		buf_add_text(&p->log, "E: close\n");
		break;
	}
}

void play_event(struct play *p, struct client_event ev)
{
	struct client_effect e;
	unsigned n_sends = p->n_sends;

	if (p->closed)
		return;
	ev.now_ms = p->now;
	client_feed(&p->client, &ev);
	while (!p->closed && client_next(&p->client, &p->out, &e))
		perform(p, &e);
	if (p->n_sends > n_sends && !p->slow)
		play_event(p, (struct client_event){ .type = CLIENT_SENT });
}

void play_pass(struct play *p, int64_t ms)
{
	p->now += ms;
	if (p->now >= p->due)
		play_event(p, (struct client_event){ .type = CLIENT_TICK });
}

static void give_body(struct play *p, const char *text, bool last)
{
	char bytes[4096];
	size_t n = 0;

	assert_true(p->wants);
	p->wants = false;
	for (; *text; text++) {
		if (*text == '~')
			bytes[n++] = '\r';
		bytes[n++] = *text == '~' ? '\n' : *text;
	}
	play_event(p, (struct client_event){ .type = CLIENT_BODY, .bytes = { bytes, n }, .last = last });
}

void play_says(struct play *p, struct span s)
{
	size_t step = p->cut ? 1 : s.len;

	for (size_t at = 0; at < s.len; at += step) {
		char *copy = malloc(step);	/* so that a byte too far is seen */

		memcpy(copy, s.at + at, step);
		play_event(p, (struct client_event){ .type = CLIENT_BYTES, .bytes = { copy, step } });
		free(copy);
	}
}

static bool is_word(const char *line, const char *word, const char **rest)
{
	size_t n = strlen(word);

	if (strncmp(line, word, n) != 0 || (line[n] && line[n] != ' '))
		return false;
	*rest = line[n] ? line + n + 1 : line + n;
	return true;
}

void play_happens(struct play *p, const char *line)
{
	const char *rest;

	if (is_word(line, "job", &rest)) {
		play_job(p, rest);
		play_event(p, (struct client_event){ .type = CLIENT_JOB, .job = &p->job });
	} else if (is_word(line, "connected", &rest)) {
		play_event(p, (struct client_event){ .type = CLIENT_CONNECTED });
	} else if (is_word(line, "failed", &rest)) {
		play_event(p, (struct client_event){ .type = CLIENT_FAILED, .why = rest });
	} else if (is_word(line, "secure", &rest)) {
		play_event(p, (struct client_event){ .type = CLIENT_TLS_UP });
	} else if (is_word(line, "insecure", &rest)) {
		play_event(p, (struct client_event){ .type = CLIENT_TLS_FAILED, .why = rest });
	} else if (is_word(line, "left", &rest)) {
		play_event(p, (struct client_event){ .type = CLIENT_LEFT });
	} else if (is_word(line, "cancel", &rest)) {
		play_event(p, (struct client_event){ .type = CLIENT_CANCEL });
	} else if (is_word(line, "last", &rest)) {
		play_event(p, (struct client_event){ .type = CLIENT_LAST });
	} else if (is_word(line, "wait", &rest)) {
		play_pass(p, strtol(rest, NULL, 10));
	} else if (is_word(line, "body", &rest)) {
		give_body(p, rest, false);
	} else if (is_word(line, "end", &rest)) {
		give_body(p, rest, true);
	} else if (is_word(line, "slow", &rest)) {
		p->slow = true;
	} else if (is_word(line, "taken", &rest)) {
		p->slow = false;
		play_event(p, (struct client_event){ .type = CLIENT_SENT });
	} else {
		fail_msg("what is %s?", line);
	}
}

void play_init(struct play *p, const struct client_options *options, bool cut)
{
	memset(p, 0, sizeof(*p));
	p->options = *options;
	p->options.times = (struct client_times){ .connect = SECONDS(30), .greeting = MINUTES(5), .tls = MINUTES(1), .command = MINUTES(5),
		.data = MINUTES(2), .block = MINUTES(3), .final = MINUTES(10), .idle = SECONDS(5) };
	p->cut = cut;
	p->due = INT64_MAX;
	buf_init(&p->out, CLIENT_OUT_MAX);
	buf_init(&p->log, 1u << 20);
	client_init(&p->client, &p->options, 0);
}

void play_fini(struct play *p)
{
	buf_fini(&p->out);
	buf_fini(&p->log);
}

/* All the server says in a row comes as one. */
static void play_lines(struct play *p, const char *dialogue, struct buf *expected)
{
	struct span rest = span_of_text(dialogue);
	struct buf said;

	buf_init(&said, 1u << 20);
	while (rest.len > 0) {
		struct span line = span_cut(&rest, '\n');
		char text[2048];

		snprintf(text, sizeof(text), "%.*s", SPAN_ARG(line));
		if (strncmp(text, "S: ", 3) == 0) {
			buf_printf(&said, "%s\r\n", text + 3);
			if (rest.len > 0 && rest.at[0] == 'S')
				continue;
			play_says(p, buf_span(&said));
			buf_clear(&said);
		} else if (strncmp(text, "> ", 2) == 0) {
			play_happens(p, text + 2);
		} else {
			buf_printf(expected, "%s\n", text);
		}
	}
	buf_fini(&said);
}

void play_all(const struct client_options *options, const char *dialogue, unsigned n_sends)
{
	for (int cut = 0; cut < 2; cut++) {
		struct play p;
		struct buf expected;

		play_init(&p, options, cut);
		buf_init(&expected, 1u << 20);
		play_lines(&p, dialogue, &expected);
		buf_add_char(&expected, '\0');
		buf_add_char(&p.log, '\0');
		assert_string_equal(p.log.at, expected.at);
		if (n_sends)
			assert_int_equal(p.n_sends, n_sends);
		buf_fini(&expected);
		play_fini(&p);
	}
}
