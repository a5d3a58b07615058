/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/patch.h"

#include <errno.h>
#include <string.h>

#include "util/json.h"

static bool listed(const char *name, const char *const *list)
{
	for (; list && *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

static int intern(const char *name, uint16_t *attr, struct err *err)
{
	int r = attr_intern(name, attr);

	if (r == -ENOSPC)
		return err_set(err, r, "", name,
			       "is one name too many: at most %d attribute names in all",
			       ATTR_LIMIT);
	if (r)
		return err_set(err, r, "", name, "must be a name: [A-Za-z0-9._-]{1,63}");
	return 0;
}

static int change_from_json(const char *name, const json_t *value, struct attr_change *change,
			    struct err *err)
{
	int r;

	*change = (struct attr_change){.remove = json_is_null(value)};
	r = intern(name, &change->attr, err);
	if (!r && json_is_string(value))
		return attr_parse(change->attr, json_string_value(value), &change->milli, err);
	if (!r && !change->remove)
		r = attr_from_json(change->attr, value, &change->milli, err);
	if (r)
		err_prefix(err, "/%s", name);
	return r;
}

static int read_changes(const json_t *attrs, const char *const *ignore, struct attr_patch *patch,
			struct err *err)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)attrs, name, value) {
		int r;

		if (listed(name, ignore))
			continue;
		if (patch->n == ATTR_PER_OBJECT)
			return err_set(err, -ENOSPC, "", NULL, "must be at most %d attributes",
				       ATTR_PER_OBJECT);
		r = change_from_json(name, value, &patch->v[patch->n], err);
		if (r)
			return r;
		patch->n++;
	}
	return 0;
}

int attr_patch_from_json(const json_t *attrs, const char *const *ignore, struct attr_patch *patch,
			 struct err *err)
{
	struct attr_patch read = {0};
	uint16_t names = attr_count();
	int r = json_is_obj(attrs, err);

	if (!r)
		r = read_changes(attrs, ignore, &read, err);
	if (r) {
		attr_forget(names);
		return r;
	}
	*patch = read;
	return 0;
}

int attr_patch_fits(const struct attr_patch *patch, const struct samples *have, struct err *err)
{
	unsigned int n = have ? have->n : 0;

	for (unsigned int i = 0; i < patch->n; i++) {
		bool known = have && samples_get(have, patch->v[i].attr);

		if (patch->v[i].remove)
			n -= known;
		else
			n += !known;
	}
	if (n > ATTR_PER_OBJECT)
		return err_set(err, -ENOSPC, "", NULL, "would be %u attributes, must be at most %d",
			       n, ATTR_PER_OBJECT);
	return 0;
}
