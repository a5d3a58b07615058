/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a million candidates cost the control plane:
 *
 *     scale CANDIDATES ROUNDS [balanced]
 *
 * View and orc of a sand, 10 instances a service behind 100 gateways, one path to each; ncc talks
 * to a parent that takes everything. Printed as JSON, times in us: bytes that grow with a candidate
 * (view and orc, one attribute) and with a service, the first plan, evaluation of everything, and
 * of 1, 100 and 10,000 changed candidates: with the same choice after it (eval_n), and with another
 * one, handed to ncc (move_n).
 */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib.h"
#include "ncc/wire.h"
#include "orc/orc_int.h"
#include "util/clock.h"
#include "util/log.h"

#define PER_SERVICE 10
#define GATEWAYS 100
#define FUNCTIONS 256 /* of a gateway */
#define ROUNDS_MAX 1000

static uv_loop_t loop;
static struct view view;
static struct ncc *ncc;
static struct orc *orc;
static unsigned int n_services;
static bool balanced;

/* ---- the parent ---- */

static void acknowledge(int fd, const struct san_msg *msg)
{
	struct san_msg_ack ack = {.type = msg->type};
	struct wire_buf out;

	if (msg->type != SAN_MSG_CONFIG_END && msg->type != SAN_MSG_PLAN_COMMIT)
		return;
	wire_fill(&out, SAN_MSG_ACK, msg->session, msg->generation, &ack);
	bench_int(wire_send(fd, &out), "acknowledge");
}

static void *parent(void *arg)
{
	struct pollfd fd = {.fd = *(int *)arg, .events = POLLIN};
	static struct wire_buf in;
	size_t len;
	int r = 0;

	while (r != -EPIPE) {
		poll(&fd, 1, -1);
		while ((r = wire_recv(fd.fd, &in, &len)) == 0)
			acknowledge(fd.fd, &in.hdr);
	}
	return NULL;
}

static void on_acked(void *arg, uint64_t generation, int result, const char *text)
{
	if (result)
		bench_die("plan %lu refused: %s", generation, text);
}

static void wait_applied(void)
{
	struct ncc_status s;

	for (;;) {
		ncc_status(ncc, &s);
		if (s.desired == s.applied && !orc->armed && !orc->stats.deferred)
			return;
		uv_run(&loop, UV_RUN_ONCE);
	}
}

/* ---- the view ---- */

static void put_path(unsigned int gw)
{
	struct path def = {.kind = PATH_BE, .preference = 100, .ingress = "pe", .name = "be"};
	struct sample delay = {.attr = ATTR_DELAY_US, .milli = 5000000, .received_us = clock_us()};

	snprintf(def.gateway, NAME_LEN, "gw-%u", gw);
	bench_int(view_path_put(&view, &def, 1), "path");
	bench_int(view_path_attr(&view, (struct path_key){"pe", def.gateway, "be"}, &delay),
		  "path");
}

static void put_service(unsigned int i)
{
	static const struct curve_point points[] = {{0, 0}, {100000, METRIC_MAX}};
	static const struct term term = {.attr = ATTR_CPU_LOAD,
					 .weight = 1,
					 .curve = {.kind = CURVE_POINTS, .n = 2, .v = points}};
	struct service def;

	service_init(&def, 0x1000 + i);
	def.terms = &term;
	def.n_terms = 1;
	def.mode = balanced ? SAN_MODE_BALANCED : SAN_MODE_PREFERRED;
	def.margin = 0;
	def.hold_ms = 0;
	def.max_age_ms = 3600000;
	def.max_updates_per_s = MAX_UPDATES_MAX;
	bench_int(view_service_put(&view, &def, 1), "service");
}

static const char *name_of(unsigned int i, char name[NAME_LEN])
{
	snprintf(name, NAME_LEN, "i-%u", i);
	return name;
}

static void put_load(unsigned int svc, unsigned int i, unsigned int load)
{
	struct sample s = {.attr = ATTR_CPU_LOAD, .milli = load * 1000, .received_us = clock_us()};
	char name[NAME_LEN];

	bench_int(view_instance_attr(&view, 0x1000 + svc, name_of(i, name), &s), "status");
}

static void put_instance(unsigned int svc, unsigned int i)
{
	unsigned int gw = (svc + i) % GATEWAYS, function = svc / GATEWAYS % FUNCTIONS;
	struct in6_addr address = {.s6_addr = {0x20, 1, 0xd, 0xb8, 0, gw, 0, 0, [15] = function}};
	struct in6_addr sid = {.s6_addr = {0x5f, 0, 0, 0, 0, gw, 1, function}};
	char name[NAME_LEN], gateway[NAME_LEN];
	struct view_instance_put put = {.service = 0x1000 + svc,
					.instance = name_of(i, name),
					.revision = 2,
					.gateway = gateway,
					.address = &address,
					.sid = &sid};

	snprintf(gateway, sizeof(gateway), "gw-%u", gw);
	bench_int(view_instance_put(&view, &put), "instance");
	put_load(svc, i, 20 + i);
}

/* ---- measuring ---- */

static size_t used(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static double us_since(uint64_t begin_ns)
{
	return (bench_now_ns() - begin_ns) / 1e3;
}

/* As orc_start does, without evaluation. */
static void collect_all(void)
{
	struct view_service *svc, *next;

	HASH_ITER(hh, view.services, svc, next)
		bench_int(orc_collect(orc, svc->user), "candidates");
}

static void open_all(void)
{
	static const struct ncc_conf conf = {.config = {.profile = SAN_PROFILE_EXP1,
							.max_services = VIEW_MAX_SERVICES,
							.max_nexthops = 1 << 18,
							.max_flows = 1024,
							.max_slots = 1 << 22,
							.max_frags = 1024}};
	static pthread_t thread;
	static int fds[2];

	bench_int(uv_loop_init(&loop), "loop");
	bench_int(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), "socketpair");
	bench_int(-pthread_create(&thread, NULL, parent, &fds[0]), "thread");
	bench_int(ncc_open(&loop, fds[1], &conf, on_acked, NULL, &ncc), "ncc");
	view_init(&view);
	bench_int(orc_open(
			  &(struct orc_conf){
				  .loop = &loop, .view = &view, .ncc = ncc, .ingress = "pe"},
			  &orc),
		  "orc");
	for (unsigned int gw = 0; gw < GATEWAYS; gw++)
		put_path(gw);
}

/* Prints bytes a service and a candidate. */
static void fill(void)
{
	size_t empty = used(), services, all;
	uint64_t begin = bench_now_ns();

	for (unsigned int i = 0; i < n_services; i++)
		put_service(i);
	services = used();
	for (unsigned int k = 0; k < PER_SERVICE; k++)
		for (unsigned int i = 0; i < n_services; i++)
			put_instance(i, k);
	printf(" \"fill_us\": %.0f,\n", us_since(begin));
	collect_all();
	all = used();
	printf(" \"bytes_service\": %.1f, \"bytes_candidate\": %.1f,\n",
	       (double)(services - empty) / n_services,
	       (double)(all - services) / n_services / PER_SERVICE);
}

static void first(void)
{
	uint64_t begin = bench_now_ns();

	orc_start(orc);
	printf(" \"first_us\": %.0f,\n", us_since(begin));
	wait_applied();
	printf(" \"first_applied_us\": %.0f,\n", us_since(begin));
}

static void print_times(const char *name, unsigned int n, double *times, unsigned int rounds)
{
	double p50 = bench_median(times, rounds); /* sorts */

	printf(" \"%s_%u\": {\"min\": %.2f, \"p50\": %.2f, \"max\": %.2f},\n", name, n, times[0],
	       p50, times[rounds - 1]);
}

static void full(unsigned int rounds)
{
	double times[ROUNDS_MAX];

	for (unsigned int r = 0; r < rounds; r++) {
		struct view_service *svc, *next;
		uint64_t begin = bench_now_ns();

		HASH_ITER(hh, view.services, svc, next) {
			orc_mark_all(svc->user);
			orc_queue(orc, svc->user);
		}
		orc_round(orc);
		times[r] = us_since(begin);
		wait_applied();
	}
	print_times("full", n_services * PER_SERVICE, times, rounds);
}

/* One candidate in each of n services, spread over all: load(round), for the one in place i. */
static void change(const char *name, unsigned int n, unsigned int rounds, unsigned int i,
		   unsigned int (*load)(unsigned int round))
{
	unsigned int step = n_services / n;
	double times[ROUNDS_MAX];

	for (unsigned int r = 0; step && r < rounds; r++) {
		unsigned int offset = (unsigned int)rand() % step;
		uint64_t begin = bench_now_ns();

		for (unsigned int k = 0; k < n; k++)
			put_load(k * step + offset, i, load(r));
		orc_round(orc);
		times[r] = us_since(begin);
		wait_applied();
	}
	if (step)
		print_times(name, n, times, rounds);
}

static unsigned int out_of_the_race(unsigned int round)
{
	return 50 + round % 40;
}

/* In turns the best, and not; each service may be another one in the next round, though. */
static unsigned int first_or_last(unsigned int round)
{
	return round % 2 ? 99 : round % 20;
}

int main(int argc, char **argv)
{
	static const unsigned int changes[] = {1, 100, 10000};
	unsigned int rounds = argc >= 3 ? (unsigned int)atoi(argv[2]) : 0;

	n_services = argc >= 3 ? (unsigned int)atoi(argv[1]) / PER_SERVICE : 0;
	balanced = argc == 4 && strcmp(argv[3], "balanced") == 0;
	if (!n_services || !rounds || n_services > VIEW_MAX_SERVICES || rounds > ROUNDS_MAX)
		bench_die("usage: scale CANDIDATES(10..1048576) ROUNDS(1..%d) [balanced]",
			  ROUNDS_MAX);
	bench_first();
	log_init("scale", LOG_WARNING);
	printf("{\"candidates\": %u,\n", n_services * PER_SERVICE);
	open_all();
	fill();
	first();
	full(rounds < 10 ? rounds : 10);
	for (unsigned int i = 0; i < 3; i++) {
		unsigned int times = changes[i] < 10000 || rounds < 20 ? rounds : 20;

		change("eval", changes[i], times, 9, out_of_the_race);
		change("move", changes[i], times, 8, first_or_last);
	}
	printf(" \"bytes_in_all\": %zu,\n", used());
	printf(" \"selections_changed\": %lu, \"scored\": %lu}\n", orc->stats.selections_changed,
	       orc->stats.candidates_scored);
	fflush(stdout);
	_exit(0); /* freeing a million objects one by one tells nothing */
}
