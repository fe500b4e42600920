/* The configuration: a file in, checked settings out. Whatever is wrong is told
 * all at once, each as
 *
 *   FILE:LINE: there is no option `delivr` in `domain`; did you mean `deliver`?
 *       delivr = maildir
 *       ^
 */
#ifndef MASTER_CONFIG_H
#define MASTER_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/settings.h"

#define CONFIG_FILE_MAX (8u << 20)	/* bytes of the file; ten thousand domains take one */
#define CONFIG_COMPLAINTS_MAX (256u << 10)	/* bytes of what is told about it */

/* What `auto` means is settled, references hold, listeners do not clash. The
 * caller owns *out (settings_free). PR_BAD: the file has errors; PR_IO: it
 * can't be read; both are told in `complaints`, a line or more each, and *out
 * is untouched. PR_OK may leave warnings there. */
enum pr_err config_load(const char *file, struct settings **out, struct buf *complaints) MUST_USE;

/* The same of bytes; `file` is only what they are called. */
enum pr_err config_parse(const char *file, struct span text, struct settings **out, struct buf *complaints) MUST_USE;

#endif
