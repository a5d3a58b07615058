/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking back and settling; also for those that cannot any more. */
#include "intent/intent_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

static void revision_del(struct txn *txn, const char *tenant, uint64_t revision)
{
	intent_txn_del(txn, false, INTENT_KEYS "revisions/%s/%010" PRIu64, tenant, revision);
	intent_txn_del(txn, true, INTENT_KEYS "revisions/%s/%010" PRIu64 "/", tenant, revision);
}

/* What `a` has and `b` has not reached. */
static void revisions_del(struct txn *txn, const struct stored_head *a, const struct stored_head *b)
{
	for (unsigned int i = 0; i < a->n; i++)
		if (a->tenants[i].revision > stored_head_revision(b, a->tenants[i].name))
			revision_del(txn, a->tenants[i].name, a->tenants[i].revision);
}

static int head_now(struct intent *in, struct stored_head *out, int64_t *mod_rev, struct err *err)
{
	const struct record *rec = intent_record(in, "head");

	*out = (struct stored_head){0};
	*mod_rev = rec ? rec->mod_rev : 0;
	return rec ? stored_head_parse(rec->text, rec->len, out, err) : 0;
}

/* ---- the three ends of a stage ---- */

static void undo_add(struct txn *txn, const struct stored_undo *undo, int64_t mod_rev)
{
	intent_txn_not_since(txn, mod_rev, undo->key);
	if (undo->text)
		intent_txn_put(txn, 0, undo->text, strlen(undo->text), "%s", undo->key);
	else
		intent_txn_del(txn, false, "%s", undo->key);
}

static void on_undone(void *arg, int status, bool held)
{
}

/* With the head; where that did not do, each on its own: what others changed since stays, and the
 * head goes back anyway. */
static void undo_all(struct intent *in, const struct stored_stage *stage, const struct record *rec,
		     struct txn *txn)
{
	bool apart = in->back_rev == rec->mod_rev;

	in->back_rev = rec->mod_rev;
	for (unsigned int i = 0; i < stage->n_undo; i++) {
		struct txn *own = apart ? intent_txn_new(in) : txn;

		undo_add(own, &stage->undo[i], rec->mod_rev);
		if (apart)
			intent_txn_commit(own, on_undone, NULL, NULL);
	}
}

int intent_back_out(struct intent *in, const struct stored_stage *stage, const struct record *rec,
		    void (*done)(void *arg, int status, bool held), void *arg, struct err *err)
{
	struct stored_head now;
	struct txn *txn;
	json_t *head;
	int64_t mod_rev;
	int r = head_now(in, &now, &mod_rev, err);

	if (r)
		return r;
	txn = intent_txn_new(in);
	head = json_pack("{s:I}", "commit", (json_int_t)now.commit + 1);
	if (head)
		json_object_update(head, json_object_get(stage->json, "back_to"));
	intent_txn_mod(txn, rec->mod_rev, INTENT_KEYS "stage");
	intent_txn_mod(txn, mod_rev, INTENT_KEYS "head");
	intent_txn_put_json(txn, 0, head, INTENT_KEYS "head");
	intent_txn_del(txn, false, INTENT_KEYS "stage");
	undo_all(in, stage, rec, txn);
	revisions_del(txn, &now, &stage->to);
	stored_head_fini(&now);
	return intent_txn_commit(txn, done, arg, err);
}

static bool is_revision(const struct record *rec, const char *prefix)
{
	return strlen(rec->key) == strlen(prefix) + 10;
}

struct kept {
	unsigned int n;
	size_t bytes;
	uint64_t before; /* the newest but the one in force */
};

static struct kept kept_now(const struct intent *in, const char *prefix, uint64_t now)
{
	const struct record *rec = NULL;
	struct kept kept = {0};

	while ((rec = intent_record_next(in, prefix, rec))) {
		uint64_t revision = strtoull(intent_record_name(rec), NULL, 10);

		kept.bytes += rec->len;
		if (!is_revision(rec, prefix))
			continue;
		kept.n++;
		if (revision < now)
			kept.before = revision;
	}
	return kept;
}

/* With its parts. */
static size_t revision_bytes(const struct intent *in, const struct record *revision)
{
	const struct record *rec = revision;
	size_t bytes = rec->len;

	while ((rec = intent_record_next(in, revision->key, rec)))
		bytes += rec->len;
	return bytes;
}

static uint64_t confirm_back(const struct intent *in, const char *tenant)
{
	const struct record *rec = intent_record(in, "confirm/%s", tenant);
	struct stored_confirm confirm = {0};

	if (rec)
		stored_confirm_parse(rec->text, rec->len, &confirm, NULL);
	return confirm.back_to;
}

/* What there is no room for goes with the next commit. */
static void history_prune(const struct intent *in, struct txn *txn, const char *tenant)
{
	uint64_t keep = confirm_back(in, tenant), now = intent_revision(in, tenant);
	const struct record *rec = NULL;
	char prefix[NCSDB_KEY_MAX];
	struct kept kept;

	snprintf(prefix, sizeof(prefix), "revisions/%s/", tenant);
	kept = kept_now(in, prefix, now);
	while ((kept.n > intent_limits.history || kept.bytes > INTENT_HISTORY_BYTES) &&
	       intent_txn_room(txn) >= 2 && (rec = intent_record_next(in, prefix, rec))) {
		uint64_t revision = strtoull(intent_record_name(rec), NULL, 10);

		if (!is_revision(rec, prefix) || revision == keep || revision >= now ||
		    (revision == kept.before && kept.n <= intent_limits.history))
			continue;
		revision_del(txn, tenant, revision);
		kept.n--;
		kept.bytes -= revision_bytes(in, rec);
	}
}

int intent_settle(struct intent *in, const struct record *rec, const char *tenant,
		  void (*done)(void *arg, int status, bool held), void *arg, struct err *err)
{
	struct txn *txn = intent_txn_new(in);

	intent_txn_mod(txn, rec->mod_rev, INTENT_KEYS "stage");
	intent_txn_del(txn, false, INTENT_KEYS "stage");
	if (tenant)
		history_prune(in, txn, tenant);
	return intent_txn_commit(txn, done, arg, err);
}

int intent_abort(struct intent *in, const struct stored_stage *stage, const struct record *rec,
		 void (*done)(void *arg, int status, bool held), void *arg, struct err *err)
{
	struct txn *txn = intent_txn_new(in);
	struct stored_head now = {0};
	int64_t mod_rev;

	intent_txn_mod(txn, rec->mod_rev, INTENT_KEYS "stage");
	intent_txn_del(txn, false, INTENT_KEYS "stage");
	if (stage && head_now(in, &now, &mod_rev, err) == 0)
		revisions_del(txn, &stage->to, &now);
	stored_head_fini(&now);
	return intent_txn_commit(txn, done, arg, err);
}

/* ---- what others left ---- */

static void on_orphan(void *arg, int status, bool held)
{
	struct intent *in = arg;

	in->orphan_busy = false;
	if (held)
		in->orphan_ended = in->orphan_rev; /* the mirror may show it for a while yet */
	else
		in->orphan_after_ms = intent_now(in) + INTENT_RETRY_MS;
}

static void on_orphan_back(void *arg, int status, bool held)
{
	struct intent *in = arg;

	in->stats.backed_out += held;
	on_orphan(arg, status, held);
}

/* Its coordinator is not at it any more, and this host is the one to see to it. */
static bool is_orphan(const struct intent *in, const struct stored_stage *stage)
{
	const struct job *job = in->jobs;

	if (job && job->draft && strcmp(job->draft->id, stage->id) == 0)
		return false;
	if (strcmp(stage->coordinator, in->conf.host) == 0)
		return true;
	return in->host.leads && !intent_host_alive(in, stage->coordinator);
}

static int flipped_end(struct intent *in, const struct stored_stage *stage,
		       const struct record *rec, struct err *err)
{
	struct hosts_look look = {.commit = stage->commit};
	enum hosts_answer answer = intent_hosts_look(in, &look);
	bool late = intent_now(in) >= in->orphan_due_ms;

	if (answer == HOSTS_DONE || stage->commit == in->answered)
		return intent_settle(in, rec, NULL, on_orphan, in, err);
	if (answer == HOSTS_WAIT && !late) {
		intent_wake(in, in->orphan_due_ms);
		return 1;
	}
	log_warn("commit of a host that is gone taken back",
		 "coordinator=%s commit=%" PRIu64 " host=%s why=\"%s\"", stage->coordinator,
		 stage->commit, look.host, look.why);
	return intent_back_out(in, stage, rec, on_orphan_back, in, err);
}

static void orphan_end(struct intent *in, const struct stored_stage *stage,
		       const struct record *rec)
{
	struct err err = {0};
	int r;

	if (stage && stage->step == STORED_FLIPPED)
		r = flipped_end(in, stage, rec, &err);
	else
		r = intent_abort(in, stage, rec, on_orphan, in, &err);
	in->orphan_busy = r == 0;
	if (r < 0)
		intent_wake(in, in->orphan_after_ms = intent_now(in) + INTENT_RETRY_MS);
}

/* One that cannot be read would stop all commits for ever. */
static void orphan_bad(struct intent *in, const struct record *rec)
{
	if (!in->host.leads)
		return;
	if (intent_now(in) < in->orphan_due_ms)
		intent_wake(in, in->orphan_due_ms);
	else
		orphan_end(in, NULL, rec);
}

void intent_orphans_step(struct intent *in)
{
	const struct record *rec = intent_record(in, "stage");
	struct stored_stage stage;

	if (!rec || in->orphan_busy || rec->mod_rev == in->orphan_ended)
		return;
	if (in->orphan_rev != rec->mod_rev) {
		in->orphan_rev = rec->mod_rev;
		in->orphan_due_ms = intent_now(in) + intent_limits.apply_ms;
		in->orphan_forgiven_ms = 0;
	}
	if (intent_now(in) < in->orphan_after_ms) {
		intent_wake(in, in->orphan_after_ms);
		return;
	}
	if (!intent_stage(in, &stage, &rec)) {
		orphan_bad(in, rec);
		return;
	}
	if (is_orphan(in, &stage))
		orphan_end(in, &stage, rec);
	stored_stage_fini(&stage);
}
