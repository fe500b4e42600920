/* Who is there. */
#ifndef CTL_USER_H
#define CTL_USER_H

#include "ctl/command.h"
#include "mail/address.h"

/* 0 when it is one of the users; else the exit code, which was explained. */
int user_find(const struct call *call, const struct address *address);

#endif
