/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TIPS views (RFC 9569): graph of versions, its invariants, which edge is recommended. */
#include "unit/alto/update_rig.h"

#define PATH "/alto/tips/"
#define URI RIG_BASE PATH
#define PATCH "application/merge-patch+json"
#define COSTMAP "application/alto-costmap+json"

static struct alto_tips *tips;
static json_t *summary; /* the last updates-graph-summary */
static char view_uri[128];
static const char *base = RIG_BASE; /* as the client sees it */

static int setup(void **state)
{
	tips = NULL;
	summary = NULL;
	return rig_setup(state);
}

static int teardown(void **state)
{
	json_decref(summary);
	alto_tips_free(tips);
	return rig_teardown(state);
}

/* ---- what is asked ---- */

static void take_summary(struct alto_out *out, const char *member)
{
	json_t *json = NULL;

	json_decref(summary);
	assert_int_equal(out->failed, 0);
	assert_int_equal(json_parse(out->data, out->len, &json, NULL), 0);
	if (member) {
		snprintf(view_uri, sizeof(view_uri), "%s",
			 json_string_value(json_object_get(json, "tips-view-uri")));
		summary = json_incref(
			json_object_get(json_object_get(json, member), "updates-graph-summary"));
		json_decref(json);
	} else {
		summary = json;
	}
	alto_out_fini(out);
}

static int try_open(const char *name, const char *params)
{
	struct alto_out out = {.max = 4096};
	char path[128] = "";
	struct alto_stream_conf conf = rig_conf(path);
	int r;

	conf.base = base;
	snprintf(path, sizeof(path), PATH "%s", name);
	r = alto_tips_open(&conf, q(params), strlen(params), &out, &tips, &error);
	if (r == 0)
		take_summary(&out, "tips-view-summary");
	else
		assert_int_equal(out.len, 0);
	return r;
}

static void next(const char *params)
{
	struct alto_out out = {.max = 4096};

	assert_int_equal(alto_tips_next(tips, q(params), strlen(params), &out, &error), 0);
	take_summary(&out, NULL);
}

static void check_summary(int start, int end, int from, int to)
{
	char want[160], *text = json_text(summary);

	snprintf(want, sizeof(want),
		 "{'end-seq':%d,'start-edge-rec':{'seq-i':%d,'seq-j':%d},'start-seq':%d}", end,
		 from, to, start);
	assert_string_equal(text, q(want));
	free(text);
}

static void change(struct state s)
{
	rig_set(&s);
	ask_round();
	assert_int_equal(alto_tips_update(tips), 0);
}

static json_t *edge(uint64_t from, uint64_t to, const char *type)
{
	struct alto_out out = {.max = ALTO_ANSWER_MAX};
	const char *got = NULL;
	json_t *json = NULL;

	assert_int_equal(alto_tips_edge(tips, from, to, &out, &got), 0);
	assert_string_equal(got, type);
	assert_int_equal(json_parse(out.data, out.len, &json, NULL), 0);
	alto_out_fini(&out);
	return json;
}

static int no_edge(uint64_t from, uint64_t to)
{
	struct alto_out out = {.max = ALTO_ANSWER_MAX};
	const char *type;
	int r = alto_tips_edge(tips, from, to, &out, &type);

	assert_true(r == 0 || out.len == 0);
	alto_out_fini(&out);
	return r;
}

/* ---- opening (RFC 9569, 6) ---- */

static void test_open_answers_uri_and_summary(void **state)
{
	assert_int_equal(try_open("1", "{'resource-id':'net-routingcost'}"), 0);
	assert_string_equal(view_uri, URI "1");
	check_summary(1, 1, 0, 1);
}

static void test_equal_requests_share_a_view(void **state)
{
	static const char one[] = "{'resource-id':'net-costs','input':{'cost-type':"
				  "{'cost-mode':'numerical','cost-metric':'hopcount'}}}";
	static const char same[] = "{'input':{'cost-type':{'cost-metric':'hopcount',"
				   "'cost-mode':'numerical'}},'resource-id':'net-costs'}";
	struct alto_tips *first;

	assert_int_equal(try_open("1", one), 0);
	first = tips;
	assert_int_equal(try_open("2", same), 0);
	assert_ptr_equal(tips, first);
	assert_string_equal(view_uri, URI "1");
}

/* Nor does the host that one client asked for become another's. */
static void test_uri_of_a_shared_view_is_on_the_clients_host(void **state)
{
	assert_int_equal(try_open("1", "{'resource-id':'net'}"), 0);
	base = "https://alto.example";
	assert_int_equal(try_open("2", "{'resource-id':'net'}"), 0);
	base = RIG_BASE;
	assert_string_equal(view_uri, "https://alto.example" PATH "1");
}

static void test_other_requests_have_their_own_view(void **state)
{
	struct alto_tips *first;

	assert_int_equal(try_open("1", "{'resource-id':'net-routingcost'}"), 0);
	first = tips;
	assert_int_equal(try_open("2", "{'resource-id':'net-hopcount'}"), 0);
	assert_ptr_not_equal(tips, first);
	assert_string_equal(view_uri, URI "2");
	alto_tips_free(first);
}

/* An empty list of sources is the client's address: another client's costs are others. */
static void test_views_of_clients_addresses_are_not_shared(void **state)
{
	static const char params[] =
		"{'resource-id':'net-endpoint-costs','input':{'cost-type':{'cost-mode':'numerical',"
		"'cost-metric':'routingcost'},'endpoints':{'dsts':['ipv4:10.2.0.1']}}}";
	struct alto_tips *first;

	assert_int_equal(try_open("1", params), 0);
	first = tips;
	client_text = "ipv4:10.3.0.9";
	assert_int_equal(try_open("2", params), 0);
	client_text = "ipv4:10.1.9.9";
	assert_ptr_not_equal(tips, first);
	alto_tips_free(first);
}

static void test_open_refuses(void **state)
{
	check_error(try_open("1", "{"), ALTO_E_SYNTAX, "", NULL);
	check_error(try_open("1", "{}"), ALTO_E_MISSING_FIELD, "resource-id", NULL);
	check_error(try_open("1", "{'resource-id':'my-network-map/#'}"), ALTO_E_INVALID_FIELD_VALUE,
		    "resource-id", "my-network-map/#");
	check_error(try_open("1", "{'resource-id':'directory'}"), ALTO_E_INVALID_FIELD_VALUE,
		    "resource-id", "directory");
	check_error(try_open("1", "{'resource-id':'net','tag':5}"), ALTO_E_INVALID_FIELD_TYPE,
		    "tag", NULL);
	check_error(try_open("1", "{'resource-id':'net-costs','input':[]}"),
		    ALTO_E_INVALID_FIELD_TYPE, "input", NULL);
	check_error(try_open("1", "{'resource-id':'net-filtered'}"), ALTO_E_MISSING_FIELD, "pids",
		    NULL);
	check_error(try_open("1", "{'resource-id':'net-filtered','input':{'pids':5}}"),
		    ALTO_E_INVALID_FIELD_TYPE, "pids", NULL);
	assert_null(tips);
}

/* ---- edges (RFC 9569, 7) ---- */

static void test_snapshot_is_what_the_resource_answers(void **state)
{
	assert_int_equal(try_open("1", "{'resource-id':'net-routingcost'}"), 0);
	check_answer(edge(0, 1, COSTMAP), "net-routingcost", NULL);
}

static void test_increment_makes_the_next_version(void **state)
{
	json_t *copy;

	assert_int_equal(try_open("1", "{'resource-id':'net-routingcost'}"), 0);
	copy = edge(0, 1, COSTMAP);
	for (int i = 1; i < 10; i++) {
		change((struct state){.ab = 2 + i, .moved = i % 2});
		copy = patched(copy, edge(i, i + 1, PATCH));
		check_answer(json_incref(copy), "net-routingcost", NULL);
	}
	json_decref(copy);
}

static void test_equal_content_is_no_version(void **state)
{
	assert_int_equal(try_open("1", "{'resource-id':'net-routingcost'}"), 0);
	change((struct state){.ab = 1, .cpu = 7, .delay = true});
	assert_int_equal(no_edge(1, 2), -EAGAIN);
}

static void test_edges_that_are_not_there(void **state)
{
	assert_int_equal(try_open("1", "{'resource-id':'net-routingcost'}"), 0);
	for (int i = 0; i < 3; i++)
		change((struct state){.ab = 2 + i});
	assert_int_equal(no_edge(4, 5), -EAGAIN);
	assert_int_equal(no_edge(5, 6), -ERANGE);
	assert_int_equal(no_edge(0, 5), -ERANGE);
	assert_int_equal(no_edge(4, 6), -ERANGE);
	assert_int_equal(no_edge(1, 3), -ENOENT);
	assert_int_equal(no_edge(3, 2), -ENOENT);
	assert_int_equal(no_edge(2, 2), -ENOENT);
	assert_int_equal(no_edge(0, 0), -ESTALE);
	assert_int_equal(no_edge(0, 4), 0);
}

/* RFC 9569, 3.2: all versions between the ends are there, the first has its snapshot, and the ends
 * only move to the right. */
static void test_graph_keeps_its_invariants(void **state)
{
	unsigned int first = 1, cuts = 0;

	assert_int_equal(try_open("1", "{'resource-id':'net-routingcost'}"), 0);
	for (unsigned int last = 2; last <= 5 * ALTO_TIPS_EDGES_MAX; last++) {
		unsigned int before = first;

		change((struct state){.ab = 1 + last % 7});
		next("{}");
		first = (unsigned int)json_integer_value(json_object_get(summary, "start-seq"));
		check_summary((int)first, (int)last, 0, (int)last);
		assert_true(first >= before && last - first <= ALTO_TIPS_EDGES_MAX);
		cuts += first != before;
		assert_int_equal(no_edge(0, first), 0);
		assert_int_equal(no_edge(0, last), 0);
		for (unsigned int i = first; i < last; i++)
			assert_int_equal(no_edge(i, i + 1), 0);
		if (first > 2)
			assert_int_equal(no_edge(first - 2, first - 1), -ESTALE);
	}
	assert_true(cuts > 3);
}

/* From the first snapshot over all increments to the last one. */
static void test_first_snapshot_leads_to_the_last_version(void **state)
{
	unsigned int first, last = 1;
	json_t *copy;

	assert_int_equal(try_open("1", "{'resource-id':'net-routingcost'}"), 0);
	while (last < 3 * ALTO_TIPS_EDGES_MAX / 2)
		change((struct state){.ab = 1 + ++last % 7});
	next("{}");
	first = (unsigned int)json_integer_value(json_object_get(summary, "start-seq"));
	assert_true(first > 1 && last - first > 2);
	copy = edge(0, first, COSTMAP);
	for (unsigned int i = first; i < last; i++)
		copy = patched(copy, edge(i, i + 1, PATCH));
	check_answer(copy, "net-routingcost", NULL);
}

/* No patch tells multipart answers: the edge holds the whole (RFC 9569, 5.2). */
static void test_edge_without_a_patch_is_the_whole(void **state)
{
	struct alto_out out = {.max = ALTO_ANSWER_MAX};
	const char *type;
	char *want;

	assert_int_equal(
		try_open("1", "{'resource-id':'net-pv','input':{'cost-type':{'cost-mode':'array',"
			      "'cost-metric':'ane-path'},'pids':{'srcs':['A'],'dsts':['C']}}}"),
		0);
	change((struct state){.ab = 1, .moved = true});
	assert_int_equal(alto_tips_edge(tips, 1, 2, &out, &type), 0);
	assert_int_equal(strncmp(type, "multipart/related;", 18), 0);
	rig_answer("net-pv",
		   q("{'cost-type':{'cost-mode':'array','cost-metric':'ane-path'},"
		     "'pids':{'srcs':['A'],'dsts':['C']}}"),
		   &want);
	assert_string_equal(out.data, want);
	free(want);
	alto_out_fini(&out);
	assert_int_equal(no_edge(2, 3), -EAGAIN);
	next("{}");
	check_summary(2, 2, 0, 2);
}

static void test_view_of_what_is_gone_is_closed(void **state)
{
	assert_int_equal(try_open("1", "{'resource-id':'net-delay-ow'}"), 0);
	rig_set(&(struct state){.ab = 1});
	ask_round();
	assert_int_equal(alto_tips_update(tips), -EINVAL);
}

/* ---- recommended edges (RFC 9569, 6.2, 7.4) ---- */

static void test_tag_of_a_known_version_goes_on_from_it(void **state)
{
	char params[128], tag[ALTO_TAG_LEN];

	strcpy(tag, all->snap->sources[0]->map_tag);
	assert_int_equal(try_open("1", "{'resource-id':'net'}"), 0);
	snprintf(params, sizeof(params), "{'tag':'%s'}", tag);
	next(params);
	check_summary(1, 1, 1, 2);
	change((struct state){.ab = 1, .moved = true});
	next(params);
	check_summary(1, 2, 1, 2);
	snprintf(params, sizeof(params), "{'resource-id':'net','tag':'%s'}", tag);
	assert_int_equal(try_open("2", params), 0);
	check_summary(1, 2, 1, 2);
	next("{'tag':'no such'}");
	check_summary(1, 2, 0, 2);
}

static void test_many_increments_are_worse_than_the_whole(void **state)
{
	char params[128];

	snprintf(params, sizeof(params), "{'tag':'%s'}", all->snap->sources[0]->cost_tag);
	assert_int_equal(try_open("1", "{'resource-id':'net-routingcost'}"), 0);
	change((struct state){.ab = 3});
	next(params);
	check_summary(1, 2, 1, 2);
	for (int i = 2; i < 12; i++)
		change((struct state){.ab = 2 + i});
	next(params);
	check_summary(1, 12, 0, 12);
}

static void test_tag_that_came_twice_is_the_newer_version(void **state)
{
	char params[128];

	snprintf(params, sizeof(params), "{'tag':'%s'}", all->snap->sources[0]->map_tag);
	assert_int_equal(try_open("1", "{'resource-id':'net'}"), 0);
	for (int i = 1; i < 10; i++)
		change((struct state){.ab = 1, .moved = i % 2});
	change((struct state){.ab = 1, .moved = true, .cpu = 1});
	next("{'tag':'none'}");
	check_summary(1, 10, 0, 10);
	next(params); /* the first map again, as version 9 */
	check_summary(1, 10, 9, 10);
}

static void test_next_edge_refuses(void **state)
{
	struct alto_out out = {.max = 4096};

	assert_int_equal(try_open("1", "{'resource-id':'net'}"), 0);
	check_error(alto_tips_next(tips, "[]", 2, &out, &error), ALTO_E_SYNTAX, "", NULL);
	check_error(alto_tips_next(tips, "{\"tag\":1}", 9, &out, &error), ALTO_E_INVALID_FIELD_TYPE,
		    "tag", NULL);
	assert_int_equal(out.len, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_open_answers_uri_and_summary),
		T(test_equal_requests_share_a_view),
		T(test_uri_of_a_shared_view_is_on_the_clients_host),
		T(test_other_requests_have_their_own_view),
		T(test_views_of_clients_addresses_are_not_shared),
		T(test_open_refuses),
		T(test_snapshot_is_what_the_resource_answers),
		T(test_increment_makes_the_next_version),
		T(test_equal_content_is_no_version),
		T(test_edges_that_are_not_there),
		T(test_graph_keeps_its_invariants),
		T(test_first_snapshot_leads_to_the_last_version),
		T(test_edge_without_a_patch_is_the_whole),
		T(test_view_of_what_is_gone_is_closed),
		T(test_tag_of_a_known_version_goes_on_from_it),
		T(test_many_increments_are_worse_than_the_whole),
		T(test_tag_that_came_twice_is_the_newer_version),
		T(test_next_edge_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
