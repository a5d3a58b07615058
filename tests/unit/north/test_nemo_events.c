/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET /v1/nemo/events: notifications as they come, and from where a client was. */
#include "north/nemo.h"
#include "unit/north/nemo_rig.h"

struct stream {
	int fd;
	char text[65536]; /* all that came, chunk sizes included */
	size_t len;
	bool ended;
};

static void read_some(struct rig *rig, struct stream *s)
{
	ssize_t n = recv(s->fd, s->text + s->len, sizeof(s->text) - 1 - s->len, MSG_DONTWAIT);

	if (n > 0)
		s->len += (size_t)n;
	else if (n == 0 || errno != EAGAIN)
		s->ended = true;
	s->text[s->len] = 0;
	rig_turn(rig);
}

#define until_text(rig, s, what)                                                                   \
	do {                                                                                       \
		uint64_t end_ = clock_us() + RIG_PATIENCE_US;                                      \
		while (!strstr((s)->text, what)) {                                                 \
			read_some(rig, s);                                                         \
			if (clock_us() > end_)                                                     \
				fail_msg("no %s in:\n%s", what, (s)->text);                        \
		}                                                                                  \
	} while (0)

static void open_stream(struct rig *rig, struct stream *s, const char *query, const char *headers)
{
	char text[512];

	memset(s, 0, sizeof(*s));
	s->fd = rig_connect(rig);
	snprintf(text, sizeof(text), "GET /v1/nemo/events%s HTTP/1.1\r\nHost: sand\r\n%s\r\n",
		 query, headers);
	rig_say(rig, s->fd, text);
}

static bool remember(void *arg, uint64_t sequence, const char *text)
{
	*(uint64_t *)arg = sequence;
	return true;
}

static void put(struct rig *rig, const char *tenant, uint64_t sequence)
{
	const struct intent_event event = {
		.sequence = sequence,
		.notification = "n",
		.listener = "ops",
		.time = "2026-01-01T00:00:00Z",
		.reason = "time > 18:00:00",
	};
	struct err err = {0};
	uint64_t last = 0;

	assert_int_equal(
		intent_event_put(rig->intent, tenant, &event, (struct ncsdb_write_done){0}, &err),
		0);
	do {
		last = 0;
		rig_turn(rig);
		intent_events(rig->intent, tenant, sequence - 1, remember, &last);
	} while (last != sequence);
}

static void test_live(void **state)
{
	struct rig *rig = *state;
	struct stream s;

	put(rig, "default", 1);
	open_stream(rig, &s, "", "Accept: text/event-stream\r\n");
	until_text(rig, &s, "retry: 1000\n\n");
	assert_non_null(strstr(s.text, "Content-Type: text/event-stream"));
	put(rig, "acme", 1);
	put(rig, "default", 2);
	until_text(rig, &s, "id: 2\nevent: notification\ndata: {");
	assert_non_null(strstr(s.text, "time > 18:00:00"));
	/* neither the older one nor acme's; the greeting says where it is */
	assert_null(strstr(s.text, "id: 1\nevent"));
	assert_non_null(strstr(s.text, "id: 1\nretry"));
	close(s.fd);
	rig_until(rig, ({
			  nemo_keepalive(rig->north);
			  nemo_streams(rig->north) == 0;
		  }));
}

static void test_resume(void **state)
{
	struct rig *rig = *state;
	struct stream s;

	for (uint64_t i = 1; i <= 5; i++)
		put(rig, "default", i);
	open_stream(rig, &s, "", "Last-Event-ID: 3\r\n");
	until_text(rig, &s, "id: 5\n");
	assert_non_null(strstr(s.text, "id: 4\n"));
	assert_null(strstr(s.text, "id: 3\nevent"));
	close(s.fd);
	open_stream(rig, &s, "?after=0", "");
	until_text(rig, &s, "id: 5\n");
	assert_non_null(strstr(s.text, "id: 1\n"));
	close(s.fd);
	/* of an earlier life */
	open_stream(rig, &s, "", "Last-Event-ID: 10006\r\n");
	until_text(rig, &s, "id: 5\n");
	assert_non_null(strstr(s.text, "id: 1\n"));
	close(s.fd);
	/* of a host that is ahead: what it told is not told again */
	open_stream(rig, &s, "", "Last-Event-ID: 7\r\n");
	until_text(rig, &s, "id: 7\nretry: 1000\n\n");
	for (uint64_t i = 6; i <= 8; i++)
		put(rig, "default", i);
	until_text(rig, &s, "id: 8\nevent");
	assert_null(strstr(s.text, "id: 1\n"));
	assert_null(strstr(s.text, "id: 6\n"));
	assert_null(strstr(s.text, "id: 7\nevent"));
	assert_null(strstr(s.text, "missed"));
	close(s.fd);
	assert_int_equal(rig_status_with(rig, "GET /v1/nemo/events", "Last-Event-ID: x\r\n", NULL),
			 400);
	assert_int_equal(rig_status(rig, "GET /v1/nemo/events?after=-1", NULL), 400);
	assert_int_equal(
		rig_status_with(rig, "GET /v1/nemo/events", "Accept: application/json\r\n", NULL),
		406);
}

static void test_kept(void **state)
{
	struct rig *rig = *state;
	struct stream s;

	put(rig, "default", 1);
	put(rig, "default", 2);
	open_stream(rig, &s, "?kept=true", "");
	until_text(rig, &s, "\r\n0\r\n\r\n"); /* the last chunk */
	assert_non_null(strstr(s.text, "id: 1\n"));
	assert_non_null(strstr(s.text, "id: 2\n"));
	close(s.fd);
}

static void test_kept_json(void **state)
{
	static const char accept[] = "Accept: application/json\r\n";
	struct rig *rig = *state;
	struct answer a;

	put(rig, "default", 1);
	put(rig, "default", 2);
	rig_call_with(rig, "GET /v1/nemo/events?kept=true", accept, NULL, &a);
	assert_int_equal(a.status, 200);
	assert_int_equal(items_of(&a), 2);
	assert_int_equal(int_at(json_array_get(json_object_get(a.json, "items"), 1), "sequence"),
			 2);
	answer_free(&a);
	rig_call_with(rig, "GET /v1/nemo/events?kept=true&after=2", accept, NULL, &a);
	assert_int_equal(items_of(&a), 0);
	answer_free(&a);
	rig_call_with(rig, "GET /v1/nemo/events", accept, NULL, &a);
	assert_problem(&a, 406, "Accept", "text/event-stream");
	answer_free(&a);
}

/* What is not kept any more is said. */
static void test_missed(void **state)
{
	struct rig *rig = *state;
	unsigned int events = intent_limits.events;
	struct stream s;

	intent_limits.events = 2;
	for (uint64_t i = 1; i <= 5; i++)
		put(rig, "default", i);
	open_stream(rig, &s, "", "Last-Event-ID: 1\r\n");
	until_text(rig, &s, "id: 5\n");
	assert_non_null(strstr(s.text, "event: missed\ndata: {\"missed\": 2}\n\nid: 4\n"));
	close(s.fd);
	intent_limits.events = events;
}

static void test_keepalive(void **state)
{
	struct rig *rig = *state;
	struct stream s;

	open_stream(rig, &s, "", "");
	until_text(rig, &s, "retry: 1000\n\n");
	nemo_keepalive(rig->north);
	until_text(rig, &s, "\n: \n\n");
	close(s.fd);
}

#define STREAMS (NEMO_STREAMS_MAX + NEMO_STREAMS_LOCAL)

static void test_limit(void **state)
{
	struct rig *rig = *state;
	const struct place place = place_nemo(rig);
	struct stream *all = calloc(STREAMS, sizeof(*all));
	struct got g;

	for (int i = 0; i < STREAMS; i++) {
		if (i == NEMO_STREAMS_MAX) { /* the rest is the operator's */
			ask_at(rig, &place, "GET /v1/nemo/events", TOKEN_ACME, NULL, &g);
			assert_problem(&g.a, 503, "", "at most 64 streams");
			got_free(&g);
		}
		open_stream(rig, &all[i], "", "");
		until_text(rig, &all[i], "retry:");
	}
	rig_refused(rig, "GET /v1/nemo/events", NULL, 503, "", "at most 72 streams");
	for (int i = 0; i < STREAMS; i++)
		close(all[i].fd);
	free(all);
}

/* The daemon ends: so does the stream, whole. */
static void test_close(void **state)
{
	struct rig rig;
	struct stream s;
	uint64_t end = clock_us() + RIG_PATIENCE_US;

	rig_open_nemo(&rig, NULL);
	open_stream(&rig, &s, "", "");
	until_text(&rig, &s, "retry: 1000\n\n");
	north_close(rig.north);
	rig.north = NULL;
	while (!s.ended && clock_us() < end)
		read_some(&rig, &s);
	assert_true(s.ended);
	close(s.fd);
	rig_close(&rig);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, nemo_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_live),	T(test_resume),	   T(test_kept),  T(test_kept_json),
		T(test_missed), T(test_keepalive), T(test_limit), cmocka_unit_test(test_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
