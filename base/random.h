/* Unguessable bytes from the kernel, buffered. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *out, size_t len);
uint64_t random_u64(void);
/* Uniform below n; n > 0. */
uint64_t random_below(uint64_t n);

#endif
