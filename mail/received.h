/* The Received field (RFC 5321 4.4, RFC 3848, RFC 6531 3.7.3). Whatever comes
 * from outside is made safe here: it can neither end the field nor open or
 * close a comment. */
#ifndef MAIL_RECEIVED_H
#define MAIL_RECEIVED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct received {
	struct span helo;	/* as the client said it; empty: it said nothing */
	struct span client_name;	/* checked reverse name; empty: unknown */
	struct span client_ip;	/* "192.0.2.1", "2001:db8::1"; empty where there is none */
	uint32_t uid;		/* of the user of this machine who sent it; only when local */
	struct span by;		/* our host name */
	struct span id;		/* of the message */
	bool extended;		/* EHLO: ESMTP */
	bool tls, auth, utf8, lmtp, local;
	struct span tls_version, tls_cipher;	/* "TLSv1.3", "TLS_AES_256_GCM_SHA384" */
	struct span only_rcpt;	/* canonical address, when there is one recipient; else empty: nobody learns of the others */
	int64_t wall_ms;
};

/* "ESMTPSA", "UTF8SMTPS", … */
const char *received_with(const struct received *r);
/* Appends the folded field with its CRLF. */
enum pr_err received_add(struct buf *out, const struct received *r);

#endif
