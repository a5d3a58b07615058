/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs packets through the loaded program of a role and through the natively compiled cursor, and
 * says what both did; or makes packets itself, millions of them, and has them judged. Driven by
 * tests/bpf/oracle_driver.py over stdin and stdout. Works in a network namespace of its own, whose
 * loopback interface plays access and core side, and in the pin directory given as its argument,
 * which it removes at the end.
 *
 * Requests: struct request, then len bytes:
 *   C  struct driver_conf     first; loads
 *   N  struct driver_nexthop  writes san_nexthops
 *   L  base, next hops (u32)  writes san_slots
 *   S  struct service         writes san_services or san_local
 *   I  struct sid             writes san_sids
 *   K  struct san_msg_class   one more rule; k: writes the rules
 *   W  u32 ifindex            writes san_tx
 *   R  nothing                empties flow table, fragment table, buckets
 *   P  packet                 runs it; answer: struct answer, then out_len bytes
 *   X  packet                 one more seed
 *   M  struct mass            judges packets made from the seeds; answer: struct mass_result, text
 *   F  nothing                sends the answers collected since the last F
 * A request that fails ends the program with a message and status 1. Integers are host order.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cursor.h"
#include "libdriver.h"
#include "libmass.h"

struct request {
	uint32_t op;
	uint32_t len;
};

struct service {
	uint64_t id;
	uint64_t local;
	struct san_service value;
};

struct sid {
	struct in6_addr addr;
	struct san_sid value;
};

struct slots {
	uint32_t base;
	uint32_t nexthops[JUDGE_SLOTS];
};

struct answer {
	uint64_t service_id; /* native cursor; 0 unless found */
	int32_t verdict;     /* XDP_* */
	int32_t reason;	     /* the one counter that moved; -1: none or several */
	int32_t native;	     /* reason of the native cursor; -1: no IPv6 header to show it */
	uint32_t frag_id;
	uint16_t l4_off;
	uint8_t l4_proto;
	uint8_t fragment;
	uint8_t flags;
	uint8_t more;
	uint8_t pad[2];
	uint32_t out_len;
	uint32_t pad2;
};

union payload {
	struct driver_conf conf;
	struct driver_nexthop nexthop;
	struct service service;
	struct sid sid;
	struct slots slots;
	struct san_msg_class class;
	struct mass mass;
	uint32_t ifindex;
	uint8_t packet[DRIVER_PACKET];
};

struct server {
	struct driver driver;
	struct mass_seeds seeds;
	FILE *answers;
	char *buf;
	size_t size;
};

/* An exact copy on the heap, so that a sanitizer or valgrind would see a read beyond it. */
static void run_native(const struct driver *d, const uint8_t *packet, size_t len, struct answer *a)
{
	const size_t l2_len = 14;
	struct san_found found = {0};
	uint8_t *copy;

	a->native = -1;
	if (len < l2_len + 40 || packet[12] != 0x86 || packet[13] != 0xdd)
		return;
	copy = malloc(len - l2_len);
	if (!copy)
		return;
	memcpy(copy, packet + l2_len, len - l2_len);
	a->native = -cursor_find_san(copy, copy + len - l2_len, &d->judge.profile, &found);
	free(copy);
	a->service_id = a->native ? 0 : found.service_id;
	a->l4_off = found.l4_off;
	a->l4_proto = found.l4_proto;
	a->fragment = found.fragment;
	a->flags = found.flags;
	a->more = found.more;
	a->frag_id = found.frag_id;
}

/* The one reason that counted. */
static int moved_reason(struct driver *d, int32_t *reason)
{
	uint64_t moved[SAN_R_MAX], all = 0;
	int i;

	if (driver_moved(d, moved))
		return -1;
	for (i = 0; i < SAN_R_MAX; i++) {
		all += moved[i];
		if (moved[i])
			*reason = i;
	}
	if (all != 1)
		*reason = -1;
	return 0;
}

static int run_packet(struct server *s, const uint8_t *packet, size_t len)
{
	static uint8_t out[DRIVER_OUT];
	struct answer answer = {.reason = -1};
	struct judge_got got;

	if (driver_run(&s->driver, packet, len, out, &got) ||
	    moved_reason(&s->driver, &answer.reason))
		return -1;
	answer.verdict = got.action;
	answer.out_len = got.len;
	run_native(&s->driver, packet, len, &answer);
	fwrite(&answer, sizeof(answer), 1, s->answers);
	fwrite(out, answer.out_len, 1, s->answers);
	return 0;
}

static int add_class(struct server *s, const struct san_msg_class *rule)
{
	struct judge *judge = &s->driver.judge;

	if (judge->n_rules == JUDGE_RULES)
		return driver_die("rules", ENOSPC);
	judge->rules[judge->n_rules++] = *rule;
	return 0;
}

static int flush(struct server *s)
{
	fflush(s->answers);
	if (fwrite(s->buf, 1, s->size, stdout) != s->size || fflush(stdout))
		return driver_die("stdout", errno);
	rewind(s->answers);
	return 0;
}

static size_t wanted_size(const struct request *req)
{
	const union payload *p = NULL;

	switch (req->op) {
	case 'C':
		return sizeof(p->conf);
	case 'N':
		return sizeof(p->nexthop);
	case 'S':
		return sizeof(p->service);
	case 'I':
		return sizeof(p->sid);
	case 'K':
		return sizeof(p->class);
	case 'W':
		return sizeof(p->ifindex);
	case 'M':
		return sizeof(p->mass);
	case 'k':
	case 'R':
	case 'F':
		return 0;
	}
	return req->len;
}

static int serve_table(struct server *s, const struct request *req, const union payload *p)
{
	struct driver *d = &s->driver;

	switch (req->op) {
	case 'C':
		return driver_open(d, &p->conf);
	case 'N':
		return driver_nexthop(d, &p->nexthop);
	case 'L':
		return driver_slots(d, p->slots.base, req->len / 4 - 1, p->slots.nexthops);
	case 'S':
		return driver_service(d, p->service.id, p->service.local, &p->service.value);
	case 'I':
		return driver_sid(d, &p->sid.addr, &p->sid.value);
	case 'K':
		return add_class(s, &p->class);
	case 'k':
		return driver_classes(d);
	case 'W':
		return driver_port(d, p->ifindex);
	}
	return driver_die("unknown request", EPROTO);
}

static int serve(struct server *s, const struct request *req, const union payload *p)
{
	if (req->len != wanted_size(req) || (req->op == 'C') != !s->driver.dp)
		return driver_die("request out of order or of wrong size", EPROTO);
	switch (req->op) {
	case 'R':
		return driver_forget(&s->driver);
	case 'P':
		return run_packet(s, p->packet, req->len);
	case 'X':
		return mass_seed(&s->seeds, p->packet, req->len);
	case 'M':
		return mass_run(&s->driver, &s->seeds, &p->mass, s->answers);
	case 'F':
		return flush(s);
	}
	return serve_table(s, req, p);
}

static int serve_all(struct server *s)
{
	static union payload payload;
	struct request req;
	int error = 0;

	while (!error && fread(&req, sizeof(req), 1, stdin) == 1) {
		if (req.len > sizeof(payload))
			return driver_die("request too large", EMSGSIZE);
		if (req.len && fread(&payload, req.len, 1, stdin) != 1)
			return driver_die("request cut short", EPROTO);
		error = serve(s, &req, &payload);
	}
	return error;
}

int main(int argc, char **argv)
{
	static struct server s;
	int error;

	if (argc != 2) {
		fprintf(stderr, "usage: diff_ingress PIN_DIR\n");
		return 2;
	}
	s.driver.pin_dir = argv[1];
	if (unshare(CLONE_NEWNET))
		return driver_die("unshare", errno) ? 1 : 0;
	s.answers = open_memstream(&s.buf, &s.size);
	if (!s.answers)
		return driver_die("open_memstream", errno) ? 1 : 0;
	error = serve_all(&s);
	driver_close(&s.driver);
	fclose(s.answers);
	free(s.buf);
	mass_forget_seeds(&s.seeds);
	return error ? 1 : 0;
}
