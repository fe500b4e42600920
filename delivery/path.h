/* Where a mailbox's Maildir lies: the template of `deliver { path }` with
 * :domain and :local filled in.
 *
 * Whatever bytes an address holds, each component that is made of them is one
 * safe name: never empty, ".", ".." or hidden by a dot of the address, without
 * slash and NUL, at most PATH_COMPONENT_MAX bytes; and different addresses
 * give different names. Letters, digits, valid UTF-8 and _-+=.,@~ stand for
 * themselves, other bytes are %XX, and a name too long ends in %~ and a part
 * of its SHA-256 (neither can come from an escape). */
#ifndef DELIVERY_PATH_H
#define DELIVERY_PATH_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define PATH_COMPONENT_MAX 200	/* bytes; file systems take 255, encrypting ones less */
#define PATH_MAX_LEN       4000	/* bytes of what path_fill makes */

/* The folders of the template before the first one with :domain or :local in it: they are the admin's, and are there.
 * A template with neither is all prefix. Never empty for an absolute template. */
struct span path_prefix(struct span template);

/* Appends what comes below the prefix for local@domain, without slashes at its ends; nothing where all is prefix. */
enum pr_err path_fill(struct buf *out, struct span template, struct span mailbox) MUST_USE;

#endif
