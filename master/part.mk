# master: what is built here, and the tests of it.

# The configuration: from a file to settings.
noinst_LIBRARIES += libpostconfig.a
libpostconfig_a_CFLAGS = $(AM_CFLAGS) $(CONFUSE_CFLAGS)
libpostconfig_a_SOURCES = \
	master/config.c master/config.h master/config_check.c master/config_check.h master/config_listen.c master/config_refs.c \
	master/config_complain.c master/config_complain.h master/config_lex.c master/config_lex.h master/config_load.c \
	master/config_names.c master/config_outline.c master/config_outline.h master/config_private.h \
	master/config_show.c master/config_show.h
CONFIG_LIBS = libpostconfig.a $(MAIL_LIBS) libwire.a $(BASE_LIBS) $(CONFUSE_LIBS)

check_PROGRAMS += tests/unit/t_config
tests_unit_t_config_SOURCES = tests/unit/t_config.c
tests_unit_t_config_LDADD = $(CONFIG_LIBS) $(UNIT_LIBS)

FUZZERS += tests/fuzz/f_config_lex
tests_fuzz_f_config_lex_SOURCES = tests/fuzz/f_config_lex.c
tests_fuzz_f_config_lex_LDADD = $(CONFIG_LIBS)
tests_fuzz_f_config_lex_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

# What runs.
MASTER_CORE = master/supervise.c master/supervise.h master/wires.c master/wires.h master/deaths.c master/deaths.h
check_PROGRAMS += tests/unit/t_supervise
tests_unit_t_supervise_SOURCES = tests/unit/t_supervise.c $(MASTER_CORE)
tests_unit_t_supervise_LDADD = libwire.a $(BASE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_doors
tests_unit_t_doors_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_unit_t_doors_SOURCES = tests/unit/t_doors.c master/bind.c master/file.c master/folders.c
tests_unit_t_doors_LDADD = libwire.a $(BASE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/t_watch
tests_unit_t_watch_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_unit_t_watch_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
tests_unit_t_watch_SOURCES = tests/unit/t_watch.c master/watch_io.c
tests_unit_t_watch_LDADD = $(LOOP_LIBS) $(UNIT_LIBS)

pkglibexec_PROGRAMS += libexec/master
libexec_master_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
libexec_master_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
libexec_master_SOURCES = master/main.c master/config_cli.c master/config_cli.h $(MASTER_CORE) \
	master/answer_io.c master/bind.c master/bind.h master/certificates.c master/certificates.h master/child_io.c \
	master/control_io.c master/control_io.h master/drops_io.c master/drops_io.h master/evidence.c master/evidence.h master/file.c master/file.h master/folders.c master/folders.h \
	master/identity.c master/identity.h master/keys.c master/keys.h master/srs_keys.c master/srs_keys.h master/notify.c master/notify.h master/reload_io.c master/report.c master/report.h \
	master/server_io.c master/server_io.h master/spawn.c master/spawn.h master/tables.c master/tables.h \
	master/watch_io.c master/watch_io.h
libexec_master_LDADD = libpostconfig.a libloop.a $(MAIL_LIBS) libwire.a $(BASE_LIBS) $(CONFUSE_LIBS) $(SSL_LIBS) $(UV_LIBS) $(SECCOMP_LIBS)
