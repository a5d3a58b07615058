/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The classifier's entries in the maps: beside those in force, flip, remove the others. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "dp/classes.h"
#include "dp/priv.h"
#include "util/log.h"
#include "util/own.h"

#define KEY_MAX 32 /* bytes of the longest key */
#define GRACE_NS 50000000

struct dp_classes {
	unsigned int n;			 /* rules as they were handed in */
	bool clean;			 /* no entries of another set */
	bool known;			 /* acts[] is */
	uint64_t acts[SAN_MAX_ACTS + 1]; /* in force, as in struct classes */
};

/* One of the maps, with the entries that it shall have. */
struct table {
	enum dp_map map;
	const void *entries;
	unsigned int n;
	uint32_t entry, key_len, value_at, value_len, set_at;
};

#define TABLES 4

static void tables_of(const struct classes *c, struct table out[TABLES])
{
	const struct table src = {.map = DP_MAP_CLASS_SRC,
				  .entries = c->src,
				  .n = c->n_src,
				  .entry = sizeof(struct classes_prefix),
				  .key_len = sizeof(struct san_class_prefix),
				  .value_at = offsetof(struct classes_prefix, class),
				  .value_len = sizeof(__u32),
				  .set_at = offsetof(struct san_class_prefix, set)};
	struct table dst = src;

	dst.map = DP_MAP_CLASS_DST;
	dst.entries = c->dst;
	dst.n = c->n_dst;
	out[0] = src;
	out[1] = dst;
	out[2] = (struct table){.map = DP_MAP_CLASS_PAIRS,
				.entries = c->pairs,
				.n = c->n_pairs,
				.entry = sizeof(struct classes_pair),
				.key_len = sizeof(struct san_class_pair_key),
				.value_at = offsetof(struct classes_pair, val),
				.value_len = sizeof(struct san_class_pair),
				.set_at = offsetof(struct san_class_pair_key, set)};
	out[3] = (struct table){.map = DP_MAP_CLASS_RULES,
				.entries = c->rules,
				.n = c->n_rules,
				.entry = sizeof(struct classes_rule),
				.key_len = sizeof(struct san_class_rule_key),
				.value_at = offsetof(struct classes_rule, val),
				.value_len = sizeof(struct san_class_rule),
				.set_at = offsetof(struct san_class_rule_key, set)};
}

static const uint8_t *entry_at(const struct table *t, unsigned int i)
{
	return (const uint8_t *)t->entries + (size_t)i * t->entry;
}

static uint32_t set_of(const struct table *t, const uint8_t *key)
{
	uint32_t set;

	memcpy(&set, key + t->set_at, sizeof(set));
	return set;
}

static int table_write(const struct dp *dp, const struct table *t)
{
	unsigned int i;

	for (i = 0; i < t->n; i++) {
		const uint8_t *entry = entry_at(t, i);

		if (bpf_map_update_elem(dp->map_fd[t->map], entry, entry + t->value_at, BPF_ANY))
			return dp_map_errno();
	}
	return 0;
}

/* Counts the keys of a set, and all. */
static void table_count(const struct dp *dp, const struct table *t, uint32_t set, unsigned int *own,
			unsigned int *all)
{
	uint64_t key[KEY_MAX / 8], *at = NULL;

	*own = *all = 0;
	for (; !bpf_map_get_next_key(dp->map_fd[t->map], at, key); at = key) {
		*own += set_of(t, (uint8_t *)key) == set;
		++*all;
	}
}

/* Collected first: a walk that deletes would start again and again. */
static int table_purge(const struct dp *dp, const struct table *t, uint32_t keep)
{
	uint64_t key[KEY_MAX / 8], *at = NULL;
	uint32_t room = dp_map_entries(&dp->conf, t->map), n = 0, i;
	OWN_PTR uint8_t *keys = malloc((size_t)room * t->key_len);

	if (!keys)
		return -ENOMEM;
	for (; n < room && !bpf_map_get_next_key(dp->map_fd[t->map], at, key); at = key)
		if (set_of(t, (uint8_t *)key) != keep)
			memcpy(keys + (size_t)n++ * t->key_len, key, t->key_len);
	for (i = 0; i < n; i++)
		if (bpf_map_delete_elem(dp->map_fd[t->map], keys + (size_t)i * t->key_len) &&
		    errno != ENOENT)
			return -errno;
	return 0;
}

static int purge(const struct dp *dp, uint32_t keep)
{
	const struct classes none = {0};
	struct table tables[TABLES];
	int i, r = 0;

	tables_of(&none, tables);
	for (i = 0; i < TABLES && !r; i++)
		r = table_purge(dp, &tables[i], keep);
	return r;
}

/* Until every packet that has read the number of the old set is through. A global memory barrier
 * waits for all programs that run. */
static void grace(void)
{
	const struct timespec pause = {.tv_nsec = GRACE_NS};

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		nanosleep(&pause, NULL);
}

unsigned int dp_class_set(const struct dp *dp)
{
	struct san_domain domain;

	return dp_domain_get(dp, &domain) ? 0 : domain.class_set;
}

static int flip(const struct dp *dp, uint32_t set)
{
	struct san_domain domain;
	uint32_t zero = 0;
	int r = dp_domain_get(dp, &domain);

	if (r)
		return r;
	domain.class_set = set;
	return bpf_map_update_elem(dp->map_fd[DP_MAP_DOMAIN], &zero, &domain, BPF_ANY) ? -errno : 0;
}

static int write_set(const struct dp *dp, const struct classes *c, uint32_t set)
{
	struct table tables[TABLES];
	int i, r = 0;

	tables_of(c, tables);
	for (i = 0; i < TABLES && !r; i++)
		r = table_write(dp, &tables[i]);
	return r ? r : flip(dp, set);
}

static struct dp_classes *state(struct dp *dp)
{
	if (!dp->classes)
		dp->classes = calloc(1, sizeof(*dp->classes));
	return dp->classes;
}

/* Acts that an earlier process brought into force, too. */
static int acts_begin(struct dp *dp, const struct classes *c, uint32_t old)
{
	struct dp_classes *s = dp->classes;
	int r = s->known ? 0 : dp_acts_read(dp, old, s->acts);

	s->known = !r;
	return r ? r : dp_acts_begin(dp, s->acts, c->acts);
}

static void acts_end(struct dp *dp, const struct classes *c)
{
	struct dp_classes *s = dp->classes;

	if (dp_acts_end(dp, s->acts, c->acts))
		log_warn("meters not written", "text=\"the next audit tries again\"");
	memcpy(s->acts, c->acts, sizeof(s->acts));
}

static uint32_t set_after(uint32_t set)
{
	return set + 1 ? set + 1 : 1;
}

/* The entries that c holds come into force; with none of them class_set becomes 0. */
static int replace(struct dp *dp, const struct classes *c, uint32_t old, uint32_t set)
{
	struct dp_classes *s = state(dp);
	int r = 0;

	if (!s)
		return -ENOMEM;
	if (!s->clean)
		r = purge(dp, old);
	s->clean = false;
	if (!r)
		r = acts_begin(dp, c, old);
	if (!r)
		r = write_set(dp, c, set);
	if (r) {
		purge(dp, old);
		return r;
	}
	grace();
	acts_end(dp, c);
	s->clean = !purge(dp, set);
	return 0;
}

int dp_classes_set(struct dp *dp, const struct san_msg_class *rules, unsigned int n,
		   struct err *err)
{
	uint32_t old = dp_class_set(dp), set = n ? set_after(old) : 0;
	struct classes c;
	int r = classes_compile(rules, n, set, &c, err);

	if (r)
		return r;
	r = replace(dp, &c, old, set);
	if (r) {
		err_set(err, r, "classes", "", "cannot write the classifier: %s", strerror(-r));
	} else {
		dp->classes->n = n;
		dp->used[SAN_MAP_CLASSES] = c.n_rules;
	}
	classes_fini(&c);
	return r;
}

unsigned int dp_classes_count(const struct dp *dp)
{
	return dp->classes ? dp->classes->n : 0;
}

void dp_classes_free(struct dp_classes *classes)
{
	free(classes);
}

unsigned int dp_class_rules(const struct dp *dp)
{
	const struct classes none = {0};
	struct table tables[TABLES];
	unsigned int own, all;

	tables_of(&none, tables);
	table_count(dp, &tables[3], dp_class_set(dp), &own, &all);
	return own;
}

/* --- audit ---------------------------------------------------------------------------------------
 */

static bool table_same(const struct dp *dp, const struct table *t)
{
	uint8_t value[KEY_MAX];
	unsigned int own, all, i;

	table_count(dp, t, 0, &own, &all);
	if (all != t->n)
		return false;
	for (i = 0; i < t->n; i++) {
		const uint8_t *entry = entry_at(t, i);

		if (bpf_map_lookup_elem(dp->map_fd[t->map], entry, value) ||
		    memcmp(value, entry + t->value_at, t->value_len))
			return false;
	}
	return true;
}

/* A look-up in a trie finds covering prefixes, too: that each is there itself says the count. */
bool dp_classes_same(struct dp *dp, const struct san_msg_class *rules, unsigned int n)
{
	uint32_t set = dp_class_set(dp);
	struct table tables[TABLES];
	struct classes c;
	struct err err;
	bool same = !n == !set;
	int i;

	if (!same || classes_compile(rules, n, set, &c, &err))
		return false;
	tables_of(&c, tables);
	for (i = 0; i < TABLES && same; i++)
		same = table_same(dp, &tables[i]);
	same = same && dp_acts_same(dp, c.acts);
	if (!same && dp->classes)
		dp->classes->known = false; /* what is repaired is read from the maps */
	classes_fini(&c);
	return same;
}
