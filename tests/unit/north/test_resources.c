/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each resource from its creation to its end, over the socket. */
#include "unit/north/rig.h"

#define SERVICE "/v1/services/0x101"

static json_int_t revision_of(struct rig *rig, const char *get)
{
	json_int_t revision;
	struct answer a;

	assert_int_equal(rig_call(rig, get, NULL, &a), 200);
	revision = int_at(a.json, "revision");
	assert_true(revision > 0);
	answer_free(&a);
	return revision;
}

/* ---- services ---- */

static void test_service_life(void **state)
{
	struct rig *rig = *state;
	struct answer a;
	char etag[40];

	assert_int_equal(rig_status(rig, "GET " SERVICE, NULL), 404);
	assert_int_equal(rig_call(rig, "PUT " SERVICE, RIG_SERVICE, &a), 201);
	assert_string_equal(text_at(a.json, "id"), "0x101");
	assert_string_equal(text_at(a.json, "name"), "web");
	assert_string_equal(text_at(a.json, "address"), "2001:db8:5::101");
	snprintf(etag, sizeof(etag), "ETag: \"%lld\"", int_at(a.json, "revision"));
	assert_non_null(strstr(a.head, etag));
	answer_free(&a);

	assert_int_equal(rig_call(rig, "GET /v1/services/257", NULL, &a), 200);
	assert_string_equal(text_at(a.json, "name"), "web");
	assert_non_null(strstr(a.head, etag));
	assert_non_null(strstr(a.head, "Content-Type: application/json\r\n"));
	answer_free(&a);

	assert_int_equal(rig_status(rig, "PUT " SERVICE, "{\"name\": \"web2\"}"), 200);
	assert_int_equal(rig_call(rig, "GET " SERVICE, NULL, &a), 200);
	assert_string_equal(text_at(a.json, "name"), "web2");
	assert_string_equal(text_at(a.json, "address"), ""); /* replaced as a whole */
	answer_free(&a);

	assert_int_equal(rig_status(rig, "DELETE " SERVICE, NULL), 204);
	assert_int_equal(rig_status(rig, "GET " SERVICE, NULL), 404);
	assert_int_equal(rig_status(rig, "DELETE " SERVICE, NULL), 404);
}

static void test_service_patch(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(rig_call(rig, "PATCH " SERVICE, "{\"name\": \"x\"}", &a), 404);
	assert_problem(&a, 404, "", "service 0x101");
	answer_free(&a);
	assert_int_equal(rig_status(rig, "PUT " SERVICE, RIG_SERVICE), 201);
	rig_call_with(rig, "PATCH " SERVICE, "Content-Type: application/merge-patch+json\r\n",
		      "{\"name\": null, \"affinity\": \"none\", \"hysteresis\": {\"margin\": 10}}",
		      &a);
	assert_int_equal(a.status, 200);
	assert_string_equal(text_at(a.json, "name"), "");
	assert_string_equal(text_at(a.json, "affinity"), "none");
	assert_string_equal(text_at(a.json, "address"), "2001:db8:5::101");
	assert_int_equal(int_at(json_object_get(a.json, "hysteresis"), "margin"), 10);
	answer_free(&a);
	/* a patch that makes it wrong changes nothing */
	rig_call(rig, "PATCH " SERVICE, "{\"hysteresis\": {\"margin\": 1001}}", &a);
	assert_problem(&a, 400, "/hysteresis/margin", "0..1000");
	answer_free(&a);
	rig_call(rig, "GET " SERVICE, NULL, &a);
	assert_int_equal(int_at(json_object_get(a.json, "hysteresis"), "margin"), 10);
	answer_free(&a);
}

static void test_address_of_another_service(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(rig_status(rig, "PUT " SERVICE, RIG_SERVICE), 201);
	rig_call(rig, "PUT /v1/services/0x102", RIG_SERVICE, &a);
	assert_problem(&a, 409, "/address", "0x101");
	answer_free(&a);
	assert_int_equal(rig_status(rig, "GET /v1/services/0x102", NULL), 404);
}

/* ---- conditions ---- */

static void test_conditions(void **state)
{
	struct rig *rig = *state;
	json_int_t revision;
	char match[64];

	assert_int_equal(rig_status_with(rig, "PUT " SERVICE, "If-Match: *\r\n", "{}"), 412);
	assert_int_equal(rig_status_with(rig, "PUT " SERVICE, "If-Match: \"5\"\r\n", "{}"), 412);
	assert_int_equal(rig_status_with(rig, "PUT " SERVICE, "If-None-Match: *\r\n", "{}"), 201);
	assert_int_equal(rig_status_with(rig, "PUT " SERVICE, "If-None-Match: *\r\n", "{}"), 412);
	revision = revision_of(rig, "GET " SERVICE);
	snprintf(match, sizeof(match), "If-Match: \"%lld\"\r\n", revision);
	assert_int_equal(rig_status_with(rig, "PUT " SERVICE, match, "{}"), 200);
	assert_int_equal(rig_status_with(rig, "PUT " SERVICE, match, "{}"), 412); /* moved on */
	assert_int_equal(rig_status_with(rig, "PATCH " SERVICE, match, "{}"), 412);
	assert_int_equal(rig_status_with(rig, "DELETE " SERVICE, match, NULL), 412);
	revision = revision_of(rig, "GET " SERVICE);
	snprintf(match, sizeof(match), "If-Match: \"1\", \"%lld\"\r\n", revision);
	assert_int_equal(rig_status_with(rig, "PATCH " SERVICE, match, "{\"name\": \"n\"}"), 200);
	revision = revision_of(rig, "GET " SERVICE);
	snprintf(match, sizeof(match), "If-Match: W/\"%lld\"\r\n", revision); /* weak: never */
	assert_int_equal(rig_status_with(rig, "DELETE " SERVICE, match, NULL), 412);
	assert_int_equal(rig_status_with(rig, "DELETE " SERVICE, "If-Match: *\r\n", NULL), 204);
}

static void test_bad_conditions(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(rig_status(rig, "PUT " SERVICE, "{}"), 201);
	rig_call_with(rig, "PUT " SERVICE, "If-Match: 7\r\n", "{}", &a);
	assert_problem(&a, 400, "If-Match", "must be \"<revision>\" or *");
	answer_free(&a);
	rig_call_with(rig, "PUT " SERVICE, "If-None-Match: \"7\"\r\n", "{}", &a);
	assert_problem(&a, 400, "If-None-Match", "must be *");
	answer_free(&a);
}

static void test_not_modified(void **state)
{
	struct rig *rig = *state;
	struct answer a;
	char match[64];

	assert_int_equal(rig_status(rig, "PUT " SERVICE, "{}"), 201);
	snprintf(match, sizeof(match), "If-None-Match: \"%lld\"\r\n",
		 revision_of(rig, "GET " SERVICE));
	rig_call_with(rig, "GET " SERVICE, match, NULL, &a);
	assert_int_equal(a.status, 304);
	assert_non_null(strstr(a.head, "ETag:"));
	answer_free(&a);
	assert_int_equal(rig_status(rig, "PUT " SERVICE, "{\"name\": \"n\"}"), 200);
	assert_int_equal(rig_status_with(rig, "GET " SERVICE, match, NULL), 200);
}

/* What was read can be put back, and is a condition then. */
static void test_revision_in_body(void **state)
{
	struct rig *rig = *state;
	struct answer read, a;
	char body[64];

	assert_int_equal(rig_status(rig, "PUT " SERVICE, RIG_SERVICE), 201);
	rig_call(rig, "GET " SERVICE, NULL, &read);
	assert_int_equal(rig_status(rig, "PUT " SERVICE, read.body), 200);
	rig_call(rig, "PUT " SERVICE, read.body, &a);
	assert_problem(&a, 412, "/revision", "revision is");
	answer_free(&a);
	answer_free(&read);
	rig_call(rig, "PUT " SERVICE, "{\"revision\": \"x\"}", &a);
	assert_problem(&a, 400, "/revision", "must be");
	answer_free(&a);
	snprintf(body, sizeof(body), "{\"revision\": %lld}", revision_of(rig, "GET " SERVICE));
	assert_int_equal(rig_status(rig, "PUT /v1/services/0x9", body), 412); /* does not exist */
}

/* ---- instances ---- */

static void test_instance_life(void **state)
{
	struct rig *rig = *state;
	const char *sid = "5f00:0:2:100::";
	struct answer a;

	rig_fill(rig);
	assert_int_equal(rig_call(rig, "GET " SERVICE "/instances/a", NULL, &a), 200);
	assert_string_equal(text_at(a.json, "name"), "a");
	assert_string_equal(text_at(a.json, "service"), "0x101");
	assert_string_equal(text_at(a.json, "gateway"), "gw2");
	assert_string_equal(text_at(a.json, "address"), "2001:db8:2a::2");
	assert_string_equal(text_at(a.json, "sid"), sid); /* allocated: this host is gw2 */
	assert_string_equal(text_at(a.json, "state"), "up");
	assert_non_null(strstr(a.body, "\"cpu_load\":{\"value\":3.5,\"age_s\":"));
	answer_free(&a);

	assert_int_equal(rig_status(rig, "PATCH " SERVICE "/instances/a/status",
				    "{\"cpu_load\": 71.2, \"state\": \"draining\"}"),
			 204);
	rig_call(rig, "GET " SERVICE "/instances/a", NULL, &a);
	assert_string_equal(text_at(a.json, "state"), "draining");
	assert_non_null(strstr(a.body, "\"value\":71.2"));
	answer_free(&a);
	assert_int_equal(
		rig_status(rig, "PATCH " SERVICE "/instances/a/status", "{\"cpu_load\": null}"),
		204);
	rig_call(rig, "GET " SERVICE "/instances/a", NULL, &a);
	assert_null(strstr(a.body, "cpu_load"));
	answer_free(&a);

	assert_int_equal(rig_call(rig, "PUT " SERVICE "/instances/a", RIG_INSTANCE, &a), 200);
	assert_string_equal(text_at(a.json, "sid"), sid); /* kept */
	answer_free(&a);
	assert_int_equal(rig_status(rig, "DELETE " SERVICE "/instances/a", NULL), 204);
	assert_int_equal(rig_status(rig, "GET " SERVICE "/instances/a", NULL), 404);
	assert_int_equal(rig_status(rig, "DELETE " SERVICE "/instances/a", NULL), 404);
}

static void test_instance_refusals(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	rig_fill(rig);
	rig_call(rig, "PUT " SERVICE "/instances/b", "{\"gateway\": \"gw2\"}", &a);
	assert_problem(&a, 400, "/address", "instance 0x101/b");
	answer_free(&a);
	rig_call(rig, "PATCH " SERVICE "/instances/b/status", "{\"cpu_load\": 1}", &a);
	assert_problem(&a, 404, "", "instance 0x101/b");
	answer_free(&a);
	rig_call(rig, "PATCH " SERVICE "/instances/a/status", "{\"cpu_load\": 100.5}", &a);
	assert_problem(&a, 400, "/cpu_load", "100");
	answer_free(&a);
	rig_call(rig, "PUT " SERVICE "/instances/a%20b", RIG_INSTANCE, &a);
	assert_problem(&a, 400, "", "A-Z");
	answer_free(&a);
	assert_int_equal(rig_status(rig, "GET /v1/services/0x999/instances", NULL), 404);
	/* conditions reach csc */
	assert_int_equal(rig_status_with(rig, "PUT " SERVICE "/instances/a", "If-None-Match: *\r\n",
					 RIG_INSTANCE),
			 412);
	assert_int_equal(
		rig_status_with(rig, "DELETE " SERVICE "/instances/a", "If-Match: \"1\"\r\n", NULL),
		412);
}

/* ---- gateways and paths ---- */

static void test_gateway_life(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(rig_call(rig, "PUT /v1/gateways/gw2", RIG_GATEWAY, &a), 201);
	assert_string_equal(text_at(a.json, "name"), "gw2");
	assert_string_equal(text_at(a.json, "locator"), "5f00:0:2::/48");
	answer_free(&a);
	assert_int_equal(rig_call(rig, "PATCH /v1/gateways/gw2", "{\"sid\": null}", &a), 200);
	assert_string_equal(text_at(a.json, "sid"), "");
	assert_string_equal(text_at(a.json, "address"), "2001:db8:f::2");
	answer_free(&a);
	rig_call(rig, "PATCH /v1/gateways/gw2", "{\"locator\": \"5f00::1/48\"}", &a);
	assert_problem(&a, 400, "/locator", "gateway gw2");
	answer_free(&a);
	assert_int_equal(rig_status(rig, "PATCH /v1/gateways/gw9", "{}"), 404);
	assert_int_equal(rig_status(rig, "DELETE /v1/gateways/gw2", NULL), 204);
	assert_int_equal(rig_status(rig, "DELETE /v1/gateways/gw2", NULL), 404);
	assert_int_equal(rig_status(rig, "GET /v1/gateways/gw2", NULL), 404);
}

static void test_path_life(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(rig_call(rig, "PUT /v1/paths/pe1/gw2/p1",
				  "{\"kind\": \"policy\", \"segments\": [\"5f00:0:1::1\"]}", &a),
			 201);
	assert_string_equal(text_at(a.json, "ingress"), "pe1");
	assert_string_equal(text_at(a.json, "gateway"), "gw2");
	assert_string_equal(text_at(a.json, "name"), "p1");
	assert_string_equal(text_at(a.json, "segments/0"), "5f00:0:1::1");
	answer_free(&a);
	assert_int_equal(rig_status(rig, "PATCH /v1/network/pe1/gw2/p1",
				    "{\"delay_us\": 1200, \"loss_ppm\": \"5\"}"),
			 204);
	assert_int_equal(rig_call(rig, "PATCH /v1/paths/pe1/gw2/p1", "{\"preference\": 7}", &a),
			 200);
	assert_int_equal(int_at(a.json, "preference"), 7);
	assert_non_null(strstr(a.body, "\"delay_us\":{\"value\":1200,"));
	answer_free(&a);
	rig_call(rig, "PATCH /v1/network/pe1/gw2/p1", "{\"delay_us\": -1}", &a);
	assert_problem(&a, 400, "/delay_us", "");
	answer_free(&a);
	rig_call(rig, "PUT /v1/paths/pe1/gw2/p1", "{\"kind\": \"detour\"}", &a);
	assert_problem(&a, 400, "/kind", "path pe1/gw2/p1");
	answer_free(&a);
	assert_int_equal(rig_status(rig, "DELETE /v1/paths/pe1/gw2/p1", NULL), 204);
	assert_int_equal(rig_status(rig, "GET /v1/paths/pe1/gw2/p1", NULL), 404);
	assert_int_equal(rig_status(rig, "PATCH /v1/paths/pe1/gw2/p1", "{}"), 404);
}

/* ---- agents ---- */

static void test_agent_life(void **state)
{
	struct rig *rig = *state;
	json_int_t lease;
	struct answer a;
	char body[256];

	rig_fill(rig);
	assert_int_equal(rig_status(rig, "POST /v1/agents/site2/keepalive", NULL), 404);
	assert_int_equal(
		rig_call(rig, "PUT /v1/agents/site2", "{\"ttl_s\": 10, \"host\": \"s2\"}", &a),
		200);
	assert_string_equal(text_at(a.json, "agent"), "site2");
	assert_int_equal(int_at(a.json, "ttl_s"), 10);
	lease = int_at(a.json, "lease");
	assert_true(lease > 0);
	answer_free(&a);
	assert_int_equal(rig_call(rig, "POST /v1/agents/site2/keepalive", NULL, &a), 200);
	assert_int_equal(int_at(a.json, "lease"), lease);
	answer_free(&a);
	rig_call(rig, "PUT /v1/agents/site2", "{\"ttl_s\": 20}", &a);
	assert_problem(&a, 409, "/ttl_s", "site2");
	answer_free(&a);
	rig_call(rig, "PUT /v1/agents/site3", "{\"ttl_s\": 1}", &a);
	assert_problem(&a, 400, "/ttl_s", "");
	answer_free(&a);

	/* its instances go with it */
	snprintf(body, sizeof(body),
		 "{\"gateway\": \"gw2\", \"address\": \"2001:db8:2a::3\", \"lease\": %lld}", lease);
	assert_int_equal(rig_status(rig, "PUT " SERVICE "/instances/leased", body), 201);
	assert_int_equal(rig_status(rig, "DELETE /v1/agents/site2", NULL), 204);
	rig_until(rig, !view_instance(&rig->view, 0x101, "leased"));
	assert_int_equal(rig_status(rig, "GET " SERVICE "/instances/leased", NULL), 404);
	assert_int_equal(rig_status(rig, "GET " SERVICE "/instances/a", NULL), 200);
	assert_int_equal(rig_status(rig, "DELETE /v1/agents/site2", NULL), 404);
	assert_int_equal(rig_status(rig, "POST /v1/agents/site2/keepalive", NULL), 404);
}

/* IPv4 stands dotted everywhere, and can be put back as it was read. */
static void test_ipv4_instance(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	rig_fill(rig);
	assert_int_equal(rig_call(rig, "PUT " SERVICE "/instances/four",
				  "{\"gateway\": \"gw2\", \"address\": \"10.2.0.5\"}", &a),
			 201);
	assert_string_equal(text_at(a.json, "address"), "10.2.0.5");
	answer_free(&a);
	rig_call(rig, "PUT " SERVICE "/instances/five",
		 "{\"gateway\": \"gw2\", \"address\": \"::ffff:10.2.0.5\"}", &a);
	assert_problem(&a, 400, "/address", "IPv4");
	answer_free(&a);
}

/* ---- classifier rules ---- */

static void test_class_life(void **state)
{
	static const char rule[] = "{\"service\": \"0x101\", \"destination\": \"10.9.0.1/32\","
				   " \"protocol\": \"tcp\", \"destination_port\": 80}";
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(rig_status(rig, "GET /v1/classes/web4", NULL), 404);
	assert_int_equal(rig_call(rig, "PUT /v1/classes/web4", rule, &a), 201);
	assert_string_equal(text_at(a.json, "destination"), "10.9.0.1/32");
	assert_true(int_at(a.json, "revision") > 0);
	answer_free(&a);
	assert_int_equal(rig_call(rig, "PATCH /v1/classes/web4", "{\"priority\": 7}", &a), 200);
	assert_int_equal(int_at(a.json, "priority"), 7);
	assert_int_equal(int_at(a.json, "destination_port"), 80);
	answer_free(&a);
	rig_call(rig, "PUT /v1/classes/bad", "{\"service\": 1, \"destination_port\": 80}", &a);
	assert_problem(&a, 400, "/destination_port", "");
	answer_free(&a);
	rig_call(rig, "PUT /v1/classes/a%20b", rule, &a);
	assert_problem(&a, 400, "", "1 to 63");
	answer_free(&a);
	assert_int_equal(rig_status(rig, "PUT /v1/classes/b", "{\"service\": \"0x101\"}"), 201);
	assert_int_equal(rig_call(rig, "GET /v1/classes?limit=1", NULL, &a), 200);
	assert_string_equal(text_at(a.json, "items/0/name"), "b");
	assert_string_equal(text_at(a.json, "next"), "b");
	answer_free(&a);
	assert_int_equal(rig_status(rig, "DELETE /v1/classes/web4", NULL), 204);
	assert_int_equal(rig_status(rig, "DELETE /v1/classes/web4", NULL), 404);
}

/* ---- room ---- */

/* The dataplane's table is full: nothing is stored, what is there can be changed and removed. */
static void test_full_table(void **state)
{
	struct rig *rig = *state;
	struct north_conf conf = rig_conf(rig);
	struct err err = {0};
	struct answer a;

	north_close(rig->north);
	conf.max_services = 2;
	assert_int_equal(north_open(&conf, &rig->north, &err), 0);
	assert_int_equal(rig_status(rig, "PUT " SERVICE, RIG_SERVICE), 201);
	assert_int_equal(rig_status(rig, "PUT /v1/services/2", "{}"), 201);
	/* instances of a service that is not registered take no room */
	assert_int_equal(rig_status(rig, "PUT /v1/services/9/instances/a", RIG_INSTANCE), 201);
	rig_call(rig, "PUT /v1/services/3", "{}", &a);
	assert_problem(&a, 507, "", "room for 2 services");
	answer_free(&a);
	assert_int_equal(rig_status(rig, "GET /v1/services/3", NULL), 404);
	assert_int_equal(rig_status(rig, "PUT /v1/services/2", "{\"name\": \"x\"}"), 200);
	assert_int_equal(rig_status(rig, "DELETE " SERVICE, NULL), 204);
	assert_int_equal(rig_status(rig, "PUT /v1/services/3", "{}"), 201);
}

/* ---- audit ---- */

/* What is logged while request is answered; the caller frees it. */
static char *logged(struct rig *rig, const char *request, const char *body)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	char *text = calloc(1, 4096);

	dup2(fileno(file), STDERR_FILENO);
	log_init("test", LOG_INFO);
	rig_status(rig, request, body);
	log_init("test", LOG_ERROR);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	assert_true(fread(text, 1, 4095, file) < 4095);
	fclose(file);
	return text;
}

static void test_audit(void **state)
{
	struct rig *rig = *state;
	char want[128];
	char *text;

	rig_fill(rig);
	text = logged(rig, "PUT " SERVICE, RIG_SERVICE);
	snprintf(want, sizeof(want),
		 "peer=uid:%u,pid:%d status=200 revision=%lld request=", getuid(), getpid(),
		 revision_of(rig, "GET " SERVICE));
	assert_non_null(strstr(text, "msg=\"rest change\" method=PUT path=" SERVICE " "));
	assert_non_null(strstr(text, want));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
	free(text);
	text = logged(rig, "DELETE /v1/gateways/gw2", NULL);
	assert_non_null(strstr(text, "method=DELETE path=/v1/gateways/gw2 "));
	free(text);
	text = logged(rig, "PATCH " SERVICE "/instances/a/status", "{\"state\": \"draining\"}");
	assert_non_null(strstr(text, "method=PATCH"));
	free(text);
	/* measurements come many times a second: below info; reads and refusals change nothing */
	text = logged(rig, "PATCH " SERVICE "/instances/a/status", "{\"cpu_load\": 5}");
	assert_string_equal(text, "");
	free(text);
	text = logged(rig, "GET " SERVICE, NULL);
	assert_string_equal(text, "");
	free(text);
	text = logged(rig, "PUT " SERVICE, "{\"nonsense\": 1}");
	assert_string_equal(text, "");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_service_life, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_service_patch, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_address_of_another_service, rig_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_conditions, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_bad_conditions, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_not_modified, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_revision_in_body, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_instance_life, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_instance_refusals, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_gateway_life, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_path_life, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_agent_life, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_ipv4_instance, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_class_life, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_full_table, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_audit, rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
