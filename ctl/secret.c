#include "ctl/secret.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/password.h"
#include "ctl/say.h"

void secret_wipe(struct buf *secret)
{
	if (secret->at)
		mem_wipe(secret->at, secret->room);
	buf_fini(secret);
}

/* A line without its end; false at the end of the input, or when it is too long. By bytes: nothing stays in stdio. */
static bool read_line(struct buf *out)
{
	char c;

	while (read(STDIN_FILENO, &c, 1) == 1) {
		if (c == '\n')
			return true;
		if (buf_add_char(out, c) != PR_OK)
			return false;
	}
	return out->len > 0;
}

static bool prompt(const char *words, struct buf *out)
{
	struct termios old, quiet;
	bool has_line;

	if (tcgetattr(STDIN_FILENO, &old) != 0)
		return false;
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	quiet.c_lflag |= ECHONL;
	/* First the echo, then the question: what is typed at once is neither shown nor flushed away. */
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	(void)fputs(words, stderr);
	has_line = read_line(out);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	return has_line;
}

static int ask_twice(struct buf *out)
{
	struct buf again;
	bool is_same;

	buf_init(&again, PASSWORD_MAX);
	is_same = prompt("password: ", out) && prompt("the same again: ", &again) && span_eq(buf_span(out), buf_span(&again));
	secret_wipe(&again);
	if (is_same)
		return EX_OK;
	say("that was not the same twice");
	return EX_DATAERR;
}

int secret_read(const struct call *call, struct buf *out)
{
	buf_init(out, PASSWORD_MAX);
	if (!(call->flags & CALL_PASSWORD_STDIN)) {
		if (isatty(STDIN_FILENO))
			return ask_twice(out);
		say("there is no terminal to ask for the password: say --password-stdin and give it as a line of standard input");
		return EX_USAGE;
	}
	if (read_line(out))
		return EX_OK;
	say("standard input holds no password of 1 to %d bytes", PASSWORD_MAX);
	return EX_DATAERR;
}
