/* The shell of smtpd: what its files share. */
#ifndef SMTPD_PRIVATE_H
#define SMTPD_PRIVATE_H

#include "base/hunch.h"
#include "base/list.h"
#include "loop/channel.h"
#include "loop/process.h"
#include "loop/stream.h"
#include "loop/tls.h"
#include "smtpd/session.h"
#include "wire/pending.h"

/* Each session has at most one question at auth, one at spool and one at a relay: with a credit each, no question waits. */
#define SESSIONS_MAX 16384

struct listener;

struct smtpd {
	struct process *process;
	struct loop *loop;
	const struct settings *settings;
	struct house house;
	struct tally tally;
	struct effects fx;
	bool is_feeding, is_relieving;
	struct tls_server *tls, *tls_next;	/* next: told, and not yet done */
	const char *tls_doubt;			/* why next will not be taken; NULL: it will */
	char *ticket_keys;			/* of 80 bytes each */
	size_t ticket_keys_len;
	struct list listeners, conns;
	unsigned n_conns;
	bool is_accepting;
	struct deadline accept_again;
	struct channel *auth, *spool, *auth_next, *spool_next;
	struct pending at_auth, at_spool;
	const struct conn *fed_last;		/* only to be compared */
	struct hunch client_is_quick, store_is_quick;
	struct list verifiers;			/* struct verifier, the newest generation first */
	struct list verifiers_gone;		/* the same: of whose end the master has not told */
	struct list relays;			/* struct relay, the one that was wired last first */
	void *tally_memory;
	struct msg_id *withdrawn;		/* said when spool is back */
	size_t n_withdrawn, withdrawn_room;
	uint64_t n_connections;
	int evidence;				/* a file for it while who has a message is told that verify died over it; else -1 */
};

/* ---- session_io.c: one session, its socket, its questions ------------------ */

/* Takes fd, an accepted connection of settings.listen[listener]. */
void session_io_open_take(struct smtpd *d, unsigned listener, int fd, const struct sockaddr_storage *from);
/* Takes fd, a file of the drop folder of that user; the master is told how it went. */
void session_io_open_dropped_take(struct smtpd *d, int fd, const struct wire_drop_file *told);
/* To all of them; each may end by it. */
void session_io_each(struct smtpd *d, enum session_event_type type, uint32_t number);
/* A verify died over that message, of which what is here is written to evidence, a file, or -1. */
void session_io_died_over_take(struct smtpd *d, const struct msg_id *id, int evidence);

/* ---- dropped_io.c: a file in the place of a client ---------------------------- */

struct conn;
struct dropped_file;
struct dropped_file *dropped_open_take(struct smtpd *d, int fd, uint32_t ask, struct conn *c);
/* More of it is wanted, or not now. */
void dropped_want(struct dropped_file *f, bool wanted);
/* The session is over: tells the master. */
void dropped_close(struct dropped_file **f, const struct session *s);
/* No session can be had for it. */
void dropped_refuse(struct smtpd *d, uint32_t ask);

/* ---- peers_io.c: auth, spool and relays ---------------------------------------------- */

void peers_io_wire(struct smtpd *d, enum wire_role peer, uint16_t instance, int fd);	/* auth, spool */
void peers_io_wire_relay(struct smtpd *d, uint16_t instance, int fd);
void peers_io_withdraw(struct smtpd *d, const struct msg_id *id);

/* A program that tells who sent a message. */
struct verifier {
	struct list list;
	struct smtpd *d;
	struct channel *channel;
	uint16_t instance;
	uint32_t generation;
	bool is_ended;		/* the master said so; what it said is still read */
	struct pending asked;
};
void peers_io_wire_verify(struct smtpd *d, uint16_t instance, uint32_t generation, int fd);
void peers_io_verify_ended_take(struct smtpd *d, const struct wire_verify_ended *m, int evidence);
/* The one of the newest generation with the least to do. While house.verify_is_up. */
struct verifier *peers_io_verifier(struct smtpd *d);

/* A worker that can be asked what the server of a domain says. */
struct relay {
	struct list list;
	struct smtpd *d;
	struct channel *channel;
	struct pending asked;
};
/* Always the same one for a section, as long as it is there: it remembers. While house.relay_is_up. */
struct relay *peers_io_relay(struct smtpd *d, struct span deliver);

/* ---- listener_io.c -------------------------------------------------------------- */

void listener_io_add_take(struct smtpd *d, unsigned index, int fd);
void listener_io_begin(struct smtpd *d);
void listener_io_end(struct smtpd *d);	/* none is accepted any more */
/* A connection ended: accepting may go on. */
void listener_io_room(struct smtpd *d);

/* ---- main.c ------------------------------------------------------------------------ */

void smtpd_end(struct smtpd *d);	/* drained: nothing is left to do */

/* conn, for peers_io.c and dropped_io.c */
void conn_bytes(struct conn *c, struct span bytes);
void conn_answer(struct conn *c, enum session_event_type type, uint32_t number);
void conn_address_told(struct conn *c, const struct wire_address_told *told);
void conn_recipient_told(struct conn *c, const struct wire_recipient_told *told);
void conn_relay_left(struct conn *c);
void conn_checked(struct conn *c, const struct wire_check_done *done);
void conn_verifier_left(struct conn *c);
void conn_login_told(struct conn *c, const struct wire_login_done *done);
void conn_challenge(struct conn *c, struct span bytes);
void conn_mail_answered(struct conn *c);
void conn_auth_answered(struct conn *c);

#endif
