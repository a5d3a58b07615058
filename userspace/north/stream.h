/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside north: an answer in pieces (chunked). The piece that is under way is all that is held in
 * memory; the next one is asked for when the client has taken it. A client that takes longer than
 * its turn over one piece, or over several that go on, loses its connection.
 */
#ifndef NORTH_STREAM_H
#define NORTH_STREAM_H

#include "north/server.h"

#define REST_STREAM_BLOCK 32768

struct rest_stream_ops {
	void (*more)(void *arg); /* the next piece, please: rest_stream_put or _end, also later */
	void (*gone)(void *arg); /* nobody reads any more; the last callback */
};

/* NULL: no memory. Holds req. Pass it to rest_streamed(), or drop it (gone() is called). */
struct rest_stream *rest_stream_new(struct req *req, const struct rest_stream_ops *ops, void *arg);
void rest_stream_drop(struct rest_stream *stream);
/* text is taken. The answer is complete only with _end(stream, true): without, the client sees that
 * it broke off. */
void rest_stream_put(struct rest_stream *stream, char *text, size_t len);
/* The same in the turn that the client has: one for all that there is to send now. */
void rest_stream_go_on(struct rest_stream *stream, char *text, size_t len);
void rest_stream_end(struct rest_stream *stream, bool whole);

/* reply.c: answers 200 with what the stream will bring. */
void rest_streamed(struct req *req, struct rest_stream *stream, const char *type);
/* request.c: NULL: no memory, the stream is dropped. */
struct MHD_Response *rest_stream_response(struct rest_stream *stream);

#endif
