#include "auth/relay_logins.h"

#include "base/mem.h"
#include "base/text.h"

void relay_logins_init(struct relay_logins *l)
{
	list_init(&l->all);
	list_init(&l->coming);
}

static void wipe(char *text)
{
	mem_wipe(text, strlen(text));
	mem_free(text);
}

static void drop(struct list *logins)
{
	LIST_EACH_SAFE(node, logins) {
		struct relay_login *one = LIST_OWNER(node, struct relay_login, list);

		list_remove(node);
		mem_free(one->file);
		wipe(one->user);
		wipe(one->password);
		mem_free(one);
	}
}

void relay_logins_fini(struct relay_logins *l)
{
	drop(&l->all);
	drop(&l->coming);
}

static struct span first_line(struct span text)
{
	while (text.len > 0) {
		struct span line = span_cut(&text, '\n');

		if (line.len > 0 && line.at[line.len - 1] == '\r')
			line.len--;
		if (line.len > 0 && line.at[0] != '#')
			return line;
	}
	return SPAN_NONE;
}

void relay_logins_add(struct relay_logins *l, struct span file, struct span text, struct buf *problems)
{
	struct span rest = first_line(text), user = span_cut(&rest, ':');
	struct relay_login *one;

	if (user.len == 0 || rest.len == 0 || span_find(text, '\0') < text.len) {
		text_add_escaped(problems, file);
		buf_add_text(problems, ": its first line should be user:password\n");
		return;
	}
	one = mem_new(sizeof(*one));
	one->file = mem_text(file);
	one->user = mem_text(user);
	one->password = mem_text(rest);
	list_add_last(&l->coming, &one->list);
}

void relay_logins_take(struct relay_logins *l)
{
	drop(&l->all);
	for (struct list *node = list_take_first(&l->coming); node; node = list_take_first(&l->coming))
		list_add_last(&l->all, node);
}

const struct relay_login *relay_logins_find(const struct relay_logins *l, struct span file)
{
	LIST_EACH(node, &l->all) {
		const struct relay_login *one = LIST_OWNER(node, struct relay_login, list);

		if (span_eq(span_of_text(one->file), file))
			return one;
	}
	return NULL;
}
