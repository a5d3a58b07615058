/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Long scripts: what of them is taken at once, and what others get done in between. */
#include "unit/intent/rig.h"

#define EMPTY "Transaction;Commit;"

/* Turns of the loop from when a script is given to its answer. */
static unsigned int turns;

static void on_turn(uv_check_t *check)
{
	turns++;
}

static void on_check_closed(uv_handle_t *handle)
{
	*(bool *)handle->data = true;
}

static int counted(const struct intent_apply *apply)
{
	bool gone = false;
	uv_check_t check;

	uv_check_init(&loop, &check);
	uv_check_start(&check, on_turn);
	uv_unref((uv_handle_t *)&check);
	turns = 0;
	start(0, &came[0], apply);
	RUN_UNTIL(came[0].done);
	check.data = &gone;
	uv_close((uv_handle_t *)&check, on_check_closed);
	while (!gone)
		uv_run(&loop, UV_RUN_ONCE);
	return came[0].status;
}

static char *many(unsigned int n, const char *text)
{
	struct nemo_text all = {0};

	for (unsigned int i = 0; i < n; i++)
		nemo_text_add(&all, "%s", text);
	assert_false(all.no_memory);
	return all.data;
}

static void test_groups_without_statements_are_passed_over(void **state)
{
	char *text = many(NEMO_STATEMENTS_MAX / 2, EMPTY);
	struct intent_apply apply = asks("a", text);

	assert_int_equal(counted(&apply), 0);
	assert_int_equal(came[0].revision, 0);
	assert_true(turns < NEMO_STATEMENTS_MAX / 8);
	free(text);
}

/* They need a look at all objects each. The loop sees to its timers at most twice a turn. */
static void test_groups_without_effect_let_others_run(void **state)
{
	char *text = many(100, "Transaction; UPDATE CFN hq Property location: \"x\"; Commit;\n");
	struct intent_apply apply = asks("a", text);

	assert_int_equal(applied("a", "CREATE CFN hq Type l2group Property location: \"x\";"), 0);
	assert_int_equal(counted(&apply), 0);
	assert_int_equal(came[0].revision, 1);
	assert_int_equal(came[0].n_done, 100);
	assert_true(turns >= 50);
	free(text);
}

/* The check, the objects, admission and texts, and the answer. */
static void test_a_plan_lets_others_run(void **state)
{
	struct intent_apply apply = asks("a", SITE("hq", "1"));

	apply.dry_run = true;
	assert_int_equal(counted(&apply), 0);
	assert_int_equal(came[0].n_changes, 1);
	assert_true(turns >= 2);
}

static void test_limit_of_groups(void **state)
{
	struct nemo_text text = {0};
	struct intent_apply apply;

	nemo_text_add(&text, EMPTY "\n");
	for (int i = 0; i < INTENT_GROUPS_MAX; i++)
		nemo_text_add(&text, "Transaction; CREATE CFN s%d Type l2group; Commit;\n", i);
	apply = asks("a", text.data);
	apply.dry_run = true;
	assert_int_equal(counted(&apply), 0);
	assert_int_equal(came[0].n_changes, INTENT_GROUPS_MAX);
	nemo_text_add(&text, "CREATE CFN last Type l2group;");
	assert_int_equal(applied("a", text.data), -EINVAL);
	said(came[0].diag, "258:1 a script makes at most 256 commits");
	assert_int_equal(came[0].n_done, 0);
	assert_int_equal(came[0].revision, 0);
	free(text.data);
}

static char *sites(unsigned int n, const char *tail)
{
	struct nemo_text text = {0};

	for (unsigned int i = 0; i < n; i++)
		nemo_text_add(&text, "CREATE CFN s%u Type l2group;\n", i);
	nemo_text_add(&text, "%s", tail);
	return text.data;
}

#define MISSING "IMPORT CFN nope Type gateway;\n"

/* A run that cannot be, cut in statements: up to a number of them. */
static void test_limit_of_statements_one_by_one(void **state)
{
	char *many = sites(INTENT_GROUPS_MAX, MISSING), *few;

	assert_int_equal(applied("a", many), -EINVAL);
	said(came[0].err, "1:1: 257 statements that cannot take effect as one");
	assert_int_equal(came[0].n_errors, 2);
	assert_int_equal(came[0].revision, 0);
	free(many);
	few = sites(20, MISSING);
	assert_int_equal(applied("a", few), -EINVAL);
	assert_int_equal(came[0].n_errors, 1);
	assert_int_equal(came[0].n_done, 20);
	assert_int_equal(came[0].revision, 20);
	/* Those that are in force already are no commits. */
	assert_int_equal(applied("a", few), -EINVAL);
	assert_int_equal(came[0].n_done, 20);
	assert_int_equal(came[0].revision, 20);
	free(few);
}

/* Said by the check of the whole, not again by its parts, in whatever order they came. */
static void test_warnings_once(void **state)
{
	static const char two[] =
		"CREATE ServiceFlow f Match dst_port: 80;\n"
		"CREATE Operation a Target f Priority 1 Condition time > \"18:00\" || time < "
		"\"21:00\" Action deny;\n"
		"CREATE Operation b Target f Priority 2 Condition time > \"21:00\" && time < "
		"\"18:00\" Action deny;\n";

	assert_int_equal(applied("a", two), 0);
	assert_string_equal(came[0].warnings, "2:50 W-tautology\n3:50 W-contradiction\n");
	assert_int_equal(came[0].n_warnings, 2);
}

/* What is built is thrown away when another tenant's commit comes first. */
static void test_plan_of_two(void **state)
{
	struct intent_apply one = asks("a", SITE("hq", "1")), two = asks("b", SITE("hq", "2"));

	start(0, &came[0], &one);
	start(1, &came[1], &two);
	RUN_UNTIL(came[0].done && came[1].done);
	assert_int_equal(came[0].status, 0);
	assert_int_equal(came[1].status, 0);
	assert_true(has(0, "a", "hq") && has(0, "b", "hq"));
	assert_int_equal(intent_head(host[0].in)->commit, 2);
	said(stored("/san/nemo/head"), "\"tenants\":{\"a\":1,\"b\":1}");
}

/* Gateways l0.. and r0.., each left one with each right one, both ways. */
static char *mesh(unsigned int n)
{
	static const char *const sides[] = {"l", "r"};
	struct nemo_text text = {0};
	char name[64];

	for (unsigned int i = 0; i < 2 * n; i++) {
		snprintf(name, sizeof(name), "%s%u", sides[i / n], i % n);
		add_gateway(&view, name);
		nemo_text_add(&text, "IMPORT CFN %s Type gateway;\n", name);
	}
	for (unsigned int i = 0; i < n * n; i++) {
		snprintf(name, sizeof(name), "l%u r%u be", i / n, i % n);
		add_path(&view, name, 100);
		snprintf(name, sizeof(name), "r%u l%u be", i % n, i / n);
		add_path(&view, name, 100);
	}
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int k = 0; k < n; k++)
			nemo_text_add(&text, "CREATE Connection c%u-%u EndNodes l%u, r%u;\n", i, k,
				      i, k);
	return text.data;
}

static void test_limit_of_legs(void **state)
{
	char *script = mesh(23), text[512];
	struct intent_apply apply = asks("a", script);

	apply.dry_run = true;
	assert_int_equal(counted(&apply), -EINVAL);
	snprintf(text, sizeof(text), "take %d paths between gateways: must be at most %d",
		 23 * 23 * 2, INTENT_LEGS_MAX);
	said(came[0].err, text);
	free(script);
}

/* The head and what it goes back to are one request. */
static void test_limit_of_a_flip(void **state)
{
	struct nemo_leg leg = {.tenant = "zz", .connection = "c", .ingress = "x", .gateway = "y"};
	struct nemo_legs legs = {.v = calloc(9000, sizeof(leg)), .cap = 9000, .n = 9000};
	json_t *head;
	char *text;

	strcpy(leg.path, "be");
	for (unsigned int i = 0; i < legs.n; i++)
		legs.v[i] = leg;
	raw_put("/san/nemo/revisions/zz/0000000001",
		"{\"tenant\":\"zz\",\"revision\":1,\"time\":\"\",\"by\":\"\",\"comment\":\"\","
		"\"script\":\"\"}");
	head = json_pack("{s:i, s:{s:i}, s:o}", "commit", 1, "tenants", "zz", 1, "legs",
			 nemo_legs_json(&legs));
	text = json_dumps(head, JSON_COMPACT);
	assert_in_range(strlen(text), 700 << 10, NCSDB_VALUE_MAX - 1000);
	raw_put("/san/nemo/head", text);
	RUN_UNTIL(host[0].commit == 1);
	assert_int_equal(applied("a", SITE("hq", "1")), -ENOSPC);
	said(came[0].err, "reservations of all connections, before and after, take ");
	free(text);
	json_decref(head);
	nemo_legs_fini(&legs);
}

/* Objects of tenants that did not change are not copied for each commit. */
static void test_stores_are_shared(void **state)
{
	const struct nemo_store *b;

	assert_int_equal(applied("b", SITE("bee", "7")), 0);
	b = intent_store(host[0].in, "b");
	assert_int_equal(applied("a", SITE("hq", "1")), 0);
	assert_int_equal(applied("a", SITE("br", "2")), 0);
	assert_ptr_equal(intent_store(host[0].in, "b"), b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
#define TWO(name) cmocka_unit_test_setup_teardown(test_##name, setup_two, teardown)

int main(void)
{
	const struct CMUnitTest all[] = {
		TEST(groups_without_statements_are_passed_over),
		TEST(groups_without_effect_let_others_run),
		TEST(a_plan_lets_others_run),
		TEST(limit_of_groups),
		TEST(limit_of_statements_one_by_one),
		TEST(limit_of_legs),
		TEST(limit_of_a_flip),
		TEST(stores_are_shared),
		TEST(warnings_once),
		TWO(plan_of_two),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
