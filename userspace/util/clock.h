/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time. Ages and timers use CLOCK_BOOTTIME in microseconds: it survives suspend and knows no steps.
 * What people read is UTC, by CLOCK_REALTIME. */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <stdint.h>

uint64_t clock_us(void);
/* The kernel's boot ID: clock_us() values compare only within one. 37 bytes with NUL. 0 or -errno.
 */
int clock_boot_id(char out[37]);

#define CLOCK_RFC3339 32 /* room for a time as text */

int64_t clock_real_s(void); /* since 1970 */
/* "2026-12-24T18:00:00Z"; behind all times that there are the last second of 9999. Returns buf. */
const char *clock_rfc3339(int64_t real_s, char buf[CLOCK_RFC3339]);

#endif
