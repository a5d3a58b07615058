/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A served database and a connection to it, all on the loop of harness.h. */
#ifndef TESTS_UNIT_NCSDB_SERVED_H
#define TESTS_UNIT_NCSDB_SERVED_H

#include "unit/ncsdb/harness.h"

#include "db/wire.h"
#include "ncsdb/server.h"

#define DESC(name) (&etcdserverpb__##name##__descriptor)

static struct ncsdb_server *server;
static struct wire w;
static struct wire_call call; /* of the last question */

static UNUSED void served_open(const struct ncsdb_conf *conf)
{
	const char *listen[] = {"127.0.0.1:0"};
	struct ncsdb_server_conf serve = {.listen = listen, .n_listen = 1};
	struct err err = {0};

	db_open(conf);
	assert_int_equal(ncsdb_server_open(&loop, db, &serve, &server, &err), 0);
	assert_true(wire_open(&w, &loop, ncsdb_server_port(server), NULL));
}

static UNUSED void served_close(void)
{
	wire_close(&w);
	ncsdb_server_close(server);
	db_close();
}

static UNUSED int served_setup(void **state)
{
	served_open(&(struct ncsdb_conf){0});
	return 0;
}

static UNUSED int served_teardown(void **state)
{
	served_close();
	return 0;
}

static UNUSED struct ncsdb_server_stats stats(void)
{
	struct ncsdb_server_stats s;

	ncsdb_server_stats(server, &s);
	return s;
}

/* The last question was refused so. */
static UNUSED void assert_refused(const void *answer, enum grpc_status status, const char *text)
{
	assert_null(answer);
	assert_string_equal(call.text, text);
	assert_int_equal(call.status, status);
}

static UNUSED ProtobufCBinaryData bytes_of(const char *text, size_t len)
{
	return (ProtobufCBinaryData){len, (uint8_t *)text};
}

/* ---- questions ---- */

static UNUSED Etcdserverpb__PutResponse *ask_put(const Etcdserverpb__PutRequest *req)
{
	return wire_ask(&w, &call, "KV/Put", req, DESC(put_response));
}

/* Returns the revision. */
static UNUSED int64_t wput(const char *key, const char *value)
{
	Etcdserverpb__PutRequest req = ETCDSERVERPB__PUT_REQUEST__INIT;
	Etcdserverpb__PutResponse *res;
	int64_t revision;

	req.key = wire_bytes(key);
	req.value = wire_bytes(value);
	res = ask_put(&req);
	assert_non_null(res);
	revision = res->header->revision;
	wire_free(res);
	return revision;
}

/* The answer as text: "a=1@2 b=2@3 ... /7" (7: count, where it differs from what is shown). */
static UNUSED const char *kvs_text(Mvccpb__KeyValue *const *kvs, size_t n)
{
	static char text[8192];
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n && at < sizeof(text) - 256; i++)
		at += (size_t)snprintf(
			text + at, sizeof(text) - at, "%s%.*s=%.*s@%lld", i ? " " : "",
			(int)kvs[i]->key.len, (const char *)kvs[i]->key.data,
			kvs[i]->value.len > 99 ? 99 : (int)kvs[i]->value.len,
			(const char *)kvs[i]->value.data, (long long)kvs[i]->mod_revision);
	return text;
}

static UNUSED const char *range_text(const Etcdserverpb__RangeResponse *res)
{
	static char text[8300];

	snprintf(text, sizeof(text), "%s%s", kvs_text(res->kvs, res->n_kvs),
		 res->more ? " ..." : "");
	if (res->count != (int64_t)res->n_kvs)
		sprintf(text + strlen(text), " /%lld", (long long)res->count);
	return text;
}

static UNUSED Etcdserverpb__RangeResponse *ask_range(const Etcdserverpb__RangeRequest *req)
{
	return wire_ask(&w, &call, "KV/Range", req, DESC(range_response));
}

static UNUSED const char *ranged(const Etcdserverpb__RangeRequest *req)
{
	Etcdserverpb__RangeResponse *res = ask_range(req);
	const char *text;

	if (!res)
		return call.text;
	text = range_text(res);
	wire_free(res);
	return text;
}

static UNUSED Etcdserverpb__RangeRequest range_of(const char *key, const char *end)
{
	Etcdserverpb__RangeRequest req = ETCDSERVERPB__RANGE_REQUEST__INIT;

	req.key = wire_bytes(key);
	req.range_end = wire_bytes(end);
	return req;
}

static UNUSED const char *wget(const char *key)
{
	Etcdserverpb__RangeRequest req = range_of(key, "");

	return ranged(&req);
}

#endif
