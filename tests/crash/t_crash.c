/* The journal against a disk that forgets. A seed makes a history: messages
 * small and chunked, states, annexes, dones, groups, moves, failures of the disk. The
 * power is cut (or the process killed) after each of its writes in turn; what
 * recovery finds is held against what was acknowledged; then it goes on, and
 * is cut again. `t_crash --seed N [--cut N] [--fault N]` replays,
 * `t_crash --seconds N [--from SEED]` runs long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "spool/journal_private.h"
#include "spool/segment.h"
#include "tests/crash/sim_disk.h"

#define MESSAGES 400		/* in one history */
#define SLOTS    8		/* of a message's state */
#define BOUNCES  4		/* of them, each is written by one bounce's group alone */
#define CHUNKS   6
#define STEPS    260		/* between two cuts */
#define SEGMENT  (64u << 10)
#define LETTERS  (16u << 10)	/* more than any part of a message has */

enum stand { UNUSED, CHUNKING, OFFERED, STORED, FINISHING, GONE };

struct model {
	struct msg_id id;
	enum stand stand;
	bool maybe;			/* refused, or cut in between: it may be found or not */
	bool maybe_gone;		/* its DONE was not acknowledged */
	bool found, told;		/* in this recovery; by its owner in this run */
	struct place place;
	uint32_t len;			/* of its content in one record */
	uint32_t n_chunks, n_written;
	struct journal_piece pieces[CHUNKS];
	char *texts[CHUNKS + 1];
	struct span spans[CHUNKS + 1];
	uint32_t asked[SLOTS], acked[SLOTS], value[SLOTS];
	struct place annex;
	uint32_t annex_asked, annex_acked;	/* how often it was written: it begins with that number */
	unsigned n_waiting;		/* chunks under way */
	unsigned n_bounces;
	struct model *parent;		/* of a bounce: in one group with a slot of parent */
	unsigned parent_slot;
	bool parent_finish, group_open;
	char state_text[SLOTS * 5];
	char brief[8], envelope[64];
};

struct ask {
	struct journal_request r;
	struct model *m;
	unsigned slot;
	uint32_t value;
	char text[5], *annex;
	enum { ASK_CHUNK, ASK_MESSAGE, ASK_STATE, ASK_ANNEX, ASK_FINISH } what;
	unsigned chunk;
	struct ask *next, *before;
};

struct world {
	struct sim_disk disk;
	struct journal *journal;
	struct model models[MESSAGES];
	unsigned n;
	struct ask asks;		/* head of all that wait */
	int64_t now;
	unsigned cut_at;
	char failure[256];
	bool flipped;
	struct msg_id flipped_id;
	bool flip_named;
	unsigned recoveries;
	uint64_t compacted, annexes_moved;
};

static struct world *w;

__attribute__((format(printf, 1, 2))) static void fail_history(const char *fmt, ...)
{
	va_list ap;

	if (w->failure[0])
		return;
	va_start(ap, fmt);
	vsnprintf(w->failure, sizeof(w->failure), fmt, ap);
	va_end(ap);
}

static unsigned dice(unsigned n)
{
	return (unsigned)sim_below(&w->disk, n);
}

static struct model *model_of(const struct msg_id *id)
{
	uint32_t n;

	memcpy(&n, id->bytes + 12, sizeof(n));
	return n < w->n && id_eq(&w->models[n].id, id) ? &w->models[n] : NULL;
}

/* Each part of a message has one of 256 texts; all that is compared is compared with them, which is most of the work. */
static const char *letters(const struct model *m, unsigned part)
{
	static char texts[256][LETTERS];
	unsigned char first = (unsigned char)(m->id.bytes[0] + m->id.bytes[1] * 7 + part * 31);

	if (texts[0][1] == 0)
		for (unsigned n = 0; n < 256; n++)
			for (unsigned at = 0; at < LETTERS; at++)
				texts[n][at] = (char)(n + at * 13 + (at >> 8) * 5);
	return texts[first];
}

static char *text_of(const struct model *m, unsigned part, uint32_t len)
{
	char *text = mem_new(len + 1);

	BUG_ON(len > LETTERS);
	memcpy(text, letters(m, part), len);
	return text;
}

/* ---- the owner -------------------------------------------------------------------- */

static void ask_free(struct ask *a)
{
	a->next->before = a->before;
	a->before->next = a->next;
	mem_free(a->annex);
	mem_free(a);
}

static struct ask *ask_new(struct model *m, void (*done)(struct journal_request *, enum pr_err))
{
	struct ask *a = mem_new(sizeof(*a));

	a->m = m;
	a->r.done = done;
	a->next = &w->asks;
	a->before = w->asks.before;
	a->before->next = a;
	w->asks.before = a;
	return a;
}

static void on_message(struct journal_request *r, enum pr_err err)
{
	struct ask *a = (struct ask *)r;
	struct model *m = a->m;

	if (err) {
		m->stand = GONE;
		m->maybe = true;
		journal_chunk_drop(w->journal, m->pieces, m->n_written);
	} else {
		m->stand = STORED;
		m->told = true;
		m->place = r->place;
		m->maybe = false;
	}
	m->group_open = false;
	ask_free(a);
}

static void offer(struct model *m)
{
	struct ask *a = ask_new(m, on_message);
	struct journal_message msg = { .id = m->id, .brief = span_of(m->brief, sizeof(m->brief)),
		.envelope = span_of(m->envelope, sizeof(m->envelope)), .state = SPAN_NONE, .content = { &m->spans[CHUNKS], 1 },
		.chunks = m->pieces, .n_chunks = m->n_chunks, .size = m->len };

	for (unsigned i = 0; i < m->n_chunks; i++)
		msg.size += m->pieces[i].len;
	m->stand = OFFERED;
	a->what = ASK_MESSAGE;
	journal_message(w->journal, &a->r, &msg);
}

static void on_chunk(struct journal_request *r, enum pr_err err)
{
	struct ask *a = (struct ask *)r;
	struct model *m = a->m;

	m->n_waiting--;
	if (err) {
		m->stand = GONE;
		journal_chunk_drop(w->journal, m->pieces, m->n_written);
	} else {
		m->pieces[a->chunk] = (struct journal_piece){ r->place, (uint32_t)m->spans[a->chunk].len };
		m->n_written = a->chunk + 1;
	}
	ask_free(a);
}

static struct model *model_new(void)
{
	struct model *m = &w->models[w->n];
	uint32_t n = w->n++;

	for (unsigned i = 0; i < 12; i++)
		m->id.bytes[i] = (unsigned char)sim_draw(&w->disk);
	memcpy(m->id.bytes + 12, &n, sizeof(n));
	memcpy(m->brief, m->id.bytes, sizeof(m->brief));
	memcpy(m->envelope, letters(m, 99), sizeof(m->envelope));
	m->len = dice(3) ? dice(800) : dice(9000);
	m->texts[CHUNKS] = text_of(m, CHUNKS, m->len);
	m->spans[CHUNKS] = span_of(m->texts[CHUNKS], m->len);
	return m;
}

static void make_message(void)
{
	struct model *m = model_new();

	if (dice(4)) {
		offer(m);
		return;
	}
	m->stand = CHUNKING;
	m->n_chunks = 1 + dice(CHUNKS);
}

static void go_on_chunking(struct model *m)
{
	struct ask *a;
	unsigned n = m->n_written;

	if (m->n_waiting)
		return;
	if (n == m->n_chunks) {
		offer(m);
		return;
	}
	if (dice(20) == 0) {
		m->stand = GONE;
		journal_chunk_drop(w->journal, m->pieces, n);
		return;
	}
	m->spans[n].len = 500 + dice(7000);
	m->spans[n].at = m->texts[n] = text_of(m, n, (uint32_t)m->spans[n].len);
	a = ask_new(m, on_chunk);
	a->what = ASK_CHUNK;
	a->chunk = n;
	m->n_waiting++;
	journal_chunk(w->journal, &a->r, &m->id, (struct journal_bytes){ &m->spans[n], 1 }, false);
}

static void on_state(struct journal_request *r, enum pr_err err)
{
	struct ask *a = (struct ask *)r;

	if (err)
		fail_history("a state was refused");
	else if (a->m->acked[a->slot] < a->value)
		a->m->acked[a->slot] = a->value;
	ask_free(a);
}

static void ask_state(struct model *m, unsigned slot)
{
	struct ask *a = ask_new(m, on_state);

	a->what = ASK_STATE;
	a->slot = slot;
	a->value = ++m->asked[a->slot];
	m->value[a->slot] = a->value;
	a->text[0] = (char)a->slot;
	memcpy(a->text + 1, &a->value, 4);
	journal_state(w->journal, &a->r, &m->id, m->place, span_of(a->text, 5), dice(2));
}

static void on_annex(struct journal_request *r, enum pr_err err)
{
	struct ask *a = (struct ask *)r;
	struct model *m = a->m;

	if (err)
		fail_history("an annex was refused");
	m->annex = r->place;
	m->annex_acked = a->value;
	ask_free(a);
}

static void ask_annex(struct model *m)
{
	uint32_t len = dice(3) ? dice(1800) : dice(100);
	struct ask *a = ask_new(m, on_annex);

	a->what = ASK_ANNEX;
	a->value = ++m->annex_asked;
	a->annex = text_of(m, 200 + a->value, len + 4);
	memcpy(a->annex, &a->value, 4);
	journal_annex(w->journal, &a->r, &m->id, span_of(a->annex, len + 4), dice(2));
}

static void on_finish(struct journal_request *r, enum pr_err err)
{
	struct ask *a = (struct ask *)r;

	if (err)
		fail_history("a DONE was refused");
	a->m->stand = GONE;
	a->m->maybe_gone = false;
	a->m->annex = (struct place){ 0 };
	ask_free(a);
}

static void ask_finish(struct model *m)
{
	struct ask *a = ask_new(m, on_finish);

	a->what = ASK_FINISH;
	journal_finish(w->journal, &a->r, &m->id, m->place, dice(2));
	m->stand = FINISHING;
	m->told = false;
	m->maybe_gone = true;
}

static void ask_bounce(struct model *parent)
{
	struct model *m = model_new();

	m->parent = parent;
	m->group_open = true;
	journal_group_begin(w->journal);
	offer(m);
	m->parent_finish = parent->n_bounces == BOUNCES || dice(2);
	if (m->parent_finish) {
		ask_finish(parent);
	} else {
		m->parent_slot = SLOTS - BOUNCES + parent->n_bounces++;
		ask_state(parent, m->parent_slot);
	}
	journal_group_end(w->journal);
}

/* Its sender was told that it is not here, and offers it once more under the same id. */
static void offer_again(struct model *m)
{
	memset(m->asked, 0, sizeof(m->asked));
	memset(m->acked, 0, sizeof(m->acked));
	memset(m->value, 0, sizeof(m->value));
	m->annex_asked = m->annex_acked = 0;
	m->n_bounces = 0;
	m->parent = NULL;
	offer(m);
}

static bool owner_find(void *arg, const struct msg_id *id, struct place *place)
{
	struct model *m = model_of(id);

	(void)arg;
	if (!m || m->stand != STORED || !m->told)
		return false;
	*place = m->place;
	return true;
}

static void owner_state(void *arg, const struct msg_id *id, struct span *brief, struct span *state)
{
	struct model *m = model_of(id);

	(void)arg;
	for (unsigned i = 0; i < SLOTS; i++) {
		m->state_text[i * 5] = (char)i;
		memcpy(m->state_text + i * 5 + 1, &m->value[i], 4);
	}
	*brief = span_of(m->brief, sizeof(m->brief));
	*state = span_of(m->state_text, sizeof(m->state_text));
}

static void owner_moved(void *arg, const struct msg_id *id, struct place from, struct place to)
{
	struct model *m = model_of(id);

	(void)arg;
	if (m->stand == STORED && !place_eq(m->place, from))
		fail_history("moved from where it was not");
	if (m->stand == STORED)
		m->place = to;
	w->compacted++;
}

static struct place owner_annex(void *arg, const struct msg_id *id)
{
	struct model *m = model_of(id);

	(void)arg;
	return m && m->stand == STORED ? m->annex : (struct place){ 0 };
}

static void owner_annex_moved(void *arg, const struct msg_id *id, struct place from, struct place to)
{
	struct model *m = model_of(id);

	(void)arg;
	if (place_eq(m->annex, from)) {
		m->annex = to;
		w->annexes_moved++;
	}
}

static void owner_found(void *arg, const struct journal_found *f)
{
	struct model *m = model_of(&f->id);

	(void)arg;
	if (!m) {
		fail_history("a message was found that nobody wrote");
		return;
	}
	if (m->found)
		fail_history("message %u was found twice", (unsigned)(m - w->models));
	m->found = true;
	m->place = f->place;
	m->annex = f->annex;
	memset(m->value, 0, sizeof(m->value));
	if (!span_eq(f->brief, span_of(m->brief, sizeof(m->brief))))
		fail_history("brief of %u differs", (unsigned)(m - w->models));
	for (unsigned i = 0; i < f->n_states; i++) {
		struct span s = f->states[i];

		for (; s.len >= 5; s = span_from(s, 5))
			if ((unsigned char)s.at[0] < SLOTS)
				memcpy(&m->value[(unsigned char)s.at[0]], s.at + 1, 4);
	}
}

static void owner_recovered(void *arg, const struct journal_stats *s)
{
	(void)arg;
	(void)s;
}

static void owner_damaged(void *arg, const struct journal_damage *d)
{
	(void)arg;
	if (w->flipped && (!d->has_id || id_eq(&d->id, &w->flipped_id)))
		w->flip_named = true;
	else
		fail_history("damage where there is none: file %u, segment %u at %u, %u bytes, message %d", d->file, d->place.segment, d->place.at,
		    d->len, d->has_id && model_of(&d->id) ? (int)(model_of(&d->id) - w->models) : -1);
}

static const struct journal_owner OWNER = { owner_found, owner_recovered, owner_damaged, owner_find, owner_state, owner_moved, owner_annex,
	owner_annex_moved, NULL, NULL };

/* ---- reading a message as delivery does ------------------------------------------------ */

static enum pr_err read_record(struct place place, char **bytes, struct record *r)
{
	struct disk_source src;
	uint32_t file;
	uint64_t mark, at = (uint64_t)place.at * SEGMENT_UNIT;
	char head[SEGMENT_UNIT];
	enum pr_err err = PR_BAD;

	*bytes = NULL;
	if (!journal_pin(w->journal, place.segment, &file, &mark))
		return PR_NONE;
	sim_source(&w->disk, &src);
	if (!src.read(src.arg, file, at, head, sizeof(head)) && record_get(head, mark, place, r) == PR_OK && r->len < SEGMENT) {
		*bytes = mem_new(r->len + 1);
		err = src.read(src.arg, file, at + SEGMENT_UNIT, *bytes, r->len) ? PR_IO : PR_OK;
	}
	journal_unpin(w->journal, place.segment);
	return err;
}

static bool letters_are(const struct model *m, unsigned part, const char *at, uint32_t len)
{
	return len <= LETTERS && memcmp(at, letters(m, part), len) == 0;
}

/* PR_OK: whole. PR_BAD: the checksums say that it is not. Altered bytes that pass for good are a failure. */
static enum pr_err read_model(const struct model *m)
{
	struct message_view v;
	struct record r;
	char *bytes, *piece;
	enum pr_err err = read_record(m->place, &bytes, &r);

	if (!err && (r.type != RECORD_MESSAGE || !id_eq(&r.id, &m->id)))
		err = PR_BAD;
	if (!err)
		err = message_check(&r, bytes, &v);
	if (!err && (v.content_len != m->len || !letters_are(m, CHUNKS, bytes + r.about, m->len)))
		fail_history("altered content of %u passed", (unsigned)(m - w->models));
	for (unsigned i = 0; !err && i < v.n_pieces; i++) {
		struct journal_piece p = message_piece(&v, i);

		err = read_record(p.place, &piece, &r);
		if (!err && (r.type != RECORD_CHUNK || r.len != p.len || !record_sum_is(&r, piece)))
			err = PR_BAD;
		if (!err && !letters_are(m, i, piece, p.len))
			fail_history("altered chunk of %u passed", (unsigned)(m - w->models));
		mem_free(piece);
	}
	mem_free(bytes);
	return err;
}

/* Which of those that were written is there; 0: none. */
static uint32_t read_annex(const struct model *m)
{
	uint32_t value = 0;
	struct record r;
	char *bytes;
	enum pr_err err = PR_OK;

	if (!m->annex.segment)
		return 0;
	err = read_record(m->annex, &bytes, &r);
	if (!err && (r.type != RECORD_ANNEX || !id_eq(&r.id, &m->id) || r.len < 4 || !record_sum_is(&r, bytes)))
		err = PR_BAD;
	if (!err)
		memcpy(&value, bytes, 4);
	if (!err && (r.len > LETTERS || memcmp(bytes + 4, letters(m, 200 + value) + 4, r.len - 4) != 0))
		err = PR_BAD;
	mem_free(bytes);
	if (err)
		fail_history("annex of %u can't be read at %u:%u: %d", (unsigned)(m - w->models), m->annex.segment, m->annex.at, err);
	return value;
}

/* ---- the oracle ------------------------------------------------------------------------- */

static bool is_the_flipped(const struct model *m)
{
	return w->flipped && id_eq(&m->id, &w->flipped_id);
}

static void check_states(struct model *m)
{
	unsigned n = (unsigned)(m - w->models);

	for (unsigned i = 0; i < SLOTS; i++) {
		if (m->value[i] < m->acked[i])
			fail_history("message %u: state %u is %u, %u was acknowledged (fail %u at %u:%u)", n, i, m->value[i], m->acked[i], w->disk.fail_one_in, m->place.segment, m->place.at);
		if (m->value[i] > m->asked[i])
			fail_history("message %u: state %u is %u, only %u was asked", n, i, m->value[i], m->asked[i]);
	}
}

static void check_annex(struct model *m)
{
	uint32_t value = read_annex(m);

	if (value < m->annex_acked || value > m->annex_asked)
		fail_history("message %u: annex %u is there, %u was acknowledged, %u asked", (unsigned)(m - w->models), value, m->annex_acked,
		    m->annex_asked);
	m->annex_asked = m->annex_acked = value;
}

/* What the journal counts is what there is: else segments would never be freed, or freed and written again for ever. */
static void check_count(void)
{
	unsigned counted = 0, there = 0;

	for (unsigned i = 0; i < w->journal->n_used; i++)
		counted += w->journal->used[i]->annexes;
	for (unsigned i = 0; i < w->n; i++)
		there += w->models[i].annex.segment != 0;
	if (counted != there)
		fail_history("%u annexes are counted, %u are there", counted, there);
}

static void check_found(struct model *m)
{
	unsigned n = (unsigned)(m - w->models);
	enum pr_err err;

	if (m->stand == GONE && !m->maybe) {
		fail_history("message %u was DONE and is back", n);
		return;
	}
	if (m->stand == CHUNKING) {
		fail_history("message %u is there without having been offered", n);
		return;
	}
	err = read_model(m);
	if (err && !is_the_flipped(m))
		fail_history("message %u can't be read: %d", n, err);
	/* Of the flipped an older copy may have been found, whose outcomes were not yet known: twice is better than never. */
	if (!is_the_flipped(m)) {
		check_states(m);
		check_annex(m);
	}
}

static void check_group(const struct model *m)
{
	const struct model *p = m->parent;
	bool there;

	if (!p || !m->group_open)
		return;
	there = m->parent_finish ? !p->found : !p->found || p->value[m->parent_slot];
	if (p->found && there != m->found)
		fail_history("half of the group of %u and %u", (unsigned)(m - w->models), (unsigned)(p - w->models));
	if (!p->found && m->parent_finish && !m->found && p->maybe_gone && !is_the_flipped(p) && !is_the_flipped(m))
		fail_history("the DONE of %u without its bounce %u", (unsigned)(p - w->models), (unsigned)(m - w->models));
}

static void take_over(struct model *m)
{
	m->group_open = false;
	m->n_waiting = 0;
	if (m->found) {
		m->stand = STORED;
		m->told = true;
		memcpy(m->asked, m->value, sizeof(m->asked));
		memcpy(m->acked, m->value, sizeof(m->acked));
	} else if (m->stand != UNUSED) {
		m->stand = GONE;
	}
	m->maybe = m->maybe_gone = false;
}

static void check_all(void)
{
	for (unsigned i = 0; i < w->n && !w->failure[0]; i++) {
		struct model *m = &w->models[i];

		if (m->found)
			check_found(m);
		else if (m->stand == STORED && !is_the_flipped(m))
			fail_history("message %u was acknowledged and is lost", i);
		else if (m->stand == STORED && !w->flip_named)
			fail_history("message %u is damaged and nobody was told", i);
		check_group(m);
	}
	for (unsigned i = 0; i < w->n; i++)
		take_over(&w->models[i]);
}

/* ---- runs and cuts ------------------------------------------------------------------------ */

static void open_journal(void)
{
	struct journal_options o = { .segment_size = SEGMENT, .draw = sim_draw, .draw_arg = &w->disk };
	struct journal_disk disk = { sim_start, &w->disk };
	struct disk_source src;
	uint32_t version;

	sim_source(&w->disk, &src);
	w->journal = journal_new(&o, &disk, &OWNER, NULL);
	for (unsigned i = 0; i < SIM_FILES; i++) {
		struct sim_file *f = &w->disk.files[i];

		if (f->exists && segment_is_free(span_of(f->seen, SEGMENT_PROBE)))
			src.write(src.arg, i, 0, f->seen, SEGMENT_PROBE);
		if (f->exists && journal_file(w->journal, i, span_of(f->seen, SEGMENT_PROBE), &version) != PR_OK)
			fail_history("a file was refused");
	}
}

static void read_all(void)
{
	struct disk_source src;
	struct recovery *r;

	for (unsigned i = 0; i < w->n; i++) {
		w->models[i].found = w->models[i].told = false;
		w->models[i].annex = (struct place){ 0 };
	}
	open_journal();
	r = journal_recovery(w->journal);
	sim_source(&w->disk, &src);
	recovery_run(r, &src);
	while (journal_recover(w->journal, 7))
		;
}

static void recover(void)
{
	read_all();
	w->recoveries++;
	check_all();
}

static void forget_run(void)
{
	while (w->asks.next != &w->asks)
		ask_free(w->asks.next);
	journal_free(&w->journal);
}

static void crash(void)
{
	if (dice(4) == 0)
		sim_kill(&w->disk);
	else
		sim_cut(&w->disk);
	forget_run();
}

static struct model *any_stored(void)
{
	for (unsigned tries = 0; tries < 8 && w->n; tries++) {
		struct model *m = &w->models[dice(w->n)];

		if (m->stand == STORED && m->told)
			return m;
	}
	return NULL;
}

static struct model *any_gone(void)
{
	struct model *m = w->n ? &w->models[dice(w->n)] : NULL;

	return m && m->stand == GONE && !m->maybe_gone && m->n_chunks == 0 ? m : NULL;
}

static void one_request(void)
{
	unsigned what = dice(10);
	struct model *m;

	if (what < 4 && w->n + 2 < MESSAGES && journal_takes_mail(w->journal)) {
		make_message();
		return;
	}
	for (unsigned i = 0; i < w->n; i++)
		if (w->models[i].stand == CHUNKING && dice(2))
			go_on_chunking(&w->models[i]);
	if (what == 9 && dice(4) == 0 && journal_takes_mail(w->journal) && (m = any_gone())) {
		offer_again(m);
		return;
	}
	m = any_stored();
	if (!m)
		return;
	if (what < 6 && dice(2))
		ask_annex(m);
	else if (what < 6)
		ask_state(m, dice(SLOTS - BOUNCES));
	else if (what < 9)
		ask_finish(m);
	else if (w->n + 2 < MESSAGES)
		ask_bounce(m);
}

static bool finish_job(unsigned lane)
{
	struct journal_job *job = w->disk.lane[lane];

	if (!job)
		return false;
	sim_finish(&w->disk, job);
	journal_job_done(w->journal, job);
	return true;
}

static void one_step(void)
{
	switch (dice(8)) {
	case 0: case 1: case 2:
		one_request();
		break;
	case 3:
		w->now += dice(30);
		break;
	case 4: case 5:
		finish_job(1);
		break;
	case 6:
		finish_job(0);
		break;
	default: {
		struct model *m = any_stored();

		if (m && !is_the_flipped(m) && read_annex(m) < m->annex_acked)
			fail_history("annex of %u is an older one", (unsigned)(m - w->models));
		if (m && dice(6) == 0 && read_model(m) != PR_OK && !is_the_flipped(m))
			fail_history("message %u can't be read", (unsigned)(m - w->models));
	}
	}
	journal_turn(w->journal, w->now);
}

static void run_until(unsigned writes, unsigned steps)
{
	for (unsigned i = 0; i < steps && w->disk.writes < writes && !w->failure[0]; i++)
		one_step();
}

/* A disk that works again lets everything end. */
static void run_out(void)
{
	w->disk.fail_one_in = 0;
	w->disk.room_files = SIM_FILES;
	for (unsigned i = 0; i < 20000 && !w->failure[0]; i++) {
		bool wrote = finish_job(1), kept = finish_job(0), idle = !wrote && !kept;

		w->now += 20;
		journal_turn(w->journal, w->now);
		if (idle && w->asks.next == &w->asks) {
			check_count();
			return;
		}
	}
	if (!w->failure[0])
		fail_history("requests were never answered");
}

/* As the platters tell it: above it nobody can tell a bit that fell over from a torn write. */
static bool is_below_a_sync(uint32_t file, uint64_t mark, struct place place)
{
	struct survey_target t = { .file = file, .number = place.segment, .size = SEGMENT, .mark = mark };
	struct disk_source src;
	struct survey survey;
	bool below;

	sim_kept_source(&w->disk, &src);
	if (survey_segment(&src, &t, &survey))
		return false;
	below = (uint64_t)place.at * SEGMENT_UNIT < survey.synced;
	survey_fini(&survey);
	return below;
}

/* A bit of a message's record falls over: its bytes must not come out, and no other message suffers. */
static void flip(void)
{
	struct model *m = any_stored();
	struct sim_file *f;
	struct record r;
	uint32_t file;
	uint64_t mark, at;
	char *bytes;

	if (!m || read_record(m->place, &bytes, &r) != PR_OK || !journal_pin(w->journal, m->place.segment, &file, &mark))
		return;
	journal_unpin(w->journal, m->place.segment);
	mem_free(bytes);
	if (!is_below_a_sync(file, mark, m->place))
		return;
	f = &w->disk.files[file];
	at = (uint64_t)m->place.at * SEGMENT_UNIT + SEGMENT_UNIT + dice(r.len);
	f->seen[at] ^= (char)(1 << dice(8));
	f->kept[at] = f->seen[at];
	w->flipped = true;
	w->flipped_id = m->id;
}

static void history(unsigned cut_at)
{
	unsigned cuts = 1 + dice(3);
	bool flips = dice(4) == 0;

	w->disk.fail_one_in = dice(3) == 0 ? 8 + dice(60) : 0;
	w->disk.room_files = dice(3) == 0 ? 5 + dice(6) : SIM_FILES;
	recover();
	run_until(cut_at, STEPS * 3);
	for (; cuts && !w->failure[0]; cuts--) {
		crash();
		recover();
		run_until(UINT32_MAX, STEPS / 2 + dice(STEPS));
	}
	if (w->failure[0])
		return;
	run_out();
	for (unsigned i = 0; i < 50; i++)
		finish_job(0);
	if (flips)
		flip();
	crash();
	recover();
}

static unsigned run_history(uint64_t seed, unsigned cut_at, char *failure, size_t room)
{
	unsigned writes;

	w = mem_new(sizeof(*w));
	w->asks.next = w->asks.before = &w->asks;
	w->disk.state = seed;
	history(cut_at);
	writes = w->disk.writes;
	if (w->journal)
		forget_run();
	sim_free(&w->disk);
	for (unsigned i = 0; i < w->n; i++)
		for (unsigned t = 0; t <= CHUNKS; t++)
			mem_free(w->models[i].texts[t]);
	snprintf(failure, room, "%s", w->failure);
	mem_free(w);
	w = NULL;
	return writes;
}

/* ---- tests --------------------------------------------------------------------------------- */

#define CUTS 120u		/* of one seed: nearly all of the writes that a history makes before its first crash */

static uint64_t first_seed = 1;
static unsigned long histories = 12000;

static double clock_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void t_no_cut_loses_or_doubles_what_was_acknowledged(void **state)
{
	char failure[256];

	(void)state;
	for (unsigned long n = 0; n < histories; n++) {
		uint64_t seed = first_seed + n / CUTS;
		unsigned cut = 1 + (unsigned)(n % CUTS);

		run_history(seed, cut, failure, sizeof(failure));
		if (failure[0])
			fail_msg("t_crash --seed %llu --cut %u: %s", (unsigned long long)seed, cut, failure);
	}
}

/* A history must fail with the fault, and hold without it. */
static void planted(enum journal_fault fault)
{
	char failure[256], without[256];
	uint64_t seed = first_seed;
	unsigned n = 0, cut = 1;

	for (failure[0] = 0; !failure[0] && n < 20000; n++) {
		seed = first_seed + n;
		cut = 1 + n % CUTS;
		journal_fault = fault;
		run_history(seed, cut, failure, sizeof(failure));
		journal_fault = FAULT_NONE;
	}
	run_history(seed, cut, without, sizeof(without));
	print_message("# t_crash --seed %llu --cut %u --fault %d: %s\n", (unsigned long long)seed, cut, (int)fault, failure);
	assert_true(failure[0] != 0);
	assert_string_equal(without, "");
}

static void begin_world(uint64_t seed)
{
	w = mem_new(sizeof(*w));
	w->asks.next = w->asks.before = &w->asks;
	w->disk.state = seed;
	w->disk.room_files = SIM_FILES;
	recover();
}

static void end_world(void)
{
	assert_string_equal(w->failure, "");
	forget_run();
	sim_free(&w->disk);
	for (unsigned i = 0; i < w->n; i++)
		for (unsigned t = 0; t <= CHUNKS; t++)
			mem_free(w->models[i].texts[t]);
	mem_free(w);
	w = NULL;
}

/* Everything that is under way comes to its end; what the journal writes by itself then, it would write for ever. */
static uint64_t bytes_written_by_itself(void)
{
	struct journal_stats before, after;

	run_out();
	journal_stats(w->journal, &before);
	for (unsigned i = 0; i < 3000; i++) {
		finish_job(1);
		finish_job(0);
		w->now += 20;
		journal_turn(w->journal, w->now);
	}
	journal_stats(w->journal, &after);
	return after.bytes_written - before.bytes_written;
}

/* A queue that stays, retried for days: its segments of states are written again when enough of it has left, not all the time. */
static void t_states_that_count_are_not_copied_for_ever(void **state)
{
	struct journal_stats stats;
	uint64_t told = 0, before;

	(void)state;
	begin_world(7);
	for (unsigned i = 0; i < 100; i++) {
		make_message();
		run_out();
	}
	journal_stats(w->journal, &stats);
	before = stats.bytes_written;
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < w->n; i++) {
			if (w->models[i].stand != STORED)
				continue;
			ask_state(&w->models[i], round % (SLOTS - BOUNCES));
			told += 2 * SEGMENT_UNIT;
		}
		run_out();
	}
	assert_true(bytes_written_by_itself() < SEGMENT);
	journal_stats(w->journal, &stats);
	print_message("# %llu bytes told, %llu written\n", (unsigned long long)told, (unsigned long long)(stats.bytes_written - before));
	assert_true(stats.bytes_written - before < 4 * told);
	for (unsigned i = 0; i < w->n; i++)
		if (w->models[i].stand == STORED)
			ask_finish(&w->models[i]);
	assert_true(bytes_written_by_itself() < SEGMENT);
	journal_stats(w->journal, &stats);
	assert_true(stats.segments < 4);
	crash();
	recover();
	end_world();
}

static void pass_seconds(unsigned n)
{
	for (; n; n--) {
		w->now += 1000;
		for (unsigned i = 0; i < 4; i++) {
			journal_turn(w->journal, w->now);
			finish_job(1);
			finish_job(0);
		}
	}
}

/* Each try to make a file takes a number: over a weekend there are more tries than numbers. */
static void t_a_disk_that_was_full_for_long_is_used_again(void **state)
{
	(void)state;
	begin_world(11);
	w->disk.room_files = 3;
	pass_seconds(2 * SIM_FILES);
	w->disk.room_files = SIM_FILES;
	pass_seconds(10);
	assert_true(journal_available(w->journal) >= RESERVE_SEGMENTS + AHEAD_SEGMENTS);
	assert_false(w->journal->make_failed);
	end_world();
}

static void set_unreadable(bool unreadable)
{
	for (unsigned i = 0; i < SIM_FILES; i++)
		w->disk.files[i].unreadable = unreadable;
}

/* It fails, and works again: what could not be emptied gets another chance. */
static void have_trouble(void)
{
	offer(model_new());
	w->disk.fail_one_in = 1;
	pass_seconds(5);
	assert_true(w->journal->failing);
	w->disk.fail_one_in = 0;
	pass_seconds(5);
	offer(model_new());
	pass_seconds(5);
	assert_false(w->journal->failing);
}

/* Nothing is known of its messages then, which is not that there are none. */
static void t_a_segment_that_could_not_be_read_at_the_start_is_kept(void **state)
{
	(void)state;
	begin_world(13);
	for (unsigned i = 0; i < 20; i++)
		offer(model_new());
	run_out();
	forget_run();
	w->flipped = true;
	set_unreadable(true);
	read_all();
	set_unreadable(false);
	assert_true(w->flip_named);
	have_trouble();
	pass_seconds(20);
	forget_run();
	w->flipped = false;
	recover();
	end_world();
}

/* The page of a message can't be read, in a segment that has no table yet. */
static void t_a_page_that_can_not_be_read_costs_its_message_alone(void **state)
{
	struct model *m;
	uint64_t mark;
	uint32_t file;

	(void)state;
	begin_world(17);
	for (unsigned i = 0; i < 8; i++) {
		offer(model_new());
		run_out();
	}
	m = &w->models[3];
	assert_true(journal_pin(w->journal, m->place.segment, &file, &mark));
	w->flipped = true;
	w->flipped_id = m->id;
	w->disk.files[file].bad = m->place.at * SEGMENT_UNIT / SEGMENT_PAGE * SEGMENT_PAGE;
	for (unsigned again = 0; again < 2; again++) {
		forget_run();
		recover();
		assert_true(w->flip_named);
		have_trouble();
		pass_seconds(20);
	}
	w->disk.files[file].bad = 0;
	m->maybe = true;
	forget_run();
	recover();
	assert_int_equal(m->stand, STORED);
	end_world();
}

static unsigned count_used(void)
{
	return w->journal->n_used;
}

/* A reader came to the segment that is being emptied, and a slow peer keeps him there for hours: others are emptied meanwhile. */
static void t_a_reader_holds_back_his_segment_alone(void **state)
{
	uint32_t number, file;
	uint64_t mark;
	unsigned before;

	(void)state;
	begin_world(19);
	while (count_used() < 8) {
		offer(model_new());
		run_out();
	}
	for (unsigned i = 0; i < w->n; i++)
		ask_finish(&w->models[i]);
	for (unsigned i = 0; i < 1000 && !compact_is_under_way(w->journal); i++) {
		journal_turn(w->journal, w->now += 20);
		if (!finish_job(1))
			finish_job(0);
	}
	assert_true(compact_is_under_way(w->journal));
	number = w->journal->compact.victim->number;
	assert_true(journal_pin(w->journal, number, &file, &mark));
	before = count_used();
	pass_seconds(20);
	assert_true(count_used() < before - 2);
	assert_non_null(segment_find(w->journal, number));
	journal_unpin(w->journal, number);
	pass_seconds(20);
	assert_null(segment_find(w->journal, number));
	end_world();
}

static void t_the_sync_taken_out_is_caught(void **state)
{
	(void)state;
	planted(FAULT_NO_SYNC);
}

static void t_the_answer_before_the_sync_is_caught(void **state)
{
	(void)state;
	planted(FAULT_EARLY_ANSWER);
}

static void t_a_segment_reused_before_its_free_mark_is_synced_is_caught(void **state)
{
	(void)state;
	planted(FAULT_EARLY_REUSE);
}

static void t_a_done_dropped_before_the_segment_of_its_message_is_freed_is_caught(void **state)
{
	(void)state;
	planted(FAULT_DONE_DROPPED);
}

static void t_a_checksum_not_checked_is_caught(void **state)
{
	(void)state;
	planted(FAULT_NO_SUM);
}

static void t_an_annex_left_behind_is_caught(void **state)
{
	(void)state;
	planted(FAULT_ANNEX_DROPPED);
}

static int hunt(double seconds)
{
	double until = clock_seconds() + seconds;
	unsigned long n = 0, failed = 0;
	uint64_t seed = first_seed;
	char failure[256];

	for (; clock_seconds() < until; seed++) {
		for (unsigned cut = 1; cut <= CUTS; cut++, n++) {
			run_history(seed, cut, failure, sizeof(failure));
			if (!failure[0])
				continue;
			printf("t_crash --seed %llu --cut %u: %s\n", (unsigned long long)seed, cut, failure);
			fflush(stdout);
			failed++;
		}
	}
	printf("%lu histories of %llu seeds, %lu failed\n", n, (unsigned long long)(seed - first_seed), failed);
	return failed != 0;
}

static int replay(uint64_t seed, unsigned cut, unsigned fault)
{
	char failure[256];

	journal_fault = (enum journal_fault)fault;
	run_history(seed, cut, failure, sizeof(failure));
	printf("seed %llu cut %u: %s\n", (unsigned long long)seed, cut, failure[0] ? failure : "held");
	return failure[0] != 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_no_cut_loses_or_doubles_what_was_acknowledged),
		cmocka_unit_test(t_states_that_count_are_not_copied_for_ever),
		cmocka_unit_test(t_a_disk_that_was_full_for_long_is_used_again),
		cmocka_unit_test(t_a_segment_that_could_not_be_read_at_the_start_is_kept),
		cmocka_unit_test(t_a_page_that_can_not_be_read_costs_its_message_alone),
		cmocka_unit_test(t_a_reader_holds_back_his_segment_alone),
		cmocka_unit_test(t_the_sync_taken_out_is_caught),
		cmocka_unit_test(t_the_answer_before_the_sync_is_caught),
		cmocka_unit_test(t_a_segment_reused_before_its_free_mark_is_synced_is_caught),
		cmocka_unit_test(t_a_done_dropped_before_the_segment_of_its_message_is_freed_is_caught),
		cmocka_unit_test(t_a_checksum_not_checked_is_caught),
		cmocka_unit_test(t_an_annex_left_behind_is_caught),
	};
	uint64_t seed = 0;
	unsigned cut = 1, fault = 0;
	double seconds = 0;

	for (int i = 1; i + 1 < argc; i += 2) {
		unsigned long long n = strtoull(argv[i + 1], NULL, 10);

		if (!strcmp(argv[i], "--seed"))
			seed = n;
		else if (!strcmp(argv[i], "--cut"))
			cut = (unsigned)n;
		else if (!strcmp(argv[i], "--fault"))
			fault = (unsigned)n;
		else if (!strcmp(argv[i], "--seconds"))
			seconds = (double)n;
		else if (!strcmp(argv[i], "--from"))
			first_seed = n;
	}
	if (seconds > 0)
		return hunt(seconds);
	if (seed)
		return replay(seed, cut, fault);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
