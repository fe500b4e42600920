/* The configuration from text to settings: every trap of libconfuse, every error with its words, line and caret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "master/config.h"
#include "master/config_lex.h"

static enum pr_err parse(const char *text, struct settings **s, struct buf *told)
{
	enum pr_err err;

	buf_init(told, CONFIG_COMPLAINTS_MAX);
	err = config_parse("f", span_of_text(text), s, told);
	(void)buf_add_char(told, '\0');
	return err;
}

#define HEAD "hostname = mx.example.org\nadmin = anna@example.org\n"
#define MX   "listen mx { port = 25 }\n"

/* One that is right begins in line 1; what is refused is told exactly so. */
static const struct refused {
	const char *text, *told;
} refused[] = {
	/* Trap 1: a brace that is missing at the end. */
	{ HEAD MX "domain example.org {\n\tdkim = off\n", "f:4: this `{` is never closed\n    domain example.org {\n                       ^\n" },
	{ HEAD MX "}\n", "f:4: no `{` is open that this `}` could close\n    }\n    ^\n" },
	/* Trap 2: two sections of one title. */
	{ HEAD MX "listen mx { port = 26 }\n",
	  "f:4: `listen mx` was there before, in line 3\n    listen mx { port = 26 }\n           ^\n" },
	{ HEAD MX "domain Example.org { }\ndomain \"EXAMPLE.ORG\" { }\n",
	  "f:5: `domain example.org` is the same as in line 4\n    domain \"EXAMPLE.ORG\" { }\n           ^\n" },
	/* Trap 3: a backslash in double quotes. */
	{ HEAD MX "tls { ciphers = \"4\\.7\" }\n",
	  "f:4: a `\\` in double quotes is lost: use single quotes\n    tls { ciphers = \"4\\.7\" }\n                    ^\n" },
	/* Trap 4: a suggestion. */
	{ HEAD MX "domain a.org {\n\tdelivr = maildir\n}\n",
	  "f:5: there is no option `delivr` in `domain`; did you mean `deliver`?\n     delivr = maildir\n     ^\n" },
	{ HEAD MX "listn b { port = 26 }\n", "f:4: there is no section `listn`; did you mean `listen`?\n    listn b { port = 26 }\n    ^\n" },
	{ HEAD MX "limit logins { address = 5/min }\n",
	  "f:4: there is no section `limit logins`; it stands in `listen`\n    limit logins { address = 5/min }\n    ^\n" },
	{ HEAD MX "timeout { data = 5m }\n", "f:4: there is no section `timeout`; it stands in `listen` or in `outbound`\n    timeout { data = 5m }\n    ^\n" },
	{ HEAD "listen mx { port = 25 limit conections { address = 1 } }\n",
	  "f:3: there is no section `limit conections` in `listen`; did you mean `limit connections`?\n"
	  "    listen mx { port = 25 limit conections { address = 1 } }\n                          ^\n" },
	{ HEAD "listen mx { port = 25 limit connections { user = 1 } }\n",
	  "f:3: there is no option `user` in `limit connections`\n    listen mx { port = 25 limit connections { user = 1 } }\n"
	  "                                              ^\n" },
	{ HEAD "listen mx { port = 25 tls = requird }\n",
	  "f:3: `requird` is none of auto, none, offered, required, implicit; did you mean `required`?\n"
	  "    listen mx { port = 25 tls = requird }\n                                ^\n" },
	/* Trap 6: variables. */
	{ HEAD MX "user = ${USER}\n", "f:4: `${` is not expanded here: write the value itself\n    user = ${USER}\n           ^\n" },
	{ HEAD MX "user = \"a${USER}\"\n", "f:4: `${` is not expanded here: write the value itself\n    user = \"a${USER}\"\n           ^\n" },
	/* Trap 8: what needs quotes. */
	{ HEAD MX "domain a.org { subaddress = + }\n",
	  "f:4: a `+` must stand in quotes\n    domain a.org { subaddress = + }\n                                ^\n"
	  "f:4: expected a value, not `}`\n    domain a.org { subaddress = + }\n                                  ^\n" },
	/* Trap 9: lines after comments, repeated options, repeated sections without a title. */
	{ HEAD "# one\n# two\n// three\n" MX, "f:5: a comment begins with `#`\n    // three\n    ^\n" },
	{ HEAD "# one\n# two { \"\n\n" MX "user = a b\n", "f:7: expected `=` or `{` behind `b`\n    user = a b\n             ^\n" },
	{ HEAD "# one\n# two\n" MX "hostname = b.example.org\n",
	  "f:6: `hostname` was set before, in line 1\n    hostname = b.example.org\n    ^\n" },
	{ HEAD MX "log { level = warn }\nlog { level = info }\n", "f:5: `log` was there before, in line 4\n    log { level = info }\n    ^\n" },
	{ HEAD "listen mx { port = 25 timeout { data = 1min } timeout { data = 2min } }\n",
	  "f:3: `timeout` was there before: line 3 belongs to it\n"
	  "    listen mx { port = 25 timeout { data = 1min } timeout { data = 2min } }\n"
	  "                                                  ^\n" },
	/* Trap 10: a star, a comment in a value. */
	{ HEAD MX "route *.example.net { hold = yes }\n",
	  "f:4: a `*` must stand in quotes\n    route *.example.net { hold = yes }\n          ^\n" },
	{ HEAD MX "user = a#b\n",
	  "f:4: `#` begins a comment: put the value in quotes, or a blank before the comment\n    user = a#b\n           ^\n" },
	/* The wrong section. */
	{ HEAD MX "max_size = 5MB\n", "f:4: there is no option `max_size`; it stands in `listen`\n    max_size = 5MB\n    ^\n" },
	{ HEAD MX "dns { hostname = a.org }\n",
	  "f:4: there is no option `hostname` in `dns`; it stands outside of every section\n    dns { hostname = a.org }\n          ^\n" },
	{ HEAD MX "deliver imap { lmtp = \"127.0.0.1:24\" tls = none }\n",
	  "f:4: there is no option `tls` in `deliver`; it stands in `listen` or in `route` or in `outbound`\n"
	  "    deliver imap { lmtp = \"127.0.0.1:24\" tls = none }\n                                         ^\n" },
	/* Structure. */
	{ HEAD MX "include(\"x\")\n", "f:4: there are no functions here, and no include: a bracket must stand in quotes\n    include(\"x\")\n           ^\n" },
	{ HEAD MX "user = \"abc\nlog { }\n", "f:4: this string does not end on its line\n    user = \"abc\n           ^\n" },
	{ HEAD MX "user\n", "f:4: expected `=` or `{` behind `user`\n    user\n    ^\n" },
	{ HEAD MX "listen { port = 26 }\n", "f:4: `listen` needs a name: listen NAME { … }\n    listen { port = 26 }\n    ^\n" },
	{ HEAD MX "log x { }\n", "f:4: `log` takes no name\n    log x { }\n        ^\n" },
	{ HEAD MX "user = {a, b}\n", "f:4: `a` is a list where one value belongs\n    user = {a, b}\n            ^\n" },
	/* References, clashes, what belongs together. */
	{ HEAD MX "deliver imap { lmtp = \"127.0.0.1:24\" }\ndomain a.org { deliver = imp }\n",
	  "f:5: there is no `deliver imp`; did you mean `imap`?\n    domain a.org { deliver = imp }\n                             ^\n" },
	{ HEAD MX "domain a.org { users = asked }\nusers asked { ask = yes }\n",
	    "f:4: `users asked` asks a server, and `deliver maildir` names none\n    domain a.org { users = asked }\n                           ^\n" },
	{ HEAD MX "domain a.org { users = staff }\n", "f:4: there is no `users staff`\n    domain a.org { users = staff }\n                           ^\n" },
	{ HEAD MX "listen b { port = 25 address = \"127.0.0.1\" }\n",
	  "f:4: `listen mx` in line 3 has this port at the same address\n    listen b { port = 25 address = \"127.0.0.1\" }\n                      ^\n" },
	{ HEAD "listen s { port = 465 auth = required }\n",
	  "f:3: logins need TLS: without it passwords could be read on the way\n    listen s { port = 465 auth = required }\n"
	  "                                 ^\n" },
	{ HEAD "listen s { port = 465 tls = implicit }\n",
	  "f:3: this needs a certificate: tls { certificate = …  key = … }\n    listen s { port = 465 tls = implicit }\n"
	  "                                ^\n" },
	{ HEAD "listen mx { }\n", "f:3: `listen mx` needs a port\n    listen mx { }\n           ^\n" },
	{ HEAD MX "user = root\n", "f:4: the programs that read mail never run as root: name a user of their own\n    user = root\n           ^\n" },
	{ HEAD "listen mx { port = abc }\n", "f:3: `abc` is no number\n    listen mx { port = abc }\n                       ^\n" },
	{ HEAD MX "deliver x { path = \"a/:local\" }\n", "f:4: `a/:local` is no absolute path\n    deliver x { path = \"a/:local\" }\n                       ^\n" },
	{ HEAD "listen mx { port = 25 trusted = {\"10.0.0.0/8\", \"0.0.0.0/0\"} }\n",
	  "f:3: this would let everybody relay\n    listen mx { port = 25 trusted = {\"10.0.0.0/8\", \"0.0.0.0/0\"} }\n"
	  "                                     ^\n" },
	{ HEAD MX "deliver x { }\n", "f:4: `deliver x` needs one of path, lmtp, smtp\n    deliver x { }\n            ^\n" },
	{ HEAD MX "deliver x { path = \"/a\" lmtp = \"unix:/b\" }\n",
	  "f:4: `deliver x` can have only one of path, lmtp, smtp\n    deliver x { path = \"/a\" lmtp = \"unix:/b\" }\n"
	  "                                   ^\n" },
	{ HEAD MX "deliver x { path = \"/a/:user\" }\n",
	  "f:4: `:user` stands for nothing here; there are :domain and :local\n    deliver x { path = \"/a/:user\" }\n                       ^\n" },
	{ HEAD MX "deliver x { lmtp = \"mail.example.org:24\" }\n",
	  "f:4: `mail.example.org:24` must be an IP address and a port, or unix: and a path\n"
	  "    deliver x { lmtp = \"mail.example.org:24\" }\n                       ^\n" },
	{ HEAD MX "tls { certificate = \"/c\" }\n",
	  "f:4: the certificate needs its key: key = \"/…/privkey.pem\"\n    tls { certificate = \"/c\" }\n                        ^\n" },
	{ HEAD MX "route \"*\" { via = \"unix:/run/smart\" }\n",
	  "f:4: a smarthost is a host and a port: \"smtp.example.net:587\"\n    route \"*\" { via = \"unix:/run/smart\" }\n                      ^\n" },
	{ HEAD MX "route x_y { hold = yes }\n",
	  "f:4: `x_y` is no pattern of domains: \"example.net\", \"*.example.net\" or \"*\"\n    route x_y { hold = yes }\n          ^\n" },
	/* Values. */
	{ HEAD "listen mx { port = 25 max_size = 50mb }\n",
	  "f:3: `50mb` is no size: 50MB, 16KB\n    listen mx { port = 25 max_size = 50mb }\n                                     ^\n" },
	{ HEAD MX "retry { after = {1min, 5} }\n",
	  "f:4: `5` is no duration: 30s, 5min, 2h, 1d\n    retry { after = {1min, 5} }\n                           ^\n" },
	{ "hostname = -x\nadmin = y\n" MX,
	  "f:1: `-x` is no host name\n    hostname = -x\n               ^\nf:2: `y` is no mail address\n    admin = y\n            ^\n" },
	{ HEAD MX "domain a.org { subaddress = \"a\" }\n", "f:4: `a` can't begin a subaddress; one or more of + - _ = # ~ ! % &\n" },
};

static void t_each_error_has_its_words_its_line_and_its_caret(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct settings *s = NULL;
		struct buf told;

		print_message("# %s", refused[i].told);
		assert_int_equal(parse(refused[i].text, &s, &told), PR_BAD);
		assert_null(s);
		if (strncmp(told.at, refused[i].told, strlen(refused[i].told)) != 0)
			assert_string_equal(told.at, refused[i].told);
		buf_fini(&told);
	}
}

static void t_errors_come_together(void **state)
{
	struct settings *s = NULL;
	struct buf told;

	(void)state;
	assert_int_equal(parse("hostnam = x\nlisten mx { port = 99999 }\ndomain a.org { deliver = b }\nadmin = c\n", &s, &told), PR_BAD);
	assert_non_null(strstr(told.at, "f:1: there is no option `hostnam`; did you mean `hostname`?"));
	assert_non_null(strstr(told.at, "f:2: `99999` is more than 65535"));
	assert_non_null(strstr(told.at, "f:3: there is no `deliver b`"));
	assert_non_null(strstr(told.at, "f:4: `c` is no mail address"));
	buf_fini(&told);
}

static void t_nul_and_controls_are_refused(void **state)
{
	struct settings *s = NULL;
	struct buf told;

	(void)state;
	buf_init(&told, 65536);
	assert_int_equal(config_parse("f", SPAN("\nuser = a\0b\n"), &s, &told), PR_BAD);
	(void)buf_add_char(&told, '\0');
	assert_non_null(strstr(told.at, "f:2: a NUL byte\n    user = a?b\n            ^\n"));
	buf_clear(&told);
	assert_int_equal(config_parse("f", SPAN("user = \"a\033[2J\"\n"), &s, &told), PR_BAD);
	(void)buf_add_char(&told, '\0');
	assert_non_null(strstr(told.at, "a control character in a string"));
	assert_null(strchr(told.at, '\033'));
	buf_clear(&told);
	assert_int_equal(config_parse("f", SPAN("user = \"\xff\"\n"), &s, &told), PR_BAD);
	buf_fini(&told);
}

static void t_nesting_and_complaints_have_a_ceiling(void **state)
{
	struct settings *s = NULL;
	struct buf text, told;

	(void)state;
	buf_init(&text, 1 << 20);
	buf_init(&told, CONFIG_COMPLAINTS_MAX);
	for (int i = 0; i < 100000; i++)
		(void)buf_add_text(&text, "a {\n");
	assert_int_equal(config_parse("f", buf_span(&text), &s, &told), PR_BAD);
	assert_true(told.len < 65536);
	buf_clear(&text);
	buf_clear(&told);
	for (int i = 0; i < 100000; i++)
		(void)buf_add_text(&text, "a = 1\n");
	assert_int_equal(config_parse("f", buf_span(&text), &s, &told), PR_BAD);
	assert_true(told.len < 65536);
	buf_fini(&text);
	buf_fini(&told);
}

static void t_what_is_right_is_understood(void **state)
{
	static const char text[] =
	    "# a comment { with \"\nhostname = MX.Example.org # behind\nadmin = anna@Example.ORG\r\n"
	    "tls { certificate = \"/c\" key = '/k' }\n"
	    "domain \"example.org\" { users = list aliases = \"/a b/#c\" subaddress = \"+\" }\n"
	    "users list { file = \"/l\" }\n"
	    "listen mx { address = {127.0.0.1, \"::1\"} port = 25 trusted = {} max_size = 10MB\n"
	    "  limit connections { address = off } limit mail { user = {200/h, 1000/day} address = 600/min }\n"
	    "  timeout { data = 1min } }\n"
	    "listen submission { port = 587 tls = required auth = required }\n"
	    "listen other { port = 25 address = 127.0.0.2 }\n"
	    "route \"*.Example.NET\" { hold = yes }\nroute \"*\" { via = \"smart.example:25\" }\n"
	    "retry { after = {1s, 2s} notice = off }\n";
	struct settings *s = NULL;
	struct buf told;

	(void)state;
	assert_int_equal(parse(text, &s, &told), PR_OK);
	assert_string_equal(told.at, "");
	assert_string_equal(s->top.hostname, "mx.example.org");
	assert_string_equal(s->top.admin, "anna@example.org");
	assert_string_equal(s->domain[0].aliases, "/a b/#c");
	assert_string_equal(s->deliver[0].title, "maildir");
	assert_string_equal(s->deliver[0].path, "/var/mail/:domain/:local/");
	assert_string_equal(s->top.origin, "example.org");
	assert_int_equal(s->n_listen, 4);
	assert_true(s->listen[3].local);
	assert_string_equal(s->listen[3].title, "submit");
	assert_int_equal(s->listen[0].line, 7);
	assert_int_equal(s->listen[0].address.n, 2);
	assert_int_equal(s->listen[0].trusted.n, 0);
	assert_int_equal(s->listen[0].limit_connections_address, SET_OFF);
	assert_int_equal(s->listen[0].limit_mail_user.n, 2);
	assert_int_equal(s->listen[0].limit_mail_address.at[0].count, 600);
	assert_int_equal(s->listen[0].timeout_data, 60000);
	assert_int_equal(s->listen[0].tls, LISTEN_TLS_OFFERED);
	assert_int_equal(s->listen[0].bare_newline, NEWLINE_REFUSE);
	assert_int_equal(s->listen[1].bare_newline, NEWLINE_NORMALISE);
	assert_string_equal(s->route[0].title, "*.example.net");
	assert_string_equal(s->route[1].title, "*");
	assert_int_equal(s->route[1].tls, ROUTE_TLS_OPPORTUNISTIC);
	assert_int_equal(s->retry.after.n, 2);
	assert_int_equal(s->retry.notice, SET_OFF);
	settings_free(&s);
	buf_fini(&told);
}

/* Nobody who stands between us and the smarthost gets its password, unless the admin says that he may. */
static void t_a_login_is_for_who_proves_its_name(void **state)
{
	static const struct {
		const char *route;
		int tls;
		bool is_warned;
	} rows[] = {
		{ "via = \"smart.example:587\" login_file = \"/l\"", ROUTE_TLS_VERIFIED, false },
		{ "via = \"192.0.2.1:587\" login_file = \"/l\"", ROUTE_TLS_VERIFIED, false },
		{ "via = \"smart.example:587\"", ROUTE_TLS_OPPORTUNISTIC, false },
		{ "via = \"127.0.0.5:587\" login_file = \"/l\"", ROUTE_TLS_OPPORTUNISTIC, false },
		{ "via = \"[::1]:587\" login_file = \"/l\"", ROUTE_TLS_OPPORTUNISTIC, false },
		{ "via = \"localhost:587\" login_file = \"/l\" tls = required", ROUTE_TLS_REQUIRED, false },
		{ "via = \"smart.example:587\" login_file = \"/l\" tls = opportunistic", ROUTE_TLS_OPPORTUNISTIC, true },
		{ "via = \"smart.example:587\" login_file = \"/l\" tls = required", ROUTE_TLS_REQUIRED, true },
		{ "via = \"smart.example:587\" login_file = \"/l\" tls = verified", ROUTE_TLS_VERIFIED, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct settings *s = NULL;
		struct buf text, told;

		buf_init(&text, 4096);
		(void)buf_printf(&text, HEAD MX "route \"*\" { %s }\n", rows[i].route);
		(void)buf_add_char(&text, '\0');
		assert_int_equal(parse(text.at, &s, &told), PR_OK);
		assert_int_equal(s->route[0].tls, rows[i].tls);
		assert_int_equal(strstr(told.at ? told.at : "", "could get the login") != NULL, rows[i].is_warned);
		settings_free(&s);
		buf_fini(&told);
		buf_fini(&text);
	}
}

static void t_what_may_be_an_oversight_is_warned_of(void **state)
{
	static const struct {
		const char *text, *warning;
	} rows[] = {
		{ HEAD MX "domain a.org { }\ndeliver maildir { path = \"/v/:domain\" }\n", "f:5: warning: the path has no :local: all who get mail by `deliver maildir` share a Maildir" },
		{ HEAD "domain a.org { }\nlisten mx { port = 25  max_header = 1MB }\n", "f:4: warning: who sent a message with a header above verify.max_header can't be told" },
		{ HEAD "domain a.org { }\nlisten mx { port = 25 }\nverify { max_header = 64KB }\n", "f:4: warning: who sent a message with a header above verify.max_header" },
		{ HEAD "domain a.org { }\nlisten mx { port = 25  max_header = 1MB  spf = off  dkim = off  dmarc = off }\n", NULL },
		{ HEAD "domain a.org { }\nlisten mx { port = 25  max_header = 1MB }\nverify { max_header = 1MB }\n", NULL },
		{ HEAD MX "domain a.org { }\ndomain b.org { }\ndeliver maildir { path = \"/v/:local\" }\n",
		  "f:6: warning: the path has no :domain: anna@a.org and anna@b.org share a Maildir" },
		{ HEAD MX "domain a.org { }\ndomain b.org { deliver = b }\ndeliver maildir { path = \"/v/:local\" } deliver b { path = \"/b/:local\" }\n", NULL },
		{ HEAD MX "domain a.org { }\ndomain b.org { }\ndeliver maildir { path = \"/v/:domain/:local\" }\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct settings *s = NULL;
		struct buf told;

		assert_int_equal(parse(rows[i].text, &s, &told), PR_OK);
		(void)buf_add_char(&told, '\0');
		if (rows[i].warning)
			assert_non_null(strstr(told.at, rows[i].warning));
		else
			assert_null(strstr(told.at, "warning"));
		settings_free(&s);
		buf_fini(&told);
	}
}

static void t_without_a_certificate_tls_is_not_offered(void **state)
{
	struct settings *s = NULL;
	struct buf told;

	(void)state;
	assert_int_equal(parse(HEAD MX, &s, &told), PR_OK);
	assert_int_equal(s->listen[0].tls, LISTEN_TLS_NONE);
	settings_free(&s);
	buf_fini(&told);
}

static void t_tokens_keep_their_places(void **state)
{
	static const struct {
		enum config_token token;
		unsigned line;
		size_t at, len;
	} want[] = {
		{ TOKEN_WORD, 1, 0, 1 }, { TOKEN_EQUALS, 1, 2, 1 }, { TOKEN_STRING, 1, 4, 5 }, { TOKEN_WORD, 3, 17, 1 }, { TOKEN_OPEN, 3, 18, 1 },
		{ TOKEN_WORD, 3, 19, 1 }, { TOKEN_COMMA, 3, 20, 1 }, { TOKEN_CLOSE, 4, 22, 1 }, { TOKEN_END, 4, 23, 0 },
	};
	char text[] = "a = \"x#y\" # c {\n\nb{c,\n}";
	struct config_lex lex;
	struct config_mark mark;

	(void)state;
	config_lex_init(&lex, text, sizeof(text) - 1);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_int_equal(config_lex_next(&lex, &mark), want[i].token);
		assert_int_equal(mark.line, want[i].line);
		assert_int_equal(mark.at, want[i].at);
		assert_int_equal(mark.len, want[i].len);
	}
	assert_string_equal(text, "a = \"x#y\"      \n\nb{c,\n}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_tokens_keep_their_places),
		cmocka_unit_test(t_each_error_has_its_words_its_line_and_its_caret),
		cmocka_unit_test(t_errors_come_together),
		cmocka_unit_test(t_nul_and_controls_are_refused),
		cmocka_unit_test(t_nesting_and_complaints_have_a_ceiling),
		cmocka_unit_test(t_what_is_right_is_understood),
		cmocka_unit_test(t_what_may_be_an_oversight_is_warned_of),
		cmocka_unit_test(t_without_a_certificate_tls_is_not_offered), cmocka_unit_test(t_a_login_is_for_who_proves_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
