/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between ncsdb's terms and etcd's messages; pure. "/san" in front of a key stands for the prefix
 * that was configured: only here keys have it.
 */
#ifndef NCSDB_ETCD_WIRE_H
#define NCSDB_ETCD_WIRE_H

#include <rpc.pb-c.h>

#include "grpc/grpc.h"
#include "ncsdb/etcd_arena.h"
#include "ncsdb/ncsdb.h"

#define ETCD_PREFIX_MAX 128
#define ETCD_URL_MAX (GRPC_HOST_MAX + 16)

struct etcd_endpoint {
	char url[ETCD_URL_MAX]; /* as given */
	char host[GRPC_HOST_MAX];
	uint16_t port;
	bool tls;
};
/* "http://HOST:PORT" or "https://HOST:PORT". -EINVAL. */
int etcd_endpoint_parse(const char *url, struct etcd_endpoint *out);

struct etcd_names {
	char prefix[ETCD_PREFIX_MAX];
	size_t len;
	bool mapped; /* prefix is not "/san" */
};
/* NULL: "/san". -EINVAL: empty, too long, no text, does not begin with or ends with "/". */
int etcd_names_init(struct etcd_names *names, const char *prefix);

typedef ProtobufCBinaryData etcd_bytes;

/* Keys of a request, in the arena where they are not the caller's; data is NULL without memory. */
etcd_bytes etcd_key_out(const struct etcd_names *names, struct etcd_arena *arena, const char *key);
/* [*key, *end) holds all keys that begin with prefix. */
int etcd_prefix_out(const struct etcd_names *names, struct etcd_arena *arena, const char *prefix,
		    etcd_bytes *key, etcd_bytes *end);
/* The end of a range that begins with key (ours, both). */
etcd_bytes etcd_end_out(const struct etcd_names *names, struct etcd_arena *arena, const char *key,
			const char *end);

/* Key of an answer (in an arena: NUL-terminated, may be changed in place). NULL: foreign: one that
 * ncsdb.h does not allow, or that only the prefix could have given its name. */
const char *etcd_key_in(const struct etcd_names *names, struct etcd_arena *arena, etcd_bytes key);
/* false: foreign key (out->key is NULL) or value. out->received_us is left alone. */
bool etcd_kv_in(const struct etcd_names *names, struct etcd_arena *arena,
		const Mvccpb__KeyValue *kv, struct ncsdb_kv *out);

/* A transaction, in the arena; NULL without memory. */
Etcdserverpb__TxnRequest *etcd_txn_out(const struct etcd_names *names, struct etcd_arena *arena,
				       const struct ncsdb_txn *txn);
void etcd_txn_in(const Etcdserverpb__TxnResponse *answer, struct ncsdb_txn_result *out);

/* What a call ended with, as -errno; 0 for OK. */
int etcd_error(enum grpc_status status, const char *text);
/* It certainly changed nothing, and another member (or a new token) may do it. */
bool etcd_not_done(enum grpc_status status, const char *text);
/* The token is what is wrong. */
bool etcd_token_bad(enum grpc_status status, const char *text);
/* This member cannot now, or its answer was lost: another one may. */
bool etcd_elsewhere(enum grpc_status status, const char *text);
/* A message of a size that one of the two ends does not take: it will be the same again. */
bool etcd_too_large(enum grpc_status status, const char *text);

#endif
