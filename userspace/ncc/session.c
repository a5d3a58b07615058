/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the child's messages mean: session, configuration, plan. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "ncc/check.h"
#include "util/clock.h"
#include "util/log.h"

/* So many in any second that begins with one. */
bool session_may_log(struct apply *a)
{
	uint64_t now = clock_us();

	if (now - a->lines.second_us >= 1000000) {
		if (a->lines.left_out)
			log_warn("child makes too many messages, not all logged", "left_out=%u",
				 a->lines.left_out);
		a->lines.second_us = now;
		a->lines.n = a->lines.left_out = 0;
	}
	if (a->lines.n == APPLY_LINES_PER_S) {
		a->lines.left_out++;
		return false;
	}
	a->lines.n++;
	return true;
}

static void log_refused(struct apply *a, const char *what, const struct err *err)
{
	char text[512];

	if (session_may_log(a))
		log_warn(what, "text=\"%s\"", err_text(err, text, sizeof(text)));
}

/* A bad message spoils what it belongs to, which is answered at its end; alone it is answered at
 * once. The first mistake counts. */
static void refuse(struct apply *a, const struct san_msg *hdr, const struct err *err)
{
	struct err *keep = NULL;

	if (a->draft.open)
		keep = &a->draft.err;
	else if (a->session && !a->configured)
		keep = &a->incoming_err;
	if (!keep) {
		log_refused(a, "message refused", err);
		talk_ack(a, hdr->type, hdr->generation, err);
	} else if (!keep->code) {
		*keep = *err;
	}
}

static void refuse_text(struct apply *a, const struct san_msg *hdr, int code, const char *want)
{
	struct err err = {0};

	err_set(&err, code, "", "", "%s", want);
	err_object(&err, "message %s", wire_name(hdr->type));
	refuse(a, hdr, &err);
}

/* --- session and configuration --- */

static void on_hello(struct apply *a, const struct san_msg *hdr, const void *payload)
{
	const struct san_msg_hello *hello = payload;
	struct hop *hop, *next;

	if (session_may_log(a))
		log_info("session", "number=%u pid=%u", hdr->session, hello->pid);
	a->session = hdr->session;
	a->configured = a->planned = false;
	a->generation = 0;
	memset(&a->incoming, 0, sizeof(a->incoming));
	memset(&a->incoming_err, 0, sizeof(a->incoming_err));
	draft_clear(&a->draft);
	talk_reset(a);
	domain_trace_end(a); /* who asked for it is gone */
	HASH_ITER(hh, a->hops, hop, next) {
		hop_name(a, hop, 0);
	}
}

static void on_config(struct apply *a, const struct san_msg *hdr, const void *payload)
{
	const struct san_msg_config *msg = payload;

	if (a->configured || a->incoming.has_config) {
		refuse_text(a, hdr, -EPROTO, "must come once, after HELLO");
		return;
	}
	a->incoming.config = *msg;
	memset(a->incoming.config.pad, 0, sizeof(msg->pad));
	memset(a->incoming.config.profile.pad, 0, sizeof(msg->profile.pad));
	a->incoming.has_config = true;
}

static void on_iface(struct apply *a, const struct san_msg *hdr, const void *payload)
{
	const struct san_msg_iface *msg = payload;
	struct san_msg_iface *iface;

	if (a->configured) {
		refuse_text(a, hdr, -EPROTO, "must come before CONFIG_END");
		return;
	}
	for (unsigned int i = 0; i < a->incoming.n_ifaces; i++) {
		if (!strcmp(a->incoming.ifaces[i].name, msg->name)) {
			refuse_text(a, hdr, -EEXIST, "must name each interface once");
			return;
		}
	}
	if (a->incoming.n_ifaces >= APPLY_MAX_IFACES) {
		refuse_text(a, hdr, -ENOSPC, "must come at most 256 times");
		return;
	}
	iface = &a->incoming.ifaces[a->incoming.n_ifaces++];
	memset(iface, 0, sizeof(*iface));
	snprintf(iface->name, sizeof(iface->name), "%s", msg->name);
	iface->role = msg->role;
	iface->policy = msg->policy;
	iface->group = msg->group;
}

static unsigned int prefixes_of(const struct host_conf *conf, uint8_t kind)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < conf->n_prefixes; i++)
		n += conf->prefixes[i].kind == kind;
	return n;
}

static void on_prefix(struct apply *a, const struct san_msg *hdr, const void *payload)
{
	const struct san_msg_prefix *msg = payload;
	struct san_msg_prefix *prefix;
	bool block = msg->kind == SAN_PREFIX_BLOCK;

	if (a->configured) {
		refuse_text(a, hdr, -EPROTO, "must come before CONFIG_END");
		return;
	}
	if (prefixes_of(&a->incoming, msg->kind) >= (block ? SAN_MAX_BLOCKS : SAN_MAX_INSIDE)) {
		refuse_text(a, hdr, -ENOSPC,
			    block ? "must come at most 8 times for blocks"
				  : "must come at most 16 times for inside sources");
		return;
	}
	prefix = &a->incoming.prefixes[a->incoming.n_prefixes++];
	*prefix = *msg;
	memset(prefix->pad, 0, sizeof(prefix->pad));
}

static void report_ifaces(struct apply *a)
{
	for (unsigned int i = 0; i < a->n_ifaces; i++)
		a->ifaces[i].report = true;
}

static void on_config_end(struct apply *a, const struct san_msg *hdr, const void *payload)
{
	struct err err = a->incoming_err;
	bool kept = false;

	if (a->configured) {
		refuse_text(a, hdr, -EPROTO, "must come once");
		return;
	}
	audit_cancel(a); /* the shadow may be read anew */
	if (!err.code && !a->incoming.has_config) {
		err_set(&err, -EPROTO, "", "", "must come after CONFIG");
		err_object(&err, "message CONFIG_END");
	}
	if (!err.code && a->dp && !memcmp(&a->conf, &a->incoming, sizeof(a->conf)))
		kept = true;
	else if (!err.code && host_set(a, &err))
		err.code = err.code ? err.code : -EIO;
	if (kept && session_may_log(a))
		log_info("configuration kept", "interfaces=%u", a->n_ifaces);
	if (err.code)
		log_refused(a, "configuration refused", &err);
	else
		a->configured = true;
	memset(&a->incoming_err, 0, sizeof(a->incoming_err));
	report_ifaces(a);
	a->applied = 0;
	talk_ack(a, SAN_MSG_CONFIG_END, hdr->generation, &err);
}

/* --- plan --- */

static void on_begin(struct apply *a, const struct san_msg *hdr, const void *payload)
{
	const struct san_msg_plan *msg = payload;
	bool full = msg->flags & SAN_PLAN_FULL;

	if (!a->configured)
		refuse_text(a, hdr, -EPROTO, "must come after an accepted CONFIG_END");
	else if (a->draft.open)
		refuse_text(a, hdr, -EPROTO, "must not stand within a plan");
	else if (hdr->generation <= a->generation)
		refuse_text(a, hdr, -EPROTO, "must have a higher generation than the last plan");
	else
		draft_begin(a, hdr->generation, msg->flags);
	if (!a->draft.open || a->draft.err.code)
		return;
	a->generation = hdr->generation;
	if (!full && !a->planned)
		refuse_text(a, hdr, -EPROTO, "must be full for the first plan of a session");
}

static void on_object(struct apply *a, const struct san_msg *hdr, const void *payload)
{
	struct err err = {0};

	if (!a->draft.open)
		refuse_text(a, hdr, -EPROTO, "must stand within a plan");
	else if (hdr->generation != a->draft.generation)
		refuse_text(a, hdr, -EPROTO, "must have the generation of its plan");
	else if (!a->draft.err.code && draft_add(a, hdr->type, payload, &err))
		refuse(a, hdr, &err);
}

static void applied(struct apply *a)
{
	log_debug("plan applied", "generation=%ju changes=%u repaired=%u us=%ju",
		  (uintmax_t)a->plan.generation, a->applied, a->repaired,
		  (uintmax_t)(clock_us() - a->job.started_us));
	a->planned = true;
	if (a->ever_planned)
		return;
	a->ever_planned = true;
	if (a->ready)
		a->ready(a->ready_arg);
	audit_schedule(a, 0);
}

void session_finished(struct apply *a)
{
	if (a->job.err.code)
		log_refused(a, "plan refused", &a->job.err);
	else
		applied(a);
	talk_ack(a, SAN_MSG_PLAN_COMMIT, a->plan.generation, &a->job.err);
}

static void on_commit(struct apply *a, const struct san_msg *hdr, const void *payload)
{
	const struct san_msg_plan *msg = payload;

	if (!a->draft.open) {
		refuse_text(a, hdr, -EPROTO, "must end a plan");
		return;
	}
	if (hdr->generation != a->draft.generation)
		refuse_text(a, hdr, -EPROTO, "must have the generation of its plan");
	job_start(a, msg->count);
}

static void on_stats(struct apply *a, const struct san_msg *hdr, const void *payload)
{
	const struct san_msg_stats_req *req = payload;

	if (!a->dp)
		refuse_text(a, hdr, -EAGAIN, "must come after an accepted CONFIG_END");
	else
		counters_ask(a, req->request);
}

static void on_trace(struct apply *a, const struct san_msg *hdr, const void *payload)
{
	if (!a->configured || !a->dp)
		refuse_text(a, hdr, -EAGAIN, "must come after an accepted CONFIG_END");
	else
		domain_trace(a, payload);
}

/* --- dispatch --- */

static void (*const handlers[SAN_MSG_TYPE_MAX])(struct apply *, const struct san_msg *,
						const void *) = {
	[SAN_MSG_HELLO] = on_hello,	      [SAN_MSG_CONFIG] = on_config,
	[SAN_MSG_IFACE] = on_iface,	      [SAN_MSG_PREFIX] = on_prefix,
	[SAN_MSG_CONFIG_END] = on_config_end, [SAN_MSG_PLAN_BEGIN] = on_begin,
	[SAN_MSG_NEXTHOP] = on_object,	      [SAN_MSG_NEXTHOP_DEL] = on_object,
	[SAN_MSG_SERVICE] = on_object,	      [SAN_MSG_MEMBER] = on_object,
	[SAN_MSG_SERVICE_DEL] = on_object,    [SAN_MSG_SID] = on_object,
	[SAN_MSG_SID_DEL] = on_object,	      [SAN_MSG_CLASS] = on_object,
	[SAN_MSG_PLAN_COMMIT] = on_commit,    [SAN_MSG_TRACE] = on_trace,
	[SAN_MSG_STATS_REQ] = on_stats,
};

/* Ends what the malformed message would have ended, so that the child is not left waiting. */
static void on_malformed(struct apply *a, const struct san_msg *hdr, const struct err *err)
{
	refuse(a, hdr, err);
	if (hdr->type == SAN_MSG_PLAN_COMMIT && a->draft.open)
		job_start(a, 0);
	if (hdr->type == SAN_MSG_CONFIG_END && a->session && !a->configured)
		on_config_end(a, hdr, NULL);
}

static bool of_this_session(struct apply *a, const struct wire_buf *msg, bool valid)
{
	if (msg->hdr.type == SAN_MSG_HELLO && valid && msg->hdr.session)
		return true;
	return a->session && msg->hdr.session == a->session;
}

/* While a plan is applied only what does not touch it. */
static bool must_wait(const struct apply *a, unsigned int type)
{
	return (a->job.running || a->plan.open) && type != SAN_MSG_STATS_REQ &&
	       type != SAN_MSG_TRACE;
}

int session_message(struct apply *a, const struct wire_buf *msg, size_t len)
{
	struct san_msg hdr = {0};
	struct err err = {0};
	int r;

	memcpy(&hdr, msg, len < sizeof(hdr) ? len : sizeof(hdr));
	if (must_wait(a, hdr.type))
		return -EAGAIN;
	r = wire_check(msg, len, &err);
	if (!r)
		r = check_message(hdr.type, msg->payload, &err);
	if (len >= sizeof(hdr) && !of_this_session(a, msg, !r)) {
		if (r)
			log_refused(a, "message refused", &err);
		return 0; /* a predecessor's, or one before HELLO */
	}
	if (r)
		on_malformed(a, &hdr, &err);
	else
		handlers[hdr.type](a, &hdr, msg->payload);
	return 0;
}
