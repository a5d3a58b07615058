/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/database: keys, watch, compaction, snapshot; what is shown while it is away. */
#include "unit/north/db_rig.h"

/* ---- keys ---- */

static void test_keys(void **state)
{
	struct rig *rig = *state;
	struct answer a;
	json_int_t then;
	char url[128];

	put_text(rig, "/san/x/a", "1");
	put_text(rig, "/san/x/b", "2");
	put_text(rig, "/san/x/c", "3");
	put_text(rig, "/san/y", "4");
	then = revision_of(rig);
	put_text(rig, "/san/x/b", "5");
	assert_int_equal(rig_call(rig, "GET /v1/database/keys?prefix=/san/x/&limit=2", NULL, &a),
			 200);
	assert_int_equal(int_at(a.json, "revision"), revision_of(rig));
	assert_true(json_is_true(json_object_get(a.json, "more")));
	assert_int_equal(n_keys(&a), 2);
	assert_string_equal(text_at(key_at(&a, 1), "key"), "/san/x/b");
	assert_string_equal(text_at(key_at(&a, 1), "value"), "5");
	assert_int_equal(int_at(key_at(&a, 1), "version"), 2);
	assert_int_equal(int_at(key_at(&a, 1), "mod_revision"), revision_of(rig));
	assert_int_equal(int_at(key_at(&a, 1), "lease"), 0);
	answer_free(&a);
	snprintf(url, sizeof(url),
		 "GET /v1/database/keys?prefix=%%2Fsan%%2Fx%%2F&after=/san/x/a&revision=%lld",
		 (long long)then);
	assert_int_equal(rig_call(rig, url, NULL, &a), 200);
	assert_false(json_is_true(json_object_get(a.json, "more")));
	assert_int_equal(n_keys(&a), 2);
	assert_string_equal(text_at(key_at(&a, 0), "value"), "2");
	assert_string_equal(text_at(key_at(&a, 1), "key"), "/san/x/c");
	answer_free(&a);
	assert_int_equal(rig_call(rig, "GET /v1/database/keys?keys_only=true", NULL, &a), 200);
	assert_int_equal(n_keys(&a), 4);
	assert_null(json_object_get(key_at(&a, 0), "value"));
	answer_free(&a);
}

/* A value that is no text is not bent into one. */
static void test_binary(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *coded;
	} all[] = {{"\xff", 1, "/w=="},
		   {"\xff\xfe", 2, "//4="},
		   {"a\0b", 3, "YQBi"},
		   {"\x80"
		    "abc",
		    4, "gGFiYw=="}};
	struct rig *rig = *state;
	struct answer a;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		put(rig, "/san/bin", all[i].bytes, all[i].len, 0);
		assert_int_equal(rig_call(rig, "GET /v1/database/keys?prefix=/san/bin", NULL, &a),
				 200);
		assert_string_equal(text_at(key_at(&a, 0), "value_base64"), all[i].coded);
		assert_null(json_object_get(key_at(&a, 0), "value"));
		answer_free(&a);
	}
	put(rig, "/san/bin", "", 0, 0);
	assert_int_equal(rig_call(rig, "GET /v1/database/keys?prefix=/san/bin", NULL, &a), 200);
	assert_true(json_is_string(json_object_get(key_at(&a, 0), "value")));
	answer_free(&a);
}

static void test_keys_refused(void **state)
{
	static const struct {
		const char *query;
		int status;
		const char *field, *detail;
	} all[] = {
		{"limit=0", 400, "?limit", "1..1000"},
		{"limit=1001", 400, "?limit", "1..1000"},
		{"revision=x", 400, "?revision", "revision"},
		{"revision=999999", 400, "?revision", "future"},
		{"keys_only=1", 400, "?keys_only", "true or false"},
		{"prefix=/san/a&after=/san/b", 400, "?after", "starts with prefix"},
		{"what=1", 400, "?what", "must be one of prefix"},
		{"prefix=%00", 400, "?prefix", "hex digits"},
		{"prefix=", 400, "?prefix", "must start with /san/"},
		{"prefix=/", 400, "?prefix", "must start with /san/"},
		{"prefix=/san", 400, "?prefix", "must start with /san/"},
		{"prefix=/registry/secrets", 400, "?prefix", "must start with /san/"},
		{"prefix=/san/%0a", 400, "?prefix", "control"},
	};
	struct answer a;
	char url[128];

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		snprintf(url, sizeof(url), "GET /v1/database/keys?%s", all[i].query);
		rig_call(*state, url, NULL, &a);
		assert_problem(&a, all[i].status, all[i].field, all[i].detail);
		answer_free(&a);
	}
}

/* ---- compaction ---- */

static void test_compact(void **state)
{
	struct rig *rig = *state;
	struct answer a;
	char body[64], url[96];
	json_int_t old;

	put_text(rig, "/san/x", "1");
	old = revision_of(rig);
	put_text(rig, "/san/x", "2");
	put_text(rig, "/san/x", "3");
	snprintf(body, sizeof(body), "{\"revision\": %lld}", (long long)revision_of(rig));
	assert_int_equal(rig_status(rig, "POST /v1/database/compact", body), 204);
	rig_call(rig, "POST /v1/database/compact", body, &a);
	assert_problem(&a, 409, "/revision", "compacted already");
	answer_free(&a);
	rig_call(rig, "POST /v1/database/compact", "{\"revision\": 999999}", &a);
	assert_problem(&a, 400, "/revision", "future");
	answer_free(&a);
	rig_call(rig, "POST /v1/database/compact", "{\"revision\": 0}", &a);
	assert_problem(&a, 400, "/revision", "must be");
	answer_free(&a);
	rig_call(rig, "POST /v1/database/compact", "{\"revision\": 1, \"x\": 1}", &a);
	assert_problem(&a, 400, "/x", "");
	answer_free(&a);
	snprintf(url, sizeof(url), "GET /v1/database/keys?revision=%lld", (long long)old);
	rig_call(rig, url, NULL, &a);
	assert_problem(&a, 410, "?revision", "compacted");
	answer_free(&a);
	snprintf(url, sizeof(url), "GET /v1/database/watch?wait_s=1&revision=%lld", (long long)old);
	rig_call(rig, url, NULL, &a);
	assert_problem(&a, 410, "?revision", "compacted");
	answer_free(&a);
}

/* ---- watch ---- */

static void test_watch(void **state)
{
	struct rig *rig = *state;
	json_int_t from = revision_of(rig) + 1;
	const json_t *item;
	struct answer a;
	char url[128];
	int fd;

	put_text(rig, "/san/x/a", "1");
	put_text(rig, "/san/z", "no");
	assert_int_equal(rig_status(rig, "PUT /v1/services/0x101", RIG_SERVICE), 201);
	assert_int_equal(rig_status(rig, "DELETE /v1/services/0x101", NULL), 204);
	snprintf(url, sizeof(url), "GET /v1/database/watch?prefix=/san/services/&revision=%lld",
		 (long long)from);
	assert_int_equal(rig_call(rig, url, NULL, &a), 200);
	assert_int_equal(items_of(&a), 2);
	item = json_array_get(json_object_get(a.json, "items"), 0);
	assert_string_equal(text_at(item, "type"), "put");
	assert_string_equal(text_at(item, "key"), "/san/services/0x101");
	item = json_array_get(json_object_get(a.json, "items"), 1);
	assert_string_equal(text_at(item, "type"), "delete");
	assert_int_equal(int_at(a.json, "next"), int_at(item, "mod_revision") + 1);
	answer_free(&a);
	/* one that waits, from now on */
	fd = rig_connect(rig);
	rig_say(rig, fd,
		"GET /v1/database/watch?prefix=/san/x/&wait_s=20 HTTP/1.1\r\nHost: s\r\n\r\n");
	rig_until(rig, rig_holds(rig, 1));
	put_text(rig, "/san/z", "not this");
	put_text(rig, "/san/x/a", "2");
	rig_recv(rig, fd, &a);
	close(fd);
	assert_int_equal(a.status, 200);
	assert_int_equal(items_of(&a), 1);
	assert_string_equal(text_at(a.json, "items/0/value"), "2");
	answer_free(&a);
}

/* Without changes the next question goes on behind the revision at which this one began. */
static void test_watch_without_changes(void **state)
{
	struct rig *rig = *state;
	json_int_t from = revision_of(rig) + 1;
	struct answer a;
	char url[128];

	put_text(rig, "/san/z", "1");
	assert_int_equal(rig_call(rig, "GET /v1/database/watch?wait_s=0", NULL, &a), 200);
	assert_int_equal(items_of(&a), 0);
	assert_int_equal(int_at(a.json, "next"), revision_of(rig) + 1);
	answer_free(&a);
	snprintf(url, sizeof(url), "GET /v1/database/watch?prefix=/san/x&wait_s=1&revision=%lld",
		 (long long)from);
	assert_int_equal(rig_call(rig, url, NULL, &a), 200);
	assert_int_equal(items_of(&a), 0);
	assert_int_equal(int_at(a.json, "next"), revision_of(rig) + 1);
	answer_free(&a);
}

static void test_watch_limits(void **state)
{
	struct rig *rig = *state;
	int fds[DATABASE_WATCHERS];
	struct answer a;
	char key[32], url[96];
	json_int_t from = revision_of(rig) + 1;

	for (int i = 0; i < 10; i++) {
		snprintf(key, sizeof(key), "/san/x/%d", i);
		put_text(rig, key, "1");
	}
	snprintf(url, sizeof(url), "GET /v1/database/watch?limit=3&revision=%lld", (long long)from);
	assert_int_equal(rig_call(rig, url, NULL, &a), 200);
	assert_in_range(items_of(&a), 3, 10);
	assert_int_equal(int_at(a.json, "next"), from + (json_int_t)items_of(&a));
	answer_free(&a);
	for (int i = 0; i < DATABASE_WATCHERS; i++) {
		fds[i] = rig_connect(rig);
		rig_say(rig, fds[i],
			"GET /v1/database/watch?wait_s=20 HTTP/1.1\r\nHost: s\r\n\r\n");
	}
	rig_until(rig, rig_holds(rig, DATABASE_WATCHERS));
	rig_call(rig, "GET /v1/database/watch?wait_s=20", NULL, &a);
	assert_problem(&a, 503, "", "at most 64");
	answer_free(&a);
	rig_call(rig, "GET /v1/database/watch?wait_s=31", NULL, &a);
	assert_problem(&a, 400, "?wait_s", "0..30");
	answer_free(&a);
	rig_call(rig, "GET /v1/database/watch?prefix=/registry/", NULL, &a);
	assert_problem(&a, 400, "?prefix", "must start with /san/");
	answer_free(&a);
	put_text(rig, "/san/x/0", "2"); /* all of them are answered */
	for (int i = 0; i < DATABASE_WATCHERS; i++) {
		rig_recv(rig, fds[i], &a);
		assert_int_equal(a.status, 200);
		answer_free(&a);
		close(fds[i]);
	}
}

/* ---- snapshot ---- */

/* HTTP/1.0: the end of the connection ends the body. Malloc'ed, the header cut off. */
static char *snapshot(struct rig *rig)
{
	uint64_t until = clock_us() + RIG_PATIENCE_US;
	int fd = rig_connect(rig);
	size_t cap = 32u << 20, len = 0;
	char *text = calloc(1, cap), *body;
	ssize_t n = -1;

	rig_say(rig, fd, "GET /v1/database/snapshot HTTP/1.0\r\nHost: s\r\n\r\n");
	while (n != 0 && clock_us() < until) {
		n = recv(fd, text + len, cap - 1 - len, MSG_DONTWAIT);
		if (n < 0)
			rig_turn(rig);
		else
			len += (size_t)n;
	}
	close(fd);
	assert_non_null(strstr(text, " 200 "));
	assert_non_null(strstr(text, "application/x-ndjson"));
	body = strstr(text, "\r\n\r\n");
	assert_non_null(body);
	memmove(text, body + 4, strlen(body + 4) + 1);
	return text;
}

/* Several pages, and no more memory than one of them: what comes meanwhile is not in it. */
static void test_snapshot_and_back(void **state)
{
	struct rig *rig = *state;
	static char value[4000];
	char key[32], end[32], *text;
	struct answer a;

	memset(value, 'v', sizeof(value) - 1);
	for (int i = 0; i < 3 * DATABASE_PAGE + 7; i++) {
		snprintf(key, sizeof(key), "/san/x/%05d", i);
		put_text(rig, key, value);
	}
	put(rig, "/san/bin", "\xff\0", 2, 0);
	text = snapshot(rig);
	snprintf(end, sizeof(end), "{\"end\":%d}\n", 3 * DATABASE_PAGE + 8);
	assert_string_equal(strrchr(text, '{'), end);
	assert_int_equal(strncmp(text, "{\"sand_snapshot\":1,\"revision\":", 30), 0);
	put_text(rig, "/san/x/00001", "changed");
	put_text(rig, "/san/later", "1");
	assert_int_equal(restore(rig, "", text, &a), 200);
	assert_int_equal(int_at(a.json, "restored"), 3 * DATABASE_PAGE + 8);
	assert_int_equal(int_at(a.json, "deleted"), 0);
	answer_free(&a);
	assert_int_equal(restore(rig, "?replace=true", text, &a), 200);
	assert_int_equal(int_at(a.json, "deleted"), 1);
	answer_free(&a);
	assert_int_equal(rig_call(rig, "GET /v1/database/keys?limit=1", NULL, &a), 200);
	assert_string_equal(text_at(key_at(&a, 0), "value_base64"), "/wA=");
	answer_free(&a);
	assert_int_equal(rig_call(rig, "GET /v1/database/keys?prefix=/san/later", NULL, &a), 200);
	assert_int_equal(n_keys(&a), 0);
	answer_free(&a);
	free(text);
}

/* A prefix that is too long is refused, not cut: it would stand for more keys. */
static void test_long_prefix(void **state)
{
	char url[NCSDB_KEY_MAX + 64] = "GET /v1/database/watch?wait_s=0&prefix=/san/";
	struct answer a;
	size_t n = strlen(url);

	memset(url + n, 'x', NCSDB_KEY_MAX - 9);
	url[n + NCSDB_KEY_MAX - 9] = '\0';
	rig_call(*state, url, NULL, &a);
	assert_problem(&a, 400, "?prefix", "at most 507 bytes");
	answer_free(&a);
	url[n + 502] = '\0';
	assert_int_equal(rig_status(*state, url, NULL), 200);
}

/* ---- answers that one message does not hold ---- */

static struct {
	struct ncsdb_ops ops;
	const struct ncsdb_ops *real;
	size_t most; /* keys that fit */
	unsigned int refused;
} small;

static int small_range(struct ncsdb *db, const struct ncsdb_range *req, ncsdb_range_cb cb,
		       void *arg)
{
	if (req->limit > small.most) {
		small.refused++;
		return -ENOSPC; /* what a remote database makes of RESOURCE_EXHAUSTED */
	}
	return small.real->range(db, req, cb, arg);
}

static void make_small(struct rig *rig, size_t most)
{
	small.real = rig->db->ops;
	small.ops = *small.real;
	small.ops.range = small_range;
	small.most = most;
	small.refused = 0;
	rig->db->ops = &small.ops;
}

static void test_small_messages(void **state)
{
	struct rig *rig = *state;
	struct answer a;
	char key[32], *text;

	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "/san/x/%05d", i);
		put_text(rig, key, "1");
	}
	make_small(rig, 3);
	text = snapshot(rig);
	assert_string_equal(strrchr(text, '{'), "{\"end\":200}\n");
	free(text);
	assert_true(small.refused > 0);
	assert_int_equal(rig_call(rig, "GET /v1/database/keys?limit=100", NULL, &a), 200);
	assert_in_range(n_keys(&a), 1, 3);
	assert_true(json_is_true(json_object_get(a.json, "more")));
	answer_free(&a);
	make_small(rig, 0); /* not even one */
	rig_call(rig, "GET /v1/database/keys", NULL, &a);
	assert_problem(&a, 507, "", "No space");
	answer_free(&a);
	rig_call(rig, "GET /v1/database/snapshot", NULL, &a);
	assert_problem(&a, 507, "", "No space");
	answer_free(&a);
	rig->db->ops = small.real;
}

/* Large values: fewer keys than were asked for, and more to come. */
static void test_large_values(void **state)
{
	static char value[600000];
	struct rig *rig = *state;
	struct answer a;
	char key[32];

	memset(value, 'v', sizeof(value) - 1);
	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof(key), "/san/x/%05d", i);
		put_text(rig, key, value);
	}
	assert_int_equal(rig_call(rig, "GET /v1/database/keys", NULL, &a), 200);
	assert_int_equal(n_keys(&a), DATABASE_ANSWER_BYTES / (sizeof(value) - 1) + 1);
	assert_true(json_is_true(json_object_get(a.json, "more")));
	answer_free(&a);
	assert_int_equal(rig_call(rig, "GET /v1/database/keys?after=/san/x/00013", NULL, &a), 200);
	assert_int_equal(n_keys(&a), 6);
	assert_false(json_is_true(json_object_get(a.json, "more")));
	answer_free(&a);
}

/* The client goes in the middle, and then the interface does. */
static void test_snapshot_broken_off(void **state)
{
	struct rig *rig = *state;
	static char value[1 << 16];
	char key[32], buf[1024];
	int fd;

	memset(value, 'v', sizeof(value) - 1);
	for (int i = 0; i < 600; i++) {
		snprintf(key, sizeof(key), "/san/x/%05d", i);
		put_text(rig, key, value);
	}
	fd = rig_connect(rig);
	rig_say(rig, fd, "HEAD /v1/database/snapshot HTTP/1.0\r\nHost: s\r\n\r\n");
	assert_true(rig_closes(rig, fd)); /* without a body */
	close(fd);
	for (int round = 0; round < 2; round++) {
		fd = rig_connect(rig);
		rig_say(rig, fd, "GET /v1/database/snapshot HTTP/1.1\r\nHost: s\r\n\r\n");
		while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) <= 0)
			rig_turn(rig);
		if (round == 0) {
			close(fd);
			rig_until(rig, rig->north->n_conns == 0);
		}
	}
	rig_teardown(state); /* with the second one under way */
	close(fd);
	rig_setup(state);
}

/* ---- state ---- */

static void test_state(void **state)
{
	struct rig *rig = *state;
	struct answer a;
	const json_t *db;

	rig_fill(rig);
	assert_int_equal(rig_call(rig, "GET /v1/status", NULL, &a), 200);
	db = json_object_get(a.json, "database");
	assert_string_equal(text_at(db, "mode"), "local");
	assert_true(json_is_true(json_object_get(db, "connected")));
	assert_true(json_is_true(json_object_get(db, "synced")));
	assert_true(int_at(db, "keys") > 0);
	assert_int_equal(int_at(db, "followed"), int_at(db, "revision"));
	assert_true(int_at(db, "lists") > 0);
	assert_null(json_object_get(db, "server"));
	assert_true(json_is_false(json_object_get(a.json, "stale")));
	answer_free(&a);
	assert_int_equal(rig_call(rig, "GET /healthz", NULL, &a), 200);
	assert_string_equal(text_at(a.json, "status"), "ok");
	answer_free(&a);
	view_stall(&rig->view, clock_us());
	assert_int_equal(rig_call(rig, "GET /healthz", NULL, &a), 200);
	assert_string_equal(text_at(a.json, "status"), "degraded");
	answer_free(&a);
	assert_int_equal(rig_call(rig, "GET /v1/status", NULL, &a), 200);
	assert_true(json_is_true(json_object_get(a.json, "stale")));
	answer_free(&a);
	view_go_on(&rig->view, clock_us());
	assert_int_equal(rig_call(rig, "GET /healthz", NULL, &a), 200);
	assert_string_equal(text_at(a.json, "status"), "ok");
	answer_free(&a);
}

static double age_of(struct rig *rig)
{
	struct answer a;
	double age;

	assert_int_equal(rig_call(rig, "GET /v1/services/0x101/instances/a", NULL, &a), 200);
	age = json_real_value(json_object_get(
		json_object_get(json_object_get(a.json, "attributes"), "cpu_load"), "age_s"));
	answer_free(&a);
	return age;
}

/* While the database is away ages are told, though nothing is excluded for them. */
static void test_ages_while_away(void **state)
{
	struct rig *rig = *state;
	uint64_t now_us;
	double away, back;

	rig_fill(rig);
	now_us = clock_us();
	view_stall(&rig->view, now_us);
	while (clock_us() < now_us + 200000)
		rig_turn(rig);
	now_us = clock_us();
	away = age_of(rig);
	assert_true(away >= 0.2);
	view_go_on(&rig->view, clock_us());
	back = age_of(rig);
	assert_true(back < away - 0.2 + (double)(clock_us() - now_us) / 1e6 + 0.002);
}

static void test_history(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	rig_call(rig, "GET /v1/services/0x999/history", NULL, &a);
	assert_problem(&a, 404, "", "does not exist");
	answer_free(&a);
	rig_fill(rig);
	rig_wait_applied(rig);
	assert_int_equal(rig_call(rig, "GET /v1/services/0x101/history", NULL, &a), 200);
	assert_int_equal(items_of(&a), 1);
	assert_string_equal(text_at(a.json, "items/0/scope"), "ingress");
	assert_string_equal(text_at(a.json, "items/0/to/instance"), "a");
	assert_true(text_at(a.json, "items/0/why")[0] != 0);
	answer_free(&a);
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_keys),
		EACH(test_binary),
		EACH(test_keys_refused),
		EACH(test_compact),
		EACH(test_watch),
		EACH(test_watch_without_changes),
		EACH(test_watch_limits),
		EACH(test_long_prefix),
		EACH(test_small_messages),
		EACH(test_large_values),
		EACH(test_snapshot_and_back),
		EACH(test_snapshot_broken_off),
		EACH(test_state),
		EACH(test_ages_while_away),
		EACH(test_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
