/* SPDX-License-Identifier: GPL-2.0-or-later */
/* POST /v1/database/restore: what it refuses, what it leaves alone, and what fails in the middle.
 */
#include "unit/north/db_rig.h"

#include "north/restore_int.h"

#define HEAD "{\"sand_snapshot\": 1, \"revision\": 7}\n"

static void test_restore_refused(void **state)
{
	static const struct {
		const char *text, *field, *detail;
	} all[] = {
		{"", "", "not whole"},
		{HEAD, "", "not whole"},
		{HEAD "{\"key\": \"/san/a\", \"value\": \"1\"}\n", "", "not whole"},
		{"{\"sand_snapshot\": 2, \"revision\": 7}\n{\"end\": 0}\n", "/sand_snapshot",
		 "line 1"},
		{"{\"end\": 0}\n", "/end", "line 1"},
		{HEAD "{\"key\": \"/san/a\", \"value\": \"1\"}\n{\"end\": 2}\n", "/end",
		 "lines are missing"},
		{HEAD "{\"end\": 0}\n{\"key\": \"/san/a\", \"value\": \"1\"}\n", "", "line 3"},
		{HEAD "{\"key\": \"/other\", \"value\": \"1\"}\n{\"end\": 1}\n", "/key",
		 "must start with /san/"},
		{HEAD "{\"key\": \"/san/a\\n\", \"value\": \"1\"}\n{\"end\": 1}\n", "/key",
		 "control"},
		{HEAD "{\"key\": \"/san/b\", \"value\": \"1\"}\n{\"key\": \"/san/b\", \"value\": "
		      "\"1\"}\n{\"end\": 2}\n",
		 "/key", "line 3"},
		{HEAD "{\"key\": \"/san/b\", \"value\": \"1\"}\n{\"key\": \"/san/a\", \"value\": "
		      "\"1\"}\n{\"end\": 2}\n",
		 "/key", "byte order"},
		{HEAD "{\"key\": \"/san/a\"}\n{\"end\": 1}\n", "/value", "once"},
		{HEAD "{\"key\": \"/san/a\", \"value\": \"1\", \"value_base64\": "
		      "\"MQ==\"}\n{\"end\": 1}\n",
		 "/value", "once"},
		{HEAD "{\"key\": \"/san/a\", \"value_base64\": \"MQ=\"}\n{\"end\": 1}\n",
		 "/value_base64", "padding"},
		{HEAD "{\"key\": \"/san/a\", \"value_base64\": \"M===\"}\n{\"end\": 1}\n",
		 "/value_base64", "padding"},
		{HEAD "{\"key\": \"/san/a\", \"value_base64\": \"MR==\"}\n{\"end\": 1}\n",
		 "/value_base64", "padding"},
		{HEAD "{\"key\": \"/san/a\", \"value\": \"1\", \"lease\": -1}\n{\"end\": 1}\n",
		 "/lease", "must be"},
		{HEAD "{\"key\": \"/san/a\", \"value\": 1}\n{\"end\": 1}\n", "/value", ""},
		{HEAD "{\"key\": \"/san/a\", \"value\": \"1\", \"x\": 1}\n{\"end\": 1}\n", "/x",
		 ""},
		{HEAD "not JSON\n{\"end\": 1}\n", "", "line 2"},
	};
	struct rig *rig = *state;
	json_int_t before;
	struct answer a;

	put_text(rig, "/san/kept", "1");
	before = revision_of(rig);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		restore(rig, "?replace=true", all[i].text, &a);
		assert_problem(&a, 400, all[i].field, all[i].detail);
		answer_free(&a);
	}
	restore(rig, "?replace=yes", HEAD "{\"end\": 0}\n", &a);
	assert_problem(&a, 400, "?replace", "true or false");
	answer_free(&a);
	rig_call(rig, "POST /v1/database/restore", "{}", &a);
	assert_problem(&a, 415, "Content-Type", "application/x-ndjson");
	answer_free(&a);
	assert_int_equal(revision_of(rig), before);
}

/* What lies under a lease belongs to somebody: it is neither made nor unmade. */
static void test_restore_and_leases(void **state)
{
	static const char text[] = HEAD "{\"key\": \"/san/a\", \"value\": \"new\"}\n"
					"{\"key\": \"/san/b\", \"value\": \"new\", \"lease\": 17}\n"
					"{\"end\": 2}\n";
	struct rig *rig = *state;
	struct answer a;
	json_int_t lease;

	assert_int_equal(rig_call(rig, "PUT /v1/agents/x", "{\"ttl_s\": 60}", &a), 200);
	lease = int_at(a.json, "lease");
	answer_free(&a);
	put(rig, "/san/mine", "1", 1, lease);
	put_text(rig, "/san/old", "1");
	assert_int_equal(restore(rig, "?replace=true", text, &a), 200);
	assert_int_equal(int_at(a.json, "restored"), 1);
	assert_int_equal(int_at(a.json, "skipped"), 1);
	assert_int_equal(int_at(a.json, "deleted"), 1);
	answer_free(&a);
	assert_int_equal(rig_call(rig, "GET /v1/database/keys?keys_only=true", NULL, &a), 200);
	assert_int_equal(n_keys(&a), 3); /* a, the agent's two */
	answer_free(&a);
	assert_int_equal(restore(rig, "?replace=true&leased=true", text, &a), 200);
	assert_int_equal(int_at(a.json, "restored"), 2);
	assert_int_equal(int_at(a.json, "deleted"), 2);
	answer_free(&a);
	assert_int_equal(rig_call(rig, "GET /v1/database/keys", NULL, &a), 200);
	assert_int_equal(n_keys(&a), 2);
	assert_int_equal(int_at(key_at(&a, 1), "lease"), 0);
	answer_free(&a);
}

static const char *value_of(struct rig *rig, const char *key, char *buf, size_t size)
{
	struct answer a;
	char url[128];

	snprintf(url, sizeof(url), "GET /v1/database/keys?limit=1&prefix=%s", key);
	assert_int_equal(rig_call(rig, url, NULL, &a), 200);
	snprintf(buf, size, "%s", n_keys(&a) ? text_at(key_at(&a, 0), "value") : "(none)");
	answer_free(&a);
	return buf;
}

/* n keys /san/x/00000..., with a value each. Malloc'ed. */
static char *make_snapshot(int n, const char *value, int64_t lease)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	fputs(HEAD, out);
	for (int i = 0; i < n; i++)
		fprintf(out, "{\"key\": \"/san/x/%05d\", \"value\": \"%s\", \"lease\": %d}\n", i,
			value, (int)lease);
	fprintf(out, "{\"end\": %d}\n", n);
	fclose(out);
	return text;
}

/* Keys that are under a lease now are not overwritten, whatever the snapshot says of them; the
 * others of their transaction are written. */
static void test_live_leases(void **state)
{
	static const int mine[] = {0, 77, 78, 127, 128, 199};
	char *text = make_snapshot(200, "old", 0), key[32], value[16];
	struct rig *rig = *state;
	struct answer a;
	json_int_t lease;

	assert_int_equal(rig_call(rig, "PUT /v1/agents/x", "{\"ttl_s\": 60}", &a), 200);
	lease = int_at(a.json, "lease");
	answer_free(&a);
	for (size_t i = 0; i < ARRAY_SIZE(mine); i++) {
		snprintf(key, sizeof(key), "/san/x/%05d", mine[i]);
		put(rig, key, "live", 4, lease);
	}
	assert_int_equal(restore(rig, "?replace=true", text, &a), 200);
	assert_int_equal(int_at(a.json, "restored"), 200 - ARRAY_SIZE(mine));
	assert_int_equal(int_at(a.json, "skipped"), ARRAY_SIZE(mine));
	assert_int_equal(int_at(a.json, "deleted"), 0);
	answer_free(&a);
	for (size_t i = 0; i < ARRAY_SIZE(mine); i++) {
		snprintf(key, sizeof(key), "/san/x/%05d", mine[i]);
		assert_string_equal(value_of(rig, key, value, sizeof(value)), "live");
	}
	assert_string_equal(value_of(rig, "/san/x/00076", value, sizeof(value)), "old");
	assert_int_equal(restore(rig, "?leased=true", text, &a), 200);
	assert_int_equal(int_at(a.json, "restored"), 200);
	assert_int_equal(int_at(a.json, "skipped"), 0);
	answer_free(&a);
	assert_string_equal(value_of(rig, "/san/x/00077", value, sizeof(value)), "old");
	free(text);
}

/* ---- transactions ---- */

static struct {
	struct ncsdb_ops ops;
	const struct ncsdb_ops *real;
	size_t largest; /* bytes of keys and values */
	unsigned int txns;
} spy;

static int spy_txn(struct ncsdb *db, const struct ncsdb_txn *txn, ncsdb_txn_cb cb, void *arg)
{
	size_t bytes = 0;

	for (size_t i = 0; i < txn->n_then; i++)
		bytes += strlen(txn->then[i].key) + txn->then[i].value_len;
	spy.largest = bytes > spy.largest ? bytes : spy.largest;
	spy.txns++;
	return spy.real->txn(db, txn, cb, arg);
}

/* A transaction ends before the key that would make it too large for one message. */
static void test_large_values(void **state)
{
	static char value[400001];
	struct rig *rig = *state;
	struct answer a;
	char *text;

	memset(value, 'v', sizeof(value) - 1);
	text = make_snapshot(9, value, 0);
	spy.real = rig->db->ops;
	spy.ops = *spy.real;
	spy.ops.txn = spy_txn;
	spy.largest = spy.txns = 0;
	rig->db->ops = &spy.ops;
	assert_int_equal(restore(rig, "", text, &a), 200);
	rig->db->ops = spy.real;
	assert_int_equal(int_at(a.json, "restored"), 9);
	answer_free(&a);
	assert_in_range(spy.largest, 400000, DATABASE_RESTORE_BYTES);
	assert_in_range(spy.txns, 5, 9);
	free(text);
}

/* ---- want of memory ---- */

static struct {
	long left; /* allocations of JSON until one fails; < 0: none */
	bool hit;
} memory = {.left = -1};

static void *scarce(size_t size)
{
	if (memory.left < 0 || memory.left-- > 0)
		return malloc(size);
	memory.hit = true;
	return NULL;
}

/*
 * One allocation after the other fails. A line that cannot be read is not the end of the lines: no
 * key of the snapshot is ever deleted, and 200 means that all were written.
 */
static void test_no_memory(void **state)
{
	char *text = make_snapshot(6, "new", 0);
	struct rig *rig = *state;
	struct answer a;
	unsigned int failures = 0;

	json_set_alloc_funcs(scarce, free);
	for (long i = 0; i < 5000; i++) {
		assert_int_equal(restore(rig, "", text, &a), 200);
		answer_free(&a);
		put_text(rig, "/san/x/99999", "other");
		memory.left = i;
		memory.hit = false;
		restore(rig, "?replace=true", text, &a);
		memory.left = -1;
		if (a.status == 200 && a.json) {
			assert_int_equal(int_at(a.json, "restored"), 6);
			assert_int_equal(int_at(a.json, "deleted"), 1);
		}
		failures += a.status != 200;
		answer_free(&a);
		assert_int_equal(rig_call(rig, "GET /v1/database/keys?prefix=/san/x/0", NULL, &a),
				 200);
		assert_int_equal(n_keys(&a), 6);
		answer_free(&a);
		if (!memory.hit)
			break;
	}
	json_set_alloc_funcs(malloc, free);
	assert_false(memory.hit); /* the last round needed no more */
	assert_true(failures > 60);
	free(text);
}

/* ---- turns ---- */

/* Each turn reads some lines, or some bytes of them, whichever is less. */
static void check_turns(char *text, uint64_t min, uint64_t max)
{
	struct cursor c = {.text = text, .len = strlen(text)};
	struct restore_check check = {0};
	struct err err = {0};
	uint64_t turns = 0, line = 0;
	size_t at = 0;
	int more;

	do {
		more = check_lines(&check, &c, &err);
		assert_true(c.line - line <= DATABASE_SLICE_LINES);
		assert_true(c.at - at <= 2 * DATABASE_SLICE_BYTES);
		line = c.line;
		at = c.at;
		turns++;
	} while (more == 1);
	assert_int_equal(more, 0);
	assert_in_range(turns, min, max);
	cursor_fini(&c);
	free(text);
}

static void test_check_turns(void **state)
{
	static char value[500001];

	memset(value, 'v', sizeof(value) - 1);
	check_turns(make_snapshot(10 * DATABASE_SLICE_LINES, "1", 0), 10, 12);
	check_turns(make_snapshot(12, value, 0), 4, 6);
}

static void on_prepare(uv_prepare_t *prepare)
{
	(*(uint64_t *)prepare->data)++;
}

static uint64_t turns_of(struct rig *rig, const char *text, int status)
{
	uv_prepare_t prepare;
	struct answer a;
	uint64_t turns = 0;

	uv_prepare_init(&rig->loop, &prepare);
	prepare.data = &turns;
	uv_prepare_start(&prepare, on_prepare);
	assert_int_equal(restore(rig, "?replace=true", text, &a), status);
	answer_free(&a);
	uv_close((uv_handle_t *)&prepare, NULL);
	rig_turn(rig);
	return turns;
}

/* Lines that make no transaction, and lines among which a stored key is looked for, are read in
 * turns too. */
static void test_other_turns(void **state)
{
	char *text = make_snapshot(40 * DATABASE_SLICE_LINES, "1", 17);
	struct rig *rig = *state;
	uint64_t checked, all;

	put_text(rig, "/san/z", "1"); /* behind all of them */
	all = turns_of(rig, text, 200);
	text[strlen(text) - 3] = 'x'; /* of the last line */
	checked = turns_of(rig, text, 400);
	assert_true(all >= checked + 2 * 38);
	free(text);
}

static void test_long_line(void **state)
{
	char *text = calloc(1, DATABASE_LINE_MAX + 200);
	struct answer a;
	size_t n;

	strcpy(text, HEAD);
	n = strlen(text);
	memset(text + n, ' ', DATABASE_LINE_MAX + 1);
	strcpy(text + n + DATABASE_LINE_MAX + 1, "{}\n{\"end\": 1}\n");
	restore(*state, "", text, &a);
	assert_problem(&a, 400, "", "line 2: must be at most 8388608 bytes");
	answer_free(&a);
	free(text);
}

/* ---- one at a time ---- */

#define ASK                                                                                        \
	"POST /v1/database/restore HTTP/1.1\r\nHost: s\r\nContent-Type: application/x-ndjson\r\n"  \
	"Content-Length: 47\r\n\r\n"

static void test_one_at_a_time(void **state)
{
	static const char body[] = HEAD "{\"end\": 0}\n";
	struct rig *rig = *state;
	int fd = rig_connect(rig), other;
	struct answer a;

	assert_int_equal(strlen(body), 47);
	rig_say(rig, fd, ASK "{\"sand");
	rig_until(rig, rig->north->exclusive);
	other = rig_connect(rig);
	rig_say(rig, other, ASK); /* refused before its body comes */
	rig_recv(rig, other, &a);
	assert_problem(&a, 503, "", "is under way for uid:");
	answer_free(&a);
	close(other);
	rig_say(rig, fd, body + 6);
	rig_recv(rig, fd, &a);
	assert_int_equal(a.status, 200);
	answer_free(&a);
	assert_int_equal(restore(rig, "", body, &a), 200); /* its turn is over */
	answer_free(&a);
	rig_say(rig, fd, ASK "{\"sand"); /* again, and it goes away */
	rig_until(rig, rig->north->exclusive);
	close(fd);
	rig_until(rig, !rig->north->exclusive);
	assert_int_equal(restore(rig, "", body, &a), 200);
	answer_free(&a);
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_restore_refused), EACH(test_restore_and_leases),
		EACH(test_live_leases),	    EACH(test_large_values),
		EACH(test_no_memory),	    cmocka_unit_test(test_check_turns),
		EACH(test_other_turns),	    EACH(test_long_line),
		EACH(test_one_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
