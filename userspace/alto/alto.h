/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Words of the ALTO protocol (RFC 7285 and its extensions): media types, names, metrics, errors,
 * and the text that answers are written into. This directory is pure: no I/O, no clock, no log,
 * no global state; time and addresses are arguments. Server side: source.h (what there is),
 * server.h (requests to answers), update.h (what changed). Client side: client.h. chain.h is both.
 */
#ifndef ALTO_H
#define ALTO_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALTO_NAME_LEN 65   /* PIDName, ResourceID with NUL (RFC 7285, 10.1, 10.2) */
#define ALTO_ID_LEN 32	   /* of our own resources */
#define ALTO_TAG_LEN 65	   /* RFC 7285, 10.3 */
#define ALTO_METRIC_LEN 33 /* RFC 7285, 10.6 */
#define ALTO_ANSWER_MAX (64u << 20)

/* ---- media types (RFC 7285, 11; 9240, 12; 8895, 13; 9569, 10) ---- */

/* X(ID, "type") */
#define ALTO_MEDIA(X)                                                                              \
	X(DIRECTORY, "application/alto-directory+json")                                            \
	X(NETWORKMAP, "application/alto-networkmap+json")                                          \
	X(NETWORKMAPFILTER, "application/alto-networkmapfilter+json")                              \
	X(COSTMAP, "application/alto-costmap+json")                                                \
	X(COSTMAPFILTER, "application/alto-costmapfilter+json")                                    \
	X(ENDPOINTPROP, "application/alto-endpointprop+json")                                      \
	X(ENDPOINTPROPPARAMS, "application/alto-endpointpropparams+json")                          \
	X(ENDPOINTCOST, "application/alto-endpointcost+json")                                      \
	X(ENDPOINTCOSTPARAMS, "application/alto-endpointcostparams+json")                          \
	X(ERROR, "application/alto-error+json")                                                    \
	X(PROPMAP, "application/alto-propmap+json")                                                \
	X(PROPMAPPARAMS, "application/alto-propmapparams+json")                                    \
	X(UPDATESTREAMCONTROL, "application/alto-updatestreamcontrol+json")                        \
	X(UPDATESTREAMPARAMS, "application/alto-updatestreamparams+json")                          \
	X(TIPS, "application/alto-tips+json")                                                      \
	X(TIPSPARAMS, "application/alto-tipsparams+json")                                          \
	X(MERGE_PATCH, "application/merge-patch+json")                                             \
	X(EVENT_STREAM, "text/event-stream")                                                       \
	X(PV_COSTMAP, "multipart/related;type=application/alto-costmap+json")                      \
	X(PV_ENDPOINTCOST, "multipart/related;type=application/alto-endpointcost+json")

/* clang-format off */
enum alto_media {
#define X(id, type) ALTO_MEDIA_##id,
	ALTO_MEDIA(X)
#undef X
	ALTO_MEDIA_MAX,
};
/* clang-format on */
const char *alto_media_type(enum alto_media media);
/* By type and subtype, whatever parameters and case; multipart/related: by its type parameter,
 * quoted or not. ALTO_MEDIA_MAX: none of ours. */
enum alto_media alto_media_parse(const char *text);

/* ---- names ---- */

/* 1..64 of [A-Za-z0-9:@_-]; with dots: "." too (entity and property names). */
bool alto_name_valid(const char *text);
bool alto_name_valid_dots(const char *text);
bool alto_tag_valid(const char *text); /* 1..64 of 0x21..0x7E */

/* "ipv4:192.0.2.1", "ipv6:2001:db8::1" (RFC 7285, 10.4.3); prefixes "192.0.2.0/24". Family 4 or 6;
 * bits beyond len are zero. -EINVAL: no such text, host bits set, another family. */
struct alto_prefix {
	uint8_t family, len;
	uint8_t addr[16];
};
int alto_endpoint_parse(const char *text, struct alto_prefix *out); /* len 32 or 128 */
/* Of an address; an IPv4-mapped one is IPv4. */
struct alto_prefix alto_endpoint_of(const struct in6_addr *addr);
int alto_prefix_parse(const char *text, int family, struct alto_prefix *out);
#define ALTO_ENDPOINT_LEN 64
const char *alto_endpoint_text(const struct alto_prefix *p, char buf[ALTO_ENDPOINT_LEN]);
const char *alto_prefix_text(const struct alto_prefix *p, char buf[ALTO_ENDPOINT_LEN]);

/* ---- metrics (RFC 7285, 10.6; 9439; 9275) ---- */

enum alto_metric {
	ALTO_ROUTINGCOST,     /* sum along the path */
	ALTO_HOPCOUNT,	      /* links of the path */
	ALTO_DELAY_OW,	      /* microseconds */
	ALTO_DELAY_RT,	      /* there and back */
	ALTO_DELAY_VARIATION, /* microseconds */
	ALTO_LOSSRATE,	      /* percent */
	ALTO_BW_RESIDUAL,     /* bytes per second: what may still be reserved */
	ALTO_BW_AVAILABLE,    /* bytes per second: what is free now */
	ALTO_TPUT,	      /* bytes per second; known to the client only */
	ALTO_ANE_PATH,	      /* RFC 9275, mode array */
	ALTO_METRIC_MAX
};
enum alto_mode { ALTO_NUMERICAL, ALTO_ORDINAL, ALTO_ARRAY, ALTO_MODE_MAX };
const char *alto_metric_name(enum alto_metric metric); /* "delay-ow" */
const char *alto_mode_name(enum alto_mode mode);
/* "delay-ow", "delay-ow:p95" (RFC 9439, 3.2: *stat is the operator behind the colon, within text,
 * or NULL). ALTO_METRIC_MAX: none we know; then the name may still be valid (alto_metric_valid:
 * 1..32 characters, "priv:" and others alike). */
enum alto_metric alto_metric_parse(const char *text, const char **stat);
bool alto_metric_valid(const char *text);
/* A stat operator of RFC 9439, table 3.2: cur, min, max, mean, median, stddev, stdvar, p<n>. */
bool alto_stat_valid(const char *text);
bool alto_metric_more_is_better(enum alto_metric metric); /* bandwidths */

/* ---- errors (RFC 7285, 8.5) ---- */

enum alto_code {
	ALTO_E_NONE,
	ALTO_E_SYNTAX,
	ALTO_E_MISSING_FIELD,
	ALTO_E_INVALID_FIELD_TYPE,
	ALTO_E_INVALID_FIELD_VALUE,
	ALTO_CODE_MAX
};
extern const char *const alto_code_names[ALTO_CODE_MAX];

struct alto_error {
	unsigned int status; /* 400 with a code; 404, 503 with why only; 0 = no error */
	enum alto_code code;
	char field[128]; /* full path: "cost-type/cost-metric" */
	char value[128]; /* as text, needs field */
	char syntax[160];
	char why[160]; /* what would be right, for the log and for people: member "why" of meta */
};
/* Fill e, return -EINVAL; value NULL = none. Texts are cut and cleaned. */
int alto_syntax(struct alto_error *e, const char *text);
int alto_missing(struct alto_error *e, const char *field, ...)
	__attribute__((format(printf, 2, 3)));
int alto_wrong_type(struct alto_error *e, const char *field, const char *want);
int alto_wrong_value(struct alto_error *e, const char *field, const char *value, const char *why,
		     ...) __attribute__((format(printf, 4, 5)));
/* -EBUSY: 503 and why. */
int alto_overload(struct alto_error *e, const char *why, ...) __attribute__((format(printf, 2, 3)));
json_t *alto_error_json(const struct alto_error *e); /* {"meta": {...}}; new reference */

/* ---- text under construction ---- */

/* Zero-initialised with max is empty. Errors stick in `failed` (-ENOMEM, -EFBIG beyond max). */
struct alto_out {
	char *data; /* NUL-terminated behind len; to free() */
	size_t len, cap, max;
	int failed;
};
void alto_put(struct alto_out *o, const char *text, size_t len);
void alto_puts(struct alto_out *o, const char *text);
void alto_putf(struct alto_out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
void alto_put_string(struct alto_out *o, const char *text); /* JSON string with quotes */
/* Shortest of at most 15 digits; integers without ".0". Finite ones only. */
void alto_put_number(struct alto_out *o, double value);
void alto_put_json(struct alto_out *o, const json_t *value);
void alto_out_fini(struct alto_out *o);

/* First 128 bits of SHA-256 over data, as 32 hex digits: tags that every replica computes alike. */
void alto_digest(const void *data, size_t len, char tag[ALTO_TAG_LEN]);

#endif
