#include "dns/answer.h"

#include <string.h>

#include "base/mem.h"

void finding_init(struct finding *f)
{
	*f = (struct finding){ .result = RESOLVE_TEMPORARY };
	buf_init(&f->rows, FINDING_ROWS_MAX);
}

void finding_fini(struct finding *f)
{
	buf_fini(&f->rows);
}

void finding_clear(struct finding *f)
{
	struct buf rows = f->rows;

	*f = (struct finding){ .result = RESOLVE_TEMPORARY };
	buf_clear(&rows);
	f->rows = rows;
}

void finding_add(struct finding *f, struct span data)
{
	uint16_t len = (uint16_t)data.len;

	if (data.len > UINT16_MAX || f->rows.ceiling - f->rows.len < sizeof(len) + data.len)
		return;
	(void)buf_add(&f->rows, span_of((const char *)&len, sizeof(len)));
	(void)buf_add(&f->rows, data);
	f->n++;
}

static struct span put(struct answer *a, size_t *at, struct span s)
{
	struct span here = span_of(a->bytes + *at, s.len);

	memcpy(a->bytes + *at, s.at, s.len);
	*at += s.len;
	return here;
}

struct answer *answer_new(const struct finding *f, int64_t now)
{
	struct span why = span_of_text(f->why), name = name_span(&f->name), rows = buf_span(&f->rows);
	size_t at = 0, size = sizeof(struct answer) + why.len + name.len + rows.len;
	struct answer *a = mem_new(size);

	a->refs = 1;
	a->result = f->result;
	a->ad = f->ad;
	a->secure = f->secure;
	a->ttl = f->ttl;
	a->expires_at = now + (int64_t)f->ttl * 1000;
	a->n = f->n;
	a->size = size;
	a->name = put(a, &at, name);
	a->why = put(a, &at, why);
	a->rows = put(a, &at, rows);
	return a;
}

struct answer *answer_ref(struct answer *a)
{
	a->refs++;
	return a;
}

void answer_unref(struct answer **ap)
{
	struct answer *a = *ap;

	*ap = NULL;
	if (a && --a->refs == 0)
		mem_free(a);
}

uint32_t answer_ttl(const struct answer *a, int64_t now)
{
	return now >= a->expires_at ? 0 : (uint32_t)((a->expires_at - now + 999) / 1000);
}

bool answer_next(struct span *rest, struct span *data)
{
	uint16_t len;

	if (rest->len < sizeof(len))
		return false;
	memcpy(&len, rest->at, sizeof(len));
	*data = span_of(rest->at + sizeof(len), len);
	*rest = span_from(*rest, sizeof(len) + len);
	return true;
}
