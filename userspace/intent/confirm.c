/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commits that are to be confirmed: the leader takes back those that were not. */
#include "intent/intent_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"

/* ---- pauses: a rollback that fails holds up no other tenant's ---- */

struct confirm_pause {
	uint64_t until_ms;
	char tenant[NAME_LEN];
};

static struct confirm_pause *pause_of(struct intent *in, const char *tenant)
{
	struct confirm_pause *known = radix_get(&in->pauses, tenant);

	if (known)
		return known;
	known = calloc(1, sizeof(*known));
	if (!known || radix_reserve(&in->pauses, tenant)) {
		free(known);
		return NULL;
	}
	snprintf(known->tenant, sizeof(known->tenant), "%s", tenant);
	radix_set(&in->pauses, known->tenant, known);
	return known;
}

void intent_confirm_pause(struct intent *in, const char *tenant, uint64_t ms)
{
	struct confirm_pause *known = pause_of(in, tenant);

	if (known)
		known->until_ms = intent_now(in) + ms;
}

void intent_confirms_fini(struct intent *in)
{
	struct confirm_pause *known;

	while ((known = radix_seek(&in->pauses, "", false))) {
		radix_remove(&in->pauses, known->tenant);
		free(known);
	}
	radix_fini(&in->pauses);
}

/* ---- confirmations that did not come ---- */

static bool restoring(const struct intent *in, const char *tenant)
{
	for (const struct job *job = in->jobs; job; job = job->next)
		if (job->quiet && strcmp(job->tenant, tenant) == 0)
			return true;
	return false;
}

static void on_confirm_gone(void *arg, int status, int64_t revision, bool created)
{
}

bool intent_confirm_waits(const struct intent *in, const char *tenant, int64_t mod_rev)
{
	const struct record *rec = intent_record(in, "confirm/%s", tenant);

	return rec && rec->mod_rev == mod_rev;
}

void intent_confirm_drop(struct intent *in, const char *tenant, int64_t mod_rev)
{
	struct ncsdb_write *w = ncsdb_write_new(&in->writer);

	ncsdb_write_if(w, mod_rev, INTENT_KEYS "confirm/%s", tenant);
	ncsdb_write_del(w, INTENT_KEYS "confirm/%s", tenant);
	ncsdb_write_commit(w, (struct ncsdb_write_done){on_confirm_gone, NULL}, NULL);
}

static bool can_restore(const struct intent *in, const char *tenant, uint64_t revision)
{
	return intent_revision(in, tenant) != revision &&
	       (!revision || intent_record(in, "revisions/%s/%010" PRIu64, tenant, revision));
}

static bool too_soon(struct intent *in, const char *tenant)
{
	const struct confirm_pause *known = pause_of(in, tenant);
	uint64_t until = known ? known->until_ms : intent_now(in) + INTENT_RETRY_MS;

	if (intent_now(in) >= until)
		return false;
	intent_wake(in, until);
	return true;
}

static void expired(struct intent *in, const struct record *rec, const char *tenant,
		    uint64_t back_to)
{
	if (restoring(in, tenant) || too_soon(in, tenant))
		return;
	intent_confirm_pause(in, tenant, INTENT_RETRY_MS);
	if (!can_restore(in, tenant, back_to)) {
		log_err("commit was not confirmed, but there is nothing to go back to",
			"tenant=%s revision=%" PRIu64, tenant, back_to);
		intent_confirm_drop(in, tenant, rec->mod_rev);
		return;
	}
	log_warn("commit was not confirmed", "tenant=%s back_to=%" PRIu64, tenant, back_to);
	intent_job_restore(in, tenant, back_to, rec->mod_rev);
}

/* Anybody may have written the key. */
static int record_read(const struct intent *in, const struct record *rec, char tenant[NAME_LEN],
		       struct stored_confirm *out, struct err *err)
{
	char parts[1][NAME_LEN];

	if (ncsdb_key_split(rec->key, "confirm/", parts, 1) != 1 ||
	    !intent_state_tenant(in->state, parts[0]))
		return err_set(err, -EINVAL, "", NULL,
			       "must be of a tenant that has revisions or is configured");
	strcpy(tenant, parts[0]);
	return stored_confirm_parse(rec->text, rec->len, out, err);
}

void intent_confirms_step(struct intent *in)
{
	const struct record *rec = NULL;
	int64_t now = clock_real_s();

	while (in->host.leads && !in->closed && (rec = intent_record_next(in, "confirm/", rec))) {
		struct stored_confirm confirm;
		char tenant[NAME_LEN];
		struct err err = {0};

		if (record_read(in, rec, tenant, &confirm, &err)) {
			intent_refuse(in, rec, &err);
			continue;
		}
		/* Looked at from time to time: the clock may be set. */
		if (confirm.until > now)
			intent_wake(in, intent_now(in) + 1000 * (confirm.until - now < 60
									 ? confirm.until - now
									 : 60));
		else
			expired(in, rec, tenant, confirm.back_to);
	}
}

int intent_confirm(struct intent *in, const char *tenant, struct ncsdb_write_done done,
		   struct err *err)
{
	const struct record *rec;
	struct ncsdb_write *w;
	int r = intent_check_tenant(in, tenant, err);

	if (r)
		return r;
	rec = intent_record(in, "confirm/%s", tenant);
	if (!rec)
		return err_set(err, -ENOENT, "", NULL, "no commit waits to be confirmed");
	w = ncsdb_write_new(&in->writer);
	ncsdb_write_if(w, rec->mod_rev, INTENT_KEYS "confirm/%s", tenant);
	ncsdb_write_del(w, INTENT_KEYS "confirm/%s", tenant);
	return ncsdb_write_commit(w, done, err);
}

json_t *intent_confirm_json(const struct intent *in, const char *tenant)
{
	const struct record *rec = intent_record(in, "confirm/%s", tenant);
	json_t *obj = NULL;

	if (!rec || json_parse(rec->text, rec->len, &obj, NULL))
		return json_null();
	return obj;
}
