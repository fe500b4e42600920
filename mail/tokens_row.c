#include "mail/tokens_row.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/text.h"

static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";	/* none that is taken for another */
static const char hex[] = "0123456789abcdef";

_Static_assert(sizeof(letters) == 33, "five bits a letter");

/* ---- tokens ---------------------------------------------------------------- */

void token_make(char out[TOKEN_LEN + 1])
{
	unsigned char drawn[TOKEN_LETTERS];

	random_bytes(drawn, sizeof(drawn));
	memcpy(out, TOKEN_PREFIX, sizeof(TOKEN_PREFIX) - 1);
	for (size_t i = 0; i < TOKEN_LETTERS; i++)
		out[sizeof(TOKEN_PREFIX) - 1 + i] = letters[drawn[i] & 31];
	out[TOKEN_LEN] = '\0';
	mem_wipe(drawn, sizeof(drawn));
}

bool token_is(struct span text)
{
	if (text.len != TOKEN_LEN || memcmp(text.at, TOKEN_PREFIX, sizeof(TOKEN_PREFIX) - 1) != 0)
		return false;
	for (size_t i = sizeof(TOKEN_PREFIX) - 1; i < text.len; i++)
		if (text.at[i] == '\0' || !strchr(letters, text.at[i]))
			return false;
	return true;
}

void token_digest(struct span token, unsigned char out[SHA256_LEN])
{
	digest_sha256(token, out);
}

void token_name(const unsigned char digest[SHA256_LEN], char out[TOKEN_NAME_LEN + 1])
{
	for (size_t i = 0; i < TOKEN_NAME_LEN; i++)
		out[i] = hex[i % 2 ? digest[i / 2] & 15 : digest[i / 2] >> 4];
	out[TOKEN_NAME_LEN] = '\0';
}

/* ---- rows -------------------------------------------------------------------- */

static bool digest_parse(struct span text, unsigned char out[SHA256_LEN])
{
	if (text.len != 2 * (size_t)SHA256_LEN)
		return false;
	memset(out, 0, SHA256_LEN);
	for (size_t i = 0; i < text.len; i++) {
		const char *at = text.at[i] ? strchr(hex, text.at[i]) : NULL;

		if (!at)
			return false;
		out[i / 2] = (unsigned char)(out[i / 2] << 4 | (at - hex));
	}
	return true;
}

static bool label_is_plain(struct span label)
{
	for (size_t i = 0; i < label.len; i++)
		if ((unsigned char)label.at[i] < 0x20 || label.at[i] == 0x7f)
			return false;
	return label.len <= TOKEN_LABEL_MAX && text_is_utf8(label);
}

static bool address_is_plain(struct span address)
{
	return address.len > 0 && address.at[0] != '#' && text_is_utf8(address) && memchr(address.at, '\t', address.len) == NULL &&
	    memchr(address.at, '\n', address.len) == NULL && memchr(address.at, '\r', address.len) == NULL && memchr(address.at, '\0', address.len) == NULL;
}

enum pr_err tokens_row_parse(struct span line, struct tokens_row *out, const char **why)
{
	struct span digest, created;
	unsigned long long seconds;

	*why = NULL;
	if (span_trim(line).len == 0 || line.at[0] == '#')
		return PR_NONE;
	out->address = span_cut(&line, '\t');
	digest = span_cut(&line, '\t');
	created = span_cut(&line, '\t');
	out->label = line;
	if (!address_is_plain(out->address) || !digest_parse(digest, out->digest) || !span_to_u64(created, INT64_MAX, &seconds) ||
	    !label_is_plain(out->label)) {
		*why = "not an address, a digest, a time and a label with tabs between";
		return PR_BAD;
	}
	out->created = seconds;
	return PR_OK;
}

enum pr_err tokens_row_add(const struct tokens_row *row, struct buf *out)
{
	if (!address_is_plain(row->address) || row->address.len > TOKENS_ROW_MAX / 2 || !label_is_plain(row->label) || row->created > INT64_MAX)
		return PR_BAD;
	buf_add(out, row->address);
	buf_add_char(out, '\t');
	for (size_t i = 0; i < SHA256_LEN; i++) {
		buf_add_char(out, hex[row->digest[i] >> 4]);
		buf_add_char(out, hex[row->digest[i] & 15]);
	}
	return buf_printf(out, "\t%" PRIu64 "\t%.*s\n", row->created, SPAN_ARG(row->label));
}
