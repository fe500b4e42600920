#include "mail/aliases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

static void on_name(void *owner, unsigned line, struct span name)
{
	(void)buf_printf(owner, "%u name %.*s\n", line, SPAN_ARG(name));
}

static void on_target(void *owner, unsigned line, enum alias_kind kind, struct span target)
{
	static const char *const kinds[] = { "address", "local", "include" };

	(void)buf_printf(owner, "%u %s %.*s\n", line, kinds[kind], SPAN_ARG(target));
}

static void on_problem(void *owner, unsigned line, const char *why, struct span what)
{
	(void)what;
	(void)buf_printf(owner, "%u ! %s\n", line, why);
}

static const struct aliases_handlers ON = { .on_name = on_name, .on_target = on_target, .on_problem = on_problem };

struct row {
	const char *file, *told;
};

/* As it is, and with CRLF for each line's end: the same is told. */
static void check(const struct row *row, void (*parse)(struct span, const struct aliases_handlers *, void *))
{
	for (int crlf = 0; crlf < 2; crlf++) {
		struct buf told, file;
		char *copy;

		buf_init(&told, 1 << 20);
		buf_init(&file, 1 << 20);
		for (const char *at = row->file; *at; at++) {
			if (crlf && *at == '\n')
				(void)buf_add_char(&file, '\r');
			(void)buf_add_char(&file, *at);
		}
		copy = mem_resize(NULL, file.len + 1);
		memcpy(copy, buf_span(&file).at, file.len);
		parse(span_of(copy, file.len), &ON, &told);
		(void)buf_add_char(&told, '\0');
		if (strcmp(told.at, row->told) != 0)
			fail_msg("%s of <%s> told <%s>, wanted <%s>", crlf ? "CRLF" : "LF", row->file, told.at, row->told);
		mem_free(copy);
		buf_fini(&told);
		buf_fini(&file);
	}
}

static void files_are_read_as_aliases_5_says(void **unused)
{
	static const struct row rows[] = {
		{ "", "" },
		{ "\n\n  \n# comment\n\t# one more\n", "" },
		{ "a: b", "1 name a\n1 local b\n" },
		{ "a: b\n", "1 name a\n1 local b\n" },
		{ "a:b,c@d.example ,e\n", "1 name a\n1 local b\n1 address c@d.example\n1 local e\n" },
		{ "a : b\n", "1 name a\n1 local b\n" },
		{ "a: b,\n\tc,\n d\ne: f\n", "1 name a\n1 local b\n2 local c\n3 local d\n4 name e\n4 local f\n" },
		{ "a:\n b\n", "1 name a\n2 local b\n" },
		{ "a: b,\n# comment\n\n  # another\n\tc\nd: e", "1 name a\n1 local b\n5 local c\n6 name d\n6 local e\n" },
		{ "a: b # said of b\nc: d\n", "1 name a\n1 local b\n2 name c\n2 local d\n" },
		{ "a#b: c#d@e.example\n", "1 name a#b\n1 address c#d@e.example\n" },
		{ "a: b,,c,\n", "1 name a\n1 local b\n1 local c\n" },
		{ "\"a b\": \"c d\"@e.example, \"f, g\"\n", "1 name a b\n1 address c d@e.example\n1 local f, g\n" },
		{ "\"a: b\": c\\ d, \"e\\\"f\\\\g\"\n", "1 name a: b\n1 local c d\n1 local e\"f\\g\n" },
		{ "a@b.example: c\n", "1 name a@b.example\n1 local c\n" },
		{ "a: :include:/etc/list, \":INCLUDE:/with blank/list\"\n", "1 name a\n1 include /etc/list\n1 include /with blank/list\n" },
		{ "a: :include:list/below\n", "1 name a\n1 include list/below\n" },
		{ "a: b\xc3\xb6\n", "1 name a\n1 local b\xc3\xb6\n" },
		{ "a: b\na: c\n", "1 name a\n1 local b\n2 name a\n2 local c\n" },
	};

	(void)unused;
	for (size_t i = 0; i < N_OF(rows); i++)
		check(&rows[i], aliases_parse);
}

/* The rest of the list is left out, the next name goes on. */
static void what_is_wrong_is_named_with_its_line(void **unused)
{
	static const struct row rows[] = {
		{ "a: |cmd x, b\nc: d\n", "1 name a\n1 ! commands (|…) are not run here\n2 name c\n2 local d\n" },
		{ "a: b,\n  \"|/bin/cmd -x\",\n  c\nd: e\n", "1 name a\n1 local b\n2 ! commands (|…) are not run here\n4 name d\n4 local e\n" },
		{ "a: \\|cmd\n", "1 name a\n1 ! commands (|…) are not run here\n" },
		{ "\na: /var/mail/a\n", "2 name a\n2 ! mail is not put into files (/…) here\n" },
		{ "a: \"/var/mail/a\"\n", "1 name a\n1 ! mail is not put into files (/…) here\n" },
		{ "a: :fail: gone\n", "1 name a\n1 ! only :include: is known\n" },
		{ "a: :include: /list\n", "1 name a\n1 ! :include: needs a path\n" },
		{ " a: b\nc: d\n", "1 ! a line that goes on, but nothing before it\n2 name c\n2 local d\n" },
		{ "a\nb: c\n", "1 ! a colon is missing behind the name\n2 name b\n2 local c\n" },
		{ "a b: c\n  d\nb: c\n", "1 ! a colon is missing behind the name\n3 name b\n3 local c\n" },
		{ "a:\nb: c\n", "1 name a\n1 ! a name without targets\n2 name b\n2 local c\n" },
		{ "a:", "1 name a\n1 ! a name without targets\n" },
		{ "a: ,\n ,\nb: c", "1 name a\n1 ! a name without targets\n3 name b\n3 local c\n" },
		{ ": b\n", "1 ! a name or target is missing\n" },
		{ "\"\": b\n", "1 ! a name or target is missing\n" },
		{ "a: \"\"\n", "1 name a\n1 ! a name or target is missing\n" },
		{ "a: \"b\nc: d\n", "1 name a\n1 ! a quote that is not closed\n2 name c\n2 local d\n" },
		{ "\"a: b\nc: d\n", "1 ! a quote that is not closed\n2 name c\n2 local d\n" },
		{ "a: b\1c, d\ne: f\n", "1 name a\n1 ! a control character\n2 name e\n2 local f\n" },
		{ "a: b\\\nc: d\n", "1 name a\n1 ! a backslash at a line's end\n2 name c\n2 local d\n" },
		{ "a: \"b\rc\"\n", "1 name a\n1 ! a control character\n" },
		{ "a: b\\\x7f\n", "1 name a\n1 ! a control character\n" },
	};

	(void)unused;
	for (size_t i = 0; i < N_OF(rows); i++)
		check(&rows[i], aliases_parse);
}

static void lists_hold_targets_alone(void **unused)
{
	static const struct row rows[] = {
		{ "", "" },
		{ "a\nb@c.example, d\n\n# comment\n  e # said\n", "1 local a\n2 address b@c.example\n2 local d\n5 local e\n" },
		{ "a", "1 local a\n" },
		{ "\"a b\"@c.example\n", "1 address a b@c.example\n" },
		{ ":include:/x\n", "1 include /x\n" },
		{ "|cmd, a\nb\n", "1 ! commands (|…) are not run here\n2 local b\n" },
		{ "a\n/file\n:x:\nb\n", "1 local a\n2 ! mail is not put into files (/…) here\n3 ! only :include: is known\n4 local b\n" },
		{ "\"a\nb\n", "1 ! a quote that is not closed\n2 local b\n" },
	};

	(void)unused;
	for (size_t i = 0; i < N_OF(rows); i++)
		check(&rows[i], aliases_parse_list);
}

static void on_entry(void *owner, struct span lines)
{
	(void)buf_printf(owner, "[%.*s]", SPAN_ARG(lines));
}

static void ignore_target(void *owner, unsigned line, enum alias_kind kind, struct span target)
{
	(void)owner;
	(void)line;
	(void)kind;
	(void)target;
}

/* What stands between two aliases is neither's. */
static void an_alias_knows_its_lines(void **unused)
{
	static const struct aliases_handlers on = { .on_target = ignore_target, .on_entry = on_entry };
	static const struct row rows[] = {
		{ "", "" }, { "a: b", "[a: b]" }, { "# x\na: b\n\n# y\nc: d # z\n", "[a: b\n][c: d # z\n]" },
		{ "a: b,\n\n# in it\n  c\n# not\n", "[a: b,\n\n# in it\n  c\n]" }, { "a: b,\n |c\n d\n# not\ne:\n", "[a: b,\n |c\n d\n][e:\n]" },
		{ "no name\n  b\nc: d", "[c: d]" }, { " x\na:b\r\n\r\nc:d\n", "[a:b\r\n][c:d\n]" },
	};

	(void)unused;
	for (size_t i = 0; i < N_OF(rows); i++) {
		struct buf told;

		buf_init(&told, 4096);
		aliases_parse(span_of_text(rows[i].file), &on, &told);
		(void)buf_add_char(&told, '\0');
		assert_string_equal(told.at, rows[i].told);
		buf_fini(&told);
	}
}

static void words_are_addresses(void **unused)
{
	static const struct {
		const char *word, *domain, *address;
	} rows[] = {
		{ "anna", "example.org", "anna@example.org" }, { "anna", "", NULL }, { "anna@Example.net", "example.org", "anna@example.net" },
		{ "a b@example.net", "", "\"a b\"@example.net" }, { "\"a b\"@example.net", "", "\"a b\"@example.net" }, { "a\"b", "c.example", "\"a\\\"b\"@c.example" },
		{ "@example.net", "", NULL }, { "a@", "example.org", NULL }, { "\303\274@example.net", "", "\303\274@example.net" },
	};

	(void)unused;
	for (size_t i = 0; i < N_OF(rows); i++) {
		struct address got;
		enum pr_err err = aliases_address(span_of_text(rows[i].word), span_of_text(rows[i].domain), &got);

		assert_int_equal(err == PR_OK, rows[i].address != NULL);
		if (err == PR_OK)
			assert_string_equal(got.text, rows[i].address);
	}
}

static void nul_is_a_control_character(void **unused)
{
	struct buf told;

	(void)unused;
	buf_init(&told, 4096);
	aliases_parse(SPAN("a: b\0c\nd: e\n"), &ON, &told);
	(void)buf_add_char(&told, '\0');
	assert_string_equal(told.at, "1 name a\n1 ! a control character\n2 name d\n2 local e\n");
	buf_fini(&told);
}

static void words_have_a_ceiling(void **unused)
{
	static char file[2 * ALIASES_WORD_MAX], want[2 * ALIASES_WORD_MAX];

	(void)unused;
	for (int over = 0; over < 2; over++) {
		struct row row = { file, over ? "1 name a\n1 ! a word that is too long\n2 name c\n2 local d\n" : want };
		size_t n = ALIASES_WORD_MAX + (size_t)over;

		memset(file, 0, sizeof(file));
		memcpy(file, "a: ", 3);
		memset(file + 3, 'b', n);
		strcat(file, "\nc: d\n");
		memset(want, 0, sizeof(want));
		strcpy(want, "1 name a\n1 local ");
		memset(want + strlen(want), 'b', n);
		strcat(want, "\n2 name c\n2 local d\n");
		check(&row, aliases_parse);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_as_aliases_5_says),
		cmocka_unit_test(what_is_wrong_is_named_with_its_line),
		cmocka_unit_test(lists_hold_targets_alone),
		cmocka_unit_test(an_alias_knows_its_lines),
		cmocka_unit_test(words_are_addresses),
		cmocka_unit_test(nul_is_a_control_character),
		cmocka_unit_test(words_have_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
