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
static const char *const encap_names[] = {"encap.red", "encap"};
static const char *const behaviour_names[] = {"?", "End", "End.DX6", "End.DT6"};

_Static_assert(sizeof(encap_names) / sizeof(encap_names[0]) == SAN_ENCAP_MAX, "encap names");
_Static_assert(sizeof(behaviour_names) / sizeof(behaviour_names[0]) == SAN_BEHAVIOUR_MAX,
	       "behaviour names");

#define NAME(table, i) ((i) < sizeof(table) / sizeof((table)[0]) ? (table)[i] : "?")

static json_t *in6_json(const struct in6_addr *addr)
{
	char text[INET6_ADDRSTRLEN];

	return json_string(inet_ntop(AF_INET6, addr, text, sizeof(text)));
}

const char *ncc_segs_text(const struct plan_nexthop *nh, char *buf, size_t size)
{
	char text[INET6_ADDRSTRLEN];
	size_t at = 0;

	if (size)
		buf[0] = '\0';
	for (int i = 0; i < nh->n_segs && i < SAN_MAX_SEGS && at < size; i++) {
		inet_ntop(AF_INET6, &nh->segs[i], text, sizeof(text));
		at += (size_t)snprintf(buf + at, size - at, "%s%s", i ? "," : "", text);
	}
	return buf;
}

static json_t *segs_json(const struct plan_nexthop *content)
{
	json_t *segs = json_array();

	for (int i = 0; i < content->n_segs; i++)
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
	json_object_set_new(obj, "kind", json_string(NAME(kind_names, s->kind)));
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
}

static json_t *nh_json(const struct nh *nh)
{
	json_t *obj = json_pack("{s:I, s:o, s:s, s:i, s:I}", "id", (json_int_t)nh->id, "segments",
				segs_json(&nh->content), "encap",
				NAME(encap_names, nh->content.encap), "hop_limit",
				(int)nh->content.hop_limit, "services", (json_int_t)nh->refs);

	if (obj)
		add_state(obj, nh);
	return obj;
}

static json_t *svc_json(const struct ncc *ncc, const struct svc *svc)
{
	uint64_t applied = svc->carried <= ncc->status.applied ? svc->carried : svc->applied;
	char text[SVC_ID_TEXT];

	return json_pack(
		"{s:s, s:o, s:s, s:s, s:o, s:i, s:I, s:I}", "service", svc_id_text(svc->id, text),
		"address", svc->address ? in6_json(&svc->address->addr) : json_null(), "mode",
		NAME(mode_names, svc->mode), "affinity", NAME(affinity_names, svc->affinity),
		"nexthop", svc->selected ? nh_json(svc->selected) : json_null(), "alive",
		(int)svc->n_alive, "desired_generation", (json_int_t)svc->desired,
		"applied_generation", (json_int_t)applied);
}

static int svc_order(const struct svc *a, const struct svc *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
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

json_t *ncc_entry_json(const struct ncc *ncc, uint64_t id)
{
	struct svc *svc;

	HASH_FIND(hh, ncc->services, &id, sizeof(id), svc);
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

static json_t *sid_json(const struct san_msg_sid *sid)
{
	json_t *obj = json_pack("{s:o, s:s}", "sid", in6_json(&sid->addr), "behaviour",
				NAME(behaviour_names, sid->behaviour));

	if (sid->behaviour == SAN_BEHAVIOUR_END_DX6)
		json_object_set_new(obj, "nexthop", in6_json(&sid->nexthop));
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
