/* What the files of the session core share. */
#ifndef SMTPD_SESSION_PRIVATE_H
#define SMTPD_SESSION_PRIVATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "mail/command.h"
#include "smtpd/session.h"
#include "smtpd/transaction.h"

enum progress { STEP_AGAIN, STEP_WAIT };

struct step {
	const char *name;
	enum progress (*run)(struct session *s, struct effects *fx);	/* STEP_WAIT: it needs an event */
	enum progress (*late)(struct session *s, struct effects *fx);	/* its time is over */
	bool peer_moves;	/* it waits for the client: its bytes are wanted, its silence and its leaving count */
};

extern const struct step STEP_SEEN, STEP_PROXY, STEP_PREGREET, STEP_TLS, STEP_COMMAND, STEP_DELAY, STEP_ADDRESS, STEP_RECIPIENT, STEP_DATA,
    STEP_CHUNK, STEP_ROOM, STEP_SPOOL, STEP_STORED, STEP_HAVE, STEP_LOGIN, STEP_RESPONSE, STEP_SENDER, STEP_AUTHOR, STEP_VERDICT,
    STEP_CLOSED;

/* Of a session that is a file. */
struct dropped {
	struct msg_id id;
	bool was_taken;
	bool is_cut;		/* there was no more of it, and more was needed */
	unsigned code;		/* of the first reply that refused something, 0 before */
	char *words;
};

struct session {
	struct house *house;
	void *owner;				/* the shell's */
	const struct set_listen *listen;
	const struct step *step, *after;	/* after: where a wait in between goes back to */
	struct dropped *dropped;		/* NULL: it has a client */
	struct transaction *tx;			/* NULL between MAIL and MAIL */
	struct instant now;			/* of the event in hand */
	struct span in;				/* what the client said and no step has taken */
	struct buf input;			/* holds it between events */
	size_t charged;				/* of input, at the pool */
	int64_t step_due, helo_due, progress_due, idle_since, room_due, connected_at;
	struct client client, local;
	struct limits_place place;
	char *helo;				/* NULL before HELO */
	char *held;				/* a reply that waits */
	char *login;				/* NULL: nobody logged in */
	uint64_t proof;				/* by which password or token */
	struct attempt *attempt;		/* a login under way */
	const char *tls_version, *tls_cipher;	/* NULL in the clear */
	uint64_t skipped;			/* bytes of a line that is too long; of a body since its time was renewed */
	uint64_t chunk_left, chunk_size;	/* of BDAT */
	const struct reply *chunk_refused;	/* nobody wants it */
	uint32_t answer, otherwise;		/* otherwise: of an address whose server can't be asked */
	uint32_t n_commands, n_errors, n_messages, n_since_mail;
	uint16_t listener;
	bool is_answered;			/* answer belongs to the step in hand */
	bool is_trusted, is_extended;		/* EHLO, not HELO */
	bool is_greeted, counts;		/* counts: at the limit of connections */
	bool peer_left, early_bytes, flooded, chunk_is_last;
	bool in_is_kept;			/* in lies in input */
};

/* ---- steps --------------------------------------------------------------- */

/* The next step, and how long it may take. */
enum progress session_step_to(struct session *s, const struct step *step, int64_t ms);
enum progress session_await_command(struct session *s);
/* What the step waits for; too late for another one. */
void session_answer(struct session *s, const struct step *step, uint32_t number);
/* n bytes of s->in are taken. */
void session_take(struct session *s, size_t n);

/* The line at the front of s->in, without its end; nothing is taken. */
enum line_state { LINE_WHOLE, LINE_MORE, LINE_TOO_LONG };
enum line_state session_line(const struct session *s, size_t max, struct span *line);
/* Takes the line up to its end, wherever that is, and refuses it; is_login: it is one of AUTH. */
enum progress session_skip_line(struct session *s, bool is_login);

/* It may send to everybody, and its mail is a submission (RFC 6409). */
static inline bool session_submits(const struct session *s)
{
	return s->is_trusted || s->login;
}

/* Of limits: a trusted network is, a user of this machine is not; his file is, which was accepted before. */
static inline bool session_is_free(const struct session *s)
{
	return s->is_trusted && (s->client.family != CLIENT_LOCAL || s->dropped);
}

/* ---- replies ------------------------------------------------------------- */

/* Says it and waits for the next command. enhanced NULL: none (RFC 2034: the greeting, HELO, EHLO and 3xx). */
enum progress session_say(struct session *s, struct effects *fx, unsigned code, const char *enhanced, const char *text);
/* The same as an error of the client: counted, slowed, and one too many ends the session. */
enum progress session_refuse(struct session *s, struct effects *fx, unsigned code, const char *enhanced, const char *text);
enum progress session_hang_up(struct session *s, struct effects *fx, unsigned code, const char *enhanced, const char *text);
enum progress session_drained(struct session *s, struct effects *fx);	/* the house ends it */
/* Without a word. */
enum progress session_end(struct session *s, struct effects *fx, const char *why);
enum progress session_late(struct session *s, struct effects *fx);
/* Words known beforehand: session_say or session_refuse, by the code. */
enum progress session_reply(struct session *s, struct effects *fx, const struct reply *r);

/* ---- events -------------------------------------------------------------- */

/* Begins an event with what names the session: client, port, listener. */
struct event *session_event(struct session *s, struct effects *fx, enum event_code code);
/* A client did what it should not, by a setting of note, slow or refuse: true when it must go. */
bool session_abused(struct session *s, struct effects *fx, int severity, const char *what);

/* ---- greet.c --------------------------------------------------------------- */

enum progress session_begin(struct session *s, struct effects *fx, bool early_bytes);

/* ---- one verb each --------------------------------------------------------- */

typedef enum progress command_fn(struct session *s, struct span args, struct effects *fx);
command_fn cmd_helo, cmd_ehlo, cmd_mail, cmd_rcpt, cmd_data, cmd_bdat, cmd_starttls, cmd_rset, cmd_noop, cmd_quit, cmd_vrfy, cmd_help,
    cmd_auth, cmd_missing;

/* ---- cmd_rcpt.c: who exists --------------------------------------------------- */

/* What auth and relay said; nothing when nobody waits for it. */
void session_address_told(struct session *s, const struct session_event *ev);
void session_recipient_told(struct session *s, const struct session_event *ev);
void session_recipient_lost(struct session *s, struct effects *fx);

/* ---- cmd_auth.c: logins ------------------------------------------------------ */

/* Appends the line of EHLO that offers them, if they are. */
void session_offer_logins(const struct session *s, struct buf *out);
/* What auth said; nothing when nobody waits for it. */
void session_challenged(struct session *s, struct span bytes);
void session_login_told(struct session *s, uint32_t result, struct span login, uint64_t proof);
void session_login_lost(struct session *s);
/* The attempt, if any, is over. */
void session_forget_attempt(struct session *s, struct effects *fx);
void session_attempt_free(struct session *s);

/* ---- sender.c: whose addresses a login uses ------------------------------------- */

/* After MAIL: its reply comes later, and may end the transaction. */
enum progress session_ask_sender(struct session *s, struct effects *fx);
/* After the body: all authors are asked about, then session_hand_over, or the message is refused. */
enum progress session_ask_authors(struct session *s, struct effects *fx);
enum progress session_hand_over(struct session *s, struct effects *fx);
enum progress session_refuse_message(struct session *s, struct effects *fx, const struct reply *r);

/* ---- verdict.c: who sent a stranger's message ------------------------------------ */

/* A body begins: verify is asked about it, where this listener checks. */
void verdict_begin(struct transaction *tx, struct effects *fx);
/* How many bytes may be sent to verify now. */
size_t verdict_room(const struct transaction *tx);
/* The next bytes of the message as they were sent. */
void verdict_part(struct transaction *tx, struct span bytes, struct effects *fx);
/* Nobody wants to know any more. */
void verdict_cancel(struct transaction *tx, struct effects *fx);
/* What is kept as evidence goes. */
void verdict_forget_kept(struct transaction *tx);
/* False while the block holds what verify must be told again. */
bool verdict_may_leave(const struct transaction *tx);
/* Nothing more of the body found room for long: the reply when it is verify that does not take it, else NULL. */
const struct reply *verdict_room_late(struct transaction *tx, struct effects *fx);
/* The body is whole and good: what verify says comes next, then session_hand_over, or it is refused. */
enum progress verdict_await(struct session *s, struct effects *fx);
void verdict_told(struct session *s, const struct wire_check_done *m, struct effects *fx);
void verdict_window(struct session *s, uint32_t bytes);
/* The verify that was asked is gone; there is one again; one died over this message. */
void verdict_lost(struct session *s);
void verdict_again(struct session *s, struct effects *fx);
void verdict_killed(struct session *s, const struct msg_id *id, struct effects *fx);

enum progress cmd_starttls_failed(struct session *s, struct effects *fx, struct span why);

/* NULL when a body may come this way now. */
const struct reply *session_may_send_body(const struct session *s, enum body_way way);
/* The body is whole: hands it over, or says why it is refused. */
enum progress session_body_ends(struct session *s, struct effects *fx);
enum progress session_await_room(struct session *s, const struct step *after);
enum progress session_await_spool(struct session *s);
/* Body bytes were taken: every 4 KiB give new time. */
void session_body_moved(struct session *s, size_t n);

#endif
