/* A captured process finds the doors shut: each set tried from a child of its own. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "loop/sandbox.h"

static char folder[128], inside[160], outside[160];
static int listener = -1;	/* TCP, made before */
static struct sockaddr_in listener_at;

/* Each returns 0 when it was done, else an errno. */
static int try_open_read(void) { int fd = open("/etc/passwd", O_RDONLY); return fd < 0 ? errno : 0; }
static int try_open_inside(void) { int fd = open(inside, O_RDONLY); return fd < 0 ? errno : 0; }
static int try_create_inside(void)
{
	char path[200];
	int fd;

	snprintf(path, sizeof path, "%s/new", folder);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) != 0 || close(fd) != 0)
		return errno;
	return unlink(path) ? errno : 0;
}
static int try_create_outside(void) { int fd = open(outside, O_WRONLY | O_CREAT, 0600); return fd < 0 ? errno : 0; }
static int try_tcp(void) { int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); return fd < 0 ? errno : 0; }
static int try_udp(void) { int fd = socket(AF_INET, SOCK_DGRAM, 0); return fd < 0 ? errno : 0; }
static int try_netlink(void) { int fd = socket(AF_NETLINK, SOCK_RAW, 0); return fd < 0 ? errno : 0; }
static int try_raw(void) { int fd = socket(AF_INET, SOCK_RAW, 1); return fd < 0 ? errno : 0; }
static int try_unix(void) { int fd = socket(AF_UNIX, SOCK_STREAM, 0); return fd < 0 ? errno : 0; }
static int try_connect(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 || connect(fd, (struct sockaddr *)&listener_at, sizeof listener_at) ? errno : 0;
}
static int try_bind_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(45877), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) ? errno : 0;
}
static int try_bind_source(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) ? errno : 0;
}
static int try_listen(void) { return listen(listener, 5) ? errno : 0; }
static int try_accept(void) { return accept(listener, NULL, NULL) < 0 && errno != EAGAIN ? errno : 0; }
static int try_exec(void) { char name[] = "true", *args[] = { name, NULL }; execv("/bin/true", args); return errno; }
static int try_ptrace(void) { return ptrace(PTRACE_TRACEME, 0, NULL, NULL) ? errno : 0; }
static int try_fork(void) { pid_t pid = fork(); if (pid == 0) _exit(0); return pid < 0 ? errno : 0; }
static int try_kill(void) { return kill(getppid(), 0) ? errno : 0; }
static int try_kill_by_a_socket(void) { return fcntl(listener, F_SETOWN, getppid()) ? errno : 0; }	/* with F_SETSIG, SIGKILL */
static int try_change_flags(void) { return fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK) ? errno : 0; }
static int try_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? errno : 0;
}
static int try_make_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(at, 4096, PROT_READ | PROT_EXEC) ? errno : 0;
}
static void *nothing(void *arg) { return arg; }
static int try_thread(void)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, nothing, NULL);

	return error ? error : pthread_join(thread, NULL);
}
static int try_work(void)	/* what every program does all day */
{
	char *at = malloc(1 << 20);
	time_t now = time(NULL);
	struct tm tm;
	struct stat st;

	memset(at, 1, 1 << 20);
	free(at);
	return gmtime_r(&now, &tm) && fstat(2, &st) == 0 ? 0 : EIO;
}

#define IN_CHILD_DIED  1000
#define IN_CHILD_NO_BOX 1001

static int in_child(unsigned may, bool strict, int (*attempt)(void))
{
	const char *folders[] = { folder, NULL };
	struct sandbox box = { .program = "t", .may = may, .folders = folders, .strict = strict };
	const char *partial;
	int status, error;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (sandbox_enter(&box, &partial) != PR_OK)
			_exit(255);
		error = attempt();
		_exit(error > 254 ? 254 : error);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGSYS);
		return IN_CHILD_DIED;
	}
	return WEXITSTATUS(status) == 255 ? IN_CHILD_NO_BOX : WEXITSTATUS(status);
}

static const struct row {
	const char *name;
	int (*attempt)(void);
	unsigned may;	/* any of these opens the door; ALL_MAY: every set; 0: none */
	bool by_landlock;	/* refused by Landlock, which answers also where it is strict */
} rows[] = {
#define ALL_MAY (~0u)
	{ "work", try_work, ALL_MAY, false },
	{ "open a file", try_open_read, 0, true },
	{ "open a file of the folders", try_open_inside, MAY_FILES | MAY_READ, false },
	{ "write a file of the folders", try_create_inside, MAY_FILES, false },
	{ "write a file elsewhere", try_create_outside, 0, true },
	{ "a TCP socket", try_tcp, MAY_CONNECT | MAY_RESOLVE, false },
	{ "a unix socket", try_unix, MAY_CONNECT, false },
	{ "a UDP socket", try_udp, MAY_RESOLVE, false },
	{ "a netlink socket", try_netlink, 0, false },
	{ "a raw socket", try_raw, 0, false },
	{ "connect", try_connect, MAY_CONNECT | MAY_RESOLVE, false },
	{ "bind a source address", try_bind_source, MAY_CONNECT, false },
	{ "bind a port", try_bind_port, 0, true },
	{ "listen", try_listen, 0, false },
	{ "accept", try_accept, MAY_ACCEPT, false },
	{ "execve", try_exec, 0, false },
	{ "ptrace", try_ptrace, 0, false },
	{ "fork", try_fork, 0, false },
	{ "kill", try_kill, 0, false },
	{ "have a socket's signals sent to others", try_kill_by_a_socket, 0, false },
	{ "change a socket's flags", try_change_flags, ALL_MAY, false },
	{ "map code", try_code, 0, false },
	{ "make code", try_make_code, 0, false },
	{ "a thread", try_thread, MAY_THREADS, false },
};

static const unsigned sets[] = {
	0, MAY_ACCEPT, MAY_CONNECT, MAY_RESOLVE, MAY_FILES, MAY_READ, MAY_FILES | MAY_THREADS,
	MAY_ACCEPT | MAY_CONNECT | MAY_RESOLVE | MAY_FILES | MAY_THREADS,
};

static void refuses(bool strict)
{
	for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			const struct row *row = &rows[i];
			int got = in_child(sets[s], strict, row->attempt);

			if (row->may & sets[s] || row->may == ALL_MAY) {
				if (got)
					fail_msg("%s with set %u: %s", row->name, sets[s], strerror(got));
			} else if (got == 0) {
				fail_msg("%s with set %u is not refused", row->name, sets[s]);
			} else if (got == IN_CHILD_NO_BOX || (got == IN_CHILD_DIED && !strict)) {
				fail_msg("%s with set %u: %d", row->name, sets[s], got);
			}
#ifndef WITH_SANITIZERS
			else if (strict && !row->by_landlock && got != IN_CHILD_DIED && row->attempt != try_thread)
				fail_msg("%s with set %u is survived: %s", row->name, sets[s], strerror(got));
#endif
		}
	}
}

static void t_each_set_opens_its_own_doors_only(void **state)
{
	(void)state;
	refuses(false);
}

static void t_strict_kills(void **state)
{
	(void)state;
	refuses(true);
}

static void t_a_missing_folder_is_no_sandbox(void **state)
{
	const char *folders[] = { "/nowhere/at/all", NULL };
	struct sandbox box = { .program = "t", .may = MAY_FILES, .folders = folders };
	const char *partial;
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(sandbox_enter(&box, &partial) == PR_DENIED ? 7 : partial ? 7 : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 7);
}

static int folders_make(void **state)
{
	socklen_t len = sizeof listener_at;
	int fd;

	(void)state;
	snprintf(folder, sizeof folder, "/tmp/t_sandbox.%d", (int)getpid());
	snprintf(inside, sizeof inside, "%s/file", folder);
	snprintf(outside, sizeof outside, "%s.outside", folder);
	if (mkdir(folder, 0700) || (fd = open(inside, O_WRONLY | O_CREAT, 0600)) < 0)
		return -1;
	close(fd);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	listener_at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	return bind(listener, (struct sockaddr *)&listener_at, len) || listen(listener, 100)
	    || getsockname(listener, (struct sockaddr *)&listener_at, &len);
}

static int folders_remove(void **state)
{
	(void)state;
	unlink(inside);
	unlink(outside);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_each_set_opens_its_own_doors_only),
		cmocka_unit_test(t_strict_kills),
		cmocka_unit_test(t_a_missing_folder_is_no_sandbox),
	};

	return cmocka_run_group_tests(tests, folders_make, folders_remove);
}
