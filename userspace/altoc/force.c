/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The view of a source: which documents are in force, and for how long. */
#include "altoc/altoc_int.h"

#include <errno.h>
#include <string.h>

#include "util/log.h"

static bool same_tag(const struct alto_vtag *a, const struct alto_vtag *b)
{
	return !strcmp(a->id, b->id) && !strcmp(a->tag, b->tag);
}

bool altoc_doc_fits(const struct altoc_slot *slot)
{
	const struct alto_netmap *map = altoc_newest_map(slot->peer);
	const struct altoc_doc *doc = slot->cur;

	if (!map || !doc)
		return false;
	if (doc->costs)
		return same_tag(&doc->costs->depends, &map->vtag);
	for (unsigned int i = 0; doc->props && i < doc->props->n_depends; i++)
		if (!strcmp(doc->props->depends[i].id, map->vtag.id) &&
		    strcmp(doc->props->depends[i].tag, map->vtag.tag) != 0)
			return false;
	return true;
}

void altoc_confirm_at(struct altoc_slot *slot, uint64_t ms)
{
	struct altoc_peer *peer = slot->peer;

	if (!slot->view || slot->view != slot->cur)
		return;
	if (ms > slot->confirmed_ms)
		slot->confirmed_ms = ms;
	if (ms > peer->confirmed_ms)
		peer->confirmed_ms = ms;
}

void altoc_confirm(struct altoc_slot *slot)
{
	altoc_confirm_at(slot, altoc_now(slot->peer));
}

/* ---- coming into force ---- */

bool altoc_holds_up(const struct altoc_slot *slot)
{
	return slot->kind != ALTOC_MAP && slot->offered && slot->view && !slot->nothing &&
	       !altoc_doc_fits(slot);
}

/* Another version of the network map takes the place of the one in force only together with all
 * that is in force. */
static bool may_replace(const struct altoc_peer *peer)
{
	for (unsigned int i = 1; i < peer->n_slots; i++)
		if (altoc_holds_up(&peer->slots[i]))
			return false;
	return true;
}

static bool put_in_force(struct altoc_slot *slot, struct altoc_doc *doc)
{
	if (slot->view == doc)
		return false;
	altoc_doc_hold(&slot->view, doc);
	slot->confirmed_ms = altoc_now(slot->peer);
	return true;
}

static bool is_other(const struct altoc_peer *peer)
{
	const struct altoc_slot *map = &peer->slots[0];

	return !map->view || !same_tag(&map->view->map->vtag, &map->cur->map->vtag);
}

static void put_all_in_force(struct altoc_peer *peer)
{
	bool other = is_other(peer), changed = put_in_force(&peer->slots[0], peer->slots[0].cur);

	peer->unsettled_ms = 0;
	for (unsigned int i = 1; i < peer->n_slots; i++) {
		struct altoc_slot *slot = &peer->slots[i];

		if (slot->offered && altoc_doc_fits(slot))
			changed |= put_in_force(slot, slot->cur);
		else if (other || !slot->offered || slot->nothing)
			changed |= put_in_force(slot, NULL);
	}
	if (!changed)
		return;
	peer->changed_ms = altoc_now(peer);
	peer->lost = false;
	altoc_feed(peer);
}

void altoc_commit(struct altoc_peer *peer)
{
	if (!peer->slots[0].cur)
		return;
	if (!is_other(peer) || may_replace(peer))
		put_all_in_force(peer);
	else if (!peer->unsettled_ms)
		peer->unsettled_ms = altoc_now(peer);
}

/* Has it failed, rather than not come yet? What a stream owes is the stream's. */
static bool is_missed(const struct altoc_slot *slot)
{
	return slot->error[0] && !slot->job && !slot->reading &&
	       !(altoc_streams(slot->peer) && slot->streamed);
}

void altoc_settle(struct altoc_peer *peer)
{
	unsigned int there = 0;

	if (!peer->unsettled_ms || !peer->slots[0].cur ||
	    altoc_now(peer) - peer->unsettled_ms < altoc_times.settle_ms)
		return;
	for (unsigned int i = 1; i < peer->n_slots; i++) {
		const struct altoc_slot *slot = &peer->slots[i];

		if (altoc_holds_up(slot) && !is_missed(slot))
			return;
		there += slot->offered && altoc_doc_fits(slot);
	}
	if (!there)
		return;
	log_warn("ALTO source has not all of a new network map, the rest is withdrawn",
		 "source=%s tag=%s", peer->conf.name, peer->slots[0].cur->map->vtag.tag);
	put_all_in_force(peer);
}

/* ---- going out of force ---- */

/* While a stream runs it says at once what changes, so nothing of it is old. An answer that is
 * being read may confirm it. */
static bool is_old(const struct altoc_slot *slot)
{
	const struct altoc_peer *peer = slot->peer;

	if (!slot->view || slot->reading ||
	    (peer->settled && slot->whole && slot->view == slot->cur))
		return false;
	return altoc_now(peer) - slot->confirmed_ms > peer->keep_ms;
}

/* What is newer than the view stays. */
static void withdraw(struct altoc_slot *slot)
{
	const struct altoc_peer *peer = slot->peer;

	log_warn("ALTO source not confirmed for too long, withdrawn",
		 "source=%s resource=%s keep_s=%ju", peer->conf.name, slot->id,
		 (uintmax_t)(peer->keep_ms / altoc_times.second_ms));
	if (slot->cur == slot->view)
		altoc_doc_forget(slot);
	altoc_doc_hold(&slot->view, NULL);
}

/* Nobody could tell what the others are of. */
static void forget_without_map(struct altoc_peer *peer)
{
	if (peer->slots[0].cur)
		return;
	for (unsigned int i = 1; i < peer->n_slots; i++)
		altoc_doc_forget(&peer->slots[i]);
}

/* A stream tells what changes: of what is forgotten it would never tell all again. */
static bool misses_streamed(const struct altoc_peer *peer)
{
	for (unsigned int i = 0; i < peer->n_slots; i++) {
		const struct altoc_slot *slot = &peer->slots[i];

		if (slot->streamed && slot->whole && !slot->nothing && !slot->cur)
			return true;
	}
	return false;
}

void altoc_expire(struct altoc_peer *peer)
{
	bool dropped = false, all = is_old(&peer->slots[0]);

	for (unsigned int i = 0; i < peer->n_slots; i++) {
		struct altoc_slot *slot = &peer->slots[i];

		if (!slot->view || !(all || is_old(slot)))
			continue;
		withdraw(slot);
		dropped = true;
	}
	if (!dropped)
		return;
	if (all) {
		forget_without_map(peer);
		peer->unsettled_ms = 0;
		peer->lost = true;
	}
	if (peer->stream && misses_streamed(peer))
		altoc_round_again(peer);
	altoc_commit(peer);
	altoc_feed(peer);
}
