/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Agents' writes by etcd's protocol, many of them:
 *
 *     load fill ENDPOINT SERVICES INSTANCES            registers services and instances of each
 *     load two ENDPOINT SERVICES INSTANCES             the same, every other one behind "gwb", and
 *                                                      what counts is the delay to the gateway
 *     load run ENDPOINT SERVICES INSTANCES SECONDS     updates 5 attributes of all, round by round
 *
 * Services are 0x1000, 0x1001 ..., instances i-0, i-1 ... behind the gateway "gw". Prints JSON:
 * updates acknowledged, how many in each second, and the last round, which is complete: attribute k
 * of the j-th instance is (7 j + 13 round + k) % 100 then. Transactions of up to 125 puts, 16 of
 * them under way.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib.h"
#include "ncsdb/ncsdb.h"
#include "util/own.h"

#define TXN_PUTS 125
#define UNDER_WAY 16
#define SIDS 60000
#define SECONDS_MAX 3600

static const char *const attributes[] = {"cpu_load", "mem_load", "io_load", "queue_us", "sessions"};
#define ATTRIBUTES ((unsigned int)ARRAY_SIZE(attributes))

static uv_loop_t loop;
static struct ncsdb *db;
static unsigned int n_services, n_instances; /* in all */
static unsigned int per_service;
static unsigned int under_way;
static uint64_t begin_ns, acknowledged;
static unsigned int per_second[SECONDS_MAX];

/* A transaction in the making. */
static struct batch {
	unsigned int n;
	struct ncsdb_op ops[TXN_PUTS];
	char keys[TXN_PUTS][128], values[TXN_PUTS][512];
} batch;

static void on_done(void *arg, const struct ncsdb_txn_result *res)
{
	unsigned int n = (unsigned int)(uintptr_t)arg;
	unsigned int second = (unsigned int)((bench_now_ns() - begin_ns) / 1000000000);

	bench_int(res->status, "write");
	under_way--;
	acknowledged += n;
	if (second < SECONDS_MAX)
		per_second[second] += n;
}

static void flush(void)
{
	struct ncsdb_txn txn = {.then = batch.ops, .n_then = batch.n};

	if (!batch.n)
		return;
	while (under_way >= UNDER_WAY)
		uv_run(&loop, UV_RUN_ONCE);
	bench_int(ncsdb_txn(db, &txn, on_done, (void *)(uintptr_t)batch.n), "write");
	under_way++;
	batch.n = 0;
}

static void finish(void)
{
	flush();
	while (under_way)
		uv_run(&loop, UV_RUN_ONCE);
}

/* Room for the value, which the caller writes before anything else is put. */
static char *put(unsigned int svc, unsigned int i, const char *field)
{
	struct ncsdb_op *op;

	if (batch.n == TXN_PUTS)
		flush();
	op = &batch.ops[batch.n];
	if (field)
		snprintf(batch.keys[batch.n], sizeof(batch.keys[0]), "/san/status/0x%x/i-%u/%s",
			 0x1000 + svc, i, field);
	else
		snprintf(batch.keys[batch.n], sizeof(batch.keys[0]), "/san/services/0x%x",
			 0x1000 + svc);
	*op = (struct ncsdb_op){.key = batch.keys[batch.n], .value = batch.values[batch.n]};
	return batch.values[batch.n];
}

static void put_done(int len)
{
	batch.ops[batch.n++].value_len = (size_t)len;
}

static void fill(bool two)
{
	const char *term = two ? "\"delay_us\", \"curve\": {\"ramp\": [0, 100000]}"
			       : "\"cpu_load\", \"curve\": {\"ramp\": [0, 100]}";

	for (unsigned int s = 0; s < n_services; s++)
		put_done(sprintf(put(s, 0, NULL),
				 "{\"id\": \"0x%x\", \"evaluation\": [{\"attribute\": %s}],"
				 " \"hysteresis\": {\"margin\": 0, \"hold_ms\": 0},"
				 " \"freshness\": {\"max_age_ms\": 3600000}}",
				 0x1000 + s, term));
	for (unsigned int j = 0; j < n_instances; j++) {
		unsigned int s = j / per_service, i = j % per_service;

		put_done(sprintf(put(s, i, "gateway"), two && i % 2 ? "gwb" : "gw"));
		put_done(sprintf(put(s, i, "address"), "2001:db8:2a::2"));
		put_done(sprintf(put(s, i, "sid"), "5f00:0:2:%x::", 0x1000 + j % SIDS));
		put_done(sprintf(put(s, i, "cpu_load"), "%u", 1 + j % 97));
	}
	finish();
}

static void update_all(unsigned int round)
{
	for (unsigned int j = 0; j < n_instances; j++)
		for (unsigned int k = 0; k < ATTRIBUTES; k++)
			put_done(sprintf(put(j / per_service, j % per_service, attributes[k]), "%u",
					 (7 * j + 13 * round + k) % 100));
}

static unsigned int update(double seconds)
{
	unsigned int round = 0;

	do
		update_all(round++);
	while (bench_now_ns() - begin_ns < seconds * 1e9);
	finish();
	return round - 1;
}

static void open_db(const char *endpoint)
{
	const struct ncsdb_remote remote = {
		.endpoints = &endpoint, .n_endpoints = 1, .deadline_ms = 10000};
	struct err err = {0};
	char text[512];

	bench_int(uv_loop_init(&loop), "loop");
	if (ncsdb_open(&loop, &(struct ncsdb_conf){.remote = &remote}, &db, &err))
		bench_die("%s: %s", endpoint, err_text(&err, text, sizeof(text)));
}

static void print(unsigned int round)
{
	double seconds = (bench_now_ns() - begin_ns) / 1e9;

	printf("{\"updates\": %lu, \"seconds\": %.3f, \"updates_per_s\": %.0f, \"round\": %u, "
	       "\"each_second\": [",
	       acknowledged, seconds, acknowledged / seconds, round);
	for (unsigned int i = 0; i < seconds && i < SECONDS_MAX; i++)
		printf("%s%u", i ? ", " : "", per_second[i]);
	printf("]}\n");
}

int main(int argc, char **argv)
{
	bool run = argc == 6 && strcmp(argv[1], "run") == 0;
	bool two = argc == 5 && strcmp(argv[1], "two") == 0;

	if (!run && !two && (argc != 5 || strcmp(argv[1], "fill")))
		bench_die("usage: load fill|two|run ENDPOINT SERVICES INSTANCES [SECONDS]");
	n_services = (unsigned int)atoi(argv[3]);
	per_service = (unsigned int)atoi(argv[4]);
	n_instances = n_services * per_service;
	open_db(argv[2]);
	begin_ns = bench_now_ns();
	if (!run)
		fill(two);
	print(run ? update(atof(argv[5])) : 0);
	return 0;
}
