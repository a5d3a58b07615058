/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /healthz, /readyz, GET /v1/status */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "north/database.h"
#include "north/server.h"

void health_get(struct req *req)
{
	if (!database_stale(req->north))
		rest_json(req, 200, json_pack("{s:s}", "status", "ok"));
	else
		rest_json(req, 200,
			  json_pack("{s:s, s:s}", "status", "degraded", "reason",
				    "the database is away: the last view is in force"));
}

/* NULL: what the database says is in the dataplane. */
static const char *not_ready(const struct north *n, struct ncc_status *status)
{
	ncc_status(n->conf.ncc, status);
	if (!orc_started(n->conf.orc))
		return "the database is still being read";
	if (!status->connected)
		return "the parent process is not connected";
	if (status->applied)
		return NULL;
	return status->last_text[0] ? status->last_text : "the first plan is not applied yet";
}

void ready_get(struct req *req)
{
	struct ncc_status status;
	const char *reason = not_ready(req->north, &status);

	if (reason)
		rest_json(req, 503,
			  json_pack("{s:s, s:s}", "status", "starting", "reason", reason));
	else
		rest_json(req, 200, json_pack("{s:s}", "status", "ready"));
}

static json_t *orc_json(const struct north *n)
{
	struct orc_stats s;
	json_t *obj;

	orc_stats(n->conf.orc, &s);
	obj = json_pack("{s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:i, s:i, s:i}", "events",
			(json_int_t)s.events, "evaluations", (json_int_t)s.evaluations,
			"candidates_scored", (json_int_t)s.candidates_scored, "selections_changed",
			(json_int_t)s.selections_changed, "last_react_us",
			(json_int_t)s.last_react_us, "services", (int)s.services, "candidates",
			(int)s.candidates, "refused", (int)s.refused, "classes", (int)s.classes,
			"classes_refused", (int)s.classes_refused);
	if (json_object_set_new(obj, "queued", json_integer(s.queued)) ||
	    json_object_set_new(obj, "deferred", json_integer(s.deferred)) ||
	    json_object_set_new(obj, "held_back", json_integer((json_int_t)s.held_back)) ||
	    json_object_set_new(obj, "published", json_integer((json_int_t)s.published))) {
		json_decref(obj);
		return NULL;
	}
	return obj;
}

static json_t *plan_json(const struct ncc_status *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:s, s:b}", "desired",
			 (json_int_t)s->desired, "applied", (json_int_t)s->applied, "plans",
			 (json_int_t)s->plans, "failures", (json_int_t)s->failures, "repaired",
			 (json_int_t)s->repaired, "last_apply_us", (json_int_t)s->last_apply_us,
			 "last_result", s->last_result, "last_text", s->last_text, "connected",
			 (int)s->connected);
}

static json_t *objects_json(const struct view *view)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:i}", "services", (int)HASH_COUNT(view->services),
			 "instances", (int)view->n_instances, "gateways",
			 (int)HASH_COUNT(view->gateways), "paths", (int)HASH_COUNT(view->paths),
			 "classes", (int)HASH_COUNT(view->classes));
}

static json_t *refused_json(const struct north *n)
{
	return json_pack("{s:I, s:I, s:I}", "services", (json_int_t)srm_refused(n->conf.srm),
			 "network", (json_int_t)nsc_refused(n->conf.nsc), "computing",
			 (json_int_t)csc_refused(n->conf.csc));
}

static json_t *rest_state_json(const struct north *n)
{
	return json_pack("{s:i, s:I}", "connections", (int)n->n_conns, "requests",
			 (json_int_t)n->n_reqs);
}

static int __attribute__((format(printf, 2, 3))) warn(json_t *list, const char *text, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, text);
	vsnprintf(line, sizeof(line), text, ap);
	va_end(ap);
	return json_array_append_new(list, json_string(line));
}

/* What an operator should look at, one line each. */
static json_t *warnings_json(const struct north *n, const struct ncc_status *plan)
{
	json_t *list = json_array(), *maps = observe_maps_json(n), *map;
	struct orc_stats orc;
	struct ncsdb_status db;
	size_t i;
	int r = 0;

	orc_stats(n->conf.orc, &orc);
	ncsdb_status(n->conf.db, &db);
	json_array_foreach(maps, i, map) {
		if (json_is_true(json_object_get(map, "warning")))
			r |= warn(list, "map %s is %lld %% full",
				  json_string_value(json_object_get(map, "map")),
				  (long long)json_integer_value(json_object_get(map, "percent")));
	}
	if (orc.refused)
		r |= warn(list, "%u services are not in the dataplane: no room", orc.refused);
	if (orc.classes_refused)
		r |= warn(list, "%u classifier rules are not in the dataplane",
			  orc.classes_refused);
	if (plan->connected && plan->last_result)
		r |= warn(list, "the last plan was refused: %s", plan->last_text);
	if (db.read_only)
		r |= warn(list, "the database takes no writes: its disk is full or failed, the log "
				"says which");
	if (!db.connected)
		r |= warn(list,
			  "the database is not reached (%s: %s), for %.0f s: the last view is "
			  "in force",
			  db.endpoint, db.why, database_lost_s(&db));
	json_decref(maps);
	return r ? NULL : list;
}

static json_t *status_json(const struct north *n)
{
	struct ncc_status plan;
	bool ready = !not_ready(n, &plan);
	json_t *obj = json_object();
	int r = json_object_set_new(obj, "name", json_string(n->name));

	r |= json_object_set_new(obj, "version", json_string(SAN_VERSION_TEXT));
	r |= json_object_set_new(obj, "pid", json_integer(getpid()));
	r |= json_object_set_new(obj, "uptime_s",
				 json_integer((clock_us() - n->opened_us) / 1000000));
	r |= json_object_set_new(obj, "ready", json_boolean(ready));
	r |= json_object_set_new(obj, "stale", json_boolean(database_stale(n)));
	r |= json_object_set_new(obj, "objects", objects_json(n->conf.view));
	r |= json_object_set_new(obj, "database", database_state_json(n));
	r |= json_object_set_new(obj, "orc", orc_json(n));
	r |= json_object_set_new(obj, "plan", plan_json(&plan));
	r |= json_object_set_new(obj, "interfaces", ncc_ifaces_json(n->conf.ncc));
	r |= json_object_set_new(obj, "maps", observe_maps_json(n));
	r |= json_object_set_new(obj, "maps_age_s", observe_maps_age(n));
	r |= json_object_set_new(obj, "warnings", warnings_json(n, &plan));
	r |= json_object_set_new(obj, "refused", refused_json(n));
	r |= json_object_set_new(obj, "rest", rest_state_json(n));
	if (r) {
		json_decref(obj);
		obj = NULL;
	}
	return obj;
}

static void show_status(struct req *req)
{
	rest_json(req, 200, status_json(req->north));
}

void status_get(struct req *req)
{
	observe_fresh(req, show_status);
}
