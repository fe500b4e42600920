/* Packets of the DNS: questions are written, answers are read. The one door
 * to ldns, which sees only what has passed the checks in front of it. */
#ifndef DNS_PACKET_H
#define DNS_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "dns/answer.h"
#include "dns/name.h"

#define PACKET_QUESTION_MAX 320		/* bytes: header, the longest name, type, class, OPT */
#define PACKET_UDP_MAX      1232	/* bytes of an answer that are offered by UDP: never cut into fragments */
/* Bytes of an answer, by TCP too: a packet of 64 KB can cost 9 ms to read and holds nothing that mail needs. */
#define PACKET_MAX          32768
#define PACKET_RECORDS_MAX  1024	/* of all sections, for the same reason */
#define PACKET_CNAMES_MAX   8		/* of a chain */
#define PACKET_TTL_MAX      86400	/* seconds */
#define PACKET_NO_TTL_MAX   10800	/* seconds of a no: what RFC 2308 5 finds sensible */

struct question {
	uint16_t type;		/* enum wire_record */
	struct name name;
};

/* The bytes that make it this question, for maps; they lie in *q. */
static inline struct span question_key(const struct question *q)
{
	return span_of((const char *)q, offsetof(struct question, name.at) + q->name.len);
}

/* Is it one of enum wire_record, which can be read here? */
bool packet_knows_type(uint16_t type);
/* A question with recursion desired and the wish to be told whether the answer is authentic (RFC 6840 5.7). Returns its
 * length. edns: offer PACKET_UDP_MAX. */
size_t packet_write(const struct question *q, uint16_t id, bool edns, unsigned char out[PACKET_QUESTION_MAX]);

/* The head of a packet that may be an answer; false when it can't be one to that question: too short, no answer, another
 * question. Answers that only refuse may come without the question. */
struct packet_head {
	uint16_t id;
	unsigned rcode;
	bool is_truncated;
};
bool packet_look(struct span packet, const struct question *q, struct packet_head *head);

enum packet_rcode { RCODE_OK = 0, RCODE_FORMAT = 1, RCODE_FAILED = 2, RCODE_NO_NAME = 3, RCODE_NOT_KNOWN = 4, RCODE_REFUSED = 5 };

enum packet_reading {
	PACKET_ANSWERS,		/* `out` tells */
	PACKET_LEADS,		/* CNAMEs lead to out->name, of which it tells nothing */
	PACKET_REFERS,		/* to other servers, or to nothing at all: this one does not resolve for us */
	PACKET_BROKEN
};

/* Reads an answer with the code RCODE_OK or RCODE_NO_NAME that packet_look has passed. out is clear; hops: the CNAMEs that
 * were followed before, to which those here are added. out->ttl: the least of all that was used. */
enum packet_reading packet_read(struct span packet, const struct question *q, unsigned *hops, struct finding *out);

#endif
