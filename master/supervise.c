#include "master/supervise.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "master/wires.h"

#define SET(role) (1u << (role))
#define REPLACED (SET(ROLE_SMTPD) | SET(ROLE_RELAY) | SET(ROLE_LOCAL) | SET(ROLE_SIGN) | SET(ROLE_VERIFY))

/* Who ends when: nobody before those that may still need it. Auth, dns,
 * sign, verify and events have nothing to wait for. All together must be under the 60 s that the
 * service manager waits. */
static const struct {
	unsigned roles;
	int64_t deadline_ms;
} stop_stages[] = {
	{ 0, 0 },
	{ SET(ROLE_SMTPD), STOP_DEADLINE_MS },
	{ SET(ROLE_SPOOL) | SET(ROLE_RELAY) | SET(ROLE_LOCAL), STOP_DEADLINE_MS },
	{ SET(ROLE_AUTH) | SET(ROLE_DNS) | SET(ROLE_SIGN) | SET(ROLE_VERIFY), STOP_LAST_MS },
	{ SET(ROLE_EVENTS), STOP_LAST_MS },
};
#define LAST_STAGE (sizeof(stop_stages) / sizeof(*stop_stages) - 1)

static struct unit *unit_of(struct list *node)
{
	return LIST_OWNER(node, struct unit, list);
}

static bool is_replaced(const struct unit *u)
{
	return REPLACED & SET(u->role);
}

static bool is_old(const struct supervise *s, const struct unit *u)
{
	return is_replaced(u) && u->generation != s->generation;
}

/* ---- birth, and what is to be done ------------------------------------------ */

void supervise_init(struct supervise *s)
{
	*s = (struct supervise){ .generation = 0 };
	list_init(&s->units);
}

void supervise_fini(struct supervise *s)
{
	struct list *node;

	while ((node = list_take_first(&s->units)))
		unit_free(unit_of(node));
	mem_free(s->effects);
	s->effects = NULL;
}

void unit_free(struct unit *u)
{
	mem_free(u);
}

static struct effect *effect_add(struct supervise *s, enum effect_kind kind, struct unit *u)
{
	if (s->n_effects == s->effects_room) {
		s->effects_room = s->effects_room ? s->effects_room * 2 : 64;
		s->effects = mem_resize(s->effects, s->effects_room * sizeof(*s->effects));
	}
	s->effects[s->n_effects] = (struct effect){ .kind = kind, .unit = u };
	return &s->effects[s->n_effects++];
}

bool supervise_take(struct supervise *s, struct effect *out)
{
	if (s->effects_taken == s->n_effects) {
		s->effects_taken = s->n_effects = 0;
		return false;
	}
	*out = s->effects[s->effects_taken++];
	return true;
}

int64_t supervise_due(const struct supervise *s)
{
	int64_t due = INT64_MAX;

	LIST_EACH(node, &s->units) {
		const struct unit *u = unit_of(node);

		if (u->due_at < due)
			due = u->due_at;
	}
	return due;
}

static struct unit *add_unit(struct supervise *s, enum wire_role role, unsigned instance, int64_t now)
{
	struct unit *u = mem_new(sizeof(*u));

	u->role = role;
	u->instance = (uint16_t)instance;
	u->generation = s->generation;
	u->state = UNIT_WAITING;
	u->due_at = now;
	list_add_last(&s->units, &u->list);
	return u;
}

static void add_generation(struct supervise *s, const struct plan *plan, int64_t now)
{
	add_unit(s, ROLE_LOCAL, 0, now);
	add_unit(s, ROLE_SIGN, 0, now);
	for (unsigned i = 0; i < plan->relay; i++)
		add_unit(s, ROLE_RELAY, i, now);
	for (unsigned i = 0; i < plan->verify; i++)
		add_unit(s, ROLE_VERIFY, i, now);
	for (unsigned i = 0; i < plan->mx + plan->submission; i++)
		add_unit(s, ROLE_SMTPD, i, now)->group = i < plan->mx ? GROUP_MX : GROUP_SUBMISSION;
}

/* ---- work: what follows from the state of all -------------------------------- */

bool supervise_role_is_ready(const struct supervise *s, enum wire_role role)
{
	LIST_EACH(node, &s->units)
		if (unit_of(node)->role == role && unit_of(node)->state == UNIT_READY)
			return true;
	return false;
}

static void spawn_due(struct supervise *s, int64_t now)
{
	LIST_EACH(node, &s->units) {
		struct unit *u = unit_of(node);

		if (u->state != UNIT_WAITING || u->due_at > now)
			continue;
		u->state = UNIT_STARTING;
		u->due_at = u->drain_by ? u->drain_by : INT64_MAX;
		u->since = now;
		u->is_unwired = true;
		u->is_condemned = false;
		if (!is_replaced(u))
			u->generation = s->generation;
		effect_add(s, DO_SPAWN, u);
	}
}

/* Each pair of which one end is new, once; old generations first, so that the newest wire is the last one told. */
static void wire_new(struct supervise *s)
{
	LIST_EACH(a, &s->units) {
		for (struct list *b = a->next; b != &s->units; b = b->next) {
			struct unit *one = unit_of(a), *two = unit_of(b);

			if (!unit_is_alive(one) || !unit_is_alive(two) || !(one->is_unwired || two->is_unwired))
				continue;
			if (wires_join(one->role, two->role))
				effect_add(s, DO_WIRE, one)->other = two;
		}
	}
	LIST_EACH(node, &s->units)
		unit_of(node)->is_unwired = false;
}

/* Nobody waits for a role that nobody has. */
static bool is_served(const struct supervise *s, enum wire_role role)
{
	LIST_EACH(node, &s->units)
		if (unit_of(node)->role == role)
			return supervise_role_is_ready(s, role);
	return true;
}

/* smtpd takes connections when there is somebody to ask and to give mail to; until then they wait in the kernel. What users send
 * is not checked. */
static bool may_begin(const struct supervise *s, const struct unit *u)
{
	if (u->role != ROLE_SMTPD)
		return true;
	return is_served(s, ROLE_SPOOL) && is_served(s, ROLE_AUTH) && (u->group == GROUP_SUBMISSION || is_served(s, ROLE_VERIFY));
}

static void begin_wired(struct supervise *s)
{
	LIST_EACH(node, &s->units) {
		struct unit *u = unit_of(node);

		if (u->state == UNIT_STARTING && may_begin(s, u)) {
			u->state = UNIT_BEGUN;
			effect_add(s, DO_BEGIN, u);
		}
	}
}

static void forget(struct supervise *s, struct unit *u)
{
	list_remove(&u->list);
	effect_add(s, DO_FORGET, u);
}

static void kill_unit(struct supervise *s, struct unit *u)
{
	u->is_condemned = true;
	effect_add(s, DO_KILL, u);
}

/* A stop that meets a spool which is about to come back lets it: workers hold what came of deliveries, and would tell nobody. */
static bool comes_first(const struct supervise *s, const struct unit *u, struct drain_times times)
{
	return u->role == ROLE_SPOOL && times.stops && !s->is_hurried && u->state != UNIT_READY && u->state != UNIT_DRAINING;
}

/* What does not serve yet holds nothing that draining could save. */
static void drain(struct supervise *s, struct unit *u, struct drain_times times, int64_t now)
{
	bool serves = u->state == UNIT_READY && !s->is_hurried;
	int64_t kill_at = now + times.deadline_ms + KILL_GRACE_MS;

	if (u->state == UNIT_DRAINING) {
		u->due_at = u->due_at < kill_at || u->is_condemned ? u->due_at : kill_at;
		return;
	}
	if (comes_first(s, u, times)) {
		u->drain_by = kill_at;
		u->due_at = u->state == UNIT_WAITING ? now : kill_at;
		return;
	}
	if (u->state == UNIT_WAITING) {
		forget(s, u);
		return;
	}
	u->state = UNIT_DRAINING;
	u->due_at = serves ? kill_at : INT64_MAX;
	if (serves)
		effect_add(s, DO_DRAIN, u)->times = times;
	else
		kill_unit(s, u);
}

static bool all_ready(const struct supervise *s)
{
	LIST_EACH(node, &s->units) {
		const struct unit *u = unit_of(node);

		if (!is_old(s, u) && u->state != UNIT_READY)
			return false;
	}
	return true;
}

static bool has_old(const struct supervise *s)
{
	LIST_EACH(node, &s->units)
		if (is_old(s, unit_of(node)))
			return true;
	return false;
}

static void finish_reload(struct supervise *s, int64_t now)
{
	s->is_reloading = false;
	LIST_EACH_SAFE(node, &s->units)
		if (is_old(s, unit_of(node)))
			drain(s, unit_of(node), s->old_times, now);
	effect_add(s, DO_TELL_SERVES, NULL);
}

static void settle_generations(struct supervise *s, int64_t now)
{
	if (s->is_reloading && all_ready(s))
		finish_reload(s, now);
	if (!s->is_ready && all_ready(s)) {
		s->is_ready = true;
		effect_add(s, DO_TELL_READY, NULL);
	}
	if (s->reload_waits && !s->is_reloading && !has_old(s)) {
		s->reload_waits = false;
		effect_add(s, DO_RELOAD, NULL);
	}
}

static bool stage_is_over(const struct supervise *s)
{
	LIST_EACH(node, &s->units)
		if (stop_stages[s->stop_stage].roles & SET(unit_of(node)->role))
			return false;
	return true;
}

static void settle_stop(struct supervise *s, int64_t now)
{
	struct drain_times times = { .idle_ms = 0, .stops = true };

	while (stage_is_over(s)) {
		if (s->stop_stage == LAST_STAGE) {
			effect_add(s, DO_END, NULL);
			return;
		}
		times.deadline_ms = stop_stages[++s->stop_stage].deadline_ms;
		LIST_EACH_SAFE(node, &s->units)
			if (stop_stages[s->stop_stage].roles & SET(unit_of(node)->role))
				drain(s, unit_of(node), times, now);
	}
}

static void drain_late(struct supervise *s, int64_t now)
{
	struct drain_times times = { .idle_ms = 0, .deadline_ms = STOP_DEADLINE_MS, .stops = true };

	LIST_EACH_SAFE(node, &s->units)
		if (unit_of(node)->drain_by && unit_of(node)->state == UNIT_READY)
			drain(s, unit_of(node), times, now);
}

static void settle(struct supervise *s, int64_t now)
{
	if (s->is_stopping)
		settle_stop(s, now);
	spawn_due(s, now);
	wire_new(s);
	begin_wired(s);
	drain_late(s, now);
	if (!s->is_stopping)
		settle_generations(s, now);
}

/* ---- events ------------------------------------------------------------------- */

void supervise_start(struct supervise *s, const struct plan *plan, uint32_t generation, int64_t now)
{
	s->generation = generation;
	add_unit(s, ROLE_EVENTS, 0, now);
	add_unit(s, ROLE_AUTH, 0, now);
	add_unit(s, ROLE_DNS, 0, now);
	add_unit(s, ROLE_SPOOL, 0, now);
	add_generation(s, plan, now);
	settle(s, now);
}

void supervise_lend(struct supervise *s, uint32_t generation, int64_t now)
{
	s->generation = generation;
	add_unit(s, ROLE_DNS, 0, now);
	add_unit(s, ROLE_VERIFY, 0, now);
	settle(s, now);
}

void supervise_ready(struct supervise *s, struct unit *u, int64_t now)
{
	if (u->state == UNIT_BEGUN)
		u->state = UNIT_READY;
	settle(s, now);
}

static bool is_over(const struct supervise *s, const struct unit *u)
{
	if (u->state == UNIT_DRAINING)
		return true;
	for (unsigned i = 1; i <= s->stop_stage; i++)
		if (stop_stages[i].roles & SET(u->role))
			return true;
	return false;
}

void supervise_died(struct supervise *s, struct unit *u, int64_t now)
{
	if (is_over(s, u)) {
		forget(s, u);
	} else {
		if (u->backoff_ms == 0 || now - u->since >= BACKOFF_RESET_MS)
			u->backoff_ms = BACKOFF_FIRST_MS;
		else
			u->backoff_ms = u->backoff_ms * 2 > BACKOFF_LAST_MS ? BACKOFF_LAST_MS : u->backoff_ms * 2;
		u->state = UNIT_WAITING;
		u->due_at = now + u->backoff_ms;
		u->restarts++;
	}
	settle(s, now);
}

void supervise_left(struct supervise *s, struct unit *u, int64_t now)
{
	if (unit_is_alive(u) && !u->is_condemned && u->due_at > now + KILL_GRACE_MS)
		u->due_at = now + KILL_GRACE_MS;
	settle(s, now);
}

void supervise_tick(struct supervise *s, int64_t now)
{
	LIST_EACH(node, &s->units) {
		struct unit *u = unit_of(node);

		if (unit_is_alive(u) && u->due_at <= now) {
			u->due_at = INT64_MAX;
			kill_unit(s, u);
		}
	}
	settle(s, now);
}

bool supervise_may_reload(struct supervise *s)
{
	if (s->is_stopping)
		return false;
	s->reload_waits = s->is_reloading || has_old(s);
	return !s->reload_waits;
}

void supervise_reload(struct supervise *s, const struct plan *plan, uint32_t generation, struct drain_times times, int64_t now)
{
	BUG_ON(s->is_reloading || has_old(s));
	s->generation = generation;
	s->old_times = times;
	s->is_reloading = true;
	/* Before the new workers are wired: who gives out work must know what their settings call it. */
	LIST_EACH(node, &s->units) {
		struct unit *u = unit_of(node);

		if (is_replaced(u))
			continue;
		u->generation = generation;
		if (unit_is_alive(u))
			effect_add(s, DO_SETTINGS, u);
	}
	add_generation(s, plan, now);
	settle(s, now);
}

void supervise_condemn(struct supervise *s, struct unit *u)
{
	if (unit_is_alive(u) && !u->is_condemned)
		kill_unit(s, u);
}

void supervise_stop(struct supervise *s, int64_t now)
{
	s->is_hurried = s->is_stopping;
	s->is_stopping = true;
	s->reload_waits = s->is_reloading = false;
	if (s->is_hurried)
		LIST_EACH(node, &s->units)
			if (unit_of(node)->state == UNIT_DRAINING || unit_of(node)->drain_by)
				supervise_condemn(s, unit_of(node));
	settle(s, now);
}
