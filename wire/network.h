/* Networks that mean something to mail. Pure. */
#ifndef WIRE_NETWORK_H
#define WIRE_NETWORK_H

#include <stdbool.h>

/* 127.0.0.1, 10.0.0.0/8, fe80::/10 and all others that can't be reached from the world; family: 4 or 6. */
bool network_is_private(unsigned family, const unsigned char *address);
bool network_is_loopback(unsigned family, const unsigned char *address);

#endif
