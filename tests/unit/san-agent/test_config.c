/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's configuration: what it reads, and how it refuses. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>

#include "../../../userspace/san-agent/config.c"
#include "../../../userspace/san-agent/config_database.c"
#include "../../../userspace/san-agent/config_instance.c"

#define HEAD "agent: site2\ngateway: gw2\nservers: [unix:/run/a.sock]\n"
#define INSTANCE "  - {service: 0x101, name: a, address: '2001:db8::1', cgroup: lab/a}\n"
#define GOOD HEAD "instances:\n" INSTANCE

static int load(const char *text, struct agent_conf **conf, struct err *err)
{
	FILE *file = fmemopen((void *)text, strlen(text), "r");
	int rc = agent_conf_load(file, "agent.yaml", conf, err);

	fclose(file);
	return rc;
}

static void test_defaults(void **state)
{
	struct agent_conf *conf = NULL;
	struct err err = {};

	assert_int_equal(load(GOOD, &conf, &err), 0);
	assert_string_equal(conf->agent, "site2");
	assert_int_equal(conf->n_servers, 1);
	assert_false(conf->has_gateway_server);
	assert_int_equal(conf->ttl_s, 10);
	assert_int_equal(conf->interval_ms, 200);
	assert_int_equal(conf->min_interval_ms, 100);
	assert_int_equal(conf->max_age_ms, 3000);
	assert_int_equal(conf->alpha_permille, 500);
	assert_int_equal(conf->dead_band[MEASURE_CPU_LOAD], 2000);
	assert_int_equal(conf->n_instances, 1);
	assert_int_equal(conf->instances[0].service, 0x101);
	assert_int_equal(conf->instances[0].source.kind, SOURCE_CGROUP);
	assert_int_equal(conf->instances[0].probe.kind, PROBE_NONE);
	agent_conf_free(conf);
	agent_conf_free(NULL);
}

static const char full[] = "agent: site2\n"
			   "gateway: gw2\n"
			   "gateway_server: unix:/run/gw2.sock\n"
			   "servers: [unix:/run/gw2.sock, 'http://[::1]:8080']\n"
			   "ttl_s: 5\n"
			   "smoothing: 0.25\n"
			   "dead_band: {cpu_load: 0.5, io_load: 0}\n"
			   "instances:\n"
			   "  - service: \"0x102\"\n"
			   "    name: b\n"
			   "    address: 2001:db8::2\n"
			   "    sid: \"5f00:0:2:100::\"\n"
			   "    pid: 4711\n"
			   "    io_max_mbps: 80\n"
			   "    probe: {http: 'http://[2001:db8::2]:80/health'}\n"
			   "    probe_interval_ms: 500\n"
			   "    probe_failures: 2\n"
			   "    attributes: {cost: 3.5, site_delay_us: 1000}\n"
			   "  - service: 257\n"
			   "    name: b\n"
			   "    address: 192.0.2.1\n"
			   "    pidfile: /run/web.pid\n"
			   "    probe: {tcp: '192.0.2.1:8080'}\n";

static void test_full(void **state)
{
	const struct instance_conf *inst;
	struct agent_conf *conf = NULL;
	struct err err = {};
	char text[512];

	if (load(full, &conf, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
	assert_true(conf->has_gateway_server);
	assert_int_equal(conf->n_servers, 2); /* the gateway's is not listed twice */
	assert_true(IN6_IS_ADDR_V4MAPPED(&conf->instances[1].address));
	assert_string_equal(conf->servers[0], "unix:/run/gw2.sock");
	assert_string_equal(conf->servers[1], "http://[::1]:8080");
	assert_int_equal(conf->alpha_permille, 250);
	assert_int_equal(conf->dead_band[MEASURE_CPU_LOAD], 500);
	assert_int_equal(conf->dead_band[MEASURE_IO_LOAD], 0);
	assert_int_equal(conf->dead_band[MEASURE_MEM_LOAD], 2000);
	inst = &conf->instances[0];
	assert_int_equal(inst->service, 0x102);
	assert_int_equal(inst->source.pid, 4711);
	assert_int_equal(inst->source.io_max_bytes, 10000000);
	assert_int_equal(inst->probe.kind, PROBE_HTTP);
	assert_string_equal(inst->probe.path, "/health");
	assert_string_equal(inst->probe.host, "[2001:db8::2]:80");
	assert_int_equal(((const struct sockaddr_in6 *)&inst->probe.addr)->sin6_port, htons(80));
	assert_int_equal(inst->probe.interval_ms, 500);
	assert_int_equal(inst->probe.failures, 2);
	assert_int_equal(inst->n_constants, 2);
	assert_string_equal(inst->constants[0].name, "cost");
	assert_int_equal(inst->constants[0].milli, 3500);
	assert_false(IN6_IS_ADDR_UNSPECIFIED(&inst->sid));
	inst = &conf->instances[1];
	assert_int_equal(inst->source.kind, SOURCE_PIDFILE);
	assert_int_equal(inst->probe.kind, PROBE_TCP);
	assert_int_equal(inst->probe.addr.ss_family, AF_INET);
	agent_conf_free(conf);
}

#define DB_HEAD "agent: site2\ngateway: gw2\n"
#define DB DB_HEAD "database: {endpoints: ['http://[::1]:2379']}\n"
#define DB_WITH(more)                                                                              \
	DB_HEAD "database:\n  endpoints: ['https://etcd1:2379']\n" more "instances:\n" INSTANCE

static void test_database(void **state)
{
	struct agent_conf *conf = NULL;
	struct err err = {};

	assert_int_equal(load(DB "instances:\n" INSTANCE, &conf, &err), 0);
	assert_int_equal(conf->n_servers, 0);
	assert_int_equal(conf->database.n_endpoints, 1);
	assert_string_equal(conf->database.endpoints[0], "http://[::1]:2379");
	assert_int_equal(conf->database.deadline_ms, NCSDB_DEADLINE_MS);
	assert_int_equal(conf->batch_ms, 10);
	agent_conf_free(conf);
	assert_int_equal(load(DB_WITH("  tls: {ca: ca.pem, cert: a.pem, key: a.key}\n"
				      "  user: site2\n"
				      "  password_file: /etc/sand/etcd.password\n"
				      "  prefix: /lab/san\n"
				      "  deadline_ms: 500\n"
				      "batch_ms: 20\n"),
			      &conf, &err),
			 0);
	assert_string_equal(conf->database.ca, "ca.pem");
	assert_string_equal(conf->database.key, "a.key");
	assert_string_equal(conf->database.user, "site2");
	assert_string_equal(conf->database.prefix, "/lab/san");
	assert_int_equal(conf->database.deadline_ms, 500);
	assert_int_equal(conf->batch_ms, 20);
	agent_conf_free(conf);
}

static void test_password(void **state)
{
	char path[] = "/tmp/agent-password-XXXXXX", buf[DATABASE_PASSWORD_MAX];
	int fd = mkstemp(path);
	struct err err = {};

	assert_int_equal(write(fd, "secret\nmore\n", 12), 12);
	assert_int_equal(database_password(path, buf, &err), 0);
	assert_string_equal(buf, "secret");
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(database_password(path, buf, &err), -EACCES);
	assert_string_equal(err.field, "/database/password_file");
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(database_password(path, buf, &err), -EINVAL);
	close(fd);
	unlink(path);
	assert_int_equal(database_password(path, buf, &err), -ENOENT);
}

/* What is wrong, the line it is said of, the field, and a piece of the text. */
static const struct refusal {
	const char *text;
	int line;
	const char *field, *want;
} refusals[] = {
	{"agent: [\n", 0, "", ""},
	{"[]\n", 1, "", "object"},
	{"agent: a\nagent: b\n", 0, "", ""},
	{"gateway: gw2\n", 1, "/agent", ""},
	{"agent: a b\n", 1, "/agent", "A-Za-z0-9"},
	{HEAD "instances: []\n", 4, "/instances", "1..1024"},
	{HEAD, 1, "/instances", ""},
	{DB_HEAD "instances:\n" INSTANCE, 1, "/servers", "database"},
	{HEAD "database: {endpoints: ['http://a:1']}\n", 3, "/servers", "one or the other"},
	{DB_HEAD "database: {}\n", 3, "/database/endpoints", ""},
	{DB_HEAD "database: {endpoints: []}\n", 3, "/database/endpoints", "1..16"},
	{DB_HEAD "database: {endpoints: ['etcd1:2379']}\n", 3, "/database/endpoints/0", "http"},
	{DB_HEAD "database: {endpoints: ['http://etcd1']}\n", 3, "/database/endpoints/0", ""},
	{DB_HEAD "database: {endpoints: ['http://a:0']}\n", 3, "/database/endpoints/0", ""},
	{DB_HEAD "database: {endpoints: ['http://[a]:1']}\n", 3, "/database/endpoints/0", ""},
	{DB_HEAD "database: {endpoints: ['http://u@a:1']}\n", 3, "/database/endpoints/0", ""},
	{DB_HEAD "database: {listen: ['[::1]:1']}\n", 3, "/database/listen", "known"},
	{DB_WITH("  tls: {cert: a.pem}\n"), 5, "/database/tls/key", "together"},
	{DB_WITH("  user: a\n"), 3, "/database/password_file", "together"},
	{DB_WITH("  prefix: /san/\n"), 5, "/database/prefix", "not end"},
	{DB_WITH("  deadline_ms: 99\n"), 5, "/database/deadline_ms", "100"},
	{DB_HEAD "database: {endpoints: ['http://a:1'], tls: {ca: a}}\n", 3, "/database/tls",
	 "https"},
	{DB "batch_ms: 4\n", 4, "/batch_ms", "5"},
	{DB "batch_ms: 21\n", 4, "/batch_ms", "20"},
	{HEAD "nonsense: 1\ninstances:\n" INSTANCE, 4, "/nonsense", "known"},
	{HEAD "ttl_s: 1\ninstances:\n" INSTANCE, 4, "/ttl_s", "2"},
	{HEAD "interval_ms: fast\ninstances:\n" INSTANCE, 4, "/interval_ms", ""},
	{HEAD "smoothing: 0\ninstances:\n" INSTANCE, 4, "/smoothing", "0.001..1"},
	{HEAD "smoothing: 2\ninstances:\n" INSTANCE, 4, "/smoothing", "0.001..1"},
	{HEAD "min_interval_ms: 5000\ninstances:\n" INSTANCE, 4, "/min_interval_ms", "max_age_ms"},
	{HEAD "dead_band: {cpu: 2}\ninstances:\n" INSTANCE, 4, "/dead_band/cpu", "cpu_load"},
	{HEAD "dead_band: {cpu_load: -1}\ninstances:\n" INSTANCE, 4, "/dead_band/cpu_load", "0.."},
	{"agent: a\ngateway: g\ninstances:\n" INSTANCE, 1, "/servers", "at least one"},
	{"agent: a\ngateway: g\nservers: [run.sock]\ninstances:\n" INSTANCE, 3, "/servers/0",
	 "unix:"},
	{"agent: a\ngateway: g\nservers: [3]\ninstances:\n" INSTANCE, 3, "/servers/0", "text"},
	{HEAD "instances:\n- 3\n", 5, "/instances/0", "object"},
	{HEAD "instances:\n- {service: 0}\n", 5, "/instances/0/service", "0x101"},
	{HEAD "instances:\n- {service: x}\n", 5, "/instances/0/service", "0x101"},
	{HEAD "instances:\n- {service: 1, name: 'a/b'}\n", 5, "/instances/0/name", "A-Za-z0-9"},
	{HEAD "instances:\n- {service: 1, name: a, address: here}\n", 5, "/instances/0/address",
	 ""},
	{HEAD "instances:\n- {service: 1, name: a, address: '::1'}\n", 5, "/instances/0", "cgroup"},
	{HEAD "instances:\n- {service: 1, name: a, address: '::1', cgroup: a, pid: 1}\n", 5,
	 "/instances/0", "one of"},
	{HEAD "instances:\n- {service: 1, name: a, address: '::1', cgroup: ../a}\n", 5,
	 "/instances/0/cgroup", "without"},
	{HEAD "instances:\n- {service: 1, name: a, address: '::1', cgroup: /a}\n", 5,
	 "/instances/0/cgroup", "below"},
	{HEAD "instances:\n- {service: 1, name: a, address: '::1', pid: 0}\n", 5,
	 "/instances/0/pid", ""},
	{HEAD "instances:\n- {service: 1, name: a, address: '::1', pidfile: web.pid}\n", 5,
	 "/instances/0/pidfile", "absolute"},
	{HEAD "instances:\n- {service: 1, name: a, address: '::1', pid: 1, probe: {}}\n", 5,
	 "/instances/0/probe", "tcp or http"},
	{HEAD
	 "instances:\n- {service: 1, name: a, address: '::1', pid: 1, probe: {tcp: 'web:80'}}\n",
	 5, "/instances/0/probe/tcp", "port"},
	{HEAD
	 "instances:\n- {service: 1, name: a, address: '::1', pid: 1, probe: {tcp: '[::1]:0'}}\n",
	 5, "/instances/0/probe/tcp", "port"},
	{HEAD "instances:\n- {service: 1, name: a, address: '::1', pid: 1,"
	      " probe: {http: 'https://[::1]:80/'}}\n",
	 5, "/instances/0/probe/http", "literal"},
	{HEAD
	 "instances:\n- {service: 1, name: a, address: '::1', pid: 1, attributes: {cpu_load: 3}}\n",
	 5, "/instances/0/attributes/cpu_load", "measured"},
	{HEAD
	 "instances:\n- {service: 1, name: a, address: '::1', pid: 1, attributes: {cost: x}}\n",
	 5, "/instances/0/attributes/cost", "number"},
	{HEAD "instances:\n" INSTANCE INSTANCE, 6, "/instances/1/name", "differ"},
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		const struct refusal *bad = &refusals[i];
		struct agent_conf *conf = (struct agent_conf *)1;
		struct err err = {};
		char text[512], where[64];

		assert_true(load(bad->text, &conf, &err) < 0);
		assert_ptr_equal(conf, (struct agent_conf *)1);
		err_text(&err, text, sizeof(text));
		snprintf(where, sizeof(where), bad->line ? "agent.yaml:%d" : "agent.yaml",
			 bad->line);
		if (strcmp(err.object, where) || strcmp(err.field, bad->field) ||
		    !strstr(err.want, bad->want))
			fail_msg("case %zu: %s, not %s: %s: ...%s...", i, text, where, bad->field,
				 bad->want);
	}
}

static void test_limits(void **state)
{
	struct agent_conf *conf = NULL;
	struct err err = {};
	char *text = NULL;
	size_t size;
	FILE *out;

	for (int extra = 0; extra < 2; extra++) {
		out = open_memstream(&text, &size);
		fputs(HEAD "instances:\n", out);
		for (int i = 0; i < AGENT_MAX_INSTANCES + extra; i++)
			fprintf(out, "- {service: 1, name: n%d, address: '::1', pid: 1}\n", i);
		fclose(out);
		assert_int_equal(load(text, &conf, &err), extra ? -ENOSPC : 0);
		if (!extra)
			agent_conf_free(conf);
		free(text);
	}
	assert_non_null(strstr(err.want, "1024"));
	for (int extra = 0; extra < 2; extra++) {
		out = open_memstream(&text, &size);
		fputs("agent: a\ngateway: g\nservers:\n", out);
		for (int i = 0; i < AGENT_MAX_SERVERS + extra; i++)
			fprintf(out, "- unix:/run/%d\n", i);
		fputs("instances:\n" INSTANCE, out);
		fclose(out);
		assert_int_equal(load(text, &conf, &err), extra ? -ENOSPC : 0);
		if (!extra)
			agent_conf_free(conf);
		free(text);
	}
	assert_non_null(strstr(err.want, "16"));
}

static void test_too_many_constants(void **state)
{
	struct agent_conf *conf = NULL;
	struct err err = {};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fputs(HEAD
	      "instances:\n- service: 1\n  name: a\n  address: '::1'\n  pid: 1\n  attributes:\n",
	      out);
	for (int i = 0; i <= AGENT_MAX_CONSTANTS; i++)
		fprintf(out, "    x%d: 1\n", i);
	fclose(out);
	assert_int_equal(load(text, &conf, &err), -ENOSPC);
	assert_string_equal(err.field, "/instances/0/attributes/x16");
	assert_string_equal(err.object, "agent.yaml:26");
	free(text);
}

static void test_reloadable(void **state)
{
	struct agent_conf now = {.agent = "a", .gateway = "g", .ttl_s = 5}, next = now;
	struct err err = {};

	next.interval_ms = 7;
	assert_int_equal(agent_conf_reloadable(&now, &next, &err), 0);
	strcpy(next.database.prefix, "/x");
	assert_int_equal(agent_conf_reloadable(&now, &next, &err), -EBUSY);
	assert_string_equal(err.field, "/database");
	next.ttl_s = 6;
	assert_int_equal(agent_conf_reloadable(&now, &next, &err), -EBUSY);
	assert_string_equal(err.field, "/ttl_s");
	strcpy(next.gateway, "h");
	agent_conf_reloadable(&now, &next, &err);
	assert_string_equal(err.field, "/gateway");
	strcpy(next.agent, "b");
	agent_conf_reloadable(&now, &next, &err);
	assert_string_equal(err.field, "/agent");
}

static void test_sockaddr(void **state)
{
	static const char *const bad[] = {
		"",	   ":80",	  "[::1]",	 "[::1]:",   "[::1]:65536", "::1:80",
		"[::1:80", "1.2.3.4:+80", "1.2.3.4: 80", "1.2.3:80", "[::1]:80x",   "[1.2.3.4]:80",
	};
	struct sockaddr_storage addr;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(conf_sockaddr(bad[i], &addr), -EINVAL);
	assert_int_equal(conf_sockaddr("[::1]:65535", &addr), 0);
	assert_int_equal(conf_sockaddr("127.0.0.1:1", &addr), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),	   cmocka_unit_test(test_full),
		cmocka_unit_test(test_refusals),	   cmocka_unit_test(test_limits),
		cmocka_unit_test(test_too_many_constants), cmocka_unit_test(test_reloadable),
		cmocka_unit_test(test_sockaddr),	   cmocka_unit_test(test_database),
		cmocka_unit_test(test_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
