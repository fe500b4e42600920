# base: the words everyone uses.
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = base/span.c base/span.h
