/* Mail addresses (RFC 5321 4.1.2, RFC 6531 3.3): read strictly, kept in one
 * canonical form, compared as people expect.
 *
 * Canonical: the local part without quotes where it needs none (else in
 * quotes, with a backslash before `"` and `\` alone), its case kept; the
 * domain in lower-case A-labels, or a literal as [192.0.2.1] or
 * [IPv6:2001:db8::1]. Local parts are never normalised: two that look alike
 * stay two. */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* RFC 5321 4.5.3.1.1 lets a server stop at 64, and asks it not to. Forwarders put a sender's address into a local part (SRS),
 * which is longer then: only the path is bounded. */
#define ADDRESS_LOCAL_MAX  (ADDRESS_MAX - 2)	/* octets of a local part as sent */
#define ADDRESS_DOMAIN_MAX 255	/* octets of a domain (4.5.3.1.2) */
#define ADDRESS_MAX        254	/* octets of the canonical text: a path has 256 with its brackets (4.5.3.1.3) */

enum address_kind {
	PATH_MAILBOX,		/* local@domain */
	PATH_NULL,		/* <> */
	PATH_POSTMASTER		/* <postmaster> without a domain, any case */
};

enum address_allow {		/* a set */
	ALLOW_NULL = 1,		/* <>, in a reverse-path */
	ALLOW_POSTMASTER = 2,	/* <postmaster>, in a forward-path */
	ALLOW_UTF8 = 4		/* the SMTPUTF8 extension is in use */
};

struct address {
	enum address_kind kind;
	bool is_literal;	/* the domain is an address literal */
	bool is_quoted;		/* the canonical local part stands in quotes */
	bool has_utf8;		/* the local part is not ASCII: it can't leave without SMTPUTF8 */
	bool was_utf8;		/* what was read was not ASCII, local part or domain */
	unsigned char local_len;	/* of the canonical local part, with its quotes */
	unsigned char len;
	char text[ADDRESS_MAX + 1];	/* canonical; "" for <>, "postmaster" for <postmaster>; NUL behind it */
};

/* Eats a path with its brackets from the front of *in: `<@a,@b:local@domain>`,
 * the source route read and dropped. allow: a set of enum address_allow.
 *   PR_BAD     not a path, or one that is not allowed here
 *   PR_FULL    longer than a path may be
 *   PR_DENIED  it holds UTF-8 where ALLOW_UTF8 was not given
 * *in is moved only with PR_OK. */
enum pr_err address_parse_path(struct span *in, unsigned allow, struct address *out) MUST_USE;

/* A whole mailbox without brackets, as in files and arguments; errors as above. */
enum pr_err address_parse_mailbox(struct span text, unsigned allow, struct address *out) MUST_USE;

/* A whole domain or address literal: its canonical form and a NUL in out. PR_BAD as above. */
enum pr_err address_parse_domain(struct span text, unsigned allow, char out[ADDRESS_DOMAIN_MAX + 1], size_t *len) MUST_USE;

/* An address literal with its brackets: family is 4 or 6, address has 4 or 16 bytes. False when it is none. */
bool address_parse_literal(struct span text, int *family, unsigned char address[16]);
/* A host that is named by its address: as a literal, or as people write it in the place of a name, bare or in brackets. */
bool address_parse_host(struct span text, int *family, unsigned char address[16]);

static inline struct span address_span(const struct address *a) { return span_of(a->text, a->len); }
static inline struct span address_local(const struct address *a) { return span_of(a->text, a->local_len); }
/* Empty for <> and <postmaster>. */
static inline struct span address_domain(const struct address *a)
{
	return a->kind == PATH_MAILBOX ? span_of(a->text + a->local_len + 1, (size_t)a->len - a->local_len - 1) : SPAN_NONE;
}

/* The mailbox of a bare local part, without quotes and backslashes, at a domain; errors as above. */
enum pr_err address_join(struct span bare, struct span domain, struct address *out) MUST_USE;

/* For canonical text, as it comes in verbs and from the disk: cut at the last
 * @; without one all is local and domain is empty. Checks nothing. */
void address_split(struct span text, struct span *local, struct span *domain);

/* The bytes that a canonical local part stands for: without quotes and backslashes. Returns their number. */
size_t address_local_bare(struct span local, char out[ADDRESS_LOCAL_MAX]);

/* The key under which an address is found: canonical text with ASCII in lower case. */
size_t address_fold(struct span text, char out[ADDRESS_MAX]);

/* True when both canonical texts name the same mailbox: ASCII case does not count. */
bool address_same(struct span a, struct span b);

/* Appends `<text>`. */
enum pr_err address_add_path(struct buf *out, struct span text);

#endif
