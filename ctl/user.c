/* user add, passwd, list, remove, disable, enable: the rows of state/users. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "base/password.h"
#include "ctl/command.h"
#include "ctl/json.h"
#include "ctl/mailbox.h"
#include "ctl/say.h"
#include "ctl/secret.h"
#include "ctl/state_file.h"
#include "ctl/token.h"
#include "ctl/user.h"
#include "mail/users_row.h"

/* ---- rows ---------------------------------------------------------------- */

static bool row_is(struct span line, struct span address, struct users_row *row)
{
	const char *why;

	return users_row_parse(line, row, &why) == PR_OK && address_same(row->address, address);
}

static bool row_find(const struct state_file *f, struct span address, struct users_row *row)
{
	struct span rest = buf_span(&f->old);

	while (rest.len)
		if (row_is(span_cut(&rest, '\n'), address, row))
			return true;
	return false;
}

/* All lines but this address's; in its place what `by` says, or nothing. Lines that say nothing stay. */
static void rows_replace(struct state_file *f, struct span address, const struct users_row *by)
{
	struct span rest = buf_span(&f->old);
	struct users_row row;

	while (rest.len) {
		struct span line = span_cut(&rest, '\n');

		if (!row_is(line, address, &row)) {
			(void)buf_add(&f->fresh, line);
			(void)buf_add_char(&f->fresh, '\n');
		} else if (by && users_row_add(by, &f->fresh) != PR_OK) {
			f->fresh.overflowed = true;
		}
	}
}

static int check_there(const struct state_file *f, const struct address *address, bool is_wanted)
{
	struct users_row row;
	bool is_there = row_find(f, address_span(address), &row);

	if (is_there && !is_wanted)
		say("%s is there already; `postrider user passwd` gives it another password", address->text);
	else if (!is_there && is_wanted)
		say("there is no user %s", address->text);
	if (is_there == is_wanted)
		return EX_OK;
	return is_there ? EX_CANTCREAT : EX_NOUSER;
}

/* Before somebody thinks of a password that is for nobody. It is looked at once more when it is written. */
static int look(const struct call *call, const struct address *address, bool is_wanted)
{
	struct state_file f;
	int status = state_file_read(&f, call, "users");

	if (status == EX_OK)
		status = check_there(&f, address, is_wanted);
	state_file_close(&f);
	return status;
}

int user_find(const struct call *call, const struct address *address)
{
	return look(call, address, true);
}

/* ---- passwords ----------------------------------------------------------- */

/* Reads it, hashes it, forgets it; `text` is what is kept. */
static int make_password(const struct call *call, struct buf *text)
{
	struct password made;
	struct buf secret;
	enum pr_err err;
	int status = secret_read(call, &secret);

	buf_init(text, PASSWORD_TEXT_MAX);
	if (status == EX_OK) {
		err = password_make(buf_span(&secret), &made);
		if (err == PR_BAD)
			say("a password is UTF-8 without control characters, 1 to %d bytes", PASSWORD_MAX);
		else if (err != PR_OK || password_add_text(&made, text) != PR_OK)
			say("the password could not be hashed");
		status = err == PR_OK ? EX_OK : err == PR_BAD ? EX_DATAERR : EX_SOFTWARE;
	}
	secret_wipe(&secret);
	return status;
}

int run_user_add(struct call *call)
{
	struct state_file f;
	struct address address;
	struct users_row row;
	struct buf password;
	int status = mailbox_read_ours(call, call->words[0], &address);

	if (status == EX_OK)
		status = look(call, &address, false);
	if (status != EX_OK)
		return status;
	status = make_password(call, &password);
	if (status != EX_OK) {
		buf_fini(&password);
		return status;
	}
	status = state_file_lock_and_read(&f, call, "users");
	if (status == EX_OK)
		status = check_there(&f, &address, false);
	if (status == EX_OK) {
		row = (struct users_row){ .address = address_span(&address), .password = buf_span(&password) };
		rows_replace(&f, SPAN_NONE, NULL);
		if (users_row_add(&row, &f.fresh) != PR_OK)
			f.fresh.overflowed = true;
		status = state_file_replace(&f);
	}
	state_file_close(&f);
	buf_fini(&password);
	return status;
}

/* ---- changes of one row -------------------------------------------------- */

/* change NULL removes the row. */
static int change_row(struct call *call, void (*change)(struct users_row *, const void *), const void *arg)
{
	struct state_file f;
	struct address address;
	struct users_row row;
	int status = mailbox_read(call->words[0], &address);

	if (status != EX_OK)
		return status;
	status = state_file_lock_and_read(&f, call, "users");
	if (status == EX_OK)
		status = check_there(&f, &address, true);
	if (status == EX_OK && row_find(&f, address_span(&address), &row)) {
		if (change)
			change(&row, arg);
		rows_replace(&f, address_span(&address), change ? &row : NULL);
		status = state_file_replace(&f);
	}
	state_file_close(&f);
	return status;
}

static void set_password(struct users_row *row, const void *password)
{
	row->password = *(const struct span *)password;
}

static void set_disabled(struct users_row *row, const void *is_disabled)
{
	row->is_disabled = *(const bool *)is_disabled;
}

int run_user_passwd(struct call *call)
{
	struct address address;
	struct buf password;
	struct span text;
	int status = mailbox_read(call->words[0], &address);

	if (status == EX_OK)
		status = look(call, &address, true);
	if (status != EX_OK)
		return status;
	status = make_password(call, &password);
	text = buf_span(&password);
	if (status == EX_OK)
		status = change_row(call, set_password, &text);
	buf_fini(&password);
	return status;
}

int run_user_remove(struct call *call)
{
	struct address address;
	int status = mailbox_read(call->words[0], &address);

	if (status == EX_OK)
		status = tokens_forget(call, address_span(&address));
	return status == EX_OK ? change_row(call, NULL, NULL) : status;
}

int run_user_disable(struct call *call)
{
	const bool yes = true;

	return change_row(call, set_disabled, &yes);
}

int run_user_enable(struct call *call)
{
	const bool no = false;

	return change_row(call, set_disabled, &no);
}

/* ---- list ---------------------------------------------------------------- */

static void list_row(const struct users_row *row, bool as_json)
{
	if (as_json) {
		json_t *o = json_object();

		json_object_set_new(o, "address", json_of_span(row->address));
		json_object_set_new(o, "disabled", json_boolean(row->is_disabled));
		json_print_line(o);
		return;
	}
	say_add(stdout, row->address);
	(void)puts(row->is_disabled ? "\tdisabled" : "");
}

int run_user_list(struct call *call)
{
	struct state_file f;
	int status = state_file_read(&f, call, "users");
	unsigned n = 0;

	for (struct span rest = buf_span(&f.old); status == EX_OK && rest.len;) {
		struct span line = span_cut(&rest, '\n');
		struct users_row row;
		const char *why;
		enum pr_err err = users_row_parse(line, &row, &why);

		n++;
		if (err == PR_OK)
			list_row(&row, call->flags & CALL_JSON);
		else if (err != PR_NONE)
			say("%s/users:%u: %s", f.places.state, n, why);
	}
	state_file_close(&f);
	return status;
}
