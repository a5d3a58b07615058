/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ALTO's answers cost in process:
 *
 *     alto PIDS SECONDS
 *
 * A broker on a database in memory, PIDS domains in a ring with chords (3 links a domain, one
 * prefix, five properties). Then, SECONDS each: filtered cost maps of 10 x 10 PIDs with three cost
 * types, and path vectors of 10 x 10 PIDs with a property; of PIDs at random, and of the same ten
 * sources again and again (hot: their paths are in the cache). What there is to compare with: the
 * same texts, ready made, written into an answer. Printed as JSON.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alto/server.h"
#include "broker/broker.h"
#include "lib.h"
#include "util/log.h"

#define SIDE 10
#define SAMPLES_MAX 200000

static uv_loop_t loop;
static struct ncsdb *db;
static struct broker *broker;
static struct alto_resources *all;
static unsigned int n_pids;
static bool done;

/* ---- the map ---- */

static json_t *domain(unsigned int i)
{
	char prefix[32], url[48], sap[16];

	snprintf(prefix, sizeof(prefix), "2001:db8:%x:%x::/64", i >> 16, i & 0xffff);
	snprintf(url, sizeof(url), "https://mdo%u.example/", i);
	snprintf(sap, sizeof(sap), "SAP%u", i);
	return json_pack("{s:{s:[s]}, s:s, s:{s:i, s:i}, s:[s, s], s:[s], s:b}", "prefixes", "ipv6",
			 prefix, "entry-point", url, "resources", "cpu", i % 100, "mem", i % 64,
			 "nfs", "NF1", "NF2", "saps", sap, "transit", 1);
}

static json_t *way(unsigned int from, unsigned int to)
{
	char a[16], b[16];

	snprintf(a, sizeof(a), "AS%u", from);
	snprintf(b, sizeof(b), "AS%u", to);
	return json_pack("{s:s, s:s, s:i, s:i, s:f}", "a", a, "b", b, "routingcost",
			 1 + (from * 7 + to) % 10, "delay-us", 100 + from % 900,
			 "max-reservable-bandwidth", 1e9);
}

/* Of an even place, to an odd one far away: every place has one, and there is no short cycle. */
static unsigned int chord(unsigned int from)
{
	return ((from / 2 * 1009 + 1) % (n_pids / 2) * 2 + 1) % n_pids;
}

static bool is_next(unsigned int a, unsigned int b)
{
	return (a + 1) % n_pids == b || (b + 1) % n_pids == a;
}

static json_t *ring(void)
{
	json_t *domains = json_object(), *links = json_array();
	char id[16];

	for (unsigned int i = 0; i < n_pids; i++) {
		snprintf(id, sizeof(id), "AS%u", i);
		json_object_set_new(domains, id, domain(i));
		json_array_append_new(links, way(i, (i + 1) % n_pids));
	}
	for (unsigned int i = 0; i < n_pids && json_array_size(links) < BROKER_LINKS_MAX; i += 2)
		if (!is_next(i, chord(i)))
			json_array_append_new(links, way(i, chord(i)));
	return bench_ptr(json_pack("{s:o, s:o}", "domains", domains, "links", links), "domains");
}

static void on_synced(void *arg)
{
	done = true;
}

static void on_replaced(void *arg, int status, int64_t revision, bool created)
{
	bench_int(status, "replacement");
	done = true;
}

static void wait_done(void)
{
	while (!done)
		uv_run(&loop, UV_RUN_ONCE);
	done = false;
}

static size_t resident_kib(void)
{
	FILE *file = bench_ptr(fopen("/proc/self/statm", "r"), "statm");
	unsigned long size, resident;

	malloc_trim(0);
	if (fscanf(file, "%lu %lu", &size, &resident) != 2)
		bench_die("/proc/self/statm is not read");
	fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void open_broker(void)
{
	struct broker_conf conf = {.loop = &loop, .domains = true, .synced = on_synced};
	char text[512];
	struct err err;

	bench_int(uv_loop_init(&loop), "loop");
	if (ncsdb_open(&loop, &(struct ncsdb_conf){0}, &db, &err))
		bench_die("database: %s", err_text(&err, text, sizeof(text)));
	conf.db = db;
	if (broker_open(&conf, &broker, &err))
		bench_die("broker: %s", err_text(&err, text, sizeof(text)));
	wait_done();
}

static void replace(void)
{
	struct ncsdb_write_done written = {on_replaced, NULL};
	json_t *obj = ring();
	char text[512];
	struct err err;

	if (broker_replace(broker, "", obj, written, &err))
		bench_die("%s", err_text(&err, text, sizeof(text)));
	json_decref(obj);
	wait_done();
}

static void fill(void)
{
	size_t before = resident_kib();
	uint64_t begin = bench_now_ns();
	struct broker_stats stats;

	replace();
	uv_run(&loop, UV_RUN_DEFAULT);
	printf(" \"filled_s\": %.3f,\n", (bench_now_ns() - begin) / 1e9);
	broker_stats(broker, &stats);
	bench_int(alto_resources_new(broker_snapshot(broker), &all), "resources");
	printf(" \"links\": %u, \"snapshot_ms\": %.2f, \"resident_kib\": %zu,\n",
	       broker_snapshot(broker)->sources[0]->n_links, stats.made_us / 1e3,
	       resident_kib() - before);
}

/* ---- requests ---- */

struct ask {
	const char *name, *resource, *head;
};
static const struct ask asks[] = {
	{"costs", "domains-costs",
	 "{\"multi-cost-types\":[{\"cost-mode\":\"numerical\",\"cost-metric\":\"routingcost\"},"
	 "{\"cost-mode\":\"numerical\",\"cost-metric\":\"hopcount\"},"
	 "{\"cost-mode\":\"numerical\",\"cost-metric\":\"delay-ow\"}]"},
	{"paths", "domains-pv",
	 "{\"cost-type\":{\"cost-mode\":\"array\",\"cost-metric\":\"ane-path\"},"
	 "\"ane-property-names\":[\"max-reservable-bandwidth\"]"},
};

/* Ten PIDs that follow each other from a random one on, or from `from` on. */
static void put_side(struct alto_out *o, const char *name, unsigned int from, unsigned int step)
{
	alto_putf(o, "\"%s\":[", name);
	for (unsigned int i = 0; i < SIDE; i++)
		alto_putf(o, "%s\"AS%u\"", i ? "," : "", (from + i * step) % n_pids);
	alto_puts(o, "]");
}

static void put_body(struct alto_out *o, const struct ask *ask, bool hot)
{
	unsigned int step = n_pids / SIDE;

	o->len = 0;
	alto_puts(o, ask->head);
	alto_puts(o, ",\"pids\":{");
	put_side(o, "srcs", hot ? 0 : (unsigned int)rand() % n_pids, step);
	alto_puts(o, ",");
	put_side(o, "dsts", (unsigned int)rand() % n_pids, step);
	alto_puts(o, "}}");
	bench_int(o->failed, "request");
}

/* The answer is the caller's. */
static void answer(const struct ask *ask, const struct alto_out *body, struct alto_reply *reply)
{
	struct alto_request req = {.all = all, .body = body->data, .len = body->len};
	struct alto_error error = {0};

	req.resource = bench_ptr((void *)alto_resource_named(all, ask->resource), ask->resource);
	*reply = (struct alto_reply){0};
	if (alto_answer(&req, reply, &error))
		bench_die("%s: %s %s %s", ask->name, error.field, error.syntax, error.why);
}

/* ---- measuring ---- */

static double samples[SAMPLES_MAX];

struct series {
	size_t n, bytes;
};

static void print_series(const char *name, const char *kind, struct series s, bool last)
{
	double p50 = bench_median(samples, s.n), sum = 0; /* sorts */

	for (size_t i = 0; i < s.n; i++)
		sum += samples[i];
	printf("  \"%s%s\": {\"n\": %zu, \"bytes\": %zu, \"per_s\": %.1f, \"min_us\": %.2f, "
	       "\"p50_us\": %.2f, \"p99_us\": %.2f}%s\n",
	       name, kind, s.n, s.bytes / s.n, s.n / sum * 1e6, samples[0], p50,
	       samples[s.n * 99 / 100], last ? "" : ",");
}

static void ask_for(const struct ask *ask, bool hot, double seconds)
{
	uint64_t end = bench_now_ns() + (uint64_t)(seconds * 1e9);
	struct alto_out body = {.max = 4096};
	struct series s = {0};

	while (s.n < SAMPLES_MAX && (bench_now_ns() < end || s.n < 10)) {
		struct alto_reply reply;
		uint64_t begin;

		put_body(&body, ask, hot);
		begin = bench_now_ns();
		answer(ask, &body, &reply);
		samples[s.n++] = (bench_now_ns() - begin) / 1e3;
		s.bytes += reply.out.len;
		alto_out_fini(&reply.out);
	}
	alto_out_fini(&body);
	print_series(ask->name, hot ? "_hot" : "", s, false);
}

/* One answer, again and again: what is left when nothing is to be found out. */
static void floor_of(const struct ask *ask, double seconds, bool last)
{
	uint64_t end = bench_now_ns() + (uint64_t)(seconds * 1e9);
	struct alto_out body = {.max = 4096};
	struct alto_reply ready;
	struct series s = {0};

	put_body(&body, ask, true);
	answer(ask, &body, &ready);
	while (s.n < SAMPLES_MAX && (bench_now_ns() < end || s.n < 10)) {
		struct alto_out out = {.max = ALTO_ANSWER_MAX};
		uint64_t begin = bench_now_ns();

		alto_put(&out, ready.out.data, ready.out.len);
		samples[s.n++] = (bench_now_ns() - begin) / 1e3;
		s.bytes += out.len;
		alto_out_fini(&out);
	}
	alto_out_fini(&ready.out);
	alto_out_fini(&body);
	print_series(ask->name, "_floor", s, last);
}

int main(int argc, char **argv)
{
	double seconds = argc == 3 ? atof(argv[2]) : 0;
	size_t before;

	n_pids = argc == 3 ? (unsigned int)atoi(argv[1]) : 0;
	if (n_pids < SIDE || n_pids % 2 || n_pids > BROKER_DOMAINS_MAX || seconds <= 0)
		bench_die("usage: alto PIDS(even, %d..%d) SECONDS", SIDE, BROKER_DOMAINS_MAX);
	bench_first();
	log_init("alto", LOG_WARNING);
	printf("{\"pids\": %u,\n", n_pids);
	open_broker();
	fill();
	before = resident_kib();
	printf(" \"cases\": {\n");
	for (int i = 0; i < 2; i++) {
		ask_for(&asks[i], false, seconds);
		ask_for(&asks[i], true, seconds);
		floor_of(&asks[i], seconds / 4, i == 1);
	}
	printf(" },\n \"cache_kib\": %zu}\n", resident_kib() - before);
	fflush(stdout);
	_exit(0);
}
