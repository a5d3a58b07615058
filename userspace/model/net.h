/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Gateways (egress PEs) and paths from an ingress to a gateway. Value types with JSON forms
 * (/san/gateways/<gateway>, /san/paths/<ingress>/<gateway>/<path>, REST, configuration):
 *
 * gateway: { "name": "gw2", "locator": "5f00:0:2::/48", "sid": "5f00:0:2::1",
 *            "san_sid": "5f00:0:2:5a::", "decap6": "5f00:0:2:d6::", "decap4": "5f00:0:2:d4::",
 *            "address": "2001:db8:f::2" }
 * path:    { "kind": "be" }
 *       or { "kind": "policy", "colour": 100, "preference": 10, "segments": ["5f00:0:1::1"],
 *            "encap": "encap.red", "hop_limit": 0 }
 */
#ifndef MODEL_NET_H
#define MODEL_NET_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdint.h>

#include <san/msg.h>

#include "util/err.h"
#include "util/name.h"

struct gateway {
	char name[NAME_LEN];
	struct in6_addr locator; /* prefix its SIDs come from */
	uint8_t locator_len;	 /* 16..112 */
	struct in6_addr sid;	 /* its own End SID; :: = none */
	struct in6_addr san_sid; /* its End.SAN SID, inside the locator; :: = none */
	/* SIDs that take the outer header off and send on what was in it (End.DT6 or End.DX6;
	 * End.DX4), for connections that end here; :: = none */
	struct in6_addr decap6, decap4;
	struct in6_addr address; /* :: = none */
};

enum path_kind { PATH_BE, PATH_POLICY, PATH_KIND_MAX };

struct path {
	char ingress[NAME_LEN], gateway[NAME_LEN], name[NAME_LEN];
	uint8_t kind;	   /* enum path_kind */
	uint8_t encap;	   /* enum san_encap */
	uint8_t hop_limit; /* outer; 0 = inherit */
	uint8_t n_segs;	   /* 0 for BE, 1..SAN_MAX_SEGS-1 for POLICY: the instance's SID follows */
	uint32_t colour;
	uint32_t preference;			/* lower wins a tie; default 100 */
	struct in6_addr segs[SAN_MAX_SEGS - 1]; /* travel order */
};

/* name/ingress/... come from the key, through these arguments; obj may repeat them, not contradict
 * them. A name that is NULL here must be in obj. The output is left alone on failure; its padding
 * is zero: memcmp compares. -EINVAL, -ENOSPC. */
int gateway_from_json(const json_t *obj, const char *name, struct gateway *gw, struct err *err);
json_t *gateway_to_json(const struct gateway *gw);
struct path_key {
	const char *ingress, *gateway, *name;
};
int path_from_json(const json_t *obj, struct path_key key, struct path *path, struct err *err);
json_t *path_to_json(const struct path *path);

#endif
