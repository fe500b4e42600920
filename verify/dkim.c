#include "verify/dkim.h"

#include <stdarg.h>
#include <stdio.h>

#include <opendkim/dkim.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/text.h"
#include "mail/dkim.h"
#include "mail/dkim_claim.h"
#include "mail/dkim_record.h"
#include "verify/dkim_key.h"

#define RECORD_MAX 1024	/* what the library has room for */
#define DRIFT_S	   300	/* clocks of others: t= and x= are looked at that generously */
#define B_MIN	   8	/* RFC 6008 4 */

struct dkim_house {
	DKIM_LIB *lib;
};

struct signature {
	const struct field *field;
	struct dkim_claim claim;
	struct dkim_told told;
	bool is_judged;		/* told.result stands: the library is not asked */
	bool is_fed;
	size_t b_len;		/* so much of b= tells it from the others */
	DKIM_SIGINFO *info;
	char record[RECORD_MAX + 1];	/* of its key, as the library gets it; empty: none */
};

struct dkim_check {
	struct dkim_house *house;
	const struct fields *header;
	DKIM *dkim;		/* NULL: there is nothing to be verified */
	struct signature *row;
	unsigned n;
	int64_t now_s;
	struct dkim_body measured[2];	/* simple, relaxed: how long the body is, where an l= asks for it */
	bool is_measured[2];
	size_t word;		/* bytes since the last blank or line end */
	bool has_relaxed, is_word_too_long, has_body, is_over;
	char last[2];		/* bytes of the body */
};

/* ---- the library -------------------------------------------------------------------- */

static struct signature *signature_of(struct dkim_check *c, const DKIM_SIGINFO *info)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->row[i].info == info)
			return &c->row[i];
	return NULL;
}

/* The library asks for keys when the message has ended: they are there by then. */
static DKIM_CBSTAT give_key(DKIM *dkim, DKIM_SIGINFO *info, u_char *out, size_t room)
{
	struct signature *s = signature_of(dkim_get_user_context(dkim), info);
	size_t len = s ? strlen(s->record) : 0;

	if (len == 0 || len >= room)
		return DKIM_CBSTAT_NOTFOUND;
	memcpy(out, s->record, len + 1);
	return DKIM_CBSTAT_CONTINUE;
}

/* Those that were only given because others sign them. */
static DKIM_CBSTAT leave_out(DKIM *dkim, DKIM_SIGINFO **infos, int n)
{
	struct dkim_check *c = dkim_get_user_context(dkim);
	int k = 0;

	for (unsigned i = 0; i < c->n && k < n; i++) {
		if (!c->row[i].is_fed)
			continue;
		c->row[i].info = infos[k++];
		if (c->row[i].is_judged)
			dkim_sig_ignore(c->row[i].info);
	}
	return DKIM_CBSTAT_CONTINUE;
}

struct dkim_house *dkim_house_new(void)
{
	struct dkim_house *house = mem_new(sizeof(*house));
	u_int flags = DKIM_LIBFLAGS_DELAYSIGPROC | DKIM_LIBFLAGS_BADSIGHANDLES;
	uint64_t drift = (uint64_t)DRIFT_S * 2;	/* the library has a clock of its own, which must not be stricter than ours */

	digest_load();
	house->lib = dkim_init(NULL, NULL);
	BUG_ON(!house->lib);
	BUG_ON(dkim_options(house->lib, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof(flags)) != DKIM_STAT_OK);
	BUG_ON(dkim_options(house->lib, DKIM_OP_SETOPT, DKIM_OPTS_CLOCKDRIFT, &drift, sizeof(drift)) != DKIM_STAT_OK);
	(void)dkim_set_key_lookup(house->lib, give_key);
	(void)dkim_set_prescreen(house->lib, leave_out);
	return house;
}

void dkim_house_free(struct dkim_house **hp)
{
	struct dkim_house *house = *hp;

	*hp = NULL;
	if (!house)
		return;
	dkim_close(house->lib);
	mem_free(house);
}

/* ---- a signature and what is said of it --------------------------------------------------- */

static void judge(struct signature *s, enum auth_result result, const char *why, ...) PRINTF_LIKE(3, 4);
static void judge(struct signature *s, enum auth_result result, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	(void)vsnprintf(s->told.why, sizeof(s->told.why), why, args);
	va_end(args);
	s->told.result = result;
	s->is_judged = true;
}

/* Printable, as it was checked; folds go. */
static void tell(char *to, size_t room, struct span value)
{
	size_t n = 0;

	for (size_t i = 0; i < value.len && n + 1 < room; i++)
		if (value.at[i] > ' ')
			to[n++] = value.at[i];
	to[n] = 0;
}

static void tell_claim(struct signature *s)
{
	struct dkim_told *t = &s->told;

	tell(t->domain, sizeof(t->domain), s->claim.domain);
	tell(t->selector, sizeof(t->selector), s->claim.selector);
	tell(t->algorithm, sizeof(t->algorithm), s->claim.named);
	tell(t->b, sizeof(t->b), s->claim.signature);
	if (s->claim.identity.len)
		tell(t->identity, sizeof(t->identity), s->claim.identity);
	else if (t->domain[0])
		(void)snprintf(t->identity, sizeof(t->identity), "@%s", t->domain);
	t->covers_all = true;
}

static void judge_times(struct signature *s, int64_t now_s)
{
	const struct dkim_claim *claim = &s->claim;

	if (claim->expires_at >= 0 && claim->expires_at + DRIFT_S <= now_s)
		judge(s, AUTH_POLICY, "the signature expired %lld seconds ago (x=)", (long long)(now_s - claim->expires_at));
	else if (claim->signed_at > now_s + DRIFT_S)
		judge(s, AUTH_POLICY, "the signature is of the future (t=): a clock is wrong");
}

static void judge_claim(struct signature *s, int64_t now_s)
{
	const struct dkim_claim *claim = &s->claim;
	const char *why = dkim_claim_read(&s->claim, CLAIM_DKIM, s->field->value);

	tell_claim(s);
	if (why)
		judge(s, AUTH_NEUTRAL, "the DKIM-Signature field can't be used: %s", why);
	else if (claim->is_sha1)
		judge(s, AUTH_POLICY, "rsa-sha1 proves nothing any more (RFC 8301): sign with rsa-sha256");
	else if (span_find(claim->domain, '.') == claim->domain.len)
		judge(s, AUTH_POLICY, "d=%s is a top-level domain", s->told.domain);
	else
		judge_times(s, now_s);
}

/* ---- the header ---------------------------------------------------------------------------- */

static bool has_nul(const struct fields *header)
{
	for (unsigned i = 0; i < header->n; i++)
		if (memchr(header->row[i].whole.at, 0, header->row[i].whole.len))
			return true;
	return false;
}

/* What makes each signature worth nothing; NULL: nothing does. */
static const char *header_fault(const struct fields *header)
{
	unsigned n_from = fields_count(header, SPAN("From"));

	if (header->too_large)
		return "the header of the message is larger than is looked at here";
	if (n_from != 1)
		return n_from ? "the message has several From fields" : "the message has no From field";
	/* The library would not see what stands behind it. */
	return has_nul(header) ? "the header of the message holds a NUL" : NULL;
}

static void find_signatures(struct dkim_check *c, unsigned max)
{
	unsigned n = fields_count(c->header, SPAN("DKIM-Signature"));

	if (n > max + DKIM_TOLD_MORE)
		n = max + DKIM_TOLD_MORE;
	if (n == 0)
		return;
	c->row = mem_new(n * sizeof(*c->row));
	for (unsigned i = 0; i < c->header->n && c->n < n; i++) {
		if (span_eq_nocase(c->header->row[i].name, SPAN("DKIM-Signature")))
			c->row[c->n++].field = &c->header->row[i];
	}
}

static void judge_claims(struct dkim_check *c, unsigned max)
{
	const char *fault = header_fault(c->header);

	for (unsigned i = 0; i < c->n; i++) {
		struct signature *s = &c->row[i];

		if (i >= max) {
			judge(s, AUTH_POLICY, "the message has too many signatures: %u are looked at", max);
			continue;
		}
		judge_claim(s, c->now_s);
		if (fault && !s->is_judged)
			judge(s, AUTH_POLICY, "%s", fault);
	}
}

static unsigned count_names(struct span names)
{
	unsigned n = 1;

	for (size_t i = 0; i < names.len; i++)
		n += names.at[i] == ':';
	return n;
}

/* Ceilings over all signatures. */
static void judge_work(struct dkim_check *c)
{
	uint64_t work = 0, hashed = 0;
	unsigned n_lengths = 0;

	for (unsigned i = 0; i < c->n; i++) {
		struct signature *s = &c->row[i];

		if (s->is_judged)
			continue;
		work += (uint64_t)count_names(s->claim.names) * (c->header->n + 1);
		hashed += c->header->text.len;
		n_lengths += s->claim.has_length;
		if (work > DKIM_WORK_MAX || hashed > DKIM_HASHED_MAX)
			judge(s, AUTH_POLICY, "to verify all signatures of this header takes more work than is done here");
		else if (s->claim.has_length && n_lengths > DKIM_LENGTHS_MAX)
			judge(s, AUTH_POLICY, "more than %d signatures of the message have l=", DKIM_LENGTHS_MAX);
	}
}

static bool same_begin(const struct dkim_check *c, const struct signature *s, size_t len)
{
	for (unsigned i = 0; i < c->n; i++)
		if (&c->row[i] != s && strncmp(c->row[i].told.b, s->told.b, len) == 0)
			return true;
	return false;
}

/* As few characters as tell each from the others. */
static void shorten_b(struct dkim_check *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		struct signature *s = &c->row[i];

		for (s->b_len = B_MIN; s->b_len < sizeof(s->told.b) - 1 && same_begin(c, s, s->b_len);)
			s->b_len++;
	}
	for (unsigned i = 0; i < c->n; i++)
		c->row[i].told.b[c->row[i].b_len] = 0;
}

/* ---- to the library --------------------------------------------------------------------------- */

static u_char *bytes_of(struct span s)
{
	return (u_char *)(uintptr_t)s.at;	/* it does not write there */
}

/* Who signs other signatures needs them all. */
static bool sign_signatures(const struct dkim_check *c)
{
	for (unsigned i = 0; i < c->n; i++)
		if (!c->row[i].is_judged && tags_has_word(c->row[i].claim.names, SPAN("DKIM-Signature")))
			return true;
	return false;
}

static bool is_name(struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] <= ' ' || name.at[i] > '~' || name.at[i] == ';')
			return false;
	return name.len > 0 && name.len <= DKIM_CLAIM_FIELD_MAX;
}

static struct signature *signature_at(struct dkim_check *c, const struct field *f)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->row[i].field == f)
			return &c->row[i];
	return NULL;
}

static void give_field(struct dkim_check *c, const struct field *f, bool with_all)
{
	if (span_eq_nocase(f->name, SPAN("DKIM-Signature"))) {
		struct signature *s = signature_at(c, f);

		if (!s || f->whole.len > DKIM_CLAIM_MAX || (s->is_judged && !with_all))
			return;
		s->is_fed = true;
	} else if (!is_name(f->name)) {
		return;
	}
	(void)dkim_header(c->dkim, bytes_of(f->whole), f->whole.len);	/* a signature that it can't read is listed all the same */
}

/* One more that nobody can name: the library writes behind its list of fields when h= names all of them and one more. */
static void give_last(struct dkim_check *c)
{
	struct span last = SPAN("no name: x");

	(void)dkim_header(c->dkim, bytes_of(last), last.len);
}

static bool is_any_left(const struct dkim_check *c)
{
	for (unsigned i = 0; i < c->n; i++)
		if (!c->row[i].is_judged)
			return true;
	return false;
}

static void give_header(struct dkim_check *c)
{
	u_char id[] = "";
	DKIM_STAT status;
	bool with_all = sign_signatures(c);

	c->dkim = dkim_verify(c->house->lib, id, NULL, &status);
	BUG_ON(!c->dkim);
	(void)dkim_set_user_context(c->dkim, c);
	for (unsigned i = 0; i < c->header->n; i++)
		give_field(c, &c->header->row[i], with_all);
	give_last(c);
	status = dkim_eoh(c->dkim);
	for (unsigned i = 0; i < c->n; i++)
		if (!c->row[i].is_judged && (status != DKIM_STAT_OK || !c->row[i].info))
			judge(&c->row[i], AUTH_NEUTRAL, "the header can't be read: %s", dkim_getresultstr(status));
}

static void begin_measures(struct dkim_check *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		const struct dkim_claim *claim = &c->row[i].claim;
		unsigned form = claim->is_body_relaxed;

		c->has_relaxed |= !c->row[i].is_judged && claim->is_body_relaxed;
		if (c->row[i].is_judged || !claim->has_length || c->is_measured[form])
			continue;
		dkim_body_init_as(&c->measured[form], !claim->is_body_relaxed, 0);
		c->is_measured[form] = true;
	}
}

static void foresee_keys(const struct dkim_check *c, struct facts *facts)
{
	for (unsigned i = 0; i < c->n; i++)
		if (!c->row[i].is_judged)
			dkim_key_foresee(facts, &c->row[i].claim);
}

struct dkim_check *dkim_check_new(struct dkim_house *house, const struct fields *header, struct facts *facts, unsigned max_signatures,
    int64_t now_s)
{
	struct dkim_check *c = mem_new(sizeof(*c));

	c->house = house;
	c->header = header;
	c->now_s = now_s;
	find_signatures(c, max_signatures);
	judge_claims(c, max_signatures);
	judge_work(c);
	shorten_b(c);
	if (is_any_left(c))
		give_header(c);
	if (!is_any_left(c))
		return c;
	foresee_keys(c, facts);
	begin_measures(c);
	return c;
}

void dkim_check_free(struct dkim_check **cp)
{
	struct dkim_check *c = *cp;

	*cp = NULL;
	if (!c)
		return;
	if (c->dkim)
		(void)dkim_free(c->dkim);
	dkim_body_fini(&c->measured[0]);
	dkim_body_fini(&c->measured[1]);
	mem_free(c->row);
	mem_free(c);
}

/* ---- the body ------------------------------------------------------------------------------------ */

static bool is_break(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* How far it is from the last break in s to its end; what is long without one is noted. */
static void watch_words(struct dkim_check *c, struct span s)
{
	size_t from = 0;

	/* Only where a word could become too long is each byte looked at. */
	for (size_t i = 0; c->word + s.len > DKIM_WORD_MAX && i < s.len; i++) {
		if (!is_break(s.at[i]))
			continue;
		c->is_word_too_long |= c->word + i - from > DKIM_WORD_MAX;
		c->word = 0;
		from = i + 1;
	}
	for (size_t n = s.len; n > from; n--) {
		if (is_break(s.at[n - 1])) {
			c->word = 0;
			from = n;
		}
	}
	c->word += s.len - from;
	c->is_word_too_long |= c->word > DKIM_WORD_MAX;
}

static void note_last(struct dkim_check *c, struct span s)
{
	c->last[0] = s.len > 1 ? s.at[s.len - 2] : c->last[1];
	c->last[1] = s.at[s.len - 1];
	c->has_body = true;
}

void dkim_check_body(struct dkim_check *c, struct span bytes)
{
	if (bytes.len == 0 || c->is_word_too_long || !is_any_left(c))
		return;
	if (c->has_relaxed)
		watch_words(c, bytes);
	if (c->is_word_too_long)
		return;
	note_last(c, bytes);
	for (unsigned form = 0; form < 2; form++)
		if (c->is_measured[form])
			dkim_body_feed(&c->measured[form], bytes);
	(void)dkim_body(c->dkim, bytes_of(bytes), bytes.len);
}

/* The library takes no last line without an end. */
static void end_body(struct dkim_check *c)
{
	unsigned char hash[SHA256_LEN];

	if (c->has_body && !(c->last[0] == '\r' && c->last[1] == '\n'))
		dkim_check_body(c, SPAN("\r\n"));
	for (unsigned form = 0; form < 2; form++)
		if (c->is_measured[form])
			dkim_body_finish(&c->measured[form], hash);
}

/* ---- the keys ---------------------------------------------------------------------------------------- */

static void write_record(struct signature *s, const struct dkim_key *key)
{
	struct buf text;

	buf_init(&text, RECORD_MAX);
	if (dkim_record_add(&text, key->algorithm, dkim_key_span(key)) == PR_OK)
		memcpy(s->record, text.at, text.len);
	else
		judge(s, AUTH_PERMERROR, "the key can't be used: its p= is longer than any key that is used");
	buf_fini(&text);
}

/* False: its fact is missing. */
static bool find_key(struct signature *s, struct facts *facts)
{
	struct dkim_key_found found;

	if (!dkim_key_find(facts, &s->claim, &found))
		return false;
	if (found.is_read) {
		s->told.key_bits = dkim_key_bits(&found.key);
		s->told.is_testing = found.key.is_testing;
	}
	if (found.result == AUTH_PASS)
		write_record(s, &found.key);
	else
		judge(s, found.result, "%s", found.why);
	return true;
}

static bool find_keys(struct dkim_check *c, struct facts *facts)
{
	bool is_whole = true;

	for (unsigned i = 0; i < c->n; i++)
		if (!c->row[i].is_judged && c->row[i].record[0] == 0)
			is_whole &= find_key(&c->row[i], facts);
	return is_whole;
}

/* ---- the end -------------------------------------------------------------------------------------------- */

/* A good one, over how much of the body? */
static void judge_cover(const struct dkim_check *c, struct signature *s)
{
	const struct dkim_claim *claim = &s->claim;
	uint64_t len = c->measured[claim->is_body_relaxed].len;

	s->told.covers_all = !claim->has_length || claim->length >= len;
	if (s->told.covers_all)
		judge(s, AUTH_PASS, "%s", "");
	else
		judge(s, AUTH_POLICY, "l= leaves %llu bytes at the end of the body unsigned", (unsigned long long)(len - claim->length));
}

static void judge_error(struct signature *s, int error)
{
	bool is_body = dkim_sig_getbh(s->info) == DKIM_SIGBH_MISMATCH;

	switch (error) {
	case DKIM_SIGERROR_BADSIG:
		judge(s, AUTH_FAIL, is_body ? "the body was changed after it was signed"
		    : "the signed header fields were changed after they were signed, or another key signed them");
		break;
	case DKIM_SIGERROR_TOOLARGE_L: judge(s, AUTH_FAIL, "the body was cut after it was signed: it is shorter than l="); break;
	case DKIM_SIGERROR_KEYDECODE: judge(s, AUTH_PERMERROR, "the key can't be used: its p= is no key"); break;
	case DKIM_SIGERROR_EXPIRED:
	case DKIM_SIGERROR_FUTURE: judge(s, AUTH_POLICY, "%s", dkim_sig_geterrorstr(error)); break;
	case DKIM_SIGERROR_UNKNOWN: judge(s, AUTH_PERMERROR, "it could not be verified"); break;
	default: judge(s, AUTH_NEUTRAL, "the DKIM-Signature field can't be used: %s", dkim_sig_geterrorstr(error)); break;
	}
}

static void read_result(const struct dkim_check *c, struct signature *s)
{
	bool is_good = (dkim_sig_getflags(s->info) & DKIM_SIGFLAG_PASSED) && dkim_sig_getbh(s->info) == DKIM_SIGBH_MATCH;

	if (c->is_word_too_long)
		judge(s, AUTH_POLICY, "the body holds a word of more than %u bytes", DKIM_WORD_MAX);
	else if (is_good && dkim_sig_geterror(s->info) == DKIM_SIGERROR_OK)
		judge_cover(c, s);
	else
		judge_error(s, dkim_sig_geterror(s->info));
	s->told.is_usable = s->told.result == AUTH_PASS;
}

static void read_results(struct dkim_check *c)
{
	if (!is_any_left(c))
		return;
	end_body(c);
	if (!c->is_word_too_long)
		(void)dkim_eom(c->dkim, NULL);	/* what it says of one does not matter: each is looked at */
	for (unsigned i = 0; i < c->n; i++)
		if (!c->row[i].is_judged)
			read_result(c, &c->row[i]);
}

static void add_names(struct buf *tale, struct span names)
{
	const char *before = "";

	while (names.len > 0) {
		(void)buf_add_text(tale, before);
		text_add_escaped(tale, tags_word(&names));
		before = ", ";
	}
}

static void tell_tale(const struct signature *s, unsigned i, struct buf *tale)
{
	const struct dkim_told *t = &s->told;
	const struct dkim_claim *claim = &s->claim;

	(void)buf_printf(tale, "signature %u: d=%s s=%s i=%s a=%s\n", i + 1, t->domain, t->selector, t->identity, t->algorithm);
	if (claim->names.len) {
		(void)buf_printf(tale, "  header %s, body %s; signed: ", claim->is_header_relaxed ? "relaxed" : "simple",
		    claim->is_body_relaxed ? "relaxed" : "simple");
		add_names(tale, claim->names);
		(void)buf_add_char(tale, '\n');
	}
	if (t->key_bits)
		(void)buf_printf(tale, "  key at %s._domainkey.%s: %u bits%s\n", t->selector, t->domain, t->key_bits,
		    t->is_testing ? ", in testing (t=y)" : "");
	(void)buf_printf(tale, "  %s%s%s\n", auth_result_text(t->result), t->why[0] ? ": " : "", t->why);
}

bool dkim_check_end(struct dkim_check *c, struct facts *facts, struct buf *tale)
{
	if (c->is_over)
		return true;
	if (!find_keys(c, facts))
		return false;
	read_results(c);
	c->is_over = true;
	for (unsigned i = 0; tale && i < c->n; i++)
		tell_tale(&c->row[i], i, tale);
	return true;
}

unsigned dkim_check_n(const struct dkim_check *c)
{
	return c->n;
}

const struct dkim_told *dkim_check_told(const struct dkim_check *c, unsigned i)
{
	BUG_ON(i >= c->n);
	return &c->row[i].told;
}
