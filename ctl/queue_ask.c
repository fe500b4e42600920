#include "ctl/queue_ask.h"

#include <sysexits.h>

#include "ctl/say.h"

int queue_open(const struct call *call, struct client *c)
{
	int status = client_open(c, call);

	if (status != EX_OK)
		return status;
	status = client_meet(c, ROLE_SPOOL);
	if (status != EX_OK)
		client_close(c);
	return status;
}

/* Half of the window is given back at a time. */
static int count_row(struct client *c, struct queue_rows *rows)
{
	struct wire_queue_more more = { .ask = 1, .rows = WIRE_ROWS / 2 };

	if (++rows->heard < WIRE_ROWS / 2)
		return EX_OK;
	rows->heard = 0;
	return client_tell(c, WIRE_queue_more, &more);
}

static int take_row(struct client *c, struct queue_rows *rows, enum wire_verb verb, const union wire_msg *msg)
{
	if (verb == WIRE_queue_message && rows->on_message)
		rows->on_message(rows->arg, &msg->queue_message);
	else if (verb == WIRE_queue_recipient && rows->on_recipient)
		rows->on_recipient(rows->arg, &msg->queue_recipient);
	else if (verb == WIRE_queue_part && rows->on_part)
		rows->on_part(rows->arg, msg->queue_part.bytes);
	return count_row(c, rows);
}

int queue_ask(struct client *c, enum wire_queue action, struct span filter, struct queue_rows *rows)
{
	struct wire_queue_ask ask = { .ask = 1, .action = (uint8_t)action, .filter = filter };
	int status = client_tell(c, WIRE_queue_ask, &ask);
	enum wire_verb verb = WIRE_NONE;
	union wire_msg msg;

	while (status == EX_OK) {
		status = client_hear(c, &verb, &msg);
		if (status != EX_OK)
			return status;
		if (verb == WIRE_queue_done)
			break;
		status = take_row(c, rows, verb, &msg);
	}
	if (status != EX_OK)
		return status;
	if (rows->on_message)
		rows->on_message(rows->arg, NULL);
	rows->count = msg.queue_done.count;
	rows->has_words = msg.queue_done.words.len > 0;
	if (rows->has_words)
		say("%.*s", SPAN_ARG(msg.queue_done.words));
	return msg.queue_done.exit;
}
