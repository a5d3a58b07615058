/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Live packets through veth pairs, all on one CPU: client -- pe -- sink, made by live.py.
 *
 *     live CLIENT PE SINK PINS SECONDS        (paths of namespaces and of a directory for pins)
 *
 * The client sends with BPF_F_TEST_XDP_LIVE_FRAMES; the pe encapsulates with sand's ingress
 * program, with the kernel's `encap seg6` route, or with a bare XDP program, in turns; then, as a
 * gateway, it decapsulates with sand's core program (End.DX6), with the kernel's seg6local route,
 * or with a bare program. The sink counts, drops and looks at the clock every 16384 packets. Min
 * and median of these intervals are printed as JSON, in ns a packet: the cost of the whole chain.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <arpa/inet.h>
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
#define NH_SITE 2
#define SID "fc00:9::d6"
#define OUTER_LEN (8 * LIVE_OUTER_WORDS)
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

enum scene_kind { INGRESS, GATEWAY, SCENE_MAX };
enum way { SAND, KERNEL, BARE, WAY_MAX };

struct scene {
	struct live_bpf *skel;
	enum san_role role;
	enum san_reason reason; /* that sand counts each packet under */
	const char *bare;	/* program */
	size_t len;		/* of a packet */
};

struct live {
	struct port client, access, core, sink;
	struct scene scenes[SCENE_MAX];
	struct dp *dp;
	const char *pin_dir;
};

static const char *const names[SCENE_MAX][WAY_MAX] = {
	[INGRESS] = {"sand", "kernel", "bare"},
	[GATEWAY] = {"gateway_sand", "gateway_kernel", "gateway_bare"}};

struct result {
	double samples[MAX_ROUNDS * INTERVALS];
	uint64_t sent, arrived;
};

static struct result results[SCENE_MAX][WAY_MAX];

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

static void xdp(const struct port *port, const char *prog, const struct scene *scene)
{
	int fd = prog ? bench_prog(scene->skel->obj, prog) : -1;

	enter(port);
	bench_int(bpf_xdp_attach(port->ifindex, fd, XDP_FLAGS_DRV_MODE, NULL), "attaching XDP");
}

/* --- set-up ---------------------------------------------------------------------------- */

/* What a client sends, for the gateway in an outer header to its SID. */
static void packet(uint8_t *pkt, const struct live *live, const struct san_nexthop *nh,
		   bool encapsulated)
{
	struct bench_macs macs;
	uint8_t inner[BENCH_PKT_LEN];
	const uint16_t len = htons(BENCH_PKT_LEN - 14);

	memcpy(macs.dst, live->access.mac, 6);
	memcpy(macs.src, live->client.mac, 6);
	bench_packet(encapsulated ? inner : pkt, SERVICE, &macs);
	if (!encapsulated)
		return;
	memcpy(pkt, inner, 14);
	memcpy(pkt + 14, nh->outer, OUTER_LEN);
	memcpy(pkt + 18, &len, 2);
	pkt[21] = 64;
	inet_pton(AF_INET6, SID, pkt + 38);
	memcpy(pkt + 14 + OUTER_LEN, inner + 14, sizeof(inner) - 14);
}

static void load(struct live *live, struct scene *scene, const struct san_nexthop *nh)
{
	bool gateway = scene->role == SAN_ROLE_CORE;
	uint8_t pkt[BENCH_PKT_LEN + OUTER_LEN];

	packet(pkt, live, nh, gateway);
	scene->len = gateway ? sizeof(pkt) : BENCH_PKT_LEN;
	scene->skel = bench_ptr(live_bpf__open(), "opening the programs");
	scene->skel->rodata->head_words = gateway ? LIVE_MAX_HEAD : LIVE_HEAD_WORDS;
	memcpy((void *)scene->skel->rodata->head, pkt, scene->skel->rodata->head_words * 8);
	memcpy((void *)scene->skel->rodata->outer, nh->outer, OUTER_LEN);
	memcpy((void *)&scene->skel->rodata->core_dst, nh->dst_mac, 8);
	memcpy((void *)&scene->skel->rodata->core_src, nh->src_mac + 2, 4);
	scene->skel->rodata->client_ifindex = live->client.ifindex;
	scene->skel->rodata->core_ifindex = live->core.ifindex;
	if (gateway)
		scene->skel->rodata->wanted = IPPROTO_DSTOPTS;
	bench_int(live_bpf__load(scene->skel), "loading the programs");
}

/* The way out of core0, with an outer header and without. */
static void nexthops(struct live *live, struct san_nexthop *nh)
{
	struct in6_addr address;
	struct bench_macs to_sink;
	struct san_nexthop direct;

	memcpy(to_sink.dst, live->sink.mac, 6);
	memcpy(to_sink.src, live->core.mac, 6);
	bench_nexthop(nh, 1, &to_sink, live->core.ifindex);
	direct = *nh;
	inet_pton(AF_INET6, "2001:db8:1::2", &address);
	dp_direct_build(&address, &direct);
	direct.kind = SAN_NH_DIRECT;
	bench_int(dp_nexthop_put(live->dp, NH, nh), "next hop");
	bench_int(dp_nexthop_put(live->dp, NH_SITE, &direct), "direct next hop");
}

static void open_dp(struct live *live)
{
	const struct san_profile exp1 = SAN_PROFILE_EXP1;
	const struct dp_conf conf = {.pin_dir = live->pin_dir,
				     .profile = exp1,
				     .max_services = 64,
				     .max_nexthops = 64,
				     .max_flows = 1024,
				     .max_ifaces = 8,
				     .max_slots = 64,
				     .max_frags = 64};
	const struct san_service svc = {
		.nexthop = NH, .stats = 1, .mode = SAN_MODE_PREFERRED, .groups = 1};
	const struct san_sid sid = {
		.behaviour = SAN_BEHAVIOUR_END_DX6, .nexthop = NH_SITE, .stats = 1};
	const struct dp_iface core = {.role = SAN_ROLE_CORE};
	struct in6_addr address;
	struct err err;
	char text[512];

	enter(&live->access);
	if (dp_open(&conf, &live->dp, &err) ||
	    dp_iface_set(live->dp, live->core.ifindex, &core, NULL, &err))
		bench_die("%s", err_text(&err, text, sizeof(text)));
	bench_int(dp_service_put(live->dp, false, SERVICE, &svc), "service");
	inet_pton(AF_INET6, SID, &address);
	bench_int(dp_sid_put(live->dp, &address, &sid), "SID");
}

/* One program for both scenes: the sink is replaced with the scene. */
static void sink_tc(const struct live *live, const struct scene *scene, bool attach)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = live->sink.ifindex,
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bench_prog(scene->skel->obj, "sink_tc"));

	enter(&live->sink);
	if (!attach) {
		hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS; /* the whole qdisc */
		bench_int(bpf_tc_hook_destroy(&hook), "removing clsact");
		return;
	}
	bench_int(bpf_tc_hook_create(&hook), "clsact");
	bench_int(bpf_tc_attach(&hook, &opts), "attaching to tc");
}

/* --- turns ----------------------------------------------------------------------------- */

static void role(const struct live *live, enum san_role to)
{
	const struct dp_iface want = {.role = to};
	enum dp_attach_mode mode;
	struct err err;
	char text[512];

	enter(&live->access);
	if (dp_iface_set(live->dp, live->access.ifindex, &want, &mode, &err))
		bench_die("%s", err_text(&err, text, sizeof(text)));
	if (to != SAN_ROLE_NONE && mode != DP_NATIVE)
		bench_die("sand's program is not attached natively");
}

static void begin(const struct live *live, const struct scene *scene, enum way way)
{
	if (way == SAND)
		role(live, scene->role);
	else
		xdp(&live->access, way == KERNEL ? "pass" : scene->bare, scene);
	if (way == KERNEL)
		sink_tc(live, scene, true);
	else
		xdp(&live->sink, "sink", scene);
}

static void end(const struct live *live, const struct scene *scene, enum way way)
{
	if (way == SAND)
		role(live, SAN_ROLE_NONE);
	else
		xdp(&live->access, NULL, scene);
	if (way == KERNEL)
		sink_tc(live, scene, false);
	else
		xdp(&live->sink, NULL, scene);
}

static void generate(const struct live *live, const struct scene *scene, uint32_t packets)
{
	uint8_t pkt[BENCH_PKT_LEN + OUTER_LEN] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = pkt, .data_size_in = scene->len,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH, .repeat = packets);

	enter(&live->client);
	bench_int(bpf_prog_test_run_opts(bench_prog(scene->skel->obj, "generate"), &opts),
		  "live frames");
}

/* The kernel would do with what sand passes the same: that would be another measurement. */
static void check_steered(const struct live *live, const struct scene *scene)
{
	struct san_counter sum;

	bench_int(dp_reason_stats(live->dp, live->access.ifindex, scene->reason, &sum), "counter");
	if (sum.packets < TURN)
		bench_die("sand: %llu of %d packets were steered", sum.packets, TURN);
}

static void turn(const struct live *live, enum scene_kind kind, enum way way, size_t round)
{
	const struct scene *scene = &live->scenes[kind];
	struct live_bpf__bss *bss = scene->skel->bss;
	struct result *result = &results[kind][way];
	double *samples = &result->samples[round * INTERVALS];
	uint64_t sent, missing;
	int i;

	begin(live, scene, way);
	bss->arrived = bss->strange = 0;
	for (sent = 0; bss->arrived < TURN && sent < 2 * TURN; sent += missing) {
		missing = TURN + SPARE - bss->arrived;
		generate(live, scene, missing);
	}
	if (way == SAND)
		check_steered(live, scene);
	end(live, scene, way);
	if (bss->arrived < TURN)
		bench_die("%s: %lu of %lu packets arrived, and %lu not as they should",
			  names[kind][way], (uint64_t)bss->arrived, sent, (uint64_t)bss->strange);
	result->sent += sent;
	result->arrived += bss->arrived;
	for (i = WARM_UP; i < WARM_UP + INTERVALS; i++)
		samples[i - WARM_UP] = (double)(bss->stamps[i + 1] - bss->stamps[i]) / LIVE_CHUNK;
}

static void round_of_turns(const struct live *live, size_t round)
{
	int kind, way;

	for (kind = 0; kind < SCENE_MAX; kind++)
		for (way = 0; way < WAY_MAX; way++)
			turn(live, kind, way, round);
}

static void print(size_t rounds)
{
	struct result *r;
	double median;
	int i;

	printf("{\"rounds\": %zu, \"cpu\": %d, \"cases\": {\n", rounds, bench_last_cpu());
	for (i = 0; i < SCENE_MAX * WAY_MAX; i++) {
		r = &results[i / WAY_MAX][i % WAY_MAX];
		median = bench_median(r->samples, rounds * INTERVALS); /* sorts */
		printf("  \"%s\": {\"min_ns\": %.2f, \"median_ns\": %.2f, \"lost\": %lu}%s\n",
		       names[i / WAY_MAX][i % WAY_MAX], r->samples[0], median, r->sent - r->arrived,
		       i + 1 < SCENE_MAX * WAY_MAX ? "," : "");
	}
	printf("}}\n");
}

int main(int argc, char **argv)
{
	struct live live = {.scenes = {[INGRESS] = {.role = SAN_ROLE_INGRESS,
						    .reason = SAN_R_FORWARDED,
						    .bare = "bare"},
				       [GATEWAY] = {.role = SAN_ROLE_CORE,
						    .reason = SAN_R_DECAPSULATED,
						    .bare = "bare_decap"}}};
	struct san_nexthop nh;
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
	nexthops(&live, &nh);
	for (i = 0; i < SCENE_MAX; i++)
		load(&live, &live.scenes[i], &nh);
	stop = bench_now_ns() + (uint64_t)(atof(argv[5]) * 1e9);
	for (round = 0; round < MAX_ROUNDS && (!round || bench_now_ns() < stop); round++)
		round_of_turns(&live, round);
	print(round);
	dp_close(live.dp);
	return dp_unload(live.pin_dir) ? 1 : 0;
}
