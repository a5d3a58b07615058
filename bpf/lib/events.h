/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is told of single packets: one in so many of those not steered, and those that a trace asks
 * for. Called at a program's exit; a full ring buffer loses the event, never the packet.
 */
#ifndef BPF_LIB_EVENTS_H
#define BPF_LIB_EVENTS_H

#include "lib/maps.h"
#include "lib/packet.h"

/* Does the usual packet have to be looked at? It has one load and one branch for that. */
static __always_inline int events_traces(const struct san_domain *domain)
{
	return domain->trace.fields & SAN_TRACE_ON;
}

static __always_inline int events_same_address(const __be32 a[4], const __be32 b[4])
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1];
}

/* Of a mask of fields: those in which the packet is another one than the trace wants. */
static __always_inline __u32 events_differs(const struct san_trace *trace, const struct packet *p,
					    __u32 reason)
{
	const __be16 *ports = (const __be16 *)&p->flow.ports;
	__u32 differs = 0;

	if (p->service_id != trace->service_id)
		differs |= SAN_TRACE_SERVICE;
	if (p->ifindex != trace->ifindex)
		differs |= SAN_TRACE_IFINDEX;
	if (!events_same_address(p->flow.src, trace->src))
		differs |= SAN_TRACE_SRC;
	if (!events_same_address(p->flow.dst, trace->dst))
		differs |= SAN_TRACE_DST;
	if (p->flow.proto != trace->proto)
		differs |= SAN_TRACE_PROTO;
	if (ports[0] != trace->sport)
		differs |= SAN_TRACE_SPORT;
	if (ports[1] != trace->dport)
		differs |= SAN_TRACE_DPORT;
	if (!(trace->reasons >> (reason & 63) & 1))
		differs |= SAN_TRACE_REASONS;
	return differs;
}

static __always_inline int events_matches(const struct san_domain *domain, const struct packet *p,
					  __u32 reason)
{
	return events_traces(domain) &&
	       !(domain->trace.fields & events_differs(&domain->trace, p, reason));
}

/* One in domain->sample, at random. */
static __always_inline int events_samples(const struct san_domain *domain)
{
	__u32 n = domain->sample;

	return n && bpf_get_prandom_u32() % n == 0;
}

static __noinline int events_put(const struct packet *p, __u32 reason, __u32 kind, __u32 role)
{
	const __be16 *ports = (const __be16 *)&p->flow.ports;
	struct san_event ev = {};

	ev.time_ns = bpf_ktime_get_ns();
	ev.service_id = p->service_id;
	__builtin_memcpy(ev.src, p->flow.src, sizeof(ev.src));
	__builtin_memcpy(ev.dst, p->flow.dst, sizeof(ev.dst));
	ev.ifindex = p->ifindex;
	ev.nexthop = p->nexthop;
	ev.slot = p->slot;
	ev.hash = hash_slot(p->hash);
	ev.generation = p->generation;
	ev.len = p->frame;
	ev.mtu = p->mtu;
	ev.sport = ports[0];
	ev.dport = ports[1];
	ev.proto = p->flow.proto;
	ev.kind = kind;
	ev.reason = reason;
	ev.by = p->by;
	ev.role = role;
	ev.cause = p->cause;
	return bpf_ringbuf_output(&san_events, &ev, sizeof(ev), 0);
}

/* reason: of the verdict; steered: its class is TX; role: which program. p: as received. */
static __noinline int events_exit(const struct packet *p, __u32 reason, __u32 steered, __u32 role)
{
	const struct san_domain *domain = maps_domain();

	if (!domain)
		return 0;
	if (!steered && events_samples(domain))
		events_put(p, reason, SAN_EVENT_SAMPLE, role);
	if (events_matches(domain, p, reason))
		events_put(p, reason, SAN_EVENT_TRACE, role);
	return 0;
}

#endif
