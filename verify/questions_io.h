/* The questions of all checks at dns: in turn (verify/turns.h), answered into the facts of their check, asked again where dns died, and
 * taken back where nobody waits for them any more. */
#ifndef VERIFY_QUESTIONS_IO_H
#define VERIFY_QUESTIONS_IO_H

#include <stdint.h>

#include "base/list.h"
#include "loop/channel.h"
#include "loop/loop.h"
#include "verify/facts.h"
#include "verify/turns.h"
#include "wire/pending.h"

struct questions {
	struct loop *loop;
	struct channel *dns;	/* NULL: it is gone, or not there yet */
	struct pending at_dns;	/* struct question */
	struct list asked;	/* the same, the oldest first */
	struct turns turns;
	struct deadline room_due;	/* when the oldest has waited long enough to make room */
};

/* Those of one check; belongs to it. */
struct inquiry {
	struct questions *questions;
	struct facts *facts;
	void (*on_answer)(struct inquiry *i);	/* may end it */
	struct list unasked, asked;	/* struct question: for want of dns, or of a turn; at dns */
	struct turn turn;
};

void questions_init(struct questions *q, struct loop *loop);
/* Every inquiry has ended. */
void questions_fini(struct questions *q);
/* The channel to dns, in place of the one before. Takes fd. */
void questions_open_take(struct questions *q, uint16_t instance, int fd);

void inquiry_init(struct inquiry *i, struct questions *q, void (*on_answer)(struct inquiry *i));
/* Asks all that facts want to know now. */
void inquiry_ask(struct inquiry *i, struct facts *facts);
/* Its places are others', here and there: whoever comes and goes must not leave questions behind. */
void inquiry_end(struct inquiry *i);

#endif
