/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A change of several attributes at once, as REST and agents write it:
 * {"cpu_load": 71.2, "queue_us": "350", "sessions": null}. Numbers or decimal strings; null
 * removes.
 */
#ifndef MODEL_PATCH_H
#define MODEL_PATCH_H

#include <jansson.h>

#include "model/attr.h"

struct attr_change {
	uint16_t attr;
	bool remove;
	int64_t milli;
};

struct attr_patch {
	unsigned int n;
	struct attr_change v[ATTR_PER_OBJECT];
};

/* All or nothing; members in ignore[] (NULL-terminated, may be NULL) are the caller's. -EINVAL,
 * -ENOSPC (more than ATTR_PER_OBJECT members, names beyond ATTR_LIMIT); err: field "/<attribute>".
 * On failure *patch and the interned names are as before. */
int attr_patch_from_json(const json_t *attrs, const char *const *ignore, struct attr_patch *patch,
			 struct err *err);
/* An object that has these samples (NULL = none) still fits ATTR_PER_OBJECT afterwards, else
 * -ENOSPC. */
int attr_patch_fits(const struct attr_patch *patch, const struct samples *have, struct err *err);

#endif
