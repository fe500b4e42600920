# delivery: what is built here, and the tests of it.
noinst_LIBRARIES += libdelivery.a
libdelivery_a_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
libdelivery_a_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
libdelivery_a_SOURCES = delivery/job.c delivery/job.h delivery/path.c delivery/path.h delivery/spool_io.c delivery/spool_io.h
