# delivery: what is built here, and the tests of it.
CLIENT_CORE = delivery/client.c delivery/client.h delivery/client_private.h delivery/client_hello.c delivery/client_mail.c delivery/client_words.c

noinst_LIBRARIES += libdelivery.a
libdelivery_a_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
libdelivery_a_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
libdelivery_a_SOURCES = delivery/attempt.c delivery/attempt.h delivery/own_io.c delivery/own_io.h delivery/peers_io.c delivery/peers_io.h \
	delivery/pool_io.c delivery/pool_io.h delivery/target_io.c delivery/target_io.h delivery/way.c delivery/way.h $(CLIENT_CORE) delivery/client_io.c delivery/client_io.h \
	delivery/guard.c delivery/guard.h delivery/job.c delivery/job.h delivery/local_io.c delivery/local_io.h \
	delivery/maildir_io.c delivery/maildir_io.h delivery/path.c delivery/path.h \
	delivery/probe.c delivery/probe.h delivery/probe_io.c delivery/probe_io.h \
	delivery/relay_io.c delivery/relay_io.h delivery/spool_io.c delivery/spool_io.h

pkglibexec_PROGRAMS += libexec/delivery
libexec_delivery_SOURCES = delivery/main.c
libexec_delivery_LDADD = libdelivery.a $(MAIL_LIBS) $(STREAM_LIBS)

check_PROGRAMS += tests/unit/t_client
tests_unit_t_client_SOURCES = tests/unit/t_client.c tests/unit/client_play.c tests/unit/client_play.h $(CLIENT_CORE)
tests_unit_t_client_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/t_client_smtp
tests_unit_t_client_smtp_SOURCES = tests/unit/t_client_smtp.c tests/unit/client_play.c tests/unit/client_play.h $(CLIENT_CORE)
tests_unit_t_client_smtp_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/t_attempt
tests_unit_t_attempt_SOURCES = tests/unit/t_attempt.c delivery/attempt.c
tests_unit_t_attempt_LDADD = $(MAIL_LIBS) libwire.a $(BASE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/t_probe
tests_unit_t_probe_SOURCES = tests/unit/t_probe.c delivery/probe.c
tests_unit_t_probe_LDADD = $(MAIL_LIBS) libwire.a $(BASE_LIBS) $(UNIT_LIBS)
EXTRA_DIST += tests/system/test_ask.py
check_PROGRAMS += tests/unit/t_way
tests_unit_t_way_SOURCES = tests/unit/t_way.c delivery/way.c
tests_unit_t_way_LDADD = $(MAIL_LIBS) libwire.a $(BASE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/t_job
tests_unit_t_job_SOURCES = tests/unit/t_job.c delivery/job.c
tests_unit_t_job_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/t_path
tests_unit_t_path_SOURCES = tests/unit/t_path.c
tests_unit_t_path_LDADD = libdelivery.a $(LOOP_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_maildir
tests_unit_t_maildir_SOURCES = tests/unit/t_maildir.c
tests_unit_t_maildir_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_unit_t_maildir_LDADD = libdelivery.a $(LOOP_LIBS) $(UNIT_LIBS)

FUZZERS += tests/fuzz/f_path
tests_fuzz_f_path_SOURCES = tests/fuzz/f_path.c
tests_fuzz_f_path_LDADD = libdelivery.a $(BASE_LIBS)
tests_fuzz_f_path_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
FUZZERS += tests/fuzz/f_client
tests_fuzz_f_client_SOURCES = tests/fuzz/f_client.c $(CLIENT_CORE)
tests_fuzz_f_client_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_client_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_DIST += tests/fuzz/seeds/client/delivered tests/fuzz/seeds/client/refused tests/fuzz/seeds/client/again tests/fuzz/seeds/client/plain \
	tests/fuzz/seeds/client/smtp tests/fuzz/seeds/client/chunks tests/fuzz/seeds/client/tls tests/fuzz/seeds/client/login tests/fuzz/seeds/client/helo
EXTRA_DIST += tests/fuzz/seeds/path/bytes tests/fuzz/seeds/path/dots tests/fuzz/seeds/path/header

libdelivery_a_SOURCES += delivery/keyring.c delivery/keyring.h delivery/sign.c delivery/sign.h delivery/sign_io.c delivery/sign_io.h
check_PROGRAMS += tests/unit/t_sign
tests_unit_t_sign_SOURCES = tests/unit/t_sign.c
tests_unit_t_sign_LDADD = libdelivery.a $(MAIL_LIBS) libwire.a $(BASE_LIBS) $(UNIT_LIBS)
EXTRA_DIST += tests/system/test_servers.py tests/system/postfix.py
