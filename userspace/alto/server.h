/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ALTO server as a function: snapshot, resource, request body -> answer or error. What the
 * resources are follows from the snapshot; resource.c lists them, directory.c writes the IRD.
 * Called by north, which does HTTP; and by update.c, which asks again when the snapshot changed.
 */
#ifndef ALTO_SERVER_H
#define ALTO_SERVER_H

#include "alto/source.h"

#define ALTO_CELLS_MAX (1u << 20) /* costs of one answer; more: refused */
#define ALTO_NAMES_MAX 131072	  /* PIDs, endpoints or entities named in one request */
#define ALTO_COST_TYPES_MAX 16	  /* of one multi-cost request */
#define ALTO_CONSTRAINTS_MAX 64
#define ALTO_PATHS_DEFAULT 1000	    /* of one pair of domains in an `sg` answer; meta says if cut */
#define ALTO_PATH_STEPS_MAX 2000000 /* of looking for them, in one request */
#define ALTO_PATH_PIDS_MAX (1u << 22) /* of the paths that are found, in one request */
#define ALTO_SG_NODES_MAX 256	      /* nfs and saps together */
#define ALTO_SG_LINKS_MAX 1024
#define ALTO_SG_REQS_MAX 256
#define ALTO_PARTS_MAX 2

enum alto_service {
	ALTO_DIRECTORY,
	ALTO_NETWORK_MAP,
	ALTO_NETWORK_MAP_FILTER,
	ALTO_COST_MAP, /* one cost type */
	ALTO_COST_MAP_FILTER,
	ALTO_COST_MAP_PV, /* RFC 9275, and `sg` */
	ALTO_ENDPOINT_COST,
	ALTO_ENDPOINT_COST_PV,
	ALTO_ENDPOINT_PROP,
	ALTO_PROPERTY_MAP,
	ALTO_PROPERTY_MAP_FILTER,
	ALTO_UPDATE_STREAM,
	ALTO_TIPS_SERVICE,
	ALTO_SERVICE_MAX
};

struct alto_cost_type {
	enum alto_metric metric;
	enum alto_mode mode;
	char metric_text[ALTO_METRIC_LEN]; /* "delay-ow:cur" */
	char name[ALTO_METRIC_LEN + 4];	   /* in meta.cost-types: "num-delay-ow" */
};

struct alto_resource {
	enum alto_service service;
	char id[ALTO_ID_LEN];		 /* "domains-routingcost", ... */
	char path[80];			 /* absolute path of its URI: "/alto/costmap/domains/..." */
	struct alto_source *source;	 /* borrowed; NULL: of all (directory, updates, tips) */
	struct alto_cost_type cost_type; /* ALTO_COST_MAP */
	enum alto_media media, accepts;	 /* accepts ALTO_MEDIA_MAX: GET, else POST */
};

/* All resources of a snapshot, the directory first; lives as long as the snapshot. */
struct alto_resources {
	struct alto_snapshot *snap; /* held */
	struct alto_resource *v;
	unsigned int n;
};
int alto_resources_new(struct alto_snapshot *snap, struct alto_resources **out);
void alto_resources_free(struct alto_resources *all);
/* NULL: none. get: by path for GET, else for POST (both may share a path). */
const struct alto_resource *alto_resource_at(const struct alto_resources *all, const char *path,
					     bool get);
const struct alto_resource *alto_resource_named(const struct alto_resources *all, const char *id);
/* Cost types that a source's filtered maps offer; at most ALTO_COST_TYPES_MAX. */
unsigned int alto_cost_types(const struct alto_source *s, struct alto_cost_type *v);

struct alto_request {
	const struct alto_resources *all;
	const struct alto_resource *resource;
	const char *body; /* NULL: GET */
	size_t len;
	struct alto_prefix client; /* who asks; family 0 = not known (a unix socket) */
	const char *host;	   /* dot-atom of Content-IDs (RFC 9275, 6.6); NULL: "localhost" */
	uint64_t now_unix;
};
struct alto_reply {
	enum alto_media media;
	char tag[ALTO_TAG_LEN]; /* of the content, for ETag; "" = none */
	/* Multipart: with boundary, parts and their headers; content_type has the boundary. */
	char content_type[192];
	struct alto_out out;
};
/* 0; -EINVAL, -EBUSY with error filled; -ENOMEM. reply->out is the caller's to alto_out_fini(). Not
 * for ALTO_UPDATE_STREAM and ALTO_TIPS_SERVICE. */
int alto_answer(const struct alto_request *req, struct alto_reply *reply, struct alto_error *error);

/* ---- what alto_answer calls, one file each: netmap.c costmap.c endpoint.c props.c pv.c
 *      directory.c; body NULL for GET ---- */
int alto_directory_answer(const struct alto_request *req, const json_t *body,
			  struct alto_reply *reply, struct alto_error *error);
int alto_netmap_answer(const struct alto_request *req, const json_t *body, struct alto_reply *reply,
		       struct alto_error *error);
int alto_costmap_answer(const struct alto_request *req, const json_t *body,
			struct alto_reply *reply, struct alto_error *error);
int alto_endpoint_cost_answer(const struct alto_request *req, const json_t *body,
			      struct alto_reply *reply, struct alto_error *error);
int alto_endpoint_prop_answer(const struct alto_request *req, const json_t *body,
			      struct alto_reply *reply, struct alto_error *error);
int alto_props_answer(const struct alto_request *req, const json_t *body, struct alto_reply *reply,
		      struct alto_error *error);
int alto_pv_answer(const struct alto_request *req, const json_t *body, struct alto_reply *reply,
		   struct alto_error *error);

/* ---- request.c: readers that several of them share ---- */
/* The body as an object: E_SYNTAX with line and column. */
int alto_body(const char *text, size_t len, json_t **out, struct alto_error *error);
/* Members: absent leaves *out NULL (required: E_MISSING_FIELD); another type: E_INVALID_FIELD_TYPE.
 * path: "pids/" in front of name. */
int alto_get_object(const json_t *obj, const char *path, const char *name, bool required,
		    json_t **out, struct alto_error *error);
int alto_get_string(const json_t *obj, const char *path, const char *name, bool required,
		    const char **out, struct alto_error *error);
/* Elements that are no strings: E_INVALID_FIELD_VALUE on the array. More than max: the same. */
int alto_get_strings(const json_t *obj, const char *path, const char *name, bool required,
		     size_t max, json_t **out, struct alto_error *error);
/* {"cost-mode", "cost-metric"} -> one of those offered (v, n). */
int alto_get_cost_type(const json_t *obj, const char *path, const char *name, bool required,
		       const struct alto_cost_type *v, unsigned int n,
		       const struct alto_cost_type **out, struct alto_error *error);
/* {"resource-id", "tag"} of a network map. */
void alto_put_vtag(struct alto_out *o, const char *id, const char *tag);
void alto_put_cost_type(struct alto_out *o, const struct alto_source *s,
			const struct alto_cost_type *type);

#endif
