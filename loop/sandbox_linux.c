#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "loop/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef WITH_SANITIZERS
/* The search for leaks at the exit stops the threads by ptrace, which a confined process has not. */
static int is_confined;
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) { return is_confined; }
#endif

/* ---- Landlock ------------------------------------------------------------------- */

/* As in the kernel's landlock.h, of which Debian 12 has an early one. */
#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule       445
#define __NR_landlock_restrict_self  446
#endif
#define RULESET_VERSION 1u
#define RULE_PATH       1
#define RULE_NET        2

enum {
	FS_READ_FILE = 1 << 2, FS_WRITE_FILE = 1 << 1, FS_READ_DIR = 1 << 3, FS_REMOVE_DIR = 1 << 4, FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_DIR = 1 << 7, FS_MAKE_REG = 1 << 8, FS_REFER = 1 << 13, FS_TRUNCATE = 1 << 14, FS_IOCTL_DEV = 1 << 15,
	FS_ALL_FIRST = (1 << 13) - 1,		/* of the first version */
	NET_BIND = 1 << 0, NET_CONNECT = 1 << 1,
	SCOPE_ABSTRACT = 1 << 0, SCOPE_SIGNAL = 1 << 1
};

#define FS_FILES (FS_READ_FILE | FS_WRITE_FILE | FS_READ_DIR | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_REFER | FS_TRUNCATE)
#define FS_READ  (FS_READ_FILE | FS_READ_DIR)

struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_rule {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

struct net_rule {
	uint64_t allowed, port;
};

/* Of the first version nothing is used: it denies every rename from one folder to another. */
#define ABI_REFER    2
#define ABI_TRUNCATE 3
#define ABI_NET      4
#define ABI_IOCTL    5
#define ABI_SCOPE    6

static int landlock_abi(void)
{
	return (int)syscall(__NR_landlock_create_ruleset, NULL, 0, RULESET_VERSION);
}

static const char *landlock_missing(int abi)
{
	if (abi < ABI_REFER)
		return "the kernel has no Landlock that can be used: only seccomp is in force";
	if (abi < ABI_TRUNCATE)
		return "Landlock without rules for truncation and the network";
	if (abi < ABI_NET)
		return "Landlock without rules for the network";
	return abi < ABI_SCOPE ? "Landlock without scopes for signals and abstract sockets" : NULL;
}

static struct ruleset ruleset_of(int abi, unsigned may)
{
	struct ruleset r = { .fs = FS_ALL_FIRST | FS_REFER };

	if (abi >= ABI_TRUNCATE)
		r.fs |= FS_TRUNCATE;
	if (abi >= ABI_IOCTL)
		r.fs |= FS_IOCTL_DEV;
	if (abi >= ABI_NET)
		r.net = may & (MAY_CONNECT | MAY_RESOLVE) ? NET_BIND : NET_BIND | NET_CONNECT;
	if (abi >= ABI_SCOPE)
		r.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL;
	return r;
}

static size_t ruleset_size(int abi)
{
	return abi >= ABI_SCOPE ? 24 : abi >= ABI_NET ? 16 : 8;
}

static enum pr_err allow_folder(int rules, const char *folder, uint64_t allowed)
{
	struct path_rule rule = { .allowed = allowed, .parent = open(folder, O_PATH | O_CLOEXEC | O_DIRECTORY) };
	long failed;
	int error;

	if (rule.parent < 0)
		return PR_IO;
	failed = syscall(__NR_landlock_add_rule, rules, RULE_PATH, &rule, 0);
	error = errno;
	close(rule.parent);
	errno = error;
	return failed ? PR_IO : PR_OK;
}

static enum pr_err allow_folders(int rules, const struct sandbox *box, uint64_t handled)
{
	uint64_t allowed = box->may & MAY_FILES ? FS_FILES & handled : FS_READ;
	enum pr_err err = PR_OK;

	if (!box->folders || !(box->may & (MAY_FILES | MAY_READ)))
		return PR_OK;
	for (const char *const *folder = box->folders; *folder && err == PR_OK; folder++)
		err = allow_folder(rules, *folder, allowed);
	return err;
}

/* A source address is bound with port 0, for which Landlock wants a rule; seccomp refuses to listen on it. */
static enum pr_err allow_source_address(int rules, const struct sandbox *box, int abi)
{
	struct net_rule rule = { .allowed = NET_BIND, .port = 0 };

	if (abi < ABI_NET || !(box->may & MAY_CONNECT))
		return PR_OK;
	return syscall(__NR_landlock_add_rule, rules, RULE_NET, &rule, 0) ? PR_IO : PR_OK;
}

static enum pr_err landlock_enter(const struct sandbox *box, const char **partial)
{
	int abi = landlock_abi(), rules, error;
	struct ruleset set = ruleset_of(abi, box->may);
	enum pr_err err;

	*partial = landlock_missing(abi);
	if (abi < ABI_REFER)
		return PR_OK;
	rules = (int)syscall(__NR_landlock_create_ruleset, &set, ruleset_size(abi), 0);
	if (rules < 0)
		return PR_IO;
	err = allow_folders(rules, box, set.fs);
	if (err == PR_OK)
		err = allow_source_address(rules, box, abi);
	if (err == PR_OK && syscall(__NR_landlock_restrict_self, rules, 0))
		err = PR_IO;
	error = errno;
	close(rules);
	errno = error;
	return err;
}

/* ---- seccomp -------------------------------------------------------------------- */

/* What every program does with what it already has. Hot ones first, without a look at their arguments. */
static const int always[] = {
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(recvfrom), SCMP_SYS(sendto),
	SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(recvmmsg), SCMP_SYS(sendmmsg), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_ctl), SCMP_SYS(futex), SCMP_SYS(close), SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(shutdown), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(epoll_create1), SCMP_SYS(eventfd2), SCMP_SYS(fstat), SCMP_SYS(lseek), SCMP_SYS(pread64), SCMP_SYS(preadv),
	SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
	SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(getcpu), SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(getrusage),
	SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(membarrier), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

static const int with_accept[] = { SCMP_SYS(accept), SCMP_SYS(accept4) };
static const int with_connect[] = { SCMP_SYS(connect), SCMP_SYS(bind) };

static const int with_read[] = {
	SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(getdents64), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd), SCMP_SYS(fadvise64), SCMP_SYS(statfs), SCMP_SYS(fstatfs),
	SCMP_SYS(preadv2), SCMP_SYS(flock),
};

static const int with_files[] = {
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(creat), SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(pwritev2),
	SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(syncfs), SCMP_SYS(sync_file_range), SCMP_SYS(fallocate), SCMP_SYS(ftruncate), SCMP_SYS(truncate),
	SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
	SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir), SCMP_SYS(umask), SCMP_SYS(chmod), SCMP_SYS(fchmod), SCMP_SYS(fchmodat),
	SCMP_SYS(fchown), SCMP_SYS(fchownat), SCMP_SYS(utimensat), SCMP_SYS(copy_file_range), SCMP_SYS(sendfile),
};

struct filter {
	scmp_filter_ctx ctx;
	int error;	/* the first */
};

static void rule(struct filter *f, uint32_t action, int call, unsigned n, const struct scmp_arg_cmp *args)
{
	int error = seccomp_rule_add_array(f->ctx, action, call, n, args);

	/* EEXIST: allowed already; EACCES: what happens anyhow. */
	if (error && error != -EEXIST && error != -EACCES && !f->error)
		f->error = error;
}

#define ARG_IS(n, value)           { (n), SCMP_CMP_EQ, (scmp_datum_t)(value), 0 }
#define ARG_MASKED(n, mask, value) { (n), SCMP_CMP_MASKED_EQ, (scmp_datum_t)(mask), (scmp_datum_t)(value) }
#define ALLOW_IF(f, call, ...) \
	rule(f, SCMP_ACT_ALLOW, SCMP_SYS(call), sizeof((struct scmp_arg_cmp[]){ __VA_ARGS__ }) / sizeof(struct scmp_arg_cmp), \
	    (struct scmp_arg_cmp[]){ __VA_ARGS__ })
#define ALLOW_ALL(f, calls) allow_all(f, calls, sizeof(calls) / sizeof *(calls))

static void allow_all(struct filter *f, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rule(f, SCMP_ACT_ALLOW, calls[i], 0, NULL);
}

static void allow_with_care(struct filter *f)
{
	static const unsigned long requests[] = { FIONBIO, FIONREAD, FIOCLEX, TCGETS };
	/* None that says to whom a descriptor's signals go, and which: SIGKILL for others of the same user. */
	static const int commands[] = { F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL };

	ALLOW_IF(f, mmap, ARG_MASKED(2, PROT_EXEC, 0));
	ALLOW_IF(f, mprotect, ARG_MASKED(2, PROT_EXEC, 0));
	ALLOW_IF(f, newfstatat, ARG_IS(3, AT_EMPTY_PATH));	/* fstat of glibc */
	ALLOW_IF(f, tgkill, ARG_IS(0, getpid()));	/* abort */
	ALLOW_IF(f, prlimit64, ARG_IS(2, 0));
	ALLOW_IF(f, prctl, ARG_IS(0, PR_SET_NAME));
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		ALLOW_IF(f, ioctl, ARG_IS(1, requests[i]));
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		ALLOW_IF(f, fcntl, ARG_IS(1, commands[i]));
}

#define SOCKET_TYPE 0xf		/* without SOCK_NONBLOCK and SOCK_CLOEXEC */

static void allow_sockets(struct filter *f, int family, int type)
{
	ALLOW_IF(f, socket, ARG_IS(0, family), ARG_MASKED(1, SOCKET_TYPE, type));
}

static void allow_connecting(struct filter *f)
{
	allow_sockets(f, AF_INET, SOCK_STREAM);
	allow_sockets(f, AF_INET6, SOCK_STREAM);
	allow_sockets(f, AF_UNIX, SOCK_STREAM);
	ALLOW_ALL(f, with_connect);
}

static void allow_resolving(struct filter *f)
{
	allow_sockets(f, AF_INET, SOCK_STREAM);
	allow_sockets(f, AF_INET6, SOCK_STREAM);
	allow_sockets(f, AF_INET, SOCK_DGRAM);
	allow_sockets(f, AF_INET6, SOCK_DGRAM);
	rule(f, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0, NULL);
}

static void allow_connecting_to_unix(struct filter *f)
{
	allow_sockets(f, AF_UNIX, SOCK_STREAM);
	rule(f, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0, NULL);
}

static void allow_reading(struct filter *f)
{
	const unsigned writing = O_ACCMODE | O_CREAT | O_TRUNC;

	ALLOW_ALL(f, with_read);
	ALLOW_IF(f, open, ARG_MASKED(1, writing, O_RDONLY));
	ALLOW_IF(f, openat, ARG_MASKED(2, writing, O_RDONLY));
}

/* clone3 keeps its flags in memory where a filter can't look: libc takes clone instead. */
static void allow_threads(struct filter *f)
{
	const unsigned thread = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;

	ALLOW_IF(f, clone, ARG_MASKED(0, thread, thread));
	rule(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL);
}

static void allow_what_it_may(struct filter *f, unsigned may)
{
	ALLOW_ALL(f, always);
	allow_with_care(f);
	if (may & MAY_ACCEPT)
		ALLOW_ALL(f, with_accept);
	if (may & MAY_CONNECT)
		allow_connecting(f);
	if (may & MAY_CONNECT_UNIX)
		allow_connecting_to_unix(f);
	if (may & MAY_RESOLVE)
		allow_resolving(f);
	if (may & MAY_FILES) {
		ALLOW_ALL(f, with_read);
		ALLOW_ALL(f, with_files);
	} else if (may & MAY_READ) {
		allow_reading(f);
	}
	if (may & MAY_THREADS)
		allow_threads(f);
}

#ifdef WITH_SANITIZERS
/* A report of theirs would rather be without names of functions than not be. */
static void refuse_kindly(struct filter *f, unsigned may)
{
	static const int calls[] = { SCMP_SYS(readlink), SCMP_SYS(fork), SCMP_SYS(pipe), SCMP_SYS(getppid) };

	for (size_t i = may & (MAY_FILES | MAY_READ) ? 1 : 0; i < sizeof calls / sizeof *calls; i++)
		rule(f, SCMP_ACT_ERRNO(EPERM), calls[i], 0, NULL);
	if (!(may & (MAY_FILES | MAY_READ))) {
		rule(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(open), 0, NULL);
		rule(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(openat), 0, NULL);
	}
}
#endif

static enum pr_err seccomp_enter(const struct sandbox *box)
{
	struct filter f = { .ctx = seccomp_init(box->strict ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(ENOSYS)) };

	if (!f.ctx) {
		errno = ENOMEM;
		return PR_DENIED;
	}
	allow_what_it_may(&f, box->may);
#ifdef WITH_SANITIZERS
	refuse_kindly(&f, box->may);
	is_confined = 1;
#endif
	(void)seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	(void)seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!f.error)
		f.error = seccomp_load(f.ctx);
	seccomp_release(f.ctx);
	if (!f.error)
		return PR_OK;
	errno = -f.error;
	return PR_DENIED;
}

/* ---- both ----------------------------------------------------------------------- */

enum pr_err sandbox_enter(const struct sandbox *box, const char **partial)
{
	*partial = NULL;
	tzset();	/* reads the time zone's file now, for there is no other time */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return PR_DENIED;
	if (landlock_enter(box, partial) != PR_OK)
		return PR_DENIED;
	return seccomp_enter(box);
}
