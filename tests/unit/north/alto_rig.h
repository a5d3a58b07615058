/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rig with a broker, listeners for ALTO and principals. A client asks at a place: the unix
 * socket, a TCP port, or one with TLS and what it says of itself.
 */
#ifndef TESTS_NORTH_ALTO_RIG_H
#define TESTS_NORTH_ALTO_RIG_H

#include <gnutls/gnutls.h>
#include <nettle/sha2.h>

#include "unit/grpc/certs.h"
#include "unit/north/rig.h"

#define TOKEN_ADMIN "Authorization: Bearer admin-secret\r\n"
#define TOKEN_AS1 "Authorization: Bearer as1-secret\r\n"
#define TOKEN_READER "Authorization: Bearer reader-secret\r\n"
#define TOKEN_WRONG "Authorization: Bearer as1-secre\r\n"

#define AS1                                                                                        \
	"{\"prefixes\": {\"ipv4\": [\"10.1.0.0/16\"]}, \"nfs\": [\"NF1\"], \"saps\": [\"SAP1\"]}"
#define AS2 "{\"prefixes\": {\"ipv6\": [\"2001:db8:2::/48\"]}, \"transit\": true}"
#define AS3 "{\"prefixes\": {\"ipv4\": [\"10.3.0.0/16\"]}}"
#define LINK "{\"routingcost\": 1}"

/* ---- principals ---- */

static inline void set_token(struct north_principal *p, const char *token)
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, strlen(token), (const uint8_t *)token);
	sha256_digest(&ctx, sizeof(p->token_sha256), p->token_sha256);
	p->has_token = true;
}

/* admin, AS1, AS2 (certificate "as2.example" only), reader. */
#define RIG_PRINCIPALS 4
static inline void fill_principals(struct north_principal v[RIG_PRINCIPALS])
{
	v[0] = (struct north_principal){.name = "admin", .role = NORTH_ADMIN};
	set_token(&v[0], "admin-secret");
	v[1] = (struct north_principal){.name = "AS1", .role = NORTH_DOMAIN, .certificate = "user"};
	set_token(&v[1], "as1-secret");
	v[2] = (struct north_principal){
		.name = "AS2", .role = NORTH_DOMAIN, .certificate = "as2.example"};
	v[3] = (struct north_principal){.name = "reader", .role = NORTH_READER};
	set_token(&v[3], "reader-secret");
}

/* ---- the daemon ---- */

static inline void rig_open_broker(struct rig *rig)
{
	struct broker_conf conf = {
		.loop = &rig->loop,
		.db = rig->db,
		.view = &rig->view,
		.domains = true,
		.synced = rig_on_synced,
		.arg = rig,
	};
	struct err err = {0};

	rig->synced = 0;
	assert_int_equal(broker_open(&conf, &rig->broker, &err), 0);
	rig_until(rig, rig->synced && broker_snapshot(rig->broker));
}

/* alto NULL: principals as above, one listener in clear text. */
static inline void rig_open_alto(struct rig *rig, const struct north_access *alto)
{
	static const char *const listen[] = {"127.0.0.1:0"};
	struct north_principal principals[RIG_PRINCIPALS];
	struct north_conf conf;
	struct err err = {0};
	char text[512];

	rig_open_below(rig);
	rig_open_broker(rig);
	conf = rig_conf(rig);
	conf.tcp = "127.0.0.1:0";
	fill_principals(principals);
	conf.alto = (struct north_access){.listen = listen,
					  .n_listen = 1,
					  .principals = principals,
					  .n_principals = RIG_PRINCIPALS};
	if (alto)
		conf.alto = *alto;
	if (north_open(&conf, &rig->north, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
}

static inline int alto_setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	rig_open_alto(rig, NULL);
	*state = rig;
	return 0;
}

/* ---- places ---- */

struct place {
	uint16_t port; /* 0 = the unix socket */
	bool tls;
	const char *cert, *key; /* the client's; NULL = none */
	const char *priority;	/* NULL = usual */
	const char *host;	/* NULL = "127.0.0.1" */
};

struct peer {
	struct rig *rig;
	int fd;
	gnutls_session_t session; /* NULL = clear text */
	gnutls_certificate_credentials_t cred;
};

static inline struct place place_unix(void)
{
	return (struct place){0};
}

static inline struct place place_tcp(struct rig *rig)
{
	return (struct place){.port = north_tcp_port(rig->north)};
}

static inline struct place place_alto(struct rig *rig)
{
	return (struct place){.port = north_alto_port(rig->north, 0)};
}

static inline int connect_port(uint16_t port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static inline void peer_close(struct peer *peer)
{
	if (peer->session)
		gnutls_deinit(peer->session);
	if (peer->cred)
		gnutls_certificate_free_credentials(peer->cred);
	close(peer->fd);
	rig_turn(peer->rig);
}

/* 0 or what gnutls says. */
static inline int peer_handshake(struct peer *peer, const struct place *place)
{
	uint64_t until = clock_us() + RIG_PATIENCE_US;
	int r;

	gnutls_certificate_allocate_credentials(&peer->cred);
	if (place->cert)
		assert_int_equal(gnutls_certificate_set_x509_key_file(
					 peer->cred, place->cert, place->key, GNUTLS_X509_FMT_PEM),
				 0);
	gnutls_init(&peer->session,
		    GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_FORCE_CLIENT_CERT);
	gnutls_priority_set_direct(peer->session, place->priority ?: "NORMAL", NULL);
	gnutls_credentials_set(peer->session, GNUTLS_CRD_CERTIFICATE, peer->cred);
	gnutls_transport_set_int(peer->session, peer->fd);
	while ((r = gnutls_handshake(peer->session)) == GNUTLS_E_AGAIN) {
		rig_turn(peer->rig);
		assert_true(clock_us() < until);
	}
	return r;
}

static inline int peer_open(struct rig *rig, const struct place *place, struct peer *peer)
{
	*peer = (struct peer){.rig = rig};
	peer->fd = place->port ? connect_port(place->port) : rig_connect(rig);
	return place->tls ? peer_handshake(peer, place) : 0;
}

static inline void peer_send(struct peer *peer, const char *data, size_t len)
{
	uint64_t until = clock_us() + RIG_PATIENCE_US;
	ssize_t n;

	if (!peer->session) {
		rig_send(peer->rig, peer->fd, data, len);
		return;
	}
	while (len) {
		n = gnutls_record_send(peer->session, data, len);
		if (n < 0 && n != GNUTLS_E_AGAIN)
			return;
		if (n > 0) {
			data += n;
			len -= n;
		}
		rig_turn(peer->rig);
		assert_true(clock_us() < until);
	}
}

/* -1: nothing now; 0: the end. */
static inline ssize_t peer_recv(struct peer *peer, char *buf, size_t size)
{
	ssize_t n;

	if (!peer->session) {
		n = recv(peer->fd, buf, size, MSG_DONTWAIT);
		return n < 0 && errno != EAGAIN ? 0 : n;
	}
	n = gnutls_record_recv(peer->session, buf, size);
	return n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED ? -1 : n < 0 ? 0 : n;
}

/* An answer with its bytes as they came. */
struct got {
	struct answer a;
	char *raw;
	size_t len, body_at;
};

static inline void got_free(struct got *g)
{
	answer_free(&g->a);
	free(g->raw);
	memset(g, 0, sizeof(*g));
}

static inline void peer_answer(struct peer *peer, struct got *g, bool head_only)
{
	size_t cap = 0;
	uint64_t until = clock_us() + RIG_PATIENCE_US;
	ssize_t n;

	memset(g, 0, sizeof(*g));
	rig_make_room(&g->raw, &cap, 0);
	while (!rig_whole(g->raw, g->len, head_only)) {
		rig_make_room(&g->raw, &cap, g->len);
		n = peer_recv(peer, g->raw + g->len, cap - 1 - g->len);
		if (n == 0) {
			g->a.closed = true;
			break;
		}
		if (n < 0)
			rig_turn(peer->rig);
		else
			g->raw[g->len += n] = 0;
		assert_true(clock_us() < until);
	}
	if (strstr(g->raw, "\r\n\r\n"))
		g->body_at = strstr(g->raw, "\r\n\r\n") + 4 - g->raw;
	rig_split(g->raw, &g->a);
}

/* headers: "" or lines with CRLF; a body is JSON unless they say. */
static inline void ask_at(struct rig *rig, const struct place *place, const char *request,
			  const char *headers, const char *body, struct got *g)
{
	struct peer peer;
	char *text;
	int n;

	assert_int_equal(peer_open(rig, place, &peer), 0);
	n = asprintf(&text, "%s HTTP/1.1\r\nHost: %s\r\n%s%s", request, place->host ?: "127.0.0.1",
		     headers,
		     body && !strcasestr(headers, "Content-Type:")
			     ? "Content-Type: application/json\r\n"
			     : "");
	assert_true(n > 0);
	peer_send(&peer, text, n);
	free(text);
	n = asprintf(&text, body ? "Content-Length: %zu\r\n\r\n" : "\r\n", body ? strlen(body) : 0);
	assert_true(n > 0);
	peer_send(&peer, text, n);
	free(text);
	if (body)
		peer_send(&peer, body, strlen(body));
	peer_answer(&peer, g, strncmp(request, "HEAD", 4) == 0);
	peer_close(&peer);
}

static inline int status_at(struct rig *rig, const struct place *place, const char *request,
			    const char *headers, const char *body)
{
	struct got g;
	int status;

	ask_at(rig, place, request, headers, body, &g);
	status = g.a.status;
	got_free(&g);
	return status;
}

/* Value of a header of the answer, "" if it is not there. */
static inline const char *header_of(const struct got *g, const char *name, char buf[256])
{
	char line[64];
	const char *at;

	snprintf(line, sizeof(line), "\r\n%s: ", name);
	at = strcasestr(g->a.head, line);
	snprintf(buf, 256, "%.*s", at ? (int)strcspn(at + strlen(line), "\r") : 0,
		 at ? at + strlen(line) : "");
	return buf;
}

/* ---- what there is ---- */

static inline void rig_new_snapshot(struct rig *rig, const struct alto_snapshot *old)
{
	rig_until(rig, broker_snapshot(rig->broker) != old);
}

static inline const struct alto_source *rig_source(const struct rig *rig)
{
	return broker_snapshot(rig->broker)->sources[0];
}

/* AS1 - AS2 - AS3 */
static inline void rig_fill_domains(struct rig *rig)
{
	assert_int_equal(rig_status(rig, "PUT /broker/v1/domains/AS1", AS1), 201);
	assert_int_equal(rig_status(rig, "PUT /broker/v1/domains/AS2", AS2), 201);
	assert_int_equal(rig_status(rig, "PUT /broker/v1/domains/AS3", AS3), 201);
	assert_int_equal(rig_status(rig, "PUT /broker/v1/links/AS1/AS2", LINK), 201);
	assert_int_equal(rig_status(rig, "PUT /broker/v1/links/AS2/AS3", LINK), 201);
	rig_until(rig, rig_source(rig)->n_links == 4 && rig_source(rig)->n_pids == 4);
}

/* cmocka fixture, with rig_teardown */
static inline int alto_filled_setup(void **state)
{
	int r = alto_setup(state);

	rig_fill_domains(*state);
	return r;
}

#endif
