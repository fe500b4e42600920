#include "loop/packet.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "loop/channel.h"

#define RECV_FIRST   8u			/* enough for a quiet process */
#define TRIM_EVERY   SECONDS(1)		/* how long memory is kept that nobody needs */

static struct packet *packet_new(struct packet_pool *pool)
{
	struct packet *p = mem_new(sizeof *p);

	p->at = mmap(NULL, WIRE_PACKET_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	BUG_ON(p->at == MAP_FAILED);
	/* Neighbours grow together into ranges that a huge page would fill for the sake of one packet. */
	(void)madvise(p->at, WIRE_PACKET_MAX, MADV_NOHUGEPAGE);
	p->pool = pool;
	return p;
}

static void packet_free(struct packet *p)
{
	munmap(p->at, WIRE_PACKET_MAX);
	mem_free(p);
}

struct packet *packet_take(struct packet_pool *pool)
{
	struct list *node = list_take_first(&pool->free);
	struct packet *p = node ? LIST_OWNER(node, struct packet, list) : packet_new(pool);

	if (node && --pool->n_free < pool->low_free)
		pool->low_free = pool->n_free;
	pool->is_used = true;
	list_init(&p->list);
	p->len = p->borrowed_len = 0;
	p->n_borrowed = 0;
	p->is_secret = false;
	p->fd = -1;
	p->refs = 1;
	return p;
}

static void trim_later(struct packet_pool *pool)
{
	if (!heap_has(&pool->trim.node))
		deadline_set(pool->loop, &pool->trim, loop_now(pool->loop).mono_ms + TRIM_EVERY);
}

static void borrows_end(struct packet *p)
{
	unsigned n = p->n_borrowed;

	p->n_borrowed = 0;
	for (unsigned i = 0; i < n; i++)
		if (p->borrowed[i].done)
			p->borrowed[i].done(p->borrowed[i].arg);
}

void packet_forget(struct packet *p)
{
	if (p->is_secret)
		mem_wipe(p->at, p->len);
	p->is_secret = false;
}

void packet_unref(struct packet *p)
{
	struct packet_pool *pool = p->pool;

	if (--p->refs > 0)
		return;
	borrows_end(p);
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	packet_forget(p);
	list_add_first(&pool->free, &p->list);	/* the warmest is used next */
	pool->n_free++;
	trim_later(pool);
}

void packet_release(struct packet **p)
{
	if (*p)
		packet_unref(*p);
	*p = NULL;
}

static void free_some(struct packet_pool *pool, size_t n)
{
	while (n-- > 0) {
		packet_free(LIST_OWNER(list_take_first(&pool->free), struct packet, list));
		pool->n_free--;
	}
}

static void free_recv(struct packet_pool *pool)
{
	while (pool->n_recv > 0)
		packet_free(pool->recv[--pool->n_recv]);
}

/* In use, what lay idle for the whole time goes; out of use, all. */
static void on_trim(struct deadline *d)
{
	struct packet_pool *pool = LIST_OWNER(d, struct packet_pool, trim);

	if (pool->is_used) {
		free_some(pool, pool->low_free);
		pool->is_used = false;
		pool->low_free = pool->n_free;
		trim_later(pool);
		return;
	}
	free_some(pool, pool->n_free);
	free_recv(pool);
	pool->low_free = 0;
}

unsigned packet_recv_prepare(struct packet_pool *pool, bool all_were_used)
{
	unsigned want = pool->n_recv < RECV_FIRST ? RECV_FIRST : pool->n_recv;

	if (all_were_used)
		want = want * 2 < RECV_MAX ? want * 2 : RECV_MAX;
	while (pool->n_recv < want)
		pool->recv[pool->n_recv++] = packet_take(pool);
	pool->is_used = true;
	trim_later(pool);
	return pool->n_recv;
}

void packet_pool_init(struct packet_pool *pool, struct loop *loop)
{
	*pool = (struct packet_pool){ .loop = loop };
	list_init(&pool->free);
	deadline_init(&pool->trim, on_trim);
}

void packet_pool_fini(struct packet_pool *pool)
{
	deadline_clear(pool->loop, &pool->trim);
	free_some(pool, pool->n_free);
	free_recv(pool);
}
