/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS between both ends: who is let in, who is not, and what is said about it. */
#include "pair.h"
#include "certs.h"

static struct certs certs;

static struct grpc_tls *tls(bool server, const char *ca, const char *pair)
{
	struct grpc_tls_conf conf = {0};
	struct grpc_tls *out = NULL;
	struct err err = {0};
	char cert[64], key[64], text[512];

	if (pair) {
		snprintf(cert, sizeof(cert), "%s.crt", pair);
		snprintf(key, sizeof(key), "%s.key", pair);
		conf.cert = cert_path(&certs, cert);
		conf.key = cert_path(&certs, key);
	}
	if (ca)
		conf.ca = cert_path(&certs, ca);
	if (grpc_tls_new(&conf, server, &out, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
	return out;
}

static void works(struct pair *p)
{
	struct result r = {0};
	uint8_t *big = calloc(1, GRPC_MESSAGE_MAX);

	pair_open(p);
	call_begin(p, &r, "/t/Echo");
	assert_int_equal(grpc_call_send(r.call, big, GRPC_MESSAGE_MAX, true), 0);
	pair_until(p, r.ends);
	assert_int_equal(r.status, GRPC_OK);
	assert_int_equal(r.last_len, GRPC_MESSAGE_MAX);
	free(r.last);
	free(big);
	pair_fini(p);
}

static void test_mutual(void **state)
{
	struct pair p;

	pair_init(&p);
	p.server_tls = tls(true, "ca.crt", "server");
	p.client_tls = tls(false, "ca.crt", "client");
	works(&p);
}

static void test_by_name(void **state)
{
	struct pair p;

	pair_init(&p);
	p.channel.host = "localhost";
	p.server_tls = tls(true, NULL, "server");
	p.client_tls = tls(false, "ca.crt", NULL);
	works(&p);
}

static void test_flood(void **state)
{
	struct pair p;
	struct result r = {0};

	pair_init(&p);
	p.server_tls = tls(true, "ca.crt", "server");
	p.client_tls = tls(false, "ca.crt", "client");
	pair_open(&p);
	call_begin(&p, &r, "/t/Flood");
	assert_int_equal(grpc_call_send(r.call, "", 0, true), 0);
	pair_until(&p, r.ends);
	assert_int_equal(r.bytes, FLOOD_BYTES);
	free(r.last);
	pair_fini(&p);
}

static void refused(struct pair *p, const char *why)
{
	struct grpc_server_stats stats;

	pair_serve(p);
	pair_connect(p);
	pair_until(p, p->downs);
	assert_int_equal(p->ups, 0);
	if (!strstr(p->why, why))
		fail_msg("said \"%s\", not \"%s\"", p->why, why);
	grpc_server_stats(p->server, &stats);
	while (stats.connections && !p->timed_out) {
		uv_run(&p->loop, UV_RUN_ONCE);
		grpc_server_stats(p->server, &stats);
	}
	assert_int_equal(stats.connections, 0);
	assert_int_equal(p->opened, 0);
	pair_fini(p);
}

static void test_server_unknown(void **state)
{
	struct pair p;

	pair_init(&p);
	p.server_tls = tls(true, NULL, "server");
	p.client_tls = tls(false, "other.crt", NULL);
	refused(&p, "certificate of 127.0.0.1 refused");
}

static void test_server_expired(void **state)
{
	struct pair p;

	pair_init(&p);
	p.server_tls = tls(true, NULL, "expired");
	p.client_tls = tls(false, "ca.crt", NULL);
	refused(&p, "expired");
}

static void test_server_name(void **state)
{
	struct pair p;

	pair_init(&p);
	p.conf.address = p.channel.host = "127.0.0.2";
	p.server_tls = tls(true, NULL, "server");
	p.client_tls = tls(false, "ca.crt", NULL);
	refused(&p, "name");
}

static void test_server_purpose(void **state)
{
	struct pair p;

	pair_init(&p);
	p.server_tls = tls(true, NULL, "client");
	p.client_tls = tls(false, "ca.crt", NULL);
	refused(&p, "certificate of 127.0.0.1 refused");
}

static void test_client_none(void **state)
{
	struct pair p;

	pair_init(&p);
	p.server_tls = tls(true, "ca.crt", "server");
	p.client_tls = tls(false, "ca.crt", NULL);
	refused(&p, "TLS: the peer refuses: Certificate is required");
}

static void test_client_stranger(void **state)
{
	struct pair p;

	pair_init(&p);
	p.server_tls = tls(true, "ca.crt", "server");
	p.client_tls = tls(false, "ca.crt", "stranger");
	refused(&p, "TLS");
}

static void test_plain_client(void **state)
{
	struct pair p;

	pair_init(&p);
	p.server_tls = tls(true, NULL, "server");
	refused(&p, "");
}

static void test_plain_server(void **state)
{
	struct pair p;

	pair_init(&p);
	p.client_tls = tls(false, "ca.crt", NULL);
	refused(&p, "TLS");
}

static void bad(const char *cert, const char *key, const char *ca, const char *field)
{
	struct grpc_tls_conf conf = {
		.ca = ca ? cert_path(&certs, ca) : NULL,
		.cert = cert ? cert_path(&certs, cert) : NULL,
		.key = key ? cert_path(&certs, key) : NULL,
	};
	struct grpc_tls *out = NULL;
	struct err err = {0};

	assert_true(grpc_tls_new(&conf, true, &out, &err) < 0);
	assert_null(out);
	assert_string_equal(err.field, field);
	assert_true(err.want[0]);
}

static void test_files(void **state)
{
	bad(NULL, NULL, NULL, "/tls/cert");
	bad("server.crt", NULL, NULL, "/tls/key");
	bad("absent.crt", "server.key", NULL, "/tls/cert");
	bad("server.crt", "absent.key", NULL, "/tls/key");
	bad("server.key", "server.key", NULL, "/tls/cert");
	bad("server.crt", "client.key", NULL, "/tls/key");
	bad("server.crt", "server.key", "absent.crt", "/tls/ca");
	bad("server.crt", "server.key", "server.key", "/tls/ca");
}

static int setup(void **state)
{
	return certs_open(&certs);
}

static int teardown(void **state)
{
	certs_close(&certs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutual),		cmocka_unit_test(test_by_name),
		cmocka_unit_test(test_flood),		cmocka_unit_test(test_server_unknown),
		cmocka_unit_test(test_server_expired),	cmocka_unit_test(test_server_name),
		cmocka_unit_test(test_server_purpose),	cmocka_unit_test(test_client_none),
		cmocka_unit_test(test_client_stranger), cmocka_unit_test(test_plain_client),
		cmocka_unit_test(test_plain_server),	cmocka_unit_test(test_files),
	};

	if (system("certtool --version >/dev/null 2>&1")) {
		printf("certtool is not installed: skipped\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
