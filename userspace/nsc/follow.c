/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nsc/nsc_int.h"

#include <errno.h>
#include <string.h>

#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"

static void refuse(struct nsc *nsc, const char *key, int code, struct err *err)
{
	char text[512];

	err->code = code;
	if (ncsdb_refused(&nsc->refusals, key, clock_us()))
		log_warn("stored network object refused", "key=%s why=\"%s\"", key,
			 err_text(err, text, sizeof(text)));
}

static int bad_key(struct err *err, const char *key, const char *want)
{
	return err_set(err, -EINVAL, "", key, "must be %s", want);
}

static int gateway_key(const char *key, char name[1][NAME_LEN], struct err *err)
{
	if (ncsdb_key_split(key, NSC_GATEWAYS, name, 1) == 1)
		return 0;
	return bad_key(err, key, NSC_GATEWAYS "<gateway>");
}

static int path_key(const char *key, char parts[3][NAME_LEN], struct path_key *out, struct err *err)
{
	if (ncsdb_key_split(key, NSC_PATHS, parts, 3) != 3)
		return bad_key(err, key, NSC_PATHS "<ingress>/<gateway>/<path>");
	*out = (struct path_key){parts[0], parts[1], parts[2]};
	return 0;
}

/* ---- gateways ---- */

static int gateway_from_kv(const struct ncsdb_kv *kv, struct gateway *gw, struct err *err)
{
	char name[1][NAME_LEN];
	json_t *obj;
	int r = gateway_key(kv->key, name, err);

	if (!r)
		r = json_parse(kv->value, kv->value_len, &obj, err);
	if (r)
		return r;
	r = gateway_from_json(obj, name[0], gw, err);
	json_decref(obj);
	return r;
}

/* As it is stored, good or not. */
static void own_seen(struct nsc *nsc, const char *key, int64_t lease)
{
	if (strcmp(key + strlen(NSC_GATEWAYS), nsc->own) == 0)
		nsc->own_lease = lease;
}

static void gateway_put(void *arg, const struct ncsdb_kv *kv)
{
	struct nsc_follow *f = arg;
	struct err err = {0};
	struct gateway gw;
	int r = gateway_from_kv(kv, &gw, &err);

	own_seen(f->nsc, kv->key, kv->lease);
	if (!r)
		r = view_gateway_put(f->nsc->view, &gw, kv->mod_rev);
	if (r)
		refuse(f->nsc, kv->key, r, &err);
}

static void gateway_del(void *arg, const char *key, int64_t revision)
{
	struct nsc_follow *f = arg;
	char name[1][NAME_LEN];
	struct err err;

	own_seen(f->nsc, key, 0);
	if (!gateway_key(key, name, &err))
		view_gateway_del(f->nsc->view, name[0]);
}

/* ---- paths ---- */

static int path_from_kv(const struct ncsdb_kv *kv, struct path *path, struct err *err)
{
	char parts[3][NAME_LEN];
	struct path_key key;
	json_t *obj;
	int r = path_key(kv->key, parts, &key, err);

	if (!r)
		r = json_parse(kv->value, kv->value_len, &obj, err);
	if (r)
		return r;
	r = path_from_json(obj, key, path, err);
	json_decref(obj);
	return r;
}

static void path_put(void *arg, const struct ncsdb_kv *kv)
{
	struct nsc_follow *f = arg;
	struct err err = {0};
	struct path path;
	int r = path_from_kv(kv, &path, &err);

	if (!r)
		r = view_path_put(f->nsc->view, &path, kv->mod_rev);
	if (r)
		refuse(f->nsc, kv->key, r, &err);
}

static void path_del(void *arg, const char *key, int64_t revision)
{
	struct nsc_follow *f = arg;
	char parts[3][NAME_LEN];
	struct path_key path;
	struct err err;

	if (!path_key(key, parts, &path, &err))
		view_path_del(f->nsc->view, path);
}

/* ---- network status ---- */

struct status_key {
	char parts[4][NAME_LEN];
	struct path_key path;
	uint16_t attr;
};

static int status_key(const char *text, struct status_key *key, struct err *err)
{
	int r;

	if (ncsdb_key_split(text, NSC_NETWORK, key->parts, 4) != 4)
		return bad_key(err, text, NSC_NETWORK "<ingress>/<gateway>/<path>/<attribute>");
	key->path = (struct path_key){key->parts[0], key->parts[1], key->parts[2]};
	r = attr_intern(key->parts[3], &key->attr);
	if (r)
		err_set(err, r, "", key->parts[3],
			"is one name too many: at most %d attribute names in all", ATTR_LIMIT);
	return r;
}

/* The last good value stays, with its age. Said once as long as the mark is there. */
static void status_refuse(struct nsc *nsc, const struct status_key *key, const char *text,
			  struct err *err)
{
	const struct view_path *path = view_path(nsc->view, key->path);
	const struct sample *have = path ? samples_get(&path->samples, key->attr) : NULL;
	struct sample last;

	if (have && have->refused) {
		nsc->refusals.count++;
		return;
	}
	if (have) {
		last = *have;
		last.refused = true;
		view_path_attr(nsc->view, key->path, &last);
	}
	refuse(nsc, text, err->code, err);
}

/* In the view's time; 0 = unknown. */
static uint64_t sample_time(const struct view *view, const struct ncsdb_kv *kv)
{
	return kv->received_us ? view_time(view, kv->received_us) : 0;
}

static void status_put(void *arg, const struct ncsdb_kv *kv)
{
	struct nsc_follow *f = arg;
	struct sample sample = {.received_us = sample_time(f->nsc->view, kv)};
	struct status_key key;
	struct err err = {0};
	int r = status_key(kv->key, &key, &err);

	if (r) {
		refuse(f->nsc, kv->key, r, &err);
		return;
	}
	sample.attr = key.attr;
	r = memchr(kv->value, 0, kv->value_len)
		    ? err_set(&err, -EINVAL, "", NULL, "must be text")
		    : attr_parse(key.attr, kv->value, &sample.milli, &err);
	if (r) {
		status_refuse(f->nsc, &key, kv->key, &err);
		return;
	}
	r = view_path_attr(f->nsc->view, key.path, &sample);
	if (r)
		refuse(f->nsc, kv->key, r, &err);
}

static void status_del(void *arg, const char *text, int64_t revision)
{
	struct nsc_follow *f = arg;
	struct status_key key;
	struct err err;

	if (!status_key(text, &key, &err))
		view_path_attr_del(f->nsc->view, key.path, key.attr);
}

/* ---- all three ---- */

static void on_revision(void *arg, int64_t revision)
{
	struct nsc_follow *f = arg;

	ncsdb_writer_seen(&f->writer, revision);
}

/* Until it succeeds again what is stored is not seen: the writes at least are answered. */
static void on_failed(void *arg, int status)
{
	struct nsc_follow *f = arg;

	log_err("network objects are not followed for now", "error=\"%s\"", strerror(-status));
	ncsdb_writer_seen(&f->writer, INT64_MAX);
}

static void on_synced(void *arg, int64_t revision)
{
	struct nsc_follow *f = arg;
	struct nsc *nsc = f->nsc;
	void (*synced)(void *arg) = nsc->synced;

	on_revision(f, revision);
	f->synced = true;
	for (int i = 0; i < NSC_P_MAX; i++)
		if (!nsc->prefix[i].synced)
			return;
	nsc->synced = NULL;
	if (synced)
		synced(nsc->arg);
}

static const struct {
	const char *prefix;
	struct ncsdb_follow_ops ops;
} follows[NSC_P_MAX] = {
	[NSC_P_GATEWAYS] = {NSC_GATEWAYS,
			    {gateway_put, gateway_del, on_synced, on_revision, on_failed}},
	[NSC_P_PATHS] = {NSC_PATHS, {path_put, path_del, on_synced, on_revision, on_failed}},
	[NSC_P_NETWORK] = {NSC_NETWORK,
			   {status_put, status_del, on_synced, on_revision, on_failed}},
};

int nsc_follow_all(struct nsc *nsc, struct ncsdb *db)
{
	for (int i = 0; i < NSC_P_MAX; i++) {
		struct nsc_follow *f = &nsc->prefix[i];
		int r;

		f->nsc = nsc;
		ncsdb_writer_init(&f->writer, db);
		r = ncsdb_follow_start(db, follows[i].prefix, &follows[i].ops, f, &f->follow);
		if (r)
			return r;
	}
	return 0;
}
