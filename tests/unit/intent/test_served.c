/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hosts with a connection each to one served database: what they see comes late, and may be lost.
 */
#include "unit/intent/rig.h"

#include "ncsdb/server.h"

static struct ncsdb_server *server;

static void serve(unsigned short port)
{
	char listen_text[64];
	const char *listen[] = {listen_text};
	struct ncsdb_server_conf conf = {.listen = listen, .n_listen = 1};

	snprintf(listen_text, sizeof(listen_text), "127.0.0.1:%u", port);
	assert_int_equal(ncsdb_server_open(&loop, db, &conf, &server, &err), 0);
}

static void connect_host(int i)
{
	char url[64];
	const char *endpoints[] = {url};
	struct ncsdb_remote remote = {.endpoints = endpoints, .n_endpoints = 1};

	snprintf(url, sizeof(url), "http://127.0.0.1:%u", ncsdb_server_port(server));
	assert_int_equal(
		ncsdb_open(&loop, &(struct ncsdb_conf){.remote = &remote}, &host[i].own, &err), 0);
}

static int setup_served(void **state)
{
	static const char *const names[] = {"pe1", "pe2", "pe3"};

	intent_limits = (struct intent_limits){5000, 5000, INTENT_HISTORY, INTENT_EVENTS, 10};
	rig_open();
	serve(0);
	for (int i = 0; i < HOSTS; i++) {
		host[i] = (struct host){.name = names[i]};
		connect_host(i);
		host_open(i);
	}
	RUN_UNTIL(host_said("pe1") && host_said("pe2") && host_said("pe3"));
	return 0;
}

static int teardown_served(void **state)
{
	for (int i = 0; i < HOSTS; i++) {
		host_close(i);
		ncsdb_close(host[i].own);
	}
	turn();
	ncsdb_server_close(server);
	rig_close();
	json_drop();
	return 0;
}

static void test_commit(void **state)
{
	assert_int_equal(applied("a", SITE("hq", "1")), 0);
	for (int i = 0; i < HOSTS; i++)
		assert_true(has(i, "a", "hq"));
	host[1].flip = -EIO;
	host[1].flip_fails = 2;
	assert_int_equal(applied("a", SITE("br", "2")), -EBUSY);
	for (int i = 0; i < HOSTS; i++)
		assert_int_equal(intent_revision(host[i].in, "a"), 1);
}

#define EACH 8

/* All three at once, again and again: one after the other, and none is lost. */
static void test_all_at_once(void **state)
{
	static struct came all[HOSTS][EACH];
	char script[256], name[32];

	for (int i = 0; i < HOSTS; i++) {
		for (int k = 0; k < EACH; k++) {
			struct intent_apply apply;

			snprintf(script, sizeof(script), "CREATE CFN h%d-%d Type host;", i, k);
			apply = asks(k % 2 ? "a" : "b", script);
			start(i, &all[i][k], &apply);
		}
	}
	for (int i = 0; i < HOSTS; i++)
		for (int k = 0; k < EACH; k++)
			RUN_UNTIL(all[i][k].done);
	for (int i = 0; i < HOSTS; i++) {
		for (int k = 0; k < EACH; k++) {
			if (all[i][k].status)
				fail_msg("%s", all[i][k].err);
			snprintf(name, sizeof(name), "h%d-%d", i, k);
			assert_true(has(2 - i, k % 2 ? "a" : "b", name));
		}
	}
	assert_int_equal(intent_head(host[0].in)->commit, HOSTS * EACH);
}

/* The server goes while a commit is under way and comes back: it is in force everywhere or
 * nowhere, whatever the answer is; and the next one finds its turn. */
static void test_server_goes(void **state)
{
	struct intent_apply apply = asks("a", SITE("br", "2"));
	unsigned short port = ncsdb_server_port(server);
	bool in_force;

	assert_int_equal(applied("a", SITE("hq", "1")), 0);
	start(0, &came[0], &apply);
	RUN_UNTIL(intent_revision(host[1].in, "a") == 1 && host[1].prepared == 2);
	ncsdb_server_close(server);
	serve(port);
	RUN_UNTIL(came[0].done);
	RUN_UNTIL(stored("/san/nemo/stage")[0] == '\0');
	RUN_UNTIL(host_said("pe1") && host_said("pe2") && host_said("pe3"));
	RUN_UNTIL(intent_head(host[0].in)->commit == intent_head(host[1].in)->commit &&
		  intent_head(host[2].in)->commit == intent_head(host[1].in)->commit);
	in_force = has(0, "a", "br");
	assert_int_equal(in_force, came[0].status == 0);
	for (int i = 1; i < HOSTS; i++)
		assert_int_equal(has(i, "a", "br"), in_force);
	assert_int_equal(applied("a", SITE("next", "3")), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup_served, teardown_served)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commit),
		TEST(all_at_once),
		TEST(server_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
