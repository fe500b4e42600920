#include "master/keys.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "master/file.h"

#define ENDING     ".pem"
#define ENDING_LEN (sizeof(ENDING) - 1)

/* ---- which files ------------------------------------------------------------- */

typedef void each_file(void *arg, const char *domain, struct span selector, const char *path);

/* SELECTOR.pem, where the selector can stand in DNS (RFC 6376 3.1); what is being written has other names. */
static bool is_selector(struct span name)
{
	if (name.len == 0 || name.at[0] == '.')
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!text_is_alpha(name.at[i]) && !text_is_digit(name.at[i]) && !strchr("-_.", name.at[i]))
			return false;
	return true;
}

static int is_key_file(const struct dirent *entry)
{
	struct span name = span_of_text(entry->d_name);

	return name.len > ENDING_LEN && span_eq(span_from(name, name.len - ENDING_LEN), SPAN(ENDING)) &&
	    is_selector(span_first(name, name.len - ENDING_LEN));
}

static void each_in_folder(const char *folder, const char *domain, each_file *fn, void *arg)
{
	struct dirent **names;
	char path[PATH_MAX];
	int n = scandir(folder, &names, is_key_file, alphasort);

	if (n < 0 && errno != ENOENT)
		fn(arg, domain, SPAN_NONE, folder);	/* who opens it learns why it can't be read */
	for (int i = 0; i < n; i++) {
		struct span name = span_of_text(names[i]->d_name);

		if (snprintf(path, sizeof(path), "%s/%s", folder, name.at) < (int)sizeof(path))
			fn(arg, domain, span_first(name, name.len - ENDING_LEN), path);
	}
	file_names_free(names, n);
}

static void each(const struct settings *s, each_file *fn, void *arg)
{
	char folder[PATH_MAX];

	for (unsigned i = 0; i < s->n_domain; i++) {
		const struct set_domain *d = &s->domain[i];

		if (d->dkim == DOMAIN_DKIM_AUTO && snprintf(folder, sizeof(folder), "%s/keys/%s", s->top.state, d->title) < (int)sizeof(folder))
			each_in_folder(folder, d->title, fn, arg);
	}
}

struct file_walk {
	void (*fn)(void *arg, const char *path);
	void *arg;
};

static void give_file(void *arg, const char *domain, struct span selector, const char *path)
{
	struct file_walk *walk = arg;

	(void)domain, (void)selector;
	walk->fn(walk->arg, path);
}

/* The folders by their own entry, so that what comes into one that is empty is seen. */
void keys_files(const struct settings *s, void (*fn)(void *arg, const char *path), void *arg)
{
	struct file_walk walk = { .fn = fn, .arg = arg };
	char folder[PATH_MAX];

	if (snprintf(folder, sizeof(folder), "%s/keys/.", s->top.state) < (int)sizeof(folder))
		fn(arg, folder);
	for (unsigned i = 0; i < s->n_domain; i++)
		if (s->domain[i].dkim == DOMAIN_DKIM_AUTO &&
		    snprintf(folder, sizeof(folder), "%s/keys/%s/.", s->top.state, s->domain[i].title) < (int)sizeof(folder))
			fn(arg, folder);
	each(s, give_file, &walk);
}

/* ---- telling ------------------------------------------------------------------- */

struct telling {
	struct channel *ch;
	struct buf *problems, *exposed;
};

static void wipe(void *arg)
{
	struct buf *pem = arg;

	if (pem->at)
		mem_wipe(pem->at, pem->room);
	buf_fini(pem);
	mem_free(pem);
}

static enum pr_err read_key(const char *path, struct buf *pem, struct stat *st)
{
	int fd = file_open(path), error;
	enum pr_err err;

	if (fd < 0)
		return PR_IO;
	err = fstat(fd, st) == 0 ? file_read_fd(fd, pem) : PR_IO;
	error = errno;
	close(fd);
	errno = error;
	return err;
}

static void tell(void *arg, const char *domain, struct span selector, const char *path)
{
	struct wire_sign_key told = { .domain = span_of_text(domain), .selector = selector };
	struct buf *pem = mem_new(sizeof(*pem));
	struct telling *t = arg;
	struct stat st;

	buf_init(pem, KEYS_FILE_MAX);
	if (read_key(path, pem, &st) != PR_OK) {
		buf_printf(t->problems, "%s: %s\n", path, errno == EFBIG ? "too long for a key" : strerror(errno));
		wipe(pem);
		return;
	}
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		buf_printf(t->exposed, "%s: mend it with: chmod 600 %s\n", path, path);
	told.made_ms = (uint64_t)st.st_mtim.tv_sec * 1000 + (uint64_t)st.st_mtim.tv_nsec / 1000000;
	told.pem = buf_span(pem);
	channel_put_borrowed(t->ch, WIRE_sign_key, &told, told.pem, wipe, pem);
}

struct naming {
	struct channel *ch;
	const char *last;
};

static void name_domain(void *arg, const char *domain, struct span selector, const char *path)
{
	struct naming *n = arg;

	(void)selector, (void)path;
	if (domain != n->last)
		channel_put(n->ch, WIRE_signer, &(struct wire_signer){ .domain = span_of_text(domain) });
	n->last = domain;
}

void keys_tell_signers(const struct settings *s, struct channel *ch)
{
	each(s, name_domain, &(struct naming){ .ch = ch });
	channel_put(ch, WIRE_signers_done, &(struct wire_signers_done){ .none = 0 });
}

void keys_tell(const struct settings *s, struct channel *ch, struct buf *problems, struct buf *exposed)
{
	struct telling t = { .ch = ch, .problems = problems, .exposed = exposed };

	each(s, tell, &t);
	channel_put(ch, WIRE_sign_keys_done, &(struct wire_sign_keys_done){ .none = 0 });
}
