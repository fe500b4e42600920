/* What a check says, in the words of RFC 8601 2.7. */
#ifndef VERIFY_RESULT_H
#define VERIFY_RESULT_H

enum auth_result {
	AUTH_NONE,		/* nothing was there to be checked */
	AUTH_PASS,
	AUTH_FAIL,
	AUTH_SOFTFAIL,		/* SPF alone */
	AUTH_NEUTRAL,
	AUTH_POLICY,		/* it would pass, but is not good enough for us */
	AUTH_TEMPERROR,		/* it can't be told now */
	AUTH_PERMERROR,		/* what was there can't be understood */
	N_AUTH_RESULTS
};

const char *auth_result_text(enum auth_result result);	/* "pass" */

#endif
