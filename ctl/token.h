/* Tokens of a user go when he goes. */
#ifndef CTL_TOKEN_H
#define CTL_TOKEN_H

#include "base/span.h"
#include "ctl/command.h"

/* 0, also when there are none; else the exit code, which was explained. */
int tokens_forget(struct call *call, struct span address);

#endif
