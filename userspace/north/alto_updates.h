/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside north: what update streams (alto_stream.c) and TIPS (alto_tips.c) share (alto_updates.c):
 * the contents that are followed, one limit on streams and waiting requests, one timer.
 */
#ifndef NORTH_ALTO_UPDATES_H
#define NORTH_ALTO_UPDATES_H

#include "alto/update.h"
#include "north/alto.h"
#include "north/stream.h"

#define ALTO_SECRET_LEN 33		 /* 128 random bits as hex */
#define ALTO_PIECE (256u << 10)		 /* a client's turn is over so much */
#define ALTO_CONTROL_BYTES (64u << 10)	 /* of control events that wait for the client */
#define ALTO_IN_FLIGHT_MAX (64u << 20)	 /* of events that wait for their clients, together */
#define ALTO_IN_FLIGHT_KNOWN (16u << 20) /* of these, for principals and the unix socket alone */
#define ALTO_IN_FLIGHT_PARTY (16u << 20) /* of one address or principal */
#define ALTO_PAUSE_MS                                                                              \
	10 /* between two rounds of contents, and so many times what the last took:                \
	    */
#define ALTO_PAUSE_TIMES 2
#define ALTO_BEAT_MS 1000      /* looks for keep-alives, ends of waits, idle views */
#define ALTO_TIPS_VIEWS_MAX 64 /* then 429 */
#define ALTO_TIPS_IDLE_S 300   /* a view that nobody asks for is closed */
#define ALTO_TIPS_WAIT_S 30    /* for the next edge; then 425: ask again */

struct update_stream;
struct tips_view;
struct tips_wait;

struct alto_streams {
	struct north *north;
	uv_timer_t beat;   /* runs while there is something */
	uv_timer_t pause;  /* between two rounds */
	uv_idle_t work;	   /* runs while contents are asked, one a turn of the loop */
	uv_idle_t tell;	   /* runs while some are to be told: one a turn of the loop */
	uint64_t began_us; /* the last round */
	bool working, stopped;
	unsigned int beats;
	struct alto_contents *contents;
	struct update_stream *streams;
	unsigned int n_streams;
	size_t in_flight;
	struct tips_view *views;
	unsigned int n_views;
	struct tips_wait *waits;
	unsigned int n_waits;
	uint64_t events, refused;
};

/* -EIO: no random bits */
int alto_secret(char out[ALTO_SECRET_LEN]);
/* One more stream or wait may be, where its party has n of the kind: else answered 503 or 429. */
bool alto_streams_room(struct req *req, unsigned int n, unsigned int status);
/* Each beat: keep-alives, ends of waits and of views. */
void alto_streams_tick(struct alto_streams *s, uint64_t now_us);
void alto_streams_beat(struct alto_streams *s);	       /* after something was added */
void alto_too_many(struct req *req, const char *want); /* 429 with Retry-After */
/* 429 or 503 with Retry-After, and counted. */
void alto_streams_refuse(struct req *req, unsigned int status, const char *want);
/* Some are due: one is told a turn of the loop, until none is. */
void alto_streams_tell(struct alto_streams *s);

/* alto_stream.c: the same for streams as for TIPS below */
void alto_updates_changed(struct alto_streams *s);
void alto_updates_tick(struct alto_streams *s, uint64_t now_us);
bool alto_updates_tell(struct alto_streams *s);
void alto_updates_stop(struct alto_streams *s);

/* alto_tips.c */
void alto_tips_changed(struct alto_streams *s);
void alto_tips_tick(struct alto_streams *s, uint64_t now_us);
/* The next request whose edge may be there. False: there is none. */
bool alto_tips_tell(struct alto_streams *s);
/* Waiting requests are let go of, views closed. */
void alto_tips_stop(struct alto_streams *s);

#endif
