#include "master/certificates.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "loop/tls.h"
#include "master/file.h"

struct pair {
	struct certificates *all;
	char *name;
	struct buf chain, key;
	bool is_kept;		/* nothing of it could be used: the one that was told before is */
};

struct certificates {
	struct pair *pairs;
	unsigned n, n_bad;
	unsigned users;		/* our owner, and what is on its way */
};

/* ---- which files ------------------------------------------------------------- */

typedef void each_pair(void *arg, const char *name, const char *chain, const char *key);

static int is_name(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* A folder a name, as certbot keeps them; the one of our hostname first, for it is the default. */
static void each_in_directory(const struct settings *s, each_pair *fn, void *arg)
{
	char chain[PATH_MAX], key[PATH_MAX];
	struct dirent **names;
	int n = scandir(s->tls.directory, &names, is_name, alphasort);

	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < n; i++) {
			const char *name = names[i]->d_name;
			bool is_default = s->top.hostname && strcmp(name, s->top.hostname) == 0;

			if (is_default != (pass == 0))
				continue;
			snprintf(chain, sizeof(chain), "%s/%s/fullchain.pem", s->tls.directory, name);
			snprintf(key, sizeof(key), "%s/%s/privkey.pem", s->tls.directory, name);
			fn(arg, name, chain, key);
		}
	}
	file_names_free(names, n);
}

static void each(const struct settings *s, each_pair *fn, void *arg)
{
	if (s->tls.certificate && s->tls.key)
		fn(arg, "", s->tls.certificate, s->tls.key);
	if (s->tls.directory)
		each_in_directory(s, fn, arg);
}

struct file_walk {
	void (*fn)(void *arg, const char *path);
	void *arg;
};

static void give_files(void *arg, const char *name, const char *chain, const char *key)
{
	struct file_walk *walk = arg;

	(void)name;
	walk->fn(walk->arg, chain);
	walk->fn(walk->arg, key);
}

void certificates_files(const struct settings *s, void (*fn)(void *arg, const char *path), void *arg)
{
	struct file_walk walk = { .fn = fn, .arg = arg };

	if (s->tls.directory)
		fn(arg, s->tls.directory);
	each(s, give_files, &walk);
}

/* ---- reading ------------------------------------------------------------------- */

static void pair_fini(struct pair *p)
{
	buf_wipe(&p->chain);
	buf_wipe(&p->key);
	mem_free(p->name);
}

struct reading {
	struct certificates *c;
	bool is_start;
	int64_t wall_ms;
	struct buf *problems;
};

/* The whole room at once, so that no copy of a key stays behind where the buffer was moved from. */
static bool read_pem(struct reading *r, const char *path, struct buf *out)
{
	buf_init(out, CERTIFICATE_FILE_MAX);
	if (file_read(path, out) == PR_OK)
		return true;
	buf_printf(r->problems, "%s: %s\n", path, errno == EFBIG ? "too long for a PEM file" : strerror(errno));
	return false;
}

/* A folder without a chain is none of ours (certbot keeps a README beside the names). */
static bool is_no_pair(const char *name, const char *chain)
{
	return *name && !file_exists(chain);
}

static bool checks(struct reading *r, const struct pair *p, const char *path)
{
	const char *why = "";
	enum pr_err err = tls_pair_check(buf_span(&p->chain), buf_span(&p->key), r->wall_ms, &why);
	bool is_used = err == PR_OK || (err == PR_DENIED && r->is_start);

	if (err != PR_OK)
		buf_printf(r->problems, "%s: %s%s\n", path, why, is_used ? "; it is used all the same" : "");
	return is_used;
}

static void read_pair(void *arg, const char *name, const char *chain, const char *key)
{
	struct reading *r = arg;
	struct pair p = { .all = r->c };

	if (is_no_pair(name, chain))
		return;
	p.name = mem_text(span_of_text(name));
	if (!read_pem(r, chain, &p.chain) || !read_pem(r, key, &p.key) || !checks(r, &p, chain)) {
		r->c->n_bad++;
		buf_wipe(&p.chain);
		buf_wipe(&p.key);
		p.is_kept = true;
	}
	if (p.is_kept && r->is_start) {
		pair_fini(&p);
		return;
	}
	r->c->pairs = mem_resize(r->c->pairs, (r->c->n + 1) * sizeof(p));
	r->c->pairs[r->c->n++] = p;
}

struct certificates *certificates_read(const struct settings *s, bool is_start, int64_t wall_ms, struct buf *problems)
{
	struct certificates *c = mem_new(sizeof(*c));
	struct reading reading = { .c = c, .is_start = is_start, .wall_ms = wall_ms, .problems = problems };

	c->users = 1;
	each(s, read_pair, &reading);
	return c;
}

static void let_go(struct certificates *c)
{
	if (--c->users > 0)
		return;
	for (unsigned i = 0; i < c->n; i++)
		pair_fini(&c->pairs[i]);
	mem_free(c->pairs);
	mem_free(c);
}

void certificates_free(struct certificates **c)
{
	if (*c)
		let_go(*c);
	*c = NULL;
}

unsigned certificates_count(const struct certificates *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->n; i++)
		n += !c->pairs[i].is_kept;
	return n;
}

bool certificates_are_whole(const struct certificates *c)
{
	return c->n_bad == 0;
}

/* ---- telling ------------------------------------------------------------------- */

static void on_key_sent(void *arg)
{
	let_go(((struct pair *)arg)->all);
}

static void tell_pair(struct certificates *c, struct pair *p, struct channel *ch)
{
	struct wire_certificate told = { .name = span_of_text(p->name), .chain = buf_span(&p->chain), .key = buf_span(&p->key) };

	c->users++;
	channel_put_borrowed(ch, WIRE_certificate, &told, told.key, on_key_sent, p);
}

void certificates_tell(struct certificates *c, struct channel *ch)
{
	for (unsigned i = 0; i < c->n; i++) {
		struct pair *p = &c->pairs[i];

		if (p->is_kept)
			channel_put(ch, WIRE_certificate_kept, &(struct wire_certificate_kept){ .name = span_of_text(p->name) });
		else
			tell_pair(c, p, ch);
	}
	channel_put(ch, WIRE_certificates_done, &(struct wire_certificates_done){ .none = 0 });
}
