/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Service graphs: the draft's example, other graphs, everything that is refused, limits. */
#include <time.h>

#include "pv_rig.h"

static struct pv_rig rig;

static int teardown(void **state)
{
	pv_rig_free(&rig);
	return 0;
}

static char *golden_text(const char *name)
{
	json_t *json = golden(name);
	char *text = json_dumps(json, JSON_COMPACT);

	json_decref(json);
	return text;
}

/* ---- the draft's example ---- */

static void test_golden_answer(void **state)
{
	char *request = golden_text("sg-request");
	json_t *costs, *props;

	pv_rig_golden(&rig);
	pv_parts(&rig, "domains-pv", request, &costs, &props);
	pv_is_golden(costs, "sg-costmap");
	pv_is_golden(props, "sg-propmap");
	free(request);
}

/* The order of domains does not count, nor do unknown members, nor whether IDs are strings. */
static void test_same_answer_for_the_same_request(void **state)
{
	static const char body[] =
		"{\"sg\":{\"x\":[],\"reqs\":[{\"id\":\"r\",\"sg-path\":[\"1\",2,\"3\",4.0],"
		"\"dst-node\":\"SAP2\",\"src-node\":\"SAP1\"}],\"sg_links\":["
		"{\"id\":\"4\",\"src-node\":\"NF3\",\"dst-node\":\"SAP2\",\"y\":1},"
		"{\"id\":2,\"src-node\":\"NF1\",\"dst-node\":\"NF2\"},"
		"{\"id\":1,\"src-node\":\"SAP1\",\"dst-node\":\"NF1\"},"
		"{\"id\":3,\"src-node\":\"NF2\",\"dst-node\":\"NF3\"}],"
		"\"saps\":[\"SAP2\",\"SAP1\"],\"nfs\":[\"NF3\",\"NF1\",\"NF2\"]},"
		"\"pids\":{\"srcs\":[\"AS2\"],\"dsts\":[]},"
		"\"cost-type\":{\"cost-metric\":\"ane-path\",\"cost-mode\":\"array\"}}";
	json_t *costs;

	pv_rig_golden(&rig);
	pv_parts(&rig, "domains-pv", body, &costs, NULL);
	pv_is_golden(costs, "sg-costmap");
}

/* What chain.h makes of cost-map.SAP1.SAP2, in the order of links. */
struct chain {
	struct alto_chain_link links[4];
	json_t *found; /* as in chains.json */
};

static void chain_read(struct chain *chain, json_t *costs)
{
	static const char *const nodes[] = {"SAP1", "NF1", "NF2", "NF3", "SAP2"};
	json_t *pair = json_object_get(json_object_get(json_object_get(costs, "cost-map"), "SAP1"),
				       "SAP2");

	for (int i = 0; i < 4; i++) {
		json_t *paths = json_object_get(json_object_get(pair, nodes[i]), nodes[i + 1]);
		struct alto_chain_link *link = &chain->links[i];

		link->src = nodes[i];
		link->dst = nodes[i + 1];
		link->n = (uint32_t)json_array_size(paths);
		link->paths = calloc(link->n, sizeof(*link->paths));
		for (uint32_t p = 0; p < link->n; p++) {
			json_t *path = json_array_get(paths, p);

			link->paths[p].n = (uint32_t)json_array_size(path);
			link->paths[p].cost = link->paths[p].n - 1;
			link->paths[p].domains = calloc(link->paths[p].n, sizeof(char *));
			for (uint32_t d = 0; d < link->paths[p].n; d++)
				link->paths[p].domains[d] =
					json_string_value(json_array_get(path, d));
		}
	}
}

static void chain_free(struct chain *chain)
{
	for (int i = 0; i < 4; i++) {
		for (uint32_t p = 0; p < chain->links[i].n; p++)
			free(chain->links[i].paths[p].domains);
		free(chain->links[i].paths);
	}
}

static void chain_found(void *arg, const uint32_t *choice)
{
	struct chain *chain = arg;
	json_t *domains = json_array();

	for (int i = 0; i < 4; i++) {
		const struct alto_chain_path *path = &chain->links[i].paths[choice[i]];

		for (uint32_t d = i ? 1 : 0; d < path->n; d++)
			json_array_append_new(domains, json_string(path->domains[d]));
	}
	json_array_append_new(chain->found, json_pack("{s:o,s:i}", "domains", domains, "hops",
						      (int)json_array_size(domains) - 1));
}

/* Exactly Table 2's vectors, of 2, 4, 4 and 6 hops; the best is the one of 2. */
static void test_golden_chains(void **state)
{
	char *request = golden_text("sg-request");
	struct chain chain = {.found = json_array()};
	uint32_t choice[4];
	json_t *costs;
	double cost;

	pv_rig_golden(&rig);
	pv_parts(&rig, "domains-pv", request, &costs, NULL);
	chain_read(&chain, costs);
	assert_true(alto_chain_count(chain.links, 4) == 4);
	assert_int_equal(alto_chain_all(chain.links, 4, 100, chain_found, &chain), 4);
	assert_int_equal(alto_chain_best(chain.links, 4, choice, &cost), 0);
	assert_true(cost == 2);
	assert_int_equal(choice[0], 0);
	assert_int_equal(choice[1], 0);
	assert_int_equal(choice[2], 1);
	assert_int_equal(choice[3], 1);
	chain_free(&chain);
	pv_is_golden(chain.found, "chains");
	json_decref(costs);
	free(request);
}

/* ---- other graphs ---- */

#define TYPE "\"cost-type\":{\"cost-mode\":\"array\",\"cost-metric\":\"ane-path\"}"
#define SG(sg) "{" TYPE ",\"sg\":{" sg "}}"

/* B has the NF, but only A -> C leads on: what goes by B is dropped backwards. */
static void test_dead_ends_are_dropped(void **state)
{
	json_t *costs, *props;

	pv_rig_json(&rig,
		    "{\"domains\":{"
		    "\"A\":{\"saps\":[\"in\"]},\"B\":{\"nfs\":[\"fw\"]},\"C\":{\"nfs\":[\"fw\"]},"
		    "\"D\":{\"saps\":[\"out\"]}},\"links\":{"
		    "\"A/B\":{\"routingcost\":1},\"A/C\":{\"routingcost\":1},"
		    "\"C/D\":{\"routingcost\":1}}}");
	pv_parts(&rig, "domains-pv",
		 SG("\"nfs\":[\"fw\"],\"saps\":[\"in\",\"out\"],\"sg_links\":["
		    "{\"id\":1,\"src-node\":\"in\",\"dst-node\":\"fw\"},"
		    "{\"id\":2,\"src-node\":\"fw\",\"dst-node\":\"out\"}],"
		    "\"reqs\":[{\"id\":1,\"src-node\":\"in\",\"dst-node\":\"out\","
		    "\"sg-path\":[1,2]}]"),
		 &costs, &props);
	pv_same(pv_member(costs, "cost-map"),
		"{\"in\":{\"out\":{\"in\":{\"fw\":[[\"A\",\"C\"]]},\"fw\":{\"out\":[[\"C\",\"D\"]]}"
		"}}}");
	pv_same(pv_member(props, "property-map"),
		"{\".ane:A\":{\"port\":[\"in\"]},\".ane:C\":{\"nf\":[\"fw\"]},"
		"\".ane:D\":{\"port\":[\"out\"]}}");
}

/* A SAP is no network function, though another domain names one so. */
static void test_saps_are_no_nfs(void **state)
{
	json_t *costs;

	pv_rig_json(&rig, "{\"domains\":{\"A\":{\"saps\":[\"in\",\"x\"]},"
			  "\"B\":{\"nfs\":[\"x\",\"in\"]}},"
			  "\"links\":{\"A/B\":{\"routingcost\":1}}}");
	pv_parts(&rig, "domains-pv",
		 SG("\"nfs\":[\"x\"],\"saps\":[\"in\"],\"sg_links\":["
		    "{\"id\":1,\"src-node\":\"in\",\"dst-node\":\"x\"}],\"reqs\":["
		    "{\"id\":1,\"src-node\":\"in\",\"dst-node\":\"x\",\"sg-path\":[1]}]"),
		 &costs, NULL);
	pv_same(pv_member(costs, "cost-map"), "{\"in\":{\"x\":{\"in\":{\"x\":[[\"A\",\"B\"]]}}}}");
}

/* Nobody has the NF, or nothing leads there: the pair is left out, without an error. */
static void test_impossible_is_left_out(void **state)
{
	static const char *const nfs[] = {"NF9", "far"};
	char body[512];
	json_t *costs, *props;

	pv_rig_json(&rig, "{\"domains\":{\"A\":{\"saps\":[\"in\",\"out\"]},"
			  "\"Z\":{\"nfs\":[\"far\"]}},\"links\":{}}");
	for (int i = 0; i < 2; i++) {
		snprintf(body, sizeof(body),
			 SG("\"nfs\":[\"%s\"],\"saps\":[\"in\",\"out\"],\"sg_links\":["
			    "{\"id\":1,\"src-node\":\"in\",\"dst-node\":\"%s\"},"
			    "{\"id\":2,\"src-node\":\"%s\",\"dst-node\":\"out\"}],"
			    "\"reqs\":[{\"id\":1,\"src-node\":\"in\",\"dst-node\":\"out\","
			    "\"sg-path\":[1,2]}]"),
			 nfs[i], nfs[i], nfs[i]);
		pv_parts(&rig, "domains-pv", body, &costs, &props);
		pv_same(pv_member(costs, "cost-map"), "{}");
		pv_same(pv_member(props, "property-map"), "{}");
	}
}

/* Two requirements of the same ends: what either may take, once; others stand beside. */
static void test_equal_requirements_unite(void **state)
{
	json_t *costs;

	pv_rig_golden(&rig);
	pv_parts(
		&rig, "domains-pv",
		SG("\"nfs\":[\"NF1\",\"NF3\"],\"saps\":[\"SAP1\",\"SAP2\"],\"sg_links\":["
		   "{\"id\":\"a\",\"src-node\":\"SAP1\",\"dst-node\":\"NF1\"},"
		   "{\"id\":\"b\",\"src-node\":\"NF1\",\"dst-node\":\"SAP2\"},"
		   "{\"id\":\"c\",\"src-node\":\"SAP1\",\"dst-node\":\"SAP2\"},"
		   "{\"id\":\"d\",\"src-node\":\"SAP2\",\"dst-node\":\"SAP1\"}],"
		   "\"reqs\":["
		   "{\"id\":1,\"src-node\":\"SAP1\",\"dst-node\":\"SAP2\",\"sg-path\":[\"a\",\"b\"]},"
		   "{\"id\":2,\"src-node\":\"SAP2\",\"dst-node\":\"SAP1\",\"sg-path\":[\"d\"]},"
		   "{\"id\":3,\"src-node\":\"SAP1\",\"dst-node\":\"SAP2\",\"sg-path\":[\"c\"]},"
		   "{\"id\":4,\"src-node\":\"SAP1\",\"dst-node\":\"SAP2\","
		   "\"sg-path\":[\"a\",\"b\",\"d\",\"a\",\"b\"]}]"),
		&costs, NULL);
	pv_same(pv_member(costs, "cost-map"),
		"{\"SAP1\":{\"SAP2\":{"
		"\"NF1\":{\"SAP2\":[[\"AS1\",\"AS2\",\"AS3\"],[\"AS3\"]]},"
		"\"SAP1\":{\"NF1\":[[\"AS1\"],[\"AS1\",\"AS2\",\"AS3\"]],"
		"\"SAP2\":[[\"AS1\",\"AS2\",\"AS3\"]]},"
		"\"SAP2\":{\"SAP1\":[[\"AS3\",\"AS2\",\"AS1\"]]}}},"
		"\"SAP2\":{\"SAP1\":{\"SAP2\":{\"SAP1\":[[\"AS3\",\"AS2\",\"AS1\"]]}}}}");
}

/* ane-property-names chooses; empty chooses nothing (RFC 9275, 7.2.3). */
static void test_properties_are_chosen(void **state)
{
	static const char sg[] =
		"\"sg\":{\"nfs\":[],\"saps\":[\"SAP1\",\"SAP2\"],\"sg_links\":["
		"{\"id\":1,\"src-node\":\"SAP1\",\"dst-node\":\"SAP2\"}],\"reqs\":["
		"{\"id\":1,\"src-node\":\"SAP1\",\"dst-node\":\"SAP2\",\"sg-path\":[1]}]}";
	char body[512];
	json_t *props;

	pv_rig_golden(&rig);
	snprintf(body, sizeof(body), "{" TYPE ",\"ane-property-names\":[],%s}", sg);
	pv_parts(&rig, "domains-pv", body, NULL, &props);
	pv_same(pv_member(props, "property-map"),
		"{\".ane:AS1\":{},\".ane:AS2\":{},\".ane:AS3\":{}}");
	snprintf(body, sizeof(body),
		 "{" TYPE ",\"ane-property-names\":[\"max-reservable-bandwidth\",\"cpu\"],%s}", sg);
	pv_parts(&rig, "domains-pv", body, NULL, &props);
	pv_same(pv_member(props, "property-map"),
		"{\".ane:AS1\":{\"cpu\":[50],\"max-reservable-bandwidth\":1000000000},"
		"\".ane:AS2\":{\"cpu\":[10],\"max-reservable-bandwidth\":1000000000},"
		"\".ane:AS3\":{\"cpu\":[80],\"max-reservable-bandwidth\":400000000}}");
}

/* ---- refused ---- */

static void test_malformed(void **state)
{
	json_t *cases = golden("malformed"), *one;
	size_t i;

	pv_rig_golden(&rig);
	json_array_foreach(cases, i, one) {
		char *want = json_dumps(json_object_get(one, "error"), JSON_COMPACT);
		char *body = json_dumps(json_object_get(one, "body"), JSON_COMPACT);

		pv_refused(&rig, "domains-pv",
			   json_object_get(one, "text")
				   ? json_string_value(json_object_get(one, "text"))
				   : body,
			   want);
		free(want);
		free(body);
	}
	assert_true(json_array_size(cases) >= 20);
	json_decref(cases);
}

/* A source whose domains make no service graphs does not know the member (RFC 7285, 8.3.7). */
static void test_sg_is_unknown_elsewhere(void **state)
{
	json_t *costs;

	pv_rig_golden(&rig);
	pv_source(&rig)->service_graph = false;
	pv_parts(&rig, "domains-pv",
		 "{" TYPE ",\"sg\":7,\"pids\":{\"srcs\":[\"AS1\"],\"dsts\":[\"AS2\"]}}", &costs,
		 NULL);
	pv_same(pv_member(costs, "cost-map"), "{\"AS1\":{\"AS2\":[\"AS1\",\"AS2\"]}}");
}

/* ---- limits ---- */

static char *text_new(size_t *left)
{
	*left = 1 << 20;
	return calloc(1, *left);
}

static void text_add(char **at, size_t *left, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(*at, *left, format, ap);
	va_end(ap);
	assert_true((size_t)n < *left);
	*at += n;
	*left -= (size_t)n;
}

/* An array of n texts, each with its number in place of %d. */
static void text_list(char **at, size_t *left, const char *name, const char *format, int n)
{
	text_add(at, left, "\"%s\":[", name);
	for (int i = 0; i < n; i++) {
		text_add(at, left, i ? "," : "");
		text_add(at, left, format, i, i);
	}
	text_add(at, left, "]");
}

static void refused_by_numbers(int nodes, int links, int reqs, int steps, const char *want)
{
	size_t left;
	char *body = text_new(&left), *at = body;

	text_add(&at, &left, "{" TYPE ",\"sg\":{");
	text_list(&at, &left, "nfs", "\"n%d\"", nodes);
	text_add(&at, &left, ",\"saps\":[\"s\"],");
	text_list(&at, &left, "sg_links", "{\"id\":%d,\"src-node\":\"n0\",\"dst-node\":\"n0\"}",
		  links);
	text_add(&at, &left, ",\"reqs\":[");
	for (int i = 0; i < reqs; i++) {
		text_add(&at, &left, i ? ",{" : "{");
		text_add(&at, &left, "\"id\":%d,\"src-node\":\"n0\",\"dst-node\":\"n0\",", i);
		text_list(&at, &left, "sg-path", "0", i ? 1 : steps);
		text_add(&at, &left, "}");
	}
	text_add(&at, &left, "]}}");
	if (want)
		pv_refused(&rig, "domains-pv", body, want);
	else
		assert_int_equal(pv_ask(&rig, "domains-pv", body), 0);
	free(body);
}

static void test_limits_of_the_request(void **state)
{
	pv_rig_golden(&rig);
	refused_by_numbers(255, 1024, 256, 1024, NULL);
	refused_by_numbers(257, 1, 1, 1,
			   "{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"sg/nfs\","
			   "\"why\":\"has 257 elements, must have at most 256\"}");
	refused_by_numbers(256, 1, 1, 1,
			   "{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"sg/saps\","
			   "\"why\":\"nfs and saps must be at most 256 together\"}");
	refused_by_numbers(2, 1025, 1, 1,
			   "{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"sg/sg_links\","
			   "\"why\":\"must have 1..1024 elements\"}");
	refused_by_numbers(2, 1, 257, 1,
			   "{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"sg/reqs\","
			   "\"why\":\"must have 1..256 elements\"}");
	refused_by_numbers(2, 1, 1, 1025,
			   "{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"sg/reqs/sg-path\","
			   "\"why\":\"must have 1..1024 elements\"}");
}

/* n domains, all of them transit, with all NFs and SAPs, fully meshed. */
static void mesh(int n)
{
	struct alto_builder *b = NULL;
	uint32_t id;
	char name[16];

	assert_int_equal(alto_builder_new("domains", &b), 0);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "T%03d", i);
		assert_int_equal(alto_builder_pid(b, name, true, &id), 0);
		alto_builder_pid_prop(b, id, "nf", json_pack("[sss]", "a", "b", "c"));
		alto_builder_pid_prop(b, id, "port", json_pack("[ss]", "in", "out"));
	}
	for (int i = 0; i < n * n; i++) {
		struct alto_link link = {.from = (uint32_t)(i / n), .to = (uint32_t)(i % n)};

		for (int v = 0; v < LINK_VALUE_MAX; v++)
			link.value[v] = NAN;
		link.value[LINK_ROUTINGCOST] = 1;
		if (link.from != link.to)
			assert_int_equal(alto_builder_link(b, &link), 0);
	}
	pv_rig_use(&rig, b);
}

#define MESH_SG                                                                                    \
	SG("\"nfs\":[\"a\",\"b\",\"c\"],\"saps\":[\"in\",\"out\"],\"sg_links\":["                  \
	   "{\"id\":1,\"src-node\":\"in\",\"dst-node\":\"a\"},"                                    \
	   "{\"id\":2,\"src-node\":\"a\",\"dst-node\":\"b\"},"                                     \
	   "{\"id\":3,\"src-node\":\"b\",\"dst-node\":\"c\"},"                                     \
	   "{\"id\":4,\"src-node\":\"c\",\"dst-node\":\"out\"}],"                                  \
	   "\"reqs\":[{\"id\":1,\"src-node\":\"in\",\"dst-node\":\"out\",\"sg-path\":[1,2,3,4]}]")

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The last answer has n paths for the mesh's link from b to c, and says how they were cut. */
static void check_cut(size_t n, const char *cut)
{
	static const char *const way[] = {"cost-map", "in", "out", "b", "c"};
	json_t *costs = pv_part(&rig, 0, (char[512]){0}), *paths = costs;

	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++)
		paths = json_object_get(paths, way[i]);
	assert_int_equal(json_array_size(paths), n);
	pv_same(json_incref(json_object_get(json_object_get(costs, "meta"), "sg-cut")), cut);
	json_decref(costs);
}

/* 12 transit domains in a full mesh have nine million paths between two of them: the shortest
 * thousand of each pair are answered, and that they were cut. */
static void test_full_mesh_is_cut(void **state)
{
	double begin;

	mesh(12);
	begin = cpu_s();
	assert_int_equal(pv_ask(&rig, "domains-pv", MESH_SG), 0);
	begin = cpu_s() - begin;
	print_message("full mesh of 12: %.2f s CPU, %zu bytes\n", begin, rig.reply.out.len);
	assert_true(begin < 10);
	check_cut(12 + 132 * 1000, "{\"pairs\":132,\"paths-per-pair\":1000}");
}

/* 65 * 65 pairs of domains that have the ends of a link. */
static void test_too_many_pairs_are_refused(void **state)
{
	mesh(65);
	pv_refused(&rig, "domains-pv", MESH_SG,
		   "{\"code\":\"E_INVALID_FIELD_VALUE\",\"field\":\"sg\",\"why\":\"takes more than "
		   "4096 pairs of domains: ask for fewer links or requirements\"}");
}

/* 20 domains have 380 pairs and four links have 1600 places: 655 paths for each are the limit. */
static void test_paths_are_cut_to_the_limit_of_an_answer(void **state)
{
	mesh(20);
	assert_int_equal(pv_ask(&rig, "domains-pv", MESH_SG), 0);
	check_cut(20 + 380 * 655, "{\"pairs\":380,\"paths-per-pair\":655}");
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		T(test_golden_answer),
		T(test_same_answer_for_the_same_request),
		T(test_golden_chains),
		T(test_dead_ends_are_dropped),
		T(test_saps_are_no_nfs),
		T(test_impossible_is_left_out),
		T(test_equal_requirements_unite),
		T(test_properties_are_chosen),
		T(test_malformed),
		T(test_sg_is_unknown_elsewhere),
		T(test_limits_of_the_request),
		T(test_full_mesh_is_cut),
		T(test_too_many_pairs_are_refused),
		T(test_paths_are_cut_to_the_limit_of_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
