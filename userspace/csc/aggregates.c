/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What gateways say of all their instances of a service: following all, publishing our own. */
#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "csc/csc_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"
#include "util/own.h"

/* ---- following ---- */

struct aggregate_key {
	char parts[2][NAME_LEN]; /* service, gateway */
	uint64_t service;
	char instance[NAME_LEN]; /* "@gateway" */
};

static int key_parse(const char *text, struct aggregate_key *key, struct err *err)
{
	if (ncsdb_key_split(text, CSC_AGGREGATES, key->parts, 2) != 2 ||
	    ncsdb_key_service(key->parts[0], &key->service))
		return err_set(err, -EINVAL, "", text,
			       "must be " CSC_AGGREGATES "0x<hex>/<gateway>");
	if (strlen(key->parts[1]) > CSC_AGGREGATE_NAME)
		return err_set(err, -EINVAL, "", key->parts[1],
			       "must be a gateway of at most %d characters", CSC_AGGREGATE_NAME);
	key->instance[0] = '@';
	strcpy(key->instance + 1, key->parts[1]);
	return 0;
}

static int aggregate_read(const struct ncsdb_kv *kv, struct aggregate *agg, struct err *err)
{
	json_t *obj;
	int r = json_parse(kv->value, kv->value_len, &obj, err);

	if (r)
		return r;
	r = aggregate_from_json(obj, agg, err);
	json_decref(obj);
	return r;
}

static void on_put(void *arg, const struct ncsdb_kv *kv)
{
	struct csc *csc = ((struct csc_follow *)arg)->csc;
	struct aggregate_key key;
	struct aggregate agg;
	struct err err = {0};
	int r = key_parse(kv->key, &key, &err);

	if (!r)
		r = aggregate_read(kv, &agg, &err);
	if (!r)
		r = view_instance_put(csc->view, &(struct view_instance_put){
							 .service = key.service,
							 .instance = key.instance,
							 .revision = kv->mod_rev,
							 .gateway = key.parts[1],
							 .aggregate = &agg,
							 .received_us = csc_time(csc, kv),
						 });
	if (r)
		csc_refuse(csc, kv->key, r, &err);
}

static void on_del(void *arg, const char *text, int64_t revision)
{
	struct csc *csc = ((struct csc_follow *)arg)->csc;
	struct aggregate_key key;
	struct err err;

	if (!key_parse(text, &key, &err))
		view_instance_del(csc->view, key.service, key.instance);
}

int csc_follow_aggregates(struct csc *csc)
{
	static const struct ncsdb_follow_ops ops = {on_put, on_del, csc_on_synced, csc_on_revision,
						    csc_on_failed};
	struct csc_follow *f = &csc->aggregates;

	f->csc = csc;
	ncsdb_writer_init(&f->writer, csc->db);
	return ncsdb_follow_start(csc->db, CSC_AGGREGATES, &ops, f, &f->follow);
}

/* ---- publishing ---- */

/* A service of which something is said: kept until it is withdrawn, so that this needs no memory.
 */
struct csc_publish {
	uint64_t service;
	struct csc *csc; /* NULL: closed meanwhile */
	char *text;	 /* NULL: withdrawn */
	int64_t lease;
	bool pending; /* text is not handed to the database */
	bool flying;
	bool in_trouble; /* said in the log */
	UT_hash_handle hh;
};

static void publish_free(struct csc_publish *p)
{
	if (p->csc)
		HASH_DEL(p->csc->publishes, p);
	free(p->text);
	free(p);
}

/* Rights are given by hand: they may come. */
static bool is_temporary(int status)
{
	switch (status) {
	case -ETIMEDOUT:
	case -EHOSTUNREACH:
	case -EAGAIN:
	case -EIO:
	case -ENOMEM:
	case -EROFS:
	case -ENOSPC:
	case -EACCES:
		return true;
	default:
		return false;
	}
}

/* Once for each service until it succeeds. What is away, or full, the database's own messages tell;
 * a lease that is gone (-ENOENT) is no fault. */
static void say_trouble(struct csc_publish *p, int status)
{
	char id[SVC_ID_TEXT];

	if (p->in_trouble || status == -ENOENT || status == -ECANCELED ||
	    (is_temporary(status) && status != -EACCES))
		return;
	p->in_trouble = true;
	log_warn("aggregate not published", "service=%s error=\"%s\"", svc_id_text(p->service, id),
		 strerror(-status));
}

static void on_published(void *arg, int status, int64_t revision, bool created);

static void publish_start(struct csc_publish *p)
{
	struct csc *csc = p->csc;
	struct ncsdb_write *w = ncsdb_write_new(&csc->aggregates.writer);
	char id[SVC_ID_TEXT];

	svc_id_text(p->service, id);
	if (p->text)
		ncsdb_write_put(w, p->lease, p->text, CSC_AGGREGATES "%s/%s", id, csc->gateway);
	else
		ncsdb_write_del(w, CSC_AGGREGATES "%s/%s", id, csc->gateway);
	ncsdb_write_may_be_absent(w);
	if (ncsdb_write_commit(w, (struct ncsdb_write_done){on_published, p}, NULL)) {
		csc_retry(csc);
		return;
	}
	p->pending = false;
	p->flying = true;
}

static void published(struct csc_publish *p, int status)
{
	if (!status) {
		p->csc->retry_ms = 0;
		p->in_trouble = false;
	} else {
		say_trouble(p, status);
	}
	if (p->pending) {
		publish_start(p);
	} else if (is_temporary(status)) {
		p->pending = true;
		csc_retry(p->csc);
	} else if (!p->text || status == -ECANCELED) {
		publish_free(p);
	}
}

/* A lease that is gone (-ENOENT): who holds the next one says all again. */
static void on_published(void *arg, int status, int64_t revision, bool created)
{
	struct csc_publish *p = arg;

	p->flying = false;
	if (p->csc)
		published(p, status);
	else
		publish_free(p);
}

static struct csc_publish *publish_need(struct csc *csc, uint64_t service)
{
	struct csc_publish *p;

	HASH_FIND(hh, csc->publishes, &service, sizeof(service), p);
	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->service = service;
	HASH_ADD(hh, csc->publishes, service, sizeof(p->service), p);
	if (!p->hh.tbl) {
		free(p);
		return NULL;
	}
	p->csc = csc;
	return p;
}

static int aggregate_text(const struct aggregate *agg, char **text)
{
	json_t *obj = agg ? aggregate_to_json(agg) : NULL;

	*text = obj ? json_text(obj) : NULL;
	json_decref(obj);
	return agg && !*text ? -ENOMEM : 0;
}

static int publish(struct csc *csc, uint64_t service, const struct aggregate *agg, int64_t lease)
{
	OWN_PTR char *text = NULL;
	struct csc_publish *p;
	int r = aggregate_text(agg, &text);

	if (r)
		return r;
	p = publish_need(csc, service);
	if (!p)
		return -ENOMEM;
	free(p->text);
	p->text = TAKE_PTR(text);
	p->lease = lease;
	p->pending = true;
	if (!p->flying)
		publish_start(p);
	return 0;
}

int csc_aggregate_put(struct csc *csc, uint64_t service, const struct aggregate *agg, int64_t lease,
		      struct err *err)
{
	char id[SVC_ID_TEXT];
	int r;

	if (!csc->gateway[0])
		r = err_set(err, -EINVAL, "", NULL, "cannot be published: this host is no gateway");
	else if (strlen(csc->gateway) > CSC_AGGREGATE_NAME)
		r = err_set(err, -EINVAL, "/gateway", csc->gateway,
			    "must be of at most %d characters", CSC_AGGREGATE_NAME);
	else if (service == 0)
		r = err_set(err, -EINVAL, "/service", "0", "must be 1..0xffffffffffffffff");
	else if ((r = publish(csc, service, agg, lease)))
		err_set(err, r, "", NULL, "cannot be kept: no memory");
	if (r)
		err_object(err, "aggregate of service %s", svc_id_text(service, id));
	return r;
}

void csc_aggregates_retry(struct csc *csc)
{
	struct csc_publish *p, *next;

	HASH_ITER(hh, csc->publishes, p, next)
		if (p->pending && !p->flying)
			publish_start(p);
}

void csc_aggregates_fini(struct csc *csc)
{
	struct csc_publish *p, *next;

	HASH_ITER(hh, csc->publishes, p, next) {
		HASH_DEL(csc->publishes, p);
		p->csc = NULL;
		if (!p->flying)
			publish_free(p);
	}
}
