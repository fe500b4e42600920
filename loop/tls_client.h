/* TLS as its client: with whoever answers, or only with who proves a name.
 * What a server gave for it resumes its session the next time (an hour long). */
#ifndef LOOP_TLS_CLIENT_H
#define LOOP_TLS_CLIENT_H

struct tls_client;

/* Reads the certificates of the authorities that this machine trusts, or those that SSL_CERT_FILE names: so before the sandbox. */
struct tls_client *tls_client_new(void);
void tls_client_free(struct tls_client **t);	/* streams that use it keep what they need */

#endif
