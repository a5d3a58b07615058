/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stats, monitor and trace: what they ask the server, and what they print of its answers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "../../../userspace/sanctl/follow.c"
#include "../../../userspace/sanctl/table.c"

#include "../../../userspace/sanctl/monitor.c"
#include "../../../userspace/sanctl/stats.c"
#include "../../../userspace/sanctl/trace.c"

/* ---- the server: answers in turn ---- */

static struct {
	const char *answers[8];
	unsigned int n;
	char asked[8][600]; /* "GET /path body" */
} server;

int ctl_call(struct ctl *ctl, struct call *call, json_t **out)
{
	char *body = call->body ? json_dumps(call->body, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	const char *answer = server.answers[server.n];

	*out = NULL;
	snprintf(server.asked[server.n], sizeof(server.asked[0]), "%s %s%s%s", call->method,
		 call->path, body ? " " : "", body ? body : "");
	free(body);
	server.n++;
	if (!answer)
		return CTL_UNREACHABLE;
	*out = json_loads(answer, 0, NULL);
	return CTL_OK;
}

void ctl_print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT);
}

int usage_error(const struct verb *verb, const char *text, ...)
{
	return CTL_USAGE;
}

/* ---- standard output ---- */

static char *captured;
static size_t captured_size;
static FILE *saved;

static void capture(void)
{
	saved = stdout;
	stdout = open_memstream(&captured, &captured_size);
}

static char *release(void)
{
	fclose(stdout);
	stdout = saved;
	return captured;
}

static int setup(void **state)
{
	memset(&server, 0, sizeof(server));
	stopped = 0;
	return 0;
}

#define EVENT                                                                                      \
	"{\"time\": \"2026-01-01T00:00:00.000001Z\", \"interface\": \"acc0\", \"role\": "          \
	"\"ingress\", \"length\": 120, \"protocol\": \"tcp\", \"source\": \"2001:db8::1\", "       \
	"\"source_port\": 9, \"destination\": \"2001:db8:5::101\", \"destination_port\": 80, "     \
	"\"service\": \"0x101\", \"name\": \"web\", \"by\": \"class\", \"selection\": "            \
	"\"balanced\", \"affinity\": \"hash\", \"slot\": 5, \"hash\": 4660, \"generation\": 7, "   \
	"\"nexthop\": \"5f00:0:2:100::\", \"instance\": \"a\", \"gateway\": \"gw2\", \"path\": "   \
	"\"be\", \"verdict\": \"redirect\", \"reason\": \"forwarded\", \"why\": \"steered\"}"
#define ANSWER(items, next) "{\"items\": [" items "], \"next\": " next ", \"missed\": 0}"

/* ---- monitor ---- */

static void test_monitor(void **state)
{
	static const struct verb verb = {.path = "/v1/events"};
	struct ctl ctl = {.text = {[CTL_OPT_SERVICE] = "0x101", [CTL_OPT_REASON] = "no_san,denied"},
			  .number = {[CTL_OPT_COUNT] = 2}};
	char *out;

	server.answers[0] = ANSWER("", "10");
	server.answers[1] = ANSWER(EVENT, "12");
	server.answers[2] = ANSWER(EVENT "," EVENT, "14");
	capture();
	assert_int_equal(run_monitor(&ctl, &verb, (struct args){}), CTL_OK);
	out = release();
	assert_string_equal(out, "2026-01-01T00:00:00.000001Z acc0 redirect forwarded service=0x101"
				 " tcp [2001:db8::1]:9 > [2001:db8:5::101]:80 len=120: steered\n"
				 "2026-01-01T00:00:00.000001Z acc0 redirect forwarded service=0x101"
				 " tcp [2001:db8::1]:9 > [2001:db8:5::101]:80 len=120: steered\n");
	free(out);
	assert_int_equal(server.n, 3); /* the second one of the last answer was too many */
	assert_string_equal(server.asked[0], "GET /v1/events?after=now&wait_s=20&service=0x101"
					     "&reason=no_san%2Cdenied");
	assert_string_equal(server.asked[2], "GET /v1/events?after=12&wait_s=20&service=0x101"
					     "&reason=no_san%2Cdenied");
}

static void test_monitor_json(void **state)
{
	static const struct verb verb = {.path = "/v1/events"};
	struct ctl ctl = {.json = true, .number = {[CTL_OPT_COUNT] = 1}};
	json_t *line;
	char *out;

	server.answers[0] = ANSWER(EVENT, "12");
	capture();
	assert_int_equal(run_monitor(&ctl, &verb, (struct args){}), CTL_OK);
	out = release();
	assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
	line = json_loads(out, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(line, "reason")), "forwarded");
	json_decref(line);
	free(out);
}

/* The server goes away: said by its status. */
static void test_monitor_ends(void **state)
{
	static const struct verb verb = {.path = "/v1/events"};
	struct ctl ctl = {};

	server.answers[0] = ANSWER("", "10");
	assert_int_equal(run_monitor(&ctl, &verb, (struct args){}), CTL_UNREACHABLE);
	stopped = 1;
	assert_int_equal(run_monitor(&ctl, &verb, (struct args){}), CTL_OK);
	assert_int_equal(server.n, 2); /* was not asked any more */
}

/* ---- trace ---- */

static void test_trace(void **state)
{
	static const struct verb verb = {.path = "/v1/trace"};
	struct ctl ctl = {
		.text = {[CTL_OPT_SERVICE] = "0x101",
			 [CTL_OPT_SOURCE] = "2001:db8::1",
			 [CTL_OPT_PROTOCOL] = "6",
			 [CTL_OPT_DPORT] = "80",
			 [CTL_OPT_REASON] = "forwarded,denied"},
		.number = {[CTL_OPT_COUNT] = 1, [CTL_OPT_DPORT] = 80},
	};
	char *out;

	server.answers[0] = "{\"seconds\": 60, \"after\": 41}";
	server.answers[1] = ANSWER(EVENT, "42");
	server.answers[2] = "{}";
	capture();
	assert_int_equal(run_trace(&ctl, &verb, (struct args){}), CTL_OK);
	out = release();
	assert_string_equal(out,
			    "2026-01-01T00:00:00.000001Z  acc0 (ingress), 120 bytes\n"
			    "  packet     tcp 2001:db8::1 port 9 > 2001:db8:5::101 port 80\n"
			    "  service    0x101 web, given by a classifier rule\n"
			    "  selection  balanced, affinity hash, of generation 7\n"
			    "  flow       hash 0x00001234, slot 5\n"
			    "  next hop   5f00:0:2:100::: instance a at gateway gw2 by path be\n"
			    "  verdict    redirect: forwarded, steered\n");
	free(out);
	assert_string_equal(server.asked[0],
			    "PUT /v1/trace {\"destination_port\":80,\"protocol\":6,\"reasons\":"
			    "[\"forwarded\",\"denied\"],\"service\":\"0x101\",\"source\":"
			    "\"2001:db8::1\"}");
	assert_non_null(strstr(server.asked[1], "after=41&"));
	assert_non_null(strstr(server.asked[1], "&kind=trace"));
	assert_string_equal(server.asked[2], "DELETE /v1/trace");
}

/* Refused: nothing is followed, nothing is disarmed. */
static void test_trace_refused(void **state)
{
	static const struct verb verb = {.path = "/v1/trace"};
	struct ctl ctl = {};

	assert_int_equal(run_trace(&ctl, &verb, (struct args){}), CTL_UNREACHABLE);
	assert_int_equal(server.n, 1);
}

/* ---- stats ---- */

#define STATS(n)                                                                                   \
	"{\"services\": [{\"service\": \"0x101\", \"name\": \"web\", \"packets\": " n              \
	", \"bytes\": 300}], \"egress\": [], \"nexthops\": [], \"reasons\": ["                     \
	"{\"reason\": \"forwarded\", \"interface\": \"acc0\", \"verdict\": \"redirect\", "         \
	"\"why\": \"steered\", \"packets\": " n ", \"bytes\": 300},"                               \
	"{\"reason\": \"denied\", \"interface\": \"acc0\", \"verdict\": \"drop\", \"why\": "       \
	"\"may not\", \"packets\": 2, \"bytes\": 20},"                                             \
	"{\"reason\": \"no_role\", \"interface\": null, \"verdict\": \"pass\", \"why\": "          \
	"\"none\", \"packets\": 0, \"bytes\": 0}],"                                                \
	"\"maps\": [{\"map\": \"san_slots\", \"used\": 9, \"size\": 10}]}"

static char *stats_of(struct ctl *ctl, char *what, int status)
{
	static const struct verb verb = {.path = "/v1/stats"};
	char *v[] = {what};

	capture();
	assert_int_equal(run_stats(ctl, &verb, (struct args){v, what ? 1 : 0}), status);
	return release();
}

static void test_stats(void **state)
{
	struct ctl ctl = {};
	char *out;

	server.answers[0] = server.answers[1] = server.answers[2] = STATS("3");
	out = stats_of(&ctl, "interfaces", CTL_OK);
	assert_string_equal(
		out,
		"INTERFACE  REDIRECTED  BOUNCED  PASSED  DROPPED  BY POLICY  PACKETS  BYTES\n"
		"acc0                3        0       0        2          0        5    320\n");
	free(out);
	out = stats_of(&ctl, "reasons", CTL_OK);
	assert_non_null(strstr(out, "forwarded  acc0"));
	assert_null(strstr(out, "no_role")); /* never happened */
	free(out);
	out = stats_of(&ctl, "maps", CTL_OK);
	assert_string_equal(out,
			    "MAP        USED  SIZE  PERCENT\nsan_slots     9    10       90\n");
	free(out);
	free(stats_of(&ctl, "nothing", CTL_USAGE));
	assert_int_equal(server.n, 3);
}

static void test_rows_of_two_interfaces(void **state)
{
	const struct group *group = group_find("reasons");
	json_t *rows = json_loads("[{\"reason\": \"a\", \"interface\": \"x\", \"packets\": 1},"
				  " {\"reason\": \"a\", \"interface\": \"y\", \"packets\": 2}]",
				  0, NULL);

	for (size_t i = 0; i < 2; i++)
		assert_ptr_equal(find_row(group, rows, 1 - i, json_array_get(rows, i)),
				 json_array_get(rows, i));
	json_decref(rows);
}

/* 200 packets and 25,000 bytes in two seconds. */
static void test_rates(void **state)
{
	json_t *before = json_loads("{\"services\": [{\"service\": \"0x101\", \"packets\": 100,"
				    " \"bytes\": 5000}]}",
				    0, NULL);
	json_t *now = json_loads("{\"services\": [{\"service\": \"0x102\", \"packets\": 10,"
				 " \"bytes\": 0}, {\"service\": \"0x101\", \"packets\": 300,"
				 " \"bytes\": 30000}]}",
				 0, NULL);
	const json_t *row;

	add_rates(group_find("services"), before, now, 2);
	row = json_array_get(json_object_get(now, "services"), 0);
	assert_int_equal(json_integer_value(json_object_get(row, "packets_s")), 5);
	row = json_array_get(json_object_get(now, "services"), 1);
	assert_int_equal(json_integer_value(json_object_get(row, "packets_s")), 100);
	assert_int_equal(json_integer_value(json_object_get(row, "kbit_s")), 100);
	json_decref(before);
	json_decref(now);
}

static void test_rate_and_watch(void **state)
{
	struct ctl ctl = {.number = {[CTL_OPT_WATCH] = 1, [CTL_OPT_RATE] = 1}};

	free(stats_of(&ctl, NULL, CTL_USAGE));
	assert_int_equal(server.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_monitor, setup),
		cmocka_unit_test_setup(test_monitor_json, setup),
		cmocka_unit_test_setup(test_monitor_ends, setup),
		cmocka_unit_test_setup(test_trace, setup),
		cmocka_unit_test_setup(test_trace_refused, setup),
		cmocka_unit_test_setup(test_stats, setup),
		cmocka_unit_test_setup(test_rows_of_two_interfaces, setup),
		cmocka_unit_test_setup(test_rates, setup),
		cmocka_unit_test_setup(test_rate_and_watch, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
