#include "ctl/face.h"

#include <string.h>

#include "base/span.h"
#include "mail/command.h"

/* ---- one option each -------------------------------------------------------- */

static enum pr_err take_mode(struct face *f, const char *value, struct buf *why)
{
	static const struct {
		char letter;
		enum face_mode mode;
	} modes[] = { { 'm', FACE_SEND }, { 's', FACE_SMTP }, { 'v', FACE_VERIFY }, { 'p', FACE_LIST }, { 'i', FACE_ALIASES } };

	for (size_t i = 0; value[0] && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (modes[i].letter == value[0]) {
			f->mode = modes[i].mode;
			return PR_OK;
		}
	if (value[0] && strchr("dD", value[0]))
		buf_printf(why, "-b%s starts no server here: `postrider serve` does", value);
	else
		buf_printf(why, "-b%s is not offered; there are -bm, -bs, -bp, -bi and -bv", value);
	return PR_BAD;
}

static enum pr_err take_sender(struct face *f, const char *value, struct buf *why)
{
	(void)why;
	f->null_sender = value[0] == '\0' || strcmp(value, "<>") == 0;
	f->sender = value;
	return PR_OK;
}

static enum pr_err take_full_name(struct face *f, const char *value, struct buf *why)
{
	(void)why;
	f->full_name = value;
	return PR_OK;
}

static enum pr_err take_notify(struct face *f, const char *value, struct buf *why)
{
	static const struct {
		struct span word;
		unsigned notify;
	} words[] = {
		{ SPAN("never"), RCPT_NOTIFY_NEVER }, { SPAN("success"), RCPT_NOTIFY_SUCCESS },
		{ SPAN("failure"), RCPT_NOTIFY_FAILURE }, { SPAN("delay"), RCPT_NOTIFY_DELAY },
	};
	struct span rest = span_of_text(value);
	bool is_known = true;

	f->notify = 0;
	while (rest.len && is_known) {
		struct span word = span_trim(span_cut(&rest, ','));

		is_known = false;
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (span_eq_nocase(word, words[i].word)) {
				f->notify |= words[i].notify;
				is_known = true;
			}
	}
	if (is_known && f->notify && (f->notify == RCPT_NOTIFY_NEVER || !(f->notify & RCPT_NOTIFY_NEVER)))
		return PR_OK;
	buf_printf(why, "-N takes never, or some of success,failure,delay; not `%s`", value);
	return PR_BAD;
}

static enum pr_err take_ret(struct face *f, const char *value, struct buf *why)
{
	if (span_eq_nocase(span_of_text(value), SPAN("full")))
		f->ret = "FULL";
	else if (span_eq_nocase(span_of_text(value), SPAN("hdrs")))
		f->ret = "HDRS";
	if (f->ret)
		return PR_OK;
	buf_printf(why, "-R takes full or hdrs; not `%s`", value);
	return PR_BAD;
}

static enum pr_err take_envid(struct face *f, const char *value, struct buf *why)
{
	if (value[0] && strlen(value) <= 100) {
		f->envid = value;
		return PR_OK;
	}
	buf_printf(why, "-V takes an envelope id of at most 100 characters");
	return PR_BAD;
}

static enum pr_err take_config(struct face *f, const char *value, struct buf *why)
{
	(void)why;
	f->config = value;
	return PR_OK;
}

/* -o: -oi counts, -oem and all the others were settings of another program. */
static enum pr_err take_setting(struct face *f, const char *value, struct buf *why)
{
	(void)why;
	if (strcmp(value, "i") == 0)
		f->ignores_dots = true;
	return PR_OK;
}

/* -O: the long form of -o. */
static enum pr_err take_long_setting(struct face *f, const char *value, struct buf *why)
{
	(void)why;
	if (span_eq_nocase(span_of_text(value), SPAN("IgnoreDots")) || span_starts_nocase(span_of_text(value), SPAN("IgnoreDots=t")))
		f->ignores_dots = true;
	return PR_OK;
}

static enum pr_err bear_with(struct face *f, const char *value, struct buf *why)
{
	(void)f;
	(void)value;
	(void)why;
	return PR_OK;
}

/* A time between runs is a server's: here the queue has its own. */
static enum pr_err take_queue(struct face *f, const char *value, struct buf *why)
{
	(void)why;
	if (value[0] == '\0')
		f->mode = FACE_RETRY;
	return PR_OK;
}

static enum pr_err take_flag(struct face *f, char letter)
{
	if (letter == 't')
		f->takes_recipients = true;
	else if (letter == 'i')
		f->ignores_dots = true;
	else if (letter == 'I')
		f->mode = FACE_ALIASES;
	return PR_OK;
}

/* ---- all of them ------------------------------------------------------------------ */

/* Without a value: what means something, then what does not: -c -m -n -U -v -G -s -x. */
static const char flags[] = "tiI" "cmnUvGsx";

static const struct {
	char letter;
	bool attached;		/* its value is what is left of the word, perhaps nothing */
	enum pr_err (*take)(struct face *, const char *value, struct buf *why);
} options[] = {
	{ 'b', false, take_mode }, { 'f', false, take_sender }, { 'r', false, take_sender }, { 'F', false, take_full_name },
	{ 'N', false, take_notify }, { 'R', false, take_ret }, { 'V', false, take_envid }, { 'C', false, take_config },
	{ 'o', false, take_setting }, { 'O', false, take_long_setting }, { 'q', true, take_queue },
	{ 'A', false, bear_with }, { 'B', false, bear_with }, { 'd', true, bear_with }, { 'e', false, bear_with }, { 'h', false, bear_with },
	{ 'L', false, bear_with }, { 'p', false, bear_with }, { 'X', false, bear_with },
};
#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

static size_t option_find(char letter)
{
	size_t i = 0;

	while (i < N_OPTIONS && options[i].letter != letter)
		i++;
	return i;
}

/* One word that begins with a dash: flags, perhaps an option at its end. *next is the word behind it, NULL at the end;
 * it is set to NULL when it was taken for a value. */
static enum pr_err take_word(struct face *f, const char *word, const char **next, struct buf *why)
{
	for (const char *at = word + 1; *at; at++) {
		size_t i = option_find(*at);
		const char *value = at + 1;

		if (i == N_OPTIONS && !strchr(flags, *at)) {
			buf_printf(why, "-%c is no option of sendmail; see sendmail(8)", *at);
			return PR_BAD;
		}
		if (i == N_OPTIONS) {
			(void)take_flag(f, *at);
			continue;
		}
		if (*value == '\0' && !options[i].attached) {
			value = *next;
			*next = NULL;
		}
		if (value)
			return options[i].take(f, value, why);
		buf_printf(why, "-%c needs a value", *at);
		return PR_BAD;
	}
	return PR_OK;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool face_is_named(const char *argv0)
{
	const char *name = base_name(argv0 ? argv0 : "");

	return strcmp(name, "sendmail") == 0 || strcmp(name, "mailq") == 0 || strcmp(name, "newaliases") == 0;
}

static void choose_mode(struct face *f, const char *argv0)
{
	const char *name = base_name(argv0);

	*f = (struct face){ .mode = FACE_SEND };
	if (strcmp(name, "mailq") == 0)
		f->mode = FACE_LIST;
	else if (strcmp(name, "newaliases") == 0)
		f->mode = FACE_ALIASES;
}

/* Who writes an address where it is not wanted must not find that it was an option: after the first recipient there are none. */
static enum pr_err take_recipients(struct face *f, int n, char **words, bool after_dashes, struct buf *why)
{
	f->recipients = words;
	f->n_recipients = n;
	for (int i = 0; i < n && !after_dashes; i++)
		if (words[i][0] == '-') {
			buf_printf(why, "options stand before the first recipient: `%s`", words[i]);
			return PR_BAD;
		}
	if (f->mode == FACE_VERIFY && n == 0) {
		buf_printf(why, "-bv needs an address");
		return PR_BAD;
	}
	if (f->mode == FACE_SEND && n == 0 && !f->takes_recipients) {
		buf_printf(why, "there is no recipient: name some, or take them from the header with -t");
		return PR_BAD;
	}
	return PR_OK;
}

enum pr_err face_read(struct face *f, int argc, char **argv, struct buf *why)
{
	bool after_dashes = false;
	int i = 1;

	choose_mode(f, argv[0]);
	while (i < argc && argv[i][0] == '-' && argv[i][1] && !after_dashes) {
		const char *word = argv[i++], *next = i < argc ? argv[i] : NULL;
		bool has_next = i < argc;

		after_dashes = strcmp(word, "--") == 0;
		if (!after_dashes && take_word(f, word, &next, why) != PR_OK)
			return PR_BAD;
		if (has_next && !next)
			i++;
	}
	return take_recipients(f, argc - i, argv + i, after_dashes, why);
}
