/* Names as the running server finds them: its program dns is asked. */
#ifndef CTL_RESOLVE_H
#define CTL_RESOLVE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "wire/verbs.h"

/* Opens the channel to dns. 0, or the exit code to end with, which was explained. */
int resolve_open(struct client *c, const struct call *call);

/* Records of that type (enum wire_record): `fn` is called for each, then *done is filled, whose spans last until the
 * channel is used again. 0, or the exit code to end with. */
int resolve_records(struct client *c, uint16_t type, struct span name, void (*fn)(void *arg, const struct wire_resolve_record *row), void *arg,
    struct wire_resolve_done *done);
/* The same of the hosts that take a domain's mail. */
int resolve_site(struct client *c, struct span domain, void (*fn)(void *arg, const struct wire_site_host *row), void *arg, struct wire_site_done *done);

/* "MX"; NULL for a type that is not of enum wire_record. */
const char *resolve_type_text(uint16_t type);
/* In any case; 0 when it is none of them. */
uint16_t resolve_type_of(struct span text);
/* The data as zone files have it: "10 mx.example.org", "192.0.2.1", "3 1 1 0a0b…"; TXT as it is, without quotes. */
void resolve_add_value(struct buf *out, const struct wire_resolve_record *row);

#endif
