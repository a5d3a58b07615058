/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many tenants' revisions are read in many turns of the loop; others have theirs in between. */
#include "unit/intent/rig.h"
#include "intent/intent_int.h"

#define MANY 40
#define PADDING (80u << 10) /* more than a turn reads */

static struct turns {
	uv_check_t check;
	unsigned int n;	      /* turns before the host was synced */
	unsigned int refused; /* commits before */
	bool closed, stop_at; /* the host goes in the third turn */
	int at;
} turns;

static void on_turn(uv_check_t *check)
{
	struct intent_apply apply = asks("a", SITE("x", "1"));
	struct turns *t = check->data;
	struct host *h = &host[t->at];
	struct err e;

	if (!h->in || h->synced)
		return;
	t->n++;
	assert_false(intent_synced(h->in));
	assert_int_equal(intent_revision(h->in, "t7"), 0);
	t->refused += intent_apply(h->in, &apply, on_result, &came[3], &e) == -EAGAIN;
	if (t->stop_at && t->n == 3)
		host_close(t->at);
}

static void on_check_closed(uv_handle_t *handle)
{
	((struct turns *)handle->data)->closed = true;
}

static void turns_start(int at)
{
	turns = (struct turns){.at = at};
	turns.check.data = &turns;
	uv_check_init(&loop, &turns.check);
	uv_check_start(&turns.check, on_turn);
}

static void turns_stop(void)
{
	uv_close((uv_handle_t *)&turns.check, on_check_closed);
	RUN_UNTIL(turns.closed);
}

/* Nobody has a turn behind it. */
static void put_statement(int i, int number, const char *statement)
{
	char *text = malloc(PADDING + 512), key[64];
	struct ncsdb_op op = {.type = NCSDB_PUT, .key = key, .value = text};
	int at = sprintf(text,
			 "{\"tenant\":\"t%d\",\"revision\":%d,\"time\":\"\",\"by\":\"\","
			 "\"comment\":\"\",\"script\":\"%s",
			 i, number, statement);

	memset(text + at, ' ', PADDING);
	strcpy(text + at + PADDING, "\"}");
	snprintf(key, sizeof(key), "/san/nemo/revisions/t%d/%010d", i, number);
	op.value_len = strlen(text);
	raw_ops(&op, 1);
	free(text);
}

static void put_revision(int i, int number)
{
	char statement[64];

	snprintf(statement, sizeof(statement), "CREATE CFN o%d Type host;", number);
	put_statement(i, number, statement);
}

static void put_head(int commit, int last)
{
	struct nemo_text text = {0};

	nemo_text_add(&text, "{\"commit\":%d,\"legs\":[],\"tenants\":{", commit);
	for (int i = 0; i < MANY; i++)
		nemo_text_add(&text, "%s\"t%d\":%d", i ? "," : "", i, i == MANY - 1 ? last : 1);
	nemo_text_add(&text, "}}");
	raw_put("/san/nemo/head", text.data);
	free(text.data);
}

/* Read by nobody yet. */
static void many(void)
{
	for (int i = 0; i < MANY; i++)
		put_revision(i, 1);
	put_revision(MANY - 1, 2);
	host_close(0);
	turn();
	put_head(7, 1);
	for (int i = 0; i < HOSTS; i++)
		host[i] = (struct host){.name = host[i].name};
}

static void open_and_sync(int at)
{
	turns_start(at);
	host_open(at);
	turns_stop();
}

static void test_start(void **state)
{
	many();
	open_and_sync(1);
	/* The way in which the loop is run here has its timers twice a turn. */
	assert_int_equal(host[1].flipped, 1);
	assert_int_equal(host[1].commit, 7);
	assert_int_equal(host[1].n_tenants, MANY);
	assert_true(has(1, "t0", "o1") && has(1, "t39", "o1"));
	if (turns.n < MANY / 2 - 4)
		fail_msg("%u turns", turns.n);
	assert_int_equal(turns.refused, turns.n);
}

static void on_late_put(void *arg, const struct ncsdb_txn_result *res)
{
	assert_int_equal(res->status, 0);
}

/* Another head in between: only the new one is in force, with what was read of the other. */
static void test_head_changes_in_between(void **state)
{
	struct nemo_store *first;
	struct nemo_text text = {0};
	struct ncsdb_op op = {.type = NCSDB_PUT, .key = "/san/nemo/head"};
	struct ncsdb_txn txn = {.then = &op, .n_then = 1};

	many();
	nemo_text_add(&text, "{\"commit\":8,\"legs\":[],\"tenants\":{");
	for (int i = 0; i < MANY; i++)
		nemo_text_add(&text, "%s\"t%d\":%d", i ? "," : "", i, i == MANY - 1 ? 2 : 1);
	nemo_text_add(&text, "}}");
	op.value = text.data;
	op.value_len = text.len;
	turns_start(1);
	host_open_with(1, true);
	RUN_UNTIL(host[1].in->reading && host[1].in->reading->n_read > 4);
	first = nemo_store_get(intent_state_tenant(host[1].in->reading, "t0")->store);
	assert_int_equal(ncsdb_txn(db, &txn, on_late_put, NULL), 0);
	RUN_UNTIL(host[1].synced);
	turns_stop();
	assert_int_equal(host[1].flipped, 1);
	assert_int_equal(host[1].commit, 8);
	assert_true(has(1, "t39", "o2"));
	assert_ptr_equal(intent_store(host[1].in, "t0"), first);
	nemo_store_free(first);
	free(text.data);
}

static void test_close_in_between(void **state)
{
	many();
	turns_start(1);
	turns.stop_at = true;
	host_open_with(1, true);
	RUN_UNTIL(turns.n == 3);
	turns_stop();
	assert_false(host[1].synced);
	assert_int_equal(host[1].flipped, 0);
}

/* A host that was away for long: what was in force is, until all is read; commits wait for it. */
static void test_later(void **state)
{
	struct intent_apply apply = asks("a", SITE("x", "1"));
	struct intent_stats figures;

	assert_int_equal(applied("a", SITE("hq", "1")), 0);
	for (int i = 0; i < MANY; i++)
		put_revision(i, 1);
	host[0].flipped = 0;
	put_head(2, 1);
	start(0, &came[0], &apply);
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, 0);
	assert_int_equal(came[0].commit, 3);
	assert_int_equal(host[0].flipped, 2);
	assert_int_equal(host[0].n_tenants, MANY + 1);
	intent_figures(host[0].in, &figures);
	assert_int_equal(figures.lost, 0);
}

/* With a head that is being read: it is prepared on top of that. */
static void test_stage_in_between(void **state)
{
	struct nemo_text text = {0};
	struct ncsdb_op ops[2] = {{.type = NCSDB_PUT, .key = "/san/nemo/head"},
				  {.type = NCSDB_PUT, .key = "/san/nemo/stage"}};

	for (int i = 0; i < MANY; i++)
		put_revision(i, 1);
	nemo_text_add(&text, "{\"commit\":1,\"legs\":[],\"tenants\":{");
	for (int i = 0; i < MANY; i++)
		nemo_text_add(&text, "%s\"t%d\":1", i ? "," : "", i);
	nemo_text_add(&text, "}}");
	ops[0].value = text.data;
	ops[0].value_len = text.len;
	ops[1].value =
		"{\"id\":\"0\",\"commit\":2,\"coordinator\":\"newer\",\"tenants\":{\"t0\":1},"
		"\"legs\":[]}";
	ops[1].value_len = strlen(ops[1].value);
	host[0].flipped = 0;
	raw_ops(ops, 2);
	free(text.data);
	RUN_UNTIL(host[0].prepared);
	assert_int_equal(host[0].flipped, 1);
}

static void count(void *arg)
{
	++*(unsigned int *)arg;
}

/* Told once all is read, not before, and not never. */
static void test_clock_in_between(void **state)
{
	const struct ncsdb_op op = {NCSDB_PUT, "/san/nemo/clock", "{\"offset_s\":60}", 15, 0};
	struct ncsdb_txn txn = {.then = &op, .n_then = 1};
	unsigned int n = 0;

	many();
	turns_start(1);
	host_open_with(1, true);
	intent_on_clock(host[1].in, count, &n);
	RUN_UNTIL(turns.n == 5);
	assert_int_equal(ncsdb_txn(db, &txn, on_late_put, NULL), 0);
	RUN_UNTIL(intent_clock(host[1].in) == 60);
	assert_int_equal(n, host[1].synced);
	RUN_UNTIL(host[1].synced);
	turns_stop();
	assert_int_equal(n, 1);
}

/* The first tenant's revision comes when its turn is over, the others' cannot be read: nothing else
 * happens that would have this host look again. */
static void test_revision_in_between(void **state)
{
	intent_limits.lease_s = 600; /* the leader looks again three times in it */
	host_open(1);
	RUN_UNTIL(host[0].leads);
	for (int i = 0; i < MANY; i++)
		put_statement(i, 1, "CREATE novelty");
	put_head(1, 1);
	RUN_UNTIL(host[1].commit == 1);
	turn();
	put_statement(MANY - 1, 1, "CREATE other");
	RUN_UNTIL(host[1].in->reading && host[1].in->reading->n_read > 4);
	put_revision(0, 1);
	RUN_UNTIL(has(1, "t0", "o1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown_closed)

static int teardown_closed(void **state)
{
	for (int i = 0; i < HOSTS; i++)
		if (host[i].in)
			host_close(i);
	rig_close();
	json_drop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(start),
		TEST(head_changes_in_between),
		TEST(close_in_between),
		TEST(later),
		TEST(stage_in_between),
		TEST(clock_in_between),
		TEST(revision_in_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
