/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Module dp: other sizes, other layouts, other versions, and a process that is stopped on the way.
 * Interfaces are those of a network namespace of this process. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <san/msg.h>

#include "dp/priv.h"
#include "libtest.h"

#define PACKETS 11

static const char *own_dir(void)
{
	static char dir[64];

	if (!dir[0]) /* once: a child process uses its parent's */
		snprintf(dir, sizeof(dir), "/sys/fs/bpf/sand-test-%d-up", getpid());
	return dir;
}

static struct dp_conf conf_small(void)
{
	const struct san_profile exp1 = SAN_PROFILE_EXP1;

	return (struct dp_conf){.pin_dir = own_dir(),
				.profile = exp1,
				.max_services = 8,
				.max_nexthops = 8,
				.max_flows = 64,
				.max_ifaces = 4,
				.max_slots = 256,
				.max_frags = 16};
}

/* Every size differs. */
static struct dp_conf conf_large(void)
{
	struct dp_conf conf = conf_small();

	conf.max_services = 32;
	conf.max_nexthops = 32;
	conf.max_flows = 128;
	conf.max_ifaces = 6;
	conf.max_slots = 1024;
	conf.max_frags = 32;
	return conf;
}

static void sh(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

static int cleanup(void **state)
{
	(void)state;
	dp_step_hook = NULL;
	/* Not every test has them. */
	sh("ip link del u0 2>/dev/null; ip link del u1 2>/dev/null; true");
	return dp_unload(own_dir());
}

static struct dp *must_open(const struct dp_conf *conf)
{
	struct dp *dp = NULL;
	struct err err;
	char text[512];

	if (dp_open(conf, &dp, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
	return dp;
}

static void must_refuse(const struct dp_conf *conf, int code, const char *field, const char *value)
{
	struct dp *dp = NULL;
	struct err err = {0};

	assert_int_equal(dp_open(conf, &dp, &err), code);
	assert_null(dp);
	assert_string_equal(err.field, field);
	assert_string_equal(err.value, value);
	assert_true(err.want[0]);
}

static int pinned_at(const char *dir, const char *name)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/%s/%s", own_dir(), dir, name);
	return bpf_obj_get(path);
}

static uint32_t map_id(const char *name)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);
	int fd = pinned_at("maps", name);

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	return info.id;
}

static unsigned int set_number(void)
{
	char path[128], target[64] = "";
	unsigned int n = 0;

	snprintf(path, sizeof(path), "%s/maps", own_dir());
	assert_true(readlink(path, target, sizeof(target) - 1) > 0);
	assert_int_equal(sscanf(target, "maps-%u", &n), 1);
	return n;
}

/* Names in the pin directory that begin so. */
static int count_names(const char *prefix)
{
	struct dirent *entry;
	DIR *dir = opendir(own_dir());
	int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += !strncmp(entry->d_name, prefix, strlen(prefix));
	closedir(dir);
	return n;
}

static struct bpf_prog_info attached(unsigned int ifindex)
{
	struct bpf_prog_info prog = {0};
	struct bpf_link_info link = {0};
	uint32_t len = sizeof(link);
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "link_%u", ifindex);
	fd = pinned_at(".", name);
	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &link, &len), 0);
	assert_int_equal(link.xdp.ifindex, ifindex);
	close(fd);
	fd = bpf_prog_get_fd_by_id(link.prog_id);
	assert_true(fd >= 0);
	len = sizeof(prog);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &prog, &len), 0);
	close(fd);
	return prog;
}

/* --- a dataplane with something in every map --------------------------------------------------
 */

static const struct san_service balanced = {.slot_base = 128,
					    .stats = 3,
					    .generation = 5,
					    .mode = SAN_MODE_BALANCED,
					    .affinity = SAN_AFFINITY_FLOW,
					    .slot_bits = 7,
					    .idle_s = 60,
					    .groups = 5};
static const struct san_service preferred = {.nexthop = 2,
					     .stats = 1,
					     .mode = SAN_MODE_PREFERRED,
					     .generation = 9,
					     .groups = 1};
static const struct san_sid sid = {.behaviour = SAN_BEHAVIOUR_END_DX6,
				   .nexthop = 2,
				   .stats = 2,
				   .service_id = 77};

static struct in6_addr addr(const char *text)
{
	struct in6_addr a;

	assert_int_equal(inet_pton(AF_INET6, text, &a), 1);
	return a;
}

static struct san_domain domain(void)
{
	struct san_domain d = {.n_blocks = 1, .sample = 100, .trace = {.sport = 9}};

	d.blocks[0].addr[0] = htobe64(0xfc00000000000000);
	d.blocks[0].mask[0] = htobe64(0xffff000000000000);
	return d;
}

static struct san_msg_class class_rule(void)
{
	struct san_msg_class rule = {
		.service_id = 77, .dst_len = 48, .fields = SAN_CLASS_PROTO, .proto = 6};

	rule.dst = addr("2001:db8:5::");
	return rule;
}

static struct san_flow_key flow_key_of(uint8_t n)
{
	return (struct san_flow_key){.service_id = n, .proto = 6, .sport = n};
}

static void flow_put(const char *set, uint8_t n, uint32_t nexthop)
{
	struct san_flow_key key = flow_key_of(n);
	struct san_flow flow = {.nexthop = nexthop, .epoch = 1, .last_ns = 7};
	int fd = pinned_at(set, "san_flows");

	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, &key, &flow, BPF_ANY), 0);
	close(fd);
}

/* Next hop of a flow; -1: none. */
static int flow_of(uint8_t n)
{
	struct san_flow_key key = flow_key_of(n);
	struct san_flow flow;
	int fd = pinned_at("maps", "san_flows"), r;

	assert_true(fd >= 0);
	r = bpf_map_lookup_elem(fd, &key, &flow);
	close(fd);
	return r ? -1 : (int)flow.nexthop;
}

static void counter_put(const char *map, uint32_t index)
{
	struct san_counter cpus[1024] = {{.packets = PACKETS, .bytes = 60}};
	int fd = pinned_at("maps", map);

	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, &index, cpus, BPF_ANY), 0);
	close(fd);
}

static void must_set(struct dp *dp, unsigned int ifindex, enum san_role role)
{
	const struct dp_iface want = {.role = role, .policy = SAN_IF_VLAN, .group = 3};
	struct err err;
	char text[512];

	if (dp_iface_set(dp, ifindex, &want, NULL, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
}

static void fill(struct dp *dp)
{
	struct san_nexthop nh = t_nexthop(2, SAN_ENCAP_RED, 0);
	struct in6_addr at = addr("fc00::2");
	struct san_domain d = domain();
	struct san_msg_class rule = class_rule();
	const uint32_t slots[2] = {2, 3};
	struct err err;

	nh.families = SAN_NH_IP4;
	assert_int_equal(dp_nexthop_put(dp, 2, &nh), 0);
	assert_int_equal(dp_slots_put(dp, 128, 2, slots), 0);
	assert_int_equal(dp_service_put(dp, false, 77, &preferred), 0);
	assert_int_equal(dp_service_put(dp, true, 78, &balanced), 0);
	assert_int_equal(dp_sid_put(dp, &at, &sid), 0);
	assert_int_equal(dp_domain_set(dp, &d), 0);
	assert_int_equal(dp_classes_set(dp, &rule, 1, &err), 0);
	flow_put("maps", 1, 2);
	counter_put("san_svc_stats", 3);
	counter_put("san_nh_stats", 2);
	counter_put("san_reasons", 1 * SAN_REASON_ROW + SAN_R_DENIED);
}

static void check_tables(struct dp *dp)
{
	struct san_nexthop nh = t_nexthop(2, SAN_ENCAP_RED, 0), nh_now;
	struct san_msg_class rule = class_rule();
	struct in6_addr at = addr("fc00::2");
	struct san_domain d = domain(), d_now;
	struct san_service svc;
	struct san_sid sid_now;
	uint32_t slots[2];

	nh.families = SAN_NH_IP4;
	assert_int_equal(dp_nexthop_get(dp, 2, &nh_now), 0);
	assert_memory_equal(&nh_now, &nh, sizeof(nh));
	assert_int_equal(dp_slots_get(dp, 128, 2, slots), 0);
	assert_true(slots[0] == 2 && slots[1] == 3);
	assert_int_equal(dp_service_get(dp, false, 77, &svc), 0);
	assert_memory_equal(&svc, &preferred, sizeof(svc));
	assert_int_equal(dp_service_get(dp, true, 78, &svc), 0);
	assert_memory_equal(&svc, &balanced, sizeof(svc));
	assert_int_equal(dp_sid_get(dp, &at, &sid_now), 0);
	assert_memory_equal(&sid_now, &sid, sizeof(sid));
	assert_int_equal(dp_domain_get(dp, &d_now), 0);
	d.class_set = d_now.class_set;
	assert_int_not_equal(d.class_set, 0);
	assert_memory_equal(&d_now, &d, sizeof(d));
	assert_true(dp_classes_same(dp, &rule, 1));
	assert_int_equal(flow_of(1), 2);
}

static void check_counters(struct dp *dp, unsigned int ifindex)
{
	struct san_counter c;

	assert_int_equal(dp_svc_stats(dp, 3, &c), 0);
	assert_int_equal(c.packets, PACKETS);
	assert_int_equal(dp_nh_stats(dp, 2, &c), 0);
	assert_int_equal(c.packets, PACKETS);
	assert_int_equal(dp_reason_stats(dp, ifindex, SAN_R_DENIED, &c), 0);
	assert_int_equal(c.packets, PACKETS);
	assert_int_equal(c.bytes, 60);
}

struct rig {
	unsigned int access, core;
};

static struct rig rig_make(void)
{
	struct rig rig;

	sh("ip link add u0 type veth peer name u0p; ip link add u1 type veth peer name u1p");
	rig.access = if_nametoindex("u0");
	rig.core = if_nametoindex("u1");
	return rig;
}

static struct rig rig_filled(const struct dp_conf *conf)
{
	struct rig rig = rig_make();
	struct dp *dp = must_open(conf);

	must_set(dp, rig.access, SAN_ROLE_INGRESS);
	must_set(dp, rig.core, SAN_ROLE_CORE);
	fill(dp);
	dp_close(dp);
	return rig;
}

static bool uses_map(const struct bpf_prog_info *seen, uint32_t id)
{
	uint32_t ids[64];
	struct bpf_prog_info info = {.nr_map_ids = 64, .map_ids = (uintptr_t)ids};
	uint32_t len = sizeof(info), i;
	int fd = bpf_prog_get_fd_by_id(seen->id);

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	for (i = 0; i < info.nr_map_ids && i < 64; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* Both interfaces run the programs of their roles, on the maps that are in force. */
static void check_links(const struct rig *rig)
{
	struct bpf_prog_info access = attached(rig->access), core = attached(rig->core);

	assert_string_equal(access.name, "san_ingress");
	assert_string_equal(core.name, "san_core");
	assert_true(uses_map(&access, map_id("san_reasons")));
	assert_true(uses_map(&core, map_id("san_reasons")));
}

static void check_all(struct dp *dp, const struct rig *rig)
{
	struct san_iface iface;
	enum dp_attach_mode mode;

	check_tables(dp);
	check_counters(dp, rig->access);
	check_links(rig);
	assert_int_equal(dp_iface_get(dp, rig->access, &iface, &mode), 0);
	assert_int_equal(iface.role, SAN_ROLE_INGRESS);
	assert_int_equal(iface.policy, SAN_IF_VLAN);
	assert_int_equal(iface.group, 3);
	assert_int_equal(iface.row, 1);
	assert_int_equal(dp_iface_get(dp, rig->core, &iface, &mode), 0);
	assert_int_equal(iface.row, 2);
	assert_int_equal(count_names("maps-"), 1);
	assert_int_equal(count_names("maps"), 2);
	assert_int_equal(count_names("san_"), 0);
}

/* --- sizes ---------------------------------------------------------------------------------------
 */

static void test_sizes(void **state)
{
	struct dp_conf small = conf_small(), large = conf_large();
	struct rig rig = rig_filled(&small);
	struct san_meta before, after;
	struct dp *dp;
	uint32_t zero = 0;
	int fd = pinned_at("maps", "san_meta");

	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &before), 0);
	close(fd);
	dp = must_open(&large);
	check_all(dp, &rig);
	assert_int_equal(set_number(), 2);
	assert_int_equal(dp_nexthop_max(dp), 32);
	fd = pinned_at("maps", "san_meta");
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &after), 0);
	close(fd);
	assert_true(after.created_ns == before.created_ns); /* flow labels stay */
	dp_close(dp);
	dp = must_open(&small); /* and back */
	check_all(dp, &rig);
	assert_int_equal(set_number(), 3);
	dp_close(dp);
}

/* Nothing to convert: the same set, and links are left to dp_iface_set. */
static void test_same(void **state)
{
	struct dp_conf conf = conf_small();
	struct rig rig = rig_filled(&conf);
	uint32_t services = map_id("san_services"), prog = attached(rig.access).id;
	struct dp *dp = must_open(&conf);

	check_all(dp, &rig);
	assert_int_equal(set_number(), 1);
	assert_int_equal(map_id("san_services"), services);
	assert_int_equal(attached(rig.access).id, prog);
	dp_close(dp);
}

/* What needs no change goes on in the new set: the same map. */
static void test_keeps_maps(void **state)
{
	struct dp_conf conf = conf_small();
	struct rig rig = rig_filled(&conf);
	uint32_t flows = map_id("san_flows"), reasons = map_id("san_reasons"),
		 slots = map_id("san_slots"), events = map_id("san_events"),
		 domain_id = map_id("san_domain"), tx = map_id("san_tx");
	struct dp *dp;

	conf.max_slots *= 2;
	dp = must_open(&conf);
	check_all(dp, &rig);
	assert_int_equal(map_id("san_flows"), flows);
	assert_int_equal(map_id("san_reasons"), reasons);
	assert_int_equal(map_id("san_events"), events);
	assert_int_equal(map_id("san_domain"), domain_id);
	assert_int_equal(map_id("san_tx"), tx);
	assert_int_not_equal(map_id("san_slots"), slots);
	dp_close(dp);
}

static void test_too_small(void **state)
{
	struct dp_conf conf = conf_large(), small;
	struct rig rig = rig_filled(&conf);
	struct dp *dp = must_open(&conf);
	struct san_nexthop nh = t_nexthop(1, SAN_ENCAP_RED, 0);
	struct san_service svc = preferred;
	uint32_t services = map_id("san_services");

	svc.stats = 50;
	assert_int_equal(dp_service_put(dp, false, 5, &svc), 0);
	assert_int_equal(dp_nexthop_put(dp, 20, &nh), 0);
	dp_close(dp);
	small = conf;
	small.max_services = 1;
	must_refuse(&small, -ENOSPC, "san_services", "2 entries in use, 1 asked for");
	small.max_services = 16;
	must_refuse(&small, -ENOSPC, "san_svc_stats", "51 indices in use, 33 asked for");
	small = conf;
	small.max_nexthops = 20;
	must_refuse(&small, -ENOSPC, "san_nexthops", "21 indices in use, 20 asked for");
	small = conf;
	small.max_slots = 255;
	must_refuse(&small, -ENOSPC, "san_slots", "256 slots in use, 255 asked for");
	small = conf;
	small.max_ifaces = 1;
	must_refuse(&small, -ENOSPC, "san_tx", "2 interfaces in use, 1 asked for");
	assert_int_equal(set_number(), 1);
	assert_int_equal(map_id("san_services"), services);
	dp = must_open(&conf);
	assert_int_equal(dp_service_del(dp, false, 5), 0);
	check_all(dp, &rig);
	dp_close(dp);
}

/* An interface's row lies beyond the new end: it gets another one, with its counters. */
static void test_row_moves(void **state)
{
	struct dp_conf conf = conf_small();
	struct rig rig = rig_filled(&conf);
	struct dp *dp = must_open(&conf);
	struct san_counter c;
	struct san_iface iface;
	enum dp_attach_mode mode;

	counter_put("san_reasons", 2 * SAN_REASON_ROW + SAN_R_NOT_LOCAL);
	counter_put("san_reasons", SAN_R_NO_ROLE);
	assert_int_equal(dp_iface_prune(dp, &rig.core, 1), 0);
	dp_close(dp);
	conf.max_ifaces = 1;
	dp = must_open(&conf);
	assert_int_equal(dp_iface_get(dp, rig.core, &iface, &mode), 0);
	assert_int_equal(iface.row, 1);
	assert_int_equal(dp_reason_stats(dp, rig.core, SAN_R_NOT_LOCAL, &c), 0);
	assert_int_equal(c.packets, PACKETS);
	assert_int_equal(dp_reason_stats(dp, rig.core, SAN_R_DENIED, &c), 0);
	assert_int_equal(c.packets, 0);
	assert_int_equal(dp_reason_stats(dp, 0, SAN_R_NO_ROLE, &c), 0);
	assert_int_equal(c.packets, PACKETS);
	dp_close(dp);
}

/* --- layouts -------------------------------------------------------------------------------------
 */

/* Gives a field another name in what the set says about itself. */
static void rename_field(const char *from, const char *to)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info), zero = 0;
	int fd = pinned_at("maps", "san_btf");
	uint8_t *bytes, *at;

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	bytes = calloc(1, info.value_size);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, bytes), 0);
	at = memmem(bytes, info.value_size, from, strlen(from) + 1);
	assert_non_null(at);
	memcpy(at, to, strlen(to));
	assert_int_equal(bpf_map_update_elem(fd, &zero, bytes, BPF_ANY), 0);
	free(bytes);
	close(fd);
}

/* Of another layout with the same sizes: fields are told by their names. */
static void test_layout(void **state)
{
	struct dp_conf conf = conf_small();
	struct rig rig = rig_filled(&conf);
	uint32_t services = map_id("san_services"), flows = map_id("san_flows");
	struct san_service svc;
	struct dp *dp;

	rename_field("idle_s", "idle_x");
	dp = must_open(&conf);
	assert_int_equal(set_number(), 2);
	assert_int_not_equal(map_id("san_services"), services);
	assert_int_equal(map_id("san_flows"), flows);
	assert_int_equal(dp_service_get(dp, true, 78, &svc), 0);
	assert_int_equal(svc.idle_s, 0);
	svc.idle_s = balanced.idle_s;
	assert_memory_equal(&svc, &balanced, sizeof(svc));
	check_links(&rig);
	dp_close(dp);
}

/* Without the names of its fields a set cannot be converted: refused, everything stays. */
static void test_no_btf(void **state)
{
	struct dp_conf conf = conf_small(), large = conf_large();
	struct rig rig = rig_filled(&conf);
	char path[128];

	snprintf(path, sizeof(path), "%s/maps/san_btf", own_dir());
	assert_int_equal(unlink(path), 0);
	must_refuse(&large, -ESTALE, "san_services", "");
	assert_int_equal(set_number(), 1);
	check_links(&rig);
}

/* Another version of the ABI: reasons have other numbers, everything else goes on. */
static void test_version(void **state)
{
	struct dp_conf conf = conf_small();
	struct rig rig = rig_filled(&conf);
	struct san_counter c;
	struct san_meta meta;
	struct dp *dp;
	uint32_t zero = 0;
	int fd = pinned_at("maps", "san_meta");

	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &meta), 0);
	meta.abi_version--;
	assert_int_equal(bpf_map_update_elem(fd, &zero, &meta, BPF_ANY), 0);
	close(fd);
	dp = must_open(&conf);
	check_tables(dp);
	check_links(&rig);
	assert_int_equal(set_number(), 2);
	assert_int_equal(dp_svc_stats(dp, 3, &c), 0);
	assert_int_equal(c.packets, PACKETS);
	assert_int_equal(dp_reason_stats(dp, rig.access, SAN_R_DENIED, &c), 0);
	assert_int_equal(c.packets, 0);
	dp_close(dp);
}

/* --- ABI 2: pins lie flat, no BTF ----------------------------------------------------------------
 */

struct service2 {
	uint32_t nexthop, slot_base, slot_mask, generation, stats;
	uint8_t mode, affinity, flags, pad;
};

struct nexthop2 {
	uint64_t outer[SAN_OUTER_WORDS];
	uint8_t dst_mac[6], src_mac[6];
	uint16_t outer_len;
	uint8_t kind, hop_limit;
	uint32_t ifindex, mtu, epoch, pad;
};

struct iface2 {
	uint8_t mac[6], role, policy;
};

static int flat_map(enum bpf_map_type type, const char *name, uint32_t key, uint32_t value,
		    uint32_t n)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	char path[128];
	int fd;

	if (!strcmp(name, "san_nexthops") || !strcmp(name, "san_ifaces"))
		opts.map_flags = BPF_F_RDONLY_PROG;
	fd = bpf_map_create(type, name, key, value, n, &opts);
	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "%s/%s", own_dir(), name);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	return fd;
}

static void flat_put(int fd, uint64_t key, const void *value)
{
	assert_int_equal(bpf_map_update_elem(fd, &key, value, BPF_ANY), 0);
	close(fd);
}

static void flat_link(unsigned int ifindex)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_XDP);
	int prog = bpf_prog_load(BPF_PROG_TYPE_XDP, "old_one", "GPL", pass, 2, &opts), link;
	char path[128];

	assert_true(prog >= 0);
	link = bpf_link_create(prog, ifindex, BPF_XDP, NULL);
	assert_true(link >= 0);
	snprintf(path, sizeof(path), "%s/link_%u", own_dir(), ifindex);
	assert_int_equal(bpf_obj_pin(link, path), 0);
	close(prog);
	close(link);
}

static struct rig flat_make(void)
{
	const struct service2 svc = {
		.nexthop = 2, .generation = 9, .stats = 1, .mode = 1, .affinity = 2};
	const struct san_meta meta = {.abi_version = 2, .created_ns = 1234567};
	struct san_counter cpus[1024] = {{.packets = PACKETS, .bytes = 60}};
	struct nexthop2 nh = {.outer_len = 40, .kind = SAN_NH_SRV6, .mtu = 1400, .epoch = 6};
	struct iface2 iface = {.role = SAN_ROLE_INGRESS, .policy = 2};
	struct san_flow_key flow_key = flow_key_of(1);
	struct san_flow flow = {.nexthop = 2, .epoch = 6, .last_ns = 7};
	struct rig rig = rig_make();
	int fd;

	assert_int_equal(mkdir(own_dir(), 0700), 0);
	nh.outer[1] = 0x1234;
	flat_put(flat_map(BPF_MAP_TYPE_HASH, "san_services", 8, sizeof(svc), 8), 77, &svc);
	flat_put(flat_map(BPF_MAP_TYPE_ARRAY, "san_nexthops", 4, sizeof(nh), 8), 2, &nh);
	fd = flat_map(BPF_MAP_TYPE_LRU_HASH, "san_flows", 48, 16, 64);
	assert_int_equal(bpf_map_update_elem(fd, &flow_key, &flow, BPF_ANY), 0);
	close(fd);
	fd = flat_map(BPF_MAP_TYPE_ARRAY, "san_ifaces", 4, sizeof(iface), SAN_IFINDEX_MAX + 1);
	assert_int_equal(bpf_map_update_elem(fd, &rig.access, &iface, BPF_ANY), 0);
	iface.role = SAN_ROLE_CORE;
	flat_put(fd, rig.core, &iface);
	fd = flat_map(BPF_MAP_TYPE_DEVMAP_HASH, "san_tx", 4, 4, 4);
	assert_int_equal(bpf_map_update_elem(fd, &rig.access, &rig.access, BPF_ANY), 0);
	flat_put(fd, rig.core, &rig.core);
	flat_put(flat_map(BPF_MAP_TYPE_PERCPU_ARRAY, "san_svc_stats", 4, 16, 9), 1, cpus);
	flat_put(flat_map(BPF_MAP_TYPE_PERCPU_ARRAY, "san_nh_stats", 4, 16, 8), 2, cpus);
	flat_put(flat_map(BPF_MAP_TYPE_PERCPU_ARRAY, "san_reasons", 4, 16, 21), 1, cpus);
	flat_put(flat_map(BPF_MAP_TYPE_ARRAY, "san_meta", 4, sizeof(meta), 1), 0, &meta);
	flat_link(rig.access);
	flat_link(rig.core);
	return rig;
}

static void check_flat_values(struct dp *dp)
{
	struct san_service svc;
	struct san_nexthop nh;
	struct san_counter c;

	assert_int_equal(dp_service_get(dp, false, 77, &svc), 0);
	assert_int_equal(svc.nexthop, 2);
	assert_int_equal(svc.generation, 9);
	assert_int_equal(svc.stats, 1);
	assert_int_equal(svc.affinity, SAN_AFFINITY_FLOW);
	assert_true(svc.groups == ~0ull); /* there were none: everybody might */
	assert_int_equal(dp_nexthop_get(dp, 2, &nh), 0);
	assert_int_equal(nh.outer[1], 0x1234);
	assert_int_equal(nh.epoch, 6);
	assert_int_equal(nh.mtu, 1400);
	assert_int_equal(nh.families, SAN_NH_IP6);
	assert_int_equal(dp_nexthop_get(dp, 3, &nh), 0);
	assert_int_equal(nh.families, 0);
	assert_int_equal(flow_of(1), 2);
	assert_int_equal(dp_svc_stats(dp, 1, &c), 0);
	assert_int_equal(c.packets, PACKETS);
	assert_int_equal(dp_nh_stats(dp, 2, &c), 0);
	assert_int_equal(c.packets, PACKETS);
}

static void test_abi2(void **state)
{
	struct dp_conf conf = conf_small();
	struct rig rig = flat_make();
	struct dp *dp = must_open(&conf);
	struct san_counter c;

	check_flat_values(dp);
	check_links(&rig);
	assert_int_equal(count_names("san_"), 0);
	assert_int_equal(set_number(), 1);
	/* A row each, and nothing in them: the reasons were others. */
	assert_int_equal(dp_reason_stats(dp, rig.access, SAN_R_FLOW_HIT, &c), 0);
	assert_int_equal(c.packets, 0);
	assert_int_equal(dp_reason_stats(dp, rig.core, SAN_R_FLOW_HIT, &c), 0);
	dp_close(dp);
}

/* The pins of a creation by the old version that did not come to its end. */
static void test_abi2_interrupted(void **state)
{
	struct dp_conf conf = conf_small();
	struct san_service svc;
	char path[128];
	struct dp *dp;

	flat_make();
	snprintf(path, sizeof(path), "%s/san_meta", own_dir());
	assert_int_equal(unlink(path), 0);
	dp = must_open(&conf);
	assert_int_equal(dp_service_get(dp, false, 77, &svc), -ENOENT);
	assert_int_equal(count_names("san_"), 0);
	dp_close(dp);
}

/* --- stopped on the way --------------------------------------------------------------------------
 */

static enum dp_step stop_at;
static int stop_after;

static void stop(enum dp_step step)
{
	if (step == stop_at && !stop_after--)
		_exit(7);
}

static void open_and_stop(const struct dp_conf *conf, enum dp_step step, int after)
{
	struct dp *dp = NULL;
	struct err err;
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		stop_at = step;
		stop_after = after;
		dp_step_hook = stop;
		_exit(dp_open(conf, &dp, &err) ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

/* Each interface has a program at every moment, and the next start comes to the same end, whichever
 * sizes it asks for. after: calls of the step that are let through. */
static void stop_once(enum dp_step step, int after, const struct dp_conf *next)
{
	struct dp_conf small = conf_small(), large = conf_large();
	struct rig rig = rig_filled(&small);
	struct dp *dp;

	open_and_stop(&large, step, after);
	assert_int_not_equal(attached(rig.access).id, 0);
	assert_int_not_equal(attached(rig.core).id, 0);
	dp = must_open(next);
	check_all(dp, &rig);
	dp_close(dp);
	assert_int_equal(cleanup(NULL), 0);
}

static void test_stopped_goes_on(void **state)
{
	struct dp_conf large = conf_large();
	int step;

	for (step = DP_STEP_COPIED; step < DP_STEP_MAX; step++)
		stop_once(step, 0, &large);
	stop_once(DP_STEP_LINK, 1, &large);
}

static void test_stopped_goes_back(void **state)
{
	struct dp_conf small = conf_small();

	stop_once(DP_STEP_PINNED, 0, &small);
	stop_once(DP_STEP_FLIPPED, 0, &small);
	stop_once(DP_STEP_LINK, 0, &small);
}

static void test_stopped_twice(void **state)
{
	struct dp_conf small = conf_small(), large = conf_large();
	struct rig rig = rig_filled(&small);
	struct dp *dp;

	open_and_stop(&large, DP_STEP_FLIPPED, 0);
	open_and_stop(&small, DP_STEP_FLIPPED, 0);
	dp = must_open(&large);
	check_all(dp, &rig);
	dp_close(dp);
}

static void test_stopped_abi2(void **state)
{
	struct dp_conf conf = conf_small();
	int step;

	for (step = DP_STEP_COPIED; step < DP_STEP_MAX; step++) {
		struct rig rig = flat_make();
		struct dp *dp;

		open_and_stop(&conf, step, 0);
		dp = must_open(&conf);
		check_flat_values(dp);
		check_links(&rig);
		assert_int_equal(count_names("san_"), 0);
		dp_close(dp);
		assert_int_equal(cleanup(NULL), 0);
	}
}

/* The very first set: nothing was in force. */
static void test_stopped_creation(void **state)
{
	struct dp_conf conf = conf_small();
	struct dp *dp;

	open_and_stop(&conf, DP_STEP_PINNED, 0);
	assert_int_equal(count_names("maps-"), 1);
	conf.max_services = 9;
	dp = must_open(&conf);
	assert_int_equal(count_names("maps-"), 1);
	dp_close(dp);
}

/* As the parent process runs: three capabilities, and none to open things by their ids. */
static int convert_with_few_caps(void)
{
	const cap_value_t few[] = {CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON};
	struct dp_conf large = conf_large();
	cap_t caps = cap_init();
	struct dp *dp = NULL;
	struct err err;
	char text[512];
	int r;

	cap_set_flag(caps, CAP_PERMITTED, 3, few, CAP_SET);
	cap_set_flag(caps, CAP_EFFECTIVE, 3, few, CAP_SET);
	if (cap_set_proc(caps))
		return 1;
	r = dp_open(&large, &dp, &err);
	if (r)
		print_message("%s\n", err_text(&err, text, sizeof(text)));
	dp_close(dp);
	cap_free(caps);
	return r ? 2 : 0;
}

static void test_few_capabilities(void **state)
{
	struct dp_conf small = conf_small(), large = conf_large();
	struct rig rig = rig_filled(&small);
	int status = -1;
	struct dp *dp;
	pid_t pid = fork();

	if (!pid)
		_exit(convert_with_few_caps());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(set_number(), 2);
	dp = must_open(&large);
	check_all(dp, &rig);
	dp_close(dp);
}

/* --- flows of the last moment --------------------------------------------------------------------
 */

static void learn(enum dp_step step)
{
	if (step != DP_STEP_FLIPPED)
		return;
	flow_put("maps-1", 2, 4); /* learned by the old program */
	flow_put("maps-1", 3, 4);
	flow_put("maps", 3, 5); /* by both: the new one's word counts */
}

static void test_late_flows(void **state)
{
	struct dp_conf small = conf_small(), large = conf_large();
	struct dp *dp;

	rig_filled(&small);
	dp_step_hook = learn;
	dp = must_open(&large);
	dp_step_hook = NULL;
	assert_int_equal(flow_of(1), 2);
	assert_int_equal(flow_of(2), 4);
	assert_int_equal(flow_of(3), 5);
	assert_int_equal(flow_of(4), -1);
	dp_close(dp);
}

/* The interface has gone, its link is dead: no reason to fail. */
static void test_dead_link(void **state)
{
	struct dp_conf small = conf_small(), large = conf_large();
	struct rig rig = rig_filled(&small);
	struct dp *dp;
	char name[32];

	sh("ip link del u0");
	dp = must_open(&large);
	check_tables(dp);
	snprintf(name, sizeof(name), "link_%u", rig.access);
	assert_int_equal(count_names(name), 0);
	assert_string_equal(attached(rig.core).name, "san_core");
	dp_close(dp);
}

#define T(fn) cmocka_unit_test_teardown(fn, cleanup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_sizes),
		T(test_same),
		T(test_keeps_maps),
		T(test_too_small),
		T(test_row_moves),
		T(test_layout),
		T(test_no_btf),
		T(test_version),
		T(test_abi2),
		T(test_abi2_interrupted),
		T(test_stopped_goes_on),
		T(test_stopped_goes_back),
		T(test_stopped_twice),
		T(test_stopped_abi2),
		T(test_stopped_creation),
		T(test_few_capabilities),
		T(test_late_flows),
		T(test_dead_link),
	};

	if (!t_can_run())
		return 0;
	if (unshare(CLONE_NEWNET)) {
		perror("unshare");
		return 1;
	}
	return cmocka_run_group_tests(tests, t_open, t_close);
}
