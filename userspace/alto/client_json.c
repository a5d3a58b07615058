/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Members that many answers have: version tags, lists of names. */
#include "alto/client_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CONTAINER_WEIGHT 8

const char *client_text(const json_t *value, char buf[CLIENT_TEXT])
{
	memset(buf, 0, CLIENT_TEXT);
	if (json_is_string(value))
		snprintf(buf, CLIENT_TEXT, "\"%s\"", json_string_value(value));
	else if (value)
		json_dumpb(value, buf, CLIENT_TEXT - 1, JSON_COMPACT | JSON_ENCODE_ANY);
	return buf;
}

/* Upper bound of what becomes of a text that comes in pieces; goes on behind strings. */
struct weight {
	bool in_string, escaped;
	size_t bytes, values;
};

static void weigh(struct weight *w, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '"' && !w->escaped)
			w->in_string = !w->in_string;
		else if (!w->in_string)
			w->values += c == ',' ? 1 : (c == '[' || c == '{') * CONTAINER_WEIGHT;
		w->escaped = w->in_string && !w->escaped && c == '\\';
	}
	w->bytes += len;
}

static int check_weight(const struct weight *w, struct err *err)
{
	if (w->bytes > ALTO_BODY_MAX)
		return err_set(err, -EFBIG, "", NULL, "must have at most %u bytes", ALTO_BODY_MAX);
	if (w->values <= ALTO_CLIENT_VALUES_MAX)
		return 0;
	return err_set(err, -EFBIG, "", NULL,
		       "must have at most %u values (objects and arrays count as %d)",
		       ALTO_CLIENT_VALUES_MAX, CONTAINER_WEIGHT);
}

int alto_client_root(const char *text, size_t len, json_t **out, struct err *err)
{
	struct weight w = {.bytes = len};
	json_t *root;
	int rc = check_weight(&w, err);

	if (rc)
		return rc;
	w.bytes = 0;
	weigh(&w, text, len);
	rc = check_weight(&w, err);
	if (rc)
		return rc;
	rc = json_parse(text, len, &root, err);
	if (rc)
		return rc;
	rc = json_is_obj(root, err);
	if (rc) {
		json_decref(root);
		return rc;
	}
	*out = root;
	return 0;
}

static int weigh_piece(const char *text, size_t len, void *arg)
{
	struct weight *w = arg;

	weigh(w, text, len);
	return w->bytes > ALTO_BODY_MAX || w->values > ALTO_CLIENT_VALUES_MAX ? -1 : 0;
}

int alto_client_weigh(const json_t *root, size_t *bytes, struct err *err)
{
	struct weight w = {0};
	int dumped = json_dump_callback(root, weigh_piece, &w, JSON_COMPACT);
	int rc = check_weight(&w, err);

	if (!rc && dumped)
		rc = err_set(err, -ENOMEM, "", NULL, "no memory");
	if (!rc)
		*bytes = w.bytes;
	return rc;
}

int client_meta(const json_t *root, json_t **out, struct err *err)
{
	return json_get_object(root, "meta", JSON_REQUIRED, out, err);
}

static int vtag_read(const json_t *obj, struct alto_vtag *out, struct err *err)
{
	const char *id = NULL, *tag = NULL;
	int rc;

	rc = json_is_obj(obj, err);
	if (!rc)
		rc = json_get_str(obj, "resource-id", JSON_REQUIRED, &id, err);
	if (!rc)
		rc = json_get_str(obj, "tag", JSON_REQUIRED, &tag, err);
	if (rc)
		return rc;
	if (strlen(id) >= ALTO_NAME_LEN || !alto_name_valid_dots(id))
		return err_set(err, -EINVAL, "/resource-id", id,
			       "must be 1..64 of A-Z a-z 0-9 : @ _ - .");
	if (!alto_tag_valid(tag))
		return err_set(err, -EINVAL, "/tag", tag, "must be 1..64 of U+0021..U+007E");
	strcpy(out->id, id);
	strcpy(out->tag, tag);
	return 0;
}

int client_vtag(const json_t *obj, const char *name, struct alto_vtag *out, struct err *err)
{
	json_t *value = NULL;
	int rc = json_get_object(obj, name, JSON_REQUIRED, &value, err);

	if (rc)
		return rc;
	rc = vtag_read(value, out, err);
	if (rc)
		err_prefix(err, "/%s", name);
	return rc;
}

int client_vtags(const json_t *meta, struct alto_vtag *v, unsigned int max, unsigned int *n,
		 struct err *err)
{
	json_t *array = NULL, *value;
	size_t i;
	int rc = json_get_array(meta, "dependent-vtags", JSON_OPTIONAL, &array, err);

	if (rc)
		return rc;
	if (json_array_size(array) > max)
		return err_set(err, -ENOSPC, "/dependent-vtags", NULL,
			       "has %zu version tags, at most %u", json_array_size(array), max);
	json_array_foreach(array, i, value) {
		rc = vtag_read(value, &v[i], err);
		if (rc) {
			err_prefix(err, "/dependent-vtags/%zu", i);
			return rc;
		}
	}
	*n = (unsigned int)json_array_size(array);
	return 0;
}

int client_depends(const struct alto_vtag *is, const struct alto_vtag *want, const char *field,
		   struct err *err)
{
	char pointer[CLIENT_TEXT];

	if (strcmp(is->id, want->id) != 0) {
		snprintf(pointer, sizeof(pointer), "%s/resource-id", field);
		return err_set(err, -EINVAL, pointer, is->id, "must be %s", want->id);
	}
	if (strcmp(is->tag, want->tag) == 0)
		return 0;
	snprintf(pointer, sizeof(pointer), "%s/tag", field);
	return err_set(err, -ESTALE, pointer, is->tag, "must be %s: %s has changed", want->tag,
		       want->id);
}

int client_strings(const json_t *obj, const char *name, json_t **out, struct err *err)
{
	json_t *array = NULL, *value;
	char field[CLIENT_TEXT], text[CLIENT_TEXT];
	size_t i;
	int rc = json_get_array(obj, name, JSON_OPTIONAL, &array, err);

	if (rc)
		return rc;
	json_array_foreach(array, i, value) {
		if (json_is_string(value))
			continue;
		snprintf(field, sizeof(field), "/%s/%zu", name, i);
		return err_set(err, -EINVAL, field, client_text(value, text), "must be a string");
	}
	*out = array;
	return 0;
}
