#include "master/srs_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/random.h"
#include "master/file.h"

#define FILE_MAX     4096
#define SECRET_BYTES 32
#define DAY_MS       HOURS(24)

static bool path_of(const struct settings *s, const char *name, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/%s", s->top.state, name) < PATH_MAX;
}

/* ---- the file ------------------------------------------------------------------ */

static enum pr_err complain(struct buf *words, const char *path)
{
	buf_printf(words, "can't make %s: %s", path, strerror(errno));
	return PR_IO;
}

static void add_secret(struct buf *out)
{
	char bytes[SECRET_BYTES];

	random_bytes(bytes, sizeof(bytes));
	(void)buf_room(out, FILE_MAX);	/* at once: what grows leaves secrets behind */
	(void)buf_add_text(out, "# The secret of the senders of forwarded mail (SRS). To replace it put a new line above it, and remove the\n"
	    "# old one three weeks later.\n");
	(void)base64_add(out, span_of(bytes, sizeof(bytes)));
	(void)buf_add_char(out, '\n');
	mem_wipe(bytes, sizeof(bytes));
}

static bool write_whole(int fd, struct span bytes)
{
	return write(fd, bytes.at, bytes.len) == (ssize_t)bytes.len && fsync(fd) == 0;
}

static bool sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return good;
}

/* The folder belongs to others: no link is followed, and what lies in the way goes. */
static bool write_file(const char *fresh, const char *path, struct span bytes)
{
	bool good;
	int fd;

	(void)unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	good = write_whole(fd, bytes);
	return close(fd) == 0 && good && rename(fresh, path) == 0;
}

enum pr_err srs_keys_make(const struct settings *s, struct buf *words)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	struct buf text;
	struct stat st;
	bool good;

	if (!path_of(s, "srs", path) || !path_of(s, "srs.new", fresh)) {
		errno = ENAMETOOLONG;
		return complain(words, s->top.state);
	}
	if (lstat(path, &st) == 0)
		return PR_OK;
	buf_init(&text, FILE_MAX);
	add_secret(&text);
	good = write_file(fresh, path, buf_span(&text)) && sync_folder(s->top.state);
	buf_wipe(&text);
	return good ? PR_OK : complain(words, path);
}

void srs_keys_files(const struct settings *s, void (*fn)(void *arg, const char *path), void *arg)
{
	char path[PATH_MAX];

	if (path_of(s, "srs", path))
		fn(arg, path);
}

/* ---- telling -------------------------------------------------------------------- */

static void on_sent(void *arg)
{
	buf_wipe(arg);
	mem_free(arg);
}

/* Of mem_new, for on_sent. */
static struct buf *make_key(struct span secret, struct span name)
{
	struct buf *key = mem_new(sizeof(*key));
	unsigned char bytes[SHA256_LEN];

	digest_hmac_sha256(secret, name, bytes);
	buf_init(key, SHA256_LEN);
	(void)buf_add(key, span_of((const char *)bytes, SHA256_LEN));
	mem_wipe(bytes, sizeof(bytes));
	return key;
}

static void tell_key(struct channel *ch, struct span secret, uint32_t period)
{
	struct wire_srs_key told = { .from_day = period * SRS_PERIOD_DAYS };
	struct buf *key;
	char name[32];
	int len = snprintf(name, sizeof(name), "srs %u", period);

	key = make_key(secret, span_of(name, (size_t)len));
	told.key = buf_span(key);
	channel_put_borrowed(ch, WIRE_srs_key, &told, told.key, on_sent, key);
}

/* Were it another one after a restart, the salts that stay would tell who exists. */
static void tell_salt_key(struct channel *ch, struct span secret)
{
	struct buf *key = make_key(secret, SPAN("salts"));
	struct wire_salt_key told = { .key = buf_span(key) };

	channel_put_borrowed(ch, WIRE_salt_key, &told, told.key, on_sent, key);
}

/* What was, what is, and what comes. */
static void tell_keys(struct channel *ch, struct span secret, uint32_t today)
{
	uint32_t period = today / SRS_PERIOD_DAYS;

	tell_key(ch, secret, period + 1);
	tell_key(ch, secret, period);
	if (period > 0)
		tell_key(ch, secret, period - 1);
}

static unsigned tell_secrets(struct channel *ch, struct span text, uint32_t today)
{
	struct span oldest = SPAN_NONE;
	unsigned n = 0;

	while (text.len > 0 && n < SRS_SECRETS_MAX) {
		struct span line = span_trim(span_cut(&text, '\n'));

		if (line.len < SRS_SECRET_LEAST || line.at[0] == '#')
			continue;
		tell_keys(ch, line, today);
		oldest = line;
		n++;
	}
	if (n > 0)
		tell_salt_key(ch, oldest);
	return n;
}

void srs_keys_tell(const struct settings *s, struct channel *ch, int64_t wall_ms, struct buf *problems)
{
	uint32_t today = wall_ms > 0 ? (uint32_t)(wall_ms / DAY_MS) : 0;
	char path[PATH_MAX];
	struct buf text;

	buf_init(&text, FILE_MAX);
	if (!path_of(s, "srs", path))
		buf_add_text(problems, "the path of state is too long\n");
	else if (file_read(path, &text) != PR_OK)
		buf_printf(problems, "%s: %s\n", path, strerror(errno));
	else if (tell_secrets(ch, buf_span(&text), today) == 0)
		buf_printf(problems, "%s: holds no line of %u letters or more\n", path, SRS_SECRET_LEAST);
	else
		channel_put(ch, WIRE_srs_keys_done, &(struct wire_srs_keys_done){ .none = 0 });
	buf_wipe(&text);
}
