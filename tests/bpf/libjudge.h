/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The oracle for millions of packets: says whether what a program did with a frame is right. The
 * same rules as oracle_*.py, a third time and in C; shares nothing with bpf/ but the contract
 * headers. Where a hash, a random number or a clock decides, every answer they can give is right,
 * and the next packets are judged by the one that was given. No I/O, no maps.
 */
#ifndef TESTS_BPF_LIBJUDGE_H
#define TESTS_BPF_LIBJUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <san/map_abi.h>
#include <san/msg.h>
#include <san/wire.h>

#define JUDGE_SERVICES 128
#define JUDGE_NEXTHOPS 63
#define JUDGE_SIDS 64
#define JUDGE_RULES 256
#define JUDGE_SLOTS 4096
#define JUDGE_OUT 4096

struct judge_service {
	uint64_t id;
	bool local;
	struct san_service val;
};

struct judge_nexthop {
	uint32_t index;
	bool has_port;	  /* its interface is in san_tx */
	uint32_t renewed; /* judge->time when its index was last given to another */
	struct san_nexthop val;
};

struct judge_sid {
	struct in6_addr addr;
	struct san_sid val;
};

/* Remembered by a key of bytes; forgotten all at once. A packet that goes to the kernel does not
 * show which next hop was chosen for it: then all that may have been are remembered. */
#define JUDGE_KEY 56
#define JUDGE_INVALID 63 /* bit of a choice that is no next hop */
struct judge_entry {
	uint8_t key[JUDGE_KEY];
	uint64_t set;	/* of places in judge->nexthops; judge->told: a number of packets */
	uint32_t round; /* of the table; another one: free */
	uint32_t time;	/* of judge->time, when it was remembered */
};

struct judge_table {
	struct judge_entry *entries;
	uint32_t round, used;
};

struct judge {
	struct san_profile profile;
	struct san_iface iface;
	struct san_domain domain; /* class_set: 1 if there are rules */
	unsigned int n_services, n_nexthops, n_sids, n_rules;
	struct judge_service services[JUDGE_SERVICES];
	struct judge_nexthop nexthops[JUDGE_NEXTHOPS];
	struct judge_sid sids[JUDGE_SIDS];
	struct san_msg_class rules[JUDGE_RULES];
	uint32_t slots[JUDGE_SLOTS];
	struct judge_table flows, frags, hashed, told;
	struct judge_table ruled;	  /* what the rule of a first fragment does with it */
	uint64_t spent[SAN_MAX_ACTS + 1]; /* bytes that passed a meter, as if no time passed */
	uint32_t time;			  /* counts what next hops live through */
	int reason;			  /* of the last packet that was right */
	bool uncertain;			  /* it may have been another reason, too */
	char text[256];			  /* of the last one that was not: why */
};

/* What the program did. reason -1: not known. */
struct judge_got {
	int action;
	int reason;
	const uint8_t *out;
	size_t len;
};

/* A zeroed judge gets its tables. -ENOMEM. */
int judge_init(struct judge *judge);
void judge_fini(struct judge *judge);
/* Flows, fragments and who was told of an MTU; not which slots flows have. */
void judge_forget(struct judge *judge);
/* Is this right? 0, else -1 and what was wrong in judge->text. */
int judge_check(struct judge *judge, const uint8_t *frame, size_t len, const struct judge_got *got);
const char *judge_reason_name(int reason);

/* --- between the files of the judge ------------------------------------------------------------
 */

/* An IP packet of either version. */
struct judge_packet {
	int version;
	const uint8_t *data; /* size bytes, header and payload */
	size_t size;
	int reason; /* why it has no service ID, 0: it has one */
	uint64_t service_id;
	uint8_t proto, hop_limit, traffic_class;
	bool marked; /* traffic_class is that of its rule */
	const struct san_msg_class *rule;
	uint8_t ports[4];
	const uint8_t *upper; /* upper_len bytes up to the packet's end; NULL: not known */
	size_t upper_len;
	bool more, later, has_frag;
	uint8_t src[16], dst[16]; /* IPv4-mapped for IPv4 */
	uint8_t frag_key[JUDGE_KEY];
};

struct judge_l2 {
	size_t len;
	int tags;
	int version; /* 4, 6; 0: not IP */
};

void judge_l2(const uint8_t *frame, size_t len, struct judge_l2 *l2);
/* 0, or a reason that leaves no packet to look at. */
int judge_read(const struct san_profile *profile, int version, const uint8_t *data, size_t len,
	       struct judge_packet *p);
bool judge_routable(const struct judge_packet *p);

/* A frame under judgement. */
struct judge_case {
	struct judge *judge;
	const uint8_t *frame;
	size_t len;
	size_t l2_len;
	const struct judge_got *got;
	bool answers;	/* may tell the sender of an MTU */
	int reason;	/* that it was right with, -1: none so far */
	bool uncertain; /* several */
	bool told;	/* the sender was told */
	uint64_t frags; /* a first fragment went to one of these */
	bool own;	/* a rule leads it to a service of the host's own making */
	bool down;	/* which cannot take it */
};

/* Each: was it that? Sets judge->text if not. */
bool judge_passed(struct judge_case *c, int reason);
bool judge_sent(struct judge_case *c, const struct judge_packet *p, unsigned int place, int reason);
/* Remembers what a right answer has left behind. */
void judge_settle(struct judge_case *c, const struct judge_packet *p);
/* Of an index that is in use, else JUDGE_INVALID. */
unsigned int judge_place(const struct judge *judge, uint32_t index);
/* The next hop of a service; every choice that is right is tried. */
bool judge_choose(struct judge_case *c, const struct judge_packet *p,
		  const struct san_service *service, int forwarded);
/* Its next hop by the first fragment. */
bool judge_fragment(struct judge_case *c, struct judge_packet *p);
/* The rule that counts, NULL = none; local: of those that End.SAN asks for. */
const struct san_msg_class *judge_classify(const struct judge *judge, const struct judge_packet *p,
					   bool local);
/* What its rule does with p besides steering it. *done: that is the answer, and was it right? */
bool judge_act(struct judge_case *c, struct judge_packet *p, const struct san_msg_class *rule,
	       bool *done);
bool judge_is_own(const struct san_msg_class *rule);
/* The rule that the first fragment matched, NULL = none. *fate: why all of the packet is dropped,
 * else 0. */
const struct san_msg_class *judge_ruled(const struct judge *judge, const struct judge_packet *p,
					int *fate);
const struct san_service *judge_service(const struct judge *judge, uint64_t id, bool local);

#endif
