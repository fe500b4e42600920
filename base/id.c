#include "base/id.h"

#include <string.h>

#include "base/digest.h"
#include "base/random.h"
#include "base/text.h"

#define COUNTER_MAX  0xfff	/* the 12 bits behind the version */
#define COUNTER_HALF 0x7ff	/* where a millisecond begins at most: room for 2048 ids before it borrows from the next one */
#define STEP_BACK_MS 1000	/* a clock that went back further was set */

static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* RFC 9562 5.7: 48 bits of milliseconds, version 7, a counter, variant 10. */
static void stamp(struct msg_id *id, int64_t wall_ms, unsigned counter)
{
	for (int i = 0; i < 6; i++)
		id->bytes[i] = (unsigned char)((uint64_t)wall_ms >> (40 - 8 * i));
	id->bytes[6] = (unsigned char)(0x70 | counter >> 8);
	id->bytes[7] = (unsigned char)counter;
	id->bytes[8] = (unsigned char)((id->bytes[8] & 0x3f) | 0x80);
}

struct msg_id id_new(int64_t wall_ms)
{
	static _Thread_local int64_t last_ms = INT64_MIN / 2;
	static _Thread_local unsigned counter;
	struct msg_id id;

	if (wall_ms > last_ms || wall_ms < last_ms - STEP_BACK_MS) {
		last_ms = wall_ms;
		counter = (unsigned)random_u64() & COUNTER_HALF;
	} else if (++counter > COUNTER_MAX) {
		last_ms++;
		counter = 0;
	}
	random_bytes(id.bytes, sizeof(id.bytes));
	stamp(&id, last_ms, counter);
	return id;
}

struct msg_id id_derive(const struct msg_id *parent, uint32_t round)
{
	unsigned char sum[SHA256_LEN];
	char both[sizeof(parent->bytes) + 4];
	struct msg_id id;

	memcpy(both, parent->bytes, sizeof(parent->bytes));
	for (int i = 0; i < 4; i++)
		both[sizeof(parent->bytes) + (size_t)i] = (char)(round >> (24 - 8 * i));
	digest_sha256(span_of(both, sizeof(both)), sum);
	memcpy(id.bytes, sum, sizeof(id.bytes));
	stamp(&id, id_wall_ms(parent), (unsigned)(id.bytes[6] & 0xf) << 8 | id.bytes[7]);
	return id;
}

int64_t id_wall_ms(const struct msg_id *id)
{
	int64_t ms = 0;

	for (int i = 0; i < 6; i++)
		ms = ms << 8 | id->bytes[i];
	return ms;
}

bool id_is_zero(const struct msg_id *id)
{
	static const struct msg_id zero;

	return id_eq(id, &zero);
}

/* The id as one number; 26 letters hold 130 bits, so the first letter is at most 7. */
__extension__ typedef unsigned __int128 number;

void id_to_text(const struct msg_id *id, char text[ID_TEXT_LEN + 1])
{
	number n = 0;

	for (size_t i = 0; i < sizeof(id->bytes); i++)
		n = n << 8 | id->bytes[i];
	for (int i = ID_TEXT_LEN; i-- > 0; n >>= 5)
		text[i] = letters[n & 31];
	text[ID_TEXT_LEN] = '\0';
}

static int value_of(char c)
{
	const char *found;

	c = text_upper(c);
	if (c == 'I' || c == 'L')
		return 1;
	if (c == 'O')
		return 0;
	found = c ? strchr(letters, c) : NULL;
	return found ? (int)(found - letters) : -1;
}

bool id_from_text(struct span text, struct msg_id *out)
{
	number n = 0;

	if (text.len != ID_TEXT_LEN || value_of(text.at[0]) > 7)
		return false;
	for (int i = 0; i < ID_TEXT_LEN; i++) {
		int value = value_of(text.at[i]);

		if (value < 0)
			return false;
		n = n << 5 | (number)value;
	}
	for (size_t i = sizeof(out->bytes); i-- > 0; n >>= 8)
		out->bytes[i] = (unsigned char)n;
	return true;
}
