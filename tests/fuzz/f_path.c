/* delivery/path and guard: any address is one safe name below the prefix; any header is read to its end. */
#include <stddef.h>
#include <stdint.h>

#include "delivery/guard.h"
#include "delivery/path.h"

static void on_delivered_to(void *arg, struct span value)
{
	(void)arg;
	BUG_ON(value.len > GUARD_LINE_MAX);
}

static void check_component(struct span name)
{
	BUG_ON(name.len == 0 || name.len > PATH_COMPONENT_MAX);
	BUG_ON(name.at[0] == '.');
	BUG_ON(memchr(name.at, '\0', name.len) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = { (const char *)data, size };
	struct guard g;
	struct buf b;

	buf_init(&b, PATH_MAX_LEN);
	if (path_fill(&b, SPAN("/var/mail/:domain/:local/"), bytes) == PR_OK) {
		struct span rest = buf_span(&b), domain = span_cut(&rest, '/');

		check_component(domain);
		check_component(rest);
		BUG_ON(memchr(rest.at, '/', rest.len) != NULL);
	}
	buf_fini(&b);
	guard_init(&g);
	for (; bytes.len > 0; bytes = span_from(bytes, 5))
		guard_feed(&g, span_first(bytes, 5), on_delivered_to, NULL);
	return 0;
}
