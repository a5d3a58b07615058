/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "broker/broker_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"

static void refuse(struct broker *b, const char *key, int code, struct err *err)
{
	char text[512];

	err->code = code;
	if (ncsdb_refused(&b->refusals, key, clock_us()))
		log_warn("stored domain or link refused", "key=%s why=\"%s\"", key,
			 err_text(err, text, sizeof(text)));
}

static int parse_value(const struct ncsdb_kv *kv, json_t **obj, struct err *err)
{
	return json_parse(kv->value, kv->value_len, obj, err);
}

/* ---- what there is no room for ---- */

struct waiting {
	int64_t create_rev, mod_rev;
	size_t value_len;
	char *value;
	char key[];
};

static void waiting_free(struct waiting *w)
{
	if (w)
		free(w->value);
	free(w);
}

static void waiting_forget(struct broker_follow *f, const char *key)
{
	waiting_free(radix_remove(&f->waiting, key));
}

void broker_waiting_free(struct broker_follow *f)
{
	struct waiting *w;

	while ((w = radix_seek(&f->waiting, "", false)))
		waiting_forget(f, w->key);
	radix_fini(&f->waiting);
}

/* Beyond BROKER_WAITING_MAX, or without memory, it has to be written again. */
static void waiting_add(struct broker_follow *f, const struct ncsdb_kv *kv)
{
	struct waiting *w;

	if (f->waiting.count >= BROKER_WAITING_MAX)
		return;
	w = calloc(1, sizeof(*w) + strlen(kv->key) + 1);
	if (!w)
		return;
	strcpy(w->key, kv->key);
	w->create_rev = kv->create_rev;
	w->mod_rev = kv->mod_rev;
	w->value_len = kv->value_len;
	w->value = strndup(kv->value, kv->value_len);
	if (!w->value || radix_reserve(&f->waiting, w->key))
		waiting_free(w);
	else
		radix_set(&f->waiting, w->key, w);
}

/* What is refused is not there: nor is what it replaces, on any replica. */
static void take(struct broker_follow *f, const struct ncsdb_kv *kv,
		 int (*from_kv)(struct broker *b, const struct ncsdb_kv *kv, struct err *err),
		 void (*gone)(struct broker *b, const char *key))
{
	struct broker *b = f->broker;
	struct err err = {0};
	int r = from_kv(b, kv, &err);

	waiting_forget(f, kv->key);
	if (!r) {
		broker_dirty(b, BROKER_S_DOMAINS);
		return;
	}
	refuse(b, kv->key, r, &err);
	gone(b, kv->key);
	if (r == -ENOSPC || r == -ENOMEM)
		waiting_add(f, kv);
}

static void try_again(struct broker_follow *f, void (*put)(void *arg, const struct ncsdb_kv *kv))
{
	char last[NCSDB_KEY_MAX] = "";
	struct waiting *w = f->room ? radix_seek(&f->waiting, "", false) : NULL;

	f->room = false;
	for (; w; w = radix_seek(&f->waiting, last, true)) {
		const struct waiting one = *w;
		struct ncsdb_kv kv = {.key = last,
				      .value = one.value,
				      .value_len = one.value_len,
				      .create_rev = one.create_rev,
				      .mod_rev = one.mod_rev};

		strcpy(last, w->key);
		radix_remove(&f->waiting, last);
		put(f, &kv);
		waiting_free(w);
	}
}

/* ---- domains ---- */

static int domain_key(const char *key, const char **id, struct err *err)
{
	*id = key + strlen(BROKER_DOMAINS);
	return broker_parse_id("", *id, err);
}

static int domain_from_kv(struct broker *b, const struct ncsdb_kv *kv, struct err *err)
{
	struct domain_def def;
	const char *id;
	json_t *obj;
	int r = domain_key(kv->key, &id, err);

	if (!r)
		r = parse_value(kv, &obj, err);
	if (r)
		return r;
	r = broker_parse_domain(obj, &def, err);
	json_decref(obj);
	if (r)
		return r;
	r = broker_domain_store(b, id, kv, &def, err);
	domain_def_fini(&def);
	return r;
}

static void domain_gone(struct broker *b, const char *key)
{
	struct err err;
	const char *id;

	if (domain_key(key, &id, &err))
		return;
	broker_domain_drop(b, id);
	broker_dirty(b, BROKER_S_DOMAINS);
}

static void domain_put(void *arg, const struct ncsdb_kv *kv)
{
	take(arg, kv, domain_from_kv, domain_gone);
}

static void domain_del(void *arg, const char *key, int64_t revision)
{
	struct broker_follow *f = arg;

	waiting_forget(f, key);
	domain_gone(f->broker, key);
}

/* ---- links ---- */

static int link_key(const char *key, char a[ALTO_NAME_LEN], const char **b, struct err *err)
{
	const char *text = key + strlen(BROKER_LINKS), *slash = strchr(text, '/');
	int r = 0;

	if (!slash || slash - text >= ALTO_NAME_LEN)
		return err_set(err, -EINVAL, "", key, "must be " BROKER_LINKS "<domain>/<domain>");
	memcpy(a, text, slash - text);
	a[slash - text] = '\0';
	*b = slash + 1;
	r = broker_parse_id("", a, err);
	if (!r)
		r = broker_parse_id("", *b, err);
	if (!r && strcmp(a, *b) == 0)
		r = err_set(err, -EINVAL, "", key, "must lead to another domain");
	return r;
}

static int link_from_kv(struct broker *broker, const struct ncsdb_kv *kv, struct err *err)
{
	char a[ALTO_NAME_LEN];
	struct link_def def;
	const char *b;
	json_t *obj;
	int r = link_key(kv->key, a, &b, err);

	if (!r)
		r = parse_value(kv, &obj, err);
	if (r)
		return r;
	r = broker_parse_link(obj, &broker->conf.calendar, &def, err);
	json_decref(obj);
	if (r)
		return r;
	if (!def.directed && strcmp(a, b) > 0)
		r = err_set(err, -EINVAL, "", NULL, "must be directed, or stored as %s/%s", b, a);
	else
		r = broker_link_store(broker, kv->key + strlen(BROKER_LINKS), kv, &def, err);
	link_def_fini(&def);
	return r;
}

static void link_gone(struct broker *broker, const char *key)
{
	char a[ALTO_NAME_LEN];
	struct err err;
	const char *b;

	if (link_key(key, a, &b, &err))
		return;
	broker_link_drop(broker, key + strlen(BROKER_LINKS));
	broker_dirty(broker, BROKER_S_DOMAINS);
}

static void link_put(void *arg, const struct ncsdb_kv *kv)
{
	take(arg, kv, link_from_kv, link_gone);
}

static void link_del(void *arg, const char *key, int64_t revision)
{
	struct broker_follow *f = arg;

	waiting_forget(f, key);
	link_gone(f->broker, key);
}

/* ---- both ---- */

static void settle(struct broker_follow *f)
{
	bool domains = f == &f->broker->prefix[BROKER_P_DOMAINS];

	try_again(f, domains ? domain_put : link_put);
}

static void on_revision(void *arg, int64_t revision)
{
	struct broker_follow *f = arg;

	settle(f);
	ncsdb_writer_seen(&f->writer, revision);
}

/* Until it succeeds again what is stored is not seen: the writes at least are answered. */
static void on_failed(void *arg, int status)
{
	struct broker_follow *f = arg;

	log_err("domains or links are not followed for now", "error=\"%s\"", strerror(-status));
	ncsdb_writer_seen(&f->writer, INT64_MAX);
}

static void on_synced(void *arg, int64_t revision)
{
	struct broker_follow *f = arg;
	struct broker *b = f->broker;

	settle(f);
	ncsdb_writer_seen(&f->writer, revision);
	f->synced = true;
	if (b->ready || !b->prefix[BROKER_P_DOMAINS].synced || !b->prefix[BROKER_P_LINKS].synced)
		return;
	b->ready = true;
	broker_make(b);
}

int broker_check_known(const struct broker *b, bool now, struct err *err)
{
	struct ncsdb_follow_stats stats;

	broker_follow_stats(b, &stats);
	if (b->ready && (!now || stats.synced))
		return 0;
	return err_set(err, -EAGAIN, "", NULL,
		       "cannot be kept before it is known what is stored: try again");
}

static const struct {
	const char *prefix;
	struct ncsdb_follow_ops ops;
} follows[BROKER_P_MAX] = {
	[BROKER_P_DOMAINS] = {BROKER_DOMAINS,
			      {domain_put, domain_del, on_synced, on_revision, on_failed}},
	[BROKER_P_LINKS] = {BROKER_LINKS, {link_put, link_del, on_synced, on_revision, on_failed}},
};

int broker_follow_all(struct broker *b)
{
	for (int i = 0; i < BROKER_P_MAX; i++) {
		struct broker_follow *f = &b->prefix[i];
		int r;

		r = ncsdb_follow_start(b->conf.db, follows[i].prefix, &follows[i].ops, f,
				       &f->follow);
		if (r)
			return r;
	}
	return 0;
}
