/* SPDX-License-Identifier: GPL-2.0-or-later */
#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "model/view_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void notify_gateway(struct view *view, enum view_change change, struct view_gateway *gw)
{
	view_notify(view, &(struct view_event){.change = change, .gateway = gw});
}

static void notify_path(struct view *view, enum view_change change, struct view_path *path)
{
	view_notify(view, &(struct view_event){.change = change, .path = path});
}

int view_sample_put(struct samples *set, const struct sample *sample, bool *changed)
{
	int r = samples_put(set, sample->attr, sample->milli, sample->received_us, changed);

	if (r == 0 && sample->refused)
		view_sample_refuse(set, sample->attr);
	return r;
}

bool view_sample_refuse(struct samples *set, uint16_t attr)
{
	const struct sample *found = samples_get(set, attr);

	if (!found || found->refused)
		return false;
	set->v[found - set->v].refused = true;
	return true;
}

static void free_path(struct view_path *path)
{
	samples_fini(&path->samples);
	free(path);
}

void view_fini_net(struct view *view)
{
	struct view_gateway *gw, *next_gw;
	struct view_path *path, *next_path;

	HASH_ITER(hh, view->gateways, gw, next_gw) {
		HASH_DEL(view->gateways, gw);
		free(gw);
	}
	HASH_ITER(hh, view->paths, path, next_path) {
		HASH_DEL(view->paths, path);
		free_path(path);
	}
}

struct view_gateway *view_gateway(const struct view *view, const char *name)
{
	struct view_gateway *gw;

	HASH_FIND_STR(view->gateways, name, gw);
	return gw;
}

static int add_gateway(struct view *view, const char *name, struct view_gateway **out)
{
	struct view_gateway *gw;

	if (!name_valid(name))
		return -EINVAL;
	if (HASH_COUNT(view->gateways) >= view->limits.gateways)
		return -ENOSPC;
	gw = calloc(1, sizeof(*gw));
	if (!gw)
		return -ENOMEM;
	strcpy(gw->def.name, name);
	HASH_ADD_STR(view->gateways, def.name, gw);
	if (!gw->hh.tbl) {
		free(gw);
		return -ENOMEM;
	}
	*out = gw;
	return 0;
}

int view_gateway_put(struct view *view, const struct gateway *def, int64_t revision)
{
	struct view_gateway *gw = view_gateway(view, def->name);
	bool created = !gw;
	int r = created ? add_gateway(view, def->name, &gw) : 0;

	if (r)
		return r;
	gw->revision = revision;
	if (!created && memcmp(&gw->def, def, sizeof(*def)) == 0)
		return 0;
	memcpy(&gw->def, def, sizeof(*def));
	notify_gateway(view, VIEW_GATEWAY, gw);
	return 0;
}

void view_gateway_del(struct view *view, const char *name)
{
	struct view_gateway *gw = view_gateway(view, name);

	if (!gw)
		return;
	HASH_DEL(view->gateways, gw);
	notify_gateway(view, VIEW_GATEWAY_GONE, gw);
	free(gw);
}

static int make_key(struct path_key key, char out[3 * NAME_LEN])
{
	if (!name_valid(key.ingress) || !name_valid(key.gateway) || !name_valid(key.name))
		return -EINVAL;
	snprintf(out, 3 * NAME_LEN, "%s/%s/%s", key.ingress, key.gateway, key.name);
	return 0;
}

struct view_path *view_path(const struct view *view, struct path_key key)
{
	struct view_path *path;
	char text[3 * NAME_LEN];

	if (make_key(key, text))
		return NULL;
	HASH_FIND_STR(view->paths, text, path);
	return path;
}

static int need_path(struct view *view, struct path_key key, struct view_path **out)
{
	struct view_path *path = view_path(view, key);

	*out = path;
	if (path)
		return 0;
	if (HASH_COUNT(view->paths) >= view->limits.paths)
		return -ENOSPC;
	path = calloc(1, sizeof(*path));
	if (!path)
		return -ENOMEM;
	if (make_key(key, path->key)) {
		free(path);
		return -EINVAL;
	}
	strcpy(path->def.ingress, key.ingress);
	strcpy(path->def.gateway, key.gateway);
	strcpy(path->def.name, key.name);
	HASH_ADD_STR(view->paths, key, path);
	if (!path->hh.tbl) {
		free(path);
		return -ENOMEM;
	}
	*out = path;
	return 0;
}

/* A path object goes when nothing is known of it any more. */
static void release_path(struct view *view, struct view_path *path)
{
	if (path->defined || path->samples.n > 0)
		return;
	HASH_DEL(view->paths, path);
	notify_path(view, VIEW_PATH_GONE, path);
	free_path(path);
}

int view_path_put(struct view *view, const struct path *def, int64_t revision)
{
	struct path_key key = {def->ingress, def->gateway, def->name};
	struct view_path *path;
	int r = need_path(view, key, &path);

	if (r)
		return r;
	path->revision = revision;
	if (path->defined && memcmp(&path->def, def, sizeof(*def)) == 0)
		return 0;
	memcpy(&path->def, def, sizeof(*def));
	path->defined = true;
	notify_path(view, VIEW_PATH, path);
	return 0;
}

void view_path_del(struct view *view, struct path_key key)
{
	struct view_path *path = view_path(view, key);

	if (!path || !path->defined)
		return;
	path->defined = false;
	if (path->samples.n > 0)
		notify_path(view, VIEW_PATH_GONE, path);
	release_path(view, path);
}

static void notify_attr(struct view *view, struct view_path *path, uint16_t attr, bool changed)
{
	view_notify(view, &(struct view_event){.change = VIEW_PATH_ATTR,
					       .path = path,
					       .attr = attr,
					       .value_changed = changed});
}

int view_path_attr(struct view *view, struct path_key key, const struct sample *sample)
{
	struct view_path *path;
	bool changed;
	int r = need_path(view, key, &path);

	if (r)
		return r;
	r = view_sample_put(&path->samples, sample, &changed);
	if (r == 0)
		notify_attr(view, path, sample->attr, changed);
	else
		release_path(view, path);
	return r;
}

void view_path_attr_del(struct view *view, struct path_key key, uint16_t attr)
{
	struct view_path *path = view_path(view, key);

	if (!path || !samples_del(&path->samples, attr))
		return;
	notify_attr(view, path, attr, true);
	release_path(view, path);
}
