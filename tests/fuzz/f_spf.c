/* A whole check over records with any text: it ends after few rounds and questions, with the same result when it is done
 * again, and says nothing that can't be shown. The first byte chooses the client, the sender and how many questions may be
 * asked; each line is the TXT record of another domain. */
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/text.h"
#include "tests/unit/facts_zone.h"
#include "verify/spf.h"

#define SIZE_MAX_USED 6000
#define MAX_ROUNDS    40
#define MAX_QUESTIONS 250

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct zone zone;

static void fill(struct span s)
{
	char name[40];

	for (unsigned i = 0; i < 12 && s.len > 0; i++) {
		(void)snprintf(name, sizeof(name), "d%u.example", i);
		zone_add(&zone, RECORD_TXT, span_of_text(name), span_cut(&s, '\n'));
		zone_say(&zone, name, "A", "192.0.2.9");
		zone_say(&zone, name, "MX", i & 1 ? "d0.example" : "gone.example");
	}
	for (unsigned i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof(name), "d%u.example", i);
		zone_say(&zone, "mx.example", "MX", name);
		zone_say(&zone, "1.2.0.192.in-addr.arpa", "PTR", name);
	}
	zone_say(&zone, "d0.example", "AAAA", "2001:db8::1");
	zone_fail(&zone, RECORD_A, SPAN("slow.example"));
	zone_add(&zone, RECORD_A, SPAN("short.example"), SPAN("1"));
	zone_add(&zone, RECORD_MX, SPAN("short.example"), SPAN("1"));
}

static void check_words(const char *s, size_t room)
{
	struct span words = span_of(s, strnlen(s, room));

	BUG_ON(words.len == room || !text_is_printable(words));
}

static enum auth_result check(struct facts *f, const struct spf_ask *ask, struct buf *tale, bool is_known)
{
	struct spf_told told;
	unsigned rounds = 0;

	while (!spf_check(f, ask, &told, tale)) {
		BUG_ON(is_known || tale->len > 0 || !zone_answer(&zone, f) || ++rounds > MAX_ROUNDS);
	}
	BUG_ON(facts_asked(f) > MAX_QUESTIONS || told.result >= N_AUTH_RESULTS || told.result == AUTH_POLICY);
	check_words(told.domain, sizeof(told.domain));
	check_words(told.why, sizeof(told.why));
	check_words(told.explanation, sizeof(told.explanation));
	BUG_ON(told.why[0] == '\0' || (told.explanation[0] && told.result != AUTH_FAIL));
	for (size_t i = 0; i < tale->len; i++)
		BUG_ON(tale->at[i] != '\n' && (tale->at[i] < ' ' || tale->at[i] > '~'));
	return told.result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const SENDERS[] = { "a@d0.example", "", "a.b-c@d1.example", "\xc3\xbc@d0.example" };
	static const unsigned char ADDRESS[16] = { 192, 0, 2, 1 }, ADDRESS6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	struct span s = span_of((const char *)data, size);
	struct facts *f;
	struct buf tale;

	if (size == 0 || size > SIZE_MAX_USED)
		return 0;
	struct spf_ask ask = { .client = data[0] & 1 ? client_of(ADDRESS6, 16) : client_of(ADDRESS, 4), .helo = SPAN("d2.example"),
		.sender = span_of_text(SENDERS[data[0] >> 1 & 3]), .helo_identity = data[0] & 8, .receiver = SPAN("us.example") };

	zone_init(&zone);
	fill(span_from(s, 1));
	f = facts_new(data[0] >> 4 == 3 ? MAX_QUESTIONS : (data[0] >> 4) * 2U);
	buf_init(&tale, 1 << 20);
	enum auth_result first = check(f, &ask, &tale, false);

	buf_clear(&tale);
	BUG_ON(check(f, &ask, &tale, true) != first);
	buf_fini(&tale);
	facts_free(&f);
	zone_fini(&zone);
	return 0;
}
