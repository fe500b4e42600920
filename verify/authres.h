/* What was found, as fields for the header: Authentication-Results (RFC 8601) and Received-SPF (RFC 7208 9.1).
 *
 * Words that strangers chose can't break a field: what is no token stands in quotes or is left out, what is not printable ASCII
 * is shown as `?`, as is the = of a `dmarc=pass` that they wrote, and neither a field nor a line of it grows beyond its ceiling. */
#ifndef VERIFY_AUTHRES_H
#define VERIFY_AUTHRES_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"
#include "verify/dmarc.h"
#include "verify/result.h"

#define AUTHRES_MAX      8192	/* octets of a field with its CRLF */
#define AUTHRES_DKIM_MAX 12	/* signatures that are told: those that pass first */

/* In all of them a `why` may be empty, and so may any other text: then it is left out. */

struct authres_iprev {
	bool is_there;		/* else this method is not told of; so below */
	enum auth_result result;
	struct span address;	/* of the client, as text */
	struct span name;	/* what its PTR says */
	struct span why;
};

struct authres_spf {
	bool is_there;
	enum auth_result result;
	bool is_helo;		/* the identity that was checked is the one in HELO: the sender was <> */
	struct span mail_from;	/* local@domain */
	struct span helo;
	struct span client;	/* its address, as text */
	struct span mechanism;	/* that matched: "ip4:192.0.2.0/24" */
	struct span why;
};

struct authres_signature {
	enum auth_result result;
	struct span domain, selector, algorithm, identity;	/* d, s, a, i */
	struct span signature;	/* b, of which the beginning is told (RFC 6008) */
	struct span why;
};

struct authres_arc {
	bool is_there;
	enum auth_result result;
	struct span remote_ip;	/* smtp.remote-ip of the client, as text (RFC 8617) */
	struct span oldest_pass;	/* header.oldest-pass */
	struct span why;
};

struct authres_ask {
	struct span authserv_id;	/* our hostname */
	struct authres_iprev iprev;
	struct authres_spf spf;
	struct authres_spf helo;	/* the name in HELO, where it was looked at beside a sender */
	bool has_dkim;			/* signatures were looked for: none of them is a result too */
	const struct authres_signature *dkim;
	unsigned n_dkim;
	const struct dmarc_told *dmarc;	/* NULL: not told of */
	struct authres_arc arc;
};

/* Appends `Authentication-Results: …` CRLF. out needs room for AUTHRES_MAX more. */
void authres_add(struct buf *out, const struct authres_ask *ask);
/* Appends `Received-SPF: …` CRLF: receiver is our hostname. */
void authres_add_received_spf(struct buf *out, const struct authres_spf *spf, struct span receiver);

#endif
