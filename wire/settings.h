/* The configuration as programs see it: one struct a section, made from
 * settings.def. A struct settings is immutable and lives in one arena; the
 * master makes it from the file, encodes what a program reads, and the
 * program decodes it. Durations are milliseconds, sizes bytes; what is off is
 * SET_OFF; text that is unset is NULL. */
#ifndef WIRE_SETTINGS_H
#define WIRE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define SET_OFF (-1)
#define SET_SECTIONS_MAX 65534	/* of one kind: verbs name them by a u16 */

struct set_list {		/* ADDRESSES (IP), SOCKETS */
	unsigned n;
	const char **at;
};

struct set_durations {
	unsigned n;
	const int64_t *at;
};

struct set_network {
	unsigned char family;	/* 4 or 6 */
	unsigned char bits;	/* 0..32 or 0..128 */
	unsigned char address[16];
};

struct set_networks {
	unsigned n;
	const struct set_network *at;
};

/* A token bucket: `count` tokens come back in `per_ms`, and no more than
 * `count` are ever there. None: n == 0. */
#define SET_RATES_MAX 4
struct set_rates {
	unsigned n;
	struct set_rate {
		int64_t count;
		int64_t per_ms;
	} at[SET_RATES_MAX];
};

#define SET_C_BOOL      bool
#define SET_C_INT       int64_t
#define SET_C_SIZE      int64_t
#define SET_C_DURATION  int64_t
#define SET_C_ENUM      int
#define SET_C_TEXT      const char *
#define SET_C_WORD      const char *
#define SET_C_PATH      const char *	/* absolute */
#define SET_C_HOST      const char *	/* lower case, A-labels */
#define SET_C_ADDRESS   const char *	/* local@domain */
#define SET_C_SOCKET    const char *	/* host:port, [v6]:port or unix:/path */
#define SET_C_REF       const char *
#define SET_C_ADDRESSES struct set_list
#define SET_C_SOCKETS   struct set_list
#define SET_C_DURATIONS struct set_durations
#define SET_C_NETWORKS  struct set_networks
#define SET_C_RATES     struct set_rates

#define SECTION(kind, title_kind, once, help) \
	struct set_##kind { \
		const char *title;	/* NULL without */ \
		unsigned line;		/* in the file, 0 when it is not there */
#define KEY(section, field, path, type, deflt, min, max, choices, readers, help) SET_C_##type field;
#define END(section) };
#include "wire/settings.def"
#undef SECTION
#undef KEY
#undef END

/* The order of choices in settings.def. */
enum set_users_away { USERS_AWAY_DEFER, USERS_AWAY_ACCEPT };
enum set_domain_dkim { DOMAIN_DKIM_AUTO, DOMAIN_DKIM_OFF };
enum set_domain_srs { DOMAIN_SRS_AUTO, DOMAIN_SRS_OFF };
enum set_listen_tls { LISTEN_TLS_AUTO, LISTEN_TLS_NONE, LISTEN_TLS_OFFERED, LISTEN_TLS_REQUIRED, LISTEN_TLS_IMPLICIT };
enum set_listen_auth { LISTEN_AUTH_OFF, LISTEN_AUTH_OFFERED, LISTEN_AUTH_REQUIRED };
enum set_listen_senders { LISTEN_SENDERS_OWN, LISTEN_SENDERS_ANY };
enum set_route_tls { ROUTE_TLS_AUTO, ROUTE_TLS_NONE, ROUTE_TLS_OPPORTUNISTIC, ROUTE_TLS_REQUIRED, ROUTE_TLS_VERIFIED };
enum set_outbound_tls { OUTBOUND_TLS_NONE, OUTBOUND_TLS_OPPORTUNISTIC, OUTBOUND_TLS_REQUIRED, OUTBOUND_TLS_VERIFIED };
enum set_severity { SEVERITY_NOTE, SEVERITY_SLOW, SEVERITY_REFUSE };
enum set_newline { NEWLINE_AUTO, NEWLINE_REFUSE, NEWLINE_NORMALISE };
enum set_checks { CHECKS_AUTO, CHECKS_OFF, CHECKS_OBSERVE, CHECKS_ENFORCE };	/* spf, dkim, dmarc */
enum set_trust_ad { TRUST_AD_LOOPBACK, TRUST_AD_YES, TRUST_AD_NO };	/* of servers[i]: `auto` depends on its address */
enum set_log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
enum set_log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* A section that may stand once is a struct, one that may repeat an array in
 * the order of the file with n_KIND. The index in `deliver` and `listen` is
 * what verbs call a deliver or a listener. What `auto` means was settled by
 * the master: no reader meets an AUTO. Where the file has no `deliver maildir`
 * section, the master adds it with path "/var/mail/:domain/:local/". */
struct settings {
	uint32_t generation;
	struct set_top top;
	struct set_domain *domain;
	unsigned n_domain;
	struct set_deliver *deliver;
	unsigned n_deliver;
	struct set_users *users;
	unsigned n_users;
	struct set_logins *logins;
	unsigned n_logins;
	struct set_listen *listen;
	unsigned n_listen;
	struct set_sender *sender;
	unsigned n_sender;
	struct set_route *route;
	unsigned n_route;
	struct set_tls tls;
	struct set_dns dns;
	struct set_outbound outbound;
	struct set_retry retry;
	struct set_workers workers;
	struct set_reload reload;
	struct set_verify verify;
	struct set_spool spool;
	struct set_events events;
	struct set_log log;
};

/* All defaults, no sections. Owned by the caller: settings_free. */
struct settings *settings_new(void);
void settings_free(struct settings **s);

/* Memory that lives as long as s. */
void *settings_alloc(struct settings *s, size_t size);
const char *settings_text(struct settings *s, struct span text);
/* Adds an empty section of a kind that may repeat, filled with defaults; NULL for a kind unknown. The next section of
 * this kind may move it. */
void *settings_add_section(struct settings *s, const char *kind, const char *title, unsigned line);

/* Appends what the readers named by letter (settings.def) are told. */
enum pr_err settings_encode(const struct settings *s, char reader, struct buf *out) MUST_USE;
/* PR_BAD when the bytes are not exactly one encoded configuration. */
enum pr_err settings_decode(struct span bytes, struct settings **out) MUST_USE;

/* The table itself, for the parser, `config show`, `config explain` and the manual. */
enum set_type {
	SET_BOOL, SET_INT, SET_SIZE, SET_DURATION, SET_ENUM, SET_TEXT, SET_WORD, SET_PATH, SET_HOST, SET_ADDRESS,
	SET_SOCKET, SET_REF, SET_ADDRESSES, SET_SOCKETS, SET_DURATIONS, SET_NETWORKS, SET_RATES
};
enum set_title { NO_TITLE, TITLE_NAME, TITLE_DOMAIN, TITLE_PATTERN };

struct set_key {
	const char *path;
	enum set_type type;
	const char *deflt;
	int64_t min, max;
	const char *choices;
	const char *readers;
	const char *help;
	size_t offset;		/* in the section's struct */
};

struct set_kind {
	const char *name;	/* "top", "domain", … */
	enum set_title title;
	bool once;
	const char *help;
	size_t size;		/* of its struct */
	const struct set_key *keys;
	unsigned n_keys;
};

extern const struct set_kind settings_kinds[];
extern const unsigned settings_n_kinds;
const struct set_kind *settings_kind_find(struct span name);	/* NULL when unknown */
const struct set_key *settings_key_find(const struct set_kind *kind, struct span path);
/* Sections of this kind: 1 for one that stands once. */
unsigned settings_count(const struct settings *s, const struct set_kind *kind);
/* The n-th of them; every section begins with its title and line, a struct set_section. */
struct set_section {
	const char *title;
	unsigned line;
};
struct set_section *settings_section(const struct settings *s, const struct set_kind *kind, unsigned n);

/* The deliver section of that name; NULL when there is none. */
const struct set_deliver *settings_deliver(const struct settings *s, struct span name);

/* How many relay workers there are on a machine with so many cores. */
unsigned settings_relays(const struct settings *s, unsigned cores);

#endif
