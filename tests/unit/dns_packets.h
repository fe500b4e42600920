/* Packets of the DNS made by hand, right or wrong. */
#ifndef TESTS_DNS_PACKETS_H
#define TESTS_DNS_PACKETS_H

#include "dns/packet.h"

enum section { SECTION_ANSWER = 6, SECTION_AUTHORITY = 8, SECTION_ADDITIONAL = 10 };	/* places of their counts */
#define FLAGS_ANSWER 0x8180	/* QR RD RA */
#define FLAGS_AD     0x0020
#define FLAGS_AA     0x0400
#define FLAGS_TC     0x0200
#define TYPE_SOA     6

struct packet_draft {
	size_t len;
	unsigned char at[70000];
};

/* An answer to that question, so far without records. flags: with the code in the lowest four bits. */
void draft_answer(struct packet_draft *p, const struct question *q, uint16_t id, unsigned flags);
/* The same to a question as it was sent. */
void draft_answer_to(struct packet_draft *p, const unsigned char *sent, size_t len, unsigned flags);
void draft_bytes(struct packet_draft *p, const void *bytes, size_t len);
void draft_u16(struct packet_draft *p, unsigned value);
/* A record with these bytes as its data. */
void draft_record(struct packet_draft *p, enum section section, const char *owner, unsigned type, uint32_t ttl, const void *data, size_t len);
void draft_a(struct packet_draft *p, const char *owner, uint32_t ttl, unsigned last);	/* 192.0.2.last */
void draft_named(struct packet_draft *p, enum section section, const char *owner, unsigned type, uint32_t ttl, const char *name);
void draft_mx(struct packet_draft *p, const char *owner, uint32_t ttl, unsigned preference, const char *host);
void draft_soa(struct packet_draft *p, const char *zone, uint32_t ttl, uint32_t minimum);
struct span draft_span(const struct packet_draft *p);
struct question question_of(unsigned type, const char *name);

#endif
