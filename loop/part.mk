# loop: what is built here, and the tests of it. Objects are taken as they
# are named: a program without TLS links no OpenSSL beyond libcrypto's digests.
LOOP_LIBS = libloop.a libwire.a $(BASE_LIBS) $(UV_LIBS) $(SECCOMP_LIBS)
# One that uses streams links these in their place.
STREAM_LIBS = $(LOOP_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS)

noinst_LIBRARIES += libloop.a
libloop_a_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
libloop_a_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS) $(SSL_CFLAGS) $(SECCOMP_CFLAGS)
libloop_a_SOURCES = loop/loop.c loop/loop.h loop/loop_private.h loop/expect.c loop/relief.c loop/packet.c loop/packet.h loop/packet_socket.c loop/packet_socket.h loop/channel.c loop/channel.h \
	loop/process.c loop/process.h \
	loop/sandbox_linux.c loop/sandbox.h \
	loop/stream.c loop/stream.h loop/stream_private.h loop/stream_tls.c loop/tls.c loop/tls.h loop/tls_client.c loop/tls_client.h loop/tls_sessions.c loop/tls_sessions.h loop/tls_server.h loop/tls_conn.c loop/tls_private.h

check_PROGRAMS += tests/unit/t_channel tests/unit/t_sandbox
tests_unit_t_channel_SOURCES = tests/unit/t_channel.c
tests_unit_t_channel_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
tests_unit_t_channel_LDADD = $(LOOP_LIBS) $(UNIT_LIBS)

tests_unit_t_sandbox_SOURCES = tests/unit/t_sandbox.c
tests_unit_t_sandbox_LDADD = $(LOOP_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_relief
tests_unit_t_relief_SOURCES = tests/unit/t_relief.c
tests_unit_t_relief_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_unit_t_relief_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS) -pthread
tests_unit_t_relief_LDADD = $(LOOP_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_stream
tests_unit_t_stream_SOURCES = tests/unit/t_stream.c
tests_unit_t_stream_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS) $(SSL_CFLAGS) -pthread
tests_unit_t_stream_LDADD = $(STREAM_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_process
tests_unit_t_process_SOURCES = tests/unit/t_process.c
tests_unit_t_process_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_unit_t_process_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
tests_unit_t_process_LDADD = $(LOOP_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_expect
tests_unit_t_expect_SOURCES = tests/unit/t_expect.c
tests_unit_t_expect_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_unit_t_expect_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS) -pthread
tests_unit_t_expect_LDADD = $(LOOP_LIBS) $(UNIT_LIBS)
