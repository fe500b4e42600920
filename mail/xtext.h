/* xtext (RFC 3461 4): printable ASCII in which `+`, `=` and all else are
 * written +HH; and the encodings of utf-8 addresses in ORCPT (RFC 6533 3). */
#ifndef MAIL_XTEXT_H
#define MAIL_XTEXT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum pr_err xtext_add(struct buf *out, struct span bytes);
/* Appends the bytes that text stands for. PR_BAD when it is no xtext (then nothing is appended), PR_FULL at the ceiling.
 * +HH takes upper-case digits only; `=` and a lone `+` are no xtext. */
enum pr_err xtext_decode(struct span text, struct buf *out) MUST_USE;
/* Appends an address in UTF-8 as utf-8-addr-xtext (RFC 6533 3): `\x{HEX}` for what is not ASCII, and for `+`, `=`, `\`,
 * blanks and controls. PR_BAD when it is no UTF-8 (then nothing is appended), PR_FULL at the ceiling. */
enum pr_err xtext_add_utf8(struct buf *out, struct span address) MUST_USE;
/* It is xtext, and decodes to printable ASCII (0x20 to 0x7e): what ENVID and ORCPT of type rfc822 must be. */
bool xtext_is_printable(struct span text);
/* An address of type utf-8 in ORCPT: `\x{HEX}` for what is not ASCII; with raw, UTF-8 as it is. Appends the UTF-8. */
enum pr_err xtext_decode_utf8(struct span text, bool raw, struct buf *out) MUST_USE;

#endif
