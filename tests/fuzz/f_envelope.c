/* Any bytes as an envelope, as its states, and as a brief. */
#include "base/mem.h"
#include "spool/envelope.h"
#include "spool/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void apply(struct span rows)
{
	struct instant now = { 1000000, 1800000000000 };
	struct schedule_rules rules = { .waits = { 1000 }, .n_waits = 1, .expire_ms = 1000, .bounce_expire_ms = 1000, .notice_ms = -1,
	    .per_site = 20, .max_connections = 500, .seed = 1 };
	struct books b = { queue_new(), words_new(), NULL };
	struct msg_id id = { { 1 } };
	struct mail *m = queue_add(b.queue, &id);
	struct buf out;

	b.schedule = schedule_new(&rules, b.words, now);
	buf_init(&out, STATE_MAX_BYTES);
	m->marks = MARK_UNEXPANDED;
	if (state_apply(&b, m, rows, true, now) == PR_OK)
		(void)!state_whole(&b, m, now, &out);
	books_remove(&b, m);
	BUG_ON(words_count(b.words) != 0);
	buf_fini(&out);
	queue_free(&b.queue);
	schedule_free(&b.schedule);
	words_free(&b.words);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct span in = { (const char *)bytes, len };
	struct envelope env;
	struct envelope_rcpt r;
	uint32_t n = 0;

	if (envelope_decode(in, &env) == PR_OK) {
		while (envelope_next(&env.rcpts, &r))
			n++;
		BUG_ON(n != env.n_rcpts);
		apply(env.states);
	}
	apply(in);
	return 0;
}
