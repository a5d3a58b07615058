/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "intent/intent_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct intent_limits intent_limits = {
	.prepare_ms = INTENT_PREPARE_MS,
	.apply_ms = INTENT_APPLY_MS,
	.history = INTENT_HISTORY,
	.events = INTENT_EVENTS,
	.lease_s = INTENT_LEASE_S,
};

_Static_assert(INTENT_PARTS == STORED_PARTS_MAX, "as many as are read back");
_Static_assert((uint64_t)INTENT_PARTS *NCSDB_VALUE_MAX >= 2ull * NEMO_SCRIPT_MAX,
	       "the largest script has room");

/* ---- the step ---- */

uint64_t intent_now(const struct intent *in)
{
	return uv_now(in->conf.loop);
}

void intent_wake(struct intent *in, uint64_t ms)
{
	if (ms < in->wake_ms)
		in->wake_ms = ms;
}

static void on_timer(uv_timer_t *timer)
{
	intent_step(timer->data);
}

/* Only what somebody waits for keeps the loop alive. */
static void timer_set(struct intent *in)
{
	uint64_t now = intent_now(in);

	if (in->again)
		in->wake_ms = now;
	if (in->jobs || in->events || in->reading)
		uv_ref((uv_handle_t *)&in->timer);
	else
		uv_unref((uv_handle_t *)&in->timer);
	if (in->wake_ms == UINT64_MAX)
		uv_timer_stop(&in->timer);
	else
		uv_timer_start(&in->timer, on_timer, in->wake_ms > now ? in->wake_ms - now : 0, 0);
}

void intent_kick(struct intent *in)
{
	in->again = true;
	if (!in->stepping && !in->closed)
		timer_set(in);
}

static void told(struct intent *in)
{
	if (in->told_synced || in->reading)
		return;
	in->told_synced = true;
	intent_clock_tell(in);
	if (in->conf.synced && !in->closed)
		in->conf.synced(in->conf.arg);
}

static uint64_t credit(uint64_t gap, uint64_t *given)
{
	uint64_t left = intent_limits.prepare_ms > *given ? intent_limits.prepare_ms - *given : 0;
	uint64_t more = gap < left ? gap : left;

	*given += more;
	return more;
}

/* While this process does something else for long (it compiles what it prepares), nobody can be
 * heard: that time does not count against anybody, up to what a phase may take anyway. */
static void forgive(struct intent *in)
{
	uint64_t now = intent_now(in), gap = now - in->last_ms;
	bool waits = in->jobs || intent_record(in, "stage");

	if (waits && in->last_ms && gap > 2 * INTENT_BEAT_MS) {
		for (struct job *job = in->jobs; job; job = job->next) {
			uint64_t more = credit(gap - INTENT_BEAT_MS, &job->forgiven_ms);

			job->due_ms += more;
			job->turn_ms += more;
		}
		in->orphan_due_ms += credit(gap - INTENT_BEAT_MS, &in->orphan_forgiven_ms);
	}
	in->last_ms = waits ? now : 0;
	if (waits)
		intent_wake(in, now + INTENT_BEAT_MS);
}

/* Callbacks of the owner may close everything in between. Until the head of now was read, nothing
 * is to be said about what is in force. */
static void step_all(struct intent *in)
{
	static void (*const steps[])(struct intent *) = {told,
							 intent_jobs_step,
							 intent_orphans_step,
							 intent_confirms_step,
							 intent_events_step,
							 intent_stats_step};

	intent_host_step(in);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && !in->closed && !in->reading; i++)
		steps[i](in);
}

void intent_step(struct intent *in)
{
	if (in->closed || !in->synced)
		return;
	if (in->stepping) {
		in->again = true;
		return;
	}
	in->refs++;
	in->stepping = true;
	in->again = false;
	in->wake_ms = UINT64_MAX;
	forgive(in);
	step_all(in);
	in->stepping = false;
	if (!in->closed)
		timer_set(in);
	intent_unref(in);
}

/* ---- life ---- */

void intent_unref(struct intent *in)
{
	if (--in->refs)
		return;
	intent_state_free(in->state);
	intent_state_free(in->staged);
	intent_state_free(in->reading);
	intent_records_fini(in);
	intent_stats_fini(in);
	intent_confirms_fini(in);
	nemo_store_free(in->empty);
	free(in->host.said);
	free(in->tenants);
	free(in);
}

static void on_timer_closed(uv_handle_t *handle)
{
	intent_unref(handle->data);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct intent_tenant_conf *)a)->name,
		      ((const struct intent_tenant_conf *)b)->name);
}

static int check_conf(const struct intent_conf *conf, struct err *err)
{
	if (!name_valid(conf->host))
		return err_set(err, -EINVAL, "/host", conf->host, "must be a name");
	if (conf->n_tenants > NEMO_TENANTS_MAX)
		return err_set(err, -EINVAL, "/tenants", NULL, "must be at most %d",
			       NEMO_TENANTS_MAX);
	for (unsigned int i = 0; i < conf->n_tenants; i++)
		if (!name_valid(conf->tenants[i].name))
			return err_set(err, -EINVAL, "/tenants", conf->tenants[i].name,
				       "must be a name: [A-Za-z0-9._-]{1,63}");
	return 0;
}

static int tenants_copy(struct intent *in, const struct intent_conf *conf, struct err *err)
{
	in->tenants = calloc(conf->n_tenants + 1, sizeof(*in->tenants));
	if (!in->tenants)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	if (conf->n_tenants)
		memcpy(in->tenants, conf->tenants, conf->n_tenants * sizeof(*in->tenants));
	qsort(in->tenants, conf->n_tenants, sizeof(*in->tenants), by_name);
	for (unsigned int i = 1; i < conf->n_tenants; i++)
		if (strcmp(in->tenants[i].name, in->tenants[i - 1].name) == 0)
			return err_set(err, -EINVAL, "/tenants", in->tenants[i].name,
				       "must be there once");
	return 0;
}

/* What is there before anything was read: nothing, as commit 0. */
static int start(struct intent *in, struct err *err)
{
	const struct stored_head none = {0};
	int r;

	in->empty = nemo_store_new();
	if (!in->empty)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	r = intent_state_new(in, &none, 0, &in->state, err);
	if (!r)
		r = intent_state_read(in, in->state, SIZE_MAX, err);
	if (r)
		return r;
	r = intent_records_follow(in);
	if (!r)
		r = intent_host_start(in);
	return r ? err_set(err, r, "", NULL, "intent cannot be followed: %s", strerror(-r)) : 0;
}

int intent_open(const struct intent_conf *conf, struct intent **out, struct err *err)
{
	struct intent *in;
	int r = check_conf(conf, err);

	if (r)
		return r;
	in = calloc(1, sizeof(*in));
	if (!in)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	in->conf = *conf;
	in->refs = 1;
	ncsdb_writer_init(&in->writer, conf->db);
	uv_timer_init(conf->loop, &in->timer);
	uv_unref((uv_handle_t *)&in->timer);
	in->timer.data = in;
	r = tenants_copy(in, conf, err);
	if (!r)
		r = start(in, err);
	if (r) {
		intent_close(in);
		return r;
	}
	*out = in;
	return 0;
}

void intent_close(struct intent *in)
{
	if (!in || in->closed)
		return;
	in->closed = true;
	ncsdb_follow_stop(in->follow);
	intent_host_stop(in);
	intent_jobs_cancel(in);
	intent_events_fini(in);
	ncsdb_writer_fini(&in->writer);
	uv_close((uv_handle_t *)&in->timer, on_timer_closed);
}

/* ---- what is in force ---- */

const struct intent_head *intent_head(const struct intent *in)
{
	return &in->state->head;
}

static const struct intent_tenant_conf *configured(const struct intent *in, const char *tenant)
{
	for (unsigned int i = 0; i < in->conf.n_tenants; i++)
		if (strcmp(in->tenants[i].name, tenant) == 0)
			return &in->tenants[i];
	return NULL;
}

bool intent_knows(const struct intent *in, const char *tenant)
{
	return configured(in, tenant) != NULL;
}

int intent_check_tenant(const struct intent *in, const char *tenant, struct err *err)
{
	if (intent_knows(in, tenant))
		return 0;
	return err_set(err, -EINVAL, "/tenant", tenant, "must be a tenant that is configured");
}

/* A tenant that only other hosts know was admitted there. */
const struct nemo_grants *intent_grants(const struct intent *in, const char *tenant)
{
	static const struct nemo_grants everything = {.everything = true};
	const struct intent_tenant_conf *conf = configured(in, tenant);

	return conf ? &conf->grants : &everything;
}

const struct nemo_store *intent_store(const struct intent *in, const char *tenant)
{
	const struct state_tenant *t = intent_state_tenant(in->state, tenant);

	return t ? t->store : NULL;
}

uint64_t intent_revision(const struct intent *in, const char *tenant)
{
	const struct state_tenant *t = intent_state_tenant(in->state, tenant);

	return t ? t->revision : 0;
}

const struct nemo_tenant *intent_tenant(const struct intent *in, const char *tenant)
{
	const struct state_tenant *t = intent_state_tenant(in->state, tenant);

	return t ? &t->tenant : NULL;
}

void intent_figures(const struct intent *in, struct intent_stats *out)
{
	const struct record *rec = NULL;

	*out = in->stats;
	out->leads = in->host.leads;
	out->hosts = 0;
	while ((rec = intent_host_next(in, rec)))
		out->hosts++;
}

void intent_follow_stats(const struct intent *in, struct ncsdb_follow_stats *out)
{
	ncsdb_follow_stats(in->follow, out);
}
