/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What flow.c and flow_field.c share: a flow that is being worked out. */
#ifndef NEMO_FLOW_INT_H
#define NEMO_FLOW_INT_H

#include "nemo/compile_int.h"

struct flow_build {
	struct nemo_own *own;
	struct nemo_flow *flow;
	struct nemo_pick *pick;
	struct nemo_spans egress[NEMO_FAMILIES];
	bool src, dst, to_site; /* given */
};

/* why; the first one stays. Returns 0: it is no error, but a flow that cannot be had here. */
int flow_cannot(struct flow_build *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int flow_add_prefix(struct nemo_spans sets[NEMO_FAMILIES], const struct nemo_prefix *prefix);
/* A gateway or a site that a field names. NULL: there is none, why says so; or no memory. */
const struct nemo_spot *flow_named(struct flow_build *b, const char *field, const char *name);
/* All prefixes of a place. */
int flow_add_place(struct flow_build *b, struct nemo_spans sets[NEMO_FAMILIES],
		   const struct nemo_spot *place);
/* An empty pick. NULL: no memory. */
struct nemo_pick *flow_pick(struct nemo_own *own);
/* What the flow says of a field goes into its sets and its pick. */
int flow_field(struct flow_build *b, const struct nemo_pair *pair);

#endif
