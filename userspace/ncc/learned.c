/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MTUs that a Packet Too Big from the core told: smaller than the interface's, believed for
 * APPLY_LEARNED_S, then tried anew (RFC 8201 section 4). */
#include <arpa/inet.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"

static void on_timer(uv_timer_t *timer);

static void wait_until(struct apply *a, uint64_t due_us)
{
	uint64_t now = clock_us();

	uv_timer_start(&a->learned_timer, on_timer, due_us > now ? (due_us - now) / 1000 + 1 : 1,
		       0);
}

static void rewrite(struct apply *a, struct hop *hop)
{
	int r = hop_resolve(a, hop);

	if (r)
		log_err("next hop not written", "index=%u error=\"%s\"", hop->index, strerror(-r));
	talk_report_hop(a, hop);
}

static void on_timer(uv_timer_t *timer)
{
	struct apply *a = timer->data;
	uint64_t now = clock_us(), first = 0;
	struct hop *hop, *next;

	HASH_ITER(hh, a->hops, hop, next) {
		if (!hop->learned_mtu)
			continue;
		if (hop->learned_until_us <= now) {
			hop->learned_mtu = 0;
			rewrite(a, hop);
		} else if (!first || hop->learned_until_us < first) {
			first = hop->learned_until_us;
		}
	}
	if (first)
		wait_until(a, first);
	talk_pump(a);
}

static unsigned int lower(struct apply *a, const struct in6_addr *segment, uint32_t mtu,
			  uint64_t until_us)
{
	struct hop *hop, *next;
	unsigned int n = 0;

	HASH_ITER(hh, a->hops, hop, next) {
		struct in6_addr dst = hop_destination(hop);

		if (hop_is_direct(hop) || !IN6_ARE_ADDR_EQUAL(&dst, segment) || mtu >= hop->val.mtu)
			continue;
		hop->learned_mtu = mtu;
		hop->learned_until_us = until_us;
		rewrite(a, hop);
		n++;
	}
	return n;
}

/* What is told again and again is looked at once a second: it costs a walk over the next hops. */
static bool told_lately(struct apply *a, const struct in6_addr *segment, uint32_t mtu)
{
	uint64_t now = clock_us();

	if (a->told.mtu == mtu && IN6_ARE_ADDR_EQUAL(&a->told.segment, segment) &&
	    now < a->told.again_us)
		return true;
	a->told.segment = *segment;
	a->told.mtu = mtu;
	a->told.again_us = now + 1000000;
	return false;
}

void learned_take(struct apply *a, const struct in6_addr *segment, uint32_t mtu)
{
	uint64_t until_us = clock_us() + APPLY_LEARNED_S * UINT64_C(1000000);
	uint32_t used = mtu < APPLY_MIN_MTU ? APPLY_MIN_MTU : mtu;
	unsigned int n = told_lately(a, segment, mtu) ? 0 : lower(a, segment, used, until_us);
	char text[INET6_ADDRSTRLEN];

	if (!n)
		return;
	log_info("path MTU learned", "segment=%s told=%u used=%u nexthops=%u seconds=%d",
		 inet_ntop(AF_INET6, segment, text, sizeof(text)), mtu, used, n, APPLY_LEARNED_S);
	if (!uv_is_active((uv_handle_t *)&a->learned_timer))
		wait_until(a, until_us);
	talk_pump(a);
}
