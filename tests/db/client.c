/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client of a cluster, for lab tests:
 *
 *	client write ENDPOINT[,ENDPOINT...] PREFIX   writes until its input ends
 *	client follow ENDPOINT[,...] PREFIX          mirrors PREFIX until its input ends
 *	client latency ENDPOINT[,...] N              N puts one after the other
 *
 * CLIENT_CA, CLIENT_CERT, CLIENT_KEY, CLIENT_USER, CLIENT_PASSWORD and CLIENT_PREFIX in the
 * environment are what struct ncsdb_remote has.
 *
 * write says of every write how it ended: "ack KEY VALUE REVISION" (VALUE "-": deleted), "maybe KEY
 * VALUE", "not KEY VALUE". follow answers the line "dump" with "dump REVISION N", N lines "KEY
 * VALUE MOD_REVISION" and "end". Both say "state 0|1 SECONDS" when the feed is lost or back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncsdb/follow.h"
#include "util/clock.h"

#define WRITE_MS 5
#define KEYS 200
#define FLYING_MAX 64

static uv_loop_t loop;
static struct ncsdb *db;
static uv_pipe_t input;
static void (*on_line)(const char *line);
static void (*on_input_end)(void);

static void die(const char *what, int rc)
{
	fprintf(stderr, "client: %s: %s\n", what, strerror(-rc));
	exit(1);
}

/* ---- the database ---- */

static void on_state(void *arg, bool connected)
{
	struct ncsdb_status s;

	ncsdb_status(db, &s);
	printf("state %d %.3f %s %s\n", connected, (double)clock_us() / 1e6, s.endpoint, s.why);
	fflush(stdout);
}

static void open_db(char *list)
{
	const char *endpoints[NCSDB_ENDPOINTS_MAX];
	struct ncsdb_remote remote = {
		.endpoints = endpoints,
		.ca = getenv("CLIENT_CA"),
		.cert = getenv("CLIENT_CERT"),
		.key = getenv("CLIENT_KEY"),
		.user = getenv("CLIENT_USER"),
		.password = getenv("CLIENT_PASSWORD"),
		.prefix = getenv("CLIENT_PREFIX"),
	};
	struct ncsdb_conf conf = {.remote = &remote};
	struct err err = {0};
	char text[512];

	for (char *save, *at = strtok_r(list, ",", &save);
	     at && remote.n_endpoints < NCSDB_ENDPOINTS_MAX; at = strtok_r(NULL, ",", &save))
		endpoints[remote.n_endpoints++] = at;
	if (ncsdb_open(&loop, &conf, &db, &err)) {
		fprintf(stderr, "client: %s\n", err_text(&err, text, sizeof(text)));
		exit(1);
	}
	ncsdb_on_state(db, on_state, NULL);
}

/* ---- lines from the input ---- */

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	static char room[4096];

	*buf = uv_buf_init(room, sizeof(room));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	char *save, text[4097];

	if (n < 0) {
		uv_close((uv_handle_t *)stream, NULL);
		on_input_end();
		return;
	}
	memcpy(text, buf->base, (size_t)n);
	text[n] = '\0';
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (on_line)
			on_line(line);
	}
}

static void read_input(void)
{
	uv_pipe_init(&loop, &input, 0);
	uv_pipe_open(&input, 0);
	uv_read_start((uv_stream_t *)&input, on_alloc, on_read);
}

/* ---- write ---- */

struct note {
	char key[128], value[24];
	bool deleted;
};

static const char *prefix;
static uv_timer_t timer;
static unsigned long number;
static unsigned int flying;

static void on_written(void *arg, const struct ncsdb_txn_result *res)
{
	struct note *note = arg;
	const char *value = note->deleted ? "-" : note->value;

	flying--;
	if (res->status == 0)
		printf("ack %s %s %lld\n", note->key, value, (long long)res->revision);
	else if (res->status == -EHOSTUNREACH)
		printf("not %s %s\n", note->key, value);
	else if (res->status == -ETIMEDOUT)
		printf("maybe %s %s\n", note->key, value);
	else
		printf("error %s %s %s\n", note->key, value, strerror(-res->status));
	fflush(stdout);
	free(note);
}

/* Every tenth write is a key of its own, for ever; every seventh of the others deletes. A key is
 * written again only after FLYING_MAX others. */
static void on_write_timer(uv_timer_t *t)
{
	struct note *note;
	struct ncsdb_op op = {.type = NCSDB_PUT};
	struct ncsdb_txn txn = {.then = &op, .n_then = 1};
	unsigned long n;
	int rc;

	if (flying == FLYING_MAX)
		return;
	note = calloc(1, sizeof(*note));
	n = ++number;
	snprintf(note->value, sizeof(note->value), "%lu", n);
	if (n % 10 == 0)
		snprintf(note->key, sizeof(note->key), "%su/%lu", prefix, n);
	else
		snprintf(note->key, sizeof(note->key), "%sk/%lu", prefix, n % KEYS);
	note->deleted = n % 10 && n % 7 == 0;
	op.key = note->key;
	op.type = note->deleted ? NCSDB_DELETE : NCSDB_PUT;
	if (!note->deleted) {
		op.value = note->value;
		op.value_len = strlen(note->value);
	}
	flying++;
	rc = ncsdb_txn(db, &txn, on_written, note);
	if (rc)
		die("write", rc);
}

static void on_last_timer(uv_timer_t *t)
{
	if (flying)
		return;
	uv_close((uv_handle_t *)t, NULL);
	ncsdb_close(db);
}

static void write_end(void)
{
	uv_timer_start(&timer, on_last_timer, 10, 10);
}

static void write_start(void)
{
	on_input_end = write_end;
	uv_timer_init(&loop, &timer);
	uv_timer_start(&timer, on_write_timer, WRITE_MS, WRITE_MS);
	read_input();
}

/* ---- follow ---- */

struct mirrored {
	char *key, *value;
	int64_t mod_rev;
};

static struct ncsdb_follow *follow;
static struct mirrored *mirror;
static size_t n_mirror, cap_mirror;

static struct mirrored *find(const char *key)
{
	for (size_t i = 0; i < n_mirror; i++) {
		if (strcmp(mirror[i].key, key) == 0)
			return &mirror[i];
	}
	return NULL;
}

static void on_put(void *arg, const struct ncsdb_kv *kv)
{
	struct mirrored *m = find(kv->key);

	if (!m && n_mirror == cap_mirror) {
		cap_mirror = cap_mirror ? cap_mirror * 2 : 64;
		mirror = reallocarray(mirror, cap_mirror, sizeof(*mirror));
	}
	if (!m) {
		m = &mirror[n_mirror++];
		*m = (struct mirrored){.key = strdup(kv->key)};
	}
	free(m->value);
	m->value = strdup(kv->value);
	m->mod_rev = kv->mod_rev;
}

static void on_del(void *arg, const char *key, int64_t revision)
{
	struct mirrored *m = find(key);

	if (!m) {
		printf("error %s deleted but unknown\n", key);
		return;
	}
	free(m->key);
	free(m->value);
	*m = mirror[--n_mirror];
}

static void on_failed(void *arg, int status)
{
	die("follow", status);
}

static void on_question(const char *line)
{
	struct ncsdb_follow_stats s;

	ncsdb_follow_stats(follow, &s);
	if (strcmp(line, "rev") == 0) {
		printf("rev %lld\n", (long long)s.revision);
		fflush(stdout);
		return;
	}
	printf("dump %lld %zu\n", (long long)s.revision, n_mirror);
	for (size_t i = 0; i < n_mirror; i++)
		printf("%s %s %lld\n", mirror[i].key, mirror[i].value,
		       (long long)mirror[i].mod_rev);
	printf("end %llu %llu %llu\n", (unsigned long long)s.lists, (unsigned long long)s.gaps,
	       (unsigned long long)s.audit_repaired);
	fflush(stdout);
}

static void follow_end(void)
{
	ncsdb_follow_stop(follow);
	ncsdb_close(db);
}

static void follow_start(void)
{
	static const struct ncsdb_follow_ops ops = {
		.put = on_put, .del = on_del, .failed = on_failed};
	int rc = ncsdb_follow_start(db, prefix, &ops, NULL, &follow);

	if (rc)
		die("follow", rc);
	on_line = on_question;
	on_input_end = follow_end;
	read_input();
}

/* ---- latency ---- */

static struct ncsdb_watch *watch;
static uint64_t *took, put_us;
static unsigned long done, wanted;

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void put_next(void)
{
	struct ncsdb_op op = {NCSDB_PUT, "/san/latency", "17", 2, 0};
	int rc;

	put_us = clock_us();
	rc = ncsdb_txn(db, &(struct ncsdb_txn){.then = &op, .n_then = 1}, NULL, NULL);
	if (rc)
		die("put", rc);
}

static void on_event(void *arg, const struct ncsdb_watch_update *u)
{
	took[done++] = clock_us() - put_us;
	if (done < wanted) {
		put_next();
		return;
	}
	qsort(took, wanted, sizeof(*took), compare);
	printf("put to event: p50 %llu us, p99 %llu us, most %llu us\n",
	       (unsigned long long)took[wanted / 2], (unsigned long long)took[wanted * 99 / 100],
	       (unsigned long long)took[wanted - 1]);
	ncsdb_unwatch(watch);
	uv_close((uv_handle_t *)&timer, NULL);
	ncsdb_close(db);
}

static void on_latency_state(void *arg, bool connected)
{
	if (connected)
		put_next();
}

/* An open database alone does not keep the loop alive. */
static void on_too_long(uv_timer_t *t)
{
	die("latency", -ETIMEDOUT);
}

static void latency_start(void)
{
	int rc = ncsdb_watch(db, "/san/latency", 0, on_event, NULL, &watch);

	wanted = strtoul(prefix, NULL, 10);
	took = calloc(wanted + 1, sizeof(*took));
	if (rc || !wanted)
		die("watch", rc);
	ncsdb_on_state(db, on_latency_state, NULL);
	uv_timer_init(&loop, &timer);
	uv_timer_start(&timer, on_too_long, 60000, 0);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*start)(void);
	} modes[] = {{"write", write_start}, {"follow", follow_start}, {"latency", latency_start}};

	if (argc != 4) {
		fprintf(stderr, "usage: client write|follow|latency ENDPOINTS PREFIX|N\n");
		return 2;
	}
	uv_loop_init(&loop);
	prefix = argv[3];
	open_db(argv[2]);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[1], modes[i].name) == 0)
			modes[i].start();
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	return 0;
}
