/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Desired rules of the classifier: two lists, sent as a whole. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dp/classes.h"
#include "ncc/ncc_int.h"
#include "util/own.h"

static int by_name(const void *a, const void *b)
{
	const struct plan_class *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static bool same(const struct plan_class *a, const struct plan_class *b, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (strcmp(a[i].name, b[i].name) || memcmp(&a[i].msg, &b[i].msg, sizeof(a[i].msg)))
			return false;
	}
	return true;
}

static int full(struct err *err, unsigned int n)
{
	char value[16];

	snprintf(value, sizeof(value), "%u", n);
	err_set(err, -ENOSPC, "", value,
		"map san_class_rules is full, it holds %d rules, those of intents included",
		SAN_MAX_CLASSES);
	return err_object(err, "classes"), -ENOSPC;
}

static int check_rule(const struct plan_class *rule, bool intent, struct err *err)
{
	int r = classes_check(&rule->msg, 1, err);

	if (!r && rule->msg.intent != intent)
		r = err_set(err, -EINVAL, "intent", intent ? "0" : "1", "must be %d", intent);
	return r ? (err_object(err, "class %s", rule->name), r) : 0;
}

/* others: rules of the other list. */
static int check_list(const struct plan_class *rules, unsigned int n, unsigned int others,
		      bool intent, struct err *err)
{
	int r = 0;

	if (n > SAN_MAX_CLASSES || n + others > SAN_MAX_CLASSES)
		return full(err, n);
	for (unsigned int i = 0; !r && i < n; i++)
		r = check_rule(&rules[i], intent, err);
	return r;
}

/* Takes mine[n] into one of the lists. */
static void put(struct ncc *ncc, struct plan_class **list, unsigned int *have,
		struct plan_class *mine, unsigned int n)
{
	if (*have == n && same(*list, mine, n)) {
		free(mine);
		return;
	}
	free(*list);
	*list = mine;
	*have = n;
	ncc->classes_changed = true;
}

static struct plan_class *copy(const struct plan_class *rules, unsigned int n, struct err *err)
{
	struct plan_class *mine = calloc(n + 1u, sizeof(*mine));

	if (mine && n)
		memcpy(mine, rules, n * sizeof(*mine));
	if (!mine)
		err_set(err, -ENOMEM, "", "", "no memory");
	return mine;
}

int ncc_classes_set(struct ncc *ncc, const struct plan_class *rules, unsigned int n,
		    struct err *err)
{
	int r = check_list(rules, n, ncc->n_intents, false, err);
	struct plan_class *mine;

	if (r)
		return r;
	mine = copy(rules, n, err);
	if (!mine)
		return -ENOMEM;
	qsort(mine, n, sizeof(mine[0]), by_name);
	put(ncc, &ncc->classes, &ncc->n_classes, mine, n);
	return 0;
}

int ncc_intents_set(struct ncc *ncc, const struct plan_class *rules, unsigned int n,
		    struct err *err)
{
	int r = check_list(rules, n, ncc->n_classes, true, err);
	struct plan_class *mine;

	if (r)
		return r;
	mine = copy(rules, n, err);
	if (!mine)
		return -ENOMEM;
	put(ncc, &ncc->intents, &ncc->n_intents, mine, n);
	return 0;
}

/* Would the parent find room for the tables of both lists? */
static int check_tables(const struct ncc *ncc, const struct plan_class *rules, unsigned int n,
			struct err *err)
{
	OWN_PTR struct san_msg_class *all = calloc(n + ncc->n_classes + 1u, sizeof(*all));
	struct classes tables;
	int r;

	if (!all)
		return err_set(err, -ENOMEM, "", "", "no memory");
	for (unsigned int i = 0; i < n; i++)
		all[i] = rules[i].msg;
	for (unsigned int i = 0; i < ncc->n_classes; i++)
		all[n + i] = ncc->classes[i].msg;
	r = classes_compile(all, n + ncc->n_classes, 1, &tables, err);
	if (!r)
		classes_fini(&tables);
	return r;
}

int ncc_intents_check(struct ncc *ncc, const struct plan_class *rules, unsigned int n,
		      unsigned int n_services, struct err *err)
{
	const struct san_msg_config *c = &ncc->config;
	int r = check_list(rules, n, ncc->n_classes, true, err);

	if (!r && n_services > c->max_services - ncc->n_services[SAN_SCOPE_INGRESS])
		r = state_full(err, "san_services", c->max_services, "maps.services");
	if (!r && ncc->n_nexthops + ncc->n_direct + n_services > c->max_nexthops - 1)
		r = state_full(err, "san_nexthops", c->max_nexthops - 1, "maps.nexthops");
	return r ? r : check_tables(ncc, rules, n, err);
}
