/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one party may have of the ALTO service, what there is in all, and who is asked in turn. */
#include "north/alto_updates.h"
#include "unit/north/alto_rig.h"

#define SIDE 400 /* endpoints on each side of a costly request */
#define FILTER "Content-Type: application/alto-costmapfilter+json\r\n"
#define ENDPOINT "Content-Type: application/alto-endpointcostparams+json\r\n"
#define STREAM "Content-Type: application/alto-updatestreamparams+json\r\n"
#define TIPS "Content-Type: application/alto-tipsparams+json\r\n"
#define NUMERICAL "\"cost-type\":{\"cost-mode\":\"numerical\",\"cost-metric\":\"routingcost\"}"
#define COSTS "{" NUMERICAL ",\"pids\":{\"srcs\":[],\"dsts\":[]}}"
#define MAP "{\"add\":{\"m\":{\"resource-id\":\"domains\"}}}"

static int setup(void **state)
{
	int r = alto_setup(state);

	rig_fill_domains(*state);
	return r;
}

static struct shares *shares_of(struct rig *rig)
{
	return &rig->north->shares;
}

static void say(struct peer *peer, const char *text)
{
	peer_send(peer, text, strlen(text));
}

/* ---- parties ---- */

static struct share *address(struct shares *all, const char *text)
{
	struct sockaddr_storage addr = {0};
	struct sockaddr_in6 *in6 = (void *)&addr;
	struct sockaddr_in *in = (void *)&addr;

	addr.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(addr.ss_family, text,
				   addr.ss_family == AF_INET6 ? (void *)&in6->sin6_addr
							      : (void *)&in->sin_addr),
			 1);
	return share_address(all, &addr);
}

/* A host has a /64 of IPv6 for itself, and one address of IPv4, whichever way it comes. */
static void test_party_of_an_address(void **state)
{
	static const char *const pairs[][3] = {
		{"2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "same"},
		{"2001:db8:0:1::1", "2001:db8:0:2::1", ""},
		{"192.0.2.1", "::ffff:192.0.2.1", "same"},
		{"192.0.2.1", "192.0.2.2", ""},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.2", ""},
	};
	struct shares all = {0};
	struct share *a, *b;

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		a = address(&all, pairs[i][0]);
		b = address(&all, pairs[i][1]);
		if ((a == b) != (pairs[i][2][0] != 0))
			fail_msg("%s, %s", pairs[i][0], pairs[i][1]);
		assert_false(a->known || a->local);
		share_put(a);
		share_put(b);
		assert_null(all.v);
	}
}

static void test_party_of_a_principal_or_the_socket(void **state)
{
	struct shares all = {0};
	struct share *as1 = share_principal(&all, "AS1"), *local = share_unix(&all);

	assert_true(as1->known && !as1->local && local->known && local->local);
	assert_ptr_equal(share_principal(&all, "AS1"), as1);
	share_put(as1);
	share_put(as1);
	share_put(local);
	assert_null(all.v);
}

static void test_room_of_a_party(void **state)
{
	struct shares all = {0};
	struct share *one = address(&all, "192.0.2.1"), *local = share_unix(&all);
	const size_t open = SHARE_BYTES_MAX - SHARE_BYTES_LOCAL;

	assert_true(share_has_room(one, SHARE_BYTES_PARTY));
	one->bytes = 10;
	assert_true(share_has_room(one, SHARE_BYTES_PARTY - 10));
	assert_false(share_has_room(one, SHARE_BYTES_PARTY - 9));
	one->bytes = 0;
	all.bytes = open - 10;
	assert_true(share_has_room(one, 10));
	assert_false(share_has_room(one, 11));
	all.bytes = open;
	assert_false(share_has_room(one, 1));
	assert_true(share_has_room(local, SHARE_BYTES_LOCAL));
	assert_false(share_has_room(local, SHARE_BYTES_LOCAL + 1));
	share_put(one);
	share_put(local);
}

/* ---- handshakes ---- */

static unsigned int take(struct rate *rate, const char *name, unsigned int n, uint64_t now_us)
{
	unsigned int good = 0;

	while (n--)
		good += rate_take(rate, name, now_us);
	return good;
}

static void test_rate_of_a_party_and_of_all(void **state)
{
	struct rate *rate = calloc(1, sizeof(*rate));
	uint64_t now_us = 1000000;
	char name[16];

	assert_int_equal(take(rate, "a", 100, now_us), RATE_PARTY);
	assert_int_equal(take(rate, "b", 100, now_us), RATE_PARTY);
	assert_int_equal(take(rate, "a", 100, now_us + 100000), RATE_PARTY / 10);
	assert_int_equal(take(rate, "a", 100, now_us + 5000000), RATE_PARTY);
	now_us += 10000000;
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		assert_int_equal(rate_take(rate, name, now_us), i < RATE_ALL);
	}
	/* the table is full of others now; who has nothing left still has nothing left */
	now_us += 900000;
	assert_int_equal(take(rate, "a", 100, now_us), RATE_PARTY);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "q%d", i);
		assert_true(rate_take(rate, name, now_us));
	}
	assert_false(rate_take(rate, "a", now_us));
	free(rate);
}

/* ---- connections ---- */

static int connect_from(struct rig *rig, unsigned int last, uint16_t port)
{
	struct sockaddr_in from = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(0x7f000000u + last)};
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	rig_turn(rig);
	return fd;
}

/* However many addresses hold the listener for ALTO, the daemon can be managed. */
static void test_connections_of_alto_leave_some_to_others(void **state)
{
	struct rig *rig = *state;
	const struct place tcp = place_tcp(rig);
	int fds[NORTH_CONNECTIONS];
	struct answer a;

	for (int i = 0; i < NORTH_ALTO_CONNECTIONS; i++)
		fds[i] = connect_from(rig, 10 + i / NORTH_PER_PEER, north_alto_port(rig->north, 0));
	rig_until(rig, rig->north->access[ACCESS_ALTO].n_conns == NORTH_ALTO_CONNECTIONS);
	fds[NORTH_ALTO_CONNECTIONS] = connect_from(rig, 90, north_alto_port(rig->north, 0));
	rig_recv(rig, fds[NORTH_ALTO_CONNECTIONS], &a);
	assert_problem(&a, 503, "", "at most 192 connections for ALTO");
	assert_non_null(strstr(a.head, "\r\nRetry-After: 5\r\n"));
	answer_free(&a);
	assert_int_equal(rig_status(rig, "GET /healthz", NULL), 200);
	assert_int_equal(status_at(rig, &tcp, "GET /healthz", "", NULL), 200);
	for (int i = 0; i <= NORTH_ALTO_CONNECTIONS; i++)
		close(fds[i]);
	rig_until(rig, rig->north->access[ACCESS_ALTO].n_conns == 0);
}

/* ---- memory of answers and bodies ---- */

static void check_busy(struct rig *rig, const struct place *at, const char *request,
		       const char *type, const char *body, const char *want)
{
	char value[256];
	struct got g;

	ask_at(rig, at, request, type, body, &g);
	assert_problem(&g.a, 503, "", want);
	assert_string_equal(header_of(&g, "Retry-After", value), "5");
	got_free(&g);
}

static void test_answers_wait_for_room(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig), local = place_unix();
	struct shares *all = shares_of(rig);

	all->bytes = SHARE_BYTES_MAX - SHARE_BYTES_LOCAL - 8192; /* room for the body */
	assert_int_equal(status_at(rig, &at, "POST /alto/costmap/domains", FILTER, COSTS), 200);
	all->bytes += 8192;
	check_busy(rig, &at, "POST /alto/costmap/domains", FILTER, COSTS, "256 MiB");
	check_busy(rig, &at, "GET /alto/networkmap/domains", "", NULL, "256 MiB");
	assert_int_equal(status_at(rig, &local, "POST /alto/costmap/domains", FILTER, COSTS), 200);
	all->bytes = SHARE_BYTES_MAX;
	check_busy(rig, &local, "POST /alto/costmap/domains", FILTER, COSTS, "256 MiB");
	all->bytes = 0;
	assert_int_equal(status_at(rig, &at, "POST /alto/costmap/domains", FILTER, COSTS), 200);
	assert_int_equal(all->bytes, 0); /* all is given back */
}

/* What is kept and small costs nothing more. */
static void test_kept_answers_need_no_room(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig);

	assert_int_equal(status_at(rig, &at, "GET /alto/networkmap/domains", "", NULL), 200);
	shares_of(rig)->bytes = SHARE_BYTES_MAX;
	assert_int_equal(status_at(rig, &at, "GET /alto/networkmap/domains", "", NULL), 200);
	shares_of(rig)->bytes = 0;
}

/* Announced or not. */
static void test_bodies_wait_for_room(void **state)
{
	static const char head[] =
		"POST /alto/costmap/domains HTTP/1.1\r\nHost: localhost\r\n" FILTER;
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	struct peer peer;
	struct got g;

	shares_of(rig)->bytes = SHARE_BYTES_MAX - SHARE_BYTES_LOCAL - 100;
	peer_open(rig, &at, &peer);
	say(&peer, head);
	say(&peer, "Content-Length: 101\r\n\r\n");
	peer_answer(&peer, &g, false);
	assert_problem(&g.a, 503, "", "no room");
	got_free(&g);
	peer_close(&peer);
	peer_open(rig, &at, &peer);
	say(&peer, head);
	say(&peer, "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":");
	peer_answer(&peer, &g, false);
	assert_problem(&g.a, 503, "", "no room");
	got_free(&g);
	peer_close(&peer);
	shares_of(rig)->bytes = 0;
}

/* Bodies that never end are counted while they are there. */
static void test_bodies_are_counted(void **state)
{
	static const char head[] =
		"POST /alto/costmap/domains HTTP/1.1\r\nHost: localhost\r\n" FILTER
		"Content-Length: 100000\r\n\r\n";
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	char *part = calloc(1, 50000);
	struct peer peer;

	peer_open(rig, &at, &peer);
	say(&peer, head);
	memset(part, ' ', 50000);
	peer_send(&peer, part, 50000);
	rig_until(rig, shares_of(rig)->bytes >= 50000);
	assert_true(shares_of(rig)->bytes <= 100000);
	peer_close(&peer);
	rig_until(rig, shares_of(rig)->bytes == 0);
	free(part);
}

/* A request for SIDE * SIDE costs, about 4 MB of text. */
static char *costly(void)
{
	char *body = malloc(100 + SIDE * 2 * 24), *at = body;

	at += sprintf(at, "{" NUMERICAL ",\"endpoints\":{\"srcs\":[");
	for (int i = 0; i < SIDE; i++)
		at += sprintf(at, "%s\"ipv4:10.1.%d.%d\"", i ? "," : "", i >> 8, i & 255);
	at += sprintf(at, "],\"dsts\":[");
	for (int i = 0; i < SIDE; i++)
		at += sprintf(at, "%s\"ipv4:10.3.%d.%d\"", i ? "," : "", i >> 8, i & 255);
	strcpy(at, "]}}");
	return body;
}

static void post(struct peer *peer, const char *path, const char *type, const char *body)
{
	char *text;
	int n = asprintf(&text,
			 "POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n%s",
			 path, type, strlen(body), body);

	assert_true(n > 0);
	peer_send(peer, text, n);
	free(text);
}

/* With small buffers of the kernel what is sent stays with the server. */
static void open_slow(struct rig *rig, const struct place *at, struct peer *peer, int size)
{
	unsigned int before = rig->north->n_conns;

	assert_int_equal(peer_open(rig, at, peer), 0);
	rig_until(rig, rig->north->n_conns > before);
	setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(rig->north->conns->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* Of those at 127.0.0.1. */
static size_t party_bytes(struct rig *rig)
{
	struct share *party = address(shares_of(rig), "127.0.0.1");
	size_t bytes = party->bytes;

	share_put(party);
	return bytes;
}

static void test_answers_are_counted_until_they_are_taken(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	char *body = costly();
	struct peer peer;

	open_slow(rig, &at, &peer, 4096);
	post(&peer, "/alto/endpointcost/domains", ENDPOINT, body);
	rig_until(rig, shares_of(rig)->bytes > SIDE * SIDE * 15);
	rig_until(rig, party_bytes(rig) == shares_of(rig)->bytes);
	peer_close(&peer);
	rig_until(rig, shares_of(rig)->bytes == 0);
	free(body);
}

/* Text of an old snapshot that somebody still takes is in nobody's store. */
static void test_what_is_no_longer_kept_is_counted(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	char *body = malloc(200000), *p = body;
	struct peer peer;

	p += sprintf(p, "{\"domains\":{");
	for (int i = 0; i < 700; i++)
		p += sprintf(
			p,
			"%s\"domain-with-a-long-name-%d\":{\"prefixes\":{\"ipv4\":[\"10.%d.%d.0/24\"]},"
			"\"nfs\":[\"a\"]}",
			i ? "," : "", i, i / 256, i % 256);
	strcpy(p, "},\"links\":[]}");
	assert_int_equal(rig_status(rig, "PUT /broker/v1/domains", body), 204);
	rig_until(rig, rig_source(rig)->n_pids == 701);
	open_slow(rig, &at, &peer, 4096);
	say(&peer, "GET /alto/propmap/domains HTTP/1.1\r\nHost: localhost\r\n\r\n");
	rig_until(rig, party_bytes(rig) > 50000);
	assert_int_equal(shares_of(rig)->bytes, 0);
	assert_int_equal(rig_status(rig, "PUT /broker/v1/links/a/b", LINK), 201);
	assert_int_equal(
		rig_status(rig, "DELETE /broker/v1/domains/domain-with-a-long-name-1", NULL), 204);
	rig_until(rig, shares_of(rig)->bytes > 50000);
	peer_close(&peer);
	rig_until(rig, shares_of(rig)->bytes == 0);
	free(body);
}

/* ---- turns ---- */

static unsigned int queued(struct rig *rig)
{
	return rig->north->alto.queue.n;
}

/* All there, none has had its turn. */
static void send_all(struct rig *rig, struct peer *peers, unsigned int n, const struct place *at)
{
	static const char text[] =
		"POST /alto/costmap/domains HTTP/1.1\r\nHost: localhost\r\n" FILTER;
	char *whole;
	int len = asprintf(&whole, "%sContent-Length: %zu\r\n\r\n" COSTS, text, strlen(COSTS));

	for (unsigned int i = 0; i < n; i++) {
		peer_open(rig, at, &peers[i]);
		assert_int_equal(send(peers[i].fd, whole, len, MSG_NOSIGNAL), len);
	}
	free(whole);
}

static unsigned int collect(struct peer *peers, unsigned int n, int status)
{
	unsigned int found = 0;
	struct got g;

	for (unsigned int i = 0; i < n; i++) {
		peer_answer(&peers[i], &g, false);
		assert_true(g.a.status == 200 || g.a.status == 503);
		found += g.a.status == status;
		got_free(&g);
		peer_close(&peers[i]);
	}
	return found;
}

/* However many come at once, the loop computes one a turn. */
static void test_one_request_is_computed_a_turn(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	struct peer peers[12];
	unsigned int before, most = 0;

	send_all(rig, peers, ARRAY_SIZE(peers), &at);
	for (int i = 0; i < 100; i++) {
		before = queued(rig);
		uv_run(&rig->loop, UV_RUN_NOWAIT);
		assert_true(queued(rig) + 1 >= before);
		most = queued(rig) > most ? queued(rig) : most;
	}
	assert_true(most >= 6);
	assert_int_equal(queued(rig), 0);
	assert_int_equal(collect(peers, ARRAY_SIZE(peers), 200), ARRAY_SIZE(peers));
}

/* One party asks much, another one a single time: it is the next but one. */
static void test_parties_take_turns(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig), local = place_unix();
	struct peer many[12], one;
	unsigned int turns = 0;
	char byte;

	send_all(rig, many, ARRAY_SIZE(many), &at);
	send_all(rig, &one, 1, &local);
	while (queued(rig) < 6)
		rig_turn(rig);
	while (recv(one.fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0) {
		uv_run(&rig->loop, UV_RUN_NOWAIT);
		assert_true(++turns < 8);
	}
	assert_int_equal(collect(&one, 1, 200), 1);
	assert_int_equal(collect(many, ARRAY_SIZE(many), 200), ARRAY_SIZE(many));
}

static void test_queue_is_bounded(void **state)
{
	struct rig *rig = *state;
	struct north *n = rig->north;
	const struct place at = place_alto(rig), local = place_unix();
	struct share *party = address(shares_of(rig), "127.0.0.1");

	party->n_jobs = ALTO_QUEUE_PARTY;
	check_busy(rig, &at, "POST /alto/costmap/domains", FILTER, COSTS, "at most 24 requests of");
	assert_int_equal(
		status_at(rig, &at, "POST /alto/costmap/domains", FILTER TOKEN_READER, COSTS), 200);
	party->n_jobs = 0;
	n->alto.queue.n = ALTO_QUEUE_MAX - ALTO_QUEUE_KNOWN;
	check_busy(rig, &at, "POST /alto/costmap/domains", FILTER, COSTS,
		   "at most 128 requests in");
	n->alto.queue.n = ALTO_QUEUE_MAX;
	check_busy(rig, &local, "POST /alto/costmap/domains", FILTER, COSTS,
		   "at most 128 requests");
	n->alto.queue.n = 0;
	assert_int_equal(status_at(rig, &at, "POST /alto/costmap/domains", FILTER, COSTS), 200);
	share_put(party);
}

/* Those that wait when the daemon ends are told so. */
static void test_queue_ends_with_the_daemon(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig);
	struct peer peers[12];

	send_all(rig, peers, ARRAY_SIZE(peers), &at);
	while (queued(rig) < 6)
		uv_run(&rig->loop, UV_RUN_NOWAIT);
	north_close(rig->north);
	rig->north = NULL;
	assert_true(collect(peers, ARRAY_SIZE(peers), 503) >= 6);
}

/* What streams follow is asked one a turn, too. */
static void test_contents_are_asked_one_a_turn(void **state)
{
	struct rig *rig = *state;
	struct alto_streams *s = rig->north->alto.streams;
	const struct place local = place_unix();
	char body[1024], *p = body;
	struct peer peer;
	unsigned int turns = 0;

	p += sprintf(p, "{\"add\":{");
	for (int i = 0; i < 8; i++)
		p += sprintf(
			p,
			"%s\"s%d\":{\"resource-id\":\"domains-filtered\",\"input\":{\"pids\":[\"x%d\"]}}",
			i ? "," : "", i, i);
	strcpy(p, "}}");
	peer_open(rig, &local, &peer);
	post(&peer, "/alto/updates", STREAM, body);
	rig_until(rig, s->n_streams == 1);
	assert_int_equal(rig_status(rig, "PUT /broker/v1/domains/AS9", "{}"), 201);
	rig_until(rig, s->working);
	for (; s->working; turns++)
		uv_run(&rig->loop, UV_RUN_NOWAIT);
	assert_true(turns >= 8);
	peer_close(&peer);
}

/* ---- streams, waits, views ---- */

static int open_stream(struct rig *rig, const struct place *at, const char *headers,
		       struct peer *peer)
{
	char type[256], buf[16] = "";
	struct alto_streams *s = rig->north->alto.streams;
	unsigned int before = s->n_streams;
	uint64_t refused = s->refused;

	peer_open(rig, at, peer);
	snprintf(type, sizeof(type), "%s%s", STREAM, headers);
	post(peer, "/alto/updates", type, MAP);
	rig_until(rig, s->n_streams > before || s->refused > refused);
	rig_until(rig, recv(peer->fd, buf, 12, MSG_DONTWAIT) == 12);
	return atoi(buf + 9);
}

static void test_streams_of_a_party(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig), local = place_unix();
	struct peer peers[NORTH_STREAMS_PARTY + 3];
	unsigned int n;

	for (n = 0; n < NORTH_STREAMS_PARTY; n++)
		assert_int_equal(open_stream(rig, &at, "", &peers[n]), 200);
	check_busy(rig, &at, "POST /alto/updates", STREAM, MAP, "at most 8 of one client");
	assert_int_equal(open_stream(rig, &at, TOKEN_READER, &peers[n++]), 200);
	assert_int_equal(open_stream(rig, &at, TOKEN_AS1, &peers[n++]), 200);
	assert_int_equal(open_stream(rig, &local, "", &peers[n++]), 200);
	while (n)
		peer_close(&peers[--n]);
}

/* Of all there are, some are for those that are known. */
static void test_streams_for_known_clients(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig), local = place_unix();
	struct peer peers[NORTH_STREAMS_MAX];
	unsigned int n;

	for (n = 0; n < NORTH_STREAMS_MAX - NORTH_STREAMS_KNOWN; n++)
		assert_int_equal(open_stream(rig, &local, "", &peers[n]), 200);
	check_busy(rig, &at, "POST /alto/updates", STREAM, MAP, "at most 56 update streams");
	assert_int_equal(open_stream(rig, &at, TOKEN_READER, &peers[n++]), 200);
	while (n)
		peer_close(&peers[--n]);
}

static const char *open_view(struct rig *rig, const struct place *at, const char *headers, int i,
			     int status)
{
	static char path[128];
	char type[256], body[128];
	struct got g;

	snprintf(type, sizeof(type), "%s%s", TIPS, headers);
	snprintf(body, sizeof(body),
		 "{\"resource-id\":\"domains-filtered\",\"input\":{\"pids\":[\"x%d\"]}}", i);
	ask_at(rig, at, "POST /alto/tips", type, body, &g);
	assert_int_equal(g.a.status, status);
	snprintf(path, sizeof(path), "%s", strstr(g.a.body, "/alto/tips") ?: "");
	path[strcspn(path, "\"")] = 0;
	got_free(&g);
	return path;
}

static void test_views_of_a_party(void **state)
{
	struct rig *rig = *state;
	const struct place at = place_alto(rig), local = place_unix();

	for (int i = 0; i < NORTH_STREAMS_PARTY; i++)
		open_view(rig, &at, "", i, 200);
	open_view(rig, &at, "", 100, 429);
	open_view(rig, &at, "", 0, 200); /* one that is there */
	open_view(rig, &at, TOKEN_READER, 100, 200);
	for (int i = 200; i < 200 + ALTO_TIPS_VIEWS_MAX - NORTH_STREAMS_KNOWN - 9; i++)
		open_view(rig, &local, "", i, 200);
	alto_streams_tick(rig->north->alto.streams, clock_us());
	open_view(rig, &at, TOKEN_AS1, 101, 200);
}

static void test_waits_of_a_party(void **state)
{
	struct rig *rig = *state;
	struct alto_streams *s = rig->north->alto.streams;
	const struct place at = place_alto(rig);
	struct peer peers[NORTH_STREAMS_PARTY];
	const char *view = open_view(rig, &at, "", 0, 200);
	char request[256];

	for (unsigned int i = 0; i < NORTH_STREAMS_PARTY; i++) {
		peer_open(rig, &at, &peers[i]);
		snprintf(request, sizeof(request),
			 "GET %s/ug/1/2 HTTP/1.1\r\nHost: localhost\r\n\r\n", view);
		say(&peers[i], request);
		rig_until(rig, s->n_waits == i + 1);
	}
	snprintf(request, sizeof(request), "GET %s/ug/1/2", view);
	assert_int_equal(status_at(rig, &at, request, "", NULL), 429);
	alto_streams_tick(s, clock_us() + ALTO_TIPS_WAIT_S * 1000000ull);
	assert_int_equal(s->n_waits, 0);
	for (int i = 0; i < NORTH_STREAMS_PARTY; i++)
		peer_close(&peers[i]);
}

/* ---- events in flight ---- */

#define WIDE 800

/* Follows about 11 MB, and takes nothing. */
static void open_heavy(struct rig *rig, const struct place *at, struct peer *peer, int size)
{
	char *body = malloc(100 + WIDE * 2 * 24), *p = body;

	p += sprintf(
		p,
		"{\"add\":{\"e\":{\"resource-id\":\"domains-endpoint-costs\",\"input\":{" NUMERICAL
		",\"endpoints\":{\"srcs\":[");
	for (int k = 0; k < WIDE; k++)
		p += sprintf(p, "%s\"ipv4:10.1.%d.%d\"", k ? "," : "", k >> 8, k & 255);
	p += sprintf(p, "],\"dsts\":[");
	for (int k = 0; k < WIDE; k++)
		p += sprintf(p, "%s\"ipv4:10.3.%d.%d\"", k ? "," : "", k >> 8, k & 255);
	strcpy(p, "]}}}}}");
	open_slow(rig, at, peer, size);
	post(peer, "/alto/updates", STREAM, body);
	free(body);
}

static bool is_told(struct rig *rig, struct peer *peer, const char *what, int ms)
{
	char *buf = calloc(1, 1 << 20);
	uint64_t until = clock_us() + ms * 1000ull;
	size_t len = 0;
	bool told = false;
	ssize_t n;

	while (!told && clock_us() < until) {
		n = recv(peer->fd, buf + len, (1 << 20) - 1 - len, MSG_DONTWAIT);
		len += n > 0 ? n : 0;
		if (n < 0)
			rig_turn(rig);
		told = strstr(buf, what) != NULL;
	}
	free(buf);
	return told;
}

/* One party that takes nothing holds up itself, until it goes; the others are told. */
static void test_slow_streams_hold_up_their_party_alone(void **state)
{
	struct rig *rig = *state;
	struct alto_streams *s = rig->north->alto.streams;
	const struct place at = place_alto(rig), local = place_unix();
	struct peer own, other, slow[2];

	peer_open(rig, &at, &own);
	post(&own, "/alto/updates", STREAM, MAP);
	assert_true(is_told(rig, &own, "alto-networkmap+json,m", 5000));
	peer_open(rig, &local, &other);
	post(&other, "/alto/updates", STREAM, MAP);
	assert_true(is_told(rig, &other, "alto-networkmap+json,m", 5000));
	for (int i = 0; i < 2; i++) {
		open_heavy(rig, &at, &slow[i], 4096);
		rig_until(rig, s->n_streams == 3u + i);
	}
	assert_true(s->in_flight > ALTO_IN_FLIGHT_PARTY);
	check_busy(rig, &at, "POST /alto/updates", STREAM, MAP, "too much waits for clients");
	assert_int_equal(rig_status(rig, "PUT /broker/v1/domains/AS9", "{}"), 201);
	assert_true(is_told(rig, &other, "AS9", 5000));
	assert_false(is_told(rig, &own, "AS9", 200));
	peer_close(&slow[0]);
	peer_close(&slow[1]);
	assert_true(is_told(rig, &own, "AS9", 5000)); /* without another change */
	rig_until(rig, s->in_flight == 0);
	peer_close(&own);
	peer_close(&other);
}

/* A piece now and then is not enough: the client's turn is over all that there is to send. */
static void test_one_deadline_for_all_that_is_sent(void **state)
{
	struct rig *rig = *state;
	struct alto_streams *s = rig->north->alto.streams;
	const struct place at = place_alto(rig);
	uint64_t start, beat = 0;
	struct peer peer;
	char *buf = malloc(1 << 20);
	size_t taken = 0;
	ssize_t n = 1;

	rig->north->turn_s = 1;
	open_heavy(rig, &at, &peer, 256 << 10);
	rig_until(rig, s->n_streams == 1);
	start = clock_us();
	while (s->n_streams && clock_us() - start < 8000000) {
		if (clock_us() - beat > 50000) { /* 5 MB/s at most: not done within 1 s */
			n = recv(peer.fd, buf, 256 << 10, MSG_DONTWAIT);
			taken += n > 0 ? n : 0;
			beat = clock_us();
		}
		rig_turn(rig);
	}
	assert_int_equal(s->n_streams, 0);
	assert_true(clock_us() - start < 4000000);
	assert_true(taken > 2 * ALTO_PIECE);
	assert_int_equal(s->in_flight, 0);
	peer_close(&peer);
	free(buf);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_party_of_an_address),
		cmocka_unit_test(test_party_of_a_principal_or_the_socket),
		cmocka_unit_test(test_room_of_a_party),
		cmocka_unit_test(test_rate_of_a_party_and_of_all),
		T(test_connections_of_alto_leave_some_to_others),
		T(test_answers_wait_for_room),
		T(test_kept_answers_need_no_room),
		T(test_bodies_wait_for_room),
		T(test_bodies_are_counted),
		T(test_answers_are_counted_until_they_are_taken),
		T(test_what_is_no_longer_kept_is_counted),
		T(test_one_request_is_computed_a_turn),
		T(test_parties_take_turns),
		T(test_queue_is_bounded),
		T(test_queue_ends_with_the_daemon),
		T(test_contents_are_asked_one_a_turn),
		T(test_streams_of_a_party),
		T(test_streams_for_known_clients),
		T(test_views_of_a_party),
		T(test_waits_of_a_party),
		T(test_slow_streams_hold_up_their_party_alone),
		T(test_one_deadline_for_all_that_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
