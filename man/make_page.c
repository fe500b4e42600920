/* Writes the manual pages that are made from tables: postrider.conf(5) from
 * settings.def, postrider-events(5) from events.def. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "wire/event.h"
#include "wire/settings.h"
#include "wire/settings_value.h"

/* Text in mdoc: a backslash is \e, and a control character at a line's beginning is shielded. */
static void put(const char *text)
{
	if (*text == '.' || *text == '\'')
		(void)fputs("\\&", stdout);
	for (; *text; text++) {
		if (*text == '\\')
			(void)fputs("\\e", stdout);
		else if (*text == '`' || *text == '"')
			(void)fputs(*text == '"' ? "\\(dq" : "\\(ga", stdout);
		else
			(void)fputc(*text, stdout);
	}
}

/* A sentence a line, as mdoc wants it. */
static void put_sentences(const char *text)
{
	const char *end;

	while ((end = strstr(text, ". "))) {
		char one[1024];

		(void)snprintf(one, sizeof(one), "%.*s.", (int)(end - text), text);
		put(one);
		(void)fputc('\n', stdout);
		text = end + 2;
	}
	put(text);
	(void)fputc('\n', stdout);
}

/* ---- postrider.conf(5) --------------------------------------------------- */

static const char *const CONF_HEAD =
	".Dd November 21, 2026\n.Dt POSTRIDER.CONF 5\n.Os\n.Sh NAME\n.Nm postrider.conf\n.Nd configuration of the mail transfer agent postrider\n"
	".Sh DESCRIPTION\nThe file holds options,\n.Ql name = value ,\nand sections,\n.Ql kind title { options } .\n"
	"Their order does not matter: where several could apply the most specific one does.\n"
	"A comment begins with\n.Ql #\nand ends with its line.\n"
	"Values with other characters than letters, digits and\n.Ql ._@:/-\nstand in quotes.\n"
	"A list is\n.Ql {a, b} .\n.Pp\n"
	"Sizes are\n.Ql 20MB\n(KB, MB, GB: powers of 1024), durations\n.Ql 5min\n(ms, s, min, h, d), rates\n.Ql 600/min\n"
	"(s, min, h, day: a token bucket whose burst is one unit's worth).\n.Ql off\nmeans none.\n"
	"There are no includes and no variables; secrets stand in files of their own.\n.Pp\n"
	"Everything counts after\n.Ql postrider reload ,\nbut\n.Cm state ,\n.Cm runtime\nand\n.Cm user ,\nwhich need a restart.\n"
	"A file that does not check leaves the old configuration in force.\n";

static const char *const CONF_TAIL =
	".Sh FILES\n.Bl -tag -width Ds\n.It Pa " SYSCONFDIR "/postrider/postrider.conf\nThe file, where neither\n.Fl c\nnor\n"
	".Ev POSTRIDER_CONFIG\nnames another.\nWhat everybody may write is refused.\n.El\n"
	".Sh EXAMPLES\n.Bd -literal -offset indent\nhostname = mx.example.org\nadmin    = anna@example.org\n"
	"tls { directory = \"/etc/letsencrypt/live\" }\ndomain example.org { subaddress = \"+\" }\n"
	"deliver maildir { path = \"/var/mail/:domain/:local/\" }\nlisten mx { port = 25 }\n.Ed\n"
	".Sh SEE ALSO\n.Xr postrider 1 ,\n.Xr postrider-events 5\n";

static const char *const TITLES[] = { [NO_TITLE] = "", [TITLE_NAME] = " Ar NAME", [TITLE_DOMAIN] = " Ar DOMAIN", [TITLE_PATTERN] = " Ar PATTERN" };

static void put_takes(const struct set_key *key)
{
	if (key->type != SET_ENUM) {
		(void)printf("Takes ");
		put(settings_type_text(key->type));
		(void)fputs(settings_value_may_be_off(key) ? ", or off.\n" : ".\n", stdout);
		return;
	}
	(void)fputs("One of ", stdout);
	for (const char *c = key->choices; *c; c++)
		(void)fputs(*c == '|' ? ", " : (char[]){ *c, '\0' }, stdout);
	(void)fputs(".\n", stdout);
}

static void put_key(const struct set_key *key)
{
	(void)printf(".It Cm %s\n", key->path);
	put_sentences(key->help);
	put_takes(key);
	if (key->deflt[0]) {
		(void)fputs("The default is\n.Ql ", stdout);
		put(key->deflt);
		(void)fputs(" .\n", stdout);
	}
	if (strcmp(key->readers, "-") == 0)
		(void)fputs("It is checked, but has no effect yet.\n", stdout);
}

static void conf_page(void)
{
	(void)fputs(CONF_HEAD, stdout);
	for (unsigned k = 0; k < settings_n_kinds; k++) {
		const struct set_kind *kind = &settings_kinds[k];

		if (k == 0)
			(void)fputs(".Ss Options outside any section\n", stdout);
		else
			(void)printf(".Ss %s\n.D1 Cm %s%s { No ... Cm }\n", kind->name, kind->name, TITLES[kind->title]);
		put_sentences(kind->help);
		(void)fputs(".Bl -tag -width Ds\n", stdout);
		for (unsigned i = 0; i < kind->n_keys; i++)
			put_key(&kind->keys[i]);
		(void)fputs(".El\n", stdout);
	}
	(void)fputs(CONF_TAIL, stdout);
}

/* ---- postrider-events(5) ------------------------------------------------- */

static const char *const EVENTS_HEAD =
	".Dd November 21, 2026\n.Dt POSTRIDER-EVENTS 5\n.Os\n.Sh NAME\n.Nm postrider-events\n.Nd what postrider tells about its work\n"
	".Sh DESCRIPTION\nOne fact is one event.\nEach becomes a line of the log, an object where\n.Cm log.format\nis\n.Cm json ,\n"
	"a row of\n.Ql postrider trace ,\nand often a counter.\nNames and fields are stable: new ones come, none is renamed.\n"
	"An object has the members\n.Cm v\n(the version, 1),\n.Cm t\n(the time, UTC),\n.Cm ev\n(the event's name),\n.Cm prog\n(the program), and\n.Cm id\n"
	"(the message's id, where the fact is about a message).\n.Ss Events\n.Bl -tag -width Ds\n";

static const char *const LEVELS[] = { "debug", "info", "warn", "error" };

static void events_page(void)
{
	(void)fputs(EVENTS_HEAD, stdout);
	for (int i = EV_NONE + 1; i < N_EVENTS; i++) {
		(void)printf(".It Cm %s Pq %s\n", event_kinds[i].name, LEVELS[event_kinds[i].level]);
		put_sentences(event_kinds[i].help);
		if (event_kinds[i].counter[0])
			(void)printf("Counted as\n.Cm %s .\n", event_kinds[i].counter);
	}
	(void)fputs(".El\n.Ss Fields\n.Bl -tag -width Ds\n", stdout);
	for (int i = EF_NONE + 1; i < N_EVENT_FIELDS; i++) {
		(void)printf(".It Cm %s Pq %s\n", event_fields[i].json, event_fields[i].is_num ? "number" : "text");
		put_sentences(event_fields[i].help);
	}
	(void)fputs(".El\n.Sh SEE ALSO\n.Xr postrider 1 ,\n.Xr postrider.conf 5\n", stdout);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "conf") == 0)
		conf_page();
	else if (argc == 2 && strcmp(argv[1], "events") == 0)
		events_page();
	else
		return EX_USAGE;
	return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}
