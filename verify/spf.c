/* The one door to libspf2, which decides which mechanism of a record matches. What it gets to see is in spf_walk.h. */
#include "verify/spf.h"

#include <arpa/inet.h>
#include <stdio.h>

#include <spf2/spf.h>
#include <spf2/spf_dns.h>
#include <spf2/spf_dns_rr.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "mail/idn.h"
#include "verify/spf_find.h"
#include "verify/spf_walk.h"

#define NO_LIMIT 1000

/* ---- libspf2 asks ------------------------------------------------------------------------ */

static void add_rr(SPF_dns_rr_t *rr, struct span data, ns_type type)
{
	size_t room = data.len + 1;
	int i = rr->num_rr;

	BUG_ON(SPF_dns_rr_buf_realloc(rr, i, room) != SPF_E_SUCCESS);
	memcpy(rr->rr[i], data.at, data.len);
	if (type == ns_t_mx)
		rr->rr[i]->mx[data.len] = '\0';
	rr->num_rr++;
}

static SPF_dns_rr_t *lookup(SPF_dns_server_t *dns, const char *number, ns_type type, int cached)
{
	struct spf_walk *w = dns->hook;
	struct spf_found found;
	bool goes_on = spf_find(w, number, &found);
	SPF_dns_rr_t *rr = SPF_dns_rr_new_init(dns, number, type, 0, !goes_on ? TRY_AGAIN : found.n ? NETDB_SUCCESS : HOST_NOT_FOUND);

	(void)cached;
	BUG_ON(!rr);
	for (unsigned i = 0; goes_on && i < found.n; i++)
		add_rr(rr, found.row[i], type);
	return rr;
}

/* For include and redirect. */
static SPF_errcode_t get_spf(SPF_server_t *server, SPF_request_t *request, SPF_response_t *response, SPF_record_t **record)
{
	const char *text = spf_walk_enter(server->resolver->hook, request->cur_dom);

	if (!text)
		return SPF_E_DNS_ERROR;
	BUG_ON(SPF_record_compile(server, response, record, text) != SPF_E_SUCCESS);
	return SPF_E_SUCCESS;
}

/* ---- one evaluation -------------------------------------------------------------------------- */

static enum auth_result result_of(SPF_result_t result)
{
	switch (result) {
	case SPF_RESULT_PASS: return AUTH_PASS;
	case SPF_RESULT_FAIL: return AUTH_FAIL;
	case SPF_RESULT_SOFTFAIL: return AUTH_SOFTFAIL;
	case SPF_RESULT_NEUTRAL: return AUTH_NEUTRAL;
	case SPF_RESULT_NONE: return AUTH_NONE;
	case SPF_RESULT_TEMPERROR: return AUTH_TEMPERROR;
	default: return AUTH_PERMERROR;
	}
}

static SPF_request_t *new_request(SPF_server_t *server, const struct client *client)
{
	SPF_request_t *request = SPF_request_new(server);
	struct in_addr v4;
	struct in6_addr v6;

	BUG_ON(!request || SPF_request_set_helo_dom(request, "helo") != SPF_E_SUCCESS);
	if (client->is_v6) {
		memcpy(&v6, client->at, sizeof(v6));
		(void)SPF_request_set_ipv6(request, v6);
	} else {
		memcpy(&v4, client->at, sizeof(v4));
		(void)SPF_request_set_ipv4(request, v4);
	}
	return request;
}

/* The record is interpreted without SPF_request_query_mailfrom, which lets every client on loopback pass. */
static enum auth_result interpret(SPF_server_t *server, const struct client *client, const char *text)
{
	SPF_request_t *request = new_request(server, client);
	SPF_response_t *response = SPF_response_new(request);
	SPF_record_t *record = NULL;
	enum auth_result result;

	BUG_ON(!response || SPF_record_compile(server, response, &record, text) != SPF_E_SUCCESS);
	request->cur_dom = "top";
	response->spf_record_exp = record;
	(void)SPF_record_interpret(record, request, response, 0);
	result = result_of(SPF_response_result(response));
	SPF_record_free(record);
	SPF_response_free(response);
	SPF_request_free(request);
	return result;
}

/* Made by hand: SPF_server_new_dns asks the system for its name, aborts where that is 64 octets long, and compiles an
 * explanation that would be expanded for each record. The limits are ours, so the 11th lookup must come to us. */
static enum auth_result evaluate(struct spf_walk *w, const char *text)
{
	SPF_dns_server_t dns = { .lookup = lookup, .get_spf = get_spf, .name = "facts", .hook = w };
	char name[] = "receiver";
	SPF_server_t server = { .resolver = &dns, .rec_dom = name, .max_dns_mech = NO_LIMIT, .max_dns_mx = NO_LIMIT };

	return interpret(&server, &w->ask->client, text);
}

/* ---- who is asked about ---------------------------------------------------------------------------- */

/* RFC 7208 2.4, 4.3: no local part is postmaster. */
static struct spf_identity identity_of(const struct spf_ask *ask)
{
	struct span s = ask->helo_identity || ask->sender.len == 0 ? ask->helo : ask->sender;
	const char *at = ask->helo_identity || s.len == 0 ? NULL : memrchr(s.at, '@', s.len);
	struct spf_identity id = { .local = SPAN("postmaster"), .domain = s };

	if (at)
		id.domain = span_from(s, (size_t)(at - s.at) + 1);
	if (at && at > s.at)
		id.local = span_of(s.at, (size_t)(at - s.at));
	if (id.domain.len > 0 && id.domain.at[id.domain.len - 1] == '.')
		id.domain.len--;
	return id;
}

/* RFC 8616: the DNS knows A-labels only. */
static struct span as_labels(struct span domain, char room[IDN_DOMAIN_MAX + 1])
{
	size_t len;

	if (text_is_ascii(domain))
		return domain;
	return idn_canonical(domain, room, &len) == PR_OK ? span_of(room, len) : SPAN_NONE;
}

bool spf_check(struct facts *f, const struct spf_ask *ask, struct spf_told *out, struct buf *tale)
{
	char room[IDN_DOMAIN_MAX + 1];
	struct spf_walk *w = mem_resize(NULL, sizeof(*w));
	struct spf_identity id = identity_of(ask);
	struct buf before = tale ? *tale : (struct buf){ 0 };
	const char *text;
	bool is_finished;

	*out = (struct spf_told){ .result = AUTH_NONE };
	id.domain = as_labels(id.domain, room);
	if (text_is_printable(id.domain))
		(void)snprintf(out->domain, sizeof(out->domain), "%.*s", SPAN_ARG(span_first(id.domain, sizeof(out->domain) - 1)));
	spf_walk_init(w, f, ask, id, tale);
	text = spf_walk_begin(w);
	is_finished = spf_walk_end(w, text ? evaluate(w, text) : AUTH_NONE, out);
	spf_walk_fini(w);
	mem_free(w);
	if (!is_finished && tale) {
		tale->len = before.len;
		tale->overflowed = before.overflowed;
	}
	return is_finished;
}
