/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers to STATS_REQ: what to read is listed at once, read as fast as the socket takes it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/apply_int.h"

void counters_drop(struct apply *a)
{
	free(a->stat_rows);
	a->stat_rows = NULL;
	a->request = 0;
	a->n_stat_rows = a->next_stat_row = 0;
}

static void add(struct apply *a, uint32_t kind, uint64_t key, uint32_t index)
{
	a->stat_rows[a->n_stat_rows++] =
		(struct stat_row){.kind = kind, .index = index, .key = key};
}

static void add_reasons(struct apply *a, unsigned int ifindex)
{
	for (uint32_t i = 0; i < SAN_R_MAX; i++)
		add(a, SAN_STAT_REASON, i, ifindex);
}

/* Each act once: rules of one act stand anywhere. */
static void add_acts(struct apply *a)
{
	bool told[SAN_MAX_ACTS + 1] = {false};

	for (unsigned int i = 0; i < a->rules.n; i++) {
		uint32_t act = a->rules.v[i].act;

		if (!act || told[act])
			continue;
		told[act] = true;
		add(a, SAN_STAT_ACT, act, act);
		add(a, SAN_STAT_ACT_OVER, act, act);
	}
}

static void add_all(struct apply *a)
{
	for (struct entry *e = a->entries; e; e = e->hh.next) {
		if (e->key.scope == SAN_SCOPE_INGRESS && e->val.stats != SAN_STATS_NONE)
			add(a, SAN_STAT_SERVICE, e->key.id, e->val.stats);
	}
	for (struct egress *e = a->egress; e; e = e->hh.next) {
		if (e->stats != SAN_STATS_NONE)
			add(a, SAN_STAT_EGRESS, e->service_id, e->stats);
	}
	for (struct hop *hop = a->hops; hop; hop = hop->hh.next) {
		if (hop->id)
			add(a, SAN_STAT_NEXTHOP, hop->id, hop->index);
	}
	add_reasons(a, 0);
	for (unsigned int i = 0; i < a->n_ifaces; i++) {
		if (a->ifaces[i].ifindex)
			add_reasons(a, a->ifaces[i].ifindex);
	}
	add_acts(a);
	for (uint32_t i = 0; i < SAN_MAP_MAX; i++)
		add(a, SAN_STAT_MAP, i, i);
	add(a, SAN_STAT_EVENTS, 0, 0);
}

void counters_ask(struct apply *a, uint32_t request)
{
	size_t n = HASH_COUNT(a->entries) + HASH_COUNT(a->egress) + HASH_COUNT(a->hops) +
		   (a->n_ifaces + 1u) * SAN_R_MAX + 2u * a->rules.n + SAN_MAP_MAX + 1;
	struct err err = {0};

	counters_drop(a);
	a->stat_rows = calloc(n, sizeof(*a->stat_rows));
	if (!a->stat_rows) {
		err_set(&err, -ENOMEM, "", "", "no memory for counters");
		talk_ack(a, SAN_MSG_STATS_REQ, 0, &err);
		return;
	}
	add_all(a);
	a->request = request;
	apply_go_on(a);
}

static int read_counter(struct apply *a, const struct stat_row *row, struct san_counter *sum)
{
	uint64_t used, size;

	switch (row->kind) {
	case SAN_STAT_SERVICE:
	case SAN_STAT_EGRESS:
		return dp_svc_stats(a->dp, row->index, sum);
	case SAN_STAT_NEXTHOP:
		return dp_nh_stats(a->dp, row->index, sum);
	case SAN_STAT_REASON:
		return dp_reason_stats(a->dp, row->index, (enum san_reason)row->key, sum);
	case SAN_STAT_ACT:
		return dp_act_stats(a->dp, row->index, sum);
	case SAN_STAT_ACT_OVER:
		return dp_act_over(a->dp, row->index, sum);
	case SAN_STAT_MAP:
		room_get(a, (enum san_map)row->key, &used, &size);
		sum->packets = used;
		sum->bytes = size;
		return 0;
	default:
		sum->packets = a->passed;
		sum->bytes = a->lost;
		return 0;
	}
}

static int send_row(struct apply *a, const struct stat_row *row)
{
	struct san_counter sum = {0};
	struct san_msg_stat msg = {
		.request = a->request,
		.kind = row->kind,
		.key = row->key,
		.ifindex = row->kind == SAN_STAT_REASON ? row->index : 0,
	};

	if (read_counter(a, row, &sum))
		memset(&sum, 0, sizeof(sum));
	msg.packets = sum.packets;
	msg.bytes = sum.bytes;
	return talk_send(a, SAN_MSG_STAT, &msg);
}

int counters_pump(struct apply *a)
{
	struct san_msg_stats_req end = {.request = a->request};
	int r;

	for (; a->next_stat_row < a->n_stat_rows; a->next_stat_row++) {
		r = send_row(a, &a->stat_rows[a->next_stat_row]);
		if (r)
			return r;
	}
	if (!a->request)
		return 0;
	r = talk_send(a, SAN_MSG_STATS_END, &end);
	if (!r)
		counters_drop(a);
	return r;
}
