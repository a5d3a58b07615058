/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listeners for ALTO beyond loopback: TLS, client certificates, and clients that dawdle. */
#include "north/server.h"
#include "unit/north/alto_rig.h"

static struct certs certs;
static const char *const any[] = {"127.0.0.1:0", "[::1]:0"};

static const char *file(const char *name)
{
	return cert_path(&certs, name);
}

/* ---- configuration ---- */

static int below_setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	rig_open_below(rig);
	rig_open_broker(rig);
	*state = rig;
	return 0;
}

static void refused(struct rig *rig, const struct north_access *alto, const char *value,
		    const char *want)
{
	struct north_conf conf = rig_conf(rig);
	struct err err = {0};

	conf.alto = *alto;
	assert_true(north_open(&conf, &rig->north, &err) < 0);
	assert_null(rig->north);
	if (!strstr(err.want, want) || strcmp(err.value, value) != 0)
		fail_msg("value %s: %s", err.value, err.want);
	assert_true(err.object[0] != 0);
}

static void test_bad_addresses(void **state)
{
	static const struct {
		const char *address, *want;
	} cases[] = {
		{"0.0.0.0:0", "needs TLS"},	    {"[::]:0", "needs TLS"},
		{"192.0.2.1:8443", "needs TLS"},    {"localhost:8443", "must be like"},
		{"127.0.0.1", "must be like"},	    {"127.0.0.1:65536", "must be like"},
		{"[127.0.0.1]:80", "must be like"}, {"", "must be like"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct north_access alto = {.listen = &cases[i].address, .n_listen = 1};

		refused(*state, &alto, cases[i].address, cases[i].want);
	}
}

static void test_too_many_addresses(void **state)
{
	const char *five[] = {"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0",
			      "127.0.0.1:0"};
	const struct north_access alto = {.listen = five, .n_listen = 5};

	refused(*state, &alto, "", "at most 4 addresses");
}

static void test_bad_files(void **state)
{
	struct north_access alto = {.listen = any, .n_listen = 1};
	struct rig *rig = *state;
	const char *none = file("none");

	alto.key = file("server.key");
	refused(rig, &alto, alto.key, "without a certificate");
	alto.cert = none;
	refused(rig, &alto, none, "cannot be used");
	alto.cert = file("server.key");
	refused(rig, &alto, alto.cert, "cannot be used");
	alto.cert = file("server.crt");
	alto.key = file("client.key");
	refused(rig, &alto, alto.key, "cannot be used");
	alto.key = none;
	refused(rig, &alto, none, "cannot be used");
	alto.key = file("server.key");
	alto.ca = none;
	refused(rig, &alto, none, "cannot be used");
	alto.ca = file("server.key");
	refused(rig, &alto, alto.ca, "must hold a certificate");
}

static void test_key_is_missing(void **state)
{
	const struct north_access alto = {.listen = any, .n_listen = 1, .cert = file("server.crt")};

	refused(*state, &alto, "", "is missing");
}

/* ---- service ---- */

static struct place place_tls(struct rig *rig, const char *who)
{
	static char cert[512], key[512];

	snprintf(cert, sizeof(cert), "%s/%s.crt", certs.dir, who ? who : "");
	snprintf(key, sizeof(key), "%s/%s.key", certs.dir, who ? who : "");
	return (struct place){
		.port = north_alto_port(rig->north, 0),
		.tls = true,
		.cert = who ? cert : NULL,
		.key = who ? key : NULL,
		.host = "alto.example:8443",
	};
}

/* Where a client without a certificate asks. */
static struct place open_tls(struct rig *rig, bool with_ca, unsigned int turn_s)
{
	struct north_principal principals[RIG_PRINCIPALS];
	struct north_conf conf = rig_conf(rig);
	struct err err = {0};

	fill_principals(principals);
	conf.alto = (struct north_access){.listen = any,
					  .n_listen = 2,
					  .cert = file("server.crt"),
					  .key = file("server.key"),
					  .ca = with_ca ? file("ca.crt") : NULL,
					  .principals = principals,
					  .n_principals = RIG_PRINCIPALS};
	conf.turn_s = turn_s;
	assert_int_equal(north_open(&conf, &rig->north, &err), 0);
	rig_fill_domains(rig);
	return place_tls(rig, NULL);
}

/* The interface, and a session of a client without a certificate. */
static void open_session(struct rig *rig, struct peer *peer)
{
	const struct place at = open_tls(rig, false, 0);

	assert_int_equal(peer_open(rig, &at, peer), 0);
}

/* RFC 7285, 8.3.5 */
static void test_serves_tls(void **state)
{
	struct rig *rig = *state;
	struct place at;

	at = open_tls(rig, false, 0);
	assert_true(north_alto_port(rig->north, 0) && north_alto_port(rig->north, 1));
	assert_int_equal(north_alto_port(rig->north, 2), 0);
	assert_int_equal(north_alto_port(rig->north, 99), 0);
	assert_int_equal(status_at(rig, &at, "GET /alto/networkmap/domains", "", NULL), 200);
	assert_int_equal(status_at(rig, &at, "GET /v1/services", "", NULL), 404);
	assert_int_equal(status_at(rig, &at, "GET /broker/v1/domains", "", NULL), 401);
	assert_int_equal(status_at(rig, &at, "GET /broker/v1/domains/AS1", TOKEN_AS1, NULL), 200);
	assert_int_equal(status_at(rig, &at, "PUT /broker/v1/domains/AS1", TOKEN_AS1, AS1), 200);
}

/* Several requests of one connection, the second while the first one is held. */
static void test_keep_alive(void **state)
{
	static const char two[] = "PUT /broker/v1/domains/AS1 HTTP/1.1\r\nHost: a\r\n" TOKEN_AS1
				  "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
				  "GET /alto/networkmap/domains HTTP/1.1\r\nHost: a\r\n\r\n";
	struct rig *rig = *state;
	struct peer peer;
	struct got g;

	open_session(rig, &peer);
	peer_send(&peer, two, strlen(two));
	peer_answer(&peer, &g, false);
	assert_int_equal(g.a.status, 200);
	got_free(&g);
	peer_answer(&peer, &g, false);
	assert_int_equal(g.a.status, 200);
	got_free(&g);
	peer_close(&peer);
}

static void test_old_versions(void **state)
{
	struct rig *rig = *state;
	struct place at;
	struct peer peer;

	at = open_tls(rig, false, 0);
	at.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2";
	assert_int_equal(status_at(rig, &at, "GET /alto/directory", "", NULL), 200);
	at.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT";
	assert_true(peer_open(rig, &at, &peer) < 0);
	peer_close(&peer);
}

static void test_clear_text_on_tls(void **state)
{
	struct rig *rig = *state;
	struct place at;
	struct got g;

	at = open_tls(rig, false, 0);
	at.tls = false;
	ask_at(rig, &at, "GET /alto/directory", "", NULL, &g);
	assert_int_equal(g.a.status, 0); /* no HTTP in the clear */
	assert_null(memmem(g.raw, g.len, "HTTP", 4));
	assert_true(g.a.closed);
	got_free(&g);
}

/* A refusal in the middle of a body: within the session. */
static void test_refused_midway(void **state)
{
	static const char head[] =
		"POST /alto/costmap/domains HTTP/1.1\r\nHost: a\r\nContent-Type: "
		"application/alto-costmapfilter+json\r\n"
		"Transfer-Encoding: chunked\r\n\r\n";
	size_t size = NORTH_BATCH_MAX + 100;
	char *chunk = malloc(size + 32);
	struct rig *rig = *state;
	struct peer peer;
	struct got g;

	open_session(rig, &peer);
	peer_send(&peer, head, strlen(head));
	memset(chunk, ' ', size + 32);
	peer_send(&peer, chunk, sprintf(chunk, "%zx\r\n", size));
	memset(chunk, ' ', size);
	peer_send(&peer, chunk, size);
	peer_answer(&peer, &g, false);
	assert_problem(&g.a, 413, "", "must be at most");
	got_free(&g);
	peer_close(&peer);
	free(chunk);
}

/* ---- client certificates ---- */

static int as_client(struct rig *rig, const char *who, const char *request, const char *headers)
{
	const struct place at = place_tls(rig, who);

	return status_at(rig, &at, request, headers, NULL);
}

static void test_certificates(void **state)
{
	struct rig *rig = *state;

	open_tls(rig, true, 0);
	/* CN user is AS1, DNS name as2.example is AS2 */
	assert_int_equal(as_client(rig, "client", "GET /broker/v1/domains/AS1", ""), 200);
	assert_int_equal(as_client(rig, "client", "GET /broker/v1/domains/AS2", ""), 403);
	assert_int_equal(as_client(rig, "as2", "GET /broker/v1/domains/AS2", ""), 200);
	assert_int_equal(as_client(rig, "as2", "GET /broker/v1/domains/AS1", ""), 403);
	/* known to the authority, not to us; a name is one as a whole */
	assert_int_equal(as_client(rig, "nobody", "GET /broker/v1/domains/AS1", ""), 401);
	assert_int_equal(as_client(rig, "nobody", "GET /alto/directory", ""), 200);
	assert_int_equal(as_client(rig, NULL, "GET /broker/v1/domains/AS1", ""), 401);
	assert_int_equal(as_client(rig, NULL, "GET /alto/directory", ""), 200);
	/* a token says who it is; the certificate then only has to hold */
	assert_int_equal(as_client(rig, "client", "GET /broker/v1/domains/AS2", TOKEN_ADMIN), 200);
	assert_int_equal(as_client(rig, "client", "GET /broker/v1/domains/AS1", TOKEN_WRONG), 401);
}

/* Signed by another authority, over, or made for servers: worse than none. */
static void test_untrusted_certificates(void **state)
{
	static const char *const who[] = {"stranger", "old", "server"};
	struct rig *rig = *state;

	open_tls(rig, true, 0);
	for (size_t i = 0; i < ARRAY_SIZE(who); i++) {
		assert_int_equal(as_client(rig, who[i], "GET /broker/v1/domains/AS1", ""), 401);
		assert_int_equal(as_client(rig, who[i], "GET /alto/directory", ""), 401);
		assert_int_equal(as_client(rig, who[i], "GET /alto/directory", TOKEN_ADMIN), 401);
	}
}

/* Without an authority nobody is asked for a certificate, and none is believed. */
static void test_no_authority(void **state)
{
	struct rig *rig = *state;

	open_tls(rig, false, 0);
	assert_int_equal(as_client(rig, "client", "GET /broker/v1/domains/AS1", ""), 401);
	assert_int_equal(as_client(rig, "client", "GET /alto/directory", ""), 200);
}

/* ---- clients that dawdle ---- */

/* Bytes go on until the connection ends. False: it does not. */
static bool trickles_off(struct rig *rig, int fd)
{
	uint64_t beat = 0, until = clock_us() + RIG_PATIENCE_US;
	char byte;

	while (clock_us() < until) {
		ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return true;
		if (clock_us() - beat > 100000) {
			send(fd, "", 1, MSG_NOSIGNAL);
			beat = clock_us();
		}
		rig_turn(rig);
	}
	return false;
}

/* Before its time is over: still there. */
static void check_waits(int fd, uint64_t start)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
	int error = errno;

	if (clock_us() - start > 1900000) /* a slow machine */
		return;
	assert_int_equal(n, -1);
	assert_int_equal(error, EAGAIN);
}

/* A handshake that never begins, one that never ends, and one byte now and then. Others are served
 * meanwhile. */
static void test_slow_handshakes(void **state)
{
	static const char begin[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
	struct rig *rig = *state;
	int silent, half, trickle;
	struct place at;
	uint64_t start;

	at = open_tls(rig, false, 2);
	start = clock_us();
	silent = connect_port(at.port);
	half = connect_port(at.port);
	trickle = connect_port(at.port);
	rig_until(rig, rig->north->access[ACCESS_ALTO].n_conns == 3);
	rig->north->turn_s = NORTH_TURN_S; /* of those that come later */
	rig_send(rig, half, begin, sizeof(begin) - 1);
	rig_send(rig, trickle, begin, sizeof(begin) - 1);
	assert_int_equal(status_at(rig, &at, "GET /alto/directory", "", NULL), 200);
	check_waits(silent, start);
	assert_true(trickles_off(rig, trickle));
	assert_true(clock_us() - start > 1900000);
	assert_true(rig_closes(rig, silent));
	assert_true(rig_closes(rig, half));
	close(silent);
	close(half);
	close(trickle);
}

/* A handshake that waits for its client costs nothing meanwhile. */
static void test_waiting_handshake_is_quiet(void **state)
{
	struct rig *rig = *state;
	unsigned int quiet = 0;
	int fd;

	open_tls(rig, false, 0);
	fd = connect_port(north_alto_port(rig->north, 0));
	rig_send(rig, fd, "\x16\x03\x01\x02", 4);
	for (int i = 0; i < 300; i++) {
		rig_turn(rig);
		quiet += uv_backend_timeout(&rig->loop) != 0;
	}
	assert_true(quiet > 150);
	close(fd);
}

/* One request that comes byte by byte within a session. */
static void test_slow_request(void **state)
{
	struct rig *rig = *state;
	struct peer peer;
	struct got g;

	open_session(rig, &peer);
	rig->north->turn_s = 1; /* not of the handshake */
	accept_turn(rig->north->conns, TURN_ASK);
	peer_send(&peer, "GET /alto/dir", 13);
	peer_answer(&peer, &g, false);
	assert_problem(&g.a, 408, "", "must be sent within 1 s");
	got_free(&g);
	peer_close(&peer);
}

/* So many of one party may have come since then. */
static unsigned int most_since(uint64_t start)
{
	return RATE_PARTY + (clock_us() - start) * RATE_PARTY / 1000000 + 1;
}

/* Whoever comes faster than handshakes are worth is hung up on; the others are served. */
static void test_handshakes_that_come_too_fast(void **state)
{
	struct rig *rig = *state;
	const struct place at = open_tls(rig, false, 0);
	const struct rate *rate = &rig->north->handshakes;
	uint64_t start = clock_us(), until = start + RIG_PATIENCE_US;
	unsigned int n = 0;

	for (; n < 200 || n <= most_since(start); n++) {
		close(connect_port(at.port));
		rig_turn(rig);
		assert_true(clock_us() < until);
	}
	rig_until(rig, rate->refused + most_since(start) >= n);
	assert_true(rate->said_us && rate->unsaid < rate->refused);
	assert_int_equal(rig_status(rig, "GET /healthz", NULL), 200);
	rig_until(rig, clock_us() - start > 1500000); /* some a second are let in again */
	assert_int_equal(status_at(rig, &at, "GET /alto/directory", "", NULL), 200);
}

/* The interface goes while a handshake is under way. */
static void test_close_in_handshake(void **state)
{
	struct rig *rig = *state;
	int fd;

	open_tls(rig, false, 0);
	fd = connect_port(north_alto_port(rig->north, 0));
	rig_send(rig, fd, "\x16\x03\x01", 3);
	for (int i = 0; i < 10; i++)
		rig_turn(rig);
	north_close(rig->north);
	rig->north = NULL;
	assert_true(rig_closes(rig, fd));
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, below_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bad_addresses),
		TEST(test_too_many_addresses),
		TEST(test_bad_files),
		TEST(test_key_is_missing),
		TEST(test_serves_tls),
		TEST(test_keep_alive),
		TEST(test_old_versions),
		TEST(test_clear_text_on_tls),
		TEST(test_refused_midway),
		TEST(test_certificates),
		TEST(test_untrusted_certificates),
		TEST(test_no_authority),
		TEST(test_slow_handshakes),
		TEST(test_slow_request),
		TEST(test_handshakes_that_come_too_fast),
		TEST(test_close_in_handshake),
		TEST(test_waiting_handshake_is_quiet),
	};
	int r = certs_open(&certs);

	r |= certs_make(&certs, "as2", "ca",
			"cn=unknown\\ndns_name=x.example\\ndns_name=as2.example\\ntls_www_client\\n"
			"expiration_days=10\\n");
	r |= certs_make(
		&certs, "nobody", "ca",
		"cn=use\\ndns_name=xas2.example\\ndns_name=as2.exampl\\ntls_www_client\\nexpiration_days=10\\n");
	r |= certs_make(&certs, "old", "ca",
			"cn=user\\ntls_www_client\\n"
			"activation_date=\"2020-01-01 00:00:00 UTC\"\\n"
			"expiration_date=\"2020-02-01 00:00:00 UTC\"\\n");
	r = r ? r : cmocka_run_group_tests(tests, NULL, NULL);
	certs_close(&certs);
	return r;
}
