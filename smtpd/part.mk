# smtpd: what is built here, and the tests of it.
noinst_LIBRARIES += libsmtpd.a
libsmtpd_a_SOURCES = smtpd/client.c smtpd/client.h smtpd/cmd_auth.c smtpd/cmd_bdat.c smtpd/cmd_data.c smtpd/cmd_helo.c smtpd/cmd_mail.c \
	smtpd/cmd_rcpt.c smtpd/cmd_simple.c smtpd/cmd_starttls.c smtpd/dialogue.c smtpd/effects.c smtpd/effects.h smtpd/greet.c smtpd/known.c smtpd/known.h \
	smtpd/limits.c smtpd/limits.h smtpd/pool.c smtpd/pool.h smtpd/proxy.c smtpd/proxy.h smtpd/session.c smtpd/session.h \
	smtpd/sender.c smtpd/session_private.h smtpd/signers.c smtpd/signers.h smtpd/tally.c smtpd/tally.h smtpd/transaction.c smtpd/transaction.h smtpd/verdict.c

pkglibexec_PROGRAMS += libexec/smtpd
libexec_smtpd_SOURCES = smtpd/dropped_io.c smtpd/listener_io.c smtpd/main.c smtpd/peers_io.c smtpd/session_io.c smtpd/smtpd_private.h
libexec_smtpd_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
libexec_smtpd_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
libexec_smtpd_LDADD = libsmtpd.a $(MAIL_LIBS) $(STREAM_LIBS)

SMTPD_CORE_LIBS = libsmtpd.a $(MAIL_LIBS) libwire.a $(BASE_LIBS)

check_PROGRAMS += tests/unit/t_known tests/unit/t_signers tests/unit/t_limits tests/unit/t_proxy
tests_unit_t_known_SOURCES = tests/unit/t_known.c
tests_unit_t_known_LDADD = $(SMTPD_CORE_LIBS) $(UNIT_LIBS)
tests_unit_t_signers_SOURCES = tests/unit/t_signers.c
tests_unit_t_signers_LDADD = $(SMTPD_CORE_LIBS) $(UNIT_LIBS)
tests_unit_t_limits_SOURCES = tests/unit/t_limits.c
tests_unit_t_limits_LDADD = $(SMTPD_CORE_LIBS) $(UNIT_LIBS)
tests_unit_t_proxy_SOURCES = tests/unit/t_proxy.c
tests_unit_t_proxy_LDADD = $(SMTPD_CORE_LIBS) $(UNIT_LIBS)
tests_unit_t_transcript_SOURCES = tests/unit/t_transcript.c
tests_unit_t_transcript_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_unit_t_transcript_LDADD = $(SMTPD_CORE_LIBS) $(UNIT_LIBS)

FUZZERS += tests/fuzz/f_bdat tests/fuzz/f_proxy tests/fuzz/f_session
tests_fuzz_f_bdat_SOURCES = tests/fuzz/f_bdat.c tests/fuzz/session_player.c tests/fuzz/session_player.h
tests_fuzz_f_bdat_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_fuzz_f_bdat_LDADD = $(SMTPD_CORE_LIBS)
tests_fuzz_f_bdat_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_f_proxy_SOURCES = tests/fuzz/f_proxy.c
tests_fuzz_f_proxy_LDADD = $(SMTPD_CORE_LIBS)
tests_fuzz_f_proxy_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_f_session_SOURCES = tests/fuzz/f_session.c tests/fuzz/session_player.c tests/fuzz/session_player.h
tests_fuzz_f_session_LDADD = $(SMTPD_CORE_LIBS)
tests_fuzz_f_session_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

EXTRA_DIST += tests/transcript/README tests/transcript/ask.t tests/transcript/bdat.t tests/transcript/commands.t tests/transcript/data.t \
	tests/transcript/drain.t tests/transcript/greeting.t tests/transcript/local.t tests/transcript/login.t tests/transcript/parameters.t tests/transcript/proxy.t \
	tests/transcript/recipients.t tests/transcript/spool.t tests/transcript/state.t tests/transcript/submission.t tests/transcript/tls.t tests/transcript/verify.t

check_PROGRAMS += tests/unit/t_smtpd
tests_unit_t_smtpd_SOURCES = tests/unit/t_smtpd.c
tests_unit_t_smtpd_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_unit_t_smtpd_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
tests_unit_t_smtpd_LDADD = $(LOOP_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_effects
tests_unit_t_effects_SOURCES = tests/unit/t_effects.c
tests_unit_t_effects_LDADD = $(SMTPD_CORE_LIBS) $(UNIT_LIBS)
