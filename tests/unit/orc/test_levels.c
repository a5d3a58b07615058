/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two levels: what a gateway says of its instances as a whole, what an ingress makes of it, and
 * both together in virtual time: a noisy site does not make the ingress flap.
 */
#include "unit/orc/rig.h"

#define BY_GATEWAY(more)                                                                           \
	"{\"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": [0, 100]}}], "      \
	"\"steering\": \"gateway\", " more "}"
#define NO_HYSTERESIS "\"hysteresis\": {\"margin\": 0, \"hold_ms\": 0}"

/* ---- what was published ---- */

static struct {
	unsigned int n, gone;
	uint64_t service;
	struct aggregate last;
} told;

static void on_publish(void *arg, uint64_t id, const struct aggregate *agg)
{
	told.n++;
	told.service = id;
	if (agg)
		told.last = *agg;
	told.gone += !agg;
}

/* What it says of an attribute; -1: nothing. */
static int64_t said(uint16_t id)
{
	for (unsigned int i = 0; i < told.last.n; i++)
		if (told.last.samples[i].attr == id)
			return told.last.samples[i].milli;
	return -1;
}

/* "2/1600/200": count, capacity, metric. */
static const char *whole(void)
{
	static char text[64];

	snprintf(text, sizeof(text), "%u/%u/%u", told.last.count, told.last.capacity,
		 told.last.metric);
	return text;
}

static int setup_gateway(void **state)
{
	memset(&told, 0, sizeof(told));
	rig_open(&(struct orc_conf){.ingress = "", .gateway = "gw2", .publish = on_publish});
	orc_start(orc);
	return 0;
}

static int setup_gateway_ingress(void **state)
{
	rig_open(&(struct orc_conf){.ingress = "gw2", .gateway = "gw2"});
	orc_start(orc);
	return 0;
}

/* Virtual time. */
static void advance(struct orc *o, uint64_t us)
{
	o->view->stalled_us -= us;
	orc_take_due(o);
	if (o->armed)
		orc_round(o);
}

static void tell(const char *name, int64_t load)
{
	attr(0x101, name, ATTR_CPU_LOAD, load);
	orc_round(orc);
}

static void at_the_site(const char *text)
{
	service(0x101, text);
	instance_at(0x101, "a", "gw2", "5f00:0:2:100::", "2001:db8:2a::a");
	instance_at(0x101, "b", "gw2", "5f00:0:2:101::", "2001:db8:2a::b");
	attr(0x101, "a", ATTR_CPU_LOAD, 20);
	attr(0x101, "b", ATTR_CPU_LOAD, 40);
	settle();
}

/* ---- the gateway ---- */

static void test_says_what_is_selected(void **state)
{
	at_the_site(BY_GATEWAY(NO_HYSTERESIS));
	assert_int_equal(told.n, 1);
	assert_int_equal(told.service, 0x101);
	assert_string_equal(whole(), "2/1400/200");
	assert_int_equal(told.last.n, 1);
	assert_int_equal(said(ATTR_CPU_LOAD), 20000);
	/* What no term looks at is not said. */
	attr(0x101, "a", ATTR_COST, 5);
	advance(orc, 1000000);
	assert_int_equal(told.n, 1);
	assert_int_equal(stats().published, 1);
}

static void test_count_changes_at_once(void **state)
{
	at_the_site(BY_GATEWAY(NO_HYSTERESIS));
	tell("b", 100);
	assert_int_equal(told.n, 2);
	assert_string_equal(whole(), "1/800/200");
	tell("a", 100);
	assert_int_equal(told.n, 3);
	assert_string_equal(whole(), "0/0/1000");
	assert_int_equal(told.last.n, 0);
	assert_int_equal(told.gone, 0); /* they are still there */
	tell("a", 30);
	assert_string_equal(whole(), "1/700/300");
	view_instance_del(&view, 0x101, "a");
	settle();
	assert_int_equal(told.gone, 0);
	view_instance_del(&view, 0x101, "b");
	settle();
	assert_int_equal(told.gone, 1);
	assert_int_equal(stats().published, told.n);
}

static void test_gone_with_its_service(void **state)
{
	at_the_site(BY_GATEWAY(NO_HYSTERESIS));
	view_service_del(&view, 0x101);
	settle();
	assert_int_equal(told.gone, 1);
	at_the_site(BY_GATEWAY(NO_HYSTERESIS));
	assert_int_equal(told.n, 3);
	service(0x101, BY_LOAD); /* steered by instance */
	settle();
	assert_int_equal(told.gone, 2);
}

/* Not less than the band, not sooner than the interval. */
static void test_band_and_interval(void **state)
{
	at_the_site(BY_GATEWAY(NO_HYSTERESIS));
	advance(orc, 1000000);
	tell("a", 20); /* refreshed */
	attr(0x101, "b", ATTR_CPU_LOAD, 60);
	orc_round(orc);
	assert_int_equal(told.n, 1); /* not what is selected */
	tell("a", 21);		     /* 10 points: the band */
	assert_int_equal(told.n, 2);
	assert_int_equal(said(ATTR_CPU_LOAD), 21000);
	tell("a", 30);
	tell("a", 25);
	assert_int_equal(told.n, 2);
	advance(orc, ORC_AGGREGATE_MIN_MS * 1000 - 50000);
	assert_int_equal(told.n, 2);
	advance(orc, 50001);
	assert_int_equal(told.n, 3);
	assert_int_equal(said(ATTR_CPU_LOAD), 25000); /* the newest */
	/* Back within the interval: nothing to say. */
	tell("a", 40);
	tell("a", 25);
	advance(orc, 1000000);
	assert_int_equal(told.n, 3);
}

static void test_a_value_below_the_band(void **state)
{
	at_the_site("{\"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": {\"points\": "
		    "[[0, 0], [100, 400]]}}], \"steering\": \"gateway\", " NO_HYSTERESIS "}");
	advance(orc, 1000000);
	tell("a", 22); /* 8 points */
	assert_int_equal(told.n, 1);
	tell("a", 23); /* 12 */
	assert_int_equal(told.n, 2);
}

/* The ingress adds its path's delay: where on the curve that is, is not known here. */
static void test_parts_of_the_delay(void **state)
{
	at_the_site("{\"evaluation\": [{\"attribute\": \"delay_us\", \"curve\": {\"points\": "
		    "[[0, 0], [50000, 0], [60000, 1000]]}}], \"steering\": \"gateway\", " //
		    NO_HYSTERESIS "}");
	attr(0x101, "a", ATTR_SITE_DELAY_US, 100);
	attr(0x101, "b", ATTR_SITE_DELAY_US, 900);
	settle();
	advance(orc, 1000000);
	assert_int_equal(said(ATTR_SITE_DELAY_US), 100000);
	advance(orc, 1000000);
	told.n = 0;
	attr(0x101, "a", ATTR_SITE_DELAY_US, 190);
	orc_round(orc);
	assert_int_equal(told.n, 0); /* at most 9 points */
	attr(0x101, "a", ATTR_QUEUE_US, 10);
	orc_round(orc);
	assert_int_equal(told.n, 1); /* 10 */
	assert_int_equal(said(ATTR_QUEUE_US), 10000);
	assert_int_equal(said(ATTR_SITE_DELAY_US), 190000);
}

static void test_refreshed_in_time(void **state)
{
	at_the_site(BY_GATEWAY("\"freshness\": {\"max_age_ms\": 3000}, " NO_HYSTERESIS));
	assert_int_equal(told.n, 1);
	for (int i = 0; i < 10; i++) {
		tell("a", 20);
		tell("b", 40);
		advance(orc, 500000);
	}
	assert_int_equal(told.n, 6); /* every second */
	/* What is old here is not made fresh: it is out. */
	advance(orc, 3000001);
	assert_string_equal(whole(), "0/0/1000");
	told.n = 0;
	advance(orc, 60000000);
	assert_int_equal(told.n, 0);
}

static void test_not_refreshed_where_age_means_nothing(void **state)
{
	at_the_site(BY_GATEWAY("\"freshness\": {\"policy\": \"hold\"}, " NO_HYSTERESIS));
	advance(orc, 60000000);
	assert_int_equal(told.n, 1);
	assert_int_equal(orc->due.n, 0);
}

static void test_told_again(void **state)
{
	at_the_site(BY_GATEWAY(NO_HYSTERESIS));
	orc_republish(orc);
	settle();
	assert_int_equal(told.n, 2);
	assert_string_equal(whole(), "2/1400/200");
	view_service_del(&view, 0x101);
	orc_republish(orc);
	settle();
	assert_int_equal(told.n, 3);
	assert_int_equal(told.gone, 1);
}

/* Hysteresis is applied before it is told. */
static void test_says_what_is_selected_not_what_is_best(void **state)
{
	at_the_site(BY_GATEWAY("\"hysteresis\": {\"margin\": 100, \"hold_ms\": 1000}"));
	tell("b", 15);
	advance(orc, 500000);
	assert_int_equal(said(ATTR_CPU_LOAD), 20000);
	tell("b", 5);
	advance(orc, 500000);
	assert_int_equal(said(ATTR_CPU_LOAD), 20000);
	advance(orc, 600000);
	assert_int_equal(said(ATTR_CPU_LOAD), 5000);
	assert_string_equal(whole(), "2/1750/50");
}

/* Members by weight: 800 at 20, 600 at 40. */
static void test_balanced_says_the_mean(void **state)
{
	at_the_site(BY_GATEWAY("\"selection\": \"balanced\", " NO_HYSTERESIS));
	assert_int_equal(said(ATTR_CPU_LOAD), 28571);
	assert_string_equal(whole(), "2/1400/200");
	tell("b", 100);
	assert_int_equal(said(ATTR_CPU_LOAD), 20000);
}

/* ---- the ingress ---- */

static void put_aggregate(struct view *to, uint64_t svc, const char *gw,
			  const struct aggregate *agg)
{
	char name[NAME_LEN + 1];
	struct view_instance_put put = {.service = svc,
					.instance = name,
					.aggregate = agg,
					.received_us = view_time(to, clock_us())};

	snprintf(name, sizeof(name), "@%s", gw);
	if (agg)
		assert_int_equal(view_instance_put(to, &put), 0);
	else
		view_instance_del(to, svc, name);
}

/* count instances of that load, as a gateway says it. */
static void says(const char *gw, unsigned int count, int64_t load)
{
	struct aggregate agg = {
		.count = count,
		.capacity = count * (1000 - 10 * (uint32_t)load),
		.metric = (uint16_t)(count ? 10 * load : METRIC_MAX),
		.n = count > 0,
		.samples = {{.attr = ATTR_CPU_LOAD, .milli = load * 1000}},
	};

	put_aggregate(&view, 0x101, gw, &agg);
	settle();
}

static void two_sites(const char *text)
{
	service(0x101, text);
	path("pe1", "gw2", "be", NULL);
	path("pe1", "gw3", "be", NULL);
	gateway("gw2", "5f00:0:2:5a::");
	gateway("gw3", "5f00:0:3:5a::");
}

static void test_ingress_ranks_what_gateways_say(void **state)
{
	two_sites(BY_GATEWAY(NO_HYSTERESIS));
	says("gw2", 3, 30);
	says("gw3", 1, 20);
	assert_string_equal(in_force(0x101), "5f00:0:3:5a::");
	assert_string_equal(chosen(0x101), "@gw3");
	rest();
	says("gw3", 1, 40);
	assert_string_equal(in_force(0x101), "5f00:0:2:5a::");
	rest();
	says("gw2", 0, 0);
	assert_string_equal(in_force(0x101), "5f00:0:3:5a::");
	rest();
	put_aggregate(&view, 0x101, "gw3", NULL);
	settle();
	assert_string_equal(in_force(0x101), "none");
}

static void test_nothing_behind_it(void **state)
{
	json_t *e, *gate;

	two_sites(BY_GATEWAY(NO_HYSTERESIS));
	says("gw2", 0, 0);
	assert_string_equal(in_force(0x101), "none");
	e = orc_explain(orc, 0x101);
	gate = json_object_get(json_array_get(json_object_get(e, "candidates"), 0), "gate");
	assert_string_equal(json_string_value(json_object_get(gate, "kind")), "no_instance");
	json_decref(e);
}

/* Older gateways say nothing: their instances are candidates themselves. */
static void test_instances_of_who_says_nothing(void **state)
{
	two_sites(BY_GATEWAY(NO_HYSTERESIS));
	instance(0x101, "a", "gw2", "5f00:0:2:100::");
	instance(0x101, "c", "gw3", "5f00:0:3:100::");
	attr(0x101, "a", ATTR_CPU_LOAD, 10);
	attr(0x101, "c", ATTR_CPU_LOAD, 20);
	settle();
	assert_string_equal(chosen(0x101), "a");
	says("gw2", 2, 50);
	assert_string_equal(chosen(0x101), "c"); /* a does not count any more */
	assert_int_equal(stats().candidates, 2);
	put_aggregate(&view, 0x101, "gw2", NULL);
	settle();
	assert_string_equal(chosen(0x101), "a");
	assert_int_equal(stats().candidates, 2);
	/* Steered by instance: what gateways say is nothing. */
	says("gw2", 2, 1);
	service(0x101, BY_LOAD);
	settle();
	assert_string_equal(chosen(0x101), "a");
	assert_int_equal(stats().candidates, 2);
}

/* Shares follow capacity: 3 * 600 to 1 * 900, scaled to the range of a weight. */
static void test_balanced_by_capacity(void **state)
{
	two_sites(BY_GATEWAY("\"selection\": \"balanced\", " NO_HYSTERESIS));
	says("gw2", 3, 40);
	says("gw3", 1, 10);
	settle();
	assert_string_equal(members(0x101, SAN_SCOPE_INGRESS),
			    "5f00:0:2:5a::=1000 5f00:0:3:5a::=500");
	rest();
	says("gw2", 1, 40);
	assert_string_equal(members(0x101, SAN_SCOPE_INGRESS),
			    "5f00:0:2:5a::=600 5f00:0:3:5a::=900");
	rest();
	says("gw2", 0, 0);
	assert_string_equal(members(0x101, SAN_SCOPE_INGRESS), "5f00:0:3:5a::=900");
}

/* More instances than the range of a weight has room for: in proportion, the least has 1. */
static void test_balanced_very_many(void **state)
{
	two_sites(BY_GATEWAY("\"selection\": \"balanced\", " NO_HYSTERESIS));
	says("gw2", AGGREGATE_MAX_COUNT, 0);
	says("gw3", 10, 0);
	settle();
	assert_string_equal(members(0x101, SAN_SCOPE_INGRESS),
			    "5f00:0:2:5a::=1000 5f00:0:3:5a::=1");
	rest();
	says("gw3", AGGREGATE_MAX_COUNT / 10, 0);
	settle();
	assert_string_equal(members(0x101, SAN_SCOPE_INGRESS),
			    "5f00:0:2:5a::=1000 5f00:0:3:5a::=100");
}

/* Values told again, even others: ncc hears only of another choice. */
static void test_ncc_is_left_alone(void **state)
{
	unsigned int plans;

	two_sites(BY_GATEWAY(NO_HYSTERESIS));
	says("gw2", 3, 30);
	says("gw3", 1, 60);
	rest();
	plans = parent.plans;
	for (unsigned int i = 0; i < 10; i++)
		says("gw2", 3 + i % 2, 30 + i);
	assert_int_equal(parent.plans, plans);
}

/* ---- both ---- */

/* A second host: the ingress. What it hands to its parent is not looked at. */
static struct {
	struct view view;
	struct ncc *ncc;
	struct orc *orc;
	int fd;
} pe;

static void pe_publish(void *arg, uint64_t id, const struct aggregate *agg)
{
	told.n++;
	put_aggregate(&pe.view, id, "gw2", agg);
}

static void drain(void)
{
	struct wire_buf in;
	size_t len;

	uv_run(&loop, UV_RUN_NOWAIT);
	while (wire_recv(pe.fd, &in, &len) == 0)
		;
}

static void pe_open(void)
{
	static const struct ncc_conf ncc_conf = {.config = {.profile = SAN_PROFILE_EXP1,
							    .max_services = 16,
							    .max_nexthops = 64,
							    .max_flows = 64,
							    .max_slots = 1024,
							    .max_frags = 64}};
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	pe.fd = fds[0];
	assert_int_equal(ncc_open(&loop, fds[1], &ncc_conf, on_acked, NULL, &pe.ncc), 0);
	view_init(&pe.view);
	assert_int_equal(orc_open(&(struct orc_conf){.loop = &loop,
						     .view = &pe.view,
						     .ncc = pe.ncc,
						     .ingress = "pe1"},
				  &pe.orc),
			 0);
	orc_start(pe.orc);
}

static int setup_both(void **state)
{
	memset(&told, 0, sizeof(told));
	rig_open(&(struct orc_conf){.ingress = "", .gateway = "gw2", .publish = pe_publish});
	orc_start(orc);
	pe_open();
	return 0;
}

static int teardown_both(void **state)
{
	orc_close(pe.orc);
	ncc_close(pe.ncc);
	rig_close();
	close(pe.fd);
	view_fini(&pe.view);
	return 0;
}

static void pe_view(const char *text)
{
	OWN_PTR struct service *def = NULL;
	struct err err;
	json_t *obj;

	assert_int_equal(json_parse(text, strlen(text), &obj, &err), 0);
	assert_int_equal(service_from_json(obj, 0x101, &def, &err), 0);
	json_decref(obj);
	assert_int_equal(view_service_put(&pe.view, def, 1), 0);
	for (int i = 2; i <= 3; i++) {
		struct path be = {.kind = PATH_BE, .preference = 100};
		struct gateway gw = {.locator_len = 16};

		strcpy(be.ingress, "pe1");
		strcpy(be.name, "be");
		snprintf(be.gateway, NAME_LEN, "gw%d", i);
		snprintf(gw.name, NAME_LEN, "gw%d", i);
		gw.san_sid.s6_addr[0] = 0x5f;
		gw.san_sid.s6_addr[15] = (uint8_t)i;
		assert_int_equal(view_path_put(&pe.view, &be, 1), 0);
		assert_int_equal(view_gateway_put(&pe.view, &gw, 1), 0);
	}
}

static uint64_t seed;

static int below(int n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (int)((seed >> 33) % (unsigned int)n);
}

static void steady_site(int64_t load)
{
	const struct aggregate agg = {
		.count = 2,
		.capacity = 2 * (1000 - 10 * (uint32_t)load),
		.metric = (uint16_t)(10 * load),
		.n = 1,
		.samples = {{.attr = ATTR_CPU_LOAD, .milli = load * 1000}},
	};

	put_aggregate(&pe.view, 0x101, "gw3", &agg);
}

static uint64_t changes_at(struct orc *o)
{
	struct orc_stats s;

	orc_stats(o, &s);
	return s.selections_changed;
}

/* 60 s: each instance of the noisy site tells ten times a second something around 50, with peaks.
 */
static void make_noise(unsigned int seconds)
{
	static const char *const names[] = {"a", "b", "c"};

	for (unsigned int tick = 0; tick < 10 * seconds; tick++) {
		for (int i = 0; i < 3; i++)
			attr(0x101, names[i], ATTR_CPU_LOAD,
			     below(20) ? 40 + below(20) : 70 + below(20));
		orc_round(orc);
		advance(orc, 100000);
		steady_site(45);
		orc_round(pe.orc);
		advance(pe.orc, 100000);
		drain();
	}
}

static void noisy_site(const char *text)
{
	service(0x101, text);
	pe_view(text);
	for (int i = 0; i < 3; i++) {
		char name[2] = {(char)('a' + i), 0}, sid[32], addr[32];

		snprintf(sid, sizeof(sid), "5f00:0:2:%d::", 100 + i);
		snprintf(addr, sizeof(addr), "2001:db8:2a::%d", 10 + i);
		instance_at(0x101, name, "gw2", sid, addr);
	}
}

static void test_a_noisy_site_does_not_flap(void **state)
{
	seed = 20260202;
	noisy_site(BY_GATEWAY("\"hysteresis\": {\"margin\": 50, \"hold_ms\": 1000}"));
	make_noise(60);
	print_message("60 s: %d changes at the gateway, %u aggregates, %d changes at the ingress\n",
		      (int)changes_at(orc), told.n, (int)changes_at(pe.orc));
	assert_true(told.n <= 60 * 1000 / ORC_AGGREGATE_MIN_MS + 20);
	assert_true(changes_at(orc) <= 20);
	assert_true(changes_at(pe.orc) <= 5);
}

/* The same without hysteresis: it does. */
static void test_it_does_without_hysteresis(void **state)
{
	seed = 20260202;
	noisy_site(BY_GATEWAY(NO_HYSTERESIS));
	make_noise(60);
	assert_true(changes_at(orc) > 100);
	assert_true(changes_at(pe.orc) > 20);
}

/* Changes of both scopes in order of time. */
static void test_history_of_both_scopes(void **state)
{
	static const char *const scopes[] = {"local", "ingress", "local", "ingress"};
	static const char *const to[] = {"a", "@gw3", "b", "@gw4"};
	struct aggregate agg = {.count = 1, .capacity = 900, .metric = 100};
	json_t *h, *change;
	size_t i;

	service(0x101, "{\"evaluation\": [], \"steering\": \"gateway\", " NO_HYSTERESIS "}");
	instance(0x101, "a", "gw2", "5f00:0:2:100::");
	orc_round(orc);
	path("gw2", "gw3", "be", NULL);
	path("gw2", "gw4", "be", NULL);
	gateway("gw3", "5f00:0:3:5a::");
	gateway("gw4", "5f00:0:4:5a::");
	put_aggregate(&view, 0x101, "gw3", &agg);
	put_aggregate(&view, 0x101, "gw4", &agg);
	orc_round(orc);
	instance(0x101, "b", "gw2", "5f00:0:2:101::");
	instance_state(0x101, "a", INSTANCE_DRAINING);
	orc_round(orc);
	put_aggregate(&view, 0x101, "gw3", NULL);
	orc_round(orc);
	h = orc_history(orc, 0x101);
	assert_int_equal(json_array_size(h), 4);
	json_array_foreach(h, i, change) {
		assert_string_equal(json_string_value(json_object_get(change, "scope")), scopes[i]);
		assert_string_equal(json_string_value(json_object_get(json_object_get(change, "to"),
								      "instance")),
				    to[i]);
		assert_true(json_number_value(json_object_get(change, "age_s")) >= 0);
		assert_non_null(json_string_value(json_object_get(change, "why")));
		assert_int_equal(strlen(json_string_value(json_object_get(change, "time"))), 24);
	}
	json_decref(h);
	assert_null(orc_history(orc, 0x102));
}

/* A site that is lost is left at once, through both levels. */
static void test_a_lost_site_is_left(void **state)
{
	struct orc_entry entry;

	noisy_site(BY_GATEWAY("\"hysteresis\": {\"margin\": 50, \"hold_ms\": 1000}"));
	for (int i = 0; i < 3; i++)
		attr(0x101, (const char *[]){"a", "b", "c"}[i], ATTR_CPU_LOAD, 10);
	orc_round(orc);
	steady_site(50);
	orc_round(pe.orc);
	assert_int_equal(orc_entry(pe.orc, 0x101, &entry), 0);
	assert_string_equal(entry.instance, "@gw2");
	for (int i = 0; i < 3; i++)
		instance_state(0x101, (const char *[]){"a", "b", "c"}[i], INSTANCE_DOWN);
	orc_round(orc);
	orc_round(pe.orc);
	orc_entry(pe.orc, 0x101, &entry);
	assert_string_equal(entry.instance, "@gw3");
}

int main(void)
{
#define T(name, setup, teardown) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_says_what_is_selected, setup_gateway, teardown),
		T(test_count_changes_at_once, setup_gateway, teardown),
		T(test_gone_with_its_service, setup_gateway, teardown),
		T(test_band_and_interval, setup_gateway, teardown),
		T(test_a_value_below_the_band, setup_gateway, teardown),
		T(test_parts_of_the_delay, setup_gateway, teardown),
		T(test_refreshed_in_time, setup_gateway, teardown),
		T(test_not_refreshed_where_age_means_nothing, setup_gateway, teardown),
		T(test_told_again, setup_gateway, teardown),
		T(test_says_what_is_selected_not_what_is_best, setup_gateway, teardown),
		T(test_balanced_says_the_mean, setup_gateway, teardown),
		T(test_ingress_ranks_what_gateways_say, setup_started, teardown),
		T(test_nothing_behind_it, setup_started, teardown),
		T(test_instances_of_who_says_nothing, setup_started, teardown),
		T(test_balanced_by_capacity, setup_started, teardown),
		T(test_balanced_very_many, setup_started, teardown),
		T(test_ncc_is_left_alone, setup_started, teardown),
		T(test_a_noisy_site_does_not_flap, setup_both, teardown_both),
		T(test_it_does_without_hysteresis, setup_both, teardown_both),
		T(test_a_lost_site_is_left, setup_both, teardown_both),
		T(test_history_of_both_scopes, setup_gateway_ingress, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
