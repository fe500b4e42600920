#include "verify/dkim.h"

#include <opendkim/dkim.h>

#include "base/digest.h"
#include "base/mem.h"
#include "mail/dkim_body.h"
#include "mail/dkim_claim.h"
#include "mail/dkim_record.h"
#include "verify/dkim_key.h"
#include "verify/dkim_list.h"

#define RECORD_MAX 1024	/* what the library has room for */

struct dkim_house {
	DKIM_LIB *lib;
};

/* Of one signature of the list: the library's side. */
struct asked {
	bool is_given;
	DKIM_SIGINFO *info;
	char record[RECORD_MAX + 1];	/* of its key, as the library gets it; empty: none */
};

struct dkim_check {
	struct dkim_house *house;
	const struct fields *header;
	struct dkim_list list;
	struct asked *asked;	/* one for each of the list */
	DKIM *dkim;		/* NULL: there is nothing to be verified */
	struct dkim_body measured[2];	/* simple, relaxed: how long the body is, where an l= asks for it */
	bool is_measured[2];
	size_t word;		/* bytes since the last blank or line end */
	size_t longest;		/* of these, at the end of a piece: the library has room for it, for each signature */
	bool has_relaxed, is_word_too_long, has_body, is_over;
	char last[2];		/* bytes of the body */
};

/* ---- the library -------------------------------------------------------------------- */

/* The library asks for keys when the message has ended: they are there by then. */
static DKIM_CBSTAT give_key(DKIM *dkim, DKIM_SIGINFO *info, u_char *out, size_t room)
{
	const struct dkim_check *c = dkim_get_user_context(dkim);

	for (unsigned i = 0; i < c->list.n; i++) {
		size_t len = strlen(c->asked[i].record);

		if (c->asked[i].info != info || len == 0 || len >= room)
			continue;
		memcpy(out, c->asked[i].record, len + 1);
		return DKIM_CBSTAT_CONTINUE;
	}
	return DKIM_CBSTAT_NOTFOUND;
}

/* It lists what it was given, in this order. Some were given only because others sign them. */
static DKIM_CBSTAT match_list(DKIM *dkim, DKIM_SIGINFO **infos, int n)
{
	struct dkim_check *c = dkim_get_user_context(dkim);
	int k = 0;

	for (unsigned i = 0; i < c->list.n && k < n; i++) {
		if (!c->asked[i].is_given)
			continue;
		c->asked[i].info = infos[k++];
		if (c->list.row[i].is_judged)
			dkim_sig_ignore(c->asked[i].info);
	}
	return k == n ? DKIM_CBSTAT_CONTINUE : DKIM_CBSTAT_ERROR;
}

struct dkim_house *dkim_house_new(void)
{
	struct dkim_house *house = mem_new(sizeof(*house));
	u_int flags = DKIM_LIBFLAGS_DELAYSIGPROC | DKIM_LIBFLAGS_BADSIGHANDLES;
	uint64_t drift = (uint64_t)DKIM_LIST_DRIFT_S * 2;	/* the library has a clock of its own, which must not be stricter than ours */

	digest_load();
	house->lib = dkim_init(NULL, NULL);
	BUG_ON(!house->lib);
	BUG_ON(dkim_options(house->lib, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof(flags)) != DKIM_STAT_OK);
	BUG_ON(dkim_options(house->lib, DKIM_OP_SETOPT, DKIM_OPTS_CLOCKDRIFT, &drift, sizeof(drift)) != DKIM_STAT_OK);
	(void)dkim_set_key_lookup(house->lib, give_key);
	(void)dkim_set_prescreen(house->lib, match_list);
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

/* ---- to the library --------------------------------------------------------------------------- */

static u_char *bytes_of(struct span s)
{
	return (u_char *)(uintptr_t)s.at;	/* it does not write there */
}

/* Who signs other signatures needs those too that are judged; but for what is not whole, which could hurt the library. */
static bool sign_signatures(const struct dkim_list *list)
{
	for (unsigned i = 0; i < list->n; i++)
		if (!list->row[i].is_judged && tags_has_word(list->row[i].claim.names, SPAN("DKIM-Signature")))
			return true;
	return false;
}

static void give(struct dkim_check *c, struct span field)
{
	(void)dkim_header(c->dkim, bytes_of(field), field.len);	/* a signature that it can't read is listed all the same */
}

static void give_signature(struct dkim_check *c, const struct field *f, bool with_all)
{
	unsigned i = 0;

	while (i < c->list.n && c->list.row[i].field != f)
		i++;
	if (i == c->list.n || !c->list.row[i].is_read || (c->list.row[i].is_judged && !with_all))
		return;
	c->asked[i].is_given = true;
	give(c, f->whole);
}

static void give_fields(struct dkim_check *c)
{
	bool with_all = sign_signatures(&c->list);

	for (unsigned i = 0; i < c->header->n; i++) {
		const struct field *f = &c->header->row[i];

		if (span_eq_nocase(f->name, SPAN("DKIM-Signature")))
			give_signature(c, f, with_all);
		else if (dkim_claim_is_name(f->name))
			give(c, f->whole);
	}
	/* One more that nobody can name: where h= names every field and one more, the library writes behind its list of them. */
	give(c, SPAN("no name: x"));
}

static void give_header(struct dkim_check *c)
{
	u_char id[] = "";
	DKIM_STAT status;

	c->asked = mem_new(c->list.n * sizeof(*c->asked));
	c->dkim = dkim_verify(c->house->lib, id, NULL, &status);
	BUG_ON(!c->dkim);
	(void)dkim_set_user_context(c->dkim, c);
	give_fields(c);
	status = dkim_eoh(c->dkim);
	for (unsigned i = 0; i < c->list.n; i++)
		if (!c->list.row[i].is_judged && (status != DKIM_STAT_OK || !c->asked[i].info))
			dkim_list_judge(&c->list.row[i], AUTH_NEUTRAL, "the header can't be read: %s", dkim_getresultstr(status));
}

static void begin_body(struct dkim_check *c)
{
	for (unsigned i = 0; i < c->list.n; i++) {
		const struct dkim_claim *claim = &c->list.row[i].claim;
		unsigned form = claim->is_body_relaxed;

		if (c->list.row[i].is_judged)
			continue;
		c->has_relaxed |= claim->is_body_relaxed;
		if (claim->has_length && !c->is_measured[form])
			dkim_body_init_as(&c->measured[form], !claim->is_body_relaxed, 0);
		c->is_measured[form] |= claim->has_length;
	}
}

struct dkim_check *dkim_check_new(struct dkim_house *house, const struct fields *header, struct facts *facts, unsigned max_signatures,
    int64_t now_s)
{
	struct dkim_check *c = mem_new(sizeof(*c));

	c->house = house;
	c->header = header;
	dkim_list_read(&c->list, header, max_signatures, now_s);
	if (!dkim_list_waits(&c->list))
		return c;
	give_header(c);
	for (unsigned i = 0; i < c->list.n; i++)
		if (!c->list.row[i].is_judged)
			dkim_key_foresee(facts, &c->list.row[i].claim);
	begin_body(c);
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
	dkim_list_fini(&c->list);
	mem_free(c->asked);
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
	if (c->word > c->longest)
		c->longest = c->word;
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
	if (bytes.len == 0 || c->is_word_too_long || !dkim_list_waits(&c->list))
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

static void write_record(struct dkim_check *c, unsigned i, const struct dkim_key *key)
{
	struct buf text;

	buf_init(&text, RECORD_MAX);
	if (dkim_record_add(&text, key->algorithm, dkim_key_span(key)) == PR_OK)
		memcpy(c->asked[i].record, text.at, text.len);
	else
		dkim_list_judge(&c->list.row[i], AUTH_PERMERROR, "the key can't be used: its p= is longer than any key that is used");
	buf_fini(&text);
}

/* False: its fact is missing. */
static bool find_key(struct dkim_check *c, unsigned i, struct facts *facts)
{
	struct dkim_listed *s = &c->list.row[i];
	struct dkim_key_found found;

	if (!dkim_key_find(facts, &s->claim, &found))
		return false;
	if (found.is_read) {
		s->told.key_bits = dkim_key_bits(&found.key);
		s->told.is_testing = found.key.is_testing;
	}
	if (found.result == AUTH_PASS)
		write_record(c, i, &found.key);
	else
		dkim_list_judge(s, found.result, "%s", found.why);
	return true;
}

static bool find_keys(struct dkim_check *c, struct facts *facts)
{
	bool is_whole = true;

	for (unsigned i = 0; i < c->list.n; i++)
		if (!c->list.row[i].is_judged && c->asked[i].record[0] == 0)
			is_whole &= find_key(c, i, facts);
	return is_whole;
}

/* ---- the end -------------------------------------------------------------------------------------------- */

/* A good one, over how much of the body? */
static void judge_cover(const struct dkim_check *c, struct dkim_listed *s)
{
	const struct dkim_claim *claim = &s->claim;
	uint64_t len = c->measured[claim->is_body_relaxed].len;

	s->told.covers_all = !claim->has_length || claim->length >= len;
	if (s->told.covers_all)
		dkim_list_judge(s, AUTH_PASS, "%s", "");
	else
		dkim_list_judge(s, AUTH_POLICY, "l= leaves %llu bytes at the end of the body unsigned",
		    (unsigned long long)(len - claim->length));
}

static void judge_error(struct dkim_listed *s, int error, bool is_body)
{
	switch (error) {
	case DKIM_SIGERROR_BADSIG:
		dkim_list_judge(s, AUTH_FAIL, "%s", is_body ? "the body was changed after it was signed"
		    : "the signed header fields were changed after they were signed, or another key signed them");
		break;
	case DKIM_SIGERROR_TOOLARGE_L:
		dkim_list_judge(s, AUTH_FAIL, "the body was cut after it was signed: it is shorter than l=");
		break;
	case DKIM_SIGERROR_KEYDECODE: dkim_list_judge(s, AUTH_PERMERROR, "the key can't be used: its p= is no key"); break;
	case DKIM_SIGERROR_EXPIRED:
	case DKIM_SIGERROR_FUTURE: dkim_list_judge(s, AUTH_POLICY, "%s", dkim_sig_geterrorstr(error)); break;
	case DKIM_SIGERROR_UNKNOWN: dkim_list_judge(s, AUTH_PERMERROR, "it could not be verified"); break;
	default: dkim_list_judge(s, AUTH_NEUTRAL, "the DKIM-Signature field can't be used: %s", dkim_sig_geterrorstr(error)); break;
	}
}

static void read_result(struct dkim_check *c, unsigned i)
{
	struct dkim_listed *s = &c->list.row[i];
	DKIM_SIGINFO *info = c->asked[i].info;
	bool is_good = (dkim_sig_getflags(info) & DKIM_SIGFLAG_PASSED) && dkim_sig_getbh(info) == DKIM_SIGBH_MATCH;

	if (c->is_word_too_long)
		dkim_list_judge(s, AUTH_POLICY, "the body holds a word of more than %u bytes", DKIM_WORD_MAX);
	else if (is_good && dkim_sig_geterror(info) == DKIM_SIGERROR_OK)
		judge_cover(c, s);
	else
		judge_error(s, dkim_sig_geterror(info), dkim_sig_getbh(info) == DKIM_SIGBH_MISMATCH);
}

static void read_results(struct dkim_check *c)
{
	if (!dkim_list_waits(&c->list))
		return;
	end_body(c);
	if (!c->is_word_too_long)
		(void)dkim_eom(c->dkim, NULL);	/* what it says of one does not matter: each is looked at */
	for (unsigned i = 0; i < c->list.n; i++)
		if (!c->list.row[i].is_judged)
			read_result(c, i);
}

bool dkim_check_end(struct dkim_check *c, struct facts *facts, struct buf *tale)
{
	if (c->is_over)
		return true;
	if (!find_keys(c, facts))
		return false;
	read_results(c);
	c->is_over = true;
	if (tale)
		dkim_list_add_tale(&c->list, tale);
	return true;
}

size_t dkim_check_bytes(const struct dkim_check *c)
{
	return (c->dkim ? fields_bytes(c->header) : 0) + c->longest * c->list.n;
}

unsigned dkim_check_n(const struct dkim_check *c)
{
	return c->list.n;
}

const struct dkim_told *dkim_check_told(const struct dkim_check *c, unsigned i)
{
	BUG_ON(i >= c->list.n);
	return &c->list.row[i].told;
}
