/* Where the master touches the world: files that may be opened, ports that stay open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/bind.h"
#include "master/file.h"
#include "master/folders.h"

static char root[64];

static void write_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int make_root(void **state)
{
	char path[256], target[256];

	(void)state;
	snprintf(root, sizeof(root), "/tmp/t_doors.%ld", (long)getpid());
	assert_int_equal(mkdir(root, 0755), 0);
	snprintf(path, sizeof(path), "%s/in", root);
	assert_int_equal(mkdir(path, 0755), 0);
	write_file("secret", "root's");
	write_file("in/list", "anna@example.org\n");
	snprintf(path, sizeof(path), "%s/in/fifo", root);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/in/link", root);
	assert_int_equal(symlink("../secret", path), 0);
	snprintf(path, sizeof(path), "%s/in/absolute", root);
	snprintf(target, sizeof(target), "%s/secret", root);
	assert_int_equal(symlink(target, path), 0);
	snprintf(path, sizeof(path), "%s/in/good", root);
	assert_int_equal(symlink("list", path), 0);
	return 0;
}

static int remove_root(void **state)
{
	static const char *const names[] = { "in/list", "in/fifo", "in/link", "in/absolute", "in/good", "secret", "in", "" };
	char path[256];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", root, names[i]);
		assert_int_equal(remove(path), 0);
	}
	return 0;
}

static void t_an_include_leads_nowhere_else(void **state)
{
	const struct { const char *path; bool opens; } table[] = {
		{ "list", true }, { "./list", true }, { "good", true }, { "../in/list", false }, { "../secret", false },
		{ "link", false }, { "absolute", false }, { "fifo", false }, { ".", false }, { "", false }, { "nothing", false },
		{ "/etc/passwd", false }, { "%s/in/list", true }, { "%s/in/../secret", false }, { "%s/secret", false }, { "%s/in", false },
		{ "%s/in//list", true }, { "%s/inside", false },
	};
	char folder[256], path[512];

	(void)state;
	snprintf(folder, sizeof(folder), "%s/in", root);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		bool below = strncmp(table[i].path, "%s", 2) == 0;
		int fd;

		snprintf(path, sizeof(path), "%s%s", below ? root : "", table[i].path + (below ? 2 : 0));
		fd = file_open_beneath(folder, path);
		if ((fd >= 0) != table[i].opens)
			fail_msg("%s: %d %s", path, fd, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
}

static void t_a_file_is_read_whole_or_not_at_all(void **state)
{
	char path[256];
	struct buf out;

	(void)state;
	snprintf(path, sizeof(path), "%s/in/list", root);
	buf_init(&out, 1024);
	assert_int_equal(file_read(path, &out), PR_OK);
	assert_true(span_eq(buf_span(&out), SPAN("anna@example.org\n")));
	buf_fini(&out);
	buf_init(&out, 10);
	assert_int_equal(file_read(path, &out), PR_IO);
	assert_int_equal(errno, EFBIG);
	buf_fini(&out);
	buf_init(&out, 1024);
	assert_int_equal(file_read(root, &out), PR_IO);
	snprintf(path, sizeof(path), "%s/in/fifo", root);
	assert_int_equal(file_read(path, &out), PR_IO);
	buf_fini(&out);
}

static void t_the_fixed_part_of_a_path(void **state)
{
	const struct { const char *path, *prefix; } table[] = {
		{ "/var/mail/:domain/:local/", "/var/mail" }, { "/var/mail/x:domain/y", "/var/mail" }, { "/:domain/", "/" },
		{ "/srv/mail", "/srv/mail" }, { "/srv/mail//", "/srv/mail" }, { "/srv//:local", "/srv" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		assert_true(span_eq(folders_fixed_prefix(span_of_text(table[i].path)), span_of_text(table[i].prefix)));
}

/* ---- ports ---------------------------------------------------------------------- */

static uint16_t free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 && getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	close(fd);
	return ntohs(at.sin_port);
}

static struct settings *listening(uint16_t port, const char *address)
{
	struct settings *s = settings_new();
	struct set_listen *l = settings_add_section(s, "listen", "mx", 1);
	const char **addresses = settings_alloc(s, sizeof(*addresses));

	addresses[0] = address;
	l->port = port;
	l->address = (struct set_list){ .n = address ? 1 : 0, .at = addresses };
	return s;
}

static void t_a_socket_stays_while_its_address_is_configured(void **state)
{
	static struct bindings first, second, third;
	struct settings *one = listening(free_port(), "127.0.0.1"), *two = listening(free_port(), "127.0.0.1");
	struct buf words;

	(void)state;
	buf_init(&words, 4096);
	assert_int_equal(bind_open(one, NULL, &first, &words), PR_OK);
	assert_int_equal(bind_open(one, &first, &second, &words), PR_OK);
	assert_int_equal(first.at[0].fd, second.at[0].fd);
	bind_close(&first, &second);
	assert_true(fcntl(second.at[0].fd, F_GETFD) >= 0);
	assert_int_equal(bind_open(two, &second, &third, &words), PR_OK);
	assert_int_not_equal(second.at[0].fd, third.at[0].fd);
	bind_close(&second, &third);
	bind_close(&third, NULL);
	settings_free(&one);
	settings_free(&two);
	buf_fini(&words);
}

static void t_a_port_in_use_names_itself_and_closes_nothing_else(void **state)
{
	static struct bindings first, second;
	uint16_t port = free_port();
	struct settings *one = listening(port, "127.0.0.1"), *two = listening(port, "127.0.0.1");
	char says[64];
	struct buf words;

	(void)state;
	buf_init(&words, 4096);
	assert_int_equal(bind_open(one, NULL, &first, &words), PR_OK);
	assert_int_equal(bind_open(two, NULL, &second, &words), PR_IO);
	assert_int_equal(second.n, 0);
	assert_true(fcntl(first.at[0].fd, F_GETFD) >= 0);
	buf_add_char(&words, 0);
	snprintf(says, sizeof(says), "127.0.0.1 port %u: another program does", port);
	assert_non_null(strstr(words.at, says));
	bind_close(&first, NULL);
	settings_free(&one);
	settings_free(&two);
	buf_fini(&words);
}

static void t_submission_is_opened_as_well(void **state)
{
	static struct bindings b;
	struct settings *s = listening(free_port(), "127.0.0.1");
	struct buf words;

	(void)state;
	buf_init(&words, 4096);
	s->listen[0].auth = LISTEN_AUTH_REQUIRED;
	assert_int_equal(bind_open(s, NULL, &b, &words), PR_OK);
	assert_int_equal(b.n, 1);
	bind_close(&b, NULL);
	settings_free(&s);
	buf_fini(&words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_an_include_leads_nowhere_else),
		cmocka_unit_test(t_a_file_is_read_whole_or_not_at_all),
		cmocka_unit_test(t_the_fixed_part_of_a_path),
		cmocka_unit_test(t_a_socket_stays_while_its_address_is_configured),
		cmocka_unit_test(t_a_port_in_use_names_itself_and_closes_nothing_else),
		cmocka_unit_test(t_submission_is_opened_as_well),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
