/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncc/check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "dp/classes.h"

static int bad_number(struct err *err, const char *field, uint64_t value, const char *want)
{
	char text[24];

	snprintf(text, sizeof(text), "%ju", (uintmax_t)value);
	return err_set(err, -EINVAL, field, text, "must be %s", want);
}

static int bad_address(struct err *err, const char *field, const struct in6_addr *addr)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, addr, text, sizeof(text));
	return err_set(err, -EINVAL, field, text,
		       "must be a unicast address that is not loopback, link-local or IPv4-mapped");
}

static bool unicast(const struct in6_addr *addr)
{
	return !IN6_IS_ADDR_UNSPECIFIED(addr) && !IN6_IS_ADDR_MULTICAST(addr) &&
	       !IN6_IS_ADDR_LOOPBACK(addr) && !IN6_IS_ADDR_LINKLOCAL(addr) &&
	       !IN6_IS_ADDR_V4MAPPED(addr);
}

/* 0/8, 127/8, 169.254/16, 224/3 are nobody's. */
static bool unicast4(const unsigned char addr[4])
{
	return addr[0] && addr[0] != 127 && addr[0] < 224 && !(addr[0] == 169 && addr[1] == 254);
}

static bool unicast_mapped(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_V4MAPPED(addr) && unicast4(&addr->s6_addr[12]);
}

static bool unicast4_or_none(__be32 addr)
{
	unsigned char bytes[4];

	memcpy(bytes, &addr, sizeof(bytes));
	return !addr || unicast4(bytes);
}

static int bad_address4(struct err *err, const char *field, const void *addr)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, addr, text, sizeof(text));
	return err_set(err, -EINVAL, field, text,
		       "must be an IPv4 unicast address that is not loopback or link-local");
}

static bool unicast_or_none(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_UNSPECIFIED(addr) || unicast(addr);
}

/* As the kernel's dev_valid_name(), so that a name is no path and no pattern. */
static bool ifname_valid(const char name[SAN_IFNAMSIZ])
{
	size_t len = strnlen(name, SAN_IFNAMSIZ);

	if (len == 0 || len == SAN_IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '/' || name[i] == ':' || !isgraph((unsigned char)name[i]))
			return false;
	}
	return true;
}

static int check_ifname(struct err *err, const char *field, const char name[SAN_IFNAMSIZ])
{
	char text[SAN_IFNAMSIZ + 1];

	if (ifname_valid(name))
		return 0;
	snprintf(text, sizeof(text), "%.*s", SAN_IFNAMSIZ, name);
	return err_set(err, -EINVAL, field, text, "must be an interface name of 1..%d characters",
		       SAN_IFNAMSIZ - 1);
}

static int check_hello(const void *payload, struct err *err)
{
	const struct san_msg_hello *m = payload;
	char want[16];

	snprintf(want, sizeof(want), "%d", SAN_ABI_VERSION);
	return m->abi_version == SAN_ABI_VERSION
		       ? 0
		       : bad_number(err, "abi_version", m->abi_version, want);
}

static int check_profile(const struct san_profile *p, struct err *err)
{
	unsigned int all = SAN_CARRIER_DOH | SAN_CARRIER_HBH | SAN_CARRIER_SRH;

	if (!p->carriers || (p->carriers & ~all))
		return bad_number(err, "profile.carriers", p->carriers, "bits out of 0x7");
	if (p->version > 15)
		return bad_number(err, "profile.version", p->version, "0..15");
	if (p->id_offset > 32)
		return bad_number(err, "profile.id_offset", p->id_offset, "0..32");
	if (p->id_len != 4 && p->id_len != 8)
		return bad_number(err, "profile.id_len", p->id_len, "4 or 8");
	return 0;
}

static int check_sizes(const struct san_msg_config *m, struct err *err)
{
	if (m->max_services < 1 || m->max_services > CHECK_MAX_SERVICES)
		return bad_number(err, "max_services", m->max_services, "1..16777216");
	if (m->max_nexthops < 2 || m->max_nexthops > CHECK_MAX_NEXTHOPS)
		return bad_number(err, "max_nexthops", m->max_nexthops, "2..1048576");
	if (m->max_flows < 1 || m->max_flows > CHECK_MAX_FLOWS)
		return bad_number(err, "max_flows", m->max_flows, "1..16777216");
	if (m->max_slots < CHECK_MIN_SLOTS || m->max_slots > CHECK_MAX_SLOTS)
		return bad_number(err, "max_slots", m->max_slots, "256..16777216");
	if (m->max_frags < 1 || m->max_frags > CHECK_MAX_FRAGS)
		return bad_number(err, "max_frags", m->max_frags, "1..1048576");
	if (m->sample > CHECK_MAX_SAMPLE)
		return bad_number(err, "sample", m->sample, "0..1000000");
	return 0;
}

static int check_switches(const struct san_msg_config *m, struct err *err)
{
	if (m->dispatcher > 1)
		return bad_number(err, "dispatcher", m->dispatcher, "0 or 1");
	if (m->kernel_relay > 1)
		return bad_number(err, "kernel_relay", m->kernel_relay, "0 or 1");
	if (m->kernel_egress > 1)
		return bad_number(err, "kernel_egress", m->kernel_egress, "0 or 1");
	return 0;
}

static int check_config(const void *payload, struct err *err)
{
	const struct san_msg_config *m = payload;

	if (!unicast_or_none(&m->source))
		return bad_address(err, "source", &m->source);
	if (!unicast_or_none(&m->icmp_source))
		return bad_address(err, "icmp_source", &m->icmp_source);
	if (!unicast4_or_none(m->icmp_source4))
		return bad_address4(err, "icmp_source4", &m->icmp_source4);
	if (!m->route_table || (m->route_table >= 253 && m->route_table <= 255))
		return bad_number(err, "route_table", m->route_table,
				  "a table of its own, not 0 and not 253..255");
	if (!m->rule_priority || m->rule_priority > CHECK_MAX_PRIORITY)
		return bad_number(err, "rule_priority", m->rule_priority, "1..32765");
	return check_profile(&m->profile, err) ?: check_sizes(m, err) ?: check_switches(m, err);
}

static int check_iface(const void *payload, struct err *err)
{
	const struct san_msg_iface *m = payload;
	int r = check_ifname(err, "name", m->name);

	if (r)
		return r;
	if (m->role > SAN_ROLE_CORE)
		return bad_number(err, "role", m->role, "0 (none), 1 (ingress) or 2 (core)");
	if (m->policy &
	    ~(SAN_IF_DROP_MALFORMED | SAN_IF_DROP_UNKNOWN | SAN_IF_VLAN | SAN_IF_CLASSIFY))
		return bad_number(err, "policy", m->policy, "bits out of 0xf");
	if (m->group >= SAN_MAX_GROUPS)
		return bad_number(err, "group", m->group, "0..63");
	return 0;
}

static int check_prefix(const void *payload, struct err *err)
{
	const struct san_msg_prefix *m = payload;

	if (m->kind != SAN_PREFIX_BLOCK && m->kind != SAN_PREFIX_INSIDE)
		return bad_number(err, "kind", m->kind, "1 (block) or 2 (inside)");
	if (m->len < 1 || m->len > 128)
		return bad_number(err, "len", m->len, "1..128");
	return classes_check_prefix("addr", &m->addr, m->len, err);
}

static int check_empty(const void *payload, struct err *err)
{
	const struct san_msg_empty *m = payload;

	return m->zero ? bad_number(err, "zero", m->zero, "0") : 0;
}

static int check_plan(const void *payload, struct err *err)
{
	const struct san_msg_plan *m = payload;

	return m->flags & ~(SAN_PLAN_FULL | SAN_PLAN_CLASSES)
		       ? bad_number(err, "flags", m->flags, "bits out of 0x3")
		       : 0;
}

static int check_direct(const struct san_msg_nexthop *m, struct err *err)
{
	bool mapped = IN6_IS_ADDR_V4MAPPED(&m->segs[0]);

	if (m->n_segs != 1)
		return bad_number(err, "n_segs", m->n_segs, "1 for a direct next hop");
	if (m->encap)
		return bad_number(err, "encap", m->encap, "0 for a direct next hop");
	if (m->hop_limit)
		return bad_number(err, "hop_limit", m->hop_limit, "0 for a direct next hop");
	if (m->families != (mapped ? SAN_NH_IP4 : SAN_NH_IP6))
		return bad_number(err, "families", m->families,
				  "the version of a direct next hop's address");
	if (mapped && !unicast_mapped(&m->segs[0]))
		return bad_address4(err, "segs[0]", &m->segs[0].s6_addr[12]);
	return mapped || unicast(&m->segs[0]) ? 0 : bad_address(err, "segs[0]", &m->segs[0]);
}

static int check_srv6(const struct san_msg_nexthop *m, struct err *err)
{
	char field[24];

	if (m->encap >= SAN_ENCAP_MAX)
		return bad_number(err, "encap", m->encap, "0 (red) or 1 (full)");
	if (m->n_segs < 1 || m->n_segs > SAN_MAX_SEGS)
		return bad_number(err, "n_segs", m->n_segs, "1..8");
	if (!m->families || m->families & ~(SAN_NH_IP6 | SAN_NH_IP4))
		return bad_number(err, "families", m->families, "1 (IPv6), 2 (IPv4) or 3 (both)");
	for (int i = 0; i < m->n_segs; i++) {
		snprintf(field, sizeof(field), "segs[%d]", i);
		if (!unicast(&m->segs[i]))
			return bad_address(err, field, &m->segs[i]);
	}
	return 0;
}

static int check_nexthop(const void *payload, struct err *err)
{
	const struct san_msg_nexthop *m = payload;

	if (!m->id)
		return bad_number(err, "id", 0, "1 or more");
	if (m->kind == SAN_NH_DIRECT)
		return check_direct(m, err);
	if (m->kind != SAN_NH_SRV6)
		return bad_number(err, "kind", m->kind, "2 (SRv6) or 3 (direct)");
	return check_srv6(m, err);
}

static int check_selection(const struct san_msg_service *m, struct err *err)
{
	bool balanced = m->mode == SAN_MODE_BALANCED;

	if (m->mode > SAN_MODE_BALANCED)
		return bad_number(err, "mode", m->mode, "0 (none), 1 (preferred) or 2 (balanced)");
	if (m->mode != SAN_MODE_NONE && !m->nexthop)
		return bad_number(err, "nexthop", 0, "the id of a next hop");
	if (m->mode == SAN_MODE_NONE && m->nexthop)
		return bad_number(err, "nexthop", m->nexthop, "0 in mode none");
	if (balanced ? !m->n_members || m->n_members > SAN_MAX_MEMBERS : m->n_members)
		return bad_number(err, "n_members", m->n_members,
				  balanced ? "1..1024 in mode balanced" : "0 in this mode");
	if (m->affinity > SAN_AFFINITY_FLOW)
		return bad_number(err, "affinity", m->affinity, "0 (none), 1 (hash) or 2 (flow)");
	if (m->flags & ~SAN_SVC_KEY_SOURCE)
		return bad_number(err, "flags", m->flags, "bits out of 0x1");
	return 0;
}

/* Of the host's own making: only rules of the classifier lead there. */
static int check_own(const struct san_msg_service *m, struct err *err)
{
	if (m->service_id < SAN_SERVICE_OWN_MIN)
		return 0;
	if (m->scope != SAN_SCOPE_INGRESS)
		return bad_number(err, "scope", m->scope, "0 for a service of the host's making");
	if (m->groups)
		return bad_number(err, "groups", m->groups, "0 for a service of the host's making");
	if (!IN6_IS_ADDR_UNSPECIFIED(&m->address))
		return bad_address(err, "address", &m->address);
	if (m->address4)
		return bad_address4(err, "address4", &m->address4);
	if (m->mode == SAN_MODE_BALANCED)
		return bad_number(err, "mode", m->mode,
				  "0 or 1 for a service of the host's making");
	return 0;
}

static int check_service(const void *payload, struct err *err)
{
	const struct san_msg_service *m = payload;

	if (!m->service_id)
		return bad_number(err, "service_id", 0, "1 or more");
	if (m->scope > SAN_SCOPE_LOCAL)
		return bad_number(err, "scope", m->scope, "0 (ingress) or 1 (local)");
	if (!unicast_or_none(&m->address))
		return bad_address(err, "address", &m->address);
	if (!unicast4_or_none(m->address4))
		return bad_address4(err, "address4", &m->address4);
	if (m->idle_s > CHECK_MAX_IDLE)
		return bad_number(err, "idle_s", m->idle_s, "0..86400");
	return check_selection(m, err) ?: check_own(m, err);
}

static int check_member(const void *payload, struct err *err)
{
	const struct san_msg_member *m = payload;

	if (!m->service_id)
		return bad_number(err, "service_id", 0, "1 or more");
	if (!m->nexthop)
		return bad_number(err, "nexthop", 0, "the id of a next hop");
	if (m->weight < 1 || m->weight > CHECK_MAX_WEIGHT)
		return bad_number(err, "weight", m->weight, "1..1024000");
	return 0;
}

static int check_sid_nexthop(const struct san_msg_sid *m, struct err *err)
{
	if (m->behaviour == SAN_BEHAVIOUR_END_DX6 && !unicast(&m->nexthop))
		return bad_address(err, "nexthop", &m->nexthop);
	if (m->behaviour != SAN_BEHAVIOUR_END_DX4 || unicast_mapped(&m->nexthop))
		return 0;
	if (IN6_IS_ADDR_V4MAPPED(&m->nexthop))
		return bad_address4(err, "nexthop", &m->nexthop.s6_addr[12]);
	return err_set(err, -EINVAL, "nexthop", "", "must be an IPv4 address for End.DX4");
}

static int check_sid(const void *payload, struct err *err)
{
	const struct san_msg_sid *m = payload;
	unsigned int all = SAN_FLAVOR_PSP | SAN_FLAVOR_USP | SAN_FLAVOR_USD;
	int r;

	if (!unicast(&m->addr))
		return bad_address(err, "addr", &m->addr);
	if (m->behaviour < SAN_BEHAVIOUR_END || m->behaviour >= SAN_BEHAVIOUR_MAX)
		return bad_number(err, "behaviour", m->behaviour,
				  "1 (End), 2 (End.DX6), 3 (End.DT6), 4 (End.DX4) or 5 (End.SAN)");
	r = check_sid_nexthop(m, err);
	if (r)
		return r;
	if (m->behaviour == SAN_BEHAVIOUR_END_DT6 && !m->table)
		return bad_number(err, "table", 0, "1 or more for End.DT6");
	if (m->behaviour == SAN_BEHAVIOUR_END ? m->flavors & ~all : m->flavors)
		return bad_number(err, "flavors", m->flavors,
				  "bits out of 0x7 for End, 0 for others");
	return m->oif[0] ? check_ifname(err, "oif", m->oif) : 0;
}

/* --- classifier, trace --- */

static int check_class_fields(const struct san_msg_class *m, struct err *err)
{
	unsigned int ports = SAN_CLASS_SPORT | SAN_CLASS_DPORT;

	if (m->fields >= SAN_CLASS_COMBINATIONS)
		return bad_number(err, "fields", m->fields, "bits out of 0xf");
	if (m->fields & ports && !(m->fields & SAN_CLASS_PROTO))
		return bad_number(err, "fields", m->fields, "with a protocol when ports count");
	if (!(m->fields & SAN_CLASS_PROTO) && m->proto)
		return bad_number(err, "proto", m->proto, "0 when it does not count");
	if (!(m->fields & SAN_CLASS_SPORT) && m->sport)
		return bad_number(err, "sport", m->sport, "0 when it does not count");
	if (!(m->fields & SAN_CLASS_DPORT) && m->dport)
		return bad_number(err, "dport", m->dport, "0 when it does not count");
	if (m->fields & SAN_CLASS_DSCP ? m->dscp > 63 : m->dscp)
		return bad_number(err, "dscp", m->dscp, "0..63, 0 when it does not count");
	return 0;
}

static int check_class(const void *payload, struct err *err)
{
	const struct san_msg_class *m = payload;

	return classes_check_act(m, err) ?: check_class_fields(m, err)
	       ?: classes_check_prefixes(m, err);
}

static int check_trace(const void *payload, struct err *err)
{
	const struct san_msg_trace *m = payload;
	unsigned int all = 2 * SAN_TRACE_REASONS - 1;

	if (m->trace.fields & ~all)
		return bad_number(err, "fields", m->trace.fields, "bits out of 0x1ff");
	if (m->trace.fields && !(m->trace.fields & SAN_TRACE_ON))
		return bad_number(err, "fields", m->trace.fields, "with bit 0x1, or 0");
	if (m->trace.fields && (m->seconds < 1 || m->seconds > CHECK_MAX_TRACE_S))
		return bad_number(err, "seconds", m->seconds, "1..3600");
	return 0;
}

static int check_nexthop_del(const void *payload, struct err *err)
{
	const struct san_msg_key *m = payload;

	return m->id ? 0 : bad_number(err, "id", 0, "1 or more");
}

static int check_service_del(const void *payload, struct err *err)
{
	const struct san_msg_key *m = payload;

	if (m->scope > SAN_SCOPE_LOCAL)
		return bad_number(err, "scope", m->scope, "0 (ingress) or 1 (local)");
	return m->service_id ? 0 : bad_number(err, "service_id", 0, "1 or more");
}

static int check_sid_del(const void *payload, struct err *err)
{
	const struct san_msg_key *m = payload;

	return unicast(&m->addr) ? 0 : bad_address(err, "addr", &m->addr);
}

static int check_stats_req(const void *payload, struct err *err)
{
	const struct san_msg_stats_req *m = payload;

	return m->request ? 0 : bad_number(err, "request", 0, "1 or more");
}

static int (*const checks[SAN_MSG_TYPE_MAX])(const void *payload, struct err *err) = {
	[SAN_MSG_HELLO] = check_hello,
	[SAN_MSG_CONFIG] = check_config,
	[SAN_MSG_IFACE] = check_iface,
	[SAN_MSG_PREFIX] = check_prefix,
	[SAN_MSG_CONFIG_END] = check_empty,
	[SAN_MSG_PLAN_BEGIN] = check_plan,
	[SAN_MSG_NEXTHOP] = check_nexthop,
	[SAN_MSG_NEXTHOP_DEL] = check_nexthop_del,
	[SAN_MSG_SERVICE] = check_service,
	[SAN_MSG_MEMBER] = check_member,
	[SAN_MSG_SERVICE_DEL] = check_service_del,
	[SAN_MSG_SID] = check_sid,
	[SAN_MSG_SID_DEL] = check_sid_del,
	[SAN_MSG_CLASS] = check_class,
	[SAN_MSG_PLAN_COMMIT] = check_plan,
	[SAN_MSG_TRACE] = check_trace,
	[SAN_MSG_STATS_REQ] = check_stats_req,
};

int check_message(unsigned int type, const void *payload, struct err *err)
{
	int r;

	if (type >= SAN_MSG_TYPE_MAX || !checks[type]) {
		char text[16];

		snprintf(text, sizeof(text), "%u", type);
		err_set(err, -EPROTO, "type", text, "must be a message of a child");
		err_object(err, "message %s", wire_name(type));
		return -EPROTO;
	}
	r = checks[type](payload, err);
	if (r)
		err_object(err, "message %s", wire_name(type));
	return r;
}
