/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network map (RFC 7285, 11.2.1) as a client reads it. */
#include "alto/client_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alto/lpm.h"

void alto_netmap_free(struct alto_netmap *map)
{
	if (!map)
		return;
	alto_lpm_free(map->lpm);
	free(map->names);
	json_decref(map->root);
	free(map);
}

struct prefixes {
	struct alto_lpm_entry *v;
	uint32_t n, room;
};

static int grow(struct prefixes *p, struct err *err)
{
	uint32_t room = p->room ? 2 * p->room : 64;
	struct alto_lpm_entry *v;

	if (p->n < p->room)
		return 0;
	if (p->n >= ALTO_CLIENT_PREFIXES_MAX)
		return err_set(err, -ENOSPC, "", NULL, "has more than %u prefixes",
			       ALTO_CLIENT_PREFIXES_MAX);
	v = reallocarray(p->v, room, sizeof(*v));
	if (!v)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	p->v = v;
	p->room = room;
	return 0;
}

static int read_prefixes(struct prefixes *p, const json_t *group, int family, uint32_t pid,
			 struct err *err)
{
	const char *name = family == 4 ? "ipv4" : "ipv6";
	json_t *array = NULL, *value;
	size_t i;
	int rc = client_strings(group, name, &array, err);

	if (rc)
		return rc;
	json_array_foreach(array, i, value) {
		rc = grow(p, err);
		if (rc)
			return rc;
		rc = alto_prefix_parse(json_string_value(value), family, &p->v[p->n].prefix);
		if (rc) {
			err_set(err, -EINVAL, "", json_string_value(value),
				"must be an %s prefix without bits behind its length",
				family == 4 ? "IPv4" : "IPv6");
			return err_prefix(err, "/%s/%zu", name, i), rc;
		}
		p->v[p->n++].value = pid;
	}
	return 0;
}

static int read_pid(struct alto_netmap *map, const char *name, struct prefixes *p, struct err *err)
{
	json_t *group = NULL;
	int rc;

	if (!alto_name_valid(name))
		return err_set(err, -EINVAL, "", name,
			       "is no PID name: 1..64 of A-Z a-z 0-9 : @ _ -");
	rc = json_get_object(map->pids, name, JSON_REQUIRED, &group, err);
	if (rc)
		return rc;
	rc = read_prefixes(p, group, 4, map->n_pids, err);
	if (!rc)
		rc = read_prefixes(p, group, 6, map->n_pids, err);
	if (rc)
		err_prefix(err, "/%s", name);
	else
		map->names[map->n_pids++] = name;
	return rc;
}

static int read_pids(struct alto_netmap *map, struct prefixes *p, struct err *err)
{
	size_t n = json_object_size(map->pids);
	const char *name;
	json_t *value;
	int rc;

	if (n > ALTO_CLIENT_PIDS_MAX)
		return err_set(err, -ENOSPC, "", NULL, "has %zu PIDs, at most %d", n,
			       ALTO_CLIENT_PIDS_MAX);
	map->names = calloc(n + 1, sizeof(*map->names));
	if (!map->names)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	json_object_foreach(map->pids, name, value) {
		rc = read_pid(map, name, p, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* PIDs of everything else. */
static void note_rest(struct alto_netmap *map, const struct prefixes *p)
{
	for (uint32_t i = 0; i < p->n; i++) {
		const struct alto_prefix *prefix = &p->v[i].prefix;

		if (prefix->len == 0)
			*(prefix->family == 4 ? &map->rest4 : &map->rest6) =
				map->names[p->v[i].value];
	}
}

static int index_prefixes(struct alto_netmap *map, const struct prefixes *p, struct err *err)
{
	char text[ALTO_ENDPOINT_LEN];
	uint32_t twice = 0;
	int rc = alto_lpm_new(p->v, p->n, &map->lpm, &twice);

	if (rc == -EEXIST) {
		err_set(err, -EINVAL, "", alto_prefix_text(&p->v[twice].prefix, text),
			"stands in the map more than once");
		err_prefix(err, "/%s", map->names[p->v[twice].value]);
		return -EINVAL;
	}
	return rc ? err_set(err, rc, "", NULL, "no memory") : 0;
}

static int read_head(struct alto_netmap *map, const char *want, struct err *err)
{
	json_t *meta = NULL;
	int rc = client_meta(map->root, &meta, err);

	if (rc)
		return rc;
	rc = client_vtag(meta, "vtag", &map->vtag, err);
	if (!rc && want && strcmp(map->vtag.id, want) != 0)
		rc = err_set(err, -EINVAL, "/vtag/resource-id", map->vtag.id, "must be %s", want);
	if (rc)
		err_prefix(err, "/meta");
	return rc;
}

static int read_map(struct alto_netmap *map, struct err *err)
{
	struct prefixes p = {0};
	int rc = json_get_object(map->root, "network-map", JSON_REQUIRED, &map->pids, err);

	if (rc)
		return rc;
	rc = read_pids(map, &p, err);
	if (!rc)
		note_rest(map, &p);
	if (!rc)
		rc = index_prefixes(map, &p, err);
	if (rc)
		err_prefix(err, "/network-map");
	free(p.v);
	return rc;
}

int alto_netmap_check(json_t *root, const char *want, struct alto_netmap **out, struct err *err)
{
	struct alto_netmap *map = calloc(1, sizeof(*map));
	int rc;

	if (!map) {
		json_decref(root);
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	}
	map->root = root;
	rc = json_is_obj(root, err);
	if (!rc)
		rc = read_head(map, want, err);
	if (!rc)
		rc = read_map(map, err);
	if (rc) {
		alto_netmap_free(map);
		return rc;
	}
	*out = map;
	return 0;
}

int alto_netmap_parse(const char *text, size_t len, const char *want, struct alto_netmap **out,
		      struct err *err)
{
	json_t *root;
	int rc = alto_client_root(text, len, &root, err);

	return rc ? rc : alto_netmap_check(root, want, out, err);
}

const char *alto_netmap_match(const struct alto_netmap *map, const struct alto_prefix *endpoint)
{
	uint32_t pid = alto_lpm_match(map->lpm, endpoint);

	return pid == ALTO_LPM_NONE ? NULL : map->names[pid];
}
