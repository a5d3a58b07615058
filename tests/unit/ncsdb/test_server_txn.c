/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The embedded server: transactions. */
#include "unit/ncsdb/served.h"

/* A transaction in the making; texts are borrowed. */
struct maker {
	Etcdserverpb__Compare cmps[NCSDB_TXN_MAX + 1], *cmp_list[NCSDB_TXN_MAX + 1];
	Etcdserverpb__RequestOp ops[2][NCSDB_TXN_MAX + 1], *list[2][NCSDB_TXN_MAX + 1];
	Etcdserverpb__PutRequest puts[2][NCSDB_TXN_MAX + 1];
	Etcdserverpb__RangeRequest ranges[8];
	Etcdserverpb__DeleteRangeRequest dels[8];
	Etcdserverpb__TxnRequest txn;
	size_t n_ranges, n_dels;
	char text[16384];
};
static struct maker m;

static void make(void)
{
	memset(&m, 0, sizeof(m));
	etcdserverpb__txn_request__init(&m.txn);
	m.txn.compare = m.cmp_list;
	m.txn.success = m.list[0];
	m.txn.failure = m.list[1];
}

static Etcdserverpb__Compare *cmp(const char *key, int target, int result)
{
	Etcdserverpb__Compare *c = &m.cmps[m.txn.n_compare];

	etcdserverpb__compare__init(c);
	c->key = wire_bytes(key);
	c->target = (Etcdserverpb__Compare__CompareTarget)target;
	c->result = (Etcdserverpb__Compare__CompareResult)result;
	m.cmp_list[m.txn.n_compare++] = c;
	return c;
}

static Etcdserverpb__RequestOp *op(int branch)
{
	size_t *n = branch ? &m.txn.n_failure : &m.txn.n_success;
	Etcdserverpb__RequestOp *o = &m.ops[branch][*n];

	etcdserverpb__request_op__init(o);
	m.list[branch][(*n)++] = o;
	return o;
}

static Etcdserverpb__PutRequest *tput(int branch, const char *key, const char *value)
{
	Etcdserverpb__RequestOp *o = op(branch);
	Etcdserverpb__PutRequest *p = &m.puts[branch][o - m.ops[branch]];

	etcdserverpb__put_request__init(p);
	p->key = wire_bytes(key);
	p->value = wire_bytes(value);
	o->request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT;
	o->request_put = p;
	return p;
}

static Etcdserverpb__RangeRequest *trange(int branch, const char *key, const char *end)
{
	Etcdserverpb__RequestOp *o = op(branch);
	Etcdserverpb__RangeRequest *r = &m.ranges[m.n_ranges++];

	*r = range_of(key, end);
	o->request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_RANGE;
	o->request_range = r;
	return r;
}

static Etcdserverpb__DeleteRangeRequest *tdel(int branch, const char *key, const char *end)
{
	Etcdserverpb__RequestOp *o = op(branch);
	Etcdserverpb__DeleteRangeRequest *d = &m.dels[m.n_dels++];

	etcdserverpb__delete_range_request__init(d);
	d->key = wire_bytes(key);
	d->range_end = wire_bytes(end);
	o->request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_DELETE_RANGE;
	o->request_delete_range = d;
	return d;
}

static void add_op_text(const Etcdserverpb__ResponseOp *o)
{
	size_t at = strlen(m.text), room = sizeof(m.text) - at;

	switch (o->response_case) {
	case ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_RANGE:
		snprintf(m.text + at, room, " [%s]", range_text(o->response_range));
		break;
	case ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_PUT:
		snprintf(m.text + at, room, " put@%lld",
			 (long long)o->response_put->header->revision);
		if (o->response_put->prev_kv)
			sprintf(m.text + strlen(m.text), "<%s>",
				kvs_text(&o->response_put->prev_kv, 1));
		break;
	case ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_DELETE_RANGE:
		snprintf(m.text + at, room, " del%lld<%s>",
			 (long long)o->response_delete_range->deleted,
			 kvs_text(o->response_delete_range->prev_kvs,
				  o->response_delete_range->n_prev_kvs));
		break;
	default:
		snprintf(m.text + at, room, " ?");
	}
}

/* "yes@5 put@5 [/a=1@5]": succeeded, revision, answers; or what is wrong. */
static const char *run(void)
{
	Etcdserverpb__TxnResponse *res = wire_ask(&w, &call, "KV/Txn", &m.txn, DESC(txn_response));

	if (!res)
		return call.text;
	sprintf(m.text, "%s@%lld", res->succeeded ? "yes" : "no", (long long)res->header->revision);
	for (size_t i = 0; i < res->n_responses; i++)
		add_op_text(res->responses[i]);
	wire_free(res);
	return m.text;
}

/* ---- operations ---- */

static void test_sees_itself(void **state)
{
	put("/a", "1");
	put("/b", "2"); /* 3 */
	make();
	trange(0, "/", "0");
	tput(0, "/c", "3");
	tput(0, "/a", "4")->prev_kv = true;
	trange(0, "/", "0");
	tdel(0, "/b", "/b0")->prev_kv = true;
	tdel(0, "/b", ""); /* once more: nothing */
	trange(0, "/", "0");
	trange(0, "/", "0")->revision = 3;
	assert_string_equal(run(), "yes@4 [/a=1@2 /b=2@3] put@4 put@4</a=1@2> "
				   "[/a=4@4 /b=2@3 /c=3@4] del1</b=2@3> del0<> "
				   "[/a=4@4 /c=3@4] [/a=1@2 /b=2@3]");
	assert_string_equal(list("/"), "/a=4@4 /c=3@4");
}

static void test_nothing_changes(void **state)
{
	put("/a", "1");
	make();
	assert_string_equal(run(), "yes@2");
	tdel(0, "/b", "/c");
	assert_string_equal(run(), "yes@2 del0<>");
	make();
	trange(0, "/", "0");
	assert_string_equal(run(), "yes@2 [/a=1@2]");
}

/* One bad operation: none is done. */
static void test_all_or_nothing(void **state)
{
	struct seen seen = {0};

	put("/a", "1");
	put("/gone", "1");
	del("/gone"); /* 4 */
	watch("", 0, &seen);
	make();
	tput(0, "/new", "2");
	tput(0, "/a", "2");
	tput(0, "/gone", "2");
	tdel(0, "/b", "/c");
	tput(0, "/z", "2")->lease = 99;
	assert_string_equal(run(), "etcdserver: requested lease not found");
	assert_int_equal(call.status, GRPC_NOT_FOUND);
	assert_string_equal(list("/"), "/a=1@2");
	make();
	tdel(0, "/a", "/z");
	tput(0, "/z", "")->ignore_value = true;
	assert_string_equal(run(), "etcdserver: key not found");
	make();
	tdel(0, "/a", "/z");
	trange(0, "/", "0")->revision = 5;
	assert_string_equal(run(), "etcdserver: mvcc: required revision is a future revision");
	assert_string_equal(list("/"), "/a=1@2");
	assert_int_equal(status().revision, 4);
	assert_int_equal(put("/gone", "3"), 5);
	while (!seen.updates)
		uv_run(&loop, UV_RUN_ONCE);
	assert_string_equal(seen.text, "[5 /gone=3]");
	assert_int_equal(range_sync(&(struct ncsdb_range){.key = "/gone"})->first.version, 1);
}

/* As etcd: all puts are looked at before all ranges, in a put the key before the lease. */
static void test_which_error(void **state)
{
	put("/a", "1");
	put("/a", "2");
	assert_int_equal(ncsdb_compact(db, 3), 0);
	make();
	trange(0, "/a", "")->revision = 2;
	tput(0, "/b", "")->ignore_value = true;
	m.puts[0][1].lease = 9;
	assert_string_equal(run(), "etcdserver: key not found");
	m.puts[0][1].ignore_value = false;
	assert_string_equal(run(), "etcdserver: requested lease not found");
	m.puts[0][1].lease = 0;
	assert_string_equal(run(), "etcdserver: mvcc: required revision has been compacted");
	m.puts[0][1].lease = 9;
	m.puts[0][1].ignore_value = true;
	assert_refused(ask_put(&m.puts[0][1]), GRPC_NOT_FOUND, /* alone: the lease first */
		       "etcdserver: requested lease not found");
}

/* ---- compares ---- */

static bool holds(Etcdserverpb__Compare *c, unsigned int union_case, int64_t value)
{
	const char *answer;

	c->target_union_case = (Etcdserverpb__Compare__TargetUnionCase)union_case;
	c->version = value; /* all numbers of the union lie here */
	answer = run();
	assert_true(strncmp(answer, "yes", 3) == 0 || strncmp(answer, "no", 2) == 0);
	return answer[0] == 'y';
}

static bool cmp_holds(const char *key, int target, int result, int64_t value)
{
	static const unsigned int cases[] = {4, 5, 6, 7, 8};

	make();
	return holds(cmp(key, target, result), cases[target], value);
}

static bool value_holds(const char *key, int result, const char *value)
{
	Etcdserverpb__Compare *c;

	make();
	c = cmp(key, 3, result);
	c->target_union_case = ETCDSERVERPB__COMPARE__TARGET_UNION_VALUE;
	c->value = wire_bytes(value);
	return strncmp(run(), "yes", 3) == 0;
}

enum { EQ, GT, LT, NE };
enum { VERSION, CREATE, MOD, VALUE, LEASE };

static void test_compares(void **state)
{
	assert_int_equal(grant(7, 60).status, 0);
	put("/a", "x");
	put_lease("/a", "y", 7); /* 3 */
	assert_true(cmp_holds("/a", VERSION, EQ, 2));
	assert_false(cmp_holds("/a", VERSION, NE, 2));
	assert_true(cmp_holds("/a", CREATE, LT, 3));
	assert_false(cmp_holds("/a", CREATE, LT, 2));
	assert_true(cmp_holds("/a", MOD, GT, 2));
	assert_false(cmp_holds("/a", MOD, GT, 3));
	assert_true(cmp_holds("/a", LEASE, EQ, 7));
	assert_true(cmp_holds("/none", VERSION, EQ, 0));
	assert_true(cmp_holds("/none", MOD, LT, 1));
	assert_false(cmp_holds("/none", LEASE, NE, 0));
	assert_true(value_holds("/a", EQ, "y"));
	assert_true(value_holds("/a", GT, "x"));
	assert_true(value_holds("/a", LT, "y0"));
	assert_false(value_holds("/a", NE, "y"));
	assert_false(value_holds("/none", EQ, "")); /* what is not there has no value ... */
	assert_false(value_holds("/none", NE, "x"));
	make(); /* a member of the union for another target: 0 */
	assert_true(holds(cmp("/a", VERSION, GT), ETCDSERVERPB__COMPARE__TARGET_UNION_LEASE, 9));
}

static void test_compare_range(void **state)
{
	Etcdserverpb__Compare *c;

	put("/a", "1");
	put("/b", "1");
	make();
	c = cmp("/", MOD, GT);
	c->range_end = wire_bytes("0");
	assert_true(holds(c, ETCDSERVERPB__COMPARE__TARGET_UNION_MOD_REVISION, 1));
	assert_false(holds(c, ETCDSERVERPB__COMPARE__TARGET_UNION_MOD_REVISION, 2));
	c->key = wire_bytes("/c"); /* empty: as a key that is not there */
	assert_false(holds(c, ETCDSERVERPB__COMPARE__TARGET_UNION_MOD_REVISION, 0));
}

static void test_branches(void **state)
{
	put("/a", "1");
	make();
	cmp("/a", VERSION, EQ)->target_union_case = ETCDSERVERPB__COMPARE__TARGET_UNION_VERSION;
	m.cmps[0].version = 2;
	tput(0, "/then", "1");
	trange(1, "/a", "");
	assert_string_equal(run(), "no@2 [/a=1@2]");
	m.cmps[0].version = 1;
	assert_string_equal(run(), "yes@3 put@3");
	assert_string_equal(list("/then"), "/then=1@3");
}

/* ---- what is refused ---- */

static void refuse(const char *text)
{
	assert_string_equal(run(), text);
	assert_int_equal(call.status, GRPC_INVALID_ARGUMENT);
	assert_int_equal(status().revision, 1);
}

static void test_keys_twice(void **state)
{
	const char *text = "etcdserver: duplicate key given in txn request";

	make();
	tput(0, "/a", "1");
	tput(0, "/b", "1");
	tput(0, "/a", "2");
	refuse(text);
	make();
	tput(1, "/a", "1"); /* also where it would not run */
	tput(1, "/a", "1");
	refuse(text);
	make();
	tput(0, "/a", "1");
	tdel(0, "/a", "");
	refuse(text);
	make();
	tdel(0, "/", "0");
	tput(0, "/a", "1");
	refuse(text);
	make();
	tdel(0, "/", "")->range_end = bytes_of("", 1);
	tput(0, "/a", "1");
	refuse(text);
	make();
	tput(0, "/a", "1");
	tput(1, "/a", "2");
	tdel(0, "/b", "/c");
	tdel(0, "/b", "/d");
	assert_string_equal(run(), "yes@2 put@2 del0<> del0<>");
}

static void test_sizes(void **state)
{
	static char keys[NCSDB_TXN_MAX + 1][8];

	make();
	for (int i = 0; i <= NCSDB_TXN_MAX; i++) {
		sprintf(keys[i], "/%d", i);
		tput(0, keys[i], "");
		cmp(keys[i], VERSION, EQ);
	}
	m.txn.n_compare = 0;
	refuse("etcdserver: too many operations in txn request");
	m.txn.n_compare = NCSDB_TXN_MAX + 1;
	m.txn.n_success = 1;
	refuse("etcdserver: too many operations in txn request");
	m.txn.n_compare = m.txn.n_success = NCSDB_TXN_MAX;
	assert_memory_equal(run(), "yes@2 put@2 put@2", 17);
	assert_int_equal(status().keys, NCSDB_TXN_MAX);
}

static void test_malformed(void **state)
{
	Etcdserverpb__RequestOp *o;

	make();
	op(0);
	refuse("etcdserver: key not found");
	make();
	tput(1, "", "1");
	refuse("etcdserver: key is not provided");
	make();
	cmp("", VERSION, EQ);
	refuse("etcdserver: key is not provided");
	make();
	o = op(0);
	o->request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_TXN;
	o->request_txn = wire_bytes("");
	assert_string_equal(run(), "ncsdb: Txn within Txn is not supported");
	assert_int_equal(call.status, GRPC_UNIMPLEMENTED);
}

/* Puts the head of a member in front of the len bytes from at on. */
static size_t deeper(unsigned char *data, size_t at, size_t len, unsigned char tag)
{
	unsigned char head[4] = {tag};
	size_t n = 1;

	for (; len > 0x7f; len >>= 7)
		head[n++] = (unsigned char)(len | 0x80);
	head[n++] = (unsigned char)len;
	memcpy(data + at - n, head, n);
	return at - n;
}

/* Txn within Txn within Txn: no deeper on the stack than one. */
static void test_deep(void **state)
{
	static unsigned char nested[60000];
	size_t len = 0, at = sizeof(nested);
	struct wire_call c = {0};

	while (at > 8) {
		at = deeper(nested, at, len, 0x22); /* request_txn of RequestOp */
		len = sizeof(nested) - at;
		at = deeper(nested, at, len, 0x12); /* success of TxnRequest */
		len = sizeof(nested) - at;
	}
	assert_int_equal(wire_start(&w, &c, "KV/Txn"), 0);
	assert_int_equal(grpc_call_send(c.call, nested + at, len, true), 0);
	wire_wait(&w, &c.done);
	assert_string_equal(c.text, "ncsdb: Txn within Txn is not supported");
	assert_int_equal(c.status, GRPC_UNIMPLEMENTED);
}

#define T(f) cmocka_unit_test_setup_teardown(f, served_setup, served_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_sees_itself),	T(test_nothing_changes),
		T(test_all_or_nothing), T(test_which_error),
		T(test_compares),	T(test_compare_range),
		T(test_branches),	T(test_keys_twice),
		T(test_sizes),		T(test_malformed),
		T(test_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
