#include "base/key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/mem.h"

#define ED25519_PUBLIC_LEN 32

struct key {
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *rsa;	/* ready to sign; of private RSA keys alone */
	EVP_MD_CTX *ed25519;
	enum key_kind kind;
};

/* ---- birth and death ------------------------------------------------------------ */

static EVP_PKEY_CTX *rsa_context(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

	BUG_ON(!context || EVP_PKEY_sign_init(context) != 1 || EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) != 1);
	return context;
}

static struct key *key_new_take(EVP_PKEY *pkey, enum key_kind kind)
{
	struct key *k = mem_new(sizeof(*k));

	digest_load();
	k->pkey = pkey;
	k->kind = kind;
	if (kind == KEY_RSA)
		k->rsa = rsa_context(pkey);
	else
		k->ed25519 = EVP_MD_CTX_new();
	return k;
}

void key_free(struct key **kp)
{
	struct key *k = *kp;

	*kp = NULL;
	if (!k)
		return;
	EVP_PKEY_CTX_free(k->rsa);
	EVP_MD_CTX_free(k->ed25519);
	EVP_PKEY_free(k->pkey);
	mem_free(k);
}

struct key *key_make(enum key_kind kind)
{
	EVP_PKEY *pkey = kind == KEY_RSA ? EVP_RSA_gen(KEY_RSA_BITS) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	BUG_ON(!pkey);
	return key_new_take(pkey, kind);
}

/* Nobody is there to be asked. */
static int no_passphrase(char *to, int room, int writing, void *arg)
{
	(void)to, (void)room, (void)writing, (void)arg;
	return -1;
}

/* NULL: it can be used. */
static const char *fault_of(EVP_PKEY *pkey, enum key_kind *kind)
{
	int bits = EVP_PKEY_get_bits(pkey);

	*kind = KEY_ED25519;
	if (EVP_PKEY_is_a(pkey, "ED25519"))
		return NULL;
	*kind = KEY_RSA;
	if (!EVP_PKEY_is_a(pkey, "RSA"))
		return "neither an RSA nor an Ed25519 key";
	if (bits < KEY_RSA_BITS_MIN)
		return "an RSA key of less than 1024 bits";
	return bits > KEY_RSA_BITS_MAX ? "an RSA key of more than 4096 bits" : NULL;
}

enum pr_err key_read(struct span pem, struct key **out, const char **why)
{
	BIO *bio = BIO_new_mem_buf(pem.at, (int)span_first(pem, KEY_PEM_MAX).len);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	enum key_kind kind = KEY_RSA;

	BIO_free(bio);
	ERR_clear_error();
	*why = pkey ? fault_of(pkey, &kind) : "no private key in PEM without a passphrase";
	if (*why) {
		EVP_PKEY_free(pkey);
		return PR_BAD;
	}
	*out = key_new_take(pkey, kind);
	return PR_OK;
}

static EVP_PKEY *parse_public(enum key_kind kind, struct span public)
{
	const unsigned char *at = (const unsigned char *)public.at;
	EVP_PKEY *pkey;

	if (kind == KEY_ED25519)
		return EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, at, public.len);
	pkey = d2i_PUBKEY(NULL, &at, (long)public.len);
	at = (const unsigned char *)public.at;
	return pkey ? pkey : d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)public.len);
}

enum pr_err key_read_public(enum key_kind kind, struct span public, struct key **out, const char **why)
{
	EVP_PKEY *pkey = parse_public(kind, span_first(public, KEY_PEM_MAX));
	enum key_kind found = kind;

	ERR_clear_error();
	*why = pkey ? fault_of(pkey, &found) : "no public key";
	if (!*why && found != kind)
		*why = "a key of another kind";
	if (*why) {
		EVP_PKEY_free(pkey);
		return PR_BAD;
	}
	digest_load();
	*out = mem_new(sizeof(**out));
	(*out)->pkey = pkey;
	(*out)->kind = kind;
	return PR_OK;
}

/* ---- what it is ------------------------------------------------------------------ */

enum key_kind key_kind(const struct key *k)
{
	return k->kind;
}

const char *key_kind_text(enum key_kind kind)
{
	return kind == KEY_RSA ? "rsa" : "ed25519";
}

enum pr_err key_add_pem(const struct key *k, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	enum pr_err err;
	char *text;
	long len;

	BUG_ON(!bio || PEM_write_bio_PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL) != 1);
	len = BIO_get_mem_data(bio, &text);
	err = buf_add(out, span_of(text, (size_t)len));
	mem_wipe(text, (size_t)len);
	BIO_free(bio);
	return err;
}

static enum pr_err add_ed25519(const struct key *k, struct buf *out)
{
	unsigned char raw[ED25519_PUBLIC_LEN];
	size_t len = sizeof(raw);

	BUG_ON(EVP_PKEY_get_raw_public_key(k->pkey, raw, &len) != 1);
	return buf_add(out, span_of((const char *)raw, len));
}

enum pr_err key_add_public(const struct key *k, struct buf *out)
{
	unsigned char *der = NULL;
	enum pr_err err;
	int len;

	if (k->kind == KEY_ED25519)
		return add_ed25519(k, out);
	len = i2d_PUBKEY(k->pkey, &der);
	BUG_ON(len < 0);
	err = buf_add(out, span_of((const char *)der, (size_t)len));
	OPENSSL_free(der);
	return err;
}

/* ---- signing --------------------------------------------------------------------- */

size_t key_sign(struct key *k, const unsigned char digest[SHA256_LEN], unsigned char signature[KEY_SIGNATURE_MAX])
{
	size_t len = KEY_SIGNATURE_MAX;

	if (k->kind == KEY_RSA) {
		BUG_ON(EVP_PKEY_sign(k->rsa, signature, &len, digest, SHA256_LEN) != 1);
		return len;
	}
	BUG_ON(EVP_DigestSignInit_ex(k->ed25519, NULL, NULL, NULL, NULL, k->pkey, NULL) != 1);
	BUG_ON(EVP_DigestSign(k->ed25519, signature, &len, digest, SHA256_LEN) != 1);
	return len;
}

/* ---- verifying ------------------------------------------------------------------- */

static bool verify_rsa(EVP_PKEY *pkey, const unsigned char digest[SHA256_LEN], struct span signature)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool good;

	BUG_ON(!context || EVP_PKEY_verify_init(context) != 1 || EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) != 1);
	good = EVP_PKEY_verify(context, (const unsigned char *)signature.at, signature.len, digest, SHA256_LEN) == 1;
	EVP_PKEY_CTX_free(context);
	return good;
}

static bool verify_ed25519(EVP_PKEY *pkey, const unsigned char digest[SHA256_LEN], struct span signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good;

	BUG_ON(!context || EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, pkey, NULL) != 1);
	good = EVP_DigestVerify(context, (const unsigned char *)signature.at, signature.len, digest, SHA256_LEN) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

bool key_verify(const struct key *k, const unsigned char digest[SHA256_LEN], struct span signature)
{
	bool good = k->kind == KEY_RSA ? verify_rsa(k->pkey, digest, signature) : verify_ed25519(k->pkey, digest, signature);

	ERR_clear_error();
	return good;
}
