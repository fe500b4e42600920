#include "ctl/json.h"

#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "base/text.h"

#define TEXT_MAX (1u << 20)	/* more than any address or reply */

json_t *json_of_span(struct span text)
{
	struct buf b;
	json_t *value = NULL;

	if (text_is_utf8(text))
		return json_stringn(text.at, text.len);
	buf_init(&b, TEXT_MAX);
	text_add_json(&b, text);
	if (!b.overflowed)
		value = json_loadb(buf_span(&b).at, b.len, JSON_DECODE_ANY, NULL);
	buf_fini(&b);
	return value ? value : json_null();
}

json_t *json_of_time(int64_t wall_ms)
{
	time_t t = (time_t)(wall_ms / 1000);
	char text[32], whole[48];
	struct tm tm;

	if (wall_ms == 0 || !gmtime_r(&t, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		return json_null();
	(void)snprintf(whole, sizeof(whole), "%s.%03dZ", text, (int)(wall_ms % 1000));
	return json_string(whole);
}

const char *json_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

void json_print_line(json_t *object)
{
	(void)json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	(void)fputc('\n', stdout);
	json_decref(object);
}
