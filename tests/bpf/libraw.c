/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libraw.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define SMALL 64 /* entries of a map that is larger by default */
#define MAX_CPUS 1024

bool r_can_run(void)
{
	if (geteuid() == 0)
		return true;
	printf("1..0 # SKIP needs root: loads BPF programs\n");
	return false;
}

void r_ip(const char *lines)
{
	FILE *ip = popen("ip -batch - >&2", "w");

	assert_non_null(ip);
	fputs(lines, ip);
	assert_int_equal(pclose(ip), 0);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

void r_namespace(struct r_env *env)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	write_file("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	write_file("/proc/sys/net/ipv6/conf/all/forwarding", "1");
	write_file("/proc/sys/net/ipv6/conf/default/forwarding", "1");
	write_file("/proc/sys/net/ipv4/ip_forward", "1");
	r_ip("link set lo up\n"
	     "link add core0 mtu 2000 address 02:01:01:01:01:01 type veth peer name peer0 mtu "
	     "2000\n"
	     "link set core0 up\n"
	     "link set peer0 up\n");
	env->ifindex = if_nametoindex("lo");
	env->out = if_nametoindex("core0");
}

/* --- programs and maps ------------------------------------------------------------------------ */

static int on_event(void *arg, void *data, size_t len)
{
	struct r_env *env = arg;

	assert_int_equal(len, sizeof(env->event));
	memcpy(&env->event, data, sizeof(env->event));
	env->n_events++;
	return 0;
}

static void shrink_maps(struct bpf_object *obj)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj)
	{
		if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF || bpf_map__is_internal(map) ||
		    !strcmp(bpf_map__name(map), "san_ifaces") ||
		    !strcmp(bpf_map__name(map), "san_reasons"))
			continue;
		if (bpf_map__max_entries(map) > SMALL)
			assert_int_equal(bpf_map__set_max_entries(map, SMALL), 0);
	}
}

void r_load(struct r_env *env, const char *object, const char *prog)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};

	setrlimit(RLIMIT_MEMLOCK, &unlimited); /* before Linux 5.11 */
	env->obj = bpf_object__open_file(object, NULL);
	assert_non_null(env->obj);
	shrink_maps(env->obj);
	assert_int_equal(bpf_object__load(env->obj), 0);
	env->prog = bpf_program__fd(bpf_object__find_program_by_name(env->obj, prog));
	assert_true(env->prog >= 0);
	env->ring = ring_buffer__new(r_map(env, "san_events"), on_event, env, NULL);
	assert_non_null(env->ring);
}

void r_unload(struct r_env *env)
{
	ring_buffer__free(env->ring);
	bpf_object__close(env->obj);
}

int r_map(const struct r_env *env, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(env->obj, name);

	if (fd < 0)
		fail_msg("no map %s", name);
	return fd;
}

void r_put(const struct r_env *env, const char *map, const void *key, const void *value)
{
	assert_int_equal(bpf_map_update_elem(r_map(env, map), key, value, BPF_ANY), 0);
}

void r_clear(const struct r_env *env, const char *map)
{
	uint8_t key[64];
	int fd = r_map(env, map);

	while (!bpf_map_get_next_key(fd, NULL, key))
		assert_int_equal(bpf_map_delete_elem(fd, key), 0);
}

void r_role(const struct r_env *env, enum san_role role, uint8_t policy)
{
	const struct san_iface iface = {
		.mac = {2, 1, 1, 1, 1, 1}, .role = role, .policy = policy, .row = R_ROW};

	r_put(env, "san_ifaces", &env->ifindex, &iface);
	r_put(env, "san_tx", &env->ifindex, &env->ifindex);
	r_put(env, "san_tx", &env->out, &env->out);
}

void r_domain(const struct r_env *env, const struct san_domain *domain)
{
	const uint32_t zero = 0;

	r_put(env, "san_domain", &zero, domain);
}

static struct san_counter counter(const struct r_env *env, const char *map, uint32_t index)
{
	int n = libbpf_num_possible_cpus(), i;
	struct san_counter values[MAX_CPUS], sum = {0};

	assert_in_range(n, 1, MAX_CPUS);
	assert_int_equal(bpf_map_lookup_elem(r_map(env, map), &index, values), 0);
	for (i = 0; i < n; i++) {
		sum.packets += values[i].packets;
		sum.bytes += values[i].bytes;
	}
	return sum;
}

uint64_t r_packets(const struct r_env *env, const char *map, uint32_t index)
{
	return counter(env, map, index).packets;
}

/* --- packets ------------------------------------------------------------------------------------
 */

struct in6_addr r_addr(const char *text)
{
	struct in6_addr addr = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	if (strchr(text, ':'))
		assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
	else
		assert_int_equal(inet_pton(AF_INET, text, &addr.s6_addr[12]), 1);
	return addr;
}

void r_bytes(struct r_pkt *pkt, const void *bytes, size_t len)
{
	assert_true(pkt->len + len <= sizeof(pkt->data));
	memcpy(pkt->data + pkt->len, bytes, len);
	pkt->len += len;
}

void r_eth(struct r_pkt *pkt, uint16_t type)
{
	const uint8_t macs[12] = {2, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2};

	pkt->len = 0;
	type = htons(type);
	r_bytes(pkt, macs, sizeof(macs));
	r_bytes(pkt, &type, sizeof(type));
}

size_t r_ip6(struct r_pkt *pkt, const char *src, const char *dst, uint8_t next)
{
	const uint8_t head[8] = {0x6b, 0x92, 0x34, 0x56, 0, 0, next, 64};
	const struct in6_addr from = r_addr(src), to = r_addr(dst);
	size_t at = pkt->len;

	r_bytes(pkt, head, sizeof(head));
	r_bytes(pkt, &from, 16);
	r_bytes(pkt, &to, 16);
	return at;
}

void r_end6(struct r_pkt *pkt, size_t at)
{
	size_t payload = pkt->len - at - R_IP6;

	pkt->data[at + 4] = payload >> 8;
	pkt->data[at + 5] = payload;
}

static void put_udp(struct r_pkt *pkt, size_t payload)
{
	const uint16_t udp[4] = {htons(40000), htons(53), htons(8 + payload), 0xffff};
	uint8_t byte;
	size_t i;

	r_bytes(pkt, udp, sizeof(udp));
	for (i = 0; i < payload; i++) {
		byte = i * 7 + 1;
		r_bytes(pkt, &byte, 1);
	}
}

void r_udp6(struct r_pkt *pkt, const char *src, const char *dst, size_t payload)
{
	size_t at = r_ip6(pkt, src, dst, 17);

	put_udp(pkt, payload);
	r_end6(pkt, at);
}

void r_san6(struct r_pkt *pkt, const char *src, const char *dst, uint64_t service)
{
	uint8_t doh[16] = {17, 1, 0x1e, 12, 0x10};
	size_t at = r_ip6(pkt, src, dst, 60);
	int i;

	for (i = 0; i < 8; i++)
		doh[8 + i] = service >> (56 - 8 * i);
	r_bytes(pkt, doh, sizeof(doh));
	put_udp(pkt, 20);
	r_end6(pkt, at);
}

void r_udp4(struct r_pkt *pkt, const char *src, const char *dst, size_t payload)
{
	const uint16_t len = 28 + payload;
	const uint8_t head[12] = {0x45, 0xb9, len >> 8, len, 0x12, 0x34, 0x40, 0, 64, 17};
	const struct in6_addr from = r_addr(src), to = r_addr(dst);
	size_t at = pkt->len;
	uint16_t sum;

	r_bytes(pkt, head, sizeof(head));
	r_bytes(pkt, &from.s6_addr[12], 4);
	r_bytes(pkt, &to.s6_addr[12], 4);
	sum = htons(r_sum(pkt->data + at, 20, 0));
	memcpy(pkt->data + at + 10, &sum, 2);
	put_udp(pkt, payload);
}

uint16_t r_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	size_t i;

	for (i = 0; i < len; i++)
		sum += i % 2 ? p[i] : p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* --- running ------------------------------------------------------------------------------------
 */

const char *r_reason_name(enum san_reason reason)
{
	static const char *const names[] = {
#define X(name, text, verdict, why) [SAN_R_##name] = text,
		SAN_REASONS(X)
#undef X
	};

	return reason < SAN_R_MAX ? names[reason] : "?";
}

static void counters(const struct r_env *env, struct san_counter c[2 * SAN_R_MAX])
{
	int r;

	for (r = 0; r < SAN_R_MAX; r++) {
		c[r] = counter(env, "san_reasons", R_ROW * SAN_REASON_ROW + r);
		c[SAN_R_MAX + r] = counter(env, "san_reasons", r);
	}
}

/* The one reason that counted this packet, in the interface's row or in row 0. */
static enum san_reason counted(const struct r_env *env, const struct san_counter *before,
			       size_t len)
{
	struct san_counter now[2 * SAN_R_MAX];
	int found = -1, r;

	counters(env, now);
	for (r = 0; r < 2 * SAN_R_MAX; r++) {
		if (now[r].packets == before[r].packets)
			continue;
		assert_int_equal(found, -1);
		assert_int_equal(now[r].packets - before[r].packets, 1);
		assert_int_equal(now[r].bytes - before[r].bytes, len);
		found = r;
	}
	assert_int_not_equal(found, -1);
	assert_int_equal(found >= SAN_R_MAX, found == SAN_R_MAX + SAN_R_NO_ROLE);
	return found % SAN_R_MAX;
}

void r_run(struct r_env *env, const struct r_pkt *pkt, struct r_out *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = pkt->data, .data_size_in = pkt->len,
		    .data_out = out->data, .data_size_out = sizeof(out->data), .repeat = 1);
	struct san_counter before[2 * SAN_R_MAX];

	counters(env, before);
	assert_int_equal(bpf_prog_test_run_opts(env->prog, &opts), 0);
	out->action = opts.retval;
	out->len = opts.data_size_out;
	out->reason = counted(env, before, pkt->len);
	env->hits[out->reason]++;
	env->n_events = 0;
	ring_buffer__consume(env->ring);
}

void r_expect(struct r_env *env, const struct r_pkt *pkt, enum san_reason reason, int action)
{
	struct r_out out;

	r_run(env, pkt, &out);
	if (out.reason != reason)
		fail_msg("reason is %s, must be %s", r_reason_name(out.reason),
			 r_reason_name(reason));
	assert_int_equal(out.action, action);
	if (action != XDP_PASS && action != XDP_DROP)
		return;
	assert_int_equal(out.len, pkt->len);
	assert_memory_equal(out.data, pkt->data, pkt->len);
}
