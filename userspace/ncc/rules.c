/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The classifier's rules: replaced as a whole, by module dp. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"

void rules_clear(struct rules *rules)
{
	free(rules->v);
	memset(rules, 0, sizeof(*rules));
}

static bool in_force(struct apply *a, const struct rules *want)
{
	if (!a->rules.known)
		return dp_classes_same(a->dp, want->v, want->n);
	return a->rules.n == want->n &&
	       (!want->n || !memcmp(a->rules.v, want->v, want->n * sizeof(want->v[0])));
}

static int write_rules(struct apply *a, const struct rules *want, struct err *err)
{
	int r = dp_classes_set(a->dp, want->v, want->n, err);

	if (!r)
		a->applied++;
	return r;
}

/* Rules that make more tables than there is room for cannot be foreseen by the child. They hold
 * nothing else up: the ones in force stay, and the answers to plans say so until others come. */
static void left_out(struct apply *a, const struct err *err)
{
	char text[512];

	err_text(err, text, sizeof(text));
	snprintf(a->note, sizeof(a->note), "classifier not changed: %.90s", text);
	if (session_may_log(a))
		log_warn("classifier not changed", "text=\"%s\"", text);
}

/* Takes the plan's rules; the old ones belong to the log. */
int rules_put(struct apply *a, struct err *err)
{
	struct undo undo = {.kind = UNDO_RULES, .had = a->rules.known, .rules = a->rules};
	struct rules want = a->plan.rules;
	struct err own = {0};

	if (!a->plan.classes)
		return 0;
	a->note[0] = '\0';
	if (!in_force(a, &want) && write_rules(a, &want, &own)) {
		left_out(a, &own);
		return 0;
	}
	if (undo_push(a, &undo)) {
		a->rules.known = false; /* compared with the maps next time */
		return err_set(err, -ENOMEM, "", "", "no memory for the classifier's rules");
	}
	want.known = true;
	a->rules = want;
	memset(&a->plan.rules, 0, sizeof(a->plan.rules));
	return 0;
}

/* Rules that an earlier process wrote are not known: then the new ones stay. */
int rules_restore(struct apply *a, const struct rules *old, struct err *err)
{
	int r;

	if (!old->known) {
		rules_clear(&a->rules);
		return 0;
	}
	r = in_force(a, old) ? 0 : write_rules(a, old, err);
	rules_clear(&a->rules);
	a->rules = *old;
	return r;
}

void rules_verify(struct apply *a)
{
	struct err err = {0};
	char text[512];

	if (!a->rules.known || dp_classes_same(a->dp, a->rules.v, a->rules.n))
		return;
	apply_repaired(a, SAN_REPAIR_MAPS);
	if (write_rules(a, &a->rules, &err))
		log_warn("classifier not repaired", "text=\"%s\"",
			 err_text(&err, text, sizeof(text)));
}
