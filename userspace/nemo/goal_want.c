/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actions of an operation, and which of them go together. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "nemo/compile_int.h"
#include "util/own.h"

#define TEXT(x) #x
#define STRING(x) TEXT(x)

struct read {
	struct nemo_own *own;
	const struct nemo_store *store;
	struct nemo_want *want;
	char *why;
	bool allow, deny, mark, qos;
};

static int __attribute__((format(printf, 2, 3))) cannot(struct read *rd, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	nemo_vwhy(rd->why, format, args);
	va_end(args);
	return -EINVAL;
}

bool nemo_is_function(const struct nemo_object *object)
{
	static const char *const models[] = {"host", "firewall", "loadbalancer", "cache",
					     "vrouter"};

	for (unsigned int i = 0; i < ARRAY_SIZE(models); i++)
		if (nemo_is_model(object, models[i]))
			return true;
	return false;
}

static const struct nemo_value *only(const struct nemo_action *action, enum nemo_type type)
{
	bool right = action->n == 1 && action->args[0].n == 1 && action->args[0].v[0].type == type;

	return right ? &action->args[0].v[0] : NULL;
}

/* What is there in place of one value, which takes up the rest of the sentence. */
static int not_one(struct read *rd, const struct nemo_action *action, const char *must)
{
	const struct nemo_arg *arg = action->n ? &action->args[0] : NULL;
	char text[NEMO_STRING_MAX + 1] = "nothing";

	if (action->n > 1)
		return cannot(rd, "%s has %u values, must be %s", action->name.text, action->n,
			      must);
	if (arg && arg->n != 1)
		return cannot(rd, "%s is a list of %u values, must be %s", action->name.text,
			      arg->n, must);
	if (arg)
		nemo_value_text(&arg->v[0], text, sizeof(text));
	return cannot(rd, "%s is %.40s, must be %s", action->name.text, text, must);
}

/* An object that an action names once. */
static int name_one(struct read *rd, const struct nemo_action *action,
		    const struct nemo_object **out)
{
	const struct nemo_value *value = only(action, NEMO_STRING);
	const char *name = action->name.text;

	if (*out)
		return cannot(rd, "action %s is there twice", name);
	if (!value)
		return not_one(rd, action, "one name");
	*out = nemo_store_find(rd->store, value->string);
	return *out ? 0 : cannot(rd, "action %s: there is no %.63s", name, value->string);
}

/* A function's SID. */
static int has_sid(struct read *rd, const struct nemo_object *function)
{
	struct nemo_prefix ip;

	if (!nemo_object_prefix(function, "ip", &ip))
		return cannot(rd, "%s %s has no ip: it must be its SID", function->model->name,
			      function->name);
	if (ip.v4 || ip.len != 128)
		return cannot(rd, "ip of %s must be one IPv6 address, its SID", function->name);
	return 0;
}

static int on_redirect(struct read *rd, const struct nemo_action *action)
{
	const struct nemo_object *to;
	int r = name_one(rd, action, &rd->want->redirect);

	if (r)
		return r;
	to = rd->want->redirect;
	if (to->kind == NEMO_CONNECTION || nemo_is_model(to, "gateway"))
		return 0;
	if (nemo_is_site(to))
		return nemo_gateways_of(&rd->own->gateways, rd->store, to)
			       ? 0
			       : cannot(rd, "redirect: site %s contains no gateway", to->name);
	if (nemo_is_function(to))
		return has_sid(rd, to);
	if (nemo_is_model(to, "service"))
		return cannot(rd, "redirect: %s is a service: use steer", to->name);
	return cannot(rd, "redirect: %s must be a connection, gateway, site, function or host",
		      to->name);
}

static int on_steer(struct read *rd, const struct nemo_action *action)
{
	int64_t id;
	int r = name_one(rd, action, &rd->want->steer);

	if (r)
		return r;
	if (!nemo_is_model(rd->want->steer, "service"))
		return cannot(rd, "steer: %s must be a CFN of type service", rd->want->steer->name);
	if (!nemo_object_integer(rd->want->steer, "service_id", &id) || id <= 0)
		return cannot(rd, "steer: service %s has no service_id", rd->want->steer->name);
	return 0;
}

static int add_function(struct read *rd, const struct nemo_value *value)
{
	struct nemo_want *want = rd->want;
	const struct nemo_object *cfn;

	if (value->type != NEMO_STRING)
		return cannot(rd, "gothrough takes names of functions");
	cfn = nemo_store_find(rd->store, value->string);
	if (!cfn || !nemo_is_function(cfn))
		return cannot(rd, "gothrough: %.63s must be a function or host", value->string);
	if (want->n_through == NEMO_CHAIN_MAX)
		return cannot(rd, "gothrough takes at most %d functions", NEMO_CHAIN_MAX);
	want->through[want->n_through++] = cfn;
	return has_sid(rd, cfn);
}

static int on_gothrough(struct read *rd, const struct nemo_action *action)
{
	int r = 0;

	if (rd->want->n_through)
		return cannot(rd, "action gothrough is there twice");
	for (unsigned int i = 0; !r && i < action->n; i++)
		for (unsigned int j = 0; !r && j < action->args[i].n; j++)
			r = add_function(rd, &action->args[i].v[j]);
	return r || rd->want->n_through ? r : cannot(rd, "gothrough takes names of functions");
}

static int on_allow(struct read *rd, const struct nemo_action *action)
{
	rd->allow = true;
	return 0;
}

static int on_deny(struct read *rd, const struct nemo_action *action)
{
	rd->deny = true;
	return 0;
}

static int on_mark(struct read *rd, const struct nemo_action *action)
{
	const struct nemo_value *value = only(action, NEMO_INTEGER);

	if (rd->mark)
		return cannot(rd, "action mark is there twice");
	if (!value || value->integer < 0 || value->integer > 63)
		return not_one(rd, action, "one DSCP, 0..63");
	rd->mark = true;
	rd->want->mark = (uint8_t)(SAN_ACT_MARK | value->integer);
	return 0;
}

static int on_qos(struct read *rd, const struct nemo_action *action)
{
	const struct nemo_value *value = only(action, NEMO_INTEGER);

	if (rd->qos)
		return cannot(rd, "action qos_bandwidth is there twice");
	if (!value || value->integer < 1 || value->integer > NEMO_RATE_MAX)
		return not_one(rd, action, "one number of Mbit/s, 1.." STRING(NEMO_RATE_MAX));
	rd->qos = true;
	rd->want->rate_kbps = (uint32_t)(value->integer * 1000);
	return 0;
}

static const struct {
	const char *name;
	int (*on)(struct read *rd, const struct nemo_action *action);
} actions[] = {
	{"redirect", on_redirect}, {"steer", on_steer}, {"gothrough", on_gothrough},
	{"allow", on_allow},	   {"deny", on_deny},	{"mark", on_mark},
	{"qos_bandwidth", on_qos},
};

static int on_action(struct read *rd, const struct nemo_action *action)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(actions); i++)
		if (strcmp(action->name.text, actions[i].name) == 0)
			return actions[i].on(rd, action);
	return cannot(rd, "action %.63s means nothing to this dataplane", action->name.text);
}

static int go_together(struct read *rd)
{
	const struct nemo_want *w = rd->want;
	const char *with = w->redirect	  ? "redirect"
			   : w->steer	  ? "steer"
			   : w->n_through ? "gothrough"
					  : NULL;

	if (rd->allow && rd->deny)
		return cannot(rd, "allow and deny exclude each other");
	if ((rd->allow || rd->deny) && with)
		return cannot(rd, "%s and %s exclude each other", rd->allow ? "allow" : "deny",
			      with);
	if (w->redirect && w->steer)
		return cannot(rd, "redirect and steer exclude each other");
	if (w->n_through && w->steer)
		return cannot(rd, "gothrough and steer exclude each other: functions cannot be "
				  "put before an instance that is chosen by metric");
	return 0;
}

int nemo_want_read(struct nemo_own *own, const struct nemo_object *op, struct nemo_want *out,
		   char why[NEMO_WHY])
{
	struct read rd = {.own = own, .store = own->tenant->store, .want = out, .why = why};
	const struct nemo_actions *list = &op->c.actions;
	int r = 0;

	memset(out, 0, sizeof(*out));
	for (unsigned int i = 0; !r && i < list->n; i++)
		r = on_action(&rd, &list->v[i]);
	if (!r)
		r = go_together(&rd);
	if (rd.deny)
		out->verdict = SAN_ACT_DROP;
	else if (out->redirect || out->steer || out->n_through)
		out->verdict = SAN_ACT_STEER;
	else
		out->verdict = SAN_ACT_PASS;
	return r;
}
