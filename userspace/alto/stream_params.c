/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests to an update stream and to its control (RFC 8895, 6.5, 7.5). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alto/stream_int.h"
#include "util/json.h"

#define PATH_LEN (ALTO_NAME_LEN + 8) /* "add/<id>/" */
#define FIELD_LEN (PATH_LEN + 24)

int alto_follow_resource(const struct alto_resources *all, const json_t *obj, const char *path,
			 const struct alto_resource **out, struct alto_error *error)
{
	const struct alto_resource *r;
	const char *id = NULL;
	char field[FIELD_LEN];
	int rc = alto_get_string(obj, path, "resource-id", true, &id, error);

	if (rc)
		return rc;
	r = alto_resource_named(all, id);
	if (!r || !alto_followed(r)) {
		snprintf(field, sizeof(field), "%sresource-id", path);
		return alto_wrong_value(error, field, id,
					"must be one of this resource's \"uses\" in the directory");
	}
	*out = r;
	return 0;
}

int alto_follow_input(const struct alto_resource *resource, const json_t *obj, const char *path,
		      char **out, struct alto_error *error)
{
	json_t *input = NULL;
	char field[FIELD_LEN];
	char *text;
	int rc;

	if (resource->accepts == ALTO_MEDIA_MAX)
		return 0;
	rc = alto_get_object(obj, path, "input", false, &input, error);
	if (rc)
		return rc;
	text = input ? json_text(input) : strdup("{}");
	if (!text)
		return -ENOMEM;
	if (strlen(text) > ALTO_INPUT_MAX) {
		free(text);
		snprintf(field, sizeof(field), "%sinput", path);
		return alto_wrong_value(error, field, NULL,
					"what is followed may be asked for in at most %u bytes",
					ALTO_INPUT_MAX);
	}
	*out = text;
	return 0;
}

static int get_incremental(const json_t *obj, const char *path, bool *out, struct alto_error *error)
{
	const json_t *value = json_object_get(obj, "incremental-changes");
	char field[FIELD_LEN];

	*out = true;
	if (!value)
		return 0;
	if (!json_is_boolean(value)) {
		snprintf(field, sizeof(field), "%sincremental-changes", path);
		return alto_wrong_type(error, field, "true or false");
	}
	*out = json_is_true(value);
	return 0;
}

static int get_add(const struct alto_stream_conf *conf, const json_t *obj, const char *path,
		   struct alto_stream_add *add, struct alto_error *error)
{
	int r = alto_follow_resource(alto_contents_all(conf), obj, path, &add->what.resource,
				     error);

	if (r == 0)
		r = alto_get_string(obj, path, "tag", false, &add->tag, error);
	if (r == 0)
		r = get_incremental(obj, path, &add->incremental, error);
	if (r == 0)
		r = alto_follow_input(add->what.resource, obj, path, &add->what.input, error);
	return r;
}

/* ID and entry, then what it asks for. */
static int get_entry(const struct alto_stream_conf *conf, const char *id, const json_t *obj,
		     struct alto_adds *out, struct alto_error *error)
{
	char path[PATH_LEN];

	if (!alto_name_valid(id))
		return alto_wrong_value(error, "add", id,
					"a substream ID has 1..64 characters of [A-Za-z0-9:@_-]");
	if (out->n == ALTO_SUBSTREAMS_MAX)
		return alto_wrong_value(error, "add", id, "a stream has at most %u substreams",
					ALTO_SUBSTREAMS_MAX);
	snprintf(path, sizeof(path), "add/%s", id);
	if (!json_is_object(obj))
		return alto_wrong_type(error, path, "an object with resource-id");
	snprintf(path, sizeof(path), "add/%s/", id);
	out->v[out->n].id = id;
	return get_add(conf, obj, path, &out->v[out->n++], error);
}

int alto_adds_parse(const struct alto_stream_conf *conf, const char *text, size_t len, bool control,
		    struct alto_adds *out, struct alto_error *error)
{
	json_t *add = NULL, *entry;
	const char *id;
	int r;

	r = alto_body(text, len, &out->body, error);
	if (r == 0 && control)
		r = alto_get_strings(out->body, "", "remove", false, ALTO_SUBSTREAM_IDS_MAX,
				     &out->remove, error);
	if (r == 0)
		r = alto_get_object(out->body, "", "add", !out->remove, &add, error);
	if (r == 0 && !out->remove && json_object_size(add) == 0)
		r = alto_missing(error, "add");
	if (r)
		return r;
	json_object_foreach(add, id, entry) {
		r = get_entry(conf, id, entry, out, error);
		if (r)
			return r;
	}
	return 0;
}

int alto_adds_get(const struct alto_stream_conf *conf, struct alto_adds *adds,
		  struct alto_error *error)
{
	int r = 0;

	for (unsigned int i = 0; i < adds->n && r == 0; i++)
		r = alto_content_get(conf, &adds->v[i].what, &adds->v[i].content, error);
	return r;
}

/* One that is held already may have failed since. */
static int step(struct alto_content *c, bool *asked, struct alto_error *error)
{
	int r;

	*asked = !alto_content_asked(c);
	r = alto_content_ask(c);
	if (r)
		*error = c->error;
	return r;
}

int alto_adds_step(struct alto_adds *adds, struct alto_error *error)
{
	bool asked = false;
	int r = 0;

	for (unsigned int i = 0; i < adds->n && r == 0 && !asked; i++)
		r = step(adds->v[i].content, &asked, error);
	return r == 0 && asked ? -EAGAIN : r;
}

void alto_adds_free(struct alto_adds *adds)
{
	if (!adds)
		return;
	for (unsigned int i = 0; i < adds->n; i++) {
		alto_content_put(adds->v[i].content);
		free(adds->v[i].what.input);
	}
	json_decref(adds->body);
	free(adds);
}
