/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real database in process behind a front that does what a bad network, a slow server or
 * another cluster do: it leaves events out, ends watches, refuses requests, answers late, and
 * counts revisions from elsewhere.
 */
#ifndef TESTS_UNIT_NCSDB_FAULTY_H
#define TESTS_UNIT_NCSDB_FAULTY_H

#include "unit/ncsdb/harness.h"

#define FAULTY_WATCHES 8

struct faulty_watch {
	struct ncsdb_watch base;
	struct ncsdb_watch *inner; /* NULL: cut off */
	ncsdb_watch_cb cb;
	void *arg;
	int64_t next; /* revision, in truth */
	char prefix[64];
	bool used;
};

static struct faulty {
	struct ncsdb base;
	struct faulty_watch watches[FAULTY_WATCHES];
	bool (*drop)(const struct ncsdb_event *event);	/* true: the event is left out */
	bool (*unfit)(const struct ncsdb_event *event); /* true: its value is not given */
	int range_status;				/* of so many answers: */
	int range_fails;
	int watch_error;  /* of calls */
	int txn_status;	  /* of answers; the transaction is done all the same */
	int txn_error;	  /* of calls */
	int lease_status; /* of answers; nothing is done */
	int64_t lag;	  /* revisions that status() claims beyond the truth */
	int64_t shift;	  /* taken from every revision */
	/* Called before a page is answered. */
	void (*between)(const struct ncsdb_range *req, const struct ncsdb_range_result *res);
	size_t n_ranges, largest; /* asked; most keys in one answer */
} front;

/* ---- watches ---- */

static int64_t shifted(int64_t revision)
{
	return revision > 1 ? revision - front.shift : revision;
}

static struct ncsdb_event shifted_event(const struct ncsdb_event *event)
{
	struct ncsdb_event e = *event;

	e.kv.mod_rev = shifted(e.kv.mod_rev);
	e.kv.create_rev = shifted(e.kv.create_rev);
	if (front.unfit && !e.deleted && front.unfit(event)) {
		e.deleted = e.unfit = true;
		e.kv.value = NULL;
	}
	return e;
}

static void on_faulty(void *arg, const struct ncsdb_watch_update *update)
{
	struct faulty_watch *w = arg;
	struct ncsdb_event *events = calloc(update->n + 1, sizeof(*events));
	struct ncsdb_watch_update u = *update;

	w->next = u.revision + 1;
	u.n = 0;
	u.events = events;
	u.revision = shifted(u.revision);
	for (size_t i = 0; i < update->n; i++)
		if (!front.drop || !front.drop(&update->events[i]))
			events[u.n++] = shifted_event(&update->events[i]);
	if (u.n || u.status)
		w->cb(w->arg, &u);
	free(events);
}

static int faulty_watch(struct ncsdb *f, const char *prefix, int64_t start, ncsdb_watch_cb cb,
			void *arg, struct ncsdb_watch **out)
{
	struct faulty_watch *w = front.watches;

	if (front.watch_error)
		return front.watch_error;
	while (w->used)
		w++;
	assert_true(w < front.watches + FAULTY_WATCHES);
	*w = (struct faulty_watch){.base.db = f, .cb = cb, .arg = arg, .used = true};
	*out = &w->base;
	snprintf(w->prefix, sizeof(w->prefix), "%s", prefix);
	w->next = start + front.shift;
	return ncsdb_watch(db, prefix, start ? start + front.shift : 0, on_faulty, w, &w->inner);
}

static void faulty_unwatch(struct ncsdb_watch *watch)
{
	struct faulty_watch *w = (struct faulty_watch *)watch;

	ncsdb_unwatch(w->inner);
	w->inner = NULL;
	w->used = false;
}

/* The connection is gone: nothing comes; then, told or not, why. */
static UNUSED void feed_lost(void)
{
	for (int i = 0; i < FAULTY_WATCHES; i++) {
		ncsdb_unwatch(front.watches[i].inner);
		front.watches[i].inner = NULL;
	}
}

/* The back-end goes on where it was, as far as the history reaches. */
static UNUSED void feed_resumes(void)
{
	for (int i = 0; i < FAULTY_WATCHES; i++) {
		struct faulty_watch *w = &front.watches[i];

		if (w->used && !w->inner)
			assert_int_equal(
				ncsdb_watch(db, w->prefix, w->next, on_faulty, w, &w->inner), 0);
	}
}

static UNUSED void feed_ends(int why)
{
	feed_lost();
	for (int i = 0; i < FAULTY_WATCHES; i++) {
		struct faulty_watch *w = &front.watches[i];

		if (w->used)
			w->cb(w->arg, &(struct ncsdb_watch_update){.status = why});
	}
}

/* ---- requests ---- */

struct faulty_range {
	struct ncsdb_range req;
	ncsdb_range_cb cb;
	void *arg;
};

static void page_shift(struct ncsdb_range_result *res)
{
	res->revision = shifted(res->revision);
	for (size_t i = 0; i < res->n; i++) {
		struct ncsdb_kv *kv = (struct ncsdb_kv *)&res->kvs[i];

		kv->mod_rev = shifted(kv->mod_rev);
		kv->create_rev = shifted(kv->create_rev);
	}
}

static void on_faulty_range(void *arg, const struct ncsdb_range_result *res)
{
	struct faulty_range *r = arg;
	struct ncsdb_range_result answer = *res;

	page_shift(&answer);
	if (front.range_fails > 0 && !res->status) {
		front.range_fails--;
		answer = (struct ncsdb_range_result){.status = front.range_status};
	}
	if (answer.n > front.largest)
		front.largest = answer.n;
	if (front.between)
		front.between(&r->req, &answer);
	r->cb(r->arg, &answer);
	free(r);
}

static int faulty_range(struct ncsdb *f, const struct ncsdb_range *req, ncsdb_range_cb cb,
			void *arg)
{
	struct faulty_range *r = malloc(sizeof(*r));
	struct ncsdb_range inner = *req;
	int rc;

	*r = (struct faulty_range){*req, cb, arg};
	front.n_ranges++;
	if (inner.revision)
		inner.revision += front.shift;
	rc = ncsdb_range(db, &inner, on_faulty_range, r);
	if (rc)
		free(r);
	return rc;
}

struct faulty_txn {
	ncsdb_txn_cb cb;
	void *arg;
};

static void on_faulty_txn(void *arg, const struct ncsdb_txn_result *res)
{
	struct faulty_txn *t = arg;
	struct ncsdb_txn_result answer = *res;

	if (front.txn_status)
		answer = (struct ncsdb_txn_result){.status = front.txn_status};
	if (t->cb)
		t->cb(t->arg, &answer);
	free(t);
}

static int faulty_txn(struct ncsdb *f, const struct ncsdb_txn *txn, ncsdb_txn_cb cb, void *arg)
{
	struct faulty_txn *t;

	if (front.txn_error)
		return front.txn_error;
	t = malloc(sizeof(*t));
	*t = (struct faulty_txn){cb, arg};
	return ncsdb_txn(db, txn, on_faulty_txn, t);
}

struct faulty_lease {
	ncsdb_lease_cb cb;
	void *arg;
	uv_timer_t timer;
};

static void on_lease_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_lease_refused(uv_timer_t *timer)
{
	struct faulty_lease *l = timer->data;

	l->cb(l->arg, front.lease_status ? front.lease_status : -ETIMEDOUT, 0, 0);
	uv_close((uv_handle_t *)timer, on_lease_closed);
}

/* True: answered with lease_status, in the next turn. */
static bool lease_refused(ncsdb_lease_cb cb, void *arg)
{
	struct faulty_lease *l;

	if (!front.lease_status)
		return false;
	l = malloc(sizeof(*l));
	*l = (struct faulty_lease){.cb = cb, .arg = arg};
	uv_timer_init(&loop, &l->timer);
	l->timer.data = l;
	uv_timer_start(&l->timer, on_lease_refused, 0, 0);
	return true;
}

static int faulty_grant(struct ncsdb *f, int64_t id, unsigned int ttl_s, ncsdb_lease_cb cb,
			void *arg)
{
	return lease_refused(cb, arg) ? 0 : ncsdb_lease_grant(db, id, ttl_s, cb, arg);
}

static int faulty_keepalive(struct ncsdb *f, int64_t id, ncsdb_lease_cb cb, void *arg)
{
	return lease_refused(cb, arg) ? 0 : ncsdb_lease_keepalive(db, id, cb, arg);
}

static int faulty_revoke(struct ncsdb *f, int64_t id, ncsdb_lease_cb cb, void *arg)
{
	return lease_refused(cb, arg) ? 0 : ncsdb_lease_revoke(db, id, cb, arg);
}

static void faulty_status(const struct ncsdb *f, struct ncsdb_status *out)
{
	ncsdb_status(db, out);
	out->revision = shifted(out->revision) + front.lag;
	for (int i = 0; i < FAULTY_WATCHES; i++)
		if (front.watches[i].used && !front.watches[i].inner)
			out->connected = false;
}

static UNUSED struct ncsdb *faulty_open(void)
{
	static const struct ncsdb_ops ops = {
		.name = "faulty",
		.status = faulty_status,
		.range = faulty_range,
		.txn = faulty_txn,
		.watch = faulty_watch,
		.unwatch = faulty_unwatch,
		.lease_grant = faulty_grant,
		.lease_keepalive = faulty_keepalive,
		.lease_revoke = faulty_revoke,
	};

	front = (struct faulty){.base = {.ops = &ops, .loop = &loop}};
	return &front.base;
}

/* Runs the loop for ms, or until *done. */
static void on_patience(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

static UNUSED void run_ms(uint64_t ms)
{
	bool over = false;
	uv_timer_t timer;

	uv_timer_init(&loop, &timer);
	timer.data = &over;
	uv_timer_start(&timer, on_patience, ms, 0);
	while (!over)
		uv_run(&loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
}

#endif
