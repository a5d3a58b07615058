/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "altoc/altoc_int.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/own.h"

/* What is told when no metrics are configured. */
static const struct altoc_metric defaults[] = {
	{"routingcost", "cost", 0},
	{"delay-ow", "delay_us", 0},
	{"lossrate", "loss_ppm", 0},
	{"delay-variation", "jitter_us", 0},
	{"bw-available", "bandwidth_free_kbps", 0},
};

/* Percent -> parts per million; bytes per second -> kbit/s (RFC 9439, 4). */
static double factor_of(const char *metric)
{
	switch (alto_metric_parse(metric, &(const char *){NULL})) {
	case ALTO_LOSSRATE:
		return 10000;
	case ALTO_BW_RESIDUAL:
	case ALTO_BW_AVAILABLE:
	case ALTO_TPUT:
		return 8.0 / 1000;
	default:
		return 1;
	}
}

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, "", NULL, "out of memory");
}

/* ---- texts ---- */

static int own_text(const char **text, struct err *err)
{
	if (!*text)
		return 0;
	*text = strdup(*text);
	return *text ? 0 : no_memory(err);
}

static void drop_text(const char *text)
{
	free((char *)(uintptr_t)text);
}

static int own_pids(const struct altoc_pid **list, unsigned int *n, struct err *err)
{
	const struct altoc_pid *from = *list;
	unsigned int count = *n;
	struct altoc_pid *v = calloc(count + 1, sizeof(*v));
	int r = 0;

	*list = v;
	*n = v ? count : 0;
	if (!v)
		return no_memory(err);
	for (unsigned int i = 0; i < count; i++) {
		v[i].name = r ? NULL : from[i].name;
		r = r ?: own_text(&v[i].name, err);
		v[i].pid = r ? NULL : from[i].pid;
		r = r ?: own_text(&v[i].pid, err);
	}
	return r;
}

static int own_metrics(struct altoc_source *c, struct err *err)
{
	const struct altoc_metric *from = c->n_metrics ? c->metrics : defaults;
	unsigned int n = c->n_metrics ? c->n_metrics : ARRAY_SIZE(defaults);
	struct altoc_metric *v = calloc(n, sizeof(*v));
	int r = 0;

	c->metrics = v;
	c->n_metrics = v ? n : 0;
	if (!v)
		return no_memory(err);
	for (unsigned int i = 0; i < n; i++) {
		v[i].metric = r ? NULL : from[i].metric;
		r = r ?: own_text(&v[i].metric, err);
		v[i].attribute = r ? NULL : from[i].attribute;
		r = r ?: own_text(&v[i].attribute, err);
		v[i].factor = from[i].factor != 0 ? from[i].factor : factor_of(from[i].metric);
	}
	return r;
}

static int own_properties(struct altoc_source *c, struct err *err)
{
	const struct altoc_property *from = c->properties;
	unsigned int n = c->n_properties;
	struct altoc_property *v = calloc(n + 1, sizeof(*v));
	int r = 0;

	c->properties = v;
	c->n_properties = v ? n : 0;
	if (!v)
		return no_memory(err);
	for (unsigned int i = 0; i < n; i++) {
		v[i].property = r ? NULL : from[i].property;
		r = r ?: own_text(&v[i].property, err);
		v[i].attribute = r ? NULL : from[i].attribute;
		r = r ?: own_text(&v[i].attribute, err);
		v[i].factor = from[i].factor != 0 ? from[i].factor : 1;
	}
	return r;
}

static int own_texts(struct altoc_source *c, struct err *err)
{
	const char **const texts[] = {&c->name, &c->directory, &c->ca,		&c->cert,
				      &c->key,	&c->token,     &c->network_map, &c->path};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (r)
			*texts[i] = NULL;
		else
			r = own_text(texts[i], err);
	}
	return r;
}

/* ---- checks, before anything is copied ---- */

static int bad(struct err *err, const char *field, unsigned int i, const char *value,
	       const char *want)
{
	err_set(err, -EINVAL, "", value, "%s", want);
	err_prefix(err, "/%s/%u", field, i);
	return -EINVAL;
}

static int check_pids(const struct altoc_pid *v, unsigned int n, const char *field, struct err *err)
{
	for (unsigned int i = 0; i < n; i++) {
		if (!v[i].name || !name_valid(v[i].name))
			return bad(err, field, i, v[i].name,
				   "must be a name: [A-Za-z0-9._-]{1,63}");
		if (!v[i].pid || !alto_name_valid(v[i].pid))
			return bad(err, field, i, v[i].pid, "must be a PID: [A-Za-z0-9:@_-]{1,64}");
		for (unsigned int j = 0; j < i; j++)
			if (!strcmp(v[i].name, v[j].name))
				return bad(err, field, i, v[i].name, "must be there once only");
	}
	return 0;
}

static int check_attribute(const char *name, double factor, uint16_t *attr, struct err *err)
{
	if (!name || attr_intern(name, attr))
		return err_set(err, -EINVAL, "/attribute", name,
			       "must be the name of an attribute; at most %d names are known",
			       ATTR_LIMIT);
	if (!isfinite(factor) || factor < 0)
		return err_set(err, -EINVAL, "/factor", NULL, "must be a number above 0");
	return 0;
}

static int check_metrics(const struct altoc_source *c, uint16_t *attrs, struct err *err)
{
	const struct altoc_metric *v = c->n_metrics ? c->metrics : defaults;
	unsigned int n = c->n_metrics ? c->n_metrics : ARRAY_SIZE(defaults);
	int r;

	if (n > ALTOC_METRICS_MAX)
		return err_set(err, -ENOSPC, "/metrics", NULL, "must be at most %d",
			       ALTOC_METRICS_MAX);
	for (unsigned int i = 0; i < n; i++) {
		if (!v[i].metric || !alto_metric_valid(v[i].metric))
			return bad(err, "metrics", i, v[i].metric,
				   "must be a cost metric of 1..32 characters");
		r = check_attribute(v[i].attribute, v[i].factor, &attrs[i], err);
		if (r) {
			err_prefix(err, "/metrics/%u", i);
			return r;
		}
		for (unsigned int j = 0; j < i; j++)
			if (attrs[j] == attrs[i])
				return bad(err, "metrics", i, v[i].attribute,
					   "must be the attribute of one metric only");
	}
	return 0;
}

static int check_properties(const struct altoc_source *c, uint16_t *attrs, struct err *err)
{
	int r;

	if (c->n_properties > ALTOC_PROPERTIES_MAX)
		return err_set(err, -ENOSPC, "/properties", NULL, "must be at most %d",
			       ALTOC_PROPERTIES_MAX);
	for (unsigned int i = 0; i < c->n_properties; i++) {
		const struct altoc_property *p = &c->properties[i];

		if (!p->property || !*p->property || strlen(p->property) >= ALTO_NAME_LEN)
			return bad(err, "properties", i, p->property,
				   "must be the name of a property, 1..64 characters");
		r = check_attribute(p->attribute, p->factor, &attrs[i], err);
		if (r) {
			err_prefix(err, "/properties/%u", i);
			return r;
		}
		for (unsigned int j = 0; j < i; j++)
			if (attrs[j] == attrs[i])
				return bad(err, "properties", i, p->attribute,
					   "must be the attribute of one property only");
	}
	return 0;
}

static int check_directory(const char *url, struct err *err)
{
	if (url && (!strncmp(url, "http://", 7) || !strncmp(url, "https://", 8)) &&
	    strlen(url) < ALTOC_URL_MAX)
		return 0;
	return err_set(err, -EINVAL, "/directory", url, "must be an http or https URL");
}

static uint64_t poll_s(const struct altoc_source *c)
{
	return c->poll_s ? c->poll_s : ALTOC_POLL_S;
}

static uint64_t keep_s(const struct altoc_source *c)
{
	return c->keep_s ? c->keep_s : ALTOC_KEEP_S;
}

/* With less, a source that is well would be withdrawn between two answers. */
static int check_times(const struct altoc_source *c, struct err *err)
{
	char text[24];

	if (keep_s(c) >= 2 * poll_s(c))
		return 0;
	snprintf(text, sizeof(text), "%ju", (uintmax_t)keep_s(c));
	return err_set(err, -EINVAL, "/keep_s", text, "must be at least twice poll_s: %ju or more",
		       (uintmax_t)(2 * poll_s(c)));
}

static int check_names(const struct altoc_source *c, struct err *err)
{
	if (!c->name || !name_valid(c->name))
		return err_set(err, -EINVAL, "/name", c->name,
			       "must be a name: [A-Za-z0-9._-]{1,63}");
	if (c->path && !name_valid(c->path))
		return err_set(err, -EINVAL, "/path", c->path,
			       "must be a name: [A-Za-z0-9._-]{1,63}");
	if (c->network_map && !alto_name_valid_dots(c->network_map))
		return err_set(err, -EINVAL, "/network_map", c->network_map,
			       "must be a resource ID");
	if (!c->n_ingresses || (uint64_t)c->n_ingresses * (c->n_gateways ?: 1) > ALTOC_PAIRS_MAX)
		return err_set(err, -EINVAL, "/ingresses", NULL,
			       "must be one at least, and with the gateways at most %d pairs",
			       ALTOC_PAIRS_MAX);
	return 0;
}

struct attrs {
	uint16_t metrics[ALTOC_METRICS_MAX], properties[ALTOC_PROPERTIES_MAX];
};

static int check(const struct altoc_source *c, struct attrs *attrs, struct err *err)
{
	int r = check_names(c, err);

	r = r ?: check_directory(c->directory, err);
	r = r ?: check_times(c, err);
	r = r ?: check_pids(c->ingresses, c->n_ingresses, "ingresses", err);
	r = r ?: check_pids(c->gateways, c->n_gateways, "gateways", err);
	r = r ?: check_metrics(c, attrs->metrics, err);
	return r ?: check_properties(c, attrs->properties, err);
}

int altoc_source_check(const struct altoc_source *source, struct err *err)
{
	struct attrs attrs = {0};

	return check(source, &attrs, err);
}

/* ---- two sources ---- */

static const char *path_of(const struct altoc_source *c)
{
	return c->path ? c->path : "be";
}

/* An attribute that both tell of paths, or NULL. */
static const char *common_attribute(const struct altoc_source *a, const struct altoc_source *b)
{
	const struct altoc_metric *v = a->n_metrics ? a->metrics : defaults;
	const struct altoc_metric *w = b->n_metrics ? b->metrics : defaults;
	unsigned int n = a->n_metrics ? a->n_metrics : ARRAY_SIZE(defaults);
	unsigned int m = b->n_metrics ? b->n_metrics : ARRAY_SIZE(defaults);

	for (unsigned int i = 0; i < n; i++)
		for (unsigned int j = 0; j < m; j++)
			if (!strcmp(v[i].attribute, w[j].attribute))
				return v[i].attribute;
	return NULL;
}

static const char *common_ingress(const struct altoc_source *a, const struct altoc_source *b)
{
	for (unsigned int i = 0; i < a->n_ingresses; i++)
		for (unsigned int j = 0; j < b->n_ingresses; j++)
			if (!strcmp(a->ingresses[i].name, b->ingresses[j].name))
				return a->ingresses[i].name;
	return NULL;
}

int altoc_source_apart(const struct altoc_source *source, const struct altoc_source *before,
		       struct err *err)
{
	const char *attribute, *ingress;

	if (!strcmp(source->name, before->name))
		return err_set(err, -EEXIST, "/name", source->name,
			       "must be the name of one source only");
	if (strcmp(path_of(source), path_of(before)) != 0)
		return 0;
	attribute = common_attribute(source, before);
	ingress = attribute ? common_ingress(source, before) : NULL;
	if (!ingress)
		return 0;
	return err_set(err, -EEXIST, "/metrics", attribute,
		       "is what source %s tells of ingress %s and path %s, too (this is source "
		       "%s): must be told by one of them only",
		       before->name, ingress, path_of(source), source->name);
}

/* ---- taken over ---- */

int altoc_conf_read(struct altoc_peer *peer, const struct altoc_source *source, struct err *err)
{
	struct altoc_source *c = &peer->conf;
	struct attrs attrs = {0};
	int r = check(source, &attrs, err);

	if (r)
		return r;
	memcpy(peer->metric_attr, attrs.metrics, sizeof(attrs.metrics));
	memcpy(peer->property_attr, attrs.properties, sizeof(attrs.properties));
	peer->poll_ms = poll_s(source) * altoc_times.second_ms;
	peer->keep_ms = keep_s(source) * altoc_times.second_ms;
	*c = *source;
	peer->metrics_given = source->n_metrics > 0;
	c->path = path_of(source);
	/* All of them: whatever fails, everything in conf is ours afterwards. */
	r = own_texts(c, err);
	r = own_pids(&c->ingresses, &c->n_ingresses, err) ?: r;
	r = own_pids(&c->gateways, &c->n_gateways, err) ?: r;
	r = own_metrics(c, err) ?: r;
	return own_properties(c, err) ?: r;
}

static void drop_pids(const struct altoc_pid *v, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		drop_text(v[i].name);
		drop_text(v[i].pid);
	}
	free((void *)(uintptr_t)v);
}

void altoc_conf_fini(struct altoc_peer *peer)
{
	struct altoc_source *c = &peer->conf;
	const char *const texts[] = {c->name, c->directory, c->ca,	    c->cert,
				     c->key,  c->token,	    c->network_map, c->path};

	if (c->token)
		explicit_bzero((char *)(uintptr_t)c->token, strlen(c->token));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		drop_text(texts[i]);
	drop_pids(c->ingresses, c->n_ingresses);
	drop_pids(c->gateways, c->n_gateways);
	for (unsigned int i = 0; i < c->n_metrics; i++) {
		drop_text(c->metrics[i].metric);
		drop_text(c->metrics[i].attribute);
	}
	for (unsigned int i = 0; i < c->n_properties; i++) {
		drop_text(c->properties[i].property);
		drop_text(c->properties[i].attribute);
	}
	free((void *)(uintptr_t)c->metrics);
	free((void *)(uintptr_t)c->properties);
	*c = (struct altoc_source){0};
}
