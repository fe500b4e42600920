# spool: what is built here, and the tests of it.
noinst_LIBRARIES += libjournal.a
libjournal_a_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
JOURNAL_CORE = \
	spool/admit.c spool/batch.c spool/census.c spool/compact.c spool/found.c spool/journal.c spool/journal.h spool/journal_private.h \
	spool/keeper.c spool/move.c spool/recover.c spool/recover.h spool/segment.c spool/segment.h spool/segments.c \
	spool/survey.c spool/survey.h spool/writer.c
libjournal_a_SOURCES = $(JOURNAL_CORE) spool/aside_io.c spool/disk_io.c spool/disk_io.h spool/disk_private_io.h spool/erase_io.c \
	spool/files_io.c spool/lanes_io.c spool/reader_io.c

# The same core, in which faults can be planted, on a disk that forgets.
tests_crash_t_crash_CPPFLAGS = $(AM_CPPFLAGS) -DJOURNAL_FAULTS
tests_crash_t_crash_SOURCES = tests/crash/t_crash.c tests/crash/sim_disk.c tests/crash/sim_disk.h $(JOURNAL_CORE)
tests_crash_t_crash_LDADD = $(BASE_LIBS) $(UNIT_LIBS)

# What is known of the messages: pure.
noinst_LIBRARIES += libspool.a
libspool_a_SOURCES = \
	spool/bounce.c spool/bounce.h spool/envelope.c spool/envelope.h spool/queue.c spool/queue.h spool/schedule.c \
	spool/schedule.h spool/schedule_private.h spool/hosts.c spool/hosts.h spool/lines.c spool/pace.c spool/pace.h spool/signatures.c spool/signatures.h \
	spool/sites.c spool/storm.c spool/storm.h spool/ways.c spool/state.c spool/state.h spool/words.c spool/words.h

pkglibexec_PROGRAMS += libexec/spool
SPOOL_PROGRAM = \
	spool/acts.c spool/control.c spool/control_private.h spool/expand.c spool/expand_private.h spool/expansion.c spool/handover.c spool/id_row.c spool/id_row.h spool/intake.c \
	spool/jobs.c spool/jobs_private.h spool/notes.c spool/outcomes.c spool/owner.c spool/routes.c spool/expiry.c spool/settle.c spool/sign.c spool/spool.h spool/spool_io.c \
	spool/spool_io.h spool/targets.c spool/trouble.c spool/view.c spool/whereabouts.c
libexec_spool_SOURCES = \
	$(SPOOL_PROGRAM) spool/main.c
libexec_spool_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
libexec_spool_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
libexec_spool_LDADD = libspool.a libjournal.a $(MAIL_LIBS) $(LOOP_LIBS)

SPOOL_CORE_LIBS = libspool.a $(MAIL_LIBS) libwire.a $(BASE_LIBS)

check_PROGRAMS += tests/unit/t_queue tests/unit/t_schedule tests/unit/t_sites tests/unit/t_pace tests/unit/t_hosts tests/unit/t_envelope
tests_unit_t_queue_SOURCES = tests/unit/t_queue.c
tests_unit_t_queue_LDADD = $(SPOOL_CORE_LIBS) $(UNIT_LIBS)
tests_unit_t_schedule_SOURCES = tests/unit/t_schedule.c tests/unit/schedule_world.c tests/unit/schedule_world.h
tests_unit_t_schedule_LDADD = $(SPOOL_CORE_LIBS) $(UNIT_LIBS)
tests_unit_t_sites_SOURCES = tests/unit/t_sites.c tests/unit/schedule_world.c tests/unit/schedule_world.h
tests_unit_t_sites_LDADD = $(SPOOL_CORE_LIBS) $(UNIT_LIBS)
tests_unit_t_pace_SOURCES = tests/unit/t_pace.c
tests_unit_t_pace_LDADD = $(SPOOL_CORE_LIBS) $(UNIT_LIBS)
tests_unit_t_hosts_SOURCES = tests/unit/t_hosts.c
tests_unit_t_hosts_LDADD = $(SPOOL_CORE_LIBS) $(UNIT_LIBS)
tests_unit_t_envelope_SOURCES = tests/unit/t_envelope.c
tests_unit_t_envelope_LDADD = $(SPOOL_CORE_LIBS) $(UNIT_LIBS)

# The program between peers and a disk of the test's own.
check_PROGRAMS += tests/unit/t_spool
tests_unit_t_spool_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_unit_t_spool_SOURCES = tests/unit/t_spool.c tests/unit/spool_world.c tests/unit/spool_world.h \
	$(SPOOL_PROGRAM)
tests_unit_t_spool_LDADD = $(SPOOL_CORE_LIBS) $(UNIT_LIBS)

FUZZERS += tests/fuzz/f_envelope
tests_fuzz_f_envelope_SOURCES = tests/fuzz/f_envelope.c
tests_fuzz_f_envelope_LDADD = $(SPOOL_CORE_LIBS)
tests_fuzz_f_envelope_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

check_PROGRAMS += tests/unit/t_disk
tests_unit_t_disk_SOURCES = tests/unit/t_disk.c
tests_unit_t_disk_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
tests_unit_t_disk_LDADD = libjournal.a $(LOOP_LIBS) $(UNIT_LIBS)

FUZZERS += tests/fuzz/f_recover
tests_fuzz_f_recover_SOURCES = tests/fuzz/f_recover.c
tests_fuzz_f_recover_LDADD = libjournal.a $(BASE_LIBS)
tests_fuzz_f_recover_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

check_PROGRAMS += tests/unit/t_id_row
tests_unit_t_id_row_SOURCES = tests/unit/t_id_row.c spool/id_row.c spool/id_row.h
tests_unit_t_id_row_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
