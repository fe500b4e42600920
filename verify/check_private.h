/* What the files of a check share. */
#ifndef VERIFY_CHECK_PRIVATE_H
#define VERIFY_CHECK_PRIVATE_H

#include "base/arena.h"
#include "verify/arc.h"
#include "verify/check.h"
#include "verify/client.h"
#include "verify/dkim.h"
#include "verify/dmarc.h"
#include "verify/fields.h"
#include "verify/iprev.h"
#include "verify/spf.h"
#include "verify/verdict.h"

/* Each is a function of the facts, run again as long as some are missing. */
enum part { PART_IPREV, PART_SPF, PART_HELO, PART_DKIM, PART_ARC, PART_DMARC, N_PARTS };

struct check {
	const struct check_house *house;
	struct arena arena;
	struct check_ask ask;
	struct client client;
	char client_text[CLIENT_TEXT_MAX];
	int64_t now_s, due;
	struct facts *facts;
	struct fields header;
	bool header_is_read, has_ended;
	bool is_done[N_PARTS];		/* or not wanted */
	struct buf tale[N_PARTS];
	struct iprev_told iprev;
	struct spf_told spf, helo;	/* of the sender; of the name in HELO */
	struct dkim_check *dkim;
	struct arc_check *arc;
	struct dmarc_told dmarc;
	struct verdict verdict;
	const char *excepted_by;	/* the pattern of the `sender` section that changed the verdict; NULL: none */
	struct buf fields, words;	/* words: of the whole tale */
	struct check_told told;
};

/* DKIM, and what else needs the message itself, is wanted. */
static inline bool check_wants_message(const struct check *c)
{
	return c->ask.dkim != CHECKS_OFF || c->ask.dmarc != CHECKS_OFF;
}

static inline bool check_wants_spf(const struct check *c)
{
	return c->ask.client.len > 0 && (c->ask.spf != CHECKS_OFF || c->ask.dmarc != CHECKS_OFF);
}

/* check_tell.c: appends what is put in front of the message to c->fields. */
void check_write_fields(struct check *c);

#endif
