# base: the words everyone uses. What links libbase.a links BASE_LIBS; only
# what deals in passwords adds $(CRYPT_LIBS).
BASE_LIBS = libbase.a $(CRYPTO_LIBS)

noinst_LIBRARIES += libbase.a
libbase_a_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(CRYPT_CFLAGS)
libbase_a_SOURCES = \
	base/arena.c base/arena.h base/base64.c base/base64.h base/buf.c base/buf.h base/clock.c base/clock.h \
	base/digest.c base/digest.h base/err.c base/err.h base/heap.c base/heap.h base/hunch.c base/hunch.h base/id.c base/id.h base/ip.c base/ip.h base/list.h \
	base/map.c base/map.h base/mem.c base/mem.h base/password.c base/password.h base/quantity.c base/quantity.h base/random.c base/random.h \
	base/span.c base/span.h base/text.c base/text.h

check_PROGRAMS += tests/unit/t_arena tests/unit/t_base64 tests/unit/t_buf tests/unit/t_digest tests/unit/t_heap tests/unit/t_hunch tests/unit/t_id tests/unit/t_ip \
	tests/unit/t_map tests/unit/t_password tests/unit/t_quantity tests/unit/t_random tests/unit/t_span tests/unit/t_text
tests_unit_t_arena_SOURCES = tests/unit/t_arena.c
tests_unit_t_arena_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_base64_SOURCES = tests/unit/t_base64.c
tests_unit_t_base64_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_buf_SOURCES = tests/unit/t_buf.c
tests_unit_t_buf_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_digest_SOURCES = tests/unit/t_digest.c
tests_unit_t_digest_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_heap_SOURCES = tests/unit/t_heap.c
tests_unit_t_heap_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_hunch_SOURCES = tests/unit/t_hunch.c
tests_unit_t_hunch_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_id_SOURCES = tests/unit/t_id.c
tests_unit_t_id_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_ip_SOURCES = tests/unit/t_ip.c
tests_unit_t_ip_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_map_SOURCES = tests/unit/t_map.c
tests_unit_t_map_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_password_SOURCES = tests/unit/t_password.c
tests_unit_t_password_LDADD = $(BASE_LIBS) $(CRYPT_LIBS) $(UNIT_LIBS)
tests_unit_t_quantity_SOURCES = tests/unit/t_quantity.c
tests_unit_t_quantity_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_random_SOURCES = tests/unit/t_random.c
tests_unit_t_random_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_span_SOURCES = tests/unit/t_span.c
tests_unit_t_span_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_text_SOURCES = tests/unit/t_text.c
tests_unit_t_text_LDADD = $(BASE_LIBS) $(UNIT_LIBS)

libbase_a_SOURCES += base/key.c base/key.h
check_PROGRAMS += tests/unit/t_key
tests_unit_t_key_SOURCES = tests/unit/t_key.c
tests_unit_t_key_LDADD = $(BASE_LIBS) $(UNIT_LIBS)
