/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Module dp: other sizes, other layouts, other versions. Interfaces are those of a network
 * namespace of this process. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libpins.h"

/* --- sizes ---------------------------------------------------------------------------------------
 */

static void test_sizes(void **state)
{
	struct dp_conf small = p_conf_small(), large = p_conf_large();
	struct p_rig rig = p_rig_filled(&small);
	struct san_meta before, after;
	struct dp *dp;
	uint32_t zero = 0;
	int fd = p_pinned_at("maps", "san_meta");

	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &before), 0);
	close(fd);
	dp = p_must_open(&large);
	p_check_all(dp, &rig);
	assert_int_equal(p_set_number(), 2);
	assert_int_equal(dp_nexthop_max(dp), 32);
	fd = p_pinned_at("maps", "san_meta");
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &after), 0);
	close(fd);
	assert_true(after.created_ns == before.created_ns); /* flow labels stay */
	dp_close(dp);
	dp = p_must_open(&small); /* and back */
	p_check_all(dp, &rig);
	assert_int_equal(p_set_number(), 3);
	dp_close(dp);
}

/* Nothing to convert: the same set, and links are left to dp_iface_set. */
static void test_same(void **state)
{
	struct dp_conf conf = p_conf_small();
	struct p_rig rig = p_rig_filled(&conf);
	uint32_t services = p_map_id("san_services"), prog = p_attached(rig.access).id;
	struct dp *dp = p_must_open(&conf);

	p_check_all(dp, &rig);
	assert_int_equal(p_set_number(), 1);
	assert_int_equal(p_map_id("san_services"), services);
	assert_int_equal(p_attached(rig.access).id, prog);
	dp_close(dp);
}

/* What needs no change goes on in the new set: the same map. */
static void test_keeps_maps(void **state)
{
	struct dp_conf conf = p_conf_small();
	struct p_rig rig = p_rig_filled(&conf);
	uint32_t flows = p_map_id("san_flows"), reasons = p_map_id("san_reasons"),
		 slots = p_map_id("san_slots"), events = p_map_id("san_events"),
		 domain_id = p_map_id("san_domain"), tx = p_map_id("san_tx");
	struct dp *dp;

	conf.max_slots *= 2;
	dp = p_must_open(&conf);
	p_check_all(dp, &rig);
	assert_int_equal(p_map_id("san_flows"), flows);
	assert_int_equal(p_map_id("san_reasons"), reasons);
	assert_int_equal(p_map_id("san_events"), events);
	assert_int_equal(p_map_id("san_domain"), domain_id);
	assert_int_equal(p_map_id("san_tx"), tx);
	assert_int_not_equal(p_map_id("san_slots"), slots);
	dp_close(dp);
}

static void test_too_small(void **state)
{
	struct dp_conf conf = p_conf_large(), small;
	struct p_rig rig = p_rig_filled(&conf);
	struct dp *dp = p_must_open(&conf);
	struct san_nexthop nh = t_nexthop(1, SAN_ENCAP_RED, 0);
	struct san_service svc = p_preferred;
	uint32_t services = p_map_id("san_services");

	svc.stats = 50;
	assert_int_equal(dp_service_put(dp, false, 5, &svc), 0);
	assert_int_equal(dp_nexthop_put(dp, 20, &nh), 0);
	dp_close(dp);
	small = conf;
	small.max_services = 1;
	p_must_refuse(&small, -ENOSPC, "san_services", "2 entries in use, 1 asked for");
	small.max_services = 16;
	p_must_refuse(&small, -ENOSPC, "san_svc_stats", "51 indices in use, 33 asked for");
	small = conf;
	small.max_nexthops = 20;
	p_must_refuse(&small, -ENOSPC, "san_nexthops", "21 indices in use, 20 asked for");
	small = conf;
	small.max_slots = 255;
	p_must_refuse(&small, -ENOSPC, "san_slots", "256 slots in use, 255 asked for");
	small = conf;
	small.max_ifaces = 1;
	p_must_refuse(&small, -ENOSPC, "san_tx", "2 interfaces in use, 1 asked for");
	assert_int_equal(p_set_number(), 1);
	assert_int_equal(p_map_id("san_services"), services);
	dp = p_must_open(&conf);
	assert_int_equal(dp_service_del(dp, false, 5), 0);
	p_check_all(dp, &rig);
	dp_close(dp);
}

/* An interface's row lies beyond the new end: it gets another one, with its counters. */
static void test_row_moves(void **state)
{
	struct dp_conf conf = p_conf_small();
	struct p_rig rig = p_rig_filled(&conf);
	struct dp *dp = p_must_open(&conf);
	struct san_counter c;
	struct san_iface iface;
	enum dp_attach_mode mode;

	p_counter_put("san_reasons", 2 * SAN_REASON_ROW + SAN_R_NOT_LOCAL);
	p_counter_put("san_reasons", SAN_R_NO_ROLE);
	assert_int_equal(dp_iface_prune(dp, &rig.core, 1), 0);
	dp_close(dp);
	conf.max_ifaces = 1;
	dp = p_must_open(&conf);
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
	int fd = p_pinned_at("maps", "san_btf");
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
	struct dp_conf conf = p_conf_small();
	struct p_rig rig = p_rig_filled(&conf);
	uint32_t services = p_map_id("san_services"), flows = p_map_id("san_flows");
	struct san_service svc;
	struct dp *dp;

	rename_field("idle_s", "idle_x");
	dp = p_must_open(&conf);
	assert_int_equal(p_set_number(), 2);
	assert_int_not_equal(p_map_id("san_services"), services);
	assert_int_equal(p_map_id("san_flows"), flows);
	assert_int_equal(dp_service_get(dp, true, 78, &svc), 0);
	assert_int_equal(svc.idle_s, 0);
	svc.idle_s = p_balanced.idle_s;
	assert_memory_equal(&svc, &p_balanced, sizeof(svc));
	p_check_links(&rig);
	dp_close(dp);
}

/* Without the names of its fields a set cannot be converted: refused, everything stays. */
static void test_no_btf(void **state)
{
	struct dp_conf conf = p_conf_small(), large = p_conf_large();
	struct p_rig rig = p_rig_filled(&conf);
	char path[128];

	snprintf(path, sizeof(path), "%s/maps/san_btf", p_own_dir());
	assert_int_equal(unlink(path), 0);
	p_must_refuse(&large, -ESTALE, "san_services", "");
	assert_int_equal(p_set_number(), 1);
	p_check_links(&rig);
}

/* What version 3 did not know is taken away: three maps, what rules do besides steering. */
static void make_version3(void)
{
	static const char *const maps[] = {"san_act_stats", "san_act_over", "san_meters"};
	char path[128];
	size_t i;

	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/maps/%s", p_own_dir(), maps[i]);
		assert_int_equal(unlink(path), 0);
	}
	rename_field("local_id", "locax_id");
	rename_field("local_rank", "locax_rank");
	rename_field("verdict", "xerdict");
}

/* Version 3: reasons, flows and everything else go on. */
static void test_version(void **state)
{
	struct dp_conf conf = p_conf_small();
	struct p_rig rig = p_rig_filled(&conf);
	struct san_counter c;
	struct san_meta meta;
	struct dp *dp;
	uint32_t zero = 0;
	int fd = p_pinned_at("maps", "san_meta");

	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &meta), 0);
	meta.abi_version = 3;
	assert_int_equal(bpf_map_update_elem(fd, &zero, &meta, BPF_ANY), 0);
	close(fd);
	make_version3();
	dp = p_must_open(&conf);
	p_check_tables(dp);
	p_check_links(&rig);
	assert_int_equal(p_set_number(), 2);
	assert_int_equal(dp_act_stats(dp, 1, &c), 0);
	assert_int_equal(c.packets, 0);
	assert_int_equal(dp_svc_stats(dp, 3, &c), 0);
	assert_int_equal(c.packets, PACKETS);
	assert_int_equal(dp_reason_stats(dp, rig.access, SAN_R_DENIED, &c), 0);
	assert_int_equal(c.packets, PACKETS);
	dp_close(dp);
}

/* --- ABI 2 ---------------------------------------------------------------------------------------
 */

static void test_abi2(void **state)
{
	struct dp_conf conf = p_conf_small();
	struct p_rig rig = p_flat_make();
	struct dp *dp = p_must_open(&conf);
	struct san_counter c;

	p_check_flat_values(dp);
	p_check_links(&rig);
	assert_int_equal(p_count_names("san_"), 0);
	assert_int_equal(p_set_number(), 1);
	/* A row each, and nothing in them: the reasons were others. */
	assert_int_equal(dp_reason_stats(dp, rig.access, SAN_R_FLOW_HIT, &c), 0);
	assert_int_equal(c.packets, 0);
	assert_int_equal(dp_reason_stats(dp, rig.core, SAN_R_FLOW_HIT, &c), 0);
	dp_close(dp);
}

/* The pins of a creation by the old version that did not come to its end. */
static void test_abi2_interrupted(void **state)
{
	struct dp_conf conf = p_conf_small();
	struct san_service svc;
	char path[128];
	struct dp *dp;

	p_flat_make();
	snprintf(path, sizeof(path), "%s/san_meta", p_own_dir());
	assert_int_equal(unlink(path), 0);
	dp = p_must_open(&conf);
	assert_int_equal(dp_service_get(dp, false, 77, &svc), -ENOENT);
	assert_int_equal(p_count_names("san_"), 0);
	dp_close(dp);
}

/* The interface has gone, its link is dead: no reason to fail. */
static void test_dead_link(void **state)
{
	struct dp_conf small = p_conf_small(), large = p_conf_large();
	struct p_rig rig = p_rig_filled(&small);
	struct dp *dp;
	char name[32];

	p_sh("ip link del u0");
	dp = p_must_open(&large);
	p_check_tables(dp);
	snprintf(name, sizeof(name), "link_%u", rig.access);
	assert_int_equal(p_count_names(name), 0);
	assert_string_equal(p_attached(rig.core).name, "san_core");
	dp_close(dp);
}

#define T(fn) cmocka_unit_test_teardown(fn, p_cleanup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_sizes),	   T(test_abi2),
		T(test_same),	   T(test_keeps_maps),
		T(test_too_small), T(test_row_moves),
		T(test_layout),	   T(test_no_btf),
		T(test_version),   T(test_abi2_interrupted),
		T(test_dead_link),
	};

	if (!t_can_run())
		return 0;
	if (unshare(CLONE_NEWNET)) {
		perror("unshare");
		return 1;
	}
	return P_RUN(tests, 2);
}
