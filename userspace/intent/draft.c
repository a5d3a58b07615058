/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a script to commits: what of it is carried out together, checked and admitted. */
#include "intent/intent_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "util/clock.h"
#include "util/json.h"
#include "util/own.h"

/* A revision with a longer script is cut in parts: JSON may need two bytes for one. */
#define INLINE_MAX (NCSDB_VALUE_MAX / 4)
/* Of one transaction: etcd takes 1.5 MiB, keys and services included. */
#define FLIP_MAX (1400u << 10)

static int no_memory(struct job *job)
{
	return err_set(&job->err, -ENOMEM, "", NULL, "no memory");
}

void intent_draft_free(struct draft *draft)
{
	if (!draft)
		return;
	nemo_store_free(draft->before);
	nemo_store_free(draft->after);
	nemo_legs_fini(&draft->legs);
	json_decref(draft->sets);
	json_decref(draft->back);
	json_decref(draft->record);
	free(draft->script);
	free(draft->services);
	free(draft);
}

/* ---- the script ---- */

static bool changes_something(const struct nemo_stmt *stmt)
{
	switch (stmt->kind) {
	case NEMO_S_DESCRIPTION:
	case NEMO_S_QUERY:
	case NEMO_S_TRANSACTION:
	case NEMO_S_COMMIT:
		return false;
	default:
		return true;
	}
}

static unsigned int count(const struct nemo_script *script, unsigned int first, unsigned int end)
{
	unsigned int n = 0;

	for (unsigned int i = first; i < end; i++)
		n += changes_something(&script->v[i]);
	return n;
}

/* Behind the transaction, or the run of statements outside of one. */
static unsigned int run_end(const struct nemo_script *script, unsigned int first)
{
	bool transaction = script->v[first].kind == NEMO_S_TRANSACTION;

	for (unsigned int i = first; i < script->n; i++) {
		if (transaction && script->v[i].kind == NEMO_S_COMMIT)
			return i + 1;
		if (!transaction && script->v[i].kind == NEMO_S_TRANSACTION)
			return i;
	}
	return script->n;
}

/* Or behind the one statement. */
static unsigned int group_end(const struct job *job, bool *several)
{
	const struct nemo_script *script = job->script;
	bool transaction = script->v[job->at].kind == NEMO_S_TRANSACTION;
	unsigned int end;

	*several = false;
	if (!transaction && job->at < job->single)
		return job->at + 1;
	end = run_end(script, job->at);
	*several = !transaction && count(script, job->at, end) > 1;
	return end;
}

/* Each is a commit of its own, of all hosts. */
static int check_groups(struct job *job)
{
	const struct nemo_script *script = job->script;
	unsigned int n = 0, end;

	for (unsigned int at = 0; at < script->n; at = end) {
		end = run_end(script, at);
		if (count(script, at, end) && ++n > INTENT_GROUPS_MAX)
			return nemo_error(
				&job->diags, NEMO_COMMIT, script->v[at].at,
				"a script makes at most %d commits (transactions, and runs "
				"of statements between them): cut it here",
				INTENT_GROUPS_MAX);
	}
	return 0;
}

static int check_script(struct job *job, const struct state_tenant *t)
{
	nemo_script_free(job->script);
	nemo_diags_fini(&job->diags);
	nemo_store_free(job->planned);
	job->planned = NULL;
	job->diags = (struct nemo_diags){0};
	job->script = nemo_parse(job->text, job->len, &job->diags);
	if (!job->script || nemo_check(job->script, t->store, &job->planned, &job->diags))
		return -EINVAL;
	job->units = count(job->script, 0, job->script->n);
	return check_groups(job);
}

static int read_old(struct job *job)
{
	OWN_PTR char *text = NULL;
	int r = 0;

	nemo_store_free(job->planned);
	job->planned = NULL;
	if (job->restore)
		r = intent_revision_text(job->intent, job->tenant, job->restore, &text, &job->err);
	else if (!(text = strdup("")))
		r = no_memory(job);
	if (!r)
		r = intent_store_read(text, strlen(text), &job->planned, &job->err);
	job->units = 1;
	return r ? err_object(&job->err, "revision %" PRIu64 " of tenant %s", job->restore,
			      job->tenant)
		 : 0;
}

static int stale(struct job *job, const struct state_tenant *t)
{
	uint64_t want = job->expect ? job->expect : (uint64_t)job->if_revision;

	if (job->if_revision == ANY_REVISION || want == t->revision)
		return 0;
	return err_set(&job->err, -ESTALE, "", NULL,
		       "tenant %s is at revision %" PRIu64 ", not at %" PRIu64, t->name,
		       t->revision, want);
}

int intent_draft_outdated(struct job *job)
{
	struct intent *in = job->intent;
	const struct state_tenant *t = intent_state_tenant(in->state, job->tenant);
	uint64_t found = 0;
	int r;

	if (!job->heals || job->at)
		return 0;
	r = intent_readable(in, job->tenant, &found);
	if (r)
		return no_memory(job);
	if (t && t->unread && t->revision == job->heals && found == job->restore)
		return 0;
	return err_set(&job->err, -ESTALE, "", NULL,
		       "revision %" PRIu64 " of tenant %s is not in force, or others can be read "
		       "meanwhile: ask again",
		       job->heals, job->tenant);
}

static int begin(struct job *job, const struct state_tenant *t)
{
	int r = job->rollback ? read_old(job) : check_script(job, t);

	if (r)
		return r;
	nemo_store_free(job->first);
	job->first = nemo_store_get(t->store);
	job->first_revision = t->revision;
	job->begun = true;
	return 0;
}

/* ---- admission ---- */

/* Legs of all tenants but this one, and of this one as they are to be (NULL: without). */
static int legs_of_all(struct job *job, const struct nemo_legs *own, struct nemo_legs *out)
{
	const struct state *state = job->intent->state;
	unsigned int n = own ? own->n : 0;

	for (unsigned int i = 0; i < state->n; i++)
		n += state->v[i].legs.n;
	*out = (struct nemo_legs){.v = calloc(n + 1, sizeof(*out->v)), .cap = n + 1};
	if (!out->v)
		return no_memory(job);
	for (unsigned int i = 0; i < state->n; i++) {
		bool mine = strcmp(state->v[i].name, job->tenant) == 0;
		const struct nemo_legs *legs = mine ? own : &state->v[i].legs;

		for (unsigned int k = 0; legs && k < legs->n; k++)
			out->v[out->n++] = legs->v[k];
	}
	return 0;
}

static int admit(struct job *job, const struct state_tenant *t, const struct nemo_store *after,
		 struct nemo_legs *out)
{
	const struct nemo_grants *grants = intent_grants(job->intent, job->tenant);
	struct nemo_tenant tenant = {job->tenant, after, out, grants};
	struct nemo_legs others;
	int r = legs_of_all(job, NULL, &others);

	if (r)
		return r;
	r = nemo_admit(job->tenant, after, grants, job->intent->conf.view, &others, &t->legs,
		       job->script, out, &job->diags);
	nemo_legs_fini(&others);
	if (!r)
		r = nemo_possible(&tenant, job->script, &job->diags);
	return r;
}

/* Errors of what is tried in smaller pieces are said of those. */
static void forget_errors(struct nemo_diags *diags)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < diags->n; i++) {
		if (diags->v[i].is_warning)
			diags->v[n++] = diags->v[i];
		else
			free(diags->v[i].reason);
	}
	diags->n = n;
	diags->errors = 0;
}

/* ---- what is written ---- */

static json_t *tenants_json(const struct state *state, const char *tenant, uint64_t revision)
{
	json_t *obj = json_object();

	for (unsigned int i = 0; i < state->n; i++)
		if (state->v[i].revision)
			json_object_set_new(obj, state->v[i].name,
					    json_integer((json_int_t)state->v[i].revision));
	if (revision)
		json_object_set_new(obj, tenant, json_integer((json_int_t)revision));
	return obj;
}

static json_t *sets_json(struct job *job, const struct nemo_legs *own, uint64_t revision)
{
	struct nemo_legs all;
	json_t *sets = NULL;

	if (legs_of_all(job, own, &all))
		return NULL;
	sets = json_pack("{s:o, s:o}", "tenants",
			 tenants_json(job->intent->state, job->tenant, revision), "legs",
			 nemo_legs_json(&all));
	nemo_legs_fini(&all);
	return sets;
}

static json_t *record_json(const struct job *job, const struct draft *draft)
{
	char time[CLOCK_RFC3339];
	json_t *obj = json_pack("{s:s, s:I, s:s, s:s, s:s, s:o}", "tenant", job->tenant, "revision",
				(json_int_t)draft->revision, "time",
				clock_rfc3339(clock_real_s(), time), "by", job->by, "comment",
				job->comment, "services", intent_services_json(draft->after));

	if (obj && job->rollback && job->restore)
		json_object_set_new(obj, "rollback_of", json_integer((json_int_t)job->restore));
	if (obj && draft->parts)
		json_object_set_new(obj, "parts", json_integer(draft->parts));
	else if (obj)
		json_object_set_new(obj, "script", json_stringn(draft->script, draft->len));
	return obj;
}

static int add_size(const json_t *value, size_t *size)
{
	OWN_PTR char *text = value ? json_text(value) : NULL;

	if (!text)
		return -ENOMEM;
	*size += strlen(text);
	return 0;
}

/* The head and the flipped stage, which holds the sets before and what is undone, are written
 * together. */
static int flip_size(const struct job *job, const struct draft *draft, size_t *stage, size_t *sum)
{
	json_t *undo = json_object();
	int r = undo ? intent_services_undo(job, undo) : -ENOMEM;

	*stage = *sum = NCSDB_KEY_MAX;
	if (!r)
		r = add_size(undo, stage);
	if (!r)
		r = add_size(draft->back, stage);
	*sum += *stage;
	if (!r)
		r = add_size(draft->sets, sum);
	json_decref(undo);
	return r;
}

static int check_size(struct job *job, const struct draft *draft)
{
	size_t stage, sum;

	if (flip_size(job, draft, &stage, &sum))
		return no_memory(job);
	if (stage > NCSDB_VALUE_MAX || sum - stage > NCSDB_VALUE_MAX || sum > FLIP_MAX)
		return err_set(&job->err, -ENOSPC, "", NULL,
			       "reservations of all connections, before and after, take %zu bytes: "
			       "must be at most %u",
			       sum, FLIP_MAX);
	if (draft->len > NEMO_SCRIPT_MAX)
		return err_set(&job->err, -ENOSPC, "", NULL,
			       "objects of tenant %s are %zu bytes as a script: must be at most "
			       "%u",
			       job->tenant, draft->len, NEMO_SCRIPT_MAX);
	return 0;
}

static int random_id(char id[STORED_ID])
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EIO;
	snprintf(id, STORED_ID, "%016" PRIx64, number);
	return 0;
}

static int draft_texts(struct job *job, const struct state_tenant *t, struct draft *draft)
{
	draft->commit = job->intent->state->head.commit + 1;
	draft->revision = t->revision + 1;
	draft->script = nemo_export(draft->after);
	if (!draft->script || random_id(draft->id))
		return no_memory(job);
	draft->len = strlen(draft->script);
	if (draft->len > INLINE_MAX)
		draft->parts = (draft->len + NCSDB_VALUE_MAX - 5) / (NCSDB_VALUE_MAX - 4);
	draft->sets = sets_json(job, &draft->legs, draft->revision);
	draft->back = sets_json(job, &t->legs, t->revision);
	draft->record = record_json(job, draft);
	if (!draft->sets || !draft->back || !draft->record)
		return no_memory(job);
	return check_size(job, draft);
}

/* ---- drafts ---- */

/* The one object that the one statement names: 1, 0; -1: it names none, or a model. */
static int object_differs(const struct job *job, const struct draft *draft)
{
	const struct nemo_stmt *stmt = &job->script->v[job->at];
	const struct nemo_object *a, *b;

	if (draft->end != job->at + 1 || !stmt->name.text)
		return -1;
	a = nemo_store_find(draft->before, stmt->name.text);
	b = nemo_store_find(draft->after, stmt->name.text);
	if (!a && !b)
		return -1;
	return !a || !b || (a != b && !nemo_object_equal(a, b));
}

/* 1: it differs from what is; 0: it does not. */
static int differs(struct job *job, const struct draft *draft)
{
	int r = job->rollback ? -1 : object_differs(job, draft);
	json_t *changes;

	if (r >= 0)
		return r;
	changes = nemo_diff(draft->before, draft->after);
	r = changes ? json_array_size(changes) > 0 : no_memory(job);
	json_decref(changes);
	return r;
}

/* Warnings were said by the check of the whole script. */
static void add_errors(struct nemo_diags *diags, const struct nemo_diags *of)
{
	for (unsigned int i = 0; i < of->n; i++)
		if (!of->v[i].is_warning)
			nemo_error(diags, of->v[i].class, of->v[i].at, "%s", of->v[i].reason);
	diags->no_memory = diags->no_memory || of->no_memory;
}

/* Static errors here come of what others changed since the check. */
static int draft_apply(struct job *job, struct draft *draft)
{
	struct nemo_diags diags = {0};
	int r = nemo_store_apply_own(draft->after, job->script, job->at, draft->end - job->at,
				     &diags);

	add_errors(&job->diags, &diags);
	nemo_diags_fini(&diags);
	return r ? -EINVAL : 0;
}

/* 1: there is something to commit; 0: there is not. */
static int draft_stores(struct job *job, const struct state_tenant *t, struct draft *draft)
{
	bool planned = job->rollback || job->dry_run;
	int r = 0;

	draft->before = nemo_store_get(t->store);
	draft->after = planned ? nemo_store_get(job->planned) : nemo_store_copy(t->store);
	if (!draft->after)
		return no_memory(job);
	if (job->dry_run)
		return 1;
	if (!job->rollback)
		r = draft_apply(job, draft);
	if (!r && t->unread) /* whatever it is, it differs from what cannot be read */
		return 1;
	return r ? r : differs(job, draft);
}

void intent_draft_taken(struct job *job)
{
	job->at = job->draft->end;
	job->n_done += job->draft->statements;
	intent_draft_free(job->draft);
	job->draft = NULL;
}

/* Each would be a commit of its own, of all hosts. */
static bool too_many(struct job *job)
{
	const struct nemo_stmt *first = &job->script->v[job->at];

	job->n_single += job->draft->statements;
	if (job->n_single <= INTENT_GROUPS_MAX)
		return false;
	nemo_error(&job->diags, NEMO_COMMIT, first->at,
		   "%u statements that cannot take effect as one are too many to be tried one by "
		   "one: must be at most %d in a script outside of transactions",
		   job->n_single, INTENT_GROUPS_MAX);
	return true;
}

bool intent_draft_smaller(struct job *job)
{
	if (!job->draft->several || too_many(job))
		return false;
	job->single = job->draft->end;
	intent_draft_free(job->draft);
	job->draft = NULL;
	forget_errors(&job->diags);
	job->err = (struct err){0};
	return true;
}

/* The next statements that may change something; those that do not are passed over. -ENOENT: there
 * are none. */
static int draft_new(struct job *job)
{
	bool several = false;
	unsigned int end = 1, statements = 1;

	while (!job->rollback && job->at < job->script->n) {
		end = job->dry_run ? job->script->n : group_end(job, &several);
		statements = count(job->script, job->at, end);
		if (statements || job->dry_run)
			break;
		job->at = end;
	}
	if (!job->dry_run && job->at >= (job->rollback ? 1 : job->script->n))
		return -ENOENT;
	job->draft = calloc(1, sizeof(*job->draft));
	if (!job->draft)
		return no_memory(job);
	job->draft->end = end;
	job->draft->statements = statements;
	job->draft->several = several;
	job->draft->head_rev = job->intent->state->mod_rev;
	return 0;
}

static int first_step(struct job *job, const struct state_tenant *t)
{
	int r = draft_new(job);

	if (r)
		return r == -ENOENT ? DRAFT_NONE : r;
	r = draft_stores(job, t, job->draft);
	if (r == 0)
		intent_draft_taken(job);
	return r < 0 ? r : DRAFT_GOES_ON;
}

static int second_step(struct job *job, const struct state_tenant *t)
{
	struct draft *draft = job->draft;
	int r = admit(job, t, draft->after, &draft->legs);

	draft->admitted = true;
	if (!r && draft->legs.n > INTENT_LEGS_MAX)
		r = err_set(&job->err, -EINVAL, "", NULL,
			    "connections of tenant %s take %u paths between gateways: must be at "
			    "most %d",
			    job->tenant, draft->legs.n, INTENT_LEGS_MAX);
	if (!r)
		r = intent_services_diff(job, draft);
	return r ? r : DRAFT_GOES_ON;
}

static int last_step(struct job *job, const struct state_tenant *t)
{
	int r = draft_texts(job, t, job->draft);

	if (r || !job->dry_run)
		return r ? r : DRAFT_READY;
	job->n_done = job->units;
	job->legs = job->draft->legs;
	job->draft->legs = (struct nemo_legs){0};
	return DRAFT_NONE;
}

/* What it was built on is no longer in force. */
static void drop_stale(struct job *job, const struct state_tenant *t)
{
	if (job->draft && job->draft->head_rev != job->intent->state->mod_rev) {
		intent_draft_free(job->draft);
		job->draft = NULL;
	}
	if (job->dry_run && job->first_revision != t->revision)
		job->begun = false;
}

static int next_step(struct job *job, const struct state_tenant *t)
{
	if (!job->draft)
		return first_step(job, t);
	return job->draft->admitted ? last_step(job, t) : second_step(job, t);
}

int intent_draft(struct job *job)
{
	const struct state_tenant *t = intent_state_tenant(job->intent->state, job->tenant);
	int r = t ? stale(job, t)
		  : err_set(&job->err, -EINVAL, "/tenant", job->tenant, "is known no longer");

	if (!r)
		r = intent_draft_outdated(job);
	if (r)
		return r;
	drop_stale(job, t);
	if (!job->begun) {
		r = begin(job, t);
		return r ? r : DRAFT_GOES_ON;
	}
	r = next_step(job, t);
	if (r == -EINVAL && job->draft && intent_draft_smaller(job))
		return DRAFT_GOES_ON;
	return r;
}
