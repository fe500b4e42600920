#include "master/config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/config_private.h"

/* ---- the file ------------------------------------------------------------ */

/* Whoever may write this file decides what the server does, some of it as root. */
static const char *why_not_to_read(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "this is no regular file";
	if (st->st_mode & S_IWOTH)
		return "everybody may write this file: chmod o-w";
	if (st->st_size > (off_t)CONFIG_FILE_MAX)
		return "this file is larger than 8 MB";
	return NULL;
}

static enum pr_err read_all(int fd, struct buf *text)
{
	for (;;) {
		char *room = buf_room(text, 65536);
		ssize_t n;

		if (!room) {
			errno = EFBIG;
			return PR_IO;
		}
		n = read(fd, room, 65536);
		if (n < 0 && errno != EINTR)
			return PR_IO;
		if (n == 0)
			return PR_OK;
		if (n > 0)
			buf_grew(text, (size_t)n);
	}
}

enum pr_err config_read_file(const char *file, struct buf *text, struct complaints *c)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *why = NULL;
	struct stat st;
	enum pr_err err = PR_IO;

	if (fd < 0 || fstat(fd, &st) != 0)
		why = strerror(errno);
	else
		why = why_not_to_read(&st);
	if (!why) {
		err = read_all(fd, text);
		why = err == PR_OK ? NULL : strerror(errno);
	}
	if (why)
		complain(c, COMPLAINT_ERROR, NULL, "%s", why);
	if (fd >= 0)
		(void)close(fd);
	return err;
}

/* ---- from bytes to settings ---------------------------------------------- */

enum pr_err config_open(struct config *cfg)
{
	cfg->settings = NULL;
	if (outline_read(&cfg->outline, &cfg->complaints) != PR_OK)
		return PR_BAD;
	config_take_values(cfg);
	if (!cfg->settings)
		return PR_BAD;
	config_check(cfg);
	return cfg->complaints.n_errors ? PR_BAD : PR_OK;
}

void config_close(struct config *cfg)
{
	outline_free(&cfg->outline);
	settings_free(&cfg->settings);
}

const struct config_mark *config_mark_of(const struct config *cfg, const struct outline_section *section, const char *path)
{
	const struct set_key *key = settings_key_find(section->kind, span_of_text(path));
	const struct outline_entry *entry;

	BUG_ON(!key);
	entry = outline_find(&cfg->outline, section, key);
	return entry ? &cfg->outline.values[entry->first_value] : outline_section_mark(section);
}

enum pr_err config_parse(const char *file, struct span text, struct settings **out, struct buf *complaints)
{
	struct config cfg = { .complaints = { .file = file, .text = text, .out = complaints } };
	enum pr_err err = config_open(&cfg);

	if (err == PR_OK) {
		*out = cfg.settings;
		cfg.settings = NULL;
	}
	config_close(&cfg);
	return err;
}

enum pr_err config_load(const char *file, struct settings **out, struct buf *complaints)
{
	struct complaints c = { .file = file, .text = SPAN_NONE, .out = complaints };
	struct buf text;
	enum pr_err err;

	/* One read more than the ceiling, so that a file that grows is told apart from one that fits. */
	buf_init(&text, CONFIG_FILE_MAX + 2 * 65536);
	err = config_read_file(file, &text, &c);
	if (err == PR_OK)
		err = config_parse(file, buf_span(&text), out, complaints);
	buf_fini(&text);
	return err;
}
