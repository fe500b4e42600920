#include "master/deaths.h"

#include <stddef.h>

static struct death *find(struct deaths *d, const struct msg_id *id)
{
	for (unsigned i = 0; i < d->n; i++)
		if (id_eq(&d->at[i].id, id))
			return &d->at[i];
	return NULL;
}

static struct death *add(struct deaths *d, const struct msg_id *id)
{
	struct death *death = &d->at[d->next];

	d->next = (d->next + 1) % DEATHS_MAX;
	if (d->n < DEATHS_MAX)
		d->n++;
	*death = (struct death){ .id = *id };
	return death;
}

bool deaths_note(struct deaths *d, const struct msg_id *id, enum wire_role role)
{
	struct death *death = find(d, id);

	if (!death)
		death = add(d, id);
	death->role = role;
	death->times++;
	/* A spool that dies over it again did not get to write that down. */
	if (role == ROLE_SPOOL)
		death->is_told = false;
	return death->times == 2;
}

const struct death *deaths_take_untold(struct deaths *d)
{
	for (unsigned i = 0; i < d->n; i++) {
		if (d->at[i].times < 2 || d->at[i].is_told)
			continue;
		d->at[i].is_told = true;
		return &d->at[i];
	}
	return NULL;
}
