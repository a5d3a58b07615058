/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Services that CFNs register: with the head, and only what is theirs. */
#include "unit/intent/rig.h"

#define WEB "CREATE CFN web Type service Property service_id: 257;"

static void on_rev(void *arg, const struct ncsdb_range_result *res)
{
	*(int64_t *)arg = res->n ? res->kvs[0].mod_rev : 0;
}

static int64_t mod_rev(const char *key)
{
	int64_t revision = -1;
	struct ncsdb_range req = {.key = key};

	assert_int_equal(ncsdb_range(db, &req, on_rev, &revision), 0);
	RUN_UNTIL(revision != -1);
	return revision;
}

/* The view, as the follower of services would have it. */
static void seen(uint64_t id, const char *name)
{
	char key[64], text[SVC_ID_TEXT];
	struct service svc;

	service_init(&svc, id);
	strcpy(svc.name, name);
	snprintf(key, sizeof(key), "/san/services/%s", svc_id_text(id, text));
	assert_int_equal(view_service_put(&view, &svc, mod_rev(key)), 0);
}

static void test_services(void **state)
{
	assert_int_equal(applied("a", WEB), 0);
	assert_string_equal(stored("/san/services/"),
			    "/san/services/0x101={\"id\":\"0x101\",\"name\":\"web\"}");
	said(stored("/san/nemo/revisions/"), "\"services\":[\"0x101\"]");
	seen(257, "web");
	assert_int_equal(applied("b", WEB), -EINVAL);
	said(came[0].diag, "1:1 CFN web: service_id 0x101 is registered already: use IMPORT");
	assert_int_equal(applied("b", "IMPORT CFN web Type service Property service_id: 257;"), 0);
	assert_int_equal(applied("b", "DELETE CFN web;"), 0);
	said(stored("/san/services/"), "0x101");
	assert_int_equal(applied("a", "UPDATE CFN web Property service_id: 258;"), 0);
	assert_string_equal(stored("/san/services/"),
			    "/san/services/0x102={\"id\":\"0x102\",\"name\":\"web\"}");
	assert_int_equal(applied("a", "DELETE CFN web;"), 0);
	assert_string_equal(stored("/san/services/"), "");
}

static void test_service_of_two_cfns(void **state)
{
	assert_int_equal(applied("a", "Transaction; CREATE CFN x Type service Property "
				      "service_id: 257; CREATE CFN y Type service Property "
				      "service_id: 257; Commit;"),
			 -EINVAL);
	said(came[0].diag, "is that of CFN x: must be of one CFN");
	assert_string_equal(stored("/san/services/"), "");
}

static void test_service_of_a_cfn_in_force(void **state)
{
	assert_int_equal(applied("a", WEB), 0);
	assert_int_equal(applied("a", "CREATE CFN x Type service Property service_id: 257;"),
			 -EINVAL);
	said(came[0].diag, "CFN x: service_id 0x101 is that of CFN web: must be of one CFN");
	said(stored("/san/services/"), "\"name\":\"web\"");
}

/* Registered by another, and the view does not know yet: the swap fails, nothing is left. */
static void test_service_taken_meanwhile(void **state)
{
	raw_put("/san/services/0x101", "{\"id\":\"0x101\",\"name\":\"theirs\"}");
	assert_int_equal(applied("a", WEB), -ESTALE);
	said(came[0].err, "service 0x101 is registered already: use IMPORT CFN web");
	assert_true(host[0].prepared <= 4);
	said(stored("/san/services/"), "theirs");
	assert_string_equal(stored("/san/nemo/stage"), "");
	assert_string_equal(stored("/san/nemo/revisions/"), "");
	assert_false(has(0, "a", "web"));
}

/* The operator has registered it anew: it is no longer the CFN's. */
static void test_service_of_the_operator_stays(void **state)
{
	assert_int_equal(applied("a", WEB), 0);
	raw_put("/san/services/0x101", "{\"id\":\"0x101\",\"name\":\"better\"}");
	seen(257, "better");
	assert_int_equal(applied("a", "CREATE CFN other Type host;"), 0);
	assert_int_equal(applied("a", "DELETE CFN web;"), 0);
	said(stored("/san/services/"), "better");
}

/* The view still has the CFN's. */
static void test_service_changed_meanwhile(void **state)
{
	assert_int_equal(applied("a", WEB), 0);
	seen(257, "web");
	raw_put("/san/services/0x101", "{\"id\":\"0x101\",\"name\":\"better\"}");
	assert_int_equal(applied("a", "DELETE CFN web;"), -ESTALE);
	said(came[0].err, "service 0x101 was changed by another meanwhile");
	said(stored("/san/services/"), "better");
	assert_true(has(0, "a", "web"));
}

#define REPLACE                                                                                    \
	"Transaction; DELETE CFN web; CREATE CFN x Type service Property service_id: 258; Commit;"

static void test_services_come_back(void **state)
{
	assert_int_equal(applied("a", WEB), 0);
	seen(257, "web");
	host[1].flip = -EIO;
	host[1].flip_fails = 2;
	assert_int_equal(applied("a", REPLACE), -EBUSY);
	said(stored("/san/services/"), "/san/services/0x101={");
	said(stored("/san/services/"), "\"name\":\"web\"");
	assert_null(strstr(stored("/san/services/"), "0x102"));
}

/* What others did between the head and its way back stays; the rest goes back. */
static void test_services_of_others_stay(void **state)
{
	struct intent_apply apply = asks("a", REPLACE);
	const struct err why = {.code = -EIO, .want = "no"};

	assert_int_equal(applied("a", WEB), 0);
	seen(257, "web");
	host[1].silent = true;
	start(0, &came[0], &apply);
	RUN_UNTIL(host[1].commit == 2);
	raw_put("/san/services/0x101", "{\"id\":\"0x101\",\"name\":\"theirs\"}");
	host[1].silent = false;
	intent_applied(host[1].in, 2, -EIO, &why);
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, -EBUSY);
	assert_int_equal(host[0].commit, 3);
	assert_true(has(0, "a", "web"));
	assert_string_equal(stored("/san/services/"),
			    "/san/services/0x101={\"id\":\"0x101\",\"name\":\"theirs\"}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
#define TWO(name) cmocka_unit_test_setup_teardown(test_##name, setup_two, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(services),
		TEST(service_of_two_cfns),
		TEST(service_of_a_cfn_in_force),
		TEST(service_taken_meanwhile),
		TEST(service_of_the_operator_stays),
		TEST(service_changed_meanwhile),
		TWO(services_come_back),
		TWO(services_of_others_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
