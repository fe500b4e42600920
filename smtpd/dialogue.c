/* The next command: its line, and who answers it. */
#include "smtpd/session_private.h"

#include <string.h>

#define SKIP_MAX      (64 * 1024)	/* bytes of a line without an end, before we hang up */
#define TLS_HANDSHAKE 0x16		/* the first byte of a ClientHello; in no command */

static enum progress command(struct session *s, struct effects *fx);
static enum progress skip_line(struct session *s, struct effects *fx);

const struct step STEP_COMMAND = { "command", command, session_late, true };
static const struct step STEP_SKIP_LINE = { "skip line", skip_line, session_late, true };
static const struct step STEP_SKIP_LOGIN = { "skip line of a login", skip_line, session_late, true };

static const struct {
	command_fn *run;
	bool before_tls;	/* where TLS is required (RFC 3207 section 4) */
} COMMANDS[N_COMMANDS] = {
	[CMD_EHLO] = { cmd_ehlo, true },
	[CMD_HELO] = { cmd_helo, true },
	[CMD_MAIL] = { cmd_mail, false },
	[CMD_RCPT] = { cmd_rcpt, false },
	[CMD_DATA] = { cmd_data, false },
	[CMD_BDAT] = { cmd_bdat, true },	/* takes its bytes off the stream before it refuses */
	[CMD_RSET] = { cmd_rset, true },
	[CMD_NOOP] = { cmd_noop, true },
	[CMD_QUIT] = { cmd_quit, true },
	[CMD_VRFY] = { cmd_vrfy, false },
	[CMD_EXPN] = { cmd_missing, false },
	[CMD_HELP] = { cmd_help, false },
	[CMD_STARTTLS] = { cmd_starttls, true },
	[CMD_AUTH] = { cmd_auth, true },	/* says itself what is missing (RFC 4954 6) */
};

/* RFC 5321 2.3.8: CRLF ends a line, a bare CR or LF never does. */
static size_t find_crlf(struct span in)
{
	size_t from = 0;

	for (;;) {
		size_t at = from + span_find(span_from(in, from), '\n');

		if (at >= in.len)
			return in.len;
		if (at > 0 && in.at[at - 1] == '\r')
			return at - 1;
		from = at + 1;
	}
}

enum line_state session_line(const struct session *s, size_t max, struct span *line)
{
	struct span in = span_first(s->in, max);
	size_t end = find_crlf(in);

	*line = span_first(in, end);
	if (end < in.len)
		return LINE_WHOLE;
	return s->in.len < max ? LINE_MORE : LINE_TOO_LONG;
}

static enum progress foreign(struct session *s, struct effects *fx, const char *what)
{
	session_abused(s, fx, SEVERITY_NOTE, what);
	return session_hang_up(s, fx, 500, s->is_extended ? "5.5.1" : NULL, "This is a mail server");
}

static enum progress dispatch(struct session *s, struct span line, struct effects *fx)
{
	struct command c;

	command_parse(line, &c);
	s->n_commands++;
	s->n_since_mail++;
	if (s->listen->max_commands != SET_OFF && s->n_since_mail > (uint64_t)s->listen->max_commands)
		return session_hang_up(s, fx, 421, "4.7.0", "Too many commands without a message");
	if (c.verb == CMD_FOREIGN)
		return foreign(s, fx, "another protocol");
	if (c.verb == CMD_BROKEN)
		return session_refuse(s, fx, 500, "5.5.2", "Control characters in a command");
	if (!COMMANDS[c.verb].run)
		return session_refuse(s, fx, 500, "5.5.1", "Command not known");
	if (s->listen->tls == LISTEN_TLS_REQUIRED && !s->tls_version && !COMMANDS[c.verb].before_tls)
		return session_refuse(s, fx, 530, "5.7.0", "STARTTLS first");
	return COMMANDS[c.verb].run(s, c.args, fx);
}

enum progress session_skip_line(struct session *s, bool is_login)
{
	int64_t due = s->step_due;

	session_step_to(s, is_login ? &STEP_SKIP_LOGIN : &STEP_SKIP_LINE, 0);
	s->step_due = due;	/* a line has its time, however long it is */
	s->skipped = 0;
	return STEP_AGAIN;
}

static enum progress command(struct session *s, struct effects *fx)
{
	size_t max = command_line_max(s->in);
	struct span line;

	if (s->in.len == 0)
		return STEP_WAIT;
	if ((unsigned char)s->in.at[0] == TLS_HANDSHAKE)
		return foreign(s, fx, "TLS in the clear");
	switch (session_line(s, max, &line)) {
	case LINE_MORE: return STEP_WAIT;
	case LINE_TOO_LONG: return session_skip_line(s, max == COMMAND_AUTH_MAX);
	case LINE_WHOLE: break;
	}
	session_take(s, line.len + 2);
	return dispatch(s, line, fx);
}

/* RFC 4954 4 has a code of its own for the lines of a login. */
static enum progress skip_line(struct session *s, struct effects *fx)
{
	const char *enhanced = s->step == &STEP_SKIP_LOGIN ? "5.5.6" : "5.5.2";
	size_t end = find_crlf(s->in);

	if (end < s->in.len) {
		session_take(s, end + 2);
		s->n_commands++;
		return session_refuse(s, fx, 500, enhanced, "Line too long");
	}
	/* A CR may be the first half of the end. */
	if (end > 0 && s->in.at[end - 1] == '\r')
		end--;
	s->skipped += end;
	session_take(s, end);
	if (s->skipped > SKIP_MAX)
		return session_hang_up(s, fx, 500, enhanced, "Line too long, good bye");
	return STEP_WAIT;
}
