/* What jobs.c, handover.c and outcomes.c share; nobody else includes it. */
#ifndef SPOOL_JOBS_PRIVATE_H
#define SPOOL_JOBS_PRIVATE_H

#include "base/map.h"
#include "spool/spool.h"
#include "wire/pending.h"

#define BODIES_MAX (64u << 20)	/* bytes of bodies on their way to workers, of all jobs */
#define DOUBTFUL_MAX (BODIES_MAX / 4)	/* … that may be lost to servers that hang */
#define DELIVERED_TO_MAX 512	/* such a field */
#define ROWS_MAX   STATE_MAX_BYTES

struct worker {
	struct list list;
	struct jobs *owner;
	struct channel *channel;
	struct pending pending;
	struct list jobs;
	struct map adopted;	/* jobs of an earlier run of ours, by message and number */
	enum wire_role role;
	uint32_t generation;
	bool told, replaced;	/* replaced: the same instance lives again, and this one is about to end */
};

struct job {
	struct list list;	/* of its worker */
	struct map_node node;	/* adopted */
	struct adopted_key {
		struct msg_id id;
		uint32_t ask;
	} key;
	struct map_node by_id;	/* the first of its message */
	struct job *next;	/* of the same message */
	struct list signing;	/* while it waits for its message's signature */
	struct jobs *owner;
	struct worker *worker;	/* NULL: it is dead */
	struct msg_id id;
	uint32_t ask;
	struct flight flight;
	enum site_kind kind;
	uint32_t way, n_rcpts;
	uint32_t *rcpts, one;	/* one: in place of rcpts for one */
	struct buf rows;	/* outcomes to be journalled */
	struct buf addresses;	/* of its recipients, for events, a NUL behind each */
	struct buf fields;	/* put in front: its message's signature, by SMTP alone (others take it as it came), Delivered-To */
	struct disk_reader *reader;
	struct span piece;	/* what of it is not sent yet */
	uint64_t size;
	int64_t started;
	uint32_t window, cost;
	unsigned n_lent;	/* parts of the piece that the channel still sends from */
	enum site_word word;
	uint32_t said;		/* of a TROUBLE; in the books */
	bool adopted, reading, sent_begin, cancelled, over, asked;	/* asked: the disk, for the signature or the envelope */
	bool is_signed;		/* or leaves as it is */
};

struct jobs {
	struct spool *spool;
	struct list workers, free;
	struct list early;	/* adopted and done before the books were whole */
	struct map by_id;
	struct envelope_rcpt *originals;
	uint32_t n_originals;
	uint32_t n;
	size_t bodies, doubtful_bodies;	/* the second: to sites that may not even speak */
	struct start start;
};

/* jobs.c */
struct worker *worker_of(struct jobs *j, const struct channel *ch);
struct job *job_new(struct worker *w, const struct msg_id *id);
void job_free(struct job *job);
void job_cancel(struct job *job);
const uint32_t *job_rcpts(const struct job *job);	/* job->n_rcpts of them */
struct mail *job_mail(const struct job *job);	/* NULL: it is not in the books any more */

/* handover.c */
void job_hand_over(struct job *job, struct mail *m);
void job_send(struct job *job);		/* what the window allows */

/* sign.c */
/* True: it waits, and job_hand_over is called again when its message is signed, or can't be; or it is put off. */
bool job_must_be_signed(struct job *job, const struct envelope *env);

/* outcomes.c */
void job_undo(struct job *job, struct mail *m);	/* it never left: its recipients are as they were */
void job_put_off(struct job *job, struct mail *m, struct span why);	/* an attempt that was made, and in vain */
void job_finish(struct job *job);		/* all that will be said of it was said */
void job_finish_adopted(struct job *job);
void outcomes_on_verb(struct jobs *j, struct worker *w, enum wire_verb verb, const union wire_msg *msg);

#endif
