/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the two files of a stream: sending (stream.c) and receiving (request.c). */
#ifndef GRPC_STREAM_INT_H
#define GRPC_STREAM_INT_H

#include "grpc/server_int.h"

/* Trailers now; what waits to be sent is dropped. */
void stream_abort(struct grpc_stream *s, enum grpc_status status, const char *text);
void stream_refuse_http(struct grpc_stream *s, const char *status);
void stream_count(struct grpc_stream *s);
/* The user's last callback. */
void stream_gone(struct grpc_stream *s);
void stream_free(struct grpc_stream *s);
ssize_t stream_read_out(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size,
			uint32_t *flags, nghttp2_data_source *source, void *user);

#endif
