/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attributes of instances and paths: names, units, ranges, classes; and samples of them. Values are
 * fixed point, thousandths of the attribute's unit ("71.5" percent = 71500), so that evaluation is
 * the same integer arithmetic on every machine. Unknown names are interned and kept (CATS: who does
 * not know a metric ignores it).
 */
#ifndef MODEL_ATTR_H
#define MODEL_ATTR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define ATTR_LIMIT 256	   /* names, known and interned */
#define ATTR_PER_OBJECT 64 /* samples of one instance or path */
#define ATTR_VALUE_MAX_MILLI ((int64_t)1 << 52)

enum attr_class { CLASS_EXPERIENCE, CLASS_RESOURCE, CLASS_COST, CLASS_OTHER, CLASS_MAX };

/* X(ID, "name", class, unit, max in units) ; minimum is 0 */
#define ATTRS(X)                                                                                   \
	X(DELAY_US, "delay_us", EXPERIENCE, "microseconds", 1000000000)                            \
	X(JITTER_US, "jitter_us", EXPERIENCE, "microseconds", 1000000000)                          \
	X(LOSS_PPM, "loss_ppm", EXPERIENCE, "parts per million", 1000000)                          \
	X(BANDWIDTH_KBPS, "bandwidth_kbps", RESOURCE, "kbit/s", 1000000000000)                     \
	X(BANDWIDTH_FREE_KBPS, "bandwidth_free_kbps", RESOURCE, "kbit/s", 1000000000000)           \
	X(CPU_LOAD, "cpu_load", RESOURCE, "percent", 100)                                          \
	X(MEM_LOAD, "mem_load", RESOURCE, "percent", 100)                                          \
	X(IO_LOAD, "io_load", RESOURCE, "percent", 100)                                            \
	X(NET_LOAD, "net_load", RESOURCE, "percent", 100)                                          \
	X(CPU_CORES_FREE, "cpu_cores_free", RESOURCE, "cores", 1000000)                            \
	X(MEM_FREE_MB, "mem_free_mb", RESOURCE, "MB", 1000000000)                                  \
	X(QUEUE_US, "queue_us", EXPERIENCE, "microseconds", 1000000000)                            \
	X(LB_DELAY_US, "lb_delay_us", EXPERIENCE, "microseconds", 1000000000)                      \
	X(SITE_DELAY_US, "site_delay_us", EXPERIENCE, "microseconds", 1000000000)                  \
	X(SESSIONS, "sessions", RESOURCE, "sessions", 1000000000)                                  \
	X(COST, "cost", COST, "per unit", 1000000000)                                              \
	X(ENERGY_MW, "energy_mw", COST, "milliwatts", 1000000000)

/* clang-format off */
enum attr_id {
#define X(id, name, class, unit, max) ATTR_##id,
	ATTRS(X)
#undef X
	ATTR_KNOWN_MAX,
};
/* clang-format on */

/* Known or new name -> id. -EINVAL bad name (name_valid), -ENOSPC at ATTR_LIMIT. */
int attr_intern(const char *name, uint16_t *id);
const char *attr_name(uint16_t id);
enum attr_class attr_class(uint16_t id); /* interned names: CLASS_OTHER */
const char *attr_unit(uint16_t id);	 /* interned names: "" */
int64_t attr_max_milli(uint16_t id);	 /* interned names: ATTR_VALUE_MAX_MILLI */
/* Names there are. attr_forget(n) drops what was interned since attr_count() gave n: only for one
 * who interned for an input that is refused after all, before anybody else could see the ids. */
uint16_t attr_count(void);
void attr_forget(uint16_t count);
/* "71.5" -> 71500; refuses junk (signs, exponents, hex, blanks), non-finite, out of the attribute's
 * range; more than 3 decimals are rounded half up, before the range is checked. -EINVAL; err: field
 * "/<attribute>". */
int attr_parse(uint16_t id, const char *text, int64_t *milli, struct err *err);
/* The same from a JSON number (exponents are JSON's business). err: field "", for err_prefix. */
int attr_from_json(uint16_t id, const json_t *value, int64_t *milli, struct err *err);
/* 71500 -> 71.5, 71000 -> 71 (integer). New reference; attr_from_json gives milli back. */
json_t *attr_to_json(int64_t milli);
/* Shortest decimal: 71500 -> "71.5". Returns buf. */
const char *attr_text(int64_t milli, char *buf, size_t size);

/* 16 bytes: there are millions. */
struct sample {
	int64_t milli;
	uint64_t received_us : 54; /* view_time(), 0 = unknown */
	uint64_t attr : 9;
	uint64_t refused : 1; /* a newer value was refused: this is the last good one */
};
_Static_assert(sizeof(struct sample) == 16, "no holes");
_Static_assert(ATTR_LIMIT <= 1 << 9, "an id fits");

/* Sorted by attr. Zero-initialised is empty. Owner frees with samples_fini. */
struct samples {
	struct sample *v;
	uint16_t n, cap;
};

/* -ENOSPC at ATTR_PER_OBJECT, -ENOMEM. *changed (may be NULL): value differs from before. */
int samples_put(struct samples *set, uint16_t attr, int64_t milli, uint64_t received_us,
		bool *changed);
bool samples_del(struct samples *set, uint16_t attr);
const struct sample *samples_get(const struct samples *set, uint16_t attr);
void samples_fini(struct samples *set);

#endif
