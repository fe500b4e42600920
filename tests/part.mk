# tests: what is shared by all of them, and what the distribution carries.
EXTRA_DIST += README.md ARCHITECTURE.md SECURITY.md CONTRIBUTING.md CHANGES.md etc/postrider.service etc/postrider.conf.example
EXTRA_DIST += bootstrap COPYING tests/run tests/checks/layers tests/checks/banned tests/checks/functions tests/checks/headers tests/checks/words tests/checks/dist tests/bench/run tests/bench/load.c
EXTRA_DIST += .ci/run tests/system/conftest.py tests/system/test_clients.py tests/system/test_config.py \
	tests/system/test_crash.py tests/system/test_ctl.py tests/system/test_disk.py tests/system/test_dns.py tests/system/test_explain.py tests/system/names.py tests/system/test_hostile.py tests/system/test_lmtp.py tests/system/test_login.py \
	tests/system/test_master.py tests/system/net.py tests/system/test_net.py tests/system/test_queue.py tests/system/test_receive.py tests/system/test_relay.py tests/system/sink.py tests/system/test_sendmail.py tests/system/test_sites.py tests/system/test_srs.py tests/system/test_tls.py \
	tests/system/test_transcripts.py tests/system/test_words.py
EXTRA_DIST += .clang-format .clang-tidy .editorconfig \
	tests/fuzz/seeds/bdat/chunks \
	tests/fuzz/seeds/bdat/cut \
	tests/fuzz/seeds/bdat/data \
	tests/fuzz/seeds/config_lex/faults \
	tests/fuzz/seeds/config_lex/traps \
	tests/fuzz/seeds/config_lex/whole \
	tests/fuzz/seeds/envelope/held_before_expansion \
	tests/fuzz/seeds/envelope/one \
	tests/fuzz/seeds/envelope/signed \
	tests/fuzz/seeds/envelope/states \
	tests/fuzz/seeds/envelope/told_again \
	tests/fuzz/seeds/envelope/two_with_states \
	tests/fuzz/seeds/filter/all \
	tests/fuzz/seeds/proxy/v1 \
	tests/fuzz/seeds/proxy/v2 \
	tests/fuzz/seeds/recover/one_batch \
	tests/fuzz/seeds/recover/two_batches \
	tests/fuzz/seeds/session/chunks \
	tests/fuzz/seeds/session/message

# libopendkim, which judges our signatures.
noinst_PROGRAMS += tests/judges/opendkim
tests_judges_opendkim_SOURCES = tests/judges/opendkim.c
tests_judges_opendkim_CFLAGS = $(AM_CFLAGS) $(OPENDKIM_CFLAGS)
tests_judges_opendkim_LDADD = $(OPENDKIM_LIBS)
# And signs what we verify.
noinst_PROGRAMS += tests/judges/opendkim_sign
tests_judges_opendkim_sign_SOURCES = tests/judges/opendkim_sign.c
tests_judges_opendkim_sign_CFLAGS = $(AM_CFLAGS) $(OPENDKIM_CFLAGS)
tests_judges_opendkim_sign_LDADD = $(OPENDKIM_LIBS)
EXTRA_DIST += tests/system/test_dkim.py tests/system/test_signatures.py tests/system/test_unit.py tests/system/systemd.py
