/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What wins, by three ways that share nothing but the objects: the rules' first match, explain, and
 * the definition (candidates, lowest priority number, name, tenants by name) worked out here from
 * what the random script was made of.
 */
#include "world.h"

#define FLOWS 6
#define OPS 10
#define ROUNDS 150
#define PACKETS 50

/* ---- what a random script is made of ---- */

struct set { /* n = 0: the field is not there */
	unsigned int n;
	char from[4][48], to[4][48]; /* addresses */
	unsigned int lo[4], hi[4];   /* numbers */
};
struct rflow {
	struct set src, dst, sport, dport, port, dscp;
	int proto[2], n_proto;
	int ingress; /* 0 none, 1 pe1's site, 2 gw2 */
	int egress;  /* 0 none, 1 s2 */
};
enum goal { G_ALLOW, G_DENY, G_MARK, G_STEER, G_C2, G_ALL, G_GW3, G_CHAIN, G_HERE, G_MAX };
static const char *const goal_texts[G_MAX] = {"allow",
					      "deny",
					      "mark:7",
					      "steer:\"web\"",
					      "redirect:\"c2\"",
					      "redirect:\"all\"",
					      "redirect:\"gw3\"",
					      "gothrough:\"fw\"",
					      "redirect:\"here\""};
struct rop {
	unsigned int flow, priority, load; /* load 0: no condition */
	enum goal goal;
};
static struct rflow flows[2][FLOWS];
static struct rop ops[2][OPS];

struct writer {
	char text[65536];
	size_t len;
};

static void put(struct writer *w, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	w->len += (size_t)vsnprintf(w->text + w->len, sizeof(w->text) - w->len, format, args);
	va_end(args);
	assert_true(w->len < sizeof(w->text));
}

static unsigned int dice(unsigned int n)
{
	return (unsigned int)rand() % n;
}

static void host(char *out, bool v4, unsigned int low)
{
	snprintf(out, 48, v4 ? "10.0.0.%u" : "2001:db8::%x", low);
}

static void field(struct writer *w, bool *first, const char *name)
{
	put(w, "%s%s:", *first ? "" : ", ", name);
	*first = false;
}

/* Kind 0: one prefix, 1: a list of them, 2: a range. */
static void addresses(struct writer *w, bool *first, const char *name, struct set *set)
{
	unsigned int kind = dice(4), n = kind == 1 ? 1 + dice(4) : 1;

	set->n = 0;
	if (kind == 3)
		return;
	field(w, first, name);
	put(w, kind == 1 ? "List(" : kind == 2 ? "Range(" : "");
	for (unsigned int i = 0; i < n; i++) {
		bool v4 = dice(2);
		unsigned int bits = dice(5), lo = dice(16), hi;

		lo = kind == 2 ? lo : lo >> bits << bits;
		hi = kind == 2 ? lo + dice(16 - lo) : lo + (1u << bits) - 1;
		host(set->from[i], v4, lo);
		host(set->to[i], v4, hi);
		if (kind == 2)
			put(w, "\"%s\", \"%s\"", set->from[i], set->to[i]);
		else
			put(w, "%s\"%s/%u\"", i ? ", " : "", set->from[i], (v4 ? 32 : 128) - bits);
	}
	set->n = n;
	put(w, kind == 1 || kind == 2 ? ")" : "");
}

static void numbers(struct writer *w, bool *first, const char *name, struct set *set)
{
	unsigned int kind = dice(8), n = kind == 1 ? 1 + dice(3) : 1;

	set->n = 0;
	if (kind > 2)
		return;
	field(w, first, name);
	put(w, kind == 1 ? "List(" : kind == 2 ? "Range(" : "");
	for (unsigned int i = 0; i < n; i++) {
		set->lo[i] = set->hi[i] = dice(5);
		if (kind == 2)
			set->hi[i] += dice(3);
		put(w, kind == 2 ? "%u, %u" : i ? ", %u" : "%u", set->lo[i], set->hi[i]);
	}
	set->n = n;
	put(w, kind == 1 || kind == 2 ? ")" : "");
}

static const struct {
	const char *name;
	int number;
} protos[] = {{"tcp", 6}, {"udp", 17}, {"icmp", 1}, {"47", 47}};

static void protocol(struct writer *w, bool *first, struct rflow *flow)
{
	unsigned int a = dice(4), b = dice(4);

	flow->n_proto = dice(3) ? 0 : 1 + (int)dice(2);
	if (!flow->n_proto)
		return;
	field(w, first, "proto");
	flow->proto[0] = protos[a].number;
	flow->proto[1] = protos[b].number;
	if (flow->n_proto == 1)
		put(w, "\"%s\"", protos[a].name);
	else
		put(w, "List(\"%s\", \"%s\")", protos[a].name, protos[b].name);
}

static void write_flow(struct writer *w, unsigned int number, struct rflow *flow)
{
	bool first = true;

	put(w, "CREATE ServiceFlow f%u Match ", number);
	addresses(w, &first, "src_ip", &flow->src);
	addresses(w, &first, "dst_ip", &flow->dst);
	numbers(w, &first, "src_port", &flow->sport);
	numbers(w, &first, "dst_port", &flow->dport);
	numbers(w, &first, "port", &flow->port);
	numbers(w, &first, "dscp", &flow->dscp);
	protocol(w, &first, flow);
	flow->egress = dice(5) ? 0 : 1;
	if (flow->egress) {
		field(w, &first, "egress");
		put(w, "\"s2\"");
	}
	flow->ingress = dice(4) ? 0 : 1 + (int)dice(2);
	if (!flow->ingress && first)
		flow->ingress = 1;
	if (flow->ingress) {
		field(w, &first, "ingress");
		put(w, flow->ingress == 1 ? "\"here\"" : "\"gw2\"");
	}
	put(w, ";\n");
}

/* Neighbours may have one priority, but then not one flow: that would be a conflict. */
static void write_op(struct writer *w, unsigned int number, struct rop *op)
{
	op->flow = number ? (op[-1].flow + 1 + dice(FLOWS - 1)) % FLOWS : dice(FLOWS);
	op->priority = number * 2 / 3;
	op->goal = (enum goal)dice(G_MAX);
	op->load = dice(2) ? 0 : 10 + 10 * dice(9);
	put(w, "CREATE Operation %c%u Target f%u Priority %u ", "zyxwvutsrq"[number], number,
	    op -> flow, op -> priority);
	if (op->load)
		put(w, "Condition gw2.cpu_load > %u ", op->load);
	put(w, "Action %s;\n", goal_texts[op->goal]);
}

/* ---- the definition ---- */

static bool in_addresses(const struct set *set, const struct in6_addr *addr)
{
	for (unsigned int i = 0; i < set->n; i++) {
		struct in6_addr from = world_addr(set->from[i]), to = world_addr(set->to[i]);

		if (memcmp(&from, addr, 16) <= 0 && memcmp(addr, &to, 16) <= 0)
			return true;
	}
	return !set->n;
}

static bool in_numbers(const struct set *set, unsigned int number)
{
	for (unsigned int i = 0; i < set->n; i++)
		if (set->lo[i] <= number && number <= set->hi[i])
			return true;
	return !set->n;
}

static bool flow_has(const struct rflow *f, const struct nemo_packet *p)
{
	bool ports = p->proto == 6 || p->proto == 17, any = !f->n_proto;

	for (int i = 0; i < f->n_proto; i++)
		any |= f->proto[i] == p->proto;
	if (!any || f->ingress == 2 || (f->egress && (p->dst.s6_addr[15] & 0xf) > 7))
		return false;
	if ((f->sport.n || f->dport.n || f->port.n) && !ports)
		return false;
	return in_addresses(&f->src, &p->src) && in_addresses(&f->dst, &p->dst) &&
	       in_numbers(&f->sport, p->sport) && in_numbers(&f->dport, p->dport) &&
	       (in_numbers(&f->port, p->sport) || in_numbers(&f->port, p->dport)) &&
	       in_numbers(&f->dscp, p->dscp);
}

static bool is_v4(const struct nemo_packet *p)
{
	return IN6_IS_ADDR_V4MAPPED(&p->dst);
}

/* Can the goal take it? gw3 takes no IPv4; the far ends of `all` have 0..7 and 8..15. */
static bool goal_takes(enum goal goal, const struct nemo_packet *p)
{
	bool s3 = p->dst.s6_addr[15] > 7;

	if (goal == G_GW3 || goal == G_CHAIN || (goal == G_ALL && s3))
		return !is_v4(p);
	return true;
}

static int weaker(unsigned int a, unsigned int b, const struct rop *of)
{
	if (of[a].priority != of[b].priority)
		return of[a].priority > of[b].priority;
	return "zyxwvutsrq"[a] > "zyxwvutsrq"[b];
}

/* Number of the operation that wins; -1: none. */
static int winner(unsigned int tenant, const struct nemo_packet *p)
{
	int best = -1;

	for (unsigned int i = 0; i < OPS; i++) {
		const struct rop *op = &ops[tenant][i];

		if (op->load && (world_load < 0 || world_load <= op->load))
			continue;
		if (!flow_has(&flows[tenant][op->flow], p) || !goal_takes(op->goal, p))
			continue;
		if (best < 0 || weaker((unsigned int)best, i, ops[tenant]))
			best = (int)i;
	}
	return best;
}

static struct nemo_packet random_packet(void)
{
	static const char *const texts[] = {"tcp", "udp", "icmp", "47", "58"};
	char src[48], dst[48], text[200];
	bool v4 = dice(2);
	unsigned int proto = dice(5);

	host(src, v4, dice(16));
	host(dst, v4, dice(16));
	if (proto < 2)
		snprintf(text, sizeof(text), "%s %s %s %u %u %u", src, dst, texts[proto], dice(7),
			 dice(7), dice(7));
	else
		snprintf(text, sizeof(text), "%s %s %s 0 0 %u", src, dst, texts[proto], dice(7));
	return world_packet(text);
}

/* The rule does what the operation wants. */
static void check_rule(const struct nemo_plan *plan, const struct san_msg_class *rule,
		       enum goal goal, const struct nemo_packet *p)
{
	const struct nemo_goal *to = world_goal(plan, rule->service_id);
	static const char *const gateways[G_MAX] = {
		[G_C2] = "gw2", [G_GW3] = "gw3", [G_CHAIN] = "gw3"};

	assert_int_equal(rule->verdict, goal == G_DENY ? SAN_ACT_DROP
					: goal == G_ALLOW || goal == G_MARK || goal == G_HERE
						? SAN_ACT_PASS
						: SAN_ACT_STEER);
	assert_int_equal(rule->mark, goal == G_MARK ? SAN_ACT_MARK | 7 : 0);
	if (goal == G_STEER)
		assert_int_equal(rule->service_id, 0x101);
	if (rule->verdict != SAN_ACT_STEER || goal == G_STEER)
		return;
	assert_non_null(to);
	assert_int_equal(to->hop.families, is_v4(p) ? SAN_NH_IP4 : SAN_NH_IP6);
	assert_string_equal(to->gateway, goal == G_ALL ? p->dst.s6_addr[15] > 7 ? "gw3" : "gw2"
						       : gateways[goal]);
}

static void expect(const struct nemo_plan *plan, const struct nemo_packet *p)
{
	const struct san_msg_class *rule = world_first(plan, p);
	struct nemo_plan_in in = world_in();
	char should[32] = "", is[2 * NAME_LEN] = "";
	json_t *json, *won;
	int best = -1;
	unsigned int tenant;

	for (tenant = 0; best < 0 && tenant < 2; tenant++)
		best = winner(tenant, p);
	tenant--;
	if (best >= 0)
		snprintf(should, sizeof(should), "t%u/%c%d", tenant, "zyxwvutsrq"[best], best);
	json = nemo_explain(&in, p);
	assert_non_null(json);
	won = json_object_get(json, "winner");
	if (json_is_object(won))
		snprintf(is, sizeof(is), "%s/%s", json_string_value(json_object_get(won, "tenant")),
			 json_string_value(json_object_get(won, "operation")));
	if (strcmp(should, is) != 0 || strcmp(should, rule ? world_acts[rule->act] : "") != 0)
		fail_msg("%s: should be '%s', explain says '%s', the rules '%s'",
			 json_string_value(json_object_get(json, "packet")), should, is,
			 rule ? world_acts[rule->act] : "");
	json_decref(json);
	if (rule)
		check_rule(plan, rule, ops[tenant][best].goal, p);
}

static void make_tenant(unsigned int number)
{
	static const char *const names[] = {"t0", "t1"};
	struct writer *w = calloc(1, sizeof(*w));

	for (unsigned int i = 0; i < FLOWS; i++)
		write_flow(w, i, &flows[number][i]);
	for (unsigned int i = 0; i < OPS; i++)
		write_op(w, i, &ops[number][i]);
	world_tenant(names[number], w->text);
	free(w);
}

static void test_random(void **state)
{
	unsigned int decided = 0;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct nemo_plan plan;

		srand(round);
		make_tenant(1); /* not in order: compile must see to it */
		make_tenant(0);
		world_load = (int64_t)dice(120) - 20;
		plan = world_compile();
		for (unsigned int i = 0; i < PACKETS; i++) {
			struct nemo_packet p = random_packet();

			decided += world_first(&plan, &p) != NULL;
			expect(&plan, &p);
		}
		nemo_plan_fini(&plan);
		while (world_n)
			world_forget(&world[--world_n]);
	}
	assert_in_range(decided, ROUNDS * PACKETS / 10, ROUNDS * PACKETS);
}

/* ---- what is said ---- */

static json_t *said(json_t *json, const char *operation)
{
	json_t *op;
	size_t i;

	json_array_foreach(json_object_get(json, "operations"), i, op) {
		if (strcmp(json_string_value(json_object_get(op, "operation")), operation) == 0)
			return op;
	}
	fail();
	return NULL;
}

static void says(json_t *json, const char *operation, const char *result, const char *why)
{
	json_t *op = said(json, operation);
	const char *is = json_string_value(json_object_get(op, "result"));
	const char *because = json_string_value(json_object_get(op, "why"));

	if (strcmp(is, result) != 0 || strcmp(because, why) != 0)
		fail_msg("%s: %s (%s), should be %s (%s)", operation, is, because, result, why);
}

static void test_words(void **state)
{
	struct nemo_packet p = world_packet("10.0.0.3 10.0.0.9 tcp 40000 443 5");
	struct nemo_plan_in in;
	json_t *json, *won;

	world_tenant("t", "CREATE ServiceFlow fweb Match dst_port:443, proto:\"tcp\";\n"
			  "CREATE ServiceFlow other Match dst_port:List(80, 81, 82), dscp:5;\n"
			  "CREATE ServiceFlow far Match ingress:\"s2\";\n"
			  "CREATE ServiceFlow lan Match src_ip:Range(\"10.0.0.4\", \"10.0.0.9\");\n"
			  "CREATE Operation a Target other Priority 1 Action deny;\n"
			  "CREATE Operation b Target far Priority 2 Action deny;\n"
			  "CREATE Operation c Target lan Priority 3 Action deny;\n"
			  "CREATE Operation d Target fweb Priority 4 Condition time > \"13:00\" "
			  "Action deny;\n"
			  "CREATE Operation e Target fweb Priority 5 Condition gw2.cpu_load > 1 "
			  "Action deny;\n"
			  "CREATE Operation f Target fweb Priority 6 Action redirect:\"gw3\";\n"
			  "CREATE Operation g Target fweb Priority 7 Action redirect:\"c2\";\n"
			  "CREATE Operation h Target fweb Priority 8 Action redirect:\"gw2\", "
			  "mark:10;\n"
			  "CREATE Operation i Target fweb Priority 9 Action allow;\n");
	world_loss("gw2", "fast", 1000000);
	in = world_in();
	json = nemo_explain(&in, &p);
	says(json, "a", "no match", "dst_port 443 is not 80, 81 and 1 more");
	says(json, "b", "elsewhere", "flow far comes in at gw2");
	says(json, "c", "no match", "src_ip 10.0.0.3 is not in 10.0.0.4 to 10.0.0.9");
	says(json, "d", "condition", "time > \"13:00:00\" is false");
	says(json, "e", "unknown", "cpu_load of gw2 is not known");
	says(json, "f", "impossible", "gateway gw3 has no decap4, a SID for IPv4");
	says(json, "g", "goal down", "path pe1/gw2/fast loses everything");
	says(json, "h", "wins", "");
	says(json, "i", "loses", "h with priority 8 goes first");
	won = json_object_get(json, "winner");
	assert_string_equal(json_string_value(json_object_get(won, "actions")),
			    "redirect: \"gw2\", mark: 10");
	assert_string_equal(json_string_value(json_object_get(won, "goal")), "gw2");
	assert_string_equal(json_string_value(json_object_get(won, "path")), "be");
	assert_string_equal(json_string_value(json_object_get(json, "time")),
			    "2026-01-02 12:00:00");
	assert_string_equal(json_string_value(json_object_get(json, "packet")),
			    "10.0.0.3 10.0.0.9 tcp 40000 443 5");
	assert_non_null(json_object_get(said(json, "d"), "condition"));
	assert_null(json_object_get(said(json, "h"), "condition"));
	json_decref(json);
	p = world_packet("2001:db8::1 2001:db8::2 icmp6");
	json = nemo_explain(&in, &p);
	says(json, "i", "no match", "proto icmp6 is not tcp");
	assert_true(json_is_null(json_object_get(json, "winner")));
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_words, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
