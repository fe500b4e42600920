/* What tls_conn.c needs of tls.c and tls_client.c. */
#ifndef LOOP_TLS_SERVER_H
#define LOOP_TLS_SERVER_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "loop/tls.h"
#include "loop/tls_client.h"

struct tls_server *tls_server_ref(struct tls_server *t);	/* given back by tls_server_free */
SSL_CTX *tls_server_default(struct tls_server *t);
bool tls_server_has_tickets(const struct tls_server *t);

/* A session that is about to begin; host: for SNI, and where it is verified the name that the certificate must have. */
SSL *tls_client_session(struct tls_client *t, const char *host, bool is_verified);
/* It is over: one whose handshake came to no end is not resumed again. */
void tls_client_session_end(SSL *ssl);

#endif
