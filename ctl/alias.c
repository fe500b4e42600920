/* alias add, list, remove, expand. `state/aliases` is an aliases(5) file with whole addresses. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/text.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/json.h"
#include "ctl/mailbox.h"
#include "ctl/say.h"
#include "ctl/state_file.h"
#include "mail/aliases.h"

#define LIST_MAX (16u << 20)	/* bytes of the targets of one alias, shown on a line */

/* ---- words --------------------------------------------------------------- */

static bool is_plain(struct span word)
{
	for (size_t i = 0; i < word.len; i++)
		if (!text_is_alpha(word.at[i]) && !text_is_digit(word.at[i]) && !memchr("@.-_+=~%&", word.at[i], 9))
			return false;
	return true;
}

static void add_word(struct buf *out, struct span word)
{
	if (is_plain(word)) {
		(void)buf_add(out, word);
		return;
	}
	(void)buf_add_char(out, '"');
	for (size_t i = 0; i < word.len; i++) {
		if (word.at[i] == '"' || word.at[i] == '\\')
			(void)buf_add_char(out, '\\');
		(void)buf_add_char(out, word.at[i]);
	}
	(void)buf_add_char(out, '"');
}

/* ---- add, remove --------------------------------------------------------- */

struct copying {		/* all but one alias */
	struct span without;
	const char *from;	/* not copied yet */
	struct buf *out;
	bool is_it;
	struct span entry;	/* of that one, as it stands there */
};

static void on_copied_name(void *owner, unsigned line, struct span name)
{
	struct copying *c = owner;
	struct address address;

	(void)line;
	c->is_it = aliases_address(name, SPAN_NONE, &address) == PR_OK && address_same(address_span(&address), c->without);
}

static void on_copied_target(void *owner, unsigned line, enum alias_kind kind, struct span target)
{
	(void)owner;
	(void)line;
	(void)kind;
	(void)target;
}

static void on_copied_entry(void *owner, struct span lines)
{
	struct copying *c = owner;

	if (!c->is_it)
		return;
	c->entry = lines;
	(void)buf_add(c->out, span_of(c->from, (size_t)(lines.at - c->from)));
	c->from = lines.at + lines.len;
}

/* What else is written there stays as it is. The entry of this one, empty when it has none, lasts as long as the file is open. */
static struct span copy_others(struct state_file *f, struct span address)
{
	static const struct aliases_handlers on = { .on_name = on_copied_name, .on_target = on_copied_target, .on_entry = on_copied_entry };
	struct span old = buf_span(&f->old);
	struct copying c = { .without = address, .from = old.at, .out = &f->fresh, .entry = SPAN_NONE };

	aliases_parse(old, &on, &c);
	(void)buf_add(&f->fresh, span_from(old, (size_t)(c.from - old.at)));
	if (f->fresh.len && f->fresh.at[f->fresh.len - 1] != '\n')
		(void)buf_add_char(&f->fresh, '\n');
	return c.entry;
}

static int add_line(struct call *call, struct buf *out, const struct address *name)
{
	add_word(out, address_span(name));
	for (int i = 1; i < call->n_words; i++) {
		struct address target;
		int status = mailbox_read(call->words[i], &target);

		if (status != EX_OK)
			return status;
		(void)buf_add_text(out, i == 1 ? ": " : ", ");
		add_word(out, address_span(&target));
	}
	(void)buf_add_char(out, '\n');
	return EX_OK;
}

/* An alias that is there gets the new targets in place of its old ones: the command can be repeated. What is lost by it is told. */
int run_alias_add(struct call *call)
{
	struct state_file f;
	struct address address;
	struct span before = SPAN_NONE, now = SPAN_NONE;
	int status = mailbox_read_ours(call, call->words[0], &address);

	if (status != EX_OK)
		return status;
	status = state_file_lock_and_read(&f, call, "aliases");
	if (status == EX_OK) {
		size_t begin;

		before = span_trim(copy_others(&f, address_span(&address)));
		begin = f.fresh.len;
		status = add_line(call, &f.fresh, &address);
		now = span_trim(span_from(buf_span(&f.fresh), begin));
	}
	if (status == EX_OK && before.len > 0 && !span_eq(before, now))
		say("it was before: %.*s", SPAN_ARG(before));
	if (status == EX_OK)
		status = state_file_replace(&f);
	state_file_close(&f);
	return status;
}

int run_alias_remove(struct call *call)
{
	struct state_file f;
	struct address address;
	int status = mailbox_read(call->words[0], &address);

	if (status != EX_OK)
		return status;
	status = state_file_lock_and_read(&f, call, "aliases");
	if (status == EX_OK && copy_others(&f, address_span(&address)).len == 0) {
		say("`alias add` wrote no alias %s", address.text);
		status = EX_NOUSER;
	}
	if (status == EX_OK)
		status = state_file_replace(&f);
	state_file_close(&f);
	return status;
}

/* ---- list ---------------------------------------------------------------- */

struct listing {
	const char *folder;
	bool as_json;
	struct address name;
	struct buf line;
	json_t *to;
};

static void on_listed_name(void *owner, unsigned line, struct span name)
{
	struct listing *l = owner;

	buf_clear(&l->line);
	json_decref(l->to);
	l->to = json_array();
	if (aliases_address(name, SPAN_NONE, &l->name) == PR_OK)
		return;
	say("%s/aliases:%u: not an address", l->folder, line);
	l->to = NULL;
}

static void on_listed_target(void *owner, unsigned line, enum alias_kind kind, struct span target)
{
	struct listing *l = owner;
	struct address address;

	if (!l->to)
		return;
	if (kind == ALIAS_INCLUDE || aliases_address(target, address_domain(&l->name), &address) != PR_OK) {
		say("%s/aliases:%u: not an address", l->folder, line);
		return;
	}
	json_array_append_new(l->to, json_of_span(address_span(&address)));
	(void)buf_add_text(&l->line, l->line.len ? ", " : ": ");
	(void)buf_add(&l->line, address_span(&address));
}

static void on_listed_entry(void *owner, struct span lines)
{
	struct listing *l = owner;
	json_t *o;

	(void)lines;
	if (!l->to)
		return;
	if (!l->as_json) {
		say_add(stdout, address_span(&l->name));
		say_add(stdout, buf_span(&l->line));
		(void)fputc('\n', stdout);
		return;
	}
	o = json_object();
	json_object_set_new(o, "address", json_of_span(address_span(&l->name)));
	json_object_set(o, "to", l->to);
	json_print_line(o);
}

static void on_listed_problem(void *owner, unsigned line, const char *why, struct span what)
{
	struct listing *l = owner;

	(void)what;
	say("%s/aliases:%u: %s", l->folder, line, why);
}

int run_alias_list(struct call *call)
{
	static const struct aliases_handlers on = { .on_name = on_listed_name, .on_target = on_listed_target, .on_entry = on_listed_entry,
		.on_problem = on_listed_problem };
	struct state_file f;
	struct listing l = { .folder = f.places.state, .as_json = call->flags & CALL_JSON };
	int status = state_file_read(&f, call, "aliases");

	buf_init(&l.line, LIST_MAX);
	if (status == EX_OK)
		aliases_parse(buf_span(&f.old), &on, &l);
	json_decref(l.to);
	buf_fini(&l.line);
	state_file_close(&f);
	return status;
}

/* ---- expand -------------------------------------------------------------- */

static const struct {
	int status;
	const char *words;
} answers[] = {
	[ADDRESS_OK] = { EX_OK, "" }, [ADDRESS_UNKNOWN] = { EX_NOUSER, "nobody has this address" },
	[ADDRESS_FOREIGN] = { EX_OK, "this is no domain of this server: mail leaves for the world" },
	[ADDRESS_LOOP] = { EX_DATAERR, "this alias leads to itself" }, [ADDRESS_TEMPORARY] = { EX_TEMPFAIL, "this can't be told now" },
	[ADDRESS_DISABLED] = { EX_NOUSER, "this user is disabled" }, [ADDRESS_TOO_LARGE] = { EX_DATAERR, "it leads to too many addresses" },
};

static void show_target(const struct wire_expand_to *to, bool as_json)
{
	json_t *o;

	if (!as_json) {
		say_add(stdout, to->address.len ? to->address : to->mailbox);
		(void)puts(to->kind == TARGET_ARCHIVE ? "\tarchive" : to->deliver.len == 0 ? "\tforeign" : "");
		return;
	}
	o = json_object();
	json_object_set_new(o, "to", json_of_span(to->address));
	json_object_set_new(o, "mailbox", json_of_span(to->mailbox));
	json_object_set_new(o, "foreign", json_boolean(to->deliver.len == 0));
	json_object_set_new(o, "archive", json_boolean(to->kind == TARGET_ARCHIVE));
	json_print_line(o);
}

static int conclude(const struct wire_expand_done *done)
{
	struct span why = done->why;

	if (done->result >= sizeof(answers) / sizeof(answers[0]))
		return EX_SOFTWARE;
	if (!why.len)
		why = span_of_text(answers[done->result].words);
	if (why.len)
		say("%.*s", SPAN_ARG(why));
	return answers[done->result].status;
}

static int expand(struct client *c, struct span address, bool as_json)
{
	struct wire_expand_ask ask = { .ask = 1, .address = address, .sender = SPAN_NONE };
	int status = client_tell(c, WIRE_expand_ask, &ask);
	enum wire_verb verb;
	union wire_msg msg;

	while (status == EX_OK) {
		status = client_hear(c, &verb, &msg);
		if (status == EX_OK && verb == WIRE_expand_to)
			show_target(&msg.expand_to, as_json);
		if (status == EX_OK && verb == WIRE_expand_done)
			return conclude(&msg.expand_done);
	}
	return status;
}

int run_alias_expand(struct call *call)
{
	struct address address;
	struct client c;
	int status = mailbox_read(call->words[0], &address);

	if (status == EX_OK)
		status = client_open(&c, call);
	if (status != EX_OK)
		return status;
	status = client_meet(&c, ROLE_AUTH);
	if (status == EX_OK)
		status = expand(&c, address_span(&address), call->flags & CALL_JSON);
	client_close(&c);
	return status;
}
