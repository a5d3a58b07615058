/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Classifier rules: writing and following /san/classes. */
#include "srm/srm_int.h"

#include <errno.h>

#include "model/class.h"
#include "util/json.h"
#include "util/own.h"

/* ---- following ---- */

static int name_from_key(const char *key, char name[1][NAME_LEN], struct err *err)
{
	if (ncsdb_key_split(key, SRM_CLASSES, name, 1) == 1)
		return 0;
	return err_set(err, -EINVAL, "", key, "must be " SRM_CLASSES "<name>");
}

static int from_kv(const struct ncsdb_kv *kv, struct plan_class *def, struct err *err)
{
	char name[1][NAME_LEN];
	json_t *obj;
	int r = name_from_key(kv->key, name, err);

	if (!r)
		r = json_parse(kv->value, kv->value_len, &obj, err);
	if (r)
		return r;
	r = class_from_json(obj, name[0], def, err);
	json_decref(obj);
	return r;
}

static void on_put(void *arg, const struct ncsdb_kv *kv)
{
	struct srm *srm = ((struct srm_follow *)arg)->srm;
	struct plan_class def;
	struct err err = {0};
	int r = from_kv(kv, &def, &err);

	if (!r)
		r = view_class_put(srm->view, &def, kv->mod_rev);
	if (r == -ENOSPC)
		err_set(&err, r, "", NULL, "one too many: at most %u classifier rules",
			srm->view->limits.classes);
	if (r)
		srm_refuse(srm, kv->key, r, &err);
}

static void on_del(void *arg, const char *key, int64_t revision)
{
	struct srm *srm = ((struct srm_follow *)arg)->srm;
	char name[1][NAME_LEN];
	struct err err;

	if (!name_from_key(key, name, &err))
		view_class_del(srm->view, name[0]);
}

int srm_follow_classes(struct srm *srm, struct ncsdb *db)
{
	static const struct ncsdb_follow_ops ops = {
		.put = on_put,
		.del = on_del,
		.synced = srm_on_synced,
		.revision = srm_on_revision,
		.failed = srm_on_failed,
	};

	srm->classes.srm = srm;
	ncsdb_writer_init(&srm->classes.writer, db);
	return ncsdb_follow_start(db, SRM_CLASSES, &ops, &srm->classes, &srm->classes.follow);
}

/* ---- writing ---- */

static int refused(const char *name, int r, struct err *err)
{
	if (r)
		err_object(err, "class %s", name ? name : "");
	return r;
}

static int check_name(const char *name, struct err *err)
{
	if (name && name_valid(name))
		return 0;
	return err_set(err, -EINVAL, "/name", name, "must be a name: [A-Za-z0-9._-]{1,63}");
}

static int check_room(const struct view *view, const char *name, struct err *err)
{
	if (view_class(view, name) || HASH_COUNT(view->classes) < view->limits.classes)
		return 0;
	return err_set(err, -ENOSPC, "", NULL, "one too many: at most %u classifier rules",
		       view->limits.classes);
}

static int class_write(struct srm *srm, const struct plan_class *def, int64_t if_revision,
		       struct ncsdb_write_done done, struct err *err)
{
	struct ncsdb_write *w = ncsdb_write_new(&srm->classes.writer);
	json_t *obj = class_to_json(def);
	OWN_PTR char *text = obj ? json_text(obj) : NULL;

	json_decref(obj);
	ncsdb_write_if(w, if_revision, SRM_CLASSES "%s", def->name);
	ncsdb_write_put(w, 0, text, SRM_CLASSES "%s", def->name);
	return ncsdb_write_commit(w, done, err);
}

int srm_class_put(struct srm *srm, const char *name, const json_t *obj, int64_t if_revision,
		  struct ncsdb_write_done done, struct err *err)
{
	struct plan_class def;
	int r = check_name(name, err);

	if (!r)
		r = class_from_json(obj, name, &def, err);
	if (!r)
		r = check_room(srm->view, name, err);
	if (!r)
		r = class_write(srm, &def, if_revision, done, err);
	return refused(name, r, err);
}

int srm_class_del(struct srm *srm, const char *name, int64_t if_revision,
		  struct ncsdb_write_done done, struct err *err)
{
	struct ncsdb_write *w;
	int r = check_name(name, err);

	if (!r) {
		w = ncsdb_write_new(&srm->classes.writer);
		ncsdb_write_if(w, if_revision, SRM_CLASSES "%s", name);
		ncsdb_write_del(w, SRM_CLASSES "%s", name);
		r = ncsdb_write_commit(w, done, err);
	}
	return refused(name, r, err);
}
