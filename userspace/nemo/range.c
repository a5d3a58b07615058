/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of addresses and their minimal prefixes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/compile_int.h"

#define V4_LO ((unsigned __int128)0xffff << 32)
#define V4_HI (V4_LO | 0xffffffffu)
#define NOBODY_HI (((unsigned __int128)1 << 112) - 1) /* of ::/16 */

const char *const nemo_family_names[NEMO_FAMILIES] = {"IPv4", "IPv6"};

enum nemo_family nemo_family_of(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_V4MAPPED(addr) ? NEMO_V4 : NEMO_V6;
}

unsigned __int128 nemo_addr_number(const struct in6_addr *addr)
{
	unsigned __int128 number = 0;

	for (int i = 0; i < 16; i++)
		number = number << 8 | addr->s6_addr[i];
	return number;
}

static void number_addr(unsigned __int128 number, struct in6_addr *out)
{
	for (int i = 15; i >= 0; i--, number >>= 8)
		out->s6_addr[i] = (uint8_t)number;
}

/* Addresses of a prefix but for the first one. */
static unsigned __int128 beyond(uint8_t len)
{
	return len == 0	    ? ~(unsigned __int128)0
	       : len >= 128 ? 0
			    : ((unsigned __int128)1 << (128 - len)) - 1;
}

void nemo_prefix_span(const struct nemo_prefix *prefix, struct nemo_span *out)
{
	unsigned __int128 rest = beyond(prefix->len);

	out->lo = nemo_addr_number(&prefix->addr) & ~rest;
	out->hi = out->lo | rest;
}

bool nemo_prefix_holds(const struct nemo_prefix *prefix, const struct in6_addr *addr)
{
	struct nemo_span span;
	unsigned __int128 number = nemo_addr_number(addr);

	if (prefix->v4 != (nemo_family_of(addr) == NEMO_V4))
		return false;
	nemo_prefix_span(prefix, &span);
	return span.lo <= number && number <= span.hi;
}

bool nemo_prefix_within(const struct nemo_prefix *a, const struct nemo_prefix *b)
{
	struct nemo_span x, y;

	nemo_prefix_span(a, &x);
	nemo_prefix_span(b, &y);
	return a->v4 == b->v4 && y.lo <= x.lo && x.hi <= y.hi;
}

void nemo_spans_fini(struct nemo_spans *spans)
{
	free(spans->v);
	*spans = (struct nemo_spans){0};
}

static bool room(void **v, unsigned int n, unsigned int *cap, size_t size)
{
	unsigned int more = *cap ? *cap * 2 : 8;
	void *grown = *v;

	if (n < *cap)
		return true;
	grown = realloc(grown, more * size);
	if (!grown)
		return false;
	*v = grown;
	*cap = more;
	return true;
}

int nemo_spans_add(struct nemo_spans *spans, unsigned __int128 lo, unsigned __int128 hi)
{
	void *v = spans->v;

	if (!room(&v, spans->n, &spans->cap, sizeof(spans->v[0])))
		return -ENOMEM;
	spans->v = v;
	spans->v[spans->n++] = (struct nemo_span){lo, hi};
	return 0;
}

static struct nemo_span whole(enum nemo_family family)
{
	return family == NEMO_V4 ? (struct nemo_span){V4_LO, V4_HI}
				 : (struct nemo_span){0, ~(unsigned __int128)0};
}

int nemo_spans_add_all(struct nemo_spans *spans, enum nemo_family family)
{
	struct nemo_span all = whole(family);

	return nemo_spans_add(spans, all.lo, all.hi);
}

bool nemo_spans_is_all(const struct nemo_spans *spans, enum nemo_family family)
{
	struct nemo_span all = whole(family);

	return spans->n == 1 && spans->v[0].lo == all.lo && spans->v[0].hi == all.hi;
}

static int by_start(const void *a, const void *b)
{
	const struct nemo_span *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

void nemo_spans_merge(struct nemo_spans *spans)
{
	unsigned int n = 0;

	if (!spans->n)
		return;
	qsort(spans->v, spans->n, sizeof(spans->v[0]), by_start);
	for (unsigned int i = 1; i < spans->n; i++) {
		struct nemo_span *last = &spans->v[n], *next = &spans->v[i];

		/* next->lo - 1 has no underflow: what starts at 0 is not behind anything */
		if (next->lo <= last->hi || next->lo - 1 == last->hi)
			last->hi = next->hi > last->hi ? next->hi : last->hi;
		else
			spans->v[++n] = *next;
	}
	spans->n = n + 1;
}

int nemo_spans_cut(const struct nemo_spans *a, const struct nemo_spans *b, struct nemo_spans *out)
{
	for (unsigned int i = 0, j = 0; i < a->n && j < b->n;) {
		const struct nemo_span *x = &a->v[i], *y = &b->v[j];
		unsigned __int128 lo = x->lo > y->lo ? x->lo : y->lo;
		unsigned __int128 hi = x->hi < y->hi ? x->hi : y->hi;

		if (lo <= hi && nemo_spans_add(out, lo, hi))
			return -ENOMEM;
		if (x->hi < y->hi)
			i++;
		else
			j++;
	}
	return 0;
}

int nemo_spans_outside_v4(const struct nemo_spans *spans, struct nemo_spans *out)
{
	int r = 0;

	for (unsigned int i = 0; !r && i < spans->n; i++) {
		struct nemo_span s = spans->v[i];
		bool nobody = s.lo == 0 && s.hi >= NOBODY_HI;
		unsigned __int128 lo = nobody ? 0 : V4_LO, hi = nobody ? NOBODY_HI : V4_HI;

		if (s.hi < lo || s.lo > hi) {
			r = nemo_spans_add(out, s.lo, s.hi);
			continue;
		}
		if (s.lo < lo)
			r = nemo_spans_add(out, s.lo, lo - 1);
		if (!r && s.hi > hi)
			r = nemo_spans_add(out, hi + 1, s.hi);
	}
	return r;
}

void nemo_prefixes_fini(struct nemo_prefixes *prefixes)
{
	free(prefixes->v);
	*prefixes = (struct nemo_prefixes){0};
}

int nemo_prefixes_add(struct nemo_prefixes *prefixes, const struct nemo_prefix *prefix)
{
	void *v = prefixes->v;

	if (!room(&v, prefixes->n, &prefixes->cap, sizeof(prefixes->v[0])))
		return -ENOMEM;
	prefixes->v = v;
	prefixes->v[prefixes->n++] = *prefix;
	return 0;
}

/* The largest prefix that starts at lo and does not go beyond hi. */
static uint8_t largest(unsigned __int128 lo, unsigned __int128 hi)
{
	uint8_t len = 128;

	while (len > 0 && !(lo & beyond(len - 1)) && beyond(len - 1) <= hi - lo)
		len--;
	return len;
}

static int span_prefixes(struct nemo_span s, struct nemo_prefixes *out)
{
	for (;;) {
		struct nemo_prefix p = {.len = largest(s.lo, s.hi)};
		unsigned __int128 last = s.lo | beyond(p.len);
		int r;

		number_addr(s.lo, &p.addr);
		p.v4 = p.len >= 96 && nemo_family_of(&p.addr) == NEMO_V4;
		r = nemo_prefixes_add(out, &p);
		if (r || last == s.hi)
			return r;
		s.lo = last + 1;
	}
}

int nemo_spans_prefixes(const struct nemo_spans *spans, struct nemo_prefixes *out)
{
	int r = 0;

	for (unsigned int i = 0; !r && i < spans->n; i++)
		r = span_prefixes(spans->v[i], out);
	return r;
}
