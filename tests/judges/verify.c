/* What we say of the signatures of a message, for judges who sign: the message on standard input (lines end in CRLF), and as arguments
 * names of keys and their records, NAME RECORD …; a record "-" is a server that gives no answer. On standard output a line for each
 * signature and one for the chain:
 *
 *   dkim SELECTOR ALGORITHM BITS RESULT WHY
 *   arc N DOMAIN RESULT WHY
 *   cpu MICROSECONDS */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "verify/arc.h"
#include "verify/dkim.h"

#define MAX_SIGNATURES 10
#define PIECE	       4093

static struct buf message;

static void read_all(void)
{
	char *room;
	size_t n = 1;

	buf_init(&message, 256u << 20);
	while (n > 0 && (room = buf_room(&message, 65536))) {
		n = fread(room, 1, 65536, stdin);
		buf_grew(&message, n);
	}
}

static void answer(struct facts *facts, char **records)
{
	struct facts_question q;

	while (facts_next(facts, &q)) {
		enum wire_resolve result = RESOLVE_NO_NAME;

		for (char **at = records; at[0] && at[1]; at += 2) {
			if (!span_eq_nocase(q.name, span_of_text(at[0])))
				continue;
			result = strcmp(at[1], "-") == 0 ? RESOLVE_TEMPORARY : RESOLVED;
			if (result == RESOLVED)
				facts_record(facts, q.number, span_of_text(at[1]));
		}
		facts_answer(facts, q.number, result, false);
	}
}

static void show(const struct dkim_check *dkim, const struct arc_check *arc, long long cpu_us)
{
	const struct arc_told *chain = arc_check_told(arc);

	for (unsigned i = 0; i < dkim_check_n(dkim); i++) {
		const struct dkim_told *t = dkim_check_told(dkim, i);

		printf("dkim %s %s %u %s %s\n", t->selector[0] ? t->selector : "-", t->algorithm[0] ? t->algorithm : "-", t->key_bits,
		    auth_result_text(t->result), t->why);
	}
	printf("arc %u %s %s %s\n", chain->n, chain->domain[0] ? chain->domain : "-", auth_result_text(chain->result), chain->why);
	printf("cpu %lld\n", cpu_us);
}

static long long cpu_us(void)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
	return at.tv_sec * 1000000LL + at.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
	struct dkim_house *house = dkim_house_new();
	struct facts *facts = facts_new(100);
	struct fields header;
	struct dkim_check *dkim;
	struct arc_check *arc;
	struct span rest;
	long long begun;

	(void)argc;
	read_all();
	rest = buf_span(&message);
	begun = cpu_us();
	fields_init(&header, 256 << 10, 1000);
	fields_feed(&header, &rest);
	fields_close(&header);
	dkim = dkim_check_new(house, &header, facts, MAX_SIGNATURES, time(NULL));
	arc = arc_check_new(&header, facts, time(NULL));
	for (; rest.len > 0; rest = span_from(rest, PIECE)) {
		dkim_check_body(dkim, span_first(rest, PIECE));
		arc_check_body(arc, span_first(rest, PIECE));
	}
	answer(facts, argv + 1);
	while (!dkim_check_end(dkim, facts, NULL) || !arc_check_end(arc, facts, NULL))
		answer(facts, argv + 1);
	show(dkim, arc, cpu_us() - begun);
	dkim_check_free(&dkim);
	arc_check_free(&arc);
	fields_fini(&header);
	facts_free(&facts);
	dkim_house_free(&house);
	buf_fini(&message);
	return 0;
}
