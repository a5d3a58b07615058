/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel's verifier makes of the programs: within the bound, names and fields present. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include "libtest.h"

#define MAX_VERIFIED 500000

static void check_prog(const struct t_env *env, enum san_role role, const char *name)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(dp_prog_fd(env->dp, role), &info, &len), 0);
	assert_string_equal(info.name, name);
	assert_int_not_equal(info.btf_id, 0);
	print_message("%s: %u instructions verified (0: this kernel does not say), %u bytes of "
		      "machine code\n",
		      name, info.verified_insns, info.jited_prog_len);
	assert_true(info.verified_insns <= MAX_VERIFIED);
}

static void test_programs(void **state)
{
	check_prog(*state, SAN_ROLE_INGRESS, "san_ingress");
	check_prog(*state, SAN_ROLE_CORE, "san_core");
	assert_int_equal(dp_prog_fd(((struct t_env *)*state)->dp, SAN_ROLE_NONE), -22);
}

/* bpftool prints fields by name where key and value have BTF. The device map and the ring buffer
 * are the kernel's: they take none. */
static void test_maps_have_btf(void **state)
{
	static const char *const names[] = {"san_services",    "san_local",	"san_nexthops",
					    "san_slots",       "san_flows",	"san_frags",
					    "san_buckets",     "san_ifaces",	"san_domain",
					    "san_class_src",   "san_class_dst", "san_class_pairs",
					    "san_class_rules", "san_sids",	"san_meta",
					    "san_svc_stats",   "san_nh_stats",	"san_reasons"};
	struct bpf_map_info info;
	uint32_t len;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fd = t_map_fd(*state, names[i]);
		memset(&info, 0, sizeof(info));
		len = sizeof(info);
		assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
		assert_int_not_equal(info.btf_key_type_id, 0);
		assert_int_not_equal(info.btf_value_type_id, 0);
		close(fd);
	}
}

static const char *struct_name(int map_fd, bool key)
{
	static char name[64];
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);
	const struct btf_type *type;
	struct btf *btf;

	assert_int_equal(bpf_obj_get_info_by_fd(map_fd, &info, &len), 0);
	btf = btf__load_from_kernel_by_id(info.btf_id);
	assert_non_null(btf);
	type = btf__type_by_id(btf, key ? info.btf_key_type_id : info.btf_value_type_id);
	strncpy(name, btf__name_by_offset(btf, type->name_off), sizeof(name) - 1);
	btf__free(btf);
	return name;
}

static void test_struct_names(void **state)
{
	int services = t_map_fd(*state, "san_services"), flows = t_map_fd(*state, "san_flows");

	assert_string_equal(struct_name(services, true), "san_service_key");
	assert_string_equal(struct_name(services, false), "san_service");
	assert_string_equal(struct_name(flows, true), "san_flow_key");
	close(services);
	close(flows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_maps_have_btf),
		cmocka_unit_test(test_struct_names),
	};

	return t_can_run() ? cmocka_run_group_tests(tests, t_open, t_close) : 0;
}
