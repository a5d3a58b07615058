/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parent side with real maps, programs and kernel tables: a child scripted here on the other
 * end of the socketpair. Root: own network namespace, own mount namespace with a private bpffs, so
 * nothing is left behind. Without root only what needs no kernel runs.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "ncc/apply_int.h"
#include "ncc/ncc.h"

#include <cmocka.h>

#include "unit/nl/netns.h"

#define TABLE 5300
#define PRIO 50
#define SESSION 77
#define WAIT_MS 10000 /* until a test gives up, never a measure */
#define TICK_MS 5

static struct netns ns;
static bool live;
static char pin_root[64];
static unsigned int pin_number;

struct fixture {
	uv_loop_t loop;
	struct apply *apply;
	int fd; /* the child's end */
	char pin_dir[128];
	unsigned int ready;
	uint32_t session;
	uint64_t generation;
	uint32_t objects;
	struct san_msg_ack ack; /* the last one */
	uint64_t ack_generation;
	unsigned int acks, stats_ends, bad;
	struct san_msg_nh_state nh[16]; /* by id */
	struct san_msg_iface_state iface;
	struct san_msg_stat stats[128];
	unsigned int n_stats;
};

static struct in6_addr in6(const char *text)
{
	struct in6_addr addr;

	assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

/* --- a child --- */

static void send_raw(struct fixture *f, const void *data, size_t len)
{
	assert_int_equal(send(f->fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void send_msg(struct fixture *f, enum san_msg_type type, uint64_t generation,
		     const void *payload)
{
	struct wire_buf buf;

	wire_fill(&buf, type, f->session, generation, payload);
	send_raw(f, &buf, wire_size(type));
}

static void take_msg(struct fixture *f, const struct wire_buf *msg)
{
	const struct san_msg_nh_state *nh = (const void *)msg->payload;

	switch (msg->hdr.type) {
	case SAN_MSG_ACK:
		memcpy(&f->ack, msg->payload, sizeof(f->ack));
		f->ack_generation = msg->hdr.generation;
		f->acks++;
		break;
	case SAN_MSG_NH_STATE:
		if (nh->id < 16)
			f->nh[nh->id] = *nh;
		break;
	case SAN_MSG_IFACE_STATE:
		memcpy(&f->iface, msg->payload, sizeof(f->iface));
		break;
	case SAN_MSG_STAT:
		if (f->n_stats < 128)
			memcpy(&f->stats[f->n_stats++], msg->payload, sizeof(f->stats[0]));
		break;
	case SAN_MSG_STATS_END:
		f->stats_ends++;
		break;
	default:
		f->bad++;
	}
}

static void take_all(struct fixture *f)
{
	struct wire_buf msg;
	size_t len;

	while (!wire_recv(f->fd, &msg, &len)) {
		struct err err;

		if (wire_check(&msg, len, &err) || msg.hdr.session != f->session)
			f->bad++;
		else
			take_msg(f, &msg);
	}
}

/* Ticks, because what is waited for may happen without waking the loop. */
static void on_time(uv_timer_t *timer)
{
	++*(unsigned int *)timer->data;
}

static bool run_until(struct fixture *f, bool (*done)(struct fixture *f, uint64_t arg),
		      uint64_t arg)
{
	unsigned int ticks = 0;
	bool ok;
	uv_timer_t timer;

	uv_timer_init(&f->loop, &timer);
	timer.data = &ticks;
	uv_timer_start(&timer, on_time, TICK_MS, TICK_MS);
	take_all(f);
	while (!(ok = done(f, arg)) && ticks < WAIT_MS / TICK_MS) {
		uv_run(&f->loop, UV_RUN_ONCE);
		take_all(f);
	}
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&f->loop, UV_RUN_NOWAIT);
	take_all(f);
	return ok;
}

static bool acked(struct fixture *f, uint64_t n)
{
	return f->acks >= n;
}

/* Runs until the next answer; its result. */
static int answer(struct fixture *f)
{
	f->acks = 0;
	assert_true(run_until(f, acked, 1));
	return f->ack.result;
}

static struct san_msg_config config(void)
{
	struct san_msg_config c = {
		.source = in6("2001:db8:1::1"),
		.profile = SAN_PROFILE_EXP1,
		.route_table = TABLE,
		.rule_priority = PRIO,
		.max_services = 64,
		.max_nexthops = 16,
		.max_flows = 64,
	};

	return c;
}

static void hello(struct fixture *f, uint32_t session)
{
	struct san_msg_hello msg = {.abi_version = SAN_ABI_VERSION, .pid = 1};

	f->session = session;
	f->generation = 0;
	send_msg(f, SAN_MSG_HELLO, 0, &msg);
}

static int configure(struct fixture *f, uint32_t session, const struct san_msg_config *c,
		     const char *ifname)
{
	struct san_msg_iface iface = {.role = SAN_ROLE_CORE};
	struct san_msg_empty end = {0};

	hello(f, session);
	send_msg(f, SAN_MSG_CONFIG, 0, c);
	if (ifname) {
		strncpy(iface.name, ifname, sizeof(iface.name) - 1);
		send_msg(f, SAN_MSG_IFACE, 0, &iface);
	}
	send_msg(f, SAN_MSG_CONFIG_END, 0, &end);
	return answer(f);
}

static void begin(struct fixture *f, uint32_t flags)
{
	struct san_msg_plan msg = {.flags = flags};

	f->objects = 0;
	send_msg(f, SAN_MSG_PLAN_BEGIN, ++f->generation, &msg);
}

static int commit(struct fixture *f)
{
	struct san_msg_plan msg = {.count = f->objects};

	send_msg(f, SAN_MSG_PLAN_COMMIT, f->generation, &msg);
	return answer(f);
}

static void object(struct fixture *f, enum san_msg_type type, const void *payload)
{
	f->objects++;
	send_msg(f, type, f->generation, payload);
}

static void nexthop(struct fixture *f, uint32_t id, const char *seg1, const char *seg2)
{
	struct san_msg_nexthop msg = {.id = id, .n_segs = seg2 ? 2 : 1};

	msg.segs[0] = in6(seg1);
	if (seg2)
		msg.segs[1] = in6(seg2);
	object(f, SAN_MSG_NEXTHOP, &msg);
}

static void service(struct fixture *f, uint64_t id, const char *address, uint32_t nh)
{
	struct san_msg_service msg = {
		.service_id = id,
		.nexthop = nh,
		.mode = nh ? SAN_MODE_PREFERRED : SAN_MODE_NONE,
		.affinity = SAN_AFFINITY_FLOW,
	};

	if (address)
		msg.address = in6(address);
	object(f, SAN_MSG_SERVICE, &msg);
}

static void sid(struct fixture *f, const char *addr, const char *nh)
{
	struct san_msg_sid msg = {.behaviour = SAN_BEHAVIOUR_END_DX6};

	msg.addr = in6(addr);
	msg.nexthop = in6(nh);
	object(f, SAN_MSG_SID, &msg);
}

static void removal(struct fixture *f, enum san_msg_type type, uint64_t id)
{
	struct san_msg_key msg = {.service_id = id, .id = (uint32_t)id};

	object(f, type, &msg);
}

/* The usual start: two next hops, two services, one SID. */
static int first_plan(struct fixture *f)
{
	begin(f, SAN_PLAN_FULL);
	nexthop(f, 1, "5f00:0:2::1", "5f00:0:2::100");
	nexthop(f, 2, "5f00:0:3::100", NULL);
	service(f, 0x101, "2001:db8:5::101", 1);
	service(f, 0x102, "2001:db8:5::102", 0);
	sid(f, "5f00:0:1::100", "2001:db8:1::2");
	return commit(f);
}

/* --- fixture --- */

static void on_ready(void *arg)
{
	((struct fixture *)arg)->ready++;
}

static void open_apply(struct fixture *f)
{
	struct apply_conf conf = {.loop = &f->loop, .pin_dir = f->pin_dir};
	struct err err = {0};
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	conf.fd = fds[0];
	f->fd = fds[1];
	assert_int_equal(apply_open(&conf, &f->apply, &err), 0);
	apply_on_ready(f->apply, on_ready, f);
}

static void close_apply(struct fixture *f)
{
	apply_close(f->apply);
	close(f->fd);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	f->apply = NULL;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	uv_loop_init(&f->loop);
	snprintf(f->pin_dir, sizeof(f->pin_dir), "%s/%u", pin_root, ++pin_number);
	open_apply(f);
	*state = f;
	return 0;
}

static int setup_live(void **state)
{
	struct fixture *f;
	struct san_msg_config c = config();

	if (!live)
		return *state = calloc(1, sizeof(*f)), 0;
	setup(state);
	f = *state;
	netns_ip("route replace 5f00::/16 via 2001:db8:1::2");
	assert_int_equal(configure(f, SESSION, &c, "v0"), 0);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->apply) {
		close_apply(f);
		assert_int_equal(uv_loop_close(&f->loop), 0);
		assert_int_equal(f->bad, 0);
	}
	if (live)
		assert_int_equal(apply_unload(f->pin_dir, TABLE, PRIO, NULL), 0);
	free(f);
	return 0;
}

#define NEED_ROOT()                                                                                \
	do {                                                                                       \
		if (!live) {                                                                       \
			print_message("needs root: maps, namespaces\n");                           \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

static struct san_service map_service(struct fixture *f, uint64_t id)
{
	struct san_service val = {0};

	assert_int_equal(dp_service_get(f->apply->dp, id, &val), 0);
	return val;
}

static bool has_route(const char *text)
{
	return strstr(netns_read("ip -6 route show table 5300"), text) != NULL;
}

/* --- protocol, no kernel --- */

static void test_refused_before_hello(void **state)
{
	struct fixture *f = *state;
	struct san_msg_stats_req req = {.request = 1};

	f->session = SESSION;
	send_msg(f, SAN_MSG_STATS_REQ, 0, &req);
	uv_run(&f->loop, UV_RUN_NOWAIT);
	take_all(f);
	assert_int_equal(f->acks, 0); /* no session: nobody to answer */
	hello(f, SESSION);
	send_msg(f, SAN_MSG_STATS_REQ, 0, &req);
	send_msg(f, SAN_MSG_CONFIG_END, 0, &(struct san_msg_empty){0});
	assert_int_equal(answer(f), -EAGAIN);
	assert_int_equal(f->ack.type, SAN_MSG_CONFIG_END);
}

static void test_other_abi(void **state)
{
	struct fixture *f = *state;
	struct san_msg_hello msg = {.abi_version = SAN_ABI_VERSION, .pid = 1};

	hello(f, SESSION);
	msg.abi_version++;
	send_msg(f, SAN_MSG_HELLO, 0, &msg);
	send_msg(f, SAN_MSG_CONFIG_END, 0, &(struct san_msg_empty){0});
	assert_int_equal(answer(f), -EINVAL);
	assert_non_null(strstr(f->ack.text, "abi_version"));
}

static void config_refused(struct fixture *f, const struct san_msg_config *c, const char *field)
{
	assert_int_equal(configure(f, SESSION, c, NULL), -EINVAL);
	assert_non_null(strstr(f->ack.text, "message CONFIG"));
	assert_non_null(strstr(f->ack.text, field));
}

static void test_bad_config(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();

	c.max_services = 0;
	config_refused(f, &c, "max_services");
	c = config();
	c.route_table = 254;
	config_refused(f, &c, "route_table");
	c = config();
	c.rule_priority = 32766;
	config_refused(f, &c, "rule_priority");
}

static void test_config_order(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();
	struct san_msg_iface iface = {.name = "v0", .role = SAN_ROLE_CORE};
	struct san_msg_empty end = {0};

	hello(f, SESSION);
	send_msg(f, SAN_MSG_CONFIG_END, 0, &end);
	assert_int_equal(answer(f), -EPROTO);
	hello(f, SESSION);
	send_msg(f, SAN_MSG_CONFIG, 0, &c);
	send_msg(f, SAN_MSG_CONFIG, 0, &c);
	send_msg(f, SAN_MSG_CONFIG_END, 0, &end);
	assert_int_equal(answer(f), -EPROTO);
	hello(f, SESSION);
	send_msg(f, SAN_MSG_CONFIG, 0, &c);
	send_msg(f, SAN_MSG_IFACE, 0, &iface);
	send_msg(f, SAN_MSG_IFACE, 0, &iface);
	send_msg(f, SAN_MSG_CONFIG_END, 0, &end);
	assert_int_equal(answer(f), -EEXIST);
}

static void test_too_many_interfaces(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();

	hello(f, SESSION);
	send_msg(f, SAN_MSG_CONFIG, 0, &c);
	for (int i = 0; i <= APPLY_MAX_IFACES; i++) {
		struct san_msg_iface iface = {.role = SAN_ROLE_CORE};

		snprintf(iface.name, sizeof(iface.name), "if%d", i);
		send_msg(f, SAN_MSG_IFACE, 0, &iface);
		uv_run(&f->loop, UV_RUN_NOWAIT);
	}
	send_msg(f, SAN_MSG_CONFIG_END, 0, &(struct san_msg_empty){0});
	assert_int_equal(answer(f), -ENOSPC);
	assert_non_null(strstr(f->ack.text, "256"));
}

static void test_missing_interface(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();

	assert_int_equal(configure(f, SESSION, &c, "nosuch"), -ENODEV);
	assert_string_equal(f->ack.text, "interface nosuch: does not exist");
	assert_null(f->apply->dp); /* nothing was touched */
}

static void test_plan_before_config(void **state)
{
	struct fixture *f = *state;

	hello(f, SESSION);
	begin(f, SAN_PLAN_FULL);
	send_msg(f, SAN_MSG_CONFIG_END, 0, &(struct san_msg_empty){0});
	assert_int_equal(answer(f), -EPROTO);
	assert_non_null(strstr(f->ack.text, "PLAN_BEGIN"));
}

static void test_malformed_datagrams(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();
	struct wire_buf buf;
	char junk[1024] = {0};

	hello(f, SESSION);
	send_raw(f, junk, 3);
	send_raw(f, junk, sizeof(junk));
	send_msg(f, SAN_MSG_CONFIG, 0, &c);
	wire_fill(&buf, SAN_MSG_CONFIG_END, SESSION, 0, &(struct san_msg_empty){0});
	send_raw(f, &buf, wire_size(SAN_MSG_CONFIG_END) - 1);
	assert_int_equal(answer(f), -EPROTO);
	assert_int_equal(f->ack.type, SAN_MSG_CONFIG_END);
	assert_non_null(strstr(f->ack.text, "length"));
}

static void test_child_end_closed(void **state)
{
	struct fixture *f = *state;

	shutdown(f->fd, SHUT_RDWR);
	for (int i = 0; i < 3; i++)
		uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_true(f->apply->gone);
}

/* --- live --- */

static bool nh_resolved(struct fixture *f, uint64_t id)
{
	return f->nh[id].kind == SAN_NH_SRV6;
}

static bool iface_up(struct fixture *f, uint64_t ifindex)
{
	return f->iface.up && f->iface.ifindex == ifindex;
}

static void test_first_plan(void **state)
{
	struct fixture *f = *state;
	struct san_nexthop nh;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	assert_int_equal(f->ack.type, SAN_MSG_PLAN_COMMIT);
	assert_int_equal(f->ack_generation, 1);
	assert_int_equal(f->ack.applied, 7); /* 2 next hops, 2 routes, 1 SID, 2 entries */
	assert_int_equal(f->ready, 1);
	assert_true(has_route("segs 2 [ 5f00:0:2::1 5f00:0:2::100 ]"));
	assert_true(has_route("unreachable 2001:db8:5::102"));
	assert_non_null(strstr(netns_read("ip -6 route"), "End.DX6 nh6 2001:db8:1::2"));
	assert_non_null(strstr(netns_read("ip -6 rule"), "50:\tfrom all lookup 5300"));
	assert_non_null(strstr(netns_read("ip sr tunsrc show"), "2001:db8:1::1"));
	assert_true(run_until(f, nh_resolved, 1));
	assert_true(run_until(f, nh_resolved, 2));
	assert_int_equal(map_service(f, 0x101).nexthop, f->nh[1].index);
	assert_int_equal(map_service(f, 0x101).mode, SAN_MODE_PREFERRED);
	assert_int_equal(map_service(f, 0x102).mode, SAN_MODE_NONE);
	assert_int_not_equal(map_service(f, 0x101).stats, map_service(f, 0x102).stats);
	assert_int_equal(dp_nexthop_get(f->apply->dp, f->nh[1].index, &nh), 0);
	assert_int_equal(nh.kind, SAN_NH_SRV6);
	assert_memory_equal(nh.dst_mac, "\x02\0\0\0\0\x02", 6);
	assert_int_equal(nh.ifindex, if_nametoindex("v0"));
	assert_int_equal(f->nh[1].mtu, 1500);
	assert_string_equal(f->nh[1].ifname, "v0");
	assert_true(run_until(f, iface_up, if_nametoindex("v0")));
	assert_int_equal(f->iface.attached, DP_NATIVE);
}

static void test_move_and_remove(void **state)
{
	struct fixture *f = *state;
	struct san_service before;
	struct san_nexthop nh;
	uint32_t index, epoch;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	before = map_service(f, 0x101);
	begin(f, 0);
	service(f, 0x101, "2001:db8:5::101", 2);
	assert_int_equal(commit(f), 0);
	assert_int_equal(f->ack.applied, 2); /* route, entry */
	assert_int_equal(map_service(f, 0x101).nexthop, f->nh[2].index);
	assert_int_equal(map_service(f, 0x101).stats, before.stats);
	assert_int_equal(map_service(f, 0x101).generation, 2);
	assert_true(has_route("segs 1 [ 5f00:0:3::100 ]"));
	/* The first one goes: its index is free, its epoch another one. */
	index = f->nh[1].index;
	dp_nexthop_get(f->apply->dp, index, &nh);
	epoch = nh.epoch;
	begin(f, 0);
	removal(f, SAN_MSG_NEXTHOP_DEL, 1);
	assert_int_equal(commit(f), 0);
	dp_nexthop_get(f->apply->dp, index, &nh);
	assert_int_equal(nh.kind, SAN_NH_UNUSED);
	assert_int_equal(nh.epoch, epoch + 1);
	begin(f, 0);
	removal(f, SAN_MSG_SERVICE_DEL, 0x101);
	removal(f, SAN_MSG_SERVICE_DEL, 0x999); /* not there: no matter */
	assert_int_equal(commit(f), 0);
	assert_int_equal(dp_service_get(f->apply->dp, 0x101, &before), -ENOENT);
	assert_false(has_route("2001:db8:5::101"));
}

static void test_full_plan_sweeps(void **state)
{
	struct fixture *f = *state;
	struct san_service val;

	NEED_ROOT();
	netns_ip("route add 2001:db8:5::200/128 dev v0 table 5300 proto static");
	assert_int_equal(first_plan(f), 0);
	begin(f, SAN_PLAN_FULL);
	nexthop(f, 2, "5f00:0:3::100", NULL);
	service(f, 0x103, "2001:db8:5::103", 2);
	assert_int_equal(commit(f), 0);
	assert_int_equal(dp_service_get(f->apply->dp, 0x101, &val), -ENOENT);
	assert_int_equal(dp_service_get(f->apply->dp, 0x102, &val), -ENOENT);
	assert_int_equal(map_service(f, 0x103).mode, SAN_MODE_PREFERRED);
	assert_false(has_route("2001:db8:5::101"));
	assert_true(has_route("2001:db8:5::200")); /* somebody else's */
	assert_null(strstr(netns_read("ip -6 route"), "End.DX6"));
	assert_null(hop_by_id(f->apply, 1));
	netns_ip("route del 2001:db8:5::200/128 table 5300");
}

/* A plan that fails in the middle leaves the state before it. */
static void test_failure_is_undone(void **state)
{
	struct fixture *f = *state;
	struct san_service before, after;
	unsigned int hops;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	before = map_service(f, 0x101);
	hops = f->apply->indexes.n;
	netns_ip("route add 2001:db8:5::104/128 dev v0 table 5300 proto static");
	begin(f, 0);
	nexthop(f, 3, "5f00:0:4::100", NULL);
	service(f, 0x101, "2001:db8:5::111", 3);
	service(f, 0x104, "2001:db8:5::104", 3);
	removal(f, SAN_MSG_SERVICE_DEL, 0x102);
	assert_int_equal(commit(f), -EEXIST);
	assert_non_null(strstr(f->ack.text, "route 2001:db8:5::104"));
	assert_int_equal(f->ack.applied, 0);
	after = map_service(f, 0x101);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(map_service(f, 0x102).mode, SAN_MODE_NONE);
	assert_int_equal(f->apply->indexes.n, hops);
	assert_null(hop_by_id(f->apply, 3));
	assert_true(has_route("2001:db8:5::101"));
	assert_false(has_route("2001:db8:5::111"));
	netns_ip("route del 2001:db8:5::104/128 table 5300");
	/* And the same plan goes through when the obstacle is gone. */
	begin(f, 0);
	nexthop(f, 3, "5f00:0:4::100", NULL);
	service(f, 0x101, "2001:db8:5::111", 3);
	service(f, 0x104, "2001:db8:5::104", 3);
	removal(f, SAN_MSG_SERVICE_DEL, 0x102);
	assert_int_equal(commit(f), 0);
	assert_false(has_route("2001:db8:5::101"));
	assert_true(has_route("2001:db8:5::111"));
}

static void refused(struct fixture *f, int code, const char *text)
{
	assert_int_equal(commit(f), code);
	if (!strstr(f->ack.text, text))
		fail_msg("\"%s\" not in \"%s\"", text, f->ack.text);
}

static void test_bad_plans(void **state)
{
	struct fixture *f = *state;
	struct san_msg_nexthop nh = {.id = 5, .n_segs = 9};

	NEED_ROOT();
	begin(f, 0);
	refused(f, -EPROTO, "first plan of a session");
	begin(f, SAN_PLAN_FULL);
	object(f, SAN_MSG_NEXTHOP, &nh);
	refused(f, -EINVAL, "message NEXTHOP: n_segs: is 9, must be 1..8");
	assert_int_equal(first_plan(f), 0);
	begin(f, 0);
	service(f, 0x105, NULL, 9);
	refused(f, -EINVAL, "service 0x105: nexthop");
	begin(f, 0);
	removal(f, SAN_MSG_NEXTHOP_DEL, 1);
	refused(f, -EINVAL, "next hop 1: is still selected");
	begin(f, 0);
	service(f, 0x105, "2001:db8:5::101", 1);
	refused(f, -EEXIST, "is the address of service 0x101");
	begin(f, 0);
	service(f, 0x105, "2001:db8:5::105", 1);
	service(f, 0x106, "2001:db8:5::105", 1);
	refused(f, -EEXIST, "is also the address of service 0x105");
	begin(f, 0);
	service(f, 0x105, NULL, 1);
	service(f, 0x105, NULL, 1);
	refused(f, -EEXIST, "must stand once");
	begin(f, 0);
	nexthop(f, 3, "5f00:0:3::100", NULL);
	refused(f, -EEXIST, "another next hop already");
	begin(f, 0);
	nexthop(f, 2, "5f00:0:9::100", NULL);
	refused(f, -EEXIST, "in use for other segments");
	begin(f, 0);
	nexthop(f, 3, "5f00:0:9::100", NULL);
	nexthop(f, 4, "5f00:0:9::100", NULL);
	refused(f, -EEXIST, "must differ");
	begin(f, 0);
	f->objects = 3;
	refused(f, -EPROTO, "count: is 3, must be 0");
	begin(f, SAN_PLAN_FULL);
	removal(f, SAN_MSG_SERVICE_DEL, 0x101);
	refused(f, -EPROTO, "full plan");
	f->generation -= 3;
	begin(f, 0);
	assert_int_equal(answer(f), -EPROTO);
	assert_int_equal(map_service(f, 0x101).nexthop, f->nh[1].index);
	assert_int_equal(f->apply->indexes.n, 2);
}

static void test_limits(void **state)
{
	struct fixture *f = *state;
	char seg[64];

	NEED_ROOT();
	begin(f, SAN_PLAN_FULL);
	for (unsigned int i = 1; i <= 15; i++) {
		snprintf(seg, sizeof(seg), "5f00:0:2::%x", i);
		nexthop(f, i, seg, NULL);
	}
	assert_int_equal(commit(f), 0);
	begin(f, 0);
	nexthop(f, 16, "5f00:0:2::1000", NULL);
	refused(f, -ENOSPC, "next hops: is 16, must be at most 15");
	begin(f, 0);
	for (unsigned int i = 1; i <= 65; i++)
		service(f, i, NULL, 1);
	refused(f, -ENOSPC, "services: is 65, must be at most 64");
	begin(f, 0);
	for (unsigned int i = 1; i <= 64; i++)
		service(f, i, NULL, 1);
	assert_int_equal(commit(f), 0);
}

/* A new child: the same content keeps its index, whatever the child calls it. */
static void test_child_restarts(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();
	uint32_t one, two;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	one = f->nh[1].index;
	two = f->nh[2].index;
	begin(f, 0);
	nexthop(f, 3, "5f00:0:9::100", NULL); /* half a plan */
	assert_int_equal(configure(f, SESSION + 1, &c, "v0"), 0);
	assert_int_equal(map_service(f, 0x101).nexthop, one);
	memset(f->nh, 0, sizeof(f->nh));
	begin(f, SAN_PLAN_FULL);
	nexthop(f, 7, "5f00:0:3::100", NULL);
	nexthop(f, 8, "5f00:0:2::1", "5f00:0:2::100");
	service(f, 0x101, "2001:db8:5::101", 8);
	service(f, 0x102, "2001:db8:5::102", 0);
	sid(f, "5f00:0:1::100", "2001:db8:1::2");
	assert_int_equal(commit(f), 0);
	assert_int_equal(f->ack.applied, 0);
	assert_true(run_until(f, nh_resolved, 8));
	assert_int_equal(f->nh[8].index, one);
	assert_int_equal(f->nh[7].index, two);
	assert_int_equal(f->ready, 1);
}

static void test_messages_of_old_sessions(void **state)
{
	struct fixture *f = *state;
	uint32_t now;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	now = f->session;
	f->session = SESSION - 1;
	begin(f, SAN_PLAN_FULL);
	send_msg(f, SAN_MSG_PLAN_COMMIT, f->generation, &(struct san_msg_plan){0});
	f->session = now;
	begin(f, 0);
	assert_int_equal(commit(f), 0);
	assert_int_equal(map_service(f, 0x101).mode, SAN_MODE_PREFERRED);
}

/* A new parent: everything is adopted, indexes and epochs stay, a full plan changes nothing. */
static void test_parent_restarts(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();
	struct san_service before;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	assert_true(run_until(f, nh_resolved, 1));
	assert_true(run_until(f, nh_resolved, 2));
	before = map_service(f, 0x101);
	close_apply(f);
	open_apply(f);
	assert_int_equal(configure(f, SESSION + 2, &c, "v0"), 0);
	assert_int_equal(HASH_COUNT(f->apply->entries), 2);
	assert_int_equal(HASH_COUNT(f->apply->hops), 2);
	assert_int_equal(HASH_COUNT(f->apply->routes), 2);
	assert_int_equal(HASH_COUNT(f->apply->sids), 1);
	assert_int_equal(map_service(f, 0x101).nexthop, before.nexthop);
	assert_int_equal(first_plan(f), 0);
	assert_int_equal(f->ack.applied, 0);
	assert_int_equal(f->ack.repaired, 0);
	assert_int_equal(map_service(f, 0x101).nexthop, before.nexthop);
	assert_int_equal(map_service(f, 0x101).stats, before.stats);
}

static void test_config_changes(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	c.max_services = 65;
	assert_int_equal(configure(f, SESSION + 1, &c, "v0"), -ESTALE);
	assert_string_equal(f->ack.text, "map sizes: are fixed while pinned; sand --unload first");
	assert_int_equal(map_service(f, 0x101).mode, SAN_MODE_PREFERRED);
	c = config();
	c.profile.id_len = 4;
	assert_int_equal(configure(f, SESSION + 2, &c, "v0"), 0);
	c.route_table = TABLE + 1;
	c.rule_priority = PRIO + 1;
	assert_int_equal(configure(f, SESSION + 3, &c, "v0"), 0);
	assert_false(has_route("2001:db8:5::101"));
	assert_null(strstr(netns_read("ip -6 rule"), "50:\t"));
	assert_non_null(strstr(netns_read("ip -6 rule"), "51:\tfrom all lookup 5301"));
	assert_int_equal(first_plan(f), 0);
	assert_non_null(strstr(netns_read("ip -6 route show table 5301"), "2001:db8:5::101"));
}

/* Somebody else's hand in maps and tables: found and repaired. */
static void test_audit(void **state)
{
	struct fixture *f = *state;
	struct san_nexthop nh;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	assert_true(run_until(f, nh_resolved, 1));
	dp_service_del(f->apply->dp, 0x101);
	dp_service_put(f->apply->dp, 0x666, &(struct san_service){.nexthop = 1});
	dp_nexthop_get(f->apply->dp, f->nh[1].index, &nh);
	nh.mtu = 7;
	dp_nexthop_put(f->apply->dp, f->nh[1].index, &nh);
	netns_ip("route del 2001:db8:5::101/128 table 5300; rule del lookup 5300;"
		 "route del 5f00:0:1::100/128; route add unreachable 2001:db8:5::66/128 "
		 "table 5300 proto 0x5a");
	audit_run(f->apply);
	assert_int_equal(f->apply->repaired, 7);
	assert_int_equal(map_service(f, 0x101).nexthop, f->nh[1].index);
	assert_int_equal(dp_service_get(f->apply->dp, 0x666, &(struct san_service){0}), -ENOENT);
	dp_nexthop_get(f->apply->dp, f->nh[1].index, &nh);
	assert_int_equal(nh.mtu, 1500);
	assert_true(has_route("segs 2 [ 5f00:0:2::1 5f00:0:2::100 ]"));
	assert_false(has_route("2001:db8:5::66"));
	assert_non_null(strstr(netns_read("ip -6 rule"), "lookup 5300"));
	assert_non_null(strstr(netns_read("ip -6 route"), "End.DX6"));
	begin(f, 0);
	assert_int_equal(commit(f), 0);
	assert_int_equal(f->ack.repaired, 7);
}

static bool route_back(struct fixture *f, uint64_t arg)
{
	return has_route("segs 2 [ 5f00:0:2::1 5f00:0:2::100 ]");
}

/* Removed by hand: noticed by notification, no audit needed. */
static void test_lost_route_returns(void **state)
{
	struct fixture *f = *state;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	netns_ip("route del 2001:db8:5::101/128 table 5300");
	assert_true(run_until(f, route_back, 0));
}

static bool nh_unresolved(struct fixture *f, uint64_t id)
{
	return f->nh[id].kind == SAN_NH_UNRESOLVED && f->nh[id].text[0];
}

static void test_link_flaps(void **state)
{
	struct fixture *f = *state;
	struct san_nexthop nh;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	assert_true(run_until(f, nh_resolved, 1));
	netns_ip("link set v0 down");
	assert_true(run_until(f, nh_unresolved, 1));
	dp_nexthop_get(f->apply->dp, f->nh[1].index, &nh);
	assert_int_equal(nh.kind, SAN_NH_UNRESOLVED);
	/* A plan while the only link is down: the entry counts, the route waits. */
	begin(f, 0);
	nexthop(f, 4, "5f00:0:4::100", NULL);
	service(f, 0x104, "2001:db8:5::104", 4);
	assert_int_equal(commit(f), 0);
	netns_ip("link set v0 up; addr replace 2001:db8:1::1/64 dev v0 nodad;"
		 "route replace 5f00::/16 via 2001:db8:1::2");
	assert_true(run_until(f, nh_resolved, 1));
	assert_true(run_until(f, nh_resolved, 4));
	assert_true(run_until(f, route_back, 0));
	assert_true(has_route("segs 1 [ 5f00:0:4::100 ]"));
	assert_non_null(strstr(netns_read("ip -6 route"), "End.DX6"));
}

static bool iface_gone(struct fixture *f, uint64_t arg)
{
	return f->iface.name[0] && !f->iface.ifindex;
}

static void test_interface_reappears(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();

	NEED_ROOT();
	netns_ip("link add w0 type veth peer name w1; link set w1 up; link set w0 up");
	assert_int_equal(configure(f, SESSION + 1, &c, "w0"), 0);
	netns_ip("link del w0");
	assert_true(run_until(f, iface_gone, 0));
	netns_ip("link add w0 type veth peer name w1; link set w1 up; link set w0 up");
	assert_true(run_until(f, iface_up, if_nametoindex("w0")));
	assert_int_equal(f->iface.attached, DP_NATIVE);
	netns_ip("link del w0");
}

/* Leaves by an interface that has no role: not in the redirect map, so XDP must not try. */
static void test_egress_without_role(void **state)
{
	struct fixture *f = *state;

	NEED_ROOT();
	netns_ip("link add w0 type veth peer name w1; link set w1 up; link set w0 up;"
		 "addr add 2001:db8:9::1/64 dev w0 nodad;"
		 "neigh add 2001:db8:9::2 dev w0 lladdr 02:00:00:00:00:33;"
		 "route add 5f01::/16 via 2001:db8:9::2");
	begin(f, SAN_PLAN_FULL);
	nexthop(f, 1, "5f01::1", NULL);
	assert_int_equal(commit(f), 0);
	assert_true(run_until(f, nh_unresolved, 1));
	assert_string_equal(f->nh[1].text, "leaves by w0, which has no role here");
	netns_ip("link del w0");
}

static bool stats_done(struct fixture *f, uint64_t arg)
{
	return f->stats_ends > 0;
}

static void test_stats(void **state)
{
	struct fixture *f = *state;
	struct san_msg_stats_req req = {.request = 42};
	unsigned int kinds[4] = {0};

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	send_msg(f, SAN_MSG_STATS_REQ, 0, &req);
	assert_true(run_until(f, stats_done, 0));
	for (unsigned int i = 0; i < f->n_stats; i++) {
		assert_int_equal(f->stats[i].request, 42);
		assert_in_range(f->stats[i].kind, 1, 3);
		kinds[f->stats[i].kind]++;
	}
	assert_int_equal(kinds[SAN_STAT_SERVICE], 2);
	assert_int_equal(kinds[SAN_STAT_NEXTHOP], 2);
	assert_int_equal(kinds[SAN_STAT_REASON], SAN_R_MAX);
}

static void test_no_ingress(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();

	NEED_ROOT();
	memset(&c.source, 0, sizeof(c.source));
	assert_int_equal(configure(f, SESSION + 1, &c, "v0"), 0);
	assert_null(strstr(netns_read("ip -6 rule"), "5300"));
	begin(f, SAN_PLAN_FULL);
	nexthop(f, 1, "5f00:0:2::1", NULL);
	refused(f, -EINVAL, "no ingress");
	begin(f, SAN_PLAN_FULL);
	sid(f, "5f00:0:1::100", "2001:db8:1::2");
	assert_int_equal(commit(f), 0);
}

/* Both ends of the module together. */
struct both {
	unsigned int acks;
	int result;
	json_t *stats;
};

static void on_acked(void *arg, uint64_t generation, int result, const char *text)
{
	struct both *b = arg;

	b->acks++;
	b->result = result;
}

static void on_stats(void *arg, int status, json_t *stats)
{
	((struct both *)arg)->stats = json_incref(stats);
}

static void run_acks(struct fixture *f, struct both *b, unsigned int n)
{
	for (int i = 0; i < 1000 && b->acks < n; i++)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(b->acks, n);
	assert_int_equal(b->result, 0);
}

static void test_real_child(void **state)
{
	struct plan_nexthop nh = {.n_segs = 2};
	struct plan_service svc = {.id = 0x101, .mode = SAN_MODE_PREFERRED, .alive = &nh};
	struct ncc_iface iface = {.name = "v0", .role = SAN_ROLE_CORE};
	struct ncc_conf conf = {.config = config(), .ifaces = &iface, .n_ifaces = 1};
	struct fixture *f = *state;
	struct both both = {0};
	struct ncc *ncc;

	NEED_ROOT();
	nh.segs[0] = in6("5f00:0:2::1");
	nh.segs[1] = in6("5f00:0:2::100");
	svc.address = in6("2001:db8:5::101");
	svc.n_alive = 1;
	svc.selected = &nh;
	assert_int_equal(ncc_open(&f->loop, dup(f->fd), &conf, on_acked, &both, &ncc), 0);
	assert_int_equal(ncc_service_put(ncc, &svc, NULL), 0);
	ncc_flush(ncc);
	run_acks(f, &both, 2); /* configuration, full plan */
	assert_int_equal(map_service(f, 0x101).mode, SAN_MODE_PREFERRED);
	assert_true(has_route("segs 2 [ 5f00:0:2::1 5f00:0:2::100 ]"));
	assert_int_equal(ncc_stats(ncc, on_stats, &both), 0);
	for (int i = 0; i < 1000 && !both.stats; i++)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(json_array_size(json_object_get(both.stats, "services")), 1);
	assert_int_equal(json_array_size(json_object_get(both.stats, "nexthops")), 1);
	assert_int_equal(json_array_size(json_object_get(both.stats, "reasons")), SAN_R_MAX);
	json_decref(both.stats);
	svc.selected = NULL;
	assert_int_equal(ncc_service_put(ncc, &svc, NULL), 0);
	ncc_flush(ncc);
	run_acks(f, &both, 3);
	assert_int_equal(map_service(f, 0x101).mode, SAN_MODE_NONE);
	assert_true(has_route("unreachable 2001:db8:5::101"));
	ncc_service_del(ncc, 0x101);
	ncc_flush(ncc);
	run_acks(f, &both, 4);
	assert_int_equal(f->apply->indexes.n, 0);
	assert_int_equal(f->apply->stat_indexes.n, 0);
	ncc_close(ncc);
	uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void test_unload(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	close_apply(f);
	uv_loop_close(&f->loop);
	assert_int_equal(apply_unload(f->pin_dir, TABLE, PRIO, &err), 0);
	assert_string_equal(netns_read("ip -6 route show table all proto 0x5a"), "");
	assert_null(strstr(netns_read("ip -6 rule"), "5300"));
	assert_null(strstr(netns_read("ip link show v0"), "xdp"));
	assert_int_not_equal(access(f->pin_dir, F_OK), 0);
}

/* --- main --- */

static bool go_live(void)
{
	if (geteuid() || unshare(CLONE_NEWNS))
		return false;
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return false;
	snprintf(pin_root, sizeof(pin_root), "%s/san-ncc-XXXXXX", "/tmp");
	if (!mkdtemp(pin_root))
		return false;
	return !mount("bpf", pin_root, "bpf", 0, NULL);
}

#define P(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define L(name) cmocka_unit_test_setup_teardown(name, setup_live, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		P(test_refused_before_hello),
		P(test_other_abi),
		P(test_bad_config),
		P(test_config_order),
		P(test_too_many_interfaces),
		P(test_missing_interface),
		P(test_plan_before_config),
		P(test_malformed_datagrams),
		P(test_child_end_closed),
		L(test_first_plan),
		L(test_move_and_remove),
		L(test_full_plan_sweeps),
		L(test_failure_is_undone),
		L(test_bad_plans),
		L(test_limits),
		L(test_child_restarts),
		L(test_messages_of_old_sessions),
		L(test_parent_restarts),
		L(test_config_changes),
		L(test_audit),
		L(test_lost_route_returns),
		L(test_link_flaps),
		L(test_interface_reappears),
		L(test_egress_without_role),
		L(test_stats),
		L(test_no_ingress),
		L(test_real_child),
		L(test_unload),
	};
	int failed;

	live = netns_up(&ns) && go_live();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	netns_down(&ns);
	if (live)
		umount2(pin_root, MNT_DETACH);
	if (pin_root[0])
		rmdir(pin_root);
	return failed;
}
