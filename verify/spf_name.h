/* Names that records and senders speak of, before the DNS is asked for them. */
#ifndef VERIFY_SPF_NAME_H
#define VERIFY_SPF_NAME_H

#include <stdbool.h>

#include "base/span.h"

/* A name that a question can be asked for; labels: at least so many. */
bool spf_name_is(struct span s, unsigned labels);
/* A domain that can have a record (RFC 7208 4.3). Not where an address stands in place of it. */
bool spf_name_is_domain(struct span s);
/* Without a dot at its end; of a name that is too long labels go at the left (RFC 7208 7.3). */
struct span spf_name_shortened(struct span s);

#endif
