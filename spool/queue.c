#include "spool/queue.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/random.h"

#define SLAB 512		/* messages taken from the system at once */
#define SLOTS_FIRST 2048

struct slab {
	struct mail at[SLAB];
};

/* Of an open table: who looks for a message meets its slot, and then the message, nothing else. */
struct slot {
	uint32_t tag;		/* of the id; its low bits say where the slot should be */
	uint32_t number;	/* of the message, from 1; 0: free */
};

struct queue {
	struct slab **slabs;
	struct slot *slots;
	uint64_t seed;		/* ids are our own, but smtpd's word: nobody chooses a slot */
	size_t n_slots;		/* a power of two */
	uint32_t n, n_slabs;
	uint32_t free;		/* the first free message */
};

struct queue *queue_new(void)
{
	struct queue *q = mem_new(sizeof(*q));

	q->n_slots = SLOTS_FIRST;
	q->slots = mem_new(q->n_slots * sizeof(struct slot));
	q->seed = random_u64() | 1;
	return q;
}

void queue_free(struct queue **q)
{
	uint32_t cursor = 0;
	struct mail *m;

	if (!*q)
		return;
	while ((m = queue_walk(*q, &cursor)))
		if (m->n_rcpts > 1)
			mem_free(m->to.many);
	for (uint32_t i = 0; i < (*q)->n_slabs; i++)
		mem_free((*q)->slabs[i]);
	mem_free((*q)->slabs);
	mem_free((*q)->slots);
	mem_free(*q);
	*q = NULL;
}

static struct mail *mail_of(const struct queue *q, uint32_t number)
{
	return &q->slabs[(number - 1) / SLAB]->at[(number - 1) % SLAB];
}

static uint32_t tag_of(const struct queue *q, const struct msg_id *id)
{
	uint64_t a, b;

	memcpy(&a, id->bytes, 8);
	memcpy(&b, id->bytes + 8, 8);
	a = (a ^ b * 0x9e3779b97f4a7c15u ^ q->seed) * 0xff51afd7ed558ccdu;
	a = (a ^ a >> 33) * q->seed;
	return (uint32_t)(a >> 20);
}

static size_t behind(const struct queue *q, size_t slot)
{
	return (slot + 1) & (q->n_slots - 1);
}

static size_t home_of(const struct queue *q, uint32_t tag)
{
	return tag & (q->n_slots - 1);
}

/* Its slot, or the free one where it belongs. */
static size_t slot_of(const struct queue *q, uint32_t tag, const struct msg_id *id)
{
	size_t at = home_of(q, tag);

	while (q->slots[at].number && !(q->slots[at].tag == tag && id_eq(&mail_of(q, q->slots[at].number)->id, id)))
		at = behind(q, at);
	return at;
}

static void table_grow(struct queue *q)
{
	struct slot *old = q->slots;
	size_t n_old = q->n_slots;

	q->n_slots *= 2;
	q->slots = mem_new(q->n_slots * sizeof(struct slot));
	for (size_t i = 0; i < n_old; i++) {
		size_t at = home_of(q, old[i].tag);

		if (!old[i].number)
			continue;
		while (q->slots[at].number)
			at = behind(q, at);
		q->slots[at] = old[i];
	}
	mem_free(old);
}

static void slab_add(struct queue *q)
{
	struct slab *slab = mem_new(sizeof(*slab));

	q->slabs = mem_resize(q->slabs, (q->n_slabs + 1) * sizeof(struct slab *));
	q->slabs[q->n_slabs++] = slab;
	for (uint32_t i = SLAB; i-- > 0;) {
		slab->at[i].to.next_free = q->free;
		q->free = (q->n_slabs - 1) * SLAB + i + 1;
	}
}

struct mail *queue_add(struct queue *q, const struct msg_id *id)
{
	uint32_t tag = tag_of(q, id), number;
	struct mail *m;
	size_t at;

	if (!q->free)
		slab_add(q);
	if (q->n >= q->n_slots / 4 * 3)
		table_grow(q);
	at = slot_of(q, tag, id);
	BUG_ON(id_is_zero(id) || q->slots[at].number);
	number = q->free;
	m = mail_of(q, number);
	q->free = m->to.next_free;
	*m = (struct mail){ .id = *id };
	q->slots[at] = (struct slot){ tag, number };
	q->n++;
	return m;
}

struct mail *queue_find(const struct queue *q, const struct msg_id *id)
{
	uint32_t number = q->slots[slot_of(q, tag_of(q, id), id)].number;

	return number ? mail_of(q, number) : NULL;
}

/* Those behind it that could not stand where they belong move up. */
static void slot_free(struct queue *q, size_t hole)
{
	size_t mask = q->n_slots - 1;

	for (size_t at = behind(q, hole); q->slots[at].number; at = behind(q, at)) {
		size_t home = home_of(q, q->slots[at].tag);

		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		q->slots[hole] = q->slots[at];
		hole = at;
	}
	q->slots[hole] = (struct slot){ 0, 0 };
}

void queue_remove(struct queue *q, struct mail *m)
{
	size_t at = slot_of(q, tag_of(q, &m->id), &m->id);
	uint32_t number = q->slots[at].number;

	BUG_ON(heap_has(&m->wait) || m->legs || m->n_flying || !number);
	if (m->n_rcpts > 1)
		mem_free(m->to.many);
	slot_free(q, at);
	*m = (struct mail){ .to.next_free = q->free };	/* a zero id: the walk passes it by */
	q->free = number;
	q->n--;
}

uint32_t queue_count(const struct queue *q)
{
	return q->n;
}

size_t queue_memory(const struct queue *q)
{
	return q->n_slabs * sizeof(struct slab) + q->n_slots * sizeof(struct slot);
}

struct mail *queue_walk(const struct queue *q, uint32_t *cursor)
{
	while (*cursor < q->n_slabs * SLAB) {
		struct mail *m = &q->slabs[*cursor / SLAB]->at[*cursor % SLAB];

		++*cursor;
		if (!id_is_zero(&m->id))
			return m;
	}
	return NULL;
}

struct rcpt *mail_rcpt(struct mail *m, uint32_t n)
{
	BUG_ON(n >= m->n_rcpts);
	return m->n_rcpts == 1 ? &m->to.one : &m->to.many[n];
}

void mail_add_rcpts(struct mail *m, uint32_t n)
{
	struct rcpt one = m->to.one;
	uint32_t all = m->n_rcpts + n;

	if (n == 0)
		return;
	if (all > 1) {
		m->to.many = mem_resize(m->n_rcpts > 1 ? m->to.many : NULL, all * sizeof(struct rcpt));
		if (m->n_rcpts == 1)
			m->to.many[0] = one;
		memset(m->to.many + m->n_rcpts, 0, n * sizeof(struct rcpt));
	}
	m->n_rcpts = all;
}

bool mail_is_settled(struct mail *m)
{
	if (m->marks & MARK_UNEXPANDED)
		return false;
	for (uint32_t i = 0; i < m->n_rcpts; i++) {
		const struct rcpt *r = mail_rcpt(m, i);

		if (!rcpt_is_settled(r) || r->flags & RCPT_UNTOLD)
			return false;
	}
	return true;
}
