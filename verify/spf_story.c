#include "verify/spf_story.h"

#include <arpa/inet.h>
#include <stdio.h>

#define TEXT(t) SPAN_ARG(span_first((t)->text, 200))

/* ---- steps --------------------------------------------------------------------------- */

static int indent(const struct spf_visit *v)
{
	return (int)v->depth * 2;
}

void spf_story_record(struct spf_walk *w, const struct spf_visit *v, struct span text)
{
	if (w->tale)
		(void)buf_printf(w->tale, "%*s%.*s says: %.*s\n", indent(v), "", SPAN_ARG(v->domain), SPAN_ARG(text));
}

void spf_story_enter(struct spf_walk *w, const struct spf_visit *v, const struct spf_term *t)
{
	if (w->tale)
		(void)buf_printf(w->tale, "%*s  %.*s: what that says\n", indent(v), "", TEXT(t));
}

static void add_step(struct spf_walk *w, const struct spf_visit *v, const struct spf_term *t, const char *outcome)
{
	if (w->note.len > 0)
		(void)buf_printf(w->tale, "%*s  %.*s: %s (%.*s)\n", indent(v), "", TEXT(t), outcome, SPAN_ARG(buf_span(&w->note)));
	else
		(void)buf_printf(w->tale, "%*s  %.*s: %s\n", indent(v), "", TEXT(t), outcome);
	buf_clear(&w->note);
}

/* The term that decided a record, and where an include led before that. */
static void add_end(struct spf_walk *w, const struct spf_visit *v)
{
	if (!v->at) {
		(void)buf_printf(w->tale, "%*s  no more terms\n", indent(v), "");
		return;
	}
	if (v->at->kind == SPF_INCLUDE && v->inner)
		add_end(w, v->inner);
	add_step(w, v, v->at, "match");
}

static bool is_network(const struct spf_term *t)
{
	return t->kind == SPF_IP4 || t->kind == SPF_IP6;
}

void spf_story_leave(struct spf_walk *w, struct spf_visit *v, const struct spf_term *to)
{
	if (!w->tale)
		return;
	if (v->at && v->at->kind == SPF_INCLUDE && v->inner)
		add_end(w, v->inner);
	if (v->at)
		add_step(w, v, v->at, "no match");
	for (; v->n_told < v->record.n && &v->record.row[v->n_told] != to; v->n_told++)
		if (is_network(&v->record.row[v->n_told]))
			add_step(w, v, &v->record.row[v->n_told], "no match");
}

static void add_note(struct spf_walk *w, struct span s)
{
	if (w->note.len > 0)
		(void)buf_add_text(&w->note, ", ");
	(void)buf_add(&w->note, s);
}

void spf_story_addresses(struct spf_walk *w, struct span name, const struct fact *f)
{
	char text[INET6_ADDRSTRLEN];

	if (!w->tale)
		return;
	add_note(w, name.len ? name : SPAN("no name that could be in the DNS"));
	if (name.len && f->n == 0)
		(void)buf_add_text(&w->note, " has none");
	for (unsigned i = 0; i < f->n; i++)
		if (inet_ntop(f->data[i].len == 16 ? AF_INET6 : AF_INET, f->data[i].at, text, sizeof(text)))
			(void)buf_printf(&w->note, " %s", text);
}

void spf_story_names(struct spf_walk *w, const struct iprev_names *names)
{
	if (!w->tale)
		return;
	if (names->n == 0)
		add_note(w, SPAN("no confirmed name"));
	for (unsigned i = 0; i < names->n; i++)
		add_note(w, names->row[i]);
}

/* ---- the reason ------------------------------------------------------------------------- */

/* "example.net (to which example.org redirects)" */
static void add_owner(struct buf *out, const struct spf_visit *v)
{
	const struct spf_visit *first = v;

	while (first->before)
		first = first->before;
	(void)buf_add(out, v->domain);
	if (first != v)
		(void)buf_printf(out, " (to which %.*s redirects)", SPAN_ARG(first->domain));
}

/* Where the term stands that matched: in the record itself, or in one that it includes. */
static const struct spf_visit *place_of(const struct spf_visit *v)
{
	while (!v->has_ended && v->at && v->at->kind == SPF_INCLUDE && v->inner)
		v = v->inner;
	return v;
}

static void add_not_listed(struct spf_walk *w, const struct spf_visit *v, struct buf *out)
{
	(void)buf_add_text(out, "the SPF record of ");
	add_owner(out, v);
	(void)buf_printf(out, " does not list %s", w->client);
	if (v->at)
		(void)buf_printf(out, " (%.*s)", TEXT(v->at));
	else
		(void)buf_add_text(out, ", and says nothing of others");
}

static void add_matched(struct spf_walk *w, const struct spf_visit *v, enum auth_result result, struct buf *out)
{
	const struct spf_visit *place = result == AUTH_PASS ? place_of(v) : v;
	const char *verb = result == AUTH_PASS ? "listed" : result == AUTH_FAIL ? "forbidden" : "named";

	(void)buf_printf(out, "%s is %s by \"%.*s\" in the SPF record of ", w->client, verb, TEXT(place->at));
	add_owner(out, place);
	if (place != v) {
		(void)buf_add_text(out, ", which is included by that of ");
		add_owner(out, v);
	}
}

static void add_reason(struct spf_walk *w, enum auth_result result, struct buf *out)
{
	const struct spf_visit *v = w->top;
	bool is_at_end = v->has_ended && (!v->at || v->at->kind == SPF_ALL);

	if (w->stop != SPF_GOES_ON) {
		(void)buf_add_text(out, w->why);
	} else if (is_at_end && result == AUTH_PASS) {
		(void)buf_add_text(out, "every address is listed by the SPF record of ");
		add_owner(out, v);
	} else if (is_at_end) {
		add_not_listed(w, v, out);
	} else {
		add_matched(w, v, result, out);
	}
}

void spf_story_end(struct spf_walk *w, struct spf_told *out)
{
	struct buf why;

	buf_init(&why, 2 * sizeof(out->why));
	add_reason(w, out->result, &why);
	(void)snprintf(out->why, sizeof(out->why), "%.*s", SPAN_ARG(buf_span(&why)));
	buf_fini(&why);
	if (!w->tale)
		return;
	if (w->stop == SPF_GOES_ON)
		add_end(w, w->top);
	(void)buf_printf(w->tale, "spf: %s: %s\n", auth_result_text(out->result), out->why);
}
