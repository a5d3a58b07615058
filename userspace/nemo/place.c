/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nemo/place.h"

#include <string.h>

struct nemo_pos nemo_place(const struct nemo_script *script, const char *object)
{
	const struct nemo_stmt *s;

	for (unsigned int i = script ? script->n : 0; i > 0; i--) {
		s = &script->v[i - 1];
		if (s->kind >= NEMO_S_CREATE_CFN && s->kind < NEMO_S_QUERY &&
		    strcmp(s->name.text, object) == 0)
			return s->at;
	}
	return (struct nemo_pos){0, 0};
}
