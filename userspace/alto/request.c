/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Readers of request bodies: the errors of RFC 7285, 8.5.2. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alto/server.h"
#include "util/json.h"

#define PATH_LEN 160
#define FIELD_LEN (2 * PATH_LEN)

static const char *full(char buf[FIELD_LEN], const char *path, const char *name)
{
	snprintf(buf, FIELD_LEN, "%s%s", path, name);
	return buf;
}

int alto_body(const char *text, size_t len, json_t **out, struct alto_error *error)
{
	struct err err;
	json_t *body;

	if (json_parse(text, len, &body, &err) < 0)
		return alto_syntax(error, err.want);
	if (!json_is_object(body)) {
		json_decref(body);
		return alto_syntax(error, "line 1, column 1: the body must be a JSON object");
	}
	*out = body;
	return 0;
}

/* The member, whatever it is; absent: NULL. */
static int get(const json_t *obj, const char *field, const char *name, bool required, json_t **out,
	       struct alto_error *error)
{
	*out = json_object_get(obj, name);
	if (!*out && required)
		return alto_missing(error, "%s", field);
	return 0;
}

int alto_get_object(const json_t *obj, const char *path, const char *name, bool required,
		    json_t **out, struct alto_error *error)
{
	char field[FIELD_LEN];
	json_t *value;
	int rc = get(obj, full(field, path, name), name, required, &value, error);

	if (rc == 0 && value && !json_is_object(value))
		rc = alto_wrong_type(error, field, "must be an object");
	if (rc == 0)
		*out = value;
	return rc;
}

int alto_get_string(const json_t *obj, const char *path, const char *name, bool required,
		    const char **out, struct alto_error *error)
{
	char field[FIELD_LEN];
	json_t *value;
	int rc = get(obj, full(field, path, name), name, required, &value, error);

	if (rc == 0 && value && !json_is_string(value))
		rc = alto_wrong_type(error, field, "must be a string");
	if (rc == 0)
		*out = json_string_value(value);
	return rc;
}

int alto_get_strings(const json_t *obj, const char *path, const char *name, bool required,
		     size_t max, json_t **out, struct alto_error *error)
{
	char field[FIELD_LEN], *text;
	json_t *array, *value;
	size_t i;
	int rc = get(obj, full(field, path, name), name, required, &array, error);

	if (rc == 0 && array && !json_is_array(array))
		rc = alto_wrong_type(error, field, "must be an array of strings");
	if (rc < 0)
		return rc;
	if (json_array_size(array) > max)
		return alto_wrong_value(error, field, NULL,
					"has %zu elements, must have at most %zu",
					json_array_size(array), max);
	json_array_foreach(array, i, value) {
		if (json_is_string(value))
			continue;
		text = json_text(value);
		alto_wrong_value(error, field, text, "element %zu must be a string", i);
		free(text);
		return -EINVAL;
	}
	*out = array;
	return 0;
}

static const struct alto_cost_type *offered(const struct alto_cost_type *v, unsigned int n,
					    const char *metric, const char *mode)
{
	for (unsigned int i = 0; i < n; i++) {
		if ((!metric || strcmp(v[i].metric_text, metric) == 0) &&
		    (!mode || strcmp(alto_mode_name(v[i].mode), mode) == 0))
			return &v[i];
	}
	return NULL;
}

int alto_get_cost_type(const json_t *obj, const char *path, const char *name, bool required,
		       const struct alto_cost_type *v, unsigned int n,
		       const struct alto_cost_type **out, struct alto_error *error)
{
	char within[PATH_LEN], field[FIELD_LEN];
	const char *mode, *metric;
	json_t *type;
	int rc = alto_get_object(obj, path, name, required, &type, error);

	*out = NULL;
	if (rc < 0 || !type)
		return rc;
	snprintf(within, sizeof(within), "%s%s/", path, name);
	rc = alto_get_string(type, within, "cost-mode", true, &mode, error);
	if (rc == 0)
		rc = alto_get_string(type, within, "cost-metric", true, &metric, error);
	if (rc < 0)
		return rc;
	if (!offered(v, n, NULL, mode))
		return alto_wrong_value(error, full(field, within, "cost-mode"), mode,
					"must be one that this resource offers");
	*out = offered(v, n, metric, mode);
	if (!*out)
		return alto_wrong_value(error, full(field, within, "cost-metric"), metric,
					"must be one that this resource offers in mode %s", mode);
	return 0;
}

void alto_put_vtag(struct alto_out *o, const char *id, const char *tag)
{
	alto_puts(o, "{\"resource-id\":");
	alto_put_string(o, id);
	alto_puts(o, ",\"tag\":");
	alto_put_string(o, tag);
	alto_puts(o, "}");
}

static bool has_context(const struct alto_source *s, const struct alto_cost_type *type)
{
	return s->cost_source && type->metric != ALTO_ROUTINGCOST && type->metric != ALTO_ANE_PATH;
}

void alto_put_cost_type(struct alto_out *o, const struct alto_source *s,
			const struct alto_cost_type *type)
{
	alto_puts(o, "{\"cost-mode\":");
	alto_put_string(o, alto_mode_name(type->mode));
	alto_puts(o, ",\"cost-metric\":");
	alto_put_string(o, type->metric_text);
	if (has_context(s, type)) {
		alto_puts(o, ",\"cost-context\":{\"cost-source\":");
		alto_put_string(o, s->cost_source);
		alto_puts(o, "}");
	}
	alto_puts(o, "}");
}
