/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows that both the old and the new programs saw while maps were converted. Root: a bpffs in a
 * mount namespace of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "dp/priv.h"

#include <cmocka.h>

static char root[] = "/tmp/sand-late-XXXXXX";
static bool live;

static bool go_live(void)
{
	if (geteuid() || unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return false;
	return mkdtemp(root) && !mount("bpf", root, "bpf", 0, NULL);
}

static struct dp *open_dp(const char *name)
{
	char dir[64];
	struct dp_conf conf = {
		.pin_dir = dir,
		.profile = SAN_PROFILE_EXP1,
		.max_services = 4,
		.max_nexthops = 4,
		.max_flows = 64,
		.max_ifaces = 4,
		.max_slots = 256,
		.max_frags = 4,
	};
	struct err err = {0};
	struct dp *dp;

	snprintf(dir, sizeof(dir), "%s/%s", root, name);
	assert_int_equal(dp_open(&conf, &dp, &err), 0);
	return dp;
}

static void put(struct dp *dp, uint8_t number, uint64_t last_ns)
{
	struct san_flow flow = {.nexthop = 1, .last_ns = last_ns};
	struct san_flow_key key;

	memset(&key, 0, sizeof(key));
	memset(&key, number, 1);
	assert_int_equal(bpf_map_update_elem(dp->map_fd[DP_MAP_FLOWS], &key, &flow, BPF_ANY), 0);
}

static uint64_t last(struct dp *dp, uint8_t number)
{
	struct san_flow_key key;
	struct san_flow flow;

	memset(&key, 0, sizeof(key));
	memset(&key, number, 1);
	assert_int_equal(bpf_map_lookup_elem(dp->map_fd[DP_MAP_FLOWS], &key, &flow), 0);
	return flow.last_ns;
}

static void test_younger_counts(void **state)
{
	struct dp *old, *new;
	struct dp_set set;
	struct err err = {0};

	if (!live) {
		print_message("needs root: maps\n");
		skip();
	}
	old = open_dp("old");
	new = open_dp("new");
	put(old, 1, 50);
	put(new, 1, 30); /* copied early, went on with the old program */
	put(old, 2, 50);
	put(new, 2, 90); /* went on with the new one */
	put(old, 3, 50); /* came after the copy */
	dp_set_init(&set);
	assert_int_equal(dp_set_open(old->pin_dir, old->set, &set, &err), 0);
	assert_int_equal(dp_copy_late(new, &set), 0);
	dp_set_fini(&set);
	assert_int_equal(last(new, 1), 50);
	assert_int_equal(last(new, 2), 90);
	assert_int_equal(last(new, 3), 50);
	dp_close(old);
	dp_close(new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_younger_counts),
	};
	int failed;

	live = go_live();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (live)
		umount2(root, MNT_DETACH);
	rmdir(root);
	return failed;
}
