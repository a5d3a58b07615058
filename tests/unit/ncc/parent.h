/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parent side with real maps, programs and kernel tables, and a child scripted here on the
 * other end of the socketpair. Root: own network namespace, own mount namespace with a private
 * bpffs, so nothing is left behind. Without root only what needs no kernel runs.
 */
#ifndef TESTS_UNIT_NCC_PARENT_H
#define TESTS_UNIT_NCC_PARENT_H

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

#include <cmocka.h>

#include "unit/nl/netns.h"
#include "unit/until.h"

#define TABLE 5300
#define PRIO 50
#define SESSION 77
#define WAIT_MS 60000 /* until a test gives up, never a measure */
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
	uint32_t session, before; /* and the one before it */
	uint64_t generation;
	uint32_t objects;
	struct san_msg_ack ack; /* the last one */
	uint64_t ack_generation;
	unsigned int acks, stats_ends, repaired, bad;
	struct san_msg_nh_state nh[16]; /* by id */
	struct san_msg_iface_state iface;
	struct san_msg_stat stats[512];
	struct san_msg_event event; /* the last one */
	unsigned int events;
	unsigned int n_stats;
};

static inline struct in6_addr in6(const char *text)
{
	struct in6_addr addr;

	assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

/* --- a child --- */

static inline void send_raw(struct fixture *f, const void *data, size_t len)
{
	assert_int_equal(send(f->fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

static inline void send_msg(struct fixture *f, enum san_msg_type type, uint64_t generation,
			    const void *payload)
{
	struct wire_buf buf;

	wire_fill(&buf, type, f->session, generation, payload);
	send_raw(f, &buf, wire_size(type));
}

static inline void take_msg(struct fixture *f, const struct wire_buf *msg)
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
		if (f->n_stats < 512)
			memcpy(&f->stats[f->n_stats++], msg->payload, sizeof(f->stats[0]));
		break;
	case SAN_MSG_STATS_END:
		f->stats_ends++;
		break;
	case SAN_MSG_EVENT:
		memcpy(&f->event, msg->payload, sizeof(f->event));
		f->events++;
		break;
	case SAN_MSG_REPAIRED:
		f->repaired += ((const struct san_msg_repaired *)msg->payload)->count;
		break;
	default:
		f->bad++;
	}
}

static inline void take_all(struct fixture *f)
{
	struct wire_buf msg;
	size_t len;

	while (!wire_recv(f->fd, &msg, &len)) {
		struct err err;

		if (wire_check(&msg, len, &err))
			f->bad++;
		else if (msg.hdr.session == f->session)
			take_msg(f, &msg);
		else if (msg.hdr.session != f->before) /* what was under way is of no use */
			f->bad++;
	}
}

/* Ticks, because what is waited for may happen without waking the loop. */
static inline void on_time(uv_timer_t *timer)
{
	++*(unsigned int *)timer->data;
}

static inline bool run_until(struct fixture *f, bool (*done)(struct fixture *f, uint64_t arg),
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

static inline bool acked(struct fixture *f, uint64_t n)
{
	return f->acks >= n;
}

/* Runs until the next answer; its result. */
static inline int answer(struct fixture *f)
{
	f->acks = 0;
	assert_true(run_until(f, acked, 1));
	return f->ack.result;
}

static inline struct san_msg_config config(void)
{
	struct san_msg_config c = {
		.source = in6("2001:db8:1::1"),
		.profile = SAN_PROFILE_EXP1,
		.route_table = TABLE,
		.rule_priority = PRIO,
		.max_services = 64,
		.max_nexthops = 16,
		.max_flows = 64,
		.max_slots = 1024,
		.max_frags = 64,
	};

	return c;
}

static inline int unload(struct fixture *f, struct err *err)
{
	struct san_msg_config c = config();

	return apply_unload(f->pin_dir, &c, err);
}

static inline void hello(struct fixture *f, uint32_t session)
{
	struct san_msg_hello msg = {.abi_version = SAN_ABI_VERSION, .pid = 1};

	f->before = f->session;
	f->session = session;
	f->generation = 0;
	send_msg(f, SAN_MSG_HELLO, 0, &msg);
}

static inline int configure(struct fixture *f, uint32_t session, const struct san_msg_config *c,
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

static inline void begin(struct fixture *f, uint32_t flags)
{
	struct san_msg_plan msg = {.flags = flags};

	f->objects = 0;
	send_msg(f, SAN_MSG_PLAN_BEGIN, ++f->generation, &msg);
}

static inline int commit(struct fixture *f)
{
	struct san_msg_plan msg = {.count = f->objects};

	send_msg(f, SAN_MSG_PLAN_COMMIT, f->generation, &msg);
	return answer(f);
}

static inline void object(struct fixture *f, enum san_msg_type type, const void *payload)
{
	f->objects++;
	send_msg(f, type, f->generation, payload);
}

static inline void nexthop(struct fixture *f, uint32_t id, const char *seg1, const char *seg2)
{
	struct san_msg_nexthop msg = {
		.id = id,
		.kind = SAN_NH_SRV6,
		.n_segs = seg2 ? 2 : 1,
		.families = SAN_NH_IP6,
	};

	msg.segs[0] = in6(seg1);
	if (seg2)
		msg.segs[1] = in6(seg2);
	object(f, SAN_MSG_NEXTHOP, &msg);
}

static inline void service(struct fixture *f, uint64_t id, const char *address, uint32_t nh)
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

static inline void direct(struct fixture *f, uint32_t id, const char *address)
{
	struct san_msg_nexthop msg = {.id = id, .kind = SAN_NH_DIRECT, .n_segs = 1};

	msg.segs[0] = in6(address);
	msg.families = IN6_IS_ADDR_V4MAPPED(&msg.segs[0]) ? SAN_NH_IP4 : SAN_NH_IP6;
	object(f, SAN_MSG_NEXTHOP, &msg);
}

/* Members are next hops 1..n with these weights; the first one has the kernel's route. */
static inline void balanced(struct fixture *f, uint64_t id, const char *address, unsigned int n,
			    const uint32_t *weights)
{
	struct san_msg_service msg = {
		.service_id = id,
		.nexthop = 1,
		.mode = SAN_MODE_BALANCED,
		.affinity = SAN_AFFINITY_HASH,
		.n_members = (uint16_t)n,
	};

	if (address)
		msg.address = in6(address);
	object(f, SAN_MSG_SERVICE, &msg);
	for (unsigned int i = 0; i < n; i++) {
		struct san_msg_member member = {id, i + 1, weights[i]};

		object(f, SAN_MSG_MEMBER, &member);
	}
}

static inline void sid(struct fixture *f, const char *addr, const char *nh)
{
	struct san_msg_sid msg = {.behaviour = SAN_BEHAVIOUR_END_DX6};

	msg.addr = in6(addr);
	msg.nexthop = in6(nh);
	object(f, SAN_MSG_SID, &msg);
}

static inline void removal(struct fixture *f, enum san_msg_type type, uint64_t id)
{
	struct san_msg_key msg = {.service_id = id, .id = (uint32_t)id};

	object(f, type, &msg);
}

/* The usual start: two next hops, two services, one SID. */
static inline int first_plan(struct fixture *f)
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

static inline void on_ready(void *arg)
{
	((struct fixture *)arg)->ready++;
}

static inline void open_apply(struct fixture *f)
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

static inline void close_apply(struct fixture *f)
{
	apply_close(f->apply);
	close(f->fd);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	f->apply = NULL;
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	uv_loop_init(&f->loop);
	snprintf(f->pin_dir, sizeof(f->pin_dir), "%s/%u", pin_root, ++pin_number);
	open_apply(f);
	*state = f;
	return 0;
}

static inline int setup_live(void **state)
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

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->apply) {
		close_apply(f);
		assert_int_equal(uv_loop_close(&f->loop), 0);
		assert_int_equal(f->bad, 0);
	}
	if (live)
		assert_int_equal(unload(f, NULL), 0);
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

static inline struct san_service map_service(struct fixture *f, uint64_t id)
{
	struct san_service val = {0};

	assert_int_equal(dp_service_get(f->apply->dp, false, id, &val), 0);
	return val;
}

static inline bool has_route(const char *text)
{
	return strstr(netns_read("ip -6 route show table 5300"), text) != NULL;
}

/* Some time after the answer. */
static inline bool gets_route(struct fixture *f, const char *text)
{
	UNTIL(&f->loop, WAIT_MS, !f->apply->late_routes);
	return has_route(text);
}

static inline bool nh_resolved(struct fixture *f, uint64_t id)
{
	return f->nh[id].kind == SAN_NH_SRV6;
}

static inline bool iface_up(struct fixture *f, uint64_t ifindex)
{
	return f->iface.up && f->iface.ifindex == ifindex;
}

static inline void refused(struct fixture *f, int code, const char *text)
{
	assert_int_equal(commit(f), code);
	if (!strstr(f->ack.text, text))
		fail_msg("\"%s\" not in \"%s\"", text, f->ack.text);
}

static inline bool go_live(void)
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

static inline int live_run(int (*run)(void))
{
	int failed;

	live = netns_up(&ns) && go_live();
	failed = run();
	netns_down(&ns);
	if (live)
		umount2(pin_root, MNT_DETACH);
	if (pin_root[0])
		rmdir(pin_root);
	return failed;
}

#define P(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define L(name) cmocka_unit_test_setup_teardown(name, setup_live, teardown)

#endif
