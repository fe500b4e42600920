/* The directory: what the rest of auth asks about addresses and users. Whose
 * an address is says auth/owners.h, and where mail to it goes auth/expansion.h.
 *
 * Where a postmaster's or abuse's own alias or user leads nowhere, they go to
 * admin; where there is no admin either, it can't be told now: they are never
 * refused for good.
 *
 * Pure: tables come as bytes (mail/table.h), settings as a struct. */
#ifndef AUTH_DIRECTORY_H
#define AUTH_DIRECTORY_H

#include "auth/expansion.h"
#include "auth/srs_keys.h"
#include "base/buf.h"
#include "base/span.h"
#include "mail/table.h"
#include "wire/settings.h"
#include "wire/verbs.h"

struct directory;
struct directory *directory_new(void);
void directory_free(struct directory **d);

/* Keeps a copy of what it needs; the tables stay. */
void directory_set(struct directory *d, const struct settings *s);

/* Tables in place of all there were: a list of struct table, which is empty afterwards. In place of a broken one the old one
 * of this kind, name and path stays. Appends a line to problems for each alias that leads nowhere or in a circle. */
void directory_take_tables(struct directory *d, struct list *tables, struct buf *problems);

/* Which day it is from now on. */
void directory_set_day(struct directory *d, int64_t wall_ms);
struct srs_keys *directory_srs_keys(struct directory *d);	/* to be filled */

/* For RCPT: address is canonical, or "postmaster". Some microseconds. */
enum wire_address directory_ask(struct directory *d, struct span address);

/* After ADDRESS_ASK: whose server knows. */
struct directory_server {
	uint16_t deliver;	/* index in the settings of directory_set */
	enum wire_address otherwise;	/* ADDRESS_TEMPORARY or ADDRESS_OK: what counts while it can't be asked */
};
struct directory_server directory_server(const struct directory *d, struct span address);

struct directory_answer {
	enum wire_address result;	/* never ADDRESS_FOREIGN: that is a row */
	const char *why;	/* static text, "" with ADDRESS_OK */
	const struct expansion_row *rows;	/* n_rows > 0 only with ADDRESS_OK; each mailbox once; valid until the next call */
	size_t n_rows;
};
/* sender: of the mail; empty: null, or not known. */
void directory_expand(struct directory *d, struct span address, struct span sender, struct directory_answer *out);

/* One of our own users, by his address; the spans last as long as the tables. */
struct directory_user {
	struct span address;	/* as user add wrote it */
	struct span password;	/* as base/password.h writes it */
	bool is_disabled;
};
bool directory_user(const struct directory *d, struct span address, struct directory_user *out);
bool directory_has_users(const struct directory *d);	/* false: their file can't be read, and never could */
bool directory_token(const struct directory *d, uint64_t proof, struct table_token *out);

/* Does mail to this address reach that login, or is it his own, with or without subaddress? Never SENDER_GONE. */
enum wire_sender directory_owns(struct directory *d, struct span login, struct span address);

size_t directory_n_users(const struct directory *d);
size_t directory_n_aliases(const struct directory *d);

#endif
