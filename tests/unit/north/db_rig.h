/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rig's database, behind the back of REST. */
#ifndef TESTS_NORTH_DB_RIG_H
#define TESTS_NORTH_DB_RIG_H

#include "unit/north/rig.h"

#include "north/database.h"

static inline void db_on_done(void *arg, const struct ncsdb_txn_result *res)
{
	assert_int_equal(res->status, 0);
	*(bool *)arg = true;
}

/* Behind the back of REST, as another host would. */
static inline void put(struct rig *rig, const char *key, const void *value, size_t len,
		       int64_t lease)
{
	struct ncsdb_op op = {NCSDB_PUT, key, value, len, lease};
	bool done = false;

	assert_int_equal(ncsdb_txn(rig->db, &(struct ncsdb_txn){.then = &op, .n_then = 1},
				   db_on_done, &done),
			 0);
	rig_until(rig, done);
}

static inline void put_text(struct rig *rig, const char *key, const char *value)
{
	put(rig, key, value, strlen(value), 0);
}

static inline json_int_t revision_of(struct rig *rig)
{
	struct ncsdb_status status;

	ncsdb_status(rig->db, &status);
	return status.revision;
}

static inline const json_t *key_at(const struct answer *a, size_t i)
{
	return json_array_get(json_object_get(a->json, "keys"), i);
}

static inline size_t n_keys(const struct answer *a)
{
	return json_array_size(json_object_get(a->json, "keys"));
}

static inline int restore(struct rig *rig, const char *query, const char *text, struct answer *a)
{
	char url[96];

	snprintf(url, sizeof(url), "POST /v1/database/restore%s", query);
	rig_call_with(rig, url, "Content-Type: application/x-ndjson\r\n", text, a);
	return a->status;
}

#endif
