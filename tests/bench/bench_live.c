/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Live packets through veth pairs, all on one CPU: client -- pe -- sink, made by live.py.
 *
 *     live CLIENT PE SINK PINS SECONDS        (paths of namespaces and of a directory for pins)
 *
 * The client sends with BPF_F_TEST_XDP_LIVE_FRAMES; the pe encapsulates with sand's ingress
 * program, with the kernel's `encap seg6` route, or with a bare XDP program, in turns; the sink
 * counts, drops and looks at the clock every 16384 packets. Min and median of these intervals are
 * printed as JSON, in ns a packet: the cost of the whole chain.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dp/dp.h"

#include "lib.h"
#include "live.h"
#include "live.skel.h"

#define SERVICE 0x101
#define NH 1
#define WARM_UP 4 /* intervals of a turn that do not count */
#define INTERVALS (LIVE_STAMPS - 1 - WARM_UP)
#define TURN (LIVE_CHUNK * (LIVE_STAMPS - 1) + 1)
#define SPARE (LIVE_CHUNK / 2) /* sent besides: a full queue loses some when the CPU is busy */
#define BATCH 64
#define MAX_ROUNDS 512

struct port {
	int ns; /* network namespace */
	unsigned int ifindex;
	uint8_t mac[6];
};

struct live {
	struct port client, access, core, sink;
	struct live_bpf *skel;
	struct dp *dp;
	const char *pin_dir;
};

enum way { SAND, KERNEL, BARE, WAY_MAX };

static const char *const way_names[WAY_MAX] = {"sand", "kernel", "bare"};

struct result {
	double samples[MAX_ROUNDS * INTERVALS];
	uint64_t sent, arrived;
};

static struct result results[WAY_MAX];

static void enter(const struct port *port)
{
	bench_int(setns(port->ns, CLONE_NEWNET), "entering a network namespace");
}

static struct port find_port(int ns, const char *name)
{
	struct port port = {.ns = ns};
	struct ifreq req = {0};
	int fd;

	enter(&port);
	strcpy(req.ifr_name, name);
	fd = bench_int(socket(AF_INET6, SOCK_DGRAM, 0), "socket");
	bench_int(ioctl(fd, SIOCGIFHWADDR, &req), name);
	close(fd);
	memcpy(port.mac, req.ifr_hwaddr.sa_data, 6);
	port.ifindex = if_nametoindex(name);
	return port;
}

static void xdp(const struct port *port, const char *prog, const struct live *live)
{
	int fd = prog ? bench_prog(live->skel->obj, prog) : -1;

	enter(port);
	bench_int(bpf_xdp_attach(port->ifindex, fd, XDP_FLAGS_DRV_MODE, NULL), "attaching XDP");
}

/* --- set-up ---------------------------------------------------------------------------- */

static void load(struct live *live)
{
	struct bench_macs to_pe, to_sink;
	uint8_t pkt[BENCH_PKT_LEN];
	struct san_nexthop nh;

	memcpy(to_pe.dst, live->access.mac, 6);
	memcpy(to_pe.src, live->client.mac, 6);
	memcpy(to_sink.dst, live->sink.mac, 6);
	memcpy(to_sink.src, live->core.mac, 6);
	bench_packet(pkt, SERVICE, &to_pe);
	bench_nexthop(&nh, 1, &to_sink, live->core.ifindex);
	live->skel = bench_ptr(live_bpf__open(), "opening the programs");
	memcpy((void *)live->skel->rodata->head, pkt, LIVE_HEAD_WORDS * 8);
	memcpy((void *)live->skel->rodata->outer, nh.outer, LIVE_OUTER_WORDS * 8);
	memcpy((void *)&live->skel->rodata->core_dst, &to_sink, 8);
	memcpy((void *)&live->skel->rodata->core_src, (uint8_t *)&to_sink + 8, 4);
	live->skel->rodata->client_ifindex = live->client.ifindex;
	live->skel->rodata->core_ifindex = live->core.ifindex;
	bench_int(live_bpf__load(live->skel), "loading the programs");
	enter(&live->access);
	bench_int(dp_nexthop_put(live->dp, NH, &nh), "next hop");
}

static void open_dp(struct live *live)
{
	const struct san_profile exp1 = SAN_PROFILE_EXP1;
	const struct dp_conf conf = {.pin_dir = live->pin_dir,
				     .profile = exp1,
				     .max_services = 64,
				     .max_nexthops = 64,
				     .max_flows = 1024,
				     .max_ifaces = 8};
	const struct san_service svc = {.nexthop = NH, .stats = 1, .mode = SAN_MODE_PREFERRED};
	struct err err;
	char text[512];

	enter(&live->access);
	if (dp_open(&conf, &live->dp, &err) ||
	    dp_iface_set(live->dp, live->core.ifindex, SAN_ROLE_CORE, 0, NULL, &err))
		bench_die("%s", err_text(&err, text, sizeof(text)));
	bench_int(dp_service_put(live->dp, SERVICE, &svc), "service");
}

static void attach_sink_tc(const struct live *live)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = live->sink.ifindex,
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bench_prog(live->skel->obj, "sink_tc"));

	enter(&live->sink);
	bench_int(bpf_tc_hook_create(&hook), "clsact");
	bench_int(bpf_tc_attach(&hook, &opts), "attaching to tc");
}

/* --- turns ----------------------------------------------------------------------------- */

static void role(const struct live *live, enum san_role to)
{
	enum dp_attach_mode mode;
	struct err err;
	char text[512];

	enter(&live->access);
	if (dp_iface_set(live->dp, live->access.ifindex, to, 0, &mode, &err))
		bench_die("%s", err_text(&err, text, sizeof(text)));
	if (to != SAN_ROLE_NONE && mode != DP_NATIVE)
		bench_die("the ingress program is not attached natively");
}

static void begin(const struct live *live, enum way way)
{
	if (way == SAND)
		role(live, SAN_ROLE_INGRESS);
	else
		xdp(&live->access, way == KERNEL ? "pass" : "bare", live);
	if (way != KERNEL)
		xdp(&live->sink, "sink", live);
}

static void end(const struct live *live, enum way way)
{
	if (way == SAND)
		role(live, SAN_ROLE_NONE);
	else
		xdp(&live->access, NULL, live);
	if (way != KERNEL)
		xdp(&live->sink, NULL, live);
}

static void generate(const struct live *live, uint32_t packets)
{
	uint8_t pkt[BENCH_PKT_LEN] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = pkt, .data_size_in = sizeof(pkt),
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH, .repeat = packets);

	enter(&live->client);
	bench_int(bpf_prog_test_run_opts(bench_prog(live->skel->obj, "generate"), &opts),
		  "live frames");
}

/* The kernel would encapsulate what sand passes: that would be another measurement. */
static uint64_t forwarded(const struct live *live)
{
	struct san_counter sum;

	bench_int(dp_reason_stats(live->dp, SAN_R_FORWARDED, &sum), "counter");
	return sum.packets;
}

static void turn(const struct live *live, enum way way, size_t round)
{
	struct live_bpf__bss *bss = live->skel->bss;
	struct result *result = &results[way];
	double *samples = &result->samples[round * INTERVALS];
	uint64_t before = forwarded(live), sent, missing;
	int i;

	begin(live, way);
	bss->arrived = bss->strange = 0;
	for (sent = 0; bss->arrived < TURN && sent < 2 * TURN; sent += missing) {
		missing = TURN + SPARE - bss->arrived;
		generate(live, missing);
	}
	end(live, way);
	if (bss->arrived < TURN)
		bench_die("%s: %lu of %lu packets arrived, and %lu not encapsulated",
			  way_names[way], (uint64_t)bss->arrived, sent, (uint64_t)bss->strange);
	if (way == SAND && forwarded(live) - before < TURN)
		bench_die("sand: %lu of %d packets were forwarded", forwarded(live) - before, TURN);
	result->sent += sent;
	result->arrived += bss->arrived;
	for (i = WARM_UP; i < WARM_UP + INTERVALS; i++)
		samples[i - WARM_UP] = (double)(bss->stamps[i + 1] - bss->stamps[i]) / LIVE_CHUNK;
}

static void print(size_t rounds)
{
	int way;

	printf("{\"rounds\": %zu, \"cpu\": %d, \"cases\": {\n", rounds, bench_last_cpu());
	for (way = 0; way < WAY_MAX; way++) {
		struct result *r = &results[way];
		double median = bench_median(r->samples, rounds * INTERVALS); /* sorts */

		printf("  \"%s\": {\"min_ns\": %.2f, \"median_ns\": %.2f, \"lost\": %lu}%s\n",
		       way_names[way], r->samples[0], median, r->sent - r->arrived,
		       way + 1 < WAY_MAX ? "," : "");
	}
	printf("}}\n");
}

int main(int argc, char **argv)
{
	struct live live = {0};
	int i, ns[3];
	uint64_t stop;
	size_t round;

	if (argc != 6)
		bench_die("usage: live CLIENT PE SINK PINS SECONDS");
	bench_pin_cpu(bench_last_cpu());
	for (i = 0; i < 3; i++)
		ns[i] = bench_int(open(argv[1 + i], O_RDONLY | O_CLOEXEC), argv[1 + i]);
	live.client = find_port(ns[0], "eth0");
	live.access = find_port(ns[1], "acc0");
	live.core = find_port(ns[1], "core0");
	live.sink = find_port(ns[2], "eth0");
	live.pin_dir = argv[4];
	open_dp(&live);
	load(&live);
	attach_sink_tc(&live);
	stop = bench_now_ns() + (uint64_t)(atof(argv[5]) * 1e9);
	for (round = 0; round < MAX_ROUNDS && (!round || bench_now_ns() < stop); round++)
		for (i = 0; i < WAY_MAX; i++)
			turn(&live, i, round);
	print(round);
	dp_close(live.dp);
	return dp_unload(live.pin_dir) ? 1 : 0;
}
