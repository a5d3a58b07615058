/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scripts that are right at level syntax: together every production of the grammar. */
#ifndef UNIT_NEMO_SAMPLES_H
#define UNIT_NEMO_SAMPLES_H

static const char *const samples[] = {
	"",
	";;;",
	"CFNModel m Property Boolean: a, Integer: b, String: c, Date: d, UUID: e, EthAddr: f, "
	"IPPrefix: g;",
	"ConnectionModel \"m\" Property String: \"c\";",
	"ServiceFlowModel m Property Integer: vlan;",
	"ActionModel m Porperty Integer: a;",
	"Description m;",
	"CREATE CFN a Type host;",
	"CREATE CFN a Type l2group Contain b, \"c\", d;",
	"CREATE CFN \"a\" Type \"l2group\" Contain b Property x: 1, y: \"z\", ok: true;",
	"IMPORT CFN a Type gateway Property locator: \"2001:db8::/48\";",
	"IMPORT CFN a Type gateway;",
	"UPDATE CFN a Contain b Property x: List(1, 2, 10.0.0.0/8);",
	"UPDATE CFN a Porperty x: false;",
	"UPDATE CFN a;",
	"DELETE CFN a;",
	"CREATE Connection c EndNodes a, b;",
	"CREATE Connection c Type p2mp EndNodes a, (b, c), \"d\" Property bandwidth: 40, delay: 5;",
	"CREATE Connection c EndNodes (a), (b, \"c\");",
	"UPDATE Connection c EndNodes a, b;",
	"UPDATE Connection c Property bandwidth: 1;",
	"UPDATE Connection c;",
	"DELETE Connection c;",
	"CREATE ServiceFlow f Match src_ip: 10.0.0.0/8, dst_port: Range(1, 5), port: List(80, 443);",
	"CREATE ServiceFlow f Type flow Match src_ip: Range(10.0.0.1, \"10.0.0.9\")",
	"UPDATE ServiceFlow f Match \"proto\": \"tcp\"",
	"UPDATE ServiceFlow f Match proto: \"tcp\";",
	"DELETE ServiceFlow f;",
	"CREATE Operation o Target f Priority 0 Action deny;",
	"CREATE Operation o Target f Priority -3 Condition time > \"18:00\" && !x.up "
	"Action redirect: \"c\", mark: 4, \"log\": 1, 2, List(1, 2), \"x\", allow, deny, \"z\";",
	"UPDATE Operation o;",
	"UPDATE Operation o Target f;",
	"UPDATE Operation o Priority 1;",
	"UPDATE Operation o Condition true;",
	"UPDATE Operation o Action a: \"b\", \"c\", \"d\": \"e\", \"f\";",
	"UPDATE Operation o Target f Priority 2 Condition (a || b) && (c || d && e) Action a;",
	"UPDATE Operation o Condition f() || g(1, a, b == 2 && c, !d) || ((h)) || !!(i != j);",
	"UPDATE Operation o Condition a <= 5 || b >= -5 || c < \"x\" || d == 10.0.0.1 || "
	"\"x\" != e.f;",
	"UPDATE Operation o Condition (a == b) == (c == d) && ((x && y) && (z && (w || v || (u))));",
	"DELETE Operation o;",
	"CREATE Notification n (Query a From b) Condition up Listener l;",
	"CREATE Notification n Query a, Type From b, c Condition b.up Listener \"http://x/?\\\"\\n\";",
	"CREATE Notification n Condition up Listener l;",
	"UPDATE Notification n;",
	"UPDATE Notification n Query a From b Listener l;",
	"UPDATE Notification n (Query a From b) Condition x;",
	"DELETE Notification n;",
	"Query a From b",
	"Query Type, Contain, Property, EndNodes, Match, Target, Priority, Condition, Action, x, "
	"\"y\" From a, \"b\";",
	"Transaction Commit",
	"Transaction; Commit;",
	"P1: CREATE CFN a Type host; L: Commit;",
	"Query a From b Query c From d e: Query f From g; UPDATE ServiceFlow f Match a: 1 x: Commit",
	"# c\nTransaction /* x */ ; // y\nCommit",
};
#define N_SAMPLES (sizeof(samples) / sizeof(*samples))

#endif
