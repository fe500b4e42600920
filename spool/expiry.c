/* Recipients for whom it was tried long enough: they fail, and an event says
 * so with their addresses, which lie on the disk. */
#include "base/mem.h"
#include "spool/spool.h"
#include "wire/event.h"

/* ---- what is told --------------------------------------------------------------- */

struct expired {
	uint32_t n, origin;
	size_t address_len;	/* of its own one; 0: it is that of the envelope's recipient `origin` */
};

/* Expired recipients of one message, until its envelope is read. */
struct obituary {
	struct spool *spool;
	struct msg_id id;
	int64_t age_ms;
	struct buf who;			/* struct expired, one a row */
	struct buf addresses, rows;	/* their own ones, one behind the other; their outcomes */
};

static void obituary_free(struct obituary *o)
{
	buf_fini(&o->who);
	buf_fini(&o->addresses);
	buf_fini(&o->rows);
	mem_free(o);
}

static struct obituary *obituary_new(struct spool *sp, const struct mail *m)
{
	struct obituary *o = mem_new(sizeof(*o));

	o->spool = sp;
	o->id = m->id;
	o->age_ms = spool_now(sp).mono_ms - m->born_mono;
	buf_init(&o->who, (size_t)m->n_rcpts * sizeof(struct expired));
	buf_init(&o->addresses, ENVELOPE_MAX_BYTES);
	buf_init(&o->rows, STATE_MAX_BYTES);
	return o;
}

static void obituary_add(struct obituary *o, const struct rcpt *r, const struct state_row *row)
{
	struct rcpt_names names = rcpt_names(&o->spool->books, r);
	struct expired e = { row->n, names.origin, names.address.len };

	(void)buf_add(&o->who, span_of((const char *)&e, sizeof(e)));
	(void)buf_add(&o->addresses, names.address);
	(void)state_add(&o->rows, row);
}

static void event_expired(const struct obituary *o, const struct state_row *row, struct span address)
{
	struct spool *sp = o->spool;
	struct event ev;

	event_begin(&ev, EV_QUEUE_EXPIRED, spool_now(sp).wall_ms, &o->id);
	event_text(&ev, EF_TO, address);
	event_num(&ev, EF_RCPT, row->n);
	event_num(&ev, EF_ATTEMPT, row->tries);
	event_num(&ev, EF_MS, o->age_ms);
	event_text(&ev, EF_DSN, row->enhanced);
	event_text(&ev, EF_HOST, row->host);
	event_text(&ev, EF_REPLY, row->words);
	process_event(sp->process, &ev);
}

static void on_envelope(void *owner, struct disk_reader *r, enum pr_err err, struct span bytes, uint64_t size)
{
	struct obituary *o = owner;
	struct span who = buf_span(&o->who), addresses = buf_span(&o->addresses), rows = buf_span(&o->rows);
	struct envelope env = { .n_rcpts = 0 };
	struct state_row row;
	struct expired e;

	(void)size;
	process_note(o->spool->process, &o->id);
	if (err != PR_OK || envelope_decode(bytes, &env) != PR_OK)
		env = (struct envelope){ .n_rcpts = 0 };	/* it is told without its address */
	process_note(o->spool->process, NULL);
	for (; who.len > 0 && state_next(&rows, &row) == PR_OK; who = span_from(who, sizeof(e))) {
		memcpy(&e, who.at, sizeof(e));
		event_expired(o, &row, e.address_len > 0 ? span_first(addresses, e.address_len) : envelope_address(&env, e.origin));
		addresses = span_from(addresses, e.address_len);
	}
	disk_reader_close(&r);
	obituary_free(o);
}

/* The message may be gone before it is read: its record stays while somebody reads. */
static void obituary_tell(struct obituary *o, const struct mail *m)
{
	static const struct disk_reader_handlers handlers = { on_envelope, NULL, NULL };
	struct disk_reader *r = disk_read(o->spool->disk, &m->id, m->place, &handlers, o);

	(void)r;	/* on_envelope closes it */
}

/* ---- the end ----------------------------------------------------------------------- */

/* A server's words stay its own; where there was none, ours say that it was tried, or only waited. */
static void expiry_words(const struct saying *last, bool tried, struct span no_way, struct buf *out)
{
	if (saying_is_a_reply(last)) {
		(void)buf_add(out, last->enhanced);
		(void)buf_add_text(out, last->enhanced.len > 0 ? " " : "");
	} else {
		(void)buf_add_text(out, tried ? "It was tried as long as it may be; last: " : "It waited as long as it may: ");
	}
	(void)buf_add(out, span_first(tried ? last->words : no_way, 400));
}

/* RFC 3463: 4.7 is of the time it took, 3.5 of a server that is not set up right, which is this one. */
static void expire_one(struct spool *sp, struct mail *m, uint32_t n, struct buf *rows, struct obituary *o)
{
	struct rcpt *r = mail_rcpt(m, n);
	bool tried = schedule_way_state(sp->books.schedule, r->way) != WAY_CLOSED;
	struct saying last = rcpt_last_said(&sp->books, r);
	bool is_ours = !tried || (!saying_is_a_reply(&last) && span_eq(last.enhanced, SPAN("4.3.5")));
	struct buf text;
	struct state_row row;

	if (!tried)
		last.host = SPAN_NONE;
	buf_init(&text, WORDS_TEXT_MAX);
	expiry_words(&last, tried, spool_no_way(r->way), &text);
	rcpt_settle(&sp->books, m, n, FATE_FAILED, &(struct saying){ saying_is_a_reply(&last) ? last.code : 0, is_ours ? SPAN("5.3.5") : SPAN("5.4.7"),
	    buf_span(&text), last.host });
	row = rcpt_outcome_row(&sp->books, m, n, spool_now(sp));
	(void)state_add(rows, &row);
	obituary_add(o, r, &row);
	buf_fini(&text);
}

void settle_expired(struct spool *sp, struct mail *m)
{
	struct obituary *o = obituary_new(sp, m);
	struct note *n = note_new(sp, &m->id);

	for (uint32_t i = 0; i < m->n_rcpts; i++)
		if (mail_rcpt(m, i)->state == RCPT_EXPIRED)
			expire_one(sp, m, i, &n->bytes, o);
	note_state(n, m, false);
	obituary_tell(o, m);
}
