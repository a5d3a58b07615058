/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both sides at once: the daemon's ALTO client follows the daemon's own ALTO service, on one loop;
 * what /v1/alto/sources and /metrics say of both.
 */
#include "unit/north/alto_rig.h"

struct both {
	struct rig rig; /* first: the fixtures' */
	struct altoc *altoc;
	struct north *second; /* knows altoc */
	char directory[96], sock[96];
};

static void open_altoc(struct both *b, uint16_t port)
{
	static const struct altoc_pid ingress = {"pe1", "AS1"}, gateway = {"gw2", "AS2"};
	const struct altoc_source source = {
		.name = "broker",
		.directory = b->directory,
		.ingresses = &ingress,
		.n_ingresses = 1,
		.gateways = &gateway,
		.n_gateways = 1,
		.poll_s = 1,
	};
	const struct altoc_conf conf = {
		.loop = &b->rig.loop,
		.view = &b->rig.view,
		.nsc = b->rig.nsc,
		.csc = b->rig.csc,
		.sources = &source,
		.n_sources = 1,
	};
	struct err err = {0};

	snprintf(b->directory, sizeof(b->directory), "http://127.0.0.1:%u/alto/directory", port);
	assert_int_equal(altoc_open(&conf, &b->altoc, &err), 0);
}

/* Another interface that knows the client: the first one must be there before it. */
static void open_second(struct both *b)
{
	struct north_conf conf = rig_conf(&b->rig);
	struct err err = {0};

	snprintf(b->sock, sizeof(b->sock), "%s/second.sock", b->rig.dir);
	conf.unix_path = b->sock;
	conf.broker = NULL;
	conf.altoc = b->altoc;
	assert_int_equal(north_open(&conf, &b->second, &err), 0);
}

static int setup(void **state)
{
	struct both *b = calloc(1, sizeof(*b));

	rig_open_alto(&b->rig, NULL);
	rig_fill(&b->rig);
	rig_fill_domains(&b->rig);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct both *b = *state;

	north_close(b->second);
	altoc_close(b->altoc);
	rig_close(&b->rig);
	free(b);
	return 0;
}

static void ask_second(struct both *b, const char *request, struct answer *a)
{
	char first[96];

	strcpy(first, b->rig.sock);
	strcpy(b->rig.sock, b->sock);
	assert_int_equal(rig_call(&b->rig, request, NULL, a), 200);
	strcpy(b->rig.sock, first);
}

static double cost_of(struct both *b)
{
	struct answer a;
	const json_t *cost;
	double value;

	assert_int_equal(rig_call(&b->rig, "GET /v1/paths/pe1/gw2/be", NULL, &a), 200);
	cost = json_object_get(json_object_get(a.json, "attributes"), "cost");
	value = json_is_object(cost) ? json_number_value(json_object_get(cost, "value"))
				     : json_number_value(cost);
	answer_free(&a);
	return value;
}

static bool source_is(struct both *b, const char *state)
{
	struct answer a;
	bool is;

	ask_second(b, "GET /v1/alto/sources", &a);
	assert_int_equal(items_of(&a), 1);
	assert_string_equal(text_at(a.json, "items/0/name"), "broker");
	is = strcmp(text_at(a.json, "items/0/state"), state) == 0;
	answer_free(&a);
	return is;
}

static void assert_metric(const char *page, const char *line)
{
	if (!strstr(page, line))
		fail_msg("%s is not in:\n%s", line, page);
}

static void test_follows_itself(void **state)
{
	struct both *b = *state;
	struct answer a;

	open_altoc(b, north_alto_port(b->rig.north, 0));
	open_second(b);
	rig_until(&b->rig, source_is(b, "streaming"));
	rig_until(&b->rig, cost_of(b) == 1);
	/* a change comes by itself */
	assert_int_equal(
		rig_status(&b->rig, "PUT /broker/v1/links/AS1/AS2", "{\"routingcost\": 7}"), 200);
	rig_until(&b->rig, cost_of(b) == 7);
	ask_second(b, "GET /metrics", &a);
	assert_metric(a.body,
		      "\nsand_alto_source_state{source=\"broker\",state=\"streaming\"} 1\n");
	assert_metric(a.body, "\nsand_alto_source_pairs{source=\"broker\"} 1\n");
	assert_null(strstr(a.body, "sand_alto_domains")); /* no broker there */
	answer_free(&a);
	assert_int_equal(rig_call(&b->rig, "GET /metrics", NULL, &a), 200);
	assert_metric(a.body, "\nsand_alto_streams 1\n");
	assert_metric(a.body, "\nsand_alto_domains 3\n");
	assert_metric(a.body, "\nsand_alto_links 2\n");
	assert_metric(a.body, "{service=\"directory\",status=\"2xx\"} 1\n");
	assert_metric(a.body, "{service=\"update-stream\",status=\"2xx\"} 1\n");
	assert_null(strstr(a.body, "sand_alto_source_state"));
	answer_free(&a);
}

static void test_nobody_there(void **state)
{
	struct both *b = *state;
	struct answer a;

	open_altoc(b, 1); /* reserved; nobody listens */
	open_second(b);
	rig_until(&b->rig, source_is(b, "lost") || source_is(b, "connecting"));
	ask_second(b, "GET /metrics", &a);
	assert_metric(a.body,
		      "\nsand_alto_source_state{source=\"broker\",state=\"streaming\"} 0\n");
	assert_null(strstr(a.body, "sand_alto_source_confirmed_s{")); /* never: not told as 0 */
	answer_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_follows_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_there, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
