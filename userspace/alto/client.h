/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a client makes of what any ALTO server answers: strict where a wrong answer could steer
 * traffic, tolerant of members it does not know (RFC 7285, 8.3). Every parser either gives a whole
 * object or err (field: full path, value, what would be right) and nothing. Objects are JSON values
 * that were checked, with look-ups; so that merge patches of an update stream can be applied to
 * them and checked again. Names are checked, numbers finite and not negative.
 */
#ifndef ALTO_CLIENT_H
#define ALTO_CLIENT_H

#include "alto/alto.h"
#include "util/err.h"

#define ALTO_BODY_MAX (64u << 20)
#define ALTO_RESOURCES_MAX 1024 /* of one directory */
#define ALTO_CLIENT_PIDS_MAX 131072
#define ALTO_CLIENT_PREFIXES_MAX (1u << 20)
#define ALTO_CLIENT_ENTITIES_MAX (1u << 19)
/* Of one JSON text, before it is parsed: memory is many times the text's size. Objects and arrays
 * count as 8. */
#define ALTO_CLIENT_VALUES_MAX (16u << 20)
#define ALTO_CLIENT_CELLS_MAX (4u << 20) /* costs, or names in path vectors, of one answer */
#define ALTO_CLIENT_COST_TYPES_MAX 256	 /* of one directory */

/* text as an object within ALTO_BODY_MAX and ALTO_CLIENT_VALUES_MAX: -EFBIG. */
int alto_client_root(const char *text, size_t len, json_t **out, struct err *err);
/* The same limits for an object that patches made; *bytes: of its text. */
int alto_client_weigh(const json_t *root, size_t *bytes, struct err *err);

struct alto_vtag {
	char id[ALTO_NAME_LEN];
	char tag[ALTO_TAG_LEN];
};

/* ---- information resource directory (RFC 7285, 9.2) ---- */
struct alto_ird_entry {
	char id[ALTO_NAME_LEN];
	char *uri;	       /* absolute: resolved against the directory's (RFC 3986, 5.2) */
	enum alto_media media; /* ALTO_MEDIA_MAX: not one of ours: kept, not used */
	char *media_text, *accepts_text; /* accepts NULL: GET */
	enum alto_media accepts;
	json_t *capabilities; /* borrowed from root; NULL = none */
	json_t *uses;	      /* array of strings, borrowed; NULL */
};
struct alto_ird {
	json_t *root;
	struct alto_ird_entry *v;
	unsigned int n;
	const char *default_map; /* meta.default-alto-network-map, or NULL */
};
/* base: the URI that the directory came from. Refused: dangling `uses`, cost-type-names that are
 * not in meta, either of them twice, URIs of other schemes than http and https, https -> http. */
int alto_ird_parse(const char *text, size_t len, const char *base, struct alto_ird **out,
		   struct err *err);
void alto_ird_free(struct alto_ird *ird);
const struct alto_ird_entry *alto_ird_find(const struct alto_ird *ird, const char *id);
struct alto_ird_want {
	enum alto_media media, accepts; /* accepts ALTO_MEDIA_MAX: GET */
	const char *uses;		/* a resource it must use; NULL = any */
	const char *metric, *mode; /* cost type it must offer; NULL = any. "delay-ow" also finds
				    * "delay-ow:cur"; what is found stands in *type */
	const char *after;	   /* id of the last one found; NULL = from the first */
};
struct alto_ird_type {
	char metric[ALTO_METRIC_LEN];
	char mode[ALTO_METRIC_LEN];
	bool constraints;
};
const struct alto_ird_entry *alto_ird_pick(const struct alto_ird *ird,
					   const struct alto_ird_want *want,
					   struct alto_ird_type *type);
bool alto_ird_uses(const struct alto_ird_entry *e, const char *id);
/* Reference of RFC 3986, 5.2 against base; to free(). NULL: no memory or no such URI. */
char *alto_uri_resolve(const char *base, const char *ref);
/* Scheme, host and port are the same: what is secret to one may be sent to the other. */
bool alto_uri_same_origin(const char *a, const char *b);

/* ---- network map ---- */
struct alto_netmap {
	json_t *root;
	struct alto_vtag vtag;
	json_t *pids;	    /* PID -> {ipv4: [], ipv6: []}; borrowed from root */
	const char **names; /* of the PIDs, in their order */
	uint32_t n_pids;
	const char *rest4, *rest6; /* PIDs of 0.0.0.0/0 and ::/0; NULL = none */
	struct alto_lpm *lpm;
};
/* want: vtag.resource-id must be this; NULL = any. */
int alto_netmap_parse(const char *text, size_t len, const char *want, struct alto_netmap **out,
		      struct err *err);
/* The same of JSON that was patched; root is taken, also on failure. */
int alto_netmap_check(json_t *root, const char *want, struct alto_netmap **out, struct err *err);
void alto_netmap_free(struct alto_netmap *map);
/* Longest prefix; NULL: none covers it. */
const char *alto_netmap_match(const struct alto_netmap *map, const struct alto_prefix *endpoint);

/* ---- cost map, endpoint cost map ---- */
struct alto_costmap_want {
	const struct alto_netmap *map; /* dependent vtag and PIDs must be its; NULL: not checked */
	const char *metric, *mode;     /* NULL: any */
	bool endpoints;		       /* endpoint-cost-map */
};
struct alto_costmap {
	json_t *root;
	struct alto_vtag depends; /* "" with endpoints */
	char metric[ALTO_METRIC_LEN], mode[ALTO_METRIC_LEN];
	json_t *costs; /* src -> {dst: number, or array for mode array} */
};
/* Refused: none or two dependent vtags, one that is not `map`'s (-ESTALE: ask for the map again),
 * a PID that map has not, another cost type than asked for, a cost that is no number. */
int alto_costmap_parse(const char *text, size_t len, const struct alto_costmap_want *want,
		       struct alto_costmap **out, struct err *err);
int alto_costmap_check(json_t *root, const struct alto_costmap_want *want,
		       struct alto_costmap **out, struct err *err);
void alto_costmap_free(struct alto_costmap *map);
/* false: not there. */
bool alto_costmap_cost(const struct alto_costmap *map, const char *src, const char *dst,
		       double *out);

/* ---- property map (RFC 9240) ---- */
struct alto_propmap {
	json_t *root;
	struct alto_vtag depends[4];
	unsigned int n_depends;
	json_t *entities; /* "domains.pid:AS1" -> {property: value} */
};
int alto_propmap_parse(const char *text, size_t len, const struct alto_netmap *map,
		       struct alto_propmap **out, struct err *err);
int alto_propmap_check(json_t *root, const struct alto_netmap *map, struct alto_propmap **out,
		       struct err *err);
void alto_propmap_free(struct alto_propmap *map);
/* Number of a property: itself a number, text of one, or an array whose first element is. */
bool alto_propmap_number(const struct alto_propmap *map, const char *entity, const char *property,
			 double *out);

/* ---- path vectors (RFC 9275): multipart/related of exactly two parts ---- */
struct alto_pv {
	struct alto_costmap *costs; /* mode array, metric ane-path */
	struct alto_propmap *props; /* of exactly the ANEs that costs name */
};
/* content_type: with its boundary and type. Refused: one part or three, an end that is missing, no
 * or wrong Content-ID, a property map that depends on something else, an ANE without entry (and the
 * other way round). `sg` answers: costs are arrays of arrays two levels deeper. */
int alto_pv_parse(const char *text, size_t len, const char *content_type,
		  const struct alto_netmap *map, bool sg, struct alto_pv **out, struct err *err);
void alto_pv_free(struct alto_pv *pv);

/* ---- errors of a server ---- */
/* Always fills err, from application/alto-error+json or from whatever text it is. */
void alto_error_parse(const char *text, size_t len, long status, struct err *err);

/* ---- server-sent events (as RFC 8895 uses them) ---- */
#define ALTO_EVENT_LINE_MAX (16u << 20)
struct alto_event {
	/* event: field: "media-type,data-id" or "application/alto-updatestreamcontrol+json" */
	char type[192];
	char *data;
	size_t len;
};
struct alto_events; /* a parser that is fed as bytes come */
struct alto_events *alto_events_new(void);
void alto_events_free(struct alto_events *e);
/* each() for every whole event; it may stop the parser by returning non-zero, which is returned.
 * -EFBIG, -ENOMEM. */
int alto_events_feed(struct alto_events *e, const char *bytes, size_t len,
		     int (*each)(void *arg, const struct alto_event *event), void *arg);
/* The same one by one: from bytes, which are moved on, the next whole event (1), whose data is kept
 * until the next call; 0: nothing is left; -EFBIG, -ENOMEM. */
int alto_events_next(struct alto_events *e, const char **bytes, size_t *len,
		     struct alto_event *out);
/* Its data, which stays where it is, to free(). NULL: it is empty. */
char *alto_events_take(struct alto_events *e);
/* "application/merge-patch+json,my-cost.part" -> media and the substream's ID (and part). -EINVAL.
 */
struct alto_event_name {
	enum alto_media media;
	char substream[ALTO_NAME_LEN], part[ALTO_NAME_LEN];
};
int alto_event_name(const char *type, struct alto_event_name *out);
/* Control event: {"control-uri", "started", "stopped", "description"}. */
int alto_control_parse(const char *text, size_t len, json_t **out, struct err *err);

#endif
