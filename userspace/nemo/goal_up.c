/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether what operations lead to is there. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/compile_int.h"
#include "util/own.h"

static void *__attribute__((format(printf, 2, 3))) down(char why[NEMO_WHY], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	nemo_vwhy(why, format, args);
	va_end(args);
	return NULL;
}

static int path_order(const void *a, const void *b)
{
	const struct view_path *x = *(const struct view_path *const *)a;
	const struct view_path *y = *(const struct view_path *const *)b;
	int c = strcmp(x->def.gateway, y->def.gateway);

	return c ? c : strcmp(x->def.name, y->def.name);
}

int nemo_ctx_init(struct nemo_ctx *ctx, const struct nemo_plan_in *in)
{
	const struct view_path *path;
	unsigned int n = HASH_COUNT(in->view->paths);

	*ctx = (struct nemo_ctx){.in = in, .paths = calloc(n + 1u, sizeof(ctx->paths[0]))};
	if (!ctx->paths)
		return -ENOMEM;
	for (path = in->view->paths; path; path = path->hh.next)
		if (path->defined && strcmp(path->def.ingress, in->host) == 0)
			ctx->paths[ctx->n_paths++] = path;
	qsort(ctx->paths, ctx->n_paths, sizeof(ctx->paths[0]), path_order);
	return 0;
}

void nemo_ctx_fini(struct nemo_ctx *ctx)
{
	free(ctx->paths);
	*ctx = (struct nemo_ctx){0};
}

const struct view_gateway *nemo_up_gateway(const struct nemo_plan_in *in, const char *name,
					   char why[NEMO_WHY])
{
	const struct view_gateway *gateway = view_gateway(in->view, name);

	return gateway ? gateway : down(why, "gateway %s is not known", name);
}

static bool loses_all(const struct nemo_plan_in *in, const struct view_path *path)
{
	const struct sample *loss = samples_get(&path->samples, ATTR_LOSS_PPM);

	return !in->all && loss && loss->milli >= attr_max_milli(ATTR_LOSS_PPM);
}

const struct view_path *nemo_up_path(const struct nemo_plan_in *in, const char *gateway,
				     const char *name, char why[NEMO_WHY])
{
	struct path_key key = {.ingress = in->host, .gateway = gateway, .name = name};
	const struct view_path *path = view_path(in->view, key);

	if (!path || !path->defined)
		return down(why, "path %.30s/%.30s/%.30s does not exist", in->host, gateway, name);
	if (loses_all(in, path))
		return down(why, "path %.30s/%.30s/%.30s loses everything", in->host, gateway,
			    name);
	return path;
}

bool nemo_up_any_path(const struct nemo_ctx *ctx, const char *gateway, const struct view_path **out,
		      char why[NEMO_WHY])
{
	unsigned int lo = 0, hi = ctx->n_paths;
	char unused[NEMO_WHY];

	*out = nemo_up_path(ctx->in, gateway, "be", unused);
	if (*out)
		return true;
	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (strcmp(ctx->paths[mid]->def.gateway, gateway) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == ctx->n_paths || strcmp(ctx->paths[lo]->def.gateway, gateway) != 0)
		return true;
	for (; lo < ctx->n_paths && strcmp(ctx->paths[lo]->def.gateway, gateway) == 0; lo++) {
		if (loses_all(ctx->in, ctx->paths[lo]))
			continue;
		*out = ctx->paths[lo];
		return true;
	}
	down(why, "every path from %.40s to %.40s loses everything", ctx->in->host, gateway);
	return false;
}

bool nemo_up_service(const struct nemo_plan_in *in, const struct nemo_object *service,
		     char why[NEMO_WHY])
{
	char text[SVC_ID_TEXT];
	const struct view_service *known;
	struct view_instance *instance;
	int64_t id = 0;

	nemo_object_integer(service, "service_id", &id);
	svc_id_text((uint64_t)id, text);
	known = view_service(in->view, (uint64_t)id);
	if (!known || !known->registered)
		return down(why, "service %s is not registered", text);
	if (in->all)
		return true;
	view_each_instance(known, instance)
		if (instance->state == INSTANCE_UP)
			return true;
	return down(why, "service %s has no instance that is up", text);
}

static bool gateway_is_up(const struct nemo_plan_in *in, const char *gateway, char why[NEMO_WHY])
{
	const struct view_path *path;
	struct nemo_ctx ctx;
	bool up;

	if (strcmp(gateway, in->host) == 0)
		return true;
	if (!nemo_up_gateway(in, gateway, why))
		return false;
	if (nemo_up_path(in, gateway, "be", why))
		return true;
	if (nemo_ctx_init(&ctx, in))
		return down(why, "no memory");
	up = nemo_up_any_path(&ctx, gateway, &path, why);
	nemo_ctx_fini(&ctx);
	return up;
}

static bool connection_is_up(const struct nemo_plan_in *in, const struct nemo_tenant *tenant,
			     const char *name, char why[NEMO_WHY])
{
	bool end = false;

	for (unsigned int i = 0; tenant->legs && i < tenant->legs->n; i++) {
		const struct nemo_leg *leg = &tenant->legs->v[i];

		if (strcmp(leg->connection, name) != 0 || strcmp(leg->ingress, in->host) != 0 ||
		    strcmp(leg->tenant, tenant->name) != 0)
			continue;
		end = true;
		if (nemo_up_gateway(in, leg->gateway, why) &&
		    nemo_up_path(in, leg->gateway, leg->path, why))
			return true;
	}
	if (!end)
		down(why, "%.40s is no end of connection %.40s", in->host, name);
	return false;
}

static bool is_up(const struct nemo_plan_in *in, const struct nemo_tenant *tenant,
		  const struct nemo_object *goal, char why[NEMO_WHY])
{
	const struct nemo_object *gateway = nemo_site_gateway(tenant->store, goal);
	struct nemo_prefix ip;

	if (goal->kind == NEMO_CONNECTION)
		return connection_is_up(in, tenant, goal->name, why);
	if (gateway)
		return gateway_is_up(in, gateway->name, why);
	if (nemo_is_model(goal, "service"))
		return nemo_up_service(in, goal, why);
	if (nemo_is_function(goal))
		return nemo_object_prefix(goal, "ip", &ip) || down(why, "%s has no ip", goal->name);
	return down(why, "%s has no gateway", goal->name);
}

bool nemo_goal_up(const struct nemo_plan_in *in, const struct nemo_tenant *tenant, const char *goal,
		  char *why, size_t size)
{
	const struct nemo_object *object = nemo_store_find(tenant->store, goal);
	char text[NEMO_WHY] = "";
	bool up = object ? is_up(in, tenant, object, text)
			 : (bool)down(text, "there is no %.63s", goal);

	snprintf(why, size, "%s", up ? "" : text);
	return up;
}

/* ---- behind functions ---- */

static bool goes_through(const struct nemo_object *op)
{
	for (unsigned int i = 0; i < op->c.actions.n; i++)
		if (strcmp(op->c.actions.v[i].name.text, "gothrough") == 0)
			return true;
	return false;
}

static const char *home_of(struct nemo_own *own, const struct nemo_object *op)
{
	const struct nemo_object *gateway;
	struct nemo_want want = {0};
	char why[NEMO_WHY];

	if (!goes_through(op) || nemo_want_read(own, op, &want, why) || want.redirect ||
	    !want.n_through)
		return NULL;
	gateway = nemo_own_home(own, want.through[want.n_through - 1]);
	return gateway ? gateway->name : NULL;
}

int nemo_homes(const struct nemo_tenant *tenant,
	       void (*each)(void *arg, const struct nemo_object *op, const char *gateway),
	       void *arg)
{
	OWN_PTR const struct nemo_object **list = NULL;
	int n = nemo_store_list(tenant->store, NEMO_OPERATION, &list), r = n < 0 ? -ENOMEM : 0;
	struct nemo_own own = {.tenant = tenant};
	bool any = false;

	for (int i = 0; i < n && !any; i++)
		any = goes_through(list[i]);
	if (r || !any)
		return r;
	r = nemo_own_init(&own, tenant);
	for (int i = 0; i < n && r == 0; i++) {
		const char *gateway = home_of(&own, list[i]);

		if (gateway)
			each(arg, list[i], gateway);
	}
	nemo_own_fini(&own);
	return r;
}
