# man: the manual pages; two of them are made from tables.
dist_man_MANS += man/postrider.1 man/sendmail.8 man/mailq.1 man/newaliases.1
nodist_man_MANS = man/postrider.conf.5 man/postrider-events.5
CLEANFILES += man/postrider.conf.5 man/postrider-events.5

noinst_PROGRAMS += man/make_page
man_make_page_SOURCES = man/make_page.c
man_make_page_LDADD = libwire.a $(BASE_LIBS)

man/postrider.conf.5: man/make_page
	$(AM_V_GEN)man/make_page conf >$@.new && mv $@.new $@
man/postrider-events.5: man/make_page
	$(AM_V_GEN)man/make_page events >$@.new && mv $@.new $@

# Where mandoc is there, the pages are clean.
TESTS += man/lint
EXTRA_DIST += man/lint
