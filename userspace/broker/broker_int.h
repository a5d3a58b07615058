/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the broker share: broker.c (life, reading back), objects.c (what is stored),
 * follow.c (database to objects), write.c, replace.c (writing), make.c (when a snapshot is made),
 * domains.c, sand.c (its sources).
 */
#ifndef BROKER_INT_H
#define BROKER_INT_H

#include "broker/broker.h"
#include "broker/owners.h"
#include "broker/parse.h"
#include "ncsdb/radix.h"

#define BROKER_DOMAINS "/san/alto/domains/"
#define BROKER_LINKS "/san/alto/links/"
#define LINK_KEY_LEN (2 * ALTO_NAME_LEN)
#define LINK_END_LEN (LINK_KEY_LEN + 1)

/* What is in them does not change: a domain that is put again is another object. */
struct domain {
	unsigned int refs; /* counted on the loop only */
	int64_t created, revision;
	char *text; /* as stored */
	json_t *props[BROKER_PROP_MAX];
	struct owner *prefixes;
	uint32_t n_prefixes;
	bool transit;
	char id[];
};

struct link {
	unsigned int refs;
	int64_t revision;
	char *text;
	struct link_def def;
	bool counted;  /* it has a calendar, in n_calendars */
	const char *b; /* behind a */
	char a[];
};

enum broker_prefix { BROKER_P_DOMAINS, BROKER_P_LINKS, BROKER_P_MAX };

struct broker_follow {
	struct broker *broker;
	struct ncsdb_writer writer;
	struct ncsdb_follow *follow;
	bool synced;	      /* what was stored at first is known */
	struct radix waiting; /* key -> what there was no room for */
	bool room;	      /* something has gone since they were tried */
};

enum broker_source { BROKER_S_DOMAINS, BROKER_S_SAND, BROKER_S_MAX };

struct broker {
	struct broker_conf conf;
	struct broker_follow prefix[BROKER_P_MAX];
	struct radix domains, links; /* id, "a/b" -> object */
	struct radix links_to;	     /* "b/a/" -> link: those of one b in the order of links */
	struct owners owners;
	size_t n_prefixes;	       /* of all domains */
	size_t n_calendars;	       /* of all links */
	struct broker_hold *holds;     /* of writes under way */
	struct replacement *replacing; /* NULL: none */
	struct ncsdb_refusals refusals;

	struct make *make; /* under way; NULL: none */
	struct alto_snapshot *snapshot;
	struct alto_source *sources[BROKER_S_MAX];
	bool dirty[BROKER_S_MAX];
	bool ready;	  /* what was stored is known: snapshots are made */
	bool in_trouble;  /* the last one could not be made, and that was said */
	uint64_t next_ms; /* uv_now(): not before */
	uv_timer_t timer, age;
	unsigned int handles; /* open ones */
	struct broker_stats stats;
	void (*changed)(void *arg);
	void *changed_arg;
};

/* ---- objects.c ---- */
/* Takes what is in def, leaves text to the caller. -ENOSPC, -ENOMEM; err is filled. */
int broker_domain_store(struct broker *b, const char *id, const struct ncsdb_kv *kv,
			struct domain_def *def, struct err *err);
int broker_link_store(struct broker *b, const char *key, const struct ncsdb_kv *kv,
		      struct link_def *def, struct err *err);
void broker_domain_drop(struct broker *b, const char *id);
void broker_link_drop(struct broker *b, const char *key);
void broker_objects_fini(struct broker *b);
void broker_domain_unref(struct domain *domain);
void broker_link_unref(struct link *link);
struct domain *broker_domain_at(const struct broker *b, const char *id);
struct link *broker_link_at(const struct broker *b, const char *a, const char *b_);
/* "a/b" */
const char *broker_link_key(const char *a, const char *b, char key[LINK_KEY_LEN]);
/* "b/a/": with the second slash they are in the order of "a/b". */
const char *broker_link_end(const char *a, const char *b, char key[LINK_END_LEN]);
/* How many links it is an end of. */
size_t broker_links_count(const struct broker *b, const char *id);
/* For one more link, or another value at key. -ENOSPC. */
int broker_link_room(const struct broker *b, const char *key, bool calendar, struct err *err);
int broker_prefix_room(size_t n, struct err *err); /* n: of all domains */
int broker_room(size_t have, bool exists, size_t limit, const char *what, struct err *err);

/* ---- follow.c ---- */
int broker_follow_all(struct broker *b);
void broker_waiting_free(struct broker_follow *f);
/* -EAGAIN: what is stored is not known (now: at this moment; else it never was). */
int broker_check_known(const struct broker *b, bool now, struct err *err);

/* ---- write.c, replace.c ---- */
void broker_holds_free(struct broker *b);
/* The broker ends while a replacement is under way. */
void broker_replace_leave(struct broker *b);

/* ---- make.c ---- */
void broker_dirty(struct broker *b, enum broker_source source);
/* Begins to make what is due. */
void broker_make(struct broker *b);
/* The broker ends while it makes something. */
void broker_make_leave(struct broker *b);
void broker_on_timer(uv_timer_t *timer);
void broker_on_age(uv_timer_t *timer);

/* ---- domains.c, sand.c: what a source is made of, collected on the loop; then the source, in a
 *      thread of its own, where nothing else is looked at. -ENOSPC, -ENOMEM ---- */
struct domains {
	struct alto_calendar calendar;
	struct domains_entry *v; /* in the order of names */
	size_t n;
	struct link **links;
	size_t n_links;
	struct alto_prefix *prefixes; /* of all of them */
	unsigned int lost_prefixes, unused_links;
};
int broker_domains_collect(const struct broker *b, struct domains **out);
int broker_domains_source(struct domains *d, struct alto_source **out);
void broker_domains_free(struct domains *d); /* on the loop; NULL is allowed */

struct sand;
int broker_sand_collect(const struct view *view, uint64_t now_us, struct sand **out);
int broker_sand_source(struct sand *s, struct alto_source **out);
/* view_time() when a value in it becomes too old; UINT64_MAX: never. Of one that is built. */
uint64_t broker_sand_stale(const struct sand *s);
void broker_sand_free(struct sand *s); /* NULL is allowed */

#endif
