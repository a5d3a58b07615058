// SPDX-License-Identifier: GPL-2.0-only
/*
 * Core side: everything goes to the kernel, whose seg6local routes are the SRv6 endpoints. That a
 * program is there matters: a veth accepts redirected frames only while its peer has one.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int san_relay(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
