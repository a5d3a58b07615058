/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside north: the interface itself. Connections are accepted here and handed to one of two
 * libmicrohttpd daemons, for clear text and for TLS, whose epoll descriptors are on the loop.
 * (Their own accept() would copy the address of a unix client that is bound to a path from beyond
 * its buffer, and knows no common limit for several listeners.)
 */
#ifndef NORTH_SERVER_H
#define NORTH_SERVER_H

#include <netinet/in.h>
#include <sys/stat.h>

#include "alto/server.h"
#include "north/observe.h"
#include "north/rest.h"
#include "north/share.h"

enum {
	LISTEN_UNIX,
	LISTEN_TCP,
	LISTEN_ALTO,
	LISTEN_NEMO = LISTEN_ALTO + NORTH_LISTEN_MAX,
	LISTEN_MAX = LISTEN_NEMO + NORTH_LISTEN_MAX,
};

struct listener {
	uv_poll_t poll;
	struct north *north;
	int fd; /* -1 = none */
	uint16_t port;
	bool polled;
};

/* What a listener of its own is for. */
enum { ACCESS_ALTO, ACCESS_NEMO, ACCESS_MAX };

enum { ENGINE_PLAIN, ENGINE_TLS, ENGINE_MAX = ENGINE_TLS + ACCESS_MAX }; /* TLS: one an access */

struct engine {
	uv_poll_t poll; /* mhd's epoll */
	struct north *north;
	struct MHD_Daemon *mhd; /* NULL = not needed */
	bool polled;
};

enum conn_turn {
	TURN_ASK,  /* the client's, to send a request */
	TURN_OURS, /* a request waits for the database or the parent process */
	TURN_TAKE, /* the client's, to take the answer */
};

/* One connection; MHD's socket context. */
struct conn {
	struct north *north;
	struct conn *prev, *next;
	char peer[REST_PEER_LEN]; /* "uid:0,pid:12" or the address */
	bool tcp;		  /* not the unix socket */
	struct access *only;	  /* by a listener for it alone; NULL = by one for all */
	bool tls;
	struct share *share;			 /* of its address; a reference */
	int fd;					 /* MHD's */
	struct MHD_Connection *mhd;		 /* NULL: not begun, or ended */
	bool certified;				 /* its certificate has been looked at: principal */
	bool untrusted;				 /* it has one that nobody vouches for */
	const struct north_principal *principal; /* by certificate; NULL = none */
	enum conn_turn turn;
	uint64_t until_us; /* end of the client's turn; 0 = none */
};

struct db_poll;
struct alto_cache;
struct alto_streams;

/* alto_queue.c: requests that wait for their turn */
struct alto_queue {
	uv_idle_t idle;	    /* runs while there are some */
	struct share *ring; /* parties that have some; the first one is next */
	unsigned int n;
	uint64_t refused; /* ever */
	bool open;
};

struct alto_state {
	struct alto_resources *all; /* of the newest snapshot; NULL = none yet */
	struct alto_cache *cache;
	struct alto_streams *streams;
	struct alto_queue queue;
	uint64_t requests[ALTO_SERVICE_MAX + 1][5]; /* by service (+ 1, 0: none), class of status */
};

/* auth.c */
struct auth {
	struct north_principal *v; /* texts are owned */
	unsigned int n;
	bool known_only;
	uint64_t failed;	  /* ever */
	uint64_t said_us, unsaid; /* since a line was logged */
};

/* Listeners of one scope (north_access) and who is known there. */
struct access {
	struct auth auth;
	const char *what; /* "for ALTO" */
	unsigned int n_conns, max_conns;
	bool tls;
};

struct nemo_events;

struct north {
	struct north_conf conf; /* texts are NULL here */
	char name[NAME_LEN];
	uint64_t opened_us;
	struct engine engines[ENGINE_MAX];
	uv_timer_t timer;
	uv_idle_t again;     /* MHD has more to do at once: in the loop's next round */
	uint64_t moved;	     /* bytes and calls of TLS connections */
	uint64_t moved_seen; /* at the last round */
	unsigned int futile; /* rounds since then */
	uv_timer_t turns;    /* runs while there are connections */
	unsigned int turn_s;
	unsigned int
		handles; /* open on the loop, and answers of ncc's to come: see north_release */
	bool closing;
	struct listener listeners[LISTEN_MAX];
	char unix_path[108];
	dev_t unix_dev;
	ino_t unix_ino;
	int spare_fd; /* given up to refuse a connection when there are no descriptors */
	bool fds_said;
	struct conn *conns, *accepting;
	unsigned int n_conns;
	struct shares shares;
	struct rate handshakes;
	struct observe observe;
	struct db_poll *db_polls; /* requests that wait for a change of the database */
	unsigned int n_db_polls;
	struct req *reqs;
	struct req *exclusive; /* of reqs: the one whose action is so; NULL = none */
	uint64_t n_reqs;
	struct access access[ACCESS_MAX];
	struct alto_state alto;
	struct nemo_events *nemo; /* nemo_events.c; NULL = no intent */
	struct broker_item found; /* of the request that is looked at */
};

/* listen.c: bound, listening, non-blocking. */
int listen_unix(struct north *north, const char *path, struct err *err);
int listen_tcp(struct north *north, const char *text, struct err *err);
/* All of conf; sets north->access[which].tls. */
int listen_access(struct north *north, int which, const struct north_access *conf, struct err *err);
void listen_close(struct north *north);

/* accept.c */
void accept_on_readable(uv_poll_t *poll, int status, int events);
void accept_on_notify(void *cls, struct MHD_Connection *conn, void **context,
		      enum MHD_ConnectionNotificationCode code);
/* Whose turn it is now. A client that takes longer than its own loses its connection: a byte now
 * and then is not idle for MHD, and would hold it for ever. */
void accept_turn(struct conn *conn, enum conn_turn turn);

/* auth.c: who asks */
int auth_open(struct north *north, int which, const struct north_access *conf, struct err *err);
void auth_fini(struct auth *auth);
/* The first two parts of the path, decoded ("" = none). What this listener does not serve is a 404,
 * what needs a principal and has none a 401. Fills req->who. False: answered. */
bool auth_admit(struct req *req, const char *first, const char *second);

/* north.c: lets MHD do what it can and sets the timer. */
void north_drive(struct north *north);
/* The same, soon: a connection was resumed. (Without a thread of its own libmicrohttpd has nothing
 * that would wake the loop.) */
void north_wake(struct north *north);
/* One handle or answer less; the memory goes with the last one. */
void north_release(struct north *north);

#endif
