/* The verbs of verbs.def as C: an enum, a struct each, and what their numbers mean. */
#ifndef WIRE_VERBS_H
#define WIRE_VERBS_H

#include <stdint.h>

#include "base/id.h"
#include "base/span.h"

enum wire_role {
	ROLE_MASTER, ROLE_SMTPD, ROLE_AUTH, ROLE_SPOOL, ROLE_RELAY, ROLE_LOCAL, ROLE_DNS, ROLE_SIGN, ROLE_VERIFY, ROLE_EVENTS, ROLE_CTL,
	N_ROLES
};
const char *wire_role_text(enum wire_role role);	/* "smtpd" */

#define WIRE_PACKET_MAX 65536	/* bytes of a packet, all its verbs */
#define WIRE_PART_MAX   (WIRE_PACKET_MAX - 4096)	/* of one part of a body; leaves room for begin, a rcpt and commit */
#define WIRE_WINDOW     262144	/* bytes of a body that may be under way at first */
#define WIRE_ROWS       256	/* rows of a list that may be under way at first */
#define WIRE_TALLY_SIZE 16777216	/* bytes of the memory that smtpd workers share; what is not used takes no room */
#define WIRE_TALLY_COLUMNS 256	/* workers of two generations */

enum wire_address {
	ADDRESS_OK,		/* here, or by an alias */
	ADDRESS_UNKNOWN,	/* ours, and nobody has it */
	ADDRESS_FOREIGN,	/* not a domain of ours */
	ADDRESS_LOOP,		/* an alias that leads to itself */
	ADDRESS_TEMPORARY,	/* can't be told now */
	ADDRESS_DISABLED,	/* the user is switched off */
	ADDRESS_TOO_LARGE,	/* an alias with too many targets, or nested too deep */
	ADDRESS_ASK,		/* ours, but only the server that its mail is passed on to knows */
	ADDRESS_BOUNCES,	/* made by us of the sender of forwarded mail: it takes what comes from the null sender */
	ADDRESS_FORGED,		/* it looks like one of these, and was not made here */
	ADDRESS_EXPIRED		/* … and was made too long ago */
};

enum wire_login {
	LOGIN_OK,
	LOGIN_BAD,		/* nobody, or the wrong password: 535 5.7.8 */
	LOGIN_DISABLED,		/* the right password of a user who is switched off */
	LOGIN_BUSY,		/* can't be checked now: 454 4.7.0 */
	LOGIN_MECHANISM		/* not offered there: 504 5.5.4 */
};

enum wire_sender {
	SENDER_OWN,
	SENDER_FOREIGN,		/* not an address of this login: 553 5.7.1 */
	SENDER_GONE,		/* the password was changed, the token revoked, the user disabled or removed */
	SENDER_TEMPORARY	/* can't be told now */
};

enum wire_stored {
	STORED,
	STORED_NOT_FULL,	/* no room: 452 4.3.1 */
	STORED_NOT_IO,		/* the disk failed: 451 4.3.0 */
	STORED_NOT_BAD,		/* what was sent breaks the protocol or a ceiling: 451 4.3.0 */
	STORED_ABORTED
};

enum wire_signed {
	SIGNED,
	SIGN_NO_KEY,		/* the domain has none, is not ours, or is not to be signed */
	SIGN_NOT_POSSIBLE	/* the header is none that can be signed, or is too large */
};

enum wire_key {			/* of a key, in the life of one */
	KEY_WAITS,		/* its record was not seen in DNS yet */
	KEY_SIGNS,
	KEY_RETIRED		/* a newer one of its algorithm signs */
};

enum wire_drop {		/* of a file of state/drop */
	DROP_TAKEN,		/* it is in the queue, or was */
	DROP_LATER,		/* not now */
	DROP_BAD		/* never: it is no message that can be taken */
};

enum wire_notify {
	NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8
};

enum wire_mail {		/* flags of a message and of a job */
	MAIL_SMTPUTF8 = 1,	/* it came with SMTPUTF8 and its sender or header needs it; each recipient says for itself (RFC 6531 3.4) */
	MAIL_8BIT = 2,		/* there are bytes above 127 in it */
	MAIL_RET_FULL = 4,	/* RET=FULL */
	MAIL_RET_HDRS = 8,	/* RET=HDRS */
	MAIL_SUBMITTED = 16,	/* from a login or a trusted network */
	MAIL_IN_DOUBT = 32,	/* of a job: an attempt of unknown end went before it */
	MAIL_BOUNCE = 64,	/* made here, about another message */
	MAIL_PROBE = 128	/* of a job, which is no message then: it ends when the server said whether it takes the recipients */
};

enum wire_target { TARGET_MEMBER, TARGET_ARCHIVE };

enum wire_fate {
	FATE_DELIVERED,
	FATE_RELAYED,		/* to a server that will tell nobody of its delivery */
	FATE_DEFERRED,
	FATE_FAILED,
	FATE_PASSED		/* to a server that was asked to tell of its delivery: we don't */
};
enum wire_scope {		/* what a deferral speaks of */
	SCOPE_RECIPIENT,
	SCOPE_MESSAGE,
	SCOPE_SITE,
	SCOPE_BATCH		/* one recipient too many beside others that were taken: once more at once, without these */
};

enum wire_state {		/* of a recipient, as the command line shows it */
	STATE_DUE, STATE_WAITING, STATE_FLYING, STATE_HELD, STATE_DELIVERED, STATE_FAILED, STATE_EXPANDED
};

enum wire_queue {
	QUEUE_LIST, QUEUE_SHOW, QUEUE_CAT, QUEUE_RETRY, QUEUE_HOLD, QUEUE_RELEASE, QUEUE_BOUNCE, QUEUE_DELETE, QUEUE_ERASE,
	QUEUE_REROUTE
};

enum wire_record {		/* types of DNS records, by their numbers in the protocol */
	RECORD_A = 1, RECORD_NS = 2, RECORD_CNAME = 5, RECORD_PTR = 12, RECORD_MX = 15, RECORD_TXT = 16, RECORD_AAAA = 28, RECORD_TLSA = 52
};

enum wire_resolve {
	RESOLVED,
	RESOLVE_NO_DATA,	/* the name is there, without records of this type */
	RESOLVE_NO_NAME,	/* there is no such name */
	RESOLVE_TEMPORARY,	/* no server gave an answer that can be used: it can't be told now */
	RESOLVE_REFUSED		/* what was asked is no name, or of a type that nobody here can read */
};

enum wire_site {
	SITE_FOUND,
	SITE_NULL_MX,		/* RFC 7505: it takes no mail */
	SITE_NO_NAME,		/* there is no such domain */
	SITE_NO_HOST,		/* it is there, with neither MX nor address */
	SITE_TEMPORARY		/* it can't be told now */
};

enum wire_leads {		/* where a way leads */
	LEADS_LOCAL,		/* a Maildir */
	LEADS_LMTP,
	LEADS_SMTP,		/* a server that the configuration names */
	LEADS_DNS,		/* dns tells which */
	LEADS_NOWHERE		/* there is no such section */
};

enum wire_standing {		/* of a way in the queue */
	STANDING_UNKNOWN,	/* no mail went there lately */
	STANDING_OPEN,
	STANDING_BLOCKED,	/* after trouble: nothing is tried before a time */
	STANDING_FAILS		/* it takes no mail */
};

#define WIRE_C_u8   uint8_t
#define WIRE_C_u16  uint16_t
#define WIRE_C_u32  uint32_t
#define WIRE_C_u64  uint64_t
#define WIRE_C_id   struct msg_id
#define WIRE_C_span struct span

enum wire_verb {
	WIRE_NONE,
#define VERB(name, from, to, cost, help) WIRE_##name,
#define FIELD(type, name)
#define END
#include "wire/verbs.def"
#undef VERB
#undef FIELD
#undef END
	WIRE_N_VERBS
};

/* struct wire_mail_begin { uint32_t ask; …; }; each has a first member that no one uses, for verbs without fields. */
#define VERB(name, from, to, cost, help) struct wire_##name { char none;
#define FIELD(type, name) WIRE_C_##type name;
#define END };
#include "wire/verbs.def"
#undef VERB
#undef FIELD
#undef END

/* Any of them; `.mail_begin` and so on. */
union wire_msg {
#define VERB(name, from, to, cost, help) struct wire_##name name;
#define FIELD(type, name)
#define END
#include "wire/verbs.def"
#undef VERB
#undef FIELD
#undef END
};

#endif
