/* alias add, list, remove, expand. `state/aliases` has the form of aliases(5)
 * with whole addresses, an alias a line:
 *
 *	word  = plain / DQUOTE *( not DQUOTE, "\" / "\" any ) DQUOTE
 *	line  = word ":" word *( "," word )
 */
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

#define WORD_MAX (2 * ADDRESS_MAX + 2)

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

/* The word at the front, bare, into room for WORD_MAX; and the character behind it. False when there is none. */
static bool take_word(struct span *rest, char *room, struct span *word, char *behind)
{
	struct span s = span_trim(*rest);
	bool is_quoted = s.len && s.at[0] == '"';
	size_t i = is_quoted, len = 0;

	for (; i < s.len && len < WORD_MAX && (is_quoted ? s.at[i] != '"' : s.at[i] != ',' && s.at[i] != ':'); i++) {
		if (is_quoted && s.at[i] == '\\' && i + 1 < s.len)
			i++;
		room[len++] = s.at[i];
	}
	*word = span_trim(span_of(room, len));
	s = span_trim(span_from(s, i + is_quoted));
	*behind = s.len ? s.at[0] : '\0';
	*rest = span_from(s, 1);
	return len > 0;
}

static bool line_is(struct span line, struct span address)
{
	char room[WORD_MAX], behind;
	struct span name;

	return take_word(&line, room, &name, &behind) && behind == ':' && address_same(name, address);
}

/* ---- add, remove --------------------------------------------------------- */

static bool copy_others(struct state_file *f, struct span address)
{
	struct span rest = buf_span(&f->old);
	bool was_there = false;

	while (rest.len) {
		struct span line = span_cut(&rest, '\n');

		if (line_is(line, address)) {
			was_there = true;
			continue;
		}
		(void)buf_add(&f->fresh, line);
		(void)buf_add_char(&f->fresh, '\n');
	}
	return was_there;
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

/* An alias that is there gets the new targets in place of its old ones: the command can be repeated. */
int run_alias_add(struct call *call)
{
	struct state_file f;
	struct address address;
	int status = mailbox_read(call->words[0], &address);

	if (status != EX_OK)
		return status;
	status = state_file_lock_and_read(&f, call, "aliases");
	if (status == EX_OK) {
		(void)copy_others(&f, address_span(&address));
		status = add_line(call, &f.fresh, &address);
	}
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
	if (status == EX_OK && !copy_others(&f, address_span(&address))) {
		say("`alias add` wrote no alias %s", address.text);
		status = EX_NOUSER;
	}
	if (status == EX_OK)
		status = state_file_replace(&f);
	state_file_close(&f);
	return status;
}

/* ---- list ---------------------------------------------------------------- */

static void list_line(struct span line, bool as_json)
{
	char room[WORD_MAX], behind = ':';
	struct span word;
	json_t *o, *to;

	if (!as_json) {
		say_add(stdout, line);
		(void)fputc('\n', stdout);
		return;
	}
	if (!take_word(&line, room, &word, &behind))
		return;
	o = json_object();
	to = json_array();
	json_object_set_new(o, "address", json_of_span(word));
	json_object_set_new(o, "to", to);
	while (behind && take_word(&line, room, &word, &behind))
		json_array_append_new(to, json_of_span(word));
	json_print_line(o);
}

int run_alias_list(struct call *call)
{
	struct state_file f;
	int status = state_file_read(&f, call, "aliases");

	for (struct span rest = buf_span(&f.old); status == EX_OK && rest.len;) {
		struct span line = span_cut(&rest, '\n');

		if (line.len && line.at[0] != '#')
			list_line(line, call->flags & CALL_JSON);
	}
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
	struct wire_expand_ask ask = { .ask = 1, .address = address };
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
	struct places at;
	struct client c;
	int status = mailbox_read(call->words[0], &address);

	if (status == EX_OK)
		status = master_places(call, &at);
	if (status == EX_OK)
		status = client_open(&c, &at);
	if (status != EX_OK)
		return status;
	status = client_meet(&c, ROLE_AUTH);
	if (status == EX_OK)
		status = expand(&c, address_span(&address), call->flags & CALL_JSON);
	client_close(&c);
	return status;
}
