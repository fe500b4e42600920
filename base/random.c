#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/err.h"
#include "base/mem.h"

/* The kernel hands out up to 256 bytes whole, without interruption. */
#define POOL_LEN 256

static _Thread_local struct {
	unsigned char bytes[POOL_LEN];
	size_t left;
} pool;

static void ask_kernel(void *out, size_t len)
{
	ssize_t got;

	do
		got = getrandom(out, len, 0);
	while (got < 0 && errno == EINTR);
	BUG_ON(got != (ssize_t)len);
}

static void take_from_pool(unsigned char *out, size_t len)
{
	unsigned char *at;

	if (pool.left < len) {
		ask_kernel(pool.bytes, POOL_LEN);
		pool.left = POOL_LEN;
	}
	pool.left -= len;
	at = pool.bytes + pool.left;
	memcpy(out, at, len);
	mem_wipe(at, len);	/* what was handed out is found nowhere else */
}

void random_bytes(void *out, size_t len)
{
	unsigned char *at = out;

	while (len) {
		size_t some = len < POOL_LEN ? len : POOL_LEN;

		take_from_pool(at, some);
		at += some;
		len -= some;
	}
}

uint64_t random_u64(void)
{
	uint64_t n;

	random_bytes(&n, sizeof(n));
	return n;
}

uint64_t random_below(uint64_t n)
{
	uint64_t got, first_uneven;

	BUG_ON(n == 0);
	/* Numbers above the last multiple of n would favour small results. */
	first_uneven = UINT64_MAX - UINT64_MAX % n;
	do
		got = random_u64();
	while (got >= first_uneven);
	return got % n;
}
