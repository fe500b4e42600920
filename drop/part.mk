# drop: the setgid helper of sendmail(8), and the names under which postrider is sendmail(8).
pkglibexec_PROGRAMS += libexec/drop
libexec_drop_SOURCES = drop/main.c
libexec_drop_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
libexec_drop_LDADD = $(BASE_LIBS)

FACES = sendmail mailq newaliases
all-local: $(FACES)
CLEANFILES += $(FACES)
$(FACES): postrider
	$(AM_V_GEN)$(LN_S) -f postrider $@

# Who installs as root into a system that has the group gives it the helper; a package's own scripts do so otherwise.
install-exec-hook:
	$(MKDIR_P) '$(DESTDIR)$(sbindir)' '$(DESTDIR)$(bindir)'
	cd '$(DESTDIR)$(sbindir)' && rm -f sendmail && $(LN_S) '$(bindir)/postrider' sendmail
	cd '$(DESTDIR)$(bindir)' && rm -f mailq newaliases && $(LN_S) postrider mailq && $(LN_S) postrider newaliases
	if test -z '$(DESTDIR)' && test "`id -u`" = 0 && getent group postrider-drop >/dev/null; then \
		chgrp postrider-drop '$(pkglibexecdir)/drop' && chmod 2755 '$(pkglibexecdir)/drop'; fi
uninstall-hook:
	rm -f '$(DESTDIR)$(sbindir)/sendmail' '$(DESTDIR)$(bindir)/mailq' '$(DESTDIR)$(bindir)/newaliases'
