/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Update streams (RFC 8895): which events come, in which order, and that patches make the whole. */
#include "unit/alto/update_rig.h"

#define URI "http://127.0.0.1:8080/alto/updates/5"
#define PATCH "application/merge-patch+json"
#define CONTROL "application/alto-updatestreamcontrol+json"
#define NETMAP "application/alto-networkmap+json"
#define COSTMAP "application/alto-costmap+json"

/* ---- events ---- */

struct event {
	char name[256]; /* without the data-id */
	char id[128];
	char *data;
};
static struct event events[32];
static unsigned int n_events;
static struct alto_stream *stream;

static void forget_events(void)
{
	for (unsigned int i = 0; i < n_events; i++)
		free(events[i].data);
	memset(events, 0, sizeof(events));
	n_events = 0;
}

static void read_name(struct event *e, const char *text)
{
	const char *comma = strrchr(text, ',');

	snprintf(e->name, sizeof(e->name), "%.*s", comma ? (int)(comma - text) : (int)strlen(text),
		 text);
	snprintf(e->id, sizeof(e->id), "%s", comma ? comma + 1 : "");
}

/* Lines of data are joined by "\n" (the HTML standard's rule for event streams). */
static void read_data(struct event *e, const char *text)
{
	char *data;

	assert_true(asprintf(&data, "%s%s%s", e->data ? e->data : "", e->data ? "\n" : "", text) >=
		    0);
	free(e->data);
	e->data = data;
}

static void read_line(struct event *e, const char *line)
{
	if (strncmp(line, "event: ", 7) == 0)
		read_name(e, line + 7);
	else if (strncmp(line, "data: ", 6) == 0)
		read_data(e, line + 6);
	else
		assert_int_equal(line[0], ':');
}

static void read_events(struct alto_out *out)
{
	char *at = out->data, *nl;

	assert_int_equal(out->failed, 0);
	forget_events();
	for (; at && *at; at = nl + 1) {
		nl = strchr(at, '\n');
		assert_non_null(nl);
		*nl = '\0';
		assert_true(n_events < ARRAY_SIZE(events));
		if (nl == at)
			n_events += events[n_events].data != NULL;
		else
			read_line(&events[n_events], at);
	}
	alto_out_fini(out);
}

static json_t *data_of(unsigned int i)
{
	json_t *json = NULL;

	assert_true(i < n_events);
	assert_int_equal(json_parse(events[i].data, strlen(events[i].data), &json, NULL), 0);
	return json;
}

static void check_event(unsigned int i, const char *name, const char *id)
{
	assert_true(i < n_events);
	assert_string_equal(events[i].name, name);
	assert_string_equal(events[i].id, id);
}

static void check_control(unsigned int i, const char *member, const char *ids)
{
	json_t *data = data_of(i);
	char *text = json_text(json_object_get(data, member));

	check_event(i, CONTROL, "");
	assert_string_equal(text, q(ids));
	free(text);
	json_decref(data);
}

/* ---- what is asked ---- */

static int try_open(const char *params)
{
	struct alto_stream_conf conf = rig_conf(URI);
	struct alto_out out = {.max = ALTO_ANSWER_MAX};
	int r = alto_stream_new(&conf, q(params), strlen(params), &out, &stream, &error);

	if (r)
		assert_int_equal(out.len, 0);
	read_events(&out);
	return r;
}

static void start(const char *params)
{
	assert_int_equal(try_open(params), 0);
	assert_true(n_events > 0);
}

static int setup(void **state)
{
	stream = NULL;
	return rig_setup(state);
}

static int teardown(void **state)
{
	alto_stream_free(stream);
	forget_events();
	return rig_teardown(state);
}

static void update(void)
{
	struct alto_out out = {.max = ALTO_ANSWER_MAX};

	assert_int_equal(alto_stream_update(stream, all, now_unix, &out), 0);
	read_events(&out);
}

static void change(struct state s)
{
	rig_set(&s);
	update();
}

static int control(const char *params, unsigned int *status)
{
	struct alto_stream_conf conf = rig_conf(NULL);
	struct alto_out out = {.max = ALTO_ANSWER_MAX};
	int r = alto_stream_control(stream, &conf, q(params), strlen(params), &out, status, &error);

	if (r == 0)
		assert_int_equal(alto_stream_update(stream, all, now_unix, &out), 0);
	read_events(&out);
	return r;
}

/* Whole content of event i must be what the resource answers. */
static void check_full(unsigned int i, const char *id, const char *body)
{
	json_t *want = rig_answer(id, body, NULL), *got = data_of(i);

	assert_true(json_equal(got, want));
	json_decref(got);
	json_decref(want);
}

/* ---- the beginning (RFC 8895, 5.3, 6.6) ---- */

static void test_first_event_is_the_control_uri(void **state)
{
	json_t *data;

	start("{'add':{'m':{'resource-id':'net'}}}");
	data = data_of(0);
	check_event(0, CONTROL, "");
	assert_string_equal(json_string_value(json_object_get(data, "control-uri")), URI);
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
	json_t *copy, *patch, *want;

	start("{'add':{'m':{'resource-id':'net'},'c':{'resource-id':'net-routingcost'}}}");
	copy = data_of(2);
	change((struct state){.ab = 5, .delay = true, .cpu = 4});
	assert_int_equal(n_events, 1);
	check_event(0, PATCH, "c");
	assert_non_null(strstr(events[0].data, q("{'A':{'B':5,'C':6},'B':{'A':5},'C':{'A':6}}")));
	patch = data_of(0);
	copy = json_merge_patch(copy, patch);
	want = rig_answer("net-routingcost", NULL, NULL);
	assert_true(json_equal(copy, want));
	json_decref(copy);
	json_decref(patch);
	json_decref(want);
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
	json_t *map, *costs, *patch, *want;

	start("{'add':{'c':{'resource-id':'net-routingcost'},'m':{'resource-id':'net'}}}");
	map = data_of(1);
	costs = data_of(2);
	change((struct state){.ab = 1, .moved = true});
	assert_int_equal(n_events, 2);
	check_event(0, PATCH, "m");
	check_event(1, PATCH, "c");
	assert_non_null(strstr(events[1].data, "dependent-vtags"));
	patch = data_of(0);
	map = json_merge_patch(map, patch);
	want = rig_answer("net", NULL, NULL);
	assert_true(json_equal(map, want));
	json_decref(patch);
	json_decref(want);
	patch = data_of(1);
	costs = json_merge_patch(costs, patch);
	want = rig_answer("net-routingcost", NULL, NULL);
	assert_true(json_equal(costs, want));
	json_decref(patch);
	json_decref(want);
	json_decref(map);
	json_decref(costs);
}

static void test_who_wants_no_increments_gets_none(void **state)
{
	start("{'add':{'c':{'resource-id':'net-routingcost','incremental-changes':false}}}");
	change((struct state){.ab = 5});
	assert_int_equal(n_events, 1);
	check_event(0, COSTMAP, "c");
	check_full(0, "net-routingcost", NULL);
}

/* Another stream makes the versions; this one was not asked meanwhile. */
static void test_who_is_behind_gets_each_patch(void **state)
{
	struct alto_stream *slow, *fast;
	json_t *copy, *want;

	start("{'add':{'c':{'resource-id':'net-routingcost'}}}");
	copy = data_of(1);
	slow = stream;
	start("{'add':{'c':{'resource-id':'net-routingcost'}}}");
	fast = stream;
	change((struct state){.ab = 2});
	change((struct state){.ab = 3});
	stream = slow;
	update();
	assert_int_equal(n_events, 2);
	for (unsigned int i = 0; i < n_events; i++) {
		json_t *patch = data_of(i);

		check_event(i, PATCH, "c");
		copy = json_merge_patch(copy, patch);
		json_decref(patch);
	}
	want = rig_answer("net-routingcost", NULL, NULL);
	assert_true(json_equal(copy, want));
	json_decref(copy);
	json_decref(want);
	alto_stream_free(fast);
}

static void test_who_is_far_behind_gets_the_whole(void **state)
{
	struct alto_stream *slow, *fast;

	start("{'add':{'c':{'resource-id':'net-routingcost'}}}");
	slow = stream;
	start("{'add':{'c':{'resource-id':'net-routingcost'}}}");
	fast = stream;
	for (int i = 0; i < 20; i++)
		change((struct state){.ab = 2 + i % 2});
	stream = slow;
	update();
	assert_int_equal(n_events, 1);
	check_event(0, COSTMAP, "c");
	check_full(0, "net-routingcost", NULL);
	alto_stream_free(fast);
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

static void test_keep_alive_is_a_comment(void **state)
{
	struct alto_out out = {.max = 100};

	alto_stream_keepalive(&out);
	assert_string_equal(out.data, ":\n\n");
	alto_out_fini(&out);
}

/* ---- limits of size ---- */

/* A star: everything reaches everything. */
static struct alto_source *star(uint32_t n)
{
	struct alto_builder_conf conf = {.stat = "", .cost_source = "estimation"};
	struct alto_source *source = NULL;
	struct alto_builder *b = NULL;
	struct alto_link l;
	char name[16];
	uint32_t id;

	assert_int_equal(alto_builder_new("net", &b), 0);
	for (uint32_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		assert_int_equal(alto_builder_pid(b, name, true, &id), 0);
	}
	for (int v = 0; v < LINK_VALUE_MAX; v++)
		l.value[v] = NAN;
	l.calendar = NULL;
	for (uint32_t i = 1; i < n; i++) {
		l.value[LINK_ROUTINGCOST] = i;
		l.from = 0;
		l.to = i;
		assert_int_equal(alto_builder_link(b, &l), 0);
		l.from = i;
		l.to = 0;
		assert_int_equal(alto_builder_link(b, &l), 0);
	}
	assert_int_equal(alto_builder_finish(b, &conf, &source), 0);
	return source;
}

static void test_limit_of_bytes_of_a_stream(void **state)
{
	rig_use(star(800));
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

static void test_too_large_a_stream_is_made_smaller(void **state)
{
	rig_use(star(100));
	start("{'add':{'1':{'resource-id':'net-routingcost'},"
	      "'2':{'resource-id':'net-routingcost-ordinal'},"
	      "'3':{'resource-id':'net-hopcount'}}}");
	rig_use(star(800));
	update();
	check_control(0, "stopped", "['3']");
	assert_non_null(strstr(events[0].data, "too large"));
	assert_int_equal(n_events, 3);
	check_event(1, COSTMAP, "1");
	check_event(2, COSTMAP, "2");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_first_event_is_the_control_uri),
		T(test_network_map_comes_before_its_cost_maps),
		T(test_current_tag_needs_no_replacement),
		T(test_old_tag_gets_a_replacement),
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
		T(test_control_adds),
		T(test_control_removes),
		T(test_control_removes_twice_without_an_error),
		T(test_control_adds_before_it_removes),
		T(test_control_refuses_and_changes_nothing),
		T(test_substream_id_is_used_once),
		T(test_limit_of_ids_in_a_streams_life),
		T(test_keep_alive_is_a_comment),
		T(test_limit_of_bytes_of_a_stream),
		T(test_too_large_a_stream_is_made_smaller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
