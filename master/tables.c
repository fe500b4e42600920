#include "master/tables.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "mail/aliases.h"
#include "mail/table.h"
#include "master/file.h"
#include "wire/login_file.h"

#define LOGIN_FILE_MAX 65536
#define READ_SIZE      65536

struct given {
	enum table_kind kind;
	const char *name;
	const char *path;	/* as it is written */
	const char *full;	/* as it is opened */
	int fd;			/* -1 with error */
	int error;
};

typedef void on_table(void *arg, const struct given *t);

/* ---- what an aliases file includes -------------------------------------------- */

struct include {
	struct map_node node;
	struct include *next;
	char *path;
};

struct includes {
	const char *domain, *folder;
	struct map seen;
	struct include *first, **last;	/* to be opened */
	on_table *fn;
	void *arg;
};

static void on_target(void *owner, unsigned line, enum alias_kind kind, struct span target)
{
	struct includes *all = owner;
	struct include *one;

	(void)line;
	if (kind != ALIAS_INCLUDE || target.len >= PATH_MAX / 2 || memchr(target.at, 0, target.len) ||
	    all->seen.n >= TABLES_INCLUDES_MAX || map_find(&all->seen, target))
		return;
	one = mem_new(sizeof(*one));
	one->path = mem_text(target);
	map_put(&all->seen, &one->node, span_of_text(one->path));
	*all->last = one;
	all->last = &one->next;
}

static void search(struct includes *all, int fd, bool is_list)
{
	static const struct aliases_handlers handlers = { .on_target = on_target };
	struct buf text;

	buf_init(&text, TABLES_FILE_MAX);
	if (file_read_fd(fd, &text) == PR_OK) {
		if (is_list)
			aliases_parse_list(buf_span(&text), &handlers, all);
		else
			aliases_parse(buf_span(&text), &handlers, all);
	}
	buf_fini(&text);
}

static void give_include(struct includes *all, const struct include *one)
{
	struct given t = { .kind = TABLE_INCLUDE, .name = all->domain, .path = one->path };
	char full[PATH_MAX];

	snprintf(full, sizeof(full), one->path[0] == '/' ? "%s%s" : "%s/%s", one->path[0] == '/' ? "" : all->folder, one->path);
	t.full = full;
	t.fd = file_open_beneath(all->folder, one->path);
	t.error = errno;
	all->fn(all->arg, &t);
	if (t.fd < 0)
		return;
	search(all, t.fd, true);
	close(t.fd);
}

static void includes_fini(struct includes *all)
{
	while (all->first) {
		struct include *one = all->first;

		all->first = one->next;
		map_remove(&all->seen, &one->node);
		mem_free(one->path);
		mem_free(one);
	}
	map_fini(&all->seen);
}

/* A list may include others; each is given once. */
static void give_includes(int fd, const char *domain, const char *file, on_table *fn, void *arg)
{
	struct includes all = { .domain = domain, .fn = fn, .arg = arg };
	struct span path = span_of_text(file);
	char *folder;

	while (path.len > 1 && path.at[path.len - 1] != '/')
		path.len--;
	while (path.len > 1 && path.at[path.len - 1] == '/')
		path.len--;
	all.folder = folder = mem_text(path);
	all.last = &all.first;
	map_init(&all.seen);
	search(&all, fd, false);
	for (struct include *one = all.first; one; one = one->next)
		give_include(&all, one);
	includes_fini(&all);
	mem_free(folder);
}

/* ---- all of them ----------------------------------------------------------------- */

static void give(enum table_kind kind, const char *name, const char *path, on_table *fn, void *arg)
{
	struct given t = { .kind = kind, .name = name, .path = path, .full = path };

	t.fd = file_open(path);
	t.error = errno;
	fn(arg, &t);
	if (t.fd < 0)
		return;
	if (kind == TABLE_ALIASES)
		give_includes(t.fd, name, path, fn, arg);
	close(t.fd);
}

/* Many domains may leave by one smarthost. */
static bool has_earlier_login(const struct settings *s, unsigned route)
{
	for (unsigned i = 0; i < route; i++)
		if (s->route[i].login_file && strcmp(s->route[i].login_file, s->route[route].login_file) == 0)
			return true;
	return false;
}

static void each_login(const struct settings *s, on_table *fn, void *arg)
{
	for (unsigned i = 0; i < s->n_route; i++)
		if (s->route[i].login_file && !has_earlier_login(s, i))
			give(TABLE_RELAY_LOGIN, "", s->route[i].login_file, fn, arg);
}

static void each(const struct settings *s, on_table *fn, void *arg)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/users", s->top.state);
	give(TABLE_USERS, "", path, fn, arg);
	snprintf(path, sizeof(path), "%s/tokens", s->top.state);
	give(TABLE_TOKENS, "", path, fn, arg);
	snprintf(path, sizeof(path), "%s/aliases", s->top.state);
	give(TABLE_ALIAS_STATE, "", path, fn, arg);
	for (unsigned i = 0; i < s->n_domain; i++)
		if (s->domain[i].aliases)
			give(TABLE_ALIASES, s->domain[i].title, s->domain[i].aliases, fn, arg);
	for (unsigned i = 0; i < s->n_users; i++)
		if (s->users[i].file)
			give(TABLE_USERS_FILE, s->users[i].title, s->users[i].file, fn, arg);
	each_login(s, fn, arg);
}

/* ---- auth is told ------------------------------------------------------------------ */

struct telling {
	struct channel *ch;
	struct buf *problems;
};

/* What the command line writes into the state folder is not there before its first use. */
static bool may_be_missing(const struct given *t)
{
	return t->error == ENOENT && (t->kind == TABLE_USERS || t->kind == TABLE_TOKENS || t->kind == TABLE_ALIAS_STATE);
}

/* With a descriptor that can't be read: what auth knew of that file stays, for there is one. */
static void tell_unreadable(struct channel *ch, const struct wire_table *told)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	channel_put_fd(ch, WIRE_table, told, fd);
	close(fd);
}

/* A password that is written out as it is. */
static bool is_exposed(const struct given *t)
{
	struct stat st;

	return t->kind == TABLE_RELAY_LOGIN && fstat(t->fd, &st) == 0 && st.st_mode & S_IRWXO;
}

static void tell_exposed(const struct given *t, struct buf *problems)
{
	if (is_exposed(t))
		buf_printf(problems, "%s: everybody may read it; mend it with: chmod 600 %s\n", t->full, t->full);
}

static void tell_missing(const struct given *t, struct buf *problems)
{
	buf_printf(problems, "%s: %s\n", t->full, t->error == EXDEV ? "lies outside of the folder of the file that includes it" : strerror(t->error));
}

static void tell(void *arg, const struct given *t)
{
	struct telling *telling = arg;
	struct wire_table told = { .kind = (uint8_t)t->kind, .name = span_of_text(t->name), .path = span_of_text(t->path) };

	if (t->fd >= 0) {
		channel_put_fd(telling->ch, WIRE_table, &told, t->fd);
		tell_exposed(t, telling->problems);
	} else if (!may_be_missing(t)) {
		tell_unreadable(telling->ch, &told);
		tell_missing(t, telling->problems);
	}
}

void tables_tell(const struct settings *s, uint32_t serial, struct channel *ch, struct buf *problems)
{
	struct telling telling = { .ch = ch, .problems = problems };

	each(s, tell, &telling);
	channel_put(ch, WIRE_tables_done, &(struct wire_tables_done){ .serial = serial });
}

/* ---- the command line looks ---------------------------------------------------------- */

static void check_login(const struct given *t, struct buf *problems)
{
	struct login_line line;
	struct buf text;

	buf_init(&text, LOGIN_FILE_MAX);
	if (file_read_fd(t->fd, &text) != PR_OK)
		buf_printf(problems, "%s: %s\n", t->full, strerror(errno));
	else if (login_file_read(buf_span(&text), &line) != PR_OK)
		buf_printf(problems, "%s: its first line should be user:password\n", t->full);
	else if (line.has_more)
		buf_printf(problems, "%s: only its first line counts, the one of %.*s\n", t->full, SPAN_ARG(line.user));
	tell_exposed(t, problems);
	mem_wipe(text.at, text.len);
	buf_fini(&text);
}

/* As auth reads it. */
static void check_lines(const struct given *t, struct buf *problems)
{
	struct table *table = table_new(t->kind, span_of_text(t->name), span_of_text(t->full), problems);
	char bytes[READ_SIZE];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(t->fd, bytes, sizeof(bytes), at)) > 0) {
		table_feed(table, span_of(bytes, (size_t)n));
		at += n;
	}
	if (n < 0)
		table_break(table, strerror(errno));
	mem_wipe(bytes, sizeof(bytes));
	table_finish(table);
	table_free(&table);
}

static void check(void *arg, const struct given *t)
{
	if (t->fd < 0 && !may_be_missing(t))
		tell_missing(t, arg);
	else if (t->fd >= 0 && t->kind == TABLE_RELAY_LOGIN)
		check_login(t, arg);
	else if (t->fd >= 0)
		check_lines(t, arg);
}

void tables_check(const struct settings *s, struct buf *problems)
{
	each(s, check, problems);
}

/* ---- they are watched ------------------------------------------------------------------ */

struct file_walk {
	void (*fn)(void *arg, const char *path);
	void *arg;
};

static void give_file(void *arg, const struct given *t)
{
	struct file_walk *walk = arg;

	walk->fn(walk->arg, t->full);
}

void tables_files(const struct settings *s, void (*fn)(void *arg, const char *path), void *arg)
{
	struct file_walk walk = { .fn = fn, .arg = arg };

	each(s, give_file, &walk);
}
