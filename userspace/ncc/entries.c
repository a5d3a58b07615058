/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries of san_services and san_local. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"
#include "util/name.h"

struct entry *shadow_entry(const struct apply *a, const struct svc_key *key)
{
	struct entry *e;

	HASH_FIND(hh, a->entries, key, sizeof(*key), e);
	return e;
}

static bool is_local(const struct svc_key *key)
{
	return key->scope == SAN_SCOPE_LOCAL;
}

static int failed(struct apply *a, struct err *err, int r, const struct svc_key *key)
{
	enum san_map map = is_local(key) ? SAN_MAP_LOCAL : SAN_MAP_SERVICES;
	char text[SVC_ID_TEXT];

	if (r == -ENOSPC)
		room_error(a, err, map);
	else
		err_set(err, r, "", "", "map %s not written: %s",
			is_local(key) ? "san_local" : "san_services", strerror(-r));
	err_object(err, "service %s", svc_id_text(key->id, text));
	return r;
}

/* --- references to next hops --- */

static void count_one(struct apply *a, uint32_t index, int by)
{
	struct hop *hop = hop_by_index(a, index);

	if (hop)
		hop->refs = (unsigned int)((int)hop->refs + by);
}

static void count_those(struct apply *a, uint32_t nexthop, const struct balance *b, int by)
{
	if (!b) {
		count_one(a, nexthop, by);
		return;
	}
	for (unsigned int i = 0; i < b->n_members; i++)
		count_one(a, b->members[i].nexthop, by);
}

static void count_refs(struct apply *a, const struct entry *e, int by)
{
	count_those(a, e->val.nexthop, e->balance, by);
}

/* --- held ones --- */

/* What e leads to, with its references, before it leads to `next` again. The range belongs to one.
 * False: nothing to hold, or no memory. */
static bool hold(struct entry *e, const struct balance *next)
{
	struct held *held = e->held;

	while (held && (held->balance || e->balance || held->nexthop != e->val.nexthop))
		held = held->next;
	if (held || (e->balance && e->balance == next))
		return false;
	held = calloc(1, sizeof(*held));
	if (!held)
		return false;
	if (e->balance && next && e->balance->base == next->base)
		e->balance->base = BUDDY_NONE;
	held->nexthop = e->val.nexthop;
	held->balance = e->balance;
	held->next = e->held;
	e->held = held;
	return true;
}

static void let_go(struct apply *a, struct entry *e)
{
	struct held *held;

	while ((held = e->held)) {
		e->held = held->next;
		count_those(a, held->nexthop, held->balance, -1);
		balance_drop(a, held->balance, e->balance);
		free(held);
		a->orphans = true; /* its next hop goes with the next plan */
	}
}

/* --- one write --- */

static uint32_t take_stats(struct apply *a, const struct svc_key *key)
{
	uint32_t index;

	if (is_local(key))
		return egress_ref(a, key->id);
	index = pool_take(&a->stat_indexes, apply_now_ms());
	if (index)
		dp_svc_stats_clear(a->dp, index);
	return index; /* SAN_STATS_NONE when there is none left */
}

static void give_stats(struct apply *a, const struct entry *e)
{
	if (is_local(&e->key))
		egress_unref(a, e->key.id);
	else
		pool_put_back(&a->stat_indexes, e->val.stats);
}

/* Which plan wrote it is no difference. */
static bool same_selection(const struct san_service *x, const struct san_service *y)
{
	struct san_service z = *x;

	z.generation = y->generation;
	return !memcmp(&z, y, sizeof(z));
}

static bool intact(struct apply *a, const struct entry *e)
{
	struct san_service real;
	int r = dp_service_get(a->dp, is_local(&e->key), e->key.id, &real);

	return !r && !memcmp(&real, &e->val, sizeof(real));
}

/* A balanced service without room in san_slots is a preferred one. */
static void set_slots(struct san_service *val, const struct balance *b)
{
	val->slot_base = 0;
	val->slot_bits = 0;
	if (!b)
		return;
	if (b->base == BUDDY_NONE) {
		val->mode = SAN_MODE_PREFERRED;
		return;
	}
	val->nexthop = SAN_NH_NONE;
	val->slot_base = b->base;
	val->slot_bits = (uint8_t)b->bits;
}

/* Said when it happens, not again while it lasts. */
static void say_cramped(struct apply *a, const struct entry *e, const struct balance *b)
{
	struct err err = {0};
	char text[512], id[SVC_ID_TEXT];

	if (!b || b->base != BUDDY_NONE || (e->balance && e->balance->base == BUDDY_NONE))
		return;
	if (!session_may_log(a))
		return;
	room_error(a, &err, SAN_MAP_SLOTS);
	err_object(&err, "service %s", svc_id_text(e->key.id, id));
	log_warn("service not balanced, its best instance gets all", "text=\"%s\"",
		 err_text(&err, text, sizeof(text)));
}

static int64_t slots_of(const struct san_service *val)
{
	return val->mode == SAN_MODE_BALANCED ? INT64_C(1) << val->slot_bits : 0;
}

int shadow_flush_entries(struct apply *a, struct err *err)
{
	struct entry_batch *b = &a->batch;
	struct dp_services s = {
		.ids = b->ids,
		.vals = b->vals,
		.n = b->n,
		.added = b->added,
		.slots = b->slots,
	};
	struct svc_key key = {.scope = b->local ? SAN_SCOPE_LOCAL : SAN_SCOPE_INGRESS};
	int r = b->n ? dp_services_put(a->dp, b->local, &s) : 0;

	key.id = b->ids[s.failed < s.n ? s.failed : 0];
	shadow_drop_entries(a);
	if (!r)
		return 0;
	return failed(a, err, r, &key);
}

void shadow_drop_entries(struct apply *a)
{
	a->batch.n = 0;
	a->batch.added = 0;
	a->batch.slots = 0;
}

/* Undo and audit write at once; a plan collects. */
static int write_value(struct apply *a, const struct entry *e, const struct san_service *val,
		       bool is_new, struct err *err)
{
	struct entry_batch *b = &a->batch;
	int r = 0;

	if (!a->job.running || a->undo.off)
		return dp_service_put(a->dp, is_local(&e->key), e->key.id, val);
	if (b->n == APPLY_BATCH || (b->n && b->local != is_local(&e->key)))
		r = shadow_flush_entries(a, err);
	if (r)
		return r;
	b->local = is_local(&e->key);
	b->ids[b->n] = e->key.id;
	b->vals[b->n++] = *val;
	b->added += is_new;
	b->slots += slots_of(val) - (is_new ? 0 : slots_of(&e->val));
	return 0;
}

/* The slots first: no packet sees the range before it is filled. Then the entry as a whole. */
static int write_entry(struct apply *a, struct entry *e, const struct san_service *val,
		       const struct balance *b, bool whole, struct err *err)
{
	bool is_new = !e->written;
	int r = 0;

	if (b && b->base != BUDDY_NONE)
		r = balance_write(a, b, whole ? NULL : e->balance);
	if (r || (!whole && same_selection(&e->val, val)))
		return r;
	a->applied++;
	e->written = true;
	return write_value(a, e, val, is_new, err);
}

/* --- put and delete --- */

static int remember(struct apply *a, const struct svc_key *key, const struct entry *old)
{
	struct undo undo = {.kind = UNDO_ENTRY, .had = old != NULL};

	if (old)
		undo.entry = *old;
	undo.entry.key = *key;
	return undo_push(a, &undo);
}

static void hash_in(struct apply *a, struct entry *e)
{
	a->n_entries[e->key.scope]++;
	HASH_ADD(hh, a->entries, key, sizeof(e->key), e);
}

static struct entry *add(struct apply *a, const struct svc_key *key)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->key = *key;
	e->val.stats = take_stats(a, key);
	hash_in(a, e);
	return e;
}

static void forget(struct apply *a, struct entry *e)
{
	let_go(a, e);
	count_refs(a, e, -1);
	give_stats(a, e);
	audit_leave(a, e, e->hh.next);
	a->n_entries[e->key.scope]--;
	HASH_DEL(a->entries, e);
	free(e);
}

static int change(struct apply *a, struct entry *e, const struct entry_want *want, bool whole,
		  struct err *err)
{
	struct san_service val = want->val;
	struct balance *b = NULL;
	struct err own = {0};
	int r = 0;

	if (want->n_members)
		r = balance_plan(a, e->balance, want, &b);
	if (r)
		return failed(a, err, r, &want->key);
	val.stats = e->val.stats;
	set_slots(&val, b);
	say_cramped(a, e, b);
	r = write_entry(a, e, &val, b, whole, &own);
	if (!whole && same_selection(&e->val, &val))
		val.generation = e->val.generation;
	count_refs(a, e, -1);
	e->balance = b; /* the old one belongs to the log */
	e->val = val;
	count_refs(a, e, 1);
	memcpy(e->address, want->address, sizeof(e->address));
	e->plan = a->stamp;
	if (r && own.code)
		*err = own;
	else if (r)
		failed(a, err, r, &want->key);
	return r;
}

/* What other hands did to the map is the audit's business; compared is with the shadow. */
int shadow_put_entry(struct apply *a, const struct entry_want *want, struct err *err)
{
	struct entry *e = shadow_entry(a, &want->key);
	int r = remember(a, &want->key, e);
	bool whole = !e;

	if (r)
		return failed(a, err, r, &want->key);
	if (!e)
		e = add(a, &want->key);
	return e ? change(a, e, want, whole, err) : failed(a, err, -ENOMEM, &want->key);
}

int shadow_del_entry(struct apply *a, const struct svc_key *key, struct err *err)
{
	struct entry *e = shadow_entry(a, key);
	int r;

	if (!e)
		return 0; /* what is in the map all the same is the audit's business */
	r = remember(a, key, e);
	if (!r)
		r = dp_service_del(a->dp, is_local(key), key->id);
	if (r && r != -ENOENT)
		return failed(a, err, r, key);
	forget(a, e);
	a->applied++;
	return 0;
}

/* --- undo --- */

static int undo_new(struct apply *a, struct entry *e)
{
	int r;

	if (!e)
		return 0;
	r = dp_service_del(a->dp, is_local(&e->key), e->key.id);
	balance_drop(a, e->balance, NULL);
	forget(a, e);
	return r == -ENOENT ? 0 : r;
}

/* A deleted one that comes back: with its counter, unless that is a shared one. */
static struct entry *bring_back(struct apply *a, const struct entry *old)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->key = old->key;
	e->val.stats = old->val.stats;
	if (is_local(&e->key))
		e->val.stats = egress_ref(a, e->key.id);
	else
		pool_mark(&a->stat_indexes, e->val.stats);
	hash_in(a, e);
	return e;
}

int shadow_undo_entry(struct apply *a, const struct undo *undo, struct err *err)
{
	struct entry *e = shadow_entry(a, &undo->entry.key);
	struct san_service val = undo->entry.val;
	struct balance *newer;
	bool held;
	int r;

	if (!undo->had) {
		r = undo_new(a, e);
		return r ? failed(a, err, r, &undo->entry.key) : 0;
	}
	if (!e)
		e = bring_back(a, &undo->entry);
	if (!e)
		return failed(a, err, -ENOMEM, &undo->entry.key);
	val.stats = e->val.stats;
	newer = e->balance;
	r = write_entry(a, e, &val, undo->entry.balance, true, err);
	held = r && hold(e, undo->entry.balance);
	if (!held)
		count_refs(a, e, -1);
	memcpy(e->address, undo->entry.address, sizeof(e->address));
	e->balance = undo->entry.balance;
	e->val = val;
	e->plan = undo->entry.plan;
	count_refs(a, e, 1);
	if (newer != e->balance && !held)
		balance_drop(a, newer, e->balance);
	return r ? failed(a, err, r, &e->key) : 0;
}

/* --- audit --- */

/* One that found no room before may find some now. */
static void retry_cramped(struct apply *a, struct entry *e)
{
	struct entry_want want = {.key = e->key, .val = e->val};
	struct balance *old = e->balance;
	struct err err = {0};

	if (!old || old->base != BUDDY_NONE || a->job.running)
		return;
	want.val.mode = SAN_MODE_BALANCED;
	want.members = old->members;
	want.n_members = old->n_members;
	memcpy(want.address, e->address, sizeof(want.address));
	change(a, e, &want, true, &err);
	if (e->balance != old)
		balance_drop(a, old, e->balance);
}

static void mend(struct apply *a, struct entry *e)
{
	int r = dp_service_put(a->dp, is_local(&e->key), e->key.id, &e->val);

	apply_repaired(a, SAN_REPAIR_MAPS);
	if (r)
		log_warn("entry not repaired", "service=0x%jx error=\"%s\"", (uintmax_t)e->key.id,
			 strerror(-r));
}

/* After the walks over the maps, so that one that was not seen is missing, unless it came later. */
void shadow_verify_entry(struct apply *a, struct entry *e)
{
	int r;

	retry_cramped(a, e);
	r = e->balance ? balance_verify(a, e->balance) : 0;
	if (r > 0)
		apply_repaired(a, SAN_REPAIR_MAPS);
	if ((e->held || e->seen != a->audits) && !intact(a, e))
		mend(a, e);
	if (e->held && intact(a, e))
		let_go(a, e);
}

struct look {
	struct apply *a;
	bool local;
};

static int on_entry(void *arg, uint64_t id, const struct san_service *val)
{
	struct look *look = arg;
	struct svc_key key = {id, look->local ? SAN_SCOPE_LOCAL : SAN_SCOPE_INGRESS};
	struct entry *e = shadow_entry(look->a, &key);

	if (!e) {
		dp_service_del(look->a->dp, look->local, id);
		apply_repaired(look->a, SAN_REPAIR_MAPS);
		return 0;
	}
	e->seen = look->a->audits;
	if (memcmp(val, &e->val, sizeof(*val)))
		mend(look->a, e);
	return 0;
}

int shadow_verify_map(struct apply *a, bool local, struct dp_walk *walk)
{
	struct look look = {a, local};

	return dp_service_walk(a->dp, local, walk, on_entry, &look);
}

/* --- start and end --- */

struct adoption {
	struct apply *a;
	bool local;
};

static int adopt(void *arg, uint64_t id, const struct san_service *val)
{
	struct adoption *s = arg;
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->key.id = id;
	e->key.scope = s->local ? SAN_SCOPE_LOCAL : SAN_SCOPE_INGRESS;
	e->val = *val;
	e->written = true;
	hash_in(s->a, e);
	if (s->local)
		egress_adopt(s->a, id, val->stats);
	else if (!pool_mark(&s->a->stat_indexes, val->stats))
		e->val.stats = SAN_STATS_NONE;
	return balance_adopt(s->a, val, &e->balance);
}

static int adopt_map(struct apply *a, bool local)
{
	struct adoption s = {.a = a, .local = local};
	struct dp_walk walk = {0};
	int r;

	do {
		r = dp_service_walk(a->dp, local, &walk, adopt, &s);
	} while (r > 0);
	return r;
}

int shadow_adopt_entries(struct apply *a)
{
	int r = adopt_map(a, false) ?: adopt_map(a, true);

	for (struct entry *e = a->entries; !r && e; e = e->hh.next)
		count_refs(a, e, 1);
	return r;
}

void shadow_clear_entries(struct apply *a)
{
	struct entry *e, *next;

	HASH_ITER(hh, a->entries, e, next) {
		let_go(a, e);
		balance_drop(a, e->balance, NULL);
		HASH_DEL(a->entries, e);
		free(e);
	}
	memset(a->n_entries, 0, sizeof(a->n_entries));
}
