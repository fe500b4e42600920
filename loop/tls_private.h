/* A TLS session over bytes: no socket, no clock. Cipher bytes are lent to it,
 * what it wants to say is appended to a buffer. */
#ifndef LOOP_TLS_PRIVATE_H
#define LOOP_TLS_PRIVATE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"
#include "loop/stream.h"
#include "loop/tls.h"
#include "loop/tls_client.h"

struct tls_conn;

struct tls_conn *tls_conn_new(struct tls_server *server);
struct tls_conn *tls_conn_new_client(struct tls_client *client, const char *host, bool is_verified);
void tls_conn_free(struct tls_conn **conn);

/* Where it reads and writes during the next calls; `in` is eaten as it goes. */
void tls_conn_lend(struct tls_conn *conn, struct span *in, struct buf *out);

enum tls_step { TLS_DONE, TLS_WANTS_MORE, TLS_ENDED, TLS_FAILED };

enum tls_step tls_conn_handshake(struct tls_conn *conn, const char **why);
bool tls_conn_is_up(const struct tls_conn *conn);
/* TLS_DONE: *n bytes of plain text. TLS_ENDED: close_notify came. */
enum tls_step tls_conn_read(struct tls_conn *conn, char *at, size_t room, size_t *n);
enum tls_step tls_conn_write(struct tls_conn *conn, struct span bytes);
void tls_conn_say_end(struct tls_conn *conn);	/* close_notify */

void tls_conn_facts(const struct tls_conn *conn, struct stream_tls *out);
void tls_conn_binding(const struct tls_conn *conn, struct stream_binding *out);

#endif
