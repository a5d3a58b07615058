/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a status change takes to the map, seen from outside:
 *
 *     control SOCKET SERVICES ID INSTANCE SECONDS [ENDPOINT]
 *
 * On an idle sand, the instance's cpu_load is written (10 and 90 in turns: the best instance
 * changes each time), and the service's entry in the pinned map SERVICES is read in a loop until it
 * is another. The write is a PATCH that goes to the REST socket; with ENDPOINT a Put as etcd's
 * clients do it, there: the server in sand or the etcd that sand follows. Printed as JSON, in us:
 * from before the write to the map (map), to the end of the answer (answer), and what sand says of
 * itself (react: event to plan, apply: plan to acknowledged).
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib.h"
#include "ncsdb/ncsdb.h"

#define IDLE_US 20000 /* between two changes: longer than changes are gathered for */
#define PATIENCE_NS 2000000000ull
#define MAX_SAMPLES 20000
#define ANSWER_MAX 65536

enum series { MAP, ANSWER, REACT, APPLY, INSIDE, SERIES_MAX };

static const char *const series_names[SERIES_MAX] = {"map", "answer", "react", "apply", "inside"};

static double samples[SERIES_MAX][MAX_SAMPLES];

struct control {
	int sock, map;
	uint64_t id;
	const char *instance;
	char answer[ANSWER_MAX];

	uv_loop_t loop;
	struct ncsdb *db; /* NULL: by REST */
	bool answered;
};

static int dial(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = bench_int(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

	if (strlen(path) >= sizeof(addr.sun_path))
		bench_die("%s: too long for a socket", path);
	strcpy(addr.sun_path, path);
	bench_int(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), path);
	return fd;
}

static void say(const struct control *c, const char *method, const char *path, const char *body)
{
	char text[1024];
	int len = snprintf(text, sizeof(text),
			   "%s %s HTTP/1.1\r\nHost: sand\r\nContent-Type: application/json\r\n"
			   "Content-Length: %zu\r\n\r\n%s",
			   method, path, strlen(body), body);

	if (write(c->sock, text, len) != len)
		bench_die("REST socket: %s", strerror(errno));
}

/* Where the answer's body begins, once header and body are there; NULL before. */
static const char *complete(const char *answer, size_t len)
{
	const char *end = strstr(answer, "\r\n\r\n");
	const char *size = strcasestr(answer, "\r\ncontent-length:");

	if (!end)
		return NULL;
	end += 4;
	if (size && size < end && len < (size_t)(end - answer) + strtoul(size + 17, NULL, 10))
		return NULL;
	return end;
}

/* Body of the answer, which must have this status. */
static const char *hear(struct control *c, const char *status)
{
	const char *body = NULL;
	size_t len = 0;

	while (!body) {
		ssize_t n = read(c->sock, c->answer + len, ANSWER_MAX - 1 - len);

		if (n <= 0)
			bench_die("REST socket: %s",
				  n ? strerror(errno) : "closed, or answer too long");
		len += n;
		c->answer[len] = 0;
		body = complete(c->answer, len);
	}
	if (strncmp(c->answer + 9, status, 3))
		bench_die("REST answers %s", c->answer);
	return body;
}

static struct san_service entry(const struct control *c)
{
	struct san_service value;

	bench_int(bpf_map_lookup_elem(c->map, &c->id, &value), "entry of the service");
	return value;
}

static double number(const char *json, const char *name)
{
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\":", name);
	at = bench_ptr(strstr(json, key), name);
	return strtod(at + strlen(key), NULL);
}

/* --- the write --- */

static void patch(struct control *c, int load)
{
	char path[256], body[64];

	snprintf(path, sizeof(path), "/v1/services/0x%lx/instances/%s/status", c->id, c->instance);
	snprintf(body, sizeof(body), "{\"cpu_load\": %d}", load);
	say(c, "PATCH", path, body);
}

static void on_put(void *arg, const struct ncsdb_txn_result *res)
{
	bench_int(res->status, "put");
	((struct control *)arg)->answered = true;
}

static void put(struct control *c, int load)
{
	struct ncsdb_op op = {.type = NCSDB_PUT};
	struct ncsdb_txn txn = {.then = &op, .n_then = 1};
	char key[256], value[16];

	snprintf(key, sizeof(key), "/san/status/0x%lx/%s/cpu_load", c->id, c->instance);
	op.key = key;
	op.value = value;
	op.value_len = (size_t)snprintf(value, sizeof(value), "%d", load);
	c->answered = false;
	bench_int(ncsdb_txn(c->db, &txn, on_put, c), "put");
	uv_run(&c->loop, UV_RUN_NOWAIT);
}

static void wait_answer(struct control *c)
{
	if (!c->db)
		hear(c, "204");
	while (c->db && !c->answered)
		uv_run(&c->loop, UV_RUN_ONCE);
}

static void on_read(void *arg, const struct ncsdb_range_result *res)
{
	bench_int(res->status, "read");
	((struct control *)arg)->answered = true;
}

/* The connection is there afterwards. */
static void open_db(struct control *c, const char *endpoint)
{
	const struct ncsdb_remote remote = {
		.endpoints = &endpoint, .n_endpoints = 1, .deadline_ms = 10000};
	const struct ncsdb_range range = {.key = "/san/services/", .prefix = true, .limit = 1};
	struct err err = {0};
	char text[512];

	bench_int(uv_loop_init(&c->loop), "loop");
	if (ncsdb_open(&c->loop, &(struct ncsdb_conf){.remote = &remote}, &c->db, &err))
		bench_die("%s: %s", endpoint, err_text(&err, text, sizeof(text)));
	bench_int(ncsdb_range(c->db, &range, on_read, c), "read");
	wait_answer(c);
}

/* One change: fills the n-th sample of each series. */
static void change(struct control *c, size_t n)
{
	struct san_service before = entry(c), now;
	int load = n % 2 ? 10 : 90;
	uint64_t begin = bench_now_ns(), seen;
	const char *status;

	if (c->db)
		put(c, load);
	else
		patch(c, load);
	do {
		now = entry(c);
		seen = bench_now_ns();
		if (seen - begin > PATIENCE_NS)
			bench_die("the entry did not change");
	} while (now.nexthop == before.nexthop);
	samples[MAP][n] = (seen - begin) / 1e3;
	wait_answer(c);
	samples[ANSWER][n] = (bench_now_ns() - begin) / 1e3;
	usleep(IDLE_US);
	if (c->db)
		uv_run(&c->loop, UV_RUN_NOWAIT); /* what else came meanwhile */
	say(c, "GET", "/v1/status", "");
	status = hear(c, "200");
	samples[REACT][n] = number(status, "last_react_us");
	samples[APPLY][n] = number(status, "last_apply_us");
	samples[INSIDE][n] = samples[REACT][n] + samples[APPLY][n];
}

static void print(size_t n)
{
	int s;

	printf("{\"changes\": %zu, \"us\": {\n", n);
	for (s = 0; s < SERIES_MAX; s++) {
		double p50 = bench_median(samples[s], n); /* sorts */

		printf("  \"%s\": {\"min\": %.1f, \"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f, "
		       "\"cdf\": [",
		       series_names[s], samples[s][0], p50, samples[s][n * 99 / 100],
		       samples[s][n - 1]);
		for (size_t i = 0; i <= 100; i++) /* percentiles */
			printf("%s%.1f", i ? ", " : "", samples[s][i * (n - 1) / 100]);
		printf("]}%s\n", s + 1 < SERIES_MAX ? "," : "");
	}
	printf("}}\n");
}

int main(int argc, char **argv)
{
	static struct control c;
	uint64_t stop;
	size_t n;

	if (argc != 6 && argc != 7)
		bench_die("usage: control SOCKET SERVICES ID INSTANCE SECONDS [ENDPOINT]");
	c.sock = dial(argv[1]);
	c.map = bench_int(bpf_obj_get(argv[2]), argv[2]);
	c.id = strtoul(argv[3], NULL, 0);
	c.instance = argv[4];
	if (argc == 7)
		open_db(&c, argv[6]);
	bench_pin_cpu(bench_last_cpu());
	bench_first();
	stop = bench_now_ns() + (uint64_t)(atof(argv[5]) * 1e9);
	for (n = 0; n < MAX_SAMPLES && (n < 2 || bench_now_ns() < stop); n++)
		change(&c, n);
	print(n);
	return 0;
}
