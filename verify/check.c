#include "verify/check.h"

#include "base/mem.h"
#include "verify/check_private.h"
#include "verify/exceptions.h"

#define ARENA_BLOCK 4096
#define FIELDS_MAX  16384	/* of what is put in front */
#define TALE_MAX    262144

/* ---- birth ---------------------------------------------------------------------------- */

/* RFC 7208 2.3: HELO is worth a check where it is a name that could have a record. */
static bool helo_is_name(struct span helo)
{
	return span_find(helo, '.') < helo.len && helo.at[0] != '[' && helo.len <= FACTS_NAME_MAX;
}

static void choose_parts(struct check *c)
{
	const struct check_ask *ask = &c->ask;
	bool wants_spf = check_wants_spf(c);

	c->is_done[PART_IPREV] = ask->client.len == 0 || !check_wants_message(c);
	c->is_done[PART_SPF] = !wants_spf;
	c->is_done[PART_HELO] = !wants_spf || ask->sender.len == 0 || !helo_is_name(ask->helo);	/* of <> it is the sender's */
	c->is_done[PART_DKIM] = c->is_done[PART_ARC] = !check_wants_message(c);
	c->is_done[PART_DMARC] = ask->dmarc == CHECKS_OFF;
}

struct check *check_new(const struct check_house *h, const struct check_ask *ask, struct instant now)
{
	const struct set_verify *limits = &h->settings->verify;
	struct check *c = mem_new(sizeof(*c));

	c->house = h;
	arena_init(&c->arena, ARENA_BLOCK);
	c->ask = *ask;
	c->ask.helo = arena_span(&c->arena, ask->helo);
	c->ask.sender = arena_span(&c->arena, ask->sender);
	if (ask->client.len > 0) {
		c->client = client_of((const unsigned char *)ask->client.at, ask->client.len);
		client_text(&c->client, c->client_text);
	}
	c->now_s = now.wall_ms / 1000;
	c->due = INT64_MAX;
	c->facts = facts_new((unsigned)limits->max_questions);
	fields_init(&c->header, (size_t)limits->max_header, (unsigned)limits->max_fields);
	for (unsigned i = 0; i < N_PARTS; i++)
		buf_init(&c->tale[i], TALE_MAX);
	buf_init(&c->fields, FIELDS_MAX);
	buf_init(&c->words, N_PARTS * TALE_MAX);
	choose_parts(c);
	if (!c->is_done[PART_DMARC])
		facts_keep_back(c->facts, DMARC_QUESTIONS);
	return c;
}

void check_free(struct check **cp)
{
	struct check *c = *cp;

	*cp = NULL;
	if (!c)
		return;
	dkim_check_free(&c->dkim);
	arc_check_free(&c->arc);
	fields_fini(&c->header);
	facts_free(&c->facts);
	for (unsigned i = 0; i < N_PARTS; i++)
		buf_fini(&c->tale[i]);
	buf_fini(&c->fields);
	buf_fini(&c->words);
	arena_fini(&c->arena);
	mem_free(c);
}

/* ---- the message as it comes ------------------------------------------------------------- */

/* First of all, whatever else the sender has looked up: no time that this takes may hide what the author's domain asks for. */
static void foresee_policy(struct check *c)
{
	facts_use_kept_back(c->facts, true);
	dmarc_foresee(c->facts, &c->header);
	facts_use_kept_back(c->facts, false);
}

/* The header is whole: what its fields will need is asked for while the body comes. */
static void read_header(struct check *c)
{
	if (c->header_is_read)
		return;
	c->header_is_read = true;
	if (!c->is_done[PART_DMARC])
		foresee_policy(c);
	if (!c->is_done[PART_DKIM])
		c->dkim = dkim_check_new(c->house->dkim, &c->header, c->facts, (unsigned)c->house->settings->verify.max_signatures, c->now_s);
	if (!c->is_done[PART_ARC])
		c->arc = arc_check_new(&c->header, c->facts, c->now_s);
}

void check_part(struct check *c, struct span bytes)
{
	fields_feed(&c->header, &bytes);
	if (!c->header.ended)
		return;
	read_header(c);
	if (c->dkim)
		dkim_check_body(c->dkim, bytes);
	if (c->arc)
		arc_check_body(c->arc, bytes);
}

void check_end(struct check *c, struct instant now)
{
	fields_close(&c->header);
	read_header(c);
	c->has_ended = true;
	c->due = now.mono_ms + c->house->settings->verify.timeout;
}

int64_t check_due(const struct check *c)
{
	return c->due;
}

/* ---- parts -------------------------------------------------------------------------------- */

static bool run_spf(struct check *c, bool of_helo, struct spf_told *out, struct buf *tale)
{
	struct spf_ask ask = {
		.client = c->client, .helo = c->ask.helo, .sender = c->ask.sender, .helo_identity = of_helo,
		.receiver = span_of_text(c->house->settings->top.hostname), .now_s = (uint64_t)c->now_s,
	};

	return spf_check(c->facts, &ask, out, tale);
}

/* SPF vouches for the domain in MAIL FROM, or in HELO where the sender is <>. */
static struct span spf_domain(const struct check *c)
{
	return span_of_text(c->spf.domain);
}

static bool run_dmarc(struct check *c, struct buf *tale)
{
	unsigned n = c->dkim ? dkim_check_n(c->dkim) : 0;
	struct dmarc_identity *dkim = arena_new(&c->arena, (n + 1) * sizeof(*dkim));
	struct dmarc_ask ask = { .header = &c->header, .spf = { c->spf.result, spf_domain(c) }, .dkim = dkim, .n_dkim = n };

	for (unsigned i = 0; i < n; i++) {
		const struct dkim_told *told = dkim_check_told(c->dkim, i);

		dkim[i].result = told->result;
		dkim[i].domain = span_of_text(told->domain);
	}
	facts_use_kept_back(c->facts, true);
	return dmarc_check(c->facts, &ask, &c->dmarc, tale);
}

static bool run(struct check *c, enum part part)
{
	struct buf *tale = c->ask.tells ? &c->tale[part] : NULL;

	switch (part) {
	case PART_IPREV: return iprev_check(c->facts, &c->client, &c->iprev, tale);
	case PART_SPF: return run_spf(c, c->ask.sender.len == 0, &c->spf, tale);
	case PART_HELO: return run_spf(c, true, &c->helo, tale);
	case PART_DKIM: return dkim_check_end(c->dkim, c->facts, tale);
	case PART_ARC: return arc_check_end(c->arc, c->facts, tale);
	case PART_DMARC: return run_dmarc(c, tale);
	case N_PARTS: break;
	}
	return true;
}

/* Those that need no message begin with the connection, and DMARC stands on all others. */
static bool may_run(const struct check *c, enum part part)
{
	if (part < PART_DKIM)
		return true;
	for (unsigned i = 0; part == PART_DMARC && i < PART_DMARC; i++)
		if (!c->is_done[i])
			return false;
	return c->has_ended;
}

static void conclude(struct check *c);

bool check_go_on(struct check *c, struct instant now)
{
	bool all = c->has_ended;

	if (now.mono_ms >= c->due)
		facts_close(c->facts);
	for (enum part part = 0; part < N_PARTS; part++) {
		if (!c->is_done[part])
			c->is_done[part] = may_run(c, part) && run(c, part);
		all &= c->is_done[part];
	}
	if (all)
		conclude(c);
	return all;
}

/* ---- the verdict ---------------------------------------------------------------------------- */

static enum verify_mode mode_of(enum set_checks checks)
{
	return checks == CHECKS_ENFORCE ? MODE_ENFORCE : checks == CHECKS_OBSERVE ? MODE_OBSERVE : MODE_OFF;
}

/* A HELO that its own domain disowns counts where the sender's domain says nothing worse. */
static struct verdict_finding spf_finding(const struct check *c)
{
	const struct spf_told *told = c->helo.result == AUTH_FAIL && c->spf.result != AUTH_FAIL ? &c->helo : &c->spf;

	return (struct verdict_finding){ told->result, span_of_text(told->domain), span_of_text(told->why) };
}

static const struct verdict_finding *dkim_findings(struct check *c, unsigned n)
{
	struct verdict_finding *row = arena_new(&c->arena, (n + 1) * sizeof(*row));

	for (unsigned i = 0; i < n; i++) {
		const struct dkim_told *told = dkim_check_told(c->dkim, i);

		row[i] = (struct verdict_finding){ told->result, span_of_text(told->domain), span_of_text(told->why) };
	}
	return row;
}

/* Whom an exception helps or harms is told; for most mail it makes no difference. */
static void except(struct check *c, const struct exceptions_ask *who, struct verdict_ask *asks)
{
	struct verdict without;
	const char *by;

	verdict_reach(asks, &without);
	by = exceptions_apply(c->house->settings, who, &asks->modes);
	verdict_reach(asks, &c->verdict);
	c->excepted_by = c->verdict.what != without.what ? by : NULL;
}

static void reach_verdict(struct check *c)
{
	const struct check_ask *ask = &c->ask;
	struct verdict_ask asks = {
		.modes = { mode_of(ask->spf), mode_of(ask->dkim), mode_of(ask->dmarc) }, .client = span_of_text(c->client_text),
		.spf = spf_finding(c), .n_dkim = c->dkim ? dkim_check_n(c->dkim) : 0,
		.dmarc = ask->dmarc != CHECKS_OFF ? &c->dmarc : NULL,
	};
	struct exceptions_ask who = { .family = c->client.is_v6 ? 6 : 4, .client = c->client.at, .dmarc = asks.dmarc, .n_dkim = asks.n_dkim };

	who.spf = (struct verdict_finding){ c->spf.result, spf_domain(c), SPAN_NONE };
	who.dkim = asks.dkim = dkim_findings(c, asks.n_dkim);
	except(c, &who, &asks);
}

static void conclude(struct check *c)
{
	struct check_told *told = &c->told;

	reach_verdict(c);
	check_write_fields(c);
	told->code = c->verdict.what == VERDICT_REFUSE || c->verdict.what == VERDICT_DEFER ? c->verdict.code : 0;
	told->enhanced = span_of_text(c->verdict.enhanced);
	told->words = span_of_text(c->verdict.text);
	told->quarantine = c->verdict.what == VERDICT_QUARANTINE ? span_of_text(c->verdict.text) : SPAN_NONE;
	told->fields = buf_span(&c->fields);
}

const struct check_told *check_told(const struct check *c)
{
	return &c->told;
}

size_t check_bytes(const struct check *c)
{
	return sizeof(*c) + facts_bytes(c->facts) + fields_bytes(&c->header) + (c->dkim ? dkim_check_bytes(c->dkim) : 0);
}

struct facts *check_facts(struct check *c)
{
	return c->facts;
}

const struct msg_id *check_id(const struct check *c)
{
	return &c->ask.id;
}
