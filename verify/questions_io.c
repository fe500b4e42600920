#include "verify/questions_io.h"

#include <unistd.h>

#include "base/mem.h"
#include "wire/verbs.h"

#define PATIENCE_MS 250	/* with a question, where others need its place */

struct question {
	struct list list;	/* of all, when it is asked */
	struct list of_inquiry;	/* unasked or asked */
	struct inquiry *inquiry;
	struct facts_question asks;
	uint32_t ask;		/* 0: unasked */
	int64_t asked_at;
};

/* ---- one question ------------------------------------------------------------------- */

static void question_free(struct questions *all, struct question *q)
{
	if (q->ask)
		(void)pending_close(&all->at_dns, q->ask);
	list_remove(&q->list);
	list_remove(&q->of_inquiry);
	mem_free(q);
}

static void take_back(struct questions *all, const struct question *q)
{
	if (all->dns)
		channel_put(all->dns, WIRE_resolve_cancel, &(struct wire_resolve_cancel){ .ask = q->ask });
}

/* A question that is asked stands in line again. */
static void ask_later(struct questions *all, struct question *q)
{
	facts_broke_off(q->inquiry->facts, q->asks.number);
	(void)pending_close(&all->at_dns, q->ask);
	q->ask = 0;
	list_remove(&q->list);
	list_remove(&q->of_inquiry);
	list_add_last(&q->inquiry->unasked, &q->of_inquiry);
	turns_again(&all->turns, &q->inquiry->turn);
}

static void ask_now(struct questions *all, struct question *q)
{
	q->ask = pending_open(&all->at_dns, q);
	q->asked_at = loop_now(all->loop).mono_ms;
	list_add_last(&all->asked, &q->list);
	list_add_last(&q->inquiry->asked, &q->of_inquiry);
	channel_put(all->dns, WIRE_resolve_ask, &(struct wire_resolve_ask){ .ask = q->ask, .type = (uint16_t)q->asks.type, .name = q->asks.name });
}

/* ---- in turn ------------------------------------------------------------------------ */

/* False: none has waited long enough yet. */
static bool make_room(struct questions *all)
{
	struct question *oldest = LIST_OWNER(all->asked.next, struct question, list);
	int64_t at = oldest->asked_at + PATIENCE_MS;

	if (at > loop_now(all->loop).mono_ms) {
		deadline_set(all->loop, &all->room_due, at);
		return false;
	}
	take_back(all, oldest);
	ask_later(all, oldest);
	return true;
}

static void ask_those_in_turn(struct questions *all)
{
	struct turn *turn;

	while ((turn = turns_next(&all->turns))) {
		struct inquiry *i = LIST_OWNER(turn, struct inquiry, turn);

		ask_now(all, LIST_OWNER(list_take_first(&i->unasked), struct question, of_inquiry));
	}
}

static void ask_dns(struct questions *all)
{
	if (!all->dns)
		return;
	do
		ask_those_in_turn(all);
	while (turns_are_short(&all->turns) && make_room(all));
}

static void on_room_due(struct deadline *d)
{
	ask_dns(LIST_OWNER(d, struct questions, room_due));
}

/* ---- of one check ------------------------------------------------------------------- */

void inquiry_init(struct inquiry *i, struct questions *q, void (*on_answer)(struct inquiry *i))
{
	*i = (struct inquiry){ .questions = q, .on_answer = on_answer };
	list_init(&i->unasked);
	list_init(&i->asked);
	turn_init(&i->turn);
}

void inquiry_ask(struct inquiry *i, struct facts *facts)
{
	struct facts_question asks;

	i->facts = facts;
	while (facts_next(facts, &asks)) {
		struct question *q = mem_new(sizeof(*q));

		q->inquiry = i;
		q->asks = asks;
		list_init(&q->list);
		list_add_last(&i->unasked, &q->of_inquiry);
		turns_add(&i->questions->turns, &i->turn);
	}
	ask_dns(i->questions);
}

void inquiry_end(struct inquiry *i)
{
	struct questions *all = i->questions;

	turns_leave(&all->turns, &i->turn);
	LIST_EACH_SAFE(node, &i->unasked)
		question_free(all, LIST_OWNER(node, struct question, of_inquiry));
	LIST_EACH_SAFE(node, &i->asked) {
		struct question *q = LIST_OWNER(node, struct question, of_inquiry);

		take_back(all, q);
		question_free(all, q);
	}
	ask_dns(all);
}

/* ---- what dns says ------------------------------------------------------------------ */

static void on_record(const struct questions *all, const struct wire_resolve_record *m)
{
	const struct question *q = pending_find(&all->at_dns, m->ask);

	if (q && m->type == (uint16_t)q->asks.type)
		facts_record(q->inquiry->facts, q->asks.number, m->data);
}

static void on_done(struct questions *all, const struct wire_resolve_done *m)
{
	struct question *q = pending_find(&all->at_dns, m->ask);
	struct inquiry *i;

	if (!q)
		return;
	i = q->inquiry;
	facts_answer(i->facts, q->asks.number, (enum wire_resolve)m->result, m->secure);
	question_free(all, q);
	turns_answered(&all->turns, &i->turn);
	i->on_answer(i);
	ask_dns(all);
}

static void on_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct questions *all = owner;

	(void)ch;
	if (fd >= 0)
		(void)close(fd);
	if (verb == WIRE_resolve_record)
		on_record(all, &msg->resolve_record);
	else if (verb == WIRE_resolve_done)
		on_done(all, &msg->resolve_done);
}

/* ---- the channel -------------------------------------------------------------------- */

/* The next dns is asked again. */
static void forget_dns(struct questions *all)
{
	all->dns = NULL;
	while (!list_is_empty(&all->asked))
		ask_later(all, LIST_OWNER(all->asked.next, struct question, list));
}

static void on_gone(void *owner, struct channel *ch)
{
	struct questions *all = owner;

	if (all->dns == ch)
		forget_dns(all);
}

void questions_open_take(struct questions *q, uint16_t instance, int fd)
{
	static const struct channel_handlers handlers = { .on_verb = on_verb, .on_gone = on_gone };

	if (q->dns) {
		channel_close(&q->dns);
		forget_dns(q);
	}
	q->dns = channel_open_take(q->loop, fd, ROLE_VERIFY, ROLE_DNS, instance, &handlers, q);
	ask_dns(q);
}

void questions_init(struct questions *q, struct loop *loop)
{
	*q = (struct questions){ .loop = loop };
	pending_init(&q->at_dns, TURNS_PLACES);
	list_init(&q->asked);
	turns_init(&q->turns);
	deadline_init(&q->room_due, on_room_due);
}

void questions_fini(struct questions *q)
{
	if (q->dns)
		channel_close(&q->dns);
	deadline_clear(q->loop, &q->room_due);
	pending_fini(&q->at_dns);
}
