/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much a server may make the daemon keep and do: by documents, by patches, by a directory. */
#include <time.h>

#include "unit/altoc/read_rig.h"

static struct altoc_peer *peer(void)
{
	return &altoc->peers[0];
}

/* As one piece. */
static void push_bytes(const char *bytes, size_t len)
{
	for (struct client *c = srv.clients; c; c = c->next)
		if (c->stream && !c->closing)
			server_send(c, bytes, len);
}

#define EVENT(name, data) "event: " PATCH "," name "\ndata: " data "\n\n"
#define COST_PATCH(cost) EVENT("cost-0", "{\"cost-map\": {\"AS1\": {\"AS2\": " cost "}}}")
#define TAG_PATCH(tag) EVENT("map", "{\"meta\": {\"vtag\": {\"tag\": \"" tag "\"}}}")
#define COST_OF(tag, cost)                                                                         \
	EVENT("cost-0", "{\"meta\": {\"dependent-vtags\": [{\"resource-id\": \"net\", \"tag\": "   \
			"\"" tag "\"}]}, \"cost-map\": {\"AS1\": {\"AS2\": " cost "}}}")

static void push_text(const char *text)
{
	push_bytes(text, strlen(text));
}

/* ---- patches ---- */

/* Copied, checked and compared once for all that come together. */
static void test_patches_of_one_piece_cost_one_document(void **state)
{
	char text[15000];
	size_t len = 0, before;

	begin();
	before = peer()->patched;
	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					EVENT("cost-0", "{\"cost-map\":{\"AS1\":{\"AS2\":%d}}}"),
					100 + i);
	push_bytes(text, len);
	until(value("gw2", ATTR_COST) == 199);
	assert_int_equal(peer()->patches, 100);
	assert_in_range(peer()->patched - before, 1, 3 * peer()->slots[1].cur->bytes);
	assert_int_equal(shown_number("refused"), 0);
}

/* RFC 8895, 6.7.4: versions one behind the other, each with its costs, in one piece. */
static void test_versions_in_one_piece(void **state)
{
	begin();
	push_text(COST_PATCH("11") TAG_PATCH("t2") COST_OF("t2", "12") TAG_PATCH("t3"));
	until(value("gw2", ATTR_COST) == 12);
	push_text(COST_OF("t3", "13") COST_PATCH("14"));
	until(value("gw2", ATTR_COST) == 14);
	assert_string_equal(shown_text("tag"), "t3");
	assert_int_equal(shown_number("refused"), 0);
	assert_int_equal(srv.subscriptions, 1);
}

/* A full replacement behind patches that it depends on, and one that overtakes patches. */
static void test_replacement_behind_patches(void **state)
{
	char text[2048];
	int n = snprintf(text, sizeof(text), "%sevent: " T_COST ",cost-0\ndata: " COST_TEXT "\n\n",
			 COST_PATCH("11") TAG_PATCH("t2"), "t2", "routingcost", "15", "25");

	begin();
	push_bytes(text, (size_t)n);
	until(value("gw2", ATTR_COST) == 15 && value("gw3", ATTR_COST) == 25);
	assert_string_equal(shown_text("tag"), "t2");
	assert_int_equal(shown_number("refused"), 0);
}

/* What is wrong after the last patch of a piece is refused, what is only wrong in between is not
 * seen. */
static void test_last_state_of_a_piece_counts(void **state)
{
	begin();
	push_text(COST_PATCH("true") COST_PATCH("16"));
	until(value("gw2", ATTR_COST) == 16);
	assert_int_equal(shown_number("refused"), 0);
	push_text(COST_PATCH("17") COST_PATCH("true"));
	until(shown_number("refused") == 1);
	why_has("resource rc");
	why_has("must be a number");
	assert_float_equal(value("gw2", ATTR_COST), 16, 0);
}

static void test_unknown_members_are_not_kept(void **state)
{
	char junk[2001];
	size_t bytes;

	begin();
	memset(junk, 'x', sizeof(junk) - 1);
	junk[sizeof(junk) - 1] = '\0';
	push(PATCH ",cost-0", "{\"cost-map\": {\"AS1\": {\"AS2\": 11}}}");
	until(value("gw2", ATTR_COST) == 11);
	bytes = peer()->bytes;
	for (int i = 0; i < 20; i++)
		push(PATCH ",cost-0",
		     "{\"junk%d\": \"%s\", \"cost-map\": {\"AS1\": {\"AS2\": 1%d}}}", i, junk,
		     i % 10);
	push(PATCH ",map", "{\"junk\": \"%s\"}", junk);
	push(PATCH ",cost-0", "{\"cost-map\": {\"AS1\": {\"AS2\": 12}}}");
	until(value("gw2", ATTR_COST) == 12);
	assert_int_equal(json_object_size(altoc_doc_root(peer()->slots[0].cur)), 2);
	assert_int_equal(json_object_size(altoc_doc_root(peer()->slots[1].cur)), 2);
	/* Texts as they came, or as they would be written: shorter. */
	assert_in_range(peer()->bytes, 1, bytes);
}

static void refuse_patches(const char *why)
{
	until(!strcmp(shown_text("state"), "polling"));
	why_has(why);
	assert_int_equal(shown_number("refused"), 1);
	until(value("gw2", ATTR_COST) == 10);
	assert_int_equal(srv.subscriptions, 1);
}

static void test_too_many_patches(void **state)
{
	altoc_bounds.patches = 5;
	begin();
	for (int i = 0; i < 5; i++)
		push_text(COST_PATCH("11"));
	until(value("gw2", ATTR_COST) == 11);
	assert_int_equal(shown_number("refused"), 0);
	push_text(COST_PATCH("12"));
	refuse_patches("resource rc: is patched too often: at most 5 times in 10 s");
}

static void test_too_much_is_patched(void **state)
{
	altoc_bounds.patched = 700; /* the costs are some 200 bytes */
	begin();
	push_text(COST_PATCH("11"));
	until(value("gw2", ATTR_COST) == 11);
	for (int i = 0; i < 8; i++) {
		push_text(COST_PATCH("12"));
		turn_ms(2);
	}
	refuse_patches("is patched too often for its size: at most 700 bytes of documents in 10 s");
}

/* Seldom enough is never too often. */
static void test_patches_of_many_windows(void **state)
{
	altoc_times.second_ms = 10; /* 100 ms a window */
	altoc_bounds.patches = 2;
	open_streaming(WHOLE);
	push_all("t1", "10 20");
	until(value("gw2", ATTR_COST) == 10);
	for (int i = 0; i < 6; i++) {
		push(PATCH ",cost-0", "{\"cost-map\": {\"AS1\": {\"AS2\": 2%d}}}", i);
		turn_ms(70);
	}
	assert_float_equal(value("gw2", ATTR_COST), 25, 0);
	assert_int_equal(shown_number("refused"), 0);
}

/* ---- documents ---- */

static void test_room_of_a_source(void **state)
{
	struct altoc_source source = source_of();

	altoc_bounds.bytes = 900;
	say_directory(COST("rc", "/rc", "rc"));
	say_map("t1");
	say_cost("/rc", "t1", "routingcost", "10 20");
	open_with(&source);
	until(value("gw2", ATTR_COST) == 10);
	say("/rc", T_COST,
	    "{\"meta\": {\"dependent-vtags\": [{\"resource-id\": \"net\", \"tag\": \"t1\"}], "
	    "\"cost-type\": {\"cost-mode\": \"numerical\", \"cost-metric\": \"routingcost\"}}, "
	    "\"cost-map\": {\"AS1\": {\"AS2\": 11}}%600s}",
	    "");
	until(shown_number("refused") > 0);
	why_has("resource rc: is too large: all documents of a source must be at most 900 bytes");
	assert_float_equal(value("gw2", ATTR_COST), 10, 0);
	/* It is given back: otherwise some answers later nothing would fit. */
	for (int i = 30; i < 60; i++) {
		char costs[32];

		snprintf(costs, sizeof(costs), "%d 20", i);
		say_cost("/rc", "t1", "routingcost", costs);
		assert_int_equal(
			read_text(&peer()->slots[1], at("/rc")->body, strlen(at("/rc")->body)), 0);
	}
	assert_in_range(peer()->bytes, 1, 900);
}

/* What takes little room as text and much as values is not parsed. */
static void test_values_of_a_document_and_of_a_patch(void **state)
{
	const unsigned int n = ALTO_CLIENT_VALUES_MAX / 9;
	char *text = malloc(3 * n + 16), *end;

	begin();
	end = stpcpy(text, "{\"a\":[");
	for (unsigned int i = 0; i < n; i++)
		end = stpcpy(end, "[],");
	strcpy(end, "0]}");
	assert_int_equal(read_text(&peer()->slots[1], text, strlen(text)), -EFBIG);
	assert_non_null(strstr(err.want, "at most 16777216 values"));
	err = (struct err){0};
	assert_int_equal(read_patch(&peer()->slots[1], text, strlen(text)), -EFBIG);
	assert_non_null(strstr(err.want, "at most 16777216 values"));
	free(text);
}

/* ---- directories ---- */

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static char *large_directory(void)
{
	json_t *types = json_object(), *names = json_array(), *all = json_object();
	json_t *root = json_pack("{s:{s:o},s:o}", "meta", "cost-types", types, "resources", all);
	char id[16], *text;

	json_object_set_new(all, "net", json_pack("{s:s,s:s}", "uri", "/n", "media-type", T_MAP));
	for (int i = 0; i < ALTO_CLIENT_COST_TYPES_MAX; i++) {
		snprintf(id, sizeof(id), "t%d", i);
		json_object_set_new(types, id,
				    json_pack("{s:s,s:s}", "cost-mode", "ordinal", "cost-metric",
					      "routingcost"));
		json_array_append_new(names, json_string(id));
	}
	for (int i = 0; i < 500; i++) {
		snprintf(id, sizeof(id), "s%d", i);
		json_object_set_new(all, id,
				    json_pack("{s:s,s:s,s:s}", "uri", "/", "media-type",
					      "text/event-stream", "accepts",
					      "application/alto-updatestreamparams+json"));
		snprintf(id, sizeof(id), "c%d", i);
		json_object_set_new(all, id,
				    json_pack("{s:s,s:s,s:[s],s:{s:O}}", "uri", "/", "media-type",
					      T_COST, "uses", "net", "capabilities",
					      "cost-type-names", names));
	}
	text = json_dumps(root, JSON_COMPACT);
	json_decref(names);
	json_decref(root);
	return text;
}

/* What is looked for is looked for once, not once a stream. */
static void test_directory_with_many_streams(void **state)
{
	struct altoc_source source = source_of();
	struct alto_ird *ird = NULL;
	char *text = large_directory();
	double begun;

	open_with(&source);
	assert_true(strlen(text) < ALTOC_DIRECTORY_MAX);
	assert_int_equal(alto_ird_parse(text, strlen(text), "http://h/", &ird, &err), 0);
	begun = cpu_s();
	assert_int_equal(read_directory(peer(), ird), 0);
	assert_true(cpu_s() - begun < 5);
	alto_ird_free(ird);
	free(text);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_patches_of_one_piece_cost_one_document),
		T(test_versions_in_one_piece),
		T(test_replacement_behind_patches),
		T(test_last_state_of_a_piece_counts),
		T(test_unknown_members_are_not_kept),
		T(test_too_many_patches),
		T(test_too_much_is_patched),
		T(test_patches_of_many_windows),
		T(test_room_of_a_source),
		T(test_values_of_a_document_and_of_a_patch),
		T(test_directory_with_many_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
