/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What sanctl can do. */
#include <string.h>

#include "sanctl/ctl.h"
#include "sanctl/table.h"
#include "util/own.h"

/* clang-format off */
#define PLAIN(title, member) {title, member, COLUMN_PLAIN}
/* clang-format on */

static const struct column service_columns[] = {
	PLAIN("ID", "id"),
	PLAIN("NAME", "name"),
	PLAIN("ADDRESS", "address"),
	PLAIN("ADDRESS4", "address4"),
	PLAIN("STRATEGY", "strategy"),
	PLAIN("SELECTION", "selection"),
	PLAIN("AFFINITY", "affinity"),
	PLAIN("REVISION", "revision"),
	{},
};

static const struct column instance_columns[] = {
	PLAIN("SERVICE", "service"),
	PLAIN("NAME", "name"),
	PLAIN("STATE", "state"),
	PLAIN("GATEWAY", "gateway"),
	PLAIN("ADDRESS", "address"),
	PLAIN("SID", "sid"),
	{"ATTRIBUTES", "attributes", COLUMN_ATTRIBUTES},
	{},
};

static const struct column gateway_columns[] = {
	PLAIN("NAME", "name"),
	PLAIN("LOCATOR", "locator"),
	PLAIN("SID", "sid"),
	PLAIN("SAN SID", "san_sid"),
	PLAIN("ADDRESS", "address"),
	PLAIN("REVISION", "revision"),
	{},
};

static const struct column class_columns[] = {
	PLAIN("NAME", "name"),
	PLAIN("SERVICE", "service"),
	PLAIN("SOURCE", "source"),
	PLAIN("DESTINATION", "destination"),
	PLAIN("PROTOCOL", "protocol"),
	PLAIN("S-PORT", "source_port"),
	PLAIN("D-PORT", "destination_port"),
	PLAIN("DSCP", "dscp"),
	PLAIN("PRIORITY", "priority"),
	{},
};

static const struct column path_columns[] = {
	PLAIN("INGRESS", "ingress"),
	PLAIN("GATEWAY", "gateway"),
	PLAIN("NAME", "name"),
	PLAIN("KIND", "kind"),
	PLAIN("COLOUR", "colour"),
	PLAIN("PREFERENCE", "preference"),
	PLAIN("SEGMENTS", "segments"),
	{"ATTRIBUTES", "attributes", COLUMN_ATTRIBUTES},
	{},
};

static const struct column network_columns[] = {
	PLAIN("INGRESS", "ingress"),
	PLAIN("GATEWAY", "gateway"),
	PLAIN("PATH", "name"),
	{"ATTRIBUTES", "attributes", COLUMN_ATTRIBUTES},
	{},
};

static const struct column entry_columns[] = {
	PLAIN("SERVICE", "service"),
	PLAIN("NAME", "name"),
	PLAIN("MODE", "mode"),
	PLAIN("INSTANCE", "instance"),
	PLAIN("GATEWAY", "gateway"),
	PLAIN("PATH", "path"),
	PLAIN("METRIC", "metric"),
	{"SINCE", "since_s", COLUMN_SECONDS},
	PLAIN("NEXT HOP", "nexthop.segments"),
	PLAIN("STATE", "nexthop.state"),
	PLAIN("CHANGES", "changes"),
	{},
};

static const struct column revision_columns[] = {
	PLAIN("REVISION", "revision"),
	PLAIN("TIME", "time"),
	PLAIN("BY", "by"),
	PLAIN("IN FORCE", "in_force"),
	PLAIN("ROLLBACK OF", "rollback_of"),
	PLAIN("COMMENT", "comment"),
	{},
};

static const struct column operation_columns[] = {
	PLAIN("OPERATION", "operation"),
	PLAIN("PRIORITY", "priority"),
	PLAIN("TARGET", "target"),
	PLAIN("STATE", "state"),
	PLAIN("RULES", "rules"),
	PLAIN("PACKETS", "packets"),
	PLAIN("BYTES", "bytes"),
	PLAIN("DROPPED", "dropped"),
	PLAIN("SINCE", "since"),
	PLAIN("WHY", "why"),
	{},
};

static const struct column connection_columns[] = {
	PLAIN("CONNECTION", "connection"),
	PLAIN("UP", "up"),
	PLAIN("INGRESS", "ingress"),
	PLAIN("GATEWAY", "gateway"),
	PLAIN("PATH", "path"),
	PLAIN("MBIT/S", "bandwidth"),
	PLAIN("MAX MS", "delay"),
	PLAIN("MS", "measured_delay"),
	PLAIN("USED %", "utilization"),
	PLAIN("PACKETS", "packets"),
	PLAIN("BYTES", "bytes"),
	PLAIN("WHY", "why"),
	{},
};

static const struct column host_columns[] = {
	PLAIN("HOST", "host"),
	PLAIN("PREPARED", "prepared"),
	PLAIN("APPLIED", "applied"),
	PLAIN("WHY", "why"),
	{},
};

static const struct column listener_columns[] = {
	PLAIN("LISTENER", "listener"),
	PLAIN("URL", "url"),
	PLAIN("DELIVERED", "delivered"),
	PLAIN("WAITING", "waiting"),
	PLAIN("FAILURES", "failures"),
	PLAIN("WHY", "why"),
	{},
};

static const struct column nexthop_columns[] = {
	PLAIN("ID", "id"),
	PLAIN("INDEX", "index"),
	PLAIN("KIND", "kind"),
	PLAIN("SEGMENTS", "segments"),
	PLAIN("ADDRESS", "address"),
	PLAIN("FAMILIES", "families"),
	PLAIN("ENCAP", "encap"),
	PLAIN("STATE", "state"),
	PLAIN("INTERFACE", "interface"),
	PLAIN("MAC", "mac"),
	PLAIN("MTU", "mtu"),
	PLAIN("SERVICES", "services"),
	PLAIN("REASON", "reason"),
	{},
};

static const struct column sid_columns[] = {
	PLAIN("SID", "sid"),
	PLAIN("BEHAVIOUR", "behaviour"),
	PLAIN("FLAVORS", "flavors"),
	PLAIN("NEXT HOP", "nexthop"),
	PLAIN("SERVICE", "service"),
	PLAIN("TABLE", "table"),
	PLAIN("INTERFACE", "interface"),
	{},
};

static const struct column domain_columns[] = {
	PLAIN("ID", "id"),
	PLAIN("IPV4", "prefixes.ipv4"),
	PLAIN("IPV6", "prefixes.ipv6"),
	PLAIN("CPU", "resources.cpu"),
	PLAIN("MEM", "resources.mem"),
	PLAIN("STORAGE", "resources.storage"),
	PLAIN("NFS", "nfs"),
	PLAIN("SAPS", "saps"),
	PLAIN("TRANSIT", "transit"),
	{},
};

static const struct column link_columns[] = {
	PLAIN("A", "a"),
	PLAIN("B", "b"),
	PLAIN("COST", "routingcost"),
	PLAIN("DELAY", "delay-us"),
	PLAIN("LOSS", "loss-ppm"),
	PLAIN("BANDWIDTH", "max-reservable-bandwidth"),
	PLAIN("DIRECTED", "directed"),
	{},
};

static const struct column source_columns[] = {
	PLAIN("NAME", "name"),
	PLAIN("STATE", "state"),
	{"CONFIRMED", "confirmed_s", COLUMN_SECONDS},
	{"CHANGED", "changed_s", COLUMN_SECONDS},
	PLAIN("MAP", "network_map"),
	PLAIN("TAG", "tag"),
	PLAIN("PAIRS", "pairs"),
	PLAIN("WRITTEN", "written"),
	PLAIN("REFUSED", "refused"),
	PLAIN("RECONNECTS", "reconnects"),
	PLAIN("WHY", "why"),
	{},
};

#define STATS_WORDS "services|egress|nexthops|reasons|interfaces|maps"
#define CLASS "/v1/classes/%n"
#define SERVICE "/v1/services/%i"
#define INSTANCE SERVICE "/instances/%n"
#define GATEWAY "/v1/gateways/%n"
#define PATH "/v1/paths/%p"
#define PATH_ARG "INGRESS/GATEWAY/PATH"
#define CHANGES "key=value... | -f FILE"
#define DOMAINS "/broker/v1/domains"
#define LINKS "/broker/v1/links"
#define ALTO_URL "https://alto.example:8443/alto/directory"
#define ALTO_LOGIN (CTL_TAKES(CA) | CTL_TAKES(CERT) | CTL_TAKES(KEY) | CTL_TAKES(TOKEN_FILE))
#define NEMO_LOGIN (ALTO_LOGIN | CTL_TAKES(TENANT))
#define ALTO_MAP (ALTO_LOGIN | CTL_TAKES(MAP))
#define ALTO_PAIRS (ALTO_MAP | CTL_TAKES(METRIC) | CTL_TAKES(SRC) | CTL_TAKES(DST))

const struct verb verbs[] = {
	{"service", "list", "", "all registered services", "", "/v1/services", run_list,
	 service_columns, 0},
	{"service", "get", "ID", "one service with its evaluation", "0x101", SERVICE, run_get, NULL,
	 0},
	{"service", "put", "ID " CHANGES, "register a service, or replace it as a whole",
	 "0x101 -f web.yaml", SERVICE, run_put, NULL, CTL_TAKES(FILE)},
	{"service", "set", "ID " CHANGES, "change some members, keep the others",
	 "0x101 affinity=flow hysteresis.margin=30", SERVICE, run_patch, NULL, CTL_TAKES(FILE)},
	{"service", "patch", "ID " CHANGES, "the same as set", "0x101 -f change.json", SERVICE,
	 run_patch, NULL, CTL_TAKES(FILE)},
	{"service", "delete", "ID", "deregister it; its instances stay known", "0x101", SERVICE,
	 run_delete, NULL, 0},

	{"instance", "list", "[ID]", "instances of a service, or of all, with what they report",
	 "0x101", "/v1/instances", run_instance_list, instance_columns, 0},
	{"instance", "get", "ID INSTANCE", "one instance with the age of every value", "0x101 s2a",
	 INSTANCE, run_get, NULL, 0},
	{"instance", "put", "ID INSTANCE " CHANGES,
	 "register an instance by hand (agents do it by themselves)",
	 "0x101 s2a gateway=gw2 address=2001:db8:2a::2", INSTANCE, run_put, NULL, CTL_TAKES(FILE)},
	{"instance", "set", "ID INSTANCE " CHANGES, "write attributes; null removes one",
	 "0x101 s2a cpu_load=71.5 queue_us=null", INSTANCE "/status", run_patch, NULL,
	 CTL_TAKES(FILE)},
	{"instance", "state", "ID INSTANCE up|draining|down",
	 "draining: no new traffic, running flows stay", "0x101 s2a draining", INSTANCE "/status",
	 run_instance_state, NULL, 0},
	{"instance", "delete", "ID INSTANCE", "forget an instance", "0x101 s2a", INSTANCE,
	 run_delete, NULL, 0},

	{"gateway", "list", "", "all gateways (egress provider edges)", "", "/v1/gateways",
	 run_list, gateway_columns, 0},
	{"gateway", "get", "GATEWAY", "one gateway", "gw2", GATEWAY, run_get, NULL, 0},
	{"gateway", "put", "GATEWAY " CHANGES, "define a gateway",
	 "gw2 locator=5f00:0:2::/48 sid=5f00:0:2::1", GATEWAY, run_put, NULL, CTL_TAKES(FILE)},
	{"gateway", "set", "GATEWAY " CHANGES, "change some members, keep the others",
	 "gw2 address=2001:db8:f::2", GATEWAY, run_patch, NULL, CTL_TAKES(FILE)},
	{"gateway", "patch", "GATEWAY " CHANGES, "the same as set", "gw2 -f change.json", GATEWAY,
	 run_patch, NULL, CTL_TAKES(FILE)},
	{"gateway", "delete", "GATEWAY", "remove a gateway", "gw2", GATEWAY, run_delete, NULL, 0},

	{"class", "list", "", "all rules that give a service to packets without a SAN header", "",
	 "/v1/classes", run_list, class_columns, 0},
	{"class", "get", "CLASS", "one rule", "web4", CLASS, run_get, NULL, 0},
	{"class", "put", "CLASS " CHANGES, "write a rule, or replace it as a whole",
	 "web4 service=0x101 destination=10.9.0.1/32 protocol=tcp destination_port=80", CLASS,
	 run_put, NULL, CTL_TAKES(FILE)},
	{"class", "set", "CLASS " CHANGES, "change some members, keep the others",
	 "web4 priority=10", CLASS, run_patch, NULL, CTL_TAKES(FILE)},
	{"class", "patch", "CLASS " CHANGES, "the same as set", "web4 -f change.json", CLASS,
	 run_patch, NULL, CTL_TAKES(FILE)},
	{"class", "delete", "CLASS", "remove a rule", "web4", CLASS, run_delete, NULL, 0},

	{"path", "list", "", "all paths with their network status", "", "/v1/paths", run_list,
	 path_columns, 0},
	{"path", "get", PATH_ARG, "one path", "pe1/gw2/be", PATH, run_get, NULL, 0},
	{"path", "put", PATH_ARG " " CHANGES,
	 "define a path: kind be (IP routing) or policy (segments)",
	 "pe1/gw2/via-p1 kind=policy segments='[\"5f00:0:1::1\"]'", PATH, run_put, NULL,
	 CTL_TAKES(FILE)},
	{"path", "set", PATH_ARG " " CHANGES, "change some members, keep the others",
	 "pe1/gw2/be preference=50", PATH, run_patch, NULL, CTL_TAKES(FILE)},
	{"path", "patch", PATH_ARG " " CHANGES, "the same as set", "pe1/gw2/be -f change.json",
	 PATH, run_patch, NULL, CTL_TAKES(FILE)},
	{"path", "delete", PATH_ARG, "remove a path and its network status", "pe1/gw2/be", PATH,
	 run_delete, NULL, 0},

	{"network", "list", "", "network status of all paths", "", "/v1/paths", run_list,
	 network_columns, 0},
	{"network", "get", PATH_ARG, "network status of a path with the age of every value",
	 "pe1/gw2/be", PATH, run_network_get, NULL, 0},
	{"network", "set", PATH_ARG " " CHANGES, "write network status; null removes one",
	 "pe1/gw2/be delay_us=1200 loss_ppm=0", "/v1/network/%p", run_patch, NULL, CTL_TAKES(FILE)},

	{"entry", "list", "", "what is in force: instance, path and next hop of each service", "",
	 "/v1/entries", run_list, entry_columns, 0},
	{"entry", "get", "ID", "what is in force for one service", "0x101", "/v1/entries/%i",
	 run_get, NULL, 0},
	{"nexthop", "list", "", "next hops in the dataplane and how they are resolved", "",
	 "/v1/nexthops", run_list, nexthop_columns, 0},
	{"sid", "list", "", "SRv6 SIDs that this host serves", "", "/v1/sids", run_list,
	 sid_columns, 0},

	{"domain", "list", "", "what the ALTO broker was told of domains", "", DOMAINS, run_list,
	 domain_columns, 0},
	{"domain", "get", "DOMAIN", "one domain", "AS1", DOMAINS "/%d", run_get, NULL, 0},
	{"domain", "put", "DOMAIN " CHANGES, "advertise a domain, or replace it as a whole",
	 "AS1 resources.cpu=50 transit=true nfs='[\"NF1\"]'", DOMAINS "/%d", run_put, NULL,
	 CTL_TAKES(FILE)},
	{"domain", "delete", "DOMAIN", "forget a domain; links to it are not used any more", "AS1",
	 DOMAINS "/%d", run_delete, NULL, 0},
	{"domain", "replace", "-f FILE", "replace all domains and links at once", "-f all.json",
	 DOMAINS, run_put, NULL, CTL_TAKES(FILE)},
	{"link", "list", "", "what the ALTO broker was told of links between domains", "", LINKS,
	 run_list, link_columns, 0},
	{"link", "get", "DOMAIN DOMAIN", "one link", "AS1 AS2", LINKS "/%d/%d", run_get, NULL, 0},
	{"link", "put", "DOMAIN DOMAIN " CHANGES, "advertise a link, or replace it as a whole",
	 "AS1 AS2 routingcost=5 delay-us=5000", LINKS "/%d/%d", run_put, NULL, CTL_TAKES(FILE)},
	{"link", "delete", "DOMAIN DOMAIN", "forget a link", "AS1 AS2", LINKS "/%d/%d", run_delete,
	 NULL, 0},

	{"alto", "sources", "", "ALTO servers whose maps this host uses, and how old their word is",
	 "", "/v1/alto/sources", run_list, source_columns, 0},
	{"alto", "ird", "URL", "what the ALTO server with this directory offers", ALTO_URL, NULL,
	 run_alto_ird, NULL, ALTO_LOGIN},
	{"alto", "map", "URL", "its network map: prefixes of each PID (--map)", ALTO_URL, NULL,
	 run_alto_map, NULL, ALTO_MAP},
	{"alto", "cost", "URL", "costs between PIDs or endpoints (--metric, --src, --dst)",
	 ALTO_URL " --metric delay-ow --src AS1 --dst AS2,AS3", NULL, run_alto_cost, NULL,
	 ALTO_PAIRS},
	{"alto", "props", "URL", "properties of PIDs and endpoints (--map)", ALTO_URL, NULL,
	 run_alto_props, NULL, ALTO_MAP},
	{"alto", "path", "URL", "path vectors; --sg FILE: the best chain of a service graph",
	 ALTO_URL " --sg graph.json", NULL, run_alto_path, NULL, ALTO_PAIRS | CTL_TAKES(SG)},

	{"nemo", "check", "FILE...", "looks at scripts of intent, without a server", "branch.nemo",
	 NULL, run_nemo_check, NULL, CTL_TAKES(SYNTAX_ONLY)},
	{"nemo", "plan", "FILE", "what a script would change; exit 0 nothing, 2 changes, 1 error",
	 "branch.nemo", NULL, run_nemo_plan, NULL, NEMO_LOGIN | CTL_TAKES(IF_REVISION)},
	{"nemo", "apply", "FILE", "puts a script in force on all hosts, or on none",
	 "branch.nemo --confirm 300 --comment \"new branch\"", NULL, run_nemo_apply, NULL,
	 NEMO_LOGIN | CTL_TAKES(CONFIRM) | CTL_TAKES(COMMENT) | CTL_TAKES(IF_REVISION)},
	{"nemo", "confirm", "", "keeps what was applied with --confirm", "", NULL, run_nemo_confirm,
	 NULL, NEMO_LOGIN},
	{"nemo", "rollback", "[REVISION]", "back to a kept revision, or to the one before", "7",
	 NULL, run_nemo_rollback, NULL, NEMO_LOGIN | CTL_TAKES(IF_REVISION)},
	{"nemo", "history", "", "kept revisions: when, by whom, why", "", "/history", run_nemo_list,
	 revision_columns, NEMO_LOGIN},
	{"nemo", "show", "REVISION", "a kept revision as a script", "7", NULL, run_nemo_show, NULL,
	 NEMO_LOGIN},
	{"nemo", "diff", "[FROM [TO]]", "what changed between two revisions", "6 7", NULL,
	 run_nemo_diff, NULL, NEMO_LOGIN},
	{"nemo", "export", "", "all that is in force, as a script", "", NULL, run_nemo_export, NULL,
	 NEMO_LOGIN},
	{"nemo", "operations", "", "which operations are in force here, and why not", "",
	 "/operations", run_nemo_list, operation_columns, NEMO_LOGIN},
	{"nemo", "connections", "", "legs of connections: path, room, delay, traffic", "",
	 "/connections", run_nemo_connections, connection_columns, NEMO_LOGIN},
	{"nemo", "hosts", "", "what hosts have prepared and applied", "", "/hosts", run_nemo_list,
	 host_columns, NEMO_LOGIN},
	{"nemo", "listeners", "", "who is told of notifications, and how far", "", "/listeners",
	 run_nemo_list, listener_columns, NEMO_LOGIN},
	{"nemo", "explain", "PACKET[@TIME]", "which operation wins for a packet, and why",
	 "\"192.0.2.1 198.51.100.7 tcp 40000 443@22:00:00\"", NULL, run_nemo_explain, NULL,
	 NEMO_LOGIN},
	{"nemo", "query", "QUERY", "values of objects as they are now",
	 "\"Query utilization, up From broadband\"", NULL, run_nemo_query, NULL, NEMO_LOGIN},
	{"nemo", "listen", "", "follows notifications", "--since 0 --count 10", NULL,
	 run_nemo_listen, NULL,
	 NEMO_LOGIN | CTL_TAKES(SINCE) | CTL_TAKES(KEPT) | CTL_TAKES(COUNT) | CTL_TAKES(SECONDS)},
	{"nemo", "clock", "[OFFSET|+SECONDS]", "the clock of conditions; testbeds shift it",
	 "+3600", NULL, run_nemo_clock, NULL, NEMO_LOGIN},
	{"nemo", "shell", "", "statements and transactions by hand", "--tenant acme", NULL,
	 run_nemo_shell, NULL, NEMO_LOGIN},
	{"nemo", "status", "", "revision in force, number of objects", "", NULL, run_nemo_status,
	 NULL, NEMO_LOGIN},

	{"stats", "", "[" STATS_WORDS "]", "packets and bytes, entries of maps", "reasons --rate 5",
	 "/v1/stats", run_stats, NULL, CTL_TAKES(WATCH) | CTL_TAKES(RATE)},
	{"monitor", "", "", "follows packets that are not steered (sampled) and traces",
	 "--reason denied,unknown_service", "/v1/events", run_monitor, NULL,
	 CTL_TAKES(COUNT) | CTL_TAKES(SECONDS) | CTL_TAKES(SERVICE) | CTL_TAKES(REASON) |
		 CTL_TAKES(INTERFACE)},
	{"trace", "", "", "the way of each packet of a flow through every decision",
	 "--service 0x101 --source 2001:db8:1::2 --count 3", "/v1/trace", run_trace, NULL,
	 CTL_TAKES(COUNT) | CTL_TAKES(SECONDS) | CTL_TAKES(SERVICE) | CTL_TAKES(REASON) |
		 CTL_TAKES(INTERFACE) | CTL_TAKES(SOURCE) | CTL_TAKES(DESTINATION) |
		 CTL_TAKES(PROTOCOL) | CTL_TAKES(SPORT) | CTL_TAKES(DPORT)},
	{"explain", "", "ID", "why this instance: every candidate, its values, gate and rank",
	 "0x101", SERVICE "/explain", run_explain, NULL, 0},
	{"history", "", "ID", "the last changes of its selection: when, from, to, why", "0x101",
	 SERVICE "/history", run_history, NULL, 0},

	{"db", "status", "",
	 "where the database lies, whether it is reached, how far it is followed", "", "/v1/status",
	 run_db_status, NULL, 0},
	{"db", "get", "KEY | --prefix P", "keys and values as they are stored",
	 "--prefix /san/status/0x101/", "/v1/database/keys", run_db_get, NULL, CTL_TAKES(PREFIX)},
	{"db", "watch", "[PREFIX]", "follows changes: revision, put or delete, key, value",
	 "/san/status/ --count 10", "/v1/database/watch", run_db_watch, NULL,
	 CTL_TAKES(COUNT) | CTL_TAKES(SECONDS)},
	{"db", "compact", "REVISION|now", "forgets the history up to a revision", "now",
	 "/v1/database/compact", run_db_compact, NULL, 0},
	{"db", "snapshot", "FILE", "saves all keys, as of one revision", "san.snapshot",
	 "/v1/database/snapshot", run_db_snapshot, NULL, 0},
	{"db", "restore", "FILE", "writes the keys of a snapshot; --replace deletes all others",
	 "san.snapshot", "/v1/database/restore", run_db_restore, NULL,
	 CTL_TAKES(REPLACE) | CTL_TAKES(LEASED)},

	{"status", "", "", "the daemon: version, database, plan, interfaces", "", "/v1/status",
	 run_status, NULL, 0},
};

const size_t n_verbs = ARRAY_SIZE(verbs);

bool verb_noun_known(const char *noun)
{
	for (size_t i = 0; i < n_verbs; i++) {
		if (!strcmp(verbs[i].noun, noun))
			return true;
	}
	return false;
}

const struct verb *verb_find(const char *noun, const char *action)
{
	for (size_t i = 0; i < n_verbs; i++) {
		if (!strcmp(verbs[i].noun, noun) && !strcmp(verbs[i].action, action))
			return &verbs[i];
	}
	return NULL;
}
