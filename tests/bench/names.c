/* Questions to the running server's dns, as fast as it answers: names RUNTIME QUESTIONS NAMES WINDOW
 * asks for the addresses of h0.example to hNAMES-1.example in turn, with WINDOW of them under way, and prints
 * {"questions":…,"resolved":…,"temporary":…,"seconds":…,"per_second":…}. With a WINDOW of 0 it never reads what it is
 * told, and {"asked":…,"dropped":true} says that it was dropped for that. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/span.h"
#include "wire/codec.h"

struct bench {
	int fd;
	unsigned long long questions, names, window;
	unsigned long long asked, answered, resolved, temporary;
	char packet[WIRE_PACKET_MAX];
};

__attribute__((noreturn)) static void fail(const char *what)
{
	perror(what);
	exit(70);
}

static void say(int fd, enum wire_verb verb, const void *msg)
{
	char packet[1024];

	if (send(fd, packet, wire_put(packet, sizeof(packet), verb, msg), MSG_NOSIGNAL) < 0)
		fail("send");
}

static int connect_control(const char *runtime)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/control", runtime);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		fail("control");
	return fd;
}

/* The descriptor that the master sends with its answer. */
static int meet_dns(int control)
{
	struct wire_ctl_meet meet = { .ask = 1, .role = ROLE_DNS };
	char packet[1024], room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { packet, sizeof(packet) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
	struct cmsghdr *came;
	int fd;

	say(control, WIRE_ctl_meet, &meet);
	if (recvmsg(control, &m, 0) <= 0 || !(came = CMSG_FIRSTHDR(&m)))
		fail("no introduction");
	memcpy(&fd, CMSG_DATA(came), sizeof(fd));
	if (fcntl(fd, F_SETFL, 0) < 0)	/* this end waits */
		fail("fcntl");
	return fd;
}

/* As many as the window has room for, in one packet. */
static void ask_more(struct bench *b)
{
	size_t len = 0, room = sizeof(b->packet);
	char name[64];

	while (b->asked < b->questions && b->asked - b->answered < b->window) {
		struct wire_resolve_ask ask = { .ask = (uint32_t)b->asked + 1, .type = RECORD_A, .name = { name, 0 } };
		size_t n;

		ask.name.len = (size_t)snprintf(name, sizeof(name), "h%llu.example", b->asked % b->names);
		n = wire_put(b->packet + len, room - len, WIRE_resolve_ask, &ask);
		if (n == 0)
			break;
		len += n;
		b->asked++;
	}
	if (len > 0 && send(b->fd, b->packet, len, MSG_NOSIGNAL) < 0)
		fail("ask");
}

static void hear(struct bench *b)
{
	ssize_t n = recv(b->fd, b->packet, sizeof(b->packet), 0);
	struct span packet = span_of(b->packet, n > 0 ? (size_t)n : 0);
	enum wire_verb verb;
	union wire_msg msg;

	if (n <= 0)
		fail("dns is gone");
	while (wire_get(&packet, &verb, &msg) == PR_OK) {
		if (verb != WIRE_resolve_done)
			continue;
		b->answered++;
		b->resolved += msg.resolve_done.result == RESOLVED;
		b->temporary += msg.resolve_done.result == RESOLVE_TEMPORARY;
	}
}

/* Until the other end is closed, or all was asked. */
static void ask_without_reading(struct bench *b)
{
	bool dropped = false;
	char name[64];

	for (; b->asked < b->questions && !dropped; b->asked++) {
		struct wire_resolve_ask ask = { .ask = (uint32_t)b->asked + 1, .type = RECORD_A, .name = { name, 0 } };

		ask.name.len = (size_t)snprintf(name, sizeof(name), "h%llu.example", b->asked % b->names);
		dropped = send(b->fd, b->packet, wire_put(b->packet, sizeof(b->packet), WIRE_resolve_ask, &ask), MSG_NOSIGNAL) < 0;
	}
	printf("{\"asked\":%llu,\"dropped\":%s}\n", b->asked, dropped ? "true" : "false");
}

int main(int argc, char **argv)
{
	static struct bench b;
	int64_t begun;
	double seconds;

	if (argc != 5 || !span_to_u64(span_of_text(argv[2]), 1000000000, &b.questions) || !span_to_u64(span_of_text(argv[3]), 1000000000, &b.names) ||
	    !span_to_u64(span_of_text(argv[4]), 1000, &b.window) || b.names == 0) {
		fprintf(stderr, "usage: names RUNTIME QUESTIONS NAMES WINDOW\n");
		return 64;
	}
	b.fd = meet_dns(connect_control(argv[1]));
	if (b.window == 0) {
		ask_without_reading(&b);
		return 0;
	}
	begun = clock_now().mono_ms;
	while (b.answered < b.questions) {
		ask_more(&b);
		hear(&b);
	}
	seconds = (double)(clock_now().mono_ms - begun) / 1000;
	printf("{\"questions\":%llu,\"resolved\":%llu,\"temporary\":%llu,\"seconds\":%.3f,\"per_second\":%.0f}\n", b.answered, b.resolved, b.temporary,
	    seconds, (double)b.answered / (seconds > 0 ? seconds : 0.001));
	return 0;
}
