/* ASCII case, domain names, escapes for logs, UTF-8. Never the locale. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"

static inline char text_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c; }
static inline char text_upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c; }
static inline bool text_is_blank(char c) { return c == ' ' || c == '\t'; }
static inline bool text_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool text_is_alpha(char c) { return text_lower(c) >= 'a' && text_lower(c) <= 'z'; }

/* Lower-cases ASCII in place. */
void text_lower_in_place(char *at, size_t len);
bool text_is_utf8(struct span s);	/* RFC 3629: no overlong forms, no surrogates */
bool text_is_ascii(struct span s);	/* bytes 0x00..0x7f */
bool text_is_printable(struct span s);	/* 0x20..0x7e only */
/* Domain names: is name below the domain, or the same? */
bool text_is_within(struct span name, struct span domain);
/* Appends s with controls, DEL, invalid UTF-8 and backslash as \xNN: one line, safe for any terminal. */
void text_add_escaped(struct buf *b, struct span s);
/* Appends s as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void text_add_json(struct buf *b, struct span s);
/* Shell-like match of a whole text: * any run, ? one byte; ASCII case folded. Linear in len(pattern)*len(s). */
bool text_matches(struct span pattern, struct span s);
/* Letters to change one word into the other; for "did you mean". At most 255. */
unsigned text_distance(struct span a, struct span b);

#endif
