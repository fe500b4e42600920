/* For the judges in tests/system: `show_srs make KEY DAY SENDER FORWARDER` and `show_srs read KEY DAY ADDRESS`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/srs.h"

int main(int argc, char **argv)
{
	static const char *const verdicts[] = { [SRS_NONE] = "none", [SRS_GOOD] = "good", [SRS_FORGED] = "forged", [SRS_EXPIRED] = "expired" };
	struct address out = { .len = 0 };
	struct span key;
	uint32_t day;

	if (argc < 5)
		return 64;
	key = span_of_text(argv[2]);
	day = (uint32_t)strtoul(argv[3], NULL, 10);
	if (strcmp(argv[1], "make") == 0 && argc == 6)
		(void)puts(srs_make(span_of_text(argv[4]), span_of_text(argv[5]), key, day, &out) == PR_OK ? out.text : "too long");
	else
		(void)printf("%s %s\n", verdicts[srs_read(span_of_text(argv[4]), &key, 1, day, &out)], out.text);
	return 0;
}
