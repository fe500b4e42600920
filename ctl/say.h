/* Talk: standard error, in one voice; colour only on a terminal. */
#ifndef CTL_SAY_H
#define CTL_SAY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* "postrider: …" and a newline on standard error; controls are shown, not sent. */
void say(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* True when the person at the terminal agrees. Without one it says so, names --yes, and *status is 64. */
bool say_may_go_on(const char *question, int *status);

/* Colour for what is written to this file: the sequence, or "" where it has no place. */
enum say_colour { SAY_PLAIN, SAY_GOOD, SAY_BAD, SAY_DIM };
const char *say_colour(FILE *to, enum say_colour colour);

/* Text from outside, safe for a terminal. */
void say_add(FILE *to, struct span text);
void say_time(FILE *to, int64_t wall_ms);	/* 2026-11-21 14:02:41, local time */

#endif
