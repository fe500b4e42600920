#include "spool/words.h"

#include <string.h>

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#define ENHANCED_MAX 16		/* "5.123.123" */
#define KEY_HEAD     7		/* code, lengths of enhanced and host */
#define KEY_MAX      (KEY_HEAD + ENHANCED_MAX + WORDS_HOST_MAX + WORDS_TEXT_MAX)

struct word {
	struct map_node node;	/* key: the bytes behind */
	uint32_t number, uses;
	char key[];		/* head, enhanced, host, words */
};

struct words {
	struct map map;
	struct word **at;	/* by number; free ones are NULL */
	uint32_t *free_numbers;
	uint32_t n, room, n_free;
};

struct words *words_new(void)
{
	struct words *w = mem_new(sizeof(*w));

	map_init(&w->map);
	w->n = 1;
	return w;
}

void words_free(struct words **w)
{
	if (!*w)
		return;
	for (uint32_t i = 1; i < (*w)->n; i++)
		mem_free((*w)->at[i]);
	map_fini(&(*w)->map);
	mem_free((*w)->at);
	mem_free((*w)->free_numbers);
	mem_free(*w);
	*w = NULL;
}

static size_t key_make(char key[KEY_MAX], const struct saying *s)
{
	struct span enhanced = span_first(s->enhanced, ENHANCED_MAX);
	struct span host = span_first(s->host, WORDS_HOST_MAX);
	struct span words = span_first(s->words, WORDS_TEXT_MAX);
	size_t len = KEY_HEAD;

	memcpy(key, &s->code, 4);
	key[4] = (char)enhanced.len;
	key[5] = (char)(host.len & 0xff);
	key[6] = (char)(host.len >> 8);
	memcpy(key + len, enhanced.at, enhanced.len);
	memcpy(key + (len += enhanced.len), host.at, host.len);
	memcpy(key + (len += host.len), words.at, words.len);
	return len + words.len;
}

static uint32_t number_take(struct words *w)
{
	if (w->n_free)
		return w->free_numbers[--w->n_free];
	if (w->n >= w->room) {
		w->room = w->room ? 2 * w->room : 64;
		w->at = mem_resize(w->at, w->room * sizeof(*w->at));
		w->free_numbers = mem_resize(w->free_numbers, w->room * sizeof(*w->free_numbers));
	}
	return w->n++;
}

uint32_t words_keep(struct words *w, const struct saying *s)
{
	char key[KEY_MAX];
	struct span k = { key, key_make(key, s) };
	struct map_node *node = map_find(&w->map, k);
	struct word *word;

	if (node) {
		word = MAP_OWNER(node, struct word, node);
		word->uses++;
		return word->number;
	}
	word = mem_new(sizeof(*word) + k.len);
	memcpy(word->key, k.at, k.len);
	word->uses = 1;
	word->number = number_take(w);
	w->at[word->number] = word;
	map_put(&w->map, &word->node, span_of(word->key, k.len));
	return word->number;
}

void words_drop(struct words *w, uint32_t *number)
{
	struct word *word;
	uint32_t n = *number;

	*number = 0;
	if (n == 0)
		return;
	BUG_ON(n >= w->n || !w->at[n]);
	word = w->at[n];
	if (--word->uses > 0)
		return;
	map_remove(&w->map, &word->node);
	mem_free(word);
	w->at[n] = NULL;
	w->free_numbers[w->n_free++] = n;
}

struct saying words_find(const struct words *w, uint32_t number)
{
	const struct word *word;
	size_t n_enhanced, n_host;
	const char *at;
	uint32_t code;

	if (number == 0)
		return (struct saying){ 0, SPAN_NONE, SPAN_NONE, SPAN_NONE };
	BUG_ON(number >= w->n || !w->at[number]);
	word = w->at[number];
	at = word->key + KEY_HEAD;
	memcpy(&code, word->key, 4);
	n_enhanced = (unsigned char)word->key[4];
	n_host = (size_t)(unsigned char)word->key[5] | (size_t)(unsigned char)word->key[6] << 8;
	return (struct saying){
		.code = code,
		.enhanced = span_of(at, n_enhanced),
		.host = span_of(at + n_enhanced, n_host),
		.words = span_of(at + n_enhanced + n_host, word->node.key.len - KEY_HEAD - n_enhanced - n_host),
	};
}

uint32_t words_count(const struct words *w)
{
	return w->n - 1 - w->n_free;
}
