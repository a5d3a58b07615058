/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Desired state and the parent's answers as JSON. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "ncc/ncc_int.h"
#include "util/name.h"

static const char *const mode_names[] = {"none", "preferred", "balanced"};
static const char *const affinity_names[] = {"none", "hash", "flow"};
static const char *const kind_names[] = {"unused", "unresolved", "srv6", "direct", "drop"};
static const char *const role_names[] = {"none", "ingress", "core"};
static const char *const attach_names[] = {"no", "native", "generic"};
static const char *const scope_names[] = {"ingress", "local"};
static const char *const encap_names[] = {"encap.red", "encap"};
static const char *const behaviour_names[] = {"?",	 "End",	    "End.DX6",
					      "End.DT6", "End.DX4", "End.SAN"};

_Static_assert(sizeof(encap_names) / sizeof(encap_names[0]) == SAN_ENCAP_MAX, "encap names");
_Static_assert(sizeof(behaviour_names) / sizeof(behaviour_names[0]) == SAN_BEHAVIOUR_MAX,
	       "behaviour names");

#define NAME(table, i) ((i) < sizeof(table) / sizeof((table)[0]) ? (table)[i] : "?")

/* IPv4-mapped addresses are IPv4 ones. */
static const char *in6_text(const struct in6_addr *addr, char text[INET6_ADDRSTRLEN])
{
	if (IN6_IS_ADDR_V4MAPPED(addr))
		return inet_ntop(AF_INET, &addr->s6_addr[12], text, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, addr, text, INET6_ADDRSTRLEN);
}

static json_t *in6_json(const struct in6_addr *addr)
{
	char text[INET6_ADDRSTRLEN];

	return json_string(in6_text(addr, text));
}

const char *ncc_segs_text(const struct plan_nexthop *nh, char *buf, size_t size)
{
	char text[INET6_ADDRSTRLEN];
	size_t at = 0;

	if (size)
		buf[0] = '\0';
	for (int i = 0; i < nh->n_segs && i < SAN_MAX_SEGS && at < size; i++) {
		at += (size_t)snprintf(buf + at, size - at, "%s%s", i ? "," : "",
				       in6_text(&nh->segs[i], text));
	}
	return buf;
}

static json_t *segs_json(const struct plan_nexthop *content)
{
	json_t *segs = json_array();

	for (int i = 0; content->kind != SAN_NH_DIRECT && i < content->n_segs; i++)
		json_array_append_new(segs, in6_json(&content->segs[i]));
	return segs;
}

static void add_state(json_t *obj, const struct nh *nh)
{
	const struct san_msg_nh_state *s = &nh->state;
	char mac[18];

	if (!nh->has_state) {
		json_object_set_new(obj, "state", json_string("unknown"));
		return;
	}
	json_object_set_new(obj, "index", json_integer(s->index));
	json_object_set_new(obj, "state", json_string(s->ifindex ? "resolved" : "unresolved"));
	if (!s->ifindex) {
		json_object_set_new(obj, "reason", json_stringn(s->text, strlen(s->text)));
		return;
	}
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", s->dst_mac[0], s->dst_mac[1],
		 s->dst_mac[2], s->dst_mac[3], s->dst_mac[4], s->dst_mac[5]);
	json_object_set_new(obj, "interface", json_string(s->ifname));
	json_object_set_new(obj, "mtu", json_integer(s->mtu));
	json_object_set_new(obj, "mac", json_string(mac));
	if (s->learned_mtu)
		json_object_set_new(obj, "learned_mtu", json_integer(s->learned_mtu));
}

static json_t *families_json(uint8_t families)
{
	json_t *list = json_array();

	if (families & SAN_NH_IP6)
		json_array_append_new(list, json_string("ipv6"));
	if (families & SAN_NH_IP4)
		json_array_append_new(list, json_string("ipv4"));
	return list;
}

static json_t *nh_json(const struct nh *nh)
{
	const struct plan_nexthop *c = &nh->content;
	json_t *obj =
		json_pack("{s:I, s:s, s:o, s:o, s:s, s:i, s:I}", "id", (json_int_t)nh->id, "kind",
			  NAME(kind_names, c->kind), "families", families_json(c->families),
			  "segments", segs_json(c), "encap", NAME(encap_names, c->encap),
			  "hop_limit", (int)c->hop_limit, "services", (json_int_t)nh->refs);

	if (!obj)
		return NULL;
	if (c->kind == SAN_NH_DIRECT) {
		json_object_set_new(obj, "address", in6_json(&c->segs[0]));
		json_object_del(obj, "encap");
		json_object_del(obj, "segments");
		json_object_del(obj, "hop_limit");
	}
	add_state(obj, nh);
	return obj;
}

static json_t *members_json(const struct svc *svc)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < svc->n_members; i++)
		json_array_append_new(list, json_pack("{s:I, s:o}", "weight",
						      (json_int_t)svc->members[i].weight, "nexthop",
						      nh_json(svc->members[i].nh)));
	return list;
}

static json_t *address_json(const struct claim *claim)
{
	return claim->address ? in6_json(&claim->address->addr) : json_null();
}

static void add_generations(json_t *obj, const struct ncc *ncc, const struct svc *svc)
{
	uint64_t applied = svc->carried <= ncc->status.applied ? svc->carried : svc->applied;

	json_object_set_new(obj, "desired_generation", json_integer((json_int_t)svc->desired));
	json_object_set_new(obj, "applied_generation", json_integer((json_int_t)applied));
}

static json_t *svc_json(const struct ncc *ncc, const struct svc *svc)
{
	char text[SVC_ID_TEXT], groups[24];
	json_t *obj;

	snprintf(groups, sizeof(groups), "0x%jx", (uintmax_t)svc->groups);
	obj = json_pack("{s:s, s:s, s:o, s:o, s:s, s:s, s:s, s:I, s:s, s:o, s:o, s:i}", "service",
			svc_id_text(svc->key.id, text), "scope", NAME(scope_names, svc->key.scope),
			"address", address_json(&svc->claims[FAMILY_IP6]), "address4",
			address_json(&svc->claims[FAMILY_IP4]), "mode", NAME(mode_names, svc->mode),
			"affinity", NAME(affinity_names, svc->affinity), "affinity_key",
			svc->flags & SAN_SVC_KEY_SOURCE ? "source" : "5-tuple", "flow_idle_s",
			(json_int_t)svc->idle_s, "groups", groups, "nexthop",
			svc->selected ? nh_json(svc->selected) : json_null(), "members",
			members_json(svc), "alive", (int)svc->n_alive);
	if (obj)
		add_generations(obj, ncc, svc);
	return obj;
}

static int svc_order(const struct svc *a, const struct svc *b)
{
	if (a->key.id != b->key.id)
		return a->key.id < b->key.id ? -1 : 1;
	return a->key.scope < b->key.scope ? -1 : a->key.scope > b->key.scope;
}

/* Sorting a hash moves its iteration order only; readers see const. */
json_t *ncc_entries_json(const struct ncc *ncc)
{
	struct ncc *mine = (struct ncc *)(uintptr_t)ncc;
	json_t *list = json_array();

	HASH_SORT(mine->services, svc_order);
	for (struct svc *svc = mine->services; svc; svc = svc->hh.next) {
		if (!svc->removed)
			json_array_append_new(list, svc_json(ncc, svc));
	}
	return list;
}

json_t *ncc_entry_json(const struct ncc *ncc, uint64_t id, uint8_t scope)
{
	struct svc *svc = svc_find(ncc, id, scope);

	return svc && !svc->removed ? svc_json(ncc, svc) : NULL;
}

json_t *ncc_nexthops_json(const struct ncc *ncc)
{
	json_t *list = json_array();

	for (struct nh *nh = ncc->nexthops; nh; nh = nh->hh.next) {
		if (nh->refs)
			json_array_append_new(list, nh_json(nh));
	}
	return list;
}

static json_t *flavors_json(uint8_t flavors)
{
	static const char *const names[] = {"psp", "usp", "usd"};
	json_t *list = json_array();

	for (unsigned int i = 0; i < 3; i++) {
		if (flavors & 1u << i)
			json_array_append_new(list, json_string(names[i]));
	}
	return list;
}

static json_t *sid_json(const struct san_msg_sid *sid)
{
	char text[SVC_ID_TEXT];
	json_t *obj = json_pack("{s:o, s:s}", "sid", in6_json(&sid->addr), "behaviour",
				NAME(behaviour_names, sid->behaviour));

	if (sid->behaviour == SAN_BEHAVIOUR_END && sid->flavors)
		json_object_set_new(obj, "flavors", flavors_json(sid->flavors));
	if (!IN6_IS_ADDR_UNSPECIFIED(&sid->nexthop))
		json_object_set_new(obj, "nexthop", in6_json(&sid->nexthop));
	if (sid->service_id)
		json_object_set_new(obj, "service",
				    json_string(svc_id_text(sid->service_id, text)));
	if (sid->behaviour == SAN_BEHAVIOUR_END_DT6)
		json_object_set_new(obj, "table", json_integer(sid->table));
	if (sid->oif[0])
		json_object_set_new(obj, "interface", json_string(sid->oif));
	return obj;
}

json_t *ncc_sids_json(const struct ncc *ncc)
{
	json_t *list = json_array();

	for (struct sid *sid = ncc->sids; sid; sid = sid->hh.next) {
		if (!sid->removed)
			json_array_append_new(list, sid_json(&sid->msg));
	}
	return list;
}

json_t *ncc_ifaces_json(const struct ncc *ncc)
{
	json_t *list = json_array();

	for (struct iface *i = ncc->ifaces; i; i = i->hh.next)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:I, s:b, s:s}", "name", i->conf.name,
						"role", NAME(role_names, i->conf.role), "ifindex",
						(json_int_t)i->state.ifindex, "up", i->state.up,
						"attached", NAME(attach_names, i->state.attached)));
	return list;
}
