/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Constants of the loaded program, the same in every program. Module dp sets them by these names
 * before loading; the verifier then drops what they exclude. Included once a program.
 */
#ifndef BPF_LIB_CONSTS_H
#define BPF_LIB_CONSTS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <san/wire.h>

const volatile struct san_profile profile = SAN_PROFILE_EXP1;
const volatile struct san_quick quick = {.want = ~0ull}; /* of the profile */
const volatile __u64 flow_seed = 0;   /* the same after a restart: flows keep label and slot */
const volatile __u8 coarse_clock = 0; /* bpf_ktime_get_coarse_ns exists (5.11) */

static __always_inline __u64 consts_now(void)
{
	return coarse_clock ? bpf_ktime_get_coarse_ns() : bpf_ktime_get_ns();
}

#endif
