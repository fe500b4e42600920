/* A packet is a row of verbs: number (u16), length of its fields (u32), the
 * fields in the order of verbs.def, little endian, a span as u32 length and
 * bytes. Never empty, never longer than WIRE_PACKET_MAX. */
#ifndef WIRE_CODEC_H
#define WIRE_CODEC_H

#include "base/err.h"
#include "base/span.h"
#include "wire/verbs.h"

/* Bytes that wire_put will write. */
size_t wire_size(enum wire_verb verb, const void *msg);

/* Writes one verb to at, which has room bytes; returns its size, or 0 when it
 * does not fit. msg is the verb's struct. */
size_t wire_put(char *at, size_t room, enum wire_verb verb, const void *msg);

/* The same for a verb whose last field is a span that is sent from where it
 * is: writes all but the last_len bytes of that span, which must follow. The
 * size returned is that of what was written; room counts the span too. */
size_t wire_put_head(char *at, size_t room, enum wire_verb verb, const void *msg, size_t last_len);

/* Takes the next verb off *packet; spans of *msg point into the packet.
 * PR_NONE at its end, PR_BAD for an unknown verb, a field beyond the verb's
 * end, or a verb not consumed to its end. */
enum pr_err wire_get(struct span *packet, enum wire_verb *verb, union wire_msg *msg) MUST_USE;

const char *wire_verb_text(enum wire_verb verb);

/* May `from` say this to `to`? (verbs.def) */
bool wire_permitted(enum wire_verb verb, enum wire_role from, enum wire_role to);

enum wire_cost { COST_FREE, COST_QUESTION, COST_ANSWER, COST_STREAM, COST_EVENT };
enum wire_cost wire_cost(enum wire_verb verb);

/* Its fields hold passwords or keys: what carried them is wiped after use. */
bool wire_is_secret(enum wire_verb verb);

#endif
