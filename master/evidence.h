/* Files for messages that killed verify (`verify { evidence }`). The master makes them; whose message it was writes it. */
#ifndef MASTER_EVIDENCE_H
#define MASTER_EVIDENCE_H

#include "base/id.h"
#include "wire/settings.h"

#define EVIDENCE_FILES_MAX 1000	/* in the folder; then no more is kept */

/* A new file FOLDER/ID.eml, readable by its owner alone; the folder is made when it is not there. -1: none is wanted, or can
 * be had. */
int evidence_open(const struct settings *s, const struct msg_id *id);

#endif
