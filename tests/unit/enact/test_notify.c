/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notifications: once for each time their condition becomes true, whoever leads. */
#define OWN_CLOCK_JUMPS 1
#include "rig.h"

#define GOLD ((struct path_key){"pe1", "pe2", "be"})
#define BACK ((struct path_key){"pe2", "pe1", "be"})

#define NOTE                                                                                       \
	SITES "CREATE Notification late Query measured_delay, up From gold Condition "             \
	      "gold.measured_delay > 20 Listener ops;\n"

static void delay(int64_t ms)
{
	path_attr(BACK, ATTR_DELAY_US, 1000);
	path_attr(GOLD, ATTR_DELAY_US, ms * 1000);
	UNTIL(looked());
}

/* What was told when all is quiet. */
static unsigned int told(struct node *n)
{
	settle();
	UNTIL(n->enact->n_untold == 0 && !n->enact->telling);
	settle();
	return events(n).n;
}

static void test_fires_once(void **state)
{
	struct node *n = &nodes[0];
	json_t *event;

	apply(n, NOTE);
	UNTIL(n->enact->leads);
	delay(10);
	assert_int_equal(told(n), 0);
	delay(30);
	UNTIL(events(n).n == 1);
	delay(40);
	delay(50);
	assert_int_equal(told(n), 1);
	assert_int_equal(json_parse(events(n).last, strlen(events(n).last), &event, NULL), 0);
	assert_string_equal(json_string_value(json_object_get(event, "notification")), "late");
	assert_string_equal(json_string_value(json_object_get(event, "listener")), "ops");
	assert_string_equal(json_string_value(json_object_get(event, "reason")),
			    "gold.measured_delay > 20");
	assert_non_null(strstr(events(n).last, "\"measured_delay\":30"));
	json_decref(event);
}

/* False and unknown make it ready again. */
static void test_rearms(void **state)
{
	struct node *n = &nodes[0];

	apply(n, NOTE);
	UNTIL(n->enact->leads);
	delay(30);
	UNTIL(events(n).n == 1);
	delay(10);
	delay(30);
	UNTIL(events(n).n == 2);
	view_path_attr_del(&n->view, GOLD, ATTR_DELAY_US);
	UNTIL(looked());
	delay(30);
	UNTIL(events(n).n == 3);
}

/* True when it is created: that is from false to true. Another one of the same name is new. */
static void test_created_true(void **state)
{
	struct node *n = &nodes[0];

	delay(30);
	UNTIL(n->enact->leads);
	apply(n, NOTE);
	UNTIL(events(n).n == 1);
	apply(n, "CREATE CFN more Type l2group;");
	assert_int_equal(told(n), 1);
	apply(n, "UPDATE Notification late Condition gold.measured_delay > 25;");
	UNTIL(events(n).n == 2);
}

static struct node *other_leads(struct node *leader, struct node *other)
{
	node_close(leader);
	UNTIL(other->enact->leads);
	return other;
}

/* Who takes over does not tell again what was told, and tells what comes. */
static void test_leader_changes(void **state)
{
	struct node *n = &nodes[0], *m = node_open(1);

	apply(n, NOTE);
	UNTIL(n->enact->leads);
	assert_false(m->enact->leads);
	delay(30);
	UNTIL(events(m).n == 1);
	assert_int_equal(told(m), 1);
	other_leads(n, m);
	assert_int_equal(told(m), 1);
	delay(10);
	delay(30);
	UNTIL(events(m).n == 2);
	assert_int_equal(told(m), 2);
}

/* It became true while nobody could tell: who takes over does. */
static void test_leader_was_silent(void **state)
{
	struct node *n = &nodes[0], *m = node_open(1);

	apply(n, NOTE);
	UNTIL(n->enact->leads);
	n->enact->leads = false; /* hangs, while it still has its lease */
	delay(30);
	assert_int_equal(told(m), 0);
	other_leads(n, m);
	UNTIL(events(m).n == 1);
	assert_int_equal(told(m), 1);
}

/* All hosts start anew while it is true: it was told. */
static void test_restart(void **state)
{
	struct node *n = &nodes[0];

	apply(n, NOTE);
	UNTIL(n->enact->leads);
	delay(30);
	UNTIL(events(n).n == 1);
	node_close(n);
	rig_delay_ms = 30;
	node_open(0);
	UNTIL(n->enact->leads);
	assert_int_equal(told(n), 1);
	delay(30);
	assert_int_equal(told(n), 1);
	rig_delay_ms = 0;
}

#define REDIRECT SITES "CREATE Operation o Target backup Priority 10 Action redirect: \"gold\";\n"

/* A goal that is down is told once, also over a change of the leader. */
static void test_goal_down_once(void **state)
{
	struct node *n = &nodes[0], *m = node_open(1);

	apply(n, REDIRECT);
	UNTIL(n->enact->leads);
	path_attr(GOLD, ATTR_LOSS_PPM, 1000000);
	UNTIL(events(m).n == 1);
	assert_non_null(strstr(events(m).last, "goal down: "));
	other_leads(n, m);
	assert_int_equal(told(m), 1);
	path_attr(GOLD, ATTR_LOSS_PPM, 0);
	UNTIL(events(m).n == 2);
	assert_non_null(strstr(events(m).last, "goal up"));
}

/* Packets of a flow over all hosts. */
static void test_counters(void **state)
{
	struct node *n = &nodes[0];

	apply(n,
	      REDIRECT "CREATE Notification many Condition backup.packets >= 1000 Listener ops;\n");
	UNTIL(n->enact->leads);
	n->packets[enact_act_home("acme/o")] = 900;
	enact_counts_now(n->enact);
	UNTIL(n->enact->acts && n->enact->acts->last.packets == 900);
	assert_int_equal(told(n), 0);
	n->packets[enact_act_home("acme/o")] = 1100;
	UNTIL(events(n).n == 1);
}

/* ---- many at once ---- */

/* That many notifications of a flow's counter; nobody's own values are needed. */
static char *many(unsigned int n)
{
	size_t size = 2048 + n * 128, len;
	char *script = malloc(size);

	len = (size_t)snprintf(script, size, SITES);
	for (unsigned int i = 0; i < n; i++)
		len += (size_t)snprintf(script + len, size - len,
					"CREATE Notification n%u Condition gold.measured_delay > "
					"20 Listener somebody;\n",
					i);
	return script;
}

static unsigned int events_of(struct node *n, const char *tenant)
{
	struct events e = {0};

	intent_events(n->intent, tenant, 0, count_one, &e);
	return e.n;
}

/* However many become true at once, none is lost. */
static void test_none_is_lost(void **state)
{
	struct node *n = &nodes[0];
	OWN_PTR char *script = many(1100);
	unsigned int kept = intent_limits.events;

	enact_tell_rate = 100000;
	intent_limits.events = 10000;
	apply(n, script);
	UNTIL(n->enact->leads);
	delay(30);
	UNTIL(n->enact->stats.notified == 1100);
	UNTIL(events_of(n, "acme") == 1100);
	assert_int_equal(told(n), 1100);
	assert_int_equal(n->enact->stats.notified, 1100);
	intent_limits.events = kept;
	enact_tell_rate = 100;
}

/* Tenants take turns, and each has its rate. */
static void test_tenants_take_turns(void **state)
{
	struct node *n = &nodes[0];
	OWN_PTR char *script = many(150);

	enact_tell_rate = 50;
	apply(n, script);
	assert_int_equal(try_apply(n, "zeta", NOTE, NULL), 0);
	UNTIL(n->enact->leads);
	delay(30);
	UNTIL(events_of(n, "zeta") == 1);
	assert_true(events_of(n, "acme") <= 5);
	UNTIL(events_of(n, "acme") >= 50);
	assert_int_not_equal(n->enact->n_untold, 0);
	/* what waits stays over a commit */
	apply(n, "CREATE CFN more Type l2group;");
	UNTIL(events_of(n, "acme") == 150);
	enact_tell_rate = 100;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_fires_once),	   T(test_rearms),
		T(test_created_true),	   T(test_leader_changes),
		T(test_leader_was_silent), T(test_restart),
		T(test_goal_down_once),	   T(test_counters),
		T(test_none_is_lost),	   T(test_tenants_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
