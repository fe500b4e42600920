# verify: what is built here, and the tests of it.
noinst_LIBRARIES += libverify.a
libverify_a_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
libverify_a_CFLAGS = $(AM_CFLAGS) $(OPENDKIM_CFLAGS)
libverify_a_SOURCES = verify/arc.c verify/arc.h verify/dkim.c verify/dkim.h verify/dkim_key.c verify/dkim_key.h verify/dkim_list.c verify/dkim_list.h verify/facts.c verify/facts.h verify/fields.c verify/fields.h verify/result.c verify/result.h
libverify_a_SOURCES += verify/authres.c verify/authres.h verify/dmarc.c verify/dmarc.h verify/dmarc_from.c verify/dmarc_from.h verify/dmarc_tree.c verify/dmarc_tree.h verify/exceptions.c verify/exceptions.h verify/verdict.c verify/verdict.h
libverify_a_SOURCES += verify/check.c verify/check.h verify/check_private.h verify/check_tell.c
VERIFY_LIBS = libverify.a $(MAIL_LIBS) libwire.a $(BASE_LIBS) $(SPF_LIBS) $(OPENDKIM_LIBS)

check_PROGRAMS += tests/unit/t_facts tests/unit/t_fields
tests_unit_t_facts_SOURCES = tests/unit/t_facts.c
tests_unit_t_facts_LDADD = $(VERIFY_LIBS) $(UNIT_LIBS)
tests_unit_t_fields_SOURCES = tests/unit/t_fields.c
tests_unit_t_fields_LDADD = $(VERIFY_LIBS) $(UNIT_LIBS)

# What judges in tests/system ask.
noinst_PROGRAMS += tests/judges/verify
tests_judges_verify_SOURCES = tests/judges/verify.c
tests_judges_verify_LDADD = $(VERIFY_LIBS)

# What it costs, beside the library alone.
noinst_PROGRAMS += tests/bench/verify
tests_bench_verify_SOURCES = tests/bench/verify.c tests/unit/sign_any.c tests/unit/sign_any.h
tests_bench_verify_CFLAGS = $(AM_CFLAGS) $(OPENDKIM_CFLAGS)
tests_bench_verify_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_bench_verify_LDADD = $(VERIFY_LIBS)

FUZZERS += tests/fuzz/f_dkim_verify tests/fuzz/f_arc tests/fuzz/f_dkim_record
tests_fuzz_f_dkim_verify_SOURCES = tests/fuzz/f_dkim_verify.c
tests_fuzz_f_dkim_verify_LDADD = $(VERIFY_LIBS)
tests_fuzz_f_dkim_verify_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_f_arc_SOURCES = tests/fuzz/f_arc.c
tests_fuzz_f_arc_LDADD = $(VERIFY_LIBS)
tests_fuzz_f_arc_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_f_dkim_record_SOURCES = tests/fuzz/f_dkim_record.c
tests_fuzz_f_dkim_record_LDADD = $(VERIFY_LIBS)
tests_fuzz_f_dkim_record_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_DIST += tests/fuzz/seeds/arc/sealed tests/fuzz/seeds/dkim_record/ed25519 tests/fuzz/seeds/dkim_record/rsa tests/fuzz/seeds/dkim_record/seal \
	tests/fuzz/seeds/dkim_record/signature tests/fuzz/seeds/dkim_record/tags tests/fuzz/seeds/dkim_verify/ed25519 tests/fuzz/seeds/dkim_verify/rsa \
	tests/fuzz/seeds/dkim_verify/tags

check_PROGRAMS += tests/unit/t_arc
tests_unit_t_arc_SOURCES = tests/unit/t_arc.c tests/unit/sealed.h
tests_unit_t_arc_LDADD = $(VERIFY_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_verify_sandbox
tests_unit_t_verify_sandbox_SOURCES = tests/unit/t_verify_sandbox.c tests/unit/rfc8463.h tests/unit/sealed.h tests/unit/sign_any.c tests/unit/sign_any.h
tests_unit_t_verify_sandbox_LDADD = libverify.a $(MAIL_LIBS) $(LOOP_LIBS) $(OPENDKIM_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_dkim_check
tests_unit_t_dkim_check_SOURCES = tests/unit/t_dkim_check.c tests/unit/rfc8463.h tests/unit/sign_any.c tests/unit/sign_any.h
tests_unit_t_dkim_check_LDADD = $(VERIFY_LIBS) $(UNIT_LIBS)

FUZZERS += tests/fuzz/f_fields
tests_fuzz_f_fields_SOURCES = tests/fuzz/f_fields.c
tests_fuzz_f_fields_LDADD = $(VERIFY_LIBS)
tests_fuzz_f_fields_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

check_PROGRAMS += tests/unit/t_dmarc
tests_unit_t_dmarc_SOURCES = tests/unit/t_dmarc.c tests/unit/dmarc_zone.c tests/unit/dmarc_zone.h
tests_unit_t_dmarc_LDADD = $(VERIFY_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/t_authres tests/unit/t_verdict
tests_unit_t_authres_SOURCES = tests/unit/t_authres.c
tests_unit_t_authres_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_unit_t_authres_LDADD = $(VERIFY_LIBS) $(UNIT_LIBS)
tests_unit_t_verdict_SOURCES = tests/unit/t_verdict.c
tests_unit_t_verdict_LDADD = $(VERIFY_LIBS) $(UNIT_LIBS)
noinst_PROGRAMS += tests/unit/show_results
tests_unit_show_results_SOURCES = tests/unit/show_results.c
tests_unit_show_results_LDADD = $(VERIFY_LIBS)
EXTRA_DIST += tests/system/test_results.py
FUZZERS += tests/fuzz/f_authres tests/fuzz/f_dmarc
tests_fuzz_f_authres_SOURCES = tests/fuzz/f_authres.c
tests_fuzz_f_authres_LDADD = $(VERIFY_LIBS)
tests_fuzz_f_authres_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_f_dmarc_SOURCES = tests/fuzz/f_dmarc.c tests/unit/dmarc_zone.c tests/unit/dmarc_zone.h
tests_fuzz_f_dmarc_LDADD = $(VERIFY_LIBS)
tests_fuzz_f_dmarc_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_DIST += tests/fuzz/seeds/authres/all tests/fuzz/seeds/dmarc/forged tests/fuzz/seeds/dmarc/three

# SPF and iprev.
libverify_a_SOURCES += verify/client.c verify/client.h verify/iprev.c verify/iprev.h verify/spf.c verify/spf.h verify/spf_macro.c verify/spf_macro.h \
	verify/spf_find.c verify/spf_find.h verify/spf_name.c verify/spf_name.h verify/spf_record.c verify/spf_record.h verify/spf_rewrite.c verify/spf_rewrite.h \
	verify/spf_story.c verify/spf_story.h verify/spf_walk.c verify/spf_walk.h verify/spf_walk_private.h
FACTS_ZONE = tests/unit/facts_zone.c tests/unit/facts_zone.h
noinst_PROGRAMS += tests/judges/spf_suite
tests_judges_spf_suite_SOURCES = tests/judges/spf_suite.c $(FACTS_ZONE)
tests_judges_spf_suite_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_judges_spf_suite_LDADD = $(VERIFY_LIBS)
EXTRA_DIST += tests/system/test_spf_suite.py
check_PROGRAMS += tests/unit/t_spf
tests_unit_t_spf_SOURCES = tests/unit/t_spf.c $(FACTS_ZONE)
tests_unit_t_spf_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_unit_t_spf_LDADD = $(VERIFY_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/t_spf_name tests/unit/t_spf_record tests/unit/t_iprev
tests_unit_t_spf_name_SOURCES = tests/unit/t_spf_name.c
tests_unit_t_spf_name_LDADD = $(VERIFY_LIBS) $(UNIT_LIBS)
tests_unit_t_spf_record_SOURCES = tests/unit/t_spf_record.c
tests_unit_t_spf_record_LDADD = $(VERIFY_LIBS) $(UNIT_LIBS)
tests_unit_t_iprev_SOURCES = tests/unit/t_iprev.c $(FACTS_ZONE)
tests_unit_t_iprev_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_unit_t_iprev_LDADD = $(VERIFY_LIBS) $(UNIT_LIBS)
FUZZERS += tests/fuzz/f_spf_record tests/fuzz/f_spf
tests_fuzz_f_spf_record_SOURCES = tests/fuzz/f_spf_record.c
tests_fuzz_f_spf_record_LDADD = $(VERIFY_LIBS)
tests_fuzz_f_spf_record_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_f_spf_SOURCES = tests/fuzz/f_spf.c $(FACTS_ZONE)
tests_fuzz_f_spf_LDADD = $(VERIFY_LIBS)
tests_fuzz_f_spf_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_DIST += tests/fuzz/seeds/spf_record/terms tests/fuzz/seeds/spf_record/redirect tests/fuzz/seeds/spf_record/explanation tests/fuzz/seeds/spf/records tests/fuzz/seeds/spf/loop

# The program.
pkglibexec_PROGRAMS += libexec/verify
libverify_a_SOURCES += verify/turns.c verify/turns.h
check_PROGRAMS += tests/unit/t_turns
tests_unit_t_turns_SOURCES = tests/unit/t_turns.c
tests_unit_t_turns_LDADD = $(VERIFY_LIBS) $(UNIT_LIBS)
libexec_verify_SOURCES = verify/guard_io.c verify/guard_io.h verify/main.c verify/questions_io.c verify/questions_io.h \
	verify/verify_io.c verify/verify_io.h
libexec_verify_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
libexec_verify_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
libexec_verify_LDADD = libverify.a $(MAIL_LIBS) $(LOOP_LIBS) $(SPF_LIBS) $(OPENDKIM_LIBS)
check_PROGRAMS += tests/unit/t_guard
tests_unit_t_guard_SOURCES = tests/unit/t_guard.c verify/guard_io.c verify/guard_io.h
tests_unit_t_guard_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_unit_t_guard_LDADD = $(UNIT_LIBS)
EXTRA_DIST += tests/system/test_verify.py

# A whole check.
check_PROGRAMS += tests/unit/t_check
tests_unit_t_check_SOURCES = tests/unit/t_check.c $(FACTS_ZONE)
tests_unit_t_check_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_unit_t_check_LDADD = $(VERIFY_LIBS) $(UNIT_LIBS)
EXTRA_DIST += tests/system/test_abuse.py
FUZZERS += tests/fuzz/f_check
tests_fuzz_f_check_SOURCES = tests/fuzz/f_check.c
tests_fuzz_f_check_LDADD = $(VERIFY_LIBS)
tests_fuzz_f_check_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_DIST += tests/fuzz/seeds/check/signed tests/fuzz/seeds/check/chain tests/fuzz/seeds/check/odd
