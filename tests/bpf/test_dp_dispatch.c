/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Module dp beside another XDP program on one interface, in libxdp's dispatcher. Where the kernel
 * lets no function be replaced, the refusal is what is tested. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "libpins.h"
#include "relay.skel.h"

static const char *own_dir(void)
{
	static char dir[64];

	snprintf(dir, sizeof(dir), "/sys/fs/bpf/sand-test-%d-xdp", getpid());
	return dir;
}

static struct dp_conf conf(void)
{
	const struct san_profile exp1 = SAN_PROFILE_EXP1;

	return (struct dp_conf){.pin_dir = own_dir(),
				.profile = exp1,
				.max_services = 8,
				.max_nexthops = 8,
				.max_flows = 8,
				.max_ifaces = 2,
				.max_slots = 128,
				.max_frags = 8,
				.dispatcher = true};
}

static void sh(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

static struct dp *must_open(const struct dp_conf *c)
{
	struct dp *dp = NULL;
	struct err err;
	char text[512];

	if (dp_open(c, &dp, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
	return dp;
}

static unsigned int ifindex;

static int setup(void **state)
{
	(void)state;
	sh("ip link add x0 type veth peer name x0p");
	ifindex = if_nametoindex("x0");
	return 0;
}

static int teardown(void **state)
{
	int r = dp_unload(own_dir());

	(void)state;
	sh("ip link del x0");
	return r;
}

static int set(struct dp *dp, enum san_role role, enum dp_attach_mode *mode, struct err *err)
{
	const struct dp_iface want = {.role = role};

	return dp_iface_set(dp, ifindex, &want, mode, err);
}

static void check_refused(struct dp *dp, const struct err *err)
{
	struct san_iface iface;
	enum dp_attach_mode mode;

	assert_string_equal(err->field, "attach");
	assert_string_equal(err->value, "dispatcher");
	assert_non_null(strstr(err->want, "attach: link works without"));
	assert_int_equal(dp_iface_get(dp, ifindex, &iface, &mode), -ENOENT);
	sh("! ip -d link show x0 | grep -q prog/xdp");
}

/* Attached, or refused in a way that says what to do: then false. */
static bool can_attach(struct dp *dp, enum san_role role)
{
	enum dp_attach_mode mode = DP_DETACHED;
	struct err err;
	char text[512];
	int r = set(dp, role, &mode, &err);

	if (r == -EPERM || r == -EOPNOTSUPP || r == -EINVAL) {
		check_refused(dp, &err);
		print_message("no dispatcher here: %s\n", err_text(&err, text, sizeof(text)));
		return false;
	}
	if (r)
		fail_msg("%s", err_text(&err, text, sizeof(text)));
	assert_int_not_equal(mode, DP_DETACHED);
	return true;
}

/* Programs in the dispatcher of the interface, and whether one has this name. */
static int count_progs(const char *name, bool *found)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);
	struct xdp_program *prog = NULL;
	int n = 0;

	*found = false;
	if (libxdp_get_error(mp))
		return 0;
	while ((prog = xdp_multiprog__next_prog(prog, mp))) {
		n++;
		*found |= !strcmp(xdp_program__name(prog), name);
	}
	xdp_multiprog__close(mp);
	return n;
}

static void check_progs(int n, const char *name)
{
	bool found;

	assert_int_equal(count_progs(name, &found), n);
	assert_int_equal(found, n > 0);
}

static void test_attach(void **state)
{
	struct dp_conf c = conf();
	struct dp *dp = must_open(&c);
	struct san_iface iface;
	enum dp_attach_mode mode;
	struct err err;

	if (can_attach(dp, SAN_ROLE_INGRESS)) {
		check_progs(1, "san_ingress");
		assert_int_equal(dp_iface_get(dp, ifindex, &iface, &mode), 0);
		assert_true(can_attach(dp, SAN_ROLE_CORE)); /* instead, not besides */
		check_progs(1, "san_core");
		assert_int_equal(set(dp, SAN_ROLE_NONE, &mode, &err), 0);
		check_progs(0, "san_core");
		assert_int_equal(dp_iface_get(dp, ifindex, &iface, &mode), -ENOENT);
	}
	dp_close(dp);
}

static struct xdp_program *other_attach(struct relay_bpf *skel)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .obj = skel->obj, .prog_name = "san_relay");
	struct xdp_program *prog = xdp_program__create(&opts);

	assert_int_equal(libxdp_get_error(prog), 0);
	xdp_program__set_run_prio(prog, 10);
	xdp_program__set_chain_call_enabled(prog, XDP_PASS, true);
	assert_int_equal(xdp_program__attach(prog, ifindex, XDP_MODE_NATIVE, 0), 0);
	return prog;
}

/* Another one's program stays where it is, whatever we do. */
static void test_beside(void **state)
{
	struct dp_conf c = conf();
	struct dp *dp = must_open(&c);
	struct xdp_program *other;
	struct relay_bpf *skel;

	if (can_attach(dp, SAN_ROLE_INGRESS)) {
		skel = relay_bpf__open();
		other = other_attach(skel);
		check_progs(2, "san_ingress");
		assert_true(can_attach(dp, SAN_ROLE_INGRESS));
		check_progs(2, "san_ingress");
		check_progs(2, "san_relay");
		assert_int_equal(dp_iface_prune(dp, NULL, 0), 0);
		check_progs(1, "san_relay");
		xdp_program__detach(other, ifindex, XDP_MODE_NATIVE, 0);
		xdp_program__close(other);
		relay_bpf__destroy(skel);
	}
	dp_close(dp);
}

/* After a restart with other sizes the program is the new one. */
static void test_renewed(void **state)
{
	struct dp_conf c = conf();
	struct dp *dp = must_open(&c);
	bool can = can_attach(dp, SAN_ROLE_INGRESS);
	enum dp_attach_mode mode;
	struct san_iface iface;

	dp_close(dp);
	c.max_services *= 2;
	dp = must_open(&c);
	if (can) {
		check_progs(1, "san_ingress");
		assert_int_equal(dp_iface_get(dp, ifindex, &iface, &mode), 0);
	}
	dp_close(dp);
	assert_int_equal(dp_unload(own_dir()), 0);
	check_progs(0, "san_ingress");
}

/* From a link to the dispatcher and back; where that is refused the link stays. */
static void test_changes_way(void **state)
{
	struct dp_conf link = conf(), dispatcher = conf();
	enum dp_attach_mode mode;
	struct dp *dp;
	struct err err;

	link.dispatcher = false;
	dp = must_open(&link);
	assert_int_equal(set(dp, SAN_ROLE_INGRESS, &mode, &err), 0);
	assert_int_equal(mode, DP_NATIVE);
	dp_close(dp);
	dp = must_open(&dispatcher);
	if (set(dp, SAN_ROLE_INGRESS, &mode, &err))
		assert_string_equal(err.value, "dispatcher");
	else
		check_progs(1, "san_ingress");
	dp_close(dp);
	dp = must_open(&link);
	assert_int_equal(set(dp, SAN_ROLE_INGRESS, &mode, &err), 0);
	assert_int_equal(mode, DP_NATIVE);
	dp_close(dp);
	check_progs(0, "san_ingress");
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_beside),
		T(test_changes_way),
		T(test_attach),
		T(test_renewed),
	};

	if (!t_can_run())
		return 0;
	if (unshare(CLONE_NEWNET)) {
		perror("unshare");
		return 1;
	}
	return P_RUN(tests, 2);
}
