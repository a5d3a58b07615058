/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client when something is wrong: servers that go, come back as others, are silent, refuse. */
#include "unit/ncsdb/harness.h"

#include "ncsdb/etcd.h"
#include "ncsdb/server.h"
#include "unit/ncsdb/etcd_proc.h"
#include "unit/ncsdb/run_until.h"
#include "unit/own_clock.h"
#include "unit/ncsdb/script.h"
#include "util/clock.h"

static struct ncsdb *served;
static struct ncsdb_server *server;
static uint16_t port;
static char url[64];
static int states, ups;

/* ---- life ---- */

static int setup(void **state)
{
	assert_int_equal(uv_loop_init(&loop), 0);
	port = free_port();
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	states = ups = 0;
	return 0;
}

static void serve(void)
{
	char text[32];
	const char *listen[] = {text};
	struct ncsdb_server_conf conf = {.listen = listen, .n_listen = 1};
	struct err err;

	snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	if (!served)
		assert_int_equal(ncsdb_open(&loop, &(struct ncsdb_conf){0}, &served, &err), 0);
	assert_int_equal(ncsdb_server_open(&loop, served, &conf, &server, &err), 0);
}

static void unserve(void)
{
	ncsdb_server_close(server);
	server = NULL;
}

static int teardown(void **state)
{
	ncsdb_close(db);
	unserve();
	ncsdb_close(served);
	if (script)
		grpc_server_close(script);
	script = NULL;
	served = NULL;
	db = NULL;
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	return 0;
}

static void on_state(void *arg, bool connected)
{
	states++;
	ups += connected;
	assert_int_equal(status().connected, connected);
}

static void open_conf(const struct ncsdb_remote *remote)
{
	struct err err = {0};
	char text[512];

	if (ncsdb_open(&loop, &(struct ncsdb_conf){.remote = remote}, &db, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
	ncsdb_on_state(db, on_state, NULL);
}

static void open_client(unsigned int deadline_ms)
{
	const char *const endpoints[] = {url};

	open_conf(&(struct ncsdb_remote){
		.endpoints = endpoints, .n_endpoints = 1, .deadline_ms = deadline_ms});
}

/* Into the served store, behind the client's back. */
static void put_behind(const char *key, const char *value)
{
	struct ncsdb_op op = op_put(key, value);
	struct txn_answer a = {0};

	assert_int_equal(
		ncsdb_txn(served, &(struct ncsdb_txn){.then = &op, .n_then = 1}, on_txn_answer, &a),
		0);
	RUN_UNTIL(a.done);
}

static int range_status(const char *key)
{
	static struct range_answer a;

	a = (struct range_answer){0};
	assert_int_equal(ncsdb_range(db, &(struct ncsdb_range){.key = key}, on_range_answer, &a),
			 0);
	RUN_UNTIL(a.done);
	return a.status;
}

static int put_status(void)
{
	struct ncsdb_op op = op_put("/a", "1");
	struct txn_answer a = {0};

	assert_int_equal(
		ncsdb_txn(db, &(struct ncsdb_txn){.then = &op, .n_then = 1}, on_txn_answer, &a), 0);
	RUN_UNTIL(a.done);
	return a.res.status;
}

/* ---- servers that go and come ---- */

static void test_resumes(void **state)
{
	static struct seen seen;

	seen = (struct seen){0};
	serve();
	open_client(0);
	assert_false(status().connected);
	assert_true(status().lost_us);
	watch("/a", 0, &seen);
	RUN_UNTIL(status().connected);
	assert_int_equal(status().lost_us, 0);
	assert_string_equal(status().endpoint, url);
	assert_string_equal(status().why, "");
	put("/a", "1");
	RUN_UNTIL(seen.updates == 1);
	unserve();
	RUN_UNTIL(!status().connected);
	assert_true(status().lost_us);
	assert_non_null(strstr(status().why, url));
	put_behind("/a", "2");
	put_behind("/a", "3");
	serve();
	RUN_UNTIL(seen.updates == 3);
	assert_string_equal(seen.text, "[2 /a=1][3 /a=2][4 /a=3]");
	RUN_UNTIL(status().connected);
	assert_int_equal(status().reconnects, 1);
	assert_int_equal(states, 3);
	assert_int_equal(ups, 2);
}

static void test_other_cluster(void **state)
{
	static struct seen seen, again;
	uint64_t before;

	seen = again = (struct seen){0};
	serve();
	open_client(0);
	watch("/a", 0, &seen);
	RUN_UNTIL(status().connected);
	put("/a", "1");
	RUN_UNTIL(seen.updates == 1);
	before = status().store_epoch;
	unserve();
	ncsdb_close(served);
	served = NULL;
	serve();
	RUN_UNTIL(seen.status);
	assert_int_equal(seen.status, -ESTALE);
	RUN_UNTIL(status().connected);
	assert_true(status().store_epoch != before);
	assert_int_equal(status().revision, 1);
	watch("/a", 2, &again);
	put("/a", "new");
	RUN_UNTIL(again.updates);
	assert_string_equal(again.text, "[2 /a=new]");
	assert_int_equal(seen.updates, 2);
}

static void test_compacted_while_away(void **state)
{
	static struct seen seen;

	seen = (struct seen){0};
	serve();
	open_client(0);
	watch("/a", 0, &seen);
	RUN_UNTIL(status().connected);
	put("/a", "1");
	RUN_UNTIL(seen.updates == 1);
	unserve();
	RUN_UNTIL(!status().connected);
	put_behind("/a", "2");
	put_behind("/a", "3");
	assert_int_equal(ncsdb_compact(served, 4), 0);
	serve();
	RUN_UNTIL(seen.status);
	assert_int_equal(seen.status, -ERANGE);
	RUN_UNTIL(status().connected);
}

static void test_next_endpoint(void **state)
{
	char dead[64], alive[64];
	const char *const endpoints[] = {dead, alive, dead};

	snprintf(dead, sizeof(dead), "http://127.0.0.1:%u", free_port());
	snprintf(alive, sizeof(alive), "%s", url);
	serve();
	for (int i = 0; i < 5; i++) {
		open_conf(&(struct ncsdb_remote){.endpoints = endpoints, .n_endpoints = 3});
		assert_int_equal(put_status(), 0);
		RUN_UNTIL(status().connected);
		assert_string_equal(status().endpoint, url);
		ncsdb_close(db);
		db = NULL;
	}
}

static void test_nobody_there(void **state)
{
	struct lease_answer l = {0};
	uint64_t begin = clock_us();

	open_client(200);
	assert_int_equal(range_status("/a"), -EHOSTUNREACH);
	assert_int_equal(put_status(), -EHOSTUNREACH);
	assert_int_equal(ncsdb_lease_keepalive(db, 5, on_lease_answer, &l), 0);
	RUN_UNTIL(l.done);
	assert_int_equal(l.status, -EHOSTUNREACH);
	assert_true(clock_us() - begin >= 600000);
	assert_true(clock_us() - begin < 5000000);
	assert_false(status().connected);
	assert_non_null(strstr(status().why, url));
	assert_int_equal(states, 0);
}

/* A machine that is there and does not speak. */
static void test_mute(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 5), 0);
	open_client(200);
	assert_int_equal(put_status(), -EHOSTUNREACH);
	RUN_UNTIL(strstr(status().why, url));
	close(fd);
}

static void test_bytes_that_wait(void **state)
{
	char *value = calloc(1, NCSDB_VALUE_MAX);
	struct ncsdb_op op = {NCSDB_PUT, "/a", value, NCSDB_VALUE_MAX, 0};
	struct ncsdb_txn txn = {.then = &op, .n_then = 1};
	struct txn_answer first = {0};
	int n = 1;

	open_client(300);
	assert_int_equal(ncsdb_txn(db, &txn, on_txn_answer, &first), 0);
	while (ncsdb_txn(db, &txn, NULL, NULL) == 0)
		n++;
	assert_int_equal(n, NCSDB_PENDING_BYTES_MAX / NCSDB_VALUE_MAX - 1); /* and what is around */
	assert_int_equal(ncsdb_txn(db, &txn, NULL, NULL), -EAGAIN);
	assert_int_equal(status().pending, n);
	RUN_UNTIL(status().pending == 0);
	assert_int_equal(first.res.status, -EHOSTUNREACH);
	assert_int_equal(ncsdb_txn(db, &txn, NULL, NULL), 0);
	free(value);
}

static void test_too_large_for_any_server(void **state)
{
	static char keys[9][8];
	struct ncsdb_op ops[9];
	char *value = calloc(1, NCSDB_VALUE_MAX);

	for (int i = 0; i < 9; i++) {
		sprintf(keys[i], "/%d", i);
		ops[i] = (struct ncsdb_op){NCSDB_PUT, keys[i], value, NCSDB_VALUE_MAX, 0};
	}
	open_client(200);
	assert_int_equal(ncsdb_txn(db, &(struct ncsdb_txn){.then = ops, .n_then = 9}, NULL, NULL),
			 -EINVAL);
	free(value);
}

/* ---- prefix ---- */

static void on_served_list(void *arg, const struct ncsdb_range_result *res)
{
	on_range_answer(arg, res);
}

static void test_prefix(void **state)
{
	const char *const endpoints[] = {url};
	static struct range_answer a;
	static struct seen seen;

	seen = (struct seen){0};
	a = (struct range_answer){0};
	serve();
	open_conf(&(struct ncsdb_remote){
		.endpoints = endpoints, .n_endpoints = 1, .prefix = "/clusters/7/san"});
	watch("/san/", 0, &seen);
	RUN_UNTIL(status().connected);
	put("/san/a", "1");
	put_behind("/san/a", "another's");
	put_behind("/clusters/7/san/b", "2");
	RUN_UNTIL(seen.updates == 2);
	assert_string_equal(seen.text, "[2 /san/a=1][4 /san/b=2]");
	assert_string_equal(list("/san/"), "/san/a=1@2 /san/b=2@4");
	assert_string_equal(get("/san/a"), "/san/a=1@2");
	assert_int_equal(status().foreign, 0);
	assert_string_equal(list(""), "/san/a=1@2 /san/b=2@4");
	assert_int_equal(status().foreign, 1);
	del("/san/a");
	assert_int_equal(ncsdb_range(served, &(struct ncsdb_range){.key = "", .prefix = true},
				     on_served_list, &a),
			 0);
	RUN_UNTIL(a.done);
	assert_string_equal(a.text, "/clusters/7/san/b=2@4 /san/a=another's@3");
}

/* ---- answers of a cluster in trouble ---- */

static void play(unsigned int deadline_ms)
{
	port = script_open();
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	open_client(deadline_ms);
}

static void test_write_is_repeated_only_if_it_was_not_done(void **state)
{
	play(0);
	RUN_UNTIL(status().connected);
	say.refuse[TXN] = (struct refusal){GRPC_UNAVAILABLE, "etcdserver: no leader", 2};
	assert_int_equal(put_status(), 0);
	assert_int_equal(say.calls[TXN], 3);
	say.refuse[TXN] = (struct refusal){GRPC_UNAVAILABLE, "etcdserver: request timed out", 2};
	assert_int_equal(put_status(), -ETIMEDOUT);
	assert_int_equal(say.calls[TXN], 4);
	say.refuse[TXN].times = 0;
	say.refuse[RANGE] = (struct refusal){GRPC_UNAVAILABLE, "etcdserver: request timed out", 2};
	assert_int_equal(range_status("/a"), 0);
	say.refuse[TXN] = (struct refusal){GRPC_RESOURCE_EXHAUSTED,
					   "etcdserver: mvcc: database space exceeded", 1};
	assert_int_equal(put_status(), -ENOSPC);
	assert_true(status().read_only);
	assert_int_equal(put_status(), 0);
	assert_false(status().read_only);
}

/* A watch that has to wait for its check does not go on with what came with its creation. */
static void test_events_with_created(void **state)
{
	static struct seen seen;

	seen = (struct seen){0};
	port = script_open_streams(1);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	open_client(0);
	RUN_UNTIL(say.watch || status().connected);
	say.silent[WATCH] = true;
	watch("/", 5, &seen);
	RUN_UNTIL(say.creates == 1);
	script_event_in(10, true);
	RUN_UNTIL(say.creates == 2);
	assert_int_equal(say.start, 5);
	assert_int_equal(seen.updates, 0);
}

static void test_deadline(void **state)
{
	uint64_t begin;

	play(200);
	RUN_UNTIL(status().connected);
	say.silent[TXN] = true;
	begin = clock_us();
	assert_int_equal(put_status(), -ETIMEDOUT);
	assert_true(clock_us() - begin >= 190000 && clock_us() - begin < 2000000);
	say.silent[TXN] = false;
	assert_int_equal(put_status(), 0);
}

static void test_token(void **state)
{
	const char *const endpoints[] = {url};

	port = script_open();
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	open_conf(&(struct ncsdb_remote){
		.endpoints = endpoints, .n_endpoints = 1, .user = "pe1", .password = "secret"});
	RUN_UNTIL(status().connected);
	assert_int_equal(put_status(), 0);
	assert_string_equal(say.seen_token, "first");
	assert_int_equal(say.calls[LOGIN], 2);
	strcpy(say.token, "second");
	say.refuse[TXN] =
		(struct refusal){GRPC_UNAUTHENTICATED, "etcdserver: invalid auth token", 1};
	assert_int_equal(put_status(), 0);
	assert_string_equal(say.seen_token, "second");
	assert_int_equal(say.calls[LOGIN], 3);
	say.refuse[TXN] =
		(struct refusal){GRPC_UNAUTHENTICATED, "etcdserver: invalid auth token", 2};
	assert_int_equal(put_status(), -EACCES); /* once is enough */
	say.refuse[TXN] =
		(struct refusal){GRPC_PERMISSION_DENIED, "etcdserver: permission denied", 1};
	assert_int_equal(put_status(), -EACCES);
}

static void test_wrong_password(void **state)
{
	const char *const endpoints[] = {url};

	port = script_open();
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	say.refuse[LOGIN] = (struct refusal){
		GRPC_INVALID_ARGUMENT, "etcdserver: authentication failed, invalid user ID", 1000};
	open_conf(&(struct ncsdb_remote){
		.endpoints = endpoints, .n_endpoints = 1, .user = "pe1", .password = "wrong"});
	assert_int_equal(put_status(), -EACCES);
	assert_non_null(strstr(status().why, "authentication failed"));
	assert_int_equal(say.calls[TXN], 0);
	/* A cluster that asks for nobody's name. */
	say.refuse[LOGIN] = (struct refusal){GRPC_FAILED_PRECONDITION,
					     "etcdserver: authentication is not enabled", 1000};
	RUN_UNTIL(status().connected);
	assert_string_equal(say.seen_token, "");
}

#define LARGE (600u << 10)
#define N_LARGE 40

struct page {
	bool done, more;
	size_t n, bytes;
	char last[16];
};

static void on_page(void *arg, const struct ncsdb_range_result *res)
{
	struct page *page = arg;

	assert_int_equal(res->status, 0);
	for (size_t i = 0; i < res->n; i++)
		page->bytes += res->kvs[i].value_len;
	if (res->n)
		strcpy(page->last, res->kvs[res->n - 1].key);
	page->n = res->n;
	page->more = res->more;
	page->done = true;
}

static struct page page_from(const char *key, size_t limit)
{
	struct page page = {0};

	assert_int_equal(ncsdb_range(db,
				     &(struct ncsdb_range){.key = key, .end = "/z", .limit = limit},
				     on_page, &page),
			 0);
	RUN_UNTIL(page.done);
	return page;
}

/* Who asks for pages gets none that is larger than memory likes; who asks for all gets all. */
static void test_pages_are_bounded_in_bytes(void **state)
{
	char *value = calloc(1, LARGE + 1), key[24] = "/";
	size_t n = 0, pages = 0;
	struct page page;

	memset(value, 'x', LARGE);
	serve();
	for (int i = 0; i < N_LARGE; i++) {
		snprintf(key, sizeof(key), "/%02d", i);
		put_behind(key, value);
	}
	free(value);
	open_client(5000);
	RUN_UNTIL(status().connected);
	strcpy(key, "/");
	do {
		page = page_from(key, 4096);
		assert_in_range(page.n, 2, (12u << 20) / LARGE);
		assert_true(page.bytes <= 12u << 20);
		n += page.n;
		pages++;
		snprintf(key, sizeof(key), "%s0", page.last); /* behind it */
	} while (page.more);
	assert_int_equal(n, N_LARGE);
	assert_in_range(pages, 3, 5);
	page = page_from("/", 0);
	assert_int_equal(page.n, N_LARGE);
	assert_false(page.more);
}

static struct ncsdb_event last_event;

static void on_event(void *arg, const struct ncsdb_watch_update *u)
{
	assert_int_equal(u->status, 0);
	assert_int_equal(u->n, 1);
	assert_string_equal(u->events[0].kv.key, "/a");
	last_event = u->events[0];
}

/* Another client's value may be as large as it likes: told as gone, with its version. */
static void test_a_value_larger_than_ours(void **state)
{
	struct ncsdb_watch *w;

	play(0);
	assert_int_equal(ncsdb_watch(db, "/a", 5, on_event, NULL, &w), 0);
	RUN_UNTIL(status().connected);
	say.value_len = NCSDB_VALUE_MAX;
	script_event(11);
	RUN_UNTIL(last_event.kv.mod_rev == 11);
	assert_false(last_event.deleted || last_event.unfit);
	assert_int_equal(last_event.kv.value_len, NCSDB_VALUE_MAX);
	say.value_len = NCSDB_VALUE_MAX + 1;
	script_event(12);
	RUN_UNTIL(last_event.kv.mod_rev == 12);
	assert_true(last_event.deleted && last_event.unfit);
	assert_int_equal(last_event.kv.version, 1);
	assert_null(last_event.kv.value);
	assert_int_equal(status().foreign, 1);
	say.value_len = 3;
	script_event(13);
	RUN_UNTIL(last_event.kv.mod_rev == 13);
	assert_false(last_event.deleted || last_event.unfit);
}

static void test_ended_watch_goes_on(void **state)
{
	static struct seen seen;

	seen = (struct seen){.quiet = true};
	play(0);
	watch("/a", 5, &seen);
	RUN_UNTIL(status().connected);
	assert_int_equal(say.start, 5);
	script_event(11);
	RUN_UNTIL(seen.updates == 1);
	script_watch(false, true, "slow");
	RUN_UNTIL(!status().connected);
	assert_non_null(strstr(status().why, "slow"));
	RUN_UNTIL(status().connected);
	assert_int_equal(say.start, 12);
	assert_int_equal(say.creates, 2);
	assert_int_equal(say.calls[WATCH], 1);
	script_event(11); /* once more: known */
	script_event(12);
	RUN_UNTIL(seen.updates == 2);
	assert_int_equal(seen.revision, 12);
}

static void drop_feed(void)
{
	grpc_stream_end(say.watch, GRPC_UNAVAILABLE, "etcdserver: no leader");
	RUN_UNTIL(!status().connected);
}

/* A member that lags would have waited: a smaller revision means lost ones. */
static void test_smaller_revision(void **state)
{
	static struct seen seen;

	seen = (struct seen){.quiet = true};
	play(0);
	watch("/a", 11, &seen);
	RUN_UNTIL(status().connected);
	script_event(14);
	RUN_UNTIL(seen.updates == 1);
	say.revision = 14;
	drop_feed();
	RUN_UNTIL(status().connected);
	assert_int_equal(seen.status, 0);
	assert_int_equal(say.start, 15);
	say.revision = 13;
	drop_feed();
	RUN_UNTIL(seen.status);
	assert_int_equal(seen.status, -ESTALE);
	assert_int_equal(status().revision, 13);
}

static void test_silent_feed(void **state)
{
	struct etcd *e;

	play(0);
	e = (struct etcd *)db;
	e->quiet_ms = e->answer_ms = 100;
	RUN_UNTIL(status().connected);
	RUN_UNTIL(say.progress >= 2); /* quiet, but it answers */
	assert_true(status().connected);
	assert_int_equal(status().reconnects, 0);
	say.silent[RANGE] = true;
	RUN_UNTIL(!status().connected);
	assert_non_null(strstr(status().why, "no answer"));
	say.silent[RANGE] = false;
	RUN_UNTIL(status().connected);
	assert_int_equal(status().reconnects, 1);
}

/* ---- configuration ---- */

static void refused(const struct ncsdb_remote *remote, const char *field)
{
	struct ncsdb *never = NULL;
	struct err err = {0};

	assert_int_equal(ncsdb_open(&loop, &(struct ncsdb_conf){.remote = remote}, &never, &err),
			 -EINVAL);
	assert_string_equal(err.field, field);
	assert_true(err.want[0]);
	assert_null(never);
}

static void test_configuration(void **state)
{
	static const char *const good[] = {"http://a:1"}, *const bad[] = {"http://a:1", "a:1"};
	static const char *const mixed[] = {"https://a:1", "http://b:1"};
	struct ncsdb_remote r = {.endpoints = good, .n_endpoints = 0};

	refused(&r, "/endpoints");
	r.n_endpoints = NCSDB_ENDPOINTS_MAX + 1;
	refused(&r, "/endpoints");
	r = (struct ncsdb_remote){.endpoints = bad, .n_endpoints = 2};
	refused(&r, "/endpoints/1");
	r = (struct ncsdb_remote){
		.endpoints = mixed, .n_endpoints = 2, .user = "u", .password = "p"};
	refused(&r, "/endpoints");
	r = (struct ncsdb_remote){.endpoints = mixed, .n_endpoints = 2, .ca = "/x"};
	refused(&r, "/endpoints");
	r = (struct ncsdb_remote){.endpoints = good, .n_endpoints = 1, .user = "u"};
	refused(&r, "/password");
	r = (struct ncsdb_remote){.endpoints = good, .n_endpoints = 1, .password = "p"};
	refused(&r, "/user");
	r = (struct ncsdb_remote){.endpoints = good, .n_endpoints = 1, .prefix = "san"};
	refused(&r, "/prefix");
	r = (struct ncsdb_remote){.endpoints = good, .n_endpoints = 1, .ca = "/x"};
	refused(&r, "/tls");
	r = (struct ncsdb_remote){.endpoints = good, .n_endpoints = 1, .deadline_ms = 99};
	refused(&r, "/deadline_ms");
	r.deadline_ms = 60001;
	refused(&r, "/deadline_ms");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_resumes),
		T(test_other_cluster),
		T(test_compacted_while_away),
		T(test_next_endpoint),
		T(test_nobody_there),
		T(test_mute),
		T(test_bytes_that_wait),
		T(test_too_large_for_any_server),
		T(test_prefix),
		T(test_a_value_larger_than_ours),
		T(test_pages_are_bounded_in_bytes),
		T(test_write_is_repeated_only_if_it_was_not_done),
		T(test_events_with_created),
		T(test_deadline),
		T(test_token),
		T(test_wrong_password),
		T(test_ended_watch_goes_on),
		T(test_smaller_revision),
		T(test_silent_feed),
		T(test_configuration),
	};

	alarm(110);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
