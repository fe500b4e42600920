#include "auth/source_io.h"

#include <unistd.h>
#include <uv.h>

#include "base/list.h"
#include "base/mem.h"

#define READ_LEN 4096

/* A connection; it outlives its source until libuv has closed it. */
struct line {
	uv_pipe_t pipe;
	uv_connect_t connecting;
	struct source *source;	/* NULL when it was given up */
	struct buf in;
	bool is_ready;		/* both have said what they speak */
	char room[READ_LEN];
};

struct source {
	struct loop *loop;
	char *path;
	struct line *line;	/* NULL: not connected */
	struct list questions;
	uint32_t last_id;
};

struct source_question {
	struct list list;
	struct source *source;
	struct deadline deadline;
	uint32_t id;
	struct buf words;	/* until they are said */
	void (*done)(void *arg, enum dovecot_said said, struct span user);
	void *arg;
};

struct writing {
	uv_write_t write;
	struct buf bytes;
};

/* ---- answers --------------------------------------------------------------------- */

static void answer(struct source_question *q, enum dovecot_said said, struct span user)
{
	list_remove(&q->list);
	deadline_clear(q->source->loop, &q->deadline);
	if (q->done)
		q->done(q->arg, said, user);
	buf_wipe(&q->words);
	mem_free(q);
}

static void answer_all(struct source *s)
{
	struct list gone;

	/* Who is told may ask again: that is another question. */
	list_init(&gone);
	for (struct list *node; (node = list_take_first(&s->questions));)
		list_add_last(&gone, node);
	while (!list_is_empty(&gone))
		answer(LIST_OWNER(gone.next, struct source_question, list), DOVECOT_LATER, SPAN_NONE);
}

static void on_late(struct deadline *d)
{
	answer(LIST_OWNER(d, struct source_question, deadline), DOVECOT_LATER, SPAN_NONE);
}

static struct source_question *find(struct source *s, uint32_t id)
{
	LIST_EACH(node, &s->questions) {
		struct source_question *q = LIST_OWNER(node, struct source_question, list);

		if (q->id == id)
			return q;
	}
	return NULL;
}

/* ---- the connection ----------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
	struct line *l = handle->data;

	buf_fini(&l->in);
	mem_free(l);
}

static void hang_up(struct source *s)
{
	struct line *l = s->line;

	if (!l)
		return;
	s->line = NULL;
	l->source = NULL;
	uv_close((uv_handle_t *)&l->pipe, on_closed);
	answer_all(s);
}

static void on_written(uv_write_t *write, int status)
{
	struct writing *w = write->data;

	(void)status;		/* reading tells */
	buf_wipe(&w->bytes);
	mem_free(w);
}

/* Takes what is in bytes, if anything. */
static void say(struct line *l, struct buf *bytes)
{
	struct writing *w;
	uv_buf_t piece;

	if (bytes->len == 0)
		return;
	w = mem_new(sizeof(*w));
	w->write.data = w;
	w->bytes = *bytes;
	buf_init(bytes, 0);
	piece = uv_buf_init(w->bytes.at, (unsigned)w->bytes.len);
	if (uv_write(&w->write, (uv_stream_t *)&l->pipe, &piece, 1, on_written) != 0)
		on_written(&w->write, 0);
}

static void is_ready(struct source *s)
{
	s->line->is_ready = true;
	LIST_EACH(node, &s->questions)
		say(s->line, &LIST_OWNER(node, struct source_question, list)->words);
}

static void take(struct source *s, const struct dovecot_line *said)
{
	struct source_question *q;

	if (said->said == DOVECOT_READY)
		is_ready(s);
	if (said->said == DOVECOT_NOTHING || said->said == DOVECOT_READY)
		return;
	q = find(s, said->id);
	if (q)
		answer(q, said->said, said->user);
}

/* False when it was hung up: what it says is not understood, or its owner left. */
static bool take_lines(struct line *l)
{
	char room[DOVECOT_LINE_MAX];
	struct dovecot_line said;
	size_t end;

	while (l->source && (end = span_find(buf_span(&l->in), '\n')) < l->in.len) {
		if (dovecot_read(span_first(buf_span(&l->in), end), room, &said) != PR_OK)
			return false;
		take(l->source, &said);
		buf_eat(&l->in, end + 1);
	}
	return true;
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct line *l = handle->data;

	(void)suggested;
	*out = uv_buf_init(l->room, sizeof(l->room));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
	struct line *l = stream->data;
	bool good = n >= 0;

	if (!l->source || n == 0)
		return;
	if (good)
		good = buf_add(&l->in, span_of(bytes->base, (size_t)n)) == PR_OK && take_lines(l);
	if (!good && l->source)
		hang_up(l->source);
}

static void on_connected(uv_connect_t *connecting, int status)
{
	struct line *l = connecting->data;
	struct buf hello;

	if (!l->source)
		return;
	if (status != 0 || uv_read_start((uv_stream_t *)&l->pipe, on_room, on_read) != 0) {
		hang_up(l->source);
		return;
	}
	buf_init(&hello, DOVECOT_LINE_MAX);
	dovecot_add_hello(&hello, (unsigned)getpid());
	say(l, &hello);
}

static void call(struct source *s)
{
	struct line *l = mem_new(sizeof(*l));

	BUG_ON(uv_pipe_init(loop_uv(s->loop), &l->pipe, 0) != 0);
	l->pipe.data = l->connecting.data = l;
	l->source = s;
	buf_init(&l->in, DOVECOT_LINE_MAX);
	s->line = l;
	uv_pipe_connect(&l->connecting, &l->pipe, s->path, on_connected);
}

void source_warm_up(struct loop *loop)
{
	static uv_pipe_t pipe;

	BUG_ON(uv_pipe_init(loop_uv(loop), &pipe, 0) != 0);
	uv_close((uv_handle_t *)&pipe, NULL);
}

/* ---- life ------------------------------------------------------------------------------- */

struct source *source_new(struct loop *loop, const char *path)
{
	struct source *s = mem_new(sizeof(*s));

	s->loop = loop;
	s->path = mem_text(span_of_text(path));
	list_init(&s->questions);
	return s;
}

void source_free(struct source **sp)
{
	struct source *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	hang_up(s);
	answer_all(s);
	mem_free(s->path);
	mem_free(s);
}

const char *source_path(const struct source *s)
{
	return s->path;
}

struct source_question *source_ask(struct source *s, struct dovecot_question *q, void (*done)(void *arg, enum dovecot_said said, struct span user),
    void *arg)
{
	struct source_question *one = mem_new(sizeof(*one));

	/* Numbers are never used twice on a connection. */
	if (s->last_id == INT32_MAX) {
		hang_up(s);
		s->last_id = 0;
	}
	if (!s->line)
		call(s);
	q->id = one->id = ++s->last_id;
	one->source = s;
	one->done = done;
	one->arg = arg;
	deadline_init(&one->deadline, on_late);
	deadline_set(s->loop, &one->deadline, loop_now(s->loop).mono_ms + SOURCE_WAIT_MS);
	list_add_last(&s->questions, &one->list);
	buf_init(&one->words, DOVECOT_LINE_MAX);
	(void)buf_room(&one->words, DOVECOT_LINE_MAX);	/* at once: what grows leaves passwords behind */
	dovecot_add_question(&one->words, q);
	if (s->line->is_ready)
		say(s->line, &one->words);
	return one;
}

void source_forget(struct source_question **q)
{
	if (*q)
		(*q)->done = NULL;
	*q = NULL;
}
