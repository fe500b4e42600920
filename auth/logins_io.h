/* Logins under way, and what is asked of logins later. */
#ifndef AUTH_LOGINS_IO_H
#define AUTH_LOGINS_IO_H

#include "auth/directory.h"
#include "loop/channel.h"

struct logins;
struct logins *logins_new(struct loop *loop, struct directory *directory);
void logins_free(struct logins **l);
unsigned logins_checking(const struct logins *l);	/* passwords in the queue */
void logins_set(struct logins *l, const struct settings *s);
void logins_salt_key(struct logins *l, struct span key);	/* for the salts of users that do not exist; before, they are random */

/* One for each smtpd: its logins end with it. */
struct desk;
struct desk *desk_new(struct logins *l, struct channel *ch);
void desk_free(struct desk **d);
/* login_ask, login_step, login_cancel, sender_ask; others it leaves alone. */
void desk_verb(struct desk *d, enum wire_verb verb, const union wire_msg *msg);

#endif
