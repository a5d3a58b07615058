/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nl/talk.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

int nl_talk_open(struct nl_talk *talk, int bus)
{
	struct timeval limit = {.tv_sec = NL_TALK_TIMEOUT_S};
	int on = 1;
	int fd;

	memset(talk, 0, sizeof(*talk));
	talk->buf = malloc(NL_TALK_BUF);
	if (!talk->buf)
		return -ENOMEM;
	talk->sock = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!talk->sock || mnl_socket_bind(talk->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		int r = -errno;

		nl_talk_close(talk);
		return r;
	}
	fd = mnl_socket_get_fd(talk->sock);
	/* Comfort only: without them there is less text, or more to filter. */
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	talk->port = mnl_socket_get_portid(talk->sock);
	return 0;
}

void nl_talk_close(struct nl_talk *talk)
{
	if (talk->sock)
		mnl_socket_close(talk->sock);
	free(talk->buf);
	talk->sock = NULL;
	talk->buf = NULL;
}

void *nl_req_init(struct nl_req *req, uint16_t type, uint16_t flags, size_t extra)
{
	struct nlmsghdr *nlh;

	memset(req, 0, sizeof(*req));
	nlh = mnl_nlmsg_put_header(req->buf);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	return mnl_nlmsg_put_extra_header(nlh, extra);
}

static void keep_why(struct nl_talk *talk, int code, const char *text, size_t len)
{
	if (text && len)
		snprintf(talk->why, sizeof(talk->why), "%.*s", (int)strnlen(text, len), text);
	else
		snprintf(talk->why, sizeof(talk->why), "%s", strerror(-code));
}

/* The attributes of an extended acknowledgement stand behind struct nlmsgerr (NETLINK_CAP_ACK: the
 * request itself is not echoed). */
static int take_error(struct nl_talk *talk, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	size_t skip = sizeof(*e);
	const char *text = NULL;
	size_t len = 0;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
		return -EBADMSG;
	if (!e->error)
		return 0;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += mnl_nlmsg_get_payload_len(&e->msg);
	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS) {
		mnl_attr_for_each(attr, nlh, skip)
		{
			if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG) {
				text = mnl_attr_get_payload(attr);
				len = mnl_attr_get_payload_len(attr);
			}
		}
	}
	keep_why(talk, e->error, text, len);
	return e->error;
}

static int take_done(struct nl_talk *talk, const struct nlmsghdr *nlh)
{
	int code = 0;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(code))
		memcpy(&code, mnl_nlmsg_get_payload(nlh), sizeof(code));
	if (code < 0)
		keep_why(talk, code, NULL, 0);
	return code < 0 ? code : 0;
}

struct reading {
	nl_answer_cb answer;
	void *arg;
	bool disturbed, done;
	int result;
};

static void read_one(struct nl_talk *talk, struct reading *rd, const struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_seq != talk->seq)
		return; /* left over from a request that timed out */
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		rd->disturbed = true;
	switch (nlh->nlmsg_type) {
	case NLMSG_ERROR:
		rd->result = take_error(talk, nlh);
		rd->done = true;
		break;
	case NLMSG_DONE:
		rd->result = take_done(talk, nlh);
		rd->done = true;
		break;
	default:
		if (rd->answer)
			rd->answer(rd->arg, nlh);
	}
}

static int read_datagram(struct nl_talk *talk, struct reading *rd)
{
	ssize_t n = mnl_socket_recvfrom(talk->sock, talk->buf, NL_TALK_BUF);
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)talk->buf;
	int left = (int)n;

	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	for (; mnl_nlmsg_ok(nlh, left) && !rd->done; nlh = mnl_nlmsg_next(nlh, &left))
		read_one(talk, rd, nlh);
	return 0;
}

int nl_talk_send(struct nl_talk *talk, struct nl_req *req)
{
	int r = 0;

	talk->why[0] = '\0';
	req->nlh.nlmsg_seq = ++talk->seq;
	/* Each bit of NLM_F_DUMP means something else in a request to write. */
	if ((req->nlh.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		req->nlh.nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(talk->sock, &req->nlh, req->nlh.nlmsg_len) < 0)
		r = -errno;
	if (r)
		keep_why(talk, r, NULL, 0);
	return r;
}

int nl_talk_part(struct nl_talk *talk, nl_answer_cb answer, void *arg, bool *disturbed)
{
	struct reading rd = {.answer = answer, .arg = arg};
	int r = read_datagram(talk, &rd);

	if (r)
		keep_why(talk, r, NULL, 0);
	*disturbed |= rd.disturbed;
	return r ? r : rd.done ? rd.result : 1;
}

int nl_talk(struct nl_talk *talk, struct nl_req *req, nl_answer_cb answer, void *arg)
{
	bool disturbed = false;
	int r = nl_talk_send(talk, req);

	if (r)
		return r;
	do {
		r = nl_talk_part(talk, answer, arg, &disturbed);
	} while (r > 0);
	return !r && disturbed ? -EINTR : r;
}
