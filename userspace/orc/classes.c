/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The classifier's rules: all of them, whenever one changed. */
#include "orc/orc_int.h"

#include <errno.h>
#include <stdlib.h>

#include "util/log.h"
#include "util/own.h"

void orc_classes_touch(struct orc *orc)
{
	orc->classes_changed = true;
	orc_schedule(orc);
}

static void on_retry(uv_timer_t *timer)
{
	orc_classes_touch(timer->data);
}

static int put(struct orc *orc, unsigned int n, struct err *err)
{
	OWN_PTR struct plan_class *rules = calloc(n ? n : 1, sizeof(*rules));
	const struct view_class *cls;
	unsigned int i = 0;

	if (!rules)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	for (cls = orc->view->classes; cls; cls = cls->hh.next)
		rules[i++] = cls->def;
	return ncc_classes_set(orc->ncc, rules, n, err);
}

/* What ncc took last stands. Said once. */
static void refused(struct orc *orc, unsigned int n, const struct err *err)
{
	char text[512];

	if (!orc->stats.classes_refused)
		log_err("classifier rules not planned, tried again every few seconds",
			"rules=%u in_force=%u why=\"%s\"", n, orc->stats.classes,
			err_text(err, text, sizeof(text)));
	orc->stats.classes_refused = n;
	uv_timer_start(&orc->classes_retry, on_retry, ORC_RETRY_US / 1000, 0);
}

void orc_classes_round(struct orc *orc)
{
	unsigned int n = HASH_COUNT(orc->view->classes);
	struct err err = {0};

	if (!orc->classes_changed)
		return;
	orc->classes_changed = false;
	uv_timer_stop(&orc->classes_retry);
	if (put(orc, n, &err)) {
		refused(orc, n, &err);
		return;
	}
	if (orc->stats.classes_refused)
		log_info("classifier rules are planned again", "rules=%u", n);
	orc->stats.classes_refused = 0;
	orc->stats.classes = n;
	orc->plan_touched = true;
}
