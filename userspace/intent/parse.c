/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "intent/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/json.h"

#define OFFSET_MAX_S (400ll * 366 * 86400) /* of the clock: as far as dates go, either way */

static const struct json_range any_count = {0, INT64_MAX};
static const struct json_range any_revision = {1, STORED_REVISION_MAX};

/* allowed: its members, NULL: others are no error. */
static int object(const char *text, size_t len, const char *const *allowed, json_t **out,
		  struct err *err)
{
	int r = json_parse(text, len, out, err);

	if (r)
		return r;
	r = json_is_obj(*out, err);
	if (!r && allowed)
		r = json_only(*out, allowed, err);
	if (r) {
		json_decref(*out);
		*out = NULL;
	}
	return r;
}

static int get_number(const json_t *obj, const char *name, enum json_need need, uint64_t *out,
		      struct err *err)
{
	int64_t value = (int64_t)*out;
	int r = json_get_int(obj, name, need, any_count, &value, err);

	if (!r)
		*out = (uint64_t)value;
	return r;
}

static int get_name(const json_t *obj, const char *name, char out[NAME_LEN], struct err *err)
{
	char field[32];
	int r = json_get_text(obj, name, JSON_REQUIRED, out, NAME_LEN, err);

	snprintf(field, sizeof(field), "/%s", name);
	if (!r && !name_valid(out))
		r = err_set(err, -EINVAL, field, out, "must be a name: [A-Za-z0-9._-]{1,63}");
	return r;
}

/* ---- times ---- */

int stored_time_parse(const char *text, int64_t *seconds)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (!end || *end)
		return -EINVAL;
	*seconds = timegm(&tm);
	return 0;
}

/* ---- head ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct stored_tenant *)a)->name,
		      ((const struct stored_tenant *)b)->name);
}

static int tenant_parse(struct stored_head *head, const char *name, const json_t *tenants,
			struct err *err)
{
	struct stored_tenant *tenant = &head->tenants[head->n];
	int64_t revision;
	int r;

	if (!name_valid(name))
		return err_set(err, -EINVAL, "/tenants", name, "must be names of tenants");
	r = json_get_int(tenants, name, JSON_REQUIRED, any_revision, &revision, err);
	if (r)
		return err_prefix(err, "/tenants");
	strcpy(tenant->name, name);
	tenant->revision = (uint64_t)revision;
	head->n++;
	return 0;
}

static int tenants_parse(const json_t *obj, struct stored_head *head, struct err *err)
{
	json_t *tenants, *value;
	const char *name;
	int r = json_get_object(obj, "tenants", JSON_REQUIRED, &tenants, err);

	if (r)
		return r;
	if (json_object_size(tenants) > NEMO_TENANTS_MAX)
		return err_set(err, -ENOSPC, "/tenants", NULL, "has more than %d tenants",
			       NEMO_TENANTS_MAX);
	head->tenants = calloc(json_object_size(tenants) + 1, sizeof(*head->tenants));
	if (!head->tenants)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	json_object_foreach(tenants, name, value) {
		r = tenant_parse(head, name, tenants, err);
		if (r)
			return r;
	}
	qsort(head->tenants, head->n, sizeof(*head->tenants), by_name);
	return 0;
}

static int sets_parse(const json_t *obj, struct stored_head *out, struct err *err)
{
	json_t *legs;
	int r = tenants_parse(obj, out, err);

	if (!r)
		r = json_get_array(obj, "legs", JSON_REQUIRED, &legs, err);
	if (!r && nemo_legs_from_json(legs, &out->legs, err))
		r = err_prefix(err, "/legs");
	return r;
}

int stored_head_parse(const char *text, size_t len, struct stored_head *out, struct err *err)
{
	static const char *const allowed[] = {"commit", "tenants", "legs", NULL};
	json_t *obj;
	int r;

	*out = (struct stored_head){0};
	r = object(text, len, allowed, &obj, err);
	if (r)
		return r;
	r = get_number(obj, "commit", JSON_REQUIRED, &out->commit, err);
	if (!r)
		r = sets_parse(obj, out, err);
	json_decref(obj);
	if (r)
		stored_head_fini(out);
	return r;
}

void stored_head_fini(struct stored_head *head)
{
	free(head->tenants);
	nemo_legs_fini(&head->legs);
	*head = (struct stored_head){0};
}

uint64_t stored_head_revision(const struct stored_head *head, const char *tenant)
{
	for (unsigned int i = 0; i < head->n; i++)
		if (strcmp(head->tenants[i].name, tenant) == 0)
			return head->tenants[i].revision;
	return 0;
}

/* ---- stage ---- */

/* Nobody takes back what intent does not write itself. */
static bool may_undo(const char *key)
{
	static const char *const prefixes[] = {"/san/services/", "/san/nemo/confirm/"};

	for (int i = 0; i < 2; i++) {
		size_t len = strlen(prefixes[i]);

		if (strncmp(key, prefixes[i], len) == 0 && name_valid(key + len))
			return true;
	}
	return false;
}

static int undo_parse(const json_t *obj, struct stored_stage *out, struct err *err)
{
	json_t *undo = NULL, *value;
	const char *key;
	int r = json_get_object(obj, "undo", JSON_OPTIONAL, &undo, err);

	if (r || !undo)
		return r;
	if (json_object_size(undo) > STORED_UNDO_MAX)
		return err_set(err, -ENOSPC, "/undo", NULL, "has more than %d keys",
			       STORED_UNDO_MAX);
	out->undo = calloc(json_object_size(undo) + 1, sizeof(*out->undo));
	if (!out->undo)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	json_object_foreach(undo, key, value) {
		if (!may_undo(key) || !(json_is_null(value) || json_is_string(value)))
			return err_set(err, -EINVAL, "/undo", key,
				       "must be keys of services and confirmations, with their "
				       "text or null");
		out->undo[out->n_undo++] =
			(struct stored_undo){.key = key, .text = json_string_value(value)};
	}
	return 0;
}

static int stage_sets(const json_t *obj, struct stored_stage *out, struct err *err)
{
	static const char *const allowed[] = {"tenants", "legs", NULL};
	json_t *back = NULL;
	int r = json_get_object(obj, "back_to", JSON_OPTIONAL, &back, err);

	if (r)
		return r;
	if (back) {
		out->step = STORED_FLIPPED;
		r = json_only(back, allowed, err);
		if (!r)
			r = sets_parse(back, &out->to, err);
		return r ? err_prefix(err, "/back_to") : undo_parse(obj, out, err);
	}
	if (!json_object_get(obj, "tenants"))
		return 0;
	out->step = STORED_PREPARE;
	return sets_parse(obj, &out->to, err);
}

int stored_stage_parse(const char *text, size_t len, struct stored_stage *out, struct err *err)
{
	static const char *const allowed[] = {"id",   "commit",	 "coordinator", "tenants",
					      "legs", "back_to", "undo",	NULL};
	int r;

	*out = (struct stored_stage){0};
	r = object(text, len, allowed, &out->json, err);
	if (r)
		return r;
	r = json_get_text(out->json, "id", JSON_REQUIRED, out->id, sizeof(out->id), err);
	if (!r)
		r = get_number(out->json, "commit", JSON_REQUIRED, &out->commit, err);
	if (!r)
		r = get_name(out->json, "coordinator", out->coordinator, err);
	if (!r)
		r = stage_sets(out->json, out, err);
	out->to.commit = out->commit;
	if (r)
		stored_stage_fini(out);
	return r;
}

void stored_stage_fini(struct stored_stage *stage)
{
	json_decref(stage->json);
	stored_head_fini(&stage->to);
	free(stage->undo);
	*stage = (struct stored_stage){0};
}

/* ---- host ---- */

static int host_failed(const json_t *obj, struct stored_host *out, struct err *err)
{
	static const char *const names[] = {"prepare", "apply"};
	int which = -1;
	int r = json_get_enum(obj, "failed", JSON_OPTIONAL, names, 2, &which, err);

	out->prepare_failed = which == 0;
	out->apply_failed = which == 1;
	return r;
}

/* What it does not know is another version's, which is to be understood all the same. */
int stored_host_parse(const char *text, size_t len, struct stored_host *out, struct err *err)
{
	json_t *obj;
	int r;

	*out = (struct stored_host){0};
	r = object(text, len, NULL, &obj, err);
	if (r)
		return r;
	r = get_number(obj, "prepared", JSON_REQUIRED, &out->prepared, err);
	if (!r)
		r = get_number(obj, "applied", JSON_REQUIRED, &out->applied, err);
	if (!r)
		r = json_get_int(obj, "stage", JSON_OPTIONAL, any_count, &out->stage, err);
	if (!r)
		r = json_get_text(obj, "why", JSON_REQUIRED, out->why, sizeof(out->why), err);
	if (!r)
		r = host_failed(obj, out, err);
	json_decref(obj);
	return r;
}

/* ---- revision ---- */

static int revision_script(struct stored_revision *out, struct err *err)
{
	static const struct json_range parts = {1, STORED_PARTS_MAX};
	int64_t n = 0;
	int r = json_get_str(out->json, "script", JSON_OPTIONAL, &out->script, err);

	if (!r)
		r = json_get_int(out->json, "parts", JSON_OPTIONAL, parts, &n, err);
	if (!r && !out->script == !n)
		r = err_set(err, -EINVAL, "", NULL, "must have one of script and parts");
	out->parts = (unsigned int)n;
	return r;
}

static int revision_texts(struct stored_revision *out, struct err *err)
{
	int64_t revision = 0, rollback_of = 0;
	int r = json_get_int(out->json, "revision", JSON_REQUIRED, any_revision, &revision, err);

	if (!r)
		r = json_get_int(out->json, "rollback_of", JSON_OPTIONAL, any_count, &rollback_of,
				 err);
	if (!r)
		r = json_get_str(out->json, "tenant", JSON_REQUIRED, &out->tenant, err);
	if (!r)
		r = json_get_str(out->json, "time", JSON_REQUIRED, &out->time, err);
	if (!r)
		r = json_get_str(out->json, "by", JSON_REQUIRED, &out->by, err);
	if (!r)
		r = json_get_str(out->json, "comment", JSON_REQUIRED, &out->comment, err);
	out->revision = (uint64_t)revision;
	out->rollback_of = (uint64_t)rollback_of;
	return r;
}

int stored_revision_parse(const char *text, size_t len, struct stored_revision *out,
			  struct err *err)
{
	static const char *const allowed[] = {"tenant",	 "revision", "time",	    "by",
					      "comment", "script",   "rollback_of", "services",
					      "parts",	 NULL};
	int r;

	*out = (struct stored_revision){0};
	r = object(text, len, allowed, &out->json, err);
	if (r)
		return r;
	r = revision_texts(out, err);
	if (!r)
		r = revision_script(out, err);
	if (r)
		stored_revision_fini(out);
	return r;
}

void stored_revision_fini(struct stored_revision *revision)
{
	json_decref(revision->json);
	*revision = (struct stored_revision){0};
}

/* ---- small ones ---- */

static int confirm_until(const json_t *obj, int64_t *until, struct err *err)
{
	const char *text;
	int r = json_get_str(obj, "until", JSON_REQUIRED, &text, err);

	if (!r && stored_time_parse(text, until))
		r = err_set(err, -EINVAL, "/until", text, "must be a time: 2026-01-31T12:00:00Z");
	return r;
}

int stored_confirm_parse(const char *text, size_t len, struct stored_confirm *out, struct err *err)
{
	static const char *const allowed[] = {"commit", "until", "back_to", NULL};
	json_t *obj;
	int r;

	*out = (struct stored_confirm){0};
	r = object(text, len, allowed, &obj, err);
	if (r)
		return r;
	r = get_number(obj, "commit", JSON_REQUIRED, &out->commit, err);
	if (!r)
		r = get_number(obj, "back_to", JSON_REQUIRED, &out->back_to, err);
	if (!r)
		r = confirm_until(obj, &out->until, err);
	json_decref(obj);
	return r;
}

int stored_sequence_parse(const char *text, size_t len, uint64_t *out, struct err *err)
{
	json_t *obj;
	int r;

	*out = 0;
	r = object(text, len, NULL, &obj, err);
	if (r)
		return r;
	r = get_number(obj, "sequence", JSON_REQUIRED, out, err);
	json_decref(obj);
	return r;
}

int stored_clock_parse(const char *text, size_t len, int64_t *out, struct err *err)
{
	static const struct json_range range = {-OFFSET_MAX_S, OFFSET_MAX_S};
	json_t *obj;
	int r;

	*out = 0;
	r = object(text, len, NULL, &obj, err);
	if (r)
		return r;
	r = json_get_int(obj, "offset_s", JSON_REQUIRED, range, out, err);
	json_decref(obj);
	return r;
}

int stored_counts_parse(const char *text, size_t len, uint64_t out[2], struct err *err)
{
	json_t *obj;
	int r;

	out[0] = out[1] = 0;
	r = object(text, len, NULL, &obj, err);
	if (r)
		return r;
	r = get_number(obj, "packets", JSON_REQUIRED, &out[0], err);
	if (!r)
		r = get_number(obj, "bytes", JSON_REQUIRED, &out[1], err);
	json_decref(obj);
	return r;
}

int stored_event_parse(const char *text, size_t len, uint64_t *sequence, struct err *err)
{
	static const char *const texts[] = {"notification", "listener", "time", "reason"};
	const char *value;
	json_t *obj;
	int r;

	*sequence = 0;
	r = object(text, len, NULL, &obj, err);
	if (r)
		return r;
	r = get_number(obj, "sequence", JSON_REQUIRED, sequence, err);
	for (int i = 0; !r && i < 4; i++)
		r = json_get_str(obj, texts[i], JSON_REQUIRED, &value, err);
	json_decref(obj);
	return r;
}
