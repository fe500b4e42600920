#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((noreturn, cold)) static void out_of_memory(size_t size)
{
	fprintf(stderr, "out of memory: %zu bytes were asked for\n", size);
	abort();
}

void *mem_new(size_t size)
{
	void *at = calloc(1, size ? size : 1);

	if (!at)
		out_of_memory(size);
	return at;
}

void *mem_resize(void *at, size_t size)
{
	void *moved = realloc(at, size ? size : 1);

	if (!moved)
		out_of_memory(size);
	return moved;
}

char *mem_text(struct span s)
{
	char *text = mem_resize(NULL, s.len + 1);

	if (s.len)
		memcpy(text, s.at, s.len);
	text[s.len] = '\0';
	return text;
}

void mem_free(void *at)
{
	free(at);
}

void mem_wipe(void *at, size_t len)
{
	if (len)
		explicit_bzero(at, len);
}
