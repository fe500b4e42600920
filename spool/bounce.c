#include "spool/bounce.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "mail/dkim_body.h"
#include "wire/verbs.h"

bool bounce_wants(const struct mail *m, const struct rcpt *r, enum bounce_kind kind)
{
	unsigned notify = r->flags & RCPT_NOTIFY;

	if (m->marks & (MAIL_BOUNCE | MARK_NULL_SENDER) || r->flags & RCPT_SILENT)
		return false;
	if (kind == BOUNCE_DELAY)
		return !rcpt_is_settled(r) && !(r->flags & RCPT_NOTICED) && (notify == 0 || notify & NOTIFY_DELAY);
	if (!(r->flags & RCPT_UNTOLD))
		return false;
	if (r->state == RCPT_FAILED)
		return notify == 0 || notify & NOTIFY_FAILURE;
	return notify & NOTIFY_SUCCESS;
}

bool bounce_is_wanted(struct mail *m, enum bounce_kind kind)
{
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		if (bounce_wants(m, mail_rcpt(m, i), kind))
			return true;
	return false;
}

static enum dsn_action action_of(const struct rcpt *r)
{
	switch (r->state) {
	case RCPT_DELIVERED:
		return DSN_DELIVERED;
	case RCPT_RELAYED:
		return DSN_RELAYED;
	case RCPT_FAILED:
		return DSN_FAILED;
	default:
		return DSN_DELAYED;
	}
}

/* The envelope's recipients by number. */
static struct envelope_rcpt *originals_of(const struct envelope *env, struct arena *a)
{
	struct envelope_rcpt *all = arena_new(a, env->n_rcpts * sizeof(*all));
	struct span rows = env->rcpts;
	uint32_t n = 0;

	while (n < env->n_rcpts && envelope_next(&rows, &all[n]))
		n++;
	return all;
}

static struct dsn_rcpt row_of(const struct bounce *b, struct books *books, const struct rcpt *r, const struct envelope *env,
    const struct envelope_rcpt *originals)
{
	struct rcpt_names names = rcpt_names(books, r);
	struct saying said = rcpt_last_said(books, r);
	struct envelope_rcpt none = { 0, SPAN_NONE, SPAN_NONE };
	const struct envelope_rcpt *from = names.origin < env->n_rcpts ? &originals[names.origin] : &none;

	return (struct dsn_rcpt){
		.action = action_of(r),
		.address = names.address.len ? names.address : from->address,
		.orcpt = from->orcpt,
		.code = saying_is_a_reply(&said) ? said.code : 0,
		.enhanced = said.enhanced, .words = said.words, .host = said.host,
		.retry_until_ms = b->kind == BOUNCE_DELAY ? b->retry_until_ms : 0,
	};
}

/* Where the header ends: after the empty line, or at the end of what we have. */
static size_t header_len(struct span text)
{
	for (size_t i = 0; i + 3 < text.len; i++)
		if (memcmp(text.at + i, "\r\n\r\n", 4) == 0)
			return i + 4;
	return text.len;
}

enum pr_err bounce_write(const struct bounce *b, struct books *books, struct mail *m, const struct envelope *env, struct buf *out,
    uint32_t *flags)
{
	char id[ID_TEXT_LEN + 1], about[ID_TEXT_LEN + 1];
	size_t header = header_len(b->original);
	struct dsn_needs needs = { false, false };
	struct arena arena;
	struct envelope_rcpt *originals;
	struct dsn_rcpt *rows;
	bool has_failed = false;
	struct dsn dsn = { .hostname = b->hostname, .to = env->sender, .envid = env->envid, .wall_ms = b->now.wall_ms,
	    .arrival_ms = env->received_ms, .smtputf8 = env->flags & MAIL_SMTPUTF8, .full = !(env->flags & MAIL_RET_HDRS),
	    .header = span_first(b->original, header), .body = span_from(b->original, header), .body_size = b->original_size - header };
	enum pr_err err;

	id_to_text(&b->id, id);
	id_to_text(&m->id, about);
	dsn.id = span_of(id, ID_TEXT_LEN);
	dsn.about_id = span_of(about, ID_TEXT_LEN);
	arena_init(&arena, 4096);
	originals = originals_of(env, &arena);
	dsn.rcpts = rows = arena_new(&arena, m->n_rcpts * sizeof(*rows));
	for (uint32_t i = 0; i < m->n_rcpts; i++)
		if (bounce_wants(m, mail_rcpt(m, i), b->kind))
			rows[dsn.n_rcpts++] = row_of(b, books, mail_rcpt(m, i), env, originals);
	for (size_t i = 0; i < dsn.n_rcpts; i++)
		has_failed |= rows[i].action == DSN_FAILED;
	if (!has_failed || !(env->flags & (MAIL_RET_FULL | MAIL_SUBMITTED)))
		dsn.full = false;	/* RFC 3461 4.3 speaks of failures; strangers' mail is not sent back whole */
	err = dsn_add(out, &dsn, &needs);
	*flags = MAIL_BOUNCE | (env->flags & MAIL_SUBMITTED) | (needs.smtputf8 ? MAIL_SMTPUTF8 : 0u) | (needs.eight_bit ? MAIL_8BIT : 0u);
	arena_fini(&arena);
	return err;
}

struct span bounce_signer(const struct settings *s, struct span hostname)
{
	struct span best = SPAN_NONE;

	for (unsigned i = 0; i < s->n_domain; i++) {
		struct span domain = span_of_text(s->domain[i].title);

		if (domain.len > best.len && text_is_within(hostname, domain))
			best = domain;
	}
	return best;
}

static void hash_body(struct span text, unsigned char hash[SHA256_LEN])
{
	struct dkim_body body;

	dkim_body_init(&body);
	dkim_body_feed(&body, span_from(text, header_len(text)));
	dkim_body_finish(&body, hash);
}

enum pr_err bounce_envelope(struct span to, uint32_t flags, struct span text, struct span signed_by, struct instant now, struct buf *out)
{
	unsigned char hash[SHA256_LEN];
	struct envelope_rcpt rcpt = { NOTIFY_NEVER, to, SPAN_NONE };
	struct envelope env = { .flags = flags, .received_ms = now.wall_ms, .n_rcpts = 1 };
	struct buf rows;
	enum pr_err err;

	buf_init(&rows, 4096);
	err = envelope_add_rcpt(&rows, &rcpt);
	env.sender = env.envid = env.client = env.login = env.quarantine = env.states = env.from_domain = env.body_hash = SPAN_NONE;
	if (signed_by.len > 0) {
		hash_body(text, hash);
		env.from_domain = signed_by;
		env.body_hash = span_of((const char *)hash, SHA256_LEN);
	}
	env.rcpts = buf_span(&rows);
	if (err == PR_OK)
		err = envelope_encode(&env, out);
	buf_fini(&rows);
	return err;
}
