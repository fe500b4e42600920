/* What a server said of recipients: asked once, remembered, and believed while it is away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "delivery/probe.h"

struct world {
	struct probes probes;
	int64_t now;
	char log[4096];		/* what it did, each with a blank behind it */
	uint32_t number;	/* of the probe begun last */
	unsigned n_begun;
};

static const struct job_outcome
	TAKEN = { .fate = FATE_DELIVERED, .scope = SCOPE_RECIPIENT, .code = 250, .enhanced = { "2.1.5", 5 }, .words = { "Ok", 2 } },
	REFUSED = { .fate = FATE_FAILED, .scope = SCOPE_RECIPIENT, .code = 550, .enhanced = { "5.1.1", 5 }, .words = { "User unknown", 12 } },
	GREYLISTED = { .fate = FATE_DEFERRED, .scope = SCOPE_RECIPIENT, .code = 450 },
	NOT_US = { .fate = FATE_FAILED, .scope = SCOPE_MESSAGE, .code = 550, .enhanced = { "5.7.1", 5 }, .words = { "Go away", 7 } },
	AWAY = { .fate = FATE_DEFERRED, .scope = SCOPE_SITE, .enhanced = { "4.4.1", 5 }, .words = { "Connection refused", 18 } };

static void note(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct world *w, const char *format, ...)
{
	size_t len = strlen(w->log);
	va_list ap;

	va_start(ap, format);
	vsnprintf(w->log + len, sizeof(w->log) - len, format, ap);
	va_end(ap);
}

static void on_begin(void *owner, uint32_t probe, unsigned deliver, struct span address)
{
	struct world *w = owner;

	w->number = probe;
	w->n_begun++;
	note(w, "begin(%u,%.*s) ", deliver, SPAN_ARG(address));
}

static void on_cancel(void *owner, uint32_t probe)
{
	static const struct job_outcome ended = { .fate = FATE_DEFERRED, .scope = SCOPE_MESSAGE };
	struct world *w = owner;

	note(w, "cancel ");
	probes_hear(&w->probes, w->now, probe, &ended);
}

static void on_tell(void *owner, void *asker, uint32_t ask, const struct probe_answer *answer)
{
	static const char *const names[] = { [ADDRESS_OK] = "ok", [ADDRESS_UNKNOWN] = "unknown", [ADDRESS_TEMPORARY] = "temporary" };
	struct world *w = owner;

	note(w, "%s%u=%s", (const char *)asker, ask, names[answer->result]);
	if (answer->result == ADDRESS_UNKNOWN)
		note(w, "(%.*s,%.*s)", SPAN_ARG(answer->enhanced), SPAN_ARG(answer->words));
	note(w, " ");
}

static int setup(void **state)
{
	static const struct probes_handlers handlers = { on_begin, on_cancel, on_tell };
	static struct world w;

	w = (struct world){ .now = 1000 };
	probes_init(&w.probes, &handlers, &w, 2);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	probes_fini(&w->probes);
	return 0;
}

static char A[] = "a", B[] = "b";

static void ask(struct world *w, char *who, uint32_t ask, const char *address)
{
	probes_ask(&w->probes, w->now, who, ask, 1, span_of_text(address));
}

static void hear(struct world *w, const struct job_outcome *outcome)
{
	probes_hear(&w->probes, w->now, w->number, outcome);
}

static void did(struct world *w, const char *what)
{
	assert_string_equal(w->log, what);
	w->log[0] = '\0';
}

static void t_is_asked_once_and_remembered(void **state)
{
	struct world *w = *state;

	ask(w, A, 1, "u@x.test");
	ask(w, B, 7, "u@x.test");
	did(w, "begin(1,u@x.test) ");
	hear(w, &TAKEN);
	did(w, "a1=ok b7=ok ");
	w->now += PROBE_TAKEN_MS - 1;
	ask(w, A, 2, "u@x.test");
	did(w, "a2=ok ");
	w->now++;
	ask(w, A, 3, "u@x.test");
	did(w, "begin(1,u@x.test) ");
	hear(w, &REFUSED);
	did(w, "a3=unknown(5.1.1,User unknown) ");
	w->now += PROBE_REFUSED_MS - 1;
	ask(w, A, 4, "u@x.test");
	did(w, "a4=unknown(5.1.1,User unknown) ");
	w->now++;
	ask(w, A, 5, "u@x.test");
	did(w, "begin(1,u@x.test) ");
	hear(w, &TAKEN);
	did(w, "a5=ok ");
}

static void t_sections_do_not_share_answers(void **state)
{
	struct world *w = *state;

	ask(w, A, 1, "u@x.test");
	hear(w, &TAKEN);
	probes_ask(&w->probes, w->now, A, 2, 0, SPAN("u@x.test"));
	did(w, "begin(1,u@x.test) a1=ok begin(0,u@x.test) ");
	hear(w, &REFUSED);
	ask(w, A, 3, "U@x.test");	/* its server may tell them apart */
	did(w, "a2=unknown(5.1.1,User unknown) begin(1,U@x.test) ");
	hear(w, &GREYLISTED);
}

static void t_only_a_word_on_the_recipient_is_a_verdict(void **state)
{
	static const struct job_outcome *const others[] = { &GREYLISTED, &NOT_US };
	struct world *w = *state;

	for (size_t i = 0; i < 2; i++) {
		ask(w, A, 1, "u@x.test");
		hear(w, others[i]);
		did(w, "begin(1,u@x.test) a1=temporary ");
	}
	ask(w, A, 2, "u@x.test");
	did(w, "begin(1,u@x.test) ");
	hear(w, &TAKEN);
}

static void t_a_server_that_is_away_is_left_alone(void **state)
{
	struct world *w = *state;

	ask(w, A, 1, "u@x.test");
	hear(w, &AWAY);
	ask(w, A, 2, "u@x.test");
	ask(w, A, 3, "v@x.test");
	did(w, "begin(1,u@x.test) a1=temporary a2=temporary a3=temporary ");
	probes_ask(&w->probes, w->now, A, 4, 0, SPAN("u@y.test"));	/* another one is not */
	did(w, "begin(0,u@y.test) ");
	hear(w, &TAKEN);
	w->now += PROBE_REST_MS;
	w->log[0] = '\0';
	ask(w, A, 5, "u@x.test");
	did(w, "begin(1,u@x.test) ");
	hear(w, &TAKEN);
}

static void t_what_was_taken_once_is_taken_while_the_server_is_away(void **state)
{
	struct world *w = *state;

	ask(w, A, 1, "u@x.test");
	hear(w, &TAKEN);
	ask(w, A, 2, "no@x.test");
	hear(w, &REFUSED);
	w->log[0] = '\0';
	w->now += PROBE_TAKEN_MS;
	ask(w, A, 3, "u@x.test");
	hear(w, &AWAY);
	ask(w, A, 4, "u@x.test");
	ask(w, A, 5, "no@x.test");
	did(w, "begin(1,u@x.test) a3=ok a4=ok a5=temporary ");
}

static void t_a_probe_ends(void **state)
{
	struct world *w = *state;

	assert_true(probes_due(&w->probes) == INT64_MAX);
	ask(w, A, 1, "u@x.test");
	w->now += 5;
	ask(w, A, 2, "v@x.test");
	assert_int_equal(probes_due(&w->probes), 1000 + PROBE_MAX_MS);
	w->now = 1000 + PROBE_MAX_MS - 1;
	probes_tick(&w->probes, w->now);
	did(w, "begin(1,u@x.test) begin(1,v@x.test) ");
	w->now++;
	probes_tick(&w->probes, w->now);
	did(w, "cancel a1=temporary ");
	w->now += 5;
	probes_tick(&w->probes, w->now);
	did(w, "cancel a2=temporary ");
	hear(w, &TAKEN);	/* late: nobody knows it any more */
	did(w, "");
	ask(w, A, 3, "u@x.test");
	did(w, "a3=temporary ");
}

static void t_who_left_is_not_told(void **state)
{
	struct world *w = *state;

	ask(w, A, 1, "u@x.test");
	ask(w, B, 1, "u@x.test");
	probes_forget(&w->probes, A);
	hear(w, &TAKEN);
	did(w, "begin(1,u@x.test) b1=ok ");
}

static void t_probes_have_a_ceiling(void **state)
{
	struct world *w = *state;
	char address[32];

	for (unsigned i = 0; i < PROBE_SITE_MAX; i++) {
		snprintf(address, sizeof(address), "u%u@x.test", i);
		ask(w, A, i, address);
	}
	assert_int_equal(w->n_begun, PROBE_SITE_MAX);
	w->log[0] = '\0';
	ask(w, A, 1, "more@x.test");
	did(w, "a1=temporary ");
	hear(w, &TAKEN);
	w->log[0] = '\0';
	ask(w, A, 2, "more@x.test");
	did(w, "begin(1,more@x.test) ");
}

/* Whoever guesses addresses does not push out those that get mail. */
static void t_memory_has_a_ceiling(void **state)
{
	struct world *w = *state;
	char address[32];

	ask(w, A, 1, "u@x.test");
	hear(w, &TAKEN);
	for (unsigned i = 0; i < PROBE_REFUSED_MAX + 10; i++) {
		snprintf(address, sizeof(address), "no%u@x.test", i);
		ask(w, A, 2, address);
		hear(w, &REFUSED);
		w->log[0] = '\0';
	}
	assert_int_equal(w->probes.n_refused, PROBE_REFUSED_MAX);
	assert_int_equal(w->probes.by_key.n, PROBE_REFUSED_MAX + 1);
	ask(w, A, 3, "u@x.test");
	ask(w, A, 4, "no10@x.test");
	ask(w, A, 5, "no9@x.test");
	did(w, "a3=ok a4=unknown(5.1.1,User unknown) begin(1,no9@x.test) ");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(t_is_asked_once_and_remembered), TEST(t_sections_do_not_share_answers), TEST(t_only_a_word_on_the_recipient_is_a_verdict),
		TEST(t_a_server_that_is_away_is_left_alone), TEST(t_what_was_taken_once_is_taken_while_the_server_is_away), TEST(t_a_probe_ends),
		TEST(t_who_left_is_not_told), TEST(t_probes_have_a_ceiling), TEST(t_memory_has_a_ceiling)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
