/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What alto_answer() does before and behind each service. */
#include "rig.h"

#define PIDS 1000 /* with the default PID a million pairs, less than ALTO_CELLS_MAX */

/* A row of PIDs with names as long as they may be, and costs of many digits. */
static struct alto_resources *long_names(void)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_source *s;
	char name[ALTO_NAME_LEN];

	for (uint32_t i = 0; i < PIDS; i++) {
		snprintf(name, sizeof(name), "%064u", i);
		rig_pid(b, name);
		if (i)
			rig_both(b, i - 1, i, 1.0 / 3 + i * 1e-7);
	}
	s = rig_finish(b, NULL);
	return rig_resources(&s, 1);
}

/* RFC 7285, 8.5.1: what is asked for is right, but too much for this server: 503. */
static void test_answers_that_grow_too_long_are_refused(void **state)
{
	struct alto_resources *all = long_names();
	struct alto_reply reply;
	struct alto_error error;

	assert_int_equal(rig_ask(all, "m-routingcost", NULL, &reply, &error), -EBUSY);
	assert_int_equal(error.status, 503);
	rig_error(&error,
		  "{\"meta\":{\"why\":\"the answer would have more than 67108864 bytes: ask for "
		  "less\"}}");
	assert_true(reply.out.len <= ALTO_ANSWER_MAX);
	alto_out_fini(&reply.out);
	alto_resources_free(all);
}

/* Every resource that takes a body refuses one that is no JSON, with E_SYNTAX and nothing else. */
static void test_every_body_is_parsed_first(void **state)
{
	struct alto_source *s = rig_finish(rig_builder("m"), NULL);
	struct alto_resources *all = rig_resources(&s, 1);
	unsigned int n = 0;

	for (unsigned int i = 0; i < all->n; i++) {
		const struct alto_resource *r = &all->v[i];

		if (r->accepts == ALTO_MEDIA_MAX || !r->source)
			continue;
		rig_refuses(
			all, r->id, "{\"pids\": [],}",
			"{\"meta\":{\"code\":\"E_SYNTAX\",\"syntax-error\":\"line 1, column 13: "
			"string or '}' expected near '}'\"}}");
		n++;
	}
	assert_int_equal(n, 7);
	alto_resources_free(all);
}

/* Every resource that is asked with GET has an answer, of its media type. */
static void test_every_get_is_answered_with_its_media_type(void **state)
{
	struct alto_source *s = rig_finish(rig_builder("m"), NULL);
	struct alto_resources *all = rig_resources(&s, 1);

	for (unsigned int i = 0; i < all->n; i++) {
		const struct alto_resource *r = &all->v[i];
		struct alto_reply reply;
		struct alto_error error;
		json_t *json;

		if (r->accepts != ALTO_MEDIA_MAX)
			continue;
		assert_int_equal(rig_ask(all, r->id, NULL, &reply, &error), 0);
		assert_string_equal(reply.content_type, alto_media_type(r->media));
		assert_true(alto_tag_valid(reply.tag));
		json = json_loadb(reply.out.data, reply.out.len, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(json_object_get(json, "meta"));
		json_decref(json);
		alto_out_fini(&reply.out);
	}
	alto_resources_free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_that_grow_too_long_are_refused),
		cmocka_unit_test(test_every_body_is_parsed_first),
		cmocka_unit_test(test_every_get_is_answered_with_its_media_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
