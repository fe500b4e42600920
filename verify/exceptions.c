#include "verify/exceptions.h"

#include "base/buf.h"
#include "base/text.h"
#include "mail/idn.h"
#include "wire/network.h"

#define RANK_NETWORK 1000	/* above all domains */

enum { CHOICE_AUTO };	/* the order of choices of spf, dkim, dmarc in settings.def: auto, off, observe, enforce */

static bool read_network(const char *title, struct set_network *out)
{
	struct buf why;
	bool is_one;

	buf_init(&why, 256);
	is_one = network_read(span_of_text(title), out, &why) == PR_OK;
	buf_fini(&why);
	return is_one;
}

static bool vouches(const struct verdict_finding *f, struct span pattern)
{
	char name[IDN_DOMAIN_MAX + 1];
	size_t len;

	return f->result == AUTH_PASS && idn_name(f->domain, name, &len) == PR_OK && text_is_within(span_of(name, len), pattern);
}

static bool author_is_within(const struct dmarc_told *d, struct span pattern)
{
	return d && d->from == DMARC_FROM_READ && d->n_authors == 1 && text_is_within(span_of_text(d->domain), pattern);
}

static bool domain_counts(const struct exceptions_ask *ask, struct span pattern, bool forwards)
{
	if (!forwards && !author_is_within(ask->dmarc, pattern))
		return false;
	if (vouches(&ask->spf, pattern))
		return true;
	for (unsigned i = 0; i < ask->n_dkim; i++)
		if (vouches(&ask->dkim[i], pattern))
			return true;
	return false;
}

/* 0: the section does not count; else the more specific, the larger. */
static unsigned rank_of(const struct set_sender *s, const struct exceptions_ask *ask)
{
	struct span pattern = span_of_text(s->title);
	struct set_network net;

	if (read_network(s->title, &net)) {
		struct set_networks one = { 1, &net };

		return ask->client && network_has(&one, ask->family, ask->client) ? RANK_NETWORK + net.bits : 0;
	}
	return domain_counts(ask, pattern, s->forwards) ? (unsigned)pattern.len : 0;
}

struct choice {
	unsigned rank;
	int value;
	const char *title;
};

static void consider(struct choice *best, unsigned rank, int value, const char *title)
{
	if (value != CHOICE_AUTO && rank > best->rank)
		*best = (struct choice){ rank, value, title };
}

static void settle(enum verify_mode *mode, const struct choice *best, const char **changed_by)
{
	enum verify_mode was = *mode;

	if (best->rank > 0)
		*mode = (enum verify_mode)(best->value - 1);	/* the same words without auto */
	if (*mode != was)
		*changed_by = best->title;
}

const char *exceptions_apply(const struct settings *set, const struct exceptions_ask *ask, struct verify_modes *modes)
{
	struct choice spf = { 0 }, dkim = { 0 }, dmarc = { 0 };
	const char *changed_by = NULL;

	for (unsigned i = 0; i < set->n_sender; i++) {
		const struct set_sender *s = &set->sender[i];
		unsigned rank = rank_of(s, ask);

		consider(&spf, rank, s->spf, s->title);
		consider(&dkim, rank, s->dkim, s->title);
		consider(&dmarc, rank, s->dmarc, s->title);
	}
	settle(&modes->spf, &spf, &changed_by);
	settle(&modes->dkim, &dkim, &changed_by);
	settle(&modes->dmarc, &dmarc, &changed_by);
	return changed_by;
}
