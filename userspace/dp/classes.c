/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A packet's addresses have the classes of their longest prefixes. The rules that can apply to a
 * pair of classes are those whose prefixes are these, or cover them: they are its group. Pairs with
 * the same rules share a group; a rule that a stronger one of the same fields hides is left out of
 * it, as is everything weaker than a rule that asks for no field.
 */
#include "dp/classes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/own.h"

#define ALL_FIELDS (SAN_CLASS_PROTO | SAN_CLASS_SPORT | SAN_CLASS_DPORT | SAN_CLASS_DSCP)
#define V4_MAPPED_LEN 96

/* A prefix that rules use, in the order of addresses, then of lengths: what covers it stands
 * before it. Class = index; 0 is "any". */
struct node {
	struct in6_addr addr;
	uint8_t len;
	uint32_t parent;
};

struct side {
	struct node *nodes; /* [n + 1]; 0 = any */
	unsigned int n;
	uint32_t *class; /* of each rule, by rank */
	bool *covers;	 /* [n + 1]: scratch, is this class the asked one or above it? */
};

struct group {
	uint32_t first, n; /* in work.members */
	uint32_t hash;
};

struct work {
	const struct san_msg_class **by_rank;
	unsigned int n;
	struct side src, dst;
	uint32_t *shape; /* of each rule: rules with the same fields and values have the same */
	uint32_t *seen;	 /* [n]: stamp of the last group that took this shape */
	uint32_t *local; /* [n]: the same, of a rule that End.SAN asks for */
	uint32_t *entry; /* [n]: this shape's in out->rules, of the group at hand */
	uint32_t stamp;
	uint32_t *cand; /* ranks that a destination class takes */
	uint32_t n_cand;
	bool *asked;	    /* [src.n + 1]: a candidate has this source class */
	uint32_t *group_of; /* [src.n + 1]: of the destination class at hand; 0 = none */
	struct group *groups;
	uint32_t n_groups;  /* groups[0] is none */
	uint32_t *members;  /* ranks, group by group */
	uint32_t n_members; /* = entries of rules */
	__u32 set;
	struct classes *out;
	struct err *err;
};

/* --- rules ---------------------------------------------------------------------------------------
 */

static bool beyond_is_zero(const struct in6_addr *addr, unsigned int len)
{
	unsigned int bit;

	for (bit = len; bit < 128; bit++)
		if (addr->s6_addr[bit / 8] & (0x80 >> bit % 8))
			return false;
	return true;
}

static bool is_v4(const struct in6_addr *addr, unsigned int len)
{
	return len >= V4_MAPPED_LEN && IN6_IS_ADDR_V4MAPPED(addr);
}

static int refuse(struct err *err, unsigned int number, const char *field, unsigned int value,
		  const char *want)
{
	char path[32], text[16];

	snprintf(path, sizeof(path), "/%u/%s", number, field);
	snprintf(text, sizeof(text), "%u", value);
	err_set(err, -EINVAL, path, text, "must be %s", want);
	return err_object(err, "classifier rule %u", number);
}

/* What it does besides matching. */
static int check_act(const struct san_msg_class *r, unsigned int i, struct err *err)
{
	if (r->intent > 1)
		return refuse(err, i, "intent", r->intent, "0 or 1");
	if (r->verdict > SAN_ACT_DROP)
		return refuse(err, i, "verdict", r->verdict, "0 (steer), 1 (pass) or 2 (drop)");
	if (!r->service_id && r->verdict == SAN_ACT_STEER)
		return refuse(err, i, "service", 0, "a service ID");
	if (r->service_id >= SAN_SERVICE_OWN_MIN && !r->intent)
		return refuse(err, i, "intent", 0, "1 where the service is of the host's making");
	if (r->mark && (r->mark < SAN_ACT_MARK || r->mark >= 2 * SAN_ACT_MARK))
		return refuse(err, i, "mark", r->mark, "0, or 64 and a DSCP of 0..63");
	if (r->act > SAN_MAX_ACTS)
		return refuse(err, i, "act", r->act, "at most 4096");
	if (r->rate_kbps && !r->act)
		return refuse(err, i, "act", 0, "1 or more where there is a rate");
	return 0;
}

static int check_rule(const struct san_msg_class *r, unsigned int i, struct err *err)
{
	if (check_act(r, i, err))
		return -EINVAL;
	if (r->src_len > 128)
		return refuse(err, i, "src_len", r->src_len, "at most 128");
	if (r->dst_len > 128)
		return refuse(err, i, "dst_len", r->dst_len, "at most 128");
	if (!beyond_is_zero(&r->src, r->src_len))
		return refuse(err, i, "src_len", r->src_len,
			      "long enough for all bits of the source prefix");
	if (!beyond_is_zero(&r->dst, r->dst_len))
		return refuse(err, i, "dst_len", r->dst_len,
			      "long enough for all bits of the destination prefix");
	if (r->fields & ~ALL_FIELDS)
		return refuse(err, i, "fields", r->fields, "of the known bits");
	if (r->fields & SAN_CLASS_DSCP && r->dscp > 63)
		return refuse(err, i, "dscp", r->dscp, "0..63");
	if (r->src_len && r->dst_len && r->src_len >= V4_MAPPED_LEN &&
	    r->dst_len >= V4_MAPPED_LEN && is_v4(&r->src, r->src_len) != is_v4(&r->dst, r->dst_len))
		return refuse(err, i, "src_len", r->src_len,
			      "of the same IP version as the destination");
	return 0;
}

static int compare_u32(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

/* The order of selection: intents; longer destination, longer source (of these it does not count);
 * higher priority, earlier. */
static int by_strength(const void *a, const void *b)
{
	const struct san_msg_class *x = *(const struct san_msg_class *const *)a;
	const struct san_msg_class *y = *(const struct san_msg_class *const *)b;
	int r = compare_u32(y->intent, x->intent);

	if (!r && !x->intent)
		r = compare_u32(y->dst_len, x->dst_len);
	if (!r && !x->intent)
		r = compare_u32(y->src_len, x->src_len);
	if (!r)
		r = compare_u32(y->priority, x->priority);
	return r ? r : (x < y ? -1 : x > y); /* both lie in one array */
}

/* Does End.SAN ask for it, too? */
static bool is_local(const struct san_msg_class *r)
{
	return r->verdict == SAN_ACT_STEER && r->service_id < SAN_SERVICE_OWN_MIN;
}

static struct san_class_rule_key fields_of(const struct san_msg_class *r)
{
	return (struct san_class_rule_key){
		.fields = r->fields,
		.proto = r->fields & SAN_CLASS_PROTO ? r->proto : 0,
		.sport = r->fields & SAN_CLASS_SPORT ? r->sport : 0,
		.dport = r->fields & SAN_CLASS_DPORT ? r->dport : 0,
		.dscp = r->fields & SAN_CLASS_DSCP ? r->dscp : 0,
	};
}

static int by_shape(const void *a, const void *b, void *arg)
{
	const struct work *w = arg;
	struct san_class_rule_key x = fields_of(w->by_rank[*(const uint32_t *)a]);
	struct san_class_rule_key y = fields_of(w->by_rank[*(const uint32_t *)b]);

	return memcmp(&x, &y, sizeof(x));
}

/* Numbers the shapes; cand serves as scratch. */
static void shapes_find(struct work *w)
{
	uint32_t i, shape = 0;

	for (i = 0; i < w->n; i++)
		w->cand[i] = i;
	qsort_r(w->cand, w->n, sizeof(*w->cand), by_shape, w);
	for (i = 0; i < w->n; i++) {
		if (i && by_shape(&w->cand[i - 1], &w->cand[i], w))
			shape++;
		w->shape[w->cand[i]] = shape;
	}
}

/* --- prefixes ------------------------------------------------------------------------------------
 */

static int by_prefix(const void *a, const void *b)
{
	const struct node *x = a, *y = b;
	int r = memcmp(&x->addr, &y->addr, sizeof(x->addr));

	return r ? r : compare_u32(x->len, y->len);
}

static bool covers(const struct node *wide, const struct node *narrow)
{
	unsigned int bytes = wide->len / 8, bits = wide->len % 8;

	if (wide->len > narrow->len || memcmp(&wide->addr, &narrow->addr, bytes))
		return false;
	return !bits ||
	       !((wide->addr.s6_addr[bytes] ^ narrow->addr.s6_addr[bytes]) & (0xff << (8 - bits)));
}

static struct node node_of(const struct san_msg_class *r, bool dst)
{
	return (struct node){.addr = dst ? r->dst : r->src, .len = dst ? r->dst_len : r->src_len};
}

/* The nearest prefix that covers a node is the one before it, or covers that one. */
static void parents_find(struct side *side)
{
	unsigned int i;
	uint32_t p;

	for (i = 1; i <= side->n; i++) {
		for (p = i - 1; p && !covers(&side->nodes[p], &side->nodes[i]);)
			p = side->nodes[p].parent;
		side->nodes[i].parent = p;
	}
}

static int side_find(const struct work *w, struct side *side, bool dst)
{
	unsigned int i, n = 0;
	struct node node;

	side->nodes = calloc(w->n + 1, sizeof(*side->nodes));
	side->class = calloc(w->n + 1, sizeof(*side->class));
	side->covers = calloc(w->n + 1, sizeof(*side->covers));
	if (!side->nodes || !side->class || !side->covers)
		return -ENOMEM;
	for (i = 0; i < w->n; i++) {
		node = node_of(w->by_rank[i], dst);
		if (node.len)
			side->nodes[++n] = node;
	}
	qsort(side->nodes + 1, n, sizeof(*side->nodes), by_prefix);
	for (i = 1; i <= n; i++)
		if (!side->n || by_prefix(&side->nodes[side->n], &side->nodes[i]))
			side->nodes[++side->n] = side->nodes[i];
	parents_find(side);
	for (i = 0; i < w->n; i++) {
		struct node *at;

		node = node_of(w->by_rank[i], dst);
		at = node.len ? bsearch(&node, side->nodes + 1, side->n, sizeof(node), by_prefix)
			      : side->nodes;
		side->class[i] = at - side->nodes;
	}
	return 0;
}

/* Marks (or unmarks) a class and what covers it. */
static void side_mark(struct side *side, uint32_t class, bool mark)
{
	for (; class; class = side->nodes[class].parent)
		side->covers[class] = mark;
	side->covers[0] = mark;
}

/* --- groups --------------------------------------------------------------------------------------
 */

static int full(struct work *w, const char *what)
{
	return err_set(w->err, -ENOSPC, "classes", "",
		       "the rules need more than %d %s: fewer rules, or fewer that share no prefix",
		       SAN_CLASS_ENTRIES, what);
}

static void emit_new(struct work *w, uint32_t group, uint32_t rank)
{
	const struct san_msg_class *r = w->by_rank[rank];
	struct classes_rule *out = &w->out->rules[w->out->n_rules];

	w->entry[w->shape[rank]] = w->out->n_rules++;
	out->key = fields_of(r);
	out->key.set = w->set;
	out->key.group = group;
	out->val = (struct san_class_rule){
		.service_id = r->service_id,
		.rank = rank,
		.local_rank = SAN_CLASS_NONE,
		.act = r->act,
		.verdict = r->verdict,
		.mark = r->mark,
	};
}

/* Members of a group come strongest first: the first of its shape makes the entry. */
static void emit_rule(struct work *w, uint32_t group, uint32_t rank)
{
	struct san_class_rule *val;
	uint32_t shape = w->shape[rank];

	if (w->seen[shape] != w->stamp)
		emit_new(w, group, rank);
	w->seen[shape] = w->stamp;
	val = &w->out->rules[w->entry[shape]].val;
	if (!is_local(w->by_rank[rank]) || val->local_rank != SAN_CLASS_NONE)
		return;
	val->local_id = w->by_rank[rank]->service_id;
	val->local_rank = rank;
}

/* A group with the members that lie behind the last one's, if there is one. */
static uint32_t group_known(const struct work *w, const struct group *new)
{
	uint32_t i;

	for (i = 1; i < w->n_groups; i++) {
		const struct group *g = &w->groups[i];

		if (g->hash == new->hash && g->n == new->n &&
		    !memcmp(w->members + g->first, w->members + new->first,
			    new->n * sizeof(*w->members)))
			return i;
	}
	return 0;
}

/* Hidden by a stronger one of the same shape, from all who could ask for it? */
static bool is_hidden(const struct work *w, uint32_t rank)
{
	uint32_t shape = w->shape[rank];

	return w->seen[shape] == w->stamp &&
	       (w->local[shape] == w->stamp || !is_local(w->by_rank[rank]));
}

static void member_add(struct work *w, struct group *g, uint32_t rank)
{
	uint32_t shape = w->shape[rank];

	if (is_hidden(w, rank))
		return;
	w->seen[shape] = w->stamp;
	if (is_local(w->by_rank[rank]))
		w->local[shape] = w->stamp;
	w->members[w->n_members++] = rank;
	g->hash = (g->hash ^ rank) * 16777619u;
	g->n++;
}

/* The candidates whose source class covers the marked one, strongest first. Behind a rule without
 * fields nobody gets; End.SAN does if it does not ask for that one. */
static struct group group_collect(struct work *w)
{
	struct group g = {.first = w->n_members, .hash = 2166136261u};
	bool only_local = false;
	uint32_t i, rank;

	w->stamp++;
	for (i = 0; i < w->n_cand; i++) {
		rank = w->cand[i];
		if (!w->src.covers[w->src.class[rank]] ||
		    (only_local && !is_local(w->by_rank[rank])))
			continue;
		member_add(w, &g, rank);
		if (w->by_rank[rank]->fields)
			continue;
		if (is_local(w->by_rank[rank]))
			break;
		only_local = true;
	}
	return g;
}

static int group_make(struct work *w, uint32_t *number)
{
	struct group g = group_collect(w);
	uint32_t i, known = group_known(w, &g);

	if (known) {
		w->n_members = g.first;
		*number = known;
		return 0;
	}
	if (w->n_members > SAN_CLASS_ENTRIES)
		return full(w, "entries of rules");
	w->groups[w->n_groups] = g;
	*number = w->n_groups++;
	w->stamp++;
	for (i = 0; i < g.n; i++)
		emit_rule(w, *number, w->members[g.first + i]);
	return 0;
}

static int emit_pair(struct work *w, uint32_t src, uint32_t dst, uint32_t group)
{
	struct classes_pair *pair = &w->out->pairs[w->out->n_pairs];
	const struct group *g = &w->groups[group];
	uint32_t i;

	if (w->out->n_pairs == SAN_CLASS_ENTRIES)
		return full(w, "pairs of prefixes");
	w->out->n_pairs++;
	pair->key = (struct san_class_pair_key){.set = w->set, .src = src, .dst = dst};
	pair->val = (struct san_class_pair){.group = group};
	for (i = 0; i < g->n; i++)
		pair->val.combinations |= 1u << w->by_rank[w->members[g->first + i]]->fields;
	return 0;
}

/* All pairs with one source class: it takes over the group of the class above it unless a
 * candidate names it. */
static int pair_make(struct work *w, uint32_t src, uint32_t dst)
{
	uint32_t group = src ? w->group_of[w->src.nodes[src].parent] : 0;
	int r = 0;

	if (w->asked[src]) {
		side_mark(&w->src, src, true);
		r = group_make(w, &group);
		side_mark(&w->src, src, false);
	}
	w->group_of[src] = group;
	return !r && group ? emit_pair(w, src, dst, group) : r;
}

static int destination(struct work *w, uint32_t dst)
{
	uint32_t rank, src;
	int r = 0;

	memset(w->asked, 0, (w->src.n + 1) * sizeof(*w->asked));
	w->n_cand = 0;
	side_mark(&w->dst, dst, true);
	for (rank = 0; rank < w->n; rank++) {
		if (!w->dst.covers[w->dst.class[rank]])
			continue;
		w->cand[w->n_cand++] = rank;
		w->asked[w->src.class[rank]] = true;
	}
	side_mark(&w->dst, dst, false);
	for (src = 0; src <= w->src.n && !r; src++)
		r = pair_make(w, src, dst);
	return r;
}

/* --- all together --------------------------------------------------------------------------------
 */

static void emit_prefixes(const struct side *side, __u32 set, struct classes_prefix *out,
			  unsigned int *n)
{
	unsigned int i;

	for (i = 1; i <= side->n; i++) {
		out[i - 1].class = i;
		out[i - 1].key.prefixlen = 32 + side->nodes[i].len;
		out[i - 1].key.set = set;
		memcpy(out[i - 1].key.addr, &side->nodes[i].addr, 16);
	}
	*n = side->n;
}

static void work_fini(struct work *w)
{
	free(w->by_rank);
	free(w->src.nodes);
	free(w->src.class);
	free(w->src.covers);
	free(w->dst.nodes);
	free(w->dst.class);
	free(w->dst.covers);
	free(w->shape);
	free(w->seen);
	free(w->local);
	free(w->entry);
	free(w->cand);
	free(w->asked);
	free(w->group_of);
	free(w->groups);
	free(w->members);
}

static int work_init(struct work *w, const struct san_msg_class *rules, unsigned int n)
{
	unsigned int i;

	w->n = n;
	w->n_groups = 1;
	w->by_rank = calloc(n + 1, sizeof(*w->by_rank));
	w->shape = calloc(n + 1, sizeof(*w->shape));
	w->seen = calloc(n + 1, sizeof(*w->seen));
	w->local = calloc(n + 1, sizeof(*w->local));
	w->entry = calloc(n + 1, sizeof(*w->entry));
	w->cand = calloc(n + 1, sizeof(*w->cand));
	w->asked = calloc(n + 1, sizeof(*w->asked));
	w->group_of = calloc(n + 1, sizeof(*w->group_of));
	w->groups = calloc(SAN_CLASS_ENTRIES + 2, sizeof(*w->groups));
	w->members = calloc(SAN_CLASS_ENTRIES + n + 1, sizeof(*w->members));
	if (!w->by_rank || !w->shape || !w->seen || !w->local || !w->entry || !w->cand ||
	    !w->asked || !w->group_of || !w->groups || !w->members)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		w->by_rank[i] = &rules[i];
	qsort(w->by_rank, n, sizeof(*w->by_rank), by_strength);
	return 0;
}

static int out_init(struct classes *out, unsigned int n)
{
	out->src = calloc(n + 1, sizeof(*out->src));
	out->dst = calloc(n + 1, sizeof(*out->dst));
	out->pairs = calloc(SAN_CLASS_ENTRIES, sizeof(*out->pairs));
	out->rules = calloc(SAN_CLASS_ENTRIES, sizeof(*out->rules));
	out->acts = calloc(SAN_MAX_ACTS + 1, sizeof(*out->acts));
	return out->src && out->dst && out->pairs && out->rules && out->acts ? 0 : -ENOMEM;
}

static int compile(struct work *w)
{
	int r = side_find(w, &w->src, false);
	uint32_t dst;

	if (!r)
		r = side_find(w, &w->dst, true);
	if (r)
		return r;
	shapes_find(w);
	emit_prefixes(&w->src, w->set, w->out->src, &w->out->n_src);
	emit_prefixes(&w->dst, w->set, w->out->dst, &w->out->n_dst);
	for (dst = 0; dst <= w->dst.n && !r; dst++)
		r = destination(w, dst);
	return r;
}

/* Rules that share an act share its rate. */
static int acts_find(struct work *w, const struct san_msg_class *rules)
{
	uint64_t *acts = w->out->acts;
	unsigned int i;

	for (i = 0; i < w->n; i++) {
		const struct san_msg_class *r = &rules[i];

		if (!r->act)
			continue;
		if (acts[r->act] && acts[r->act] != r->rate_kbps + 1ull)
			return refuse(w->err, i, "rate_kbps", r->rate_kbps,
				      "that of the other rules with its act");
		acts[r->act] = r->rate_kbps + 1ull;
	}
	return 0;
}

int classes_check(const struct san_msg_class *rules, unsigned int n, struct err *err)
{
	char text[16];
	unsigned int i;
	int r = 0;

	if (n > SAN_MAX_CLASSES) {
		snprintf(text, sizeof(text), "%u", n);
		return err_set(err, -ENOSPC, "classes", text, "must be at most %d rules",
			       SAN_MAX_CLASSES);
	}
	for (i = 0; i < n && !r; i++)
		r = check_rule(&rules[i], i, err);
	return r;
}

int classes_compile(const struct san_msg_class *rules, unsigned int n, __u32 set,
		    struct classes *out, struct err *err)
{
	struct work w = {.set = set, .out = out, .err = err};
	int r = classes_check(rules, n, err);

	memset(out, 0, sizeof(*out));
	if (r)
		return r;
	r = work_init(&w, rules, n);
	if (!r)
		r = out_init(out, n);
	if (!r)
		r = acts_find(&w, rules);
	if (!r)
		r = compile(&w);
	if (r == -ENOMEM)
		err_set(err, r, "classes", "", "no memory");
	work_fini(&w);
	if (r)
		classes_fini(out);
	return r;
}

void classes_fini(struct classes *classes)
{
	free(classes->src);
	free(classes->dst);
	free(classes->pairs);
	free(classes->rules);
	free(classes->acts);
	memset(classes, 0, sizeof(*classes));
}
