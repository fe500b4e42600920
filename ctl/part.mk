# ctl: the command line.
bin_PROGRAMS += postrider
postrider_CPPFLAGS = $(AM_CPPFLAGS)
postrider_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
postrider_SOURCES = \
	ctl/alias.c ctl/client.c ctl/client.h ctl/command.c ctl/command.h ctl/json.c ctl/json.h ctl/mailbox.c ctl/mailbox.h ctl/main.c ctl/master.c ctl/master.h \
	ctl/queue.c ctl/say.c ctl/say.h ctl/secret.c ctl/secret.h ctl/server.c ctl/state_file.c ctl/state_file.h ctl/trace.c ctl/user.c
postrider_LDADD = $(MAIL_LIBS) libwire.a $(BASE_LIBS) $(CRYPT_LIBS) $(JANSSON_LIBS)
