/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Module nl against the running kernel, in network namespaces of its own. */
#include <sys/utsname.h>

#include "unit/nl/rig.h"

/* --- links --- */

static void test_link_by_name(void **state)
{
	struct fixture *f = *state;
	struct nl_link link;

	NEED_KERNEL();
	assert_int_equal(nl_link_by_name(f->nl, "v0", &link), 0);
	assert_string_equal(link.name, "v0");
	assert_int_equal(link.ifindex, if_nametoindex("v0"));
	assert_int_equal(link.mtu, 1500);
	assert_true(link.up);
	assert_memory_equal(link.mac, "\x02\0\0\0\0\x01", 6);
	assert_int_equal(nl_link_by_name(f->nl, "nosuch", &link), -ENOENT);
}

static void test_link_is_fresh(void **state)
{
	struct fixture *f = *state;
	struct nl_link link;

	NEED_KERNEL();
	/* No loop turn between the change and the look-up. */
	netns_ip("link set v0 mtu 1400; link add w0 type veth peer name w1");
	assert_int_equal(nl_link_by_name(f->nl, "v0", &link), 0);
	assert_int_equal(link.mtu, 1400);
	assert_int_equal(nl_link_by_name(f->nl, "w0", &link), 0);
	assert_false(link.up);
	netns_ip("link set v0 mtu 1500; link del w0");
	assert_int_equal(nl_link_by_name(f->nl, "w0", &link), -ENOENT);
}

static void test_changes_are_coalesced(void **state)
{
	struct fixture *f = *state;

	NEED_KERNEL();
	uv_run(&f->loop, UV_RUN_NOWAIT);
	f->changes = 0;
	netns_ip("link add w0 type veth peer name w1; link set w0 up; link set w1 up;"
		 "link set w0 mtu 1300; link set w0 mtu 1301; link set w0 mtu 1302");
	assert_true(run_until(f, changed_once, NULL));
	assert_int_equal(f->changes, 1);
	netns_ip("link del w0");
}

/* --- resolve --- */

static void test_resolve_neighbour(void **state)
{
	struct fixture *f = *state;
	struct in6_addr dst = in6("2001:db8:1::2");
	struct nl_adj adj;

	NEED_KERNEL();
	netns_ip("neigh flush dev v0");
	assert_int_equal(nl_resolve(f->nl, &dst, &adj), -EHOSTUNREACH);
	assert_non_null(strstr(adj.why, "2001:db8:1::2"));
	f->changes = 0;
	assert_true(run_until(f, resolved, &dst));
	assert_true(f->changes > 0);
	assert_int_equal(nl_resolve(f->nl, &dst, &adj), 0);
	assert_string_equal(adj.ifname, "v0");
	assert_int_equal(adj.ifindex, if_nametoindex("v0"));
	assert_int_equal(adj.mtu, 1500);
	assert_memory_equal(adj.src_mac, "\x02\0\0\0\0\x01", 6);
	assert_memory_equal(adj.dst_mac, "\x02\0\0\0\0\x02", 6);
	assert_memory_equal(&adj.gateway, &dst, sizeof(dst));
	assert_string_equal(adj.why, "");
}

static void test_resolve_through_router(void **state)
{
	struct in6_addr dst = in6("5f00:0:2::100"), router = in6("2001:db8:1::2");
	struct fixture *f = *state;
	struct nl_adj adj;

	NEED_KERNEL();
	netns_ip("route add 5f00::/16 via 2001:db8:1::2 mtu 1320");
	assert_true(run_until(f, resolved, &dst));
	assert_int_equal(nl_resolve(f->nl, &dst, &adj), 0);
	assert_memory_equal(&adj.gateway, &router, sizeof(router));
	assert_int_equal(adj.mtu, 1320); /* of the route, smaller than the link's */
	netns_ip("route del 5f00::/16");
	assert_int_equal(nl_resolve(f->nl, &dst, &adj), -ENETUNREACH);
}

static void test_resolve_refusals(void **state)
{
	struct in6_addr dst = in6("2001:db8:77::1"), own = in6("2001:db8:1::1");
	struct in6_addr sid = in6("5f00:0:1::1");
	struct fixture *f = *state;
	struct nl_adj adj;

	NEED_KERNEL();
	assert_int_equal(nl_resolve(f->nl, &dst, &adj), -ENETUNREACH);
	assert_string_equal(adj.why, "no route to 2001:db8:77::1");
	assert_int_equal(nl_resolve(f->nl, &own, &adj), -ENETUNREACH);
	assert_string_equal(adj.why, "2001:db8:1::1 is an address of this host");
	netns_ip("route add unreachable 2001:db8:77::/48;"
		 "route add 5f00:0:1::1/128 encap seg6local action End dev v0");
	assert_int_equal(nl_resolve(f->nl, &dst, &adj), -ENETUNREACH);
	assert_int_equal(nl_resolve(f->nl, &sid, &adj), -ENETUNREACH);
	assert_non_null(strstr(adj.why, "SID of this host"));
	netns_ip("route del 2001:db8:77::/48; route del 5f00:0:1::1/128");
}

static void test_resolve_link_down(void **state)
{
	struct in6_addr dst = in6("2001:db8:2::2");
	struct fixture *f = *state;
	struct nl_adj adj;

	NEED_KERNEL();
	/* w1 stays down, so w0 has no carrier; the kernel still routes over it. */
	netns_ip("link add w0 type veth peer name w1; link set w0 up;"
		 "addr add 2001:db8:2::1/64 dev w0 nodad");
	assert_true(nl_resolve(f->nl, &dst, &adj) == -ENETDOWN ||
		    nl_resolve(f->nl, &dst, &adj) == -ENETUNREACH);
	assert_string_not_equal(adj.why, "");
	netns_ip("link del w0");
}

static bool has_mac(struct fixture *f, void *arg)
{
	struct in6_addr dst = in6("2001:db8:1::2");
	struct nl_adj adj;

	return nl_resolve(f->nl, &dst, &adj) == 0 && !memcmp(adj.dst_mac, arg, 6);
}

static void test_neighbour_moves(void **state)
{
	struct fixture *f = *state;
	struct in6_addr dst = in6("2001:db8:1::2");

	NEED_KERNEL();
	assert_true(run_until(f, resolved, &dst));
	f->changes = 0;
	netns_ip("neigh replace 2001:db8:1::2 dev v0 lladdr 02:00:00:00:00:99");
	assert_true(run_until(f, changed_once, NULL));
	assert_true(run_until(f, has_mac, "\x02\0\0\0\0\x99"));
	netns_ip("neigh del 2001:db8:1::2 dev v0");
	assert_true(run_until(f, has_mac, "\x02\0\0\0\0\x02"));
}

/* A watched neighbour that nobody answers for is asked again until somebody does. */
static void test_watch_retries(void **state)
{
	struct fixture *f = *state;
	struct in6_addr dst = in6("2001:db8:1::3");
	struct nl_adj adj;

	NEED_KERNEL();
	nl_watch(f->nl, &dst);
	nl_watch(f->nl, &dst);
	assert_int_equal(nl_resolve(f->nl, &dst, &adj), -EHOSTUNREACH);
	netns_ip_at(ns.peer, "addr add 2001:db8:1::3/64 dev v1 nodad");
	assert_true(run_until(f, resolved, &dst));
	nl_forget(f->nl, &dst);
	nl_forget(f->nl, &dst);
	nl_forget(f->nl, &dst); /* once too often does no harm */
}

/* --- encap routes --- */

static struct nl_encap_route make_route(const char *dst, uint8_t encap, uint8_t n)
{
	struct nl_encap_route r = {.dst = in6(dst), .table = TABLE, .encap = encap, .n_segs = n};

	for (uint8_t i = 0; i < n; i++) {
		r.segs[i] = in6("5f00::");
		r.segs[i].s6_addr[15] = (uint8_t)(i + 1);
	}
	r.ifindex = if_nametoindex("v0");
	return r;
}

struct found {
	struct nl_encap_route v[16];
	unsigned int n;
};

static int on_route(void *arg, const struct nl_encap_route *route)
{
	struct found *found = arg;

	found->v[found->n++] = *route;
	return 0;
}

static struct found routes(struct fixture *f)
{
	struct found found = {0};

	assert_int_equal(nl_encap_route_each(f->nl, TABLE, on_route, &found), 0);
	return found;
}

static bool has_red(void)
{
	struct utsname host;

	return !uname(&host) && strtol(host.release, NULL, 10) >= 6;
}

/* The kernel's own words, through iproute2: segments stand in travel order. */
static void test_encap_every_count(void **state)
{
	const char *modes[] = {has_red() ? "encap.red" : "encap", "encap"};
	struct fixture *f = *state;
	struct in6_addr dst;

	NEED_KERNEL();
	for (uint8_t encap = 0; encap < 2; encap++) {
		for (uint8_t n = 1; n <= SAN_MAX_SEGS; n++) {
			struct nl_encap_route r = make_route("2001:db8:5::101", encap, n);
			char want[256];
			int at = snprintf(want, sizeof(want), "seg6 mode %s segs %u [ ",
					  modes[encap], n);
			struct found found;
			struct err err = {0};

			for (int i = 1; i <= n; i++)
				at += snprintf(want + at, sizeof(want) - (size_t)at, "5f00::%x ",
					       i);
			assert_int_equal(nl_encap_route_put(f->nl, &r, &err), 0);
			assert_non_null(strstr(netns_read("ip -6 route show table 5300"), want));
			found = routes(f);
			assert_int_equal(found.n, 1);
			assert_true(nl_encap_route_same(f->nl, &found.v[0], &r));
			/* Again: nothing happens, nothing fails. */
			assert_int_equal(nl_encap_route_put(f->nl, &r, &err), 0);
			assert_int_equal(routes(f).n, 1);
		}
	}
	dst = in6("2001:db8:5::101");
	assert_int_equal(nl_encap_route_del(f->nl, &dst, TABLE, NULL), 0);
	assert_int_equal(routes(f).n, 0);
}

static void test_unreachable_and_back(void **state)
{
	struct fixture *f = *state;
	struct nl_encap_route none = make_route("2001:db8:5::102", 0, 0);
	struct nl_encap_route two = make_route("2001:db8:5::102", 0, 2);
	struct found found;

	NEED_KERNEL();
	assert_int_equal(nl_encap_route_put(f->nl, &none, NULL), 0);
	found = routes(f);
	assert_int_equal(found.n, 1);
	assert_int_equal(found.v[0].n_segs, 0);
	assert_int_equal(nl_encap_route_put(f->nl, &two, NULL), 0);
	found = routes(f);
	assert_int_equal(found.n, 1);
	assert_true(nl_encap_route_same(f->nl, &found.v[0], &two));
	assert_false(nl_encap_route_same(f->nl, &found.v[0], &none));
	assert_int_equal(nl_encap_route_put(f->nl, &none, NULL), 0);
	assert_int_equal(routes(f).n, 1);
	assert_int_equal(nl_encap_route_del(f->nl, &none.dst, TABLE, NULL), 0);
	assert_int_equal(nl_encap_route_del(f->nl, &none.dst, TABLE, NULL), 0);
}

static void test_route_without_link_named(void **state)
{
	struct fixture *f = *state;
	struct nl_encap_route r = make_route("2001:db8:5::103", 0, 1);
	struct err err = {0};

	NEED_KERNEL();
	r.ifindex = 0;
	assert_int_equal(nl_encap_route_put(f->nl, &r, &err), 0);
	assert_int_equal(routes(f).v[0].ifindex, if_nametoindex("v0"));
	assert_int_equal(nl_encap_route_del(f->nl, &r.dst, TABLE, NULL), 0);
	netns_ip("link set v0 down");
	assert_int_equal(nl_encap_route_put(f->nl, &r, &err), -ENETDOWN);
	netns_ip("link set v0 up; addr replace 2001:db8:1::1/64 dev v0 nodad");
}

static void test_foreign_routes_are_left_alone(void **state)
{
	struct fixture *f = *state;
	struct nl_encap_route r = make_route("2001:db8:5::104", 0, 1);
	struct err err = {0};
	char text[512];

	NEED_KERNEL();
	netns_ip("route add 2001:db8:5::104/128 dev v0 table 5300 proto static");
	assert_int_equal(nl_encap_route_put(f->nl, &r, &err), -EEXIST);
	assert_non_null(strstr(err_text(&err, text, sizeof(text)), "route 2001:db8:5::104"));
	assert_non_null(strstr(text, "protocol 4"));
	assert_int_equal(routes(f).n, 0);
	assert_int_equal(nl_encap_route_del(f->nl, &r.dst, TABLE, NULL), 0);
	assert_non_null(strstr(netns_read("ip -6 route show table 5300"), "proto static"));
	netns_ip("route del 2001:db8:5::104/128 table 5300");
}

/* What was ours and was replaced behind our back is not ours any more. */
static void test_replaced_behind_our_back(void **state)
{
	struct fixture *f = *state;
	struct nl_encap_route r = make_route("2001:db8:5::105", 0, 1);

	NEED_KERNEL();
	assert_int_equal(nl_encap_route_put(f->nl, &r, NULL), 0);
	assert_false(nl_lost(f->nl));
	netns_ip("route replace 2001:db8:5::105/128 dev v0 table 5300 proto static");
	assert_int_equal(nl_encap_route_put(f->nl, &r, NULL), -EEXIST);
	assert_true(nl_lost(f->nl));
	assert_false(nl_lost(f->nl));
	netns_ip("route del 2001:db8:5::105/128 table 5300");
	assert_int_equal(nl_encap_route_put(f->nl, &r, NULL), 0);
	netns_ip("route del 2001:db8:5::105/128 table 5300");
	assert_true(nl_lost(f->nl));
}

/* A predecessor's route (same protocol, not known to this process) is taken over. */
static void test_predecessor_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct nl_encap_route r = make_route("2001:db8:5::106", 1, 3);
	struct found found;

	NEED_KERNEL();
	netns_ip("route add 2001:db8:5::106/128 encap seg6 mode inline segs 5f00::9 dev v0 "
		 "table 5300 proto 0x5a");
	assert_int_equal(routes(f).v[0].n_segs, 255); /* ours, but not of our making */
	assert_int_equal(nl_encap_route_put(f->nl, &r, NULL), 0);
	found = routes(f);
	assert_int_equal(found.n, 1);
	assert_true(nl_encap_route_same(f->nl, &found.v[0], &r));
	assert_int_equal(nl_encap_route_del(f->nl, &r.dst, TABLE, NULL), 0);
}

static void test_route_bad_input(void **state)
{
	struct fixture *f = *state;
	struct nl_encap_route r = make_route("2001:db8:5::107", 0, 1);
	struct err err = {0};

	NEED_KERNEL();
	r.n_segs = SAN_MAX_SEGS + 1;
	assert_int_equal(nl_encap_route_put(f->nl, &r, &err), -EINVAL);
	assert_string_equal(err.object, "route 2001:db8:5::107 table 5300");
	r = make_route("2001:db8:5::107", SAN_ENCAP_MAX, 1);
	assert_int_equal(nl_encap_route_put(f->nl, &r, &err), -EINVAL);
	assert_int_equal(routes(f).n, 0);
}

static int stop_walk(void *arg, const struct nl_encap_route *route)
{
	++*(int *)arg;
	return -ECANCELED;
}

static void test_walk_stops(void **state)
{
	struct fixture *f = *state;
	struct nl_encap_route r1 = make_route("2001:db8:5::108", 0, 1);
	struct nl_encap_route r2 = make_route("2001:db8:5::109", 0, 1);
	int n = 0;

	NEED_KERNEL();
	assert_int_equal(nl_encap_route_put(f->nl, &r1, NULL), 0);
	assert_int_equal(nl_encap_route_put(f->nl, &r2, NULL), 0);
	assert_int_equal(nl_encap_route_each(f->nl, TABLE, stop_walk, &n), -ECANCELED);
	assert_int_equal(n, 1);
	assert_int_equal(nl_encap_route_each(f->nl, 9999, stop_walk, &n), 0);
	assert_int_equal(nl_encap_route_del(f->nl, &r1.dst, TABLE, NULL), 0);
	assert_int_equal(nl_encap_route_del(f->nl, &r2.dst, TABLE, NULL), 0);
}

/* --- SIDs --- */

struct found_sids {
	struct san_msg_sid v[8];
	unsigned int n;
};

static int on_sid(void *arg, const struct san_msg_sid *sid)
{
	struct found_sids *found = arg;

	found->v[found->n++] = *sid;
	return 0;
}

static void put_sid(struct fixture *f, const struct san_msg_sid *sid, const char *want)
{
	struct found_sids found = {0};
	struct err err = {0};

	assert_int_equal(nl_sid_put(f->nl, sid, &err), 0);
	assert_int_equal(nl_sid_put(f->nl, sid, &err), 0);
	assert_non_null(strstr(netns_read("ip -6 route show proto 0x5a"), want));
	assert_int_equal(nl_sid_each(f->nl, on_sid, &found), 0);
	assert_int_equal(found.n, 1);
	assert_int_equal(found.v[0].behaviour, sid->behaviour);
	assert_memory_equal(&found.v[0].addr, &sid->addr, sizeof(sid->addr));
	assert_memory_equal(&found.v[0].nexthop, &sid->nexthop, sizeof(sid->nexthop));
	assert_int_equal(found.v[0].table, sid->table);
	assert_string_equal(found.v[0].oif, "v0");
	assert_int_equal(nl_sid_del(f->nl, &sid->addr, &err), 0);
	assert_int_equal(nl_sid_del(f->nl, &sid->addr, &err), 0);
}

static void test_sids(void **state)
{
	struct fixture *f = *state;
	struct san_msg_sid sid = {.addr = in6("5f00:0:1::100"), .behaviour = SAN_BEHAVIOUR_END};

	NEED_KERNEL();
	put_sid(f, &sid, "action End dev v0");
	sid.behaviour = SAN_BEHAVIOUR_END_DX6;
	sid.nexthop = in6("2001:db8:1::2");
	put_sid(f, &sid, "action End.DX6 nh6 2001:db8:1::2 dev v0");
	strcpy(sid.oif, "v0");
	put_sid(f, &sid, "action End.DX6 nh6 2001:db8:1::2 dev v0");
	memset(&sid.nexthop, 0, sizeof(sid.nexthop));
	sid.behaviour = SAN_BEHAVIOUR_END_DT6;
	sid.table = 254;
	put_sid(f, &sid, "action End.DT6 table main dev v0");
}

static void test_sid_refusals(void **state)
{
	struct fixture *f = *state;
	struct san_msg_sid sid = {.addr = in6("5f00:0:1::101"), .behaviour = 0};
	struct err err = {0};

	NEED_KERNEL();
	assert_int_equal(nl_sid_put(f->nl, &sid, &err), -EINVAL);
	sid.behaviour = SAN_BEHAVIOUR_END;
	strcpy(sid.oif, "nosuch");
	assert_int_equal(nl_sid_put(f->nl, &sid, &err), -ENODEV);
	assert_string_equal(err.object, "SID 5f00:0:1::101");
	assert_non_null(strstr(err.want, "nosuch"));
	sid.oif[0] = '\0';
	netns_ip("route add 5f00:0:1::101/128 dev v0");
	assert_int_equal(nl_sid_put(f->nl, &sid, &err), -EEXIST);
	assert_int_equal(nl_sid_del(f->nl, &sid.addr, &err), 0);
	assert_non_null(strstr(netns_read("ip -6 route show 5f00:0:1::101"), "dev v0"));
	netns_ip("route del 5f00:0:1::101/128");
}

/* --- host --- */

static int on_rule(void *arg, uint32_t table, uint32_t priority)
{
	*(uint64_t *)arg = *(uint64_t *)arg * 1000000 + (uint64_t)table * 100 + priority;
	return 0;
}

static void test_rule(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};
	uint64_t seen = 0;

	NEED_KERNEL();
	assert_int_equal(nl_rule_put(f->nl, TABLE, 50, &err), 0);
	assert_int_equal(nl_rule_put(f->nl, TABLE, 50, &err), 0);
	assert_int_equal(nl_rule_each(f->nl, on_rule, &seen), 0);
	assert_int_equal(seen, TABLE * 100 + 50);
	assert_non_null(strstr(netns_read("ip -6 rule"), "50:\tfrom all lookup 5300"));
	assert_int_equal(nl_rule_del(f->nl, TABLE, 50, &err), 0);
	assert_int_equal(nl_rule_del(f->nl, TABLE, 50, &err), 0);
	assert_null(strstr(netns_read("ip -6 rule"), "5300"));
	netns_ip("rule add lookup 5300 priority 50");
	assert_int_equal(nl_rule_del(f->nl, TABLE, 50, &err), 0);
	assert_non_null(strstr(netns_read("ip -6 rule"), "5300"));
	netns_ip("rule del lookup 5300 priority 50");
}

static void test_rule_lost(void **state)
{
	struct fixture *f = *state;

	NEED_KERNEL();
	assert_int_equal(nl_rule_put(f->nl, TABLE, 50, NULL), 0);
	assert_false(nl_lost(f->nl));
	netns_ip("rule del lookup 5300 priority 50");
	assert_true(nl_lost(f->nl));
}

static void test_tunsrc(void **state)
{
	struct fixture *f = *state;
	struct in6_addr src = in6("2001:db8:1::1");
	struct err err = {0};
	int r;

	NEED_KERNEL();
	r = nl_tunsrc_set(f->nl, &src, &err);
	if (ns.user && r == -EPERM) {
		print_message("not allowed in a user namespace\n");
		skip();
	}
	assert_int_equal(r, 0);
	assert_non_null(strstr(netns_read("ip sr tunsrc show"), "2001:db8:1::1"));
}

static void test_shut_without_open(void **state)
{
	nl_shut(NULL);
}

/* What a walk did not see is put only where it is not there, and only ours goes. */
static void test_mend_and_strays(void **state)
{
	struct in6_addr sid_addr = in6("5f00:0:1::9"), dst = in6("2001:db8:5::9");
	struct san_msg_sid sid = {.addr = sid_addr, .behaviour = SAN_BEHAVIOUR_END};
	struct nl_encap_route r = make_route("2001:db8:5::9", SAN_ENCAP_RED, 2);
	struct fixture *f = *state;
	struct err err = {0};
	bool made;

	NEED_KERNEL();
	assert_int_equal(nl_encap_route_mend(f->nl, &r, &made, &err), 0);
	assert_true(made);
	assert_int_equal(nl_encap_route_mend(f->nl, &r, &made, &err), 0);
	assert_false(made);
	assert_true(nl_walk_stray(f->nl, &dst, TABLE));
	assert_false(nl_walk_stray(f->nl, &dst, TABLE)); /* gone already */
	netns_ip("route add unreachable 2001:db8:5::9/128 table 5300 proto 3");
	assert_false(nl_walk_stray(f->nl, &dst, TABLE)); /* another's */
	assert_int_equal(nl_encap_route_mend(f->nl, &r, &made, &err), -EEXIST);
	assert_false(made);
	netns_ip("route del 2001:db8:5::9/128 table 5300");
	assert_int_equal(nl_sid_mend(f->nl, &sid, &made, &err), 0);
	assert_true(made);
	assert_int_equal(nl_sid_mend(f->nl, &sid, &made, &err), 0);
	assert_false(made);
	assert_true(nl_walk_stray(f->nl, &sid_addr, 254));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_link_by_name),
		T(test_link_is_fresh),
		T(test_changes_are_coalesced),
		T(test_resolve_neighbour),
		T(test_resolve_through_router),
		T(test_resolve_refusals),
		T(test_resolve_link_down),
		T(test_neighbour_moves),
		T(test_watch_retries),
		T(test_encap_every_count),
		T(test_unreachable_and_back),
		T(test_route_without_link_named),
		T(test_foreign_routes_are_left_alone),
		T(test_replaced_behind_our_back),
		T(test_predecessor_is_replaced),
		T(test_route_bad_input),
		T(test_walk_stops),
		T(test_mend_and_strays),
		T(test_sids),
		T(test_sid_refusals),
		T(test_rule),
		T(test_rule_lost),
		T(test_tunsrc),
		cmocka_unit_test(test_shut_without_open),
	};
	int failed;

	usable = netns_up(&ns);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	netns_down(&ns);
	return failed;
}
