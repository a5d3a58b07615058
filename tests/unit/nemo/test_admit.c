/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections against paths. */
#include <errno.h>

#include "network.h"

#define GATEWAYS                                                                                   \
	"IMPORT CFN g1 Type gateway; IMPORT CFN g2 Type gateway; IMPORT CFN g3 Type gateway;\n"
#define C "CREATE Connection c Type p2p EndNodes g1, g2"

static const struct nemo_grants all = {.everything = true};
static struct view view;
static struct nemo_legs legs, others, before;
static struct nemo_diags diags;

/* Two paths "a" and "b" each way between g1, g2 and g3, nothing known of them. */
static int setup(void **state)
{
	static const char *const names[] = {"g1", "g2", "g3"};
	char path[64];

	view_init(&view);
	for (unsigned int i = 0; i < 3; i++) {
		add_gateway(&view, names[i]);
		for (unsigned int k = 0; k < 3; k++) {
			if (i == k)
				continue;
			snprintf(path, sizeof(path), "%s %s b", names[i], names[k]);
			add_path(&view, path, 100);
			snprintf(path, sizeof(path), "%s %s a", names[i], names[k]);
			add_path(&view, path, 100);
		}
	}
	return 0;
}

static int teardown(void **state)
{
	nemo_legs_fini(&legs);
	nemo_legs_fini(&others);
	nemo_legs_fini(&before);
	nemo_diags_fini(&diags);
	diags = (struct nemo_diags){0};
	view_fini(&view);
	return 0;
}

static int admit(const char *text)
{
	struct nemo_script *script;
	struct nemo_store *store = store_of(text, &script);
	int r;

	nemo_legs_fini(&legs);
	r = nemo_admit("t", store, &all, &view, &others, &before, script, &legs, &diags);
	assert_int_equal(r == 0, diags.errors == 0);
	nemo_store_free(store);
	nemo_script_free(script);
	return r;
}

/* "connection:ingress>gateway/path" of all legs. */
static void assert_legs(const char *want)
{
	struct nemo_text text = {0};

	for (unsigned int i = 0; i < legs.n; i++)
		nemo_text_add(&text, "%s%s:%s>%s/%s", i ? " " : "", legs.v[i].connection,
			      legs.v[i].ingress, legs.v[i].gateway, legs.v[i].path);
	assert_string_equal(text.data ? text.data : "", want);
	free(text.data);
}

static void assert_admitted(const char *text, const char *want)
{
	if (admit(text) < 0)
		fail_msg("%s", diags.v[0].reason);
	assert_legs(want);
}

/* One error, which is forgotten. */
static void assert_refused(const char *text, unsigned int line, const char *reason)
{
	assert_int_equal(admit(text), -EINVAL);
	assert_int_equal(diags.n, 1);
	assert_string_equal(diags.v[0].reason, reason);
	assert_int_equal(diags.v[0].class, NEMO_COMMIT);
	assert_int_equal(diags.v[0].at.line, line);
	assert_null(legs.v);
	nemo_diags_fini(&diags);
	diags = (struct nemo_diags){0};
}

static void hold(struct nemo_legs *set, const struct nemo_leg *leg)
{
	set->v = realloc(set->v, (set->n + 1) * sizeof(*set->v));
	set->v[set->n++] = *leg;
}

static void both_ways(const char *path, uint16_t attr, int64_t value)
{
	char text[64];

	snprintf(text, sizeof(text), "g1 g2 %s", path);
	set_path(&view, text, attr, value);
	snprintf(text, sizeof(text), "g2 g1 %s", path);
	set_path(&view, text, attr, value);
}

static void test_legs_of_each_type(void **state)
{
	assert_admitted(GATEWAYS C ";", "c:g1>g2/a c:g2>g1/a");
	assert_admitted(GATEWAYS "CREATE Connection c Type p2mp EndNodes g2, g1, g3;",
			"c:g1>g2/a c:g2>g1/a c:g2>g3/a c:g3>g2/a");
	assert_admitted(GATEWAYS "CREATE Connection c Type mesh EndNodes g2, g1, g3;",
			"c:g1>g2/a c:g1>g3/a c:g2>g1/a c:g2>g3/a c:g3>g1/a c:g3>g2/a");
	assert_admitted(GATEWAYS "CREATE Connection c Type mesh EndNodes (g1), (g2, g3);",
			"c:g1>g2/a c:g1>g3/a c:g2>g1/a c:g3>g1/a");
	assert_admitted(GATEWAYS, "");
}

static void test_ends_are_gateways_of_sites(void **state)
{
	assert_admitted(GATEWAYS "CREATE CFN s Type l2group Contain g1;\n"
				 "CREATE CFN x Type l3group Contain g2;"
				 "CREATE CFN y Type extgroup Contain x;\n"
				 "CREATE Connection c Type p2mp EndNodes s, x, y;",
			"c:g1>g2/a c:g2>g1/a");
	assert_refused(GATEWAYS "CREATE CFN s Type l2group Contain g1;\n"
				"CREATE Connection c Type p2p EndNodes s, g1;",
		       3, "Connection c: ends s and g1 are at the same gateway g1");
	assert_refused(GATEWAYS "CREATE CFN s Type l2group;\n"
				"CREATE Connection c Type p2p EndNodes g1, s;",
		       3, "Connection c: end s contains no gateway");
	assert_refused(GATEWAYS "CREATE CFN h Type host;\n"
				"CREATE Connection c Type p2p EndNodes g1, h;",
		       3,
		       "Connection c: end h is a host; it must be a gateway, or a site that "
		       "contains one");
}

static void test_which_path(void **state)
{
	assert_admitted(GATEWAYS C ";", "c:g1>g2/a c:g2>g1/a"); /* the smaller name */
	add_path(&view, "g1 g2 b", 10);
	assert_admitted(GATEWAYS C ";", "c:g1>g2/b c:g2>g1/a"); /* preference */
	set_path(&view, "g1 g2 a", ATTR_DELAY_US, 9000);
	assert_admitted(GATEWAYS C ";", "c:g1>g2/a c:g2>g1/a"); /* known before unknown */
	set_path(&view, "g1 g2 b", ATTR_DELAY_US, 8999);
	assert_admitted(GATEWAYS C ";", "c:g1>g2/b c:g2>g1/a"); /* the faster one */
	set_path(&view, "g1 g2 b", ATTR_LOSS_PPM, 1000000);
	assert_admitted(GATEWAYS C ";", "c:g1>g2/a c:g2>g1/a"); /* one that is not dead */
}

static void test_delay(void **state)
{
	both_ways("a", ATTR_DELAY_US, 10000);
	assert_admitted(GATEWAYS C " Property delay: 10;", "c:g1>g2/a c:g2>g1/a");
	both_ways("a", ATTR_DELAY_US, 10001);
	assert_refused(GATEWAYS C " Property delay: 10;", 2,
		       "Connection c: path g1/g2/a takes 10.001 ms, at most 10 are asked for");
	both_ways("b", ATTR_DELAY_US, 10000);
	assert_admitted(GATEWAYS C " Property delay: 10;", "c:g1>g2/b c:g2>g1/b");
}

static void test_bandwidth(void **state)
{
	both_ways("a", ATTR_BANDWIDTH_KBPS, 59999);
	assert_refused(GATEWAYS C " Property bandwidth: 60;", 2,
		       "Connection c: path g1/g2/a has 59.999 of 59.999 Mbit/s free, 60 are asked "
		       "for");
	both_ways("b", ATTR_BANDWIDTH_KBPS, 60000);
	both_ways("b", ATTR_DELAY_US, 70000);
	assert_admitted(GATEWAYS C " Property bandwidth: 60;", "c:g1>g2/b c:g2>g1/b");
	assert_int_equal(legs.v[0].bandwidth, 60);
	assert_int_equal(legs.v[0].delay, 0);
	assert_refused(GATEWAYS C " Property bandwidth: 60, delay: 69;", 2,
		       "Connection c: path g1/g2/b takes 70 ms, at most 69 are asked for");
	assert_refused(
		GATEWAYS C " Property bandwidth: 1000000;", 2,
		"Connection c: path g1/g2/b has 60 of 60 Mbit/s free, 1000000 are asked for");
}

static void test_unknown_is_not_zero(void **state)
{
	assert_refused(GATEWAYS C " Property bandwidth: 1;", 2,
		       "Connection c: bandwidth_kbps of path g1/g2/a is not known, 1 Mbit/s are "
		       "asked for");
	assert_refused(GATEWAYS C " Property delay: 1000;", 2,
		       "Connection c: delay_us of path g1/g2/a is not known, at most 1000 ms are "
		       "asked for");
	assert_admitted(GATEWAYS C " Property bandwidth: 0, delay: 0;", "c:g1>g2/a c:g2>g1/a");
}

static void test_no_path(void **state)
{
	view_path_del(&view, (struct path_key){"g2", "g1", "a"});
	view_path_del(&view, (struct path_key){"g2", "g1", "b"});
	assert_refused(GATEWAYS C ";", 2, "Connection c: there is no path from g2 to g1");
	/* only status is known: nobody defined it */
	set_path(&view, "g2 g1 a", ATTR_DELAY_US, 1);
	assert_refused(GATEWAYS C ";", 2, "Connection c: there is no path from g2 to g1");
}

static const struct nemo_leg one = {.tenant = "t",
				    .connection = "c",
				    .ingress = "g1",
				    .gateway = "g2",
				    .path = "a"};

static void test_what_others_hold(void **state)
{
	struct nemo_leg leg = one;

	both_ways("a", ATTR_BANDWIDTH_KBPS, 100000);
	leg.bandwidth = 60;
	hold(&others, &leg); /* the tenant's own: before says what it had */
	assert_admitted(GATEWAYS C " Property bandwidth: 60;", "c:g1>g2/a c:g2>g1/a");
	strcpy(leg.tenant, "u");
	hold(&others, &leg);
	assert_refused(GATEWAYS C " Property bandwidth: 60;", 2,
		       "Connection c: path g1/g2/a has 40 of 100 Mbit/s free, 60 are asked for");
	leg.bandwidth = 1000;
	hold(&others, &leg); /* more than there is: the path has become smaller */
	assert_refused(GATEWAYS C " Property bandwidth: 60;", 2,
		       "Connection c: path g1/g2/a has 0 of 100 Mbit/s free, 60 are asked for");
}

static void test_the_first_name_takes_what_is_there(void **state)
{
	both_ways("a", ATTR_BANDWIDTH_KBPS, 100000);
	both_ways("b", ATTR_BANDWIDTH_KBPS, 50000);
	assert_admitted(GATEWAYS "CREATE Connection d Type p2p EndNodes g1, g2 Property "
				 "bandwidth: 40;\n" C " Property bandwidth: 70;",
			"c:g1>g2/a c:g2>g1/a d:g1>g2/b d:g2>g1/b");
	assert_refused(GATEWAYS "CREATE Connection d Type p2p EndNodes g1, g2 Property "
				"bandwidth: 60;\n" C " Property bandwidth: 70;",
		       2, "Connection d: path g1/g2/b has 50 of 50 Mbit/s free, 60 are asked for");
}

static void test_a_connection_stays_where_it_was(void **state)
{
	struct nemo_leg leg = one;

	strcpy(leg.path, "b");
	hold(&before, &leg);
	both_ways("a", ATTR_DELAY_US, 1000);
	assert_admitted(GATEWAYS C ";", "c:g1>g2/b c:g2>g1/a");
	/* what does no longer do moves */
	both_ways("b", ATTR_DELAY_US, 6000);
	assert_admitted(GATEWAYS C " Property delay: 6;", "c:g1>g2/b c:g2>g1/a");
	assert_admitted(GATEWAYS C " Property delay: 5;", "c:g1>g2/a c:g2>g1/a");
	view_path_del(&view, (struct path_key){"g1", "g2", "b"});
	assert_admitted(GATEWAYS C ";", "c:g1>g2/a c:g2>g1/a");
	/* also when more is asked for */
	add_path(&view, "g1 g2 b", 100);
	both_ways("a", ATTR_BANDWIDTH_KBPS, 100000);
	both_ways("b", ATTR_BANDWIDTH_KBPS, 100000);
	assert_admitted(GATEWAYS C " Property bandwidth: 100;", "c:g1>g2/b c:g2>g1/a");
	/* another tenant's say nothing */
	strcpy(before.v[0].tenant, "u");
	assert_admitted(GATEWAYS C ";", "c:g1>g2/a c:g2>g1/a");
}

static void test_new_and_larger_ones_do_not_drive_out(void **state)
{
	struct nemo_leg leg = one;

	both_ways("a", ATTR_BANDWIDTH_KBPS, 100000);
	both_ways("b", ATTR_BANDWIDTH_KBPS, 100000);
	leg.bandwidth = 60;
	hold(&before, &leg); /* c */
	strcpy(leg.connection, "d");
	leg.bandwidth = 40;
	hold(&before, &leg);
	assert_admitted(GATEWAYS "CREATE Connection b Type p2p EndNodes g1, g2 Property "
				 "bandwidth: 10;\n"
				 "CREATE Connection d Type p2p EndNodes g1, g2 Property "
				 "bandwidth: 40;\n" C " Property bandwidth: 60;",
			"b:g1>g2/b b:g2>g1/a c:g1>g2/a c:g2>g1/a d:g1>g2/a d:g2>g1/b");
	assert_admitted(GATEWAYS "CREATE Connection d Type p2p EndNodes g1, g2 Property "
				 "bandwidth: 40;\n" C " Property bandwidth: 61;",
			"c:g1>g2/b c:g2>g1/a d:g1>g2/a d:g2>g1/b");
}

static void test_every_connection_is_told_of_once(void **state)
{
	assert_int_equal(admit(GATEWAYS "CREATE Connection d Type mesh EndNodes g1, g2, g3 "
					"Property delay: 1;\n"
					"CREATE Connection e Type p2p EndNodes g1, g2;\n" C
					" Property delay: 1;\n"),
			 -EINVAL);
	assert_int_equal(diags.n, 2);
	assert_int_equal(diags.v[0].at.line, 4);
	assert_int_equal(diags.v[1].at.line, 2);
	assert_null(legs.v);
}

static void test_without_a_script_there_is_no_place(void **state)
{
	struct nemo_store *store = store_of(GATEWAYS C " Property delay: 1;", NULL);

	assert_int_equal(nemo_admit("t", store, &all, &view, NULL, NULL, NULL, &legs, &diags),
			 -EINVAL);
	assert_int_equal(diags.v[0].at.line, 0);
	nemo_store_free(store);
}

/* 257 gateways are 65792 pairs. */
static void test_limit_of_legs(void **state)
{
	struct nemo_text text = {0};
	char name[16];

	for (unsigned int i = 0; i < 257; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		add_gateway(&view, name);
		nemo_text_add(&text, "IMPORT CFN m%u Type gateway; ", i);
	}
	nemo_text_add(&text, "\nCREATE Connection c Type mesh EndNodes m0");
	for (unsigned int i = 1; i < 257; i++)
		nemo_text_add(&text, ", m%u", i);
	nemo_text_add(&text, ";");
	assert_int_equal(admit(text.data), -EINVAL);
	assert_int_equal(diags.n, 1);
	assert_string_equal(diags.v[0].reason,
			    "Connection c: the tenant's connections have more than 65536 legs "
			    "(ordered pairs of gateways)");
	free(text.data);
}

/* Sites that are at the same gateway make one leg each way, whatever the number of pairs. */
static void test_sets_of_sites(void **state)
{
	struct nemo_text text = {0};

	nemo_text_add(&text, GATEWAYS);
	for (unsigned int i = 0; i < 400; i++)
		nemo_text_add(&text, "CREATE CFN s%u Type l2group Contain g%u;\n", i, i % 2 + 1);
	nemo_text_add(&text, "CREATE Connection c Type p2p EndNodes (s0");
	for (unsigned int i = 2; i < 400; i += 2)
		nemo_text_add(&text, ", s%u", i);
	nemo_text_add(&text, "), (s1");
	for (unsigned int i = 3; i < 400; i += 2)
		nemo_text_add(&text, ", s%u", i);
	nemo_text_add(&text, ");\nCREATE Connection d Type p2mp EndNodes g3");
	for (unsigned int i = 0; i < 400; i++)
		nemo_text_add(&text, ", s%u", i);
	nemo_text_add(&text, ";\n");
	assert_admitted(text.data, "c:g1>g2/a c:g2>g1/a d:g1>g3/a d:g2>g3/a d:g3>g1/a d:g3>g2/a");
	free(text.data);
}

/* The ends of each set by the names of their gateways. */
static void test_same_gateway_in_two_sets(void **state)
{
	assert_refused(GATEWAYS "CREATE CFN x Type l2group Contain g2;\n"
				"CREATE CFN y Type l2group Contain g2;\n"
				"CREATE Connection c Type p2p EndNodes (g1, x), (y, g3);\n",
		       4, "Connection c: ends x and y are at the same gateway g2");
	assert_refused(GATEWAYS "CREATE CFN x Type l2group Contain g1;\n"
				"CREATE Connection c Type p2mp EndNodes g1, g2, (g3, x);\n",
		       3, "Connection c: ends g1 and x are at the same gateway g1");
}

/* Those of connections that are refused count, too: they are work all the same. */
static void test_limit_of_what_is_tried(void **state)
{
	struct nemo_text text = {0};

	for (unsigned int i = 0; i < 201; i++)
		nemo_text_add(&text, "IMPORT CFN m%u Type gateway;%s", i, i < 200 ? " " : "\n");
	nemo_text_add(&text, "CREATE CFN z Type l2group Contain m200;\n");
	for (unsigned int c = 0; c < 3; c++) {
		nemo_text_add(&text, "CREATE Connection c%u Type mesh EndNodes m0", c);
		for (unsigned int i = 1; i < 201; i++)
			nemo_text_add(&text, ", m%u", i);
		nemo_text_add(&text, ", z;\n");
	}
	for (unsigned int i = 0; i < 201; i++) {
		char name[16];

		snprintf(name, sizeof(name), "m%u", i);
		add_gateway(&view, name);
	}
	assert_int_equal(admit(text.data), -EINVAL);
	assert_int_equal(diags.n, 3);
	assert_string_equal(diags.v[0].reason,
			    "Connection c0: ends m200 and z are at the same gateway m200");
	assert_string_equal(diags.v[2].reason,
			    "Connection c2: the tenant's connections have more than 65536 legs "
			    "(ordered pairs of gateways)");
	free(text.data);
}

/* The static check takes any Integer. */
static void test_values(void **state)
{
	assert_refused(GATEWAYS C " Property bandwidth: -1;", 2,
		       "Connection c: bandwidth is -1, must be 0..4294967 Mbit/s");
	assert_refused(GATEWAYS C " Property delay: 9, bandwidth: 4294968;", 2,
		       "Connection c: bandwidth is 4294968, must be 0..4294967 Mbit/s");
	assert_refused(GATEWAYS C " Property delay: 3600001;", 2,
		       "Connection c: delay is 3600001, must be 0..3600000 ms");
	assert_refused(GATEWAYS C " Property delay: List(1, 2), bandwidth: List(1, 2, 3);", 2,
		       "Connection c: bandwidth is a list of 3 values, must be one, 0..4294967 "
		       "Mbit/s");
	assert_admitted(GATEWAYS C " Property bandwidth: 0, delay: List(0);",
			"c:g1>g2/a c:g2>g1/a");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_legs_of_each_type),
		TEST(test_ends_are_gateways_of_sites),
		TEST(test_which_path),
		TEST(test_delay),
		TEST(test_bandwidth),
		TEST(test_unknown_is_not_zero),
		TEST(test_no_path),
		TEST(test_what_others_hold),
		TEST(test_the_first_name_takes_what_is_there),
		TEST(test_a_connection_stays_where_it_was),
		TEST(test_new_and_larger_ones_do_not_drive_out),
		TEST(test_every_connection_is_told_of_once),
		TEST(test_without_a_script_there_is_no_place),
		TEST(test_limit_of_legs),
		TEST(test_sets_of_sites),
		TEST(test_same_gateway_in_two_sets),
		TEST(test_limit_of_what_is_tried),
		TEST(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
