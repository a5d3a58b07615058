/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's REST interface (docs/rest.md) on libmicrohttpd, on the loop: unix socket (authorised
 * by file mode and group) and loopback TCP; and, also on addresses of their own with TLS, the ALTO
 * service and the broker's input. Reads come from the view or a snapshot, writes go through srm,
 * nsc, csc, broker and are answered when durable. Errors are RFC 9457 problems. Nothing here
 * decides.
 */
#ifndef NORTH_H
#define NORTH_H

#include <uv.h>

#include "altoc/altoc.h"
#include "broker/broker.h"
#include "csc/csc.h"
#include "enact/enact.h"
#include "intent/intent.h"
#include "ncc/ncc.h"
#include "ncsdb/server.h"
#include "nsc/nsc.h"
#include "orc/orc.h"
#include "srm/srm.h"

struct north;

#define NORTH_BODY_MAX (1u << 20)
#define NORTH_BATCH_MAX (8u << 20)
#define NORTH_SNAPSHOT_MAX (512u << 20)
#define NORTH_BATCH_LINES 16384 /* of one batch */
#define NORTH_HEADER_MAX (16u << 10)
#define NORTH_CONNECTIONS 256
#define NORTH_ALTO_CONNECTIONS 192 /* of these, by listeners for ALTO alone */
#define NORTH_NEMO_CONNECTIONS 48  /* of these, by listeners for intent alone */
#define NORTH_PER_PEER 32	   /* of these, from one address on TCP (IPv6: one /64) */
#define NORTH_IDLE_S 10
#define NORTH_TURN_S 30	    /* for a request to come as a whole, and for its answer to be taken */
#define NORTH_PAGE_MAX 1000 /* items of one answer */

#define NORTH_LISTEN_MAX 4
#define NORTH_PRINCIPALS_MAX 1024
#define NORTH_STREAMS_MAX 64 /* update streams and waits of TIPS; then 503 */
#define NORTH_STREAMS_PARTY                                                                        \
	8 /* update streams, waits and views, each, of one address or principal */
#define NORTH_STREAMS_KNOWN 8 /* of all, for principals and the unix socket alone */

/* Somebody who is known by a token or a certificate. */
enum north_role { NORTH_READER, NORTH_DOMAIN, NORTH_ADMIN, NORTH_TENANT, NORTH_ROLE_MAX };
struct north_principal {
	const char *name; /* of a domain: its ID; of a tenant: its name */
	enum north_role role;
	bool has_token;
	uint8_t token_sha256[32];
	const char *certificate; /* CN or DNS name of a client certificate; NULL = none */
};

/*
 * Listeners of one scope, and who is known there. ALTO (and the broker's input): on the unix socket
 * with all rights; on the loopback listener reads are open and writes take a token. Intent
 * (/v1/nemo): the unix socket is the operator, who acts for any tenant; the loopback listener takes
 * a tenant's token. On the listeners named here nothing but their scope is there.
 */
struct north_access {
	const char *const *listen; /* "[2001:db8::1]:8443"; not loopback: TLS */
	unsigned int n_listen;
	const char *cert, *key; /* PEM files; NULL = clear text, loopback only */
	const char *ca;		/* of client certificates; NULL = none are asked for */
	bool known_only;	/* reading, too, takes a principal */
	const struct north_principal *principals;
	unsigned int n_principals;
};

struct north_conf {
	uv_loop_t *loop;
	const char *unix_path; /* NULL = none */
	const char *tcp;  /* "127.0.0.1:8080", "[::1]:8080"; NULL = none; not loopback: refused;
			     port 0: any free one */
	const char *name; /* this host */
	struct ncsdb *db;
	struct ncsdb_server *server; /* NULL: db is not offered to others */
	const struct view *view;
	struct srm *srm;
	struct nsc *nsc;
	struct csc *csc;
	struct orc *orc;
	struct ncc *ncc;
	struct broker *broker; /* NULL: no ALTO */
	struct altoc *altoc;   /* NULL: no sources */
	struct north_access alto;
	struct intent *intent; /* NULL: no NEMO, nor enact */
	struct enact *enact;
	struct north_access nemo; /* principals: role NORTH_TENANT; known_only is implied */
	uint32_t max_services;	  /* the dataplane has room for; 0 = not known */
	unsigned int idle_s;	  /* 0 = NORTH_IDLE_S */
	unsigned int turn_s;	  /* 0 = NORTH_TURN_S */
};

/* Texts are copied. err names what was wrong: the address, the socket file, who holds it. SIGPIPE
 * is ignored from here on. *out is left alone on failure. */
int north_open(const struct north_conf *conf, struct north **out, struct err *err);
/* Requests that still wait for the database and those that still come are answered 503, answers are
 * sent as far as the clients take them at once, the socket file is removed. The other modules may
 * be closed then. */
void north_close(struct north *north);
/* Port the TCP listener is bound to; 0 = none. */
uint16_t north_tcp_port(const struct north *north);
uint16_t north_alto_port(const struct north *north, unsigned int i); /* of alto.listen[i] */
uint16_t north_nemo_port(const struct north *north, unsigned int i); /* of nemo.listen[i] */

#endif
