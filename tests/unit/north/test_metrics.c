/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /metrics: the format by two independent readers, the values by what the parent told. */
#include "unit/north/rig.h"

#include <sys/wait.h>

#include "../../../userspace/north/metrics.c"

static char *metrics_of(struct rig *rig)
{
	struct answer a;
	char *text;

	assert_int_equal(rig_call(rig, "GET /metrics", NULL, &a), 200);
	assert_non_null(strstr(a.head, "Content-Type: text/plain; version=0.0.4; charset=utf-8"));
	text = strdup(a.body);
	answer_free(&a);
	return text;
}

/* A line that is this one. */
static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *p = text; (p = strstr(p, line)); p += len) {
		if ((p == text || p[-1] == '\n') && p[len] == '\n')
			return true;
	}
	return false;
}

static void assert_line(const char *text, const char *line)
{
	if (!has_line(text, line))
		print_error("no line %s in\n%s", line, text);
	assert_true(has_line(text, line));
}

static void test_values(void **state)
{
	struct rig *rig = *state;
	char *text, line[160];

	rig_fill(rig);
	assert_int_equal(rig_status(rig, "PATCH /v1/services/0x101", "{\"name\": \"a.b\"}"), 200);
	assert_int_equal(rig_status(rig, "PUT /v1/classes/c", "{\"service\": \"0x101\"}"), 201);
	rig_wait_applied(rig);
	rig->slots_used = 12;
	rig->lost = 9;
	text = metrics_of(rig);
	assert_line(text, "sand_counters_up 1");
	assert_line(text, "sand_ready 1");
	assert_line(text, "sand_service_packets_total{service=\"0x101\",name=\"a.b\"} 3");
	assert_line(text, "sand_service_bytes_total{service=\"0x101\",name=\"a.b\"} 300");
	assert_line(text, "sand_egress_packets_total{service=\"0x101\",name=\"a.b\"} 4");
	snprintf(line, sizeof(line),
		 "sand_nexthop_packets_total{nexthop=\"%u\",to=\"5f00:0:2:100::\"} 5",
		 rig->nexthop);
	assert_line(text, line);
	assert_line(text, "sand_reason_packets_total{reason=\"no_san\",interface=\"acc0\","
			  "verdict=\"pass\"} 3");
	assert_line(text, "sand_reason_packets_total{reason=\"no_role\",interface=\"\","
			  "verdict=\"pass\"} 7");
	assert_line(text, "sand_map_entries{map=\"san_slots\"} 12");
	assert_line(text, "sand_map_entries_limit{map=\"san_slots\"} 1000");
	assert_line(text, "sand_events_passed_total 8");
	assert_line(text, "sand_events_lost_total 9");
	assert_line(text, "sand_interface_up{interface=\"acc0\",role=\"ingress\"} 1");
	assert_line(text, "sand_interface_attached{interface=\"core0\",mode=\"native\"} 1");
	assert_line(text, "sand_objects{kind=\"class\"} 1");
	assert_line(text, "sand_objects{kind=\"instance\"} 1");
	assert_line(text, "# TYPE sand_plans_total counter");
	free(text);
}

/* Without the parent there is what the child knows by itself. */
static void test_without_parent(void **state)
{
	struct rig *rig = *state;
	char *text;

	shutdown(rig->parent_fd, SHUT_RDWR);
	text = metrics_of(rig);
	assert_line(text, "sand_counters_up 0");
	assert_line(text, "sand_parent_connected 0");
	assert_null(strstr(text, "sand_service_packets_total"));
	assert_non_null(strstr(text, "sand_database_revision "));
	free(text);
}

static unsigned int count_of(const char *text, const char *part)
{
	unsigned int n = 0;

	for (const char *p = text; (p = strstr(p, part)); p += strlen(part))
		n++;
	return n;
}

static void print_services(struct rig *rig, unsigned int n, unsigned int want)
{
	json_t *rows = json_array(), *stats = json_pack("{s:o}", "services", rows);
	char *buf = NULL, id[SVC_ID_TEXT];
	size_t size;
	struct metrics p = {.n = rig->north, .stats = stats, .out = open_memstream(&buf, &size)};

	for (unsigned int i = 1; i <= n; i++)
		json_array_append_new(rows,
				      json_pack("{s:s, s:i, s:i}", "service", svc_id_text(i, id),
						"packets", i == 7, "bytes", i == 7));
	print_rows(&p, &counters[0], false);
	fclose(p.out);
	assert_int_equal(count_of(buf, "sand_service_packets_total{"), want);
	assert_line(buf, "sand_service_packets_total{service=\"0x7\",name=\"\"} 1");
	free(buf);
	json_decref(stats);
}

/* Of very many only those with packets. */
static void test_quiet_ones(void **state)
{
	print_services(*state, METRICS_QUIET_MAX, METRICS_QUIET_MAX);
	print_services(*state, METRICS_QUIET_MAX + 1, 1);
}

static void test_escapes(void **state)
{
	char *buf = NULL;
	size_t size;
	struct metrics p = {.out = open_memstream(&buf, &size)};

	metrics_sample(&p, 5, "name", "a", "quote \" and \\", "b", "line\nend", "c", NULL, NULL);
	metrics_sample(&p, 6, "bare", NULL);
	fclose(p.out);
	assert_string_equal(buf, "name{a=\"quote \\\" and \\\\\",b=\"line\\nend\",c=\"\"} 5\n"
				 "bare 6\n");
	free(buf);
}

static void test_accept(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(rig_status_with(rig, "GET /metrics", "Accept: text/plain\r\n", NULL), 200);
	assert_int_equal(rig_status_with(rig, "GET /metrics",
					 "Accept: application/openmetrics-text;version=1.0.0,"
					 "text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n",
					 NULL),
			 200);
	rig_call_with(rig, "GET /metrics", "Accept: application/json\r\n", NULL, &a);
	assert_problem(&a, 406, "Accept", "text/plain");
	answer_free(&a);
	assert_int_equal(rig_status_with(rig, "GET /healthz", "Accept: text/plain\r\n", NULL), 406);
}

/* ---- other readers ---- */

/* Exit status of a command that reads text; 127: there is no such command. */
static int read_by(const char *command, const char *text)
{
	FILE *pipe_to = popen(command, "w");
	int status;

	assert_non_null(pipe_to);
	fputs(text, pipe_to);
	status = pclose(pipe_to);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_promtool(void **state)
{
	struct rig *rig = *state;
	char *text;
	int status;

	rig_fill(rig);
	rig_wait_applied(rig);
	text = metrics_of(rig);
	status = read_by("command -v promtool >/dev/null || exit 127;"
			 "exec promtool check metrics >&2",
			 text);
	free(text);
	if (status == 127)
		skip();
	assert_int_equal(status, 0);
}

static void test_histogram(void **state)
{
	struct hist hist = {0};
	char *text = NULL;
	size_t size;
	struct metrics p = {.out = open_memstream(&text, &size)};

	metrics_hist(&p, "sand_none_seconds", "Not measured.", NULL);
	hist_add(&hist, 10);
	hist_add(&hist, 11);
	hist_add(&hist, 60000000);
	metrics_hist(&p, "sand_x_seconds", "X.", &hist);
	fclose(p.out);
	assert_null(strstr(text, "none"));
	assert_line(text, "# TYPE sand_x_seconds histogram");
	assert_line(text, "sand_x_seconds_bucket{le=\"1e-05\"} 1");
	assert_line(text, "sand_x_seconds_bucket{le=\"2e-05\"} 2");
	assert_line(text, "sand_x_seconds_bucket{le=\"10\"} 2");
	assert_line(text, "sand_x_seconds_bucket{le=\"+Inf\"} 3");
	assert_line(text, "sand_x_seconds_sum 60.000021");
	assert_line(text, "sand_x_seconds_count 3");
	free(text);
}

static void test_control(void **state)
{
	static const char *const lines[] = {
		"sand_database_connected 1",
		"sand_database_stale 0",
		"sand_database_lost_seconds 0.000000",
		"sand_database_reconnects_total 0",
		"sand_database_gaps_total 0",
		"sand_database_audit_repaired_total 0",
		"sand_queue_services 0",
		"sand_deferred 0",
		"sand_aggregates_published_total 0",
		"sand_repaired_total{kind=\"maps\"} 0",
		"sand_repaired_total{kind=\"nexthops\"} 0",
		"# TYPE sand_database_write_seconds histogram",
		"# TYPE sand_evaluation_seconds histogram",
		"# TYPE sand_react_seconds histogram",
		"# TYPE sand_apply_seconds histogram",
	};
	struct rig *rig = *state;
	char *text;

	rig_fill(rig);
	rig_wait_applied(rig);
	text = metrics_of(rig);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_line(text, lines[i]);
	assert_null(strstr(text, "sand_server_")); /* nobody is served */
	free(text);
	view_stall(&rig->view, clock_us());
	text = metrics_of(rig);
	assert_line(text, "sand_database_stale 1");
	free(text);
}

/* Its parser of the format knows nothing of ours; families come once, samples are ours. */
static const char python_reader[] =
	"/usr/bin/python3 -c '\n"
	"import sys\n"
	"try:\n"
	"    from prometheus_client.parser import text_string_to_metric_families as parse\n"
	"except ImportError:\n"
	"    sys.exit(127)\n"
	"families = list(parse(sys.stdin.read()))\n"
	"names = [f.name for f in families]\n"
	"assert len(names) == len(set(names)) > 30, names\n"
	"for f in families:\n"
	"    assert f.name.startswith(\"sand_\") and f.documentation, f\n"
	"    assert f.type in (\"counter\", \"gauge\", \"histogram\"), f\n"
	"    assert f.samples or f.name in (\"sand_nexthop_resolved\",), f\n"
	"    keys = [(s.name, *sorted(s.labels.items())) for s in f.samples]\n"
	"    assert len(keys) == len(set(keys)), f\n"
	"    if f.type == \"histogram\":\n"
	"        assert f.name.endswith(\"_seconds\"), f\n"
	"        counts = [s.value for s in f.samples if s.name == f.name + \"_bucket\"]\n"
	"        assert counts == sorted(counts) and len(counts) == 20, f\n"
	"        assert f.samples[-1].name == f.name + \"_count\", f\n"
	"        assert f.samples[-1].value == counts[-1], f\n"
	"        continue\n"
	"    for s in f.samples:\n"
	"        assert s.name == f.name + (\"_total\" if f.type == \"counter\" else \"\"), s\n"
	"'";

static void test_python_client(void **state)
{
	struct rig *rig = *state;
	char *text;
	int status;

	rig_fill(rig);
	rig_wait_applied(rig);
	rig->slots_used = 1;
	text = metrics_of(rig);
	status = read_by(python_reader, text);
	free(text);
	if (status == 127)
		skip();
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_values, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_without_parent, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_quiet_ones, rig_setup, rig_teardown),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test_setup_teardown(test_control, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_accept, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_promtool, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_python_client, rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
