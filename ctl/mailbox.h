/* An address as it is typed. */
#ifndef CTL_MAILBOX_H
#define CTL_MAILBOX_H

#include "mail/address.h"

/* In its canonical form. 0, or 65, which was explained. */
int mailbox_read(const char *text, struct address *out);

#endif
