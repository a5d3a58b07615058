/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between dataplane.bpf.c and bench_dataplane.c. */
#ifndef TESTS_BENCH_DATAPLANE_H
#define TESTS_BENCH_DATAPLANE_H

#define BENCH_CHUNK 4096 /* runs between two looks at the clock; a power of two */
#define BENCH_STAMPS 32
#define BENCH_LEN 142 /* of the packet: BENCH_PKT_LEN */

#endif
