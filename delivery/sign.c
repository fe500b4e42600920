#include "delivery/sign.h"

#include <string.h>

#include "base/mem.h"
#include "mail/address.h"
#include "mail/dkim.h"

#define FIELDS_MAX 16384	/* bytes of two signatures: of RSA with 4096 bits and 73 names each, not a fifth of that */

/* A message whose header comes. */
struct asked {
	struct list list;
	uint32_t ask;
	struct msg_id id;
	size_t domain_len;
	char domain[ADDRESS_DOMAIN_MAX];
	unsigned char body_hash[SHA256_LEN];
	struct dkim_header header;
};

void signer_init(struct signer *s, const struct signer_handlers *on, void *owner)
{
	*s = (struct signer){ .on = on, .owner = owner };
	list_init(&s->asks);
	list_init(&s->ended);
}

static struct asked *asked_of(struct list *node)
{
	return LIST_OWNER(node, struct asked, list);
}

static void asked_free(struct asked *a)
{
	list_remove(&a->list);
	dkim_header_fini(&a->header);
	mem_free(a);
}

static struct asked *find(struct signer *s, uint32_t ask)
{
	LIST_EACH(node, &s->asks)
		if (asked_of(node)->ask == ask)
			return asked_of(node);
	return NULL;
}

/* ---- signing --------------------------------------------------------------------- */

static void tell(struct signer *s, const struct asked *a, struct instant now, enum event_code code, struct span reason)
{
	struct event ev;

	event_begin(&ev, code, now.wall_ms, &a->id);
	event_text(&ev, EF_DOMAIN, span_of(a->domain, a->domain_len));
	event_text(&ev, EF_REASON, reason);
	s->on->tell(s->owner, &ev);
}

static enum pr_err add_field(const struct asked *a, const struct ring_key *k, struct instant now, struct buf *out)
{
	struct dkim_signature sig = {
		.algorithm = key_kind(k->key) == KEY_RSA ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256,
		.domain = span_of_text(k->domain->name), .selector = span_of_text(k->selector), .body_hash = a->body_hash,
		.signed_at = now.wall_ms / 1000,
	};
	unsigned char digest[SHA256_LEN], signature[KEY_SIGNATURE_MAX];
	enum pr_err err;

	if (k->domain->expire_ms > 0)
		sig.expires_at = sig.signed_at + k->domain->expire_ms / 1000;
	err = dkim_signature_begin(&a->header, &sig, out, digest);
	return err == PR_OK ? dkim_signature_end(out, span_of((const char *)signature, key_sign(k->key, digest, signature))) : err;
}

/* RSA first, for a verifier that looks at the first signature alone most likely knows it. */
static enum wire_signed sign(struct asked *a, const struct ring_domain *d, struct instant now, struct buf *out)
{
	if (dkim_header_finish(&a->header) != PR_OK)
		return SIGN_NOT_POSSIBLE;
	for (enum key_kind kind = KEY_RSA; kind <= KEY_ED25519; kind++) {
		const struct ring_key *k = keyring_signing(d, kind);

		if (k && add_field(a, k, now, out) != PR_OK)
			return SIGN_NOT_POSSIBLE;
	}
	return SIGNED;
}

/* That a domain has no key is told once, not with each message. */
static enum wire_signed sign_or_tell(struct signer *s, struct asked *a, struct instant now, struct buf *out)
{
	struct ring_domain *d = keyring_find(s->ring, span_of(a->domain, a->domain_len));
	enum wire_signed result;

	if (!d)
		return SIGN_NO_KEY;
	if (list_is_empty(&d->keys)) {
		if (!d->is_missed)
			tell(s, a, now, EV_DKIM_NO_KEY, SPAN("its mail leaves unsigned; make a key with: postrider dkim keygen"));
		d->is_missed = true;
		return SIGN_NO_KEY;
	}
	result = sign(a, d, now, out);
	s->n_signed += result == SIGNED;
	tell(s, a, now, result == SIGNED ? EV_MESSAGE_SIGNED : EV_DKIM_NOT_SIGNED,
	    result == SIGNED ? SPAN_NONE : SPAN("its header has no From, too many fields or too many bytes"));
	return result;
}

static void answer(struct signer *s, struct asked *a, struct instant now)
{
	struct wire_sign_done done = { .ask = a->ask };
	struct buf fields;

	buf_init(&fields, FIELDS_MAX);
	done.result = (uint8_t)sign_or_tell(s, a, now, &fields);
	if (done.result == SIGNED)
		done.fields = buf_span(&fields);
	s->on->say(s->owner, WIRE_sign_done, &done);
	buf_fini(&fields);
	asked_free(a);
}

/* ---- what spool says --------------------------------------------------------------- */

static enum pr_err on_ask(struct signer *s, const struct wire_sign_ask *m)
{
	struct asked *a;

	if (m->body_hash.len != SHA256_LEN || m->domain.len > sizeof(a->domain) || find(s, m->ask))
		return PR_BAD;
	a = mem_new(sizeof(*a));
	a->ask = m->ask;
	a->id = m->id;
	a->domain_len = m->domain.len;
	memcpy(a->domain, m->domain.at, m->domain.len);
	memcpy(a->body_hash, m->body_hash.at, SHA256_LEN);
	dkim_header_init(&a->header);
	list_add_first(&s->asks, &a->list);
	return PR_OK;
}

static enum pr_err on_part(struct signer *s, const struct wire_sign_part *m)
{
	struct asked *a = find(s, m->ask);

	if (!a)
		return PR_BAD;
	dkim_header_feed(&a->header, m->bytes);
	s->on->say(s->owner, WIRE_sign_window, &(struct wire_sign_window){ .ask = m->ask, .bytes = (uint32_t)m->bytes.len });
	return PR_OK;
}

static enum pr_err on_end(struct signer *s, const struct wire_sign_end *m, struct instant now)
{
	struct asked *a = find(s, m->ask);

	if (!a)
		return PR_BAD;
	list_remove(&a->list);
	if (s->is_waiting)
		list_add_last(&s->ended, &a->list);
	else
		answer(s, a, now);
	return PR_OK;
}

enum pr_err signer_hear(struct signer *s, struct instant now, enum wire_verb verb, const union wire_msg *msg)
{
	switch (verb) {
	case WIRE_sign_ask:
		return on_ask(s, &msg->sign_ask);
	case WIRE_sign_part:
		return on_part(s, &msg->sign_part);
	case WIRE_sign_end:
		return on_end(s, &msg->sign_end, now);
	default:
		return PR_BAD;
	}
}

void signer_go_on(struct signer *s, struct instant now)
{
	struct list *node;

	s->is_waiting = false;
	while ((node = list_take_first(&s->ended)))
		answer(s, asked_of(node), now);
}

void signer_forget(struct signer *s)
{
	struct list *node;

	while ((node = list_take_first(&s->asks)) || (node = list_take_first(&s->ended)))
		asked_free(asked_of(node));
}

bool signer_is_idle(const struct signer *s)
{
	return list_is_empty(&s->asks) && list_is_empty(&s->ended);
}
