# mail: the grammar of mail. What links libmail.a links MAIL_LIBS.
MAIL_LIBS = libmail.a $(IDN_LIBS)

noinst_LIBRARIES += libmail.a
libmail_a_CFLAGS = $(AM_CFLAGS) $(IDN_CFLAGS)
libmail_a_SOURCES = \
	mail/address.c mail/address.h mail/aliases.c mail/aliases.h mail/author.c mail/author.h mail/command.c mail/command.h mail/date.c mail/date.h mail/dsn.c mail/dsn.h mail/header.c mail/header.h mail/idn.c mail/idn.h mail/lines.c mail/lines.h mail/masks.h mail/names.c mail/names.h mail/received.c mail/received.h \
	mail/dmarc_record.c mail/dmarc_record.h mail/reply.c mail/reply.h mail/table.c mail/table.h mail/tags.c mail/tags.h mail/tokens_row.c mail/tokens_row.h mail/users_row.c mail/users_row.h mail/xtext.c mail/xtext.h

check_PROGRAMS += tests/unit/t_lines
tests_unit_t_lines_SOURCES = tests/unit/t_lines.c tests/unit/slow_lines.c tests/unit/slow_lines.h
tests_unit_t_lines_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_header
tests_unit_t_header_SOURCES = tests/unit/t_header.c
tests_unit_t_header_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_received
tests_unit_t_received_SOURCES = tests/unit/t_received.c
tests_unit_t_received_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_aliases
tests_unit_t_aliases_SOURCES = tests/unit/t_aliases.c
tests_unit_t_aliases_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_table
tests_unit_t_table_SOURCES = tests/unit/t_table.c
tests_unit_t_table_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)

FUZZERS += tests/fuzz/f_users
tests_fuzz_f_users_SOURCES = tests/fuzz/f_users.c
tests_fuzz_f_users_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_users_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

EXTRA_DIST += tests/fuzz/seeds/users/rows tests/fuzz/seeds/users/aliases

check_PROGRAMS += tests/unit/t_tokens_row
tests_unit_t_tokens_row_SOURCES = tests/unit/t_tokens_row.c
tests_unit_t_tokens_row_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/t_users_row
tests_unit_t_users_row_SOURCES = tests/unit/t_users_row.c
tests_unit_t_users_row_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)

# For the readers in tests/system.
noinst_PROGRAMS += tests/unit/show_words
tests_unit_show_words_SOURCES = tests/unit/show_words.c
tests_unit_show_words_LDADD = $(MAIL_LIBS) $(BASE_LIBS)

# The parsers and writers, with anything.
FUZZERS += tests/fuzz/f_lines
tests_fuzz_f_lines_SOURCES = tests/fuzz/f_lines.c tests/unit/slow_lines.c tests/unit/slow_lines.h
tests_fuzz_f_lines_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_lines_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
FUZZERS += tests/fuzz/f_header
tests_fuzz_f_header_SOURCES = tests/fuzz/f_header.c
tests_fuzz_f_header_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_header_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
FUZZERS += tests/fuzz/f_received
tests_fuzz_f_received_SOURCES = tests/fuzz/f_received.c
tests_fuzz_f_received_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_received_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
FUZZERS += tests/fuzz/f_aliases
tests_fuzz_f_aliases_SOURCES = tests/fuzz/f_aliases.c
tests_fuzz_f_aliases_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_aliases_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
FUZZERS += tests/fuzz/f_dsn
tests_fuzz_f_dsn_SOURCES = tests/fuzz/f_dsn.c
tests_fuzz_f_dsn_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_fuzz_f_dsn_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_dsn_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
FUZZERS += tests/fuzz/f_users_row
tests_fuzz_f_users_row_SOURCES = tests/fuzz/f_users_row.c
tests_fuzz_f_users_row_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_users_row_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
FUZZERS += tests/fuzz/f_tokens_row
tests_fuzz_f_tokens_row_SOURCES = tests/fuzz/f_tokens_row.c
tests_fuzz_f_tokens_row_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_tokens_row_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_DIST += tests/fuzz/seeds/tokens_row/row

FUZZERS += tests/fuzz/f_author
tests_fuzz_f_author_SOURCES = tests/fuzz/f_author.c
tests_fuzz_f_author_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_author_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

check_PROGRAMS += tests/unit/t_author
tests_unit_t_author_SOURCES = tests/unit/t_author.c
tests_unit_t_author_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)

EXTRA_DIST += tests/fuzz/seeds/author/many tests/fuzz/seeds/lines/data tests/fuzz/seeds/lines/normalise tests/fuzz/seeds/lines/chunks tests/fuzz/seeds/header/forged \
	tests/fuzz/seeds/header/blank tests/fuzz/seeds/header/long tests/fuzz/seeds/received/all tests/fuzz/seeds/received/evil \
	tests/fuzz/seeds/aliases/file tests/fuzz/seeds/dsn/failed tests/fuzz/seeds/dsn/utf8 tests/fuzz/seeds/users_row/row \
	tests/fuzz/seeds/users_row/plain

check_PROGRAMS += tests/unit/t_address tests/unit/t_command tests/unit/t_date tests/unit/t_idn tests/unit/t_reply tests/unit/t_xtext
tests_unit_t_address_SOURCES = tests/unit/t_address.c
tests_unit_t_address_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_command_SOURCES = tests/unit/t_command.c
tests_unit_t_command_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_date_SOURCES = tests/unit/t_date.c
tests_unit_t_date_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_idn_SOURCES = tests/unit/t_idn.c
tests_unit_t_idn_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_reply_SOURCES = tests/unit/t_reply.c
tests_unit_t_reply_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_xtext_SOURCES = tests/unit/t_xtext.c
tests_unit_t_xtext_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)

FUZZERS += tests/fuzz/f_address tests/fuzz/f_command tests/fuzz/f_reply tests/fuzz/f_xtext
tests_fuzz_f_address_SOURCES = tests/fuzz/f_address.c
tests_fuzz_f_address_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_address_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_f_command_SOURCES = tests/fuzz/f_command.c
tests_fuzz_f_command_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_command_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_f_reply_SOURCES = tests/fuzz/f_reply.c
tests_fuzz_f_reply_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_reply_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_f_xtext_SOURCES = tests/fuzz/f_xtext.c
tests_fuzz_f_xtext_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_xtext_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_DIST += tests/fuzz/seeds/address/alabel tests/fuzz/seeds/address/mailbox tests/fuzz/seeds/address/postmaster tests/fuzz/seeds/address/route tests/fuzz/seeds/command/bdat tests/fuzz/seeds/command/ehlo tests/fuzz/seeds/command/mail tests/fuzz/seeds/command/rcpt \
	tests/fuzz/seeds/reply/ehlo tests/fuzz/seeds/reply/two tests/fuzz/seeds/xtext/base64 tests/fuzz/seeds/xtext/utf8 tests/fuzz/seeds/xtext/xtext

libmail_a_SOURCES += mail/dkim.c mail/dkim.h mail/dkim_body.c mail/dkim_body.h mail/dkim_field.c mail/dkim_field.h mail/dkim_record.c mail/dkim_record.h mail/dkim_claim.c mail/dkim_claim.h
check_PROGRAMS += tests/unit/t_dkim
tests_unit_t_dkim_SOURCES = tests/unit/t_dkim.c tests/unit/slow_dkim.c tests/unit/slow_dkim.h
tests_unit_t_dkim_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/t_dkim_body
tests_unit_t_dkim_body_SOURCES = tests/unit/t_dkim_body.c tests/unit/slow_dkim.c tests/unit/slow_dkim.h
tests_unit_t_dkim_body_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/t_dkim_field
tests_unit_t_dkim_field_SOURCES = tests/unit/t_dkim_field.c tests/unit/slow_dkim.c tests/unit/slow_dkim.h
tests_unit_t_dkim_field_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/t_dkim_record
tests_unit_t_dkim_record_SOURCES = tests/unit/t_dkim_record.c
tests_unit_t_dkim_record_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
FUZZERS += tests/fuzz/f_dkim
tests_fuzz_f_dkim_SOURCES = tests/fuzz/f_dkim.c tests/unit/slow_dkim.c tests/unit/slow_dkim.h
tests_fuzz_f_dkim_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_dkim_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_DIST += tests/fuzz/seeds/dkim/message tests/fuzz/seeds/dkim/record

check_PROGRAMS += tests/unit/t_dmarc_record
tests_unit_t_dmarc_record_SOURCES = tests/unit/t_dmarc_record.c
tests_unit_t_dmarc_record_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
FUZZERS += tests/fuzz/f_dmarc_record
tests_fuzz_f_dmarc_record_SOURCES = tests/fuzz/f_dmarc_record.c
tests_fuzz_f_dmarc_record_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_dmarc_record_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_DIST += tests/fuzz/seeds/dmarc_record/all tests/fuzz/seeds/dmarc_record/mended

libmail_a_SOURCES += mail/srs.c mail/srs.h
check_PROGRAMS += tests/unit/t_srs
tests_unit_t_srs_SOURCES = tests/unit/t_srs.c
tests_unit_t_srs_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
noinst_PROGRAMS += tests/unit/show_srs
tests_unit_show_srs_SOURCES = tests/unit/show_srs.c
tests_unit_show_srs_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
FUZZERS += tests/fuzz/f_srs
tests_fuzz_f_srs_SOURCES = tests/fuzz/f_srs.c
tests_fuzz_f_srs_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_srs_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_DIST += tests/fuzz/seeds/srs/srs0 tests/fuzz/seeds/srs/srs1 tests/fuzz/seeds/srs/quoted
