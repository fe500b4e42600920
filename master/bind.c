#include "master/bind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool make_address(const char *text, int64_t port, struct bound *b)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&b->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&b->address;

	memset(&b->address, 0, sizeof(b->address));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		b->address_len = sizeof(*v4);
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1)
		return false;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	b->address_len = sizeof(*v6);
	return true;
}

/* Everybody may submit: who it is the kernel tells. */
static bool make_local(const char *runtime, struct bound *b)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&b->address;
	int n;

	memset(&b->address, 0, sizeof(b->address));
	un->sun_family = AF_UNIX;
	n = snprintf(un->sun_path, sizeof(un->sun_path), "%s/submit", runtime);
	b->address_len = sizeof(*un);
	return n > 0 && (size_t)n < sizeof(un->sun_path);
}

static const struct bound *find(const struct bindings *b, const struct bound *wanted)
{
	for (unsigned i = 0; b && i < b->n; i++)
		if (b->at[i].address_len == wanted->address_len &&
		    memcmp(&b->at[i].address, &wanted->address, wanted->address_len) == 0)
			return &b->at[i];
	return NULL;
}

static bool bind_port(int fd, const struct bound *b)
{
	int yes = 1;

	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
	    (b->address.ss_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) == 0) &&
	    bind(fd, (const struct sockaddr *)&b->address, b->address_len) == 0;
}

/* We hold the lock on the state: what lies there is of a server that died. */
static bool bind_local(int fd, const struct bound *b)
{
	const char *path = ((const struct sockaddr_un *)&b->address)->sun_path;

	(void)unlink(path);
	return bind(fd, (const struct sockaddr *)&b->address, b->address_len) == 0 && chmod(path, 0666) == 0;
}

static int open_socket(const struct bound *b)
{
	int fd = socket(b->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

	if (fd < 0)
		return -1;
	if ((b->address.ss_family == AF_UNIX ? bind_local(fd, b) : bind_port(fd, b)) && listen(fd, BIND_BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static void complain(const struct set_listen *l, const char *address, struct buf *words)
{
	int error = errno;

	buf_printf(words, "listen %s: can't listen on %s port %d: ", l->title, address, (int)l->port);
	if (error == EADDRINUSE)
		buf_printf(words, "another program does; see who with: ss -ltnp 'sport = :%d'", (int)l->port);
	else if (error == EACCES || error == EPERM)
		buf_printf(words, "ports below 1024 need root or CAP_NET_BIND_SERVICE");
	else if (error == EADDRNOTAVAIL)
		buf_printf(words, "this machine does not have the address; it has those that `ip address` shows");
	else
		buf_printf(words, "%s", strerror(error));
}

static bool has_no_ipv6(const struct bound *b)
{
	return b->address.ss_family == AF_INET6 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL);
}

static enum pr_err add_local(struct bindings *out, const struct bindings *old, const struct settings *s, unsigned listener, struct buf *words)
{
	struct bound b = { .listen = (uint16_t)listener };
	const struct bound *known;

	if (!make_local(s->top.runtime, &b) || out->n == BIND_MAX) {
		buf_printf(words, "listen %s: %s is too long for the name of a socket", s->listen[listener].title, s->top.runtime);
		return PR_BAD;
	}
	known = find(old, &b);
	b.fd = known ? known->fd : open_socket(&b);
	if (b.fd >= 0) {
		out->at[out->n++] = b;
		return PR_OK;
	}
	buf_printf(words, "listen %s: can't listen on %s/submit: %s", s->listen[listener].title, s->top.runtime, strerror(errno));
	return PR_IO;
}

/* optional: may be missing on this machine (IPv6, where all addresses are meant). */
static enum pr_err add(struct bindings *out, const struct bindings *old, const struct settings *s, unsigned listener,
    const char *address, bool optional, struct buf *words)
{
	const struct set_listen *l = &s->listen[listener];
	struct bound b = { .listen = (uint16_t)listener };
	const struct bound *known;
	enum pr_err err;

	if (!make_address(address, l->port, &b) || out->n == BIND_MAX) {
		buf_printf(words, "listen %s: too many addresses, or %s is none", l->title, address);
		return PR_BAD;
	}
	known = find(old, &b);
	b.fd = known ? known->fd : open_socket(&b);
	if (b.fd >= 0) {
		out->at[out->n++] = b;
		return PR_OK;
	}
	if (optional && has_no_ipv6(&b))
		return PR_OK;
	err = errno == EACCES || errno == EPERM ? PR_DENIED : PR_IO;
	complain(l, address, words);
	return err;
}

static enum pr_err add_listener(struct bindings *out, const struct bindings *old, const struct settings *s, unsigned i, struct buf *words)
{
	const struct set_list *addresses = &s->listen[i].address;
	enum pr_err err = PR_OK;

	if (s->listen[i].local)
		return add_local(out, old, s, i, words);
	for (unsigned n = 0; n < addresses->n && err == PR_OK; n++)
		err = add(out, old, s, i, addresses->at[n], false, words);
	if (addresses->n > 0)
		return err;
	err = add(out, old, s, i, "0.0.0.0", false, words);
	return err == PR_OK ? add(out, old, s, i, "::", true, words) : err;
}

enum pr_err bind_open(const struct settings *s, const struct bindings *old, struct bindings *out, struct buf *words)
{
	out->n = 0;
	for (unsigned i = 0; i < s->n_listen; i++) {
		enum pr_err err = add_listener(out, old, s, i, words);

		if (err == PR_OK)
			continue;
		bind_close(out, old);
		return err;
	}
	return PR_OK;
}

void bind_close(struct bindings *b, const struct bindings *kept)
{
	for (unsigned i = 0; i < b->n; i++)
		if (!find(kept, &b->at[i]))
			close(b->at[i].fd);
	b->n = 0;
}
