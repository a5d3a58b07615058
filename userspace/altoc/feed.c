/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "altoc/altoc_int.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/log.h"

/* An ingress and a gateway. */
struct altoc_pair {
	const char *pid; /* of the gateway, while it is being fed; NULL: none */
	struct altoc_told told[ALTOC_METRICS_MAX];
	UT_hash_handle hh;
	struct pair_key {
		unsigned int ingress;	/* index of the source's */
		char gateway[NAME_LEN]; /* zero-padded: hashed as bytes */
	} key;
};

/* ---- gateways and their PIDs ---- */

static struct alto_prefix endpoint6(const struct in6_addr *addr)
{
	struct alto_prefix p = {.family = 6, .len = 128};

	memcpy(p.addr, addr, sizeof(p.addr));
	return p;
}

/* The PID of everything else says little about where a gateway is. */
static bool is_rest(const struct alto_netmap *map, const struct alto_prefix *endpoint,
		    const char *pid)
{
	return pid == (endpoint->family == 4 ? map->rest4 : map->rest6);
}

static const char *find_pid(const struct alto_netmap *map, const struct gateway *gw)
{
	struct alto_prefix locator = endpoint6(&gw->locator),
			   address = alto_endpoint_of(&gw->address);
	const char *by_locator = alto_netmap_match(map, &locator), *by_address;

	if ((by_locator && !is_rest(map, &locator, by_locator)) ||
	    IN6_IS_ADDR_UNSPECIFIED(&gw->address))
		return by_locator;
	by_address = alto_netmap_match(map, &address);
	if (by_address && !is_rest(map, &address, by_address))
		return by_address;
	return by_locator ? by_locator : by_address;
}

static int add_target(struct altoc_target **all, const char *gateway, const char *pid, bool known)
{
	struct altoc_target *t;

	HASH_FIND_STR(*all, gateway, t);
	if (t || !pid)
		return 0;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	snprintf(t->gateway, sizeof(t->gateway), "%s", gateway);
	t->pid = pid;
	t->known = known;
	HASH_ADD_STR(*all, gateway, t);
	return 0;
}

int altoc_targets(const struct altoc_peer *peer, const struct alto_netmap *map,
		  struct altoc_target **out)
{
	const struct altoc_source *c = &peer->conf;
	struct altoc_target *all = NULL;
	int r = 0;

	for (unsigned int i = 0; !r && i < c->n_gateways; i++)
		r = add_target(&all, c->gateways[i].name, c->gateways[i].pid,
			       json_object_get(map->pids, c->gateways[i].pid));
	for (const struct view_gateway *gw = peer->altoc->conf.view->gateways; !r && gw;
	     gw = gw->hh.next)
		r = add_target(&all, gw->def.name, find_pid(map, &gw->def), true);
	if (r) {
		altoc_targets_free(all);
		return r;
	}
	*out = all;
	return 0;
}

void altoc_targets_free(struct altoc_target *targets)
{
	struct altoc_target *t, *next;

	HASH_ITER(hh, targets, t, next) {
		HASH_DEL(targets, t);
		free(t);
	}
}

/* ---- one value ---- */

bool altoc_milli(uint16_t attr, double value, double factor, int64_t *milli)
{
	double scaled = value * factor * 1000;

	if (!isfinite(scaled) || scaled < 0 || scaled > (double)attr_max_milli(attr))
		return false;
	*milli = llround(scaled);
	return true;
}

static uint64_t now_us(const struct altoc_peer *peer)
{
	return view_time(peer->altoc->conf.view, clock_us());
}

/* Told again when half of the time between two ticks is over: nothing ages, and nothing that
 * another tick has just told is told twice. */
static bool is_fresh(const struct altoc_peer *peer, const struct sample *s)
{
	return s->received_us && now_us(peer) < s->received_us + altoc_times.refresh_ms * 1000 / 2;
}

/* What somebody else has written since is theirs. What the view had before ours was written says
 * nothing: ours is on its way. */
static void withdraw(const struct sample *s, const struct altoc_wish *wish, struct altoc_told *told,
		     json_t *attrs)
{
	bool since = s && s->received_us >= told->sent_us;
	bool there = told->ours && (!since || s->milli == told->milli);

	if (there)
		json_object_set_new(attrs, attr_name(wish->attr), json_null());
	told->ours = there && s;
}

void altoc_wish(const struct altoc_peer *peer, const struct samples *have,
		const struct altoc_wish *wish, struct altoc_told *told, json_t *attrs)
{
	const struct sample *s = have ? samples_get(have, wish->attr) : NULL;

	if (!wish->known) {
		withdraw(s, wish, told, attrs);
		return;
	}
	if (!s || s->milli != wish->milli || !is_fresh(peer, s)) {
		told->sent_us = now_us(peer);
		json_object_set_new(attrs, attr_name(wish->attr), attr_to_json(wish->milli));
	} else if (!told->ours) {
		told->sent_us = s->received_us;
	}
	told->ours = true;
	told->milli = wish->milli;
}

/* ---- writes ---- */

static void on_written(void *arg, int status, int64_t revision, bool created)
{
	struct altoc_peer *peer = arg;
	struct altoc *altoc = peer->altoc;

	peer->pending--;
	if (!altoc->closed && status && status != -ECANCELED && status != -ENOENT) {
		if (!peer->write_failed)
			log_warn("values of an ALTO source not stored", "source=%s error=\"%s\"",
				 peer->conf.name, strerror(-status));
		peer->write_failed = true;
	} else if (!status) {
		peer->write_failed = false;
	}
	if (!altoc->closed && !peer->pending && peer->dirty && !peer->sweep)
		altoc_feed(peer);
	altoc_release(altoc);
}

struct ncsdb_write_done altoc_writing(struct altoc_peer *peer, const json_t *attrs)
{
	peer->pending++;
	peer->altoc->refs++;
	peer->written += json_object_size(attrs);
	return (struct ncsdb_write_done){on_written, peer};
}

void altoc_write_refused(struct altoc_peer *peer, const json_t *attrs, const struct err *err)
{
	char text[ALTOC_TEXT];

	peer->pending--;
	peer->altoc->refs--;
	peer->written -= json_object_size(attrs);
	if (!peer->write_failed)
		log_warn("values of an ALTO source not stored", "source=%s why=\"%s\"",
			 peer->conf.name, err_text(err, text, sizeof(text)));
	peer->write_failed = true;
}

/* ---- pairs ---- */

static struct altoc_pair *pair_of(struct altoc_peer *peer, unsigned int ingress,
				  const char *gateway)
{
	struct pair_key key = {.ingress = ingress};
	struct altoc_pair *pair;

	snprintf(key.gateway, sizeof(key.gateway), "%s", gateway);
	HASH_FIND(hh, peer->pairs, &key, sizeof(key), pair);
	if (pair)
		return pair;
	if (HASH_COUNT(peer->pairs) >= ALTOC_PAIRS_MAX) {
		if (!peer->too_many)
			log_warn("too many pairs for an ALTO source, the others have no costs",
				 "source=%s most=%d", peer->conf.name, ALTOC_PAIRS_MAX);
		peer->too_many = true;
		return NULL;
	}
	pair = calloc(1, sizeof(*pair));
	if (!pair)
		return NULL;
	pair->key = key;
	HASH_ADD(hh, peer->pairs, key, sizeof(pair->key), pair);
	return pair;
}

static void drop_pair(struct altoc_peer *peer, struct altoc_pair *pair)
{
	HASH_DEL(peer->pairs, pair);
	free(pair);
}

/* A host's own gateway is not reached over the network. */
static void mark_pairs(struct altoc_peer *peer, const struct altoc_target *targets)
{
	const struct altoc_source *c = &peer->conf;
	struct altoc_pair *pair;

	for (pair = peer->pairs; pair; pair = pair->hh.next)
		pair->pid = NULL;
	for (const struct altoc_target *t = targets; t; t = t->hh.next) {
		for (unsigned int i = 0; i < c->n_ingresses; i++) {
			if (!strcmp(c->ingresses[i].name, t->gateway))
				continue;
			pair = pair_of(peer, i, t->gateway);
			if (pair)
				pair->pid = t->pid;
		}
	}
}

static struct altoc_wish cost_of(const struct altoc_peer *peer, const struct altoc_pair *pair,
				 const struct altoc_slot *slot)
{
	const char *src = peer->conf.ingresses[pair->key.ingress].pid;
	struct altoc_wish wish = {.attr = peer->metric_attr[slot->metric]};
	double value;

	if (slot->view && pair->pid && alto_costmap_cost(slot->view->costs, src, pair->pid, &value))
		wish.known = altoc_milli(wish.attr, value, peer->conf.metrics[slot->metric].factor,
					 &wish.milli);
	return wish;
}

/* True: something is known of it, or was told by us. */
static bool feed_pair(struct altoc_peer *peer, struct altoc_pair *pair)
{
	const struct altoc *altoc = peer->altoc;
	struct path_key key = {peer->conf.ingresses[pair->key.ingress].name, pair->key.gateway,
			       peer->conf.path};
	const struct view_path *path;
	json_t *attrs = json_object();
	struct err err = {0};
	bool known = false, ours = false;

	path = view_path(altoc->conf.view, key);
	for (unsigned int i = 0; i < peer->n_slots; i++) {
		const struct altoc_slot *slot = &peer->slots[i];
		struct altoc_wish wish;

		if (slot->kind != ALTOC_COSTS)
			continue;
		wish = cost_of(peer, pair, slot);
		known |= wish.known;
		altoc_wish(peer, path ? &path->samples : NULL, &wish, &pair->told[slot->metric],
			   attrs);
		ours |= pair->told[slot->metric].ours;
	}
	peer->n_swept += known;
	if (json_object_size(attrs) &&
	    nsc_status_put(altoc->conf.nsc, key, attrs, altoc_writing(peer, attrs), &err))
		altoc_write_refused(peer, attrs, &err);
	json_decref(attrs);
	return ours || pair->pid;
}

/* ---- all ---- */

static void say_unknown(struct altoc_peer *peer, const struct alto_netmap *map)
{
	const struct altoc_source *c = &peer->conf;
	char text[ALTOC_TEXT] = "";

	for (unsigned int i = 0; !text[0] && i < c->n_ingresses; i++)
		if (!json_object_get(map->pids, c->ingresses[i].pid))
			snprintf(text, sizeof(text), "network map %s has no PID %s (ingress %s)",
				 map->vtag.id, c->ingresses[i].pid, c->ingresses[i].name);
	for (unsigned int i = 0; !text[0] && i < c->n_gateways; i++)
		if (!json_object_get(map->pids, c->gateways[i].pid))
			snprintf(text, sizeof(text), "network map %s has no PID %s (gateway %s)",
				 map->vtag.id, c->gateways[i].pid, c->gateways[i].name);
	if (text[0] && strcmp(text, peer->unknown) != 0)
		log_warn("configured PID is not known to an ALTO source", "source=%s why=\"%s\"",
			 c->name, text);
	memcpy(peer->unknown, text, sizeof(text));
}

static void stop_sweep(struct altoc_peer *peer)
{
	uv_idle_stop(&peer->sweeper);
	peer->sweep = NULL;
	altoc_targets_free(peer->targets);
	peer->targets = NULL;
	altoc_doc_hold(&peer->swept, NULL);
}

/* Pairs first, then the rest; a change meanwhile is for the next one. */
static void end_sweep(struct altoc_peer *peer)
{
	peer->n_known = peer->n_swept;
	altoc_feed_props(peer, peer->targets);
	stop_sweep(peer);
	if (peer->dirty && !peer->pending)
		altoc_feed(peer);
}

/* So many pairs a turn of the loop, which a timer of 0 ms is not. The next one is not dropped
 * meanwhile: only here. */
static void on_sweep(uv_idle_t *idle)
{
	struct altoc_peer *peer = idle->data;

	for (unsigned int n = 0; peer->sweep && n < ALTOC_SLICE; n++) {
		struct altoc_pair *pair = peer->sweep;

		peer->sweep = pair->hh.next;
		if (!feed_pair(peer, pair))
			drop_pair(peer, pair);
	}
	if (peer->sweep)
		uv_idle_start(idle, on_sweep);
	else
		end_sweep(peer);
}

/* What is told is as it is now; -ENOMEM: nothing is. */
static int renew_targets(struct altoc_peer *peer)
{
	struct altoc_doc *map = peer->slots[0].view;
	struct altoc_target *targets = NULL;

	if (map && altoc_targets(peer, map->map, &targets)) {
		log_err("ALTO source is not fed", "source=%s error=\"out of memory\"",
			peer->conf.name);
		stop_sweep(peer);
		return -ENOMEM;
	}
	if (map)
		say_unknown(peer, map->map);
	mark_pairs(peer, targets);
	altoc_targets_free(peer->targets);
	peer->targets = targets;
	altoc_doc_hold(&peer->swept, map);
	return 0;
}

/* Documents in force changed, or it is time again. A sweep that is under way goes on from where it
 * is, with what is in force now, and another one comes behind it: with changes that never end the
 * last pairs are told, too. What was told is told anew only when that is written. */
void altoc_feed(struct altoc_peer *peer)
{
	peer->dirty = peer->pending > 0 || peer->sweep;
	if (!peer->sweep && peer->dirty)
		return;
	if (renew_targets(peer) || peer->sweep)
		return;
	peer->n_swept = 0;
	peer->sweep = peer->pairs;
	on_sweep(&peer->sweeper);
}

void altoc_feed_stop(struct altoc_peer *peer)
{
	stop_sweep(peer);
}

void altoc_feed_fini(struct altoc_peer *peer)
{
	struct altoc_pair *pair, *next;

	HASH_ITER(hh, peer->pairs, pair, next)
		drop_pair(peer, pair);
	altoc_feed_props_fini(peer);
}
