/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Generations: from dirty objects to messages, and what becomes of them. */
#include <errno.h>
#include <string.h>

#include "ncc/ncc_int.h"
#include "util/clock.h"
#include "util/log.h"

/* Size of the largest message of a plan: the queue is made large enough before the first one is
 * pushed, so that a plan is never cut short. */
#define ROOM_PER_ITEM (sizeof(struct san_msg) + sizeof(struct san_msg_nexthop))

/* --- encoding --- */

static void push_nexthop(struct ncc *ncc, const struct nh *nh)
{
	struct san_msg_nexthop msg = {
		.id = nh->id,
		.kind = nh->content.kind,
		.encap = nh->content.encap,
		.n_segs = nh->content.n_segs,
		.hop_limit = nh->content.hop_limit,
		.families = nh->content.families,
	};

	memcpy(msg.segs, nh->content.segs, sizeof(msg.segs));
	io_push(ncc, SAN_MSG_NEXTHOP, ncc->generation, &msg);
}

static struct san_msg_service service_msg(const struct svc *svc)
{
	struct san_msg_service msg = {
		.service_id = svc->key.id,
		.scope = (uint8_t)svc->key.scope,
		.nexthop = svc->selected ? svc->selected->id : 0,
		.mode = svc->selected ? svc->mode : SAN_MODE_NONE,
		.affinity = svc->affinity,
		.flags = svc->flags,
		.idle_s = svc->idle_s,
		.groups = svc->groups,
	};

	if (msg.mode == SAN_MODE_BALANCED)
		msg.n_members = (uint16_t)svc->n_members;
	if (address_owned(&svc->claims[FAMILY_IP6]))
		msg.address = svc->claims[FAMILY_IP6].address->addr;
	if (address_owned(&svc->claims[FAMILY_IP4]))
		memcpy(&msg.address4, &svc->claims[FAMILY_IP4].address->addr.s6_addr[12],
		       sizeof(msg.address4));
	return msg;
}

static unsigned int push_service(struct ncc *ncc, struct svc *svc)
{
	struct san_msg_service msg = service_msg(svc);

	if (svc->carried <= ncc->status.applied)
		svc->applied = svc->carried;
	svc->carried = ncc->generation;
	io_push(ncc, SAN_MSG_SERVICE, ncc->generation, &msg);
	for (unsigned int i = 0; i < msg.n_members; i++) {
		struct san_msg_member member = {
			.service_id = svc->key.id,
			.nexthop = svc->members[i].nh->id,
			.weight = svc->members[i].weight,
		};

		io_push(ncc, SAN_MSG_MEMBER, ncc->generation, &member);
	}
	return 1 + msg.n_members;
}

/* The number of messages. */
static unsigned int push_item(struct ncc *ncc, struct item *item)
{
	item->sent = true;
	if (item->kind == ITEM_SERVICE)
		return push_service(ncc, (struct svc *)item);
	if (item->kind == ITEM_NEXTHOP)
		push_nexthop(ncc, (struct nh *)item);
	else
		io_push(ncc, SAN_MSG_SID, ncc->generation, &((struct sid *)item)->msg);
	return 1;
}

static unsigned int push_classes(struct ncc *ncc)
{
	for (unsigned int i = 0; i < ncc->n_intents; i++)
		io_push(ncc, SAN_MSG_CLASS, ncc->generation, &ncc->intents[i].msg);
	for (unsigned int i = 0; i < ncc->n_classes; i++)
		io_push(ncc, SAN_MSG_CLASS, ncc->generation, &ncc->classes[i].msg);
	return ncc->n_intents + ncc->n_classes;
}

static bool item_removed(const struct item *item)
{
	if (item->kind == ITEM_NEXTHOP)
		return ((const struct nh *)item)->refs == 0;
	if (item->kind == ITEM_SERVICE)
		return ((const struct svc *)item)->removed;
	return ((const struct sid *)item)->removed;
}

static void push_removal(struct ncc *ncc, const struct item *item)
{
	enum san_msg_type type = SAN_MSG_SID_DEL;
	struct san_msg_key key = {0};

	if (item->kind == ITEM_NEXTHOP) {
		type = SAN_MSG_NEXTHOP_DEL;
		key.id = ((const struct nh *)item)->id;
	} else if (item->kind == ITEM_SERVICE) {
		type = SAN_MSG_SERVICE_DEL;
		key.service_id = ((const struct svc *)item)->key.id;
		key.scope = (uint8_t)((const struct svc *)item)->key.scope;
	} else {
		key.addr = ((const struct sid *)item)->addr;
	}
	io_push(ncc, type, ncc->generation, &key);
}

static unsigned int push_changes(struct ncc *ncc)
{
	struct item *item, *next;
	unsigned int n = 0;

	DL_FOREACH_SAFE(ncc->dirty, item, next)
	{
		state_unlist(ncc, item);
		if (!item_removed(item)) {
			n += push_item(ncc, item);
			continue;
		}
		n++;
		push_removal(ncc, item);
		item->leaving = true;
		DL_APPEND(ncc->leaving, item);
	}
	return n;
}

static unsigned int push_live(struct ncc *ncc, struct item *item)
{
	state_unlist(ncc, item);
	if (item_removed(item)) {
		state_free_item(ncc, item);
		return 0;
	}
	return push_item(ncc, item);
}

static unsigned int push_everything(struct ncc *ncc)
{
	struct svc *svc, *next_svc;
	struct sid *sid, *next_sid;
	struct nh *nh, *next_nh;
	unsigned int n = 0;

	HASH_ITER(hh, ncc->nexthops, nh, next_nh) {
		n += push_live(ncc, &nh->item);
	}
	HASH_ITER(hh, ncc->sids, sid, next_sid) {
		n += push_live(ncc, &sid->item);
	}
	HASH_ITER(hh, ncc->services, svc, next_svc) {
		n += push_live(ncc, &svc->item);
	}
	return n;
}

/* --- generations --- */

/* Messages of the plan that is due, or more. */
static size_t messages_needed(const struct ncc *ncc)
{
	size_t n = 2;

	if (ncc->need_full || ncc->classes_changed)
		n += ncc->n_intents + ncc->n_classes;
	if (ncc->need_full) {
		n += HASH_COUNT(ncc->nexthops) + HASH_COUNT(ncc->services) + HASH_COUNT(ncc->sids);
		for (const struct svc *svc = ncc->services; svc; svc = svc->hh.next)
			n += svc->n_members;
		return n;
	}
	for (const struct item *item = ncc->dirty; item; item = item->next) {
		n++;
		if (item->kind == ITEM_SERVICE)
			n += ((const struct svc *)item)->n_members;
	}
	return n;
}

static void on_retry(uv_timer_t *timer)
{
	plans_try(timer->data);
}

void plans_try(struct ncc *ncc)
{
	struct san_msg_plan begin = {0}, commit = {0};

	if (ncc->phase != PHASE_READY || ncc->in_flight || !ncc->wanted ||
	    uv_is_active((uv_handle_t *)&ncc->retry))
		return;
	if (!ncc->need_full && !ncc->dirty && !ncc->classes_changed) {
		ncc->wanted = false;
		return;
	}
	if (io_reserve(ncc, messages_needed(ncc) * ROOM_PER_ITEM)) {
		uv_timer_start(&ncc->retry, on_retry, NCC_BACKOFF_MAX_MS, 0);
		log_err("plan not sent", "reason=\"no memory\"");
		return;
	}
	ncc->generation++;
	ncc->wanted = false;
	ncc->in_flight = true;
	ncc->flushed_us = ncc->wanted_us;
	begin.flags = ncc->need_full ? SAN_PLAN_FULL : 0;
	if (ncc->classes_changed)
		begin.flags |= SAN_PLAN_CLASSES;
	io_push(ncc, SAN_MSG_PLAN_BEGIN, ncc->generation, &begin);
	commit.count = ncc->need_full ? push_everything(ncc) : push_changes(ncc);
	if (ncc->need_full || ncc->classes_changed)
		commit.count += push_classes(ncc);
	ncc->need_full = ncc->classes_changed = false;
	io_push(ncc, SAN_MSG_PLAN_COMMIT, ncc->generation, &commit);
	ncc->status.plans++;
	io_pump(ncc);
}

uint64_t ncc_flush(struct ncc *ncc)
{
	bool first = ncc->need_full && !ncc->status.desired;

	if (!ncc->dirty && !ncc->classes_changed && !first)
		return ncc->status.desired;
	if (!ncc->wanted)
		ncc->wanted_us = clock_us();
	ncc->wanted = true;
	ncc->status.desired = ncc->generation + 1;
	/* A change may be what heals a refused plan: try again soon, but not at once each time. */
	if (uv_is_active((uv_handle_t *)&ncc->retry) && ncc->backoff_ms) {
		uint64_t past_ms = (clock_us() - ncc->refused_us) / 1000;
		uint64_t wait = past_ms < NCC_BACKOFF_MIN_MS ? NCC_BACKOFF_MIN_MS - past_ms : 0;

		uv_timer_start(&ncc->retry, on_retry, wait, 0);
	}
	plans_try(ncc);
	return ncc->status.desired;
}

static void applied(struct ncc *ncc)
{
	struct item *item, *next;

	ncc->status.applied = ncc->generation;
	ncc->status.last_apply_us = clock_us() - ncc->flushed_us;
	hist_add(&ncc->apply_us, ncc->status.last_apply_us);
	ncc->backoff_ms = 0;
	DL_FOREACH_SAFE(ncc->leaving, item, next)
	{
		state_free_item(ncc, item);
	}
}

static void refused(struct ncc *ncc)
{
	ncc->status.failures++;
	ncc->status.desired = ncc->generation + 1;
	ncc->need_full = true;
	if (!ncc->wanted)
		ncc->wanted_us = clock_us();
	ncc->wanted = true;
	ncc->refused_us = clock_us();
	ncc->backoff_ms = ncc->backoff_ms ? 2 * ncc->backoff_ms : NCC_BACKOFF_MIN_MS;
	if (ncc->backoff_ms > NCC_BACKOFF_MAX_MS)
		ncc->backoff_ms = NCC_BACKOFF_MAX_MS;
	uv_timer_start(&ncc->retry, on_retry, ncc->backoff_ms, 0);
}

static void on_plan_ack(struct ncc *ncc, const struct san_msg_ack *ack)
{
	ncc->in_flight = false;
	if (ack->result)
		refused(ncc);
	else
		applied(ncc);
}

static void on_config_ack(struct ncc *ncc, const struct san_msg_ack *ack)
{
	ncc->phase = ack->result ? PHASE_REFUSED : PHASE_READY;
}

void plans_on_ack(struct ncc *ncc, const struct san_msg *hdr, const struct san_msg_ack *ack)
{
	bool plan = ack->type == SAN_MSG_PLAN_COMMIT;

	if (plan ? !ncc->in_flight || hdr->generation != ncc->generation
		 : ncc->phase != PHASE_CONFIG)
		return; /* answers nothing that was asked */
	ncc->status.last_result = ack->result;
	ncc->status.repaired += ack->repaired;
	memcpy(ncc->status.last_text, ack->text, sizeof(ncc->status.last_text));
	if (plan)
		on_plan_ack(ncc, ack);
	else
		on_config_ack(ncc, ack);
	if (ncc->acked)
		ncc->acked(ncc->acked_arg, plan ? hdr->generation : 0, ack->result, ack->text);
	if (!ncc->closing)
		plans_try(ncc);
}
