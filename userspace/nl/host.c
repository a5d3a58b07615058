/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is set once per host: the rule, the tunnel source, acceptance of SRHs. */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "nl/priv.h"
#include "util/own.h"

#include <linux/seg6_genl.h>

#define MAX_RULES 64 /* of ours; there are two, or two more after a change of configuration */
#define N_FAMILIES 2

/* --- rule --- */

static const uint8_t families[N_FAMILIES] = {AF_INET6, AF_INET};

struct rule {
	uint32_t table, priority;
	uint8_t family, proto;
};

struct rules {
	struct rule v[MAX_RULES];
	unsigned int n;
};

static void rule_init(struct nl_req *req, uint16_t type, uint16_t flags, const struct rule *rule)
{
	struct fib_rule_hdr *hdr = nl_req_init(req, type, flags, sizeof(*hdr));

	hdr->family = rule->family;
	hdr->action = FR_ACT_TO_TBL;
	hdr->table = rule->table < 256 ? (uint8_t)rule->table : RT_TABLE_UNSPEC;
	mnl_attr_put_u32(&req->nlh, FRA_TABLE, rule->table);
	mnl_attr_put_u32(&req->nlh, FRA_PRIORITY, rule->priority);
	mnl_attr_put_u8(&req->nlh, FRA_PROTOCOL, NL_PROTO);
}

static int rule_fail(struct nl *nl, struct err *err, int code, const struct rule *rule)
{
	err_set(err, code, "", "", "%s", nl->rt.why);
	err_object(err, "rule %u: lookup %u", rule->priority, rule->table);
	return code;
}

int nl_rule_put(struct nl *nl, uint32_t table, uint32_t priority, struct err *err)
{
	for (int i = 0; i < N_FAMILIES; i++) {
		struct rule rule = {table, priority, families[i], NL_PROTO};
		struct nl_req req;
		int r;

		rule_init(&req, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, &rule);
		r = nl_talk(&nl->rt, &req, NULL, NULL);
		if (r && r != -EEXIST)
			return rule_fail(nl, err, r, &rule);
	}
	return 0;
}

static void on_rule(void *arg, const struct nlmsghdr *nlh)
{
	const struct fib_rule_hdr *hdr = mnl_nlmsg_get_payload(nlh);
	struct rules *rules = arg;
	const struct nlattr *attr;
	struct rule rule = {0};

	if (nlh->nlmsg_type != RTM_NEWRULE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*hdr))
		return;
	rule.table = hdr->table;
	rule.family = hdr->family;
	mnl_attr_for_each(attr, nlh, sizeof(*hdr))
	{
		if (mnl_attr_get_type(attr) == FRA_TABLE)
			rule.table = mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) == FRA_PRIORITY)
			rule.priority = mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) == FRA_PROTOCOL)
			rule.proto = mnl_attr_get_u8(attr);
	}
	if (rule.proto == NL_PROTO && rules->n < MAX_RULES)
		rules->v[rules->n++] = rule;
}

static int read_family(struct nl *nl, uint8_t family, struct rules *rules)
{
	unsigned int start = rules->n;
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < NL_DUMP_TRIES; i++) {
		struct nl_req req;
		struct fib_rule_hdr *hdr = nl_req_init(&req, RTM_GETRULE, NLM_F_DUMP, sizeof(*hdr));

		hdr->family = family;
		rules->n = start;
		r = nl_talk(&nl->rt, &req, on_rule, rules);
	}
	return r;
}

static int read_rules(struct nl *nl, struct rules *rules)
{
	int r = 0;

	rules->n = 0;
	for (int i = 0; !r && i < N_FAMILIES; i++)
		r = read_family(nl, families[i], rules);
	return r;
}

/* Of the first n. */
static unsigned int count_rule(const struct rules *rules, unsigned int n, uint32_t table,
			       uint32_t priority)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < n; i++)
		found += rules->v[i].table == table && rules->v[i].priority == priority;
	return found;
}

bool nl_rule_there(struct nl *nl, uint32_t table, uint32_t priority)
{
	struct rules rules;

	return !read_rules(nl, &rules) &&
	       count_rule(&rules, rules.n, table, priority) >= N_FAMILIES;
}

int nl_rule_each(struct nl *nl, int (*fn)(void *arg, uint32_t table, uint32_t priority), void *arg)
{
	struct rules rules;
	int r = read_rules(nl, &rules);

	for (unsigned int i = 0; !r && i < rules.n; i++) {
		if (!count_rule(&rules, i, rules.v[i].table, rules.v[i].priority))
			r = fn(arg, rules.v[i].table, rules.v[i].priority);
	}
	return r;
}

/* The kernel deletes by table and priority; so look whose it is first. */
int nl_rule_del(struct nl *nl, uint32_t table, uint32_t priority, struct err *err)
{
	struct rule rule = {table, priority, 0, NL_PROTO};
	struct rules rules;
	struct nl_req req;
	int r = read_rules(nl, &rules);

	if (r)
		return rule_fail(nl, err, r, &rule);
	for (unsigned int i = 0; i < rules.n; i++) {
		if (rules.v[i].table != table || rules.v[i].priority != priority)
			continue;
		rule_init(&req, RTM_DELRULE, 0, &rules.v[i]);
		r = nl_talk(&nl->rt, &req, NULL, NULL);
		if (r && r != -ENOENT)
			return rule_fail(nl, err, r, &rule);
	}
	return 0;
}

/* --- tunnel source --- */

static void on_family(void *arg, const struct nlmsghdr *nlh)
{
	uint16_t *family = arg;
	const struct nlattr *attr;

	if (nlh->nlmsg_type != GENL_ID_CTRL)
		return;
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			*family = mnl_attr_get_u16(attr);
	}
}

static int seg6_family(struct nl_talk *genl, uint16_t *family)
{
	struct nl_req req;
	struct genlmsghdr *hdr = nl_req_init(&req, GENL_ID_CTRL, 0, sizeof(*hdr));
	int r;

	hdr->cmd = CTRL_CMD_GETFAMILY;
	hdr->version = 1;
	mnl_attr_put_strz(&req.nlh, CTRL_ATTR_FAMILY_NAME, SEG6_GENL_NAME);
	*family = 0;
	r = nl_talk(genl, &req, on_family, family);
	return r ? r : *family ? 0 : -ENOENT;
}

struct genl {
	struct nl_talk talk;
	uint16_t family;
	int open; /* result of opening */
};

static void genl_open(struct genl *genl)
{
	genl->open = nl_talk_open(&genl->talk, NETLINK_GENERIC);
	if (!genl->open)
		genl->open = seg6_family(&genl->talk, &genl->family);
}

static struct nl_req *genl_req(const struct genl *genl, uint8_t cmd, struct nl_req *req)
{
	struct genlmsghdr *hdr = nl_req_init(req, genl->family, 0, sizeof(*hdr));

	hdr->cmd = cmd;
	hdr->version = SEG6_GENL_VERSION;
	return req;
}

static int tunsrc_set(struct genl *genl, const struct in6_addr *src)
{
	struct nl_req req;

	genl_req(genl, SEG6_CMD_SET_TUNSRC, &req);
	mnl_attr_put(&req.nlh, SEG6_ATTR_DST, sizeof(*src), src);
	return nl_talk(&genl->talk, &req, NULL, NULL);
}

static void on_tunsrc(void *arg, const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attr) == SEG6_ATTR_DST &&
		    mnl_attr_get_payload_len(attr) == sizeof(struct in6_addr))
			memcpy(arg, mnl_attr_get_payload(attr), sizeof(struct in6_addr));
	}
}

static int tunsrc_get(struct genl *genl, struct in6_addr *src)
{
	struct nl_req req;

	memset(src, 0, sizeof(*src));
	return nl_talk(&genl->talk, genl_req(genl, SEG6_CMD_GET_TUNSRC, &req), on_tunsrc, src);
}

static int tunsrc_end(struct genl *genl, int r, struct err *err)
{
	nl_talk_close(&genl->talk);
	if (r == -ENOENT)
		err_set(err, r, "", "", "this kernel has no SRv6 (CONFIG_IPV6_SEG6_LWTUNNEL)");
	else if (r)
		err_set(err, r, "", "", "%s", strerror(-r));
	if (r)
		err_object(err, "SR tunnel source");
	return r;
}

int nl_tunsrc_set(struct nl *nl, const struct in6_addr *src, struct err *err)
{
	struct genl genl;

	genl_open(&genl);
	return tunsrc_end(&genl, genl.open ? genl.open : tunsrc_set(&genl, src), err);
}

int nl_tunsrc_unset(struct nl *nl, const struct in6_addr *src, struct err *err)
{
	struct in6_addr now, none = {0};
	struct genl genl;
	int r;

	genl_open(&genl);
	r = genl.open ? genl.open : tunsrc_get(&genl, &now);
	if (!r && !memcmp(&now, src, sizeof(now)))
		r = tunsrc_set(&genl, &none);
	return tunsrc_end(&genl, r, err);
}
