/* Keys of signatures: state/keys/DOMAIN/SELECTOR.pem, read, passed to the
 * program that signs, wiped. What is in them is that program's to judge. */
#ifndef MASTER_KEYS_H
#define MASTER_KEYS_H

#include "base/buf.h"
#include "loop/channel.h"
#include "wire/settings.h"

#define KEYS_FILE_MAX 8192	/* bytes: an RSA key of 4096 bits takes 3300 */

/* `sign_key` for each file of a domain that is to be signed, then `sign_keys_done`. A line in problems for each that can't be
 * read, and in exposed for each that others may read: that one is told all the same. */
void keys_tell(const struct settings *s, struct channel *ch, struct buf *problems, struct buf *exposed);

/* `signer` for each domain of which there are such files, then `signers_done`. */
void keys_tell_signers(const struct settings *s, struct channel *ch);

/* The files and folders, for watching: path is valid during the call. */
void keys_files(const struct settings *s, void (*fn)(void *arg, const char *path), void *arg);

#endif
