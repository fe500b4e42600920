#include "dns/site.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/random.h"

void site_begin(struct site *s, const struct name *domain)
{
	*s = (struct site){ .domain = *domain, .question = { .type = RECORD_MX, .name = *domain }, .secure = true, .ttl = PACKET_TTL_MAX };
}

void site_fini(struct site *s)
{
	answer_unref(&s->answer);
}

/* ---- hosts --------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct site_host *x = a, *y = b;
	size_t least = x->name.len < y->name.len ? x->name.len : y->name.len;
	int order = memcmp(x->name.at, y->name.at, least);

	if (order)
		return order;
	if (x->name.len != y->name.len)
		return x->name.len < y->name.len ? -1 : 1;
	return x->preference - y->preference;
}

static int by_preference(const void *a, const void *b)
{
	const struct site_host *x = a, *y = b;

	if (x->preference != y->preference)
		return x->preference - y->preference;
	return x->draw < y->draw ? -1 : x->draw > y->draw;
}

/* All but those that name no host; a null MX beside others counts for nothing. */
static unsigned read_hosts(const struct answer *a, struct site_host *hosts)
{
	struct span rest = a->rows, data;
	unsigned n = 0;

	while (answer_next(&rest, &data)) {
		const unsigned char *at = (const unsigned char *)data.at;
		struct span name = span_from(data, 2);

		if (name.len == 0 || span_eq(name, SPAN(".")))
			continue;
		hosts[n++] = (struct site_host){ .preference = (uint16_t)(at[0] << 8 | at[1]), .draw = random_u64(), .name = name };
	}
	return n;
}

/* One of a name: the one with the best preference. They are in order of their names. */
static unsigned drop_doubles(struct site_host *hosts, unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++)
		if (kept == 0 || !span_eq(hosts[i].name, hosts[kept - 1].name))
			hosts[kept++] = hosts[i];
	return kept;
}

static uint64_t key_of(const struct site_host *hosts, unsigned n)
{
	unsigned char digest[SHA256_LEN];
	struct buf names;
	uint64_t key;

	buf_init(&names, (size_t)n * (NAME_TEXT_MAX + 1));
	for (unsigned i = 0; i < n; i++) {
		(void)buf_add(&names, hosts[i].name);
		(void)buf_add_char(&names, '\n');
	}
	digest_sha256(buf_span(&names), digest);
	buf_fini(&names);
	memcpy(&key, digest, sizeof(key));
	return key;
}

static void take_hosts(struct site *s, struct site_host *hosts, unsigned n)
{
	qsort(hosts, n, sizeof(*hosts), by_name);
	n = drop_doubles(hosts, n);
	s->key = key_of(hosts, n);
	qsort(hosts, n, sizeof(*hosts), by_preference);
	s->n = n < SITE_HOSTS_MAX ? n : SITE_HOSTS_MAX;
	memcpy(s->hosts, hosts, s->n * sizeof(*hosts));
	s->result = SITE_FOUND;
}

/* ---- answers ----------------------------------------------------------------------- */

static bool done(struct site *s, enum wire_site result, struct span why)
{
	s->result = result;
	s->why = why;
	return true;
}

static bool take_mx(struct site *s, const struct answer *a)
{
	struct site_host *hosts = mem_new((a->n + 1) * sizeof(*hosts));
	unsigned n = read_hosts(a, hosts);

	if (n > 0)
		take_hosts(s, hosts, n);
	mem_free(hosts);
	return n > 0 || done(s, SITE_NULL_MX, SPAN("the domain takes no mail: its MX is null"));
}

/* Without MX the domain itself is the host, when it has an address. */
static bool take_itself(struct site *s)
{
	struct site_host host = { .name = name_span(&s->domain) };

	take_hosts(s, &host, 1);
	return true;
}

static bool ask_next(struct site *s, uint16_t type)
{
	s->question.type = type;
	return false;
}

static bool take_none(struct site *s)
{
	switch ((enum wire_record)s->question.type) {
	case RECORD_MX: return ask_next(s, RECORD_A);
	case RECORD_A: return ask_next(s, RECORD_AAAA);
	default: return done(s, SITE_NO_HOST, SPAN("the domain has neither MX nor address"));
	}
}

bool site_feed(struct site *s, struct answer *a, int64_t now)
{
	uint32_t ttl = answer_ttl(a, now);

	answer_unref(&s->answer);
	s->answer = answer_ref(a);
	s->secure = s->secure && a->secure;
	s->ttl = ttl < s->ttl ? ttl : s->ttl;
	switch (a->result) {
	case RESOLVED:
		return s->question.type == RECORD_MX ? take_mx(s, a) : take_itself(s);
	case RESOLVE_NO_DATA:
		return take_none(s);
	case RESOLVE_NO_NAME:
		return done(s, SITE_NO_NAME, SPAN("there is no such domain"));
	default:
		return done(s, SITE_TEMPORARY, a->why);
	}
}
