/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The child's in-memory view of the status database: services, instances, gateways, paths with
 * their samples, classifier rules. Written by srm, csc and nsc as they follow the database (never
 * directly by REST), read by orc and north. Pure tables: no I/O, no clock. One observer (orc) hears
 * of every change after it is in place, and of a removal before the object is freed.
 */
#ifndef MODEL_VIEW_H
#define MODEL_VIEW_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/aggregate.h"
#include "model/attr.h"
#include "model/net.h"
#include "model/plan.h"
#include "model/service.h"
#include "util/hash.h"

#define VIEW_MAX_SERVICES 131072
#define VIEW_MAX_INSTANCES 1048576
#define VIEW_MAX_GATEWAYS 4096
#define VIEW_MAX_PATHS 65536
#define VIEW_MAX_CLASSES SAN_MAX_CLASSES

enum instance_state { INSTANCE_UP, INSTANCE_DRAINING, INSTANCE_DOWN, INSTANCE_STATE_MAX };
extern const char *const instance_state_names[INSTANCE_STATE_MAX];

#define VIEW_INSTANCE_ROOM 32

/* There are up to a million: no holes, and what most of them do not have is elsewhere. */
struct view_instance {
	struct view_service *service;
	uint64_t user[VIEW_INSTANCE_ROOM / 8]; /* orc's, zero at first */
	const char *gateway;		       /* shared, the view's; "" until known */
	struct in6_addr address;	       /* :: until known; IPv4-mapped for IPv4 */
	struct in6_addr sid;		       /* :: until known */
	int64_t revision;		       /* of the last change in the database */
	struct samples samples;		       /* computing status */
	uint8_t state;			       /* enum instance_state; UP until told */
	/* Not an instance but what gateway says of all its own (model/aggregate.h); name is "@" and
	 * the gateway's. address and sid stay ::. */
	bool aggregate;
	uint16_t agg_count;
	uint32_t agg_capacity;
	char name[]; /* up to NAME_LEN with NUL; the object is as long as it needs */
};

struct view_service {
	uint64_t id;
	bool registered;     /* false: instances are known, the service itself is not yet */
	struct service *def; /* NULL until it was registered */
	int64_t revision;
	struct view_instance **instances; /* n_instances; NULL: none */
	uint32_t *slots;		  /* of a hash table by name: view_table.c */
	uint32_t n_instances, cap_instances, n_slots;
	void *user; /* orc's */
	UT_hash_handle hh;
};

/* for (...) over the instances of a service; the view must not change meanwhile. */
#define view_each_instance(svc, inst)                                                              \
	for (uint32_t at_ = 0; at_ < (svc)->n_instances && ((inst) = (svc)->instances[at_], true); \
	     at_++)

struct view_gateway {
	struct gateway def;
	int64_t revision;
	UT_hash_handle hh; /* by def.name */
};

struct view_path {
	struct path def;
	bool defined; /* false: only network status known yet */
	int64_t revision;
	struct samples samples; /* network status */
	char key[3 * NAME_LEN]; /* "ingress/gateway/path" */
	UT_hash_handle hh;
};

struct view_class { /* classifier rule */
	struct plan_class def;
	int64_t revision;
	UT_hash_handle hh; /* by def.name */
};

enum view_change {
	VIEW_SERVICE,	   /* service registered or changed */
	VIEW_SERVICE_GONE, /* deregistered (object stays while it has instances), and again when an
			    * object that is not registered goes with its last instance: it is
			    * freed after the event if instances is NULL */
	VIEW_INSTANCE,	   /* new, or gateway/address/sid/state changed */
	VIEW_INSTANCE_GONE,
	VIEW_INSTANCE_ATTR, /* one sample: attr, and whether its value differs */
	VIEW_GATEWAY,
	VIEW_GATEWAY_GONE,
	VIEW_PATH,
	VIEW_PATH_GONE, /* definition removed; freed after the event if samples.n is 0 */
	VIEW_PATH_ATTR,
	VIEW_CLASS,
	VIEW_CLASS_GONE,
};

struct view_event {
	enum view_change change;
	struct view_service *service;	/* SERVICE*, INSTANCE* */
	struct view_instance *instance; /* INSTANCE* */
	struct view_gateway *gateway;	/* GATEWAY* */
	struct view_path *path;		/* PATH* */
	struct view_class *cls;		/* CLASS* */
	uint16_t attr;			/* *_ATTR */
	bool value_changed;		/* *_ATTR: false = only refreshed */
};

/* VIEW_MAX_*; tests lower them. */
struct view_limits {
	unsigned int services, instances, gateways, paths, classes;
};

/* The observer must not change the view. */
struct view {
	struct view_limits limits;
	struct view_service *services; /* uthash by id */
	struct view_gateway *gateways; /* uthash by def.name */
	struct view_path *paths;       /* uthash by key */
	struct view_class *classes;    /* uthash by def.name */
	struct view_site *sites;       /* uthash: names of instances' gateways, each once */
	unsigned int n_instances;
	struct view_service *recent; /* looked up last: keys come sorted by service */
	uint64_t stalled_us;	     /* stood still so long, in all */
	uint64_t stall_since_us;     /* clock_us(); 0 = goes on */
	void (*observe)(void *arg, const struct view_event *event); /* may be NULL */
	void *arg;
	void (*changed)(void *arg); /* after the observer: something differs; may be NULL */
	void *changed_arg;
	/* A second observer, told after the first one; may be NULL. */
	void (*second)(void *arg, const struct view_event *event);
	void *second_arg;
};

void view_init(struct view *view);
void view_fini(struct view *view); /* tells the observer nothing */

/*
 * The time that ages of samples and all waiting of orc are counted in: clock_us(), but it stands
 * still while the database is away, because values that nobody could tell us do not get old.
 * Samples carry it in received_us.
 */
uint64_t view_time(const struct view *view, uint64_t clock_us);
void view_stall(struct view *view, uint64_t clock_us); /* no effect while it stands */
void view_go_on(struct view *view, uint64_t clock_us); /* no effect while it goes */

struct view_service *view_service(const struct view *view, uint64_t id);
struct view_instance *view_instance(const struct view *view, uint64_t id, const char *name);
struct view_gateway *view_gateway(const struct view *view, const char *name);
struct view_path *view_path(const struct view *view, struct path_key key);
struct view_class *view_class(const struct view *view, const char *name);

/* Setters: 0, -EINVAL (a name that is none), -ENOMEM, or -ENOSPC at a VIEW_MAX_* or
 * ATTR_PER_OBJECT. They create what is missing, notify, and notify
 * nothing when nothing changed (attributes: a refresh is notified with value_changed = false). */
int view_service_put(struct view *view, const struct service *def, int64_t revision);
void view_service_del(struct view *view, uint64_t id);
struct view_instance_put {
	uint64_t service;
	const char *instance;
	int64_t revision;
	const char *gateway; /* NULL = leave, "" = unknown again; likewise below */
	const struct in6_addr *address;
	const struct in6_addr *sid;
	const enum instance_state *state;
	/* instance is "@gateway", together shorter than NAME_LEN, and gateway is taken from there;
	 * its samples are replaced. */
	const struct aggregate *aggregate;
	uint64_t received_us; /* of aggregate's samples */
};
int view_instance_put(struct view *view, const struct view_instance_put *put);
void view_instance_del(struct view *view, uint64_t service, const char *instance);
int view_instance_attr(struct view *view, uint64_t service, const char *instance,
		       const struct sample *sample);
void view_instance_attr_del(struct view *view, uint64_t service, const char *instance,
			    uint16_t attr);
/* Marks the sample refused (the last good value stays); no effect where none is known. */
void view_instance_attr_refused(struct view *view, uint64_t service, const char *instance,
				uint16_t attr);
int view_gateway_put(struct view *view, const struct gateway *def, int64_t revision);
void view_gateway_del(struct view *view, const char *name);
int view_path_put(struct view *view, const struct path *def, int64_t revision);
void view_path_del(struct view *view, struct path_key key);
int view_path_attr(struct view *view, struct path_key key, const struct sample *sample);
void view_path_attr_del(struct view *view, struct path_key key, uint16_t attr);
int view_class_put(struct view *view, const struct plan_class *def, int64_t revision);
void view_class_del(struct view *view, const char *name);

#endif
