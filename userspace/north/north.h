/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's REST interface (docs/rest.md) on libmicrohttpd, on the loop: unix socket (authorised
 * by file mode and group) and loopback TCP. Reads come from the view, writes go through srm, nsc,
 * csc and are answered when durable. Errors are RFC 9457 problems. Nothing here decides.
 */
#ifndef NORTH_H
#define NORTH_H

#include <uv.h>

#include "csc/csc.h"
#include "ncc/ncc.h"
#include "nsc/nsc.h"
#include "orc/orc.h"
#include "srm/srm.h"

struct north;

#define NORTH_BODY_MAX (1u << 20)
#define NORTH_BATCH_MAX (8u << 20)
#define NORTH_HEADER_MAX (16u << 10)
#define NORTH_CONNECTIONS 256
#define NORTH_IDLE_S 10

struct north_conf {
	uv_loop_t *loop;
	const char *unix_path; /* NULL = none */
	const char *tcp;  /* "127.0.0.1:8080", "[::1]:8080"; NULL = none; not loopback: refused */
	const char *name; /* this host */
	struct ncsdb *db;
	const struct view *view;
	struct srm *srm;
	struct nsc *nsc;
	struct csc *csc;
	struct orc *orc;
	struct ncc *ncc;
};

int north_open(const struct north_conf *conf, struct north **out, struct err *err);
/* Finishes answers in flight, removes the socket file. */
void north_close(struct north *north);

#endif
