/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "srm/srm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ncsdb/follow.h"
#include "srm/claims.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/own.h"

#define PREFIX "/san/services/"

struct srm {
	struct view *view;
	struct ncsdb_writer writer;
	struct ncsdb_follow *follow;
	struct claims claims; /* who holds which address */
	struct ncsdb_refusals refusals;
	void (*synced)(void *arg);
	void *arg;
};

/* ---- following ---- */

static void refuse(struct srm *srm, const char *key, const struct err *err)
{
	char text[512];

	if (ncsdb_refused(&srm->refusals, key, clock_us()))
		log_warn("stored service refused", "key=%s why=\"%s\"", key,
			 err_text(err, text, sizeof(text)));
}

static int id_from_key(const char *key, uint64_t *id, struct err *err)
{
	char part[1][NAME_LEN];

	if (ncsdb_key_split(key, PREFIX, part, 1) != 1 || ncsdb_key_service(part[0], id))
		return err_set(err, -EINVAL, "", key, "must be " PREFIX "0x<lower-case hex>");
	return 0;
}

static int refuse_address(const struct in6_addr *addr, uint64_t holder, struct err *err)
{
	char text[INET6_ADDRSTRLEN], svc[SVC_ID_TEXT];

	return err_set(err, -EEXIST, "/address", inet_ntop(AF_INET6, addr, text, sizeof(text)),
		       "must be of one service only: service %s has it", svc_id_text(holder, svc));
}

static int from_kv(struct srm *srm, const struct ncsdb_kv *kv, struct service **def,
		   struct err *err)
{
	json_t *obj;
	uint64_t id, holder;
	int r = id_from_key(kv->key, &id, err);

	if (r)
		return r;
	r = json_parse(kv->value, kv->value_len, &obj, err);
	if (r)
		return r;
	r = service_from_json(obj, id, def, err);
	json_decref(obj);
	if (!r && claims_holder(&srm->claims, &(*def)->address, id, &holder))
		r = refuse_address(&(*def)->address, holder, err);
	return r;
}

static void on_put(void *arg, const struct ncsdb_kv *kv)
{
	struct srm *srm = arg;
	OWN_PTR struct service *def = NULL;
	struct err err = {0};
	int r = from_kv(srm, kv, &def, &err);

	if (!r)
		r = view_service_put(srm->view, def, kv->mod_rev);
	if (!r)
		r = claims_store(&srm->claims, &def->address, def->id);
	if (r) {
		err.code = r;
		refuse(srm, kv->key, &err);
	}
}

static void on_del(void *arg, const char *key, int64_t revision)
{
	struct srm *srm = arg;
	struct err err;
	uint64_t id;

	if (id_from_key(key, &id, &err))
		return;
	claims_store(&srm->claims, &in6addr_any, id);
	view_service_del(srm->view, id);
}

static void on_revision(void *arg, int64_t revision)
{
	struct srm *srm = arg;

	ncsdb_writer_seen(&srm->writer, revision);
}

static void on_synced(void *arg, int64_t revision)
{
	struct srm *srm = arg;
	void (*synced)(void *arg) = srm->synced;

	on_revision(srm, revision);
	srm->synced = NULL;
	if (synced)
		synced(srm->arg);
}

/* What is stored later is not seen any more: the writes at least are answered. */
static void on_failed(void *arg, int status)
{
	struct srm *srm = arg;

	log_err("services are not followed any more", "error=\"%s\"", strerror(-status));
	ncsdb_writer_seen(&srm->writer, INT64_MAX);
}

int srm_open(struct ncsdb *db, struct view *view, void (*synced)(void *arg), void *arg,
	     struct srm **out)
{
	static const struct ncsdb_follow_ops ops = {
		.put = on_put,
		.del = on_del,
		.synced = on_synced,
		.revision = on_revision,
		.failed = on_failed,
	};
	struct srm *srm = calloc(1, sizeof(*srm));
	int r;

	if (!srm)
		return -ENOMEM;
	srm->view = view;
	srm->synced = synced;
	srm->arg = arg;
	ncsdb_writer_init(&srm->writer, db);
	r = ncsdb_follow_start(db, PREFIX, &ops, srm, &srm->follow);
	if (r) {
		free(srm);
		return r;
	}
	*out = srm;
	return 0;
}

void srm_close(struct srm *srm)
{
	if (!srm)
		return;
	ncsdb_follow_stop(srm->follow);
	ncsdb_writer_fini(&srm->writer);
	claims_fini(&srm->claims);
	free(srm);
}

uint64_t srm_refused(const struct srm *srm)
{
	return srm->refusals.count;
}

/* ---- writing ---- */

static int check(struct srm *srm, uint64_t id, const json_t *obj, struct service **def,
		 struct err *err)
{
	uint64_t holder;
	int r;

	if (id == 0)
		return err_set(err, -EINVAL, "/id", "0", "must be 1..0xffffffffffffffff");
	r = service_from_json(obj, id, def, err);
	if (!r && claims_holder(&srm->claims, &(*def)->address, id, &holder))
		r = refuse_address(&(*def)->address, holder, err);
	if (!r && !view_service(srm->view, id) &&
	    HASH_COUNT(srm->view->services) >= srm->view->limits.services)
		r = err_set(err, -ENOSPC, "", NULL, "one too many: at most %u services",
			    srm->view->limits.services);
	return r;
}

static void release_claim(void *arg, void *hold)
{
	struct srm *srm = arg;

	claims_drop(&srm->claims, hold);
}

static int put(struct srm *srm, const struct service *def, int64_t if_revision,
	       struct ncsdb_write_done done, struct err *err)
{
	json_t *obj = service_to_json(def);
	OWN_PTR char *text = obj ? json_text(obj) : NULL;
	char id[SVC_ID_TEXT];
	struct ncsdb_write *w;
	struct claim *claim;
	int r;

	json_decref(obj);
	r = claims_take(&srm->claims, &def->address, def->id, &claim);
	if (r)
		return err_set(err, r, "", NULL, "cannot be kept: no memory");
	w = ncsdb_write_new(&srm->writer);
	ncsdb_write_hold(w, release_claim, srm, claim);
	svc_id_text(def->id, id);
	ncsdb_write_if(w, if_revision, PREFIX "%s", id);
	ncsdb_write_put(w, 0, text, PREFIX "%s", id);
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
	struct ncsdb_write *w = ncsdb_write_new(&srm->writer);
	char text[SVC_ID_TEXT];
	int r;

	svc_id_text(id, text);
	ncsdb_write_if(w, if_revision, PREFIX "%s", text);
	ncsdb_write_del(w, PREFIX "%s", text);
	r = ncsdb_write_commit(w, done, err);
	if (r)
		err_object(err, "service %s", text);
	return r;
}
