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
		.max_slots = c->max_slots,
		.max_frags = c->max_frags,
		.dispatcher = c->dispatcher,
	};

	return dp_open(&conf, dp, err);
}

static bool same_sizes(const struct san_msg_config *x, const struct san_msg_config *y)
{
	return x->max_services == y->max_services && x->max_nexthops == y->max_nexthops &&
	       x->max_flows == y->max_flows && x->max_slots == y->max_slots &&
	       x->max_frags == y->max_frags;
}

static bool same_programs(const struct san_msg_config *x, const struct san_msg_config *y)
{
	return x->dispatcher == y->dispatcher &&
	       !memcmp(&x->profile, &y->profile, sizeof(x->profile));
}

/* The programs that are attached go on until set_ifaces puts the new ones into their links; the old
 * ones stay open until all of the configuration is in force. Maps of other sizes are converted. */
static int set_dp(struct apply *a, struct err *err)
{
	const struct san_msg_config *old = &a->conf.config, *new = &a->incoming.config;
	struct dp *dp;
	int r;

	if (a->dp && same_sizes(old, new) && same_programs(old, new))
		return 0;
	r = open_dp(a, &dp, err);
	if (!r)
		a->dp = dp;
	return r;
}

/* --- interfaces --- */

int host_attach(struct apply *a, struct host_iface *iface, struct err *err)
{
	enum dp_attach_mode mode = DP_DETACHED;
	struct dp_iface want;
	int r;

	want.role = iface->conf.role;
	want.policy = iface->conf.policy;
	want.group = iface->conf.group;
	r = dp_iface_set(a->dp, iface->ifindex, &want, &mode, err);
	if (r)
		return r;
	iface->attached = (uint8_t)mode;
	iface->report = true;
	return 0;
}

void host_prune(struct apply *a)
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
		r = host_attach(a, iface, err);
		if (r)
			return r;
	}
	return 0;
}

/* --- in force, or nothing --- */

/* Other sizes: all is read anew from the converted maps, as at a start. */
static int set_shadow(struct apply *a, const struct host_conf *before, bool first, struct err *err)
{
	int r;

	if (!first && same_sizes(&before->config, &a->conf.config)) {
		if (before->config.route_table == a->conf.config.route_table)
			return 0;
		shadow_forget_routes(a);
		r = shadow_adopt_routes(a);
		return r ? err_set(err, r, "", "", "routes cannot be read: %s", strerror(-r)) : 0;
	}
	shadow_clear(a);
	return shadow_open(a, err);
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

static int set_domain(struct apply *a, struct err *err)
{
	int r;

	sids_follow(a); /* which of them lie in no block, which are the kernel's */
	r = domain_sync(a);
	if (r)
		return err_set(err, r, "", "", "map san_domain not written: %s", strerror(-r));
	r = events_start(a);
	if (r)
		log_warn("no events", "error=\"%s\"", strerror(-r));
	return 0;
}

static void go_back_ifaces(struct dp *dp, const struct before *b)
{
	unsigned int keep[APPLY_MAX_IFACES];

	for (unsigned int i = 0; i < b->n_attached; i++) {
		const struct san_iface *was = &b->attached[i].val;
		struct dp_iface want = {was->role, was->policy, was->group};

		keep[i] = b->attached[i].ifindex;
		dp_iface_set(dp, keep[i], &want, NULL, NULL);
	}
	dp_iface_prune(dp, keep, b->n_attached);
}

/* Maps that were converted stay converted, with the programs that go with them: the old ones are
 * gone. */
static void keep_converted(struct apply *a, struct before *b)
{
	struct san_msg_config *old = &b->conf.config;
	const struct san_msg_config *new = &a->incoming.config;

	old->profile = new->profile;
	old->dispatcher = new->dispatcher;
	old->max_services = new->max_services;
	old->max_nexthops = new->max_nexthops;
	old->max_flows = new->max_flows;
	old->max_slots = new->max_slots;
	old->max_frags = new->max_frags;
	dp_close(b->dp);
	b->dp = a->dp;
}

static void go_back(struct apply *a, struct before *b)
{
	bool converted =
		b->dp && a->dp != b->dp && !same_sizes(&b->conf.config, &a->incoming.config);
	struct err err = {0};
	char text[512];

	events_stop(a);
	if (converted)
		keep_converted(a, b);
	if (b->dp || a->dp)
		go_back_ifaces(b->dp ? b->dp : a->dp, b);
	if (a->dp != b->dp)
		dp_close(a->dp);
	if (b->fresh)
		dp_unload(a->pin_dir);
	a->dp = b->dp;
	a->conf = b->conf;
	memcpy(a->ifaces, b->ifaces, sizeof(a->ifaces));
	a->n_ifaces = b->n_ifaces;
	if (!a->dp)
		return;
	if (converted || !a->by_index) {
		shadow_clear(a);
		shadow_open(a, &err);
	}
	set_domain(a, &err);
	if (err.code && session_may_log(a))
		log_err("configuration not taken back", "text=\"%s\"",
			err_text(&err, text, sizeof(text)));
}

static int host_change(struct apply *a, struct before *b, struct err *err)
{
	int r = set_dp(a, err);

	if (!r)
		r = dp_iface_each(a->dp, on_attached, b);
	if (!r)
		r = set_ifaces(a, err);
	if (!r)
		r = routing_set(a, err);
	if (r)
		return r;
	a->conf = a->incoming;
	r = set_shadow(a, &b->conf, !b->dp, err);
	return r ? r : set_domain(a, err);
}

int host_set(struct apply *a, struct err *err)
{
	struct before *b;
	int r = check_ifaces(a, err);

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
		host_prune(a);
		routing_drop_stale(a);
	}
	free(b);
	return r;
}
