#include "loop/tls_private.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/mem.h"
#include "loop/tls_server.h"

struct tls_conn {
	SSL *ssl;
	struct tls_server *server;	/* NULL: we are the client */
	struct span *in;
	struct buf *out;
};

/* ---- our own BIO: the stream's buffers, without a copy of them between ------------- */

static int bio_read(BIO *bio, char *at, size_t room, size_t *n)
{
	struct tls_conn *conn = BIO_get_data(bio);
	struct span got = conn->in ? span_first(*conn->in, room) : SPAN_NONE;

	BIO_clear_retry_flags(bio);
	*n = got.len;
	if (got.len == 0) {
		BIO_set_retry_read(bio);
		return 0;
	}
	memcpy(at, got.at, got.len);
	*conn->in = span_from(*conn->in, got.len);
	return 1;
}

static int bio_write(BIO *bio, const char *at, size_t len, size_t *n)
{
	struct tls_conn *conn = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	*n = len;
	return conn->out && buf_add(conn->out, span_of(at, len)) == PR_OK;
}

static long bio_ctrl(BIO *bio, int what, long number, void *arg)
{
	(void)bio, (void)number, (void)arg;
	return what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method(void)
{
	static BIO_METHOD *method;

	if (method)
		return method;
	method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "stream");
	BUG_ON(!method);
	BIO_meth_set_read_ex(method, bio_read);
	BIO_meth_set_write_ex(method, bio_write);
	BIO_meth_set_ctrl(method, bio_ctrl);
	return method;
}

/* ---- life ------------------------------------------------------------------------- */

static struct tls_conn *conn_new(SSL *ssl)
{
	struct tls_conn *conn = mem_new(sizeof *conn);
	BIO *bio = BIO_new(bio_method());

	BUG_ON(!ssl || !bio);
	conn->ssl = ssl;
	BIO_set_data(bio, conn);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	return conn;
}

struct tls_conn *tls_conn_new_client(struct tls_client *client, const char *host, bool is_verified)
{
	return conn_new(tls_client_session(client, host, is_verified));
}

struct tls_conn *tls_conn_new(struct tls_server *server)
{
	struct tls_conn *conn = conn_new(SSL_new(tls_server_default(server)));

	conn->server = tls_server_ref(server);
	SSL_set_accept_state(conn->ssl);
	SSL_set_options(conn->ssl, SSL_OP_CLEANSE_PLAINTEXT);	/* passwords pass here */
	if (!tls_server_has_tickets(server)) {
		SSL_set_options(conn->ssl, SSL_OP_NO_TICKET);
		SSL_set_num_tickets(conn->ssl, 0);
	}
	return conn;
}

void tls_conn_free(struct tls_conn **where)
{
	struct tls_conn *conn = *where;

	*where = NULL;
	if (!conn)
		return;
	if (!conn->server)
		tls_client_session_end(conn->ssl);
	SSL_free(conn->ssl);
	tls_server_free(&conn->server);
	mem_free(conn);
}

void tls_conn_lend(struct tls_conn *conn, struct span *in, struct buf *out)
{
	conn->in = in;
	conn->out = out;
}

/* ---- work ------------------------------------------------------------------------- */

static enum tls_step step_of(const struct tls_conn *conn, int result)
{
	switch (SSL_get_error(conn->ssl, result)) {
	case SSL_ERROR_NONE:
		return TLS_DONE;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANTS_MORE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_ENDED;
	default:
		return TLS_FAILED;
	}
}

static const char *words_of_error(const struct tls_conn *conn)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());
	long verified = SSL_get_verify_result(conn->ssl);

	if (SSL_get_verify_mode(conn->ssl) != SSL_VERIFY_NONE && verified != X509_V_OK)
		return X509_verify_cert_error_string(verified);
	return why ? why : "the handshake broke off";
}

enum tls_step tls_conn_handshake(struct tls_conn *conn, const char **why)
{
	enum tls_step step;

	ERR_clear_error();
	step = step_of(conn, SSL_do_handshake(conn->ssl));
	if (step == TLS_FAILED)
		*why = words_of_error(conn);
	return step;
}

bool tls_conn_is_up(const struct tls_conn *conn)
{
	return SSL_is_init_finished(conn->ssl);
}

enum tls_step tls_conn_read(struct tls_conn *conn, char *at, size_t room, size_t *n)
{
	ERR_clear_error();
	return step_of(conn, SSL_read_ex(conn->ssl, at, room, n));
}

enum tls_step tls_conn_write(struct tls_conn *conn, struct span bytes)
{
	size_t n;

	if (bytes.len == 0)
		return TLS_DONE;
	ERR_clear_error();
	return step_of(conn, SSL_write_ex(conn->ssl, bytes.at, bytes.len, &n));
}

void tls_conn_say_end(struct tls_conn *conn)
{
	ERR_clear_error();
	(void)SSL_shutdown(conn->ssl);
	ERR_clear_error();
}

void tls_conn_facts(const struct tls_conn *conn, struct stream_tls *out)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(conn->ssl);

	*out = (struct stream_tls){
		.version = SSL_get_version(conn->ssl),
		.cipher = SSL_CIPHER_get_name(cipher),
		.bits = (unsigned)SSL_CIPHER_get_bits(cipher, NULL),
		.sni = SSL_get_servername(conn->ssl, TLSEXT_NAMETYPE_host_name),
		.resumed = SSL_session_reused(conn->ssl),
		.verified = SSL_get_verify_mode(conn->ssl) != SSL_VERIFY_NONE && SSL_get_verify_result(conn->ssl) == X509_V_OK,
	};
}

static size_t hash_certificate(const X509 *cert, unsigned char out[EVP_MAX_MD_SIZE])
{
	int nid = NID_undef;
	unsigned len = 0;

	if (!cert || !X509_get_signature_info((X509 *)(uintptr_t)cert, &nid, NULL, NULL, NULL) || nid == NID_undef)
		return 0;	/* signed without a hash of its own: there is none (RFC 5929 4.1) */
	if (nid == NID_md5 || nid == NID_sha1)
		nid = NID_sha256;
	return X509_digest(cert, EVP_get_digestbynid(nid), out, &len) ? len : 0;
}

void tls_conn_binding(const struct tls_conn *conn, struct stream_binding *out)
{
	static const char label[] = "EXPORTER-Channel-Binding";

	ERR_clear_error();
	*out = (struct stream_binding){ .exporter_len = 0 };
	out->end_point_len = hash_certificate(SSL_get_certificate(conn->ssl), (unsigned char *)out->end_point);
	if (SSL_version(conn->ssl) >= TLS1_3_VERSION &&
	    SSL_export_keying_material(conn->ssl, (unsigned char *)out->exporter, sizeof(out->exporter), label, sizeof(label) - 1, NULL, 0, 0) == 1)
		out->exporter_len = sizeof(out->exporter);
	ERR_clear_error();
}
