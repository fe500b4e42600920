/* The program `spool`: what its files share. Each does one kind of work on the
 * same books:
 *
 *   intake       smtpd's words become a MESSAGE
 *   whereabouts  smtpd withdraws one, or asks after a crash whether it is here
 *   expand       auth says where it goes (expansion, targets); journalled as the first STATE
 *   routes       where a way leads, by the configuration or dns
 *   sign         who has the keys signs it, before it leaves by SMTP
 *   jobs         workers get it (handover) and say what came of it (outcomes)
 *   settle       outcomes become bounces, and the end of a message
 *   control      what the command line asks (view) and does (acts)
 *   notes        what must be written until it is written
 *   owner        what the journal asks and tells
 *   trouble      what is told of a disk that is full or fails
 *   spool_io     start, channels, settings, time */
#ifndef SPOOL_SPOOL_H
#define SPOOL_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "loop/channel.h"
#include "loop/process.h"
#include "spool/disk_io.h"
#include "spool/journal.h"
#include "spool/state.h"
#include "wire/event.h"
#include "wire/settings.h"

struct intake;
struct whereabouts;
struct expander;
struct routes;
struct jobs;
struct signatures;
struct signings;
struct control;
struct storm;

struct spool {
	struct process *process;
	struct loop *loop;
	struct disk *disk;		/* NULL before `begin` */
	struct journal *journal;
	struct books books;
	const struct settings *settings;
	struct intake *intake;
	struct whereabouts *whereabouts;
	struct expander *expander;
	struct routes *routes;
	struct jobs *jobs;
	struct signings *signings;
	struct signatures *signatures;
	struct control *control;
	struct storm *storm;
	struct list free_notes;
	uint32_t n_free_notes;
	struct list tellings;	/* bounces that are made */
	struct list expanded;	/* notes that hold an expansion and are not written yet */
	struct list failed;	/* notes that could not be written: once more, in a while */
	struct deadline repeat;
	struct buf whole;		/* for compaction */
	char brief[BRIEF_SIZE];
	bool recovered;			/* all that was queued is known */
	struct trouble {
		struct spool *spool;
		struct deadline calm;
		bool told_full, told_lost;
	} trouble;
	bool full, low, failing;	/* the journal has no room; the disk has little; the disk fails */
	bool ending;
};

struct instant spool_now(const struct spool *sp);
bool spool_takes_mail(const struct spool *sp);
/* Why nothing leaves by this way, which is closed. */
struct span spool_no_way(uint32_t way);

/* An event of that reason and nothing else; id may be NULL. */
void spool_event(struct spool *sp, enum event_code code, const struct msg_id *id, const char *reason);
/* A recipient fails for a reason of ours, without an attempt. */
void spool_event_failed(struct spool *sp, const struct mail *m, const struct state_row *row, struct span to);

/* ---- notes.c ------------------------------------------------------------------ */
/* Something to be written, and what is to be done then. A write that fails is repeated until it is done: a STATE as the
 * whole present state, for later ones may have been written meanwhile. Lives until `done` returns. */
struct note {
	struct journal_request request;
	struct spool *spool;
	struct list list;
	struct msg_id id;
	struct place place;		/* of the message, when it ends */
	struct buf bytes;
	void (*done)(struct note *);	/* it is on the disk; may be NULL */
	void *arg;
	uint32_t number;		/* the maker's */
	bool ends, erases, expands;	/* a DONE; what it was is overwritten then; the bytes are an expansion not yet in the books */
	bool is_annex;
};
void notes_init(struct spool *sp);
struct note *note_new(struct spool *sp, const struct msg_id *id);
void note_drop(struct note *n);		/* one that was never handed on */
/* Journals note->bytes as a STATE of m. */
void note_state(struct note *n, const struct mail *m, bool sync);
void note_annex(struct note *n);	/* … as its annex */
/* Journals the end of m, which leaves the books after that. */
void note_finish(struct note *n, const struct mail *m);
/* Rows that lead to where m stands from anywhere. */
void spool_whole_state(struct spool *sp, struct mail *m, struct buf *out);

/* ---- owner.c ------------------------------------------------------------------- */
extern const struct journal_owner spool_as_owner;

/* ---- trouble.c: these set spool->full and so on ------------------------------- */
void trouble_init(struct trouble *t, struct spool *sp);
void trouble_full(struct trouble *t, bool full);
void trouble_low(struct trouble *t, bool low);
void trouble_failing(struct trouble *t, const char *why);	/* NULL: it does not any more */

/* ---- intake.c: smtpd ------------------------------------------------------- */
struct intake *intake_new(struct spool *sp);
void intake_free(struct intake **in);
void intake_on_verb(struct intake *in, struct channel *ch, enum wire_verb verb, const union wire_msg *msg);
void intake_on_gone(struct intake *in, struct channel *ch);
bool intake_withdraw(struct intake *in, const struct msg_id *id);	/* false: it is not on its way */
size_t intake_memory(const struct intake *in);

/* ---- whereabouts.c: smtpd, after a crash ------------------------------------- */
struct whereabouts *whereabouts_new(struct spool *sp);
void whereabouts_free(struct whereabouts **w);
void whereabouts_on_verb(struct whereabouts *w, struct channel *ch, enum wire_verb verb, const union wire_msg *msg);
void whereabouts_on_gone(struct whereabouts *w, struct channel *ch);
void whereabouts_recovered(struct whereabouts *w);	/* answers what waited for it */
void whereabouts_stored(struct whereabouts *w, const struct msg_id *id, struct span client);	/* smtpd may yet ask for it */
void whereabouts_finished(struct whereabouts *w, const struct mail *m);	/* … now that it left */

/* ---- expand.c: auth --------------------------------------------------------- */
struct expander *expander_new(struct spool *sp);
void expander_free(struct expander **x);
void expander_follow(struct expander *x);	/* the settings changed: which domains are ours */
void expander_wired(struct expander *x, struct channel *auth);
void expander_on_verb(struct expander *x, enum wire_verb verb, const union wire_msg *msg);
void expander_on_gone(struct expander *x, struct channel *auth);
/* The message is UNEXPANDED and not held. envelope: its bytes where they are at hand, else empty: they are read. */
void expander_take(struct expander *x, struct mail *m, struct span envelope);
uint32_t expander_count(const struct expander *x);

/* ---- expansion.c: of one message ----------------------------------------------- */
/* Where all its recipients are in foreign domains, and so lead to themselves: the rows of a first STATE, with which the message can
 * be written. False: auth must be asked, or they are so many that recovery had better read them apart from the message. */
bool expansion_foreign(struct expander *x, const struct msg_id *id, const struct envelope *env, struct buf *rows);
/* The rows with which it was written are true: it waits for its delivery. */
void expansion_written(struct spool *sp, struct mail *m, struct span rows);

/* ---- routes.c: dns ------------------------------------------------------------ */
#define ROUTE_HOLDS SPAN("held by its route in the configuration")
struct routes *routes_new(struct spool *sp);
void routes_wired(struct routes *r, struct channel *dns);
void routes_on_verb(struct routes *r, enum wire_verb verb, const union wire_msg *msg);
void routes_on_gone(struct routes *r, struct channel *dns);
bool routes_follow(struct routes *r);	/* the settings changed: true when mail that waited for a section looks again, or must wait */
/* An event: its site is left alone until a time. */
void route_postponed(struct spool *sp, uint32_t way);
void routes_explain(struct routes *r, struct channel *ctl, const struct wire_way_ask *m);
bool routes_pump(struct routes *r);	/* decides what must be decided; true when there is more to do */

/* ---- jobs.c: workers ---------------------------------------------------------- */
struct jobs *jobs_new(struct spool *sp);
void jobs_free(struct jobs **j);
void jobs_wired(struct jobs *j, struct channel *worker, uint32_t generation);
void jobs_on_verb(struct jobs *j, struct channel *ch, enum wire_verb verb, const union wire_msg *msg);
void jobs_on_gone(struct jobs *j, struct channel *ch);
void jobs_pump(struct jobs *j);			/* starts what may start */
bool jobs_all_told(const struct jobs *j);	/* no worker may still hold what an earlier run gave it */
void jobs_recovered(struct jobs *j);		/* the books know all: what workers told is entered */
void jobs_cancel(struct jobs *j, const struct mail *m);
uint32_t jobs_count(const struct jobs *j);

/* ---- sign.c: who signs ---------------------------------------------------------- */
struct signings *signings_new(struct spool *sp);
void signings_wired(struct signings *r, struct channel *sign, uint32_t generation);
void signings_on_verb(struct signings *r, enum wire_verb verb, const union wire_msg *msg);
void signings_on_gone(struct signings *r, struct channel *sign);
void signings_pump(struct signings *r);		/* asks for those that wait */

/* ---- settle.c ------------------------------------------------------------------- */
/* After anything that may have ended something: tells the sender what he must know, and finishes the message; m may be gone then. */
void settle(struct spool *sp, struct mail *m);
/* What a bounce under way will have said: perhaps it is on the disk already. */
void settle_add_under_way(struct spool *sp, const struct msg_id *id, struct buf *out);
void settle_expired(struct spool *sp, struct mail *m);	/* expiry.c: its RCPT_EXPIRED become FAILED */
void settle_notice(struct spool *sp, struct mail *m);	/* it takes longer */
/* Out of the books, and out of the journal; `done` of the note is called when that is on the disk. */
void mail_finish(struct spool *sp, struct mail *m, struct note *n);
/* Held with a reason, and journalled. */
void mail_set_aside(struct spool *sp, struct mail *m, struct span why);
void mail_start(struct spool *sp, struct mail *m);	/* to auth or into the schedule, whichever is next */

/* ---- control.c: the command line --------------------------------------------------- */
struct control *control_new(struct spool *sp);
void control_free(struct control **c);
void control_on_verb(struct control *c, struct channel *ch, enum wire_verb verb, const union wire_msg *msg);
void control_on_gone(struct control *c, struct channel *ch);
bool control_step(struct control *c);	/* a slice of work; true when there is more */

#endif
