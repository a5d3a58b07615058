/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A packet's addresses have the classes of their longest prefixes. The rules that can apply to a
 * pair of classes are those whose prefixes are these, or cover them: they are its group. Pairs with
 * the same rules share a group; a rule that a stronger one of the same fields hides is left out of
 * it, as is everything weaker than a rule that asks for no field.
 */
#include "dp/classes_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

struct san_class_rule_key classes_fields(const struct san_msg_class *r)
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
	struct san_class_rule_key x = classes_fields(w->by_rank[*(const uint32_t *)a]);
	struct san_class_rule_key y = classes_fields(w->by_rank[*(const uint32_t *)b]);

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
	int r = classes_side(w, &w->src, false);
	uint32_t dst;

	if (!r)
		r = classes_side(w, &w->dst, true);
	if (r)
		return r;
	shapes_find(w);
	emit_prefixes(&w->src, w->set, w->out->src, &w->out->n_src);
	emit_prefixes(&w->dst, w->set, w->out->dst, &w->out->n_dst);
	for (dst = 0; dst <= w->dst.n && !r; dst++)
		r = classes_destination(w, dst);
	return r;
}

static int act_refused(struct work *w, unsigned int number, uint32_t rate_kbps)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", rate_kbps);
	err_set(w->err, -EINVAL, "rate_kbps", text, "must be that of the other rules with its act");
	return classes_rule_err(w->err, number);
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
			return act_refused(w, i, r->rate_kbps);
		acts[r->act] = r->rate_kbps + 1ull;
	}
	return 0;
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
