/* What tls_conn.c needs of a tls_server. */
#ifndef LOOP_TLS_SERVER_H
#define LOOP_TLS_SERVER_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "loop/tls.h"

struct tls_server *tls_server_ref(struct tls_server *t);	/* given back by tls_server_free */
SSL_CTX *tls_server_default(struct tls_server *t);
bool tls_server_has_tickets(const struct tls_server *t);

#endif
