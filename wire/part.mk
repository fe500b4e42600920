# wire: what is built here, and the tests of it.
noinst_LIBRARIES += libwire.a
libwire_a_SOURCES = \
	wire/codec.c wire/codec.h wire/take.h wire/verbs.h wire/verbs.def wire/drop.h \
	wire/pending.c wire/pending.h \
	wire/event.c wire/event.h wire/events.def \
	wire/filter.c wire/filter.h \
	wire/route.c wire/route.h \
	wire/login_file.c wire/login_file.h wire/network.c wire/network.h \
	wire/settings.c wire/settings.def wire/settings.h wire/settings_code.c wire/settings_value.c wire/settings_value.h

check_PROGRAMS += tests/unit/t_settings
tests_unit_t_settings_SOURCES = tests/unit/t_settings.c
tests_unit_t_settings_LDADD = libwire.a $(BASE_LIBS) $(UNIT_LIBS)

FUZZERS += tests/fuzz/f_settings
tests_fuzz_f_settings_SOURCES = tests/fuzz/f_settings.c
tests_fuzz_f_settings_LDADD = libwire.a $(BASE_LIBS)
tests_fuzz_f_settings_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

check_PROGRAMS += tests/unit/t_filter
tests_unit_t_filter_SOURCES = tests/unit/t_filter.c
tests_unit_t_filter_LDADD = libwire.a $(BASE_LIBS) $(UNIT_LIBS)

FUZZERS += tests/fuzz/f_filter
tests_fuzz_f_filter_SOURCES = tests/fuzz/f_filter.c
tests_fuzz_f_filter_LDADD = libwire.a $(BASE_LIBS)
tests_fuzz_f_filter_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

check_PROGRAMS += tests/unit/t_codec tests/unit/t_pending tests/unit/t_event tests/unit/t_route tests/unit/t_network tests/unit/t_login_file
tests_unit_t_network_SOURCES = tests/unit/t_network.c
tests_unit_t_network_LDADD = libwire.a $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_login_file_SOURCES = tests/unit/t_login_file.c
tests_unit_t_login_file_LDADD = libwire.a $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_route_SOURCES = tests/unit/t_route.c
tests_unit_t_route_LDADD = libwire.a $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_codec_SOURCES = tests/unit/t_codec.c
tests_unit_t_codec_LDADD = libwire.a $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_pending_SOURCES = tests/unit/t_pending.c
tests_unit_t_pending_LDADD = libwire.a $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_event_SOURCES = tests/unit/t_event.c
tests_unit_t_event_LDADD = libwire.a $(BASE_LIBS) $(UNIT_LIBS)

FUZZERS += tests/fuzz/f_codec tests/fuzz/f_event
tests_fuzz_f_codec_SOURCES = tests/fuzz/f_codec.c
tests_fuzz_f_codec_LDADD = libwire.a $(BASE_LIBS)
tests_fuzz_f_codec_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_f_event_SOURCES = tests/fuzz/f_event.c
tests_fuzz_f_event_LDADD = libwire.a $(BASE_LIBS)
tests_fuzz_f_event_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_DIST += tests/fuzz/seeds/codec/message tests/fuzz/seeds/codec/job tests/fuzz/seeds/codec/master \
	tests/fuzz/seeds/event/deferred tests/fuzz/seeds/event/closed
