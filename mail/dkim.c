#include "mail/dkim.h"

#include <string.h>

#include "base/base64.h"
#include "base/text.h"

/* ---- the header --------------------------------------------------------------- */

/* name: as it is compared; shown: as h= calls it behind another. In this order in h=. */
static const struct {
	struct span name, shown;
} signed_names[] = {
	{ { "from", 4 }, { ":From", 5 } }, { { "to", 2 }, { ":To", 3 } }, { { "cc", 2 }, { ":Cc", 3 } },
	{ { "subject", 7 }, { ":Subject", 8 } }, { { "date", 4 }, { ":Date", 5 } }, { { "reply-to", 8 }, { ":Reply-To", 9 } },
	{ { "message-id", 10 }, { ":Message-ID", 11 } }, { { "mime-version", 12 }, { ":MIME-Version", 13 } },
	{ { "content-type", 12 }, { ":Content-Type", 13 } },
};
#define N_SIGNED   (sizeof(signed_names) / sizeof(*signed_names))
#define NAME_FROM  0
#define NOT_SIGNED N_SIGNED

enum state {
	LINE_START,	/* whether the field before goes on is seen by the next byte */
	IN_NAME,
	BEFORE_VALUE,	/* of a signed field: blanks are dropped */
	IN_VALUE,
	IN_OTHER	/* a line that is not signed */
};

void dkim_header_init(struct dkim_header *h)
{
	memset(h, 0, sizeof(*h));
	buf_init(&h->text, DKIM_HEADER_MAX);
	h->state = LINE_START;
	h->before = IN_OTHER;
	h->begun_at = SIZE_MAX;
}

void dkim_header_fini(struct dkim_header *h)
{
	buf_fini(&h->text);
}

static unsigned find_name(struct span name)
{
	unsigned n = 0;

	while (n < N_SIGNED && !span_eq(signed_names[n].name, name))
		n++;
	return n;
}

/* The field before has ended. */
static void end_field(struct dkim_header *h)
{
	struct dkim_field *f = &h->fields[h->n_fields];

	if (h->begun_at == SIZE_MAX)
		return;
	f->at = h->begun_at;
	f->len = h->text.len - h->begun_at;
	h->n_fields++;
	h->begun_at = SIZE_MAX;
	h->blank = false;
}

/* Its colon was seen. */
static enum state begin_value(struct dkim_header *h)
{
	unsigned name = find_name(span_of(h->name, h->name_len));

	if (name == NOT_SIGNED)
		return IN_OTHER;
	if (h->n_fields == DKIM_FIELDS_MAX) {
		h->too_many = true;
		return IN_OTHER;
	}
	h->begun_at = h->text.len;
	h->fields[h->n_fields].name = name;
	(void)buf_add(&h->text, signed_names[name].name);
	(void)buf_add_char(&h->text, ':');
	return BEFORE_VALUE;
}

/* Blanks between name and colon do not count; one inside of a name makes it none. */
static enum state step_name(struct dkim_header *h, char c)
{
	if (c == ':')
		return begin_value(h);
	if (text_is_blank(c)) {
		h->blank = true;
		return IN_NAME;
	}
	if (h->blank || h->name_len == sizeof(h->name))
		return IN_OTHER;
	h->name[h->name_len++] = text_lower(c);
	return IN_NAME;
}

static enum state step_value(struct dkim_header *h, char c)
{
	if (text_is_blank(c)) {
		h->blank = h->state == IN_VALUE;
		return (enum state)h->state;
	}
	if (h->blank)
		(void)buf_add_char(&h->text, ' ');
	h->blank = false;
	(void)buf_add_char(&h->text, c);
	return IN_VALUE;
}

static enum state begin_line(struct dkim_header *h, char c)
{
	bool goes_on = h->before == BEFORE_VALUE || h->before == IN_VALUE;

	if (text_is_blank(c)) {
		h->state = goes_on ? h->before : IN_OTHER;
		return goes_on ? step_value(h, c) : IN_OTHER;
	}
	end_field(h);
	h->name_len = 0;
	h->blank = false;
	return step_name(h, c);
}

static void step_byte(struct dkim_header *h, char c)
{
	switch ((enum state)h->state) {
	case LINE_START: h->state = (unsigned char)begin_line(h, c); break;
	case IN_NAME: h->state = (unsigned char)step_name(h, c); break;
	case BEFORE_VALUE:
	case IN_VALUE: h->state = (unsigned char)step_value(h, c); break;
	case IN_OTHER: break;
	}
}

/* A line end; the second one in a row is the header's end. */
static void end_line(struct dkim_header *h)
{
	h->ended = h->state == LINE_START;
	h->before = h->state;
	h->state = LINE_START;
}

void dkim_header_feed(struct dkim_header *h, struct span in)
{
	for (size_t i = 0; i < in.len && !h->ended; i++) {
		char c = in.at[i];

		if (h->cr && c == '\n') {
			h->cr = false;
			end_line(h);
			continue;
		}
		if (h->cr)
			step_byte(h, '\r');
		h->cr = c == '\r';
		if (!h->cr)
			step_byte(h, c);
	}
}

enum pr_err dkim_header_finish(struct dkim_header *h)
{
	bool has_from = false;

	end_field(h);
	h->ended = true;
	if (h->text.overflowed || h->too_many)
		return PR_FULL;
	for (unsigned i = 0; i < h->n_fields; i++)
		has_from |= h->fields[i].name == NAME_FROM;
	return has_from ? PR_OK : PR_NONE;
}

/* ---- the signature ----------------------------------------------------------------- */

#define LINE_MAX_LEN 76

static const char *const algorithms[] = { [DKIM_RSA_SHA256] = "rsa-sha256", [DKIM_ED25519_SHA256] = "ed25519-sha256" };

/* Where the last line of out began. */
static size_t line_len(const struct buf *out)
{
	size_t n = out->len;

	while (n > 0 && out->at[n - 1] != '\n')
		n--;
	return out->len - n;
}

/* On this line where there is room, else on the next. */
static void add_word(struct buf *out, struct span word, char before)
{
	if (line_len(out) + 1 + word.len > LINE_MAX_LEN)
		(void)buf_add(out, SPAN("\r\n\t"));
	else if (before)
		(void)buf_add_char(out, before);
	(void)buf_add(out, word);
}

static void add_names(const struct dkim_header *h, struct buf *out)
{
	for (unsigned name = 0; name < N_SIGNED; name++) {
		unsigned times = 1;

		for (unsigned i = 0; i < h->n_fields; i++)
			times += h->fields[i].name == name;
		for (; times; times--)
			add_word(out, span_from(signed_names[name].shown, out->at[out->len - 1] == '='), 0);
	}
}

static void add_base64(struct buf *out, struct span bytes)
{
	struct buf text;
	struct span rest;

	buf_init(&text, BASE64_LEN(bytes.len) + 1);
	(void)base64_add(&text, bytes);
	for (rest = buf_span(&text); rest.len > 0;) {
		size_t used = line_len(out), room = used < LINE_MAX_LEN ? LINE_MAX_LEN - used : 0;

		if (room == 0) {
			(void)buf_add(out, SPAN("\r\n\t"));
			continue;
		}
		(void)buf_add(out, span_first(rest, room));
		rest = span_from(rest, room);
	}
	buf_fini(&text);
}

static void add_tag(struct buf *out, const char *name, struct span value)
{
	struct buf tag;

	buf_init(&tag, out->ceiling);
	(void)buf_printf(&tag, "%s=", name);
	(void)buf_add(&tag, value);
	(void)buf_add_char(&tag, ';');
	add_word(out, buf_span(&tag), ' ');
	buf_fini(&tag);
}

static void add_time(struct buf *out, const char *name, int64_t seconds)
{
	struct buf text;

	buf_init(&text, 32);
	(void)buf_printf(&text, "%lld", (long long)seconds);
	add_tag(out, name, buf_span(&text));
	buf_fini(&text);
}

static void add_tags(const struct dkim_header *h, const struct dkim_signature *sig, struct buf *out)
{
	(void)buf_printf(out, "DKIM-Signature: v=1; a=%s; c=relaxed/relaxed;", algorithms[sig->algorithm]);
	add_tag(out, "d", sig->domain);
	add_tag(out, "s", sig->selector);
	add_time(out, "t", sig->signed_at);
	if (sig->expires_at)
		add_time(out, "x", sig->expires_at);
	(void)buf_add(out, SPAN("\r\n\th="));
	add_names(h, out);
	(void)buf_add(out, SPAN(";\r\n\tbh="));
	add_base64(out, span_of((const char *)sig->body_hash, SHA256_LEN));
	(void)buf_add(out, SPAN(";\r\n\tb="));
}

/* Of each name from the last field to the first (5.4.2); the one too many has nothing. */
static void hash_fields(const struct dkim_header *h, struct digest *d)
{
	for (unsigned name = 0; name < N_SIGNED; name++) {
		for (unsigned i = h->n_fields; i > 0; i--) {
			const struct dkim_field *f = &h->fields[i - 1];

			if (f->name != name)
				continue;
			digest_feed(d, span_of(h->text.at + f->at, f->len));
			digest_feed(d, SPAN("\r\n"));
		}
	}
}

/* Our own field, in which no blanks stand in a row but behind line ends. */
static void hash_own(struct digest *d, struct span field)
{
	digest_feed(d, SPAN("dkim-signature:"));
	field = span_from(field, sizeof("DKIM-Signature: ") - 1);
	while (field.len > 0) {
		size_t n = span_find(field, '\r');

		digest_feed(d, span_first(field, n));
		if (n < field.len)
			digest_feed(d, SPAN(" "));
		field = span_from(field, n + 3);
	}
}

enum pr_err dkim_signature_begin(const struct dkim_header *h, const struct dkim_signature *sig, struct buf *out,
    unsigned char digest[SHA256_LEN])
{
	size_t begin = out->len;
	struct digest *d;

	add_tags(h, sig, out);
	if (out->overflowed)
		return PR_FULL;
	d = digest_new();
	hash_fields(h, d);
	hash_own(d, span_from(buf_span(out), begin));
	digest_finish(d, digest);
	digest_free(&d);
	return PR_OK;
}

enum pr_err dkim_signature_end(struct buf *out, struct span signature)
{
	add_base64(out, signature);
	return buf_add(out, SPAN("\r\n"));
}
