/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /healthz, /readyz, GET /v1/status */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "north/server.h"

void health_get(struct req *req)
{
	rest_json(req, 200, json_pack("{s:s}", "status", "ok"));
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

static json_t *database_json(const struct north *n)
{
	struct ncsdb_status s;

	ncsdb_status(n->conf.db, &s);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "revision", (json_int_t)s.revision,
			 "compacted", (json_int_t)s.compacted, "keys", (json_int_t)s.keys, "leases",
			 (json_int_t)s.leases, "watches", (json_int_t)s.watches, "bytes_on_disk",
			 (json_int_t)s.bytes_on_disk, "read_only", (int)s.read_only);
}

static json_t *orc_json(const struct north *n)
{
	struct orc_stats s;

	orc_stats(n->conf.orc, &s);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:i}", "events", (json_int_t)s.events,
			 "evaluations", (json_int_t)s.evaluations, "candidates_scored",
			 (json_int_t)s.candidates_scored, "selections_changed",
			 (json_int_t)s.selections_changed, "last_react_us",
			 (json_int_t)s.last_react_us, "services", (int)s.services, "candidates",
			 (int)s.candidates, "refused", (int)s.refused);
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
	return json_pack("{s:i, s:i, s:i, s:i}", "services", (int)HASH_COUNT(view->services),
			 "instances", (int)view->n_instances, "gateways",
			 (int)HASH_COUNT(view->gateways), "paths", (int)HASH_COUNT(view->paths));
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

void status_get(struct req *req)
{
	const struct north *n = req->north;
	struct ncc_status plan;
	bool ready = !not_ready(n, &plan);
	json_t *obj = json_object();
	int r = json_object_set_new(obj, "name", json_string(n->name));

	r |= json_object_set_new(obj, "version", json_string(SAN_VERSION_TEXT));
	r |= json_object_set_new(obj, "pid", json_integer(getpid()));
	r |= json_object_set_new(obj, "uptime_s",
				 json_integer((clock_us() - n->opened_us) / 1000000));
	r |= json_object_set_new(obj, "ready", json_boolean(ready));
	r |= json_object_set_new(obj, "objects", objects_json(n->conf.view));
	r |= json_object_set_new(obj, "database", database_json(n));
	r |= json_object_set_new(obj, "orc", orc_json(n));
	r |= json_object_set_new(obj, "plan", plan_json(&plan));
	r |= json_object_set_new(obj, "interfaces", ncc_ifaces_json(n->conf.ncc));
	r |= json_object_set_new(obj, "refused", refused_json(n));
	r |= json_object_set_new(obj, "rest", rest_state_json(n));
	if (r) {
		json_decref(obj);
		obj = NULL;
	}
	rest_json(req, 200, obj);
}
