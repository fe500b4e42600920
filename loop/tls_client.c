#include "loop/tls_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "loop/tls_server.h"

/* Where nobody's name is checked a weak certificate does no harm that plain text would not do. */
#define LEVEL_WITH_ANYBODY 1
#define LEVEL_VERIFIED     2

struct tls_client {
	SSL_CTX *anybody, *verified;
};

static SSL_CTX *context_new(int level, int verify)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	BUG_ON(!ctx);
	SSL_CTX_set_security_level(ctx, level);
	BUG_ON(!SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION));
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
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

struct tls_client *tls_client_new(void)
{
	struct tls_client *t = mem_new(sizeof(*t));

	t->anybody = context_new(LEVEL_WITH_ANYBODY, SSL_VERIFY_NONE);
	t->verified = context_new(LEVEL_VERIFIED, SSL_VERIFY_PEER);
	load_authorities(t->verified);
	return t;
}

void tls_client_free(struct tls_client **where)
{
	struct tls_client *t = *where;

	*where = NULL;
	if (!t)
		return;
	SSL_CTX_free(t->anybody);
	SSL_CTX_free(t->verified);
	mem_free(t);
}

static bool is_address(const char *host)
{
	unsigned char address[16];

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

SSL *tls_client_session(struct tls_client *t, const char *host, bool is_verified)
{
	SSL *ssl = SSL_new(is_verified ? t->verified : t->anybody);
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
	return ssl;
}
