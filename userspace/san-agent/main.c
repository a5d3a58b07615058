/* SPDX-License-Identifier: GPL-2.0-or-later */
/* san-agent: wiring only. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "san-agent/agent.h"
#include "san-agent/once.h"
#include "util/log.h"
#include "util/own.h"

#define EXIT_USAGE 2
#define FILES_MAX 65536
#define DEFAULT_CONFIG "/etc/sand/agent.yaml"

static const char usage[] =
	"Usage: san-agent [-c FILE] [--check | --once]\n"
	"\n"
	"Runs at a cloud site: measures CPU, memory and I/O load of service instances, probes\n"
	"their health, registers them with the service-aware provider edges (sand), and keeps\n"
	"those told of every meaningful change.\n"
	"\n"
	"  -c, --config FILE    configuration, YAML (default " DEFAULT_CONFIG ")\n"
	"      --check          check the configuration and end\n"
	"      --once           measure once, print the values as JSON and end\n"
	"      --log-level L    error, warning, info (default) or debug\n"
	"      --version        print the version\n"
	"      --help           this text\n"
	"\n"
	"Example:\n"
	"  agent: site2\n"
	"  gateway: gw2\n"
	"  gateway_server: unix:/run/sand/api.sock      # allocates the SIDs\n"
	"  servers: [\"http://127.0.0.1:8080\"]           # further edges to tell\n"
	"  # instead of both, the status database itself:\n"
	"  # database: {endpoints: [\"https://etcd1:2379\"], tls: {ca: ca.pem}}\n"
	"  instances:\n"
	"    - service: 0x101\n"
	"      name: a\n"
	"      address: 2001:db8:2a::2\n"
	"      cgroup: system.slice/web.service          # or pid: 4711, or pidfile: /run/web.pid\n"
	"      probe: {http: \"http://[2001:db8:2a::2]:80/health\"}\n"
	"\n"
	"SIGHUP reads the configuration again (a bad one is refused and the old one stays);\n"
	"SIGTERM and SIGINT deregister everything and end.\n"
	"\n"
	"Exit status: 0 ended as asked, 1 failed, 2 usage.\n";

enum mode { MODE_RUN, MODE_CHECK, MODE_ONCE };

struct options {
	const char *config;
	enum mode mode;
	enum log_level level;
};

struct program {
	const struct options *opt;
	uv_loop_t loop;
	struct agent *agent;
	uv_signal_t term, intr, hup;
};

static int parse(int argc, char **argv, struct options *opt)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'},
		{"once", no_argument, NULL, 'o'},
		{"log-level", required_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:hV", longs, NULL)) != -1) {
		if (c == 'c')
			opt->config = optarg;
		else if (c == 'k' || c == 'o')
			opt->mode = c == 'k' ? MODE_CHECK : MODE_ONCE;
		else if (c == 'h' || c == 'V') {
			fputs(c == 'h' ? usage : "san-agent " SAN_VERSION_TEXT "\n", stdout);
			exit(EXIT_SUCCESS);
		} else if (c != 'l' || log_level_parse(optarg, &opt->level)) {
			return -EINVAL;
		}
	}
	return optind == argc ? 0 : -EINVAL;
}

static int load_config(const char *name, struct agent_conf **conf, struct err *err)
{
	FILE *file = fopen(name, "re");
	int rc;

	if (!file) {
		err_set(err, -errno, "", "", "cannot be read: %s", strerror(errno));
		return err_object(err, "%s", name);
	}
	rc = agent_conf_load(file, name, conf, err);
	fclose(file);
	return rc;
}

static void on_end(uv_signal_t *handle, int signum)
{
	struct program *program = handle->data;

	log_info("ending", "signal=%d", signum);
	sd_notify(0, "STOPPING=1");
	agent_stop(program->agent);
}

static void on_hup(uv_signal_t *handle, int signum)
{
	struct program *program = handle->data;
	struct agent_conf *conf = NULL;
	struct err err = {};
	char text[512];
	int rc = load_config(program->opt->config, &conf, &err);

	if (!rc)
		rc = agent_reload(program->agent, conf, &err);
	if (rc)
		log_err("configuration refused, the old one stays", "why=\"%s\"",
			err_text(&err, text, sizeof(text)));
	else
		log_info("configuration read again");
}

static void watch_signal(struct program *program, uv_signal_t *handle, uv_signal_cb cb, int signum)
{
	uv_signal_init(&program->loop, handle);
	handle->data = program;
	uv_signal_start(handle, cb, signum);
	uv_unref((uv_handle_t *)handle);
}

static void close_signals(struct program *program)
{
	uv_close((uv_handle_t *)&program->term, NULL);
	uv_close((uv_handle_t *)&program->intr, NULL);
	uv_close((uv_handle_t *)&program->hup, NULL);
	uv_run(&program->loop, UV_RUN_NOWAIT);
	uv_loop_close(&program->loop);
}

/* Kept files of many cgroups, and connections. */
static void raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int run(const struct options *opt, struct agent_conf *conf, struct err *err)
{
	struct program program = {.opt = opt};
	int rc;

	/* A worker for every server: one that hangs must not hold up the others. */
	setenv("UV_THREADPOOL_SIZE", "32", 1);
	raise_files();
	signal(SIGPIPE, SIG_IGN);
	json_object_seed(0); /* before there are threads */
	uv_loop_init(&program.loop);
	rc = agent_open(&program.loop, conf, &program.agent, err);
	if (rc)
		return rc;
	watch_signal(&program, &program.term, on_end, SIGTERM);
	watch_signal(&program, &program.intr, on_end, SIGINT);
	watch_signal(&program, &program.hup, on_hup, SIGHUP);
	log_info("running", "agent=%s instances=%u servers=%u endpoints=%u", conf->agent,
		 conf->n_instances, conf->n_servers, conf->database.n_endpoints);
	sd_notify(0, "READY=1");
	uv_run(&program.loop, UV_RUN_DEFAULT);
	if (!agent_close(program.agent)) {
		/* exit() would wait for workers whose servers hang. */
		fflush(NULL);
		_exit(EXIT_SUCCESS);
	}
	close_signals(&program);
	return 0;
}

int main(int argc, char **argv)
{
	struct options opt = {.config = DEFAULT_CONFIG, .level = LOG_INFO};
	struct agent_conf *conf = NULL;
	struct err err = {};
	char text[512];
	int rc;

	if (parse(argc, argv, &opt)) {
		fputs("san-agent: try `san-agent --help`\n", stderr);
		return EXIT_USAGE;
	}
	log_init("san-agent", opt.level);
	rc = load_config(opt.config, &conf, &err);
	if (!rc && opt.mode == MODE_RUN)
		rc = run(&opt, TAKE_PTR(conf), &err);
	if (rc)
		fprintf(stderr, "san-agent: %s\n", err_text(&err, text, sizeof(text)));
	else if (opt.mode == MODE_RUN)
		return EXIT_SUCCESS;
	else if (opt.mode == MODE_CHECK)
		printf("%s: ok, %u instances, %u %s\n", opt.config, conf->n_instances,
		       conf->database.n_endpoints ?: conf->n_servers,
		       conf->database.n_endpoints ? "database endpoints" : "servers");
	else
		rc = once(conf);
	agent_conf_free(conf);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
