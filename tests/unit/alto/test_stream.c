/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Update streams (RFC 8895): which events come, in which order, and that patches make the whole. */
#include "unit/alto/stream_rig.h"

/* ---- the beginning (RFC 8895, 5.3, 6.6) ---- */

static void test_first_event_is_the_control_uri(void **state)
{
	json_t *data;

	start("{'add':{'m':{'resource-id':'net'}}}");
	data = data_of(0);
	check_event(0, CONTROL, "");
	assert_string_equal(json_string_value(json_object_get(data, "control-uri")), RIG_BASE PATH);
	json_decref(data);
	check_event(1, NETMAP, "m");
	check_full(1, "net", NULL);
	assert_int_equal(n_events, 2);
}

static void test_network_map_comes_before_its_cost_maps(void **state)
{
	start("{'add':{'1':{'resource-id':'net-routingcost'},'2':{'resource-id':'net-props'},"
	      "'3':{'resource-id':'net'}}}");
	check_event(1, NETMAP, "3");
	check_event(2, "application/alto-propmap+json", "2");
	check_event(3, COSTMAP, "1");
	assert_int_equal(n_events, 4);
}

static void test_current_tag_needs_no_replacement(void **state)
{
	char params[256];

	snprintf(params, sizeof(params), "{'add':{'m':{'resource-id':'net','tag':'%s'}}}",
		 all->snap->sources[0]->map_tag);
	start(params);
	assert_int_equal(n_events, 1);
	change((struct state){.ab = 1, .moved = true});
	assert_int_equal(n_events, 1);
	check_event(0, PATCH, "m");
}

static void test_old_tag_gets_a_replacement(void **state)
{
	start("{'add':{'m':{'resource-id':'net','tag':'0123'}}}");
	check_event(1, NETMAP, "m");
}

/* What a calendar says depends on the hour: it has no tag. */
static void test_empty_tag_is_nobodys(void **state)
{
	rig_set(&(struct state){.ab = 1, .calendar = true});
	start("{'add':{'c':{'resource-id':'net-costs','tag':'','input':{'calendared':[true],"
	      "'cost-type':{'cost-mode':'numerical','cost-metric':'routingcost'}}}}}");
	check_event(1, COSTMAP, "c");
}

static void test_remove_is_ignored_at_the_beginning(void **state)
{
	start("{'add':{'m':{'resource-id':'net'}},'remove':5}");
	assert_int_equal(n_events, 2);
}

static void test_unknown_members_are_ignored(void **state)
{
	start("{'x':1,'add':{'m':{'resource-id':'net','y':[]}}}");
	assert_int_equal(n_events, 2);
}

/* ---- what is refused (RFC 8895, 6.6) ---- */

static void test_add_is_needed(void **state)
{
	check_error(try_open("{}"), ALTO_E_MISSING_FIELD, "add", NULL);
	check_error(try_open("{'add':{}}"), ALTO_E_MISSING_FIELD, "add", NULL);
	check_error(try_open("{'add':[]}"), ALTO_E_INVALID_FIELD_TYPE, "add", NULL);
	check_error(try_open("{'add':{'m':5}}"), ALTO_E_INVALID_FIELD_TYPE, "add/m", NULL);
	check_error(try_open("{'add':{'m':{'resource-id':'net'},'m':{'resource-id':'net'}}}"),
		    ALTO_E_SYNTAX, "", NULL);
	check_error(try_open("{'add':{"), ALTO_E_SYNTAX, "", NULL);
}

static void test_resource_must_be_in_uses(void **state)
{
	check_error(try_open("{'add':{'m':{}}}"), ALTO_E_MISSING_FIELD, "add/m/resource-id", NULL);
	check_error(try_open("{'add':{'m':{'resource-id':7}}}"), ALTO_E_INVALID_FIELD_TYPE,
		    "add/m/resource-id", NULL);
	check_error(try_open("{'add':{'m':{'resource-id':'nets'}}}"), ALTO_E_INVALID_FIELD_VALUE,
		    "add/m/resource-id", "nets");
	check_error(try_open("{'add':{'m':{'resource-id':'directory'}}}"),
		    ALTO_E_INVALID_FIELD_VALUE, "add/m/resource-id", "directory");
	check_error(try_open("{'add':{'m':{'resource-id':'updates'}}}"), ALTO_E_INVALID_FIELD_VALUE,
		    "add/m/resource-id", "updates");
	check_error(try_open("{'add':{'m':{'resource-id':'tips'}}}"), ALTO_E_INVALID_FIELD_VALUE,
		    "add/m/resource-id", "tips");
}

static void test_substream_ids_are_names(void **state)
{
	check_error(try_open("{'add':{'':{'resource-id':'net'}}}"), ALTO_E_INVALID_FIELD_VALUE,
		    "add", "");
	check_error(try_open("{'add':{'a.b':{'resource-id':'net'}}}"), ALTO_E_INVALID_FIELD_VALUE,
		    "add", "a.b");
	check_error(try_open("{'add':{'a,b':{'resource-id':'net'}}}"), ALTO_E_INVALID_FIELD_VALUE,
		    "add", "a,b");
}

static void test_other_fields_have_their_types(void **state)
{
	check_error(try_open("{'add':{'m':{'resource-id':'net','incremental-changes':1}}}"),
		    ALTO_E_INVALID_FIELD_TYPE, "add/m/incremental-changes", NULL);
	check_error(try_open("{'add':{'m':{'resource-id':'net','tag':1}}}"),
		    ALTO_E_INVALID_FIELD_TYPE, "add/m/tag", NULL);
	check_error(try_open("{'add':{'m':{'resource-id':'net-costs','input':1}}}"),
		    ALTO_E_INVALID_FIELD_TYPE, "add/m/input", NULL);
}

/* "the same error response that that resource would return" */
static void test_input_errors_are_the_resources(void **state)
{
	check_error(try_open("{'add':{'m':{'resource-id':'net-filtered'}}}"), ALTO_E_MISSING_FIELD,
		    "pids", NULL);
	check_error(try_open("{'add':{'m':{'resource-id':'net-costs','input':{'cost-type':"
			     "{'cost-mode':'numerical','cost-metric':'nosuch'}}}}}"),
		    ALTO_E_INVALID_FIELD_VALUE, "cost-type/cost-metric", "nosuch");
}

static void test_limit_of_substreams(void **state)
{
	char params[4096] = "{'add':{", *at = params + strlen(params);

	for (unsigned int i = 0; i <= ALTO_SUBSTREAMS_MAX; i++)
		at += sprintf(at, "%s's%u':{'resource-id':'net'}", i ? "," : "", i);
	strcpy(at, "}}");
	assert_int_equal(try_open(params), -EINVAL);
	check_error(-EINVAL, ALTO_E_INVALID_FIELD_VALUE, "add", "s64");
}

/* ---- changes (RFC 8895, 5.3, 9) ---- */

static void test_one_cost_is_told_by_a_patch(void **state)
{
	json_t *copy;

	start("{'add':{'m':{'resource-id':'net'},'c':{'resource-id':'net-routingcost'}}}");
	copy = data_of(2);
	change((struct state){.ab = 5, .delay = true, .cpu = 4});
	assert_int_equal(n_events, 1);
	check_event(0, PATCH, "c");
	assert_non_null(strstr(events[0].data, q("{'A':{'B':5,'C':6},'B':{'A':5},'C':{'A':6}}")));
	check_answer(patched(copy, data_of(0)), "net-routingcost", NULL);
}

static void test_nothing_changed_tells_nothing(void **state)
{
	start("{'add':{'m':{'resource-id':'net'},'c':{'resource-id':'net-routingcost'}}}");
	change((struct state){.ab = 1, .delay = true, .cpu = 4});
	assert_int_equal(n_events, 0);
	change((struct state){.ab = 1, .delay = true, .cpu = 5});
	assert_int_equal(n_events, 0);
}

static void test_another_map_is_told_first_with_its_tag(void **state)
{
	json_t *map, *costs;

	start("{'add':{'c':{'resource-id':'net-routingcost'},'m':{'resource-id':'net'}}}");
	map = data_of(1);
	costs = data_of(2);
	change((struct state){.ab = 1, .moved = true});
	assert_int_equal(n_events, 2);
	check_event(0, PATCH, "m");
	check_event(1, PATCH, "c");
	assert_non_null(strstr(events[1].data, "dependent-vtags"));
	check_answer(patched(map, data_of(0)), "net", NULL);
	check_answer(patched(costs, data_of(1)), "net-routingcost", NULL);
}

static void test_who_wants_no_increments_gets_none(void **state)
{
	start("{'add':{'c':{'resource-id':'net-routingcost','incremental-changes':false}}}");
	change((struct state){.ab = 5});
	assert_int_equal(n_events, 1);
	check_event(0, COSTMAP, "c");
	check_full(0, "net-routingcost", NULL);
}

/* Another stream makes n versions; the open one is asked after the last. */
static void change_behind(int n)
{
	struct alto_stream *slow = stream, *fast;

	start("{'add':{'c':{'resource-id':'net-routingcost'}}}");
	fast = stream;
	for (int i = 0; i < n; i++)
		change((struct state){.ab = 2 + i % 2});
	stream = slow;
	update();
	alto_stream_free(fast);
}

static void test_who_is_behind_gets_each_patch(void **state)
{
	json_t *copy;

	start("{'add':{'c':{'resource-id':'net-routingcost'}}}");
	copy = data_of(1);
	change_behind(2);
	assert_int_equal(n_events, 2);
	for (unsigned int i = 0; i < n_events; i++) {
		check_event(i, PATCH, "c");
		copy = patched(copy, data_of(i));
	}
	check_answer(copy, "net-routingcost", NULL);
}

static void test_who_is_far_behind_gets_the_whole(void **state)
{
	start("{'add':{'c':{'resource-id':'net-routingcost'}}}");
	change_behind(20);
	assert_int_equal(n_events, 1);
	check_event(0, COSTMAP, "c");
	check_full(0, "net-routingcost", NULL);
}

static void test_calendars_turn_without_a_snapshot(void **state)
{
	rig_set(&(struct state){.ab = 1, .calendar = true});
	start("{'add':{'c':{'resource-id':'net-costs','input':{'calendared':[true],'cost-type':"
	      "{'cost-mode':'numerical','cost-metric':'routingcost'}}}}}");
	now_unix += 1800;
	update();
	assert_int_equal(n_events, 0);
	now_unix += 1800;
	update();
	assert_int_equal(n_events, 1);
	check_event(0, PATCH, "c");
	assert_non_null(strstr(events[0].data, "calendar-start-time"));
}

/* RFC 8895, 9.3: a cost that passes a constraint no more is told as null. */
static void test_cost_that_fails_the_constraint_is_removed(void **state)
{
	start("{'add':{'c':{'resource-id':'net-costs','input':{'constraints':['le 2'],'cost-type':"
	      "{'cost-mode':'numerical','cost-metric':'routingcost'}}}}}");
	change((struct state){.ab = 5});
	assert_int_equal(n_events, 1);
	check_event(0, PATCH, "c");
	assert_non_null(strstr(events[0].data, "null"));
	change((struct state){.ab = 6});
	assert_int_equal(n_events, 0);
}

static void test_what_is_not_offered_any_more_is_stopped(void **state)
{
	start("{'add':{'d':{'resource-id':'net-delay-ow'},'m':{'resource-id':'net'}}}");
	change((struct state){.ab = 1, .cpu = 4});
	assert_int_equal(n_events, 1);
	check_control(0, "stopped", "['d']");
	assert_non_null(strstr(events[0].data, "description"));
	assert_false(alto_stream_empty(stream));
	change((struct state){.ab = 1, .cpu = 4, .delay = true});
	assert_int_equal(n_events, 0);
}

static void test_stream_without_resources_is_empty(void **state)
{
	start("{'add':{'d':{'resource-id':'net-delay-ow'}}}");
	change((struct state){.ab = 1});
	check_control(0, "stopped", "['d']");
	assert_true(alto_stream_empty(stream));
}

/* ---- resources with input ---- */

static void test_endpoint_costs_are_the_clients(void **state)
{
	static const char body[] = "{'cost-type':{'cost-mode':'numerical','cost-metric':"
				   "'routingcost'},'endpoints':{'dsts':['ipv4:10.2.0.1']}}";
	char params[512];

	snprintf(params, sizeof(params),
		 "{'add':{'e':{'resource-id':'net-endpoint-costs','input':%s}}}", body);
	start(params);
	check_event(1, "application/alto-endpointcost+json", "e");
	assert_non_null(strstr(events[1].data, client_text));
	check_full(1, "net-endpoint-costs", q(body));
	change((struct state){.ab = 5, .delay = true, .cpu = 4});
	check_event(0, PATCH, "e");
}

/* RFC 9275, 8.4: the whole multipart answer is one event, its lines lines of data. */
static void test_path_vectors_come_whole(void **state)
{
	static const char body[] = "{'cost-type':{'cost-mode':'array','cost-metric':'ane-path'},"
				   "'pids':{'srcs':['A'],'dsts':['C']},"
				   "'ane-property-names':['max-reservable-bandwidth']}";
	char params[512], *want, *to;

	snprintf(params, sizeof(params), "{'add':{'p':{'resource-id':'net-pv','input':%s}}}", body);
	start(params);
	assert_int_equal(n_events, 2);
	assert_int_equal(strncmp(events[1].name, "multipart/related;", 18), 0);
	assert_non_null(strstr(events[1].name, "type=application/alto-costmap+json"));
	assert_non_null(strstr(events[1].name, "boundary="));
	assert_string_equal(events[1].id, "p");
	rig_answer("net-pv", q(body), &want);
	to = want;
	for (const char *c = want; *c; c++) {
		if (*c != '\r')
			*to++ = *c;
	}
	while (to > want && to[-1] == '\n')
		to--;
	*to = '\0';
	assert_string_equal(events[1].data, want);
	free(want);
	change((struct state){.ab = 1, .moved = true});
	assert_int_equal(n_events, 1);
	assert_int_equal(strncmp(events[0].name, "multipart/related;", 18), 0);
}

static void test_keep_alive_is_a_comment(void **state)
{
	struct alto_out out = {.max = 100};

	alto_stream_keepalive(&out);
	assert_string_equal(out.data, ":\n\n");
	alto_out_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_first_event_is_the_control_uri),
		T(test_network_map_comes_before_its_cost_maps),
		T(test_current_tag_needs_no_replacement),
		T(test_old_tag_gets_a_replacement),
		T(test_empty_tag_is_nobodys),
		T(test_remove_is_ignored_at_the_beginning),
		T(test_unknown_members_are_ignored),
		T(test_add_is_needed),
		T(test_resource_must_be_in_uses),
		T(test_substream_ids_are_names),
		T(test_other_fields_have_their_types),
		T(test_input_errors_are_the_resources),
		T(test_limit_of_substreams),
		T(test_one_cost_is_told_by_a_patch),
		T(test_nothing_changed_tells_nothing),
		T(test_another_map_is_told_first_with_its_tag),
		T(test_who_wants_no_increments_gets_none),
		T(test_who_is_behind_gets_each_patch),
		T(test_who_is_far_behind_gets_the_whole),
		T(test_calendars_turn_without_a_snapshot),
		T(test_cost_that_fails_the_constraint_is_removed),
		T(test_what_is_not_offered_any_more_is_stopped),
		T(test_stream_without_resources_is_empty),
		T(test_endpoint_costs_are_the_clients),
		T(test_path_vectors_come_whole),
		T(test_keep_alive_is_a_comment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
