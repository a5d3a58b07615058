/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Properties of gateways' PIDs -> computing status of the instances there. */
#include "altoc/altoc_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

/* An instance that was told something. */
struct altoc_mark {
	struct altoc_told told[ALTOC_PROPERTIES_MAX];
	bool seen; /* in this round */
	UT_hash_handle hh;
	struct mark_key {
		uint64_t service;
		char name[NAME_LEN]; /* zero-padded: hashed as bytes */
	} key;
};

struct wishes { /* of one gateway */
	bool any;
	struct altoc_wish v[ALTOC_PROPERTIES_MAX];
};

static struct mark_key key_of(const struct view_instance *inst)
{
	struct mark_key key = {.service = inst->service->id};

	snprintf(key.name, sizeof(key.name), "%s", inst->name);
	return key;
}

static struct altoc_mark *find_mark(const struct altoc_peer *peer, const struct mark_key *key)
{
	struct altoc_mark *mark;

	HASH_FIND(hh, peer->marks, key, sizeof(*key), mark);
	return mark;
}

static struct altoc_mark *need_mark(struct altoc_peer *peer, const struct mark_key *key)
{
	struct altoc_mark *mark = find_mark(peer, key);

	if (mark)
		return mark;
	if (HASH_COUNT(peer->marks) >= ALTOC_INSTANCES_MAX) {
		if (!peer->too_many)
			log_warn("too many instances for an ALTO source, the others get nothing",
				 "source=%s most=%d", peer->conf.name, ALTOC_INSTANCES_MAX);
		peer->too_many = true;
		return NULL;
	}
	mark = calloc(1, sizeof(*mark));
	if (!mark)
		return NULL;
	mark->key = *key;
	HASH_ADD(hh, peer->marks, key, sizeof(mark->key), mark);
	return mark;
}

static void drop_mark(struct altoc_peer *peer, struct altoc_mark *mark)
{
	HASH_DEL(peer->marks, mark);
	free(mark);
}

static struct wishes wishes_of(const struct altoc_peer *peer, const struct altoc_slot *slot,
			       const char *pid)
{
	const struct altoc_source *c = &peer->conf;
	struct wishes w = {0};
	char entity[2 * ALTO_NAME_LEN + 8] = "";

	if (pid)
		snprintf(entity, sizeof(entity), "%s.pid:%s", peer->slots[0].view->map->vtag.id,
			 pid);
	for (unsigned int i = 0; i < c->n_properties; i++) {
		struct altoc_wish *wish = &w.v[i];
		double value;

		wish->attr = peer->property_attr[i];
		if (pid && slot->view &&
		    alto_propmap_number(slot->view->props, entity, c->properties[i].property,
					&value))
			wish->known = altoc_milli(wish->attr, value, c->properties[i].factor,
						  &wish->milli);
		w.any |= wish->known;
	}
	return w;
}

static void feed_instance(struct altoc_peer *peer, const struct view_instance *inst,
			  const struct wishes *w)
{
	struct mark_key key = key_of(inst);
	struct altoc_mark *mark = w->any ? need_mark(peer, &key) : find_mark(peer, &key);
	struct err err = {0};
	json_t *attrs;
	int r;

	if (!mark)
		return;
	mark->seen = true;
	attrs = json_object();
	for (unsigned int i = 0; i < peer->conf.n_properties; i++)
		altoc_wish(peer, &inst->samples, &w->v[i], &mark->told[i], attrs);
	if (json_object_size(attrs)) {
		r = csc_status_put(peer->altoc->conf.csc, inst->service->id, inst->name, attrs,
				   altoc_writing(peer, attrs), &err);
		if (r)
			altoc_write_refused(peer, attrs, &err);
	}
	json_decref(attrs);
}

static bool is_registered(const struct view_instance *inst)
{
	return !inst->aggregate && inst->gateway[0] && !IN6_IS_ADDR_UNSPECIFIED(&inst->address);
}

static void feed_service(struct altoc_peer *peer, const struct view_service *svc,
			 const struct altoc_slot *slot, struct altoc_target *targets)
{
	const char *last = NULL;
	struct view_instance *inst;
	struct altoc_target *t;
	struct wishes w = {0};

	view_each_instance(svc, inst) {
		if (!is_registered(inst))
			continue;
		/* Names of gateways are shared: the same one is the same pointer. */
		if (inst->gateway != last) {
			last = inst->gateway;
			HASH_FIND_STR(targets, last, t);
			w = wishes_of(peer, slot, t ? t->pid : NULL);
		}
		feed_instance(peer, inst, &w);
	}
}

void altoc_feed_props(struct altoc_peer *peer, struct altoc_target *targets)
{
	const struct altoc_slot *slot = &peer->slots[peer->n_slots - 1];
	struct altoc_mark *mark, *next;

	if (slot->kind != ALTOC_PROPS || (!slot->view && !peer->marks))
		return;
	for (const struct view_service *svc = peer->altoc->conf.view->services; svc;
	     svc = svc->hh.next)
		feed_service(peer, svc, slot, targets);
	HASH_ITER(hh, peer->marks, mark, next) {
		bool ours = false;

		for (unsigned int i = 0; i < peer->conf.n_properties; i++)
			ours |= mark->told[i].ours;
		if (!mark->seen || !ours)
			drop_mark(peer, mark);
		else
			mark->seen = false;
	}
}

void altoc_feed_props_fini(struct altoc_peer *peer)
{
	struct altoc_mark *mark, *next;

	HASH_ITER(hh, peer->marks, mark, next)
		drop_mark(peer, mark);
}
