/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libpins.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <san/msg.h>

#include "util/log.h"

int p_group_setup(void **state)
{
	struct statfs fs;

	(void)state;
	log_init("test", LOG_WARNING);
	if (!statfs("/sys/fs/bpf", &fs) && fs.f_type == BPF_FS_MAGIC)
		return 0;
	return mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL);
}

const char *p_own_dir(void)
{
	static char dir[64];

	if (!dir[0]) /* once: a child process uses its parent's */
		snprintf(dir, sizeof(dir), "/sys/fs/bpf/sand-test-%d-up", getpid());
	return dir;
}

struct dp_conf p_conf_small(void)
{
	const struct san_profile exp1 = SAN_PROFILE_EXP1;

	return (struct dp_conf){.pin_dir = p_own_dir(),
				.profile = exp1,
				.max_services = 8,
				.max_nexthops = 8,
				.max_flows = 4096,
				.max_ifaces = 4,
				.max_slots = 256,
				.max_frags = 16};
}

/* Every size differs. */
struct dp_conf p_conf_large(void)
{
	struct dp_conf conf = p_conf_small();

	conf.max_services = 32;
	conf.max_nexthops = 32;
	conf.max_flows = 8192;
	conf.max_ifaces = 6;
	conf.max_slots = 1024;
	conf.max_frags = 32;
	return conf;
}

void p_sh(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

int p_cleanup(void **state)
{
	(void)state;
	dp_step_hook = NULL;
	/* Not every test has them. */
	p_sh("ip link del u0 2>/dev/null; ip link del u1 2>/dev/null; true");
	return dp_unload(p_own_dir());
}

struct dp *p_must_open(const struct dp_conf *conf)
{
	struct dp *dp = NULL;
	struct err err;
	char text[512];

	if (dp_open(conf, &dp, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
	return dp;
}

void p_must_refuse(const struct dp_conf *conf, int code, const char *field, const char *value)
{
	struct dp *dp = NULL;
	struct err err = {0};

	assert_int_equal(dp_open(conf, &dp, &err), code);
	assert_null(dp);
	assert_string_equal(err.field, field);
	assert_string_equal(err.value, value);
	assert_true(err.want[0]);
}

int p_pinned_at(const char *dir, const char *name)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/%s/%s", p_own_dir(), dir, name);
	return bpf_obj_get(path);
}

uint32_t p_map_id(const char *name)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);
	int fd = p_pinned_at("maps", name);

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	return info.id;
}

unsigned int p_set_number(void)
{
	char path[128], target[64] = "";
	unsigned int n = 0;

	snprintf(path, sizeof(path), "%s/maps", p_own_dir());
	assert_true(readlink(path, target, sizeof(target) - 1) > 0);
	assert_int_equal(sscanf(target, "maps-%u", &n), 1);
	return n;
}

/* Names in the pin directory that begin so. */
int p_count_names(const char *prefix)
{
	struct dirent *entry;
	DIR *dir = opendir(p_own_dir());
	int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += !strncmp(entry->d_name, prefix, strlen(prefix));
	closedir(dir);
	return n;
}

struct bpf_prog_info p_attached(unsigned int ifindex)
{
	struct bpf_prog_info prog = {0};
	struct bpf_link_info link = {0};
	uint32_t len = sizeof(link);
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "link_%u", ifindex);
	fd = p_pinned_at(".", name);
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

const struct san_service p_balanced = {.slot_base = 128,
				       .stats = 3,
				       .generation = 5,
				       .mode = SAN_MODE_BALANCED,
				       .affinity = SAN_AFFINITY_FLOW,
				       .slot_bits = 7,
				       .idle_s = 60,
				       .groups = 5};
const struct san_service p_preferred = {.nexthop = 2,
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

void p_flow_put(const char *set, uint8_t n, uint32_t nexthop)
{
	struct san_flow_key key = flow_key_of(n);
	struct san_flow flow = {.nexthop = nexthop, .epoch = 1, .last_ns = 7};
	int fd = p_pinned_at(set, "san_flows");

	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, &key, &flow, BPF_ANY), 0);
	close(fd);
}

/* Next hop of a flow; -1: none. */
int p_flow_of(uint8_t n)
{
	struct san_flow_key key = flow_key_of(n);
	struct san_flow flow;
	int fd = p_pinned_at("maps", "san_flows"), r;

	assert_true(fd >= 0);
	r = bpf_map_lookup_elem(fd, &key, &flow);
	close(fd);
	return r ? -1 : (int)flow.nexthop;
}

void p_counter_put(const char *map, uint32_t index)
{
	struct san_counter cpus[1024] = {{.packets = PACKETS, .bytes = 60}};
	int fd = p_pinned_at("maps", map);

	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, &index, cpus, BPF_ANY), 0);
	close(fd);
}

void p_must_set(struct dp *dp, unsigned int ifindex, enum san_role role)
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
	assert_int_equal(dp_service_put(dp, false, 77, &p_preferred), 0);
	assert_int_equal(dp_service_put(dp, true, 78, &p_balanced), 0);
	assert_int_equal(dp_sid_put(dp, &at, &sid), 0);
	assert_int_equal(dp_domain_set(dp, &d), 0);
	assert_int_equal(dp_classes_set(dp, &rule, 1, &err), 0);
	p_flow_put("maps", 1, 2);
	p_counter_put("san_svc_stats", 3);
	p_counter_put("san_nh_stats", 2);
	p_counter_put("san_reasons", 1 * SAN_REASON_ROW + SAN_R_DENIED);
}

void p_check_tables(struct dp *dp)
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
	assert_memory_equal(&svc, &p_preferred, sizeof(svc));
	assert_int_equal(dp_service_get(dp, true, 78, &svc), 0);
	assert_memory_equal(&svc, &p_balanced, sizeof(svc));
	assert_int_equal(dp_sid_get(dp, &at, &sid_now), 0);
	assert_memory_equal(&sid_now, &sid, sizeof(sid));
	assert_int_equal(dp_domain_get(dp, &d_now), 0);
	d.class_set = d_now.class_set;
	assert_int_not_equal(d.class_set, 0);
	assert_memory_equal(&d_now, &d, sizeof(d));
	assert_true(dp_classes_same(dp, &rule, 1));
	assert_int_equal(p_flow_of(1), 2);
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

static struct p_rig rig_make(void)
{
	struct p_rig rig;

	p_sh("ip link add u0 type veth peer name u0p; ip link add u1 type veth peer name u1p");
	rig.access = if_nametoindex("u0");
	rig.core = if_nametoindex("u1");
	return rig;
}

struct p_rig p_rig_filled(const struct dp_conf *conf)
{
	struct p_rig rig = rig_make();
	struct dp *dp = p_must_open(conf);

	p_must_set(dp, rig.access, SAN_ROLE_INGRESS);
	p_must_set(dp, rig.core, SAN_ROLE_CORE);
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
void p_check_links(const struct p_rig *rig)
{
	struct bpf_prog_info access = p_attached(rig->access), core = p_attached(rig->core);

	assert_string_equal(access.name, "san_ingress");
	assert_string_equal(core.name, "san_core");
	assert_true(uses_map(&access, p_map_id("san_reasons")));
	assert_true(uses_map(&core, p_map_id("san_reasons")));
}

void p_check_all(struct dp *dp, const struct p_rig *rig)
{
	struct san_iface iface;
	enum dp_attach_mode mode;

	p_check_tables(dp);
	check_counters(dp, rig->access);
	p_check_links(rig);
	assert_int_equal(dp_iface_get(dp, rig->access, &iface, &mode), 0);
	assert_int_equal(iface.role, SAN_ROLE_INGRESS);
	assert_int_equal(iface.policy, SAN_IF_VLAN);
	assert_int_equal(iface.group, 3);
	assert_int_equal(iface.row, 1);
	assert_int_equal(dp_iface_get(dp, rig->core, &iface, &mode), 0);
	assert_int_equal(iface.row, 2);
	assert_int_equal(p_count_names("maps-"), 1);
	assert_int_equal(p_count_names("maps"), 2);
	assert_int_equal(p_count_names("san_"), 0);
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
	snprintf(path, sizeof(path), "%s/%s", p_own_dir(), name);
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
	snprintf(path, sizeof(path), "%s/link_%u", p_own_dir(), ifindex);
	assert_int_equal(bpf_obj_pin(link, path), 0);
	close(prog);
	close(link);
}

struct p_rig p_flat_make(void)
{
	const struct service2 svc = {
		.nexthop = 2, .generation = 9, .stats = 1, .mode = 1, .affinity = 2};
	const struct san_meta meta = {.abi_version = 2, .created_ns = 1234567};
	struct san_counter cpus[1024] = {{.packets = PACKETS, .bytes = 60}};
	struct nexthop2 nh = {.outer_len = 40, .kind = SAN_NH_SRV6, .mtu = 1400, .epoch = 6};
	struct iface2 iface = {.role = SAN_ROLE_INGRESS, .policy = 2};
	struct san_flow_key flow_key = flow_key_of(1);
	struct san_flow flow = {.nexthop = 2, .epoch = 6, .last_ns = 7};
	struct p_rig rig = rig_make();
	int fd;

	assert_int_equal(mkdir(p_own_dir(), 0700), 0);
	nh.outer[1] = 0x1234;
	flat_put(flat_map(BPF_MAP_TYPE_HASH, "san_services", 8, sizeof(svc), 8), 77, &svc);
	flat_put(flat_map(BPF_MAP_TYPE_ARRAY, "san_nexthops", 4, sizeof(nh), 8), 2, &nh);
	fd = flat_map(BPF_MAP_TYPE_LRU_HASH, "san_flows", 48, 16, 4096);
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

void p_check_flat_values(struct dp *dp)
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
	assert_int_equal(p_flow_of(1), 2);
	assert_int_equal(dp_svc_stats(dp, 1, &c), 0);
	assert_int_equal(c.packets, PACKETS);
	assert_int_equal(dp_nh_stats(dp, 2, &c), 0);
	assert_int_equal(c.packets, PACKETS);
}
