/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "csc/csc_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/own.h"

const char *const csc_fields[] = {"gateway", "address", "sid", "state", NULL};
_Static_assert(ARRAY_SIZE(csc_fields) == FIELD_MAX + 1, "a name for every field");

int csc_open(struct ncsdb *db, struct view *view, const struct csc_conf *conf,
	     void (*synced)(void *arg), void *arg, struct csc **out)
{
	struct csc *csc;
	int r;

	if (conf->gateway && (!name_valid(conf->gateway) || conf->locator_len == 0))
		return -EINVAL;
	csc = calloc(1, sizeof(*csc));
	if (!csc)
		return -ENOMEM;
	csc->db = db;
	csc->view = view;
	csc->synced = synced;
	csc->arg = arg;
	csc->sids_per_lease = CSC_SIDS_PER_LEASE;
	if (conf->gateway)
		strcpy(csc->gateway, conf->gateway);
	r = functions_init(&csc->functions, &conf->locator, conf->gateway ? conf->locator_len : 0);
	if (!r)
		r = csc_follow_status(csc);
	if (!r)
		r = csc_follow_agents(csc);
	if (!r)
		r = csc_follow_aggregates(csc);
	if (r) {
		csc_close(csc);
		return r;
	}
	*out = csc;
	return 0;
}

/* ---- trying again ---- */

#define SLICE_MS 10 /* between two slices of what is tried again */

/* Lives until the loop has closed it, csc need not. */
struct csc_clock {
	uv_timer_t timer;
	struct csc *csc;
};

static void on_retry(uv_timer_t *timer)
{
	struct csc_clock *clock = timer->data;

	/* Before: what fails now must not make patience grow with every slice. */
	uv_timer_start(timer, on_retry, SLICE_MS, 0);
	if (csc_sids_retry(clock->csc))
		return;
	uv_timer_stop(timer);
	if (clock->csc->later)
		csc_retry(clock->csc);
	csc_aggregates_retry(clock->csc);
}

static struct csc_clock *clock_new(struct csc *csc)
{
	struct csc_clock *clock = calloc(1, sizeof(*clock));

	if (!clock)
		return NULL;
	clock->csc = csc;
	uv_timer_init(csc->db->loop, &clock->timer);
	uv_unref((uv_handle_t *)&clock->timer);
	clock->timer.data = clock;
	return clock;
}

/* Patience grows as long as nothing succeeds. */
void csc_retry(struct csc *csc)
{
	struct csc_clock *clock = csc->clock;

	if (!clock)
		clock = csc->clock = clock_new(csc);
	if (!clock || uv_is_active((uv_handle_t *)&clock->timer))
		return;
	csc->retry_ms = csc->retry_ms ? csc->retry_ms * 2 : CSC_RETRY_MS;
	if (csc->retry_ms > CSC_RETRY_MAX_MS)
		csc->retry_ms = CSC_RETRY_MAX_MS;
	uv_timer_start(&clock->timer, on_retry, csc->retry_ms, 0);
}

static void on_clock_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void clock_fini(struct csc *csc)
{
	if (csc->clock)
		uv_close((uv_handle_t *)&csc->clock->timer, on_clock_closed);
}

uint64_t csc_time(const struct csc *csc, const struct ncsdb_kv *kv)
{
	return kv->received_us ? view_time(csc->view, kv->received_us) : 0;
}

/* ---- closing ---- */

static void follow_fini(struct csc_follow *f)
{
	if (f->follow)
		ncsdb_follow_stop(f->follow);
	ncsdb_writer_fini(&f->writer);
}

void csc_close(struct csc *csc)
{
	if (!csc)
		return;
	csc_sids_fini(csc);
	csc_aggregates_fini(csc);
	follow_fini(&csc->status);
	follow_fini(&csc->agents);
	follow_fini(&csc->aggregates);
	clock_fini(csc);
	csc_requests_fini(csc);
	csc_agents_fini(csc);
	csc_status_fini(csc);
	csc_quotas_fini(csc);
	functions_fini(&csc->functions);
	free(csc);
}

uint64_t csc_refused(const struct csc *csc)
{
	return csc->refusals.count;
}

void csc_follow_stats(const struct csc *csc, struct ncsdb_follow_stats *out)
{
	*out = FOLLOW_STATS_NONE;
	ncsdb_follow_add(csc->status.follow, out);
	ncsdb_follow_add(csc->agents.follow, out);
	ncsdb_follow_add(csc->aggregates.follow, out);
}

void csc_refuse(struct csc *csc, const char *key, int code, struct err *err)
{
	const struct view_limits *limits = &csc->view->limits;
	char text[512];

	err->code = code;
	if (code == -ENOSPC && !err->want[0])
		err_set(err, code, "", NULL,
			"one too many: at most %u services, %u instances, %d attributes of each",
			limits->services, limits->instances, ATTR_PER_OBJECT);
	if (ncsdb_refused(&csc->refusals, key, clock_us()))
		log_warn("stored computing status refused", "key=%s why=\"%s\"", key,
			 err_text(err, text, sizeof(text)));
}

void csc_on_revision(void *arg, int64_t revision)
{
	struct csc_follow *f = arg;

	ncsdb_writer_seen(&f->writer, revision);
	csc_sids_run(f->csc);
}

/* Until it succeeds again what is stored is not seen: the writes at least are answered. */
void csc_on_failed(void *arg, int status)
{
	struct csc_follow *f = arg;

	log_err("computing status is not followed for now", "error=\"%s\"", strerror(-status));
	ncsdb_writer_seen(&f->writer, INT64_MAX);
}

void csc_on_synced(void *arg, int64_t revision)
{
	struct csc_follow *f = arg;
	struct csc *csc = f->csc;
	void (*synced)(void *arg) = csc->synced;

	ncsdb_writer_seen(&f->writer, revision);
	f->synced = true;
	csc_sids_run(csc);
	if (!csc->status.synced || !csc->agents.synced || !csc->aggregates.synced)
		return;
	csc->synced = NULL;
	if (synced)
		synced(csc->arg);
}
