#include "verify/spf_walk.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "base/text.h"
#include "verify/spf_name.h"
#include "verify/spf_rewrite.h"
#include "verify/spf_story.h"
#include "verify/spf_walk_private.h"

#define ARENA_BLOCK   8192
#define EXPANDED_MAX  16384	/* octets of an expanded string, before it is cut */

void spf_walk_init(struct spf_walk *w, struct facts *f, const struct spf_ask *ask, struct spf_identity identity, struct buf *tale)
{
	w->facts = f;
	w->ask = ask;
	w->tale = tale;
	arena_init(&w->arena, ARENA_BLOCK);
	buf_init(&w->expanded, EXPANDED_MAX);
	buf_init(&w->note, EXPANDED_MAX);
	client_text(&ask->client, w->client);
	w->words = (struct spf_words){ .local = identity.local, .domain = identity.domain, .helo = ask->helo, .receiver = ask->receiver,
		.client = &ask->client, .now_s = ask->now_s };
	w->stop = SPF_GOES_ON;
	w->why[0] = '\0';
	w->n_lookups = w->n_voids = w->n_foreseen = w->n_spots = 0;
	w->top = NULL;
}

void spf_walk_fini(struct spf_walk *w)
{
	buf_fini(&w->note);
	buf_fini(&w->expanded);
	arena_fini(&w->arena);
}

bool spf_walk_stop(struct spf_walk *w, enum spf_stop stop, const char *fmt, ...)
{
	va_list args;

	if (w->stop != SPF_GOES_ON)
		return false;
	w->stop = stop;
	va_start(args, fmt);
	(void)vsnprintf(w->why, sizeof(w->why), fmt, args);
	va_end(args);
	return false;
}

/* ---- names -------------------------------------------------------------------------------- */

/* RFC 7208 7.3, p: the domain itself, or a name below it, or any. False: a fact is missing. */
static bool find_validated(struct spf_walk *w, struct span domain)
{
	struct iprev_names names;

	w->words.validated = SPAN("unknown");
	if (!iprev_names(w->facts, &w->ask->client, IPREV_NAMES_MAX, &names))
		return spf_walk_stop(w, SPF_MISSING, " ");
	if (names.n > 0)
		w->words.validated = names.row[0];
	for (unsigned i = names.n; i-- > 0;)
		if (text_is_within(names.row[i], domain))
			w->words.validated = names.row[i];
	for (unsigned i = 0; i < names.n; i++)
		if (span_eq_nocase(names.row[i], domain))
			w->words.validated = names.row[i];
	return true;
}

struct span spf_walk_expand(struct spf_walk *w, struct span macros, struct span current)
{
	w->words.current = current;
	buf_clear(&w->expanded);
	spf_macro_expand(macros, &w->words, &w->expanded);
	return w->expanded.overflowed ? SPAN_NONE : buf_span(&w->expanded);
}

bool spf_walk_can_match(const struct spf_walk *w, const struct spf_term *t)
{
	return text_is_ascii(w->words.local) || !spf_macro_uses(t->domain, "ls");
}

bool spf_walk_target(struct spf_walk *w, const struct spf_visit *v, const struct spf_term *t, struct span *out)
{
	if (t->domain.len == 0) {
		*out = v->domain;
		return true;
	}
	*out = SPAN_NONE;
	if (!spf_walk_can_match(w, t))
		return true;
	if (spf_macro_uses(t->domain, "p") && !find_validated(w, v->domain))
		return false;
	*out = spf_name_shortened(spf_walk_expand(w, t->domain, v->domain));
	*out = spf_name_is(*out, 1) ? arena_span(&w->arena, *out) : SPAN_NONE;
	return true;
}

/* ---- facts ---------------------------------------------------------------------------------- */

static const char *type_text(enum wire_record type)
{
	switch (type) {
	case RECORD_A: return "addresses";
	case RECORD_AAAA: return "IPv6 addresses";
	case RECORD_MX: return "mail servers";
	default: return "records";
	}
}

enum wire_record spf_walk_addresses(const struct spf_walk *w)
{
	return w->ask->client.is_v6 ? RECORD_AAAA : RECORD_A;
}

const struct fact *spf_walk_ask(struct spf_walk *w, enum wire_record type, struct span name)
{
	static const struct fact NOTHING = { .result = RESOLVE_REFUSED };
	const struct fact *f = name.len ? facts_find(w->facts, type, name) : &NOTHING;

	if (!f)
		(void)spf_walk_stop(w, SPF_MISSING, " ");
	else if (f->result == RESOLVE_TEMPORARY)
		(void)spf_walk_stop(w, SPF_TEMPERROR, "the DNS can't tell the %s of %.*s now", type_text(type), SPAN_ARG(name));
	else if (name.len && f->result == RESOLVE_REFUSED && facts_are_exhausted(w->facts))
		(void)spf_walk_stop(w, SPF_TEMPERROR, "checking this mail takes too many questions to the DNS");
	return w->stop == SPF_GOES_ON ? f : NULL;
}

/* ---- from record to record -------------------------------------------------------------------------------- */

/* The one record among the TXT records. False: none, or it stopped. */
static bool pick(struct spf_walk *w, struct span domain, const struct fact *txt, struct span *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < txt->n; i++)
		if (spf_record_is(txt->data[i])) {
			*out = txt->data[i];
			n++;
		}
	if (n > 1)
		return spf_walk_stop(w, SPF_PERMERROR, "%.*s has more than one SPF record, and may have only one", SPAN_ARG(domain));
	return n == 1;
}

static bool read_record(struct spf_walk *w, struct spf_visit *v, struct span text)
{
	if (spf_record_read(text, &w->arena, &v->record))
		return true;
	if (v->record.fault.len == 0)
		return spf_walk_stop(w, SPF_PERMERROR, "the SPF record of %.*s %s", SPAN_ARG(v->domain), v->record.why);
	return spf_walk_stop(w, SPF_PERMERROR, "the SPF record of %.*s can't be read: \"%.*s\" %s", SPAN_ARG(v->domain),
	    SPAN_ARG(span_first(v->record.fault, 200)), v->record.why);
}

/* NULL: the domain has none, or it stopped. */
static const char *visit(struct spf_walk *w, struct spf_visit *v)
{
	const struct fact *txt = spf_walk_ask(w, RECORD_TXT, spf_name_is_domain(v->domain) ? v->domain : SPAN_NONE);
	struct span text;
	struct buf out;
	const char *made;

	if (!txt || !pick(w, v->domain, txt, &text) || !read_record(w, v, text))
		return NULL;
	spf_story_record(w, v, text);
	buf_init(&out, 1024);
	spf_rewrite(w, v, &out);
	BUG_ON(out.overflowed);
	made = arena_text(&w->arena, buf_span(&out));
	buf_fini(&out);
	spf_foresee(w, v);
	return made;
}

const char *spf_walk_begin(struct spf_walk *w)
{
	struct span domain = w->words.domain;
	struct spf_visit *v = arena_new(&w->arena, sizeof(*v));
	const char *made;

	v->domain = domain;
	w->top = v;
	made = visit(w, v);
	if (!made && !spf_name_is_domain(domain))
		(void)spf_walk_stop(w, SPF_NONE, "there is no domain that could have an SPF record");
	else if (!made)
		(void)spf_walk_stop(w, SPF_NONE, "%.*s has no SPF record", SPAN_ARG(domain));
	return made;
}

bool spf_walk_reach(struct spf_walk *w, struct spf_visit *v, const struct spf_term *t)
{
	spf_story_leave(w, v, t);
	v->at = t;
	if (++w->n_lookups > SPF_LOOKUPS_MAX)
		return spf_walk_stop(w, SPF_PERMERROR, "the SPF record of %.*s, with all that it includes, needs more than %d lookups in the DNS",
		    SPAN_ARG(w->words.domain), SPF_LOOKUPS_MAX);
	return true;
}

static struct spf_visit *visit_from(struct spf_walk *w, struct spf_visit *v, const struct spf_term *t)
{
	struct spf_visit *next = arena_new(&w->arena, sizeof(*next));
	bool is_redirect = t->kind == SPF_REDIRECT;

	next->outer = is_redirect ? v->outer : v;
	next->before = is_redirect ? v : NULL;
	next->depth = v->depth + !is_redirect;
	if (next->outer)
		next->outer->inner = next;
	else
		w->top = next;
	return next;
}

const char *spf_walk_enter(struct spf_walk *w, const char *number)
{
	const struct spf_spot *spot = spf_spot_of(w, number);
	struct spf_visit *v = spot->visit, *next;
	const char *made;

	if (w->stop != SPF_GOES_ON || !spf_walk_reach(w, v, spot->term))
		return NULL;
	next = visit_from(w, v, spot->term);
	if (!spf_walk_target(w, v, spot->term, &next->domain))
		return NULL;
	spf_story_enter(w, v, spot->term);
	made = visit(w, next);
	if (!made)
		(void)spf_walk_stop(w, SPF_PERMERROR, "the SPF record of %.*s leads by \"%.*s\" to a domain that has no SPF record", SPAN_ARG(v->domain),
		    SPAN_ARG(span_first(spot->term->text, 200)));
	return made;
}

/* ---- the end ------------------------------------------------------------------------------------------------- */

/* RFC 7208 6.2: anything that is not quite right with it, and there is no explanation. False: a fact is missing. */
static bool explain(struct spf_walk *w, struct spf_told *out)
{
	const struct spf_visit *v = w->top;
	const struct fact *f;
	struct span name;

	out->explanation[0] = '\0';
	if (!v->record.exp)
		return true;
	if (!spf_walk_target(w, v, v->record.exp, &name))
		return false;
	f = name.len ? facts_find(w->facts, RECORD_TXT, name) : NULL;
	if (!f)
		return name.len == 0;
	if (f->n != 1 || !spf_macro_is_explanation(f->data[0]))
		return true;
	if (spf_macro_uses(f->data[0], "p") && !find_validated(w, v->domain))
		return false;
	name = spf_walk_expand(w, f->data[0], v->domain);
	if (text_is_printable(name))
		(void)snprintf(out->explanation, sizeof(out->explanation), "%.*s", SPAN_ARG(name));
	return true;
}

bool spf_walk_end(struct spf_walk *w, enum auth_result result, struct spf_told *out)
{
	static const enum auth_result STOPPED[] = { [SPF_NONE] = AUTH_NONE, [SPF_TEMPERROR] = AUTH_TEMPERROR, [SPF_PERMERROR] = AUTH_PERMERROR };

	if (w->stop == SPF_GOES_ON && result == AUTH_FAIL && !explain(w, out))
		return false;
	if (w->stop == SPF_MISSING)
		return false;
	out->result = w->stop == SPF_GOES_ON ? result : STOPPED[w->stop];
	spf_story_end(w, out);
	return true;
}
