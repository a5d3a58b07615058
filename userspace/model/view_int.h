/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the view share: view.c (services), view_instance.c, view_table.c (the instances
 * of a service by name), view_site.c (names of gateways), view_net.c (gateways, paths),
 * view_class.c (classifier rules). */
#ifndef MODEL_VIEW_INT_H
#define MODEL_VIEW_INT_H

#include "model/view.h"

void view_notify(struct view *view, const struct view_event *event);
void view_fini_net(struct view *view); /* frees gateways and paths */
void view_fini_classes(struct view *view);
/* Finds or creates; what is empty goes by release. */
int view_service_need(struct view *view, uint64_t id, struct view_service **out);
void view_service_release(struct view *view, struct view_service *svc);
void view_instances_fini(struct view *view, struct view_service *svc);
struct view_instance *view_table_find(const struct view_service *svc, const char *name);
int view_table_add(struct view_service *svc, struct view_instance *inst); /* -ENOMEM */
void view_table_del(struct view_service *svc, const struct view_instance *inst);
void view_table_fini(struct view_service *svc);
/* A name that lasts until it is dropped as often as taken; NULL without memory. "" is none. */
const char *view_site_take(struct view *view, const char *name);
void view_site_drop(struct view *view, const char *name);
/* samples_put of a whole sample. */
int view_sample_put(struct samples *set, const struct sample *sample, bool *changed);
/* False: none known, or marked before. */
bool view_sample_refuse(struct samples *set, uint16_t attr);

#endif
