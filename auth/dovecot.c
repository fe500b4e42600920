#include "auth/dovecot.h"

#include <inttypes.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"

/* ---- what we say ---------------------------------------------------------------- */

static void add_escaped(struct buf *out, struct span word)
{
	static const char special[] = { '\001', '\t', '\n', '\r', '\0' }, letter[] = { '1', 't', 'n', 'r', '0' };

	for (size_t i = 0; i < word.len; i++) {
		const char *at = memchr(special, word.at[i], sizeof(special));

		if (at)
			buf_add_char(out, '\001');
		buf_add_char(out, at ? letter[at - special] : word.at[i]);
	}
}

static void add_parameter(struct buf *out, const char *name, struct span value)
{
	if (value.len == 0)
		return;
	buf_add_text(out, name);
	add_escaped(out, value);
}

void dovecot_add_hello(struct buf *out, unsigned pid)
{
	buf_printf(out, "VERSION\t1\t1\nCPID\t%u\n", pid);
}

/* resp= must be the last one. */
void dovecot_add_question(struct buf *out, const struct dovecot_question *q)
{
	struct buf plain;

	buf_printf(out, "AUTH\t%" PRIu32 "\tPLAIN\tservice=smtp\tnologin", q->id);
	add_parameter(out, "\tlip=", q->local);
	add_parameter(out, "\trip=", q->client);
	if (q->is_secured)
		buf_add_text(out, "\tsecured");
	buf_init(&plain, DOVECOT_LINE_MAX);
	(void)buf_room(&plain, q->user.len + q->password.len + 2);
	buf_add_char(&plain, '\0');
	buf_add(&plain, q->user);
	buf_add_char(&plain, '\0');
	buf_add(&plain, q->password);
	buf_add_text(out, "\tresp=");
	base64_add(out, buf_span(&plain));
	buf_add_char(out, '\n');
	if (plain.at)
		mem_wipe(plain.at, plain.room);
	buf_fini(&plain);
}

/* ---- what it says ---------------------------------------------------------------- */

static struct span unescape(struct span word, char *room)
{
	size_t len = 0;

	for (size_t i = 0; i < word.len; i++) {
		char c = word.at[i];

		if (c == '\001' && i + 1 < word.len) {
			c = word.at[++i];
			c = c == '1' ? '\001' : c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == '0' ? '\0' : c;
		}
		room[len++] = c;
	}
	return span_of(room, len);
}

static bool take_id(struct span *words, uint32_t *id)
{
	unsigned long long n;

	if (!span_to_u64(span_cut(words, '\t'), INT32_MAX, &n))
		return false;
	*id = (uint32_t)n;
	return true;
}

static void read_yes(struct span words, char *room, struct dovecot_line *out)
{
	out->said = DOVECOT_YES;
	while (words.len > 0) {
		struct span word = span_cut(&words, '\t');

		if (word.len > 5 && memcmp(word.at, "user=", 5) == 0)
			out->user = unescape(span_from(word, 5), room);
	}
}

static void read_no(struct span words, struct dovecot_line *out)
{
	out->said = DOVECOT_NO;
	while (words.len > 0) {
		struct span word = span_cut(&words, '\t');

		if (span_eq(word, SPAN("temp")) || span_eq(word, SPAN("code=temp_fail")))
			out->said = DOVECOT_LATER;
		else if (span_eq(word, SPAN("user_disabled")) || span_eq(word, SPAN("code=user_disabled")))
			out->said = DOVECOT_DISABLED;
	}
}

enum pr_err dovecot_read(struct span line, char *room, struct dovecot_line *out)
{
	struct span verb = span_cut(&line, '\t');

	*out = (struct dovecot_line){ .said = DOVECOT_NOTHING, .user = SPAN_NONE };
	if (span_eq(verb, SPAN("VERSION")))
		return span_eq(span_cut(&line, '\t'), SPAN("1")) ? PR_OK : PR_BAD;
	if (span_eq(verb, SPAN("DONE"))) {
		out->said = DOVECOT_READY;
		return PR_OK;
	}
	if (!span_eq(verb, SPAN("OK")) && !span_eq(verb, SPAN("FAIL")) && !span_eq(verb, SPAN("CONT")))
		return PR_OK;	/* MECH, SPID, CUID, COOKIE, and what may come */
	if (!take_id(&line, &out->id))
		return PR_BAD;
	if (verb.at[0] == 'O')
		read_yes(line, room, out);
	else if (verb.at[0] == 'F')
		read_no(line, out);
	else
		out->said = DOVECOT_MORE;
	return PR_OK;
}
