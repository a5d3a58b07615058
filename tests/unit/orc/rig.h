/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * orc on a view that the test writes, with a real ncc behind it. At the other end of its socketpair
 * a parent that takes every message, keeps what a plan leaves in force, and acknowledges.
 */
#ifndef TESTS_UNIT_ORC_RIG_H
#define TESTS_UNIT_ORC_RIG_H

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
#include <unistd.h>
#include <cmocka.h>

#include "ncc/wire.h"
#include "orc/orc_int.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/own.h"

#define OWN_CLOCK_JUMPS 1
#include "unit/own_clock.h"

#define UNUSED __attribute__((unused))
#define MAX_OBJECTS 8192

static uv_loop_t loop;
static struct view view;
static struct ncc *ncc;
static struct orc *orc;

/* ---- the parent ---- */

static struct {
	int fd;
	uv_poll_t poll;
	unsigned int plans, full_plans;
	bool mute; /* no acknowledgements */
	bool deaf; /* takes messages and forgets them */
	struct san_msg_nexthop nexthops[MAX_OBJECTS];
	struct san_msg_service services[256];
	struct san_msg_sid sids[256];
	struct san_msg_member members[MAX_OBJECTS]; /* of balanced services, in their order */
	struct san_msg_class classes[SAN_MAX_CLASSES];
	unsigned int n_nexthops, n_services, n_sids, n_members, n_classes;
	uint8_t scope; /* of the service that MEMBERs belong to */
	uint8_t member_scopes[MAX_OBJECTS];
} parent;

static UNUSED struct san_msg_nexthop *parent_nexthop(uint32_t id)
{
	for (unsigned int i = 0; i < parent.n_nexthops; i++)
		if (parent.nexthops[i].id == id)
			return &parent.nexthops[i];
	return NULL;
}

static UNUSED struct san_msg_service *parent_scoped(uint64_t id, uint8_t scope)
{
	for (unsigned int i = 0; i < parent.n_services; i++)
		if (parent.services[i].service_id == id && parent.services[i].scope == scope)
			return &parent.services[i];
	return NULL;
}

static UNUSED struct san_msg_service *parent_service(uint64_t id)
{
	return parent_scoped(id, SAN_SCOPE_INGRESS);
}

static void parent_forget_members(uint64_t id, uint8_t scope)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < parent.n_members; i++) {
		if (parent.members[i].service_id == id && parent.member_scopes[i] == scope)
			continue;
		parent.member_scopes[kept] = parent.member_scopes[i];
		parent.members[kept++] = parent.members[i];
	}
	parent.n_members = kept;
}

static void parent_member(const struct san_msg_member *member)
{
	assert_true(parent.n_members < MAX_OBJECTS);
	parent.member_scopes[parent.n_members] = parent.scope;
	parent.members[parent.n_members++] = *member;
}

static UNUSED struct san_msg_sid *parent_sid(const char *text)
{
	struct in6_addr addr;

	assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
	for (unsigned int i = 0; i < parent.n_sids; i++)
		if (memcmp(&parent.sids[i].addr, &addr, sizeof(addr)) == 0)
			return &parent.sids[i];
	return NULL;
}

#define PARENT_PUT(array, count, found, msg)                                                       \
	do {                                                                                       \
		__typeof__(&(array)[0]) at_ = (found);                                             \
		if (!at_) {                                                                        \
			assert_true((count) < sizeof(array) / sizeof((array)[0]));                 \
			at_ = &(array)[(count)++];                                                 \
		}                                                                                  \
		*at_ = *(msg);                                                                     \
	} while (0)
#define PARENT_DEL(array, count, found)                                                            \
	do {                                                                                       \
		__typeof__(&(array)[0]) at_ = (found);                                             \
		assert_non_null(at_);                                                              \
		*at_ = (array)[--(count)];                                                         \
	} while (0)

static void parent_ack(const struct wire_buf *in, uint32_t type)
{
	struct san_msg_ack ack = {.type = type};
	struct wire_buf out;

	if (parent.mute)
		return;
	wire_fill(&out, SAN_MSG_ACK, in->hdr.session, in->hdr.generation, &ack);
	assert_int_equal(wire_send(parent.fd, &out), 0);
}

static void parent_begin(const struct san_msg_plan *plan)
{
	parent.plans++;
	if (plan->flags & (SAN_PLAN_FULL | SAN_PLAN_CLASSES))
		parent.n_classes = 0;
	if (!(plan->flags & SAN_PLAN_FULL))
		return;
	parent.full_plans++;
	parent.n_nexthops = parent.n_services = parent.n_sids = parent.n_members = 0;
}

static struct san_msg_sid *sid_by_addr(const struct in6_addr *addr)
{
	char text[INET6_ADDRSTRLEN];

	return parent_sid(inet_ntop(AF_INET6, addr, text, sizeof(text)));
}

static void parent_take(const struct wire_buf *in)
{
	const struct san_msg_key *key = (const void *)in->payload;
	const struct san_msg_nexthop *nh = (const void *)in->payload;
	const struct san_msg_service *svc = (const void *)in->payload;
	const struct san_msg_sid *sid = (const void *)in->payload;
	const struct san_msg_class *cls = (const void *)in->payload;

	switch (in->hdr.type) {
	case SAN_MSG_CONFIG_END:
		parent_ack(in, SAN_MSG_CONFIG_END);
		break;
	case SAN_MSG_PLAN_BEGIN:
		parent_begin((const void *)in->payload);
		break;
	case SAN_MSG_PLAN_COMMIT:
		parent_ack(in, SAN_MSG_PLAN_COMMIT);
		break;
	case SAN_MSG_NEXTHOP:
		PARENT_PUT(parent.nexthops, parent.n_nexthops, parent_nexthop(nh->id), nh);
		break;
	case SAN_MSG_SERVICE:
		PARENT_PUT(parent.services, parent.n_services,
			   parent_scoped(svc->service_id, svc->scope), svc);
		parent_forget_members(svc->service_id, svc->scope);
		parent.scope = svc->scope;
		break;
	case SAN_MSG_MEMBER:
		parent_member((const void *)in->payload);
		break;
	case SAN_MSG_CLASS:
		assert_true(parent.n_classes < SAN_MAX_CLASSES);
		parent.classes[parent.n_classes++] = *cls;
		break;
	case SAN_MSG_SID:
		PARENT_PUT(parent.sids, parent.n_sids, sid_by_addr(&sid->addr), sid);
		break;
	case SAN_MSG_NEXTHOP_DEL:
		PARENT_DEL(parent.nexthops, parent.n_nexthops, parent_nexthop(key->id));
		break;
	case SAN_MSG_SERVICE_DEL:
		parent_forget_members(key->service_id, key->scope);
		PARENT_DEL(parent.services, parent.n_services,
			   parent_scoped(key->service_id, key->scope));
		break;
	case SAN_MSG_SID_DEL:
		PARENT_DEL(parent.sids, parent.n_sids, sid_by_addr(&key->addr));
		break;
	default:
		break;
	}
}

static void on_parent(uv_poll_t *poll, int status, int events)
{
	struct wire_buf in;
	size_t len;

	while (wire_recv(parent.fd, &in, &len) == 0) {
		struct err err;

		if (parent.deaf)
			continue;
		assert_int_equal(wire_check(&in, len, &err), 0);
		parent_take(&in);
	}
}

/* ---- life ---- */

static void on_acked(void *arg, uint64_t generation, int result, const char *text)
{
	assert_int_equal(result, 0);
}

static unsigned int rig_services = 256;

static UNUSED void rig_open(const struct orc_conf *conf)
{
	const struct ncc_conf ncc_conf = {.config = {.profile = SAN_PROFILE_EXP1,
						     .max_services = rig_services,
						     .max_nexthops = MAX_OBJECTS,
						     .max_flows = 1024,
						     .max_slots = 1 << 20,
						     .max_frags = 1024}};
	struct orc_conf full = *conf;
	int fds[2];

	memset(&parent, 0, sizeof(parent));
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	parent.fd = fds[0];
	assert_int_equal(uv_poll_init(&loop, &parent.poll, parent.fd), 0);
	assert_int_equal(uv_poll_start(&parent.poll, UV_READABLE, on_parent), 0);
	assert_int_equal(ncc_open(&loop, fds[1], &ncc_conf, on_acked, NULL, &ncc), 0);
	view_init(&view);
	full.loop = &loop;
	full.view = &view;
	full.ncc = ncc;
	assert_int_equal(orc_open(&full, &orc), 0);
}

static UNUSED void rig_close(void)
{
	orc_close(orc);
	ncc_close(ncc);
	uv_close((uv_handle_t *)&parent.poll, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	close(parent.fd);
	view_fini(&view);
}

static UNUSED int setup(void **state)
{
	rig_open(&(struct orc_conf){.ingress = "pe1"});
	return 0;
}

static UNUSED int setup_started(void **state)
{
	setup(state);
	orc_start(orc);
	return 0;
}

static UNUSED int teardown(void **state)
{
	rig_close();
	return 0;
}

static UNUSED bool busy(void)
{
	struct ncc_status s;

	ncc_status(ncc, &s);
	return orc->armed || orc->stats.deferred || s.desired != s.applied;
}

/* Until the last change is evaluated, sent and acknowledged. Nothing to do: does not wait. */
static UNUSED void settle(void)
{
	while (busy())
		uv_run(&loop, UV_RUN_ONCE);
}

/* Until the next change of any service may go to ncc at once. */
static UNUSED void rest(void)
{
	settle();
	own_clock_pass(1000000 / MAX_UPDATES_DEFAULT + 1);
}

static UNUSED struct orc_stats stats(void)
{
	struct orc_stats s;

	orc_stats(orc, &s);
	return s;
}

/* ---- writing the view ---- */

static UNUSED void service(uint64_t id, const char *text)
{
	OWN_PTR struct service *def = NULL;
	struct err err = {0};
	json_t *obj;
	char buf[512];

	if (json_parse(text, strlen(text), &obj, &err) || service_from_json(obj, id, &def, &err))
		fail_msg("%s", err_text(&err, buf, sizeof(buf)));
	json_decref(obj);
	assert_int_equal(view_service_put(&view, def, 1), 0);
}

/* The load decides; no hysteresis. */
#define BY_LOAD                                                                                    \
	"{\"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": [0, 100]}}], "      \
	"\"hysteresis\": {\"margin\": 0, \"hold_ms\": 0}}"

static UNUSED void path(const char *ingress, const char *gateway, const char *name, const char *seg)
{
	struct path def = {.kind = seg ? PATH_POLICY : PATH_BE, .preference = 100};

	strcpy(def.ingress, ingress);
	strcpy(def.gateway, gateway);
	strcpy(def.name, name);
	if (seg) {
		def.n_segs = 1;
		assert_int_equal(inet_pton(AF_INET6, seg, &def.segs[0]), 1);
	}
	assert_int_equal(view_path_put(&view, &def, 1), 0);
}

static UNUSED void instance_at(uint64_t svc, const char *name, const char *gateway, const char *sid,
			       const char *at)
{
	struct in6_addr address, seg;
	struct view_instance_put put = {
		.service = svc, .instance = name, .gateway = gateway, .address = &address};

	assert_int_equal(inet_pton(AF_INET6, at, &address), 1);
	if (sid) {
		assert_int_equal(inet_pton(AF_INET6, sid, &seg), 1);
		put.sid = &seg;
	}
	assert_int_equal(view_instance_put(&view, &put), 0);
}

static UNUSED void instance(uint64_t svc, const char *name, const char *gateway, const char *sid)
{
	instance_at(svc, name, gateway, sid, "2001:db8:2a::2");
}

static UNUSED void gateway(const char *name, const char *san_sid)
{
	struct gateway def = {.locator_len = 16};

	strcpy(def.name, name);
	if (san_sid)
		assert_int_equal(inet_pton(AF_INET6, san_sid, &def.san_sid), 1);
	assert_int_equal(view_gateway_put(&view, &def, 1), 0);
}

static UNUSED void instance_state(uint64_t svc, const char *name, enum instance_state state)
{
	struct view_instance_put put = {.service = svc, .instance = name, .state = &state};

	assert_int_equal(view_instance_put(&view, &put), 0);
}

static UNUSED void attr_aged(uint64_t svc, const char *name, uint16_t attr, int64_t units,
			     uint64_t age_us)
{
	struct sample s = {
		.attr = attr, .milli = units * 1000, .received_us = orc_now(orc) - age_us};

	assert_int_equal(view_instance_attr(&view, svc, name, &s), 0);
}

static UNUSED void attr(uint64_t svc, const char *name, uint16_t id, int64_t units)
{
	attr_aged(svc, name, id, units, 0);
}

static UNUSED void path_attr(const char *gateway, const char *name, uint16_t id, int64_t units)
{
	struct sample s = {.attr = id, .milli = units * 1000, .received_us = orc_now(orc)};

	assert_int_equal(view_path_attr(&view, (struct path_key){"pe1", gateway, name}, &s), 0);
}

/* ---- what is in force at the parent ---- */

/* "5f00:0:1::1,5f00:0:2:100::": the segments of a next hop. Returns buf. */
static UNUSED const char *segments_text(const struct san_msg_nexthop *nh, char *buf)
{
	char one[INET6_ADDRSTRLEN];

	assert_non_null(nh);
	buf[0] = '\0';
	for (unsigned int i = 0; i < nh->n_segs; i++)
		sprintf(buf + strlen(buf), "%s%s", i ? "," : "",
			inet_ntop(AF_INET6, &nh->segs[i], one, sizeof(one)));
	return buf;
}

/* Segments of the selected next hop; "none"; "no entry". */
static UNUSED const char *in_force_scoped(uint64_t id, uint8_t scope)
{
	static char text[512];
	const struct san_msg_service *svc = parent_scoped(id, scope);

	if (!svc)
		return "no entry";
	return svc->nexthop ? segments_text(parent_nexthop(svc->nexthop), text) : "none";
}

static UNUSED const char *in_force(uint64_t id)
{
	return in_force_scoped(id, SAN_SCOPE_INGRESS);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "5f00:0:2:100::=900 5f00:0:3:100::=800": the members of a balanced service, sorted. */
static UNUSED const char *members(uint64_t id, uint8_t scope)
{
	static char text[4096];
	char *one[64], segs[512];
	size_t n = 0;

	for (unsigned int i = 0; i < parent.n_members && n < 64; i++) {
		if (parent.members[i].service_id != id || parent.member_scopes[i] != scope)
			continue;
		segments_text(parent_nexthop(parent.members[i].nexthop), segs);
		assert_true(asprintf(&one[n++], "%s=%u", segs, parent.members[i].weight) > 0);
	}
	qsort(one, n, sizeof(one[0]), by_text);
	text[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		sprintf(text + strlen(text), "%s%s", i ? " " : "", one[i]);
		free(one[i]);
	}
	return text;
}

/* The instance in force. */
static UNUSED const char *chosen(uint64_t id)
{
	static struct orc_entry e;

	if (orc_entry(orc, id, &e))
		return "no service";
	return e.selected ? e.instance : "none";
}

#endif
