#include "schedule_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

uint32_t way_to(struct world *w, const char *name, enum site_kind kind, uint64_t key)
{
	uint32_t way = schedule_way(w->schedule, span_of_text(name));

	schedule_way_leads(w->schedule, way, &(struct goal){ .key = key, .kind = kind, .batch = 50, .until = INT64_MAX }, w->now);
	return way;
}

int setup(void **state)
{
	static struct world w;
	struct schedule_rules rules = { .waits = { MINUTES(2), MINUTES(5), MINUTES(10), MINUTES(20), MINUTES(40), HOURS(1), HOURS(2),
	    HOURS(4) }, .n_waits = 8, .expire_ms = HOURS(72), .bounce_expire_ms = HOURS(24), .notice_ms = HOURS(4), .per_site = 20,
	    .max_connections = 500, .seed = 7 };

	w = (struct world){ queue_new(), words_new(), NULL, { 1000000, 1800000000000 }, 0, 0, 0 };
	w.schedule = schedule_new(&rules, w.words, w.now);
	w.lmtp = way_to(&w, "imap", SITE_LMTP, 1);
	w.local = way_to(&w, "maildir", SITE_LOCAL, 2);
	*state = &w;
	return 0;
}

void mail_free(struct world *w, struct mail *m)
{
	books_remove(&(struct books){ w->queue, w->words, w->schedule }, m);
}

int teardown(void **state)
{
	struct world *w = *state;
	uint32_t cursor = 0;
	struct mail *m;

	while ((m = queue_walk(w->queue, &cursor))) {
		schedule_leave(w->schedule, m);
		m->n_flying = 0;
		mail_free(w, m);
	}
	queue_free(&w->queue);
	schedule_free(&w->schedule);
	assert_int_equal(words_count(w->words), 0);
	words_free(&w->words);
	return 0;
}

struct mail *mail_new(struct world *w, uint32_t way, uint32_t n, uint32_t sender)
{
	struct msg_id id = { { 1 } };
	struct mail *m;

	w->n_ids++;
	memcpy(id.bytes + 4, &w->n_ids, 4);
	m = queue_add(w->queue, &id);
	m->sender = sender;
	schedule_born(m, w->now.wall_ms, w->now);
	mail_add_rcpts(m, n);
	for (uint32_t i = 0; i < n; i++) {
		if (way != WAY_NOWHERE) {
			schedule_way_keep(w->schedule, way);
			schedule_way_joined(w->schedule, way);
		}
		mail_rcpt(m, i)->way = way;
		schedule_wait_until(w->schedule, m, i, w->now.mono_ms);
	}
	schedule_enter(w->schedule, m);
	return m;
}

void pass(struct world *w, int64_t ms)
{
	w->now.mono_ms += ms;
	w->now.wall_ms += ms;
}

bool run_due(struct world *w, struct due *last)
{
	struct due due;
	bool any = false;

	while (schedule_next_due(w->schedule, w->now, &due)) {
		any = true;
		*last = due;
		if (due.notice)
			for (uint32_t i = 0; i < due.mail->n_rcpts; i++)
				mail_rcpt(due.mail, i)->flags |= RCPT_NOTICED;
		for (uint32_t i = 0; i < due.mail->n_rcpts; i++)
			if (mail_rcpt(due.mail, i)->state == RCPT_EXPIRED)
				mail_rcpt(due.mail, i)->state = RCPT_FAILED;
		schedule_enter(w->schedule, due.mail);
	}
	return any;
}

struct start start;

bool try_and_fail(struct world *w, enum site_word word)
{
	int64_t started = w->now.mono_ms;
	bool again = true;

	if (!schedule_pull(w->schedule, KINDS, w->now, &start))
		return false;
	pass(w, 1000);
	for (uint32_t i = 0; i < start.n; i++) {
		again = schedule_put_off(w->schedule, start.mail, start.rcpts[i], started, w->now);
		if (!again)
			mail_rcpt(start.mail, start.rcpts[i])->state = RCPT_FAILED;
	}
	schedule_job_ended(w->schedule, &start.flight, started, word, NULL, w->now);
	schedule_enter(w->schedule, start.mail);
	return true;
}

void end(struct world *w, const struct start *s, enum site_word word)
{
	for (uint32_t i = 0; i < s->n; i++) {
		schedule_again(w->schedule, s->mail, s->rcpts[i], w->now);
		mail_rcpt(s->mail, s->rcpts[i])->state = RCPT_DELIVERED;
	}
	schedule_enter(w->schedule, s->mail);
	schedule_job_ended(w->schedule, &s->flight, w->now.mono_ms, word, NULL, w->now);
}
