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

static int check(const struct plan_sid *p, struct err *err)
{
	char value[16];

	if (IN6_IS_ADDR_UNSPECIFIED(&p->addr) || IN6_IS_ADDR_MULTICAST(&p->addr))
		return err_set(err, -EINVAL, "sid", "", "must be a unicast address");
	snprintf(value, sizeof(value), "%u", p->behaviour);
	if (p->behaviour < SAN_BEHAVIOUR_END || p->behaviour >= SAN_BEHAVIOUR_MAX)
		return err_set(err, -EINVAL, "behaviour", value, "must be End, End.DX6 or End.DT6");
	if (p->behaviour == SAN_BEHAVIOUR_END_DX6 &&
	    (IN6_IS_ADDR_UNSPECIFIED(&p->nexthop) || IN6_IS_ADDR_MULTICAST(&p->nexthop)))
		return err_set(err, -EINVAL, "nexthop", "",
			       "must be a unicast address for End.DX6");
	if (p->behaviour == SAN_BEHAVIOUR_END_DT6 && !p->table)
		return err_set(err, -EINVAL, "table", "0", "must not be 0 for End.DT6");
	if (!memchr(p->oif, 0, sizeof(p->oif)))
		return err_set(err, -EINVAL, "interface", "", "must have at most %d characters",
			       SAN_IFNAMSIZ - 1);
	return 0;
}

/* Fixed form: what the behaviour does not use is zero. */
static struct san_msg_sid to_msg(const struct plan_sid *p)
{
	struct san_msg_sid msg;

	memset(&msg, 0, sizeof(msg));
	msg.addr = p->addr;
	msg.behaviour = p->behaviour;
	if (p->behaviour == SAN_BEHAVIOUR_END_DX6)
		msg.nexthop = p->nexthop;
	if (p->behaviour == SAN_BEHAVIOUR_END_DT6)
		msg.table = p->table;
	snprintf(msg.oif, sizeof(msg.oif), "%s", p->oif);
	return msg;
}

static struct sid *get(struct ncc *ncc, const struct in6_addr *addr, struct err *err)
{
	struct sid *sid;
	char value[16];

	HASH_FIND(hh, ncc->sids, addr, sizeof(*addr), sid);
	if ((!sid || sid->removed) && ncc->n_sids >= NCC_MAX_SIDS) {
		snprintf(value, sizeof(value), "%u", ncc->n_sids);
		err_set(err, -ENOSPC, "sids", value, "limit reached, at most %d", NCC_MAX_SIDS);
		return NULL;
	}
	if (sid)
		return sid;
	sid = calloc(1, sizeof(*sid));
	if (!sid) {
		err_set(err, -ENOMEM, "", "", "no memory");
		return NULL;
	}
	sid->item.kind = ITEM_SID;
	sid->addr = *addr;
	sid->removed = true;
	HASH_ADD(hh, ncc->sids, addr, sizeof(sid->addr), sid);
	return sid;
}

static int sid_put(struct ncc *ncc, const struct plan_sid *p, struct err *err)
{
	struct err own = {0};
	struct san_msg_sid msg;
	struct sid *sid;
	int r = check(p, err);

	if (r)
		return r;
	sid = get(ncc, &p->addr, &own);
	if (!sid) {
		if (err)
			*err = own;
		return own.code;
	}
	msg = to_msg(p);
	if (!sid->removed && !memcmp(&sid->msg, &msg, sizeof(msg)))
		return 0;
	if (sid->removed)
		ncc->n_sids++;
	sid->removed = false;
	sid->msg = msg;
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
	struct sid *sid;

	HASH_FIND(hh, ncc->sids, addr, sizeof(*addr), sid);
	if (!sid || sid->removed)
		return;
	ncc->n_sids--;
	sid->removed = true;
	if (sid->item.sent)
		state_mark(ncc, &sid->item);
	else
		sid_free(ncc, sid);
}
