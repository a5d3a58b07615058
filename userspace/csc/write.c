/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "csc/csc_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "model/in6.h"
#include "model/patch.h"

/* A registration as obj says it. */
struct registration {
	uint64_t service;
	const char *instance;
	const char *gateway;
	struct in6_addr address, sid; /* sid ::: none */
	const char *state;	      /* NULL = not said: up */
	int64_t lease;
	int function; /* allocated here for this write, -1 = none */
	struct attr_patch attrs;
};

#define KEY_FORMAT CSC_STATUS "%s/%s/"

static int refused(uint64_t service, const char *instance, int r, struct err *err)
{
	char id[SVC_ID_TEXT];

	if (r)
		err_object(err, "instance %s/%s", svc_id_text(service, id), instance);
	return r;
}

/* ---- reading obj ---- */

static int check_key(uint64_t service, const char *instance, struct err *err)
{
	if (service == 0)
		return err_set(err, -EINVAL, "/service", "0", "must be 1..0xffffffffffffffff");
	if (!instance || !name_valid(instance))
		return err_set(err, -EINVAL, "/name", instance,
			       "must be a name: [A-Za-z0-9._-]{1,63}");
	return 0;
}

static int read_names(const json_t *obj, struct registration *reg, struct err *err)
{
	int state = 0, r;

	r = json_get_str(obj, "gateway", JSON_REQUIRED, &reg->gateway, err);
	if (!r && !name_valid(reg->gateway))
		r = err_set(err, -EINVAL, "/gateway", reg->gateway,
			    "must be a name: [A-Za-z0-9._-]{1,63}");
	if (!r)
		r = json_get_enum(obj, "state", JSON_OPTIONAL, instance_state_names,
				  INSTANCE_STATE_MAX, &state, err);
	if (!r)
		r = json_get_str(obj, "state", JSON_OPTIONAL, &reg->state, err);
	return r;
}

static int read_lease(struct csc *csc, const json_t *obj, struct registration *reg, struct err *err)
{
	char text[24];
	int r = json_get_int(obj, "lease", JSON_OPTIONAL, (struct json_range){0, INT64_MAX},
			     &reg->lease, err);

	if (r || reg->lease == 0 || csc_agent_by_lease(csc, reg->lease))
		return r;
	snprintf(text, sizeof(text), "%lld", (long long)reg->lease);
	return err_set(err, -ENOENT, "/lease", text,
		       "must be the lease of a registered agent: it ended, or never was");
}

static const char *const reserved[] = {"gateway", "address", "sid", "lease", NULL};

static int refuse_reserved(const json_t *attrs, const char *also, struct err *err)
{
	for (int i = 0; reserved[i]; i++)
		if (json_object_get(attrs, reserved[i]))
			return err_set(err, -EINVAL, "", reserved[i],
				       "is part of the registration, not an attribute");
	if (also && json_object_get(attrs, also))
		return err_set(err, -EINVAL, "", also,
			       "is a member of the instance, not an attribute");
	return 0;
}

static int read_attrs(const json_t *obj, struct registration *reg, struct err *err)
{
	json_t *attrs;
	int r = json_get_object(obj, "attributes", JSON_OPTIONAL, &attrs, err);

	if (r || !attrs)
		return r;
	r = refuse_reserved(attrs, "state", err);
	if (!r)
		r = attr_patch_from_json(attrs, NULL, &reg->attrs, err);
	if (r)
		err_prefix(err, "/attributes");
	return r;
}

static int registration_read(struct csc *csc, const json_t *obj, struct registration *reg,
			     struct err *err)
{
	static const char *const members[] = {"gateway", "address",    "sid", "state",
					      "lease",	 "attributes", NULL};
	int r = json_is_obj(obj, err);

	if (!r)
		r = json_only(obj, members, err);
	if (!r)
		r = read_names(obj, reg, err);
	if (!r)
		r = addr_from_json(obj, "address", JSON_REQUIRED, &reg->address, err);
	if (!r)
		r = in6_from_json(obj, "sid", JSON_OPTIONAL, &reg->sid, err);
	if (!r)
		r = read_lease(csc, obj, reg, err);
	if (!r)
		r = read_attrs(obj, reg, err);
	return r;
}

/* ---- against what is there ---- */

static int check_room(const struct view *view, const struct view_instance *seen,
		      const struct registration *reg, struct err *err)
{
	if (!seen && view->n_instances >= view->limits.instances)
		return err_set(err, -ENOSPC, "", NULL, "one too many: at most %u instances",
			       view->limits.instances);
	if (!view_service(view, reg->service) &&
	    HASH_COUNT(view->services) >= view->limits.services)
		return err_set(err, -ENOSPC, "", NULL, "one too many: at most %u services",
			       view->limits.services);
	return attr_patch_fits(&reg->attrs, seen ? &seen->samples : NULL, err);
}

static int check_revision(const struct view_instance *seen, int64_t if_revision, struct err *err)
{
	if (if_revision <= 0 || (seen && seen->revision == if_revision))
		return 0;
	return err_set(err, -ESTALE, "", NULL, "changed meanwhile: it has revision %lld now",
		       seen ? (long long)seen->revision : 0ll);
}

int csc_exhausted(const struct csc *csc, struct err *err)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, &csc->functions.locator, text, sizeof(text));
	return err_set(err, -ENOSPC, "/sid", NULL,
		       "must be given: locator %s/%u has no free function in 0x%x..0x%x", text,
		       csc->functions.locator_len, FUNCTION_MIN, FUNCTION_MAX);
}

/* Ours and not told: it keeps the SID of our locator that it has, else it gets one. */
static int choose_sid(struct csc *csc, const struct view_instance *seen, struct registration *reg,
		      struct err *err)
{
	if (!IN6_IS_ADDR_UNSPECIFIED(&reg->sid) || !csc->gateway[0] ||
	    strcmp(reg->gateway, csc->gateway) != 0)
		return 0;
	if (seen && functions_of(&csc->functions, &seen->sid) >= 0) {
		reg->sid = seen->sid;
		return 0;
	}
	reg->function = csc_sid_function(csc, reg->service, reg->instance);
	if (reg->function >= 0) {
		functions_use(&csc->functions, reg->function);
		functions_seg(&csc->functions, (unsigned int)reg->function, &reg->sid);
		return 0;
	}
	if (functions_alloc(&csc->functions, &reg->sid))
		return csc_exhausted(csc, err);
	reg->function = functions_of(&csc->functions, &reg->sid);
	return 0;
}

/* ---- writing ---- */

static void release_function(void *arg, void *hold)
{
	struct csc *csc = arg;

	functions_drop(&csc->functions, (int)(intptr_t)hold);
}

static void write_condition(struct ncsdb_write *w, const char *id, const char *instance,
			    int64_t if_revision)
{
	if (if_revision <= 0) {
		ncsdb_write_if(w, if_revision, KEY_FORMAT "address", id, instance);
		return;
	}
	ncsdb_write_need(w, KEY_FORMAT "address", id, instance);
	for (int i = 0; i < FIELD_MAX; i++)
		ncsdb_write_not_newer(w, if_revision, KEY_FORMAT "%s", id, instance, csc_fields[i]);
}

static void write_field(struct ncsdb_write *w, const struct registration *reg, const char *id,
			const char *field, const char *value)
{
	if (value)
		ncsdb_write_put(w, reg->lease, value, KEY_FORMAT "%s", id, reg->instance, field);
	else
		ncsdb_write_del(w, KEY_FORMAT "%s", id, reg->instance, field);
}

struct target {
	const char *id, *instance;
	int64_t lease;
};

static void write_attrs(struct ncsdb_write *w, const struct target *to,
			const struct attr_patch *patch)
{
	char text[32];

	for (unsigned int i = 0; i < patch->n; i++) {
		const struct attr_change *change = &patch->v[i];
		const char *name = attr_name(change->attr);

		if (change->remove)
			ncsdb_write_del(w, KEY_FORMAT "%s", to->id, to->instance, name);
		else
			ncsdb_write_put(w, to->lease, attr_text(change->milli, text, sizeof(text)),
					KEY_FORMAT "%s", to->id, to->instance, name);
	}
}

static int registration_write(struct csc *csc, const struct registration *reg, int64_t if_revision,
			      struct ncsdb_write_done done, struct err *err)
{
	struct ncsdb_write *w = ncsdb_write_new(&csc->status.writer);
	char id[SVC_ID_TEXT], address[INET6_ADDRSTRLEN], sid[INET6_ADDRSTRLEN];
	struct target to = {svc_id_text(reg->service, id), reg->instance, reg->lease};
	bool has_sid = !IN6_IS_ADDR_UNSPECIFIED(&reg->sid);

	ncsdb_write_hold(w, release_function, csc, (void *)(intptr_t)reg->function);
	write_condition(w, id, reg->instance, if_revision);
	write_field(w, reg, id, "gateway", reg->gateway);
	write_field(w, reg, id, "address", in6_text(&reg->address, address));
	write_field(w, reg, id, "sid", has_sid ? in6_text(&reg->sid, sid) : NULL);
	write_field(w, reg, id, "state", reg->state);
	write_attrs(w, &to, &reg->attrs);
	return ncsdb_write_commit(w, done, err);
}

int csc_instance_put(struct csc *csc, uint64_t service, const char *instance, const json_t *obj,
		     int64_t if_revision, struct ncsdb_write_done done, struct err *err)
{
	struct registration reg = {.service = service, .instance = instance, .function = -1};
	const struct view_instance *seen;
	int r = check_key(service, instance, err);

	if (r)
		return refused(service, instance ? instance : "", r, err);
	seen = view_instance(csc->view, service, instance);
	r = registration_read(csc, obj, &reg, err);
	if (!r)
		r = check_revision(seen, if_revision, err);
	if (!r)
		r = check_room(csc->view, seen, &reg, err);
	if (!r)
		r = choose_sid(csc, seen, &reg, err);
	if (!r)
		r = registration_write(csc, &reg, if_revision, done, err);
	return refused(service, instance, r, err);
}

int csc_instance_del(struct csc *csc, uint64_t service, const char *instance, int64_t if_revision,
		     struct ncsdb_write_done done, struct err *err)
{
	struct ncsdb_write *w;
	char id[SVC_ID_TEXT];
	int r = check_key(service, instance, err);

	if (!r)
		r = check_revision(view_instance(csc->view, service, instance), if_revision, err);
	if (r)
		return refused(service, instance ? instance : "", r, err);
	svc_id_text(service, id);
	w = ncsdb_write_new(&csc->status.writer);
	if (if_revision >= 0)
		write_condition(w, id, instance, if_revision);
	ncsdb_write_del_prefix(w, KEY_FORMAT, id, instance);
	return refused(service, instance, ncsdb_write_commit(w, done, err), err);
}

/* ---- status ---- */

/* *state NULL: not said. null takes the mark back: up. */
static int status_state(const json_t *attrs, const char **state, struct err *err)
{
	const json_t *value = json_object_get(attrs, "state");
	int index, r;

	*state = NULL;
	if (!value)
		return 0;
	*state = "up";
	if (json_is_null(value))
		return 0;
	r = json_get_enum(attrs, "state", JSON_REQUIRED, instance_state_names, INSTANCE_STATE_MAX,
			  &index, err);
	if (!r)
		*state = instance_state_names[index];
	return r;
}

static int status_read(const json_t *attrs, struct attr_patch *patch, const char **state,
		       struct err *err)
{
	static const char *const ignore[] = {"state", NULL};
	int r = json_is_obj(attrs, err);

	if (!r)
		r = refuse_reserved(attrs, NULL, err);
	if (!r)
		r = status_state(attrs, state, err);
	if (!r)
		r = attr_patch_from_json(attrs, ignore, patch, err);
	if (!r && patch->n == 0 && !*state)
		r = err_set(err, -EINVAL, "", "{}", "must name at least one attribute");
	return r;
}

static struct ncsdb_write *status_write(struct csc *csc, const struct target *to,
					const struct attr_patch *patch, const char *state)
{
	struct ncsdb_write *w = ncsdb_write_new(&csc->status.writer);

	ncsdb_write_need(w, KEY_FORMAT "address", to->id, to->instance);
	if (state)
		ncsdb_write_put(w, to->lease, state, KEY_FORMAT "state", to->id, to->instance);
	write_attrs(w, to, patch);
	ncsdb_write_may_be_absent(w);
	return w;
}

int csc_status_put(struct csc *csc, uint64_t service, const char *instance, const json_t *attrs,
		   struct ncsdb_write_done done, struct err *err)
{
	const struct view_instance *seen;
	struct csc_instance *inst;
	struct attr_patch patch;
	char id[SVC_ID_TEXT];
	const char *state;
	int r = check_key(service, instance, err);

	if (r)
		return refused(service, instance ? instance : "", r, err);
	inst = csc_instance_find(csc, service, instance);
	if (!inst || (inst->fields & FIELDS_REGISTERED) != FIELDS_REGISTERED) {
		r = err_set(err, -ENOENT, "", NULL, "is not registered");
		return refused(service, instance, r, err);
	}
	seen = view_instance(csc->view, service, instance);
	r = status_read(attrs, &patch, &state, err);
	if (!r)
		r = attr_patch_fits(&patch, seen ? &seen->samples : NULL, err);
	if (!r) {
		struct target to = {svc_id_text(service, id), instance, inst->lease};

		r = ncsdb_write_commit(status_write(csc, &to, &patch, state), done, err);
	}
	return refused(service, instance, r, err);
}
