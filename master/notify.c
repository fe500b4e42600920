#include "master/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/span.h"

static void tell(const char *words)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	socklen_t len;
	int fd;

	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, strlen(path));
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + (path[0] == '/'));
	if (path[0] == '@')
		to.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* Nobody to hear it is no reason to do anything else. */
	(void)!sendto(fd, words, strlen(words), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to, len);
	close(fd);
}

void notify_ready(void)
{
	tell("READY=1\nSTATUS=serving");
}

void notify_reloading(void)
{
	char words[80];

	snprintf(words, sizeof(words), "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_now().mono_ms * 1000);
	tell(words);
}

void notify_stopping(void)
{
	tell("STOPPING=1\nSTATUS=draining");
}

void notify_status(const char *words)
{
	char line[256];

	snprintf(line, sizeof(line), "STATUS=%s", words);
	tell(line);
}

void notify_alive(void)
{
	tell("WATCHDOG=1");
}

int64_t notify_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long long n;

	if (!usec || !span_to_u64(span_of_text(usec), INT64_MAX, &n))
		return 0;
	if (pid && (!span_to_u64(span_of_text(pid), INT32_MAX, &n) || (pid_t)n != getpid()))
		return 0;
	(void)span_to_u64(span_of_text(usec), INT64_MAX, &n);
	return (int64_t)(n / 2000);
}
