/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/local.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "util/clock.h"
#include "util/log.h"

#define DEFAULT_MAX_KEYS (4ull << 20)
#define DEFAULT_MAX_BYTES (2ull << 30)
#define LEASE_RETRY_MS 1000
#define DISK_PUT_OFF 2 /* turns */

static bool write_due(const struct local *l);
static void write_start(struct local *l);
static void close_if_done(struct local *l);
static void on_step(uv_idle_t *handle);

void local_kick(struct local *l)
{
	l->again = true;
	uv_idle_start(&l->step, on_step);
}

/* ---- answers ---- */

static void answer_range(struct local *l, struct request *r)
{
	struct ncsdb_range_result res = {.status = -ECANCELED};

	if (!l->closing)
		store_range(&l->store, &r->range.req, &res);
	r->range.cb(r->arg, &res);
	free((void *)res.kvs);
}

static void answer(struct local *l, struct request *r)
{
	l->n_requests--;
	if (r->since_us)
		hist_add(&l->write_us, clock_us() - r->since_us);
	switch (r->kind) {
	case REQUEST_RANGE:
		answer_range(l, r);
		break;
	case REQUEST_TXN:
		r->txn.cb(r->arg, &r->txn.res);
		break;
	case REQUEST_LEASE:
		r->lease.cb(r->arg, r->lease.status, r->lease.id, r->lease.ttl_s);
		break;
	case REQUEST_SYNC:
		r->sync.cb(r->arg, r->sync.status);
		break;
	}
	free(r);
}

static void answer_all(struct local *l, struct request_queue q, int status)
{
	struct request *r;

	while ((r = request_pop(&q))) {
		if (status)
			request_fail(r, status);
		answer(l, r);
	}
}

int64_t local_durable(const struct local *l)
{
	return l->disk ? l->durable : l->store.revision;
}

static void tell_durable(struct local *l)
{
	int64_t durable = local_durable(l);

	if (!l->served || durable == l->told_durable)
		return;
	l->told_durable = durable;
	l->served->durable(l->served_arg);
}

/*
 * What follows from the events happens later in this turn, and the answer of those whom that wakes
 * comes in the next one. The disk begins behind that: its thread would take the processor from
 * them. A loop that always has something to do does not keep it waiting for longer.
 */
static void write_soon(struct local *l)
{
	if (write_due(l) && l->put_off < DISK_PUT_OFF) {
		l->put_off++;
		l->again = true;
		return;
	}
	l->put_off = 0;
	write_start(l);
}

/* One turn: events first, they are what others wait for. */
static void on_step(uv_idle_t *handle)
{
	struct local *l = handle->data;

	l->again = false;
	l->burst = 0;
	l->store.pool.hold = true;
	local_watches_deliver(l);
	tell_durable(l);
	answer_all(l, request_take(&l->ready), 0);
	write_soon(l);
	local_watches_tidy(l);
	rec_release(&l->store.pool);
	if (!l->again)
		uv_idle_stop(&l->step);
	close_if_done(l);
}

/* ---- the disk ---- */

static void on_work(uv_work_t *work)
{
	struct local *l = work->data;

	l->work_status = disk_write(l->disk, &l->batches[!l->gather]);
}

static void on_written(uv_work_t *work, int canceled)
{
	struct local *l = work->data;
	unsigned int done = !l->gather;
	struct request_queue answers = request_take(&l->waiting[done]);
	int status = l->work_status;

	l->writing = false;
	l->store.pool.hold = true;
	hist_add(&l->commit_us, clock_us() - l->write_start_us);
	if (!status)
		l->durable = l->batches[done].revision;
	batch_reset(&l->batches[done], &l->store.pool, 0);
	if (status) {
		struct request_queue lost = request_take(&l->waiting[l->gather]);

		if (!l->read_only)
			log_err("database cannot be written: read-only until restart",
				"error=\"%s\"", strerror(-status));
		l->read_only = true;
		l->why_read_only = status;
		l->store.batch = NULL;
		batch_reset(&l->batches[l->gather], &l->store.pool, 0);
		answer_all(l, answers, status);
		answer_all(l, lost, status);
	} else {
		write_start(l);
		tell_durable(l);
		answer_all(l, answers, 0);
		local_watches_tidy(l);
	}
	rec_release(&l->store.pool);
	close_if_done(l);
}

static bool write_due(const struct local *l)
{
	return l->store.batch && !l->writing && !batch_empty(&l->batches[l->gather]);
}

static void write_start(struct local *l)
{
	struct batch *b = &l->batches[l->gather];

	if (!write_due(l))
		return;
	b->revision = l->store.revision;
	l->gather = !l->gather;
	l->store.batch = &l->batches[l->gather];
	batch_reset(l->store.batch, &l->store.pool, ++l->batch_number);
	l->writing = true;
	l->write_start_us = clock_us();
	uv_queue_work(l->loop, &l->work, on_work, on_written);
}

/*
 * The answer to a write waits for the batch that holds it. So does one that changed nothing: it
 * may rest on what is not durable yet.
 */
static void push_durable(struct local *l, struct request *r)
{
	if (l->store.batch && !batch_empty(l->store.batch))
		request_push(&l->waiting[l->gather], r);
	else if (l->writing)
		request_push(&l->waiting[!l->gather], r);
	else
		request_push(&l->ready, r);
	local_kick(l);
}

static void push_ready(struct local *l, struct request *r)
{
	request_push(&l->ready, r);
	local_kick(l);
}

/* ---- requests ---- */

static int admit(const struct local *l)
{
	if (l->closing)
		return -ECANCELED;
	return l->n_requests < NCSDB_PENDING_MAX ? 0 : -EAGAIN;
}

static int admit_write(const struct local *l)
{
	size_t bytes = l->batches[0].bytes + l->batches[1].bytes;
	int rc = admit(l);

	if (rc)
		return rc;
	return bytes < NCSDB_PENDING_BYTES_MAX && l->burst < NCSDB_PENDING_BYTES_MAX ? 0 : -EAGAIN;
}

static int local_range(struct ncsdb *db, const struct ncsdb_range *req, ncsdb_range_cb cb,
		       void *arg)
{
	struct local *l = (struct local *)db;
	struct request *r;
	int rc = admit(l);

	if (rc)
		return rc;
	if (req->revision > l->store.revision)
		return -EINVAL;
	r = request_range(req, cb, arg);
	if (!r)
		return -ENOMEM;
	l->n_requests++;
	push_ready(l, r);
	return 0;
}

static size_t txn_bytes(const struct ncsdb_txn *txn)
{
	size_t bytes = 0;

	for (size_t i = 0; i < txn->n_then; i++)
		bytes += txn->then[i].value_len + sizeof(struct rec);
	for (size_t i = 0; i < txn->n_orelse; i++)
		bytes += txn->orelse[i].value_len + sizeof(struct rec);
	return bytes;
}

int local_admit_write(struct local *l, size_t bytes)
{
	int rc = admit_write(l);

	if (rc)
		return rc;
	l->burst += bytes;
	return l->read_only ? l->why_read_only : 0;
}

int local_sync(struct local *l, uint64_t since_us, local_sync_cb cb, void *arg)
{
	struct request *r;
	int rc = admit(l);

	if (rc)
		return rc;
	r = request_sync(cb, arg);
	if (!r)
		return -ENOMEM;
	r->since_us = since_us;
	l->n_requests++;
	push_durable(l, r);
	return 0;
}

void local_serve(struct local *l, const struct local_served *served, void *arg)
{
	l->served = served;
	l->served_arg = arg;
	l->told_durable = local_durable(l);
}

static int txn_apply(struct local *l, const struct ncsdb_txn *txn, struct ncsdb_txn_result *res)
{
	if (l->read_only && txn->n_then + txn->n_orelse > 0) {
		*res = (struct ncsdb_txn_result){.status = -EROFS, .revision = l->store.revision};
		return -EROFS;
	}
	l->burst += txn_bytes(txn);
	return store_txn(&l->store, txn, clock_us(), res);
}

static int local_txn(struct ncsdb *db, const struct ncsdb_txn *txn, ncsdb_txn_cb cb, void *arg)
{
	struct local *l = (struct local *)db;
	struct ncsdb_txn_result res;
	struct request *r = NULL;
	int rc = admit_write(l);

	if (rc)
		return rc;
	if (cb) {
		r = request_txn(cb, arg);
		if (!r)
			return -ENOMEM;
		r->since_us = clock_us();
		l->n_requests++;
	}
	rc = txn_apply(l, txn, &res);
	local_kick(l);
	if (!r)
		return 0;
	r->txn.res = res;
	if (rc)
		push_ready(l, r);
	else
		push_durable(l, r);
	return 0;
}

/* ---- leases ---- */

static void on_timer(uv_timer_t *timer);

static void timer_set(struct local *l)
{
	const struct lease *next = lease_nearest(&l->store.leases);
	uint64_t now = clock_us(), ms = 0;

	if (!next || l->closing) {
		uv_timer_stop(&l->timer);
		return;
	}
	if (next->deadline_us > now)
		ms = (next->deadline_us - now + 999) / 1000;
	uv_timer_start(&l->timer, on_timer, ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct local *l = timer->data;
	uint64_t now = clock_us();
	struct lease *lease;

	while ((lease = lease_nearest(&l->store.leases)) && lease->deadline_us <= now) {
		if (store_lease_end(&l->store, lease->id)) {
			uv_timer_start(&l->timer, on_timer, LEASE_RETRY_MS, 0);
			return;
		}
		local_kick(l);
	}
	timer_set(l);
}

static int lease_request(struct local *l, ncsdb_lease_cb cb, void *arg, struct request **out)
{
	int rc = admit_write(l);

	if (rc)
		return rc;
	*out = request_lease(cb, arg);
	if (!*out)
		return -ENOMEM;
	l->n_requests++;
	return 0;
}

static int local_lease_grant(struct ncsdb *db, int64_t id, unsigned int ttl_s, ncsdb_lease_cb cb,
			     void *arg)
{
	struct local *l = (struct local *)db;
	struct request *r;
	int rc = lease_request(l, cb, arg, &r);

	if (rc)
		return rc;
	r->lease.id = id;
	r->lease.ttl_s = ttl_s;
	r->lease.status = -EROFS;
	if (!l->read_only)
		r->lease.status = store_lease_grant(&l->store, &r->lease.id, ttl_s, clock_us());
	if (r->lease.status) {
		push_ready(l, r);
		return 0;
	}
	timer_set(l);
	push_durable(l, r);
	return 0;
}

/* Not on the disk: a lease lives on anyway when the database is opened. */
static int local_lease_keepalive(struct ncsdb *db, int64_t id, ncsdb_lease_cb cb, void *arg)
{
	struct local *l = (struct local *)db;
	struct lease *lease;
	struct request *r;
	int rc = lease_request(l, cb, arg, &r);

	if (rc)
		return rc;
	lease = lease_get(&l->store.leases, id);
	r->lease.id = id;
	if (lease) {
		r->lease.ttl_s = lease->ttl_s;
		lease_renew(&l->store.leases, lease, clock_us());
	} else {
		r->lease.status = -ENOENT;
	}
	push_ready(l, r);
	return 0;
}

static int local_lease_revoke(struct ncsdb *db, int64_t id, ncsdb_lease_cb cb, void *arg)
{
	struct local *l = (struct local *)db;
	struct request *r;
	int rc = lease_request(l, cb, arg, &r);

	if (rc)
		return rc;
	r->lease.id = id;
	r->lease.status = l->read_only ? -EROFS : store_lease_end(&l->store, id);
	if (r->lease.status)
		push_ready(l, r);
	else
		push_durable(l, r);
	return 0;
}

/* ---- life ---- */

static void local_status(const struct ncsdb *db, struct ncsdb_status *out)
{
	const struct local *l = (const struct local *)db;

	*out = (struct ncsdb_status){
		.revision = l->store.revision,
		.compacted = l->store.compacted,
		.keys = l->store.tree.count,
		.leases = l->store.leases.n,
		.watches = l->n_watches,
		.bytes_on_disk = l->disk ? disk_bytes(l->disk) : 0,
		.store_epoch = l->epoch,
		.read_only = l->read_only,
		.connected = true,
		.pending = l->n_requests,
		.endpoint = "",
		.write_us = &l->write_us,
		.commit_us = l->disk ? &l->commit_us : NULL,
	};
}

static void local_free(struct local *l)
{
	for (struct local_watch *w = l->watches, *next; w; w = next) {
		next = w->next;
		free(w);
	}
	for (unsigned int i = 0; i < 2; i++)
		batch_fini(&l->batches[i], &l->store.pool);
	store_fini(&l->store);
	disk_close(l->disk);
	free(l->events);
	free(l);
}

static void on_closed(uv_handle_t *handle)
{
	struct local *l = handle->data;

	if (--l->handles == 0)
		local_free(l);
}

/* Everything taken is written and answered. */
static void close_if_done(struct local *l)
{
	if (!l->closing || l->writing || l->again || uv_is_closing((uv_handle_t *)&l->step))
		return;
	uv_close((uv_handle_t *)&l->step, on_closed);
	uv_close((uv_handle_t *)&l->timer, on_closed);
}

static void local_close(struct ncsdb *db)
{
	struct local *l = (struct local *)db;

	l->closing = true;
	local_watches_end(l);
	uv_timer_stop(&l->timer);
	local_kick(l);
}

static const struct ncsdb_ops local_ops = {
	.name = "local",
	.close = local_close,
	.status = local_status,
	.range = local_range,
	.txn = local_txn,
	.watch = local_watch,
	.unwatch = local_unwatch,
	.compact = local_compact,
	.lease_grant = local_lease_grant,
	.lease_keepalive = local_lease_keepalive,
	.lease_revoke = local_lease_revoke,
};

struct local *local_of(struct ncsdb *db)
{
	return db->ops == &local_ops ? (struct local *)db : NULL;
}

static int open_disk(struct local *l, const struct ncsdb_conf *conf, struct err *err)
{
	int rc;

	if (!conf->dir)
		return getrandom(&l->epoch, sizeof(l->epoch), 0) == sizeof(l->epoch) ? 0 : -EIO;
	rc = disk_open(conf, &l->disk, err);
	if (!rc)
		rc = disk_load(l->disk, &l->store, clock_us(), err);
	if (rc)
		return rc;
	l->epoch = disk_epoch(l->disk);
	l->durable = l->store.revision;
	l->store.batch = &l->batches[l->gather];
	batch_reset(l->store.batch, &l->store.pool, ++l->batch_number);
	return 0;
}

static void open_handles(struct local *l, uv_loop_t *loop)
{
	l->loop = loop;
	uv_idle_init(loop, &l->step);
	uv_timer_init(loop, &l->timer);
	uv_unref((uv_handle_t *)&l->timer);
	l->step.data = l->timer.data = l->work.data = l;
	l->handles = 2;
	timer_set(l);
}

/* What is stored takes more room in the file than its own bytes, and free pages besides. */
static uint64_t default_max_bytes(const struct ncsdb_conf *conf)
{
	uint64_t half = (conf->map_size ? conf->map_size : DISK_MAP_SIZE) / 2;

	return conf->dir && half < DEFAULT_MAX_BYTES ? half : DEFAULT_MAX_BYTES;
}

int local_open(uv_loop_t *loop, const struct ncsdb_conf *conf, struct ncsdb **out, struct err *err)
{
	struct local *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	l->base.ops = &local_ops;
	l->base.loop = loop;
	store_init(&l->store, conf->max_keys ? conf->max_keys : DEFAULT_MAX_KEYS,
		   conf->max_bytes ? conf->max_bytes : default_max_bytes(conf));
	rc = open_disk(l, conf, err);
	if (rc) {
		local_free(l);
		return rc;
	}
	open_handles(l, loop);
	*out = &l->base;
	return 0;
}
