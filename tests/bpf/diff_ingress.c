/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs packets through the loaded ingress program and through the natively compiled cursor, and
 * says what both did. Driven by tests/bpf/oracle_driver.py over stdin and stdout; knows no right
 * answers. Works in a network namespace of its own, whose loopback interface plays access and core
 * side, and in the pin directory given as its argument, which it removes at the end.
 *
 * Requests: struct request, then len bytes:
 *   C  struct conf        first; loads and attaches
 *   N  struct nexthop     writes san_nexthops
 *   S  struct service     writes san_services
 *   P  packet             runs it; answer: struct answer, then out_len bytes
 *   F  nothing            sends the answers collected since the last F
 * A request that fails ends the program with a message and status 1. Integers are host order.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>

#include "dp/dp.h"
#include "lib/cursor.h"

#define MAX_PACKET 3072
#define MAX_CPUS 1024
#define LOOPBACK                                                                                   \
	1 /* ifindex in a new network namespace, and what BPF_PROG_TEST_RUN receives on            \
	   */

struct request {
	uint32_t op;
	uint32_t len;
};

struct conf {
	struct san_profile profile;
	uint8_t role;
	uint8_t policy;
	uint8_t mac[6];
	uint32_t max_nexthops;
};

struct nexthop {
	uint32_t index;
	uint32_t mtu;
	uint32_t epoch;
	uint8_t encap;
	uint8_t n_segs;
	uint8_t hop_limit;
	uint8_t kind;
	uint8_t dst_mac[6];
	uint8_t src_mac[6];
	struct in6_addr source;
	struct in6_addr segs[SAN_MAX_SEGS];
};

struct service {
	uint64_t id;
	struct san_service value;
};

struct answer {
	uint64_t service_id; /* native cursor; 0 unless found */
	int32_t verdict;     /* XDP_* */
	int32_t reason;	     /* the one counter that moved; -1: none or several */
	int32_t native;	     /* reason of the native cursor; -1: no IPv6 header to show it */
	uint16_t l4_off;
	uint8_t l4_proto;
	uint8_t fragment;
	uint8_t flags;
	uint8_t pad[3];
	uint32_t out_len;
};

union payload {
	struct conf conf;
	struct nexthop nexthop;
	struct service service;
	uint8_t packet[MAX_PACKET];
};

struct driver {
	const char *pin_dir;
	struct dp *dp;
	struct san_profile profile;
	int prog_fd, reasons_fd, services_fd, cpus;
	uint64_t counts[SAN_R_MAX];
	FILE *answers;
	char *buf;
	size_t size;
};

static int die(const char *what, int error)
{
	fprintf(stderr, "diff_ingress: %s: %s\n", what, strerror(error < 0 ? -error : error));
	return -1;
}

static int attached_program(void)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int error = bpf_xdp_query(LOOPBACK, 0, &query);

	return error ? error : bpf_prog_get_fd_by_id(query.prog_id);
}

static int pinned_map(const struct driver *d, const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", d->pin_dir, name);
	fd = bpf_obj_get(path);
	return fd < 0 ? die(path, fd) : fd;
}

static int read_counts(const struct driver *d, uint64_t counts[SAN_R_MAX])
{
	struct san_counter cpu[MAX_CPUS];

	for (uint32_t reason = 0; reason < SAN_R_MAX; reason++) {
		int error = bpf_map_lookup_elem(d->reasons_fd, &reason, cpu);

		if (error)
			return error;
		counts[reason] = 0;
		for (int i = 0; i < d->cpus; i++)
			counts[reason] += cpu[i].packets;
	}
	return 0;
}

/* lo has no MAC address: the one that the packets are for. */
static int put_iface(const struct driver *d, const struct conf *conf)
{
	struct san_iface iface = {.role = conf->role, .policy = conf->policy};
	uint32_t key = LOOPBACK;
	int error, fd = pinned_map(d, "san_ifaces");

	if (fd < 0)
		return -1;
	memcpy(iface.mac, conf->mac, sizeof(iface.mac));
	error = bpf_map_update_elem(fd, &key, &iface, BPF_ANY);
	close(fd);
	return error ? die("san_ifaces", error) : 0;
}

static int configure(struct driver *d, const struct conf *conf)
{
	struct dp_conf dp_conf = {
		.pin_dir = d->pin_dir,
		.profile = conf->profile,
		.max_services = 4096,
		.max_nexthops = conf->max_nexthops,
		.max_flows = SAN_DEFAULT_FLOWS,
		.max_ifaces = 16,
	};
	enum dp_attach_mode mode;
	struct err err = {0};
	char text[512];

	if (dp_open(&dp_conf, &d->dp, &err) ||
	    dp_iface_set(d->dp, LOOPBACK, SAN_ROLE_INGRESS, conf->policy, &mode, &err))
		return die(err_text(&err, text, sizeof(text)), err.code);
	d->profile = conf->profile;
	d->prog_fd = attached_program();
	if (d->prog_fd < 0)
		return die("no program on the interface", d->prog_fd);
	if (conf->role == SAN_ROLE_NONE &&
	    dp_iface_set(d->dp, LOOPBACK, SAN_ROLE_NONE, 0, &mode, &err))
		return die(err_text(&err, text, sizeof(text)), err.code);
	if (put_iface(d, conf))
		return -1;
	d->reasons_fd = pinned_map(d, "san_reasons");
	d->services_fd = pinned_map(d, "san_services");
	return d->reasons_fd < 0 || d->services_fd < 0 ? -1 : read_counts(d, d->counts);
}

static int put_nexthop(struct driver *d, const struct nexthop *in)
{
	struct san_nexthop nh = {0};
	struct dp_outer outer = {
		.source = in->source,
		.segs = in->segs,
		.n_segs = in->n_segs,
		.encap = in->encap,
		.hop_limit = in->hop_limit,
	};
	int error = dp_outer_build(&outer, &nh);

	if (error)
		return die("dp_outer_build", error);
	memcpy(nh.dst_mac, in->dst_mac, sizeof(nh.dst_mac));
	memcpy(nh.src_mac, in->src_mac, sizeof(nh.src_mac));
	nh.kind = in->kind;
	nh.ifindex = LOOPBACK;
	nh.mtu = in->mtu;
	nh.epoch = in->epoch;
	error = dp_nexthop_put(d->dp, in->index, &nh);
	return error ? die("dp_nexthop_put", error) : 0;
}

/* Past module dp, which would refuse an index that the program must survive all the same. */
static int put_service(struct driver *d, const struct service *in)
{
	struct san_service_key key = {.service_id = in->id};
	int error = bpf_map_update_elem(d->services_fd, &key, &in->value, BPF_ANY);

	return error ? die("san_services", error) : 0;
}

/* An exact copy on the heap, so that a sanitizer or valgrind would see a read beyond it. */
static void run_native(const struct driver *d, const uint8_t *packet, size_t len, struct answer *a)
{
	struct san_found found = {0};
	uint8_t *copy;

	a->native = -1;
	if (len < ETH_HLEN + 40 || packet[12] != 0x86 || packet[13] != 0xdd)
		return;
	copy = malloc(len - ETH_HLEN);
	if (!copy)
		return;
	memcpy(copy, packet + ETH_HLEN, len - ETH_HLEN);
	a->native = -cursor_find_san(copy, copy + len - ETH_HLEN, &d->profile, &found);
	free(copy);
	a->service_id = a->native ? 0 : found.service_id;
	a->l4_off = found.l4_off;
	a->l4_proto = found.l4_proto;
	a->fragment = found.fragment;
	a->flags = found.flags;
}

static int moved_counter(struct driver *d, int32_t *reason)
{
	uint64_t now[SAN_R_MAX];
	int error = read_counts(d, now), moved = 0;

	for (int i = 0; !error && i < SAN_R_MAX; i++) {
		if (now[i] != d->counts[i]) {
			moved += now[i] - d->counts[i];
			*reason = i;
		}
	}
	if (moved != 1)
		*reason = -1;
	memcpy(d->counts, now, sizeof(now));
	return error;
}

static int run_packet(struct driver *d, const uint8_t *packet, size_t len)
{
	static uint8_t out[MAX_PACKET + 512];
	struct answer answer = {.reason = -1};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = len, .data_out = out,
		    .data_size_out = sizeof(out), .repeat = 1);
	int error = bpf_prog_test_run_opts(d->prog_fd, &run);

	if (error)
		return die("BPF_PROG_TEST_RUN", error);
	answer.verdict = run.retval;
	answer.out_len = run.data_size_out;
	error = moved_counter(d, &answer.reason);
	if (error)
		return die("san_reasons", error);
	run_native(d, packet, len, &answer);
	fwrite(&answer, sizeof(answer), 1, d->answers);
	fwrite(out, answer.out_len, 1, d->answers);
	return 0;
}

static int flush(struct driver *d)
{
	fflush(d->answers);
	if (fwrite(d->buf, 1, d->size, stdout) != d->size || fflush(stdout))
		return die("stdout", errno);
	rewind(d->answers);
	return 0;
}

static int serve(struct driver *d, const struct request *req, const union payload *payload)
{
	size_t want = req->op == 'C'   ? sizeof(payload->conf)
		      : req->op == 'N' ? sizeof(payload->nexthop)
		      : req->op == 'S' ? sizeof(payload->service)
		      : req->op == 'F' ? 0
				       : req->len;

	if (req->len != want || (req->op == 'C') != !d->dp)
		return die("request out of order or of wrong size", EPROTO);
	switch (req->op) {
	case 'C':
		return configure(d, &payload->conf);
	case 'N':
		return put_nexthop(d, &payload->nexthop);
	case 'S':
		return put_service(d, &payload->service);
	case 'P':
		return run_packet(d, payload->packet, req->len);
	case 'F':
		return flush(d);
	}
	return die("unknown request", EPROTO);
}

static int serve_all(struct driver *d)
{
	static union payload payload;
	struct request req;
	int error = 0;

	while (!error && fread(&req, sizeof(req), 1, stdin) == 1) {
		if (req.len > sizeof(payload))
			return die("request too large", EMSGSIZE);
		if (req.len && fread(&payload, req.len, 1, stdin) != 1)
			return die("request cut short", EPROTO);
		error = serve(d, &req, &payload);
	}
	return error;
}

int main(int argc, char **argv)
{
	struct driver d = {.pin_dir = argv[1], .cpus = libbpf_num_possible_cpus()};
	int error;

	if (argc != 2) {
		fprintf(stderr, "usage: diff_ingress PIN_DIR\n");
		return 2;
	}
	if (d.cpus < 1 || d.cpus > MAX_CPUS)
		return die("number of CPUs", ERANGE) ? 1 : 0;
	if (unshare(CLONE_NEWNET))
		return die("unshare", errno) ? 1 : 0;
	d.answers = open_memstream(&d.buf, &d.size);
	if (!d.answers)
		return die("open_memstream", errno) ? 1 : 0;
	error = serve_all(&d);
	dp_close(d.dp);
	dp_unload(d.pin_dir);
	fclose(d.answers);
	free(d.buf);
	return error ? 1 : 0;
}
