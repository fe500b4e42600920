/* The one door to libidn2: internationalised domain names (RFC 5890, 5891). */
#ifndef MAIL_IDN_H
#define MAIL_IDN_H

#include <stddef.h>

#include "base/err.h"
#include "base/span.h"

#define IDN_DOMAIN_MAX 255	/* RFC 5321 4.5.3.1.2 */

/* The canonical form of a domain: lower-case A-labels. U-labels (UTF-8) are
 * checked by IDNA 2008 as they stand, nothing is mapped but ASCII case; A-labels
 * must decode and come back as they were (junk behind `xn--` is PR_BAD).
 * Labels are letters, digits and inner hyphens, 1 to 63 of them; no trailing
 * dot; the last is not all digits. Only U+002E divides labels: its full-width
 * relatives are refused, not folded. Never reads the locale.
 * out gets *len bytes and a NUL. PR_BAD on anything else. */
enum pr_err idn_canonical(struct span domain, char out[IDN_DOMAIN_MAX + 1], size_t *len) MUST_USE;
/* The same for a name that is only looked up and compared, so that nobody hides behind what is not quite a domain: a dot at its
 * end is left out, and in ASCII underscores and hyphens may stand anywhere, and an A-label stands for itself. */
enum pr_err idn_name(struct span domain, char out[IDN_DOMAIN_MAX + 1], size_t *len) MUST_USE;

#endif
