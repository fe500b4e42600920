/* auth/proof: what a session logged in with, and how long it counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "auth/proof.h"
#include "mail/tokens_row.h"

#define ROW(address, password, flags) address "\t" password "\t" flags "\n"

struct fixture {
	struct directory *d;
	struct settings *s;
	struct list tables;
	struct buf problems;
};

static void tell(struct fixture *f, enum table_kind kind, const char *text)
{
	struct table *t = table_new(kind, SPAN_NONE, SPAN("/state/x"), &f->problems);

	table_feed(t, span_of_text(text));
	table_finish(t);
	list_add_last(&f->tables, &t->list);
}

static void tell_all(struct fixture *f, const char *users, const char *tokens)
{
	tell(f, TABLE_USERS, users);
	tell(f, TABLE_TOKENS, tokens);
	directory_take_tables(f->d, &f->tables, &f->problems);
}

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .d = directory_new(), .s = settings_new() };
	list_init(&f.tables);
	buf_init(&f.problems, TABLE_PROBLEMS_MAX);
	settings_add_section(f.s, "domain", "example.org", 1);
	directory_set(f.d, f.s);
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

/* A row of the tokens of anna. */
static void row_of(const char *token, char *row, size_t room)
{
	unsigned char digest[SHA256_LEN];
	size_t n = (size_t)snprintf(row, room, "anna@example.org\t");

	token_digest(span_of_text(token), digest);
	for (unsigned i = 0; i < SHA256_LEN; i++)
		n += (size_t)snprintf(row + n, room - n, "%02x", digest[i]);
	(void)snprintf(row + n, room - n, "\t1\tphone\n");
}

static void t_a_password_counts_until_it_is_changed(void **state)
{
	struct fixture *f = *state;
	uint64_t proof = proof_of_password(SPAN("hash scram"));

	tell_all(f, ROW("anna@example.org", "hash scram", "-") ROW("bert@example.org", "other scram", "-"), "");
	assert_true(proof_counts(f->d, SPAN("ANNA@example.org"), proof));
	assert_false(proof_counts(f->d, SPAN("bert@example.org"), proof));
	assert_false(proof_counts(f->d, SPAN("nobody@example.org"), proof));
	tell_all(f, ROW("anna@example.org", "new scram", "-"), "");
	assert_false(proof_counts(f->d, SPAN("anna@example.org"), proof));
	tell_all(f, ROW("anna@example.org", "hash scram", "disabled"), "");
	assert_false(proof_counts(f->d, SPAN("anna@example.org"), proof));
}

static void t_a_token_counts_for_its_user_until_it_is_revoked(void **state)
{
	struct fixture *f = *state;
	char token[TOKEN_LEN + 1], row[256];
	uint64_t proof = 0;

	token_make(token);
	row_of(token, row, sizeof(row));
	tell_all(f, ROW("anna@example.org", "hash scram", "-") ROW("bert@example.org", "other scram", "-"), row);
	assert_false(proof_of_token(f->d, SPAN("anna@example.org"), SPAN("hash scram"), &proof));
	assert_false(proof_of_token(f->d, SPAN("bert@example.org"), span_of_text(token), &proof));
	assert_true(proof_of_token(f->d, SPAN("Anna@example.org"), span_of_text(token), &proof));
	assert_true(proof_counts(f->d, SPAN("anna@example.org"), proof));
	assert_false(proof_counts(f->d, SPAN("bert@example.org"), proof));
	tell_all(f, ROW("anna@example.org", "hash scram", "-"), "");
	assert_false(proof_of_token(f->d, SPAN("anna@example.org"), span_of_text(token), &proof));
	assert_false(proof_counts(f->d, SPAN("anna@example.org"), proof));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(t_a_password_counts_until_it_is_changed), TEST(t_a_token_counts_for_its_user_until_it_is_revoked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
