/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between live.bpf.c and bench_live.c. */
#ifndef TESTS_BENCH_LIVE_H
#define TESTS_BENCH_LIVE_H

#define LIVE_CHUNK 16384 /* packets between two looks at the clock; a power of two */
#define LIVE_STAMPS 32
#define LIVE_HEAD_WORDS 10 /* Ethernet to UDP, 78 bytes, and two bytes of payload */
#define LIVE_MAX_HEAD (LIVE_HEAD_WORDS + LIVE_OUTER_WORDS) /* the same in an outer header */
#define LIVE_OUTER_WORDS 5				   /* one segment, reduced: IPv6 alone */

#endif
