/* The way of a foreign domain, as the configuration says it: which `route`
 * section counts. Pure; spool and relay ask it of the same settings. */
#ifndef WIRE_ROUTE_H
#define WIRE_ROUTE_H

#include "base/span.h"
#include "wire/settings.h"

/* The most specific one whose pattern stands for the domain: the domain itself, then the longest `*.domain` above it, then `*`.
 * NULL: none. domain: A-labels or an address literal; ASCII case does not count. */
const struct set_route *route_find(const struct settings *set, struct span domain);

#endif
