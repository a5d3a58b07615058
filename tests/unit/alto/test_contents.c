/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is followed: asked in rounds, of one moment, only where its source has changed; limits. */
#include "unit/alto/stream_rig.h"

/* Snapshots whose source "other" changes, and "net" does not. */
static void set_other(double ab)
{
	struct alto_source *sources[2] = {
		rig_source(&(struct state){.ab = 1, .delay = true, .cpu = 4})};
	struct alto_builder_conf conf = {.stat = "", .cost_source = "estimation"};
	struct alto_builder *b = rig_builder("other");

	rig_letters(b, 3);
	rig_state_link(b, 0, 1, &(struct state){.ab = ab});
	sources[1] = rig_finish(b, &conf);
	alto_resources_free(all);
	all = rig_resources(sources, 2);
}

/* How many contents a round asks. */
static unsigned int asked(void)
{
	unsigned int n = 0;

	while (n < ALTO_CONTENTS_MAX && alto_contents_step(contents, all, now_unix))
		n++;
	return n;
}

static void test_only_what_changed_is_asked(void **state)
{
	set_other(1);
	start("{'add':{'m':{'resource-id':'net'},'c':{'resource-id':'net-routingcost'},"
	      "'o':{'resource-id':'other-routingcost'}}}");
	assert_int_equal(asked(), 0);
	set_other(1);
	assert_false(alto_contents_stale(contents, all, now_unix));
	assert_int_equal(asked(), 0);
	set_other(2);
	assert_true(alto_contents_stale(contents, all, now_unix));
	assert_int_equal(asked(), 1);
	update();
	assert_int_equal(n_events, 1);
	check_event(0, PATCH, "o");
}

/* Another snapshot with each step: the round ends all the same, and tells of one moment. */
static void test_a_flood_of_snapshots_does_not_mix(void **state)
{
	struct alto_out out = {.max = ALTO_ANSWER_MAX};
	unsigned int steps = 0;
	json_t *map, *costs;

	start("{'add':{'m':{'resource-id':'net','incremental-changes':false},"
	      "'c':{'resource-id':'net-routingcost','incremental-changes':false},"
	      "'p':{'resource-id':'net-props','incremental-changes':false}}}");
	rig_set(&(struct state){.ab = 2, .moved = true, .cpu = 5});
	for (; steps < 9 && alto_contents_step(contents, all, now_unix); steps++)
		rig_set(&(struct state){.ab = 3 + steps, .moved = steps % 2, .cpu = 6 + steps});
	assert_int_equal(steps, 3);
	assert_int_equal(alto_stream_update(stream, &out), 0);
	read_events(&out);
	assert_int_equal(n_events, 3);
	map = data_of(0);
	costs = data_of(2);
	check_event(0, NETMAP, "m");
	check_event(2, COSTMAP, "c");
	assert_true(json_equal(
		json_object_get(json_object_get(map, "meta"), "vtag"),
		json_array_get(json_object_get(json_object_get(costs, "meta"), "dependent-vtags"),
			       0)));
	json_decref(map);
	json_decref(costs);
	assert_true(alto_contents_stale(contents, all, now_unix));
	update(); /* the next round has what came meanwhile */
	check_full(n_events - 1, "net-routingcost", NULL);
}

/* Telling asks nothing. */
static void test_streams_are_told_what_was_asked(void **state)
{
	struct alto_out out = {.max = ALTO_ANSWER_MAX};

	start("{'add':{'c':{'resource-id':'net-routingcost'}}}");
	rig_set(&(struct state){.ab = 7, .delay = true, .cpu = 4});
	assert_int_equal(alto_stream_update(stream, &out), 0);
	assert_int_equal(out.len, 0);
	update();
	check_event(0, PATCH, "c");
}

/* Who joins in between two rounds follows what the others do. */
static void test_what_is_added_is_of_the_same_moment(void **state)
{
	struct alto_stream *first;
	json_t *one, *other;

	start("{'add':{'m':{'resource-id':'net'}}}");
	one = data_of(1);
	first = stream;
	rig_set(&(struct state){.ab = 1, .moved = true});
	start("{'add':{'c':{'resource-id':'net-routingcost'}}}");
	other = data_of(1);
	assert_true(json_equal(
		json_object_get(json_object_get(one, "meta"), "vtag"),
		json_array_get(json_object_get(json_object_get(other, "meta"), "dependent-vtags"),
			       0)));
	json_decref(one);
	json_decref(other);
	alto_stream_free(first);
}

/* What nobody followed may have changed long ago. */
static void test_what_is_added_is_not_old(void **state)
{
	struct alto_stream *first;

	set_other(1);
	start("{'add':{'m':{'resource-id':'net'}}}");
	first = stream;
	set_other(2);
	assert_false(alto_contents_stale(contents, all, now_unix));
	start("{'add':{'o':{'resource-id':'other-routingcost'}}}");
	check_full(1, "other-routingcost", NULL);
	alto_stream_free(first);
}

/* ---- what is checked first ---- */

static void test_all_is_checked_before_anything_is_asked(void **state)
{
	struct alto_stream_conf conf = rig_conf(PATH);
	const char *params = "{'add':{'1':{'resource-id':'net-costs','input':{'x':1}},"
			     "'2':{'resource-id':'nosuch'}}}";
	struct alto_adds *adds = NULL;

	check_error(alto_adds_new(&conf, NULL, q(params), strlen(params), &adds, &error),
		    ALTO_E_INVALID_FIELD_VALUE, "add/2/resource-id", "nosuch");
	assert_null(adds);
	assert_int_equal(alto_contents_count(contents), 0);
	/* The input of the first is wrong, which only its resource can tell. */
	params = "{'add':{'1':{'resource-id':'net-costs','input':{'x':1}}}}";
	assert_int_equal(alto_adds_new(&conf, NULL, q(params), strlen(params), &adds, &error), 0);
	check_error(alto_adds_step(adds, &error), ALTO_E_MISSING_FIELD, "cost-type", NULL);
	alto_adds_free(adds);
	assert_int_equal(alto_contents_count(contents), 0);
}

static void test_new_contents_are_asked_one_a_step(void **state)
{
	const char *params = "{'add':{'1':{'resource-id':'net'},'2':{'resource-id':'net-hopcount'},"
			     "'3':{'resource-id':'net-props'}}}";
	struct alto_stream_conf conf = rig_conf(PATH);
	struct alto_out out = {.max = ALTO_ANSWER_MAX};
	struct alto_adds *adds = NULL;

	assert_int_equal(alto_adds_new(&conf, NULL, q(params), strlen(params), &adds, &error), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(alto_adds_step(adds, &error), -EAGAIN);
	assert_int_equal(alto_adds_step(adds, &error), 0);
	assert_int_equal(alto_stream_new(&conf, adds, &out, &stream, &error), 0);
	alto_adds_free(adds);
	read_events(&out);
	assert_int_equal(n_events, 4);
}

/* Two requests at once: the second is judged by what the stream is then. */
static void test_a_stream_that_changed_meanwhile_is_looked_at_again(void **state)
{
	const char *params = "{'add':{'c':{'resource-id':'net-hopcount'}}}";
	struct alto_out out = {.max = ALTO_ANSWER_MAX};
	struct alto_stream_conf conf = rig_conf(NULL);
	struct alto_adds *adds[2] = {NULL};
	unsigned int status;

	start("{'add':{'m':{'resource-id':'net'}}}");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			alto_adds_new(&conf, stream, q(params), strlen(params), &adds[i], &error),
			0);
		while (alto_adds_step(adds[i], &error) == -EAGAIN)
			;
	}
	assert_int_equal(alto_stream_control(stream, adds[0], &out, &status, &error), 0);
	check_error(alto_stream_control(stream, adds[1], &out, &status, &error),
		    ALTO_E_INVALID_FIELD_VALUE, "add", "c");
	alto_adds_free(adds[0]);
	alto_adds_free(adds[1]);
	alto_out_fini(&out);
}

/* ---- limits ---- */

/* size: of the input as compact JSON. */
static char *large_input(size_t size)
{
	static const char head[] = "{\"add\":{\"1\":{\"resource-id\":\"net-filtered\",\"input\":";
	static const char input[] = "{\"pids\":[\"A\"],\"x\":\"";
	size_t fill = size - strlen(input) - strlen("\"}");
	char *text = malloc(sizeof(head) + size + 8);
	char *at = stpcpy(stpcpy(text, head), input);

	memset(at, 'x', fill);
	strcpy(at + fill, "\"}}}}");
	return text;
}

static int open_large(size_t size)
{
	struct alto_stream_conf conf = rig_conf(PATH);
	struct alto_adds *adds = NULL;
	char *params = large_input(size);
	int r = alto_adds_new(&conf, NULL, params, strlen(params), &adds, &error);

	alto_adds_free(adds);
	free(params);
	return r;
}

static void test_limit_of_an_input(void **state)
{
	assert_int_equal(open_large(ALTO_INPUT_MAX), 0);
	check_error(open_large(ALTO_INPUT_MAX + 1), ALTO_E_INVALID_FIELD_VALUE, "add/1/input",
		    NULL);
	assert_non_null(strstr(error.why, "65536"));
}

static char *tips_params(unsigned int i)
{
	char *params = NULL;

	assert_true(asprintf(&params,
			     "{\"resource-id\":\"net-filtered\",\"input\":{\"pids\":[\"A\"],"
			     "\"x\":\"%0*u\"}}",
			     60000, i) > 0);
	return params;
}

/* Inputs count as bytes that are followed: 256 of 64 KiB fit, and no more than that. */
static void test_inputs_are_counted(void **state)
{
	struct alto_stream_conf conf = rig_conf("/alto/tips/5");
	struct alto_tips *views[ALTO_CONTENTS_MAX];
	struct alto_out out = {.max = 1u << 20};
	unsigned int n = 0;

	/* The rest of what may be new is taken by a large map. */
	rig_use(rig_star(900, 1));
	for (int r = 0; r == 0 && n < ALTO_CONTENTS_MAX; n++) {
		char *params;

		if (n < 2)
			params = strdup(n ? "{\"resource-id\":\"net-routingcost\"}"
					  : "{\"resource-id\":\"net-hopcount\"}");
		else
			params = tips_params(n);
		conf.all = all;
		r = alto_tips_open(&conf, params, strlen(params), &out, &views[n], &error);
		free(params);
		n -= r != 0;
	}
	assert_int_equal(error.status, 503);
	assert_non_null(strstr(error.why, "25165824"));
	assert_true(n < ALTO_CONTENTS_MAX);
	while (n)
		alto_tips_free(views[--n]);
	assert_int_equal(alto_contents_count(contents), 0);
	alto_out_fini(&out);
}

/* What is followed already may grow where nothing new is taken any more. */
static void test_what_is_followed_may_grow(void **state)
{
	static const char *const metrics[] = {"routingcost", "routingcost-ordinal", "hopcount"};
	struct alto_stream *streams[3];
	char params[128];
	size_t bytes = 0;

	rig_use(rig_star(700, 1));
	for (int i = 0; i < 3; i++) {
		snprintf(params, sizeof(params), "{'add':{'1':{'resource-id':'net-%s'}}}",
			 metrics[i]);
		start(params);
		streams[i] = stream;
	}
	rig_use(rig_star(930, 1));
	ask_round();
	for (int i = 0; i < 3; i++) {
		stream = streams[i];
		update();
		check_event(0, COSTMAP, "1");
		bytes += strlen(events[0].data);
	}
	assert_true(bytes > ALTO_FOLLOWED_NEW_BYTES_MAX);
	stream = NULL;
	assert_int_equal(try_open("{'add':{'1':{'resource-id':'net'}}}"), -EBUSY);
	for (int i = 0; i < 3; i++)
		alto_stream_free(streams[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_only_what_changed_is_asked),
		T(test_a_flood_of_snapshots_does_not_mix),
		T(test_streams_are_told_what_was_asked),
		T(test_what_is_added_is_of_the_same_moment),
		T(test_what_is_added_is_not_old),
		T(test_all_is_checked_before_anything_is_asked),
		T(test_new_contents_are_asked_one_a_step),
		T(test_a_stream_that_changed_meanwhile_is_looked_at_again),
		T(test_limit_of_an_input),
		T(test_inputs_are_counted),
		T(test_what_is_followed_may_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
