/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sanctl: options, and the way to the verb. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sanctl/ctl.h"

enum option_code { OPT_JSON = 256, OPT_SERVER, OPT_TIMEOUT, OPT_VERSION, OPT_OWN };

/* Those of some verbs: by enum ctl_option. max 0: text. */
static const struct {
	const char *name;
	unsigned long max;
	const char *where;
} own[] = {
	[CTL_OPT_FILE] = {"-f", 0, "is for put, set and patch"},
	[CTL_OPT_WATCH] = {"--watch", 86400, "is for stats; use watch(1) for the others"},
	[CTL_OPT_RATE] = {"--rate", 3600, "is for stats"},
	[CTL_OPT_COUNT] = {"--count", 1000000000,
			   "is for monitor, trace, db watch and nemo listen"},
	[CTL_OPT_SECONDS] = {"--seconds", 3600, "is for monitor, trace and db watch"},
	[CTL_OPT_SERVICE] = {"--service", 0, "is for monitor and trace"},
	[CTL_OPT_REASON] = {"--reason", 0, "is for monitor and trace"},
	[CTL_OPT_INTERFACE] = {"--interface", 0, "is for monitor and trace"},
	[CTL_OPT_SOURCE] = {"--source", 0, "is for trace"},
	[CTL_OPT_DESTINATION] = {"--destination", 0, "is for trace"},
	[CTL_OPT_PROTOCOL] = {"--protocol", 0, "is for trace"},
	[CTL_OPT_SPORT] = {"--source-port", 65535, "is for trace"},
	[CTL_OPT_DPORT] = {"--destination-port", 65535, "is for trace"},
	[CTL_OPT_PREFIX] = {"--prefix", 0, "is for db get"},
	[CTL_OPT_REPLACE] = {"--replace", 0, "is for db restore"},
	[CTL_OPT_LEASED] = {"--leased", 0, "is for db restore"},
	[CTL_OPT_CA] = {"--ca", 0, "is for alto and nemo"},
	[CTL_OPT_CERT] = {"--cert", 0, "is for alto and nemo"},
	[CTL_OPT_KEY] = {"--key", 0, "is for alto and nemo"},
	[CTL_OPT_TOKEN_FILE] = {"--token-file", 0, "is for alto and nemo"},
	[CTL_OPT_MAP] = {"--map", 0, "is for alto map, cost, props and path"},
	[CTL_OPT_METRIC] = {"--metric", 0, "is for alto cost and path"},
	[CTL_OPT_SRC] = {"--src", 0, "is for alto cost and path"},
	[CTL_OPT_DST] = {"--dst", 0, "is for alto cost and path"},
	[CTL_OPT_SG] = {"--sg", 0, "is for alto path"},
	[CTL_OPT_TENANT] = {"--tenant", 0, "is for nemo"},
	[CTL_OPT_SYNTAX_ONLY] = {"--syntax-only", 0, "is for nemo check"},
	[CTL_OPT_CONFIRM] = {"--confirm", 86400, "is for nemo apply"},
	[CTL_OPT_COMMENT] = {"--comment", 0, "is for nemo apply"},
	[CTL_OPT_IF_REVISION] = {"--if-revision", 0, "is for nemo plan, apply and rollback"},
	[CTL_OPT_SINCE] = {"--since", 0, "is for nemo listen"},
	[CTL_OPT_KEPT] = {"--kept", 0, "is for nemo listen"},
};

static const struct option options[] = {
	{"file", required_argument, NULL, 'f'},
	{"json", no_argument, NULL, OPT_JSON},
	{"server", required_argument, NULL, OPT_SERVER},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"watch", required_argument, NULL, OPT_OWN + CTL_OPT_WATCH},
	{"rate", required_argument, NULL, OPT_OWN + CTL_OPT_RATE},
	{"count", required_argument, NULL, OPT_OWN + CTL_OPT_COUNT},
	{"seconds", required_argument, NULL, OPT_OWN + CTL_OPT_SECONDS},
	{"service", required_argument, NULL, OPT_OWN + CTL_OPT_SERVICE},
	{"reason", required_argument, NULL, OPT_OWN + CTL_OPT_REASON},
	{"interface", required_argument, NULL, OPT_OWN + CTL_OPT_INTERFACE},
	{"source", required_argument, NULL, OPT_OWN + CTL_OPT_SOURCE},
	{"destination", required_argument, NULL, OPT_OWN + CTL_OPT_DESTINATION},
	{"protocol", required_argument, NULL, OPT_OWN + CTL_OPT_PROTOCOL},
	{"source-port", required_argument, NULL, OPT_OWN + CTL_OPT_SPORT},
	{"destination-port", required_argument, NULL, OPT_OWN + CTL_OPT_DPORT},
	{"prefix", required_argument, NULL, OPT_OWN + CTL_OPT_PREFIX},
	{"replace", no_argument, NULL, OPT_OWN + CTL_OPT_REPLACE},
	{"leased", no_argument, NULL, OPT_OWN + CTL_OPT_LEASED},
	{"ca", required_argument, NULL, OPT_OWN + CTL_OPT_CA},
	{"cert", required_argument, NULL, OPT_OWN + CTL_OPT_CERT},
	{"key", required_argument, NULL, OPT_OWN + CTL_OPT_KEY},
	{"token-file", required_argument, NULL, OPT_OWN + CTL_OPT_TOKEN_FILE},
	{"map", required_argument, NULL, OPT_OWN + CTL_OPT_MAP},
	{"metric", required_argument, NULL, OPT_OWN + CTL_OPT_METRIC},
	{"src", required_argument, NULL, OPT_OWN + CTL_OPT_SRC},
	{"dst", required_argument, NULL, OPT_OWN + CTL_OPT_DST},
	{"sg", required_argument, NULL, OPT_OWN + CTL_OPT_SG},
	{"tenant", required_argument, NULL, OPT_OWN + CTL_OPT_TENANT},
	{"syntax-only", no_argument, NULL, OPT_OWN + CTL_OPT_SYNTAX_ONLY},
	{"confirm", required_argument, NULL, OPT_OWN + CTL_OPT_CONFIRM},
	{"comment", required_argument, NULL, OPT_OWN + CTL_OPT_COMMENT},
	{"if-revision", required_argument, NULL, OPT_OWN + CTL_OPT_IF_REVISION},
	{"since", required_argument, NULL, OPT_OWN + CTL_OPT_SINCE},
	{"kept", no_argument, NULL, OPT_OWN + CTL_OPT_KEPT},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, 'h'},
	{},
};

static int bad_option(const char *text)
{
	fprintf(stderr, "sanctl: %s\nsanctl: try `sanctl --help`\n", text);
	return CTL_USAGE;
}

static int parse_number(const char *option, unsigned long max, unsigned long *out)
{
	char line[128], *end;

	errno = 0;
	*out = strtoul(optarg, &end, 10);
	if (!errno && *optarg >= '0' && *optarg <= '9' && !*end && *out >= 1 && *out <= max)
		return CTL_OK;
	snprintf(line, sizeof(line), "%s \"%.40s\" must be a number, 1..%lu", option, optarg, max);
	return bad_option(line);
}

static int take_own(struct ctl *ctl, int option)
{
	ctl->text[option] = optarg ? optarg : "";
	if (!own[option].max)
		return CTL_OK;
	return parse_number(own[option].name, own[option].max, &ctl->number[option]);
}

static int take_option(struct ctl *ctl, int code)
{
	unsigned long seconds = 0;
	int status = CTL_OK;

	if (code == 'f') {
		ctl->file = ctl->text[CTL_OPT_FILE] = optarg;
	} else if (code == 'h') {
		ctl->help = true;
	} else if (code == OPT_JSON) {
		ctl->json = true;
	} else if (code == OPT_SERVER) {
		ctl->server = optarg;
	} else if (code == OPT_TIMEOUT) {
		status = parse_number("--timeout", 3600, &seconds);
		ctl->timeout_ms = (long)seconds * 1000;
	} else if (code >= OPT_OWN) {
		status = take_own(ctl, code - OPT_OWN);
	}
	return status;
}

static int parse(struct ctl *ctl, int argc, char **argv)
{
	const char *env = getenv("SANCTL_SERVER");
	char line[128];
	int code, status;

	ctl->server = env && *env ? env : CTL_DEFAULT_SERVER;
	ctl->timeout_ms = HTTP_TIMEOUT_MS;
	opterr = 0;
	while ((code = getopt_long(argc, argv, "f:h", options, NULL)) != -1) {
		if (code == OPT_VERSION) {
			puts("sanctl " SAN_VERSION_TEXT);
			exit(CTL_OK);
		}
		if (code == '?') {
			snprintf(line, sizeof(line),
				 "option \"%.40s\" is unknown or lacks its value",
				 argv[optind - 1]);
			return bad_option(line);
		}
		status = take_option(ctl, code);
		if (status)
			return status;
	}
	return CTL_OK;
}

/* An option that would have no effect was meant for something. */
static int check_options(const struct ctl *ctl, const struct verb *verb)
{
	for (int i = 0; i < CTL_OPT_MAX; i++) {
		if (ctl->text[i] && !(verb->takes >> i & 1))
			return usage_error(verb, "%s %s", own[i].name, own[i].where);
	}
	return CTL_OK;
}

/* A noun alone lists, or tells how it is; or what it can do. */
static int run_noun(struct ctl *ctl, const char *noun)
{
	const struct verb *verb = verb_find(noun, "list");

	if (ctl->help)
		return help_noun(noun);
	if (!verb)
		verb = verb_find(noun, "status");
	if (!verb) {
		help_noun(noun);
		return CTL_USAGE;
	}
	return check_options(ctl, verb) ?: verb->run(ctl, verb, (struct args){});
}

static int dispatch(struct ctl *ctl, struct args words)
{
	const struct verb *verb;
	int status;

	if (!strcmp(words.v[0], "__complete"))
		return complete(ctl, (struct args){words.v + 1, words.n - 1});
	if (!strcmp(words.v[0], "help")) {
		ctl->help = true;
		words = (struct args){words.v + 1, words.n - 1};
	}
	if (!words.n)
		return help_all();
	if (!verb_noun_known(words.v[0]))
		return usage_noun(words.v[0]);
	verb = verb_find(words.v[0], "");
	if (!verb && words.n == 1)
		return run_noun(ctl, words.v[0]);
	words = (struct args){words.v + 1, words.n - 1};
	if (!verb) {
		verb = verb_find(words.v[-1], words.v[0]);
		if (!verb)
			return usage_action(words.v[-1], words.v[0]);
		words = (struct args){words.v + 1, words.n - 1};
	}
	if (ctl->help)
		return help_verb(verb);
	status = check_options(ctl, verb);
	return status ? status : verb->run(ctl, verb, words);
}

int main(int argc, char **argv)
{
	struct ctl ctl = {};
	struct args words;
	int status = parse(&ctl, argc, argv);

	if (status)
		return status;
	words = (struct args){argv + optind, argc - optind};
	if (!words.n && !ctl.help) {
		help_all();
		return CTL_USAGE;
	}
	status = words.n ? dispatch(&ctl, words) : help_all();
	http_close(ctl.http);
	if (fflush(stdout) && !status) {
		fprintf(stderr, "sanctl: cannot write: %m\n");
		status = CTL_REFUSED;
	}
	return status;
}
