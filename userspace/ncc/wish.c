/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a plan's service to next hops: equal ones are one, their weights add up. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/ncc_int.h"

/* Fixed form: unused segments and padding zero, so that equal next hops are equal bytes. */
static struct plan_nexthop normal(const struct plan_nexthop *in)
{
	struct plan_nexthop out;

	memset(&out, 0, sizeof(out));
	out.kind = in->kind;
	out.encap = in->encap;
	out.n_segs = in->n_segs;
	out.hop_limit = in->hop_limit;
	out.families = in->families;
	memcpy(out.segs, in->segs, in->n_segs * sizeof(in->segs[0]));
	return out;
}

static int add(struct ncc *ncc, struct wish *w, const struct plan_nexthop *in, struct err *err)
{
	struct plan_nexthop content = normal(in);
	int r = nh_ref(ncc, &content, &w->alive[w->n], err);

	return r ? r : (w->n++, 0);
}

static int by_id(const void *a, const void *b)
{
	const struct nh *x = *(struct nh *const *)a, *y = *(struct nh *const *)b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int by_member_id(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return x->nh->id < y->nh->id ? -1 : x->nh->id > y->nh->id;
}

/* One reference for each distinct next hop, in order of id. */
static void unique(struct ncc *ncc, struct wish *w)
{
	unsigned int n = 0;

	qsort(w->alive, w->n, sizeof(w->alive[0]), by_id);
	for (unsigned int i = 0; i < w->n; i++) {
		if (n && w->alive[n - 1] == w->alive[i])
			nh_unref(ncc, w->alive[i]);
		else
			w->alive[n++] = w->alive[i];
	}
	w->n = n;
}

static void sum_up(struct wish *w)
{
	unsigned int n = 0;

	qsort(w->members, w->n_members, sizeof(w->members[0]), by_member_id);
	for (unsigned int i = 0; i < w->n_members; i++) {
		if (n && w->members[n - 1].nh == w->members[i].nh)
			w->members[n - 1].weight += w->members[i].weight;
		else
			w->members[n++] = w->members[i];
	}
	w->n_members = n;
}

/* The kernel's route goes to a member: the best one, else the heaviest. */
static struct nh *kernel_choice(const struct wish *w)
{
	const struct member *best = &w->members[0];

	for (unsigned int i = 0; i < w->n_members; i++) {
		if (w->members[i].nh == w->selected)
			return w->selected;
		if (w->members[i].weight > best->weight)
			best = &w->members[i];
	}
	return best->nh;
}

/* Before `unique`: alive[first + i] is the next hop of p->alive[i]. */
static int take_members(struct wish *w, const struct plan_service *p, unsigned int first)
{
	if (p->mode != SAN_MODE_BALANCED || !p->weights)
		return 0;
	w->members = calloc(p->n_alive + 1u, sizeof(w->members[0]));
	if (!w->members)
		return -ENOMEM;
	for (unsigned int i = 0; i < p->n_alive; i++) {
		if (p->weights[i])
			w->members[w->n_members++] =
				(struct member){w->alive[first + i], p->weights[i]};
	}
	sum_up(w);
	if (w->n_members)
		w->selected = kernel_choice(w);
	return 0;
}

void wish_drop(struct ncc *ncc, struct wish *w)
{
	for (unsigned int i = 0; i < w->n; i++)
		nh_unref(ncc, w->alive[i]);
	free(w->alive);
	free(w->members);
	memset(w, 0, sizeof(*w));
}

int wish_take(struct ncc *ncc, struct wish *w, const struct plan_service *p, struct err *err)
{
	unsigned int first;
	int r = 0;

	memset(w, 0, sizeof(*w));
	w->alive = calloc(p->n_alive + 1u, sizeof(w->alive[0]));
	if (!w->alive)
		return err_set(err, -ENOMEM, "", "", "no memory");
	if (p->selected) {
		r = add(ncc, w, p->selected, err);
		w->selected = w->alive[0];
	}
	first = w->n;
	for (unsigned int i = 0; !r && i < p->n_alive; i++)
		r = add(ncc, w, &p->alive[i], err);
	if (!r && take_members(w, p, first))
		r = err_set(err, -ENOMEM, "", "", "no memory");
	if (r) {
		wish_drop(ncc, w);
		return r;
	}
	unique(ncc, w);
	return 0;
}
