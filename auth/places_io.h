/* The `logins` sections of the configuration: servers of others that know logins, by their names. */
#ifndef AUTH_PLACES_IO_H
#define AUTH_PLACES_IO_H

#include "auth/source_io.h"
#include "base/list.h"
#include "base/span.h"
#include "wire/settings.h"

struct places {
	struct loop *loop;
	struct list all;	/* struct place */
};

void places_init(struct places *p, struct loop *loop);
void places_fini(struct places *p);
/* One whose path stays goes on with its connection; what is asked of the others is answered that it can't be told. */
void places_set(struct places *p, const struct settings *s);
struct source *places_find(const struct places *p, struct span name);	/* NULL: there is none */

#endif
