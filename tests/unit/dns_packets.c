#include "tests/unit/dns_packets.h"

#include <string.h>

#include "base/err.h"

struct question question_of(unsigned type, const char *name)
{
	struct question q = { .type = (uint16_t)type };

	BUG_ON(!name_from_text(span_of_text(name), &q.name));
	return q;
}

void draft_bytes(struct packet_draft *p, const void *bytes, size_t len)
{
	BUG_ON(p->len + len > sizeof(p->at));
	if (len > 0)
		memcpy(p->at + p->len, bytes, len);
	p->len += len;
}

void draft_u16(struct packet_draft *p, unsigned value)
{
	unsigned char bytes[2] = { (unsigned char)(value >> 8), (unsigned char)value };

	draft_bytes(p, bytes, 2);
}

static void add_u32(struct packet_draft *p, uint32_t value)
{
	draft_u16(p, value >> 16);
	draft_u16(p, value & 0xffff);
}

static size_t wire_of(const char *text, unsigned char out[NAME_WIRE_MAX])
{
	struct name name;

	BUG_ON(!name_from_text(span_of_text(text), &name));
	return name_to_wire(&name, out);
}

void draft_answer_to(struct packet_draft *p, const unsigned char *sent, size_t len, unsigned flags)
{
	size_t end = 12;

	while (sent[end])
		end += 1u + sent[end];
	BUG_ON(end + 5 > len);
	p->len = 0;
	draft_bytes(p, sent, end + 5);
	p->at[2] = (unsigned char)(flags >> 8);
	p->at[3] = (unsigned char)flags;
	memset(p->at + 6, 0, 6);
}

void draft_answer(struct packet_draft *p, const struct question *q, uint16_t id, unsigned flags)
{
	unsigned char sent[PACKET_QUESTION_MAX];
	size_t len = packet_write(q, id, false, sent);

	draft_answer_to(p, sent, len, flags);
}

void draft_record(struct packet_draft *p, enum section section, const char *owner, unsigned type, uint32_t ttl, const void *data, size_t len)
{
	unsigned char wire[NAME_WIRE_MAX];
	unsigned n = (unsigned)p->at[section] << 8 | p->at[section + 1];

	draft_bytes(p, wire, wire_of(owner, wire));
	draft_u16(p, type);
	draft_u16(p, 1);
	add_u32(p, ttl);
	draft_u16(p, (unsigned)len);
	draft_bytes(p, data, len);
	n++;
	p->at[section] = (unsigned char)(n >> 8);
	p->at[section + 1] = (unsigned char)n;
}

void draft_a(struct packet_draft *p, const char *owner, uint32_t ttl, unsigned last)
{
	unsigned char address[4] = { 192, 0, 2, (unsigned char)last };

	draft_record(p, SECTION_ANSWER, owner, RECORD_A, ttl, address, 4);
}

void draft_named(struct packet_draft *p, enum section section, const char *owner, unsigned type, uint32_t ttl, const char *name)
{
	unsigned char wire[NAME_WIRE_MAX];
	size_t len = wire_of(name, wire);

	draft_record(p, section, owner, type, ttl, wire, len);
}

void draft_mx(struct packet_draft *p, const char *owner, uint32_t ttl, unsigned preference, const char *host)
{
	unsigned char data[2 + NAME_WIRE_MAX] = { (unsigned char)(preference >> 8), (unsigned char)preference };
	size_t len = wire_of(host, data + 2);

	draft_record(p, SECTION_ANSWER, owner, RECORD_MX, ttl, data, 2 + len);
}

void draft_soa(struct packet_draft *p, const char *zone, uint32_t ttl, uint32_t minimum)
{
	struct packet_draft data = { .len = 0 };

	draft_bytes(&data, "\0\0", 2);	/* both names are the root's */
	for (unsigned i = 0; i < 4; i++)
		add_u32(&data, i);
	add_u32(&data, minimum);
	draft_record(p, SECTION_AUTHORITY, zone, TYPE_SOA, ttl, data.at, data.len);
}

struct span draft_span(const struct packet_draft *p)
{
	return span_of((const char *)p->at, p->len);
}
