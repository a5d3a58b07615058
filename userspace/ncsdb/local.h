/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back-end in process: the store in memory, the disk behind it. Memory and watchers are as fast as
 * the loop: what is written is applied in the call and delivered by the next step (one turn of the
 * loop later). The disk follows at its own pace: one batch is being written by a thread while the
 * next one gathers; the answers to its writes wait with it.
 *
 * A batch that cannot be written turns the database read-only: its writes are answered with the
 * reason, later ones -EROFS; memory keeps what it has (a restart goes back to what is durable),
 * reads and watches go on, leases still end.
 */
#ifndef NCSDB_LOCAL_H
#define NCSDB_LOCAL_H

#include "ncsdb/disk.h"
#include "ncsdb/request.h"
#include "ncsdb/store.h"

struct local_watch {
	struct ncsdb_watch base;
	struct local_watch *next;
	ncsdb_watch_cb cb;
	void *arg;
	int64_t next_rev; /* everything before it is delivered */
	int status;	  /* -ERANGE: to be told, once */
	bool told, dead;  /* dead: freed by the next step */
	size_t prefix_len;
	char prefix[];
};

/* The server that offers this database to others. */
struct local_served {
	void (*durable)(void *arg);  /* more is durable than before */
	int64_t (*needs)(void *arg); /* first revision that it has to send; INT64_MAX: none */
};

struct local {
	struct ncsdb base;
	uv_loop_t *loop;
	uv_idle_t step;	  /* runs while there is something to deliver */
	uv_timer_t timer; /* nearest end of a lease */
	uv_work_t work;
	struct store store;
	uint64_t epoch;

	struct request_queue ready;  /* to be answered by the next step */
	struct local_watch *watches; /* in order of creation */
	uint64_t n_watches;
	struct ncsdb_event *events; /* of one revision, for one watch */
	size_t cap_events;
	uint64_t n_requests; /* without an answer */
	size_t burst;	     /* bytes written since the last step */

	struct disk *disk; /* NULL: memory only */
	struct batch batches[2];
	struct request_queue waiting[2]; /* for the batch of the same index */
	unsigned int gather;		 /* index of the batch that gathers */
	uint64_t batch_number;
	bool writing;	      /* the other batch is at the disk */
	unsigned int put_off; /* turns that the disk has let pass */
	int work_status;
	bool read_only;
	int why_read_only; /* -errno */
	int64_t durable;   /* revision on the disk */
	uint64_t write_start_us;
	struct hist write_us, commit_us;

	const struct local_served *served; /* NULL: nobody */
	void *served_arg;
	int64_t told_durable;

	bool again; /* another step is needed */
	bool closing;
	unsigned int handles; /* open */
};

int local_open(uv_loop_t *loop, const struct ncsdb_conf *conf, struct ncsdb **out, struct err *err);
/* Asks for a step. */
void local_kick(struct local *l);
/* The newest revision that is durable; of a database in memory the newest. */
int64_t local_durable(const struct local *l);

/* For the server, which reads and writes the store itself:
 * may a write of so many bytes begin? -EAGAIN, -ECANCELED; what made the database read-only. */
int local_admit_write(struct local *l, size_t bytes);
/* One answer: cb gets 0 when all that is in the store now is durable, or why it will not be;
 * -ECANCELED at close. since_us: when the request came, for write_us; 0 = is none. -EAGAIN,
 * -ENOMEM. */
typedef void (*local_sync_cb)(void *arg, int status);
int local_sync(struct local *l, uint64_t since_us, local_sync_cb cb, void *arg);
/* NULL: nobody any more. */
void local_serve(struct local *l, const struct local_served *served, void *arg);
/* NULL: db is no database of this process. */
struct local *local_of(struct ncsdb *db);

/* local_watch.c */
int local_watch(struct ncsdb *db, const char *prefix, int64_t start_rev, ncsdb_watch_cb cb,
		void *arg, struct ncsdb_watch **out);
void local_unwatch(struct ncsdb_watch *watch);
int local_compact(struct ncsdb *db, int64_t revision);
void local_watches_deliver(struct local *l);
/* Frees dead watches and what of the history nobody waits for. */
void local_watches_tidy(struct local *l);
void local_watches_end(struct local *l);

#endif
