/* Threads: each does one kind of work, in order. */
#include "spool/disk_private_io.h"

static void task_finish(struct disk *d, struct task *t)
{
	bool first;

	pthread_mutex_lock(&d->done_lock);
	first = d->done == NULL;
	t->next = NULL;
	*d->done_last = t;
	d->done_last = &t->next;
	pthread_mutex_unlock(&d->done_lock);
	if (first)
		uv_async_send(&d->wake);
}

static void *lane_run(void *arg)
{
	struct lane *l = arg;

	pthread_mutex_lock(&l->lock);
	for (;;) {
		struct task *t = l->first;

		if (!t && l->ends)
			break;
		if (!t) {
			pthread_cond_wait(&l->wake, &l->lock);
			continue;
		}
		l->first = t->next;
		if (!l->first)
			l->last = &l->first;
		pthread_mutex_unlock(&l->lock);
		t->run(t);
		task_finish(l->disk, t);
		pthread_mutex_lock(&l->lock);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

void lane_begin(struct lane *l, struct disk *d)
{
	l->disk = d;
	l->last = &l->first;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->wake, NULL);
	l->runs = pthread_create(&l->thread, NULL, lane_run, l) == 0;
	BUG_ON(!l->runs);
}

void lane_end(struct lane *l)
{
	if (!l->runs)
		return;
	pthread_mutex_lock(&l->lock);
	l->ends = true;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->wake);
}

void lane_put(struct lane *l, struct task *t)
{
	l->disk->under_way++;
	t->disk = l->disk;
	t->next = NULL;
	pthread_mutex_lock(&l->lock);
	*l->last = t;
	l->last = &t->next;
	pthread_mutex_unlock(&l->lock);
	pthread_cond_signal(&l->wake);	/* who wakes up finds the lock free */
}

void lanes_finish(struct disk *d)
{
	struct task *t;

	pthread_mutex_lock(&d->done_lock);
	t = d->done;
	d->done = NULL;
	d->done_last = &d->done;
	pthread_mutex_unlock(&d->done_lock);
	while (t) {
		struct task *next = t->next;

		d->under_way--;
		t->done(t);
		t = next;
	}
}
