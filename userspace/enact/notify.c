/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events: notifications whose condition has become true, operations whose goal went down or came
 * back. Every host follows them, the leader tells them; who becomes the leader looks at what is
 * kept and tells what nobody has told. tell.c takes them to the database.
 */
#include "enact/enact_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"

#define SKEW_S 2 /* of hosts' clocks, when it is asked whether an event was told */

/* ---- what is told ---- */

void enact_notify_truth(struct enact *enact, struct enact_item *item, enum nemo_truth before)
{
	if (enact->leads && item->observed && item->truth == NEMO_TRUE && before != NEMO_TRUE)
		enact_tell(enact, item);
}

/* Before this host has looked at what is kept it does not know what was told: enact_reconcile(). */
void enact_notify_goal(struct enact *enact, struct enact_item *item, struct enact_ask *ask)
{
	if (!enact->leads || !item->observed)
		return;
	item->reach = enact_reach(enact, item, ask);
	if (item->told_down == item->reach)
		enact_tell(enact, item);
}

/* ---- a new leader ---- */

struct kept { /* the last event of an object */
	bool goal_down;
	char time[CLOCK_RFC3339];
	UT_hash_handle hh;
	char name[NAME_LEN];
};

static struct kept *kept_get(struct kept **all, const char *name)
{
	struct kept *kept;

	HASH_FIND_STR(*all, name, kept);
	if (kept)
		return kept;
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return NULL;
	snprintf(kept->name, sizeof(kept->name), "%s", name);
	HASH_ADD_STR(*all, name, kept);
	return kept;
}

static bool on_kept(void *arg, uint64_t sequence, const char *text)
{
	json_t *event = NULL;
	const char *name, *time, *reason;
	struct kept *kept;

	if (json_parse(text, strlen(text), &event, NULL))
		return true;
	name = json_string_value(json_object_get(event, "notification"));
	time = json_string_value(json_object_get(event, "time"));
	reason = json_string_value(json_object_get(event, "reason"));
	kept = name && time && reason ? kept_get(arg, name) : NULL;
	if (kept) {
		snprintf(kept->time, sizeof(kept->time), "%s", time);
		kept->goal_down = strncmp(reason, ENACT_GOAL_DOWN, strlen(ENACT_GOAL_DOWN)) == 0;
	}
	json_decref(event);
	return true;
}

static void reconcile_item(struct enact *enact, struct enact_item *item, struct enact_ask *ask,
			   const struct kept *kept)
{
	char since[CLOCK_RFC3339];

	if (!item->notification) {
		item->told_down = kept && kept->goal_down;
		item->reach = enact_reach(enact, item, ask);
		item->observed = true;
		if (item->told_down == item->reach)
			enact_tell(enact, item);
	} else if (item->truth == NEMO_TRUE) {
		/* True since before this host looked: whoever led then has told it, if any did. */
		clock_rfc3339(item->since_s - SKEW_S, since);
		if (!kept || (item->observed && strcmp(kept->time, since) < 0))
			enact_tell(enact, item);
	}
}

static void reconcile_tenant(struct enact *enact, const struct nemo_tenant *tenant,
			     struct enact_ask *ask)
{
	struct kept *all = NULL, *kept, *next;

	intent_events(enact->intent, tenant->name, 0, on_kept, &all);
	for (unsigned int i = 0; i < enact->n_items; i++) {
		struct enact_item *item = &enact->items[i];

		if (item->tenant != tenant)
			continue;
		HASH_FIND_STR(all, item->object->name, kept);
		reconcile_item(enact, item, ask, kept);
	}
	HASH_ITER(hh, all, kept, next) {
		HASH_DEL(all, kept);
		free(kept);
	}
}

void enact_reconcile(struct enact *enact)
{
	struct enact_ask ask;

	if (!enact->started || !enact->leads || !enact->intent)
		return;
	enact_remember(enact, true);
	enact_ask_init(&ask, enact);
	for (unsigned int i = 0; i < enact->head.n; i++)
		reconcile_tenant(enact, &enact->head.tenants[i], &ask);
	enact_remember(enact, false);
}
