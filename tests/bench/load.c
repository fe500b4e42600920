/* A load generator that costs little, a sink that keeps nothing, and the few
 * measurements that the benchmark needs beside them. One thread, epoll.
 *
 *   load send PORT SESSIONS MESSAGES SIZE one|many TO [pipeline]
 *        MESSAGES mails in all over SESSIONS connections to 127.0.0.1, one or many a connection; TO may hold one
 *        %d, which runs from 0 to 9. Prints: seconds, messages done, failed, own CPU seconds, p50 and p99 in ms
 *        from the first command of a message to its 250.
 *   load sink PORT [COUNT]
 *        answers as a server would and keeps nothing; until it is ended, or has taken COUNT messages: prints the
 *        wall time of the last one.
 *   load keep PORT FILE
 *        a sink that writes each message into FILE and syncs it before its 250, and does nothing else for it.
 *   load latency PORT SINK COUNT SIZE FROM TO
 *        one mail after the other to PORT, each when the one before has come to the sink that this makes on port
 *        SINK. Prints p50 and p99 in ms from MAIL to the arrival of the last byte.
 *   load idle PORT COUNT [tls]
 *        opens COUNT connections, from several loopback addresses, waits for each greeting (tls: and a
 *        STARTTLS handshake), prints "ready OPEN", then waits for the end of its standard input.
 *   load sync FILE COUNT SIZE
 *        COUNT times: writes SIZE bytes into FILE, written once before, and fdatasync. Prints p50 and mean in ms.
 *   load keys COUNT
 *        signs a digest COUNT times with an RSA key of 2048 bits and as often with an Ed25519 key, each parsed once.
 *        Prints what one of each costs, ms of CPU: what no signer that stands on OpenSSL can save.
 *   load arrive SECONDS COUNT FOLDER...
 *        waits until COUNT files were moved into the folders; prints the wall time of the last one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 60000	/* nothing happened for so long: give up */
#define SINK_FILE   (4 << 20)

__attribute__((noreturn)) static void fail(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double own_cpu(void)
{
	return now(CLOCK_PROCESS_CPUTIME_ID);
}

static int connect_to(unsigned port, unsigned from)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in source = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + from) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		fail("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (from && bind(fd, (struct sockaddr *)&source, sizeof(source)) < 0)
		fail("bind");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		fail("connect");
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		fail("fcntl");
	return fd;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* ---- send ----------------------------------------------------------------- */

enum stage { GREETING, EHLO, MAIL, RCPT, DATA, BODY, QUIT };

struct session {
	int fd;
	enum stage stage;
	bool refused;		/* the message under way */
	double began;
	size_t sent;		/* of the body */
	size_t reply_len;
	char reply[1024];
};

static struct {
	unsigned port, sessions;
	long messages, started, done, failed;
	bool many, pipeline;
	const char *to;
	char *body;
	size_t body_len;
	int epoll;
	unsigned open, next_to;
	double *took;
} send_run;

static void make_body(size_t size)
{
	static const char head[] = "From: load@bench.test\r\nTo: user@bench.test\r\nSubject: load\r\nMessage-ID: <load@bench.test>\r\n"
	    "Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n\r\n";
	static const char line[] = "The quick brown fox jumps over the lazy dog and goes on running.\r\n";
	char *at;

	send_run.body = malloc(size + sizeof(head) + sizeof(line) + 8);
	if (!send_run.body)
		fail("memory");
	at = stpcpy(send_run.body, head);
	while ((size_t)(at - send_run.body) + sizeof(line) < size)
		at = stpcpy(at, line);
	at = stpcpy(at, ".\r\n");
	send_run.body_len = (size_t)(at - send_run.body);
}

static void say(struct session *s, const char *text, size_t len)
{
	if (send(s->fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		fail("send");
}

static void watch(struct session *s, int op, uint32_t what)
{
	struct epoll_event ev = { .events = what, .data.ptr = s };

	if (epoll_ctl(send_run.epoll, op, s->fd, &ev) < 0)
		fail("epoll_ctl");
}

static void session_open(struct session *s)
{
	memset(s, 0, sizeof(*s));
	s->fd = connect_to(send_run.port, 0);
	send_run.open++;
	watch(s, EPOLL_CTL_ADD, EPOLLIN);
}

static void session_close(struct session *s)
{
	close(s->fd);
	s->fd = -1;
	send_run.open--;
	if (!send_run.many && send_run.started < send_run.messages)
		session_open(s);
}

static void begin_message(struct session *s)
{
	char commands[512];
	char to[256];
	int len;

	if (send_run.started == send_run.messages || (!send_run.many && s->began > 0)) {
		s->stage = QUIT;
		say(s, "QUIT\r\n", 6);
		return;
	}
	send_run.started++;
	s->began = now(CLOCK_MONOTONIC);
	s->refused = false;
	s->stage = MAIL;
	if (send_run.pipeline) {
		const char *percent = strstr(send_run.to, "%d");

		if (percent)
			snprintf(to, sizeof(to), "%.*s%u%s", (int)(percent - send_run.to), send_run.to, send_run.next_to++ % 10, percent + 2);
		else
			snprintf(to, sizeof(to), "%s", send_run.to);
		len = snprintf(commands, sizeof(commands), "MAIL FROM:<load@bench.test>\r\nRCPT TO:<%s>\r\nDATA\r\n", to);
	} else {
		len = snprintf(commands, sizeof(commands), "MAIL FROM:<load@bench.test>\r\n");
	}
	say(s, commands, (size_t)len);
}

static void send_rcpt(struct session *s)
{
	const char *percent = strstr(send_run.to, "%d");
	char command[320];
	int len;

	if (percent)
		len = snprintf(command, sizeof(command), "RCPT TO:<%.*s%u%s>\r\n", (int)(percent - send_run.to), send_run.to,
		    send_run.next_to++ % 10, percent + 2);
	else
		len = snprintf(command, sizeof(command), "RCPT TO:<%s>\r\n", send_run.to);
	say(s, command, (size_t)len);
}

static void send_body(struct session *s)
{
	ssize_t n = send(s->fd, send_run.body + s->sent, send_run.body_len - s->sent, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		fail("send");
	s->sent += n > 0 ? (size_t)n : 0;
	watch(s, EPOLL_CTL_MOD, s->sent < send_run.body_len ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void message_end(struct session *s, int code)
{
	if (code == 250)
		send_run.took[send_run.done++] = now(CLOCK_MONOTONIC) - s->began;
	else
		send_run.failed++;
	begin_message(s);
}

static void reply(struct session *s, int code)
{
	switch (s->stage) {
	case GREETING:
		s->stage = EHLO;
		say(s, "EHLO load.test\r\n", 16);
		break;
	case EHLO:
		begin_message(s);
		break;
	case MAIL:
		s->refused |= code != 250;
		s->stage = RCPT;
		if (!send_run.pipeline)
			send_rcpt(s);
		break;
	case RCPT:
		s->refused |= code != 250;
		s->stage = DATA;
		if (!send_run.pipeline)
			say(s, "DATA\r\n", 6);
		break;
	case DATA:
		if (code != 354) {
			message_end(s, code);
			break;
		}
		s->stage = BODY;
		s->sent = 0;
		if (s->refused)
			s->sent = send_run.body_len - 3;	/* only the dot */
		send_body(s);
		break;
	case BODY:
		message_end(s, code);
		break;
	case QUIT:
		break;
	}
}

static void readable(struct session *s)
{
	ssize_t n = recv(s->fd, s->reply + s->reply_len, sizeof(s->reply) - s->reply_len, 0);
	char *line = s->reply, *end, *newline;

	if (n <= 0) {
		if (s->stage != QUIT) {
			send_run.failed += s->stage > EHLO;
			fprintf(stderr, "load: the server closed a session\n");
		}
		session_close(s);
		return;
	}
	s->reply_len += (size_t)n;
	end = s->reply + s->reply_len;
	while ((newline = memchr(line, '\n', (size_t)(end - line)))) {
		if (newline - line > 3 && line[3] == ' ')
			reply(s, (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0');
		line = newline + 1;
	}
	s->reply_len = (size_t)(end - line);
	memmove(s->reply, line, s->reply_len);
	if (s->reply_len == sizeof(s->reply))
		s->reply_len = 0;
}

static int run_send(char **arg, int n)
{
	struct epoll_event events[256];
	struct session *sessions;
	double began, cpu;

	if (n < 6)
		return 2;
	send_run.port = (unsigned)strtoul(arg[0], NULL, 10);
	send_run.sessions = (unsigned)strtoul(arg[1], NULL, 10);
	send_run.messages = strtol(arg[2], NULL, 10);
	make_body(strtoul(arg[3], NULL, 10));
	send_run.many = !strcmp(arg[4], "many");
	send_run.to = arg[5];
	send_run.pipeline = n > 6 && !strcmp(arg[6], "pipeline");
	send_run.epoll = epoll_create1(EPOLL_CLOEXEC);
	send_run.took = calloc((size_t)send_run.messages + 1, sizeof(double));
	sessions = calloc(send_run.sessions, sizeof(*sessions));
	if (!send_run.took || !sessions)
		fail("memory");
	cpu = own_cpu();
	began = now(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < send_run.sessions; i++)
		session_open(&sessions[i]);
	while (send_run.open > 0) {
		int ready = epoll_wait(send_run.epoll, events, 256, PATIENCE_MS);

		if (ready == 0) {
			errno = ETIMEDOUT;
			fail("waiting");
		}
		for (int i = 0; i < ready; i++) {
			struct session *s = events[i].data.ptr;

			if (events[i].events & EPOLLOUT && s->stage == BODY)
				send_body(s);
			if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				readable(s);
		}
	}
	qsort(send_run.took, (size_t)send_run.done, sizeof(double), by_size);
	printf("%.3f %ld %ld %.3f %.3f %.3f\n", now(CLOCK_MONOTONIC) - began, send_run.done, send_run.failed, own_cpu() - cpu,
	    send_run.took[send_run.done / 2] * 1e3, send_run.took[send_run.done * 99 / 100] * 1e3);
	return send_run.failed ? 1 : 0;
}

/* ---- sink ----------------------------------------------------------------- */

static long sink_left = -1;	/* messages; negative: no end */
static int sink_tells = -1;	/* a pipe that gets the time of each arrival */

struct sunk {
	int fd;
	bool in_data;
	size_t len;
	char bytes[65536];
};

static struct {
	int file;		/* -1: none */
	off_t at;
} sink_keeps = { .file = -1 };

/* Into blocks that were written once before. */
static bool sink_sync(const char *bytes, size_t len)
{
	if (sink_keeps.file < 0)
		return true;
	if (sink_keeps.at + (off_t)len > SINK_FILE)
		sink_keeps.at = 0;
	if (pwrite(sink_keeps.file, bytes, len, sink_keeps.at) < 0 || fdatasync(sink_keeps.file) < 0)
		return false;
	sink_keeps.at += (off_t)((len + 4095) & ~(size_t)4095);
	return true;
}

static bool sink_open(const char *name)
{
	static const char zeros[1 << 16];

	sink_keeps.file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	for (off_t at = 0; at < SINK_FILE; at += (off_t)sizeof(zeros))
		if (pwrite(sink_keeps.file, zeros, sizeof(zeros), at) < 0)
			return false;
	return fdatasync(sink_keeps.file) == 0;
}

/* Answers one command; false when the client said QUIT. */
static bool sink_command(struct sunk *c, const char *line)
{
	static const char hello[] = "250-sink.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n";
	const char *answer = "250 2.0.0 Ok\r\n";

	if (!strncasecmp(line, "EHLO", 4))
		answer = hello;
	else if (!strncasecmp(line, "DATA", 4)) {
		answer = "354 Go on\r\n";
		c->in_data = true;
	} else if (!strncasecmp(line, "QUIT", 4))
		return false;
	return send(c->fd, answer, strlen(answer), MSG_NOSIGNAL) > 0;
}

static void sink_took_one(void)
{
	double at = now(CLOCK_MONOTONIC);

	if (sink_tells >= 0 && write(sink_tells, &at, sizeof(at)) != sizeof(at))
		exit(0);
	if (--sink_left == 0) {
		printf("%.6f\n", now(CLOCK_REALTIME));
		exit(0);
	}
}

static bool sink_lines(struct sunk *c)
{
	char *line = c->bytes, *end = c->bytes + c->len, *stop;

	while (line < end) {
		if (c->in_data) {
			stop = memmem(line, (size_t)(end - line), "\r\n.\r\n", 5);
			if (!stop) {
				size_t keep = (size_t)(end - line) < 4 ? (size_t)(end - line) : 4;

				line = end - keep;
				break;
			}
			c->in_data = false;
			if (!sink_sync(line, (size_t)(stop - line)))
				fail("sync");
			line = stop + 5;
			if (send(c->fd, "250 2.0.0 Ok\r\n", 14, MSG_NOSIGNAL) < 0)
				return false;
			sink_took_one();
			continue;
		}
		stop = memchr(line, '\n', (size_t)(end - line));
		if (!stop)
			break;
		if (!sink_command(c, line))
			return false;
		line = stop + 1;
	}
	c->len = (size_t)(end - line);
	memmove(c->bytes, line, c->len);
	return c->len < sizeof(c->bytes);
}

static void sink_read(struct sunk *c)
{
	ssize_t n = recv(c->fd, c->bytes + c->len, sizeof(c->bytes) - c->len, 0);

	if (n > 0) {
		c->len += (size_t)n;
		if (sink_lines(c))
			return;
		send(c->fd, "221 2.0.0 Bye\r\n", 15, MSG_NOSIGNAL);
	}
	close(c->fd);
	free(c);
}

static int sink_listen(const char *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	at.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 4096) < 0)
		fail("listen");
	return fd;
}

__attribute__((noreturn)) static void sink_serve(int fd)
{
	int epoll = epoll_create1(0), one = 1;
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL }, events[64];

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		fail("epoll_ctl");
	for (;;) {
		int ready = epoll_wait(epoll, events, 64, -1);

		for (int i = 0; i < ready; i++) {
			struct sunk *c = events[i].data.ptr;

			if (c) {
				sink_read(c);
				continue;
			}
			c = calloc(1, sizeof(*c));
			if (!c || (c->fd = accept(fd, NULL, NULL)) < 0)
				fail("accept");
			setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
			ev.data.ptr = c;
			epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &ev);
			send(c->fd, "220 sink.test ESMTP\r\n", 21, MSG_NOSIGNAL);
		}
	}
}

static int run_sink(char **arg, int n)
{
	if (n < 1)
		return 2;
	if (n > 1)
		sink_left = strtol(arg[1], NULL, 10);
	sink_serve(sink_listen(arg[0]));
}

static int run_keep(char **arg, int n)
{
	if (n < 2)
		return 2;
	if (!sink_open(arg[1]))
		fail(arg[1]);
	sink_serve(sink_listen(arg[0]));
}

/* ---- idle ----------------------------------------------------------------- */

static bool read_reply(int fd, SSL *tls)
{
	char line[2048];
	size_t len = 0;

	while (len < sizeof(line) - 1) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (!tls && poll(&p, 1, PATIENCE_MS) <= 0)
			return false;
		n = tls ? SSL_read(tls, line + len, (int)(sizeof(line) - 1 - len)) : recv(fd, line + len, sizeof(line) - 1 - len, 0);
		if (n <= 0)
			return false;
		len += (size_t)n;
		line[len] = 0;
		if (line[len - 1] == '\n') {
			char *last = line + len - 1;

			while (last > line && last[-1] != '\n')
				last--;
			if (last[3] == ' ')
				return line[0] == '2' || line[0] == '3';
		}
	}
	return false;
}

static bool idle_tls(SSL_CTX *ctx, int fd)
{
	SSL *tls = SSL_new(ctx);

	if (send(fd, "EHLO load.test\r\n", 16, MSG_NOSIGNAL) < 0 || !read_reply(fd, NULL) || send(fd, "STARTTLS\r\n", 10, MSG_NOSIGNAL) < 0 ||
	    !read_reply(fd, NULL) || fcntl(fd, F_SETFL, 0) < 0)
		return false;
	SSL_set_fd(tls, fd);
	if (SSL_connect(tls) != 1 || SSL_write(tls, "EHLO load.test\r\n", 16) <= 0 || !read_reply(fd, tls))
		return false;
	SSL_set_quiet_shutdown(tls, 1);
	return true;	/* kept until the process ends */
}

static int run_idle(char **arg, int n)
{
	unsigned port, count, up = 0;
	SSL_CTX *ctx = NULL;
	struct rlimit files;
	char byte;

	if (n < 2)
		return 2;
	port = (unsigned)strtoul(arg[0], NULL, 10);
	count = (unsigned)strtoul(arg[1], NULL, 10);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (n > 2) {
		ctx = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	}
	for (unsigned i = 0; i < count; i++) {
		int fd = connect_to(port, 1 + i % 200);

		up += read_reply(fd, NULL) && (!ctx || idle_tls(ctx, fd));
	}
	printf("ready %u\n", up);
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return up == count ? 0 : 1;
}

/* ---- sync, arrive --------------------------------------------------------- */

static int run_sync(char **arg, int n)
{
	long count;
	size_t size;
	double *took, sum = 0;
	char *block;
	int fd;

	if (n < 3)
		return 2;
	count = strtol(arg[1], NULL, 10);
	size = strtoul(arg[2], NULL, 10);
	fd = open(arg[0], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	took = calloc((size_t)count, sizeof(*took));
	block = calloc(1, size);
	if (fd < 0 || !took || !block)
		fail("sync");
	for (int round = 0; round < 2; round++)
		for (long i = 0; i < count; i++) {
			double began = now(CLOCK_MONOTONIC);

			if (pwrite(fd, block, size, (off_t)((size_t)i * ((size + 4095) & ~(size_t)4095))) < 0 || fdatasync(fd) < 0)
				fail("sync");
			took[i] = now(CLOCK_MONOTONIC) - began;
		}
	for (long i = 0; i < count; i++)
		sum += took[i];
	qsort(took, (size_t)count, sizeof(double), by_size);
	printf("%.4f %.4f\n", took[count / 2] * 1e3, sum / (double)count * 1e3);
	return 0;
}

static int run_arrive(char **arg, int n)
{
	int watcher = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	double until;
	long count;

	if (n < 3 || watcher < 0)
		return 2;
	until = now(CLOCK_MONOTONIC) + strtod(arg[0], NULL);
	count = strtol(arg[1], NULL, 10);
	for (int i = 2; i < n; i++)
		if (inotify_add_watch(watcher, arg[i], IN_MOVED_TO | IN_CREATE) < 0)
			fail(arg[i]);
	printf("watching\n");
	fflush(stdout);
	while (count > 0) {
		struct pollfd p = { .fd = watcher, .events = POLLIN };
		_Alignas(struct inotify_event) char bytes[65536];
		ssize_t len;
		double left = until - now(CLOCK_MONOTONIC);

		if (left <= 0 || poll(&p, 1, (int)(left * 1000)) <= 0)
			break;
		len = read(watcher, bytes, sizeof(bytes));
		for (ssize_t at = 0; at < len;) {
			const struct inotify_event *ev = (const struct inotify_event *)(const void *)(bytes + at);

			count -= !(ev->mask & (IN_ISDIR | IN_Q_OVERFLOW));
			at += (ssize_t)(sizeof(*ev) + ev->len);
		}
	}
	printf("%.6f %ld\n", now(CLOCK_REALTIME), count);
	return count > 0;
}

/* ---- latency ------------------------------------------------------------------ */

static void ask(int fd, const char *text, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	for (ssize_t n; len > 0; len -= (size_t)n, text += n) {
		if (poll(&p, 1, PATIENCE_MS) <= 0 || (n = send(fd, text, len, MSG_NOSIGNAL)) < 0)
			fail("send");
	}
	if (!read_reply(fd, NULL))
		fail("a reply that was not 2xx or 3xx");
}

static double one_mail(int fd, int arrivals, const char *from, const char *to)
{
	char command[400];
	double began = now(CLOCK_MONOTONIC), arrived;

	ask(fd, command, (size_t)snprintf(command, sizeof(command), "MAIL FROM:<%s>\r\n", from));
	ask(fd, command, (size_t)snprintf(command, sizeof(command), "RCPT TO:<%s>\r\n", to));
	ask(fd, "DATA\r\n", 6);
	ask(fd, send_run.body, send_run.body_len);
	if (read(arrivals, &arrived, sizeof(arrived)) != sizeof(arrived))
		fail("the sink");
	return arrived - began;
}

static int run_latency(char **arg, int n)
{
	int ends[2], fd, listening;
	long count;
	pid_t sink;

	if (n < 6 || pipe(ends))
		return 2;
	listening = sink_listen(arg[1]);
	sink = fork();
	if (sink == 0) {
		close(ends[0]);
		sink_tells = ends[1];
		sink_serve(listening);
	}
	close(ends[1]);
	count = strtol(arg[2], NULL, 10);
	make_body(strtoul(arg[3], NULL, 10));
	send_run.took = calloc((size_t)count + 1, sizeof(double));
	fd = connect_to((unsigned)strtoul(arg[0], NULL, 10), 0);
	if (!send_run.took || !read_reply(fd, NULL))
		fail("no greeting");
	ask(fd, "EHLO load.test\r\n", 16);
	for (long i = 0; i < count; i++)
		send_run.took[i] = one_mail(fd, ends[0], arg[4], arg[5]);
	kill(sink, SIGTERM);
	qsort(send_run.took, (size_t)count, sizeof(double), by_size);
	printf("%.3f %.3f\n", send_run.took[count / 2] * 1e3, send_run.took[count * 99 / 100] * 1e3);
	return 0;
}

/* ---- keys ---------------------------------------------------------------- */

static double sign_many(EVP_PKEY *key, long count)
{
	bool is_rsa = EVP_PKEY_is_a(key, "RSA");
	EVP_PKEY_CTX *context = is_rsa ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	unsigned char digest[32] = { 1 }, signature[512];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	double began;

	if (is_rsa && (EVP_PKEY_sign_init(context) != 1 || EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) != 1))
		fail("no RSA");
	began = own_cpu();
	for (long i = 0; i < count; i++) {
		size_t len = sizeof(signature);

		if (is_rsa ? EVP_PKEY_sign(context, signature, &len, digest, sizeof(digest)) != 1 :
		    EVP_DigestSignInit(md, NULL, NULL, NULL, key) != 1 || EVP_DigestSign(md, signature, &len, digest, sizeof(digest)) != 1)
			fail("no signature");
	}
	return (own_cpu() - began) / (double)count * 1e3;
}

static int run_keys(char **arg, int n)
{
	long count = n > 0 ? strtol(arg[0], NULL, 10) : 0;

	if (count < 1)
		return 2;
	printf("%.4f %.4f\n", sign_many(EVP_RSA_gen(2048), count), sign_many(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), count));
	return 0;
}

int main(int argc, char **argv)
{
	int status = 2;

	signal(SIGPIPE, SIG_IGN);
	if (argc > 2 && !strcmp(argv[1], "send"))
		status = run_send(argv + 2, argc - 2);
	else if (argc > 2 && !strcmp(argv[1], "sink"))
		status = run_sink(argv + 2, argc - 2);
	else if (argc > 2 && !strcmp(argv[1], "keep"))
		status = run_keep(argv + 2, argc - 2);
	else if (argc > 2 && !strcmp(argv[1], "latency"))
		status = run_latency(argv + 2, argc - 2);
	else if (argc > 2 && !strcmp(argv[1], "idle"))
		status = run_idle(argv + 2, argc - 2);
	else if (argc > 2 && !strcmp(argv[1], "sync"))
		status = run_sync(argv + 2, argc - 2);
	else if (argc > 2 && !strcmp(argv[1], "keys"))
		status = run_keys(argv + 2, argc - 2);
	else if (argc > 2 && !strcmp(argv[1], "arrive"))
		status = run_arrive(argv + 2, argc - 2);
	if (status == 2)
		fprintf(stderr, "usage: load send|sink|keep|latency|idle|sync|keys|arrive …: see the head of tests/bench/load.c\n");
	return status;
}
