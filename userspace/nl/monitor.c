/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notifications of routes, rules and nexthop objects: not cached (a router may hold a million
 * foreign routes), only noticed. */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/filter.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "nl/priv.h"

#define GROUP_NEXTHOP 32 /* RTNLGRP_NEXTHOP, kernel 5.3 */

/* Thousands of routes in a row would otherwise overrun the socket with what we know. */
static void drop_own(const struct nl *nl, int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(nl->rt.port), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog prog = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

int nl_monitor_start(struct nl *nl)
{
	int groups[] = {RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE, RTNLGRP_IPV4_ROUTE,
			RTNLGRP_IPV4_RULE, GROUP_NEXTHOP};
	int size = NL_RCVBUF;
	int fd;

	nl->monitor = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!nl->monitor)
		return -errno;
	if (mnl_socket_bind(nl->monitor, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	fd = mnl_socket_get_fd(nl->monitor);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	drop_own(nl, fd);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int r = mnl_socket_setsockopt(nl->monitor, NETLINK_ADD_MEMBERSHIP, &groups[i],
					      sizeof(groups[i]));

		if (r < 0 && groups[i] != GROUP_NEXTHOP)
			return -errno;
	}
	return 0;
}

void nl_monitor_stop(struct nl *nl)
{
	if (nl->monitor)
		mnl_socket_close(nl->monitor);
	nl->monitor = NULL;
}

static void on_route(struct nl *nl, const struct nlmsghdr *nlh)
{
	struct nl_route_msg msg;

	nl_route_parse(nlh, &msg);
	if (msg.rtm->rtm_flags & RTM_F_CLONED)
		return;
	/* A router changes thousands of foreign routes: only ours make a walk unsure. */
	nl->changes +=
		msg.table == nl->walked && (msg.rtm->rtm_protocol == NL_PROTO ||
					    (msg.host && nl_known_has(nl, &msg.dst, msg.table)));
	/* Gone, or replaced by somebody else's. */
	if (msg.host && nl_known_has(nl, &msg.dst, msg.table) &&
	    (nlh->nlmsg_type == RTM_DELROUTE || msg.rtm->rtm_protocol != NL_PROTO)) {
		nl_known_del(nl, &msg.dst, msg.table);
		nl->lost = true;
	}
	nl_touch(nl);
}

static void on_rule(struct nl *nl, const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct fib_rule_hdr))
	{
		if (mnl_attr_get_type(attr) == FRA_PROTOCOL && mnl_attr_get_u8(attr) == NL_PROTO)
			nl->lost = true;
	}
	nl_touch(nl);
}

static void on_message(struct nl *nl, const struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_pid == nl->rt.port)
		return; /* our own doing */
	switch (nlh->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct rtmsg))
			on_route(nl, nlh);
		break;
	case RTM_NEWRULE:
	case RTM_DELRULE:
		if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct fib_rule_hdr))
			on_rule(nl, nlh);
		break;
	default:
		nl_touch(nl);
	}
}

/* Notifications were lost: anything may have happened. */
static void overflow(struct nl *nl)
{
	nl->overruns++;
	nl->changes++;
	nl_known_clear(nl);
	nl->lost = true;
	nl_touch(nl);
}

/* 0, or -errno of the end. */
static int take_one(struct nl *nl)
{
	char buf[NL_MONITOR_BUF] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t n = recv(mnl_socket_get_fd(nl->monitor), buf, sizeof(buf), MSG_DONTWAIT);
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
	int left = (int)n;

	if (n < 0)
		return -errno;
	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		on_message(nl, nlh);
	return 0;
}

/* The kernel says first that some were lost; what is queued behind is older than what anybody reads
 * from the tables now, so it is taken at once. */
static void drain(struct nl *nl)
{
	int r = 0;

	for (int i = 0; (!r || r == -ENOBUFS) && i < NL_MONITOR_DRAIN; i++)
		r = take_one(nl);
	overflow(nl);
}

void nl_monitor_take(struct nl *nl)
{
	int r = 0;

	for (int i = 0; !r && i < NL_MONITOR_BATCH; i++)
		r = take_one(nl);
	if (r == -ENOBUFS)
		drain(nl);
}
