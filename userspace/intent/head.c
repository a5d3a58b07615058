/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The head: read, put in force on this host, and what of it cannot be. */
#include "intent/intent_int.h"

#include <inttypes.h>
#include <string.h>

#include "util/own.h"

static void failed(struct host_part *host, uint64_t commit, const char *why)
{
	host->say.applied = commit;
	host->say.apply_failed = true;
	err_clean(host->apply_why, sizeof(host->apply_why), why);
}

/* Objects of another tenant, or other ones of the same. */
static bool objects_differ(const struct state *a, const struct state *b)
{
	if (a->n != b->n)
		return true;
	for (unsigned int i = 0; i < a->n; i++)
		if (a->v[i].store != b->v[i].store || strcmp(a->v[i].name, b->v[i].name) != 0)
			return true;
	return false;
}

static void flip(struct intent *in, struct state *state)
{
	intent_state_free(in->state);
	in->state = state;
	in->stats_rev = -1;
	intent_state_free(in->staged);
	in->staged = NULL;
	in->host.flipped = true;
	in->host.commit = state->head.commit;
	in->host.say.apply_failed = false;
	if (in->conf.flip)
		in->conf.flip(in->conf.arg, &state->head);
	else
		intent_applied(in, state->head.commit, 0, NULL);
}

/* Looked at already, and nothing has come since of what it lacks. */
static bool head_known(const struct intent *in, int64_t mod_rev)
{
	bool seen = in->head_seen == in->revisions_seen;

	if (in->bad_rev)
		return in->bad_rev == mod_rev && seen;
	return in->host.flipped && in->state->mod_rev == mod_rev && (!in->state->n_unread || seen);
}

/* Of the tenants that cannot be read: one whose revision came with the commit that is under way;
 * NULL: there is none. The others' were so before it, which must not fail for them. */
static const struct state_tenant *part_of_commit(struct intent *in, const struct state *state)
{
	const struct state_tenant *found = NULL;
	const struct record *rec;
	struct stored_stage stage;

	if (!state->n_unread || !intent_stage(in, &stage, &rec))
		return NULL;
	for (unsigned int i = 0; !found && i < state->n; i++) {
		const struct state_tenant *t = &state->v[i];

		if (t->unread && stored_head_revision(&stage.to, t->name) != t->revision)
			found = t;
	}
	if (stage.step != STORED_FLIPPED || stage.commit != state->head.commit)
		found = NULL;
	stored_stage_fini(&stage);
	return found;
}

static void part_say(struct intent *in, const struct state *state)
{
	const struct state_tenant *commits = part_of_commit(in, state);
	const struct state_tenant *t = commits ? commits : intent_state_unread(state, NULL);
	struct host_part *host = &in->host;
	char text[512];

	host->part_failed = commits != NULL;
	host->part_why[0] = '\0';
	if (t)
		err_clean(host->part_why, sizeof(host->part_why),
			  err_text(&t->why, text, sizeof(text)));
}

static void tenant_refuse(struct intent *in, const struct state_tenant *t)
{
	const struct record *rec =
		intent_record(in, "revisions/%s/%010" PRIu64, t->name, t->revision);

	if (rec)
		intent_refuse(in, rec, &t->why);
	else
		intent_refuse_absent(in, &t->why, "revisions/%s/%010" PRIu64, t->name, t->revision);
}

/* Each once. */
static void unread_refuse(struct intent *in, const struct state *state)
{
	for (unsigned int i = 0; i < state->n; i++) {
		const struct state_tenant *t = &state->v[i];
		const struct state_tenant *have = intent_state_tenant(in->state, t->name);

		if (t->unread && !(have && have->unread && have->revision == t->revision))
			tenant_refuse(in, t);
	}
}

/* Tenants are apart: of a head that cannot be read as a whole, what can be is in force. */
static void state_take(struct intent *in)
{
	struct state *state = TAKE_PTR(in->reading);
	bool again = in->host.flipped && in->state->mod_rev == state->mod_rev;

	in->bad_rev = 0;
	unread_refuse(in, state);
	part_say(in, state);
	if (again && !objects_differ(in->state, state)) {
		intent_state_free(in->state);
		in->state = state;
		return;
	}
	flip(in, state);
	if (in->host.part_failed && !in->closed)
		failed(&in->host, in->host.commit, in->host.part_why);
}

/* What has come since its reading began may be what it lacks. */
static void head_take(struct intent *in)
{
	state_take(in);
	if (in->state->n_unread && in->head_seen != in->revisions_seen)
		intent_wake(in, intent_now(in) + 1);
}

static void head_bad(struct intent *in, const struct record *rec, uint64_t commit,
		     const struct err *err)
{
	char text[512];

	intent_state_free(in->reading);
	in->reading = NULL;
	in->bad_rev = rec ? rec->mod_rev : 0;
	if (rec)
		intent_refuse(in, rec, err);
	failed(&in->host, commit, err_text(err, text, sizeof(text)));
}

static int head_begin(struct intent *in, const struct record *rec, uint64_t *commit,
		      struct err *err)
{
	struct stored_head stored = {0};
	struct state *state = NULL;
	int r = rec ? stored_head_parse(rec->text, rec->len, &stored, err) : 0;

	in->head_seen = in->revisions_seen;
	*commit = stored.commit;
	if (!r)
		r = intent_state_new(in, &stored, rec ? rec->mod_rev : 0, &state, err);
	stored_head_fini(&stored);
	if (r)
		return r;
	intent_state_free(in->reading);
	in->reading = state;
	return 0;
}

/* A commit changes one tenant; at a start there are many, which take several turns of the loop. */
void intent_head_follow(struct intent *in)
{
	const struct record *rec = intent_record(in, "head");
	int64_t mod_rev = rec ? rec->mod_rev : 0;
	uint64_t commit = 0;
	struct err err = {0};
	int r = 0;

	if (!in->reading && head_known(in, mod_rev))
		return;
	if (!in->reading || in->reading->mod_rev != mod_rev)
		r = head_begin(in, rec, &commit, &err);
	if (!r)
		r = intent_state_read(in, in->reading, INTENT_SLICE, &err);
	if (r > 0)
		intent_wake(in, intent_now(in) + 1);
	else if (r < 0)
		head_bad(in, rec, commit, &err);
	else
		head_take(in);
}

void intent_applied(struct intent *in, uint64_t commit, int result, const struct err *err)
{
	static const struct err nothing = {.want = "it cannot be applied"};
	char text[512];

	if (commit != in->host.commit || in->bad_rev || in->host.part_failed)
		return;
	in->host.say.applied = commit;
	in->host.say.apply_failed = false;
	if (result)
		failed(&in->host, commit, err_text(err ? err : &nothing, text, sizeof(text)));
	intent_kick(in);
}
