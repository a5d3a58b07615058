/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Conditions that never change. */
#include <stdlib.h>

#include "nemo/check_int.h"
#include "nemo/cond_int.h"
#include "util/own.h"

/* What was perhaps meant: the same terms, but all of them at once. */
static char *with_and(struct check *check, const struct nemo_expr *cond)
{
	struct nemo_expr expr = *cond;
	struct nemo_text text = {0};

	if (cond->kind != NEMO_E_OP || cond->op != NEMO_OP_OR)
		return NULL;
	expr.op = NEMO_OP_AND;
	if (cond_always(&expr, &check->budget) != NEMO_VARIES)
		return NULL;
	nemo_print_expr(&text, &expr);
	if (text.no_memory) {
		free(text.data);
		return NULL;
	}
	return text.data;
}

void warn_condition(struct check *check, const struct nemo_expr *cond)
{
	OWN_PTR char *meant = NULL;

	if (check->diags->no_warnings)
		return;
	switch (cond_always(cond, &check->budget)) {
	case NEMO_ALWAYS:
		meant = with_and(check, cond);
		nemo_warn(check->diags, NEMO_W_TAUTOLOGY, cond->at,
			  "the condition is always true%s%s",
			  meant ? "; with && it would be true only in " : "", meant ? meant : "");
		break;
	case NEMO_NEVER:
		nemo_warn(check->diags, NEMO_W_CONTRADICTION, cond->at,
			  "the condition is never true");
		break;
	case NEMO_VARIES:
		break;
	}
}
