/* Signatures: a core. Questions go in as verbs, answers come out; the header of
 * a message is taken in as it comes and only what is signed of it is kept. */
#ifndef DELIVERY_SIGN_H
#define DELIVERY_SIGN_H

#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "delivery/keyring.h"
#include "wire/event.h"
#include "wire/verbs.h"

struct signer_handlers {
	void (*say)(void *owner, enum wire_verb verb, const void *msg);	/* to spool */
	void (*tell)(void *owner, const struct event *ev);
};

struct signer {
	const struct signer_handlers *on;
	void *owner;
	struct keyring *ring;	/* the owner's; not NULL while verbs come */
	bool is_waiting;	/* it is not known yet who signs: answers wait for signer_go_on */
	struct list asks;	/* the header comes */
	struct list ended;	/* the answer waits */
	uint64_t n_signed;
};

void signer_init(struct signer *s, const struct signer_handlers *on, void *owner);
/* sign_ask, sign_part, sign_end. PR_BAD: they make no sense; who said it is not to be trusted. */
enum pr_err signer_hear(struct signer *s, struct instant now, enum wire_verb verb, const union wire_msg *msg) MUST_USE;
/* It is known now. */
void signer_go_on(struct signer *s, struct instant now);
/* Spool is gone: nobody waits for answers. */
void signer_forget(struct signer *s);
bool signer_is_idle(const struct signer *s);

#endif
