/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the client: the channel (channel.c) and its calls (call.c). */
#ifndef GRPC_CHANNEL_INT_H
#define GRPC_CHANNEL_INT_H

#include <sys/queue.h>

#include "grpc/conn.h"
#include "grpc/frame.h"

struct grpc_call {
	TAILQ_ENTRY(grpc_call) link;
	struct grpc_channel *ch;
	int32_t id;
	void (*on_message)(void *arg, const void *data, size_t len);
	void (*on_end)(void *arg, enum grpc_status status, const char *text, bool sent);
	void *arg;
	struct bytes out;
	struct frame_in in;
	bool end;  /* nothing follows what is in out */
	bool sent; /* its headers left */
	bool done; /* the user knows nothing of it any more */
	bool typed;
	int http, status; /* -1: not seen */
	char text[GRPC_TEXT_MAX];
	uint64_t deadline_ms; /* loop time; UINT64_MAX */
};

struct grpc_channel {
	struct conn conn;
	struct grpc_channel_conf conf;
	char host[GRPC_HOST_MAX], authority[GRPC_HOST_MAX + 16];
	uv_getaddrinfo_t look_up;
	struct addrinfo *addresses, *next;
	char last[GRPC_TEXT_MAX]; /* why the last address did not answer */
	bool closed, away;
	unsigned int n_open; /* calls that have not ended */
	TAILQ_HEAD(, grpc_call) calls;
	uint64_t drain_ms; /* loop time, with away */
};

void call_callbacks(nghttp2_session_callbacks *cbs);
int call_frame(struct conn *c, const nghttp2_frame *frame);
/* Ends all calls, with their callbacks; the memory stays until call_free_all(). */
void call_end_all(struct grpc_channel *ch, enum grpc_status status, const char *why);
void call_free_all(struct grpc_channel *ch);
/* Ends calls whose time has come; the next deadline. */
uint64_t call_tick(struct grpc_channel *ch, uint64_t now);

#endif
