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

static int sites_grow(struct orc *orc)
{
	unsigned int cap = orc->cap_sites ? 2 * orc->cap_sites : 16;
	struct orc_gateway **sites;

	if (cap > ORC_MAX_SITES + 1)
		return -ENOSPC;
	sites = reallocarray(orc->sites, cap, sizeof(struct orc_gateway *));
	if (!sites)
		return -ENOMEM;
	memset(sites + orc->cap_sites, 0, (cap - orc->cap_sites) * sizeof(struct orc_gateway *));
	orc->sites = sites;
	orc->cap_sites = cap;
	return 0;
}

/* A number that nobody has: looked for where the last one was found. There is one: number 0 stays
 * free, too. */
static uint16_t site_free(struct orc *orc)
{
	do
		orc->last_site = (orc->last_site + 1) % orc->cap_sites;
	while (!orc->last_site || orc->sites[orc->last_site]);
	return (uint16_t)orc->last_site;
}

static int gateway_new(struct orc *orc, const char *name, struct orc_gateway **out)
{
	bool full = HASH_COUNT(orc->gateways) + 1 >= orc->cap_sites;
	int r = full ? sites_grow(orc) : 0;
	struct orc_gateway *gw;

	if (r)
		return r;
	gw = calloc(1, sizeof(*gw));
	if (!gw)
		return -ENOMEM;
	strcpy(gw->name, name);
	HASH_ADD_STR(orc->gateways, name, gw);
	if (!gw->hh.tbl) {
		free(gw);
		return -ENOMEM;
	}
	gw->site = site_free(orc);
	orc->sites[gw->site] = gw;
	*out = gw;
	return 0;
}

static int gateway_need(struct orc *orc, const char *name, struct orc_gateway **out)
{
	*out = orc_gateway_find(orc, name);
	return *out ? 0 : gateway_new(orc, name, out);
}

static void gateway_free(struct orc *orc, struct orc_gateway *gw)
{
	HASH_DEL(orc->gateways, gw);
	orc->sites[gw->site] = NULL;
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
	struct orc_gateway *gw;
	int r = gateway_need(orc, name, &gw);

	if (r)
		return r;
	DL_APPEND(gw->instances, inst);
	inst->gateway = gw->site;
	return 0;
}

void orc_gateway_leave(struct orc *orc, struct orc_instance *inst)
{
	struct orc_gateway *gw = orc_gateway_of(orc, inst);

	if (!gw)
		return;
	DL_DELETE(gw->instances, inst);
	inst->gateway = 0;
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
	struct orc_gateway *gw;
	int r = gateway_need(orc, path->def.gateway, &gw);

	if (r)
		return r;
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
	free(orc->sites);
	orc->sites = NULL;
	orc->cap_sites = 0;
}
