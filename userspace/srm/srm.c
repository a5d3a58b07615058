/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "srm/srm_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "model/in6.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/own.h"

/* The addresses of a write under way. */
struct srm_hold {
	struct claim *claim, *claim4;
	struct srm_hold *prev, *next;
};

/* ---- following ---- */

void srm_refuse(struct srm *srm, const char *key, int code, struct err *err)
{
	char text[512];

	err->code = code;
	if (ncsdb_refused(&srm->refusals, key, clock_us()))
		log_warn("stored service or rule refused", "key=%s why=\"%s\"", key,
			 err_text(err, text, sizeof(text)));
}

static int id_from_key(const char *key, uint64_t *id, struct err *err)
{
	char part[1][NAME_LEN];

	if (ncsdb_key_split(key, SRM_SERVICES, part, 1) != 1 || ncsdb_key_service(part[0], id))
		return err_set(err, -EINVAL, "", key, "must be " SRM_SERVICES "0x<lower-case hex>");
	return 0;
}

static int refuse_address(const char *field, const struct in6_addr *addr, uint64_t holder,
			  struct err *err)
{
	char text[INET6_ADDRSTRLEN], svc[SVC_ID_TEXT];

	return err_set(err, -EEXIST, field, in6_text(addr, text),
		       "must be of one service only: service %s has it", svc_id_text(holder, svc));
}

static int check_addresses(const struct srm *srm, const struct service *def, struct err *err)
{
	const struct in6_addr address4 = in4_mapped(def->address4);
	uint64_t holder;

	if (claims_holder(&srm->claims, &def->address, def->id, &holder))
		return refuse_address("/address", &def->address, holder, err);
	if (claims_holder(&srm->claims4, &address4, def->id, &holder))
		return refuse_address("/address4", &address4, holder, err);
	return 0;
}

static int store_addresses(struct srm *srm, const struct service *def)
{
	const struct in6_addr address4 = in4_mapped(def->address4);
	int r = claims_store(&srm->claims, &def->address, def->id);

	return r ? r : claims_store(&srm->claims4, &address4, def->id);
}

static int from_kv(struct srm *srm, const struct ncsdb_kv *kv, struct service **def,
		   struct err *err)
{
	json_t *obj;
	uint64_t id;
	int r = id_from_key(kv->key, &id, err);

	if (r)
		return r;
	r = json_parse(kv->value, kv->value_len, &obj, err);
	if (r)
		return r;
	r = service_from_json(obj, id, def, err);
	json_decref(obj);
	return r ? r : check_addresses(srm, *def, err);
}

static void on_put(void *arg, const struct ncsdb_kv *kv)
{
	struct srm *srm = ((struct srm_follow *)arg)->srm;
	OWN_PTR struct service *def = NULL;
	struct err err = {0};
	int r = from_kv(srm, kv, &def, &err);

	if (!r)
		r = view_service_put(srm->view, def, kv->mod_rev);
	if (!r)
		r = store_addresses(srm, def);
	if (r)
		srm_refuse(srm, kv->key, r, &err);
}

static void on_del(void *arg, const char *key, int64_t revision)
{
	struct srm *srm = ((struct srm_follow *)arg)->srm;
	struct err err;
	uint64_t id;

	if (id_from_key(key, &id, &err))
		return;
	claims_store(&srm->claims, &in6addr_any, id);
	claims_store(&srm->claims4, &in6addr_any, id);
	view_service_del(srm->view, id);
}

void srm_on_revision(void *arg, int64_t revision)
{
	struct srm_follow *f = arg;

	ncsdb_writer_seen(&f->writer, revision);
}

void srm_on_synced(void *arg, int64_t revision)
{
	struct srm_follow *f = arg;
	struct srm *srm = f->srm;
	void (*synced)(void *arg) = srm->synced;

	ncsdb_writer_seen(&f->writer, revision);
	f->synced = true;
	if (!srm->services.synced || !srm->classes.synced)
		return;
	srm->synced = NULL;
	if (synced)
		synced(srm->arg);
}

/* Until it succeeds again what is stored is not seen: the writes at least are answered. */
void srm_on_failed(void *arg, int status)
{
	struct srm_follow *f = arg;

	log_err("services or rules are not followed for now", "error=\"%s\"", strerror(-status));
	ncsdb_writer_seen(&f->writer, INT64_MAX);
}

static int follow_services(struct srm *srm, struct ncsdb *db)
{
	static const struct ncsdb_follow_ops ops = {
		.put = on_put,
		.del = on_del,
		.synced = srm_on_synced,
		.revision = srm_on_revision,
		.failed = srm_on_failed,
	};

	srm->services.srm = srm;
	ncsdb_writer_init(&srm->services.writer, db);
	return ncsdb_follow_start(db, SRM_SERVICES, &ops, &srm->services, &srm->services.follow);
}

int srm_open(struct ncsdb *db, struct view *view, void (*synced)(void *arg), void *arg,
	     struct srm **out)
{
	struct srm *srm = calloc(1, sizeof(*srm));
	int r;

	if (!srm)
		return -ENOMEM;
	srm->view = view;
	srm->synced = synced;
	srm->arg = arg;
	r = follow_services(srm, db);
	if (!r)
		r = srm_follow_classes(srm, db);
	if (r) {
		srm_close(srm);
		return r;
	}
	*out = srm;
	return 0;
}

static void follow_fini(struct srm_follow *f)
{
	if (f->follow)
		ncsdb_follow_stop(f->follow);
	ncsdb_writer_fini(&f->writer);
}

/* Those whose writes are still under way: nobody releases them any more. */
static void free_holds(struct srm *srm)
{
	struct srm_hold *hold, *next;

	DL_FOREACH_SAFE(srm->holds, hold, next)
	free(hold);
}

void srm_close(struct srm *srm)
{
	if (!srm)
		return;
	follow_fini(&srm->services);
	follow_fini(&srm->classes);
	free_holds(srm);
	claims_fini(&srm->claims);
	claims_fini(&srm->claims4);
	free(srm);
}

uint64_t srm_refused(const struct srm *srm)
{
	return srm->refusals.count;
}

void srm_follow_stats(const struct srm *srm, struct ncsdb_follow_stats *out)
{
	*out = FOLLOW_STATS_NONE;
	ncsdb_follow_add(srm->services.follow, out);
	ncsdb_follow_add(srm->classes.follow, out);
}

/* ---- writing ---- */

static int check(struct srm *srm, uint64_t id, const json_t *obj, struct service **def,
		 struct err *err)
{
	int r;

	if (id == 0)
		return err_set(err, -EINVAL, "/id", "0", "must be 1..0xffffffffffffffff");
	r = service_from_json(obj, id, def, err);
	if (!r)
		r = check_addresses(srm, *def, err);
	if (!r && !view_service(srm->view, id) &&
	    HASH_COUNT(srm->view->services) >= srm->view->limits.services)
		r = err_set(err, -ENOSPC, "", NULL, "one too many: at most %u services",
			    srm->view->limits.services);
	return r;
}

static void release_hold(void *arg, void *ptr)
{
	struct srm *srm = arg;
	struct srm_hold *hold = ptr;

	claims_drop(&srm->claims, hold->claim);
	claims_drop(&srm->claims4, hold->claim4);
	DL_DELETE(srm->holds, hold);
	free(hold);
}

static int hold_new(struct srm *srm, const struct service *def, struct srm_hold **out)
{
	const struct in6_addr address4 = in4_mapped(def->address4);
	struct srm_hold *hold = calloc(1, sizeof(*hold));
	int r;

	if (!hold)
		return -ENOMEM;
	DL_APPEND(srm->holds, hold);
	r = claims_take(&srm->claims, &def->address, def->id, &hold->claim);
	if (!r)
		r = claims_take(&srm->claims4, &address4, def->id, &hold->claim4);
	if (r) {
		release_hold(srm, hold);
		return r;
	}
	*out = hold;
	return 0;
}

static int put(struct srm *srm, const struct service *def, int64_t if_revision,
	       struct ncsdb_write_done done, struct err *err)
{
	json_t *obj = service_to_json(def);
	OWN_PTR char *text = obj ? json_text(obj) : NULL;
	char id[SVC_ID_TEXT];
	struct ncsdb_write *w;
	struct srm_hold *hold;
	int r;

	json_decref(obj);
	r = hold_new(srm, def, &hold);
	if (r)
		return err_set(err, r, "", NULL, "cannot be kept: no memory");
	w = ncsdb_write_new(&srm->services.writer);
	ncsdb_write_hold(w, release_hold, srm, hold);
	svc_id_text(def->id, id);
	ncsdb_write_if(w, if_revision, SRM_SERVICES "%s", id);
	ncsdb_write_put(w, 0, text, SRM_SERVICES "%s", id);
	return ncsdb_write_commit(w, done, err);
}

int srm_service_put(struct srm *srm, uint64_t id, const json_t *obj, int64_t if_revision,
		    struct ncsdb_write_done done, struct err *err)
{
	char text[SVC_ID_TEXT];
	OWN_PTR struct service *def = NULL;
	int r = check(srm, id, obj, &def, err);

	if (!r)
		r = put(srm, def, if_revision, done, err);
	if (r)
		err_object(err, "service %s", svc_id_text(id, text));
	return r;
}

int srm_service_del(struct srm *srm, uint64_t id, int64_t if_revision, struct ncsdb_write_done done,
		    struct err *err)
{
	struct ncsdb_write *w = ncsdb_write_new(&srm->services.writer);
	char text[SVC_ID_TEXT];
	int r;

	svc_id_text(id, text);
	ncsdb_write_if(w, if_revision, SRM_SERVICES "%s", text);
	ncsdb_write_del(w, SRM_SERVICES "%s", text);
	r = ncsdb_write_commit(w, done, err);
	if (r)
		err_object(err, "service %s", text);
	return r;
}
