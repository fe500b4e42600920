/* Where mail to an address leads in the end, through aliases, lists, catch_all
 * and admin: rows, each mailbox once.
 *
 * An alias that comes back to an address that is a user too ends there with
 * that user (`anna: anna, bert`); any other way back is a loop. Of an alias
 * that leads to several the missing ones are left out (and were named when
 * the tables were read), unless all are.
 * Mail that an alias, catch_all or archive of a domain with `srs` sends to a
 * foreign address leaves under a sender made for that domain (mail/srs.h),
 * unless its own is null, or an address of ours.
 *
 * Pure. It keeps rows, and the memory that they stand in, from one to the next. */
#ifndef AUTH_EXPANSION_H
#define AUTH_EXPANSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/owners.h"
#include "base/arena.h"
#include "base/span.h"
#include "mail/names.h"
#include "wire/verbs.h"

#define EXPANSION_DEPTH_MAX   10	/* aliases of aliases */
#define EXPANSION_TARGETS_MAX 10000	/* of one address */

#define EXPANSION_FOREIGN 0xffff	/* a deliver: none of ours, it leaves by route */

struct expansion_row {
	uint16_t deliver;	/* index in the settings, or EXPANSION_FOREIGN */
	uint8_t kind;		/* enum wire_target */
	struct span mailbox;	/* as user add wrote it; of a foreign one the address */
	struct span address;	/* the same with the subaddress as it came */
	struct span sender;	/* under which it must leave; empty: under its own */
};

struct expansion {
	struct owners *owners;
	struct expansion_row *rows;	/* valid until the next expansion, or until the tables change */
	size_t n_rows, rows_room;
	struct names seen;		/* addresses, enum seen */
	struct arena texts;		/* addresses of rows that are put together, and senders */
	uint32_t number;		/* of this one: domain->seen */
};

struct expansion_end {
	enum wire_address result;	/* ADDRESS_OK, or the first trouble that ended it: n_rows says nothing then */
	const char *why;		/* static text, "" with ADDRESS_OK */
	bool missing;			/* a target that nobody has was left out */
	size_t steps;			/* addresses that it came by */
};

/* owners must stay as long as the expansion. */
void expansion_init(struct expansion *e, struct owners *owners);
void expansion_fini(struct expansion *e);

/* Who gets mail to this address. sender: of the mail; empty: null, or nobody asks. */
struct expansion_end expansion_members(struct expansion *e, struct span address, struct span sender);

/* The same for a recipient: an alias or a user may not take postmaster and abuse away from the world. Where his leads nowhere, admin
 * stands in; where nobody does, it is ADDRESS_TEMPORARY, and who writes to them tries again until somebody does. With the archives
 * of all domains that it came by. */
struct expansion_end expansion_recipient(struct expansion *e, struct span address, struct span sender);

/* A result that sends mail away for good. */
bool expansion_is_refused(enum wire_address result);

#endif
