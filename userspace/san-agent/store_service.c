/* SPDX-License-Identifier: GPL-2.0-or-later */
#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "san-agent/store_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/log.h"

static void replace(struct store_service *service, struct service *svc)
{
	free(service->svc);
	service->svc = svc;
	store_stir(service->store);
}

/* The prefix of a service's key is also that of longer IDs. What does not parse changes nothing:
 * those who evaluate keep what they had, too. */
static void on_put(void *arg, const struct ncsdb_kv *kv)
{
	struct store_service *service = arg;
	struct service *svc = NULL;
	struct err err = {};
	json_t *obj;

	if (strcmp(kv->key, service->key) || json_parse(kv->value, kv->value_len, &obj, &err))
		return;
	if (!service_from_json(obj, service->id, &svc, &err))
		replace(service, svc);
	json_decref(obj);
}

static void on_del(void *arg, const char *key, int64_t revision)
{
	struct store_service *service = arg;

	if (!strcmp(key, service->key))
		replace(service, NULL);
}

/* Without the definition every change counts: more is sent, nothing is lost. */
static void on_failed(void *arg, int status)
{
	struct store_service *service = arg;

	ncsdb_follow_stop(service->follow);
	service->follow = NULL;
	log_warn("service not followed", "key=%s why=\"%s\"", service->key, strerror(-status));
	replace(service, NULL);
}

static void follow(struct store_service *service)
{
	static const struct ncsdb_follow_ops ops = {
		.put = on_put, .del = on_del, .failed = on_failed};
	int rc = ncsdb_follow_start(service->store->db, service->key, &ops, service,
				    &service->follow);

	if (rc)
		log_warn("service not followed", "key=%s why=\"%s\"", service->key, strerror(-rc));
}

struct store_service *store_service_get(struct store *store, uint64_t id)
{
	struct store_service *service;
	char text[SVC_ID_TEXT];

	HASH_FIND(hh, store->services, &id, sizeof(id), service);
	if (service) {
		service->refs++;
		return service;
	}
	service = calloc(1, sizeof(*service));
	if (!service)
		return NULL;
	service->id = id;
	service->refs = 1;
	service->store = store;
	snprintf(service->key, sizeof(service->key), STORE_SERVICES "%s", svc_id_text(id, text));
	HASH_ADD(hh, store->services, id, sizeof(service->id), service);
	if (!service->hh.tbl) {
		free(service);
		return NULL;
	}
	follow(service);
	return service;
}

void store_service_put(struct store_service *service)
{
	if (!service || --service->refs)
		return;
	HASH_DEL(service->store->services, service);
	ncsdb_follow_stop(service->follow);
	free(service->svc);
	free(service);
}
