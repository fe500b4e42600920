#include "dns/packet.h"

#include <ldns/ldns.h>
#include <stdio.h>
#include <string.h>

#define HEAD_LEN  12
#define CLASS_IN  1
#define TYPE_OPT  41
#define FLAG_QR   0x80	/* of the third byte */
#define FLAG_TC   0x02
#define FLAG_RD   0x01
#define OPCODE    0x78
#define FLAG_AD   0x20	/* of the fourth byte */
#define RCODE     0x0f

/* ---- questions ------------------------------------------------------------------- */

bool packet_knows_type(uint16_t type)
{
	switch ((enum wire_record)type) {
	case RECORD_A: case RECORD_NS: case RECORD_CNAME: case RECORD_PTR: case RECORD_MX: case RECORD_TXT: case RECORD_AAAA: case RECORD_TLSA:
		return true;
	}
	return false;
}

static void put_u16(unsigned char *at, unsigned value)
{
	at[0] = (unsigned char)(value >> 8);
	at[1] = (unsigned char)value;
}

static unsigned get_u16(const unsigned char *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

size_t packet_write(const struct question *q, uint16_t id, bool edns, unsigned char out[PACKET_QUESTION_MAX])
{
	size_t at = HEAD_LEN;

	memset(out, 0, PACKET_QUESTION_MAX);
	put_u16(out, id);
	out[2] = FLAG_RD;
	out[3] = FLAG_AD;
	put_u16(out + 4, 1);
	at += name_to_wire(&q->name, out + at);
	put_u16(out + at, q->type);
	put_u16(out + at + 2, CLASS_IN);
	at += 4;
	if (!edns)
		return at;
	put_u16(out + 10, 1);
	put_u16(out + at + 1, TYPE_OPT);	/* behind the root's name */
	put_u16(out + at + 3, PACKET_UDP_MAX);
	return at + 11;
}

/* ---- what may be an answer --------------------------------------------------------- */

/* The question stands first, so its name has nothing to be compressed with. */
static bool repeats_question(struct span packet, const struct question *q)
{
	const unsigned char *at = (const unsigned char *)packet.at;
	size_t end = HEAD_LEN;
	struct name name;

	while (end < packet.len && at[end] != 0)
		end += 1u + at[end];
	end++;
	if (end + 4 > packet.len || end > HEAD_LEN + NAME_WIRE_MAX)
		return false;
	return name_from_wire(at + HEAD_LEN, end - HEAD_LEN, &name) && name_eq(&name, &q->name) &&
	    get_u16(at + end) == q->type && get_u16(at + end + 2) == CLASS_IN;
}

bool packet_look(struct span packet, const struct question *q, struct packet_head *head)
{
	const unsigned char *at = (const unsigned char *)packet.at;
	unsigned n_questions;

	if (packet.len < HEAD_LEN || (at[2] & (FLAG_QR | OPCODE)) != FLAG_QR)
		return false;
	*head = (struct packet_head){ .id = (uint16_t)get_u16(at), .rcode = at[3] & RCODE, .is_truncated = at[2] & FLAG_TC };
	n_questions = get_u16(at + 4);
	if (n_questions == 0)
		return head->rcode != RCODE_OK && head->rcode != RCODE_NO_NAME;
	return n_questions == 1 && repeats_question(packet, q);
}

/* ---- records ------------------------------------------------------------------------ */

static bool rdf_name(const ldns_rdf *rdf, struct name *out)
{
	return rdf && name_from_wire(ldns_rdf_data(rdf), ldns_rdf_size(rdf), out);
}

/* A record whose bytes end too early has fewer fields than its type, and ldns says it is well. */
static const ldns_rdf *field(const ldns_rr *rr, size_t n)
{
	return n < ldns_rr_rd_count(rr) ? ldns_rr_rdf(rr, n) : NULL;
}

static bool is_of(const ldns_rr *rr, uint16_t type, const struct name *owner)
{
	struct name name;

	return ldns_rr_get_type(rr) == (ldns_rr_type)type && ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN &&
	    rdf_name(ldns_rr_owner(rr), &name) && name_eq(&name, owner);
}

static bool take_fixed(const ldns_rr *rr, size_t len, struct finding *out)
{
	const ldns_rdf *rdf = field(rr, 0);

	if (!rdf || ldns_rdf_size(rdf) != len)
		return false;
	finding_add(out, span_of((const char *)ldns_rdf_data(rdf), len));
	return true;
}

static bool take_name(const ldns_rr *rr, struct finding *out)
{
	struct name name;

	if (!rdf_name(field(rr, 0), &name))
		return false;
	finding_add(out, name_span(&name));
	return true;
}

static bool take_mx(const ldns_rr *rr, struct finding *out)
{
	const ldns_rdf *preference = field(rr, 0);
	char data[2 + NAME_TEXT_MAX];
	struct name host;

	if (!preference || ldns_rdf_size(preference) != 2 || !rdf_name(field(rr, 1), &host))
		return false;
	memcpy(data, ldns_rdf_data(preference), 2);
	memcpy(data + 2, host.at, host.len);
	finding_add(out, span_of(data, 2u + host.len));
	return true;
}

/* Fields one after the other; of strings without the byte that tells their length. */
static bool take_joined(const ldns_rr *rr, size_t least, size_t skip, struct finding *out)
{
	struct buf joined;
	bool good = ldns_rr_rd_count(rr) >= least;

	buf_init(&joined, PACKET_MAX);
	for (size_t i = 0; good && i < ldns_rr_rd_count(rr); i++) {
		const ldns_rdf *rdf = field(rr, i);

		good = rdf && ldns_rdf_size(rdf) >= skip;
		if (good)
			good = buf_add(&joined, span_of((const char *)ldns_rdf_data(rdf) + skip, ldns_rdf_size(rdf) - skip)) == PR_OK;
	}
	if (good)
		finding_add(out, buf_span(&joined));
	buf_fini(&joined);
	return good;
}

static bool take_record(const ldns_rr *rr, struct finding *out)
{
	switch ((enum wire_record)ldns_rr_get_type(rr)) {
	case RECORD_A: return take_fixed(rr, 4, out);
	case RECORD_AAAA: return take_fixed(rr, 16, out);
	case RECORD_MX: return take_mx(rr, out);
	case RECORD_TXT: return take_joined(rr, 1, 1, out);
	case RECORD_TLSA: return take_joined(rr, 4, 0, out);
	case RECORD_CNAME: case RECORD_PTR: case RECORD_NS: return take_name(rr, out);
	}
	return false;
}

/* A TTL with its highest bit set counts as none (RFC 2181 8). */
static void limit_ttl(struct finding *out, uint32_t ttl, uint32_t most)
{
	if (ttl > INT32_MAX)
		ttl = 0;
	if (ttl > most)
		ttl = most;
	if (ttl < out->ttl)
		out->ttl = ttl;
}

/* ---- answers -------------------------------------------------------------------------- */

/* How many there are, also of those that can't be used. */
static unsigned take_records(const ldns_rr_list *rows, uint16_t type, struct finding *out)
{
	unsigned n = 0;

	for (size_t i = 0; i < ldns_rr_list_rr_count(rows); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(rows, i);

		if (!is_of(rr, type, &out->name))
			continue;
		n++;
		limit_ttl(out, ldns_rr_ttl(rr), PACKET_TTL_MAX);
		(void)take_record(rr, out);
	}
	return n;
}

static const ldns_rr *find_cname(const ldns_rr_list *rows, const struct name *owner)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(rows); i++)
		if (is_of(ldns_rr_list_rr(rows, i), RECORD_CNAME, owner))
			return ldns_rr_list_rr(rows, i);
	return NULL;
}

static const ldns_rr *find_type(const ldns_rr_list *rows, ldns_rr_type type)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(rows); i++)
		if (ldns_rr_get_type(ldns_rr_list_rr(rows, i)) == type)
			return ldns_rr_list_rr(rows, i);
	return NULL;
}

/* RFC 2308 5: a no counts as long as the SOA says, its own TTL or its last field, what is less. */
static void limit_by_soa(const ldns_rr *soa, struct finding *out)
{
	const ldns_rdf *least = soa ? field(soa, 6) : NULL;

	if (!least || ldns_rdf_size(least) != 4) {
		out->ttl = 0;
		return;
	}
	limit_ttl(out, ldns_rr_ttl(soa), PACKET_NO_TTL_MAX);
	limit_ttl(out, ldns_rdf2native_int32(least), PACKET_NO_TTL_MAX);
}

static enum packet_reading broken(struct finding *out, const char *why)
{
	snprintf(out->why, sizeof(out->why), "%s", why);
	return PACKET_BROKEN;
}

/* Without an SOA that vouches for the no: who neither is asked by right nor resolves for us does not know. */
static bool resolves_nothing(const ldns_pkt *p)
{
	bool refers = ldns_pkt_get_rcode(p) == LDNS_RCODE_NOERROR && find_type(ldns_pkt_authority(p), LDNS_RR_TYPE_NS);

	return !ldns_pkt_aa(p) && (refers || !ldns_pkt_ra(p));
}

static enum packet_reading read_no(const ldns_pkt *p, bool has_chain, struct finding *out)
{
	const ldns_rr *soa = find_type(ldns_pkt_authority(p), LDNS_RR_TYPE_SOA);

	if (has_chain && !soa && ldns_pkt_get_rcode(p) == LDNS_RCODE_NOERROR)
		return PACKET_LEADS;
	if (!soa && resolves_nothing(p))
		return PACKET_REFERS;
	limit_by_soa(soa, out);
	out->result = ldns_pkt_get_rcode(p) == LDNS_RCODE_NXDOMAIN ? RESOLVE_NO_NAME : RESOLVE_NO_DATA;
	snprintf(out->why, sizeof(out->why), out->result == RESOLVE_NO_NAME ? "there is no such name" : "there is no record of this type");
	return PACKET_ANSWERS;
}

static enum packet_reading read_parsed(const ldns_pkt *p, const struct question *q, unsigned *hops, struct finding *out)
{
	const ldns_rr_list *rows = ldns_pkt_answer(p);
	bool has_chain = false;
	const ldns_rr *cname;

	out->name = q->name;
	out->ttl = PACKET_TTL_MAX;
	out->ad = ldns_pkt_ad(p);
	for (;;) {
		if (take_records(rows, q->type, out) > 0) {
			out->result = RESOLVED;
			return out->n > 0 ? PACKET_ANSWERS : broken(out, "none of its records can be read");
		}
		cname = q->type == RECORD_CNAME ? NULL : find_cname(rows, &out->name);
		if (!cname)
			return read_no(p, has_chain, out);
		if (++*hops > PACKET_CNAMES_MAX)
			return broken(out, "its CNAMEs go in circles, or too far");
		limit_ttl(out, ldns_rr_ttl(cname), PACKET_TTL_MAX);
		has_chain = true;
		if (!rdf_name(field(cname, 0), &out->name))
			return broken(out, "its CNAME leads to what is no name");
	}
}

static bool is_bearable(struct span packet)
{
	const unsigned char *at = (const unsigned char *)packet.at;

	return packet.len <= PACKET_MAX && get_u16(at + 6) + get_u16(at + 8) + get_u16(at + 10) <= PACKET_RECORDS_MAX;
}

enum packet_reading packet_read(struct span packet, const struct question *q, unsigned *hops, struct finding *out)
{
	enum packet_reading reading;
	ldns_pkt *p = NULL;

	if (!is_bearable(packet))
		return broken(out, "the answer is too large");
	if (ldns_wire2pkt(&p, (const uint8_t *)packet.at, packet.len) != LDNS_STATUS_OK)
		return broken(out, "the answer can't be read");
	reading = read_parsed(p, q, hops, out);
	ldns_pkt_free(p);
	return reading;
}
