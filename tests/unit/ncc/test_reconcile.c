/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parent finds different from what it applied: after a restart, after lost notifications,
 * after next hops that moved. Root: network namespace, bpffs. */
#include "unit/ncc/parent.h"

#include "nl/priv.h" /* first: the kernel's headers give way to the C library's */

#include <netlink/socket.h>

#define ROUNDS 100
#define TINY 4096 /* bytes: a few notifications */

/* --- restart --- */

struct watch {
	struct mnl_socket *sock;
	unsigned int messages, stale;
	struct in6_addr expected; /* the one route that goes */
};

static void watch_open(struct watch *w)
{
	int groups[] = {RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_RULE};

	w->sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_non_null(w->sock);
	assert_int_equal(mnl_socket_bind(w->sock, 0, MNL_SOCKET_AUTOPID), 0);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(mnl_socket_setsockopt(w->sock, NETLINK_ADD_MEMBERSHIP, &groups[i],
						       sizeof(groups[i])),
				 0);
}

static void watch_take(struct watch *w)
{
	char buf[8192] __attribute__((aligned(8)));
	ssize_t n;

	while ((n = mnl_socket_recvfrom(w->sock, buf, sizeof(buf))) > 0) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
		struct nl_route_msg msg;

		w->messages++;
		if (nlh->nlmsg_type != RTM_DELROUTE)
			continue;
		nl_route_parse(nlh, &msg);
		w->stale += IN6_ARE_ADDR_EQUAL(&msg.dst, &w->expected);
	}
}

static void idle_turns(struct fixture *f)
{
	for (int i = 0; i < 50; i++) {
		uv_run(&f->loop, UV_RUN_NOWAIT);
		usleep(2000);
		take_all(f);
	}
}

static bool stale_gone(struct fixture *f, uint64_t watch)
{
	struct watch *w = (struct watch *)(uintptr_t)watch;

	watch_take(w);
	return w->stale > 0;
}

/* Nothing goes before the first full plan; then what is stale, and nothing else is touched. */
static void test_restart(void **state)
{
	struct fixture *f = *state;
	struct san_service stale = {.mode = SAN_MODE_NONE}, val, before;
	struct san_nexthop nh_before, nh;
	struct san_msg_config c = config();
	struct watch w = {.expected = in6("2001:db8:5::77")};
	uint32_t index;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	assert_true(run_until(f, nh_resolved, 1));
	before = map_service(f, 0x101);
	index = before.nexthop;
	dp_nexthop_get(f->apply->dp, index, &nh_before);
	dp_service_put(f->apply->dp, false, 0x999, &stale);
	close_apply(f);
	netns_ip("route add unreachable 2001:db8:5::77/128 table 5300 proto 0x5a");
	watch_open(&w);
	open_apply(f);
	assert_int_equal(configure(f, SESSION, &c, "v0"), 0);
	idle_turns(f);
	watch_take(&w);
	assert_int_equal(w.messages, 0);
	assert_true(has_route("2001:db8:5::77"));
	assert_int_equal(dp_service_get(f->apply->dp, false, 0x999, &val), 0);
	assert_int_equal(first_plan(f), 0);
	assert_true(run_until(f, stale_gone, (uintptr_t)&w));
	idle_turns(f);
	watch_take(&w);
	assert_int_equal(w.messages, 1);
	assert_int_equal(w.stale, 1);
	assert_int_equal(dp_service_get(f->apply->dp, false, 0x999, &val), -ENOENT);
	val = map_service(f, 0x101);
	assert_memory_equal(&val, &before, sizeof(val)); /* its generation, too */
	dp_nexthop_get(f->apply->dp, index, &nh);
	assert_memory_equal(&nh, &nh_before, sizeof(nh));
	assert_int_equal(f->apply->repairs_all, 0);
	mnl_socket_close(w.sock);
}

/* --- lost notifications --- */

static void shrink(int fd)
{
	int size = TINY;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
}

static bool route_back(struct fixture *f, uint64_t arg)
{
	return nl_known_has(f->apply->nl, &f->apply->routes->r.dst, TABLE) &&
	       has_route("segs 2 [ 5f00:0:2::1 5f00:0:2::100 ]");
}

static bool mac_is(struct fixture *f, uint64_t last)
{
	return f->nh[1].dst_mac[4] == 1 && f->nh[1].dst_mac[5] == last;
}

static void test_overruns(void **state)
{
	struct fixture *f = *state;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	assert_true(run_until(f, nh_resolved, 1));
	shrink(mnl_socket_get_fd(f->apply->nl->monitor));
	shrink(nl_socket_get_fd(f->apply->nl->cache_sock));
	for (unsigned int i = 1; i <= ROUNDS; i++) {
		uint64_t before = nl_overruns(f->apply->nl);

		int r = netns_ip(
			"route add unreachable 2001:db8:7::1; route add unreachable 2001:db8:7::2;"
			"route add unreachable 2001:db8:7::3; route add unreachable 2001:db8:7::4;"
			"route add unreachable 2001:db8:7::5; route add unreachable 2001:db8:7::6;"
			"route del 2001:db8:5::101/128 table 5300;"
			"neigh replace 2001:db8:1::5 lladdr 02:00:00:00:00:55 dev v0;"
			"neigh replace 2001:db8:1::6 lladdr 02:00:00:00:00:66 dev v0;"
			"neigh replace 2001:db8:1::7 lladdr 02:00:00:00:00:77 dev v0;"
			"neigh replace 2001:db8:1::8 lladdr 02:00:00:00:00:88 dev v0;"
			"neigh del 2001:db8:1::5 dev v0; neigh del 2001:db8:1::6 dev v0;"
			"neigh del 2001:db8:1::7 dev v0; neigh del 2001:db8:1::8 dev v0;"
			"neigh replace 2001:db8:1::2 lladdr 02:00:00:00:01:%02x dev v0;"
			"route del unreachable 2001:db8:7::1; route del unreachable 2001:db8:7::2;"
			"route del unreachable 2001:db8:7::3; route del unreachable 2001:db8:7::4;"
			"route del unreachable 2001:db8:7::5; route del unreachable 2001:db8:7::6",
			i);

		assert_int_equal(r, 0);
		assert_true(run_until(f, route_back, 0));
		assert_true(run_until(f, mac_is, i));
		assert_true(nl_overruns(f->apply->nl) > before);
	}
	assert_true(nl_overruns(f->apply->nl) >= ROUNDS);
	assert_int_equal(f->apply->repairs[SAN_REPAIR_ROUTES], ROUNDS);
	netns_ip("neigh del 2001:db8:1::2 dev v0");
}

/* --- next hops that move --- */

static bool on_link(struct fixture *f, uint64_t name)
{
	char want[64];

	snprintf(want, sizeof(want), "2001:db8:5::101 via 2001:db8:9::2 dev %s",
		 (const char *)(uintptr_t)name);
	return has_route(want);
}

/* The gateway is the same, the link another: the kernel's way follows, whether it has a role. */
static void test_direct_moves(void **state)
{
	struct fixture *f = *state;

	NEED_ROOT();
	netns_ip("link add w0 type veth peer name w1; link set w1 up; link set w0 up;"
		 "route add 2001:db8:9::/64 dev v0;"
		 "neigh add 2001:db8:9::2 dev v0 lladdr 02:00:00:00:00:33 nud permanent;"
		 "neigh add 2001:db8:9::2 dev w0 lladdr 02:00:00:00:00:33 nud permanent");
	begin(f, SAN_PLAN_FULL);
	direct(f, 1, "2001:db8:9::2");
	service(f, 0x101, "2001:db8:5::101", 1);
	assert_int_equal(commit(f), 0);
	assert_true(run_until(f, on_link, (uintptr_t) "v0"));
	netns_ip("route replace 2001:db8:9::/64 dev w0; route del 2001:db8:9::/64 dev v0");
	assert_true(run_until(f, on_link, (uintptr_t) "w0"));
	netns_ip("route add 2001:db8:9::/64 dev v0 metric 10");
	assert_true(run_until(f, on_link, (uintptr_t) "v0"));
	audit_run(f->apply);
	assert_int_equal(f->apply->repairs_all, 0);
	netns_ip("link del w0; route del 2001:db8:9::/64 dev v0");
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		L(test_restart),
		L(test_overruns),
		L(test_direct_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return live_run(run);
}
