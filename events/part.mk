# events: what is built here, and the tests of it.
pkglibexec_PROGRAMS += libexec/events
libexec_events_SOURCES = events/main.c events/ring.c events/ring.h events/search.c events/search.h \
	events/output.c events/output.h events/counters.c events/counters.h
libexec_events_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
libexec_events_LDADD = $(LOOP_LIBS)

check_PROGRAMS += tests/unit/t_ring tests/unit/t_search tests/unit/t_output
tests_unit_t_ring_SOURCES = tests/unit/t_ring.c events/ring.c
tests_unit_t_ring_LDADD = libwire.a $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_search_SOURCES = tests/unit/t_search.c events/search.c events/ring.c events/counters.c
tests_unit_t_search_LDADD = libwire.a $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_output_SOURCES = tests/unit/t_output.c events/output.c
tests_unit_t_output_LDADD = libwire.a $(BASE_LIBS) $(UNIT_LIBS)
