#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "ctl/keys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ctl/folder.h"
#include "ctl/say.h"

#define ENDING     ".pem"
#define ENDING_LEN (sizeof(ENDING) - 1)

static int trouble(const struct key_folder *f, const char *what, const char *domain, int status)
{
	say("%s %s/keys%s%s: %s", what, f->places.state, domain[0] ? "/" : "", domain, strerror(errno));
	return errno == EACCES || errno == EPERM ? EX_NOPERM : status;
}

/* ---- the folder ------------------------------------------------------------------ */

int keys_open(struct key_folder *f, const struct call *call, bool to_write)
{
	int status, state;

	f->top = -1;
	status = master_places(call, &f->places);
	if (status != EX_OK)
		return status;
	status = folder_open_state(f->places.state, &state);
	if (status != EX_OK)
		return status;
	f->top = folder_open_below(state, "keys", to_write);
	if (f->top < 0 && (to_write || errno != ENOENT))
		status = trouble(f, "can't open", "", EX_CANTCREAT);
	(void)close(state);
	while (status == EX_OK && to_write && flock(f->top, LOCK_EX) != 0)
		if (errno != EINTR)
			status = trouble(f, "can't lock", "", EX_TEMPFAIL);
	return status;
}

void keys_close(struct key_folder *f)
{
	if (f->top >= 0)
		(void)close(f->top);
	f->top = -1;
}

/* ---- reading ---------------------------------------------------------------------- */

static struct key *read_key(int folder, const char *name, int64_t *made_ms)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char pem[KEY_PEM_MAX];
	struct key *key = NULL;
	struct stat st;
	const char *why;
	ssize_t n = -1;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = read(fd, pem, sizeof(pem));
	if (fd >= 0)
		(void)close(fd);
	if (n < 0)
		return NULL;
	*made_ms = (int64_t)st.st_mtim.tv_sec * 1000;
	if (key_read(span_of(pem, (size_t)n), &key, &why) != PR_OK)
		key = NULL;
	explicit_bzero(pem, sizeof(pem));
	return key;
}

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void names_free(struct dirent **names, int n)
{
	for (int i = 0; i < n; i++)
		free(names[i]);
	if (n >= 0)
		free(names);
}

static void give_key(int folder, const char *domain, const char *name, void (*fn)(void *arg, const struct key_file *file), void *arg)
{
	struct key_file file = { .domain = domain };
	size_t len = strlen(name);
	struct key *key;

	if (len <= ENDING_LEN || len - ENDING_LEN > SELECTOR_LEN_MAX || strcmp(name + len - ENDING_LEN, ENDING) != 0)
		return;
	memcpy(file.selector, name, len - ENDING_LEN);
	file.key = key = read_key(folder, name, &file.made_ms);
	fn(arg, &file);
	key_free(&key);
}

static int each_of_domain(const struct key_folder *f, const char *domain, void (*fn)(void *arg, const struct key_file *file), void *arg)
{
	int folder = folder_open_below(f->top, domain, false), n;
	struct dirent **names;

	if (folder < 0)
		return errno == ENOENT || errno == ENOTDIR ? EX_OK : trouble(f, "can't open", domain, EX_NOPERM);
	n = scandirat(folder, ".", &names, is_shown, alphasort);
	for (int i = 0; i < n; i++)
		give_key(folder, domain, names[i]->d_name, fn, arg);
	names_free(names, n);
	(void)close(folder);
	return EX_OK;
}

int keys_each(const struct key_folder *f, const char *domain, void (*fn)(void *arg, const struct key_file *file), void *arg)
{
	struct dirent **names;
	int n, status = EX_OK;

	if (f->top < 0)
		return EX_OK;
	if (domain)
		return each_of_domain(f, domain, fn, arg);
	n = scandirat(f->top, ".", &names, is_shown, alphasort);
	for (int i = 0; i < n && status == EX_OK; i++)
		status = each_of_domain(f, names[i]->d_name, fn, arg);
	names_free(names, n);
	return status;
}

/* ---- writing ------------------------------------------------------------------------ */

static void choose_selector(int folder, enum key_kind kind, char selector[SELECTOR_LEN_MAX + 1])
{
	time_t now = (time_t)(clock_now().wall_ms / 1000);
	char name[SELECTOR_LEN_MAX + 1 + ENDING_LEN], month[8], number[16] = "";
	struct tm tm;

	(void)strftime(month, sizeof(month), "%Y%m", gmtime_r(&now, &tm));
	for (unsigned n = 2;; n++) {
		(void)snprintf(selector, SELECTOR_LEN_MAX + 1, "pr%s%c%s", month, kind == KEY_RSA ? 'r' : 'e', number);
		(void)snprintf(name, sizeof(name), "%s" ENDING, selector);
		if (faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
			return;
		(void)snprintf(number, sizeof(number), "%u", n);
	}
}

static bool write_key(int folder, enum key_kind kind, const char *selector, const char **what)
{
	char name[SELECTOR_LEN_MAX + 1 + ENDING_LEN];
	struct key *key = key_make(kind);
	struct buf pem;
	bool done;

	buf_init(&pem, KEY_PEM_MAX);
	(void)buf_room(&pem, KEY_PEM_MAX);	/* no copy of it stays behind where the buffer was moved from */
	*what = "can't write";
	(void)snprintf(name, sizeof(name), "%s" ENDING, selector);
	done = key_add_pem(key, &pem) == PR_OK && folder_put(folder, name, buf_span(&pem), what);
	mem_wipe(pem.at, pem.room);
	buf_fini(&pem);
	key_free(&key);
	return done;
}

int keys_make(const struct key_folder *f, const char *domain, enum key_kind kind, char selector[SELECTOR_LEN_MAX + 1])
{
	int folder = folder_open_below(f->top, domain, true), status = EX_OK;
	const char *what;

	if (folder < 0)
		return trouble(f, "can't make", domain, EX_CANTCREAT);
	choose_selector(folder, kind, selector);
	if (!write_key(folder, kind, selector, &what))
		status = trouble(f, what, domain, EX_CANTCREAT);
	(void)close(folder);
	return status;
}

int keys_remove(const struct key_folder *f, const char *domain, const char *selector)
{
	char name[SELECTOR_LEN_MAX + 1 + ENDING_LEN];
	int folder = folder_open_below(f->top, domain, false), status = EX_OK;

	(void)snprintf(name, sizeof(name), "%.*s" ENDING, SELECTOR_LEN_MAX, selector);
	if (folder < 0 || (unlinkat(folder, name, 0) != 0 && errno != ENOENT))
		status = trouble(f, "can't remove a key from", domain, EX_IOERR);
	if (folder >= 0)
		(void)close(folder);
	return status;
}
