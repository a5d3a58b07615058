/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One draft through the protocol: stage, all hosts prepare, flip, all hosts apply, settle; or abort
 * before the flip, back out after it. Each phase looks at what the mirror shows of its own stage,
 * so that an answer that was lost is found there.
 */
#include "intent/intent_int.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "util/clock.h"
#include "util/log.h"

#define TRIES_MAX 20 /* failures of one step of a commit */
#define AGAIN_MS 20  /* at most, behind a lost swap */
#define SERVICE_TRIES 3

static void phase(struct job *job, enum job_phase next, uint64_t ms)
{
	job->phase = next;
	job->due_ms = intent_now(job->intent) + ms;
	job->forgiven_ms = 0;
}

/* Back to the queue's head: built anew on what is in force now, a little later (others try, too).
 */
static void again(struct job *job)
{
	bool none_done = job->at == 0 && job->n_done == 0;
	uint64_t spread = uv_hrtime() / 1000 % AGAIN_MS;

	intent_draft_free(job->draft);
	job->draft = NULL;
	if (none_done)
		job->begun = false;
	phase(job, JOB_WAITS, 0);
	job->due_ms = job->turn_ms;
	job->after_ms = intent_now(job->intent) + spread;
	intent_kick(job->intent);
}

/* What was staged could not be flipped. */
static void flip_again(struct job *job)
{
	if (++job->tries > TRIES_MAX)
		intent_job_end(job, job->status);
	else
		again(job);
}

/* Nobody else has changed the head: the services stood in the way. The view may be behind. */
static void services_again(struct job *job)
{
	struct intent *in = job->intent;

	intent_services_lost(job);
	if (++job->service_tries >= SERVICE_TRIES) {
		intent_job_end(job, job->status);
		return;
	}
	again(job);
	job->after_ms = intent_now(in) + INTENT_RETRY_MS;
}

/* The next part of it has its turn. */
static void wait_turn(struct job *job)
{
	phase(job, JOB_WAITS, intent_limits.prepare_ms + intent_limits.apply_ms);
	job->turn_ms = job->due_ms;
}

static int host_err(struct job *job, int code, const struct hosts_look *look, const char *what)
{
	strcpy(job->culprit, look->host);
	err_set(&job->err, code, "", NULL, "%s%s%s", what, look->why[0] ? ": " : "", look->why);
	err_object(&job->err, "host %s", look->host);
	job->status = code;
	return code;
}

/* ---- staging ---- */

static json_t *stage_json(const struct job *job)
{
	return json_pack("{s:s, s:I, s:s}", "id", job->draft->id, "commit",
			 (json_int_t)job->draft->commit, "coordinator", job->intent->conf.host);
}

static void full_stage(struct job *job, struct txn *txn)
{
	struct draft *draft = job->draft;
	json_t *stage = stage_json(job);

	if (stage)
		json_object_update(stage, draft->sets);
	intent_txn_put_json(txn, intent_lease(job->intent), stage, INTENT_KEYS "stage");
	intent_txn_put_json(txn, 0, json_incref(draft->record),
			    INTENT_KEYS "revisions/%s/%010" PRIu64, job->tenant, draft->revision);
}

static void on_staged(void *arg, int status, bool held)
{
	struct job *job = arg;

	job->busy = false;
	if (status) {
		job->status = status;
		err_set(&job->err, status, "", NULL, "database: %s", strerror(-status));
		phase(job, JOB_STAGING, WRITE_PATIENCE_MS);
	} else if (!held) {
		job->intent->stats.lost++;
		again(job);
	} else {
		phase(job, job->draft->parts ? JOB_PARTS : JOB_PREPARING, intent_limits.prepare_ms);
	}
}

void intent_commit_start(struct job *job)
{
	struct intent *in = job->intent;
	struct draft *draft = job->draft;
	struct txn *txn = intent_txn_new(in);
	int r;

	job->since_us = clock_us();
	job->stage_rev = 0;
	job->status = 0;
	intent_txn_mod(txn, 0, INTENT_KEYS "stage");
	intent_txn_mod(txn, draft->head_rev, INTENT_KEYS "head");
	/* What a commit of that number left that never came to be. */
	intent_txn_del(txn, true, INTENT_KEYS "revisions/%s/%010" PRIu64 "/", job->tenant,
		       draft->revision);
	if (draft->parts)
		intent_txn_put_json(txn, intent_lease(in), stage_json(job), INTENT_KEYS "stage");
	else
		full_stage(job, txn);
	r = intent_txn_commit(txn, on_staged, job, &job->err);
	if (r) {
		intent_job_end(job, r);
		return;
	}
	job->phase = JOB_STAGING;
	job->busy = true;
}

/* ---- parts of a large revision ---- */

static size_t part_at(const struct draft *draft, unsigned int part)
{
	size_t at = (size_t)part * (NCSDB_VALUE_MAX - 4);

	if (at >= draft->len)
		return draft->len;
	while (at && ((unsigned char)draft->script[at] & 0xc0) == 0x80)
		at--;
	return at;
}

static void on_part(void *arg, int status, bool held)
{
	struct job *job = arg;

	job->busy = false;
	if (!status && held)
		job->draft->part++;
	else
		job->tries++;
	if (!status && held && job->draft->part > job->draft->parts)
		phase(job, JOB_PREPARING, intent_limits.prepare_ms);
}

/* The last one is the stage itself, with the revision. */
static int part_write(struct job *job, const struct record *stage)
{
	struct draft *draft = job->draft;
	struct txn *txn = intent_txn_new(job->intent);
	size_t from = part_at(draft, draft->part), to = part_at(draft, draft->part + 1);

	intent_txn_mod(txn, stage->mod_rev, INTENT_KEYS "stage");
	if (draft->part == draft->parts)
		full_stage(job, txn);
	else
		intent_txn_put(txn, 0, draft->script + from, to - from,
			       INTENT_KEYS "revisions/%s/%010" PRIu64 "/%u", job->tenant,
			       draft->revision, draft->part);
	return intent_txn_commit(txn, on_part, job, &job->err);
}

/* ---- aborting ---- */

static void on_aborted(void *arg, int status, bool held)
{
	struct job *job = arg;

	job->busy = false;
	/* Not held: it was flipped after all, or it is gone; the mirror tells. */
	if (!status && !held && ++job->tries <= TRIES_MAX) {
		phase(job, JOB_FLIPPING, WRITE_PATIENCE_MS);
		return;
	}
	if (job->status == -ESTALE && held && job->draft->n_services &&
	    job->intent->state->mod_rev == job->draft->head_rev)
		services_again(job);
	else if (job->status == -ESTALE)
		flip_again(job);
	else if (job->status == -EBUSY && intent_draft_smaller(job))
		wait_turn(job);
	else
		intent_job_end(job, job->status);
}

static void stage_abort(struct job *job, const struct stored_stage *stage, const struct record *rec)
{
	int r = intent_abort(job->intent, stage, rec, on_aborted, job, NULL);

	if (r) {
		intent_job_end(job, job->status);
		return;
	}
	job->phase = JOB_ABORTING;
	job->busy = true;
}

/* ---- flipping ---- */

static json_t *confirm_json(const struct job *job, const struct record *pending)
{
	struct stored_confirm confirm = {.back_to = job->first_revision};
	char until[CLOCK_RFC3339];

	/* What was not confirmed yet is not what one goes back to. */
	if (pending)
		stored_confirm_parse(pending->text, pending->len, &confirm, NULL);
	clock_rfc3339(clock_real_s() + job->confirm_s + 1, until);
	return json_pack("{s:I, s:s, s:I}", "commit", (json_int_t)job->draft->commit, "until",
			 until, "back_to", (json_int_t)confirm.back_to);
}

static int confirm_put(struct job *job, struct txn *txn, json_t *undo)
{
	const struct record *pending = intent_record(job->intent, "confirm/%s", job->tenant);
	int64_t mod_rev = pending ? pending->mod_rev : 0;
	char key[NCSDB_KEY_MAX];

	if (!job->confirm_s && !pending && !job->quiet)
		return 0;
	snprintf(key, sizeof(key), INTENT_KEYS "confirm/%s", job->tenant);
	/* Confirmed meanwhile: neither taken back, nor back when this is. */
	intent_txn_mod(txn, job->quiet ? job->confirm_rev : mod_rev, "%s", key);
	if (job->confirm_s)
		intent_txn_put_json(txn, 0, confirm_json(job, pending), "%s", key);
	else
		intent_txn_del(txn, false, "%s", key);
	return json_object_set_new(undo, key, pending ? json_string(pending->text) : json_null());
}

static json_t *flipped_json(struct job *job, struct txn *txn)
{
	json_t *stage = stage_json(job), *undo = json_object();

	if (!stage || !undo || confirm_put(job, txn, undo) || intent_services_undo(job, undo)) {
		json_decref(stage);
		json_decref(undo);
		return NULL;
	}
	json_object_set(stage, "back_to", job->draft->back);
	json_object_set_new(stage, "undo", undo);
	return stage;
}

static void on_flipped(void *arg, int status, bool held)
{
	struct job *job = arg;

	job->busy = false;
	if (!status && held) {
		job->intent->stats.commit_us = clock_us() - job->since_us;
		phase(job, JOB_APPLYING, intent_limits.apply_ms);
		return;
	}
	job->status = status ? status : -ESTALE;
	err_set(&job->err, job->status, "", NULL, "%s",
		status ? strerror(-status) : "another change came first");
	if (!status)
		job->intent->stats.lost++;
	phase(job, JOB_FLIPPING, status ? WRITE_PATIENCE_MS : 0);
}

static int flip_write(struct job *job, const struct record *rec)
{
	struct draft *draft = job->draft;
	struct txn *txn = intent_txn_new(job->intent);
	json_t *head = json_pack("{s:I}", "commit", (json_int_t)draft->commit);

	if (head)
		json_object_update(head, draft->sets);
	intent_txn_mod(txn, rec->mod_rev, INTENT_KEYS "stage");
	intent_txn_mod(txn, draft->head_rev, INTENT_KEYS "head");
	intent_txn_put_json(txn, 0, head, INTENT_KEYS "head");
	intent_services_put(draft, txn);
	intent_txn_put_json(txn, 0, flipped_json(job, txn), INTENT_KEYS "stage");
	return intent_txn_commit(txn, on_flipped, job, &job->err);
}

static void flip(struct job *job, const struct stored_stage *stage, const struct record *rec)
{
	int r = intent_draft_outdated(job);

	if (!r)
		r = flip_write(job, rec);
	if (r) {
		job->status = r;
		stage_abort(job, stage, rec);
		return;
	}
	job->phase = JOB_FLIPPING;
	job->busy = true;
}

/* ---- preparing ---- */

/* The stage in the mirror is not as far as this job: for a while. Who comes after it sees to it. */
static void wait_for_mirror(struct job *job)
{
	struct intent *in = job->intent;

	if (intent_now(in) < job->due_ms + WRITE_PATIENCE_MS) {
		intent_wake(in, intent_now(in) + INTENT_RETRY_MS);
		return;
	}
	err_set(&job->err, -ETIMEDOUT, "", NULL, "the stage is not what this host has written");
	intent_job_end(job, -ETIMEDOUT);
}

static void prepare_step(struct job *job, const struct stored_stage *stage,
			 const struct record *rec)
{
	struct intent *in = job->intent;
	struct hosts_look look = {.stage = rec->create_rev, .commit = stage->commit};
	enum hosts_answer answer = intent_hosts_look(in, &look);

	if (stage->step != STORED_PREPARE) {
		wait_for_mirror(job);
	} else if (answer == HOSTS_DONE) {
		flip(job, stage, rec);
	} else if (answer == HOSTS_FAILED || intent_now(in) >= job->due_ms) {
		in->stats.refused++;
		host_err(job, answer == HOSTS_FAILED ? -EBUSY : -ETIMEDOUT, &look,
			 answer == HOSTS_FAILED ? "refuses it" : "does not say whether it can");
		stage_abort(job, stage, rec);
	} else {
		intent_wake(in, job->due_ms);
	}
}

static void parts_step(struct job *job, const struct stored_stage *stage, const struct record *rec)
{
	int r = job->tries > TRIES_MAX ? -ETIMEDOUT : part_write(job, rec);

	if (!r) {
		job->busy = true;
		phase(job, JOB_PARTS, intent_limits.prepare_ms);
		return;
	}
	job->status = r;
	if (!job->err.want[0])
		err_set(&job->err, r, "", NULL, "the revision cannot be written");
	stage_abort(job, stage, rec);
}

/* ---- applying ---- */

/* The next part of the script, or the end of it. */
static void committed(struct job *job)
{
	struct intent *in = job->intent;

	in->stats.commits++;
	in->answered = job->draft->commit;
	job->expect = job->draft->revision;
	job->tries = 0;
	job->err = (struct err){0};
	intent_draft_taken(job);
	wait_turn(job);
	intent_kick(in);
}

/* All hosts have it: that the stage is still there is nobody's trouble but the next commit's. */
static void on_settled(void *arg, int status, bool held)
{
	struct job *job = arg;

	job->busy = false;
	if (!status && !held)
		phase(job, JOB_APPLYING, WRITE_PATIENCE_MS);
	else
		committed(job);
}

static void on_backed(void *arg, int status, bool held)
{
	struct job *job = arg;

	job->busy = false;
	if (held) {
		job->intent->stats.backed_out++;
		log_warn("commit taken back", "tenant=%s commit=%" PRIu64 " host=%s", job->tenant,
			 job->draft->commit, job->culprit);
		phase(job, JOB_BACK, intent_limits.apply_ms);
	} else if (++job->tries > TRIES_MAX) {
		intent_job_end(job, job->status);
	} else {
		/* Tried again, unless the mirror says that somebody else has done it. */
		phase(job, JOB_BACKING, INTENT_RETRY_MS);
	}
}

static void back(struct job *job, const struct stored_stage *stage, const struct record *rec)
{
	int r = intent_back_out(job->intent, stage, rec, on_backed, job, &job->err);

	if (r) {
		on_backed(job, r, false);
		return;
	}
	job->phase = JOB_BACKING;
	job->busy = true;
}

static void apply_step(struct job *job, const struct stored_stage *stage, const struct record *rec)
{
	struct intent *in = job->intent;
	struct hosts_look look = {.commit = stage->commit};
	enum hosts_answer answer;

	if (stage->step != STORED_FLIPPED) {
		wait_for_mirror(job);
		return;
	}
	answer = intent_hosts_look(in, &look);
	if (answer == HOSTS_DONE) {
		job->busy = true;
		job->phase = JOB_SETTLING;
		if (intent_settle(in, rec, job->tenant, on_settled, job, NULL))
			on_settled(job, -EIO, false);
	} else if (answer == HOSTS_FAILED || intent_now(in) >= job->due_ms) {
		host_err(job, -EBUSY, &look,
			 answer == HOSTS_FAILED ? "cannot apply it" : "has not applied it in time");
		back(job, stage, rec);
	} else {
		intent_wake(in, job->due_ms);
	}
}

/* The head was put back: the others are waited for, not who failed. */
static void back_step(struct job *job)
{
	struct intent *in = job->intent;
	struct hosts_look look = {.commit = job->draft->commit + 1, .except = job->culprit};
	bool behind = in->state->head.commit <= job->draft->commit;

	if (in->state->head.commit == look.commit && intent_hosts_look(in, &look) == HOSTS_DONE)
		intent_job_end(job, job->status);
	else if (intent_now(in) >= job->due_ms || (!behind && in->state->head.commit > look.commit))
		intent_job_end(job, job->status);
	else
		intent_wake(in, job->due_ms);
}

/* ---- the step ---- */

/* Its stage is not in the mirror: not yet, or no longer. */
static void without_stage(struct job *job)
{
	struct intent *in = job->intent;
	bool in_force = in->state->head.commit == job->draft->commit && job->stage_rev;

	if (!job->stage_rev && intent_now(in) < job->due_ms) {
		intent_wake(in, job->due_ms);
		return;
	}
	if (in_force && (job->phase == JOB_APPLYING || job->phase == JOB_FLIPPING)) {
		committed(job);
		return;
	}
	if (!job->status || !job->err.want[0])
		err_set(&job->err, job->status = -EHOSTUNREACH, "", NULL,
			"the stage was lost with this host's lease, nothing has changed");
	if (job->phase == JOB_FLIPPING && job->status == -ESTALE)
		flip_again(job);
	else
		intent_job_end(job, job->status);
}

static void with_stage(struct job *job, const struct stored_stage *stage, const struct record *rec)
{
	job->stage_rev = rec->create_rev;
	switch (job->phase) {
	case JOB_STAGING: /* in doubt, but there it is */
		phase(job, job->draft->parts ? JOB_PARTS : JOB_PREPARING, intent_limits.prepare_ms);
		intent_kick(job->intent);
		break;
	case JOB_PARTS:
		parts_step(job, stage, rec);
		break;
	case JOB_PREPARING:
		prepare_step(job, stage, rec);
		break;
	case JOB_FLIPPING: /* in doubt */
		if (stage->step == STORED_FLIPPED) {
			phase(job, JOB_APPLYING, intent_limits.apply_ms);
			intent_kick(job->intent);
		} else if (intent_now(job->intent) >= job->due_ms) {
			stage_abort(job, stage, rec);
		} else {
			intent_wake(job->intent, job->due_ms);
		}
		break;
	case JOB_BACKING:
		if (intent_now(job->intent) >= job->due_ms)
			back(job, stage, rec);
		else
			intent_wake(job->intent, job->due_ms);
		break;
	default:
		apply_step(job, stage, rec);
	}
}

void intent_commit_step(struct job *job)
{
	const struct record *rec;
	struct stored_stage stage;
	bool there;

	if (job->phase == JOB_BACK) {
		back_step(job);
		return;
	}
	there = intent_stage(job->intent, &stage, &rec);
	if (there && strcmp(stage.id, job->draft->id) == 0)
		with_stage(job, &stage, rec);
	else
		without_stage(job);
	if (there)
		stored_stage_fini(&stage);
}
