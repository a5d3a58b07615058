/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kill -9 at any moment: every write that was acknowledged is there afterwards. A child process
 * writes and tells each acknowledgement through a pipe before it goes on.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "unit/ncsdb/harness.h"

#define ROUNDS 50
#define IN_FLIGHT 16
#define KEYS 500

struct ack {
	uint32_t key, value;
};

struct writer {
	struct ack pending[IN_FLIGHT];
	unsigned int n_done;
	int fd;
	uint32_t next;
};

struct slot {
	struct writer *w;
	struct ack ack;
};

static void write_next(struct slot *slot);

static void on_acknowledged(void *arg, const struct ncsdb_txn_result *res)
{
	struct slot *slot = arg;

	if (res->status || write(slot->w->fd, &slot->ack, sizeof(slot->ack)) < 0)
		_exit(1);
	write_next(slot);
}

static void write_next(struct slot *slot)
{
	char key[32], twin[32], value[32];
	struct ncsdb_op ops[2];

	slot->ack.value = slot->w->next++;
	slot->ack.key = slot->ack.value % KEYS;
	sprintf(key, "/k/%u", slot->ack.key);
	sprintf(twin, "/twin/%u", slot->ack.key);
	sprintf(value, "%u", slot->ack.value);
	ops[0] = op_put(key, value);
	ops[1] = op_put(twin, value);
	if (ncsdb_txn(db, &(struct ncsdb_txn){.then = ops, .n_then = 2}, on_acknowledged, slot))
		_exit(1);
}

static void child(int fd, uint32_t first)
{
	struct writer w = {.fd = fd, .next = first};
	struct slot slots[IN_FLIGHT];

	db_open(&(struct ncsdb_conf){.dir = dir});
	for (int i = 0; i < IN_FLIGHT; i++) {
		slots[i].w = &w;
		write_next(&slots[i]);
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	_exit(1);
}

/* Lets the child live until it has acknowledged `enough` writes, and a random moment longer. */
static void round_of_writes(uint32_t first, uint32_t *acked, uint32_t *last, unsigned int enough)
{
	unsigned int n = 0;
	struct ack ack;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		child(fds[1], first);
	close(fds[1]);
	while (read(fds[0], &ack, sizeof(ack)) == sizeof(ack)) {
		acked[ack.key] = ack.value;
		*last = ack.value > *last ? ack.value : *last;
		if (++n == enough) {
			usleep((useconds_t)(rand() % 3000));
			kill(pid, SIGKILL);
		}
	}
	close(fds[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(n >= enough);
}

/* Everything acknowledged, or something newer that was under way; twins always together. */
static void on_all(void *arg, const struct ncsdb_range_result *res)
{
	const uint32_t *acked = arg;
	size_t half = res->n / 2;

	assert_int_equal(res->status, 0);
	assert_int_equal(res->n % 2, 0);
	for (size_t i = 0; i < half; i++) {
		const struct ncsdb_kv *kv = &res->kvs[i], *twin = &res->kvs[half + i];
		uint32_t key = (uint32_t)strtoul(kv->key + 3, NULL, 10);

		assert_string_equal(kv->value, twin->value);
		assert_true(kv->mod_rev == twin->mod_rev);
		assert_true(strtoul(kv->value, NULL, 10) >= acked[key]);
	}
}

static size_t count_acked(const uint32_t *acked)
{
	size_t n = 0;

	for (int i = 0; i < KEYS; i++)
		n += acked[i] != 0;
	return n;
}

static void test_kill(void **state)
{
	uint32_t acked[KEYS] = {0}, last = 0;

	srand(1);
	assert_int_equal(dir_make(), 0);
	for (int i = 0; i < ROUNDS; i++) {
		round_of_writes(last + IN_FLIGHT + 1, acked, &last, 1 + (unsigned int)rand() % 100);
		db_open(&(struct ncsdb_conf){.dir = dir});
		assert_true(status().keys >= 2 * count_acked(acked));
		assert_int_equal(ncsdb_range(db, &(struct ncsdb_range){.key = "/", .prefix = true},
					     on_all, acked),
				 0);
		settle();
		db_close();
	}
	dir_remove();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
