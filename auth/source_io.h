/* A source of logins outside: Dovecot's authentication socket. Connected when
 * it is first needed, again after it was lost; what was under way then can't
 * be told. */
#ifndef AUTH_SOURCE_IO_H
#define AUTH_SOURCE_IO_H

#include "auth/dovecot.h"
#include "loop/loop.h"

#define SOURCE_WAIT_MS SECONDS(60)	/* Dovecot lets those wait who guess: 15 s, and 2 more */

/* Before the sandbox: libuv opens a descriptor with its first stream. */
void source_warm_up(struct loop *loop);

struct source;
struct source *source_new(struct loop *loop, const char *path);
void source_free(struct source **s);	/* tells those who wait DOVECOT_LATER */
const char *source_path(const struct source *s);

struct source_question;
/* done comes in a later turn, once; user: empty when it said none. */
struct source_question *source_ask(struct source *s, struct dovecot_question *q, void (*done)(void *arg, enum dovecot_said said, struct span user),
    void *arg);
/* Nobody waits for it any more. */
void source_forget(struct source_question **q);

#endif
