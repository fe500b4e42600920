#include "auth/relay_logins.h"

#include "base/mem.h"
#include "base/text.h"
#include "wire/login_file.h"

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

void relay_logins_add(struct relay_logins *l, struct span file, struct span text, struct buf *problems)
{
	struct relay_login *one;
	struct login_line line;

	if (login_file_read(text, &line) != PR_OK) {
		text_add_escaped(problems, file);
		buf_add_text(problems, ": its first line should be user:password\n");
		return;
	}
	one = mem_new(sizeof(*one));
	one->file = mem_text(file);
	one->user = mem_text(line.user);
	one->password = mem_text(line.password);
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
