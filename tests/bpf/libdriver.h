/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dataplane in a pin directory of its own and, with the same configuration, the judge. Interface
 * of all runs is lo (index 1), where BPF_PROG_TEST_RUN pretends to receive; the caller lives in a
 * network namespace made for it.
 */
#ifndef TESTS_BPF_LIBDRIVER_H
#define TESTS_BPF_LIBDRIVER_H

#include <stdint.h>

#include "dp/dp.h"
#include "libjudge.h"

#define DRIVER_IFINDEX 1
#define DRIVER_ROW 1
#define DRIVER_PACKET 3072
#define DRIVER_OUT (DRIVER_PACKET + 512)

struct driver {
	const char *pin_dir;
	struct dp *dp;
	int prog_fd, reasons_fd, cpus;
	uint64_t counts[SAN_R_MAX];
	struct judge judge;
};

struct driver_conf {
	struct san_profile profile;
	struct san_iface iface;
	struct san_domain domain;
};

struct driver_nexthop {
	uint32_t index;
	uint32_t mtu;
	uint32_t epoch;
	uint8_t encap;
	uint8_t n_segs;
	uint8_t hop_limit;
	uint8_t kind;
	uint8_t dst_mac[6];
	uint8_t src_mac[6];
	uint8_t families;
	uint8_t has_port;
	uint8_t pad[2];
	struct in6_addr source;
	struct in6_addr segs[SAN_MAX_SEGS];
};

/* All: 0, or -1 after a line on standard error. */
int driver_die(const char *what, int error);
int driver_open(struct driver *d, const struct driver_conf *conf);
void driver_close(struct driver *d);
int driver_map(const struct driver *d, const char *name); /* caller closes */
int driver_nexthop(struct driver *d, const struct driver_nexthop *in);
/* The index of the nth next hop goes to another instance, which is just the same. */
int driver_give_up(struct driver *d, unsigned int nth);
int driver_service(struct driver *d, uint64_t id, int local, const struct san_service *val);
int driver_slots(struct driver *d, uint32_t base, uint32_t n, const uint32_t *nexthops);
int driver_sid(struct driver *d, const struct in6_addr *addr, const struct san_sid *val);
int driver_port(const struct driver *d, uint32_t ifindex); /* into san_tx */
int driver_classes(struct driver *d);			   /* of the judge, into the maps */
int driver_trace(struct driver *d, int on);
/* Empties flow and fragment table and who was told of an MTU, fills meters; here and in the judge.
 */
int driver_forget(struct driver *d);
/* One run; out holds DRIVER_OUT bytes. */
int driver_run(const struct driver *d, const uint8_t *packet, size_t len, uint8_t *out,
	       struct judge_got *got);
/* What the counters have grown by since the last time, by reason. */
int driver_moved(struct driver *d, uint64_t moved[SAN_R_MAX]);

#endif
