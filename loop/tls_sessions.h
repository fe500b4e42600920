/* TLS sessions that a client may resume, by the name of the server: the latest
 * of each, of as many servers as there is room for; who was spoken to longest
 * ago goes first. */
#ifndef LOOP_TLS_SESSIONS_H
#define LOOP_TLS_SESSIONS_H

#include <openssl/ssl.h>

#include "base/list.h"
#include "base/map.h"

#define TLS_SESSIONS_MAX 500		/* each some 4 to 8 KB: it holds the server's certificates */
#define TLS_SESSION_LIFE HOURS(1)	/* for so long nobody looks whether a certificate still counts */

struct tls_sessions {
	struct map by_name;
	struct list by_age;	/* the one used last first */
};

void tls_sessions_init(struct tls_sessions *s);
void tls_sessions_fini(struct tls_sessions *s);
void tls_sessions_put_take(struct tls_sessions *s, const char *name, SSL_SESSION *session);
SSL_SESSION *tls_sessions_find(struct tls_sessions *s, const char *name);	/* borrowed; NULL: none that counts */
void tls_sessions_forget(struct tls_sessions *s, const char *name);

#endif
