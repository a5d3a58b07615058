/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Large answers and events: the loop goes on while they are read in the thread pool. The pool has
 * one thread here, which the tests keep busy for as long as they like. */
#include "unit/altoc/read_rig.h"

#define FILLERS 3000 /* PIDs that nobody asks about: some 100 KiB and more */

static uv_work_t plugs[2];
static uv_sem_t gate;
static unsigned int plugged;
static char *texts[8];
static unsigned int n_texts;

#define COST_OTHER                                                                                 \
	"{\"meta\": {\"dependent-vtags\": [{\"resource-id\": \"net\", \"tag\": \"t1\"}], "         \
	"\"cost-type\": {\"cost-mode\": \"numerical\", \"cost-metric\": \"routingcost\"}}, "       \
	"\"cost-map\": {\"AS1\": {\"AS2\": 11, \"AS3\": 20}}}"

static struct altoc_peer *peer(void)
{
	return &altoc->peers[0];
}

/* ---- the pool ---- */

static void wait_at_gate(uv_work_t *work)
{
	uv_sem_wait(&gate);
}

static void on_unplugged(uv_work_t *work, int status)
{
	plugged--;
}

static void plug_pool(void)
{
	assert_in_range(plugged, 0, 1);
	assert_int_equal(uv_queue_work(&loop, &plugs[plugged], wait_at_gate, on_unplugged), 0);
	plugged++;
}

static void unplug_pool(void)
{
	for (unsigned int n = plugged; n; n--)
		uv_sem_post(&gate);
	while (plugged)
		uv_run(&loop, UV_RUN_ONCE);
}

static int setup_large(void **state)
{
	assert_int_equal(uv_sem_init(&gate, 0), 0);
	return setup(state);
}

static int teardown_large(void **state)
{
	int r;

	unplug_pool(); /* of a test that failed */
	r = teardown(state);
	uv_sem_destroy(&gate);
	while (n_texts)
		free(texts[--n_texts]);
	return r;
}

static void run_nothing(struct altoc_work *work)
{
}

/* ---- texts ---- */

static const char *keep_text(char *text)
{
	assert_true(n_texts < sizeof(texts) / sizeof(*texts));
	texts[n_texts++] = text;
	return text;
}

static const char *large_map(const char *tag)
{
	char *text = malloc(200 * FILLERS), *end = text;

	end += sprintf(end,
		       "{\"meta\": {\"vtag\": {\"resource-id\": \"net\", \"tag\": \"%s\"}}, "
		       "\"network-map\": {\"AS1\": {\"ipv6\": [\"5f00:0:1::/48\"]}, "
		       "\"AS2\": {\"ipv6\": [\"5f00:0:2::/48\"]}, "
		       "\"AS3\": {\"ipv6\": [\"5f00:0:3::/48\"]}",
		       tag);
	for (unsigned int i = 0; i < FILLERS; i++)
		end += sprintf(end, ", \"P%u\": {\"ipv6\": [\"fd00:%x::/32\"]}", i, i);
	strcpy(end, "}}");
	return keep_text(text);
}

/* bad: the last cost is none. */
static const char *large_costs(const char *tag, const char *metric, int cost, bool bad)
{
	char *text = malloc(200 * FILLERS), *end = text;

	end += sprintf(end,
		       "{\"meta\": {\"dependent-vtags\": [{\"resource-id\": \"net\", "
		       "\"tag\": \"%s\"}], \"cost-type\": {\"cost-mode\": \"numerical\", "
		       "\"cost-metric\": \"%s\"}}, "
		       "\"cost-map\": {\"AS1\": {\"AS2\": %d, \"AS3\": 20",
		       tag, metric, cost);
	for (unsigned int i = 0; i < FILLERS; i++)
		end += sprintf(end, ", \"P%u\": %u.000000000000000000000000000000", i, i);
	strcpy(end, bad ? ", \"AS1\": true}}}" : "}}}");
	return keep_text(text);
}

static void say_large(const char *path, const char *type, const char *text)
{
	say(path, type, "%s", "");
	at(path)->large = text;
}

static void push_large(const char *type, const char *text)
{
	char *event = malloc(strlen(text) + 128);
	int n = sprintf(event, "event: %s\ndata: %s\n\n", type, text);

	for (struct client *c = srv.clients; c; c = c->next)
		if (c->stream && !c->closing)
			server_send(c, event, (size_t)n);
	free(event);
}

/* ---- answers ---- */

/* With a large map of which costs are in force. */
static void open_large(void)
{
	struct altoc_source source = source_of();

	say_directory(COST("rc", "/rc", "rc"));
	say_large("/map", T_MAP, large_map("t1"));
	say_large("/rc", T_COST, large_costs("t1", "routingcost", 10, false));
	open_with(&source);
	until(value("gw2", ATTR_COST) == 10 && value("gw3", ATTR_COST) == 20);
	until(!peer()->works);
}

static void count_turn(uv_prepare_t *prepare)
{
	++*(unsigned int *)prepare->data;
}

static void close_and_turn(uv_prepare_t *prepare)
{
	uv_close((uv_handle_t *)prepare, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
}

/* Between what has come and what is in force the loop turns as often as it likes. */
static void test_loop_turns_meanwhile(void **state)
{
	unsigned int turns = 0, before;
	uv_prepare_t prepare;

	open_large();
	uv_prepare_init(&loop, &prepare);
	prepare.data = &turns;
	uv_prepare_start(&prepare, count_turn);
	plug_pool();
	say_large("/rc", T_COST, large_costs("t1", "routingcost", 11, false));
	until(peer()->works == 1);
	assert_true(peer()->slots[1].reading);
	before = turns;
	while (turns < before + 100)
		turn_ms(1);
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	assert_int_equal(peer()->works, 1);
	unplug_pool();
	until(value("gw2", ATTR_COST) == 11);
	assert_false(peer()->slots[1].reading);
	assert_int_equal(shown_number("refused"), 0);
	close_and_turn(&prepare);
}

/* What is in the pool counts, and is given back. */
static void test_room_of_what_is_read(void **state)
{
	const char *next;
	size_t before;

	open_large();
	until(peer()->bytes == peer()->slots[0].cur->bytes + peer()->slots[1].cur->bytes);
	before = peer()->bytes;
	next = large_costs("t1", "routingcost", 11, false);
	plug_pool();
	say_large("/rc", T_COST, next);
	until(peer()->works == 1);
	assert_int_equal(peer()->bytes, before + strlen(next));
	altoc_round_stop(peer());
	assert_int_equal(peer()->works, 0);
	assert_int_equal(peer()->bytes, before);
	unplug_pool();
	altoc_round_start(peer());
	until(value("gw2", ATTR_COST) == 11);
	until(peer()->bytes == before);
}

static void test_no_room(void **state)
{
	open_large();
	altoc_bounds.bytes = peer()->bytes + 1000;
	say_large("/rc", T_COST, large_costs("t1", "routingcost", 11, false));
	until(shown_number("refused") > 0);
	why_has("resource rc: is too large: all documents of a source must be at most");
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
}

/* Two answers, of which each fits once the one before it is read: it does not matter that they wait
 * together. */
static void test_room_of_what_waits(void **state)
{
	struct altoc_source source = source_of();
	size_t costs, before;

	say_directory(COST("rc", "/rc", "rc") ", " COST("owd", "/owd", "owd"));
	say_large("/map", T_MAP, large_map("t1"));
	say_large("/rc", T_COST, large_costs("t1", "routingcost", 10, false));
	say_large("/owd", T_COST, large_costs("t1", "delay-ow:cur", 10, false));
	open_with(&source);
	until(value("gw2", ATTR_COST) == 10 && peer()->slots[1].view && peer()->slots[2].view);
	until(!peer()->works);
	costs = peer()->slots[1].cur->bytes;
	before = peer()->bytes;
	altoc_bounds.bytes = before + costs * 3 / 2;
	plug_pool();
	say_large("/rc", T_COST, large_costs("t1", "routingcost", 11, false));
	say_large("/owd", T_COST, large_costs("t1", "delay-ow:cur", 11, false));
	until(peer()->works == 2);
	assert_true(peer()->texts >= costs);
	unplug_pool();
	until(value("gw2", ATTR_COST) == 11 && !peer()->works);
	assert_int_equal(shown_number("refused"), 0);
	assert_int_equal(peer()->texts, 0);
	assert_int_equal(peer()->bytes, before);
}

static void queue_text(const char *text, void (*on_done)(struct altoc_work *work))
{
	struct altoc_work *work = work_with(&peer()->slots[1], text, strlen(text));

	assert_int_equal(altoc_read_wait(work, &err), 0);
	altoc_work_queue(work, run_nothing, on_done);
}

/* More than could be kept does not wait, and what is dropped is given back. */
static void test_waiting_has_an_end(void **state)
{
	struct altoc_work work = {0};

	open_large();
	work.peer = peer();
	work.len = 1000;
	altoc_bounds.bytes = 100000;
	peer()->texts = 99000;
	assert_int_equal(altoc_read_wait(&work, &err), 0);
	peer()->texts++;
	assert_int_equal(altoc_read_wait(&work, &err), -EFBIG);
	peer()->texts = 0;
	altoc_bounds.bytes = ALTOC_BYTES_MAX;
	plug_pool();
	say_large("/rc", T_COST, large_costs("t1", "routingcost", 11, false));
	until(peer()->works == 1);
	queue_text("waits", altoc_work_end);
	assert_int_equal(peer()->texts, 5);
	altoc_round_stop(peer());
	assert_int_equal(peer()->texts, 0);
	unplug_pool();
}

static bool done, others_left;

static void on_last_done(struct altoc_work *work)
{
	others_left = altoc->works != NULL;
	done = true;
	altoc_work_end(work);
}

/* What was dropped is gone before what was asked for instead is read. */
static void test_dropped_ones_go_first(void **state)
{
	open_large();
	plug_pool();
	altoc_round_stop(peer());
	queue_text("runs", altoc_work_end);
	queue_text("waits", altoc_work_end);
	altoc_work_drop(peer(), true);
	done = false;
	queue_text("instead", on_last_done);
	unplug_pool();
	until(done);
	assert_false(others_left);
}

static void test_bad_one_is_refused(void **state)
{
	open_large();
	say_large("/rc", T_COST, large_costs("t1", "routingcost", 11, true));
	until(shown_number("refused") > 0);
	why_has("resource rc: /cost-map/AS1/AS1");
	why_has("must be a number, 0 or more");
	assert_string_equal(shown_text("state"), "refused");
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	say_large("/rc", T_COST, large_costs("t9", "routingcost", 11, false));
	until(strstr(shown_text("why"), "dependent-vtags"));
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	say_large("/rc", T_COST, large_costs("t1", "routingcost", 12, false));
	until(value("gw2", ATTR_COST) == 12 && !strcmp(shown_text("state"), "polling"));
}

static void test_large_new_map(void **state)
{
	open_large();
	say_large("/rc", T_COST, large_costs("t2", "routingcost", 13, false));
	say_large("/map", T_MAP, large_map("t2"));
	until(value("gw2", ATTR_COST) == 13);
	assert_string_equal(shown_text("tag"), "t2");
}

/* Another map has come when the costs have been read: they are read again, and are not of it. */
static void test_other_map_meanwhile(void **state)
{
	const struct altoc_slot *rc;
	const char *map = large_map("t9");
	const struct altoc_doc *cur;

	open_large();
	rc = &peer()->slots[1];
	cur = rc->cur;
	plug_pool();
	say_large("/rc", T_COST, large_costs("t1", "routingcost", 11, false));
	until(peer()->works == 1);
	assert_int_equal(read_text(&peer()->slots[0], map, strlen(map)), 0);
	unplug_pool();
	while (rc->reading)
		uv_run(&loop, UV_RUN_ONCE);
	assert_non_null(strstr(rc->error, "dependent-vtags"));
	assert_ptr_equal(rc->cur, cur);
	peer()->slots[0].etag[0] = '\0';
	until(value("gw2", ATTR_COST) == 11);
}

/* Or none is there any more. */
static void test_map_is_gone_meanwhile(void **state)
{
	const struct altoc_slot *rc;

	open_large();
	rc = &peer()->slots[1];
	plug_pool();
	say_large("/rc", T_COST, large_costs("t1", "routingcost", 11, false));
	until(peer()->works == 1);
	altoc_doc_forget(&peer()->slots[0]);
	unplug_pool();
	while (rc->reading)
		uv_run(&loop, UV_RUN_ONCE);
	assert_non_null(strstr(rc->error, "must be of a network map that has come before"));
	until(value("gw2", ATTR_COST) == 11);
}

/* What is being read is not old, and is confirmed as of when it came. */
static void test_age_of_what_is_read(void **state)
{
	struct altoc_slot *rc;
	uint64_t came_ms;

	open_large();
	rc = &peer()->slots[1];
	plug_pool();
	say_large("/rc", T_COST, at("/rc")->large);
	until(rc->reading);
	came_ms = altoc_now(peer());
	turn_ms(300);
	rc->confirmed_ms = 1;
	altoc_expire(peer());
	assert_non_null(rc->view);
	unplug_pool();
	while (rc->reading)
		uv_run(&loop, UV_RUN_ONCE);
	assert_in_range(rc->confirmed_ms, 2, came_ms);
	rc->confirmed_ms = 1;
	altoc_expire(peer());
	assert_null(rc->view);
}

static void test_large_directory(void **state)
{
	struct altoc_source source = source_of();
	char *text = malloc(200000), *end = text;

	end += sprintf(end, "{" META ", \"resources\": {" NET ", ");
	for (unsigned int i = 0; i < 600; i++)
		end += sprintf(end,
			       "\"x%u\": {\"uri\": \"/a/rather/long/path/to/something/that/nobody/"
			       "needs/here/%u\", \"media-type\": \"application/octet-stream\"}, ",
			       i, i);
	strcpy(end, COST("rc", "/rc", "rc") "}}");
	plug_pool();
	say_large("/directory", T_DIRECTORY, keep_text(text));
	say_map("t1");
	say_cost("/rc", "t1", "routingcost", "10 20");
	open_with(&source);
	until(peer()->works == 1);
	unplug_pool();
	until(value("gw2", ATTR_COST) == 10);
	assert_string_equal(peer()->slots[1].id, "rc");
}

/* ---- telling ---- */

/* Many pairs are not told in one turn; and what comes into force meanwhile is told. */
static void test_many_pairs(void **state)
{
	struct altoc_source source = source_of();
	char name[32], locator[64];

	for (unsigned int i = 0; i < 3 * ALTOC_SLICE; i++) {
		snprintf(name, sizeof(name), "many%u", i);
		snprintf(locator, sizeof(locator), "5f00:0:2:%x::", i + 1);
		put_gateway(name, locator);
	}
	say_directory(COST("rc", "/rc", "rc"));
	say_map("t1");
	say_cost("/rc", "t1", "routingcost", "10 20");
	open_with(&source);
	while (!peer()->slots[1].view)
		uv_run(&loop, UV_RUN_ONCE);
	assert_non_null(peer()->sweep);
	assert_in_range(peer()->written, 1, ALTOC_SLICE);
	assert_int_equal(read_text(&peer()->slots[1], COST_OTHER, strlen(COST_OTHER)), 0);
	say("/rc", T_COST, "%s", COST_OTHER);
	altoc_commit(peer());
	until(value(name, ATTR_COST) == 11 && value("many0", ATTR_COST) == 11);
	until(shown_number("pairs") == 3 * ALTOC_SLICE + 2);
	/* In the middle of it. */
	while (!peer()->sweep)
		uv_run(&loop, UV_RUN_ONCE);
	altoc_close(altoc);
	altoc = NULL;
}

/* With something new in every turn of the loop the last pair is told, and the properties' turn
 * comes. */
static void test_changes_do_not_starve_the_last_pair(void **state)
{
	struct altoc_source source = source_of();
	char name[32], locator[64], text[1000];
	unsigned int known;

	source.poll_s = 36000;
	source.keep_s = 80000;
	for (unsigned int i = 0; i < 6 * ALTOC_SLICE; i++) {
		snprintf(name, sizeof(name), "many%u", i);
		snprintf(locator, sizeof(locator), "5f00:0:2:%x::", i + 1);
		put_gateway(name, locator);
	}
	say_directory(COST("rc", "/rc", "rc"));
	say_map("t1");
	say_cost("/rc", "t1", "routingcost", "10 20");
	open_with(&source);
	until(value(name, ATTR_COST) == 10 && !peer()->sweep && !peer()->pending);
	known = peer()->n_known;
	peer()->n_known = 0;
	for (unsigned int i = 0; i < 3000 && value(name, ATTR_COST) != 30; i++) {
		snprintf(text, sizeof(text),
			 "{\"meta\": {\"dependent-vtags\": [{\"resource-id\": \"net\", "
			 "\"tag\": \"t1\"}], \"cost-type\": {\"cost-mode\": \"numerical\", "
			 "\"cost-metric\": \"routingcost\"}}, "
			 "\"cost-map\": {\"AS1\": {\"AS2\": 30, \"AS3\": %u}}}",
			 40 + i);
		assert_int_equal(read_text(&peer()->slots[1], text, strlen(text)), 0);
		altoc_commit(peer());
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	assert_float_equal(value(name, ATTR_COST), 30, 0);
	assert_int_equal(peer()->n_known, known);
	until(!peer()->sweep && !peer()->pending && !peer()->dirty);
	assert_float_equal(value("gw3", ATTR_COST),
			   strtod(strstr(text, "AS3") + strlen("AS3\": "), NULL), 0);
}

/* ---- closing ---- */

static void test_close_before_it_is_begun(void **state)
{
	open_large();
	plug_pool();
	say_large("/rc", T_COST, large_costs("t1", "routingcost", 11, false));
	until(peer()->works == 1);
	altoc_close(altoc);
	altoc = NULL;
	turn_ms(5);
	unplug_pool();
}

static void test_close_while_it_runs(void **state)
{
	open_large();
	say_large("/rc", T_COST, large_costs("t1", "routingcost", 11, false));
	while (!peer()->works)
		uv_run(&loop, UV_RUN_ONCE);
	altoc_close(altoc);
	altoc = NULL;
}

/* ---- streams ---- */

/* Of another map than the one that is asked for, which is small. */
static void begin_large(void)
{
	open_streaming(WHOLE);
	push_large(T_MAP ",map", large_map("m1"));
	push_large(T_COST ",cost-0", large_costs("m1", "routingcost", 10, false));
	until(!strcmp(shown_text("state"), "streaming") && value("gw2", ATTR_COST) == 10);
	assert_int_equal(shown_number("refused"), 0);
}

/* What comes later is later in force. */
static void test_events_do_not_overtake(void **state)
{
	begin_large();
	plug_pool();
	push_large(T_COST ",cost-0", large_costs("m1", "routingcost", 11, false));
	until(peer()->works == 1);
	push_costs("m1", "12 22");
	push(PATCH ",cost-0", "{\"cost-map\": {\"AS1\": {\"AS3\": 23}}}");
	until(peer()->rest.len > 0);
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	unplug_pool();
	until(value("gw2", ATTR_COST) == 12 && value("gw3", ATTR_COST) == 23);
	assert_int_equal(shown_number("refused"), 0);
	assert_int_equal(srv.subscriptions, 1);
}

/* Nor is more of it kept than a little. */
static void test_stream_waits(void **state)
{
	char filler[4000];

	begin_large();
	memset(filler, 'x', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = '\0';
	plug_pool();
	push_large(T_COST ",cost-0", large_costs("m1", "routingcost", 11, false));
	until(peer()->works == 1);
	for (int i = 0; i < 500; i++)
		push("application/alto-updatestreamcontrol+json", "{\"description\": \"%s\"}",
		     filler);
	push_costs("m1", "14 24");
	until(peer()->rest.len > ALTOC_REST_MAX - 20000);
	turn_ms(50);
	assert_in_range(peer()->rest.len, 1, ALTOC_REST_MAX);
	unplug_pool();
	until(value("gw2", ATTR_COST) == 14);
	assert_int_equal(peer()->rest.len, 0);
	assert_int_equal(srv.subscriptions, 1);
}

/* Patches of a large document are merged, checked and compared in the pool, too. */
static void test_patch_of_a_large_document(void **state)
{
	begin_large();
	plug_pool();
	push(PATCH ",cost-0", "{\"cost-map\": {\"AS1\": {\"AS2\": 15}}}");
	until(peer()->works == 1);
	push(PATCH ",cost-0", "{\"cost-map\": {\"AS1\": {\"AS3\": 25}}}");
	until(peer()->rest.len > 0);
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	unplug_pool();
	until(value("gw2", ATTR_COST) == 15 && value("gw3", ATTR_COST) == 25);
	push(PATCH ",cost-0", "{\"cost-map\": {\"AS1\": {\"AS2\": \"16\"}}}");
	until(shown_number("refused") == 1);
	why_has("resource rc: /cost-map/AS1/AS2");
	assert_float_equal(value("gw2", ATTR_COST), 15, 0);
}

/* A short one frees all that there is of a draft: not in the loop, either. */
static void test_short_patch_of_a_large_draft(void **state)
{
	begin_large();
	plug_pool();
	push(PATCH ",cost-0", "{\"cost-map\": {\"AS1\": {\"AS2\": 15}}}");
	until(peer()->works == 1);
	push(PATCH ",cost-0", "{\"cost-map\": null}");
	until(peer()->rest.len > 0);
	plug_pool();
	uv_sem_post(&gate);
	/* The first one is being freed, the second one waits. */
	until(altoc->running->run != altoc_patch_run);
	assert_int_equal(peer()->works, 1);
	assert_ptr_equal(altoc->works->run, altoc_patch_run);
	unplug_pool();
	until(shown_number("refused") == 1);
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
}

/* What a stream owes is not owed while it is being read: its time begins anew then. */
static void test_time_to_follow_begins_when_it_is_read(void **state)
{
	begin_large();
	push(T_MAP ",map", MAP_TEXT, "m2");
	until(peer()->unsettled_ms);
	plug_pool();
	push_large(T_MAP ",map", large_map("m3"));
	until(peer()->works == 1);
	turn_ms(2 * altoc_times.settle_ms);
	unplug_pool();
	while (peer()->works)
		uv_run(&loop, UV_RUN_ONCE);
	altoc_stream_check(peer());
	assert_non_null(peer()->stream);
	push_costs("m3", "13 23");
	until(value("gw2", ATTR_COST) == 13);
	assert_int_equal(srv.subscriptions, 1);
}

/* What the server said before it went away counts. */
static void test_end_behind_a_large_event(void **state)
{
	begin_large();
	plug_pool();
	push_large(T_COST ",cost-0", large_costs("m1", "routingcost", 11, false));
	until(peer()->works == 1);
	push_costs("m1", "12 22");
	until(peer()->rest.len > 0);
	end_streams();
	until(peer()->stream_ended);
	/* The time of the next round comes meanwhile. */
	turn_ms(400);
	assert_int_equal(peer()->works, 1);
	/* Nor does what is asked for besides end it: it is not polled yet. */
	peer()->failed = false;
	peer()->waiting++;
	altoc_round_answered(peer());
	assert_string_equal(shown_text("state"), "streaming");
	unplug_pool();
	until(value("gw2", ATTR_COST) == 12);
	until(srv.subscriptions == 2);
	assert_int_equal(shown_number("refused"), 0);
}

static void test_stop_while_an_event_is_read(void **state)
{
	size_t before;

	begin_large();
	before = peer()->bytes;
	plug_pool();
	push(PATCH ",cost-0", "{\"cost-map\": {\"AS1\": {\"AS2\": 15}}}");
	until(peer()->works == 1);
	altoc_stream_stop(peer());
	assert_int_equal(peer()->works, 0);
	assert_int_equal(peer()->bytes, before);
	unplug_pool();
	altoc_round_start(peer());
	until(srv.subscriptions == 2);
	push_all("t2", "16 26");
	until(value("gw2", ATTR_COST) == 16);
	assert_int_equal(shown_number("refused"), 0);
}

#define L(f) cmocka_unit_test_setup_teardown(f, setup_large, teardown_large)

int main(void)
{
	const struct CMUnitTest tests[] = {
		L(test_loop_turns_meanwhile),
		L(test_room_of_what_is_read),
		L(test_no_room),
		L(test_room_of_what_waits),
		L(test_waiting_has_an_end),
		L(test_dropped_ones_go_first),
		L(test_bad_one_is_refused),
		L(test_large_new_map),
		L(test_other_map_meanwhile),
		L(test_map_is_gone_meanwhile),
		L(test_age_of_what_is_read),
		L(test_large_directory),
		L(test_many_pairs),
		L(test_changes_do_not_starve_the_last_pair),
		L(test_close_before_it_is_begun),
		L(test_close_while_it_runs),
		L(test_events_do_not_overtake),
		L(test_stream_waits),
		L(test_patch_of_a_large_document),
		L(test_short_patch_of_a_large_draft),
		L(test_time_to_follow_begins_when_it_is_read),
		L(test_end_behind_a_large_event),
		L(test_stop_while_an_event_is_read),
	};

	setenv("UV_THREADPOOL_SIZE", "1", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
