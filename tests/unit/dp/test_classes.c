/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The classifier's tables, asked as the program asks them, against a reading of the rules one by
 * one. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dp/classes.h"

#define SET 5

struct packet {
	struct in6_addr src, dst;
	uint16_t sport, dport;
	uint8_t proto, dscp;
};

static struct in6_addr addr(const char *text)
{
	struct in6_addr a = {0};

	if (inet_pton(AF_INET6, text, &a) != 1)
		fail_msg("%s", text);
	return a;
}

static bool within(const struct in6_addr *a, const struct in6_addr *prefix, unsigned int len)
{
	unsigned int bit;

	for (bit = 0; bit < len; bit++)
		if ((a->s6_addr[bit / 8] ^ prefix->s6_addr[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

/* --- rules one by one ----------------------------------------------------------------------------
 */

static bool rule_matches(const struct san_msg_class *r, const struct packet *p)
{
	return within(&p->src, &r->src, r->src_len) && within(&p->dst, &r->dst, r->dst_len) &&
	       (!(r->fields & SAN_CLASS_PROTO) || r->proto == p->proto) &&
	       (!(r->fields & SAN_CLASS_SPORT) || r->sport == p->sport) &&
	       (!(r->fields & SAN_CLASS_DPORT) || r->dport == p->dport) &&
	       (!(r->fields & SAN_CLASS_DSCP) || r->dscp == p->dscp);
}

static bool rule_beats(const struct san_msg_class *a, const struct san_msg_class *b)
{
	if (a->intent != b->intent)
		return a->intent;
	if (a->intent)
		return a->priority > b->priority;
	if (a->dst_len != b->dst_len)
		return a->dst_len > b->dst_len;
	if (a->src_len != b->src_len)
		return a->src_len > b->src_len;
	return a->priority > b->priority; /* else the earlier one stays */
}

/* Of all rules, or (local) of those that End.SAN asks for; NULL: none matches. */
static const struct san_msg_class *by_rules(const struct san_msg_class *rules, unsigned int n,
					    const struct packet *p, bool local)
{
	const struct san_msg_class *best = NULL;
	unsigned int i;

	for (i = 0; i < n; i++) {
		const struct san_msg_class *r = &rules[i];

		if (local && (r->verdict != SAN_ACT_STEER || r->service_id >= SAN_SERVICE_OWN_MIN))
			continue;
		if (rule_matches(r, p) && (!best || rule_beats(r, best)))
			best = r;
	}
	return best;
}

/* --- the tables, as a program reads them -------------------------------------------------------
 */

static uint32_t class_of(const struct classes_prefix *prefixes, unsigned int n,
			 const struct in6_addr *a)
{
	unsigned int i, best = 0;
	uint32_t class = 0;

	for (i = 0; i < n; i++) {
		struct in6_addr prefix;

		memcpy(&prefix, prefixes[i].key.addr, 16);
		assert_int_equal(prefixes[i].key.set, SET);
		if (prefixes[i].key.prefixlen <= best ||
		    !within(a, &prefix, prefixes[i].key.prefixlen - 32))
			continue;
		best = prefixes[i].key.prefixlen;
		class = prefixes[i].class;
	}
	return class;
}

static const struct classes_pair *pair_of(const struct classes *c, uint32_t src, uint32_t dst)
{
	const struct san_class_pair_key key = {.set = SET, .src = src, .dst = dst};
	const struct classes_pair *found = NULL;
	unsigned int i;

	for (i = 0; i < c->n_pairs; i++) {
		if (memcmp(&c->pairs[i].key, &key, sizeof(key)))
			continue;
		assert_null(found); /* one of a key */
		found = &c->pairs[i];
	}
	return found;
}

static const struct san_class_rule *rule_of(const struct classes *c,
					    const struct san_class_rule_key *key)
{
	const struct san_class_rule *found = NULL;
	unsigned int i;

	for (i = 0; i < c->n_rules; i++) {
		if (memcmp(&c->rules[i].key, key, sizeof(*key)))
			continue;
		assert_null(found);
		found = &c->rules[i].val;
	}
	return found;
}

/* What the tables answer; all 0: nothing. */
struct answer {
	uint64_t service, local;
	uint16_t act;
	uint8_t verdict, mark;
};

static struct answer ask(const struct classes *c, const struct packet *p)
{
	const struct classes_pair *pair = pair_of(c, class_of(c->src, c->n_src, &p->src),
						  class_of(c->dst, c->n_dst, &p->dst));
	uint32_t best = SAN_CLASS_NONE, local = SAN_CLASS_NONE;
	const struct san_class_rule *rule;
	struct answer out = {0};
	unsigned int f;

	for (f = 0; pair && f < SAN_CLASS_COMBINATIONS; f++) {
		const struct san_class_rule_key key = {
			.set = SET,
			.group = pair->val.group,
			.fields = f,
			.proto = f & SAN_CLASS_PROTO ? p->proto : 0,
			.sport = f & SAN_CLASS_SPORT ? p->sport : 0,
			.dport = f & SAN_CLASS_DPORT ? p->dport : 0,
			.dscp = f & SAN_CLASS_DSCP ? p->dscp : 0,
		};

		rule = pair->val.combinations >> f & 1 ? rule_of(c, &key) : NULL;
		if (rule && rule->rank < best) {
			best = rule->rank;
			out.service = rule->service_id;
			out.act = rule->act;
			out.verdict = rule->verdict;
			out.mark = rule->mark;
		}
		if (rule && rule->local_rank < local) {
			local = rule->local_rank;
			out.local = rule->local_id;
		}
	}
	return out;
}

static uint64_t by_tables(const struct classes *c, const struct packet *p)
{
	return ask(c, p).service;
}

/* --- random rules and packets -------------------------------------------------------------------
 */

static uint32_t seed = 1;

static uint32_t any(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* Few bits, so that prefixes nest and values meet. */
static struct in6_addr random_addr(unsigned int len)
{
	struct in6_addr a = {0};
	unsigned int bit;

	a.s6_addr[0] = any(4) << 6;
	a.s6_addr[1] = any(4) << 6;
	for (bit = len; bit < 128; bit++)
		a.s6_addr[bit / 8] &= ~(0x80 >> bit % 8);
	return a;
}

static uint8_t random_len(void)
{
	static const uint8_t lens[] = {0, 1, 2, 8, 9, 10, 64};

	return lens[any(sizeof(lens))];
}

static struct san_msg_class random_rule(uint64_t id)
{
	struct san_msg_class r = {.service_id = id, .fields = any(16), .priority = any(3)};

	r.src_len = random_len();
	r.dst_len = random_len();
	r.src = random_addr(r.src_len);
	r.dst = random_addr(r.dst_len);
	/* Values of fields that do not count are whatever they are. */
	r.proto = any(2);
	r.sport = any(2);
	r.dport = any(2);
	r.dscp = any(2);
	return r;
}

/* Some are of intents; a third of these only act, a third lead to a service of our own. */
static struct san_msg_class random_intent(uint64_t id)
{
	struct san_msg_class r = random_rule(id);

	r.intent = any(2);
	if (!r.intent)
		return r;
	r.act = id;
	r.mark = any(2) ? SAN_ACT_MARK | any(64) : 0;
	r.verdict = any(3);
	if (any(2))
		r.service_id |= SAN_SERVICE_OWN_MIN;
	if (r.verdict != SAN_ACT_STEER)
		r.service_id = 0;
	return r;
}

static struct packet random_packet(void)
{
	return (struct packet){.src = random_addr(128),
			       .dst = random_addr(128),
			       .proto = any(2),
			       .sport = any(2),
			       .dport = any(2),
			       .dscp = any(2)};
}

static void compile(const struct san_msg_class *rules, unsigned int n, struct classes *c)
{
	struct err err;
	char text[512];

	if (classes_compile(rules, n, SET, c, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
}

static void test_random(void **state)
{
	struct san_msg_class rules[40];
	unsigned int round, i, n, hits = 0;

	for (round = 0; round < 400; round++) {
		struct classes c;

		n = 1 + any(round < 200 ? 6 : 40);
		for (i = 0; i < n; i++)
			rules[i] = random_rule(i + 1);
		compile(rules, n, &c);
		for (i = 0; i < 100; i++) {
			struct packet p = random_packet();
			const struct san_msg_class *want = by_rules(rules, n, &p, false);

			assert_int_equal(by_tables(&c, &p), want ? want->service_id : 0);
			assert_int_equal(ask(&c, &p).local, want ? want->service_id : 0);
			hits += want != NULL;
		}
		classes_fini(&c);
	}
	assert_true(hits > 4000); /* the test is one of matches, too */
}

static void check_intents(const struct classes *c, const struct san_msg_class *rules,
			  unsigned int n)
{
	struct packet p = random_packet();
	const struct san_msg_class *want = by_rules(rules, n, &p, false);
	const struct san_msg_class *local = by_rules(rules, n, &p, true);
	struct answer got = ask(c, &p);

	assert_int_equal(got.service, want ? want->service_id : 0);
	assert_int_equal(got.act, want ? want->act : 0);
	assert_int_equal(got.verdict, want ? want->verdict : 0);
	assert_int_equal(got.mark, want ? want->mark : 0);
	assert_int_equal(got.local, local ? local->service_id : 0);
}

/* Intents come first, by priority alone; End.SAN sees through those that are not for it. */
static void test_random_intents(void **state)
{
	struct san_msg_class rules[40];
	unsigned int round, i, n;

	for (round = 0; round < 600; round++) {
		struct classes c;

		n = 1 + any(round < 300 ? 6 : 40);
		for (i = 0; i < n; i++)
			rules[i] = random_intent(i + 1);
		compile(rules, n, &c);
		for (i = 0; i < 100; i++)
			check_intents(&c, rules, n);
		classes_fini(&c);
	}
}

/* --- cases by hand -------------------------------------------------------------------------------
 */

static struct san_msg_class to(uint64_t id, const char *dst, uint8_t len)
{
	struct san_msg_class r = {.service_id = id, .dst_len = len};

	if (len)
		r.dst = addr(dst);
	return r;
}

static void test_empty(void **state)
{
	struct packet p = {.proto = 6};
	struct classes c;

	compile(NULL, 0, &c);
	assert_int_equal(c.n_src + c.n_dst + c.n_pairs + c.n_rules, 0);
	assert_int_equal(by_tables(&c, &p), 0);
	classes_fini(&c);
}

/* "Any" is of both versions; the longest prefix wins over any priority. */
static void test_versions(void **state)
{
	struct san_msg_class rules[3] = {to(1, "", 0), to(2, "::ffff:192.0.2.0", 120),
					 to(3, "2001:db8::", 32)};
	struct packet v4 = {.dst = addr("::ffff:192.0.2.9")}, v6 = {.dst = addr("2001:db8::9")},
		      other = {.dst = addr("::ffff:198.51.100.1")};
	struct classes c;

	rules[0].priority = 1000;
	compile(rules, 3, &c);
	assert_int_equal(by_tables(&c, &v4), 2);
	assert_int_equal(by_tables(&c, &v6), 3);
	assert_int_equal(by_tables(&c, &other), 1);
	classes_fini(&c);
}

/* Of equal rules the earlier one counts, and only it is written. */
static void test_equal(void **state)
{
	struct san_msg_class rules[2] = {to(1, "2001:db8::", 32), to(2, "2001:db8::", 32)};
	struct packet p = {.dst = addr("2001:db8::1")};
	struct classes c;

	compile(rules, 2, &c);
	assert_int_equal(c.n_rules, 1);
	assert_int_equal(by_tables(&c, &p), 1);
	classes_fini(&c);
}

/* A rule without fields hides what is weaker: one entry for each prefix, not two. */
static void test_hidden(void **state)
{
	struct san_msg_class rules[3] = {to(1, "2001:db8:1::", 48), to(2, "2001:db8:2::", 48),
					 to(3, "", 0)};
	struct classes c;

	compile(rules, 3, &c);
	assert_int_equal(c.n_rules, 3);
	assert_int_equal(c.n_pairs, 3);
	classes_fini(&c);
}

/* Pairs with the same rules share a group. */
static void test_shared(void **state)
{
	struct san_msg_class rules[3] = {to(1, "2001:db8:1::", 48), to(2, "2001:db8:1::", 48),
					 to(3, "2001:db8:2::", 48)};
	struct classes c;

	rules[0].src_len = rules[1].src_len = 32;
	rules[0].src = addr("2001:db8::");
	rules[1].src = addr("2001:db9::");
	compile(rules, 3, &c);
	/* 3 by itself, from any of three source classes; 1 and 2 from theirs. */
	assert_int_equal(c.n_pairs, 5);
	assert_int_equal(c.n_rules, 3);
	classes_fini(&c);
}

static void test_deterministic(void **state)
{
	struct san_msg_class a[3] = {to(1, "2001:db8:1::", 48), to(2, "2001:db8::", 32),
				     to(3, "2001:db8:2::", 48)};
	struct san_msg_class b[3] = {a[1], a[2], a[0]};
	struct classes one, two;

	/* In another order: ranks of rules that never meet may differ, prefixes not. */
	compile(a, 3, &one);
	compile(b, 3, &two);
	assert_int_equal(one.n_dst, 3);
	assert_memory_equal(one.dst, two.dst, 3 * sizeof(*one.dst));
	assert_memory_equal(one.pairs, two.pairs, one.n_pairs * sizeof(*one.pairs));
	classes_fini(&one);
	classes_fini(&two);
}

/* --- limits --------------------------------------------------------------------------------------
 */

static struct san_msg_class numbered(uint32_t i, bool dst)
{
	struct san_msg_class r = {.service_id = i + 1};
	struct in6_addr *prefix = dst ? &r.dst : &r.src;
	uint32_t net = htonl(i);

	*prefix = addr("2001:db8::");
	memcpy(prefix->s6_addr + 4, &net, 4);
	if (dst)
		r.dst_len = 64;
	else
		r.src_len = 64;
	return r;
}

static void test_thousands(void **state)
{
	struct san_msg_class *rules = calloc(SAN_MAX_CLASSES + 1, sizeof(*rules));
	struct packet p = {0};
	struct classes c;
	struct err err;
	unsigned int i;

	for (i = 0; i < SAN_MAX_CLASSES - 1; i++)
		rules[i] = numbered(i, true);
	rules[i] = to(9999, "", 0);
	compile(rules, SAN_MAX_CLASSES, &c);
	assert_int_equal(c.n_dst, SAN_MAX_CLASSES - 1);
	assert_int_equal(c.n_rules, SAN_MAX_CLASSES);
	p.dst = rules[77].dst;
	assert_int_equal(by_tables(&c, &p), 78);
	classes_fini(&c);
	rules[SAN_MAX_CLASSES] = rules[0];
	assert_int_equal(classes_compile(rules, SAN_MAX_CLASSES + 1, SET, &c, &err), -ENOSPC);
	assert_string_equal(err.value, "4097");
	assert_null(c.rules);
	free(rules);
}

/* 200 sources by 200 destinations, each named alone: 40,000 pairs. */
static void test_too_many_pairs(void **state)
{
	struct san_msg_class rules[400];
	struct classes c;
	struct err err;
	unsigned int i;

	for (i = 0; i < 400; i++)
		rules[i] = numbered(i, i < 200);
	assert_int_equal(classes_compile(rules, 400, SET, &c, &err), -ENOSPC);
	assert_non_null(strstr(err.want, "16384 pairs of prefixes"));
	compile(rules + 150, 150, &c); /* 50 by 100 */
	classes_fini(&c);
}

/* 200 prefixes, and 100 rules that are good for all of them. */
static void test_too_many_entries(void **state)
{
	struct san_msg_class rules[300];
	struct classes c;
	struct err err;
	unsigned int i;

	for (i = 0; i < 300; i++) {
		rules[i] = i < 200 ? numbered(i, true) : to(i + 1, "", 0);
		rules[i].fields = SAN_CLASS_DPORT;
		rules[i].dport = htons(i);
	}
	assert_int_equal(classes_compile(rules, 300, SET, &c, &err), -ENOSPC);
	assert_non_null(strstr(err.want, "16384 entries of rules"));
	compile(rules + 150, 150, &c);
	classes_fini(&c);
}

static void refuse(struct san_msg_class bad, const char *field, const char *value)
{
	struct san_msg_class rules[2] = {to(1, "2001:db8::", 32), bad};
	struct classes c;
	struct err err;

	assert_int_equal(classes_compile(rules, 2, SET, &c, &err), -EINVAL);
	assert_string_equal(err.object, "classifier rule 1");
	assert_string_equal(err.field, field);
	assert_string_equal(err.value, value);
	assert_true(err.want[0]);
	assert_null(c.pairs);
}

static void test_refused(void **state)
{
	struct san_msg_class bad = to(0, "2001:db8::", 32);

	refuse(bad, "/1/service_id", "0");
	bad = to(1, "2001:db8::1", 64);
	refuse(bad, "/1/dst", "2001:db8::1/64");
	bad = to(1, "2001:db8::", 129);
	refuse(bad, "/1/dst_len", "129");
	bad = to(1, "", 0);
	bad.src_len = 130;
	refuse(bad, "/1/src_len", "130");
	bad.src_len = 16;
	bad.src = addr("2001:db8::");
	refuse(bad, "/1/src", "2001:db8::/16");
	bad = to(1, "", 0);
	bad.fields = 0x10;
	refuse(bad, "/1/fields", "16");
	bad.fields = SAN_CLASS_DSCP;
	bad.dscp = 64;
	refuse(bad, "/1/dscp", "64");
	bad = to(1, "2001:db8::", 128);
	bad.src_len = 128;
	bad.src = addr("::ffff:192.0.2.1");
	refuse(bad, "/1/src_len", "128");
}

static void test_acts_refused(void **state)
{
	struct san_msg_class bad = to(1, "", 0), pair[2] = {bad, bad};
	struct classes c;
	struct err err;

	bad.intent = 2;
	refuse(bad, "/1/intent", "2");
	bad = to(0, "", 0);
	bad.intent = 1;
	refuse(bad, "/1/service_id", "0");
	bad.verdict = 3;
	refuse(bad, "/1/verdict", "3");
	bad = to(SAN_SERVICE_OWN_MIN, "", 0);
	refuse(bad, "/1/intent", "0");
	bad = to(1, "", 0);
	bad.mark = 63;
	refuse(bad, "/1/mark", "63");
	bad.mark = 128;
	refuse(bad, "/1/mark", "128");
	bad.mark = 0;
	bad.act = SAN_MAX_ACTS + 1;
	refuse(bad, "/1/act", "4097");
	bad.act = 0;
	bad.rate_kbps = 1;
	refuse(bad, "/1/rate_kbps", "1");
	pair[0].act = pair[1].act = 7;
	pair[0].rate_kbps = 5;
	assert_int_equal(classes_compile(pair, 2, SET, &c, &err), -EINVAL);
	assert_string_equal(err.field, "/1/rate_kbps");
	pair[1].rate_kbps = 5;
	compile(pair, 2, &c);
	assert_int_equal(c.acts[7], 6);
	assert_int_equal(c.acts[6], 0);
	classes_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),	       cmocka_unit_test(test_empty),
		cmocka_unit_test(test_versions),       cmocka_unit_test(test_equal),
		cmocka_unit_test(test_hidden),	       cmocka_unit_test(test_shared),
		cmocka_unit_test(test_deterministic),  cmocka_unit_test(test_thousands),
		cmocka_unit_test(test_too_many_pairs), cmocka_unit_test(test_too_many_entries),
		cmocka_unit_test(test_refused),	       cmocka_unit_test(test_random_intents),
		cmocka_unit_test(test_acts_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
