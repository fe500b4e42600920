#include "ctl/client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "ctl/say.h"

#define LENT_FD     3		/* where the master finds our end of the pair */
#define PATIENCE_MS 90000	/* a reload awaits the new programs: more than they are given to start */

/* ---- the socket ---------------------------------------------------------- */

static int connect_control(const char *runtime)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if ((size_t)snprintf(name.sun_path, sizeof(name.sun_path), "%s/control", runtime) < sizeof(name.sun_path) &&
	    connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static void client_init(struct client *c, int fd, enum wire_role peer)
{
	*c = (struct client){ .fd = fd, .peer = peer, .packet = mem_new(WIRE_PACKET_MAX), .rest = SPAN_NONE, .came = -1, .lender = -1,
	    .patience_ms = PATIENCE_MS };
}

bool client_open_quietly(struct client *c, const char *runtime)
{
	int fd = connect_control(runtime);

	if (fd >= 0)
		client_init(c, fd, ROLE_MASTER);
	return fd >= 0;
}

/* Nobody is where the configuration says; or would say, if it had no errors: then these come first. */
static int not_open(const struct call *call, const char *runtime, bool is_sure, int why)
{
	struct places unused;
	int status;

	if (why == EACCES || why == EPERM) {
		say("you may not use %s/control: be root, the server's user, or in the group postrider", runtime);
		return EX_NOPERM;
	}
	if (!is_sure && (status = master_places(call, &unused)) != EX_OK)
		return status;
	say("the server does not run (nobody answers at %s/control); `postrider serve` starts it", runtime);
	return EX_UNAVAILABLE;
}

int client_open(struct client *c, const struct call *call)
{
	char runtime[PATH_MAX];
	bool is_sure;
	int status = master_runtime(call, runtime, sizeof(runtime), &is_sure);

	if (status != EX_OK || client_open_quietly(c, runtime))
		return status;
	return not_open(call, runtime, is_sure, errno);
}

void client_close(struct client *c)
{
	if (c->came >= 0)
		(void)close(c->came);
	if (c->lender >= 0)
		(void)close(c->lender);
	(void)close(c->fd);
	mem_free(c->packet);
	*c = (struct client){ .fd = -1, .came = -1, .lender = -1 };
}

/* ---- verbs --------------------------------------------------------------- */

static int gone(const struct client *c)
{
	say("the server's `%s` went away in the middle of an answer (a server of another version is to be restarted)", wire_role_text(c->peer));
	return EX_IOERR;
}

/* The socket may be one that does not wait. */
static bool may_send_again(const struct client *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLOUT };

	return errno == EINTR || ((errno == EAGAIN || errno == ENOBUFS) && poll(&p, 1, PATIENCE_MS) > 0);
}

int client_tell(struct client *c, enum wire_verb verb, const void *msg)
{
	char *packet = mem_new(WIRE_PACKET_MAX);
	size_t len = wire_put(packet, WIRE_PACKET_MAX, verb, msg);
	ssize_t n;

	if (len == 0) {
		mem_free(packet);
		say("this is too long");
		return EX_USAGE;
	}
	do
		n = send(c->fd, packet, len, MSG_NOSIGNAL);
	while (n < 0 && may_send_again(c));
	mem_free(packet);
	return n < 0 ? gone(c) : EX_OK;
}

static void keep_descriptor(struct client *c, struct msghdr *m)
{
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(m); cm; cm = CMSG_NXTHDR(m, cm))
		if (cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SCM_RIGHTS && cm->cmsg_len >= CMSG_LEN(sizeof(int))) {
			if (c->came >= 0)
				(void)close(c->came);
			memcpy(&c->came, CMSG_DATA(cm), sizeof(int));
		}
}

static int hear_packet(struct client *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { c->packet, WIRE_PACKET_MAX };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	ssize_t n;

	n = poll(&p, 1, c->patience_ms);
	if (n == 0) {
		say("the server says nothing for %d s", c->patience_ms / 1000);
		return EX_TEMPFAIL;
	}
	if (n < 0 && errno == EINTR)
		return EX_OK;
	n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return EX_OK;
	if (n <= 0)
		return gone(c);
	keep_descriptor(c, &m);
	c->rest = span_of(c->packet, (size_t)n);
	return EX_OK;
}

int client_hear(struct client *c, enum wire_verb *verb, union wire_msg *msg)
{
	for (;;) {
		enum pr_err err = wire_get(&c->rest, verb, msg);
		int status;

		if (err == PR_OK && wire_permitted(*verb, c->peer, ROLE_CTL))
			return EX_OK;
		if (err != PR_NONE) {
			say("the server speaks another language: is it of another version?");
			return EX_SOFTWARE;
		}
		status = hear_packet(c);
		if (status != EX_OK)
			return status;
	}
}

/* Its process: what it holds is free when that has ended, somewhat later than its socket. */
static int process_of(const struct client *c)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.pid <= 0)
		return -1;
	return (int)syscall(SYS_pidfd_open, peer.pid, 0);
}

void client_await_end(struct client *c)
{
	struct pollfd peer = { .fd = c->fd, .events = POLLIN }, process = { .fd = process_of(c), .events = POLLIN };
	ssize_t n;

	do {
		(void)poll(&peer, 1, -1);
		n = recv(c->fd, c->packet, WIRE_PACKET_MAX, 0);
	} while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
	if (process.fd < 0)
		return;
	while (poll(&process, 1, -1) < 0 && errno == EINTR)
		continue;
	(void)close(process.fd);
}

int client_meet(struct client *c, enum wire_role role)
{
	struct wire_ctl_meet meet = { .ask = 1, .role = (uint8_t)role };
	enum wire_verb verb;
	union wire_msg msg;
	int status = client_tell(c, WIRE_ctl_meet, &meet), fd;

	if (status == EX_OK)
		status = client_hear(c, &verb, &msg);
	if (status != EX_OK)
		return status;
	if (verb != WIRE_ctl_done || msg.ctl_done.exit != EX_OK || c->came < 0) {
		say("%.*s", SPAN_ARG(verb == WIRE_ctl_done ? msg.ctl_done.words : SPAN("the server does not introduce us")));
		return verb == WIRE_ctl_done && msg.ctl_done.exit ? msg.ctl_done.exit : EX_UNAVAILABLE;
	}
	fd = c->came;
	c->came = -1;
	client_close(c);
	client_init(c, fd, role);
	return EX_OK;
}

/* ---- borrowed programs ----------------------------------------------------- */

static int start_lender(struct client *c, const struct call *call)
{
	static const char *const words[] = { "lend", NULL };
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 || (pid = fork()) < 0) {
		say("can't start %s: %s", master_program("master"), strerror(errno));
		return EX_SOFTWARE;
	}
	if (pid == 0) {
		/* It may not go on when we end, whatever becomes of us: its end of the pair tells. */
		if (dup2(pair[1], LENT_FD) >= 0 && fcntl(LENT_FD, F_SETFD, 0) == 0)
			(void)master_become(call, words);
		_exit(EX_SOFTWARE);
	}
	(void)close(pair[1]);
	client_init(c, pair[0], ROLE_MASTER);
	return EX_OK;
}

/* Says what is wrong with it. */
static int complain_of_config(const struct call *call)
{
	static const char *const words[] = { "config", "check", NULL };
	struct buf answer;
	int status;

	buf_init(&answer, PATH_MAX);
	status = master_ask(call, words, &answer);
	buf_fini(&answer);
	return status == EX_OK ? EX_CONFIG : status;
}

int client_borrow(struct client *c, const struct call *call, enum wire_role role)
{
	char runtime[PATH_MAX];
	bool is_good = true;
	int lender = -1, status = access(call->config, F_OK) == 0 ? master_runtime(call, runtime, sizeof(runtime), &is_good) : EX_NOINPUT;

	if (status != EX_OK || !client_open_quietly(c, runtime)) {
		status = is_good ? start_lender(c, call) : complain_of_config(call);
		lender = status == EX_OK ? fcntl(c->fd, F_DUPFD_CLOEXEC, 0) : -1;
	}
	if (status == EX_OK && (status = client_meet(c, role)) != EX_OK)
		client_close(c);
	c->lender = lender;
	return status;
}
