/* A password from the terminal, without echo and twice, or a line of standard input. Never from an argument. */
#ifndef CTL_SECRET_H
#define CTL_SECRET_H

#include "base/buf.h"
#include "ctl/command.h"

/* 0, or the exit code to end with, which was explained. The caller wipes it (secret_wipe). */
int secret_read(const struct call *call, struct buf *out);
void secret_wipe(struct buf *secret);

#endif
