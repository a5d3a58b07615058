/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/hold.h"

#include <errno.h>
#include <stdlib.h>

#include "util/clock.h"

struct ncsdb_hold {
	struct ncsdb *db;
	void (*held)(void *arg, int64_t lease);
	void *arg;
	uv_timer_t timer;
	bool timer_open;
	bool asked;   /* a request is under way: its callback comes */
	bool stopped; /* the owner is gone */
	bool revoke;  /* with it the lease */
	unsigned int ttl_s, granted_s;
	uint64_t retry_ms;
	int64_t lease;	  /* 0: none */
	uint64_t sent_ms; /* the request under way */
	uint64_t good_ms; /* the last one that was answered was sent then */
};

static void ask(struct ncsdb_hold *h);

static void free_if_done(struct ncsdb_hold *h)
{
	if (h->stopped && !h->asked && !h->timer_open)
		free(h);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct ncsdb_hold *h = handle->data;

	h->timer_open = false;
	free_if_done(h);
}

static void on_timer(uv_timer_t *timer)
{
	ask(timer->data);
}

static uint64_t now_ms(void)
{
	return clock_us() / 1000;
}

/* ---- answers ---- */

static void on_revoked(void *arg, int status, int64_t lease, unsigned int ttl_s)
{
	/* If it fails the lease ends by itself. */
}

static void lease_end(struct ncsdb_hold *h)
{
	if (h->revoke && h->lease)
		ncsdb_lease_revoke(h->db, h->lease, on_revoked, NULL);
	h->lease = 0;
}

static void later(struct ncsdb_hold *h)
{
	uint64_t ms = h->retry_ms, ttl_ms = h->ttl_s * 1000ull;

	h->retry_ms = ms * 2 < ttl_ms ? ms * 2 : ttl_ms;
	uv_timer_start(&h->timer, on_timer, ms, 0);
}

/* A third of the TTL after it was sent, so that two can be lost. */
static void next_keepalive(struct ncsdb_hold *h)
{
	uint64_t third = h->granted_s * 1000ull / 3, gone = now_ms() - h->sent_ms;

	h->retry_ms = HOLD_RETRY_MS;
	h->good_ms = h->sent_ms;
	uv_timer_start(&h->timer, on_timer, third > gone ? third - gone : 0, 0);
}

static void granted(struct ncsdb_hold *h, int64_t lease, unsigned int ttl_s)
{
	h->lease = lease;
	h->granted_s = ttl_s ? ttl_s : h->ttl_s;
	next_keepalive(h);
	h->held(h->arg, lease);
}

/* A store that was away itself can have kept what our clock says is lost: what was not written
 * meanwhile, for want of a lease, is to be written now. */
static void kept(struct ncsdb_hold *h, int status, unsigned int ttl_s)
{
	bool counted_lost = ncsdb_hold_lease(h) == 0;

	if (status == -ENOENT) {
		h->lease = 0;
		ask(h);
	} else if (status) {
		later(h);
	} else {
		if (ttl_s)
			h->granted_s = ttl_s;
		next_keepalive(h);
		if (counted_lost)
			h->held(h->arg, h->lease);
	}
}

static void on_granted(void *arg, int status, int64_t lease, unsigned int ttl_s)
{
	struct ncsdb_hold *h = arg;

	h->asked = false;
	if (h->stopped) {
		h->lease = status ? 0 : lease;
		lease_end(h);
		free_if_done(h);
	} else if (status == -ECANCELED) {
		return; /* the database is being closed */
	} else if (status) {
		later(h);
	} else {
		granted(h, lease, ttl_s);
	}
}

static void on_kept(void *arg, int status, int64_t lease, unsigned int ttl_s)
{
	struct ncsdb_hold *h = arg;

	h->asked = false;
	if (h->stopped)
		free_if_done(h);
	else if (status != -ECANCELED)
		kept(h, status, ttl_s);
}

/* ---- requests ---- */

/* Its end by our clock: the store may not have ended it yet (it was away, too), but nobody kept it
 * alive. What it says to the next keep-alive counts. */
int64_t ncsdb_hold_lease(const struct ncsdb_hold *h)
{
	if (h->lease && now_ms() - h->good_ms > h->granted_s * 1000ull)
		return 0;
	return h->lease;
}

static void ask(struct ncsdb_hold *h)
{
	int rc;

	h->sent_ms = now_ms();
	if (h->lease)
		rc = ncsdb_lease_keepalive(h->db, h->lease, on_kept, h);
	else
		rc = ncsdb_lease_grant(h->db, 0, h->ttl_s, on_granted, h);
	h->asked = rc == 0;
	if (rc && rc != -ECANCELED)
		later(h);
}

int ncsdb_hold_start(uv_loop_t *loop, struct ncsdb *db, unsigned int ttl_s,
		     void (*held)(void *arg, int64_t lease), void *arg, struct ncsdb_hold **out)
{
	struct ncsdb_hold *h;

	if (ttl_s < NCSDB_LEASE_TTL_MIN_S || ttl_s > NCSDB_LEASE_TTL_MAX_S || !held)
		return -EINVAL;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->db = db;
	h->ttl_s = ttl_s;
	h->held = held;
	h->arg = arg;
	h->retry_ms = HOLD_RETRY_MS;
	uv_timer_init(loop, &h->timer);
	uv_unref((uv_handle_t *)&h->timer);
	h->timer.data = h;
	h->timer_open = true;
	ask(h);
	*out = h;
	return 0;
}

void ncsdb_hold_stop(struct ncsdb_hold *h, bool revoke)
{
	if (!h || h->stopped)
		return;
	h->stopped = true;
	h->revoke = revoke;
	lease_end(h);
	uv_close((uv_handle_t *)&h->timer, on_timer_closed);
}
