#include "spool/queue.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/random.h"

#define SLAB 512		/* messages taken from the system at once */
#define BUCKETS_FIRST 1024

struct slab {
	struct mail at[SLAB];
};

struct queue {
	struct slab **slabs;
	struct mail **buckets;
	struct mail *free_mails;
	uint64_t seed;		/* ids are our own, but smtpd's word: nobody chooses a bucket */
	size_t n_buckets;
	uint32_t n, n_slabs;
};

struct queue *queue_new(void)
{
	struct queue *q = mem_new(sizeof(*q));

	q->n_buckets = BUCKETS_FIRST;
	q->buckets = mem_new(q->n_buckets * sizeof(struct mail *));
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
	mem_free((*q)->buckets);
	mem_free(*q);
	*q = NULL;
}

static struct mail **bucket_of(const struct queue *q, const struct msg_id *id)
{
	uint64_t a, b;

	memcpy(&a, id->bytes, 8);
	memcpy(&b, id->bytes + 8, 8);
	a = (a ^ b * 0x9e3779b97f4a7c15u ^ q->seed) * 0xff51afd7ed558ccdu;
	a = (a ^ a >> 33) * q->seed;
	return &q->buckets[(a >> 20) & (q->n_buckets - 1)];
}

static void table_grow(struct queue *q)
{
	struct mail **old = q->buckets, *next;
	size_t n_old = q->n_buckets;

	q->n_buckets *= 2;
	q->buckets = mem_new(q->n_buckets * sizeof(struct mail *));
	for (size_t i = 0; i < n_old; i++) {
		for (struct mail *m = old[i]; m; m = next) {
			struct mail **bucket = bucket_of(q, &m->id);

			next = m->next;
			m->next = *bucket;
			*bucket = m;
		}
	}
	mem_free(old);
}

static void slab_add(struct queue *q)
{
	struct slab *slab = mem_new(sizeof(*slab));

	q->slabs = mem_resize(q->slabs, (q->n_slabs + 1) * sizeof(struct slab *));
	q->slabs[q->n_slabs++] = slab;
	for (unsigned i = SLAB; i-- > 0;) {
		slab->at[i].next = q->free_mails;
		q->free_mails = &slab->at[i];
	}
}

struct mail *queue_add(struct queue *q, const struct msg_id *id)
{
	struct mail *m, **bucket;

	BUG_ON(id_is_zero(id) || queue_find(q, id));
	if (!q->free_mails)
		slab_add(q);
	if (q->n >= q->n_buckets)
		table_grow(q);
	m = q->free_mails;
	q->free_mails = m->next;
	bucket = bucket_of(q, id);
	*m = (struct mail){ .id = *id, .next = *bucket };
	*bucket = m;
	q->n++;
	return m;
}

struct mail *queue_find(const struct queue *q, const struct msg_id *id)
{
	for (struct mail *m = *bucket_of(q, id); m; m = m->next)
		if (id_eq(&m->id, id))
			return m;
	return NULL;
}

void queue_remove(struct queue *q, struct mail *m)
{
	struct mail **at = bucket_of(q, &m->id);

	BUG_ON(heap_has(&m->wait) || m->legs || m->n_flying);
	if (m->n_rcpts > 1)
		mem_free(m->to.many);
	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	*m = (struct mail){ .next = q->free_mails };	/* a zero id: the walk passes it by */
	q->free_mails = m;
	q->n--;
}

uint32_t queue_count(const struct queue *q)
{
	return q->n;
}

size_t queue_memory(const struct queue *q)
{
	return q->n_slabs * sizeof(struct slab) + q->n_buckets * sizeof(struct mail *);
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
