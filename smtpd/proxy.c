#include "smtpd/proxy.h"

#include <string.h>

#define V1_MAX 107	/* with its CRLF, says the specification */

static const char V2_MARK[12] = { '\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n' };

enum { V2_HEAD = 16, V2_VERSION = 0x20, V2_LOCAL = 0, V2_PROXY = 1, V2_TCP4 = 0x11, V2_TCP6 = 0x21 };

static bool begins_alike(struct span in, struct span mark)
{
	size_t n = in.len < mark.len ? in.len : mark.len;

	return memcmp(in.at, mark.at, n) == 0;
}

static bool port_from_text(struct span text, uint16_t *port)
{
	unsigned long long n;

	if (!span_to_u64(text, 65535, &n) || (text.len > 1 && text.at[0] == '0'))
		return false;
	*port = (uint16_t)n;
	return true;
}

/* "PROXY" SP "TCP4" SP source SP destination SP port SP port; or "PROXY" SP "UNKNOWN" anything */
static enum proxy_result v1_words(struct span line, struct proxy *out)
{
	struct span family, source, destination, source_port, destination_port;
	uint16_t from_port, to_port;
	unsigned char wanted;

	span_cut(&line, ' ');
	family = span_cut(&line, ' ');
	if (span_eq(family, SPAN("UNKNOWN"))) {
		out->own = true;
		return PROXY_DONE;
	}
	if (!span_eq(family, SPAN("TCP4")) && !span_eq(family, SPAN("TCP6")))
		return PROXY_BAD;
	wanted = family.at[3] == '4' ? 4 : 6;
	source = span_cut(&line, ' ');
	destination = span_cut(&line, ' ');
	source_port = span_cut(&line, ' ');
	destination_port = line;
	if (!port_from_text(source_port, &from_port) || !port_from_text(destination_port, &to_port))
		return PROXY_BAD;
	if (!client_from_text(&out->from, source, from_port) || !client_from_text(&out->to, destination, to_port))
		return PROXY_BAD;
	if ((memchr(source.at, ':', source.len) ? 6 : 4) != wanted || (memchr(destination.at, ':', destination.len) ? 6 : 4) != wanted)
		return PROXY_BAD;
	return PROXY_DONE;
}

static enum proxy_result v1(struct span in, size_t *used, struct proxy *out)
{
	size_t end = span_find(in, '\r');

	if (end + 1 >= in.len)
		return in.len >= V1_MAX ? PROXY_BAD : PROXY_MORE;
	if (in.at[end + 1] != '\n' || end + 2 > V1_MAX)
		return PROXY_BAD;
	*used = end + 2;
	return v1_words(span_first(in, end), out);
}

static uint16_t u16_at(const unsigned char *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static enum proxy_result v2_addresses(const unsigned char *at, size_t len, size_t size, struct proxy *out)
{
	int family = size == 4 ? 4 : 6;

	if (len < 2 * size + 4)
		return PROXY_BAD;
	client_set(&out->from, family, at, u16_at(at + 2 * size));
	client_set(&out->to, family, at + size, u16_at(at + 2 * size + 2));
	return PROXY_DONE;
}

static enum proxy_result v2(struct span in, size_t *used, struct proxy *out)
{
	unsigned char head[V2_HEAD];
	const unsigned char *body;
	size_t len;

	if (in.len < V2_HEAD)
		return PROXY_MORE;
	memcpy(head, in.at, V2_HEAD);
	len = u16_at(head + 14);
	if ((head[12] & 0xf0) != V2_VERSION || (head[12] & 0x0f) > V2_PROXY || V2_HEAD + len > PROXY_MAX)
		return PROXY_BAD;
	if (in.len < V2_HEAD + len)
		return PROXY_MORE;
	*used = V2_HEAD + len;
	body = (const unsigned char *)in.at + V2_HEAD;
	if ((head[12] & 0x0f) == V2_LOCAL || head[13] == 0) {
		out->own = true;
		return PROXY_DONE;
	}
	if (head[13] == V2_TCP4)
		return v2_addresses(body, len, 4, out);
	return head[13] == V2_TCP6 ? v2_addresses(body, len, 16, out) : PROXY_BAD;
}

enum proxy_result proxy_parse(struct span in, size_t *used, struct proxy *out)
{
	*out = (struct proxy){ 0 };
	if (in.len == 0)
		return PROXY_MORE;
	if (begins_alike(in, span_of(V2_MARK, sizeof(V2_MARK))))
		return v2(in, used, out);
	if (begins_alike(in, SPAN("PROXY ")))
		return v1(in, used, out);
	return PROXY_BAD;
}
