/* The door to jansson: one object a line. */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "base/span.h"

/* What is not UTF-8 becomes U+FFFD. */
json_t *json_of_span(struct span text);
json_t *json_of_time(int64_t wall_ms);	/* "2026-11-21T14:02:41.004Z"; null for 0 */
/* The text under that key; "" where there is none. Lasts as long as the object. */
const char *json_text(const json_t *object, const char *key);
/* Prints it in one line and gives it back. */
void json_print_line(json_t *object);

#endif
