#include "ctl/dry_run.h"

#include <stdarg.h>
#include <stdio.h>
#include <sysexits.h>

#include "ctl/json.h"
#include "ctl/master.h"
#include "ctl/say.h"

#define REASON_MAX 2048

void dry_run_init(struct dry_run *d, struct call *call, struct span about)
{
	*d = (struct dry_run){ .call = call, .about = about, .status = EX_OK };
	arena_init(&d->arena, 4096);
	configured_init(&d->configured);
}

void dry_run_fini(struct dry_run *d)
{
	configured_fini(&d->configured);
	arena_fini(&d->arena);
}

static void tell_in_words(const char *step, const char *result, const char *reason)
{
	(void)printf("%-9s%-14s", step, result);
	say_add(stdout, span_of_text(reason));
	(void)putchar('\n');
}

static void tell_as_object(const struct dry_run *d, const char *step, const char *result, const char *reason)
{
	json_t *o = json_object();

	json_object_set_new(o, "address", json_of_span(d->about));
	json_object_set_new(o, "step", json_string(step));
	json_object_set_new(o, "result", json_string(result));
	json_object_set_new(o, "reason", json_of_span(span_of_text(reason)));
	json_print_line(o);
}

void dry_run_tell(const struct dry_run *d, const char *step, const char *result, const char *fmt, ...)
{
	char reason[REASON_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	if (d->call->flags & CALL_JSON)
		tell_as_object(d, step, result, reason);
	else
		tell_in_words(step, result, reason);
	(void)fflush(stdout);	/* a child that asks the configuration would say it once more */
}

void dry_run_worse(struct dry_run *d, int status)
{
	if (d->status == EX_OK)
		d->status = status;
}

int dry_run_configured(struct dry_run *d, const struct configured **out)
{
	int status = d->has_configured ? EX_OK : master_configured(d->call, &d->configured);

	d->has_configured = status == EX_OK;
	*out = &d->configured;
	return status;
}
