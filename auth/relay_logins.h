/* Our logins at smarthosts: what the files hold that routes name as
 * login_file. Pure: a file comes as its text. */
#ifndef AUTH_RELAY_LOGINS_H
#define AUTH_RELAY_LOGINS_H

#include "base/buf.h"
#include "base/list.h"
#include "base/span.h"

#define RELAY_LOGIN_FILE_MAX 4096	/* bytes of such a file */

struct relay_login {
	struct list list;
	char *file, *user, *password;
};

struct relay_logins {
	struct list all, coming;
};

void relay_logins_init(struct relay_logins *l);
void relay_logins_fini(struct relay_logins *l);	/* wipes them */

/* A file's text: `user:password` on its first line that is neither empty nor begins with #. It counts from the next
 * relay_logins_take on, with which all go that were not added anew. What is wrong with it is added to problems. */
void relay_logins_add(struct relay_logins *l, struct span file, struct span text, struct buf *problems);
void relay_logins_take(struct relay_logins *l);
const struct relay_login *relay_logins_find(const struct relay_logins *l, struct span file);	/* NULL: there is none */

#endif
