/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Module dp: a conversion that is stopped on the way, what comes in meanwhile, and by whom it is
 * done. Interfaces are those of a network namespace of this process. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libpins.h"

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
	struct dp_conf small = p_conf_small(), large = p_conf_large();
	struct p_rig rig = p_rig_filled(&small);
	struct dp *dp;

	open_and_stop(&large, step, after);
	assert_int_not_equal(p_attached(rig.access).id, 0);
	assert_int_not_equal(p_attached(rig.core).id, 0);
	dp = p_must_open(next);
	p_check_all(dp, &rig);
	dp_close(dp);
	assert_int_equal(p_cleanup(NULL), 0);
}

static void test_stopped_goes_on(void **state)
{
	struct dp_conf large = p_conf_large();
	int step;

	for (step = DP_STEP_COPIED; step < DP_STEP_MAX; step++)
		stop_once(step, 0, &large);
	stop_once(DP_STEP_LINK, 1, &large);
}

static void test_stopped_goes_back(void **state)
{
	struct dp_conf small = p_conf_small();

	stop_once(DP_STEP_PINNED, 0, &small);
	stop_once(DP_STEP_FLIPPED, 0, &small);
	stop_once(DP_STEP_LINK, 0, &small);
}

static void test_stopped_twice(void **state)
{
	struct dp_conf small = p_conf_small(), large = p_conf_large();
	struct p_rig rig = p_rig_filled(&small);
	struct dp *dp;

	open_and_stop(&large, DP_STEP_FLIPPED, 0);
	open_and_stop(&small, DP_STEP_FLIPPED, 0);
	dp = p_must_open(&large);
	p_check_all(dp, &rig);
	dp_close(dp);
}

static void test_stopped_abi2(void **state)
{
	struct dp_conf conf = p_conf_small();
	int step;

	for (step = DP_STEP_COPIED; step < DP_STEP_MAX; step++) {
		struct p_rig rig = p_flat_make();
		struct dp *dp;

		open_and_stop(&conf, step, 0);
		dp = p_must_open(&conf);
		p_check_flat_values(dp);
		p_check_links(&rig);
		assert_int_equal(p_count_names("san_"), 0);
		dp_close(dp);
		assert_int_equal(p_cleanup(NULL), 0);
	}
}

/* The very first set: nothing was in force. */
static void test_stopped_creation(void **state)
{
	struct dp_conf conf = p_conf_small();
	struct dp *dp;

	open_and_stop(&conf, DP_STEP_PINNED, 0);
	assert_int_equal(p_count_names("maps-"), 1);
	conf.max_services = 9;
	dp = p_must_open(&conf);
	assert_int_equal(p_count_names("maps-"), 1);
	dp_close(dp);
}

/* As the parent process runs: three capabilities, and none to open things by their ids. */
static int convert_with_few_caps(void)
{
	const cap_value_t few[] = {CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON};
	struct dp_conf large = p_conf_large();
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
	struct dp_conf small = p_conf_small(), large = p_conf_large();
	struct p_rig rig = p_rig_filled(&small);
	int status = -1;
	struct dp *dp;
	pid_t pid = fork();

	if (!pid)
		_exit(convert_with_few_caps());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(p_set_number(), 2);
	dp = p_must_open(&large);
	p_check_all(dp, &rig);
	dp_close(dp);
}

/* --- flows of the last moment --------------------------------------------------------------------
 */

static void learn(enum dp_step step)
{
	if (step != DP_STEP_FLIPPED)
		return;
	p_flow_put("maps-1", 2, 4); /* learned by the old program */
	p_flow_put("maps-1", 3, 4);
	p_flow_put("maps", 3, 5); /* by both: the new one's word counts */
}

static void test_late_flows(void **state)
{
	struct dp_conf small = p_conf_small(), large = p_conf_large();
	struct dp *dp;

	p_rig_filled(&small);
	dp_step_hook = learn;
	dp = p_must_open(&large);
	dp_step_hook = NULL;
	assert_int_equal(p_flow_of(1), 2);
	assert_int_equal(p_flow_of(2), 4);
	assert_int_equal(p_flow_of(3), 5);
	assert_int_equal(p_flow_of(4), -1);
	dp_close(dp);
}

#define T(fn) cmocka_unit_test_teardown(fn, p_cleanup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_few_capabilities), T(test_stopped_twice),     T(test_late_flows),
		T(test_stopped_goes_on),  T(test_stopped_goes_back), T(test_stopped_abi2),
		T(test_stopped_creation),
	};

	if (!t_can_run())
		return 0;
	if (unshare(CLONE_NEWNET)) {
		perror("unshare");
		return 1;
	}
	return P_RUN(tests, 1);
}
