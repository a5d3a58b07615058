/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parsers of the client share: members that many answers have. Fields in err are JSON
 * pointers. */
#ifndef ALTO_CLIENT_INT_H
#define ALTO_CLIENT_INT_H

#include "alto/client.h"
#include "util/json.h"

#define CLIENT_TEXT 96

/* value as text for a message, cut; NULL: "". Returns buf. */
const char *client_text(const json_t *value, char buf[CLIENT_TEXT]);
/* root["meta"], which must be there. */
int client_meta(const json_t *root, json_t **out, struct err *err);
/* obj[name] as a version tag: err "/name/tag". */
int client_vtag(const json_t *obj, const char *name, struct alto_vtag *out, struct err *err);
/* meta's dependent-vtags: n of them, at most max; absent: 0. */
int client_vtags(const json_t *meta, struct alto_vtag *v, unsigned int max, unsigned int *n,
		 struct err *err);
/* A map that the answer must depend on: -ESTALE with another tag. field: where it stands. */
int client_depends(const struct alto_vtag *is, const struct alto_vtag *want, const char *field,
		   struct err *err);
/* Member as a non-empty array's or object's strings: each holds a valid name by `valid`. NULL
 * array: absent. */
int client_strings(const json_t *obj, const char *name, json_t **out, struct err *err);

/* A cost map of a path vector answer: sg: vectors stand two levels deeper, as arrays of them. root
 * is taken, also on failure. */
struct client_costmap_want {
	struct alto_costmap_want want;
	bool sg;
};
int client_costmap(json_t *root, const struct client_costmap_want *want, struct alto_costmap **out,
		   struct err *err);
/* Every ANE that a vector of value names, at whatever depth, in order; non-zero of each() ends. */
int client_ane_each(const json_t *value, int (*each)(void *arg, const char *name), void *arg);

/* One part of multipart/related. Texts are borrowed from the body. */
#define CLIENT_PARTS_MAX 2
struct client_part {
	char id[ALTO_NAME_LEN];			 /* of "<id@domain>" */
	char content_id[2 * ALTO_NAME_LEN + 64]; /* with "<" and ">" */
	enum alto_media media;
	const char *body;
	size_t len;
};
struct client_multipart {
	struct client_part parts[CLIENT_PARTS_MAX];
	unsigned int root; /* `start`, or the first */
	enum alto_media type;
};
int client_multipart(const char *text, size_t len, const char *content_type,
		     struct client_multipart *out, struct err *err);

#endif
