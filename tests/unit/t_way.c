/* Which way a job takes, and what the configuration says of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "delivery/way.h"

static struct set_deliver deliver[] = {
	{ .title = "box", .path = "/var/mail" },
	{ .title = "imap", .lmtp = "unix:/run/lmtp" },
	{ .title = "inner", .smtp = "inner.example.org:2525" },
	{ .title = "six", .smtp = "[2001:db8::1]:465" }
};
static struct set_route routes[] = {
	{ .title = "*", .via = "smart.example:587", .login_file = "/etc/login", .tls = ROUTE_TLS_VERIFIED },
	{ .title = "direct.example", .tls = ROUTE_TLS_NONE },
	{ .title = "*.late.example", .via = "late.example:465", .tls = ROUTE_TLS_OPPORTUNISTIC }
};
static const struct settings settings = { .deliver = deliver, .n_deliver = 4, .route = routes, .n_route = 3,
	.outbound = { .tls = OUTBOUND_TLS_OPPORTUNISTIC } }, without_routes = { .outbound = { .tls = OUTBOUND_TLS_REQUIRED } };

static const struct way *way_of(const struct ways *w, const char *section, const char *address)
{
	static struct job_rcpt rcpt;
	struct job job = { .deliver = span_of_text(section), .rcpts = &rcpt, .n_rcpts = 1 };

	rcpt.address = span_of_text(address);
	return way_find(w, &job);
}

static void t_sections_are_servers(void **state)
{
	const struct way *way;
	struct ways w;

	(void)state;
	ways_init(&w, &settings);
	assert_null(way_of(&w, "box", "u@a.example"));
	assert_null(way_of(&w, "nobody", "u@a.example"));
	way = way_of(&w, "imap", "u@a.example");
	assert_true(way->is_lmtp && way->is_configured && way->tls == CLIENT_TLS_NONE);
	assert_true(span_eq(way->host.name, SPAN("unix:/run/lmtp")));
	way = way_of(&w, "inner", "u@a.example");
	assert_true(!way->is_lmtp && way->is_configured && way->tls == CLIENT_TLS_OPPORTUNISTIC && !way->tls_first);
	assert_true(span_eq(way->host.name, SPAN("inner.example.org")));
	assert_int_equal(way->host.port, 2525);
	way = way_of(&w, "six", "u@a.example");
	assert_true(way->tls_first && way->tls == CLIENT_TLS_REQUIRED);
	ways_fini(&w);
}

static void t_domains_have_routes(void **state)
{
	const struct way *way;
	struct ways w;

	(void)state;
	ways_init(&w, &settings);
	way = way_of(&w, "", "u@anywhere.example");
	assert_true(way->is_configured && way->tls == CLIENT_TLS_REQUIRED && way->is_verified && !way->tls_first);
	assert_string_equal(way->login_file, "/etc/login");
	way = way_of(&w, "", "u@direct.example");
	assert_true(!way->is_configured && way->tls == CLIENT_TLS_NONE && !way->login_file);
	way = way_of(&w, "", "u@very.late.example");
	assert_true(way->is_configured && way->tls_first && way->tls == CLIENT_TLS_REQUIRED && !way->is_verified);
	ways_fini(&w);
}

static void t_the_world_is_the_rest(void **state)
{
	const struct way *way;
	struct ways w;

	(void)state;
	ways_init(&w, &without_routes);
	way = way_of(&w, "", "u@anywhere.example");
	assert_true(!way->is_configured && way->tls == CLIENT_TLS_REQUIRED && !way->is_verified && !way->login_file);
	ways_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_sections_are_servers), cmocka_unit_test(t_domains_have_routes), cmocka_unit_test(t_the_world_is_the_rest)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
