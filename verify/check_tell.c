/* What a check found: fields for the message, rows for people, the event. */
#include <stdio.h>

#include "verify/authres.h"
#include "verify/check_private.h"

#define DETAIL_MAX 1024
#define REASON_MAX 512

/* ---- what is told of it ------------------------------------------------------------------------ */

static struct authres_spf spf_told_as(const struct check *c)
{
	return (struct authres_spf){
		.is_there = check_wants_spf(c), .result = c->spf.result,
		.is_helo = c->ask.sender.len == 0, .mail_from = c->ask.sender, .helo = c->ask.helo, .client = span_of_text(c->client_text),
		.why = span_of_text(c->spf.why),
	};
}

static const struct authres_signature *signatures_told_as(struct check *c, unsigned n)
{
	struct authres_signature *row = arena_new(&c->arena, (n + 1) * sizeof(*row));

	for (unsigned i = 0; i < n; i++) {
		const struct dkim_told *told = dkim_check_told(c->dkim, i);

		row[i] = (struct authres_signature){ told->result, span_of_text(told->domain), span_of_text(told->selector),
			span_of_text(told->algorithm), span_of_text(told->identity), span_of_text(told->b), span_of_text(told->why) };
	}
	return row;
}

void check_write_fields(struct check *c)
{
	struct authres_ask ask = {
		.authserv_id = span_of_text(c->house->settings->top.hostname), .spf = spf_told_as(c), .has_dkim = c->dkim != NULL,
		.n_dkim = c->dkim ? dkim_check_n(c->dkim) : 0, .dmarc = c->ask.dmarc != CHECKS_OFF ? &c->dmarc : NULL,
	};

	if (c->helo.domain[0] && c->helo.result != AUTH_NONE) {
		ask.helo = ask.spf;
		ask.helo.is_helo = true;
		ask.helo.result = c->helo.result;
		ask.helo.why = span_of_text(c->helo.why);
	}
	if (check_wants_message(c) && c->ask.client.len > 0)
		ask.iprev = (struct authres_iprev){ true, c->iprev.result, span_of_text(c->client_text), span_of_text(c->iprev.name),
			span_of_text(c->iprev.why) };
	ask.dkim = signatures_told_as(c, ask.n_dkim);
	if (c->arc && arc_check_told(c->arc)->result != AUTH_NONE)
		ask.arc = (struct authres_arc){ .is_there = true, .result = arc_check_told(c->arc)->result,
			.remote_ip = span_of_text(c->client_text), .why = span_of_text(arc_check_told(c->arc)->why) };
	authres_add(&c->fields, &ask);
	if (c->verdict.what == VERDICT_QUARANTINE)	/* by which a Sieve behind LMTP finds it, too */
		(void)buf_printf(&c->fields, "X-Postrider-Quarantine: %s\r\n", c->verdict.text);
	if (c->ask.received_spf && ask.spf.is_there)
		authres_add_received_spf(&c->fields, &ask.spf, ask.authserv_id);
}

/* ---- for people ----------------------------------------------------------------------------------- */

struct span check_tale(struct check *c)
{
	static const char *const titles[N_PARTS] = {
		[PART_IPREV] = "The client's name", [PART_SPF] = "SPF", [PART_HELO] = "SPF of the name in HELO", [PART_DKIM] = "DKIM",
		[PART_ARC] = "ARC", [PART_DMARC] = "DMARC",
	};

	buf_clear(&c->words);
	for (enum part part = 0; part < N_PARTS; part++)
		if (c->tale[part].len > 0) {
			(void)buf_printf(&c->words, "%s%s\n", c->words.len > 0 ? "\n" : "", titles[part]);
			(void)buf_add(&c->words, buf_span(&c->tale[part]));
		}
	return buf_span(&c->words);
}

struct teller {
	void (*fn)(void *arg, const struct check_row *row);
	void *arg;
};

static void tell_row(const struct teller *t, const char *method, enum auth_result result, const char *about, const char *detail, const char *why)
{
	struct check_row row = { method, auth_result_text(result), span_of_text(about), span_of_text(detail), span_of_text(why), SPAN_NONE };

	t->fn(t->arg, &row);
}

static void tell_spf(const struct teller *t, const struct spf_told *told, const char *identity)
{
	struct check_row row = { "spf", auth_result_text(told->result), span_of_text(told->domain), span_of_text(identity), span_of_text(told->why),
		span_of_text(told->explanation) };

	t->fn(t->arg, &row);
}

static void tell_iprev(const struct check *c, const struct teller *t)
{
	char detail[sizeof("address=") + CLIENT_TEXT_MAX];

	(void)snprintf(detail, sizeof(detail), "address=%s", c->client_text);
	tell_row(t, "iprev", c->iprev.result, c->iprev.name, detail, c->iprev.why);
}

static void tell_signature(const struct teller *t, const struct dkim_told *told)
{
	char detail[DETAIL_MAX];

	(void)snprintf(detail, sizeof(detail), "selector=%s algorithm=%s bits=%u identity=%s", told->selector, told->algorithm, told->key_bits,
	    told->identity);
	tell_row(t, "dkim", told->result, told->domain, detail, told->why);
}

static void tell_dmarc(const struct check *c, const struct teller *t)
{
	char detail[DETAIL_MAX];
	const struct dmarc_told *d = &c->dmarc;

	(void)snprintf(detail, sizeof(detail), "policy=%s organisational=%s record=%s spf_aligned=%s dkim_aligned=%s testing=%s",
	    dmarc_policy_text(d->policy), d->organisational, d->record_at, d->spf_aligned ? "yes" : "no", d->dkim_aligned ? "yes" : "no",
	    d->is_testing ? "yes" : "no");
	tell_row(t, "dmarc", d->result, d->domain, detail, d->why);
}

/* Why it was not simply taken, or who would not be but for an exception. */
static void add_reason(const struct check *c, struct buf *out)
{
	if (c->verdict.text[0])
		(void)buf_add_text(out, c->verdict.text);
	else if (c->excepted_by)
		(void)buf_printf(out, "`sender %s` makes an exception", c->excepted_by);
}

static const char *verdict_word(const struct check *c)
{
	static const char *const words[] = {
		[VERDICT_ACCEPT] = "accept", [VERDICT_REFUSE] = "refuse", [VERDICT_DEFER] = "defer", [VERDICT_QUARANTINE] = "quarantine",
	};

	return words[c->verdict.what];
}

/* Where nothing is enforced there is none. */
static bool has_verdict(const struct check_ask *ask)
{
	return ask->spf == CHECKS_ENFORCE || ask->dkim == CHECKS_ENFORCE || ask->dmarc == CHECKS_ENFORCE;
}

static void tell_verdict(const struct check *c, const struct teller *t)
{
	char detail[DETAIL_MAX] = "";
	struct check_row row = { .method = "verdict", .result = verdict_word(c), .about = SPAN_NONE, .explanation = SPAN_NONE };
	struct buf why;

	if (c->told.code)
		(void)snprintf(detail, sizeof(detail), "code=%u enhanced=%s", c->verdict.code, c->verdict.enhanced);
	row.detail = span_of_text(detail);
	buf_init(&why, REASON_MAX);
	add_reason(c, &why);
	row.why = buf_span(&why);
	t->fn(t->arg, &row);
	buf_fini(&why);
}

void check_each_row(struct check *c, void (*fn)(void *arg, const struct check_row *row), void *arg)
{
	const struct check_ask *ask = &c->ask;
	struct teller t = { fn, arg };

	if (check_wants_message(c) && ask->client.len > 0)
		tell_iprev(c, &t);
	if (spf_told_as(c).is_there)
		tell_spf(&t, &c->spf, ask->sender.len > 0 ? "identity=mailfrom" : "identity=helo");
	if (c->helo.domain[0])
		tell_spf(&t, &c->helo, "identity=helo");
	if (c->dkim && dkim_check_n(c->dkim) == 0)
		tell_row(&t, "dkim", AUTH_NONE, "", "", "no signature");
	for (unsigned i = 0; c->dkim && i < dkim_check_n(c->dkim); i++)
		tell_signature(&t, dkim_check_told(c->dkim, i));
	if (c->arc && arc_check_told(c->arc)->result != AUTH_NONE)
		tell_row(&t, "arc", arc_check_told(c->arc)->result, arc_check_told(c->arc)->domain, "", arc_check_told(c->arc)->why);
	if (ask->dmarc != CHECKS_OFF)
		tell_dmarc(c, &t);
	if (has_verdict(ask))
		tell_verdict(c, &t);
}

/* ---- the event ---------------------------------------------------------------------------------------- */

static void add_found(struct buf *out, enum auth_result result, const char *about)
{
	(void)buf_printf(out, "%s%s%s%s", out->len > 0 ? ", " : "", auth_result_text(result), about[0] ? " " : "", about);
}

static void tell_found(struct event *ev, enum event_key key, enum auth_result result, const char *about)
{
	struct buf words;

	buf_init(&words, EVENT_TEXT_MAX);
	add_found(&words, result, about);
	event_text(ev, key, buf_span(&words));
	buf_fini(&words);
}

static void tell_signatures(const struct check *c, struct event *ev)
{
	unsigned n = c->dkim ? dkim_check_n(c->dkim) : 0;
	struct buf words;

	buf_init(&words, EVENT_TEXT_MAX);
	for (unsigned i = 0; i < n; i++)
		add_found(&words, dkim_check_told(c->dkim, i)->result, dkim_check_told(c->dkim, i)->domain);
	event_text(ev, EF_DKIM, n > 0 ? buf_span(&words) : SPAN("none"));
	buf_fini(&words);
}

static void tell_reason(const struct check *c, struct event *ev)
{
	struct buf words;

	buf_init(&words, REASON_MAX);
	add_reason(c, &words);
	event_text(ev, EF_REASON, buf_span(&words));
	buf_fini(&words);
}

void check_event(const struct check *c, struct event *ev, int64_t wall_ms)
{
	event_begin(ev, EV_MESSAGE_CHECKED, wall_ms, &c->ask.id);
	event_text(ev, EF_CLIENT, span_of_text(c->client_text));
	event_text(ev, EF_HELO, c->ask.helo);
	event_text(ev, EF_FROM, c->ask.sender);
	if (check_wants_message(c)) {
		tell_found(ev, EF_IPREV, c->iprev.result, c->iprev.name);
		tell_signatures(c, ev);
		if (arc_check_told(c->arc)->result != AUTH_NONE)
			tell_found(ev, EF_ARC, arc_check_told(c->arc)->result, arc_check_told(c->arc)->domain);
	}
	if (spf_told_as(c).is_there)
		tell_found(ev, EF_SPF, c->spf.result, c->spf.domain);
	if (c->ask.dmarc != CHECKS_OFF) {
		tell_found(ev, EF_DMARC, c->dmarc.result, c->dmarc.domain);
		event_text(ev, EF_POLICY, c->dmarc.record_at[0] ? span_of_text(dmarc_policy_text(c->dmarc.policy)) : SPAN_NONE);
	}
	event_text(ev, EF_ACTION, span_of_text(verdict_word(c)));
	tell_reason(c, ev);
}
