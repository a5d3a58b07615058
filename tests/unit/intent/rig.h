/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several hosts' intents on one database in one process, and commits that wait for their answer. */
#ifndef TESTS_UNIT_INTENT_RIG_H
#define TESTS_UNIT_INTENT_RIG_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Before the rig: parameters there are named like what the rig has. */
#include "unit/nemo/network.h"

#include "unit/srm/rig.h"

#include <inttypes.h>

#include "intent/intent.h"
#include "unit/until.h"

#define HOSTS 3

struct host {
	struct intent *in;
	struct ncsdb *own; /* its connection; NULL: the database itself */
	const char *name;
	int prepare, flip;    /* what they answer */
	uint64_t flip_fails;  /* only that commit; 0 = by `flip` */
	bool silent;	      /* flip() is not answered */
	unsigned int busy_ms; /* both take so long */
	bool synced, leads;
	unsigned int prepared, flipped, leader_calls;
	uint64_t commit; /* of the last flip */
	unsigned int n_tenants;
};
static struct host host[HOSTS] = {{.name = "pe1"}, {.name = "pe2"}, {.name = "pe3"}};

static const struct intent_tenant_conf tenants[] = {
	{.name = "b", .grants = {.everything = true}},
	{.name = "a", .grants = {.everything = true}},
};

static UNUSED int host_prepare(void *arg, const struct intent_head *head, struct err *e)
{
	struct host *h = arg;

	h->prepared++;
	usleep(h->busy_ms * 1000);
	return h->prepare ? err_set(e, h->prepare, "", NULL, "too many rules") : 0;
}

static UNUSED void host_flip(void *arg, const struct intent_head *head)
{
	const struct err why = {.code = -EIO, .want = "the parent does not answer"};
	struct host *h = arg;
	bool fails = h->flip && (!h->flip_fails || h->flip_fails == head->commit);

	h->flipped++;
	usleep(h->busy_ms * 1000);
	h->commit = head->commit;
	h->n_tenants = head->n_tenants;
	if (!h->silent && h->in)
		intent_applied(h->in, head->commit, fails ? h->flip : 0, fails ? &why : NULL);
}

static UNUSED void host_leader(void *arg, bool leads)
{
	struct host *h = arg;

	h->leads = leads;
	h->leader_calls++;
}

static UNUSED void host_synced(void *arg)
{
	((struct host *)arg)->synced = true;
}

/* 30 seconds are more than anything here takes. */
#define RUN_UNTIL(condition) UNTIL(&loop, 30000, condition)

/* "pe1" is seen by the others as it is now. */
static UNUSED bool host_said(const char *name)
{
	json_t *list = intent_hosts_json(host[0].in ? host[0].in : host[1].in), *one;
	bool found = false;
	size_t i;

	json_array_foreach(list, i, one) {
		if (strcmp(json_string_value(json_object_get(one, "host")), name) == 0)
			found = true;
	}
	json_decref(list);
	return found;
}

static UNUSED void host_open_with(int i, bool testbed)
{
	struct host *h = &host[i];
	struct intent_conf conf = {.loop = &loop,
				   .db = h->own ? h->own : db,
				   .view = &view,
				   .host = h->name,
				   .tenants = tenants,
				   .n_tenants = 2,
				   .testbed = testbed,
				   .prepare = host_prepare,
				   .flip = host_flip,
				   .leader = host_leader,
				   .synced = host_synced,
				   .arg = h};

	h->synced = h->leads = false;
	assert_int_equal(intent_open(&conf, &h->in, &err), 0);
}

static UNUSED void host_open(int i)
{
	host_open_with(i, true);
	RUN_UNTIL(host[i].synced && host_said(host[i].name));
	/* Flips before `in` was set are answered here. */
	if (!host[i].silent)
		intent_applied(host[i].in, host[i].commit, 0, NULL);
	turn();
}

static UNUSED void host_close(int i)
{
	intent_close(host[i].in);
	host[i].in = NULL;
}

static UNUSED int setup(void **state)
{
	static const char *const names[] = {"pe1", "pe2", "pe3"};

	intent_limits = (struct intent_limits){5000, 5000, INTENT_HISTORY, INTENT_EVENTS, 10};
	for (int i = 0; i < HOSTS; i++)
		host[i] = (struct host){.name = names[i]};
	rig_open();
	host_open(0);
	return 0;
}

static UNUSED int setup_two(void **state)
{
	setup(state);
	host_open(1);
	return 0;
}

static UNUSED int teardown(void **state)
{
	for (int i = 0; i < HOSTS; i++)
		host_close(i);
	rig_close();
	json_drop();
	return 0;
}

/* ---- commits ---- */

struct came {
	bool done;
	int status;
	uint64_t revision, commit;
	unsigned int n_done, units, n_changes, n_errors, n_warnings, n_legs;
	char err[512], diag[512], changes[2048], warnings[512];
};

static UNUSED void on_result(void *arg, const struct intent_result *res)
{
	struct came *c = arg;
	char *text = json_dumps(res->changes, JSON_COMPACT | JSON_SORT_KEYS);

	assert_false(c->done);
	c->done = true;
	c->status = res->status;
	c->revision = res->revision;
	c->commit = res->commit;
	c->n_done = res->done;
	c->units = res->units;
	c->n_changes = json_array_size(res->changes);
	c->n_errors = res->diags->errors;
	c->n_legs = res->legs->n;
	err_text(&res->err, c->err, sizeof(c->err));
	for (unsigned int i = 0; i < res->diags->n; i++) {
		const struct nemo_diag *diag = &res->diags->v[i];
		size_t at = strlen(c->warnings);

		if (diag->is_warning)
			snprintf(c->warnings + at, sizeof(c->warnings) - at, "%u:%u %s\n",
				 diag->at.line, diag->at.column, nemo_warning_names[diag->warning]);
	}
	c->n_warnings = res->diags->warnings;
	for (unsigned int i = 0; i < res->diags->n; i++)
		if (!res->diags->v[i].is_warning)
			snprintf(c->diag, sizeof(c->diag), "%u:%u %s", res->diags->v[i].at.line,
				 res->diags->v[i].at.column, res->diags->v[i].reason);
	snprintf(c->changes, sizeof(c->changes), "%s", text);
	free(text);
}

static struct came came[4];

static UNUSED struct intent_apply asks(const char *tenant, const char *script)
{
	return (struct intent_apply){.tenant = tenant,
				     .by = "tester",
				     .comment = "",
				     .script = script,
				     .len = strlen(script),
				     .if_revision = ANY_REVISION};
}

static UNUSED void start(int at, struct came *c, const struct intent_apply *apply)
{
	*c = (struct came){0};
	err = (struct err){0};
	assert_int_equal(intent_apply(host[at].in, apply, on_result, c, &err), 0);
	assert_false(c->done);
}

/* The status of a script on pe1; what came is in came[0]. */
static UNUSED int applied(const char *tenant, const char *script)
{
	struct intent_apply apply = asks(tenant, script);

	start(0, &came[0], &apply);
	RUN_UNTIL(came[0].done);
	return came[0].status;
}

static UNUSED void said(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" has no \"%s\"", text, part);
}

static UNUSED bool has(int at, const char *tenant, const char *object)
{
	return nemo_store_find(intent_store(host[at].in, tenant), object) != NULL;
}

#define SITE(name, net)                                                                            \
	"CREATE CFN " name " Type l2group Property ipv4Prefix: \"10." net ".0.0/16\";\n"

/* pe1 -> pe2 and back: 100 Mbit/s, 5 ms */
static UNUSED void two_gateways(void)
{
	add_gateway(&view, "pe1");
	add_gateway(&view, "pe2");
	add_path(&view, "pe1 pe2 be", 100);
	add_path(&view, "pe2 pe1 be", 100);
	set_path(&view, "pe1 pe2 be", ATTR_BANDWIDTH_KBPS, 100000);
	set_path(&view, "pe2 pe1 be", ATTR_BANDWIDTH_KBPS, 100000);
	set_path(&view, "pe1 pe2 be", ATTR_DELAY_US, 5000);
	set_path(&view, "pe2 pe1 be", ATTR_DELAY_US, 5000);
}

static UNUSED void on_lease(void *arg, int status, int64_t lease, unsigned int ttl_s)
{
	assert_int_equal(status, 0);
	*(int64_t *)arg = lease;
}

/* As another host writes it: under a lease. */
static UNUSED void leased_put(const char *key, const char *value)
{
	struct ncsdb_op op = {NCSDB_PUT, key, value, strlen(value), 0};

	assert_int_equal(ncsdb_lease_grant(db, 0, 600, on_lease, &op.lease), 0);
	RUN_UNTIL(op.lease);
	raw_ops(&op, 1);
	turn();
}

/* As a host that never says anything; of a version that has more to say. */
static UNUSED void ghost(void)
{
	leased_put("/san/nemo/hosts/ghost",
		   "{\"applied\":0,\"prepared\":0,\"why\":\"\",\"newer\":1}");
}

#endif
