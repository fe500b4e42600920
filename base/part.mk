# base: the words everyone uses. What links libbase.a links BASE_LIBS; only
# what deals in passwords adds $(CRYPT_LIBS).
BASE_LIBS = libbase.a $(CRYPTO_LIBS)

noinst_LIBRARIES += libbase.a
libbase_a_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(CRYPT_CFLAGS)
libbase_a_SOURCES = \
	base/arena.c base/arena.h base/base64.c base/base64.h base/buf.c base/buf.h base/clock.c base/clock.h \
	base/digest.c base/digest.h base/err.c base/err.h base/heap.c base/heap.h base/id.c base/id.h base/list.h \
	base/map.c base/map.h base/mem.c base/mem.h base/password.c base/password.h base/random.c base/random.h \
	base/span.c base/span.h base/text.c base/text.h
