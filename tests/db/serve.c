/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The embedded server as a program: serve DIR LISTEN [OPTION=VALUE...]; DIR "-": in memory.
 * Options: cert, key, ca (files), map_size, max_keys, max_connections, max_memory (numbers),
 * insecure, reset (1). Prints "ready PORT"; at SIGTERM and SIGINT it closes, and prints its
 * figures.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncsdb/server.h"
#include "util/log.h"

static struct ncsdb *db;
static struct ncsdb_server *server;
static uv_signal_t signals[2];

static void print_figures(void)
{
	struct ncsdb_server_stats stats;
	struct ncsdb_status status;

	ncsdb_server_stats(server, &stats);
	ncsdb_status(db, &status);
	printf("revision %lld keys %llu requests %llu refused %llu slow %llu write_p50_us %llu "
	       "commit_p50_us %llu\n",
	       (long long)status.revision, (unsigned long long)status.keys,
	       (unsigned long long)stats.requests, (unsigned long long)stats.refused,
	       (unsigned long long)stats.slow,
	       (unsigned long long)hist_quantile_us(status.write_us, 500),
	       (unsigned long long)(status.commit_us ? hist_quantile_us(status.commit_us, 500)
						     : 0));
}

static void on_signal(uv_signal_t *handle, int number)
{
	print_figures();
	for (int i = 0; i < 2; i++)
		uv_close((uv_handle_t *)&signals[i], NULL);
	ncsdb_server_close(server);
	ncsdb_close(db);
}

static void watch_signals(uv_loop_t *loop)
{
	static const int numbers[] = {SIGTERM, SIGINT};

	for (int i = 0; i < 2; i++) {
		uv_signal_init(loop, &signals[i]);
		uv_signal_start(&signals[i], on_signal, numbers[i]);
	}
}

static const char *option(int argc, char **argv, const char *name)
{
	size_t len = strlen(name);

	for (int i = 3; i < argc; i++) {
		if (strncmp(argv[i], name, len) == 0 && argv[i][len] == '=')
			return argv[i] + len + 1;
	}
	return NULL;
}

static unsigned long long number(int argc, char **argv, const char *name)
{
	const char *text = option(argc, argv, name);

	return text ? strtoull(text, NULL, 0) : 0;
}

static int fail(const struct err *err)
{
	char text[512];

	fprintf(stderr, "serve: %s\n", err_text(err, text, sizeof(text)));
	return 1;
}

int main(int argc, char **argv)
{
	const char *listen[NCSDB_LISTEN_MAX] = {argc > 2 ? argv[2] : NULL};
	struct ncsdb_server_conf conf = {.listen = listen, .n_listen = 1};
	struct ncsdb_conf store = {0};
	uv_loop_t *loop = uv_default_loop();
	struct err err = {0};

	if (argc < 3) {
		fprintf(stderr, "usage: serve DIR LISTEN [OPTION=VALUE...]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	store.dir = strcmp(argv[1], "-") == 0 ? NULL : argv[1];
	store.map_size = number(argc, argv, "map_size");
	store.max_keys = number(argc, argv, "max_keys");
	store.reset = number(argc, argv, "reset") != 0;
	conf.cert = option(argc, argv, "cert");
	conf.key = option(argc, argv, "key");
	conf.ca = option(argc, argv, "ca");
	conf.insecure = number(argc, argv, "insecure") != 0;
	conf.max_connections = (unsigned int)number(argc, argv, "max_connections");
	conf.max_memory = number(argc, argv, "max_memory");
	if (ncsdb_open(loop, &store, &db, &err))
		return fail(&err);
	if (ncsdb_server_open(loop, db, &conf, &server, &err))
		return fail(&err);
	watch_signals(loop);
	printf("ready %u\n", ncsdb_server_port(server));
	fflush(stdout);
	uv_run(loop, UV_RUN_DEFAULT);
	return uv_loop_close(loop) ? 1 : 0;
}
