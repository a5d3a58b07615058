/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/etcd_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/utf8.h"

#define OURS "/san"
#define OURS_LEN (sizeof(OURS) - 1)

/* ---- endpoints ---- */

static int port_parse(const char *text, uint16_t *port)
{
	unsigned long n = 0;

	if (!*text || strlen(text) > 5)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		n = n * 10 + (unsigned long)(*text - '0');
	}
	if (n == 0 || n > UINT16_MAX)
		return -EINVAL;
	*port = (uint16_t)n;
	return 0;
}

/* "[::1]:2379", "etcd1:2379": the length of the host, *skip: where it begins */
static const char *host_end(const char *at, size_t *skip)
{
	const char *end;

	*skip = *at == '[';
	if (*skip) {
		end = strchr(at, ']');
		return end && end[1] == ':' ? end : NULL;
	}
	end = strchr(at, ':');
	return end && !strpbrk(at, "/@[] ") ? end : NULL;
}

int etcd_endpoint_parse(const char *url, struct etcd_endpoint *out)
{
	static const char *const schemes[] = {"http://", "https://"};
	struct etcd_endpoint ep = {0};
	const char *at = NULL, *end;
	size_t skip, len;

	if (!url || strlen(url) >= sizeof(ep.url) || !utf8_text(url))
		return -EINVAL;
	for (int i = 0; i < 2; i++) {
		if (strncmp(url, schemes[i], strlen(schemes[i])) == 0) {
			at = url + strlen(schemes[i]);
			ep.tls = i == 1;
		}
	}
	end = at ? host_end(at, &skip) : NULL;
	if (!end)
		return -EINVAL;
	len = (size_t)(end - at) - skip;
	if (!len || len >= sizeof(ep.host) || port_parse(end + 1 + skip, &ep.port))
		return -EINVAL;
	memcpy(ep.host, at + skip, len);
	memcpy(ep.url, url, strlen(url) + 1);
	*out = ep;
	return 0;
}

/* ---- keys ---- */

int etcd_names_init(struct etcd_names *names, const char *prefix)
{
	size_t len;

	*names = (struct etcd_names){0};
	if (!prefix)
		prefix = OURS;
	len = strlen(prefix);
	if (len < 2 || len >= ETCD_PREFIX_MAX || prefix[0] != '/' || prefix[len - 1] == '/' ||
	    !utf8_text(prefix))
		return -EINVAL;
	memcpy(names->prefix, prefix, len + 1);
	names->len = len;
	names->mapped = strcmp(prefix, OURS) != 0;
	return 0;
}

static bool under(const char *key, const char *prefix, size_t len)
{
	return strncmp(key, prefix, len) == 0 && (key[len] == '/' || key[len] == '\0');
}

etcd_bytes etcd_key_out(const struct etcd_names *names, struct etcd_arena *arena, const char *key)
{
	size_t rest;
	uint8_t *out;

	if (!names->mapped || !under(key, OURS, OURS_LEN))
		return (etcd_bytes){strlen(key), (uint8_t *)key};
	rest = strlen(key + OURS_LEN);
	out = etcd_arena_alloc(arena, names->len + rest);
	if (!out)
		return (etcd_bytes){0, NULL};
	memcpy(out, names->prefix, names->len);
	memcpy(out + names->len, key + OURS_LEN, rest);
	return (etcd_bytes){names->len + rest, out};
}

/* UTF-8 has no 0xff: the last byte can always be raised. */
static etcd_bytes behind(struct etcd_arena *arena, etcd_bytes prefix)
{
	uint8_t *out = etcd_arena_alloc(arena, prefix.len);

	if (!out)
		return (etcd_bytes){0, NULL};
	memcpy(out, prefix.data, prefix.len);
	out[prefix.len - 1]++;
	return (etcd_bytes){prefix.len, out};
}

int etcd_prefix_out(const struct etcd_names *names, struct etcd_arena *arena, const char *prefix,
		    etcd_bytes *key, etcd_bytes *end)
{
	static uint8_t zero[1];

	if (!*prefix) {
		*key = *end = (etcd_bytes){1, zero};
		return 0;
	}
	*key = etcd_key_out(names, arena, prefix);
	if (!key->data)
		return -ENOMEM;
	*end = behind(arena, *key);
	return end->data ? 0 : -ENOMEM;
}

etcd_bytes etcd_end_out(const struct etcd_names *names, struct etcd_arena *arena, const char *key,
			const char *end)
{
	char all[ETCD_PREFIX_MAX + 1];

	if (!names->mapped || !under(key, OURS, OURS_LEN) || under(end, OURS, OURS_LEN) ||
	    strcmp(end, key) <= 0)
		return etcd_key_out(names, arena, end);
	/* From ours to beyond all of ours. */
	memcpy(all, names->prefix, names->len);
	all[names->len] = '/';
	return behind(arena, (etcd_bytes){names->len + 1, (uint8_t *)all});
}

const char *etcd_key_in(const struct etcd_names *names, struct etcd_arena *arena, etcd_bytes key)
{
	char *text = (char *)key.data, *out;
	size_t rest;

	if (!key.len || key.len >= NCSDB_KEY_MAX + ETCD_PREFIX_MAX || strlen(text) != key.len ||
	    !utf8_text(text))
		return NULL;
	if (!names->mapped)
		return key.len < NCSDB_KEY_MAX ? text : NULL;
	if (!under(text, names->prefix, names->len))
		return key.len < NCSDB_KEY_MAX && !under(text, OURS, OURS_LEN) ? text : NULL;
	rest = key.len - names->len;
	if (OURS_LEN + rest >= NCSDB_KEY_MAX)
		return NULL;
	if (names->len >= OURS_LEN)
		return memcpy(text + names->len - OURS_LEN, OURS, OURS_LEN);
	out = etcd_arena_alloc(arena, OURS_LEN + rest);
	if (!out)
		return NULL;
	memcpy(out, OURS, OURS_LEN);
	memcpy(out + OURS_LEN, text + names->len, rest);
	return out;
}

bool etcd_kv_in(const struct etcd_names *names, struct etcd_arena *arena,
		const Mvccpb__KeyValue *kv, struct ncsdb_kv *out)
{
	out->key = etcd_key_in(names, arena, kv->key);
	if (!out->key || kv->value.len > NCSDB_VALUE_MAX)
		return false;
	out->value = kv->value.len ? (const void *)kv->value.data : "";
	out->value_len = kv->value.len;
	out->create_rev = kv->create_revision;
	out->mod_rev = kv->mod_revision;
	out->version = kv->version;
	out->lease = kv->lease;
	return true;
}

/* ---- transactions ---- */

static int cmp_out(const struct etcd_names *names, struct etcd_arena *arena,
		   const struct ncsdb_cmp *cmp, Etcdserverpb__Compare *out)
{
	static const Etcdserverpb__Compare__CompareResult results[] = {
		[NCSDB_EQ] = ETCDSERVERPB__COMPARE__COMPARE_RESULT__EQUAL,
		[NCSDB_NE] = ETCDSERVERPB__COMPARE__COMPARE_RESULT__NOT_EQUAL,
		[NCSDB_GT] = ETCDSERVERPB__COMPARE__COMPARE_RESULT__GREATER,
		[NCSDB_LT] = ETCDSERVERPB__COMPARE__COMPARE_RESULT__LESS,
	};
	static const struct {
		Etcdserverpb__Compare__CompareTarget target;
		Etcdserverpb__Compare__TargetUnionCase which;
	} fields[] = {
		[NCSDB_CMP_VERSION] = {ETCDSERVERPB__COMPARE__COMPARE_TARGET__VERSION,
				       ETCDSERVERPB__COMPARE__TARGET_UNION_VERSION},
		[NCSDB_CMP_CREATE_REV] = {ETCDSERVERPB__COMPARE__COMPARE_TARGET__CREATE,
					  ETCDSERVERPB__COMPARE__TARGET_UNION_CREATE_REVISION},
		[NCSDB_CMP_MOD_REV] = {ETCDSERVERPB__COMPARE__COMPARE_TARGET__MOD,
				       ETCDSERVERPB__COMPARE__TARGET_UNION_MOD_REVISION},
		[NCSDB_CMP_LEASE] = {ETCDSERVERPB__COMPARE__COMPARE_TARGET__LEASE,
				     ETCDSERVERPB__COMPARE__TARGET_UNION_LEASE},
	};

	etcdserverpb__compare__init(out);
	out->result = results[cmp->op];
	out->target = fields[cmp->field].target;
	out->target_union_case = fields[cmp->field].which;
	out->version = cmp->value; /* all of the union are int64 */
	out->key = etcd_key_out(names, arena, cmp->key);
	return out->key.data ? 0 : -ENOMEM;
}

static int put_out(const struct etcd_names *names, struct etcd_arena *arena,
		   const struct ncsdb_op *op, Etcdserverpb__RequestOp *out)
{
	Etcdserverpb__PutRequest *put = etcd_arena_alloc(arena, sizeof(*put));

	if (!put)
		return -ENOMEM;
	etcdserverpb__put_request__init(put);
	put->key = etcd_key_out(names, arena, op->key);
	put->value = (etcd_bytes){op->value_len, (uint8_t *)op->value};
	put->lease = op->lease;
	out->request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT;
	out->request_put = put;
	return put->key.data ? 0 : -ENOMEM;
}

static int delete_out(const struct etcd_names *names, struct etcd_arena *arena,
		      const struct ncsdb_op *op, Etcdserverpb__RequestOp *out)
{
	Etcdserverpb__DeleteRangeRequest *del = etcd_arena_alloc(arena, sizeof(*del));

	if (!del)
		return -ENOMEM;
	etcdserverpb__delete_range_request__init(del);
	out->request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_DELETE_RANGE;
	out->request_delete_range = del;
	if (op->type == NCSDB_DELETE_PREFIX)
		return etcd_prefix_out(names, arena, op->key, &del->key, &del->range_end);
	del->key = etcd_key_out(names, arena, op->key);
	return del->key.data ? 0 : -ENOMEM;
}

static int op_out(const struct etcd_names *names, struct etcd_arena *arena,
		  const struct ncsdb_op *op, Etcdserverpb__RequestOp *out)
{
	etcdserverpb__request_op__init(out);
	if (op->type == NCSDB_PUT)
		return put_out(names, arena, op, out);
	return delete_out(names, arena, op, out);
}

static void *alloc_array(struct etcd_arena *arena, size_t n, size_t size, void ***pointers)
{
	char *items = etcd_arena_alloc(arena, n * size);

	*pointers = etcd_arena_alloc(arena, n * sizeof(**pointers));
	if (!items || !*pointers)
		return NULL;
	for (size_t i = 0; i < n; i++)
		(*pointers)[i] = items + i * size;
	return items;
}

static Etcdserverpb__RequestOp **ops_out(const struct etcd_names *names, struct etcd_arena *arena,
					 const struct ncsdb_op *ops, size_t n)
{
	void **pointers;
	Etcdserverpb__RequestOp *out = alloc_array(arena, n, sizeof(*out), &pointers);

	for (size_t i = 0; i < n; i++) {
		if (!out || op_out(names, arena, &ops[i], &out[i]))
			return NULL;
	}
	return (Etcdserverpb__RequestOp **)pointers;
}

static Etcdserverpb__Compare **cmps_out(const struct etcd_names *names, struct etcd_arena *arena,
					const struct ncsdb_cmp *cmps, size_t n)
{
	void **pointers;
	Etcdserverpb__Compare *out = alloc_array(arena, n, sizeof(*out), &pointers);

	for (size_t i = 0; i < n; i++) {
		if (!out || cmp_out(names, arena, &cmps[i], &out[i]))
			return NULL;
	}
	return (Etcdserverpb__Compare **)pointers;
}

Etcdserverpb__TxnRequest *etcd_txn_out(const struct etcd_names *names, struct etcd_arena *arena,
				       const struct ncsdb_txn *txn)
{
	Etcdserverpb__TxnRequest *out = etcd_arena_alloc(arena, sizeof(*out));

	if (!out)
		return NULL;
	etcdserverpb__txn_request__init(out);
	out->n_compare = txn->n_cmps;
	out->n_success = txn->n_then;
	out->n_failure = txn->n_orelse;
	out->compare = cmps_out(names, arena, txn->cmps, txn->n_cmps);
	out->success = ops_out(names, arena, txn->then, txn->n_then);
	out->failure = ops_out(names, arena, txn->orelse, txn->n_orelse);
	return out->compare && out->success && out->failure ? out : NULL;
}

void etcd_txn_in(const Etcdserverpb__TxnResponse *answer, struct ncsdb_txn_result *out)
{
	out->succeeded = answer->succeeded;
	out->revision = answer->header ? answer->header->revision : 0;
	for (size_t i = 0; i < answer->n_responses; i++) {
		const Etcdserverpb__ResponseOp *op = answer->responses[i];

		if (op->response_case ==
			    ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_DELETE_RANGE &&
		    op->response_delete_range && op->response_delete_range->deleted > 0)
			out->deleted += (size_t)op->response_delete_range->deleted;
	}
}
