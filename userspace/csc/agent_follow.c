/* SPDX-License-Identifier: GPL-2.0-or-later */
#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "csc/csc_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 256 /* host, version */

struct csc_agent *csc_agent_by_name(const struct csc *csc, const char *name)
{
	struct csc_agent *agent;

	HASH_FIND_STR(csc->agent_names, name, agent);
	return agent;
}

struct csc_agent *csc_agent_by_lease(const struct csc *csc, int64_t lease)
{
	struct csc_agent *agent;

	HASH_FIND(hh2, csc->agent_leases, &lease, sizeof(lease), agent);
	return agent;
}

static int agent_text(const json_t *obj, const char *name, json_t *out, struct err *err)
{
	char buf[TEXT_MAX] = "";
	int r = json_get_text(obj, name, JSON_OPTIONAL, buf, sizeof(buf), err);

	if (!r && buf[0])
		json_object_set_new(out, name, json_string(buf));
	return r;
}

/* What is stored: the same members again. */
int csc_agent_read(const json_t *obj, bool stored, unsigned int *ttl_s, json_t *out,
		   struct err *err)
{
	static const char *const members[] = {"ttl_s", "host", "version", NULL};
	int64_t ttl = 0;
	int r = json_is_obj(obj, err);

	if (!r && !stored)
		r = json_only(obj, members, err);
	if (!r)
		r = json_get_int(obj, "ttl_s", stored ? JSON_OPTIONAL : JSON_REQUIRED,
				 (struct json_range){NCSDB_LEASE_TTL_MIN_S, NCSDB_LEASE_TTL_MAX_S},
				 &ttl, err);
	if (!r)
		r = agent_text(obj, "host", out, err);
	if (!r)
		r = agent_text(obj, "version", out, err);
	if (ttl)
		json_object_set_new(out, "ttl_s", json_integer(ttl));
	*ttl_s = ttl;
	return r;
}

static void agent_forget(struct csc *csc, struct csc_agent *agent)
{
	HASH_DELETE(hh, csc->agent_names, agent);
	HASH_DELETE(hh2, csc->agent_leases, agent);
	free(agent);
}

static int agent_learn(struct csc *csc, const char *name, unsigned int ttl_s,
		       const struct ncsdb_kv *kv)
{
	struct csc_agent *agent = csc_agent_by_name(csc, name);

	if (agent)
		agent_forget(csc, agent);
	if (HASH_COUNT(csc->agent_names) >= CSC_MAX_AGENTS)
		return -ENOSPC;
	agent = calloc(1, sizeof(*agent));
	if (!agent)
		return -ENOMEM;
	strcpy(agent->name, name);
	agent->lease = kv->lease;
	agent->create_rev = kv->create_rev;
	agent->ttl_s = ttl_s;
	HASH_ADD_STR(csc->agent_names, name, agent);
	if (!agent->hh.tbl) {
		free(agent);
		return -ENOMEM;
	}
	HASH_ADD(hh2, csc->agent_leases, lease, sizeof(agent->lease), agent);
	if (!agent->hh2.tbl) {
		HASH_DELETE(hh, csc->agent_names, agent);
		free(agent);
		return -ENOMEM;
	}
	return 0;
}

static int agent_key(const char *key, char name[1][NAME_LEN], struct err *err)
{
	if (ncsdb_key_split(key, CSC_AGENTS, name, 1) == 1)
		return 0;
	return err_set(err, -EINVAL, "", key, "must be " CSC_AGENTS "<agent>");
}

static int kv_ttl(const struct ncsdb_kv *kv, unsigned int *ttl_s, struct err *err)
{
	json_t *obj, *out = json_object();
	int r = json_parse(kv->value, kv->value_len, &obj, err);

	if (!r) {
		r = csc_agent_read(obj, true, ttl_s, out, err);
		json_decref(obj);
	}
	json_decref(out);
	return r;
}

static void on_put(void *arg, const struct ncsdb_kv *kv)
{
	struct csc_follow *f = arg;
	const struct csc_agent *holder;
	char name[1][NAME_LEN];
	struct err err = {0};
	unsigned int ttl_s;
	int r = agent_key(kv->key, name, &err);

	if (!r)
		r = kv_ttl(kv, &ttl_s, &err);
	if (!r && kv->lease == 0)
		r = err_set(&err, -EINVAL, "", NULL, "must have a lease");
	holder = r ? NULL : csc_agent_by_lease(f->csc, kv->lease);
	if (holder && strcmp(holder->name, name[0]) != 0)
		r = err_set(&err, -EEXIST, "", NULL,
			    "must have a lease of its own: agent %s has it", holder->name);
	if (!r)
		r = agent_learn(f->csc, name[0], ttl_s, kv);
	if (r)
		csc_refuse(f->csc, kv->key, r, &err);
}

static void on_del(void *arg, const char *key, int64_t revision)
{
	struct csc_follow *f = arg;
	struct csc_agent *agent;
	char name[1][NAME_LEN];
	struct err err;

	if (agent_key(key, name, &err))
		return;
	agent = csc_agent_by_name(f->csc, name[0]);
	if (agent)
		agent_forget(f->csc, agent);
}

int csc_follow_agents(struct csc *csc)
{
	static const struct ncsdb_follow_ops ops = {on_put, on_del, csc_on_synced, csc_on_revision,
						    csc_on_failed};

	csc->agents.csc = csc;
	ncsdb_writer_init(&csc->agents.writer, csc->db);
	return ncsdb_follow_start(csc->db, CSC_AGENTS, &ops, &csc->agents, &csc->agents.follow);
}

void csc_agents_fini(struct csc *csc)
{
	struct csc_agent *agent, *next;

	HASH_ITER(hh, csc->agent_names, agent, next)
		agent_forget(csc, agent);
}
