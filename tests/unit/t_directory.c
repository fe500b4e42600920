/* auth/directory and auth/expansion: who has an address, and where its mail goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "auth/directory.h"
#include "mail/srs.h"

#define ROW(address, flags) address "\thash scram\t" flags "\n"

static const char USERS[] = "# users\n" ROW("Anna@example.org", "-") ROW("bert@example.org", "-") ROW("off@example.org", "disabled")
	ROW("root@example.org", "-") ROW("\320\260nna@example.org", "-") ROW("eve@other.test", "-") ROW("store@other.test", "-")
	ROW("\"a b\"@example.org", "-");
static const char ALIASES[] =
	"team: anna, bert, Anna+list, fred@foreign.test\n"
	"nested: team, eve@other.test\n"
	"loop: pool\npool: loop\n"
	"anna: anna, bert\n"
	"gone: nobody\n"
	"half: nobody, bert\n"
	"list: :include:/etc/list\n"
	"nolist: :include:/etc/missing\n"
	"d1: d2\nd2: d3\nd3: d4\nd4: d5\nd5: d6\nd6: d7\nd7: d8\nd8: d9\nd9: d10\nd10: d11\nd11: bert\n";

struct fixture {
	struct directory *d;
	struct settings *s;
	struct list tables;
	struct buf problems;
};

static void add_table(struct fixture *f, enum table_kind kind, const char *name, const char *path, struct span bytes)
{
	struct table *t = table_new(kind, span_of_text(name), span_of_text(path), &f->problems);

	for (; bytes.len > 0; bytes = span_from(bytes, 7))	/* in pieces */
		table_feed(t, span_first(bytes, 7));
	table_finish(t);
	list_add_last(&f->tables, &t->list);
}

static void add_tables(struct fixture *f, const char *users, const char *aliases)
{
	add_table(f, TABLE_USERS, "", "/state/users", span_of_text(users));
	add_table(f, TABLE_ALIASES, "example.org", "/etc/aliases", span_of_text(aliases));
	add_table(f, TABLE_INCLUDE, "example.org", "/etc/list", SPAN("anna\nbert, x@foreign.test\n"));
	add_table(f, TABLE_USERS_FILE, "list", "/etc/people", SPAN("# people\nlisted@file.test\n"));
	add_table(f, TABLE_ALIAS_STATE, "", "/state/aliases", SPAN("info@other.test: eve@other.test\n"));
	directory_take_tables(f->d, &f->tables, &f->problems);
}

static struct set_domain *add_domain(struct settings *s, const char *name, const char *deliver)
{
	struct set_domain *dom = settings_add_section(s, "domain", name, 1);

	dom->deliver = deliver;
	dom->subaddress = "+-";
	return dom;
}

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .d = directory_new(), .s = settings_new() };
	list_init(&f.tables);
	buf_init(&f.problems, TABLE_PROBLEMS_MAX);
	settings_add_section(f.s, "deliver", "maildir", 1);
	settings_add_section(f.s, "deliver", "imap", 1);
	((struct set_users *)settings_add_section(f.s, "users", "asked", 1))->ask = true;
	((struct set_users *)settings_add_section(f.s, "users", "list", 1))->file = "/etc/people";
	f.s->top.admin = "root@example.org";
	add_domain(f.s, "example.org", "maildir");
	add_domain(f.s, "other.test", "imap")->archive = "store@other.test";
	add_domain(f.s, "all.test", "maildir")->catch_all = "bert@example.org";
	add_domain(f.s, "lost.test", "maildir")->catch_all = "nobody@lost.test";
	add_domain(f.s, "file.test", "imap")->users = "list";
	add_domain(f.s, "ask.test", "imap")->users = "asked";
	directory_set(f.d, f.s);
	add_tables(&f, USERS, ALIASES);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	directory_free(&f->d);
	settings_free(&f->s);
	buf_fini(&f->problems);
	return 0;
}

static void t_rcpt_is_answered(void **state)
{
	static const struct {
		const char *address;
		enum wire_address result;
	} cases[] = {
		{ "anna@example.org", ADDRESS_OK }, { "BERT@example.org", ADDRESS_OK }, { "bert+x@example.org", ADDRESS_OK },
		{ "bert-x@example.org", ADDRESS_OK }, { "bert+../../x@example.org", ADDRESS_OK }, { "\"a b\"@example.org", ADDRESS_OK },
		{ "nobody@example.org", ADDRESS_UNKNOWN }, { "+x@example.org", ADDRESS_UNKNOWN }, { "off@example.org", ADDRESS_DISABLED },
		{ "who@foreign.test", ADDRESS_FOREIGN }, { "x@[192.0.2.1]", ADDRESS_FOREIGN }, { "postmaster", ADDRESS_OK },
		{ "PostMaster@example.org", ADDRESS_OK }, { "abuse@other.test", ADDRESS_OK }, { "postmaster@ask.test", ADDRESS_OK },
		{ "team@example.org", ADDRESS_OK }, { "team+x@example.org", ADDRESS_OK }, { "loop@example.org", ADDRESS_LOOP },
		{ "pool@example.org", ADDRESS_LOOP }, { "gone@example.org", ADDRESS_UNKNOWN }, { "half@example.org", ADDRESS_OK },
		{ "list@example.org", ADDRESS_OK }, { "nolist@example.org", ADDRESS_TEMPORARY }, { "d1@example.org", ADDRESS_TOO_LARGE },
		{ "d2@example.org", ADDRESS_OK }, { "what@all.test", ADDRESS_OK }, { "what@lost.test", ADDRESS_UNKNOWN },
		{ "listed@file.test", ADDRESS_OK }, { "other@file.test", ADDRESS_UNKNOWN }, { "who@ask.test", ADDRESS_ASK },
		{ "info@other.test", ADDRESS_OK }, { "eve@example.org", ADDRESS_UNKNOWN }, { "\316\261nna@example.org", ADDRESS_UNKNOWN },
		{ "\320\260nna@example.org", ADDRESS_OK },
	};
	struct fixture *f = *state;

	for (unsigned round = 0; round < 2; round++)
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			enum wire_address got = directory_ask(f->d, span_of_text(cases[i].address));

			if (got != cases[i].result)
				fail_msg("%s: %d, not %d", cases[i].address, got, cases[i].result);
		}
}

static void rows_text(const struct directory_answer *a, char *out, size_t room)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < a->n_rows; i++)
		len += (size_t)snprintf(out + len, room - len, "%s%d%s %.*s %.*s", i ? "; " : "", a->rows[i].deliver == EXPANSION_FOREIGN ? -1 : a->rows[i].deliver,
		    a->rows[i].kind == TARGET_ARCHIVE ? "a" : "", SPAN_ARG(a->rows[i].mailbox), SPAN_ARG(a->rows[i].address));
}

static void t_an_address_is_expanded(void **state)
{
	static const struct {
		const char *address, *rows;
	} cases[] = {
		{ "ANNA+Tag@example.org", "0 Anna@example.org Anna@example.org; 0 bert@example.org bert@example.org" },
		{ "bert+Tag@example.org", "0 bert@example.org bert+Tag@example.org" },
		{ "BERT+Tag@example.org", "0 bert@example.org bert+Tag@example.org" },
		{ "who@foreign.test", "-1 who@foreign.test who@foreign.test" },
		{ "team@example.org", "0 Anna@example.org Anna@example.org; 0 bert@example.org bert@example.org; -1 fred@foreign.test fred@foreign.test" },
		{ "eve@other.test", "1 eve@other.test eve@other.test; 1a store@other.test store@other.test" },
		{ "store@other.test", "1 store@other.test store@other.test" },
		{ "what@all.test", "0 bert@example.org bert@example.org" },
		{ "postmaster", "0 root@example.org root@example.org" },
		{ "Root@other.test", "0 root@example.org root@example.org; 1a store@other.test store@other.test" },
		{ "half@example.org", "0 bert@example.org bert@example.org" },
		{ "list@example.org", "0 Anna@example.org Anna@example.org; 0 bert@example.org bert@example.org; -1 x@foreign.test x@foreign.test" },
		{ "loop@example.org", "" }, { "Who+x@ask.test", "1 Who+x@ask.test Who+x@ask.test" },
		{ "listed+x@file.test", "1 listed@file.test listed+x@file.test" },
	};
	struct fixture *f = *state;
	struct directory_answer a;
	char got[1024];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		directory_expand(f->d, span_of_text(cases[i].address), SPAN_NONE, &a);
		rows_text(&a, got, sizeof(got));
		assert_string_equal(got, cases[i].rows);
		assert_int_equal(a.result == ADDRESS_OK, cases[i].rows[0] != '\0');
	}
}

static void t_postmaster_and_abuse_are_always_there(void **state)
{
	static const char *const nowhere[] = {
		"postmaster: left\nabuse: left\n", "postmaster: abuse\nabuse: postmaster\n", "postmaster: off\n", "abuse: postmaster\npostmaster: left, left\n"
	};
	static const char *const addresses[] = { "postmaster+x@example.org", "postmaster@example.org", "POSTMASTER@example.org", "abuse@example.org" };
	struct fixture *f = *state;
	struct directory_answer a;
	char got[1024];

	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		add_tables(f, USERS, nowhere[i]);
		for (size_t k = 0; k < sizeof(addresses) / sizeof(addresses[0]); k++) {
			assert_int_equal(directory_ask(f->d, span_of_text(addresses[k])), ADDRESS_OK);
			directory_expand(f->d, span_of_text(addresses[k]), SPAN_NONE, &a);
			rows_text(&a, got, sizeof(got));
			assert_true(strncmp(got, "0 root@example.org ", 19) == 0);
			assert_int_equal(a.n_rows, 1);
			assert_string_equal(a.why, "");
		}
		assert_int_equal(directory_ask(f->d, SPAN("left@example.org")), ADDRESS_UNKNOWN);
		assert_int_equal(directory_ask(f->d, SPAN("postmaster@foreign.test")), ADDRESS_FOREIGN);
	}
	add_tables(f, USERS, "postmaster: bert\n");
	directory_expand(f->d, SPAN("postmaster@example.org"), SPAN_NONE, &a);
	rows_text(&a, got, sizeof(got));
	assert_string_equal(got, "0 bert@example.org bert@example.org");
}

/* Only a domain's server knows its users; what leads there needs no question. */
static void t_users_that_are_asked(void **state)
{
	struct fixture *f = *state;
	struct directory_server server;

	add_table(f, TABLE_ALIASES, "ask.test", "/etc/more", SPAN("here: there@ask.test\nanna: anna@example.org\n"));
	add_tables(f, USERS, "away: there@ask.test\n");
	f->s->domain[2].catch_all = "there@ask.test";
	directory_set(f->d, f->s);
	assert_int_equal(directory_ask(f->d, SPAN("there@ask.test")), ADDRESS_ASK);
	assert_int_equal(directory_ask(f->d, SPAN("here@ask.test")), ADDRESS_OK);
	assert_int_equal(directory_ask(f->d, SPAN("away@example.org")), ADDRESS_OK);
	assert_int_equal(directory_ask(f->d, SPAN("what@all.test")), ADDRESS_OK);
	server = directory_server(f->d, SPAN("there@ask.test"));
	assert_int_equal(server.deliver, 1);
	assert_int_equal(server.otherwise, ADDRESS_TEMPORARY);
	f->s->users[0].away = USERS_AWAY_ACCEPT;
	f->s->top.admin = NULL;
	directory_set(f->d, f->s);
	server = directory_server(f->d, SPAN("there@ask.test"));
	assert_int_equal(server.otherwise, ADDRESS_OK);
	assert_int_equal(directory_ask(f->d, SPAN("Postmaster@ask.test")), ADDRESS_OK);	/* never refused, so not asked about */
	f->s->top.admin = "root@example.org";
}

/* RFC 5321 4.5.1: of the server itself, too, and nobody is sent away for good because admin is not set. */
static void t_postmaster_of_the_server_itself(void **state)
{
	static const struct {
		const char *admin, *address;
		enum wire_address result;
	} cases[] = {
		{ "root@example.org", "postmaster@mx.example.net", ADDRESS_OK }, { "root@example.org", "Abuse@MX.example.net", ADDRESS_OK },
		{ "root@example.org", "root@mx.example.net", ADDRESS_FOREIGN }, { "chief@foreign.test", "postmaster", ADDRESS_OK },
		{ NULL, "postmaster", ADDRESS_TEMPORARY }, { NULL, "postmaster@mx.example.net", ADDRESS_TEMPORARY },
		{ NULL, "postmaster@example.org", ADDRESS_TEMPORARY }, { NULL, "abuse+x@example.org", ADDRESS_TEMPORARY },
		{ NULL, "postmaster@all.test", ADDRESS_OK }, { NULL, "nobody@example.org", ADDRESS_UNKNOWN },
		{ NULL, "postmaster@foreign.test", ADDRESS_FOREIGN }, { "postmaster@mx.example.net", "postmaster@mx.example.net", ADDRESS_TEMPORARY },
	};
	struct fixture *f = *state;
	struct directory_answer a;
	char got[1024];

	f->s->top.hostname = "mx.example.net";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum wire_address result;

		f->s->top.admin = cases[i].admin;
		directory_set(f->d, f->s);
		result = directory_ask(f->d, span_of_text(cases[i].address));
		if (result != cases[i].result)
			fail_msg("%s: %d, not %d", cases[i].address, result, cases[i].result);
		directory_expand(f->d, span_of_text(cases[i].address), SPAN_NONE, &a);
		if (a.result != (result == ADDRESS_FOREIGN ? ADDRESS_OK : result))
			fail_msg("%s: %d expanded, not %d", cases[i].address, a.result, result);
	}
	f->s->top.admin = "root@example.org";
	directory_set(f->d, f->s);
	directory_expand(f->d, SPAN("postmaster@mx.example.net"), SPAN_NONE, &a);
	rows_text(&a, got, sizeof(got));
	assert_string_equal(got, "0 root@example.org root@example.org");
}

static void t_whose_an_address_is(void **state)
{
	static const struct {
		const char *login, *address;
		enum wire_sender result;
	} cases[] = {
		{ "Anna@example.org", "anna@example.org", SENDER_OWN }, { "anna@example.org", "ANNA+list@example.org", SENDER_OWN },
		{ "bert@example.org", "bert-x@example.org", SENDER_OWN }, { "bert@example.org", "team@example.org", SENDER_OWN },
		{ "bert@example.org", "nested@example.org", SENDER_OWN }, { "eve@other.test", "nested@example.org", SENDER_OWN },
		{ "eve@other.test", "team@example.org", SENDER_FOREIGN }, { "eve@other.test", "info@other.test", SENDER_OWN },
		{ "bert@example.org", "anna@example.org", SENDER_OWN },	/* who gets her mail by her own alias */
		{ "anna@example.org", "bert@example.org", SENDER_FOREIGN }, { "bert@example.org", "whatever@all.test", SENDER_OWN },
		{ "anna@example.org", "whatever@all.test", SENDER_FOREIGN }, { "root@example.org", "postmaster@example.org", SENDER_OWN },
		{ "anna@example.org", "postmaster@example.org", SENDER_FOREIGN }, { "anna@example.org", "nobody@example.org", SENDER_FOREIGN },
		{ "anna@example.org", "loop@example.org", SENDER_FOREIGN }, { "anna@example.org", "who@foreign.test", SENDER_FOREIGN },
		{ "who@foreign.test", "who@foreign.test", SENDER_OWN },	/* a login of others */
		{ "store@other.test", "eve@other.test", SENDER_FOREIGN },	/* an archive is no owner */
		{ "anna@example.org", "x@ask.test", SENDER_FOREIGN }, { "anna@example.org", "nolist@example.org", SENDER_TEMPORARY },
		{ "\320\260nna@example.org", "anna@example.org", SENDER_FOREIGN },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (directory_owns(f->d, span_of_text(cases[i].login), span_of_text(cases[i].address)) != cases[i].result)
			fail_msg("%s as %s", cases[i].login, cases[i].address);
}

#define DIGEST "0011223344556677" "8899aabbccddeeff" "00112233445566778899aabbccddeeff"

static void t_users_and_tokens_are_found(void **state)
{
	struct fixture *f = *state;
	struct directory_user user;
	struct table_token token;

	assert_true(directory_user(f->d, SPAN("ANNA@example.org"), &user));
	assert_true(span_eq(user.address, SPAN("Anna@example.org")));
	assert_true(span_eq(user.password, SPAN("hash scram")));
	assert_false(user.is_disabled);
	assert_true(directory_user(f->d, SPAN("off@example.org"), &user));
	assert_true(user.is_disabled);
	assert_false(directory_user(f->d, SPAN("team@example.org"), &user));
	assert_false(directory_user(f->d, SPAN("anna"), &user));
	assert_false(directory_user(f->d, SPAN_NONE, &user));
	assert_false(directory_token(f->d, 0x0011223344556677, &token));
	add_table(f, TABLE_TOKENS, "", "/state/tokens", SPAN("# tokens\nanna@example.org\t" DIGEST "\t1\tphone\nno row\nanna@example.org\t" DIGEST "\t1\t\n"));
	add_tables(f, USERS, ALIASES);
	assert_true(directory_token(f->d, 0x0011223344556677, &token));
	assert_true(span_eq(token.address, SPAN("anna@example.org")));
	assert_int_equal(token.digest.len, SHA256_LEN);
	assert_memory_equal(token.digest.at, "\x00\x11\x22\x33", 4);
	assert_false(directory_token(f->d, 0x0011223344556678, &token));
	assert_non_null(memmem(f->problems.at, f->problems.len, "/state/tokens:3:", 16));
	assert_non_null(memmem(f->problems.at, f->problems.len, "/state/tokens:4: a token that is there already", 46));
	add_tables(f, USERS, ALIASES);	/* all were revoked */
	assert_true(directory_has_users(f->d));
	assert_false(directory_token(f->d, 0x0011223344556677, &token));
}

static void t_problems_are_named(void **state)
{
	static const char *const lines[] = {
		"loop@example.org: An alias leads back to itself\n", "half@example.org: One of its targets is nobody's address\n",
		"nolist@example.org: A list that it includes can't be read\n", "gone@example.org: It leads to nobody\n"
	};
	struct fixture *f = *state;

	assert_int_equal(buf_add_char(&f->problems, '\0'), PR_OK);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_non_null(strstr(f->problems.at, lines[i]));
}

static void t_a_wrong_line_does_not_count_and_the_others_do(void **state)
{
	struct fixture *f = *state;

	buf_clear(&f->problems);
	add_tables(f, ROW("carl@example.org", "-") "no row\n" ROW("x@y@", "-") ROW("carl@example.org", "-") ROW("dora@example.org", "odd"), "");
	assert_int_equal(directory_ask(f->d, SPAN("carl@example.org")), ADDRESS_OK);
	assert_int_equal(directory_ask(f->d, SPAN("dora@example.org")), ADDRESS_UNKNOWN);
	assert_int_equal(directory_ask(f->d, SPAN("anna@example.org")), ADDRESS_UNKNOWN);
	assert_int_equal(buf_add_char(&f->problems, '\0'), PR_OK);
	assert_non_null(strstr(f->problems.at, "/state/users:2: "));
	assert_non_null(strstr(f->problems.at, "/state/users:3: not an address"));
	assert_non_null(strstr(f->problems.at, "/state/users:4: a user who is there already"));
	assert_non_null(strstr(f->problems.at, "/state/users:5: a flag that is not known"));
}

static void t_a_broken_table_leaves_the_old_one(void **state)
{
	struct fixture *f = *state;

	add_table(f, TABLE_USERS, "", "/state/users", SPAN("carl@example.org\tx\0y\t-\n"));
	directory_take_tables(f->d, &f->tables, &f->problems);
	assert_int_equal(directory_ask(f->d, SPAN("anna@example.org")), ADDRESS_OK);
	assert_int_equal(directory_ask(f->d, SPAN("carl@example.org")), ADDRESS_UNKNOWN);
}

static void t_lists_of_aliases_that_can_not_be_read_stay_with_them(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(directory_ask(f->d, SPAN("list@example.org")), ADDRESS_OK);
	add_table(f, TABLE_USERS, "", "/state/users", span_of_text(USERS));
	add_table(f, TABLE_ALIASES, "example.org", "/etc/aliases", SPAN("\0"));
	directory_take_tables(f->d, &f->tables, &f->problems);
	assert_int_equal(directory_ask(f->d, SPAN("team@example.org")), ADDRESS_OK);
	assert_int_equal(directory_ask(f->d, SPAN("list@example.org")), ADDRESS_OK);
}

/* Of who is missing there nobody can say that he does not exist. */
static void t_aliases_that_could_never_be_read_put_off_who_is_not_found(void **state)
{
	static const struct { enum table_kind kind; const char *name, *path; } ROWS[] = {
		{ TABLE_ALIASES, "example.org", "/etc/aliases" },
		{ TABLE_ALIAS_STATE, "", "/state/aliases" },
	};

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct fixture *f = *state;

		directory_free(&f->d);
		f->d = directory_new();
		directory_set(f->d, f->s);
		add_table(f, TABLE_USERS, "", "/state/users", SPAN(ROW("anna@example.org", "-") ROW("root@example.org", "-")));
		add_table(f, ROWS[i].kind, ROWS[i].name, ROWS[i].path, SPAN("\0"));
		directory_take_tables(f->d, &f->tables, &f->problems);
		assert_int_equal(directory_ask(f->d, SPAN("anna@example.org")), ADDRESS_OK);
		assert_int_equal(directory_ask(f->d, SPAN("sales@example.org")), ADDRESS_TEMPORARY);
		assert_int_equal(directory_ask(f->d, SPAN("postmaster@example.org")), ADDRESS_OK);
	}
}

static void t_ten_thousand_targets_and_no_more(void **state)
{
	struct fixture *f = *state;
	struct directory_answer a;
	struct buf text;

	buf_init(&text, 1 << 20);
	for (unsigned n = EXPANSION_TARGETS_MAX; n <= EXPANSION_TARGETS_MAX + 1; n++) {
		buf_clear(&text);
		assert_int_equal(buf_add_text(&text, "big: u0@foreign.test"), PR_OK);
		for (unsigned i = 1; i < n; i++)
			assert_int_equal(buf_printf(&text, ",\n u%u@foreign.test", i), PR_OK);
		assert_int_equal(buf_add(&text, SPAN("\n\0")), PR_OK);
		add_tables(f, USERS, text.at);
		directory_expand(f->d, SPAN("big@example.org"), SPAN_NONE, &a);
		assert_int_equal(a.result, n == EXPANSION_TARGETS_MAX ? ADDRESS_OK : ADDRESS_TOO_LARGE);
		assert_int_equal(directory_ask(f->d, SPAN("big@example.org")), a.result);
		assert_int_equal(a.n_rows, n == EXPANSION_TARGETS_MAX ? n : 0);
	}
	buf_fini(&text);
}

static void t_hundreds_of_thousands_are_found(void **state)
{
	struct fixture *f = *state;
	struct table *t = table_new(TABLE_USERS, SPAN_NONE, SPAN("/state/users"), &f->problems);
	char line[128];

	for (unsigned i = 0; i < 200000; i++)
		table_feed(t, span_of(line, (size_t)snprintf(line, sizeof(line), "user%u@example.org\thash scram\t-\n", i)));
	table_finish(t);
	list_add_last(&f->tables, &t->list);
	directory_take_tables(f->d, &f->tables, &f->problems);
	assert_int_equal(directory_n_users(f->d), 200000);
	assert_int_equal(directory_ask(f->d, SPAN("USER199999@example.org")), ADDRESS_OK);
	assert_int_equal(directory_ask(f->d, SPAN("user200000@example.org")), ADDRESS_UNKNOWN);
}

/* ---- forwarding -------------------------------------------------------------- */

#define DAY_MS 86400000LL
#define TODAY  20000
#define OLD    "the key of another period ......"
#define NEW    "the key of this period ........."

static void give_keys(struct fixture *f)
{
	struct srs_keys *keys = directory_srs_keys(f->d);

	srs_keys_add(keys, TODAY + 5, SPAN("the key of the period to come .."));
	srs_keys_add(keys, TODAY - 2, SPAN(NEW));
	srs_keys_add(keys, TODAY - 2, SPAN("of another secret, made no more."));
	srs_keys_add(keys, TODAY - 40, SPAN(OLD));
	srs_keys_add(keys, TODAY, SPAN("too short"));
	srs_keys_take(keys);
	directory_set_day(f->d, TODAY * DAY_MS + 1);
}

static struct span made(const char *sender, const char *forwarder, const char *key, uint32_t day)
{
	static struct address out;

	assert_int_equal(srs_make(span_of_text(sender), span_of_text(forwarder), span_of_text(key), day, &out), PR_OK);
	return address_span(&out);
}

static void t_what_is_forwarded_has_the_sender_of_its_alias(void **state)
{
	static const struct {
		const char *address, *sender, *via;	/* via: NULL: it is not rewritten */
	} cases[] = {
		{ "away@example.org", "x@far.test", "example.org" }, { "away@example.org", "", NULL },
		{ "away@example.org", "anna@example.org", NULL }, { "away@example.org", "who@off.test", NULL },
		{ "away@example.org", "root@mx.example.net", NULL }, { "away@example.org", "x@sub.example.org", "example.org" },
		{ "other@other.test", "x@far.test", "other.test" }, { "inner@example.org", "x@far.test", "other.test" },	/* who sends it away */
		{ "away@off.test", "x@far.test", NULL }, { "who@off.test", "x@far.test", NULL }, { "who@out.test", "x@far.test", "out.test" },
		{ "postmaster@mx.example.net", "x@far.test", "mx.example.net" }, { "direct@foreign.test", "x@far.test", NULL },
	};
	struct fixture *f = *state;
	struct directory_answer a;

	f->s->top.hostname = "mx.example.net";
	f->s->top.admin = "chief@foreign.test";
	add_domain(f->s, "off.test", "maildir")->srs = DOMAIN_SRS_OFF;
	f->s->domain[f->s->n_domain - 1].catch_all = "all@foreign.test";
	add_domain(f->s, "out.test", "maildir")->catch_all = "all@foreign.test";
	directory_set(f->d, f->s);
	add_table(f, TABLE_ALIASES, "off.test", "/etc/off", SPAN("away: u@foreign.test\n"));
	add_table(f, TABLE_ALIASES, "other.test", "/etc/other", SPAN("other: u@foreign.test\n"));
	add_tables(f, USERS, "away: u@foreign.test\ninner: other@other.test\n");
	give_keys(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span wanted = cases[i].via ? made(cases[i].sender, cases[i].via, NEW, TODAY) : SPAN_NONE;

		directory_expand(f->d, span_of_text(cases[i].address), span_of_text(cases[i].sender), &a);
		assert_int_equal(a.result, ADDRESS_OK);
		assert_int_equal(a.rows[0].deliver, EXPANSION_FOREIGN);
		if (!span_eq(a.rows[0].sender, wanted))
			fail_msg("%s from %s: `%.*s`, not `%.*s`", cases[i].address, cases[i].sender, SPAN_ARG(a.rows[0].sender), SPAN_ARG(wanted));
	}
}

static void t_copies_here_keep_their_sender(void **state)
{
	struct fixture *f = *state;
	struct directory_answer a;

	add_domain(f->s, "kept.test", "maildir")->archive = "store@foreign.test";
	directory_set(f->d, f->s);
	add_table(f, TABLE_ALIASES, "kept.test", "/etc/kept", SPAN("list: bert@example.org\n"));
	add_tables(f, USERS, ALIASES);
	directory_expand(f->d, SPAN("team@example.org"), SPAN("x@far.test"), &a);
	assert_int_equal(a.result, ADDRESS_TEMPORARY);		/* without a key it waits */
	directory_expand(f->d, SPAN("nested@example.org"), SPAN("eve@other.test"), &a);
	assert_int_equal(a.result, ADDRESS_OK);			/* … but what is not rewritten */
	give_keys(f);
	directory_expand(f->d, SPAN("team@example.org"), SPAN("x@far.test"), &a);
	for (size_t i = 0; i < a.n_rows; i++)
		assert_int_equal(a.rows[i].sender.len > 0, a.rows[i].deliver == EXPANSION_FOREIGN);
	directory_set_day(f->d, (TODAY + 5) * DAY_MS);		/* the next key makes them, without a word of anybody */
	directory_expand(f->d, SPAN("team@example.org"), SPAN("x@far.test"), &a);
	assert_true(span_eq(a.rows[a.n_rows - 1].sender, made("x@far.test", "example.org", "the key of the period to come ..", TODAY + 5)));
	directory_set_day(f->d, TODAY * DAY_MS);
	directory_expand(f->d, SPAN("list@kept.test"), SPAN("x@far.test"), &a);
	assert_int_equal(a.n_rows, 2);
	assert_int_equal(a.rows[1].kind, TARGET_ARCHIVE);
	assert_true(span_eq(a.rows[1].sender, made("x@far.test", "kept.test", NEW, TODAY)));
}

static void t_bounces_find_their_way_back(void **state)
{
	static const struct {
		const char *forwarder, *key;
		uint32_t age;
		enum wire_address result;
	} cases[] = {
		{ "example.org", NEW, 0, ADDRESS_BOUNCES }, { "example.org", OLD, 20, ADDRESS_BOUNCES }, { "example.org", OLD, 22, ADDRESS_EXPIRED },
		{ "example.org", "no key of ours", 0, ADDRESS_FORGED }, { "all.test", "no key of ours", 0, ADDRESS_FORGED },
		{ "all.test", NEW, 0, ADDRESS_BOUNCES }, { "ask.test", NEW, 0, ADDRESS_BOUNCES }, { "ask.test", "of its server", 0, ADDRESS_ASK },
		{ "mx.example.net", NEW, 0, ADDRESS_BOUNCES }, { "mx.example.net", "no key of ours", 0, ADDRESS_FORGED },
		{ "foreign.test", NEW, 0, ADDRESS_FOREIGN }, { "off.test", NEW, 0, ADDRESS_BOUNCES }, { "off.test", "no key of ours", 0, ADDRESS_UNKNOWN },
	};
	struct fixture *f = *state;
	struct directory_answer a;

	f->s->top.hostname = "mx.example.net";
	add_domain(f->s, "off.test", "maildir")->srs = DOMAIN_SRS_OFF;
	directory_set(f->d, f->s);
	assert_int_equal(directory_ask(f->d, made("x@far.test", "example.org", NEW, TODAY)), ADDRESS_TEMPORARY);	/* nobody told the keys */
	give_keys(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span address = made("x@far.test", cases[i].forwarder, cases[i].key, TODAY - cases[i].age);
		bool is_good = cases[i].result == ADDRESS_BOUNCES;

		if (directory_ask(f->d, address) != cases[i].result)
			fail_msg("%.*s: %d, not %d", SPAN_ARG(address), directory_ask(f->d, address), cases[i].result);
		directory_expand(f->d, address, SPAN_NONE, &a);
		if (is_good)
			assert_true(a.n_rows == 1 && span_eq(a.rows[0].mailbox, SPAN("x@far.test")) && a.rows[0].sender.len == 0);
		else if (cases[i].result == ADDRESS_FORGED || cases[i].result == ADDRESS_EXPIRED)
			assert_int_equal(a.result, ADDRESS_UNKNOWN);
		directory_expand(f->d, address, SPAN("eve@far.test"), &a);
		if (is_good)
			assert_int_equal(a.result, ADDRESS_UNKNOWN);	/* no bounce */
	}
}

/* Forwarded away, forwarded elsewhere, and by us once more: the bounce goes through our first address to the sender. */
static void t_an_address_of_ours_in_another_is_opened_too(void **state)
{
	struct fixture *f = *state;
	struct directory_answer a;
	char inner[ADDRESS_MAX + 1];

	give_keys(f);
	(void)snprintf(inner, sizeof(inner), "%.*s", SPAN_ARG(made("x@far.test", "other.test", NEW, TODAY)));
	directory_expand(f->d, made(inner, "example.org", NEW, TODAY), SPAN_NONE, &a);
	assert_int_equal(a.n_rows, 2);
	assert_true(span_eq(a.rows[0].mailbox, SPAN("x@far.test")) && a.rows[1].kind == TARGET_ARCHIVE);
	directory_expand(f->d, made("root@example.org", "example.org", NEW, TODAY), SPAN_NONE, &a);
	assert_true(a.n_rows == 1 && span_eq(a.rows[0].mailbox, SPAN("root@example.org")));
	add_tables(f, ROW("SRS0=user=AA=far.test=x@example.org", "-"), ALIASES);
	assert_int_equal(directory_ask(f->d, SPAN("srs0=user=aa=far.test=x@example.org")), ADDRESS_OK);	/* somebody's own */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(t_rcpt_is_answered), TEST(t_an_address_is_expanded), TEST(t_problems_are_named),
		TEST(t_whose_an_address_is), TEST(t_users_and_tokens_are_found),
		TEST(t_postmaster_and_abuse_are_always_there), TEST(t_users_that_are_asked), TEST(t_postmaster_of_the_server_itself),
		TEST(t_a_wrong_line_does_not_count_and_the_others_do), TEST(t_a_broken_table_leaves_the_old_one),
		TEST(t_aliases_that_could_never_be_read_put_off_who_is_not_found), TEST(t_lists_of_aliases_that_can_not_be_read_stay_with_them),
		TEST(t_ten_thousand_targets_and_no_more), TEST(t_hundreds_of_thousands_are_found),
		TEST(t_what_is_forwarded_has_the_sender_of_its_alias), TEST(t_copies_here_keep_their_sender),
		TEST(t_bounces_find_their_way_back), TEST(t_an_address_of_ours_in_another_is_opened_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
