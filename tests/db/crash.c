/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crash SERVE DIR ROUNDS: starts the program SERVE on DIR, writes to it and watches it, kills it
 * with SIGKILL in the middle, starts it again: whatever was acknowledged or shown is there, in
 * whole transactions, and the revision is not smaller. Prints "ok ROUNDS WRITES EVENTS".
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire.h"

#define IN_FLIGHT 24
#define KEYS 300

extern char **environ;

struct slot {
	struct wire_call call;
	unsigned int key;
	unsigned long value;
};

static uv_loop_t loop;
static struct wire w;
static struct slot slots[IN_FLIGHT];
static struct wire_call watch;
static unsigned long acked[KEYS], shown[KEYS], next_value = 1;
static long long revision; /* the largest that was acknowledged or shown */
static unsigned long n_acked, n_events, enough;
static pid_t server;
static bool killed;
static uv_timer_t deadline;

static void check(bool ok, const char *what, unsigned int key, unsigned long is, unsigned long want)
{
	if (ok)
		return;
	printf("lost: %s of key %u is %lu, must be at least %lu\n", what, key, is, want);
	fflush(stdout);
	kill(server, SIGKILL);
	exit(1);
}

/* ---- the server ---- */

static uint16_t server_start(const char *serve, const char *dir)
{
	char *argv[] = {(char *)serve, (char *)dir, (char *)"127.0.0.1:0", NULL};
	posix_spawn_file_actions_t actions;
	char line[64] = "";
	unsigned int port = 0;
	FILE *out;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		wire_fail("pipe", "failed");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	if (posix_spawn(&server, serve, &actions, NULL, argv, environ))
		wire_fail("server", "does not start");
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	out = fdopen(fds[0], "r");
	if (!fgets(line, sizeof(line), out) || sscanf(line, "ready %u", &port) != 1)
		wire_fail("server", "is not ready");
	fclose(out);
	return (uint16_t)port;
}

static void on_deadline(uv_timer_t *timer)
{
	killed = true;
	kill(server, SIGKILL);
}

/* Soon; the writers go on. */
static void server_kill(void)
{
	uv_timer_start(&deadline, on_deadline, (uint64_t)rand() % 4, 0);
}

/* ---- writers ---- */

static void write_next(struct slot *slot);

static void on_answer(void *arg, const void *data, size_t len)
{
	Etcdserverpb__TxnResponse *answer = etcdserverpb__txn_response__unpack(NULL, len, data);
	struct slot *slot = arg;

	if (slot->value > acked[slot->key])
		acked[slot->key] = slot->value;
	if (answer->header->revision > revision)
		revision = answer->header->revision;
	wire_free(answer);
	n_acked++;
	if (enough && --enough == 0)
		server_kill();
}

static void on_answered(void *arg, struct wire_call *call)
{
	if (call->status == GRPC_OK && !killed)
		write_next(arg);
}

/* A key and its twin, in one transaction. */
static void write_next(struct slot *slot)
{
	Etcdserverpb__PutRequest puts[2];
	Etcdserverpb__RequestOp ops[2], *list[2] = {&ops[0], &ops[1]};
	Etcdserverpb__TxnRequest txn = ETCDSERVERPB__TXN_REQUEST__INIT;
	char text[2][32], value[32];

	slot->value = next_value++;
	slot->key = (unsigned int)(slot->value % KEYS);
	sprintf(value, "%lu", slot->value);
	for (int i = 0; i < 2; i++) {
		sprintf(text[i], "/%s/%u", i ? "twin" : "key", slot->key);
		etcdserverpb__put_request__init(&puts[i]);
		puts[i].key = wire_bytes(text[i]);
		puts[i].value = wire_bytes(value);
		etcdserverpb__request_op__init(&ops[i]);
		ops[i].request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT;
		ops[i].request_put = &puts[i];
	}
	txn.success = list;
	txn.n_success = 2;
	slot->call =
		(struct wire_call){.on_message = on_answer, .on_end = on_answered, .arg = slot};
	if (wire_start(&w, &slot->call, "KV/Txn") || wire_send(&slot->call, &txn, true))
		wire_fail("Txn", "cannot be sent");
}

/* ---- watching ---- */

/* Of "/key/N" and "/twin/N"; the bytes end with nothing. */
static unsigned int key_number(const ProtobufCBinaryData *key)
{
	char text[32];
	unsigned int number = KEYS;

	snprintf(text, sizeof(text), "%.*s", (int)key->len, (const char *)key->data);
	if (sscanf(text, "/key/%u", &number) != 1 || number >= KEYS)
		wire_fail("key", text);
	return number;
}

static unsigned long value_number(const ProtobufCBinaryData *value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.*s", (int)value->len, (const char *)value->data);
	return strtoul(text, NULL, 10);
}

static void on_event(const Mvccpb__Event *event)
{
	unsigned int key = key_number(&event->kv->key);
	unsigned long value = value_number(&event->kv->value);

	if (value > shown[key])
		shown[key] = value;
	if (event->kv->mod_revision > revision)
		revision = event->kv->mod_revision;
	n_events++;
}

static void on_events(void *arg, const void *data, size_t len)
{
	Etcdserverpb__WatchResponse *answer = etcdserverpb__watch_response__unpack(NULL, len, data);

	for (size_t i = 0; i < answer->n_events; i++)
		on_event(answer->events[i]);
	wire_free(answer);
}

static void watch_start(void)
{
	Etcdserverpb__WatchRequest request = ETCDSERVERPB__WATCH_REQUEST__INIT;
	Etcdserverpb__WatchCreateRequest create = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;

	create.key = wire_bytes("/key/");
	create.range_end = wire_bytes("/key0");
	request.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
	request.create_request = &create;
	watch = (struct wire_call){.on_message = on_events};
	if (wire_start(&w, &watch, "Watch/Watch") || wire_send(&watch, &request, false))
		wire_fail("Watch", "cannot be sent");
}

/* ---- afterwards ---- */

static Etcdserverpb__RangeResponse *list(const char *from, const char *to)
{
	Etcdserverpb__RangeRequest request = ETCDSERVERPB__RANGE_REQUEST__INIT;
	struct wire_call call;
	void *answer;

	request.key = wire_bytes(from);
	request.range_end = wire_bytes(to);
	answer = wire_ask(&w, &call, "KV/Range", &request,
			  &etcdserverpb__range_response__descriptor);
	if (!answer)
		wire_fail("Range", call.text);
	return answer;
}

static void check_key(const Mvccpb__KeyValue *kv, const Mvccpb__KeyValue *twin, bool *there)
{
	unsigned long value = value_number(&kv->value);
	unsigned int key = key_number(&kv->key);

	there[key] = true;
	check(value >= acked[key], "acknowledged value", key, value, acked[key]);
	check(value >= shown[key], "watched value", key, value, shown[key]);
	check(value == value_number(&twin->value) && kv->mod_revision == twin->mod_revision,
	      "the twin", key, (unsigned long)kv->mod_revision, (unsigned long)twin->mod_revision);
}

static void check_all(void)
{
	Etcdserverpb__RangeResponse *keys = list("/key/", "/key0");
	Etcdserverpb__RangeResponse *twins = list("/twin/", "/twin0");
	bool there[KEYS] = {false};

	check(keys->header->revision >= revision, "revision", 0,
	      (unsigned long)keys->header->revision, (unsigned long)revision);
	check(keys->n_kvs == twins->n_kvs, "number", 0, keys->n_kvs, twins->n_kvs);
	for (size_t i = 0; i < keys->n_kvs; i++)
		check_key(keys->kvs[i], twins->kvs[i], there);
	for (unsigned int key = 0; key < KEYS; key++)
		check(there[key] || (!acked[key] && !shown[key]), "presence", key, 0, acked[key]);
	wire_free(keys);
	wire_free(twins);
}

static void one_round(const char *serve, const char *dir)
{
	uint16_t port = server_start(serve, dir);

	if (!wire_open(&w, &loop, port, NULL))
		wire_fail("connection", w.why);
	check_all();
	killed = false;
	enough = 1 + (unsigned long)rand() % 200;
	watch_start();
	for (int i = 0; i < IN_FLIGHT; i++)
		write_next(&slots[i]);
	wire_wait(&w, &w.down);
	if (!killed)
		wire_fail("connection", w.why);
	waitpid(server, NULL, 0);
	wire_close(&w);
	uv_run(&loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
	int rounds = argc == 4 ? atoi(argv[3]) : 0;

	if (rounds < 1)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	srand(1);
	uv_loop_init(&loop);
	uv_timer_init(&loop, &deadline);
	for (int i = 0; i < rounds; i++)
		one_round(argv[1], argv[2]);
	printf("ok %d %lu %lu\n", rounds, n_acked, n_events);
	return 0;
}
