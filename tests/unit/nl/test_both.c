/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Module nl and what is new with IPv4: routes, neighbours, rules; direct routes, SIDs of all kinds.
 */
#include <sys/utsname.h>

#include "unit/nl/rig.h"

static struct in6_addr in4(const char *text)
{
	char mapped[64];

	snprintf(mapped, sizeof(mapped), "::ffff:%s", text);
	return in6(mapped);
}

static void add_ipv4(void)
{
	netns_ip("-4 addr replace 10.1.0.1/24 dev v0");
	netns_ip_at(ns.peer, "-4 addr replace 10.1.0.2/24 dev v1");
}

/* --- neighbours --- */

static void test_resolve_ipv4(void **state)
{
	struct in6_addr dst = in4("10.1.0.2"), far = in4("10.7.0.9"), gone = in4("10.99.0.1");
	struct in6_addr self = in4("10.1.0.1");
	struct fixture *f = *state;
	struct nl_adj adj;

	NEED_KERNEL();
	add_ipv4();
	assert_true(run_until(f, resolved, &dst));
	assert_int_equal(nl_resolve(f->nl, &dst, &adj), 0);
	assert_string_equal(adj.ifname, "v0");
	assert_memory_equal(adj.dst_mac, "\x02\0\0\0\0\x02", 6);
	assert_memory_equal(&adj.gateway, &dst, sizeof(dst));
	netns_ip("-4 route add 10.7.0.0/16 via 10.1.0.2 mtu 1320");
	assert_int_equal(nl_resolve(f->nl, &far, &adj), 0);
	assert_memory_equal(&adj.gateway, &dst, sizeof(dst));
	assert_int_equal(adj.mtu, 1320);
	assert_int_equal(nl_resolve(f->nl, &gone, &adj), -ENETUNREACH);
	assert_non_null(strstr(adj.why, "no route to 10.99.0.1"));
	assert_int_equal(nl_resolve(f->nl, &self, &adj), -ENETUNREACH);
	assert_non_null(strstr(adj.why, "address of this host"));
	netns_ip("-4 route del 10.7.0.0/16");
}

/* An IPv4 route may lead to an IPv6 neighbour (RFC 8950). */
static void test_resolve_ipv4_by_ipv6(void **state)
{
	struct in6_addr dst = in4("10.8.0.9"), gateway = in6("2001:db8:1::2");
	struct fixture *f = *state;
	struct nl_adj adj;

	NEED_KERNEL();
	netns_ip("-4 route add 10.8.0.0/16 via inet6 2001:db8:1::2 dev v0");
	assert_true(run_until(f, resolved, &dst));
	assert_int_equal(nl_resolve(f->nl, &dst, &adj), 0);
	assert_memory_equal(&adj.gateway, &gateway, sizeof(gateway));
	assert_memory_equal(adj.dst_mac, "\x02\0\0\0\0\x02", 6);
	netns_ip("-4 route del 10.8.0.0/16");
}

/* --- routes --- */

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

static struct nl_encap_route to(struct in6_addr dst, uint8_t n_segs)
{
	struct nl_encap_route r = {.dst = dst, .table = TABLE, .encap = SAN_ENCAP_FULL};

	r.n_segs = n_segs;
	for (uint8_t i = 0; i < n_segs; i++) {
		r.segs[i] = in6("5f00::");
		r.segs[i].s6_addr[15] = (uint8_t)(i + 1);
	}
	return r;
}

static void put_and_find(struct fixture *f, const struct nl_encap_route *route)
{
	struct err err = {0};
	struct found found;

	assert_int_equal(nl_encap_route_put(f->nl, route, &err), 0);
	assert_int_equal(nl_encap_route_put(f->nl, route, &err), 0);
	found = routes(f);
	assert_int_equal(found.n, 1);
	assert_true(nl_encap_route_same(f->nl, route, &found.v[0]));
}

/* Each form replaces the one before; the kernel's own words tell what there is. */
static void test_ipv4_route_forms(void **state)
{
	struct nl_encap_route r = to(in4("10.9.0.1"), 0), direct = to(in4("10.9.0.1"), 0);
	const char *show = "ip -4 route show table 5300";
	struct fixture *f = *state;

	NEED_KERNEL();
	add_ipv4();
	put_and_find(f, &r);
	assert_non_null(strstr(netns_read(show), "unreachable 10.9.0.1"));
	for (uint8_t n = 1; n <= SAN_MAX_SEGS; n++) {
		char want[64];

		r = to(in4("10.9.0.1"), n);
		put_and_find(f, &r);
		snprintf(want, sizeof(want), "seg6 mode encap segs %u [ 5f00::1 ", n);
		assert_non_null(strstr(netns_read(show), want));
	}
	direct.direct = true;
	direct.via = in4("10.1.0.2");
	assert_false(nl_encap_route_same(f->nl, &r, &direct));
	put_and_find(f, &direct);
	assert_non_null(strstr(netns_read(show), "10.9.0.1 via 10.1.0.2 dev v0"));
	r = to(in4("10.9.0.1"), 0);
	put_and_find(f, &r);
	assert_int_equal(nl_encap_route_del(f->nl, &r.dst, TABLE, NULL), 0);
	assert_int_equal(nl_encap_route_del(f->nl, &r.dst, TABLE, NULL), 0);
	assert_int_equal(routes(f).n, 0);
}

static void test_ipv6_direct_route(void **state)
{
	struct nl_encap_route r = to(in6("2001:db8:5::120"), 0), router = r;
	struct fixture *f = *state;

	NEED_KERNEL();
	r.direct = router.direct = true;
	r.via = in6("2001:db8:1::2");
	put_and_find(f, &r);
	assert_non_null(strstr(netns_read("ip -6 route show table 5300"),
			       "2001:db8:5::120 via 2001:db8:1::2 dev v0"));
	/* An instance behind a router: the kernel gets the router. */
	netns_ip("route add 2001:db8:88::/64 via 2001:db8:1::2");
	router.via = in6("2001:db8:88::9");
	put_and_find(f, &router);
	assert_true(nl_encap_route_same(f->nl, &r, &router));
	router.via = in6("2001:db8:1::7");
	assert_false(nl_encap_route_same(f->nl, &r, &router));
	netns_ip("route del 2001:db8:88::/64");
	assert_int_equal(nl_encap_route_del(f->nl, &r.dst, TABLE, NULL), 0);
}

static void test_direct_refusals(void **state)
{
	struct nl_encap_route r = to(in6("2001:db8:5::121"), 0);
	struct fixture *f = *state;
	struct err err = {0};

	NEED_KERNEL();
	r.direct = true;
	r.via = in4("10.1.0.2");
	assert_int_equal(nl_encap_route_put(f->nl, &r, &err), -EINVAL);
	assert_non_null(strstr(err.want, "same IP version"));
	r.via = in6("2001:db8:77::1");
	assert_int_equal(nl_encap_route_put(f->nl, &r, &err), -ENETDOWN);
	assert_non_null(strstr(err.want, "2001:db8:77::1"));
	r.n_segs = 1;
	assert_int_equal(nl_encap_route_put(f->nl, &r, &err), -EINVAL);
	assert_int_equal(routes(f).n, 0);
}

static void test_foreign_ipv4_route(void **state)
{
	struct nl_encap_route r = to(in4("10.9.0.2"), 1);
	struct fixture *f = *state;
	struct err err = {0};

	NEED_KERNEL();
	netns_ip("-4 route add 10.9.0.2/32 dev v0 table 5300 proto static metric 1024");
	assert_int_equal(nl_encap_route_put(f->nl, &r, &err), -EEXIST);
	assert_string_equal(err.object, "route 10.9.0.2 table 5300");
	assert_int_equal(nl_encap_route_del(f->nl, &r.dst, TABLE, NULL), 0);
	assert_non_null(strstr(netns_read("ip -4 route show table 5300"), "proto static"));
	netns_ip("-4 route del 10.9.0.2/32 table 5300");
	assert_int_equal(nl_encap_route_put(f->nl, &r, NULL), 0);
	netns_ip("-4 route del 10.9.0.2/32 table 5300");
	assert_true(nl_lost(f->nl));
}

static bool lost(struct fixture *f, void *arg)
{
	struct nl_link link;

	nl_link_by_name(f->nl, "v0", &link);
	return nl_lost(f->nl);
}

/* The kernel takes IPv4 routes away with their link and says nothing. */
static void test_link_down_loses_ipv4_routes(void **state)
{
	struct nl_encap_route r = to(in4("10.9.0.3"), 1);
	struct fixture *f = *state;

	NEED_KERNEL();
	add_ipv4();
	assert_int_equal(nl_encap_route_put(f->nl, &r, NULL), 0);
	assert_false(nl_lost(f->nl));
	netns_ip("link set v0 down");
	assert_true(run_until(f, lost, NULL));
	assert_int_equal(routes(f).n, 0);
	netns_ip("link set v0 up; addr replace 2001:db8:1::1/64 dev v0 nodad");
	add_ipv4();
	put_and_find(f, &r);
	assert_int_equal(nl_encap_route_del(f->nl, &r.dst, TABLE, NULL), 0);
}

/* --- rules --- */

static int count_rule(void *arg, uint32_t table, uint32_t priority)
{
	++*(unsigned int *)arg;
	return 0;
}

static unsigned int rules(struct fixture *f)
{
	unsigned int n = 0;

	assert_int_equal(nl_rule_each(f->nl, count_rule, &n), 0);
	return n;
}

static void test_rule_in_both(void **state)
{
	struct fixture *f = *state;

	NEED_KERNEL();
	assert_false(nl_rule_there(f->nl, TABLE, 60));
	assert_int_equal(nl_rule_put(f->nl, TABLE, 60, NULL), 0);
	assert_true(nl_rule_there(f->nl, TABLE, 60));
	assert_int_equal(rules(f), 1);
	assert_non_null(strstr(netns_read("ip -4 rule"), "60:\tfrom all lookup 5300"));
	assert_non_null(strstr(netns_read("ip -6 rule"), "60:\tfrom all lookup 5300"));
	assert_false(nl_lost(f->nl));
	netns_ip("-4 rule del lookup 5300 priority 60");
	assert_true(nl_lost(f->nl));
	assert_false(nl_rule_there(f->nl, TABLE, 60));
	assert_int_equal(rules(f), 1); /* so that it can be removed */
	assert_int_equal(nl_rule_put(f->nl, TABLE, 60, NULL), 0);
	assert_true(nl_rule_there(f->nl, TABLE, 60));
	assert_int_equal(nl_rule_del(f->nl, TABLE, 60, NULL), 0);
	assert_int_equal(rules(f), 0);
	assert_null(strstr(netns_read("ip -4 rule"), "5300"));
	assert_null(strstr(netns_read("ip -6 rule"), "5300"));
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

static struct san_msg_sid put_sid(struct fixture *f, const struct san_msg_sid *sid,
				  const char *want)
{
	struct found_sids found = {0};
	struct err err = {0};

	assert_int_equal(nl_sid_put(f->nl, sid, &err), 0);
	assert_int_equal(nl_sid_put(f->nl, sid, &err), 0);
	assert_non_null(strstr(netns_read("ip -6 route show proto 0x5a"), want));
	assert_int_equal(nl_sid_each(f->nl, on_sid, &found), 0);
	assert_int_equal(found.n, 1);
	assert_true(nl_sid_same(f->nl, sid, &found.v[0]));
	assert_int_equal(nl_sid_del(f->nl, &sid->addr, &err), 0);
	return found.v[0];
}

static void test_sid_kinds(void **state)
{
	struct san_msg_sid sid = {.addr = in6("5f00:0:1::110"), .service_id = 7};
	struct fixture *f = *state;
	struct san_msg_sid real;

	NEED_KERNEL();
	add_ipv4();
	sid.behaviour = SAN_BEHAVIOUR_END_DX4;
	sid.nexthop = in4("10.1.0.2");
	real = put_sid(f, &sid, "action End.DX4 nh4 10.1.0.2 dev v0");
	assert_int_equal(real.behaviour, SAN_BEHAVIOUR_END_DX4);
	assert_memory_equal(&real.nexthop, &sid.nexthop, sizeof(sid.nexthop));
	sid.nexthop = in4("10.1.0.3");
	assert_false(nl_sid_same(f->nl, &sid, &real));
	sid = (struct san_msg_sid){.addr = sid.addr, .behaviour = SAN_BEHAVIOUR_END_SAN};
	real = put_sid(f, &sid, "action End.DT6 table ");
	assert_int_equal(real.behaviour, SAN_BEHAVIOUR_END_DT6);
	assert_int_equal(real.table, 0);
	sid.behaviour = SAN_BEHAVIOUR_END;
	assert_false(nl_sid_same(f->nl, &sid, &real));
}

static bool has_psp(void)
{
	struct utsname host;
	int major, minor;

	return !uname(&host) && sscanf(host.release, "%d.%d", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 3));
}

/* Read back as wanted, whether or not this kernel has the flavor. */
static void test_sid_flavors(void **state)
{
	struct san_msg_sid sid = {.addr = in6("5f00:0:1::111"), .behaviour = SAN_BEHAVIOUR_END};
	struct fixture *f = *state;
	struct san_msg_sid real;

	NEED_KERNEL();
	sid.flavors = SAN_FLAVOR_PSP | SAN_FLAVOR_USD;
	real = put_sid(f, &sid, "action End ");
	assert_int_equal(real.flavors, has_psp() ? SAN_FLAVOR_PSP : 0);
	sid.flavors = 0;
	assert_int_equal(nl_sid_same(f->nl, &sid, &real), !has_psp());
	real = put_sid(f, &sid, "action End ");
	assert_int_equal(real.flavors, 0);
}

static void test_sid_wrong_nexthop(void **state)
{
	struct san_msg_sid sid = {.addr = in6("5f00:0:1::112")};
	struct fixture *f = *state;
	struct err err = {0};

	NEED_KERNEL();
	sid.behaviour = SAN_BEHAVIOUR_END_DX4;
	sid.nexthop = in6("2001:db8:1::2");
	assert_int_equal(nl_sid_put(f->nl, &sid, &err), -EINVAL);
	assert_non_null(strstr(err.want, "IPv4"));
	sid.behaviour = SAN_BEHAVIOUR_END_DX6;
	sid.nexthop = in4("10.1.0.2");
	assert_int_equal(nl_sid_put(f->nl, &sid, &err), -EINVAL);
	assert_non_null(strstr(err.want, "IPv6"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_resolve_ipv4),
		T(test_resolve_ipv4_by_ipv6),
		T(test_ipv4_route_forms),
		T(test_ipv6_direct_route),
		T(test_direct_refusals),
		T(test_foreign_ipv4_route),
		T(test_link_down_loses_ipv4_routes),
		T(test_rule_in_both),
		T(test_sid_kinds),
		T(test_sid_flavors),
		T(test_sid_wrong_nexthop),
	};
	int failed;

	usable = netns_up(&ns);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	netns_down(&ns);
	return failed;
}
