#include "master/wires.h"

#define SET(role) (1u << (role))

/* Whom each one asks; answers flow back over the same channel. */
static const unsigned asks[N_ROLES] = {
	[ROLE_SMTPD] = SET(ROLE_AUTH) | SET(ROLE_SPOOL) | SET(ROLE_RELAY) | SET(ROLE_VERIFY) | SET(ROLE_EVENTS),
	[ROLE_SPOOL] = SET(ROLE_AUTH) | SET(ROLE_DNS) | SET(ROLE_SIGN) | SET(ROLE_RELAY) | SET(ROLE_LOCAL) | SET(ROLE_EVENTS),
	[ROLE_AUTH] = SET(ROLE_EVENTS),
	[ROLE_RELAY] = SET(ROLE_AUTH) | SET(ROLE_DNS) | SET(ROLE_EVENTS),
	[ROLE_LOCAL] = SET(ROLE_EVENTS),
	[ROLE_DNS] = SET(ROLE_EVENTS),
	[ROLE_SIGN] = SET(ROLE_DNS) | SET(ROLE_EVENTS),
	[ROLE_VERIFY] = SET(ROLE_DNS) | SET(ROLE_EVENTS),
	[ROLE_CTL] = SET(ROLE_SPOOL) | SET(ROLE_EVENTS) | SET(ROLE_AUTH) | SET(ROLE_DNS) | SET(ROLE_SIGN) | SET(ROLE_VERIFY),
};

bool wires_join(enum wire_role a, enum wire_role b)
{
	if (a >= N_ROLES || b >= N_ROLES || a == ROLE_CTL || b == ROLE_CTL)
		return false;
	return (asks[a] & SET(b)) || (asks[b] & SET(a));
}

bool wires_meet_ctl(enum wire_role role)
{
	return role < N_ROLES && (asks[ROLE_CTL] & SET(role));
}
