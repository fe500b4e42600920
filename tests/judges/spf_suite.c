/* Answers questions about SPF by a zone, both from standard input, a line each, words divided by a blank:
 *
 *	zone				another zone begins
 *	record TYPE NAME DATA		TYPE a number, NAME and DATA hexadecimal, as in verify/facts.h
 *	fail TYPE NAME			that question gets no answer
 *	check TIMES IP HELO SENDER	HELO and SENDER hexadecimal, "-" for an empty one; TIMES is how often it is done
 *
 * For each check it prints: the result, the explanation in hexadecimal ("-"), the rounds of waiting for the DNS, the
 * questions, the microseconds of one whole check with all its rounds, those of the last round alone, and why. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "tests/unit/facts_zone.h"
#include "verify/spf.h"

#define LINE_ROOM     140000
#define MAX_QUESTIONS 150

static struct zone zone;

static unsigned nibble(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

/* In place. */
static struct span unhex(char *at, struct span s)
{
	if (span_eq(s, SPAN("-")))
		return SPAN_NONE;
	for (size_t i = 0; i + 1 < s.len; i += 2)
		at[i / 2] = (char)(nibble(s.at[i]) << 4 | nibble(s.at[i + 1]));
	return span_of(at, s.len / 2);
}

static double now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

struct measure {
	unsigned rounds, questions;
	double whole_us, last_us;
};

static void check(const struct spf_ask *ask, struct spf_told *told, struct measure *m)
{
	struct facts *f = facts_new(MAX_QUESTIONS);
	double before = now_us(), last = before;

	m->rounds = 0;
	while (!spf_check(f, ask, told, NULL)) {
		BUG_ON(!zone_answer(&zone, f));
		m->rounds++;
		last = now_us();
	}
	m->whole_us += now_us() - before;
	m->last_us += now_us() - last;
	m->questions = facts_asked(f);
	facts_free(&f);
}

static struct client read_client(struct span ip)
{
	unsigned char bytes[16];
	char text[64];

	(void)snprintf(text, sizeof(text), "%.*s", SPAN_ARG(ip));
	if (inet_pton(AF_INET, text, bytes) == 1)
		return client_of(bytes, 4);
	BUG_ON(inet_pton(AF_INET6, text, bytes) != 1);
	return client_of(bytes, 16);
}

static void run(struct span words, char *helo, char *sender)
{
	struct measure m = { 0 };
	struct spf_told told;
	struct spf_ask ask = { .receiver = SPAN("unknown"), .now_s = 1700000000 };
	unsigned long long times = 0, left;
	struct span word;

	BUG_ON(!span_to_u64(span_cut(&words, ' '), 1000000, &times));
	ask.client = read_client(span_cut(&words, ' '));
	word = span_cut(&words, ' ');
	ask.helo = unhex(helo, word);
	ask.sender = unhex(sender, span_cut(&words, ' '));
	for (left = times; left > 0; left--)
		check(&ask, &told, &m);
	printf("%s ", auth_result_text(told.result));
	if (told.explanation[0] == '\0')
		(void)putchar('-');
	for (const char *c = told.explanation; *c; c++)
		printf("%02x", (unsigned)(unsigned char)*c);
	printf(" %u %u %.2f %.2f %s\n", m.rounds, m.questions, m.whole_us / (double)times, m.last_us / (double)times, told.why);
	(void)fflush(stdout);
}

static void take(struct span line)
{
	static char helo[LINE_ROOM], sender[LINE_ROOM], room[LINE_ROOM];
	struct span verb = span_cut(&line, ' '), name;
	unsigned long long type = 0;

	if (span_eq(verb, SPAN("check"))) {
		run(line, helo, sender);
	} else if (span_eq(verb, SPAN("zone"))) {
		zone_fini(&zone);
		zone_init(&zone);
	} else {
		BUG_ON(!span_to_u64(span_cut(&line, ' '), 65535, &type));
		name = unhex(room, span_cut(&line, ' '));
		if (span_eq(verb, SPAN("fail")))
			zone_fail(&zone, (enum wire_record)type, name);
		else
			zone_add(&zone, (enum wire_record)type, name, unhex(helo, line));
	}
}

int main(void)
{
	static char line[LINE_ROOM];

	zone_init(&zone);
	while (fgets(line, sizeof(line), stdin))
		take(span_of(line, strcspn(line, "\n")));
	zone_fini(&zone);
	return EXIT_SUCCESS;
}
