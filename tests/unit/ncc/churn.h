/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A router beside: a process that adds and deletes routes in this network namespace, without end.
 */
#ifndef TESTS_UNIT_NCC_CHURN_H
#define TESTS_UNIT_NCC_CHURN_H

#include "unit/ncc/parent.h"

#include "nl/priv.h"

#define CHURN_ROUTES 400 /* of each table, then deleted again */

struct churn {
	uint8_t proto;
	uint8_t len; /* of prefixes */
	const char *first;
	pid_t pid;
};

static inline void churn_one(struct nl_talk *talk, const struct churn *c, uint16_t type,
			     unsigned int i, uint32_t table)
{
	struct in6_addr dst = in6(c->first);
	struct nl_req req;
	struct rtmsg *rtm;

	dst.s6_addr[c->len / 8 - 2] = (uint8_t)(i >> 8);
	dst.s6_addr[c->len / 8 - 1] = (uint8_t)i;
	nl_route_init(&req, type, &dst, table);
	rtm = mnl_nlmsg_get_payload(&req.nlh);
	rtm->rtm_protocol = c->proto;
	rtm->rtm_dst_len = c->len;
	rtm->rtm_type = type == RTM_NEWROUTE ? RTN_UNREACHABLE : RTN_UNSPEC;
	if (type == RTM_NEWROUTE)
		req.nlh.nlmsg_flags |= NLM_F_CREATE;
	nl_talk(talk, &req, NULL, NULL);
}

static inline void churn_run(const struct churn *c)
{
	struct nl_talk talk;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (nl_talk_open(&talk, NETLINK_ROUTE))
		_exit(1);
	for (unsigned int i = 0;; i++) {
		uint16_t type = i / CHURN_ROUTES % 2 ? RTM_DELROUTE : RTM_NEWROUTE;

		churn_one(&talk, c, type, i % CHURN_ROUTES, RT_TABLE_MAIN);
		churn_one(&talk, c, type, i % CHURN_ROUTES, TABLE);
	}
}

static inline void churn_start(struct churn *c)
{
	fflush(NULL);
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (!c->pid)
		churn_run(c);
}

/* What it left is flushed. */
static inline void churn_stop(struct churn *c)
{
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	netns_ip("route flush table main proto %u; route flush table %u proto %u", c->proto, TABLE,
		 c->proto);
}

#endif
