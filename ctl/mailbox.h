/* An address as it is typed. */
#ifndef CTL_MAILBOX_H
#define CTL_MAILBOX_H

#include "ctl/command.h"
#include "mail/address.h"

/* In its canonical form. 0, or 65, which was explained. Any: also user@[192.0.2.1]. */
int mailbox_read_any(const char *text, struct address *out);
int mailbox_read(const char *text, struct address *out);
/* The same, of an address that mail could come to: its domain must be one of the configuration's. */
int mailbox_read_ours(const struct call *call, const char *text, struct address *out);

#endif
