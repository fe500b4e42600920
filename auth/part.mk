# auth: what is built here, and the tests of it.
noinst_LIBRARIES += libauth.a
libauth_a_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
libauth_a_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
libauth_a_SOURCES = auth/auth_io.c auth/auth_io.h auth/checker_io.c auth/checker_io.h auth/directory.c auth/directory.h \
	auth/domains.c auth/domains.h auth/dovecot.c auth/dovecot.h auth/expansion.c auth/expansion.h auth/guess.c auth/guess.h auth/logins_io.c auth/logins_io.h \
	auth/owners.c auth/owners.h auth/places_io.c auth/places_io.h auth/proof.c auth/proof.h auth/remember.c auth/remember.h auth/sasl.c auth/sasl.h auth/source_io.c auth/source_io.h \
	auth/relay_logins.c auth/relay_logins.h auth/srs_keys.c auth/srs_keys.h \
	auth/table_io.c auth/table_io.h auth/tables.c auth/tables.h

pkglibexec_PROGRAMS += libexec/auth
libexec_auth_SOURCES = auth/main.c
libexec_auth_LDADD = libauth.a $(MAIL_LIBS) $(LOOP_LIBS) $(CRYPT_LIBS)

check_PROGRAMS += tests/unit/t_directory
tests_unit_t_directory_SOURCES = tests/unit/t_directory.c
tests_unit_t_directory_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_unit_t_directory_LDADD = libauth.a $(MAIL_LIBS) $(LOOP_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_owners
tests_unit_t_owners_SOURCES = tests/unit/t_owners.c
tests_unit_t_owners_LDADD = libauth.a $(MAIL_LIBS) $(LOOP_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_relay_logins
tests_unit_t_relay_logins_SOURCES = tests/unit/t_relay_logins.c
tests_unit_t_relay_logins_LDADD = libauth.a libwire.a $(BASE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_sasl
tests_unit_t_sasl_SOURCES = tests/unit/t_sasl.c
tests_unit_t_sasl_LDADD = libauth.a $(MAIL_LIBS) $(BASE_LIBS) $(CRYPT_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_guess
tests_unit_t_guess_SOURCES = tests/unit/t_guess.c
tests_unit_t_guess_LDADD = libauth.a $(MAIL_LIBS) $(BASE_LIBS) $(CRYPT_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_dovecot
tests_unit_t_dovecot_SOURCES = tests/unit/t_dovecot.c
tests_unit_t_dovecot_LDADD = libauth.a $(MAIL_LIBS) $(BASE_LIBS) $(CRYPT_LIBS) $(UNIT_LIBS)

FUZZERS += tests/fuzz/f_sasl
tests_fuzz_f_sasl_SOURCES = tests/fuzz/f_sasl.c
tests_fuzz_f_sasl_LDADD = libauth.a $(MAIL_LIBS) $(BASE_LIBS) $(CRYPT_LIBS)
tests_fuzz_f_sasl_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

FUZZERS += tests/fuzz/f_dovecot
tests_fuzz_f_dovecot_SOURCES = tests/fuzz/f_dovecot.c
tests_fuzz_f_dovecot_LDADD = libauth.a $(MAIL_LIBS) $(BASE_LIBS) $(CRYPT_LIBS)
tests_fuzz_f_dovecot_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

EXTRA_DIST += tests/fuzz/seeds/sasl/plain tests/fuzz/seeds/sasl/login tests/fuzz/seeds/sasl/scram tests/fuzz/seeds/sasl/plus \
	tests/fuzz/seeds/dovecot/all

check_PROGRAMS += tests/unit/t_proof
tests_unit_t_proof_SOURCES = tests/unit/t_proof.c
tests_unit_t_proof_LDADD = libauth.a $(MAIL_LIBS) $(LOOP_LIBS) $(UNIT_LIBS)
