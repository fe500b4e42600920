#include "auth/sasl.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/text.h"

enum {
	STAGE_FIRST,	/* nothing was said */
	STAGE_SECOND,	/* LOGIN: the name came; SCRAM: the client's proof is next */
	STAGE_LAST	/* SCRAM: our own proof was sent, an empty answer is next */
};

static const char *const names[N_SASL_MECHANISMS] = {
	[SASL_PLAIN] = "PLAIN", [SASL_LOGIN] = "LOGIN", [SASL_SCRAM] = "SCRAM-SHA-256", [SASL_SCRAM_PLUS] = "SCRAM-SHA-256-PLUS",
};

bool sasl_find(struct span name, enum sasl_mechanism *out)
{
	for (enum sasl_mechanism m = 0; m < N_SASL_MECHANISMS; m++) {
		*out = m;
		if (span_eq_nocase(name, span_of_text(names[m])))
			return true;
	}
	return false;
}

const char *sasl_name(enum sasl_mechanism m)
{
	return names[m];
}

void sasl_init(struct sasl *s, enum sasl_mechanism m)
{
	memset(s, 0, sizeof(*s));
	s->mechanism = m;
	buf_init(&s->binding, SASL_MESSAGE_MAX);
	buf_init(&s->nonce, SASL_MESSAGE_MAX);
	buf_init(&s->proven, 4 * SASL_MESSAGE_MAX);
}

void sasl_fini(struct sasl *s)
{
	buf_fini(&s->binding);
	buf_fini(&s->nonce);
	buf_fini(&s->proven);
	mem_wipe(s, sizeof(*s));
}

/* ---- names and passwords ------------------------------------------------------- */

static bool take_text(struct span in, char *at, size_t max, size_t *len)
{
	if (in.len == 0 || in.len > max || memchr(in.at, '\0', in.len) || !text_is_utf8(in))
		return false;
	memcpy(at, in.at, in.len);
	at[in.len] = '\0';
	*len = in.len;
	return true;
}

static bool take_user(struct sasl *s, struct span in)
{
	return take_text(in, s->user, SASL_USER_MAX, &s->user_len);
}

static enum sasl_step take_password(struct sasl *s, struct span in)
{
	return take_text(in, s->password, SASL_PASSWORD_MAX, &s->password_len) ? SASL_PASSWORD : SASL_BROKEN;
}

/* [authzid] NUL authcid NUL passwd; nobody may act as somebody else. */
static enum sasl_step plain(struct sasl *s, struct span in)
{
	size_t n_nuls = 0;
	struct span as, user;

	for (size_t i = 0; i < in.len; i++)
		n_nuls += in.at[i] == '\0';
	if (n_nuls != 2)
		return SASL_BROKEN;
	as = span_cut(&in, '\0');
	user = span_cut(&in, '\0');
	if (!take_user(s, user) || (as.len > 0 && !span_eq(as, user)))
		return SASL_BROKEN;
	return take_password(s, in);
}

static enum sasl_step login(struct sasl *s, struct span in, struct buf *out)
{
	if (s->stage == STAGE_SECOND)
		return take_password(s, in);
	if (!take_user(s, in))
		return SASL_BROKEN;
	s->stage = STAGE_SECOND;
	buf_add(out, SPAN("Password:"));
	return SASL_CHALLENGE;
}

/* ---- SCRAM: the client's first message --------------------------------------------
 *
 *	client-first-message = gs2-header client-first-message-bare
 *	gs2-header           = ( "p=" cb-name / "n" / "y" ) "," [ "a=" saslname ] ","
 *	client-first-message-bare = "n=" saslname ",r=" c-nonce ["," extensions]
 */

static bool decode_name(struct sasl *s, struct span name)
{
	char text[SASL_USER_MAX];
	size_t len = 0;

	while (name.len > 0 && len < sizeof(text)) {
		bool is_escape = name.at[0] == '=';

		if (is_escape && !span_starts_nocase(name, SPAN("=2C")) && !span_starts_nocase(name, SPAN("=3D")))
			return false;
		text[len++] = !is_escape ? name.at[0] : name.at[1] == '2' ? ',' : '=';
		name = span_from(name, is_escape ? 3 : 1);
	}
	return name.len == 0 && take_user(s, span_of(text, len));
}

static bool take_attribute(struct span *rest, char letter, struct span *value)
{
	struct span one = span_cut(rest, ',');

	if (one.len < 3 || one.at[0] != letter || one.at[1] != '=')
		return false;
	*value = span_from(one, 2);
	return true;
}

/* What must stand in c=: the header, and the binding it names. */
static enum sasl_step expect_binding(struct sasl *s, struct span header, struct span flag, const struct sasl_bindings *b)
{
	struct span data = SPAN_NONE;
	struct buf all;

	if (s->mechanism == SASL_SCRAM_PLUS) {
		if (span_eq(flag, SPAN("p=tls-exporter")))
			data = b->exporter;
		else if (span_eq(flag, SPAN("p=tls-server-end-point")))
			data = b->end_point;
		if (data.len == 0)
			return SASL_WRONG;
	} else if (span_eq(flag, SPAN("y"))) {
		/* It could bind, and believes that we can't: somebody took that from our offer. */
		if (b->exporter.len + b->end_point.len > 0)
			return SASL_WRONG;
	} else if (!span_eq(flag, SPAN("n"))) {
		return SASL_BROKEN;
	}
	buf_init(&all, SASL_MESSAGE_MAX);
	buf_add(&all, header);
	buf_add(&all, data);
	base64_add(&s->binding, buf_span(&all));
	buf_fini(&all);
	return SASL_NAMED;
}

static enum sasl_step scram_first(struct sasl *s, struct span in, const struct sasl_bindings *b)
{
	struct span rest = in, flag = span_cut(&rest, ','), as = span_cut(&rest, ','), bare = rest, name, nonce;
	char ours[SASL_NONCE_LEN];

	if (!take_attribute(&rest, 'n', &name) || !take_attribute(&rest, 'r', &nonce))
		return SASL_BROKEN;
	if (!decode_name(s, name) || !text_is_printable(nonce))
		return SASL_BROKEN;
	if (as.len > 0 && (as.len != name.len + 2 || memcmp(as.at, "a=", 2) != 0 || memcmp(as.at + 2, name.at, name.len) != 0))
		return SASL_BROKEN;
	random_bytes(ours, sizeof(ours));
	buf_add(&s->nonce, nonce);
	base64_add(&s->nonce, span_of(ours, sizeof(ours)));
	buf_add(&s->proven, bare);
	if (s->nonce.overflowed)
		return SASL_BROKEN;
	return expect_binding(s, span_first(in, in.len - bare.len), flag, b);
}

void sasl_give_numbers(struct sasl *s, const struct password_scram *numbers, struct buf *out)
{
	size_t before = out->len;

	s->numbers = *numbers;
	s->stage = STAGE_SECOND;
	buf_printf(out, "r=%.*s,s=", SPAN_ARG(buf_span(&s->nonce)));
	base64_add(out, span_of((const char *)numbers->salt, sizeof(numbers->salt)));
	buf_printf(out, ",i=%u", numbers->iterations);
	buf_add_char(&s->proven, ',');
	buf_add(&s->proven, span_from(buf_span(out), before));
}

/* ---- SCRAM: the proof ---------------------------------------------------------------
 *
 *	client-final-message = "c=" base64 ",r=" nonce ["," extensions] ",p=" base64
 */

static bool proof_is_right(const struct sasl *s, const unsigned char proof[SHA256_LEN])
{
	unsigned char key[SHA256_LEN], stored[SHA256_LEN];
	bool right;

	digest_hmac_sha256(span_of((const char *)s->numbers.stored_key, SHA256_LEN), buf_span(&s->proven), key);
	for (unsigned i = 0; i < SHA256_LEN; i++)
		key[i] ^= proof[i];
	digest_sha256(span_of((const char *)key, SHA256_LEN), stored);
	right = digest_equal(stored, s->numbers.stored_key, SHA256_LEN);
	mem_wipe(key, sizeof(key));
	mem_wipe(stored, sizeof(stored));
	return right;
}

static void add_own_proof(const struct sasl *s, struct buf *out)
{
	unsigned char signature[SHA256_LEN];

	digest_hmac_sha256(span_of((const char *)s->numbers.server_key, SHA256_LEN), buf_span(&s->proven), signature);
	buf_add(out, SPAN("v="));
	base64_add(out, span_of((const char *)signature, SHA256_LEN));
}

/* The last attribute; *in becomes what is before its comma. */
static bool cut_proof(struct span *in, unsigned char proof[SHA256_LEN])
{
	size_t at = in->len, got;

	while (at > 0 && in->at[at - 1] != ',')
		at--;
	if (at == 0 || in->len - at < 3 || memcmp(in->at + at, "p=", 2) != 0)
		return false;
	if (base64_decode(span_from(*in, at + 2), proof, SHA256_LEN, &got) != PR_OK || got != SHA256_LEN)
		return false;
	*in = span_first(*in, at - 1);
	return true;
}

static enum sasl_step scram_proof(struct sasl *s, struct span in, struct buf *out)
{
	unsigned char proof[SHA256_LEN];
	struct span rest, binding, nonce;

	if (!cut_proof(&in, proof))
		return SASL_BROKEN;
	rest = in;
	if (!take_attribute(&rest, 'c', &binding) || !take_attribute(&rest, 'r', &nonce))
		return SASL_BROKEN;
	if (!span_eq(binding, buf_span(&s->binding)) || !span_eq(nonce, buf_span(&s->nonce)))
		return SASL_WRONG;
	buf_add_char(&s->proven, ',');
	buf_add(&s->proven, in);
	if (s->proven.overflowed)
		return SASL_BROKEN;
	if (!proof_is_right(s, proof))
		return SASL_WRONG;
	add_own_proof(s, out);
	s->stage = STAGE_LAST;
	return SASL_CHALLENGE;
}

/* ---- both ----------------------------------------------------------------------------- */

void sasl_begin(struct sasl *s, struct buf *out)
{
	if (s->mechanism == SASL_LOGIN)
		buf_add(out, SPAN("Username:"));
}

enum sasl_step sasl_step(struct sasl *s, struct span in, const struct sasl_bindings *b, struct buf *out)
{
	if (s->mechanism == SASL_PLAIN)
		return plain(s, in);
	if (s->mechanism == SASL_LOGIN)
		return login(s, in, out);
	if (in.len > SASL_MESSAGE_MAX)
		return SASL_BROKEN;
	switch (s->stage) {
	case STAGE_FIRST: return scram_first(s, in, b);
	case STAGE_SECOND: return scram_proof(s, in, out);
	default: return in.len == 0 ? SASL_PROVEN : SASL_BROKEN;
	}
}
