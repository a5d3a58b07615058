/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the core share: questions to the resources of a source. */
#ifndef RIG_H
#define RIG_H

#include "unit/alto/build_rig.h"

/* Asks the resource; body NULL: GET. The reply's text is the caller's. */
static inline int rig_ask(const struct alto_resources *all, const char *id, const char *body,
			  struct alto_reply *reply, struct alto_error *error)
{
	struct alto_request req = {.all = all,
				   .resource = alto_resource_named(all, id),
				   .body = body,
				   .len = body ? strlen(body) : 0};

	assert_non_null(req.resource);
	return alto_answer(&req, reply, error);
}

/* The answer must be this text. */
static inline void rig_answers(const struct alto_resources *all, const char *id, const char *body,
			       const char *want)
{
	struct alto_reply reply;
	struct alto_error error;

	assert_int_equal(rig_ask(all, id, body, &reply, &error), 0);
	assert_string_equal(reply.out.data, want);
	alto_out_fini(&reply.out);
}

/* The error's JSON must be this text. */
static inline void rig_error(const struct alto_error *error, const char *want)
{
	json_t *json = alto_error_json(error);
	char *text = json_dumps(json, JSON_COMPACT);

	assert_non_null(text);
	assert_string_equal(text, want);
	free(text);
	json_decref(json);
}

static inline void rig_refuses(const struct alto_resources *all, const char *id, const char *body,
			       const char *want)
{
	struct alto_reply reply;
	struct alto_error error;

	assert_int_equal(rig_ask(all, id, body, &reply, &error), -EINVAL);
	assert_int_equal(error.status, 400);
	rig_error(&error, want);
	alto_out_fini(&reply.out);
}

#endif
