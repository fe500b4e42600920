#include "master/control_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "loop/channel.h"

struct control {
	struct loop *loop;
	uv_poll_t poll;
	int fd;			/* -1: lent to one client */
	uid_t base_uid, own_uid;
	gid_t group;
	bool has_group;
	struct list clients;
	unsigned n_clients;
	uint16_t next_instance;
	control_asked *asked;
	control_is_own *is_own;
	void (*left)(void *arg);	/* NULL: clients come and go */
	void *arg;
};

struct control_client {
	struct list list;
	struct control *control;
	struct channel *channel;
	struct list asks;
	unsigned n_asks;
};

/* ---- birth ---------------------------------------------------------------------- */

static enum pr_err complain(struct buf *words, const char *path)
{
	buf_printf(words, "can't make the control socket %s: %s", path, strerror(errno));
	return PR_IO;
}

enum pr_err control_bind(const char *runtime, const struct identities *ids, int *fd, struct buf *words)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int n = snprintf(at.sun_path, sizeof(at.sun_path), "%s/control", runtime);

	if (n < 0 || (size_t)n >= sizeof(at.sun_path)) {
		errno = ENAMETOOLONG;
		return complain(words, runtime);
	}
	*fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return complain(words, at.sun_path);
	/* We hold the lock on the state: what lies there is of a server that died. */
	(void)unlink(at.sun_path);
	if (bind(*fd, (const struct sockaddr *)&at, sizeof(at)) == 0 && chmod(at.sun_path, 0660) == 0 &&
	    (!ids->is_root || chown(at.sun_path, ids->base.uid, ids->control_group) == 0) && listen(*fd, CONTROL_CLIENTS_MAX) == 0)
		return PR_OK;
	close(*fd);
	*fd = -1;
	return complain(words, at.sun_path);
}

static void on_connection(uv_poll_t *poll, int status, int what);

struct control *control_new_take(struct loop *loop, int fd, const struct identities *ids, control_asked *asked, control_is_own *is_own, void *arg)
{
	struct control *c = mem_new(sizeof(*c));

	c->loop = loop;
	c->fd = fd;
	c->base_uid = ids->base.uid;
	c->own_uid = geteuid();
	c->group = ids->control_group;
	c->has_group = ids->has_control_group;
	c->asked = asked;
	c->is_own = is_own;
	c->arg = arg;
	list_init(&c->clients);
	uv_poll_init(loop_uv(loop), &c->poll, fd);
	c->poll.data = c;
	uv_poll_start(&c->poll, UV_READABLE, on_connection);
	return c;
}

/* ---- a client ------------------------------------------------------------------- */

static void forget_ask(struct control_ask *ask)
{
	list_remove(&ask->list);
	list_remove(&ask->of_client);
	ask->client->n_asks--;
	mem_free(ask);
}

static void on_gone(void *owner, struct channel *ch)
{
	struct control_client *client = owner;

	(void)ch;
	LIST_EACH_SAFE(node, &client->asks)
		forget_ask(LIST_OWNER(node, struct control_ask, of_client));
	list_remove(&client->list);
	client->control->n_clients--;
	if (client->control->left)
		client->control->left(client->control->arg);
	mem_free(client);
}

static bool read_ask(struct control_ask *ask, enum wire_verb verb, const union wire_msg *msg)
{
	ask->verb = verb;
	switch (verb) {
	case WIRE_ctl_status: ask->ask = msg->ctl_status.ask; return true;
	case WIRE_ctl_reload: ask->ask = msg->ctl_reload.ask; return true;
	case WIRE_ctl_refresh: ask->ask = msg->ctl_refresh.ask; return true;
	case WIRE_ctl_stop: ask->ask = msg->ctl_stop.ask; return true;
	case WIRE_ctl_meet:
		ask->ask = msg->ctl_meet.ask;
		ask->role = (enum wire_role)msg->ctl_meet.role;
		return true;
	default:
		return false;
	}
}

static void on_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct control_client *client = owner;
	struct control_ask *ask;

	if (fd >= 0)
		close(fd);
	ask = mem_new(sizeof(*ask));
	list_init(&ask->list);
	ask->client = client;
	if (!read_ask(ask, verb, msg)) {
		mem_free(ask);
		return;
	}
	if (client->n_asks >= CONTROL_ASKS_MAX) {
		channel_put(ch, WIRE_ctl_done, &(struct wire_ctl_done){ .ask = ask->ask, .exit = 75, .words = SPAN("too many questions at once") });
		mem_free(ask);
		return;
	}
	list_add_last(&client->asks, &ask->of_client);
	client->n_asks++;
	client->control->asked(client->control->arg, ask);
}

static const struct channel_handlers handlers = { .on_verb = on_verb, .on_gone = on_gone };

/* ---- who may ---------------------------------------------------------------------- */

static bool has_group(int fd, const struct ucred *peer, gid_t group)
{
	gid_t groups[1024];
	socklen_t len = sizeof(groups);

	if (peer->gid == group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (unsigned i = 0; i < len / sizeof(gid_t); i++)
		if (groups[i] == group)
			return true;
	return false;
}

static bool may_ask(const struct control *c, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	if (c->is_own(c->arg, peer.pid))
		return false;
	return peer.uid == 0 || peer.uid == c->base_uid || peer.uid == c->own_uid ||
	    (c->has_group && has_group(fd, &peer, c->group));
}

static void add_client_take(struct control *c, int fd)
{
	struct control_client *client = mem_new(sizeof(*client));

	client->control = c;
	list_init(&client->asks);
	list_add_last(&c->clients, &client->list);
	c->n_clients++;
	client->channel = channel_open_take(c->loop, fd, ROLE_MASTER, ROLE_CTL, c->next_instance++, &handlers, client);
}

static void take_client(struct control *c, int fd)
{
	if (c->n_clients < CONTROL_CLIENTS_MAX && may_ask(c, fd))
		add_client_take(c, fd);
	else
		close(fd);
}

struct control *control_lent_take(struct loop *loop, int fd, control_asked *asked, void (*left)(void *arg), void *arg)
{
	struct control *c = mem_new(sizeof(*c));

	c->loop = loop;
	c->fd = -1;
	c->asked = asked;
	c->left = left;
	c->arg = arg;
	list_init(&c->clients);
	add_client_take(c, fd);
	return c;
}

static void on_connection(uv_poll_t *poll, int status, int what)
{
	struct control *c = poll->data;
	int fd;

	(void)status, (void)what;
	while ((fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		take_client(c, fd);
}

/* ---- answers ------------------------------------------------------------------------ */

uint16_t control_instance(const struct control_ask *ask)
{
	return channel_instance(ask->client->channel);
}

void control_row(const struct control_ask *ask, const struct wire_ctl_row *row)
{
	struct wire_ctl_row told = *row;

	told.ask = ask->ask;
	channel_put(ask->client->channel, WIRE_ctl_row, &told);
}

void control_note(const struct control_ask *ask, struct span words)
{
	channel_put(ask->client->channel, WIRE_ctl_note, &(struct wire_ctl_note){ .ask = ask->ask, .words = words });
}

void control_done(struct control_ask *ask, int exit, struct span words, int fd)
{
	struct wire_ctl_done done = { .ask = ask->ask, .exit = (uint8_t)exit };

	done.words = span_first(words, WIRE_PART_MAX);
	if (fd >= 0) {
		channel_put_fd(ask->client->channel, WIRE_ctl_done, &done, fd);
		close(fd);
	} else {
		channel_put(ask->client->channel, WIRE_ctl_done, &done);
	}
	forget_ask(ask);
}

/* ---- close --------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
	struct control *c = handle->data;

	close(c->fd);
	mem_free(c);
}

void control_free(struct control **cp)
{
	struct control *c = *cp;

	*cp = NULL;
	if (!c)
		return;
	c->left = NULL;
	LIST_EACH_SAFE(node, &c->clients) {
		struct control_client *client = LIST_OWNER(node, struct control_client, list);
		struct channel *ch = client->channel;

		on_gone(client, ch);
		channel_close(&ch);
	}
	if (c->fd >= 0)
		uv_close((uv_handle_t *)&c->poll, on_closed);
	else
		mem_free(c);
}
