/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Module dp: slots, SIDs, the domain, the classifier in its maps, events, how full maps are. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <san/msg.h>

#include "libpins.h"

#define SLOTS 4096

static struct dp *handle;

static const char *own_dir(void)
{
	static char dir[64];

	snprintf(dir, sizeof(dir), "/sys/fs/bpf/sand-test-%d-tab", getpid());
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
				.max_slots = SLOTS,
				.max_frags = 8};
}

static void open_handle(void)
{
	struct dp_conf c = conf();
	struct err err;
	char text[512];

	if (dp_open(&c, &handle, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
}

static int setup(void **state)
{
	(void)state;
	open_handle();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dp_close(handle);
	handle = NULL;
	return dp_unload(own_dir());
}

static void reopen(void)
{
	dp_close(handle);
	handle = NULL;
	open_handle();
}

static int pinned(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/maps/%s", own_dir(), name);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	return fd;
}

static struct in6_addr addr(const char *text)
{
	struct in6_addr a;

	assert_int_equal(inet_pton(AF_INET6, text, &a), 1);
	return a;
}

static uint64_t used(enum san_map map)
{
	uint64_t n = 99, size;

	assert_int_equal(dp_map_fill(handle, map, &n, &size), 0);
	return n;
}

static uint64_t room(enum san_map map)
{
	uint64_t n, size = 0;

	assert_int_equal(dp_map_fill(handle, map, &n, &size), 0);
	return size;
}

/* --- slots ---------------------------------------------------------------------------------------
 */

static void check_slots(uint32_t base, uint32_t n, uint32_t first)
{
	uint32_t got[SLOTS], i;

	assert_int_equal(dp_slots_get(handle, base, n, got), 0);
	for (i = 0; i < n; i++)
		assert_int_equal(got[i], first + i);
}

/* In pieces and alone, at both ends of the array. */
static void test_slots(void **state)
{
	uint32_t slots[SLOTS], i, one = 0;

	for (i = 0; i < SLOTS; i++)
		slots[i] = i + 1;
	assert_int_equal(dp_slots_put(handle, 0, SLOTS, slots), 0);
	check_slots(0, SLOTS, 1);
	check_slots(1, SLOTS - 1, 2);
	check_slots(1000, 1100, 1001);
	check_slots(SLOTS - 1, 1, SLOTS);
	assert_int_equal(dp_slots_put(handle, 5, 1, &one), 0);
	assert_int_equal(dp_slots_get(handle, 5, 1, slots), 0);
	assert_int_equal(slots[0], 0);
	check_slots(6, 3, 7);
	assert_int_equal(dp_slots_get(handle, SLOTS, 0, slots), 0);
}

static void test_slots_limits(void **state)
{
	uint32_t slots[2] = {1, 2};

	assert_int_equal(dp_slots_put(handle, SLOTS - 1, 2, slots), -EINVAL);
	assert_int_equal(dp_slots_put(handle, SLOTS, 1, slots), -EINVAL);
	assert_int_equal(dp_slots_put(handle, UINT32_MAX, 2, slots), -EINVAL);
	assert_int_equal(dp_slots_get(handle, SLOTS - 1, 2, slots), -EINVAL);
	assert_int_equal(dp_slots_get(handle, UINT32_MAX, 2, slots), -EINVAL);
	assert_int_equal(dp_slots_get(handle, SLOTS - 2, 2, slots), 0);
	assert_int_equal(slots[0] + slots[1], 0);
}

static void test_balanced_limits(void **state)
{
	struct san_service svc = {.mode = SAN_MODE_BALANCED, .slot_base = SLOTS - 128};

	svc.slot_bits = 7;
	assert_int_equal(dp_service_put(handle, false, 1, &svc), 0);
	svc.slot_base++;
	assert_int_equal(dp_service_put(handle, false, 1, &svc), -EINVAL);
	svc.slot_base = UINT32_MAX;
	assert_int_equal(dp_service_put(handle, false, 1, &svc), -EINVAL);
	svc.slot_base = 0;
	svc.slot_bits = 13; /* twice the slots that there are */
	assert_int_equal(dp_service_put(handle, true, 1, &svc), -EINVAL);
	svc.slot_bits = SAN_MAX_SLOT_BITS + 1;
	assert_int_equal(dp_service_put(handle, true, 1, &svc), -EINVAL);
	svc.slot_bits = 255;
	assert_int_equal(dp_service_put(handle, true, 1, &svc), -EINVAL);
}

/* --- services of both scopes, next hops ----------------------------------------------------------
 */

static void test_scopes(void **state)
{
	struct san_service svc = {.mode = SAN_MODE_PREFERRED, .nexthop = 3}, back;
	uint64_t id;

	assert_int_equal(dp_service_put(handle, true, 7, &svc), 0);
	assert_int_equal(dp_service_get(handle, false, 7, &back), -ENOENT);
	assert_int_equal(dp_service_get(handle, true, 7, &back), 0);
	assert_memory_equal(&back, &svc, sizeof(svc));
	for (id = 8; id < 15; id++)
		assert_int_equal(dp_service_put(handle, true, id, &svc), 0);
	assert_int_equal(dp_service_put(handle, true, 15, &svc), -ENOSPC);
	assert_int_equal(dp_service_put(handle, false, 15, &svc), 0);
	assert_int_equal(dp_service_del(handle, true, 7), 0);
	assert_int_equal(dp_service_del(handle, false, 7), -ENOENT);
}

static void test_direct(void **state)
{
	struct in6_addr at = addr("::ffff:192.0.2.7");
	struct san_nexthop nh = {.kind = SAN_NH_SRV6, .outer_len = 40, .hop_limit = 9, .mtu = 1500};

	nh.outer[5] = 1;
	dp_direct_build(&at, &nh);
	assert_memory_equal(nh.outer, &at, 16);
	assert_int_equal(nh.outer[5], 0);
	assert_int_equal(nh.outer_len, 0);
	assert_int_equal(nh.hop_limit, 0);
	assert_int_equal(nh.kind, SAN_NH_UNRESOLVED);
	assert_int_equal(nh.mtu, 1500);
	nh.kind = SAN_NH_DIRECT;
	nh.families = SAN_NH_IP4;
	assert_int_equal(dp_nexthop_put(handle, 1, &nh), 0);
	nh.outer_len = 40;
	assert_int_equal(dp_nexthop_put(handle, 1, &nh), -EINVAL);
	nh.outer_len = 0;
	nh.families = 4;
	assert_int_equal(dp_nexthop_put(handle, 1, &nh), -EINVAL);
}

/* --- SIDs ----------------------------------------------------------------------------------------
 */

static int sum_stats(void *arg, const struct in6_addr *sid, const struct san_sid *val)
{
	assert_int_equal(sid->s6_addr[0], 0xfc);
	*(uint64_t *)arg += val->stats;
	return val->stats == 9 ? -ECANCELED : 0;
}

static int del_each(void *arg, const struct in6_addr *sid, const struct san_sid *val)
{
	return dp_sid_del(handle, sid);
}

static void test_sids(void **state)
{
	struct san_sid sid = {.behaviour = SAN_BEHAVIOUR_END, .flavors = SAN_FLAVOR_PSP}, back;
	struct in6_addr at = addr("fc00::1"), other = addr("fc00::2");
	uint64_t sum = 0;

	assert_int_equal(dp_sid_get(handle, &at, &back), -ENOENT);
	sid.stats = 3;
	assert_int_equal(dp_sid_put(handle, &at, &sid), 0);
	sid.stats = 4;
	assert_int_equal(dp_sid_put(handle, &other, &sid), 0);
	assert_int_equal(dp_sid_get(handle, &other, &back), 0);
	assert_memory_equal(&back, &sid, sizeof(sid));
	assert_int_equal(dp_sid_each(handle, sum_stats, &sum), 0);
	assert_int_equal(sum, 7);
	sid.stats = 9;
	assert_int_equal(dp_sid_put(handle, &at, &sid), 0);
	assert_int_equal(dp_sid_put(handle, &other, &sid), 0);
	assert_int_equal(dp_sid_each(handle, sum_stats, &sum), -ECANCELED);
	assert_int_equal(used(SAN_MAP_SIDS), 2);
	assert_int_equal(dp_sid_each(handle, del_each, NULL), 0);
	assert_int_equal(dp_sid_del(handle, &at), -ENOENT);
	assert_int_equal(used(SAN_MAP_SIDS), 0);
}

static void refuse_sid(struct san_sid sid)
{
	struct in6_addr at = addr("fc00::1");

	assert_int_equal(dp_sid_put(handle, &at, &sid), -EINVAL);
}

static void test_sids_refused(void **state)
{
	struct in6_addr at = addr("fc00::1");
	struct san_sid sid = {.behaviour = SAN_BEHAVIOUR_END_DX6, .flags = SAN_SID_KERNEL};

	refuse_sid((struct san_sid){.behaviour = 0});
	refuse_sid((struct san_sid){.behaviour = SAN_BEHAVIOUR_MAX});
	refuse_sid((struct san_sid){.behaviour = SAN_BEHAVIOUR_END, .flavors = 8});
	refuse_sid((struct san_sid){.behaviour = SAN_BEHAVIOUR_END, .flags = 2});
	refuse_sid((struct san_sid){.behaviour = SAN_BEHAVIOUR_END, .stats = 17});
	refuse_sid((struct san_sid){.behaviour = SAN_BEHAVIOUR_END_DX6});
	refuse_sid((struct san_sid){.behaviour = SAN_BEHAVIOUR_END_DX4, .nexthop = 8});
	assert_int_equal(dp_sid_put(handle, &at, &sid), 0); /* the kernel needs no next hop */
}

static void test_sids_full(void **state)
{
	struct san_sid sid = {.behaviour = SAN_BEHAVIOUR_END};
	struct in6_addr at = addr("fc00::");
	uint32_t i;

	for (i = 0; i < SAN_DEFAULT_SIDS; i++) {
		memcpy(at.s6_addr + 12, &i, 4);
		assert_int_equal(dp_sid_put(handle, &at, &sid), 0);
	}
	memcpy(at.s6_addr + 12, &i, 4);
	assert_int_equal(dp_sid_put(handle, &at, &sid), -ENOSPC);
	assert_int_equal(used(SAN_MAP_SIDS), SAN_DEFAULT_SIDS);
	i = 0;
	memcpy(at.s6_addr + 12, &i, 4);
	sid.stats = 1;
	assert_int_equal(dp_sid_put(handle, &at, &sid), 0); /* what is there can be changed */
}

/* --- domain and classifier -----------------------------------------------------------------------
 */

static void test_domain(void **state)
{
	struct san_domain d = {.n_blocks = 8, .n_inside = 16, .sample = 3, .class_set = 99}, back;

	d.trace.fields = SAN_TRACE_ON;
	assert_int_equal(dp_domain_set(handle, &d), 0);
	assert_int_equal(dp_domain_get(handle, &back), 0);
	assert_int_equal(back.class_set, 0); /* not its business */
	d.class_set = 0;
	assert_memory_equal(&back, &d, sizeof(d));
	d.n_blocks = SAN_MAX_BLOCKS + 1;
	assert_int_equal(dp_domain_set(handle, &d), -EINVAL);
	d.n_blocks = 0;
	d.n_inside = SAN_MAX_INSIDE + 1;
	assert_int_equal(dp_domain_set(handle, &d), -EINVAL);
}

static struct san_msg_class rule(uint64_t id, const char *dst, uint8_t len)
{
	struct san_msg_class r = {.service_id = id, .dst_len = len};

	if (len)
		r.dst = addr(dst);
	return r;
}

static unsigned int count_keys(const char *map)
{
	uint64_t key[4], *at = NULL;
	unsigned int n = 0;
	int fd = pinned(map);

	for (; !bpf_map_get_next_key(fd, at, key); at = key)
		n++;
	close(fd);
	return n;
}

static uint32_t class_set(void)
{
	struct san_domain d;

	assert_int_equal(dp_domain_get(handle, &d), 0);
	return d.class_set;
}

static void must_set(const struct san_msg_class *rules, unsigned int n)
{
	struct err err;
	char text[512];

	if (dp_classes_set(handle, rules, n, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
}

/* What the program does to find the rule of a destination. */
static int64_t look_up(const char *dst)
{
	struct san_class_prefix prefix = {.prefixlen = 160, .set = class_set()};
	struct san_class_pair_key pair = {.set = prefix.set};
	struct san_class_rule_key key = {.set = prefix.set};
	struct in6_addr at = addr(dst);
	struct san_class_pair group;
	struct san_class_rule found;
	int fd = pinned("san_class_dst"), r;

	memcpy(prefix.addr, &at, 16);
	bpf_map_lookup_elem(fd, &prefix, &pair.dst);
	close(fd);
	fd = pinned("san_class_pairs");
	r = bpf_map_lookup_elem(fd, &pair, &group);
	close(fd);
	if (r)
		return -1;
	key.group = group.group;
	fd = pinned("san_class_rules");
	r = bpf_map_lookup_elem(fd, &key, &found);
	close(fd);
	return r ? -1 : (int64_t)found.service_id;
}

static void test_classes(void **state)
{
	struct san_msg_class first[2] = {rule(1, "2001:db8::", 32), rule(2, "2001:db8:5::", 48)};
	struct san_msg_class second = rule(3, "2001:db8:5::", 48);
	uint32_t set;

	assert_int_equal(dp_classes_count(handle), 0);
	assert_true(dp_classes_same(handle, NULL, 0));
	must_set(first, 2);
	set = class_set();
	assert_int_not_equal(set, 0);
	assert_int_equal(dp_classes_count(handle), 2);
	assert_int_equal(used(SAN_MAP_CLASSES), 2);
	assert_int_equal(look_up("2001:db8:5::1"), 2);
	assert_int_equal(look_up("2001:db8:6::1"), 1);
	assert_int_equal(look_up("2001:db9::1"), -1);
	must_set(&second, 1);
	assert_int_not_equal(class_set(), set);
	assert_int_equal(look_up("2001:db8:5::1"), 3);
	assert_int_equal(look_up("2001:db8:6::1"), -1);
	assert_int_equal(count_keys("san_class_dst"), 1); /* the old set is gone */
	assert_int_equal(count_keys("san_class_pairs"), 1);
	assert_int_equal(count_keys("san_class_rules"), 1);
	must_set(NULL, 0);
	assert_int_equal(class_set(), 0);
	assert_int_equal(count_keys("san_class_dst"), 0);
	assert_int_equal(count_keys("san_class_rules"), 0);
}

static void test_classes_same(void **state)
{
	struct san_msg_class rules[2] = {rule(1, "2001:db8::", 32), rule(2, "2001:db8:5::", 48)};
	struct san_msg_class swapped[2] = {rules[1], rules[0]}, other[2] = {rules[0], rules[1]};
	struct san_class_rule_key key = {0};
	struct san_class_rule val = {0};
	int fd;

	other[1].service_id = 3;
	must_set(rules, 2);
	assert_true(dp_classes_same(handle, rules, 2));
	assert_true(dp_classes_same(handle, swapped, 2));
	assert_false(dp_classes_same(handle, other, 2));
	assert_false(dp_classes_same(handle, rules, 1));
	assert_false(dp_classes_same(handle, NULL, 0));
	fd = pinned("san_class_rules"); /* something else besides */
	assert_int_equal(bpf_map_update_elem(fd, &key, &val, BPF_ANY), 0);
	assert_false(dp_classes_same(handle, rules, 2));
	assert_int_equal(bpf_map_delete_elem(fd, &key), 0);
	assert_true(dp_classes_same(handle, rules, 2));
	assert_int_equal(bpf_map_get_next_key(fd, NULL, &key), 0);
	assert_int_equal(bpf_map_delete_elem(fd, &key), 0); /* something is missing */
	assert_false(dp_classes_same(handle, rules, 2));
	close(fd);
	must_set(rules, 2);
	assert_true(dp_classes_same(handle, rules, 2));
	reopen();
	assert_true(dp_classes_same(handle, rules, 2));
}

/* A set that was being written when the process ended is in nobody's way. */
static void test_classes_leftovers(void **state)
{
	struct san_msg_class r = rule(1, "2001:db8::", 32);
	struct san_class_rule_key key = {.set = 2, .group = 7};
	struct san_class_rule val = {.service_id = 666};
	int fd;

	must_set(&r, 1);
	fd = pinned("san_class_rules");
	assert_int_equal(bpf_map_update_elem(fd, &key, &val, BPF_ANY), 0);
	close(fd);
	reopen();
	must_set(&r, 1);
	assert_int_equal(count_keys("san_class_rules"), 1);
	assert_true(dp_classes_same(handle, &r, 1));
}

/* As many entries as one set may have, twice: the new one is written beside the old one. */
static void test_classes_full(void **state)
{
	struct san_msg_class *rules = calloc(SAN_MAX_CLASSES + 1, sizeof(*rules));
	struct err err;
	uint32_t i;

	for (i = 0; i <= SAN_MAX_CLASSES; i++) {
		uint32_t net = htobe32(i);

		rules[i] = rule(i + 1, "2001:db8::", 64);
		memcpy(rules[i].dst.s6_addr + 4, &net, 4);
	}
	assert_int_equal(dp_classes_set(handle, rules, SAN_MAX_CLASSES + 1, &err), -ENOSPC);
	assert_string_equal(err.value, "4097");
	assert_int_equal(class_set(), 0);
	must_set(rules, SAN_MAX_CLASSES);
	must_set(rules, SAN_MAX_CLASSES);
	assert_true(dp_classes_same(handle, rules, SAN_MAX_CLASSES));
	assert_int_equal(used(SAN_MAP_CLASSES), SAN_MAX_CLASSES);
	/* Refused: what is in force stays. */
	rules[7].service_id = 0;
	assert_int_equal(dp_classes_set(handle, rules, 8, &err), -EINVAL);
	assert_string_equal(err.object, "classifier rule 7");
	rules[7].service_id = 8;
	assert_true(dp_classes_same(handle, rules, SAN_MAX_CLASSES));
	free(rules);
}

/* --- how full, events ----------------------------------------------------------------------------
 */

static void check_used(uint64_t services, uint64_t local, uint64_t slots, uint64_t nexthops)
{
	assert_int_equal(used(SAN_MAP_SERVICES), services);
	assert_int_equal(used(SAN_MAP_LOCAL), local);
	assert_int_equal(used(SAN_MAP_SLOTS), slots);
	assert_int_equal(used(SAN_MAP_NEXTHOPS), nexthops);
}

static void test_fill(void **state)
{
	struct san_service svc = {.mode = SAN_MODE_PREFERRED, .nexthop = 3};
	struct san_service wide = {.mode = SAN_MODE_BALANCED, .slot_bits = 8};
	struct san_nexthop nh = t_nexthop(1, SAN_ENCAP_RED, 0), none = {0};

	assert_int_equal(room(SAN_MAP_SERVICES), 8);
	assert_int_equal(room(SAN_MAP_NEXTHOPS), 7);
	assert_int_equal(room(SAN_MAP_SLOTS), SLOTS);
	assert_int_equal(room(SAN_MAP_SIDS), SAN_DEFAULT_SIDS);
	assert_int_equal(room(SAN_MAP_IFACES), 2);
	assert_int_equal(room(SAN_MAP_CLASSES), SAN_CLASS_ENTRIES);
	assert_int_equal(dp_map_fill(handle, SAN_MAP_MAX, NULL, NULL), -EINVAL);
	check_used(0, 0, 0, 0);
	assert_int_equal(dp_service_put(handle, false, 1, &svc), 0);
	assert_int_equal(dp_service_put(handle, false, 1, &svc), 0);
	assert_int_equal(dp_service_put(handle, false, 2, &wide), 0);
	assert_int_equal(dp_service_put(handle, true, 2, &wide), 0);
	assert_int_equal(dp_nexthop_put(handle, 3, &nh), 0);
	assert_int_equal(dp_nexthop_put(handle, 3, &nh), 0);
	check_used(2, 1, 512, 1);
	wide.slot_bits = 7;
	assert_int_equal(dp_service_put(handle, true, 2, &wide), 0);
	assert_int_equal(dp_service_put(handle, false, 2, &svc), 0);
	check_used(2, 1, 128, 1);
	reopen(); /* counted from the maps */
	check_used(2, 1, 128, 1);
	assert_int_equal(dp_service_del(handle, false, 1), 0);
	assert_int_equal(dp_service_del(handle, false, 1), -ENOENT);
	assert_int_equal(dp_service_del(handle, true, 2), 0);
	assert_int_equal(dp_nexthop_put(handle, 3, &none), 0);
	check_used(1, 0, 0, 0);
}

static void on_event(void *arg, const struct san_event *event)
{
	unsigned int *n = arg;

	assert_int_equal(event->kind, SAN_EVENT_SAMPLE);
	assert_int_equal(event->reason, SAN_R_NO_ROLE);
	assert_int_equal(event->len, 60);
	++*n;
}

/* lo has no role here; every packet that is not steered is an event. Asked for more than once,
 * since one round takes only so many. */
static void test_events(void **state)
{
	uint8_t data[60] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = sizeof(data),
		    .repeat = 600);
	struct san_domain d = {.sample = 1};
	struct pollfd poller = {.fd = dp_events_fd(handle), .events = POLLIN};
	unsigned int n = 0, rounds = 0;
	int r;

	assert_true(poller.fd >= 0);
	assert_int_equal(poll(&poller, 1, 0), 0);
	assert_int_equal(dp_events_read(handle, on_event, &n), 0);
	assert_int_equal(dp_domain_set(handle, &d), 0);
	assert_int_equal(bpf_prog_test_run_opts(dp_prog_fd(handle, SAN_ROLE_INGRESS), &opts), 0);
	for (; poll(&poller, 1, 0) == 1; rounds++) {
		r = dp_events_read(handle, on_event, &n);
		assert_true(r > 0);
	}
	assert_int_equal(n, 600);
	assert_int_equal(rounds, 3);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_slots),		 T(test_classes),
		T(test_classes_same),	 T(test_fill),
		T(test_events),		 T(test_slots_limits),
		T(test_balanced_limits), T(test_scopes),
		T(test_direct),		 T(test_sids),
		T(test_sids_refused),	 T(test_sids_full),
		T(test_domain),		 T(test_classes_leftovers),
		T(test_classes_full),
	};

	return t_can_run() ? P_RUN(tests, 5) : 0;
}
