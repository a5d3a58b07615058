/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules that can be, see classes.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "dp/classes_int.h"

#define ALL_FIELDS (SAN_CLASS_PROTO | SAN_CLASS_SPORT | SAN_CLASS_DPORT | SAN_CLASS_DSCP)
#define V4_MAPPED_LEN 96

static int refuse(struct err *err, const char *field, unsigned int value, const char *want)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return err_set(err, -EINVAL, field, text, "must be %s", want);
}

int classes_check_act(const struct san_msg_class *r, struct err *err)
{
	if (r->intent > 1)
		return refuse(err, "intent", r->intent, "0 or 1");
	if (r->verdict > SAN_ACT_DROP)
		return refuse(err, "verdict", r->verdict, "0 (steer), 1 (pass) or 2 (drop)");
	if (!r->service_id && r->verdict == SAN_ACT_STEER)
		return refuse(err, "service_id", 0, "1 or more");
	if (r->service_id >= SAN_SERVICE_OWN_MIN && !r->intent)
		return refuse(err, "intent", 0, "1 where the service is of the host's making");
	if (r->mark && (r->mark < SAN_ACT_MARK || r->mark >= 2 * SAN_ACT_MARK))
		return refuse(err, "mark", r->mark, "0 or 64..127 (64 and a DSCP)");
	if (r->act > SAN_MAX_ACTS)
		return refuse(err, "act", r->act, "0..4096");
	if (r->rate_kbps && !r->act)
		return refuse(err, "rate_kbps", r->rate_kbps, "0 without an act");
	return 0;
}

int classes_check_prefix(const char *field, const struct in6_addr *addr, unsigned int len,
			 struct err *err)
{
	char text[INET6_ADDRSTRLEN], value[INET6_ADDRSTRLEN + 8];
	unsigned int bit = len;

	while (bit < 128 && !(addr->s6_addr[bit / 8] & 0x80 >> bit % 8))
		bit++;
	if (bit >= 128)
		return 0;
	inet_ntop(AF_INET6, addr, text, sizeof(text));
	snprintf(value, sizeof(value), "%s/%u", text, len);
	return err_set(err, -EINVAL, field, value, "must have no bits behind its length");
}

int classes_check_prefixes(const struct san_msg_class *r, struct err *err)
{
	if (r->src_len > 128)
		return refuse(err, "src_len", r->src_len, "0..128");
	if (r->dst_len > 128)
		return refuse(err, "dst_len", r->dst_len, "0..128");
	return classes_check_prefix("src", &r->src, r->src_len, err)
		       ?: classes_check_prefix("dst", &r->dst, r->dst_len, err);
}

/* Both prefixes long enough to tell the version, and not of the same one. */
static bool versions_differ(const struct san_msg_class *r)
{
	return r->src_len >= V4_MAPPED_LEN && r->dst_len >= V4_MAPPED_LEN &&
	       !IN6_IS_ADDR_V4MAPPED(&r->src) != !IN6_IS_ADDR_V4MAPPED(&r->dst);
}

static int check_rule(const struct san_msg_class *r, struct err *err)
{
	if (classes_check_act(r, err) || classes_check_prefixes(r, err))
		return -EINVAL;
	if (r->fields & ~ALL_FIELDS)
		return refuse(err, "fields", r->fields, "bits out of 0xf");
	if (r->fields & SAN_CLASS_DSCP && r->dscp > 63)
		return refuse(err, "dscp", r->dscp, "0..63");
	if (versions_differ(r))
		return refuse(err, "src_len", r->src_len,
			      "of the same IP version as the destination");
	return 0;
}

int classes_rule_err(struct err *err, unsigned int number)
{
	err_prefix(err, "/%u/", number);
	err_object(err, "classifier rule %u", number);
	return -EINVAL;
}

int classes_check(const struct san_msg_class *rules, unsigned int n, struct err *err)
{
	char text[16];

	if (n > SAN_MAX_CLASSES) {
		snprintf(text, sizeof(text), "%u", n);
		return err_set(err, -ENOSPC, "classes", text, "must be at most %d rules",
			       SAN_MAX_CLASSES);
	}
	for (unsigned int i = 0; i < n; i++)
		if (check_rule(&rules[i], err))
			return classes_rule_err(err, i);
	return 0;
}
