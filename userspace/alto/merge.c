/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The patch between two objects (RFC 7396). What applies it: json_merge_patch(). */
#include "alto/update.h"

/* A null that a patch would take for "remove this". Arrays are replaced as they are. */
static bool holds_null(const json_t *value)
{
	const char *name;
	json_t *member;

	if (!json_is_object(value))
		return json_is_null(value);
	json_object_foreach((json_t *)value, name, member) {
		if (holds_null(member))
			return true;
	}
	return false;
}

static int diff(const json_t *from, const json_t *to, json_t *patch, bool *possible);

static int diff_member(const json_t *old, json_t *now, const char *name, json_t *patch,
		       bool *possible)
{
	json_t *sub;

	if (!json_is_object(old) || !json_is_object(now)) {
		if (old && json_equal(old, now))
			return 0;
		*possible = *possible && !holds_null(now);
		return json_object_set(patch, name, now);
	}
	sub = json_object();
	if (!sub || diff(old, now, sub, possible)) {
		json_decref(sub);
		return -1;
	}
	if (json_object_size(sub))
		return json_object_set_new(patch, name, sub);
	json_decref(sub);
	return 0;
}

static int diff(const json_t *from, const json_t *to, json_t *patch, bool *possible)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)to, name, value) {
		if (diff_member(json_object_get(from, name), value, name, patch, possible))
			return -1;
	}
	json_object_foreach((json_t *)from, name, value) {
		if (!json_object_get(to, name) && json_object_set_new(patch, name, json_null()))
			return -1;
	}
	return 0;
}

json_t *alto_merge_diff(const json_t *from, const json_t *to, bool *possible)
{
	json_t *patch = json_object();

	*possible = true;
	if (patch && diff(from, to, patch, possible)) {
		json_decref(patch);
		patch = NULL;
	}
	return patch;
}
