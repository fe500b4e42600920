/* Bytes that a name server sent, as answers to questions of every type. The first byte chooses the type; the question is the
 * packet's own where it has one that is a name, so that what is behind it is read. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "dns/frames.h"
#include "dns/packet.h"
#include "dns/site.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint16_t types[] = { RECORD_A, RECORD_NS, RECORD_CNAME, RECORD_PTR, RECORD_MX, RECORD_TXT, RECORD_AAAA, RECORD_TLSA };

/* The name behind the header, if there is one. */
static bool question_in(struct span packet, struct question *q)
{
	const unsigned char *at = (const unsigned char *)packet.at;
	size_t end = 12;

	while (end < packet.len && at[end] != 0)
		end += 1u + at[end];
	return end < packet.len && end < 12 + NAME_WIRE_MAX && name_from_wire(at + 12, end + 1 - 12, &q->name);
}

static void check_rows(const struct finding *f, uint16_t type, const struct name *domain)
{
	struct answer *a = answer_new(f, 0);
	struct span rest = a->rows, row;
	struct site site;
	unsigned n = 0;

	while (answer_next(&rest, &row)) {
		n++;
		BUG_ON(type == RECORD_A && row.len != 4);
		BUG_ON(type == RECORD_AAAA && row.len != 16);
		BUG_ON(type == RECORD_MX && row.len < 3);
	}
	BUG_ON(n != a->n || rest.len != 0);
	if (type == RECORD_MX) {
		site_begin(&site, domain);
		(void)site_feed(&site, a, 0);
		BUG_ON(site.n > SITE_HOSTS_MAX);
		site_fini(&site);
	}
	answer_unref(&a);
}

static void read_packet(struct span packet, const struct question *q)
{
	struct packet_head head;
	struct finding f;
	unsigned hops = 0;

	finding_init(&f);
	if (packet_look(packet, q, &head) && packet_read(packet, q, &hops, &f) == PACKET_ANSWERS) {
		BUG_ON(f.ttl > PACKET_TTL_MAX || hops > PACKET_CNAMES_MAX);
		BUG_ON((f.result == RESOLVED) != (f.n > 0));
		check_rows(&f, q->type, &q->name);
	}
	finding_fini(&f);
}

static void read_stream(struct span bytes, const struct question *q)
{
	struct frames frames;
	struct span packet;

	frames_init(&frames);
	for (; bytes.len > 0; bytes = span_from(bytes, 1000)) {
		if (frames_add(&frames, span_first(bytes, 1000)) != PR_OK)
			abort();
		while (frames_next(&frames, &packet))
			read_packet(packet, q);
	}
	frames_fini(&frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct question q = { .name = { .len = 9, .at = "x.example" } };
	struct span packet;

	if (size == 0)
		return 0;
	q.type = types[data[0] % (sizeof(types) / sizeof(*types))];
	packet = span_of((const char *)data + 1, size - 1);
	(void)question_in(packet, &q);
	read_packet(packet, &q);
	read_stream(packet, &q);
	return 0;
}
