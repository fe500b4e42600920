/* Jobs outlive spools: what was done is told again, what never happened is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "delivery/job.h"

struct world {
	struct jobs jobs;
	struct job *started;
	unsigned n_cancels, n_outcomes, n_done, n_held, n_told;
	enum wire_fate last;
};

static void say(void *owner, enum wire_verb verb, const void *msg)
{
	struct world *w = owner;

	w->n_outcomes += verb == WIRE_outcome;
	w->n_done += verb == WIRE_job_done;
	w->n_held += verb == WIRE_job_held;
	w->n_told += verb == WIRE_told;
	if (verb == WIRE_outcome)
		w->last = ((const struct wire_outcome *)msg)->result;
}

static void *keep(void *owner)
{
	return owner;
}

static void release(void *owner, void *hold)
{
	assert_ptr_equal(owner, hold);
}

static void on_start(void *owner, struct job *job)
{
	((struct world *)owner)->started = job;
}

static void on_body(void *owner, struct job *job)
{
	(void)owner;
	(void)job;
}

static void on_cancel(void *owner, struct job *job)
{
	(void)job;
	((struct world *)owner)->n_cancels++;
}

static void on_idle(void *owner)
{
	(void)owner;
}

static const struct jobs_handlers handlers = { say, keep, release, on_start, on_body, on_cancel, on_idle };
static const struct job_outcome DELIVERED = { .fate = FATE_DELIVERED };
static const struct job_outcome DEFERRED = { .fate = FATE_DEFERRED };

static void hear(struct world *w, enum wire_verb verb, union wire_msg msg)
{
	assert_int_equal(jobs_hear(&w->jobs, verb, &msg), PR_OK);
}

/* A job of two recipients and ten bytes, of which `came` came. */
static struct job *begin(struct world *w, size_t came)
{
	hear(w, WIRE_job_begin, (union wire_msg){ .job_begin = { .job = 7, .id = { { 1 } }, .size = 10 } });
	hear(w, WIRE_job_rcpt, (union wire_msg){ .job_rcpt = { .job = 7, .n = 0, .mailbox = SPAN("a@x.test"), .address = SPAN("a@x.test") } });
	hear(w, WIRE_job_rcpt, (union wire_msg){ .job_rcpt = { .job = 7, .n = 1, .mailbox = SPAN("b@x.test"), .address = SPAN("b@x.test") } });
	hear(w, WIRE_job_part, (union wire_msg){ .job_part = { .job = 7, .bytes = span_of("0123456789", came) } });
	if (came == 10)
		hear(w, WIRE_job_end, (union wire_msg){ .job_end = { .job = 7 } });
	return w->started;
}

static struct world *world_new(struct world *w)
{
	*w = (struct world){ 0 };
	jobs_init(&w->jobs, &handlers, w);
	return w;
}

static void t_a_message_that_is_not_whole_is_forgotten_with_its_spool(void **state)
{
	struct world w;
	struct job *job = begin(world_new(&w), 4);

	(void)state;
	jobs_spool_left(&w.jobs);
	assert_int_equal(w.n_cancels, 1);
	jobs_spool_came(&w.jobs);
	assert_int_equal(w.n_held, 0);
	job_settle_all(&w.jobs, job, &DEFERRED);
	assert_int_equal(w.n_outcomes, 0);
	assert_int_equal(w.n_done, 0);
	begin(&w, 10);		/* the new spool counts its jobs anew */
	assert_int_equal(w.jobs.n, 1);
	jobs_fini(&w.jobs);
}

static void t_what_was_done_is_told_to_the_next_spool(void **state)
{
	struct world w;
	struct job *job = begin(world_new(&w), 10);

	(void)state;
	job_settle(&w.jobs, job, 0, &DELIVERED);
	assert_int_equal(w.n_outcomes, 1);
	jobs_spool_left(&w.jobs);
	assert_int_equal(w.n_cancels, 0);
	jobs_spool_came(&w.jobs);
	assert_int_equal(w.n_outcomes, 2);
	assert_int_equal(w.n_held, 1);
	assert_int_equal(w.n_told, 1);
	job_settle(&w.jobs, job, 1, &DEFERRED);
	assert_int_equal(w.n_outcomes, 3);
	assert_int_equal(w.last, FATE_DEFERRED);
	assert_int_equal(w.n_done, 1);
	hear(&w, WIRE_job_ack, (union wire_msg){ .job_ack = { .job = 7, .id = { { 1 } } } });
	assert_int_equal(w.jobs.n, 0);
	jobs_fini(&w.jobs);
}

static void use_parts(struct world *w, struct job *job, const char *wanted)
{
	struct job_part *part;
	char text[20] = "";

	while ((part = job_part_take(job))) {
		strncat(text, part->bytes.at, part->bytes.len);
		job_part_used(&w->jobs, job, part);
	}
	assert_string_equal(text, wanted);
}

static void t_who_was_put_off_has_the_whole_message_for_another_server(void **state)
{
	const struct job_outcome later = { .fate = FATE_DEFERRED, .code = 450, .words = SPAN("later") };
	struct world w;
	struct job *job = begin(world_new(&w), 6);

	(void)state;
	hear(&w, WIRE_job_part, (union wire_msg){ .job_part = { .job = 7, .bytes = SPAN("6789") } });
	use_parts(&w, job, "0123456789");
	job_settle(&w.jobs, job, 0, &DELIVERED);
	assert_true(job_can_rewind(job));
	job_put_off(job, 1, &later);
	assert_int_equal(w.n_outcomes, 1);
	job_rewind(job);
	assert_false(job->rcpts[1].is_put_off);
	use_parts(&w, job, "0123456789");
	job_settle_all(&w.jobs, job, &DEFERRED);
	assert_int_equal(w.n_outcomes, 2);
	assert_int_equal(job->rcpts[1].outcome.code, 450);
	jobs_fini(&w.jobs);
}

static void t_what_is_large_goes_once(void **state)
{
	struct world w;
	struct job *job = begin(world_new(&w), 4);

	(void)state;
	job->size = JOB_AGAIN_MAX + 1;
	assert_true(job_can_rewind(job));
	use_parts(&w, job, "0123");
	assert_false(job_can_rewind(job));
	jobs_fini(&w.jobs);
}

static void t_outcomes_wait_for_their_acknowledgement(void **state)
{
	struct world w;
	struct job *job = begin(world_new(&w), 10);

	(void)state;
	job_settle_all(&w.jobs, job, &DELIVERED);
	jobs_spool_left(&w.jobs);
	jobs_spool_came(&w.jobs);
	assert_int_equal(w.n_outcomes, 4);
	assert_int_equal(w.n_done, 2);
	assert_int_equal(w.jobs.n, 1);
	jobs_fini(&w.jobs);
}

static void t_hosts_keep_their_order_and_have_a_ceiling(void **state)
{
	char name[JOB_HOST_NAME_MAX + 1];
	union wire_msg host = { .job_host = { .job = 7, .preference = 10, .port = 0 } };
	struct world w;

	(void)state;
	memset(name, 'a', sizeof(name));
	world_new(&w);
	hear(&w, WIRE_job_begin, (union wire_msg){ .job_begin = { .job = 7, .id = { { 1 } }, .size = 0 } });
	for (unsigned i = 1; i <= JOB_HOSTS_MAX + 5; i++) {
		host.job_host.name = span_of(name, i);
		hear(&w, WIRE_job_host, host);
	}
	host.job_host.name = span_of(name, sizeof(name));
	assert_int_equal(jobs_hear(&w.jobs, WIRE_job_host, &host), PR_BAD);
	hear(&w, WIRE_job_rcpt, (union wire_msg){ .job_rcpt = { .job = 7, .n = 0, .address = SPAN("a@x.test") } });
	hear(&w, WIRE_job_end, (union wire_msg){ .job_end = { .job = 7 } });
	assert_int_equal(w.started->n_hosts, JOB_HOSTS_MAX);
	for (unsigned i = 0; i < JOB_HOSTS_MAX; i++)
		assert_int_equal(w.started->hosts[i].name.len, i + 1);
	host.job_host.name = SPAN("late");
	assert_int_equal(jobs_hear(&w.jobs, WIRE_job_host, &host), PR_BAD);
	jobs_fini(&w.jobs);
}

static void t_words_without_sense_are_refused(void **state)
{
	struct world w;
	union wire_msg much = { .job_part = { .job = 7, .bytes = SPAN("more than was promised") } };
	union wire_msg again = { .job_begin = { .job = 7 } };

	(void)state;
	begin(world_new(&w), 4);
	assert_int_equal(jobs_hear(&w.jobs, WIRE_job_part, &much), PR_BAD);
	assert_int_equal(jobs_hear(&w.jobs, WIRE_job_begin, &again), PR_BAD);
	jobs_fini(&w.jobs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_message_that_is_not_whole_is_forgotten_with_its_spool),
		cmocka_unit_test(t_what_was_done_is_told_to_the_next_spool),
		cmocka_unit_test(t_who_was_put_off_has_the_whole_message_for_another_server), cmocka_unit_test(t_what_is_large_goes_once),
		cmocka_unit_test(t_outcomes_wait_for_their_acknowledgement),
		cmocka_unit_test(t_hosts_keep_their_order_and_have_a_ceiling),
		cmocka_unit_test(t_words_without_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
