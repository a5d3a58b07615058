/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libtest.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <san/msg.h>

#include "util/log.h"

bool t_can_run(void)
{
	if (geteuid() == 0)
		return true;
	printf("1..0 # SKIP needs root: loads BPF programs\n");
	return false;
}

static void fail_err(const char *what, const struct err *err)
{
	char text[512];

	fail_msg("%s: %s", what, err_text(err, text, sizeof(text)));
}

static void mount_bpffs(void)
{
	struct statfs fs;

	if (!statfs("/sys/fs/bpf", &fs) && fs.f_type == BPF_FS_MAGIC)
		return;
	assert_int_equal(mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL), 0);
}

int t_open(void **state)
{
	const struct san_profile exp1 = SAN_PROFILE_EXP1;
	struct t_env *env = calloc(1, sizeof(*env));
	struct err err;

	log_init("test", LOG_WARNING);
	snprintf(env->pin_dir, sizeof(env->pin_dir), "/sys/fs/bpf/sand-test-%d", getpid());
	env->conf = (struct dp_conf){.pin_dir = env->pin_dir,
				     .profile = exp1,
				     .max_services = 16,
				     .max_nexthops = 16,
				     .max_flows = 1024,
				     .max_ifaces = 8,
				     .max_slots = T_SLOTS,
				     .max_frags = 1024};
	env->program = SAN_ROLE_INGRESS;
	*state = env;
	mount_bpffs();
	if (dp_open(&env->conf, &env->dp, &err))
		fail_err("dp_open", &err);
	return 0;
}

int t_close(void **state)
{
	struct t_env *env = *state;

	dp_close(env->dp);
	assert_int_equal(dp_unload(env->pin_dir), 0);
	free(env);
	return 0;
}

int t_map_fd(const struct t_env *env, const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/maps/%s", env->pin_dir, name);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	return fd;
}

void t_profile(struct t_env *env, const struct san_profile *profile)
{
	struct err err;

	dp_close(env->dp);
	env->dp = NULL;
	env->conf.profile = *profile;
	if (dp_open(&env->conf, &env->dp, &err))
		fail_err("dp_open", &err);
}

static void put_iface(struct t_env *env, const struct san_iface *iface)
{
	uint32_t key = T_IFINDEX;
	int ifaces = t_map_fd(env, "san_ifaces"), tx = t_map_fd(env, "san_tx");

	assert_int_equal(bpf_map_update_elem(ifaces, &key, iface, BPF_ANY), 0);
	assert_int_equal(bpf_map_update_elem(tx, &key, &key, BPF_ANY), 0);
	close(ifaces);
	close(tx);
}

/* Written directly: attaching a program to the machine's lo is not wanted here. */
void t_role(struct t_env *env, enum san_role role, uint8_t policy)
{
	t_group(env, role, policy, 0);
}

void t_group(struct t_env *env, enum san_role role, uint8_t policy, uint8_t group)
{
	struct san_iface iface = {.mac = {2, 1, 1, 1, 1, 1},
				  .role = role,
				  .policy = policy,
				  .group = group,
				  .row = T_ROW};

	put_iface(env, &iface);
}

void t_service(struct t_env *env, uint64_t id, const struct san_service *val)
{
	struct san_service copy = *val;

	if (!copy.groups)
		copy.groups = 1;
	assert_int_equal(dp_service_put(env->dp, false, id, &copy), 0);
}

void t_domain(struct t_env *env, const struct san_domain *domain)
{
	assert_int_equal(dp_domain_set(env->dp, domain), 0);
}

void t_classes(struct t_env *env, const struct san_msg_class *rules, unsigned int n)
{
	struct err err;

	if (dp_classes_set(env->dp, rules, n, &err))
		fail_err("dp_classes_set", &err);
}

void t_prefix(struct san_prefix *out, const char *address, unsigned int len)
{
	uint8_t bytes[16] = {0}, mask[16] = {0};
	unsigned int i;

	assert_int_equal(inet_pton(AF_INET6, address, bytes), 1);
	for (i = 0; i < len; i++)
		mask[i / 8] |= 0x80 >> i % 8;
	for (i = 0; i < 16; i++)
		bytes[i] &= mask[i];
	memcpy(out->addr, bytes, 16);
	memcpy(out->mask, mask, 16);
}

struct san_nexthop t_nexthop(unsigned int n_segs, int encap, uint8_t hop_limit)
{
	struct in6_addr segs[SAN_MAX_SEGS];
	struct dp_outer outer = {.segs = segs, .n_segs = n_segs, .encap = encap};
	struct san_nexthop nh = {.dst_mac = {2, 0xdd, 1, 2, 3, 4},
				 .src_mac = {2, 0x55, 6, 7, 8, 9},
				 .ifindex = T_IFINDEX,
				 .mtu = 1500,
				 .epoch = 1,
				 .families = SAN_NH_IP6 | SAN_NH_IP4};
	char text[32];
	unsigned int i;

	outer.hop_limit = hop_limit;
	inet_pton(AF_INET6, "2001:db8:e::1", &outer.source);
	for (i = 0; i < n_segs && i < SAN_MAX_SEGS; i++) {
		snprintf(text, sizeof(text), "fc00:%x::1", i + 1);
		inet_pton(AF_INET6, text, &segs[i]);
	}
	assert_int_equal(dp_outer_build(&outer, &nh), 0);
	nh.kind = SAN_NH_SRV6;
	return nh;
}

void t_put_nexthop(struct t_env *env, uint32_t index, const struct san_nexthop *nh)
{
	assert_int_equal(dp_nexthop_put(env->dp, index, nh), 0);
}

void t_clear(const struct t_env *env, const char *map)
{
	union {
		struct san_flow_key flow;
		struct san_frag_key frag;
		__be32 source[4];
	} key;
	int fd = t_map_fd(env, map);

	while (!bpf_map_get_next_key(fd, NULL, &key))
		bpf_map_delete_elem(fd, &key);
	close(fd);
}

unsigned int t_flow_count(const struct t_env *env)
{
	struct san_flow_key key, next;
	int fd = t_map_fd(env, "san_flows");
	unsigned int n = 0;
	void *at = NULL;

	while (!bpf_map_get_next_key(fd, at, &next)) {
		key = next;
		at = &key;
		n++;
	}
	close(fd);
	return n;
}

static int each_delete(void *arg, uint64_t id, const struct san_service *val)
{
	(void)val;
	return dp_service_del(arg, false, id);
}

static void nexthops_clear(struct t_env *env)
{
	const struct san_nexthop unused = {0};
	uint32_t i;

	for (i = 1; i < dp_nexthop_max(env->dp); i++) {
		t_put_nexthop(env, i, &unused);
		assert_int_equal(dp_nh_stats_clear(env->dp, i), 0);
	}
}

int t_reset(void **state)
{
	struct t_env *env = *state;
	const struct san_profile exp1 = SAN_PROFILE_EXP1;
	const struct san_domain nothing = {0};
	struct san_nexthop nh = t_nexthop(1, SAN_ENCAP_RED, 0);
	struct san_service svc = {
		.nexthop = T_NH, .stats = T_SVC_STATS, .mode = SAN_MODE_PREFERRED, .generation = 1};

	if (memcmp(&env->conf.profile, &exp1, sizeof(exp1)))
		t_profile(env, &exp1);
	assert_int_equal(dp_service_each(env->dp, false, each_delete, env->dp), 0);
	nexthops_clear(env);
	t_clear(env, "san_flows");
	t_clear(env, "san_frags");
	t_clear(env, "san_buckets");
	t_domain(env, &nothing);
	t_classes(env, NULL, 0);
	env->program = SAN_ROLE_INGRESS;
	assert_int_equal(dp_svc_stats_clear(env->dp, T_SVC_STATS), 0);
	t_put_nexthop(env, T_NH, &nh);
	t_service(env, T_SERVICE, &svc);
	t_role(env, SAN_ROLE_INGRESS, 0);
	return 0;
}

const char *t_reason_name(enum san_reason reason)
{
	static const char *const names[] = {
#define X(name, text, verdict, why) [SAN_R_##name] = text,
		SAN_REASONS(X)
#undef X
	};

	return reason < SAN_R_MAX ? names[reason] : "?";
}

/* --- packets --------------------------------------------------------------------------------- */

void t_bytes(struct t_pkt *pkt, const void *bytes, size_t len)
{
	assert_true(pkt->len + len <= sizeof(pkt->data));
	memcpy(pkt->data + pkt->len, bytes, len);
	pkt->len += len;
}

void t_zeros(struct t_pkt *pkt, size_t len)
{
	assert_true(pkt->len + len <= sizeof(pkt->data));
	memset(pkt->data + pkt->len, 0, len);
	pkt->len += len;
}

void t_begin(struct t_pkt *pkt)
{
	static const uint8_t head[T_EXT_AT] = {
		2,    1,    1,	  1,	1, 1,	2,  2,	2, 2, 2, 2, 0x86, 0xdd, /* Ethernet */
		0x6b, 0x92, 0x34, 0x56, 0, 0,	59, 64, /* version, class, label; hop limit */
		0x20, 1,    0xd,  0xb8, 0, 0xc, 0,  0,	0, 0, 0, 0, 0,	  0,
		0,    2, /* source */
		0x20, 1,    0xd,  0xb8, 0, 5,	0,  0,	0, 0, 0, 0, 0,	  0,
		1,    1}; /* destination */

	pkt->len = 0;
	t_bytes(pkt, head, sizeof(head));
	pkt->next_at = T_IP6_AT + 6;
}

void t_header(struct t_pkt *pkt, uint8_t type, const void *bytes, size_t len)
{
	pkt->data[pkt->next_at] = type;
	pkt->next_at = pkt->len;
	t_bytes(pkt, bytes, len);
}

void t_doh_san(struct t_pkt *pkt, uint64_t id)
{
	uint8_t doh[16] = {59, 1, SAN_OPT_TYPE, SAN_HDR_LEN, SAN_VERSION << 4};
	int i;

	for (i = 0; i < 8; i++)
		doh[8 + i] = id >> (56 - 8 * i);
	t_header(pkt, 60, doh, sizeof(doh));
}

void t_udp(struct t_pkt *pkt, size_t payload)
{
	const uint16_t udp[4] = {htons(40000), htons(53), htons(8 + payload), 0xffff};

	pkt->data[pkt->next_at] = 17;
	t_bytes(pkt, udp, sizeof(udp));
	while (payload--)
		t_bytes(pkt, "p", 1);
}

void t_end(struct t_pkt *pkt)
{
	size_t payload = pkt->len - T_EXT_AT;

	pkt->data[T_IP6_AT + 4] = payload >> 8;
	pkt->data[T_IP6_AT + 5] = payload;
}

void t_begin4(struct t_pkt *pkt, uint8_t proto, uint16_t place)
{
	const uint8_t head[34] = {2,	1,    1,   1,  1,    1,	   2,	       2,     2,   2,
				  2,	2,    8,   0, /* Ethernet */
				  0x45, 0xb9, 0,   0,  0x12, 0x34, place >> 8, place, 64,  proto,
				  0,	0,    198, 51, 100,  2,	   203,	       0,     113, 101};

	pkt->len = 0;
	t_bytes(pkt, head, sizeof(head));
	pkt->next_at = T_IP6_AT + 9;
}

uint16_t t_sum(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < len; i += 2)
		sum += data[i] << 8 | (i + 1 < len ? data[i + 1] : 0);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

void t_end4(struct t_pkt *pkt)
{
	uint8_t *ip = pkt->data + T_IP6_AT;
	size_t len = pkt->len - T_IP6_AT;
	uint16_t sum;

	ip[2] = len >> 8;
	ip[3] = len;
	ip[10] = ip[11] = 0;
	sum = t_sum(ip, (ip[0] & 0xf) * 4);
	ip[10] = sum >> 8;
	ip[11] = sum;
}

void t_client(struct t_pkt *pkt, size_t payload)
{
	t_begin(pkt);
	t_doh_san(pkt, T_SERVICE);
	t_udp(pkt, payload);
	t_end(pkt);
}

/* --- running --------------------------------------------------------------------------------- */

void t_counters(const struct t_env *env, struct san_counter c[SAN_R_MAX])
{
	int cpu, cpus = libbpf_num_possible_cpus(), fd = t_map_fd(env, "san_reasons");
	struct san_counter *cell = calloc(cpus, sizeof(*cell));
	uint32_t r, row, key;

	assert_non_null(cell);
	memset(c, 0, SAN_R_MAX * sizeof(*c));
	for (r = 0; r < SAN_R_MAX; r++) {
		for (row = 0; row <= T_ROW; row++) {
			key = row * SAN_REASON_ROW + r;
			assert_int_equal(bpf_map_lookup_elem(fd, &key, cell), 0);
			for (cpu = 0; cpu < cpus; cpu++) {
				c[r].packets += cell[cpu].packets;
				c[r].bytes += cell[cpu].bytes;
			}
		}
	}
	free(cell);
	close(fd);
}

/* The one reason that counted this packet. */
static enum san_reason counted(const struct t_env *env, const struct san_counter *before,
			       size_t len)
{
	struct san_counter now[SAN_R_MAX];
	enum san_reason found = SAN_R_MAX;
	int r;

	t_counters(env, now);
	for (r = 0; r < SAN_R_MAX; r++) {
		if (now[r].packets == before[r].packets)
			continue;
		assert_int_equal(found, SAN_R_MAX);
		assert_int_equal(now[r].packets - before[r].packets, 1);
		assert_int_equal(now[r].bytes - before[r].bytes, len);
		found = r;
	}
	assert_int_not_equal(found, SAN_R_MAX);
	return found;
}

void t_run(struct t_env *env, const struct t_pkt *pkt, struct t_out *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = pkt->data, .data_size_in = pkt->len,
		    .data_out = out->data, .data_size_out = sizeof(out->data), .repeat = 1);
	struct san_counter before[SAN_R_MAX];

	t_counters(env, before);
	assert_int_equal(bpf_prog_test_run_opts(dp_prog_fd(env->dp, env->program), &opts), 0);
	out->action = opts.retval;
	out->len = opts.data_size_out;
	out->reason = counted(env, before, pkt->len);
	env->hits[out->reason]++;
}

void t_expect(struct t_env *env, const struct t_pkt *pkt, enum san_reason reason, int action)
{
	struct t_out out;

	t_run(env, pkt, &out);
	if (out.reason != reason)
		fail_msg("reason is %s, must be %s", t_reason_name(out.reason),
			 t_reason_name(reason));
	assert_int_equal(out.action, action);
	if (action == XDP_REDIRECT || action == XDP_TX)
		return;
	assert_int_equal(out.len, pkt->len);
	assert_memory_equal(out.data, pkt->data, pkt->len);
}
