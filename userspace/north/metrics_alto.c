/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What /metrics says of ALTO, both sides; GET /v1/alto/sources. */
#include <stdio.h>
#include <string.h>

#include "north/alto.h"
#include "north/metrics.h"

static const char *const services[] = {
	"none",
	"directory",
	"network-map",
	"network-map-filter",
	"cost-map",
	"cost-map-filter",
	"path-vector",
	"endpoint-cost",
	"endpoint-path-vector",
	"endpoint-property",
	"property-map",
	"property-map-filter",
	"update-stream",
	"tips",
};
_Static_assert(ARRAY_SIZE(services) == ALTO_SERVICE_MAX + 1, "a name for each service");

static void print_requests(const struct metrics *p)
{
	static const char *const classes[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
	const char *name = "sand_alto_requests_total";

	metrics_family(p, name, "counter", "Answers of the ALTO service and on its listeners.");
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		for (size_t k = 1; k < ARRAY_SIZE(classes); k++)
			metrics_sample(p, p->n->alto.requests[i][k], name, "service", services[i],
				       "status", classes[k], NULL);
	}
	metrics_one(p, "sand_alto_authentication_failures_total", "counter",
		    "Requests with a token or certificate that is not known.",
		    p->n->access[ACCESS_ALTO].auth.failed);
}

static void print_cache(const struct metrics *p)
{
	struct alto_cache_stats s;

	alto_cache_stats(p->n, &s);
	metrics_one(p, "sand_alto_kept_bytes", "gauge", "Text of answers that is kept.", s.bytes);
	metrics_one(p, "sand_alto_kept_answers_total", "counter",
		    "Answers of text that was kept, 304 included.", s.hits);
}

static void print_streams(const struct metrics *p)
{
	struct alto_streams_stats s;

	alto_streams_stats(p->n, &s);
	metrics_one(p, "sand_alto_streams", "gauge", "Update streams.", s.streams);
	metrics_one(p, "sand_alto_tips_views", "gauge", "TIPS views.", s.views);
	metrics_one(p, "sand_alto_tips_waits", "gauge", "Requests that wait for a new edge.",
		    s.waits);
	metrics_one(p, "sand_alto_stream_events_total", "counter", "Events sent to streams.",
		    s.events);
	metrics_one(p, "sand_alto_streams_refused_total", "counter",
		    "Streams and waits refused because there were too many.", s.refused);
}

static void print_shares(const struct metrics *p)
{
	const struct alto_queue *queue = &p->n->alto.queue;

	metrics_one(p, "sand_alto_queued", "gauge", "Requests that wait to be computed.", queue->n);
	metrics_one(p, "sand_alto_queue_refused_total", "counter",
		    "Requests refused because too many waited.", queue->refused);
	metrics_one(p, "sand_alto_bytes_under_way", "gauge",
		    "Bytes of bodies, and of answers that are not kept, that wait for clients.",
		    p->n->shares.bytes);
	metrics_one(p, "sand_alto_handshakes_refused_total", "counter",
		    "TLS connections hung up on because they came too fast.",
		    p->n->handshakes.refused);
}

static void print_broker(const struct metrics *p)
{
	struct broker_stats s;

	broker_stats(p->n->conf.broker, &s);
	metrics_one(p, "sand_alto_snapshots_total", "counter", "Snapshots of the maps made.",
		    s.snapshots);
	if (s.snapshots)
		metrics_real(p, "sand_alto_snapshot_seconds", "gauge",
			     "How long the last one took to make.", (double)s.made_us / 1e6);
	metrics_one(p, "sand_alto_domains", "gauge", "Domains that are advertised.", s.domains);
	metrics_one(p, "sand_alto_links", "gauge", "Links between domains.", s.links);
	metrics_one(p, "sand_alto_refused_objects_total", "counter",
		    "Stored domains and links that could not be read.", s.refused);
}

/* ---- client ---- */

static const char *text_of(const json_t *obj, const char *name)
{
	return json_string_value(json_object_get(obj, name));
}

static void print_states(const struct metrics *p, const json_t *sources)
{
	static const char *const states[] = {"connecting", "streaming", "polling", "lost",
					     "refused"};
	const char *name = "sand_alto_source_state";
	const json_t *source;
	size_t i;

	metrics_family(p, name, "gauge", "Whether the source is in this state.");
	json_array_foreach(sources, i, source) {
		const char *state = text_of(source, "state");

		for (size_t k = 0; k < ARRAY_SIZE(states); k++)
			metrics_sample(p, state && strcmp(state, states[k]) == 0, name, "source",
				       text_of(source, "name"), "state", states[k], NULL);
	}
}

static void print_member(const struct metrics *p, const json_t *sources, const char *member,
			 const char *type, const char *help)
{
	const json_t *source, *value;
	char name[64];
	size_t i;

	snprintf(name, sizeof(name), "sand_alto_source_%s", member);
	if (strcmp(type, "counter") == 0)
		strcat(name, "_total");
	metrics_family(p, name, type, help);
	json_array_foreach(sources, i, source) {
		value = json_object_get(source, member);
		if (json_is_number(value))
			metrics_sample(p, (uint64_t)json_number_value(value), name, "source",
				       text_of(source, "name"), NULL);
	}
}

static void print_sources(const struct metrics *p)
{
	json_t *sources = altoc_json(p->n->conf.altoc);

	print_states(p, sources);
	print_member(p, sources, "confirmed_s", "gauge",
		     "Seconds since the source confirmed what it says; absent: never.");
	print_member(p, sources, "pairs", "gauge", "Ingress-gateway pairs that it has costs of.");
	print_member(p, sources, "written", "counter", "Changes written to the database.");
	print_member(p, sources, "refused", "counter", "Answers that did not hold.");
	print_member(p, sources, "reconnects", "counter", "Connections made anew.");
	json_decref(sources);
}

void metrics_alto(const struct metrics *p)
{
	if (p->n->conf.broker) {
		print_requests(p);
		print_cache(p);
		print_streams(p);
		print_shares(p);
		print_broker(p);
	}
	if (p->n->conf.altoc)
		print_sources(p);
}

void alto_sources_get(struct req *req)
{
	json_t *items = req->north->conf.altoc ? altoc_json(req->north->conf.altoc) : json_array();

	rest_json(req, 200, items ? json_pack("{s:o}", "items", items) : NULL);
}
