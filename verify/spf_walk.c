#include "verify/spf_walk.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "base/text.h"
#include "verify/spf_story.h"

#define ARENA_BLOCK   8192
#define EXPANDED_MAX  16384	/* octets of an expanded string, before it is cut */
#define NAME_MAX_LEN  253
#define FORESEEN_MAX  20	/* terms whose names are asked for before they are reached, over all records */
#define NUMBER_ROOM   16

void spf_walk_init(struct spf_walk *w, struct facts *f, const struct spf_ask *ask, struct span local, struct span domain, struct buf *tale)
{
	w->facts = f;
	w->ask = ask;
	w->tale = tale;
	arena_init(&w->arena, ARENA_BLOCK);
	buf_init(&w->expanded, EXPANDED_MAX);
	buf_init(&w->note, EXPANDED_MAX);
	client_text(&ask->client, w->client);
	w->words = (struct spf_words){ .local = local, .domain = domain, .helo = ask->helo, .receiver = ask->receiver,
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

/* The first reason counts: what comes behind it is only how the evaluator unwinds. */
static bool PRINTF_LIKE(3, 4) stop(struct spf_walk *w, enum spf_stop stop, const char *fmt, ...)
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

/* A name that a question can be asked for; labels: at least so many. */
static bool is_name(struct span s, unsigned labels)
{
	unsigned n = 0;

	if (s.len > NAME_MAX_LEN || !text_is_printable(s))
		return false;
	while (s.len > 0) {
		size_t dot = span_find(s, '.');

		if (dot == 0 || dot > 63 || dot + 1 == s.len)
			return false;
		s = span_from(s, dot + 1);
		n++;
	}
	return n >= labels;
}

/* Is there, before any question, a domain that can have a record (RFC 7208 4.3)? Not where an address stands in place of it. */
static bool is_domain(struct span s)
{
	const char *dot = s.len ? memrchr(s.at, '.', s.len) : NULL;
	unsigned long long number;

	return is_name(s, 2) && dot && s.at[0] != '[' && span_find(s, ' ') == s.len && !span_to_u64(span_from(s, (size_t)(dot - s.at) + 1), ~0ULL, &number);
}

/* RFC 7208 7.3: of a name that is too long labels go at the left. */
static struct span shortened(struct span s)
{
	if (s.len > 0 && s.at[s.len - 1] == '.')
		s.len--;
	while (s.len > NAME_MAX_LEN) {
		size_t dot = span_find(s, '.');

		if (dot == s.len)
			break;
		s = span_from(s, dot + 1);
	}
	return s;
}

static bool is_within(struct span name, struct span domain)
{
	return span_eq_nocase(name, domain) ||
	    (span_ends_nocase(name, domain) && name.at[name.len - domain.len - 1] == '.');
}

/* RFC 7208 7.3, p: the domain itself, or a name below it, or any. False: a fact is missing. */
static bool find_validated(struct spf_walk *w, struct span domain)
{
	struct iprev_names names;

	w->words.validated = SPAN("unknown");
	if (!iprev_names(w->facts, &w->ask->client, IPREV_NAMES_MAX, &names))
		return stop(w, SPF_MISSING, " ");
	if (names.n > 0)
		w->words.validated = names.row[0];
	for (unsigned i = names.n; i-- > 0;)
		if (is_within(names.row[i], domain))
			w->words.validated = names.row[i];
	for (unsigned i = 0; i < names.n; i++)
		if (span_eq_nocase(names.row[i], domain))
			w->words.validated = names.row[i];
	return true;
}

static struct span expand(struct spf_walk *w, struct span macros, struct span current)
{
	w->words.current = current;
	buf_clear(&w->expanded);
	spf_macro_expand(macros, &w->words, &w->expanded);
	return w->expanded.overflowed ? SPAN_NONE : buf_span(&w->expanded);
}

/* RFC 8616 4: a local part that is not ASCII is no part of a name, and nothing matches it. */
static bool can_match(const struct spf_walk *w, const struct spf_term *t)
{
	return text_is_ascii(w->words.local) || !spf_macro_uses(t->domain, "ls");
}

/* The name that a term speaks of; empty: none that is in the DNS. Lives as long as the walk. False: it stopped. */
static bool target_of(struct spf_walk *w, const struct spf_visit *v, const struct spf_term *t, struct span *out)
{
	if (t->domain.len == 0) {
		*out = v->domain;
		return true;
	}
	*out = SPAN_NONE;
	if (!can_match(w, t))
		return true;
	if (spf_macro_uses(t->domain, "p") && !find_validated(w, v->domain))
		return false;
	*out = shortened(expand(w, t->domain, v->domain));
	*out = is_name(*out, 1) ? arena_span(&w->arena, *out) : SPAN_NONE;
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

static enum wire_record address_type(const struct spf_walk *w)
{
	return w->ask->client.is_v6 ? RECORD_AAAA : RECORD_A;
}

/* What the DNS says of a name that is one; NULL: it stopped. */
static const struct fact *ask(struct spf_walk *w, enum wire_record type, struct span name)
{
	static const struct fact NOTHING = { .result = RESOLVE_REFUSED };
	const struct fact *f = name.len ? facts_find(w->facts, type, name) : &NOTHING;

	if (!f)
		(void)stop(w, SPF_MISSING, " ");
	else if (f->result == RESOLVE_TEMPORARY)
		(void)stop(w, SPF_TEMPERROR, "the DNS can't tell the %s of %.*s now", type_text(type), SPAN_ARG(name));
	else if (name.len && f->result == RESOLVE_REFUSED && facts_are_exhausted(w->facts))
		(void)stop(w, SPF_TEMPERROR, "checking this mail takes too many questions to the DNS");
	return w->stop == SPF_GOES_ON ? f : NULL;
}

/* RFC 7208 4.6.4: of terms whose own name isn't there, or has nothing of the kind, a few are let pass. */
static bool count_void(struct spf_walk *w, const struct spf_visit *v, enum wire_resolve result)
{
	if (result != RESOLVE_NO_NAME && result != RESOLVE_NO_DATA)
		return true;
	if (++w->n_voids <= SPF_VOIDS_MAX)
		return true;
	return stop(w, SPF_PERMERROR, "the record of %.*s names more than %d hosts that are not in the DNS, the last one with %.*s",
	    SPAN_ARG(v->domain), SPF_VOIDS_MAX, SPAN_ARG(span_first(v->at->text, 200)));
}

/* ---- numbers ----------------------------------------------------------------------------------- */

static struct spf_spot *new_spot(struct spf_walk *w, struct spf_visit *v)
{
	struct spf_spot *spot = &w->spots[w->n_spots];

	/* 12 a record, 11 records, 10 exchanges a term */
	BUG_ON(w->n_spots == SPF_SPOTS_MAX);
	w->n_spots++;
	*spot = (struct spf_spot){ .kind = SPOT_END, .visit = v };
	return spot;
}

static unsigned number_of(const struct spf_walk *w, const struct spf_spot *spot)
{
	return (unsigned)(spot - w->spots);
}

static const struct spf_spot *spot_of(const struct spf_walk *w, const char *number)
{
	struct span s = span_of_text(number);
	unsigned long long n;

	BUG_ON(!span_to_u64(span_cut(&s, '.'), w->n_spots - 1, &n));
	return &w->spots[n];
}

/* ---- a record, rewritten --------------------------------------------------------------------------- */

static bool asks_dns(const struct spf_term *t)
{
	return t->kind == SPF_A || t->kind == SPF_MX || t->kind == SPF_PTR || t->kind == SPF_EXISTS || t->kind == SPF_INCLUDE;
}

/* ip4, ip6 or all, and it is this client. */
static bool matches_anyway(const struct spf_walk *w, const struct spf_term *t)
{
	const struct client *c = &w->ask->client;

	if (t->kind == SPF_IP4 || t->kind == SPF_IP6)
		return c->is_v6 == (t->kind == SPF_IP6) && client_is_within(c, t->network, c->is_v6 ? t->bits6 : t->bits4);
	return t->kind == SPF_ALL;
}

/* A network of all addresses is none to libspf2; which ones a PTR record means it sees by names. Both become a question with yes or no. */
static bool is_yes_or_no(const struct spf_walk *w, const struct spf_term *t)
{
	return t->kind == SPF_EXISTS || t->kind == SPF_PTR ||
	    ((t->kind == SPF_A || t->kind == SPF_MX) && (w->ask->client.is_v6 ? t->bits6 : t->bits4) == 0);
}

static void add_term(struct spf_walk *w, struct spf_visit *v, const struct spf_term *t, struct buf *out)
{
	struct spf_spot *spot = new_spot(w, v);
	unsigned number = number_of(w, spot);

	spot->kind = SPOT_TERM;
	spot->term = t;
	if (is_yes_or_no(w, t))
		(void)buf_printf(out, " %cexists:%u.t", t->qualifier, number);
	else if (t->kind == SPF_INCLUDE)
		(void)buf_printf(out, " %cinclude:%u.t", t->qualifier, number);
	else if (t->kind == SPF_REDIRECT)
		(void)buf_printf(out, " redirect=%u.t", number);
	else if (w->ask->client.is_v6)
		(void)buf_printf(out, " %c%s:%u.t//%u", t->qualifier, t->kind == SPF_A ? "a" : "mx", number, t->bits6);
	else
		(void)buf_printf(out, " %c%s:%u.t/%u", t->qualifier, t->kind == SPF_A ? "a" : "mx", number, t->bits4);
}

/* Up to the term that matches anyway; the evaluator passes a question that finds nothing before it takes that. */
static void rewrite(struct spf_walk *w, struct spf_visit *v, struct buf *out)
{
	unsigned n = 0;

	(void)buf_add_text(out, "v=spf1");
	for (unsigned i = 0; i < v->record.n && !v->last && n <= SPF_LOOKUPS_MAX; i++) {
		const struct spf_term *t = &v->record.row[i];

		if (matches_anyway(w, t)) {
			v->last = t;
		} else if (asks_dns(t)) {
			add_term(w, v, t, out);
			n++;
		}
	}
	(void)buf_printf(out, " ?exists:%u.t", number_of(w, new_spot(w, v)));
	if (!v->last && v->record.redirect && !v->record.has_all)
		add_term(w, v, v->record.redirect, out);
	else
		(void)buf_printf(out, " %call", v->last ? v->last->qualifier : '?');
}

/* ---- what will be asked for ----------------------------------------------------------------------------- */

static void foresee_hosts(struct spf_walk *w, const struct fact *mx)
{
	for (unsigned i = 0; mx && i < mx->n && i < SPF_MX_MAX; i++)
		facts_foresee(w->facts, address_type(w), span_from(mx->data[i], 2));
}

static void foresee_term(struct spf_walk *w, const struct spf_visit *v, const struct spf_term *t)
{
	struct span name = t->domain.len ? shortened(expand(w, t->domain, v->domain)) : v->domain;
	char reverse[CLIENT_NAME_MAX];

	if (!is_name(name, 1) || !can_match(w, t))
		return;
	w->n_foreseen++;
	switch (t->kind) {
	case SPF_A:
		facts_foresee(w->facts, address_type(w), name);
		break;
	case SPF_MX:
		facts_foresee(w->facts, RECORD_MX, name);
		break;
	case SPF_EXISTS:
		facts_foresee(w->facts, RECORD_A, name);
		break;
	case SPF_PTR:
		client_reverse_name(&w->ask->client, reverse);
		facts_foresee(w->facts, RECORD_PTR, span_of_text(reverse));
		break;
	default:
		facts_foresee(w->facts, RECORD_TXT, name);
		break;
	}
}

/* All that a record asks for up to the term that matches anyway is asked at once: one time of waiting in place of many. What
 * stands behind the last lookup that is left is never reached. */
static void foresee(struct spf_walk *w, const struct spf_visit *v)
{
	unsigned most = w->n_foreseen + SPF_LOOKUPS_MAX - w->n_lookups;

	for (unsigned i = 0; i < v->record.n && &v->record.row[i] != v->last; i++) {
		const struct spf_term *t = &v->record.row[i];

		if (w->n_foreseen == FORESEEN_MAX || w->n_foreseen == most)
			return;
		if ((asks_dns(t) || (t->kind == SPF_REDIRECT && !v->last && !v->record.has_all)) && !spf_macro_uses(t->domain, "p"))
			foresee_term(w, v, t);
	}
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
		return stop(w, SPF_PERMERROR, "%.*s has more than one SPF record, and may have only one", SPAN_ARG(domain));
	return n == 1;
}

static bool read_record(struct spf_walk *w, struct spf_visit *v, struct span text)
{
	if (spf_record_read(text, &w->arena, &v->record))
		return true;
	if (v->record.fault.len == 0)
		return stop(w, SPF_PERMERROR, "the SPF record of %.*s %s", SPAN_ARG(v->domain), v->record.why);
	return stop(w, SPF_PERMERROR, "the SPF record of %.*s can't be read: \"%.*s\" %s", SPAN_ARG(v->domain),
	    SPAN_ARG(span_first(v->record.fault, 200)), v->record.why);
}

/* NULL: the domain has none, or it stopped. */
static const char *visit(struct spf_walk *w, struct spf_visit *v)
{
	const struct fact *txt = ask(w, RECORD_TXT, is_domain(v->domain) ? v->domain : SPAN_NONE);
	struct span text;
	struct buf out;
	const char *made;

	if (!txt || !pick(w, v->domain, txt, &text) || !read_record(w, v, text))
		return NULL;
	spf_story_record(w, v, text);
	buf_init(&out, 1024);
	rewrite(w, v, &out);
	BUG_ON(out.overflowed);
	made = arena_text(&w->arena, buf_span(&out));
	buf_fini(&out);
	foresee(w, v);
	return made;
}

const char *spf_walk_begin(struct spf_walk *w, struct span domain)
{
	struct spf_visit *v = arena_new(&w->arena, sizeof(*v));
	const char *made;

	v->domain = domain;
	w->top = v;
	made = visit(w, v);
	if (!made && !is_domain(domain))
		(void)stop(w, SPF_NONE, "there is no domain that could have an SPF record");
	else if (!made)
		(void)stop(w, SPF_NONE, "%.*s has no SPF record", SPAN_ARG(domain));
	return made;
}

/* A term is evaluated now: those before it did not match. */
static bool reach(struct spf_walk *w, struct spf_visit *v, const struct spf_term *t)
{
	spf_story_leave(w, v, t);
	v->at = t;
	if (++w->n_lookups > SPF_LOOKUPS_MAX)
		return stop(w, SPF_PERMERROR, "the SPF record of %.*s, with all that it includes, needs more than %d lookups in the DNS",
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
	const struct spf_spot *spot = spot_of(w, number);
	struct spf_visit *v = spot->visit, *next;
	const char *made;

	if (w->stop != SPF_GOES_ON || !reach(w, v, spot->term))
		return NULL;
	next = visit_from(w, v, spot->term);
	if (!target_of(w, v, spot->term, &next->domain))
		return NULL;
	spf_story_enter(w, v, spot->term);
	made = visit(w, next);
	if (!made)
		(void)stop(w, SPF_PERMERROR, "the SPF record of %.*s leads by \"%.*s\" to a domain that has no SPF record", SPAN_ARG(v->domain),
		    SPAN_ARG(span_first(spot->term->text, 200)));
	return made;
}

/* ---- answers ---------------------------------------------------------------------------------------------- */

static void say_yes(struct spf_found *out)
{
	static const char ANY[16];

	out->row[out->n++] = span_of(ANY, sizeof(ANY));
}

static bool find_addresses(struct spf_walk *w, struct span name, bool yes_or_no, struct spf_found *out)
{
	const struct fact *f = ask(w, address_type(w), name);

	if (!f)
		return false;
	spf_story_addresses(w, name, f);
	if (yes_or_no && f->n > 0)
		say_yes(out);
	for (unsigned i = 0; !yes_or_no && i < f->n; i++)
		if (f->data[i].len == client_size(&w->ask->client))
			out->row[out->n++] = f->data[i];
	return true;
}

static bool find_own_addresses(struct spf_walk *w, struct spf_visit *v, struct span name, bool yes_or_no, struct spf_found *out)
{
	const struct fact *f = ask(w, address_type(w), name);

	return f && count_void(w, v, f->result) && find_addresses(w, name, yes_or_no, out);
}

static struct span add_host(struct spf_walk *w, struct spf_visit *v, struct span name)
{
	struct spf_spot *spot = new_spot(w, v);
	char number[NUMBER_ROOM];

	spot->kind = SPOT_HOST;
	spot->name = name;
	(void)snprintf(number, sizeof(number), "%u.t", number_of(w, spot));
	return arena_span(&w->arena, span_of_text(number));
}

static bool find_exchanges(struct spf_walk *w, struct spf_visit *v, struct span name, bool yes_or_no, struct spf_found *out)
{
	const struct fact *f = ask(w, RECORD_MX, name);

	if (!f || !count_void(w, v, f->result))
		return false;
	if (f->n > SPF_MX_MAX)
		return stop(w, SPF_PERMERROR, "%.*s, which the SPF record of %.*s names, has more than %d mail servers", SPAN_ARG(name),
		    SPAN_ARG(v->domain), SPF_MX_MAX);
	foresee_hosts(w, f);
	for (unsigned i = 0; i < f->n; i++) {
		struct span host = span_from(f->data[i], 2);

		if (!is_name(host, 1))
			continue;
		if (!yes_or_no)
			out->row[out->n++] = add_host(w, v, host);
		else if (out->n == 0 && !find_addresses(w, host, true, out))
			return false;
	}
	return true;
}

/* RFC 7208 5.5: errors of the DNS are no match. */
static bool find_pointer(struct spf_walk *w, const struct spf_visit *v, struct span name, struct spf_found *out)
{
	struct iprev_names names;

	if (!iprev_names(w->facts, &w->ask->client, IPREV_NAMES_MAX, &names))
		return stop(w, SPF_MISSING, " ");
	spf_story_names(w, &names);
	if (!count_void(w, v, names.result))
		return false;
	for (unsigned i = 0; i < names.n && out->n == 0; i++)
		if (name.len > 0 && is_within(names.row[i], name))
			say_yes(out);
	return true;
}

static bool find_existing(struct spf_walk *w, struct spf_visit *v, struct span name, struct spf_found *out)
{
	const struct fact *f = ask(w, RECORD_A, name);

	if (!f || !count_void(w, v, f->result))
		return false;
	spf_story_addresses(w, name, f);
	if (f->n > 0)
		say_yes(out);
	return true;
}

static bool find_term(struct spf_walk *w, const struct spf_spot *spot, struct spf_found *out)
{
	const struct spf_term *t = spot->term;
	struct spf_visit *v = spot->visit;
	struct span name;

	if (!reach(w, v, t) || !target_of(w, v, t, &name))
		return false;
	switch (t->kind) {
	case SPF_A: return find_own_addresses(w, v, name, is_yes_or_no(w, t), out);
	case SPF_MX: return find_exchanges(w, v, name, is_yes_or_no(w, t), out);
	case SPF_PTR: return find_pointer(w, v, name, out);
	default: return find_existing(w, v, name, out);
	}
}

bool spf_walk_find(struct spf_walk *w, const char *number, struct spf_found *out)
{
	const struct spf_spot *spot = spot_of(w, number);

	out->n = 0;
	if (w->stop != SPF_GOES_ON)
		return false;
	switch (spot->kind) {
	case SPOT_HOST:
		return find_addresses(w, spot->name, false, out);
	case SPOT_END:
		spf_story_leave(w, spot->visit, spot->visit->last);
		spot->visit->at = spot->visit->last;
		spot->visit->has_ended = true;
		return true;
	default:
		return find_term(w, spot, out);
	}
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
	if (!target_of(w, v, v->record.exp, &name))
		return false;
	f = name.len ? facts_find(w->facts, RECORD_TXT, name) : NULL;
	if (!f)
		return name.len == 0;
	if (f->n != 1 || !spf_macro_is_explanation(f->data[0]))
		return true;
	if (spf_macro_uses(f->data[0], "p") && !find_validated(w, v->domain))
		return false;
	name = expand(w, f->data[0], v->domain);
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
