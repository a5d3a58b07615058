/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One of `alto: sources:`, an ALTO server whose maps this host uses. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "model/attr.h"
#include "sand/config_alto.h"
#include "util/json.h"
#include "util/own.h"

/* {"pe1": "AS1"} */
static int read_pids(const json_t *obj, const char *name, struct altoc_pid *v, unsigned int *n,
		     struct err *err)
{
	json_t *map = NULL, *pid;
	const char *host;
	int r = json_get_object(obj, name, JSON_OPTIONAL, &map, err);

	if (r || !map)
		return r;
	json_object_foreach(map, host, pid) {
		const char *text = json_string_value(pid);

		if (*n == CONFIG_PID_MAPS_MAX)
			r = err_set(err, -ENOSPC, "", "too many", "at most %d",
				    CONFIG_PID_MAPS_MAX);
		else if (!name_valid(host))
			r = err_set(err, -EINVAL, "", host, "must match [A-Za-z0-9._-]{1,63}");
		else if (!text || !alto_name_valid(text))
			r = err_set(err, -EINVAL, "", text ? text : "not a string",
				    "must be a PID: [A-Za-z0-9:@_-]{1,64}");
		if (r)
			return err_prefix(err, "/%s/%s", name, host);
		v[(*n)++] = (struct altoc_pid){host, text};
	}
	return 0;
}

/* What metrics and properties have in common. */
static int read_target(const json_t *obj, const char **attribute, double *factor, struct err *err)
{
	const json_t *value = json_object_get(obj, "factor");
	uint16_t id;
	int r = json_get_str(obj, "attribute", JSON_REQUIRED, attribute, err);

	if (r)
		return r;
	r = attr_intern(*attribute, &id);
	if (r)
		return err_set(err, r, "/attribute", *attribute,
			       r == -ENOSPC ? "is one name too many"
					    : "must match [A-Za-z0-9._-]{1,63}");
	if (!value || json_is_null(value))
		return 0;
	*factor = json_number_value(value);
	if (!json_is_number(value) || !isfinite(*factor) || *factor <= 0)
		return err_set(err, -EINVAL, "/factor", "", "must be a number above 0");
	return 0;
}

static int read_metric(struct altoc_metric *m, json_t *value, struct err *err)
{
	static const char *const allowed[] = {"metric", "attribute", "factor", NULL};
	int r;

	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = json_get_str(value, "metric", JSON_REQUIRED, &m->metric, err)) ||
	    (r = read_target(value, &m->attribute, &m->factor, err)))
		return r;
	if (!alto_metric_valid(m->metric))
		return err_set(err, -EINVAL, "/metric", m->metric,
			       "must be a cost metric of 1..32 characters");
	return 0;
}

static int read_property(struct altoc_property *p, json_t *value, struct err *err)
{
	static const char *const allowed[] = {"property", "attribute", "factor", NULL};
	int r;

	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = json_get_str(value, "property", JSON_REQUIRED, &p->property, err)) ||
	    (r = read_target(value, &p->attribute, &p->factor, err)))
		return r;
	if (!p->property[0] || strlen(p->property) >= ALTO_NAME_LEN)
		return err_set(err, -EINVAL, "/property", p->property,
			       "must be a property of 1..%d characters", ALTO_NAME_LEN - 1);
	return 0;
}

static int read_metrics(struct config_alto_source *s, const json_t *obj, struct err *err)
{
	json_t *array = NULL, *item;
	size_t i;
	int r = json_get_array(obj, "metrics", JSON_OPTIONAL, &array, err);

	if (!r && json_array_size(array) > ALTOC_METRICS_MAX)
		r = err_set(err, -ENOSPC, "/metrics", "too many", "at most %d", ALTOC_METRICS_MAX);
	if (r)
		return r;
	json_array_foreach(array, i, item) {
		if (read_metric(&s->metrics[i], item, err))
			return err_prefix(err, "/metrics/%zu", i);
	}
	s->conf.n_metrics = json_array_size(array);
	return 0;
}

static int read_properties(struct config_alto_source *s, const json_t *obj, struct err *err)
{
	json_t *array = NULL, *item;
	size_t i;
	int r = json_get_array(obj, "properties", JSON_OPTIONAL, &array, err);

	if (!r && json_array_size(array) > ALTOC_PROPERTIES_MAX)
		r = err_set(err, -ENOSPC, "/properties", "too many", "at most %d",
			    ALTOC_PROPERTIES_MAX);
	if (r)
		return r;
	json_array_foreach(array, i, item) {
		if (read_property(&s->properties[i], item, err))
			return err_prefix(err, "/properties/%zu", i);
	}
	s->conf.n_properties = json_array_size(array);
	return 0;
}

static int read_source_tls(struct config_alto_source *s, const json_t *obj, struct err *err)
{
	static const char *const allowed[] = {"ca", "cert", "key", NULL};
	struct altoc_source *c = &s->conf;
	json_t *tls = NULL;
	int r = json_get_object(obj, "tls", JSON_OPTIONAL, &tls, err);

	if (r || !tls)
		return r;
	if (json_only(tls, allowed, err) || json_get_str(tls, "ca", JSON_OPTIONAL, &c->ca, err) ||
	    json_get_str(tls, "cert", JSON_OPTIONAL, &c->cert, err) ||
	    json_get_str(tls, "key", JSON_OPTIONAL, &c->key, err))
		return err_prefix(err, "/tls");
	if (!c->cert != !c->key)
		return err_set(err, -EINVAL, c->cert ? "/tls/key" : "/tls/cert", "absent",
			       "cert and key go together");
	return 0;
}

static int read_times(struct altoc_source *c, const json_t *obj, struct err *err)
{
	int64_t poll_s = 0, keep_s = 0;
	int r;

	if ((r = json_get_int(obj, "poll_s", JSON_OPTIONAL, (struct json_range){1, 86400}, &poll_s,
			      err)) ||
	    (r = json_get_int(obj, "keep_s", JSON_OPTIONAL, (struct json_range){1, 30 * 86400},
			      &keep_s, err)))
		return r;
	c->poll_s = (unsigned int)poll_s;
	c->keep_s = (unsigned int)keep_s;
	return 0;
}

int config_alto_source_read(struct config_alto_source *s, json_t *value, struct err *err)
{
	static const char *const allowed[] = {
		"name",	  "directory", "tls",	   "token_file", "network_map",
		"path",	  "ingresses", "gateways", "metrics",	 "properties",
		"poll_s", "keep_s",    NULL};
	struct altoc_source *c = &s->conf;
	int r;

	c->ingresses = s->ingresses;
	c->gateways = s->gateways;
	c->metrics = s->metrics;
	c->properties = s->properties;
	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = json_get_str(value, "name", JSON_REQUIRED, &c->name, err)) ||
	    (r = json_get_str(value, "directory", JSON_REQUIRED, &c->directory, err)) ||
	    (r = read_source_tls(s, value, err)) ||
	    (r = json_get_str(value, "token_file", JSON_OPTIONAL, &s->token_file, err)) ||
	    (r = json_get_str(value, "network_map", JSON_OPTIONAL, &c->network_map, err)) ||
	    (r = json_get_str(value, "path", JSON_OPTIONAL, &c->path, err)) ||
	    (r = read_pids(value, "ingresses", s->ingresses, &c->n_ingresses, err)) ||
	    (r = read_pids(value, "gateways", s->gateways, &c->n_gateways, err)) ||
	    (r = read_metrics(s, value, err)) || (r = read_properties(s, value, err)) ||
	    (r = read_times(c, value, err)))
		return r;
	return altoc_source_check(c, err);
}
