#include "base/password.h"

#include <crypt.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/text.h"

_Static_assert(PASSWORD_HASH_MAX == CRYPT_OUTPUT_SIZE, "a hash fits");

#define METHOD       "$y$"	/* yescrypt */
#define DEFAULT_COST 0		/* libcrypt's own choice, which moves with the times */
#define SALT_ENTROPY 24
static const struct span scram_name = { "SCRAM-SHA-256", 13 };

static bool is_fit(struct span password)
{
	for (size_t i = 0; i < password.len; i++)
		if ((unsigned char)password.at[i] < 0x20 || password.at[i] == 0x7f)
			return false;
	return password.len > 0 && password.len <= PASSWORD_MAX && text_is_utf8(password);
}

static bool make_setting(char setting[CRYPT_GENSALT_OUTPUT_SIZE])
{
	char entropy[SALT_ENTROPY];

	random_bytes(entropy, sizeof(entropy));
	return crypt_gensalt_rn(METHOD, DEFAULT_COST, entropy, sizeof(entropy), setting, CRYPT_GENSALT_OUTPUT_SIZE) != NULL;
}

/* The hash of password under setting (which may be a whole hash); false where libcrypt refuses. */
static bool make_hash(const char *setting, struct span password, char hash[PASSWORD_HASH_MAX])
{
	struct crypt_data *data = mem_new(sizeof(*data));	/* 32 KiB: too much for a thread's stack */
	char *phrase = mem_text(password);
	char *made = crypt_rn(phrase, setting, data, sizeof(*data));

	if (made)
		memcpy(hash, made, strlen(made) + 1);
	mem_wipe(phrase, password.len);
	mem_free(phrase);
	mem_wipe(data, sizeof(*data));
	mem_free(data);
	return made != NULL;
}

void password_make_scram(struct span password, struct password_scram *scram)
{
	unsigned char salted[SHA256_LEN], client_key[SHA256_LEN];
	struct span key = span_of((const char *)salted, sizeof(salted));

	digest_pbkdf2_sha256(password, span_of((const char *)scram->salt, sizeof(scram->salt)), scram->iterations, salted);
	digest_hmac_sha256(key, SPAN("Client Key"), client_key);
	digest_sha256(span_of((const char *)client_key, sizeof(client_key)), scram->stored_key);
	digest_hmac_sha256(key, SPAN("Server Key"), scram->server_key);
	mem_wipe(salted, sizeof(salted));
	mem_wipe(client_key, sizeof(client_key));
}

enum pr_err password_make(struct span password, struct password *out)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];

	if (!is_fit(password))
		return PR_BAD;
	*out = (struct password){ .scram.iterations = PASSWORD_ITERATIONS };
	if (!make_setting(setting) || !make_hash(setting, password, out->hash))
		return PR_IO;
	random_bytes(out->scram.salt, sizeof(out->scram.salt));
	password_make_scram(password, &out->scram);
	return PR_OK;
}

bool password_check(const char *hash, struct span password)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE], made[PASSWORD_HASH_MAX] = "";
	bool fit = is_fit(password), right;
	size_t len;

	/* Whoever asks must not learn from the time it takes that there is no such user. */
	if (!hash && !make_setting(setting))
		return false;
	if (!make_hash(hash ? hash : setting, fit ? password : SPAN("-"), made))
		return false;
	len = strlen(made);
	right = hash && strlen(hash) == len && digest_equal(hash, made, len);
	mem_wipe(made, sizeof(made));
	return right && fit;
}

static void add_bytes(struct buf *out, char before, const unsigned char *at, size_t len)
{
	buf_add_char(out, before);
	base64_add(out, span_of((const char *)at, len));
}

enum pr_err password_add_text(const struct password *p, struct buf *out)
{
	buf_printf(out, "%s %.*s$%u", p->hash, SPAN_ARG(scram_name), p->scram.iterations);
	add_bytes(out, ':', p->scram.salt, sizeof(p->scram.salt));
	add_bytes(out, '$', p->scram.stored_key, sizeof(p->scram.stored_key));
	add_bytes(out, ':', p->scram.server_key, sizeof(p->scram.server_key));
	return out->overflowed ? PR_FULL : PR_OK;
}

static bool decode_whole(struct span text, unsigned char *out, size_t len)
{
	size_t got;

	return base64_decode(text, out, len, &got) == PR_OK && got == len;
}

enum pr_err password_from_text(struct span text, struct password *out)
{
	struct password p = { 0 };
	struct span hash = span_cut(&text, ' '), name = span_cut(&text, '$'), iterations = span_cut(&text, ':');
	struct span salt = span_cut(&text, '$'), stored = span_cut(&text, ':');
	unsigned long long n;

	if (hash.len < 3 || hash.len >= sizeof(p.hash) || hash.at[0] != '$' || !text_is_printable(hash) || !span_eq(name, scram_name))
		return PR_BAD;
	if (!span_to_u64(iterations, PASSWORD_ITERATIONS_MAX, &n) || n == 0)
		return PR_BAD;
	if (!decode_whole(salt, p.scram.salt, sizeof(p.scram.salt)) || !decode_whole(stored, p.scram.stored_key, SHA256_LEN) ||
	    !decode_whole(text, p.scram.server_key, SHA256_LEN))
		return PR_BAD;
	memcpy(p.hash, hash.at, hash.len);
	p.scram.iterations = (unsigned)n;
	*out = p;
	return PR_OK;
}
