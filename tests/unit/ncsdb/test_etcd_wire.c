/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Endpoints, names, messages and errors of the client: pure functions. */
#include "unit/ncsdb/harness.h"

#include "ncsdb/etcd_wire.h"

static struct etcd_arena arena;

static int setup(void **state)
{
	arena = (struct etcd_arena){0};
	return 0;
}

static int teardown(void **state)
{
	etcd_arena_fini(&arena);
	return 0;
}

static void test_endpoints(void **state)
{
	static const char *const bad[] = {
		"",
		"etcd1:2379",
		"http://",
		"http://:2379",
		"http://a",
		"http://a:",
		"http://a:0",
		"http://a:65536",
		"http://a:1x",
		"http://a:1/",
		"http://::1:2379",
		"http://[::1]",
		"http://[]:1",
		"ftp://a:1",
		"http://a@b:1",
		"http://[::1:1",
		"http://a b:1",
		"http://a:00001x",
		"http://a:123456",
		"https://a\n:1",
	};
	struct etcd_endpoint ep;

	assert_int_equal(etcd_endpoint_parse("http://etcd1:2379", &ep), 0);
	assert_string_equal(ep.host, "etcd1");
	assert_int_equal(ep.port, 2379);
	assert_false(ep.tls);
	assert_int_equal(etcd_endpoint_parse("https://[::1]:65535", &ep), 0);
	assert_string_equal(ep.host, "::1");
	assert_int_equal(ep.port, 65535);
	assert_true(ep.tls);
	assert_string_equal(ep.url, "https://[::1]:65535");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (etcd_endpoint_parse(bad[i], &ep) != -EINVAL)
			fail_msg("taken: \"%s\"", bad[i]);
	}
	assert_string_equal(ep.host, "::1"); /* left alone */
}

static etcd_bytes wire(const char *text, size_t len)
{
	char *copy = etcd_arena_alloc(&arena, len);

	memcpy(copy, text, len);
	return (etcd_bytes){len, (uint8_t *)copy};
}

static void out_is(const char *prefix, const char *key, const char *want)
{
	struct etcd_names names;
	etcd_bytes out;

	assert_int_equal(etcd_names_init(&names, prefix), 0);
	out = etcd_key_out(&names, &arena, key);
	assert_int_equal(out.len, strlen(want));
	assert_memory_equal(out.data, want, out.len);
}

static void in_is(const char *prefix, const char *key, const char *want)
{
	struct etcd_names names;
	const char *in;

	assert_int_equal(etcd_names_init(&names, prefix), 0);
	in = etcd_key_in(&names, &arena, wire(key, strlen(key)));
	if (want)
		assert_string_equal(in, want);
	else
		assert_null(in);
}

static void test_names(void **state)
{
	struct etcd_names names;

	out_is(NULL, "/san/a", "/san/a");
	out_is("/clusters/7/san", "/san/a", "/clusters/7/san/a");
	out_is("/clusters/7/san", "/san", "/clusters/7/san");
	out_is("/clusters/7/san", "/santa", "/santa");
	out_is("/clusters/7/san", "/x/san/a", "/x/san/a");
	out_is("/x", "/san/a", "/x/a");
	in_is(NULL, "/san/a", "/san/a");
	in_is("/clusters/7/san", "/clusters/7/san/a", "/san/a");
	in_is("/clusters/7/san", "/clusters/7/san", "/san");
	in_is("/clusters/7/san", "/clusters/7/santa", "/clusters/7/santa");
	in_is("/clusters/7/san", "/san/a", NULL); /* would be another's */
	in_is("/x", "/x/a", "/san/a");
	in_is("/x", "/y/a", "/y/a");
	assert_int_equal(etcd_names_init(&names, ""), -EINVAL);
	assert_int_equal(etcd_names_init(&names, "/"), -EINVAL);
	assert_int_equal(etcd_names_init(&names, "/a/"), -EINVAL);
	assert_int_equal(etcd_names_init(&names, "a"), -EINVAL);
	assert_int_equal(etcd_names_init(&names, "/a\n"), -EINVAL);
}

static void test_foreign_keys(void **state)
{
	char longest[NCSDB_KEY_MAX + ETCD_PREFIX_MAX + 8];
	struct etcd_names names;
	Mvccpb__KeyValue kv = MVCCPB__KEY_VALUE__INIT;
	struct ncsdb_kv out;

	assert_int_equal(etcd_names_init(&names, NULL), 0);
	assert_null(etcd_key_in(&names, &arena, wire("/a\0b", 4)));
	assert_null(etcd_key_in(&names, &arena, wire("/a\n", 3)));
	assert_null(etcd_key_in(&names, &arena, wire("/a\xff", 3)));
	assert_null(etcd_key_in(&names, &arena, (etcd_bytes){0, NULL}));
	memset(longest, 'k', sizeof(longest));
	assert_null(etcd_key_in(&names, &arena, wire(longest, NCSDB_KEY_MAX)));
	assert_non_null(etcd_key_in(&names, &arena, wire(longest, NCSDB_KEY_MAX - 1)));
	memcpy(longest, "/clusters/7/san/", 16);
	assert_int_equal(etcd_names_init(&names, "/clusters/7/san"), 0);
	assert_non_null(etcd_key_in(&names, &arena, wire(longest, NCSDB_KEY_MAX + 10)));
	assert_null(etcd_key_in(&names, &arena, wire(longest, NCSDB_KEY_MAX + 11)));
	kv.key = wire("/a", 2);
	kv.value.len = NCSDB_VALUE_MAX + 1;
	assert_false(etcd_kv_in(&names, &arena, &kv, &out));
	kv.value.len = 0;
	kv.lease = 7;
	assert_true(etcd_kv_in(&names, &arena, &kv, &out));
	assert_string_equal(out.value, "");
	assert_int_equal(out.lease, 7);
}

static void range_is(const char *prefix, const char *key, const char *want_key,
		     const char *want_end)
{
	struct etcd_names names;
	etcd_bytes from, to;

	assert_int_equal(etcd_names_init(&names, prefix), 0);
	assert_int_equal(etcd_prefix_out(&names, &arena, key, &from, &to), 0);
	assert_int_equal(from.len, strlen(want_key));
	assert_memory_equal(from.data, want_key, from.len);
	assert_int_equal(to.len, strlen(want_end));
	assert_memory_equal(to.data, want_end, to.len);
}

static void test_prefixes(void **state)
{
	struct etcd_names names;
	etcd_bytes from, to;

	range_is(NULL, "/san/", "/san/", "/san0");
	range_is("/x/y", "/san/", "/x/y/", "/x/y0");
	range_is("/x/y", "/san", "/x/y", "/x/z");
	range_is("/x/y", "/sa", "/sa", "/sb");
	assert_int_equal(etcd_names_init(&names, NULL), 0);
	assert_int_equal(etcd_prefix_out(&names, &arena, "", &from, &to), 0);
	assert_true(from.len == 1 && to.len == 1 && !*from.data && !*to.data);
}

static void end_is(const char *key, const char *end, const char *want)
{
	struct etcd_names names;
	etcd_bytes out;

	assert_int_equal(etcd_names_init(&names, "/x/y"), 0);
	out = etcd_end_out(&names, &arena, key, end);
	assert_int_equal(out.len, strlen(want));
	assert_memory_equal(out.data, want, out.len);
}

static void test_range_ends(void **state)
{
	end_is("/san/a", "/san/b", "/x/y/b");
	end_is("/san/a", "/san0", "/x/y0"); /* all of ours behind a */
	end_is("/san/a", "/z", "/x/y0");
	end_is("/san/a", "/a", "/a"); /* nothing */
	end_is("/a", "/b", "/b");
}

static void test_errors(void **state)
{
	static const struct {
		enum grpc_status status;
		const char *text;
		int error;
		bool elsewhere, not_done, token;
	} cases[] = {
		{GRPC_OK, "", 0, false, false, false},
		{GRPC_OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted",
		 -ERANGE, false, false, false},
		{GRPC_OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision",
		 -EINVAL, false, false, false},
		{GRPC_OUT_OF_RANGE, "etcdserver: too large lease TTL", -EINVAL, false, false,
		 false},
		{GRPC_NOT_FOUND, "etcdserver: requested lease not found", -ENOENT, false, false,
		 false},
		{GRPC_FAILED_PRECONDITION, "etcdserver: lease already exists", -EEXIST, false,
		 false, false},
		{GRPC_FAILED_PRECONDITION, "etcdserver: not leader", -EINVAL, true, false, false},
		{GRPC_RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded", -ENOSPC,
		 false, false, false},
		{GRPC_RESOURCE_EXHAUSTED, "etcdserver: too many requests", -EAGAIN, false, false,
		 false},
		{GRPC_INVALID_ARGUMENT, "etcdserver: request is too large", -EINVAL, false, false,
		 false},
		{GRPC_INVALID_ARGUMENT, "etcdserver: authentication failed, invalid user ID",
		 -EACCES, false, false, false},
		{GRPC_INVALID_ARGUMENT, "etcdserver: revision of auth store is old", -EACCES, false,
		 true, true},
		{GRPC_UNAUTHENTICATED, "etcdserver: invalid auth token", -EACCES, false, true,
		 true},
		{GRPC_PERMISSION_DENIED, "etcdserver: permission denied", -EACCES, false, false,
		 false},
		{GRPC_UNAVAILABLE, "etcdserver: no leader", -ETIMEDOUT, true, true, false},
		{GRPC_UNAVAILABLE, "etcdserver: request timed out", -ETIMEDOUT, true, false, false},
		{GRPC_UNAVAILABLE, NULL, -ETIMEDOUT, true, false, false},
		{GRPC_DEADLINE_EXCEEDED, NULL, -ETIMEDOUT, false, false, false},
		{GRPC_DATA_LOSS, "etcdserver: corrupt cluster", -EIO, true, false, false},
		{GRPC_STATUS_MAX, NULL, -EIO, false, false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum grpc_status s = cases[i].status;
		const char *text = cases[i].text;

		assert_int_equal(etcd_error(s, text), cases[i].error);
		assert_int_equal(etcd_elsewhere(s, text), cases[i].elsewhere);
		assert_int_equal(etcd_not_done(s, text), cases[i].not_done);
		assert_int_equal(etcd_token_bad(s, text), cases[i].token);
	}
}

static void test_too_large(void **state)
{
	static const char *const yes[] = {
		"message of 4194305 bytes, at most 4194304",
		"grpc: trying to send message larger than max (5 vs. 4)",
		"grpc: received message larger than max (5 vs. 4)",
		"ncsdb: the answer would be larger than 8 MiB, ask with a limit"};
	static const char *const no[] = {"etcdserver: too many requests",
					 "etcdserver: mvcc: database space exceeded",
					 "ncsdb: out of memory", ""};

	for (int i = 0; i < 4; i++) {
		assert_true(etcd_too_large(GRPC_RESOURCE_EXHAUSTED, yes[i]));
		assert_false(etcd_too_large(GRPC_UNAVAILABLE, yes[i]));
		assert_false(etcd_too_large(GRPC_RESOURCE_EXHAUSTED, no[i]));
	}
	assert_false(etcd_too_large(GRPC_RESOURCE_EXHAUSTED, NULL));
}

/* What a few bytes claim does not cost more than the limit. */
static void test_arena(void **state)
{
	char *a = etcd_arena_alloc(&arena, 5), *b;

	memset(a, 'x', 5);
	assert_int_equal(a[5], '\0');
	b = etcd_arena_alloc(&arena, 100000);
	assert_true(((uintptr_t)b & 15) == 0);
	assert_int_equal(b[100000], '\0');
	assert_null(etcd_arena_alloc(&arena, ETCD_ARENA_MAX));
	assert_null(etcd_arena_alloc(&arena, ETCD_ARENA_MAX - 50000));
	assert_null(etcd_arena_alloc(&arena, SIZE_MAX));
	etcd_arena_reset(&arena);
	assert_true(arena.bytes < 100000);
	assert_non_null(etcd_arena_alloc(&arena, 0));
}

/* Puts the head of a member in front of the len bytes from at on. */
static size_t deeper(unsigned char *data, size_t at, size_t len, unsigned char tag)
{
	unsigned char head[5] = {tag};
	size_t n = 1;

	for (; len > 0x7f; len >>= 7)
		head[n++] = (unsigned char)(len | 0x80);
	head[n++] = (unsigned char)len;
	memcpy(data + at - n, head, n);
	return at - n;
}

/* An answer within an answer, as deep as a message can be: one level is looked at. */
static void test_nesting(void **state)
{
	static unsigned char nested[4u << 20];
	size_t len = 0, at = sizeof(nested);
	const Etcdserverpb__TxnResponse *answer;

	while (at > 10) {
		at = deeper(nested, at, len, 0x22); /* response_txn of ResponseOp */
		len = sizeof(nested) - at;
		at = deeper(nested, at, len, 0x1a); /* responses of TxnResponse */
		len = sizeof(nested) - at;
	}
	answer = etcd_unpack(&arena, &etcdserverpb__txn_response__descriptor, nested + at, len);
	assert_non_null(answer);
	assert_int_equal(answer->n_responses, 1);
	assert_int_equal(answer->responses[0]->response_case,
			 ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_TXN);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_endpoints), T(test_names),      T(test_foreign_keys),
		T(test_prefixes),  T(test_range_ends), T(test_errors),
		T(test_arena),	   T(test_nesting),    T(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
