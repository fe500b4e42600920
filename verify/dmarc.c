#include "verify/dmarc.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "mail/idn.h"
#include "verify/dmarc_from.h"
#include "verify/dmarc_tree.h"

#define ASK_MAX 253	/* octets of a name in the DNS as text */

struct check {
	struct facts *f;
	const struct dmarc_ask *ask;
	struct buf *tale;
	struct dmarc_authors authors;
	struct dmarc_tree tree[DMARC_AUTHORS_MAX];
};

/* How close an identity is to an author. */
enum closeness { APART, PERHAPS, ALIGNED };

/* Of one author: what the identities come to. */
struct vouchers {
	bool spf, dkim;		/* passes and is aligned */
	bool is_unsure;		/* it would be, if the DNS could tell */
};

enum dmarc_policy dmarc_policy_asked(const struct dmarc_told *told)
{
	if (told->is_testing && told->policy != DMARC_NONE)
		return told->policy - 1;
	return told->policy;
}

/* ---- the tale -------------------------------------------------------------------------- */

PRINTF_LIKE(2, 3) static void say(struct check *c, const char *fmt, ...)
{
	char line[1024];
	va_list args;

	if (!c->tale)
		return;
	va_start(args, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	(void)buf_add_text(c->tale, line);
	(void)buf_add_char(c->tale, '\n');
}

static void say_node(struct check *c, const struct dmarc_node *node)
{
	struct buf text;

	buf_init(&text, 1000);
	if (node->state == DMARC_NODE_RECORD)
		text_add_escaped(&text, span_first(node->text, 200));
	else if (node->state == DMARC_NODE_UNSURE)
		(void)buf_add_text(&text, "can't be told now");
	else if (node->state == DMARC_NODE_UNASKED)
		(void)buf_add_text(&text, "not asked, no question was left");
	else if (node->n_records > 1)
		(void)buf_add_text(&text, "several records, which are as none");
	else
		(void)buf_add_text(&text, "no record");
	say(c, "_dmarc.%.*s: %.*s", SPAN_ARG(node->name), SPAN_ARG(buf_span(&text)));
	buf_fini(&text);
}

static void say_tree(struct check *c, const struct dmarc_tree *t)
{
	for (unsigned i = 0; i < t->n; i++)
		say_node(c, &t->node[i]);
	say(c, "organisational domain of %.*s: %.*s", SPAN_ARG(t->domain), SPAN_ARG(t->organisational));
}

/* ---- alignment ------------------------------------------------------------------------- */

/* Could what the DNS can't tell now make name and author one organisation? */
static bool is_below_unsure(const struct dmarc_tree *author, struct span name)
{
	for (unsigned i = 0; i < author->n; i++)
		if (author->node[i].state == DMARC_NODE_UNSURE && text_is_within(name, author->node[i].name))
			return true;
	return false;
}

/* Relaxed. False: facts are missing. An organisational domain is a name or above it, so that only what lies within the author's
 * can be aligned: of all other names, of which a message may hold any number, nothing is asked. */
static bool compare_organisations(struct check *c, const struct dmarc_tree *author, struct span name, enum closeness *out)
{
	struct dmarc_tree t;

	*out = is_below_unsure(author, name) ? PERHAPS : APART;
	if (!text_is_within(name, author->organisational))
		return true;
	dmarc_tree_foresee(c->f, name);
	if (!dmarc_tree_walk(c->f, name, &t))
		return false;
	say_tree(c, &t);
	if (t.is_exhausted || !span_eq(t.organisational, author->organisational))
		*out = APART;
	else
		*out = t.is_unsure || author->is_unsure ? PERHAPS : ALIGNED;
	return true;
}

static bool compare(struct check *c, const struct dmarc_tree *author, struct span domain, bool is_strict, enum closeness *out)
{
	char name[IDN_DOMAIN_MAX + 1];
	size_t len;

	*out = APART;
	if (idn_name(domain, name, &len) != PR_OK)
		return true;
	if (span_eq(span_of(name, len), author->domain)) {
		*out = ALIGNED;
		return true;
	}
	return is_strict || compare_organisations(c, author, span_of(name, len), out);
}

/* False: facts are missing. */
static bool weigh(struct check *c, const struct dmarc_tree *author, const char *kind, const struct dmarc_identity *id, bool is_strict,
    struct vouchers *v, bool *passes)
{
	static const char *const words[] = { [APART] = "not aligned", [PERHAPS] = "perhaps aligned", [ALIGNED] = "aligned" };
	enum closeness closeness;
	struct buf text;

	if (id->result != AUTH_PASS && id->result != AUTH_TEMPERROR)
		return true;
	if (!compare(c, author, id->domain, is_strict, &closeness))
		return false;
	if (closeness == ALIGNED && id->result == AUTH_PASS)
		*passes = true;
	else if (closeness != APART)
		v->is_unsure = true;
	buf_init(&text, 1024);
	text_add_escaped(&text, span_first(id->domain, IDN_DOMAIN_MAX));
	say(c, "%s %s for %.*s: %s (%s)", kind, auth_result_text(id->result), SPAN_ARG(buf_span(&text)), words[closeness], is_strict ? "strict" : "relaxed");
	buf_fini(&text);
	return true;
}

/* False: facts are missing; all that are were asked for. */
static bool weigh_all(struct check *c, const struct dmarc_tree *author, const struct dmarc_record *r, struct vouchers *v)
{
	bool is_known = weigh(c, author, "SPF", &c->ask->spf, r->is_spf_strict, v, &v->spf);

	for (unsigned i = 0; i < c->ask->n_dkim; i++)
		is_known = weigh(c, author, "DKIM", &c->ask->dkim[i], r->is_dkim_strict, v, &v->dkim) && is_known;
	return is_known;
}

/* ---- policy ------------------------------------------------------------------------------ */

enum existence { EXISTS, MISSING, UNSURE };

/* RFC 8020: NXDOMAIN is said of the name, whatever the type. False: it is not known yet. */
static bool find_existence(struct facts *f, struct span domain, enum existence *out)
{
	const struct fact *fact;

	*out = MISSING;
	if (domain.len > ASK_MAX)
		return true;
	fact = facts_find(f, RECORD_A, domain);
	if (fact && fact->result != RESOLVE_NO_NAME)
		*out = fact->result == RESOLVED || fact->result == RESOLVE_NO_DATA ? EXISTS : UNSURE;
	return fact;
}

/* sp and np differ, and one of them counts for this author. */
static bool existence_counts(const struct dmarc_tree *author, const struct dmarc_node *at)
{
	return !span_eq(at->name, author->domain) && at->record.has_np && at->record.np != at->record.sp;
}

/* Which of p, sp and np counts; of those between which existence would decide the stricter, while that can't be told. False: it
 * is not known yet. */
static bool choose_policy(struct check *c, const struct dmarc_tree *author, const struct dmarc_node *at, struct dmarc_told *out, bool *is_unsure)
{
	static const char *const words[] = { [EXISTS] = "exists", [MISSING] = "does not exist", [UNSURE] = "may exist or not: that can't be told now" };
	const struct dmarc_record *r = &at->record;
	enum existence existence = EXISTS;

	out->is_testing = r->is_testing;
	out->which = DMARC_WHICH_P;
	out->policy = r->p;
	if (span_eq(at->name, author->domain))
		return true;
	if (existence_counts(author, at)) {
		if (!find_existence(c->f, author->domain, &existence))
			return false;
		say(c, "%.*s %s", SPAN_ARG(author->domain), words[existence]);
	}
	*is_unsure |= existence == UNSURE;
	out->policy = r->sp;
	out->which = r->has_sp ? DMARC_WHICH_SP : DMARC_WHICH_P;
	if (existence == MISSING || (existence == UNSURE && r->np > r->sp)) {
		out->policy = r->np;
		out->which = DMARC_WHICH_NP;
	}
	return true;
}

/* ---- an author ----------------------------------------------------------------------------- */

static void put_name(char out[DMARC_DOMAIN_MAX + 1], struct span name)
{
	memcpy(out, name.at, name.len);
	out[name.len] = '\0';
}

PRINTF_LIKE(3, 4) static void conclude(struct dmarc_told *out, enum auth_result result, const char *fmt, ...)
{
	va_list args;

	out->result = result;
	va_start(args, fmt);
	(void)vsnprintf(out->why, sizeof(out->why), fmt, args);
	va_end(args);
}

static void conclude_without_policy(const struct facts *f, const struct dmarc_tree *author, const struct dmarc_node *at, struct dmarc_told *out)
{
	out->is_untold = author->is_unsure && !at && facts_are_closed(f);
	if (author->is_unsure && !at)
		conclude(out, AUTH_TEMPERROR, "the policy of %.*s can't be told now", SPAN_ARG(author->domain));
	else if (at)
		conclude(out, AUTH_NONE, "the record of %.*s has no policy that can be read", SPAN_ARG(at->name));
	else
		conclude(out, AUTH_NONE, "%.*s has no DMARC record", SPAN_ARG(author->domain));
}

static void conclude_by(const struct dmarc_tree *author, bool is_policy_unsure, const struct vouchers *v, struct dmarc_told *out)
{
	out->spf_aligned = v->spf;
	out->dkim_aligned = v->dkim;
	if (v->spf || v->dkim)
		conclude(out, AUTH_PASS, "%s for %.*s", v->spf && v->dkim ? "SPF and DKIM vouch" : v->spf ? "SPF vouches" : "DKIM vouches", SPAN_ARG(author->domain));
	else if (v->is_unsure)
		conclude(out, AUTH_TEMPERROR, "whether SPF or DKIM vouches for %.*s can't be told now", SPAN_ARG(author->domain));
	else if (is_policy_unsure)
		conclude(out, AUTH_TEMPERROR, "the policy of %.*s can't be told now", SPAN_ARG(author->domain));
	else
		conclude(out, AUTH_FAIL, "neither SPF nor DKIM vouches for %.*s", SPAN_ARG(author->domain));
}

/* False: facts are missing. */
static bool judge(struct check *c, const struct dmarc_tree *author, struct dmarc_told *out)
{
	const struct dmarc_node *at = dmarc_tree_policy(author);
	struct vouchers v = { .spf = false };
	bool is_known, is_policy_unsure = author->is_unsure && at != &author->node[0];

	*out = (struct dmarc_told){ .from = DMARC_FROM_READ, .n_authors = c->authors.n };
	put_name(out->domain, author->domain);
	put_name(out->organisational, author->organisational);
	if (author->is_exhausted) {
		out->from = DMARC_FROM_TOO_MANY;
		conclude(out, AUTH_PERMERROR, "no question was left for %.*s", SPAN_ARG(author->domain));
		return true;
	}
	say(c, "author: %.*s", SPAN_ARG(author->domain));
	say_tree(c, author);
	if (!at || !at->record.is_usable) {
		conclude_without_policy(c->f, author, at, out);
		return true;
	}
	put_name(out->record_at, at->name);
	is_known = choose_policy(c, author, at, out, &is_policy_unsure);
	if (!weigh_all(c, author, &at->record, &v) || !is_known)
		return false;
	say(c, "policy: %s, by %s of _dmarc.%.*s%s", dmarc_policy_text(out->policy),
	    out->which == DMARC_WHICH_NP ? "np" : out->which == DMARC_WHICH_SP ? "sp" : "p", SPAN_ARG(at->name), out->is_testing ? ", testing" : "");
	conclude_by(author, is_policy_unsure, &v, out);
	return true;
}

/* ---- all of them --------------------------------------------------------------------------- */

/* The worse, the larger. */
static unsigned severity(const struct dmarc_told *t)
{
	unsigned policy = t->is_testing ? DMARC_NONE : t->policy;

	switch (t->result) {
	case AUTH_PERMERROR:
		return 100;
	case AUTH_FAIL:
		return 10 * policy + 5;
	case AUTH_TEMPERROR:
		return t->is_untold ? 10 * DMARC_REJECT + 4 : 10 * policy + 4;
	case AUTH_NONE:
		return 2;
	default:
		return 1;
	}
}

static void told_nothing(const struct dmarc_authors *authors, struct dmarc_told *out)
{
	*out = (struct dmarc_told){ .from = authors->from, .n_authors = authors->n };
	if (authors->from == DMARC_FROM_READ)
		conclude(out, AUTH_NONE, "the author's address has no domain");
	else
		conclude(out, AUTH_PERMERROR, "%s", authors->why);
}

/* Before the names of any signature. */
static void foresee_existence(struct check *c, const struct dmarc_tree *author)
{
	const struct dmarc_node *at = dmarc_tree_policy(author);

	if (at && existence_counts(author, at) && author->domain.len <= ASK_MAX)
		facts_foresee(c->f, RECORD_A, author->domain);
}

/* False: facts are missing; all of the walks were asked for. */
static bool walk_all(struct check *c)
{
	bool is_known = true;

	for (unsigned i = 0; i < c->authors.n; i++)
		dmarc_tree_foresee(c->f, span_of_text(c->authors.domain[i]));
	for (unsigned i = 0; i < c->authors.n; i++)
		is_known = dmarc_tree_walk(c->f, span_of_text(c->authors.domain[i]), &c->tree[i]) && is_known;
	for (unsigned i = 0; is_known && i < c->authors.n; i++)
		foresee_existence(c, &c->tree[i]);
	return is_known;
}

static bool judge_all(struct check *c, struct dmarc_told *out)
{
	struct dmarc_told told;
	bool is_known = true;

	told_nothing(&c->authors, out);
	if (c->authors.from != DMARC_FROM_READ || c->authors.n == 0)
		return true;
	if (!walk_all(c))
		return false;
	for (unsigned i = 0; i < c->authors.n; i++) {
		is_known = judge(c, &c->tree[i], &told) && is_known;
		if (is_known && ((i == 0 && !c->authors.has_literal) || severity(&told) > severity(out)))
			*out = told;
	}
	return is_known;
}

bool dmarc_check(struct facts *f, const struct dmarc_ask *ask, struct dmarc_told *out, struct buf *tale)
{
	struct check c = { .f = f, .ask = ask, .tale = tale };
	size_t begins = tale ? tale->len : 0;

	dmarc_from_read(ask->header, &c.authors);
	if (!judge_all(&c, out)) {
		if (tale)
			tale->len = begins;
		return false;
	}
	say(&c, "dmarc=%s: %s", auth_result_text(out->result), out->why);
	return true;
}

void dmarc_foresee(struct facts *f, const struct fields *header)
{
	struct dmarc_authors authors;

	dmarc_from_read(header, &authors);
	for (unsigned i = 0; i < authors.n; i++)
		dmarc_tree_foresee(f, span_of_text(authors.domain[i]));
}
