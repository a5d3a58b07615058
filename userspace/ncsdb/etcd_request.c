/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests. Each is in `all` until it is answered, and in `waiting` while no call carries it. A
 * read may be carried again, by another member, until its deadline; a write only if it certainly
 * was not sent, or not looked at.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncsdb/etcd.h"
#include "util/clock.h"

static const struct {
	const char *path;
	const ProtobufCMessageDescriptor *answer;
	bool write;
} kinds[] = {
	[ETCD_RANGE] = {"/etcdserverpb.KV/Range", &etcdserverpb__range_response__descriptor, false},
	[ETCD_TXN] = {"/etcdserverpb.KV/Txn", &etcdserverpb__txn_response__descriptor, true},
	[ETCD_GRANT] = {"/etcdserverpb.Lease/LeaseGrant",
			&etcdserverpb__lease_grant_response__descriptor, true},
	[ETCD_REVOKE] = {"/etcdserverpb.Lease/LeaseRevoke",
			 &etcdserverpb__lease_revoke_response__descriptor, true},
	[ETCD_COMPACT] = {"/etcdserverpb.KV/Compact",
			  &etcdserverpb__compaction_response__descriptor, true},
};

static void on_done(struct etcd_unary *u, enum grpc_status status, const char *text, bool sent);

int etcd_admit(const struct etcd *e, size_t bytes)
{
	if (e->closing)
		return -ECANCELED;
	if (bytes > NCSDB_PENDING_BYTES_MAX - e->bytes || e->n_requests >= NCSDB_PENDING_MAX)
		return -EAGAIN;
	return 0;
}

struct etcd_request *etcd_request_new(struct etcd *e, enum etcd_kind kind, size_t text)
{
	struct etcd_request *r = malloc(sizeof(*r) + text);

	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->e = e;
	r->kind = kind;
	r->unary.link = &e->calls;
	r->unary.type = kinds[kind].answer;
	r->unary.done = on_done;
	return r;
}

void etcd_request_free(struct etcd_request *r)
{
	if (!r)
		return;
	etcd_unary_cancel(&r->unary);
	etcd_arena_fini(&r->unary.arena);
	if (r->kind == ETCD_RANGE) {
		free(r->range.kvs);
		free(r->range.next);
	}
	free(r->data);
	free(r);
}

int etcd_request_pack(struct etcd_request *r, const ProtobufCMessage *msg)
{
	size_t len = protobuf_c_message_get_packed_size(msg);
	unsigned char *data;

	if (len > ETCD_SEND_MAX - 1024)
		return -EINVAL;
	data = realloc(r->data, len ? len : 1);
	if (!data)
		return -ENOMEM;
	r->data = data;
	r->len = len;
	protobuf_c_message_pack(msg, data);
	return 0;
}

/* ---- lists and deadlines ---- */

static void on_tick(uv_timer_t *timer);

void etcd_tick(struct etcd *e)
{
	const struct etcd_request *r = TAILQ_FIRST(&e->all);
	const struct etcd_keepalive *k = TAILQ_FIRST(&e->keepalives);
	uint64_t at = UINT64_MAX, now;

	if (r)
		at = r->deadline_us;
	if (k && k->deadline_us < at)
		at = k->deadline_us;
	if (at == UINT64_MAX && e->closing && !e->finished)
		uv_timer_start(&e->tick, etcd_on_close, 0, 0);
	else if (at == UINT64_MAX)
		uv_timer_stop(&e->tick);
	if (at == UINT64_MAX)
		return;
	if (uv_is_active((uv_handle_t *)&e->tick))
		return; /* never too late: deadlines rise */
	now = clock_us();
	uv_timer_start(&e->tick, on_tick, at > now ? (at - now) / 1000 + 1 : 0, 0);
}

static void push_waiting(struct etcd_request *r)
{
	r->waiting = true;
	TAILQ_INSERT_TAIL(&r->e->waiting, r, wait);
}

static void pop_waiting(struct etcd_request *r)
{
	if (r->waiting)
		TAILQ_REMOVE(&r->e->waiting, r, wait);
	r->waiting = false;
}

static void push(struct etcd_request *r)
{
	struct etcd *e = r->e;

	r->deadline_us = clock_us() + e->deadline_ms * 1000ull;
	e->n_requests++;
	e->bytes += r->len;
	TAILQ_INSERT_TAIL(&e->all, r, all);
	push_waiting(r);
	etcd_tick(e);
}

static void remove_request(struct etcd_request *r)
{
	struct etcd *e = r->e;

	pop_waiting(r);
	TAILQ_REMOVE(&e->all, r, all);
	e->n_requests--;
	e->bytes -= r->len;
	etcd_unary_cancel(&r->unary);
	etcd_tick(e);
}

void etcd_request_add(struct etcd_request *r)
{
	r->begin_us = clock_us();
	push(r);
	etcd_requests_pump(r->e);
}

void etcd_request_again(struct etcd_request *r)
{
	push(r);
	etcd_requests_pump(r->e);
}

static void answer(struct etcd_request *r, int status)
{
	remove_request(r);
	if (kinds[r->kind].write && status == 0)
		hist_add(&r->e->write_us, clock_us() - r->begin_us);
	etcd_request_answer(r, status);
}

static void expire(struct etcd_request *r)
{
	struct etcd_link *link = &r->e->calls;
	bool flying = r->unary.call;
	char why[64];

	etcd_unary_cancel(&r->unary);
	if (flying && link->heard_us < r->sent_us) {
		snprintf(why, sizeof(why), "no answer within %u ms", r->e->deadline_ms);
		etcd_link_fail(link, why);
	}
	answer(r, r->tried || flying ? -ETIMEDOUT : -EHOSTUNREACH);
}

static void on_tick(uv_timer_t *timer)
{
	struct etcd *e = timer->data;
	uint64_t now = clock_us();
	struct etcd_request *r;

	while ((r = TAILQ_FIRST(&e->all)) && r->deadline_us <= now)
		expire(r);
	etcd_keepalives_expire(e, now);
	etcd_tick(e);
	etcd_requests_pump(e);
}

/* ---- sending ---- */

static unsigned int left_ms(const struct etcd_request *r, uint64_t now)
{
	return r->deadline_us > now ? (unsigned int)((r->deadline_us - now) / 1000 + 1) : 1;
}

void etcd_requests_pump(struct etcd *e)
{
	struct etcd_request *r;
	uint64_t now = clock_us();

	while (e->calls.state == ETCD_UP && (r = TAILQ_FIRST(&e->waiting))) {
		/* What fails for now waits, until its deadline at most. */
		if (etcd_unary_start(&r->unary, kinds[r->kind].path, r->data, r->len,
				     left_ms(r, now)))
			break;
		r->sent_us = now;
		pop_waiting(r);
	}
}

static void retry(struct etcd_request *r, bool sent)
{
	r->tried |= sent;
	push_waiting(r);
}

/* true: it is carried again. */
static bool try_again(struct etcd_request *r, enum grpc_status status, const char *text, bool sent)
{
	struct etcd *e = r->e;
	bool not_done = !sent || etcd_not_done(status, text);

	if (e->user && etcd_token_bad(status, text) && !r->renewed) {
		r->renewed = true;
		retry(r, false);
		etcd_link_login(&e->calls);
		return true;
	}
	if (!etcd_elsewhere(status, text))
		return false;
	if (not_done || !kinds[r->kind].write) {
		retry(r, !not_done);
		etcd_link_fail(&e->calls, text);
		return true;
	}
	return false;
}

/* Every answer begins like this. */
struct any_answer {
	ProtobufCMessage base;
	Etcdserverpb__ResponseHeader *header;
};
#define SAME(type)                                                                                 \
	_Static_assert(offsetof(type, header) == offsetof(struct any_answer, header), "header")
SAME(Etcdserverpb__RangeResponse);
SAME(Etcdserverpb__TxnResponse);
SAME(Etcdserverpb__LeaseGrantResponse);
SAME(Etcdserverpb__LeaseRevokeResponse);
SAME(Etcdserverpb__CompactionResponse);

static void on_done(struct etcd_unary *u, enum grpc_status status, const char *text, bool sent)
{
	struct etcd_request *r = (struct etcd_request *)u;
	struct etcd *e = r->e;
	const struct any_answer *any = u->answer;
	bool fail;

	if (status == GRPC_OK && !etcd_heard(e, any->header)) {
		status = GRPC_UNAVAILABLE;
		text = "another cluster answers";
	}
	if (status != GRPC_OK && try_again(r, status, text, sent))
		return;
	fail = etcd_elsewhere(status, text);
	/* First the link, so that what is asked from within the callback goes to the next one. */
	if (fail)
		etcd_link_fail(&e->calls, text);
	else
		etcd_link_good(&e->calls);
	answer(r, fail ? -ETIMEDOUT : etcd_error(status, text));
	etcd_requests_pump(e);
}

/* ---- ends ---- */

/* None of those that wait has been sent with rights. */
void etcd_requests_denied(struct etcd *e)
{
	struct etcd_request *r = TAILQ_LAST(&e->waiting, etcd_requests), *first;

	do {
		first = TAILQ_FIRST(&e->waiting);
		if (first)
			answer(first, -EACCES);
	} while (first && first != r);
}

void etcd_reads_cancel(struct etcd *e)
{
	for (struct etcd_request *r = TAILQ_FIRST(&e->all), *next; r; r = next) {
		next = TAILQ_NEXT(r, all);
		if (!kinds[r->kind].write)
			answer(r, -ECANCELED);
	}
}
