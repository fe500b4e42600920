#include "auth/table_io.h"

#include <errno.h>
#include <unistd.h>

#define READ_SIZE 65536

struct table *table_io_read_take(int fd, enum table_kind kind, struct span name, struct span path, struct buf *problems)
{
	struct table *t = table_new(kind, name, path, problems);
	char bytes[READ_SIZE];
	ssize_t n;

	do {
		n = read(fd, bytes, sizeof(bytes));
		if (n > 0)
			table_feed(t, span_of(bytes, (size_t)n));
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0 && errno != EBADF)	/* the master's word for a file that it could not open; it said why */
		table_break(t, strerror(errno));
	t->broken |= n < 0;
	explicit_bzero(bytes, sizeof(bytes));
	table_finish(t);
	(void)close(fd);
	return t;
}

size_t table_io_read_few_take(int fd, char *at, size_t room)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, at + len, room - len);
		if (n > 0)
			len += (size_t)n;
	} while ((n > 0 && len < room) || (n < 0 && errno == EINTR));
	(void)close(fd);
	return len;
}
