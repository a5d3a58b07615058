/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any messages to the embedded server, over a real connection: refused, or answered by a message of
 * the right kind; the revision never falls, and counts agree with lists, now and in the past.
 * Input: method (1 byte), length (2, big-endian), message; again and again.
 */
#include "db/wire.h"
#include "ncsdb/server.h"

#define CALLS_MAX 32
#define KEYS_MAX 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DESC(name) (&etcdserverpb__##name##__descriptor)
static const struct {
	const char *path;
	const ProtobufCMessageDescriptor *answer;
} methods[] = {
	{"KV/Range", DESC(range_response)},
	{"KV/Put", DESC(put_response)},
	{"KV/DeleteRange", DESC(delete_range_response)},
	{"KV/Txn", DESC(txn_response)},
	{"KV/Compact", DESC(compaction_response)},
	{"Lease/LeaseGrant", DESC(lease_grant_response)},
	{"Lease/LeaseRevoke", DESC(lease_revoke_response)},
	{"Lease/LeaseKeepAlive", DESC(lease_keep_alive_response)},
	{"Lease/LeaseTimeToLive", DESC(lease_time_to_live_response)},
	{"Lease/LeaseLeases", DESC(lease_leases_response)},
	{"Maintenance/Status", DESC(status_response)},
	{"Watch/Watch", DESC(watch_response)},
};
#define N_METHODS (sizeof(methods) / sizeof(methods[0]))

static uv_loop_t loop;
static struct ncsdb *db;
static struct ncsdb_server *server;
static struct wire w;
static int64_t revision;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void start(void)
{
	const char *listen[] = {"127.0.0.1:0"};
	struct ncsdb_server_conf conf = {.listen = listen, .n_listen = 1};
	struct err err = {0};

	uv_loop_init(&loop);
	must(!ncsdb_open(&loop, &(struct ncsdb_conf){.max_keys = KEYS_MAX}, &db, &err));
	must(!ncsdb_server_open(&loop, db, &conf, &server, &err));
	must(wire_open(&w, &loop, ncsdb_server_port(server), NULL));
}

/* Every answer has its header first. */
struct any_answer {
	ProtobufCMessage base;
	Etcdserverpb__ResponseHeader *header;
};

static void check_answers(struct wire_call *call, const ProtobufCMessageDescriptor *type)
{
	while (call->taken < call->n) {
		struct any_answer *answer = wire_next(&w, call, type);

		must(answer->header && answer->header->revision >= revision);
		must(answer->header->cluster_id && answer->header->raft_term == 1);
		if (type != DESC(watch_response))
			revision = answer->header->revision;
		wire_free(answer);
	}
}

static void ask(unsigned int method, const uint8_t *data, size_t len)
{
	struct wire_call call = {0};

	must(!wire_start(&w, &call, methods[method].path));
	must(!grpc_call_send(call.call, data, len, true));
	must(wire_wait(&w, &call.done));
	must(call.status != GRPC_OK || call.n > 0 || method == N_METHODS - 1);
	check_answers(&call, methods[method].answer);
}

static Etcdserverpb__RangeResponse *list(int64_t at, bool count_only)
{
	Etcdserverpb__RangeRequest req = ETCDSERVERPB__RANGE_REQUEST__INIT;
	struct wire_call call;

	req.key = req.range_end = (ProtobufCBinaryData){1, (uint8_t *)"\0"};
	req.revision = at;
	req.count_only = count_only;
	return wire_ask(&w, &call, "KV/Range", &req, DESC(range_response));
}

static void check_store(int64_t at)
{
	Etcdserverpb__RangeResponse *all = list(at, false), *count = list(at, true);

	must((all != NULL) == (count != NULL));
	must(!all || ((size_t)all->count == all->n_kvs && all->count == count->count));
	must(all || at);
	for (size_t i = 1; all && i < all->n_kvs; i++) {
		const ProtobufCBinaryData *a = &all->kvs[i - 1]->key, *b = &all->kvs[i]->key;
		int diff = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

		must(diff < 0 || (diff == 0 && a->len < b->len));
	}
	wire_free(all);
	wire_free(count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ncsdb_server_stats stats;

	if (!db)
		start();
	for (int n = 0; n < CALLS_MAX && size >= 3; n++) {
		size_t len = (size_t)data[1] << 8 | data[2];
		unsigned int method = data[0] % N_METHODS;

		data += 3;
		size -= 3;
		len = len < size ? len : size;
		ask(method, data, len);
		data += len;
		size -= len;
	}
	check_store(0);
	if (revision > 8)
		check_store(revision - (int64_t)(size + 7) % 8);
	if (revision > 100)
		ncsdb_compact(db, revision - 50); /* a short past is a fast one */
	ncsdb_server_stats(server, &stats);
	must(stats.connections == 1 && stats.streams <= CALLS_MAX);
	return 0;
}
