/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same random operations, one after the other, to our server and to a real etcd: every answer,
 * every error and every watch event must be the same, except who says it and how long a lease still
 * lives. DIFF_SEED and DIFF_OPS in the environment: another run; SAND_SOAK=1: 20,000 operations and
 * another seed each time.
 */
#include "unit/ncsdb/harness.h"

#include <rpc.pb-c.h>

#include "grpc/grpc.h"
#include "ncsdb/etcd_arena.h"
#include "ncsdb/server.h"
#include "unit/ncsdb/diff_text.h"
#include "unit/ncsdb/etcd_proc.h"

#define OPS_FAST 2500
#define OPS_SOAK 20000
#define WATCHES 4096 /* ever */
#define WAIT_MS 5000
#define SYNC_US 150000
#define SETTLE_MS 30
#define SEED_FAST 1

struct side {
	const char *name;
	struct grpc_channel *channel;
	struct grpc_call *watch;
	bool up, down, done;
	enum grpc_status status;
	char error[GRPC_TEXT_MAX];
	struct text answer;
	struct text log[WATCHES]; /* of each watch */
};

static struct side ours = {.name = "ours"}, etcd = {.name = "etcd"};
static struct side *const sides[] = {&ours, &etcd};
static const ProtobufCMessageDescriptor *answer_type;
static struct ncsdb_server *server;
static struct etcd_proc proc;
static struct etcd_arena arena;
static unsigned int seed;
static int64_t revision = 1, compacted; /* the store's, as the answers say */
static int64_t watches;			/* 0: what names none */
static unsigned int number;

static unsigned int rnd(unsigned int n)
{
	return (unsigned int)rand_r(&seed) / 7 % n;
}

/* ---- calls ---- */

static void on_too_long(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

static void on_closed(uv_handle_t *handle)
{
	handle->data = NULL;
}

/* Until it holds or time is up. */
static bool run_until(bool (*holds)(void))
{
	uv_timer_t timer;
	bool late = false, ok;

	uv_timer_init(&loop, &timer);
	timer.data = &late;
	uv_timer_start(&timer, on_too_long, WAIT_MS, 0);
	while (!(ok = holds()) && !late)
		uv_run(&loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, on_closed);
	while (timer.data)
		uv_run(&loop, UV_RUN_NOWAIT);
	return ok;
}

static void on_answer(void *arg, const void *data, size_t len)
{
	struct side *s = arg;
	ProtobufCMessage *msg = protobuf_c_message_unpack(answer_type, NULL, len, data);

	assert_non_null(msg);
	diff_sort(msg);
	diff_text(&s->answer, msg);
	revision = diff_revision(msg, revision);
	protobuf_c_message_free_unpacked(msg, NULL);
}

static void on_answered(void *arg, enum grpc_status status, const char *text, bool sent)
{
	struct side *s = arg;

	s->done = true;
	s->status = status;
	snprintf(s->error, sizeof(s->error), "%s", status && text ? text : "");
}

static bool both_done(void)
{
	return ours.done && etcd.done;
}

static void start_call(struct side *s, const char *path, const void *data, size_t len)
{
	struct grpc_call_conf conf = {
		.path = path, .on_message = on_answer, .on_end = on_answered, .arg = s};
	struct grpc_call *call;

	s->done = false;
	text_reset(&s->answer);
	assert_int_equal(grpc_call_start(s->channel, &conf, &call), 0);
	assert_int_equal(grpc_call_send(call, data, len, true), 0);
}

static void *pack(const ProtobufCMessage *msg, size_t *len)
{
	void *data = malloc(protobuf_c_message_get_packed_size(msg) + 1);

	*len = protobuf_c_message_pack(msg, data);
	return data;
}

static void differ(const ProtobufCMessage *msg, const char *a, const char *b)
{
	static struct text request;
	size_t at = 0, from;

	diff_text(&request, msg);
	while (a[at] && a[at] == b[at])
		at++;
	from = at > 100 ? at - 100 : 0;
	fail_msg("seed %s, operation %u: %.700s{%s}\n  ours: %.200s\n  etcd: %.200s",
		 getenv("DIFF_SEED"), number, msg->descriptor->name, request.data, a + from,
		 b + from);
}

static void both(const char *path, const ProtobufCMessage *msg,
		 const ProtobufCMessageDescriptor *type)
{
	size_t len;
	void *data = pack(msg, &len);

	answer_type = type;
	for (int i = 0; i < 2; i++)
		start_call(sides[i], path, data, len);
	free(data);
	if (!run_until(both_done))
		differ(msg, ours.done ? "answers" : "does not answer",
		       etcd.done ? "answers" : "does not answer");
	if (ours.status != etcd.status)
		text_add(&ours.answer, " %s", grpc_status_text(ours.status));
	if (ours.status != etcd.status)
		text_add(&etcd.answer, " %s", grpc_status_text(etcd.status));
	if (strcmp(ours.error, etcd.error))
		differ(msg, ours.error, etcd.error);
	if (strcmp(ours.answer.data, etcd.answer.data))
		differ(msg, ours.answer.data, etcd.answer.data);
}

/* ---- random parts ---- */

static ProtobufCBinaryData bytes(const char *text)
{
	size_t len = strlen(text);
	char *copy = etcd_arena_alloc(&arena, len);

	memcpy(copy, text, len);
	return (ProtobufCBinaryData){len, (uint8_t *)copy};
}

static ProtobufCBinaryData random_key(void)
{
	char text[16];

	if (rnd(200) == 0)
		return bytes(""); /* refused, except as the whole of a range */
	snprintf(text, sizeof(text), rnd(3) ? "k/%u" : "k/%u/x", rnd(25));
	return bytes(text);
}

static ProtobufCBinaryData random_end(void)
{
	switch (rnd(6)) {
	case 0:
		return (ProtobufCBinaryData){1, (uint8_t *)"\0"};
	case 1:
		return bytes("k0");
	case 2:
		return random_key();
	case 3:
		return bytes("k/2");
	default:
		return bytes("");
	}
}

static int64_t random_revision(void)
{
	int64_t low = compacted > 20 ? compacted - 3 : 1;

	return rnd(30) ? low + rnd((unsigned int)(revision - low + 1)) : revision + 1 + rnd(3);
}

static int64_t random_lease(void)
{
	return rnd(3) ? 0 : 1 + rnd(8);
}

static Etcdserverpb__RangeRequest *random_range(void)
{
	Etcdserverpb__RangeRequest *r = etcd_arena_alloc(&arena, sizeof(*r));

	etcdserverpb__range_request__init(r);
	r->key = random_key();
	r->range_end = random_end();
	r->limit = rnd(3) ? 0 : rnd(6);
	r->revision = rnd(4) ? 0 : random_revision();
	r->sort_order = rnd(2) ? 0 : rnd(3);
	if (rnd(3) == 0) {
		/* Equals have an order only in etcd's lists of up to 12. */
		r->sort_target = rnd(5);
		r->key = bytes("k/2");
		r->range_end = bytes("k/3");
		/* Without an order etcd sorts what the limit has left. */
		if (!r->sort_order)
			r->limit = 0;
	}
	r->serializable = rnd(2);
	r->keys_only = rnd(5) == 0;
	r->count_only = rnd(8) == 0;
	r->min_mod_revision = rnd(8) ? 0 : random_revision();
	r->max_mod_revision = rnd(8) ? 0 : random_revision();
	r->min_create_revision = rnd(8) ? 0 : random_revision();
	r->max_create_revision = rnd(8) ? 0 : random_revision();
	return r;
}

static Etcdserverpb__PutRequest *random_put(void)
{
	Etcdserverpb__PutRequest *r = etcd_arena_alloc(&arena, sizeof(*r));
	char text[16];

	etcdserverpb__put_request__init(r);
	r->key = random_key();
	snprintf(text, sizeof(text), "%u", rnd(5));
	r->value = bytes(rnd(8) ? text : "");
	r->lease = random_lease();
	r->prev_kv = rnd(2);
	r->ignore_value = rnd(8) == 0;
	r->ignore_lease = rnd(8) == 0;
	return r;
}

static Etcdserverpb__DeleteRangeRequest *random_delete(void)
{
	Etcdserverpb__DeleteRangeRequest *r = etcd_arena_alloc(&arena, sizeof(*r));

	etcdserverpb__delete_range_request__init(r);
	r->key = random_key();
	if (rnd(5) == 0)
		r->range_end = random_end();
	r->prev_kv = rnd(2);
	return r;
}

static Etcdserverpb__Compare *random_compare(void)
{
	Etcdserverpb__Compare *c = etcd_arena_alloc(&arena, sizeof(*c));
	static const Etcdserverpb__Compare__TargetUnionCase cases[] = {4, 5, 6, 7, 8};

	etcdserverpb__compare__init(c);
	c->key = random_key();
	if (rnd(6) == 0)
		c->range_end = random_end();
	c->result = rnd(4);
	c->target = rnd(5);
	c->target_union_case = cases[c->target];
	if (c->target == ETCDSERVERPB__COMPARE__COMPARE_TARGET__VALUE)
		c->value = bytes("2");
	else if (c->target == ETCDSERVERPB__COMPARE__COMPARE_TARGET__VERSION)
		c->version = rnd(4);
	else if (c->target == ETCDSERVERPB__COMPARE__COMPARE_TARGET__LEASE)
		c->lease = random_lease();
	else
		c->mod_revision = rnd(3) ? random_revision() : 0;
	return c;
}

static Etcdserverpb__RequestOp *random_op(void)
{
	Etcdserverpb__RequestOp *op = etcd_arena_alloc(&arena, sizeof(*op));

	etcdserverpb__request_op__init(op);
	op->request_case = 1 + rnd(3);
	if (op->request_case == ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_RANGE)
		op->request_range = random_range();
	else if (op->request_case == ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT)
		op->request_put = random_put();
	else
		op->request_delete_range = random_delete();
	/* etcd overlooks that a deletion to the end of everything overlaps with a put. */
	if (op->request_case == ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_DELETE_RANGE &&
	    op->request_delete_range->range_end.len == 1)
		op->request_delete_range->range_end = bytes("l");
	return op;
}

static Etcdserverpb__RequestOp **random_ops(size_t *n)
{
	Etcdserverpb__RequestOp **ops = etcd_arena_alloc(&arena, 5 * sizeof(*ops));

	*n = rnd(5);
	for (size_t i = 0; i < *n; i++)
		ops[i] = random_op();
	return ops;
}

/* ---- operations ---- */

#define KV "/etcdserverpb.KV/"
#define LEASE "/etcdserverpb.Lease/"

static void do_range(void)
{
	both(KV "Range", &random_range()->base, &etcdserverpb__range_response__descriptor);
}

static void do_put(void)
{
	both(KV "Put", &random_put()->base, &etcdserverpb__put_response__descriptor);
}

static void do_delete(void)
{
	both(KV "DeleteRange", &random_delete()->base,
	     &etcdserverpb__delete_range_response__descriptor);
}

static void do_txn(void)
{
	Etcdserverpb__TxnRequest msg = ETCDSERVERPB__TXN_REQUEST__INIT;

	msg.n_compare = rnd(3);
	msg.compare = etcd_arena_alloc(&arena, 3 * sizeof(*msg.compare));
	for (size_t i = 0; i < msg.n_compare; i++)
		msg.compare[i] = random_compare();
	msg.success = random_ops(&msg.n_success);
	msg.failure = random_ops(&msg.n_failure);
	both(KV "Txn", &msg.base, &etcdserverpb__txn_response__descriptor);
}

static void do_grant(void)
{
	Etcdserverpb__LeaseGrantRequest msg = ETCDSERVERPB__LEASE_GRANT_REQUEST__INIT;

	msg.id = 1 + rnd(8);
	msg.ttl = rnd(20) ? 1000 + rnd(1000) : 10000000000;
	both(LEASE "LeaseGrant", &msg.base, &etcdserverpb__lease_grant_response__descriptor);
}

static void do_revoke(void)
{
	Etcdserverpb__LeaseRevokeRequest msg = ETCDSERVERPB__LEASE_REVOKE_REQUEST__INIT;

	msg.id = 1 + rnd(8);
	both(LEASE "LeaseRevoke", &msg.base, &etcdserverpb__lease_revoke_response__descriptor);
}

static void do_time_to_live(void)
{
	Etcdserverpb__LeaseTimeToLiveRequest msg = ETCDSERVERPB__LEASE_TIME_TO_LIVE_REQUEST__INIT;

	msg.id = 1 + rnd(8);
	msg.keys = rnd(2);
	both(LEASE "LeaseTimeToLive", &msg.base,
	     &etcdserverpb__lease_time_to_live_response__descriptor);
}

static void do_leases(void)
{
	Etcdserverpb__LeaseLeasesRequest msg = ETCDSERVERPB__LEASE_LEASES_REQUEST__INIT;

	both(LEASE "LeaseLeases", &msg.base, &etcdserverpb__lease_leases_response__descriptor);
}

/* ---- watches ---- */

static void on_watch(void *arg, const void *data, size_t len)
{
	struct side *s = arg;
	Etcdserverpb__WatchResponse *msg = etcdserverpb__watch_response__unpack(NULL, len, data);
	struct text *log;

	assert_non_null(msg);
	log = &s->log[msg->watch_id > 0 && msg->watch_id < WATCHES ? msg->watch_id : 0];
	if (msg->created)
		text_add(log, "created ");
	for (size_t i = 0; i < msg->n_events; i++) {
		text_add(log, "{");
		diff_append(log, &msg->events[i]->base);
		text_add(log, "} ");
	}
	if (msg->canceled)
		text_add(log, "canceled \"%s\" %lld ", msg->cancel_reason,
			 (long long)msg->compact_revision);
	etcdserverpb__watch_response__free_unpacked(msg, NULL);
}

static bool same_events(void)
{
	for (int64_t i = 0; i <= watches; i++) {
		if (strcmp(text_of(&ours.log[i]), text_of(&etcd.log[i])))
			return false;
	}
	return true;
}

static bool same_refusals(void)
{
	static size_t known;
	bool more = ours.log[0].len > known && etcd.log[0].len > known;

	if (more)
		known = ours.log[0].len;
	return more;
}

static bool all_created(void)
{
	return (ours.log[watches].len && etcd.log[watches].len) || same_refusals();
}

static void compare_events(void)
{
	if (run_until(same_events))
		return;
	for (int64_t i = 0; i <= watches; i++) {
		const char *a = text_of(&ours.log[i]), *b = text_of(&etcd.log[i]);
		size_t at = 0;

		while (a[at] && a[at] == b[at])
			at++;
		if (a[at] != b[at])
			fail_msg("seed %s, operation %u: watch %lld from byte %zu of %zu, %zu\n  "
				 "ours: %.600s\n  etcd: %.600s",
				 getenv("DIFF_SEED"), number, (long long)i, at, strlen(a),
				 strlen(b), a + (at > 200 ? at - 200 : 0),
				 b + (at > 200 ? at - 200 : 0));
	}
}

static void send_watch(Etcdserverpb__WatchRequest *msg)
{
	size_t len;
	void *data = pack(&msg->base, &len);

	for (int i = 0; i < 2; i++)
		assert_int_equal(grpc_call_send(sides[i]->watch, data, len, false), 0);
	free(data);
}

static void do_watch(void)
{
	Etcdserverpb__WatchRequest msg = ETCDSERVERPB__WATCH_REQUEST__INIT;
	Etcdserverpb__WatchCreateRequest create = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;
	static Etcdserverpb__WatchCreateRequest__FilterType filters[] = {0, 1};

	if (watches == WATCHES - 1)
		return;
	msg.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
	msg.create_request = &create;
	create.watch_id = ++watches;
	create.key = random_key();
	create.range_end = random_end();
	create.start_revision = rnd(3) ? random_revision() : 0;
	create.prev_kv = rnd(2);
	create.n_filters = rnd(4) == 0;
	create.filters = &filters[rnd(2)];
	send_watch(&msg);
	/* "From now" is from the same now. */
	if (!run_until(all_created))
		differ(&create.base, text_of(&ours.log[watches]), text_of(&etcd.log[watches]));
}

static void run_for_ms(uint64_t ms)
{
	uint64_t end = uv_hrtime() + ms * 1000000;

	while (uv_hrtime() < end) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
}

/* What was under way at that moment could come or not: all of it first. */
static void do_cancel(void)
{
	Etcdserverpb__WatchRequest msg = ETCDSERVERPB__WATCH_REQUEST__INIT;
	Etcdserverpb__WatchCancelRequest cancel = ETCDSERVERPB__WATCH_CANCEL_REQUEST__INIT;

	if (!watches)
		return;
	run_for_ms(SETTLE_MS); /* both may still lack the same event */
	compare_events();
	msg.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CANCEL_REQUEST;
	msg.cancel_request = &cancel;
	cancel.watch_id = 1 + rnd((unsigned int)watches);
	/* etcd answers once more for one that a compaction has ended, the client ignores it. */
	if (strstr(text_of(&etcd.log[cancel.watch_id]), "canceled"))
		return;
	send_watch(&msg);
	compare_events();
}

/* Also of what is compacted already, and of the future. Not at 0: etcd takes that once. */
static void do_compact(void)
{
	Etcdserverpb__CompactionRequest msg = ETCDSERVERPB__COMPACTION_REQUEST__INIT;

	compare_events();
	usleep(SYNC_US); /* etcd ends watches that had no time to catch up */
	msg.revision = rnd(4) ? revision - rnd(10) : random_revision();
	if (msg.revision < 1)
		msg.revision = 1;
	msg.physical = true;
	both(KV "Compact", &msg.base, &etcdserverpb__compaction_response__descriptor);
	if (ours.status == GRPC_OK && msg.revision > compacted)
		compacted = msg.revision;
}

/* ---- the run ---- */

static const struct {
	unsigned int weight;
	void (*run)(void);
} kinds[] = {{28, do_range}, {28, do_put},   {10, do_delete}, {20, do_txn},
	     {3, do_grant},  {2, do_revoke}, {2, do_leases},  {2, do_time_to_live},
	     {1, do_watch},  {1, do_cancel}, {1, do_compact}, {2, do_put}};

static void one(void)
{
	unsigned int n = rnd(100);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (n < kinds[i].weight) {
			kinds[i].run();
			break;
		}
		n -= kinds[i].weight;
	}
	etcd_arena_reset(&arena);
}

static void on_up(void *arg)
{
	((struct side *)arg)->up = true;
}

static void on_down(void *arg, const char *why)
{
	((struct side *)arg)->down = true;
}

static void on_watch_end(void *arg, enum grpc_status status, const char *text, bool sent)
{
	if (status != GRPC_CANCELLED)
		fail_msg("%s: the watch stream ended: %s %s", ((struct side *)arg)->name,
			 grpc_status_text(status), text);
}

static void connect_side(struct side *s, uint16_t port)
{
	struct grpc_channel_conf conf = {.loop = &loop,
					 .host = "127.0.0.1",
					 .port = port,
					 .on_up = on_up,
					 .on_down = on_down,
					 .arg = s};
	struct grpc_call_conf call = {.path = "/etcdserverpb.Watch/Watch",
				      .on_message = on_watch,
				      .on_end = on_watch_end,
				      .arg = s};

	for (int i = 0; i < 100 && !s->up; i++) {
		s->down = false;
		assert_int_equal(grpc_channel_open(&conf, &s->channel), 0);
		while (!s->up && !s->down)
			uv_run(&loop, UV_RUN_ONCE);
		if (s->down) {
			grpc_channel_close(s->channel);
			usleep(50000);
		}
	}
	assert_true(s->up);
	assert_int_equal(grpc_call_start(s->channel, &call, &s->watch), 0);
}

static void test_same_answers(void **state)
{
	static const char *const listen[] = {"127.0.0.1:0"};
	struct ncsdb_server_conf conf = {.listen = listen, .n_listen = 1};
	const char *given = getenv("DIFF_SEED"), *ops = getenv("DIFF_OPS");
	unsigned int n = ops ? (unsigned int)atoi(ops) : getenv("SAND_SOAK") ? OPS_SOAK : OPS_FAST;
	struct err err;
	char text[16];

	if (!etcd_installed()) {
		printf("etcd is not installed: skipped\n");
		skip();
	}
	seed = getenv("SAND_SOAK") ? (unsigned int)getpid() : SEED_FAST;
	if (given)
		seed = (unsigned int)atoi(given);
	snprintf(text, sizeof(text), "%u", seed);
	setenv("DIFF_SEED", text, 1);
	printf("DIFF_SEED=%u DIFF_OPS=%u\n", seed, n);
	etcd_start(&proc, false);
	db_open(&(struct ncsdb_conf){0});
	assert_int_equal(ncsdb_server_open(&loop, db, &conf, &server, &err), 0);
	connect_side(&ours, ncsdb_server_port(server));
	connect_side(&etcd, proc.port);
	for (number = 1; number <= n; number++)
		one();
	compare_events();
	assert_true(watches > 5);
}

static int teardown(void **state)
{
	for (int i = 0; i < 2; i++) {
		if (sides[i]->channel)
			grpc_channel_close(sides[i]->channel);
		text_free(&sides[i]->answer);
		for (int k = 0; k < WATCHES; k++)
			text_free(&sides[i]->log[k]);
	}
	etcd_arena_fini(&arena);
	etcd_stop(&proc);
	if (db) {
		ncsdb_server_close(server);
		db_close();
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_same_answers, teardown),
	};

	alarm(getenv("SAND_SOAK") ? 900 : 110);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
