/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nsc/nsc_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/patch.h"
#include "util/json.h"
#include "util/own.h"

int nsc_open(struct ncsdb *db, struct view *view, void (*synced)(void *arg), void *arg,
	     struct nsc **out)
{
	struct nsc *nsc = calloc(1, sizeof(*nsc));
	int r;

	if (!nsc)
		return -ENOMEM;
	nsc->view = view;
	nsc->synced = synced;
	nsc->arg = arg;
	r = nsc_follow_all(nsc, db);
	if (r) {
		nsc_close(nsc);
		return r;
	}
	*out = nsc;
	return 0;
}

void nsc_close(struct nsc *nsc)
{
	if (!nsc)
		return;
	for (int i = 0; i < NSC_P_MAX; i++) {
		if (nsc->prefix[i].follow)
			ncsdb_follow_stop(nsc->prefix[i].follow);
		ncsdb_writer_fini(&nsc->prefix[i].writer);
	}
	free(nsc);
}

uint64_t nsc_refused(const struct nsc *nsc)
{
	return nsc->refusals.count;
}

void nsc_follow_stats(const struct nsc *nsc, struct ncsdb_follow_stats *out)
{
	*out = FOLLOW_STATS_NONE;
	for (int i = 0; i < NSC_P_MAX; i++)
		ncsdb_follow_add(nsc->prefix[i].follow, out);
}

/* ---- gateways ---- */

static int check_name(const char *what, const char *name, struct err *err)
{
	if (name && name_valid(name))
		return 0;
	return err_set(err, -EINVAL, what, name, "must be a name: [A-Za-z0-9._-]{1,63}");
}

static int check_room(unsigned int have, bool exists, unsigned int limit, struct err *err)
{
	if (exists || have < limit)
		return 0;
	return err_set(err, -ENOSPC, "", NULL, "one too many: at most %u", limit);
}

static int gateway_check(struct nsc *nsc, const char *name, const json_t *obj, struct gateway *gw,
			 struct err *err)
{
	const struct view *view = nsc->view;
	int r = check_name("/name", name, err);

	if (!r)
		r = gateway_from_json(obj, name, gw, err);
	if (!r)
		r = check_room(HASH_COUNT(view->gateways), view_gateway(view, name),
			       view->limits.gateways, err);
	return r;
}

struct terms {
	int64_t if_revision, lease;
};

static int gateway_write(struct nsc *nsc, const struct gateway *gw, struct terms terms,
			 struct ncsdb_write_done done, struct err *err)
{
	struct ncsdb_write *w = ncsdb_write_new(&nsc->prefix[NSC_P_GATEWAYS].writer);
	json_t *obj = gateway_to_json(gw);
	OWN_PTR char *text = obj ? json_text(obj) : NULL;

	json_decref(obj);
	ncsdb_write_if(w, terms.if_revision, NSC_GATEWAYS "%s", gw->name);
	ncsdb_write_put(w, terms.lease, text, NSC_GATEWAYS "%s", gw->name);
	return ncsdb_write_commit(w, done, err);
}

static int gateway_put(struct nsc *nsc, const char *name, const json_t *obj, struct terms terms,
		       struct ncsdb_write_done done, struct err *err)
{
	struct gateway gw;
	int r = gateway_check(nsc, name, obj, &gw, err);

	if (!r)
		r = gateway_write(nsc, &gw, terms, done, err);
	if (r)
		err_object(err, "gateway %s", name ? name : "");
	return r;
}

int nsc_gateway_put(struct nsc *nsc, const char *name, const json_t *obj, int64_t if_revision,
		    struct ncsdb_write_done done, struct err *err)
{
	return gateway_put(nsc, name, obj, (struct terms){if_revision, 0}, done, err);
}

int nsc_gateway_hold(struct nsc *nsc, const char *name, const json_t *obj, int64_t lease,
		     struct ncsdb_write_done done, struct err *err)
{
	if (name && name_valid(name) && strcmp(nsc->own, name) != 0) {
		strcpy(nsc->own, name);
		nsc->own_lease = 0;
	}
	return gateway_put(nsc, name, obj, (struct terms){ANY_REVISION, lease}, done, err);
}

int64_t nsc_gateway_held(const struct nsc *nsc)
{
	return nsc->own_lease;
}

int nsc_gateway_del(struct nsc *nsc, const char *name, int64_t if_revision,
		    struct ncsdb_write_done done, struct err *err)
{
	struct ncsdb_write *w;
	int r = check_name("/name", name, err);

	if (!r) {
		w = ncsdb_write_new(&nsc->prefix[NSC_P_GATEWAYS].writer);
		ncsdb_write_if(w, if_revision, NSC_GATEWAYS "%s", name);
		ncsdb_write_del(w, NSC_GATEWAYS "%s", name);
		r = ncsdb_write_commit(w, done, err);
	}
	if (r)
		err_object(err, "gateway %s", name ? name : "");
	return r;
}

/* ---- paths ---- */

#define PATH_FORMAT "%s/%s/%s"
#define PATH_ARGS(key) (key).ingress, (key).gateway, (key).name

static int path_refused(struct path_key key, int r, struct err *err)
{
	if (r)
		err_object(err, "path " PATH_FORMAT, key.ingress ? key.ingress : "",
			   key.gateway ? key.gateway : "", key.name ? key.name : "");
	return r;
}

static int check_path_key(struct path_key key, struct err *err)
{
	int r = check_name("/ingress", key.ingress, err);

	if (!r)
		r = check_name("/gateway", key.gateway, err);
	if (!r)
		r = check_name("/name", key.name, err);
	return r;
}

static int path_room(const struct nsc *nsc, struct path_key key, struct err *err)
{
	const struct view *view = nsc->view;

	return check_room(HASH_COUNT(view->paths), view_path(view, key), view->limits.paths, err);
}

static int path_write(struct nsc *nsc, const struct path *path, int64_t if_revision,
		      struct ncsdb_write_done done, struct err *err)
{
	struct ncsdb_write *w = ncsdb_write_new(&nsc->prefix[NSC_P_PATHS].writer);
	json_t *obj = path_to_json(path);
	OWN_PTR char *text = obj ? json_text(obj) : NULL;

	json_decref(obj);
	ncsdb_write_if(w, if_revision, NSC_PATHS PATH_FORMAT, PATH_ARGS(*path));
	ncsdb_write_put(w, 0, text, NSC_PATHS PATH_FORMAT, PATH_ARGS(*path));
	return ncsdb_write_commit(w, done, err);
}

int nsc_path_put(struct nsc *nsc, struct path_key key, const json_t *obj, int64_t if_revision,
		 struct ncsdb_write_done done, struct err *err)
{
	struct path path;
	int r = check_path_key(key, err);

	if (!r)
		r = path_from_json(obj, key, &path, err);
	if (!r)
		r = path_room(nsc, key, err);
	if (!r)
		r = path_write(nsc, &path, if_revision, done, err);
	return path_refused(key, r, err);
}

/* The follower of /san/paths answers it: there must be an event there. */
int nsc_path_del(struct nsc *nsc, struct path_key key, int64_t if_revision,
		 struct ncsdb_write_done done, struct err *err)
{
	struct ncsdb_write *w;
	int r = check_path_key(key, err);

	if (!r) {
		w = ncsdb_write_new(&nsc->prefix[NSC_P_PATHS].writer);
		if (if_revision == ANY_REVISION)
			ncsdb_write_need(w, NSC_PATHS PATH_FORMAT, PATH_ARGS(key));
		else
			ncsdb_write_if(w, if_revision, NSC_PATHS PATH_FORMAT, PATH_ARGS(key));
		ncsdb_write_del(w, NSC_PATHS PATH_FORMAT, PATH_ARGS(key));
		ncsdb_write_del_prefix(w, NSC_NETWORK PATH_FORMAT "/", PATH_ARGS(key));
		r = ncsdb_write_commit(w, done, err);
	}
	return path_refused(key, r, err);
}

/* ---- network status ---- */

static struct ncsdb_write *status_write(struct nsc *nsc, struct path_key key,
					const struct attr_patch *patch)
{
	struct ncsdb_write *w = ncsdb_write_new(&nsc->prefix[NSC_P_NETWORK].writer);
	char text[32];

	for (unsigned int i = 0; i < patch->n; i++) {
		const struct attr_change *change = &patch->v[i];
		const char *name = attr_name(change->attr);

		if (change->remove)
			ncsdb_write_del(w, NSC_NETWORK PATH_FORMAT "/%s", PATH_ARGS(key), name);
		else
			ncsdb_write_put(w, 0, attr_text(change->milli, text, sizeof(text)),
					NSC_NETWORK PATH_FORMAT "/%s", PATH_ARGS(key), name);
	}
	ncsdb_write_may_be_absent(w);
	return w;
}

int nsc_status_put(struct nsc *nsc, struct path_key key, const json_t *attrs,
		   struct ncsdb_write_done done, struct err *err)
{
	const struct view_path *path;
	struct attr_patch patch;
	int r = check_path_key(key, err);

	if (!r)
		r = attr_patch_from_json(attrs, NULL, &patch, err);
	if (!r && patch.n == 0)
		r = err_set(err, -EINVAL, "", "{}", "must name at least one attribute");
	if (r)
		return path_refused(key, r, err);
	path = view_path(nsc->view, key);
	r = attr_patch_fits(&patch, path ? &path->samples : NULL, err);
	if (!r)
		r = path_room(nsc, key, err);
	if (!r)
		r = ncsdb_write_commit(status_write(nsc, key, &patch), done, err);
	return path_refused(key, r, err);
}
