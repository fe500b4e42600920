/* How much a stranger may cost: connections open at once, and rates of
 * messages, recipients, failed logins and deaths of verify, for an address, a network (/24 or
 * /56), a login and a listener. Exact over all workers (tally.h). Failed logins and deaths, which no
 * honest host has many of, count for the /64 of an IPv6 address: whoever has one has all of it. */
#ifndef SMTPD_LIMITS_H
#define SMTPD_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "smtpd/client.h"
#include "smtpd/tally.h"
#include "wire/settings.h"

enum limits_scope { LIMITS_FREE, LIMITS_ADDRESS, LIMITS_NETWORK, LIMITS_LISTENER, LIMITS_USER };
const char *limits_scope_text(enum limits_scope scope);	/* "address" */

struct limits_place {		/* where a session counts */
	struct tally_key address, host, network, listener, user;	/* host: the address, or of IPv6 its /64 */
	bool has_user;
};

struct limits_place limits_place(const struct tally *t, unsigned listener, const struct client *c);

/* Who logged in; he counts over all listeners. ASCII case does not count. */
void limits_place_user(struct limits_place *p, const struct tally *t, struct span login);

/* Counts one more connection, or says which limit is reached and counts nothing. exempt: only the listener's total binds it. */
enum limits_scope limits_connect(struct tally *t, const struct limits_place *p, const struct set_listen *l, bool exempt);
void limits_disconnect(struct tally *t, const struct limits_place *p);

/* Takes a token of each bucket that is set, or none and says whose is empty. */
enum limits_scope limits_mail(struct tally *t, const struct limits_place *p, const struct set_listen *l, int64_t mono_ms);
enum limits_scope limits_recipient(struct tally *t, const struct limits_place *p, const struct set_listen *l, int64_t mono_ms);

/* May it try to log in? Only failures take tokens, so that who knows the password is not held up by it. */
enum limits_scope limits_login(const struct tally *t, const struct limits_place *p, const struct set_listen *l, int64_t mono_ms);
void limits_login_failed(struct tally *t, const struct limits_place *p, const struct set_listen *l, int64_t mono_ms);

/* May it have another message checked? Those over which verify died take tokens. */
enum limits_scope limits_check(const struct tally *t, const struct limits_place *p, const struct set_listen *l, int64_t mono_ms);
void limits_check_died(struct tally *t, const struct limits_place *p, const struct set_listen *l, int64_t mono_ms);

#endif
