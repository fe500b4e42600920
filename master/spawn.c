#include "master/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "loop/process.h"

#define CHANNEL_FD 3
#define PAGE_FD    4
#define ENV_MAX    16
#define FOLDERS_MAX 128		/* of one program: a fixed prefix for each deliver section */

const char *spawn_program_name(enum wire_role role)
{
	if (role == ROLE_RELAY || role == ROLE_LOCAL || role == ROLE_SIGN)
		return "delivery";
	return wire_role_text(role);
}

/* What programs may learn of our environment: the time zone, whom TLS trusts, and what sanitizers are told. */
static void choose_environment(const char *env[ENV_MAX])
{
	static const char *const passed[] = { "TZ=", "SSL_CERT_FILE=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS=" };
	unsigned n = 0;

	for (char **at = environ; at && *at && n < ENV_MAX - 1; at++)
		for (unsigned i = 0; i < sizeof(passed) / sizeof(*passed); i++)
			if (strncmp(*at, passed[i], strlen(passed[i])) == 0)
				env[n++] = *at;
	env[n] = NULL;
}

struct arguments {
	char path[PATH_MAX], instance[8], generation[16];
	const char *argv[FOLDERS_MAX + 6];
	const char *env[ENV_MAX];
};

static bool write_arguments(const struct spawn *what, struct arguments *a)
{
	unsigned n = 0;
	int len = snprintf(a->path, sizeof(a->path), "%s/%s", what->folder, spawn_program_name(what->role));

	if (len < 0 || (size_t)len >= sizeof(a->path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	snprintf(a->instance, sizeof(a->instance), "%u", what->instance);
	snprintf(a->generation, sizeof(a->generation), "%u", what->generation);
	a->argv[n++] = a->path;
	a->argv[n++] = wire_role_text(what->role);
	a->argv[n++] = a->instance;
	a->argv[n++] = a->generation;
	if (what->strict)
		a->argv[n++] = "--strict";
	for (unsigned i = 0; what->folders && what->folders[i] && i < FOLDERS_MAX; i++)
		a->argv[n++] = what->folders[i];
	a->argv[n] = NULL;
	choose_environment(a->env);
	return true;
}

static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		if (number != SIGKILL && number != SIGSTOP)
			signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Descriptors to their places; first out of the way of each other. */
static bool place_descriptors(int channel, int page, int log)
{
	int null = open("/dev/null", O_RDWR);
	int high_channel = fcntl(channel, F_DUPFD, 10), high_page = fcntl(page, F_DUPFD, 10), high_log = fcntl(log, F_DUPFD, 10);

	if (null < 0 || high_channel < 0 || high_page < 0 || high_log < 0)
		return false;
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(high_log, STDERR_FILENO) < 0 ||
	    dup2(high_channel, CHANNEL_FD) < 0 || dup2(high_page, PAGE_FD) < 0)
		return false;
	return close_range(PAGE_FD + 1, ~0u, 0) == 0;
}

/* A session of its own: the terminal's Ctrl-C is for the master, which ends the others in order. */
__attribute__((noreturn)) static void become_program(const struct spawn *what, struct arguments *a, int channel, int page)
{
	setsid();
	umask(077);
	reset_signals();
	if (!place_descriptors(channel, page, what->log))
		_exit(EX_OSERR);
	if (what->as && !identity_become(what->as)) {
		dprintf(STDERR_FILENO, "postrider: can't become the user of %s: %s\n", a->argv[1], strerror(errno));
		_exit(EX_NOPERM);
	}
	execve(a->path, (char *const *)(uintptr_t)a->argv, (char *const *)(uintptr_t)a->env);
	dprintf(STDERR_FILENO, "postrider: can't start %s: %s\n", a->path, strerror(errno));
	_exit(EX_OSFILE);
}

/* Sealed: who could make it shorter could kill everybody who looks at it. */
int spawn_shared_memory(const char *name, off_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	if (ftruncate(fd, size) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	close(fd);
	return -1;
}

static int page_open(const void **page)
{
	int fd = spawn_shared_memory("crash-page", CRASH_PAGE_SIZE);

	if (fd < 0)
		return -1;
	*page = mmap(NULL, CRASH_PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (*page != MAP_FAILED)
		return fd;
	close(fd);
	*page = NULL;
	return -1;
}

void spawn_forget_page(const void **page)
{
	if (*page)
		munmap((void *)(uintptr_t)*page, CRASH_PAGE_SIZE);
	*page = NULL;
}

enum pr_err spawn_program(const struct spawn *what, struct spawned *out)
{
	struct arguments a;
	int pair[2], page;

	*out = (struct spawned){ .pid = -1, .channel = -1 };
	if (!write_arguments(what, &a) || process_pair(pair) != PR_OK)
		return PR_IO;
	page = page_open(&out->page);
	if (page >= 0)
		out->pid = fork();
	if (out->pid == 0)
		become_program(what, &a, pair[1], page);
	close(pair[1]);
	if (page >= 0)
		close(page);
	out->channel = pair[0];
	if (out->pid > 0)
		return PR_OK;
	close(pair[0]);
	out->channel = -1;
	spawn_forget_page(&out->page);
	return PR_IO;
}
