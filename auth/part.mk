# auth: what is built here, and the tests of it.
noinst_LIBRARIES += libauth.a
libauth_a_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
libauth_a_SOURCES = auth/auth_io.c auth/auth_io.h auth/directory.c auth/directory.h auth/names.c auth/names.h \
	auth/relay_logins.c auth/relay_logins.h \
	auth/table.c auth/table.h auth/table_io.c auth/table_io.h

pkglibexec_PROGRAMS += libexec/auth
libexec_auth_SOURCES = auth/main.c
libexec_auth_LDADD = libauth.a $(MAIL_LIBS) $(LOOP_LIBS)

check_PROGRAMS += tests/unit/t_directory
tests_unit_t_directory_SOURCES = tests/unit/t_directory.c
tests_unit_t_directory_LDADD = libauth.a $(MAIL_LIBS) $(LOOP_LIBS) $(UNIT_LIBS)

FUZZERS += tests/fuzz/f_users
tests_fuzz_f_users_SOURCES = tests/fuzz/f_users.c
tests_fuzz_f_users_LDADD = libauth.a $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_users_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

check_PROGRAMS += tests/unit/t_relay_logins
tests_unit_t_relay_logins_SOURCES = tests/unit/t_relay_logins.c
tests_unit_t_relay_logins_LDADD = libauth.a $(BASE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_table
tests_unit_t_table_SOURCES = tests/unit/t_table.c
tests_unit_t_table_LDADD = libauth.a $(MAIL_LIBS) libwire.a $(BASE_LIBS) $(UNIT_LIBS)

EXTRA_DIST += tests/fuzz/seeds/users/rows tests/fuzz/seeds/users/aliases
