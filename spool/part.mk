# spool: what is built here, and the tests of it.
noinst_LIBRARIES += libjournal.a
libjournal_a_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
libjournal_a_SOURCES = spool/journal.c spool/journal.h spool/journal_private.h spool/compact.c spool/recover.c spool/recover.h \
	spool/segment.c spool/segment.h spool/disk_io.c spool/disk_io.h

# The same core, in which faults can be planted, on a disk that forgets.
check_PROGRAMS += tests/crash/t_crash
tests_crash_t_crash_CPPFLAGS = $(AM_CPPFLAGS) -DJOURNAL_FAULTS
tests_crash_t_crash_SOURCES = tests/crash/t_crash.c tests/crash/sim_disk.c tests/crash/sim_disk.h \
	spool/journal.c spool/compact.c spool/recover.c spool/segment.c
tests_crash_t_crash_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
