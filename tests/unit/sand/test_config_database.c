/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Section `database`: what is accepted, what each mistake is told, the password's file. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* a main program's files: not in a library */
#include "sand/config_address.c"
#include "sand/config_database.c"
#include "sand/database.c"
#include "sand/secret.c"

static int load(const char *text, struct config_database *db, struct err *err)
{
	json_t *value = NULL;
	int r;

	memset(db, 0, sizeof(*db));
	memset(err, 0, sizeof(*err));
	config_database_defaults(db);
	assert_int_equal(json_parse(text, strlen(text), &value, err), 0);
	r = config_database_read(db, value, err);
	json_decref(value);
	return r;
}

static void test_modes(void **state)
{
	struct config_database db;
	struct err err;

	assert_int_equal(load("{}", &db, &err), 0);
	assert_int_equal(db.mode, DATABASE_LOCAL);
	assert_int_equal(db.lease_ttl_s, CONFIG_LEASE_TTL_S);
	assert_int_equal(load("{\"max_keys\": 1000, \"size_mb\": 64}", &db, &err), 0);
	assert_int_equal(db.mode, DATABASE_LOCAL);
	assert_int_equal(db.max_keys, 1000);
	assert_int_equal(
		load("{\"listen\": [\"[::1]:2379\", \"127.8.0.1:0\"], \"size_mb\": 64}", &db, &err),
		0);
	assert_int_equal(db.mode, DATABASE_SERVED);
	assert_int_equal(db.n_urls, 2);
	assert_string_equal(db.urls[1], "127.8.0.1:0");
	assert_int_equal(load("{\"listen\": [\"[::]:2379\"], \"insecure\": true}", &db, &err), 0);
	assert_int_equal(load("{\"listen\": [\"0.0.0.0:1\"], \"tls\": {\"cert\": \"c\", \"key\": "
			      "\"k\", \"ca\": \"a\"}}",
			      &db, &err),
			 0);
	assert_int_equal(
		load("{\"endpoints\": [\"https://etcd1:2379\", \"https://[2001:db8::1]:2379\"],"
		     " \"tls\": {\"ca\": \"/ca\"}, \"user\": \"u\", \"password_file\": \"/p\","
		     " \"prefix\": \"/lab/san\", \"deadline_ms\": 100, \"lease_ttl_s\": 3600}",
		     &db, &err),
		0);
	assert_int_equal(db.mode, DATABASE_REMOTE);
	assert_int_equal(db.n_urls, 2);
	assert_string_equal(db.prefix, "/lab/san");
	assert_int_equal(db.deadline_ms, 100);
	assert_int_equal(db.lease_ttl_s, 3600);
	assert_string_equal(db.ca, "/ca");
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *text, *field, *want;
	} all[] = {
		{"[]", "", "object"},
		{"{\"port\": 1}", "/port", ""},
		{"{\"listen\": []}", "/listen", "1 to 4"},
		{"{\"listen\": [1]}", "/listen/0", "string"},
		{"{\"listen\": [\"localhost:2379\"]}", "/listen/0", "an address and a port"},
		{"{\"listen\": [\"[::1]\"]}", "/listen/0", "an address and a port"},
		{"{\"listen\": [\"[::1]:65536\"]}", "/listen/0", "an address and a port"},
		{"{\"listen\": [\"[::1]:\"]}", "/listen/0", "an address and a port"},
		{"{\"listen\": [\"[::1]:23x\"]}", "/listen/0", "an address and a port"},
		{"{\"listen\": [\"::1:2379\"]}", "/listen/0", "an address and a port"},
		{"{\"listen\": [\"[127.0.0.1]:2379\"]}", "/listen/0", "an address and a port"},
		{"{\"listen\": [\"[::1]:1\", \"[2001:db8::1]:1\"]}", "/listen/1", "needs tls"},
		{"{\"listen\": [\"0.0.0.0:1\"]}", "/listen/0", "needs tls"},
		{"{\"listen\": [\"[::1]:1\"], \"tls\": {\"ca\": \"a\"}}", "/tls/cert", "needs"},
		{"{\"listen\": [\"[::1]:1\"], \"tls\": {\"cert\": \"a\"}}", "/tls/key", "together"},
		{"{\"listen\": [\"[::1]:1\"], \"tls\": {\"pem\": \"a\"}}", "/tls/pem", ""},
		{"{\"listen\": [\"[::1]:1\"], \"user\": \"u\"}", "/user", "endpoints only"},
		{"{\"listen\": [\"[::1]:1\"], \"prefix\": \"/x\"}", "/prefix", "endpoints only"},
		{"{\"listen\": [\"[::1]:1\"], \"endpoints\": [\"http://a:1\"]}", "/listen",
		 "not possible with endpoints"},
		{"{\"endpoints\": [\"http://a:1\"], \"size_mb\": 64}", "/size_mb", "not possible"},
		{"{\"endpoints\": [\"http://a:1\"], \"max_keys\": 64}", "/max_keys",
		 "not possible"},
		{"{\"endpoints\": [\"http://a:1\"], \"insecure\": true}", "/insecure",
		 "not possible"},
		{"{\"endpoints\": [\"a:1\"]}", "/endpoints/0", "must be like"},
		{"{\"endpoints\": [\"ftp://a:1\"]}", "/endpoints/0", "must be like"},
		{"{\"endpoints\": [\"http://a\"]}", "/endpoints/0", "must be like"},
		{"{\"endpoints\": [\"http://a:0\"]}", "/endpoints/0", "must be like"},
		{"{\"endpoints\": [\"http://u@a:1\"]}", "/endpoints/0", "must be like"},
		{"{\"endpoints\": [\"http://a:1/x\"]}", "/endpoints/0", "must be like"},
		{"{\"endpoints\": [\"http://[a]:1\"]}", "/endpoints/0", "must be like"},
		{"{\"endpoints\": [\"http://a:1\"], \"user\": \"u\"}", "/password_file",
		 "go together"},
		{"{\"endpoints\": [\"http://a:1\"], \"password_file\": \"u\"}", "/user",
		 "go together"},
		{"{\"endpoints\": [\"http://a:1\"], \"tls\": {\"ca\": \"a\"}}", "/tls", "https"},
		{"{\"endpoints\": [\"http://a:1\", \"https://b:1\"], \"tls\": {\"ca\": \"a\"}}",
		 "/endpoints", "all https or all http"},
		{"{\"endpoints\": [\"https://a:1\", \"http://b:1\"], \"user\": \"u\", "
		 "\"password_file\": \"p\"}",
		 "/endpoints", "all https or all http"},
		{"{\"endpoints\": [\"http://a:1\"], \"prefix\": \"san\"}", "/prefix", "start with"},
		{"{\"endpoints\": [\"http://a:1\"], \"prefix\": \"/san/\"}", "/prefix", "not end"},
		{"{\"endpoints\": [\"http://a:1\"], \"prefix\": \"/\"}", "/prefix", "start with"},
		{"{\"endpoints\": [\"http://a:1\"], \"prefix\": \"/a b\"}", "/prefix", "no spaces"},
		{"{\"endpoints\": [\"http://a:1\"], \"deadline_ms\": 99}", "/deadline_ms", "100"},
		{"{\"endpoints\": [\"http://a:1\"], \"deadline_ms\": 10001}", "/deadline_ms",
		 "10000"},
		{"{\"lease_ttl_s\": 1}", "/lease_ttl_s", "2"},
		{"{\"lease_ttl_s\": 3601}", "/lease_ttl_s", "3600"},
		{"{\"size_mb\": 15}", "/size_mb", "16"},
		{"{\"max_keys\": 0}", "/max_keys", "1"},
		{"{\"insecure\": true}", "/insecure", "needs listen"},
		{"{\"tls\": {\"ca\": \"a\"}}", "/tls", "needs listen"},
		{"{\"deadline_ms\": 1000}", "/deadline_ms", "endpoints only"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct config_database db;
		struct err err;

		assert_true(load(all[i].text, &db, &err) < 0);
		if (strcmp(err.field, all[i].field) || !strstr(err.want, all[i].want))
			fail_msg("%s: field %s value %s want %s", all[i].text, err.field, err.value,
				 err.want);
	}
}

static void test_too_many(void **state)
{
	char text[1024] = "{\"endpoints\": [\"http://a:1\"";
	struct config_database db;
	struct err err;

	for (int i = 1; i < NCSDB_ENDPOINTS_MAX; i++)
		strcat(text, ", \"http://a:1\"");
	strcat(text, "]}");
	assert_int_equal(load(text, &db, &err), 0);
	assert_int_equal(db.n_urls, NCSDB_ENDPOINTS_MAX);
	text[strlen(text) - 2] = '\0';
	strcat(text, ", \"http://a:1\"]}");
	assert_true(load(text, &db, &err) < 0);
	assert_non_null(strstr(err.want, "1 to 16"));
}

/* ---- the password ---- */

static int try_password(const char *text, size_t len, mode_t mode, char out[SECRET_MAX],
			struct err *err)
{
	char path[] = "/tmp/sand-test-password-XXXXXX";
	int fd = mkstemp(path), r;

	memset(err, 0, sizeof(*err));
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	r = secret_read(path, "/database/password_file", out, err);
	unlink(path);
	return r;
}

static void test_password(void **state)
{
	char out[SECRET_MAX], text[300];
	struct err err;

	assert_int_equal(try_password("secret\nnot this\n", 16, 0600, out, &err), 0);
	assert_string_equal(out, "secret");
	assert_int_equal(try_password("secret", 6, 0640, out, &err), 0);
	assert_string_equal(out, "secret");
	assert_int_equal(try_password("secret\r\n", 8, 0400, out, &err), 0);
	assert_string_equal(out, "secret");
	assert_int_equal(try_password("secret\n", 7, 0604, out, &err), -EACCES);
	assert_non_null(strstr(err.want, "chmod o="));
	assert_string_equal(err.field, "/database/password_file");
	assert_int_equal(try_password("\nsecret\n", 8, 0600, out, &err), -EINVAL);
	memset(text, 'x', sizeof(text));
	assert_int_equal(try_password(text, 254, 0600, out, &err), 0);
	assert_int_equal(strlen(out), 254);
	assert_int_equal(try_password(text, 255, 0600, out, &err), -EINVAL);
	assert_int_equal(secret_read("/nowhere/password", "/f", out, &err), -ENOENT);
	assert_int_equal(secret_read("/tmp", "/f", out, &err), -EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
