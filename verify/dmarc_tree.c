#include "verify/dmarc_tree.h"

#define PREFIX   "_dmarc."
#define ASK_MAX  253	/* octets of a name in the DNS as text (RFC 1035 2.3.4) */

/* ---- names ---------------------------------------------------------------------------- */

static unsigned count_labels(struct span name)
{
	unsigned n = name.len > 0;

	for (size_t i = 0; i < name.len; i++)
		n += name.at[i] == '.';
	return n;
}

/* The last n labels. */
static struct span last_labels(struct span name, unsigned n)
{
	for (unsigned have = count_labels(name); have > n; have--)
		(void)span_cut(&name, '.');
	return name;
}

/* The names of a walk: of a long domain those between itself and its last seven labels are left out (4.10, step 4). */
static unsigned names_of(struct span domain, struct span out[DMARC_TREE_MAX])
{
	unsigned labels = count_labels(domain), n = 0;

	out[n++] = domain;
	for (unsigned left = labels < DMARC_TREE_MAX ? labels - 1 : DMARC_TREE_MAX - 1; left > 0; left--)
		out[n++] = last_labels(domain, left);
	return n;
}

/* Empty: longer than any name in the DNS, so that nothing stands there. */
static struct span question_of(struct span name, char room[ASK_MAX])
{
	const size_t prefix = sizeof(PREFIX) - 1;

	if (prefix + name.len > ASK_MAX)
		return SPAN_NONE;
	memcpy(room, PREFIX, prefix);
	memcpy(room + prefix, name.at, name.len);
	return span_of(room, prefix + name.len);
}

void dmarc_tree_foresee(struct facts *f, struct span domain)
{
	struct span names[DMARC_TREE_MAX];
	unsigned n = names_of(domain, names);
	char room[ASK_MAX];

	for (unsigned i = 0; i < n; i++) {
		struct span question = question_of(names[i], room);

		if (question.len > 0)
			facts_foresee(f, RECORD_TXT, question);
	}
}

/* ---- records --------------------------------------------------------------------------- */

static void read_records(const struct fact *fact, struct dmarc_node *node)
{
	for (unsigned i = 0; i < fact->n; i++) {
		if (!dmarc_record_is(fact->data[i]))
			continue;
		node->n_records++;
		node->text = fact->data[i];
	}
	if (node->n_records == 1 && dmarc_record_read(node->text, &node->record))
		node->state = DMARC_NODE_RECORD;
}

/* False: it is not known yet. */
static bool look(struct facts *f, struct dmarc_node *node)
{
	char room[ASK_MAX];
	struct span question = question_of(node->name, room);
	const struct fact *fact;

	if (question.len == 0)
		return true;
	fact = facts_find(f, RECORD_TXT, question);
	if (!fact)
		return false;
	if (fact->result == RESOLVED)
		read_records(fact, node);
	else if (fact->result == RESOLVE_TEMPORARY)
		node->state = DMARC_NODE_UNSURE;
	else if (fact->result == RESOLVE_REFUSED)
		node->state = DMARC_NODE_UNASKED;
	return true;
}

static bool ends_walk(const struct dmarc_node *node)
{
	return node->state == DMARC_NODE_RECORD && node->record.psd != DMARC_PSD_UNKNOWN;
}

/* 4.10.2: from the longest name to the shortest. */
static struct span choose_organisational(const struct dmarc_tree *t)
{
	struct span best = t->domain;

	for (unsigned i = 0; i < t->n; i++) {
		const struct dmarc_node *node = &t->node[i];

		if (node->state != DMARC_NODE_RECORD)
			continue;
		if (i > 0 && node->record.psd == DMARC_PSD_YES)
			return last_labels(t->domain, count_labels(node->name) + 1);
		best = node->name;
	}
	return best;
}

bool dmarc_tree_walk(struct facts *f, struct span domain, struct dmarc_tree *out)
{
	struct span names[DMARC_TREE_MAX];
	unsigned n = names_of(domain, names);

	*out = (struct dmarc_tree){ .domain = domain };
	while (out->n < n) {
		struct dmarc_node *node = &out->node[out->n];

		node->name = names[out->n];
		if (!look(f, node))
			return false;
		out->n++;
		out->is_unsure |= node->state == DMARC_NODE_UNSURE;
		out->is_exhausted |= node->state == DMARC_NODE_UNASKED;
		if (ends_walk(node))
			break;
	}
	out->organisational = choose_organisational(out);
	return true;
}

const struct dmarc_node *dmarc_tree_policy(const struct dmarc_tree *t)
{
	const struct dmarc_node *suffix = NULL;

	for (unsigned i = 0; i < t->n; i++) {
		const struct dmarc_node *node = &t->node[i];

		if (node->state != DMARC_NODE_RECORD)
			continue;
		if (i == 0 || span_eq(node->name, t->organisational))
			return node;
		suffix = node->record.psd == DMARC_PSD_YES ? node : NULL;
	}
	return suffix;
}
