/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "broker/parse.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "util/json.h"
#include "util/own.h"

const char *const broker_prop_names[] = {"entry-point", "cpu", "mem", "storage", "port", "nf"};
_Static_assert(ARRAY_SIZE(broker_prop_names) == BROKER_PROP_MAX, "a name each");

/* Containers are not worth their text. */
static int bad(struct err *err, const char *field, const json_t *value, const char *want)
{
	OWN_PTR char *text = NULL;

	if (json_is_object(value))
		text = strdup("{...}");
	else if (json_is_array(value))
		text = strdup("[...]");
	else
		text = json_dumps(value, JSON_ENCODE_ANY);
	return err_set(err, -EINVAL, field, text, "%s", want);
}

int broker_parse_id(const char *field, const char *id, struct err *err)
{
	if (!id || !alto_name_valid(id))
		return err_set(err, -EINVAL, field, id, "must be a PID name: [A-Za-z0-9:@_-]{1,%d}",
			       ALTO_NAME_LEN - 1);
	if (strcmp(id, ALTO_DEFAULT_PID) == 0)
		return err_set(err, -EINVAL, field, id,
			       "must be another name: this PID has what no domain has");
	return 0;
}

/* ---- numbers ---- */

/* Absent or null: *value NULL. */
static int get_number(const json_t *obj, const char *name, double max, const json_t **value,
		      struct err *err)
{
	char want[64], field[64];
	const json_t *v = json_object_get(obj, name);
	double number = json_number_value(v);

	*value = json_is_null(v) ? NULL : v;
	if (!*value || (json_is_number(v) && isfinite(number) && number >= 0 && number <= max))
		return 0;
	snprintf(field, sizeof(field), "/%s", name);
	snprintf(want, sizeof(want), "must be a number 0..%g", max);
	return bad(err, field, v, want);
}

/* ---- domains ---- */

static int one_value(json_t **prop, const json_t *value)
{
	json_t *array = json_array();

	if (!array || json_array_append(array, (json_t *)value)) {
		json_decref(array);
		return -ENOMEM;
	}
	*prop = array;
	return 0;
}

/* "http://host...", "https://host...", without what a URI may not hold. */
static bool url_valid(const char *text)
{
	size_t scheme = strncmp(text, "https://", 8) == 0 ? 8 : 7;

	if (scheme == 7 && strncmp(text, "http://", 7) != 0)
		return false;
	if (!text[scheme] || strchr("/?#:@", text[scheme]) || strlen(text) > BROKER_URL_MAX)
		return false;
	for (; *text; text++)
		if (*text <= ' ' || *text >= 0x7f || strchr("\"<>\\^`{|}", *text))
			return false;
	return true;
}

static int get_entry_point(const json_t *obj, struct domain_def *def, struct err *err)
{
	static const char want[] = "must be a http:// or https:// URL of at most 255 characters";
	_Static_assert(BROKER_URL_MAX == 255, "want says so");
	const json_t *value = json_object_get(obj, "entry-point");

	if (!value || json_is_null(value))
		return 0;
	if (!json_is_string(value) || !url_valid(json_string_value(value)))
		return bad(err, "/entry-point", value, want);
	return one_value(&def->props[BROKER_ENTRY_POINT], value);
}

static int get_resources(const json_t *obj, struct domain_def *def, struct err *err)
{
	static const char *const members[] = {"cpu", "mem", "storage", NULL};
	const json_t *value;
	json_t *res;
	int r = json_get_object(obj, "resources", JSON_OPTIONAL, &res, err);

	if (r || !res)
		return r;
	r = json_only(res, members, err);
	for (int i = 0; !r && members[i]; i++) {
		r = get_number(res, members[i], BROKER_NUMBER_MAX, &value, err);
		if (!r && value)
			r = one_value(&def->props[BROKER_CPU + i], value);
	}
	if (r)
		err_prefix(err, "/resources");
	return r;
}

static int check_name_at(const json_t *array, size_t i, struct err *err)
{
	const json_t *value = json_array_get(array, i);
	const char *text = json_string_value(value);
	char field[24];

	snprintf(field, sizeof(field), "/%zu", i);
	if (!text || !alto_name_valid(text))
		return bad(err, field, value, "must be a name: [A-Za-z0-9:@_-]{1,64}");
	for (size_t k = 0; k < i; k++)
		if (strcmp(text, json_string_value(json_array_get(array, k))) == 0)
			return bad(err, field, value, "must be there once only");
	return 0;
}

static int get_names(const json_t *obj, const char *name, json_t **prop, struct err *err)
{
	json_t *array;
	int r = json_get_array(obj, name, JSON_OPTIONAL, &array, err);

	if (r || !array || json_array_size(array) == 0)
		return r;
	if (json_array_size(array) > BROKER_DOMAIN_NAMES_MAX)
		r = err_set(err, -ENOSPC, "", NULL, "must have at most %d names",
			    BROKER_DOMAIN_NAMES_MAX);
	for (size_t i = 0; !r && i < json_array_size(array); i++)
		r = check_name_at(array, i, err);
	if (r) {
		err_prefix(err, "/%s", name);
		return r;
	}
	*prop = json_copy(array);
	return *prop ? 0 : -ENOMEM;
}

static bool has_prefix(const struct domain_def *def, const struct alto_prefix *prefix)
{
	for (uint32_t i = 0; i < def->n_prefixes; i++)
		if (memcmp(&def->prefixes[i], prefix, sizeof(*prefix)) == 0)
			return true;
	return false;
}

static int add_prefix(struct domain_def *def, const json_t *value, int family, struct err *err)
{
	struct alto_prefix *prefix = &def->prefixes[def->n_prefixes];
	const char *text = json_string_value(value);

	memset(prefix, 0, sizeof(*prefix));
	if (!text || alto_prefix_parse(text, family, prefix))
		return bad(err, "", value,
			   family == 4 ? "must be an IPv4 prefix, address/length, without bits set "
					 "behind its length"
				       : "must be an IPv6 prefix, address/length, without bits set "
					 "behind its length");
	if (has_prefix(def, prefix))
		return bad(err, "", value, "must be there once only");
	def->n_prefixes++;
	return 0;
}

static int add_prefixes(struct domain_def *def, const json_t *array, int family, struct err *err)
{
	size_t n = json_array_size(array), i;
	json_t *value;
	void *grown;

	if (n + def->n_prefixes > BROKER_DOMAIN_PREFIXES_MAX)
		return err_set(err, -ENOSPC, "", NULL, "must have at most %d prefixes in all",
			       BROKER_DOMAIN_PREFIXES_MAX);
	grown = reallocarray(def->prefixes, def->n_prefixes + n + 1, sizeof(*def->prefixes));
	if (!grown)
		return -ENOMEM;
	def->prefixes = grown;
	json_array_foreach((json_t *)array, i, value) {
		int r = add_prefix(def, value, family, err);

		if (r) {
			err_prefix(err, "/ipv%d/%zu", family, i);
			return r;
		}
	}
	return 0;
}

static int get_prefixes(const json_t *obj, struct domain_def *def, struct err *err)
{
	static const char *const members[] = {"ipv4", "ipv6", NULL};
	json_t *prefixes, *v4, *v6;
	int r = json_get_object(obj, "prefixes", JSON_OPTIONAL, &prefixes, err);

	if (r || !prefixes)
		return r;
	r = json_only(prefixes, members, err);
	if (!r)
		r = json_get_array(prefixes, "ipv4", JSON_OPTIONAL, &v4, err);
	if (!r)
		r = json_get_array(prefixes, "ipv6", JSON_OPTIONAL, &v6, err);
	if (!r)
		r = add_prefixes(def, v4, 4, err);
	if (!r)
		r = add_prefixes(def, v6, 6, err);
	if (r)
		err_prefix(err, "/prefixes");
	return r;
}

static int read_domain(const json_t *obj, struct domain_def *def, struct err *err)
{
	static const char *const members[] = {"prefixes", "entry-point", "resources", "nfs",
					      "saps",	  "transit",	 NULL};
	int r = json_is_obj(obj, err);

	if (!r)
		r = json_only(obj, members, err);
	if (!r)
		r = get_prefixes(obj, def, err);
	if (!r)
		r = get_entry_point(obj, def, err);
	if (!r)
		r = get_resources(obj, def, err);
	if (!r)
		r = get_names(obj, "nfs", &def->props[BROKER_NF], err);
	if (!r)
		r = get_names(obj, "saps", &def->props[BROKER_PORT], err);
	if (!r)
		r = json_get_bool(obj, "transit", &def->transit, err);
	return r;
}

/* What has no text yet. */
static int no_memory(int r, struct err *err)
{
	return r == -ENOMEM ? err_set(err, r, "", NULL, "cannot be kept: no memory") : r;
}

int broker_parse_domain(const json_t *obj, struct domain_def *out, struct err *err)
{
	struct domain_def def = {0};
	int r = no_memory(read_domain(obj, &def, err), err);

	if (r)
		domain_def_fini(&def);
	else
		*out = def;
	return r;
}

void domain_def_fini(struct domain_def *def)
{
	for (int i = 0; i < BROKER_PROP_MAX; i++)
		json_decref(def->props[i]);
	free(def->prefixes);
	*def = (struct domain_def){0};
}

/* ---- links ---- */

static const struct {
	const char *name;
	double max, unit; /* unit: of it in that of struct alto_link */
	enum alto_link_value value;
} link_numbers[] = {
	{"routingcost", ALTO_COST_MAX, 1, LINK_ROUTINGCOST},
	{"delay-us", BROKER_NUMBER_MAX, 1, LINK_DELAY_US},
	{"loss-ppm", BROKER_LOSS_MAX, 1e6, LINK_LOSS},
	{"max-reservable-bandwidth", BROKER_NUMBER_MAX, 1, LINK_BW_RESIDUAL},
};

static int get_values(const json_t *obj, struct link_def *def, struct err *err)
{
	const json_t *value;

	for (int i = 0; i < LINK_VALUE_MAX; i++)
		def->value[i] = NAN;
	for (size_t i = 0; i < ARRAY_SIZE(link_numbers); i++) {
		int r = get_number(obj, link_numbers[i].name, link_numbers[i].max, &value, err);

		if (r)
			return r;
		if (value)
			def->value[link_numbers[i].value] =
				json_number_value(value) / link_numbers[i].unit;
	}
	if (isnan(def->value[LINK_ROUTINGCOST]))
		return err_set(err, -EINVAL, "/routingcost", NULL, "is missing");
	return 0;
}

static int read_calendar(const json_t *array, struct link_def *def, struct err *err)
{
	size_t i;
	json_t *v;

	def->calendar = calloc(json_array_size(array), sizeof(double));
	if (!def->calendar)
		return -ENOMEM;
	json_array_foreach((json_t *)array, i, v) {
		double number = json_number_value(v);
		char field[40];

		snprintf(field, sizeof(field), "/calendar/%zu", i);
		if (!json_is_number(v) || !(number >= 0 && number <= ALTO_COST_MAX))
			return bad(err, field, v, "must be a number 0..1e+12");
		def->calendar[i] = number;
	}
	return 0;
}

static int get_calendar(const json_t *obj, const struct alto_calendar *conf, struct link_def *def,
			struct err *err)
{
	json_t *array;
	int r = json_get_array(obj, "calendar", JSON_OPTIONAL, &array, err);
	char have[24];

	if (r || !array)
		return r;
	if (!conf->n_intervals)
		return bad(err, "/calendar", array, "must not be there: no calendar is configured");
	if (json_array_size(array) != conf->n_intervals) {
		snprintf(have, sizeof(have), "%zu numbers", json_array_size(array));
		return err_set(err, -EINVAL, "/calendar", have,
			       "must have a number for each of the %u intervals",
			       conf->n_intervals);
	}
	return read_calendar(array, def, err);
}

static int read_link(const json_t *obj, const struct alto_calendar *calendar, struct link_def *def,
		     struct err *err)
{
	static const char *const members[] = {
		"routingcost", "delay-us", "loss-ppm", "max-reservable-bandwidth",
		"directed",    "calendar", NULL};
	int r = json_is_obj(obj, err);

	if (!r)
		r = json_only(obj, members, err);
	if (!r)
		r = get_values(obj, def, err);
	if (!r)
		r = json_get_bool(obj, "directed", &def->directed, err);
	if (!r)
		r = get_calendar(obj, calendar, def, err);
	return r;
}

int broker_parse_link(const json_t *obj, const struct alto_calendar *calendar, struct link_def *out,
		      struct err *err)
{
	struct link_def def = {0};
	int r = no_memory(read_link(obj, calendar, &def, err), err);

	if (r)
		link_def_fini(&def);
	else
		*out = def;
	return r;
}

void link_def_fini(struct link_def *def)
{
	free(def->calendar);
	*def = (struct link_def){0};
}
