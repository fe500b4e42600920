/* The message id: a UUIDv7 (RFC 9562), shown as 26 upper-case Crockford
 * base-32 letters. One id for all that happens to a message. */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define ID_TEXT_LEN 26

struct msg_id {
	unsigned char bytes[16];
};

/* Unguessable beyond its time; ids of one process and millisecond stay distinct. */
struct msg_id id_new(int64_t wall_ms);
/* Derived, the same for the same input: SHA-256 over both, made a UUIDv7 of parent's time. */
struct msg_id id_derive(const struct msg_id *parent, uint32_t round);
int64_t id_wall_ms(const struct msg_id *id);
static inline bool id_eq(const struct msg_id *a, const struct msg_id *b) { return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0; }
/* Its bytes, as the key of a map. */
static inline struct span id_span(const struct msg_id *id) { return span_of((const char *)id->bytes, sizeof(id->bytes)); }
bool id_is_zero(const struct msg_id *id);
void id_to_text(const struct msg_id *id, char text[ID_TEXT_LEN + 1]);
/* Any case; I and L read as 1, O as 0. False when it is no whole id. */
bool id_from_text(struct span text, struct msg_id *out);

#endif
