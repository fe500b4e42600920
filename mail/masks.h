/* Looking at 64 bytes at a time: a mask has a bit for each of them. Where the
 * processor has wider instructions the functions that loop over a body are
 * made twice, the second time with MASK_WIDE and the functions so called. */
#ifndef MAIL_MASKS_H
#define MAIL_MASKS_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdbool.h>
#include <stdint.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define MASK_BYTES 64
/* For what is made twice: the function it is given must not be called by its address. */
#define MASK_INLINE __attribute__((always_inline)) static inline

#ifdef __x86_64__

#define MASK_WIDE __attribute__((target("avx2")))

MASK_INLINE uint64_t mask_quarter(__m128i v, int quarter)
{
	return (uint64_t)(unsigned)_mm_movemask_epi8(v) << (16 * quarter);
}

MASK_INLINE __m128i mask_load(const char *at, int quarter)
{
	return _mm_loadu_si128((const __m128i *)(const void *)(at + 16 * (long)quarter));
}

/* Those that are c. */
static inline uint64_t mask_of(const char *at, char c)
{
	uint64_t m = 0;

	for (int q = 0; q < 4; q++)
		m |= mask_quarter(_mm_cmpeq_epi8(mask_load(at, q), _mm_set1_epi8(c)), q);
	return m;
}

/* Those of 0x80 and above. */
static inline uint64_t mask_high(const char *at)
{
	uint64_t m = 0;

	for (int q = 0; q < 4; q++)
		m |= mask_quarter(mask_load(at, q), q);
	return m;
}

/* With sanitizers never: so both are tested on a machine that has it. */
static inline bool mask_is_wide(void)
{
#ifdef WITH_SANITIZERS
	return false;
#else
	return __builtin_cpu_supports("avx2");
#endif
}

MASK_WIDE static inline __m256i mask_load_wide(const char *at)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

MASK_WIDE static inline uint64_t mask_halves(__m256i low, __m256i high)
{
	return (uint64_t)(uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

MASK_WIDE static inline uint64_t mask_of_wide(const char *at, char c)
{
	__m256i all = _mm256_set1_epi8(c);

	return mask_halves(_mm256_cmpeq_epi8(mask_load_wide(at), all), _mm256_cmpeq_epi8(mask_load_wide(at + 32), all));
}

MASK_WIDE static inline uint64_t mask_high_wide(const char *at)
{
	return mask_halves(mask_load_wide(at), mask_load_wide(at + 32));
}

#else

static inline uint64_t mask_of(const char *at, char c)
{
	uint64_t m = 0;

	for (int i = 0; i < MASK_BYTES; i++)
		m |= (uint64_t)(at[i] == c) << i;
	return m;
}

static inline uint64_t mask_high(const char *at)
{
	uint64_t m = 0;

	for (int i = 0; i < MASK_BYTES; i++)
		m |= (uint64_t)((unsigned char)at[i] >> 7) << i;
	return m;
}

#endif

#endif
