/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the view share: view.c (services, instances), view_net.c (gateways, paths),
 * view_class.c (classifier rules). */
#ifndef MODEL_VIEW_INT_H
#define MODEL_VIEW_INT_H

#include "model/view.h"

void view_notify(struct view *view, const struct view_event *event);
void view_fini_net(struct view *view); /* frees gateways and paths */
void view_fini_classes(struct view *view);
/* samples_put of a whole sample. */
int view_sample_put(struct samples *set, const struct sample *sample, bool *changed);
/* False: none known, or marked before. */
bool view_sample_refuse(struct samples *set, uint16_t attr);

#endif
