/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `sanctl alto`: the ALTO client as a tool against any server, whose directory is the argument.
 * What a server says is checked as the daemon does it (alto/client.h); what does not hold is
 * refused with the reason. Functions return an exit status and have printed what there is to say.
 */
#ifndef SANCTL_ALTO_H
#define SANCTL_ALTO_H

#include "alto/client.h"
#include "sanctl/link.h"

/* ---- alto_peer.c: a server ---- */
struct peer {
	struct link link;
	const char *url; /* of its directory */
	struct alto_ird *ird;
	struct alto_netmap *map; /* after peer_map() */
};
/* Asks for the directory. Close it whatever this returns. */
int peer_open(struct peer *peer, struct ctl *ctl, const struct verb *verb, struct args args);
void peer_close(struct peer *peer);
/* Body and content type of e's answer; request NULL: GET. */
int peer_ask(struct peer *peer, const struct alto_ird_entry *e, const json_t *request);
/* The network map of --map, or the server's default. */
int peer_map(struct peer *peer);
/* An answer that does not hold: says why. */
int peer_refuses(const char *id, const struct err *err);
/* "offers no ..." */
int peer_lacks(const struct peer *peer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- alto.c ---- */
/* "AS1,AS2" -> ["AS1", "AS2"]; NULL text: []. */
json_t *alto_list(const char *text);
/* Whole cost map of --metric, or what --src and --dst ask for. */
int alto_costs(struct peer *peer, const json_t *srcs, const json_t *dsts,
	       struct alto_costmap **out);

/* ---- alto_show.c: rows for tables, new references ---- */
void alto_show_ird(const struct alto_ird *ird);
void alto_show_map(const struct alto_netmap *map);
void alto_show_costs(const struct alto_costmap *map, const json_t *srcs, const json_t *dsts);
void alto_show_props(const struct alto_propmap *map);
void alto_show_paths(const struct alto_pv *pv);

/* ---- alto_chain.c ---- */
/* The best chain of each requirement of sg. */
int alto_show_chains(struct peer *peer, const json_t *sg, const struct alto_pv *pv);

#endif
