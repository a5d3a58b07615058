/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interfaces that come, go, move; programs and roles that others took away. */
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"

static bool follow_one(struct apply *a, struct host_iface *iface)
{
	struct nl_link link = {0};
	struct err err = {0};
	char text[512];

	if (nl_link_by_name(a->nl, iface->conf.name, &link))
		memset(&link, 0, sizeof(link));
	if (link.ifindex == iface->ifindex && link.up == iface->up &&
	    !memcmp(link.mac, iface->mac, sizeof(link.mac)))
		return false;
	iface->report = true;
	iface->up = link.up;
	if (link.ifindex == iface->ifindex && !memcmp(link.mac, iface->mac, sizeof(link.mac)))
		return true;
	log_info("interface changed", "name=%s ifindex=%u before=%u", iface->conf.name,
		 link.ifindex, iface->ifindex);
	iface->ifindex = link.ifindex;
	memcpy(iface->mac, link.mac, sizeof(iface->mac));
	iface->attached = DP_DETACHED;
	if (link.ifindex && host_attach(a, iface, &err))
		log_err("interface not attached", "text=\"%s\"",
			err_text(&err, text, sizeof(text)));
	return true;
}

void host_follow(struct apply *a)
{
	unsigned int before[APPLY_MAX_IFACES];
	bool moved = false, touched = false;

	for (unsigned int i = 0; i < a->n_ifaces; i++) {
		before[i] = a->ifaces[i].ifindex;
		touched |= follow_one(a, &a->ifaces[i]);
		moved |= before[i] != a->ifaces[i].ifindex;
	}
	if (moved)
		host_prune(a);
	if (touched)
		audit_kernel(a); /* the kernel drops routes with their link */
}

static bool in_place(struct apply *a, const struct host_iface *iface)
{
	struct san_iface val;
	enum dp_attach_mode mode;

	return !dp_iface_get(a->dp, iface->ifindex, &val, &mode) && mode == iface->attached &&
	       val.role == iface->conf.role && val.policy == iface->conf.policy &&
	       val.group == iface->conf.group && !memcmp(val.mac, iface->mac, sizeof(val.mac));
}

void host_verify(struct apply *a)
{
	for (unsigned int i = 0; i < a->n_ifaces; i++) {
		struct host_iface *iface = &a->ifaces[i];
		bool was = iface->attached != DP_DETACHED;
		struct err err = {0};
		char text[512];

		if (!iface->ifindex || iface->conf.role == SAN_ROLE_NONE || in_place(a, iface))
			continue;
		iface->attached = DP_DETACHED;
		if (!host_attach(a, iface, &err))
			a->repaired++;
		else if (was) /* said once */
			log_err("interface not attached", "text=\"%s\"",
				err_text(&err, text, sizeof(text)));
	}
}
