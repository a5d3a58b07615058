/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan being received. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/name.h"

static void free_hop(struct draft *d)
{
	struct draft_hop *hop = d->hops;

	HASH_DEL(d->hops, hop);
	free(hop);
}

static void free_svc(struct draft *d)
{
	struct draft_svc *svc = d->svcs;

	HASH_DEL(d->svcs, svc);
	free(svc->members);
	free(svc);
}

static void free_sid(struct draft *d)
{
	struct draft_sid *sid = d->sids;

	HASH_DEL(d->sids, sid);
	free(sid);
}

int draft_clear_some(struct draft *draft, struct slice *slice)
{
	HASH_CLEAR(hh, draft->addresses);
	while (draft->hops || draft->svcs || draft->sids) {
		if (draft->svcs)
			free_svc(draft);
		else if (draft->hops)
			free_hop(draft);
		else
			free_sid(draft);
		if (slice && slice_over(slice))
			return 1;
	}
	rules_clear(&draft->rules);
	memset(draft, 0, sizeof(*draft));
	return 0;
}

void draft_clear(struct draft *draft)
{
	draft_clear_some(draft, NULL);
}

void draft_begin(struct apply *a, uint64_t generation, uint32_t flags)
{
	draft_clear(&a->draft);
	a->draft.open = true;
	a->draft.full = flags & SAN_PLAN_FULL;
	a->draft.classes = flags & (SAN_PLAN_FULL | SAN_PLAN_CLASSES);
	a->draft.generation = generation;
}

struct draft_hop *draft_hop(struct draft *draft, uint32_t id)
{
	struct draft_hop *hop;

	HASH_FIND(hh, draft->hops, &id, sizeof(id), hop);
	return hop;
}

struct draft_svc *draft_svc(struct draft *draft, const struct svc_key *key)
{
	struct draft_svc *svc;

	HASH_FIND(hh, draft->svcs, key, sizeof(*key), svc);
	return svc;
}

/* --- collecting --- */

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, "", "", "no memory for the plan");
}

int draft_hop_error(struct err *err, int code, uint32_t id, const char *field, const char *want)
{
	err_set(err, code, field, "", "%s", want);
	err_object(err, "next hop %u", id);
	return code;
}

int draft_svc_error(struct err *err, int code, const struct svc_key *key, const char *field,
		    const char *want)
{
	char text[SVC_ID_TEXT];

	err_set(err, code, field, "", "%s", want);
	err_object(err, "%sservice %s", key->scope == SAN_SCOPE_LOCAL ? "local " : "",
		   svc_id_text(key->id, text));
	return code;
}

static int build_outer(struct apply *a, struct draft_hop *hop, struct err *err)
{
	struct dp_outer outer = {
		.source = a->conf.config.source,
		.segs = hop->msg.segs,
		.n_segs = hop->msg.n_segs,
		.encap = hop->msg.encap,
		.hop_limit = hop->msg.hop_limit,
	};
	int r;

	if (IN6_IS_ADDR_UNSPECIFIED(&outer.source))
		return draft_hop_error(err, -EINVAL, hop->msg.id, "",
				       "needs a source address in the configuration: without one "
				       "this host is no ingress");
	r = dp_outer_build(&outer, &hop->val);
	return r ? draft_hop_error(err, r, hop->msg.id, "segs", "make no outer header") : 0;
}

static int build(struct apply *a, struct draft_hop *hop, struct err *err)
{
	int r = 0;

	memset(&hop->val, 0, sizeof(hop->val));
	if (hop->msg.kind == SAN_NH_DIRECT)
		dp_direct_build(&hop->msg.segs[0], &hop->val);
	else
		r = build_outer(a, hop, err);
	hop->val.families = hop->msg.families;
	return r;
}

static int add_hop(struct apply *a, const struct san_msg_nexthop *msg, bool del, struct err *err)
{
	struct draft *d = &a->draft;
	struct draft_hop *hop;
	int r = 0;

	if (draft_hop(d, msg->id))
		return draft_hop_error(err, -EEXIST, msg->id, "id", "must stand once in a plan");
	if (HASH_COUNT(d->hops) >= 2 * a->conf.config.max_nexthops)
		return draft_hop_error(err, -ENOSPC, msg->id, "", "too many next hops in one plan");
	hop = calloc(1, sizeof(*hop));
	if (!hop)
		return no_memory(err);
	hop->msg = *msg;
	hop->del = del;
	if (!del)
		r = build(a, hop, err);
	if (r) {
		free(hop);
		return r;
	}
	HASH_ADD(hh, d->hops, msg.id, sizeof(hop->msg.id), hop);
	return 0;
}

/* Both of a service may be the same address, by mistake: refused like another's. */
static int add_address(struct draft *d, struct draft_svc *svc, int family, struct err *err)
{
	struct draft_address *mine = &svc->address[family], *other;
	char text[SVC_ID_TEXT], want[64];

	if (IN6_IS_ADDR_UNSPECIFIED(&mine->addr))
		return 0;
	HASH_FIND(hh, d->addresses, &mine->addr, sizeof(mine->addr), other);
	if (other) {
		snprintf(want, sizeof(want), "is also the address of service %s",
			 svc_id_text(other->svc->key.id, text));
		return draft_svc_error(err, -EEXIST, &svc->key,
				       family == FAMILY_IP6 ? "address" : "address4", want);
	}
	mine->svc = svc;
	HASH_ADD(hh, d->addresses, addr, sizeof(mine->addr), mine);
	return 0;
}

static struct in6_addr mapped(__be32 address4)
{
	struct in6_addr addr = IN6ADDR_ANY_INIT;

	if (!address4)
		return addr;
	addr.s6_addr[10] = addr.s6_addr[11] = 0xff;
	memcpy(&addr.s6_addr[12], &address4, sizeof(address4));
	return addr;
}

static struct draft_svc *svc_new(const struct san_msg_service *msg, const struct svc_key *key)
{
	struct draft_svc *svc = calloc(1, sizeof(*svc));

	if (!svc)
		return NULL;
	svc->key = *key;
	svc->msg = *msg;
	svc->address[FAMILY_IP6].addr = msg->address;
	svc->address[FAMILY_IP4].addr = mapped(msg->address4);
	if (msg->n_members)
		svc->members = calloc(msg->n_members, sizeof(svc->members[0]));
	if (!msg->n_members || svc->members)
		return svc;
	free(svc);
	return NULL;
}

/* Memory is taken as announced, so what is announced has a bound. A range can have four times as
 * many members as slots, when it has the smallest size there is. */
static size_t members_max(const struct apply *a)
{
	return 4 * (size_t)a->conf.config.max_slots;
}

static int add_svc(struct apply *a, const struct san_msg_service *msg, bool del, struct err *err)
{
	struct svc_key key = {.id = msg->service_id, .scope = msg->scope};
	struct draft *d = &a->draft;
	struct draft_svc *svc;

	if (draft_svc(d, &key))
		return draft_svc_error(err, -EEXIST, &key, "service_id",
				       "must stand once in a plan");
	if (HASH_COUNT(d->svcs) >= 4 * a->conf.config.max_services)
		return draft_svc_error(err, -ENOSPC, &key, "", "too many services in a plan");
	if (d->n_members + msg->n_members > members_max(a))
		return draft_svc_error(err, -ENOSPC, &key, "n_members",
				       "makes too many members in one plan, raise maps.slots");
	svc = svc_new(msg, &key);
	if (!svc)
		return no_memory(err);
	d->n_members += msg->n_members;
	d->has_local |= !del && key.scope == SAN_SCOPE_LOCAL;
	svc->del = del;
	HASH_ADD(hh, d->svcs, key, sizeof(svc->key), svc);
	d->last = svc;
	return add_address(d, svc, FAMILY_IP6, err) ?: add_address(d, svc, FAMILY_IP4, err);
}

static int add_member(struct apply *a, const struct san_msg_member *msg, struct err *err)
{
	struct draft_svc *svc = a->draft.last;

	if (!svc || svc->del || svc->key.id != msg->service_id ||
	    svc->n_members == svc->msg.n_members) {
		err_set(err, -EPROTO, "", "", "must follow a SERVICE that announces it");
		return err_object(err, "message MEMBER"), -EPROTO;
	}
	svc->members[svc->n_members++] = *msg;
	return 0;
}

static int add_class(struct apply *a, const struct san_msg_class *msg, struct err *err)
{
	struct rules *rules = &a->draft.rules;

	if (!a->draft.classes) {
		err_set(err, -EPROTO, "", "", "must stand in a plan that replaces the classifier");
		return err_object(err, "message CLASS"), -EPROTO;
	}
	if (rules->n >= SAN_MAX_CLASSES) {
		err_set(err, -ENOSPC, "", "", "must be at most %d", SAN_MAX_CLASSES);
		return err_object(err, "classifier rules"), -ENOSPC;
	}
	if (!rules->v)
		rules->v = calloc(SAN_MAX_CLASSES, sizeof(rules->v[0]));
	if (!rules->v)
		return no_memory(err);
	rules->v[rules->n++] = *msg;
	return 0;
}

static int sid_error(struct err *err, int code, const struct in6_addr *addr, const char *want)
{
	char text[INET6_ADDRSTRLEN];

	err_set(err, code, "", "", "%s", want);
	err_object(err, "SID %s", inet_ntop(AF_INET6, addr, text, sizeof(text)));
	return code;
}

/* What the behaviour does not use is zero, so that equal SIDs are equal bytes. */
static struct san_msg_sid normal(const struct san_msg_sid *in)
{
	struct san_msg_sid out;

	memset(&out, 0, sizeof(out));
	out.addr = in->addr;
	out.behaviour = in->behaviour;
	if (in->behaviour == SAN_BEHAVIOUR_END)
		out.flavors = in->flavors;
	if (in->behaviour == SAN_BEHAVIOUR_END_DX6 || in->behaviour == SAN_BEHAVIOUR_END_DX4) {
		out.nexthop = in->nexthop;
		out.service_id = in->service_id;
	}
	if (in->behaviour == SAN_BEHAVIOUR_END_DT6)
		out.table = in->table;
	snprintf(out.oif, sizeof(out.oif), "%s", in->oif);
	return out;
}

static int add_sid(struct apply *a, const struct san_msg_sid *msg, bool del, struct err *err)
{
	struct draft *d = &a->draft;
	struct draft_sid *sid;

	HASH_FIND(hh, d->sids, &msg->addr, sizeof(msg->addr), sid);
	if (sid)
		return sid_error(err, -EEXIST, &msg->addr, "must stand once in a plan");
	if (HASH_COUNT(d->sids) >= 2 * APPLY_MAX_SIDS)
		return sid_error(err, -ENOSPC, &msg->addr, "too many SIDs in a plan");
	sid = calloc(1, sizeof(*sid));
	if (!sid)
		return no_memory(err);
	sid->msg = normal(msg);
	sid->del = del;
	HASH_ADD(hh, d->sids, msg.addr, sizeof(sid->msg.addr), sid);
	return 0;
}

static int add_removal(struct apply *a, unsigned int type, const struct san_msg_key *key,
		       struct err *err)
{
	struct san_msg_nexthop hop = {.id = key->id};
	struct san_msg_service svc = {.service_id = key->service_id, .scope = key->scope};
	struct san_msg_sid sid = {.addr = key->addr};

	if (a->draft.full) {
		err_set(err, -EPROTO, "", "", "must not stand in a full plan");
		err_object(err, "message %s", wire_name(type));
		return -EPROTO;
	}
	if (type == SAN_MSG_NEXTHOP_DEL)
		return add_hop(a, &hop, true, err);
	if (type == SAN_MSG_SERVICE_DEL)
		return add_svc(a, &svc, true, err);
	return add_sid(a, &sid, true, err);
}

int draft_add(struct apply *a, unsigned int type, const void *payload, struct err *err)
{
	a->draft.n++;
	if (type != SAN_MSG_MEMBER)
		a->draft.last = NULL;
	switch (type) {
	case SAN_MSG_NEXTHOP:
		return add_hop(a, payload, false, err);
	case SAN_MSG_SERVICE:
		return add_svc(a, payload, false, err);
	case SAN_MSG_MEMBER:
		return add_member(a, payload, err);
	case SAN_MSG_SID:
		return add_sid(a, payload, false, err);
	case SAN_MSG_CLASS:
		return add_class(a, payload, err);
	default:
		return add_removal(a, type, payload, err);
	}
}
