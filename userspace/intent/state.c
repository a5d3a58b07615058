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
	}
	free(state->objects);
	free(state->v);
	free(state);
}

const struct state_tenant *intent_state_tenant(const struct state *state, const char *name)
{
	for (unsigned int i = 0; state && i < state->n; i++)
		if (strcmp(state->v[i].name, name) == 0)
			return &state->v[i];
	return NULL;
}

static const struct state_tenant *known(const struct intent *in, const struct state_tenant *t)
{
	const struct state *const states[] = {in->state, in->staged};

	for (int i = 0; i < 2; i++) {
		const struct state_tenant *have = intent_state_tenant(states[i], t->name);

		if (have && have->revision == t->revision && have->mod_rev == t->mod_rev)
			return have;
	}
	return NULL;
}

static int store_parse(struct intent *in, struct state_tenant *t, struct err *err)
{
	OWN_PTR char *text = NULL;
	int r = intent_revision_text(in, t->name, t->revision, &text, err);

	if (!r)
		r = intent_store_read(text, strlen(text), &t->store, err);
	return r ? err_object(err, "revision %" PRIu64 " of tenant %s", t->revision, t->name) : 0;
}

static int store_of(struct intent *in, struct state_tenant *t, struct err *err)
{
	const struct record *rec =
		intent_record(in, "revisions/%s/%010" PRIu64, t->name, t->revision);
	const struct state_tenant *have;

	t->mod_rev = rec ? rec->mod_rev : 0;
	have = t->revision ? known(in, t) : NULL;
	if (t->revision && !have)
		return store_parse(in, t, err);
	t->store = nemo_store_get(have ? have->store : in->empty);
	return 0;
}

/* What it had before: of no revision that would be taken over later. */
static void store_before(const struct intent *in, struct state_tenant *t)
{
	const struct state_tenant *before = intent_state_tenant(in->state, t->name);

	t->mod_rev = -1;
	t->store = nemo_store_get(before ? before->store : in->empty);
}

static int legs_of(const struct nemo_legs *all, struct state_tenant *t, struct err *err)
{
	t->legs.v = calloc(all->n + 1, sizeof(*all->v));
	if (!t->legs.v)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	t->legs.cap = all->n + 1;
	for (unsigned int i = 0; i < all->n; i++)
		if (strcmp(all->v[i].tenant, t->name) == 0)
			t->legs.v[t->legs.n++] = all->v[i];
	return 0;
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

		t->tenant = (struct nemo_tenant){t->name, t->store, &t->legs,
						 intent_grants(in, t->name)};
		if (nemo_store_count(t->store))
			state->objects[state->head.n_tenants++] = t->tenant;
	}
	state->head.tenants = state->objects;
}

/* The first error; -ENOMEM: not even in part. */
static int tenants_build(struct intent *in, const struct stored_head *stored, struct state *state,
			 bool partial, struct err *err)
{
	struct err why;
	int first = 0, r;

	for (unsigned int i = 0; i < state->n; i++) {
		struct state_tenant *t = &state->v[i];

		r = store_of(in, t, first ? &why : err);
		if (r && (!partial || r == -ENOMEM))
			return r;
		if (r)
			store_before(in, t);
		first = first ? first : r;
		if (legs_of(&stored->legs, t, err))
			return -ENOMEM;
	}
	return first;
}

int intent_state_build(struct intent *in, const struct stored_head *stored, int64_t mod_rev,
		       bool partial, struct state **out, struct err *err)
{
	struct state *state = calloc(1, sizeof(*state));
	unsigned int room = stored->n + in->conf.n_tenants + 1;
	int r;

	if (state) {
		state->v = calloc(room, sizeof(*state->v));
		state->objects = calloc(room, sizeof(*state->objects));
	}
	if (!state || !state->v || !state->objects) {
		intent_state_free(state);
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	}
	state->mod_rev = mod_rev;
	state->head.commit = stored->commit;
	tenants_list(in, stored, state);
	r = tenants_build(in, stored, state, partial, err);
	if (r && (!partial || r == -ENOMEM)) {
		intent_state_free(state);
		return r;
	}
	state_finish(in, state);
	*out = state;
	return r;
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
