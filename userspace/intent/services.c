/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CREATE CFN x Type service registers the service, DELETE removes it: with the head, or not. */
#include "intent/intent_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/place.h"
#include "util/json.h"
#include "util/own.h"

/* Beside those that change, the stage, the head and what waits to be confirmed. */
#define SERVICES_STAY_MAX (NCSDB_TXN_MAX - INTENT_SERVICES_MAX - 3)

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

/* Then by name, as the list of CFNs is. */
static int by_id(const void *a, const void *b)
{
	const struct own_service *x = a, *y = b;

	return x->id != y->id ? (x->id < y->id ? -1 : 1) : strcmp(x->name, y->name);
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
	if (!out->v)
		return -ENOMEM;
	qsort(out->v, out->n, sizeof(*out->v), by_id);
	return 0;
}

/* Of the first CFN that has it. */
static const char *own_name(const struct own_services *list, uint64_t id)
{
	unsigned int low = 0, high = list->n;

	while (low < high) {
		unsigned int at = (low + high) / 2;

		if (list->v[at].id < id)
			low = at + 1;
		else
			high = at;
	}
	return low < list->n && list->v[low].id == id ? list->v[low].name : NULL;
}

/* Also where one of them is in force already. */
static int check_once(struct job *job, const struct own_services *after)
{
	char id[SVC_ID_TEXT];
	int r = 0;

	for (unsigned int i = 1; i < after->n; i++) {
		const struct own_service *service = &after->v[i];

		if (service->id == service[-1].id)
			r = nemo_error(
				&job->diags, NEMO_COMMIT, nemo_place(job->script, service->name),
				"CFN %s: service_id %s is that of CFN %s: must be of one CFN",
				service->name, svc_id_text(service->id, id),
				own_name(after, service->id));
	}
	return r;
}

static int check_new(struct job *job, const struct own_service *service)
{
	const struct view_service *seen = view_service(job->intent->conf.view, service->id);
	struct nemo_pos at = nemo_place(job->script, service->name);
	char id[SVC_ID_TEXT];

	svc_id_text(service->id, id);
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

static json_t *own_json(uint64_t id, const char *name)
{
	char text[SVC_ID_TEXT];

	return json_pack("{s:s, s:s}", "id", svc_id_text(id, text), "name", name);
}

/* As it was registered by that CFN, with nothing changed. */
static bool is_own(const struct service *def, const char *name)
{
	json_t *obj = own_json(def->id, name);
	OWN_PTR struct service *own = NULL;
	struct err err;
	bool same =
		obj && service_from_json(obj, def->id, &own, &err) == 0 && service_equal(def, own);

	json_decref(obj);
	return same;
}

static unsigned int n_changes(const struct draft *draft)
{
	return draft->n_services - draft->n_stay;
}

static struct service_change *change_add(struct draft *draft, uint64_t id, const char *name)
{
	struct service_change *change = &draft->services[draft->n_services++];

	*change = (struct service_change){.id = id, .name = name};
	return change;
}

/* Of one that CFN `old` registered. What others made of it since is theirs, and stays. */
static void change_own(struct job *job, struct draft *draft, const struct own_service *old,
		       const char *name)
{
	const struct view_service *seen = view_service(job->intent->conf.view, old->id);
	bool known = seen && seen->registered && seen->def;

	if (known && !is_own(seen->def, old->name))
		return;
	change_add(draft, old->id, name)->mod_rev = known ? seen->revision : SERVICE_ANY;
}

/* ---- of a revision that cannot be read, only what its record says is known ---- */

static bool unread(const struct job *job)
{
	const struct state_tenant *t = intent_state_tenant(job->intent->state, job->tenant);

	return t && t->unread;
}

/* It was registered as that revision would have: it only has to be so still. Of more than a
 * transaction can compare, the others are not looked at again. */
static bool registered_before(const struct job *job, struct draft *draft,
			      const struct own_service *service)
{
	const struct view_service *seen = view_service(job->intent->conf.view, service->id);
	struct service_change *change;

	if (!unread(job) || !seen || !seen->registered || !seen->def ||
	    !is_own(seen->def, service->name))
		return false;
	if (draft->n_stay == SERVICES_STAY_MAX)
		return true;
	change = change_add(draft, service->id, service->name);
	change->mod_rev = seen->revision;
	change->stays = true;
	draft->n_stay++;
	return true;
}

/* The services of its record; NULL: there are none. New reference. */
static json_t *record_services(const struct job *job)
{
	const struct intent *in = job->intent;
	const struct record *rec = intent_record(in, "revisions/%s/%010" PRIu64, job->tenant,
						 intent_revision(in, job->tenant));
	struct stored_revision revision;
	json_t *services;

	if (!unread(job) || !rec || stored_revision_parse(rec->text, rec->len, &revision, NULL))
		return NULL;
	services = json_incref(json_object_get(revision.json, "services"));
	stored_revision_fini(&revision);
	return services;
}

static bool changes_already(const struct draft *draft, uint64_t id)
{
	for (unsigned int i = 0; i < draft->n_services; i++)
		if (draft->services[i].id == id)
			return true;
	return false;
}

/* What it registered goes, unless others have changed it, or it is known otherwise. */
static void record_removes(struct job *job, struct draft *draft, const struct own_services *before,
			   const struct own_services *after)
{
	json_t *services = record_services(job), *item;
	size_t i;

	json_array_foreach(services, i, item) {
		const char *text = json_string_value(item);
		const struct view_service *seen;
		uint64_t id;

		if (n_changes(draft) > INTENT_SERVICES_MAX || !text || svc_id_parse(text, &id) ||
		    own_name(before, id) || own_name(after, id) || changes_already(draft, id))
			continue;
		seen = view_service(job->intent->conf.view, id);
		if (seen && seen->registered && seen->def && is_own(seen->def, seen->def->name))
			change_add(draft, id, NULL)->mod_rev = seen->revision;
	}
	json_decref(services);
}

static int changes_add(struct job *job, struct draft *draft, const struct own_services *before,
		       const struct own_services *after)
{
	int r = 0;

	for (unsigned int i = 0; i < after->n; i++) {
		const struct own_service *service = &after->v[i];
		const char *old = own_name(before, service->id);

		if (!old && registered_before(job, draft, service))
			continue;
		if (!old && check_new(job, service))
			r = -EINVAL;
		if (!old)
			change_add(draft, service->id, service->name);
		else if (strcmp(old, service->name) != 0)
			change_own(job, draft, &(struct own_service){service->id, old},
				   service->name);
	}
	for (unsigned int i = 0; i < before->n; i++)
		if (!own_name(after, before->v[i].id) &&
		    (!i || before->v[i].id != before->v[i - 1].id))
			change_own(job, draft, &before->v[i], NULL);
	record_removes(job, draft, before, after);
	return r;
}

static int diff(struct job *job, struct draft *draft, const struct own_services *before,
		const struct own_services *after)
{
	int r = check_once(job, after);

	if (r)
		return r;
	draft->services =
		calloc(before->n + after->n + INTENT_SERVICES_MAX + 2, sizeof(*draft->services));
	if (!draft->services)
		return -ENOMEM;
	r = changes_add(job, draft, before, after);
	if (!r && n_changes(draft) > INTENT_SERVICES_MAX)
		r = nemo_error(&job->diags, NEMO_COMMIT, (struct nemo_pos){1, 1},
			       "%u services are registered or removed at once: must be at most %d "
			       "in one transaction",
			       n_changes(draft), INTENT_SERVICES_MAX);
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
		if (change->mod_rev != SERVICE_ANY)
			intent_txn_mod(txn, change->mod_rev, INTENT_SERVICES "%s", id);
		if (change->stays)
			continue;
		if (change->name)
			intent_txn_put_json(txn, 0, own_json(change->id, change->name),
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
		json_t *was;

		if (change->stays)
			continue;
		was = change->mod_rev ? service_now(job->intent->conf.view, change->id)
				      : json_null();
		snprintf(key, sizeof(key), INTENT_SERVICES "%s", svc_id_text(change->id, id));
		if (json_object_set_new(undo, key, was))
			return -ENOMEM;
	}
	return 0;
}

void intent_services_lost(struct job *job)
{
	const struct draft *draft = job->draft;
	const struct service_change *first = draft->services;
	char id[SVC_ID_TEXT], others[64] = "";

	svc_id_text(first->id, id);
	if (draft->n_services > 1)
		snprintf(others, sizeof(others), ", or one of %u others,", draft->n_services - 1);
	if (first->mod_rev == 0)
		err_set(&job->err, -ESTALE, "", NULL,
			"service %s%s is registered already: use IMPORT CFN %s", id, others,
			first->name);
	else
		err_set(&job->err, -ESTALE, "", NULL,
			"service %s%s was changed by another meanwhile", id, others);
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
