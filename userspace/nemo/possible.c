/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What no host could do, before it is committed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/compile_int.h"
#include "nemo/place.h"
#include "util/own.h"

struct look {
	struct nemo_own own;
	const struct nemo_script *script;
	struct nemo_diags *diags;
	uint64_t far; /* prefixes of those that operations lead to */
};

/* Beyond the limit nobody sees the place: the script is not searched for it. */
static struct nemo_pos place(const struct look *look, const char *object)
{
	return nemo_place(look->diags->errors < NEMO_ERRORS_MAX ? look->script : NULL, object);
}

static int __attribute__((format(printf, 3, 4)))
error(const struct look *look, const struct nemo_object *op, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int r;

	va_start(args, format);
	r = vasprintf(&text, format, args);
	va_end(args);
	if (r < 0)
		return -ENOMEM;
	r = nemo_error(look->diags, NEMO_COMMIT, place(look, op->name), "operation %s: %s",
		       op->name, text);
	free(text);
	return r;
}

/* ---- connections ---- */

static int check_ingress(struct look *look, const struct nemo_object *op,
			 const struct nemo_flow *flow, const struct nemo_fars *fars)
{
	unsigned int n;

	for (unsigned int i = 0; i < flow->n_ingress; i++) {
		nemo_fars_at(fars, flow->ingress[i], &n);
		if (!n)
			return error(look, op,
				     "flow %s comes in at %s, which is no end of connection %s",
				     flow->object->name, flow->ingress[i], fars->connection->name);
	}
	return 0;
}

static int check_connection(struct look *look, const struct nemo_object *op,
			    const struct nemo_flow *flow, const struct nemo_object *connection)
{
	const struct nemo_fars *fars = nemo_own_fars(&look->own, connection);
	int r;

	if (!fars)
		return -ENOMEM;
	look->far += fars->prefixes;
	if (look->far > NEMO_FAR_MAX)
		return error(look, op,
			     "prefixes of the ends of connections, counted for each operation that "
			     "leads to one, come to more than %u",
			     NEMO_FAR_MAX);
	r = check_ingress(look, op, flow, fars);
	if (r || !fars->bare || fars->gates <= 2)
		return r;
	return error(look, op,
		     "connection %s has more than two ends: %s needs an ipv4Prefix or "
		     "ipv6Prefix, which tells what goes there",
		     connection->name, fars->bare);
}

/* ---- operations ---- */

static int check_chain(struct look *look, const struct nemo_object *op,
		       const struct nemo_want *want)
{
	const struct nemo_object *last;

	if (!want->n_through || want->redirect)
		return 0;
	last = want->through[want->n_through - 1];
	if (nemo_own_home(&look->own, last))
		return 0;
	return error(look, op,
		     "gothrough: %s is in no site that contains a gateway, and there is no "
		     "redirect",
		     last->name);
}

/* Told once, and where the flow is written, if it is. */
static int check_flow(struct look *look, const struct nemo_object *op, struct nemo_flow *flow)
{
	struct nemo_pos at;

	if (!flow->why[0])
		return 0;
	if (flow->done)
		return -EINVAL;
	flow->done = true;
	at = place(look, flow->object->name);
	return nemo_error(look->diags, NEMO_COMMIT, at.line ? at : place(look, op->name),
			  "ServiceFlow %s: %s", flow->object->name, flow->why);
}

static int check_op(struct look *look, const struct nemo_object *op)
{
	const struct nemo_store *store = look->own.tenant->store;
	const struct nemo_object *target = nemo_store_find(store, op->c.target.text);
	struct nemo_want want;
	struct nemo_flow *flow;
	char why[NEMO_WHY];
	int r;

	if (!target || target->kind != NEMO_FLOW)
		return error(look, op, "target %s must be a ServiceFlow", op->c.target.text);
	flow = nemo_flow_get(&look->own, target);
	if (!flow)
		return -ENOMEM;
	r = check_flow(look, op, flow);
	if (nemo_want_read(&look->own, op, &want, why))
		return error(look, op, "%s", why);
	if (!r)
		r = check_chain(look, op, &want);
	if (r || !want.redirect || want.redirect->kind != NEMO_CONNECTION)
		return r;
	return check_connection(look, op, flow, want.redirect);
}

static int check_ops(struct look *look)
{
	OWN_PTR const struct nemo_object **list = NULL;
	int n = nemo_store_list(look->own.tenant->store, NEMO_OPERATION, &list);
	int r = n < 0 ? -ENOMEM : 0;

	for (int i = 0; r != -ENOMEM && i < n; i++) {
		int one = check_op(look, list[i]);

		r = one ? one : r;
	}
	return r;
}

/* How much there is to look through must not depend on what a host has in force. */
static int check_places(struct look *look)
{
	OWN_PTR const struct nemo_object **list = NULL;
	int n = nemo_store_list(look->own.tenant->store, NEMO_CFN, &list);

	for (int i = 0; i < n; i++) {
		if (!nemo_is_site(list[i]) && !nemo_is_model(list[i], "gateway"))
			continue;
		if (!nemo_own_spot(&look->own, list[i]))
			return -ENOMEM;
		if (look->own.looked > NEMO_LOOKED_MAX)
			return nemo_error(look->diags, NEMO_COMMIT, place(look, list[i]->name),
					  "CFN %s: sites within sites and their prefixes, counted "
					  "for each site, come to more than %u (a site counts 4)",
					  list[i]->name, NEMO_LOOKED_MAX);
	}
	return n < 0 ? -ENOMEM : 0;
}

int nemo_possible(const struct nemo_tenant *tenant, const struct nemo_script *script,
		  struct nemo_diags *diags)
{
	struct look look = {.script = script, .diags = diags};
	int r = nemo_own_init(&look.own, tenant);

	if (!r)
		r = check_places(&look);
	if (!r)
		r = check_ops(&look);
	nemo_own_fini(&look.own);
	if (r == -ENOMEM)
		diags->no_memory = true;
	return r;
}
