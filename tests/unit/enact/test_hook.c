/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Webhooks: in order, until they are taken; and where they may go. */
#include "rig.h"

#include "unit/util/fetch_server.h"

#define GOLD ((struct path_key){"pe1", "pe2", "be"})
#define BACK ((struct path_key){"pe2", "pe1", "be"})

static const struct piece fine[] = {{.bytes = "HTTP/1.1 204 No Content\r\n\r\n"}};
static const struct piece wrong[] = {
	{.bytes = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"}};

static struct server srv;
static char ops_url[64], prefix_url[64];
static struct enact_url urls[2];

static int setup_server(void **state)
{
	srv = (struct server){.fd = -1, .pieces = fine, .n_pieces = 1};
	assert_int_equal(server_start(&srv), 0);
	snprintf(ops_url, sizeof(ops_url), "http://127.0.0.1:%u/ops", srv.port);
	snprintf(prefix_url, sizeof(prefix_url), "http://127.0.0.1:%u/hooks/", srv.port);
	urls[0] = (struct enact_url){.name = "ops", .url = ops_url, .token = "s3cret"};
	urls[1] = (struct enact_url){.url = prefix_url};
	rig_urls = urls;
	rig_n_urls = ARRAY_SIZE(urls);
	return setup(state);
}

static int teardown_server(void **state)
{
	teardown(state);
	server_stop(&srv);
	return 0;
}

static void delay(int64_t ms)
{
	path_attr(BACK, ATTR_DELAY_US, 1000);
	path_attr(GOLD, ATTR_DELAY_US, ms * 1000);
	UNTIL(looked());
}

static void note(struct node *n, const char *listener)
{
	char script[2048];

	snprintf(script, sizeof(script),
		 SITES "CREATE Notification late Query measured_delay From gold Condition "
		       "gold.measured_delay > 20 Listener %s;\n",
		 listener);
	apply(n, script);
	UNTIL(n->enact->leads);
}

static uint64_t delivered(struct node *n, const char *listener)
{
	char key[NAME_LEN];

	return intent_delivered(n->intent, "acme", enact_delivered_key(listener, key));
}

static json_t *listener(struct node *n)
{
	json_t *list = enact_listeners_json(n->enact, "acme");
	json_t *one = json_incref(json_array_get(list, 0));

	assert_int_equal(json_array_size(list), 1);
	json_decref(list);
	return one;
}

static void test_taken(void **state)
{
	struct node *n = &nodes[0];
	json_t *one;

	note(n, "ops");
	delay(30);
	UNTIL(delivered(n, "ops") == 1);
	assert_int_equal(srv.requests, 1);
	assert_int_equal(strncmp(srv.seen, "POST /ops HTTP/1.1\r\n", 20), 0);
	assert_non_null(strstr(srv.seen, "Authorization: Bearer s3cret"));
	assert_non_null(strstr(srv.seen, "Content-Type: application/json"));
	assert_non_null(strstr(srv.seen, "\"sequence\":1"));
	assert_non_null(strstr(srv.seen, "\"tenant\":\"acme\""));
	assert_non_null(strstr(srv.seen, "\"measured_delay\":30"));
	assert_null(strstr(srv.seen, "\"listener\""));
	one = listener(n);
	assert_int_equal(json_integer_value(json_object_get(one, "delivered")), 1);
	assert_int_equal(json_integer_value(json_object_get(one, "waiting")), 0);
	assert_string_equal(json_string_value(json_object_get(one, "url")), "ops");
	json_decref(one);
}

/* What was refused comes again, in order; nothing is left out. */
static void test_at_least_once(void **state)
{
	struct node *n = &nodes[0];
	json_t *one;

	srv.pieces = wrong;
	note(n, "ops");
	delay(30);
	UNTIL(srv.requests == 1);
	delay(10);
	delay(40);
	UNTIL(events(n).n == 2);
	UNTIL(n->enact->stats.failed > 0);
	one = listener(n);
	assert_int_equal(json_integer_value(json_object_get(one, "waiting")), 2);
	assert_string_equal(json_string_value(json_object_get(one, "why")), "answered 503");
	json_decref(one);
	assert_int_equal(delivered(n, "ops"), 0);
	srv.pieces = fine;
	UNTIL(delivered(n, "ops") == 1);
	UNTIL(delivered(n, "ops") == 2);
	assert_non_null(strstr(srv.seen, "\"sequence\":2"));
	assert_int_equal(n->enact->stats.delivered, 2);
}

/* Who leads next goes on where the database says. */
static void test_leader_changes(void **state)
{
	struct node *n = &nodes[0], *m = node_open(1);

	note(n, "ops");
	delay(30);
	UNTIL(delivered(n, "ops") == 1);
	UNTIL(delivered(m, "ops") == 1);
	srv.pieces = wrong;
	delay(10);
	delay(30);
	UNTIL(srv.requests == 2);
	node_close(n);
	srv.pieces = fine;
	UNTIL(delivered(m, "ops") == 2);
	assert_int_equal(m->enact->stats.delivered, 1);
	assert_non_null(strstr(srv.seen, "\"sequence\":2"));
}

static void test_allowed_url(void **state)
{
	struct node *n = &nodes[0];
	char text[128], quoted[160];

	snprintf(text, sizeof(text), "%sa?b=c", prefix_url);
	snprintf(quoted, sizeof(quoted), "\"%s\"", text);
	note(n, quoted);
	delay(30);
	UNTIL(delivered(n, text) == 1);
	assert_int_equal(strncmp(srv.seen, "POST /hooks/a?b=c HTTP/1.1\r\n", 28), 0);
	assert_null(strstr(srv.seen, "s3cret"));
}

/* Kept, and not sent: a name is for who listens, a URL may not be allowed. */
static void not_sent(const char *script, const char *why)
{
	struct node *n = &nodes[0];
	json_t *one;

	note(n, script);
	delay(30);
	UNTIL(events(n).n == 1);
	turn_ms(50);
	assert_int_equal(srv.requests, 0);
	one = listener(n);
	assert_true(json_is_null(json_object_get(one, "url")));
	assert_string_equal(json_string_value(json_object_get(one, "why")), why);
	json_decref(one);
}

static void test_only_a_name(void **state)
{
	not_sent("somebody", "");
}

static void test_url_not_allowed(void **state)
{
	not_sent("\"https://198.51.100.9/hooks/a\"", "is under no allowed URL of this host");
}

/* ---- many listeners ---- */

/* Notifications with listeners that differ by a number; then one for ops. */
static void notes(struct node *n, unsigned int count, const char *listener)
{
	size_t size = 4096 + 256 * count, len;
	OWN_PTR char *script = malloc(size);

	len = (size_t)snprintf(script, size, SITES);
	for (unsigned int i = 0; i <= count; i++) {
		len += (size_t)snprintf(script + len, size - len,
					"CREATE Notification n%03u Condition gold.measured_delay > "
					"20 Listener ",
					i);
		if (i == count)
			snprintf(script + len, size - len, "ops;");
		else
			len += (size_t)snprintf(script + len, size - len, listener, i);
		if (i < count)
			len += (size_t)snprintf(script + len, size - len, ";\n");
	}
	apply(n, script);
	UNTIL(n->enact->leads);
}

/* What nothing is sent to takes nobody's place. */
static void test_names_take_no_room(void **state)
{
	struct node *n = &nodes[0];

	notes(n, 2 * ENACT_CHANNELS_MAX, "nobody%u");
	delay(30);
	UNTIL(delivered(n, "ops") != 0);
	UNTIL(n->enact->n_untold == 0 && !n->enact->telling);
	assert_int_equal(HASH_COUNT(n->enact->channels), 1);
	assert_int_equal(srv.requests, 1);
}

static unsigned int waiting_for_room(struct node *n)
{
	json_t *list = enact_listeners_json(n->enact, "acme"), *one;
	unsigned int waiting = 0;
	size_t i;

	json_array_foreach(list, i, one)
		waiting +=
			strncmp(json_string_value(json_object_get(one, "why")), "waits: ", 7) == 0;
	json_decref(list);
	return waiting;
}

/* More than are served at a time: the others' turn comes, and each event comes once. */
static void test_more_listeners_than_room(void **state)
{
	struct node *n = &nodes[0];
	char quoted[128];

	srv.pieces = wrong;
	snprintf(quoted, sizeof(quoted), "\"%s%%u\"", prefix_url);
	notes(n, ENACT_CHANNELS_MAX + 5, quoted);
	delay(30);
	UNTIL(events(n).n == ENACT_CHANNELS_MAX + 6);
	assert_int_equal(HASH_COUNT(n->enact->channels), ENACT_CHANNELS_MAX);
	assert_int_equal(waiting_for_room(n), 6);
	assert_int_equal(delivered(n, "ops"), 0);
	srv.pieces = fine;
	UNTIL(delivered(n, "ops") != 0);
	UNTIL(n->enact->stats.delivered == ENACT_CHANNELS_MAX + 6);
	assert_int_equal(waiting_for_room(n), 0);
	assert_int_equal(HASH_COUNT(n->enact->channels), ENACT_CHANNELS_MAX);
}

/* A URL may hold a secret: neither log nor answer show more than where it is. */
static void test_urls_are_not_shown(void **state)
{
	const struct enact_url ops = {.name = "ops", .url = "https://h.example/s3cret"};
	const struct enact_url prefix = {.url = "https://h.example/"};
	char text[ENACT_URL_SHOWN];

	enact_url_show(&ops, ops.url, text, sizeof(text));
	assert_string_equal(text, "ops");
	enact_url_show(&prefix, "https://h.example/s3cret?key=1", text, sizeof(text));
	assert_string_equal(text, "https://h.example:443");
}

/* ---- which URLs ---- */

static const char *why_not(const char *prefix, const char *url)
{
	static char why[160];
	const struct enact_url one = {.url = prefix};
	const struct enact_conf conf = {.urls = &one, .n_urls = 1};

	return enact_url_find(&conf, url, why, sizeof(why)) == &one ? NULL : why;
}

static void test_prefixes(void **state)
{
	static const struct {
		const char *prefix, *url;
		bool may;
	} cases[] = {
		{"https://h.example/a", "https://h.example/a", true},
		{"https://h.example/a", "https://h.example/a/b", true},
		{"https://h.example/a/", "https://h.example/a/b", true},
		{"https://h.example", "https://h.example/anything", true},
		{"https://h.example/a", "https://H.EXAMPLE:443/a?x=1", true},
		{"https://h.example/a", "https://h.example/ab", false},
		{"https://h.example/a/", "https://h.example/a", false},
		{"https://h.example/a", "https://h.example/b", false},
		{"https://h.example/a", "https://h.example/a/../b", false},
		{"https://h.example/a", "https://h.example/a/%2e%2e/b", false},
		{"https://h.example/a", "https://h.example/a/..%2Fb", false},
		{"https://h.example/a", "https://h.example/a/..%5cb", false},
		{"https://h.example/a", "https://h.example:444/a", false},
		{"https://h.example/a", "http://h.example/a", false},
		{"https://h.example/a", "https://h.example.evil.example/a", false},
		{"https://h.example/a", "https://h.example@evil.example/a", false},
		{"https://h.example/a", "https://user@h.example/a", false},
		{"https://h.example/a", "https://h.example/a#f", false},
		{"https://h.example/a", "ftp://h.example/a", false},
		{"https://h.example/a", "file:///h.example/a", false},
		{"http://127.0.0.1:80/a", "http://127.0.0.1/a", true},
		{"http://127.0.0.1:80/a", "http://127.0.0.2/a", false},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
		if ((why_not(cases[i].prefix, cases[i].url) == NULL) != cases[i].may)
			fail_msg("%s under %s", cases[i].url, cases[i].prefix);
}

static void test_configured_urls(void **state)
{
	static const char *const bad[] = {"http://h.example/", "https://u:p@h.example/",
					  "h.example", "https://h.example/%2e%2e/",
					  "https://h.example/#x"};
	struct err err;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(enact_url_check(bad[i], &err), -EINVAL);
	assert_int_equal(enact_url_check("https://h.example/x", &err), 0);
	assert_int_equal(enact_url_check("http://[::1]:8080/x", &err), 0);
}

#define S(f) cmocka_unit_test_setup_teardown(f, setup_server, teardown_server)

int main(void)
{
	const struct CMUnitTest tests[] = {
		S(test_taken),
		S(test_at_least_once),
		S(test_leader_changes),
		S(test_allowed_url),
		S(test_only_a_name),
		S(test_url_not_allowed),
		S(test_names_take_no_room),
		S(test_more_listeners_than_room),
		cmocka_unit_test(test_urls_are_not_shown),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_configured_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
