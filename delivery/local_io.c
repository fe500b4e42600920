#include "delivery/local_io.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <uv.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/random.h"
#include "delivery/guard.h"
#include "delivery/maildir_io.h"
#include "delivery/path.h"
#include "delivery/spool_io.h"
#include "mail/address.h"

#define BATCHES_MAX 2		/* at once: one writes while the other waits for the disk */
#define BATCH_FILES 256		/* in a batch, so that nobody waits for long: some 15 ms of work */
#define HEAD_MAX    4096	/* bytes of the fields put in front */

/* A job under way. What a thread looks at belongs to it alone. */
struct letter {
	struct list list;	/* ready, or of a batch */
	struct job *job;
	struct arena arena;
	struct guard guard;
	struct drop *drops;	/* one a recipient */
	bool *loops;		/* was there before, one a recipient */
	struct list taken;	/* struct job_part, in the hands of a batch */
	bool is_busy, is_ready, is_cancelled;
};

struct local {
	struct process *process;
	struct spool_io *io;
	const struct settings *settings;
	struct list ready;	/* letters with something to do */
	struct turn_end turn_end;
	unsigned n_batches;
};

struct batch {
	uv_work_t work;
	struct local *local;
	struct list letters;
	struct list drops;
	int64_t wall_ms;
};

/* ---- a job becomes drops -------------------------------------------------------- */

static void add_line_of(struct buf *out, struct span words)
{
	for (size_t i = 0; i < words.len; i++)
		(void)buf_add_char(out, (unsigned char)words.at[i] < ' ' ? ' ' : words.at[i]);
	(void)buf_add(out, SPAN("\r\n"));
}

static struct span make_head(struct arena *arena, const struct job *job, const struct job_rcpt *rcpt)
{
	struct span head;
	struct buf b;

	buf_init(&b, HEAD_MAX);
	(void)buf_add(&b, SPAN("Return-Path: <"));
	(void)buf_add(&b, job->sender);
	(void)buf_add(&b, SPAN(">\r\nDelivered-To: "));
	add_line_of(&b, rcpt->address);
	head = arena_span(arena, buf_span(&b));
	buf_fini(&b);
	return head;
}

static enum pr_err make_drop(struct local *l, struct letter *letter, unsigned i, const char *template)
{
	const struct job *job = letter->job;
	const struct job_rcpt *rcpt = &job->rcpts[i];
	struct span path = span_of_text(template);
	struct drop *d = &letter->drops[i];
	struct buf folder;
	enum pr_err err;

	drop_init(d);
	buf_init(&folder, PATH_MAX_LEN);
	err = path_fill(&folder, path, rcpt->mailbox);
	d->prefix = arena_text(&letter->arena, path_prefix(path));
	d->folder = arena_text(&letter->arena, buf_span(&folder));
	d->is_junk = job->quarantine.len > 0;
	d->is_in_doubt = job->flags & MAIL_IN_DOUBT;
	d->head = make_head(&letter->arena, job, rcpt);
	d->serial = random_u64();
	maildir_name(d->name, &job->id, rcpt->n, l->settings->top.hostname ? l->settings->top.hostname : "localhost");
	buf_fini(&folder);
	return err;
}

static void letter_free(struct letter *letter)
{
	list_remove(&letter->list);
	arena_fini(&letter->arena);
	mem_free(letter);
}

static struct letter *letter_new(struct local *l, struct job *job, const char *template)
{
	struct letter *letter = mem_new(sizeof(*letter));

	letter->job = job;
	list_init(&letter->list);
	list_init(&letter->taken);
	guard_init(&letter->guard);
	arena_init(&letter->arena, 2048);
	letter->drops = arena_new(&letter->arena, job->n_rcpts * sizeof(letter->drops[0]));
	letter->loops = arena_new(&letter->arena, job->n_rcpts * sizeof(letter->loops[0]));
	for (unsigned i = 0; i < job->n_rcpts; i++) {
		if (make_drop(l, letter, i, template) == PR_OK)
			continue;
		letter_free(letter);
		return NULL;
	}
	return letter;
}

static void on_start(void *owner, struct job *job)
{
	static const struct job_outcome no_path = { .fate = FATE_DEFERRED, .scope = SCOPE_MESSAGE, .enhanced = { "4.3.5", 5 },
		.words = { "No Maildir is configured for it", 31 }, .host = { "local", 5 } };
	struct local *l = owner;
	const struct set_deliver *set = l->settings ? settings_deliver(l->settings, job->deliver) : NULL;
	const char *template = set ? set->path : NULL;

	job->work = template ? letter_new(l, job, template) : NULL;
	if (job->work)
		spool_io_started(l->io, job, SPAN("local"));
	else
		job_settle_all(spool_io_jobs(l->io), job, &no_path);
}

static void on_delivered_to(void *arg, struct span value)
{
	struct letter *letter = arg;

	for (unsigned i = 0; i < letter->job->n_rcpts; i++)
		letter->loops[i] |= address_same(value, letter->job->rcpts[i].mailbox) || address_same(value, letter->job->rcpts[i].address);
}

static void make_ready(struct local *l, struct letter *letter)
{
	if (letter->is_busy || letter->is_ready)
		return;
	letter->is_ready = true;
	list_add_last(&l->ready, &letter->list);
}

static void on_body(void *owner, struct job *job)
{
	struct local *l = owner;
	struct letter *letter = job->work;

	if (!job->has_ended)
		guard_feed(&letter->guard, LIST_OWNER(job->parts.prev, struct job_part, list)->bytes, on_delivered_to, letter);
	/* A small message is written once, when it is whole. */
	if (job->has_ended || job->size > WIRE_PART_MAX)
		make_ready(l, letter);
}

static void on_cancel(void *owner, struct job *job)
{
	struct local *l = owner;
	struct letter *letter = job->work;

	letter->is_cancelled = true;
	make_ready(l, letter);
}

/* ---- what came of it ---------------------------------------------------------------- */

/* The admin must see which folder it was: most often it is one that its user may not write into. */
static void name_folder(const struct drop *d, struct buf *words)
{
	size_t len = strlen(d->prefix);

	(void)buf_printf(words, "%s%s%s", d->prefix, len > 0 && d->prefix[len - 1] == '/' ? "" : "/", d->folder);
}

static void outcome_of_error(const struct drop *d, struct buf *words, struct job_outcome *out)
{
	bool is_full = d->error == ENOSPC || d->error == EDQUOT;

	(void)buf_printf(words, "Could not %s (", d->stage);
	name_folder(d, words);
	(void)buf_printf(words, "): %s", strerror(d->error));
	out->fate = FATE_DEFERRED;
	out->enhanced = d->error == EDQUOT ? SPAN("4.2.2") : is_full ? SPAN("4.3.1") : SPAN("4.3.0");
	out->words = buf_span(words);
}

static void settle(struct local *l, struct letter *letter, unsigned i)
{
	struct job_outcome out = { .fate = FATE_DELIVERED, .scope = SCOPE_RECIPIENT, .enhanced = SPAN("2.0.0"),
		.words = SPAN("Delivered to the mailbox"), .host = SPAN("local") };
	const struct drop *d = &letter->drops[i];
	struct buf words;

	buf_init(&words, 2 * PATH_MAX);
	if (d->state == DROP_FAILED) {
		outcome_of_error(d, &words, &out);
	} else if (letter->loops[i] && !letter->is_cancelled) {
		out.fate = FATE_FAILED;
		out.enhanced = SPAN("5.4.6");
		out.words = SPAN("Mail loop: it was delivered to this mailbox before");
	} else if (d->state != DROP_DONE) {
		out.fate = FATE_DEFERRED;
		out.enhanced = SPAN("4.3.0");
		out.words = SPAN("The attempt was ended");
	}
	job_settle(spool_io_jobs(l->io), letter->job, i, &out);
	buf_fini(&words);
}

/* True when the letter lives on. */
static bool letter_came_back(struct local *l, struct letter *letter)
{
	struct job *job = letter->job;
	bool was_last = letter->drops[0].is_last;

	letter->is_busy = false;
	for (struct list *node = list_take_first(&letter->taken); node; node = list_take_first(&letter->taken))
		job_part_used(spool_io_jobs(l->io), job, LIST_OWNER(node, struct job_part, list));
	for (unsigned i = 0, n = job->n_rcpts; i < n; i++)
		if (was_last || letter->drops[i].state == DROP_FAILED)
			settle(l, letter, i);
	return job->n_open > 0;
}

/* ---- batches -------------------------------------------------------------------------- */

static void dispatch(struct local *l);

static void run_batch(uv_work_t *work)
{
	struct batch *b = LIST_OWNER(work, struct batch, work);

	maildir_batch(&b->drops, b->wall_ms);
}

static void on_batch_done(uv_work_t *work, int status)
{
	struct batch *b = LIST_OWNER(work, struct batch, work);
	struct local *l = b->local;

	(void)status;
	while (list_take_first(&b->drops))
		;
	for (struct list *node = list_take_first(&b->letters); node; node = list_take_first(&b->letters)) {
		struct letter *letter = LIST_OWNER(node, struct letter, list);

		if (!letter_came_back(l, letter))
			letter_free(letter);
		else if (letter->is_cancelled || letter->job->has_ended || job_part_first(letter->job))
			make_ready(l, letter);
	}
	l->n_batches--;
	mem_free(b);
	dispatch(l);
}

static size_t take_parts(struct letter *letter, struct span **spans)
{
	size_t n = 0, i = 0;

	LIST_EACH(node, &letter->job->parts)
		n++;
	*spans = arena_new(&letter->arena, (n + 1) * sizeof(**spans));
	for (struct job_part *part = job_part_take(letter->job); part; part = job_part_take(letter->job)) {
		(*spans)[i++] = part->bytes;
		list_add_last(&letter->taken, &part->list);
	}
	return n;
}

static size_t batch_add(struct batch *b, struct letter *letter)
{
	struct span *spans;
	size_t n = take_parts(letter, &spans), files = 0;

	letter->is_ready = false;
	letter->is_busy = true;
	list_add_last(&b->letters, &letter->list);
	for (unsigned i = 0; i < letter->job->n_rcpts; i++) {
		struct drop *d = &letter->drops[i];

		d->parts = spans;
		d->n_parts = n;
		d->is_last = letter->job->has_ended || letter->is_cancelled;
		d->is_refused = letter->is_cancelled || letter->loops[i];
		if (d->state == DROP_FAILED)
			continue;
		list_add_last(&b->drops, &d->list);
		files++;
	}
	return files;
}

static void dispatch(struct local *l)
{
	while (l->n_batches < BATCHES_MAX && !list_is_empty(&l->ready)) {
		struct batch *b = mem_new(sizeof(*b));
		struct list *node;
		size_t files = 0;

		b->local = l;
		b->wall_ms = loop_now(process_loop(l->process)).wall_ms;
		list_init(&b->letters);
		list_init(&b->drops);
		while (files < BATCH_FILES && (node = list_take_first(&l->ready)) != NULL)
			files += batch_add(b, LIST_OWNER(node, struct letter, list));
		l->n_batches++;
		BUG_ON(uv_queue_work(loop_uv(process_loop(l->process)), &b->work, run_batch, on_batch_done) != 0);
	}
}

static void on_turn_end(struct turn_end *te)
{
	dispatch(LIST_OWNER(te, struct local, turn_end));
}

/* ---- the process ---------------------------------------------------------------------- */

static void on_settings(void *owner, const struct settings *s)
{
	struct local *l = owner;

	l->settings = s;
}

static void on_drain(void *owner)
{
	(void)owner;
}

static void on_status(void *owner, struct buf *words)
{
	struct local *l = owner;

	(void)buf_printf(words, "batches=%u", l->n_batches);
}

int local_run(struct process *process)
{
	static const struct worker_handlers handlers = {
		.on_settings = on_settings, .on_start = on_start, .on_body = on_body, .on_cancel = on_cancel, .on_drain = on_drain,
		.on_status = on_status
	};
	struct local l = { .process = process, .turn_end.fn = on_turn_end };

	list_init(&l.ready);
	loop_on_turn_end(process_loop(process), &l.turn_end);
	return spool_io_run(process, &handlers, &l, &l.io);
}
