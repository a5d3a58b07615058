/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "alto/server.h"
#include "util/own.h"

static int (*const answers[])(const struct alto_request *req, const json_t *body,
			      struct alto_reply *reply, struct alto_error *error) = {
	[ALTO_DIRECTORY] = alto_directory_answer,
	[ALTO_NETWORK_MAP] = alto_netmap_answer,
	[ALTO_NETWORK_MAP_FILTER] = alto_netmap_answer,
	[ALTO_COST_MAP] = alto_costmap_answer,
	[ALTO_COST_MAP_FILTER] = alto_costmap_answer,
	[ALTO_COST_MAP_PV] = alto_pv_answer,
	[ALTO_ENDPOINT_COST] = alto_endpoint_cost_answer,
	[ALTO_ENDPOINT_COST_PV] = alto_pv_answer,
	[ALTO_ENDPOINT_PROP] = alto_endpoint_prop_answer,
	[ALTO_PROPERTY_MAP] = alto_props_answer,
	[ALTO_PROPERTY_MAP_FILTER] = alto_props_answer,
	[ALTO_UPDATE_STREAM] = NULL,
	[ALTO_TIPS_SERVICE] = NULL,
};
_Static_assert(ARRAY_SIZE(answers) == ALTO_SERVICE_MAX, "one entry for each");

/* What could not be written: more text than ALTO_ANSWER_MAX is the request's fault. */
static int out_failed(const struct alto_out *out, struct alto_error *error)
{
	if (out->failed == -EFBIG)
		return alto_overload(
			error, "the answer would have more than %zu bytes: ask for less", out->max);
	return out->failed;
}

int alto_answer(const struct alto_request *req, struct alto_reply *reply, struct alto_error *error)
{
	json_t *body = NULL;
	int rc = 0;

	assert(answers[req->resource->service]);
	memset(error, 0, sizeof(*error));
	*reply =
		(struct alto_reply){.media = req->resource->media, .out = {.max = ALTO_ANSWER_MAX}};
	strcpy(reply->content_type, alto_media_type(reply->media));
	if (req->body)
		rc = alto_body(req->body, req->len, &body, error);
	if (rc == 0)
		rc = answers[req->resource->service](req, body, reply, error);
	json_decref(body);
	if (rc == 0)
		rc = out_failed(&reply->out, error);
	return rc;
}
