/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "san-agent/link_int.h"
#include "util/log.h"

static bool good(long status)
{
	return status >= 200 && status < 300;
}

static void wait_longer(struct link *link, uint64_t now_us)
{
	link->retry_us = now_us + link->backoff_us;
	link->backoff_us *= 2;
	if (link->backoff_us > LINK_RETRY_MAX_US)
		link->backoff_us = LINK_RETRY_MAX_US;
}

/* No answer. The lease may have ended meanwhile: ask for it before anything else. */
static void unreachable(struct link *link, uint64_t now_us)
{
	char text[512];

	if (!link->unreachable)
		log_warn("server does not answer", "server=%s why=\"%s\"", link->endpoint,
			 err_text(&link->job.err, text, sizeof(text)));
	link->unreachable = true;
	link->keepalive_us = now_us;
	wait_longer(link, now_us);
}

/* An answer that refuses, logged once until something succeeds. */
static void refused(const struct link *link, bool *said, const char *what)
{
	struct err err;

	if (*said)
		return;
	*said = true;
	http_problem(link->job.status, link->job.answer, &err);
	log_warn("server refuses", "server=%s what=\"%s\" status=%ld why=\"%s\"", link->endpoint,
		 what, link->job.status, err.want);
}

static void on_agent(struct link *link, uint64_t now_us)
{
	const json_t *lease = json_object_get(link->job.answer, "lease");

	if (link->job.status == 409) {
		link->must_delete = true;
		wait_longer(link, now_us);
		return;
	}
	if (!good(link->job.status) || !json_is_integer(lease)) {
		refused(link, &link->refused_said, "agent");
		wait_longer(link, now_us);
		return;
	}
	link_forget(link);
	link->registered = true;
	link->refused_said = false;
	link->lease = json_integer_value(lease);
	link->backoff_us = LINK_RETRY_MIN_US;
	link->keepalive_us = now_us + link->conf->ttl_s * 1000000ull / 3;
	log_info("registered with server", "server=%s lease=%" JSON_INTEGER_FORMAT, link->endpoint,
		 link->lease);
}

static void on_keepalive(struct link *link, uint64_t now_us)
{
	if (good(link->job.status)) {
		link->keepalive_us = now_us + link->conf->ttl_s * 1000000ull / 3;
		link->backoff_us = LINK_RETRY_MIN_US;
	} else if (link->job.status == 404) {
		log_warn("server has forgotten the agent", "server=%s", link->endpoint);
		link_forget(link);
	} else {
		refused(link, &link->refused_said, "keepalive");
		wait_longer(link, now_us);
	}
}

/* The gateway's answer names the SID; false = it has none for us. */
static bool take_sid(struct link *link, struct instance *inst)
{
	const char *text = json_string_value(json_object_get(link->job.answer, "sid"));
	struct in6_addr sid;

	if (!text || inet_pton(AF_INET6, text, &sid) != 1 || IN6_IS_ADDR_UNSPECIFIED(&sid))
		return false;
	if (memcmp(&sid, &inst->sid, sizeof(sid))) {
		inst->sid = sid;
		log_info("SID allocated", "instance=%s sid=%s", inst->label, text);
		link->env.on_sid(link->env.arg, inst);
	}
	return true;
}

static void on_instance(struct link *link, uint64_t now_us)
{
	struct instance *inst = link->env.roster->slots[link->job.slot];
	struct link_slot *ls = &link->slots[link->job.slot];

	if (link->job.status == 404) {
		link_forget(link); /* the lease is gone */
		return;
	}
	if (!good(link->job.status)) {
		refused(link, &ls->refused_said, inst->label);
		ls->retry_us = now_us + LINK_REFUSED_US;
		return;
	}
	/* Changed meanwhile: what was registered is not what it is now. */
	ls->put = !ls->renewed;
	ls->renewed = false;
	ls->told_up = !json_object_get(link->job.body, "state");
	if (link->sink.allocates && !take_sid(link, inst)) {
		if (!ls->refused_said)
			log_warn("gateway server allocates no SID",
				 "server=%s instance=%s gateway=%s", link->endpoint, inst->label,
				 link->conf->gateway);
		ls->refused_said = true;
		ls->put = false;
		ls->retry_us = now_us + LINK_REFUSED_US;
	}
}

static void on_leave(struct link *link, uint64_t now_us)
{
	struct link_slot *ls = &link->slots[link->job.slot];

	if (good(link->job.status) || link->job.status == 404)
		ls->put = false;
	else
		ls->retry_us = now_us + LINK_REFUSED_US;
}

static void commit(struct link *link, struct link_slot *ls)
{
	for (unsigned int i = 0; i < INSTANCE_VALUES; i++) {
		if (ls->sending & 1u << i)
			gate_sent(&ls->gates[i], ls->milli[i], link->job.made_us);
	}
	ls->told_up = ls->sending_up;
}

static void on_line(struct link *link, unsigned int slot, const json_t *result)
{
	struct link_slot *ls = &link->slots[slot];
	const struct instance *inst = link->env.roster->slots[slot];
	long status = (long)json_integer_value(json_object_get(result, "status"));
	const char *detail = json_string_value(json_object_get(result, "detail"));

	if (status == 404) {
		link_renew(link, slot); /* somebody deleted it: register it again */
		return;
	}
	/* A refused line counts as told, or it would come again with every sample. */
	commit(link, ls);
	if (good(status)) {
		ls->refused_said = false;
		return;
	}
	if (!ls->refused_said)
		log_warn("server refuses values", "server=%s instance=%s status=%ld why=\"%s\"",
			 link->endpoint, inst ? inst->label : "", status, detail ? detail : "");
	ls->refused_said = true;
}

static void on_status(struct link *link, uint64_t now_us)
{
	const json_t *results = json_object_get(link->job.answer, "results");

	if (!good(link->job.status) ||
	    json_array_size(results) != json_array_size(link->job.body)) {
		refused(link, &link->refused_said, "status");
		wait_longer(link, now_us);
		return;
	}
	for (unsigned int i = 0; i < link->env.roster->n; i++) {
		int line = link->slots[i].line;

		link->slots[i].line = -1;
		if (line >= 0)
			on_line(link, i, json_array_get(results, (size_t)line));
	}
}

static void on_goodbye(struct link *link)
{
	link->must_delete = false;
	link->registered = false;
	if (link->goodbye)
		link->finished = true;
}

void link_answer(struct link *link, uint64_t now_us)
{
	static void (*const handlers[])(struct link * link, uint64_t now_us) = {
		[JOB_AGENT] = on_agent,	      [JOB_KEEPALIVE] = on_keepalive,
		[JOB_INSTANCE] = on_instance, [JOB_LEAVE] = on_leave,
		[JOB_STATUS] = on_status,
	};

	if (link->job.rc && link->job.kind == JOB_GOODBYE) {
		on_goodbye(link); /* said as well as could be; the lease ends by itself */
		return;
	}
	if (link->job.rc) {
		unreachable(link, now_us);
		return;
	}
	if (link->unreachable)
		log_info("server answers again", "server=%s", link->endpoint);
	link->unreachable = false;
	if (link->job.kind == JOB_GOODBYE)
		on_goodbye(link);
	else
		handlers[link->job.kind](link, now_us);
}
