/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many entries in one system call: walks that go on later, writes of a batch. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "dp/priv.h"

/* Next entries of a hash: *n of them. 1: there are more. The kernel's token is a bucket: entries
 * that come and go meanwhile neither end nor repeat the walk. */
static int step(int fd, struct dp_walk *walk, void *keys, void *vals, uint32_t *n)
{
	uint32_t token;
	int r;

	*n = DP_WALK_BATCH;
	r = bpf_map_lookup_batch(fd, walk->begun ? &walk->token : NULL, &token, keys, vals, n,
				 NULL);
	if (r && errno != ENOENT) { /* which is the end */
		*n = 0;
		return -errno;
	}
	walk->begun = true;
	walk->token = token;
	return r ? 0 : 1;
}

int dp_service_walk(const struct dp *dp, bool local, struct dp_walk *walk,
		    int (*fn)(void *, uint64_t, const struct san_service *), void *arg)
{
	struct san_service_key keys[DP_WALK_BATCH];
	struct san_service vals[DP_WALK_BATCH];
	uint32_t n;
	int more = step(dp->map_fd[local ? DP_MAP_LOCAL : DP_MAP_SERVICES], walk, keys, vals, &n);
	int r = 0;

	for (uint32_t i = 0; !r && i < n; i++)
		r = fn(arg, keys[i].service_id, &vals[i]);
	return r ? r : more;
}

int dp_sid_walk(const struct dp *dp, struct dp_walk *walk,
		int (*fn)(void *, const struct in6_addr *, const struct san_sid *), void *arg)
{
	struct san_sid_key keys[DP_WALK_BATCH];
	struct san_sid vals[DP_WALK_BATCH];
	uint32_t n;
	int more = step(dp->map_fd[DP_MAP_SIDS], walk, keys, vals, &n);
	int r = 0;

	for (uint32_t i = 0; !r && i < n; i++) {
		struct in6_addr addr;

		memcpy(&addr, &keys[i], sizeof(addr));
		r = fn(arg, &addr, &vals[i]);
	}
	return r ? r : more;
}

/* A kernel that cannot do it at once, or the entry that fails: one by one. */
static int put_single(int fd, struct dp_services *s, uint32_t from)
{
	for (s->failed = from; s->failed < s->n; s->failed++) {
		if (bpf_map_update_elem(fd, &s->ids[s->failed], &s->vals[s->failed], BPF_ANY))
			return dp_map_errno();
	}
	return 0;
}

int dp_services_put(struct dp *dp, bool local, struct dp_services *s)
{
	int fd = dp->map_fd[local ? DP_MAP_LOCAL : DP_MAP_SERVICES], r = 0;
	enum san_map map = local ? SAN_MAP_LOCAL : SAN_MAP_SERVICES;
	uint32_t done = s->n;

	_Static_assert(sizeof(struct san_service_key) == sizeof(*s->ids), "an ID is the key");
	for (s->failed = 0; s->failed < s->n; s->failed++)
		if (!s->ids[s->failed] || !dp_service_valid(dp, &s->vals[s->failed]))
			return -EINVAL;
	if (s->n < 2 || (bpf_map_update_batch(fd, s->ids, s->vals, &done, NULL) && done >= s->n))
		done = 0; /* refused as a whole */
	r = put_single(fd, s, done);
	if (r) { /* some may be new: counted when somebody asks */
		dp->used[map] = dp->used[SAN_MAP_SLOTS] = DP_UNKNOWN;
		return r;
	}
	dp_used_add(dp, map, s->added);
	dp_used_add(dp, SAN_MAP_SLOTS, s->slots);
	return 0;
}
