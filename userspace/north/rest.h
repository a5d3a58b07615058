/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside north: one request from its first header to its answer. The router hands it to a handler
 * with decoded parameters and parsed body; the handler answers exactly once with one of the
 * rest_..() functions, now, or later if it took a hold (rest_hold, rest_write). The object outlives
 * its connection and the interface while it is held.
 */
#ifndef NORTH_REST_H
#define NORTH_REST_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "north/north.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/json.h"
#include "util/log.h"
#include "util/name.h"
#include "util/own.h"

#define REST_PARAMS 3
#define REST_PEER_LEN 64

enum rest_method { REST_GET, REST_PUT, REST_PATCH, REST_DELETE, REST_POST, REST_METHOD_MAX };

enum rest_body {
	BODY_NONE,     /* one is refused */
	BODY_JSON,     /* NORTH_BODY_MAX, application/json */
	BODY_MERGE,    /* also application/merge-patch+json */
	BODY_LARGE,    /* NORTH_BATCH_MAX, application/json */
	BODY_BATCH,    /* NORTH_BATCH_MAX, application/json or application/x-ndjson; not parsed */
	BODY_SNAPSHOT, /* NORTH_SNAPSHOT_MAX, application/x-ndjson; not parsed */
	BODY_ALTO,     /* NORTH_BATCH_MAX, what the resource takes: req->takes; not parsed */
	BODY_SCRIPT,   /* NEMO_SCRIPT_MAX, text/plain or application/nemo; not parsed */
};

struct req;
struct conn;
struct rest_stream;
struct rest_resource;
struct share;
struct shares;
struct alto_adds;
struct rest_action {
	void (*handle)(struct req *req); /* NULL: method not possible here */
	bool (*admit)(struct req *req);	 /* before the body comes; false: answered. NULL: all */
	enum rest_body body;
	bool paged;		  /* takes ?limit= and ?after= */
	bool text;		  /* answers text/plain, not JSON */
	bool ndjson;		  /* answers application/x-ndjson */
	bool alto;		  /* answers what admit has put into req->gives */
	bool events;		  /* answers text/event-stream */
	bool local;		  /* on the unix socket only: 403 on TCP */
	bool exclusive;		  /* one at a time, from before its body is read: 503 */
	const char *const *query; /* names of further parameters, NULL-terminated; NULL = none */
};
struct route {
	const char *pattern; /* "/v1/services/{id}"; "/alto/{resource*}": the rest of the path */
	struct rest_action on[REST_METHOD_MAX];
};

/* Text that several answers share. */
struct rest_blob {
	unsigned int refs;
	struct shares *counted; /* its bytes are in there; NULL: they are not, it is kept */
	size_t len;
	char *data; /* malloc'ed */
};

struct rest_header {
	const char *name;
	char value[64];
};
#define REST_HEADERS 4
#define REST_ETAG_LEN 96
#define REST_TYPES 2
#define REST_RETRY_S 5 /* Retry-After of a 503 that is about too much at once */

struct req {
	unsigned int refs;
	struct north *north;	     /* NULL: closed meanwhile */
	struct MHD_Connection *conn; /* NULL: client gone */
	struct conn *from;	     /* while conn is there */
	struct share *share;	     /* of who asks; a reference. NULL: refused before, or closed */
	size_t taken, body_taken;    /* bytes in share, of these in share->all, too */
	struct req *prev, *next;     /* north's */
	uint64_t number;
	char peer[REST_PEER_LEN];
	const char *method;    /* as sent; "?" when unknown */
	enum rest_method verb; /* HEAD is GET */
	char path[256];	       /* as sent, cut: for the log */
	const struct rest_action *action;
	char *segments; /* decoded path, cut at its slashes */
	const char *param[REST_PARAMS];
	uint64_t id;	 /* rest_service_id */
	char object[96]; /* "service 0x101", for errors */

	char *data; /* body as collected */
	size_t len, cap, max;
	struct alto_adds *adds; /* alto_stream.c: asked one by one; owned */
	size_t got;		/* bytes of body that came, also when they are freed */
	bool ndjson;
	json_t *body; /* parsed; NULL for BODY_NONE, BODY_BATCH and on */

	const char *gives[REST_TYPES]; /* media types of an ALTO answer; none: whatever */
	const char *takes[REST_TYPES]; /* of its body; none: those of action->body */
	char who[ALTO_NAME_LEN];       /* name of the principal; "" = none, or the unix socket */
	enum north_role role;	       /* NORTH_ADMIN on the unix socket; of who, else */
	unsigned int counted;	       /* enum alto_service + 1; 0 = none */

	bool dispatched, suspended, answered, queued;
	bool quiet;		    /* a change that is not worth a line above debug */
	bool made_patch;	    /* PATCH without a condition of the client's */
	unsigned int status;	    /* of the answer */
	char *answer;		    /* NULL = without body */
	struct rest_blob *blob;	    /* instead of answer; a reference */
	struct rest_stream *stream; /* the body comes in pieces, until it is gone */
	const char *type;
	char etag[REST_ETAG_LEN], allow[48];
	char own_type[192];			  /* for type, when it is made for this answer */
	const char *cache;			  /* Cache-Control; NULL = no-store */
	struct rest_header headers[REST_HEADERS]; /* up to the first without a name */
	bool close;				  /* the connection behind the answer */

	void (*show)(struct req *req, bool created); /* rest_write */
	void (*show_fresh)(struct req *req);	     /* observe_fresh */
	const struct rest_resource *resource;	     /* resource.c */
};

/* ---- request.c ---- */
void rest_hold(struct req *req);
void rest_put(struct req *req);
/* MHD's callbacks; cls is the struct north. */
enum MHD_Result rest_on_request(void *cls, struct MHD_Connection *conn, const char *url,
				const char *method, const char *version, const char *data,
				size_t *size, void **ctx);
void rest_on_completed(void *cls, struct MHD_Connection *conn, void **ctx,
		       enum MHD_RequestTerminationCode code);
/* The interface closes: answers 503 what waits, lets go of the rest. */
void rest_abort(struct req *req);

/* ---- body.c ---- */
/* The share of whoever asks; false: answered. */
bool rest_join_share(struct req *req);
/* So many bytes of answer are under way, until the request ends. */
void rest_take_answer(struct req *req, size_t bytes);
/* Before the interface is gone. */
void rest_leave_share(struct req *req);
/* What the action takes -> req->max; req->object is the body. */
void rest_body_limit(struct req *req);
/* What the request says will come: -EINVAL, -EFBIG, -EAGAIN (with Retry-After). */
int rest_body_announced(struct req *req, struct err *err);
/* Takes what has come: for rest_on_request. */
enum MHD_Result rest_body_collect(struct req *req, const char *data, size_t *size);
/* The whole of it -> req->body, if the action wants JSON. */
int rest_body_parse(struct req *req, struct err *err);
/* The body is not needed any more. */
void rest_drop_body(struct req *req);

/* ---- reply.c ---- */
/* All answer; a second answer is ignored. _json and _object take value; NULL: 500. */
void rest_json(struct req *req, unsigned int status, json_t *value);
/* With "revision" and ETag; GET honours If-None-Match. */
void rest_object(struct req *req, unsigned int status, json_t *value, int64_t revision);
void rest_empty(struct req *req, unsigned int status);
/* text is taken. */
void rest_plain(struct req *req, char *text, const char *type);
/* data is taken, also on failure. NULL: no memory. */
struct rest_blob *rest_blob_new(char *data, size_t len);
void rest_blob_put(void *blob); /* NULL is allowed */
/* Nobody keeps blob any more, or ever will: its bytes count in shares. */
void rest_blob_count(struct rest_blob *blob, struct shares *shares);
/* Takes a reference of blob; NULL: 500. type is static or lives as long as north does. */
void rest_blob(struct req *req, unsigned int status, struct rest_blob *blob, const char *type);
/* One more header of the answer; name is static. */
void rest_header(struct req *req, const char *name, const char *value, ...)
	__attribute__((format(printf, 3, 4)));
/* Retry-After: for whatever is too much at once. */
void rest_retry_later(struct req *req);
/* Status by err->code; the request's object is named where err names none. */
void rest_fail(struct req *req, const struct err *err);
void rest_problem(struct req *req, unsigned int status, const struct err *err);
/* With further members, which are taken; NULL: none. */
void rest_problem_more(struct req *req, unsigned int status, const struct err *err, json_t *more);
unsigned int rest_status_of(int code);
/* {type, title, status, detail, field, value}; new reference. */
json_t *rest_problem_json(unsigned int status, const struct err *err);
/* Whole HTTP answer on a connection that MHD has not begun to answer on. */
void rest_raw_problem(const struct conn *conn, unsigned int status, const struct err *err);
char *rest_text(const json_t *value);

/* ---- framing.c ---- */
/* What libmicrohttpd lets pass and must not be: 0 or the HTTP status, err filled. */
unsigned int rest_framing(struct MHD_Connection *conn, const char *version, struct err *err);
/* Whether Host is a loopback address or localhost, with any port: on TCP any other one comes from a
 * browser that was told that a foreign name has a loopback address. */
bool rest_host_is_loopback(struct MHD_Connection *conn);
/* A header of the request, the first of that name; NULL: it is not there. */
const char *rest_asked(struct MHD_Connection *conn, const char *name);
/* Announced length, 0 if none. */
uint64_t rest_content_length(struct MHD_Connection *conn);

/* ---- media.c ---- */
/* Content-Type and Accept against req->takes and req->gives, which follow from the action unless
 * they are set: 0, 415 or 406. */
unsigned int rest_media(struct req *req, struct err *err);
/* Whether Accept-Encoding allows gzip. */
bool rest_takes_gzip(struct req *req);
/* Whether the answer may be of that type. */
bool rest_takes(struct req *req, const char *type);

/* ---- router.c ---- */
/* Finds req->action and parameters, or answers (400, 404, 405). */
void rest_route(struct req *req, const char *url);
/* All there are. */
const struct route *rest_routes(size_t *n);
/* Percent-decodes text in place. -EINVAL: bad escape, NUL, slash; _query: slashes are text. */
int rest_decode(char *text);
int rest_decode_query(char *text);

/* ---- params.c ---- */
/* Decoded parameter i is a name or service ID; false: answered. */
bool rest_name(struct req *req, int i, const char *what);
bool rest_service_id(struct req *req, int i); /* -> req->id, req->object */
struct rest_page {
	unsigned int limit;
	const char *after; /* NULL = from the start */
};
bool rest_page(struct req *req, struct rest_page *page);
/* page.after as a service ID; NULL: *id is left alone. */
bool rest_after_id(struct req *req, const char *after, uint64_t *id);
/* Refuses every query parameter. */
bool rest_no_query(struct req *req);
/* Hands each parameter that the action takes, decoded, to read, which fills err when it refuses.
 * False: answered. */
bool rest_query(struct req *req,
		int (*read)(void *arg, const char *name, const char *value, struct err *err),
		void *arg);
/* Decimal digits only, min..max. -EINVAL. */
int rest_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);
/* "true" or "false" of the parameter ?name=, for rest_query's read. -EINVAL: *out is left alone. */
int rest_flag(const char *name, const char *value, bool *out, struct err *err);
/* If-Match, If-None-Match and the body's "revision" (taken out) -> if_revision. */
struct rest_present {
	bool exists;
	int64_t revision;
};
bool rest_condition(struct req *req, struct rest_present present, int64_t *if_revision);
bool rest_etag_matches(struct req *req, int64_t revision);
/* If-None-Match holds this entity tag (quoted), or is "*". */
bool rest_etag_is(struct req *req, const char *etag);
/* The object does not exist: 404. */
void rest_absent(struct req *req);

/* ---- write.c ---- */
/* Holds the request; the answer follows from the module's callback: a problem, or show(). */
struct ncsdb_write_done rest_write(struct req *req, void (*show)(struct req *req, bool created));
/* r: what the module returned for that write. */
void rest_wrote(struct req *req, int r, struct err *err);
void rest_audit(struct req *req, unsigned int status, int64_t revision);
/* A PATCH without condition of its own holds for the revision that was read. */
void rest_patch_condition(struct req *req, int64_t read, int64_t *if_revision);
void rest_show_empty(struct req *req, bool created); /* 204 */

/* ---- pick.c: the first items of an unsorted set ---- */
struct pick {
	const void **v; /* a heap, the largest on top, until pick_sort */
	size_t n, max;
	int (*cmp)(const void *a, const void *b);
};
int pick_init(struct pick *pick, size_t max, int (*cmp)(const void *, const void *));
void pick_add(struct pick *pick, const void *item);
void pick_sort(struct pick *pick);
void pick_fini(struct pick *pick);
/* For a page's items and one more; false: answered 500. */
bool rest_pick(struct req *req, const struct rest_page *page, struct pick *pick,
	       int (*cmp)(const void *, const void *));
/* Answers {"items": [...], "next"}: sorts pick, of which one more than the page's limit was asked
 * for; name writes an item's name for `next`. Ends the pick. */
struct rest_lister {
	json_t *(*item)(struct req *req, const void *item);
	const char *(*name)(const void *item, char *buf, size_t size);
};
void rest_list(struct req *req, const struct rest_page *page, struct pick *pick,
	       const struct rest_lister *lister);

/* ---- services.c: the registered ones ---- */
const struct view_service *rest_service(const struct req *req); /* req->id's */
void rest_list_services(struct req *req, const struct rest_lister *lister);
const char *rest_service_name(const void *item, char *buf, size_t size);
int rest_by_id(const void *a, const void *b);

/* ---- instances.c ---- */
/* {"count", "capacity"} of what a gateway says; new reference. */
json_t *rest_aggregate(const struct view_instance *inst);

/* ---- attrs.c ---- */
/* Ages count on while the database is away, though nothing is excluded for them. */
json_t *rest_attributes(const struct view *view, const struct samples *set);

/* ---- handlers ---- */
void health_get(struct req *req);
void ready_get(struct req *req);
void status_get(struct req *req);
void openapi_get(struct req *req);
void services_get(struct req *req);
void service_get(struct req *req);
void service_put(struct req *req);
void service_patch(struct req *req);
void service_delete(struct req *req);
void service_explain(struct req *req);
void service_history(struct req *req);
void instances_get(struct req *req);
void instances_all_get(struct req *req);
void instance_get(struct req *req);
void instance_put(struct req *req);
void instance_delete(struct req *req);
void instance_status_patch(struct req *req);
void gateways_get(struct req *req);
void gateway_get(struct req *req);
void gateway_put(struct req *req);
void gateway_patch(struct req *req);
void gateway_delete(struct req *req);
void paths_get(struct req *req);
void path_get(struct req *req);
void path_put(struct req *req);
void path_patch(struct req *req);
void path_delete(struct req *req);
void network_patch(struct req *req);
void batch_post(struct req *req);
void agent_put(struct req *req);
void agent_keepalive(struct req *req);
void agent_delete(struct req *req);
void entries_get(struct req *req);
void entry_get(struct req *req);
void nexthops_get(struct req *req);
void sids_get(struct req *req);
void stats_get(struct req *req);
void classes_get(struct req *req);
void class_get(struct req *req);
void class_put(struct req *req);
void class_patch(struct req *req);
void class_delete(struct req *req);
void events_get(struct req *req);
void trace_get(struct req *req);
void trace_put(struct req *req);
void trace_delete(struct req *req);
void metrics_get(struct req *req);
bool alto_admit(struct req *req);
void alto_get(struct req *req);
void alto_post(struct req *req);
bool alto_control_admit(struct req *req);
bool alto_tips_admit(struct req *req);
void alto_updates_control(struct req *req);
void alto_tips_get(struct req *req);
void alto_tips_next_post(struct req *req);
void alto_sources_get(struct req *req);
/* admit of /broker: 404 without a broker, 403 for readers */
bool auth_broker(struct req *req);
void domains_get(struct req *req);
void domains_put(struct req *req);
void domain_get(struct req *req);
void domain_put(struct req *req);
void domain_delete(struct req *req);
void links_get(struct req *req);
void link_get(struct req *req);
void link_put(struct req *req);
void link_delete(struct req *req);
/* admit of /v1/nemo: 404 without intent */
bool nemo_admit_req(struct req *req);
void nemo_state_get(struct req *req);
void nemo_check_post(struct req *req);
void nemo_plan_post(struct req *req);
void nemo_apply_post(struct req *req);
void nemo_confirm_post(struct req *req);
void nemo_rollback_post(struct req *req);
void nemo_history_get(struct req *req);
void nemo_revision_get(struct req *req);
void nemo_export_get(struct req *req);
void nemo_diff_get(struct req *req);
void nemo_operations_get(struct req *req);
void nemo_connections_get(struct req *req);
void nemo_hosts_get(struct req *req);
void nemo_listeners_get(struct req *req);
void nemo_explain_get(struct req *req);
void nemo_query_post(struct req *req);
void nemo_events_get(struct req *req);
void nemo_clock_get(struct req *req);
void nemo_clock_put(struct req *req);
void database_keys(struct req *req);
void database_watch(struct req *req);
void database_compact(struct req *req);
void database_snapshot(struct req *req);
void database_restore(struct req *req);

#endif
