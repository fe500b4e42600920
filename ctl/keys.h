/* The keys of signatures: state/keys/DOMAIN/SELECTOR.pem, and their records. */
#ifndef CTL_KEYS_H
#define CTL_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/key.h"
#include "ctl/command.h"
#include "ctl/master.h"

#define SELECTOR_LEN_MAX 63

struct key_folder {
	struct places places;
	int top;		/* state/keys; -1: there is none */
};

/* 0, or the exit code to end with, which was explained. For writing it is made where it is not there, and other writers wait. */
int keys_open(struct key_folder *f, const struct call *call, bool to_write);
void keys_close(struct key_folder *f);

struct key_file {
	const char *domain;
	char selector[SELECTOR_LEN_MAX + 1];
	int64_t made_ms;
	const struct key *key;	/* NULL: the file holds none that signs */
};
/* Each key of the domain (NULL: of all domains), by domain and selector. 0, or the exit code to end with. */
int keys_each(const struct key_folder *f, const char *domain, void (*fn)(void *arg, const struct key_file *file), void *arg);

/* Makes one under a selector of its own, prYYYYMMr or prYYYYMMe, with a number behind when that month has one: *selector. */
int keys_make(const struct key_folder *f, const char *domain, enum key_kind kind, char selector[SELECTOR_LEN_MAX + 1]);
int keys_remove(const struct key_folder *f, const char *domain, const char *selector);

#endif
