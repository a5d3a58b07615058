/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What /metrics says of the control plane. */
#include "north/database.h"
#include "north/metrics.h"

static void print_repairs(const struct metrics *p, const struct ncc_status *s)
{
	static const char *const kinds[] = {"maps", "routes", "sids", "rules", "nexthops"};

	_Static_assert(ARRAY_SIZE(kinds) == SAN_REPAIR_MAX, "a name for each kind");
	metrics_family(p, "sand_repaired_total", "counter",
		       "Entries found different from what had been applied, and mended.");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		metrics_sample(p, s->repaired_by[i], "sand_repaired_total", "kind", kinds[i], NULL);
	metrics_one(p, "sand_overruns_total", "counter",
		    "Losses of kernel notifications, after which all was read anew.", s->overruns);
}

static void print_plan(const struct metrics *p)
{
	struct ncc_status s;

	ncc_status(p->n->conf.ncc, &s);
	metrics_one(p, "sand_parent_connected", "gauge", "Whether the parent process is there.",
		    s.connected);
	metrics_one(p, "sand_ready", "gauge", "Whether the first plan is in force.",
		    s.connected && s.applied && orc_started(p->n->conf.orc));
	metrics_one(p, "sand_plan_desired_generation", "gauge", "Newest generation of the plan.",
		    s.desired);
	metrics_one(p, "sand_plan_applied_generation", "gauge", "Generation that is in force.",
		    s.applied);
	metrics_one(p, "sand_plans_total", "counter", "Plans sent to the parent process.", s.plans);
	metrics_one(p, "sand_plan_failures_total", "counter",
		    "Plans refused by the parent process.", s.failures);
	metrics_hist(p, "sand_apply_seconds",
		     "Time from handing over a plan to its acknowledgement.", s.apply_us);
	print_repairs(p, &s);
	metrics_real(p, "sand_plan_last_apply_seconds", "gauge",
		     "Time from handing over the last plan to its acknowledgement.",
		     (double)s.last_apply_us / 1e6);
}

static void print_orc(const struct metrics *p)
{
	struct orc_stats s;

	orc_stats(p->n->conf.orc, &s);
	metrics_one(p, "sand_orc_events_total", "counter", "Changes of the database seen.",
		    s.events);
	metrics_one(p, "sand_orc_evaluations_total", "counter", "Services evaluated.",
		    s.evaluations);
	metrics_one(p, "sand_orc_candidates_scored_total", "counter", "Candidates scored.",
		    s.candidates_scored);
	metrics_one(p, "sand_orc_selections_changed_total", "counter", "Selections changed.",
		    s.selections_changed);
	metrics_real(p, "sand_orc_last_reaction_seconds", "gauge",
		     "Time from the first change of the last round to its plan.",
		     (double)s.last_react_us / 1e6);
	metrics_one(p, "sand_queue_services", "gauge", "Services that wait for their evaluation.",
		    s.queued);
	metrics_one(p, "sand_deferred", "gauge",
		    "Changes that wait because there were too many in this second.", s.deferred);
	metrics_one(p, "sand_held_back_total", "counter", "Changes that had to wait so.",
		    s.held_back);
	metrics_one(p, "sand_aggregates_published_total", "counter",
		    "Offers of this gateway that were told to the ingresses.", s.published);
	metrics_hist(p, "sand_evaluation_seconds", "Duration of an evaluation of what changed.",
		     s.round_us);
	metrics_hist(p, "sand_react_seconds",
		     "Time from a change to the plan that follows from it.", s.react_us);
	metrics_one(p, "sand_orc_candidates", "gauge", "Candidates known.", s.candidates);
	metrics_one(p, "sand_orc_services_refused", "gauge",
		    "Services that the dataplane has no room for.", s.refused);
	metrics_one(p, "sand_orc_classes", "gauge", "Classifier rules in force.", s.classes);
	metrics_one(p, "sand_orc_classes_refused", "gauge",
		    "Classifier rules that are not in force.", s.classes_refused);
}

static void print_feed(const struct metrics *p, const struct ncsdb_status *s)
{
	struct ncsdb_follow_stats f;

	database_followers(p->n, &f);
	metrics_one(p, "sand_database_connected", "gauge", "Whether the database is reached.",
		    s->connected);
	metrics_one(p, "sand_database_stale", "gauge",
		    "Whether the view is an old one: the database is or was away.",
		    database_stale(p->n));
	metrics_real(p, "sand_database_lost_seconds", "gauge",
		     "How long it has been away; 0 while it is reached.", database_lost_s(s));
	metrics_one(p, "sand_database_pending", "gauge", "Requests without an answer.", s->pending);
	metrics_one(p, "sand_database_reconnects_total", "counter", "Connections made anew.",
		    s->reconnects);
	metrics_one(p, "sand_database_followed_revision", "gauge",
		    "Newest revision that the view has.", (uint64_t)f.revision);
	metrics_one(p, "sand_database_followed_keys", "gauge", "Keys that the view has.", f.keys);
	metrics_one(p, "sand_database_lists_total", "counter", "Full lists read.", f.lists);
	metrics_one(p, "sand_database_gaps_total", "counter", "Events found missing.", f.gaps);
	metrics_one(p, "sand_database_behind_total", "counter",
		    "Lists read because the watch was far behind.", f.behind);
	metrics_one(p, "sand_database_audits_total", "counter", "Audits of the view.", f.audits);
	metrics_one(p, "sand_database_audit_repaired_total", "counter",
		    "Keys that an audit found different, and mended.", f.audit_repaired);
}

static void print_database(const struct metrics *p)
{
	struct ncsdb_status s;

	ncsdb_status(p->n->conf.db, &s);
	metrics_one(p, "sand_database_revision", "gauge", "Newest revision.", (uint64_t)s.revision);
	if (!s.endpoint || !s.endpoint[0]) { /* not known of a remote one */
		metrics_one(p, "sand_database_compacted_revision", "gauge",
			    "Oldest revision that is kept.", (uint64_t)s.compacted);
		metrics_one(p, "sand_database_keys", "gauge", "Keys.", s.keys);
		metrics_one(p, "sand_database_leases", "gauge", "Leases.", s.leases);
		metrics_one(p, "sand_database_watches", "gauge", "Watches.", s.watches);
		metrics_one(p, "sand_database_size_bytes", "gauge", "Size on disk.",
			    s.bytes_on_disk);
	}
	metrics_one(p, "sand_database_read_only", "gauge", "Whether writes are refused.",
		    s.read_only);
	print_feed(p, &s);
	metrics_hist(p, "sand_database_write_seconds", "Time from a write to its answer.",
		     s.write_us);
	metrics_hist(p, "sand_database_commit_seconds", "Time of a commit to the disk.",
		     s.commit_us);
}

static void print_server(const struct metrics *p)
{
	const struct ncsdb_server *server = p->n->conf.server;
	struct ncsdb_server_stats s;

	if (!server)
		return;
	ncsdb_server_stats(server, &s);
	metrics_one(p, "sand_server_connections", "gauge", "Clients of the database server.",
		    s.connections);
	metrics_one(p, "sand_server_streams", "gauge", "Calls under way.", s.streams);
	metrics_one(p, "sand_server_watches", "gauge", "Watches of clients.", s.watches);
	metrics_one(p, "sand_server_queued_bytes", "gauge", "Waiting for clients to take it.",
		    s.queued);
	metrics_one(p, "sand_server_requests_total", "counter", "Calls of clients.", s.requests);
	metrics_one(p, "sand_server_refused_total", "counter", "Calls that failed.", s.refused);
	metrics_one(p, "sand_server_slow_total", "counter",
		    "Watches that were ended because the client was too slow.", s.slow);
}

static void print_objects(const struct metrics *p)
{
	const struct view *view = p->n->conf.view;
	const char *name = "sand_objects";

	metrics_family(p, name, "gauge", "Objects known.");
	metrics_sample(p, HASH_COUNT(view->services), name, "kind", "service", NULL);
	metrics_sample(p, view->n_instances, name, "kind", "instance", NULL);
	metrics_sample(p, HASH_COUNT(view->gateways), name, "kind", "gateway", NULL);
	metrics_sample(p, HASH_COUNT(view->paths), name, "kind", "path", NULL);
	metrics_sample(p, HASH_COUNT(view->classes), name, "kind", "class", NULL);
	name = "sand_refused_keys_total";
	metrics_family(p, name, "counter", "Keys of the database that could not be read.");
	metrics_sample(p, srm_refused(p->n->conf.srm), name, "module", "services", NULL);
	metrics_sample(p, nsc_refused(p->n->conf.nsc), name, "module", "network", NULL);
	metrics_sample(p, csc_refused(p->n->conf.csc), name, "module", "computing", NULL);
}

void metrics_control(const struct metrics *p)
{
	print_plan(p);
	print_orc(p);
	print_database(p);
	print_server(p);
	print_objects(p);
}
