/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's configuration file (docs/agent.md): YAML in, one checked structure out. Errors name
 * file, line, field, value, and what would be right. Pure but for reading the file.
 */
#ifndef SAN_AGENT_CONFIG_H
#define SAN_AGENT_CONFIG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "san-agent/config_database.h"
#include "util/err.h"
#include "util/name.h"

#define AGENT_MAX_SERVERS 16
#define AGENT_MAX_INSTANCES 1024
#define AGENT_MAX_CONSTANTS 16
#define AGENT_ENDPOINT_MAX 128
#define AGENT_PATH_MAX 256

/* What the agent measures: X(ID, "attribute", default dead band in thousandths, step) ; values are
 * rounded to step thousandths before they are compared and sent. */
#define MEASURES(X)                                                                                \
	X(CPU_LOAD, "cpu_load", 2000, 100)                                                         \
	X(MEM_LOAD, "mem_load", 2000, 100)                                                         \
	X(IO_LOAD, "io_load", 5000, 100)                                                           \
	X(CPU_CORES_FREE, "cpu_cores_free", 100, 10)                                               \
	X(MEM_FREE_MB, "mem_free_mb", 64000, 1000)

enum measure {
#define X(id, name, band, step) MEASURE_##id,
	MEASURES(X)
#undef X
		MEASURE_MAX,
};

extern const char *const measure_names[MEASURE_MAX];
extern const int64_t measure_steps[MEASURE_MAX];

enum source_kind { SOURCE_CGROUP, SOURCE_PID, SOURCE_PIDFILE, SOURCE_MAX };

struct source_conf {
	enum source_kind kind;
	char path[AGENT_PATH_MAX]; /* cgroup below each hierarchy, or the pid file */
	int pid;
	uint64_t io_max_bytes; /* per second; 0 = not known */
};

enum probe_kind { PROBE_NONE, PROBE_TCP, PROBE_HTTP };

struct probe_conf {
	enum probe_kind kind;
	struct sockaddr_storage addr;
	char host[80];		   /* "[2001:db8::1]:80", for the Host field */
	char path[AGENT_PATH_MAX]; /* HTTP only */
	unsigned int interval_ms, timeout_ms, failures;
};

struct constant_conf {
	char name[NAME_LEN];
	int64_t milli;
};

struct instance_conf {
	uint64_t service;
	char name[NAME_LEN];
	struct in6_addr address; /* IPv4-mapped for IPv4 */
	struct in6_addr sid;	 /* :: = the gateway allocates one */
	struct source_conf source;
	struct probe_conf probe;
	struct constant_conf constants[AGENT_MAX_CONSTANTS];
	unsigned int n_constants;
};

struct agent_conf {
	char agent[NAME_LEN];
	char gateway[NAME_LEN];
	/* [0] is the gateway server if there is one */
	char servers[AGENT_MAX_SERVERS][AGENT_ENDPOINT_MAX];
	unsigned int n_servers;
	bool has_gateway_server;
	struct database_conf database; /* instead of servers */
	unsigned int batch_ms;	       /* database: what becomes due within it travels together */
	unsigned int ttl_s, interval_ms, min_interval_ms, max_age_ms, timeout_ms;
	unsigned int alpha_permille; /* weight of the newest sample: 1..1000 */
	int64_t dead_band[MEASURE_MAX];
	struct instance_conf *instances;
	unsigned int n_instances;
};

/* Reads file; name is what error messages call it. On failure err->object is "NAME:LINE", *out is
 * left alone. */
int agent_conf_load(FILE *file, const char *name, struct agent_conf **out, struct err *err);
void agent_conf_free(struct agent_conf *conf);
/* What a running agent cannot change: agent, gateway, ttl_s, database. -EBUSY naming the field. */
int agent_conf_reloadable(const struct agent_conf *now, const struct agent_conf *next,
			  struct err *err);

#endif
