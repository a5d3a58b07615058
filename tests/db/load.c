/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load PORT SECONDS OPS FLYING [KEYS]: transactions of OPS puts (1: a plain Put), FLYING at a time,
 * to a server on this machine. Prints "puts/s N p50_us N p99_us N".
 */
#include <signal.h>

#include "util/clock.h"
#include "wire.h"

#define FLYING_MAX 256
#define OPS_MAX 128
#define SAMPLES (1u << 20)

struct slot {
	struct wire_call call;
	uint64_t since;
};

static uv_loop_t loop;
static struct wire w;
static struct slot slots[FLYING_MAX];
static unsigned int n_ops, n_keys, next_key;
static uint64_t until, n_done, *samples, n_samples;

static void write_next(struct slot *slot);

static void on_answered(void *arg, struct wire_call *call)
{
	struct slot *slot = arg;

	if (clock_us() >= until)
		return;
	if (call->status != GRPC_OK)
		wire_fail("answer", call->text);
	if (n_samples < SAMPLES)
		samples[n_samples++] = clock_us() - slot->since;
	n_done += n_ops;
	write_next(slot);
}

static void ignore(void *arg, const void *data, size_t len)
{
}

static Etcdserverpb__PutRequest put_of(char key[48], char value[16])
{
	Etcdserverpb__PutRequest put = ETCDSERVERPB__PUT_REQUEST__INIT;
	unsigned int n = next_key++ % n_keys;

	sprintf(key, "/san/status/0x%x/i%u/cpu_load", n / 100, n % 100);
	sprintf(value, "%u", next_key % 101);
	put.key = wire_bytes(key);
	put.value = wire_bytes(value);
	return put;
}

static void send_txn(struct slot *slot)
{
	static Etcdserverpb__PutRequest puts[OPS_MAX];
	static Etcdserverpb__RequestOp ops[OPS_MAX], *list[OPS_MAX];
	static char keys[OPS_MAX][48], values[OPS_MAX][16];
	Etcdserverpb__TxnRequest txn = ETCDSERVERPB__TXN_REQUEST__INIT;

	for (unsigned int i = 0; i < n_ops; i++) {
		puts[i] = put_of(keys[i], values[i]);
		etcdserverpb__request_op__init(&ops[i]);
		ops[i].request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT;
		ops[i].request_put = &puts[i];
		list[i] = &ops[i];
	}
	txn.success = list;
	txn.n_success = n_ops;
	if (wire_start(&w, &slot->call, "KV/Txn") || wire_send(&slot->call, &txn, true))
		wire_fail("Txn", "cannot be sent");
}

static void write_next(struct slot *slot)
{
	Etcdserverpb__PutRequest put;
	char key[48], value[16];

	slot->since = clock_us();
	slot->call = (struct wire_call){.on_message = ignore, .on_end = on_answered, .arg = slot};
	if (n_ops > 1) {
		send_txn(slot);
		return;
	}
	put = put_of(key, value);
	if (wire_start(&w, &slot->call, "KV/Put") || wire_send(&slot->call, &put, true))
		wire_fail("Put", "cannot be sent");
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
	unsigned int flying = argc > 4 ? (unsigned int)atoi(argv[4]) : 0;
	double seconds = argc > 2 ? atof(argv[2]) : 0;
	uint64_t start;

	n_ops = argc > 3 ? (unsigned int)atoi(argv[3]) : 0;
	n_keys = argc > 5 ? (unsigned int)atoi(argv[5]) : 100000;
	if (n_ops < 1 || n_ops > OPS_MAX || flying < 1 || flying > FLYING_MAX || n_keys < OPS_MAX)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	samples = malloc(SAMPLES * sizeof(*samples));
	uv_loop_init(&loop);
	if (!wire_open(&w, &loop, (uint16_t)atoi(argv[1]), NULL))
		wire_fail("connection", w.why);
	start = clock_us();
	until = start + (uint64_t)(seconds * 1e6);
	for (unsigned int i = 0; i < flying; i++)
		write_next(&slots[i]);
	while (clock_us() < until)
		uv_run(&loop, UV_RUN_ONCE);
	seconds = (double)(clock_us() - start) / 1e6;
	qsort(samples, n_samples, sizeof(*samples), by_value);
	printf("puts/s %.0f p50_us %llu p99_us %llu\n", (double)n_done / seconds,
	       (unsigned long long)samples[n_samples / 2],
	       (unsigned long long)samples[n_samples * 99 / 100]);
	wire_close(&w);
	uv_run(&loop, UV_RUN_DEFAULT);
	free(samples);
	return 0;
}
