/* What runs and when, in simulated time: a machine that does what the core says and dies when the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "master/deaths.h"
#include "master/supervise.h"
#include "master/wires.h"

/* ---- a world of processes ----------------------------------------------------- */

struct world {
	struct supervise core;
	int64_t now;
	char did[16384];	/* what was done, a word each */
	unsigned wires, spawns, begins, drains, kills, forgets, readies, serves, reloads, ends, settings;
	bool gets_ready;	/* who is told to begin serves at once */
};

static const struct plan small = { .mx = 2, .relay = 1 };
static const struct drain_times times = { .idle_ms = 30000, .deadline_ms = 600000 };

static void word(struct world *w, const char *what, const struct unit *u)
{
	size_t len = strlen(w->did);

	snprintf(w->did + len, sizeof(w->did) - len, u ? "%s:%s/%u.%u " : "%s ", what, u ? wire_role_text(u->role) : "",
	    u ? u->instance : 0, u ? u->generation : 0);
}

static void perform(struct world *w)
{
	struct effect e;
	struct unit *begun[64];
	unsigned n = 0;

	while (supervise_take(&w->core, &e)) {
		switch (e.kind) {
		case DO_SPAWN: w->spawns++; word(w, "spawn", e.unit); break;
		case DO_WIRE:
			assert_true(wires_join(e.unit->role, e.other->role));
			w->wires++;
			break;
		case DO_BEGIN: w->begins++; word(w, "begin", e.unit); begun[n++ % 64] = e.unit; break;
		case DO_SETTINGS: w->settings++; word(w, "settings", e.unit); break;
		case DO_DRAIN: w->drains++; word(w, "drain", e.unit); break;
		case DO_KILL: w->kills++; word(w, "kill", e.unit); break;
		case DO_FORGET: w->forgets++; unit_free(e.unit); break;
		case DO_TELL_READY: w->readies++; word(w, "ready", NULL); break;
		case DO_TELL_SERVES: w->serves++; word(w, "serves", NULL); break;
		case DO_RELOAD: w->reloads++; word(w, "reload", NULL); break;
		case DO_END: w->ends++; break;
		}
	}
	for (unsigned i = 0; i < n && w->gets_ready; i++) {
		supervise_ready(&w->core, begun[i], w->now);
		perform(w);
	}
}

static void world_init(struct world *w, bool gets_ready)
{
	memset(w, 0, sizeof(*w));
	w->gets_ready = gets_ready;
	w->now = 1000;
	supervise_init(&w->core);
	supervise_start(&w->core, &small, 1, w->now);
	perform(w);
}

static void world_fini(struct world *w)
{
	supervise_fini(&w->core);
}

static struct unit *find(struct world *w, enum wire_role role, unsigned instance, uint32_t generation)
{
	LIST_EACH(node, &w->core.units) {
		struct unit *u = LIST_OWNER(node, struct unit, list);

		if (u->role == role && u->instance == instance && u->generation == generation)
			return u;
	}
	return NULL;
}

static void die(struct world *w, struct unit *u)
{
	assert_non_null(u);
	supervise_died(&w->core, u, w->now);
	perform(w);
}

static void pass(struct world *w, int64_t ms)
{
	w->now += ms;
	supervise_tick(&w->core, w->now);
	perform(w);
}

static unsigned count(struct world *w)
{
	unsigned n = 0;

	LIST_EACH(node, &w->core.units)
		n++;
	return n;
}

/* ---- start -------------------------------------------------------------------- */

static void t_start_wires_all_before_they_begin(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, false);
	assert_int_equal(w.spawns, 9);
	/* events with 8 others, auth with spool, relay and 2 smtpd, spool with 2 smtpd, relay and local, relay with 2 smtpd, dns with spool, relay and sign, sign with spool */
	assert_int_equal(w.wires, 8 + 4 + 4 + 2 + 3 + 1);
	assert_int_equal(w.begins, 7);	/* not the smtpd: nobody takes mail from them yet */
	supervise_ready(&w.core, find(&w, ROLE_AUTH, 0, 1), w.now);
	supervise_ready(&w.core, find(&w, ROLE_SPOOL, 0, 1), w.now);
	perform(&w);
	assert_int_equal(w.begins, 9);
	assert_int_equal(w.readies, 0);
	world_fini(&w);
}

static void t_ready_is_told_once(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, true);
	assert_int_equal(w.readies, 1);
	die(&w, find(&w, ROLE_SPOOL, 0, 1));
	pass(&w, 100);
	assert_int_equal(w.readies, 1);
	assert_int_equal(find(&w, ROLE_SPOOL, 0, 1)->state, UNIT_READY);
	world_fini(&w);
}

static void t_strangers_and_users_have_workers_apart(void **state)
{
	static const struct plan both = { .mx = 2, .submission = 2, .relay = 1 };
	struct world w = { .gets_ready = true, .now = 1000 };

	(void)state;
	supervise_init(&w.core);
	supervise_start(&w.core, &both, 1, w.now);
	perform(&w);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(find(&w, ROLE_SMTPD, i, 1)->group, i < 2 ? GROUP_MX : GROUP_SUBMISSION);
	die(&w, find(&w, ROLE_SMTPD, 3, 1));
	pass(&w, 100);
	assert_int_equal(find(&w, ROLE_SMTPD, 3, 1)->state, UNIT_READY);
	assert_int_equal(find(&w, ROLE_SMTPD, 3, 1)->group, GROUP_SUBMISSION);
	world_fini(&w);
}

static void t_users_send_though_nobody_can_check_strangers(void **state)
{
	static const struct plan both = { .mx = 1, .submission = 1, .verify = 1 };
	struct world w = { .now = 1000 };

	(void)state;
	supervise_init(&w.core);
	supervise_start(&w.core, &both, 1, w.now);
	perform(&w);
	for (unsigned i = 0; i < 3; i++)
		die(&w, find(&w, ROLE_VERIFY, 0, 1));
	supervise_ready(&w.core, find(&w, ROLE_AUTH, 0, 1), w.now);
	supervise_ready(&w.core, find(&w, ROLE_SPOOL, 0, 1), w.now);
	perform(&w);
	assert_int_equal(find(&w, ROLE_SMTPD, 0, 1)->state, UNIT_STARTING);
	assert_int_equal(find(&w, ROLE_SMTPD, 1, 1)->state, UNIT_BEGUN);
	world_fini(&w);
}

/* ---- death ---------------------------------------------------------------------- */

static void t_waits_double_and_a_long_life_forgives(void **state)
{
	static const int64_t waits[] = { 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000, 10000 };
	struct world w;
	struct unit *u;

	(void)state;
	world_init(&w, true);
	u = find(&w, ROLE_AUTH, 0, 1);
	for (unsigned i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		die(&w, u);
		assert_int_equal(u->state, UNIT_WAITING);
		assert_int_equal(supervise_due(&w.core), w.now + waits[i]);
		pass(&w, waits[i] - 1);
		assert_int_equal(u->state, UNIT_WAITING);
		pass(&w, 1);
		assert_int_equal(u->state, UNIT_READY);
	}
	assert_int_equal(u->restarts, 10);
	pass(&w, BACKOFF_RESET_MS);
	die(&w, u);
	assert_int_equal(u->due_at, w.now + 100);
	world_fini(&w);
}

static void t_a_hundred_deaths_of_each_end_nothing(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, true);
	for (unsigned i = 0; i < 800; i++) {
		unsigned at = 0;

		LIST_EACH(node, &w.core.units) {
			if (at++ != i % 8)
				continue;
			die(&w, LIST_OWNER(node, struct unit, list));
			break;
		}
		pass(&w, 10000);
	}
	assert_int_equal(count(&w), 9);
	LIST_EACH(node, &w.core.units)
		assert_int_equal(LIST_OWNER(node, struct unit, list)->state, UNIT_READY);
	world_fini(&w);
}

static void t_who_comes_back_is_wired_to_all_who_live(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, true);
	w.wires = 0;
	die(&w, find(&w, ROLE_SPOOL, 0, 1));
	die(&w, find(&w, ROLE_AUTH, 0, 1));
	pass(&w, 99);
	assert_int_equal(w.wires, 0);
	pass(&w, 1);
	/* spool: events, 2 smtpd, relay, local, dns, sign; auth: events, 2 smtpd, relay; and each other once */
	assert_int_equal(w.wires, 7 + 4 + 1);
	world_fini(&w);
}

static void t_smtpd_waits_for_a_spool(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, true);
	die(&w, find(&w, ROLE_SPOOL, 0, 1));
	w.now -= 50;
	die(&w, find(&w, ROLE_SMTPD, 1, 1));
	pass(&w, 100);
	assert_int_equal(find(&w, ROLE_SMTPD, 1, 1)->state, UNIT_STARTING);
	pass(&w, 50);
	assert_int_equal(find(&w, ROLE_SMTPD, 1, 1)->state, UNIT_READY);
	world_fini(&w);
}

static void t_who_breaks_the_protocol_is_killed_once_and_started_again(void **state)
{
	struct world w;
	struct unit *u;

	(void)state;
	world_init(&w, true);
	u = find(&w, ROLE_SMTPD, 0, 1);
	supervise_condemn(&w.core, u);
	supervise_condemn(&w.core, u);
	perform(&w);
	assert_int_equal(w.kills, 1);
	die(&w, u);
	pass(&w, 100);
	assert_int_equal(u->state, UNIT_READY);
	supervise_condemn(&w.core, u);
	perform(&w);
	assert_int_equal(w.kills, 2);
	world_fini(&w);
}

static void t_who_closes_its_channel_and_lives_is_killed(void **state)
{
	struct world w;
	struct unit *u;

	(void)state;
	world_init(&w, true);
	u = find(&w, ROLE_LOCAL, 0, 1);
	supervise_left(&w.core, u, w.now);
	pass(&w, KILL_GRACE_MS - 1);
	assert_int_equal(w.kills, 0);
	pass(&w, 1);
	assert_int_equal(w.kills, 1);
	die(&w, u);
	pass(&w, 100);
	assert_int_equal(u->state, UNIT_READY);
	assert_true(u->due_at == INT64_MAX);
	world_fini(&w);
}

/* ---- reload --------------------------------------------------------------------- */

static void reload(struct world *w, uint32_t generation)
{
	supervise_reload(&w->core, &small, generation, times, w->now);
	perform(w);
}

static void t_the_old_drain_when_all_new_serve(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, true);
	assert_true(supervise_may_reload(&w.core));
	w.gets_ready = false;
	w.did[0] = 0;
	reload(&w, 2);
	assert_int_equal(w.settings, 4);
	assert_true(strstr(w.did, "settings:spool/0.2") < strstr(w.did, "spawn:relay/0.2"));
	assert_int_equal(w.drains, 0);
	assert_int_equal(count(&w), 14);
	supervise_ready(&w.core, find(&w, ROLE_SMTPD, 0, 2), w.now);
	supervise_ready(&w.core, find(&w, ROLE_SMTPD, 1, 2), w.now);
	supervise_ready(&w.core, find(&w, ROLE_LOCAL, 0, 2), w.now);
	supervise_ready(&w.core, find(&w, ROLE_SIGN, 0, 2), w.now);
	perform(&w);
	assert_int_equal(w.serves, 0);
	supervise_ready(&w.core, find(&w, ROLE_RELAY, 0, 2), w.now);
	perform(&w);
	assert_int_equal(w.serves, 1);
	assert_int_equal(w.drains, 5);
	die(&w, find(&w, ROLE_SMTPD, 0, 1));
	die(&w, find(&w, ROLE_SMTPD, 1, 1));
	die(&w, find(&w, ROLE_SIGN, 0, 1));
	die(&w, find(&w, ROLE_LOCAL, 0, 1));
	die(&w, find(&w, ROLE_RELAY, 0, 1));
	assert_int_equal(count(&w), 9);
	assert_int_equal(w.forgets, 5);
	assert_int_equal(w.kills, 0);
	assert_int_equal(w.reloads, 0);
	world_fini(&w);
}

static void t_who_does_not_end_is_killed_after_the_deadline(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, true);
	reload(&w, 2);
	assert_int_equal(w.drains, 5);
	pass(&w, times.deadline_ms);
	assert_int_equal(w.kills, 0);
	pass(&w, KILL_GRACE_MS);
	assert_int_equal(w.kills, 5);
	pass(&w, HOURS(1));
	assert_int_equal(w.kills, 5);
	world_fini(&w);
}

static void t_reloads_that_come_meanwhile_are_joined(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, true);
	reload(&w, 2);
	for (int i = 0; i < 5; i++)
		assert_false(supervise_may_reload(&w.core));
	die(&w, find(&w, ROLE_SMTPD, 0, 1));
	die(&w, find(&w, ROLE_SMTPD, 1, 1));
	die(&w, find(&w, ROLE_SIGN, 0, 1));
	die(&w, find(&w, ROLE_LOCAL, 0, 1));
	assert_int_equal(w.reloads, 0);
	die(&w, find(&w, ROLE_RELAY, 0, 1));
	assert_int_equal(w.reloads, 1);
	reload(&w, 3);
	assert_int_equal(w.serves, 2);
	assert_int_equal(count(&w), 14);
	world_fini(&w);
}

static void t_the_old_go_on_while_the_new_can_not_start(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, true);
	w.gets_ready = false;
	reload(&w, 2);
	for (int i = 0; i < 50; i++) {
		die(&w, find(&w, ROLE_SMTPD, 0, 2));
		pass(&w, 10000);
	}
	assert_int_equal(w.drains, 0);
	assert_int_equal(find(&w, ROLE_SMTPD, 0, 1)->state, UNIT_READY);
	die(&w, find(&w, ROLE_SMTPD, 0, 1));
	pass(&w, 100);
	assert_int_equal(find(&w, ROLE_SMTPD, 0, 1)->state, UNIT_BEGUN);
	world_fini(&w);
}

static void t_a_dead_old_one_is_not_waited_for(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, true);
	die(&w, find(&w, ROLE_SMTPD, 0, 1));
	reload(&w, 2);
	assert_null(find(&w, ROLE_SMTPD, 0, 1));
	assert_int_equal(w.drains, 4);
	world_fini(&w);
}

static void t_a_new_spool_meets_both_generations_the_newest_last(void **state)
{
	struct world w;
	struct effect e;
	uint32_t last = 0;
	unsigned relays = 0;

	(void)state;
	world_init(&w, true);
	reload(&w, 2);
	die(&w, find(&w, ROLE_SPOOL, 0, 2));
	w.now += 100;
	supervise_tick(&w.core, w.now);
	while (supervise_take(&w.core, &e)) {
		const struct unit *relay = e.kind != DO_WIRE ? NULL : e.unit->role == ROLE_RELAY ? e.unit :
		    e.other->role == ROLE_RELAY ? e.other : NULL;

		if (!relay)
			continue;
		assert_true(relay->generation > last);
		last = relay->generation;
		relays++;
	}
	assert_int_equal(relays, 2);
	world_fini(&w);
}

/* ---- stop ------------------------------------------------------------------------ */

static void t_nobody_ends_before_who_needs_it(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, true);
	w.did[0] = 0;
	supervise_stop(&w.core, w.now);
	perform(&w);
	assert_string_equal(w.did, "drain:smtpd/0.1 drain:smtpd/1.1 ");
	w.did[0] = 0;
	die(&w, find(&w, ROLE_SMTPD, 0, 1));
	die(&w, find(&w, ROLE_SMTPD, 1, 1));
	assert_string_equal(w.did, "drain:spool/0.1 drain:local/0.1 drain:relay/0.1 ");
	w.did[0] = 0;
	die(&w, find(&w, ROLE_LOCAL, 0, 1));
	die(&w, find(&w, ROLE_SPOOL, 0, 1));
	die(&w, find(&w, ROLE_RELAY, 0, 1));
	assert_string_equal(w.did, "drain:auth/0.1 drain:dns/0.1 drain:sign/0.1 ");
	die(&w, find(&w, ROLE_AUTH, 0, 1));
	die(&w, find(&w, ROLE_DNS, 0, 1));
	die(&w, find(&w, ROLE_SIGN, 0, 1));
	assert_int_equal(w.ends, 0);
	die(&w, find(&w, ROLE_EVENTS, 0, 1));
	assert_int_equal(w.ends, 1);
	world_fini(&w);
}

static void t_a_spool_that_dies_while_smtpd_drains_comes_back(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, true);
	supervise_stop(&w.core, w.now);
	perform(&w);
	die(&w, find(&w, ROLE_SPOOL, 0, 1));
	pass(&w, 100);
	assert_int_equal(find(&w, ROLE_SPOOL, 0, 1)->state, UNIT_READY);
	world_fini(&w);
}

/* Workers know what came of deliveries, and nobody else does. */
static void t_a_stop_lets_a_spool_come_back_that_just_died(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, true);
	die(&w, find(&w, ROLE_SPOOL, 0, 1));
	w.did[0] = 0;
	supervise_stop(&w.core, w.now);
	perform(&w);
	die(&w, find(&w, ROLE_SMTPD, 0, 1));
	die(&w, find(&w, ROLE_SMTPD, 1, 1));
	assert_non_null(strstr(w.did, "drain:relay/0.1"));
	assert_non_null(strstr(w.did, "drain:spool/0.1"));
	assert_null(strstr(w.did, "kill:spool"));
	die(&w, find(&w, ROLE_LOCAL, 0, 1));
	die(&w, find(&w, ROLE_RELAY, 0, 1));
	die(&w, find(&w, ROLE_SPOOL, 0, 1));
	assert_null(find(&w, ROLE_SPOOL, 0, 1));
	world_fini(&w);
}

static void t_a_stop_ends_though_all_hang(void **state)
{
	struct world w;
	int64_t began;

	(void)state;
	world_init(&w, true);
	reload(&w, 2);
	began = w.now;
	supervise_stop(&w.core, w.now);
	perform(&w);
	for (int i = 0; i < 1000 && w.ends == 0; i++) {
		struct unit *killed = NULL;

		LIST_EACH(node, &w.core.units)
			if (LIST_OWNER(node, struct unit, list)->is_condemned)
				killed = LIST_OWNER(node, struct unit, list);
		if (killed)
			die(&w, killed);
		else
			pass(&w, supervise_due(&w.core) - w.now);
	}
	assert_int_equal(w.ends, 1);
	assert_true(w.now - began < SECONDS(60));
	world_fini(&w);
}

static void t_a_second_stop_kills(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, true);
	supervise_stop(&w.core, w.now);
	supervise_stop(&w.core, w.now);
	perform(&w);
	assert_int_equal(w.kills, 2);
	die(&w, find(&w, ROLE_SMTPD, 0, 1));
	die(&w, find(&w, ROLE_SMTPD, 1, 1));
	assert_int_equal(w.kills, 5);
	assert_false(supervise_may_reload(&w.core));
	world_fini(&w);
}

/* ---- who died over what, who talks to whom ------------------------------------------ */

static void t_the_second_death_over_a_message_sets_it_aside(void **state)
{
	static struct deaths d;
	struct msg_id one = { { 1 } }, two = { { 2 } };

	(void)state;
	assert_false(deaths_note(&d, &one, ROLE_SMTPD));
	assert_false(deaths_note(&d, &two, ROLE_SMTPD));
	assert_null(deaths_take_untold(&d));
	assert_true(deaths_note(&d, &one, ROLE_LOCAL));
	assert_true(id_eq(&deaths_take_untold(&d)->id, &one));
	assert_null(deaths_take_untold(&d));
	assert_false(deaths_note(&d, &one, ROLE_LOCAL));
	assert_null(deaths_take_untold(&d));
	assert_false(deaths_note(&d, &one, ROLE_SPOOL));
	assert_true(id_eq(&deaths_take_untold(&d)->id, &one));
	for (unsigned i = 0; i < DEATHS_MAX; i++) {
		struct msg_id other = { { 9, (unsigned char)i, (unsigned char)(i >> 8) } };

		assert_false(deaths_note(&d, &other, ROLE_SPOOL));
	}
	assert_false(deaths_note(&d, &two, ROLE_SMTPD));
}

static void t_wires_are_those_of_the_design(void **state)
{
	static const char *const rows[N_ROLES] = {
		/*                  M S A Q R L D K V E C */
		[ROLE_MASTER] =    "-----------",
		[ROLE_SMTPD] =     "--xxx---xx-",
		[ROLE_AUTH] =      "-x-xx----x-",
		[ROLE_SPOOL] =     "-xx-xxxx-x-",
		[ROLE_RELAY] =     "-xxx--x--x-",
		[ROLE_LOCAL] =     "---x-----x-",
		[ROLE_DNS] =       "---xx--xxx-",
		[ROLE_SIGN] =      "---x--x--x-",
		[ROLE_VERIFY] =    "-x----x--x-",
		[ROLE_EVENTS] =    "-xxxxxxxx--",
		[ROLE_CTL] =       "-----------",
	};

	(void)state;
	for (unsigned a = 0; a < N_ROLES; a++)
		for (unsigned b = 0; b < N_ROLES; b++)
			assert_int_equal(wires_join(a, b), rows[a][b] == 'x');
	assert_true(wires_meet_ctl(ROLE_SPOOL) && wires_meet_ctl(ROLE_EVENTS) && wires_meet_ctl(ROLE_AUTH) && wires_meet_ctl(ROLE_DNS) &&
	    wires_meet_ctl(ROLE_SIGN) && wires_meet_ctl(ROLE_VERIFY));
	assert_false(wires_meet_ctl(ROLE_SMTPD) || wires_meet_ctl(ROLE_LOCAL) || wires_meet_ctl(200));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_start_wires_all_before_they_begin),
		cmocka_unit_test(t_ready_is_told_once),
		cmocka_unit_test(t_strangers_and_users_have_workers_apart),
		cmocka_unit_test(t_users_send_though_nobody_can_check_strangers),
		cmocka_unit_test(t_waits_double_and_a_long_life_forgives),
		cmocka_unit_test(t_a_hundred_deaths_of_each_end_nothing),
		cmocka_unit_test(t_who_comes_back_is_wired_to_all_who_live),
		cmocka_unit_test(t_smtpd_waits_for_a_spool),
		cmocka_unit_test(t_who_breaks_the_protocol_is_killed_once_and_started_again),
		cmocka_unit_test(t_who_closes_its_channel_and_lives_is_killed),
		cmocka_unit_test(t_the_old_drain_when_all_new_serve),
		cmocka_unit_test(t_who_does_not_end_is_killed_after_the_deadline),
		cmocka_unit_test(t_reloads_that_come_meanwhile_are_joined),
		cmocka_unit_test(t_the_old_go_on_while_the_new_can_not_start),
		cmocka_unit_test(t_a_dead_old_one_is_not_waited_for),
		cmocka_unit_test(t_a_new_spool_meets_both_generations_the_newest_last),
		cmocka_unit_test(t_nobody_ends_before_who_needs_it),
		cmocka_unit_test(t_a_spool_that_dies_while_smtpd_drains_comes_back),
		cmocka_unit_test(t_a_stop_lets_a_spool_come_back_that_just_died),
		cmocka_unit_test(t_a_stop_ends_though_all_hang),
		cmocka_unit_test(t_a_second_stop_kills),
		cmocka_unit_test(t_the_second_death_over_a_message_sets_it_aside),
		cmocka_unit_test(t_wires_are_those_of_the_design),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
