/* The table of settings: defaults, the grammar of values both ways, the bytes a program is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <cmocka.h>

#include "wire/network.h"
#include "wire/settings.h"
#include "wire/settings_value.h"

static const struct set_key *key_of(const char *kind, const char *path)
{
	const struct set_key *key = settings_key_find(settings_kind_find(span_of_text(kind)), span_of_text(path));

	assert_non_null(key);
	return key;
}

static void t_defaults_are_what_the_table_says(void **state)
{
	struct settings *s = settings_new();
	struct set_listen *mx = settings_add_section(s, "listen", "mx", 7);

	(void)state;
	assert_string_equal(s->top.state, LOCALSTATEDIR "/lib/postrider");
	assert_null(s->top.hostname);
	assert_string_equal(mx->title, "mx");
	assert_int_equal(mx->line, 7);
	assert_int_equal(mx->max_size, 50 * 1024 * 1024);
	assert_int_equal(mx->limit_mail_address.n, 0);
	assert_int_equal(mx->limit_logins_address.at[0].count, 10);
	assert_int_equal(mx->limit_logins_address.at[0].per_ms, 60000);
	assert_int_equal(mx->early_talk, SEVERITY_REFUSE);
	assert_int_equal(mx->tls, LISTEN_TLS_AUTO);
	assert_int_equal(s->retry.after.n, 8);
	assert_int_equal(s->retry.after.at[7], 4 * 3600000);
	assert_int_equal(s->retry.expire, 72 * 3600000);
	assert_int_equal(s->log.level, LOG_LEVEL_INFO);
	settings_free(&s);
	assert_null(s);
}

static void t_sections_keep_their_order(void **state)
{
	struct settings *s = settings_new();
	char title[16];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(title, sizeof(title), "d%u", i);
		assert_non_null(settings_add_section(s, "deliver", title, i));
	}
	assert_int_equal(s->n_deliver, 100);
	assert_string_equal(s->deliver[42].title, "d42");
	assert_int_equal(s->deliver[99].batch, 50);
	assert_null(settings_add_section(s, "nothing", "x", 1));
	assert_null(settings_add_section(s, "tls", "x", 1));
	settings_free(&s);
}

/* `shown` NULL: the same text comes back; `why`: it is refused with these words. */
static const struct value_case {
	const char *kind, *path, *text, *shown, *why;
} value_cases[] = {
	{ "users", "ask", "yes", NULL, NULL },
	{ "users", "ask", "no", NULL, NULL },
	{ "users", "ask", "true", NULL, "is neither yes nor no" },
	{ "listen", "port", "25", NULL, NULL },
	{ "listen", "port", "0", NULL, "is less than 1" },
	{ "listen", "port", "65536", NULL, "is more than 65535" },
	{ "listen", "port", "25x", NULL, "is no number" },
	{ "listen", "port", "-1", NULL, "is no number" },
	{ "listen", "port", "99999999999999999999", NULL, "is no number" },
	{ "listen", "max_commands", "off", NULL, NULL },
	{ "listen", "max_errors", "off", NULL, "is no number" },
	{ "listen", "max_size", "50MB", NULL, NULL },
	{ "listen", "max_size", "1024", "1KB", NULL },
	{ "listen", "max_size", "1023", NULL, "is less than 1KB" },
	{ "listen", "max_size", "5GB", NULL, "is more than 4GB" },
	{ "listen", "max_size", "50 MB", NULL, "is no size: 50MB, 16KB" },
	{ "listen", "max_size", "50mb", NULL, "is no size: 50MB, 16KB" },
	{ "listen", "max_size", "9999999999999GB", NULL, "is no size: 50MB, 16KB" },
	{ "spool", "min_free", "off", NULL, NULL },
	{ "spool", "min_free", "0", NULL, NULL },
	{ "listen", "greet_delay", "0s", NULL, NULL },
	{ "listen", "greet_delay", "1500ms", NULL, NULL },
	{ "listen", "greet_delay", "60s", "1min", NULL },
	{ "listen", "greet_delay", "61s", NULL, "is more than 1min" },
	{ "listen", "greet_delay", "5", NULL, "is no duration: 30s, 5min, 2h, 1d" },
	{ "listen", "greet_delay", "5 s", NULL, "is no duration: 30s, 5min, 2h, 1d" },
	{ "listen", "greet_delay", "s", NULL, "is no duration: 30s, 5min, 2h, 1d" },
	{ "retry", "expire", "72h", "3d", NULL },
	{ "retry", "notice", "off", NULL, NULL },
	{ "listen", "early_talk", "slow", NULL, NULL },
	{ "listen", "early_talk", "slo", NULL, "is none of note, slow, refuse" },
	{ "listen", "early_talk", "", NULL, "is none of note, slow, refuse" },
	{ "tls", "minimum", "1.3", NULL, NULL },
	{ "top", "state", "/var/lib/x", "\"/var/lib/x\"", NULL },
	{ "top", "state", "var/lib/x", NULL, "is no absolute path" },
	{ "top", "state", "", NULL, "is empty" },
	{ "top", "user", "mail\tx", NULL, "is too long or holds a control character" },
	{ "tls", "ciphers", "A\"B\\C", "\"A\\\"B\\\\C\"", NULL },
	{ "deliver", "lmtp", "unix:/run/lmtp", "\"unix:/run/lmtp\"", NULL },
	{ "deliver", "lmtp", "127.0.0.1:24", NULL, NULL },
	{ "deliver", "lmtp", "[::1]:24", "\"[::1]:24\"", NULL },
	{ "deliver", "lmtp", "::1:24", NULL, "is no socket: \"127.0.0.1:24\", \"[::1]:24\", \"unix:/path\"" },
	{ "deliver", "lmtp", "host:0", NULL, "is no socket: \"127.0.0.1:24\", \"[::1]:24\", \"unix:/path\"" },
	{ "deliver", "lmtp", "host", NULL, "is no socket: \"127.0.0.1:24\", \"[::1]:24\", \"unix:/path\"" },
	{ "deliver", "lmtp", "unix:run", NULL, "is no socket: \"127.0.0.1:24\", \"[::1]:24\", \"unix:/path\"" },
	{ "listen", "address", "127.0.0.1", NULL, NULL },
	{ "listen", "address", "2001:DB8:0::1", "2001:db8::1", NULL },
	{ "listen", "address", "localhost", NULL, "is no IP address" },
	{ "listen", "trusted", "10.0.0.0/8", NULL, NULL },
	{ "listen", "trusted", "192.0.2.7", "192.0.2.7/32", NULL },
	{ "listen", "trusted", "2001:db8::/32", NULL, NULL },
	{ "listen", "trusted", "::ffff:10.0.0.0/104", "10.0.0.0/8", NULL },
	{ "listen", "trusted", "10.1.0.0/8", NULL, "has bits beyond its prefix length" },
	{ "listen", "trusted", "10.0.0.0/33", NULL, "has no prefix length of 0 to 32" },
	{ "listen", "trusted", "::/129", NULL, "has no prefix length of 0 to 128" },
	{ "listen", "trusted", "10.0.0.0/", NULL, "has no prefix length of 0 to 32" },
	{ "listen", "trusted", "10.0.0", NULL, "is no network: 192.0.2.0/24, 2001:db8::/32" },
	{ "listen", "limit mail.address", "600/min", NULL, NULL },
	{ "listen", "limit mail.address", "1000/day", NULL, NULL },
	{ "listen", "limit mail.address", "off", NULL, NULL },
	{ "listen", "limit mail.address", "0/h", NULL, "is no rate: 600/min, 20/h, 1000/day" },
	{ "listen", "limit mail.address", "600/m", NULL, "is no rate: 600/min, 20/h, 1000/day" },
	{ "listen", "limit mail.address", "600", NULL, "is no rate: 600/min, 20/h, 1000/day" },
};

static void check_value(const struct value_case *c)
{
	struct settings *s = settings_new();
	const struct set_kind *kind = settings_kind_find(span_of_text(c->kind));
	void *section = kind->once ? settings_section(s, kind, 0) : settings_add_section(s, c->kind, "x", 1);
	struct span text = span_of_text(c->text);
	struct set_fault fault;
	struct buf shown;
	enum pr_err err;

	buf_init(&fault.why, 1024);
	buf_init(&shown, 1024);
	err = settings_value_set(s, key_of(c->kind, c->path), section, &text, 1, &fault);
	settings_value_show(key_of(c->kind, c->path), section, &shown);
	(void)buf_add_char(&shown, '\0');
	(void)buf_add_char(&fault.why, '\0');
	if (c->why) {
		assert_int_equal(err, PR_BAD);
		assert_string_equal(fault.why.at, c->why);
	} else {
		assert_int_equal(err, PR_OK);
		assert_string_equal(shown.at, c->shown ? c->shown : c->text);
	}
	buf_fini(&shown);
	buf_fini(&fault.why);
	settings_free(&s);
}

static void t_values_have_one_grammar(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(value_cases) / sizeof(value_cases[0]); i++) {
		print_message("# %s = %s\n", value_cases[i].path, value_cases[i].text);
		check_value(&value_cases[i]);
	}
}

static void t_defaults_show_as_they_are_read(void **state)
{
	struct settings *a = settings_new(), *b = settings_new();

	(void)state;
	for (unsigned k = 0; k < settings_n_kinds; k++) {
		const struct set_kind *kind = &settings_kinds[k];
		void *from = kind->once ? settings_section(a, kind, 0) : settings_add_section(a, kind->name, "x", 1);
		void *to = kind->once ? settings_section(b, kind, 0) : settings_add_section(b, kind->name, "x", 1);

		for (unsigned i = 0; i < kind->n_keys; i++) {
			struct buf once, twice;

			buf_init(&once, 1024);
			buf_init(&twice, 1024);
			settings_value_show(&kind->keys[i], from, &once);
			settings_value_reset(b, &kind->keys[i], to);
			settings_value_show(&kind->keys[i], to, &twice);
			assert_true(span_eq(buf_span(&once), buf_span(&twice)));
			assert_int_equal(once.len == 0, kind->keys[i].deflt[0] == '\0');
			buf_fini(&once);
			buf_fini(&twice);
		}
	}
	settings_free(&a);
	settings_free(&b);
}

static void t_a_list_names_the_one_at_fault(void **state)
{
	struct settings *s = settings_new();
	struct set_listen *mx = settings_add_section(s, "listen", "mx", 1);
	const struct span nets[] = { SPAN("10.0.0.0/8"), SPAN("2001:db8::/32"), SPAN("no") };
	const struct span rates[] = { SPAN("1/s"), SPAN("2/s"), SPAN("3/s"), SPAN("4/s"), SPAN("5/s") };
	struct set_fault fault;

	(void)state;
	buf_init(&fault.why, 256);
	assert_int_equal(settings_value_set(s, key_of("listen", "trusted"), mx, nets, 3, &fault), PR_BAD);
	assert_int_equal(fault.which, 2);
	assert_int_equal(mx->trusted.n, 0);
	assert_int_equal(settings_value_set(s, key_of("listen", "trusted"), mx, nets, 2, &fault), PR_OK);
	assert_int_equal(mx->trusted.n, 2);
	assert_int_equal(settings_value_set(s, key_of("listen", "port"), mx, rates, 2, &fault), PR_BAD);
	assert_int_equal(settings_value_set(s, key_of("listen", "limit mail.user"), mx, rates, 4, &fault), PR_OK);
	assert_int_equal(settings_value_set(s, key_of("listen", "limit mail.user"), mx, rates, 5, &fault), PR_BAD);
	buf_fini(&fault.why);
	settings_free(&s);
}

static void t_networks_match_by_prefix(void **state)
{
	static const struct {
		const char *net, *address;
		bool has;
	} cases[] = {
		{ "10.0.0.0/8", "10.255.1.2", true }, { "10.0.0.0/8", "11.0.0.0", false }, { "0.0.0.0/0", "203.0.113.9", true },
		{ "192.0.2.128/25", "192.0.2.127", false }, { "192.0.2.128/25", "192.0.2.200", true }, { "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.6", false }, { "10.0.0.0/8", "::ffff:10.1.2.3", true }, { "::/0", "10.1.2.3", false },
		{ "::/0", "2001:db8::1", true }, { "2001:db8::/33", "2001:db8:7fff::1", true }, { "2001:db8::/33", "2001:db8:8000::1", false },
		{ "::1", "::1", true }, { "::1", "::2", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct settings *s = settings_new();
		struct set_listen *mx = settings_add_section(s, "listen", "mx", 1);
		struct span net = span_of_text(cases[i].net);
		struct set_fault fault;
		unsigned char bytes[16];
		bool is_v6 = strchr(cases[i].address, ':') != NULL;

		buf_init(&fault.why, 256);
		assert_int_equal(settings_value_set(s, key_of("listen", "trusted"), mx, &net, 1, &fault), PR_OK);
		assert_int_equal(inet_pton(is_v6 ? AF_INET6 : AF_INET, cases[i].address, bytes), 1);
		assert_int_equal(network_has(&mx->trusted, is_v6 ? 6 : 4, bytes), cases[i].has);
		buf_fini(&fault.why);
		settings_free(&s);
	}
}

static struct settings *sample(void)
{
	struct settings *s = settings_new();
	struct set_listen *mx = settings_add_section(s, "listen", "mx", 9);
	struct set_domain *domain = settings_add_section(s, "domain", "example.org", 3);
	const struct span nets[] = { SPAN("10.0.0.0/8"), SPAN("2001:db8::/32") };
	const struct span rates[] = { SPAN("200/h"), SPAN("1000/day") };
	struct set_fault fault;

	buf_init(&fault.why, 256);
	s->generation = 7;
	s->top.hostname = settings_text(s, SPAN("mx.example.org"));
	domain->catch_all = settings_text(s, SPAN("anna@example.org"));
	mx->port = 25;
	assert_int_equal(settings_value_set(s, key_of("listen", "trusted"), mx, nets, 2, &fault), PR_OK);
	assert_int_equal(settings_value_set(s, key_of("listen", "limit mail.address"), mx, rates, 2, &fault), PR_OK);
	buf_fini(&fault.why);
	return s;
}

static void t_a_program_is_told_what_it_reads(void **state)
{
	struct settings *s = sample(), *told;
	struct buf bytes;

	(void)state;
	buf_init(&bytes, 65536);
	assert_int_equal(settings_encode(s, 'S', &bytes), PR_OK);
	assert_int_equal(settings_decode(buf_span(&bytes), &told), PR_OK);
	assert_int_equal(told->generation, 7);
	assert_string_equal(told->top.hostname, "mx.example.org");
	assert_int_equal(told->n_listen, 1);
	assert_int_equal(told->listen[0].port, 25);
	assert_int_equal(told->listen[0].line, 9);
	assert_int_equal(told->listen[0].trusted.n, 2);
	assert_int_equal(told->listen[0].trusted.at[1].family, 6);
	assert_int_equal(told->listen[0].limit_mail_address.at[1].count, 1000);
	assert_string_equal(told->domain[0].title, "example.org");
	assert_null(told->domain[0].catch_all);	/* only auth reads it */
	settings_free(&told);
	buf_clear(&bytes);
	assert_int_equal(settings_encode(s, 'A', &bytes), PR_OK);
	assert_int_equal(settings_decode(buf_span(&bytes), &told), PR_OK);
	assert_string_equal(told->domain[0].catch_all, "anna@example.org");
	assert_int_equal(told->listen[0].port, 0);
	settings_free(&told);
	buf_fini(&bytes);
	settings_free(&s);
}

static void t_cut_or_longer_bytes_are_refused(void **state)
{
	struct settings *s = sample(), *told;
	struct buf bytes;

	(void)state;
	buf_init(&bytes, 65536);
	assert_int_equal(settings_encode(s, 'S', &bytes), PR_OK);
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(settings_decode(span_of(bytes.at, len), &told), PR_BAD);
	assert_int_equal(buf_add_char(&bytes, 'x'), PR_OK);
	assert_int_equal(settings_decode(buf_span(&bytes), &told), PR_BAD);
	buf_fini(&bytes);
	settings_free(&s);
}

/* Any one byte changed is refused or gives some other configuration, never a value out of its bounds. */
static void t_damaged_bytes_never_break_a_bound(void **state)
{
	struct settings *s = sample(), *told;
	struct buf bytes;

	(void)state;
	buf_init(&bytes, 65536);
	assert_int_equal(settings_encode(s, 'S', &bytes), PR_OK);
	for (size_t i = 1; i < bytes.len; i++) {
		bytes.at[i] = (char)(bytes.at[i] ^ 0x81);
		if (settings_decode(buf_span(&bytes), &told) == PR_OK) {
			assert_in_range(told->listen[0].port, 0, 65535);
			assert_in_range(told->listen[0].early_talk, SEVERITY_NOTE, SEVERITY_REFUSE);
			settings_free(&told);
		}
		bytes.at[i] = (char)(bytes.at[i] ^ 0x81);
	}
	buf_fini(&bytes);
	settings_free(&s);
}

static void t_too_small_a_buffer_is_told(void **state)
{
	struct settings *s = settings_new();
	struct buf bytes;

	(void)state;
	buf_init(&bytes, 64);
	assert_int_equal(settings_encode(s, 'S', &bytes), PR_FULL);
	buf_fini(&bytes);
	settings_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_defaults_are_what_the_table_says),
		cmocka_unit_test(t_sections_keep_their_order),
		cmocka_unit_test(t_values_have_one_grammar),
		cmocka_unit_test(t_defaults_show_as_they_are_read),
		cmocka_unit_test(t_a_list_names_the_one_at_fault),
		cmocka_unit_test(t_networks_match_by_prefix),
		cmocka_unit_test(t_a_program_is_told_what_it_reads),
		cmocka_unit_test(t_cut_or_longer_bytes_are_refused),
		cmocka_unit_test(t_damaged_bytes_never_break_a_bound),
		cmocka_unit_test(t_too_small_a_buffer_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
