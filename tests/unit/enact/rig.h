/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hosts in one process: each with its view, a real ncc with a parent at the other end of its
 * socketpair, a real intent and enact; one database in memory for all of them.
 */
#ifndef TESTS_UNIT_ENACT_RIG_H
#define TESTS_UNIT_ENACT_RIG_H

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "enact/enact_int.h"
#include "ncc/wire.h"
#include "util/json.h"
#include "util/own.h"
#include "unit/own_clock.h"

#define UNUSED __attribute__((unused))
#define RIG_NODES 3

struct node {
	char host[NAME_LEN];
	int fd; /* the parent's end */
	uv_poll_t poll;
	struct view view;
	struct ncc *ncc;
	struct intent *intent;
	struct enact *enact;
	bool open, synced;
	bool refuses; /* to prepare any head */
	/* what the parent has */
	unsigned int plans;
	int refuse; /* answer to the next plans */
	bool slow;  /* the next plan is not answered before parent_answer() */
	bool owes;
	struct wire_buf owed;
	struct san_msg_class classes[SAN_MAX_CLASSES];
	unsigned int n_classes;
	uint64_t services[256];
	unsigned int n_services;
	unsigned int told;   /* messages that put services and next hops, or take them away */
	bool no_neighbours;  /* next hops of the next plans lead nowhere until tell_hops() */
	struct wire_buf hop; /* header of what is told of next hops */
	uint32_t hops[1024]; /* ids of those that have to be told of */
	unsigned int n_hops;
	uint64_t packets[SAN_MAX_ACTS + 1]; /* by act */
};

static uv_loop_t loop;
static struct ncsdb *db;
static struct node nodes[RIG_NODES];
static const struct intent_tenant_conf tenants[] = {
	{.name = "acme", .grants = {.everything = true}},
	{.name = "zeta", .grants = {.everything = true}},
};

/* ---- the parent ---- */

static void parent_send(struct node *n, uint32_t type, const struct wire_buf *in, const void *msg)
{
	struct wire_buf out;

	wire_fill(&out, type, in->hdr.session, in->hdr.generation, msg);
	assert_int_equal(wire_send(n->fd, &out), 0);
}

/* Next hops lead somewhere from now on. */
static void tell_hops(struct node *n)
{
	struct wire_buf out;

	for (; n->n_hops; n->n_hops--) {
		struct san_msg_nh_state state = {.id = n->hops[n->n_hops - 1], .ifindex = 1};

		wire_fill(&out, SAN_MSG_NH_STATE, n->hop.hdr.session, 0, &state);
		if (wire_send(n->fd, &out))
			return; /* the rest with the next tick */
	}
}

static void parent_hop(struct node *n, const struct wire_buf *in)
{
	assert_true(n->n_hops < ARRAY_SIZE(n->hops));
	n->hop = *in;
	n->hops[n->n_hops++] = ((const struct san_msg_nexthop *)in->payload)->id;
	n->told++;
}

static void parent_ack(struct node *n, const struct wire_buf *in)
{
	struct san_msg_ack ack = {.type = in->hdr.type};

	if (n->slow && in->hdr.type == SAN_MSG_PLAN_COMMIT) {
		n->owed = *in;
		n->owes = true;
		return;
	}
	if (n->refuse && in->hdr.type == SAN_MSG_PLAN_COMMIT) {
		ack.result = n->refuse;
		strcpy(ack.text, "the test says so");
	}
	parent_send(n, SAN_MSG_ACK, in, &ack);
}

/* What it owes; `slow` and `refuse` stay as they are. */
static UNUSED void parent_answer(struct node *n, int result)
{
	bool slow = n->slow;
	int refuse = n->refuse;

	assert_true(n->owes);
	n->owes = n->slow = false;
	n->refuse = result;
	parent_ack(n, &n->owed);
	n->slow = slow;
	n->refuse = refuse;
}

static void parent_stats(struct node *n, const struct wire_buf *in)
{
	const struct san_msg_stats_req *req = (const void *)in->payload;
	struct san_msg_stat row = {.request = req->request, .kind = SAN_STAT_ACT};

	for (uint32_t i = 1; i <= SAN_MAX_ACTS; i++) {
		if (!n->packets[i])
			continue;
		row.key = i;
		row.packets = n->packets[i];
		row.bytes = 100 * n->packets[i];
		parent_send(n, SAN_MSG_STAT, in, &row);
	}
	parent_send(n, SAN_MSG_STATS_END, in, req);
}

static void parent_begin(struct node *n, const struct san_msg_plan *plan)
{
	n->plans++;
	if (plan->flags & (SAN_PLAN_FULL | SAN_PLAN_CLASSES))
		n->n_classes = 0;
	if (plan->flags & SAN_PLAN_FULL)
		n->n_services = 0;
}

static unsigned int service_at(const struct node *n, uint64_t id)
{
	unsigned int i = 0;

	while (i < n->n_services && n->services[i] != id)
		i++;
	return i;
}

static void parent_take(struct node *n, const struct wire_buf *in)
{
	const struct san_msg_service *svc = (const void *)in->payload;
	const struct san_msg_key *key = (const void *)in->payload;
	unsigned int at;

	switch (in->hdr.type) {
	case SAN_MSG_CONFIG_END:
	case SAN_MSG_PLAN_COMMIT:
		parent_ack(n, in);
		break;
	case SAN_MSG_PLAN_BEGIN:
		parent_begin(n, (const void *)in->payload);
		break;
	case SAN_MSG_CLASS:
		assert_true(n->n_classes < SAN_MAX_CLASSES);
		n->classes[n->n_classes++] = *(const struct san_msg_class *)in->payload;
		break;
	case SAN_MSG_NEXTHOP:
		parent_hop(n, in);
		break;
	case SAN_MSG_SERVICE:
		n->told++;
		at = service_at(n, svc->service_id);
		assert_true(at < ARRAY_SIZE(n->services));
		n->services[at] = svc->service_id;
		n->n_services += at == n->n_services;
		break;
	case SAN_MSG_SERVICE_DEL:
		n->told++;
		at = service_at(n, key->service_id);
		assert_true(at < n->n_services);
		n->services[at] = n->services[--n->n_services];
		break;
	case SAN_MSG_STATS_REQ:
		parent_stats(n, in);
		break;
	default:
		break;
	}
}

static void on_parent(uv_poll_t *poll, int status, int events)
{
	struct node *n = poll->data;
	struct wire_buf in;
	size_t len;

	while (wire_recv(n->fd, &in, &len) == 0) {
		struct err err;

		assert_int_equal(wire_check(&in, len, &err), 0);
		parent_take(n, &in);
	}
	if (!n->no_neighbours)
		tell_hops(n);
}

/* ---- the loop ---- */

#define RIG_PATIENCE_S 120

/* Until it holds. */
#define UNTIL(...)                                                                                 \
	do {                                                                                       \
		time_t end_ = time(NULL) + RIG_PATIENCE_S;                                         \
		while (!(__VA_ARGS__)) {                                                           \
			if (time(NULL) > end_)                                                     \
				fail_msg("never: %s", #__VA_ARGS__);                               \
			uv_run(&loop, UV_RUN_ONCE);                                                \
		}                                                                                  \
	} while (0)

static void on_tick(uv_timer_t *timer)
{
	for (unsigned int i = 0; i < RIG_NODES; i++)
		if (nodes[i].open && !nodes[i].no_neighbours)
			tell_hops(&nodes[i]);
}

static uv_timer_t tick; /* so that no run of the loop waits for ever */

static UNUSED bool node_settled(const struct node *n)
{
	struct ncc_status s;

	ncc_status(n->ncc, &s);
	return s.desired == s.applied && !n->enact->dirty && !n->enact->touched &&
	       !n->enact->recompile;
}

/* Some turns of the loop, then until nothing is under way. */
static UNUSED void settle(void)
{
	for (int i = 0; i < 10; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	for (unsigned int i = 0; i < RIG_NODES; i++)
		if (nodes[i].open)
			UNTIL(node_settled(&nodes[i]));
}

static bool pause_over;

static void on_pause(uv_timer_t *timer)
{
	pause_over = true;
}

static UNUSED void turn_ms(uint64_t ms)
{
	uv_timer_t timer;

	pause_over = false;
	uv_timer_init(&loop, &timer);
	uv_timer_start(&timer, on_pause, ms, 0);
	while (!pause_over)
		uv_run(&loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
}

/* ---- the network: the same in all views ---- */

static UNUSED void add_gateway(struct view *view, const char *name, int number)
{
	struct gateway gw = {.locator_len = 48};
	char text[64];

	snprintf(gw.name, sizeof(gw.name), "%s", name);
	snprintf(text, sizeof(text), "5f00:0:%d::", number);
	inet_pton(AF_INET6, text, &gw.locator);
	snprintf(text, sizeof(text), "5f00:0:%d:d6::", number);
	inet_pton(AF_INET6, text, &gw.decap6);
	snprintf(text, sizeof(text), "5f00:0:%d:d4::", number);
	inet_pton(AF_INET6, text, &gw.decap4);
	assert_int_equal(view_gateway_put(view, &gw, 1), 0);
}

static UNUSED void add_path(struct view *view, struct path_key key, uint32_t preference)
{
	struct path path = {.kind = PATH_BE, .preference = preference};

	strcpy(path.ingress, key.ingress);
	strcpy(path.gateway, key.gateway);
	strcpy(path.name, key.name);
	assert_int_equal(view_path_put(view, &path, 1), 0);
}

static UNUSED void path_attr(struct path_key key, uint16_t attr, int64_t units)
{
	struct sample s = {.attr = attr, .milli = units * 1000};

	for (unsigned int i = 0; i < RIG_NODES; i++) {
		if (!nodes[i].open)
			continue;
		s.received_us = view_time(&nodes[i].view, clock_us());
		assert_int_equal(view_path_attr(&nodes[i].view, key, &s), 0);
	}
}

static UNUSED void gateway_gone(const char *name)
{
	for (unsigned int i = 0; i < RIG_NODES; i++)
		if (nodes[i].open)
			view_gateway_del(&nodes[i].view, name);
}

static int64_t rig_delay_ms; /* of pe1/pe2/be and back, told before a host starts; 0 = unknown */

static void tell_delay(struct view *view, struct path_key key)
{
	struct sample s = {.attr = ATTR_DELAY_US,
			   .milli = rig_delay_ms * 1000 * 1000,
			   .received_us = view_time(view, clock_us())};

	if (rig_delay_ms)
		assert_int_equal(view_path_attr(view, key, &s), 0);
}

static UNUSED void network(struct view *view)
{
	add_gateway(view, "pe1", 1);
	add_gateway(view, "pe2", 2);
	add_gateway(view, "pe3", 3);
	add_path(view, (struct path_key){"pe1", "pe2", "be"}, 100);
	add_path(view, (struct path_key){"pe2", "pe1", "be"}, 100);
	add_path(view, (struct path_key){"pe1", "pe3", "be"}, 100);
	add_path(view, (struct path_key){"pe3", "pe1", "be"}, 100);
	tell_delay(view, (struct path_key){"pe1", "pe2", "be"});
	tell_delay(view, (struct path_key){"pe2", "pe1", "be"});
}

#define SITES                                                                                      \
	"IMPORT CFN pe1 Type gateway; IMPORT CFN pe2 Type gateway; IMPORT CFN pe3 Type gateway;\n" \
	"CREATE CFN branch Type l3group Contain pe1 Property ipv4Prefix: 10.1.0.0/16;\n"           \
	"CREATE CFN hq Type l3group Contain pe2 Property ipv4Prefix: 10.2.0.0/16;\n"               \
	"CREATE CFN dc Type l3group Contain pe3 Property ipv4Prefix: 10.3.0.0/16;\n"               \
	"CREATE Connection gold Type p2p EndNodes branch, hq;\n"                                   \
	"CREATE Connection slow Type p2p EndNodes branch, dc;\n"                                   \
	"CREATE ServiceFlow backup Match src_ip: 10.1.0.0/16, proto: \"tcp\", dst_port: 55555;\n"

/* ---- life ---- */

static void on_acked(void *arg, uint64_t generation, int result, const char *text)
{
	struct node *n = arg;

	if (n->enact)
		enact_acked(n->enact, generation, result, text);
}

static void on_synced(void *arg)
{
	((struct node *)arg)->synced = true;
}

static int node_prepare(void *arg, const struct intent_head *head, struct err *err)
{
	struct node *n = arg;

	if (n->refuses)
		return err_set(err, -ENOSPC, "", NULL, "the test says so");
	return enact_prepare(n->enact, head, err);
}

static void node_flip(void *arg, const struct intent_head *head)
{
	enact_flip(((struct node *)arg)->enact, head);
}

static void node_leader(void *arg, bool leads)
{
	enact_leader(((struct node *)arg)->enact, leads);
}

static unsigned int rig_room = 1024; /* services, next hops of hosts that are opened from now on */

static void open_ncc(struct node *n)
{
	const struct ncc_conf conf = {.config = {.profile = SAN_PROFILE_EXP1,
						 .max_services = rig_room,
						 .max_nexthops = rig_room,
						 .max_flows = 1024,
						 .max_slots = 1024,
						 .max_frags = 1024}};
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	n->fd = fds[0];
	assert_int_equal(uv_poll_init(&loop, &n->poll, n->fd), 0);
	n->poll.data = n;
	assert_int_equal(uv_poll_start(&n->poll, UV_READABLE, on_parent), 0);
	assert_int_equal(ncc_open(&loop, fds[1], &conf, on_acked, n, &n->ncc), 0);
}

static const char *rig_zone = "UTC";
static bool rig_no_ingress; /* of hosts that are opened from now on */
static const struct enact_url *rig_urls;
static unsigned int rig_n_urls;

static void open_enact(struct node *n)
{
	struct enact_conf conf = {.loop = &loop,
				  .view = &n->view,
				  .ncc = n->ncc,
				  .host = n->host,
				  .is_ingress = !rig_no_ingress,
				  .zone = rig_zone,
				  .urls = rig_urls,
				  .n_urls = rig_n_urls};
	struct err err = {0};
	char text[512];

	if (enact_open(&conf, &n->enact, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
}

static void open_intent(struct node *n)
{
	struct intent_conf conf = {.loop = &loop,
				   .db = db,
				   .view = &n->view,
				   .host = n->host,
				   .tenants = tenants,
				   .n_tenants = ARRAY_SIZE(tenants),
				   .testbed = true,
				   .prepare = node_prepare,
				   .flip = node_flip,
				   .leader = node_leader,
				   .synced = on_synced,
				   .arg = n};
	struct err err = {0};
	char text[512];

	if (intent_open(&conf, &n->intent, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
	enact_follow(n->enact, n->intent);
}

static bool rig_keeps_counts; /* the parent's outlive a host that is closed and opened */

/* A host with that number: pe1 ... It is started: orc's full plan is on its way. */
static UNUSED struct node *node_open(unsigned int i)
{
	static uint64_t packets[SAN_MAX_ACTS + 1];
	struct node *n = &nodes[i];

	memcpy(packets, n->packets, sizeof(packets));
	memset(n, 0, sizeof(*n));
	if (rig_keeps_counts)
		memcpy(n->packets, packets, sizeof(packets));
	snprintf(n->host, sizeof(n->host), "pe%u", i + 1);
	view_init(&n->view);
	network(&n->view);
	open_ncc(n);
	open_enact(n);
	open_intent(n);
	n->open = true;
	UNTIL(n->synced);
	enact_start(n->enact);
	ncc_flush(n->ncc);
	settle();
	return n;
}

static UNUSED void node_close(struct node *n)
{
	if (!n->open)
		return;
	n->open = false;
	enact_close(n->enact);
	intent_close(n->intent);
	ncc_close(n->ncc);
	uv_poll_stop(&n->poll);
	uv_close((uv_handle_t *)&n->poll, NULL);
	for (int i = 0; i < 20; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	close(n->fd);
	n->fd = -1;
	view_fini(&n->view);
}

static UNUSED int setup(void **state)
{
	const struct ncsdb_conf conf = {0};
	struct err err = {0};

	assert_int_equal(uv_loop_init(&loop), 0);
	uv_timer_init(&loop, &tick);
	uv_timer_start(&tick, on_tick, 5, 5);
	assert_int_equal(ncsdb_open(&loop, &conf, &db, &err), 0);
	node_open(0);
	return 0;
}

static UNUSED int teardown(void **state)
{
	for (unsigned int i = 0; i < RIG_NODES; i++)
		node_close(&nodes[i]);
	ncsdb_close(db);
	uv_close((uv_handle_t *)&tick, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	rig_zone = "UTC";
	rig_room = 1024;
	rig_no_ingress = rig_keeps_counts = false;
	rig_urls = NULL;
	rig_n_urls = 0;
	return 0;
}

/* ---- what tests do ---- */

struct outcome {
	bool done;
	int status;
	char text[1024];
};

static void on_result(void *arg, const struct intent_result *result)
{
	struct outcome *o = arg;

	o->done = true;
	o->status = result->status;
	if (result->diags && result->diags->n)
		snprintf(o->text, sizeof(o->text), "%s", result->diags->v[0].reason);
	else if (result->status)
		err_text(&result->err, o->text, sizeof(o->text));
}

static UNUSED int try_apply(struct node *n, const char *tenant, const char *script, char *text)
{
	struct intent_apply apply = {.tenant = tenant,
				     .by = "test",
				     .comment = "",
				     .script = script,
				     .len = strlen(script),
				     .if_revision = ANY_REVISION};
	struct outcome o = {0};
	struct err err = {0};

	if (intent_apply(n->intent, &apply, on_result, &o, &err))
		fail_msg("%s", err_text(&err, o.text, sizeof(o.text)));
	UNTIL(o.done);
	if (text)
		strcpy(text, o.text);
	else if (o.status)
		print_error("%s\n", o.text);
	return o.status;
}

static UNUSED void apply(struct node *n, const char *script)
{
	assert_int_equal(try_apply(n, "acme", script, NULL), 0);
	settle();
}

static bool written;
static void on_written(void *arg, int status, int64_t revision, bool created)
{
	assert_int_equal(status, 0);
	written = true;
}

/* The clock of conditions becomes that (seconds since the epoch, UTC). */
static UNUSED void set_clock(struct node *n, int64_t utc_s)
{
	struct err err = {0};

	written = false;
	assert_int_equal(intent_clock_put(n->intent, utc_s - clock_real_s(),
					  (struct ncsdb_write_done){on_written, NULL}, &err),
			 0);
	UNTIL(written);
	settle();
}

static UNUSED int64_t utc(int year, int month, int day, int hour, int minute, int second)
{
	struct nemo_date date = {true,	       true,	      (int16_t)year,   (uint8_t)month,
				 (uint8_t)day, (uint8_t)hour, (uint8_t)minute, (uint8_t)second};

	return nemo_date_seconds(&date);
}

/* What the strongest rule at the parent leads to: a goal's name, "drop", "pass", "none". */
static UNUSED const char *leads_to(const struct node *n)
{
	const struct san_msg_class *best = NULL;

	for (unsigned int i = 0; i < n->n_classes; i++)
		if (n->classes[i].intent && (!best || n->classes[i].priority > best->priority))
			best = &n->classes[i];
	if (!best)
		return "none";
	if (best->verdict != SAN_ACT_STEER)
		return best->verdict == SAN_ACT_DROP ? "drop" : "pass";
	if (service_at(n, best->service_id) == n->n_services)
		return "nowhere";
	for (unsigned int i = 0; i < n->enact->plan.n_goals; i++)
		if (n->enact->plan.goals[i].id == best->service_id)
			return n->enact->plan.goals[i].name;
	return "unknown";
}

/* Next hops of a head to be, besides one that is there: that many, to nowhere in particular. As of
 * a commit that other hosts hold up. */
static UNUSED void stage_some(struct node *n, unsigned int some)
{
	struct nemo_plan plan = {.goals = calloc(some, sizeof(plan.goals[0])), .n_goals = some};

	assert_non_null(plan.goals);
	for (unsigned int i = 0; i < some; i++) {
		plan.goals[i] = n->enact->plan.goals[0];
		plan.goals[i].id += 1 + i;
		plan.goals[i].hop.segs[0].s6_addr[15] = (uint8_t)(77 + i);
	}
	assert_int_equal(enact_stage(n->enact, 99, &plan), -EINPROGRESS);
	nemo_plan_fini(&plan);
}

static UNUSED bool goes_to(const struct node *n, const char *goal)
{
	return strcmp(leads_to(n), goal) == 0;
}

/* All hosts have looked at what changed. */
static UNUSED bool looked(void)
{
	for (unsigned int i = 0; i < RIG_NODES; i++)
		if (nodes[i].open && (nodes[i].enact->dirty || nodes[i].enact->touched))
			return false;
	return true;
}

struct events {
	unsigned int n;
	char last[2048];
};

static bool count_one(void *arg, uint64_t sequence, const char *text)
{
	struct events *e = arg;

	e->n++;
	assert_int_equal(sequence, e->n);
	snprintf(e->last, sizeof(e->last), "%s", text);
	return true;
}

static UNUSED struct events events(struct node *n)
{
	struct events e = {0};

	intent_events(n->intent, "acme", 0, count_one, &e);
	return e;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
