#include "auth/auth_io.h"

#include <unistd.h>

#include "auth/directory.h"
#include "auth/logins_io.h"
#include "auth/relay_logins.h"
#include "auth/table_io.h"
#include "base/mem.h"

struct auth {
	struct process *process;
	struct directory *directory;
	struct logins *logins;
	const struct settings *settings;	/* those of the directory */
	struct relay_logins relay_logins;
	struct list coming;	/* tables told since the last tables_done */
	struct buf problems;
	struct list peers;
};

struct peer {
	struct list list;
	struct auth *auth;
	struct channel *channel;
	struct desk *desk;	/* of an smtpd */
};

/* ---- questions ---------------------------------------------------------------- */

static struct span deliver_name(const struct auth *a, uint16_t deliver)
{
	return deliver == EXPANSION_FOREIGN ? SPAN_NONE : span_of_text(a->settings->deliver[deliver].title);
}

static void look_at_clock(struct auth *a)
{
	directory_set_day(a->directory, loop_now(process_loop(a->process)).wall_ms);
}

static void answer_address(struct auth *a, struct channel *ch, const struct wire_address_ask *ask)
{
	struct wire_address_told told = { .ask = ask->ask, .result = (uint8_t)directory_ask(a->directory, ask->address), .deliver = SPAN_NONE };

	if (told.result == ADDRESS_ASK) {
		struct directory_server server = directory_server(a->directory, ask->address);

		told.deliver = deliver_name(a, server.deliver);
		told.otherwise = (uint8_t)server.otherwise;
	}
	channel_put(ch, WIRE_address_told, &told);
}

static void answer_expand(struct auth *a, struct channel *ch, const struct wire_expand_ask *ask)
{
	struct directory_answer answer;
	struct wire_expand_done done;

	directory_expand(a->directory, ask->address, ask->sender, &answer);
	for (size_t i = 0; i < answer.n_rows; i++) {
		const struct expansion_row *row = &answer.rows[i];
		struct wire_expand_to to = { .ask = ask->ask, .deliver = deliver_name(a, row->deliver), .kind = row->kind, .mailbox = row->mailbox, .address = row->address,
			.sender = row->sender };

		channel_put(ch, WIRE_expand_to, &to);
	}
	done = (struct wire_expand_done){ .ask = ask->ask, .result = (uint8_t)answer.result, .why = span_of_text(answer.why) };
	channel_put(ch, WIRE_expand_done, &done);
}

static void answer_relay_login(struct auth *a, struct channel *ch, const struct wire_relay_login_ask *ask)
{
	const struct relay_login *login = relay_logins_find(&a->relay_logins, ask->file);
	struct wire_relay_login_told told = { .ask = ask->ask, .user = span_of_text(login ? login->user : NULL),
		.password = span_of_text(login ? login->password : NULL) };

	channel_put(ch, WIRE_relay_login_told, &told);
}

static void on_peer_verb(void *owner, struct channel *ch, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct peer *p = owner;

	if (fd >= 0)
		(void)close(fd);
	look_at_clock(p->auth);
	if (verb == WIRE_address_ask)
		answer_address(p->auth, ch, &msg->address_ask);
	else if (verb == WIRE_expand_ask)
		answer_expand(p->auth, ch, &msg->expand_ask);
	else if (p->desk)
		desk_verb(p->desk, verb, msg);
	else if (verb == WIRE_relay_login_ask)
		answer_relay_login(p->auth, ch, &msg->relay_login_ask);
}

static void peer_free(struct peer *p)
{
	desk_free(&p->desk);
	list_remove(&p->list);
	mem_free(p);
}

static void on_peer_gone(void *owner, struct channel *ch)
{
	struct peer *p = owner;

	(void)ch;
	peer_free(p);
}

static void on_wire(void *owner, enum wire_role role, uint16_t instance, uint32_t generation, int fd)
{
	static const struct channel_handlers handlers = { .on_verb = on_peer_verb, .on_gone = on_peer_gone };
	struct auth *a = owner;
	struct peer *p = mem_new(sizeof(*p));

	(void)generation;
	p->auth = a;
	list_add_last(&a->peers, &p->list);
	p->channel = channel_open_take(process_loop(a->process), fd, ROLE_AUTH, role, instance, &handlers, p);
	if (role == ROLE_SMTPD)
		p->desk = desk_new(a->logins, p->channel);
}

/* ---- the master's words ------------------------------------------------------- */

static void tell_loaded(struct auth *a, uint32_t serial)
{
	struct wire_tables_loaded loaded = { .serial = serial, .problems = buf_span(&a->problems) };
	struct event ev;

	channel_put(process_master(a->process), WIRE_tables_loaded, &loaded);
	event_begin(&ev, EV_TABLES_LOADED, loop_now(process_loop(a->process)).wall_ms, NULL);
	event_num(&ev, EF_COUNT, (int64_t)(directory_n_users(a->directory) + directory_n_aliases(a->directory)));
	process_event(a->process, &ev);
}

static void tell_changed(struct auth *a)
{
	const struct wire_addresses_changed changed = { 0 };

	LIST_EACH(node, &a->peers) {
		struct channel *ch = LIST_OWNER(node, struct peer, list)->channel;

		if (channel_peer(ch) == ROLE_SMTPD)
			channel_put(ch, WIRE_addresses_changed, &changed);
	}
}

static void on_relay_login(struct auth *a, struct span path, int fd)
{
	char text[RELAY_LOGIN_FILE_MAX];
	size_t len = table_io_read_few_take(fd, text, sizeof(text));

	relay_logins_add(&a->relay_logins, path, span_of(text, len), &a->problems);
	mem_wipe(text, sizeof(text));
}

static void on_table(struct auth *a, const struct wire_table *told, int fd)
{
	struct table *t;

	if (told->kind == TABLE_RELAY_LOGIN) {
		on_relay_login(a, told->path, fd);
		return;
	}
	t = table_io_read_take(fd, told->kind, told->name, told->path, &a->problems);
	list_add_last(&a->coming, &t->list);
}

static void on_master_verb(void *owner, enum wire_verb verb, const union wire_msg *msg, int fd)
{
	struct auth *a = owner;

	if (verb == WIRE_table && fd >= 0) {
		on_table(a, &msg->table, fd);
		return;
	}
	if (fd >= 0)
		(void)close(fd);
	if (verb == WIRE_srs_key)
		srs_keys_add(directory_srs_keys(a->directory), msg->srs_key.from_day, msg->srs_key.key);
	else if (verb == WIRE_srs_keys_done)
		srs_keys_take(directory_srs_keys(a->directory));
	else if (verb == WIRE_salt_key)
		logins_salt_key(a->logins, msg->salt_key.key);
	if (verb != WIRE_tables_done)
		return;
	look_at_clock(a);
	directory_take_tables(a->directory, &a->coming, &a->problems);
	relay_logins_take(&a->relay_logins);
	tell_changed(a);
	tell_loaded(a, msg->tables_done.serial);
	buf_clear(&a->problems);
}

static void on_settings(void *owner, const struct settings *s)
{
	struct auth *a = owner;

	directory_set(a->directory, s);
	logins_set(a->logins, s);
	a->settings = s;
	tell_changed(a);
}

static void on_begin(void *owner)
{
	struct auth *a = owner;

	process_ready(a->process);
}

static void on_drain(void *owner, int64_t idle_ms, int64_t deadline_ms)
{
	struct auth *a = owner;

	(void)idle_ms;
	(void)deadline_ms;
	process_end(a->process, 0);	/* who logs in is told to try again */
}

static void on_status(void *owner, struct buf *words)
{
	struct auth *a = owner;

	(void)buf_printf(words, "users=%zu aliases=%zu checking=%u", directory_n_users(a->directory), directory_n_aliases(a->directory),
	    logins_checking(a->logins));
}

int auth_run(struct process *process)
{
	static const struct process_handlers handlers = {
		.on_settings = on_settings, .on_wire = on_wire, .on_verb = on_master_verb, .on_begin = on_begin, .on_drain = on_drain,
		.on_status = on_status
	};
	struct auth a = { .process = process, .directory = directory_new() };
	int status;

	list_init(&a.coming);
	relay_logins_init(&a.relay_logins);
	list_init(&a.peers);
	buf_init(&a.problems, TABLE_PROBLEMS_MAX);
	a.logins = logins_new(process_loop(process), a.directory);
	status = process_run(process, &handlers, &a);
	LIST_EACH_SAFE(node, &a.peers) {
		struct peer *p = LIST_OWNER(node, struct peer, list);

		channel_close(&p->channel);
		peer_free(p);
	}
	LIST_EACH_SAFE(node, &a.coming) {
		struct table *t = LIST_OWNER(node, struct table, list);

		table_free(&t);
	}
	buf_fini(&a.problems);
	relay_logins_fini(&a.relay_logins);
	logins_free(&a.logins);
	directory_free(&a.directory);
	return status;
}
