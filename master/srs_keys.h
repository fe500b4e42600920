/* Keys of the senders of forwarded mail (mail/srs.h). state/srs holds a secret;
 * each period of 32 days has a key that is made of it, so that keys change
 * without anything being written, none is lost by a restart, and two servers
 * with one secret understand each other. The program auth gets the keys of
 * three periods, never the secret.
 *
 * More secrets, a line each, may stand there: the first makes addresses, all
 * are read. That is how an admin replaces one. */
#ifndef MASTER_SRS_KEYS_H
#define MASTER_SRS_KEYS_H

#include <stdint.h>

#include "base/buf.h"
#include "loop/channel.h"
#include "wire/settings.h"

#define SRS_PERIOD_DAYS  32	/* longer than an address is good for: two periods are enough */
#define SRS_SECRETS_MAX  4
#define SRS_SECRET_LEAST 16	/* octets; ours have 44 */
#define SRS_AGAIN_MS     HOURS(6)	/* auth is told the keys so often: a clock may have been set */

/* Makes the file where there is none: mode 600, of whom we are. */
enum pr_err srs_keys_make(const struct settings *s, struct buf *words);

/* `srs_key` for each, and `salt_key`, made of the oldest secret; then `srs_keys_done`. Where there is no secret that can be used, a line in problems and nothing told. */
void srs_keys_tell(const struct settings *s, struct channel *ch, int64_t wall_ms, struct buf *problems);

/* The file, for watching: path is valid during the call. */
void srs_keys_files(const struct settings *s, void (*fn)(void *arg, const char *path), void *arg);

#endif
