/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of gateways as instances carry them: each once, however many instances are behind it. */
#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "model/view_int.h"

#include <stdlib.h>
#include <string.h>

struct view_site {
	unsigned int users;
	UT_hash_handle hh; /* by name */
	char name[];
};

static struct view_site *site_new(struct view *view, const char *name)
{
	size_t len = strlen(name);
	struct view_site *site = calloc(1, sizeof(*site) + len + 1);

	if (!site)
		return NULL;
	memcpy(site->name, name, len + 1);
	HASH_ADD_KEYPTR(hh, view->sites, site->name, len, site);
	if (!site->hh.tbl) {
		free(site);
		return NULL;
	}
	return site;
}

const char *view_site_take(struct view *view, const char *name)
{
	struct view_site *site;

	if (!name[0])
		return "";
	HASH_FIND_STR(view->sites, name, site);
	if (!site)
		site = site_new(view, name);
	if (!site)
		return NULL;
	site->users++;
	return site->name;
}

void view_site_drop(struct view *view, const char *name)
{
	struct view_site *site;

	if (!name[0])
		return;
	HASH_FIND_STR(view->sites, name, site);
	if (--site->users > 0)
		return;
	HASH_DEL(view->sites, site);
	free(site);
}
