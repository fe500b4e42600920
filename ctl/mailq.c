#include "ctl/mailq.h"

#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>
#include <time.h>

#include "ctl/queue_ask.h"
#include "ctl/say.h"

#define INDENT 41	/* columns before a recipient */

/* A message is printed when its first recipient came: only these say whether it is under way or held. */
struct mailq {
	bool is_due, is_open;	/* its head is not printed yet; is */
	struct msg_id id;
	uint64_t received_ms, size, total;
	struct buf sender, reason;
	unsigned n;
};

static void print_head(struct mailq *q, uint8_t state)
{
	char id[ID_TEXT_LEN + 1], when[32] = "";
	time_t seconds = (time_t)(q->received_ms / 1000);
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		(void)strftime(when, sizeof(when), "%a %b %e %H:%M:%S", &tm);
	id_to_text(&q->id, id);
	if (q->n++ == 0)
		(void)puts("--------Queue ID----------- --Size-- ---Arrival Time---- -Sender/Recipient-------");
	(void)printf("%s%c %8" PRIu64 " %-19s  ", id, state == STATE_FLYING ? '*' : state == STATE_HELD ? '!' : ' ', q->size, when);
	say_add(stdout, q->sender.len ? buf_span(&q->sender) : SPAN("MAILER-DAEMON"));
	(void)fputc('\n', stdout);
	q->is_due = false;
	q->is_open = true;
	q->total += q->size;
}

static void on_message(void *arg, const struct wire_queue_message *m)
{
	struct mailq *q = arg;

	if (q->is_open)
		(void)fputc('\n', stdout);
	q->is_open = false;
	if (!m)
		return;
	q->is_due = true;
	q->id = m->id;
	q->received_ms = m->received_ms;
	q->size = m->size;
	buf_clear(&q->sender);
	buf_clear(&q->reason);
	(void)buf_add(&q->sender, m->sender);
}

static void on_recipient(void *arg, const struct wire_queue_recipient *r)
{
	struct mailq *q = arg;

	if (r->state == STATE_DELIVERED || r->state == STATE_FAILED || r->state == STATE_EXPANDED)
		return;
	if (q->is_due)
		print_head(q, r->state);
	if (r->reason.len && !span_eq(r->reason, buf_span(&q->reason))) {
		(void)fputs("(", stdout);
		say_add(stdout, r->reason);
		(void)fputs(")\n", stdout);
		buf_clear(&q->reason);
		(void)buf_add(&q->reason, r->reason);
	}
	(void)printf("%*s", INDENT, "");
	say_add(stdout, r->address);
	(void)fputc('\n', stdout);
}

int mailq_print(const struct call *call)
{
	struct mailq q = { .n = 0 };
	struct queue_rows rows = { .on_message = on_message, .on_recipient = on_recipient, .arg = &q };
	struct client c;
	int status = queue_open(call, &c);

	if (status != EX_OK)
		return status;
	buf_init(&q.sender, WIRE_PACKET_MAX);
	buf_init(&q.reason, WIRE_PACKET_MAX);
	status = queue_ask(&c, QUEUE_LIST, SPAN_NONE, &rows);
	client_close(&c);
	if (status == EX_OK && q.n == 0)
		(void)puts("Mail queue is empty");
	else if (status == EX_OK)
		(void)printf("-- %" PRIu64 " Kbytes in %u Request%s.\n", (q.total + 1023) / 1024, q.n, q.n == 1 ? "" : "s");
	buf_fini(&q.sender);
	buf_fini(&q.reason);
	return status;
}

int mailq_retry(const struct call *call)
{
	struct queue_rows rows = { .arg = NULL };
	struct client c;
	int status = queue_open(call, &c);

	if (status != EX_OK)
		return status;
	status = queue_ask(&c, QUEUE_RETRY, SPAN_NONE, &rows);
	client_close(&c);
	return status;
}
