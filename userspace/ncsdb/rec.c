/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/rec.h"

#include <stdlib.h>
#include <string.h>

struct rec *rec_new(const char *key, size_t key_len, const void *value, size_t value_len)
{
	struct rec *rec = malloc(sizeof(*rec) + key_len + value_len + 2);

	if (!rec)
		return NULL;
	*rec = (struct rec){
		.refs = 1,
		.key_len = (uint16_t)key_len,
		.value_len = (uint32_t)value_len,
	};
	memcpy(rec->key, key, key_len);
	rec->key[key_len] = '\0';
	if (value_len)
		memcpy(rec->key + key_len + 1, value, value_len);
	rec->key[key_len + 1 + value_len] = '\0';
	return rec;
}

struct rec *rec_ref(struct rec *rec)
{
	rec->refs++;
	return rec;
}

void rec_unref(struct rec_pool *pool, struct rec *rec)
{
	if (!rec || --rec->refs)
		return;
	if (!pool->hold) {
		free(rec);
		return;
	}
	rec->lease_next = pool->dead;
	pool->dead = rec;
}

void rec_release(struct rec_pool *pool)
{
	struct rec *next;

	pool->hold = false;
	for (struct rec *rec = pool->dead; rec; rec = next) {
		next = rec->lease_next;
		free(rec);
	}
	pool->dead = NULL;
}

const char *rec_value(const struct rec *rec)
{
	return rec->key + rec->key_len + 1;
}

size_t rec_bytes(const struct rec *rec)
{
	return sizeof(*rec) + rec->key_len + rec->value_len + 2;
}

void rec_kv(const struct rec *rec, struct ncsdb_kv *kv)
{
	*kv = (struct ncsdb_kv){
		.key = rec->key,
		.value = rec->deleted ? NULL : rec_value(rec),
		.value_len = rec->value_len,
		.create_rev = rec->create_rev,
		.mod_rev = rec->mod_rev,
		.version = rec->version,
		.lease = rec->lease,
		.received_us = rec->received_us,
	};
}
