/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libdriver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define MAX_CPUS 1024

int driver_die(const char *what, int error)
{
	fprintf(stderr, "driver: %s: %s\n", what, strerror(error < 0 ? -error : error));
	return -1;
}

int driver_map(const struct driver *d, const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/maps/%s", d->pin_dir, name);
	fd = bpf_obj_get(path);
	return fd < 0 ? driver_die(path, fd) : fd;
}

/* Past module dp, which would refuse what the program must survive all the same. */
static int put_raw(const struct driver *d, const char *name, const void *key, const void *val)
{
	int error, fd = driver_map(d, name);

	if (fd < 0)
		return -1;
	error = bpf_map_update_elem(fd, key, val, BPF_ANY);
	close(fd);
	return error ? driver_die(name, error) : 0;
}

static int read_counts(const struct driver *d, uint64_t counts[SAN_R_MAX])
{
	static struct san_counter cpu[MAX_CPUS];
	uint32_t reason, row, key;
	int i;

	memset(counts, 0, SAN_R_MAX * sizeof(*counts));
	for (reason = 0; reason < SAN_R_MAX; reason++) {
		for (row = 0; row <= DRIVER_ROW; row++) {
			key = row * SAN_REASON_ROW + reason;
			if (bpf_map_lookup_elem(d->reasons_fd, &key, cpu))
				return driver_die("san_reasons", errno);
			for (i = 0; i < d->cpus; i++)
				counts[reason] += cpu[i].packets;
		}
	}
	return 0;
}

int driver_moved(struct driver *d, uint64_t moved[SAN_R_MAX])
{
	uint64_t now[SAN_R_MAX];
	int i;

	if (read_counts(d, now))
		return -1;
	for (i = 0; i < SAN_R_MAX; i++)
		moved[i] = now[i] - d->counts[i];
	memcpy(d->counts, now, sizeof(now));
	return 0;
}

int driver_port(const struct driver *d, uint32_t ifindex)
{
	return put_raw(d, "san_tx", &ifindex, &ifindex);
}

static int put_iface(const struct driver *d, const struct san_iface *iface)
{
	uint32_t key = DRIVER_IFINDEX;

	return put_raw(d, "san_ifaces", &key, iface) || driver_port(d, DRIVER_IFINDEX) ? -1 : 0;
}

int driver_open(struct driver *d, const struct driver_conf *conf)
{
	struct dp_conf dp_conf = {
		.pin_dir = d->pin_dir,
		.profile = conf->profile,
		.max_services = 4096,
		.max_nexthops = SAN_DEFAULT_NEXTHOPS,
		.max_flows = SAN_DEFAULT_FLOWS,
		.max_ifaces = 16,
		.max_slots = JUDGE_SLOTS,
		.max_frags = 65536,
	};
	enum san_role role = conf->iface.role == SAN_ROLE_CORE ? SAN_ROLE_CORE : SAN_ROLE_INGRESS;
	struct err err = {0};
	char text[512];

	d->cpus = libbpf_num_possible_cpus();
	if (d->cpus < 1 || d->cpus > MAX_CPUS)
		return driver_die("number of CPUs", ERANGE);
	if (judge_init(&d->judge))
		return driver_die("judge", ENOMEM);
	d->judge.profile = conf->profile;
	d->judge.iface = conf->iface;
	d->judge.iface.row = DRIVER_ROW;
	d->judge.domain = conf->domain;
	if (dp_open(&dp_conf, &d->dp, &err))
		return driver_die(err_text(&err, text, sizeof(text)), err.code);
	d->prog_fd = dp_prog_fd(d->dp, role);
	if (dp_domain_set(d->dp, &conf->domain))
		return driver_die("dp_domain_set", EINVAL);
	if (put_iface(d, &d->judge.iface))
		return -1;
	d->reasons_fd = driver_map(d, "san_reasons");
	return d->reasons_fd < 0 ? -1 : read_counts(d, d->counts);
}

void driver_close(struct driver *d)
{
	dp_close(d->dp);
	dp_unload(d->pin_dir);
	judge_fini(&d->judge);
}

static struct judge_nexthop *judged_nexthop(struct judge *judge, uint32_t index)
{
	unsigned int i;

	for (i = 0; i < judge->n_nexthops; i++) {
		if (judge->nexthops[i].index == index)
			return &judge->nexthops[i];
	}
	if (judge->n_nexthops == JUDGE_NEXTHOPS)
		return NULL;
	return &judge->nexthops[judge->n_nexthops++];
}

int driver_nexthop(struct driver *d, const struct driver_nexthop *in)
{
	struct judge_nexthop *judged = judged_nexthop(&d->judge, in->index);
	struct san_nexthop nh = {0};
	struct dp_outer outer = {
		.source = in->source,
		.segs = in->segs,
		.n_segs = in->n_segs,
		.encap = in->encap,
		.hop_limit = in->hop_limit,
	};

	if (!judged)
		return driver_die("next hops", ENOSPC);
	if (in->kind == SAN_NH_DIRECT)
		dp_direct_build(&in->segs[0], &nh);
	else if (dp_outer_build(&outer, &nh))
		return driver_die("dp_outer_build", EINVAL);
	memcpy(nh.dst_mac, in->dst_mac, sizeof(nh.dst_mac));
	memcpy(nh.src_mac, in->src_mac, sizeof(nh.src_mac));
	nh.kind = in->kind;
	nh.ifindex = in->has_port ? DRIVER_IFINDEX : 4242;
	nh.mtu = in->mtu;
	nh.epoch = in->epoch;
	nh.families = in->families;
	*judged = (struct judge_nexthop){.index = in->index, .has_port = in->has_port, .val = nh};
	return put_raw(d, "san_nexthops", &in->index, &nh);
}

int driver_give_up(struct driver *d, unsigned int nth)
{
	struct judge_nexthop *judged = &d->judge.nexthops[nth % d->judge.n_nexthops];

	judged->val.epoch++;
	judged->renewed = ++d->judge.time;
	return put_raw(d, "san_nexthops", &judged->index, &judged->val);
}

int driver_service(struct driver *d, uint64_t id, int local, const struct san_service *val)
{
	struct san_service_key key = {.service_id = id};
	struct judge *judge = &d->judge;

	if (judge->n_services == JUDGE_SERVICES)
		return driver_die("services", ENOSPC);
	judge->services[judge->n_services++] =
		(struct judge_service){.id = id, .local = local, .val = *val};
	return put_raw(d, local ? "san_local" : "san_services", &key, val);
}

int driver_slots(struct driver *d, uint32_t base, uint32_t n, const uint32_t *nexthops)
{
	uint32_t i, key;

	if (base + n > JUDGE_SLOTS)
		return driver_die("slots", ENOSPC);
	for (i = 0; i < n; i++) {
		key = base + i;
		d->judge.slots[key] = nexthops[i];
		if (put_raw(d, "san_slots", &key, &nexthops[i]))
			return -1;
	}
	return 0;
}

int driver_sid(struct driver *d, const struct in6_addr *addr, const struct san_sid *val)
{
	struct judge *judge = &d->judge;

	if (judge->n_sids == JUDGE_SIDS)
		return driver_die("SIDs", ENOSPC);
	judge->sids[judge->n_sids++] = (struct judge_sid){.addr = *addr, .val = *val};
	return put_raw(d, "san_sids", addr, val);
}

int driver_classes(struct driver *d)
{
	struct err err = {0};
	char text[512];

	if (dp_classes_set(d->dp, d->judge.rules, d->judge.n_rules, &err))
		return driver_die(err_text(&err, text, sizeof(text)), err.code);
	return 0;
}

int driver_trace(struct driver *d, int on)
{
	d->judge.domain.trace = (struct san_trace){.fields = on ? SAN_TRACE_ON : 0};
	return dp_domain_set(d->dp, &d->judge.domain) ? driver_die("dp_domain_set", EINVAL) : 0;
}

static int clear(const struct driver *d, const char *name)
{
	union {
		struct san_flow_key flow;
		struct san_frag_key frag;
		__be32 source[4];
	} key;
	int fd = driver_map(d, name);

	if (fd < 0)
		return -1;
	while (!bpf_map_get_next_key(fd, NULL, &key))
		bpf_map_delete_elem(fd, &key);
	close(fd);
	return 0;
}

/* Meters with a rate are full again. */
static int refill(const struct driver *d)
{
	unsigned int i;
	int r = 0;

	for (i = 0; i < d->judge.n_rules && !r; i++) {
		const struct san_msg_class *rule = &d->judge.rules[i];
		const struct san_meter meter = {.rate_kbps = rule->rate_kbps};

		if (rule->rate_kbps)
			r = put_raw(d, "san_meters", &rule->act, &meter);
	}
	return r;
}

int driver_forget(struct driver *d)
{
	judge_forget(&d->judge);
	if (clear(d, "san_flows") || clear(d, "san_frags") || clear(d, "san_buckets"))
		return -1;
	return refill(d);
}

int driver_run(const struct driver *d, const uint8_t *packet, size_t len, uint8_t *out,
	       struct judge_got *got)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = len, .data_out = out,
		    .data_size_out = DRIVER_OUT, .repeat = 1);
	int error = bpf_prog_test_run_opts(d->prog_fd, &run);

	if (error)
		return driver_die("BPF_PROG_TEST_RUN", error);
	*got = (struct judge_got){
		.action = run.retval, .reason = -1, .out = out, .len = run.data_size_out};
	return 0;
}
