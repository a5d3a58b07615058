/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/write.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_MAX_CMPS 8

struct ncsdb_write {
	struct ncsdb_write *prev, *next; /* in list */
	struct write_list *list;
	struct ncsdb_writer *writer; /* NULL: the writer is gone */
	struct ncsdb_write_done done;
	void (*release)(void *arg, void *hold);
	void *release_arg, *hold;
	int error;	 /* of construction */
	int fail_status; /* when a compare does not hold */
	bool any;	 /* compares tell `created` only: both branches are the same */
	bool create;	 /* must not exist */
	bool may_be_absent;
	bool created;
	int64_t revision;
	uint64_t since_ms; /* in list, but flying */
	size_t n_cmps, n_ops, n_puts, cap;
	struct ncsdb_cmp cmps[WRITE_MAX_CMPS];
	struct ncsdb_op *ops;
};

/* Lives until the loop has closed it, the writer need not. */
struct writer_clock {
	uv_timer_t timer;
	struct ncsdb_writer *writer;
};

static void on_clock_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void ncsdb_writer_init(struct ncsdb_writer *writer, struct ncsdb *db)
{
	*writer = (struct ncsdb_writer){.db = db};
}

static void write_link(struct ncsdb_write *w, struct write_list *list)
{
	w->list = list;
	w->next = NULL;
	w->prev = list->tail;
	*(w->prev ? &w->prev->next : &list->head) = w;
	list->tail = w;
}

static void write_unlink(struct ncsdb_write *w)
{
	struct write_list *list = w->list;

	if (!list)
		return;
	*(w->prev ? &w->prev->next : &list->head) = w->next;
	*(w->next ? &w->next->prev : &list->tail) = w->prev;
	w->list = NULL;
}

static void write_release(struct ncsdb_write *w)
{
	if (w->release)
		w->release(w->release_arg, w->hold);
	w->release = NULL;
}

/* Keys and values live until the answer: not every back-end copies before its own I/O. */
void ncsdb_write_free(struct ncsdb_write *w)
{
	if (!w)
		return;
	write_release(w);
	for (size_t i = 0; i < w->n_cmps; i++)
		free((char *)w->cmps[i].key);
	for (size_t i = 0; i < w->n_ops; i++) {
		free((char *)w->ops[i].key);
		free((char *)w->ops[i].value);
	}
	free(w->ops);
	free(w);
}

static void write_finish(struct ncsdb_write *w, int status)
{
	struct ncsdb_write_done done = w->done;
	int64_t revision = w->revision;
	bool created = w->created;

	write_unlink(w);
	ncsdb_write_free(w);
	if (done.done)
		done.done(done.arg, status, revision, created);
}

/* done may start further writes or end them: look at the list anew after each one. */
static struct ncsdb_write *first_waiting(const struct ncsdb_writer *writer, int64_t revision)
{
	for (struct ncsdb_write *w = writer->waiting.head; w; w = w->next)
		if (w->revision <= revision)
			return w;
	return NULL;
}

void ncsdb_writer_seen(struct ncsdb_writer *writer, int64_t revision)
{
	struct ncsdb_write *w;

	if (revision > writer->seen || writer->seen == INT64_MAX)
		writer->seen = revision;
	while ((w = first_waiting(writer, writer->seen)))
		write_finish(w, 0);
}

/* ---- patience ---- */

static void clock_set(struct ncsdb_writer *writer);

static bool is_due(const struct ncsdb_write *w, uint64_t now_ms)
{
	return w && now_ms - w->since_ms >= WRITE_PATIENCE_MS;
}

/* done may end the writer, and so clear the clock's. */
static void on_clock(uv_timer_t *timer)
{
	struct writer_clock *clock = timer->data;
	uint64_t now_ms = uv_now(timer->loop);

	while (clock->writer && is_due(clock->writer->limbo.head, now_ms)) {
		struct ncsdb_write *w = clock->writer->limbo.head;

		write_unlink(w);
		ncsdb_write_free(w);
	}
	while (clock->writer && is_due(clock->writer->waiting.head, now_ms))
		write_finish(clock->writer->waiting.head, 0);
	if (clock->writer)
		clock_set(clock->writer);
}

static bool clock_need(struct ncsdb_writer *writer)
{
	struct writer_clock *clock = writer->clock;

	if (clock)
		return true;
	clock = calloc(1, sizeof(*clock));
	if (!clock)
		return false;
	clock->writer = writer;
	uv_timer_init(writer->db->loop, &clock->timer);
	uv_unref((uv_handle_t *)&clock->timer);
	clock->timer.data = clock;
	writer->clock = clock;
	return true;
}

static void clock_set(struct ncsdb_writer *writer)
{
	if (!writer->waiting.head && !writer->limbo.head)
		return;
	if (!uv_is_active((uv_handle_t *)&writer->clock->timer))
		uv_timer_start(&writer->clock->timer, on_clock, WRITE_PATIENCE_MS / 4, 0);
}

/* False: without memory, not to be waited for. */
static bool write_wait(struct ncsdb_write *w, struct write_list *list)
{
	if (!clock_need(w->writer))
		return false;
	write_unlink(w);
	write_link(w, list);
	w->since_ms = uv_now(w->writer->db->loop);
	clock_set(w->writer);
	return true;
}

static void release_none(struct write_list *list)
{
	for (struct ncsdb_write *w = list->head; w; w = w->next)
		w->release = NULL;
}

void ncsdb_writer_fini(struct ncsdb_writer *writer)
{
	struct ncsdb_write *w;

	release_none(&writer->flying);
	release_none(&writer->waiting);
	release_none(&writer->limbo);
	if (writer->clock) {
		writer->clock->writer = NULL;
		uv_close((uv_handle_t *)&writer->clock->timer, on_clock_closed);
		writer->clock = NULL;
	}
	while ((w = writer->limbo.head)) {
		write_unlink(w);
		ncsdb_write_free(w);
	}
	while ((w = writer->waiting.head))
		write_finish(w, 0);
	while ((w = writer->flying.head)) {
		write_unlink(w);
		w->writer = NULL;
	}
}

struct ncsdb_write *ncsdb_write_new(struct ncsdb_writer *writer)
{
	struct ncsdb_write *w = calloc(1, sizeof(*w));

	if (w)
		w->writer = writer;
	return w;
}

static char *key_text(struct ncsdb_write *w, const char *format, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, format, args) < 0) {
		w->error = -ENOMEM;
		return NULL;
	}
	return text;
}

static struct ncsdb_op *op_add(struct ncsdb_write *w, enum ncsdb_op_type type, char *key)
{
	if (!key)
		return NULL;
	if (w->n_ops == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 8;
		struct ncsdb_op *ops = reallocarray(w->ops, cap, sizeof(*ops));

		if (!ops) {
			w->error = -ENOMEM;
			free(key);
			return NULL;
		}
		w->ops = ops;
		w->cap = cap;
	}
	w->ops[w->n_ops] = (struct ncsdb_op){.type = type, .key = key};
	return &w->ops[w->n_ops++];
}

#define KEY_FROM_ARGS(w, format)                                                                   \
	({                                                                                         \
		va_list args_;                                                                     \
		va_start(args_, format);                                                           \
		char *key_ = (w) ? key_text(w, format, args_) : NULL;                              \
		va_end(args_);                                                                     \
		key_;                                                                              \
	})

void ncsdb_write_put(struct ncsdb_write *w, int64_t lease, const char *value, const char *key, ...)
{
	char *text = KEY_FROM_ARGS(w, key);
	struct ncsdb_op *op = text ? op_add(w, NCSDB_PUT, text) : NULL;

	if (!op)
		return;
	op->value = value ? strdup(value) : NULL;
	if (!op->value) {
		w->error = -ENOMEM;
		return;
	}
	op->value_len = strlen(value);
	op->lease = lease;
	w->n_puts++;
}

void ncsdb_write_del(struct ncsdb_write *w, const char *key, ...)
{
	char *text = KEY_FROM_ARGS(w, key);

	if (text)
		op_add(w, NCSDB_DELETE, text);
}

void ncsdb_write_del_prefix(struct ncsdb_write *w, const char *prefix, ...)
{
	char *text = KEY_FROM_ARGS(w, prefix);

	if (text)
		op_add(w, NCSDB_DELETE_PREFIX, text);
}

/* fail_status: the answer when it does not hold. key is taken; NULL: see w->error. */
static void cmp_add(struct ncsdb_write *w, char *key, int fail_status, struct ncsdb_cmp cmp)
{
	if (!key)
		return;
	w->fail_status = fail_status;
	if (w->n_cmps == WRITE_MAX_CMPS) {
		w->error = -ENOSPC;
		free(key);
		return;
	}
	cmp.key = key;
	w->cmps[w->n_cmps++] = cmp;
}

void ncsdb_write_if(struct ncsdb_write *w, int64_t if_revision, const char *key, ...)
{
	char *text = KEY_FROM_ARGS(w, key);

	if (!text)
		return;
	w->any = if_revision == ANY_REVISION;
	w->create = if_revision == 0;
	cmp_add(w, text, -ESTALE,
		(struct ncsdb_cmp){
			.field = if_revision > 0 ? NCSDB_CMP_MOD_REV : NCSDB_CMP_VERSION,
			.op = NCSDB_EQ,
			.value = if_revision > 0 ? if_revision : 0,
		});
}

void ncsdb_write_not_newer(struct ncsdb_write *w, int64_t if_revision, const char *key, ...)
{
	cmp_add(w, KEY_FROM_ARGS(w, key), -ESTALE,
		(struct ncsdb_cmp){
			.field = NCSDB_CMP_MOD_REV, .op = NCSDB_LT, .value = if_revision + 1});
}

void ncsdb_write_fence(struct ncsdb_write *w, int64_t create_revision, const char *key, ...)
{
	cmp_add(w, KEY_FROM_ARGS(w, key), -ESTALE,
		(struct ncsdb_cmp){
			.field = NCSDB_CMP_CREATE_REV, .op = NCSDB_EQ, .value = create_revision});
}

void ncsdb_write_need(struct ncsdb_write *w, const char *key, ...)
{
	cmp_add(w, KEY_FROM_ARGS(w, key), -ENOENT,
		(struct ncsdb_cmp){.field = NCSDB_CMP_VERSION, .op = NCSDB_GT, .value = 0});
}

void ncsdb_write_may_be_absent(struct ncsdb_write *w)
{
	if (w)
		w->may_be_absent = true;
}

void ncsdb_write_hold(struct ncsdb_write *w, void (*release)(void *arg, void *hold), void *arg,
		      void *hold)
{
	if (!w) {
		release(arg, hold);
		return;
	}
	w->release = release;
	w->release_arg = arg;
	w->hold = hold;
}

/* Both branches of an unconditional put are the same, so that its compare only tells. */
static int write_status(const struct ncsdb_write *w, const struct ncsdb_txn_result *res)
{
	if (res->status)
		return res->status;
	if (!res->succeeded && !w->any)
		return w->fail_status;
	if (!w->n_puts && !res->deleted && !w->may_be_absent)
		return -ENOENT;
	return 0;
}

/* It may happen yet: what it holds stays held for a while. */
static void write_in_doubt(struct ncsdb_write *w)
{
	struct ncsdb_write_done done = w->done;

	if (!write_wait(w, &w->writer->limbo)) {
		write_finish(w, -ETIMEDOUT);
		return;
	}
	if (done.done)
		done.done(done.arg, -ETIMEDOUT, 0, false);
}

static void on_txn(void *arg, const struct ncsdb_txn_result *res)
{
	struct ncsdb_write *w = arg;
	int status = write_status(w, res);
	bool event = w->n_puts || res->deleted;

	w->revision = res->revision;
	w->created = !status && res->succeeded && w->n_puts && (w->any || w->create);
	/* Without an event the follower would never hear of this revision. */
	if (!status && event && w->writer && w->revision > w->writer->seen &&
	    write_wait(w, &w->writer->waiting))
		return;
	if (status == -ETIMEDOUT && w->release && w->writer)
		write_in_doubt(w);
	else
		write_finish(w, status);
}

static int commit_refuse(struct ncsdb_write *w, int status, struct err *err)
{
	if (status == -ENOSPC)
		err_set(err, status, "", NULL, "more than %d changes at once", NCSDB_TXN_MAX);
	else
		err_set(err, status, "", NULL, "database does not take the change: %s",
			strerror(-status));
	ncsdb_write_free(w);
	return status;
}

int ncsdb_write_commit(struct ncsdb_write *w, struct ncsdb_write_done done, struct err *err)
{
	struct ncsdb_txn txn;
	int rc;

	if (!w || w->error)
		return commit_refuse(w, w ? w->error : -ENOMEM, err);
	if (w->n_ops > NCSDB_TXN_MAX)
		return commit_refuse(w, -ENOSPC, err);
	txn = (struct ncsdb_txn){.cmps = w->cmps, .n_cmps = w->n_cmps};
	txn.then = w->ops;
	txn.n_then = w->n_ops;
	txn.orelse = w->any ? w->ops : NULL;
	txn.n_orelse = w->any ? w->n_ops : 0;
	w->done = done;
	rc = ncsdb_txn(w->writer->db, &txn, on_txn, w);
	if (rc)
		return commit_refuse(w, rc, err);
	write_link(w, &w->writer->flying);
	return 0;
}
