/* A session among strangers, for fuzz targets: bytes in pieces, answers as they come. */
#ifndef TESTS_FUZZ_SESSION_PLAYER_H
#define TESTS_FUZZ_SESSION_PLAYER_H

#include "base/buf.h"
#include "smtpd/session.h"

struct played {
	struct buf replies, bodies;	/* all that it said; all that was committed, each behind its size */
	bool closed;
};

/* Answers that take no word from the input: the same for each way of cutting it. */
struct player_rules {
	bool by_data;		/* answers, windows and troubles are chosen by the input */
	size_t piece;		/* bytes a read; 0: all at once */
	bool normalise, checks;
};

void session_play(struct span in, const struct player_rules *rules, struct played *out);
void played_fini(struct played *p);

#endif
