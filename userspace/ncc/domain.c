/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * san_domain: what all interfaces share. An update is no single store, so one thing changes at a
 * time, and a list is longer only after what it is longer by has been written.
 */
#include <arpa/inet.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"

static struct san_prefix prefix_of(const struct in6_addr *addr, uint8_t len)
{
	unsigned char mask[16] = {0}, bytes[16];
	struct san_prefix p;

	for (unsigned int i = 0; i < len; i++)
		mask[i / 8] |= (unsigned char)(0x80 >> i % 8);
	for (int i = 0; i < 16; i++)
		bytes[i] = addr->s6_addr[i] & mask[i];
	memcpy(p.addr, bytes, sizeof(p.addr));
	memcpy(p.mask, mask, sizeof(p.mask));
	return p;
}

static void set_prefixes(const struct apply *a, struct san_domain *d)
{
	for (unsigned int i = 0; i < a->conf.n_prefixes; i++) {
		const struct san_msg_prefix *m = &a->conf.prefixes[i];

		if (m->kind == SAN_PREFIX_BLOCK)
			d->blocks[d->n_blocks++] = prefix_of(&m->addr, m->len);
		else
			d->inside[d->n_inside++] = prefix_of(&m->addr, m->len);
	}
}

static struct san_domain desired(const struct apply *a)
{
	const struct san_msg_config *c = &a->conf.config;
	struct san_domain d;

	memset(&d, 0, sizeof(d));
	set_prefixes(a, &d);
	d.flags = a->stray_sids ? SAN_DOMAIN_STRAY_SIDS : 0;
	memcpy(d.source, &c->source, sizeof(d.source));
	memcpy(d.icmp_source, &c->icmp_source, sizeof(d.icmp_source));
	d.icmp_source4 = c->icmp_source4;
	d.sample = c->sample;
	d.trace = a->trace;
	return d;
}

bool domain_in_block(const struct apply *a, const struct in6_addr *addr)
{
	for (unsigned int i = 0; i < a->conf.n_prefixes; i++) {
		const struct san_msg_prefix *m = &a->conf.prefixes[i];
		struct san_prefix p = prefix_of(&m->addr, m->len), q = prefix_of(addr, m->len);

		if (m->kind == SAN_PREFIX_BLOCK && !memcmp(p.addr, q.addr, sizeof(p.addr)))
			return true;
	}
	return false;
}

static int step(struct apply *a, const struct san_domain *next)
{
	int r;

	if (!memcmp(next, &a->domain, sizeof(*next)))
		return 0;
	r = dp_domain_set(a->dp, next);
	if (!r)
		a->domain = *next;
	return r;
}

static int sync_lists(struct apply *a, const struct san_domain *want)
{
	struct san_domain now = a->domain;
	int r;

	/* shorter first, else a packet could meet an empty prefix: it contains all addresses */
	if (want->n_blocks < now.n_blocks)
		now.n_blocks = want->n_blocks;
	if (want->n_inside < now.n_inside)
		now.n_inside = want->n_inside;
	r = step(a, &now);
	memcpy(now.blocks, want->blocks, sizeof(now.blocks));
	r = r ?: step(a, &now);
	memcpy(now.inside, want->inside, sizeof(now.inside));
	r = r ?: step(a, &now);
	now.n_blocks = want->n_blocks;
	r = r ?: step(a, &now);
	now.n_inside = want->n_inside;
	return r ?: step(a, &now);
}

/* Off while its fields change. */
static int sync_trace(struct apply *a, const struct san_domain *want)
{
	struct san_domain now = a->domain;
	int r;

	if (!memcmp(&now.trace, &want->trace, sizeof(now.trace)))
		return 0;
	now.trace.fields = 0;
	r = step(a, &now);
	now.trace = want->trace;
	now.trace.fields = 0;
	r = r ?: step(a, &now);
	now.trace.fields = want->trace.fields;
	return r ?: step(a, &now);
}

int domain_sync(struct apply *a)
{
	struct san_domain want = desired(a), now;
	int r;

	if (!memcmp(&want, &a->domain, sizeof(want)))
		return 0;
	r = sync_lists(a, &want) ?: sync_trace(a, &want);
	now = a->domain;
	memcpy(now.source, want.source, sizeof(now.source));
	r = r ?: step(a, &now);
	memcpy(now.icmp_source, want.icmp_source, sizeof(now.icmp_source));
	r = r ?: step(a, &now);
	r = r ?: step(a, &want); /* what is left are single words */
	return r;
}

void domain_verify(struct apply *a)
{
	struct san_domain real;
	int r = dp_domain_get(a->dp, &real);

	if (r)
		return;
	real.class_set = 0;
	if (!memcmp(&real, &a->domain, sizeof(real)))
		return;
	apply_repaired(a, SAN_REPAIR_MAPS);
	r = dp_domain_set(a->dp, &a->domain);
	if (r)
		log_warn("domain not repaired", "error=\"%s\"", strerror(-r));
}

/* --- trace --- */

static void write_trace(struct apply *a)
{
	int r = domain_sync(a);

	if (r)
		log_err("trace not set", "error=\"%s\"", strerror(-r));
}

static void on_time(uv_timer_t *timer)
{
	domain_trace_end(timer->data);
}

void domain_trace(struct apply *a, const struct san_msg_trace *trace)
{
	a->trace = trace->trace;
	if (trace->trace.fields)
		uv_timer_start(&a->trace_timer, on_time, trace->seconds * UINT64_C(1000), 0);
	else
		uv_timer_stop(&a->trace_timer);
	write_trace(a);
}

void domain_trace_end(struct apply *a)
{
	uv_timer_stop(&a->trace_timer);
	memset(&a->trace, 0, sizeof(a->trace));
	if (a->dp)
		write_trace(a);
}
