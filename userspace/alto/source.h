/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an ALTO server knows: a network map with the graph between its PIDs and properties of
 * entities (a source), and all sources at one moment (a snapshot). Both are made once, never
 * changed, and counted: who answers a request holds the snapshot, so that everything in an answer
 * is of one state. Tags are digests of content: same content, same tag, on every replica.
 *
 * A pair's metrics are those of one path: of the paths whose inner PIDs are all `transit` those
 * with the least routingcost, of these those with the fewest links, and of these the one whose PID
 * names come first, compared PID by PID from the source on. Nothing else decides: not the order in
 * which things were added. routingcost counts in millionths, each link's rounded to the nearest,
 * delay and jitter in thousandths of a microsecond: so sums are exact, from either end. From 2^64
 * millionths on there is no path. A value that is unknown on one of its links is unknown for the
 * pair: it is left out. delay-rt is delay-ow of the pair's path and of the path back.
 */
#ifndef ALTO_SOURCE_H
#define ALTO_SOURCE_H

#include "alto/alto.h"

#define ALTO_PIDS_MAX 131072
#define ALTO_PREFIXES_MAX (1u << 20)
#define ALTO_LINKS_MAX 262144
#define ALTO_SOURCES_MAX 4
#define ALTO_INTERVALS_MAX 256		    /* of a calendar */
#define ALTO_ENDPOINTS_MAX 131072	    /* that have properties */
#define ALTO_SOURCE_ID_LEN 12		    /* so that IDs of its resources fit ALTO_ID_LEN */
#define ALTO_CALENDAR_VALUES_MAX (1u << 22) /* of all links together */
#define ALTO_ROWS_BYTES_MAX (64u << 20)	    /* shortest paths that are kept of one source */
#define ALTO_WORK_MAX (1u << 26)	    /* a request's rows: about a second; again for ranks */
#define ALTO_WORK_PID 16		    /* what a PID of a row costs; a link costs 1 */
#define ALTO_COST_MAX 1e12		    /* routingcost of a link */
#define ALTO_DEFAULT_PID "default"	    /* has 0.0.0.0/0 and ::/0 where nobody else has */

enum alto_link_value {
	LINK_ROUTINGCOST, /* 0..ALTO_COST_MAX; a link without it is not used */
	LINK_DELAY_US,
	LINK_JITTER_US,
	LINK_LOSS,	   /* 0..1 */
	LINK_BW_RESIDUAL,  /* bit/s */
	LINK_BW_AVAILABLE, /* bit/s */
	LINK_VALUE_MAX
};

struct alto_link {
	uint32_t from, to;
	double value[LINK_VALUE_MAX]; /* NAN = unknown */
	const double *calendar; /* routingcost by interval, source's n_intervals; NULL: none */
};

struct alto_pid {
	const char *name;
	uint32_t first_prefix, n_prefixes;
	uint32_t first_link; /* of those that leave it; up to the next PID's */
	bool transit;	     /* may be inside of a path */
};

/* When costs are told by interval (RFC 8896): they repeat every n * interval_s, from epoch on. */
struct alto_calendar {
	uint32_t interval_s, n_intervals; /* 0: no calendars */
};

struct alto_source {
	unsigned int refs;
	char id[ALTO_ID_LEN];	     /* of the network map: "domains" */
	char map_tag[ALTO_TAG_LEN];  /* of the network map */
	char cost_tag[ALTO_TAG_LEN]; /* of it and all links */
	char prop_tag[ALTO_TAG_LEN]; /* of it and all properties */
	char stat[8];		     /* operator of its measured metrics: "cur", "" */
	const char *cost_source;     /* RFC 9439 "nominal" "sla" "estimation"; static text */
	bool service_graph;	     /* takes `sg` */
	struct alto_calendar calendar;
	struct alto_pid *pids; /* sorted by name; one more at the end for first_link */
	uint32_t n_pids;
	struct alto_prefix *prefixes; /* by PID, IPv4 first, sorted */
	uint32_t n_prefixes;
	struct alto_link *links; /* by from, then to */
	uint32_t n_links;
	bool has[ALTO_METRIC_MAX]; /* offered, or some pair may have a value */
	json_t *pid_props;	   /* PID -> {property: value}; only what has some */
	json_t *endpoint_props;	   /* "ipv6:2001:db8::1" -> {property: value} */
	json_t *pid_prop_names, *endpoint_prop_names; /* sorted arrays of strings */
	struct alto_lpm *lpm;
	struct alto_rows *rows; /* the only thing that changes: a cache */
	char *names;
	double *calendars;
};

/* Builders and what they make may be another thread's, until it hands it over; all else here is
 * for one thread. */
struct alto_builder;
/* id: 1..11 of [A-Za-z0-9_-], else -EINVAL. */
int alto_builder_new(const char *id, struct alto_builder **out);
void alto_builder_free(struct alto_builder *b); /* NULL is allowed */
/* Before the first link. -EINVAL: more than ALTO_INTERVALS_MAX, or intervals of no length. */
int alto_builder_calendar(struct alto_builder *b, const struct alto_calendar *calendar);
/* id of the PID for the calls below. -EINVAL name, -EEXIST, -ENOSPC ALTO_PIDS_MAX less one for
 * ALTO_DEFAULT_PID, -ENOMEM. */
int alto_builder_pid(struct alto_builder *b, const char *name, bool transit, uint32_t *id);
/* -EEXIST: another PID (or this one) has exactly this prefix; -ENOSPC. */
int alto_builder_prefix(struct alto_builder *b, uint32_t pid, const struct alto_prefix *prefix);
/* Directed. calendar: NULL or as many values as the calendar has intervals; copied. -EEXIST,
 * -ENOSPC; -EINVAL: a value that is negative or infinite, routingcost of more than
 * ALTO_COST_MAX. */
int alto_builder_link(struct alto_builder *b, const struct alto_link *link);
/* value is taken, also on failure. Later ones replace. -EINVAL name, -ENOSPC ALTO_ENDPOINTS_MAX. */
int alto_builder_pid_prop(struct alto_builder *b, uint32_t pid, const char *name, json_t *value);
/* A property of PIDs that is announced though none may have it. */
int alto_builder_offer_prop(struct alto_builder *b, const char *name);
int alto_builder_endpoint_prop(struct alto_builder *b, const char *endpoint, const char *name,
			       json_t *value);
struct alto_builder_conf {
	const char *stat, *cost_source;
	bool service_graph;
	/* Bits of enum alto_metric: offered whatever the links tell, so that the directory does not
	 * change with what somebody advertises. */
	uint32_t metrics;
};
/* Adds ALTO_DEFAULT_PID for what is not covered, sorts, computes the tags. Takes b in any case. */
int alto_builder_finish(struct alto_builder *b, const struct alto_builder_conf *conf,
			struct alto_source **out);

struct alto_source *alto_source_ref(struct alto_source *s);
void alto_source_put(struct alto_source *s); /* NULL is allowed */
/* UINT32_MAX: none of that name. */
uint32_t alto_source_find(const struct alto_source *s, const char *pid);
/* Longest prefix; there is always one. */
uint32_t alto_source_match(const struct alto_source *s, const struct alto_prefix *endpoint);

/* May one request ask for this many different rows? rows * (PIDs * ALTO_WORK_PID + links) must not
 * be more than ALTO_WORK_MAX. */
bool alto_source_affordable(const struct alto_source *s, uint64_t rows);
/* Paths from one PID to all. Lives until the next call with this source. NULL: no memory. */
struct alto_row {
	uint32_t src;
	const uint32_t *via; /* link to come by, UINT32_MAX: unreachable, or src */
	const double *cost;  /* routingcost; NAN: unreachable */
};
const struct alto_row *alto_source_row(const struct alto_source *s, uint32_t src);
/* One metric from one PID to all; NAN: unknown. Lives as a row does. NULL: no memory. */
const double *alto_source_values(const struct alto_source *s, enum alto_metric metric,
				 uint32_t src);
/* One metric of one pair; NAN: unknown. Pairs of a PID with itself: 0 for routingcost and hopcount,
 * else NAN. Ask for all dst of a src, then for the next src. -ENOMEM sets nothing. */
int alto_source_cost(const struct alto_source *s, enum alto_metric metric, uint32_t src,
		     uint32_t dst, double *out);
/* The same with routingcost of a calendar's interval: the path is that interval's. Each interval of
 * a src is a row: ask for all dst of one interval, then for the next interval. */
int alto_source_cost_at(const struct alto_source *s, uint32_t interval, uint32_t src, uint32_t dst,
			double *out);
/* PIDs along the path, src and dst included; *n = 0: unreachable. To free(). */
int alto_source_path(const struct alto_source *s, uint32_t src, uint32_t dst, uint32_t **pids,
		     uint32_t *n);

struct alto_snapshot {
	unsigned int refs;
	uint64_t number;    /* rises with every one of this process */
	uint64_t made_us;   /* clock_us() */
	uint64_t made_unix; /* seconds, for Last-Modified */
	unsigned int n;
	struct alto_source *sources[ALTO_SOURCES_MAX]; /* [0] is the default network map */
};
/* Sources are taken, also on failure. */
int alto_snapshot_new(struct alto_source *const *sources, unsigned int n,
		      struct alto_snapshot **out);
struct alto_snapshot *alto_snapshot_ref(struct alto_snapshot *snap);
void alto_snapshot_put(struct alto_snapshot *snap);

#endif
