/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The embedded server: offers the database of this process to others in etcd's own protocol (etcd
 * v3 API over gRPC): KV (Range, Put, DeleteRange, Txn, Compact), Watch (create, cancel, progress,
 * prev_kv, filters; fragment is refused), Lease (grant, revoke, keep-alive, time-to-live, leases),
 * Maintenance.Status. Anything else is UNIMPLEMENTED, by name. What goes over the wire is durable:
 * answers to writes wait for the commit, reads and watches show what is committed. etcdctl works on
 * it. When the disk fails, everything over the wire stays as it was committed last: reads, watches
 * and keep-alives go on, writes are refused as etcd without space does.
 *
 * Differences from an etcd member: keys are text (ncsdb.h), history compacts itself (history.h),
 * transactions do not nest, one member, no users (give it TLS with ca: client certificates).
 */
#ifndef NCSDB_SERVER_H
#define NCSDB_SERVER_H

#include "ncsdb/ncsdb.h"

struct ncsdb_server;

#define NCSDB_LISTEN_MAX 4
#define NCSDB_REQUEST_MAX (2u << 20)	   /* a message from a client */
#define NCSDB_REQUEST_STEPS_MAX (8u << 20) /* versions of keys that one request may look at */
#define NCSDB_STREAM_WATCHES_MAX 1024	   /* of one Watch stream */
/* What remote clients cannot use up: a quarter of NCSDB_WATCHES_MAX, NCSDB_LEASES_MAX, max_keys,
 * max_bytes and NCSDB_PENDING_MAX is for the process itself. */
#define NCSDB_CLIENTS_MAX(limit) ((limit) - (limit) / 4)
#define NCSDB_WATCH_QUEUE_MAX                                                                      \
	(8u << 20) /* unsent events of one stream: beyond, its slowest watch is                    \
		    * cancelled with "slow" and its next revision */

struct ncsdb_server_conf {
	const char *const *listen; /* literal "127.0.0.1:2379", "[::]:2379" */
	unsigned int n_listen;	   /* 1..NCSDB_LISTEN_MAX */
	/* PEM files; cert and key: TLS; ca: clients must show a certificate signed by it. Without
	 * TLS only loopback addresses are allowed, unless insecure is set. */
	const char *ca, *cert, *key;
	bool insecure;
	unsigned int max_connections; /* 0 = 1024 */
	size_t max_memory;	      /* 0 = 512 MiB: queued for clients */
};

/* db must be one of in process; it outlives the server. */
int ncsdb_server_open(uv_loop_t *loop, struct ncsdb *db, const struct ncsdb_server_conf *conf,
		      struct ncsdb_server **out, struct err *err);
/* Before ncsdb_close(). NULL is allowed; memory goes when the loop has run dry. */
void ncsdb_server_close(struct ncsdb_server *server);
uint16_t ncsdb_server_port(const struct ncsdb_server *server); /* of the first address */

struct ncsdb_server_stats {
	unsigned int connections, streams, watches;
	size_t queued; /* bytes */
	uint64_t requests, refused,
		slow; /* since open: calls; calls that failed; watches cancelled */
};
void ncsdb_server_stats(const struct ncsdb_server *server, struct ncsdb_server_stats *out);

#endif
