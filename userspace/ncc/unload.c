/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sand --unload: away with everything this host programmed. */
#include <errno.h>
#include <string.h>

#include "ncc/apply.h"

struct unload {
	struct nl *nl;
	struct err *err;
};

static int drop_route(void *arg, const struct nl_encap_route *route)
{
	struct unload *u = arg;

	return nl_encap_route_del(u->nl, &route->dst, route->table, u->err);
}

static int drop_sid(void *arg, const struct san_msg_sid *sid)
{
	struct unload *u = arg;

	return nl_sid_del(u->nl, &sid->addr, u->err);
}

/* Rules of an earlier configuration too, with what is of ours in their tables. */
static int drop_rule(void *arg, uint32_t table, uint32_t priority)
{
	struct unload *u = arg;
	int r = nl_encap_route_each(u->nl, table, drop_route, u);

	return r ? r : nl_rule_del(u->nl, table, priority, u->err);
}

static int unload_kernel(struct unload *u, const struct san_msg_config *conf)
{
	int r = nl_rule_each(u->nl, drop_rule, u);

	if (!r)
		r = nl_encap_route_each(u->nl, conf->route_table, drop_route, u);
	if (!r)
		r = nl_sid_each(u->nl, drop_sid, u);
	if (!r && !IN6_IS_ADDR_UNSPECIFIED(&conf->source))
		r = nl_tunsrc_unset(u->nl, &conf->source, u->err);
	return r;
}

static void ignore(void *arg)
{
}

static int with_loop(uv_loop_t *loop, const struct san_msg_config *conf, struct err *err)
{
	struct unload u = {.err = err};
	int r = nl_open(loop, ignore, NULL, &u.nl, err);

	if (r)
		return r;
	r = unload_kernel(&u, conf);
	nl_shut(u.nl);
	uv_run(loop, UV_RUN_DEFAULT);
	return r;
}

static int unload_pins(const char *pin_dir, struct err *err)
{
	int r = dp_unload(pin_dir);

	if (!r || r == -ENOENT)
		return 0;
	err_set(err, r, "", "", "pins not removed: %s", strerror(-r));
	return err_object(err, "%s", pin_dir), r;
}

/* Programs first: without them the kernel's routes carry the packets until they go too. */
int apply_unload(const char *pin_dir, const struct san_msg_config *conf, struct err *err)
{
	int pins = unload_pins(pin_dir, err), r;
	struct err own = {0};
	uv_loop_t loop;

	r = uv_loop_init(&loop);
	if (r)
		return pins ? pins : err_set(err, r, "", "", "no event loop: %s", strerror(-r));
	r = with_loop(&loop, conf, &own);
	uv_loop_close(&loop);
	if (r && !own.code)
		err_set(&own, r, "", "", "kernel tables not read: %s", strerror(-r));
	if (r && !pins && err)
		*err = own;
	return pins ? pins : r;
}
