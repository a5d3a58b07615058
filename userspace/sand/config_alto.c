/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/config_alto.h"

#include <errno.h>
#include <string.h>

#include "util/json.h"
#include "util/own.h"

#define INTERVAL_S_MAX 86400

/* ---- who may what ---- */

static int read_principal(struct north_principal *p, json_t *value, struct err *err)
{
	static const char *const allowed[] = {"name", "role", "token_sha256", "certificate", NULL};
	static const char *const roles[] = {"reader", "domain", "admin"};
	int role = NORTH_READER, r;

	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = json_get_str(value, "name", JSON_REQUIRED, &p->name, err)) ||
	    (r = json_get_enum(value, "role", JSON_REQUIRED, roles, ARRAY_SIZE(roles), &role,
			       err)) ||
	    (r = config_access_credentials(value, p, err)))
		return r;
	p->role = role;
	if (!alto_name_valid(p->name))
		return err_set(err, -EINVAL, "/name", p->name, "must match [A-Za-z0-9:@_-]{1,64}");
	return 0;
}

static int read_principals(struct config_alto *a, const json_t *obj, struct err *err)
{
	json_t *array = NULL, *item;
	size_t i;
	int r = json_get_array(obj, "principals", JSON_OPTIONAL, &array, err);

	if (r || !array)
		return r;
	if (json_array_size(array) > NORTH_PRINCIPALS_MAX)
		return err_set(err, -ENOSPC, "/principals", "too many", "at most %d",
			       NORTH_PRINCIPALS_MAX);
	r = config_access_room(&a->access, json_array_size(array), err);
	if (r)
		return r;
	json_array_foreach(array, i, item) {
		if (read_principal(&a->access.principals[i], item, err) ||
		    config_access_apart(&a->access, err))
			return err_prefix(err, "/principals/%zu", i);
		a->access.server.n_principals++;
	}
	return 0;
}

/* ---- the rest ---- */

static int read_access(struct config_alto *a, const json_t *obj, struct err *err)
{
	static const char *const names[] = {"public", "known"};
	int known = 0;
	int r = json_get_enum(obj, "access", JSON_OPTIONAL, names, 2, &known, err);

	a->access.server.known_only = known;
	if (!r && known && !a->access.server.n_principals)
		return err_set(err, -EINVAL, "/access", "known", "needs principals");
	return r;
}

static int read_calendar(struct config_alto *a, const json_t *obj, struct err *err)
{
	static const char *const allowed[] = {"interval_s", "intervals", NULL};
	json_t *calendar = NULL;
	int64_t interval_s = 0, n = 0;
	int r = json_get_object(obj, "calendar", JSON_OPTIONAL, &calendar, err);

	if (r || !calendar)
		return r;
	if (json_only(calendar, allowed, err) ||
	    json_get_int(calendar, "interval_s", JSON_REQUIRED,
			 (struct json_range){1, INTERVAL_S_MAX}, &interval_s, err) ||
	    json_get_int(calendar, "intervals", JSON_REQUIRED,
			 (struct json_range){1, ALTO_INTERVALS_MAX}, &n, err))
		return err_prefix(err, "/calendar");
	a->calendar = (struct alto_calendar){(uint32_t)interval_s, (uint32_t)n};
	return 0;
}

static int read_sources(struct config_alto *a, const json_t *obj, struct err *err)
{
	json_t *array = NULL, *item;
	size_t i;
	int r = json_get_array(obj, "sources", JSON_OPTIONAL, &array, err);

	if (r || !array)
		return r;
	if (json_array_size(array) > ALTOC_SOURCES_MAX)
		return err_set(err, -ENOSPC, "/sources", "too many", "at most %d",
			       ALTOC_SOURCES_MAX);
	a->sources = calloc(json_array_size(array) + 1, sizeof(*a->sources));
	if (!a->sources)
		return err_set(err, -ENOMEM, "/sources", NULL, "no memory");
	json_array_foreach(array, i, item) {
		r = config_alto_source_read(&a->sources[i], item, err);
		for (size_t k = 0; !r && k < i; k++)
			r = altoc_source_apart(&a->sources[i].conf, &a->sources[k].conf, err);
		if (r)
			return err_prefix(err, "/sources/%zu", i);
		a->n_sources++;
	}
	return 0;
}

int config_alto_read(struct config_alto *a, json_t *value, struct err *err)
{
	static const char *const allowed[] = {"listen",	    "tls",     "access",   "domains", "own",
					      "principals", "sources", "calendar", NULL};
	int r;

	a->obj = json_incref(value);
	a->domains = a->own = true;
	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = json_get_bool(value, "domains", &a->domains, err)) ||
	    (r = json_get_bool(value, "own", &a->own, err)) ||
	    (r = config_access_read(&a->access, value, err)) ||
	    (r = read_principals(a, value, err)) || (r = read_access(a, value, err)) ||
	    (r = read_calendar(a, value, err)) || (r = read_sources(a, value, err)))
		return r;
	if (a->access.server.n_listen && !a->domains && !a->own)
		return err_set(err, -EINVAL, "/listen", a->access.listen[0],
			       "has nothing to serve: domains or own must be true");
	return 0;
}

void config_alto_free(struct config_alto *a)
{
	config_access_fini(&a->access);
	free(a->sources);
	json_decref(a->obj);
}
