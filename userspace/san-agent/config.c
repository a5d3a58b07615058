/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "san-agent/config.h"
#include "san-agent/config_instance.h"
#include "util/json.h"
#include "util/own.h"
#include "util/yaml.h"

#define X(id, name, band, step) [MEASURE_##id] = name,
const char *const measure_names[MEASURE_MAX] = {MEASURES(X)};
#undef X
#define X(id, name, band, step) [MEASURE_##id] = step,
const int64_t measure_steps[MEASURE_MAX] = {MEASURES(X)};
#undef X
#define X(id, name, band, step) [MEASURE_##id] = band,
static const int64_t default_bands[MEASURE_MAX] = {MEASURES(X)};
#undef X

int conf_uint(const json_t *obj, const char *name, struct json_range range, unsigned int *out,
	      struct err *err)
{
	int64_t value = *out;
	int rc = json_get_int(obj, name, JSON_OPTIONAL, range, &value, err);

	if (!rc)
		*out = (unsigned int)value;
	return rc;
}

int conf_milli(const json_t *value, const char *name, int64_t *out, struct err *err)
{
	double number = json_number_value(value);
	char field[NAME_LEN + 1];

	snprintf(field, sizeof(field), "/%s", name);
	if (!json_is_number(value) || !(number >= 0 && number <= 1e9))
		return err_set(err, -EINVAL, field, "", "must be a number, 0..1000000000");
	*out = (int64_t)(number * 1000 + 0.5);
	return 0;
}

int conf_name(const json_t *obj, const char *name, char out[NAME_LEN], struct err *err)
{
	char field[NAME_LEN];
	int rc = json_get_text(obj, name, JSON_REQUIRED, out, NAME_LEN, err);

	if (rc || name_valid(out))
		return rc;
	snprintf(field, sizeof(field), "/%s", name);
	return err_set(err, -EINVAL, field, out, "must match [A-Za-z0-9._-]{1,63}");
}

static int add_server(struct agent_conf *conf, const char *text, const char *field, struct err *err)
{
	const char *path = !strncmp(text, "unix:", 5) ? text + 5 : text;

	if (path[0] != '/' && (path != text || strncmp(text, "http://", 7)))
		return err_set(err, -EINVAL, field, text,
			       "must be unix:/PATH or http://ADDRESS:PORT");
	if (strlen(text) >= AGENT_ENDPOINT_MAX)
		return err_set(err, -EINVAL, field, text, "must be at most %d bytes long",
			       AGENT_ENDPOINT_MAX - 1);
	for (unsigned int i = 0; i < conf->n_servers; i++) {
		if (!strcmp(conf->servers[i], text))
			return 0; /* the gateway server may be listed again */
	}
	if (conf->n_servers == AGENT_MAX_SERVERS)
		return err_set(err, -ENOSPC, field, text, "is one too many: at most %d servers",
			       AGENT_MAX_SERVERS);
	strcpy(conf->servers[conf->n_servers++], text);
	return 0;
}

static int read_servers(const json_t *root, struct agent_conf *conf, struct err *err)
{
	const char *text = NULL;
	json_t *list = NULL;
	char field[32];
	size_t i;
	json_t *item;
	int rc;

	rc = json_get_str(root, "gateway_server", JSON_OPTIONAL, &text, err);
	if (!rc && text) {
		rc = add_server(conf, text, "/gateway_server", err);
		conf->has_gateway_server = true;
	}
	if (!rc)
		rc = json_get_array(root, "servers", JSON_OPTIONAL, &list, err);
	if (rc)
		return rc;
	json_array_foreach(list, i, item) {
		snprintf(field, sizeof(field), "/servers/%zu", i);
		if (!json_is_string(item))
			return err_set(err, -EINVAL, field, "", "must be text");
		rc = add_server(conf, json_string_value(item), field, err);
		if (rc)
			return rc;
	}
	if (!conf->n_servers)
		return err_set(err, -EINVAL, "/servers", "",
			       "must name at least one server (or gateway_server, or database)");
	return 0;
}

/* Either a database, or servers. */
static int read_peers(const json_t *root, struct agent_conf *conf, struct err *err)
{
	static const char *const servers[] = {"/servers", "/gateway_server"};
	const json_t *section = json_object_get(root, "database");
	int rc;

	if (!section)
		return read_servers(root, conf, err);
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
		if (json_object_get(root, servers[i] + 1))
			return err_set(err, -EINVAL, servers[i], "",
				       "is not possible with database: one or the other");
	}
	rc = database_conf_read(&conf->database, section, err);
	if (rc)
		err_prefix(err, "/database");
	return rc;
}

static int read_bands(const json_t *root, struct agent_conf *conf, struct err *err)
{
	const char *allowed[MEASURE_MAX + 1] = {};
	json_t *obj = NULL, *value;
	int rc = json_get_object(root, "dead_band", JSON_OPTIONAL, &obj, err);

	memcpy(conf->dead_band, default_bands, sizeof(default_bands));
	if (rc || !obj)
		return rc;
	memcpy(allowed, measure_names, sizeof(measure_names));
	rc = json_only(obj, allowed, err);
	for (int i = 0; !rc && i < MEASURE_MAX; i++) {
		value = json_object_get(obj, measure_names[i]);
		if (value)
			rc = conf_milli(value, measure_names[i], &conf->dead_band[i], err);
	}
	if (rc)
		err_prefix(err, "/dead_band");
	return rc;
}

static int read_smoothing(const json_t *root, struct agent_conf *conf, struct err *err)
{
	const json_t *value = json_object_get(root, "smoothing");
	int64_t milli = 500;
	int rc = value ? conf_milli(value, "smoothing", &milli, err) : 0;

	if (rc || milli < 1 || milli > 1000)
		return err_set(err, -EINVAL, "/smoothing", "",
			       "must be the weight of the newest sample, 0.001..1 (1 = none)");
	conf->alpha_permille = (unsigned int)milli;
	return 0;
}

static int read_times(const json_t *root, struct agent_conf *conf, struct err *err)
{
	const struct {
		const char *name;
		unsigned int *out, preset, min, max;
	} table[] = {
		{"ttl_s", &conf->ttl_s, 10, 2, 3600},
		{"interval_ms", &conf->interval_ms, 200, 20, 60000},
		{"min_interval_ms", &conf->min_interval_ms, 100, 0, 60000},
		{"max_age_ms", &conf->max_age_ms, 3000, 100, 3600000},
		{"timeout_ms", &conf->timeout_ms, 1000, 50, 10000},
		{"batch_ms", &conf->batch_ms, 10, 5, 20},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct json_range range = {table[i].min, table[i].max};
		int rc;

		*table[i].out = table[i].preset;
		rc = conf_uint(root, table[i].name, range, table[i].out, err);
		if (rc)
			return rc;
	}
	if (conf->min_interval_ms > conf->max_age_ms)
		return err_set(err, -EINVAL, "/min_interval_ms", "",
			       "must not be above max_age_ms (%u)", conf->max_age_ms);
	return 0;
}

static int read_instances(const json_t *root, struct agent_conf *conf, struct err *err)
{
	json_t *list = NULL, *item;
	int rc = json_get_array(root, "instances", JSON_REQUIRED, &list, err);
	size_t i, n = json_array_size(list);

	if (rc)
		return rc;
	if (n < 1 || n > AGENT_MAX_INSTANCES)
		return err_set(err, n ? -ENOSPC : -EINVAL, "/instances", "",
			       "must hold 1..%d instances", AGENT_MAX_INSTANCES);
	conf->instances = calloc(n, sizeof(*conf->instances));
	if (!conf->instances)
		return err_set(err, -ENOMEM, "", "", "out of memory");
	json_array_foreach(list, i, item) {
		rc = instance_conf_read(item, conf, err);
		if (rc) {
			err_prefix(err, "/instances/%zu", i);
			return rc;
		}
	}
	return 0;
}

static int read_root(const json_t *root, struct agent_conf *conf, struct err *err)
{
	static const char *const allowed[] = {
		"agent",       "gateway",	  "gateway_server", "servers",	  "ttl_s",
		"interval_ms", "min_interval_ms", "max_age_ms",	    "timeout_ms", "smoothing",
		"dead_band",   "instances",	  "database",	    "batch_ms",	  NULL,
	};
	int rc = json_is_obj(root, err);

	rc = rc ? rc : json_only(root, allowed, err);
	rc = rc ? rc : conf_name(root, "agent", conf->agent, err);
	rc = rc ? rc : conf_name(root, "gateway", conf->gateway, err);
	rc = rc ? rc : read_peers(root, conf, err);
	rc = rc ? rc : read_times(root, conf, err);
	rc = rc ? rc : read_smoothing(root, conf, err);
	rc = rc ? rc : read_bands(root, conf, err);
	return rc ? rc : read_instances(root, conf, err);
}

int agent_conf_load(FILE *file, const char *name, struct agent_conf **out, struct err *err)
{
	struct err local = {};
	struct agent_conf *conf;
	struct yaml_doc *doc;
	int rc;

	err = err ? err : &local;
	rc = yaml_load(file, &doc, err);
	if (rc) {
		err_object(err, "%s", name);
		return rc;
	}
	conf = calloc(1, sizeof(*conf));
	rc = conf ? read_root(yaml_root(doc), conf, err)
		  : err_set(err, -ENOMEM, "", "", "out of memory");
	if (rc) {
		err_object(err, "%s:%d", name, yaml_line(doc, err->field));
		agent_conf_free(conf);
	} else {
		*out = conf;
	}
	yaml_free(doc);
	return rc;
}

void agent_conf_free(struct agent_conf *conf)
{
	if (!conf)
		return;
	free(conf->instances);
	free(conf);
}

int agent_conf_reloadable(const struct agent_conf *now, const struct agent_conf *next,
			  struct err *err)
{
	const char *field = NULL;

	if (strcmp(now->agent, next->agent))
		field = "/agent";
	else if (strcmp(now->gateway, next->gateway))
		field = "/gateway";
	else if (now->ttl_s != next->ttl_s)
		field = "/ttl_s";
	else if (memcmp(&now->database, &next->database, sizeof(now->database)))
		field = "/database";
	if (!field)
		return 0;
	return err_set(err, -EBUSY, field, "", "cannot change while the agent runs: restart it");
}
