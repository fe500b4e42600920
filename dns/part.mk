# dns: what is built here, and the tests of it.
noinst_LIBRARIES += libdns.a
libdns_a_CFLAGS = $(AM_CFLAGS) $(LDNS_CFLAGS)
libdns_a_SOURCES = dns/answer.c dns/answer.h dns/attempts.c dns/cache.c dns/cache.h dns/frames.c dns/frames.h dns/heard.c dns/name.c dns/name.h \
	dns/packet.c dns/packet.h dns/resolver.c dns/resolver.h dns/resolver_private.h dns/servers.c dns/servers.h dns/site.c dns/site.h
DNS_LIBS = libdns.a libwire.a $(BASE_LIBS) $(LDNS_LIBS)

pkglibexec_PROGRAMS += libexec/dns
libexec_dns_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
libexec_dns_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
libexec_dns_SOURCES = dns/main.c dns/dns_io.c dns/dns_io.h dns/sockets_io.c dns/sockets_io.h
libexec_dns_LDADD = libdns.a $(STREAM_LIBS) $(LDNS_LIBS)

check_PROGRAMS += tests/unit/t_dns_packet
tests_unit_t_dns_packet_SOURCES = tests/unit/t_dns_packet.c tests/unit/dns_packets.c tests/unit/dns_packets.h
tests_unit_t_dns_packet_LDADD = $(DNS_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/t_resolver
tests_unit_t_resolver_SOURCES = tests/unit/t_resolver.c tests/unit/dns_packets.c
tests_unit_t_resolver_LDADD = $(DNS_LIBS) $(UNIT_LIBS)
check_PROGRAMS += tests/unit/t_site tests/unit/t_dns_servers tests/unit/t_dns_cache
tests_unit_t_site_SOURCES = tests/unit/t_site.c
tests_unit_t_site_LDADD = $(DNS_LIBS) $(UNIT_LIBS)
tests_unit_t_dns_servers_SOURCES = tests/unit/t_dns_servers.c
tests_unit_t_dns_servers_LDADD = $(DNS_LIBS) $(UNIT_LIBS)
tests_unit_t_dns_cache_SOURCES = tests/unit/t_dns_cache.c
tests_unit_t_dns_cache_LDADD = $(DNS_LIBS) $(UNIT_LIBS)

FUZZERS += tests/fuzz/f_dns_packet tests/fuzz/f_resolver
tests_fuzz_f_dns_packet_SOURCES = tests/fuzz/f_dns_packet.c
tests_fuzz_f_dns_packet_LDADD = $(DNS_LIBS)
tests_fuzz_f_dns_packet_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_f_resolver_SOURCES = tests/fuzz/f_resolver.c
tests_fuzz_f_resolver_LDADD = $(DNS_LIBS)
tests_fuzz_f_resolver_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_DIST += tests/fuzz/seeds/dns_packet/a tests/fuzz/seeds/dns_packet/aaaa tests/fuzz/seeds/dns_packet/chain \
	tests/fuzz/seeds/dns_packet/leads tests/fuzz/seeds/dns_packet/mx tests/fuzz/seeds/dns_packet/no_data tests/fuzz/seeds/dns_packet/no_name \
	tests/fuzz/seeds/dns_packet/ptr tests/fuzz/seeds/dns_packet/referral tests/fuzz/seeds/dns_packet/tlsa tests/fuzz/seeds/dns_packet/txt \
	tests/fuzz/seeds/resolver/answer tests/fuzz/seeds/resolver/chain tests/fuzz/seeds/resolver/cut tests/fuzz/seeds/resolver/failover \
	tests/fuzz/seeds/resolver/no tests/fuzz/seeds/resolver/plain tests/fuzz/seeds/resolver/silence

noinst_PROGRAMS += tests/bench/names
tests_bench_names_SOURCES = tests/bench/names.c
tests_bench_names_LDADD = libwire.a $(BASE_LIBS)
