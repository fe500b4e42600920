/* user token add, list, revoke: the rows of state/tokens. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ctl/json.h"
#include "ctl/mailbox.h"
#include "ctl/say.h"
#include "ctl/state_file.h"
#include "ctl/token.h"
#include "ctl/user.h"
#include "mail/tokens_row.h"

/* name empty: each of his. */
static bool line_is(struct span line, struct span address, struct span name)
{
	char own[TOKEN_NAME_LEN + 1];
	struct tokens_row row;
	const char *why;

	if (tokens_row_parse(line, &row, &why) != PR_OK || !address_same(row.address, address))
		return false;
	token_name(row.digest, own);
	return name.len == 0 || span_eq(name, span_of_text(own));
}

static unsigned copy_others(struct state_file *f, struct span address, struct span name)
{
	unsigned n = 0;

	for (struct span rest = buf_span(&f->old); rest.len;) {
		struct span line = span_cut(&rest, '\n');

		if (address.len && line_is(line, address, name)) {
			n++;
			continue;
		}
		(void)buf_add(&f->fresh, line);
		(void)buf_add_char(&f->fresh, '\n');
	}
	return n;
}

/* ---- add ------------------------------------------------------------------- */

static int add_row(struct call *call, const struct address *address, const char *token)
{
	struct tokens_row row = { .address = address_span(address), .created = (uint64_t)(clock_now().wall_ms / 1000), .label = span_of_text(call->label) };
	struct state_file f;
	int status = state_file_lock_and_read(&f, call, "tokens");

	token_digest(span_of_text(token), row.digest);
	if (status == EX_OK) {
		(void)copy_others(&f, SPAN_NONE, SPAN_NONE);
		if (tokens_row_add(&row, &f.fresh) != PR_OK) {
			say("a label is UTF-8 without control characters, %d bytes at most", TOKEN_LABEL_MAX);
			status = EX_DATAERR;
		}
	}
	if (status == EX_OK)
		status = state_file_replace(&f);
	state_file_close(&f);
	return status;
}

int run_token_add(struct call *call)
{
	char token[TOKEN_LEN + 1];
	struct address address;
	int status = mailbox_read(call->words[0], &address);

	if (status == EX_OK)
		status = user_find(call, &address);
	if (status != EX_OK)
		return status;
	token_make(token);
	status = add_row(call, &address, token);
	if (status == EX_OK) {
		(void)puts(token);
		say("this is the password for one device or program; it is not shown again");
	}
	mem_wipe(token, sizeof(token));
	return status;
}

/* ---- list -------------------------------------------------------------------- */

static void list_row(const struct tokens_row *row, bool as_json)
{
	char name[TOKEN_NAME_LEN + 1];
	json_t *o;

	token_name(row->digest, name);
	if (as_json) {
		o = json_object();
		json_object_set_new(o, "address", json_of_span(row->address));
		json_object_set_new(o, "name", json_string(name));
		json_object_set_new(o, "created", json_of_time((int64_t)row->created * 1000));
		json_object_set_new(o, "label", json_of_span(row->label));
		json_print_line(o);
		return;
	}
	say_add(stdout, row->address);
	(void)printf("\t%s\t", name);
	say_time(stdout, (int64_t)row->created * 1000);
	(void)putchar('\t');
	say_add(stdout, row->label);
	(void)putchar('\n');
}

int run_token_list(struct call *call)
{
	bool is_of_one = call->n_words > 0;
	struct address wanted;
	struct state_file f;
	unsigned n = 0;
	int status = is_of_one ? mailbox_read(call->words[0], &wanted) : EX_OK;

	if (status == EX_OK && is_of_one)
		status = user_find(call, &wanted);
	if (status != EX_OK)
		return status;
	status = state_file_read(&f, call, "tokens");
	for (struct span rest = buf_span(&f.old); status == EX_OK && rest.len;) {
		struct tokens_row row;
		const char *why;
		enum pr_err err = tokens_row_parse(span_cut(&rest, '\n'), &row, &why);

		n++;
		if (err == PR_BAD)
			say("%s/tokens:%u: %s", f.places.state, n, why);
		else if (err == PR_OK && (!is_of_one || address_same(row.address, address_span(&wanted))))
			list_row(&row, call->flags & CALL_JSON);
	}
	state_file_close(&f);
	return status;
}

/* ---- revoke -------------------------------------------------------------------- */

static int forget(struct call *call, struct span address, struct span name, unsigned *n)
{
	struct state_file f;
	int status = state_file_lock_and_read(&f, call, "tokens");

	*n = 0;
	if (status == EX_OK) {
		*n = copy_others(&f, address, name);
		if (*n > 0)
			status = state_file_replace(&f);
	}
	state_file_close(&f);
	return status;
}

int run_token_revoke(struct call *call)
{
	struct address address;
	unsigned n = 0;
	int status = mailbox_read(call->words[0], &address);

	if (status == EX_OK)
		status = forget(call, address_span(&address), span_of_text(call->words[1]), &n);
	if (status == EX_OK && n == 0) {
		say("%s has no token %s; `postrider user token list` names them", address.text, call->words[1]);
		status = EX_NOUSER;
	}
	return status;
}

int tokens_forget(struct call *call, struct span address)
{
	unsigned n;

	return forget(call, address, SPAN_NONE, &n);
}
