/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "broker/broker_int.h"

#include <errno.h>
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

static void domain_put(void *arg, const struct ncsdb_kv *kv)
{
	struct broker *b = ((struct broker_follow *)arg)->broker;
	struct err err = {0};
	int r = domain_from_kv(b, kv, &err);

	if (r)
		refuse(b, kv->key, r, &err);
	else
		broker_dirty(b, BROKER_S_DOMAINS);
}

static void domain_del(void *arg, const char *key, int64_t revision)
{
	struct broker *b = ((struct broker_follow *)arg)->broker;
	struct err err;
	const char *id;

	if (domain_key(key, &id, &err))
		return;
	broker_domain_drop(b, id);
	broker_dirty(b, BROKER_S_DOMAINS);
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

static void link_put(void *arg, const struct ncsdb_kv *kv)
{
	struct broker *b = ((struct broker_follow *)arg)->broker;
	struct err err = {0};
	int r = link_from_kv(b, kv, &err);

	if (r)
		refuse(b, kv->key, r, &err);
	else
		broker_dirty(b, BROKER_S_DOMAINS);
}

static void link_del(void *arg, const char *key, int64_t revision)
{
	struct broker *broker = ((struct broker_follow *)arg)->broker;
	char a[ALTO_NAME_LEN];
	struct err err;
	const char *b;

	if (link_key(key, a, &b, &err))
		return;
	broker_link_drop(broker, key + strlen(BROKER_LINKS));
	broker_dirty(broker, BROKER_S_DOMAINS);
}

/* ---- both ---- */

static void on_revision(void *arg, int64_t revision)
{
	struct broker_follow *f = arg;

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

	ncsdb_writer_seen(&f->writer, revision);
	f->synced = true;
	if (b->ready || !b->prefix[BROKER_P_DOMAINS].synced || !b->prefix[BROKER_P_LINKS].synced)
		return;
	b->ready = true;
	broker_make(b);
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
