/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Heads: revisions read back, and the legs that go with them. */
#include "intent/intent_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/own.h"

/* ---- revisions ---- */

/* The first error of a stored script, as one that can be told. */
static int script_error(const struct nemo_diags *diags, struct err *err)
{
	for (unsigned int i = 0; i < diags->n; i++)
		if (!diags->v[i].is_warning)
			return err_set(err, -EINVAL, "/script", NULL, "%u:%u: %s",
				       diags->v[i].at.line, diags->v[i].at.column,
				       diags->v[i].reason);
	return err_set(err, -ENOMEM, "", NULL, "no memory");
}

int intent_store_read(const char *script, size_t len, struct nemo_store **out, struct err *err)
{
	struct nemo_store *empty = nemo_store_new(), *store = NULL;
	struct nemo_diags diags = {.no_warnings = true};
	struct nemo_script *tree = empty ? nemo_parse(script, len, &diags) : NULL;
	int r = 0;

	if (!tree || nemo_check(tree, empty, &store, &diags))
		r = script_error(&diags, err);
	else
		*out = store;
	nemo_script_free(tree);
	nemo_store_free(empty);
	nemo_diags_fini(&diags);
	return r;
}

static int parts_text(const struct intent *in, const struct stored_revision *revision, char **out,
		      struct err *err)
{
	struct nemo_text text = {0};

	for (unsigned int i = 0; i < revision->parts; i++) {
		const struct record *part = intent_record(in, "revisions/%s/%010" PRIu64 "/%u",
							  revision->tenant, revision->revision, i);

		if (!part) {
			free(text.data);
			return err_set(err, -EINVAL, "/parts", NULL, "part %u is not there", i);
		}
		nemo_text_add(&text, "%s", part->text);
	}
	if (text.no_memory || !text.data) {
		free(text.data);
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	}
	*out = text.data;
	return 0;
}

static int record_text(const struct intent *in, const struct record *rec, const char *tenant,
		       uint64_t number, char **out, struct err *err)
{
	struct stored_revision revision;
	int r = stored_revision_parse(rec->text, rec->len, &revision, err);

	if (r)
		return r;
	if (revision.revision != number || strcmp(revision.tenant, tenant) != 0) {
		r = err_set(err, -EINVAL, "/revision", NULL, "must be that of its key");
	} else if (revision.parts) {
		r = parts_text(in, &revision, out, err);
	} else {
		*out = strdup(revision.script);
		r = *out ? 0 : err_set(err, -ENOMEM, "", NULL, "no memory");
	}
	stored_revision_fini(&revision);
	return r;
}

int intent_revision_text(const struct intent *in, const char *tenant, uint64_t revision, char **out,
			 struct err *err)
{
	const struct record *rec = intent_record(in, "revisions/%s/%010" PRIu64, tenant, revision);

	if (!rec)
		return err_set(err, -ENOENT, "", NULL, "revision %" PRIu64 " is not kept",
			       revision);
	return record_text(in, rec, tenant, revision, out, err);
}

/* ---- heads ---- */

void intent_state_free(struct state *state)
{
	if (!state)
		return;
	for (unsigned int i = 0; i < state->n; i++) {
		nemo_store_free(state->v[i].store);
		nemo_legs_fini(&state->v[i].legs);
		nemo_legs_fini(&state->v[i].before);
	}
	free(state->objects);
	free(state->v);
	free(state);
}

static struct state_tenant *state_find(const struct state *state, const char *name)
{
	for (unsigned int i = 0; state && i < state->n; i++)
		if (strcmp(state->v[i].name, name) == 0)
			return &state->v[i];
	return NULL;
}

const struct state_tenant *intent_state_tenant(const struct state *state, const char *name)
{
	return state_find(state, name);
}

/* Its objects, where they were parsed already. */
static const struct state_tenant *known(const struct intent *in, const struct state_tenant *t)
{
	const struct state *const states[] = {in->state, in->staged, in->reading};

	for (int i = 0; i < 3; i++) {
		const struct state_tenant *have = intent_state_tenant(states[i], t->name);

		if (have && have->store && have->revision == t->revision &&
		    have->mod_rev == t->mod_rev)
			return have;
	}
	return NULL;
}

static int store_parse(const struct intent *in, struct state_tenant *t, size_t *bytes)
{
	OWN_PTR char *text = NULL;
	int r = intent_revision_text(in, t->name, t->revision, &text, &t->why);

	if (!r) {
		*bytes += strlen(text);
		r = intent_store_read(text, strlen(text), &t->store, &t->why);
	}
	return r ? err_object(&t->why, "revision %" PRIu64 " of tenant %s", t->revision, t->name)
		 : 0;
}

static int legs_copy(const struct nemo_legs *all, const char *tenant, struct nemo_legs *out)
{
	out->v = calloc(all->n + 1, sizeof(*all->v));
	if (!out->v)
		return -ENOMEM;
	out->cap = all->n + 1;
	for (unsigned int i = 0; i < all->n; i++)
		if (strcmp(all->v[i].tenant, tenant) == 0)
			out->v[out->n++] = all->v[i];
	return 0;
}

/* What it had before: of no revision that would be taken over later. */
static int store_before(const struct intent *in, struct state_tenant *t)
{
	const struct state_tenant *before = intent_state_tenant(in->state, t->name);

	t->mod_rev = -1;
	t->unread = true;
	t->store = nemo_store_get(before ? before->store : in->empty);
	return before ? legs_copy(before->tenant.legs, t->name, &t->before) : 0;
}

/* Those that are not in there need to be parsed. */
static int tenant_init(const struct intent *in, const struct stored_head *stored,
		       struct state_tenant *t)
{
	const struct record *rec =
		intent_record(in, "revisions/%s/%010" PRIu64, t->name, t->revision);
	const struct state_tenant *have;

	t->mod_rev = rec ? rec->mod_rev : 0;
	have = t->revision ? known(in, t) : NULL;
	if (have || !t->revision)
		t->store = nemo_store_get(have ? have->store : in->empty);
	return legs_copy(&stored->legs, t->name, &t->legs);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct state_tenant *)a)->name,
		      ((const struct state_tenant *)b)->name);
}

/* Names and revisions: those of the head, and configured ones that have none. */
static void tenants_list(const struct intent *in, const struct stored_head *stored,
			 struct state *state)
{
	for (unsigned int i = 0; i < stored->n; i++) {
		strcpy(state->v[state->n].name, stored->tenants[i].name);
		state->v[state->n++].revision = stored->tenants[i].revision;
	}
	for (unsigned int i = 0; i < in->conf.n_tenants; i++)
		if (!intent_state_tenant(state, in->tenants[i].name))
			strcpy(state->v[state->n++].name, in->tenants[i].name);
	qsort(state->v, state->n, sizeof(*state->v), by_name);
}

static void state_finish(const struct intent *in, struct state *state)
{
	for (unsigned int i = 0; i < state->n; i++) {
		struct state_tenant *t = &state->v[i];

		t->tenant =
			(struct nemo_tenant){t->name, t->store, t->unread ? &t->before : &t->legs,
					     intent_grants(in, t->name)};
		if (nemo_store_count(t->store))
			state->objects[state->head.n_tenants++] = t->tenant;
	}
	state->head.tenants = state->objects;
}

static struct state *state_alloc(unsigned int room)
{
	struct state *state = calloc(1, sizeof(*state));

	if (!state)
		return NULL;
	state->v = calloc(room, sizeof(*state->v));
	state->objects = calloc(room, sizeof(*state->objects));
	if (state->v && state->objects)
		return state;
	intent_state_free(state);
	return NULL;
}

int intent_state_new(struct intent *in, const struct stored_head *stored, int64_t mod_rev,
		     struct state **out, struct err *err)
{
	struct state *state = state_alloc(stored->n + in->conf.n_tenants + 1);
	int r = state ? 0 : -ENOMEM;

	if (!r) {
		state->mod_rev = mod_rev;
		state->head.commit = stored->commit;
		tenants_list(in, stored, state);
	}
	for (unsigned int i = 0; !r && i < state->n; i++)
		r = tenant_init(in, stored, &state->v[i]);
	if (r) {
		intent_state_free(state);
		return err_set(err, r, "", NULL, "no memory");
	}
	*out = state;
	return 0;
}

int intent_state_read(struct intent *in, struct state *state, size_t max, struct err *err)
{
	size_t bytes = 0;

	for (; state->n_read < state->n; state->n_read++) {
		struct state_tenant *t = &state->v[state->n_read];
		int r = 0;

		if (t->store)
			continue;
		if (bytes >= max)
			return 1;
		r = store_parse(in, t, &bytes);
		if (r && r != -ENOMEM) {
			state->n_unread++;
			r = store_before(in, t);
		}
		if (r)
			return err_set(err, r, "", NULL, "no memory");
	}
	state_finish(in, state);
	return 0;
}

const struct state_tenant *intent_state_unread(const struct state *state,
					       const struct state *before)
{
	for (unsigned int i = 0; i < state->n; i++) {
		const struct state_tenant *t = &state->v[i];
		const struct state_tenant *have = intent_state_tenant(before, t->name);

		if (t->unread && !(have && have->unread && have->revision == t->revision))
			return t;
	}
	return NULL;
}

static int revision_check(const struct intent *in, const char *tenant, uint64_t number)
{
	struct nemo_store *store = NULL;
	OWN_PTR char *text = NULL;
	struct err err;
	int r = intent_revision_text(in, tenant, number, &text, &err);

	if (!r)
		r = intent_store_read(text, strlen(text), &store, &err);
	nemo_store_free(store);
	return r;
}

static int newest_readable(const struct intent *in, const char *tenant, uint64_t *out)
{
	OWN_PTR uint64_t *list = NULL;
	int n = intent_revisions(in, tenant, &list), r = n < 0 ? n : 0;

	for (*out = 0; n > 0 && !*out && r != -ENOMEM; n--) {
		r = revision_check(in, tenant, list[n - 1]);
		if (!r)
			*out = list[n - 1];
	}
	return r == -ENOMEM ? r : 0;
}

int intent_readable(struct intent *in, const char *tenant, uint64_t *out)
{
	struct state_tenant *t = state_find(in->state, tenant);
	int r = 0;

	*out = 0;
	if (!t)
		return 0;
	if (t->readable_seen != in->revisions_seen + 1)
		r = newest_readable(in, tenant, &t->readable);
	if (r)
		return r;
	t->readable_seen = in->revisions_seen + 1;
	*out = t->readable;
	return 0;
}

bool intent_stage(struct intent *in, struct stored_stage *out, const struct record **rec)
{
	struct err err = {0};

	*rec = intent_record(in, "stage");
	if (!*rec)
		return false;
	if (stored_stage_parse((*rec)->text, (*rec)->len, out, &err) == 0)
		return true;
	intent_refuse(in, *rec, &err);
	return false;
}
