/* Values of the configuration as text: their grammar and bounds, both ways.
 *
 *   size     = 1*DIGIT [ "KB" / "MB" / "GB" ]            ; powers of 1024
 *   duration = 1*DIGIT ( "ms" / "s" / "min" / "h" / "d" )
 *   rate     = 1*DIGIT "/" ( "s" / "min" / "h" / "day" )
 *   network                                              ; wire/network.h
 *   socket   = host ":" port / "[" IPv6 "]:" port / "unix:/" path
 *   bool     = "yes" / "no"
 *   off      = "off"                                     ; where the table permits it
 *
 * What a host name, an address or a reference means is for the caller to
 * check: here it is a word. */
#ifndef WIRE_SETTINGS_VALUE_H
#define WIRE_SETTINGS_VALUE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "wire/settings.h"

/* What is wrong with which of the texts, in words that follow it: "is no duration: 30s, 5min, 2h". */
struct set_fault {
	unsigned which;
	struct buf why;
};

/* Sets the key in the section from n texts: one, or those of a list; n is at
 * least 1. PR_BAD leaves the value as it was and tells the fault. */
enum pr_err settings_value_set(struct settings *s, const struct set_key *key, void *section, const struct span *texts, unsigned n,
    struct set_fault *fault) MUST_USE;

/* A list without values; PR_BAD for what is no list, or must have one. */
enum pr_err settings_value_clear(const struct set_key *key, void *section) MUST_USE;
/* To what the table says. */
void settings_value_reset(struct settings *s, const struct set_key *key, void *section);

/* Appends the value as the file would say it; nothing when it is unset. */
void settings_value_show(const struct set_key *key, const void *section, struct buf *out);

/* A word as the file would say it: in quotes where it needs them. */
void settings_word_show(struct span word, struct buf *out);

bool settings_value_is_list(const struct set_key *key);
/* The table permits `off` here. */
bool settings_value_may_be_off(const struct set_key *key);
/* What one writes here, in a few words: "a size: 20MB". */
const char *settings_type_text(enum set_type type);

/* "127.0.0.1:24", "[::1]:25": the parts of a socket that is not unix:. False when it is none. */
bool settings_socket_split(struct span socket, struct span *host, unsigned *port);

#endif
