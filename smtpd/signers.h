/* The domains whose authors' mail is signed, as far as there are keys: only
 * that mail is hashed, and only of that mail who has the keys is asked. */
#ifndef SMTPD_SIGNERS_H
#define SMTPD_SIGNERS_H

#include <stdbool.h>

#include "base/map.h"
#include "base/span.h"
#include "wire/settings.h"

struct signer;

struct signers {
	struct map map;
	struct signer *at;
	unsigned n;
	bool known;	/* which of them have keys; before that all might */
};

void signers_init(struct signers *s, const struct settings *settings);	/* the settings live longer */
void signers_fini(struct signers *s);

/* There are keys of this domain; then, when all were told: the others have none. */
void signers_told(struct signers *s, struct span domain);
void signers_all_told(struct signers *s);

/* Is mail of this author's domain to be signed? Of one without a key the first mail is: who has the keys says then that it has none. */
bool signers_sign(struct signers *s, struct span domain);

#endif
