/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of admission share: admit.c (connections to legs), admit_path.c (legs to paths),
 * admit_cfn.c (CFNs and flows against the network and grants), legs.c. */
#ifndef NEMO_ADMIT_INT_H
#define NEMO_ADMIT_INT_H

#include "nemo/plan.h"
#include "nemo/site.h"

#define LEG_BANDWIDTH_MAX INT64_C(1000000000) /* Mbit/s: the most that a path can say it has */

struct admission {
	const char *tenant;
	const struct nemo_store *store;
	const struct nemo_grants *grants;
	const struct view *view;
	const struct nemo_script *script;
	struct nemo_diags *diags;
	struct nemo_gateways **gateways;
	unsigned int *tried; /* legs, of all connections, those that were refused included */
};

/* An error of class COMMIT where the script names the object last: "Connection c: reason". -EINVAL.
 */
int admit_error(const struct admission *a, const struct nemo_object *object, const char *reason,
		...) __attribute__((format(printf, 3, 4)));
/* Its property, if it is an Integer: one value of min..max. unit: " Mbit/s" or "". */
struct admit_range {
	int64_t min, max;
	const char *unit;
};
int admit_integer(const struct admission *a, const struct nemo_object *object, const char *property,
		  struct admit_range range);
int admit_no_memory(const struct admission *a); /* -ENOMEM */

/* Every CFN and flow: 0, or -EINVAL with all errors told. */
int admit_cfns(const struct admission *a);
int admit_flows(const struct admission *a);

/* Zeroed; NULL: no memory. */
struct nemo_leg *legs_add(struct nemo_legs *legs);

/* Paths, and what of them is reserved. */
struct road {
	const struct view_path *path;
	int64_t held; /* Mbit/s */
};
struct roads { /* by ingress, gateway, name */
	struct road *v;
	unsigned int n;
};
int roads_init(struct roads *roads, const struct view *view); /* -ENOMEM */
void roads_fini(struct roads *roads);
/* Reserves what a leg has; no effect when its path is not there. */
void roads_hold(struct roads *roads, const struct nemo_leg *leg);
/* The leg stays on leg->path, if that does what is asked. */
bool roads_keep(struct roads *roads, const struct nemo_leg *leg);
/* Chooses a path and sets leg->path. false: why[] says what is missing. */
bool roads_choose(struct roads *roads, struct nemo_leg *leg, char *why, size_t size);

#endif
