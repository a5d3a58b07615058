/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncc/check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

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
	return 0;
}

static int check_config(const void *payload, struct err *err)
{
	const struct san_msg_config *m = payload;

	if (!unicast_or_none(&m->source))
		return bad_address(err, "source", &m->source);
	if (!m->route_table || (m->route_table >= 253 && m->route_table <= 255))
		return bad_number(err, "route_table", m->route_table,
				  "a table of its own, not 0 and not 253..255");
	if (!m->rule_priority || m->rule_priority > CHECK_MAX_PRIORITY)
		return bad_number(err, "rule_priority", m->rule_priority, "1..32765");
	return check_profile(&m->profile, err) ?: check_sizes(m, err);
}

static int check_iface(const void *payload, struct err *err)
{
	const struct san_msg_iface *m = payload;
	int r = check_ifname(err, "name", m->name);

	if (r)
		return r;
	if (m->role > SAN_ROLE_CORE)
		return bad_number(err, "role", m->role, "0 (none), 1 (ingress) or 2 (core)");
	if (m->policy & ~(SAN_IF_DROP_MALFORMED | SAN_IF_DROP_UNKNOWN))
		return bad_number(err, "policy", m->policy, "bits out of 0x3");
	return 0;
}

static int check_empty(const void *payload, struct err *err)
{
	const struct san_msg_empty *m = payload;

	return m->zero ? bad_number(err, "zero", m->zero, "0") : 0;
}

static int check_plan(const void *payload, struct err *err)
{
	const struct san_msg_plan *m = payload;

	return m->flags & ~SAN_PLAN_FULL ? bad_number(err, "flags", m->flags, "0 or 1") : 0;
}

static int check_nexthop(const void *payload, struct err *err)
{
	const struct san_msg_nexthop *m = payload;
	char field[24];

	if (!m->id)
		return bad_number(err, "id", 0, "1 or more");
	if (m->encap >= SAN_ENCAP_MAX)
		return bad_number(err, "encap", m->encap, "0 (red) or 1 (full)");
	if (m->n_segs < 1 || m->n_segs > SAN_MAX_SEGS)
		return bad_number(err, "n_segs", m->n_segs, "1..8");
	for (int i = 0; i < m->n_segs; i++) {
		snprintf(field, sizeof(field), "segs[%d]", i);
		if (!unicast(&m->segs[i]))
			return bad_address(err, field, &m->segs[i]);
	}
	return 0;
}

static int check_service(const void *payload, struct err *err)
{
	const struct san_msg_service *m = payload;

	if (!m->service_id)
		return bad_number(err, "service_id", 0, "1 or more");
	if (!unicast_or_none(&m->address))
		return bad_address(err, "address", &m->address);
	if (m->mode > SAN_MODE_PREFERRED)
		return bad_number(err, "mode", m->mode, "0 (none) or 1 (preferred)");
	if (m->mode == SAN_MODE_PREFERRED && !m->nexthop)
		return bad_number(err, "nexthop", 0, "the id of a next hop in mode preferred");
	if (m->mode == SAN_MODE_NONE && m->nexthop)
		return bad_number(err, "nexthop", m->nexthop, "0 in mode none");
	if (m->affinity > SAN_AFFINITY_FLOW)
		return bad_number(err, "affinity", m->affinity, "0 (none), 1 (hash) or 2 (flow)");
	return 0;
}

static int check_sid(const void *payload, struct err *err)
{
	const struct san_msg_sid *m = payload;

	if (!unicast(&m->addr))
		return bad_address(err, "addr", &m->addr);
	if (m->behaviour < SAN_BEHAVIOUR_END || m->behaviour >= SAN_BEHAVIOUR_MAX)
		return bad_number(err, "behaviour", m->behaviour,
				  "1 (End), 2 (End.DX6) or 3 (End.DT6)");
	if (m->behaviour == SAN_BEHAVIOUR_END_DX6 && !unicast(&m->nexthop))
		return bad_address(err, "nexthop", &m->nexthop);
	if (m->behaviour == SAN_BEHAVIOUR_END_DT6 && !m->table)
		return bad_number(err, "table", 0, "1 or more for End.DT6");
	return m->oif[0] ? check_ifname(err, "oif", m->oif) : 0;
}

static int check_nexthop_del(const void *payload, struct err *err)
{
	const struct san_msg_key *m = payload;

	return m->id ? 0 : bad_number(err, "id", 0, "1 or more");
}

static int check_service_del(const void *payload, struct err *err)
{
	const struct san_msg_key *m = payload;

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
	[SAN_MSG_CONFIG_END] = check_empty,
	[SAN_MSG_PLAN_BEGIN] = check_plan,
	[SAN_MSG_NEXTHOP] = check_nexthop,
	[SAN_MSG_NEXTHOP_DEL] = check_nexthop_del,
	[SAN_MSG_SERVICE] = check_service,
	[SAN_MSG_SERVICE_DEL] = check_service_del,
	[SAN_MSG_SID] = check_sid,
	[SAN_MSG_SID_DEL] = check_sid_del,
	[SAN_MSG_PLAN_COMMIT] = check_plan,
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
