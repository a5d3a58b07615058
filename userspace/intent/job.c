/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was asked for on this host: one at a time, the others wait their turn. */
#include "intent/intent_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "util/log.h"
#include "util/own.h"
#include "util/utf8.h"

static void job_free(struct job *job)
{
	intent_draft_free(job->draft);
	nemo_script_free(job->script);
	nemo_diags_fini(&job->diags);
	nemo_store_free(job->first);
	nemo_store_free(job->planned);
	nemo_legs_fini(&job->legs);
	free(job->by);
	free(job->comment);
	free(job->text);
	free(job);
}

/* ---- answers ---- */

static json_t *changes(const struct job *job)
{
	const struct nemo_store *now = intent_store(job->intent, job->tenant);
	json_t *diff = NULL;

	if (job->begun && job->first)
		diff = nemo_diff(job->first, job->dry_run && job->planned ? job->planned : now);
	return diff ? diff : json_array();
}

/* The first error of the script stands for all of them. */
static void err_of_diags(struct job *job, int status)
{
	const struct nemo_diags *diags = &job->diags;

	if (job->err.want[0] || !status)
		return;
	for (unsigned int i = 0; i < diags->n; i++) {
		if (diags->v[i].is_warning)
			continue;
		err_set(&job->err, status, "", NULL, "%u:%u: %s", diags->v[i].at.line,
			diags->v[i].at.column, diags->v[i].reason);
		return;
	}
	err_set(&job->err, status, "", NULL, "%s", strerror(-status));
}

static void answer(struct job *job, int status)
{
	const struct intent *in = job->intent;
	const struct state_tenant *t = intent_state_tenant(in->state, job->tenant);
	struct intent_result result = {.status = status, .diags = &job->diags};

	nemo_diags_sort(&job->diags);
	err_of_diags(job, status);
	job->err.code = status;
	if (status)
		result.err = job->err;
	result.revision = t ? t->revision : 0;
	result.commit = in->state->head.commit;
	result.done = job->n_done;
	result.units = job->units;
	result.changes = changes(job);
	result.legs = job->dry_run || !t ? &job->legs : &t->legs;
	result.script = job->text;
	result.len = job->len;
	job->done(job->arg, &result);
	json_decref(result.changes);
}

static void quiet_end(struct job *job, int status)
{
	char text[512];

	/* Its commit has deleted it, unless there was nothing to commit. */
	if (!status && intent_confirm_waits(job->intent, job->tenant, job->confirm_rev))
		intent_confirm_drop(job->intent, job->tenant, job->confirm_rev);
	if (!status || job->intent->closed)
		return;
	err_of_diags(job, status);
	log_err("objects are not rolled back for now", "tenant=%s revision=%" PRIu64 " why=\"%s\"",
		job->tenant, job->restore, err_text(&job->err, text, sizeof(text)));
	intent_confirm_pause(job->intent, job->tenant, intent_limits.apply_ms);
}

void intent_job_end(struct job *job, int status)
{
	struct intent *in = job->intent;

	DL_DELETE(in->jobs, job);
	in->n_jobs--;
	if (in->jobs && !in->closed)
		intent_kick(in);
	if (job->quiet)
		quiet_end(job, status);
	else
		answer(job, status);
	job_free(job);
}

void intent_jobs_cancel(struct intent *in)
{
	while (in->jobs)
		intent_job_end(in->jobs, -ECANCELED);
}

/* ---- turns ---- */

static int no_turn(struct job *job, const char *why)
{
	err_set(&job->err, -EAGAIN, "", NULL, "not its turn within the time for it: %s", why);
	return -EAGAIN;
}

/* NULL: it is. */
static const char *not_my_turn(const struct job *job)
{
	const struct intent *in = job->intent;

	if (!intent_lease(in))
		return "the database gives no lease";
	if (!intent_host_there(in))
		return "this host has not said that it is there";
	if (intent_record(in, "stage"))
		return "another commit is under way";
	if (intent_now(in) < job->after_ms)
		return "other commits came first";
	return NULL;
}

/* Others are served between its steps: what is ready is read and written before a timer runs. */
static void draft(struct job *job)
{
	struct intent *in = job->intent;
	unsigned int at = job->at;
	int r = intent_draft(job);

	if (r == DRAFT_READY) {
		intent_commit_start(job);
	} else if (r == DRAFT_GOES_ON) {
		if (job->at != at)
			job->due_ms = job->turn_ms =
				intent_now(in) + intent_limits.prepare_ms + intent_limits.apply_ms;
		intent_wake(in, intent_now(in) + 1);
	} else {
		intent_job_end(job, r);
	}
}

/* Statements change what is there, and that is not known. */
static int unread_refuse(struct job *job)
{
	const struct state_tenant *t = intent_state_tenant(job->intent->state, job->tenant);
	char why[512], help[128];
	uint64_t number = 0;
	int r = intent_readable(job->intent, job->tenant, &number);
	struct err what = t->why;

	if (r)
		return err_set(&job->err, r, "", NULL, "no memory");
	snprintf(help, sizeof(help), "roll back to %" PRIu64 " or to another one that can be",
		 number);
	what.object[0] = '\0';
	err_set(&job->err, -EIO, "", NULL, "cannot be read: %s (%s)",
		number ? help : "nor can those before: rollback removes all objects",
		err_text(&what, why, sizeof(why)));
	return err_object(&job->err, "revision %" PRIu64 " of tenant %s", t->revision, t->name);
}

/* Going back to one that can be read heals it. */
static bool unread(const struct job *job)
{
	const struct state_tenant *t = intent_state_tenant(job->intent->state, job->tenant);

	return t && t->unread && !job->rollback;
}

static void job_run(struct job *job)
{
	struct intent *in = job->intent;
	const char *why = job->dry_run ? NULL : not_my_turn(job);

	if (job->quiet && !intent_confirm_waits(in, job->tenant, job->confirm_rev)) {
		intent_job_end(job, 0);
	} else if (in->bad_rev) {
		err_set(&job->err, -EIO, "", NULL, "what is in force cannot be read");
		intent_job_end(job, -EIO);
	} else if (unread(job)) {
		intent_job_end(job, unread_refuse(job));
	} else if (why && intent_now(in) < job->due_ms) {
		intent_wake(in, job->after_ms > intent_now(in) ? job->after_ms : job->due_ms);
	} else if (why) {
		intent_job_end(job, no_turn(job, why));
	} else {
		draft(job);
	}
}

static void too_late(struct intent *in)
{
	struct job *job, *next;

	if (!in->jobs)
		return;
	for (job = in->jobs->next; job && !in->closed; job = next) {
		next = job->next;
		if (intent_now(in) >= job->due_ms) {
			intent_job_end(job, no_turn(job, "others are before it"));
			return intent_kick(in);
		}
		intent_wake(in, job->due_ms);
	}
}

void intent_jobs_step(struct intent *in)
{
	struct job *job = in->jobs;

	if (job && !job->busy && job->phase == JOB_WAITS)
		job_run(job);
	else if (job && !job->busy)
		intent_commit_step(job);
	if (!in->closed)
		too_late(in);
}

/* ---- asking ---- */

static struct job *job_new(struct intent *in, const char *tenant, const char *by,
			   const char *comment)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->intent = in;
	strcpy(job->tenant, tenant);
	job->by = strdup(by ? by : "");
	job->comment = strdup(comment ? comment : "");
	job->if_revision = ANY_REVISION;
	if (job->by && job->comment)
		return job;
	job_free(job);
	return NULL;
}

/* Its turn may come as late as that of those before it. */
static void job_add(struct job *job)
{
	struct intent *in = job->intent;
	uint64_t each = intent_limits.prepare_ms + intent_limits.apply_ms;

	job->due_ms = job->turn_ms = intent_now(in) + each * (in->n_jobs + 1);
	DL_APPEND(in->jobs, job);
	in->n_jobs++;
	intent_kick(in);
}

static int check_text(const char *field, const char *text, struct err *err)
{
	if (!text || (utf8_text(text) && strlen(text) <= INTENT_COMMENT_MAX))
		return 0;
	return err_set(err, -EINVAL, field, text,
		       "must be text without control characters, at most %d bytes",
		       INTENT_COMMENT_MAX);
}

static int check_ready(const struct intent *in, const char *tenant, struct err *err)
{
	int r = intent_check_tenant(in, tenant, err);

	if (r)
		return r;
	if (in->closed)
		return err_set(err, -ECANCELED, "", NULL, "this host is going down");
	if (!intent_synced(in))
		return err_set(err, -EAGAIN, "", NULL, "the database was not read yet");
	if (in->n_jobs >= INTENT_WAITING)
		return err_set(err, -EAGAIN, "", NULL, "%d commits wait already", INTENT_WAITING);
	return 0;
}

static int check_apply(const struct intent *in, const struct intent_apply *apply, struct err *err)
{
	int r = check_ready(in, apply->tenant, err);

	if (!r)
		r = check_text("/comment", apply->comment, err);
	if (!r)
		r = check_text("/by", apply->by, err);
	if (!r && apply->len > NEMO_SCRIPT_MAX)
		r = err_set(err, -EINVAL, "/script", NULL, "must be at most %u bytes",
			    NEMO_SCRIPT_MAX);
	if (!r && apply->confirm_s > INTENT_CONFIRM_MAX_S)
		r = err_set(err, -EINVAL, "/confirm", NULL, "must be at most %d seconds",
			    INTENT_CONFIRM_MAX_S);
	return r;
}

int intent_apply(struct intent *in, const struct intent_apply *apply, intent_done_cb done,
		 void *arg, struct err *err)
{
	struct job *job;
	int r = check_apply(in, apply, err);

	if (r)
		return r;
	job = job_new(in, apply->tenant, apply->by, apply->comment);
	if (job)
		job->text = calloc(1, apply->len + 1);
	if (!job || !job->text) {
		if (job)
			job_free(job);
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	}
	if (apply->len)
		memcpy(job->text, apply->script, apply->len);
	job->len = apply->len;
	job->dry_run = apply->dry_run;
	job->if_revision = apply->if_revision;
	job->confirm_s = apply->confirm_s;
	job->done = done;
	job->arg = arg;
	job_add(job);
	return 0;
}

/* The newest that is kept before the one in force; 0: none. */
static int revision_before(const struct intent *in, const char *tenant, uint64_t *out)
{
	uint64_t now = intent_revision(in, tenant);
	OWN_PTR uint64_t *list = NULL;
	int n = intent_revisions(in, tenant, &list);

	if (n < 0)
		return n;
	if (n && list[n - 1] == now)
		n--;
	*out = n ? list[n - 1] : 0;
	return 0;
}

/* The one before. Where that in force cannot be read, it is the newest that can be; and where none
 * can be, 0: none of its objects is known, so that it starts anew. */
static int restore_find(struct intent *in, const char *tenant, bool unread, uint64_t *revision,
			struct err *err)
{
	int r = unread ? intent_readable(in, tenant, revision)
		       : revision_before(in, tenant, revision);

	return r ? err_set(err, r, "", NULL, "no memory") : 0;
}

/* job->restore is 0: nobody has said which. */
static int restore_which(struct job *job, struct err *err)
{
	struct intent *in = job->intent;
	const struct state_tenant *t = intent_state_tenant(in->state, job->tenant);
	bool unread = t && t->unread;
	int r = 0;

	if (!job->restore) {
		r = restore_find(in, job->tenant, unread, &job->restore, err);
		job->heals = unread ? t->revision : 0;
	}
	if (r || job->heals)
		return r;
	if (job->restore && job->restore <= intent_revision(in, job->tenant) &&
	    intent_record(in, "revisions/%s/%010" PRIu64, job->tenant, job->restore))
		return 0;
	return err_set(err, -ENOENT, "/revision", NULL,
		       "must be a revision that is kept: see the history");
}

int intent_rollback(struct intent *in, const char *tenant, const char *by, uint64_t revision,
		    int64_t if_revision, intent_done_cb done, void *arg, struct err *err)
{
	struct job *job;
	int r = check_ready(in, tenant, err);

	if (!r)
		r = check_text("/by", by, err);
	if (r)
		return r;
	job = job_new(in, tenant, by, NULL);
	if (!job)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	job->rollback = true;
	job->restore = revision;
	r = restore_which(job, err);
	if (r) {
		job_free(job);
		return r;
	}
	job->if_revision = if_revision;
	job->done = done;
	job->arg = arg;
	job_add(job);
	return 0;
}

int intent_job_restore(struct intent *in, const char *tenant, uint64_t revision,
		       int64_t confirm_rev)
{
	struct job *job;

	if (!intent_state_tenant(in->state, tenant))
		return -EINVAL;
	job = job_new(in, tenant, "confirm", "was not confirmed in time");
	if (!job)
		return -ENOMEM;
	job->rollback = job->quiet = true;
	job->restore = revision;
	job->confirm_rev = confirm_rev;
	job_add(job);
	return 0;
}
