/* SPDX-License-Identifier: GPL-2.0-or-later */
#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "csc/csc_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/in6.h"

struct status_key {
	char parts[3][NAME_LEN]; /* service, instance, field or attribute */
	uint64_t service;
	int field;     /* enum csc_field, -1 = attribute, FIELD_MAX = neither */
	uint16_t attr; /* of an attribute */
};

/* ---- keys ---- */

static int key_attr(struct status_key *key, struct err *err)
{
	int r;

	for (key->field = 0; csc_fields[key->field]; key->field++)
		if (strcmp(csc_fields[key->field], key->parts[2]) == 0)
			return 0;
	r = attr_intern(key->parts[2], &key->attr);
	if (r)
		return err_set(err, r, "", key->parts[2],
			       "is one name too many: at most %d attribute names in all",
			       ATTR_LIMIT);
	key->field = -1;
	return 0;
}

static int key_parse(const char *text, struct status_key *key, struct err *err)
{
	if (ncsdb_key_split(text, CSC_STATUS, key->parts, 3) != 3 ||
	    ncsdb_key_service(key->parts[0], &key->service))
		return err_set(err, -EINVAL, "", text,
			       "must be " CSC_STATUS "0x<hex>/<instance>/<attribute>");
	return key_attr(key, err);
}

/* ---- records ---- */

struct csc_instance_key csc_instance_key(uint64_t service, const char *name)
{
	struct csc_instance_key key = {.service = service};

	memcpy(key.name, name, strnlen(name, sizeof(key.name) - 1));
	return key;
}

/* Without NUL. */
static size_t instance_id(uint64_t service, const char *name, char id[CSC_ID_NAME + NAME_LEN])
{
	size_t len = strnlen(name, NAME_LEN - 1);

	memcpy(id, &service, sizeof(service));
	memcpy(id + CSC_ID_NAME, name, len);
	return CSC_ID_NAME + len;
}

struct csc_instance *csc_instance_find(const struct csc *csc, uint64_t service, const char *name)
{
	char id[CSC_ID_NAME + NAME_LEN];
	struct csc_instance *inst;
	size_t len = instance_id(service, name, id);

	HASH_FIND(hh, csc->instances, id, len, inst);
	return inst;
}

static struct csc_instance *instance_need(struct csc *csc, const struct status_key *key)
{
	struct csc_instance *inst = csc_instance_find(csc, key->service, key->parts[1]);
	size_t len = CSC_ID_NAME + strlen(key->parts[1]);

	if (inst)
		return inst;
	inst = calloc(1, sizeof(*inst) + len + 1);
	if (!inst)
		return NULL;
	instance_id(key->service, key->parts[1], inst->id);
	inst->function = -1;
	HASH_ADD_KEYPTR(hh, csc->instances, inst->id, len, inst);
	if (!inst->hh.tbl) {
		free(inst);
		return NULL;
	}
	return inst;
}

static void instance_function(struct csc *csc, struct csc_instance *inst, int function)
{
	if (function >= 0)
		csc_quota_add(csc, inst->lease);
	if (inst->function >= 0)
		csc_quota_drop(csc, inst->lease);
	functions_use(&csc->functions, function);
	functions_drop(&csc->functions, inst->function);
	inst->function = function;
}

static void instance_lease(struct csc *csc, struct csc_instance *inst, int64_t lease)
{
	if (inst->function >= 0 && inst->lease != lease) {
		csc_quota_add(csc, lease);
		csc_quota_drop(csc, inst->lease);
	}
	inst->lease = lease;
}

static void instance_free(struct csc *csc, struct csc_instance *inst)
{
	instance_function(csc, inst, -1);
	HASH_DEL(csc->instances, inst);
	free(inst);
}

void csc_status_fini(struct csc *csc)
{
	struct csc_instance *inst, *next;

	HASH_ITER(hh, csc->instances, inst, next)
		instance_free(csc, inst);
}

/* The view forgets an instance with its last key. */
static void instance_settle(struct csc *csc, const struct status_key *key)
{
	struct csc_instance *inst = csc_instance_find(csc, key->service, key->parts[1]);
	const struct view_instance *seen = view_instance(csc->view, key->service, key->parts[1]);

	if (inst && inst->fields)
		return;
	if (inst)
		instance_free(csc, inst);
	if (seen && seen->samples.n == 0)
		view_instance_del(csc->view, key->service, key->parts[1]);
}

/* ---- fields ---- */

static int state_parse(const char *text, enum instance_state *state)
{
	for (int i = 0; i < INSTANCE_STATE_MAX; i++) {
		if (strcmp(text, instance_state_names[i]) == 0) {
			*state = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int read_gateway(const char *text, struct err *err)
{
	if (name_valid(text))
		return 0;
	return err_set(err, -EINVAL, "/gateway", text, "must be a name: [A-Za-z0-9._-]{1,63}");
}

static int read_sid(const char *text, struct in6_addr *addr, struct err *err)
{
	json_t *value = json_string(text);
	int r = in6_from_value(value, addr, err);

	json_decref(value);
	return r ? err_prefix(err, "/sid") : 0;
}

static int read_address(const char *text, struct in6_addr *addr, struct err *err)
{
	json_t *value = json_string(text);
	int r = addr_from_value(value, addr, err);

	json_decref(value);
	return r ? err_prefix(err, "/address") : 0;
}

static int read_state(const char *text, enum instance_state *state, struct err *err)
{
	if (state_parse(text, state) == 0)
		return 0;
	return err_set(err, -EINVAL, "/state", text, "must be one of up, draining, down");
}

/* One field of an instance as the view takes it. */
struct field_value {
	struct view_instance_put put;
	struct in6_addr addr;
	enum instance_state state;
};

static int field_read(int field, const char *text, struct field_value *v, struct err *err)
{
	switch (field) {
	case FIELD_GATEWAY:
		v->put.gateway = text;
		return read_gateway(text, err);
	case FIELD_ADDRESS:
		v->put.address = &v->addr;
		return read_address(text, &v->addr, err);
	case FIELD_SID:
		v->put.sid = &v->addr;
		return read_sid(text, &v->addr, err);
	default:
		v->put.state = &v->state;
		return read_state(text, &v->state, err);
	}
}

/* The value of a field that is not stored. */
static void field_none(int field, struct field_value *v)
{
	v->addr = in6addr_any;
	v->state = INSTANCE_UP;
	v->put.gateway = field == FIELD_GATEWAY ? "" : NULL;
	v->put.address = field == FIELD_ADDRESS ? &v->addr : NULL;
	v->put.sid = field == FIELD_SID ? &v->addr : NULL;
	v->put.state = field == FIELD_STATE ? &v->state : NULL;
}

/* A list comes in key order, not in revision order: the instance's revision is the highest. */
static void field_target(struct csc *csc, const struct status_key *key, int64_t revision,
			 struct view_instance_put *put)
{
	const struct view_instance *seen = view_instance(csc->view, key->service, key->parts[1]);

	put->service = key->service;
	put->instance = key->parts[1];
	put->revision = seen && seen->revision > revision ? seen->revision : revision;
}

static int field_put(struct csc *csc, const struct status_key *key, const struct ncsdb_kv *kv,
		     struct err *err)
{
	struct field_value v = {0};
	struct csc_instance *inst;
	int r = field_read(key->field, kv->value, &v, err);

	if (r)
		return r;
	field_target(csc, key, kv->mod_rev, &v.put);
	r = view_instance_put(csc->view, &v.put);
	if (r)
		return r;
	inst = instance_need(csc, key);
	if (!inst)
		return -ENOMEM;
	inst->fields |= 1u << key->field;
	if (key->field == FIELD_ADDRESS) {
		instance_lease(csc, inst, kv->lease);
		inst->address_rev = kv->create_rev;
	}
	if (key->field == FIELD_SID)
		instance_function(csc, inst, functions_of(&csc->functions, &v.addr));
	return 0;
}

static void field_del(struct csc *csc, const struct status_key *key, int64_t revision)
{
	struct csc_instance *inst = csc_instance_find(csc, key->service, key->parts[1]);
	struct field_value v = {0};

	if (!inst || !(inst->fields & 1u << key->field))
		return;
	inst->fields &= ~(1u << key->field);
	if (key->field == FIELD_SID)
		instance_function(csc, inst, -1);
	field_none(key->field, &v);
	field_target(csc, key, revision, &v.put);
	view_instance_put(csc->view, &v.put);
}

/* ---- attributes ---- */

static int attr_put(struct csc *csc, const struct status_key *key, const struct ncsdb_kv *kv,
		    struct err *err)
{
	struct sample sample = {.attr = key->attr, .received_us = csc_time(csc, kv)};
	int r = attr_parse(key->attr, kv->value, &sample.milli, err);

	if (r)
		return r;
	return view_instance_attr(csc->view, key->service, key->parts[1], &sample);
}

/* True: it was marked before, so it was said before. */
static bool attr_refuse(struct csc *csc, const struct status_key *key)
{
	const struct view_instance *inst = view_instance(csc->view, key->service, key->parts[1]);
	const struct sample *have = inst ? samples_get(&inst->samples, key->attr) : NULL;

	if (have && have->refused)
		return true;
	view_instance_attr_refused(csc->view, key->service, key->parts[1], key->attr);
	return false;
}

/* ---- both ---- */

static void check_sid(struct csc *csc, const struct status_key *key)
{
	struct csc_instance_key id = csc_instance_key(key->service, key->parts[1]);

	csc_sid_check(csc, &id);
}

static void on_put(void *arg, const struct ncsdb_kv *kv)
{
	struct csc_follow *f = arg;
	struct status_key key = {.field = FIELD_MAX};
	struct err err = {0};
	int r = key_parse(kv->key, &key, &err);

	if (!r && memchr(kv->value, 0, kv->value_len))
		r = err_set(&err, -EINVAL, "", NULL, "must be text");
	else if (!r && key.field >= 0)
		r = field_put(f->csc, &key, kv, &err);
	else if (!r)
		r = attr_put(f->csc, &key, kv, &err);
	if (key.field >= 0 && key.field < FIELD_MAX)
		check_sid(f->csc, &key);
	if (!r)
		return;
	if (key.field == -1 && attr_refuse(f->csc, &key))
		f->csc->refusals.count++;
	else
		csc_refuse(f->csc, kv->key, r, &err);
}

static void on_del(void *arg, const char *text, int64_t revision)
{
	struct csc_follow *f = arg;
	struct status_key key;
	struct err err;

	if (key_parse(text, &key, &err))
		return;
	if (key.field >= 0)
		field_del(f->csc, &key, revision);
	else
		view_instance_attr_del(f->csc->view, key.service, key.parts[1], key.attr);
	instance_settle(f->csc, &key);
	if (key.field >= 0)
		check_sid(f->csc, &key);
}

int csc_follow_status(struct csc *csc)
{
	static const struct ncsdb_follow_ops ops = {on_put, on_del, csc_on_synced, csc_on_revision,
						    csc_on_failed};

	csc->status.csc = csc;
	ncsdb_writer_init(&csc->status.writer, csc->db);
	return ncsdb_follow_start(csc->db, CSC_STATUS, &ops, &csc->status, &csc->status.follow);
}
