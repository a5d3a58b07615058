/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What clients send to the ALTO server: the first byte chooses the resource, the rest is the body.
 * An answer is JSON that holds together, or, if it is path vectors, what our client understands;
 * an error has a code of RFC 7285. Streams and views are opened, controlled, asked and closed.
 */
#include <errno.h>

#include "alto/client.h"
#include "alto/update.h"
#include "unit/alto/small.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct alto_resources *all;

static void check_error(int rc, const struct alto_error *error)
{
	json_t *json = alto_error_json(error);

	small_must(rc == -EINVAL || rc == -EBUSY);
	small_must(error->status == (rc == -EINVAL ? 400u : 503u));
	small_must((rc == -EINVAL) == (error->code != ALTO_E_NONE));
	small_must(json_is_object(json_object_get(json, "meta")));
	json_decref(json);
}

static void check_json(const char *text, size_t len)
{
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

	small_must(json_is_object(json));
	json_decref(json);
}

static bool has_graph(const char *body, size_t len)
{
	json_t *json = json_loadb(body, len, 0, NULL), *sg = json_object_get(json, "sg");
	bool has = sg && !json_is_null(sg);

	json_decref(json);
	return has;
}

static void check_vectors(const struct alto_request *req, const struct alto_reply *reply)
{
	bool sg = req->resource->service == ALTO_COST_MAP_PV &&
		  req->resource->source->service_graph && has_graph(req->body, req->len);
	struct alto_pv *pv = NULL;
	struct err err;

	small_must(alto_pv_parse(reply->out.data, reply->out.len, reply->content_type, NULL, sg,
				 &pv, &err) == 0);
	alto_pv_free(pv);
}

static void ask(const struct alto_resource *resource, const char *body, size_t len)
{
	struct alto_request req = {.all = all,
				   .resource = resource,
				   .body = resource->accepts == ALTO_MEDIA_MAX ? NULL : body,
				   .len = resource->accepts == ALTO_MEDIA_MAX ? 0 : len,
				   .now_unix = 1700000000};
	struct alto_error error;
	struct alto_reply reply;
	int rc;

	small_must(alto_endpoint_parse("ipv4:192.0.2.9", &req.client) == 0);
	rc = alto_answer(&req, &reply, &error);
	if (rc)
		check_error(rc, &error);
	else if (resource->media == ALTO_MEDIA_PV_COSTMAP ||
		 resource->media == ALTO_MEDIA_PV_ENDPOINTCOST)
		check_vectors(&req, &reply);
	else
		check_json(reply.out.data, reply.out.len);
	alto_out_fini(&reply.out);
}

static int each(void *arg, const struct alto_event *event)
{
	struct alto_event_name name;

	small_must(alto_event_name(event->type, &name) == 0);
	return 0;
}

static void check_events(const struct alto_out *out)
{
	struct alto_events *events = alto_events_new();

	small_must(events && alto_events_feed(events, out->data, out->len, each, NULL) == 0);
	alto_events_free(events);
}

static int adds_of(const struct alto_stream_conf *conf, const struct alto_stream *s,
		   const char *params, size_t len, struct alto_adds **adds,
		   struct alto_error *error)
{
	int rc = alto_adds_new(conf, s, params, len, adds, error);

	if (rc)
		return rc;
	do {
		rc = alto_adds_step(*adds, error);
	} while (rc == -EAGAIN);
	return rc;
}

static void control(const struct alto_stream_conf *conf, struct alto_stream *s, const char *params,
		    size_t len, struct alto_out *out)
{
	struct alto_error error = {0};
	struct alto_adds *adds = NULL;
	unsigned int status;
	int rc = adds_of(conf, s, params, len, &adds, &error);

	if (rc == 0)
		rc = alto_stream_control(s, adds, out, &status, &error);
	small_must(rc == 0 || rc == -EINVAL || rc == -EBUSY);
	alto_adds_free(adds);
}

/* The parameters open a stream; what stands behind a NUL controls it. */
static void stream(const struct alto_stream_conf *conf, const char *params, size_t len)
{
	const char *more = memchr(params, '\0', len);
	size_t n = more ? (size_t)(more - params) : len;
	struct alto_out out = {.max = 1u << 20};
	struct alto_stream *s = NULL;
	struct alto_error error = {0};
	struct alto_adds *adds = NULL;
	int rc = adds_of(conf, NULL, params, n, &adds, &error);

	if (rc == 0)
		rc = alto_stream_new(conf, adds, &out, &s, &error);
	alto_adds_free(adds);
	if (rc) {
		check_error(rc, &error);
	} else {
		check_events(&out);
		if (more)
			control(conf, s, more + 1, len - n - 1, &out);
		small_must(alto_stream_update(s, &out) == 0);
		check_events(&out);
	}
	alto_stream_free(s);
	alto_out_fini(&out);
}

static void tips(const struct alto_stream_conf *conf, const char *params, size_t len)
{
	const char *more = memchr(params, '\0', len);
	size_t n = more ? (size_t)(more - params) : len;
	struct alto_out out = {.max = 1u << 20};
	struct alto_tips *t = NULL;
	struct alto_error error = {0};
	int rc = alto_tips_open(conf, params, n, &out, &t, &error);

	if (rc) {
		check_error(rc, &error);
	} else {
		check_json(out.data, out.len);
		alto_out_fini(&out);
		out = (struct alto_out){.max = 1u << 20};
		rc = more ? alto_tips_next(t, more + 1, len - n - 1, &out, &error) : 0;
		if (rc)
			check_error(rc, &error);
	}
	alto_tips_free(t);
	alto_out_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct alto_contents *contents;
	const struct alto_resource *r;
	const char *body = (const char *)data + 1;

	if (size < 1)
		return 0;
	if (!all)
		all = small_new();
	r = &all->v[data[0] % all->n];
	if (r->service != ALTO_UPDATE_STREAM && r->service != ALTO_TIPS_SERVICE) {
		ask(r, body, size - 1);
		return 0;
	}
	contents = alto_contents_new(NULL);
	small_must(contents);
	const struct alto_stream_conf conf = {.contents = contents,
					      .all = all,
					      .base = "https://alto.example",
					      .path = "/alto/x/1",
					      .now_unix = 1700000000};
	if (r->service == ALTO_UPDATE_STREAM)
		stream(&conf, body, size - 1);
	else
		tips(&conf, body, size - 1);
	alto_contents_free(contents);
	return 0;
}
