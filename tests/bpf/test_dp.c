/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Module dp: adoption of what is pinned, refusals, limits, interfaces. Interfaces are those of a
 * network namespace that this process makes for itself and that ends with it. */
#include <bpf/bpf.h>
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

#include "libpins.h"

static struct dp_conf conf_at(const char *dir)
{
	const struct san_profile exp1 = SAN_PROFILE_EXP1;

	return (struct dp_conf){.pin_dir = dir,
				.profile = exp1,
				.max_services = 4,
				.max_nexthops = 4,
				.max_flows = 8,
				.max_ifaces = 2,
				.max_slots = 64,
				.max_frags = 8};
}

/* A pin directory of one test, beside that of the group. */
static const char *own_dir(void)
{
	static char dir[64];

	if (!dir[0]) /* once: a child process uses its parent's */
		snprintf(dir, sizeof(dir), "/sys/fs/bpf/sand-test-%d-dp", getpid());
	return dir;
}

static int cleanup(void **state)
{
	(void)state;
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

/* Must be refused with this code, naming field and value. */
static void must_refuse(const struct dp_conf *conf, int code, const char *field, const char *value)
{
	struct dp *dp = NULL;
	struct err err = {0};

	assert_int_equal(dp_open(conf, &dp, &err), code);
	assert_null(dp);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.object, conf->pin_dir));
	assert_string_equal(err.field, field);
	assert_string_equal(err.value, value);
	assert_true(err.want[0]);
}

static int pinned(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s%s", own_dir(), strncmp(name, "san_", 4) ? "" : "maps/",
		 name);
	return bpf_obj_get(path);
}

static void test_adopts(void **state)
{
	struct dp_conf conf = conf_at(own_dir());
	struct san_service svc = {.nexthop = 2, .mode = SAN_MODE_PREFERRED, .generation = 9}, back;
	struct san_nexthop nh = t_nexthop(2, SAN_ENCAP_RED, 0), nh_back;
	struct dp *dp = must_open(&conf);

	assert_int_equal(dp_service_put(dp, false, 77, &svc), 0);
	assert_int_equal(dp_nexthop_put(dp, 2, &nh), 0);
	dp_close(dp);
	dp = must_open(&conf);
	assert_int_equal(dp_service_get(dp, false, 77, &back), 0);
	assert_memory_equal(&back, &svc, sizeof(svc));
	assert_int_equal(dp_nexthop_get(dp, 2, &nh_back), 0);
	assert_memory_equal(&nh_back, &nh, sizeof(nh));
	assert_int_equal(dp_nexthop_max(dp), 4);
	assert_int_equal(dp_stats_max(dp), 9);
	dp_close(dp);
}

/* Made by a version that this one does not know. */
static void test_refuses_version(void **state)
{
	struct dp_conf conf = conf_at(own_dir());
	struct san_meta meta;
	uint32_t zero = 0;
	int fd;

	dp_close(must_open(&conf));
	fd = pinned("san_meta");
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &meta), 0);
	assert_int_equal(meta.abi_version, SAN_ABI_VERSION);
	assert_int_not_equal(meta.created_ns, 0);
	meta.abi_version = 99;
	assert_int_equal(bpf_map_update_elem(fd, &zero, &meta, BPF_ANY), 0);
	must_refuse(&conf, -ESTALE, "san_meta", "ABI version 99");
	meta.abi_version = SAN_ABI_VERSION;
	assert_int_equal(bpf_map_update_elem(fd, &zero, &meta, BPF_ANY), 0);
	close(fd);
	dp_close(must_open(&conf));
}

static void test_refuses_conf(void **state)
{
	struct dp_conf conf = conf_at(own_dir());
	struct stat st;

	conf.max_services = 0;
	must_refuse(&conf, -EINVAL, "max_services", "0");
	conf = conf_at(own_dir());
	conf.max_nexthops = 1;
	must_refuse(&conf, -EINVAL, "max_nexthops", "1");
	conf = conf_at(own_dir());
	conf.max_flows = (1u << 24) + 1;
	must_refuse(&conf, -EINVAL, "max_flows", "16777217");
	conf = conf_at(own_dir());
	conf.max_slots = 0;
	must_refuse(&conf, -EINVAL, "max_slots", "0");
	conf = conf_at(own_dir());
	conf.max_frags = 0;
	must_refuse(&conf, -EINVAL, "max_frags", "0");
	conf = conf_at(own_dir());
	conf.max_services = 1u << 23;
	must_refuse(&conf, -EINVAL, "max_services", "8388608");
	conf = conf_at(own_dir());
	conf.max_ifaces = 4097;
	must_refuse(&conf, -EINVAL, "max_ifaces", "4097");
	conf = conf_at(own_dir());
	conf.max_ifaces = 0;
	must_refuse(&conf, -EINVAL, "max_ifaces", "0");
	conf = conf_at(own_dir());
	conf.profile.carriers = 0;
	must_refuse(&conf, -EINVAL, "profile/carriers", "0");
	conf.profile.carriers = 8;
	must_refuse(&conf, -EINVAL, "profile/carriers", "8");
	conf = conf_at(own_dir());
	conf.profile.opt_type = 1;
	must_refuse(&conf, -EINVAL, "profile/opt_type", "1");
	conf = conf_at(own_dir());
	conf.profile.tlv_type = 4;
	must_refuse(&conf, -EINVAL, "profile/tlv_type", "4");
	conf = conf_at(own_dir());
	conf.profile.version = 16;
	must_refuse(&conf, -EINVAL, "profile/version", "16");
	conf = conf_at(own_dir());
	conf.profile.id_offset = 33;
	must_refuse(&conf, -EINVAL, "profile/id_offset", "33");
	conf = conf_at(own_dir());
	conf.profile.id_len = 5;
	must_refuse(&conf, -EINVAL, "profile/id_len", "5");
	assert_int_equal(stat(own_dir(), &st), -1); /* nothing was touched */
}

static void test_refuses_place(void **state)
{
	char dir[] = "/tmp/sand-test-XXXXXX", below[64], deep[128];
	struct dp_conf conf;

	assert_non_null(mkdtemp(dir));
	snprintf(below, sizeof(below), "%s/pins", dir);
	conf = conf_at(below);
	must_refuse(&conf, -EINVAL, "", "");
	assert_int_equal(access(below, F_OK), -1);
	conf = conf_at(dir);
	must_refuse(&conf, -EINVAL, "", "");
	assert_int_equal(rmdir(dir), 0);
	snprintf(deep, sizeof(deep), "%s/missing/pins", own_dir());
	conf = conf_at(deep);
	must_refuse(&conf, -ENOENT, "", "");
	/* Never removes what it did not make. */
	assert_int_equal(dp_unload("/tmp"), -EINVAL);
	assert_int_equal(dp_unload(own_dir()), 0);
}

static int count(void *arg, uint64_t id, const struct san_service *val)
{
	uint64_t *sum = arg;

	*sum += id;
	return val->generation == 666 ? -ECANCELED : 0;
}

static int each_del(void *arg, uint64_t id, const struct san_service *val)
{
	return dp_service_del(arg, false, id);
}

static void test_services(void **state)
{
	struct dp_conf conf = conf_at(own_dir());
	struct dp *dp = must_open(&conf);
	struct san_service svc = {.nexthop = 3, .mode = SAN_MODE_PREFERRED}, back, bad;
	uint64_t id, sum = 0;

	for (id = 1; id <= 4; id++)
		assert_int_equal(dp_service_put(dp, false, id, &svc), 0);
	assert_int_equal(dp_service_put(dp, false, 5, &svc), -ENOSPC);
	assert_int_equal(dp_service_put(dp, false, 4, &svc), 0);
	assert_int_equal(dp_service_get(dp, false, 5, &back), -ENOENT);
	assert_int_equal(dp_service_each(dp, false, count, &sum), 0);
	assert_int_equal(sum, 10);
	svc.generation = 666;
	assert_int_equal(dp_service_put(dp, false, 4, &svc), 0);
	assert_int_equal(dp_service_each(dp, false, count, &sum), -ECANCELED);
	assert_int_equal(dp_service_del(dp, false, 4), 0);
	assert_int_equal(dp_service_del(dp, false, 4), -ENOENT);
	assert_int_equal(dp_service_each(dp, false, each_del, dp), 0);
	assert_int_equal(dp_service_get(dp, false, 1, &back), -ENOENT);
	assert_int_equal(dp_service_put(dp, false, 0, &svc), -EINVAL);
	bad = svc;
	bad.mode = SAN_MODE_BALANCED + 1;
	assert_int_equal(dp_service_put(dp, false, 1, &bad), -EINVAL);
	bad = svc;
	bad.flags = SAN_SVC_KEY_SOURCE << 1;
	assert_int_equal(dp_service_put(dp, false, 1, &bad), -EINVAL);
	bad = svc;
	bad.affinity = 3;
	assert_int_equal(dp_service_put(dp, false, 1, &bad), -EINVAL);
	bad = svc;
	bad.nexthop = 4;
	assert_int_equal(dp_service_put(dp, false, 1, &bad), -EINVAL);
	bad.nexthop = SAN_NH_NONE;
	assert_int_equal(dp_service_put(dp, false, 1, &bad), -EINVAL);
	bad.mode = SAN_MODE_NONE;
	assert_int_equal(dp_service_put(dp, false, 1, &bad), 0);
	dp_close(dp);
}

static void test_nexthops(void **state)
{
	struct dp_conf conf = conf_at(own_dir());
	struct dp *dp = must_open(&conf);
	struct san_nexthop nh = t_nexthop(2, SAN_ENCAP_RED, 0), back;

	assert_int_equal(dp_nexthop_put(dp, 0, &nh), -EINVAL);
	assert_int_equal(dp_nexthop_put(dp, 4, &nh), -EINVAL);
	assert_int_equal(dp_nexthop_get(dp, 0, &back), -EINVAL);
	assert_int_equal(dp_nexthop_get(dp, 4, &back), -EINVAL);
	assert_int_equal(dp_nexthop_get(dp, 3, &back), 0);
	assert_int_equal(back.kind, SAN_NH_UNUSED);
	nh.outer_len = 48;
	assert_int_equal(dp_nexthop_put(dp, 3, &nh), -EINVAL);
	nh.outer_len = 192;
	assert_int_equal(dp_nexthop_put(dp, 3, &nh), -EINVAL);
	nh.outer_len = 176;
	assert_int_equal(dp_nexthop_put(dp, 3, &nh), 0);
	nh.kind = SAN_NH_DROP + 1;
	assert_int_equal(dp_nexthop_put(dp, 3, &nh), -EINVAL);
	dp_close(dp);
}

static void test_counter_limits(void **state)
{
	struct dp_conf conf = conf_at(own_dir());
	struct dp *dp = must_open(&conf);
	struct san_counter c = {.packets = 9};

	assert_int_equal(dp_svc_stats(dp, 8, &c), 0);
	assert_int_equal(c.packets, 0);
	assert_int_equal(dp_svc_stats(dp, 9, &c), -EINVAL);
	assert_int_equal(dp_svc_stats_clear(dp, 9), -EINVAL);
	assert_int_equal(dp_nh_stats(dp, 3, &c), 0);
	assert_int_equal(dp_nh_stats(dp, 4, &c), -EINVAL);
	assert_int_equal(dp_nh_stats_clear(dp, 4), -EINVAL);
	assert_int_equal(dp_reason_stats(dp, 0, SAN_R_MAX, &c), -EINVAL);
	assert_int_equal(dp_reason_stats(dp, 0, SAN_R_NO_ROLE, &c), 0);
	assert_int_equal(dp_reason_stats(dp, 1, SAN_R_NO_ROLE, &c), -ENOENT);
	assert_int_equal(dp_reason_stats(dp, SAN_IFINDEX_MAX + 1, SAN_R_NO_ROLE, &c), -ENOENT);
	dp_close(dp);
}

/* --- interfaces ---------------------------------------------------------------------------------
 */

static void sh(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

static uint32_t attached_prog(unsigned int ifindex)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "link_%u", ifindex);
	fd = pinned(name);
	if (fd < 0)
		return 0;
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	return info.prog_id;
}

static bool has_entry(const char *map, uint32_t ifindex)
{
	union {
		struct san_iface iface; /* an array: role NONE is no entry */
		uint32_t tx;
	} value = {0};
	int fd = pinned(map), r;

	assert_true(fd >= 0);
	r = bpf_map_lookup_elem(fd, &ifindex, &value);
	close(fd);
	return r == 0 && (strcmp(map, "san_ifaces") || value.iface.role != SAN_ROLE_NONE);
}

static unsigned int veth(const char *name)
{
	char command[128];

	snprintf(command, sizeof(command), "ip link add %s type veth peer name %sp", name, name);
	sh(command);
	return if_nametoindex(name);
}

static int set(struct dp *dp, unsigned int ifindex, enum san_role role, enum dp_attach_mode *mode,
	       struct err *err)
{
	const struct dp_iface want = {.role = role};

	return dp_iface_set(dp, ifindex, &want, mode, err);
}

static void must_set(struct dp *dp, unsigned int ifindex, enum san_role role,
		     enum dp_attach_mode want)
{
	const struct dp_iface want_iface = {.role = role, .policy = 1, .group = 2};
	enum dp_attach_mode mode;
	struct err err;
	char text[512];

	if (dp_iface_set(dp, ifindex, &want_iface, &mode, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
	assert_int_equal(mode, want);
}

static void test_iface_roles(void **state)
{
	struct dp_conf conf = conf_at(own_dir());
	struct dp *dp = must_open(&conf);
	unsigned int ifindex = veth("va");
	uint32_t ingress, core;

	must_set(dp, ifindex, SAN_ROLE_INGRESS, DP_NATIVE);
	ingress = attached_prog(ifindex);
	assert_true(has_entry("san_ifaces", ifindex) && has_entry("san_tx", ifindex));
	must_set(dp, ifindex, SAN_ROLE_CORE, DP_NATIVE);
	core = attached_prog(ifindex);
	assert_int_not_equal(ingress, core);
	must_set(dp, ifindex, SAN_ROLE_NONE, DP_DETACHED);
	assert_int_equal(attached_prog(ifindex), 0);
	assert_false(has_entry("san_ifaces", ifindex) || has_entry("san_tx", ifindex));
	must_set(dp, ifindex, SAN_ROLE_NONE, DP_DETACHED); /* again: nothing to do */
	must_set(dp, 1, SAN_ROLE_INGRESS, DP_GENERIC);	   /* lo has no native mode */
	dp_close(dp);
	sh("ip link del va");
}

/* After a restart: the same link, the new program. */
static void test_iface_adopted(void **state)
{
	struct dp_conf conf = conf_at(own_dir());
	struct dp *dp = must_open(&conf);
	unsigned int ifindex = veth("vb");
	uint32_t before;

	must_set(dp, ifindex, SAN_ROLE_INGRESS, DP_NATIVE);
	before = attached_prog(ifindex);
	dp_close(dp);
	assert_int_equal(attached_prog(ifindex), before);
	dp = must_open(&conf);
	assert_int_equal(attached_prog(ifindex), before);
	must_set(dp, ifindex, SAN_ROLE_INGRESS, DP_NATIVE);
	assert_int_not_equal(attached_prog(ifindex), before);
	dp_close(dp);
	sh("ip link del vb");
}

/* An interface goes, another gets its number: the dead link is in nobody's way. */
static void test_iface_gone(void **state)
{
	struct dp_conf conf = conf_at(own_dir());
	struct dp *dp = must_open(&conf);
	unsigned int ifindex = veth("vc");
	enum dp_attach_mode mode;
	struct san_iface iface;
	char command[128];

	must_set(dp, ifindex, SAN_ROLE_INGRESS, DP_NATIVE);
	assert_int_equal(dp_iface_get(dp, ifindex, &iface, &mode), 0);
	sh("ip link del vc");
	assert_int_equal(dp_iface_get(dp, ifindex, &iface, &mode), -ENOENT);
	snprintf(command, sizeof(command), "ip link add vc index %u type veth peer name vcp",
		 ifindex);
	sh(command);
	assert_int_equal(dp_iface_get(dp, ifindex, &iface, &mode), -ENOENT);
	must_set(dp, ifindex, SAN_ROLE_INGRESS, DP_NATIVE);
	assert_int_equal(dp_iface_get(dp, ifindex, &iface, &mode), 0);
	assert_int_not_equal(attached_prog(ifindex), 0);
	sh("ip link del vc");
	must_set(dp, ifindex, SAN_ROLE_NONE, DP_DETACHED);
	assert_false(has_entry("san_ifaces", ifindex));
	dp_close(dp);
}

static void test_iface_refused(void **state)
{
	struct dp_conf conf = conf_at(own_dir());
	struct dp *dp = must_open(&conf);
	unsigned int a = veth("vd"), b = veth("ve"), c = veth("vk");
	struct dp_iface bad = {.role = SAN_ROLE_INGRESS};
	enum dp_attach_mode mode = DP_NATIVE;
	struct err err;
	int foreign;

	assert_int_equal(set(dp, 9999, SAN_ROLE_INGRESS, &mode, &err), -ENODEV);
	assert_int_equal(mode, DP_DETACHED);
	assert_string_equal(err.object, "interface index 9999");
	assert_false(has_entry("san_ifaces", 9999));
	assert_int_equal(set(dp, SAN_IFINDEX_MAX + 1, SAN_ROLE_CORE, &mode, &err), -ERANGE);
	assert_string_equal(err.value, "65536");
	assert_non_null(strstr(err.want, "at most 65535"));
	assert_int_equal(set(dp, a, 9, NULL, &err), -EINVAL);
	assert_string_equal(err.field, "role");
	bad.group = SAN_MAX_GROUPS;
	assert_int_equal(dp_iface_set(dp, a, &bad, NULL, &err), -EINVAL);
	assert_string_equal(err.field, "group");
	assert_string_equal(err.value, "64");
	bad = (struct dp_iface){.role = SAN_ROLE_CORE, .policy = 0x80};
	assert_int_equal(dp_iface_set(dp, a, &bad, NULL, &err), -EINVAL);
	assert_string_equal(err.field, "policy");
	foreign = bpf_link_create(dp_prog_fd(dp, SAN_ROLE_CORE), a, BPF_XDP, NULL);
	assert_true(foreign >= 0);
	assert_int_equal(set(dp, a, SAN_ROLE_INGRESS, NULL, &err), -EBUSY);
	assert_false(has_entry("san_ifaces", a));
	assert_false(has_entry("san_tx", a));
	bpf_link_detach(foreign);
	close(foreign);
	must_set(dp, a, SAN_ROLE_INGRESS, DP_NATIVE);
	must_set(dp, b, SAN_ROLE_CORE, DP_NATIVE);
	assert_int_equal(set(dp, c, SAN_ROLE_CORE, NULL, &err), -ENOSPC);
	assert_non_null(strstr(err.want, "2"));
	assert_int_equal(attached_prog(c), 0);
	dp_close(dp);
	sh("ip link del vd && ip link del ve && ip link del vk");
}

/* The entry holds the address of when it was written, and says so when that is no longer true. */
static void test_iface_mac(void **state)
{
	const uint8_t first[6] = {2, 0, 0, 0, 0, 0xa}, second[6] = {2, 0, 0, 0, 0, 0xb};
	struct dp_conf conf = conf_at(own_dir());
	struct dp *dp = must_open(&conf);
	unsigned int ifindex = veth("vm");
	enum dp_attach_mode mode;
	struct san_iface iface;

	sh("ip link set vm address 02:00:00:00:00:0a");
	assert_int_equal(dp_iface_get(dp, ifindex, &iface, &mode), -ENOENT);
	must_set(dp, ifindex, SAN_ROLE_INGRESS, DP_NATIVE);
	assert_int_equal(dp_iface_get(dp, ifindex, &iface, &mode), 0);
	assert_int_equal(mode, DP_NATIVE);
	assert_int_equal(iface.role, SAN_ROLE_INGRESS);
	assert_int_equal(iface.policy, 1);
	assert_int_equal(iface.group, 2);
	assert_int_equal(iface.row, 1);
	assert_memory_equal(iface.mac, first, 6);
	sh("ip link set vm address 02:00:00:00:00:0b");
	assert_int_equal(dp_iface_get(dp, ifindex, &iface, &mode), -ENOENT);
	assert_int_equal(mode, DP_DETACHED);
	must_set(dp, ifindex, SAN_ROLE_INGRESS, DP_NATIVE);
	assert_int_equal(dp_iface_get(dp, ifindex, &iface, &mode), 0);
	assert_memory_equal(iface.mac, second, 6);
	dp_close(dp);
	sh("ip link del vm");
}

static unsigned int row_of(struct dp *dp, unsigned int ifindex)
{
	struct san_iface iface = {0};
	enum dp_attach_mode mode;

	assert_int_equal(dp_iface_get(dp, ifindex, &iface, &mode), 0);
	return iface.row;
}

static void count_reason(unsigned int row, uint64_t packets)
{
	struct san_counter cpus[1024] = {{.packets = packets, .bytes = 60}};
	uint32_t index = row * SAN_REASON_ROW + SAN_R_DENIED;
	int fd = pinned("san_reasons");

	assert_int_equal(bpf_map_update_elem(fd, &index, cpus, BPF_ANY), 0);
	close(fd);
}

/* A row for each interface: kept over a restart, given to another one by prune, counted anew. */
static void test_rows(void **state)
{
	struct dp_conf conf = conf_at(own_dir());
	struct dp *dp = must_open(&conf);
	unsigned int a = veth("vp"), b = veth("vq"), c = veth("vr");
	struct san_counter sum;

	must_set(dp, a, SAN_ROLE_INGRESS, DP_NATIVE);
	must_set(dp, b, SAN_ROLE_CORE, DP_NATIVE);
	assert_int_equal(row_of(dp, a), 1);
	assert_int_equal(row_of(dp, b), 2);
	count_reason(1, 7);
	must_set(dp, a, SAN_ROLE_CORE, DP_NATIVE);
	assert_int_equal(dp_reason_stats(dp, a, SAN_R_DENIED, &sum), 0);
	assert_int_equal(sum.packets, 7);
	dp_close(dp);
	dp = must_open(&conf);
	must_set(dp, a, SAN_ROLE_INGRESS, DP_NATIVE);
	assert_int_equal(row_of(dp, a), 1);
	assert_int_equal(dp_iface_prune(dp, &b, 1), 0);
	assert_int_equal(dp_reason_stats(dp, a, SAN_R_DENIED, &sum), -ENOENT);
	must_set(dp, c, SAN_ROLE_INGRESS, DP_NATIVE);
	assert_int_equal(row_of(dp, c), 1);
	assert_int_equal(dp_reason_stats(dp, c, SAN_R_DENIED, &sum), 0);
	assert_int_equal(sum.packets, 0);
	dp_close(dp);
	sh("ip link del vp && ip link del vq && ip link del vr");
}

/* The kernel takes a deleted interface out of san_tx, not out of san_ifaces: its row is had when
 * rows run out, and prune removes the entry. */
static void test_rows_of_the_gone(void **state)
{
	struct dp_conf conf = conf_at(own_dir());
	struct dp *dp = must_open(&conf);
	unsigned int a = veth("vs"), b = veth("vt"), c;

	must_set(dp, a, SAN_ROLE_INGRESS, DP_NATIVE);
	must_set(dp, b, SAN_ROLE_INGRESS, DP_NATIVE);
	sh("ip link del vs");
	c = veth("vu");
	must_set(dp, c, SAN_ROLE_INGRESS, DP_NATIVE);
	assert_int_equal(row_of(dp, c), 1);
	assert_false(has_entry("san_ifaces", a));
	sh("ip link del vu");
	assert_true(has_entry("san_ifaces", c));
	assert_int_equal(dp_iface_prune(dp, &b, 1), 0);
	assert_false(has_entry("san_ifaces", c));
	assert_int_equal(row_of(dp, b), 2);
	dp_close(dp);
	sh("ip link del vt");
}

static int each_count(void *arg, unsigned int ifindex, const struct san_iface *iface)
{
	unsigned int *sum = arg;

	assert_int_not_equal(iface->role, SAN_ROLE_NONE);
	*sum += ifindex;
	return 0;
}

static void test_iface_each(void **state)
{
	struct dp_conf conf = conf_at(own_dir());
	struct dp *dp = must_open(&conf);
	unsigned int a = veth("vn"), b = veth("vo"), sum = 0;

	assert_int_equal(dp_iface_each(dp, each_count, &sum), 0);
	assert_int_equal(sum, 0);
	must_set(dp, a, SAN_ROLE_INGRESS, DP_NATIVE);
	must_set(dp, b, SAN_ROLE_CORE, DP_NATIVE);
	assert_int_equal(dp_iface_each(dp, each_count, &sum), 0);
	assert_int_equal(sum, a + b);
	dp_close(dp);
	sh("ip link del vn && ip link del vo");
}

static void test_iface_prune(void **state)
{
	struct dp_conf conf = conf_at(own_dir());
	struct dp *dp = must_open(&conf);
	unsigned int a = veth("vg"), b = veth("vh");

	must_set(dp, a, SAN_ROLE_INGRESS, DP_NATIVE);
	must_set(dp, b, SAN_ROLE_CORE, DP_NATIVE);
	assert_int_equal(dp_iface_prune(dp, &b, 1), 0);
	assert_int_equal(attached_prog(a), 0);
	assert_false(has_entry("san_ifaces", a) || has_entry("san_tx", a));
	assert_int_not_equal(attached_prog(b), 0);
	assert_true(has_entry("san_ifaces", b) && has_entry("san_tx", b));
	assert_int_equal(dp_iface_prune(dp, NULL, 0), 0);
	assert_int_equal(attached_prog(b), 0);
	dp_close(dp);
	sh("ip link del vg && ip link del vh");
}

static void test_unload_detaches(void **state)
{
	struct dp_conf conf = conf_at(own_dir());
	struct dp *dp = must_open(&conf);
	unsigned int ifindex = veth("vi");

	must_set(dp, ifindex, SAN_ROLE_INGRESS, DP_NATIVE);
	dp_close(dp);
	assert_int_equal(dp_unload(own_dir()), 0);
	assert_int_equal(access(own_dir(), F_OK), -1);
	sh("! ip -d link show vi | grep -q prog/xdp");
	sh("ip link del vi");
}

/* As the parent process runs: these three capabilities and no other. */
static int with_few_caps(void)
{
	const cap_value_t few[] = {CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON};
	struct dp_conf conf = conf_at(own_dir());
	cap_t caps = cap_init();
	struct dp *dp = NULL;
	struct err err;
	char text[512];
	int r;

	cap_set_flag(caps, CAP_PERMITTED, 3, few, CAP_SET);
	cap_set_flag(caps, CAP_EFFECTIVE, 3, few, CAP_SET);
	if (cap_set_proc(caps))
		return 1;
	r = dp_open(&conf, &dp, &err);
	if (!r)
		r = set(dp, if_nametoindex("vj"), SAN_ROLE_INGRESS, NULL, &err);
	if (r)
		print_message("%s\n", err_text(&err, text, sizeof(text)));
	dp_close(dp);
	cap_free(caps);
	return r ? 2 : 0;
}

static void test_capabilities(void **state)
{
	unsigned int ifindex = veth("vj");
	int status = -1;
	pid_t pid;

	own_dir();
	pid = fork();
	if (!pid)
		_exit(with_few_caps());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_not_equal(attached_prog(ifindex), 0);
	sh("ip link del vj");
}

#define T(fn) cmocka_unit_test_teardown(fn, cleanup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_adopts),		T(test_capabilities),	 T(test_iface_roles),
		T(test_rows),		T(test_refuses_version), T(test_refuses_conf),
		T(test_refuses_place),	T(test_services),	 T(test_nexthops),
		T(test_counter_limits), T(test_iface_adopted),	 T(test_iface_gone),
		T(test_iface_refused),	T(test_iface_mac),	 T(test_rows_of_the_gone),
		T(test_iface_each),	T(test_iface_prune),	 T(test_unload_detaches),
	};

	if (!t_can_run())
		return 0;
	if (unshare(CLONE_NEWNET)) {
		perror("unshare");
		return 1;
	}
	return P_RUN(tests, 4);
}
