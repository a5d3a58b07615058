/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncc/rest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int grow(struct rest *rest)
{
	size_t room = rest->room ? 2 * rest->room : 64;
	struct rested *v = calloc(room, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < rest->n; i++)
		v[i] = rest->v[(rest->first + i) % rest->room];
	free(rest->v);
	rest->v = v;
	rest->room = room;
	rest->first = 0;
	return 0;
}

int rest_add(struct rest *rest, uint32_t number, uint64_t now_ms)
{
	if (rest->n == rest->room && grow(rest))
		return -ENOMEM;
	rest->v[(rest->first + rest->n++) % rest->room] =
		(struct rested){.at_ms = now_ms, .number = number};
	return 0;
}

bool rest_take(struct rest *rest, uint64_t now_ms, uint32_t *number)
{
	if (!rest->n || now_ms < rest->v[rest->first].at_ms + REST_MS)
		return false;
	*number = rest->v[rest->first].number;
	rest->first = (rest->first + 1) % rest->room;
	rest->n--;
	return true;
}

void rest_fini(struct rest *rest)
{
	free(rest->v);
	memset(rest, 0, sizeof(*rest));
}
