/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libcore.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

const uint8_t c_next_macs[12] = {2, 0xdd, 1, 2, 3, 4, 2, 1, 1, 1, 1, 1};
const uint8_t c_direct_macs[12] = {2, 0xaa, 1, 1, 1, 1, 2, 0xbb, 2, 2, 2, 2};

void c_put_sid(struct r_env *env, const char *sid, const struct san_sid *val)
{
	const struct in6_addr key = r_addr(sid);

	r_put(env, "san_sids", &key, val);
}

void c_put_nexthop(struct r_env *env, uint32_t index, uint8_t kind, uint32_t mtu)
{
	struct san_nexthop nh = {.ifindex = env->ifindex,
				 .kind = kind,
				 .mtu = mtu,
				 .epoch = 1,
				 .families = SAN_NH_IP6 | SAN_NH_IP4};

	memcpy(nh.dst_mac, c_direct_macs, 6);
	memcpy(nh.src_mac, c_direct_macs + 6, 6);
	r_put(env, "san_nexthops", &index, &nh);
}

int c_reset(void **state)
{
	static const struct {
		const char *sid;
		struct san_sid val;
	} sids[] = {
		{END, {.behaviour = SAN_BEHAVIOUR_END}},
		{END_PSP, {.behaviour = SAN_BEHAVIOUR_END, .flavors = SAN_FLAVOR_PSP}},
		{END_USP, {.behaviour = SAN_BEHAVIOUR_END, .flavors = SAN_FLAVOR_USP}},
		{END_USD, {.behaviour = SAN_BEHAVIOUR_END, .flavors = SAN_FLAVOR_USD}},
		{DX6, {.behaviour = SAN_BEHAVIOUR_END_DX6, .nexthop = NH6, .stats = STATS}},
		{DX4, {.behaviour = SAN_BEHAVIOUR_END_DX4, .nexthop = NH4, .stats = STATS}},
		{DT6, {.behaviour = SAN_BEHAVIOUR_END_DT6, .stats = STATS}},
		{LEFT_TO_KERNEL, {.behaviour = SAN_BEHAVIOUR_END, .flags = SAN_SID_KERNEL}},
	};
	struct r_env *env = *state;
	const struct san_domain none = {0};
	size_t i;

	r_clear(env, "san_sids");
	for (i = 0; i < sizeof(sids) / sizeof(sids[0]); i++)
		c_put_sid(env, sids[i].sid, &sids[i].val);
	c_put_nexthop(env, NH6, SAN_NH_DIRECT, 1500);
	c_put_nexthop(env, NH4, SAN_NH_DIRECT, 1500);
	r_domain(env, &none);
	r_role(env, SAN_ROLE_CORE, 0);
	return 0;
}

int c_open(void **state)
{
	struct r_env *env = calloc(1, sizeof(*env));

	*state = env;
	r_namespace(env);
	r_ip("addr add 2001:db8:1::1/64 dev core0 nodad\n"
	     "neigh add 2001:db8:1::2 lladdr 02:dd:01:02:03:04 dev core0 nud permanent\n"
	     "route add fc00:100::/24 via 2001:db8:1::2 dev core0\n"
	     "route add fc00:200::/32 via 2001:db8:1::3 dev core0\n"
	     "addr add 2001:db8:2::1/64 dev peer0 nodad\n"
	     "neigh add 2001:db8:2::2 lladdr 02:dd:01:02:03:04 dev peer0 nud permanent\n"
	     "route add fc00:300::/32 via 2001:db8:2::2 dev peer0\n"
	     "route add 2001:db8:5::/64 via 2001:db8:1::2 dev core0\n"
	     "addr add 10.9.0.1/24 dev core0\n"
	     "neigh add 10.9.0.2 lladdr 02:dd:01:02:03:04 dev core0 nud permanent\n"

	     "route add 203.0.113.0/24 via 10.9.0.2\n");
	r_load(env, "build/bpf/core.bpf.o", "san_core");
	return 0;
}

int c_close(void **state)
{
	r_unload(*state);
	free(*state);
	return 0;
}

/* --- packets ---------------------------------------------------------------------------------- */

/* The list as it stands in the SRH: entry i is fc00:10i::i. */
struct in6_addr c_segment(unsigned int i)
{
	struct in6_addr addr = r_addr("fc00:100::");

	addr.s6_addr[3] = i;
	addr.s6_addr[15] = i + 1;
	return addr;
}

/* Ethernet, c_outer IPv6 to this SID and, unless left is NO_SRH, an SRH of n segments. */
void c_outer(struct r_pkt *pkt, const char *sid, unsigned int n, int left, uint8_t next)
{
	const uint8_t srh[8] = {next, 2 * n, 4, left, n - 1, 0, 0x11, 0x22};
	struct in6_addr seg;
	unsigned int i;

	r_eth(pkt, 0x86dd);
	r_ip6(pkt, SOURCE, sid, left == NO_SRH ? next : 43);
	if (left == NO_SRH)
		return;
	r_bytes(pkt, srh, sizeof(srh));
	for (i = 0; i < n; i++) {
		seg = c_segment(i);
		r_bytes(pkt, &seg, sizeof(seg));
	}
}

size_t c_outer_len(unsigned int n, int left)
{
	return R_IP6 + (left == NO_SRH ? 0 : 8 + 16 * n);
}

void c_with_6(struct r_pkt *pkt, const char *sid, unsigned int n, int left, size_t payload)
{
	c_outer(pkt, sid, n, left, 41);
	r_udp6(pkt, CLIENT, SERVER, payload);
	r_end6(pkt, R_ETH);
}

void c_with_4(struct r_pkt *pkt, const char *sid, unsigned int n, int left, size_t payload)
{
	c_outer(pkt, sid, n, left, 4);
	r_udp4(pkt, CLIENT4, SERVER4, payload);
	r_end6(pkt, R_ETH);
}

/* What must come out of len bytes that begin at l3: these MAC addresses, this type. */
void c_expected(struct r_pkt *want, const uint8_t macs[12], uint16_t type, const uint8_t *l3,
		size_t len)
{
	want->len = 0;
	type = htons(type);
	r_bytes(want, macs, 12);
	r_bytes(want, &type, 2);
	r_bytes(want, l3, len);
}

void c_check_out(struct r_env *env, const struct r_pkt *pkt, enum san_reason reason,
		 const struct r_pkt *want)
{
	struct r_out out;

	r_run(env, pkt, &out);
	if (out.reason != reason)
		fail_msg("reason is %s, must be %s", r_reason_name(out.reason),
			 r_reason_name(reason));
	assert_int_equal(out.action, XDP_REDIRECT);
	assert_int_equal(out.len, want->len);
	assert_memory_equal(out.data, want->data, want->len);
}

/* The inner packet, from off behind the c_outer IPv6 header on, with a hop less. */
void c_check_inner_6(struct r_env *env, const struct r_pkt *pkt, size_t off, size_t len,
		     const uint8_t macs[12])
{
	struct r_pkt want;

	c_expected(&want, macs, 0x86dd, pkt->data + R_ETH + off, len);
	want.data[R_ETH + 7]--;
	c_check_out(env, pkt, SAN_R_DECAPSULATED, &want);
}

void c_check_inner_4(struct r_env *env, const struct r_pkt *pkt, size_t off, size_t len,
		     const uint8_t macs[12])
{
	struct r_pkt want;
	uint16_t sum;

	c_expected(&want, macs, 0x0800, pkt->data + R_ETH + off, len);
	want.data[R_ETH + 8]--;
	memset(want.data + R_ETH + 10, 0, 2);
	sum = htons(r_sum(want.data + R_ETH, (want.data[R_ETH] & 0xf) * 4, 0));
	memcpy(want.data + R_ETH + 10, &sum, 2);
	c_check_out(env, pkt, SAN_R_DECAPSULATED, &want);
}
