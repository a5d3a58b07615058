/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Endpoint properties (RFC 7285, 11.4.1): "<map>.pid" and those that the source has of single
 * addresses. Values are strings, as that RFC wants them: a list is told with commas.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alto/cost.h"
#include "alto/pv.h"

struct props {
	const struct alto_source *s;
	char pid_name[ALTO_ID_LEN + sizeof(".pid")];
	const char **names; /* each once, in the order of the request */
	size_t n;
	bool pid; /* pid_name is among them */
};

static bool offers(const struct props *p, const char *name)
{
	return strcmp(name, p->pid_name) == 0 || alto_names_have(p->s->endpoint_prop_names, name);
}

/* Foreign names are refused at once, so that names[] stays as short as what is offered. */
static int add_name(struct props *p, const char *name, struct alto_error *error)
{
	if (!offers(p, name))
		return alto_wrong_value(error, "properties", name,
					"must be a property that this resource announces, as %s",
					p->pid_name);
	if (alto_name_among(p->names, p->n, name))
		return 0;
	p->names[p->n++] = name;
	p->pid |= strcmp(name, p->pid_name) == 0;
	return 0;
}

static int read_props(const json_t *body, struct props *p, struct alto_error *error)
{
	json_t *names = NULL, *name;
	size_t i;
	int ret;

	snprintf(p->pid_name, sizeof(p->pid_name), "%s.pid", p->s->id);
	ret = alto_get_strings(body, "", "properties", true, ALTO_NAMES_MAX, &names, error);
	if (ret)
		return ret;
	if (json_array_size(names) == 0)
		return alto_wrong_value(error, "properties", NULL,
					"must name at least one property");
	p->names = calloc(json_array_size(p->s->endpoint_prop_names) + 1, sizeof(*p->names));
	if (!p->names)
		return -ENOMEM;
	json_array_foreach(names, i, name) {
		ret = add_name(p, json_string_value(name), error);
		if (ret)
			return ret;
	}
	return 0;
}

static int read_endpoints(const json_t *body, const struct props *p, struct alto_side *side,
			  struct alto_error *error)
{
	json_t *texts = NULL;
	int ret;

	ret = alto_get_strings(body, "", "endpoints", true, ALTO_NAMES_MAX, &texts, error);
	if (ret)
		return ret;
	if (json_array_size(texts) == 0)
		return alto_wrong_value(error, "endpoints", NULL,
					"must name at least one endpoint");
	ret = alto_side_endpoints(p->s, texts, "endpoints", side, error);
	if (ret)
		return ret;
	if ((uint64_t)side->n * p->n > ALTO_CELLS_MAX)
		return alto_wrong_value(error, "endpoints", NULL,
					"asks for %llu values, must be at most %u: ask for parts",
					(unsigned long long)side->n * p->n, ALTO_CELLS_MAX);
	return 0;
}

/* ---- answer ---- */

/* Text of a scalar, without quotes, into o as JSON string. */
static void put_scalars(struct alto_out *o, const json_t *value)
{
	struct alto_out text = {.max = o->max};
	size_t i = 0;

	do {
		const json_t *v = json_is_array(value) ? json_array_get(value, i) : value;

		alto_puts(&text, i ? "," : "");
		if (json_is_string(v))
			alto_puts(&text, json_string_value(v));
		else
			alto_put_json(&text, v);
	} while (++i < json_array_size(value));
	if (text.failed)
		o->failed = text.failed;
	else
		alto_put_string(o, text.data ? text.data : "");
	alto_out_fini(&text);
}

/* What is not known of an endpoint is left out (RFC 7285, 11.4.1.6). */
static const json_t *value_of(const struct props *p, const char *name, const char *endpoint)
{
	struct alto_prefix addr;
	char text[ALTO_ENDPOINT_LEN];
	const json_t *value;

	if (alto_endpoint_parse(endpoint, &addr))
		return NULL;
	value = json_object_get(
		json_object_get(p->s->endpoint_props, alto_endpoint_text(&addr, text)), name);
	if (json_is_array(value) && json_array_size(value) == 0)
		return NULL;
	return value;
}

static void put_endpoint(struct alto_out *o, const struct props *p, const struct alto_side *side,
			 uint32_t i)
{
	const char *comma = "";

	alto_putf(o, "%s\"%s\":{", i ? "," : "", side->name[i]);
	for (size_t k = 0; k < p->n; k++) {
		bool pid = strcmp(p->names[k], p->pid_name) == 0;
		const json_t *value = pid ? NULL : value_of(p, p->names[k], side->name[i]);

		if (!pid && !value)
			continue;
		alto_puts(o, comma);
		alto_put_string(o, p->names[k]);
		alto_put(o, ":", 1);
		if (pid)
			alto_put_string(o, p->s->pids[side->pid[i]].name);
		else
			put_scalars(o, value);
		comma = ",";
	}
	alto_put(o, "}", 1);
}

/* The maps whose "pid" is asked for are told (RFC 7285, 11.4.1.6). */
static void write_props(struct alto_out *o, const struct props *p, const struct alto_side *side)
{
	alto_puts(o, "{\"meta\":{");
	if (p->pid) {
		alto_puts(o, "\"dependent-vtags\":[");
		alto_put_vtag(o, p->s->id, p->s->map_tag);
		alto_puts(o, "]");
	}
	alto_puts(o, "},\"endpoint-properties\":{");
	for (uint32_t i = 0; i < side->n; i++)
		put_endpoint(o, p, side, i);
	alto_puts(o, "}}");
}

int alto_endpoint_prop_answer(const struct alto_request *req, const json_t *body,
			      struct alto_reply *reply, struct alto_error *error)
{
	struct props p = {.s = req->resource->source};
	struct alto_side side = {0};
	int ret;

	ret = read_props(body, &p, error);
	if (ret == 0)
		ret = read_endpoints(body, &p, &side, error);
	if (ret == 0) {
		write_props(&reply->out, &p, &side);
		memcpy(reply->tag, p.s->prop_tag, sizeof(reply->tag));
	}
	free(p.names);
	alto_side_fini(&side);
	return ret;
}
