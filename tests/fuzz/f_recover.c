/* Any bytes as a segment: first those that say what the image is, then the
 * image. It is surveyed, recovered, and surveyed again by the table that
 * recovery wrote: what was found stays found. */
#include <string.h>

#include "base/mem.h"
#include "spool/recover.h"

#define SIZE (32u << 10)
#define MARK UINT64_C(0x1122334455667788)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static int image_read(void *arg, uint32_t file, uint64_t at, void *into, size_t len)
{
	(void)file;
	if (at > SIZE || len > SIZE - at)
		return 5;
	memcpy(into, (char *)arg + at, len);
	return 0;
}

static int image_write(void *arg, uint32_t file, uint64_t at, const void *bytes, size_t len)
{
	(void)file;
	BUG_ON(at > SIZE || len > SIZE - at);
	memcpy((char *)arg + at, bytes, len);
	return 0;
}

/* Sums that a fuzzer can't guess are set right, so that what lies behind them is reached. */
static void make_right(char *image)
{
	for (uint32_t at = SEGMENT_PAGE; at + SEGMENT_UNIT <= SIZE; at += SEGMENT_UNIT) {
		unsigned char *unit = (unsigned char *)image + at;
		struct record r = { .type = unit[8] % N_RECORD_TYPES, .group = unit[10], .group_n = unit[12], .own = { 7, at / SEGMENT_UNIT } };

		if (unit[0] != 'R' || r.type == RECORD_NONE)
			continue;
		memcpy(&r.len, unit + 16, sizeof(r.len));
		memcpy(&r.about, unit + 20, sizeof(r.about));
		memcpy(&r.origin, unit + 24, sizeof(r.origin));
		r.id.bytes[0] = unit[40] % 4;
		if (unit[1] != '!' && r.len <= SIZE - at - SEGMENT_UNIT && r.about <= r.len) {
			struct span payload = { image + at + SEGMENT_UNIT, r.type == RECORD_MESSAGE ? r.about : r.len };

			r.sum = record_sum(payload);
		}
		record_put(image + at, MARK, &r);
	}
}

static uint32_t recover(char *image)
{
	struct recovery *r = mem_new(sizeof(*r));
	struct disk_source src = { image_read, image_write, image };
	struct span states[64];
	uint32_t n = 0;

	arena_init(&r->memory, 4096);
	r->segments = mem_new(sizeof(*r->segments));
	r->segments[r->n_segments++].target = (struct survey_target){ .number = 7, .size = SIZE, .mark = MARK };
	recovery_run(r, &src);
	for (const struct known *k; (k = recovery_next(r)); n++) {
		BUG_ON(k->place.segment != 7);
		(void)recovery_states(k, states, 64);
	}
	recovery_free(&r);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char *image = mem_new(SIZE);
	struct segment_header h;
	struct record r;
	uint32_t n;

	memcpy(image + SEGMENT_PAGE, bytes, len < SIZE - SEGMENT_PAGE ? len : SIZE - SEGMENT_PAGE);
	make_right(image);
	(void)!segment_get_header(span_of(image + SEGMENT_PAGE, SEGMENT_PROBE), &h);
	n = recover(image);
	if (table_find(image + SIZE - SEGMENT_UNIT, MARK, 7, SIZE, &r) == PR_OK)
		BUG_ON(recover(image) != n);
	mem_free(image);
	return 0;
}
