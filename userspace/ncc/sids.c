/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Desired SIDs. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/ncc_int.h"

void sid_free(struct ncc *ncc, struct sid *sid)
{
	state_unlist(ncc, &sid->item);
	HASH_DEL(ncc->sids, sid);
	free(sid);
}

static bool to_address(uint8_t behaviour)
{
	return behaviour == SAN_BEHAVIOUR_END_DX6 || behaviour == SAN_BEHAVIOUR_END_DX4;
}

static int check_nexthop(const struct plan_sid *p, struct err *err)
{
	bool mapped = IN6_IS_ADDR_V4MAPPED(&p->nexthop);

	if (p->behaviour == SAN_BEHAVIOUR_END_DX4 && !mapped)
		return err_set(err, -EINVAL, "nexthop", "", "must be an IPv4 address for End.DX4");
	if (p->behaviour == SAN_BEHAVIOUR_END_DX6 &&
	    (mapped || IN6_IS_ADDR_UNSPECIFIED(&p->nexthop) || IN6_IS_ADDR_MULTICAST(&p->nexthop)))
		return err_set(err, -EINVAL, "nexthop", "",
			       "must be an IPv6 unicast address for End.DX6");
	return 0;
}

static int check(const struct plan_sid *p, struct err *err)
{
	unsigned int flavors = SAN_FLAVOR_PSP | SAN_FLAVOR_USP | SAN_FLAVOR_USD;
	char value[16];

	if (IN6_IS_ADDR_UNSPECIFIED(&p->addr) || IN6_IS_ADDR_MULTICAST(&p->addr))
		return err_set(err, -EINVAL, "sid", "", "must be a unicast address");
	snprintf(value, sizeof(value), "%u", p->behaviour);
	if (p->behaviour < SAN_BEHAVIOUR_END || p->behaviour >= SAN_BEHAVIOUR_MAX)
		return err_set(err, -EINVAL, "behaviour", value,
			       "must be End, End.DX6, End.DT6, End.DX4 or End.SAN");
	snprintf(value, sizeof(value), "%u", p->flavors);
	if (p->behaviour == SAN_BEHAVIOUR_END ? p->flavors & ~flavors : p->flavors)
		return err_set(err, -EINVAL, "flavors", value,
			       "must be psp, usp, usd for End, none for others");
	if (p->behaviour == SAN_BEHAVIOUR_END_DT6 && !p->table)
		return err_set(err, -EINVAL, "table", "0", "must not be 0 for End.DT6");
	if (!memchr(p->oif, 0, sizeof(p->oif)))
		return err_set(err, -EINVAL, "interface", "", "must have at most %d characters",
			       SAN_IFNAMSIZ - 1);
	return check_nexthop(p, err);
}

/* Fixed form: what the behaviour does not use is zero. */
static struct san_msg_sid to_msg(const struct plan_sid *p)
{
	struct san_msg_sid msg;

	memset(&msg, 0, sizeof(msg));
	msg.addr = p->addr;
	msg.behaviour = p->behaviour;
	msg.flavors = p->flavors;
	if (to_address(p->behaviour)) {
		msg.nexthop = p->nexthop;
		msg.service_id = p->service_id;
	}
	if (p->behaviour == SAN_BEHAVIOUR_END_DT6)
		msg.table = p->table;
	snprintf(msg.oif, sizeof(msg.oif), "%s", p->oif);
	return msg;
}

static int check_room(const struct ncc *ncc, const struct plan_sid *p, const struct sid *old,
		      struct err *err)
{
	bool is_new = !old || old->removed;
	bool takes = to_address(p->behaviour) && (is_new || !to_address(old->msg.behaviour));

	if (is_new && ncc->n_sids >= NCC_MAX_SIDS)
		return state_full(err, "san_sids", NCC_MAX_SIDS, NULL);
	if (takes && ncc->n_nexthops + ncc->n_direct + 1 >= ncc->config.max_nexthops)
		return state_full(err, "san_nexthops", ncc->config.max_nexthops - 1,
				  "maps.nexthops");
	return 0;
}

static struct sid *find(const struct ncc *ncc, const struct in6_addr *addr)
{
	struct sid *sid;

	HASH_FIND(hh, ncc->sids, addr, sizeof(*addr), sid);
	return sid;
}

static struct sid *add(struct ncc *ncc, const struct in6_addr *addr)
{
	struct sid *sid = calloc(1, sizeof(*sid));

	if (!sid)
		return NULL;
	sid->item.kind = ITEM_SID;
	sid->addr = *addr;
	sid->removed = true;
	HASH_ADD(hh, ncc->sids, addr, sizeof(sid->addr), sid);
	return sid;
}

static void count(struct ncc *ncc, const struct sid *sid, int by)
{
	if (sid->removed)
		return;
	ncc->n_sids += (unsigned int)by;
	if (to_address(sid->msg.behaviour))
		ncc->n_direct += (unsigned int)by;
}

static int sid_put(struct ncc *ncc, const struct plan_sid *p, struct err *err)
{
	struct sid *sid = find(ncc, &p->addr);
	struct san_msg_sid msg;
	int r = check(p, err) ?: check_room(ncc, p, sid, err);

	if (r)
		return r;
	if (!sid)
		sid = add(ncc, &p->addr);
	if (!sid)
		return err_set(err, -ENOMEM, "", "", "no memory");
	msg = to_msg(p);
	if (!sid->removed && !memcmp(&sid->msg, &msg, sizeof(msg)))
		return 0;
	count(ncc, sid, -1);
	sid->removed = false;
	sid->msg = msg;
	count(ncc, sid, 1);
	state_mark(ncc, &sid->item);
	return 0;
}

int ncc_sid_put(struct ncc *ncc, const struct plan_sid *sid, struct err *err)
{
	char text[INET6_ADDRSTRLEN];
	int r = sid_put(ncc, sid, err);

	if (r)
		err_object(err, "SID %s", inet_ntop(AF_INET6, &sid->addr, text, sizeof(text)));
	return r;
}

void ncc_sid_del(struct ncc *ncc, const struct in6_addr *addr)
{
	struct sid *sid = find(ncc, addr);

	if (!sid || sid->removed)
		return;
	count(ncc, sid, -1);
	sid->removed = true;
	if (sid->item.sent)
		state_mark(ncc, &sid->item);
	else
		sid_free(ncc, sid);
}
