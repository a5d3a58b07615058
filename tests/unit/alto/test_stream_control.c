/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control of update streams (RFC 8895, 7), and their limits. */
#include "unit/alto/stream_rig.h"

static int control(const char *params, unsigned int *status)
{
	struct alto_stream_conf conf = rig_conf(NULL);
	struct alto_out out = {.max = ALTO_ANSWER_MAX};
	struct alto_adds *adds = NULL;
	int r = ask_adds(&conf, stream, params, &adds);

	if (r == 0)
		r = alto_stream_control(stream, adds, &out, status, &error);
	alto_adds_free(adds);
	if (r == 0)
		assert_int_equal(alto_stream_update(stream, &out), 0);
	read_events(&out);
	return r;
}

/* ---- stream control (RFC 8895, 7) ---- */

static void test_control_adds(void **state)
{
	unsigned int status;

	start("{'add':{'m':{'resource-id':'net'}}}");
	assert_int_equal(control("{'add':{'c':{'resource-id':'net-routingcost'}}}", &status), 0);
	assert_int_equal(status, 202);
	assert_int_equal(n_events, 2);
	check_control(0, "started", "['c']");
	check_event(1, COSTMAP, "c");
}

static void test_control_removes(void **state)
{
	unsigned int status;

	start("{'add':{'m':{'resource-id':'net'},'c':{'resource-id':'net-routingcost'}}}");
	assert_int_equal(control("{'remove':['c']}", &status), 0);
	assert_int_equal(status, 204);
	assert_int_equal(n_events, 1);
	check_control(0, "stopped", "['c']");
	change((struct state){.ab = 5, .delay = true, .cpu = 4});
	assert_int_equal(n_events, 0);
	assert_int_equal(control("{'remove':['m']}", &status), 0);
	assert_true(alto_stream_empty(stream));
}

static void test_control_removes_twice_without_an_error(void **state)
{
	unsigned int status;

	start("{'add':{'m':{'resource-id':'net'},'c':{'resource-id':'net-routingcost'}}}");
	assert_int_equal(control("{'remove':['c','c']}", &status), 0);
	check_control(0, "stopped", "['c']");
	assert_int_equal(control("{'remove':['c']}", &status), 0);
	assert_int_equal(n_events, 0);
}

/* An empty list stands for all that were there before. */
static void test_control_removes_all(void **state)
{
	unsigned int status;

	start("{'add':{'m':{'resource-id':'net'},'c':{'resource-id':'net-routingcost'}}}");
	assert_int_equal(
		control("{'remove':[],'add':{'h':{'resource-id':'net-hopcount'}}}", &status), 0);
	assert_int_equal(status, 202);
	check_control(0, "started", "['h']");
	check_control(1, "stopped", "['m','c']");
	check_event(2, COSTMAP, "h");
	assert_int_equal(n_events, 3);
	assert_false(alto_stream_empty(stream));
	assert_int_equal(control("{'remove':[]}", &status), 0);
	assert_int_equal(status, 204);
	check_control(0, "stopped", "['h']");
	assert_true(alto_stream_empty(stream));
}

static void test_control_without_remove_removes_nothing(void **state)
{
	unsigned int status;

	start("{'add':{'m':{'resource-id':'net'}}}");
	assert_int_equal(control("{'add':{'h':{'resource-id':'net-hopcount'}}}", &status), 0);
	assert_int_equal(n_events, 2);
	check_control(0, "started", "['h']");
}

static void test_control_adds_before_it_removes(void **state)
{
	unsigned int status;

	start("{'add':{'m':{'resource-id':'net'}}}");
	assert_int_equal(
		control("{'remove':['m','c'],'add':{'c':{'resource-id':'net-hopcount'}}}", &status),
		0);
	assert_int_equal(status, 202);
	check_control(0, "started", "['c']");
	check_control(1, "stopped", "['m','c']");
	assert_int_equal(n_events, 2);
	assert_true(alto_stream_empty(stream));
}

static void test_control_refuses_and_changes_nothing(void **state)
{
	unsigned int status;

	start("{'add':{'m':{'resource-id':'net'}}}");
	check_error(control("{}", &status), ALTO_E_MISSING_FIELD, "add", NULL);
	check_error(control("{'remove':['x']}", &status), ALTO_E_INVALID_FIELD_VALUE, "remove",
		    "x");
	check_error(control("{'remove':['m',5]}", &status), ALTO_E_INVALID_FIELD_VALUE, "remove",
		    NULL);
	check_error(control("{'remove':'m'}", &status), ALTO_E_INVALID_FIELD_TYPE, "remove", NULL);
	check_error(control("{'add':{'m':{'resource-id':'net'}}}", &status),
		    ALTO_E_INVALID_FIELD_VALUE, "add", "m");
	check_error(
		control("{'add':{'c':{'resource-id':'net-routingcost'}},'remove':['x']}", &status),
		ALTO_E_INVALID_FIELD_VALUE, "remove", "x");
	check_error(control("{'remove':['m'],'add':{'c':{'resource-id':'nosuch'}}}", &status),
		    ALTO_E_INVALID_FIELD_VALUE, "add/c/resource-id", "nosuch");
	assert_int_equal(n_events, 0);
	change((struct state){.ab = 1, .moved = true});
	assert_int_equal(n_events, 1);
	check_event(0, PATCH, "m");
}

static void test_substream_id_is_used_once(void **state)
{
	unsigned int status;

	start("{'add':{'m':{'resource-id':'net'},'c':{'resource-id':'net-routingcost'}}}");
	assert_int_equal(control("{'remove':['c']}", &status), 0);
	check_error(control("{'add':{'c':{'resource-id':'net-routingcost'}}}", &status),
		    ALTO_E_INVALID_FIELD_VALUE, "add", "c");
}

static void test_limit_of_ids_in_a_streams_life(void **state)
{
	unsigned int status, i;
	char params[128];
	int r = 0;

	start("{'add':{'m':{'resource-id':'net'}}}");
	for (i = 0; r == 0 && i < 2 * ALTO_SUBSTREAM_IDS_MAX; i++) {
		snprintf(params, sizeof(params),
			 "{'add':{'%u':{'resource-id':'net'}},'remove':['%u']}", i, i);
		r = control(params, &status);
	}
	assert_int_equal(r, -EBUSY);
	assert_int_equal(error.status, 503);
	assert_int_equal(i, ALTO_SUBSTREAM_IDS_MAX);
}

/* ---- limits of size ---- */

static void test_limit_of_bytes_of_a_stream(void **state)
{
	rig_use(rig_star(800, 1));
	assert_int_equal(try_open("{'add':{'1':{'resource-id':'net-routingcost'}}}"), 0);
	alto_stream_free(stream);
	stream = NULL;
	assert_int_equal(try_open("{'add':{'1':{'resource-id':'net-routingcost'},"
				  "'2':{'resource-id':'net-routingcost-ordinal'},"
				  "'3':{'resource-id':'net-hopcount'}}}"),
			 -EBUSY);
	assert_int_equal(error.status, 503);
	assert_non_null(strstr(error.why, "16777216"));
}

/* Other streams count, the same content only once. */
static void test_limit_of_bytes_of_all(void **state)
{
	struct alto_stream *streams[16] = {0};
	unsigned int n = 0;
	char params[256];
	size_t size = 1;
	int r = 0;

	rig_use(rig_star(800, 1));
	for (; r == 0 && n < ARRAY_SIZE(streams); n++) {
		snprintf(params, sizeof(params),
			 "{'add':{'1':{'resource-id':'net-costs','input':{'constraints':['le %u'],"
			 "'cost-type':{'cost-mode':'numerical','cost-metric':'routingcost'}}}}}",
			 100000 + n / 2);
		r = try_open(params);
		streams[n] = r ? NULL : stream;
		size = r ? size : strlen(events[1].data);
	}
	assert_int_equal(r, -EBUSY);
	assert_int_equal(error.status, 503);
	assert_int_equal(n - 1, ALTO_FOLLOWED_NEW_BYTES_MAX / size * 2);
	stream = NULL;
	alto_stream_free(streams[0]);
	assert_int_equal(try_open(params), -EBUSY); /* streams[1] follows the same */
	alto_stream_free(streams[1]);
	assert_int_equal(try_open(params), 0);
	for (unsigned int i = 2; i < n; i++)
		alto_stream_free(streams[i]);
}

static void test_limit_of_contents(void **state)
{
	const unsigned int streams = ALTO_CONTENTS_MAX / ALTO_SUBSTREAMS_MAX;
	struct alto_stream *kept[ALTO_CONTENTS_MAX / ALTO_SUBSTREAMS_MAX];
	char params[8192], *at;

	for (unsigned int i = 0; i <= streams; i++) {
		at = params + sprintf(params, "{'add':{");
		for (unsigned int k = 0; k < ALTO_SUBSTREAMS_MAX; k++)
			at += sprintf(at,
				      "%s'%u':{'resource-id':'net-filtered','input':{'pids':"
				      "['%u-%u']}}",
				      k ? "," : "", k, i, k);
		strcpy(at, "}}");
		assert_int_equal(try_open(params), i < streams ? 0 : -EBUSY);
		if (i < streams)
			kept[i] = stream;
	}
	assert_int_equal(error.status, 503);
	assert_int_equal(alto_contents_count(contents), ALTO_CONTENTS_MAX);
	stream = NULL;
	for (unsigned int i = 0; i < streams; i++)
		alto_stream_free(kept[i]);
	assert_int_equal(alto_contents_count(contents), 0);
}

static void test_contents_are_asked_one_by_one(void **state)
{
	start("{'add':{'m':{'resource-id':'net'},'c':{'resource-id':'net-routingcost'}}}");
	assert_false(alto_contents_step(contents, all, now_unix));
	rig_set(&(struct state){.ab = 5, .delay = true, .cpu = 4});
	assert_true(alto_contents_step(contents, all, now_unix));
	assert_true(alto_contents_step(contents, all, now_unix));
	assert_false(alto_contents_step(contents, all, now_unix));
	update();
	assert_int_equal(n_events, 1);
	check_event(0, PATCH, "c");
}

static void test_large_contents_are_told_whole(void **state)
{
	rig_use(rig_star(800, 1));
	start("{'add':{'c':{'resource-id':'net-routingcost'}}}");
	assert_true(strlen(events[1].data) > ALTO_PATCH_TEXT_MAX);
	rig_use(rig_star(800, 2));
	update();
	assert_int_equal(n_events, 1);
	check_event(0, COSTMAP, "c");
}

static void test_too_large_a_stream_is_made_smaller(void **state)
{
	rig_use(rig_star(100, 1));
	start("{'add':{'1':{'resource-id':'net-routingcost'},"
	      "'2':{'resource-id':'net-routingcost-ordinal'},"
	      "'3':{'resource-id':'net-hopcount'}}}");
	rig_use(rig_star(800, 1));
	update();
	check_control(0, "stopped", "['3']");
	assert_non_null(strstr(events[0].data, "too large"));
	assert_int_equal(n_events, 3);
	check_event(1, COSTMAP, "1");
	check_event(2, COSTMAP, "2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_control_adds),
		T(test_control_removes),
		T(test_control_removes_twice_without_an_error),
		T(test_control_removes_all),
		T(test_control_without_remove_removes_nothing),
		T(test_control_adds_before_it_removes),
		T(test_control_refuses_and_changes_nothing),
		T(test_substream_id_is_used_once),
		T(test_limit_of_ids_in_a_streams_life),
		T(test_limit_of_bytes_of_a_stream),
		T(test_limit_of_bytes_of_all),
		T(test_limit_of_contents),
		T(test_contents_are_asked_one_by_one),
		T(test_large_contents_are_told_whole),
		T(test_too_large_a_stream_is_made_smaller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
