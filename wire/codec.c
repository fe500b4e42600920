#include "wire/codec.h"

#include <stddef.h>

#include "base/err.h"
#include "wire/take.h"

enum field_type { FIELD_LAST, FIELD_u8, FIELD_u16, FIELD_u32, FIELD_u64, FIELD_id, FIELD_span };

struct field {
	uint16_t type;
	uint16_t offset;	/* in the verb's struct */
};

struct kind {
	const char *name;
	unsigned from, to;	/* sets of roles */
	enum wire_cost cost;
	const struct field *(*fields)(void);	/* in the order of the wire, FIELD_LAST at the end */
};

#define MASTER (1u << ROLE_MASTER)
#define SMTPD  (1u << ROLE_SMTPD)
#define AUTH   (1u << ROLE_AUTH)
#define SPOOL  (1u << ROLE_SPOOL)
#define RELAY  (1u << ROLE_RELAY)
#define LOCAL  (1u << ROLE_LOCAL)
#define DNS    (1u << ROLE_DNS)
#define SIGN   (1u << ROLE_SIGN)
#define VERIFY (1u << ROLE_VERIFY)
#define EVENTS (1u << ROLE_EVENTS)
#define CTL    (1u << ROLE_CTL)
#define EVERY  (SMTPD | AUTH | SPOOL | RELAY | LOCAL | DNS | SIGN | VERIFY | EVENTS)

/* A function a verb, so that its FIELDs know whose offsets they take. */
#define VERB(verb, from, to, cost, help) \
	static const struct field *fields_of_##verb(void) \
	{ \
		typedef struct wire_##verb here; \
		static const struct field fields[] = {
#define FIELD(type, member) { FIELD_##type, offsetof(here, member) },
#define END \
			{ FIELD_LAST, sizeof(here) } }; \
		return fields; \
	}
#include "wire/verbs.def"
#undef VERB
#undef FIELD
#undef END

static const struct kind kinds[WIRE_N_VERBS] = {
#define VERB(verb, from, to, cost, help) [WIRE_##verb] = { #verb, (from), (to), COST_##cost, fields_of_##verb },
#define FIELD(type, name)
#define END
#include "wire/verbs.def"
#undef VERB
#undef FIELD
#undef END
};

#define HEAD_LEN 6	/* number u16, length u32 */

static const struct kind *kind_of(enum wire_verb verb)
{
	BUG_ON(verb <= WIRE_NONE || verb >= WIRE_N_VERBS);
	return &kinds[verb];
}

const char *wire_verb_text(enum wire_verb verb)
{
	return verb > WIRE_NONE && verb < WIRE_N_VERBS ? kinds[verb].name : "?";
}

bool wire_is_secret(enum wire_verb verb)
{
	switch (verb) {
	case WIRE_certificate:
	case WIRE_ticket_keys:
	case WIRE_sign_key:
	case WIRE_srs_key:
	case WIRE_login_ask:
	case WIRE_login_step:
	case WIRE_relay_login_told:
		return true;
	default:
		return false;
	}
}

const char *wire_role_text(enum wire_role role)
{
	static const char *const words[N_ROLES] = { "master", "smtpd", "auth", "spool", "relay", "local", "dns", "sign", "verify", "events", "ctl" };

	return role < N_ROLES ? words[role] : "?";
}

bool wire_permitted(enum wire_verb verb, enum wire_role from, enum wire_role to)
{
	const struct kind *kind = kind_of(verb);

	return from < N_ROLES && to < N_ROLES && (kind->from & 1u << from) && (kind->to & 1u << to);
}

enum wire_cost wire_cost(enum wire_verb verb)
{
	return kind_of(verb)->cost;
}

/* ---- writing -------------------------------------------------------------- */

static size_t field_size(const struct field *f, const void *value)
{
	static const uint8_t fixed[] = { [FIELD_u8] = 1, [FIELD_u16] = 2, [FIELD_u32] = 4, [FIELD_u64] = 8, [FIELD_id] = 16 };

	return f->type == FIELD_span ? 4 + ((const struct span *)value)->len : fixed[f->type];
}

static const void *field_value(const struct field *f, const void *msg)
{
	return (const char *)msg + f->offset;
}

size_t wire_size(enum wire_verb verb, const void *msg)
{
	size_t size = HEAD_LEN;

	for (const struct field *f = kind_of(verb)->fields(); f->type != FIELD_LAST; f++)
		size += field_size(f, field_value(f, msg));
	return size;
}

static char *put_number(char *at, uint64_t number, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		*at++ = (char)(number >> 8 * i);
	return at;
}

static char *put_span(char *at, struct span s)
{
	at = put_number(at, s.len, 4);
	if (s.len)
		memcpy(at, s.at, s.len);
	return at + s.len;
}

static char *put_field(char *at, const struct field *f, const void *value)
{
	switch (f->type) {
	case FIELD_u8:
		return put_number(at, *(const uint8_t *)value, 1);
	case FIELD_u16:
		return put_number(at, *(const uint16_t *)value, 2);
	case FIELD_u32:
		return put_number(at, *(const uint32_t *)value, 4);
	case FIELD_u64:
		return put_number(at, *(const uint64_t *)value, 8);
	case FIELD_id:
		memcpy(at, value, sizeof(struct msg_id));
		return at + sizeof(struct msg_id);
	default:
		return put_span(at, *(const struct span *)value);
	}
}

static char *put_head(char *at, enum wire_verb verb, size_t size)
{
	return put_number(put_number(at, verb, 2), size - HEAD_LEN, 4);
}

size_t wire_put(char *at, size_t room, enum wire_verb verb, const void *msg)
{
	size_t size = wire_size(verb, msg);

	if (size > room)
		return 0;
	at = put_head(at, verb, size);
	for (const struct field *f = kind_of(verb)->fields(); f->type != FIELD_LAST; f++)
		at = put_field(at, f, field_value(f, msg));
	return size;
}

size_t wire_put_head(char *at, size_t room, enum wire_verb verb, const void *msg, size_t last_len)
{
	const struct field *f = kind_of(verb)->fields(), *last = f;
	size_t size = HEAD_LEN + 4;

	for (; last[0].type != FIELD_LAST && last[1].type != FIELD_LAST; last++)
		size += field_size(last, field_value(last, msg));
	BUG_ON(last->type != FIELD_span);
	if (size > room || last_len > room - size)
		return 0;
	at = put_head(at, verb, size + last_len);
	for (; f != last; f++)
		at = put_field(at, f, field_value(f, msg));
	put_number(at, last_len, 4);
	return size;
}

/* ---- reading -------------------------------------------------------------- */

static bool take_id(struct span *rest, struct msg_id *out)
{
	struct span s;

	if (!take_bytes(rest, sizeof *out, &s))
		return false;
	memcpy(out, s.at, sizeof *out);
	return true;
}

static bool take_span(struct span *rest, struct span *out)
{
	uint64_t len;

	return take_number(rest, 4, &len) && take_bytes(rest, (size_t)len, out);
}

static bool take_field(struct span *rest, const struct field *f, void *value)
{
	uint64_t number = 0;

	switch (f->type) {
	case FIELD_id:
		return take_id(rest, value);
	case FIELD_span:
		return take_span(rest, value);
	case FIELD_u8:
		if (!take_number(rest, 1, &number))
			return false;
		*(uint8_t *)value = (uint8_t)number;
		return true;
	case FIELD_u16:
		if (!take_number(rest, 2, &number))
			return false;
		*(uint16_t *)value = (uint16_t)number;
		return true;
	case FIELD_u32:
		if (!take_number(rest, 4, &number))
			return false;
		*(uint32_t *)value = (uint32_t)number;
		return true;
	default:
		return take_number(rest, 8, value);
	}
}

enum pr_err wire_get(struct span *packet, enum wire_verb *verb, union wire_msg *msg)
{
	struct span rest = *packet, fields;
	uint64_t number, len;

	if (rest.len == 0)
		return PR_NONE;
	if (!take_number(&rest, 2, &number) || !take_number(&rest, 4, &len) || !take_bytes(&rest, (size_t)len, &fields))
		return PR_BAD;
	if (number == WIRE_NONE || number >= WIRE_N_VERBS)
		return PR_BAD;
	for (const struct field *f = kinds[number].fields(); f->type != FIELD_LAST; f++)
		if (!take_field(&fields, f, (char *)msg + f->offset))
			return PR_BAD;
	if (fields.len != 0)
		return PR_BAD;
	*verb = (enum wire_verb)number;
	*packet = rest;
	return PR_OK;
}
