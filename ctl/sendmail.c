#include "ctl/sendmail.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/text.h"
#include "ctl/face.h"
#include "ctl/letter.h"
#include "ctl/mailing.h"
#include "ctl/mailq.h"
#include "ctl/master.h"
#include "ctl/say.h"
#include "ctl/submit.h"

#define LETTER_MAX ((size_t)1 << 30)	/* bytes of standard input: the server's max_size is smaller */
#define WORDS_MAX  4096

/* ---- where things are --------------------------------------------------------------- */

static bool read_mailname(char *out, size_t room)
{
	FILE *f = fopen("/etc/mailname", "re");
	bool good = f && fgets(out, (int)room, f) && out[strcspn(out, " \t\r\n")] && out[0] > ' ';

	if (f)
		(void)fclose(f);
	out[strcspn(out, " \t\r\n")] = '\0';
	return good;
}

/* Mail is taken even while the configuration is broken, or is not for everybody's eyes. */
static void find_places(const struct call *call, struct places *at)
{
	bool is_good;

	if (master_places(call, at) == EX_OK)
		return;
	(void)snprintf(at->state, sizeof(at->state), "%s", LOCALSTATEDIR "/lib/postrider");
	if (master_runtime(call, at->runtime, sizeof(at->runtime), &is_good) != EX_OK)
		(void)snprintf(at->runtime, sizeof(at->runtime), "/run/postrider");
	if (!read_mailname(at->origin, sizeof(at->origin)) && gethostname(at->origin, sizeof(at->origin)) != 0)
		(void)snprintf(at->origin, sizeof(at->origin), "localhost");
	at->origin[sizeof(at->origin) - 1] = '\0';
}

/* ---- who sends ------------------------------------------------------------------------- */

static const char *login_name(void)
{
	static char name[32];
	const struct passwd *pw = getpwuid(getuid());

	if (pw)
		return pw->pw_name;
	(void)snprintf(name, sizeof(name), "uid%lu", (unsigned long)getuid());
	return name;
}

/* -F, NAME, or what the password file says up to the first comma; & stands for the login there. */
static void add_full_name(const struct face *face, struct buf *out)
{
	const char *name = face->full_name ? face->full_name : getenv("NAME");
	const struct passwd *pw;

	if (name && *name) {
		(void)buf_add_text(out, name);
		return;
	}
	pw = face->sender ? NULL : getpwuid(getuid());
	for (const char *c = pw ? pw->pw_gecos : ""; *c && *c != ','; c++)
		if (*c == '&')
			(void)buf_printf(out, "%c%s", text_upper(pw->pw_name[0]), pw->pw_name + 1);
		else
			(void)buf_add_char(out, *c);
}

static int find_sender(struct mailing *m)
{
	const char *text = m->face->sender ? m->face->sender : login_name();
	struct span bare = span_trim(span_of_text(text));

	if (m->face->null_sender) {
		m->sender = (struct address){ .kind = PATH_NULL };
		return EX_OK;
	}
	if (bare.len > 2 && bare.at[0] == '<' && bare.at[bare.len - 1] == '>')
		bare = span_of(bare.at + 1, bare.len - 2);
	if (mailing_address(m, bare, &m->sender) == PR_OK)
		return EX_OK;
	say("`%s` is no address to send from", text);
	return EX_DATAERR;
}

/* A bounce has no sender to answer to, but somebody wrote it. */
static void add_missing(const struct mailing *m, const struct letter *l, struct buf *out)
{
	struct address author = m->sender;
	struct buf name;

	if (letter_has(l, SPAN("From")))
		return;
	if (author.kind == PATH_NULL && mailing_address(m, span_of_text(login_name()), &author) != PR_OK)
		return;
	buf_init(&name, WORDS_MAX);
	add_full_name(m->face, &name);
	mailing_add_from(out, buf_span(&name), address_span(&author));
	buf_fini(&name);
}

/* ---- to whom --------------------------------------------------------------------------- */

static int tell_bad(enum pr_err err, struct span bad)
{
	if (err == PR_OK)
		return EX_OK;
	if (err == PR_FULL)
		say("there are more than %d recipients", MAILING_RCPTS_MAX);
	else
		say("`%.*s` is no address", SPAN_ARG(bad));
	return EX_DATAERR;
}

static int find_recipients(struct mailing *m, const struct letter *l)
{
	const struct face *face = m->face;
	enum pr_err err = PR_OK;
	struct buf bad;
	int status;

	buf_init(&bad, WORDS_MAX);
	for (int i = 0; i < face->n_recipients && err == PR_OK; i++)
		err = mailing_add_recipients(m, span_of_text(face->recipients[i]), &bad);
	if (err == PR_OK && l && face->takes_recipients)
		err = letter_recipients(l, mailing_add_recipient, m, &bad);
	status = tell_bad(err, buf_span(&bad));
	buf_fini(&bad);
	if (status == EX_OK && m->n_to == 0) {
		say("there is no recipient: To, Cc and Bcc name nobody");
		status = EX_DATAERR;
	}
	return status;
}

/* ---- a message ---------------------------------------------------------------------------- */

static int read_letter(struct letter *l)
{
	char bytes[65536];
	ssize_t n;

	do
		n = read(STDIN_FILENO, bytes, sizeof(bytes));
	while (n > 0 ? letter_take(l, span_of(bytes, (size_t)n)) : n < 0 && errno == EINTR);
	if (n < 0) {
		say("standard input can't be read: %s", strerror(errno));
		return EX_IOERR;
	}
	letter_close(l);
	if (!letter_is_too_large(l))
		return EX_OK;
	say("the message is too large");
	return EX_DATAERR;
}

static int tell_refused(const struct reply_reader *r)
{
	struct span words = span_of(r->words, r->words_len);

	say("refused: %u %.*s", r->code, SPAN_ARG(words));
	if (span_starts_nocase(span_of_text(r->enhanced), SPAN("5.1.")))
		return EX_NOUSER;
	if (strcmp(r->enhanced, "4.7.1") == 0)
		return EX_TEMPFAIL;
	if (r->code == 552 || r->code / 100 == 4)
		return EX_DATAERR;
	return strcmp(r->enhanced, "5.7.1") == 0 ? EX_NOPERM : EX_UNAVAILABLE;
}

static int hand_over(const struct places *at, struct span begin, size_t n_replies, struct span body)
{
	struct reply_reader reply;

	switch (submit_to_server(at->runtime, begin, n_replies, body, &reply)) {
	case SUBMITTED: return EX_OK;
	case SUBMIT_REFUSED: return tell_refused(&reply);
	case SUBMIT_UNANSWERED: break;
	}
	return submit_to_drop(at->state, begin, body);
}

static int say_all(const struct mailing *m, const struct letter *l, const struct places *at)
{
	struct buf begin, body, fields;
	int status = EX_DATAERR;
	size_t n_replies;

	buf_init(&begin, LETTER_MAX);
	buf_init(&body, LETTER_MAX);
	buf_init(&fields, WORDS_MAX);
	add_missing(m, l, &fields);
	mailing_begin(m, l, &begin, &n_replies);
	if (mailing_add_body(l, buf_span(&fields), &body) == PR_OK)
		status = hand_over(at, buf_span(&begin), n_replies, buf_span(&body));
	else
		say("the message is too large");
	buf_fini(&fields);
	buf_fini(&body);
	buf_fini(&begin);
	return status;
}

static int send_mail(const struct face *face, const struct places *at)
{
	struct mailing m;
	struct letter l;
	int status;

	letter_init(&l, LETTER_MAX, !face->ignores_dots);
	mailing_init(&m, face, at->origin);
	status = read_letter(&l);
	if (status == EX_OK)
		letter_qualify(&l, span_of_text(at->origin));
	if (status == EX_OK)
		status = find_sender(&m);
	if (status == EX_OK)
		status = find_recipients(&m, &l);
	if (status == EX_OK)
		status = say_all(&m, &l, at);
	mailing_fini(&m);
	letter_fini(&l);
	return status;
}

/* ---- -bv --------------------------------------------------------------------------------- */

static int ask_server(const struct mailing *m, const struct places *at)
{
	struct reply_reader reply;
	enum submitted result;
	struct letter none;
	struct buf begin;
	size_t n;

	letter_init(&none, 1, false);
	buf_init(&begin, LETTER_MAX);
	mailing_begin(m, &none, &begin, &n);
	result = submit_to_server(at->runtime, buf_span(&begin), n, SPAN_NONE, &reply);
	buf_fini(&begin);
	letter_fini(&none);
	if (result == SUBMIT_UNANSWERED)
		say("the server does not run, or can't tell now");
	if (result == SUBMITTED)
		(void)printf("%s... deliverable\n", m->to[0].text);
	return result == SUBMITTED ? EX_OK : result == SUBMIT_REFUSED ? tell_refused(&reply) : EX_TEMPFAIL;
}

static int verify(const struct face *face, const struct places *at)
{
	int status = EX_OK;

	for (int i = 0; i < face->n_recipients && status != EX_TEMPFAIL; i++) {
		struct face one = *face;
		struct mailing m;
		int found;

		one.recipients = face->recipients + i;
		one.n_recipients = 1;
		mailing_init(&m, &one, at->origin);
		found = find_sender(&m);
		if (found == EX_OK)
			found = find_recipients(&m, NULL);
		if (found == EX_OK)
			found = ask_server(&m, at);
		if (found != EX_OK)
			status = found;
		mailing_fini(&m);
	}
	return status;
}

/* ---- -bs --------------------------------------------------------------------------------- */

/* What can be read at `from` now goes to `to`; false at its end. */
static bool pass(int from, int to)
{
	char bytes[65536];
	ssize_t n = read(from, bytes, sizeof(bytes)), done = 0;

	if (n <= 0)
		return n < 0 && errno == EINTR;
	while (done < n) {
		ssize_t written = write(to, bytes + done, (size_t)(n - done));

		if (written < 0 && errno != EINTR)
			return false;
		if (written > 0)
			done += written;
	}
	return true;
}

static int speak_smtp(const struct places *at)
{
	int fd = submit_connect(at->runtime);
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };

	if (fd < 0) {
		(void)fputs("421 4.3.2 The server does not run\r\n", stdout);
		return EX_TEMPFAIL;
	}
	while (poll(p, 2, -1) >= 0 || errno == EINTR) {
		if (p[0].revents && !pass(fd, STDOUT_FILENO))
			break;
		if (p[1].revents && !pass(STDIN_FILENO, fd)) {
			(void)shutdown(fd, SHUT_WR);
			p[1].fd = -1;
		}
	}
	(void)close(fd);
	return EX_OK;
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* A server that does not run reads all tables when it starts. */
static int new_aliases(struct call *call)
{
	int status = run_refresh(call);

	return status == EX_UNAVAILABLE ? EX_OK : status;
}

static int run(const struct face *face, struct call *call)
{
	struct places at;

	switch (face->mode) {
	case FACE_LIST: return mailq_print(call);
	case FACE_RETRY: return mailq_retry(call);
	case FACE_ALIASES: return new_aliases(call);
	case FACE_SEND:
		find_places(call, &at);
		return send_mail(face, &at);
	case FACE_SMTP:
		find_places(call, &at);
		return speak_smtp(&at);
	case FACE_VERIFY:
		find_places(call, &at);
		return verify(face, &at);
	}
	return EX_SOFTWARE;
}

int sendmail_run(int argc, char **argv)
{
	struct call call = { .config = command_config() };
	struct face face;
	struct buf why;
	int status = EX_USAGE;

	buf_init(&why, WORDS_MAX);
	if (face_read(&face, argc, argv, &why) != PR_OK) {
		say("%.*s", SPAN_ARG(buf_span(&why)));
	} else {
		if (face.config)
			call.config = face.config;
		status = run(&face, &call);
	}
	buf_fini(&why);
	return status;
}
