/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the child says about this host: map sizes, interfaces, table and rule, tunnel source. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ncc/apply_int.h"
#include "util/log.h"

const struct host_iface *host_by_index(const struct apply *a, unsigned int ifindex)
{
	for (unsigned int i = 0; i < a->n_ifaces; i++) {
		if (a->ifaces[i].attached && a->ifaces[i].ifindex == ifindex)
			return &a->ifaces[i];
	}
	return NULL;
}

unsigned int host_core_link(const struct apply *a)
{
	for (unsigned int i = 0; i < a->n_ifaces; i++) {
		if (a->ifaces[i].conf.role == SAN_ROLE_CORE && a->ifaces[i].up)
			return a->ifaces[i].ifindex;
	}
	return 0;
}

/* --- checks that need the host, before anything is touched --- */

static int check_ifaces(struct apply *a, struct err *err)
{
	struct nl_link link;

	for (unsigned int i = 0; i < a->incoming.n_ifaces; i++) {
		const char *name = a->incoming.ifaces[i].name;

		if (!nl_link_by_name(a->nl, name, &link))
			continue;
		err_set(err, -ENODEV, "", "", "does not exist");
		return err_object(err, "interface %s", name), -ENODEV;
	}
	return 0;
}

static int check_sizes(struct apply *a, struct err *err)
{
	const struct san_msg_config *old = &a->conf.config, *new = &a->incoming.config;

	if (!a->dp || (old->max_services == new->max_services &&
		       old->max_nexthops == new->max_nexthops && old->max_flows == new->max_flows))
		return 0;
	err_set(err, -ESTALE, "", "", "are fixed while pinned; sand --unload first");
	return err_object(err, "map sizes"), -ESTALE;
}

/* --- maps and programs --- */

static int open_dp(struct apply *a, struct dp **dp, struct err *err)
{
	const struct san_msg_config *c = &a->incoming.config;
	struct dp_conf conf = {
		.pin_dir = a->pin_dir,
		.profile = c->profile,
		.max_services = c->max_services,
		.max_nexthops = c->max_nexthops,
		.max_flows = c->max_flows,
		.max_ifaces = SAN_DEFAULT_IFACES,
	};

	return dp_open(&conf, dp, err);
}

static bool same_profile(const struct apply *a)
{
	return !memcmp(&a->conf.config.profile, &a->incoming.config.profile,
		       sizeof(struct san_profile));
}

/* The programs that are attached go on until set_ifaces puts the new ones into their links; the old
 * ones stay open until all of the configuration is in force. */
static int set_dp(struct apply *a, struct err *err)
{
	struct dp *dp;
	int r;

	if (a->dp && same_profile(a))
		return 0;
	r = open_dp(a, &dp, err);
	if (!r)
		a->dp = dp;
	return r;
}

/* --- interfaces --- */

static int set_iface(struct apply *a, struct host_iface *iface, struct err *err)
{
	enum dp_attach_mode mode = DP_DETACHED;
	struct err own = {0};
	char text[512];
	int r;

	r = dp_iface_set(a->dp, iface->ifindex, iface->conf.role, iface->conf.policy, &mode, err);
	if (r)
		return r;
	iface->attached = (uint8_t)mode;
	iface->report = true;
	if (iface->conf.role == SAN_ROLE_CORE && nl_seg6_enable(a->nl, iface->conf.name, &own))
		log_warn("SRv6 not enabled", "text=\"%s\"", err_text(&own, text, sizeof(text)));
	return 0;
}

static void prune_ifaces(struct apply *a)
{
	unsigned int keep[APPLY_MAX_IFACES], n = 0;

	for (unsigned int i = 0; i < a->n_ifaces; i++) {
		if (a->ifaces[i].ifindex && a->ifaces[i].conf.role != SAN_ROLE_NONE)
			keep[n++] = a->ifaces[i].ifindex;
	}
	dp_iface_prune(a->dp, keep, n);
}

static int set_ifaces(struct apply *a, struct err *err)
{
	struct nl_link link;

	memset(a->ifaces, 0, sizeof(a->ifaces));
	a->n_ifaces = a->incoming.n_ifaces;
	for (unsigned int i = 0; i < a->n_ifaces; i++) {
		struct host_iface *iface = &a->ifaces[i];
		int r;

		iface->conf = a->incoming.ifaces[i];
		if (nl_link_by_name(a->nl, iface->conf.name, &link))
			continue; /* went away since the check: host_follow attaches it */
		iface->ifindex = link.ifindex;
		iface->up = link.up;
		memcpy(iface->mac, link.mac, sizeof(iface->mac));
		r = set_iface(a, iface, err);
		if (r)
			return r;
	}
	return 0;
}

/* --- table and rule --- */

struct stale {
	struct apply *a;
	int failed;
};

static int drop_route(void *arg, const struct nl_encap_route *route)
{
	struct stale *s = arg;

	if (nl_encap_route_del(s->a->nl, &route->dst, route->table, NULL))
		s->failed = -EIO;
	return 0;
}

/* Rules of an earlier configuration go, and what is of ours in their tables. */
static int drop_stale_rule(void *arg, uint32_t table, uint32_t priority)
{
	const struct san_msg_config *c;
	struct stale *s = arg;
	bool ingress;

	c = &s->a->conf.config;
	ingress = !IN6_IS_ADDR_UNSPECIFIED(&c->source);
	if (ingress && table == c->route_table && priority == c->rule_priority)
		return 0;
	if (table != c->route_table)
		nl_encap_route_each(s->a->nl, table, drop_route, s);
	if (nl_rule_del(s->a->nl, table, priority, NULL))
		s->failed = -EIO;
	return 0;
}

static void drop_stale(struct apply *a)
{
	struct stale stale = {.a = a};
	int r = nl_rule_each(a->nl, drop_stale_rule, &stale);

	if (r || stale.failed)
		log_warn("rules of an earlier configuration not removed", "error=%d",
			 r ? r : stale.failed);
}

static int set_routing(struct apply *a, struct err *err)
{
	const struct san_msg_config *c = &a->incoming.config;
	int r;

	if (IN6_IS_ADDR_UNSPECIFIED(&c->source))
		return 0;
	r = nl_tunsrc_set(a->nl, &c->source, err);
	return r ? r : nl_rule_put(a->nl, c->route_table, c->rule_priority, err);
}

/* --- in force, or nothing --- */

static int set_shadow(struct apply *a, uint32_t old_table, bool first, struct err *err)
{
	int r;

	if (first)
		return shadow_open(a, err);
	if (old_table == a->conf.config.route_table)
		return 0;
	shadow_forget_routes(a);
	r = shadow_adopt_routes(a);
	return r ? err_set(err, r, "", "", "routes cannot be read: %s", strerror(-r)) : 0;
}

/* What a configuration that fails half-way goes back to. */
struct before {
	struct dp *dp;
	struct host_conf conf;
	struct host_iface ifaces[APPLY_MAX_IFACES];
	unsigned int n_ifaces;
	bool fresh; /* no pins: they go again */
	struct {
		unsigned int ifindex;
		struct san_iface val;
	} attached[APPLY_MAX_IFACES];
	unsigned int n_attached;
};

static int on_attached(void *arg, unsigned int ifindex, const struct san_iface *val)
{
	struct before *b = arg;

	if (b->n_attached == APPLY_MAX_IFACES)
		return -ENOSPC;
	b->attached[b->n_attached].ifindex = ifindex;
	b->attached[b->n_attached++].val = *val;
	return 0;
}

static struct before *remember(const struct apply *a)
{
	struct before *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->dp = a->dp;
	b->conf = a->conf;
	memcpy(b->ifaces, a->ifaces, sizeof(b->ifaces));
	b->n_ifaces = a->n_ifaces;
	b->fresh = !a->dp && access(a->pin_dir, F_OK);
	return b;
}

static void go_back(struct apply *a, const struct before *b)
{
	unsigned int keep[APPLY_MAX_IFACES];
	struct dp *dp = b->dp ? b->dp : a->dp;

	for (unsigned int i = 0; i < b->n_attached; i++) {
		keep[i] = b->attached[i].ifindex;
		dp_iface_set(dp, keep[i], b->attached[i].val.role, b->attached[i].val.policy, NULL,
			     NULL);
	}
	if (dp)
		dp_iface_prune(dp, keep, b->n_attached);
	if (a->dp != b->dp)
		dp_close(a->dp);
	if (b->fresh)
		dp_unload(a->pin_dir);
	a->dp = b->dp;
	a->conf = b->conf;
	memcpy(a->ifaces, b->ifaces, sizeof(a->ifaces));
	a->n_ifaces = b->n_ifaces;
}

static int host_change(struct apply *a, struct before *b, struct err *err)
{
	int r = set_dp(a, err);

	if (!r)
		r = dp_iface_each(a->dp, on_attached, b);
	if (!r)
		r = set_ifaces(a, err);
	if (!r)
		r = set_routing(a, err);
	if (r)
		return r;
	a->conf = a->incoming;
	return set_shadow(a, b->conf.config.route_table, !b->dp, err);
}

int host_set(struct apply *a, struct err *err)
{
	struct before *b;
	int r = check_ifaces(a, err);

	if (!r)
		r = check_sizes(a, err);
	if (r)
		return r;
	b = remember(a);
	if (!b)
		return err_set(err, -ENOMEM, "", "", "no memory for the configuration");
	r = host_change(a, b, err);
	if (r) {
		go_back(a, b);
	} else {
		if (b->dp != a->dp)
			dp_close(b->dp);
		prune_ifaces(a);
		drop_stale(a);
	}
	free(b);
	return r;
}

/* --- later --- */

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
	if (link.ifindex && set_iface(a, iface, &err))
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
		prune_ifaces(a);
	if (touched)
		audit_kernel(a); /* the kernel drops routes with their link */
}

static bool in_place(struct apply *a, const struct host_iface *iface)
{
	struct san_iface val;
	enum dp_attach_mode mode;

	return !dp_iface_get(a->dp, iface->ifindex, &val, &mode) && mode == iface->attached &&
	       val.role == iface->conf.role && val.policy == iface->conf.policy &&
	       !memcmp(val.mac, iface->mac, sizeof(val.mac));
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
		if (!set_iface(a, iface, &err))
			a->repaired++;
		else if (was) /* said once */
			log_err("interface not attached", "text=\"%s\"",
				err_text(&err, text, sizeof(text)));
	}
}
