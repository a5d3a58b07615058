/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small network for tests of plans: host pe1, gateways gw2 (both decap SIDs) and gw3 (IPv6 only),
 * paths pe1/gw2/be, pe1/gw2/fast (one segment), pe1/gw3/be; service 0x101 with one instance. And
 * tenants made of scripts.
 */
#ifndef UNIT_NEMO_WORLD_H
#define UNIT_NEMO_WORLD_H

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/in6.h"
#include "nemo/plan.h"

#define WORLD_CFNS                                                                                 \
	"CREATE CFN pe1 Type gateway;\n"                                                           \
	"CREATE CFN gw2 Type gateway;\n"                                                           \
	"CREATE CFN gw3 Type gateway;\n"                                                           \
	"CREATE CFN here Type l3group Contain pe1 Property ipv4Prefix:\"10.1.0.0/16\";\n"          \
	"CREATE CFN s2 Type l3group Contain gw2 Property ipv4Prefix:\"10.0.0.0/29\", "             \
	"ipv6Prefix:\"2001:db8::/125\";\n"                                                         \
	"CREATE CFN fw Type firewall Property ip:\"5f00:f::1\";\n"                                 \
	"CREATE CFN s3 Type l3group Contain gw3, fw Property ipv4Prefix:\"10.0.0.8/29\", "         \
	"ipv6Prefix:\"2001:db8::8/125\";\n"                                                        \
	"CREATE CFN web Type service Property service_id:257;\n"                                   \
	"CREATE Connection c2 Type p2p EndNodes here, s2;\n"                                       \
	"CREATE Connection all Type mesh EndNodes here, s2, s3;\n"

struct world_tenant {
	const char *name;
	struct nemo_store *store;
	struct nemo_legs legs;
	struct nemo_grants grants;
	struct nemo_script *script; /* the last one */
};
static struct view world_view;
static struct world_tenant world[4];
static unsigned int world_n;
static const char *world_acts[SAN_MAX_ACTS + 1]; /* "tenant/operation" by number, interned */
static char world_act_names[SAN_MAX_ACTS + 1][2 * NAME_LEN];
static unsigned int world_n_acts;
static const char *world_asked; /* tenant of env.value */
static int64_t world_load;	/* cpu_load of everything; -1 = unknown */

static inline struct in6_addr world_addr(const char *text)
{
	struct in6_addr addr;
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1)
		return in4_mapped(v4.s_addr);
	assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

static inline void world_gateway(const char *name, const char *decap6, const char *decap4)
{
	struct gateway gw = {.locator_len = 48};

	strcpy(gw.name, name);
	gw.decap6 = world_addr(decap6);
	gw.decap4 = decap4 ? world_addr(decap4) : in6addr_any;
	assert_int_equal(view_gateway_put(&world_view, &gw, 1), 0);
}

static inline void world_path(const char *gateway, const char *name, const char *segment)
{
	struct path path = {.kind = segment ? PATH_POLICY : PATH_BE, .n_segs = segment ? 1 : 0};

	strcpy(path.ingress, "pe1");
	strcpy(path.gateway, gateway);
	strcpy(path.name, name);
	if (segment)
		path.segs[0] = world_addr(segment);
	path.hop_limit = segment ? 9 : 0;
	assert_int_equal(view_path_put(&world_view, &path, 1), 0);
}

static inline void world_loss(const char *gateway, const char *name, int64_t ppm)
{
	struct path_key key = {.ingress = "pe1", .gateway = gateway, .name = name};
	struct sample sample = {.attr = ATTR_LOSS_PPM, .milli = ppm * 1000, .received_us = 1};

	assert_int_equal(view_path_attr(&world_view, key, &sample), 0);
}

static inline void world_instance(enum instance_state state)
{
	struct view_instance_put put = {.service = 0x101,
					.instance = "i1",
					.revision = 1,
					.gateway = "gw2",
					.state = &state};

	assert_int_equal(view_instance_put(&world_view, &put), 0);
}

static inline int world_setup(void **state)
{
	struct service svc;

	view_init(&world_view);
	world_gateway("pe1", "5f00:0:1:d6::", "5f00:0:1:d4::");
	world_gateway("gw2", "5f00:0:2:d6::", "5f00:0:2:d4::");
	world_gateway("gw3", "5f00:0:3:d6::", NULL);
	world_path("gw2", "be", NULL);
	world_path("gw2", "fast", "5f00:0:9::1");
	world_path("gw3", "be", NULL);
	service_init(&svc, 0x101);
	assert_int_equal(view_service_put(&world_view, &svc, 1), 0);
	world_instance(INSTANCE_UP);
	world_load = -1;
	world_n = 0;
	return 0;
}

static inline void world_forget(struct world_tenant *t)
{
	nemo_store_free(t->store);
	nemo_legs_fini(&t->legs);
	nemo_script_free(t->script);
}

static inline int world_teardown(void **state)
{
	for (unsigned int i = 0; i < world_n; i++)
		world_forget(&world[i]);
	world_n = 0;
	view_fini(&world_view);
	return 0;
}

static inline void world_diags(const struct nemo_diags *diags)
{
	for (unsigned int i = 0; i < diags->n; i++)
		if (!diags->v[i].is_warning)
			print_message("%u:%u: %s\n", diags->v[i].at.line, diags->v[i].at.column,
				      diags->v[i].reason);
}

/* One more script for a tenant. */
static inline void world_add(struct world_tenant *t, const char *text)
{
	struct nemo_diags diags = {0};
	struct nemo_store *after = NULL;

	nemo_script_free(t->script);
	t->script = nemo_parse(text, strlen(text), &diags);
	world_diags(&diags);
	assert_non_null(t->script);
	if (nemo_check(t->script, t->store, &after, &diags))
		world_diags(&diags);
	assert_int_equal(diags.errors, 0);
	assert_non_null(after);
	nemo_store_free(t->store);
	t->store = after;
	nemo_diags_fini(&diags);
}

static inline void world_leg(struct world_tenant *t, const char *connection, const char *gateway,
			     const char *path)
{
	struct nemo_leg *v = realloc(t->legs.v, (t->legs.n + 1) * sizeof(*v));

	assert_non_null(v);
	t->legs.v = v;
	memset(&v[t->legs.n], 0, sizeof(*v));
	strcpy(v[t->legs.n].tenant, t->name);
	strcpy(v[t->legs.n].connection, connection);
	strcpy(v[t->legs.n].ingress, "pe1");
	strcpy(v[t->legs.n].gateway, gateway);
	strcpy(v[t->legs.n].path, path);
	t->legs.n++;
}

/* With WORLD_CFNS and legs for their connections. */
static inline struct world_tenant *world_tenant(const char *name, const char *text)
{
	struct world_tenant *t = &world[world_n++];

	*t = (struct world_tenant){.name = name, .store = nemo_store_new()};
	t->grants.everything = true;
	assert_non_null(t->store);
	world_add(t, WORLD_CFNS);
	world_leg(t, "c2", "gw2", "fast");
	world_leg(t, "all", "gw3", "be");
	world_leg(t, "all", "gw2", "be");
	if (text)
		world_add(t, text);
	return t;
}

static inline uint32_t world_act(void *arg, const char *tenant, const char *operation)
{
	unsigned int *room = arg;

	if (world_n_acts >= (room ? *room : SAN_MAX_ACTS))
		return 0;
	world_n_acts++;
	snprintf(world_act_names[world_n_acts], sizeof(world_act_names[0]), "%.63s/%.63s", tenant,
		 operation);
	world_acts[world_n_acts] = world_act_names[world_n_acts];
	return world_n_acts;
}

static inline bool world_value(void *arg, const char *entity, const char *member,
			       struct nemo_value *out)
{
	if (strcmp(member, "cpu_load") != 0 || world_load < 0)
		return false;
	*out = (struct nemo_value){.type = NEMO_INTEGER, .integer = world_load};
	return true;
}

static struct nemo_tenant world_tenants[4];

static inline struct nemo_plan_in world_in(void)
{
	for (unsigned int i = 0; i < world_n; i++)
		world_tenants[i] = (struct nemo_tenant){.name = world[i].name,
							.store = world[i].store,
							.legs = &world[i].legs,
							.grants = &world[i].grants};
	world_n_acts = 0;
	return (struct nemo_plan_in){
		.host = "pe1",
		.view = &world_view,
		.tenants = world_tenants,
		.n_tenants = world_n,
		.env = {.now = {.has_day = true,
				.has_time = true,
				.year = 2026,
				.month = 1,
				.day = 2,
				.hour = 12},
			.value = world_value},
		.tenant = &world_asked,
		.act = world_act,
	};
}

static inline struct nemo_plan world_compile(void)
{
	struct nemo_plan_in in = world_in();
	struct nemo_plan plan = {0};
	struct err err = {0};
	char text[512];

	if (nemo_compile(&in, &plan, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
	for (unsigned int i = 0; i < plan.n_rules; i++) {
		assert_int_equal(plan.rules[i].msg.intent, 1);
		if (i) {
			assert_true(plan.rules[i - 1].msg.priority > plan.rules[i].msg.priority);
			assert_true(strcmp(plan.rules[i - 1].name, plan.rules[i].name) < 0);
		}
	}
	return plan;
}

static inline const struct nemo_op_plan *world_op(const struct nemo_plan *plan, const char *name)
{
	for (unsigned int i = 0; i < plan->n_ops; i++)
		if (strcmp(plan->ops[i].op->name, name) == 0)
			return &plan->ops[i];
	fail_msg("no operation %s", name);
	return NULL;
}

/* state: of nemo_op_state_names; why: part of it. */
static inline void world_expect(const struct nemo_plan *plan, const char *name, const char *state,
				const char *why)
{
	const struct nemo_op_plan *op = world_op(plan, name);

	if (strcmp(nemo_op_state_names[op->state], state) != 0 || !strstr(op->why, why))
		fail_msg("%s is %s: %s; should be %s: %s", name, nemo_op_state_names[op->state],
			 op->why, state, why);
}

static inline const struct nemo_goal *world_goal(const struct nemo_plan *plan, uint64_t id)
{
	for (unsigned int i = 0; i < plan->n_goals; i++)
		if (plan->goals[i].id == id)
			return &plan->goals[i];
	return NULL;
}

/* What a rule set does with a packet: first match. NULL: nothing. */
static inline const struct san_msg_class *world_first(const struct nemo_plan *plan,
						      const struct nemo_packet *p);

static inline bool world_in_prefix(const struct in6_addr *addr, const struct in6_addr *prefix,
				   unsigned int len)
{
	for (unsigned int i = 0; i < len; i++) {
		unsigned int bit = 0x80u >> (i % 8);

		if ((addr->s6_addr[i / 8] & bit) != (prefix->s6_addr[i / 8] & bit))
			return false;
	}
	return true;
}

static inline const struct san_msg_class *world_first(const struct nemo_plan *plan,
						      const struct nemo_packet *p)
{
	bool ports = p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP;

	for (unsigned int i = 0; i < plan->n_rules; i++) {
		const struct san_msg_class *m = &plan->rules[i].msg;

		if (world_in_prefix(&p->src, &m->src, m->src_len) &&
		    world_in_prefix(&p->dst, &m->dst, m->dst_len) &&
		    (!(m->fields & SAN_CLASS_PROTO) || m->proto == p->proto) &&
		    (!(m->fields & SAN_CLASS_SPORT) || (ports && ntohs(m->sport) == p->sport)) &&
		    (!(m->fields & SAN_CLASS_DPORT) || (ports && ntohs(m->dport) == p->dport)) &&
		    (!(m->fields & SAN_CLASS_DSCP) || m->dscp == p->dscp))
			return m;
	}
	return NULL;
}

static inline struct nemo_packet world_packet(const char *text)
{
	struct nemo_packet packet;

	assert_int_equal(nemo_packet_read(text, &packet, NULL), 0);
	return packet;
}

/* "tenant/operation" whose rule takes the packet; "" = none. */
static inline const char *world_takes(const struct nemo_plan *plan, const char *text)
{
	struct nemo_packet packet = world_packet(text);
	const struct san_msg_class *rule = world_first(plan, &packet);

	return rule ? world_acts[rule->act] : "";
}

#endif
