#include "master/config_cli.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "master/certificates.h"
#include "master/tables.h"
#include "master/config.h"
#include "master/config_lex.h"
#include "master/config_private.h"
#include "master/config_show.h"

#define SHOWN_MAX (64u << 20)	/* a configuration of the largest size, with all defaults */

/* What the command line asked for. */
struct request {
	const char *file;
	const char *name[16];
	int n_names;
	unsigned how;
};

/* A file that was read, and what is told about it. */
struct reading {
	struct buf text, told;
	struct config cfg;
	enum pr_err err;
};

static void say(FILE *to, const struct buf *b)
{
	(void)fwrite(buf_span(b).at, 1, b->len, to);
}

static void reading_begin(struct reading *r, const char *file, unsigned how)
{
	*r = (struct reading){ .err = PR_IO };
	buf_init(&r->text, CONFIG_FILE_MAX + 2 * 65536);
	buf_init(&r->told, CONFIG_COMPLAINTS_MAX);
	r->cfg.complaints = (struct complaints){ .file = file, .out = &r->told, .as_json = how & SHOW_JSON };
	r->err = config_read_file(file, &r->text, &r->cfg.complaints);
	if (r->err != PR_OK)
		return;
	r->cfg.complaints.text = buf_span(&r->text);
	r->err = config_open(&r->cfg);
}

static void reading_end(struct reading *r)
{
	config_close(&r->cfg);
	buf_fini(&r->told);
	buf_fini(&r->text);
}

static int usage(const char *why)
{
	(void)fprintf(stderr, "postrider config: %s\n"
	    "usage: postrider config check [--json] [FILE]\n"
	    "       postrider config show [--all] [--json]\n"
	    "       postrider config explain [--json] NAME\n"
	    "       postrider config value NAME…\n"
	    "       postrider config runtime\n", why);
	return EX_USAGE;
}

/* ---- check --------------------------------------------------------------- */

static void conclude(const struct reading *r)
{
	unsigned n = r->cfg.complaints.n_errors;

	if (n)
		(void)fprintf(stderr, "%s: %u error%s\n", r->cfg.complaints.file, n, n == 1 ? "" : "s");
	else
		(void)fprintf(stderr, "%s: good\n", r->cfg.complaints.file);
}

static void look_at_certificates(const struct settings *s, struct buf *problems)
{
	struct certificates *certificates = certificates_read(s, false, clock_now().wall_ms, problems);

	if (problems->len == 0 && s->tls.directory && certificates_count(certificates) == 0)
		buf_printf(problems, CERTIFICATES_NONE "\n", s->tls.directory);
	certificates_free(&certificates);
}

/* What the server would refuse or do without. No error: they may be there where it runs, or not be ours to read. */
static void warn_of_files(struct complaints *c, const struct settings *s)
{
	struct buf problems;
	struct span rest, line;

	buf_init(&problems, CONFIG_COMPLAINTS_MAX);
	look_at_certificates(s, &problems);
	tables_check(s, &problems);
	for (rest = buf_span(&problems); rest.len > 0;) {
		line = span_cut(&rest, '\n');
		complain(c, COMPLAINT_WARNING, NULL, "%.*s", SPAN_ARG(line));
	}
	buf_fini(&problems);
}

static int check(const struct request *q)
{
	struct reading r;
	bool is_json = q->how & SHOW_JSON;

	if (q->n_names > 1)
		return usage("one file at a time");
	reading_begin(&r, q->n_names ? q->name[0] : q->file, q->how);
	if (r.err == PR_OK) {
		config_note_unread(&r.cfg);
		if (r.cfg.settings->n_domain == 0)
			complain(&r.cfg.complaints, COMPLAINT_WARNING, NULL, "there is no `domain` section: nobody has mail here");
		warn_of_files(&r.cfg.complaints, r.cfg.settings);
	}
	say(is_json ? stdout : stderr, &r.told);
	if (!is_json)
		conclude(&r);
	reading_end(&r);
	return r.err == PR_OK ? EX_OK : EX_CONFIG;
}

/* ---- show, explain, value ------------------------------------------------ */

static int show(const struct request *q)
{
	struct reading r;
	struct buf out;

	if (q->n_names)
		return usage("`show` takes no name; `explain` does");
	reading_begin(&r, q->file, q->how & ~(unsigned)SHOW_JSON);
	say(stderr, &r.told);
	if (r.err == PR_OK) {
		buf_init(&out, SHOWN_MAX);
		config_show(&r.cfg, q->how, &out);
		say(stdout, &out);
		buf_fini(&out);
	}
	reading_end(&r);
	return r.err == PR_OK ? EX_OK : EX_CONFIG;
}

static struct span guess_name(struct span typed)
{
	struct span guess;
	struct buf names;

	buf_init(&names, 65536);
	for (unsigned k = 0; k < settings_n_kinds; k++) {
		(void)buf_printf(&names, "%s|", settings_kinds[k].name);
		for (unsigned i = 0; i < settings_kinds[k].n_keys; i++)
			(void)buf_printf(&names, "%s|%s.%s|", settings_kinds[k].keys[i].path, settings_kinds[k].name, settings_kinds[k].keys[i].path);
	}
	guess = complaint_guess(typed, buf_span(&names));
	if (guess.len)
		(void)fprintf(stderr, "; did you mean `%.*s`?", SPAN_ARG(guess));
	buf_fini(&names);
	return guess;
}

/* What an option is for is told without a configuration, too. */
static int explain(const struct request *q)
{
	struct reading r;
	struct buf out;
	enum pr_err err;

	if (q->n_names != 1)
		return usage("`explain` takes one name");
	reading_begin(&r, q->file, 0);
	buf_init(&out, SHOWN_MAX);
	err = config_explain(r.err == PR_OK ? &r.cfg : NULL, span_of_text(q->name[0]), q->how, &out);
	if (err == PR_OK) {
		say(stdout, &out);
	} else {
		(void)fprintf(stderr, "postrider config explain: there is no option or section `%s`", q->name[0]);
		(void)guess_name(span_of_text(q->name[0]));
		(void)fputc('\n', stderr);
	}
	buf_fini(&out);
	reading_end(&r);
	return err == PR_OK ? EX_OK : EX_USAGE;
}

static int value(const struct request *q)
{
	struct reading r;
	struct buf out;
	int status = EX_OK;

	reading_begin(&r, q->file, 0);
	buf_init(&out, SHOWN_MAX);
	if (r.err != PR_OK) {
		say(stderr, &r.told);
		status = EX_CONFIG;
	}
	for (int i = 0; i < q->n_names && status == EX_OK; i++) {
		if (config_value(&r.cfg, span_of_text(q->name[i]), &out) != PR_OK)
			status = usage("`value` takes names of options that can be set once, and of sections that have titles");
		(void)buf_add_char(&out, '\n');
	}
	if (status == EX_OK)
		say(stdout, &out);
	buf_fini(&out);
	reading_end(&r);
	return status;
}

/* Where the running server is found: what the file says, as far as it can be understood, else the default. In silence: who
 * asks has no use for more, and an admin who just broke the file must reach the server that runs. */
static void add_runtime(const struct reading *r, struct buf *out)
{
	const struct outline *o = &r->cfg.outline;
	const struct set_key *key = settings_key_find(settings_kinds, SPAN("runtime"));
	const struct outline_entry *entry = o->n_sections ? outline_find(o, &o->sections[0], key) : NULL;
	struct settings *defaults = settings_new();
	const char *text = r->cfg.settings ? r->cfg.settings->top.runtime : defaults->top.runtime;

	if (!r->cfg.settings && entry && entry->n_values)
		(void)buf_add(out, config_lex_inner(o->clean, &o->values[entry->first_value]));
	else
		(void)buf_add_text(out, text);
	settings_free(&defaults);
}

static int runtime(const struct request *q)
{
	struct reading r;
	struct buf out;

	if (q->n_names)
		return usage("`runtime` takes no name");
	reading_begin(&r, q->file, 0);
	buf_init(&out, SHOWN_MAX);
	add_runtime(&r, &out);
	(void)buf_add_char(&out, '\n');
	say(stdout, &out);
	buf_fini(&out);
	reading_end(&r);
	return r.err == PR_OK ? EX_OK : EX_CONFIG;
}

/* ---- arguments ----------------------------------------------------------- */

static const struct {
	const char *name;
	int (*run)(const struct request *);
	unsigned flags;
} verbs[] = {
	{ "check", check, SHOW_JSON }, { "show", show, SHOW_ALL | SHOW_JSON }, { "explain", explain, SHOW_JSON }, { "value", value, 0 },
	{ "runtime", runtime, 0 },
};

static unsigned flag_of(const char *word)
{
	if (strcmp(word, "--json") == 0)
		return SHOW_JSON;
	return strcmp(word, "--all") == 0 ? SHOW_ALL : 0;
}

static bool read_arguments(struct request *q, int argc, char **argv, unsigned flags)
{
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-' && !(flag_of(argv[i]) & flags))
			return false;
		if (argv[i][0] == '-')
			q->how |= flag_of(argv[i]);
		else if (q->n_names == (int)(sizeof(q->name) / sizeof(q->name[0])))
			return false;
		else
			q->name[q->n_names++] = argv[i];
	}
	return true;
}

int config_cli(int argc, char **argv, const char *file)
{
	struct request q = { .file = file };

	for (size_t i = 0; argc > 0 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(argv[0], verbs[i].name) != 0)
			continue;
		if (!read_arguments(&q, argc, argv, verbs[i].flags))
			return usage("unknown or too many arguments");
		int status = verbs[i].run(&q);

		return fflush(stdout) == 0 && !ferror(stdout) ? status : EX_IOERR;
	}
	return usage(argc > 0 ? "there is no such command" : "a command is missing");
}
