#include "loop/tls_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "loop/tls_server.h"
#include "loop/tls_sessions.h"

/* Where nobody's name is checked a weak certificate does no harm that plain text would not do. */
#define LEVEL_WITH_ANYBODY 1
#define LEVEL_VERIFIED     2

/* Sessions with anybody are not resumed as verified ones: the name was not looked at. */
struct side {
	SSL_CTX *ctx;
	struct tls_sessions sessions;
};

struct tls_client {
	struct side anybody, verified;
};

/* ---- sessions that are resumed ------------------------------------------------------ */

/* Of an SSL: the name by which its sessions are kept. */
static void free_name(void *parent, void *name, CRYPTO_EX_DATA *data, int index, long number, void *arg)
{
	(void)parent, (void)data, (void)index, (void)number, (void)arg;
	mem_free(name);
}

static int name_index(void)
{
	static int index = -1;

	if (index < 0)
		index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_name);
	BUG_ON(index < 0);
	return index;
}

static struct tls_sessions *sessions_of(const SSL *ssl)
{
	return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));	/* NULL when the client is gone */
}

/* A connection that ends without a farewell spoils the session it has (a rule of TLS 1.0): so it gets one of its own. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_sessions *sessions = sessions_of(ssl);
	SSL_SESSION *ours = sessions ? SSL_SESSION_dup(session) : NULL;

	if (ours)
		tls_sessions_put_take(sessions, SSL_get_ex_data(ssl, name_index()), ours);
	return 0;
}

static void resume(SSL *ssl, const char *host)
{
	size_t len = strlen(host) + 1;
	char *name = mem_new(len);
	SSL_SESSION *kept = tls_sessions_find(sessions_of(ssl), host), *session = kept ? SSL_SESSION_dup(kept) : NULL;

	memcpy(name, host, len);
	BUG_ON(!SSL_set_ex_data(ssl, name_index(), name));
	if (session)
		(void)SSL_set_session(ssl, session);
	SSL_SESSION_free(session);
}

void tls_client_session_end(SSL *ssl)
{
	struct tls_sessions *sessions = sessions_of(ssl);

	if (sessions && !SSL_is_init_finished(ssl))
		tls_sessions_forget(sessions, SSL_get_ex_data(ssl, name_index()));
}

/* ---- life ----------------------------------------------------------------------------- */

static SSL_CTX *context_new(int level, int verify)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	BUG_ON(!ctx);
	SSL_CTX_set_security_level(ctx, level);
	BUG_ON(!SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION));
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	SSL_CTX_set_verify(ctx, verify, NULL);
	return ctx;
}

/* OpenSSL's own place is a folder that it would search when the sandbox is there: so the bundles that systems keep beside it. */
static void load_authorities(SSL_CTX *ctx)
{
	static const char *const bundles[] = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem" };
	const char *named = getenv(X509_get_default_cert_file_env());
	bool loaded = SSL_CTX_load_verify_file(ctx, named ? named : X509_get_default_cert_file()) == 1;

	for (size_t i = 0; i < sizeof(bundles) / sizeof(*bundles) && !loaded && !named; i++)
		loaded = SSL_CTX_load_verify_file(ctx, bundles[i]) == 1;
	ERR_clear_error();
}

static void side_init(struct side *side, int level, int verify)
{
	side->ctx = context_new(level, verify);
	tls_sessions_init(&side->sessions);
	SSL_CTX_set_app_data(side->ctx, &side->sessions);
}

static void side_fini(struct side *side)
{
	SSL_CTX_set_app_data(side->ctx, NULL);
	tls_sessions_fini(&side->sessions);
	SSL_CTX_free(side->ctx);
}

struct tls_client *tls_client_new(void)
{
	struct tls_client *t = mem_new(sizeof(*t));

	side_init(&t->anybody, LEVEL_WITH_ANYBODY, SSL_VERIFY_NONE);
	side_init(&t->verified, LEVEL_VERIFIED, SSL_VERIFY_PEER);
	load_authorities(t->verified.ctx);
	return t;
}

void tls_client_free(struct tls_client **where)
{
	struct tls_client *t = *where;

	*where = NULL;
	if (!t)
		return;
	side_fini(&t->anybody);
	side_fini(&t->verified);
	mem_free(t);
}

static bool is_address(const char *host)
{
	unsigned char address[16];

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

SSL *tls_client_session(struct tls_client *t, const char *host, bool is_verified)
{
	SSL *ssl = SSL_new(is_verified ? t->verified.ctx : t->anybody.ctx);
	bool is_name = !is_address(host);

	BUG_ON(!ssl);
	if (is_name)
		(void)SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)host);
	if (is_verified && is_name) {
		SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		BUG_ON(!SSL_set1_host(ssl, host));
	} else if (is_verified) {
		BUG_ON(!X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host));
	}
	SSL_set_connect_state(ssl);
	resume(ssl, host);
	return ssl;
}
