/* Verbs that change little: RSET, NOOP, QUIT, VRFY, HELP. */
#include "smtpd/session_private.h"

enum progress cmd_rset(struct session *s, struct span args, struct effects *fx)
{
	const struct reply *wrong = command_check_none(args);

	if (wrong)
		return session_reply(s, fx, wrong);
	transaction_end(s, fx);
	return session_say(s, fx, 250, "2.0.0", "Reset");
}

enum progress cmd_noop(struct session *s, struct span args, struct effects *fx)
{
	(void)args;
	return session_say(s, fx, 250, "2.0.0", "OK");
}

enum progress cmd_quit(struct session *s, struct span args, struct effects *fx)
{
	const struct reply *wrong = command_check_none(args);

	if (wrong)
		return session_reply(s, fx, wrong);
	buf_add(&fx->out, SPAN("221 2.0.0 Bye\r\n"));
	return session_end(s, fx, "quit");
}

enum progress cmd_vrfy(struct session *s, struct span args, struct effects *fx)
{
	if (args.len == 0)
		return session_refuse(s, fx, 501, "5.5.4", "VRFY whom?");
	return session_say(s, fx, 252, "2.5.0", "Send some mail, and see");
}

enum progress cmd_help(struct session *s, struct span args, struct effects *fx)
{
	(void)args;
	return session_say(s, fx, 214, "2.0.0", "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP STARTTLS AUTH: see RFC 5321");
}

enum progress cmd_missing(struct session *s, struct span args, struct effects *fx)
{
	(void)args;
	return session_refuse(s, fx, 502, "5.5.1", "Not offered here");
}
