/* Streams in the clear and in TLS, with OpenSSL's own client at the other end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "loop/loop.h"
#include "loop/sandbox.h"
#include "loop/stream.h"
#include "loop/tls.h"
#include "loop/tls_client.h"

/* ---- certificates ------------------------------------------------------------------- */

struct pem {
	const char *label;
	char *chain, *key;
	size_t chain_len, key_len;
};

static char *bio_text(BIO *bio, size_t *len)
{
	char *data, *text;

	*len = (size_t)BIO_get_mem_data(bio, &data);
	text = malloc(*len + 1);
	memcpy(text, data, *len);
	text[*len] = '\0';
	BIO_free(bio);
	return text;
}

static struct pem pem_make(const char *names, bool rsa, long from, long to)
{
	EVP_PKEY *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	BIO *chain = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_mem());
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	struct pem pem = { .label = names };

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), rsa ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), from);
	X509_gmtime_adj(X509_getm_notAfter(cert), to);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)names, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	if (strncmp(names, "DNS:", 4) == 0) {
		X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
		ext = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, names);
		assert_non_null(ext);
		X509_add_ext(cert, ext, -1);
		X509_EXTENSION_free(ext);
	}
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	PEM_write_bio_X509(chain, cert);
	PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL);
	pem.chain = bio_text(chain, &pem.chain_len);
	pem.key = bio_text(secret, &pem.key_len);
	X509_free(cert);
	EVP_PKEY_free(key);
	return pem;
}

static void pem_free(struct pem *p)
{
	free(p->chain);
	free(p->key);
}

static struct pem one, one_rsa, two, common;	/* made once */

static int pems_make(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	one = pem_make("DNS:one.example,DNS:*.wild.example", false, -3600, 86400);
	one_rsa = pem_make("DNS:one.example,DNS:*.wild.example", true, -3600, 86400);
	two = pem_make("DNS:two.example", false, -3600, 86400);
	common = pem_make("cn.example", false, -3600, 86400);
	return 0;
}

static int pems_free(void **state)
{
	(void)state;
	pem_free(&one);
	pem_free(&one_rsa);
	pem_free(&two);
	pem_free(&common);
	return 0;
}

static void server_add(struct tls_server *t, const struct pem *p)
{
	const char *why = NULL;

	if (tls_server_add(t, span_of_text(p->label), span_of(p->chain, p->chain_len), span_of(p->key, p->key_len), &why) != PR_OK)
		fail_msg("%s", why);
}

static struct tls_server *server_new(void)
{
	struct tls_options options = { 0 };
	const char *why = NULL;
	struct tls_server *t = tls_server_new(&options, &why);

	assert_non_null(t);
	server_add(t, &one);
	server_add(t, &two);
	server_add(t, &common);
	server_add(t, &one_rsa);
	return t;
}

/* ---- the server's side: echoes what comes -------------------------------------------- */

struct side {
	struct loop *loop;
	struct stream *s;
	struct tls_server *tls;
	struct buf got;
	struct stream_tls facts;
	char sni[64], why[128];
	unsigned n_gone, n_bytes, n_tls, n_tls_failed, n_drained;
	bool clean, echoes, starts_tls, closes_at_quit, pauses, closes_others;
	int connected;
	struct deadline limit, wake;
};

static void close_another(struct side *side);

static void side_bytes(void *owner, struct stream *s, struct span bytes)
{
	struct side *side = owner;

	side->n_bytes++;
	if (side->closes_others)
		close_another(side);
	buf_add(&side->got, bytes);
	if (side->starts_tls && span_starts_nocase(bytes, SPAN("STARTTLS\r\n"))) {
		side->starts_tls = false;
		stream_send(s, SPAN("220 go\r\n"));
		stream_start_tls(s, side->tls);
		return;
	}
	if (side->echoes)
		stream_send(s, bytes);
	if (side->pauses) {
		stream_pause(s);
		deadline_set(side->loop, &side->wake, loop_now(side->loop).mono_ms + 5);
	}
	if (side->closes_at_quit && span_ends_nocase(bytes, SPAN("QUIT\r\n"))) {
		stream_send(s, SPAN("221 bye\r\n"));
		stream_close(&side->s);
	}
}

static void side_wake(struct deadline *d)
{
	struct side *side = LIST_OWNER(d, struct side, wake);

	if (side->s)
		stream_resume(side->s);
}

static void side_tls(void *owner, struct stream *s, bool ok, const char *why)
{
	struct side *side = owner;

	if (!ok) {
		side->n_tls_failed++;
		snprintf(side->why, sizeof side->why, "%s", why);
		return;
	}
	side->n_tls++;
	assert_true(stream_tls_facts(s, &side->facts));
	snprintf(side->sni, sizeof side->sni, "%s", side->facts.sni ? side->facts.sni : "");
}

static void side_gone(void *owner, struct stream *s, bool clean)
{
	struct side *side = owner;

	side->n_gone++;
	side->clean = clean;
	assert_ptr_equal(side->s, s);
	stream_close(&side->s);
	loop_stop(side->loop);
}

static void side_connected(void *owner, struct stream *s, int error)
{
	struct side *side = owner;

	side->connected = error;
	if (error)
		stream_close(&side->s);
	else
		stream_resume(s);
	loop_stop(side->loop);
}

static void side_drained(void *owner, struct stream *s)
{
	struct side *side = owner;

	(void)s;
	side->n_drained++;
}

static const struct stream_handlers side_handlers = { side_connected, side_bytes, side_tls, side_drained, side_gone };

/* One whose peer is still talking. */
static void close_another(struct side *side)
{
	char noise[60000];
	struct stream *another;
	int fds[2];

	memset(noise, 'x', sizeof(noise));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_true(send(fds[1], noise, sizeof(noise), 0) > 0);
	another = stream_open_take(side->loop, fds[0], &side_handlers, side);
	stream_close(&another);
	close(fds[1]);
}

static void on_limit(struct deadline *d)
{
	struct side *side = LIST_OWNER(d, struct side, limit);

	loop_stop(side->loop);
}

static void side_open(struct side *side, int fd)
{
	*side = (struct side){ .loop = loop_new(), .echoes = true };
	buf_init(&side->got, 64u << 20);
	deadline_init(&side->limit, on_limit);
	deadline_init(&side->wake, side_wake);
	if (fd < 0)
		return;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	side->s = stream_open_take(side->loop, fd, &side_handlers, side);
	stream_resume(side->s);
}

static void side_run(struct side *side, int64_t ms)
{
	deadline_set(side->loop, &side->limit, loop_now(side->loop).mono_ms + ms);
	loop_run(side->loop);
	deadline_clear(side->loop, &side->limit);
}

static void side_close(struct side *side)
{
	stream_abort(&side->s);
	deadline_clear(side->loop, &side->wake);
	loop_free(&side->loop);
	buf_fini(&side->got);
}

/* A TCP pair on loopback: resets and half closes are TCP's. */
static void tcp_pair(int fds[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f001f01) };
	socklen_t len = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	fds[1] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fds[1], (struct sockaddr *)&at, len), 0);
	fds[0] = accept(listener, NULL, NULL);
	assert_true(fds[0] >= 0);
	close(listener);
}

/* ---- the client's side, in a thread ---------------------------------------------------- */

struct client {
	int fd;
	const char *sni, *alpn, *sigalgs;
	int max_version;
	size_t send;		/* bytes to send and have echoed */
	size_t at_once;		/* of them, before an echo is looked for; 0: some */
	bool starttls, inject, abrupt, reset_session;
	SSL_SESSION *session;	/* to resume, and then the new one */
	bool ok, resumed, whole, got_notify;
	char subject[128];
	int key_type;
};

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct client *c = SSL_get_app_data(ssl);

	SSL_SESSION_free(c->session);
	c->session = session;
	return 1;
}

static void client_exchange(struct client *c, SSL *ssl)
{
	char *out = malloc(c->send + 1), *in = malloc(c->send + 1);
	size_t sent = 0, got = 0, n;

	for (size_t i = 0; i < c->send; i++)
		out[i] = (char)(i * 31 >> 3);
	while (got < c->send) {
		size_t most = c->at_once ? c->at_once : 100000, piece = c->send - sent < most ? c->send - sent : most;

		if (piece && SSL_write_ex(ssl, out + sent, piece, &n) == 1)
			sent += n;
		while (got < sent && SSL_read_ex(ssl, in + got, sent - got, &n) == 1)
			got += n;
		if (got < sent)
			break;
	}
	c->whole = got == c->send && memcmp(in, out, got) == 0;
	free(in);
	free(out);
}

static void client_look(struct client *c, SSL *ssl)
{
	X509 *cert = SSL_get1_peer_certificate(ssl);

	c->resumed = SSL_session_reused(ssl);
	if (!cert)
		return;
	X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, c->subject, sizeof c->subject);
	c->key_type = EVP_PKEY_get_base_id(X509_get0_pubkey(cert));
	X509_free(cert);
}

static void client_plain(struct client *c)
{
	const char *words = c->inject ? "STARTTLS\r\nMAIL FROM:<x@y>\r\n" : "STARTTLS\r\n";
	char line[100] = "";
	size_t n = 0;

	assert_int_equal(send(c->fd, words, strlen(words), 0), strlen(words));
	while (n < 8 && recv(c->fd, line + n, 1, 0) == 1)
		n++;
}

static void *client_run(void *arg)
{
	struct client *c = arg;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl;
	char byte, sni[64], sigalgs[64];

	/* OpenSSL's macros ask for text that may be written to. */
	snprintf(sni, sizeof sni, "%s", c->sni ? c->sni : "");
	snprintf(sigalgs, sizeof sigalgs, "%s", c->sigalgs ? c->sigalgs : "");
	if (c->max_version)
		SSL_CTX_set_max_proto_version(ctx, c->max_version);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	if (c->sigalgs)
		SSL_CTX_set1_sigalgs_list(ctx, sigalgs);
	ssl = SSL_new(ctx);
	SSL_set_app_data(ssl, c);
	SSL_set_fd(ssl, c->fd);
	if (c->sni)
		SSL_set_tlsext_host_name(ssl, sni);
	if (c->alpn)
		SSL_set_alpn_protos(ssl, (const unsigned char *)c->alpn, (unsigned)strlen(c->alpn));
	if (c->session)
		SSL_set_session(ssl, c->session);
	if (c->starttls)
		client_plain(c);
	c->ok = SSL_connect(ssl) == 1;
	if (c->ok) {
		client_look(c, ssl);
		client_exchange(c, ssl);
		if (!c->abrupt && SSL_shutdown(ssl) == 0)
			c->got_notify = SSL_read(ssl, &byte, 1) <= 0 && SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN;
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	shutdown(c->fd, SHUT_RDWR);
	close(c->fd);
	return NULL;
}

static void talk(struct client *c, struct side *side, struct tls_server *tls)
{
	pthread_t thread;
	int fds[2];

	tcp_pair(fds);
	c->fd = fds[1];
	side_open(side, fds[0]);
	side->tls = tls;
	side->starts_tls = c->starttls;
	if (!c->starttls)
		stream_start_tls(side->s, tls);
	assert_int_equal(pthread_create(&thread, NULL, client_run, c), 0);
	side_run(side, 20000);
	assert_int_equal(side->n_gone, 1);
	if (side->s == NULL)	/* let the last words out */
		side_run(side, 30);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void t_tls_echoes(void **state)
{
	static const size_t sizes[] = { 1, 100, 70000, 1000000 };
	struct tls_server *t = server_new();

	(void)state;
	assert_int_equal(tls_server_count(t), 4);
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			struct client c = { .send = sizes[i], .max_version = version };
			struct side side;

			talk(&c, &side, t);
			assert_true(c.ok && c.whole && c.got_notify);
			assert_int_equal(side.n_tls, 1);
			assert_true(side.clean);
			assert_string_equal(side.facts.version, version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
			assert_true(side.facts.bits >= 128);
			assert_false(side.facts.resumed);
			side_close(&side);
		}
	}
	tls_server_free(&t);
}

/* ---- we are the client ------------------------------------------------------------------ */

static const char ticket_keys[160] = { [79] = 1, [80] = 2 };

/* Both ends in one loop; the one that this machine trusts is `one`. */
static void shake_with(struct tls_server *t, struct tls_client *ours, struct side *server, struct side *client, const char *host, bool is_verified)
{
	int fds[2];

	tcp_pair(fds);
	side_open(server, fds[0]);
	*client = (struct side){ .loop = server->loop };
	buf_init(&client->got, 1u << 20);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	client->s = stream_open_take(client->loop, fds[1], &side_handlers, client);
	stream_start_tls(server->s, t);
	stream_start_tls_client(client->s, ours, host, is_verified);
	side_run(server, 300);
	if (client->n_tls) {
		stream_send(client->s, SPAN("hello"));
		side_run(server, 100);
		assert_true(span_eq(buf_span(&client->got), SPAN("hello")));
	}
}

static void shake_as_client(struct side *server, struct side *client, const char *host, bool is_verified)
{
	struct tls_server *t = server_new();
	struct tls_client *ours = tls_client_new();

	shake_with(t, ours, server, client, host, is_verified);
	tls_server_free(&t);
	tls_client_free(&ours);
}

static void part(struct side *server, struct side *client)
{
	stream_abort(&client->s);
	buf_fini(&client->got);
	side_close(server);
}

static void t_a_client_resumes_its_session_with_each_server(void **state)
{
	static const struct { const char *host; bool is_verified, resumed; } rows[] = {
		{ "one.example", false, false }, { "one.example", false, true }, { "other.example", false, false }, { "other.example", false, true },
		{ "one.example", true, false }, { "one.example", true, true }, { "192.0.2.1", false, false }, { "192.0.2.1", false, true }
	};
	struct tls_server *t = server_new();
	struct tls_client *ours;
	char path[] = "/tmp/t_stream.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, one.chain, one.chain_len), one.chain_len);
	assert_int_equal(write(fd, one_rsa.chain, one_rsa.chain_len), one_rsa.chain_len);
	close(fd);
	setenv("SSL_CERT_FILE", path, 1);
	ours = tls_client_new();
	tls_server_ticket_keys(t, span_of(ticket_keys, 80));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct side server, client;

		shake_with(t, ours, &server, &client, rows[i].host, rows[i].is_verified);
		assert_int_equal(client.n_tls, 1);
		assert_int_equal(client.facts.resumed, rows[i].resumed);
		assert_int_equal(client.facts.verified, rows[i].is_verified);
		part(&server, &client);
	}
	tls_server_free(&t);
	tls_client_free(&ours);
	unsetenv("SSL_CERT_FILE");
	unlink(path);
}

static void t_a_session_that_a_server_does_not_know_costs_a_whole_handshake(void **state)
{
	struct tls_server *t = server_new();
	struct tls_client *ours = tls_client_new();
	struct side server, client;

	(void)state;
	tls_server_ticket_keys(t, span_of(ticket_keys, 80));
	shake_with(t, ours, &server, &client, "one.example", false);
	part(&server, &client);
	tls_server_ticket_keys(t, span_of(ticket_keys + 80, 80));
	shake_with(t, ours, &server, &client, "one.example", false);
	assert_int_equal(client.n_tls, 1);
	assert_false(client.facts.resumed);
	part(&server, &client);
	tls_server_free(&t);
	tls_client_free(&ours);
}

static void t_tls_as_client(void **state)
{
	static const struct { const char *host; bool is_verified, works; const char *why; } rows[] = {
		{ "one.example", true, true, NULL },
		{ "a.wild.example", true, true, NULL },
		{ "one.example", false, true, NULL },
		{ "other.example", false, true, NULL },
		{ "192.0.2.1", false, true, NULL },
		{ "other.example", true, false, "hostname mismatch" },
		{ "192.0.2.1", true, false, "IP address mismatch" },
		{ "two.example", true, false, "self-signed certificate" }
	};
	char path[] = "/tmp/t_stream.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, one.chain, one.chain_len), one.chain_len);
	assert_int_equal(write(fd, one_rsa.chain, one_rsa.chain_len), one_rsa.chain_len);
	close(fd);
	setenv("SSL_CERT_FILE", path, 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct side server, client;

		shake_as_client(&server, &client, rows[i].host, rows[i].is_verified);
		assert_int_equal(client.n_tls, rows[i].works);
		assert_int_equal(client.n_tls_failed, !rows[i].works);
		assert_int_equal(client.n_gone, !rows[i].works);
		if (rows[i].works)
			assert_int_equal(client.facts.verified, rows[i].is_verified);
		else
			assert_string_equal(client.why, rows[i].why);
		if (strcmp(rows[i].host, "one.example") == 0)
			assert_string_equal(server.sni, "one.example");
		stream_abort(&client.s);
		buf_fini(&client.got);
		side_close(&server);
	}
	unsetenv("SSL_CERT_FILE");
	unlink(path);
}

static void t_old_tls_is_refused(void **state)
{
	struct tls_server *t = server_new();
	struct client c = { .send = 1, .max_version = TLS1_1_VERSION };
	struct side side;

	(void)state;
	talk(&c, &side, t);
	assert_false(c.ok);
	assert_int_equal(side.n_tls_failed, 1);
	assert_true(strlen(side.why) > 0);
	assert_false(side.clean);
	side_close(&side);
	tls_server_free(&t);
}

static void t_a_stream_that_is_closed_meanwhile_harms_no_other(void **state)
{
	struct tls_server *t = server_new();
	struct client c = { .send = 3000000, .at_once = 200000 };
	struct side side;
	pthread_t thread;
	int fds[2];

	(void)state;
	tcp_pair(fds);
	c.fd = fds[1];
	side_open(&side, fds[0]);
	side.closes_others = side.pauses = true;	/* so that more than a buffer of it lies there */
	stream_start_tls(side.s, t);
	assert_int_equal(pthread_create(&thread, NULL, client_run, &c), 0);
	side_run(&side, 20000);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(c.whole);
	SSL_SESSION_free(c.session);
	side_close(&side);
	tls_server_free(&t);
}

static void t_the_name_chooses_the_certificate(void **state)
{
	static const struct {
		const char *sni, *subject;
	} rows[] = {
		{ NULL, "DNS:one.example,DNS:*.wild.example" },
		{ "one.example", "DNS:one.example,DNS:*.wild.example" },
		{ "two.example", "DNS:two.example" },
		{ "TWO.Example", "DNS:two.example" },
		{ "cn.example", "cn.example" },
		{ "a.wild.example", "DNS:one.example,DNS:*.wild.example" },
		{ "nobody.example", "DNS:one.example,DNS:*.wild.example" },
		{ "..", "DNS:one.example,DNS:*.wild.example" },
		{ "*.wild.example", "DNS:one.example,DNS:*.wild.example" },
		{ "x' OR 1=1 --%s\xff", "DNS:one.example,DNS:*.wild.example" },
	};
	struct tls_server *t = server_new();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct client c = { .send = 1, .sni = rows[i].sni };
		struct side side;

		talk(&c, &side, t);
		assert_true(c.ok && c.whole);
		assert_string_equal(c.subject, rows[i].subject);
		assert_string_equal(side.sni, rows[i].sni ? rows[i].sni : "");
		side_close(&side);
	}
	tls_server_free(&t);
}

static void t_a_set_keeps_pairs_of_the_one_before(void **state)
{
	static const char *const names[] = { "one.example", "two.example" };
	struct tls_options options = { 0 };
	const char *why = NULL;
	struct tls_server *old = server_new(), *next = tls_server_new(&options, &why);

	(void)state;
	assert_true(tls_server_keep(next, old, span_of_text(one.label)));
	assert_false(tls_server_keep(next, old, SPAN("never told")));
	assert_false(tls_server_keep(next, NULL, span_of_text(two.label)));
	server_add(next, &two);
	tls_server_free(&old);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct client c = { .send = 1, .sni = names[i] };
		struct side side;

		talk(&c, &side, next);
		assert_true(c.ok && c.whole);
		assert_non_null(strstr(c.subject, names[i]));
		side_close(&side);
	}
	assert_int_equal(tls_server_count(next), 2);
	tls_server_free(&next);
}

static void t_rsa_and_ecdsa_stand_side_by_side(void **state)
{
	struct tls_server *t = server_new();
	struct client old = { .send = 1, .sigalgs = "RSA-PSS+SHA256:RSA+SHA256" }, new = { .send = 1, .sigalgs = "ECDSA+SHA256" };
	struct side side;

	(void)state;
	talk(&old, &side, t);
	assert_true(old.ok);
	assert_int_equal(old.key_type, EVP_PKEY_RSA);
	side_close(&side);
	talk(&new, &side, t);
	assert_true(new.ok);
	assert_int_equal(new.key_type, EVP_PKEY_EC);
	side_close(&side);
	tls_server_free(&t);
}

static void t_sessions_resume_at_another_worker(void **state)
{
	char keys[240];
	struct side side;

	(void)state;
	for (unsigned i = 0; i < sizeof keys; i++)
		keys[i] = (char)(i * 7);
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct tls_server *first = server_new(), *second = server_new();
		struct client c = { .send = 10, .max_version = version, .sni = "two.example" };

		tls_server_ticket_keys(first, span_of(keys, 160));
		tls_server_ticket_keys(second, span_of(keys, 240));
		talk(&c, &side, first);
		assert_true(c.ok && !c.resumed && c.session);
		side_close(&side);
		talk(&c, &side, second);
		assert_true(c.ok && c.whole && c.resumed);
		assert_true(side.facts.resumed);
		side_close(&side);
		tls_server_ticket_keys(first, span_of(keys + 160, 80));		/* rotated away */
		talk(&c, &side, first);
		assert_true(c.ok && c.whole && !c.resumed);
		side_close(&side);
		SSL_SESSION_free(c.session);
		tls_server_free(&first);
		tls_server_free(&second);
	}
}

static void t_starttls_carries_nothing_over(void **state)
{
	struct tls_server *t = server_new();
	struct client good = { .send = 5000, .starttls = true }, bad = { .send = 5000, .starttls = true, .inject = true };
	struct side side;

	(void)state;
	talk(&good, &side, t);
	assert_true(good.ok && good.whole);
	assert_int_equal(side.got.len, 10 + 5000);
	side_close(&side);
	/* What came with STARTTLS was given with it, in the clear, and is not seen again. */
	talk(&bad, &side, t);
	assert_true(bad.ok && bad.whole);
	assert_memory_equal(side.got.at, "STARTTLS\r\nMAIL FROM:<x@y>\r\n", 27);
	assert_int_equal(side.got.len, 27 + 5000);
	side_close(&side);
	tls_server_free(&t);
}

static void t_other_protocols_are_sent_away(void **state)
{
	struct tls_server *t = server_new();
	struct client c = { .send = 1, .alpn = "\x08http/1.1" };
	struct side side;

	(void)state;
	talk(&c, &side, t);
	assert_false(c.ok);
	assert_int_equal(side.n_tls_failed, 1);
	side_close(&side);
	tls_server_free(&t);
}

static void t_truncation_is_not_clean(void **state)
{
	struct tls_server *t = server_new();
	struct client c = { .send = 1, .abrupt = true };
	struct side side;

	(void)state;
	talk(&c, &side, t);
	assert_true(c.ok);
	assert_false(side.clean);
	side_close(&side);
	tls_server_free(&t);
}

static void t_garbage_is_no_handshake(void **state)
{
	struct tls_server *t = server_new();
	struct side side;
	int fds[2];

	(void)state;
	tcp_pair(fds);
	side_open(&side, fds[0]);
	stream_start_tls(side.s, t);
	assert_int_equal(send(fds[1], "EHLO x\r\n", 8, 0), 8);
	side_run(&side, 5000);
	assert_int_equal(side.n_tls_failed, 1);
	assert_int_equal(side.n_gone, 1);
	assert_int_equal(side.got.len, 0);
	close(fds[1]);
	side_close(&side);
	tls_server_free(&t);
}

static struct flood {
	struct loop *loop;
	struct turn_end turn;
	unsigned n_failed, in_turn, most, n_turns;
} flood;

static void flood_tls(void *owner, struct stream *s, bool ok, const char *why)
{
	(void)owner, (void)s, (void)why;
	assert_false(ok);
	flood.n_failed++;
	flood.in_turn++;
}

static void flood_gone(void *owner, struct stream *s, bool clean)
{
	struct stream **where = owner;

	(void)clean, (void)s;
	stream_close(where);
}

static void flood_turn(struct turn_end *te)
{
	(void)te;
	if (flood.in_turn > flood.most)
		flood.most = flood.in_turn;
	flood.in_turn = 0;
	if (flood.n_failed == 60 || ++flood.n_turns > 1000)
		loop_stop(flood.loop);
}

static void t_a_flood_of_handshakes_takes_turns(void **state)
{
	static const struct stream_handlers handlers = { .on_tls = flood_tls, .on_gone = flood_gone };
	struct tls_server *t = server_new();
	struct stream *streams[60];
	int fds[60][2];

	(void)state;
	flood = (struct flood){ .loop = loop_new(), .turn = { .fn = flood_turn } };
	loop_on_turn_end(flood.loop, &flood.turn);
	for (unsigned i = 0; i < 60; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]), 0);
		assert_int_equal(send(fds[i][1], "EHLO x\r\n", 8, 0), 8);
		streams[i] = stream_open_take(flood.loop, fds[i][0], &handlers, &streams[i]);
		stream_start_tls(streams[i], t);
	}
	loop_run(flood.loop);
	assert_int_equal(flood.n_failed, 60);
	assert_int_equal(flood.most, 8);
	for (unsigned i = 0; i < 60; i++) {
		assert_null(streams[i]);
		close(fds[i][1]);
	}
	loop_free(&flood.loop);
	tls_server_free(&t);
}

static void t_a_pause_keeps_tls_bytes(void **state)
{
	struct tls_server *t = server_new();
	struct client c = { .send = 300000 };
	struct side side;
	pthread_t thread;
	int fds[2];

	(void)state;
	tcp_pair(fds);
	c.fd = fds[1];
	side_open(&side, fds[0]);
	side.pauses = true;
	stream_start_tls(side.s, t);
	assert_int_equal(pthread_create(&thread, NULL, client_run, &c), 0);
	side_run(&side, 20000);
	side_run(&side, 30);
	pthread_join(thread, NULL);
	assert_true(c.ok && c.whole);
	assert_int_equal(side.got.len, 300000);
	side_close(&side);
	tls_server_free(&t);
}

/* All that a handshake needs is there before the sandbox: a strict one does not end it. */
static void t_tls_works_in_the_strictest_sandbox(void **state)
{
	struct sandbox box = { .program = "t", .may = MAY_ACCEPT, .strict = true };
	struct client c = { .send = 70000, .sni = "two.example" };
	const char *partial;
	int fds[2], status;
	struct tls_server *t;
	struct side side;
	char keys[80] = { 5 };
	pid_t pid;

	(void)state;
	tcp_pair(fds);
	pid = fork();
	if (pid == 0) {
		close(fds[1]);
		tls_warm_up();
		side_open(&side, fds[0]);
		if (sandbox_enter(&box, &partial) != PR_OK)
			_exit(1);
		t = server_new();
		tls_server_ticket_keys(t, span_of(keys, sizeof keys));
		stream_start_tls(side.s, t);
		side_run(&side, 20000);
		side_run(&side, 30);
		_exit(side.n_tls == 1 && side.clean && side.got.len == 70000 ? 0 : 2);
	}
	close(fds[0]);
	c.fd = fds[1];
	client_run(&c);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(c.ok && c.whole && c.got_notify);
	SSL_SESSION_free(c.session);
}

/* ---- in the clear ---------------------------------------------------------------------- */

static void t_clear_echoes_and_ends(void **state)
{
	struct side side;
	char line[100] = "";
	int fds[2];

	(void)state;
	tcp_pair(fds);
	side_open(&side, fds[0]);
	assert_int_equal(send(fds[1], "NOOP\r\n", 6, 0), 6);
	side_run(&side, 20);
	assert_int_equal(recv(fds[1], line, sizeof line, MSG_DONTWAIT), 6);
	assert_int_equal(side.n_bytes, 1);
	assert_int_equal(stream_peek(side.s), 0);
	shutdown(fds[1], SHUT_WR);
	side_run(&side, 2000);
	assert_int_equal(side.n_gone, 1);
	assert_true(side.clean);
	close(fds[1]);
	side_close(&side);
}

static void t_a_paused_stream_reads_nothing(void **state)
{
	struct side side;
	int fds[2];

	(void)state;
	tcp_pair(fds);
	side_open(&side, fds[0]);
	stream_pause(side.s);
	assert_int_equal(send(fds[1], "early", 5, 0), 5);
	side_run(&side, 20);
	assert_int_equal(side.n_bytes, 0);
	assert_int_equal(stream_peek(side.s), 5);
	stream_resume(side.s);
	side_run(&side, 20);
	assert_int_equal(side.n_bytes, 1);
	stream_pause(side.s);
	close(fds[1]);
	side_run(&side, 20);
	assert_int_equal(stream_peek(side.s), -1);
	assert_int_equal(side.n_gone, 0);
	stream_resume(side.s);
	side_run(&side, 2000);
	assert_int_equal(side.n_gone, 1);
	side_close(&side);
}

static void t_a_peer_that_takes_nothing_is_not_read(void **state)
{
	static char piece[65536];
	struct side side;
	size_t sent = 0, got = 0;
	ssize_t n;
	int fds[2];

	(void)state;
	tcp_pair(fds);
	side_open(&side, fds[0]);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	for (unsigned i = 0; i < 2000 && sent < (64u << 20); i++) {
		n = send(fds[1], piece, sizeof piece, 0);
		sent += n > 0 ? (size_t)n : 0;
		if (n < 0 && stream_queued(side.s) > (256u << 10))
			break;
		side_run(&side, 1);
	}
	assert_true(stream_queued(side.s) > (256u << 10));
	assert_true(stream_queued(side.s) < (512u << 10));
	assert_true(sent < (64u << 20));
	for (unsigned i = 0; i < 5000 && got < sent; i++) {
		while ((n = recv(fds[1], piece, sizeof piece, 0)) > 0)
			got += (size_t)n;
		side_run(&side, 1);
	}
	assert_int_equal(got, sent);
	assert_true(side.n_drained >= 1);
	assert_int_equal(stream_queued(side.s), 0);
	close(fds[1]);
	side_close(&side);
}

static void t_the_last_reply_arrives(void **state)
{
	char line[100] = "";
	struct side side;
	int fds[2];

	(void)state;
	tcp_pair(fds);
	side_open(&side, fds[0]);
	side.echoes = false;
	side.closes_at_quit = true;
	assert_int_equal(send(fds[1], "QUIT\r\n", 6, 0), 6);
	side_run(&side, 20);
	assert_int_equal(send(fds[1], "MORE\r\n", 6, MSG_NOSIGNAL), 6);
	assert_int_equal(recv(fds[1], line, sizeof line, 0), 9);
	close(fds[1]);
	side_close(&side);

	/* Bytes that nobody reads any more must not reset the reply away. */
	tcp_pair(fds);
	side_open(&side, fds[0]);
	stream_pause(side.s);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(send(fds[1], line, sizeof line, 0), sizeof line);
	side_run(&side, 10);
	stream_send(side.s, SPAN("421 bye\r\n"));
	stream_close(&side.s);
	side_run(&side, 20);
	assert_int_equal(recv(fds[1], line, sizeof line, 0), 9);
	assert_int_equal(recv(fds[1], line, sizeof line, 0), 0);
	close(fds[1]);
	side_close(&side);
}

static void t_a_reset_is_not_clean(void **state)
{
	struct linger now = { .l_onoff = 1 };
	struct side side;
	int fds[2];

	(void)state;
	tcp_pair(fds);
	side_open(&side, fds[0]);
	setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(fds[1]);
	side_run(&side, 2000);
	assert_int_equal(side.n_gone, 1);
	assert_false(side.clean);
	side_close(&side);
}

static void t_connects_or_says_why(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f001f02) };
	struct sockaddr_in source = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f001f03) };
	struct sockaddr_in seen;
	socklen_t len = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	struct sockaddr none = { .sa_family = 250 };
	struct side side;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	side_open(&side, -1);
	side.connected = -1;
	side.s = stream_connect(side.loop, (struct stream_end_point){ (struct sockaddr *)&at, len }, (struct stream_end_point){ 0 }, &side_handlers, &side);
	side_run(&side, 2000);
	assert_int_equal(side.connected, ECONNREFUSED);
	side.s = stream_connect(side.loop, (struct stream_end_point){ &none, sizeof none }, (struct stream_end_point){ 0 }, &side_handlers, &side);
	side_run(&side, 2000);
	assert_int_equal(side.connected, EAFNOSUPPORT);
	listen(listener, 1);
	side.s = stream_connect(side.loop, (struct stream_end_point){ (struct sockaddr *)&at, len },
	    (struct stream_end_point){ (struct sockaddr *)&source, sizeof source }, &side_handlers, &side);
	stream_send(side.s, SPAN("before it is there\r\n"));
	side_run(&side, 2000);
	assert_int_equal(side.connected, 0);
	fd = accept(listener, (struct sockaddr *)&seen, &len);
	assert_int_equal(seen.sin_addr.s_addr, source.sin_addr.s_addr);
	side_run(&side, 20);
	assert_int_equal(recv(fd, (char[64]){ 0 }, 64, 0), 20);
	close(fd);
	close(listener);
	side_close(&side);
}

/* ---- pairs of certificate and key -------------------------------------------------------- */

static enum pr_err check(const struct pem *chain, const struct pem *key, const char **why)
{
	return tls_pair_check(span_of(chain->chain, chain->chain_len), span_of(key->key, key->key_len), (int64_t)time(NULL) * 1000, why);
}

static void t_pairs_are_checked(void **state)
{
	struct pem late = pem_make("DNS:late.example", false, -7200, -3600), early = pem_make("DNS:early.example", false, 3600, 7200);
	struct tls_options bad = { .ciphers = "no such cipher" };
	const char *why = NULL;
	struct pem cut = one;

	(void)state;
	assert_int_equal(check(&one, &one, &why), PR_OK);
	assert_int_equal(check(&one_rsa, &one_rsa, &why), PR_OK);
	assert_int_equal(check(&one, &two, &why), PR_BAD);
	assert_string_equal(why, "the key does not belong to the certificate");
	assert_int_equal(check(&late, &late, &why), PR_DENIED);
	assert_string_equal(why, "the certificate has expired");
	assert_int_equal(check(&early, &early, &why), PR_DENIED);
	assert_string_equal(why, "the certificate is not valid yet");
	for (cut.chain_len = 0; cut.chain_len < one.chain_len - 1; cut.chain_len += 7)
		assert_int_equal(check(&cut, &one, &why), PR_BAD);
	assert_null(tls_server_new(&bad, &why));
	assert_non_null(why);
	pem_free(&late);
	pem_free(&early);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_clear_echoes_and_ends),
		cmocka_unit_test(t_a_paused_stream_reads_nothing),
		cmocka_unit_test(t_a_peer_that_takes_nothing_is_not_read),
		cmocka_unit_test(t_the_last_reply_arrives),
		cmocka_unit_test(t_a_reset_is_not_clean),
		cmocka_unit_test(t_connects_or_says_why),
		cmocka_unit_test(t_pairs_are_checked),
		cmocka_unit_test(t_tls_echoes),
		cmocka_unit_test(t_tls_as_client), cmocka_unit_test(t_a_client_resumes_its_session_with_each_server),
		cmocka_unit_test(t_a_session_that_a_server_does_not_know_costs_a_whole_handshake),
		cmocka_unit_test(t_old_tls_is_refused),
		cmocka_unit_test(t_a_stream_that_is_closed_meanwhile_harms_no_other),
		cmocka_unit_test(t_the_name_chooses_the_certificate), cmocka_unit_test(t_a_set_keeps_pairs_of_the_one_before),
		cmocka_unit_test(t_rsa_and_ecdsa_stand_side_by_side),
		cmocka_unit_test(t_sessions_resume_at_another_worker),
		cmocka_unit_test(t_starttls_carries_nothing_over),
		cmocka_unit_test(t_other_protocols_are_sent_away),
		cmocka_unit_test(t_truncation_is_not_clean),
		cmocka_unit_test(t_garbage_is_no_handshake),
		cmocka_unit_test(t_a_flood_of_handshakes_takes_turns),
		cmocka_unit_test(t_a_pause_keeps_tls_bytes),
		cmocka_unit_test(t_tls_works_in_the_strictest_sandbox),
	};

	return cmocka_run_group_tests(tests, pems_make, pems_free);
}
