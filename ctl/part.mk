# ctl: the command line.
bin_PROGRAMS += postrider
postrider_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
postrider_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
postrider_SOURCES = \
	ctl/alias.c ctl/client.c ctl/client.h ctl/command.c ctl/command.h ctl/configured.c ctl/configured.h ctl/dns.c \
	ctl/dry_run.c ctl/dry_run.h ctl/explain.c ctl/explain_hosts.c ctl/explain_hosts.h ctl/explain_way.c ctl/explain_way.h \
	ctl/json.c ctl/json.h ctl/mailbox.c ctl/mailbox.h ctl/main.c ctl/master.c ctl/master.h \
	ctl/face.c ctl/face.h ctl/letter.c ctl/letter.h ctl/mailing.c ctl/mailing.h ctl/mailq.c ctl/mailq.h \
	ctl/queue.c ctl/queue_ask.c ctl/queue_ask.h ctl/resolve.c ctl/resolve.h ctl/say.c ctl/say.h ctl/secret.c ctl/secret.h ctl/sendmail.c ctl/sendmail.h ctl/server.c ctl/state_file.c ctl/state_file.h ctl/submit.c ctl/submit.h ctl/trace.c ctl/token.c ctl/token.h ctl/user.c ctl/user.h
postrider_SOURCES += ctl/probe.c ctl/probe.h ctl/dkim.c ctl/folder.c ctl/folder.h ctl/keys.c ctl/keys.h
postrider_LDADD = $(MAIL_LIBS) libwire.a $(BASE_LIBS) $(CRYPT_LIBS) $(JANSSON_LIBS)

check_PROGRAMS += tests/unit/t_configured tests/unit/t_face tests/unit/t_letter tests/unit/t_mailing
tests_unit_t_configured_SOURCES = tests/unit/t_configured.c ctl/configured.c ctl/configured.h ctl/json.c ctl/json.h
tests_unit_t_configured_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_t_configured_LDADD = $(BASE_LIBS) $(JANSSON_LIBS) $(UNIT_LIBS)
tests_unit_t_mailing_SOURCES = tests/unit/t_mailing.c ctl/letter.c ctl/letter.h ctl/mailing.c ctl/mailing.h
tests_unit_t_mailing_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_face_SOURCES = tests/unit/t_face.c ctl/face.c ctl/face.h
tests_unit_t_face_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)
tests_unit_t_letter_SOURCES = tests/unit/t_letter.c ctl/letter.c ctl/letter.h
tests_unit_t_letter_LDADD = $(MAIL_LIBS) $(BASE_LIBS) $(UNIT_LIBS)

FUZZERS += tests/fuzz/f_letter
tests_fuzz_f_letter_SOURCES = tests/fuzz/f_letter.c ctl/letter.c ctl/letter.h
tests_fuzz_f_letter_LDADD = $(MAIL_LIBS) $(BASE_LIBS)
tests_fuzz_f_letter_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_DIST += tests/fuzz/seeds/letter/mail
