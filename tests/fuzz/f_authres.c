/* Words of strangers, with a byte 1 between: the fields stay one field each, of printable lines within their ceilings. */
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "verify/authres.h"

#define WORDS_MAX   400
#define AROUND      16	/* words apart from those of signatures */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(struct span field)
{
	bool is_first = true;

	BUG_ON(field.len < 3 || field.len > AUTHRES_MAX || field.at[field.len - 2] != '\r' || field.at[field.len - 1] != '\n');
	while (field.len > 0) {
		struct span line = span_cut(&field, '\n');

		BUG_ON(line.len < 2 || line.len > 998 || line.at[line.len - 1] != '\r');
		line.len--;
		BUG_ON(!is_first && line.at[0] != '\t');
		line = span_from(line, !is_first);
		BUG_ON(!text_is_printable(line) || span_trim(line).len == 0);
		is_first = false;
	}
}

/* Quotes and brackets end, and nothing but what is in them may hold a semicolon too many. */
static unsigned count_results(struct span field)
{
	unsigned depth = 0, n = 0;
	bool quoted = false;

	for (size_t i = 0; i < field.len; i++) {
		char c = field.at[i];

		if ((quoted || depth) && c == '\\')
			i++;
		else if (c == '"' && !depth)
			quoted = !quoted;
		else if (!quoted && c == '(')
			depth++;
		else if (!quoted && depth && c == ')')
			depth--;
		else if (!quoted && !depth && c == ';')
			n++;
	}
	BUG_ON(quoted || depth);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct authres_signature dkim[WORDS_MAX];
	static struct span w[WORDS_MAX];
	struct span rest = span_of((const char *)data, size);
	struct authres_ask ask = { .authserv_id = SPAN("mx.example.org"), .has_dkim = true, .dkim = dkim };
	struct dmarc_told d = { .result = AUTH_FAIL };
	struct buf out;
	unsigned n = 0;

	for (unsigned i = 0; i < AROUND || (rest.len > 0 && i < WORDS_MAX); i++, n++)
		w[i] = span_cut(&rest, 1);
	ask.iprev = (struct authres_iprev){ true, AUTH_PASS, w[0], w[1], w[2] };
	ask.spf = (struct authres_spf){ true, AUTH_FAIL, w[3].len % 2, w[4], w[5], w[6], w[7], w[8] };
	ask.arc = (struct authres_arc){ true, AUTH_NONE, w[9], w[10], w[11] };
	ask.dmarc = &d;
	for (unsigned i = AROUND; i + 5 < n; i += 6)
		dkim[ask.n_dkim++] = (struct authres_signature){ w[i].len % 2 ? AUTH_PASS : AUTH_FAIL, w[i], w[i + 1], w[i + 2], w[i + 3], w[i + 4], w[i + 5] };
	buf_init(&out, 2 * AUTHRES_MAX);
	authres_add(&out, &ask);
	check_lines(buf_span(&out));
	BUG_ON(count_results(buf_span(&out)) > 4 + AUTHRES_DKIM_MAX || count_results(buf_span(&out)) < 5);
	buf_clear(&out);
	authres_add_received_spf(&out, &ask.spf, SPAN("mx.example.org"));
	check_lines(buf_span(&out));
	BUG_ON(count_results(buf_span(&out)) > 6);
	buf_fini(&out);
	return 0;
}
