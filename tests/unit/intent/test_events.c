/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notifications, how far listeners are, the clock of testbeds, figures of hosts, the leader. */
#include "unit/intent/rig.h"

struct heard {
	unsigned int n;
	uint64_t last;
	char tenant[NAME_LEN], text[512];
};

static void on_event(void *arg, const char *tenant, uint64_t sequence, const char *text)
{
	struct heard *h = arg;

	h->n++;
	h->last = sequence;
	snprintf(h->tenant, sizeof(h->tenant), "%s", tenant);
	snprintf(h->text, sizeof(h->text), "%s", text);
}

static int event(int at, const char *tenant, const char *name)
{
	const struct intent_event e = {.notification = name,
				       .listener = "ops",
				       .time = "2026-01-01T00:00:00Z",
				       .values = json("{\"cpu_load\": 90}"),
				       .reason = "x.cpu_load > 80"};
	struct answer a;

	return answered(intent_event_put(host[at].in, tenant, &e, into(&a), &err), &a);
}

static bool on_kept(void *arg, uint64_t sequence, const char *text)
{
	char *list = arg;

	snprintf(list + strlen(list), 256 - strlen(list), "%" PRIu64 " ", sequence);
	return sequence < 100;
}

static const char *kept(int at, const char *tenant, uint64_t after)
{
	static char list[256];

	list[0] = '\0';
	intent_events(host[at].in, tenant, after, on_kept, list);
	return list;
}

static void test_events(void **state)
{
	struct heard heard[2] = {0};
	struct intent_listen listen[2] = {{.event = on_event, .arg = &heard[0]},
					  {.event = on_event, .arg = &heard[1]}};

	intent_listen(host[0].in, &listen[0]);
	intent_listen(host[1].in, &listen[1]);
	assert_int_equal(event(0, "a", "hot"), 0);
	assert_int_equal(event(0, "a", "hot"), 0);
	assert_int_equal(event(0, "b", "hot"), 0);
	turn();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(heard[i].n, 3);
		assert_string_equal(heard[i].tenant, "b");
		assert_int_equal(heard[i].last, 1);
		assert_string_equal(heard[i].text, "{\"listener\":\"ops\",\"notification\":\"hot\","
						   "\"reason\":\"x.cpu_load > 80\",\"sequence\":1,"
						   "\"time\":\"2026-01-01T00:00:00Z\","
						   "\"values\":{\"cpu_load\":90}}");
	}
	assert_string_equal(kept(1, "a", 0), "1 2 ");
	assert_string_equal(kept(1, "a", 1), "2 ");
	assert_string_equal(kept(1, "a", 2), "");
	assert_string_equal(kept(1, "b", 0), "1 ");
	intent_unlisten(host[1].in, &listen[1]);
	assert_int_equal(event(0, "a", "hot"), 0);
	turn();
	assert_int_equal(heard[0].n, 4);
	assert_int_equal(heard[1].n, 3);
	assert_int_equal(event(0, "nobody", "hot"), -EINVAL);
}

/* Two that think they lead: numbers without gaps, and none is lost. */
static void test_numbers_of_two_leaders(void **state)
{
	const struct intent_event e = {.notification = "n", .listener = "l"};
	struct answer a[40];

	for (int i = 0; i < 40; i++) {
		a[i] = (struct answer){0};
		assert_int_equal(intent_event_put(host[i % 2].in, "a", &e,
						  (struct ncsdb_write_done){on_answer, &a[i]},
						  &err),
				 0);
	}
	for (int i = 0; i < 40; i++) {
		wait_for(&a[i].done);
		assert_int_equal(a[i].status, 0);
	}
	turn();
	assert_string_equal(kept(0, "a", 37), "38 39 40 ");
	assert_true(strncmp(kept(0, "a", 0), "1 2 3 4 5 6 7 ", 14) == 0);
}

static void test_events_have_a_limit(void **state)
{
	intent_limits.events = 3;
	for (int i = 0; i < 6; i++)
		assert_int_equal(event(0, "a", "hot"), 0);
	turn();
	assert_string_equal(kept(1, "a", 0), "4 5 6 ");
	/* Behind a restart numbers go on. */
	host_close(0);
	host_open(0);
	assert_int_equal(event(0, "a", "hot"), 0);
	turn();
	assert_string_equal(kept(1, "a", 0), "5 6 7 ");
}

static void test_events_of_others(void **state)
{
	struct heard heard = {0};
	struct intent_listen listen = {.event = on_event, .arg = &heard};

	intent_listen(host[0].in, &listen);
	raw_put("/san/nemo/events/a/00000000000000000001", "{\"sequence\": 2}");
	raw_put("/san/nemo/events/a/00000000000000000002", "nonsense");
	assert_int_equal(heard.n, 0);
	assert_string_equal(kept(0, "a", 0), "");
	assert_int_equal(event(0, "a", "hot"), 0);
	turn();
	assert_int_equal(heard.last, 3);
}

static void test_keys_that_are_no_numbers(void **state)
{
	assert_int_equal(event(0, "a", "hot"), 0);
	turn();
	raw_put("/san/nemo/events/a/00000000000000000009", "nonsense");
	raw_put("/san/nemo/events/a/09223372036854775807", "nonsense");
	raw_put("/san/nemo/events/a/99999999999999999999", "x");
	assert_int_equal(event(0, "a", "hot"), 0);
	turn();
	assert_int_equal(event(0, "a", "hot"), 0);
	turn();
	assert_string_equal(kept(1, "a", 0), "1 2 3 ");
}

/* The newest is not looked for again and again, but is what lies there, whoever put it there. */
static void test_newest_of_others(void **state)
{
	const char *six = "/san/nemo/events/a/00000000000000000006";

	assert_int_equal(event(0, "a", "hot"), 0);
	raw_put("/san/nemo/events/a/00000000000000000005",
		"{\"sequence\":5,\"notification\":\"n\",\"listener\":\"l\",\"time\":\"\","
		"\"reason\":\"\"}");
	assert_int_equal(event(0, "a", "hot"), 0);
	turn();
	assert_string_equal(kept(1, "a", 0), "1 5 6 ");
	raw_del(six);
	assert_int_equal(event(0, "a", "hot"), 0);
	turn();
	assert_string_equal(kept(1, "a", 0), "1 5 6 ");
	raw_put(six, "nonsense");
	assert_int_equal(event(0, "a", "hot"), 0);
	turn();
	assert_string_equal(kept(1, "a", 0), "1 5 7 ");
	assert_int_equal(event(1, "a", "hot"), 0);
	assert_int_equal(event(0, "a", "hot"), 0);
	turn();
	assert_string_equal(kept(0, "a", 0), "1 5 7 8 9 ");
	/* An older one is not the newest. */
	raw_put("/san/nemo/events/a/00000000000000000002",
		"{\"sequence\":2,\"notification\":\"n\",\"listener\":\"l\",\"time\":\"\","
		"\"reason\":\"\"}");
	assert_int_equal(event(0, "a", "hot"), 0);
	turn();
	assert_string_equal(kept(1, "a", 0), "1 2 5 7 8 9 10 ");
}

static void test_delivered(void **state)
{
	struct answer a;

	assert_int_equal(intent_delivered(host[1].in, "a", "ops"), 0);
	assert_int_equal(
		answered(intent_delivered_put(host[0].in, "a", "ops", 7, into(&a), &err), &a), 0);
	turn();
	assert_int_equal(intent_delivered(host[1].in, "a", "ops"), 7);
	assert_int_equal(intent_delivered(host[1].in, "b", "ops"), 0);
	assert_int_equal(intent_delivered_put(host[0].in, "a", "o/ps", 7, into(&a), &err), -EINVAL);
}

static void count(void *arg)
{
	++*(unsigned int *)arg;
}

static void test_clock(void **state)
{
	unsigned int n = 0;
	struct answer a;

	intent_on_clock(host[1].in, count, &n);
	assert_int_equal(intent_clock(host[1].in), 0);
	assert_int_equal(answered(intent_clock_put(host[0].in, -3600, into(&a), &err), &a), 0);
	turn();
	assert_int_equal(intent_clock(host[1].in), -3600);
	assert_int_equal(n, 1);
	assert_int_equal(intent_clock_put(host[0].in, INT64_MAX, into(&a), &err), -EINVAL);
	/* Where it is no testbed, what is stored does not count. */
	host_close(1);
	host_open_with(1, false);
	RUN_UNTIL(host[1].synced);
	assert_int_equal(intent_clock(host[1].in), 0);
	assert_int_equal(intent_clock_put(host[1].in, 5, into(&a), &err), -EPERM);
	raw_del("/san/nemo/clock");
	assert_int_equal(intent_clock(host[0].in), 0);
}

static void on_figure(void *arg, const char *tenant, const char *object)
{
	snprintf(arg, 256, "%s %s", tenant, object);
}

static bool figures(int at, const char *object, uint64_t packets, uint64_t bytes)
{
	uint64_t p, b;

	return intent_stats(host[at].in, "a", object, &p, &b) && p == packets && b == bytes;
}

static void test_figures(void **state)
{
	char told[256] = "";
	uint64_t p, b;

	assert_int_equal(applied("a", "CREATE ServiceFlow f Match src_ip: 192.0.2.1;"), 0);
	assert_false(intent_stats(host[1].in, "a", "f", &p, &b));
	intent_on_stats(host[1].in, on_figure, told);
	assert_int_equal(intent_stats_put(host[0].in, "a", "f", 10, 1000), 0);
	assert_int_equal(intent_stats_put(host[1].in, "a", "f", 1, 1), 0);
	assert_int_equal(intent_stats_put(host[0].in, "a", "f.pe1.pe2", 3, 4), 0);
	RUN_UNTIL(figures(0, "f", 11, 1001) && figures(1, "f", 11, 1001));
	RUN_UNTIL(figures(1, "f.pe1.pe2", 3, 4));
	assert_true(strncmp(told, "a f", 3) == 0);
	assert_int_equal(intent_stats_put(host[0].in, "a", "x/y", 1, 1), -EINVAL);
	/* A host that is gone takes its own with it. */
	host_close(1);
	turn();
	assert_true(figures(0, "f", 10, 1000));
	/* And a flow that is gone. */
	assert_int_equal(applied("a", "DELETE ServiceFlow f;"), 0);
	RUN_UNTIL(stored("/san/nemo/stats/")[0] == '\0');
}

/* What was counted for the one before is not the new one's. */
static void test_figures_of_the_same_name(void **state)
{
	static const char again[] = "CREATE ServiceFlow f Match src_ip: 192.0.2.1;";
	uint64_t p, b;

	assert_int_equal(applied("a", again), 0);
	assert_int_equal(intent_stats_put(host[0].in, "a", "f", 10, 1000), 0);
	RUN_UNTIL(figures(0, "f", 10, 1000));
	assert_int_equal(applied("a", "DELETE ServiceFlow f;"), 0);
	assert_int_equal(applied("a", again), 0);
	RUN_UNTIL(stored("/san/nemo/stats/")[0] == '\0');
	turn();
	assert_false(intent_stats(host[0].in, "a", "f", &p, &b));
	assert_int_equal(intent_stats_put(host[0].in, "a", "f", 10, 1000), 0);
	RUN_UNTIL(figures(0, "f", 10, 1000));
}

/* More than one transaction takes. */
static void test_many_figures(void **state)
{
	struct nemo_text script = {0};
	char name[32];

	for (int i = 0; i < 300; i++)
		nemo_text_add(&script, "CREATE ServiceFlow f%d Match dst_port: %d;\n", i, i + 1);
	assert_int_equal(applied("a", script.data), 0);
	free(script.data);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		assert_int_equal(intent_stats_put(host[0].in, "a", name, i, i), 0);
	}
	RUN_UNTIL(figures(1, "f0", 0, 0) && figures(1, "f150", 150, 150) &&
		  figures(1, "f299", 299, 299));
}

/* ---- the leader ---- */

static void test_leader(void **state)
{
	RUN_UNTIL(host[0].leads || host[1].leads);
	assert_int_equal(host[0].leads + host[1].leads, 1);
	assert_true(host[0].leads);
	said(stored("/san/nemo/leader"), "{\"host\":\"pe1\"}(L)");
	host_close(0);
	RUN_UNTIL(host[1].leads);
	assert_int_equal(host[1].leader_calls, 1);
	host_open(0);
	assert_false(host[0].leads);
	raw_del("/san/nemo/leader");
	RUN_UNTIL(host[0].leads + host[1].leads == 1 && stored("/san/nemo/leader")[0]);
}

static void test_said_again(void **state)
{
	raw_del("/san/nemo/hosts/pe2");
	RUN_UNTIL(host_said("pe2"));
	assert_int_equal(applied("a", SITE("hq", "1")), 0);
	assert_true(has(1, "a", "hq"));
}

#define TWO(name) cmocka_unit_test_setup_teardown(test_##name, setup_two, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TWO(events),
		TWO(numbers_of_two_leaders),
		TWO(events_have_a_limit),
		TWO(events_of_others),
		TWO(keys_that_are_no_numbers),
		TWO(newest_of_others),
		TWO(delivered),
		TWO(clock),
		TWO(figures),
		TWO(figures_of_the_same_name),
		TWO(many_figures),
		TWO(leader),
		TWO(said_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
