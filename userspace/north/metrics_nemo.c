/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What /metrics says of intent: commits, what is in force, notifications. */
#include "north/metrics.h"
#include "north/nemo.h"

static void print_commits(const struct metrics *p)
{
	const struct intent *intent = p->n->conf.intent;
	struct intent_stats s = {0};

	intent_figures(intent, &s);
	if (intent_synced(intent)) /* before, it is not known */
		metrics_one(p, "sand_nemo_commit", "gauge", "Number of the commit in force.",
			    intent_head(intent)->commit);
	metrics_one(p, "sand_nemo_commits_total", "counter", "Commits that this host coordinated.",
		    s.commits);
	metrics_one(p, "sand_nemo_refused_total", "counter", "Commits that a host refused.",
		    s.refused);
	metrics_one(p, "sand_nemo_lost_total", "counter", "Commits that lost against another one.",
		    s.lost);
	metrics_one(p, "sand_nemo_backed_out_total", "counter",
		    "Commits that went back, for a host could not apply them.", s.backed_out);
	metrics_one(p, "sand_nemo_bad", "gauge", "Stored objects that do not hold.", s.bad);
	metrics_one(p, "sand_nemo_hosts", "gauge", "Hosts that take part in commits.", s.hosts);
	metrics_one(p, "sand_nemo_leads", "gauge", "Whether this host notifies and rolls back.",
		    s.leads);
	if (s.commits)
		metrics_real(p, "sand_nemo_commit_seconds", "gauge", "Duration of the last commit.",
			     (double)s.commit_us / 1e6);
}

static void print_enacted(const struct metrics *p)
{
	struct enact_stats s = {0};

	enact_stats(p->n->conf.enact, &s);
	metrics_one(p, "sand_nemo_operations", "gauge", "Operations of all tenants.", s.operations);
	metrics_one(p, "sand_nemo_operations_in_force", "gauge", "Of these, in force here.",
		    s.in_force);
	metrics_one(p, "sand_nemo_rules", "gauge", "Classifier rules of intent.", s.rules);
	metrics_one(p, "sand_nemo_goals", "gauge", "Next hops of intent's own.", s.goals);
	metrics_one(p, "sand_nemo_evaluations_total", "counter", "Evaluations of conditions.",
		    s.evaluations);
	metrics_one(p, "sand_nemo_flips_total", "counter", "Operations that began or ended.",
		    s.flips);
	metrics_one(p, "sand_nemo_compiled_total", "counter", "Times that rules were compiled.",
		    s.compiled);
	metrics_one(p, "sand_nemo_notified_total", "counter", "Notifications that fired.",
		    s.notified);
	metrics_one(p, "sand_nemo_delivered_total", "counter", "Notifications that were taken.",
		    s.delivered);
	metrics_one(p, "sand_nemo_delivery_failures_total", "counter",
		    "Deliveries that failed and are tried again.", s.failed);
	if (s.compiled)
		metrics_real(p, "sand_nemo_compile_seconds", "gauge",
			     "Duration of the last compilation.", (double)s.compile_us / 1e6);
}

void metrics_nemo(const struct metrics *p)
{
	if (p->n->conf.intent) {
		print_commits(p);
		metrics_one(p, "sand_nemo_streams", "gauge", "Streams of notifications.",
			    nemo_streams(p->n));
		metrics_one(p, "sand_nemo_authentication_failures_total", "counter",
			    "Requests with a token or certificate that is not known.",
			    p->n->access[ACCESS_NEMO].auth.failed);
	}
	if (p->n->conf.enact)
		print_enacted(p);
}
