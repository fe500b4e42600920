#include "smtpd/signers.h"

#include "base/mem.h"

struct signer {
	struct map_node node;
	bool has_key, was_told, is_missed;	/* missed: who has the keys was asked in vain */
};

static struct signer *find(const struct signers *s, struct span domain)
{
	struct map_node *node = map_find(&s->map, domain);

	return node ? MAP_OWNER(node, struct signer, node) : NULL;
}

void signers_init(struct signers *s, const struct settings *settings)
{
	*s = (struct signers){ .at = mem_new((settings->n_domain + 1) * sizeof(*s->at)) };
	map_init(&s->map);
	for (unsigned i = 0; i < settings->n_domain; i++) {
		struct span title = span_of_text(settings->domain[i].title);

		if (settings->domain[i].dkim == DOMAIN_DKIM_AUTO && !find(s, title))
			map_put(&s->map, &s->at[s->n++].node, title);
	}
}

void signers_fini(struct signers *s)
{
	map_fini(&s->map);
	mem_free(s->at);
	*s = (struct signers){ 0 };
}

void signers_told(struct signers *s, struct span domain)
{
	struct signer *one = find(s, domain);

	if (one)
		one->was_told = true;
}

void signers_all_told(struct signers *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		s->at[i].has_key = s->at[i].was_told;
		s->at[i].was_told = s->at[i].is_missed = false;
	}
	s->known = true;
}

bool signers_sign(struct signers *s, struct span domain)
{
	struct signer *one = find(s, domain);
	bool signs = one && (!s->known || one->has_key || !one->is_missed);

	if (one)
		one->is_missed = s->known;
	return signs;
}
