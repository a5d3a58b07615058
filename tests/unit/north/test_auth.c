/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may do what, where: principals, tokens, and each kind of route on each kind of listener. */
#include "unit/north/alto_rig.h"

/* ---- configuration ---- */

static void refused(struct rig *rig, struct north_principal *v, unsigned int n, const char *object,
		    const char *want)
{
	struct north_conf conf = rig_conf(rig);
	struct err err = {0};

	conf.alto.principals = v;
	conf.alto.n_principals = n;
	assert_true(north_open(&conf, &rig->north, &err) < 0);
	assert_null(rig->north);
	assert_non_null(strstr(err.want, want));
	if (object)
		assert_string_equal(err.object, object);
}

static void test_bad_principals(void **state)
{
	static struct north_principal many[NORTH_PRINCIPALS_MAX + 1];
	struct north_principal v[RIG_PRINCIPALS];
	struct rig *rig = *state;
	char name[ALTO_NAME_LEN + 1];

	fill_principals(v);
	v[1].name = NULL;
	refused(rig, v, 2, "principal (no name)", "1 to 64 bytes");
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	v[1].name = name;
	refused(rig, v, 2, NULL, "1 to 64 bytes");
	fill_principals(v);
	v[1].role = NORTH_ROLE_MAX;
	refused(rig, v, 2, "principal AS1", "must be a reader");
	fill_principals(v);
	v[0].has_token = false;
	refused(rig, v, 1, "principal admin", "token or a certificate");
	fill_principals(v);
	set_token(&v[3], "admin-secret");
	refused(rig, v, 4, "principal reader", "token that no other");
	fill_principals(v);
	v[3].certificate = "user";
	refused(rig, v, 4, "principal reader", "certificate that no other");
	refused(rig, many, NORTH_PRINCIPALS_MAX + 1, "REST interface", "at most 1024 principals");
}

/* ---- kinds of routes on kinds of listeners ---- */

enum { AT_UNIX, AT_TCP, AT_ALTO, AT_MAX };

/*
 * A request that is answered with s to those who may: of the daemon's own interface, of maps, of
 * the broker's input that belongs to AS1, and of what does not.
 */
#define DAEMON(s)                                                                                  \
	.nobody = {s, s, 404}, .wrong = {s, s, 401}, .reader = {s, s, 404}, .domain = {s, s, 404}, \
	.admin = {s, s, 404}
#define MAPS(s)                                                                                    \
	.nobody = {s, s, s}, .wrong = {s, 401, 401}, .reader = {s, s, s}, .domain = {s, s, s},     \
	.admin = {s, s, s}
#define OWN(s)                                                                                     \
	.nobody = {s, 401, 401}, .wrong = {s, 401, 401}, .reader = {s, 403, 403},                  \
	.domain = {s, s, s}, .admin = {s, s, s}
#define FOREIGN(s)                                                                                 \
	.nobody = {s, 401, 401}, .wrong = {s, 401, 401}, .reader = {s, 403, 403},                  \
	.domain = {s, 403, 403}, .admin = {s, s, s}

static const struct {
	const char *request, *body;
	int nobody[AT_MAX], wrong[AT_MAX], reader[AT_MAX], domain[AT_MAX], admin[AT_MAX];
} matrix[] = {
	/* the daemon's own interface: no principals there, and not there for ALTO's listeners */
	{"GET /healthz", NULL, DAEMON(200)},
	{"GET /v1/services", NULL, DAEMON(200)},
	{"GET /metrics", NULL, DAEMON(200)},
	{"GET /v1/alto/sources", NULL, DAEMON(200)},
	{"GET /v1/nothing", NULL, DAEMON(404)},
	/* maps: for everybody */
	{"GET /alto/directory", NULL, MAPS(200)},
	{"GET /alto/nothing", NULL, MAPS(404)},
	{"PUT /alto/directory", "{}", MAPS(405)},
	/* the broker's input: 401 before 403 before 404 */
	{"GET /broker/v1/domains", NULL, OWN(200)},
	{"GET /broker/v1/domains/AS1", NULL, OWN(200)},
	{"GET /broker/v1/domains/AS2", NULL, FOREIGN(200)},
	{"GET /broker/v1/domains/none", NULL, FOREIGN(404)},
	{"GET /broker/v1/links/AS1/AS2", NULL, OWN(200)},
	{"GET /broker/v1/links/AS2/AS3", NULL, FOREIGN(200)},
	{"PUT /broker/v1/domains/AS1", AS1, OWN(200)},
	{"PUT /broker/v1/domains/AS2", AS2, FOREIGN(200)},
	{"PUT /broker/v1/links/AS2/AS3", LINK, FOREIGN(200)},
	{"PUT /broker/v1/links/AS2/AS1", LINK, OWN(200)},
	{"PUT /broker/v1/domains", "{\"domains\": 1}", FOREIGN(400)},
	{"DELETE /broker/v1/domains/AS3",
	 NULL,
	 {204, 401, 401},
	 {404, 401, 401},
	 {404, 403, 403},
	 {404, 403, 403},
	 {404, 404, 404}},
	{"GET /broker/nothing",
	 NULL,
	 {404, 401, 401},
	 {404, 401, 401},
	 {404, 404, 404},
	 {404, 404, 404},
	 {404, 404, 404}},
	{"GET /%62roker/v1/domains", NULL, OWN(200)},
};

static void check_row(struct rig *rig, size_t i, const char *headers, const int want[AT_MAX])
{
	const struct place places[AT_MAX] = {place_unix(), place_tcp(rig), place_alto(rig)};

	for (int at = 0; at < AT_MAX; at++) {
		int status =
			status_at(rig, &places[at], matrix[i].request, headers, matrix[i].body);

		if (status != want[at])
			fail_msg("%s %sat %d: %d, not %d", matrix[i].request, headers, at, status,
				 want[at]);
	}
}

static void test_scopes(void **state)
{
	struct rig *rig = *state;

	rig_fill_domains(rig);
	for (size_t i = 0; i < ARRAY_SIZE(matrix); i++) {
		check_row(rig, i, "", matrix[i].nobody);
		check_row(rig, i, TOKEN_WRONG, matrix[i].wrong);
		check_row(rig, i, TOKEN_READER, matrix[i].reader);
		check_row(rig, i, TOKEN_AS1, matrix[i].domain);
		check_row(rig, i, TOKEN_ADMIN, matrix[i].admin);
	}
}

/* ---- tokens ---- */

static void test_tokens(void **state)
{
	static const struct rig_case cases[] = {
		{"Authorization: bearer admin-secret\r\n", 200},
		{"Authorization: BEARER   admin-secret\r\n", 200},
		{"Authorization: Bearer admin-secret2\r\n", 401},
		{"Authorization: Bearer Admin-secret\r\n", 401},
		{"Authorization: Bearer\r\n", 401},
		{"Authorization: Bearer \r\n", 401},
		{"Authorization: Beareradmin-secret\r\n", 401},
		{"Authorization: Basic admin-secret\r\n", 401},
		{"Authorization: \r\n", 401},
		{TOKEN_ADMIN TOKEN_ADMIN, 401},
		{TOKEN_WRONG TOKEN_ADMIN, 401},
	};
	struct rig *rig = *state;
	const struct place at = place_alto(rig);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		rig_check_case(&cases[i],
			       status_at(rig, &at, "GET /broker/v1/domains", cases[i].text, NULL));
	}
}

/* RFC 6750, 3: a challenge; and never which part was wrong. */
static void test_challenge(void **state)
{
	static const char *const headers[] = {"", TOKEN_WRONG, "Authorization: Basic x\r\n"};
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	char first[512] = "", buf[256];
	struct got g;

	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		ask_at(rig, &at, "PUT /broker/v1/domains/AS1", headers[i], AS1, &g);
		assert_problem(&g.a, 401, "", "a bearer token or a client certificate");
		assert_string_equal(header_of(&g, "WWW-Authenticate", buf),
				    "Bearer realm=\"sand\"");
		if (!first[0])
			snprintf(first, sizeof(first), "%s", g.a.body);
		assert_string_equal(g.a.body, first);
		got_free(&g);
	}
}

static void test_failures_are_counted(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	struct answer a;

	status_at(rig, &at, "GET /broker/v1/domains", TOKEN_WRONG, NULL);
	status_at(rig, &at, "GET /alto/directory", TOKEN_WRONG, NULL);
	status_at(rig, &at, "GET /broker/v1/domains", "", NULL); /* said nothing: no failure */
	assert_int_equal(rig_call(rig, "GET /metrics", NULL, &a), 200);
	assert_non_null(strstr(a.body, "\nsand_alto_authentication_failures_total 2\n"));
	assert_non_null(
		strstr(a.body, "\nsand_alto_requests_total{service=\"none\",status=\"4xx\"} 3\n"));
	answer_free(&a);
}

/* ---- maps for principals only ---- */

static int known_setup(void **state)
{
	static const char *const listen[] = {"127.0.0.1:0"};
	static struct north_principal v[RIG_PRINCIPALS];
	const struct north_access conf = {
		.listen = listen,
		.n_listen = 1,
		.known_only = true,
		.principals = v,
		.n_principals = RIG_PRINCIPALS,
	};
	struct rig *rig = malloc(sizeof(*rig));

	fill_principals(v);
	rig_open_alto(rig, &conf);
	memset(v, 0xff, sizeof(v)); /* they were copied */
	*state = rig;
	return 0;
}

static void test_known_only(void **state)
{
	struct rig *rig = *state;
	const struct place places[] = {place_tcp(rig), place_alto(rig)};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const struct place *at = &places[i];

		assert_int_equal(status_at(rig, at, "GET /alto/directory", "", NULL), 401);
		assert_int_equal(status_at(rig, at, "GET /alto/none", "", NULL), 401);
		assert_int_equal(status_at(rig, at, "GET /alto/directory", TOKEN_WRONG, NULL), 401);
		assert_int_equal(status_at(rig, at, "GET /alto/directory", TOKEN_READER, NULL),
				 200);
		assert_int_equal(status_at(rig, at, "GET /alto/directory", TOKEN_AS1, NULL), 200);
	}
	assert_int_equal(status_at(rig, &places[1], "GET /v1/services", "", NULL), 401);
	assert_int_equal(status_at(rig, &places[0], "GET /v1/services", "", NULL), 200);
	assert_int_equal(rig_status(rig, "GET /alto/directory", NULL), 200);
}

/* ---- Host ---- */

/* In clear text TCP is on loopback: a browser could be told that a foreign name has such an
 * address.
 */
static void test_host(void **state)
{
	struct rig *rig = *state;
	struct place tcp = place_tcp(rig), alto = place_alto(rig);

	tcp.host = alto.host = "alto.example";
	assert_int_equal(status_at(rig, &tcp, "GET /alto/directory", "", NULL), 421);
	assert_int_equal(status_at(rig, &alto, "GET /alto/directory", "", NULL), 421);
	tcp.host = alto.host = "localhost:8080";
	assert_int_equal(status_at(rig, &tcp, "GET /alto/directory", "", NULL), 200);
	assert_int_equal(status_at(rig, &alto, "GET /alto/directory", "", NULL), 200);
}

#define WITH(name) cmocka_unit_test_setup_teardown(name, alto_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bad_principals, rig_below_setup, rig_teardown),
		WITH(test_scopes),
		WITH(test_tokens),
		WITH(test_challenge),
		WITH(test_failures_are_counted),
		cmocka_unit_test_setup_teardown(test_known_only, known_setup, rig_teardown),
		WITH(test_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
