#include "loop/tls.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/digest.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "loop/tls_server.h"

#define TICKET_KEY_LEN  80
#define TICKET_KEYS_MAX 3
#define NAME_MAX_LEN    255	/* of a host; a longer one can't be ours */
#define SECURITY_LEVEL  2	/* 112 bits; what Debian asks for too */
#define SESSION_SECONDS 7200

static const char session_context[] = "postrider";

struct ticket_key {
	unsigned char name[16], aes[32], hmac[32];
};
_Static_assert(sizeof(struct ticket_key) == TICKET_KEY_LEN, "the form of the verb ticket_keys");

struct tls_name {
	struct map_node node;
	struct tls_context *context;
	struct tls_name *next;		/* of the same server */
	char text[];			/* lower case; "*.example.org" too */
};

/* One or two key types for the same names. */
struct tls_context {
	struct tls_context *next;
	SSL_CTX *ctx;
	char *names;			/* as names_of made them: whose contexts may be joined */
	int has_type[2];		/* EVP_PKEY ids taken so far */
};

struct tls_server {
	unsigned refs, n;
	struct labelled *labelled;
	struct map by_name;
	struct tls_name *names;
	struct tls_context *contexts, *first, *empty;
	struct tls_options options;
	char *ciphers, *groups;
	struct ticket_key keys[TICKET_KEYS_MAX];
	unsigned n_keys;
};

/* ---- PEM ------------------------------------------------------------------------- */

struct pair {
	X509 *leaf;
	STACK_OF(X509) *rest;
	EVP_PKEY *key;
};

static void pair_free(struct pair *p)
{
	X509_free(p->leaf);
	sk_X509_pop_free(p->rest, X509_free);
	EVP_PKEY_free(p->key);
	*p = (struct pair){ 0 };
	ERR_clear_error();
}

/* A key under a pass phrase must not ask a terminal for it. */
static int no_phrase(char *at, int room, int writing, void *arg)
{
	(void)at, (void)room, (void)writing, (void)arg;
	return -1;
}

static BIO *bio_of(struct span s)
{
	return s.len > 0 && s.len < (1u << 30) ? BIO_new_mem_buf(s.at, (int)s.len) : NULL;
}

static void read_chain(struct pair *p, BIO *bio)
{
	X509 *cert;

	p->leaf = PEM_read_bio_X509(bio, NULL, no_phrase, NULL);
	p->rest = sk_X509_new_null();
	while (p->leaf && p->rest && (cert = PEM_read_bio_X509(bio, NULL, no_phrase, NULL)))
		if (!sk_X509_push(p->rest, cert))
			X509_free(cert);
}

/* The words for what does not fit, or NULL. */
static const char *pair_read(struct pair *p, struct span chain, struct span key)
{
	BIO *chain_bio = bio_of(chain), *key_bio = bio_of(key);
	bool ended_well;

	*p = (struct pair){ 0 };
	ERR_clear_error();
	if (chain_bio)
		read_chain(p, chain_bio);
	ended_well = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	if (key_bio)
		p->key = PEM_read_bio_PrivateKey(key_bio, NULL, no_phrase, NULL);
	BIO_free(chain_bio);
	BIO_free(key_bio);
	if (!p->leaf)
		return "there is no certificate in it";
	if (!ended_well)
		return "a certificate of the chain can't be read";
	if (!p->key)
		return "there is no private key in it, or it needs a pass phrase";
	return X509_check_private_key(p->leaf, p->key) == 1 ? NULL : "the key does not belong to the certificate";
}

/* A pair under the label it was told with, so that a later set may keep it: no second copy of the key, OpenSSL counts who has it. */
struct labelled {
	struct labelled *next;
	struct pair pair;
	char label[];
};

static const struct pair *pair_find(const struct tls_server *t, struct span label)
{
	for (const struct labelled *l = t ? t->labelled : NULL; l; l = l->next)
		if (span_eq(label, span_of_text(l->label)))
			return &l->pair;
	return NULL;
}

static struct pair pair_share(const struct pair *p)
{
	struct pair same = { .leaf = p->leaf, .rest = X509_chain_up_ref(p->rest), .key = p->key };

	BUG_ON(!same.rest || !X509_up_ref(same.leaf) || !EVP_PKEY_up_ref(same.key));
	return same;
}

static void pair_label_take(struct tls_server *t, struct span label, struct pair *p)
{
	struct labelled *l = mem_new(sizeof *l + label.len + 1);

	memcpy(l->label, label.at, label.len);
	l->pair = *p;
	l->next = t->labelled;
	t->labelled = l;
	*p = (struct pair){ 0 };
}

static void labelled_free(struct tls_server *t)
{
	struct labelled *l, *next;

	for (l = t->labelled; l; l = next) {
		next = l->next;
		pair_free(&l->pair);
		mem_free(l);
	}
}

/* ---- names ------------------------------------------------------------------------ */

static bool name_is_sane(struct span name)
{
	return name.len > 0 && name.len <= NAME_MAX_LEN && text_is_printable(name) && span_find(name, ' ') == name.len;
}

static void add_name(struct buf *out, const ASN1_STRING *s)
{
	struct span name = span_of((const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));

	if (!name_is_sane(name))
		return;
	buf_add(out, name);
	buf_add_char(out, ' ');
}

static void add_common_name(struct buf *out, const X509 *cert)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	if (at >= 0)
		add_name(out, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

/* All names of the certificate with a blank after each, lower case: those of its SAN, else its CN (RFC 6125 6.4.4). */
static void names_of(const X509 *cert, struct buf *out)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);

		if (name->type == GEN_DNS)
			add_name(out, name->d.dNSName);
	}
	if (out->len == 0)
		add_common_name(out, cert);
	GENERAL_NAMES_free(all);
	text_lower_in_place(out->at, out->len);
}

static void server_add_name(struct tls_server *t, struct span text, struct tls_context *context)
{
	struct tls_name *name;

	if (map_find(&t->by_name, text))
		return;		/* the first certificate of a name has it */
	name = mem_new(sizeof *name + text.len + 1);
	memcpy(name->text, text.at, text.len);
	name->context = context;
	name->next = t->names;
	t->names = name;
	map_put(&t->by_name, &name->node, span_of(name->text, text.len));
}

static struct tls_context *find_exact(const struct tls_server *t, struct span name)
{
	struct map_node *node = map_find(&t->by_name, name);

	return node ? MAP_OWNER(node, struct tls_name, node)->context : NULL;
}

/* Exact, else `*.` in place of its first label (RFC 6125 6.4.3); NULL: nobody's. */
static struct tls_context *find_name(const struct tls_server *t, const char *sni)
{
	char text[NAME_MAX_LEN + 2];
	size_t len = strlen(sni), dot;
	struct tls_context *found;

	if (len > 0 && sni[len - 1] == '.')
		len--;
	if (len == 0 || len > NAME_MAX_LEN)
		return NULL;
	memcpy(text, sni, len);
	text_lower_in_place(text, len);
	found = find_exact(t, span_of(text, len));
	dot = span_find(span_of(text, len), '.');
	if (found || dot == 0 || dot == len)
		return found;
	text[dot - 1] = '*';
	return find_exact(t, span_of(text + dot - 1, len - dot + 1));
}

/* ---- callbacks -------------------------------------------------------------------- */

/* An unknown or senseless name gives the default one: an alert would only turn mail away. */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	struct tls_server *t = arg;
	const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct tls_context *found = sni ? find_name(t, sni) : NULL;

	(void)alert;
	if (found && SSL_get_SSL_CTX(ssl) != found->ctx)
		SSL_set_SSL_CTX(ssl, found->ctx);
	return sni ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* RFC 7301: a client that speaks of protocols speaks none of ours when none is mail's: it is sent away (cross-protocol attacks). */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned in_len, void *arg)
{
	static const unsigned char smtp[] = { 4, 's', 'm', 't', 'p' };
	unsigned char *chosen;

	(void)ssl, (void)arg;
	if (SSL_select_next_proto(&chosen, out_len, smtp, sizeof smtp, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static const struct ticket_key *ticket_find(const struct tls_server *t, const unsigned char *name)
{
	for (unsigned i = 0; i < t->n_keys; i++)
		if (digest_equal(t->keys[i].name, name, sizeof t->keys[i].name))
			return &t->keys[i];
	return NULL;
}

static int ticket_mac(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
	OSSL_PARAM params[3];
	char digest[] = "SHA256";
	unsigned char hmac[sizeof key->hmac];
	int good;

	memcpy(hmac, key->hmac, sizeof hmac);
	params[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, hmac, sizeof hmac);
	params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
	params[2] = OSSL_PARAM_construct_end();
	good = EVP_MAC_CTX_set_params(mac, params);
	mem_wipe(hmac, sizeof hmac);
	return good;
}

static int ticket_seal(struct tls_server *t, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	const struct ticket_key *key = &t->keys[0];

	if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1)
		return -1;
	memcpy(name, key->name, sizeof key->name);
	return EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv) && ticket_mac(mac, key) ? 1 : -1;
}

/* 0: no ticket can be used or made; 2: good, and a new one is due because its key is not the newest. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing)
{
	struct tls_server *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const struct ticket_key *key;

	if (t->n_keys == 0)
		return 0;
	if (sealing)
		return ticket_seal(t, name, iv, cipher, mac);
	key = ticket_find(t, name);
	if (!key)
		return 0;
	if (!EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv) || !ticket_mac(mac, key))
		return -1;
	return key == &t->keys[0] && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
}

/* ---- contexts --------------------------------------------------------------------- */

/* OpenSSL's macro asks for text that may be written to. */
static bool set_groups(SSL_CTX *ctx, const char *words)
{
	char *groups = mem_text(span_of_text(words));
	bool understood = SSL_CTX_set1_groups_list(ctx, groups) == 1;

	mem_free(groups);
	return understood;
}

static bool context_set_options(SSL_CTX *ctx, const struct tls_options *o, const char **why)
{
	SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
	if (!SSL_CTX_set_min_proto_version(ctx, o->minimum ? TLS1_3_VERSION : TLS1_2_VERSION)) {
		*why = "the least version of TLS is not to be had";
		return false;
	}
	if (o->ciphers && *o->ciphers && !SSL_CTX_set_cipher_list(ctx, o->ciphers)) {
		*why = "the ciphers are not understood";
		return false;
	}
	if (o->groups && *o->groups && !set_groups(ctx, o->groups)) {
		*why = "the groups are not understood";
		return false;
	}
	return true;
}

static SSL_CTX *context_new(struct tls_server *t, const char **why)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	BUG_ON(!ctx);
	if (!context_set_options(ctx, &t->options, why)) {
		SSL_CTX_free(ctx);
		ERR_clear_error();
		return NULL;
	}
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_timeout(ctx, SESSION_SECONDS);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)session_context, sizeof session_context - 1);
	SSL_CTX_set_app_data(ctx, t);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(ctx, t);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	return ctx;
}

/* RSA and ECDSA of the same names stand in one context, which then chooses by what the client can. */
static struct tls_context *context_to_join(struct tls_server *t, const char *names, int type)
{
	for (struct tls_context *c = t->contexts; c; c = c->next)
		if (strcmp(c->names, names) == 0 && c->has_type[0] != type && c->has_type[1] == 0)
			return c;
	return NULL;
}

static void context_free(struct tls_context *c)
{
	SSL_CTX_free(c->ctx);
	mem_free(c->names);
	mem_free(c);
}

static const char *context_take_pair(struct tls_context *c, struct pair *p)
{
	if (SSL_CTX_use_cert_and_key(c->ctx, p->leaf, p->key, p->rest, 1) == 1)
		return NULL;
	ERR_clear_error();
	return "the certificate is too weak, or of a kind that can't be used";
}

static const char *server_add_pair(struct tls_server *t, struct pair *p, const char *names)
{
	int type = EVP_PKEY_get_base_id(p->key);
	struct tls_context *c = context_to_join(t, names, type);
	struct span rest = span_of_text(names);
	const char *why = NULL;

	if (c) {
		why = context_take_pair(c, p);
		if (!why)
			c->has_type[1] = type;
		return why;
	}
	c = mem_new(sizeof *c);
	c->ctx = context_new(t, &why);
	c->names = mem_text(rest);
	c->has_type[0] = type;
	why = c->ctx ? context_take_pair(c, p) : why;
	if (why) {
		context_free(c);
		return why;
	}
	c->next = t->contexts;
	t->contexts = c;
	if (!t->first)
		t->first = c;
	while (rest.len > 0)
		server_add_name(t, span_cut(&rest, ' '), c);
	return NULL;
}

static const char *server_take_pair(struct tls_server *t, struct span label, struct pair *p)
{
	struct buf names;
	const char *why;

	buf_init(&names, 1u << 20);
	names_of(p->leaf, &names);
	buf_add_char(&names, '\0');
	why = server_add_pair(t, p, names.at);
	buf_fini(&names);
	if (!why) {
		pair_label_take(t, label, p);
		t->n++;
	}
	return why;
}

enum pr_err tls_server_add(struct tls_server *t, struct span label, struct span chain, struct span key, const char **why)
{
	struct pair pair;

	*why = pair_read(&pair, chain, key);
	if (!*why)
		*why = server_take_pair(t, label, &pair);
	pair_free(&pair);
	return *why ? PR_BAD : PR_OK;
}

bool tls_server_keep(struct tls_server *t, const struct tls_server *old, struct span label)
{
	const struct pair *kept = pair_find(old, label);
	struct pair pair;
	bool is_kept;

	if (!kept)
		return false;
	pair = pair_share(kept);
	is_kept = !server_take_pair(t, label, &pair);
	pair_free(&pair);
	return is_kept;
}

/* ---- life ------------------------------------------------------------------------- */

struct tls_server *tls_server_new(const struct tls_options *options, const char **why)
{
	struct tls_server *t = mem_new(sizeof *t);

	t->refs = 1;
	map_init(&t->by_name);
	t->ciphers = mem_text(span_of_text(options->ciphers));
	t->groups = mem_text(span_of_text(options->groups));
	t->options = (struct tls_options){ t->ciphers, t->groups, options->minimum };
	t->empty = mem_new(sizeof *t->empty);
	t->empty->ctx = context_new(t, why);
	if (!t->empty->ctx)
		tls_server_free(&t);
	return t;
}

struct tls_server *tls_server_ref(struct tls_server *t)
{
	t->refs++;
	return t;
}

static void names_free(struct tls_server *t)
{
	struct tls_name *name, *next;

	map_fini(&t->by_name);
	for (name = t->names; name; name = next) {
		next = name->next;
		mem_free(name);
	}
}

static void contexts_free(struct tls_server *t)
{
	struct tls_context *c, *next;

	for (c = t->contexts; c; c = next) {
		next = c->next;
		context_free(c);
	}
	context_free(t->empty);
}

void tls_server_free(struct tls_server **where)
{
	struct tls_server *t = *where;

	*where = NULL;
	if (!t || --t->refs > 0)
		return;
	names_free(t);
	contexts_free(t);
	labelled_free(t);
	mem_free(t->ciphers);
	mem_free(t->groups);
	mem_wipe(t->keys, sizeof t->keys);
	mem_free(t);
}

SSL_CTX *tls_server_default(struct tls_server *t)
{
	return t->first ? t->first->ctx : t->empty->ctx;
}

bool tls_server_has_tickets(const struct tls_server *t)
{
	return t->n_keys > 0;
}

unsigned tls_server_count(const struct tls_server *t)
{
	return t->n;
}

void tls_server_ticket_keys(struct tls_server *t, struct span keys)
{
	size_t n = keys.len / TICKET_KEY_LEN;

	t->n_keys = (unsigned)(n < TICKET_KEYS_MAX ? n : TICKET_KEYS_MAX);
	memcpy(t->keys, keys.at, t->n_keys * TICKET_KEY_LEN);
}

/* ---- the master's checks ---------------------------------------------------------- */

static const char *in_force(const X509 *cert, int64_t wall_ms)
{
	time_t now = (time_t)(wall_ms / 1000);

	if (X509_cmp_time(X509_get0_notBefore(cert), &now) > 0)
		return "the certificate is not valid yet";
	return X509_cmp_time(X509_get0_notAfter(cert), &now) < 0 ? "the certificate has expired" : NULL;
}

enum pr_err tls_pair_check(struct span chain, struct span key, int64_t wall_ms, const char **why)
{
	struct tls_options options = { 0 };
	struct tls_server *probe = tls_server_new(&options, why);
	enum pr_err err = PR_BAD;
	struct pair pair;

	if (!probe)
		return PR_BAD;
	*why = pair_read(&pair, chain, key);
	if (!*why)
		err = tls_server_add(probe, SPAN(""), chain, key, why);
	if (err == PR_OK) {
		*why = in_force(pair.leaf, wall_ms);
		err = *why ? PR_DENIED : PR_OK;
	}
	pair_free(&pair);
	tls_server_free(&probe);
	return err;
}

void tls_warm_up(void)
{
	struct tls_options options = { 0 };
	const char *why = NULL;
	struct tls_server *t;
	unsigned char byte;

	OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_LOAD_CONFIG, NULL);
	BUG_ON(RAND_bytes(&byte, 1) != 1 || RAND_priv_bytes(&byte, 1) != 1);
	t = tls_server_new(&options, &why);
	BUG_ON(!t);
	tls_server_free(&t);
}
