/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One request to the kernel and its answers, on libmnl. Blocking, because the kernel answers a
 * request before send() returns; a receive timeout keeps a surprise from hanging the process.
 */
#ifndef NL_TALK_H
#define NL_TALK_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NL_TALK_BUF 65536 /* the kernel fills dump datagrams of up to 32 KiB */
#define NL_REQ_SIZE 1024
#define NL_WHY_LEN 128
#define NL_TALK_TIMEOUT_S 5
#define NL_DUMP_TRIES 8 /* a dump that was disturbed by a change is done again */

struct nl_talk {
	struct mnl_socket *sock;
	uint32_t seq;
	uint32_t port; /* ours, as it stands in notifications that we caused */
	char *buf;
	char why[NL_WHY_LEN]; /* the kernel's own words about the last failure, or strerror */
};

/* A request under construction. */
struct nl_req {
	union {
		struct nlmsghdr nlh;
		char buf[NL_REQ_SIZE];
	};
};

int nl_talk_open(struct nl_talk *talk, int bus);
void nl_talk_close(struct nl_talk *talk); /* zeroed or opened */

/* Starts a message with a header of `extra` zeroed bytes behind nlmsghdr; returns that header. */
void *nl_req_init(struct nl_req *req, uint16_t type, uint16_t flags, size_t extra);

/* Gets each answer that is not an acknowledgement; must not talk on the same socket. */
typedef void (*nl_answer_cb)(void *arg, const struct nlmsghdr *nlh);

/* Sends and reads to the end (acknowledgement, or end of dump). 0 or the kernel's -errno with
 * talk->why; -EINTR: a dump was disturbed by a change and is to be repeated. */
int nl_talk(struct nl_talk *talk, struct nl_req *req, nl_answer_cb answer, void *arg);

/* The same in parts, for a dump: nl_talk_send, then nl_talk_part while it returns 1. The kernel
 * goes on with a dump when it is read. *disturbed is set when a change disturbed it. */
int nl_talk_send(struct nl_talk *talk, struct nl_req *req);
int nl_talk_part(struct nl_talk *talk, nl_answer_cb answer, void *arg, bool *disturbed);

#endif
