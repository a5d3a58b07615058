/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside north: what can be read, put, patched and deleted by its name. A resource says what it is
 * called, where it is found and who writes it; conditions, statuses and answers are the same for
 * all of them and are here only.
 */
#ifndef NORTH_RESOURCE_H
#define NORTH_RESOURCE_H

#include "north/server.h"

struct rest_resource {
	bool (*names)(struct req *req);		    /* checks the parameters; false: answered */
	const void *(*find)(const struct req *req); /* in the view; NULL = absent */
	int64_t (*revision)(const void *item);
	/* without its revision; NULL: no memory */
	json_t *(*shown)(const struct view *view, const void *item);
	/* what a patch is merged into; NULL: no PATCH */
	json_t *(*stored)(const struct view *view, const void *item);
	int (*put)(struct req *req, const json_t *obj, int64_t if_revision,
		   struct ncsdb_write_done done, struct err *err);
	int (*del)(struct req *req, int64_t if_revision, struct ncsdb_write_done done,
		   struct err *err);
};

void rest_resource_get(struct req *req, const struct rest_resource *resource);
void rest_resource_put(struct req *req, const struct rest_resource *resource);
void rest_resource_patch(struct req *req, const struct rest_resource *resource);
void rest_resource_delete(struct req *req, const struct rest_resource *resource);
/* As in a list: shown, with "revision". */
json_t *rest_resource_item(const struct req *req, const struct rest_resource *resource,
			   const void *item);

/* The router's handler `name` for the file's own `resource`. */
#define REST_HANDLER(name, verb)                                                                   \
	void name(struct req *req)                                                                 \
	{                                                                                          \
		rest_resource_##verb(req, &resource);                                              \
	}

#endif
