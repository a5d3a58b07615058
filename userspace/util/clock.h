/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time. Ages and timers use CLOCK_BOOTTIME in microseconds: it survives suspend and knows no steps.
 */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <stdint.h>

uint64_t clock_us(void);
/* The kernel's boot ID: clock_us() values compare only within one. 37 bytes with NUL. 0 or -errno.
 */
int clock_boot_id(char out[37]);

#endif
