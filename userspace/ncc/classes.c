/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Desired rules of the classifier: one list, sent as a whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/ncc_int.h"

static int by_name(const void *a, const void *b)
{
	const struct plan_class *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void copy(struct plan_class *to, const struct plan_class *from, unsigned int n)
{
	memcpy(to, from, n * sizeof(to[0]));
	qsort(to, n, sizeof(to[0]), by_name);
}

static bool same(const struct ncc *ncc, const struct plan_class *rules, unsigned int n)
{
	if (ncc->n_classes != n)
		return false;
	for (unsigned int i = 0; i < n; i++) {
		if (strcmp(ncc->classes[i].name, rules[i].name) ||
		    memcmp(&ncc->classes[i].msg, &rules[i].msg, sizeof(rules[i].msg)))
			return false;
	}
	return true;
}

static int check(const struct plan_class *rule, struct err *err)
{
	if (rule->msg.service_id)
		return 0;
	err_set(err, -EINVAL, "service", "0", "must not be 0");
	return err_object(err, "class %s", rule->name), -EINVAL;
}

int ncc_classes_set(struct ncc *ncc, const struct plan_class *rules, unsigned int n,
		    struct err *err)
{
	struct plan_class *mine;
	int r = 0;

	if (n > SAN_MAX_CLASSES) {
		err_set(err, -ENOSPC, "", "", "map san_class_rules is full, it holds %d rules",
			SAN_MAX_CLASSES);
		return err_object(err, "classes"), -ENOSPC;
	}
	for (unsigned int i = 0; !r && i < n; i++)
		r = check(&rules[i], err);
	if (r)
		return r;
	mine = calloc(n + 1u, sizeof(*mine));
	if (!mine)
		return err_set(err, -ENOMEM, "", "", "no memory");
	copy(mine, rules, n);
	if (same(ncc, mine, n)) {
		free(mine);
		return 0;
	}
	free(ncc->classes);
	ncc->classes = mine;
	ncc->n_classes = n;
	ncc->classes_changed = true;
	return 0;
}
