/* delivery/path: any address is one safe folder name, and never another's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "delivery/path.h"

static const char *fill(struct buf *b, const char *template, struct span mailbox)
{
	buf_clear(b);
	assert_int_equal(path_fill(b, span_of_text(template), mailbox), PR_OK);
	assert_int_equal(buf_add_char(b, '\0'), PR_OK);
	return b->at;
}

static void t_a_template_is_filled(void **state)
{
	static const struct {
		const char *template, *prefix, *mailbox, *folder;
	} cases[] = {
		{ "/var/mail/:domain/:local/", "/var/mail/", "Anna@example.org", "example.org/Anna" },
		{ "/var/mail/:domain/:local/Maildir", "/var/mail/", "anna@example.org", "example.org/anna/Maildir" },
		{ "/srv/:local@:domain", "/srv/", "anna@example.org", "anna@example.org" },
		{ "/srv/x-:local", "/srv/", "anna@example.org", "x-anna" },
		{ "/srv/one/", "/srv/one", "anna@example.org", "" },
		{ "/:local", "/", "anna@example.org", "anna" },
		{ "/m/:local", "/m/", "../../etc/passwd@d", "%2E.%2F..%2Fetc%2Fpasswd" },
		{ "/m/:local", "/m/", "..@d", "%2E." },
		{ "/m/:local", "/m/", ".@d", "%2E" },
		{ "/m/:local", "/m/", ".Junk@d", "%2EJunk" },
		{ "/m/:local", "/m/", "a.b+c@d", "a.b+c" },
		{ "/m/:local", "/m/", "100%@d", "100%25" },
		{ "/m/:local", "/m/", ":domain@d", "%3Adomain" },
		{ "/m/:local", "/m/", "\"a@b\"@d", "%22a@b%22" },
		{ "/m/:local", "/m/", "@d", "%" },
		{ "/m/:local", "/m/", "j\303\274rgen@d", "j\303\274rgen" },
		{ "/m/:local", "/m/", "j\374rgen@d", "j%FCrgen" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, PATH_MAX_LEN);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span prefix = path_prefix(span_of_text(cases[i].template));

		assert_true(span_eq(prefix, span_of_text(cases[i].prefix)));
		assert_string_equal(fill(&b, cases[i].template, span_of_text(cases[i].mailbox)), cases[i].folder);
	}
	assert_string_equal(fill(&b, "/m/:local", SPAN("a\0b@d")), "a%00b");
	buf_fini(&b);
}

static void t_a_long_name_is_cut_and_stays_its_own(void **state)
{
	char one[300 + 2], other[300 + 2], kept[PATH_COMPONENT_MAX + 1];
	struct buf b;

	(void)state;
	buf_init(&b, PATH_MAX_LEN);
	memset(one, 'a', sizeof(one));
	memcpy(one + 300, "@d", 2);
	memcpy(other, one, sizeof(one));
	other[299] = 'b';
	fill(&b, "/m/:local", span_of(one, sizeof(one)));
	assert_int_equal(b.len - 1, PATH_COMPONENT_MAX);
	memcpy(kept, b.at, b.len);
	assert_string_not_equal(fill(&b, "/m/:local", span_of(other, sizeof(other))), kept);
	assert_string_equal(fill(&b, "/m/:local", span_of(one, sizeof(one))), kept);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_template_is_filled),
		cmocka_unit_test(t_a_long_name_is_cut_and_stays_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
