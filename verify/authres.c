#include "verify/authres.h"

#include <stdio.h>

#include "base/text.h"

#define LINE_SOFT   78		/* octets of a line (RFC 5322 2.1.1), where something can be folded */
#define VALUE_MAX   256		/* octets of a value; longer ones are left out */
#define WHY_MAX     160		/* octets of a comment; longer ones are cut */
#define SIGNATURE_SHOWN 16	/* letters of b= */
#define KEPT_BACK   1600	/* octets of the field for what follows the signatures */

/* A field under construction. */
struct field_writer {
	struct buf *out;
	size_t begins;		/* in out: the field */
	size_t line;		/* in out: the current line */
};

/* ---- folding ----------------------------------------------------------------------------- */

static void begin(struct field_writer *w, struct buf *out, const char *name)
{
	*w = (struct field_writer){ out, out->len, out->len };
	(void)buf_add_text(out, name);
}

static void fold(struct field_writer *w)
{
	(void)buf_add_text(w->out, "\r\n");
	w->line = w->out->len;
	(void)buf_add_char(w->out, '\t');
}

/* A word with a blank before it, in a new line where this one is full. */
static void add_word(struct field_writer *w, struct span word)
{
	if (w->out->len - w->line + 1 + word.len > LINE_SOFT)
		fold(w);
	else
		(void)buf_add_char(w->out, ' ');
	(void)buf_add(w->out, word);
}

/* ---- values ------------------------------------------------------------------------------- */

/* RFC 2045 5.1. */
static bool is_token_char(char c)
{
	return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?=", c);
}

/* RFC 5322 3.2.3. */
static bool is_atom_char(char c)
{
	return text_is_alpha(c) || text_is_digit(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool is_token(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_token_char(s.at[i]))
			return false;
	return s.len > 0;
}

static bool is_dot_atom(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		bool is_dot = s.at[i] == '.';

		if (!is_dot && !is_atom_char(s.at[i]))
			return false;
		if (is_dot && (i == 0 || i + 1 == s.len || s.at[i - 1] == '.'))
			return false;
	}
	return s.len > 0;
}

static bool is_domain(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!text_is_alpha(s.at[i]) && !text_is_digit(s.at[i]) && s.at[i] != '-' && s.at[i] != '.' && s.at[i] != '_')
			return false;
	return s.len > 0;
}

/* [ [ local-part ] "@" ] domain-name, which stands without quotes (RFC 8601 2.2). */
static bool is_plain_address(struct span s)
{
	size_t at = span_find(s, '@');
	struct span local = span_first(s, at);

	return at < s.len && (local.len == 0 || is_dot_atom(local)) && is_domain(span_from(s, at + 1));
}

/* The = of a `dmarc=pass` within a word of strangers: who only looks whether a field contains that must not be deceived. */
static bool is_claim(struct span s, size_t equals)
{
	static const char *const methods[] = { "dmarc", "dkim", "spf", "arc", "iprev" };

	if (s.at[equals] != '=' || !span_starts_nocase(span_from(s, equals + 1), SPAN("pass")))
		return false;
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (span_ends_nocase(span_first(s, equals), span_of_text(methods[i])))
			return true;
	return false;
}

static char shown(struct span s, size_t i)
{
	return s.at[i] >= ' ' && s.at[i] < 0x7f && !is_claim(s, i) ? s.at[i] : '?';
}

static void add_quoted(struct buf *out, struct span s)
{
	(void)buf_add_char(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '"' || s.at[i] == '\\')
			(void)buf_add_char(out, '\\');
		(void)buf_add_char(out, shown(s, i));
	}
	(void)buf_add_char(out, '"');
}

static void add_plain(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		(void)buf_add_char(out, shown(s, i));
}

/* ptype.property=value. */
static void add_property(struct field_writer *w, const char *name, struct span value)
{
	struct buf word;

	if (value.len == 0 || value.len > VALUE_MAX)
		return;
	buf_init(&word, 3 * VALUE_MAX);
	(void)buf_printf(&word, "%s=", name);
	if (is_token(value) || is_plain_address(value))
		add_plain(&word, value);
	else
		add_quoted(&word, value);
	add_word(w, buf_span(&word));
	buf_fini(&word);
}

/* One word of a comment; brackets and backslashes would mean something. */
static void add_comment_word(struct buf *out, struct span word)
{
	for (size_t i = 0; i < word.len; i++) {
		char c = word.at[i];

		if (c == '(' || c == ')' || c == '\\')
			(void)buf_add_char(out, '\\');
		(void)buf_add_char(out, shown(word, i));
	}
}

static void add_comment(struct field_writer *w, struct span why)
{
	struct span rest = span_trim(span_first(why, WHY_MAX));
	bool is_first = true;

	while (rest.len > 0) {
		struct span letters = span_cut(&rest, ' ');
		struct buf word;

		if (letters.len == 0)
			continue;	/* a line of blanks alone would be the end of the header to some */
		buf_init(&word, 2 * WHY_MAX + 8);
		(void)buf_add_text(&word, is_first ? "(" : "");
		add_comment_word(&word, letters);
		(void)buf_add_text(&word, rest.len == 0 && why.len > WHY_MAX ? "..." : "");
		(void)buf_add_text(&word, rest.len == 0 ? ")" : "");
		add_word(w, buf_span(&word));
		buf_fini(&word);
		is_first = false;
	}
}

/* ---- methods --------------------------------------------------------------------------------- */

/* method=result (why): each begins a line. */
static void begin_method(struct field_writer *w, const char *method, enum auth_result result, struct span why)
{
	(void)buf_add_char(w->out, ';');
	fold(w);
	(void)buf_printf(w->out, "%s=%s", method, auth_result_text(result));
	add_comment(w, why);
}

static void add_iprev(struct field_writer *w, const struct authres_iprev *i)
{
	if (!i->is_there)
		return;
	begin_method(w, "iprev", i->result, i->name.len > 0 ? i->name : i->why);
	add_property(w, "policy.iprev", i->address);
}

static struct span domain_of(struct span address)
{
	size_t at = address.len;

	while (at > 0 && address.at[at - 1] != '@')
		at--;
	return span_from(address, at);
}

static void add_spf(struct field_writer *w, const struct authres_spf *s)
{
	if (!s->is_there)
		return;
	begin_method(w, "spf", s->result, s->why);
	if (s->is_helo)
		add_property(w, "smtp.helo", s->helo);
	else
		add_property(w, "smtp.mailfrom", text_is_printable(s->mail_from) ? s->mail_from : domain_of(s->mail_from));
}

static void add_signature(struct field_writer *w, const struct authres_signature *s)
{
	begin_method(w, "dkim", s->result, s->why);
	add_property(w, "header.d", s->domain);
	add_property(w, "header.i", s->identity);
	add_property(w, "header.s", s->selector);
	add_property(w, "header.a", s->algorithm);
	add_property(w, "header.b", span_first(s->signature, SIGNATURE_SHOWN));
}

static bool has_room(const struct field_writer *w)
{
	return w->out->len - w->begins < AUTHRES_MAX - 2 * KEPT_BACK;
}

static void add_dkim(struct field_writer *w, const struct authres_ask *ask)
{
	unsigned told = 0;

	if (!ask->has_dkim)
		return;
	if (ask->n_dkim == 0)
		begin_method(w, "dkim", AUTH_NONE, SPAN("no signature"));
	for (int passing = 1; passing >= 0; passing--) {
		for (unsigned i = 0; i < ask->n_dkim; i++) {
			if ((ask->dkim[i].result == AUTH_PASS) != passing || told == AUTHRES_DKIM_MAX || !has_room(w))
				continue;
			add_signature(w, &ask->dkim[i]);
			told++;
		}
	}
	if (told < ask->n_dkim) {
		char more[32];

		(void)snprintf(more, sizeof(more), "%u more are not told", ask->n_dkim - told);
		add_comment(w, span_of_text(more));
	}
}

static void add_dmarc(struct field_writer *w, const struct dmarc_told *d)
{
	if (!d)
		return;
	begin_method(w, "dmarc", d->result, span_of_text(d->why));
	add_property(w, "header.from", span_of_text(d->domain));
	if (d->record_at[0])
		add_property(w, "policy.dmarc", span_of_text(dmarc_policy_text(dmarc_policy_asked(d))));
}

static void add_arc(struct field_writer *w, const struct authres_arc *a)
{
	if (!a->is_there)
		return;
	begin_method(w, "arc", a->result, a->why);
	add_property(w, "smtp.remote-ip", a->remote_ip);
	add_property(w, "header.oldest-pass", a->oldest_pass);
}

void authres_add(struct buf *out, const struct authres_ask *ask)
{
	bool has_any = ask->iprev.is_there || ask->spf.is_there || ask->has_dkim || ask->dmarc || ask->arc.is_there;
	struct field_writer w;

	begin(&w, out, "Authentication-Results:");
	add_word(&w, ask->authserv_id);
	add_iprev(&w, &ask->iprev);
	add_spf(&w, &ask->spf);
	add_spf(&w, &ask->helo);
	add_dkim(&w, ask);
	add_dmarc(&w, ask->dmarc);
	add_arc(&w, &ask->arc);
	(void)buf_add_text(out, has_any ? "\r\n" : "; none\r\n");
}

/* ---- Received-SPF ------------------------------------------------------------------------------ */

/* key=value: a dot-atom, or in quotes. */
static void add_pair(struct field_writer *w, const char *key, struct span value)
{
	struct buf word;

	if (value.len == 0 || value.len > VALUE_MAX)
		return;
	buf_init(&word, 3 * VALUE_MAX);
	(void)buf_printf(&word, "%s=", key);
	if (is_dot_atom(value))
		add_plain(&word, value);
	else
		add_quoted(&word, value);
	(void)buf_add_char(&word, ';');
	add_word(w, buf_span(&word));
	buf_fini(&word);
}

void authres_add_received_spf(struct buf *out, const struct authres_spf *s, struct span receiver)
{
	struct field_writer w;

	begin(&w, out, "Received-SPF:");
	add_word(&w, span_of_text(auth_result_text(s->result)));
	add_comment(&w, s->why);
	add_pair(&w, "receiver", receiver);
	add_pair(&w, "client-ip", s->client);
	add_pair(&w, "identity", s->is_helo ? SPAN("helo") : SPAN("mailfrom"));
	add_pair(&w, "envelope-from", s->is_helo ? SPAN("<>") : s->mail_from);
	add_pair(&w, "helo", s->helo);
	add_pair(&w, "mechanism", s->mechanism);
	(void)buf_add_text(out, "\r\n");
}
