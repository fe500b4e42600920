#include "ctl/say.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

#define WORDS_MAX 4096

void say_add(FILE *to, struct span text)
{
	struct buf b;

	buf_init(&b, text.len * 4 + 1);
	text_add_escaped(&b, text);
	(void)fwrite(buf_span(&b).at, 1, b.len, to);
	buf_fini(&b);
}

void say(const char *fmt, ...)
{
	char words[WORDS_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(words, sizeof(words), fmt, args);
	va_end(args);
	(void)fputs("postrider: ", stderr);
	for (struct span rest = span_of_text(words); rest.len;) {
		say_add(stderr, span_cut(&rest, '\n'));
		(void)fputc('\n', stderr);
	}
}

bool say_may_go_on(const char *question, int *status)
{
	char answer[16];

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		say("%s; without a terminal say --yes", question);
		*status = EX_USAGE;
		return false;
	}
	(void)fprintf(stderr, "%s [y/N] ", question);
	*status = EX_OK;
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

const char *say_colour(FILE *to, enum say_colour colour)
{
	static const char *const CODES[] = { [SAY_PLAIN] = "\033[0m", [SAY_GOOD] = "\033[32m", [SAY_BAD] = "\033[31m", [SAY_DIM] = "\033[2m" };
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if ((no && *no) || !term || strcmp(term, "dumb") == 0 || !isatty(fileno(to)))
		return "";
	return CODES[colour];
}

void say_time(FILE *to, int64_t wall_ms)
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;
	char text[32];

	if (localtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
		(void)fputs(text, to);
}
