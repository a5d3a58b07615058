/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Actions of operations: their arguments are positional. */
#include <string.h>

#include "nemo/check_int.h"

/* What the names in an argument may stand for; 0: it is no name. */
static unsigned int kinds_of(const struct nemo_model *model)
{
	if (!model->builtin || !nemo_action_refers(model->name))
		return 0;
	return strcmp(model->name, "redirect") == 0 ? KIND(NEMO_CFN) | KIND(NEMO_CONNECTION)
						    : KIND(NEMO_CFN);
}

static void check_goal(struct check *check, const struct nemo_model *model,
		       const struct nemo_value *value)
{
	const struct nemo_object *object =
		check_object(check, value->string, value->at, kinds_of(model));

	if (!object || !object->model || strcmp(model->name, "steer") != 0)
		return;
	if (!object->model->builtin || strcmp(object->model->name, "service") != 0)
		check_error(check, value->at, "'%s' is a %s, steer needs a service", object->name,
			    object->model->name);
}

static void check_argument(struct check *check, const struct nemo_model *model,
			   const struct nemo_prop_def *def, struct nemo_arg *arg)
{
	struct nemo_prop_def named = *def;

	if (model->builtin)
		named.name = model->name;
	if (!check_arg(check, arg, &named, false) || !kinds_of(model))
		return;
	for (unsigned int i = 0; i < arg->n; i++)
		check_goal(check, model, &arg->v[i]);
}

static void check_action(struct check *check, struct nemo_action *action)
{
	const struct nemo_model *model = check_model(check, NEMO_M_ACTION, &action->name);
	unsigned int least, most;

	if (!model)
		return;
	least = most = model->n_props;
	if (model->builtin && strcmp(model->name, "gothrough") == 0)
		most = NEMO_LIST_MAX;
	if (action->n < least)
		check_error(check, action->name.at, "action '%s' has %u arguments, needs %u",
			    action->name.text, action->n, least);
	if (action->n > most)
		check_error(check, action->args[most].at, "action '%s' takes %u arguments, not %u",
			    action->name.text, most, action->n);
	for (unsigned int i = 0; i < action->n && i < most; i++)
		check_argument(check, model, &model->props[i < least ? i : least - 1],
			       &action->args[i]);
}

void check_actions(struct check *check, struct nemo_actions *actions)
{
	struct named *set = NULL;

	for (unsigned int i = 0; i < actions->n; i++) {
		check_twice(check, &set, &actions->v[i].name, "action");
		check_action(check, &actions->v[i]);
	}
	named_free(&set);
}
