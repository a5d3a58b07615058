/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CREATE CFN x Type service registers the service, DELETE removes it: with the head, or not. */
#include "intent/intent_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/place.h"
#include "util/json.h"
#include "util/own.h"

struct own_service {
	uint64_t id;
	const char *name;
};
struct own_services {
	struct own_service *v;
	unsigned int n;
};

/* Services that the store's objects made, not those that they import. */
static bool own_service(const struct nemo_object *object, uint64_t *id)
{
	int64_t value;

	if (object->imported || !object->model || strcmp(object->model->name, "service") != 0 ||
	    !nemo_object_integer(object, "service_id", &value) || value <= 0)
		return false;
	*id = (uint64_t)value;
	return true;
}

static int own_list(const struct nemo_store *store, struct own_services *out)
{
	const struct nemo_object **list = NULL;
	int n = nemo_store_list(store, NEMO_CFN, &list);

	*out = (struct own_services){0};
	if (n < 0)
		return -ENOMEM;
	out->v = calloc((size_t)n + 1, sizeof(*out->v));
	for (int i = 0; out->v && i < n; i++) {
		out->v[out->n].name = list[i]->name;
		out->n += own_service(list[i], &out->v[out->n].id);
	}
	free(list);
	return out->v ? 0 : -ENOMEM;
}

static const char *own_name(const struct own_services *list, uint64_t id)
{
	for (unsigned int i = 0; i < list->n; i++)
		if (list->v[i].id == id)
			return list->v[i].name;
	return NULL;
}

static int check_new(struct job *job, const struct own_services *after,
		     const struct own_service *service)
{
	const struct view_service *seen = view_service(job->intent->conf.view, service->id);
	struct nemo_pos at = nemo_place(job->script, service->name);
	const char *first = own_name(after, service->id);
	char id[SVC_ID_TEXT];

	svc_id_text(service->id, id);
	if (strcmp(first, service->name) != 0)
		return nemo_error(&job->diags, NEMO_COMMIT, at,
				  "CFN %s: service_id %s is that of CFN %s: must be of one CFN",
				  service->name, id, first);
	if (service->id >= SAN_SERVICE_OWN_MIN)
		return nemo_error(&job->diags, NEMO_COMMIT, at,
				  "CFN %s: service_id %s is reserved: must be less", service->name,
				  id);
	if (seen && seen->registered)
		return nemo_error(&job->diags, NEMO_COMMIT, at,
				  "CFN %s: service_id %s is registered already: use IMPORT CFN %s",
				  service->name, id, service->name);
	return 0;
}

static void change_add(struct draft *draft, uint64_t id, const char *name, bool fresh)
{
	draft->services[draft->n_services++] = (struct service_change){id, name, fresh};
}

static int diff(struct job *job, struct draft *draft, const struct own_services *before,
		const struct own_services *after)
{
	int r = 0;

	draft->services = calloc(before->n + after->n + 1, sizeof(*draft->services));
	if (!draft->services)
		return -ENOMEM;
	for (unsigned int i = 0; i < after->n; i++) {
		const struct own_service *service = &after->v[i];
		const char *old = own_name(before, service->id);

		if (old && strcmp(old, service->name) == 0)
			continue;
		if (!old && check_new(job, after, service))
			r = -EINVAL;
		change_add(draft, service->id, service->name, !old);
	}
	for (unsigned int i = 0; i < before->n; i++)
		if (!own_name(after, before->v[i].id))
			change_add(draft, before->v[i].id, NULL, false);
	if (!r && draft->n_services > INTENT_SERVICES_MAX)
		r = nemo_error(&job->diags, NEMO_COMMIT, (struct nemo_pos){1, 1},
			       "%u services are registered or removed at once: must be at most %d "
			       "in one transaction",
			       draft->n_services, INTENT_SERVICES_MAX);
	return r;
}

int intent_services_diff(struct job *job, struct draft *draft)
{
	struct own_services before, after;
	int r = own_list(draft->before, &before);

	if (r)
		return r;
	r = own_list(draft->after, &after);
	if (!r)
		r = diff(job, draft, &before, &after);
	free(before.v);
	free(after.v);
	return r;
}

void intent_services_put(const struct draft *draft, struct txn *txn)
{
	char id[SVC_ID_TEXT];

	for (unsigned int i = 0; i < draft->n_services; i++) {
		const struct service_change *change = &draft->services[i];

		svc_id_text(change->id, id);
		if (change->fresh)
			intent_txn_mod(txn, 0, INTENT_SERVICES "%s", id);
		if (change->name)
			intent_txn_put_json(txn, 0,
					    json_pack("{s:s, s:s}", "id", id, "name", change->name),
					    INTENT_SERVICES "%s", id);
		else
			intent_txn_del(txn, false, INTENT_SERVICES "%s", id);
	}
}

/* As the view knows it: there is nothing else that wrote it. */
static json_t *service_now(const struct view *view, uint64_t id)
{
	const struct view_service *seen = view_service(view, id);
	json_t *obj = seen && seen->registered && seen->def ? service_to_json(seen->def) : NULL;
	OWN_PTR char *text = obj ? json_text(obj) : NULL;

	json_decref(obj);
	return text ? json_string(text) : json_null();
}

int intent_services_undo(const struct job *job, json_t *undo)
{
	const struct draft *draft = job->draft;

	for (unsigned int i = 0; i < draft->n_services; i++) {
		const struct service_change *change = &draft->services[i];
		char key[sizeof(INTENT_SERVICES) + SVC_ID_TEXT], id[SVC_ID_TEXT];
		json_t *was = change->fresh ? json_null()
					    : service_now(job->intent->conf.view, change->id);

		snprintf(key, sizeof(key), INTENT_SERVICES "%s", svc_id_text(change->id, id));
		if (json_object_set_new(undo, key, was))
			return -ENOMEM;
	}
	return 0;
}

json_t *intent_services_json(const struct nemo_store *store)
{
	struct own_services list;
	json_t *array = json_array();
	char id[SVC_ID_TEXT];

	if (own_list(store, &list) == 0)
		for (unsigned int i = 0; i < list.n; i++)
			json_array_append_new(array, json_string(svc_id_text(list.v[i].id, id)));
	free(list.v);
	return array;
}
