/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which paths lead to a gateway, and which instances are behind it. */
#include "orc/orc_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct orc_gateway *orc_gateway_find(const struct orc *orc, const char *name)
{
	struct orc_gateway *gw;

	HASH_FIND_STR(orc->gateways, name, gw);
	return gw;
}

static struct orc_gateway *gateway_need(struct orc *orc, const char *name)
{
	struct orc_gateway *gw = orc_gateway_find(orc, name);

	if (gw)
		return gw;
	gw = calloc(1, sizeof(*gw));
	if (!gw)
		return NULL;
	strcpy(gw->name, name);
	HASH_ADD_STR(orc->gateways, name, gw);
	if (!gw->hh.tbl) {
		free(gw);
		return NULL;
	}
	return gw;
}

static void gateway_free(struct orc *orc, struct orc_gateway *gw)
{
	HASH_DEL(orc->gateways, gw);
	free(gw->paths);
	free(gw);
}

static void gateway_release(struct orc *orc, struct orc_gateway *gw)
{
	if (gw->n_paths == 0 && !gw->instances)
		gateway_free(orc, gw);
}

int orc_gateway_join(struct orc *orc, struct orc_instance *inst, const char *name)
{
	struct orc_gateway *gw = gateway_need(orc, name);

	if (!gw)
		return -ENOMEM;
	DL_APPEND(gw->instances, inst);
	inst->gateway = gw;
	return 0;
}

void orc_gateway_leave(struct orc *orc, struct orc_instance *inst)
{
	struct orc_gateway *gw = inst->gateway;

	if (!gw)
		return;
	DL_DELETE(gw->instances, inst);
	inst->gateway = NULL;
	gateway_release(orc, gw);
}

int orc_gateway_path(const struct orc_gateway *gw, const struct view_path *path)
{
	for (unsigned int i = 0; i < gw->n_paths; i++)
		if (gw->paths[i] == path)
			return i;
	return -1;
}

static int paths_grow(struct orc_gateway *gw)
{
	unsigned int cap = gw->cap_paths ? 2 * gw->cap_paths : 4;
	struct view_path **paths;

	if (gw->n_paths < gw->cap_paths)
		return 0;
	paths = reallocarray(gw->paths, cap, sizeof(*paths));
	if (!paths)
		return -ENOMEM;
	gw->paths = paths;
	gw->cap_paths = cap;
	return 0;
}

int orc_gateway_add_path(struct orc *orc, struct view_path *path)
{
	struct orc_gateway *gw = gateway_need(orc, path->def.gateway);

	if (!gw)
		return -ENOMEM;
	if (paths_grow(gw)) {
		gateway_release(orc, gw);
		return -ENOMEM;
	}
	gw->paths[gw->n_paths++] = path;
	return 0;
}

bool orc_gateway_drop_path(struct orc *orc, struct view_path *path)
{
	struct orc_gateway *gw = orc_gateway_find(orc, path->def.gateway);
	int i = gw ? orc_gateway_path(gw, path) : -1;

	if (i < 0)
		return false;
	gw->paths[i] = gw->paths[--gw->n_paths];
	gateway_release(orc, gw);
	return true;
}

void orc_gateways_fini(struct orc *orc)
{
	struct orc_gateway *gw, *next;

	HASH_ITER(hh, orc->gateways, gw, next)
		gateway_free(orc, gw);
}
