#include "spool_world.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "loop/packet.h"
#include "spool/disk_io.h"
#include "spool/envelope.h"
#include "spool/spool_io.h"
#include "wire/codec.h"
#include "wire/event.h"

#define PEERS_MAX  32
#define TURNS_MAX  10000
#define STARTS_MAX 256	/* of all tests */

struct said {
	struct list list;
	size_t len;
	char bytes[];
};

struct channel {
	enum wire_role peer;
	uint16_t instance;
	struct channel_handlers handlers;
	void *owner;
	struct list said;
	struct buf heard;		/* what world_hear gave last */
	bool is_used;
};

/* A MESSAGE, a CHUNK or an ANNEX on the disk. */
struct kept {
	struct list list;
	struct msg_id id;
	struct place place;
	struct buf brief, envelope, content;
	struct buf states[64];
	unsigned n_states;
	bool is_chunk, is_annex, is_done;
};

enum asked { ASK_MESSAGE, ASK_CHUNK, ASK_ANNEX, ASK_STATE, ASK_END };

struct asked_of_disk {
	struct list list;
	struct journal_request *request;
	enum asked what;
	struct msg_id id;
	struct kept *kept;
	struct buf state;
};

struct disk_reader {
	struct kept *kept;
	const struct disk_reader_handlers *handlers;
	void *owner;
	unsigned calls, pieces;
	bool is_closed;
};

struct world world;

static struct {
	const struct process_handlers *handlers;
	void *owner;
	void *owners[STARTS_MAX];	/* of programs that were killed: still reachable */
	unsigned n_starts;
	const struct journal_owner *words;
	void *arg;
	struct channel peers[PEERS_MAX], *opened;
	struct list kept, asked;
	struct heap deadlines;
	struct list turn_ends;
	uint32_t place;
	bool did_something;
} w;

/* ---- the loop ------------------------------------------------------------------ */

struct instant loop_now(struct loop *loop)
{
	(void)loop;
	return world.now;
}

void deadline_init(struct deadline *d, void (*fn)(struct deadline *)) { *d = (struct deadline){ .fn = fn }; }
void deadline_set(struct loop *loop, struct deadline *d, int64_t mono_ms) { (void)loop; heap_set(&w.deadlines, &d->node, mono_ms); }
void deadline_clear(struct loop *loop, struct deadline *d) { (void)loop; heap_remove(&w.deadlines, &d->node); }
void loop_on_turn_end(struct loop *loop, struct turn_end *te) { (void)loop; list_add_last(&w.turn_ends, &te->list); }

/* ---- channels -------------------------------------------------------------------- */

struct channel *channel_open_take(struct loop *loop, int fd, enum wire_role self, enum wire_role peer, uint16_t instance,
    const struct channel_handlers *handlers, void *owner)
{
	(void)loop;
	(void)fd;
	(void)self;
	for (unsigned i = 0; i < PEERS_MAX; i++) {
		struct channel *ch = &w.peers[i];

		if (ch->is_used)
			continue;
		*ch = (struct channel){ .peer = peer, .instance = instance, .handlers = *handlers, .owner = owner, .is_used = true };
		list_init(&ch->said);
		buf_init(&ch->heard, WIRE_PACKET_MAX);
		return w.opened = ch;
	}
	fail_msg("too many peers");
	return NULL;
}

enum wire_role channel_peer(const struct channel *ch) { return ch->peer; }
uint16_t channel_instance(const struct channel *ch) { return ch->instance; }

void channel_put(struct channel *ch, enum wire_verb verb, const void *msg)
{
	struct said *s = mem_new(sizeof(*s) + WIRE_PACKET_MAX);

	assert_true(ch->is_used);
	assert_true(wire_permitted(verb, ROLE_SPOOL, ch->peer));
	s->len = wire_put(s->bytes, WIRE_PACKET_MAX, verb, msg);
	assert_true(s->len > 0);
	s = mem_resize(s, sizeof(*s) + s->len);
	list_add_last(&ch->said, &s->list);
	w.did_something = true;
}

void channel_flush(struct channel *ch)
{
	(void)ch;	/* what was put is heard already */
}

void channel_put_borrowed(struct channel *ch, enum wire_verb verb, const void *msg, struct span bytes, void (*done)(void *arg), void *arg)
{
	struct wire_job_part part = *(const struct wire_job_part *)msg;

	part.bytes = bytes;
	channel_put(ch, verb, &part);
	done(arg);
}

struct packet *packet_keep(struct channel *ch)
{
	(void)ch;
	return mem_new(1);	/* that it is released is seen by the sanitizer */
}

void packet_release(struct packet **p)
{
	mem_free(*p);
	*p = NULL;
}

static void said_free(struct channel *ch)
{
	struct list *l;

	while ((l = list_take_first(&ch->said)))
		mem_free(LIST_OWNER(l, struct said, list));
	buf_fini(&ch->heard);
	ch->is_used = false;
}

static bool hear(struct channel *ch, enum wire_verb verb, union wire_msg *msg, bool takes)
{
	LIST_EACH(l, &ch->said) {
		struct said *s = LIST_OWNER(l, struct said, list);
		struct span packet = { s->bytes, s->len };
		enum wire_verb got;

		assert_int_equal(wire_get(&packet, &got, msg), PR_OK);
		if (got != verb)
			continue;
		buf_clear(&ch->heard);
		(void)buf_add(&ch->heard, span_of(s->bytes, s->len));
		packet = buf_span(&ch->heard);
		assert_int_equal(wire_get(&packet, &got, msg), PR_OK);
		if (takes) {
			list_remove(l);
			mem_free(s);
		}
		return true;
	}
	return false;
}

bool world_hear(struct channel *ch, enum wire_verb verb, union wire_msg *msg) { return hear(ch, verb, msg, true); }
bool world_sees(struct channel *ch, enum wire_verb verb, union wire_msg *msg) { return hear(ch, verb, msg, false); }

struct channel *world_wire(enum wire_role peer, uint16_t instance, uint32_t generation)
{
	w.handlers->on_wire(w.owner, peer, instance, generation, -1);
	world_turn();
	return w.opened;
}

void world_gone(struct channel *ch)
{
	ch->handlers.on_gone(ch->owner, ch);
	said_free(ch);
	world_turn();
}

void world_say(struct channel *ch, enum wire_verb verb, const void *msg)
{
	static char packet[WIRE_PACKET_MAX];
	union wire_msg got;
	struct span rest = { packet, wire_put(packet, sizeof(packet), verb, msg) };
	enum wire_verb same;

	assert_true(wire_permitted(verb, ch->peer, ROLE_SPOOL));
	assert_int_equal(wire_get(&rest, &same, &got), PR_OK);
	if (verb == WIRE_mail_part)	/* its bytes are kept by the packet */
		got.mail_part.bytes = ((const struct wire_mail_part *)msg)->bytes;
	ch->handlers.on_verb(ch->owner, ch, verb, &got, -1);
	world_turn();
}

/* ---- the process -------------------------------------------------------------------- */

struct loop *process_loop(const struct process *p) { (void)p; return NULL; }
void process_note(struct process *p, const struct msg_id *id) { (void)p; (void)id; }
void process_ready(struct process *p) { (void)p; }
void process_end(struct process *p, int status) { (void)p; (void)status; }

void process_event(struct process *p, const struct event *ev)
{
	struct event_view v;

	(void)p;
	assert_int_equal(event_view(event_bytes(ev), &v), PR_OK);
	world.n_events[v.code]++;
}

const char *const *process_folders(const struct process *p)
{
	static const char *const folders[] = { "/", NULL };

	(void)p;
	return folders;
}

int process_run(struct process *p, const struct process_handlers *h, void *owner)
{
	(void)p;
	w.handlers = h;
	w.owner = w.owners[w.n_starts] = owner;
	assert_true(++w.n_starts <= STARTS_MAX);
	return 0;
}

/* ---- the disk -------------------------------------------------------------------------- */

struct disk *disk_open(struct loop *loop, const struct disk_options *o, const struct journal_owner *owner, void *arg, const char **why)
{
	(void)loop;
	(void)o;
	(void)why;
	w.words = owner;
	w.arg = arg;
	return (struct disk *)&w;
}

struct journal *disk_journal(struct disk *d) { return (struct journal *)d; }
void disk_min_free(struct disk *d, uint64_t bytes) { (void)d; (void)bytes; }
void disk_when_idle(struct disk *d, void (*done)(void *arg), void *arg) { (void)d; done(arg); }
bool journal_takes_mail(const struct journal *j) { (void)j; return true; }
void journal_stats(const struct journal *j, struct journal_stats *out) { (void)j; *out = (struct journal_stats){ .messages = 0 }; }
void journal_group_begin(struct journal *j) { (void)j; }
void journal_group_end(struct journal *j) { (void)j; }

static void buf_of(struct buf *b, struct span s)
{
	buf_init(b, 128u << 20);
	(void)buf_add(b, s);
}

static struct asked_of_disk *ask(struct journal_request *r, enum asked what, const struct msg_id *id)
{
	struct asked_of_disk *a = mem_new(sizeof(*a));

	a->request = r;
	a->what = what;
	a->id = *id;
	list_add_last(&w.asked, &a->list);
	w.did_something = true;
	return a;
}

static struct kept *kept_new(const struct msg_id *id, const struct journal_bytes *content)
{
	struct kept *k = mem_new(sizeof(*k));

	k->id = *id;
	list_init(&k->list);
	buf_init(&k->content, 128u << 20);
	for (unsigned i = 0; i < content->n; i++)
		(void)buf_add(&k->content, content->spans[i]);
	return k;
}

static void kept_free(struct kept *k)
{
	buf_fini(&k->brief);
	buf_fini(&k->envelope);
	buf_fini(&k->content);
	for (unsigned i = 0; i < k->n_states; i++)
		buf_fini(&k->states[i]);
	list_remove(&k->list);
	mem_free(k);
}

static struct kept *kept_at(struct place place)
{
	LIST_EACH(l, &w.kept)
		if (place_eq(LIST_OWNER(l, struct kept, list)->place, place))
			return LIST_OWNER(l, struct kept, list);
	return NULL;
}

static struct kept *kept_find(const struct msg_id *id)
{
	LIST_EACH(l, &w.kept)
		if (id_eq(&LIST_OWNER(l, struct kept, list)->id, id) && !LIST_OWNER(l, struct kept, list)->is_chunk)
			return LIST_OWNER(l, struct kept, list);
	return NULL;
}

static struct kept *kept_annex(const struct msg_id *id)
{
	struct kept *last = NULL;

	LIST_EACH(l, &w.kept)
		if (LIST_OWNER(l, struct kept, list)->is_annex && id_eq(&LIST_OWNER(l, struct kept, list)->id, id))
			last = LIST_OWNER(l, struct kept, list);
	return last;
}

void journal_message(struct journal *j, struct journal_request *r, const struct journal_message *m)
{
	struct asked_of_disk *a = ask(r, ASK_MESSAGE, &m->id);

	(void)j;
	a->kept = kept_new(&m->id, &m->content);
	buf_of(&a->kept->brief, m->brief);
	buf_of(&a->kept->envelope, m->envelope);
	if (m->state.len > 0)
		buf_of(&a->kept->states[a->kept->n_states++], m->state);
	for (unsigned i = 0; i < m->n_chunks; i++)
		(void)buf_add(&a->kept->content, buf_span(&kept_at(m->chunks[i].place)->content));
	assert_int_equal(a->kept->content.len, m->size);
}

void journal_chunk(struct journal *j, struct journal_request *r, const struct msg_id *id, struct journal_bytes bytes, bool ours)
{
	struct asked_of_disk *a = ask(r, ASK_CHUNK, id);

	(void)j;
	(void)ours;
	a->kept = kept_new(id, &bytes);
	a->kept->is_chunk = true;
}

void journal_annex(struct journal *j, struct journal_request *r, const struct msg_id *id, struct span bytes, bool sync)
{
	struct asked_of_disk *a = ask(r, ASK_ANNEX, id);

	(void)j;
	(void)sync;
	a->kept = kept_new(id, &(struct journal_bytes){ &bytes, 1 });
	a->kept->is_chunk = a->kept->is_annex = true;
}

void journal_chunk_drop(struct journal *j, const struct journal_piece *pieces, unsigned n)
{
	(void)j;
	for (unsigned i = 0; i < n; i++)
		if (pieces[i].len > 0)
			kept_free(kept_at(pieces[i].place));
}

void journal_state(struct journal *j, struct journal_request *r, const struct msg_id *id, struct place message, struct span state, bool sync)
{
	struct asked_of_disk *a = ask(r, ASK_STATE, id);

	(void)j;
	(void)message;
	(void)sync;
	buf_of(&a->state, state);
}

void journal_finish(struct journal *j, struct journal_request *r, const struct msg_id *id, struct place message, bool sync)
{
	(void)j;
	(void)message;
	(void)sync;
	(void)ask(r, ASK_END, id);
}

static void keep(struct asked_of_disk *a)
{
	struct kept *k;

	a->request->place = (struct place){ 1, ++w.place };
	if (a->kept) {
		a->kept->place = a->request->place;
		list_add_last(&w.kept, &a->kept->list);
		world.n_messages += a->what == ASK_MESSAGE;
		world.n_annexes += a->what == ASK_ANNEX;
		return;
	}
	k = kept_find(&a->id);
	assert_non_null(k);
	if (a->what == ASK_END) {
		k->is_done = true;
		world.n_ends++;
		return;
	}
	assert_true(k->n_states < 64);
	buf_of(&k->states[k->n_states++], buf_span(&a->state));
	world.n_states++;
}

static void disk_turn(void)
{
	struct list *l;

	while (!world.is_still && (l = list_take_first(&w.asked))) {
		struct asked_of_disk *a = LIST_OWNER(l, struct asked_of_disk, list);
		struct journal_request *r = a->request;

		if (world.write_error == PR_OK)
			keep(a);
		else if (a->kept)
			kept_free(a->kept);
		if (a->what == ASK_STATE)
			buf_fini(&a->state);
		mem_free(a);
		r->done(r, world.write_error);
		w.did_something = true;
	}
}

void disk_erase(struct disk *d, const struct msg_id *id, void (*done)(void *arg, enum pr_err err), void *arg)
{
	(void)d;
	assert_non_null(kept_find(id));
	world.n_erased++;
	if (done)
		done(arg, PR_OK);
}

bool disk_set_aside(struct disk *d, const struct journal_damage *damage, char name[DISK_ASIDE_NAME])
{
	(void)d;
	(void)damage;
	snprintf(name, DISK_ASIDE_NAME, "damaged");
	return true;
}

static struct disk_reader *reader_leave(struct disk_reader *r)
{
	if (--r->calls > 0 || !r->is_closed)
		return r;
	mem_free(r);
	return NULL;
}

struct disk_reader *disk_read(struct disk *d, const struct msg_id *id, struct place place, const struct disk_reader_handlers *h, void *owner)
{
	struct disk_reader *r = mem_new(sizeof(*r));

	(void)d;
	*r = (struct disk_reader){ .kept = kept_at(place), .handlers = h, .owner = owner, .calls = 1 };
	assert_true(r->kept && id_eq(&r->kept->id, id) && r->kept->is_annex == (h->on_annex != NULL));
	if (h->on_annex)
		h->on_annex(owner, r, world.annex_error ? world.annex_error : world.read_error, buf_span(&r->kept->content));
	else
		h->on_envelope(owner, r, world.read_error, buf_span(&r->kept->envelope), r->kept->content.len);
	return reader_leave(r);
}

void disk_reader_next(struct disk_reader *r)
{
	struct span all = buf_span(&r->kept->content);

	r->calls++;
	r->handlers->on_piece(r->owner, r, world.read_error, r->pieces++ > 0 ? SPAN_NONE : all);
	(void)reader_leave(r);
}

void disk_reader_close(struct disk_reader **r)
{
	struct disk_reader *gone = *r;

	*r = NULL;
	if (!gone)
		return;
	gone->is_closed = true;
	if (gone->calls == 0)
		mem_free(gone);
}

/* ---- time ----------------------------------------------------------------------------------- */

void world_turn(void)
{
	for (unsigned i = 0; i < TURNS_MAX; i++) {
		struct heap_node *n;

		w.did_something = false;
		LIST_EACH(l, &w.turn_ends)
			LIST_OWNER(l, struct turn_end, list)->fn(LIST_OWNER(l, struct turn_end, list));
		disk_turn();
		while ((n = heap_first(&w.deadlines)) && n->at <= world.now.mono_ms) {
			struct deadline *d = LIST_OWNER(n, struct deadline, node);

			heap_remove(&w.deadlines, n);
			d->fn(d);
			w.did_something = true;
		}
		if (!w.did_something)
			return;
	}
	fail_msg("it never comes to rest");
}

void world_pass(int64_t ms)
{
	int64_t end = world.now.mono_ms + ms;
	struct heap_node *n;

	world_turn();
	while ((n = heap_first(&w.deadlines)) && n->at <= end) {
		world.now.wall_ms += n->at - world.now.mono_ms;
		world.now.mono_ms = n->at;
		world_turn();
	}
	world.now.wall_ms += end - world.now.mono_ms;
	world.now.mono_ms = end;
	world_turn();
}

/* ---- births and deaths ------------------------------------------------------------------------ */

void world_full(bool full)
{
	w.words->on_full(w.arg, full);
	world_turn();
}

void world_failing(int error)
{
	w.words->on_failing(w.arg, error);
	world_turn();
}

void world_deliver(const char *name, const char *path, const char *lmtp)
{
	struct set_deliver *d = settings_add_section(world.settings, "deliver", settings_text(world.settings, span_of_text(name)), 1);

	d->path = path;
	d->lmtp = lmtp;
}

void world_no_deliver(void)
{
	world.settings->n_deliver = 0;
}

void world_settings(void)
{
	w.handlers->on_settings(w.owner, world.settings);
	world_turn();
}

void world_set_aside(const struct msg_id *id)
{
	union wire_msg msg = { .set_aside = { .id = *id, .role = ROLE_LOCAL } };

	w.handlers->on_verb(w.owner, WIRE_set_aside, &msg, -1);
	world_turn();
}

struct span world_state_of(const struct msg_id *id)
{
	struct span brief, state;

	w.words->state(w.arg, id, &brief, &state);
	return state;
}

void world_move_annex(const struct msg_id *id)
{
	struct kept *k = kept_annex(id);
	struct place from = k->place;

	assert_true(place_eq(w.words->annex(w.arg, id), from));
	k->place = (struct place){ 1, ++w.place };
	w.words->on_annex_moved(w.arg, id, from, k->place);
	assert_true(place_eq(w.words->annex(w.arg, id), k->place));
}

static void peers_end(void)
{
	for (unsigned i = 0; i < PEERS_MAX; i++)
		if (w.peers[i].is_used)
			said_free(&w.peers[i]);
}

static void start(void)
{
	(void)spool_run(NULL);
	w.handlers->on_settings(w.owner, world.settings);
	w.handlers->on_begin(w.owner);
}

void world_recover(void)
{
	struct journal_stats none = { .messages = 0 };

	LIST_EACH(l, &w.kept) {
		struct kept *k = LIST_OWNER(l, struct kept, list);
		struct span states[64];
		struct journal_found f = { .id = k->id, .place = k->place, .size = k->content.len, .brief = buf_span(&k->brief), .states = states,
		    .n_states = k->n_states };

		if (kept_annex(&k->id))
			f.annex = kept_annex(&k->id)->place;
		for (unsigned i = 0; i < k->n_states; i++)
			states[i] = buf_span(&k->states[i]);
		if (!k->is_chunk && !k->is_done)
			w.words->on_found(w.arg, &f);
	}
	w.words->on_recovered(w.arg, &none);
	world_turn();
}

void world_new(void)
{
	world = (struct world){ .now = { 5000000, 1800000000000 }, .settings = settings_new() };
	list_init(&w.kept);
	list_init(&w.asked);
	list_init(&w.turn_ends);
	heap_init(&w.deadlines);

	w.place = 0;
	world.settings->top.hostname = "mx.example.test";
	world.settings->spool.min_free = SET_OFF;
	world_deliver("maildir", "/mail/:domain/:local/", NULL);
	world_deliver("imap", NULL, "127.0.0.1:24");
	(void)settings_add_section(world.settings, "domain", "local.test", 1);
	start();
	world_recover();
}

static void asked_forget(void)
{
	struct list *l;

	while ((l = list_take_first(&w.asked))) {
		struct asked_of_disk *a = LIST_OWNER(l, struct asked_of_disk, list);

		if (a->kept)
			kept_free(a->kept);
		if (a->what == ASK_STATE)
			buf_fini(&a->state);
		mem_free(a);
	}
}

void world_restart(bool recovers)
{
	peers_end();
	asked_forget();
	heap_fini(&w.deadlines);
	heap_init(&w.deadlines);
	list_init(&w.turn_ends);
	start();
	if (recovers)
		world_recover();
}

void world_free(void)
{
	peers_end();
	asked_forget();
	while (!list_is_empty(&w.kept))
		kept_free(LIST_OWNER(w.kept.next, struct kept, list));
	heap_fini(&w.deadlines);
	settings_free(&world.settings);
}

/* ---- auth ---------------------------------------------------------------------------------------- */

static void answer_rows(struct channel *auth, uint32_t ask, struct span address)
{
	struct wire_expand_to to = { .ask = ask, .deliver = SPAN("maildir"), .mailbox = address, .address = address, .sender = SPAN_NONE };
	char name[64], sender[64];
	unsigned n = 0;

	if (span_starts_nocase(address, SPAN("list:")))
		n = (unsigned)atoi(address.at + 5);
	for (unsigned i = 0; i < n; i++) {
		to.mailbox = to.address = span_of(name, (size_t)snprintf(name, sizeof(name), "member%u@local.test", i));
		world_say(auth, WIRE_expand_to, &to);
	}
	if (n > 0)
		return;
	if (span_starts_nocase(address, SPAN("fwd-"))) {
		to.mailbox = to.address = span_of(name, (size_t)snprintf(name, sizeof(name), "to-%.2s@foreign.test", address.at + 4));
		to.sender = span_of(sender, (size_t)snprintf(sender, sizeof(sender), "srs-%c@local.test", address.at[4]));
	}
	if (span_starts_nocase(address, SPAN("imap")))
		to.deliver = SPAN("imap");
	else if (!span_starts_nocase(address, SPAN("here")))
		to.deliver = SPAN_NONE;
	world_say(auth, WIRE_expand_to, &to);
}

void world_auth(struct channel *auth)
{
	union wire_msg msg;

	while (world_hear(auth, WIRE_expand_ask, &msg)) {
		struct wire_expand_done done = { .ask = msg.expand_ask.ask, .result = ADDRESS_OK, .why = SPAN_NONE };
		struct span address = msg.expand_ask.address;

		if (span_starts_nocase(address, SPAN("temporary")))
			done.result = ADDRESS_TEMPORARY;
		else if (span_starts_nocase(address, SPAN("loop")))
			done.result = ADDRESS_LOOP;
		else if (span_starts_nocase(address, SPAN("unknown")))
			done.result = ADDRESS_UNKNOWN;
		else
			answer_rows(auth, done.ask, address);
		world_say(auth, WIRE_expand_done, &done);
	}
}

unsigned long long world_status(const char *name)
{
	struct buf words;
	unsigned long long n;
	char *at;

	buf_init(&words, 1 << 16);
	w.handlers->on_status(w.owner, &words);
	buf_add_char(&words, '\0');
	at = strstr(words.at, name);
	assert_non_null(at);
	n = strtoull(at + strlen(name) + 1, NULL, 10);
	buf_fini(&words);
	return n;
}
