/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Models: what is built in, and what users declare. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/model_int.h"
#include "util/own.h"

/* clang-format off */
#define ANY(name_, type_) {.name = name_, .type = type_, .min = INT64_MIN, .max = INT64_MAX}
#define INT(name_, min_, max_) {.name = name_, .type = NEMO_INTEGER, .min = min_, .max = max_}
#define STAT(name_, type_) \
	{.name = name_, .type = type_, .read_only = true, .min = INT64_MIN, .max = INT64_MAX}
#define SITE_PROPS \
	ANY("location", NEMO_STRING), ANY("description", NEMO_STRING), \
	ANY("ipv4Prefix", NEMO_IPPREFIX), ANY("ipv6Prefix", NEMO_IPPREFIX), \
	ANY("uuid", NEMO_UUID)
/* clang-format on */

static const struct nemo_prop_def site_props[] = {SITE_PROPS};
static const struct nemo_prop_def host_props[] = {SITE_PROPS, ANY("ip", NEMO_IPPREFIX),
						  ANY("mac", NEMO_ETHADDR)};
static const struct nemo_prop_def gateway_props[] = {SITE_PROPS, ANY("locator", NEMO_IPPREFIX)};
static const struct nemo_prop_def service_props[] = {SITE_PROPS, ANY("service_id", NEMO_INTEGER)};
static const struct nemo_prop_def connection_props[] = {ANY("bandwidth", NEMO_INTEGER),
							ANY("delay", NEMO_INTEGER)};
static const struct nemo_prop_def flow_props[] = {
	ANY("src_ip", NEMO_IPPREFIX), ANY("dst_ip", NEMO_IPPREFIX),    INT("src_port", 0, 65535),
	INT("dst_port", 0, 65535),    INT("port", 0, 65535),	       ANY("proto", NEMO_STRING),
	INT("dscp", 0, 63),	      ANY("service_id", NEMO_INTEGER), ANY("src_mac", NEMO_ETHADDR),
	ANY("dst_mac", NEMO_ETHADDR), ANY("ingress", NEMO_STRING),     ANY("egress", NEMO_STRING),
};
static const struct nemo_prop_def name_args[] = {ANY("to", NEMO_STRING)};
static const struct nemo_prop_def rate_args[] = {ANY("mbits", NEMO_INTEGER)};
static const struct nemo_prop_def mark_args[] = {INT("dscp", 0, 63)};

static const struct nemo_prop_def cfn_stats[] = {
	STAT("cpu_load", NEMO_INTEGER), STAT("mem_load", NEMO_INTEGER), STAT("up", NEMO_BOOLEAN)};
static const struct nemo_prop_def connection_stats[] = {STAT("utilization", NEMO_INTEGER),
							STAT("measured_delay", NEMO_INTEGER),
							STAT("up", NEMO_BOOLEAN)};
static const struct nemo_prop_def flow_stats[] = {STAT("packets", NEMO_INTEGER),
						  STAT("bytes", NEMO_INTEGER)};

#define MODEL(kind_, name_, props_)                                                                \
	{                                                                                          \
		.kind = kind_, .name = name_, .builtin = true, .props = props_,                    \
		.n_props = ARRAY_SIZE(props_)                                                      \
	}
static const struct nemo_model builtins[] = {
	MODEL(NEMO_M_CFN, "l2group", site_props),
	MODEL(NEMO_M_CFN, "l3group", site_props),
	MODEL(NEMO_M_CFN, "extgroup", site_props),
	MODEL(NEMO_M_CFN, "host", host_props),
	MODEL(NEMO_M_CFN, "firewall", host_props),
	MODEL(NEMO_M_CFN, "loadbalancer", host_props),
	MODEL(NEMO_M_CFN, "cache", host_props),
	MODEL(NEMO_M_CFN, "vrouter", host_props),
	MODEL(NEMO_M_CFN, "gateway", gateway_props),
	MODEL(NEMO_M_CFN, "service", service_props),
	MODEL(NEMO_M_CONNECTION, "p2p", connection_props),
	MODEL(NEMO_M_CONNECTION, "p2mp", connection_props),
	MODEL(NEMO_M_CONNECTION, "mesh", connection_props),
	MODEL(NEMO_M_FLOW, "flow", flow_props),
	MODEL(NEMO_M_ACTION, "redirect", name_args),
	MODEL(NEMO_M_ACTION, "steer", name_args),
	MODEL(NEMO_M_ACTION, "gothrough", name_args),
	{.kind = NEMO_M_ACTION, .name = "allow", .builtin = true},
	{.kind = NEMO_M_ACTION, .name = "deny", .builtin = true},
	MODEL(NEMO_M_ACTION, "qos_bandwidth", rate_args),
	MODEL(NEMO_M_ACTION, "mark", mark_args),
};

const char *const nemo_model_kind_names[NEMO_M_MAX] = {
	[NEMO_M_CFN] = "CFNModel",
	[NEMO_M_CONNECTION] = "ConnectionModel",
	[NEMO_M_FLOW] = "ServiceFlowModel",
	[NEMO_M_ACTION] = "ActionModel",
};

const struct nemo_model *nemo_builtin(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(builtins); i++) {
		if (strcmp(builtins[i].name, name) == 0)
			return &builtins[i];
	}
	return NULL;
}

const struct nemo_model *nemo_builtins(unsigned int *n)
{
	*n = ARRAY_SIZE(builtins);
	return builtins;
}

static const struct nemo_prop_def *find(const struct nemo_prop_def *props, unsigned int n,
					const char *name)
{
	for (unsigned int i = 0; i < n; i++) {
		if (strcmp(props[i].name, name) == 0)
			return &props[i];
	}
	return NULL;
}

static int by_name(const void *name, const void *prop)
{
	return strcmp(name, (*(const struct nemo_prop_def *const *)prop)->name);
}

const struct nemo_prop_def *nemo_model_prop(const struct nemo_model *model, const char *name)
{
	const struct nemo_prop_def *const *found;

	if (!model->sorted)
		return find(model->props, model->n_props, name);
	found = bsearch(name, model->sorted, model->n_props, sizeof(*found), by_name);
	return found ? *found : NULL;
}

const struct nemo_prop_def *nemo_stats(enum nemo_object_kind kind, unsigned int *n)
{
	switch (kind) {
	case NEMO_CFN:
		*n = ARRAY_SIZE(cfn_stats);
		return cfn_stats;
	case NEMO_CONNECTION:
		*n = ARRAY_SIZE(connection_stats);
		return connection_stats;
	case NEMO_FLOW:
		*n = ARRAY_SIZE(flow_stats);
		return flow_stats;
	default:
		*n = 0;
		return NULL;
	}
}

const struct nemo_prop_def *nemo_stat(enum nemo_object_kind kind, const char *name)
{
	unsigned int n;
	const struct nemo_prop_def *stats = nemo_stats(kind, &n);

	return find(stats, n, name);
}

/* ---- users' models ---- */
static int by_names(const void *a, const void *b)
{
	return by_name((*(const struct nemo_prop_def *const *)a)->name, b);
}

static bool sort_props(struct nemo_user_model *user)
{
	unsigned int n = user->model.n_props;
	const struct nemo_prop_def **sorted =
		nemo_arena_alloc(user->arena, n * sizeof(const struct nemo_prop_def *));

	for (unsigned int i = 0; sorted && i < n; i++)
		sorted[i] = &user->model.props[i];
	if (sorted)
		qsort(sorted, n, sizeof(const struct nemo_prop_def *), by_names);
	user->model.sorted = sorted;
	return sorted != NULL;
}

struct nemo_user_model *nemo_user_model_new(enum nemo_model_kind kind, const struct nemo_stmt *stmt)
{
	struct nemo_user_model *user = calloc(1, sizeof(*user));
	struct nemo_prop_def *props;

	if (!user)
		return NULL;
	user->refs = 1;
	user->arena = nemo_arena_new();
	if (!user->arena)
		goto fail;
	props = nemo_arena_alloc(user->arena, stmt->n_model * sizeof(*props));
	user->model.name = nemo_arena_text(user->arena, stmt->name.text, strlen(stmt->name.text));
	if (!props || !user->model.name)
		goto fail;
	for (unsigned int i = 0; i < stmt->n_model; i++) {
		const char *name = stmt->model[i].name.text;

		props[i] = (struct nemo_prop_def)ANY(
			nemo_arena_text(user->arena, name, strlen(name)), stmt->model[i].type);
		if (!props[i].name)
			goto fail;
	}
	user->model.kind = kind;
	user->model.props = props;
	user->model.n_props = stmt->n_model;
	if (sort_props(user))
		return user;
fail:
	nemo_user_model_unref(user);
	return NULL;
}

void nemo_user_model_unref(struct nemo_user_model *user)
{
	if (!user || --user->refs > 0)
		return;
	nemo_arena_free(user->arena);
	free(user);
}

bool nemo_model_equal(const struct nemo_model *a, const struct nemo_model *b)
{
	if (a->kind != b->kind || a->n_props != b->n_props || strcmp(a->name, b->name) != 0)
		return false;
	for (unsigned int i = 0; i < a->n_props; i++) {
		if (a->props[i].type != b->props[i].type ||
		    strcmp(a->props[i].name, b->props[i].name) != 0)
			return false;
	}
	return true;
}

void nemo_print_model(struct nemo_text *out, const struct nemo_model *model)
{
	static const enum nemo_stmt_kind kinds[] = {
		[NEMO_M_CFN] = NEMO_S_DEFINE_CFN,
		[NEMO_M_CONNECTION] = NEMO_S_DEFINE_CONNECTION,
		[NEMO_M_FLOW] = NEMO_S_DEFINE_FLOW,
		[NEMO_M_ACTION] = NEMO_S_DEFINE_ACTION,
	};
	struct nemo_model_prop *props = calloc(model->n_props, sizeof(*props));
	struct nemo_stmt stmt = {
		.kind = kinds[model->kind],
		.name.text = model->name,
		.model = props,
		.n_model = model->n_props,
	};

	if (!props) {
		out->no_memory = true;
		return;
	}
	for (unsigned int i = 0; i < model->n_props; i++) {
		props[i].type = model->props[i].type;
		props[i].name.text = model->props[i].name;
	}
	nemo_print_stmt(out, &stmt);
	free(props);
}
