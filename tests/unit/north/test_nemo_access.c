/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may do what with intent: listeners, tokens, tenants. */
#include "north/nemo.h"
#include "north/share.h"
#include "unit/north/nemo_rig.h"

static int at_nemo(struct rig *rig, const char *request, const char *headers, const char *body)
{
	const struct place place = place_nemo(rig);

	return status_at(rig, &place, request, headers, body);
}

static int at_tcp(struct rig *rig, const char *request, const char *headers, const char *body)
{
	const struct place place = place_tcp(rig);

	return status_at(rig, &place, request, headers, body);
}

/* Nothing without a token, and nothing but intent with one. */
static void test_own_listener(void **state)
{
	struct rig *rig = *state;
	const struct place place = place_nemo(rig);
	char value[256];
	struct got g;

	assert_int_equal(at_nemo(rig, "GET /v1/nemo/export", "", NULL), 401);
	assert_int_equal(at_nemo(rig, "GET /v1/nemo/export", TOKEN_ADMIN, NULL), 401);
	assert_int_equal(at_nemo(rig, "GET /v1/services", "", NULL), 401);
	assert_int_equal(at_nemo(rig, "GET /v1/services", TOKEN_ACME, NULL), 404);
	assert_int_equal(at_nemo(rig, "GET /alto/directory", TOKEN_ACME, NULL), 404);
	assert_int_equal(at_nemo(rig, "GET /metrics", TOKEN_ACME, NULL), 404);
	assert_int_equal(at_nemo(rig, "GET /v1/nemo/export", TOKEN_ACME, NULL), 200);
	ask_at(rig, &place, "GET /v1/nemo/export", "", NULL, &g);
	assert_string_equal(header_of(&g, "WWW-Authenticate", value), "Bearer realm=\"sand\"");
	got_free(&g);
}

static void test_loopback(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(at_tcp(rig, "GET /v1/services", "", NULL), 200);
	assert_int_equal(at_tcp(rig, "GET /v1/nemo/export", "", NULL), 401);
	assert_int_equal(at_tcp(rig, "POST /v1/nemo/apply", TEXT, NEMO_SITES), 401);
	assert_int_equal(at_tcp(rig, "GET /v1/nemo/export", TOKEN_WRONG, NULL), 401);
	assert_int_equal(at_tcp(rig, "GET /v1/nemo/export", TOKEN_ACME, NULL), 200);
}

/* Two name spaces: the same names, different objects. */
static void test_two_tenants(void **state)
{
	struct rig *rig = *state;
	const struct place place = place_nemo(rig);
	struct got g;

	assert_int_equal(at_nemo(rig, "POST /v1/nemo/apply", TOKEN_ACME TEXT,
				 "CREATE CFN site Type l2group;"),
			 200);
	assert_int_equal(at_nemo(rig, "POST /v1/nemo/apply", TOKEN_ZETA TEXT,
				 "CREATE CFN site Type l3group;"),
			 200);
	ask_at(rig, &place, "GET /v1/nemo/export", TOKEN_ACME, NULL, &g);
	assert_non_null(strstr(g.a.body, "l2group"));
	assert_null(strstr(g.a.body, "l3group"));
	got_free(&g);
	ask_at(rig, &place, "GET /v1/nemo/history", TOKEN_ZETA, NULL, &g);
	assert_int_equal(items_of(&g.a), 1);
	assert_string_equal(text_at(g.a.json, "items/0/by"), "zeta");
	got_free(&g);
	/* whether there is such a tenant or not */
	assert_int_equal(at_nemo(rig, "GET /v1/nemo/export?tenant=zeta", TOKEN_ACME, NULL), 403);
	assert_int_equal(at_nemo(rig, "GET /v1/nemo/export?tenant=nobody", TOKEN_ACME, NULL), 403);
	assert_int_equal(at_nemo(rig, "GET /v1/nemo/export?tenant=acme", TOKEN_ACME, NULL), 200);
}

static void test_operator_only(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(at_nemo(rig, "GET /v1/nemo/clock", TOKEN_ACME, NULL), 200);
	assert_int_equal(at_nemo(rig, "PUT /v1/nemo/clock", TOKEN_ACME, "{\"offset_s\": 1}"), 403);
	assert_int_equal(at_nemo(rig, "GET /v1/nemo/hosts", TOKEN_ACME, NULL), 403);
}

static int refused_conf(struct rig *rig, const struct north_access *nemo, struct err *err)
{
	struct north_conf conf = rig_conf(rig);
	struct north *north = NULL;

	conf.unix_path = NULL;
	conf.nemo = *nemo;
	return north_open(&conf, &north, err);
}

static void test_configuration(void **state)
{
	static const char *const beyond[] = {"192.0.2.1:8444"};
	static const char *const own[] = {"127.0.0.1:0"};
	struct rig *rig = *state;
	struct north_principal p = {.name = "acme", .role = NORTH_ADMIN};
	struct north_access nemo = {.listen = beyond, .n_listen = 1};
	struct err err = {0};

	set_token(&p, "x");
	assert_int_equal(refused_conf(rig, &nemo, &err), -EINVAL);
	assert_non_null(strstr(err.want, "TLS"));
	nemo = (struct north_access){
		.listen = own, .n_listen = 1, .principals = &p, .n_principals = 1};
	assert_int_equal(refused_conf(rig, &nemo, &err), -EINVAL);
	assert_string_equal(err.want, "must be a tenant");
	nemo.n_listen = NORTH_LISTEN_MAX + 1;
	nemo.n_principals = 0;
	assert_int_equal(refused_conf(rig, &nemo, &err), -ENOSPC);
	assert_non_null(strstr(err.want, "for intent"));
	rig_until(rig, uv_run(&rig->loop, UV_RUN_NOWAIT) >= 0);
}

/* ---- limits ---- */

static int connect_from(struct rig *rig, int host)
{
	struct sockaddr_in from = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)host)};
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(north_nemo_port(rig->north, 0)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* Tenants do not take the operator's connections. */
static void test_connections(void **state)
{
	struct rig *rig = *state;
	const struct access *access = &rig->north->access[ACCESS_NEMO];
	int fds[NORTH_NEMO_CONNECTIONS + 1];
	struct answer a;

	for (int i = 0; i < NORTH_NEMO_CONNECTIONS; i++)
		fds[i] = connect_from(rig, 1 + i / NORTH_PER_PEER);
	rig_until(rig, access->n_conns == NORTH_NEMO_CONNECTIONS);
	fds[NORTH_NEMO_CONNECTIONS] = connect_from(rig, 9);
	rig_recv(rig, fds[NORTH_NEMO_CONNECTIONS], &a);
	assert_problem(&a, 503, "", "at most 48 connections for intent");
	answer_free(&a);
	assert_int_equal(rig_status(rig, "GET /v1/nemo", NULL), 200);
	for (int i = 0; i <= NORTH_NEMO_CONNECTIONS; i++)
		close(fds[i]);
	rig_until(rig, access->n_conns == 0);
}

static void test_streams_of_one(void **state)
{
	struct rig *rig = *state;
	const struct place place = place_nemo(rig);
	static const char text[] =
		"GET /v1/nemo/events HTTP/1.1\r\nHost: 127.0.0.1\r\n" TOKEN_ACME "\r\n";
	struct peer peers[NORTH_STREAMS_PARTY];

	for (unsigned int i = 0; i < NORTH_STREAMS_PARTY; i++) {
		assert_int_equal(peer_open(rig, &place, &peers[i]), 0);
		peer_send(&peers[i], text, sizeof(text) - 1);
		rig_until(rig, nemo_streams(rig->north) == i + 1);
	}
	assert_int_equal(at_nemo(rig, "GET /v1/nemo/events", TOKEN_ACME, NULL), 503);
	assert_int_equal(at_nemo(rig, "GET /v1/nemo/events?kept=true", TOKEN_ZETA, NULL), 200);
	for (unsigned int i = 0; i < NORTH_STREAMS_PARTY; i++)
		peer_close(&peers[i]);
}

/* Commits of one tenant wait for each other, not all others for them. */
static void test_changes_of_one(void **state)
{
	static const char text[] =
		"POST /v1/nemo/apply HTTP/1.1\r\nHost: 127.0.0.1\r\n" TOKEN_ACME TEXT
		"Content-Length: 26\r\n\r\nCREATE CFN a Type l2group;";
	struct rig *rig = *state;
	const struct place place = place_nemo(rig);
	struct share *acme = share_tenant(&rig->north->shares, "acme");
	struct share *unix_socket = share_unix(&rig->north->shares);
	struct peer peer;
	struct got g;

	assert_int_equal(peer_open(rig, &place, &peer), 0);
	peer_send(&peer, text, sizeof(text) - 1);
	rig_until(rig, acme->changes == 1);
	peer_answer(&peer, &g, false);
	peer_close(&peer);
	assert_int_equal(g.a.status, 200);
	got_free(&g);
	assert_int_equal(acme->changes, 0);
	acme->changes = unix_socket->changes = NEMO_CHANGES_MAX;
	ask_at(rig, &place, "POST /v1/nemo/plan", TOKEN_ACME TEXT, NEMO_SITES, &g);
	assert_problem(&g.a, 503, "", "at most 4 plans and commits");
	assert_non_null(strstr(g.a.head, "Retry-After: 5"));
	got_free(&g);
	assert_int_equal(at_nemo(rig, "POST /v1/nemo/rollback", TOKEN_ACME, NULL), 503);
	assert_int_equal(at_nemo(rig, "POST /v1/nemo/plan", TOKEN_ZETA TEXT, NEMO_SITES), 200);
	assert_int_equal(nemo_status(rig, "plan?tenant=acme", NEMO_SITES), 200);
	acme->changes = unix_socket->changes = 0;
	/* what is refused at once is not counted */
	assert_int_equal(at_nemo(rig, "POST /v1/nemo/rollback?revision=99", TOKEN_ACME, NULL), 404);
	assert_int_equal(at_nemo(rig, "POST /v1/nemo/plan", TOKEN_ACME TEXT "If-Match: x\r\n", ""),
			 400);
	assert_int_equal(acme->changes, 0);
	share_put(unix_socket);
	share_put(acme);
}

/* A principal's name may look like anything. */
static void test_shares_apart(void **state)
{
	struct rig *rig = *state;
	char name[65];
	struct share *a, *b;

	memset(name, 'x', 64);
	name[64] = 0;
	a = share_tenant(&rig->north->shares, name);
	name[63] = 'y';
	b = share_tenant(&rig->north->shares, name);
	assert_ptr_not_equal(a, b);
	share_put(a);
	share_put(b);
	a = share_principal(&rig->north->shares, "tenant acme");
	b = share_tenant(&rig->north->shares, "acme");
	assert_ptr_not_equal(a, b);
	share_put(a);
	share_put(b);
}

/* Why a host refuses may be about others: a tenant is told that it does. */
static void test_refusal_of_a_host(void **state)
{
	struct rig *rig = *state;
	const struct place place = place_nemo(rig);
	struct answer a;
	struct got g;

	rig->refuses = "operation of-zeta has 70000 rules";
	ask_at(rig, &place, "POST /v1/nemo/apply", TOKEN_ACME TEXT, NEMO_SITES, &g);
	assert_problem(&g.a, 409, "", "host pe1: has no room for it, or cannot carry it");
	assert_null(strstr(g.a.body, "zeta"));
	got_free(&g);
	nemo_post(rig, "apply?tenant=acme", "", NEMO_SITES, &a);
	assert_problem(&a, 409, "", "of-zeta has 70000 rules");
	answer_free(&a);
	rig->refuses = NULL;
}

/* ---- TLS ---- */

/* A certificate comes by itself, from whatever page a browser shows. */
static void check_pages(struct rig *rig, const struct place *place)
{
	static const struct {
		const char *headers;
		int status;
	} cases[] = {
		{"", 200},
		{"Origin: https://127.0.0.1\r\nSec-Fetch-Site: same-origin\r\n", 200},
		{"Sec-Fetch-Site: none\r\n", 200},
		{"Sec-Fetch-Site: cross-site\r\n", 403},
		{"Sec-Fetch-Site: same-site\r\n", 403},
		{"Origin: https://elsewhere.example\r\n", 403},
		{"Origin: https://127.0.0.1:81\r\n", 403},
		{"Origin: null\r\n", 403},
		/* a token does not */
		{TOKEN_ACME "Origin: https://elsewhere.example\r\n", 200},
	};
	char headers[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(headers, sizeof(headers), TEXT "%s", cases[i].headers);
		if (status_at(rig, place, "POST /v1/nemo/plan", headers, NEMO_SITES) !=
		    cases[i].status)
			fail_msg("%s: not %d", cases[i].headers, cases[i].status);
	}
	assert_int_equal(
		status_at(rig, place, "GET /v1/nemo", "Sec-Fetch-Site: cross-site\r\n", NULL), 200);
}

static void test_certificate(void **state)
{
	static const char *const listen[] = {"127.0.0.1:0"};
	struct north_principal principals[2];
	struct certs certs;
	struct place place = {.tls = true};
	struct north_access nemo = {
		.listen = listen, .n_listen = 1, .principals = principals, .n_principals = 2};
	struct rig rig;

	assert_int_equal(certs_open(&certs), 0);
	nemo_principals(principals);
	nemo.cert = cert_path(&certs, "server.crt");
	nemo.key = cert_path(&certs, "server.key");
	nemo.ca = cert_path(&certs, "ca.crt");
	rig_open_nemo(&rig, &nemo);
	place.port = north_nemo_port(rig.north, 0);
	assert_int_equal(status_at(&rig, &place, "GET /v1/nemo", "", NULL), 401);
	assert_int_equal(status_at(&rig, &place, "GET /v1/nemo", TOKEN_ACME, NULL), 200);
	place.cert = cert_path(&certs, "client.crt");
	place.key = cert_path(&certs, "client.key");
	assert_int_equal(status_at(&rig, &place, "GET /v1/nemo?tenant=zeta", "", NULL), 200);
	assert_int_equal(status_at(&rig, &place, "GET /v1/nemo?tenant=acme", "", NULL), 403);
	assert_int_equal(status_at(&rig, &place, "GET /v1/status", "", NULL), 404);
	check_pages(&rig, &place);
	rig_close(&rig);
	certs_close(&certs);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, nemo_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_own_listener),
		T(test_loopback),
		T(test_two_tenants),
		T(test_operator_only),
		T(test_configuration),
		T(test_connections),
		T(test_changes_of_one),
		T(test_shares_apart),
		T(test_refusal_of_a_host),
		T(test_streams_of_one),
		cmocka_unit_test(test_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
