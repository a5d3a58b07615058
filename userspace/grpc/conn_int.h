/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of a connection: its nghttp2 session (session.c) and its bytes (conn.c). */
#ifndef GRPC_CONN_INT_H
#define GRPC_CONN_INT_H

#include "grpc/conn.h"

int session_open(struct conn *c);
/* Feeds the session; 0 or negative with c->why set. */
int session_recv(struct conn *c, const uint8_t *data, size_t len);
/* Takes up to size bytes of frames to be sent. 0: nothing; negative with c->why set. */
ssize_t session_send(struct conn *c, uint8_t *buf, size_t size);
bool session_over(const struct conn *c);
/* More frames wait than an honest peer makes necessary. */
bool session_full(const struct conn *c);
/* Looks after patience and silence; when to look again. */
uint64_t session_watch(struct conn *c, uint64_t now);

#endif
