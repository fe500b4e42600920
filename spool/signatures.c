#include "spool/signatures.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"

struct signatures {
	struct map by_id;
};

struct signature {
	struct map_node node;
	struct msg_id id;
	size_t len;
	char fields[];
};

static struct signature *find(const struct signatures *s, const struct msg_id *id)
{
	struct map_node *node = map_find(&s->by_id, span_of((const char *)id->bytes, sizeof(id->bytes)));

	return node ? MAP_OWNER(node, struct signature, node) : NULL;
}

struct signatures *signatures_new(void)
{
	struct signatures *s = mem_new(sizeof(*s));

	map_init(&s->by_id);
	return s;
}

void signatures_keep(struct signatures *s, const struct msg_id *id, struct span fields)
{
	struct signature *one = mem_new(sizeof(*one) + fields.len);

	signatures_drop(s, id);
	one->id = *id;
	one->len = fields.len;
	memcpy(one->fields, fields.at, fields.len);
	map_put(&s->by_id, &one->node, span_of((const char *)one->id.bytes, sizeof(one->id.bytes)));
}

struct span signatures_find(const struct signatures *s, const struct msg_id *id)
{
	const struct signature *one = find(s, id);

	return one ? span_of(one->fields, one->len) : SPAN_NONE;
}

void signatures_drop(struct signatures *s, const struct msg_id *id)
{
	struct signature *one = find(s, id);

	if (!one)
		return;
	map_remove(&s->by_id, &one->node);
	mem_free(one);
}
